"""Losses: numbers worked out by hand or to many digits, gradients against differences, masks, extreme scores, and what is refused."""

import inspect
import math
import pickle

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npembed.kge import losses
from npembed.kge.losses import LCWA_LOSSES, LOSSES, adversarial_weights, margin_ranking, nssa, nssa_lcwa, nssa_vjp
from npembed.op import Op
from npembed.verify.gradcheck import GradientError, check_vjp

TOLERANCES = {
    "printed": 0.5e-8 * 1.0001,  # `peers.md` gives eight decimals: half a unit in the last
    "float64": 32.0,  # in machine epsilons of the result: exp, log1p, a quotient and a sum of a dozen terms of one sign
    "float64_cancelling": 256.0,  # the same, of the largest entry: nssa with detach=False and counts above 1 subtract
    "float32": 0.5001,  # computed in float64 and rounded once
}
POSITIVE, NEGATIVE = np.array([[0.5], [1.0]]), np.array([[0.2, 0.9], [-0.3, 2.0]])
SCORES, LABELS = np.array([[0.5, -0.2, 1.0], [0.0, 0.3, 0.7]]), np.array([[1.0, 0, 0], [0, 1, 1]])
GOLDEN = {
    "margin_ranking": (1.025, 0.7),
    "mse": (0.865, 0.31166667),
    "bce_with_logits": (0.91798578, 0.67269434),
    "softplus": (0.91798578, 0.67269434),
    "crossentropy": (1.27864758, 1.0596057),
    "nssa": (5.11459157, 4.68064366),
}
OPTIONS = {
    "margin_ranking": [{}, {"margin": 0.25}, {"margin": -0.5}, {"margin": 10.0}],
    "mse": [{}],
    "bce_with_logits": [{}, {"pos_weight": 0.25}, {"pos_weight": 3}],
    "softplus": [{}],
    "crossentropy": [{}],
    "nssa": [
        {"detach": False},
        {"detach": False, "margin": 0.5, "adversarial_temperature": 2.0},
        {"detach": False, "margin": -1, "adversarial_temperature": 0},
    ],
}
EVERY = [(name, options) for name in LOSSES for options in OPTIONS[name]]


def names(case):
    return f"{case[0]}-{case[1]}"


def scores(rng, shape, scale=1.0):
    return scale * rng.normal(size=shape)


def labels(rng, shape):
    """Of every kind of row: some true, all true, none true."""
    y = (rng.random(shape) < 0.4).astype(float)
    y[0], y[-1] = 1.0, 0.0
    return y


# ---- an oracle that shares no code: loops over triples, in mpmath

mp = mpmath.mp.clone()
mp.dps = 700  # so that differences of 1 + 1e-300 are still seen


def sp(x):
    return mp.log(1 + mp.exp(x))


def mean(terms):
    return sum(terms, mp.mpf(0)) / len(terms) if terms else mp.mpf(0)


def exact(array):
    return [[mp.mpf(float(v)) for v in row] for row in array]


def weighted(row, temperature, margin):
    """``sum_k w_k log(1 + exp(m + x_k))``."""
    w = [mp.exp(temperature * x) for x in row]
    return sum((a * sp(margin + x) for a, x in zip(w, row, strict=True)), mp.mpf(0)) / sum(w) if row else mp.mpf(0)


def oracle(name, positive, negative, mask, **options):
    """The sLCWA loss of rows of exact numbers."""
    kept = [[x for x, keep in zip(row, keeps, strict=True) if keep] for row, keeps in zip(negative, mask, strict=True)]
    true, false = [p for (p,) in positive], [x for row in kept for x in row]
    margin = mp.mpf(options.get("margin", 9.0 if name == "nssa" else 1.0))
    w = mp.mpf(options.get("pos_weight", 1))
    t = mp.mpf(options.get("adversarial_temperature", 1))
    return {
        "margin_ranking": lambda: mean([max(x - p + margin, mp.mpf(0)) for p, row in zip(true, kept, strict=True) for x in row]),
        "mse": lambda: mean([(p - 1) ** 2 for p in true] + [x * x for x in false]),
        "softplus": lambda: mean([sp(-p) for p in true] + [sp(x) for x in false]),
        "bce_with_logits": lambda: mean([w * sp(-p) for p in true] + [sp(x) for x in false]),
        "crossentropy": lambda: mean(
            [mp.log(sum((mp.exp(x - p) for x in row), mp.mpf(1))) for p, row in zip(true, kept, strict=True)]
        ),
        "nssa": lambda: (mean([sp(-margin - p) for p in true]) + mean([weighted(row, t, margin) for row in kept])) / 2,
    }[name]()


def oracle_lcwa(name, rows, label_rows, **options):
    """The LCWA loss of rows of exact numbers."""
    margin = mp.mpf(options.get("margin", 9.0 if name == "nssa" else 1.0))
    w, t = mp.mpf(options.get("pos_weight", 1)), mp.mpf(options.get("adversarial_temperature", 1))
    both = [list(zip(row, y, strict=True)) for row, y in zip(rows, label_rows, strict=True)]
    flat = [pair for row in both for pair in row]

    def cross(row):
        total = sum(y for _, y in row)
        log_sum = mp.log(sum((mp.exp(x) for x, _ in row), mp.mpf(0)))
        return sum((y * (log_sum - x) for x, y in row), mp.mpf(0)) / total if total else mp.mpf(0)

    return {
        "margin_ranking": lambda: mean(
            [max(x - p + margin, mp.mpf(0)) for row in both for p, y in row if y > 0.5 for x, z in row if not z > 0.5]
        ),
        "mse": lambda: mean([(x - y) ** 2 for x, y in flat]),
        "softplus": lambda: mean([sp((1 - 2 * y) * x) for x, y in flat]),
        "bce_with_logits": lambda: mean([y * w * sp(-x) + (1 - y) * sp(x) for x, y in flat]),
        "crossentropy": lambda: mean([cross(row) for row in both]),
        "nssa": lambda: (
            (
                mean([sp(-margin - x) for x, y in flat if y > 0.5])
                + mean([weighted([x for x, y in row if not y > 0.5], t, margin) for row in both])
            )
            / 2
        ),
    }[name]()


def differences(f, rows):
    """The gradient of ``f(rows)``, right to an absolute 1e-340."""
    h = mp.mpf(10) ** -350
    found = np.empty((len(rows), len(rows[0])), object)
    for i, j in np.ndindex(found.shape):
        up, down = [list(row) for row in rows], [list(row) for row in rows]
        up[i][j] += h
        down[i][j] -= h
        found[i, j] = (f(up) - f(down)) / (2 * h)
    return found


def assert_close(actual, expected, dtype, relative=True):
    """Within the tolerance of `dtype`, entry by entry or (``relative=False``) of the largest entry."""
    actual, expected = np.atleast_2d(actual), np.atleast_2d(expected)
    unit = TOLERANCES["float32"] if dtype == np.float32 else TOLERANCES["float64" if relative else "float64_cancelling"]
    unit *= float(np.finfo(dtype).eps)
    largest = max(float(abs(e)) for e in expected.ravel())
    for a, e in zip(actual.ravel(), expected.ravel(), strict=True):
        size = float(abs(e)) if relative else largest
        smallest = float(np.finfo(dtype).smallest_subnormal)
        assert abs(mp.mpf(float(a)) - e) <= unit * size + smallest, (a, mp.nstr(e, 20))


# ---- values


def test_both_ways_of_training_have_the_same_losses():
    assert LOSSES.keys() == LCWA_LOSSES.keys() == GOLDEN.keys()
    for name in LOSSES:
        assert LOSSES[name].forward is getattr(losses, name)
        assert LCWA_LOSSES[name] == Op(getattr(losses, f"{name}_lcwa"), getattr(losses, f"{name}_lcwa_vjp"))
        assert pickle.loads(pickle.dumps(LOSSES[name])) == LOSSES[name]
        for op in (LOSSES[name], LCWA_LOSSES[name]):
            forward, vjp = (inspect.signature(f).parameters for f in op)
            assert list(vjp) == ["g", *forward]
            assert {k: p.default for k, p in vjp.items() if k != "g"} == {k: p.default for k, p in forward.items()}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_values(name):
    """`peers.md` 7.1."""
    slcwa, lcwa = GOLDEN[name]
    assert abs(LOSSES[name].forward(POSITIVE, NEGATIVE) - slcwa) <= TOLERANCES["printed"]
    for dtype in (float, int, bool, np.float32):
        assert abs(LCWA_LOSSES[name].forward(SCORES, LABELS.astype(dtype)) - lcwa) <= TOLERANCES["printed"]


@pytest.mark.long
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
@pytest.mark.parametrize("case", [case for case in EVERY if case[1] in (OPTIONS[case[0]][0], OPTIONS[case[0]][-1])], ids=names)
def test_against_mpmath(case, scale, dtype):
    """Values and gradients, ordinary and extreme: to the rounding of the result, where nothing cancels by nature."""
    (name, options), rng = case, np.random.default_rng(3)
    op, lcwa = LOSSES[name], LCWA_LOSSES[name]
    positive, negative = (scores(rng, shape, scale).astype(dtype) for shape in ((3, 1), (3, 2)))
    mask = np.array([[True, True], [True, False], [False, False]])
    p, n, m = exact(positive), exact(negative), mask.tolist()
    relative = name not in ("nssa", "mse")
    with np.errstate(all="raise", under="ignore"):
        value = op.forward(positive, negative, mask=mask, **options)
        gradients = op.vjp(2.0, positive, negative, mask=mask, **options)
    assert value.dtype == dtype
    assert_close(value, oracle(name, p, n, m, **options), dtype)
    expected = (
        differences(lambda x: 2 * oracle(name, x, n, m, **options), p),
        differences(lambda x: 2 * oracle(name, p, x, m, **options), n),
    )
    for d, e in zip(gradients, expected, strict=True):
        assert d.dtype == dtype
        assert_close(d, e, dtype, relative)

    x, y = scores(rng, (4, 3), scale).astype(dtype), np.array([[1.0, 0, 0], [0, 1, 1], [1, 1, 1], [0, 0, 0]])
    with np.errstate(all="raise", under="ignore"):
        value, d = lcwa.forward(x, y, **options), lcwa.vjp(2.0, x, y, **options)
    assert value.dtype == d.dtype == dtype
    assert_close(value, oracle_lcwa(name, exact(x), y.tolist(), **options), dtype)
    expected = differences(lambda rows: 2 * oracle_lcwa(name, rows, y.tolist(), **options), exact(x))
    assert_close(d, expected, dtype, relative and name != "crossentropy")


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_scores_are_finite(name, dtype):
    extreme = np.array([-1e4, -88.8, 0.0, 17.0, 710.0, 1e4], dtype)
    positive, negative = np.repeat(extreme, 6)[:, None], np.tile(extreme, 6)[:, None]
    with np.errstate(all="raise", under="ignore"):
        for op, args in (
            (LOSSES[name], (positive, negative)),
            (LOSSES[name], (positive, np.hstack([negative, positive, -negative]))),
            (LCWA_LOSSES[name], (extreme[:, None] + extreme[None, :], np.eye(6))),
        ):
            for options in [{}, *OPTIONS[name]]:
                found = op.vjp(1.0, *args, **options)
                assert np.isfinite(op.forward(*args, **options))
                assert all(np.isfinite(d).all() for d in (found if isinstance(found, tuple) else (found,)))


def test_small_losses_keep_their_digits():
    """What is nearly learnt has a small loss and a small gradient, neither of which is rounded away."""
    true, false = np.array([[50.0]]), np.array([[0.0]])
    tiny = math.exp(-50)
    assert LOSSES["crossentropy"].forward(true, false) == pytest.approx(tiny, rel=1e-14, abs=0)
    assert LOSSES["crossentropy"].vjp(1.0, true, false)[0][0, 0] == pytest.approx(-tiny, rel=1e-14, abs=0)
    assert LCWA_LOSSES["crossentropy"].vjp(1.0, np.array([[50.0, 0.0]]), np.array([[1, 0]]))[0, 0] == pytest.approx(
        -tiny, rel=1e-14
    )
    for name in ("softplus", "bce_with_logits"):
        assert LOSSES[name].forward(true, -true) == pytest.approx(tiny, rel=1e-14, abs=0)
        assert LOSSES[name].vjp(2.0, true, -true)[0][0, 0] == pytest.approx(-tiny, rel=1e-14, abs=0)
        assert LCWA_LOSSES[name].forward(true, np.array([[1]])) == pytest.approx(tiny, rel=1e-14, abs=0)
    # where the logarithm of a rounded 1 - p is off: PyKEEN's BCEAfterSigmoid says 100, with gradient 0
    assert LCWA_LOSSES["bce_with_logits"].forward(np.array([[17.0]]), np.zeros((1, 1))) == pytest.approx(17.0, abs=1e-7)
    assert LCWA_LOSSES["bce_with_logits"].vjp(1.0, np.array([[17.0]]), np.zeros((1, 1)))[0, 0] == pytest.approx(1.0, abs=1e-7)


def test_scores_that_are_hundreds_apart_keep_their_digits():
    """log(1 + e^-d) = e^-d: half an ulp of d, which subtraction loses, would be up to 128 eps of it."""
    rng = np.random.default_rng(11)
    for true, false in rng.uniform([200, -400], [300, 100], (100, 2)).tolist():
        tiny = mp.exp(mp.mpf(false) - mp.mpf(true))
        positive, negative = np.array([[true]]), np.array([[false]])
        for found in (LOSSES["crossentropy"].forward(positive, negative), *LOSSES["crossentropy"].vjp(1.0, positive, negative)):
            assert abs(abs(float(found.item())) / tiny - 1) <= 4 * np.finfo(float).eps


def test_a_million_pairs():
    """Of 1100 true and 1000 false candidates, all alike: every pair costs the margin, and pulls as much as the next."""
    x, y = np.zeros((1, 2100)), np.repeat([[1.0, 0.0]], [1100, 1000], axis=1)
    assert LCWA_LOSSES["margin_ranking"].forward(x, y) == 1.0
    d = LCWA_LOSSES["margin_ranking"].vjp(1.1e6, x, y)
    assert d[0, [0, 1099, 1100, 2099]].tolist() == [-1000.0, -1000.0, 1100.0, 1100.0]


@pytest.mark.parametrize("name", LOSSES)
def test_labels_of_any_layout_give_the_same_bits(name):
    rng = np.random.default_rng(13)
    x, y = rng.normal(size=(40, 90)), rng.random((40, 90))
    for a, b in ((x, np.asfortranarray(y)), (np.asfortranarray(x), y), (np.asfortranarray(x), np.asfortranarray(y))):
        assert LCWA_LOSSES[name].forward(a, b) == LCWA_LOSSES[name].forward(x, y)
        assert (LCWA_LOSSES[name].vjp(1.0, a, b) == LCWA_LOSSES[name].vjp(1.0, x, y)).all()


# ---- gradients


@pytest.mark.parametrize("case", EVERY, ids=names)
def test_gradient(case):
    (name, options), rng = case, np.random.default_rng(5)
    checked = 0
    for b, k in ((4, 3), (1, 1), (3, 1), (1, 5)):
        args = scores(rng, (b, 1)), scores(rng, (b, k))
        for mask in (None, rng.random((b, k)) < 0.6, np.zeros((b, k), bool)):
            checked += check_vjp(LOSSES[name], *args, mask=mask, **options).checked
    for b, n in ((5, 4), (2, 1), (1, 6)):
        x = scores(rng, (b, n))
        smooth = [] if name in ("margin_ranking", "nssa") else [labels(rng, (b, n)) * 3, rng.random((b, n))]
        for y in (labels(rng, (b, n)), np.ones((b, n)), np.zeros((b, n)), *smooth):
            checked += check_vjp(LCWA_LOSSES[name], x, labels=y, **options).checked
    assert checked > 150


def test_the_detached_gradient_of_nssa():
    """With weights that are constants it is a gradient, of the loss with those weights; of the loss itself it is not."""
    rng = np.random.default_rng(6)
    positive, negative, mask = scores(rng, (4, 1)), scores(rng, (4, 3)), rng.random((4, 3)) < 0.7
    for temperature in (1.0, 0.3):
        options = {"mask": mask, "margin": 2.0, "adversarial_temperature": temperature}
        weights = adversarial_weights(negative, mask=mask, adversarial_temperature=temperature)
        check_vjp(LOSSES["nssa"], positive, negative, weights=weights, **options)
        assert nssa(positive, negative, **options) == nssa(positive, negative, weights=weights, **options)
        detached = nssa_vjp(1.0, positive, negative, **options)
        for constant in (True, False):
            fixed = nssa_vjp(1.0, positive, negative, weights=weights, detach=constant, **options)
            assert all((a == b).all() for a, b in zip(detached, fixed, strict=True))
        with pytest.raises(GradientError):
            check_vjp(LOSSES["nssa"], positive, negative, **options)
        assert (nssa_vjp(1.0, positive, negative, detach=False, **options)[0] == detached[0]).all()

    x, y = scores(rng, (4, 3)), labels(rng, (4, 3))
    weights = adversarial_weights(x, mask=y == 0)
    check_vjp(LCWA_LOSSES["nssa"], x, labels=y, weights=weights)
    assert nssa_lcwa(x, y) == nssa_lcwa(x, y, weights=weights)
    vjp = LCWA_LOSSES["nssa"].vjp
    assert (vjp(1.0, x, y) == vjp(1.0, x, y, weights=weights, detach=False)).all()
    with pytest.raises(GradientError):
        check_vjp(LCWA_LOSSES["nssa"], x, labels=y)


def test_a_high_temperature_of_nssa_does_not_make_up_a_gradient():
    """Of two negatives with the weights 1 - 1e-10 and 1e-10 and nearly the same loss: what their weights add cancels, times 1e6."""
    x, margin, temperature = np.array([[1.0, 1.0 - 2.3e-5]]), 9.0, 1e6
    found = nssa_vjp(1.0, np.zeros((1, 1)), x, margin=margin, adversarial_temperature=temperature, detach=False)[1][0]
    z = [mp.mpf(v) for v in x[0]]
    w = [1 / (1 + mp.exp(temperature * (other - v))) for v, other in zip(z, z[::-1], strict=True)]
    terms = [mp.log1p(mp.exp(margin + v)) for v in z]
    mean_term = sum(a * b for a, b in zip(w, terms, strict=True))
    for d, a, v, term in zip(found, w, z, terms, strict=True):
        expected = (a / (1 + mp.exp(-margin - v)) + temperature * a * (term - mean_term)) / 2
        assert abs(float(d) - expected) <= 4 * np.finfo(float).eps


def test_weights_outside_the_mask_are_not_seen():
    positive, negative, mask = np.zeros((1, 1)), np.array([[0.0, 5.0]]), np.array([[True, False]])
    given = {"mask": mask, "weights": np.array([[1.0, np.nan]])}
    assert nssa(positive, negative, **given) == nssa(positive, negative[:, :1])
    assert nssa_vjp(1.0, positive, negative, **given)[1].tolist() == [[nssa_vjp(1.0, positive, negative[:, :1])[1][0, 0], 0.0]]


def test_adversarial_weights():
    x = np.log(np.array([[1.0, 2.0, 5.0], [1.0, 1.0, 1.0]]))
    np.testing.assert_allclose(adversarial_weights(x), [[1 / 8, 2 / 8, 5 / 8], [1 / 3] * 3], rtol=1e-15)
    np.testing.assert_allclose(adversarial_weights(x, adversarial_temperature=2)[0], np.array([1, 4, 25]) / 30, rtol=1e-15)
    assert adversarial_weights(x, adversarial_temperature=0)[0].tolist() == [1 / 3] * 3
    mask = np.array([[False, True, True], [False] * 3])
    np.testing.assert_allclose(adversarial_weights(x, mask=mask), [[0, 2 / 7, 5 / 7], [0, 0, 0]], rtol=1e-15)
    assert adversarial_weights(np.array([[1e4, -1e4]], np.float32)).tolist() == [[1, 0]]
    rng = np.random.default_rng(12)
    scores32 = rng.normal(size=(20, 30)).astype(np.float32)
    found = adversarial_weights(scores32, adversarial_temperature=3.0)
    assert found.dtype == np.float32
    assert (found == adversarial_weights(scores32.astype(np.float64), adversarial_temperature=3.0).astype(np.float32)).all()
    with np.errstate(all="raise"):  # what does not count may be anything
        for other in (np.nan, np.inf, -np.inf, 1e308):
            x = np.array([[0.0, other]])
            assert adversarial_weights(x, mask=np.array([[True, False]]), adversarial_temperature=10).tolist() == [[1.0, 0.0]]
            assert adversarial_weights(x, mask=np.array([[True, False]]), adversarial_temperature=0).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(("edge", "share"), [("stop", 0.0), ("pass", 1.0), ("half", 0.5)])
def test_the_kink_of_margin_ranking(edge, share):
    """Gaps 0, 1 and -1: at 0 the slope is a convention with a name; between the one-sided ones, says the gradient check."""
    positive, negative = np.array([[1.0]]), np.array([[0.0, 1.0, -1.0]])
    dpositive, dnegative = LOSSES["margin_ranking"].vjp(6.0, positive, negative, edge=edge)
    assert (dpositive.tolist(), dnegative.tolist()) == ([[-2 * share - 2]], [[2 * share, 2, 0]])
    d = LCWA_LOSSES["margin_ranking"].vjp(6.0, np.hstack([positive, negative]), np.array([[1, 0, 0, 0]]), edge=edge)
    assert d.tolist() == [[-2 * share - 2, 2 * share, 2, 0]]
    report = check_vjp(LOSSES["margin_ranking"], positive, negative, edge=edge, kinks="skip")
    assert report.kinks == 2 or edge == "half"  # which is what central differences give


# ---- masks


@pytest.mark.parametrize("name", LOSSES)
def test_a_filtered_negative_is_not_seen(name):
    """Whatever stands there: the loss and all gradients are the same, and it gets no gradient."""
    rng = np.random.default_rng(7)
    positive, negative, mask = scores(rng, (4, 1)), scores(rng, (4, 3)), np.eye(4, 3, dtype=bool)
    expected = LOSSES[name].forward(positive, negative, mask=mask)
    gradients = LOSSES[name].vjp(1.0, positive, negative, mask=mask)
    for other in (np.nan, np.inf, -np.inf, 1e300):
        changed = np.where(mask, negative, other)
        with np.errstate(all="raise", under="ignore"):
            assert LOSSES[name].forward(positive, changed, mask=mask) == expected
            found = LOSSES[name].vjp(1.0, positive, changed, mask=mask)
        assert all((a == b).all() for a, b in zip(found, gradients, strict=True))
    assert not gradients[1][~mask].any()
    assert LOSSES[name].forward(positive, negative, mask=np.ones((4, 3), bool)) == LOSSES[name].forward(positive, negative)


def test_no_negative_is_left():
    """Pairs: nothing is asked. Pointwise: the true triples remain. A row of its own: it wins, or adds nothing."""
    positive, negative, mask = np.array([[0.5], [-1.0]]), np.zeros((2, 3)), np.zeros((2, 3), bool)
    third = np.log1p(np.exp(-positive)).mean()
    expected = {"margin_ranking": 0, "mse": (0.25 + 4) / 2, "softplus": third, "bce_with_logits": third, "crossentropy": 0}
    expected["nssa"] = np.log1p(np.exp(-9 - positive)).mean() / 2
    for name, op in LOSSES.items():
        assert op.forward(positive, negative, mask=mask) == pytest.approx(expected[name], rel=1e-14), name
        dpositive, dnegative = op.vjp(1.0, positive, negative, mask=mask)
        assert np.isfinite(dpositive).all()
        assert not dnegative.any()
        assert dpositive.any() == (name not in ("margin_ranking", "crossentropy"))


def test_the_empty_row_of_nssa():
    """PyKEEN puts a score of 0 there, so the loss has a constant ``log(1 + e^9) / 2B`` more; nothing is pulled by it."""
    positive, negative = POSITIVE, NEGATIVE
    mask = np.array([[True, True], [False, False]])
    options = {"mask": mask, "empty_row": "pykeen"}
    more = nssa(positive, negative, **options) - nssa(positive, negative, mask=mask)
    assert more == pytest.approx(np.log1p(np.exp(9)) / 4, rel=1e-14)
    check_vjp(LOSSES["nssa"], positive, negative, detach=False, **options)
    assert nssa(positive, negative, empty_row="pykeen") == nssa(positive, negative)


def test_nothing_to_compare_with_labels():
    """PyKEEN: NaN for pairs without a false or a true label, and for nssa in rows that are all true or batches without a true one."""
    x = np.array([[0.5, -0.2], [0.1, 0.3]])
    for y in (np.ones((2, 2)), np.zeros((2, 2)), np.array([[1.0, 1], [0, 0]])):
        assert LCWA_LOSSES["margin_ranking"].forward(x, y) == 0
        assert not LCWA_LOSSES["margin_ranking"].vjp(1.0, x, y).any()
    positive_term = np.log1p(np.exp(-9 - x)).mean() / 2
    assert nssa_lcwa(x, np.ones((2, 2))) == pytest.approx(positive_term, rel=1e-14)
    half = np.log1p(np.exp(9 + x))
    w = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    assert nssa_lcwa(x, np.zeros((2, 2))) == pytest.approx((w * half).sum(axis=1).mean() / 2, rel=1e-14)
    assert LCWA_LOSSES["crossentropy"].forward(x, np.zeros((2, 2))) == 0
    assert not LCWA_LOSSES["crossentropy"].vjp(1.0, x, np.zeros((2, 2))).any()
    alone = LCWA_LOSSES["crossentropy"].forward(x, np.array([[1, 0], [0, 0]]))
    assert alone == LCWA_LOSSES["crossentropy"].forward(x[:1], np.array([[1, 0]])) / 2


def test_counts():
    """A triple that comes twice has label 2: true for pairs and nssa, twice the weight for cross entropy, and a weight in formulas."""
    x = np.array([[0.5, -0.2, 1.0]])
    two, one = np.array([[2.0, 0, 0]]), np.array([[1.0, 0, 0]])
    for name in ("margin_ranking", "nssa", "crossentropy"):
        assert LCWA_LOSSES[name].forward(x, two) == LCWA_LOSSES[name].forward(x, one)
    assert LCWA_LOSSES["mse"].forward(x[:, :1], two[:, :1]) == 1.5**2
    assert LCWA_LOSSES["softplus"].forward(x[:, :1], two[:, :1]) == pytest.approx(np.log1p(np.exp(-1.5)), rel=1e-15)
    bce = 2 * np.log1p(np.exp(-0.5)) - np.log1p(np.exp(0.5))
    assert LCWA_LOSSES["bce_with_logits"].forward(x[:, :1], two[:, :1]) == pytest.approx(bce, rel=1e-15)


def test_a_label_of_one_half_is_false():
    """Where a loss has to decide; PyKEEN's nssa decides alike."""
    x, half = np.array([[0.5, -0.2, 1.0]]), np.array([[1.0, 0.5, 0]])
    for name in ("margin_ranking", "nssa"):
        for f in LCWA_LOSSES[name]:
            g = () if f is LCWA_LOSSES[name].forward else (1.0,)
            assert (f(*g, x, half) == f(*g, x, np.floor(half))).all()


@given(
    seed=st.integers(0, 2**32 - 1),
    name=st.sampled_from(list(LOSSES)),
    dtype=st.sampled_from([np.float32, np.float64]),
    layout=st.sampled_from(["C", "F", "strided", "read-only"]),
)
def test_layouts(seed, name, dtype, layout):
    """Any layout, and the arguments stay as they were."""
    rng = np.random.default_rng(seed)

    def laid(a):
        if layout == "F":
            return np.asfortranarray(a)
        if layout == "strided":
            wide = np.repeat(a, 2, axis=1)
            return wide[:, ::2]
        a.flags.writeable = layout != "read-only"
        return a

    b, k = rng.integers(1, 5, 2)
    plain = scores(rng, (b, 1)).astype(dtype), scores(rng, (b, k)).astype(dtype), rng.random((b, k)) < 0.5
    positive, negative, mask = (laid(a.copy()) for a in plain)
    op = LOSSES[name]
    assert op.forward(positive, negative, mask=mask) == op.forward(*plain[:2], mask=plain[2])
    for a, e in zip(op.vjp(1.0, positive, negative, mask=mask), op.vjp(1.0, *plain[:2], mask=plain[2]), strict=True):
        assert (a == e).all()
        assert a.flags.writeable
    assert all((a == e).all() for a, e in zip((positive, negative, mask), plain, strict=True))


def test_nan_scores_give_nan():
    """So that training stops there."""
    bad = np.array([[np.nan], [0.0]])
    for op, lcwa in zip(LOSSES.values(), LCWA_LOSSES.values(), strict=True):
        assert np.isnan(op.forward(bad, np.zeros((2, 2))))
        assert np.isnan(op.forward(np.zeros((2, 1)), np.hstack([bad, bad])))
        assert np.isnan(lcwa.forward(np.hstack([bad, np.zeros((2, 1))]), np.eye(2)))


def test_the_default_call_of_margin_ranking_is_what_it_was():
    positive, negative = np.float32([[0.5], [1.0]]), np.float32([[0.2, 0.9], [-0.3, 2.0]])
    assert margin_ranking(positive, negative).dtype == np.float32
    assert margin_ranking(positive[:, 0], negative[:, 0]) == np.float32(np.mean([np.float32(0.2) + 0.5, 0.0]))
    assert margin_ranking(np.zeros((2, 3, 1)), np.ones((2, 3, 5)), mask=np.ones((2, 3, 5), bool)) == 2.0


P, N, M = np.zeros((2, 1)), np.zeros((2, 3)), np.ones((2, 3), bool)
BAD_PAIRS = [
    (([0.0], N), {}, TypeError, "positive is a list; allowed: a NumPy array of float32"),
    ((P, N.astype(np.float32)), {}, TypeError, "negative has dtype float32; allowed: real scores of float64, as positive has"),
    ((P + 0j, N + 0j), {}, TypeError, "negative has dtype complex128; allowed: real scores"),
    ((P, N), {"mask": M.astype(int)}, TypeError, "mask has dtype int64; allowed: None, or a NumPy array of bool"),
    ((P, N), {"mask": [True]}, TypeError, "mask is a list; allowed: None, or a NumPy array of bool"),
    ((P, N), {"mask": M[:1]}, ValueError, r"mask has shape (1, 3); allowed: (2, 3), the shape of negative"),
    ((P, N[:, :0]), {}, ValueError, "negative has shape (2, 0); allowed: at least one pair, or there is no mean"),
    ((P[:0], N[:0]), {}, ValueError, "negative has shape (0, 3); allowed: at least one pair, or there is no mean"),
]
STRICT = [
    ((P[:, 0], N), {}, ValueError, "positive has shape (2,); allowed: (B, 1), one score a row"),
    ((N, N), {}, ValueError, "positive has shape (2, 3); allowed: (B, 1), one score a row"),
    ((P[:1], N), {}, ValueError, "negative has shape (2, 3); allowed: (1, K), K corrupted triples for each true one"),
    ((P, N[:, 0]), {}, ValueError, "negative has shape (2,); allowed: (2, K), K corrupted triples for each true one"),
]
BAD_LABELS = [
    (([0.0], N), {}, TypeError, "scores is a list; allowed: a NumPy array of float32"),
    ((N + 0j, N), {}, ValueError, "scores have dtype complex128 and shape (2, 3); allowed: real (B, N)"),
    ((N[0], N[0]), {}, ValueError, "scores have dtype float64 and shape (3,); allowed: real (B, N)"),
    ((N[:0], N[:0]), {}, ValueError, "scores has shape (0, 3); allowed: at least one score, or there is no mean"),
    ((N, [[0]]), {}, TypeError, "labels is a list; allowed: a NumPy array of numbers >= 0 of shape (2, 3)"),
    ((N, N + 0j), {}, TypeError, "labels has dtype complex128; allowed: a NumPy array of numbers >= 0 of shape (2, 3)"),
    ((N, P), {}, ValueError, "labels has shape (2, 1); allowed: a NumPy array of numbers >= 0 of shape (2, 3)"),
    ((N, N - 1), {}, ValueError, "labels[0, 0] = -1.0 is no label; allowed: a NumPy array of numbers >= 0"),
    ((N, N + np.inf), {}, ValueError, "labels[0, 0] = inf is no label"),
    ((N, np.where(np.eye(2, 3) == 0, 0, np.nan)), {}, ValueError, "labels[0, 0] = nan is no label"),
]
BAD_OPTIONS = {
    "margin_ranking": [
        ({"margin": math.nan}, ValueError, "margin = nan is out of range"),
        ({"margin": "1"}, TypeError, "margin = '1' is of type str"),
        ({"edge": "x"}, ValueError, "edge = 'x' is not a choice; allowed: 'stop', 'pass' or 'half'"),
    ],
    "bce_with_logits": [
        ({"pos_weight": 0}, ValueError, "pos_weight = 0 is out of range; allowed: a finite number > 0"),
        ({"pos_weight": True}, TypeError, "pos_weight = True is of type bool"),
    ],
    "nssa": [
        ({"margin": math.inf}, ValueError, "margin = inf is out of range"),
        ({"adversarial_temperature": -1.0}, ValueError, "adversarial_temperature = -1.0 is out of range; allowed: a finite number >= 0"),
        ({"detach": 1}, ValueError, "detach = 1 is not a choice; allowed: True or False"),
        ({"weights": [1.0]}, TypeError, "weights is a list"),
        ({"weights": N + 0j}, ValueError, "weights has dtype complex128 and shape (2, 3); allowed: None, or real numbers of shape (2, 3)"),
        ({"weights": np.ones(2)}, ValueError, "weights has dtype float64 and shape (2,); allowed: None, or real numbers of shape (2, 3)"),
    ],
}  # fmt: skip


def bad_input():
    for name in LOSSES:
        options = [((), *case) for case in BAD_OPTIONS.get(name, [])]
        strict = STRICT if name != "margin_ranking" else []
        for args, *case in [*BAD_PAIRS, *options, *strict]:
            yield LOSSES[name], args or (P, N), *case
        for args, *case in [*BAD_LABELS, *options]:
            yield LCWA_LOSSES[name], args or (N, N), *case
    yield LOSSES["nssa"], (P, N), {"empty_row": "x"}, ValueError, "empty_row = 'x' is not a choice; allowed: 'zero' or 'pykeen'"
    yield (
        LOSSES["margin_ranking"],
        (P, np.zeros((3, 2))),
        {},
        ValueError,
        "negative has shape (3, 2); allowed: one that broadcasts with (2, 1), that of positive",
    )


@pytest.mark.parametrize("registry", [LOSSES, LCWA_LOSSES], ids=["slcwa", "lcwa"])
@pytest.mark.parametrize("name", LOSSES)
def test_the_cotangent_is_one_number(name, registry):
    args = (P, N) if registry is LOSSES else (N, N)
    vjp = registry[name].vjp
    for g in (2, np.float32(2), np.array(2.0)):
        for a, e in zip(vjp(g, *args), vjp(2.0, *args), strict=True):
            assert (a == e).all()
    for g, error in ((np.ones(2), TypeError), ("1", TypeError), (math.nan, ValueError)):
        with pytest.raises(error, match=rf"^{vjp.__name__}: g = .*; allowed: a finite number"):
            vjp(g, *args)


@pytest.mark.parametrize(("op", "args", "options", "error", "said"), list(bad_input()))
def test_bad_input_is_refused(op, args, options, error, said):
    """By the function that was called, and by its vjp, in the same words."""
    for f, arguments in ((op.forward, args), (op.vjp, (1.0, *args))):
        with pytest.raises(error) as caught:
            f(*arguments, **options)
        assert str(caught.value).startswith(f"{f.__name__}: {said}")
        assert "; allowed: " in str(caught.value)
