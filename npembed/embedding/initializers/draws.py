"""The named initializers: functions ``f(rng, shape, dtype, **options)`` that draw an array of ``shape``."""

import math

import numpy as np

from ... import check
from ...numerics.random import generator
from ..row_maps import normalize


@check.public
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


@check.public
def uniform(rng, shape, dtype=np.float32, *, a=0.0, b=1.0):
    """Draw from U[a, b), by default [0, 1): not symmetric about zero.

    Examples
    --------
    >>> uniform(0, (1, 2))
    array([[0.4962566, 0.7682218]], dtype=float32)
    """
    if check.real("uniform", "b", b) < check.real("uniform", "a", a):
        raise ValueError(f"uniform: a = {a:g} exceeds b = {b:g}; allowed: a <= b")
    return generator(rng).uniform(shape, a, b, dtype)


@check.public
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


@check.public
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


@check.public
def xavier_uniform_norm(rng, shape, dtype=np.float32, *, dim=1):
    """Draw from U(-b, b), ``b = sqrt(6 / (N + D))``, then normalize along `dim`. (torch's Xavier: the rows count, as fan-out.)

    Examples
    --------
    >>> rows = xavier_uniform_norm(0, (3, 2))
    >>> np.linalg.norm(rows, axis=1).round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    bound = math.sqrt(3.0) * _torch_xavier_std(shape)
    return normalize(uniform(rng, shape, dtype, a=-bound, b=bound), dim=dim)


@check.public
def xavier_normal_norm(rng, shape, dtype=np.float32, *, dim=1):
    """Draw from N(0, 2 / (N + D)), then normalize along `dim`. (torch's Xavier: the rows count, as fan-out.)

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


@check.public
def normal_norm(rng, shape, dtype=np.float32, *, dim=1):
    """Draw from N(0, 1), then normalize along `dim`: rows of a matrix are uniform on the sphere.

    Examples
    --------
    >>> normal_norm(0, (3, 2)).shape
    (3, 2)
    """
    return normalize(normal(rng, shape, dtype), dim=dim)


@check.public
def uniform_norm(rng, shape, dtype=np.float32, *, dim=1):
    """Draw from U[0, 1), then normalize along `dim`: on the sphere, no entry negative.

    Examples
    --------
    >>> bool((uniform_norm(0, (3, 2)) >= 0).all())
    True
    """
    return normalize(uniform(rng, shape, dtype), dim=dim)


@check.public
def uniform_norm_p1(rng, shape, dtype=np.float32, *, dim=1):
    """Draw from U[0, 1), then divide by the sum along `dim`: rows of a matrix are shares that add up to one.

    Examples
    --------
    >>> uniform_norm_p1(0, (3, 2)).sum(axis=1).round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    return normalize(uniform(rng, shape, dtype), p=1, dim=dim)


@check.public
def init_phases(rng, shape, dtype=np.float32):
    """Draw unit complex numbers ``cos phi + i sin phi``, phi uniform in [0, 2 pi), as pairs in the last axis.

    Real rows of even length are taken as pairs (re, im), so that each pair is a point on the circle. In a table of single numbers
    two rows are a pair, as in PyKEEN.

    References
    ----------
    Sun et al., RotatE (ICLR 2019), appendix C (phases drawn uniformly).

    Examples
    --------
    >>> pairs = init_phases(0, (3, 2))
    >>> np.hypot(pairs[:, 0], pairs[:, 1]).round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    if not shape or shape[-1] % 2:
        raise ValueError(f"init_phases: shape = {tuple(shape)} holds no pairs; allowed: complex rows, or an even last axis")
    dtype = np.dtype(dtype)
    phases = dtype.type(2 * np.pi) * generator(rng).rand((*shape[:-1], shape[-1] // 2), dtype)
    phases = phases.astype(np.float64)
    return np.stack([np.cos(phases), np.sin(phases)], axis=-1).reshape(shape).astype(dtype)


@check.public
def zeros(rng, shape, dtype=np.float32):
    """Fill with 0; draws nothing.

    >>> zeros(None, (1, 2))
    array([[0., 0.]], dtype=float32)
    """
    return np.zeros(shape, dtype)


@check.public
def ones(rng, shape, dtype=np.float32):
    """Fill with 1; draws nothing.

    >>> ones(None, (1, 2))
    array([[1., 1.]], dtype=float32)
    """
    return np.ones(shape, dtype)


@check.public
def constant(rng, shape, dtype=np.float32, *, val):
    """Fill with the number `val`; draws nothing.

    >>> constant(None, (1, 2), val=0.5)
    array([[0.5, 0.5]], dtype=float32)
    """
    return np.full(shape, check.fits("constant", "val", check.real("constant", "val", val, finite=False), np.dtype(dtype)))


@check.public
def pretrained(rng, shape, dtype=np.float32, *, tensor):
    """Copy an array of that very shape; draws nothing, and never shares memory with the array.

    >>> pretrained(None, (1, 2), tensor=np.array([[1.0, 2.0]]))
    array([[1., 2.]], dtype=float32)
    """
    tensor = check.numbers_in("pretrained", "tensor", tensor)
    if tensor.shape != tuple(shape):
        raise ValueError(f"pretrained: tensor has shape {tensor.shape}; allowed: {tuple(shape)}, the shape of the table")
    if np.iscomplexobj(tensor) and not np.issubdtype(dtype, np.complexfloating):
        raise TypeError(f"pretrained: tensor has dtype {tensor.dtype}; allowed: reals for a {np.dtype(dtype)} table")
    with np.errstate(over="ignore"):
        table = np.array(tensor, dtype, order="C")
    if not np.array_equal(np.isfinite(table), np.isfinite(tensor)):
        raise ValueError(
            f"pretrained: tensor has entries beyond what {table.dtype} holds; allowed: up to {np.finfo(table.dtype).max:g}"
        )
    return table
