"""Charge for the length of rows."""

import math

import numpy as np

from ... import check
from ...numerics.extended import floats, ldexp, reach
from ...numerics.precision import to_float64
from ..row_maps.norms import conventions, pull, scaled
from .expected import expected_norm


@check.public
def lp(x, *, weight=1.0, dim=-1, p=2.0, normalize=False, expected="exact", ties="split", slope_at_zero=0.0):
    """Charge for length: ``weight mean |x|_p``, over all rows of x; with ``normalize=True`` divided by `expected_norm`.

    It is the norm itself, not its square or p-th power, so short rows are pulled as hard as long ones. The mean is over the rows
    given, not over the table: an id that comes twice in a batch counts twice. No row at all: 0 (NaN in PyKEEN). The result has the
    precision of x (in PyKEEN always float32, which a float64 loss that it is added to then becomes).

    Parameters
    ----------
    x : ndarray (..., d), real or complex
    weight : float
    dim : int, tuple of int, or None for one norm of all of x
    p : float in [1, inf]
    normalize : bool
        Divide by the length that a row of standard normal numbers has on average, so that one weight does for any d.
    expected : "exact" or "pykeen"
        Which average, see `expected_norm`. PyKEEN's presets (weights such as 0.1 for DistMult) go with "pykeen", which counts
        ``d = x.shape[-1]`` whatever `dim` is; "exact" counts the entries of one norm. Complex entries count once in both.
    ties, slope_at_zero
        Conventions at the kinks of the norm; only `lp_vjp` reads them.

    Returns
    -------
    float of the precision of x

    Raises
    ------
    ValueError
        For p < 1, a wrong axis, and what `expected_norm` refuses.

    References
    ----------
    pykeen.regularizers.LpRegularizer (1.11.1).

    Examples
    --------
    >>> float(lp(np.array([[3.0, 4.0], [0.0, 1.0]]), weight=0.5))
    1.5
    """
    scale, count, p, axes = _checked("lp", x, weight, dim, p, normalize, expected, ties, slope_at_zero)
    _, length, e = scaled(to_float64(x), p, axes)
    return x.real.dtype.type(floats(reach(lambda n: scale * ldexp(n, e).sum() / count, [length]), over=None))


@check.public
def lp_vjp(g, x, *, weight=1.0, dim=-1, p=2.0, normalize=False, expected="exact", ties="split", slope_at_zero=0.0):
    """Pull each row back along the derivative of its norm, ``dx = g weight (d|x|_p / dx) / (n E)`` for n rows.

    The mean gives each norm a cotangent of ``g weight / n``, and `norm_vjp` carries it to the row; E is the expected norm, or 1. For
    p = 2 all rows are pulled with the same strength, towards zero; a zero row is left alone, by the convention of `norm_vjp`.

    Parameters
    ----------
    g : float
    x, weight, dim, p, normalize, expected
        As in `lp`.
    ties, slope_at_zero
        As in `norm_vjp`.

    Returns
    -------
    ndarray like `x`

    Examples
    --------
    >>> lp_vjp(1.0, np.array([[3.0, 4.0], [0.0, 1.0]]))
    array([[0.3, 0.4],
           [0. , 0.5]])
    """
    scale, count, p, axes = _checked("lp_vjp", x, weight, dim, p, normalize, expected, ties, slope_at_zero)
    xs, length, _ = scaled(to_float64(x), p, axes)
    g = np.float64(check.cotangent("lp_vjp", g))
    d = reach(lambda g, xs, n: pull(g * scale / count, xs, n, p, axes, ties, slope_at_zero), [g, xs, length])
    return floats(d, over=None).astype(x.dtype)


def _checked(function, x, weight, dim, p, normalize, expected, ties, slope_at_zero):
    """By what the mean norm is multiplied, of how many norms it is (1 of none), p, and the axes of one norm."""
    check.array(function, "x", x, ndim=1)
    weight = check.real(function, "weight", weight)
    p = check.order(function, p)
    axes = check.axes(function, "dim", dim, x.ndim)
    check.choice(function, "normalize", normalize, (True, False))
    check.choice(function, "expected", expected, ("exact", "pykeen"))
    conventions(function, ties, slope_at_zero)
    sizes = [x.shape[a] for a in axes]
    if normalize:
        weight /= expected_norm(p, x.shape[-1] if expected == "pykeen" else math.prod(sizes), expected=expected)
    return weight, math.prod(n for i, n in enumerate(x.shape) if i not in axes) or 1, p, axes
