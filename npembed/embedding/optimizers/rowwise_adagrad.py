"""Row-wise Adagrad: each row has a learning rate of its own, and one number to remember, however long it is."""

from functools import partial

import numpy as np

from ... import check
from ...numerics import interrupts
from ...numerics.precision import compute_dtype, to_float64
from .rowwise import check_state, check_step, downhill, fma, new_state, number, refuse_decay, walk_


@check.public
def rowwise_adagrad_state(table):
    """What `rowwise_adagrad_` remembers of a table: for each row the sum of the mean squares of its gradients, one real number.

    Examples
    --------
    >>> rowwise_adagrad_state(np.ones((2, 50)))
    {'row_sum': array([0., 0.])}
    """
    return new_state("rowwise_adagrad_state", table, "row_sum", counter=False)


@check.public
def rowwise_adagrad_(table, gradient, *, state, lr=1e-2, eps=1e-8, weight_decay=0.0, maximize=False, missing_rows="dense"):
    """Take one step of row-wise Adagrad: ``s += mean(g^2); x -= lr g / (sqrt(s) + eps)``, row by row.

    s is one number for each row, the mean is over the numbers of the row (real and imaginary part of a complex number are two), and
    with weight decay g is ``g + weight_decay x``. For rows of one number this is `adagrad_`; for longer ones the step keeps the
    direction of the gradient, which there it does not: the first one has ``|step| = lr sqrt(D)``. A table of N rows needs N numbers of
    state, in the place of N D.

    Parameters
    ----------
    table : ndarray (N, *shape), C-contiguous, writable
    gradient : RowSparse of that table, or dense ndarray like it
    state : `rowwise_adagrad_state` of that table, written in place
    lr : float >= 0, the learning rate
    eps : float > 0
        Normal in the table's dtype.
    weight_decay : float >= 0
        Adds the gradient of ``weight_decay / 2 |x|^2``.
    maximize : bool
        Go up: ``-g`` in the place of g.
    missing_rows : "dense", "lazy" or "decay_on_touch"
        Rows without a gradient, as in `adagrad_`: the same without weight decay. (FBGEMM is lazy.)

    Raises
    ------
    ValueError, TypeError
        Before anything is written: a gradient or state of another shape or dtype, numbers out of range, arrays that are
        read-only or overlap; NaN, or negative squares, in the rows of a state that are about to be read.

    References
    ----------
    Mudigere et al., Software-hardware co-design for fast and scalable training of deep learning recommendation models (ISCA 2022),
    section on row-wise Adagrad; the formula is that of FBGEMM's EXACT_ROWWISE_ADAGRAD with weight decay "L2".

    Examples
    --------
    >>> table = np.array([[1.0, 1.0]])
    >>> state = rowwise_adagrad_state(table)
    >>> rowwise_adagrad_(table, np.array([[1.0, 7.0]]), state=state, lr=0.5)
    >>> table.round(6).tolist(), state["row_sum"].tolist()
    ([[0.9, 0.3]], [25.0])
    """
    check_step("rowwise_adagrad_", table, gradient, missing_rows)
    lr = number("rowwise_adagrad_", "lr", lr, table, minimum=0)
    eps = number("rowwise_adagrad_", "eps", eps, table, minimum=float(np.finfo(compute_dtype(table.dtype)).tiny))
    weight_decay = number("rowwise_adagrad_", "weight_decay", weight_decay, table, minimum=0)
    check.choice("rowwise_adagrad_", "maximize", maximize, (True, False))
    refuse_decay("rowwise_adagrad_", weight_decay, missing_rows)
    everywhere = missing_rows == "dense" and weight_decay > 0
    check_state("rowwise_adagrad_", state, table, gradient, ("row_sum",), counter=False, everywhere=everywhere)
    rule = partial(_rowwise_adagrad, lr=lr, eps=eps, weight_decay=weight_decay, maximize=maximize)
    with interrupts.deferred():
        walk_(table, gradient, rule, arrays=(state["row_sum"],), everywhere=everywhere)


def _rowwise_adagrad(g, x, s, *, lr, eps, weight_decay, maximize):
    """The new x and s, a column."""
    g = downhill(g, x, weight_decay, maximize)
    mean = (to_float64(g) ** 2).sum(axis=1, keepdims=True) / max(1, g.shape[1])
    s = np.asarray(s + mean, s.dtype)
    return fma(x, -lr / (np.sqrt(s) + eps), g), s
