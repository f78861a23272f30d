"""Constrainers are projections, exactly: what is inside stays to the bit, what is outside ends on the boundary and not beyond it.

The exact length of a row is that of the stored floats, in fractions for p = 1 and 2 (squared), with mpmath to 80 digits for other p.
"""

import math
from fractions import Fraction

import naive
import numpy as np
import pytest
import tolerances
from hypothesis import given, settings
from hypothesis import strategies as st

from npembed.embedding.row_maps import (
    CONSTRAINERS,
    clamp,
    clamp_norm,
    clamp_norm_vjp,
    complex_normalize,
    normalize,
    norms,
    quaternion_normalize,
)
from npembed.numerics import exact

REAL, DTYPES = [np.float32, np.float64], [np.float32, np.float64, np.complex64, np.complex128]
ORDERS = [1, 1.5, 2, 3, math.inf]
SEEDS = st.integers(0, 2**32 - 1)
SHAPES = st.sampled_from(
    [((4, 3), -1), ((5, 1), -1), ((2, 40), -1), ((40, 3), 0), ((3, 2, 3), (0, 2)), ((3, 2), None), ((2, 2, 5), 1)]
)
SIZES = {np.float32: [1.0, 1e30, 1e-30, 1e-44], np.float64: [1.0, 1e200, 1e-200, 5e-323]}
BOUNDS = st.sampled_from([1.0, 0.1, 5.0, 1 / 3, 1e-3, 1e-40, 1e30, 0.0])


def draw(rng, shape, dtype, size=1.0):
    """Normal numbers, or halves (so that exact ties are common); now and then a zero row and entries of very different size."""
    kind = rng.integers(3)

    def numbers():
        x = rng.integers(-4, 5, shape) / 2 if kind == 0 else rng.normal(size=shape)
        x = x * 10.0 ** rng.integers(-20, 1, shape) if kind == 1 else x
        return x * rng.integers(0, 4, (*shape[:-1], 1)) / 2

    x = numbers() + 1j * numbers() if np.dtype(dtype).kind == "c" else numbers()
    return np.asarray(x * size, dtype)


def rows(x, dim):
    """The rows along `dim`, each as a list of floats or complex numbers."""
    out = []
    naive.along(lambda row: out.append([complex(v) for v in row]) or row, x, dim)
    return out


def power(row, p):
    """``(the exact sum, q)`` such that the sum is the length to the power of q."""
    if p == 2:
        return sum((Fraction(v.real) ** 2 + Fraction(v.imag) ** 2 for v in row), Fraction(0)), 2
    if p == 1 and not any(v.imag for v in row):
        return sum((abs(Fraction(v.real)) for v in row), Fraction(0)), 1
    if p == math.inf:
        return max((Fraction(v.real) ** 2 + Fraction(v.imag) ** 2 for v in row), default=Fraction(0)), 2
    return naive.norm([naive.mp.mpc(v) for v in row], p), 1


def side(row, bound, p):
    """-1, 0 or 1: inside, on it, outside."""
    length, q = power(row, p)
    limit = Fraction(bound) ** q
    if isinstance(length, Fraction):
        return (length > limit) - (length < limit)
    limit = naive.exact(bound)
    return 0 if abs(length - limit) <= limit * naive.mp.mpf(10) ** -60 else (1 if length > limit else -1)


def ulps_inside(p, dtype):
    """How far inside a row that was outside may end, in machine epsilons of its length."""
    sharp = p == 2 or (p in (1, math.inf) and np.dtype(dtype).kind == "f")
    return 3.0 if sharp or np.dtype(dtype).char in "fF" else 3.0 + tolerances.STEPPED_INSIDE_OTHER_P


@settings(max_examples=150)
@given(seed=SEEDS, dtype=st.sampled_from(DTYPES), case=SHAPES, p=st.sampled_from(ORDERS), bound=BOUNDS, size=st.integers(0, 3))
def test_clamp_norm_is_a_projection(seed, dtype, case, p, bound, size):
    (shape, dim), rng = case, np.random.default_rng(seed)
    size = SIZES[np.empty(0, dtype).real.dtype.type][size]
    x = draw(rng, shape, dtype, size)
    once = clamp_norm(x, maxnorm=bound, p=p, dim=dim)
    assert once.dtype == dtype
    assert naive.same_bits(clamp_norm(once, maxnorm=bound, p=p, dim=dim), once)
    smallest = np.finfo(np.empty(0, dtype).real.dtype).smallest_normal
    for before, after in zip(rows(x, dim), rows(once, dim), strict=True):
        assert side(after, bound, p) <= 0
        if side(before, bound, p) <= 0:
            assert after == before
        elif bound > 1e6 * float(smallest):
            aim = bound * (1 - ulps_inside(p, dtype) * float(np.finfo(dtype).eps))
            assert side(after, aim, p) >= 0
    inside = naive.same_bits(once, x)
    assert inside == all(side(row, bound, p) <= 0 for row in rows(x, dim))


TRIPLES = [(3, 4, 5), (5, 12, 13), (8, 15, 17), (20, 21, 29), (119, 120, 169)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("triple", TRIPLES)
@pytest.mark.parametrize("exponent", [0, -3, 90, -100])
def test_rows_exactly_as_long_as_allowed_and_one_ulp_on_either_side(triple, exponent, dtype):
    a, b, c = (np.ldexp(float(n), exponent) for n in triple)
    x = np.array([[a, -b]], dtype) if np.dtype(dtype).kind == "f" else np.array([[a - b * 1j]], dtype)
    g = np.ones_like(x)
    assert naive.same_bits(clamp_norm(x, maxnorm=c), x)
    assert naive.same_bits(clamp_norm(x, maxnorm=np.nextafter(c, np.inf)), x)
    shorter = clamp_norm(x, maxnorm=np.nextafter(c, 0))
    assert not naive.same_bits(shorter, x)
    np.testing.assert_allclose(shorter, x, rtol=2 * np.finfo(dtype).eps)
    turned = clamp_norm_vjp(g, x, maxnorm=c)
    assert not naive.same_bits(turned, g)
    assert naive.same_bits(clamp_norm_vjp(g, x, maxnorm=c, edge="pass"), g)
    assert naive.same_bits(clamp_norm_vjp(g, x, maxnorm=np.nextafter(c, np.inf)), g)
    np.testing.assert_allclose(
        clamp_norm_vjp(g, x, maxnorm=np.nextafter(c, 0), edge="pass"), turned, rtol=4 * np.finfo(dtype).eps
    )


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_entry_alone_is_as_long_as_itself(dtype, p):
    """A tie for every p, which powers and roots in floating point cannot see."""
    for value in (1 / 3, 0.1, 7.0, 1e-30):
        value = np.empty(0, dtype).real.dtype.type(value)
        x = np.array([[0, value, 0], [-value, 0, 0]], dtype)
        assert naive.same_bits(clamp_norm(x, maxnorm=float(value), p=p), x)
        assert not clamp_norm_vjp(x, x, maxnorm=float(value), p=p)[x == value].any()  # the gradient along the row stops
        assert naive.same_bits(clamp_norm_vjp(x, x, maxnorm=float(value), p=p, edge="pass"), x)
        assert (clamp_norm(x, maxnorm=float(np.nextafter(value, value.dtype.type(0))), p=p) != x).any(axis=-1).all()


@pytest.mark.parametrize("tiny", [2.0**-30, 2.0**-60, 1e-30, 1e-170, 5e-324])
def test_the_smallest_entry_decides(tiny):
    """(3, 4, tiny) is longer than 5, also where its square is far below what double-doubles, and any float, can hold."""
    x = np.array([[3.0, 4.0, 0.0], [3.0, 4.0, tiny]])
    for p, bound in ((2, 5.0), (1, 7.0)):
        out = clamp_norm(x, maxnorm=bound, p=p)
        assert out[0].tolist() == [3.0, 4.0, 0.0]
        assert out[1].tolist() != x[1].tolist()
        assert side(out[1].tolist(), bound, p) <= 0
        np.testing.assert_allclose(out[1], x[1], rtol=2.0**-29, atol=1e-323)
        assert clamp_norm(x * 2.0**900 * [1, 1, 0], maxnorm=bound * 2.0**900, p=p)[1].tolist() == (x[0] * 2.0**900).tolist()


def test_pykeens_eps_on_request():
    """Its formula: rows on the sphere are multiplied and divided, some end outside, and short ones far inside."""
    x = np.random.default_rng(60).normal(size=(400, 8)).astype(np.float32)
    eps = float(np.finfo(np.float32).eps)
    theirs, ours = clamp_norm(x, maxnorm=1.5, eps=eps), clamp_norm(x, maxnorm=1.5)
    before, after, exactly = ([side(row, 1.5, 2) for row in rows(a, -1)] for a in (x, theirs, ours))
    assert before.count(1) > 300
    assert 0.3 < after.count(1) / before.count(1) < 0.7
    assert exactly.count(1) == 0
    short = np.array([[3e-9, 4e-9]], np.float32)
    np.testing.assert_allclose(clamp_norm(short, maxnorm=1e-9), [[6e-10, 8e-10]], rtol=1e-6)
    assert naive.same_bits(
        clamp_norm(short, maxnorm=1e-9, eps=1e-7), np.float32(short.astype(float) / 1e-7 * 1e-9)
    )  # rounded once
    np.testing.assert_allclose(clamp_norm(short, maxnorm=1e-9, eps=eps), short * 1e-9 / eps, rtol=1e-6)
    beside = np.array([[0.3, -0.4], [3.0, -4.0]])
    np.testing.assert_allclose(clamp_norm(beside, maxnorm=1.0, eps=eps), [[0.3, -0.4], [0.6, -0.8]], rtol=1e-15)
    assert naive.same_bits(clamp_norm(beside, maxnorm=1.0, eps=eps)[0], beside[0])
    inside = np.array([[0.8132702392002724, 0.5818861727444051]])  # by 3e-18: in floats, as PyKEEN has it, it is on the sphere
    g = np.array([[1.0, 0.0]])
    assert clamp_norm_vjp(g, inside, maxnorm=1.0).tolist() == [[1.0, 0.0]]
    np.testing.assert_allclose(clamp_norm_vjp(g, inside, maxnorm=1.0, eps=eps), g - inside * inside[0, 0], rtol=1e-14)


@settings(max_examples=150)
@given(seed=SEEDS, dtype=st.sampled_from(DTYPES), case=SHAPES, p=st.sampled_from(ORDERS), size=st.integers(0, 3))
def test_normalize_leaves_alone_what_is_normalized(seed, dtype, case, p, size):
    """To the bit, whatever the size it had; and the result is as near to one as its entries' rounding lets it."""
    (shape, dim), rng = case, np.random.default_rng(seed)
    x = draw(rng, shape, dtype, SIZES[np.empty(0, dtype).real.dtype.type][size])
    once = normalize(x, p=p, dim=dim, eps=0)
    assert naive.same_bits(normalize(once, p=p, dim=dim, eps=0), once)
    assert naive.same_bits(normalize(once, p=p, dim=dim), once)
    for before, after in zip(rows(x, dim), rows(once, dim), strict=True):
        if any(before):
            length, q = power(after, p)
            length = naive.mp.mpf(length.numerator) / length.denominator if isinstance(length, Fraction) else length
            off = abs(length ** (1 / naive.mp.mpf(q)) - 1)
            assert off <= (4 if p not in (1, 2, math.inf) or np.dtype(dtype).kind == "c" else 1) * float(np.finfo(dtype).eps)
        else:
            assert after == before


@pytest.mark.parametrize("dtype", DTYPES)
def test_within_an_ulp_of_one_is_left_alone(dtype):
    eps = float(np.finfo(dtype).eps)
    for p in (1, 2, math.inf):
        if p != 2 and np.dtype(dtype).kind == "c" and np.dtype(dtype).char == "D":
            continue  # there it is four
        for length, stays in (
            (1 + eps, True),
            (1 - eps, True),
            (1 - eps / 2, True),
            (1 + 2 * eps, False),
            (1 - 1.5 * eps, False),
        ):
            x = np.array([[0, length, 0]], dtype)
            out = normalize(x, p=p)
            assert naive.same_bits(out, x) == stays
            assert stays or out.tolist() == [[0, 1, 0]]
    if np.dtype(dtype).kind == "f":
        six_eight = np.array([[0.6, 0.8]], dtype)  # not 1 as stored
        assert naive.same_bits(normalize(six_eight), six_eight)
        assert naive.same_bits(normalize(six_eight, eps=2.0), six_eight / np.asarray(2, dtype))  # eps comes first
    for p in (1.5, 3):
        x = np.array([[0, 1 + 4 * eps, 0]], dtype)
        assert naive.same_bits(normalize(x, p=p), x) == (np.dtype(dtype).char in "dD")
        assert normalize(np.array([[0, 1 + 5 * eps, 0]], dtype), p=p).tolist() == [[0, 1, 0]]


@settings(max_examples=60)
@given(seed=SEEDS, dtype=st.sampled_from(DTYPES), size=st.integers(0, 3))
def test_complex_entries_and_quaternions(seed, dtype, size):
    rng, real = np.random.default_rng(seed), np.empty(0, dtype).real.dtype
    x = draw(rng, (5, 8), dtype, SIZES[real.type][size])
    once = complex_normalize(x)
    assert naive.same_bits(complex_normalize(once), once)
    for before, after in zip(x.view(real).reshape(-1, 2), once.view(real).reshape(-1, 2), strict=True):
        assert abs(side_of_one(after)) <= float(np.finfo(real).eps) if before.any() else not after.any()
    if real == dtype:
        once = quaternion_normalize(x, eps=0)
        assert naive.same_bits(quaternion_normalize(once), once)
        assert naive.same_bits(quaternion_normalize(x.reshape(5, 2, 4), eps=0), once.reshape(5, 2, 4))
        for before, after in zip(x.reshape(-1, 4), once.reshape(-1, 4), strict=True):
            assert abs(side_of_one(after)) <= float(np.finfo(real).eps) if before.any() else not after.any()


def side_of_one(row):
    return float(naive.norm([naive.exact(v) for v in row]) - 1)


@settings(max_examples=60)
@given(
    seed=SEEDS,
    dtype=st.sampled_from(REAL),
    low=st.sampled_from([-1.0, 0.0, -0.0, 0.1, 1.0]),
    width=st.sampled_from([0.0, 0.3, 2.0]),
)
def test_clamp_is_a_projection(seed, dtype, low, width):
    x = draw(np.random.default_rng(seed), (5, 8), dtype)
    x.ravel()[:3] = -0.0, 0.0, np.nan
    low, high = dtype(low), dtype(low + width)
    once = clamp(x, min=float(low), max=float(high))
    assert naive.same_bits(clamp(once, min=float(low), max=float(high)), once)
    for before, after in zip(x.ravel(), once.ravel(), strict=True):
        expected = before if np.isnan(before) or low <= before <= high else (low if before < low else high)
        assert naive.same_bits(np.asarray(after), np.asarray(expected))


def test_complex_zeros_and_eps():
    """A zero has no direction. PyKEEN divides it, and all that is shorter, by the machine epsilon."""
    x = np.array([0, 1e-9, 1e-30j, -3e30], np.complex64)
    assert complex_normalize(x).tolist() == [0, 1, 1j, -1]
    eps = float(np.finfo(np.float32).eps)
    np.testing.assert_allclose(complex_normalize(x, eps=eps), [0, 1e-9 / eps, 1e-30j / eps, -1], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["normalize", "clamp_norm"])
def test_rows_that_are_not_finite(name, dtype, bad):
    """A NaN spoils its row; an infinite entry has no direction, and beside it the others count for nothing."""
    x = np.array([[3.0, 4.0], [bad, 1.0], [0.0, 0.0]], dtype)
    with np.errstate(invalid="ignore"):
        for p in ORDERS:
            out = CONSTRAINERS[name](x, p=p, **({"maxnorm": 2.0} if name == "clamp_norm" else {}))
            assert np.isnan(out[1, 0])
            assert np.isnan(out[1, 1]) if np.isnan(bad) else out[1, 1] == 0
            assert np.isfinite(out[[0, 2]]).all()
            assert not out[2].any()


# ---- the sums behind it


@settings(max_examples=150)
@given(seed=SEEDS, n=st.integers(0, 70), p=st.sampled_from([1, 2]), spread=st.sampled_from([0, 3, 40]))
def test_sums_in_two_floats(seed, n, p, spread):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (2, n)) * 10.0 ** rng.integers(-spread, 1, (2, n))
    hi, lo = exact.sum_of_powers(x, p)
    for row, a, b in zip(x, hi, lo, strict=True):
        sum_of_powers = sum((abs(Fraction(v)) ** p for v in row.tolist()), Fraction(0))
        assert abs(Fraction(float(a)) + Fraction(float(b)) - sum_of_powers) <= sum_of_powers * Fraction(2) ** -98
        assert float(a) == float(sum_of_powers)  # correctly rounded, but for what no test meets


@settings(max_examples=150)
@given(
    seed=SEEDS,
    p=st.sampled_from(ORDERS),
    is_complex=st.booleans(),
    d=st.integers(1, 5),
    size=st.sampled_from([1.0, 1e150, 1e-150]),
)
def test_compare(seed, p, is_complex, d, size):
    """Bounds that are the float next to the length, and those beside it: where nothing but exact arithmetic can tell."""
    rng = np.random.default_rng(seed)
    x = draw(rng, (6, d), complex if is_complex else float, size)
    length = float(norms.norm(x[0], p=p))
    for bound in (length, np.nextafter(length, 0), np.nextafter(length, np.inf), 0.0):
        found = exact.compare(x, *norms.scaled(x, p, (1,), careful=True), bound, p, (1,))
        assert found.shape == (6, 1)
        assert found[:, 0].tolist() == [side(row, bound, p) for row in rows(x, -1)]


def test_low_parts_nearly_undo_the_high_parts():
    """The sum is a ten-millionth of an ulp above the square of the bound, of which the last half ulp is nearly all below the rounding."""
    bound = 1 + 124142576778018 * 2.0**-52  # its square is a half, less 1e-8, of an ulp above a float
    x = np.array([[bound, math.sqrt(1e-7) * 2.0**-26], [bound, 0.0]])
    assert [side(row, bound, 2) for row in rows(x, -1)] == [1, 0]
    assert exact.compare(x, *norms.scaled(x, 2, (1,), careful=True), bound, 2, (1,)).tolist() == [[1], [0]]


def test_ties_of_whole_tables_take_no_time():
    """One entry in each row, all exactly at the bound; and rows of double precision that were clamped before."""
    x = clamp_norm(np.random.default_rng(61).normal(size=(500, 100)), maxnorm=1.0)
    assert naive.same_bits(clamp_norm(x, maxnorm=1.0), x)
    x = np.eye(500) * 0.1
    assert naive.same_bits(clamp_norm(x, maxnorm=0.1), x)
