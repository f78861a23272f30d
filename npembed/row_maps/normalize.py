"""Bring each row to length one (`normalize`), or each complex entry (`complex_normalize`)."""

import numpy as np

from .. import check
from ..op import arithmetic, wide
from .norms import conventions, ldexp, nonzero, scaled, slope


def normalize(x, *, p=2.0, dim=-1, eps=1e-12, axis=..., zero_row="divide", ties="split", slope_at_zero=0.0):
    """Scale each row to length one: ``u = x / max(|x|_p, eps)``.

    A row shorter than `eps` is only divided by `eps`; the zero row stays zero. As a constrainer this is the projection onto the
    sphere (for p = 2, where it is unique: every row but zero); as a normalizer the length of the stored row no longer matters.

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
    w, _, (xs, length, _), _, small = _checked("normalize", x, p, dim, eps, axis, zero_row, ties, slope_at_zero)
    return np.where(small, over_eps(w, small, eps), xs / nonzero(length)).astype(x.dtype)


def normalize_vjp(g, x, *, p=2.0, dim=-1, eps=1e-12, axis=..., zero_row="divide", ties="split", slope_at_zero=0.0):
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

    Returns
    -------
    ndarray like `x`

    Examples
    --------
    >>> normalize_vjp(np.array([[0.0, 5.0]]), np.array([[3.0, 4.0]]))
    array([[-0.48,  0.36]])
    """
    checked = _checked("normalize_vjp", x, p, dim, eps, axis, zero_row, ties, slope_at_zero)
    _, p, (xs, length, e), dims, small = checked
    check.like("normalize_vjp", "g", g, x.shape, x.dtype, "x")
    d = unit_vjp(wide(g), xs, length, e, slope(xs, length, p, dims, ties, slope_at_zero), dims)
    d = np.where(small, over_eps(wide(g), small, eps), d)
    if zero_row == "stop" or eps == 0:
        d = np.where(length == 0, 0.0, d)
    return d.astype(x.dtype)


def over_eps(x, small, eps):
    """``x / eps`` where `small`; zero elsewhere, where it could overflow and is not needed."""
    return np.where(small, x, 0.0) / (eps or 1.0)


def unit_vjp(g, xs, length, e, s, dims):
    """``(g - s <g, u>) / n`` with ``u = xs / length`` and ``n = length * 2**e``."""
    u = xs / nonzero(length)
    inner = (np.conj(u) * g).real.sum(axis=dims, keepdims=True)
    return ldexp((g - s * inner) / nonzero(length), -e)


def _checked(function, x, p, dim, eps, axis, zero_row, ties, slope_at_zero):
    """The wide rows, p, the scaled rows, the axes, and where a row is shorter than eps."""
    check.array(function, "x", x)
    p = check.order(function, p)
    check.real(function, "eps", eps, minimum=0)
    check.choice(function, "zero_row", zero_row, ("divide", "stop"))
    conventions(function, ties, slope_at_zero)
    dims = check.dims(function, dim, axis, x.ndim)
    xs, length, e = scaled(x, p, dims)
    return wide(x), p, (xs, length, e), dims, ldexp(length, e) < eps


def complex_normalize(x):
    """Scale each complex entry to modulus one: ``u = z / max(|z|, eps)``, eps being the dtype's machine epsilon
    (float32's for float16).

    This keeps RotatE's relations rotations. Real rows are read as pairs (re, im) along the last axis, as PyKEEN does.

    Parameters
    ----------
    x : ndarray (..., d), complex; or real (..., 2 k)

    Returns
    -------
    ndarray like `x`

    Raises
    ------
    ValueError
        For real rows of odd length.

    References
    ----------
    Sun et al., RotatE (ICLR 2019), section 3.1 (the constraint ``|r_i| = 1``).

    Examples
    --------
    >>> complex_normalize(np.array([3 + 4j, 0j]))
    array([0.6+0.8j, 0. +0.j ])
    """
    z, length = _moduli("complex_normalize", x)
    return _as(z / length, x)


def complex_normalize_vjp(g, x):
    """Keep of `g` what turns the entry, and divide by its modulus.

    `normalize_vjp` for p = 2, entry by entry: ``dz = (g - u Re(conj(u) g)) / |z|``; where ``|z| < eps``: ``g / eps``.

    Examples
    --------
    >>> complex_normalize_vjp(np.array([5.0 + 0j]), np.array([3 + 4j]))
    array([0.64-0.48j])
    """
    z, length = _moduli("complex_normalize_vjp", x)
    check.like("complex_normalize_vjp", "g", g, x.shape, x.dtype, "x")
    g = _pairs("complex_normalize_vjp", g)
    u = z / length
    turn = g - u * (np.conj(u) * g).real
    return _as(np.where(np.abs(z) < length, g, turn) / length, x)


def _pairs(function, x):
    """`x` as complex128, real rows taken as pairs."""
    check.array(function, "x", x)
    if np.iscomplexobj(x):
        return wide(x)
    if x.ndim == 0 or x.shape[-1] % 2:
        raise ValueError(f"{function}: x has shape {x.shape} of reals; allowed: complex entries, or pairs: an even last axis")
    return np.ascontiguousarray(wide(x)).view(np.complex128)


def _moduli(function, x):
    z = _pairs(function, x)
    return z, np.maximum(np.abs(z), float(np.finfo(arithmetic(x.dtype)).eps))


def _as(z, x):
    """Complex `z` in the dtype of `x`, as pairs where that is real."""
    return np.asarray(z if np.iscomplexobj(x) else z.view(np.float64), x.dtype)
