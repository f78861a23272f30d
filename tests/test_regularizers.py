"""The Lp regularizer: numbers by hand, to many digits and by sampling; gradients; precision; what is refused."""

import math

import mpmath
import naive
import numpy as np
import pytest

from npembed import Embedding
from npembed.gradcheck import check_vjp
from npembed.op import Op
from npembed.regularizers import REGULARIZERS, expected_norm, lp, lp_vjp

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
    for shape, dim in (((4, 3), -1), ((5,), 0), ((2, 3, 2), -1), ((2, 3, 2), (1, 2)), ((3, 2), None), ((0, 3), -1), ((3, 1), 1)):
        for p in (1, 1.5, 2, 3, math.inf):
            if p in (1, 2) or not options.get("normalize") or ("expected" in options and p != math.inf):
                checked += check_vjp(OP, rows(rng, shape, dtype), p=p, dim=dim, **options).checked
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


def test_the_registry():
    assert {"lp": Op(lp, lp_vjp)} == REGULARIZERS
