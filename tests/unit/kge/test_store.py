"""What a saved run keeps: every setting, every array of every optimizer, to the bit; and what it costs to refuse one."""

import inspect
import itertools
import json
import shutil
import tracemalloc

import forged
import numpy as np
import pytest
from places import GOLDEN as GOLDEN_FILES

from npembed import load
from npembed.embedding.optimizers import OPTIMIZERS
from npembed.io import read_folder, text, write_folder
from npembed.kge.datasets import Dataset, TriplesFactory
from npembed.kge.datasets.dataset import PARTS
from npembed.kge.runs import prepare
from npembed.kge.runs.save import save
from npembed.layers import Embedding, only_tables_like

GOLDEN, STOPPED = (GOLDEN_FILES / name for name in ("run_1", "run_1_stopped"))
"""What the first version wrote: transe, Adam with amsgrad, an array among the options, a frozen table; distmult, stopped in an epoch."""

FEW = [(a, r, b) for a in "abcde" for b in "abcde" for r, far in (("next", 1), ("over", 2)) if ord(b) == ord(a) + far]
SMALL = Dataset("small", *TriplesFactory.from_labeled_triples(FEW).split((0.6, 0.2, 0.2), rng=1))


def small(model="distmult", dtype="float32", seed=3, **asked):
    """A run on few triples, not trained yet."""
    rows = {"embedding_dim": 2, "entity_dtype": dtype, "relation_dtype": dtype, "random_seed": seed}
    asked = {"training_kwargs": {"batch_size": 3}, "dataset": SMALL, **asked}
    return prepare(model=model, model_kwargs={**rows, **asked.pop("model_kwargs", {})}, **asked)[0]


def state(result):
    """All that a run goes on from, to the bit."""
    states = [{key: np.asarray(value).tobytes() for key, value in entries.items()} for entries in result.update.states]
    weights = [layer.weight.tobytes() for layer in result.model.layers]
    return states, weights, json.dumps(result.model.rng.get_state(), default=np.ndarray.tolist), result.losses


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def goes_on(result, tmp_path):
    """Whether a run, saved and loaded, is saved as it was, and trained on as if it never had been away."""
    result.save_to_directory(tmp_path / "run")
    loaded = load(tmp_path / "run")
    assert state(loaded) == state(result)
    loaded.save_to_directory(tmp_path / "again")
    assert files(tmp_path / "again") == files(tmp_path / "run")
    assert state(loaded.train(1)) == state(result.train(1))
    shutil.rmtree(tmp_path / "run"), shutil.rmtree(tmp_path / "again")


@pytest.fixture(autouse=True)
def without_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


# All that is saved comes back

STEPS = {
    "momentum": [0.0, 0.9], "nesterov": [False, True], "dampening": [0.0, 0.3], "weight_decay": [0.0, 0.01], "amsgrad": [False, True],
    "correction": ["table", "row"], "lr_decay": [0.0, 0.1], "maximize": [False, True], "missing_rows": ["dense", "lazy", "decay_on_touch"],
    "betas": [(0.9, 0.999), (0.0, 0.9)], "eps": [1e-8, 1e-3],
}  # fmt: skip
KINDS = [
    ("distmult", "float32", "slcwa"), ("transe", "float64", "lcwa"), ("rotate", "complex64", "slcwa"), ("complex", "complex128", "lcwa"),
    ("distmult", "float16", "slcwa"),
]  # fmt: skip


def fits(name, options):
    """Whether an optimizer has all of these options at once."""
    optimizer, empty = OPTIMIZERS[name], np.empty((0, 2))
    try:
        optimizer.step_(empty, empty.copy(), state=optimizer.state(empty), lr=0.1, **options)
    except ValueError:
        return False
    return True


def paired(name):
    """Few choices of all options of an optimizer, in which each two values that fit together meet."""
    values = {option: STEPS[option] for option in STEPS if option in inspect.unwrap(OPTIMIZERS[name].step_).__kwdefaults__}
    choices = [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]
    left = {i: set(itertools.combinations(choice.items(), 2)) for i, choice in enumerate(choices) if fits(name, choice)}
    while any(left.values()):
        best = max(left, key=lambda i: len(left[i]))
        covered = set(left[best])
        left = {i: met - covered for i, met in left.items()}
        yield choices[best]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_on_with_every_pair_of_its_options(name, tmp_path):
    """It lost what amsgrad, decay on touch, and counts by rows add to a state: such a run could not be trained on."""
    tried = set()
    for i, options in enumerate(paired(name)):
        model, dtype, loop = KINDS[i % len(KINDS)]
        result = small(model, dtype, optimizer=name, optimizer_kwargs={"lr": 0.1, **options}, training_loop=loop).train(1)
        goes_on(result, tmp_path)
        tried.update(result.update.states[0])
    assert i >= 3
    added = {"sgd": {"last_step"}, "adam": {"last_step", "max_exp_avg_sq"}, "sparse_adam": {"last_step", "row_steps"}}
    assert tried >= added.get(name, set())


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_every_kind_of_model_goes_on_with_arrays_that_options_add(kind, tmp_path):
    model, dtype, loop = kind
    for name, options in (
        ("adamw", {"amsgrad": True, "missing_rows": "decay_on_touch"}),
        ("sparse_adam", {"correction": "row"}),
        ("sgd", {"weight_decay": 0.01, "missing_rows": "decay_on_touch"}),
    ):
        result = small(model, dtype, optimizer=name, optimizer_kwargs={"lr": 0.1, **options}, training_loop=loop)
        result.model.layers[1].trainable = False  # of a frozen table the state is as at first
        goes_on(result, tmp_path)
        goes_on(result, tmp_path)


def test_every_setting_comes_back(tmp_path):
    """Each at a value that is no default: what is read as a default, or not at all, is noticed."""
    result = small(
        "transe", "float64", seed=7, filtered=False, loss="softplus", optimizer="adamw", negative_sampler="bernoulli",
        optimizer_kwargs={"lr": 0.25, "betas": (0.5, 0.75), "eps": 1e-3, "weight_decay": 0.125, "maximize": True},
        negative_sampler_kwargs={"num_negs_per_pos": 3, "filtered": True}, replay="pykeen",
        model_kwargs={"p": 2, "entity_dropout": 0.25, "relation_regularizer": "lp", "relation_regularizer_kwargs": {"weight": 0.5}},
    ).train(2).evaluate()  # fmt: skip
    result.save_to_directory(tmp_path / "run")
    loaded = load(tmp_path / "run")
    assert loaded.filtered is False
    assert loaded.random_seed == 7
    assert loaded.dataset.name == "small"
    assert loaded.how == {
        "loop": "slcwa", "lr": 0.25, "replay": "pykeen", "num_negatives": 3, "filtered": True, "sampler": "bernoulli", "batch_size": 3,
    }  # fmt: skip
    assert loaded.update.name == "adamw"
    assert loaded.update.options == {"betas": [0.5, 0.75], "eps": 1e-3, "weight_decay": 0.125, "maximize": True}
    assert loaded.model.settings == result.model.settings
    assert loaded.settings == result.settings
    assert loaded.epochs == result.epochs
    assert loaded.metrics == result.metrics
    assert loaded.evaluate_seconds == result.evaluate_seconds
    assert [layer.trainable for layer in loaded.model.layers] == [True, True]


@pytest.mark.parametrize("filtered", [True, False])
def test_how_ranks_are_made_comes_back(filtered, tmp_path):
    letters = Dataset("letters", *TriplesFactory.from_labeled_triples(forged.TRIPLES).split((0.7, 0.1, 0.2), rng=1))
    result = small(filtered=filtered, dataset=letters).train(1).evaluate()
    result.save_to_directory(tmp_path / "run")
    loaded = load(tmp_path / "run")
    assert loaded.filtered is filtered
    assert loaded.evaluate().metrics == result.metrics
    assert small(filtered=not filtered, dataset=letters).train(1).evaluate().metrics != result.metrics


# What was saved by an earlier version


def test_a_run_of_the_first_version_is_what_it_was(tmp_path):
    loaded = load(GOLDEN)
    assert repr(loaded).startswith("PipelineResult(letters, epochs=2, loss=0.8367")
    assert loaded.filtered is False
    assert [layer.trainable for layer in loaded.model.layers] == [True, False]
    assert loaded.update.states[0]["step"] == 6
    assert loaded.update.states[0]["max_exp_avg_sq"].any()
    stored = read_folder(GOLDEN)
    np.testing.assert_array_equal(
        loaded.model.layers[0].weight, stored.arrays["model"]["entity_representations.0._embeddings.weight"]
    )
    loaded.save_to_directory(tmp_path / "run")
    found, wanted = files(tmp_path / "run"), files(GOLDEN)
    assert found.pop("manifest.json")[:20] == wanted.pop("manifest.json")[:20]  # which tells of this version
    assert found.pop("training.json") == wanted.pop("training.json").replace(b'"version": 1,', b'"version": 2,')
    assert found == wanted
    assert len(loaded.train(1).evaluate().losses) == 3


def test_a_run_of_the_first_version_goes_on_under_the_names_of_this_one(tmp_path):
    """Stopped after one batch of its fourth epoch, and with an option that had another name."""
    loaded = load(STOPPED)
    assert loaded.update.options == {"missing_rows": "decay_on_touch"}
    assert loaded.batches == (3, 1)
    loaded.save_to_directory(tmp_path / "run")
    found, wanted = (files(folder) for folder in (tmp_path / "run", STOPPED))
    old, new = b'"version": 1,', b'"version": 2,'
    named = wanted.pop("training.json").replace(old, new).replace(b'"untouched"', b'"missing_rows"')
    assert found.pop("training.json") == named
    assert found.pop("manifest.json")[:20] == wanted.pop("manifest.json")[:20]  # which tells of this version
    assert found == wanted
    np.testing.assert_allclose(
        loaded.train(2).losses[:3], [1.1487752199172974, 0.9979167878627777, 0.988556832075119], rtol=1e-15
    )
    np.testing.assert_allclose(loaded.losses[3:], [0.8264091610908508, 0.9236223995685577], rtol=1e-5)  # of any processor
    same = load(tmp_path / "run").train(2)
    assert [layer.weight.tobytes() for layer in same.model.layers] == [layer.weight.tobytes() for layer in loaded.model.layers]


@pytest.mark.parametrize(
    ("version", "options"), [(1, {"missing_rows": "lazy"}), (2, {"untouched": "lazy"}), (1, {"untouched": 3})]
)
def test_names_are_those_of_the_version(tmp_path, version, options):
    folder = read_folder(STOPPED)
    training = {**folder.documents["training"], "version": version, "optimizer_kwargs": options}
    write_folder(
        tmp_path / "run", arrays=folder.arrays, documents={**folder.documents, "training": training}, tables=folder.tables
    )
    with pytest.raises(ValueError, match=r"^load: .*(missing_rows|untouched)"):
        load(tmp_path / "run")


def test_a_run_that_has_lost_arrays_can_still_be_ranked(tmp_path):
    """As those that an earlier version has loaded and saved again."""
    result = small(optimizer="adam", optimizer_kwargs={"amsgrad": True}).train(1).evaluate()
    result.save_to_directory(tmp_path / "run")
    folder = read_folder(tmp_path / "run")
    kept = {name: array for name, array in folder.arrays["optimizer"].items() if "max_exp" not in name}
    write_folder(tmp_path / "run", arrays={**folder.arrays, "optimizer": kept}, documents=folder.documents, tables=folder.tables)
    lost = r"load: .*optimizer.safetensors lacks 'entity_representations.0.max_exp_avg_sq', so the run can be ranked, and not be trained on"
    with pytest.warns(UserWarning, match=lost):
        loaded = load(tmp_path / "run")
    before = state(loaded)
    assert loaded.evaluate().metrics == result.metrics
    with pytest.raises(
        ValueError, match=r"^fit: the state of adam for entity_representations.0 lacks 'max_exp_avg_sq'; allowed: step, "
    ):
        loaded.train(1)
    assert state(loaded) == before


# What is refused, and at what cost


def rewritten(tmp_path, change):
    """A saved run after `change(documents, arrays)`."""
    small(optimizer="adam").train(1).evaluate().save_to_directory(tmp_path / "run")
    folder = read_folder(tmp_path / "run")
    change(folder.documents, folder.arrays)
    write_folder(tmp_path / "run", arrays=folder.arrays, documents=folder.documents, tables=folder.tables)
    return tmp_path / "run"


ROWS = "entity_representations_kwargs"
HUGE = {
    "dim": lambda model: model[ROWS].update(embedding_dim=10**9),
    "shape": lambda model: (model[ROWS].pop("embedding_dim"), model[ROWS].update(shape=[10**5, 10**5])),
    "bases": lambda model: model.update({"entity_representations": "LowRank", ROWS: {"shape": 2, "num_bases": 10**9}}),
    "width": lambda model: model.update({"entity_representations": "LowRank", ROWS: {"shape": 10**9, "num_bases": 2}}),
    "rows": lambda model: model.update(
        {"entity_representations": "Subset", ROWS: {"base_kwargs": {"max_id": 10**9, "shape": 2}}}
    ),
    "tokens": lambda model: model.update(
        {
            "entity_representations": "EmbeddingBag",
            ROWS: {"assignment": [[0, 0]], "shape": 2, "embedding_bag_kwargs": {"max_id": 10**9}},
        }
    ),
    "parts": lambda model: model.update(
        {"entity_representations": "Combined", ROWS: {"base_kwargs": [{"shape": 1}, {"shape": 10**9}]}}
    ),
    "normalized": lambda model: model[ROWS].update(embedding_dim=10**9, normalizer="normalize", regularizer="lp"),
}


@pytest.mark.parametrize("name", HUGE)
def test_no_memory_is_taken_for_tables_that_are_not_stored(name, tmp_path):
    path = rewritten(tmp_path, lambda documents, arrays: HUGE[name](documents["model"]))
    tracemalloc.start()
    try:
        with pytest.raises(
            ValueError, match=r"load: .*model\.json is refused \(Embedding: a table of shape .* is asked for; allowed: "
        ):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_tables_are_looked_at_only_meanwhile():
    said = r"Embedding: a table of shape \(3, .*\) is asked for; allowed: the shapes of the stored ones, \[\(3, 4\)\]"
    with only_tables_like([(3, 4)]):
        Embedding(3, 4), Embedding(3, 2, dtype="complex64"), Embedding(3, shape=(2, 2))
        for options in ({"embedding_dim": 3}, {"shape": (4, 4)}, {"weight": np.ones((3, 5), np.float32)}):
            with pytest.raises(ValueError, match=said):
                Embedding(3, **options)
    assert Embedding(3, 5).shape == (5,)
    with pytest.raises(TypeError), only_tables_like([(3, 4)]):
        Embedding(3, "4")
    assert Embedding(3, 5).shape == (5,)


def test_a_key_that_is_there_twice_is_found_in_one_pass():
    """By 189 kB of them, each pass over all that comes before took half a minute."""
    content = "{" + ",".join(f'"{i}":0' for i in range(200_000)) + ',"199999":1}'
    with pytest.raises(ValueError, match="holds the key '199999' twice in one object"):
        text.decode_document(content.encode())
    with pytest.raises(ValueError, match="holds the key 'a' twice in one object"):
        text.decode_document(b'[{"b": 1, "a": {"a": 1}, "a": 2}]')


def test_sums_of_squares_are_none_of_negative_numbers(tmp_path):
    name = "entity_representations.0.exp_avg_sq"
    for value in (-1.0, np.nan):
        path = rewritten(tmp_path, lambda documents, arrays, value=value: arrays["optimizer"][name].__setitem__(0, value))
        with pytest.raises(
            ValueError, match=rf"load: .*optimizer\.safetensors\['{name}'\] holds nan or a number below zero; allowed: "
        ):
            load(path)
    path = rewritten(tmp_path, lambda documents, arrays: arrays["optimizer"][name].__setitem__(0, np.inf))
    assert np.isinf(load(path).update.states[0]["exp_avg_sq"]).any()  # which large gradients make


def test_numbers_that_are_not_finite_come_back(tmp_path):
    result = small().train(1)
    result.model.layers[0].restore(np.full((5, 2), np.nan, np.float32))
    result.epochs[0] = result.epochs[0]._replace(loss=np.inf, entity_row_norms=(np.nan, np.inf))
    result.save_to_directory(tmp_path / "run")
    loaded = load(tmp_path / "run")
    assert np.isnan(loaded.model.layers[0].weight).all()
    assert str(loaded.epochs) == str(result.epochs)
    loaded.save_to_directory(tmp_path / "again")
    assert files(tmp_path / "again") == files(tmp_path / "run")


def test_numbers_that_options_say_are_those_that_are_stored(tmp_path):
    result = small(model_kwargs={"entity_regularizer": "lp"}).train(1)
    result.save_to_directory(tmp_path / "run")
    folder = read_folder(tmp_path / "run")
    name = "entity_representations.0.regularizer.weight"
    for value in (np.array(9, np.float32), folder.arrays["model"][name].astype(np.float64)):
        arrays = {**folder.arrays, "model": {**folder.arrays["model"], name: value}}
        write_folder(tmp_path / "run", arrays=arrays, documents=folder.documents, tables=folder.tables)
        with pytest.raises(
            ValueError, match=rf"load: .*model\.safetensors holds other numbers for '{name}'; allowed: the arrays of this"
        ):
            load(tmp_path / "run")


SAID = {
    "training.json['filtered'] = 'yes' is not a choice; allowed: True or False": lambda d, a: d["training"].update(
        filtered="yes"
    ),
    "training.json['how']['batch_size'] = 0 is out of range; allowed: a whole number >= 1": lambda d, a: d["training"][
        "how"
    ].update(batch_size=0),
    "training.json['how'] has an unknown key 'batch_sise' (did you mean 'batch_size'?); allowed: lr, ": lambda d, a: d[
        "training"
    ]["how"].update(batch_sise=3),
    "training.json['how'] lacks 'lr'; allowed: all of lr": lambda d, a: d["training"]["how"].pop("lr"),
    "training.json['how'] is a list; allowed: a dict of lr, ": lambda d, a: d["training"].update(how=[]),
    "training.json['epochs'][0] has 3 entries; allowed: 4": lambda d, a: d["training"]["epochs"][0].pop(),
    "training.json['epochs'][0][1] = 'x' is of type str; allowed: a finite number": lambda d, a: d["training"]["epochs"][
        0
    ].__setitem__(1, "x"),
    "training.json['generator']['position'] = 625 is out of range; allowed: a whole number >= 0 and <= 624": lambda d, a: d[
        "training"
    ]["generator"].update(position=625),
    "training.json['trainable'] has 1 entries; allowed: 2, one for each table": lambda d, a: d["training"]["trainable"].pop(),
    "training.json is refused (fit: loop = 'x' is unknown; known are slcwa, lcwa); allowed: ": lambda d, a: d["training"][
        "how"
    ].update(loop="x"),
    "training.json is refused (adam_: eps = 0 is out of range; allowed: ": lambda d, a: d["training"]["optimizer_kwargs"].update(
        eps=0
    ),
    "training.json['optimizer_numbers']['entity_representations.0.step'] = 1.5 is of type float": lambda d, a: d["training"][
        "optimizer_numbers"
    ].update({"entity_representations.0.step": 1.5}),
    "optimizer.safetensors holds 'x.step'; allowed: step, exp_avg, exp_avg_sq of entity_representations.0, ": lambda d, a: d[
        "training"
    ]["optimizer_numbers"].update({"x.step": 1}),
    "optimizer.safetensors lacks 'relation_representations.0.step'; allowed: the whole state of adam": lambda d, a: d["training"][
        "optimizer_numbers"
    ].pop("relation_representations.0.step"),
    "model.json asks for an array 'x'; allowed: one that is stored": lambda d, a: d["model"].update(
        loss_kwargs={"margin": {"array": "x"}}
    ),
    "model.json never asks for the stored array 'x'; allowed: ": lambda d, a: a.update(options={"x": np.ones(1)}),
    "model.json is refused (margin_ranking: margin = 'x' is of type str; allowed: ": lambda d, a: d["model"].update(
        loss_kwargs={"margin": "x"}
    ),
    "model.safetensors is refused (load_state_dict: ": lambda d, a: a["model"].update(x=np.ones(1)),
    "triples.safetensors['testing'] is int64 (0, 2); allowed: int64 (n, 3)": lambda d, a: a["triples"].update(
        testing=np.zeros((0, 2), np.int64)
    ),
    "training.json is refused (fit: triples has shape (0, 3); allowed: ": lambda d, a: a["triples"].update(
        training=np.zeros((0, 3), np.int64)
    ),
    "metrics.json['metrics']['x'] = None is of type NoneType; allowed: a finite number": lambda d, a: d["metrics"][
        "metrics"
    ].update(x=None),
    " (documents) lacks 'metrics'; allowed: all of model, training, metrics": lambda d, a: d.pop("metrics"),
    " holds a run of version 3; allowed: version 1 or 2, which this npembed reads": lambda d, a: d["training"].update(version=3),
}


@pytest.mark.parametrize("said", SAID)
def test_what_is_wrong_is_said_with_file_and_key(said, tmp_path):
    path = rewritten(tmp_path, SAID[said])
    with pytest.raises(ValueError, match=r"^load: [^\n]*$") as caught:
        load(path)
    assert said in str(caught.value)
    assert "; allowed: " in str(caught.value)


def test_what_is_no_run_is_refused_in_the_name_of_load(tmp_path):
    write_folder(tmp_path / "other", documents={"x": 1})
    for path, error, said in (
        (3, TypeError, r"path = 3 is of type int; allowed: "),
        (tmp_path / "none", OSError, r".*none cannot be read \(.*\); allowed: "),
        (tmp_path / "other", ValueError, r".*other holds no run \(npembed wrote something else there\); allowed: "),
    ):
        with pytest.raises(error, match=f"^load: {said}"):
            load(path)


def test_a_run_knows_by_any_name_the_folder_that_it_has_read_or_written(tmp_path):
    """What was written there meanwhile is not undone, whichever way leads to it."""
    plain, around = tmp_path / "run", tmp_path / "x" / ".." / "run"
    (tmp_path / "x").mkdir()
    said = r"^save_to_directory: .*run was written by another run meanwhile; allowed: another folder"
    for first, second in ((plain, around), (around, plain)):
        written = small()
        written.save_to_directory(first)
        read, late = load(first), load(first)
        read.train(1).save_to_directory(second)
        kept = files(plain)
        for result in (written, late):
            with pytest.raises(FileExistsError, match=said):
                result.save_to_directory(second)
        assert files(plain) == kept


def test_states_of_other_tables_are_refused():
    """Of fewer tables, and an entry that this optimizer does not have of a table that there is."""
    result = small(optimizer="adam").train(1)
    layers, before = result.model.named_layers, state(result)
    saved = {
        f"{name}.{key}": value for name, kept in zip(layers, result.update.states, strict=True) for key, value in kept.items()
    }
    first = {"entity_representations.0": layers["entity_representations.0"]}
    of_first = {label: value for label, value in saved.items() if label.startswith("entity")}
    with pytest.raises(ValueError, match="argument 2 is longer than argument 1"):
        result.update.restore("load", "states", of_first, first)
    said = "^load: states holds 'entity_representations.0.momentum_buffer'; allowed: step, exp_avg, exp_avg_sq of entity_"
    with pytest.raises(ValueError, match=said):
        result.update.restore("load", "states", {**saved, "entity_representations.0.momentum_buffer": 1}, layers)
    assert state(result) == before
    result.update.restore("load", "states", saved, layers)
    assert state(result) == before


def test_a_loaded_run_stands_on_the_parts_that_it_was_trained_on(tmp_path):
    result = small().train(1)
    result.save_to_directory(tmp_path / "run")
    loaded = load(tmp_path / "run")
    assert loaded.model.triples_factory is loaded.dataset.training
    for part in PARTS:
        found, wanted = (getattr(run.dataset, part) for run in (loaded, result))
        np.testing.assert_array_equal(found.mapped_triples, wanted.mapped_triples)
        np.testing.assert_array_equal(loaded.model.known_triples[part], wanted.mapped_triples)
        assert (found.entity_to_id, found.relation_to_id) == (wanted.entity_to_id, wanted.relation_to_id)


@pytest.mark.parametrize(("regularizer", "fact"), [("lp", "lacks"), (None, "holds an unknown")])
def test_numbers_of_a_regularizer_are_stored_if_there_is_one(regularizer, fact, tmp_path):
    name = "entity_representations.0.regularizer.weight"
    small(model_kwargs={"entity_regularizer": regularizer}).save_to_directory(tmp_path / "run")
    folder = read_folder(tmp_path / "run")
    kept = {key: array for key, array in folder.arrays["model"].items() if key != name}
    changed = kept if regularizer else {**kept, name: np.float32(1)[...]}
    assert changed.keys() != folder.arrays["model"].keys()
    write_folder(tmp_path / "run", arrays={**folder.arrays, "model": changed}, documents=folder.documents, tables=folder.tables)
    said = rf"^load: .*model\.safetensors {fact} '{name}'; allowed: the arrays of this model"
    with pytest.raises(ValueError, match=said):
        load(tmp_path / "run")


def test_a_run_that_stands_is_left_alone(tmp_path):
    """By one whose tables are not finite, and by any that is not to be written over it."""
    first, result = small(), small(seed=4)
    first.save_to_directory(tmp_path / "run")
    kept = files(tmp_path / "run")
    with pytest.raises(FileExistsError, match=r"^save_to_directory: .*run holds a run already; allowed: another folder"):
        save(result, tmp_path / "run", over=False)
    assert files(tmp_path / "run") == kept
    result.model.layers[0].restore(np.full((5, 2), np.nan, np.float32))
    rows = r"rows 0, 1, 2, 3, 4 of entity_representations\.0 are not finite"
    with pytest.raises(ValueError, match=rf"^save_to_directory: {rows}; allowed: another folder than \S*run, where a run is$"):
        result.save_to_directory(tmp_path / "run")
    assert files(tmp_path / "run") == kept
    save(result, tmp_path / "new", over=False)
    assert files(tmp_path / "new").keys() == kept.keys()


@pytest.mark.parametrize("name", ["entities", "relations"])
@pytest.mark.parametrize(
    "change", [lambda rows: rows[:-1] + rows[:1], lambda rows: [[*row, *row] for row in rows], lambda rows: []]
)
def test_a_label_stands_in_a_line_of_its_own_and_once(name, change, tmp_path):
    small().save_to_directory(tmp_path / "run")
    folder = read_folder(tmp_path / "run")
    tables = {**folder.tables, name: change(folder.tables[name])}
    write_folder(tmp_path / "run", arrays=folder.arrays, documents=folder.documents, tables=tables)
    with pytest.raises(
        ValueError, match=rf"^load: .*{name}\.tsv holds a label twice, or more or less than one in a line; allowed: "
    ):
        load(tmp_path / "run")


def test_what_could_not_be_read_again_is_not_written(tmp_path):
    result = small()
    for name, value, wrong in (
        ("random_seed", 2**64, r"training\['random_seed'\] = 18446744073709551616 is out of range"),
        ("filtered", "yes", r"training\['filtered'\] = 'yes' is not a choice"),
        ("metrics", {"x": "y"}, r"metrics\['metrics'\]\['x'\] = 'y' is of type str"),
    ):
        before = getattr(result, name)
        setattr(result, name, value)
        with pytest.raises((TypeError, ValueError), match=f"save_to_directory: {wrong}; allowed: "):
            result.save_to_directory(tmp_path / "run")
        setattr(result, name, before)
    assert list(tmp_path.iterdir()) == []
