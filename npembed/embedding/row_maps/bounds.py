"""Keep entries in an interval (`clamp`) or rows in a ball (`clamp_norm`)."""

import numpy as np

from ... import check
from ...numerics import exact
from ...numerics.extended import floats, reach, where
from ...numerics.kinks import EDGE
from ...numerics.precision import to_float64
from .normalize import over_eps, unit_vjp
from .norms import conventions, full, scaled, unit


@check.public
def clamp(x, *, min=None, max=None, edge="pass"):
    """Cut each entry off at `min` and `max` (rounded to the dtype): the nearest point of the box. NaN stays NaN.

    Parameters
    ----------
    x : ndarray, real
    min, max : float; one of them at least, ``min <= max``
    edge
        A convention at the kinks; only `clamp_vjp` reads it.

    Returns
    -------
    ndarray like `x`

    Raises
    ------
    TypeError, ValueError
        For complex rows (the order that a bound needs does not exist), no bound, bounds that cross.

    Examples
    --------
    >>> clamp(np.array([-2.0, 0.5, 3.0]), min=0, max=1)
    array([0. , 0.5, 1. ])
    """
    low, high = _bounds("clamp", x, min, max, edge)
    return np.where(x < low, low, np.where(x > high, high, x))


@check.public
def clamp_vjp(g, x, *, min=None, max=None, edge="pass"):
    """Pass `g` where the entry was inside, stop it where it was cut off: ``dx = g [min <= x <= max]``.

    Exactly at a bound the slope is 0 from one side and 1 from the other: ``edge="pass"`` takes 1 (torch 2.13), "stop" 0 (newer
    torch, HIPS autograd), "half" 1/2 (JAX). A NaN entry gets 0.

    Parameters
    ----------
    g : ndarray like `x`
    x, min, max
        As in `clamp`.
    edge : "pass", "stop" or "half"

    Examples
    --------
    >>> clamp_vjp(np.array([5.0, 5.0, 5.0]), np.array([-2.0, 0.5, 1.0]), min=0, max=1)
    array([0., 5., 5.])
    """
    low, high = _bounds("clamp_vjp", x, min, max, edge)
    check.like("clamp_vjp", "g", g, x.shape, x.dtype, "x")
    inside = (x > low) & (x < high)
    at_bound = (x == low) | (x == high)
    return np.asarray(g * (inside + EDGE[edge] * at_bound), x.dtype)


def _bounds(function, x, low, high, edge):
    check.array(function, "x", x)
    if np.iscomplexobj(x):
        raise TypeError(f"{function}: x has dtype {x.dtype}; allowed: real rows, since complex numbers have no order")
    check.choice(function, "edge", edge, ("pass", "stop", "half"))
    if low is None and high is None:
        raise ValueError(f"{function}: min and max are both missing; allowed: at least one bound")
    low = -np.inf if low is None else check.real(function, "min", low, finite=False)
    high = np.inf if high is None else check.real(function, "max", high, finite=False)
    if low > high:
        raise ValueError(f"{function}: min = {low:g} exceeds max = {high:g}; allowed: min <= max")
    return check.fits(function, "min", low, x.dtype), check.fits(function, "max", high, x.dtype)


@check.public
def clamp_norm(x, *, maxnorm, p="fro", dim=-1, eps=None, axis=..., edge="project", ties="split", slope_at_zero=0.0):
    """Bring rows that are too long to length `maxnorm`: ``x`` where ``|x|_p <= maxnorm``, else ``maxnorm x / |x|_p``.

    A projection onto the ball (for p = 2 to its nearest point): what is inside stays, to the bit, and what is outside ends on the
    boundary, or a few ulps inside (for p other than 1, 2 and inf, and complex rows other than p = 2, up to 21 in double precision).
    Never is the exact norm of a row of the result beyond `maxnorm`, so that doing it once more changes nothing. A row with NaN
    becomes NaN; of one with inf the infinite entries do, the others 0. (PyKEEN's default `dim` is None: one norm for the whole table.)

    Parameters
    ----------
    x : ndarray (..., d), real or complex
    maxnorm : float >= 0
    p : float in [1, inf], or "fro" for 2
    dim : int, tuple of int, or None for all axes
    eps : None, or float >= 0
        With a number PyKEEN's formula instead (its number is the dtype's machine epsilon), ``maxnorm x / max(|x|_p, eps)`` where
        ``|x|_p >= maxnorm`` by the norm in float64, which rounding may leave beyond the bound, and which leaves rows with
        ``maxnorm <= |x| < eps`` far inside.
    axis
        Another name for `dim`.
    edge, ties, slope_at_zero
        Conventions at the kinks; only `clamp_norm_vjp` reads them.

    Returns
    -------
    ndarray like `x`

    Examples
    --------
    >>> clamp_norm(np.array([[3.0, 4.0], [0.3, 0.4]]), maxnorm=1)
    array([[0.6, 0.8],
           [0.3, 0.4]])
    """
    w, maxnorm, p, dims, (xs, length, e), side = _ball("clamp_norm", x, maxnorm, p, dim, eps, axis, edge, ties, slope_at_zero)
    if eps is not None:
        short = full(length, e) < eps
        outside = reach(lambda w, xs, n: where(short, over_eps(w, short, eps), unit(xs, n)) * maxnorm, [w, xs, length])
        return np.where(side < 0, w, floats(outside)).astype(x.dtype)
    if (side <= 0).all():
        return w.astype(x.dtype)
    # where it takes many digits to tell inside from outside: just so far inside that it takes few
    radius = maxnorm if exact.sharp(x, p) else maxnorm * (1 - 1.25 * exact.NEAR)
    outside = floats(reach(lambda xs, n: unit(xs, n) * radius, [xs, length]))
    return _stepped_inside(np.where(side <= 0, w, outside).astype(x.dtype), maxnorm, p, dims)


@check.public
def clamp_norm_vjp(g, x, *, maxnorm, p="fro", dim=-1, eps=None, axis=..., edge="project", ties="split", slope_at_zero=0.0):
    """Pass `g` for rows inside the ball; for the others it is `normalize_vjp` times `maxnorm`.

    ``dx = g`` where ``n = |x|_p < maxnorm``, else ``maxnorm (g - s <g, u>) / n``, with ``u = x / n``, ``s = dn/dx``;
    ``maxnorm g / eps`` where ``n < eps``, if that is given. On the sphere itself ``edge="project"`` takes the second (as PyKEEN does),
    "pass" the first.

    Parameters
    ----------
    g : ndarray like `x`
    x, maxnorm, p, dim, eps, axis
        As in `clamp_norm`.
    edge : "project" or "pass"
    ties, slope_at_zero
        See `norm_vjp`.

    Examples
    --------
    >>> clamp_norm_vjp(np.array([[0.0, 5.0]]), np.array([[3.0, 4.0]]), maxnorm=10)
    array([[0., 5.]])
    """
    checked = _ball("clamp_norm_vjp", x, maxnorm, p, dim, eps, axis, edge, ties, slope_at_zero)
    _, maxnorm, p, dims, (xs, length, e), side = checked
    check.like("clamp_norm_vjp", "g", g, x.shape, x.dtype, "x")
    short = None if eps is None else full(length, e) < eps

    def outside(g, xs, n):
        d = maxnorm * unit_vjp(g, xs, n, e, p, dims, ties, slope_at_zero)
        return d if short is None else where(short, maxnorm * over_eps(g, short, eps), d)

    inside = side <= 0 if edge == "pass" else side < 0
    return np.where(inside, to_float64(g), floats(reach(outside, [to_float64(g), xs, length]))).astype(x.dtype)


def _ball(function, x, maxnorm, p, dim, eps, axis, edge, ties, slope_at_zero):
    """The wide rows, maxnorm, p, the axes, the scaled rows, and on which side of the sphere each is (-1 inside, 0 on it, 1)."""
    check.array(function, "x", x)
    maxnorm = check.real(function, "maxnorm", maxnorm, minimum=0)
    p = check.order(function, p)
    if eps is not None:
        check.real(function, "eps", eps, minimum=0)
    check.choice(function, "edge", edge, ("project", "pass"))
    conventions(function, ties, slope_at_zero)
    dims = check.dims(function, dim, axis, x.ndim)
    xs, length, e = scaled(x, p, dims, careful=True)
    w = to_float64(x)
    side = exact.compare(w, floats(xs), length, e, maxnorm, p, dims) if eps is None else np.sign(full(length, e) - maxnorm)
    return w, maxnorm, p, dims, (xs, length, e), side


def _stepped_inside(x, maxnorm, p, dims):
    """Rows that rounding has carried over the bound, each entry stepped towards zero by one ulp, as often as that takes."""
    while True:
        xs, length, e = scaled(x, p, dims, careful=True)
        over = (exact.compare(to_float64(x), floats(xs), length, e, maxnorm, p, dims) > 0) & np.isfinite(length)
        if not over.any():
            return x
        x = np.where(over, exact.towards_zero(x), x)
