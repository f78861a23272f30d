"""Checks of what a function of the user's own has given back."""

import numbers

import numpy as np

from .arrays import like
from .values import said


def number(function, argument, value):
    """`value`, which `argument` gave, as the single real number that it is to be."""
    if np.ndim(value) or not isinstance(value[()] if isinstance(value, np.ndarray) else value, numbers.Real):
        raise TypeError(f"{function}: {argument} gives {said(value)}; allowed: a single real number")
    return value


def gradients(function, argument, value, **arrays):
    """`value`, which the vjp `argument` gave, as the gradients of these named arrays: as many, of their shapes and dtypes."""
    if not isinstance(value, (tuple, list)) or len(value) != len(arrays):
        found = f"a sequence of {len(value)}" if isinstance(value, (tuple, list)) else f"a {type(value).__name__}"
        raise TypeError(f"{function}: {argument} gives {found}; allowed: a tuple of {len(arrays)} arrays, of {', '.join(arrays)}")
    for i, (gradient, (name, x)) in enumerate(zip(value, arrays.items(), strict=True)):
        like(function, f"{argument}(...)[{i}]", gradient, x.shape, x.dtype, name)
    return value
