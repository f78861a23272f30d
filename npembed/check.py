"""Argument checks, and every error message of the package.

A message reads ``<function>: <argument> <fact>; <what is allowed>``, with the offending value and where it stands:
``gather: ids[2, 0] = 17 is outside a table of 10 rows; valid ids are 0..9``. Everything is checked before the first write, so
that a refused call leaves its arguments as they were, and before a kernel sees it, since kernels check nothing.

Each check takes the name of the calling function first and returns the checked value, converted where that loses nothing.
"""

import difflib
import inspect
import math
import numbers

import numpy as np

TABLE_DTYPES = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.complex64), np.dtype(np.complex128))
"""What a table may hold."""

ID_DTYPES = tuple(np.dtype(name) for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"))
"""What ids may be stored as; they are handed on as int64."""


class UnknownNameError(KeyError):
    """A name that no registry holds (a KeyError, as in PyKEEN, that prints its message without quotes)."""

    def __str__(self):
        return self.args[0]


def names(allowed):
    """``a, b or c``."""
    allowed = [str(name) for name in allowed]
    return allowed[0] if len(allowed) == 1 else f"{', '.join(allowed[:-1])} or {allowed[-1]}"


def unknown(function, argument, value, allowed):
    """The error for a name that is not among `allowed`, with the nearest one that is."""
    near = difflib.get_close_matches(str(value).lower(), allowed, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return UnknownNameError(f"{function}: {argument} = {value!r} is unknown{hint}; known are {', '.join(allowed)}")


def choice(function, argument, value, allowed):
    """`value`, one of the few words in `allowed`."""
    if not any(value is word or (isinstance(value, str) and value == word) for word in allowed):
        raise ValueError(f"{function}: {argument} = {value!r} is not a choice; allowed: {names(map(repr, allowed))}")
    return value


def position(index):
    """An index as one writes it: ``[2, 0]``, or nothing for a 0-d array."""
    return str([int(i) for i in index]) if len(index) else ""


def integer(function, argument, value, minimum=None, maximum=None):
    """`value` as an int within ``minimum..maximum``; bool is refused."""
    allowed = "a whole number"
    if minimum is not None:
        allowed += f" >= {minimum}"
    if maximum is not None:
        allowed += f"{' and' if minimum is not None else ''} <= {maximum}"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{function}: {argument} = {value!r} is of type {type(value).__name__}; allowed: {allowed}")
    if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
        raise ValueError(f"{function}: {argument} = {value} is out of range; allowed: {allowed}")
    return int(value)


def real(function, argument, value, minimum=None, maximum=None, *, above=None, finite=True):
    """`value` as a float with ``minimum <= value <= maximum`` and ``value > above``; NaN is refused."""
    bounds = [f"{sign} {bound:g}" for sign, bound in ((">", above), (">=", minimum), ("<=", maximum)) if bound is not None]
    allowed = " ".join([f"a {'finite ' if finite else ''}number", " and ".join(bounds)]).strip()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{function}: {argument} = {value!r} is of type {type(value).__name__}; allowed: {allowed}")
    number = float(value)
    bad = math.isnan(number) or (finite and math.isinf(number))
    bad = bad or (minimum is not None and number < minimum) or (maximum is not None and number > maximum)
    if bad or (above is not None and number <= above):
        raise ValueError(f"{function}: {argument} = {value!r} is out of range; allowed: {allowed}")
    return number


def dtype(function, argument, value):
    """`value` as the dtype of a table: float32, float64, complex64 or complex128."""
    try:
        found = np.dtype(value)
    except TypeError:
        raise TypeError(f"{function}: {argument} = {value!r} is no dtype; allowed: {names(TABLE_DTYPES)}") from None
    if found not in TABLE_DTYPES:
        raise TypeError(f"{function}: {argument} = {found} is not supported; allowed: {names(TABLE_DTYPES)}")
    return found


def array(function, argument, value, *, ndim=None):
    """`value` as an array of a table's dtype, with `ndim` axes or more."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{function}: {argument} is a {type(value).__name__}; allowed: a NumPy array of {names(TABLE_DTYPES)}")
    if value.dtype not in TABLE_DTYPES:
        dtype(function, f"{argument}.dtype", value.dtype)
    if ndim is not None and value.ndim < ndim:
        raise ValueError(f"{function}: {argument} has shape {value.shape}; allowed: {ndim} or more axes")
    return value


def table(function, value, argument="table"):
    """`value` as a table ``(N, *shape)``."""
    return array(function, argument, value, ndim=1)


def like(function, argument, value, shape, dtype_, whose):
    """`value` as an array of exactly `shape` and `dtype_`, those of `whose`."""
    array(function, argument, value)
    if value.shape != tuple(shape):
        raise ValueError(f"{function}: {argument} has shape {value.shape}; allowed: {tuple(shape)}, the shape of {whose}")
    if value.dtype != dtype_:
        raise TypeError(f"{function}: {argument} has dtype {value.dtype}; allowed: {dtype_}, the dtype of {whose}")
    return value


def ids(function, value, num_rows, argument="ids"):
    """`value` as int64 ids of a table of `num_rows` rows: an array of integers of any shape, or nested lists of them."""
    value = _whole(function, argument, value)
    valid = f"valid ids are 0..{num_rows - 1}" if num_rows else "it has no valid id"
    _inside(function, argument, value, num_rows, lambda _: f"a table of {num_rows} rows; {valid}")
    return np.ascontiguousarray(value, dtype=np.int64).reshape(value.shape)


def triples(function, value, num_entities, num_relations=None, argument="triples"):
    """`value` as int64 (n, 3): columns head, relation, tail, each id in range (relations unchecked where their number is None)."""
    relations = np.iinfo(np.int64).max if num_relations is None else num_relations
    return columns(function, value, argument, head=num_entities, relation=relations, tail=num_entities)


def columns(function, value, argument, **sizes):
    """`value` as int64 (n, k): k named columns of ids, each below the size of its own."""
    value = _whole(function, argument, value)
    if value.ndim != 2 or value.shape[1] != len(sizes):
        raise ValueError(
            f"{function}: {argument} has shape {value.shape}; allowed: (n, {len(sizes)}), the columns {', '.join(sizes)}"
        )
    names, limits = list(sizes), np.array(list(sizes.values()))

    def table(where):
        size = limits[where[1]]
        return f"the {size} {'relations' if names[where[1]] == 'relation' else 'entities'}; valid ids are 0..{size - 1}"

    _inside(function, argument, value, limits, table)
    return np.ascontiguousarray(value, dtype=np.int64)


def _whole(function, argument, value):
    """`value` as an array of an integer dtype that ids may have."""
    given = value
    try:
        value = np.asarray(value)
    except ValueError:
        raise ValueError(
            f"{function}: {argument} = {given!r} is ragged; allowed: an array of integers, or nested lists of one shape"
        ) from None
    if value.size == 0 and not isinstance(given, np.ndarray):
        return value.astype(np.int64)
    if value.dtype not in ID_DTYPES:
        first = f"{argument}{position([0] * value.ndim)} = {value.flat[0:1].tolist()[0]!r}" if value.size else argument
        raise TypeError(f"{function}: {first} has dtype {value.dtype}; allowed: int8 to int64 and uint8 to uint32")
    return value


def _inside(function, argument, value, sizes, table):
    """Raise for the first id that is negative or not below `sizes`; `table` says, by its position, what it is outside of."""
    outside = (value < 0) | (value >= sizes)
    if outside.any():
        first = np.unravel_index(int(np.argmax(outside)), value.shape)
        raise IndexError(f"{function}: {argument}{position(first)} = {value[first]} is outside {table(first)}")


def writable(function, argument, value, *others):
    """`value` as an output: C-contiguous, writable, and sharing no memory with any of the named arrays in `others`."""
    if not value.flags.writeable:
        raise ValueError(f"{function}: {argument} is read-only; allowed: a writable array")
    if not value.flags.c_contiguous:
        raise ValueError(f"{function}: {argument} has strides {value.strides}; allowed: a C-contiguous array")
    for name, other in others:
        if np.may_share_memory(value, other) and np.shares_memory(value, other):
            raise ValueError(f"{function}: {argument} shares memory with {name}; allowed: arrays that do not overlap")
    return value


def axes(function, argument, value, ndim):
    """`value` (an axis, several, or None for all) as a tuple of axes of an array with `ndim` axes."""
    if value is None:
        return tuple(range(ndim))
    given = value if isinstance(value, (tuple, list)) else (value,)
    found = tuple(integer(function, argument, axis) for axis in given)
    for axis in found:
        if not -ndim <= axis < ndim:
            allowed = f"-{ndim}..{ndim - 1}" if ndim else "none: the array has no axes"
            raise ValueError(f"{function}: {argument} = {axis} is no axis of an array with {ndim} axes; allowed: {allowed}")
    found = tuple(axis % ndim for axis in found)
    if len(set(found)) < len(found):
        raise ValueError(f"{function}: {argument} = {value} names an axis twice; allowed: each axis once")
    return found


def shape(function, argument, value):
    """`value` (a whole number or a sequence of them) as a tuple, the shape of one row."""
    if isinstance(value, (str, bytes)) or not (isinstance(value, numbers.Integral) or np.iterable(value)):
        raise TypeError(f"{function}: {argument} = {value!r} is of type {type(value).__name__}; allowed: whole numbers >= 0")
    sizes = (value,) if isinstance(value, numbers.Integral) else tuple(value)
    return tuple(integer(function, argument, size, minimum=0) for size in sizes)


def dims(function, dim, axis, ndim):
    """The axes meant by `dim`, or by `axis` where that is given (not ``...``), as a tuple."""
    return axes(function, "dim", dim, ndim) if axis is ... else axes(function, "axis", axis, ndim)


def order(function, value):
    """`value` as the p of a norm: a number in [1, inf], "inf", or "fro" for 2."""
    value = {"inf": math.inf, "fro": 2.0}.get(value, value) if isinstance(value, str) else value
    return real(function, "p", value, minimum=1, finite=False)


def rows(function, **arrays):
    """The one dtype of several arrays of rows ``(..., d)`` with equal d and leading axes that broadcast."""
    (first, x), *rest = arrays.items()
    for name, a in arrays.items():
        array(function, name, a, ndim=1)
    for name, a in rest:
        if a.dtype != x.dtype:
            raise TypeError(f"{function}: {name} has dtype {a.dtype}; allowed: {x.dtype}, the dtype of {first}")
        if a.shape[-1] != x.shape[-1]:
            raise ValueError(f"{function}: {name} has rows of {a.shape[-1]} numbers; allowed: {x.shape[-1]}, as {first} has")
    try:
        np.broadcast_shapes(*(a.shape for a in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
        raise ValueError(f"{function}: {shapes} do not broadcast; allowed: leading axes that are equal or 1") from None
    return x.dtype


def options(function, argument, given, target):
    """Check that `given` are options of `target` (keyword-only parameters of a function, all of a class), and that none is missing."""
    parameters = inspect.signature(target).parameters
    known = {name: p for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY or inspect.isclass(target)}
    for name in given:
        if name not in known:
            raise unknown(function, argument, name, list(known) or ["none"])
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in given:
            raise TypeError(f"{function}: {name} is missing; allowed: {argument}=dict({name}=...)")
