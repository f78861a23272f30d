"""DistMult: a diagonal bilinear form."""

import numpy as np

from ... import check
from ...numerics.extended import floats, reach
from ...numerics.precision import to_float64
from ...op import unbroadcast


@check.public
def distmult(h, r, t):
    """Score by a three-way product: ``f(h, r, t) = sum_i h_i r_i t_i``.

    Symmetric in head and tail: it cannot tell (a, likes, b) from (b, likes, a). Terms are multiplied from left to right, each product
    rounded once; that ``h r`` alone would over- or underflow is no obstacle.

    Parameters
    ----------
    h, r, t : ndarray (..., d), real, of one dtype; leading axes broadcast

    Returns
    -------
    ndarray (...)

    Raises
    ------
    ValueError, TypeError
        For shapes that do not broadcast, different d, complex rows.

    References
    ----------
    Yang et al., Embedding entities and relations for learning and inference in knowledge bases (ICLR 2015), equation 2.

    Examples
    --------
    >>> distmult(np.array([1.0, 2.0]), np.array([1.0, 10.0]), np.array([3.0, 4.0]))
    array(83.)
    """
    h, r, t, dtype = _checked("distmult", h, r, t)
    return np.asarray(floats(reach(lambda h, r, t: (h * r * t).sum(axis=-1), [h, r, t]), over=None), dtype)


@check.public
def distmult_vjp(g, h, r, t):
    """The product rule: ``dh = g r t``, ``dr = g h t``, ``dt = g h r``, summed over broadcast axes.

    As in `distmult`, no part of a product need be representable, if the gradient is.

    Parameters
    ----------
    g : ndarray (...), the shape of the score
    h, r, t
        As in `distmult`.

    Returns
    -------
    dh, dr, dt : ndarray, like `h`, `r`, `t`

    Examples
    --------
    >>> dh, dr, dt = distmult_vjp(np.array(1.0), np.array([1.0, 2.0]), np.array([1.0, 10.0]), np.array([3.0, 4.0]))
    >>> dh
    array([ 3., 40.])
    """
    h, r, t, dtype = _checked("distmult_vjp", h, r, t)
    check.like("distmult_vjp", "g", g, np.broadcast_shapes(h.shape, r.shape, t.shape)[:-1], dtype, "the score")

    def gradients(g, h, r, t):
        return [unbroadcast(d, x.shape) for d, x in ((g * r * t, h), (g * h * t, r), (g * h * r, t))]

    return tuple(floats(d, over=None).astype(dtype) for d in reach(gradients, [to_float64(g)[..., None], h, r, t]))


def _checked(function, h, r, t):
    dtype = check.rows(function, h=h, r=r, t=t)
    if dtype.kind == "c":
        raise TypeError(f"{function}: h has dtype {dtype}; allowed: real rows, since a score is a real number")
    return to_float64(h), to_float64(r), to_float64(t), dtype
