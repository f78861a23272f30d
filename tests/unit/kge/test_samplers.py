"""Samplers and the index of known triples, against loops over single triples and Python sets."""

import math
import pickle
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npembed.kge.samplers import SAMPLERS, KnownTriples, basic, bernoulli, bernoulli_probabilities, index_triples, keep_mask
from npembed.numerics.random import TorchGenerator

TOLERANCES = {
    "share": 0.02,  # of 20 000 draws: more than five standard errors, sqrt(.25 / 20 000) = .0035
    "float32 steps": 1.5e-7,  # relative: four roundings in float32, eps 1.2e-7, not all at once in one direction
}
SEEDS = st.integers(0, 2**32 - 1)


def graph(rng, n, entities, relations):
    return np.stack([rng.integers(0, size, n) for size in (entities, relations, entities)], axis=1)


# ---- basic


@given(
    seed=SEEDS,
    n=st.integers(0, 7),
    k=st.integers(1, 4),
    corrupt=st.lists(st.sampled_from(["head", "relation", "tail"]), min_size=1),
)
def test_basic_replays_its_draws(seed, n, k, corrupt):
    """One block after the other, each with one draw for each of its triples, from one id fewer than there are."""
    positives = graph(np.random.default_rng(seed), n, 5, 3)
    found = basic(seed, positives, num_entities=5, num_relations=3, num_negatives=k, corrupt=corrupt)
    assert (found.shape, found.dtype) == ((n, k, 3), np.int64)
    rng, expected = TorchGenerator(seed), [list(map(int, row)) for row in positives for _ in range(k)]
    part = math.ceil(len(expected) / len(corrupt))
    for i, side in enumerate(corrupt):
        column, size = {"head": (0, 5), "relation": (1, 3), "tail": (2, 5)}[side]
        block = expected[i * part : (i + 1) * part]
        for row, drawn in zip(block, rng.randint(0, size - 1, len(block)).tolist(), strict=True):
            row[column] = [other for other in range(size) if other != row[column]][drawn]
    assert found.reshape(-1, 3).tolist() == expected


# ---- bernoulli


@given(seed=SEEDS, n=st.integers(0, 60))
def test_bernoulli_probabilities(seed, n):
    """Averages of tails per head and heads per tail, counted one by one; duplicates count in both, and so in neither."""
    triples = graph(np.random.default_rng(seed), n, 6, 4)
    found = bernoulli_probabilities(triples, 5)
    assert (found.dtype, found.shape) == (np.float32, (5,))
    for r in range(5):
        rows = [(h, t) for h, relation, t in triples.tolist() if relation == r]
        if rows:
            tph = Fraction(len(rows), len(Counter(h for h, _ in rows)))
            hpt = Fraction(len(rows), len(Counter(t for _, t in rows)))
            assert found[r] == pytest.approx(float(tph / (tph + hpt)), rel=TOLERANCES["float32 steps"])
        else:
            assert found[r] == 0.5


@given(seed=SEEDS, n=st.integers(0, 7), k=st.integers(1, 4))
def test_bernoulli_replays_its_draws(seed, n, k):
    """A number for each copy, then the heads of those it chose, then the tails of the others."""
    positives = graph(np.random.default_rng(seed), n, 5, 3)
    p = np.array([0.0, 0.4, 1.0], np.float32)
    found = bernoulli(seed, positives, num_entities=5, head_probability=p, num_negatives=k).reshape(-1, 3)
    rng, expected = TorchGenerator(seed), [list(map(int, row)) for row in positives for _ in range(k)]
    heads = [u < float(p[row[1]]) for u, row in zip(rng.rand((n * k,)).tolist(), expected, strict=True)]
    for column, wanted in ((0, True), (2, False)):
        block = [row for row, head in zip(expected, heads, strict=True) if head == wanted]
        for row, drawn in zip(block, rng.randint(0, 4, len(block)).tolist(), strict=True):
            row[column] = [other for other in range(5) if other != row[column]][drawn]
    assert found.tolist() == expected


def test_bernoulli_shares():
    positives = np.array([[0, 0, 1], [2, 1, 0], [1, 2, 2]])
    found = bernoulli(1, positives, num_entities=4, head_probability=np.array([0.0, 0.3, 1.0]), num_negatives=20_000)
    changed = found != positives[:, None]
    assert (changed.sum(axis=2) == 1).all()
    assert not changed[:, :, 1].any()
    shares = changed[:, :, 0].mean(axis=1)
    assert (shares[0], shares[2]) == (0, 1)
    assert shares[1] == pytest.approx(0.3, abs=TOLERANCES["share"])
    for others in (found[2, :, 0], found[0, :, 2]):  # evenly among the three that are left
        assert np.bincount(others, minlength=4).max() / 20_000 == pytest.approx(1 / 3, abs=TOLERANCES["share"])


def test_bernoulli_at_the_very_probability():
    """The head goes where the draw is below the probability, not where it equals it."""
    drawn = TorchGenerator(4).rand((1,))
    for p, head in ((drawn, False), (np.nextafter(drawn, np.float32(1)), True)):
        found = bernoulli(4, np.array([[0, 0, 1]]), num_entities=5, head_probability=p)
        assert (found[0, 0, 0] != 0) == head


def test_samplers_take_any_generator_and_leave_their_input_alone():
    positives = graph(np.random.default_rng(0), 9, 5, 2)
    before = positives.copy()
    positives.flags.writeable = False
    for rng in (3, np.random.default_rng(3), TorchGenerator(3)):
        found = bernoulli(rng, positives, num_entities=5, head_probability=np.array([0.5, 0.5]), num_negatives=2)
        assert (found.shape, found.dtype) == ((9, 2, 3), np.int64)
    assert (positives == before).all()
    assert {"basic": basic, "bernoulli": bernoulli} == SAMPLERS


# ---- known triples

HUGE = np.iinfo(np.int64).max - 1


@given(
    seed=SEEDS,
    n=st.integers(0, 40),
    shape=st.sampled_from([(6, 4), (0, 3), (1, 1), (7,), (2, 3, 2)]),
    ids=st.sampled_from(["small", "huge"]),
)
def test_known_mask_is_a_set_lookup(seed, n, shape, ids):
    rng = np.random.default_rng(seed)
    known = graph(rng, n, 4, 2)
    negatives = graph(rng, math.prod(shape), 5, 3).reshape(*shape, 3)
    if ids == "huge":  # beyond any product of sizes that fits an int64
        names = np.array([0, HUGE, HUGE - 1, 2**62, 3_000_000_000])
        known, negatives = names[known], names[negatives]
    index = index_triples(known)
    found = keep_mask(negatives, index)
    triples = {tuple(row) for row in known.tolist()}
    assert (found.dtype, found.shape) == (bool, shape)
    assert found.ravel().tolist() == [tuple(row) not in triples for row in negatives.reshape(-1, 3).tolist()]
    assert repr(index) == f"KnownTriples({len(triples)})"
    assert keep_mask(known, index).sum() == 0


def test_several_arrays_are_one_index():
    rng = np.random.default_rng(4)
    parts = [graph(rng, n, 9, 2) for n in (5, 0, 8)]
    together, one = index_triples(*parts), index_triples(np.concatenate(parts))
    negatives = graph(rng, 500, 9, 2)
    assert (keep_mask(negatives, together) == keep_mask(negatives, one)).all()
    assert keep_mask(negatives, index_triples(np.zeros((0, 3), int))).all()
    again = pickle.loads(pickle.dumps(one))
    assert isinstance(again, KnownTriples)
    assert (keep_mask(negatives, again) == keep_mask(negatives, one)).all()


def test_a_hundred_thousand_known_triples():
    """One column changed at a time, against sorted rows of bytes."""
    rng = np.random.default_rng(5)
    known = graph(rng, 100_000, 14_951, 237)
    negatives = known[rng.integers(0, len(known), 20_000)]
    column = rng.integers(0, 3, len(negatives))
    negatives[np.arange(len(negatives)), column] = rng.integers(0, 237, len(negatives))
    negatives = np.concatenate([negatives, known[:100]])
    triples = {row.tobytes() for row in known}
    assert keep_mask(negatives, index_triples(known)).tolist() == [row.tobytes() not in triples for row in negatives]


POSITIVES, HALF = np.array([[0, 0, 1], [2, 1, 0]]), np.array([0.5, 0.5])
INDEX = index_triples(POSITIVES)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: basic(0, POSITIVES, num_entities=3, corrupt=()), ValueError, "basic: corrupt = () names no sides; allowed: a sequence"),
        (lambda: bernoulli(0, POSITIVES, num_entities=1, head_probability=HALF), ValueError, "bernoulli: num_entities = 1 is out of"),
        (lambda: bernoulli(0, POSITIVES, num_entities=2, head_probability=HALF), IndexError, "bernoulli: positives[1, 0] = 2 is outs"),
        (lambda: bernoulli(0, POSITIVES, num_entities=3, head_probability=HALF[:1]), IndexError, "bernoulli: positives[1, 1] = 1 is"),
        (lambda: bernoulli(0, POSITIVES, num_entities=3, head_probability=[0.5]), TypeError, "bernoulli: head_probability is a list;"),
        (
            lambda: bernoulli(0, POSITIVES, num_entities=3, head_probability=HALF * 3),
            ValueError,
            "bernoulli: head_probability[0] = 1.5 is no probability; allowed: 0 to 1",
        ),
        (
            lambda: bernoulli(0, POSITIVES, num_entities=3, head_probability=HALF - 0.75),
            ValueError,
            "bernoulli: head_probability[0] = -0.25 is no probability; allowed: 0 to 1",
        ),
        (
            lambda: bernoulli(0, POSITIVES, num_entities=3, head_probability=HALF + 0j),
            ValueError,
            "bernoulli: head_probability has dtype complex128 and shape (2,); allowed: real (num_relations,)",
        ),
        (
            lambda: bernoulli(0, POSITIVES, num_entities=3, head_probability=HALF * np.nan),
            ValueError,
            "bernoulli: head_probability[0] = nan is no probability; allowed: 0 to 1",
        ),
        (
            lambda: bernoulli(0, POSITIVES, num_entities=3, head_probability=HALF[None]),
            ValueError,
            "bernoulli: head_probability has dtype float64 and shape (1, 2); allowed: real (num_relations,)",
        ),
        (
            lambda: bernoulli(0, POSITIVES, num_entities=3, head_probability=HALF, num_negatives=0),
            ValueError,
            "bernoulli: num_negatives = 0 is out of range; allowed: a whole number >= 1",
        ),
        (lambda: bernoulli("0", POSITIVES, num_entities=3, head_probability=HALF), TypeError, "generator: rng = '0' is of type str;"),
        (lambda: bernoulli_probabilities(POSITIVES, 1), IndexError, "bernoulli_probabilities: triples[1, 1] = 1 is outside the 1 rel"),
        (lambda: bernoulli_probabilities(POSITIVES, 1.0), TypeError, "bernoulli_probabilities: num_relations = 1.0 is of type float;"),
        (lambda: bernoulli_probabilities(POSITIVES[0], 1), ValueError, "bernoulli_probabilities: triples has shape (3,); allowed: (n,"),
        (lambda: index_triples(), ValueError, "index_triples: triples are missing; allowed: one array (n, 3) or more"),
        (lambda: index_triples(POSITIVES[:, :2]), ValueError, "index_triples: triples has shape (2, 2); allowed: (n, 3)"),
        (lambda: index_triples(POSITIVES - 1), IndexError, "index_triples: triples[0, 0] = -1 is outside"),
        (lambda: keep_mask(POSITIVES, POSITIVES), TypeError, "keep_mask: known is a ndarray; allowed: KnownTriples, from index_tr"),
        (lambda: keep_mask(POSITIVES[:, :2], INDEX), ValueError, "keep_mask: negatives has shape (2, 2); allowed: (..., 3)"),
        (lambda: keep_mask(1, INDEX), ValueError, "keep_mask: negatives has shape (); allowed: (..., 3)"),
        (lambda: keep_mask(POSITIVES * 1.0, INDEX), TypeError, "keep_mask: negatives[0, 0] = 0.0 has dtype float64; allowed: int8"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(said)
