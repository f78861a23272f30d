"""Sums and comparisons that are right to the last bit, for what is to hold exactly: a row inside a ball, a row of length one.

A sum of floats is kept as two floats, ``hi + lo``, the second being what rounding took from the first (double-double). What even
these some 100 bits leave open, a row that is exactly as long as allowed, say, is decided in fractions.

References
----------
Dekker, A floating-point technique for extending the available precision (Numer. Math. 18, 1971); Knuth, The Art of Computer
Programming 2 (1997), section 4.2.2, theorem B.
"""

import math
from decimal import Context, Decimal, localcontext
from fractions import Fraction

import numpy as np

NEAR = 2.0**-48
"""Relative distance from a bound below which a length in float64 is not trusted to say on which side it is: a power, a root and
three products are off by some ten machine epsilons at worst, and this is sixteen."""
OPEN = 2.0**-90
"""The same for a double-double; no table is so long that its sums are off by as much."""


def rows(x, dims):
    """`x` with the axes `dims` moved to the end and made one: each row along the last axis.

    >>> rows(np.arange(4).reshape(2, 2), (0,)).tolist()
    [[0, 2], [1, 3]]
    """
    kept = [n for i, n in enumerate(x.shape) if i not in dims]
    return np.moveaxis(x, dims, range(-len(dims), 0)).reshape(*kept, math.prod(x.shape[i] for i in dims))


def squares(x):
    """``x * x`` as two floats, exactly, for ``|x| <= 1`` (where nothing underflows).

    >>> hi, lo = squares(np.float64(1 / 3))
    >>> Fraction(float(hi)) + Fraction(float(lo)) == Fraction(1 / 3) ** 2
    True
    """
    with np.errstate(invalid="ignore"):  # from inf - inf
        big = 134217729.0 * x  # 2**27 + 1, which splits the 53 bits into 26 and 26 and a sign
        high = big - (big - x)
        low = x - high
        square = x * x
        return square, (high * high - square + 2 * high * low) + low * low


def total(hi, lo):
    """The sum of ``hi + lo`` along the last axis, as two floats: right to some 100 bits if all terms are of one sign.

    Neighbours are added in pairs, each time with what rounding takes, whatever the order in memory: one row, one result. An
    infinite or NaN entry makes the first so.

    >>> total(np.array([1.0, 2.0**-60, 2.0**-60]), np.zeros(3))
    (np.float64(1.0), np.float64(1.734723475976807e-18))
    """
    if hi.shape[-1] == 0:
        return np.zeros(hi.shape[:-1]), np.zeros(hi.shape[:-1])
    with np.errstate(invalid="ignore"):  # from inf - inf
        while hi.shape[-1] > 1:
            if hi.shape[-1] % 2:
                hi, lo = (np.concatenate([a, np.zeros_like(a[..., :1])], axis=-1) for a in (hi, lo))
            hi, rest = two_sum(hi[..., ::2], hi[..., 1::2])
            lo = lo[..., ::2] + lo[..., 1::2] + rest
        hi = hi[..., 0]
        return two_sum(hi, np.where(np.isfinite(hi), lo[..., 0], 0.0))


def two_sum(a, b):
    """``a + b`` and what rounding took from it, exactly."""
    s = a + b
    c = s - a
    return s, (a - (s - c)) + (b - c)


def parts(x):
    """The numbers whose squares make up the squared length of a row: its entries, or their real and imaginary parts."""
    return np.concatenate([x.real, x.imag], axis=-1) if np.iscomplexobj(x) else x


def joined(real, imag):
    """The complex numbers of these parts; ``real + 1j * imag`` would be NaN where a part is infinite.

    >>> joined(np.array([np.inf]), np.array([-np.inf]))
    array([inf-infj])
    """
    return np.stack([real, imag], axis=-1).view(np.complex128)[..., 0]


def sum_of_powers(xs, p):
    """``sum |x_i|^p`` along the last axis, as two floats; exact to 100 bits for p = 2 and, for real `xs`, p = 1."""
    if p == 2:
        return total(*squares(parts(xs)))
    size = np.abs(xs)
    size = size if p == 1 else size**p
    return total(size, np.zeros_like(size))


def sharp(x, p):
    """Whether lengths of `x` are measured to half an ulp and compared exactly: for p = 2, and for real rows p = 1 and inf.

    >>> sharp(np.ones(2), 1), sharp(np.ones(2, complex), 1), sharp(np.ones(2), 1.5)
    (True, False, False)
    """
    return p == 2 or (p in (1, np.inf) and not np.iscomplexobj(x))


def compare(x, xs, length, e, bound, p, dims):
    """On which side of `bound` each row's exact norm is: -1 inside, 0 on it, 1 outside (or not finite).

    Parameters
    ----------
    x : ndarray, wide
    xs, length, e
        Its scaled rows, their length, and the exponents, as `row_maps.norms.scaled` gives them.
    bound : float >= 0
    p : float in [1, inf]
    dims : tuple of int

    Returns
    -------
    ndarray of int, of the shape of `length`

    Notes
    -----
    For p other than 1, 2 and inf, and complex rows with p = 1, roots and powers are taken to 60 digits, and what agrees with the
    bound to 50 is on it: of a sum of roots or powers one cannot know more.
    """
    if p == np.inf and not np.iscomplexobj(x):
        return np.where(length == length, np.sign(np.ldexp(length, e) - bound), 1).astype(int)
    with np.errstate(over="ignore"):
        scaled = np.ldexp(bound, -e)
    side = np.where(length < scaled, -1, 1)
    side[length == 0] = -1 if bound else 0
    near = np.isfinite(length) & (length > 0) & (np.abs(length - scaled) <= NEAR * length)
    if near.any():
        where = near.reshape([n for i, n in enumerate(x.shape) if i not in dims])
        side[near] = _sides(rows(x, dims)[where], rows(xs, dims)[where], bound, scaled[near], p)
    return side


def _sides(x, xs, bound, scaled, p):
    """`compare` for rows (n, d) that are as long as the bound, or nearly."""
    side, undecided = np.zeros(len(x), int), np.ones(len(x), bool)
    if sharp(x, p):  # and finite, see above
        (hi, lo), (high, low) = sum_of_powers(xs, p), squares(scaled) if p == 2 else (scaled, 0.0)
        difference = (hi - high) + (lo - low)
        side, undecided = np.sign(difference).astype(int), np.abs(difference) <= OPEN * hi
    for i in np.flatnonzero(undecided):
        row = [v for v in x[i].tolist() if v]
        side[i] = (
            _digits(row, bound, p) if p not in (1, 2, np.inf) or (p == 1 and np.iscomplexobj(x)) else _fractions(row, bound, p)
        )
    return side


def _fractions(row, bound, p):
    """The side of one row of floats for p = 1, 2 and inf, in exact arithmetic."""
    squared = [Fraction(v.real) ** 2 + Fraction(v.imag) ** 2 for v in row] if p != 1 else []
    length = sum(Fraction(abs(v)) for v in row) if p == 1 else sum(squared) if p == 2 else max(squared)
    difference = length - Fraction(bound) ** (1 if p == 1 else 2)
    return (difference > 0) - (difference < 0)


def _digits(row, bound, p):
    """The side of one row for any p, in 60 digits."""
    with localcontext(Context(prec=60, traps=[])):
        sizes = [(Decimal(v.real) ** 2 + Decimal(v.imag) ** 2).sqrt() for v in row]
        difference = sum(((size / Decimal(bound)) ** Decimal(p) for size in sizes), Decimal(0)) - 1
        return 0 if abs(difference) < Decimal("1e-50") else (1 if difference > 0 else -1)


def towards_zero(x):
    """Each entry, or its real and imaginary part, one ulp nearer to zero.

    >>> towards_zero(np.array([1.0, -1.0, 0.0])) * 2.0**53 - [2.0**53, -(2.0**53), 0.0]
    array([-1.,  1.,  0.])
    """
    nearer = x.copy()
    nearer.real = np.nextafter(x.real, 0)
    if np.iscomplexobj(x):
        nearer.imag = np.nextafter(x.imag, 0)
    return nearer
