"""What the optimizers share: everything is checked before the first write, then the rows are walked over, a block at a time.

All of them act on each number by itself, and on a complex number as on two reals, as torch does (``view_as_real``): Adam's second
moment of z holds ``(Re z)^2`` and ``(Im z)^2``, not ``|z|^2``.
"""

import math

import numpy as np

from .. import check
from ..op import wide
from ..rows import RowSparse

BLOCK = 2**16  # numbers in a block: enough for NumPy, and few enough for temporaries to stay in the cache


def check_step(function, table, gradient, untouched):
    """Check the arguments that every optimizer has, before those of its own."""
    check.table(function, table)
    if isinstance(gradient, RowSparse):
        if gradient.shape != table.shape or gradient.dtype != table.dtype:
            found = f"{gradient.dtype} {gradient.shape}"
            raise ValueError(f"{function}: gradient is of a {found} table; allowed: {table.dtype} {table.shape}, those of table")
    else:
        check.like(function, "gradient", gradient, table.shape, table.dtype, "table")
    check.choice(function, "untouched", untouched, ("dense", "lazy"))
    check.writable(function, "table", table, ("gradient", values(gradient)))


def check_state(function, state, table, gradient, arrays, counter=None):
    """Check a state: a dict of `arrays` like the table, overlapping nothing, and of an int under `counter`."""
    made_by = f"{function.rstrip('_')}_state(table)"
    if not isinstance(state, dict):
        found = "None" if state is None else f"a {type(state).__name__}"
        raise TypeError(f"{function}: state is {found}; allowed: {made_by}, the same dict at each step")
    keys = [counter, *arrays] if counter else list(arrays)
    if set(state) != set(keys):
        found = ", ".join(map(str, state)) or "no"
        raise ValueError(f"{function}: state has {found} keys; allowed: {', '.join(keys)}, those of {made_by}")
    others = [("table", table), ("gradient", values(gradient))]
    for name in arrays:
        label, array = f"state[{name!r}]", state[name]
        check.like(function, label, array, table.shape, table.dtype, "table")
        check.writable(function, label, array, *others)
        others.append((label, array))
    if counter:
        check.integer(function, f"state[{counter!r}]", state[counter], minimum=0)


def number(function, argument, value, table, minimum=None, **bounds):
    """`value` as a float within its bounds that does not overflow in the table's dtype."""
    value = check.real(function, argument, value, minimum, **bounds)
    check.fits(function, argument, value, table.real.dtype)
    return value


def values(gradient):
    """The numbers of a gradient."""
    return gradient.values if isinstance(gradient, RowSparse) else gradient


def fused(x, a, b):
    """``x + a * b``; in single precision rounded once, as torch's fused multiply-add does (in double, NumPy rounds twice)."""
    return np.asarray(wide(x) + wide(np.asarray(a, x.dtype)) * wide(b), x.dtype)


def decayed(g, x, weight_decay):
    """`g`, plus the gradient of ``weight_decay / 2 |x|^2``."""
    return fused(g, weight_decay, x) if weight_decay else g


def walk_(table, gradient, rule, *, arrays=(), everywhere=False):
    """Put ``rule(g, x, *s)`` in the place of the rows x of `table` and s of the `arrays` of its state.

    Parameters
    ----------
    table : ndarray (N, *shape), checked, as are the others
    gradient : RowSparse, or ndarray like `table`
    rule : function of real arrays (n, D) that returns the new x and s, and writes nothing
    arrays : ndarrays like `table`
    everywhere : bool
        Also at rows without a gradient, with zeros for g.

    Examples
    --------
    >>> table = np.array([1j, 1j, 1j])
    >>> walk_(table, RowSparse(np.array([1]), np.array([2 + 4j]), num_rows=3), lambda g, x: (x - g,))
    >>> table.tolist()
    [1j, (-2-3j), 1j]
    """
    targets = [_reals(array) for array in (table, *arrays)]
    for where, g in _blocks(gradient, max(1, BLOCK // max(1, targets[0].shape[1])), everywhere):
        found = rule(_reals(np.ascontiguousarray(g)), *(target[where] for target in targets))
        for target, new in zip(targets, found, strict=True):
            target[where] = new


def _reals(array):
    """A C-contiguous array ``(N, *shape)`` seen as N rows of real numbers."""
    return array.reshape(len(array), math.prod(array.shape[1:])).view(array.real.dtype)


def _blocks(gradient, size, everywhere):
    """(which rows, their gradient), `size` rows at a time."""
    rows = gradient.rows if isinstance(gradient, RowSparse) else None
    for start in range(0, len(gradient.values) if rows is not None and not everywhere else gradient.shape[0], size):
        where = slice(start, start + size)
        if rows is None:
            yield where, gradient[where]
        elif not everywhere:
            yield rows[where], gradient.values[where]
        else:
            stop = min(start + size, gradient.num_rows)
            first, last = np.searchsorted(rows, [start, stop])
            g = np.zeros((stop - start, *gradient.shape[1:]), gradient.dtype)
            g[rows[first:last] - start] = gradient.values[first:last]
            yield where, g
