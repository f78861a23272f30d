"""`ERModel`, Nations, the negative sampler, `fit`: PyKEEN's numbers, scores that agree, runs that can be repeated and stopped."""

import hashlib
import pathlib
import signal
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerances import PRINTED, PYKEEN_SCORE, SAME_RUN, SAME_SCORE

import npembed.kge.datasets
from npembed.kge.datasets import DATASETS, Nations, TriplesFactory
from npembed.kge.models import ERModel
from npembed.kge.samplers import SAMPLERS, basic
from npembed.kge.training import fit, step_, update_
from npembed.numerics.random import TorchGenerator
from npembed.show.recorder import Recorder

NATIONS = Nations().training
OPTIONS = {"clamp": {"min": -0.4, "max": 0.6}, "clamp_norm": {"maxnorm": 0.9}}


def small(interaction="transe", *, seed=0, dim=4, dtype=np.float64, entity=None, relation=None, triples=NATIONS, **about):
    rows = {"embedding_dim": dim, "dtype": dtype}
    return ERModel(
        triples_factory=triples,
        interaction=interaction,
        entity_representations_kwargs={**rows, **(entity or {})},
        relation_representations_kwargs={**rows, **(relation or {})},
        random_seed=seed,
        **about,
    )


def fingerprint(model):
    digest = hashlib.sha256()
    for layer in model.layers:
        digest.update(layer.weight.tobytes())
    return digest.hexdigest(), repr(model.rng)


# The example of PyKEEN's documentation


EXAMPLE = {
    0: ([0.4432, -0.1186, 0.5618, 0.4432, 0.5618, 0.5618, 0.4737, 0.4432, 0.4432, 0.4432], 0.3230854),
    1: ([0.0276, -0.1734, 4.2411, 0.0276, 4.4144, 4.2411, 4.2411, 4.2411, 4.4144, -0.1458], 3.0917349),
    42: ([-0.8383, 1.0427, -0.8467, 1.0427, 1.0427, -1.881, 1.0343, -0.8383, 0.0084, 1.0343], -0.6111149),
}


def example(seed, dropout=0.1):
    return ERModel(
        triples_factory=Nations().training,
        interaction="distmult",
        entity_representations_kwargs={"embedding_dim": 3, "dropout": dropout},
        relation_representations_kwargs={"embedding_dim": 3, "dropout": dropout},
        random_seed=seed,
    )


@pytest.mark.parametrize("seed", EXAMPLE)
def test_the_documentations_example_gives_pykeens_numbers(seed):
    scores, in_eval_mode = EXAMPLE[seed]
    model = example(seed)
    batch = np.array([[0, 1, 0]]).repeat(10, axis=0)
    found = model.score_hrt(batch)
    assert found.shape == (10, 1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, 0], scores, rtol=0, atol=PRINTED + PYKEEN_SCORE)
    found = model.eval().score_hrt(batch)
    np.testing.assert_allclose(found[:, 0], in_eval_mode, rtol=0, atol=PYKEEN_SCORE)


def test_the_examples_scores_are_sums_over_the_entries_that_survive():
    model = example(0)
    (e,), (r,) = model.layers[0].weight[[0]].astype(float), model.layers[1].weight[[1]].astype(float)
    parts = e * r * e / 0.9**3
    sums = np.array([sum(parts[i] for i in range(3) if subset >> i & 1) for subset in range(8)])
    found = model.score_hrt(np.array([[0, 1, 0]]).repeat(20_000, axis=0))[:, 0]
    assert np.abs(found[:, None] - sums).min(axis=1).max() <= PYKEEN_SCORE
    assert abs(found.mean() - 0.32309) < 0.01
    assert abs(found.std() - 0.26882) < 0.01


# Scores agree with each other and with the formula


NORMALIZED = ["normalize", "softmax", "clamp", "clamp_norm", "complex_normalize", None]


@settings(max_examples=50)
@given(
    interaction=st.sampled_from(
        [
            ("distmult", {}),
            ("transe", {}),
            ("transe", {"p": 2}),
            ("transe", {"p": 1, "power_norm": True}),
            ("transe", {"p": 2, "power_norm": True}),
        ]
    ),
    entity=st.sampled_from(NORMALIZED),
    relation=st.sampled_from(NORMALIZED),
    complex_rows=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_four_scores_agree(interaction, entity, relation, complex_rows, seed):
    name, options = interaction
    complex_rows = complex_rows and name == "transe" and not {"softmax", "clamp"} & {entity, relation}
    dtype = np.complex128 if complex_rows else np.float64
    model = small(
        name,
        interaction_kwargs=options,
        seed=seed,
        dtype=dtype,
        entity={"normalizer": entity, "normalizer_kwargs": OPTIONS.get(entity), "dropout": 0.5},
        relation={"normalizer": relation, "normalizer_kwargs": OPTIONS.get(relation), "dropout": 0.5},
    ).eval()
    hrt = np.random.default_rng(seed).integers(0, [14, 55, 14], (6, 3))
    h, r, t = hrt.T
    expected = model.score_hrt(hrt)
    assert expected.shape == (6, 1)
    assert expected.dtype == np.float64
    tails, relations, heads = model.score_t(hrt[:, :2]), model.score_r(hrt[:, [0, 2]]), model.score_h(hrt[:, 1:])
    assert (tails.shape, relations.shape, heads.shape) == ((6, 14), (6, 55), (6, 14))
    here = np.arange(6)
    scale = np.abs(expected[:, 0]).max() + 1
    for all_of_them, column in ((tails, t), (relations, r), (heads, h)):
        np.testing.assert_allclose(all_of_them[here, column], expected[:, 0], rtol=0, atol=SAME_SCORE * scale)
    # some candidates for all, and for each its own
    some = np.array([3, 13, 3])
    each = np.random.default_rng(seed).integers(0, 14, (6, 2))
    for found, every in ((model.score_t(hrt[:, :2], some), tails), (model.score_h(hrt[:, 1:], some), heads)):
        np.testing.assert_allclose(found, every[:, some], rtol=0, atol=SAME_SCORE * scale)
    for found, every in ((model.score_t(hrt[:, :2], each), tails), (model.score_h(hrt[:, 1:], each), heads)):
        np.testing.assert_allclose(found, np.take_along_axis(every, each, 1), rtol=0, atol=SAME_SCORE * scale)
    np.testing.assert_allclose(model.score_r(hrt[:, [0, 2]], some), relations[:, some], rtol=0, atol=SAME_SCORE * scale)


@pytest.mark.parametrize(
    ("name", "options", "formula"),
    [
        ("distmult", {}, lambda h, r, t: (h * r * t).sum(-1)),
        ("transe", {}, lambda h, r, t: -np.abs(h + r - t).sum(-1)),
        ("transe", {"p": 2}, lambda h, r, t: -np.sqrt(((h + r - t) ** 2).sum(-1))),
        ("transe", {"p": 2, "power_norm": True}, lambda h, r, t: -((h + r - t) ** 2).sum(-1)),
    ],
)
def test_scores_are_the_formula(name, options, formula):
    model = small(name, interaction_kwargs=options, entity={"normalizer": "normalize"})
    e, r = model.layers[0].weight, model.layers[1].weight
    e = e / np.sqrt((e * e).sum(axis=1, keepdims=True))
    expected = formula(e[:, None, None], r[None, :, None], e[None, None, :])
    np.testing.assert_allclose(model.score_t([[3, 7], [0, 54]]), expected[[3, 0], [7, 54]], rtol=SAME_SCORE)
    np.testing.assert_allclose(model.score_h([[7, 3]]), expected[:, 7, 3][None], rtol=SAME_SCORE)
    np.testing.assert_allclose(model.score_r([[2, 5]]), expected[2, :, 5][None], rtol=SAME_SCORE)


def test_f1_with_compat_the_scores_disagree_as_pykeens_do():
    model = small("transe", entity={"normalizer": "normalize", "compat": "pykeen"})
    signs = np.sign(model.layers[0].weight[3])
    unit = model.layers[0].weight / np.linalg.norm(model.layers[0].weight, axis=1, keepdims=True)
    expected = -np.abs(signs + model.layers[1].weight[7] - unit).sum(axis=1)
    np.testing.assert_allclose(model.score_t([[3, 7]])[0], expected, rtol=SAME_SCORE)
    assert abs(model.score_t([[3, 7]])[0, 5] - model.score_hrt([[3, 7, 5]])[0, 0]) > 0.1


def test_dropout_masks_are_drawn_for_heads_relations_tails_in_this_order():
    model = small("distmult", entity={"dropout": 0.5, "initializer": "ones"}, relation={"dropout": 0.25, "initializer": "ones"})
    rng = TorchGenerator.from_state(model.rng.get_state())
    h, r, t = (rng.bernoulli(1 - rate, (5, 4)) / (1 - rate) for rate in (0.5, 0.25, 0.5))
    found = model.score_hrt(np.zeros((5, 3), np.int64))
    np.testing.assert_allclose(found[:, 0], (h * r * t).sum(axis=1), rtol=SAME_SCORE)
    h, r, t = (
        rng.bernoulli(1 - rate, shape) / (1 - rate) for rate, shape in ((0.5, (5, 1, 4)), (0.25, (5, 1, 4)), (0.5, (14, 4)))
    )
    found = model.score_t(np.zeros((5, 2), np.int64))
    np.testing.assert_allclose(found, (h * r * t).sum(axis=2), rtol=SAME_SCORE)


def test_the_loss_is_the_margin_ranking_loss_of_both_scores():
    model = small()
    positives = NATIONS.mapped_triples[:5]
    negatives = np.random.default_rng(0).integers(0, [14, 55, 14], (5, 3, 3))
    loss, (dentities, drelations) = model.loss_and_gradients(positives, negatives)
    gaps = model.score_hrt(negatives.reshape(-1, 3)).reshape(5, 3) - model.score_hrt(positives) + 1
    np.testing.assert_allclose(loss, np.maximum(gaps, 0).mean(), rtol=SAME_SCORE)
    assert dentities.num_rows == 14
    assert drelations.num_rows == 55
    assert set(dentities.rows) <= set(np.concatenate([positives[:, [0, 2]].ravel(), negatives[:, :, [0, 2]].ravel()]))


# Construction


def test_draws_come_in_pykeens_order():
    model = small("distmult", seed=5, dtype=np.float32, relation={"initializer": "uniform"})
    rng = TorchGenerator(5)
    for _ in range(2):  # torch.nn.Embedding in its constructor, and when it is reset
        rng.normal((14 * 4,))
        rng.normal((55 * 4,))
    np.testing.assert_array_equal(model.layers[0].weight, rng.normal((14, 4)))
    np.testing.assert_array_equal(model.layers[1].weight, rng.rand((55, 4)))
    model.reset_parameters_()
    rng.normal((14 * 4,))
    rng.normal((55 * 4,))
    np.testing.assert_array_equal(model.layers[0].weight, rng.normal((14, 4)))
    np.testing.assert_array_equal(model.layers[1].weight, rng.rand((55, 4)))


def test_what_a_model_holds():
    model = small("TransE", entity={"constrainer": "normalize"})
    (entity,), (relation,) = model.entity_representations, model.relation_representations
    assert model.layers == (entity, relation)
    assert (model.num_entities, model.num_relations, entity.max_id, relation.max_id) == (14, 55, 14, 55)
    np.testing.assert_allclose(np.linalg.norm(entity.weight, axis=1), 1, rtol=1e-14)
    assert model.train() is model
    assert entity.training
    assert relation.training
    assert model.eval() is model
    assert not entity.training
    assert not relation.training
    assert "num_entities=14" in repr(model)
    assert "\n" not in repr(model)
    entity.weight[...] *= 2
    relation.weight[...] *= 2
    kept = relation.weight.copy()
    model.post_parameter_update()
    np.testing.assert_allclose(np.linalg.norm(entity.weight, axis=1), 1, rtol=1e-14)
    np.testing.assert_array_equal(relation.weight, kept)


def test_seed_generator_and_none():
    assert fingerprint(small(seed=3)) == fingerprint(small(seed=TorchGenerator(3))) != fingerprint(small(seed=4))
    numpy = [fingerprint(small(seed=np.random.default_rng(3)))[0] for _ in range(2)]
    assert numpy[0] == numpy[1] != fingerprint(small(seed=3))[0]
    assert fingerprint(small(seed=None))[0] != fingerprint(small(seed=None))[0]


# Nations


def test_the_files_are_those_of_pykeens_wheel():
    folder = pathlib.Path(npembed.kge.datasets.__file__).parent / "nations"
    expected = {
        "train.txt": "0830fa9da8e5bba2ccdaa45b7bdc9130451ba66b09ff2708f35fccaf82473e57",
        "valid.txt": "2b337a62e51a2f45c283eac98a70d21b7e0e102136be1539b2a52c652a7b0530",
        "test.txt": "3971085165b47b6aeaec68058c6d8d98b3005e929db81268410b95ae4db770ab",
    }
    for name, digest in expected.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert hashlib.md5((folder / "train.txt").read_bytes()).hexdigest() == "cb7e0ba8eb48770d27f35e63391dc678"


def test_nations():
    nations = Nations()
    for part, count in ((nations.training, 1592), (nations.validation, 199), (nations.testing, 201)):
        assert part.num_triples == count
        assert part.mapped_triples.shape == (count, 3)
        assert part.mapped_triples.dtype == np.int64
        assert part.num_entities == 14
        assert part.num_relations == 55
        assert part.entity_to_id == nations.training.entity_to_id
        as_tuples = [tuple(triple) for triple in part.mapped_triples.tolist()]
        assert as_tuples == sorted(set(as_tuples))
    entities = "brazil, burma, china, cuba, egypt, india, indonesia, israel, jordan, netherlands, poland, uk, usa, ussr"
    assert nations.training.entity_to_id == {label: i for i, label in enumerate(entities.split(", "))}
    assert list(nations.training.relation_to_id) == sorted(nations.training.relation_to_id)
    assert nations.training.relation_to_id["accusation"] == 0
    assert nations.training.relation_to_id["weightedunvote"] == 54
    assert nations.training.mapped_triples[:3].tolist() == [[0, 3, 2], [0, 3, 3], [0, 3, 10]]
    # SHA-256 of the bytes of mapped_triples as PyKEEN 1.11.1 holds them
    digests = {
        "training": "4a97d1b141fc5087d4c9f72f95bff5ab49aabff1d58d2e6db704add490fdb0e0",
        "validation": "58d07ec7d1e56eac66b9204fa46ef7a1f7a7cab10fa74f2c0d09e11abeec88c8",
        "testing": "aef688e4de6da2923e68ae828475daa5e45338f5f81edf545920ae19811f3afc",
    }
    for part, digest in digests.items():
        assert hashlib.sha256(getattr(nations, part).mapped_triples.astype("<i8").tobytes()).hexdigest() == digest
    assert DATASETS["nations"] is Nations


def test_the_triples_are_those_of_the_file():
    folder = pathlib.Path(npembed.kge.datasets.__file__).parent / "nations"
    for part, name in ((Nations().training, "train.txt"), (Nations().validation, "valid.txt"), (Nations().testing, "test.txt")):
        entity, relation = ({i: label for label, i in ids.items()} for ids in (part.entity_to_id, part.relation_to_id))
        found = {f"{entity[h]}\t{relation[r]}\t{entity[t]}" for h, r, t in part.mapped_triples.tolist()}
        assert found == set((folder / name).read_text(encoding="utf-8").splitlines())


# The negative sampler


def by_loops(seed, positives, num_entities, num_relations, num_negatives, corrupt):
    """The basic sampler, one triple after the other."""
    copies = [list(triple) for triple in positives.tolist() for _ in range(num_negatives)]
    part = (len(copies) + len(corrupt) - 1) // len(corrupt)
    rng = TorchGenerator(seed)
    for i, side in enumerate(corrupt):
        where = range(i * part, min((i + 1) * part, len(copies)))
        column = {"head": 0, "relation": 1, "tail": 2}[side]
        others = (num_relations if side == "relation" else num_entities) - 1
        for place, new in zip(where, rng.randint(0, others, len(where)).tolist(), strict=True):
            others_in_order = [i for i in range(others + 1) if i != copies[place][column]]
            copies[place][column] = others_in_order[new]
    return np.array(copies).reshape(len(positives), num_negatives, 3)


@pytest.mark.parametrize("corrupt", [("head", "tail"), ("tail",), ("relation",), ("head", "relation", "tail"), ("tail", "head")])
@pytest.mark.parametrize("num_negatives", [1, 2, 5])
@pytest.mark.parametrize("batch", [1, 2, 7, 64])
def test_the_sampler_equals_loops(batch, num_negatives, corrupt):
    positives = NATIONS.mapped_triples[:batch]
    kept = positives.copy()
    about = {"num_entities": 14, "num_relations": 55, "num_negatives": num_negatives, "corrupt": corrupt}
    found = basic(9, positives, **about)
    assert found.dtype == np.int64
    assert found.shape == (batch, num_negatives, 3)
    np.testing.assert_array_equal(found, by_loops(9, positives, 14, 55, num_negatives, corrupt))
    np.testing.assert_array_equal(positives, kept)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), batch=st.integers(1, 40), num_negatives=st.integers(1, 4), numpy=st.booleans())
def test_what_a_corrupted_triple_is(seed, batch, num_negatives, numpy):
    rng = np.random.default_rng(seed) if numpy else seed
    positives = np.random.default_rng(seed).integers(0, [5, 3, 5], (batch, 3))
    found = basic(rng, positives, num_entities=5, num_relations=3, num_negatives=num_negatives)
    assert found.min() >= 0
    assert found[..., [0, 2]].max() < 5
    changed = (found != positives[:, None]).reshape(-1, 3)
    assert (changed.sum(axis=1) == 1).all()  # one entry, never by itself
    half = -(-len(changed) // 2)
    assert changed[:half, 0].all()
    assert changed[half:, 2].all()


def test_replacements_are_spread_evenly_over_all_others():
    positives = np.zeros((20_000, 3), np.int64) + [2, 0, 4]
    found = basic(0, positives, num_entities=5)[:, 0]
    heads, tails = np.bincount(found[:10_000, 0], minlength=5), np.bincount(found[10_000:, 2], minlength=5)
    assert heads[2] == 0
    assert tails[4] == 0
    for counts in (heads, tails):
        assert np.abs(counts[counts > 0] - 2500).max() < 200  # sigma is 43


def test_the_sampler_has_a_name():
    assert SAMPLERS["basic"] is basic


# Training


@pytest.mark.parametrize("place", ["normalizer", "constrainer"])
def test_training_equals_plain_loops(place):
    """TransE, p = 1: the whole of `fit` against loops over triples, in float64."""
    model = small(seed=8, entity={place: "normalize"})
    entities, relations = (layer.weight.copy() for layer in model.layers)
    rng = TorchGenerator.from_state(model.rng.get_state())
    triples, lr, losses = NATIONS.mapped_triples[:50], 0.3, []
    for _ in range(3):
        order, epoch = rng.randperm(50), []
        for start in (0, 20, 40):
            positives = triples[order[start : start + 20]]
            size = len(positives)
            negatives = positives.copy()
            half = (size + 1) // 2
            for rows, column in ((range(half), 0), (range(half, size), 2)):
                for i, drawn in zip(rows, rng.randint(0, 13, len(rows)), strict=True):
                    negatives[i, column] = drawn + (drawn >= positives[i, column])
            de, dr, total = np.zeros_like(entities), np.zeros_like(relations), 0.0
            lengths = np.sqrt((entities**2).sum(axis=1)) if place == "normalizer" else np.ones(14)
            seen = entities / lengths[:, None]
            for true, false in zip(positives, negatives, strict=True):
                rests = [seen[h] + relations[r] - seen[t] for h, r, t in (true, false)]
                gap = np.abs(rests[0]).sum() - np.abs(rests[1]).sum() + 1
                total += max(gap, 0.0) / size
                if gap > 0:
                    for (h, r, t), rest, sign in ((true, rests[0], 1 / size), (false, rests[1], -1 / size)):
                        de[h] += sign * np.sign(rest)
                        dr[r] += sign * np.sign(rest)
                        de[t] -= sign * np.sign(rest)
            if place == "normalizer":
                de = (de - seen * (de * seen).sum(axis=1, keepdims=True)) / lengths[:, None]
            entities -= lr * de
            relations -= lr * dr
            if place == "constrainer":
                entities /= np.sqrt((entities**2).sum(axis=1, keepdims=True))
            epoch.append(total)
        losses.append(np.mean(epoch))
    found = list(fit(model, triples, epochs=3, lr=lr, batch_size=20))
    assert [epoch.number for epoch in found] == [1, 2, 3]
    np.testing.assert_allclose([epoch.loss for epoch in found], losses, rtol=SAME_RUN)
    np.testing.assert_allclose(model.layers[0].weight, entities, rtol=0, atol=SAME_RUN)
    np.testing.assert_allclose(model.layers[1].weight, relations, rtol=0, atol=SAME_RUN)


@pytest.mark.long
@pytest.mark.parametrize(
    ("interaction", "place", "lr"),
    [("transe", "constrainer", 1.0), ("transe", "normalizer", 1.0), ("distmult", "normalizer", 30.0)],
)
def test_the_loss_falls_on_nations(interaction, place, lr):
    model = small(interaction, dim=20, dtype=np.float32, entity={place: "normalize"})
    losses = [epoch.loss for epoch in fit(model, NATIONS.mapped_triples, epochs=30, lr=lr)]
    assert all(type(loss) is float and np.isfinite(loss) for loss in losses)
    assert np.mean(losses[-3:]) < 0.85 * np.mean(losses[:3])


def test_one_seed_one_run_to_the_bit():
    def run(seed):
        about = {"entity": {"dropout": 0.2, "constrainer": "normalize"}, "relation": {"dropout": 0.1}, "dtype": np.float32}
        model = small(seed=seed, **about)
        losses = [epoch.loss for epoch in fit(model, NATIONS.mapped_triples, epochs=2, lr=0.5, num_negatives=2)]
        return fingerprint(model), losses

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_fit_draws_from_the_rng_it_is_given():
    models = [small(seed=0) for _ in range(2)]
    for model, rng in zip(models, (4, TorchGenerator(4)), strict=True):
        before = repr(model.rng)
        list(fit(model, NATIONS.mapped_triples, epochs=1, lr=0.1, rng=rng))
        assert repr(model.rng) == before
    assert fingerprint(models[0]) == fingerprint(models[1])


def test_fit_is_lazy_and_sets_training_mode():
    model = small().eval()
    before = fingerprint(model)
    run = fit(model, NATIONS.mapped_triples, epochs=2, lr=0.1)
    assert fingerprint(model) == before
    assert not model.layers[0].training
    first = next(run)
    assert first.number == 1
    assert first.seconds >= 0
    assert model.layers[0].training
    assert fingerprint(model) != before
    assert list(fit(model, NATIONS.mapped_triples, epochs=0, lr=0.1)) == []


def test_a_learning_rate_of_zero_leaves_the_tables():
    model = small()
    before = fingerprint(model)[0]
    list(fit(model, NATIONS.mapped_triples, epochs=1, lr=0.0))
    assert fingerprint(model)[0] == before


def test_frozen_tables_are_left_out():
    model = small(entity={"trainable": False})
    entities, relations = (layer.weight.copy() for layer in model.layers)
    list(fit(model, NATIONS.mapped_triples, epochs=1, lr=0.1))
    np.testing.assert_array_equal(model.layers[0].weight, entities)
    assert (model.layers[1].weight != relations).any()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epochs": -1}, ValueError, "fit: epochs = -1 is out of range; allowed: a whole number >= 0"),
        ({"epochs": 1.5}, TypeError, "fit: epochs = 1.5 is of type float"),
        ({"lr": -0.1}, ValueError, "fit: lr = -0.1 is out of range; allowed: a finite number >= 0"),
        ({"lr": float("nan")}, ValueError, "fit: lr = nan is out of range"),
        ({"lr": float("inf")}, ValueError, "fit: lr = inf is out of range"),
        ({"lr": "0.1"}, TypeError, "fit: lr = '0.1' is of type str"),
        ({"batch_size": 0}, ValueError, "fit: batch_size = 0 is out of range; allowed: a whole number >= 1"),
        ({"num_negatives": 0}, ValueError, "fit: num_negatives = 0 is out of range"),
        ({"rng": "seed"}, TypeError, "rng = 'seed' is of type str"),
        ({"triples": np.zeros((0, 3), int)}, ValueError, r"fit: triples has shape \(0, 3\); allowed: at least one triple"),
        ({"triples": np.zeros((4, 2), int)}, ValueError, r"fit: triples has shape \(4, 2\); allowed: \(n, 3\)"),
        ({"triples": np.zeros((4, 3))}, TypeError, r"fit: triples\[0, 0\] = .* has dtype float64"),
        ({"triples": np.array([[0, 0, 1], [0, 55, 1]])}, IndexError, r"fit: triples\[1, 1\] = 55 is outside the 55 relations"),
        (
            {"triples": np.array([[0, 0, 14]])},
            IndexError,
            r"fit: triples\[0, 2\] = 14 is outside the 14 entities; valid ids are 0..13",
        ),
        ({"triples": np.array([[-1, 0, 1]])}, IndexError, r"fit: triples\[0, 0\] = -1 is outside the 14 entities"),
    ],
)
def test_fit_refuses_before_anything_changes(change, error, message):
    model = small().eval()
    before = fingerprint(model)
    arguments = {"triples": NATIONS.mapped_triples, "epochs": 1, "lr": 0.1, **change}
    with pytest.raises(error, match=message):
        fit(model, arguments.pop("triples"), **arguments)
    assert fingerprint(model) == before
    assert not model.layers[0].training


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_stops_with_epoch_and_batch(bad):
    model = small(dtype=np.float32)
    seen = []

    def update(model, gradients, lr):
        seen.append(fingerprint(model)[0])
        update_(model, gradients, lr)
        if len(seen) == 9:  # the second batch of the second epoch: the third will be refused
            model.layers[1].weight[...] = bad
            seen.append(fingerprint(model)[0])

    run = fit(model, NATIONS.mapped_triples, epochs=3, lr=0.1, update=update)
    assert next(run).number == 1
    with pytest.raises(
        FloatingPointError,
        match=r"fit: loss = nan in epoch 2, batch 3: relation rows 0, .* more are not finite; allowed: a finite loss",
    ):
        next(run)
    assert len(seen) == 10
    assert fingerprint(model)[0] == seen[-1]


def test_a_learning_rate_far_too_large_stops_too():
    model = small("distmult", dtype=np.float32)
    with pytest.raises(FloatingPointError, match=r"fit: loss = .* in epoch 1, batch ."):
        list(fit(model, NATIONS.mapped_triples, epochs=3, lr=1e37))


# Ctrl-C


def test_ctrl_c_takes_effect_between_two_batches():
    model = small(entity={"constrainer": "normalize"})
    missing_rows = small(entity={"constrainer": "normalize"})
    done = []

    def update(model, gradients, lr):
        step_(model, gradients, lr)
        if len(done) == 2:
            signal.raise_signal(signal.SIGINT)
        model.post_parameter_update()  # still runs
        done.append(fingerprint(model)[0])

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        list(fit(model, NATIONS.mapped_triples, epochs=2, lr=0.3, update=update))
    assert len(done) == 3
    assert fingerprint(model)[0] == done[-1]
    assert signal.getsignal(signal.SIGINT) is before
    np.testing.assert_allclose(np.linalg.norm(model.layers[0].weight, axis=1), 1, rtol=1e-14)

    def stop_after_three(model, gradients, lr):
        if len(seen) == 3:
            raise StopIteration
        update_(model, gradients, lr)
        seen.append(fingerprint(model)[0])

    seen = []
    with pytest.raises(RuntimeError):
        list(fit(missing_rows, NATIONS.mapped_triples, epochs=2, lr=0.3, update=stop_after_three))
    assert seen == done  # the same three whole batches


def test_ctrl_c_goes_to_whoever_handles_it():
    def update(model, gradients, lr):
        signal.raise_signal(signal.SIGINT)
        update_(model, gradients, lr)

    asked = []
    before = signal.signal(signal.SIGINT, lambda *_: asked.append("stop"))
    try:
        epochs = list(fit(small(), NATIONS.mapped_triples, epochs=1, lr=0.1, update=update))
        assert len(epochs) == 1
        assert len(asked) == 7
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert len(list(fit(small(), NATIONS.mapped_triples, epochs=1, lr=0.1, update=update))) == 1
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_error_in_a_batch_restores_the_handler():
    def update(model, gradients, lr):
        raise ZeroDivisionError

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError):
        list(fit(small(), NATIONS.mapped_triples, epochs=1, lr=0.1, update=update))
    assert signal.getsignal(signal.SIGINT) is before


def test_training_in_another_thread():
    model, same = small(), small()
    thread = threading.Thread(target=lambda: list(fit(model, NATIONS.mapped_triples, epochs=1, lr=0.1)))
    thread.start()
    thread.join()
    list(fit(same, NATIONS.mapped_triples, epochs=1, lr=0.1))
    assert fingerprint(model) == fingerprint(same)


# The recorder


@pytest.mark.parametrize("place", ["normalizer", "constrainer"])
def test_the_recorder_changes_nothing_and_tells_the_truth(place):
    watched, plain = (small(dtype=np.float32, entity={place: "normalize"}) for _ in range(2))
    recorder = Recorder()
    losses = [
        [epoch.loss for epoch in fit(model, NATIONS.mapped_triples, epochs=2, lr=0.3, update=update)]
        for model, update in ((watched, recorder), (plain, update_))
    ]
    assert losses[0] == losses[1]
    assert fingerprint(watched) == fingerprint(plain)
    assert len(recorder.updates) == 14
    table = small(dtype=np.float32, entity={place: "normalize"}).layers[0].weight.copy()
    for update in recorder.updates:
        np.testing.assert_array_equal(update.before, table[update.rows])
        expected = update.before.astype(float) - float(np.float32(0.3)) * update.gradient.astype(float)
        np.testing.assert_allclose(update.stepped, expected, rtol=0, atol=1e-7 * np.abs(expected).max())
        if place == "normalizer":
            np.testing.assert_array_equal(update.after, update.stepped)
        table[update.rows] = update.after
    np.testing.assert_allclose(table, watched.layers[0].weight, rtol=0, atol=2e-7)  # rows without a gradient may be rounded anew


def test_factories_of_ones_own():
    triples = np.array([[0, 0, 1], [1, 0, 2], [2, 1, 0]])
    family = TriplesFactory(triples, {"ann": 0, "bob": 1, "cid": 2}, {"knows": 0, "likes": 1})
    assert (family.num_entities, family.num_relations, family.num_triples) == (3, 2, 3)
    model = small(triples=family)
    list(fit(model, family.mapped_triples, epochs=2, lr=0.1))
    assert model.score_t([[0, 1]]).shape == (1, 3)
    assert model.score_r([[0, 1]]).shape == (1, 2)
    with pytest.raises(IndexError, match=r"TriplesFactory: mapped_triples\[0, 1\] = 2 is outside the 2 relations"):
        TriplesFactory(np.array([[0, 2, 1]]), family.entity_to_id, family.relation_to_id)
