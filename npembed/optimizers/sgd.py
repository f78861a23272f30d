"""Gradient descent, with or without momentum."""

from functools import partial

import numpy as np

from .. import check
from .rowwise import check_state, check_step, decayed, fused, number, walk_


def sgd_state(table):
    """What `sgd_` with momentum remembers of a table: where its rows were going, at first nowhere.

    Examples
    --------
    >>> sgd_state(np.ones((2, 1)))
    {'momentum_buffer': array([[0.],
           [0.]])}
    """
    check.table("sgd_state", table)
    return {"momentum_buffer": np.zeros(table.shape, table.dtype)}


def sgd_(table, gradient, *, lr=1e-3, momentum=0.0, nesterov=False, weight_decay=0.0, state=None, untouched="dense"):
    """Take one step of gradient descent: ``x -= lr g``, for each row x with a gradient g.

    With weight decay w and momentum m::

        g = g + w x
        b = m b + g              b is kept in the state, 0 at first
        x = x - lr b             nesterov: x - lr (g + m b)

    The new g enters b as it is, not times ``1 - m``: a constant gradient comes to steps ``1 / (1 - m)`` times as long. Rows
    without a gradient stay where they are, unless momentum or weight decay moves them, see `untouched`.

    `lr` is rounded to the table's dtype. In float32 each ``x + a b`` is rounded once, as torch's fused multiply-add does; in
    float64 product and sum are each rounded.

    Parameters
    ----------
    table : ndarray (N, *shape), C-contiguous, writable
    gradient : RowSparse of that table, or dense ndarray like it
    lr : float >= 0, the learning rate
    momentum : float in [0, 1)
    nesterov : bool, with momentum only
    weight_decay : float >= 0
        Adds the gradient of ``weight_decay / 2 |x|^2``.
    state : `sgd_state` of that table, written in place
        Needed for momentum; not read without.
    untouched : "dense" or "lazy"
        Rows without a gradient: have one of zero (as in torch, for sparse gradients too), or are neither read nor written.

    Raises
    ------
    ValueError, TypeError
        Before anything is written: a gradient or state of another shape or dtype, numbers out of range, arrays that are
        read-only or overlap.

    References
    ----------
    Robbins and Monro, A stochastic approximation method (Ann. Math. Statist. 22, 1951). Polyak, Some methods of
    speeding up the convergence of iteration methods (USSR Comput. Math. Math. Phys. 4, 1964). Nesterov, A method for
    solving the convex programming problem with convergence rate O(1/k^2) (1983), as rewritten by Sutskever et al., On the
    importance of initialization and momentum in deep learning (ICML 2013), equations 1 to 4; the form here, with lr outside of
    b, is that of torch.optim.SGD.

    Examples
    --------
    >>> from npembed.rows import RowSparse
    >>> table, gradient = np.array([[1.0], [2.0]]), RowSparse(np.array([1]), np.array([[10.0]]), num_rows=2)
    >>> sgd_(table, gradient, lr=0.1)
    >>> table
    array([[1.],
           [1.]])
    >>> state = sgd_state(table)
    >>> sgd_(table, gradient, lr=0.1, momentum=0.5, state=state)
    >>> sgd_(table, 0 * gradient, lr=0.1, momentum=0.5, state=state)
    >>> table
    array([[ 1. ],
           [-0.5]])
    """
    check_step("sgd_", table, gradient, untouched)
    lr = number("sgd_", "lr", lr, table, minimum=0)
    momentum = number("sgd_", "momentum", momentum, table, minimum=0, below=1)
    weight_decay = number("sgd_", "weight_decay", weight_decay, table, minimum=0)
    if check.choice("sgd_", "nesterov", nesterov, (True, False)) and not momentum:
        raise ValueError("sgd_: nesterov = True has no momentum to look ahead with; allowed: with momentum > 0")
    if momentum or state is not None:
        check_state("sgd_", state, table, gradient, ("momentum_buffer",))

    everywhere = untouched == "dense" and bool(momentum or weight_decay)
    if momentum:
        rule = partial(_heavy, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)
        walk_(table, gradient, rule, arrays=(state["momentum_buffer"],), everywhere=everywhere)
    else:
        walk_(table, gradient, partial(_plain, lr=lr, weight_decay=weight_decay), everywhere=everywhere)


def _plain(g, x, *, lr, weight_decay):
    """The new x."""
    return (fused(x, -lr, decayed(g, x, weight_decay)),)


def _heavy(g, x, b, *, lr, momentum, nesterov, weight_decay):
    """The new x and b."""
    g = decayed(g, x, weight_decay)
    b = momentum * b + g
    return fused(x, -lr, fused(g, momentum, b) if nesterov else b), b
