"""TransE: a relation is a translation from head to tail."""

import numpy as np

from .. import check
from ..op import unbroadcast, wide
from ..row_maps import norm, norm_vjp


def transe(h, r, t, *, p=1, power_norm=False, slope_at_zero=0.0):
    """Score by the distance that is left after the translation: ``f(h, r, t) = -|h + r - t|_p``.

    With `power_norm` the power is not undone: ``-sum_i |h_i + r_i - t_i|^p``.

    Parameters
    ----------
    h, r, t : ndarray (..., d), real or complex, of one dtype; leading axes broadcast
    p : float in [1, inf] (finite with `power_norm`)
    power_norm : bool
    slope_at_zero
        Convention at the kink; only `transe_vjp` reads it.

    Returns
    -------
    ndarray (...), real

    Raises
    ------
    ValueError, TypeError
        For shapes that do not broadcast, different d, p < 1.

    References
    ----------
    Bordes et al., Translating embeddings for modeling multi-relational data (NIPS 2013), section 2.

    Examples
    --------
    >>> h, r, t = np.array([1.0, 2.0]), np.array([1.0, 0.0]), np.array([5.0, -2.0])
    >>> transe(h, r, t), transe(h, r, t, p=2), transe(h, r, t, p=2, power_norm=True)
    (array(-7.), array(-5.), array(-25.))
    """
    x, p, dtype = _rest("transe", h, r, t, p, power_norm, slope_at_zero)
    if power_norm:
        return np.asarray(-(np.abs(x) ** p).sum(axis=-1), dtype)
    return np.asarray(-norm(x, p=p), dtype)


def transe_vjp(g, h, r, t, *, p=1, power_norm=False, slope_at_zero=0.0):
    """With ``x = h + r - t``: ``dh = dr = -g s`` and ``dt = g s``, ``s`` being the derivative of the norm at x.

    ``s`` is that of `norm_vjp`; with `power_norm` ``s_i = p |x_i|^(p-1) sign(x_i)``. For p = 1 each ``x_i = 0`` is a kink,
    where ``slope_at_zero`` (0, in [-1, 1]) is taken for the derivative of ``|x_i|``.

    Parameters
    ----------
    g : ndarray (...), real, the shape of the score
    h, r, t, p, power_norm
        As in `transe`.

    Returns
    -------
    dh, dr, dt : ndarray, like `h`, `r`, `t`

    Examples
    --------
    >>> dh, dr, dt = transe_vjp(np.array(1.0), np.array([1.0, 2.0]), np.array([1.0, 0.0]), np.array([5.0, -2.0]))
    >>> dh, dt
    (array([ 1., -1.]), array([-1.,  1.]))
    """
    x, p, dtype = _rest("transe_vjp", h, r, t, p, power_norm, slope_at_zero)
    check.like("transe_vjp", "g", g, x.shape[:-1], dtype, "the score")
    g = wide(g)
    if power_norm:
        size = np.abs(x)
        direction = x / np.where(size == 0, 1.0, size)
        if p == 1:
            direction = np.where(size == 0, slope_at_zero, direction)
        d = g[..., None] * p * size ** (p - 1) * direction
    else:
        d = norm_vjp(g, x, p=p, slope_at_zero=slope_at_zero)
    return tuple(unbroadcast(sign * d, a.shape).astype(a.dtype) for sign, a in ((-1, h), (-1, r), (1, t)))


def _rest(function, h, r, t, p, power_norm, slope_at_zero):
    """h + r - t, p, and the dtype of the score."""
    dtype = check.rows(function, h=h, r=r, t=t)
    p = check.order(function, p)
    if power_norm and np.isinf(p):
        raise ValueError(f"{function}: p = inf has no power; allowed: a finite p, or power_norm = False")
    check.choice(function, "power_norm", power_norm, (True, False))
    check.real(function, "slope_at_zero", slope_at_zero, -1, 1)
    return wide(h) + wide(r) - wide(t), p, np.empty(0, dtype).real.dtype
