"""Sums with a promise: each way to add up keeps its bound, and the exact one is the exact sum rounded once, to the last bit.

The oracle adds fractions and rounds them by the spacing of the dtype (`naive.exact_sum`).
"""

import itertools
import math
from fractions import Fraction

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npembed import Embedding, RowSparse
from npembed.embedding.lookup import lookup_vjp
from npembed.embedding.row_maps import NORMALIZERS
from npembed.embedding.rows import gather_vjp, segment_add_
from npembed.numerics import kernels, sums
from npembed.numerics.sums import SUMMATIONS

DTYPES = [np.float16, np.float32, np.float64, np.complex64, np.complex128]
TABLES = DTYPES[1:]


# ---- what is added up


def normal(rng, n, info):
    return rng.normal(size=n) * 2.0 ** rng.integers(-8, 8, n)


def any_bits(rng, n, info):
    """All finite floats, one as likely as the other: exponents far apart, subnormal numbers, both zeros."""
    x = np.frombuffer(rng.bytes(n * info.dtype.itemsize), info.dtype)
    return np.where(np.isfinite(x), x, 0)


def cancelling(rng, n, info):
    """Numbers and their opposites, with a few ulps left over."""
    x = np.repeat(rng.normal(size=n), 2)[:n] * np.tile([1, -1], n)[:n]
    return x * rng.choice([1, 1, 1, 1 + 2.0**-info.nmant], n)


def huge(rng, n, info):
    """Sums that overflow on the way, at the end, by half an ulp, or by less, so that they do not."""
    half_ulp = float(info.max) * 2.0 ** -(info.nmant + 2)
    largest = float(info.max)
    sizes = [largest, largest, largest / 2, 2.0 ** round(math.log2(half_ulp)), 2.0 ** round(math.log2(half_ulp) - 40)]
    return rng.choice(sizes, n) * rng.choice([-1, 1, 1], n)


def tiny(rng, n, info):
    """Subnormal numbers, and the smallest that are not."""
    return (
        rng.choice([0, 1, 1, 3, 2**info.nmant - 1, 2**info.nmant, 2 ** (info.nmant + 1)], n)
        * float(info.smallest_subnormal)
        * rng.choice([-1, 1], n)
    )


def ties(rng, n, info):
    """Signed powers of two: sums in the middle between two floats of the dtype or of float64, or just beside it."""
    p = info.nmant + 1
    exponents = [0, 0, 0, 1, -p, -p, 1 - p, -p - 1, -53, -54, -80, -100]
    return 2.0 ** rng.choice([e for e in exponents if e >= info.minexp - info.nmant], n) * rng.choice([-1, 1, 1, 1], n)


def few(rng, n, info):
    return rng.choice([0.0, -0.0, -0.0, -0.0, 1.0, -1.0], n)


def not_finite(rng, n, info):
    return rng.choice([1.0, -0.0, float(info.max), np.inf, -np.inf, np.nan], n, p=[0.3, 0.2, 0.2, 0.13, 0.13, 0.04])


CLASSES = [normal, any_bits, cancelling, huge, tiny, ties, ties, few, not_finite]


def drawn(rng, dtype):
    """A table that is added onto, ids, and values: 100 sums of real numbers, each column of its own class."""
    real = np.dtype(dtype).type(0).real.dtype
    rows, columns = (10, 10) if np.dtype(dtype).kind == "c" else (20, 5)  # a complex number is two columns
    counts = rng.choice([1, 2, 3, 4, 7, 20], rows)
    ids = rng.permutation(np.repeat(np.arange(rows), counts))
    order = np.argsort(ids, kind="stable")
    both = np.zeros((rows + len(ids), columns), real)
    for d in range(columns):
        column = CLASSES[rng.integers(len(CLASSES))](rng, rows + len(ids), np.finfo(real)).astype(real)
        both[:rows, d], both[rows + order, d] = column[:rows], column[rows:]  # neighbours are of one row
    return both[:rows].copy().view(dtype), ids, both[rows:].copy().view(dtype)


def real_columns(x):
    return x.view(x.real.dtype)


def added(start, ids, values, summation, backend="cpu"):
    """`sums.add_` on a copy."""
    out = start.copy()
    sums.add_(out, *kernels.segments(ids), values, summation, backend)
    return out


def same(a, b):
    """Same bits, but for a NaN's."""
    a, b = real_columns(a), real_columns(b)
    return (
        a.dtype == b.dtype
        and np.array_equal(a, b, equal_nan=True)
        and np.array_equal(np.signbit(a) | np.isnan(a), np.signbit(b) | np.isnan(b))
    )


def bound(summation, numbers, dtype):
    """What the docstring of `sums` says, in fractions; and by how much a sum on the way may be larger than those of the sizes."""
    k, total, sizes = len(numbers), sum(numbers), sum(map(abs, numbers))
    u = Fraction(2) ** -(np.finfo(dtype).nmant + 1)
    if summation == "exact":
        return u * abs(total)
    if dtype == np.float64 or (summation == "batch_order" and dtype == np.float32):
        return max(k - 1, 0) * u * sizes
    v = Fraction(2) ** -(24 if summation == "batch_order" else 53)
    return u * abs(total) + (1 + u) * max(k - 1, 0) * v * sizes


def check_bounds(numbers, result, summation, dtype):
    """`result` is as near to the exact sum as promised, and infinite only where that may be."""
    numbers = [Fraction(float(x)) for x in numbers]
    off, largest = bound(summation, numbers, dtype), Fraction(float(np.finfo(dtype).max))
    if np.isfinite(result):
        assert abs(Fraction(float(result)) - sum(numbers)) <= off
    elif summation == "batch_order" or dtype == np.float64:
        assert sum(map(abs, numbers)) + off >= largest
    else:
        assert abs(sum(numbers)) + off >= largest


@pytest.mark.long
@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(DTYPES), from_zero=st.booleans())
def test_ten_thousand_sums(seed, dtype, from_zero):
    """100 examples of 100 sums each (many more in the nightly run): the exact one to the bit, all three within their bounds."""
    rng = np.random.default_rng(seed)
    start, ids, values = drawn(rng, dtype)
    start = np.zeros_like(start) if from_zero else start
    real = real_columns(start).dtype.type
    results = {summation: real_columns(added(start, ids, values, summation)) for summation in SUMMATIONS}
    checked = 0
    for row, d in np.ndindex(real_columns(start).shape):
        terms = [real_columns(start)[row, d], *real_columns(values)[ids == row, d]]
        expected = naive.exact_sum(terms, real)
        exact = results["exact"][row, d]
        assert exact == expected or (np.isnan(exact) and np.isnan(expected)), terms
        assert np.signbit(exact) == np.signbit(expected) or np.isnan(expected), terms
        if np.isfinite(terms).all():
            for summation, result in results.items():
                check_bounds(terms[1:] if from_zero else terms, result[row, d], summation, real)
        elif sum(abs(float(x)) for x in terms if np.isfinite(x)) < float(np.finfo(real).max):
            assert all(same(result[row, d : d + 1], np.array([expected])) for result in results.values())
        checked += 1
    assert checked == 100


@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(TABLES))
def test_the_order_of_the_batch_does_not_show(seed, dtype):
    """One result for any permutation, for ids of any shape, on any backend, and for rows taken from here and there."""
    rng = np.random.default_rng(seed)
    table, ids, g = drawn(rng, dtype)
    once = gather_vjp(g, table, ids, summation="exact")
    order = rng.permutation(len(ids))
    again = gather_vjp(g[order][None], table, ids[order][None], summation="exact", backend="python")
    assert isinstance(again, RowSparse)
    assert once.rows.tolist() == again.rows.tolist() == list(range(len(table)))
    assert same(once.values, again.values)
    split = ids % 2 == 0  # shards that own rows
    parts = [gather_vjp(g[of], table, ids[of], summation="exact").to_dense() for of in (split, ~split)]
    assert same(np.where((np.arange(len(table)) % 2 == 0)[:, None], *parts), once.values)


# ---- the rules, one by one

LARGEST = {dtype: float(np.finfo(dtype).max) for dtype in (np.float16, np.float32, np.float64)}
LITERALS = [
    # zeros: the sign of nothing
    (np.float32, [0.0, -0.0], 0.0),
    (np.float32, [-0.0, -0.0, -0.0], -0.0),
    (np.float32, [-0.0, 1.0, -1.0], 0.0),
    (np.float32, [-0.0, 1.0, 1.0, -2.0], 0.0),
    (np.float64, [-1.0, 1.0, -0.0, 2.0**-60, -(2.0**-60)], 0.0),
    # not finite
    (np.float32, [1.0, np.inf, -1e38, -1e38, -1e38, -1e38], np.inf),
    (np.float64, [-np.inf, 1e308, 1e308, 1e308], -np.inf),
    (np.float64, [np.inf, 1.0, -np.inf], np.nan),
    (np.float64, [1.0, np.nan, np.inf, 2.0], np.nan),
    # overflow on the way, and at the end
    (np.float64, [1e308, 1e308, -1e308], 1e308),
    (np.float64, [LARGEST[np.float64], 2.0**969, 2.0**968], LARGEST[np.float64]),
    (np.float64, [LARGEST[np.float64], 2.0**969, 2.0**969], np.inf),
    (np.float64, [-LARGEST[np.float64], -(2.0**970), 2.0**-1074], -LARGEST[np.float64]),
    (np.float64, [-LARGEST[np.float64], -(2.0**970), -(2.0**-1074)], -np.inf),
    (np.float32, [LARGEST[np.float32], LARGEST[np.float32], -LARGEST[np.float32], 1.0], LARGEST[np.float32]),
    (np.float32, [LARGEST[np.float32], 2.0**103, -(2.0**-149)], LARGEST[np.float32]),
    (np.float32, [LARGEST[np.float32], 2.0**102, 2.0**102], np.inf),
    (np.float16, [65504.0, 15.0, 0.5], 65504.0),
    (np.float16, [65504.0, 8.0, 8.0], np.inf),
    # float64, Neumaier's sum and double-double are wrong here
    (np.float64, [1e300, 1e200, 1.0, -1e300, -1e200], 1.0),
    (np.float64, [1.0, 2.0**-53, 2.0**-106], 1 + 2.0**-52),
    # rounded twice, these would be wrong: in the middle for float32, once rounded to float64
    (np.float32, [1.0, 2.0**-24, 2.0**-80], 1 + 2.0**-23),
    (np.float32, [1.0, 2.0**-24, -(2.0**-80)], 1.0),
    (np.float32, [1.0, 2.0**-23, 2.0**-24, -(2.0**-80)], 1 + 2.0**-23),
    (np.float32, [-1.0, -(2.0**-23), -(2.0**-24), 2.0**-80], -1 - 2.0**-23),
    (np.float32, [1.0, 2.0**-23, 2.0**-25, 2.0**-25], 1 + 2.0**-22),  # a tie indeed: to even
    (np.float32, [1.0, 2.0**-25, 2.0**-25], 1.0),
    (np.float32, [2.0, 2.0**-23, 2.0**-51, -(2.0**-60)], 2 + 2.0**-22),  # not in the middle: one ulp of float64 beside it
    (np.float16, [4096.0, 1.0, 0.5, 0.5, 2.0**-24], 4100.0),
    # the smallest
    (np.float64, [2.0**-1074, 1.0, -1.0], 2.0**-1074),
    (np.float32, [2.0**-149, 2.0**-126, -(2.0**-126) + 2.0**-149], 2.0**-148),
]


@pytest.mark.parametrize(("dtype", "terms", "expected"), LITERALS, ids=str)
def test_exact_sums_by_hand(dtype, terms, expected):
    """As real numbers, as real and as imaginary parts, from any term on and in any order."""
    check_literal(dtype, terms, expected)


def check_literal(dtype, terms, expected):
    expected = np.array([[expected]], dtype)
    assert same(np.array([[naive.exact_sum(terms, dtype)]], dtype), expected)
    for order in itertools.islice(itertools.permutations(np.array(terms, dtype)), 0, None, 7):
        terms = np.array(order)[:, None]
        ids = np.zeros(len(terms) - 1, np.int64)
        assert same(added(terms[:1], ids, terms[1:], "exact"), expected)
        if dtype != np.float16:
            wide = np.concatenate([terms, np.ones_like(terms)], axis=1).view(np.result_type(dtype, np.complex64))
            assert same(added(wide[:1], ids, wide[1:], "exact")[:, :1].real.copy(), expected)
            wide = np.concatenate([np.ones_like(terms), terms], axis=1).view(np.result_type(dtype, np.complex64))
            assert same(added(wide[:1], ids, wide[1:], "exact")[:, :1].imag.copy(), expected)


def test_a_gradient_starts_from_zero():
    """So a sum of negative zeros alone is +0.0, as `np.add.at` on zeros has it; onto a row of -0.0 it is -0.0."""
    g, ids = np.array([-0.0, -0.0, -0.0, -0.0]), [1, 0, 1, 1]
    for dtype, summation in itertools.product(TABLES, SUMMATIONS):
        values = gather_vjp(g.astype(dtype), np.ones(3, dtype), ids, summation=summation).values
        assert not values.any()
        assert not np.signbit(real_columns(values)).any()
        out = np.full(3, complex(-0.0, -0.0) if np.dtype(dtype).kind == "c" else -0.0, dtype)
        segment_add_(out, ids, np.full(4, out[0]), summation=summation)
        assert np.signbit(real_columns(out)).all()


def test_float64_rounds_once():
    """20,971,520 ones stop at 16,777,216 in float32, and three terms lose the small one; summed in float64 they do not."""
    g = np.concatenate([[2.0**24], np.ones(9), [-(2.0**24)]]).astype(np.float32)[:, None]
    results = [gather_vjp(g, np.zeros((1, 1), np.float32), [0] * 11, summation=s).values[0, 0] for s in SUMMATIONS]
    assert results == [0.0, 9.0, 9.0]
    out = np.array([[2.0**24]], np.float32)
    segment_add_(out, [0, 0, 0, 0], np.ones((4, 1), np.float32), summation="float64")
    assert out[0, 0] == 2.0**24 + 4
    g = np.full((3, 1), 3e38 + 3e38j, np.complex64) * np.array([[1], [1], [-1]], np.float32)
    assert gather_vjp(g, g, [0, 0, 0], summation="float64").values[0, 0] == np.complex64(3e38 + 3e38j)
    assert np.isinf(gather_vjp(g[:2], g, [0, 0], summation="float64").values[0, 0].real)
    half = added(np.zeros((1, 1), np.float16), np.zeros(4096, np.int64), np.ones((4096, 1), np.float16), "batch_order")
    assert half[0, 0] == 4096


@pytest.mark.parametrize("summation", SUMMATIONS)
@pytest.mark.parametrize("dtype", TABLES)
def test_shapes_layouts_and_backends(dtype, summation):
    """On numbers whose sums are exact all three are `np.add.at`: rows of any shape, none of them, unaligned and strided arrays."""
    rng = np.random.default_rng(3)
    for shape, ids in (((), [2, 0, 2]), ((0,), [1, 1]), ((2, 3), [[3, 0, 3], [1, 3, 3]]), ((2,), []), ((2,), 3), ((1,), [3] * 9)):
        table = rng.integers(-9, 9, (4, *shape)).astype(dtype)
        g = rng.integers(-9, 9, np.shape(ids) + shape).astype(dtype)
        expected = np.zeros_like(table)
        np.add.at(expected, np.asarray(ids, int), g)
        for backend in ("cpu", "python"):
            values = g[::-1][::-1] if g.ndim else g
            gradient = gather_vjp(values, table, ids, summation=summation, backend=backend)
            assert gradient.dtype == dtype
            assert same(gradient.to_dense(), expected)
            out = table.copy()
            segment_add_(out, ids, values, summation=summation, backend=backend)
            assert same(out, table + expected)
    unaligned = np.frombuffer(bytearray(table.nbytes + 1), np.int8)[1:].view(dtype).reshape(table.shape)
    assert not unaligned.flags.aligned
    unaligned[...] = table
    segment_add_(unaligned, ids, g, summation=summation)
    assert same(unaligned.copy(), table + expected)
    empty = np.zeros((0, 2), dtype)
    assert gather_vjp(empty, empty, [], summation=summation).to_dense().shape == (0, 2)
    segment_add_(empty, [], empty, summation=summation)


def test_lookup_vjp_adds_up_as_asked():
    table = np.array([[3.0, 4.0], [1.0, 1.0]])
    g = np.array([[1.0, 2.0], [1e20, 1e20], [-1e20, -1e20]])
    rows = {s: lookup_vjp(g, table, [0, 0, 0], summation=s).values.tolist() for s in SUMMATIONS}
    assert rows == {"batch_order": [[0.0, 0.0]], "float64": [[0.0, 0.0]], "exact": [[1.0, 2.0]]}
    drows = NORMALIZERS["normalize"].vjp(g, table[[0, 1, 0]])
    expected = gather_vjp(drows, table, [0, 1, 0], summation="exact")
    gradient = lookup_vjp(g, table, [0, 1, 0], normalizer=NORMALIZERS["normalize"], summation="exact")
    assert same(gradient.values, expected.values)


def test_the_layer_adds_up_as_asked():
    g = np.array([[1.0], [1e20], [-1e20]], np.float32)
    for summation, expected in (("batch_order", 0.0), ("float64", 0.0), ("exact", 1.0)):
        layer = Embedding(2, 1, summation=summation, rng=0)
        layer([1, 1, 1])
        assert layer.backward(g).to_dense().ravel().tolist() == [0.0, expected]
        assert (f"summation={summation}" in repr(layer)) == (summation != "batch_order")


def test_arguments_stay_as_they_are():
    rng = np.random.default_rng(4)
    table, ids, g = drawn(rng, np.float32)
    kept = [a.tobytes() for a in (table, ids, g)]
    for summation in SUMMATIONS:
        gather_vjp(g, table, ids, summation=summation)
    assert [a.tobytes() for a in (table, ids, g)] == kept
