"""Three ways to add up the gradients of a row, each with what it promises.

Let k numbers ``x_1, ..., x_k`` be added up in a table of precision ``u`` (``2**-24`` for float32, ``2**-53`` for float64), ``s`` their
exact sum, ``A = |x_1| + ... + |x_k|`` and ``v = 2**-53``. Unless it overflows, what comes out is off by at most

==============  =====================================  ====================================================================
"batch_order"   ``(k - 1) u A``                        one after the other, in the precision of the table: `np.add.at`
"float64"       ``u |s| + (1 + u) (k - 1) v A``        one after the other, in float64; rounded once, at the end
"exact"         ``u |s|``, nothing is nearer           the exact sum, rounded once; the same in any order, however divided
==============  =====================================  ====================================================================

The bounds hold for subnormal numbers too: a sum of floats is a multiple of the smallest float, and if it is subnormal it is a float.
What a row holds before counts as one of the numbers; zero, from which a gradient starts, does not. "batch_order" overflows where a sum
on the way does, "float64" in a float32 table only where the last one does, and "exact" where the exact sum rounds to infinity, not
elsewhere. For a table of float64 the first two are the same; for one of float16 "batch_order" adds up in float32, and is off by what the
second line says with ``v = 2**-24``. The parts of a complex number are added up each by itself.

However divided: the numbers may come from anywhere, in any order, as long as all of a row's are added up in one go. Two sums that were
rounded each, and then added, are rounded three times.

If there is a NaN, or infinities of both signs (for the first two ways: also if sums on the way overflow to them), the sum is NaN; else,
if there is an infinity, that. A sum that is zero is +0.0, unless all its terms are -0.0 (then -0.0); a gradient starts from +0.0.

References
----------
Rump, Error estimation of floating-point summation and dot product (BIT 52, 2012), for ``(k - 1) u A`` without terms of higher order.
Shewchuk, Adaptive precision floating-point arithmetic and fast robust geometric predicates (Discrete & Computational Geometry 18, 1997),
section 2.4, for what `math.fsum` does. Boldo and Melquiond, Emulation of a FMA and correctly rounded sums: proved algorithms using
rounding to odd (IEEE Transactions on Computers 57, 2008), on rounding twice.
"""

import math
from fractions import Fraction

import numpy as np

from . import kernels
from .precision import compute_dtype

SUMMATIONS = ("batch_order", "float64", "exact")
"""The ways to add up."""


def add_(out, rows, starts, order, values, summation="batch_order", backend="cpu"):
    """Add rows of `values` onto rows of `out`, as `kernels.segment_add` does, but in the way that is asked for.

    Parameters
    ----------
    out : ndarray (N, *shape), C-contiguous, writable
    rows, starts, order : int64
        As `kernels.segments` gives them: no segment is empty.
    values : ndarray (B, *shape) of `out`'s dtype
    summation : "batch_order", "float64" or "exact"
    backend : "cpu", "cuda" or "python"
        Where "batch_order" and "float64" are added up, with the same bits; "exact" is always reckoned in Python.

    Examples
    --------
    >>> values = np.array([[1e30], [1.0], [-1e30], [2.0**-30]], np.float32)
    >>> for summation in SUMMATIONS:
    ...     out = np.zeros((1, 1), np.float32)
    ...     add_(out, *kernels.segments(np.array([0, 0, 0, 0])), values, summation)
    ...     print(summation, out[0, 0])
    batch_order 9.313226e-10
    float64 9.313226e-10
    exact 1.0
    """
    dtype = np.result_type(out.dtype, np.float64) if summation == "float64" else compute_dtype(out.dtype)
    if summation == "exact":
        out[rows] = exact(out[rows], starts, order, values)
    elif dtype == out.dtype:
        target = _matrix(out, dtype)
        kernels.segment_add(target, rows, starts, order, _matrix(values, dtype), backend)
        if not out.flags.aligned:  # then the kernel has written to an aligned copy
            out[...] = target.reshape(out.shape)
    else:
        target = _matrix(out[rows], dtype)
        kernels.segment_add(target, np.arange(len(rows)), starts, order, _matrix(values, dtype), backend)
        out[rows] = rounded(target.reshape(len(rows), *out.shape[1:]), out.dtype)


def _matrix(array, dtype):
    """`array` as the kernels want it: two axes, C order, aligned, writable. Copies only what is not so already."""
    width = math.prod(array.shape[1:])
    return np.require(array.reshape(len(array), width), dtype, requirements=["C", "A", "W"])


def rounded(sums, dtype):
    """Sums in the dtype of a table; as in the kernels, what overflows is infinite.

    >>> rounded(np.array([65519, 65520], np.float32), np.dtype(np.float16)).tolist()
    [65504.0, inf]
    """
    with np.errstate(over="ignore"):
        return sums.astype(dtype, copy=False)


def exact(start, starts, order, values):
    """``start[s]`` and ``values[order[j]]`` for j in segment s, added up exactly and rounded once, to the nearest; ties to even.

    `math.fsum` gives the exact sum rounded to float64, unless it overflows on the way; then fractions do. To round that once more, to
    float32, is wrong where it lies in the middle between two numbers of float32 and the exact sum beside it. So of the two numbers of
    float64 around the exact sum it is the odd one that is rounded, which is in the middle of nothing ("rounding to odd").

    Parameters
    ----------
    start : ndarray (n, *shape), float16 to complex128
    starts, order : int64 (n + 1,) and (B,), see `kernels.segments`; no segment is empty
    values : ndarray (B, *shape) of the dtype of `start`

    Returns
    -------
    ndarray (n, *shape) of that dtype

    Examples
    --------
    >>> start = np.ones((1, 1), np.float32)
    >>> values = np.array([[2.0**-24], [2.0**-80]], np.float32)  # just over half an ulp
    >>> exact(start, np.array([0, 2]), np.array([0, 1]), values) == 1 + 2.0**-23
    array([[ True]])
    """
    first, rest = (_matrix(a, a.dtype).view(start.real.dtype) for a in (start, values))  # complex: two columns
    terms = np.insert(rest[order], starts[:-1], first, axis=0)
    cuts = starts + np.arange(len(starts))
    sums = np.empty_like(first)
    for d in range(sums.shape[1]):
        sums[:, d] = _column(np.ascontiguousarray(terms[:, d]), cuts)
    return sums.view(start.dtype).reshape(start.shape)


def _column(terms, cuts):
    """The exact sum of ``terms[cuts[s]:cuts[s + 1]]``, rounded once, for each s.

    Of one or two numbers beside zeros any sum is that. Of numbers that are not finite it is what they alone come to.
    """
    finite, firsts = np.isfinite(terms), cuts[:-1]
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.add.reduceat(terms, firsts)
        beyond = np.add.reduceat(np.where(finite, 0, terms), firsts)
    sums = np.where(beyond == 0, sums, beyond)
    many = np.flatnonzero((np.add.reduceat(terms != 0, firsts) > 2) & (beyond == 0))
    numbers, segments = terms.tolist(), list(map(slice, cuts[many].tolist(), cuts[many + 1].tolist()))
    sums[many] = _rounded([nearest(numbers[segment]) for segment in segments], terms, segments)
    return sums


def _rounded(sums, terms, segments):
    """The exact sums of some segments of `terms` in its dtype, rounded once; `sums` are those rounded to float64."""
    sums = np.array(sums, np.float64)
    half = 2 ** (51 - np.finfo(terms.dtype).nmant)  # half the last bit that is kept, in units of float64's last
    for i in np.flatnonzero(sums.view(np.int64) % (2 * half) == half):  # in the middle, as far as float64 can tell
        rest = math.fsum([*terms[segments[i]].tolist(), -sums[i]])
        if rest:
            sums[i] = np.nextafter(sums[i], math.copysign(math.inf, rest))
    return rounded(sums, terms.dtype)


def nearest(numbers):
    """The float64 that is nearest to the exact sum of finite floats; infinite from ``2**1024 - 2**970`` on.

    >>> nearest([1e308, 1e308, -1e308]), nearest([1e308, 1e308]), nearest([2.0**-1074, 1.0, -1.0])
    (1e+308, inf, 5e-324)
    """
    try:
        return math.fsum(numbers)
    except OverflowError:  # on the way, or at the end
        total = sum(map(Fraction, numbers))
    try:
        return float(total)
    except OverflowError:
        return math.inf if total > 0 else -math.inf
