"""Runs: every way to ask for one, what it tells, and that a saved one goes on bit for bit."""

import contextlib
import importlib
import inspect
import itertools
import json
import os
import signal
import sys

import numpy as np
import pytest

from npembed import load, pipeline
from npembed.embedding.optimizers import OPTIMIZERS
from npembed.embedding.row_maps import normalize
from npembed.io import read_folder, write_folder
from npembed.kge.datasets import Dataset, Nations, TriplesFactory
from npembed.kge.evaluation import evaluate
from npembed.kge.interactions import INTERACTIONS
from npembed.kge.losses import LOSSES
from npembed.kge.models import MODELS, ERModel
from npembed.kge.models import transe as transe_preset
from npembed.kge.runs import PipelineResult, prepare
from npembed.kge.training import LOOPS, OptimizerUpdate, Place, fit, not_finite
from npembed.op import Op

NIGHTLY = os.environ.get("NPEMBED_HYPOTHESIS") == "nightly"
training_fit = importlib.import_module("npembed.kge.training.fit")
TRIPLES = [(a, r, b) for a in "abcdefg" for b in "abcdefg" for r, far in (("next", 1), ("over", 3)) if ord(b) == ord(a) + far]
TRIPLES += [(a, "before", b) for a in "abcdefg" for b in "abcdefg" if a < b]
PARTS = ("training", "validation", "testing")


def letters():
    return Dataset("letters", *TriplesFactory.from_labeled_triples(TRIPLES).split((0.7, 0.1, 0.2), rng=1))


LETTERS = letters()


def run(**asked):
    """A small run that is quick."""
    options = {"dataset": LETTERS, "model": "distmult", "random_seed": 3, "epochs": 2}
    options |= {"training_kwargs": {"batch_size": 8}, "model_kwargs": {"embedding_dim": 3}}
    return {name: value for name, value in {**options, **asked}.items() if value is not ...}


def snapshot(result):
    """All that a run is, to the last bit."""
    states = [{k: v.tobytes() if isinstance(v, np.ndarray) else v for k, v in state.items()} for state in result.update.states]
    weights = [layer.weight.tobytes() for layer in result.model.layers]
    generator = json.dumps(result.model.rng.get_state(), default=lambda array: array.tolist())
    epochs = [(epoch.number, epoch.loss, epoch.entity_row_norms) for epoch in result.epochs]
    place = None
    if result.place.number == len(result.epochs) + 1:
        place = result.place.order.tolist(), result.place.losses
    return {
        "weights": weights,
        "states": states,
        "generator": generator,
        "epochs": epochs,
        "place": place,
        "metrics": result.metrics,
    }


def same(result, other):
    """Compare piece by piece, so that a failure says which."""
    for name, value in snapshot(result).items():
        assert value == snapshot(other)[name], name


@pytest.fixture(scope="module", autouse=True)
def without_waiting_for_the_disk():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda descriptor: None)
        yield


# What can be asked for


def write(path, triples):
    labels = [(LETTERS.training.entity_labels, LETTERS.training.relation_labels)[i % 2] for i in range(3)]
    lines = ["\t".join(names[i] for names, i in zip(labels, triple, strict=True)) + "\n" for triple in triples.tolist()]
    path.write_text("".join(lines), encoding="utf-8", newline="")
    return path


def test_every_way_to_give_the_data_is_the_same_run(tmp_path):
    expected = pipeline(**run())
    files = {part: write(tmp_path / f"{file}.txt", getattr(LETTERS, part).mapped_triples)
             for part, file in zip(PARTS, ("train", "valid", "test"), strict=True)}  # fmt: skip
    factories = {part: getattr(LETTERS, part) for part in PARTS}
    ways = [{"dataset": tmp_path}, {"dataset": str(tmp_path)}, {"dataset": ..., **files}, {"dataset": ..., **factories}]
    ways += [{"dataset": ..., **factories, "testing": files["testing"]}]
    ways += [{"dataset": ..., **{part: str(path) for part, path in files.items()}}]
    for way in ways:
        same(pipeline(**run(**way)), expected)


def test_without_validation_triples_fewer_are_filtered():
    found = pipeline(**run(dataset=..., training=LETTERS.training, testing=LETTERS.testing))
    assert found.losses == pipeline(**run()).losses
    assert found.dataset.validation.num_triples == 0
    known = [LETTERS.training.mapped_triples]
    assert found.metrics == evaluate(found.model, LETTERS.testing.mapped_triples, known=known)


def test_one_file_is_split_by_the_seed(tmp_path):
    path = write(tmp_path / "all.tsv", np.concatenate([getattr(LETTERS, part).mapped_triples for part in PARTS]))
    one, again, other = (pipeline(**run(dataset=path, random_seed=seed)) for seed in (1, 1, 2))
    same(one, again)
    assert one.dataset.name == "all"
    assert sum(getattr(one.dataset, part).num_triples for part in PARTS) == len(TRIPLES)
    assert one.dataset.testing.mapped_triples.tolist() != other.dataset.testing.mapped_triples.tolist()


@pytest.mark.parametrize("name", ["nations", "kinships", "UMLS"])
def test_graphs_by_name(name):
    result = pipeline(dataset=name, model="transe", model_kwargs={"embedding_dim": 2}, epochs=0, random_seed=0)
    assert result.dataset.name == name.lower()
    assert result.losses == []
    assert 0 < result.get_metric("mrr") < 1


@pytest.mark.parametrize("name", MODELS)
def test_a_name_is_the_model_made_by_hand_and_trained_by_fit(name):
    result = pipeline(**run(model=name, model_kwargs={"embedding_dim": 3}, random_seed=5))
    model = MODELS[name](LETTERS.training, embedding_dim=3, random_seed=5)
    update = OptimizerUpdate(model, "adam")
    epochs = list(fit(model, LETTERS.training.mapped_triples, epochs=2, lr=1e-3, batch_size=8, update=update))
    assert result.losses == [epoch.loss for epoch in epochs]
    for layer, other in zip(result.model.layers, model.layers, strict=True):
        np.testing.assert_array_equal(layer.weight, other.weight)
    known = [LETTERS.training.mapped_triples, LETTERS.validation.mapped_triples]
    assert result.metrics == evaluate(model, LETTERS.testing.mapped_triples, known=known)
    assert result.model.known_triples.keys() == set(PARTS)


def test_an_interaction_and_a_model_that_is_made_already():
    rows = {
        f"{side}_representations_kwargs": {"embedding_dim": 3, "initializer": "xavier_normal"} for side in ("entity", "relation")
    }
    told = {"interaction": "transe", "interaction_kwargs": {"p": 2}, "loss": "softplus"}
    by_name = pipeline(**run(model=..., model_kwargs=rows, **told))
    made = ERModel(triples_factory=LETTERS.training, random_seed=3, **rows, **told)
    ready = pipeline(**run(model=made, model_kwargs=..., random_seed=...))
    assert ready.model is made
    assert ready.random_seed is None
    same(by_name, ready)
    same(by_name, pipeline(**run(model=..., model_kwargs=rows, **{**told, "interaction": INTERACTIONS["transe"]})))


def test_a_generator_of_its_own_and_where_the_seed_is_told():
    given = {"model_kwargs": {"embedding_dim": 3, "random_seed": np.random.Generator(np.random.Philox(1))}}
    own = pipeline(**run(random_seed=..., **given))
    assert own.random_seed is None
    assert repr(own.model.rng) == "NumpyGenerator(Philox)"
    inside = pipeline(**run(random_seed=..., model_kwargs={"embedding_dim": 3, "random_seed": 3}))
    assert inside.random_seed == 3
    same(inside, pipeline(**run()))


def test_pykeens_word_for_the_norm_of_transe():
    options = {"embedding_dim": 3}
    found = pipeline(**run(model="transe", model_kwargs={**options, "scoring_fct_norm": 2}))
    same(found, pipeline(**run(model="transe", model_kwargs={**options, "p": 2})))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loop", LOOPS)
def test_every_optimizer_in_both_loops_lowers_the_loss(optimizer, loop):
    asked = {"optimizer": optimizer.title(), "optimizer_kwargs": {"lr": 0.1}, "training_loop": loop.upper(), "epochs": 8}
    result = pipeline(**run(**asked, loss="softplus"))
    assert np.mean(result.losses[-2:]) < result.losses[0]
    assert (result.update.name, result.how["loop"]) == (optimizer, loop)


def test_every_option_reaches_the_training():
    told = prepare(
        **run(
            training_kwargs={"num_epochs": 7, "batch_size": 5}, epochs=..., optimizer="sgd", negative_sampler="bernoulli",
            optimizer_kwargs={"lr": 0.5, "momentum": 0.9}, negative_sampler_kwargs={"num_negs_per_pos": 3, "filtered": True},
            loss="nssa", loss_kwargs={"margin": 2.0}, filtered=False, replay="pykeen",
        )
    )  # fmt: skip
    result, epochs = told
    assert epochs == 7
    expected = {"loop": "slcwa", "lr": 0.5, "replay": "pykeen", "num_negatives": 3, "filtered": True, "sampler": "bernoulli"}
    assert result.how == {**expected, "batch_size": 5}
    assert (result.update.name, result.update.options) == ("sgd", {"momentum": 0.9})
    assert result.filtered is False
    assert result.model.settings["loss_kwargs"] == {"margin": 2.0}
    lcwa, _ = prepare(**run(training_loop="lcwa", training_loop_kwargs={"target": "relation"}))
    assert lcwa.how["target"] == "relation"
    raw, filtered = (pipeline(**run(filtered=value)).metrics for value in (False, True))
    assert raw != filtered


def test_defaults_are_pykeens():
    result, epochs = prepare(dataset="nations", model="transe")
    assert epochs == 5
    assert result.how == {"loop": "slcwa", "lr": 1e-3, "replay": None, "batch_size": 256}
    assert (result.update.name, result.update.options, result.filtered) == ("adam", {}, True)


def test_a_replay_takes_margin_ranking_unless_a_loss_is_said(tmp_path):
    """As PyKEEN's pipeline does for every model that it makes; one that is made already keeps its own."""
    small = {"model_kwargs": {"embedding_dim": 2}, "random_seed": 0, "epochs": 0, "dataset": "nations", "replay": "pykeen"}
    for model in MODELS:
        result = pipeline(**{**small, "model": model})
        result.save_to_directory(tmp_path / model)
        for run_ in (result, load(tmp_path / model)):
            assert run_.settings["model"]["loss"] == "margin_ranking"
            assert run_.model.loss.forward is LOSSES["margin_ranking"].forward
    for said, more in (
        ("softplus", {"replay": None}),
        ("mse", {"loss": "mse"}),
        ("nssa", {"model_kwargs": {"embedding_dim": 2, "loss": "nssa"}}),
    ):
        assert pipeline(**{**small, "model": "complex", **more}).settings["model"]["loss"] == said
    made = MODELS["complex"](Nations().training, embedding_dim=2, random_seed=0)
    assert pipeline(dataset="nations", model=made, epochs=0, replay="pykeen").settings["model"]["loss"] == "softplus"
    margin = pipeline(**{**small, "model": "complex", "loss_kwargs": {"margin": 3.0}}).settings["model"]
    assert (margin["loss"], margin["loss_kwargs"]) == ("margin_ranking", {"margin": 3.0})


def test_no_seed_draws_one_that_repeats_the_run():
    first, second = (pipeline(**run(random_seed=None)) for _ in range(2))
    assert first.random_seed != second.random_seed
    assert first.losses != second.losses
    same(first, pipeline(**run(random_seed=first.random_seed)))


# What a run tells


def test_what_a_run_tells():
    result = pipeline(**run(epochs=3))
    assert len(result.losses) == 3
    assert [epoch.number for epoch in result.epochs] == [1, 2, 3]
    assert result.train_seconds == sum(epoch.seconds for epoch in result.epochs) > 0
    assert result.evaluate_seconds > 0
    assert result.get_metric("mrr") == result.metrics["both.realistic.inverse_harmonic_mean_rank"]
    told = json.loads(json.dumps(result.to_dict()))
    assert told.keys() == {"losses", "metrics", "entity_row_norms", "settings"}
    assert told["losses"] == result.losses
    assert told["entity_row_norms"] == list(result.epochs[-1].entity_row_norms)
    assert told["settings"]["epochs"] == 3
    assert told["settings"]["random_seed"] == 3
    assert told["settings"]["model"]["interaction"] == "distmult"
    assert repr(result) == f"PipelineResult(letters, epochs=3, loss={result.losses[-1]:.4f})"
    result.train(1)
    assert result.metrics is None
    assert result.evaluate_seconds is None
    with pytest.raises(ValueError, match=r"get_metric: nothing was ranked since the last epoch; allowed: after evaluate\(\)"):
        result.get_metric("mrr")


def test_settings_tell_of_functions_and_arrays_by_a_word():
    rows = {"embedding_dim": 3, "entity_initializer": np.ones((7, 3)), "entity_normalizer": (normalize, lambda g, x: g)}
    rows |= {"relation_constrainer": normalize, "entity_dtype": np.float64, "relation_dtype": np.dtype("float64")}
    settings = prepare(**run(model_kwargs=rows))[0].settings["model"]
    assert settings["entity_representations_kwargs"]["initializer"] == "array float64 (7, 3)"
    assert settings["entity_representations_kwargs"]["dtype"] == "float64"
    assert settings["relation_representations_kwargs"]["dtype"] == "float64"
    assert settings["relation_representations_kwargs"]["constrainer"] == "normalize"
    json.dumps(settings)


def test_progress_gets_the_epochs_and_may_stop():
    seen = []

    def progress(epochs, desc):
        assert desc == "training"
        for epoch in itertools.islice(epochs, 2):
            seen.append(epoch.number)
            yield epoch

    result = pipeline(**run(epochs=5, progress=progress))
    assert seen == [1, 2]
    same(result, pipeline(**run(epochs=2)))


# Save and load


def test_a_saved_run_is_the_same_to_the_bit(tmp_path):
    result = pipeline(**run(model="rotate", epochs=2))
    result.save_to_directory(tmp_path / "run")
    loaded = load(tmp_path / "run")
    same(loaded, result)
    assert loaded.losses == result.losses
    assert loaded.metrics == result.metrics
    assert loaded.train_seconds == result.train_seconds
    assert loaded.evaluate_seconds == result.evaluate_seconds
    assert loaded.settings == result.settings
    assert loaded.to_dict() == result.to_dict()
    assert loaded.random_seed == 3
    for part in PARTS:
        np.testing.assert_array_equal(getattr(loaded.dataset, part).mapped_triples, getattr(LETTERS, part).mapped_triples)
    assert loaded.dataset.training.entity_to_id == LETTERS.training.entity_to_id
    assert list(loaded.model.predict_tails("a", "next")) == list(result.model.predict_tails("a", "next"))
    assert list(loaded.model.predict_relations("a", "b")) == list(result.model.predict_relations("a", "b"))
    np.testing.assert_array_equal(loaded.model.score_t([[0, 0], [3, 1]]), result.model.score_t([[0, 0], [3, 1]]))
    assert loaded.evaluate().metrics == result.metrics
    loaded.save_to_directory(tmp_path / "copy")
    files = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert {"entities.tsv", "manifest.json", "metrics.json", "model.json", "relations.tsv", "training.json"} < set(files)
    for name in set(files) - {"metrics.json", "manifest.json"}:  # the seconds that ranking took differ
        assert (tmp_path / "copy" / name).read_bytes() == (tmp_path / "run" / name).read_bytes(), name


OPTIMIZERS_HERE = {
    "momentum": {"optimizer": "sgd", "optimizer_kwargs": {"lr": 0.1, "momentum": 0.5, "nesterov": True, "weight_decay": 0.01}},
    "adagrad": {"optimizer": "adagrad", "optimizer_kwargs": {"lr": np.float32(0.1)}},
    "adam": {"optimizer": "adam", "optimizer_kwargs": {"lr": 0.05, "betas": (0.8, 0.99)}},
    "lazy": {"optimizer": "adam", "optimizer_kwargs": {"lr": 0.05, "missing_rows": "lazy"}},
}
DRAWING = {
    "torch": (3, None),
    "replay": (3, "pykeen"),
    **{name: (name, None) for name in ("PCG64", "Philox", "MT19937", "SFC64", "PCG64DXSM")},
}
DTYPES = {"float32": "distmult", "float64": "transe", "complex64": "rotate", "complex128": "complex"}
RUNS = {
    f"{optimizer}-{drawing}-{'dropout' if dropout else 'plain'}-{dtype}": (optimizer, drawing, dropout, dtype)
    for i, (optimizer, drawing, dropout, dtype) in enumerate(
        itertools.product(OPTIMIZERS_HERE, ("torch", "replay", "PCG64", "Philox"), (0.3, None), DTYPES)
    )
    if i.bit_count() % 2 == 0  # half of them, in which each three still meet
}
RUNS |= {f"adam-{drawing}-dropout-float32": ("adam", drawing, 0.3, "float32") for drawing in ("MT19937", "SFC64", "PCG64DXSM")}


def fresh(key):
    """A run that is not trained yet, with a new generator."""
    optimizer, drawing, dropout, dtype = RUNS[key]
    seed, replay = DRAWING[drawing]
    rng = np.random.Generator(getattr(np.random, seed)(7)) if isinstance(seed, str) else seed
    options = {"embedding_dim": 3, "random_seed": rng}
    options |= {
        f"{side}_{name}": value for side in ("entity", "relation") for name, value in (("dropout", dropout), ("dtype", dtype))
    }
    slcwa = {"negative_sampler": "bernoulli", "negative_sampler_kwargs": {"num_negs_per_pos": 2}}
    how = {"training_loop": "lcwa"} if dtype == "float64" else slcwa
    asked = {"model": DTYPES[dtype], "model_kwargs": options, "random_seed": ..., "replay": replay, **how}
    return prepare(**run(**asked, **OPTIMIZERS_HERE[optimizer]))[0]


def stopped_after(batches, result, epochs):
    """The run, stopped by Ctrl-C while it takes a step, the last of so many."""
    call, calls = OptimizerUpdate.__call__, itertools.count(1)

    def stopped(*args):
        if next(calls) == batches:
            signal.raise_signal(signal.SIGINT)
        call(*args)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(OptimizerUpdate, "__call__", stopped)
        with pytest.raises(KeyboardInterrupt):
            result.train(epochs)
    signal.signal(signal.SIGINT, before)
    return result


def batches_of(result):
    """How many batches an epoch has."""
    if result.how["loop"] == "lcwa":
        instances = len({(h, r) for h, r, _ in LETTERS.training.mapped_triples.tolist()})
    else:
        instances = LETTERS.training.num_triples
    return -(-instances // 8)


def test_npz_where_safetensors_is_absent(tmp_path, monkeypatch):
    result = pipeline(**run(model="complex"))
    result.save_to_directory(tmp_path / "tensors")
    monkeypatch.setattr(importlib.import_module("npembed.io.arrays"), "package", lambda: None)
    result.save_to_directory(tmp_path / "npz")
    suffixes = {path.suffix for path in (tmp_path / "npz").iterdir()}
    assert ".npz" in suffixes
    assert ".safetensors" not in suffixes
    same(load(tmp_path / "npz").train(2), result.train(2))
    with pytest.raises(ValueError, match=r"load: .*safetensors wants the package safetensors, which is not installed"):
        load(tmp_path / "tensors")


@pytest.mark.parametrize("later", [False, True])
def test_frozen_layers_stay_frozen(tmp_path, later):
    table = np.random.default_rng(0).normal(size=(7, 3))
    rows = {"embedding_dim": 3, "entity_initializer": table, "entity_trainable": later, "entity_constrainer": None}
    result, _ = prepare(**run(model="transe", model_kwargs={**rows, "entity_dtype": "float64", "relation_dtype": "float64"}))
    result.model.layers[0].trainable = False  # which the settings of the model do not tell
    result.train(1).save_to_directory(tmp_path / "run")
    loaded = load(tmp_path / "run").train(1)
    assert [layer.trainable for layer in loaded.model.layers] == [False, True]
    np.testing.assert_array_equal(loaded.model.layers[0].weight, table)
    same(loaded, result.train(1))


def test_pretrained_arrays_are_saved_with_the_options(tmp_path):
    table = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    for i, given in enumerate(
        ({"entity_initializer": table}, {"entity_initializer": "pretrained", "entity_initializer_kwargs": {"tensor": table}})
    ):
        options = {
            "embedding_dim": 3,
            "entity_constrainer": "clamp_norm",
            "entity_constrainer_kwargs": {"maxnorm": 9, "p": float("inf")},
        }
        result = pipeline(**run(model_kwargs={**options, **given}))
        result.save_to_directory(tmp_path / str(i))
        loaded = load(tmp_path / str(i))
        same(loaded.train(1), result.train(1))
        loaded.model.reset_parameters_()
        np.testing.assert_array_equal(loaded.model.layers[0].weight, table)


def test_what_becomes_of_the_callers_dicts_does_not_matter(tmp_path):
    rows = {"embedding_dim": 3}
    options = {"entity_representations_kwargs": rows, "relation_representations_kwargs": rows}
    result, _ = prepare(**run(model=..., interaction="distmult", model_kwargs=options))
    rows["embedding_dim"] = 4
    result.save_to_directory(tmp_path / "run")
    same(load(tmp_path / "run").train(1), result.train(1))


class Drawn(np.random.PCG64):
    """A stream that NumPy does not know."""


REFUSED_AT_SAVE = {
    "model.entity_representations_kwargs.initializer is <lambda>": {"entity_initializer": lambda x: x},
    "model.relation_representations_kwargs.constrainer is normalize": {"relation_constrainer": normalize},
    "model.entity_representations_kwargs.normalizer.0 is normalize": {"entity_normalizer": (normalize, lambda g, x: g)},
    "model.entity_representations_kwargs.normalizer is a Op": {"entity_normalizer": Op(normalize, lambda g, x: g)},
    "model.loss is a Op": {"loss": LOSSES["softplus"]},
}


@pytest.mark.parametrize("said", REFUSED_AT_SAVE)
def test_what_cannot_be_written_down_is_refused_at_save(tmp_path, said):
    result = pipeline(**run(model_kwargs={"embedding_dim": 3, **REFUSED_AT_SAVE[said]}, epochs=0))
    with pytest.raises(TypeError) as caught:
        result.save_to_directory(tmp_path / "deep" / "run")
    allowed = "allowed: names, numbers and arrays, which can be written down"
    assert str(caught.value) == f"save_to_directory: {said}; {allowed}"
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_cannot_be_made_anew_is_refused_at_save(tmp_path):
    rng = np.random.Generator(Drawn(1))
    result = pipeline(**run(model_kwargs={"embedding_dim": 3, "random_seed": rng}, random_seed=..., epochs=0))
    with pytest.raises(ValueError, match="Drawn"):
        result.save_to_directory(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    result = pipeline(**run(epochs=0))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept", encoding="utf-8")
    with pytest.raises(FileExistsError, match=r"save_to_directory: .*notes\.txt"):
        result.save_to_directory(tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text(encoding="utf-8") == "kept"
    result.save_to_directory(tmp_path / "run")
    result.train(1).save_to_directory(tmp_path / "run")
    assert len(load(tmp_path / "run").losses) == 1


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "run"
    pipeline(**run()).save_to_directory(path)
    return path


def test_altered_and_truncated_folders_are_refused(saved, tmp_path):
    for name in sorted(path.name for path in saved.iterdir()):
        for change in (
            lambda c: c[:-1],
            lambda c: c[: len(c) // 2],
            lambda c: b"",
            lambda c: c + b" ",
            lambda c: bytes([c[0] ^ 1]) + c[1:],
            None,
        ):
            folder = tmp_path / "run"
            folder.mkdir()
            for path in saved.iterdir():
                content = path.read_bytes()
                if path.name != name:
                    (folder / path.name).write_bytes(content)
                elif change:
                    (folder / path.name).write_bytes(change(content))
            with pytest.raises((ValueError, OSError)) as caught:
                load(folder)
            assert str(caught.value).startswith("load: ")
            assert name in str(caught.value)
            assert "; allowed: " in str(caught.value)
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()


def test_a_folder_that_holds_no_run_is_refused(saved, tmp_path):
    for kind, content in {
        "nothing": {},
        "layer": {"documents": {"training": {"lr": 1}}},
        "list": {"documents": {"training": []}},
    }.items():
        write_folder(tmp_path / kind, **content)
        with pytest.raises(
            ValueError, match=r"load: .* holds no run \(npembed wrote something else there\); allowed: what save_"
        ):
            load(tmp_path / kind)
    with pytest.raises(OSError, match=r"load: nowhere cannot be read \(.*\); allowed: "):
        load("nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(OSError, match=r"load: .*manifest\.json cannot be read"):
        load(tmp_path / "empty")
    with pytest.raises(TypeError, match="load: path = 3 is of type int"):
        load(3)


def test_a_folder_with_whole_files_and_nonsense_in_them_is_refused(saved, tmp_path):
    """Each value of each document replaced, and each array dropped or of another shape, under a manifest that fits."""
    folder = read_folder(saved)
    tried = 0

    def refused(arrays=folder.arrays, documents=folder.documents, tables=folder.tables):
        nonlocal tried
        tried += 1
        write_folder(tmp_path / "run", arrays=arrays, documents=documents, tables=tables)
        with pytest.raises(ValueError, match=r"^load: .*; allowed: [^\n]*$"):
            load(tmp_path / "run")

    for name, document in folder.documents.items():
        refused(documents={other: tree for other, tree in folder.documents.items() if other != name})
        for key in document:
            if key != "dataset":
                refused(documents={**folder.documents, name: {**document, key: "nonsense"}})
            refused(documents={**folder.documents, name: {**document, key: [3.5, {"x": []}]}})
            refused(documents={**folder.documents, name: {k: v for k, v in document.items() if k != key}})
        refused(documents={**folder.documents, name: {**document, "more": 1}})
    for version in (3, 0, True, "1", [1]):
        refused(documents={**folder.documents, "training": {**folder.documents["training"], "version": version}})
    refused(documents={**folder.documents, "more": {}})
    refused(tables={**folder.tables, "more": [["x"]]})
    refused(arrays={**folder.arrays, "more": {"x": np.zeros(1)}})
    refused(arrays={**folder.arrays, "options": {"x": np.zeros(1)}})
    for group, members in folder.arrays.items():
        refused(arrays={other: arrays for other, arrays in folder.arrays.items() if other != group})
        for key, array in members.items():
            refused(arrays={**folder.arrays, group: {k: v for k, v in members.items() if k != key} or {"x": array}})
            refused(arrays={**folder.arrays, group: {**members, key + "s": array}})
            refused(arrays={**folder.arrays, group: {**members, key: array[None]}})
            refused(arrays={**folder.arrays, group: {**members, key: array.astype(np.float16)}})
    for name, rows in folder.tables.items():
        refused(tables={**folder.tables, name: rows[:-1]})
        refused(tables={**folder.tables, name: rows[:1] * len(rows)})
        refused(tables={**folder.tables, name: [[*row, "x"] for row in rows]})
        refused(tables={**folder.tables, name: []})
        refused(tables={other: lines for other, lines in folder.tables.items() if other != name})
    assert tried > 100


# What ends a run before its time


def trained(epochs, **asked):
    return prepare(**run(optimizer_kwargs={"lr": 0.1}, model_kwargs={"embedding_dim": 3, "entity_dropout": 0.2}, **asked))[
        0
    ].train(epochs)


@pytest.mark.parametrize("replay", [None, "pykeen"])
@pytest.mark.parametrize("batch", [1, 2, 3, 6, 11])
def test_ctrl_c_is_between_two_batches_and_the_run_goes_on(tmp_path, monkeypatch, replay, batch):
    """A real SIGINT in each of some steps, of which an epoch has three: the step is done, none after it, and nothing is lost."""
    asked, seen, call = {"optimizer_kwargs": {"lr": 0.1}, "replay": replay}, [], OptimizerUpdate.__call__

    def watched(update, model, *args):
        call(update, model, *args)
        seen.append([layer.weight.tobytes() for layer in model.layers])

    with monkeypatch.context() as patched:
        patched.setattr(OptimizerUpdate, "__call__", watched)
        at_once = prepare(**run(**asked))[0].train(4)
    assert len(seen) == 12
    result = stopped_after(batch, prepare(**run(**asked))[0], 4)
    assert [layer.weight.tobytes() for layer in result.model.layers] == seen[batch - 1]
    whole = (batch - 1) // 3  # the end of an epoch comes after its last batch
    assert result.batches == (whole, batch - 3 * whole)
    result.save_to_directory(tmp_path / "run")
    same(load(tmp_path / "run"), result)
    same(load(tmp_path / "run").train(4 - whole), at_once)
    same(result.train(4 - whole), at_once)


def test_ctrl_c_before_any_line_loses_nothing():
    """A real SIGINT before each line of the training, one after the other: whether it waits there or acts, what follows is the same."""
    codes = {inspect.unwrap(function).__code__ for function in (PipelineResult.train, training_fit._epochs, Place.begin)}
    at_once, seen, lines, left = trained(2), set(), 0, -1
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)

    def trace(frame, event, argument):
        return local if frame.f_code in codes else None

    def local(frame, event, argument):
        nonlocal left
        left -= event == "line"
        if left == -1:
            left = -2
            signal.raise_signal(signal.SIGINT)
        return local

    while left < 0:
        result, left = trained(0), lines
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                result.train(2)
        finally:
            sys.settrace(before)
        seen.add(result.batches)
        same(result.train(2 - len(result.epochs)), at_once)
        lines += 1 if NIGHTLY else 5
    signal.signal(signal.SIGINT, handler)
    assert seen == {(epoch, batch) for epoch in range(2) for batch in range(4)} | {(2, 0)}
    assert lines > 100


def test_ctrl_c_in_the_progress_bar_keeps_ranks_of_the_same_state():
    result = trained(1).evaluate()
    metrics = result.metrics

    def progress(epochs, desc):
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        result.train(1, progress=progress)
    assert result.metrics == metrics
    assert result.evaluate_seconds > 0


def test_ranks_are_those_of_the_tables_as_they_are():
    result = stopped_after(2, trained(1).evaluate(), 1)
    assert result.metrics is result.evaluate_seconds is None
    metrics = result.evaluate().metrics
    assert result.evaluate_seconds > 0
    with pytest.raises(KeyboardInterrupt):
        result.train(1, progress=lambda epochs, desc: (_ for _ in ()).throw(KeyboardInterrupt))
    assert result.metrics == metrics
    result.train(1)
    assert result.metrics is None


@pytest.mark.parametrize("batch", [1, 3, 8])
@pytest.mark.parametrize("error", [None, MemoryError])
def test_an_error_in_a_loss_leaves_the_batches_before_it(tmp_path, monkeypatch, batch, error):
    result, calls, right = trained(0), [], ERModel.loss_and_gradients

    def poisoned(model, *args):
        calls.append(0)
        loss, gradients = right(model, *args)
        if error and len(calls) == batch:
            raise error
        return (np.nan if len(calls) == batch else loss), gradients

    monkeypatch.setattr(ERModel, "loss_and_gradients", poisoned)
    whole = (batch - 1) // 3
    with pytest.raises(error or FloatingPointError, match=None if error else f"fit: loss = nan in epoch {whole + 1}, batch "):
        result.train(4)
    monkeypatch.undo()
    assert result.batches == (whole, (batch - 1) % 3)
    result.save_to_directory(tmp_path / "run")
    same(load(tmp_path / "run").train(4 - whole), trained(4))
    same(result.train(4 - whole), trained(4))


HALF = {f"{side}_dtype": "float16" for side in ("entity", "relation")}
LARGE = {"entity_initializer": np.full((7, 3), 1e6, np.float32), "entity_constrainer": None}
OVERFLOWS = {
    "adam": ({"model": "rotate", "optimizer_kwargs": {"lr": 3e38}}, {}, "rows 0, 1, 2, 3, 4 and 2 more of entity_"),
    "float16": ({"optimizer": "sgd", "optimizer_kwargs": {"lr": 1e6}}, HALF, "rows? .* of (entity|relation)_"),
    "second moment": ({"loss": "mse"}, LARGE, "rows 0, 1, 2 of exp_avg_sq of relation_"),
}
"""What is asked for, options of the model, and the rows that are named."""


@pytest.mark.parametrize("case", OVERFLOWS)
def test_what_overflows_in_the_last_step_is_named_and_replaces_nothing(tmp_path, case):
    """The one batch of the one epoch has a finite loss."""
    asked, options, rows = OVERFLOWS[case]
    asked = {"training_kwargs": {"batch_size": 100}, "model_kwargs": {"embedding_dim": 3, **options}, **asked}
    result, _ = prepare(**run(**asked))
    good = pipeline(**run())
    good.save_to_directory(tmp_path / "run")
    manifest = (tmp_path / "run" / "manifest.json").read_bytes()
    said = rf"^fit: {rows}representations\.0 (is|are) not finite after the last step of epoch 1; allowed: finite numbers, as a smaller lr"
    with pytest.raises(FloatingPointError, match=said):
        result.train(1)
    with pytest.raises(ValueError, match=rf"^save_to_directory: {rows}.*; allowed: another folder than .*run, where a run is$"):
        result.save_to_directory(tmp_path / "run")
    assert (tmp_path / "run" / "manifest.json").read_bytes() == manifest
    result.save_to_directory(tmp_path / "new")  # for those who want to look at it
    with pytest.raises(FloatingPointError):
        load(tmp_path / "new").train(2)


def test_what_was_not_finite_in_a_table_that_is_not_trained_does_not_matter(tmp_path):
    table = np.ones((7, 3), np.float32)
    table[6] = np.nan
    result, _ = prepare(**run(model_kwargs={"embedding_dim": 3, "entity_initializer": table, "entity_trainable": False}))
    assert not_finite(result.model) is None
    result.model.layers[0].trainable = True
    assert not_finite(result.model) == "row 6 of entity_representations.0 is not finite"


def test_a_loss_that_explodes_by_itself():
    result, _ = prepare(**run(optimizer="sgd", optimizer_kwargs={"lr": 1e30}, model="rotate"))
    with pytest.raises(FloatingPointError, match="fit: loss = nan in epoch 1"):
        result.train(3)


# Two on one folder


def test_of_two_runs_on_one_folder_the_later_does_not_undo_the_earlier(tmp_path):
    run_, other = tmp_path / "run", tmp_path / "other"
    pipeline(**run(epochs=1)).save_to_directory(run_)
    one, two, three = (load(run_) for _ in range(3))
    one.train(1).save_to_directory(run_)
    one.train(1).save_to_directory(str(run_) + "/.")  # what it has written itself it may replace, by any name
    same(load(run_), one)
    with pytest.raises(
        FileExistsError, match=r"save_to_directory: .*run was written by another run meanwhile; allowed: another folder"
    ):
        two.train(2).save_to_directory(run_)
    same(load(run_), one)
    two.save_to_directory(other)
    same(load(other), two)
    three.train(1)
    for path in run_.iterdir():
        path.unlink()
    three.save_to_directory(run_)  # nothing is undone
    same(load(run_), three)


def test_a_place_that_cannot_be_is_refused(tmp_path):
    """What `fit` is handed, and what is read: an order that is none, too many losses, or losses that are none."""
    result = stopped_after(2, trained(0), 1)
    result.save_to_directory(tmp_path / "run")
    folder = read_folder(tmp_path / "run")
    order, kept = folder.arrays["place"]["order"], folder.documents["training"]["place"]
    assert kept.keys() == {"losses", "seconds"}
    twice = order.copy()
    twice[0] = twice[1]
    changes = [("order", value) for value in (order[:-1], twice, order + 1, order.astype(np.int32), order[:, None])]
    changes += [("losses", value) for value in ([0.5] * 4, [0.5, "x"], [0.5, None], [float("nan")], 3, None)]
    changes += [("seconds", value) for value in (-1.0, "x", None, float("inf"))]
    for name, value in changes:
        place = value if name == "order" else order
        training = {**folder.documents["training"], "place": kept if name == "order" else {**kept, name: value}}
        documents, arrays = {**folder.documents, "training": training}, {**folder.arrays, "place": {"order": place}}
        write_folder(tmp_path / "bad", arrays=arrays, documents=documents, tables=folder.tables)
        with pytest.raises(ValueError, match=r"^load: .*bad.*place"):
            load(tmp_path / "bad")
    for part in ("order", "losses", "seconds"):
        training = {**folder.documents["training"], "place": {name: value for name, value in kept.items() if name != part}}
        arrays = {name: group for name, group in folder.arrays.items() if name != "place" or part != "order"}
        write_folder(tmp_path / "bad", arrays=arrays, documents={**folder.documents, "training": training}, tables=folder.tables)
        with pytest.raises(ValueError, match=r"^load: .*bad"):
            load(tmp_path / "bad")
    with pytest.raises(TypeError, match="fit: place is a int; allowed: a Place or None"):
        fit(result.model, LETTERS.training.mapped_triples, epochs=1, lr=0.1, place=3)


# Bad input

NATIONS = Nations()
OTHER = transe_preset(NATIONS.training, embedding_dim=2)
RENAMED = TriplesFactory(
    LETTERS.training.mapped_triples, {f"_{name}": i for name, i in LETTERS.training.entity_to_id.items()}, LETTERS.training.relation_to_id
)  # fmt: skip
EMPTY = TriplesFactory(np.zeros((0, 3), np.int64), LETTERS.training.entity_to_id, LETTERS.training.relation_to_id)
BAD = [
    ({"dataset": None}, ValueError, "pipeline: training is missing; allowed: dataset, or training and testing"),
    ({"dataset": None, "training": LETTERS.training}, ValueError, "pipeline: testing is missing; allowed: dataset, or"),
    (
        {"training": LETTERS.training},
        ValueError,
        "pipeline: dataset and training, validation or testing are both given; allowed: one",
    ),
    (
        {"dataset": None, "training": 3, "testing": 4},
        TypeError,
        "pipeline: training is a int; allowed: a TriplesFactory or a path",
    ),
    ({"dataset": None, "training": LETTERS.training, "testing": NATIONS.testing}, ValueError, "Dataset: testing has other ids"),
    ({"dataset": Dataset("x", LETTERS.training, EMPTY, EMPTY)}, ValueError, "pipeline: testing has no triples; allowed: one"),
    ({"dataset": Dataset("x", EMPTY, EMPTY, LETTERS.testing)}, ValueError, r"fit: triples has shape \(0, 3\); allowed: "),
    ({"dataset": "nation"}, KeyError, r"load: source = 'nation' is neither .* \(did you mean 'nations'\?\); allowed: "),
    ({"dataset": 3}, TypeError, "load: source is a int; allowed: "),
    ({"model": None}, ValueError, "pipeline: model and interaction are both missing; allowed: one of them"),
    ({"interaction": "transe"}, ValueError, "pipeline: model and interaction are both given; allowed: one of them"),
    ({"model": "transd"}, KeyError, r"pipeline: model = 'transd' is unknown \(did you mean 'transe'\?\); known are transe"),
    ({"model": 3}, TypeError, "pipeline: model is a int; allowed: "),
    (
        {"model": OTHER, "random_seed": None, "model_kwargs": None},
        ValueError,
        "pipeline: model has 14 entities and 55 relations; allowed: 7 and 3",
    ),
    (
        {"model": OTHER, "model_kwargs": None},
        ValueError,
        "pipeline: random_seed = 3 is given, and model is made already; allowed: one seed",
    ),
    (
        {"model": OTHER, "random_seed": None},
        ValueError,
        "pipeline: model is made already, and options of it are given; allowed: ",
    ),
    (
        {"model": transe_preset(RENAMED), "random_seed": None, "model_kwargs": None},
        ValueError,
        "pipeline: model has another entity_to_id than the graph; allowed: ",
    ),
    (
        {"model_kwargs": {"random_seed": 4}},
        ValueError,
        "pipeline: random_seed = 3 is given, and model_kwargs holds another; allowed: one seed",
    ),
    ({"model_kwargs": {"triples_factory": 4}}, TypeError, "pipeline: model_kwargs holds 'triples_factory'; allowed: "),
    (
        {"model_kwargs": {"embeding_dim": 4}},
        KeyError,
        r"pipeline: model_kwargs = 'embeding_dim' is unknown \(did you mean 'embedding_dim'\?\); known are embedding_dim, ",
    ),
    ({"model_kwargs": [1]}, TypeError, r"pipeline: model_kwargs = \[1\] is a list; allowed: a dict of options"),
    ({"model": None, "interaction": "transe"}, KeyError, "pipeline: model_kwargs = 'embedding_dim' is unknown; known are "),
    (
        {"model": None, "interaction": "transe", "model_kwargs": None},
        TypeError,
        "ERModel: entity_representations_kwargs is a NoneType; allowed: ",
    ),
    (
        {"interaction_kwargs": {"p": 2}, "model": "transe", "model_kwargs": {"interaction_kwargs": {}}},
        ValueError,
        "pipeline: interaction_kwargs is given, and is in model_kwargs too; allowed: one",
    ),
    (
        {"model": "transe", "model_kwargs": {"p": 1, "scoring_fct_norm": 2}},
        KeyError,
        "pipeline: model_kwargs = 'scoring_fct_norm' is unknown; known are ",
    ),
    (
        {"loss": "mse", "model_kwargs": {"loss": "mse"}},
        ValueError,
        "pipeline: loss is given, and is in model_kwargs too; allowed: one",
    ),
    ({"loss": "hinge"}, KeyError, "ERModel: loss = 'hinge' is unknown; known are margin_ranking"),
    (
        {"loss_kwargs": {"margins": 1}},
        KeyError,
        r"ERModel: loss_kwargs = 'margins' is unknown \(did you mean 'margin'\?\); known are ",
    ),
    ({"optimizer": "adom"}, KeyError, r"pipeline: optimizer = 'adom' is unknown \(did you mean 'adam'\?\); known are "),
    ({"optimizer_kwargs": {"lr": -1}}, ValueError, "fit: lr = -1 is out of range; allowed: "),
    ({"optimizer_kwargs": {"lr": None}}, TypeError, "fit: lr = None is of type NoneType; allowed: "),
    ({"optimizer_kwargs": {"betas": 1}}, TypeError, "adam_: betas = 1 is no pair; allowed: "),
    ({"optimizer_kwargs": {"eps": -1}}, ValueError, "adam_: eps = -1 is out of range; allowed: "),
    ({"optimizer_kwargs": {"momentum": 1}}, KeyError, "fit: optimizer_kwargs = 'momentum' is unknown; known are "),
    ({"training_loop": "owa"}, KeyError, r"pipeline: training_loop = 'owa' is unknown.*; known are slcwa, lcwa"),
    ({"training_loop": "lcwa", "training_loop_kwargs": {"target": 1}}, ValueError, "fit: target = 1 is not a choice; allowed: "),
    ({"training_loop_kwargs": {"aim": 1}}, KeyError, "pipeline: training_loop_kwargs = 'aim' is unknown; known are target"),
    (
        {"training_loop": "lcwa", "negative_sampler": "basic"},
        ValueError,
        "fit: sampler = 'basic' is no option of loop = 'lcwa'; allowed: ",
    ),
    ({"negative_sampler": "basics"}, KeyError, r"fit: sampler = 'basics' is unknown \(did you mean 'basic'\?\); known are "),
    (
        {"negative_sampler_kwargs": {"num_negs": 1}},
        KeyError,
        r"pipeline: negative_sampler_kwargs = 'num_negs' is unknown \(did you mean 'num_negs_per_pos'\?\); known are ",
    ),
    ({"negative_sampler_kwargs": {"num_negs_per_pos": 0}}, ValueError, "fit: num_negatives = 0 is out of range; allowed: "),
    (
        {"training_kwargs": {"epochs": 1}},
        KeyError,
        r"pipeline: training_kwargs = 'epochs' is unknown.*; known are num_epochs, batch_size",
    ),
    (
        {"training_kwargs": {"num_epochs": 1}},
        ValueError,
        r"pipeline: epochs = 2 and training_kwargs = .* both say how many; allowed: one",
    ),
    ({"training_kwargs": {"batch_size": 0}}, ValueError, "fit: batch_size = 0 is out of range; allowed: "),
    ({"epochs": -1}, ValueError, "pipeline: num_epochs = -1 is out of range; allowed: "),
    ({"epochs": True}, TypeError, "pipeline: num_epochs = True is of type bool; allowed: "),
    ({"random_seed": 2**64}, ValueError, "pipeline: random_seed = 18446744073709551616 is out of range; allowed: "),
    ({"random_seed": "0"}, TypeError, "pipeline: random_seed = '0' is of type str; allowed: "),
    ({"filtered": "no"}, ValueError, "pipeline: filtered = 'no' is not a choice; allowed: True or False"),
    ({"replay": "torch"}, ValueError, "fit: replay = 'torch' is not a choice; allowed: None or 'pykeen'"),
    (
        {"replay": "pykeen", "random_seed": None, "model_kwargs": {"embedding_dim": 2, "random_seed": np.random.default_rng(0)}},
        ValueError,
        "fit: replay = 'pykeen' follows one seed; allowed: ",
    ),
]


@pytest.mark.parametrize(("asked", "error", "said"), BAD, ids=range(len(BAD)))
def test_bad_input_is_refused_before_training(asked, error, said):
    before = OTHER.layers[0].weight.tobytes(), repr(OTHER.rng)
    for function in (prepare, pipeline):
        with pytest.raises(error, match=said) as caught:
            function(**run(**asked))
        assert "\n" not in str(caught.value)
    assert (OTHER.layers[0].weight.tobytes(), repr(OTHER.rng)) == before


def test_bad_input_to_a_run_is_refused():
    result = prepare(**run())[0]
    before = snapshot(result)
    for call, error, said in (
        (lambda: result.train(-1), ValueError, "train: num_epochs = -1 is out of range; allowed: a whole number >= 0"),
        (lambda: result.train(1.5), TypeError, "train: num_epochs = 1.5 is of type float; allowed: "),
        (lambda: result.get_metric("mrr"), ValueError, "get_metric: nothing was ranked since the last epoch; allowed: after"),
        (lambda: result.evaluate().get_metric("mmr"), KeyError, r"metric: .*'mmr' is unknown \(did you mean 'mr'\?\)"),
        (lambda: result.save_to_directory(3), TypeError, "save_to_directory: path = 3 is of type int; allowed: "),
        (lambda: result.save_to_directory(""), ValueError, "save_to_directory: path = '' names no folder; allowed: "),
    ):
        with pytest.raises(error, match=said):
            call()
    result.metrics = None
    assert snapshot(result) == before
    how = {**result.how, "optimizer": "sgd", "optimizer_kwargs": {}}
    empty = PipelineResult(result.model, Dataset("x", LETTERS.training, EMPTY, EMPTY), how, random_seed=0)
    with pytest.raises(ValueError, match="evaluate: testing has no triples; allowed: one at least"):
        empty.evaluate()
