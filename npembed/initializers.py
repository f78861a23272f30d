"""Fill a table for the first time.

An initializer is a function ``f(rng, shape, dtype, **options)`` that draws and returns an array of ``shape = (N, *row)``. The
distributions are PyKEEN's, number by number from the same seed, and so are two habits of it: a complex table is filled as real
pairs ``(N, *row, 2)`` (``ones`` gives 1 + 1i), and an initializer that ends in ``_norm`` brings axis 1 to length one, which is a
row of a matrix; ask for ``dim=-1`` where rows have several axes.
"""

import inspect
import math
from functools import partial

import numpy as np

from . import check
from .op import resolve
from .random import generator
from .row_maps import normalize


def normal(rng, shape, dtype=np.float32, *, mean=0.0, std=1.0):
    """Draw from N(mean, std^2).

    Parameters
    ----------
    rng : int (the seed of a `TorchGenerator`), generator, or None
    shape : tuple of int, (N, *row)
    dtype : float32 or float64
    mean, std : float, std >= 0

    Examples
    --------
    >>> normal(0, (1, 2))
    array([[ 1.5409961, -0.2934289]], dtype=float32)
    """
    return generator(rng).normal(shape, mean, std, dtype)


def uniform(rng, shape, dtype=np.float32, *, a=0.0, b=1.0):
    """Draw from U[a, b), by default [0, 1): not symmetric about zero.

    Examples
    --------
    >>> uniform(0, (1, 2))
    array([[0.4962566, 0.7682218]], dtype=float32)
    """
    return generator(rng).uniform(shape, a, b, dtype)


def xavier_uniform(rng, shape, dtype=np.float32, *, gain=1.0):
    """Draw from U(-b, b), ``b = gain sqrt(6 / D)`` with D numbers in a row: the number of rows does not enter.

    References
    ----------
    Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks (AISTATS 2010), equation 16,
    with a fan-in of zero, as in pykeen.nn.init.xavier_uniform_.

    Examples
    --------
    >>> float(np.abs(xavier_uniform(0, (1000, 6))).max()) <= 1.0
    True
    """
    bound = math.sqrt(3.0) * _xavier_std(shape, gain)
    return uniform(rng, shape, dtype, a=-bound, b=bound)


def xavier_normal(rng, shape, dtype=np.float32, *, gain=1.0):
    """Draw from N(0, gain^2 2 / D) with D numbers in a row: the number of rows does not enter.

    References
    ----------
    Glorot and Bengio (2010), equation 12, with a fan-in of zero, as in pykeen.nn.init.xavier_normal_.

    Examples
    --------
    >>> xavier_normal(0, (3, 2)).shape
    (3, 2)
    """
    return normal(rng, shape, dtype, std=_xavier_std(shape, gain))


def _xavier_std(shape, gain):
    check.real("xavier", "gain", gain, minimum=0)
    return gain * math.sqrt(2.0 / max(math.prod(shape[1:]), 1))


def xavier_uniform_norm(rng, shape, dtype=np.float32, *, dim=1):
    """Draw from U(-b, b), ``b = sqrt(6 / (N + D))``, then normalize the rows. (torch's Xavier: the rows count, as fan-out.)

    Examples
    --------
    >>> rows = xavier_uniform_norm(0, (3, 2))
    >>> np.linalg.norm(rows, axis=1).round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    bound = math.sqrt(3.0) * _torch_xavier_std(shape)
    return normalize(uniform(rng, shape, dtype, a=-bound, b=bound), dim=dim)


def xavier_normal_norm(rng, shape, dtype=np.float32, *, dim=1):
    """Draw from N(0, 2 / (N + D)), then normalize the rows. (torch's Xavier: the rows count, as fan-out.)

    Examples
    --------
    >>> xavier_normal_norm(0, (3, 2)).shape
    (3, 2)
    """
    return normalize(normal(rng, shape, dtype, std=_torch_xavier_std(shape)), dim=dim)


def _torch_xavier_std(shape):
    """torch.nn.init counts axis 0 as fan-out, axis 1 as fan-in, and all others into both."""
    if len(shape) < 2:
        raise ValueError(f"initializer: shape = {tuple(shape)} has no fan-in; allowed: rows of one axis or more")
    return math.sqrt(2.0 / max((shape[0] + shape[1]) * math.prod(shape[2:]), 1))


def normal_norm(rng, shape, dtype=np.float32, *, dim=1):
    """Draw from N(0, 1), then normalize the rows: uniform on the sphere.

    Examples
    --------
    >>> normal_norm(0, (3, 2)).shape
    (3, 2)
    """
    return normalize(normal(rng, shape, dtype), dim=dim)


def uniform_norm(rng, shape, dtype=np.float32, *, dim=1):
    """Draw from U[0, 1), then normalize the rows: on the sphere, no entry negative.

    Examples
    --------
    >>> bool((uniform_norm(0, (3, 2)) >= 0).all())
    True
    """
    return normalize(uniform(rng, shape, dtype), dim=dim)


def init_phases(rng, shape, dtype=np.float32):
    """Draw unit complex numbers ``cos phi + i sin phi``, phi uniform in [0, 2 pi), as pairs in the last axis.

    Real rows of even length are taken as pairs (re, im), so that each pair is a point on the circle.

    References
    ----------
    Sun et al., RotatE (ICLR 2019), appendix C (phases drawn uniformly).

    Examples
    --------
    >>> pairs = init_phases(0, (3, 2))
    >>> np.hypot(pairs[:, 0], pairs[:, 1]).round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    if len(shape) < 2 or shape[-1] % 2:
        raise ValueError(f"init_phases: shape = {tuple(shape)} holds no pairs; allowed: complex rows, or an even last axis")
    dtype = np.dtype(dtype)
    phases = dtype.type(2 * np.pi) * generator(rng).rand((*shape[:-1], shape[-1] // 2), dtype)
    phases = phases.astype(np.float64)
    return np.stack([np.cos(phases), np.sin(phases)], axis=-1).reshape(shape).astype(dtype)


def zeros(rng, shape, dtype=np.float32):
    """Fill with 0; draws nothing.

    >>> zeros(None, (1, 2))
    array([[0., 0.]], dtype=float32)
    """
    return np.zeros(shape, dtype)


def ones(rng, shape, dtype=np.float32):
    """Fill with 1; draws nothing.

    >>> ones(None, (1, 2))
    array([[1., 1.]], dtype=float32)
    """
    return np.ones(shape, dtype)


def constant(rng, shape, dtype=np.float32, *, val):
    """Fill with the number `val`; draws nothing.

    >>> constant(None, (1, 2), val=0.5)
    array([[0.5, 0.5]], dtype=float32)
    """
    return np.full(shape, check.real("constant", "val", val, finite=False), dtype)


def pretrained(rng, shape, dtype=np.float32, *, tensor):
    """Copy an array of that very shape; draws nothing, and never shares memory with the array.

    >>> pretrained(None, (1, 2), tensor=np.array([[1.0, 2.0]]))
    array([[1., 2.]], dtype=float32)
    """
    tensor = np.asarray(tensor)
    if tensor.shape != tuple(shape):
        raise ValueError(f"pretrained: tensor has shape {tensor.shape}; allowed: {tuple(shape)}, the shape of the table")
    if np.iscomplexobj(tensor) and not np.issubdtype(dtype, np.complexfloating):
        raise TypeError(f"pretrained: tensor has dtype {tensor.dtype}; allowed: reals for a {np.dtype(dtype)} table")
    return np.array(tensor, dtype, order="C")


INITIALIZERS = {
    "normal": normal,
    "uniform": uniform,
    "xavier_uniform": xavier_uniform,
    "xavier_normal": xavier_normal,
    "xavier_uniform_norm": xavier_uniform_norm,
    "xavier_normal_norm": xavier_normal_norm,
    "normal_norm": normal_norm,
    "uniform_norm": uniform_norm,
    "init_phases": init_phases,
    "zeros": zeros,
    "ones": ones,
    "constant": constant,
    "pretrained": pretrained,
}
"""By name; `init_phases` is ``"init_phases"`` or ``"InitPhases"``, and so on."""


def initializer(choice, options=None, *, function="initializer"):
    """What is to fill a table, as one function ``f(rng, shape, dtype)`` for real and complex tables.

    Parameters
    ----------
    choice : name, array, callable, or None for ``"normal"``
        An array is copied. A callable with one positional parameter is PyKEEN's contract: it gets an array (the real pairs of a
        complex table) and returns it filled, or another one, or fills it and returns None. Any other is called with
        ``(rng, shape, dtype)``, the shape and dtype of the table.
    options : dict, keyword arguments for it
    function : who asks, for error messages

    Raises
    ------
    UnknownNameError, TypeError, ValueError
        On an unknown name or option, at once; a result of the wrong shape or dtype, when it is drawn.

    Examples
    --------
    >>> initializer("XavierUniform_", {"gain": 0.0})(0, (1, 2), np.float64) == 0
    array([[ True,  True]])
    """
    options = dict(options or {})
    if choice is None or isinstance(choice, str):
        key = resolve(INITIALIZERS, "normal" if choice is None else choice, function=function, argument="initializer")
        check.options(function, "initializer_kwargs", options, INITIALIZERS[key])
        if key != "pretrained":
            return partial(_drawn, INITIALIZERS[key], options)
        choice = np.asarray(options.pop("tensor"))
    if isinstance(choice, np.ndarray):
        if options:
            raise check.unknown(function, "initializer_kwargs", next(iter(options)), ["none"])
        return partial(pretrained, tensor=choice.copy())  # a later change of the caller's array must not reach the table
    if not callable(choice):
        raise TypeError(f"{function}: initializer is a {type(choice).__name__}; allowed: a name, an array or a callable")
    return partial(_filled if _positional(choice) == 1 else _called, choice, options)


def _real(shape, dtype):
    """The shape and dtype under which a table is drawn: a complex one as real pairs."""
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        return (*shape, 2), np.empty(0, dtype).real.dtype
    return tuple(shape), dtype


def _drawn(function, options, rng, shape, dtype):
    """A named initializer, its real pairs seen as complex numbers where the table is complex."""
    drawn = function(rng, *_real(shape, dtype), **options)
    return np.ascontiguousarray(drawn).view(dtype).reshape(shape)


def _called(function, options, rng, shape, dtype):
    """A callable of ``(rng, shape, dtype)``."""
    return _result(function(rng, shape, dtype, **options), shape, dtype)


def _positional(function):
    """How many positional parameters a callable wants, as far as it tells; ``*args`` count as many."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 3
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [p for p in parameters if p.kind in kinds and p.default is p.empty]
    return len(required) or sum(p.kind in kinds for p in parameters)


def _filled(function, options, rng, shape, dtype):
    """PyKEEN's contract: an array in, an array out; `rng` is not used."""
    real_shape, real_dtype = _real(shape, dtype)
    x = np.zeros(real_shape, real_dtype)
    result = function(x, **options)
    result = x if result is None else np.asarray(result)
    if np.dtype(dtype).kind == "c" and not np.iscomplexobj(result):
        if result.size != x.size:
            raise _wrong(result, shape, dtype)
        result = np.ascontiguousarray(result, real_dtype).view(dtype)
    if result.size == math.prod(shape):
        result = result.reshape(shape)
    return _result(result, shape, dtype)


def _result(result, shape, dtype):
    result = np.asarray(result)
    if result.shape != tuple(shape) or not np.can_cast(result.dtype, dtype, "same_kind"):
        raise _wrong(result, shape, dtype)
    return np.array(result, dtype, order="C")


def _wrong(result, shape, dtype):
    return ValueError(f"initializer: result is {result.dtype} {result.shape}; allowed: {np.dtype(dtype)} {tuple(shape)}")
