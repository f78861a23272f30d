"""ComplEx: DistMult in complex numbers, which can tell head from tail."""

import numpy as np

from ... import check
from ...numerics.extended import floats, reach
from ...numerics.precision import to_float64
from ...op import unbroadcast


@check.public
def complex_bilinear(h, r, t):
    """Score by a three-way product, the tail conjugated: ``f(h, r, t) = Re sum_i h_i r_i conj(t_i)``.

    The conjugate makes the difference to DistMult: where r is imaginary, swapping head and tail changes the sign of the score;
    where r is real, it changes nothing. The literature's name for it, ComplEx, is a type in Python, hence the longer name here; in
    `INTERACTIONS` it is "complex". Terms are multiplied from left to right, each product rounded once; that ``h r`` alone would over- or
    underflow is no obstacle.

    Parameters
    ----------
    h, r, t : ndarray (..., d), complex, of one dtype; leading axes broadcast
        Real rows are refused: for them this would be DistMult. (PyKEEN takes pairs of reals for complex numbers.)

    Returns
    -------
    ndarray (...), real

    Raises
    ------
    ValueError, TypeError
        For shapes that do not broadcast, different d, real rows.

    References
    ----------
    Trouillon et al., Complex embeddings for simple link prediction (ICML 2016), equation 9.

    Examples
    --------
    >>> h, t, likes = np.array([1 + 1j]), np.array([3 + 0j]), np.array([2j])
    >>> complex_bilinear(h, likes, t), complex_bilinear(t, likes, h)
    (array(-6.), array(6.))
    """
    h, r, t, dtype = _checked("complex_bilinear", h, r, t)
    score = reach(lambda h, r, t: (h * r * t.conj()).real.sum(axis=-1), [h, r, t])
    return np.asarray(floats(score, over=None), dtype)


@check.public
def complex_bilinear_vjp(g, h, r, t):
    """The product rule: ``dh = g conj(r) t``, ``dr = g conj(h) t``, ``dt = g h r``, summed over broadcast axes.

    For real ``F = Re(a z)`` the gradient ``dF/dRe z + i dF/dIm z`` is ``conj(a)``. Of h the factor is ``a = r conj(t)``, of r it is
    ``h conj(t)``; and of t, since ``Re w = Re conj(w)``, it is ``conj(h r)``. As in `complex_bilinear`, no part of a product need be
    representable, if the gradient is.

    Parameters
    ----------
    g : ndarray (...), real, the shape of the score
    h, r, t
        As in `complex_bilinear`.

    Returns
    -------
    dh, dr, dt : ndarray, like `h`, `r`, `t`

    Examples
    --------
    >>> dh, dr, dt = complex_bilinear_vjp(np.array(1.0), np.array([1 + 1j]), np.array([2j]), np.array([3 + 0j]))
    >>> dh, dr, dt
    (array([0.-6.j]), array([3.-3.j]), array([-2.+2.j]))
    """
    x, y, z, dtype = _checked("complex_bilinear_vjp", h, r, t)
    check.like("complex_bilinear_vjp", "g", g, np.broadcast_shapes(h.shape, r.shape, t.shape)[:-1], dtype, "the score")

    def gradients(g, x, y, z):
        return [unbroadcast(d, a.shape) for d, a in ((g * y.conj() * z, h), (g * x.conj() * z, r), (g * x * y, t))]

    found = reach(gradients, [to_float64(g)[..., None], x, y, z])
    return tuple(floats(d, over=None).astype(h.dtype) for d in found)


def _checked(function, h, r, t):
    """The rows, wide, and the dtype of the score."""
    dtype = check.rows(function, h=h, r=r, t=t)
    if dtype.kind != "c":
        raise TypeError(f"{function}: h has dtype {dtype}; allowed: complex rows, since for real ones this would be distmult")
    return to_float64(h), to_float64(r), to_float64(t), np.empty(0, dtype).real.dtype
