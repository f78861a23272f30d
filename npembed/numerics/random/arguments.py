"""What the drawing methods accept; both generators check with these, before they draw anything."""

import numpy as np

from ... import check

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
"""What real numbers are drawn in."""

INT64 = np.iinfo(np.int64)


def real_dtype(function, value):
    """`value` as one of `DTYPES`; None, which NumPy reads as float64, is refused."""
    try:
        found = np.dtype(value)
    except TypeError:
        found = None
    if value is None or found is None or found not in DTYPES:
        raise TypeError(f"{function}: dtype = {check.said(value)} is not supported; allowed: {check.names(DTYPES)}")
    return found


def interval(function, low, high, dtype):
    """`low` and `high`, finite in `dtype`, with low <= high and a finite distance."""
    largest = float(np.finfo(dtype).max)
    low = check.real(function, "low", low, -largest, largest)
    high = check.real(function, "high", high, -largest, largest)
    if high < low:
        raise ValueError(f"{function}: high = {high} is below low = {low}; allowed: low <= high")
    if high - low > largest:
        raise ValueError(f"{function}: high - low = {high - low} exceeds {dtype}; allowed: up to {largest}")
    return low, high


def integers(function, low, high):
    """`low` and `high`, both int64, with low < high."""
    low = check.integer(function, "low", low, INT64.min, INT64.max)
    high = check.integer(function, "high", high, INT64.min, INT64.max)
    if high <= low:
        raise ValueError(f"{function}: high = {high} is not above low = {low}; allowed: low < high, high itself is never drawn")
    return low, high


def location_scale(function, mean, std, dtype):
    """`mean` and `std >= 0`, finite in `dtype`."""
    largest = float(np.finfo(dtype).max)
    return check.real(function, "mean", mean, -largest, largest), check.real(function, "std", std, 0.0, largest)


def probability(function, value):
    """`value` in [0, 1]."""
    return check.real(function, "p", value, 0.0, 1.0)


def probabilities(function, value):
    """`value` as an array of float32 or float64 within [0, 1]."""
    allowed = f"a NumPy array of {check.names(DTYPES)}, 0 to 1"
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{function}: p is a {type(value).__name__}; allowed: {allowed}")
    if value.dtype not in DTYPES:
        raise TypeError(f"{function}: p has dtype {value.dtype}; allowed: {allowed}")
    outside = ~((value >= 0) & (value <= 1))
    if outside.any():
        first = np.unravel_index(np.argmax(outside), value.shape)
        found = f"p{check.position(first)} = {value[first]}"
        raise ValueError(f"{function}: {found} is no probability; allowed: {allowed}")
    return value
