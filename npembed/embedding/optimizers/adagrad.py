"""Adagrad: each number has a learning rate of its own, which falls with the gradients that it has seen."""

from functools import partial

import numpy as np

from ... import check
from ...numerics import interrupts
from ...numerics.precision import compute_dtype
from .rowwise import check_state, check_step, downhill, fma, new_state, number, refuse_decay, walk_


@check.public
def adagrad_state(table):
    """What `adagrad_` remembers of a table: how many steps were taken, and the sum of all squared gradients.

    Fill ``state["sum"]`` with a positive number for a gentler start.

    Examples
    --------
    >>> adagrad_state(np.ones((2, 1)))
    {'step': 0, 'sum': array([[0.],
           [0.]])}
    """
    return new_state("adagrad_state", table, "sum")


@check.public
def adagrad_(
    table, gradient, *, state, lr=1e-2, lr_decay=0.0, eps=1e-10, weight_decay=0.0, maximize=False, missing_rows="dense"
):  # fmt: skip
    """Take one step of Adagrad: ``s += g^2; x -= c g / (sqrt(s) + eps)``, number by number.

    c is ``lr / (1 + (t - 1) lr_decay)`` in step t, and with weight decay g is ``g + weight_decay x``. The first step has length
    lr whatever the gradient, since ``g / sqrt(g^2)`` is its sign. A gradient of zero moves nothing, so that rows without one may
    be left out, unless weight decay moves them. Real and imaginary part of a complex number count as two numbers, as in
    torch with a dense gradient (with a sparse one torch 2.13 sums ``z^2``, whose root is no length).

    Parameters
    ----------
    table : ndarray (N, *shape), C-contiguous, writable
    gradient : RowSparse of that table, or dense ndarray like it
    state : `adagrad_state` of that table, written in place
    lr : float >= 0, the learning rate
    lr_decay : float >= 0
    eps : float > 0
        Normal in the table's dtype: rounded to zero it would make 0 / 0 of a gradient of zero.
    weight_decay : float >= 0
        Adds the gradient of ``weight_decay / 2 |x|^2``; torch refuses it for sparse gradients.
    maximize : bool
        Go up: ``-g`` in the place of g.
    missing_rows : "dense", "lazy" or "decay_on_touch"
        Rows without a gradient: have one of zero, or are neither read nor written. They differ with weight decay only; "decay_on_touch"
        is the same without, and refused with it, since s grows in each step by another amount.

    Raises
    ------
    ValueError, TypeError
        Before anything is written: a gradient or state of another shape or dtype, numbers out of range, arrays that are
        read-only or overlap; NaN, or negative squares, in the rows of a state that are about to be read.

    References
    ----------
    Duchi, Hazan and Singer, Adaptive subgradient methods for online learning and stochastic optimization (JMLR 12, 2011),
    figure 1 with diagonal matrices; eps stands outside of the root, as in torch.optim.Adagrad.

    Examples
    --------
    >>> table = np.array([[1.0, 1.0]])
    >>> state = adagrad_state(table)
    >>> adagrad_(table, np.array([[3.0, 0.0]]), state=state, lr=0.5)
    >>> adagrad_(table, np.array([[4.0, -0.1]]), state=state, lr=0.5)
    >>> table.round(6).tolist(), state["sum"].round(6).tolist()
    ([[0.1, 1.5]], [[25.0, 0.01]])
    """
    check_step("adagrad_", table, gradient, missing_rows)
    lr = number("adagrad_", "lr", lr, table, minimum=0)
    lr_decay = number("adagrad_", "lr_decay", lr_decay, table, minimum=0)
    eps = number("adagrad_", "eps", eps, table, minimum=float(np.finfo(compute_dtype(table.dtype)).tiny))
    weight_decay = number("adagrad_", "weight_decay", weight_decay, table, minimum=0)
    check.choice("adagrad_", "maximize", maximize, (True, False))
    refuse_decay("adagrad_", weight_decay, missing_rows)
    everywhere = missing_rows == "dense" and weight_decay > 0
    check_state("adagrad_", state, table, gradient, ("sum",), everywhere=everywhere)
    c = lr / (1 + state["step"] * lr_decay)
    rule = partial(_adagrad, c=c, eps=eps, weight_decay=weight_decay, maximize=maximize)
    with interrupts.deferred():
        state["step"] += 1
        walk_(table, gradient, rule, arrays=(state["sum"],), everywhere=everywhere)


def _adagrad(g, x, s, *, c, eps, weight_decay, maximize):
    """The new x and s."""
    g = downhill(g, x, weight_decay, maximize)
    s = fma(s, g, g)
    return x + -c * g / (np.sqrt(s) + eps), s
