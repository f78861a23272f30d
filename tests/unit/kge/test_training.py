"""`fit` with the optimizers: each step is the optimizer's own, on each table, with a state that is kept from batch to batch."""

import numpy as np
import pytest

from npembed.embedding.optimizers import OPTIMIZERS
from npembed.kge.datasets import Nations
from npembed.kge.models import ERModel
from npembed.kge.samplers import basic
from npembed.kge.training import OptimizerUpdate, fit
from npembed.numerics.random import TorchGenerator

NATIONS = Nations().training
OPTIONS = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("adagrad", {"missing_rows": "lazy"}),
    ("adam", {"betas": (0.8, 0.99)}),
    ("Adam", {"missing_rows": "lazy"}),
]


def model(**entities):
    rows = {"embedding_dim": 4, "dtype": entities.pop("dtype", np.float64)}
    return ERModel(
        triples_factory=NATIONS,
        interaction="distmult",
        loss="softplus",
        random_seed=3,
        entity_representations_kwargs={**rows, "constrainer": "clamp_norm", "constrainer_kwargs": {"maxnorm": 1.5}, **entities},
        relation_representations_kwargs=rows,
    )


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_two_epochs_are_the_loop_written_out(name, options):
    trained, by_hand = model(), model()
    records = list(
        fit(trained, NATIONS.mapped_triples, epochs=2, lr=0.05, batch_size=400, optimizer=name, optimizer_kwargs=options, rng=7)
    )
    rng, optimizer, losses = TorchGenerator(7), OPTIMIZERS[name.lower()], []
    states = [optimizer.state(layer.weight) for layer in by_hand.layers]
    for _ in range(2):
        order = rng.randperm(1592)
        for start in (0, 400, 800, 1200):
            positives = NATIONS.mapped_triples[order[start : start + 400]]
            negatives = basic(rng, positives, num_entities=14)
            loss, gradients = by_hand.loss_and_gradients(positives, negatives)
            losses.append(loss)
            for layer, gradient, state in zip(by_hand.layers, gradients, states, strict=True):
                optimizer.step_(layer.weight, gradient, lr=0.05, state=state, **options)
            by_hand.post_parameter_update()
    for layer, other in zip(trained.layers, by_hand.layers, strict=True):
        np.testing.assert_array_equal(layer.weight, other.weight)
    np.testing.assert_allclose([r.loss for r in records], [np.mean(losses[:4]), np.mean(losses[4:])], rtol=1e-15)
    assert np.linalg.norm(trained.layers[0].weight, axis=1).max() <= 1.5 * (1 + 1e-15)
    assert losses[-1] < losses[0]


def test_each_table_has_a_state_of_its_own_and_a_frozen_one_does_not_move():
    entities = np.random.default_rng(0).normal(size=(14, 4)) / 4
    frozen = model(initializer=entities, trainable=False)
    relations = frozen.layers[1].weight.copy()
    update = OptimizerUpdate(frozen, "adam")
    for _ in fit(frozen, NATIONS.mapped_triples, epochs=1, lr=0.05, update=update):
        pass
    np.testing.assert_array_equal(frozen.layers[0].weight, entities)
    assert (frozen.layers[1].weight != relations).any()
    assert [state["step"] for state in update.states] == [0, 7]
    assert update.states[0]["exp_avg"].shape == (14, 4)
    assert update.states[1]["exp_avg"].shape == (55, 4)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (
            {"optimizer": "adamx"},
            KeyError,
            r"fit: optimizer = 'adamx' is unknown \(did you mean 'adam'\?\); known are sgd, adagrad, adam",
        ),
        ({"optimizer": 3}, TypeError, "fit: optimizer is a int; allowed: a name"),
        ({"optimizer_kwargs": {"beta": 1}}, KeyError, "fit: optimizer_kwargs = 'beta' is unknown"),
        ({"optimizer_kwargs": [1]}, TypeError, r"fit: optimizer_kwargs = \[1\] is a list; allowed: a dict"),
        ({"optimizer_kwargs": {"lr": 1}}, TypeError, "fit: optimizer_kwargs holds 'lr'; allowed: the other options of sgd"),
        (
            {"optimizer": "adam", "update": print},
            ValueError,
            "fit: optimizer = 'adam' and update are both given; allowed: one of them",
        ),
    ],
)
def test_bad_input_is_refused(options, error, said):
    trained = model()
    before = [layer.weight.copy() for layer in trained.layers]
    with pytest.raises(error, match=said):
        fit(trained, NATIONS.mapped_triples, epochs=1, lr=0.1, **options)
    for layer, weight in zip(trained.layers, before, strict=True):
        np.testing.assert_array_equal(layer.weight, weight)


def test_a_bad_number_is_refused_by_the_first_step_before_it_writes():
    trained = model()
    before = trained.layers[0].weight.copy()
    with pytest.raises(ValueError, match="adam_: eps = -1"):
        list(fit(trained, NATIONS.mapped_triples, epochs=1, lr=0.1, optimizer="adam", optimizer_kwargs={"eps": -1}))
    np.testing.assert_array_equal(trained.layers[0].weight, before)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sgd", {}),
        ("adagrad", {}),
        ("adam", {"missing_rows": "lazy"}),
        ("sgd", {"momentum": 0.5, "missing_rows": "lazy"}),
        ("rowwise_adagrad", {}),
    ],
)
@pytest.mark.parametrize("constrainer", ["normalize", "clamp_norm"])
def test_constraining_touched_rows_alone_gives_the_same_bits(name, options, constrainer):
    kwargs = {"maxnorm": 0.75} if constrainer == "clamp_norm" else None
    found = []
    for constrain in ("all", "rows_with_gradient"):
        trained = model(constrainer=constrainer, constrainer_kwargs=kwargs, dtype=np.float32)
        update = OptimizerUpdate(trained, name, options, constrain=constrain)
        losses = [
            e.loss for e in fit(trained, NATIONS.mapped_triples[:200], epochs=2, lr=0.1, batch_size=8, update=update, rng=1)
        ]
        found.append((losses, [layer.weight.tobytes() for layer in trained.layers]))
    assert found[0] == found[1]


def test_constraining_touched_rows_is_refused_where_it_is_not_the_same():
    for name, options in (("adam", {}), ("sgd", {"momentum": 0.5}), ("adagrad", {"weight_decay": 0.1})):
        with pytest.raises(
            ValueError, match=f"fit: constrain = 'rows_with_gradient' is given with {name}, which moves rows without"
        ):
            OptimizerUpdate(model(), name, options, constrain="rows_with_gradient")
    started = model(constrainer="normalize", constrainer_kwargs=None)
    update = OptimizerUpdate(started, constrain="rows_with_gradient")
    started.layers[0].weight *= 2
    before = started.layers[0].weight.copy()
    with pytest.raises(
        ValueError, match="fit: constrain = 'rows_with_gradient' finds a table with rows that are not constrained"
    ):
        list(fit(started, NATIONS.mapped_triples, epochs=1, lr=0.1, update=update))
    np.testing.assert_array_equal(started.layers[0].weight, before)
