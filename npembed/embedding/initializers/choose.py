"""From what a user writes (a name, an array, a callable) to one function that fills a table."""

import inspect
import math
from functools import partial

import numpy as np

from ... import check
from ...numerics.precision import compute_dtype
from ...op import resolve
from .draws import pretrained

INITIALIZERS: dict = {}
"""By name, as the `__init__` of this folder lists them; `init_phases` is ``"init_phases"`` or ``"InitPhases"``, and so on."""


@check.public
def initializer(choice, options=None, *, compat=None, function="initializer", argument="initializer"):
    """What is to fill a table, as one function ``f(rng, shape, dtype)`` for real and complex tables.

    Parameters
    ----------
    choice : name, array, callable, or None for ``"normal"``
        An array is copied. A callable with one positional parameter is PyKEEN's contract: it gets an array (the real pairs of a
        complex table) and returns it filled, or another one, or fills it and returns None. Any other is called with
        ``(rng, shape, dtype)``, the shape and dtype of the table.
    options : dict, keyword arguments for it; arrays among them are copied
    compat : None or "pykeen"
        Handed to a named initializer that has the option, unless `options` holds it.
    function, argument : who asks, and what it calls the choice, for error messages

    Raises
    ------
    UnknownNameError, TypeError, ValueError
        On an unknown name or option, at once; a result of the wrong shape or dtype, when it is drawn.

    Examples
    --------
    >>> initializer("XavierUniform_", {"gain": 0.0})(0, (1, 2), np.float64) == 0
    array([[ True,  True]])
    """
    options = check.keywords(function, f"{argument}_kwargs", options)
    if choice is None or isinstance(choice, str):
        key = resolve(INITIALIZERS, "normal" if choice is None else choice, function=function, argument=argument)
        check.options(function, f"{argument}_kwargs", options, INITIALIZERS[key])
        if compat and "compat" in inspect.signature(INITIALIZERS[key]).parameters:
            options.setdefault("compat", compat)
        if key != "pretrained":
            options = {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in options.items()}
            return partial(_drawn, INITIALIZERS[key], options)
        choice = check.numbers_in(function, f"{argument}_kwargs['tensor']", options.pop("tensor"))
    if isinstance(choice, np.ndarray):
        if options:
            raise check.unknown(function, f"{argument}_kwargs", next(iter(options)), ["none"])
        return partial(pretrained, tensor=choice.copy())  # a later change of the caller's array must not reach the table
    if not callable(choice):
        raise TypeError(f"{function}: {argument} is a {type(choice).__name__}; allowed: a name, an array or a callable")
    required, most = _positional(choice)
    if required == 1 or most == 1:
        return partial(_filled, choice, options)
    if not required <= 3 <= most:
        name = getattr(choice, "__name__", type(choice).__name__)
        raise TypeError(f"{function}: {argument} {name} takes {most} arguments; allowed: one (an array), or (rng, shape, dtype)")
    return partial(_called, choice, options)


def _real(shape, dtype):
    """The shape and dtype under which a table is drawn: a complex one as real pairs."""
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        return (*shape, 2), np.empty(0, dtype).real.dtype
    return tuple(shape), dtype


def _drawn(function, options, rng, shape, dtype):
    """A named initializer, its real pairs seen as complex numbers where the table is complex; float16 drawn in float32, rounded once."""
    real_shape, real_dtype = _real(shape, dtype)
    drawn = function(rng, real_shape, compute_dtype(real_dtype), **options)
    with np.errstate(over="ignore"):
        table = np.ascontiguousarray(drawn, real_dtype)
    if table.dtype != drawn.dtype and not np.array_equal(np.isfinite(table), np.isfinite(drawn)):
        allowed = f"up to {np.finfo(real_dtype).max:g}, all that {real_dtype} holds"
        raise ValueError(f"initializer: {function.__name__} drew {np.abs(drawn).max():g}; allowed: {allowed}")
    return table.view(dtype).reshape(shape)


def _called(function, options, rng, shape, dtype):
    """A callable of ``(rng, shape, dtype)``."""
    return _result(function(rng, shape, dtype, **options), shape, dtype)


def _positional(function):
    """How many positional arguments a callable needs, and how many it takes; what does not tell is taken for PyKEEN's."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1, 1
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [p for p in parameters if p.kind in kinds]
    required = sum(p.default is p.empty for p in positional)
    return required, 3 if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(positional)


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
