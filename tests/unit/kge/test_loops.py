"""Epochs written out by hand, runs that go on where they stopped, and what is said when a loss is not finite."""

import signal

import numpy as np
import pytest
from tolerances import SAME_RUN

from npembed.embedding.optimizers import OPTIMIZERS
from npembed.kge.datasets import Nations, TriplesFactory
from npembed.kge.models import MODELS
from npembed.kge.samplers import bernoulli, bernoulli_probabilities
from npembed.kge.training import LOOPS, OptimizerUpdate, fit, update_
from npembed.numerics.random import TorchGenerator

NATIONS = Nations().training
COLUMNS = ("head", "relation", "tail")


def small(name="distmult", seed=3, **options):
    return MODELS[name](NATIONS, embedding_dim=5, random_seed=seed, **options)


def bits(model):
    return [layer.weight.tobytes() for layer in model.layers]


def instances(triples, target):
    """All different pairs in order, each with how often each candidate stands with it: a dictionary, filled by a loop."""
    column = COLUMNS.index(target)
    counts = {}
    for triple in triples.tolist():
        answer = triple.pop(column)
        counts.setdefault(tuple(triple), []).append(answer)
    return sorted(counts.items())


@pytest.mark.parametrize("target", COLUMNS)
def test_what_an_lcwa_batch_holds(target):
    triples = np.concatenate([NATIONS.mapped_triples[:500], NATIONS.mapped_triples[40:45]])  # five of them twice
    loop = LOOPS["lcwa"](small(), triples, target=target)
    expected = instances(triples, target)
    assert len(loop) == len(expected)
    places = np.random.default_rng(0).permutation(len(loop))
    pairs, labels, asked = loop.batch(None, places)
    assert asked == target
    assert labels.shape == (len(loop), 55 if target == "relation" else 14)
    for row, (pair, answers) in zip(range(len(loop)), [expected[i] for i in places], strict=True):
        assert tuple(pairs[row]) == pair
        assert labels[row].tolist() == [answers.count(i) for i in range(labels.shape[1])]
    assert labels.max() == 2
    entities, relations = loop.rows_with_gradient((pairs[:3], labels[:3], target))
    heads_tails = pairs[:3][:, [i for i, name in enumerate(n for n in COLUMNS if n != target) if name != "relation"]].ravel()
    assert entities.tolist() == (list(range(14)) if target != "relation" else sorted(set(heads_tails.tolist())))
    given = range(55) if target == "relation" else sorted(set(pairs[:3][:, 0 if target == "head" else 1].tolist()))
    assert relations.tolist() == list(given)


@pytest.mark.parametrize("target", COLUMNS)
@pytest.mark.parametrize("name", MODELS)
def test_two_epochs_of_lcwa_are_the_loop_written_out(name, target):
    """To the bit."""
    trained, by_hand = small(name), small(name)
    records = list(fit(trained, NATIONS.mapped_triples, epochs=2, lr=0.1, batch_size=100, loop="lcwa", target=target, rng=7))
    rng, pairs, losses = TorchGenerator(7), instances(NATIONS.mapped_triples, target), []
    for _ in range(2):
        order = rng.randperm(len(pairs))
        epoch = []
        for start in range(0, len(pairs), 100):
            batch = [pairs[i] for i in order[start : start + 100]]
            labels = np.zeros((len(batch), 55 if target == "relation" else 14))
            for row, (_, answers) in enumerate(batch):
                for answer in answers:
                    labels[row, answer] += 1
            loss, gradients = by_hand.lcwa_loss_and_gradients(np.array([pair for pair, _ in batch]), labels, target)
            update_(by_hand, gradients, 0.1)
            epoch.append(float(loss))
        losses.append(np.mean(epoch))
    assert bits(trained) == bits(by_hand)
    assert [record.loss for record in records] == losses


def test_bernoulli_and_filtered_written_out():
    """Corrupted triples that are true, found by a set, are left out; the rest is the layered step."""
    trained, by_hand = small("transe"), small("transe")
    options = {"num_negatives": 3, "sampler": "bernoulli", "filtered": True}
    records = list(fit(trained, NATIONS.mapped_triples, epochs=1, lr=0.1, batch_size=500, rng=7, **options))
    rng, known = TorchGenerator(7), set(map(tuple, NATIONS.mapped_triples.tolist()))
    order, losses, left_out = rng.randperm(1592), [], 0
    for start in range(0, 1592, 500):
        positives = NATIONS.mapped_triples[order[start : start + 500]]
        negatives = bernoulli(
            rng, positives, num_entities=14, num_negatives=3, head_probability=bernoulli_probabilities(NATIONS.mapped_triples, 55)
        )
        keep = np.array([[tuple(triple) not in known for triple in row] for row in negatives.tolist()])
        left_out += (~keep).sum()
        loss, gradients = by_hand.loss_and_gradients(positives, negatives, keep)
        update_(by_hand, gradients, 0.1)
        losses.append(float(loss))
    assert left_out > 100
    assert bits(trained) == bits(by_hand)
    assert records[0].loss == np.mean(losses)


def test_a_batch_of_which_nothing_counts():
    """Two entities, and all triples true: every corrupted one is left out, and nothing moves but by the constrainer."""
    triples = np.array([[h, 0, t] for h in range(2) for t in range(2)])
    everything = TriplesFactory(triples, {"a": 0, "b": 1}, {"r": 0})
    model = MODELS["transe"](everything, embedding_dim=3, random_seed=0)
    before = [layer.weight.copy() for layer in model.layers]
    (record,) = fit(model, triples, epochs=1, lr=0.5, filtered=True)
    assert record.loss == 0
    for layer, weight in zip(model.layers, before, strict=True):
        np.testing.assert_allclose(layer.weight, weight, rtol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("replay", [None, "pykeen"])
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_two_epochs_and_three_more_are_five(optimizer, loop, replay):
    """To the bit, with dropout: the moments are in the update, the stream in the model, and `done` counts on and draws nothing anew."""
    options = {"entity_dropout": 0.2}
    about = {"lr": 0.05, "batch_size": 300, "loop": loop, "replay": replay}
    kwargs = {"momentum": 0.9} if optimizer == "sgd" else {}
    whole, parts = small(**options), small(**options)
    expected = list(fit(whole, NATIONS.mapped_triples, epochs=5, update=OptimizerUpdate(whole, optimizer, kwargs), **about))
    update = OptimizerUpdate(parts, optimizer, kwargs)
    first = list(fit(parts, NATIONS.mapped_triples, epochs=2, update=update, **about))
    rest = list(fit(parts, NATIONS.mapped_triples, epochs=3, update=update, done=2, **about))
    assert [record.number for record in first + rest] == [1, 2, 3, 4, 5]
    assert [record.loss for record in first + rest] == [record.loss for record in expected]
    assert [record.entity_row_norms for record in first + rest] == [record.entity_row_norms for record in expected]
    assert bits(parts) == bits(whole)
    assert repr(parts.rng) == repr(whole.rng)
    again = small(**options)
    assert list(fit(again, NATIONS.mapped_triples, epochs=0, **about)) == []
    assert bits(again) == bits(small(**options))  # nothing is drawn anew for no epochs


def test_a_replay_draws_the_tables_anew():
    """So that weights set by hand are lost, as in PyKEEN (F19), unless epochs were done before."""
    for done, lost in ((0, True), (1, False)):
        model = small("transe")
        model.layers[1].weight[...] = 5
        list(fit(model, NATIONS.mapped_triples, epochs=1, lr=0, replay="pykeen", done=done))
        assert (model.layers[1].weight != 5).all() == lost


def test_entity_row_norms():
    """Of the table itself, complex and normalized ones too."""
    for name in MODELS:
        for options in ({}, {"entity_constrainer": None, "entity_normalizer": "normalize"}):
            model = small(name, **options)
            (record,) = fit(model, NATIONS.mapped_triples, epochs=1, lr=0.5)
            lengths = [sum(abs(complex(v)) ** 2 for v in row) ** 0.5 for row in model.layers[0].weight]
            np.testing.assert_allclose(record.entity_row_norms, [min(lengths), max(lengths)], rtol=SAME_RUN)


@pytest.mark.parametrize("loop", LOOPS)
def test_rows_are_named_when_a_loss_is_not_finite(loop):
    model = small(entity_constrainer=None, relation_regularizer=None)
    model.layers[0].weight[[2, 9]] = np.nan
    with pytest.raises(
        FloatingPointError, match=r"fit: loss = nan in epoch 4, batch 1: entity rows 2, 9 are not finite; allowed: a"
    ):
        list(fit(model, NATIONS.mapped_triples, epochs=1, lr=0.1, loop=loop, done=3))
    model = small(entity_constrainer=None, relation_regularizer=None)
    model.layers[0].weight[3], model.layers[1].weight[:] = 1e20, 1e20
    said = r"fit: loss = \S+ in epoch 1, batch 1: all rows are finite, the longest are entity row 3 \(2.24e\+20\) and relation row \d+ \("
    with pytest.raises(FloatingPointError, match=said):
        list(fit(model, NATIONS.mapped_triples, epochs=1, lr=0.1, loop=loop))


def test_an_interrupt_takes_effect_between_two_batches_of_lcwa():
    model, same, done = small(), small(), []

    def interrupted(model, gradients, lr):
        if len(done) == 1:
            signal.raise_signal(signal.SIGINT)
        update_(model, gradients, lr)  # still runs to its end
        done.append(bits(model))

    with pytest.raises(KeyboardInterrupt):
        list(fit(model, NATIONS.mapped_triples, epochs=1, lr=0.1, batch_size=100, loop="lcwa", update=interrupted))
    assert len(done) == 2
    seen = []

    def watched(model, gradients, lr):
        update_(model, gradients, lr)
        seen.append(bits(model))

    list(fit(same, NATIONS.mapped_triples, epochs=1, lr=0.1, batch_size=100, loop="lcwa", update=watched))
    assert bits(model) == done[-1] == seen[1]
