"""Checks of arrays: tables, ids, triples, outputs, axes."""

import math

import numpy as np

from .values import MOST_AXES, TABLE_DTYPES, dtype, escaped, integer, names, said

ID_DTYPES = tuple(np.dtype(name) for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"))
"""What ids may be stored as; they are handed on as int64."""


def position(index):
    """An index as one writes it: ``[2, 0]``, or nothing for a 0-d array."""
    return str([int(i) for i in index]) if len(index) else ""


def array(function, argument, value, *, ndim=None):
    """`value` as an array of a table's dtype, with `ndim` axes or more; of classes with an arithmetic of their own there is none."""
    if not isinstance(value, np.ndarray) or isinstance(value, (np.ma.MaskedArray, np.matrix)):
        raise TypeError(f"{function}: {argument} is a {type(value).__name__}; allowed: a NumPy array of {names(TABLE_DTYPES)}")
    if value.dtype not in TABLE_DTYPES:
        dtype(function, f"{argument}.dtype", value.dtype)
    _few_axes(function, argument, value)
    if ndim is not None and value.ndim < ndim:
        raise ValueError(f"{function}: {argument} has shape {value.shape}; allowed: {ndim} or more axes")
    return value


def _few_axes(function, argument, value):
    if value.ndim > MOST_AXES + 1:
        raise ValueError(f"{function}: {argument} has {value.ndim} axes; allowed: up to {MOST_AXES + 1}")


def numbers_in(function, argument, value):
    """`value` (an array, or nested lists) as an array of numbers."""
    value = readable(function, argument, value, "an array of numbers, or nested lists of one shape")
    if value.dtype.kind not in "biufc":
        raise TypeError(f"{function}: {argument} has dtype {value.dtype}; allowed: an array of numbers")
    return value


def _unmasked(function, argument, value):
    """Raise for a masked array, whose mask NumPy would drop without a word."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{function}: {argument} is a MaskedArray; allowed: an array without a mask, such as its compressed()")


def readable(function, argument, value, allowed):
    """`value` as NumPy reads it; an error in our words where it cannot: ragged lists, and whatever a class of arrays raises."""
    _unmasked(function, argument, value)
    try:
        return np.asarray(value)
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, ValueError) and isinstance(value, (list, tuple)):
            raise ValueError(f"{function}: {argument} = {said(value)} is ragged; allowed: {allowed}") from None
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        found = f"is a {type(value).__name__} that NumPy cannot read ({escaped(why)})"
        raise TypeError(f"{function}: {argument} {found}; allowed: {allowed}") from error


def zeros(function, argument, shape, dtype_):
    """Zeros of that shape, which `argument` asks for; an error in our words if there cannot be so many."""
    try:
        return np.zeros(shape, dtype_)
    except (ValueError, OverflowError):  # more than an address can tell apart
        error: type[Exception] = ValueError
        allowed = "fewer than 2**63"
    except MemoryError:
        error, allowed = MemoryError, "what fits into memory"
    size = math.prod(max(1, n) for n in shape) * dtype_.itemsize  # NumPy counts zeros as ones
    many = f"{size:,}" if size < 10**100 else said(size)
    raise error(f"{function}: {argument} asks for an array of shape {said(tuple(shape))}, {many} bytes; allowed: {allowed}")


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


def mask(function, argument, value, shape, whose):
    """`value` as a NumPy array of bool of exactly `shape`, that of `whose`."""
    _unmasked(function, argument, value)
    if not isinstance(value, np.ndarray) or value.dtype != bool:
        found = f"has dtype {value.dtype}" if isinstance(value, np.ndarray) else f"is a {type(value).__name__}"
        raise TypeError(f"{function}: {argument} {found}; allowed: None, or a NumPy array of bool, True where a negative counts")
    if value.shape != tuple(shape):
        raise ValueError(f"{function}: {argument} has shape {value.shape}; allowed: {tuple(shape)}, the shape of {whose}")
    return value


def op(function, argument, value):
    """`value` as an Op: something with a ``forward`` and a ``vjp`` to call."""
    if not (callable(getattr(value, "forward", None)) and callable(getattr(value, "vjp", None))):
        raise TypeError(f"{function}: {argument} is a {type(value).__name__}; allowed: an Op(forward, vjp)")
    return value


def ids(function, value, num_rows, argument="ids"):
    """`value` as int64 ids of a table of `num_rows` rows: an array of integers of any shape, or nested lists of them.

    Always a copy, and it is the copy that is checked: whatever another thread, or a write to memory that the ids share, does to the
    caller's array in the meantime, no kernel sees an id that was not.
    """
    valid = f"valid ids are 0..{num_rows - 1}" if num_rows else "it has no valid id"
    table = f"a table of {num_rows} rows; {valid}"
    value = np.array(_whole(function, argument, value, table), np.int64, order="C")
    if value.size and value.view(np.uint64).max() >= num_rows:  # in one pass: a negative id is among the largest there
        _inside(function, argument, value, num_rows, lambda _: table)
    return value


def triples(function, value, num_entities, num_relations=None, argument="triples"):
    """`value` as int64 (n, 3): columns head, relation, tail, each id in range (relations unchecked where their number is None)."""
    relations = np.iinfo(np.int64).max if num_relations is None else num_relations
    return columns(function, value, argument, head=num_entities, relation=relations, tail=num_entities)


def batch(function, positives, negatives, num_entities, num_relations):
    """True triples as int64 (B, 3) and their corrupted ones as int64 (B, K, 3)."""
    positives = triples(function, positives, num_entities, num_relations, "positives")
    negatives = numbers_in(function, "negatives", negatives)
    if negatives.ndim != 3 or len(negatives) != len(positives) or negatives.shape[2] != 3:
        allowed = f"({len(positives)}, K, 3), K for each of the positives"
        raise ValueError(f"{function}: negatives has shape {negatives.shape}; allowed: {allowed}")
    flat = triples(function, negatives.reshape(-1, 3), num_entities, num_relations, "negatives")
    return positives, flat.reshape(negatives.shape)


def columns(function, value, argument, **sizes):
    """`value` as int64 (n, k): k named columns of ids, each below the size of its own."""
    value = _whole(function, argument, value, "tables of " + ", ".join(f"{size} rows ({name})" for name, size in sizes.items()))
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


def _whole(function, argument, value, table):
    """`value` as an array of an integer dtype that ids may have; `table` says of what they are to be ids."""
    given = value
    value = readable(function, argument, value, "an array of integers, or nested lists of one shape")
    _few_axes(function, argument, value)
    is_list = not isinstance(given, np.ndarray)
    if value.size == 0 and is_list:
        return value.astype(np.int64)
    wrong = value.dtype not in ID_DTYPES
    if is_list and not wrong and not isinstance(given, (int, np.integer)):
        value, wrong = _unless_bool(value, given)
    if wrong:
        entries = value.ravel().tolist()
        first = next((i for i, entry in enumerate(entries) if isinstance(entry, bool) or not isinstance(entry, int)), 0)
        place = f"{argument}{position(np.unravel_index(first, value.shape))} = {said(entries[first])}" if entries else argument
        kind = "bool" if entries and isinstance(entries[first], bool) else value.dtype
        raise TypeError(f"{function}: {place} has dtype {kind}; allowed: int8 to int64 and uint8 to uint32, as ids of {table}")
    return value


def _unless_bool(value, given):
    """NumPy turns ``[0, True]`` into ``[0, 1]``; here it is an error, so that a list is refused as its array would be."""
    objects = np.asarray(given, dtype=object)
    if any(isinstance(entry, (bool, np.bool_)) for entry in objects.ravel()):
        return objects, True
    return value, False


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


def dims(function, dim, axis, ndim):
    """The axes meant by `dim`, or by `axis` where that is given (not ``...``), as a tuple."""
    if axis is not ... and dim != -1 and dim != axis:
        raise ValueError(f"{function}: dim = {dim} and axis = {axis} are both given; allowed: one of them")
    return axes(function, "dim", dim, ndim) if axis is ... else axes(function, "axis", axis, ndim)


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
