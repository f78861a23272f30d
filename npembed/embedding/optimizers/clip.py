"""Shorten gradients before a step: all together by their norm, or each number by itself. New gradients come back."""

import math

import numpy as np

from ... import check
from ...numerics.precision import compute_dtype, to_compute_dtype, to_float64
from ..rows import RowSparse
from .rowwise import BLOCK, values


@check.public
def clip_grad_norm(gradients, max_norm, norm_type=2.0, *, eps=1e-6, error_if_nonfinite=False):
    """Scale all gradients by one factor, so that together they are no longer than `max_norm`: ``g min(1, max_norm / (n + eps))``.

    n is the norm of all numbers of all gradients, as one long vector; of a complex number the modulus counts. Rows without a
    gradient add nothing, so that a RowSparse has the norm of its dense form, to the bit. What is short enough stays as it is. With eps
    a long gradient ends a little short of `max_norm`; ``eps=0`` is exact but for rounding.

    If one number is infinite, the factor is 0 and that number becomes NaN; if one is NaN, all become NaN, as in torch.

    Parameters
    ----------
    gradients : list of RowSparse and dense ndarrays, one for each table
    max_norm : float >= 0; with inf only the norm is found out
    norm_type : float > 0, or inf for the largest number
    eps : float >= 0, torch's 1e-6
    error_if_nonfinite : bool
        Refuse a norm that is not finite.

    Returns
    -------
    list of gradients like the given ones, all new
    total_norm : float, n before the clipping

    Raises
    ------
    ValueError, TypeError
        For arguments of another kind or out of range.

    References
    ----------
    Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks (ICML 2013), algorithm 1.
    torch.nn.utils.clip_grad_norm_ (which sums in the dtype of the gradients, and refuses sparse ones).

    Examples
    --------
    >>> sparse = RowSparse(np.array([1]), np.array([[3.0]]), num_rows=2)
    >>> clipped, norm = clip_grad_norm([sparse, np.array([4.0])], max_norm=1.0, eps=0)
    >>> clipped[0].values.round(6), clipped[1].round(6), norm
    (array([[0.6]]), array([0.8]), 5.0)
    """
    _check("clip_grad_norm", gradients)
    max_norm = check.real("clip_grad_norm", "max_norm", max_norm, minimum=0, finite=False)
    norm_type = check.real("clip_grad_norm", "norm_type", norm_type, above=0, finite=False)
    eps = check.real("clip_grad_norm", "eps", eps, minimum=0)
    check.choice("clip_grad_norm", "error_if_nonfinite", error_if_nonfinite, (True, False))
    norm = total_norm(gradients, norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise ValueError(f"clip_grad_norm: the norm of gradients is {norm}; allowed: finite with error_if_nonfinite = True")
    factor = 1.0 if norm + eps <= max_norm else max_norm / (norm + eps)
    with np.errstate(invalid="ignore"):  # 0 * inf
        return [_like(g, np.asarray(values(g) * compute_dtype(g.dtype).type(factor), g.dtype)) for g in gradients], norm


@check.public
def clip_grad_value(gradients, clip_value):
    """Cut each number off at ``-clip_value`` and `clip_value`. NaN stays NaN. The direction of a gradient may change.

    Parameters
    ----------
    gradients : list of RowSparse and dense ndarrays, real
    clip_value : float >= 0

    Returns
    -------
    list of gradients like the given ones, all new

    Raises
    ------
    TypeError, ValueError
        For complex gradients, which have no order (torch refuses them too), and for arguments of another kind or out of range.

    References
    ----------
    torch.nn.utils.clip_grad_value_ (which refuses sparse gradients).

    Examples
    --------
    >>> clip_grad_value([np.array([-3.0, 0.5, 2.0])], clip_value=1.0)
    [array([-1. ,  0.5,  1. ])]
    """
    _check("clip_grad_value", gradients)
    clip_value = check.real("clip_grad_value", "clip_value", clip_value, minimum=0, finite=False)
    for i, g in enumerate(gradients):
        if g.dtype.kind == "c":
            raise TypeError(
                f"clip_grad_value: gradients[{i}] has dtype {g.dtype}; allowed: real, since complex numbers have no order"
            )
    return [
        _like(g, _cut(values(g), check.fits("clip_grad_value", "clip_value", clip_value, compute_dtype(g.dtype))))
        for g in gradients
    ]


def _cut(x, bound):
    """`x`, cut off on either side."""
    return np.asarray(np.minimum(np.maximum(to_compute_dtype(x), -bound), bound), x.dtype)


def total_norm(gradients, norm_type):
    """The p-norm of all numbers of all gradients, in float64: one sum for each row, then row after row.

    >>> total_norm([np.array([3.0]), np.array([[-4.0]], np.float32)], 2.0)
    5.0
    """
    largest = float(np.max([r.max(initial=0.0) for g in gradients for r in _sizes(g)], initial=0.0))
    if math.isinf(norm_type) or not 0 < largest < math.inf:
        return largest
    sums = [((r / largest) ** norm_type).sum(axis=1) for g in gradients for r in _sizes(g)]  # at most one each: nothing overflows
    with np.errstate(over="ignore"):
        return largest * float(np.cumsum(np.concatenate(sums))[-1] ** (1 / norm_type))


def _sizes(gradient):
    """The sizes of its numbers in float64, a row for each row, some rows at a time; between two of these Ctrl-C is seen."""
    x = values(gradient).reshape(len(values(gradient)), math.prod(gradient.shape[1:]))
    step = max(1, BLOCK // max(1, x.shape[1]))
    for lo in range(0, len(x), step):
        yield np.abs(to_float64(np.ascontiguousarray(x[lo : lo + step])))


def _like(gradient, new):
    """A gradient like the given one of `new` values."""
    return RowSparse(gradient.rows.copy(), new, gradient.num_rows) if isinstance(gradient, RowSparse) else new


def _check(function, gradients):
    """Check a list of gradients."""
    if not isinstance(gradients, (list, tuple)):
        raise TypeError(f"{function}: gradients is a {type(gradients).__name__}; allowed: a list of RowSparse and dense ndarrays")
    for i, g in enumerate(gradients):
        if not isinstance(g, RowSparse):
            check.table(function, g, f"gradients[{i}]")
