"""Regularizers: numbers by hand, to many digits and by sampling; gradients; precision; what is refused."""

import math

import mpmath
import naive
import numpy as np
import pytest

from npembed import Embedding
from npembed.check import UnknownNameError
from npembed.embedding.regularizers import (
    REGULARIZERS,
    TERMS,
    combined,
    combined_vjp,
    expected_norm,
    lp,
    lp_vjp,
    no,
    no_vjp,
    norm_limit,
    norm_limit_vjp,
    orthogonality,
    orthogonality_vjp,
    power_sum,
    power_sum_vjp,
)
from npembed.kge.datasets import Nations
from npembed.kge.models import distmult
from npembed.op import Op, resolve
from npembed.verify.gradcheck import check_vjp

TOLERANCES = {
    "float64": 1e-14,  # relative: a norm, a mean of a few and a product
    "recurrence": 2e-14,  # relative: up to 20 000 quotients, whose half ulps alternate in sign
    "differenced": 1e-6,  # relative: central differences with h = 1e-6 of numbers near one
    "sampled": 0.01,  # relative: the mean of 100 000 norms; more than four standard errors
}
OP = REGULARIZERS["lp"]
ROWS = np.array([[3.0, -4.0], [0.0, 1.0]])


def rows(rng, shape, dtype=float):
    x = rng.normal(size=shape)
    return x + 1j * rng.normal(size=shape) if dtype is complex else x


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 3.0),
        ({"weight": 0.5}, 1.5),
        ({"weight": -2}, -6.0),
        ({"p": 1}, 4.0),
        ({"p": math.inf}, 2.5),
        ({"p": 3}, (91 ** (1 / 3) + 1) / 2),
        ({"dim": None}, math.sqrt(26)),
        ({"dim": 0}, (3 + math.sqrt(17)) / 2),
        ({"normalize": True}, 3 / math.sqrt(math.pi / 2)),
        ({"normalize": True, "expected": "pykeen"}, 3 / math.sqrt(2)),
        ({"normalize": True, "p": 1}, 4 / math.sqrt(8 / math.pi)),
        ({"normalize": True, "expected": "pykeen", "p": 1}, 4 / math.sqrt(8 / math.pi)),
        ({"normalize": True, "dim": None}, math.sqrt(26) / (1.5 * math.sqrt(math.pi / 2))),  # of four numbers
        ({"normalize": True, "dim": None, "expected": "pykeen"}, math.sqrt(26) / math.sqrt(2)),  # of two, says PyKEEN
    ],
)
def test_numbers_by_hand(options, expected):
    assert lp(ROWS, **options) == pytest.approx(expected, rel=TOLERANCES["float64"])
    assert lp(ROWS * 1j, **options) == pytest.approx(expected, rel=TOLERANCES["float64"])


def test_the_mean_is_over_positions():
    assert lp(np.stack([ROWS, ROWS, 2 * ROWS])) == 4.0
    assert lp(ROWS[[0, 0, 1]]) == pytest.approx(11 / 3)
    assert lp(ROWS[0]) == 5.0


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("options", [{}, {"weight": 0.3, "normalize": True}, {"normalize": True, "expected": "pykeen"}])
def test_gradient(dtype, options):
    rng = np.random.default_rng(1)
    checked = 0
    for shape, dim in (((4, 3), -1), ((5,), 0), ((2, 3, 2), -1), ((2, 3, 2), (1, 2)), ((3, 2), None), ((3, 1), 1)):
        for p in (1, 1.5, 2, 3, math.inf):
            if p in (1, 2) or not options.get("normalize") or ("expected" in options and p != math.inf):
                checked += check_vjp(OP, rows(rng, shape, dtype), p=p, dim=dim, **options).checked
        if options:
            assert lp_vjp(1.0, np.zeros((0, 3), dtype), **options).shape == (0, 3)  # of which there is nothing to check
    assert checked >= 80


def test_conventions_at_kinks():
    """Those of `norm_vjp`, by name."""
    zero = np.zeros((1, 2))
    assert not lp_vjp(1.0, zero).any()
    assert lp_vjp(2.0, np.array([[0.0, 3.0]]), p=1).tolist() == [[0.0, 2.0]]
    assert lp_vjp(2.0, np.array([[0.0, 3.0]]), p=1, slope_at_zero=0.5).tolist() == [[1.0, 2.0]]
    assert lp_vjp(2.0, np.array([[3.0, -3.0]]), p=math.inf).tolist() == [[1.0, -1.0]]
    assert lp_vjp(2.0, np.array([[3.0, -3.0]]), p=math.inf, ties="first").tolist() == [[2.0, 0.0]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_the_precision_is_that_of_the_rows(dtype):
    """Of a float64 table too (PyKEEN: float32 always); a float32 result is rounded once."""
    x = (np.array([[1 / 3, 1 / 7], [1e-3, 2.0]]) * (1 + 1j if np.dtype(dtype).kind == "c" else 1)).astype(dtype)
    real = np.empty(0, dtype).real.dtype
    value, d = lp(x, weight=0.1, normalize=True), lp_vjp(np.asarray(1.0, real), x, weight=0.1, normalize=True)
    assert (type(value), d.dtype, d.shape) == (real.type, np.dtype(dtype), x.shape)
    wide = x.astype(np.result_type(dtype, np.float64))
    exact = sum(mpmath.sqrt(sum(mpmath.mpf(float(abs(v))) ** 2 for v in row)) for row in wide)
    exact *= mpmath.mpf("0.1") / 2 / mpmath.sqrt(mpmath.pi / 2)
    assert abs(value - exact) <= (0.5001 if real == np.float32 else 8) * np.finfo(real).eps * exact
    assert value == real.type(lp(wide, weight=0.1, normalize=True))


def test_rows_whose_squares_overflow():
    large = np.array([[3e30, 4e30]], np.float32)
    assert lp(large) == np.float32(5e30)
    np.testing.assert_allclose(lp_vjp(1.0, large), [[0.6, 0.8]], rtol=1e-7)
    assert lp(large * np.float32(1e-60)) == 0


def test_no_rows_cost_nothing():
    """NaN in PyKEEN."""
    for x in (np.zeros((0, 3)), np.zeros((2, 0, 3), np.complex64)):
        for options in ({}, {"normalize": True}):
            assert lp(x, **options) == 0
            assert lp_vjp(1.0, x, **options).shape == x.shape
    assert lp(np.zeros((2, 0))) == 0


def test_a_nan_row_gives_nan():
    assert np.isnan(lp(np.array([[np.nan, 1.0], [1.0, 2.0]])))


@pytest.mark.parametrize("d", [1, 2, 3, 10, 50, 200, 1000, 20_000])
def test_expected_norm_of_a_normal_row(d):
    """The closed forms, from the Gamma function of mpmath."""
    gamma, half = mpmath.gamma, mpmath.mpf(1) / 2
    exact = float(mpmath.sqrt(2) * mpmath.gammaprod([(d + 1) * half], [d * half]))
    assert expected_norm(2, d) == pytest.approx(exact, rel=TOLERANCES["recurrence"])
    for expected in ("exact", "pykeen"):
        assert expected_norm(1, d, expected=expected) == pytest.approx(d * math.sqrt(2 / math.pi), rel=TOLERANCES["float64"])
    for p in (1.5, 2, 3, 10):
        moment = mpmath.mpf(2) ** (p * half) * gamma((p + 1) * half) / mpmath.sqrt(mpmath.pi)
        pykeen = float((d * moment) ** (mpmath.mpf(1) / p))
        assert expected_norm(p, d, expected="pykeen") == pytest.approx(pykeen, rel=TOLERANCES["float64"])


def test_which_average_is_right():
    """PyKEEN's is the root of a mean, not the mean of a root: right for p = 1, too long for p = 2 (P8 of the peers' bugs)."""
    rng = np.random.default_rng(2)
    for d in (1, 2, 5):
        x = rng.normal(size=(100_000, d))
        assert lp(x, normalize=True) == pytest.approx(1, rel=TOLERANCES["sampled"])
        assert lp(x, normalize=True, p=1) == pytest.approx(1, rel=TOLERANCES["sampled"])
        assert lp(x, normalize=True, expected="pykeen") < 0.96
    assert (expected_norm(2, 1, expected="pykeen"), round(expected_norm(2, 1), 3)) == (1.0, 0.798)
    assert round(expected_norm(3, 2, expected="pykeen"), 2) == 1.47
    for d in (50, 1000):
        assert math.sqrt(d) / expected_norm(2, d) - 1 == pytest.approx(1 / (4 * d), rel=0.02)


# ---- in a layer


def charged(**options):
    """Rows of length 5, 1, 2 and 0, which cost half their length."""
    table = np.array([[3.0, 4.0], [0.0, -1.0], [2.0, 0.0], [0.0, 0.0]])
    return Embedding(
        4, 2, dtype=np.float64, initializer=table, regularizer="lp", regularizer_kwargs={"weight": 0.5}, rng=0, **options
    )


def test_a_layer_counts_what_each_lookup_costs():
    """In training mode alone; a mean over positions each time; popped once, and forgotten by zero_grad and post_parameter_update."""
    layer = charged()
    assert layer.regularization_term == 0
    layer([0, 0, 1])
    layer([[2], [3]])
    assert layer.regularization_term == 0.5 * 11 / 3 + 0.5 * 2 / 2
    assert layer.pop_regularization_term() == 0.5 * 11 / 3 + 0.5
    assert layer.pop_regularization_term() == 0
    layer()
    assert layer.pop_regularization_term() == 0.5 * 8 / 4
    layer.eval()([0])
    assert layer.regularization_term == 0
    layer.train()([0])
    layer.eval()
    assert layer.regularization_term == 2.5  # what was charged stays until it is asked for
    for forget in (layer.zero_grad, layer.post_parameter_update):
        layer.train()([0])
        forget()
        assert layer.regularization_term == 0
    layer.vjp([0])
    assert layer.regularization_term == 0
    assert type(layer.regularization_term) is np.float64
    single = Embedding(2, 2, dtype=np.complex64, regularizer="lp", initializer="ones")
    single([0])
    assert type(single.regularization_term) is np.float32
    assert single.regularization_term == pytest.approx(2)  # complex rows start as 1 + 1i


def test_backward_takes_the_term_for_part_of_the_loss():
    """`vjp` leaves the share of it to the caller; the gradient is that of differences."""
    for options in ({}, {"normalizer": "normalize"}, {"dropout": 0.5}, {"normalizer": "softmax", "dropout": 0.5}):
        layer, ids, g = charged(**options), [0, 1, 1], naive.rows(np.random.default_rng(1), (3, 2))
        state = layer.rng.get_state()
        output, pullback = layer.vjp(ids)
        layer.rng.set_state(state)
        np.testing.assert_array_equal(layer(ids), output)
        alone, both = pullback(g).to_dense(), pullback(g, 1.0).to_dense()
        np.testing.assert_allclose(pullback(g, 3.0).to_dense() - alone, 3 * (both - alone), rtol=TOLERANCES["differenced"])
        np.testing.assert_array_equal(layer.backward(g).to_dense(), both)
        layer.pop_regularization_term()
        for i in np.ndindex(4, 2):
            found = []
            for step in (1e-6, -1e-6):
                layer.rng.set_state(state)
                moved = layer.weight.copy()
                moved[i] += step
                layer.weight, kept = moved, layer.weight.copy()
                found.append((g * layer(ids)).sum() + layer.pop_regularization_term())
                layer.weight = kept
            assert both[i] == pytest.approx((found[0] - found[1]) / 2e-6, rel=TOLERANCES["differenced"], abs=1e-9)


def test_a_frozen_layer_and_a_pair_of_functions():
    squares = (lambda x: float((x * x).sum()), lambda g, x: 2 * g * x)
    layer = Embedding(
        2, 2, dtype=np.float64, initializer=np.array([[3.0, 4.0], [1.0, 0.0]]), regularizer=squares, trainable=False
    )
    layer([0, 0])
    assert layer.regularization_term == 50
    assert layer.backward(np.zeros((2, 2))).to_dense().tolist() == [[12.0, 16.0], [0.0, 0.0]]
    assert layer.grad is None
    layer.post_parameter_update()
    assert layer.regularization_term == 0


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: lp([1.0]), TypeError, "lp: x is a list; allowed: a NumPy array"),
        (lambda: lp(np.array(1.0)), ValueError, "lp: x has shape (); allowed: 1 or more axes"),
        (lambda: lp(ROWS.astype(int)), TypeError, "lp: x.dtype = int64 is not supported; allowed: float32"),
        (lambda: lp(ROWS, p=0.5), ValueError, "lp: p = 0.5 is out of range; allowed: a number >= 1"),
        (lambda: lp(ROWS, weight=math.nan), ValueError, "lp: weight = nan is out of range; allowed: a finite number"),
        (lambda: lp(ROWS, dim=2), ValueError, "lp: dim = 2 is no axis of an array with 2 axes; allowed: -2..1"),
        (lambda: lp(ROWS, normalize=1), ValueError, "lp: normalize = 1 is not a choice; allowed: True or False"),
        (lambda: lp(ROWS, expected="e"), ValueError, "lp: expected = 'e' is not a choice; allowed: 'exact' or 'pykeen'"),
        (lambda: lp_vjp(1.0, ROWS, dim="x"), TypeError, "lp_vjp: dim = 'x' is of type str; allowed: a whole number"),
        (lambda: lp(ROWS, p=3, normalize=True), ValueError, "expected_norm: p = 3 has no closed form; allowed: 1 or 2, or"),
        (lambda: lp(ROWS, p=math.inf, normalize=True), ValueError, "expected_norm: p = inf has no closed form; allowed: 1 or 2"),
        (
            lambda: lp(ROWS, p=math.inf, normalize=True, expected="pykeen"),
            ValueError,
            "expected_norm: p = inf has no formula; all",
        ),
        (lambda: lp(np.zeros((2, 0)), normalize=True), ValueError, "expected_norm: d = 0 is out of range; allowed: a whole"),
        (lambda: lp_vjp(np.ones(2), ROWS), TypeError, "lp_vjp: g = array([1., 1.]) is of type ndarray; allowed: a finite number"),
        (lambda: expected_norm(2, 1.0), TypeError, "expected_norm: d = 1.0 is of type float; allowed: a whole number >= 1"),
        (
            lambda: expected_norm(2, 1, expected=None),
            ValueError,
            "expected_norm: expected = None is not a choice; allowed: 'exact'",
        ),
    ],
)
def test_bad_input_is_refused(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(said)


# ---- the other regularizers: numbers by hand

A, B = np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]]), np.array([[5.0, 0.0], [1.0, 1.0], [0.0, -2.0]])  # cosines .6, 0, 0
PARTS = [("lp", {"p": 1}, 3.0), (REGULARIZERS["power_sum"], None, 1.0)]

LITERALS = [
    (power_sum, (ROWS,), {}, 13.0),
    (power_sum, (ROWS * 1j,), {"weight": 0.5}, 6.5),
    (power_sum, (ROWS,), {"p": 1}, 4.0),
    (power_sum, (ROWS,), {"p": 3}, 46.0),
    (power_sum, (ROWS,), {"dim": None}, 26.0),
    (power_sum, (ROWS,), {"dim": 0}, 13.0),
    (power_sum, (ROWS[0],), {}, 25.0),
    (power_sum, (ROWS,), {"normalize": True}, 6.5),
    (power_sum, (ROWS,), {"normalize": True, "dim": None}, 6.5),  # of four numbers
    (power_sum, (ROWS,), {"normalize": True, "dim": None, "count": "pykeen"}, 13.0),  # of two, says PyKEEN
    (power_sum_vjp, (2.0, ROWS), {}, [[6.0, -8.0], [0.0, 2.0]]),
    (power_sum_vjp, (2.0, ROWS), {"p": 1}, [[1.0, -1.0], [0.0, 1.0]]),
    (power_sum_vjp, (2.0, ROWS), {"p": 1, "slope_at_zero": -0.5}, [[1.0, -1.0], [-0.5, 1.0]]),
    (power_sum_vjp, (2.0, ROWS), {"p": 3, "weight": 0.5}, [[13.5, -24.0], [0.0, 1.5]]),
    (power_sum_vjp, (2.0, ROWS), {"normalize": True, "dim": None}, [[3.0, -4.0], [0.0, 1.0]]),
    (power_sum_vjp, (1.0, np.array([[3 + 4j, 0j]])), {}, [[6 + 8j, 0j]]),  # of |z|^2, by torch's convention
    (power_sum_vjp, (1.0, np.array([[3 + 4j, 0j]])), {"p": 1}, [[0.6 + 0.8j, 0j]]),
    (norm_limit, (ROWS,), {}, 24.0),  # 25 - 1 and 1 - 1
    (norm_limit, (ROWS,), {"power_norm": False, "max_norm": 0.5}, 5.0),
    (norm_limit, (ROWS,), {"power_norm": False, "max_norm": 0.5, "p": 1, "weight": 0.5}, 3.5),
    (norm_limit, (ROWS,), {"power_norm": False, "max_norm": 3.0, "p": math.inf}, 1.0),
    (norm_limit, (ROWS,), {"max_norm": 30.0}, 0.0),
    (norm_limit, (ROWS,), {"dim": None}, 25.0),
    (norm_limit, (ROWS,), {"dim": 0, "p": 1}, 2.0 + 4.0),
    (norm_limit_vjp, (2.0, ROWS), {}, [[12.0, -16.0], [0.0, 0.0]]),  # the second row is at the limit
    (norm_limit_vjp, (2.0, ROWS), {"edge": "pass"}, [[12.0, -16.0], [0.0, 4.0]]),
    (norm_limit_vjp, (2.0, ROWS), {"edge": "half"}, [[12.0, -16.0], [0.0, 2.0]]),
    (norm_limit_vjp, (2.0, ROWS), {"max_norm": 30.0}, [[0.0, 0.0], [0.0, 0.0]]),
    (norm_limit_vjp, (2.0, ROWS), {"power_norm": False, "weight": 0.5}, [[0.6, -0.8], [0.0, 0.0]]),
    (norm_limit_vjp, (2.0, ROWS), {"power_norm": False, "p": 1, "slope_at_zero": 1.0, "edge": "pass"}, [[2.0, -2.0], [2.0, 2.0]]),
    (norm_limit_vjp, (2.0, ROWS), {"p": 1, "slope_at_zero": 1.0, "edge": "pass"}, [[2.0, -2.0], [2.0, 2.0]]),
    (norm_limit_vjp, (2.0, ROWS), {"power_norm": False, "p": math.inf}, [[0.0, -2.0], [0.0, 0.0]]),
    (norm_limit_vjp, (2.0, np.array([[3.0, -3.0]])), {"power_norm": False, "p": math.inf}, [[1.0, -1.0]]),
    (norm_limit_vjp, (2.0, np.array([[3.0, -3.0]])), {"power_norm": False, "p": math.inf, "ties": "first"}, [[2.0, 0.0]]),
    (norm_limit_vjp, (1.0, np.zeros((1, 2))), {"max_norm": -1.0, "power_norm": False}, [[0.0, 0.0]]),
    (norm_limit_vjp, (1.0, ROWS[:, ::-1].T), {"dim": 0}, [[-8.0, 0.0], [6.0, 0.0]]),
    (orthogonality, (A, B), {"epsilon": 0.5}, 0.11),
    (orthogonality, (A, B), {"epsilon": 0.25, "limit": "pykeen"}, 0.11),
    (orthogonality, (A, B), {"epsilon": 0, "weight": -2}, -0.72),
    (orthogonality, (A, -B), {"epsilon": 0.5}, 0.11),
    (orthogonality, (A, B), {"epsilon": 0.5, "eps": 10.0}, 0.0),  # cosine 15 / 100
    (orthogonality, (A, B), {"epsilon": 0.1, "eps": 10.0}, 0.0125),
    (orthogonality, (A[0], B[0]), {"epsilon": 0.5}, 0.11),
    # da = 2 g c (v - c u) / |a| = 2 (.6) (1 - .36, -.48) / 5, db = 2 g c (u - c v) / |b| = 2 (.6) (0, .8) / 5
    (orthogonality_vjp, (5.0, A, B), {}, ([[0.768, -0.576], [0.0, 0.0], [0.0, 0.0]], [[0.0, 0.96], [0.0, 0.0], [0.0, 0.0]])),
    (orthogonality_vjp, (5.0, A, B), {"epsilon": 0.7}, (np.zeros((3, 2)), np.zeros((3, 2)))),
    (orthogonality_vjp, (5.0, A[:1], B[:1]), {"epsilon": 0.7, "limit": "pykeen"}, (np.zeros((1, 2)), np.zeros((1, 2)))),
    (orthogonality_vjp, (5.0, A[:1], B[:1]), {"eps": 10.0}, ([[0.075, 0.0]], [[0.045, 0.06]])),  # both short: 2 g c b / eps^2
    *(
        (
            orthogonality_vjp,
            (64.0, A[:1], B[:1]),
            {"eps": 8.0, "epsilon": 15 / 64, "edge": edge},  # at the limit: u = (3, 4) / 8, v = (5, 0) / 8, cosine 15 / 64
            ([[2.34375 * slope, 0.0]], [[1.40625 * slope, 1.875 * slope]]),
        )
        for edge, slope in (("stop", 0), ("half", 0.5), ("pass", 1))
    ),
    (combined, (ROWS,), {"regularizers": PARTS}, (3 * 4.0 + 13.0) / 4),
    (combined, (ROWS,), {"regularizers": PARTS[:1], "weight": 0.5}, 2.0),
    (combined, (ROWS,), {"regularizers": [("Combined", {"regularizers": PARTS}, 1), ("NormLimitRegularizer", {}, 1)]}, 15.125),
    (combined_vjp, (8.0, ROWS), {"regularizers": PARTS}, [[9.0, -11.0], [0.0, 5.0]]),
    (combined_vjp, (8.0, ROWS), {"regularizers": PARTS, "weight": 0.5}, [[4.5, -5.5], [0.0, 2.5]]),
    (no, (ROWS,), {"weight": 3.0}, 0.0),
    (no_vjp, (2.0, ROWS), {}, np.zeros((2, 2))),
]


def check_literal(f, args, options, expected):
    """To a few roundings, and exactly where it is zero."""
    found = f(*args, **options)
    assert isinstance(found, tuple) == isinstance(expected, tuple)
    for d, e in zip(*((v if isinstance(v, tuple) else (v,)) for v in (found, expected)), strict=True):
        assert np.shape(d) == np.shape(e)
        np.testing.assert_allclose(d, e, rtol=TOLERANCES["float64"], atol=0)


@pytest.mark.parametrize("case", LITERALS, ids=lambda case: f"{case[0].__name__}-{str(case[2])[:40]}")
def test_literal_numbers(case):
    check_literal(*case)


# ---- the same, to many digits


def slow(name, rows, options):
    """What a regularizer of one array is, in mpmath, row by row along the last axis."""
    p, mp = naive.mp.mpf(options.get("p", 2)), naive.mp
    sums = [sum((abs(v) ** p for v in row), mp.mpf(0)) for row in rows]
    if name == "power_sum":
        return sum(sums) / len(rows) / (len(rows[0]) if options.get("normalize") else 1)
    lengths = sums if options.get("power_norm", True) else [s ** (1 / p) for s in sums]
    limit = naive.exact(options.get("max_norm", 1.0))
    return sum(max(n - limit, mp.mpf(0)) for n in lengths)


CASES = [
    ("power_sum", {"p": p, "normalize": normalize}) for p in (1, 1.5, 2, 3) for normalize in (False, True)
] + [("norm_limit", {"p": p, "power_norm": power, "max_norm": 2.5}) for p in (1, 1.5, 2, 3) for power in (False, True)]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_to_many_digits(name, options, dtype):
    x, op = naive.rows(np.random.default_rng(3), (5, 3), dtype), REGULARIZERS[name]
    eps, real = float(np.finfo(dtype).eps), np.empty(0, dtype).real.dtype
    exact = slow(name, [[naive.exact(v) for v in row] for row in x], options)
    value = op.forward(x, **options)
    assert type(value) is real.type
    assert abs(naive.exact(value) - exact) <= (0.5001 if real == np.float32 else 16) * eps * abs(exact)
    flat = [naive.exact(v) for v in x.ravel()]
    expected = naive.vjp(lambda v: [slow(name, [v[i : i + 3] for i in range(0, 15, 3)], options)], [naive.mp.mpf(3)], flat)
    d = op.vjp(3.0, x, **options)
    assert d.dtype == dtype
    off = naive.distances(d.ravel(), np.array(expected, object))
    assert (off <= (1.0 if real == np.float32 else 16) * eps * np.maximum(np.abs(d).ravel(), 1e-30)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_angles_to_many_digits(dtype):
    rng, mp = np.random.default_rng(4), naive.mp
    a, b = naive.rows(rng, (4, 3), dtype), naive.rows(rng, (4, 3), dtype)
    limit = mp.mpf("0.3") ** 2

    def total(entries):
        value = mp.mpf(0)
        for i in range(4):
            u, v = entries[3 * i : 3 * i + 3], entries[12 + 3 * i : 15 + 3 * i]
            cosine = sum(s * t for s, t in zip(u, v, strict=True)) / naive.norm(u) / naive.norm(v)
            value += max(cosine**2 - limit, mp.mpf(0))
        return value

    flat = [naive.exact(v) for v in (*a.ravel(), *b.ravel())]
    eps, value = float(np.finfo(dtype).eps), orthogonality(a, b, epsilon=0.3)
    assert type(value) is dtype
    assert abs(naive.exact(value) - total(flat)) <= (0.5001 if dtype is np.float32 else 16) * eps * value
    da, db = orthogonality_vjp(2.0, a, b, epsilon=0.3)
    assert da.dtype == db.dtype == dtype
    expected = naive.vjp(lambda v: [total(v)], [mp.mpf(2)], flat)
    off = naive.distances(np.concatenate([da.ravel(), db.ravel()]), np.array(expected, object))
    assert off.max() <= (1.0 if dtype is np.float32 else 16) * eps * max(np.abs(da).max(), np.abs(db).max())


# ---- special points


@pytest.mark.parametrize("triple", [(3, 4, 5), (5, 12, 13), (20, 21, 29)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exactly_at_the_limit_and_one_ulp_on_either_side(triple, dtype):
    a, b, c = triple
    x = np.array([[a, -b]], dtype) / np.asarray(64, dtype)
    for power_norm, n in ((False, c / 64), (True, c * c / 4096)):
        options = {"power_norm": power_norm}
        slope = 2 * x if power_norm else (x.astype(float) / n).astype(dtype)
        assert norm_limit(x, max_norm=n, **options) == 0
        assert not norm_limit_vjp(1.0, x, max_norm=n, **options).any()
        np.testing.assert_array_equal(norm_limit_vjp(1.0, x, max_norm=n, edge="pass", **options), slope)
        below, above = float(np.nextafter(n, 0)), float(np.nextafter(n, np.inf))
        assert norm_limit(x, max_norm=below, **options) == dtype(n - below) > 0
        np.testing.assert_array_equal(norm_limit_vjp(1.0, x, max_norm=below, **options), slope)
        assert norm_limit(x, max_norm=above, **options) == 0
        assert not norm_limit_vjp(1.0, x, max_norm=above, edge="pass", **options).any()
    unit = np.array([[0.6, 0.8]], dtype)
    limit = float(
        orthogonality(unit.astype(float), np.array([[1.0, 0.0]]), epsilon=0)
    )  # the square of the cosine, as it is computed
    for edge, active in (("stop", False), ("half", True), ("pass", True)):
        da, db = orthogonality_vjp(1.0, unit, np.array([[1, 0]], dtype), epsilon=limit, limit="pykeen", edge=edge)
        assert (da.any() and db.any()) == active


def one_array():
    """Each regularizer of one array, with the options that it needs, by name."""
    options = {"combined": {"regularizers": PARTS}}
    return [(name, op.bind(**options.get(name, {}))) for name, op in REGULARIZERS.items() if name != "orthogonality"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0, 0), (0,), (2, 0, 3)])
def test_nothing_costs_nothing(shape, dtype):
    """No rows, and rows of no entries (NaN, or an error, in PyKEEN)."""
    x = np.zeros(shape, dtype)
    for name, op in one_array():
        for options in ({}, {"dim": None}) if name in ("lp", "power_sum", "norm_limit") else ({},):
            value = op.forward(x, **options)
            assert (type(value), value) == (x.real.dtype.type, 0)
            assert naive.same_bits(op.vjp(1.0, x, **options), x)
    assert power_sum(x, normalize=True) == 0
    if x.dtype.kind == "f":
        assert orthogonality(x, x) == 0
        assert all(naive.same_bits(d, x) for d in orthogonality_vjp(1.0, x, x))


def test_zero_rows_and_rows_of_extreme_size():
    for _, op in one_array():
        assert op.forward(np.zeros((2, 3))) == 0
        assert not op.vjp(1.0, np.zeros((2, 3))).any()
    for dtype, size in ((np.float32, 1e30), (np.float64, 1e200)):
        large = (np.array([[3.0, 4.0]]) * size).astype(dtype)
        assert norm_limit(large, power_norm=False) == dtype(np.linalg.norm(large.astype(float) / size) * size)
        np.testing.assert_allclose(norm_limit_vjp(1.0, large, power_norm=False), [[0.6, 0.8]], rtol=2 * np.finfo(dtype).eps)
        np.testing.assert_allclose(power_sum_vjp(1.0, large), 2 * large, rtol=2 * np.finfo(dtype).eps)
        with pytest.warns(RuntimeWarning, match="overflow"):
            assert power_sum(large) == math.inf
        other = np.array([[5, 0]], dtype) / dtype(size)
        assert orthogonality(large, other, eps=0, epsilon=0) == pytest.approx(0.36, rel=4 * float(np.finfo(dtype).eps))
        da, db = orthogonality_vjp(5.0, large, other, eps=0)
        np.testing.assert_allclose(da, np.array([[0.768, -0.576]]) / size, rtol=1e-5 if dtype is np.float32 else 1e-14)
        np.testing.assert_allclose(db, np.array([[0.0, 0.96]]) * size, rtol=1e-5 if dtype is np.float32 else 1e-14)
    tiny = np.array([[3.0, 4.0]]) * 5e-324
    assert lp(tiny) == 5 * 5e-324
    np.testing.assert_allclose(lp_vjp(1.0, tiny), [[0.6, 0.8]], rtol=1e-15)
    np.testing.assert_array_equal(power_sum_vjp(1.0, tiny), 2 * tiny)
    np.testing.assert_allclose(norm_limit_vjp(1.0, tiny, max_norm=0, power_norm=False), [[0.6, 0.8]], rtol=1e-15)
    assert norm_limit(tiny, max_norm=0) == 0  # squares that vanish


@pytest.mark.parametrize("name", REGULARIZERS)
def test_nan_is_not_hidden(name):
    x = np.array([[np.nan, 1.0], [1.0, 2.0]])
    op = dict(one_array()).get(name, REGULARIZERS[name])
    args = (x, np.ones((2, 2))) if name == "orthogonality" else (x,)
    assert np.isnan(op.forward(*args)) or name == "no"


def test_a_single_entry_and_the_precision_of_the_rows():
    """Every result is rounded once; a float64 table gets a float64 term (PyKEEN: float32 always)."""
    for name, op in one_array():
        for dtype in (np.float32, np.float64, np.complex64, np.complex128):
            x = np.linspace(0.3, 1.7, 40).astype(dtype)[:, None]
            wide = x.astype(np.result_type(dtype, np.float64))
            value = op.forward(x, weight=0.1)
            assert (type(value), value) == (x.real.dtype.type, x.real.dtype.type(op.forward(wide, weight=0.1))), name
            for options in ({}, {"p": 3}) if name in ("lp", "power_sum", "norm_limit") else ({},):
                d, expected = (op.vjp(0.3, a, weight=0.1, **options) for a in (x, wide))
                assert naive.same_bits(d, expected.astype(dtype))


@pytest.mark.parametrize("layout", naive.LAYOUTS)
def test_any_layout_and_the_argument_stays(layout, tmp_path):
    x = naive.rows(np.random.default_rng(5), (6, 4))
    placed = naive.laid_out(x, layout, tmp_path)
    for _, op in one_array():
        assert op.forward(placed) == pytest.approx(op.forward(x), rel=TOLERANCES["float64"])
        d = op.vjp(2.0, placed)
        np.testing.assert_allclose(d, op.vjp(2.0, x), rtol=TOLERANCES["float64"])
        assert naive.same_bits(np.array(placed), x)
        assert not np.shares_memory(d, placed)


def test_the_paper_and_pykeen_disagree_by_a_square():
    """A cosine of .002 is beyond an epsilon of 1e-5, and within it for PyKEEN, which compares its square."""
    a, b = np.array([[1.0, 0.0]]), np.array([[0.002, 1.0]])
    assert orthogonality(a, b) == pytest.approx(4e-6, rel=1e-4)
    assert orthogonality(a, b, limit="pykeen") == 0


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: power_sum([1.0]), TypeError, "power_sum: x is a list; allowed: a NumPy array"),
        (lambda: power_sum(np.array(1.0)), ValueError, "power_sum: x has shape (); allowed: 1 or more axes"),
        (lambda: power_sum(ROWS, p=0.5), ValueError, "power_sum: p = 0.5 is out of range; allowed: a number >= 1"),
        (lambda: power_sum(ROWS, p=math.inf), ValueError, "power_sum: p = inf has no power; allowed: a finite p"),
        (lambda: power_sum(ROWS, dim=2), ValueError, "power_sum: dim = 2 is no axis of an array with 2 axes"),
        (lambda: power_sum(ROWS, weight="1"), TypeError, "power_sum: weight = '1' is of type str"),
        (
            lambda: power_sum(ROWS, count="all"),
            ValueError,
            "power_sum: count = 'all' is not a choice; allowed: 'summed' or 'pykeen'",
        ),
        (lambda: power_sum(ROWS, normalize=None), ValueError, "power_sum: normalize = None is not a choice"),
        (lambda: power_sum_vjp(1.0, ROWS, slope_at_zero=2), ValueError, "power_sum_vjp: slope_at_zero = 2 is out of range"),
        (lambda: power_sum_vjp(ROWS, ROWS), TypeError, "power_sum_vjp: g = array("),
        (lambda: norm_limit(ROWS.astype(int)), TypeError, "norm_limit: x.dtype = int64 is not supported"),
        (lambda: norm_limit(ROWS, p=math.inf), ValueError, "norm_limit: p = inf has no power; allowed: a finite p"),
        (lambda: norm_limit(ROWS, p=0, power_norm=False), ValueError, "norm_limit: p = 0 is out of range"),
        (
            lambda: norm_limit(ROWS, power_norm=2),
            ValueError,
            "norm_limit: power_norm = 2 is not a choice; allowed: True or False",
        ),
        (lambda: norm_limit(ROWS, max_norm=math.nan), ValueError, "norm_limit: max_norm = nan is out of range"),
        (
            lambda: norm_limit(ROWS, edge="x"),
            ValueError,
            "norm_limit: edge = 'x' is not a choice; allowed: 'stop', 'pass' or 'half'",
        ),
        (lambda: norm_limit(ROWS, ties="x"), ValueError, "norm_limit: ties = 'x' is not a choice"),
        (lambda: norm_limit_vjp(1.0, ROWS, dim=(0, 0)), ValueError, "norm_limit_vjp: dim = (0, 0) names an axis twice"),
        (lambda: norm_limit_vjp("1", ROWS), TypeError, "norm_limit_vjp: g = '1' is of type str"),
        (lambda: orthogonality(A, B[:1]), ValueError, "orthogonality: b has shape (1, 2); allowed: (3, 2), the shape of a"),
        (
            lambda: orthogonality(A, B.astype("f4")),
            TypeError,
            "orthogonality: b has dtype float32; allowed: float64, the dtype of a",
        ),
        (
            lambda: orthogonality(A + 0j, B + 0j),
            TypeError,
            "orthogonality: a has dtype complex128; allowed: real rows, since angles",
        ),
        (lambda: orthogonality(A, B, epsilon=-1), ValueError, "orthogonality: epsilon = -1 is out of range"),
        (lambda: orthogonality(A, B, eps=-1), ValueError, "orthogonality: eps = -1 is out of range"),
        (lambda: orthogonality(A, B, limit="x"), ValueError, "orthogonality: limit = 'x' is not a choice; allowed: 'squared' or"),
        (lambda: orthogonality_vjp(1.0, A, [0.0]), TypeError, "orthogonality_vjp: b is a list"),
        (lambda: orthogonality_vjp(1.0, A, B, edge=1), ValueError, "orthogonality_vjp: edge = 1 is not a choice"),
        (lambda: orthogonality_vjp(A, A, B), TypeError, "orthogonality_vjp: g = array("),
        (lambda: combined(ROWS, regularizers=[]), ValueError, "combined: regularizers is empty; allowed: a list of (name or Op"),
        (lambda: combined(ROWS, regularizers="lp"), TypeError, "combined: regularizers is a str; allowed: a list of (name or Op"),
        (lambda: combined(ROWS, regularizers=["lp"]), TypeError, "combined: regularizers[0] = 'lp' is no triple; allowed: (name"),
        (lambda: combined(ROWS, regularizers=[("l", {}, 1)]), UnknownNameError, "combined: regularizers[0][0] = 'l' is unknown"),
        (
            lambda: combined(ROWS, regularizers=[("no", {}, 1)]),
            UnknownNameError,
            "combined: regularizers[0][0] = 'no' is unknown",
        ),
        (
            lambda: combined(ROWS, regularizers=[*PARTS, ("orthogonality", {}, 1)]),
            UnknownNameError,
            "combined: regularizers[2][0] = 'orthogonality' is unknown; known are lp, power_sum, norm_limit, combined",
        ),
        (lambda: combined(ROWS, regularizers=[(3, {}, 1)]), TypeError, "combined: regularizers[0][0] is a int; allowed: an Op"),
        (
            lambda: combined(ROWS, regularizers=[("lp", 3, 1)]),
            TypeError,
            "combined: regularizers[0][1] = 3 is a int; allowed: a dict",
        ),
        (
            lambda: combined(ROWS, regularizers=[("lp", {"q": 3}, 1)]),
            UnknownNameError,
            "combined: regularizers[0][1] = 'q' is unknown",
        ),
        (
            lambda: combined(ROWS, regularizers=[("lp", {"weight": 3}, 1)]),
            ValueError,
            "combined: regularizers[0][1] holds a weight",
        ),
        (lambda: combined(ROWS, regularizers=[("lp", {}, "1")]), TypeError, "combined: regularizers[0][2] = '1' is of type str"),
        (
            lambda: combined(ROWS, regularizers=[("lp", {}, 0)]),
            ValueError,
            "combined: regularizers have weights that add up to 0",
        ),
        (lambda: combined_vjp(1.0, [1.0], regularizers=PARTS), TypeError, "combined_vjp: x is a list"),
        (lambda: combined_vjp(None, ROWS, regularizers=PARTS), TypeError, "combined_vjp: g = None is of type NoneType"),
        (lambda: no(1.0), TypeError, "no: x is a float"),
        (lambda: no_vjp(1.0, ROWS, weight=math.nan), ValueError, "no_vjp: weight = nan is out of range"),
    ],
)
def test_bad_input_to_the_others_is_refused(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(said)


def test_the_registry():
    assert set(REGULARIZERS) == {"lp", "power_sum", "norm_limit", "orthogonality", "combined", "no"}
    assert Op(lp, lp_vjp) == REGULARIZERS["lp"] == TERMS["lp"]
    for name in ("LpRegularizer", "PowerSumRegularizer", "norm limit", "OrthogonalityRegularizer", "combined", "NoRegularizer"):
        assert resolve(REGULARIZERS, name, function="Embedding", argument="regularizer") in REGULARIZERS


# ---- once for all lookups of a batch


def once(**options):
    return {"regularizer": "lp", "regularizer_kwargs": {"p": 1, "apply_only_once": True}, **options}


def test_a_layer_that_charges_once_charges_for_its_first_lookup():
    layer = Embedding(weight=np.array([[1.0, -2.0], [10.0, 0.0]]), **once())
    layer([0])
    layer([1, 1])
    assert layer.pop_regularization_term() == 3
    layer.zero_grad()
    layer([1])
    assert layer.regularization_term == 10
    assert layer.backward(np.zeros((1, 2))).to_dense().tolist() == [[0.0, 0.0], [1.0, 0.0]]
    layer([0])
    assert layer.regularization_term == 10  # nothing was popped
    assert layer.backward(np.zeros((1, 2))).to_dense().tolist() == [[0.0, 0.0], [0.0, 0.0]]
    layer.eval()
    layer.vjp([0])
    layer.post_parameter_update()
    layer([0])
    layer.train()
    layer([1])
    assert layer.regularization_term == 10  # a lookup in evaluation mode is none


def test_a_model_that_charges_once_charges_for_heads_and_relations_of_true_triples():
    nations = Nations().training
    about = {"embedding_dim": 4, "random_seed": 0, "relation_regularizer": None}
    plain = distmult(nations, **about)
    charged = distmult(nations, **{**about, **{f"entity_{name}": value for name, value in once().items()}})
    positives, negatives = nations.mapped_triples[:3], nations.mapped_triples[3:9].reshape(3, 2, 3)
    for _ in range(2):  # each batch anew
        (loss, (entities, _)), (other, (more, _)) = (m.loss_and_gradients(positives, negatives) for m in (plain, charged))
        rows = plain.layers[0].weight[positives[:, 0]]
        np.testing.assert_allclose(other - loss, np.abs(rows).sum() / 3, rtol=1e-5)
        expected = entities.to_dense()
        np.add.at(expected, positives[:, 0], np.sign(rows) / 3)
        np.testing.assert_allclose(more.to_dense(), expected, atol=1e-6)


def test_charging_once_is_yes_or_no_and_needs_a_regularizer():
    for options, said in (
        (
            once(regularizer_kwargs={"apply_only_once": 1}),
            r"Embedding: regularizer_kwargs\['apply_only_once'\] = 1 is not a choice",
        ),
        ({"regularizer_kwargs": {"apply_only_once": True}}, "Embedding: regularizer_kwargs = .* has no regularizer to go to"),
    ):
        with pytest.raises(ValueError, match=said):
            Embedding(2, 2, **options)
