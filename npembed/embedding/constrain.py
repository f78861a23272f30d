"""Constraining the rows that an update has touched, and no others: allowed where that is the same as constraining all of them."""

import numpy as np

from .. import check
from .lookup import post_step_


@check.public
def is_constrained(table, constrainer):
    """Whether a constrainer leaves a table as it is, to the bit: the rows are where it wants them, and it is idempotent there.

    Examples
    --------
    >>> is_constrained(np.array([[0.5, 2.0]]), lambda x: np.minimum(x, 1.0))
    False
    """
    check.table("is_constrained", table)
    copy = table.copy()
    post_step_(copy, constrainer)
    return np.array_equal(copy, table, equal_nan=True)


@check.public
def post_step_rows_(table, rows, constrainer, *, leaves_other_rows):
    """After an update of a few rows: constrain these alone. It costs what the batch does, where `post_step_` costs the table.

    It is the same as `post_step_`, to the bit, if each of these holds:

    * The constrainer looks at each row by itself, and leaves rows alone that it has constrained. That is tried out on the rows at
      hand: constrained once more, in other company, they must come out the same.
    * All rows were constrained before: `is_constrained`, once, before the first step. From then on these calls keep it so.
    * The update has moved no other row. That depends on the optimizer: `npembed.embedding.optimizers.leaves_other_rows` knows. Momentum,
      Adam's moments and weight decay move rows without a gradient, unless they are lazy.

    Parameters
    ----------
    table : ndarray (N, *shape), writable
    rows : ids (n,) of the rows that the update has moved, such as ``gradient.rows``
    constrainer : function of a table, as in `post_step_`
    leaves_other_rows : bool
        Whether the update has left all other rows where they were; False is refused.

    Raises
    ------
    ValueError, TypeError, IndexError
        Before anything is written, where it would not be the same.

    Examples
    --------
    >>> table = np.array([[3.0], [9.0]])
    >>> post_step_rows_(table, [0], lambda x: np.minimum(x, 1.0), leaves_other_rows=True)
    >>> table.tolist()
    [[1.0], [9.0]]
    """
    check.table("post_step_rows_", table)
    if not check.choice("post_step_rows_", "leaves_other_rows", leaves_other_rows, (True, False)):
        raise ValueError("post_step_rows_: leaves_other_rows = False; allowed: True, else post_step_ on the whole table")
    rows = check.ids("post_step_rows_", rows, len(table), "rows").reshape(-1)
    check.writable("post_step_rows_", "table", table, ("rows", rows))
    found = table[rows]
    once = found.copy()
    post_step_(once, constrainer)
    again = np.concatenate([once, found])
    post_step_(again, constrainer)
    if not np.array_equal(again, np.concatenate([once, once]), equal_nan=True):
        raise ValueError(
            "post_step_rows_: constrainer moves rows that it has constrained, or looks at other rows; "
            "allowed: an idempotent function of each row by itself, else post_step_ on the whole table"
        )
    table[rows] = once
