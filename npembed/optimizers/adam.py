"""Adam: momentum, divided by the size that gradients had of late."""

import math
from functools import partial

import numpy as np

from .. import check
from .rowwise import check_state, check_step, decayed, fused, number, walk_


def adam_state(table):
    """What `adam_` remembers of a table: how many steps were taken, and the running means of gradients and of their squares.

    Examples
    --------
    >>> adam_state(np.ones(2))
    {'step': 0, 'exp_avg': array([0., 0.]), 'exp_avg_sq': array([0., 0.])}
    """
    check.table("adam_state", table)
    return {"step": 0, "exp_avg": np.zeros(table.shape, table.dtype), "exp_avg_sq": np.zeros(table.shape, table.dtype)}


def adam_(table, gradient, *, state, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, untouched="dense"):
    """Take one step of Adam, number by number, t being the number of this step::

        g = g + weight_decay x
        m = b1 m + (1 - b1) g
        v = b2 v + (1 - b2) g^2
        x = x - lr m' / (sqrt(v') + eps)       m' = m / (1 - b1^t), v' = v / (1 - b2^t)

    m and v start at zero, which is too small; m' and v' make up for it. A number that gets no more gradients goes on moving
    for some ten steps, since m outlives them: with "dense", a row that no batch mentions is not at rest.

    With ``untouched="lazy"`` rows without a gradient wait: x, m and v are neither read nor written, while t counts on for all. That
    is the rule of torch.optim.SparseAdam but for eps, which there stands inside of the correction (``sqrt(v) + eps`` over
    ``sqrt(1 - b2^t)``: in the first step a thirtieth of it weighs as much), and but for weight decay, which it has not. Real and
    imaginary part of a complex number count as two numbers, as in torch.

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
        Adds the gradient of ``weight_decay / 2 |x|^2`` before all else (torch.optim.Adam; not AdamW).
    untouched : "dense" or "lazy"
        Rows without a gradient: have one of zero, or are neither read nor written.

    Raises
    ------
    ValueError, TypeError
        Before anything is written: a gradient or state of another shape or dtype, numbers out of range, arrays that are
        read-only or overlap.

    References
    ----------
    Kingma and Ba, Adam: a method for stochastic optimization (ICLR 2015), algorithm 1. torch.optim.Adam.

    Examples
    --------
    >>> from npembed.rows import RowSparse
    >>> table, gradient = np.array([[1.0], [1.0]]), RowSparse(np.array([1]), np.array([[1.0]]), num_rows=2)
    >>> state = adam_state(table)
    >>> adam_(table, gradient, state=state, lr=0.1)
    >>> adam_(table, 0 * gradient, state=state, lr=0.1)
    >>> table.round(3).tolist()
    [[1.0], [0.833]]
    """
    check_step("adam_", table, gradient, untouched)
    lr = number("adam_", "lr", lr, table, minimum=0)
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise TypeError(f"adam_: betas = {betas!r} is no pair; allowed: two numbers >= 0 and < 1")
    b1, b2 = (number("adam_", f"betas[{i}]", b, table, minimum=0, below=1) for i, b in enumerate(betas))
    eps = number("adam_", "eps", eps, table, minimum=float(np.finfo(table.dtype).tiny))
    weight_decay = number("adam_", "weight_decay", weight_decay, table, minimum=0)
    check_state("adam_", state, table, gradient, ("exp_avg", "exp_avg_sq"), counter="step")
    state["step"] += 1
    length, root = lr / (1 - b1 ** state["step"]), math.sqrt(1 - b2 ** state["step"])
    rule = partial(_adam, length=length, root=root, b1=b1, b2=b2, eps=eps, weight_decay=weight_decay)
    walk_(table, gradient, rule, arrays=(state["exp_avg"], state["exp_avg_sq"]), everywhere=untouched == "dense")


def _adam(g, x, m, v, *, length, root, b1, b2, eps, weight_decay):
    """The new x, m and v."""
    g = decayed(g, x, weight_decay)
    m = mix(m, g, 1 - b1)
    v = fused(b2 * v, (1 - b2) * g, g)
    return x + -length * m / (np.sqrt(v) / root + eps), m, v


def mix(a, b, weight):
    """``(1 - weight) a + weight b``, reckoned from the nearer end, as torch's `lerp` does.

    >>> mix(np.array([0.0, 1.0]), np.array([8.0, 8.0]), 0.25)
    array([2.  , 2.75])
    """
    if weight < 0.5:
        return fused(a, weight, b - a)
    return fused(b, a.dtype.type(weight) - 1, b - a)
