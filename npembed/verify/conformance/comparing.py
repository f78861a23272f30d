"""How near is near enough: the comparison classes ``exact``, ``ulp:N`` and ``rtol:R``."""

from typing import NamedTuple

import numpy as np

from .reading import decode

_SPACING = {"bfloat16": 2.0**16}  # its units are that many of float32's


class Verdict(NamedTuple):
    """Whether an array is what was expected, how far off it is in ulps, and in words where not."""

    ok: bool
    ulps: float = 0.0
    said: str = ""


def compare(name, found, expected):
    """Compare an array with the expected one.

    ``exact``: the same numbers (NaN is NaN, and either zero is zero); ``ulp:N``: each number within N units in its last place;
    ``rtol:R``: each row, along the last axis, within R of its length (or of "scale", where the length says nothing).

    >>> compare("output", np.array([1.0, 2.5]), {"dtype": "float64", "shape": [2], "bits": ["3ff0000000000000", "4000000000000000"],
    ...                                          "compare": "exact"}).said
    'output[1] = 2.5, 2.0 is right'
    """
    right, how = decode(expected), expected["compare"]
    found = np.asarray(found)
    if found.shape != right.shape:
        return Verdict(False, np.inf, f"{name} has shape {found.shape}, {right.shape} is right")
    if found.dtype != right.dtype:
        return Verdict(False, np.inf, f"{name} has dtype {found.dtype}, {expected['dtype']} is right")
    a, b = (_reals(x) for x in (found, right))
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if same.all():
        return Verdict(True)
    with np.errstate(all="ignore"):
        off = np.where(same, 0.0, np.abs(a.astype(np.float64) - b.astype(np.float64)))
        size, _, limit = how.partition(":")
        unit = _unit(b, np.abs(b), expected["dtype"])
        if size == "rtol":
            length = np.maximum(_length(b), expected.get("scale", 0.0))
            largest = np.abs(b).max(-1, keepdims=True)
            bad = ~(_length(off) <= float(limit) * length) & ~same
            unit = _unit(b, np.broadcast_to(np.maximum(largest, expected.get("scale", 0.0)), b.shape), expected["dtype"])
        else:
            bad = ~(off <= (float(limit) if limit else 0.0) * unit)
        ulps = off / unit
    ulps = float(np.nan_to_num(np.where(np.isnan(off), np.inf, ulps), nan=np.inf, posinf=np.inf).max())
    if not bad.any():
        return Verdict(True, ulps)
    where = np.unravel_index(int(np.argmax(bad)), right.shape + (2,) * (right.dtype.kind == "c"))[: right.ndim]
    at = f"[{', '.join(map(str, where))}]" if where else ""
    return Verdict(False, ulps, f"{name}{at} = {found[where].item()!r}, {right[where].item()!r} is right")


def _reals(x):
    """Real numbers of at least one axis; a complex one as two along a new last axis."""
    x = np.ascontiguousarray(x)
    if x.dtype.kind == "c":
        return x.view(x.real.dtype).reshape(*x.shape, 2)
    return x


def _unit(b, size, dtype):
    return np.spacing(size.astype(b.dtype)).astype(np.float64) * _SPACING.get(dtype, 1.0)


def _length(x):
    """The Euclidean length of each row, whatever its size."""
    x = np.abs(x.astype(np.float64))
    largest = x.max(-1, keepdims=True, initial=0.0)
    safe = np.where((largest == 0) | ~np.isfinite(largest), 1.0, largest)
    return safe * np.sqrt(((x / safe) ** 2).sum(-1, keepdims=True))


def dense(gradient, like):
    """A gradient, an array or (rows, values), as an array like the table; repeated rows are added, in float64, and rounded once."""
    if not isinstance(gradient, tuple):
        return np.asarray(gradient)
    rows, values = (np.asarray(part) for part in gradient)
    if values.shape != (*rows.shape, *like.shape[1:]) or rows.ndim != 1:
        raise ValueError(f"gradient has rows of shape {rows.shape} and values of shape {values.shape}; allowed: (n,), (n, *row)")
    if rows.size and not (rows.min() >= 0 and rows.max() < len(like)):
        raise ValueError(f"gradient names row {rows[(rows < 0) | (rows >= len(like))][0]}; allowed: 0..{len(like) - 1}")
    total = np.zeros(like.shape, np.complex128 if values.dtype.kind == "c" else np.float64)
    np.add.at(total, rows.astype(np.int64), values)
    return total.astype(values.dtype)
