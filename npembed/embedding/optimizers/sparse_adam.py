"""SparseAdam: Adam for rows with a gradient alone, with the eps of torch.optim.SparseAdam."""

from functools import partial

import numpy as np

from ... import check
from ...numerics import interrupts
from .adam import fade, numbers
from .rowwise import check_state, check_step, new_state, walk_


@check.public
def sparse_adam_state(table):
    """What `sparse_adam_` remembers of a table: how many steps were taken, and the running means of gradients and of their squares.

    The first step adds what its options need: "row_steps" for a correction by rows, "last_step" for "decay_on_touch".

    Examples
    --------
    >>> sparse_adam_state(np.ones(2))
    {'step': 0, 'exp_avg': array([0., 0.]), 'exp_avg_sq': array([0., 0.])}
    """
    return new_state("sparse_adam_state", table, "exp_avg", "exp_avg_sq")


@check.public
def sparse_adam_(
    table, gradient, *, state, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, correction="table", maximize=False, missing_rows="lazy"
):  # fmt: skip
    """Take one step of SparseAdam: for rows with a gradient, number by number, t being the number of this step::

        m = m + (1 - b1) (g - m)
        v = v + (1 - b2) (g^2 - v)
        x = x - lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps)

    That is `adam_` with ``missing_rows="lazy"`` but for eps, which is not divided by ``sqrt(1 - b2^t)``: in the first step a thirtieth of
    it weighs as much.

    t makes up for means that started at zero, which is right for a row that has had t gradients. For one whose first gradient comes
    late, m and v are as small as ever, while the correction has worn off: its first step comes to ``(1 - b1) / sqrt(1 - b2)`` times
    lr, three times with the defaults. ``correction="row"`` takes for t the number of gradients that the row has had, as FBGEMM does
    on request. A complex number counts as two.

    Parameters
    ----------
    table : ndarray (N, *shape), C-contiguous, writable
    gradient : RowSparse of that table, or dense ndarray like it (torch refuses these): then all rows have one
    state : `sparse_adam_state` of that table, written in place
    lr : float >= 0, the learning rate
    betas : two floats in [0, 1), b1 and b2
    eps : float > 0
        Normal in the table's dtype.
    correction : "table" or "row"
        Whose steps t counts.
    maximize : bool
        Go up: ``-g`` in the place of g.
    missing_rows : "lazy" or "decay_on_touch"
        Rows without a gradient are neither read nor written. With "decay_on_touch" m and v first fade, as in `adam_`, for the steps
        that a row missed; then t of the table is the right one, and ``correction="row"`` is refused. There is no "dense": that is
        `adam_`.

    Raises
    ------
    ValueError, TypeError
        Before anything is written: a gradient or state of another shape or dtype, numbers out of range, arrays that are
        read-only or overlap; NaN, or negative squares, in the rows of a state that are about to be read.

    References
    ----------
    torch.optim.SparseAdam. FBGEMM, pull request 3342 (a counter for each row).

    Examples
    --------
    >>> from npembed.embedding.rows import RowSparse
    >>> gradient, nothing = (RowSparse(np.array(rows, int), np.ones((len(rows), 1)), num_rows=2) for rows in ([0], []))
    >>> for correction in ("table", "row"):
    ...     table = np.zeros((2, 1))
    ...     state = sparse_adam_state(table)
    ...     for g in (*[nothing] * 1000, gradient):
    ...         sparse_adam_(table, g, state=state, lr=1.0, correction=correction)
    ...     print(table[0].round(3))
    [-2.515]
    [-1.]
    """
    check_step("sparse_adam_", table, gradient, missing_rows, ("lazy", "decay_on_touch"))
    lr, b1, b2, eps = numbers("sparse_adam_", table, lr, betas, eps)
    check.choice("sparse_adam_", "maximize", maximize, (True, False))
    by_row = check.choice("sparse_adam_", "correction", correction, ("table", "row")) == "row"
    late = missing_rows == "decay_on_touch"
    if by_row and late:
        raise ValueError(
            "sparse_adam_: correction = 'row' counts no missed steps; allowed: 'table' with missing_rows = 'decay_on_touch'"
        )
    more = ("row_steps",) * by_row + ("last_step",) * late
    check_state("sparse_adam_", state, table, gradient, ("exp_avg", "exp_avg_sq"), more=more)
    step = state["step"] + 1
    means = (state["exp_avg"], state["exp_avg_sq"])
    fading = partial(fade, step=step, b1=b1, b2=b2, shrink=1.0)
    rule = partial(_sparse_adam, step=step, lr=lr, b1=b1, b2=b2, eps=eps, maximize=maximize)
    with interrupts.deferred():
        state["step"] = step
        if late:
            walk_(table, gradient, fading, arrays=(*means, state["last_step"]))
        walk_(table, gradient, rule, arrays=(*means, state["row_steps"]) if by_row else means)


def _sparse_adam(g, x, m, v, *row_steps, step, lr, b1, b2, eps, maximize):
    """The new x, m, v, and how many gradients the row has had where that is counted; each operation rounds, as in torch."""
    g = -g if maximize else g
    counted = tuple(n + 1 for n in row_steps)
    (t,) = counted or (step,)
    m = m + (g - m) * (1 - b1)
    v = v + (g * g - v) * (1 - b2)
    length = np.asarray(lr * np.sqrt(1 - b2**t) / (1 - b1**t), x.dtype)
    return x + -length * (m / (np.sqrt(v) + eps)), m, v, *counted
