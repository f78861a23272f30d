"""Charge for the sum of powers of the entries."""

import math

import numpy as np

from ... import check
from ...numerics.extended import floats, reach, where
from ...numerics.precision import to_float64
from ..row_maps import norms


@check.public
def power_sum(x, *, weight=1.0, dim=-1, p=2.0, normalize=False, count="summed", slope_at_zero=0.0):
    """Charge for every entry by itself: ``weight mean_rows sum_i |x_i|^p``; with ``normalize=True`` divided by the row's d entries.

    For p = 2 this is weight decay on the rows that were looked up: long rows are pulled harder than short ones, in proportion. The
    mean is over the rows given: an id that comes twice counts twice. No row at all: 0 (NaN in PyKEEN).

    Parameters
    ----------
    x : ndarray (..., d), real or complex (then ``|x_i|`` are the moduli)
    weight : float
    dim : int, tuple of int, or None for one sum of all of x
    p : float >= 1, finite
    normalize : bool
        Divide by the number of entries, so that one weight does for any d.
    count : "summed" or "pykeen"
        Which entries are counted: those of one sum, or ``x.shape[-1]`` whatever `dim` is, as PyKEEN does.
    slope_at_zero
        Convention at the kink; only `power_sum_vjp` reads it.

    Returns
    -------
    float of the precision of x; inf, with NumPy's warning, where that cannot hold it

    Raises
    ------
    TypeError, ValueError
        For an x that is no array of floats, p < 1 or infinite, a wrong axis.

    References
    ----------
    pykeen.regularizers.PowerSumRegularizer (1.11.1). Lacroix et al., Canonical tensor decomposition for knowledge base completion
    (ICML 2018), section 4 (p = 3).

    Examples
    --------
    >>> float(power_sum(np.array([[3.0, 4.0], [0.0, 1.0]]))), float(power_sum(np.array([[3.0, 4.0]]), normalize=True))
    (13.0, 12.5)
    """
    scale, sums, p = _checked("power_sum", x, weight, dim, p, normalize, count, slope_at_zero)
    penalty = reach(lambda x: scale * sum_powers(x, p, None) / (sums or 1), [to_float64(x)])
    return x.real.dtype.type(floats(penalty, over=None))


@check.public
def power_sum_vjp(g, x, *, weight=1.0, dim=-1, p=2.0, normalize=False, count="summed", slope_at_zero=0.0):
    """Pull each entry towards zero, ``dx_i = g weight p |x_i|^(p-1) sign(x_i) / n`` for n rows, over d with `normalize`.

    The derivative of ``|x|^p``; for complex x the sign is the direction ``x / |x|``. For p = 1 it has a kink at 0, where
    `slope_at_zero` is taken for the derivative of ``|x_i|``; for other p it is 0 there.

    Parameters
    ----------
    g : float
    x, weight, dim, p, normalize, count
        As in `power_sum`.
    slope_at_zero : float in [-1, 1]

    Returns
    -------
    ndarray like `x`

    Examples
    --------
    >>> power_sum_vjp(1.0, np.array([[3.0, 4.0], [0.0, 1.0]]))
    array([[3., 4.],
           [0., 1.]])
    """
    scale, sums, p = _checked("power_sum_vjp", x, weight, dim, p, normalize, count, slope_at_zero)
    g = np.float64(check.cotangent("power_sum_vjp", g))
    d = reach(lambda g, x: g * scale / (sums or 1) * sum_powers_slope(x, p, slope_at_zero), [g, to_float64(x)])
    return np.asarray(floats(d, over=None), x.dtype)


def sum_powers(x, p, axes, keepdims=False):
    """``sum |x_i|^p`` along `axes`, of wide floats or extended numbers.

    >>> float(sum_powers(np.array([3.0, -4.0]), 2, None))
    25.0
    """
    return (abs(x) ** p).sum(axis=axes, keepdims=keepdims)


def sum_powers_slope(x, p, slope_at_zero):
    """Its derivative with respect to each entry.

    >>> sum_powers_slope(np.array([3.0, -4.0, 0.0]), 2, 0.0)
    array([ 6., -8.,  0.])
    """
    size = abs(x)
    if p == 1:
        return where(size == 0, slope_at_zero, norms.unit(x, size))
    return p * size ** (p - 1) * norms.unit(x, size)


def power(function, p):
    """`p` as a finite power.

    >>> power("power_sum", 2)
    2.0
    """
    p = check.order(function, p)
    if p == math.inf:
        raise ValueError(f"{function}: p = inf has no power; allowed: a finite p")
    return p


def _checked(function, x, weight, dim, p, normalize, count, slope_at_zero):
    """By what the mean sum is multiplied, of how many sums it is, and p."""
    check.array(function, "x", x, ndim=1)
    weight = check.real(function, "weight", weight)
    p = power(function, p)
    axes = check.axes(function, "dim", dim, x.ndim)
    check.choice(function, "normalize", normalize, (True, False))
    check.choice(function, "count", count, ("summed", "pykeen"))
    check.real(function, "slope_at_zero", slope_at_zero, -1, 1)
    if normalize:
        weight /= (x.shape[-1] if count == "pykeen" else math.prod(x.shape[a] for a in axes)) or 1
    return weight, math.prod(n for i, n in enumerate(x.shape) if i not in axes), p
