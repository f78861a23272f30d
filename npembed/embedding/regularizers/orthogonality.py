"""Charge for two rows that are not at right angles."""

import numpy as np

from ... import check
from ...numerics.extended import floats, reach, where
from ...numerics.kinks import EDGE, hinge_slope
from ...numerics.precision import to_float64
from ..row_maps import normalize, normalize_vjp


@check.public
def orthogonality(a, b, *, weight=1.0, epsilon=1e-5, limit="squared", eps=1e-8, edge="stop"):
    """Charge for the angle between rows: ``weight sum_rows relu(cos(a, b)^2 - epsilon^2)``, nothing where ``|cos| <= epsilon``.

    The cosine is ``<a, b> / (max(|a|, eps) max(|b|, eps))``: a zero row is at right angles to everything. A sum over the rows given,
    not a mean. It knows of no training mode, and costs what it costs whenever it is asked.

    Parameters
    ----------
    a, b : ndarray (..., d), real, of one shape and dtype
        In TransH the normals of hyperplanes, and the translations in them.
    weight : float
    epsilon : float >= 0, how far from zero the cosine may be
    limit : "squared" or "pykeen"
        What is subtracted: ``epsilon**2``, as in the paper and as the words "cosine at most epsilon" say, or `epsilon` itself, as in
        PyKEEN, where with its default of 1e-5 a cosine of .003 is free.
    eps : float >= 0
    edge
        Convention at the kink; only `orthogonality_vjp` reads it.

    Returns
    -------
    float of the dtype of `a`

    Raises
    ------
    TypeError, ValueError
        For complex rows, and for arrays of different shape or dtype.

    References
    ----------
    Wang et al., Knowledge graph embedding by translating on hyperplanes (AAAI 2014), equation 4 (of relations).
    pykeen.regularizers.OrthogonalityRegularizer (1.11.1).

    Examples
    --------
    >>> float(orthogonality(np.array([[3.0, 4.0], [1.0, 0.0]]), np.array([[2.0, 0.0], [0.0, 7.0]]), epsilon=0.1))
    0.35
    """
    weight, _, _, _, excess, _ = _checked("orthogonality", a, b, weight, epsilon, limit, eps, edge)
    penalty = reach(lambda excess: weight * where(excess <= 0, 0.0, excess).sum(), [excess])
    return a.dtype.type(floats(penalty, over=None))


@check.public
def orthogonality_vjp(g, a, b, *, weight=1.0, epsilon=1e-5, limit="squared", eps=1e-8, edge="stop"):
    """Turn the rows towards right angles: with u, v the rows at length one, ``du = 2 g weight cos v`` where too near.

    ``cos = <u, v>``, so ``d(cos^2) = 2 cos (<du, v> + <u, dv>)``; then `normalize_vjp` for each, which leaves no part that would only
    change a length. At the limit exactly, in float64, ``edge="stop"`` takes the slope 0 (as torch does), "pass" 1, "half" 1/2.

    Parameters
    ----------
    g : float
    a, b, weight, epsilon, limit, eps
        As in `orthogonality`.
    edge : "stop", "pass" or "half"

    Returns
    -------
    da, db : ndarray like `a`

    Examples
    --------
    >>> da, db = orthogonality_vjp(1.0, np.array([[3.0, 4.0]]), np.array([[2.0, 0.0]]))
    >>> da.round(4), db.round(4)
    (array([[ 0.1536, -0.1152]]), array([[0.  , 0.48]]))
    """
    weight, u, v, cosine, excess, eps = _checked("orthogonality_vjp", a, b, weight, epsilon, limit, eps, edge)
    share = (2 * check.cotangent("orthogonality_vjp", g) * weight * hinge_slope(excess, edge) * cosine)[..., None]
    return tuple(normalize_vjp(share * other, to_float64(x), eps=eps).astype(x.dtype) for other, x in ((v, a), (u, b)))


def _checked(function, a, b, weight, epsilon, limit, eps, edge):
    """The weight, the rows at length one, their cosines, by how much each square exceeds the limit, and eps."""
    check.array(function, "a", a, ndim=1)
    if np.iscomplexobj(a):
        raise TypeError(
            f"{function}: a has dtype {a.dtype}; allowed: real rows, since angles between complex ones are not agreed on"
        )
    check.like(function, "b", b, a.shape, a.dtype, "a")
    weight = check.real(function, "weight", weight)
    epsilon = check.real(function, "epsilon", epsilon, minimum=0)
    check.choice(function, "limit", limit, ("squared", "pykeen"))
    eps = check.real(function, "eps", eps, minimum=0)
    check.choice(function, "edge", edge, tuple(EDGE))
    u, v = normalize(to_float64(a), eps=eps), normalize(to_float64(b), eps=eps)
    cosine = (u * v).sum(axis=-1)
    allowed = epsilon if limit == "pykeen" else epsilon**2
    return weight, u, v, cosine, reach(lambda c: abs(c) ** 2 - allowed, [cosine]), eps
