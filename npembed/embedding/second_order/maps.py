"""The vjps of the vjps of the row maps.

Each takes what its vjp takes, behind a cotangent `v` like the rows, and gives ``(dg, dx)``, the gradients of ``<v, vjp(g, x)>``. A vjp is
linear in `g`: ``dg`` is what the map itself does to a small change `v` of the row, its derivative forward. What is constant near `x`
(an entry that was cut off, a row shorter than `eps`) has ``dx = 0``. At a kink of the map the options of the vjp say which of its sides is
meant, and that side is differentiated; where the vjp itself bends without a slope (a tie for p = inf, a zero entry for p < 2, whose slope
grows without bound), what is equal, or zero, counts as staying so. Both are computed in float64 and rounded once.
"""

import numpy as np

from ... import check
from ...numerics.extended import floats, inner, ldexp, reach, where
from ...numerics.precision import to_float64
from ...op import Op
from ..row_maps import (
    clamp_norm_vjp,
    clamp_vjp,
    complex_normalize_vjp,
    normalize_vjp,
    quaternion_normalize_vjp,
    softmax_vjp,
)
from ..row_maps.blocks import _fours, _joined, _pairs
from ..row_maps.bounds import _ball
from ..row_maps.normalize import _checked, over_eps
from ..row_maps.norms import full, nonzero, slope, unit
from ..row_maps.softmax import from_top, weigh, weights


@check.public
def normalize_vjp_vjp(
    v, g, x, *, p=2.0, dim=-1, eps=1e-12, axis=..., zero_row="divide", ties="split", slope_at_zero=0.0, precision=None
):  # fmt: skip
    """Differentiate ``<v, d / n>``, with ``d = g - s <u, g>``, ``u = x / n``, ``n = |x|_p`` and its slope ``s = dn/dx``.

    In `g` that is linear: ``dg = (v - u <s, v>) / n``. In `x` three things depend on it, and each brings a term:
    ``1 / n``, of which ``-s / n^2`` is the slope; ``<u, g>``, of which it is ``d / n``; and `s`, whose slope is the second derivative H of
    the norm: ``dx = -(s <v, d> + <s, v> d + <u, g> n H v) / n^2``. For p = 2, ``n H v = v - u <u, v>``.
    Where ``n < eps``: ``dg = v / eps``, ``dx = 0``.

    Parameters
    ----------
    v : ndarray like `x`
        The cotangent of what `normalize_vjp` gives.
    g, x, p, dim, eps, axis, zero_row, ties, slope_at_zero
        As in `normalize_vjp`.
    precision : None or "exact"
        As in `normalize_vjp`, which is differentiated either way; here it promises nothing.

    Returns
    -------
    dg, dx : ndarrays like `x`

    Examples
    --------
    >>> v, g, x = np.array([[5.0, 0.0]]), np.array([[0.0, 5.0]]), np.array([[3.0, 4.0]])
    >>> normalize_vjp_vjp(v, g, x)
    (array([[ 0.64, -0.48]]), array([[0.064, 0.552]]))
    """
    about = _checked("normalize_vjp_vjp", x, p, dim, eps, axis, zero_row, ties, slope_at_zero, precision)
    _, p, (xs, length, e), dims, small = about
    _alike("normalize_vjp_vjp", v, g, x)
    dg, dx = map(floats, reach(unit_vjp_vjp, [to_float64(v), to_float64(g), xs, length], e, p, dims, ties, slope_at_zero))
    dg, dx = np.where(small, over_eps(v, small, eps), dg), np.where(small, 0.0, dx)
    if zero_row == "stop" or eps == 0:
        dg, dx = np.where(length == 0, 0.0, dg), np.where(length == 0, 0.0, dx)
    return dg.astype(x.dtype), dx.astype(x.dtype)


def unit_vjp_vjp(v, g, xs, length, e, p, dims, ties, slope_at_zero):
    """The two gradients of ``<v, (g - s <u, g>) / n>``, as `normalize_vjp_vjp` has them, for ``n = length * 2**e``."""
    u, s = unit(xs, length), slope(xs, length, p, dims, ties, slope_at_zero)
    sv, ug = inner(s, v, dims), inner(u, g, dims)
    d = g - s * ug
    dg = unit(v - u * sv, length)
    dx = -unit(unit(s * inner(v, d, dims) + d * sv + bent(v, u, s, sv, p) * ug, length), length)
    return ldexp(dg, -e), ldexp(dx, -2 * e)


def bent(v, u, s, sv, p):
    """How the slope `s` of the p-norm changes as the row moves along `v`, times the norm: ``n H v``, for ``sv = <s, v>``.

    With ``s_i = c_i |u_i|^(p-1)`` and the direction ``c_i = x_i / |x_i|`` of an entry (a sign; of a complex one, of modulus one) `v` is
    split in what lengthens the entry, ``c_i <c_i, v_i>``, and what turns it, which is nothing for real ones:
    ``n H v = |u|^(p-2) (turning + (p - 1) lengthening) - (p - 1) s <s, v>``. For p = inf only turning the largest changes `s`.

    >>> bent(np.array([0.0, 5.0]), np.array([0.6, 0.8]), np.array([0.6, 0.8]), 4.0, 2)
    array([-2.4,  1.8])
    """
    if p == 2:
        return v - u * sv
    size = abs(u)
    direction = unit(u, size)
    lengthening = direction * inner(direction, v, ())
    turning = v - lengthening
    if p == np.inf:
        return turning * abs(s)
    if p == 1:
        return where(size == 0, 0.0, unit(turning, size))
    power = where(size == 0, 0.0, nonzero(size) ** (p - 2))
    return power * (turning + (p - 1) * lengthening) - (p - 1) * s * sv


@check.public
def complex_normalize_vjp_vjp(v, g, x, *, eps=0.0, zero_row="divide"):
    """Differentiate ``<v, (g - u Re(conj(u) g)) / |z|>``, entry by entry.

    `normalize_vjp_vjp` on the pairs (re, im).

    Parameters
    ----------
    v : ndarray like `x`
    g, x, eps, zero_row
        As in `complex_normalize_vjp`.

    Returns
    -------
    dg, dx : ndarrays like `x`

    Examples
    --------
    >>> complex_normalize_vjp_vjp(np.array([5.0 + 0j]), np.array([5j]), np.array([3 + 4j]))
    (array([0.64-0.48j]), array([0.064+0.552j]))
    """
    return _blockwise("complex_normalize_vjp_vjp", _pairs, v, g, x, eps, zero_row)


@check.public
def quaternion_normalize_vjp_vjp(v, g, x, *, eps=1e-12, zero_row="divide"):
    """Differentiate ``<v, (g - u <u, g>) / |q|>``, four numbers by four.

    `normalize_vjp_vjp` on blocks of four.

    Parameters
    ----------
    v : ndarray like `x`
    g, x, eps, zero_row
        As in `quaternion_normalize_vjp`.

    Returns
    -------
    dg, dx : ndarrays like `x`

    Examples
    --------
    >>> v, g, x = (np.array([a, b, 0.0, 0.0]) for a, b in ((5, 0), (0, 5), (3, 4)))
    >>> quaternion_normalize_vjp_vjp(v, g, x)[1][:2]
    array([0.064, 0.552])
    """
    return _blockwise("quaternion_normalize_vjp_vjp", _fours, v, g, x, eps, zero_row)


@check.public
def clamp_vjp_vjp(v, g, x, *, min=None, max=None, edge="pass"):
    """Differentiate ``<v, g [min <= x <= max]>``: ``dg = v [min <= x <= max]``, and ``dx = 0``.

    The slope is 0 or 1 (at a bound what `edge` says), and stays so near `x`.

    Parameters
    ----------
    v : ndarray like `x`
    g, x, min, max, edge
        As in `clamp_vjp`.

    Returns
    -------
    dg, dx : ndarrays like `x`

    Examples
    --------
    >>> clamp_vjp_vjp(np.array([5.0, 5.0]), np.array([1.0, 1.0]), np.array([-2.0, 0.5]), min=0)
    (array([0., 5.]), array([0., 0.]))
    """
    check.array("clamp_vjp_vjp", "x", x)
    _alike("clamp_vjp_vjp", v, g, x)
    return clamp_vjp(v, x, min=min, max=max, edge=edge), np.zeros_like(x)


@check.public
def clamp_norm_vjp_vjp(v, g, x, *, maxnorm, p="fro", dim=-1, eps=None, axis=..., edge="project", ties="split", slope_at_zero=0.0):
    """Pass `v` to `g` for rows inside the ball; for the others it is `normalize_vjp_vjp` times `maxnorm`.

    Inside, the vjp is `g` itself: ``dg = v``, ``dx = 0``. Outside it is ``maxnorm (g - s <u, g>) / n``, whose gradients are `maxnorm`
    times those of `normalize_vjp_vjp`; where ``n < eps``, if that is given, ``dg = maxnorm v / eps`` and ``dx = 0``.

    Parameters
    ----------
    v : ndarray like `x`
    g, x, maxnorm, p, dim, eps, axis, edge, ties, slope_at_zero
        As in `clamp_norm_vjp`.

    Returns
    -------
    dg, dx : ndarrays like `x`

    Examples
    --------
    >>> v, g, x = np.array([[5.0, 0.0]]), np.array([[0.0, 5.0]]), np.array([[3.0, 4.0]])
    >>> clamp_norm_vjp_vjp(v, g, x, maxnorm=10)
    (array([[5., 0.]]), array([[0., 0.]]))
    """
    checked = _ball("clamp_norm_vjp_vjp", x, maxnorm, p, dim, eps, axis, edge, ties, slope_at_zero)
    _, maxnorm, p, dims, (xs, length, e), side = checked
    _alike("clamp_norm_vjp_vjp", v, g, x)
    short = None if eps is None else full(length, e) < eps

    def outside(v, g, xs, n):
        dg, dx = (maxnorm * d for d in unit_vjp_vjp(v, g, xs, n, e, p, dims, ties, slope_at_zero))
        return (dg, dx) if short is None else (where(short, maxnorm * over_eps(v, short, eps), dg), where(short, 0.0, dx))

    dg, dx = map(floats, reach(outside, [to_float64(v), to_float64(g), xs, length]))
    inside = side <= 0 if edge == "pass" else side < 0
    return np.where(inside, v, dg).astype(x.dtype), np.where(inside, 0.0, dx).astype(x.dtype)


@check.public
def softmax_vjp_vjp(v, g, x, *, dim=-1, axis=...):
    """Differentiate ``<v, s (g - m(g))>``, with ``m(g) = sum s g`` the mean of `g` by the weights.

    That is the covariance ``m(v g) - m(v) m(g)``, in which `v` and `g` may change places: ``dg = softmax_vjp(v, x)``. Its slopes in the
    weights are ``v g - v m(g) - m(v) g``, which softmax's own vjp takes to `x`; a constant more is nothing to it, so
    ``dx = softmax_vjp((v - m(v)) (g - m(g)), x)``. The factors are what softmax_vjp gives for `v` and `g`, over the weights.

    Parameters
    ----------
    v : ndarray like `x`
    g, x, dim, axis
        As in `softmax_vjp`.

    Returns
    -------
    dg, dx : ndarrays like `x`

    Examples
    --------
    >>> v, g, x = np.array([[4.0, 0.0]]), np.array([[0.0, 8.0]]), np.log(np.array([[1.0, 3.0]]))
    >>> softmax_vjp_vjp(v, g, x)
    (array([[ 0.75, -0.75]]), array([[-3.,  3.]]))
    """
    check.array("softmax_vjp_vjp", "x", x)
    _alike("softmax_vjp_vjp", v, g, x)
    w, dims = from_top("softmax_vjp_vjp", x, dim, axis)

    def gradients(v, g, w):
        s = weights(w, dims)
        dg, weighted = weigh(v, s, dims), weigh(g, s, dims)
        return dg, weigh(unit(dg, s) * unit(weighted, s), s, dims)

    dg, dx = map(floats, reach(gradients, [to_float64(v), to_float64(g), w]))
    return dg.astype(x.dtype), dx.astype(x.dtype)


def _alike(function, v, g, x):
    check.like(function, "v", v, x.shape, x.dtype, "x")
    check.like(function, "g", g, x.shape, x.dtype, "x")


def _blockwise(function, blocks, v, g, x, eps, zero_row):
    """`normalize_vjp_vjp` of each block, in the shape of `x`."""
    rows = blocks(function, "x", x)
    _alike(function, v, g, x)
    found = normalize_vjp_vjp(blocks(function, "v", v), blocks(function, "g", g), rows, eps=eps, zero_row=zero_row)
    return tuple(_joined(d, x) for d in found)


SECOND_ORDER = {
    "normalize": Op(normalize_vjp, normalize_vjp_vjp),
    "softmax": Op(softmax_vjp, softmax_vjp_vjp),
    "complex_normalize": Op(complex_normalize_vjp, complex_normalize_vjp_vjp),
    "quaternion_normalize": Op(quaternion_normalize_vjp, quaternion_normalize_vjp_vjp),
    "clamp": Op(clamp_vjp, clamp_vjp_vjp),
    "clamp_norm": Op(clamp_norm_vjp, clamp_norm_vjp_vjp),
}
"""For each of `npembed.embedding.row_maps.NORMALIZERS`: pairs of its vjp and the vjp of that."""
