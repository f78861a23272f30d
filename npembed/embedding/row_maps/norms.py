"""The p-norm of rows and its derivative, on which `normalize`, `clamp_norm` and TransE stand."""

import numpy as np

from ... import check
from ...numerics import exact
from ...numerics.extended import Extended, exponents, floats, ldexp, reach, where
from ...numerics.precision import to_float64
from ...op import Op


def scaled(x, p, dims, *, careful=False):
    """Rows brought near one, so that squares neither overflow nor vanish: ``x = xs * 2**e``.

    A power of two changes no digit: the norm of a row of ordinary size comes out to the bit as without it. `careful`: in double
    precision too the sum is right to more digits than the norm has, as it is for single precision anyway.

    Returns
    -------
    xs : ndarray like `x`, wide; the largest real or imaginary part is in [.5, 1), or the row is zero or not finite. If another entry
        is so small that it would vanish, and if `x` is extended: `Extended`
    norm : float64, the p-norm of `xs` along `dims`, which are kept with size 1
    e : int, the exponents, of the shape of `norm`
    """
    careful = careful and x.dtype.char in "dD"
    x = x if isinstance(x, Extended) else to_float64(x)
    e = exponents(x, dims)
    xs = reach(ldexp, [x], -e)
    near = floats(xs)
    size = np.abs(near)
    top = size.max(axis=dims, keepdims=True, initial=0.0)
    if p == np.inf:
        return xs, top, e
    ratio = near if p in (1, 2) else size / nonzero(top)
    if careful:
        powers = np.expand_dims(exact.sum_of_powers(exact.rows(ratio, dims), p)[0], dims)
    else:
        size = np.abs(ratio)
        powers = (size if p == 1 else size * size if p == 2 else size**p).sum(axis=dims, keepdims=True)
    norm = powers if p == 1 else np.sqrt(powers) if p == 2 else top * powers ** (1 / p)
    return xs, np.where(top == np.inf, top, norm), e  # inf / inf is NaN for other p


def full(length, e):
    """``length * 2**e``: the norms of the rows themselves, infinite where that is beyond all floats.

    >>> full(np.array([0.5, 0.5]), np.array([1, 1025]))
    array([ 1., inf])
    """
    return floats(reach(ldexp, [length], e))


def nonzero(x):
    """`x` with ones for zeros: a divisor for rows that are zero throughout."""
    return where(x == 0, 1.0, x)


def unit(xs, norm):
    """``xs / norm``, and 0 for the zero row; each part of a complex entry rounded once, which NumPy's complex quotient is not."""
    norm = nonzero(norm)
    return exact.joined(xs.real / norm, xs.imag / norm) if np.iscomplexobj(xs) else xs / norm


def slope(xs, norm, p, dims, ties="split", slope_at_zero=0.0):
    """The derivative of the p-norm with respect to each entry, with the conventions of `norm_vjp` at its kinks."""
    if p == 2:
        return unit(xs, norm)
    size = abs(xs)
    direction = unit(xs, size)
    if p == 1:
        return where(size == 0, slope_at_zero, direction)
    if p != np.inf:
        return direction * (size / nonzero(norm)) ** (p - 1)
    top = size == norm
    if ties == "first":
        if len(dims) != 1:
            raise ValueError(f"norm: ties = 'first' is not defined over {len(dims)} axes; allowed: one axis, or ties = 'split'")
        top &= np.cumsum(top, axis=dims[0]) == 1
    return direction * top / np.maximum(top.sum(axis=dims, keepdims=True), 1)


@check.public
def norm(x, *, p=2.0, dim=-1, ties="split", slope_at_zero=0.0):
    """Measure each row: ``|x|_p = (sum_i |x_i|^p)^(1/p)``, and ``max_i |x_i|`` for p = inf.

    Computed in float64 on scaled rows and rounded once, so 1e30 in float32 is no obstacle.

    Parameters
    ----------
    x : ndarray (..., d), real or complex
    p : float in [1, inf]
    dim : int, tuple of int, or None for all axes
    ties, slope_at_zero
        Read by `norm_vjp` only.

    Returns
    -------
    ndarray without the axes `dim`, real, of the precision of `x`

    Examples
    --------
    >>> norm(np.array([[3.0, -4.0]]), p=1), norm(np.array([[3.0, -4.0]])), norm(np.array([[3.0, -4.0]]), p=np.inf)
    (array([7.]), array([5.]), array([4.]))
    """
    _, dims, parts = _checked("norm", x, p, dim, ties, slope_at_zero)
    _, length, e = parts
    return np.asarray(np.squeeze(full(length, e), axis=dims), x.real.dtype)


@check.public
def norm_vjp(g, x, *, p=2.0, dim=-1, ties="split", slope_at_zero=0.0):
    """Spread `g` over the row along the derivative of its norm: ``dx = g s``.

    ``s_i = d|x|_p / dx_i``: ``x_i / |x|`` for p = 2, ``sign(x_i)`` for p = 1, ``sign(x_i) (|x_i| / |x|_p)^(p-1)`` between,
    and for p = inf the sign at the largest entry. The norm has kinks; the conventions are the peers' unless asked otherwise:
    zero at the zero row (p > 1), `slope_at_zero` (0) at each zero entry for p = 1, `ties` shared equally for p = inf.

    Parameters
    ----------
    g : ndarray, real, of the shape of ``norm(x)``
    x, p, dim
        As in `norm`.
    ties : "split" or "first"
        p = inf: every largest entry gets its share, or the first gets all.
    slope_at_zero : float in [-1, 1]
        p = 1: the derivative of ``|x_i|`` taken at ``x_i = 0``.

    Returns
    -------
    ndarray like `x`

    References
    ----------
    Petersen and Pedersen, The Matrix Cookbook (2012), equation 129 (p = 2).

    Examples
    --------
    >>> norm_vjp(np.array([10.0]), np.array([[3.0, -4.0]]))
    array([[ 6., -8.]])
    """
    p, dims, (xs, length, _) = _checked("norm_vjp", x, p, dim, ties, slope_at_zero)
    expected = tuple(n for i, n in enumerate(x.shape) if i not in dims)
    check.like("norm_vjp", "g", g, expected, x.real.dtype, "norm(x)")
    d = reach(pull, [to_float64(np.expand_dims(g, dims)), xs, length], p, dims, ties, slope_at_zero)
    return np.asarray(floats(d), x.dtype)


def pull(g, xs, norm, p, dims, ties="split", slope_at_zero=0.0):
    """``g s`` for the `slope` s of the norm."""
    return g * slope(xs, norm, p, dims, ties, slope_at_zero)


def _checked(function, x, p, dim, ties, slope_at_zero):
    """p and the axes, checked, and the scaled rows."""
    check.array(function, "x", x)
    p = check.order(function, p)
    dims = check.axes(function, "dim", dim, x.ndim)
    conventions(function, ties, slope_at_zero)
    return p, dims, scaled(x, p, dims)


def conventions(function, ties, slope_at_zero):
    """Check the two conventions at the kinks of a norm."""
    check.choice(function, "ties", ties, ("split", "first"))
    check.real(function, "slope_at_zero", slope_at_zero, -1, 1)


NORM = Op(norm, norm_vjp)
