"""Charge for what is too long, and for nothing else."""

import numpy as np

from ... import check
from ...numerics.extended import floats, ldexp, reach, where
from ...numerics.kinks import EDGE, hinge_slope
from ...numerics.precision import to_float64
from ..row_maps.norms import scaled, slope
from .power_sum import power, sum_powers, sum_powers_slope


@check.public
def norm_limit(
    x, *, weight=1.0, dim=-1, p=2.0, power_norm=True, max_norm=1.0, edge="stop", ties="split", slope_at_zero=0.0
):  # fmt: skip
    """Charge for length beyond a limit: ``weight sum_rows relu(N - max_norm)``, with ``N = sum_i |x_i|^p``, or ``|x|_p``.

    A soft `clamp_norm`: short rows are free, and long ones may stay if the loss is worth it. It is a sum over the rows given, not a
    mean as in `lp`, so it grows with the batch; and with `power_norm` what is limited is the power, by `max_norm` as it stands (a
    row of length 2 costs 3 for p = 2).

    Parameters
    ----------
    x : ndarray (..., d), real or complex
    weight : float
    dim : int, tuple of int, or None for one norm of all of x
    p : float in [1, inf] (finite with `power_norm`)
    power_norm : bool
    max_norm : float
    edge, ties, slope_at_zero
        Conventions at the kinks; only `norm_limit_vjp` reads them.

    Returns
    -------
    float of the precision of x; inf, with NumPy's warning, where that cannot hold it

    Raises
    ------
    TypeError, ValueError
        For an x that is no array of floats, p < 1, a wrong axis.

    References
    ----------
    pykeen.regularizers.NormLimitRegularizer (1.11.1). Wang et al., Knowledge graph embedding by translating on hyperplanes (AAAI
    2014), equation 4 (of entities).

    Examples
    --------
    >>> float(norm_limit(np.array([[0.0, 2.0], [0.5, 0.5]]))), float(norm_limit(np.array([[0.0, 2.0]]), power_norm=False))
    (3.0, 1.0)
    """
    weight, excess, *_ = _checked("norm_limit", x, weight, dim, p, power_norm, max_norm, edge, ties, slope_at_zero)
    penalty = reach(lambda excess: weight * where(excess <= 0, 0.0, excess).sum(), [excess])
    return x.real.dtype.type(floats(penalty, over=None))


@check.public
def norm_limit_vjp(
    g, x, *, weight=1.0, dim=-1, p=2.0, power_norm=True, max_norm=1.0, edge="stop", ties="split", slope_at_zero=0.0
):  # fmt: skip
    """Pull in the rows that are too long: ``dx = g weight dN/dx`` where ``N > max_norm``, 0 elsewhere.

    ``dN/dx`` is ``p |x_i|^(p-1) sign(x_i)`` with `power_norm`, else that of `norm_vjp`. Where N is `max_norm` exactly, in float64,
    ``edge="stop"`` takes the slope 0 (as torch does), "pass" 1, "half" 1/2.

    Parameters
    ----------
    g : float
    x, weight, dim, p, power_norm, max_norm
        As in `norm_limit`.
    edge : "stop", "pass" or "half"
    ties, slope_at_zero
        As in `norm_vjp`.

    Returns
    -------
    ndarray like `x`

    Examples
    --------
    >>> norm_limit_vjp(1.0, np.array([[0.0, 2.0], [0.5, 0.5]]))
    array([[0., 4.],
           [0., 0.]])
    """
    checked = _checked("norm_limit_vjp", x, weight, dim, p, power_norm, max_norm, edge, ties, slope_at_zero)
    weight, excess, row, slopes = checked
    kept = hinge_slope(excess, edge)
    g = np.float64(check.cotangent("norm_limit_vjp", g))
    d = reach(lambda g, *row: g * weight * kept * slopes(*row), [g, *row])
    return floats(d, over=None).astype(x.dtype)


def _checked(function, x, weight, dim, p, power_norm, max_norm, edge, ties, slope_at_zero):
    """The weight, by how much each norm exceeds the limit, and of what its slope is computed, and how."""
    check.array(function, "x", x, ndim=1)
    weight = check.real(function, "weight", weight)
    check.choice(function, "power_norm", power_norm, (True, False))
    p = power(function, p) if power_norm else check.order(function, p)
    axes = check.axes(function, "dim", dim, x.ndim)
    max_norm = check.real(function, "max_norm", max_norm)
    check.choice(function, "edge", edge, tuple(EDGE))
    check.choice(function, "ties", ties, ("split", "first"))
    check.real(function, "slope_at_zero", slope_at_zero, -1, 1)
    if power_norm:
        excess = reach(lambda x: sum_powers(x, p, axes, keepdims=True) - max_norm, [to_float64(x)])
        return weight, excess, [to_float64(x)], lambda x: sum_powers_slope(x, p, slope_at_zero)
    xs, length, e = scaled(to_float64(x), p, axes)
    excess = reach(lambda n: ldexp(n, e) - max_norm, [length])
    return weight, excess, [xs, length], lambda xs, n: slope(xs, n, p, axes, ties, slope_at_zero)
