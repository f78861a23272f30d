"""TransE: a relation is a translation from head to tail."""

import numpy as np

from ... import check
from ...embedding.row_maps.norms import full, nonzero, pull, scaled
from ...numerics.extended import floats, reach, where
from ...numerics.precision import to_float64
from ...op import unbroadcast


@check.public
def transe(h, r, t, *, p=1, power_norm=False, slope_at_zero=0.0):
    """Score by the distance that is left after the translation: ``f(h, r, t) = -|h + r - t|_p``.

    With `power_norm` the power is not undone: ``-sum_i |h_i + r_i - t_i|^p``. ``h + r`` alone may be too large for a float.

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
    return np.asarray(-distance(x, p, power_norm), dtype)


@check.public
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
    row, slopes = distance_vjp(x, p, power_norm, slope_at_zero)

    def gradients(g, *row):
        d = slopes(g, *row)
        return [unbroadcast(sign * d, a.shape) for sign, a in ((-1, h), (-1, r), (1, t))]

    found = reach(gradients, [to_float64(g)[..., None], *row])
    return tuple(floats(d, over=None).astype(h.dtype) for d in found)


def distance(x, p, power_norm):
    """``|x|_p``, or its p-th power, of rows of floats or of extended numbers, as floats.

    >>> distance(np.array([3.0, 4.0]), 2, power_norm=False)
    array(5.)
    """
    if power_norm:
        return floats(reach(lambda x: (abs(x) ** p).sum(axis=-1), [x]), over=None)
    _, length, e = scaled(x, p, (x.ndim - 1,))
    return np.squeeze(full(length, e), axis=-1)


def distance_vjp(x, p, power_norm, slope_at_zero):
    """What the gradient of `distance` is computed of, and the function that does so, for `g` with an axis of one at its end.

    >>> row, slopes = distance_vjp(np.array([3.0, 4.0]), 2, False, 0.0)
    >>> slopes(np.array([5.0]), *row)
    array([3., 4.])
    """
    if not power_norm:
        axes = (x.ndim - 1,)
        xs, length, _ = scaled(x, p, axes)
        return (xs, length), lambda g, xs, length: pull(g, xs, length, p, axes, slope_at_zero=slope_at_zero)

    def power(g, x):
        size = abs(x)
        direction = x / nonzero(size)
        if p == 1:
            direction = where(size == 0, slope_at_zero, direction)
        return g * p * size ** (p - 1) * direction

    return (x,), power


def _rest(function, h, r, t, p, power_norm, slope_at_zero):
    """h + r - t (in extended numbers if something is too large), p, and the dtype of the score."""
    dtype = check.rows(function, h=h, r=r, t=t)
    p = check.order(function, p)
    if power_norm and np.isinf(p):
        raise ValueError(f"{function}: p = inf has no power; allowed: a finite p, or power_norm = False")
    check.choice(function, "power_norm", power_norm, (True, False))
    check.real(function, "slope_at_zero", slope_at_zero, -1, 1)
    return reach(lambda h, r, t: h + r - t, [to_float64(h), to_float64(r), to_float64(t)]), p, np.empty(0, dtype).real.dtype
