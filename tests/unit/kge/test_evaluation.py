"""Ranks and metrics against plain loops, exact fractions and numbers by hand; what is refused, and how much work is done."""

import contextlib
import itertools
import math
import statistics
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import METRIC, MOMENTS, Z_OF_MANY

from npembed.check import UnknownNameError
from npembed.kge.datasets import Nations
from npembed.kge.evaluation import (
    METRICS,
    SYNONYMS,
    Ranks,
    SideRanks,
    chance,
    evaluate,
    index_known,
    known_answers,
    metric,
    metric_key,
    metrics,
    ranks,
)
from npembed.kge.models import ERModel

TYPES = ("optimistic", "realistic", "pessimistic")


class Given:
    """A model that looks its scores up: ``tails[h, r]`` and ``heads[r, t]`` are rows of N; it keeps the shapes it was asked for."""

    def __init__(self, tails, heads):
        self.tails, self.heads, self.asked = tails, heads, []

    def score_t(self, hr):
        self.asked.append(len(hr))
        return self.tails[hr[:, 0], hr[:, 1]]

    def score_h(self, rt):
        self.asked.append(len(rt))
        return self.heads[rt[:, 0], rt[:, 1]]


def by_hand(*scores):
    """A model whose tail scores are `scores` for every query."""
    return SimpleNamespace(score_t=lambda hr: np.array([scores] * len(hr), float))


# ---- oracles


def loop_ranks(model, triples, known, side, filtered):
    """Each rank by a loop over the entities: optimistic, pessimistic, candidates."""
    true = {tuple(map(int, triple)) for part in (*known, triples) for triple in part}
    found = []
    for h, r, t in np.asarray(triples).tolist():
        scores = model.tails[h, r] if side == "tail" else model.heads[r, t]
        answer = t if side == "tail" else h
        optimistic, pessimistic, candidates = 1, 0, 0
        for entity, score in enumerate(scores.tolist()):
            other = (h, r, entity) if side == "tail" else (entity, r, t)
            if filtered and entity != answer and other in true:
                continue
            optimistic += score > scores[answer]
            pessimistic += score >= scores[answer]
            candidates += math.isfinite(score)
        found.append((optimistic, pessimistic, candidates))
    return np.array(found, np.int64).reshape(-1, 3).T


def loop_metric(name, ranks, candidates, k=10):
    """Each metric from its definition, with `statistics`, fractions, and a sum over all ranks there could have been."""
    m = len(ranks)
    plain = {
        "arithmetic_mean_rank": lambda r: statistics.fmean(r),
        "geometric_mean_rank": lambda r: statistics.geometric_mean(r),
        "harmonic_mean_rank": lambda r: statistics.harmonic_mean(r),
        "median_rank": lambda r: statistics.median(r),
        "inverse_arithmetic_mean_rank": lambda r: 1 / statistics.fmean(r),
        "inverse_geometric_mean_rank": lambda r: 1 / statistics.geometric_mean(r),
        "inverse_harmonic_mean_rank": lambda r: statistics.fmean([1 / x for x in r]),
        "inverse_median_rank": lambda r: 1 / statistics.median(r),
        "hits_at_k": lambda r: sum(x <= k for x in r) / m,
        "standard_deviation": lambda r: statistics.pstdev(r),
        "variance": lambda r: statistics.pvariance(r),
        "median_absolute_deviation": lambda r: (
            statistics.median([abs(x - statistics.median(r)) for x in r]) / statistics.NormalDist().inv_cdf(0.75)
        ),
        "count": len,
    }
    if name in plain:
        return float(plain[name](ranks))
    base = name.removeprefix("adjusted_").removeprefix("z_").removesuffix("_index")
    value = plain[base](ranks)
    mean, variance = all_ranks(plain[base], candidates)
    if name == "adjusted_arithmetic_mean_rank":
        return value / mean
    if name.startswith("z_"):
        sign = 1 if base in ("hits_at_k", "inverse_harmonic_mean_rank") else -1
        return sign * (value - mean) / math.sqrt(variance)
    return (value - mean) / (1 - mean)


def all_ranks(function, candidates):
    """Mean and variance of a metric over all tuples of ranks."""
    values = [float(function(list(ranks))) for ranks in itertools.product(*(range(1, n + 1) for n in candidates))]
    return statistics.fmean(values), statistics.pvariance(values)


# ---- ranks


def test_ranks_by_hand():
    """True tail 1 with score 2, among 9 2 3 2 1: two better, one tie; filtered without entity 0 one better."""
    model = by_hand(9, 2, 3, 2, 1)
    raw = ranks(model, [[4, 0, 1]], sides="tail", filtered=False)
    assert raw.head is None
    assert [a.tolist() for a in raw.tail] == [[3], [4], [5]]
    assert raw.tail.realistic.tolist() == [3.5]
    assert [a.dtype for a in raw.tail] == [np.int64] * 3
    assert raw.tail.realistic.dtype == np.float64
    filtered = ranks(model, [[4, 0, 1]], known=[[4, 0, 0], [4, 0, 1], [4, 1, 2], [3, 0, 2]], sides="tail")
    assert [a.tolist() for a in filtered.tail] == [[2], [3], [4]]


def test_evaluated_triples_filter_each_other():
    """The tails 0, 1 and 2 of one query are all true: each is ranked among itself and the false ones."""
    model = by_hand(5, 4, 3, 2, 1)
    triples = [[0, 0, 0], [0, 0, 2], [0, 0, 1], [0, 0, 4]]
    assert ranks(model, triples, sides="tail").tail.optimistic.tolist() == [1, 1, 1, 2]
    assert ranks(model, triples, sides="tail").tail.candidates.tolist() == [2] * 4
    assert ranks(model, triples, sides="tail", filtered=False).tail.optimistic.tolist() == [1, 3, 2, 5]


def test_all_tied_perfect_and_worst():
    assert [a.tolist() for a in ranks(by_hand(7, 7, 7), [[0, 0, 1]], sides="tail").tail] == [[1], [3], [3]]
    assert [a.tolist() for a in ranks(by_hand(1, 9, 2), [[0, 0, 1]], sides="tail").tail] == [[1], [1], [3]]
    assert [a.tolist() for a in ranks(by_hand(1, 0, 2), [[0, 0, 1]], sides="tail").tail] == [[3], [3], [3]]


def test_infinite_scores_are_compared_and_not_counted():
    inf = math.inf
    assert [a.tolist() for a in ranks(by_hand(inf, 1, -inf, 0), [[0, 0, 1]], sides="tail").tail] == [[2], [2], [2]]
    assert [a.tolist() for a in ranks(by_hand(inf, inf, -inf, 0), [[0, 0, 1]], sides="tail").tail] == [[1], [2], [1]]
    assert [a.tolist() for a in ranks(by_hand(inf, -inf, -inf, 0), [[0, 0, 1]], sides="tail").tail] == [[3], [4], [1]]


def graph(rng, n, m, sizes):
    """A model of n entities and m relations with many ties, and as many parts of so many triples, in various integer types."""
    values = np.array([-math.inf, -1.5, 0.0, 0.0, 1.0, 2.0, math.inf])
    dtype = rng.choice([np.float32, np.float64])
    tails, heads = (rng.choice(values, size, p=[0.05, *[0.18] * 5, 0.05]).astype(dtype) for size in ((n, m, n), (m, n, n)))
    triples, *known = (
        np.stack([rng.integers(0, n, k), rng.integers(0, m, k), rng.integers(0, n, k)], axis=1).astype(rng.choice(list("bhiq")))
        for k in sizes
    )
    return Given(tails, heads), triples, known, n


@st.composite
def graphs(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sizes = draw(st.lists(st.integers(0, 20), min_size=1, max_size=3))
    return graph(rng, draw(st.integers(1, 7)), draw(st.integers(1, 3)), sizes)


@given(graphs(), st.booleans(), st.integers(1, 60), st.sampled_from([("head", "tail"), ("tail", "head"), ("head",), "tail"]))
def test_ranks_against_loops(graph, filtered, block, sides):
    """Any graph, any block: the same as one loop per triple; nothing that was given is changed."""
    model, triples, known, n = graph
    before = [a.copy() for a in (model.tails, model.heads, triples, *known)]
    found = ranks(model, triples, known=known, sides=sides, filtered=filtered, block=block)
    for side in ("head", "tail"):
        if side in sides:
            np.testing.assert_array_equal(np.array(getattr(found, side)), loop_ranks(model, triples, known, side, filtered))
        else:
            assert getattr(found, side) is None
    assert all(np.array_equal(a, b) for a, b in zip(before, (model.tails, model.heads, triples, *known), strict=True))
    assert sum(model.asked) <= len(triples) * 2 + 1
    assert max(model.asked, default=0) <= max(1, block // n)


def test_one_array_of_known_triples_or_several_is_the_same():
    rng = np.random.default_rng(5)
    model = Given(rng.integers(0, 3, (6, 2, 6)).astype(float), rng.integers(0, 3, (2, 6, 6)).astype(float))
    triples, known = (rng.integers(0, (6, 2, 6), (k, 3)) for k in (8, 30))
    expected = ranks(model, triples, known=known)
    for same in (known.tolist(), [known], (known[:11], known[11:]), [known, known, triples], [known.tolist()]):
        np.testing.assert_equal(ranks(model, triples, known=same), expected)
    assert not np.array_equal(np.array(ranks(model, triples).tail), np.array(expected.tail))


def test_the_result_does_not_depend_on_the_block():
    nations = Nations()
    rows = {"embedding_dim": 5}
    model = ERModel(
        triples_factory=nations.training, interaction="transe", random_seed=3,
        entity_representations_kwargs=rows, relation_representations_kwargs=rows,
    )  # fmt: skip
    known = [nations.training.mapped_triples, nations.validation.mapped_triples]
    expected = evaluate(model, nations.testing.mapped_triples, known=known)
    for block in (1, 14, 15, 14 * 7 + 3, 10**9):
        assert evaluate(model, nations.testing.mapped_triples, known=known, block=block) == expected


def test_no_triples_no_ranks():
    found = ranks(by_hand(1, 2), np.zeros((0, 3), int))
    assert [a.shape for side in (found.head, found.tail, found.both) for a in side] == [(0,)] * 9
    with pytest.raises(ValueError, match="metrics: ranks holds no rank; allowed: at least one triple"):
        evaluate(by_hand(1, 2), np.zeros((0, 3), int))


def test_ranks_among_a_million():
    """The last of so many, and the last but one: each is counted."""
    n = 1_100_000
    scores = np.arange(float(n))[::-1]
    model = SimpleNamespace(score_t=lambda hr: scores[None].repeat(len(hr), axis=0))
    found = ranks(model, [[0, 0, n - 1]], known=[[0, 0, 0]], sides="tail").tail
    assert [a.tolist() for a in found] == [[n - 1]] * 3
    scores[-2] = 0.0
    assert [a.tolist() for a in ranks(model, [[0, 0, n - 1]], sides="tail").tail] == [[n - 1], [n], [n]]


def test_scores_at_the_ends_of_the_range():
    """The largest number is finite, and the smallest is no zero."""
    top, tiny = np.finfo(np.float64).max, np.nextafter(0.0, 1.0)
    assert [a.tolist() for a in ranks(by_hand(top, tiny, 0, -top, tiny), [[0, 0, 1]], sides="tail").tail] == [[2], [3], [5]]
    assert [a.tolist() for a in ranks(by_hand(top, tiny, 0, -top, 0), [[0, 0, 2]], sides="tail").tail] == [[3], [4], [5]]


class Engines:
    """A model with engines, or with one on the tail side alone; it keeps what it was asked, and whether it was held."""

    def __init__(self, both=True, **sizes):
        self.asked, self.times_held = [], 0
        if not both:
            self.score_h = lambda rt: self.answer("head", rt, None)
        vars(self).update(sizes)

    def answer(self, side, batch, engine):
        self.asked.append((side, len(batch), engine))
        return np.zeros((len(batch), 5))

    def score_t(self, hr, *, engine):
        return self.answer("tail", hr, engine)

    def score_h(self, rt, *, engine):
        return self.answer("head", rt, engine)

    @contextlib.contextmanager
    def held(self):
        self.times_held += 1
        yield


def test_a_model_with_engines_is_told_which():
    """With the fast one it is asked 4096 triples at a time, and held while it is asked; 2**16 scores at a time otherwise."""
    triples = np.zeros((5000, 3), int)
    for engine, held, sizes in (("fused", 1, (4096, 904)), ("layered", 0, (5000,))):
        ranks(model := Engines(num_entities=5, num_relations=1), triples, engine=engine)
        assert model.asked == [(side, size, engine) for side in ("head", "tail") for size in sizes]
        assert model.times_held == held
    for sides in (("head", "tail"), ("tail", "head")):  # only one side has engines, and neither says how many entities there are
        ranks(model := Engines(both=False), triples, sides=sides, engine="fused")
        engines = {"head": None, "tail": "fused"}
        assert model.asked == [(sides[0], 1, engines[sides[0]]), *((side, 5000, engines[side]) for side in sides)]
        assert model.times_held == 0
    ranks(model := Engines(num_entities=5, num_relations=1), triples, engine="fused", block=50)
    assert {size for _, size, _ in model.asked} == {10}


def test_evaluate_hands_everything_on():
    rng = np.random.default_rng(9)
    model = Given(rng.random((6, 2, 6)), rng.random((2, 6, 6)))
    triples, known = (rng.integers(0, (6, 2, 6), (k, 3)) for k in (9, 40))
    found = [evaluate(model, triples, **options) for options in ({}, {"known": known}, {"known": known, "filtered": False})]
    expected = [metrics(ranks(model, triples, **options)) for options in ({}, {"known": known}, {"filtered": False})]
    assert found == expected
    assert len({repr(one) for one in found}) == 3
    evaluate(model := Engines(num_entities=5, num_relations=1), np.zeros((7, 3), int), engine="layered", block=15)
    assert model.asked == [(side, size, "layered") for side in ("head", "tail") for size in (3, 3, 1)]


# ---- the index


def test_the_index_against_a_set():
    rng = np.random.default_rng(6)
    known = rng.integers(0, (9, 4, 9), (200, 3)) * [1, 10**15, 1]  # relation ids may be large
    for side, (stays, asked) in {"head": (2, 0), "tail": (0, 2)}.items():
        index = index_known(known, side, 9)
        queries = np.array([[e, r * 10**15 + (r == 5), e] for e in range(9) for r in range(7)])  # some relations are not known
        rows, answers = known_answers(index, queries)
        assert (np.diff(rows) >= 0).all()
        for i, query in enumerate(queries.tolist()):
            expected = {t[asked] for t in known.tolist() if t[1] == query[1] and t[stays] == query[stays]}
            assert answers[rows == i].tolist() == sorted(expected)
        empty = index_known(known[:0], side, 9)
        assert [a.tolist() for a in known_answers(empty, queries)] == [[], []]


@pytest.mark.long
def test_the_index_looks_at_few_of_many_known_triples():
    """3 000 triples among 300 000 known ones: what is looked at per batch are the answers to its queries, each once."""
    rng = np.random.default_rng(7)
    n, m = 2000, 20
    known = rng.integers(0, (n, m, n), (300_000, 3))
    triples = known[rng.choice(len(known), 3000, replace=False)]
    index = index_known(np.concatenate([known, triples]), "tail", n)
    rows, answers = known_answers(index, triples)
    assert len(rows) < 3000 * 30  # of 3 000 times 300 000 that a scan compares
    assert len(set(zip(rows.tolist(), answers.tolist(), strict=True))) == len(rows)

    class Many:
        num_entities, num_relations, asked = n, m, ()

        def score_t(self, hr):
            self.asked += (len(hr),)
            return ((np.arange(n) * 7 + hr[:, :1] * 11 + hr[:, 1:] * 13) % 101).astype(np.float32)

    found = ranks(model := Many(), triples, known=known, sides="tail", block=100_000)
    assert model.asked == (50,) * 60  # 100 000 scores at a time
    tails: dict = {}
    for h, r, t in known.tolist():
        tails.setdefault((h, r), set()).add(t)
    for i in range(0, 3000, 111):
        h, r, t = triples[i].tolist()
        scores = [(e * 7 + h * 11 + r * 13) % 101 for e in range(n) if e == t or e not in tails[h, r]]
        true = (t * 7 + h * 11 + r * 13) % 101
        assert found.tail.optimistic[i] == 1 + sum(s > true for s in scores)
        assert found.tail.pessimistic[i] == sum(s >= true for s in scores)
        assert found.tail.candidates[i] == len(scores)


# ---- modes


def small(dropout=0.5):
    rows = {"embedding_dim": 4, "dropout": dropout}
    return ERModel(
        triples_factory=Nations().training, interaction="distmult", random_seed=0,
        entity_representations_kwargs=rows, relation_representations_kwargs=rows,
    )  # fmt: skip


def test_a_model_is_evaluated_without_dropout_and_gets_its_modes_back():
    model, triples = small(), Nations().testing.mapped_triples
    model.layers[0].train(False)
    drawn = repr(model.rng)
    first = evaluate(model, triples)
    assert [layer.training for layer in model.layers] == [False, True]
    assert repr(model.rng) == drawn
    assert first == evaluate(model, triples) == evaluate(model.eval(), triples)
    assert [layer.training for layer in model.layers] == [False, False]


def test_any_model_that_has_a_mode_gets_it_back():
    class Dropping:
        training = True

        def eval(self):
            self.training = False

        def score_t(self, hr):
            assert not self.training
            return np.zeros((len(hr), 3))

    ranks(model := Dropping(), [[0, 0, 1]], sides="tail")
    assert model.training is True


def test_a_mode_is_set_by_the_method_that_there_is_for_it():
    class Model:
        training, said, parts = True, (), 3  # which are no parts of it

        def train(self, mode=True):
            self.said, self.training = (*self.said, mode), mode

        def eval(self):
            self.train(False)

        def score_t(self, hr):
            return np.zeros((len(hr), 3))

    ranks(model := Model(), [[0, 0, 1]], sides="tail")
    assert model.said == (False, True)


def test_the_modes_come_back_after_a_refusal():
    model = small()
    model.layers[0].weight[3] = np.nan
    with pytest.raises(FloatingPointError):
        evaluate(model, Nations().testing.mapped_triples)
    assert [layer.training for layer in model.layers] == [True, True]


# ---- refusals


@pytest.mark.parametrize("block", [1, 8, 1000])
@pytest.mark.parametrize("filtered", [True, False])
def test_nan_scores_are_refused(block, filtered):
    """Wherever the NaN is: at the true entity, at a false one, at one that is filtered out; the first triple is named."""
    triples = np.array([[0, 0, 1], [1, 0, 2], [2, 0, 3], [3, 1, 0]])
    for entity in range(4):
        model = Given(np.zeros((4, 2, 4)), np.zeros((2, 4, 4)))
        model.tails[2, 0, entity] = model.tails[3, 1] = np.nan
        with pytest.raises(FloatingPointError) as caught:
            ranks(model, triples, known=[[2, 0, 0]], block=block, filtered=filtered)
        assert str(caught.value) == (
            "ranks: 1 of the 4 tail scores of triples[2] = (2, 0, 3) are NaN; allowed: numbers and infinities, since a NaN has no rank"
        )
    model.heads[0, 1, :3] = np.nan
    with pytest.raises(FloatingPointError, match=r"ranks: 3 of the 4 head scores of triples\[0\] = \(0, 0, 1\) are NaN"):
        ranks(model, triples, block=block)


THREE = by_hand(1, 2, 3)
COMPLEX = SimpleNamespace(score_t=lambda hr: np.array([[1j, 2]]))
SIZED = SimpleNamespace(num_entities=3, num_relations=2, score_t=THREE.score_t)


@pytest.mark.parametrize(
    ("model", "triples", "options", "error", "said"),
    [
        (THREE, [[0, 0, 3]], {}, IndexError, "ranks: triples[0, 2] = 3 is outside the 3 entities; valid ids are 0..2"),
        (SIZED, [[0, 0, 3]], {}, IndexError, "ranks: triples[0, 2] = 3 is outside the 3 entities"),
        (SIZED, [[0, 2, 1]], {}, IndexError, "ranks: triples[0, 1] = 2 is outside the 2 relations"),
        (THREE, [[0, -1, 1]], {}, IndexError, "ranks: triples[0, 1] = -1 is outside"),
        (THREE, [[0, 1]], {}, ValueError, "ranks: triples has shape (1, 2); allowed: (n, 3), the columns head, relation, tail"),
        (THREE, [[0, 0, 1.0]], {}, TypeError, "ranks: triples[0, 0] = 0.0 has dtype float64"),
        (THREE, [[0, 0, 1]], {"known": [[[0, 0, 1]], [[0, 0, 3]]]}, IndexError, "ranks: known[1][0, 2] = 3 is outside the 3 entities"),
        (THREE, [[0, 0, 1]], {"known": [[5, 0, 1]]}, IndexError, "ranks: known[0, 0] = 5 is outside the 3 entities"),
        (THREE, [[0, 0, 1]], {"known": None}, TypeError, "ranks: known is a NoneType; allowed: an array of triples, or a list"),
        (THREE, [[0, 0, 1]], {"known": np.zeros((0, 2), int)}, ValueError, "ranks: known has shape (0, 2); allowed: (n, 3)"),
        (THREE, [[0, 0, 1]], {"known": np.zeros((2, 2, 3), int)}, ValueError, "ranks: known has shape (2, 2, 3); allowed: (n, 3)"),
        (THREE, [[0, 0, 1]], {"known": [[0, 1]]}, ValueError, "ranks: known has shape (1, 2); allowed: (n, 3)"),
        (THREE, [[0, 0, 1]], {"sides": "tails"}, ValueError, "ranks: sides = 'tails' is not a choice; allowed: 'head' or 'tail'"),
        (THREE, [[0, 0, 1]], {"sides": ("tail", "tail")}, ValueError, "ranks: sides = ('tail', 'tail') names no side, or one twice"),
        (THREE, [[0, 0, 1]], {"sides": ()}, ValueError, "ranks: sides = () names no side"),
        (THREE, [[0, 0, 1]], {"block": 0}, ValueError, "ranks: block = 0 is out of range; allowed: a whole number >= 1"),
        (THREE, [[0, 0, 1]], {"filtered": "yes"}, ValueError, "ranks: filtered = 'yes' is not a choice; allowed: True or False"),
        (COMPLEX, [[0, 0, 1]], {}, TypeError, "ranks: score_t returned scores of dtype complex128; allowed: real numbers"),
        (
            SimpleNamespace(num_entities=4, score_t=THREE.score_t), [[0, 0, 1]], {}, ValueError,
            "ranks: score_t returned scores of shape (1, 3); allowed: (1, 4)",
        ),
        (
            SimpleNamespace(score_t=lambda hr: np.zeros(3)), [[0, 0, 1]], {}, ValueError,
            "ranks: score_t returned scores of shape (3,); allowed: (1, N)",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_refused(model, triples, options, error, said):
    with pytest.raises(error) as caught:
        ranks(model, triples, **{"sides": "tail", **options})
    assert str(caught.value).startswith(said)


def test_the_index_refuses_bad_input():
    with pytest.raises(ValueError, match="index_known: side = 'both' is not a choice; allowed: 'head' or 'tail'"):
        index_known([[0, 0, 1]], "both", 2)
    with pytest.raises(IndexError, match=r"index_known: triples\[0, 2\] = 2 is outside the 2 entities"):
        index_known([[0, 0, 2]], "tail", 2)


def test_metrics_refuse_what_has_no_expectation():
    with pytest.raises(TypeError, match="metrics: ranks is a ndarray; allowed: Ranks"):
        metrics(np.array([1, 2]))
    with pytest.raises(ValueError, match="metrics: ranks holds no rank"):
        metrics(Ranks())
    with pytest.raises(ValueError, match=r"metrics: tail.candidates\[1\] = 0; allowed: at least one finite score"):
        metrics(Ranks(tail=SideRanks(*np.array([[1, 1], [1, 3], [2, 0]]))))


# ---- metrics

BY_HAND = {  # of the ranks 1, 2, 2, 11 among 12, 12, 3, 23 candidates
    "arithmetic_mean_rank": 4.0,
    "geometric_mean_rank": 44**0.25,
    "harmonic_mean_rank": 4 / (1 + 1 / 2 + 1 / 2 + 1 / 11),
    "median_rank": 2.0,
    "inverse_arithmetic_mean_rank": 0.25,
    "inverse_geometric_mean_rank": 44**-0.25,
    "inverse_harmonic_mean_rank": (2 + 1 / 11) / 4,
    "inverse_median_rank": 0.5,
    "hits_at_1": 0.25,
    "hits_at_3": 0.75,
    "hits_at_5": 0.75,
    "hits_at_10": 0.75,
    "standard_deviation": math.sqrt(66 / 4),
    "variance": (9 + 4 + 4 + 49) / 4,
    "median_absolute_deviation": 0.5 * 1.482602218505602,
    "count": 4.0,
    "adjusted_arithmetic_mean_rank": 4 / ((6.5 + 6.5 + 2 + 12) / 4),
    "adjusted_arithmetic_mean_rank_index": (6.75 - 4) / (6.75 - 1),
    "z_arithmetic_mean_rank": (6.75 - 4) / math.sqrt((143 + 143 + 8 + 528) / 12 / 16),
    "adjusted_hits_at_k": (0.75 - (10 / 12 + 10 / 12 + 1 + 10 / 23) / 4) / (1 - (10 / 12 + 10 / 12 + 1 + 10 / 23) / 4),
    "z_hits_at_k": (0.75 - (10 / 12 + 10 / 12 + 1 + 10 / 23) / 4) / math.sqrt((2 * 10 / 12 * 2 / 12 + 10 / 23 * 13 / 23) / 16),
}
ONE_SIDE = SideRanks(*np.array([[1, 2, 2, 11], [1, 2, 2, 11], [12, 12, 3, 23]]))


@pytest.mark.parametrize("name", BY_HAND)
def test_metrics_by_hand(name):
    found = metrics(Ranks(head=ONE_SIDE))
    for key in (f"head.optimistic.{name}", f"head.realistic.{name}", f"both.pessimistic.{name}"):
        assert found[key] == pytest.approx(BY_HAND[name], **METRIC)


def test_all_keys_are_there_and_are_floats():
    found = metrics(Ranks(ONE_SIDE, ONE_SIDE))
    names = [f"hits_at_{k}" for k in (1, 3, 5, 10)] + [name for name in METRICS if name != "hits_at_k"]
    assert len(METRICS) == 22
    assert len(found) == 225
    assert set(found) == {f"{side}.{kind}.{name}" for side in ("head", "tail", "both") for kind in TYPES for name in names}
    assert all(type(value) is float for value in found.values())
    assert {key.split(".")[0] for key in metrics(Ranks(tail=ONE_SIDE))} == {"tail", "both"}


def test_sides_and_types_are_not_mixed_up():
    """Six mean ranks that all differ, and the two sides together."""
    head, tail = SideRanks(*np.array([[1], [3], [9]])), SideRanks(*np.array([[5, 5], [9, 9], [9, 9]]))
    found = metrics(Ranks(head, tail))
    means = {key: value for key, value in found.items() if key.endswith(".arithmetic_mean_rank")}
    assert means == {
        "head.optimistic.arithmetic_mean_rank": 1.0, "head.realistic.arithmetic_mean_rank": 2.0,
        "head.pessimistic.arithmetic_mean_rank": 3.0, "tail.optimistic.arithmetic_mean_rank": 5.0,
        "tail.realistic.arithmetic_mean_rank": 7.0, "tail.pessimistic.arithmetic_mean_rank": 9.0,
        "both.optimistic.arithmetic_mean_rank": 11 / 3, "both.realistic.arithmetic_mean_rank": 16 / 3,
        "both.pessimistic.arithmetic_mean_rank": 7.0,
    }  # fmt: skip


@st.composite
def some_ranks(draw):
    candidates = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4).filter(lambda n: max(n) > 1))
    return [draw(st.integers(2, 2 * n)) / 2 for n in candidates], candidates  # realistic ranks may be halves


@given(some_ranks(), st.sampled_from([1, 2, 3]))
def test_metrics_against_their_definitions(drawn, k):
    ranks, candidates = drawn
    for name, function in METRICS.items():
        options = {"k": k} if name.endswith("hits_at_k") else {}
        if options and k >= max(candidates) and name != "hits_at_k":
            continue  # no variance: see below
        arguments = (np.array(ranks),) if name in list(METRICS)[:13] else (np.array(ranks), np.array(candidates))
        assert function(*arguments, **options) == pytest.approx(loop_metric(name, ranks, candidates, k), **METRIC), name


@pytest.mark.parametrize("candidates", [[1], [4], [1, 1], [3, 3], [2, 5, 1], [4, 3, 2, 6]])
def test_moments_against_all_ranks_there_are(candidates):
    n, m = np.array(candidates), len(candidates)
    tuples = list(itertools.product(*(range(1, n + 1) for n in candidates)))
    exact = {
        chance.mean_rank_moments(n): lambda ranks: Fraction(sum(ranks), m),
        chance.reciprocal_rank_moments(n): lambda ranks: sum(Fraction(1, r) for r in ranks) / m,
        chance.hits_moments(n, 2): lambda ranks: Fraction(sum(r <= 2 for r in ranks), m),
    }
    for found, function in exact.items():
        values = [function(ranks) for ranks in tuples]
        mean = sum(values) / len(values)
        assert found == pytest.approx((float(mean), float(sum((v - mean) ** 2 for v in values) / len(values))), **MOMENTS)
    found = chance.geometric_mean_rank_moments(n)
    assert found == pytest.approx(all_ranks(lambda ranks: math.prod(ranks) ** (1 / m), candidates), **MOMENTS)


def test_moments_of_many_queries_among_many_candidates():
    """As for WN18RR, where products of E r^(2/m) and of E r^(1/m) agree to four digits: against sums in 50 digits."""
    mpmath = pytest.importorskip("mpmath")
    mp = mpmath.mp.clone()
    mp.dps = 50
    m, sizes = 6000, {37: 2500, 400: 2500, 1000: 1000}
    logs = [mp.log(j) for j in range(1, 1001)]
    one, two = ({n: sum(mp.exp(power * x / m) for x in logs[:n]) / n for n in sizes} for power in (1, 2))
    expected = mp.fprod(one[n] ** times for n, times in sizes.items())
    variance = mp.fprod(two[n] ** times for n, times in sizes.items()) - expected**2
    found = chance.geometric_mean_rank_moments(np.repeat(list(sizes), list(sizes.values())))
    assert found == pytest.approx((float(expected), float(variance)), rel=Z_OF_MANY)
    h = {n: (sum(mp.mpf(1) / j for j in range(1, n + 1)), sum(mp.mpf(1) / j**2 for j in range(1, n + 1))) for n in sizes}
    mean = sum(times * h[n][0] / n for n, times in sizes.items()) / m
    variance = sum(times * (h[n][1] / n - (h[n][0] / n) ** 2) for n, times in sizes.items()) / m**2
    found = chance.reciprocal_rank_moments(np.repeat(list(sizes), list(sizes.values())))
    assert found == pytest.approx((float(mean), float(variance)), rel=Z_OF_MANY)


def test_where_chance_leaves_no_room():
    """One candidate for each query: the ranks are what chance gives. A divisor of zero counts as 1e-12."""
    found = metrics(Ranks(SideRanks(*np.ones((3, 5), np.int64))))
    for name in METRICS:
        if name.startswith(("adjusted_", "z_")):
            assert found[f"both.realistic.{name}"] == (1.0 if name == "adjusted_arithmetic_mean_rank" else 0.0), name
    few = metrics(Ranks(SideRanks(*np.array([[2, 7], [2, 7], [10, 9]]))))  # at most ten candidates: no miss at ten
    assert few["head.realistic.adjusted_hits_at_k"] == few["head.realistic.z_hits_at_k"] == 0.0
    assert chance.adjusted_arithmetic_mean_rank_index(np.array([2]), np.array([1])) == 1e12
    assert chance.z_arithmetic_mean_rank(np.array([2]), np.array([1])) == -1e12


def test_random_ranks_score_zero_and_perfect_ones_one():
    rng = np.random.default_rng(8)
    candidates = rng.integers(11, 500, 4000)
    random, perfect = rng.integers(1, candidates + 1), np.ones(4000, int)
    for name, function in METRICS.items():
        if name.startswith("z_"):
            assert abs(function(random, candidates)) < 4
            assert function(perfect, candidates) > 50
        elif name.startswith("adjusted_") and name != "adjusted_arithmetic_mean_rank":
            assert function(perfect, candidates) == pytest.approx(1, **METRIC)
            assert abs(function(random, candidates)) < 0.05


# ---- names


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("mrr", "both.realistic.inverse_harmonic_mean_rank"),
        ("MRR", "both.realistic.inverse_harmonic_mean_rank"),
        ("tail.mrr", "tail.realistic.inverse_harmonic_mean_rank"),
        ("head.best.mean_rank", "head.optimistic.arithmetic_mean_rank"),
        ("worst.Mean Rank", "both.pessimistic.arithmetic_mean_rank"),
        ("hits@10", "both.realistic.hits_at_10"),
        ("hits@k", "both.realistic.hits_at_10"),
        ("H@3", "both.realistic.hits_at_3"),
        ("tail.pessimistic.hits_at_1", "tail.pessimistic.hits_at_1"),
        ("hits_at_k.5", "both.realistic.hits_at_5"),
        ("amr", "both.realistic.adjusted_arithmetic_mean_rank"),
        ("amri", "both.realistic.adjusted_arithmetic_mean_rank_index"),
        ("ahk", "both.realistic.adjusted_hits_at_k"),
        ("z_hits_at_10", "both.realistic.z_hits_at_k"),
        ("both.average.count", "both.realistic.count"),
    ],
)
def test_names(name, key):
    assert metric_key(name) == key
    assert metric({key: 0.5}, name) == 0.5


def test_every_key_of_a_result_is_a_name_of_itself():
    result = metrics(Ranks(ONE_SIDE, ONE_SIDE))
    for key, value in result.items():
        if ".realistic." in key or not key.split(".")[2].startswith(("adjusted_", "z_")):
            assert metric_key(key) == key
            assert metric(result, key) == value
    assert all(name in METRICS for name in SYNONYMS)


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("mmr", UnknownNameError, "metric: name = 'mmr' is unknown (did you mean 'mr"),
        (
            "median_rnk",
            UnknownNameError,
            "metric: name = 'median_rnk' is unknown (did you mean 'median_rank'?); known are arithmetic",
        ),
        ("mrr3", UnknownNameError, "metric: name = 'mrr3' is unknown (did you mean 'mrr'?)"),
        ("mrr.", UnknownNameError, "metric: name = 'mrr.' is unknown"),
        ("left.mrr", UnknownNameError, "metric: name = 'left.mrr' is unknown"),
        ("tail.optimistic", UnknownNameError, "metric: name = 'tail.optimistic' is unknown"),
        ("", UnknownNameError, "metric: name = '' is unknown"),
        ("tail", UnknownNameError, "metric: name = 'tail' is unknown"),
        ("hits@7", ValueError, "metric: name = 'hits@7' asks for k = 7; allowed: 1, 3, 5 or 10, others by calling hits_at_k"),
        ("adjusted_hits_at_3", ValueError, "metric: name = 'adjusted_hits_at_3' asks for k = 3; allowed: 10, others by calling"),
        ("optimistic.amri", ValueError, "metric: name = 'optimistic.amri' asks for optimistic ranks; allowed: realistic"),
        (
            "head.mrr",
            UnknownNameError,
            "metric: name = 'head.mrr' is 'head.realistic.inverse_harmonic_mean_rank', which the result",
        ),
        (None, TypeError, "metric: name is a NoneType; allowed: a name, such as 'mrr'"),
    ],
)
def test_names_that_are_none(name, error, said):
    with pytest.raises(error) as caught:
        metric(metrics(Ranks(tail=ONE_SIDE)), name)
    assert str(caught.value).startswith(said)


def test_scores_that_are_all_infinite_are_no_bad_input_but_an_overflow():
    scores = np.array([[0.0, 1.0], [np.inf, -np.inf]])
    zeros = np.zeros((2, 2))
    model = SimpleNamespace(score_t=lambda hr: scores[hr[:, 0]], score_h=lambda rt: zeros[rt[:, 0]], num_entities=2)
    said = r"evaluate: all tail scores of triples\[1\] are infinite; allowed: at least one that is finite"
    with pytest.raises(FloatingPointError, match=said):
        evaluate(model, [[0, 0, 1], [1, 0, 1]])
