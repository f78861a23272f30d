"""Adam: momentum, divided by the size that gradients had of late; AdamW: with weight decay beside it, not in it."""

import math
from functools import partial

import numpy as np

from ... import check
from ...numerics import interrupts
from ...numerics.precision import compute_dtype
from .rowwise import check_state, check_step, downhill, faded, fma, new_state, number, refuse_decay, walk_


@check.public
def adam_state(table):
    """What `adam_` remembers of a table: how many steps were taken, and the running means of gradients and of their squares.

    The first step adds what its options need: "max_exp_avg_sq" for `amsgrad`, "last_step" (one number for each row) for
    "decay_on_touch".

    Examples
    --------
    >>> adam_state(np.ones(2))
    {'step': 0, 'exp_avg': array([0., 0.]), 'exp_avg_sq': array([0., 0.])}
    """
    return new_state("adam_state", table, "exp_avg", "exp_avg_sq")


@check.public
def adamw_state(table):
    """What `adamw_` remembers of a table: the same as `adam_`, see `adam_state`.

    Examples
    --------
    >>> list(adamw_state(np.ones(2)))
    ['step', 'exp_avg', 'exp_avg_sq']
    """
    return new_state("adamw_state", table, "exp_avg", "exp_avg_sq")


@check.public
def adam_(
    table, gradient, *, state, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, maximize=False,
    missing_rows="dense",
):  # fmt: skip
    """Take one step of Adam, number by number, t being the number of this step::

        g = g + weight_decay x
        m = b1 m + (1 - b1) g
        v = b2 v + (1 - b2) g^2
        x = x - lr m' / (sqrt(v') + eps)       m' = m / (1 - b1^t), v' = v / (1 - b2^t)

    m and v start at zero, which is too small; m' and v' make up for it. A number that gets no more gradients goes on moving
    for some ten steps, since m outlives them: with "dense", a row that no batch mentions is not at rest.

    With ``missing_rows="lazy"`` rows without a gradient wait: x, m and v are neither read nor written, while t counts on for all. That
    is the rule of `sparse_adam_` but for eps, which there stands inside of the correction. With "decay_on_touch" they wait too, but
    when a row gets a gradient again, its m and v first fade by ``b1^k`` and ``b2^k`` for the k steps that it missed: they are then those
    of "dense", up to rounding, and the correction, which counts all steps, is right for them. x is not: the way that m would have
    carried it, divided by a root in each step, has no closed form, and is not made up for. (Without momentum, b1 = 0, there is none:
    then x is that of "dense" too.) Nor has weight decay; it is refused.

    Real and imaginary part of a complex number count as two numbers, as in torch.

    Parameters
    ----------
    table : ndarray (N, *shape), C-contiguous, writable
    gradient : RowSparse of that table, or dense ndarray like it
    state : `adam_state` of that table, written in place
    lr : float >= 0, the learning rate: about the length of a step in each coordinate, whatever the size of the gradient
    betas : two floats in [0, 1), b1 and b2
    eps : float > 0
        Normal in the table's dtype: rounded to zero it would make 0 / 0 of a row that never had a gradient.
    weight_decay : float >= 0
        Adds the gradient of ``weight_decay / 2 |x|^2`` before all else (torch.optim.Adam; not AdamW, see `adamw_`).
    amsgrad : bool
        Divide by the root of the largest v so far, not of the last, so that steps never get longer because gradients were small.
    maximize : bool
        Go up: ``-g`` in the place of g.
    missing_rows : "dense", "lazy" or "decay_on_touch"
        Rows without a gradient: have one of zero; are neither read nor written; or fade once they get a gradient.

    Raises
    ------
    ValueError, TypeError
        Before anything is written: a gradient or state of another shape or dtype, numbers out of range, arrays that are
        read-only or overlap; NaN, or negative squares, in the rows of a state that are about to be read.

    References
    ----------
    Kingma and Ba, Adam: a method for stochastic optimization (ICLR 2015), algorithm 1. Reddi, Kale and Kumar, On the convergence of
    Adam and beyond (ICLR 2018), algorithm 2 (AMSGrad; with the correction of v, as in torch). torch.optim.Adam.

    Examples
    --------
    >>> from npembed.embedding.rows import RowSparse
    >>> table, gradient = np.array([[1.0], [1.0]]), RowSparse(np.array([1]), np.array([[1.0]]), num_rows=2)
    >>> state = adam_state(table)
    >>> adam_(table, gradient, state=state, lr=0.1)
    >>> adam_(table, 0 * gradient, state=state, lr=0.1)
    >>> table.round(3).tolist()
    [[1.0], [0.833]]
    """
    check_step("adam_", table, gradient, missing_rows)
    lr, b1, b2, eps = numbers("adam_", table, lr, betas, eps)
    weight_decay = number("adam_", "weight_decay", weight_decay, table, minimum=0)
    refuse_decay("adam_", weight_decay, missing_rows)
    more = _more("adam_", amsgrad, maximize, missing_rows)
    check_state("adam_", state, table, gradient, ("exp_avg", "exp_avg_sq"), more=more, everywhere=missing_rows == "dense")
    _step_(
        table, gradient, state, more=more, everywhere=missing_rows == "dense", lr=lr, b1=b1, b2=b2, shrink=1.0, eps=eps,
        weight_decay=weight_decay, maximize=maximize,
    )  # fmt: skip


@check.public
def adamw_(
    table, gradient, *, state, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, maximize=False,
    missing_rows="dense",
):  # fmt: skip
    """Take one step of AdamW: ``x = (1 - lr weight_decay) x``, then a step of `adam_` without weight decay.

    The shrinking is not divided by the root of v: all numbers shrink at one rate, however large their gradients are.

    Rows without a gradient shrink with "dense" and rest with "lazy". With "decay_on_touch" a row that gets a gradient first makes up
    for the k steps that it missed: ``x = (1 - lr weight_decay)^k x`` with the lr of this step, ``m = b1^k m``, ``v = b2^k v``. As in
    `adam_`, the way that m would have carried x in the meantime is not made up for.

    Parameters
    ----------
    table : ndarray (N, *shape), C-contiguous, writable
    gradient : RowSparse of that table, or dense ndarray like it
    state : `adamw_state` of that table, written in place
    lr, betas, eps, amsgrad, maximize
        As in `adam_`.
    weight_decay : float >= 0
    missing_rows : "dense", "lazy" or "decay_on_touch"
        Rows without a gradient: have one of zero; are neither read nor written; or shrink and fade once they get a gradient.

    Raises
    ------
    ValueError, TypeError
        Before anything is written, as in `adam_`.

    References
    ----------
    Loshchilov and Hutter, Decoupled weight decay regularization (ICLR 2019), algorithm 2, with the decay times lr as in
    torch.optim.AdamW.

    Examples
    --------
    >>> table = np.array([[1.0], [1.0]])
    >>> adamw_(table, np.array([[5.0], [0.0]]), state=adamw_state(table), lr=0.25, weight_decay=0.5)
    >>> table.round(6).tolist()
    [[0.625], [0.875]]
    """
    check_step("adamw_", table, gradient, missing_rows)
    lr, b1, b2, eps = numbers("adamw_", table, lr, betas, eps)
    weight_decay = number("adamw_", "weight_decay", weight_decay, table, minimum=0)
    more = _more("adamw_", amsgrad, maximize, missing_rows)
    check_state("adamw_", state, table, gradient, ("exp_avg", "exp_avg_sq"), more=more, everywhere=missing_rows == "dense")
    _step_(
        table, gradient, state, more=more, everywhere=missing_rows == "dense", lr=lr, b1=b1, b2=b2, shrink=1 - lr * weight_decay,
        eps=eps, weight_decay=0.0, maximize=maximize,
    )  # fmt: skip


def numbers(function, table, lr, betas, eps):
    """The numbers that Adam and its kin have in common, checked: lr, b1, b2, eps."""
    lr = number(function, "lr", lr, table, minimum=0)
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise TypeError(f"{function}: betas = {betas!r} is no pair; allowed: two numbers >= 0 and < 1")
    b1, b2 = (number(function, f"betas[{i}]", b, table, minimum=0, below=1) for i, b in enumerate(betas))
    eps = number(function, "eps", eps, table, minimum=float(np.finfo(compute_dtype(table.dtype)).tiny))
    return lr, b1, b2, eps


def _more(function, amsgrad, maximize, missing_rows):
    """What these options want of a state beside the two means."""
    check.choice(function, "maximize", maximize, (True, False))
    largest = ("max_exp_avg_sq",) if check.choice(function, "amsgrad", amsgrad, (True, False)) else ()
    return (*largest, *(("last_step",) if missing_rows == "decay_on_touch" else ()))


def _step_(table, gradient, state, *, more, everywhere, lr, b1, b2, shrink, **options):
    """Count the step, let rows fade that missed some, and walk."""
    step = state["step"] + 1
    means = (state["exp_avg"], state["exp_avg_sq"])
    largest = [state[name] for name in more if name == "max_exp_avg_sq"]
    length, root = lr / (1 - b1**step), math.sqrt(1 - b2**step)
    rule = partial(_adam, length=length, root=root, b1=b1, b2=b2, shrink=shrink, **options)
    with interrupts.deferred():
        state["step"] = step
        if "last_step" in more:
            fading = partial(fade, step=step, b1=b1, b2=b2, shrink=shrink)
            walk_(table, gradient, fading, arrays=(*means, state["last_step"]))
        walk_(table, gradient, rule, arrays=(*means, *largest), everywhere=everywhere)


def fade(g, x, m, v, last, *, step, b1, b2, shrink):
    """x, m, v, and the step in which they were touched last, after what the steps since `last` would have taken off them."""
    missed = step - 1 - last
    return faded(x, shrink, missed), faded(m, b1, missed), faded(v, b2, missed), np.full_like(last, step)


def _adam(g, x, m, v, *largest, length, root, b1, b2, eps, weight_decay, shrink, maximize):
    """The new x, m, v, and the largest v so far where that is kept."""
    g = downhill(g, x, weight_decay, maximize)
    m = mix(m, g, 1 - b1)
    v = fma(b2 * v, (1 - b2) * g, g)
    largest = tuple(np.maximum(old, v) for old in largest)
    (top,) = largest or (v,)
    return x * shrink + -length * m / (np.sqrt(top) / root + eps), m, v, *largest


def mix(a, b, weight):
    """``(1 - weight) a + weight b``, reckoned from the nearer end, as torch's `lerp` does.

    >>> mix(np.array([0.0, 1.0]), np.array([8.0, 8.0]), 0.25)
    array([2.  , 2.75])
    """
    if weight < 0.5:
        return fma(a, weight, b - a)
    return fma(b, a.dtype.type(weight) - 1, b - a)
