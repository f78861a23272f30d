"""Turn each row into weights that sum to one."""

import numpy as np

from ... import check
from ...numerics.extended import exp, floats, reach, where
from ...numerics.precision import to_float64


@check.public
def softmax(x, *, dim=-1, axis=...):
    """Turn each row into positive weights: ``s_i = exp(x_i - max x) / sum_j exp(x_j - max x)``.

    Parameters
    ----------
    x : ndarray (..., d), real
    dim : int, tuple of int, or None for all axes
        What is one row; by default the last axis. (torch's implicit axis depends on the number of axes.)
    axis
        Another name for `dim`.

    Returns
    -------
    ndarray like `x`

    Raises
    ------
    TypeError
        For complex rows, for which no weights are defined.

    Examples
    --------
    >>> softmax(np.log(np.array([[1.0, 3.0]])))
    array([[0.25, 0.75]])
    """
    w, dims = from_top("softmax", x, dim, axis)
    return np.asarray(weights(w, dims), x.dtype)


@check.public
def softmax_vjp(g, x, *, dim=-1, axis=...):
    """Subtract the weighted mean of `g`, then weigh: ``dx = s (g - sum s g)``.

    From ``ds_i = s_i (dx_i - sum_j s_j dx_j)``, a symmetric map, which is its own transpose. A constant added to `g` changes nothing,
    so the mean of `g` at the largest weights is taken off first: one weight near 1 would have the difference cancel there.

    Examples
    --------
    >>> softmax_vjp(np.array([[4.0, 0.0]]), np.log(np.array([[1.0, 3.0]])))
    array([[ 0.75, -0.75]])
    """
    w, dims = from_top("softmax_vjp", x, dim, axis)
    check.like("softmax_vjp", "g", g, x.shape, x.dtype, "x")
    return np.asarray(floats(reach(lambda g, w: weigh(g, weights(w, dims), dims), [to_float64(g), w])), x.dtype)


def weights(w, dims):
    """``exp(w) / sum exp(w)``, for `w` as `from_top` gives it."""
    s = exp(w)
    return s / s.sum(axis=dims, keepdims=True)


def weigh(g, s, dims):
    """``s (g - sum s g)`` for weights `s` of sum one: the vjp of softmax."""
    near = floats(s)
    top = near == near.max(axis=dims, keepdims=True, initial=0.0)
    g = g - where(top, g, 0.0).sum(axis=dims, keepdims=True) / np.maximum(top.sum(axis=dims, keepdims=True), 1)
    return s * (g - (s * g).sum(axis=dims, keepdims=True))


def from_top(function, x, dim, axis):
    """By how much each number is below the largest of its row, as wide floats <= 0; and the axes."""
    check.array(function, "x", x)
    if np.iscomplexobj(x):
        raise TypeError(f"{function}: x has dtype {x.dtype}; allowed: real rows, since weights are real")
    dims = check.dims(function, dim, axis, x.ndim)
    w = to_float64(x)
    with np.errstate(over="ignore"):  # -inf, of which the weight is zero
        return w - w.max(axis=dims, keepdims=True, initial=-np.inf), dims
