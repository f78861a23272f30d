"""Bring each row to length one."""

import numpy as np

from ... import check
from ...numerics import exact
from ...numerics.double_double import check_precision, exact_quotient, exact_unit, exact_unit_vjp
from ...numerics.extended import floats, inner, ldexp, reach, where
from ...numerics.precision import to_float64
from .norms import conventions, full, scaled, slope, unit


@check.public
def normalize(x, *, p=2.0, dim=-1, eps=1e-12, axis=..., zero_row="divide", ties="split", slope_at_zero=0.0, precision=None):
    """Scale each row to length one: ``u = x / max(|x|_p, eps)``.

    A row shorter than `eps` is only divided by `eps`; the zero row stays zero. A row whose length, in float64, is within an ulp
    (the dtype's machine epsilon) of one stays as it is, to the bit, so that normalizing once more changes nothing. (Four ulps in double
    precision where powers, or moduli that are not squared, are added: there a length in float64 is no better.) As a constrainer this is
    the projection onto the sphere (for p = 2; from zero, where every point of it is as near, there is none); as a normalizer the length
    of the stored row no longer matters. A row with NaN becomes NaN; of one with inf the infinite entries do, the others 0.

    Parameters
    ----------
    x : ndarray (..., d), real or complex (then ``|x_i|`` are the moduli)
    p : float in [1, inf]
    dim : int, tuple of int, or None for all axes
        What is one row; by default the last axis. (torch's default is 1, which is the last only for matrices.)
    eps : float >= 0
    axis
        Another name for `dim`.
    zero_row, ties, slope_at_zero
        Conventions at the kinks; only `normalize_vjp` reads them.
    precision : None or "exact"
        None: computed in float64, rounded once. "exact", for p in {1, 2, inf} (complex rows: 2): each number is the nearest one of its
        dtype to ``x / max(|x|_p, eps)``, subnormal numbers included, and no row stays only because it is nearly of length one.

    Returns
    -------
    ndarray like `x`

    Raises
    ------
    TypeError, ValueError
        For `x` that is no array of floats, p < 1, no such axis, a negative or NaN `eps`.

    References
    ----------
    torch.nn.functional.normalize (formula); Bordes et al., Translating embeddings (NIPS 2013), algorithm 1, line 5 (as a
    constraint on entities).

    Examples
    --------
    >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    w, p, (xs, length, e), dims, small = _checked("normalize", x, p, dim, eps, axis, zero_row, ties, slope_at_zero, precision)
    u = floats(reach(unit, [xs, length]))
    if precision:
        u = exact_unit(w, p, dims, x.real.dtype, u)
    u = np.where(small, over_eps(w, small, eps, x.real.dtype if precision else None), u).astype(x.dtype)
    ulps = 1 if exact.sharp(x, p) or x.dtype.char in "fF" else 4
    stays = (np.abs(full(length, e) - 1) <= ulps * np.finfo(x.dtype).eps) & ~small & (precision is None)
    return np.where(stays, x, u)


@check.public
def normalize_vjp(
    g, x, *, p=2.0, dim=-1, eps=1e-12, axis=..., zero_row="divide", ties="split", slope_at_zero=0.0, precision=None
):  # fmt: skip
    """Remove from `g` its part along the row, and divide by the length.

    With ``n = |x|_p``, ``u = x / n``, ``s = dn/dx``: ``du = dx/n - x dn/n^2`` and ``dn = <s, dx>``, so the transpose is
    ``dx = (g - s <g, u>) / n``; for p = 2, ``s = u`` and ``dx = (g - u <u, g>) / n`` is orthogonal to the row: a normalizer
    lets no gradient through that would only change the length. Where ``n < eps``: ``dx = g / eps``.

    At the zero row that is a gradient of 1e12 times `g` (in float16 infinite); ``zero_row="stop"`` gives 0 there, as does ``eps=0``.

    Parameters
    ----------
    g : ndarray like `x`
    x, p, dim, eps, axis
        As in `normalize`.
    zero_row : "divide" or "stop"
        ``g / eps`` or 0 at a row that is zero throughout.
    ties, slope_at_zero
        See `norm_vjp`.
    precision : None or "exact"
        ``g - s <g, u>`` cancels where `g` is nearly parallel to the row, and what is left has few digits, if any. With "exact", for p
        in {1, 2, inf} (complex rows: 2), each number is the nearest one of its dtype even so, infinite beyond the largest.

    Returns
    -------
    ndarray like `x`

    Examples
    --------
    >>> normalize_vjp(np.array([[0.0, 5.0]]), np.array([[3.0, 4.0]]))
    array([[-0.48,  0.36]])
    """
    w, p, (xs, length, e), dims, small = _checked("normalize_vjp", x, p, dim, eps, axis, zero_row, ties, slope_at_zero, precision)
    check.like("normalize_vjp", "g", g, x.shape, x.dtype, "x")
    d = floats(reach(unit_vjp, [to_float64(g), xs, length], e, p, dims, ties, slope_at_zero))
    if precision:
        s = floats(reach(slope, [xs, length], p, dims, ties, slope_at_zero))
        d = exact_unit_vjp(to_float64(g), w, s, p, dims, x.real.dtype, d)
    d = np.where(small, over_eps(to_float64(g), small, eps, x.real.dtype if precision else None), d)
    if zero_row == "stop" or eps == 0:
        d = np.where(length == 0, 0.0, d)
    return d.astype(x.dtype)


def over_eps(x, small, eps, dtype=None):
    """``x / eps`` where `small`, rounded once to the reals of `dtype` if one is given; zero elsewhere, where it could overflow."""
    x = where(small, x, 0.0)
    return unit(x, eps) if dtype is None else exact_quotient(x, eps or 1.0, dtype)


def unit_vjp(g, xs, length, e, p, dims, ties, slope_at_zero):
    """``(g - s <g, u>) / n`` with ``u = xs / length``, ``n = length * 2**e`` and the slope s."""
    s = slope(xs, length, p, dims, ties, slope_at_zero)
    return ldexp(unit(g - s * inner(unit(xs, length), g, dims), length), -e)


def _checked(function, x, p, dim, eps, axis, zero_row, ties, slope_at_zero, precision):
    """The wide rows, p, the scaled rows, the axes, and where a row is shorter than eps."""
    check.array(function, "x", x)
    p = check.order(function, p)
    check.real(function, "eps", eps, minimum=0)
    check.choice(function, "zero_row", zero_row, ("divide", "stop"))
    conventions(function, ties, slope_at_zero)
    dims = check.dims(function, dim, axis, x.ndim)
    check_precision(function, precision, x, p)
    xs, length, e = scaled(x, p, dims, careful=True)
    small = exact.compare(to_float64(x), floats(xs), length, e, eps, p, dims) < 0
    return to_float64(x), p, (xs, length, e), dims, small
