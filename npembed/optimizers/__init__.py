"""Optimizers write: one step down the gradient, in place.

Each is a pair of plain functions. ``adam_state(table)`` makes what has to be remembered from step to step, a dict of arrays and
ints that can be saved and is all there is; ``adam_(table, gradient, state=state)`` takes one step and writes table and state. The
gradient is a `RowSparse` or a dense array; what becomes of rows without a gradient is said by ``untouched``:

* ``"dense"``, the default: what the formula says of a gradient of zero, and what torch does with a dense gradient (PyKEEN never
  makes another). Momentum goes on moving such rows, moments decay, weight decay shrinks them; each step reads the whole table.
* ``"lazy"``: they are neither read nor written, so that a step costs what its batch does. That is another algorithm: their
  momentum waits for the next gradient, instead of being spent, and weight decay is owed by no one.

Where both come to the same, plain SGD and Adagrad without weight decay, only rows with a gradient are visited.
"""

from collections.abc import Callable
from typing import NamedTuple

from .adagrad import adagrad_, adagrad_state
from .adam import adam_, adam_state
from .sgd import sgd_, sgd_state


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
}
"""By name; the defaults of the steps are torch's."""

__all__ = ["OPTIMIZERS", "Optimizer", "adagrad_", "adagrad_state", "adam_", "adam_state", "sgd_", "sgd_state"]
