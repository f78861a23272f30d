"""``precision="exact"``: each number is the nearest one, whatever the rows are."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive import same_bits
from tolerances import EXACT_ULP

from npembed.embedding.row_maps import normalize, normalize_vjp
from npembed.numerics import double_double
from npembed.verify.accuracy import errors_of

INF, TINY = np.inf, 5e-324
KINDS = ("random", "parallel", "rounded", "orthogonal", "spread", "range", "huge", "tiny", "unit", "integers")


def drawn(rng, kind, p, dtype, d):
    """Rows and a cotangent of one kind."""
    x, g = rng.standard_normal((3, d)), rng.standard_normal((3, d))
    single = dtype in (np.float32, np.complex64)
    if np.dtype(dtype).kind == "c":
        x, g = x + 1j * rng.standard_normal((3, d)), g + 1j * rng.standard_normal((3, d))
    if kind == "parallel":
        g = x * (1 + (1e-4 if single else 1e-11) * g.real)
    elif kind == "rounded":  # parallel but for the rounding
        g = x * 1.1
    elif kind == "orthogonal":
        g = g - x * (np.conj(x) * g).real.sum(axis=1, keepdims=True) / (np.abs(x) ** 2).sum(axis=1, keepdims=True)
    elif kind == "spread":
        x, g = (v * 10.0 ** rng.integers(-20 if single else -320, 1, v.shape) for v in (x, g))
        x = x * (1.0 if single else 10.0 ** rng.integers(0, 300))
    elif kind == "range":  # all exponents that there are
        least, most = (-148, 128) if single else (-1073, 1024)
        x, g = (
            np.ldexp(np.frexp(v.real)[0], rng.integers(least, most, v.shape)) * (1 if v.dtype.kind == "f" else 1 + 0.4j)
            for v in (x, g)
        )
    elif kind in ("huge", "tiny"):
        x = x * {"huge": (1e37, 1e307), "tiny": (1e-38, 1e-308)}[kind][not single]
    elif kind == "unit":
        x = normalize(x, p=p, eps=0) if np.dtype(dtype).kind == "f" else x
    elif kind == "integers":
        x, g = x.real.round() + 0 * x, g.real.round() + 0 * g
    if p == INF and d > 2:
        x[:, 1] = x[:, 2] = 2 * np.abs(x).max(axis=1)
        x[0, 1] *= -1
    return x.astype(dtype), g.astype(dtype)


def expected(x, g, p, eps, ties="split", slope=0.0):
    """One row in mpmath: u and dx, by the formulas of the docstrings."""
    parts = [mpmath.mpf(v) for z in x.tolist() for v in ((z.real, z.imag) if isinstance(z, complex) else (z,))]
    above = [mpmath.mpf(v) for z in g.tolist() for v in ((z.real, z.imag) if isinstance(z, complex) else (z,))]
    sizes = [abs(v) for v in parts]
    n = sum(sizes) if p == 1 else max(sizes) if p == INF else mpmath.sqrt(sum(v * v for v in sizes))
    if n < eps:
        return [v / mpmath.mpf(eps) for v in parts], [v / mpmath.mpf(eps) for v in above]
    if p == 2:
        s = [v / n for v in parts]
    elif p == 1:
        s = [mpmath.sign(v) if v else mpmath.mpf(slope) for v in parts]
    else:
        top = [i for i, v in enumerate(sizes) if v == n]
        top = top[:1] if ties == "first" else top
        s = [mpmath.sign(v) / len(top) if i in top else mpmath.mpf(0) for i, v in enumerate(parts)]
    inner = sum(a * b for a, b in zip(parts, above, strict=True)) / n
    return [v / n for v in parts], [(a - b * inner) / n for a, b in zip(above, s, strict=True)]


def check(x, g, p, eps, bits=2000, **conventions):
    """Both directions against mpmath, number by number."""
    options = {"p": p, "eps": eps, "precision": "exact", **conventions}
    with np.errstate(over="ignore"):  # where infinity is right
        u, d = normalize(x, **options), normalize_vjp(g, x, **options)
    assert u.dtype == d.dtype == x.dtype
    with mpmath.workprec(bits):
        for i in range(len(x)):
            if not x[i].any():
                assert not u[i].any()
                continue
            right = expected(x[i], g[i], p, eps, conventions.get("ties", "split"), conventions.get("slope_at_zero", 0.0))
            for actual, numbers in zip((u[i], d[i]), right, strict=True):
                parts = actual.view(actual.real.dtype) if actual.dtype.kind == "c" else actual
                assert errors_of(parts, numbers)[0].max() <= EXACT_ULP


ALL = [(p, dtype) for p in (1, 2, INF) for dtype in (np.float32, np.float64)] + [(2, np.complex64), (2, np.complex128)]


@pytest.mark.long
@pytest.mark.parametrize(("p", "dtype"), ALL, ids=str)
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 2**32), d=st.integers(1, 9), eps=st.sampled_from([0.0, 1e-12, 0.7]))
def test_half_an_ulp(kind, p, dtype, seed, d, eps):
    check(*drawn(np.random.default_rng(seed), kind, p, dtype, d), p, eps, bits=9000 if kind == "range" else 2000)


def test_conventions_at_kinks():
    x = np.array([[2.0, -2.0, 0.0, 1.0, 2.0], [0.0, 3.0, -3.0, 0.5, 0.1]])
    g = np.array([[1.0, 2.5, -3.0, 0.7, 1.1], [0.3, 0.1, -3.0, 0.7, 1.1]])
    check(x, g, INF, 0.0, ties="first")
    check(np.array([[2.0, -2.0], [4.0, 1.0]]), np.array([[1.0, 1.0], [1.0, 0.0]]), INF, 0.0)  # two largest entries, and one
    check(x, g, INF, 0.0)
    tiny = np.array([[1.0, -3.0, 1e-200, 2.5, 3.0], [1e300, 1e300, -3e-20, 1e299, 0.0]])
    for p in (1, 2, INF):
        check(tiny, g, p, 0.0)
    for slope in (-1.0, 0.3, 1.0):
        check(x, g, 1, 0.0, slope_at_zero=slope)


def test_what_is_computed_in_fractions():
    """The smallest entries that are not zero, what is nearly subnormal, and what lies as near to a middle as it may be off."""
    dd, eps = double_double, 2.0**-52
    entries = np.array([0.0, dd.TINY, np.nextafter(dd.TINY, 0), -dd.TINY / 2, -dd.TINY, 1.0, -1.0])
    assert dd._is_tiny(entries, entries).tolist() == [False, False, True, True, False, False, False]
    assert dd._is_tiny(np.array([1e-17, 0.0]), np.zeros(2)).tolist() == [True, False]  # vanished beside the others

    def doubts(hi, lo, off, dtype=np.float64):
        return dd._may_round_otherwise(*(np.array([v]) for v in (hi, lo, off)), dtype).item()

    off = 2.0**-90
    for sign in (1, -1):
        one, half = sign * 1.0, sign * eps / 2
        assert doubts(one, half - sign * off, 1.1 * off)
        assert not doubts(one, half - sign * off, 0.9 * off)
        assert doubts(one, -half / 2 + sign * off, 1.1 * off)  # below a power of two floats are twice as dense
        assert not doubts(one, -half / 2 + sign * off, 0.9 * off)
        middle = sign * (1 + 2.0**-24)
        assert doubts(middle, off, 1.1 * off, np.float32)
        assert doubts(middle, 0.0, off, np.float32)
        assert not doubts(middle, off, 0.9 * off, np.float32)
        assert not doubts(middle, 0.0, off)
        assert doubts(sign * np.nextafter(dd.SMALL, 0), 0.0, off)
        assert not doubts(sign * dd.SMALL, 0.0, off)
    assert dd._off(np.array([2.0, -2.0, 0.0, 0.0]), np.array([4.0, 4.0, 1.0, 0.0])).tolist() == [2 * dd.OFF, 2 * dd.OFF, INF, 0.0]
    first = np.array([[2.0, -3.0]]), np.zeros((1, 2))
    rows = np.array([[-1.0, 0.5]]), np.array([[0.5, -2.0]]), np.array([[4.0, 1.0]])
    assert dd._terms(first, *rows).tolist() == [[2.0 + 4.0, 3.0 + 0.5 * 4.0]]
    assert dd._has_tiny(np.array([[1.0, 1e-200], [1.0, 0.0]]), np.array([[1.0, 1e-200], [1.0, 0.0]])).tolist() == [
        [True],
        [False],
    ]
    assert doubts(1.0, 0.0, np.inf)
    assert doubts(1.0, 0.0, np.nan)
    assert doubts(INF, np.nan, off)
    assert doubts(0.0, 0.0, off)  # what has become zero
    assert not doubts(0.0, 0.0, 0.0)  # what is
    x = np.array([[1.0, np.inf], [1.0, -2.0], [0.0, 0.0], [0.0, 1.0]])
    assert dd._sound(x).tolist() == [[False], [True], [False], [True]]
    assert [dd._nearest(f) for f in (Fraction(10) ** 400, -(Fraction(10) ** 400), Fraction(1, 3))] == [INF, -INF, 1 / 3]


@pytest.mark.parametrize(
    ("g", "x", "right"),
    [
        (None, [[TINY, 1.0]], [[TINY, 1.0]]),
        (None, [[TINY, 1.25]], [[TINY, 1.0]]),
        (None, [[TINY, 3.0]], [[0.0, 1.0]]),
        (None, [[1e-17, 1e307]], [[1e-324, 1.0]]),
        ([[0.0, 1e300]], [[TINY, 1e10]], [[-TINY * 1e280, 1e300 * TINY**2]]),
        ([[1e-130, 1e194, 0.0]], [[0.0, 1.0, 1.0]], [[1e-130 / 2**0.5, 1e194 / 8**0.5, -1e194 / 8**0.5]]),
    ],
)
def test_entries_that_vanish_beside_the_others(g, x, right):
    x, right = np.array(x), np.array(right)
    found = normalize(x, precision="exact") if g is None else normalize_vjp(np.array(g), x, precision="exact")
    np.testing.assert_allclose(found, right, rtol=2.0**-52, atol=0)
    check(x, np.array(g or [[1.0, 2.0]]), 2, 0.0)


def nearest_single(value):
    """The float32 nearest to a fraction."""
    below = np.float32(float(value))
    near = [np.nextafter(below, np.float32(to)) for to in (-INF, INF)] + [below]
    return min(near, key=lambda f: (abs(Fraction(float(f)) - value), f.view(np.int32) % 2))


def test_single_precision_is_rounded_once():
    """Quotients that float64 rounds to the middle between two numbers of single precision, on either side of it."""
    rng, sides = np.random.default_rng(8), set()
    for _ in range(60):
        middle = 1 + (2 * int(rng.integers(2**23)) + 1) * 2.0**-24
        x = np.float32(rng.uniform(0.5, 1))
        for eps in (float(x) / middle, np.nextafter(float(x) / middle, 0), np.nextafter(float(x) / middle, 9)):
            value = Fraction(float(x)) / Fraction(eps)
            if float(value) != middle:
                continue
            sides.add(value < Fraction(middle))
            g = np.array([x, 0], np.float32)
            assert normalize_vjp(g, np.zeros_like(g), eps=eps, precision="exact")[0] == nearest_single(value)
            pair = double_double.rounded(np.float64(middle), np.float64(float(value - Fraction(middle))), np.float32)
            assert pair == nearest_single(value)
    assert sides == {True, False}


def test_a_rounding_to_single_is_decided_by_what_doubles_had_rounded_off():
    """At a middle between two float32, at the float64 beside it, and with something rounded off on either side."""
    ulp, middle, next_middle = 2.0**-52, 1 + 2.0**-24, 1 + 2.0**-23 + 2.0**-24
    for hi, lo, expected in (
        (middle, 0.0, 1.0),
        (middle, 1e-30, 1 + 2.0**-23),
        (middle, -1e-30, 1.0),
        (middle + ulp, -1e-30, 1 + 2.0**-23),
        (next_middle, 0.0, 1 + 2.0**-22),
        (next_middle, -1e-30, 1 + 2.0**-23),
        (next_middle - ulp, 0.0, 1 + 2.0**-23),
    ):
        for sign in (1, -1):
            actual = double_double.rounded(np.array([sign * hi]), np.array([sign * lo]), np.dtype(np.float32))
            assert actual.tolist() == [sign * expected]


def test_quotients_are_rounded_once():
    """Of middles between two float32, or nearly, of numbers of any size, and of complex ones."""
    rng = np.random.default_rng(3)
    middles = np.float32(rng.uniform(1, 2, 200)).astype(float) + 2.0**-24
    x = np.float32(rng.uniform(1, 2, 200)).astype(float)
    for k in (-40, 0, 40):
        for a, divisor in zip(x, x / middles * 2.0**k, strict=True):
            actual = double_double.exact_quotient(np.array([a, -a]), divisor, np.dtype(np.float32))
            exact = Fraction(a) / Fraction(divisor)
            near = float(np.float32(float(exact)))
            beside = (near, *(float(np.nextafter(np.float32(near), np.float32(end))) for end in (-np.inf, np.inf)))
            *_, expected = min((abs(Fraction(one) - exact), int(np.float32(one).view(np.int32)) % 2, one) for one in beside)
            assert actual.tolist() == [expected, -expected]
    tiny = rng.integers(1, 1000, 50) * 5e-324
    assert double_double.exact_quotient(tiny, 3.0, np.dtype(float)).tolist() == (tiny / 3.0).tolist()
    assert double_double.exact_quotient(np.array([3.0 + 6.0j]), 3.0, np.dtype(np.float32)).tolist() == [1 + 2j]


def test_a_root_beside_the_middle_between_two_floats():
    """A fraction just beside the middle of two floats, as near as one of its size can be, on either side, and the middle itself."""
    half, bits = Fraction(2**53 + 1, 2**1053), 2106  # of which bits the square has so many behind the point
    square = half.numerator**2
    below = pow(square, -1, 2**bits)
    for q, side in (
        (Fraction((square * below - 1) >> bits, below), -1),
        (half**2, 0),
        (Fraction((square * (2**bits - below) + 1) >> bits, 2**bits - below), 1),
    ):
        assert (q > half**2) - (q < half**2) == side
        for sign in (1, -1):
            root = double_double._over_root(sign * q, q, 1)
            assert (root > sign * half) - (root < sign * half) == sign * side
            assert abs(root - sign * half) < half / 2**300
    assert abs(double_double._over_root(Fraction(-5), Fraction(9), 3) + Fraction(5, 27)) < Fraction(1, 2**320)


def on_either_side(target):
    """Four floats that add up to a little less than a fraction > 0, by some 200 bits, and four that add up to a little more."""
    below: list = []
    for _ in range(4):
        rest = target - sum(map(Fraction, below))
        near = float(rest)
        below.append(near if Fraction(near) <= rest else math.nextafter(near, 0.0))
    return below, [*below[:-1], math.nextafter(below[-1], INF)]


ODD = [1, 2**52 + 17, 2**53 - 1]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("sign", [1, -1])
def test_an_entry_beside_the_middle_between_two_floats(odd, sign):
    """So near to it that no two floats tell on which side."""
    middle, largest = Fraction(2**53 + odd, 2**54), Fraction(3, 4)
    right = []
    for rest in on_either_side(largest / middle - largest):
        x = sign * np.array([0.75, *rest])
        right.append(float(Fraction(x[0]) / sum(map(Fraction, np.abs(x)))))
        assert normalize(x, p=1, eps=0, precision="exact")[0] == right[-1]
    assert len(set(right)) == 2


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_slope_beside_the_middle_between_two_floats(odd, sign):
    """Of an entry that is small beside the others, and has no gradient of its own."""
    middle, x = Fraction(2**53 + odd, 2**54), np.array([1.0, 1.0, 1.0, 1.0, 2.0**-300])
    length = sum(map(Fraction, x))
    right = []
    for above in on_either_side(middle * length**2):
        g = sign * np.array([*above, 0.0])
        right.append(float(-sum(map(Fraction, g)) / length**2))
        assert normalize_vjp(g, x, p=1, eps=0, precision="exact")[-1] == right[-1]
    assert len(set(right)) == 2


@pytest.mark.parametrize(("p", "dtype"), ALL, ids=str)
def test_ordinary_rows_are_not_computed_in_fractions(p, dtype, monkeypatch):
    """Which takes far longer, and gives the same."""
    asked = []
    for name in ("_unit_in_fractions", "_vjp_in_fractions"):
        monkeypatch.setattr(double_double, name, lambda *args: asked.append(args) or Fraction(1))
    x, g = drawn(np.random.default_rng(11), "random", p, dtype, 5)
    normalize(x, p=p, eps=0, precision="exact")
    normalize_vjp(g, x, p=p, eps=0, precision="exact")
    assert asked == []


@pytest.mark.parametrize("p", [1, 2, INF])
def test_rows_of_zeros_are_no_warning(p):
    x = np.array([[0.0, 0.0], [3.0, 0.0]])
    assert normalize(x, p=p, precision="exact").tolist() == [[0.0, 0.0], [1.0, 0.0]]
    assert normalize_vjp(np.zeros((2, 2)), x, p=p, precision="exact").tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_rows_of_their_own_number_of_maxima():
    """One, two and three, in rows that are computed in fractions."""
    x = np.array([[3.0, 1e-200, 1.0, 2.0], [2.0, -2.0, 1e-200, 0.5], [-4.0, 4.0, 4.0, 1e-200]])
    g = np.array([[1.0, 2.5, -3.0, 0.7], [0.3, 0.1, -3.0, 1.1], [0.4, 2.1, 1.3, -0.6]])
    check(x, g, INF, 0.0)
    check(np.array([[-3.0, 1.0, 2.0, 0.1]]), g[:1], INF, 0.0)  # the largest is negative; and not in fractions


@pytest.mark.parametrize("p", [1, 2, INF])
def test_a_row_shorter_than_eps_by_less_than_a_rounding(p):
    """The norm in float64 is eps, the exact one is less: the gradient is ``g / eps`` then, and at eps that of the sphere."""
    x = np.array([[3.0, 4.0], [3.0, np.nextafter(4.0, 0)], [3.0, np.nextafter(4.0, 9)]])
    check(x, np.array([[1.0, 2.0]] * 3), p, {1: 7.0, 2: 5.0, INF: 4.0}[p])


@pytest.mark.parametrize("p", [1, 2, INF])
def test_rows_without_a_length(p):
    """Zero rows, NaN and infinity: as without it, whatever the other rows are."""
    x = np.array([[0.0, -0.0], [np.nan, 1.0], [np.inf, 1e-200], [3.0, 4.0]])
    g = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [np.inf, 1.0]])
    with np.errstate(invalid="ignore"):
        for f, args in ((normalize, (x,)), (normalize_vjp, (g, x))):
            for eps in (0.0, 1e-12):
                plain = f(*args, p=p, eps=eps)
                same = slice(3 if f is normalize else 4)  # the last row of x is sound, that of g is not
                assert np.array_equal(f(*args, p=p, eps=eps, precision="exact")[same], plain[same], equal_nan=True)
        x, g = np.array([[3.0, 4.0], [3.0, 4.0]]), np.array([[np.inf, 1.0], [3.3, 4.4]])
        beside = normalize_vjp(g, x, p=p, precision="exact")[1]
    check(x[1:], g[1:], p, 0.0)
    assert same_bits(beside, normalize_vjp(g[1:], x[1:], p=p, precision="exact")[0])
    assert normalize(np.zeros((0, 3)), precision="exact").shape == (0, 3)
    assert normalize_vjp(np.zeros((2, 0)), np.zeros((2, 0)), p=p, precision="exact").shape == (2, 0)


@pytest.mark.parametrize("p", [1, 2, INF])
def test_a_gradient_that_overflows_is_infinite(p):
    """Also where it is computed in fractions, as for the second entry of 1e-300 beside one of 1e-100."""
    x, g = np.array([[1e-100, 1e-300], [-3.0, 4.0]]), np.array([[1e300, -1e300], [1.0, 2.0]])
    d = normalize_vjp(g, x, p=p, eps=0, precision="exact")
    assert d[0, 1] == -INF
    assert normalize_vjp(-g, x, p=p, eps=0, precision="exact")[0, 1] == INF
    assert same_bits(d[1:], normalize_vjp(g[1:], x[1:], p=p, eps=0, precision="exact"))


@pytest.mark.parametrize("dim", [0, 1, -1, (0, 2), None])
def test_rows_along_other_axes(dim):
    rng = np.random.default_rng(5)
    for dtype in (np.float64, np.complex64):
        x, g = (rng.standard_normal((2, 3, 4)).astype(dtype) for _ in range(2))
        for f, args in ((normalize, (x,)), (normalize_vjp, (g, x))):
            np.testing.assert_allclose(f(*args, dim=dim, precision="exact"), f(*args, dim=dim), rtol=1e-5, atol=1e-6)


def test_a_row_of_nearly_length_one_is_divided():
    """Without it such a row stays to the bit; with it the quotient is what is promised."""
    x = np.array([[0.6, np.nextafter(0.8, 1)]])
    assert same_bits(normalize(x), x)
    check(x, x[:, ::-1].copy(), 2, 0.0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"p": 3}, "p = 3 with precision = 'exact' and real rows; allowed: 1, 2 or inf, or precision = None"),
        ({"precision": "best"}, "precision = 'best' is not a choice; allowed: None or 'exact'"),
    ],
)
def test_bad_input(options, said):
    for f, args in ((normalize, 1), (normalize_vjp, 2)):
        with pytest.raises(ValueError) as caught:
            f(*[np.ones((2, 3))] * args, **{"precision": "exact", **options})
        assert str(caught.value) == f"{f.__name__}: {said}"
    with pytest.raises(ValueError, match="p = 1 with precision = 'exact' and complex rows; allowed: 2, or"):
        normalize(np.ones((2, 3)) + 0j, p=1, precision="exact")


@given(seed=st.integers(0, 2**32))
def test_arithmetic(seed):
    """Products are exact; the others are right to 100 bits, of what goes in for a difference."""
    rng = np.random.default_rng(seed)
    hi = rng.uniform(0.5, 2, (2, 4)) * rng.choice([-1, 1], (2, 4))
    lo = hi * rng.uniform(-1, 1, (2, 4)) * 2.0**-54
    a, b = (hi[0], lo[0]), (hi[1], lo[1])
    value = lambda pair, i: Fraction(float(pair[0][i])) + Fraction(float(pair[1][i]))  # noqa: E731
    positive = np.abs(hi[0]), np.sign(hi[0]) * lo[0]
    for i in range(4):
        assert value(double_double.product(hi[0], hi[1]), i) == Fraction(hi[0, i]) * Fraction(hi[1, i])
        for found, right, size in (
            (double_double.times(a, b), value(a, i) * value(b, i), 1),
            (double_double.over(a, b), value(a, i) / value(b, i), 1),
            (double_double.minus(a, b), value(a, i) - value(b, i), abs(value(a, i)) + abs(value(b, i))),
        ):
            assert len(found) == 2
            assert abs(value(found, i) - right) <= 2.0**-100 * (abs(right) if size == 1 else size)
        assert len(double_double.root(positive)) == 2
        assert abs(value(double_double.root(positive), i) ** 2 - value(positive, i)) <= 2.0**-99 * value(positive, i)
