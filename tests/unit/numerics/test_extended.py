"""Numbers whose exponent has no bounds, and what they are for: results that are representable though a step on the way to them is not."""

import functools
import operator
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from naive import same_bits

from npembed.embedding.regularizers import (
    combined,
    lp,
    lp_vjp,
    norm_limit,
    norm_limit_vjp,
    orthogonality,
    orthogonality_vjp,
    power_sum,
    power_sum_vjp,
)
from npembed.embedding.row_maps import (
    NORMALIZERS,
    clamp_norm,
    clamp_norm_vjp,
    complex_normalize_vjp,
    norm,
    norm_vjp,
    normalize,
    normalize_vjp,
    quaternion_normalize_vjp,
    softmax,
    softmax_vjp,
)
from npembed.embedding.second_order import SECOND_ORDER, clamp_norm_vjp_vjp, normalize_vjp_vjp, softmax_vjp_vjp
from npembed.kge.interactions import (
    INTERACTIONS,
    complex_bilinear,
    complex_bilinear_vjp,
    distmult,
    distmult_vjp,
    rotate,
    rotate_vjp,
    score_all,
    transe,
    transe_vjp,
)
from npembed.numerics.extended import Extended, exp, exponents, extended, floats, inner, ldexp, reach, where
from npembed.op import Op
from npembed.verify.accuracy import errors_of

INF, EPS = np.inf, 2.0**-52
TINY, HUGE = 5e-324, 1.7e308


def drawn(rng, shape=(40,), least=-1073, most=1024):
    """Floats of any exponent, and some zeros."""
    x = np.ldexp(rng.uniform(0.5, 1, shape) * rng.choice([-1.0, 1.0], shape), rng.integers(least, most, shape))
    return np.where(rng.random(shape) < 0.1, 0.0, x)


def fraction(x, i):
    """One number of a real `Extended`, exactly."""
    return Fraction(float(x.m[i, 0])) * Fraction(2) ** int(max(x.k[i, 0], -(2**14)))


def near(actual, expected, size):
    """Within one rounding of `size`."""
    return abs(actual - expected) <= Fraction(1, 2**53) * size


# ---- arithmetic


def test_arithmetic_against_fractions():
    """Of numbers and of products of them, which no float holds."""
    rng = np.random.default_rng(1)
    a, b, c = (drawn(rng) for _ in range(3))
    x, y = extended(a) * c, extended(b)
    with np.errstate(all="ignore"):
        quotient = x / y
    for i, (p, q, r) in enumerate(zip(a.tolist(), b.tolist(), c.tolist(), strict=True)):
        u, v = Fraction(p) * Fraction(r), Fraction(q)
        assert near(fraction(x, i), u, abs(u))
        u = fraction(x, i)
        for f in (operator.add, operator.sub, operator.mul):
            assert near(fraction(f(x, y), i), f(u, v), abs(f(u, v)) + (abs(u) + abs(v)) / 2**1000)
            assert near(fraction(f(b, x), i), f(v, u), abs(f(v, u)) + (abs(u) + abs(v)) / 2**1000)
        if v:
            assert near(fraction(quotient, i), u / v, abs(u / v))
        assert fraction(-x, i) == -u
        assert fraction(abs(x), i) == abs(u)
        assert fraction(ldexp(x, -3000), i) == u / 2**3000
        assert (x > y)[i] == (u > v)
        assert (x <= y)[i] == (u <= v)
        assert (x == y)[i] == (u == v)
        assert (x == extended(a) * c)[i]
        assert (x == np.nextafter(1, 2) * x)[i] == (u == 0)
        assert (x == ldexp(x, 1))[i] == (u == 0)
    total = sum((fraction(x, i) for i in range(40)), Fraction(0))
    largest = max(abs(fraction(x, i)) for i in range(40))
    assert abs(fraction(x.sum(keepdims=True), 0) - total) <= largest / 2**46


def test_complex_numbers_are_pairs_of_any_size():
    """Products, sums, quotients by real numbers, conjugates, moduli; also of parts that are far apart."""
    rng = np.random.default_rng(2)
    z, w = (drawn(rng) + 1j * drawn(rng) for _ in range(2))
    w[:5], z[5:10] = z[:5].conj(), 1 + 2j
    r = np.abs(drawn(rng)) + TINY
    with mpmath.workprec(9000):
        parts = lambda x: [mpmath.ldexp(mpmath.mpf(float(m)), int(k)) for m, k in zip(x.m[i], x.k[i], strict=True)]  # noqa: E731
        for i in range(40):
            a, b = mpmath.mpc(z[i]), mpmath.mpc(w[i])
            sizes = abs(a.real * b.real) + abs(a.imag * b.imag), abs(a.real * b.imag) + abs(a.imag * b.real)
            for actual, right, size in (
                (extended(z) * w, a * b, sizes),
                (extended(z) + w, a + b, (abs(a.real) + abs(b.real), abs(a.imag) + abs(b.imag))),
                (extended(z) / r, a / mpmath.mpf(r[i]), (abs(a.real) / mpmath.mpf(r[i]), abs(a.imag) / mpmath.mpf(r[i]))),
                (extended(z).conj(), mpmath.conj(a), (0, 0)),
            ):
                for found, exact, bound in zip(parts(actual), (right.real, right.imag), size, strict=True):
                    assert abs(found - exact) <= 2 * EPS * bound
            (size,) = parts(abs(extended(z)))
            assert abs(size - abs(a)) <= EPS * abs(a)
            (product,) = parts(inner(z, extended(w), ()))
            assert abs(product - (mpmath.conj(a) * b).real) <= 2 * EPS * sizes[0]
            assert parts(extended(z).real) == [a.real]


@pytest.mark.parametrize("power", [0, 0.001, 0.5, 1, 1.5, 2, 2.5, 7.3, -0.5])
def test_powers(power):
    rng = np.random.default_rng(3)
    x = abs(extended(drawn(rng)) * drawn(rng))
    x = where(x == 0, 1.0, x) if power < 0 else x
    found = x**power
    with mpmath.workprec(200):
        for i in range(40):
            base = mpmath.ldexp(mpmath.mpf(float(x.m[i, 0])), int(x.k[i, 0])) if x.m[i, 0] else mpmath.mpf(0)
            right = base ** mpmath.mpf(power)
            actual = mpmath.ldexp(mpmath.mpf(float(found.m[i, 0])), int(found.k[i, 0])) if found.m[i, 0] else mpmath.mpf(0)
            assert abs(actual - right) <= 3 * EPS * right


def test_exponentials_below_all_floats():
    x = np.array([0.0, -1.5, -699.9, -700.1, -745.2, -1199.75, -1200.5, -2000.0, -2650.0])
    found = exp(extended(x))
    with mpmath.workprec(200):
        for i, v in enumerate(x.tolist()):
            right = mpmath.exp(mpmath.mpf(v))
            assert abs(mpmath.ldexp(mpmath.mpf(float(found.m[i, 0])), int(found.k[i, 0])) - right) <= 5 * EPS * right
    assert same_bits(floats(found)[:3], np.exp(x[:3]))
    assert floats(exp(extended(np.array([-INF, -1e308])))).tolist() == [0.0, 0.0]
    assert np.isnan(floats(exp(extended(np.array([np.nan])))))


def test_what_is_not_finite_stays_so():
    x = extended(np.array([INF, -INF, np.nan, 1.0, 0.0]))
    assert floats(x * 2.0).tolist()[:2] == [INF, -INF]
    with np.errstate(invalid="ignore"):
        assert np.isnan(floats(x - x)).tolist() == [True, True, True, False, False]
        assert np.isnan(floats(x.sum()))
    assert floats(extended(np.array([1.0, 0.0])) / np.array([INF])).tolist() == [0.0, 0.0]
    assert exponents(x, (0,)).tolist() == [1]
    assert exponents(extended(np.zeros(3)), (0,)).tolist() == exponents(np.array([INF, 1.0]), (0,)).tolist() == [0]


def test_exponents_of_rows():
    """Of the largest part, along axes; of none 0."""
    x = np.array([[3.0, -4.0, 1e-320], [0.1, 0.0, -0.2]])
    for y in (x, x * 1j + np.abs(x) / 8, x / 8 - 1j * x):
        for f in (np.asarray, extended):
            assert exponents(f(y), (1,)).tolist() == [[3], [-2]]
            assert exponents(f(y), (0, 1)).tolist() == [[3]]
            assert exponents(f(y), (0,)).tolist() == [[2, 3, -2]]
            assert exponents(f(y[:, :0]), (1,)).tolist() == exponents(f(0 * y), (1,)).tolist() == [[0], [0]]
    assert inner(np.array([1j]), np.array([2j + 1]), (0,)).tolist() == [2.0]
    assert exp(np.array([0.0])).tolist() == [1.0]


def test_shapes_and_axes():
    rng = np.random.default_rng(4)
    for x in (rng.standard_normal((3, 4, 5)), rng.standard_normal((3, 4, 5)) + 1j * rng.standard_normal((3, 4, 5))):
        y = extended(x)
        assert (y.shape, y.ndim) == (x.shape, x.ndim)
        for axis in (0, -1, (0, 2), (), None):
            for keepdims in (False, True):
                assert same_bits(floats(y.sum(axis=axis, keepdims=keepdims)), np.asarray(x.sum(axis=axis, keepdims=keepdims)))
        assert same_bits(floats(where(x.real > 0, y, 0.0)), np.where(x.real > 0, x, 0.0))
        assert same_bits(floats(where(x.real > 0, 0.0, y)), np.where(x.real > 0, 0.0, x))
    assert where(np.array([True]), 1.0, 2.0).tolist() == [1.0]


def test_reach_takes_the_long_way_where_it_must():
    kinds = []

    def formula(a, power):
        kinds.append(type(a))
        return a**power / a

    assert floats(reach(formula, [np.array([3.0])], 2)).tolist() == [3.0]
    assert kinds == [np.ndarray]
    for a in (1e300, 1e-300):
        assert floats(reach(formula, [np.array([a])], 2)) == pytest.approx(a, rel=1e-15)
    assert kinds == [np.ndarray, *[np.ndarray, Extended] * 2]
    floats(reach(formula, [extended(np.array([3.0]))], 2))
    assert kinds[5:] == [Extended]
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert floats(extended(np.array([1.0]), 1024), over="warn").tolist() == [INF]
    assert floats(extended(np.array([1.0]), 1024)).tolist() == [INF]
    assert floats(extended(np.array([0.75]), -1074)).tolist() == [TINY]


# ---- one row, one result, in whatever company it is

BESIDE_OTHERS = {
    "norm": Op(norm, norm_vjp),
    **NORMALIZERS,
    **{f"{name}_vjp": op for name, op in SECOND_ORDER.items()},
    **INTERACTIONS,
}
OPTIONS = {
    "norm": [{"p": p} for p in (1, 1.5, 2, 3, INF)],
    "normalize": [{"p": p} for p in (1, 1.5, 2, 3, INF)],
    "normalize_vjp": [{"p": p} for p in (1, 1.5, 2, 3, INF)],
    "clamp": [{"min": -0.5, "max": 1}],
    "clamp_vjp": [{"min": -0.5, "max": 1}],
    "clamp_norm": [{"maxnorm": 0.7}, {"maxnorm": 0.7, "p": 3, "eps": 1e-3}],
    "clamp_norm_vjp": [{"maxnorm": 0.7}, {"maxnorm": 0.7, "p": 3, "eps": 1e-3}],
    "transe": [{"p": p} for p in (1, 1.5, 2, INF)] + [{"p": 3, "power_norm": True}],
    "rotate": [{"p": 1}, {"p": 2}, {"turn": "tail"}],
}


@pytest.mark.parametrize("name", BESIDE_OTHERS)
def test_ordinary_rows_beside_extreme_ones_keep_their_bits(name):
    rng, op = np.random.default_rng(5), BESIDE_OTHERS[name]
    count = 3 if name in INTERACTIONS else 2 if name.endswith("_vjp") else 1
    for dtype in "dD":
        real = {"softmax", "softmax_vjp", "clamp", "clamp_vjp", "quaternion_normalize", "quaternion_normalize_vjp", "distmult"}
        if name in (real if dtype == "D" else {"complex", "rotate"}):
            continue
        for options in OPTIONS.get(name, [{}]):
            if options.get("power_norm") and dtype == "D":
                continue  # NumPy divides complex numbers by a reciprocal
            args = [
                rng.standard_normal((16, 8)) + (1j * rng.standard_normal((16, 8)) if dtype == "D" else 0) for _ in range(count)
            ]
            extreme = [a.copy() for a in args]
            for a in extreme:
                a[8:, :4] *= 1e200
                a[8:, 4:] *= 1e-200
            with np.errstate(all="ignore"):
                pairs = [(op.forward(*args, **options), op.forward(*extreme, **options))]
                g = [np.asarray(rng.standard_normal(v.shape), v.dtype) for v in ([pairs[0][0]])]
                pairs += zip(*(_tuple(op.vjp(*g, *a, **options)) for a in (args, extreme)), strict=True)
            pairs = [(alone + 0.0, beside + 0.0) for alone, beside in pairs]  # zeros of one sign
            assert all(same_bits(alone[:8], beside[:8]) for alone, beside in pairs), options
            assert not all(same_bits(alone[8:], beside[8:]) for alone, beside in pairs)


def _tuple(x):
    return x if isinstance(x, tuple) else (x,)


# ---- what is representable is found


def a(*x):
    return np.array(x)


def row(*x):
    return np.array([x])


ONE = np.array(1.0)
CASES = [
    # signs and powers of entries that vanish when the row is brought near one
    (norm_vjp, (a(1.0), row(-1e-17, 1e307)), {"p": 1}, [[-1.0, 1.0]]),
    (norm_vjp, (a(1e308), row(-1e-17, 1e307)), {"p": 2}, [[-1e-16, 1e308]]),
    (norm_vjp, (a(1.0), row(-1e-13, 1e307)), {"p": 1.5}, [[-1e-160, 1.0]]),
    (norm_vjp, (a(1e300), row(1.0, -1e-200)), {"p": 3}, [[1e300, -1e-100]]),
    (norm_vjp, (a(1.0), row(3e-17 - 4e-17j, 1e307)), {"p": 1}, [[0.6 - 0.8j, 1.0]]),
    (norm_vjp, (a(1.0), row(1e307, TINY)), {"p": 1, "slope_at_zero": 0.5}, [[1.0, 1.0]]),
    (norm_vjp, (a(1e308), row(1e-17j + 1e307, 0j)), {"p": 2}, [[1e308 + 1e-16j, 0.0]]),
    (normalize_vjp, (row(0.0, 1.0), row(-1e-17, 1e307)), {"p": 1}, [[1e-307, 1e-331]]),
    (lp_vjp, (1.0, row(-1e-17, 1e307)), {"p": 1}, [[-1.0, 1.0]]),
    (norm_limit_vjp, (1.0, row(-1e-17, 1e307)), {"p": 1, "power_norm": False}, [[-1.0, 1.0]]),
    (transe_vjp, (ONE, a(-1e-17, 1e307), np.zeros(2), np.zeros(2)), {}, ([1.0, -1.0], [1.0, -1.0], [-1.0, 1.0])),
    (rotate_vjp, (ONE, a(-1e-17, 1e307) + 0j, np.ones(2) + 0j, np.zeros(2) + 0j), {"p": 1}, ([1, -1], [-1e-17, -1e307], [-1, 1])),
    # too large on the way
    (normalize_vjp, (row(HUGE, 0.0), row(0.0, 1.0)), {}, [[HUGE, 0.0]]),
    (normalize_vjp, (row(1.5e308, 0.0), row(0.0, 1.5e308)), {}, [[1.0, 0.0]]),
    (normalize_vjp, (row(HUGE, -HUGE), row(HUGE, HUGE)), {}, [[0.5**0.5, -(0.5**0.5)]]),
    (normalize_vjp, (row(1e-320, 0.0), row(0.0, TINY)), {"eps": 0}, [[1e-320 / TINY, 0.0]]),
    (complex_normalize_vjp, (a(HUGE * 1j), a(HUGE + HUGE * 1j)), {}, [(-1 + 1j) * 2.0**-1.5]),
    (quaternion_normalize_vjp, (a(HUGE, -HUGE, HUGE, -HUGE), a(HUGE, HUGE, HUGE, HUGE)), {}, [0.5, -0.5, 0.5, -0.5]),
    (clamp_norm_vjp, (row(1.0, 0.0), row(0.0, 1e-310)), {"maxnorm": 5e-311}, [[5e-311 / 1e-310, 0.0]]),
    (clamp_norm_vjp, (row(1e10, 1e300), row(1e-305, 0.0)), {"maxnorm": 1e-307, "eps": 1e-304}, [[1e7, 1e297]]),
    (clamp_norm, (row(1e-17, 1e307),), {"maxnorm": 1e306}, [[1e-18, 1e306]]),
    (clamp_norm, (row(1e-17, 1e307),), {"maxnorm": 1e306, "eps": 0}, [[1e-18, 1e306]]),
    (clamp_norm, (row(HUGE, HUGE),), {"maxnorm": 5e-311, "p": 1}, [[2.5e-311, 2.5e-311]]),
    (softmax, (row(HUGE, -HUGE),), {}, [[1.0, 0.0]]),
    (softmax, (a([0.0, 0.0], [-2000.0, -2000.0]),), {}, [[0.5, 0.5], [0.5, 0.5]]),
    (softmax_vjp, (row(HUGE, -HUGE), np.zeros((1, 2))), {}, [[HUGE / 2, -HUGE / 2]]),
    (softmax_vjp, (row(HUGE, HUGE), np.zeros((1, 2))), {}, [[0.0, 0.0]]),
    (softmax_vjp, (row(0.0, 1e300), row(0.0, -800.0)), {}, [[-3.667874584177687e-48, 3.667874584177687e-48]]),
    (softmax_vjp_vjp, (row(0.0, 1e200), row(0.0, 1e100), row(0.0, -800.0)), {},
     ([[-3.667874584177687e-148, 3.667874584177687e-148]], [[-3.667874584177687e-48, 3.667874584177687e-48]])),
    # second order: <v, d> = 1e400 and <u, v> d = 1e400 over n^2 = 1e600
    (normalize_vjp_vjp, (row(1e200, 0.0), row(1e200, 0.0), row(0.0, 1e150)), {}, ([[1e50, 0.0]], [[0.0, -1e100]])),
    (clamp_norm_vjp_vjp, (row(1e200, 0.0), row(1e200, 0.0), row(0.0, 1e150)), {"maxnorm": 1e-90},
     ([[1e-40, 0.0]], [[0.0, -1e10]])),
    # sums and products of three
    (transe, (a(1e308), a(1e308), a(1e308)), {}, -1e308),
    (transe, (a(1e308), a(1e308), a(1e308)), {"p": 2}, -1e308),
    (transe, (a(1e308 + 1j), a(1e308 + 0j), a(1e308 + 0j)), {"p": INF}, -1e308),
    (transe_vjp, (ONE, a(1e308), a(1e308), a(-1e308)), {}, ([-1.0], [-1.0], [1.0])),
    (transe_vjp, (np.array(1e-300), a(1e200), a(0.0), a(0.0)), {"p": 3, "power_norm": True}, ([-3e100], [-3e100], [3e100])),
    (transe_vjp, (np.array(1e300), a(1e-200), a(0.0), a(0.0)), {"p": 3, "power_norm": True}, ([-3e-100], [-3e-100], [3e-100])),
    (rotate, (a(1.4e154 + 0j), a(1.4e154 + 0j), a(1e308 + 0j)), {}, -9.6e307),
    (rotate, (a(1e308 + 0j), a(1.4e154 + 0j), a(1.4e154 + 0j)), {"turn": "tail", "p": 1}, -9.6e307),
    (rotate_vjp, (np.array(1e-200), a(1e200 + 0j), a(1e200 + 0j), a(1e308 + 0j)), {}, ([-1.0], [-1.0], [1e-200])),
    (distmult, (a(1e200), a(1e200), a(1e-300)), {}, 1e100),
    (distmult, (a(1e-200, 1.0), a(1e-200, 1.0), a(1e300, 0.0)), {}, 1e-100),
    (distmult_vjp, (np.array(1e200), a(1e200), a(1e-300), a(1e-100)), {}, ([1e-200], [1e300], [1e100])),
    (complex_bilinear, (a(1e200 + 1e200j), a(1e200 + 0j), a(1e-300 + 0j)), {}, 1e100),
    (complex_bilinear_vjp, (np.array(1e200), a(1e-200 + 0j), a(1e200 + 1e-200j), a(1e-150 + 0j)), {},
     ([1e250 - 1e-150j], [1e-150], [1e200 + 1e-200j])),
    # regularizers
    (lp, (a([HUGE], [HUGE]),), {}, HUGE),
    (lp, (row(HUGE, HUGE),), {"weight": 0.1}, 0.1 * HUGE * 2**0.5),
    (lp_vjp, (1e308, np.ones((100, 1))), {"weight": 10.0}, [[1e307]] * 100),
    (power_sum, (row(1e200),), {"weight": 1e-300}, 1e100),
    (power_sum, (row(1e-200),), {"weight": 1e300}, 1e-100),
    (power_sum_vjp, (1e-200, row(1e200)), {"p": 3}, [[3e200]]),
    (power_sum_vjp, (1e300, row(-1e-200)), {"p": 3}, [[-3e-100]]),
    (norm_limit, (row(1e200),), {"weight": 1e-300}, 1e100),
    (norm_limit, (row(HUGE, HUGE),), {"weight": 0.1, "power_norm": False}, 0.1 * HUGE * 2**0.5),
    (norm_limit_vjp, (1e-300, row(1e200)), {"p": 3}, [[3e100]]),
    (norm_limit_vjp, (1.0, row(HUGE, HUGE)), {"power_norm": False}, [[0.5**0.5, 0.5**0.5]]),
    (orthogonality, (row(1.0, 1e-200), row(0.0, 1.0)), {"epsilon": 0, "eps": 0, "weight": 1e300}, 1e-100),
    (orthogonality_vjp, (1e300, row(1.0, 1e-200), row(0.0, 1.0)), {"epsilon": 0, "eps": 0},
     ([[-2e-100, 2e100]], [[2e100, 0.0]])),
    (combined, (row(1e200),), {"regularizers": [("power_sum", None, 1.0)], "weight": 1e-300}, 1e100),
    (combined, (row(1e-200),), {"regularizers": [("power_sum", None, 1.0)], "weight": 1e300}, 1e-100),
]  # fmt: skip


def check_case(f, args, options, right):
    """`f` gives what is right to a few roundings."""
    for actual, expected in zip(_tuple(f(*args, **options)), right if isinstance(right, tuple) else (right,), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=8 * EPS, atol=0)
        assert np.shape(actual) == np.shape(expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].__name__}-{case[2]}")
def test_what_is_representable_is_found(case):
    check_case(*case)


BEYOND = [
    (distmult, (a(1e200), a(1e200), a(1.0))),
    (distmult_vjp, (np.array(1e200), a(1e200), a(1e200), a(1e200))),
    (complex_bilinear, (a(1e200 + 0j), a(1e200 + 0j), a(1 + 0j))),
    (complex_bilinear_vjp, (np.array(1e200), a(1e200 + 1e200j), a(1e200 - 1j), a(1e200 + 1j))),
    (functools.partial(transe, p=2, power_norm=True), (a(1e200), a(1.0), a(1.0))),
    (functools.partial(transe_vjp, p=3, power_norm=True), (np.array(1.0), a(1e200), a(1.0), a(1.0))),
    (functools.partial(rotate, p=2, power_norm=True), (a(1e200 + 0j), a(1 + 0j), a(1 + 0j))),
    (functools.partial(rotate_vjp, p=1), (np.array(1e200), a(1e200 + 0j), a(1e200 + 0j), a(0j))),
    (lp, (row(HUGE, HUGE),)),
    (lp_vjp, (HUGE, np.full((3, 2), 1.0)), {"weight": 1e9}),
    (power_sum, (row(1e200),)),
    (power_sum_vjp, (1e200, row(1e200))),
    (norm_limit, (row(1e200),)),
    (norm_limit_vjp, (1e200, row(1e200))),
    (orthogonality, (np.ones((3, 1)), np.ones((3, 1))), {"weight": 1e308}),
]


def check_beyond(f, args, options=()):
    """Infinite, with NumPy's warning."""
    with pytest.warns(RuntimeWarning, match="overflow"):
        found = f(*args, **dict(options))
    assert any(np.isinf(d).all() for d in _tuple(found))


@pytest.mark.parametrize("case", BEYOND, ids=lambda case: getattr(case[0], "func", case[0]).__name__)
def test_what_is_not_is_infinite_with_a_warning(case):
    check_beyond(*case)


def test_scores_whose_products_vanish_on_the_way_are_those_of_the_definition():
    for name, unit in (("distmult", 1.0), ("complex", 1 + 1j)):
        for side in ("head", "relation", "tail"):
            h, r, t = np.full((2, 3), 1e-200 * unit), np.full((2, 3), 1e-150 * unit), np.full((2, 3), 1e300 * unit)
            h[1] *= 1e40
            found = score_all(h, r, t, interaction=INTERACTIONS[name], side=side)
            pairs = {
                "tail": (h[:, None], r[:, None], t),
                "head": (h, r[:, None], t[:, None]),
                "relation": (h[:, None], r, t[:, None]),
            }
            assert found.all()
            np.testing.assert_allclose(found, INTERACTIONS[name].forward(*pairs[side]), rtol=1e-14)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_second_order_of_rows_of_any_size(p):
    """Each number to a few roundings of the terms that it is made of, by the formula of the docstring in 9000 bits."""
    rng = np.random.default_rng(6)
    x, v, g = (np.where(n := drawn(rng, (12, 4), most=1000), n, 1.0) for _ in range(3))
    dg, dx = normalize_vjp_vjp(v, g, x, p=p, eps=0)
    with mpmath.workprec(9000):
        for i in range(len(x)):
            xs, vs, gs = ([mpmath.mpf(w) for w in row[i].tolist()] for row in (x, v, g))
            n = sum(abs(w) ** p for w in xs) ** (1 / mpmath.mpf(p)) if p != 1 else sum(map(abs, xs))
            u = [w / n for w in xs]
            s = [mpmath.sign(w) * abs(w) ** (p - 1) for w in u]
            dot = lambda b, c: sum((y * z for y, z in zip(b, c, strict=True)), mpmath.mpf(0))  # noqa: E731
            both = lambda b, c: sum((abs(y * z) for y, z in zip(b, c, strict=True)), mpmath.mpf(0))  # noqa: E731
            d = [y - w * dot(u, gs) for y, w in zip(gs, s, strict=True)]
            sizes = [abs(y) + abs(w) * both(u, gs) for y, w in zip(gs, s, strict=True)]
            for j in range(4):
                bend = (p - 1) * (abs(u[j]) ** (p - 2) if p != 1 else 0)
                terms = [s[j] * dot(vs, d), dot(s, vs) * d[j], dot(u, gs) * (bend * vs[j] - (p - 1) * s[j] * dot(s, vs))]
                most = abs(s[j]) * both(vs, sizes) + both(s, vs) * sizes[j]
                most += both(u, gs) * (bend * abs(vs[j]) + (p - 1) * abs(s[j]) * both(s, vs))
                for actual, right, size in (
                    (dg[i, j], (vs[j] - u[j] * dot(s, vs)) / n, (abs(vs[j]) + abs(u[j]) * both(s, vs)) / n),
                    (dx[i, j], -sum(terms) / n**2, most / n**2),
                ):
                    if abs(right) >= mpmath.mpf(2) ** 1024:
                        assert actual == INF * mpmath.sign(right)
                    elif size < mpmath.mpf(2) ** 1023:
                        assert abs(actual - right) <= 16 * EPS * size + mpmath.mpf(2) ** -1074, (i, j)


def test_measured_in_ulps():
    """The examples of exponents at both ends, each number to an ulp."""
    x = np.array([[HUGE, TINY, -1e-200, 1.0]])
    with mpmath.workprec(9000):
        row = [mpmath.mpf(v) for v in x[0].tolist()]
        for p in (1, 1.5, 2, 3):
            n = sum(abs(v) ** mpmath.mpf(p) for v in row) ** (1 / mpmath.mpf(p))
            assert errors_of(norm(x, p=p), [n])[0].max() <= 1
            for maxnorm in (1e300, 1e-300):
                right = [v / n * mpmath.mpf(maxnorm) for v in row]
                assert errors_of(clamp_norm(x, maxnorm=maxnorm, p=p, eps=0)[0], right)[0].max() <= 2
            assert errors_of(normalize(x, p=p)[0], [v / n for v in row])[0].max() <= 1
