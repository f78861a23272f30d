"""Scores with dropout on: what is sampled, what becomes of the model, and the exact law, against all masks and against samples."""

import itertools
import math
import re
import tracemalloc

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import LAW, LAW_FLOAT32, Z

from npembed.kge.datasets import Nations
from npembed.kge.interactions import INTERACTIONS
from npembed.kge.models import ERModel, complex_bilinear, distmult, rotate, transe
from npembed.kge.uncertainty import (
    MissingDropoutError,
    ScoreLaw,
    UncertainPrediction,
    exact_law,
    exact_moments,
    predict_h_uncertain,
    predict_hrt_uncertain,
    predict_r_uncertain,
    predict_t_uncertain,
    score_law,
    score_moments,
)
from npembed.kge.uncertainty.law import _law
from npembed.op import Op

NATIONS = Nations().training
NAN, INF = float("nan"), float("inf")
DISTMULT, COMPLEX = INTERACTIONS["distmult"], INTERACTIONS["complex"]
PREDICT = {
    "hrt": (predict_hrt_uncertain, np.array([[0, 1, 0], [3, 7, 5], [3, 7, 5]])),
    "h": (predict_h_uncertain, np.array([[1, 0], [7, 5]])),
    "r": (predict_r_uncertain, np.array([[0, 0], [3, 5]])),
    "t": (predict_t_uncertain, np.array([[0, 1], [3, 7]])),
}


def example(seed=0, interaction="distmult", entity=0.1, relation=0.1, dim=3, dtype=np.float32, **options):
    """By default the example of PyKEEN's documentation."""
    return ERModel(
        triples_factory=NATIONS, interaction=interaction, random_seed=seed,
        entity_representations_kwargs={"embedding_dim": dim, "dropout": entity, "dtype": dtype, **options},
        relation_representations_kwargs={"embedding_dim": dim, "dropout": relation, "dtype": dtype, **options},
    )  # fmt: skip


def modes(model):
    return [layer.training for layer in model.layers]


# ---- Monte-Carlo dropout


@pytest.mark.parametrize("side", PREDICT)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mean_and_variance_are_those_of_scores_drawn_one_after_the_other(side, dtype):
    predict, batch = PREDICT[side]
    found = predict(example(dtype=dtype), batch, num_samples=7)
    model = example(dtype=dtype).train()
    samples = [getattr(model, f"score_{side}")(batch) for _ in range(7)]
    assert isinstance(found, UncertainPrediction)
    half = 0.5 * np.finfo(dtype).eps if dtype == np.float32 else 0.0
    for i in np.ndindex(samples[0].shape):
        exact = [naive.exact(sample[i]) for sample in samples]
        mean = sum(exact) / 7
        variance = sum((x - mean) ** 2 for x in exact) / 6
        size = max(abs(x) for x in exact)
        assert abs(found.score[i] - mean) <= half * abs(mean) + 1e-15 * size
        assert abs(found.uncertainty[i] - variance) <= half * variance + 1e-15 * size**2
    assert found.score.shape == found.uncertainty.shape == samples[0].shape
    assert found.score.dtype == found.uncertainty.dtype == dtype


def test_five_samples_are_drawn_unless_told_otherwise():
    five, default = (predict_hrt_uncertain(example(), [[0, 1, 0]], *count) for count in ((5,), ()))
    np.testing.assert_array_equal(default, five)


@pytest.mark.parametrize("side", PREDICT)
@pytest.mark.parametrize("training", list(itertools.product((True, False), repeat=2)))
def test_the_modes_are_as_before_and_no_other_draws_were_made(side, training):
    predict, batch = PREDICT[side]
    model, other = example(), example()
    for layer, mode in zip(model.layers, training, strict=True):
        layer.train(mode)
    predict(model, batch, num_samples=3)
    assert modes(model) == list(training)
    for _ in range(3):
        getattr(other, f"score_{side}")(batch)
    assert repr(model.rng) == repr(other.rng)
    np.testing.assert_array_equal(model.layers[0].weight, other.layers[0].weight)


def test_the_modes_are_as_before_after_an_error_too(monkeypatch):
    model = example()
    model.layers[0].eval()
    monkeypatch.setattr(model, "score_hrt", lambda batch: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        predict_hrt_uncertain(model, [[0, 1, 0]])
    assert modes(model) == [False, True]


def test_only_layers_with_dropout_are_in_training_mode(monkeypatch):
    model = example(relation=None)
    seen = []
    monkeypatch.setattr(model, "score_hrt", lambda batch: seen.append(modes(model)) or np.zeros((1, 1), np.float32))
    predict_hrt_uncertain(model, [[0, 1, 0]], num_samples=2)
    assert seen == [[True, False]] * 2


def test_without_dropout_there_is_nothing_to_sample():
    for predict, batch in PREDICT.values():
        with pytest.raises(MissingDropoutError, match="model has no layer with dropout; allowed: one made with dropout"):
            predict(example(entity=None, relation=None), batch)
    assert issubclass(MissingDropoutError, ValueError)


def test_dropout_of_zero_and_of_one_draw_nothing():
    for rate in (0.0, 1.0):
        model, other = example(entity=rate, relation=rate), example()
        score, uncertainty = predict_t_uncertain(model, [[0, 1]])
        expected = model.eval().score_t([[0, 1]]) if rate == 0 else np.zeros((1, 14))
        np.testing.assert_array_equal(score, expected)
        assert not uncertainty.any()
        assert repr(model.rng) == repr(other.rng)


def test_a_score_that_is_not_finite_has_no_moments():
    model = example()
    model.layers[0].weight[0] = INF
    score, uncertainty = predict_hrt_uncertain(model, [[0, 1, 0], [3, 7, 5]])
    assert np.isnan([score[0], uncertainty[0]]).all()
    assert np.isfinite([score[1], uncertainty[1]]).all()
    model.layers[0].weight[0] = 1e30
    score, uncertainty = predict_hrt_uncertain(model, [[0, 1, 2]], num_samples=20)
    assert np.isfinite(score).all()
    assert np.isposinf(uncertainty).all()
    assert [part.shape for part in predict_hrt_uncertain(model, np.zeros((0, 3), int))] == [(0, 1)] * 2


@pytest.mark.long
def test_memory_does_not_grow_with_the_number_of_samples():
    model, batch = example(), np.zeros((20_000, 3), int)
    peaks = []
    for count in (2, 2, 20):
        tracemalloc.start()
        predict_hrt_uncertain(model, batch, num_samples=count)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.05 * peaks[1]


# ---- the exact law


def test_the_law_of_the_documentations_example():
    law = score_law(example(), (0, 1, 0))
    mean, variance = score_moments(example(), [[0, 1, 0]])
    assert mean.shape == variance.shape == (1, 1)
    for found in (law, UncertainPrediction(mean.item(), variance.item())):
        assert round(found[0] if isinstance(found[0], float) else found.mean, 5) == 0.32309
    assert round(math.sqrt(law.variance), 5) == round(math.sqrt(variance.item()), 5) == 0.26882
    assert len(law.values) == 8
    assert law.pmf(0.0) == pytest.approx(0.271**3, rel=LAW, abs=0)
    assert law.pmf(law.values[4]) == pytest.approx(0.729**3, rel=LAW)
    assert round(float(law.values[4]), 4) == 0.4432
    sampled = example().score_hrt(np.array([[0, 1, 0]]).repeat(10, axis=0))[:, 0]
    assert set(sampled.tolist()) <= set(law.values.tolist())


RATES = [
    (0.1, 0.1, 0.1), (0.5, None, 0.25), (0.0, 0.3, 0), (0.7, 0.2, 0.9), (0.0, 0.0, None), (1.0, 0.1, 0.1), (0, 1, 0), (0, 1e-9, 0),
]  # fmt: skip


def rows_of(kind, d, dtype, rng):
    """Three rows; "whole" ones make sums that are equal, "zeros" terms that are zero, "shared" has one row for h and t."""
    h, r, t = (naive.rows(rng, (d,), dtype) for _ in range(3))
    if kind == "whole":
        h, r, t = (np.asarray(rng.choice([-1.0, 1.0, 2.0], d), dtype) for _ in range(3))
    if kind == "zeros":
        h[0] = r[-1] = 0
    return (h, r, h) if kind == "shared" else (h, r, t)


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("kind", ["any", "whole", "zeros", "shared"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_the_law_is_that_of_all_masks(rates, kind, dtype):
    rng = np.random.default_rng(3)
    interaction = COMPLEX if np.dtype(dtype).kind == "c" else DISTMULT
    close = LAW if dtype in (np.float64, np.complex128) else LAW_FLOAT32
    for d in (1, 2, 3):
        rows = rows_of(kind, d, dtype, rng)
        expected = naive.dropout_law(*rows, rates)
        size = float((abs(rows[0]) * abs(rows[1]) * abs(rows[2])).sum() / math.prod(1 - (p or 0) for p in rates if p != 1))
        law = exact_law(*rows, interaction=interaction, rates=rates)
        assert law.values.dtype == rows[0].real.dtype
        assert law.probabilities.dtype == np.float64
        assert (np.diff(law.values) > 0).all()
        assert (law.probabilities > 0).all()
        found = dict.fromkeys(expected, 0.0)
        for value, probability in zip(law.values, law.probabilities, strict=True):
            near = min(expected, key=lambda score: abs(float(score) - value))
            assert abs(float(near) - value) <= close * size
            found[near] += probability
        for score, probability in expected.items():
            assert found[score] == pytest.approx(float(probability), rel=LAW, abs=0)
        if kind == "whole" and rates == RATES[1]:
            assert len(law.values) == len(expected)  # 1/(1 - p) is exact, so that equal sums are one value
        mean = sum(score * probability for score, probability in expected.items())
        variance = sum((score - mean) ** 2 * probability for score, probability in expected.items())
        moments = exact_moments(*rows, interaction=interaction, rates=rates)
        assert moments.score == pytest.approx(float(mean), rel=0, abs=LAW * size)
        assert moments.uncertainty == pytest.approx(float(variance), rel=LAW, abs=0)
        assert law.mean == pytest.approx(float(mean), rel=0, abs=close * size)
        assert law.variance == pytest.approx(float(variance), rel=0, abs=close * size**2)


def test_small_rates_keep_their_digits():
    """``1 - (1 - p)^3`` would lose all but one of them."""
    one = np.ones(1)
    p = 1e-15
    moments = exact_moments(one, one, one, interaction=DISTMULT, rates=(p, p, p))
    assert moments.uncertainty == pytest.approx(3 * p, rel=LAW, abs=0)
    assert exact_law(one, one, one, interaction=DISTMULT, rates=(p, p, p)).pmf(0) == pytest.approx(3 * p, rel=LAW, abs=0)


def test_without_dropout_the_score_has_one_value_however_large():
    rows = np.array([2.0**500, 1.0]), np.array([2.0**200, 1.0]), np.ones(2)
    moments = exact_moments(*rows, interaction=DISTMULT, rates=(0, 0, 0))
    assert (moments.score, moments.uncertainty) == (2.0**700, 0.0)
    assert [part.tolist() for part in exact_law(*rows, interaction=DISTMULT, rates=(0, 0, 0))] == [[2.0**700], [1.0]]


def test_moments_broadcast_as_the_interaction_does():
    rng = np.random.default_rng(0)
    h, r, t = (naive.rows(rng, shape) for shape in ((4, 1, 5), (1, 1, 5), (1, 3, 5)))
    mean, variance = exact_moments(h, r, t, interaction=DISTMULT, rates=(0.1, 0.2, 0.3))
    assert mean.shape == variance.shape == (4, 3)
    for i, j in np.ndindex(4, 3):
        one = exact_moments(h[i, 0], r[0, 0], t[0, j], interaction=DISTMULT, rates=(0.1, 0.2, 0.3))
        np.testing.assert_allclose([mean[i, j], variance[i, j]], one, rtol=LAW)


@pytest.mark.long
@pytest.mark.parametrize("interaction", ["distmult", "complex"])
def test_the_mean_is_the_score_without_dropout_and_normalizers_come_first(interaction):
    dtype = np.complex128 if interaction == "complex" else np.float64
    model = example(interaction=interaction, dtype=dtype, dim=4, entity=0.2, relation=0.4, normalizer="normalize")
    hrt = np.array([[0, 1, 0], [3, 7, 5]])
    mean, variance = score_moments(model, hrt)
    np.testing.assert_allclose(mean, model.eval().score_hrt(hrt), rtol=LAW)
    entity, relation = (layer.weight / np.sqrt((abs(layer.weight) ** 2).sum(1, keepdims=True)) for layer in model.layers)
    for (h, r, t), m, v in zip(hrt, mean[:, 0], variance[:, 0], strict=True):
        expected = naive.dropout_law(entity[h], relation[r], entity[t], (0.2, 0.4, 0.2))
        law = score_law(model, (h, r, t))
        assert law.mean == pytest.approx(m, abs=LAW)
        assert law.variance == pytest.approx(v, rel=LAW)
        assert len(law.values) == len(expected) == 16
        np.testing.assert_allclose(law.values, sorted(map(float, expected)), rtol=0, atol=LAW)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("dim", [1, 3, 9])
def test_samples_are_values_of_the_law_to_the_bit_and_as_often_as_it_says(dim, dtype):
    """Pearson's statistic of 20 000 samples; under a right law it is larger in 1e-6 of all seeds."""
    stats = pytest.importorskip("scipy.stats")
    model = example(dim=dim, dtype=dtype, entity=0.3, relation=0.2, seed=1)
    n = 20_000
    for triple in ((0, 1, 0), (3, 7, 5)):
        law = score_law(model, triple)
        samples = model.train().score_hrt(np.array([triple]).repeat(n, axis=0))[:, 0]
        assert np.isin(samples, law.values).all()
        assert law.pmf(samples).all()
        often = n * law.probabilities >= 5
        counts = (samples[:, None] == law.values).sum(0)
        expected = n * law.probabilities
        counts, expected = (np.append(x[often], x[~often].sum()) for x in (counts, expected))
        counts, expected = counts[expected > 0], expected[expected > 0]
        assert ((counts - expected) ** 2 / expected).sum() < stats.chi2.isf(1e-6, len(counts) - 1)


@pytest.mark.parametrize("interaction", ["distmult", "complex"])
def test_samples_have_the_moments_in_closed_form(interaction):
    """The mean of n samples is off by sqrt(V/n), their variance by sqrt((m4 - V^2)/n), m4 of the samples themselves."""
    dtype = np.complex64 if interaction == "complex" else np.float32
    model = example(dim=50, interaction=interaction, dtype=dtype, entity=0.2, relation=0.1)
    n = 4000
    for triple in ((0, 1, 0), (3, 7, 5)):
        mean, variance = (x.item() for x in score_moments(model, [triple]))
        samples = model.train().score_hrt(np.array([triple]).repeat(n, axis=0))[:, 0].astype(float)
        off = samples - mean
        assert abs(off.mean()) < Z * math.sqrt(variance / n)
        assert abs((off**2).mean() - variance) < Z * math.sqrt(((off**4).mean() - variance**2) / n)


@pytest.mark.parametrize("side", PREDICT)
def test_predictions_tend_to_the_moments(side):
    """All z-scores of 40 000 numbers' worth of samples are below five; a score is one of up to 110."""
    predict, batch = PREDICT[side]
    model, n = example(dim=6), 1000
    score, uncertainty = predict(model, batch, num_samples=n)
    triples = batch
    if side != "hrt":
        triples = np.array([np.insert(pair, "hrt".index(side), c) for pair in batch for c in range(score.shape[1])])
    exact = score_moments(model, triples)
    mean, variance = (x.reshape(score.shape) for x in exact)
    assert (abs(score - mean) < Z * np.sqrt(variance / n) + LAW_FLOAT32).all()
    for triple, found, v in zip(triples, uncertainty.ravel(), variance.ravel(), strict=True):
        law = score_law(model, triple)
        fourth = ((law.values.astype(float) - law.mean) ** 4 * law.probabilities).sum()
        assert abs(found - v) < Z * math.sqrt((fourth - v**2) / n + 2 * v**2 / n**2) + LAW_FLOAT32


def test_many_terms_make_too_many_cases_unless_they_are_zero():
    model = example(dim=21, dtype=np.float64)
    with pytest.raises(
        ValueError, match=r"score_law: 21 terms that are not zero make 2\*\*21 cases; allowed: max_values = 1048576"
    ):
        score_law(model, (0, 1, 0))
    assert np.isfinite(score_moments(model, [[0, 1, 0]])).all()
    model.layers[0].weight[0, 4:] = 0
    law = score_law(model, (0, 1, 0), max_values=16)
    assert len(law.values) == 16
    assert len(score_law(example(dim=21, entity=0, relation=None), (0, 1, 0), max_values=1).values) == 1


@pytest.mark.parametrize("block", [1, 3, 2**13, 2**14, 2**15])
def test_every_case_is_counted_whatever_the_blocks(block):
    """Terms 1, 2, 4, ... make 2**15 different sums, each as likely as the next; at a rate of 1/2 each survivor counts twice."""
    d = 15 if block >= 2**13 else 6
    h, one = 2.0 ** np.arange(d), np.ones(d)
    law = _law("exact_law", (h, one, one), DISTMULT, (0.5, 0, 0), 2**15, block=block)
    np.testing.assert_array_equal(law.values, 2 * np.arange(2.0**d))
    np.testing.assert_array_equal(law.probabilities, np.full(2**d, 0.5**d))


def test_no_case_is_lost_beyond_two_to_the_fourteen():
    h, one = 2.0 ** np.arange(16), np.ones(16)
    law = exact_law(h, one, one, interaction=DISTMULT, rates=(0.75, 0, 0))
    np.testing.assert_array_equal(law.values, 4 * np.arange(2.0**16))
    survivors = np.array([i.bit_count() for i in range(2**16)])
    np.testing.assert_array_equal(law.probabilities, 0.25**survivors * 0.75 ** (16 - survivors))


def test_what_is_always_dropped_makes_no_cases():
    many = np.full(60, 1e200)
    for rates in ((1, 0.5, 0.5), (0.5, 1.0, 0)):
        law = exact_law(many, many, np.ones(60), interaction=DISTMULT, rates=rates, max_values=1)
        assert [part.tolist() for part in law] == [[0.0], [1.0]]


def test_where_nothing_is_dropped_each_score_has_variance_zero():
    rows = np.ones((4, 1, 5)), np.ones(5), np.ones((3, 5))
    for rates, mean in (((0, 0, None), 5.0), ((0, 1, 0.5), 0.0)):
        moments = exact_moments(*rows, interaction=DISTMULT, rates=rates)
        assert [part.tolist() for part in moments] == [[[mean] * 3] * 4, [[0.0] * 3] * 4]


@pytest.mark.parametrize("part", ["base", "weight"])
def test_dropout_in_what_a_row_is_made_of_has_no_law(part):
    def mixed(rate):
        kwargs = {"shape": 3, "num_bases": 2, "dropout": 0.5, f"{part}_kwargs": {"dropout": rate}}
        return ERModel(
            triples_factory=NATIONS, interaction="distmult", entity_representations="low_rank",
            entity_representations_kwargs=kwargs, relation_representations_kwargs={"embedding_dim": 3},
        )  # fmt: skip

    for call in (lambda model: score_law(model, (0, 1, 2)), lambda model: score_moments(model, [[0, 1, 2]])):
        with pytest.raises(
            ValueError, match="there is dropout in what a LowRankRepresentation is made of; allowed: dropout of the"
        ):
            call(mixed(0.1))
    assert score_law(mixed(0.0), (0, 1, 2)).pmf(0.0) == 0.75**3


def test_a_float16_model_is_scored_in_float32():
    """Rows are masked in float16 and scored in float32: 2048 + 1 is no float16, and 1 / 0.9 is rounded to it before it counts."""
    h, one = np.array([2048, 1], np.float16), np.ones(2, np.float16)
    law = exact_law(h, one, one, interaction=DISTMULT, rates=(0.5, None, 0))
    assert [part.tolist() for part in law] == [[0.0, 2.0, 4096.0, 4098.0], [0.25] * 4]
    assert law.values.dtype == np.float32
    law = exact_law(3 * one, one, one, interaction=DISTMULT, rates=(0.5, 0, 0))  # rows 3, 1, 1: both, one or neither survives
    assert [part.tolist() for part in law] == [[0.0, 6.0, 12.0], [0.25, 0.5, 0.25]]
    law = exact_law(one[:1], one[:1], one[:1], interaction=DISTMULT, rates=(0.1, 0, 0))
    assert law.values.tolist() == [0.0, float(np.float16(1 / 0.9))]
    assert law.mean == pytest.approx(
        exact_moments(one[:1], one[:1], one[:1], interaction=DISTMULT, rates=(0.1, 0, 0)).score, rel=5e-4
    )


def test_values_that_are_too_unlikely_for_a_float_are_left_out():
    """Both entries dropped has 1e-400: no float; and rows dropped nearly always, or nearly never, have a law that adds up to one."""
    law = exact_law(TWO, TWO, TWO, interaction=DISTMULT, rates=(1e-200, 0, 0))
    assert [part.tolist() for part in law] == [[1.0, 2.0], [2e-200, 1.0]]
    for p in (5e-324, 1 - 2.0**-53):
        law = exact_law(TWO, TWO, TWO, interaction=DISTMULT, rates=(p, p, 0))
        assert law.probabilities.min() > 0
        assert law.probabilities.sum() == 1


# ---- a law as a distribution


@given(seed=st.integers(0, 2**32), d=st.integers(0, 4), dtype=st.sampled_from([np.float32, np.float64]))
def test_pmf_cdf_and_quantile_are_those_of_the_list(seed, d, dtype):
    rng = np.random.default_rng(seed)
    rows = (np.asarray(rng.choice([-1.5, 0.1, 0.7, 1.0], d), dtype) for _ in range(3))
    law = exact_law(*rows, interaction=DISTMULT, rates=(0.2, 0.3, 0.1))
    pairs = [(float(v), float(p)) for v, p in zip(*law, strict=True)]
    x = np.concatenate([law.values.astype(float), rng.normal(size=3), [-INF, INF, np.nextafter(float(law.values[0]), INF)]])
    np.testing.assert_array_equal(law.pmf(x), [sum(p for v, p in pairs if v == one) for one in x])
    np.testing.assert_allclose(law.cdf(x), [sum(p for v, p in pairs if v <= one) for one in x], rtol=LAW)
    q = np.concatenate([law.cdf(law.values), rng.random(5), [0.0, 1.0]]).reshape(-1, 1)
    expected = [next((v for v, _ in pairs if law.cdf(v) >= one), None) for one in q[:, 0]]
    assert law.quantile(q)[:, 0].tolist() == expected
    assert law.quantile(law.cdf(law.values)).tolist() == law.values.tolist()
    assert law.cdf(law.values[-1]) == 1
    assert law.pmf(0).shape == law.cdf(0).shape == law.quantile(0.5).shape == ()


def test_mean_and_variance_of_a_law():
    """Of values in single precision too they are sums in double precision, without a rounding on the way."""
    law = ScoreLaw(np.array([-1.0, 3.0]), np.array([0.25, 0.75]))
    assert (law.mean, law.variance) == (2.0, 3.0)
    law = ScoreLaw(np.array([-(2.0**24), 2.0, 2.0**24], np.float32), np.array([0.25, 0.5, 0.25]))
    assert (law.mean, law.variance) == (1.0, 2.0**47 + 1)
    assert type(law.mean) is type(law.variance) is float


def test_probabilities_that_round_up_do_not_make_more_than_one():
    law = ScoreLaw(np.arange(3.0), np.array([0.5, 0.5 + 2.0**-52, 1e-20]))
    assert law.cdf([0, 1, 2]).tolist() == [0.5, 1.0, 1.0]
    assert law.quantile(1.0) == 1.0


# ---- bad input


MODEL = example()
LAW_OF_TWO = ScoreLaw(np.array([0.0, 3.0]), np.array([0.25, 0.75]))
ONE, TWO, WHOLE, IMAGINARY = np.ones(1), np.ones(2), np.ones(2, int), np.ones(2, complex)
HUGE = np.full(2, 1e200)
NO_DROPOUT = example(entity=None, relation=None)


def law_of(h=TWO, r=TWO, t=TWO, interaction=DISTMULT, rates=(0.1, 0.1, 0.1), function=exact_law, **options):
    return function(h, r, t, interaction=interaction, rates=rates, **options)


def moments_of(*rows, **options):
    return law_of(*rows, function=exact_moments, **options)


CASES = [
    (lambda: predict_hrt_uncertain(3, [[0, 1, 0]]), TypeError, "predict_hrt_uncertain: model is a int; allowed: an ERModel"),
    (
        lambda: predict_hrt_uncertain(MODEL, [[0, 55, 0]]),
        IndexError,
        r"predict_hrt_uncertain: hrt_batch\[0, 1\] = 55 is outside the 55 relations",
    ),
    (
        lambda: predict_h_uncertain(MODEL, [[0, 1, 0]]),
        ValueError,
        r"predict_h_uncertain: rt_batch has shape \(1, 3\); allowed: \(n, 2\), the columns relation, tail",
    ),
    (
        lambda: predict_r_uncertain(MODEL, [[0, 14]]),
        IndexError,
        r"predict_r_uncertain: ht_batch\[0, 1\] = 14 is outside the 14 ent",
    ),
    (lambda: predict_t_uncertain(MODEL, [[0, 1.5]]), TypeError, r"predict_t_uncertain: hr_batch\[0, 0\] = 0.0 has dtype float64"),
    (
        lambda: predict_t_uncertain(MODEL, [[0, 1]], num_samples=1),
        ValueError,
        "predict_t_uncertain: num_samples = 1 is out of range; allowed: a whole number >= 2",
    ),
    (
        lambda: predict_t_uncertain(MODEL, [[0, 1]], num_samples=5.0),
        TypeError,
        "predict_t_uncertain: num_samples = 5.0 is of type float",
    ),
    (
        lambda: predict_h_uncertain(NO_DROPOUT, [[0, 1]]),
        MissingDropoutError,
        "predict_h_uncertain: model has no layer with dropout",
    ),
    (lambda: score_law(MODEL, (0, 55, 0)), IndexError, r"score_law: triple\[0, 1\] = 55 is outside the 55 relations"),
    (lambda: score_law(MODEL, [[0, 1, 0]]), ValueError, r"score_law: triple = \[\[0, 1, 0\]\] has 2 axes; allowed: three ids"),
    (lambda: score_law(MODEL, 5), ValueError, "score_law: triple = 5 has 0 axes; allowed: three ids"),
    (lambda: score_law(MODEL, (0, 1)), ValueError, r"score_law: triple has shape \(1, 2\)"),
    (lambda: score_law(None, (0, 1, 0)), TypeError, "score_law: model is a NoneType; allowed: an ERModel"),
    (lambda: score_moments(MODEL, (0, 1, 0)), ValueError, r"score_moments: hrt_batch has shape \(3,\)"),
    (
        lambda: score_law(transe(NATIONS, 3, entity_dropout=0.1), (0, 1, 0)),
        ValueError,
        "score_law: interaction is no sum of products of single entries; allowed: that of distmult or complex",
    ),
    (
        lambda: score_moments(rotate(NATIONS, 3, entity_dropout=0.1), [[0, 1, 0]]),
        ValueError,
        "score_moments: interaction is no sum of products of single entries; allowed",
    ),
    (lambda: law_of(interaction=Op(abs, abs)), ValueError, "exact_law: interaction is no sum of products"),
    (lambda: law_of(interaction="distmult"), TypeError, r"exact_law: interaction is a str; allowed: an Op\(forward, vjp\)"),
    (lambda: law_of(h=[1.0]), TypeError, "exact_law: h is a list; allowed: a NumPy array"),
    (lambda: law_of(r=WHOLE), TypeError, "exact_law: r.dtype = int64 is not supported"),
    (lambda: law_of(r=ONE), ValueError, "exact_law: r has rows of 1 numbers; allowed: 2, as h has"),
    (lambda: moments_of(TWO, ONE, TWO), ValueError, "exact_moments: r has rows of 1 numbers; allowed: 2, as h has"),
    (lambda: law_of(t=TWO[None]), ValueError, r"exact_law: t has shape \(1, 2\); allowed: one row \(d,\)"),
    (lambda: law_of(IMAGINARY, IMAGINARY, IMAGINARY), TypeError, "distmult: h has dtype complex128; allowed: real rows"),
    (lambda: moments_of(interaction=COMPLEX), TypeError, "complex_bilinear: h has dtype float64; allowed: complex rows"),
    (lambda: law_of(rates=0.1), ValueError, r"exact_law: rates = 0.1 are not three; allowed: three numbers in \[0, 1\]"),
    (lambda: law_of(rates=(0.1, 0.1)), ValueError, r"exact_law: rates = \(0.1, 0.1\) are not three"),
    (
        lambda: law_of(rates=(0.1, 2, 0.1)),
        ValueError,
        r"exact_law: rates\[1\] = 2 is out of range; allowed: a finite number >= 0 and",
    ),
    (lambda: moments_of(rates=(0.1, NAN, 0.1)), ValueError, r"exact_moments: rates\[1\] = nan is out of range; allowed"),
    (lambda: law_of(max_values=0), ValueError, "exact_law: max_values = 0 is out of range; allowed: a whole number >= 1"),
    (
        lambda: law_of(max_values=3),
        ValueError,
        r"exact_law: 2 terms that are not zero make 2\*\*2 cases; allowed: max_values = 3 or",
    ),
    (lambda: law_of(HUGE, HUGE, HUGE), ValueError, r"exact_law: the terms add up to inf; allowed: up to 1.797\d*e\+308"),
    (lambda: law_of(h=np.array([1, NAN])), ValueError, "exact_law: the terms add up to nan; allowed"),
    (
        lambda: law_of(*(np.full(2, 3e20, np.float32),) * 2, np.ones(2, np.float32)),
        ValueError,
        r"exact_law: the terms add up to 2\.\d*e\+41; allowed: up to 3.40\d*e\+38, all that float32 holds",
    ),
    (
        lambda: law_of(*(np.array([1, 3], np.float16),) * 3, rates=(0, 0.99999, 0)),
        ValueError,
        r"exact_law: r\[0\] = 1.0 with a rate of 0.99999 becomes inf; allowed: x for which x / \(1 - rate\) is finite in float16",
    ),
    (
        lambda: law_of(TWO, TWO * 1e300, TWO, rates=(0, 1 - 2.0**-53, 0)),
        ValueError,
        r"exact_law: r\[0\] = 1e\+300 with a rate of 0.9999999999999999 becomes inf; allowed: x for which x / \(1 - rate\) is finite in",
    ),
    (
        lambda: law_of(np.array([1.2e308, -1.2e308] * 2), np.ones(4), np.ones(4)),
        ValueError,
        "exact_law: the terms add up to inf; allowed",
    ),
    (
        lambda: moments_of(np.stack([TWO, HUGE])[None], TWO, TWO),
        ValueError,
        r"exact_moments: the score\[0, 1\] has mean 2e\+200 and variance inf; allowed: rows whose products, and their squares, are finite",
    ),
    (lambda: moments_of(TWO * NAN), ValueError, "exact_moments: the score has mean nan and variance nan; allowed"),
    (
        lambda: moments_of(TWO * NAN, rates=(0, 0, 0)),
        ValueError,
        "exact_moments: the score has mean nan and variance 0.0; allowed",
    ),
    (lambda: LAW_OF_TWO.pmf("a"), TypeError, "pmf: x has dtype <U1; allowed: an array of numbers"),
    (lambda: LAW_OF_TWO.pmf(NAN), ValueError, "pmf: x holds NaN; allowed: real numbers"),
    (lambda: LAW_OF_TWO.cdf([1j]), ValueError, "cdf: x has dtype complex128; allowed: real numbers"),
    (
        lambda: LAW_OF_TWO.quantile([0.5, 1.5]),
        ValueError,
        r"quantile: q\[1\] = 1.5 is out of range; allowed: numbers >= 0 and <= 1",
    ),
    (lambda: LAW_OF_TWO.quantile(NAN), ValueError, "quantile: q holds NaN; allowed: real numbers"),
    (lambda: LAW_OF_TWO.quantile(-0.5), ValueError, "quantile: q = -0.5 is out of range; allowed"),
]


@pytest.mark.parametrize(("call", "error", "said"), CASES, ids=[re.sub(r"\W+", " ", case[2])[:50] for case in CASES])
def test_bad_input_is_refused_and_nothing_is_drawn(call, error, said):
    before = repr(MODEL.rng), modes(MODEL)
    with pytest.raises(error, match=f"^{said}") as caught:
        call()
    assert re.fullmatch(r"[a-z_]+: [^\n]+; (allowed: |valid ids are )[^\n]*", str(caught.value))
    assert (repr(MODEL.rng), modes(MODEL)) == before


def test_presets_have_laws():
    """Options of presets reach the law: the rate of an entity counts twice."""
    model = distmult(NATIONS, 2, entity_dropout=0.5, random_seed=0)
    assert score_law(model, (0, 1, 2)).pmf(0) == pytest.approx(0.75**2, rel=LAW)
    model = complex_bilinear(NATIONS, 2, relation_dropout=0.5, random_seed=0)
    assert score_law(model, (0, 1, 2)).pmf(0) == pytest.approx(0.5**2, rel=LAW)
