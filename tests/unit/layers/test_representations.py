"""Representations made of others: what they say, what goes back to each table, and that they stand in the place of a table."""

import copy
import pickle
from fractions import Fraction

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import SAME_SUM, TRUNCATED

from npembed import Embedding, Op, pipeline
from npembed import load as load_run
from npembed.check import UnknownNameError
from npembed.kge.datasets import Nations
from npembed.kge.evaluation import evaluate
from npembed.kge.models import ERModel
from npembed.kge.models.representations import Sides, named_layers
from npembed.kge.training import OptimizerUpdate, fit, table_rows
from npembed.kge.uncertainty import predict_hrt_uncertain, score_moments
from npembed.layers import collect
from npembed.layers.representations import (
    REPRESENTATIONS,
    CombinedRepresentation,
    EmbeddingBagRepresentation,
    LowRankRepresentation,
    SubsetRepresentation,
    add,
    concat,
    low_rank,
    multiply,
)
from npembed.numerics.random import TorchGenerator
from npembed.show.recorder import Recorder
from npembed.verify.gradcheck import check_vjp

NATIONS = Nations().training
IDS = np.array([[4, 0, 4], [2, 2, 0]])


def table(n=6, shape=3, *, seed=0, dtype="float64", **options):
    return Embedding(n, shape=shape, dtype=dtype, rng=seed, **options)


def same(found, expected):
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def exact_scores(h, r, candidates):
    """DistMult's scores of all `candidates` as tails, summed in fractions: the same numbers, and the same ties, on every processor."""
    exact = [[Fraction(float(x)) for x in row] for row in (h, r, *candidates)]
    h, r, *candidates = exact
    return np.array([float(sum(a * b * c for a, b, c in zip(h, r, t, strict=True))) for t in candidates], np.float32)


def bag(mode, **o):
    return EmbeddingBagRepresentation.from_iter(TOKENS, shape=4, mode=mode, embedding_bag_kwargs=F8, rng=3, **o)


MAKERS = {
    "bag": lambda **o: bag("mean", **o),
    "longest": lambda **o: bag("max", **o),
    "embedding": lambda **o: Embedding(6, shape=4, rng=3, dtype="float64", **o),
    "subset": lambda **o: SubsetRepresentation(6, base=table(8, 4, normalizer="normalize", **CHARGED), rng=3, **o),
    "low_rank": lambda **o: LowRankRepresentation(
        base=table(2, 4, **CHARGED), weight=table(6, 2, seed=1, normalizer="softmax", **CHARGED), rng=3, **o
    ),
    "combined": lambda **o: CombinedRepresentation(
        base=[table(6, 3, normalizer="normalize"), table(6, 1, seed=1, **CHARGED)], rng=3, **o
    ),
    "sum": lambda **o: CombinedRepresentation(base=[table(6, 4), table(6, 4, seed=1)], combination="sum", rng=3, **o),
    "product": lambda **o: CombinedRepresentation(base=[table(6, 4), table(6, 4, seed=1)], combination="product", rng=3, **o),
    "nested": lambda **o: CombinedRepresentation(
        base=[
            SubsetRepresentation(6, base=LowRankRepresentation(7, 4, 2, base_kwargs=F8, weight_kwargs=F8, dropout=0.3, rng=5)),
            table(6, 4),
        ],
        combination="product",
        rng=3,
        **o,
    ),
}
F8 = {"dtype": "float64"}
CHARGED = {"regularizer": "lp", "regularizer_kwargs": {"p": 3}}
TOKENS = [[0, 3], [], [2], [2, 2, 1, 0], [3, 1], []]
KINDS = sorted(MAKERS)


# What they say


def test_a_subset_says_what_its_base_says():
    """PyKEEN's goes around the normalizer of its base (P16)."""
    base = table(8, 4, normalizer="normalize", regularizer="lp")
    subset = SubsetRepresentation(5, base=base)
    same(subset(IDS), base(IDS))
    np.testing.assert_allclose(np.linalg.norm(subset(), axis=-1), 1, rtol=1e-15)
    assert subset().shape == (5, 4)
    assert subset.regularization_term == pytest.approx(3 * 1.0)  # the base's regularizer, of three lookups
    assert base.regularization_term == 1.0  # of its own lookup
    faithful = SubsetRepresentation(5, base=base, compat="pykeen")
    same(faithful(IDS), base.weight[IDS])
    assert faithful.regularization_term == 0


@pytest.mark.parametrize("compat", [None, "pykeen"])
def test_a_subset_checks_its_ids(compat):
    subset = SubsetRepresentation(5, base=table(8, 4), compat=compat)
    with pytest.raises(
        IndexError, match=r"^SubsetRepresentation: indices\[1\] = 5 is outside a table of 5 rows; valid ids are 0..4"
    ):
        subset([0, 5])


def test_low_rank_mixes_its_bases():
    low = LowRankRepresentation(6, (2, 3), num_bases=4, base_kwargs=F8, weight_kwargs=F8, rng=0)
    assert [layer.weight.shape for layer in low.layers] == [(4, 2, 3), (6, 4)]
    assert low.num_bases == 4
    expected = sum(low.weight.weight[IDS][..., k, None, None] * low.base.weight[k] for k in range(4))
    np.testing.assert_allclose(low(IDS), expected, rtol=SAME_SUM, atol=SAME_SUM)


def test_combinations():
    a, b = table(6, 3, normalizer="normalize"), table(6, 3, seed=1)
    x, y = unit(a.weight[IDS]), b.weight[IDS]
    expected = {"concat": np.concatenate([x, y], -1), "sum": x + y, "product": x * y}
    for name, value in expected.items():
        for asked in (name, f"{name.title()}Combination"):
            found = CombinedRepresentation(base=[a, b], combination=asked)(IDS)
            np.testing.assert_allclose(found, value, rtol=SAME_SUM)
    faithful = CombinedRepresentation(base=[a, b], compat="pykeen")
    same(faithful(IDS), np.concatenate([a.weight[IDS], y], -1))


def test_a_combination_along_another_axis_and_one_of_ones_own():
    a, b = table(6, (2, 3)), table(6, (1, 3), seed=1)
    for dim in (1, -2):
        found = CombinedRepresentation(base=[a, b], combination_kwargs={"dim": dim})
        assert found.shape == (3, 3)
        same(found(IDS), np.concatenate([a.weight[IDS], b.weight[IDS]], axis=-2))
    first = (lambda x, y: x.copy(), lambda g, x, y: (g, np.zeros_like(y)))
    same(CombinedRepresentation(base=[a, b], combination=first)(IDS), a.weight[IDS])


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_a_bag_pools_the_rows_of_its_tokens(mode):
    """An id without tokens is a row of zeros, alone, among others, and at the end; in PyKEEN it is an error (F9, P3)."""
    made = bag(mode)
    assert (made.max_id, made.shape, made.table.max_id) == (6, (4,), 4)
    assert made.layers == (made.table,)
    pool = {"sum": np.sum, "mean": np.mean, "max": np.max}[mode]
    expected = np.array([pool(made.table.weight[tokens], axis=0) if tokens else np.zeros(4) for tokens in TOKENS])
    for ids in (None, IDS, 1, [5], [[1, 3], [3, 1]]):
        found = made(ids)
        np.testing.assert_allclose(found, expected if ids is None else expected[ids], rtol=SAME_SUM)
    rng = np.random.default_rng(0)
    pairs = made.assignment
    assert pairs.tolist() == [[i, token] for i, tokens in enumerate(TOKENS) for token in tokens]
    shuffled = EmbeddingBagRepresentation(
        rng.permutation(pairs), 6, mode, shape=4, embedding_bag_kwargs={**F8, "max_id": 9, "initializer": np.ones((9, 4))}
    )
    assert shuffled.table.max_id == 9
    np.testing.assert_allclose(shuffled()[3], 4.0 if mode == "sum" else 1.0)
    assert EmbeddingBagRepresentation(pairs, shape=4).max_id == 5
    assert EmbeddingBagRepresentation.from_iter([[], []], shape=4)().tolist() == [[0.0] * 4] * 2


def test_the_state_of_a_bag_holds_its_assignment():
    made = bag("sum")
    state = made.state_dict()
    assert {name: array.shape for name, array in state.items()} == {"assignment": (9, 2), "embedding_bag.weight": (4, 4)}
    made.load_state_dict({**state, "assignment": state["assignment"][::-1]})
    before = made()
    with pytest.raises(ValueError, match=r"^load_state_dict: state\['assignment'\] is another one; allowed: that of"):
        made.load_state_dict({"assignment": state["assignment"][1:], "embedding_bag.weight": state["embedding_bag.weight"] + 1})
    same(made(), before)


# Approximation


@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.sampled_from([(3,), (2, 3), (1,)]), st.booleans())
def test_an_approximation_is_as_near_as_can_be(seed, n, shape, is_complex):
    """Eckart and Young: the error is what the singular values say that were left out. PyKEEN's never works (F8)."""
    other = table(n, shape, seed=seed, dtype="complex128" if is_complex else "float64", dropout=0.5)
    flat = other.weight.reshape(n, -1)
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(flat @ flat.conj().T)[::-1], 0))
    for k in range(min(flat.shape) + 1):
        low = LowRankRepresentation.approximate(other, num_bases=k)
        assert (low.max_id, low.shape, low.num_bases, low.dtype) == (n, shape, k, other.dtype)
        error = np.linalg.norm((low.eval()() - other.weight).reshape(n, -1))
        assert abs(error - np.linalg.norm(values[k:])) <= TRUNCATED * values[0]
    assert other.training


def test_an_approximation_is_of_what_is_said_and_can_be_trained():
    other = table(6, 4, normalizer="normalize")
    low = LowRankRepresentation.approximate(other, num_bases=4, normalizer="normalize", rng=0)
    np.testing.assert_allclose(low(), unit(other.weight), rtol=1e-12)
    before = low()
    assert all(layer.trainable for layer in low.layers)
    low.base.weight = low.base.weight + 1
    low.reset_parameters()
    same(low(), before)
    single = LowRankRepresentation.approximate(Embedding(9, 5, rng=0), num_bases=2)
    assert single.dtype == np.float32


# Gradients


def as_ops(made, ids):
    """What is said and what is charged, as functions of the tables; dropout masks stay the same."""
    state = made.rng.get_state()
    states = [(part, part.rng.get_state()) for part in made.parts]

    def looked(tables):
        for layer, value in zip(made.layers, tables, strict=True):
            layer.restore(value)
        for part, state in states:
            part.rng.set_state(state)
        return made.look_up(ids)

    def gradients(tables, *g):
        made.rng.set_state(state)
        pairs = looked(tables).pull(*g)
        totals = {id(layer): np.zeros_like(layer.weight) for layer in made.layers}
        for layer, gradient in pairs:
            totals[id(layer)] += gradient.to_dense()
        return tuple(totals.values())

    said = Op(lambda *tables: looked(tables).output, lambda g, *tables: gradients(tables, g, 0.0))
    charged = Op(lambda *tables: np.asarray(looked(tables).penalty()), lambda g, *tables: gradients(tables, None, float(g)))
    return said, charged


OPTIONS = [
    {},
    {"normalizer": "normalize", "unique": True},
    {"normalizer": "normalize", "unique": False, "dropout": 0.4},
    {"normalizer": "clamp_norm", "normalizer_kwargs": {"maxnorm": 1.1}, "regularizer": "lp", "regularizer_kwargs": {"p": 3}},
    {"regularizer": "lp", "regularizer_kwargs": {"p": 2, "weight": 0.3}, "unique": True, "dropout": 0.4},
]


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_agree_with_differences(kind):
    """With everything switched on; each option by itself is in `slow/test_every_gradient.py`."""
    made = MAKERS[kind](**OPTIONS[-1])
    tables = [layer.weight.copy() for layer in made.layers]
    for op in as_ops(made, IDS):
        assert check_vjp(op, *tables, rng=1, entries=3).kinks == 0


@pytest.mark.parametrize("kind", KINDS)
def test_pullback_and_backward_give_each_table_its_own(kind):
    made = MAKERS[kind](regularizer="lp")
    g = naive.rows(np.random.default_rng(1), (*IDS.shape, 4))
    before = [layer.weight.copy() for layer in made.layers]
    states = [part.rng.get_state() for part in made.parts]
    _, pullback = made.vjp(IDS)
    for part, state in zip(made.parts, states, strict=True):
        part.rng.set_state(state)
    made(IDS)
    found, expected = made.backward(g), pullback(g, 1.0)
    if kind == "embedding":
        found, expected = (found,), (expected,)
    assert len(found) == len(made.layers)
    for layer, a, b, weight in zip(made.layers, found, expected, before, strict=True):
        same(a.rows, b.rows)
        same(a.values, b.values)
        same(layer.grad.to_dense(), a.to_dense())
        same(layer.weight, weight)
    made(IDS)
    made.backward(g)
    made.zero_grad()
    assert all(layer.grad is None for layer in made.layers)
    assert made.regularization_term == 0
    with pytest.raises(RuntimeError, match=rf"^{type(made).__name__}.backward: no forward"):
        made.backward(g)
    with pytest.raises(ValueError, match=rf"^{type(made).__name__}: grad_output has shape \(2,\); allowed: \(2, 3, 4\)"):
        pullback(g[0, :2, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_a_charge_is_added(kind):
    made = MAKERS[kind](regularizer="lp", normalizer="normalize", regularizer_kwargs={"p": 1}).eval()
    g = naive.rows(np.random.default_rng(1), (*IDS.shape, 4))
    looked = made.look_up(IDS)
    both, said, charged = (collect(made.layers, looked.pull(*how)) for how in ((g, 0.7), (g, 0.0), (None, 0.7)))
    for a, b, c in zip(both, said, charged, strict=True):
        assert np.abs(c.values).max() > 0
        np.testing.assert_allclose(a.to_dense(), b.to_dense() + c.to_dense(), rtol=SAME_SUM, atol=SAME_SUM)
    assert looked.pull(None, 0.0) == []


def test_a_shared_table_gets_the_sum():
    shared = table(6, 3)
    both = CombinedRepresentation(base=[shared, SubsetRepresentation(6, base=shared), table(6, 3, seed=1)], combination="sum")
    assert len(both.layers) == 2
    assert both.layers[0] is shared
    assert both.parts[0] is both
    assert len(both.parts) == 4
    g = naive.rows(np.random.default_rng(1), (*IDS.shape, 3))
    once, other = both.vjp(IDS)[1](g)
    np.testing.assert_allclose(once.to_dense(), 2 * other.to_dense(), rtol=SAME_SUM)
    square = CombinedRepresentation(base=[shared, shared], combination="product")
    (found,) = square.vjp(IDS)[1](g)
    expected = naive.scatter_add(np.zeros((6, 3)), IDS, 2 * g * shared.weight[IDS])
    np.testing.assert_allclose(found.to_dense(), expected, rtol=SAME_SUM, atol=SAME_SUM)


def test_a_table_that_was_not_looked_up_has_an_empty_gradient_and_a_frozen_one_keeps_none():
    low = LowRankRepresentation(6, 3, 2, base_kwargs={"trainable": False}, rng=0)
    low([1])
    base, weight = low.backward(np.ones((1, 3), "f4"))
    assert base.rows.tolist() == [0, 1]  # the bases are looked up whole
    assert weight.rows.tolist() == [1]
    assert low.base.grad is None
    assert low.weight.grad.rows.tolist() == [1]
    base, weight = low.vjp(np.zeros(0, int))[1](np.zeros((0, 3), "f4"))
    assert weight.rows.size == 0
    assert not base.values.any()


# unique


def counting(seen):
    """A normalizer that tells how many rows it was given; x -> 2 x."""

    def double(x):
        seen.append(x.shape)
        return 2 * x

    return double, lambda g, x: 2 * g


@pytest.mark.parametrize("kind", KINDS)
def test_unique_changes_what_is_computed_and_not_what_is_said(kind):
    seen = []
    one, other = (MAKERS[kind](unique=unique, normalizer=counting(seen), regularizer="lp") for unique in (True, False))
    for made in (one, other):
        made.eval()
        seen.clear()
        looked = made.look_up(IDS)
        assert seen == [(3, 4) if made is one else (2, 3, 4)]  # three of the ids differ
    same(one(IDS), other(IDS))
    below = any(part.regularizer for part in made.parts[1:])  # which charges once for what is looked up once
    if not below:
        assert one.look_up(IDS).penalty() == other.look_up(IDS).penalty() == looked.penalty()  # each repetition is charged for
    g = naive.rows(np.random.default_rng(1), (2, 3, 4))
    found, expected = (made.vjp(IDS)[1](g, 0.0 if below else 1.0) for made in (one, other))
    for a, b in zip(*((x if isinstance(x, tuple) else (x,)) for x in (found, expected)), strict=True):
        np.testing.assert_allclose(a.to_dense(), b.to_dense(), rtol=1e-13, atol=1e-15)
    same(one(np.array(3)), other(np.array(3)))
    seen.clear()
    same(one(), other())
    assert seen == [(6, 4)] * 2


def test_dropout_comes_after_the_repetition():
    layer = Embedding(3, 100, initializer="ones", dropout=0.5, unique=True, rng=0)
    a, b = layer([1, 1])
    assert (a != b).any()
    same(np.stack([a, b]), Embedding(3, 100, initializer="ones", dropout=0.5, rng=0)([1, 1]))


def test_unique_by_default():
    dropped = table(6, 3, dropout=0.5)
    assert not Embedding(3, 2).unique
    assert SubsetRepresentation(4, base=table()).unique
    assert not SubsetRepresentation(4, base=table(), dropout=0.5).unique
    assert not SubsetRepresentation(4, base=dropped).unique  # a repeated row would get the same mask
    assert not SubsetRepresentation(4, base=table(**CHARGED)).unique  # it would be charged for once
    assert SubsetRepresentation(4, base=table(), **CHARGED).unique
    assert SubsetRepresentation(4, base=dropped, compat="pykeen").unique
    assert SubsetRepresentation(4, base=table(**CHARGED), compat="pykeen").unique
    assert not CombinedRepresentation(base=[table(), table()], compat="pykeen").unique  # as the bases are
    assert CombinedRepresentation(base=[SubsetRepresentation(4, base=table())] * 2, compat="pykeen").unique


# Modes, copies, state


@pytest.mark.parametrize("kind", KINDS)
def test_modes_reach_all_parts(kind):
    made = MAKERS[kind]()
    assert made.eval() is made
    assert not any(part.training for part in made.parts)
    same(made(IDS), made(IDS))
    made.train()
    assert all(part.training for part in made.parts)
    with pytest.raises(ValueError, match=rf"^{type(made).__name__}.train: mode = 1 is not a choice"):
        made.train(1)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_go_on_as_the_original_does(kind):
    made = MAKERS[kind](dropout=0.3)
    for twin in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        same(twin(IDS), copy.deepcopy(made)(IDS))
        assert len(twin.layers) == len(made.layers)
        assert not set(map(id, twin.parts)) & set(map(id, made.parts))


@pytest.mark.parametrize("kind", KINDS)
def test_state_is_carried_over_whole_or_not_at_all(kind):
    made, other = MAKERS[kind](), MAKERS[kind]()
    for layer in other.layers:
        layer.weight = layer.weight + 1
    state = other.state_dict()
    made.load_state_dict(state)
    for a, b in zip(made.layers, other.layers, strict=True):
        same(a.weight, b.weight)
        assert not np.shares_memory(a.weight, b.weight)
    made = MAKERS[kind]()
    before = [layer.weight.copy() for layer in made.layers]
    last = [name for name in state if name.endswith(("_embeddings.weight", "embedding_bag.weight"))][-1]
    for broken, error in (
        ({name: array for name, array in state.items() if name != last}, KeyError),
        ({**state, last: state[last][:-1]}, ValueError),
        ({**state, last: state[last].astype("f4")}, TypeError),
        ({**state, "foo": state[last]}, UnknownNameError),
        (3, TypeError),
    ):
        with pytest.raises(error, match=r'^"?load_state_dict'):
            made.load_state_dict(broken)
        for layer, weight in zip(made.layers, before, strict=True):
            same(layer.weight, weight)


def test_constrainers_and_draws_reach_the_tables():
    base = table(6, 3, constrainer="normalize")
    low = SubsetRepresentation(4, base=base, regularizer="lp")
    base.weight = 3 * base.weight
    low([3, 3])
    low.post_parameter_update()
    np.testing.assert_allclose(np.linalg.norm(base.weight, axis=1), 1, rtol=1e-15)
    assert low.regularization_term == 0
    before = base.weight.copy()
    low.reset_parameters()
    assert (base.weight != before).any()


def test_what_it_shows_of_itself():
    low = LowRankRepresentation(6, 3, 2, normalizer="normalize", dropout=0.5, rng=0)
    assert repr(low) == (
        "LowRankRepresentation(max_id=6, shape=(3,), normalizer=normalize, dropout=0.5, "
        "base=Embedding(max_id=2, shape=(3,), dtype=float32), weight=Embedding(max_id=6, shape=(2,), dtype=float32))"
    )


# In a model

SIDES_KWARGS = {
    "embedding_bag": {"shape": 8, "assignment": [[i, j] for i in range(14) for j in range(i % 5, 8, 1 + i)]},
    "low_rank": {"shape": 8, "num_bases": 5},
    "combined": {"base_kwargs": [{"shape": 3}, {"shape": 5, "normalizer": "normalize"}]},
    "subset": {"base_kwargs": {"max_id": 60, "shape": 8, "constrainer": "normalize"}, "dropout": 0.1},
    "embedding": {"shape": 8, "unique": True, "normalizer": "normalize"},
}


def model_of(kind, *, interaction="distmult", seed=0, entity=None, relation=None, **about):
    return ERModel(
        triples_factory=NATIONS, interaction=interaction, random_seed=seed, entity_representations=kind,
        entity_representations_kwargs={**SIDES_KWARGS[kind], **(entity or {})},
        relation_representations_kwargs={"shape": 8, **(relation or {})}, **about,
    )  # fmt: skip


PLAIN = [
    {},
    {"entity": {"normalizer": "normalize", "dropout": 0.2}, "relation": {"constrainer": "normalize"}},
    {"entity": {"regularizer": "lp", "normalizer": "softmax"}, "relation": {"regularizer": "lp", "dropout": 0.3}},
    {"dtype": "complex64", "entity": {"regularizer": "lp"}, "interaction": "rotate"},
    {"dtype": "float64", "entity": {"dropout": 0.5}, "relation": {"regularizer": "lp"}, "interaction": "transe"},
]


@pytest.mark.parametrize("options", PLAIN, ids=str)
def test_two_tables_give_the_same_bits_either_way(options, monkeypatch):
    """`npembed.kge` is the definition; the way by lookups must agree with it, draws of dropout included."""
    options = dict(options)
    dtype = options.pop("dtype", "float32")
    options.setdefault("interaction", "distmult")
    sides = {side: {"embedding_dim": 6, "dtype": dtype, **options.pop(side, {})} for side in ("entity", "relation")}

    def run(plain):
        monkeypatch.setattr(Sides, "_plain", plain)
        model = ERModel(
            triples_factory=NATIONS, random_seed=3, entity_representations_kwargs=sides["entity"],
            relation_representations_kwargs=sides["relation"], **options,
        )  # fmt: skip
        rng = np.random.default_rng(4)
        positives = NATIONS.mapped_triples[:40]
        negatives = np.stack([rng.integers(0, (14, 55, 14), (40, 3)) for _ in range(3)], axis=1)
        yield model.score_hrt(positives), ()
        yield model.score_t(positives[:, :2]), ()
        yield model.loss_and_gradients(positives, negatives)
        yield model.loss_and_gradients(positives, negatives, rng.random((40, 3)) < 0.5)
        for target, columns, n in (("tail", [0, 1], 14), ("head", [1, 2], 14), ("relation", [0, 2], 55)):
            labels = (rng.random((7, n)) < 0.3).astype(np.float32)
            yield model.lcwa_loss_and_gradients(positives[:7, columns], labels, target)
        yield np.array([epoch.loss for epoch in fit(model, positives, epochs=2, lr=0.1, batch_size=16)]), ()
        yield np.array(repr(model.rng)), ()

    for (a, first), (b, second) in zip(run(True), run(False), strict=True):
        np.testing.assert_array_equal(a, b)
        assert type(a) is type(b)
        assert len(first) == len(second)
        for x, y in zip(first, second, strict=True):
            same(x.rows, y.rows)
            same(x.values, y.values)


@pytest.mark.parametrize("target", ["head", "relation", "tail"])
def test_many_candidates_are_scored_in_blocks(target, monkeypatch):
    from npembed.kge.models import composites

    def run():
        model = model_of("low_rank", loss="bce_with_logits")
        labels = (np.random.default_rng(1).random((5, 55 if target == "relation" else 14)) < 0.3).astype("f4")
        pairs = NATIONS.mapped_triples[:5][:, {"head": [1, 2], "relation": [0, 2], "tail": [0, 1]}[target]]
        return model.lcwa_loss_and_gradients(pairs, labels, target)

    whole, gradients = run()
    monkeypatch.setattr(composites, "BLOCK", 3 * 5 * 8)
    loss, others = run()
    assert loss == whole
    for a, b in zip(gradients, others, strict=True):
        np.testing.assert_allclose(a.to_dense(), b.to_dense(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("loop", ["slcwa", "lcwa"])
@pytest.mark.parametrize("kind", sorted(SIDES_KWARGS))
def test_training_lowers_the_loss(kind, loop):
    model = model_of(kind, loss="bce_with_logits")
    epochs = list(fit(model, NATIONS.mapped_triples, epochs=8, lr=0.05, optimizer="adam", loop=loop))
    assert epochs[-1].loss < 0.96 * epochs[0].loss
    assert len(model.layers) == len(model.entity_representations[0].layers) + 1
    model.eval()
    norms = np.linalg.norm(model.entity_representations[0].table_rows(), axis=1)
    np.testing.assert_allclose(epochs[-1].entity_row_norms, (norms.min(), norms.max()), rtol=1e-6)


@pytest.mark.parametrize("kind", sorted(SIDES_KWARGS))
def test_ranks_and_predictions_are_those_of_the_rows_that_are_said(kind):
    model = model_of(kind)
    entities, (relations,) = model.entity_vectors(), (model.relation_vectors(),)
    assert model.entity_representations[0].training
    assert all(part.training for part in model.parts)
    scores = exact_scores(entities[3], relations[7], entities)
    found = model.predict_tails(3, 7, k=None)
    assert [answer.id for answer in found] == np.argsort(-scores, kind="stable").tolist()
    np.testing.assert_allclose([answer.score for answer in found], np.sort(scores)[::-1], rtol=1e-5)
    same(model.entity_vector(2), entities[2])
    twin = model_of(kind, entity={"dropout": None})
    testing = Nations().testing.mapped_triples
    assert evaluate(model, testing) == evaluate(twin, testing)
    assert all(part.training for part in model.parts)


@pytest.mark.parametrize("kind", sorted(SIDES_KWARGS))
def test_a_run_is_saved_and_goes_on_bit_for_bit(kind, tmp_path):
    kwargs = {
        "entity_representations": kind, "entity_representations_kwargs": SIDES_KWARGS[kind],
        "relation_representations_kwargs": {"shape": 8},
    }  # fmt: skip
    result = pipeline(dataset="nations", interaction="distmult", model_kwargs=kwargs, epochs=1, random_seed=0)
    result.save_to_directory(tmp_path)
    other = load_run(tmp_path)
    assert other.model.settings == result.model.settings
    assert result.train(1).losses == other.train(1).losses
    for a, b in zip(result.model.layers, other.model.layers, strict=True):
        same(a.weight, b.weight)
    assert result.to_dict()["entity_row_norms"] == other.to_dict()["entity_row_norms"]


@pytest.mark.parametrize("nested", [False, True])
def test_a_run_of_what_was_made_before_trains_but_cannot_be_written_down(nested, tmp_path):
    base = Embedding(60, 8, rng=1)
    kwargs = {"relation_representations_kwargs": {"shape": 8}}
    if nested:
        kwargs |= {"entity_representations": "subset", "entity_representations_kwargs": {"base": base}}
    else:
        kwargs |= {"entity_representations": SubsetRepresentation(14, base=base)}
    result = pipeline(dataset="nations", interaction="distmult", model_kwargs=kwargs, epochs=1, random_seed=0)
    with pytest.raises(
        TypeError, match=r"^save_to_directory: model.entity_representations\S* is an? \w+; allowed: names, numbers"
    ):
        result.save_to_directory(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_was_made_before_keeps_its_rows_and_draws_from_the_model():
    base = Embedding(55, 4, rng=5, dropout=0.5)
    before = base.weight.copy()
    subset = SubsetRepresentation(14, base=base)
    model = ERModel(
        triples_factory=NATIONS,
        interaction="distmult",
        entity_representations=[subset],
        relation_representations=base,
        random_seed=0,
    )  # entities are the first rows of the relations
    same(base.weight, before)
    assert model.layers == (base,)
    assert all(part.rng is model.rng for part in model.parts)
    state = model.state_dict()
    assert list(state) == ["entity_representations.0.base._embeddings.weight", "relation_representations.0._embeddings.weight"]
    twin = copy.deepcopy(model)
    same(model.score_hrt(NATIONS.mapped_triples[:5]), twin.score_hrt(NATIONS.mapped_triples[:5]))
    _, (gradient,) = model.loss_and_gradients(NATIONS.mapped_triples[:5], NATIONS.mapped_triples[5:10, None])
    assert gradient.num_rows == 55
    epochs = list(fit(model, NATIONS.mapped_triples, epochs=8, lr=0.05, optimizer="adam"))
    assert epochs[-1].loss < 0.9 * epochs[0].loss


@pytest.mark.long
@pytest.mark.parametrize("kind", ["low_rank", "nested"])
def test_the_gradient_of_a_model(kind):
    """From the tables to the loss and back, with regularizers at two depths."""
    entity = {"regularizer": "lp", "normalizer": "normalize"}
    if kind == "low_rank":
        made = LowRankRepresentation(14, 4, 3, base_kwargs={**F8, "regularizer": "lp"}, weight_kwargs=F8, rng=0, **entity)
    else:
        inner = LowRankRepresentation(14, 4, 3, base_kwargs=F8, weight_kwargs={**F8, "regularizer": "lp"}, rng=0)
        made = CombinedRepresentation(base=[inner, table(14, 4)], combination="product", **entity)
    model = ERModel(
        triples_factory=NATIONS, interaction="distmult", loss="softplus", random_seed=0, entity_representations=made,
        relation_representations_kwargs={"shape": 4, "regularizer": "lp", **F8},
    )  # fmt: skip
    positives = NATIONS.mapped_triples[:6]
    negatives = NATIONS.mapped_triples[6:18].reshape(6, 2, 3)
    labels = (np.random.default_rng(1).random((6, 14)) < 0.3).astype(float)

    def put(tables):
        for layer, value in zip(model.layers, tables, strict=True):
            layer.restore(value)

    for run in (
        lambda: model.loss_and_gradients(positives, negatives),
        lambda: model.lcwa_loss_and_gradients(positives[:, :2], labels),
    ):
        op = Op(
            lambda *tables, run=run: (put(tables), np.asarray(run()[0]))[1],
            lambda g, *tables, run=run: (put(tables), tuple(float(g) * d.to_dense() for d in run()[1]))[1],
        )
        assert check_vjp(op, *(layer.weight.copy() for layer in model.layers), rng=3, entries=5).kinks == 0


@pytest.mark.parametrize("kind", sorted(SIDES_KWARGS))
def test_a_model_is_drawn_from_one_seed(kind):
    a, b = model_of(kind), model_of(kind)
    for x, y in zip(a.layers, b.layers, strict=True):
        same(x.weight, y.weight)
    assert repr(a.rng) == repr(b.rng)
    a.reset_parameters_()
    assert (a.layers[0].weight != b.layers[0].weight).any()
    b.load_state_dict(a.state_dict())
    same(b.eval().score_hrt(np.array([[0, 1, 2]])), a.eval().score_hrt(np.array([[0, 1, 2]])))


def test_torchs_options_of_a_table_hold_in_a_model():
    """`npembed.kge` knows nothing of them, so that a table with one of them is looked up as a representation."""
    options = {"max_norm": 0.5, "padding_idx": 3, "dtype": "float64"}
    model = model_of("embedding", entity={"unique": False, "normalizer": None, **options}, relation=F8)
    assert np.linalg.norm(model.layers[0].weight[[0, 1]], axis=1).min() > 0.5
    triples = np.array([[0, 2, 3], [3, 2, 1]])
    h, r, t = model.layers[0].weight[[0, 3]], model.layers[1].weight[[2, 2]], model.layers[0].weight[[3, 1]]
    short = [x * np.minimum(1, 0.5 / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-300)) for x in (h, t)]
    np.testing.assert_allclose(model.score_hrt(triples)[:, 0], (short[0] * r * short[1]).sum(axis=1), rtol=1e-12, atol=1e-15)
    _, (gradient, _) = model.loss_and_gradients(triples, np.array([[[0, 2, 1]], [[1, 2, 0]]]))
    assert gradient.rows.tolist() == [0, 1]
    assert np.linalg.norm(model.layers[0].weight[[0, 1]], axis=1).max() <= 0.5


def test_names_of_tables():
    model = model_of("combined", relation={"regularizer": "lp"})
    assert list(model.named_layers) == [
        "entity_representations.0.base.0", "entity_representations.0.base.1", "relation_representations.0",
    ]  # fmt: skip
    assert list(named_layers(model_of("low_rank")._sides))[:2] == [
        "entity_representations.0.base", "entity_representations.0.weight",
    ]  # fmt: skip


def test_a_recorder_watches_tables_only():
    model = model_of("low_rank")
    with pytest.raises(TypeError, match=r"^Recorder: entities are a LowRankRepresentation; allowed: an Embedding"):
        next(fit(model, NATIONS.mapped_triples, epochs=1, lr=0.1, update=Recorder()))


def test_a_loss_that_is_not_finite_tells_which_rows():
    model = model_of("low_rank")
    model.entity_representations[0].weight.weight[3] = np.nan
    with pytest.raises(FloatingPointError, match=r"^fit: loss = nan in epoch 1, batch 1: entity rows 3 are not finite"):
        list(fit(model, NATIONS.mapped_triples, epochs=1, lr=0.1))


# What is refused

SIX = table(6, 3)
REFUSED = [
    (
        lambda: SubsetRepresentation(9, base=SIX),
        ValueError,
        "SubsetRepresentation: max_id = 9 is more than the base has; allowed: 0..6",
    ),
    (lambda: SubsetRepresentation(-1, base=SIX), ValueError, "SubsetRepresentation: max_id = -1 is out of range"),
    (lambda: SubsetRepresentation(2, 4, base=SIX), ValueError, r"SubsetRepresentation: shape = 4 does not fit; allowed: \(3,\)"),
    (
        lambda: SubsetRepresentation(2, base=3),
        TypeError,
        "SubsetRepresentation: base is a int; allowed: a representation, or a name",
    ),
    (
        lambda: SubsetRepresentation(2, base="foo"),
        UnknownNameError,
        "SubsetRepresentation: base = 'foo' is unknown; known are embedding",
    ),
    (lambda: SubsetRepresentation(2, base=SIX, colour=3), UnknownNameError, "SubsetRepresentation: option = 'colour' is unknown"),
    (
        lambda: SubsetRepresentation(2, base=SIX, base_kwargs={"shape": 3}),
        ValueError,
        "SubsetRepresentation: base is made already, and base_kwargs are given; allowed: one of them",
    ),
    (
        lambda: SubsetRepresentation(2, base_kwargs={"max_id": 3, "shape": 2, "foo": 1}),
        UnknownNameError,
        "SubsetRepresentation: base_kwargs = 'foo' is unknown",
    ),
    (lambda: SubsetRepresentation(2, base=SIX, dropout=2), ValueError, "SubsetRepresentation: dropout = 2 is out of range"),
    (lambda: SubsetRepresentation(2, base=SIX, unique=1), ValueError, "SubsetRepresentation: unique = 1 is not a choice"),
    (lambda: SubsetRepresentation(2, base=SIX, compat="torch"), ValueError, "Embedding|SubsetRepresentation: compat = 'torch'"),
    (lambda: Embedding(2, 3, unique=1), ValueError, "Embedding: unique = 1 is not a choice; allowed: None, True or False"),
    (
        lambda: SubsetRepresentation(2, base=SIX, normalizer="normalize", normalizer_kwargs={"dim": 0}),
        ValueError,
        "SubsetRepresentation: .*makes a row depend on the others",
    ),
    (
        lambda: LowRankRepresentation(6, 3, base_kwargs={"max_id": 3}),
        TypeError,
        "LowRankRepresentation: base_kwargs holds 'max_id'; allowed: options without it",
    ),
    (lambda: LowRankRepresentation(6), ValueError, "Embedding: embedding_dim and shape are both missing"),
    (lambda: LowRankRepresentation(6, 3, -1), ValueError, "LowRankRepresentation: num_bases = -1 is out of range"),
    (
        lambda: LowRankRepresentation(4, num_bases=3, base=SIX),
        ValueError,
        "LowRankRepresentation: num_bases = 3 does not fit; allowed: 6, as base has, or None",
    ),
    (
        lambda: LowRankRepresentation(4, weight=SIX, base=table(2, 3)),
        ValueError,
        r"LowRankRepresentation: weight has rows of shape \(3,\); allowed: \(2,\), a weight for each base",
    ),
    (
        lambda: LowRankRepresentation(4, weight=SIX, base=table(3, 5)),
        ValueError,
        "LowRankRepresentation: max_id = 4 does not fit; allowed: 6, as weight has, or None",
    ),
    (
        lambda: LowRankRepresentation(6, weight=SIX, shape=5),
        TypeError,
        "LowRankRepresentation: weight has dtype float64; allowed: float32, the dtype of base",
    ),
    (
        lambda: LowRankRepresentation.approximate(SIX, num_bases=4),
        ValueError,
        "approximate: num_bases = 4 is out of range; allowed: a whole number >= 0 and <= 3",
    ),
    (
        lambda: LowRankRepresentation.approximate(SIX, shape=3),
        TypeError,
        "approximate: shape = 3 is given; allowed: options without it",
    ),
    (
        lambda: CombinedRepresentation(6),
        ValueError,
        "CombinedRepresentation: neither base nor base_kwargs is a list; allowed: a list",
    ),
    (lambda: CombinedRepresentation(6, base=SIX), ValueError, "CombinedRepresentation: neither base nor base_kwargs is a list"),
    (lambda: CombinedRepresentation(6, base=[]), ValueError, "CombinedRepresentation: base has 0; allowed: a list"),
    (
        lambda: CombinedRepresentation(base=[SIX, SIX], base_kwargs=[None]),
        ValueError,
        "CombinedRepresentation: base has 2, base_kwargs has 1; allowed: ",
    ),
    (
        lambda: CombinedRepresentation(base=[SIX, table(5, 3)]),
        ValueError,
        r"CombinedRepresentation: base\[1\] has 5 rows; allowed: 6, as base\[0\] has \(a subset has fewer\)",
    ),
    (
        lambda: CombinedRepresentation(5, base=[SIX, SIX]),
        ValueError,
        "CombinedRepresentation: max_id = 5 does not fit; allowed: 6",
    ),
    (
        lambda: CombinedRepresentation(6, 5, base=[SIX, SIX]),
        ValueError,
        r"CombinedRepresentation: shape = 5 does not fit; allowed: \(6,\)",
    ),
    (
        lambda: CombinedRepresentation(base=[SIX, Embedding(6, 3)]),
        TypeError,
        "CombinedRepresentation: base.1 has dtype float32; allowed: float64, the dtype of base.0",
    ),
    (
        lambda: CombinedRepresentation(base=[SIX, SIX], combination="foo"),
        UnknownNameError,
        "CombinedRepresentation: combination = 'foo' is unknown; known are concat, sum, product",
    ),
    (
        lambda: CombinedRepresentation(base=[SIX, SIX], combination=np.add),
        TypeError,
        r"CombinedRepresentation: combination is a ufunc; allowed: a name, or a pair \(function, vjp\)",
    ),
    (
        lambda: CombinedRepresentation(base=[SIX, SIX], combination_kwargs={"axis": 1}),
        UnknownNameError,
        "CombinedRepresentation: combination_kwargs = 'axis' is unknown; known are dim",
    ),
    (
        lambda: CombinedRepresentation(base=[SIX, SIX], combination_kwargs={"dim": 0}),
        ValueError,
        r"CombinedRepresentation: combination_kwargs\['dim'\] = 0 is the axis of the ids; allowed: an axis of the row",
    ),
    (
        lambda: CombinedRepresentation(base=[table(6, ()), table(6, ())]),
        ValueError,
        r"CombinedRepresentation: rows of shape \(\) have no axis",
    ),
    (
        lambda: CombinedRepresentation(base=[SIX, SIX], combination=(lambda x, y: x.sum(), len)),
        ValueError,
        r"CombinedRepresentation: combination makes \(\) of one row; allowed: one row",
    ),
    (lambda: CombinedRepresentation(base=[SIX, table(6, 4)], combination="sum"), ValueError, r"add: xs\[1\] has shape \(1, 4\)"),
    (lambda: low_rank(np.ones((2, 3)), np.ones((2, 4))), ValueError, r"low_rank: weights has shape \(2, 3\); allowed: \(2, 2\)"),
    (
        lambda: low_rank(np.ones((2, 2), "f4"), np.ones((2, 4))),
        TypeError,
        "low_rank: weights has dtype float32; allowed: float64",
    ),
    (lambda: concat(), TypeError, "concat: nothing is given; allowed: one array at least"),
    (lambda: concat(np.ones((2, 2)), np.ones((3, 2))), ValueError, r"concat: xs\[1\] has shape \(3, 2\); allowed: \(2, 2\)"),
    (lambda: concat(np.ones(2), np.ones((2, 1))), ValueError, r"concat: xs\[1\] has shape \(2, 1\); allowed: "),
    (lambda: concat(np.ones(2), dim=1), ValueError, "concat: dim = 1 is no axis of an array with 1 axes"),
    (lambda: add(np.ones(2), np.ones(3)), ValueError, r"add: xs\[1\] has shape \(3,\); allowed: \(2,\), the shape of xs\[0\]"),
    (lambda: multiply(np.ones(2), [1.0]), TypeError, r"multiply: xs\[1\] is a list"),
    (
        lambda: ERModel(
            triples_factory=NATIONS, interaction="transe", entity_representations=SIX, relation_representations_kwargs=[{}]
        ),
        ValueError,
        r"Embedding: embedding_dim and shape are both missing|ERModel: entity_representations has 6 rows; allowed: 14, one for each",
    ),
    (
        lambda: ERModel(
            triples_factory=NATIONS,
            interaction="transe",
            entity_representations=[SIX, SIX],
            relation_representations_kwargs={"shape": 3},
        ),
        ValueError,
        "ERModel: entity_representations is a list of 2; allowed: one",
    ),
    (
        lambda: model_of("low_rank", entity={"max_id": 14}),
        TypeError,
        "ERModel: entity_representations_kwargs holds 'max_id'; allowed: options of Embedding without it",
    ),
    (
        lambda: model_of("low_rank", entity={"colour": 14}),
        UnknownNameError,
        "ERModel: entity_representations_kwargs = 'colour' is unknown",
    ),
    (
        lambda: model_of("low_rank", relation={"shape": 1}),
        ValueError,
        r"ERModel: entities float32 \(8,\) and relations float32 \(1,\) do not fit; allowed: rows of one axis, of one length",
    ),  # F15
]


@pytest.mark.parametrize(("call", "error", "said"), REFUSED, ids=[case[2][:50] for case in REFUSED])
def test_what_is_refused_says_why(call, error, said):
    before = SIX.weight.tobytes(), repr(SIX.rng)
    with pytest.raises(error, match=f"^(?:{said})") as caught:
        call()
    assert "\n" not in str(caught.value)
    assert (SIX.weight.tobytes(), repr(SIX.rng)) == before


def test_every_kind_is_in_the_registry_under_pykeens_name_too():
    from npembed.layers.representations import make

    about = {"function": "test", "argument": "base", "rng": TorchGenerator(0)}
    for name, kind in REPRESENTATIONS.items():
        for asked in (name, kind.__name__, kind):
            if kind is Embedding:
                assert type(make(asked, {"shape": 2}, max_id=3, **about)) is kind
            elif kind is SubsetRepresentation:
                assert type(make(asked, {"base": SIX}, max_id=3, **about)) is kind


def test_how_sure_a_score_of_a_composite_is():
    """Dropout of the rows that are scored has a law; dropout further below is sampled, and refused by the law."""
    hrt = NATIONS.mapped_triples[:3]
    model = model_of("subset", entity={"dropout": 0.5})
    sampled, exact = predict_hrt_uncertain(model, hrt, num_samples=3000), score_moments(model, hrt)
    np.testing.assert_allclose(sampled.score[:, 0], np.ravel(exact.score), atol=4 * np.sqrt(sampled.uncertainty.max() / 3000))
    below = model_of("low_rank", entity={"weight_kwargs": {"dropout": 0.5}})
    assert (predict_hrt_uncertain(below, hrt).uncertainty > 0).all()
    assert all(part.training for part in below.parts)
    with pytest.raises(
        ValueError, match=r"^score_moments: there is dropout in what a LowRankRepresentation is made of; allowed: "
    ):
        score_moments(below, hrt)


def test_looking_at_rows_drops_nothing_and_draws_nothing():
    low = LowRankRepresentation(6, 4, 2, weight_kwargs={"dropout": 0.9}, rng=0)
    before = repr(low.rng)
    same(table_rows(low, IDS), table_rows(low)[IDS])
    assert repr(low.rng) == before
    assert all(part.training for part in low.parts)


def test_scores_with_dropout_are_layered_and_the_others_agree():
    fused, layered = (model_of("low_rank", entity={"dropout": 0.5}) for _ in range(2))
    pairs = np.array([[0, 1], [3, 7]])
    same(fused.score_t(pairs, engine="fused"), layered.score_t(pairs))
    np.testing.assert_allclose(fused.eval().score_t(pairs, engine="fused"), layered.eval().score_t(pairs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("constrain", ["all", "rows_with_gradient"])
def test_an_update_forgets_what_was_charged(constrain):
    model = model_of("subset", entity={"regularizer": "lp"})
    update = OptimizerUpdate(model, "sgd", constrain=constrain)
    model.entity_representations[0]([1])
    assert model.entity_representations[0].regularization_term > 0
    update(model, model.loss_and_gradients(NATIONS.mapped_triples[:4], NATIONS.mapped_triples[4:8, None])[1], 0.1)
    assert model.entity_representations[0].regularization_term == 0
