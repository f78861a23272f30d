"""What the optimizers share: everything is checked before the first write, then the rows are walked over, a block at a time.

All act on a complex number as on two reals, as torch does (``view_as_real``): Adam's second moment of z holds ``(Re z)^2`` and
``(Im z)^2``, not ``|z|^2``. All but the row-wise ones act on each number by itself. A float16 table is stepped in float32 and rounded
once (on touch, what is made up for is rounded before the step); its state is float32, in which a second moment neither vanishes nor
overflows.
"""

import math

import numpy as np

from ... import check
from ...numerics.precision import compute_dtype, to_compute_dtype, to_float64
from ..rows import RowSparse

BLOCK = 2**16  # numbers in a block: enough for NumPy, and few enough for temporaries to stay in the cache


MISSING_ROWS = ("dense", "lazy", "decay_on_touch")
OF_SQUARES = ("exp_avg_sq", "max_exp_avg_sq", "sum", "row_sum")
"""Entries of states that are sums or means of squares, of which roots are taken."""


def check_step(function, table, gradient, missing_rows, allowed=MISSING_ROWS):
    """Check the arguments that every optimizer has, before those of its own."""
    check.table(function, table)
    if isinstance(gradient, RowSparse):
        if gradient.shape != table.shape or gradient.dtype != table.dtype:
            found = f"{gradient.dtype} {gradient.shape}"
            raise ValueError(f"{function}: gradient is of a {found} table; allowed: {table.dtype} {table.shape}, those of table")
    else:
        check.like(function, "gradient", gradient, table.shape, table.dtype, "table")
    check.choice(function, "missing_rows", missing_rows, allowed)
    check.writable(function, "table", table, ("gradient", values(gradient)))


def refuse_decay(function, weight_decay, missing_rows):
    """Raise where weight decay on a gradient that a root divides is to be caught up: no formula says what many such steps do."""
    if weight_decay and missing_rows == "decay_on_touch":
        raise ValueError(
            f"{function}: weight_decay = {weight_decay:g} under a root has no closed form over many steps; "
            "allowed: 0 with missing_rows = 'decay_on_touch'"
        )


def entry(name, table):
    """Shape and dtype of an entry of a state: like the table (float32 for float16), or one number for each row."""
    if name in ("last_step", "row_steps"):
        return (len(table),), np.dtype(np.int64)
    dtype = compute_dtype(table.dtype)
    return ((len(table),), dtype.type(0).real.dtype) if name == "row_sum" else (table.shape, dtype)


def new_state(function, table, *names, counter=True):
    """The zeros from which the entries `names` of a state start, and the count of steps."""
    check.table(function, table)
    arrays = {name: np.zeros(*entry(name, table)) for name in names}
    return {"step": 0, **arrays} if counter else arrays


def check_state(function, state, table, gradient, arrays, *, more=(), counter=True, everywhere=False):
    """Check a state: a dict of `arrays`, overlapping nothing, and of the count of steps.

    Options may want `more` arrays. They are added, once all is checked, to a state that has not seen a step. Of the values those are
    checked that are about to be read: of rows with a gradient, or `everywhere`.
    """
    made_by = f"{function.rstrip('_')}_state(table)"
    if not isinstance(state, dict):
        found = "None" if state is None else f"a {type(state).__name__}"
        raise TypeError(f"{function}: state is {found}; allowed: {made_by}, the same dict at each step")
    keys = ["step", *arrays, *more] if counter else list(arrays)
    new = [name for name in more if name not in state and state.get("step") == 0]
    if {*state, *new} != set(keys):
        found = ", ".join(map(str, state)) or "no"
        same = " after steps with the same options" if more else ""
        raise ValueError(f"{function}: state has {found} keys; allowed: {', '.join(keys)}, those of {made_by}{same}")
    if counter:
        check.integer(function, "state['step']", state["step"], minimum=0, maximum=2**53)
    others = [("table", table), ("gradient", values(gradient))]
    for name in (*arrays, *more):
        if name not in new:
            label, array = f"state[{name!r}]", state[name]
            if entry(name, table)[1] == np.int64:
                _check_counts(function, label, array, len(table), state["step"], rows_with_gradient(gradient))
            else:
                check_like_table(function, label, array, table, name)
            check.writable(function, label, array, *others)
            if array.dtype != np.int64:
                _check_values(function, label, array, name, slice(None) if everywhere else rows_with_gradient(gradient))
            others.append((label, array))
    for name in new:
        state[name] = np.zeros(*entry(name, table))


def check_like_table(function, label, array, table, name=""):
    """Check an entry of a state that is kept for each number of a table, or for each row, by its name."""
    shape, dtype = entry(name, table)
    whose = "table" if compute_dtype(table.dtype) == table.dtype else f"the state of a {table.dtype} table"
    check.like(function, label, array, shape, dtype, whose if shape == table.shape else "one real number for each row of table")


SQUARES = ("exp_avg_sq", "max_exp_avg_sq", "sum", "row_sum")
"""Entries of a state that are sums or means of squares."""


def check_entry(function, label, value, name, table, step):
    """Check one entry of a state that was read from somewhere, of all rows; `step` is how many steps were taken, or None
    where none are counted."""
    if name == "step":
        check.integer(function, label, value, minimum=0, maximum=2**53)
    elif entry(name, table)[1] == np.int64:
        _check_counts(function, label, value, len(table), step, slice(None))
    else:
        check_like_table(function, label, value, table, name)
        if name in SQUARES and not (_reals(value) >= 0).all():
            raise ValueError(f"{function}: {label} holds nan or a number below zero; allowed: what squares add up to")


def _check_counts(function, label, array, num_rows, step, rows):
    """Check one whole number for each row, from 0 to the number of steps; of the values only those that are about to be read."""
    if not isinstance(array, np.ndarray) or array.dtype != np.int64 or array.shape != (num_rows,):
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
        raise TypeError(f"{function}: {label} is {found}; allowed: int64 ({num_rows},), one whole number for each row")
    counts = array[rows]
    bad = np.flatnonzero((counts < 0) | (counts > step))
    if bad.size:
        row = int(np.arange(num_rows)[rows][bad[0]])
        raise ValueError(f"{function}: {label}[{row}] = {array[row]} is out of range; allowed: 0..{step}, the steps so far")


def _check_values(function, label, array, name, rows):
    """Refuse NaN in these rows of an entry of a state, and negative numbers where it is of squares: the table would get NaN."""
    least = 0 if name in OF_SQUARES else -math.inf
    numbers = _reals(array)
    size = max(1, BLOCK // max(1, numbers.shape[1]))
    for where in [rows] if isinstance(rows, slice) else (rows[start : start + size] for start in range(0, len(rows), size)):
        if not numbers[where].min(initial=math.inf) >= least:
            found = ~(numbers[where] >= least)
            row = np.arange(len(array))[where][found.any(axis=1).argmax()]
            bad = ~(array[row].real >= least) | ~(array[row].imag >= least)
            index = (row, *np.unravel_index(int(np.argmax(bad)), bad.shape))
            allowed = "numbers >= 0, as sums and means of squares are" if least == 0 else "numbers, not NaN"
            raise ValueError(f"{function}: {label}{check.position(index)} = {array[index]}; allowed: {allowed}")


def number(function, argument, value, table, minimum=None, **bounds):
    """`value` as a float within its bounds that does not overflow in the dtype of the table's arithmetic."""
    value = check.real(function, argument, value, minimum, **bounds)
    check.fits(function, argument, value, compute_dtype(table.real.dtype))
    return value


def values(gradient):
    """The numbers of a gradient."""
    return gradient.values if isinstance(gradient, RowSparse) else gradient


def rows_with_gradient(gradient):
    """The rows that have a gradient, as an index: all, where it is dense."""
    return gradient.rows if isinstance(gradient, RowSparse) else slice(None)


def fma(x, a, b):
    """``x + a * b``; in single precision rounded once, as torch's fused multiply-add does (in double, NumPy rounds twice)."""
    return np.asarray(to_float64(x) + to_float64(np.asarray(a, x.dtype)) * to_float64(b), x.dtype)


def downhill(g, x, weight_decay, maximize):
    """The gradient to go down: `g`, or ``-g`` to climb it, plus the gradient of ``weight_decay / 2 |x|^2``."""
    g = -g if maximize else g
    return fma(g, weight_decay, x) if weight_decay else g


def faded(x, factor, times):
    """``x * factor ** times``, for each row its own whole number of times, a column; rounded once."""
    return np.asarray(x * factor**times, x.dtype)


def walk_(table, gradient, rule, *, arrays=(), everywhere=False):
    """Put ``rule(g, x, *s)`` in the place of the rows x of `table` and s of the `arrays` of its state.

    Parameters
    ----------
    table : ndarray (N, *shape), checked, as are the others
    gradient : RowSparse, or ndarray like `table`
    rule : function of real arrays (n, D) that returns the new x and s, and writes nothing
    arrays : ndarrays like `table`, or (N,) for a column s (n, 1)
        Of the dtype of the table's arithmetic, which is that in which the rule gets everything.
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
    with np.errstate(all="ignore"):  # a block that overflows is no reason to stop behind those that are written
        for where, g in _blocks(gradient, max(1, BLOCK // max(1, targets[0].shape[1])), everywhere):
            found = rule(
                to_compute_dtype(_reals(np.ascontiguousarray(g))), *(to_compute_dtype(target[where]) for target in targets)
            )
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
