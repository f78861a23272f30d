"""Row maps: values against mpmath, gradients against differences in mpmath, conventions at kinks on literal numbers."""

import math

import naive
import numpy as np
import pytest
import tolerances

from npembed.embedding.row_maps import (
    CONSTRAINERS,
    NORMALIZERS,
    clamp,
    clamp_norm,
    clamp_norm_vjp,
    clamp_vjp,
    complex_normalize,
    complex_normalize_vjp,
    norm,
    norm_vjp,
    normalize,
    normalize_vjp,
    quaternion_normalize,
    quaternion_normalize_vjp,
    softmax,
    softmax_vjp,
)

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]
ORDERS = [1, 1.5, 2, 3, math.inf]
SHAPES = [
    ((4, 3), -1),
    ((4, 3), 0),
    ((5,), 0),
    ((2, 3, 2), 1),
    ((2, 3, 2), (0, 2)),
    ((2, 3, 2), (-1, 0)),
    ((3, 2), None),
    ((3, 1), -1),
]
EMPTY = [((0, 3), -1), ((3, 0), -1), ((0,), None), ((2, 0, 2), 1), ((2, 0, 2), (0, 2))]
INF = math.inf
EPS32, EPS64 = 2.0**-23, 2.0**-52


def assert_close(actual, expected, dtype, *, single, double, scale=None):
    """Every entry within `single` or `double` machine epsilons of the dtype, relative to `scale` (by default, its own size)."""
    assert actual.dtype == dtype
    assert isinstance(actual, np.ndarray)
    few, eps = (single, EPS32) if np.dtype(dtype).char in "fF" else (double, EPS64)
    distance = naive.distances(actual, expected)
    allowed = few * eps * (naive.sizes(expected) if scale is None else scale)
    assert (distance <= allowed).all(), (
        f"off by {np.nanmax(distance / np.where(allowed, allowed, np.nan)):.3g} times the tolerance"
    )


def assert_forward(actual, expected, dtype, *, steps=0):
    """Rounded once, and then moved by so many ulps."""
    single, double = tolerances.ROW_MAP_FLOAT32 + steps, tolerances.ROW_MAP_FLOAT64 + steps
    if np.dtype(dtype).kind == "c":  # real and imaginary part round each by itself
        single, double = single * math.sqrt(2), double * math.sqrt(2)
    assert_close(actual, expected, dtype, single=single, double=double)


def stepped(p, dtype):
    """How far inside of the ball a row may end, in ulps."""
    exact = p == 2 or (p in (1, math.inf) and np.dtype(dtype).kind == "f")
    return tolerances.STEPPED_INSIDE if exact or np.dtype(dtype).char in "fF" else tolerances.STEPPED_INSIDE_OTHER_P


def assert_backward(actual, expected, dtype, g, length):
    """Relative to ``|g| / length``, the size of the terms that are subtracted."""
    scale = np.sqrt((np.abs(g.astype(complex)) ** 2).sum()) / length
    assert_close(
        actual, expected, dtype, single=tolerances.ROW_MAP_VJP_FLOAT32, double=tolerances.ROW_MAP_VJP_FLOAT64, scale=scale
    )


def lengths(x, p, dim):
    """The p-norm of the row that each entry is in, in float64."""
    return naive.sizes(naive.along(lambda row: [naive.norm(row, p)] * len(row), x, dim))


# ---- values and gradients on ordinary rows


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize(("shape", "dim"), SHAPES, ids=str)
def test_normalize(shape, dim, p, dtype):
    rng = np.random.default_rng(3)
    x, g = naive.rows(rng, shape, dtype), naive.rows(rng, shape, dtype)
    options = {"p": p, "dim": dim}
    assert_forward(normalize(x, **options), naive.along(lambda row: naive.normalize(row, p), x, dim), dtype)
    expected = naive.along(lambda row, gr: naive.vjp(lambda r: naive.normalize(r, p), gr, row), x, dim, g)
    assert_backward(normalize_vjp(g, x, **options), expected, dtype, g, lengths(x, p, dim))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize(("shape", "dim"), SHAPES, ids=str)
def test_norm(shape, dim, p, dtype):
    rng = np.random.default_rng(4)
    x = naive.rows(rng, shape, dtype)
    real = x.real.dtype
    dims = tuple(range(len(shape))) if dim is None else dim
    expected = naive.along(lambda row: [naive.norm(row, p)] * len(row), x, dim)
    actual = norm(x, p=p, dim=dim)
    assert actual.dtype == real
    assert_forward(np.broadcast_to(np.expand_dims(actual, dims), shape), expected, real)
    g = naive.rows(rng, actual.shape, real)
    spread = np.broadcast_to(np.expand_dims(g, dims), shape)
    slopes = naive.along(lambda row, gr: naive.vjp(lambda r: [naive.norm(r, p)], gr[:1], row), x, dim, spread)
    assert_backward(norm_vjp(g, x, p=p, dim=dim), slopes, dtype, g, 1.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize(("shape", "dim"), SHAPES, ids=str)
def test_clamp_norm(shape, dim, p, dtype):
    """With a maximum that some rows exceed and others do not."""
    rng = np.random.default_rng(5)
    x, g = naive.rows(rng, shape, dtype), naive.rows(rng, shape, dtype)
    length = lengths(x, p, dim)
    maxnorm = float(np.median(length)) * 0.99
    options = {"maxnorm": maxnorm, "p": p, "dim": dim}
    assert (length > maxnorm).any()
    assert (length < maxnorm).any() or length.min() == length.max()
    expected = naive.along(lambda row: naive.clamp_norm(row, maxnorm, p), x, dim)
    assert_forward(clamp_norm(x, **options), expected, dtype, steps=stepped(p, dtype))
    expected = naive.along(lambda row, gr: naive.vjp(lambda r: naive.clamp_norm(r, maxnorm, p), gr, row), x, dim, g)
    assert_backward(clamp_norm_vjp(g, x, **options), expected, dtype, g, np.minimum(length / maxnorm, 1.0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "dim"), SHAPES, ids=str)
def test_softmax(shape, dim, dtype):
    rng = np.random.default_rng(6)
    x, g = naive.rows(rng, shape, dtype), naive.rows(rng, shape, dtype)
    assert_forward(softmax(x, dim=dim), naive.along(naive.softmax, x, dim), dtype)
    expected = naive.along(lambda row, gr: naive.vjp(naive.softmax, gr, row), x, dim, g)
    assert_backward(softmax_vjp(g, x, dim=dim), expected, dtype, g, 1.0)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("shape", [(4, 3), (5,), (2, 3, 2), (0, 2), (2, 0)], ids=str)
def test_complex_normalize(shape, dtype):
    """And real rows as pairs."""
    rng = np.random.default_rng(7)
    x, g = naive.rows(rng, shape, dtype), naive.rows(rng, shape, dtype)
    real = x.real.dtype
    expected = naive.along(naive.complex_normalize, x)
    assert_forward(complex_normalize(x), expected, dtype)
    assert naive.same_bits(complex_normalize(x.view(real)), complex_normalize(x).view(real))
    expected = naive.along(lambda row, gr: naive.vjp(naive.complex_normalize, gr, row), x, -1, g)
    assert_backward(complex_normalize_vjp(g, x), expected, dtype, g, np.abs(x) / np.sqrt(max(x.size, 1)))
    assert naive.same_bits(complex_normalize_vjp(g.view(real), x.view(real)), complex_normalize_vjp(g, x).view(real))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bounds", [(-1, 1), (None, 0.5), (-0.5, None), (0, 0), (-INF, 1), (-1, INF)], ids=str)
def test_clamp(bounds, dtype):
    rng = np.random.default_rng(8)
    x, g = naive.rows(rng, (4, 3), dtype), naive.rows(rng, (4, 3), dtype)
    low, high = (-INF if bounds[0] is None else bounds[0]), (INF if bounds[1] is None else bounds[1])
    options = {"min": bounds[0], "max": bounds[1]}
    expected = np.array([min(max(float(v), low), high) for v in x.ravel()], dtype).reshape(x.shape)
    assert naive.same_bits(clamp(x, **options), expected)
    expected = np.array([b if low < v < high else 0.0 for b, v in zip(g.ravel(), x.ravel(), strict=True)], dtype).reshape(x.shape)
    np.testing.assert_array_equal(clamp_vjp(g, x, **options), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "dim"), EMPTY, ids=str)
def test_nothing_in_nothing_out(shape, dim, dtype):
    x = np.zeros(shape, dtype)
    for p in ORDERS:
        for options in ({"p": p, "dim": dim},):
            assert naive.same_bits(normalize(x, **options), x)
            assert naive.same_bits(normalize_vjp(x, x, **options), x)
            assert naive.same_bits(clamp_norm(x, maxnorm=1, **options), x)
            assert naive.same_bits(clamp_norm_vjp(x, x, maxnorm=1, **options), x)
            length = norm(x, **options)
            assert not length.any()
            assert naive.same_bits(norm_vjp(length, x, **options), x)
    if x.dtype.kind == "f":
        assert naive.same_bits(softmax(x, dim=dim), x)
        assert naive.same_bits(softmax_vjp(x, x, dim=dim), x)
        assert naive.same_bits(clamp(x, min=0), x)
        assert naive.same_bits(clamp_vjp(x, x, min=0), x)


def test_rows_without_axes():
    """A 0-d array goes in, and a 0-d array comes out."""
    x = np.array(-2.0)
    for f, options, expected in (
        (normalize, {"dim": None}, -1.0),
        (clamp_norm, {"dim": None, "maxnorm": 0.5}, -0.5),
        (softmax, {"dim": None}, 1.0),
        (clamp, {"min": -1}, -1.0),
        (norm, {"dim": None}, 2.0),
    ):
        out = f(x, **options)
        assert isinstance(out, np.ndarray)
        assert out.shape == ()
        assert out == expected
    for f, options in (
        (normalize_vjp, {"dim": None}),
        (clamp_norm_vjp, {"dim": None, "maxnorm": 0.5}),
        (softmax_vjp, {"dim": None}),
        (clamp_vjp, {"min": -1}),
    ):
        out = f(np.array(3.0), x, **options)
        assert isinstance(out, np.ndarray)
        assert out.shape == ()
        assert out == 0.0
    out = complex_normalize(np.array(3 + 4j))
    assert isinstance(out, np.ndarray)
    assert out.shape == ()
    assert abs(out - (0.6 + 0.8j)) < 1e-15
    assert isinstance(complex_normalize_vjp(out, out), np.ndarray)
    assert norm_vjp(np.array(3.0), x, dim=None) == -3.0


def everything():
    """Each map and each vjp as a function of rows alone, by name."""
    options = {"clamp": {"min": -1, "max": 1}, "clamp_norm": {"maxnorm": 1.0}}
    for name, op in NORMALIZERS.items():
        bound = op.bind(**options.get(name, {}))
        yield name, bound.forward
        yield f"{name}_vjp", lambda x, vjp=bound.vjp: vjp(x[::-1].copy(), x)
    yield "norm", norm
    yield "norm_vjp", lambda x: norm_vjp(x[:, 0].copy(), x)


@pytest.mark.parametrize(("name", "f"), list(everything()), ids=lambda v: v if isinstance(v, str) else "")
def test_any_layout_and_the_argument_stays(name, f, tmp_path):
    x = naive.rows(np.random.default_rng(9), (6, 4))
    expected = f(x)
    for layout in naive.LAYOUTS:
        placed = naive.laid_out(x, layout, tmp_path)
        out = f(placed)
        assert naive.same_bits(np.ascontiguousarray(out), expected), layout
        assert naive.same_bits(np.array(placed), x), layout
        assert not np.shares_memory(out, placed), layout


# ---- rows of extreme size


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize(
    ("dtype", "size"), [(np.float32, 1e30), (np.complex64, 1e30), (np.float64, 1e200), (np.complex128, 1e200)]
)
def test_large_rows(p, dtype, size):
    """Squares that overflow are no obstacle; the gradient is as small as the row is long."""
    rng = np.random.default_rng(10)
    x, g = (naive.rows(rng, (3, 4), dtype) * size).astype(dtype), naive.rows(rng, (3, 4), dtype)
    assert_forward(normalize(x, p=p), naive.along(lambda row: naive.normalize(row, p), x), dtype)
    expected = naive.along(lambda row, gr: naive.vjp(lambda r: naive.normalize(r, p), gr, row), x, -1, g)
    assert_backward(normalize_vjp(g, x, p=p), expected, dtype, g, lengths(x, p, -1))
    assert_forward(
        clamp_norm(x, maxnorm=2.0, p=p),
        naive.along(lambda row: naive.clamp_norm(row, 2.0, p), x),
        dtype,
        steps=stepped(p, dtype),
    )
    expected = naive.along(lambda row, gr: naive.vjp(lambda r: naive.clamp_norm(r, 2.0, p), gr, row), x, -1, g)
    assert_backward(clamp_norm_vjp(g, x, maxnorm=2.0, p=p), expected, dtype, g, lengths(x, p, -1) / 2)
    length = naive.along(lambda row: [naive.norm(row, p)] * 4, x)
    assert_forward(norm(x, p=p), length[:, 0], x.real.dtype)


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize(
    ("dtype", "size"), [(np.float32, 1e-30), (np.complex64, 1e-30), (np.float64, 1e-200), (np.complex128, 1e-200)]
)
def test_small_rows(p, dtype, size):
    """Squares that vanish are no obstacle: with eps = 0 a row of any size has length one; else it is divided by eps."""
    rng = np.random.default_rng(11)
    x, g = (naive.rows(rng, (3, 4), dtype) * size).astype(dtype), naive.rows(rng, (3, 4), dtype)
    for eps in (0.0, 1e-12):
        assert_forward(normalize(x, p=p, eps=eps), naive.along(lambda row, e=eps: naive.normalize(row, p, e), x), dtype)
    expected = naive.along(lambda row, gr: [naive.exact(1) * v / naive.exact(1e-12) for v in gr], x, -1, g)
    assert_backward(normalize_vjp(g, x, p=p), expected, dtype, g, 1e-12)
    if np.dtype(dtype).char in "dD":
        expected = naive.along(lambda row, gr: naive.vjp(lambda r: naive.normalize(r, p, 0.0), gr, row), x, -1, g)
        assert_backward(normalize_vjp(g, x, p=p, eps=0), expected, dtype, g, lengths(x, p, -1))
    length = naive.along(lambda row: [naive.norm(row, p)] * 4, x)
    assert_forward(norm(x, p=p), length[:, 0], x.real.dtype)
    assert naive.same_bits(clamp_norm(x, maxnorm=1.0, p=p), x)


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("unit", [1.0, -1.0, 1j, -1j], ids=str)
def test_each_row_has_its_own_size(unit, p):
    """Huge rows beside tiny ones, of either sign, and imaginary: what is measured are moduli, row by row."""
    sizes = 10.0 ** np.array([[200], [-200], [0], [150], [-100]])
    x = sizes * np.array([3.0, 4.0]) * unit
    g = naive.rows(np.random.default_rng(17), x.shape, x.dtype)
    one = naive.along(lambda row: naive.normalize(row, p, 0), x)
    assert_forward(normalize(x, p=p, eps=0), one, x.dtype)
    expected = naive.along(lambda row: naive.clamp_norm(row, 1e-150, p, 0), x)
    assert_forward(clamp_norm(x, maxnorm=1e-150, p=p, eps=0), expected, x.dtype)
    assert_forward(clamp_norm(x, maxnorm=1e-150, p=p), expected, x.dtype, steps=stepped(p, x.dtype))
    length = naive.along(lambda row: [naive.norm(row, p)] * 2, x)
    assert_forward(norm(x, p=p), length[:, 0], x.real.dtype)
    for i in range(len(x)):
        assert naive.same_bits(normalize_vjp(g, x, p=p, eps=0)[i], normalize_vjp(g[i], x[i], p=p, eps=0))


def test_subnormal_rows_have_length_one_without_eps():
    tiny = np.finfo(np.float64).smallest_subnormal
    assert normalize(np.array([3 * tiny, -4 * tiny]), eps=0).tolist() == [0.6, -0.8]
    small = np.finfo(np.float32).smallest_subnormal
    assert normalize(np.array([3 * small, -4 * small], np.float32), eps=0).tolist() == [np.float32(0.6), np.float32(-0.8)]


def test_a_division_by_eps_is_rounded_once():
    """Also in float32, where eps itself would be rounded first."""
    x = (naive.rows(np.random.default_rng(15), (20, 4)) * 1e-30).astype(np.float32)
    g = naive.rows(np.random.default_rng(16), (20, 4), np.float32)
    assert naive.same_bits(normalize(x), (x.astype(float) / 1e-12).astype(np.float32))
    assert naive.same_bits(normalize_vjp(g, x), (g.astype(float) / 1e-12).astype(np.float32))
    expected = (g.astype(float) / 0.3 * 1e-40).astype(np.float32)
    assert naive.same_bits(clamp_norm_vjp(g, x, maxnorm=1e-40, eps=0.3), expected)


def test_what_would_overflow_is_not_computed():
    """1e300 / eps is infinite; the row is not short, so nobody needs it."""
    huge = np.array([[3e300, -4e300]])
    assert normalize(huge).tolist() == [[0.6, -0.8]]
    assert normalize(huge / 1e10, eps=1e-200).tolist() == [[0.6, -0.8]]
    np.testing.assert_allclose(normalize_vjp(np.array([[0.0, 5e300]]), huge), [[0.48, 0.36]], rtol=1e-15)
    assert clamp_norm(huge, maxnorm=1.0, eps=0).tolist() == [[0.6, -0.8]]
    assert clamp_norm(huge, maxnorm=1.0).tolist() == [
        [np.nextafter(0.6, 0), np.nextafter(-0.8, 0)]
    ]  # .6 and .8 as floats are too long
    np.testing.assert_allclose(clamp_norm_vjp(np.array([[0.0, 5e300]]), huge, maxnorm=1.0), [[0.48, 0.36]], rtol=1e-15)


def test_long_columns_keep_their_digits():
    """A hundred thousand numbers, one after the other in steps of two: added up in one float they would be off by thousands of ulps."""
    x = np.full((100_000, 2), 0.1)
    expected = 1 / math.sqrt(len(x))
    for found in (normalize(x, dim=0), clamp_norm(x, dim=0, maxnorm=1.0)):
        np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(float).eps)


def test_softmax_of_large_entries():
    assert softmax(np.array([1e300, 1e300, -1e300])).tolist() == [0.5, 0.5, 0.0]
    assert softmax(np.array([1e30, 0.0], np.float32)).tolist() == [1.0, 0.0]
    assert softmax(np.array([[900.0, 900.0], [-900.0, -900.0]])).tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert softmax(np.array([-800.0, -800.0 + math.log(3.0)])) == pytest.approx([0.25, 0.75], rel=1e-12)


# ---- entries that are no numbers: they spoil their own row, and no other


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_that_are_not_finite(bad, dtype):
    x = np.array([[3.0, 4.0], [bad, 1.0], [6.0, 8.0]], dtype)
    g = np.array([[1.0, -2.0], [0.5, 3.0], [-1.0, 4.0]], dtype)
    with np.errstate(invalid="ignore" if np.isinf(bad) or np.dtype(dtype).kind == "c" else "warn"):  # a real NaN makes no noise
        for p in ORDERS:
            out, back = normalize(x, p=p), normalize_vjp(g, x, p=p)
            assert np.isnan(out[1, 0])
            assert np.isfinite(out[[0, 2]]).all()
            assert np.isnan(back[1]).any()
            assert np.isfinite(back[[0, 2]]).all()
            assert naive.same_bits(out[[0, 2]], normalize(x[[0, 2]], p=p))
            assert not np.isfinite(norm(x, p=p)[1])
            assert np.isfinite(norm(x, p=p)[[0, 2]]).all()
            clamped = clamp_norm(x, maxnorm=1.0, p=p)
            assert np.isnan(clamped[1, 0])
            assert np.isfinite(clamped[[0, 2]]).all()
        if x.dtype.kind == "c":
            out = complex_normalize(x)
            assert np.isnan(out[1, 0])
            assert np.isfinite(out[[0, 2]]).all()
            assert out[1, 1] == 1
        else:
            out = softmax(x)
            assert np.isfinite(out[[0, 2]]).all()
            assert np.isnan(out[1]).all() or bad == -np.inf


def test_clamp_keeps_nan_and_cuts_infinity():
    x = np.array([np.nan, np.inf, -np.inf, 0.5])
    np.testing.assert_array_equal(clamp(x, min=-1, max=1), [np.nan, 1.0, -1.0, 0.5])
    np.testing.assert_array_equal(clamp_vjp(np.array([5.0, -7.0, 2.0, 3.0]), x, min=-1, max=1), [0.0, 0.0, 0.0, 3.0])


# ---- literal numbers: branches, kinks, and the conventions that have names

TIE = np.array([[3.0, -4.0]]) * 2.0**-40  # the 2-norm is 5 * 2**-40, exactly
UP = np.array([[0.0, 5.0]])
SHORT = np.array([[3.0, -4.0]])
ZERO = np.zeros((1, 2))
ONES = np.array([[1.0, 1.0]])
G = np.array([[2.0, -3.0, 5.0]])
FOURS = np.array([3.0, 0.0, -4.0, 0.0, 0.0, 0.0, 0.0, 0.0])

LITERALS = [
    # normalize: eps wins, ties, loses
    (normalize, (TIE,), {"eps": 5 * 2.0**-40}, [[0.6, -0.8]]),
    (normalize, (TIE,), {"eps": 10 * 2.0**-40}, [[0.3, -0.4]]),
    (normalize, (ZERO,), {}, [[0.0, 0.0]]),
    (normalize, (ZERO,), {"eps": 0}, [[0.0, 0.0]]),
    (normalize, (SHORT,), {"eps": 0}, [[0.6, -0.8]]),
    (normalize, (np.array([[3.0, -1.0]]),), {"p": 1}, [[0.75, -0.25]]),
    (normalize, (np.array([[3.0, -4.0]]),), {"p": INF}, [[0.75, -1.0]]),
    (normalize, (np.array([[3.0, -4.0]]),), {"p": "inf"}, [[0.75, -1.0]]),
    (normalize, (np.array([[3.0, -4.0]]),), {"p": "fro"}, [[0.6, -0.8]]),
    (normalize, (np.array([[3 + 4j, 12j]]),), {}, [[(3 + 4j) / 13, 12j / 13]]),
    (normalize, (np.array([[3.0], [4.0]]),), {"axis": 0}, [[0.6], [0.8]]),
    (normalize, (np.array([[3.0], [4.0]]),), {"axis": None}, [[0.6], [0.8]]),
    (normalize_vjp, (UP, np.array([[3.0, 4.0]])), {}, [[-0.48, 0.36]]),
    (normalize_vjp, (UP, SHORT), {"eps": 10.0}, [[0.0, 0.5]]),
    (normalize_vjp, (UP, SHORT), {"eps": 5.0}, [[0.48, 0.36]]),  # |x| == eps: the long branch
    (normalize_vjp, (UP, TIE), {"eps": 5 * 2.0**-40}, [[0.48 * 2.0**40, 0.36 * 2.0**40]]),
    (normalize_vjp, (UP, TIE), {"eps": np.nextafter(5 * 2.0**-40, 1)}, [[0.0, 2.0**40]]),
    (normalize_vjp, (UP, np.array([[3.0], [4.0]]).T), {"axis": 1}, [[-0.48, 0.36]]),
    (normalize_vjp, (UP, np.array([[3.0, 4.0]])), {"axis": 0}, [[0.0, 0.0]]),
    # normalize: the zero row
    (normalize_vjp, (ONES, ZERO), {}, [[1e12, 1e12]]),
    (normalize_vjp, (ONES, ZERO), {"eps": 0.25}, [[4.0, 4.0]]),
    (normalize_vjp, (ONES, ZERO), {"zero_row": "stop"}, [[0.0, 0.0]]),
    (normalize_vjp, (ONES, TIE), {"zero_row": "stop", "eps": 0.25}, [[4.0, 4.0]]),  # short, but not zero
    (normalize_vjp, (ONES, ZERO), {"eps": 0}, [[0.0, 0.0]]),
    (normalize_vjp, (ONES, ZERO), {"eps": 0, "zero_row": "divide"}, [[0.0, 0.0]]),
    (normalize_vjp, (UP, np.array([[3.0, 4.0]])), {"zero_row": "stop", "eps": 0}, [[-0.48, 0.36]]),
    # normalize, p = inf: s is shared by the two largest, or the first gets all; <g, u> = 2 + 3 + 2.5
    (normalize_vjp, (G, np.array([[4.0, -4.0, 2.0]])), {"p": INF}, [[-0.4375, 0.1875, 1.25]]),
    (normalize_vjp, (G, np.array([[4.0, -4.0, 2.0]])), {"p": INF, "ties": "first"}, [[-1.375, -0.75, 1.25]]),
    # normalize, p = 1: u = [.75, 0, -.25], <g, u> = .25
    (normalize_vjp, (G, np.array([[3.0, 0.0, -1.0]])), {"p": 1}, [[0.4375, -0.75, 1.3125]]),
    (normalize_vjp, (G, np.array([[3.0, 0.0, -1.0]])), {"p": 1, "slope_at_zero": 1.0}, [[0.4375, -0.8125, 1.3125]]),
    (normalize_vjp, (np.array([[1j, 1.0]]), np.array([[3 + 4j, 0j]])), {}, [[-0.096 * 1 + (0.2 - 0.128) * 1j, 0.2]]),
    # norm
    (norm, (np.array([[3.0, -4.0], [0.0, 0.0]]),), {}, [5.0, 0.0]),
    (norm, (np.array([[3.0, -4.0], [1.0, 0.0]]),), {"dim": None, "p": 1}, 8.0),
    (norm_vjp, (np.array([10.0]), SHORT), {}, [[6.0, -8.0]]),
    (norm_vjp, (np.array([10.0]), SHORT), {"p": 1}, [[10.0, -10.0]]),
    (norm_vjp, (np.array([10.0]), SHORT), {"p": INF}, [[0.0, -10.0]]),
    (norm_vjp, (np.array([10.0]), np.array([[1.0, -1.0]])), {"p": INF}, [[5.0, -5.0]]),
    (norm_vjp, (np.array([10.0]), np.array([[0.0, -1.0, 1.0]])), {"p": INF, "ties": "first"}, [[0.0, -10.0, 0.0]]),
    (norm_vjp, (np.array([10.0, 3.0]), np.ones((2, 2))), {"p": INF, "ties": "first", "dim": 0}, [[10.0, 3.0], [0.0, 0.0]]),
    (norm_vjp, (np.array([10.0]), np.array([[2.0, 0.0]])), {"p": 1}, [[10.0, 0.0]]),
    (norm_vjp, (np.array([10.0]), np.array([[-2.0, 0.0]])), {"p": 1, "slope_at_zero": -0.5}, [[-10.0, -5.0]]),
    (norm_vjp, (np.array([10.0]), np.array([[2.0, 0.0]])), {"p": 2, "slope_at_zero": 1.0}, [[10.0, 0.0]]),
    (norm_vjp, (np.array([10.0]), np.array([[2.0, 0.0]])), {"p": 1.5, "slope_at_zero": 1.0}, [[10.0, 0.0]]),
    *((norm_vjp, (np.array([10.0]), ZERO), {"p": p}, [[0.0, 0.0]]) for p in ORDERS),
    *((norm_vjp, (np.array([10.0]), ZERO), {"p": p, "slope_at_zero": 0.5}, [[0.0, 0.0]]) for p in ORDERS[1:]),
    (norm_vjp, (np.array([10.0]), ZERO), {"p": 1, "slope_at_zero": 0.5}, [[5.0, 5.0]]),
    *((norm_vjp, (np.array([10.0]), ZERO.astype(complex)), {"p": p}, [[0j, 0j]]) for p in ORDERS),
    (norm_vjp, (np.array([10.0]), np.array([[3 + 4j, 0j]])), {"p": 1}, [[6 + 8j, 0j]]),
    (norm_vjp, (np.array([10.0]), np.array([[3 + 4j, 5.0]])), {"p": INF}, [[3 + 4j, 5.0]]),
    # complex_normalize: eps wins, ties, loses
    (complex_normalize, (np.array([3 + 4j, 0j, -2j]),), {}, [0.6 + 0.8j, 0j, -1j]),
    (complex_normalize, (np.array([EPS64 / 2 + 0j, EPS64 * 1j]),), {}, [1.0, 1j]),
    (complex_normalize, (np.array([EPS64 / 2 + 0j, EPS64 * 1j]),), {"eps": EPS64}, [0.5, 1j]),
    (complex_normalize, (np.array([EPS32 / 2, EPS32 * 1j], np.complex64),), {"eps": EPS32}, [0.5, 1j]),
    (complex_normalize, (np.array([3.0, 4.0, 0.0, -2.0]),), {}, [0.6, 0.8, 0.0, -1.0]),
    (complex_normalize_vjp, (np.array([5.0 + 0j]), np.array([3 + 4j])), {}, [0.64 - 0.48j]),
    (complex_normalize_vjp, (np.array([5.0, 0.0]), np.array([3.0, 4.0])), {}, [0.64, -0.48]),
    *(
        (complex_normalize_vjp, (np.array([1 + 2j, 1 + 2j]), np.array([0j, EPS64 / 2])), options, [zero, short])
        for options, zero, short in (
            ({}, 0, 4j / EPS64),
            ({"zero_row": "divide"}, 0, 4j / EPS64),
            ({"eps": EPS64}, (1 + 2j) / EPS64, (1 + 2j) / EPS64),
            ({"eps": EPS64, "zero_row": "stop"}, 0, (1 + 2j) / EPS64),
        )
    ),
    (complex_normalize_vjp, (np.array([1 + 2j]), np.array([EPS64 + 0j])), {"eps": EPS64}, [2j / EPS64]),
    # quaternion_normalize: blocks of four
    (quaternion_normalize, (FOURS,), {}, [0.6, 0.0, -0.8, 0.0, 0.0, 0.0, 0.0, 0.0]),
    (quaternion_normalize, (FOURS,), {"eps": 10.0}, [0.3, 0.0, -0.4, 0.0, 0.0, 0.0, 0.0, 0.0]),
    (quaternion_normalize, (FOURS.reshape(2, 4),), {}, [[0.6, 0.0, -0.8, 0.0], [0.0, 0.0, 0.0, 0.0]]),
    (quaternion_normalize_vjp, (np.arange(8.0), FOURS), {"eps": 10.0}, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]),
    (quaternion_normalize_vjp, (np.arange(8.0), FOURS), {"eps": 0}, [0.192, 0.2, 0.144, 0.6, 0.0, 0.0, 0.0, 0.0]),
    (quaternion_normalize_vjp, (np.arange(8.0), FOURS), {"zero_row": "stop"}, [0.192, 0.2, 0.144, 0.6, 0.0, 0.0, 0.0, 0.0]),
    (quaternion_normalize_vjp, (np.arange(8.0), FOURS), {}, [0.192, 0.2, 0.144, 0.6, 4e12, 5e12, 6e12, 7e12]),
    # clamp: at a bound, and where min == max
    (clamp_vjp, (np.full(5, 4.0), np.array([-2.0, 0.0, 0.5, 1.0, 3.0])), {"min": 0, "max": 1}, [0.0, 4.0, 4.0, 4.0, 0.0]),
    (clamp_vjp, (np.full(5, 4.0), np.array([-2.0, 0.0, 0.5, 1.0, 3.0])), {"min": 0, "max": 1, "edge": "stop"}, [0, 0, 4, 0, 0]),
    (clamp_vjp, (np.full(5, 4.0), np.array([-2.0, 0.0, 0.5, 1.0, 3.0])), {"min": 0, "max": 1, "edge": "half"}, [0, 2, 4, 2, 0]),
    (clamp_vjp, (np.full(3, 4.0), np.array([-1.0, 0.0, 1.0])), {"min": 0, "max": 0}, [0.0, 4.0, 0.0]),
    (clamp_vjp, (np.full(3, 4.0), np.array([-1.0, 0.0, 1.0])), {"min": 0}, [0.0, 4.0, 4.0]),
    (clamp_vjp, (np.full(3, 4.0), np.array([-1.0, 0.0, 1.0])), {"max": 0}, [4.0, 4.0, 0.0]),
    (clamp, (np.array([-2.0, -0.0, 0.5, 3.0]),), {"min": 0, "max": 1}, [0.0, 0.0, 0.5, 1.0]),
    # clamp_norm: below, at and above the maximum; below eps
    (clamp_norm, (np.array([[3.0, 4.0], [0.3, 0.4], [30.0, 40.0]]),), {"maxnorm": 5}, [[3.0, 4.0], [0.3, 0.4], [3.0, 4.0]]),
    (clamp_norm, (np.array([[3.0, 4.0], [0.0, 0.0]]),), {"maxnorm": 0}, [[0.0, 0.0], [0.0, 0.0]]),
    (clamp_norm, (np.array([[3.0, 4.0], [0.0, 0.0]]),), {"maxnorm": 0, "eps": 0}, [[0.0, 0.0], [0.0, 0.0]]),
    (clamp_norm, (SHORT,), {"maxnorm": 1, "eps": 10.0}, [[0.3, -0.4]]),
    (clamp_norm, (SHORT,), {"maxnorm": 1, "eps": 5.0}, [[0.6, -0.8]]),
    (clamp_norm, (10 * SHORT,), {"maxnorm": 1, "eps": 10.0}, [[0.6, -0.8]]),
    (clamp_norm, (SHORT,), {"maxnorm": 2, "p": 1}, [[6 / 7, -8 / 7]]),
    (clamp_norm, (SHORT,), {"maxnorm": 2, "p": INF}, [[1.5, -2.0]]),
    (clamp_norm, (np.array([[3.0], [4.0]]),), {"maxnorm": 1, "dim": None}, [[0.6], [0.8]]),
    (clamp_norm, (np.array([[3.0], [4.0]]),), {"maxnorm": 1, "axis": 0}, [[0.6], [0.8]]),
    (clamp_norm_vjp, (UP, SHORT), {"maxnorm": 10}, [[0.0, 5.0]]),
    (clamp_norm_vjp, (UP, SHORT), {"maxnorm": 10, "edge": "pass"}, [[0.0, 5.0]]),
    (clamp_norm_vjp, (UP, SHORT), {"maxnorm": 2}, [[0.96, 0.72]]),
    (clamp_norm_vjp, (UP, SHORT), {"maxnorm": 5}, [[2.4, 1.8]]),
    (clamp_norm_vjp, (UP, SHORT), {"maxnorm": 5, "edge": "pass"}, [[0.0, 5.0]]),
    (clamp_norm_vjp, (UP, SHORT), {"maxnorm": 2, "edge": "pass"}, [[0.96, 0.72]]),
    (clamp_norm_vjp, (UP, SHORT), {"maxnorm": 2, "eps": 10.0}, [[0.0, 1.0]]),
    (clamp_norm_vjp, (UP, SHORT), {"maxnorm": 2, "eps": 5.0}, [[0.96, 0.72]]),
    (clamp_norm_vjp, (UP, SHORT), {"maxnorm": 0}, [[0.0, 0.0]]),
    (clamp_norm_vjp, (UP, ZERO), {"maxnorm": 0}, [[0.0, 0.0]]),
    (clamp_norm_vjp, (UP, ZERO), {"maxnorm": 1}, [[0.0, 5.0]]),
    (clamp_norm_vjp, (UP, np.array([[3.0, 4.0]])), {"maxnorm": 2, "axis": 0}, [[0.0, 0.0]]),
    (clamp_norm_vjp, (G, np.array([[4.0, -4.0, 2.0]])), {"p": INF, "maxnorm": 2}, [[-0.875, 0.375, 2.5]]),
    (clamp_norm_vjp, (G, np.array([[4.0, -4.0, 2.0]])), {"p": INF, "maxnorm": 2, "ties": "first"}, [[-2.75, -1.5, 2.5]]),
    (clamp_norm_vjp, (G, np.array([[3.0, 0.0, -1.0]])), {"p": 1, "maxnorm": 2, "slope_at_zero": 1.0}, [[0.875, -1.625, 2.625]]),
    # softmax
    (softmax, (np.log(np.array([[1.0, 3.0]])),), {}, [[0.25, 0.75]]),
    (softmax, (np.log(np.array([[1.0], [3.0]])),), {"axis": 0}, [[0.25], [0.75]]),
    (softmax, (np.zeros((2, 2)),), {"dim": None}, [[0.25, 0.25], [0.25, 0.25]]),
    (softmax_vjp, (np.array([[4.0, 0.0]]), np.log(np.array([[1.0, 3.0]]))), {}, [[0.75, -0.75]]),
    (softmax_vjp, (np.array([[4.0], [0.0]]), np.log(np.array([[1.0], [3.0]]))), {"axis": 0}, [[0.75], [-0.75]]),
]


def check_literal(f, args, options, expected):
    """`f` gives `expected`, to a few roundings (and exactly where it is zero)."""
    actual, expected = f(*args, **options), np.asarray(expected)
    assert actual.shape == expected.shape
    assert actual.dtype.kind == args[-1].dtype.kind
    np.testing.assert_allclose(actual, expected, rtol=4 * np.finfo(args[-1].dtype).eps, atol=0)


@pytest.mark.parametrize("case", LITERALS, ids=lambda case: f"{case[0].__name__}-{case[2]}")
def test_literal_numbers(case):
    check_literal(*case)


def test_one_ulp_on_either_side_of_eps_and_maxnorm():
    """|x| = 5 exactly; the bound is moved by the smallest step there is."""
    x, g = np.array([[3.0, -4.0]]), np.array([[0.0, 5.0]])
    below, above = np.nextafter(5.0, 0), np.nextafter(5.0, 9)
    cut = np.array([[2.4, 1.8]])
    np.testing.assert_allclose(clamp_norm_vjp(g, x, maxnorm=above), g)
    np.testing.assert_allclose(clamp_norm_vjp(g, x, maxnorm=5.0), cut)
    np.testing.assert_allclose(clamp_norm_vjp(g, x, maxnorm=below), cut)
    np.testing.assert_allclose(clamp_norm_vjp(g, x, maxnorm=below, edge="pass"), cut)
    np.testing.assert_allclose(normalize_vjp(g, x, eps=above), g / 5)
    np.testing.assert_allclose(normalize_vjp(g, x, eps=below), cut / 5)
    assert clamp_norm(x, maxnorm=5.0).tolist() == [[3.0, -4.0]]


def test_an_all_ones_cotangent_says_nothing_about_softmax():
    """The weights of a row sum to one whatever it is: along the ones there is no gradient. Hence random signs elsewhere."""
    x = naive.rows(np.random.default_rng(12), (3, 4))
    assert np.abs(softmax_vjp(np.ones_like(x), x)).max() < 1e-15


@pytest.mark.parametrize("name", CONSTRAINERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_constrainer_is_the_map_of_the_normalizer_and_a_projection(name, dtype):
    """Applying it once more changes nothing (see `test_projections.py` for more)."""
    assert CONSTRAINERS[name] is NORMALIZERS[name].forward
    if name in ("clamp", "quaternion_normalize") and np.dtype(dtype).kind == "c":
        return
    options = {"clamp": {"min": -1, "max": 1}, "clamp_norm": {"maxnorm": 2.5}}.get(name, {})
    x = naive.rows(np.random.default_rng(13), (500, 4), dtype)
    once = CONSTRAINERS[name](x, **options)
    assert naive.same_bits(CONSTRAINERS[name](once, **options), once)
    assert not np.array_equal(once, x)


def test_no_gradient_along_the_row():
    """What would only change the length of a row does not pass a normalizer, for any p: <dx, x> = 0."""
    rng = np.random.default_rng(14)
    x, g = naive.rows(rng, (50, 6)), naive.rows(rng, (50, 6))
    for p in ORDERS:
        assert np.abs((normalize_vjp(g, x, p=p) * x).sum(axis=-1)).max() < 1e-14


# ---- bad input

X = np.ones((2, 3))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: normalize([1.0]), TypeError, "normalize: x is a list; allowed: a NumPy array of float32"),
        (lambda: normalize(np.ones(3, int)), TypeError, "normalize: x.dtype = int64 is not supported"),
        (lambda: normalize(X, p=0.5), ValueError, "normalize: p = 0.5 is out of range; allowed: a number >= 1"),
        (lambda: normalize(X, p=0), ValueError, "normalize: p = 0 is out of range"),
        (lambda: normalize(X, p=np.nan), ValueError, "normalize: p = nan is out of range"),
        (lambda: normalize(X, p="two"), TypeError, "normalize: p = 'two' is of type str"),
        (lambda: normalize(X, p=True), TypeError, "normalize: p = True is of type bool"),
        (lambda: normalize(X, dim=2), ValueError, "normalize: dim = 2 is no axis of an array with 2 axes; allowed: -2..1"),
        (lambda: normalize(X, dim=-3), ValueError, "normalize: dim = -3 is no axis of an array with 2 axes; allowed: -2..1"),
        (lambda: normalize(X, axis=2), ValueError, "normalize: axis = 2 is no axis of an array with 2 axes; allowed: -2..1"),
        (lambda: normalize(X, dim=(0, -2)), ValueError, "normalize: dim = (0, -2) names an axis twice"),
        (lambda: normalize(X, dim=1.0), TypeError, "normalize: dim = 1.0 is of type float"),
        (lambda: normalize(np.array(1.0)), ValueError, "normalize: dim = -1 is no axis of an array with 0 axes; allowed: none"),
        (lambda: normalize(X, eps=-1), ValueError, "normalize: eps = -1 is out of range; allowed: a finite number >= 0"),
        (lambda: normalize(X, eps=np.nan), ValueError, "normalize: eps = nan is out of range"),
        (lambda: normalize(X, eps="0"), TypeError, "normalize: eps = '0' is of type str"),
        (
            lambda: normalize(X, zero_row="pass"),
            ValueError,
            "normalize: zero_row = 'pass' is not a choice; allowed: 'divide' or 'stop'",
        ),
        (lambda: normalize(X, ties="last"), ValueError, "normalize: ties = 'last' is not a choice; allowed: 'split' or 'first'"),
        (lambda: normalize(X, slope_at_zero=2), ValueError, "normalize: slope_at_zero = 2 is out of range"),
        (lambda: normalize_vjp(X, X[:1]), ValueError, "normalize_vjp: g has shape (2, 3); allowed: (1, 3), the shape of x"),
        (lambda: normalize_vjp(X.astype("f4"), X), TypeError, "normalize_vjp: g has dtype float32; allowed: float64"),
        (lambda: normalize_vjp(1.0, X), TypeError, "normalize_vjp: g is a float"),
        (
            lambda: normalize_vjp(X, X, p=INF, dim=(0, 1), ties="first"),
            ValueError,
            "norm: ties = 'first' is not defined over 2 axes",
        ),
        (lambda: norm(X, p=0.5), ValueError, "norm: p = 0.5 is out of range"),
        (lambda: norm_vjp(X, X), ValueError, "norm_vjp: g has shape (2, 3); allowed: (2,), the shape of norm(x)"),
        (lambda: norm_vjp(np.ones(2, complex), X + 0j), TypeError, "norm_vjp: g has dtype complex128; allowed: float64"),
        (
            lambda: complex_normalize(X),
            ValueError,
            "complex_normalize: x has shape (2, 3) of reals; allowed: complex entries, or pairs",
        ),
        (lambda: complex_normalize(np.array(1.0)), ValueError, "complex_normalize: x has shape () of reals"),
        (lambda: complex_normalize(X + 0j, eps=-1), ValueError, "normalize: eps = -1 is out of range"),
        (lambda: quaternion_normalize(X), ValueError, "quaternion_normalize: x has shape (2, 3) of reals; allowed: quaternions"),
        (
            lambda: quaternion_normalize(X + 0j),
            TypeError,
            "quaternion_normalize: x has dtype complex128; allowed: real rows, four",
        ),
        (lambda: quaternion_normalize([1.0]), TypeError, "quaternion_normalize: x is a list"),
        (
            lambda: quaternion_normalize_vjp(X, np.ones((2, 4))),
            ValueError,
            "quaternion_normalize_vjp: g has shape (2, 3); allowed: (2, 4)",
        ),
        (lambda: complex_normalize_vjp(X[:, :2], X[:, :2] + 0j), TypeError, "complex_normalize_vjp: g has dtype float64"),
        (lambda: complex_normalize_vjp(X + 0j, X[:, :2] + 0j), ValueError, "complex_normalize_vjp: g has shape (2, 3)"),
        (lambda: clamp(X), ValueError, "clamp: min and max are both missing; allowed: at least one bound"),
        (lambda: clamp(X, min=2, max=1), ValueError, "clamp: min = 2 exceeds max = 1; allowed: min <= max"),
        (lambda: clamp(X, min=np.nan), ValueError, "clamp: min = nan is out of range"),
        (lambda: clamp(X, min="0"), TypeError, "clamp: min = '0' is of type str"),
        (lambda: clamp(X + 0j, min=0), TypeError, "clamp: x has dtype complex128; allowed: real rows"),
        (lambda: clamp(X, min=0, edge="x"), ValueError, "clamp: edge = 'x' is not a choice; allowed: 'pass', 'stop' or 'half'"),
        (lambda: clamp_vjp(X, X[:1], min=0), ValueError, "clamp_vjp: g has shape (2, 3); allowed: (1, 3)"),
        (
            lambda: clamp_norm(X, maxnorm=-1),
            ValueError,
            "clamp_norm: maxnorm = -1 is out of range; allowed: a finite number >= 0",
        ),
        (lambda: clamp_norm(X, maxnorm=np.nan), ValueError, "clamp_norm: maxnorm = nan is out of range"),
        (lambda: clamp_norm(X, maxnorm=1, p=0.5), ValueError, "clamp_norm: p = 0.5 is out of range"),
        (lambda: clamp_norm(X, maxnorm=1, eps=-1), ValueError, "clamp_norm: eps = -1 is out of range"),
        (lambda: clamp_norm(X, maxnorm=1, edge="stop"), ValueError, "clamp_norm: edge = 'stop' is not a choice"),
        (lambda: clamp_norm(X, maxnorm=1, axis=5), ValueError, "clamp_norm: axis = 5 is no axis"),
        (lambda: clamp_norm_vjp(X, X[:1], maxnorm=1), ValueError, "clamp_norm_vjp: g has shape (2, 3); allowed: (1, 3)"),
        (lambda: softmax(X + 0j), TypeError, "softmax: x has dtype complex128; allowed: real rows"),
        (lambda: softmax(X, dim=2), ValueError, "softmax: dim = 2 is no axis"),
        (lambda: softmax(X, axis=-3), ValueError, "softmax: axis = -3 is no axis"),
        (lambda: softmax_vjp(X, X[:1]), ValueError, "softmax_vjp: g has shape (2, 3); allowed: (1, 3)"),
    ],
)
def test_bad_input_is_refused(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(said)


def test_softmax_gradient_where_one_weight_is_near_one():
    """``s (g - sum s g)`` as it stands has no digit left there: a part in 1e17 of `g`."""
    x, g = np.array([[0.0, -40.0, -41.0], [-30.0, 0.0, -35.0]]), np.array([[1.0, 2.0, 3.5], [-7.0, 4.0, 0.5]])
    s = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    top = [s[0, 0] * (s[0, 1] * (1 - 2) + s[0, 2] * (1 - 3.5)), s[1, 1] * (s[1, 0] * (4 + 7) + s[1, 2] * (4 - 0.5))]
    d = softmax_vjp(g, x)
    np.testing.assert_allclose([d[0, 0], d[1, 1]], top, rtol=1e-14)
    d = softmax_vjp(np.array([[1.0, 1.0, 3.5]]), np.array([[0.0, 0.0, -40.0]]))  # or half of it each
    np.testing.assert_allclose(d[0, :2], -2.5 * np.exp(-40) / 4, rtol=1e-14)
    assert softmax_vjp(np.zeros((2, 0)), np.zeros((2, 0))).shape == (2, 0)
