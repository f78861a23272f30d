"""Gradient descent, with or without momentum."""

from functools import partial

import numpy as np

from ... import check
from ...numerics import interrupts
from .rowwise import check_state, check_step, downhill, fma, new_state, number, walk_


@check.public
def sgd_state(table):
    """What `sgd_` with momentum remembers of a table: how many steps were taken, and where its rows were going, at first nowhere.

    Examples
    --------
    >>> sgd_state(np.ones((2, 1)))
    {'step': 0, 'momentum_buffer': array([[0.],
           [0.]])}
    """
    return new_state("sgd_state", table, "momentum_buffer")


@check.public
def sgd_(
    table, gradient, *, lr=1e-3, momentum=0.0, dampening=0.0, nesterov=False, weight_decay=0.0, maximize=False, state=None,
    missing_rows="dense",
):  # fmt: skip
    """Take one step of gradient descent: ``x -= lr g``, for each row x with a gradient g.

    With weight decay w, momentum m and dampening d::

        g = g + w x
        b = m b + (1 - d) g      b is kept in the state, 0 at first; the first step of all is not dampened: b = g
        x = x - lr b             nesterov: x - lr (g + m b)

    Without dampening the new g enters b as it is, not times ``1 - m``: a constant gradient comes to steps ``1 / (1 - m)`` times as
    long. Rows without a gradient stay where they are, unless momentum or weight decay moves them, see `missing_rows`.

    A step on a gradient of zero is linear in the pair (x, b), so that many of them are a power of a matrix of two by two. With
    "decay_on_touch" a row that gets a gradient first makes up, in this closed form, for all steps since its last one: x and b are
    then what "dense" steps of this lr, momentum and so on would have made of them, up to rounding. Until then it lags behind: who
    looks it up meanwhile sees where it was.

    `lr` is rounded to the table's dtype. In float32 each ``x + a b`` is rounded once, as torch's fused multiply-add does; in
    float64 product and sum are each rounded.

    Parameters
    ----------
    table : ndarray (N, *shape), C-contiguous, writable
    gradient : RowSparse of that table, or dense ndarray like it
    lr : float >= 0, the learning rate
    momentum : float in [0, 1)
    dampening : float in [0, 1], with momentum only, and not with nesterov
    nesterov : bool, with momentum only
    weight_decay : float >= 0
        Adds the gradient of ``weight_decay / 2 |x|^2``.
    maximize : bool
        Go up: ``-g`` in the place of g. Weight decay pulls toward zero all the same.
    state : `sgd_state` of that table, written in place
        Needed for momentum, and for weight decay on touch (which adds "last_step", one number for each row); not read otherwise.
    missing_rows : "dense", "lazy" or "decay_on_touch"
        Rows without a gradient: have one of zero (as in torch, for sparse gradients too); are neither read nor written; or make
        up for their steps of zero once they get a gradient.

    Raises
    ------
    ValueError, TypeError
        Before anything is written: a gradient or state of another shape or dtype, numbers out of range, arrays that are
        read-only or overlap; NaN in the rows of a state that are about to be read.

    References
    ----------
    Robbins and Monro, A stochastic approximation method (Ann. Math. Statist. 22, 1951). Polyak, Some methods of
    speeding up the convergence of iteration methods (USSR Comput. Math. Math. Phys. 4, 1964). Nesterov, A method for
    solving the convex programming problem with convergence rate O(1/k^2) (1983), as rewritten by Sutskever et al., On the
    importance of initialization and momentum in deep learning (ICML 2013), equations 1 to 4; the form here, with lr outside of
    b, is that of torch.optim.SGD. Carpenter, Lazy sparse stochastic gradient descent for regularized multinomial logistic
    regression (2008): decay made up for on touch.

    Examples
    --------
    >>> from npembed.embedding.rows import RowSparse
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
    check_step("sgd_", table, gradient, missing_rows)
    lr = number("sgd_", "lr", lr, table, minimum=0)
    momentum = number("sgd_", "momentum", momentum, table, minimum=0, below=1)
    dampening = number("sgd_", "dampening", dampening, table, minimum=0, maximum=1)
    weight_decay = number("sgd_", "weight_decay", weight_decay, table, minimum=0)
    check.choice("sgd_", "maximize", maximize, (True, False))
    if check.choice("sgd_", "nesterov", nesterov, (True, False)) and not momentum:
        raise ValueError("sgd_: nesterov = True has no momentum to look ahead with; allowed: with momentum > 0")
    if dampening and (nesterov or not momentum):
        said = "is not defined with nesterov" if nesterov else "has no momentum to dampen"
        raise ValueError(f"sgd_: dampening = {dampening:g} {said}; allowed: with momentum > 0, without nesterov")
    moves = bool(momentum or weight_decay)  # also rows without a gradient
    late = moves and missing_rows == "decay_on_touch"
    remembers, everywhere = late or momentum > 0, moves and missing_rows == "dense"
    if remembers or state is not None:
        more = ("last_step",) if late else ()
        check_state("sgd_", state, table, gradient, ("momentum_buffer",), more=more, everywhere=everywhere)

    buffers: tuple = (state["momentum_buffer"],) if momentum else ()
    rule, step = _plain, state["step"] + 1 if remembers else 1
    if momentum:
        rule = partial(_heavy, momentum=momentum, dampening=dampening if step > 1 else 0.0, nesterov=nesterov)
    rule = partial(rule, lr=lr, weight_decay=weight_decay, maximize=maximize)
    with interrupts.deferred():
        if remembers:
            state["step"] = step
        if late:
            first, later = (zero_step(lr, momentum, d, nesterov, weight_decay) for d in (0.0, dampening))
            walk_(table, gradient, partial(_make_up, step=step, first=first, later=later), arrays=(state["last_step"], *buffers))
        walk_(table, gradient, rule, arrays=buffers, everywhere=everywhere)


def _plain(g, x, *, lr, weight_decay, maximize):
    """The new x."""
    return (fma(x, -lr, downhill(g, x, weight_decay, maximize)),)


def _heavy(g, x, b, *, lr, momentum, dampening, nesterov, weight_decay, maximize):
    """The new x and b."""
    g = downhill(g, x, weight_decay, maximize)
    b = fma(momentum * b, 1 - dampening, g)
    return fma(x, -lr, fma(g, momentum, b) if nesterov else b), b


def _make_up(g, x, last, *b, step, first, later):
    """x, the step in which it was touched last, and b (without momentum there is none), after the steps of zero since `last`."""
    missed = step - 1 - last.ravel()
    undamped = (missed > 0) & (last.ravel() == 0)  # the first step of all is among them
    p = powers(later, missed - undamped)
    p = np.where(undamped[:, None, None], _product(p, first), p)
    pair = (x, *b)
    found = [sum(p[:, i, j : j + 1] * s for j, s in enumerate(pair)) for i in range(len(pair))]
    new_x, *new_b = (np.asarray(new, x.dtype) for new in found)
    return new_x, np.full_like(last, step), *new_b


def zero_step(lr, momentum, dampening, nesterov, weight_decay):
    """The matrix that takes (x, b) through a step on a gradient of zero.

    >>> zero_step(0.1, 0.5, 0.0, False, 0.0) @ [1.0, 4.0]
    array([0.8, 2. ])
    """
    x, b = np.eye(2)
    g = weight_decay * x
    b = momentum * b + (1 - dampening) * g
    return np.stack([x - lr * (g + momentum * b if nesterov else b), b])


def powers(matrix, times):
    """``matrix ** k`` for each k of `times`, by squaring.

    >>> powers(np.array([[1, 1], [0, 1]]), np.array([0, 5]))[1].tolist()
    [[1.0, 5.0], [0.0, 1.0]]
    """
    found = np.broadcast_to(np.eye(2), (len(times), 2, 2))
    for bit in range(int(times.max()).bit_length()):
        found = np.where((times >> bit & 1 == 1)[:, None, None], _product(found, matrix), found)
        matrix = _product(matrix, matrix)
    return found


def _product(a, b):
    """``a @ b`` with b of two by two, each number ``a_0 b_0 + a_1 b_1`` with three roundings; BLAS has two on processors that fuse."""
    return a[..., :1] * b[:1] + a[..., 1:] * b[1:]
