"""Optimizers write: one step down the gradient, in place.

Each is a pair of plain functions. ``adam_state(table)`` makes what has to be remembered from step to step, a dict of arrays and
ints that can be saved and is all there is; ``adam_(table, gradient, state=state)`` takes one step and writes table and state. The
gradient is a `RowSparse` or a dense array; what becomes of rows without a gradient is said by ``missing_rows``:

* ``"dense"``, the default: what the formula says of a gradient of zero, and what torch does with a dense gradient (PyKEEN never
  makes another). Momentum goes on moving such rows, moments decay, weight decay shrinks them; each step reads the whole table.
* ``"lazy"``: they are neither read nor written, so that a step costs what its batch does. That is another algorithm: their
  momentum waits for the next gradient, instead of being spent, and weight decay is owed by no one.
* ``"decay_on_touch"``: as cheap, but a row that gets a gradient first makes up, in closed form, for what its moments and its weight
  decay would have lost in the steps that it missed. What that is stands with each optimizer: for SGD all of it, momentum spent
  included; for Adam the fading of the moments, and for AdamW the shrinking too; where there is no closed form it is refused.

Where all come to the same, plain SGD and Adagrad without weight decay, only rows with a gradient are visited.

`clip_grad_norm` and `clip_grad_value` shorten gradients before a step; `project_state_` takes from a momentum, after a step and a
constrainer, what points out of the constraint; `leaves_other_rows` says whether a constrainer needs to see only rows with a gradient.
"""

import inspect
from collections.abc import Callable
from typing import NamedTuple

from ... import check
from ...op import resolve
from .adagrad import adagrad_, adagrad_state
from .adam import adam_, adam_state, adamw_, adamw_state
from .clip import clip_grad_norm, clip_grad_value
from .project import project_state_
from .rowwise import MISSING_ROWS
from .rowwise_adagrad import rowwise_adagrad_, rowwise_adagrad_state
from .sgd import sgd_, sgd_state
from .sparse_adam import sparse_adam_, sparse_adam_state


class Optimizer(NamedTuple):
    """What makes the state of a table, and what takes a step.

    Examples
    --------
    >>> import numpy as np
    >>> table, adam = np.ones((2, 1)), OPTIMIZERS["adam"]
    >>> state = adam.state(table)
    >>> adam.step_(table, np.array([[5.0], [0.0]]), state=state, lr=0.25)
    >>> table.round(6).tolist(), state["step"]
    ([[0.75], [1.0]], 1)
    """

    state: Callable
    step_: Callable


OPTIMIZERS = {
    "sgd": Optimizer(sgd_state, sgd_),
    "adagrad": Optimizer(adagrad_state, adagrad_),
    "adam": Optimizer(adam_state, adam_),
    "adamw": Optimizer(adamw_state, adamw_),
    "sparse_adam": Optimizer(sparse_adam_state, sparse_adam_),
    "rowwise_adagrad": Optimizer(rowwise_adagrad_state, rowwise_adagrad_),
}
"""By name; the defaults of the steps are torch's (those of row-wise Adagrad FBGEMM's)."""


@check.public
def leaves_other_rows(optimizer, options=None):
    """Whether a step of this optimizer leaves rows without a gradient where they are.

    Then a constrainer that looks at each row by itself needs to see the rows with a gradient alone, see
    `npembed.embedding.constrain.post_step_rows_`. So it is for plain SGD, for Adagrad (row-wise too) without weight decay, and for every
    optimizer that is "lazy" or decays on touch; momentum, moments and weight decay move every row of a "dense" one.

    Parameters
    ----------
    optimizer : name, see `OPTIMIZERS`
    options : dict, keyword arguments of its step, or None

    Returns
    -------
    bool

    Examples
    --------
    >>> leaves_other_rows("sgd"), leaves_other_rows("sgd", {"momentum": 0.9})
    (True, False)
    >>> leaves_other_rows("sgd", {"momentum": 0.9, "missing_rows": "lazy"})
    True
    """
    name = resolve(OPTIMIZERS, optimizer, function="leaves_other_rows", argument="optimizer")
    given = check.keywords("leaves_other_rows", "options", options)
    check.options("leaves_other_rows", "options", {"state": None, **given}, OPTIMIZERS[name].step_)
    step = inspect.signature(OPTIMIZERS[name].step_).parameters
    missing_rows = check.choice(
        "leaves_other_rows", "missing_rows", given.get("missing_rows", step["missing_rows"].default), MISSING_ROWS
    )
    if missing_rows != "dense":
        return True
    return name not in ("adam", "adamw") and not given.get("momentum") and not given.get("weight_decay")


__all__ = [
    "OPTIMIZERS", "Optimizer", "adagrad_", "adagrad_state", "adam_", "adam_state", "adamw_", "adamw_state", "clip_grad_norm",
    "clip_grad_value", "leaves_other_rows", "project_state_", "rowwise_adagrad_", "rowwise_adagrad_state", "sgd_", "sgd_state",
    "sparse_adam_", "sparse_adam_state",
]  # fmt: skip
