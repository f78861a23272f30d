"""Rows of length one and their vjp, each number the nearest one of its dtype, also where nearly all of it cancels.

Numbers are kept as two floats, ``hi + lo`` (double-double, some 100 bits). Where even these might not do, because the numerator of a
derivative cancels, a number is tiny beside the others of its row, the result is nearly subnormal, or it is so near to the middle
between two floats that either may be the nearest, that entry is computed in fractions.

References
----------
Dekker, A floating-point technique for extending the available precision (Numer. Math. 18, 1971); Higham, Accuracy and Stability of
Numerical Algorithms (2002), section 3.1 (why a relative error bound decides where to look again); Ziv, Fast evaluation of elementary
mathematical functions with correctly rounded last bit (ACM Transactions on Mathematical Software 17, 1991).
"""

import math
from fractions import Fraction

import numpy as np

from .. import check
from .exact import joined, parts, rows, sharp, sum_of_powers, total, two_sum

TINY = 2.0**-400
"""Beside the largest of its row: below, a product's own rounding (or the scaling of a row) may have underflowed."""
SMALL = 2.0**-900
"""Of a result: below, its second float may have underflowed."""
OFF = 2.0**-96
"""Of the terms of a sum of double-doubles, and of a quotient: what these are off by at the most; it is some 20 times 2**-104."""


def product(a, b):
    """``a * b`` as two floats, exactly, unless something under- or overflows.

    >>> hi, lo = product(np.float64(1 / 3), np.float64(1 / 7))
    >>> Fraction(float(hi)) + Fraction(float(lo)) == Fraction(1 / 3) * Fraction(1 / 7)
    True
    """
    (a1, a2), (b1, b2), p = _halves(a), _halves(b), a * b
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


def times(a, b):
    """The product of two double-doubles, pairs (hi, lo)."""
    p, rest = product(a[0], b[0])
    return two_sum(p, rest + (a[0] * b[1] + a[1] * b[0]))


def minus(a, b):
    """The difference of two double-doubles; off by 2**-104 of the two, not of what they leave."""
    s, rest = two_sum(a[0], -b[0])
    return two_sum(s, rest + (a[1] - b[1]))


def over(a, b):
    """The quotient of two double-doubles."""
    q = a[0] / b[0]
    p, rest = product(q, b[0])
    return two_sum(q, ((a[0] - p) - rest + (a[1] - q * b[1])) / b[0])


def root(a):
    """The square root of a double-double > 0."""
    s = np.sqrt(a[0])
    p, rest = product(s, s)
    return two_sum(s, ((a[0] - p) - rest + a[1]) / (2 * s))


def check_precision(function, precision, x, p):
    """Check that `precision` is None or "exact", and that there is such a thing for these rows and this p.

    >>> check_precision("example", "exact", np.ones(2), 2)
    """
    check.choice(function, "precision", precision, (None, "exact"))
    if precision and not sharp(x, p):
        rows_, allowed = ("complex", "2") if np.iscomplexobj(x) else ("real", "1, 2 or inf")
        raise ValueError(
            f"{function}: p = {p:g} with precision = 'exact' and {rows_} rows; allowed: {allowed}, or precision = None"
        )


def rounded(hi, lo, dtype):
    """The number of `dtype` that is nearest to ``hi + lo``, where that of float64 is `hi`; as float64.

    Where something was rounded off, the odd one of the two float64 on either side takes its place, which lies in no middle.

    >>> middle = 1 + 2.0**-24
    >>> rounded(np.full(3, middle), np.array([-1e-30, 0.0, 1e-30]), np.float32) - 1
    array([0.0000000e+00, 0.0000000e+00, 1.1920929e-07])
    """
    if dtype == np.float64:
        return hi
    even = np.asarray(hi, np.float64).view(np.int64) % 2 == 0
    return np.where(even & (lo != 0), np.nextafter(hi, np.copysign(np.inf, lo)), hi).astype(dtype).astype(np.float64)


def exact_quotient(x, divisor, dtype):
    """``x / divisor`` rounded once to the reals of `dtype`, of which `x` is, made wide.

    Of less than float64 the double-double is enough: a quotient by 53 bits that is no middle is further from it than 2**-80 of itself.

    >>> exact_quotient(np.array([1.0]), 3.0, np.float32)
    array([0.33333334])
    """
    if np.iscomplexobj(x):
        return joined(exact_quotient(x.real, divisor, dtype), exact_quotient(x.imag, divisor, dtype))
    if dtype == np.float64:
        return x / divisor
    m, k = np.frexp(divisor)
    hi, lo = over((x, 0.0), (m, 0.0))
    return rounded(np.ldexp(hi, -k), np.ldexp(lo, -k), dtype)


def exact_unit(x, p, dims, dtype, otherwise):
    """``x / |x|_p`` for p = 1, 2 and inf (complex x: 2), rounded once to the reals of `dtype`; `otherwise` for rows that are 0 or not
    finite.

    >>> x = np.array([[3.0, 4.0], [0.0, 0.0]])
    >>> exact_unit(x, 2, (1,), np.float64, x)
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    flat, back = _rows(x, dims)
    xs, _ = _near_one(flat)
    with np.errstate(all="ignore"):
        hi, lo = over((xs, 0.0), _length(xs, p))
    sound = _sound(flat)
    doubtful = sound & (_is_tiny(flat, xs) | _may_round_otherwise(hi, lo, _off(xs, np.abs(xs)), dtype))
    out = _settled(hi, lo, doubtful, dtype, lambda i, j: _unit_in_fractions(flat[i], j, p))
    return np.where(back(np.broadcast_to(sound, out.shape)), back(out), otherwise)


def exact_unit_vjp(g, x, s, p, dims, dtype, otherwise):
    """``(g - s <g, u>) / n`` for ``u = x / n``, ``n = |x|_p`` and its derivative `s`, rounded once, as `exact_unit`.

    Over one denominator nothing is rounded before the difference: ``(g S - x <x, g>) / S^(3/2)`` with ``S = sum x^2`` for p = 2,
    ``(g n - s <x, g>) / n^2`` for the others, where `s` is a sign (p = 1), or one over the k largest entries (p = inf).

    >>> g, x = np.array([[0.0, 5.0]]), np.array([[3.0, 4.0]])
    >>> exact_unit_vjp(g, x, x / 5, 2, (1,), np.float64, otherwise=g)
    array([[-0.48,  0.36]])
    """
    flat, back = _rows(x, dims)
    g, _ = _rows(g, dims)
    slopes, _ = _rows(s, dims)
    largest = (slopes != 0).sum(axis=1, keepdims=True) if p == np.inf else np.ones((len(flat), 1))
    slopes = np.sign(slopes) if p == np.inf else slopes
    (xs, e), (gs, f) = _near_one(flat), _near_one(g)
    ss = xs if p == 2 else slopes
    with np.errstate(all="ignore"):
        length = _length(xs, p)
        square = _sums(product(xs, xs)) if p == 2 else times((largest, 0.0), length)
        inner = _sums(product(xs, gs))
        first, second = times((gs, 0.0), square), times((ss, 0.0), inner)
        difference = minus(first, second)
        hi, lo = (np.ldexp(part, f - e) for part in over(difference, times(square, length)))
    sound = _sound(flat) & np.isfinite(g).all(axis=1, keepdims=True)
    tiny = _has_tiny(flat, xs) | _has_tiny(g, gs)
    doubtful = sound & (tiny | _may_round_otherwise(hi, lo, _off(difference[0], _terms(first, ss, xs, gs)), dtype))
    out = _settled(
        hi, lo, doubtful, dtype, lambda i, j: _vjp_in_fractions(g[i], flat[i], slopes[i], j, int(largest[i].item()), p)
    )
    return np.where(back(np.broadcast_to(sound, out.shape)), back(out), otherwise)


def _halves(x):
    """`x` as the sum of two floats of 26 bits each."""
    big = 134217729.0 * x
    high = big - (big - x)
    return high, x - high


def _rows(x, dims):
    """`x` as real rows (n, d), moved and in parts, and the way back."""
    moved = rows(x, dims)
    flat = parts(moved)

    def back(out):
        out = out.reshape(flat.shape)
        if np.iscomplexobj(x):
            halves = out[..., : moved.shape[-1]], out[..., moved.shape[-1] :]
            out = halves[0] if out.dtype == bool else joined(*halves)
        kept = [n for i, n in enumerate(x.shape) if i not in dims]
        return np.moveaxis(out.reshape(*kept, *(x.shape[i] for i in dims)), range(-len(dims), 0), dims)

    return flat.reshape(math.prod(flat.shape[:-1]), flat.shape[-1]), back


def _near_one(x):
    """Rows (n, d) as ``xs * 2**e`` with the largest entry of `xs` in [.5, 1)."""
    e = np.frexp(np.abs(x).max(axis=1, keepdims=True, initial=0.0))[1]
    with np.errstate(all="ignore"):
        return np.ldexp(x, -e), e


def _length(xs, p):
    """The p-norm of each row, a double-double (n, 1)."""
    if p == np.inf:
        return np.abs(xs).max(axis=1, keepdims=True, initial=0.0), 0.0
    powers = tuple(v[:, None] for v in sum_of_powers(xs, p))
    return root(powers) if p == 2 else powers


def _sums(terms):
    """The sum of each row of double-doubles, (n, 1)."""
    return tuple(v[:, None] for v in total(*terms))


def _is_tiny(x, xs):
    """Which numbers of rows that were brought near one are below `TINY` there (or have become zero), but are not zero."""
    return (x != 0) & (np.abs(xs) < TINY)


def _has_tiny(x, xs):
    """Which rows have such numbers, (n, 1)."""
    return _is_tiny(x, xs).any(axis=1, keepdims=True)


def _terms(first, ss, xs, gs):
    """The sizes of all terms of ``first - s <x, g>``, added up."""
    return np.abs(first[0]) + np.abs(ss) * np.abs(xs * gs).sum(axis=1, keepdims=True)


def _off(difference, terms):
    """By how much of itself a difference of sums may be off at the most, whose terms add up to `terms`; infinite if it is zero."""
    with np.errstate(all="ignore"):
        return np.where(terms > 0, OFF * terms / np.abs(difference), 0.0)


def _may_round_otherwise(hi, lo, off, dtype):
    """For which of the results, `off` by so much of themselves at the most, that may be decisive; or which are below `SMALL`."""
    with np.errstate(all="ignore"):
        (a, b), (c, d) = (two_sum(hi, lo + sign * off * hi) for sign in (-1, 1))
        return (rounded(a, b, dtype) != rounded(c, d, dtype)) | ((off > 0) & (np.abs(hi) < SMALL))


def _settled(hi, lo, doubtful, dtype, in_fractions):
    """The results rounded, those in doubt by way of a fraction, for which `in_fractions` is asked with row and column."""
    with np.errstate(all="ignore"):
        out = rounded(hi, lo, dtype)
    for i, j in np.argwhere(doubtful):
        fraction = in_fractions(i, j)
        nearest = _nearest(fraction)
        rest = _nearest(fraction - Fraction(nearest)) if math.isfinite(nearest) else 0.0
        out[i, j] = rounded(nearest, rest, dtype)
    return out


def _sound(x):
    """Which rows are finite and not zero, (n, 1)."""
    return np.isfinite(x).all(axis=1, keepdims=True) & x.any(axis=1, keepdims=True)


def _unit_in_fractions(x, j, p):
    row = [Fraction(v) for v in x.tolist()]
    if p == 2:
        return _over_root(row[j], sum(v * v for v in row), 1)
    return row[j] / (sum(map(abs, row)) if p == 1 else max(map(abs, row)))


def _vjp_in_fractions(g, x, s, j, largest, p):
    g, x, s = ([Fraction(v) for v in values.tolist()] for values in (g, x, s))
    inner = sum(a * b for a, b in zip(x, g, strict=True))
    if p == 2:
        square = sum(v * v for v in x)
        return _over_root(g[j] * square - x[j] * inner, square, 3)
    length = sum(map(abs, x)) if p == 1 else max(map(abs, x))
    return (g[j] - s[j] / largest * inner / length) / length


def _over_root(numerator, square, power):
    """``numerator / sqrt(square)**power``, or a fraction that lies between the same floats, and the same middles between floats."""
    q = numerator**2 / square**power
    digits = 320 + q.denominator.bit_length()
    root = math.isqrt((q.numerator << 2 * digits) // q.denominator)
    size = Fraction(2 * root + (root**2 * q.denominator != q.numerator << 2 * digits), 2 << digits)
    return -size if numerator < 0 else size


def _nearest(fraction):
    """The float nearest to a fraction; infinite if it is too large."""
    try:
        return float(fraction)
    except OverflowError:
        return math.inf if fraction > 0 else -math.inf  # math.copysign would make it a float first
