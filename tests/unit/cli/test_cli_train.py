"""``npembed train`` and ``npembed predict``: what they print and write, what they refuse, and how they stop."""

import errno
import importlib
import io
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import interrupts
import numpy as np
import pytest
import recipes

import npembed
from npembed import load, pipeline
from npembed.cli import main
from npembed.cli.keep import sound
from npembed.embedding.optimizers import OPTIMIZERS
from npembed.io import swap
from npembed.kge.datasets import Nations
from npembed.kge.models import MODELS, ERModel
from npembed.kge.runs import PipelineResult
from npembed.kge.runs import save as store
from npembed.kge.training import LOOPS, OptimizerUpdate

ROOT = Path(npembed.__file__).parent.parent
QUICK = ["train", "--model", "transe", "--dim", "3", "--epochs", "2", "--batch-size", "800", "--negatives", "1"]
SAME = {"dataset": "nations", "model": "transe", "random_seed": 0, "optimizer_kwargs": {"lr": 0.05}}
SAME |= {"negative_sampler_kwargs": {"num_negs_per_pos": 1}}
SAME |= {"model_kwargs": {"embedding_dim": 3}, "training_kwargs": {"num_epochs": 2, "batch_size": 800}}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def done(capsys, *arguments, status=0):
    """Standard output, and standard error, of a verb that ends with this status."""
    assert main(list(map(str, arguments))) == status
    return capsys.readouterr()


UNSAVED = "npembed: the run will not be saved; --out DIR saves it, also when it is stopped\n"


def left():
    return sorted(str(path) for path in Path().rglob("*"))


# What works


def test_the_table_is_the_ranks_of_the_pipeline(capsys):
    expected = pipeline(**SAME)
    out, err = done(capsys, *QUICK)
    assert err == UNSAVED
    first, second, empty, head, *rows = out.splitlines()
    losses = expected.losses
    assert re.fullmatch(rf"epoch 1: loss {losses[0]:.4f}, epoch 2: {losses[1]:.4f}  \(\d+\.\d s\)", first)
    low, high = expected.to_dict()["entity_row_norms"]
    assert second == f"nations: 14 entities, 55 relations; entity rows {low:.3f} to {high:.3f} long"
    assert empty == ""
    assert head.split() == ["ranks", "of", "201", "test", "triples", "head", "tail", "both"]
    names = {"MRR": "mrr", "hits@1": "hits@1", "hits@3": "hits@3", "hits@10": "hits@10", "mean rank": "mr"}
    names["AMRI (0 = random, 1 = first)"] = "amri"
    assert len(rows) == len(names)
    for row, (said, name) in zip(rows, names.items(), strict=True):
        assert row.startswith(f"{said} ")
        digits = 2 if name == "mr" else 4
        assert row.split()[-3:] == [f"{expected.get_metric(f'{side}.{name}'):.{digits}f}" for side in ("head", "tail", "both")]
    assert left() == []


def test_json_and_the_saved_run(capsys):
    expected = pipeline(**SAME)
    out, _ = done(capsys, *QUICK, "--out", "deep/run", "--json", "told.json")
    assert out.splitlines()[-2:] == ["wrote deep/run  (npembed predict deep/run --head ... --relation ...)", "wrote told.json"]
    told = json.loads(Path("told.json").read_text(encoding="utf-8"))
    assert told.keys() == {"losses", "metrics", "entity_row_norms", "settings"}
    assert told == json.loads(json.dumps(expected.to_dict()))
    assert len(told["losses"]) == 2
    assert told["entity_row_norms"] == pytest.approx([1, 1], abs=1e-6)
    loaded = load("deep/run")
    assert loaded.losses == told["losses"]
    assert loaded.metrics == told["metrics"]
    assert [path for path in left() if not path.startswith("deep")] == ["told.json"]


OPTIONS = [
    "--dataset", "umls", "--model", "ComplEx", "--dim", "4", "--loss", "nssa", "--margin", "3", "--dropout", "0.1",
    "--entity-initializer", "xavier_normal", "--entity-constrainer", "complex_normalize", "--entity-normalizer", "None",
    "--relation-normalizer", "normalize", "--entity-regularizer", "none", "--epochs", "0", "--batch-size", "77", "--optimizer", "sgd",
    "--lr", "0.25", "--negatives", "3", "--sampler", "bernoulli", "--filtered", "--seed", "-5", "--replay", "pykeen", "--compat",
    "pykeen",
]  # fmt: skip


def test_every_option_reaches_the_run(capsys):
    out, _ = done(capsys, "train", *OPTIONS, "--json", "a.json")
    assert out.startswith("umls: 135 entities")
    settings = json.loads(Path("a.json").read_text(encoding="utf-8"))["settings"]
    model = settings.pop("model")
    assert settings == {
        "dataset": "umls", "random_seed": -5, "filtered": True, "loop": "slcwa", "lr": 0.25, "replay": "pykeen", "num_negatives": 3,
        "sampler": "bernoulli", "batch_size": 77, "optimizer": "sgd", "optimizer_kwargs": {}, "epochs": 0,
    }  # fmt: skip  # "filtered" of the ranks, not of the negatives
    assert (model["interaction"], model["loss"], model["loss_kwargs"]) == ("complex", "nssa", {"margin": 3.0})
    rows = {"embedding_dim": 4, "dtype": "complex64", "dropout": 0.1, "compat": "pykeen"}
    assert model["entity_representations_kwargs"] == {
        **rows, "initializer": "xavier_normal", "constrainer": "complex_normalize", "normalizer": None, "regularizer": None,
    }  # fmt: skip
    assert {**model["relation_representations_kwargs"], "regularizer": 0, "regularizer_kwargs": 0} == {
        **rows, "initializer": "normal", "normalizer": "normalize", "regularizer": 0, "regularizer_kwargs": 0,
    }  # fmt: skip
    lcwa = ["--loop", "LCWA", "--target", "head", "--model", "transe", "--p", "2"]
    done(capsys, "train", *lcwa, "--dim", "2", "--epochs", "1", "--json", "b.json")
    settings = json.loads(Path("b.json").read_text(encoding="utf-8"))["settings"]
    assert (settings["loop"], settings["target"], settings["model"]["interaction_kwargs"]) == ("lcwa", "head", {"p": 2.0})
    assert "num_negatives" not in settings


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_replay_is_that_of_the_pipeline(capsys, optimizer):
    options = {**SAME, "optimizer": optimizer, "replay": "pykeen", "random_seed": 9}
    done(capsys, *QUICK, "--optimizer", optimizer, "--replay", "pykeen", "--seed", 9, "--json", "a.json")
    assert json.loads(Path("a.json").read_text(encoding="utf-8"))["losses"] == pipeline(**options).losses


def rows_of(capsys, *options):
    done(capsys, *QUICK, *options, "--json", "rows.json")
    return json.loads(Path("rows.json").read_text(encoding="utf-8"))


def test_none_for_a_constrainer_and_a_normalizer(capsys):
    assert rows_of(capsys)["entity_row_norms"] == pytest.approx([1, 1], abs=1e-6)
    free = rows_of(capsys, "--entity-constrainer", "none")
    assert free["entity_row_norms"][1] > 1.1
    assert free["settings"]["model"]["entity_representations_kwargs"]["constrainer"] is None
    normalized = rows_of(capsys, "--entity-constrainer", "none", "--entity-normalizer", "normalize")
    assert normalized["entity_row_norms"][1] > 1.1
    faithful = rows_of(capsys, "--entity-constrainer", "none", "--entity-normalizer", "normalize", "--compat", "pykeen")
    assert free["losses"] != normalized["losses"] == faithful["losses"]
    assert normalized["metrics"] != faithful["metrics"]  # its axis is another one only where candidates are ranked


def labelled(triples):
    names = Nations().training.entity_labels, Nations().training.relation_labels
    return "".join("\t".join(names[i % 2][j] for i, j in enumerate(triple)) + "\n" for triple in triples.tolist())


def test_a_folder_and_a_file_of_ones_own(capsys):
    parts = {"train": Nations().training, "valid": Nations().validation, "test": Nations().testing}
    Path("graph").mkdir()
    for name, part in parts.items():
        Path("graph", f"{name}.tsv").write_text(labelled(part.mapped_triples), encoding="utf-8", newline="")
    by_name, _ = done(capsys, *QUICK)
    by_folder, _ = done(capsys, *QUICK, "--dataset", "graph")
    assert by_folder.splitlines()[1:] == [line.replace("nations:", "graph:") for line in by_name.splitlines()[1:]]
    Path("one.txt").write_text(
        labelled(np.concatenate([part.mapped_triples for part in parts.values()])), encoding="utf-8", newline=""
    )
    out, err = done(capsys, *QUICK, "--dataset", "one.txt", "--out", "run")
    assert "one: 14 entities, 55 relations" in out
    assert err == ""
    assert load("run").dataset.training.num_triples == int(0.8 * 1992)
    other, _ = done(capsys, *QUICK, "--dataset", "one.txt", "--seed", "1")
    assert other.splitlines()[-1] != out.splitlines()[-3]


def test_what_was_left_out_of_a_file_is_said(capsys):
    text = labelled(Nations().training.mapped_triples[:200])
    Path("twice.tsv").write_text(text + text.splitlines(keepends=True)[7], encoding="utf-8", newline="")
    _, err = done(capsys, *QUICK, "--dataset", "twice.tsv")
    assert re.fullmatch(
        rf"npembed: from_path: 1 of 201 triples repeat an earlier one, the first twice\.tsv:201 .*\n{UNSAVED}", err
    )


def test_resume_is_the_run_at_once(capsys):
    done(capsys, *QUICK, "--out", "run", "--epochs", "5", "--json", "five.json")
    whole = {path: Path(path).read_bytes() for path in left() if path.startswith("run/") and "manifest" not in path}
    done(capsys, *QUICK, "--out", "run", "--epochs", "3")
    out, _ = done(capsys, "train", "--resume", "run", "--epochs", "2", "--json", "two.json")
    assert re.match(r"epoch 4: loss \d\.\d+, epoch 5: \d\.\d+  \(", out)
    told, at_once = (json.loads(Path(f"{name}.json").read_text(encoding="utf-8")) for name in ("two", "five"))
    assert told == at_once
    for path in whole.keys() - {"run/training.json", "run/metrics.json"}:  # in which seconds differ
        assert Path(path).read_bytes() == whole[path], path
    before = load("run")
    out, _ = done(capsys, "train", "--resume", "run", "--epochs", "1", "--out", "other")
    assert re.match(r"epoch 6: loss \d\.\d+  \(", out)
    assert load("run").losses == before.losses
    assert len(load("other").losses) == 6
    out, _ = done(capsys, "train", "--resume", "run", "--epochs", "0")
    assert out.startswith("nations: 14 entities")


@pytest.mark.long
@pytest.mark.parametrize(("dataset", "epochs", "bound"), [("nations", 8, 0.2), ("umls", 1, 0.4), ("kinships", 1, 0.4)])
def test_the_defaults_are_far_from_random(capsys, dataset, epochs, bound):
    """AMRI is 0 for chance; the spread of chance on 400 ranks of 14 is 0.05, and less on the larger graphs."""
    out, _ = done(capsys, "train", "--dataset", dataset, "--epochs", epochs)
    head, tail, both = map(float, out.splitlines()[-1].split()[-3:])
    assert min(head, tail) > bound / 2
    assert both > bound
    untrained, _ = done(capsys, "train", "--dataset", dataset, "--epochs", 0)
    assert abs(float(untrained.splitlines()[-1].split()[-1])) < 0.2


def test_the_defaults_are_said(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    out, _ = done(capsys, "train", "--help")
    for name, value in importlib.import_module("npembed.cli.train").DEFAULTS.items():
        assert re.search(rf"--{name.replace('_', '-')} [^\n]*\(default: {value}\)", out), name
    for name in (
        "transe, distmult, complex, rotate",
        "sgd, adagrad, adam",
        "slcwa, lcwa",
        "basic, bernoulli",
        "nations, kinships, umls",
    ):
        assert name in out
    assert "pretrained" not in out  # wants an array
    assert "clamp_norm" in out  # with a number behind it
    assert done(capsys, "predict", "--help").out.startswith("usage: npembed predict")


# Predict


@pytest.fixture
def run(capsys):
    done(capsys, *QUICK, "--out", "run")
    return load("run").model


def test_predict(capsys, run):
    out, err = done(capsys, "predict", "run", "--head", "brazil", "--relation", "embassy", "-k", 5)
    assert err == ""
    assert out == f"{run.predict_tails('brazil', 'embassy', k=5)}\n"
    assert len(out.splitlines()) == 6
    assert out.startswith("brazil  embassy  ?\n")
    out, _ = done(capsys, "predict", "run", "--relation", "embassy", "--tail", "usa")
    assert out == f"{run.predict_heads('embassy', 'usa', k=10)}\n"
    out, _ = done(capsys, "predict", "run", "--tail", "usa", "--head", "brazil", "--new")
    assert out == f"{run.predict_relations('brazil', 'usa', k=10, drop_known=True)}\n"
    assert "training" not in out
    out, _ = done(capsys, "predict", "run", "--tail", "usa", "--head", "brazil", "--json", "-k", 2)
    told = json.loads(out)
    assert told["given"] == {"head": "brazil", "tail": "usa"}
    assert told["relation"] == [answer._asdict() for answer in run.predict_relations("brazil", "usa", k=2)]


def strict(text):
    """JSON as the standard has it, without NaN and Infinity."""

    def refuse(word):
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


def test_json_has_words_for_what_is_not_finite(capsys, run):
    result = load("run")
    result.model.layers[0].weight[3] = np.inf
    result.save_to_directory("other")
    out, _ = done(capsys, "predict", "other", "--relation", "embassy", "--tail", "usa", "--json", "-k", 14)
    assert strict(out)["head"][-1]["score"] == "-inf"
    done(capsys, "train", "--model", "transe", "--dim", "2", "--p", "inf", "--epochs", "0", "--json", "a.json")
    told = strict(Path("a.json").read_text(encoding="utf-8"))
    assert told["settings"]["model"]["interaction_kwargs"] == {"p": "inf"}


# What is refused


REFUSED = [
    (
        ["--dataset", "nation"],
        r"load: source = 'nation' is neither a known name .* \(did you mean 'nations'\?\); allowed: nations, ",
    ),
    (["--dataset", "bad.tsv"], r"read_triples: bad\.tsv:1:4 holds 2 columns; allowed: "),
    (["--dataset", "few.tsv"], r"split: .* split 2 triples into 1, 0, 1; allowed: "),
    (["--dataset", "empty"], "load: empty has no training file; allowed: "),
    (["--dataset", "untested"], "pipeline: testing has no triples; allowed: one at least, to be ranked"),
    (["--model", "trans"], r"pipeline: model = 'trans' is unknown \(did you mean 'transe'\?\); known are "),
    (["--dim", "0"], "train: --dim = 0 is out of range; allowed: a whole number >= 1"),
    (["--p", "2", "--model", "rotate"], r"train: --p = 2\.0 is given with --model rotate; allowed: with --model transe"),
    (["--p", "0.5"], r"transe: p = 0\.5 is out of range; allowed: "),
    (["--epochs", "-1"], "pipeline: num_epochs = -1 is out of range; allowed: "),
    (["--batch-size", "0"], "fit: batch_size = 0 is out of range; allowed: "),
    (["--lr", "-1"], r"fit: lr = -1\.0 is out of range; allowed: "),
    (["--lr", "nan"], "fit: lr = nan is out of range; allowed: "),
    (["--lr", "1e39"], r"fit: lr = 1e\+39 is out of range; allowed: "),
    (["--optimizer", "adom"], r"pipeline: optimizer = 'adom' is unknown \(did you mean 'adam'\?\); known are "),
    (["--loss", "hinge"], "ERModel: loss = 'hinge' is unknown; known are "),
    (["--loss", "softplus", "--margin", "1"], "train: --margin is given with --loss softplus; allowed: with a loss that has one"),
    (["--model", "complex", "--margin", "1"], "train: --margin is given with the loss of --model complex; allowed: "),
    (["--dropout", "2"], r"Embedding: dropout = 2\.0 is out of range; allowed: "),
    (["--loop", "owa"], "pipeline: training_loop = 'owa' is unknown.*; known are slcwa, lcwa"),
    (["--loop", "lcwa"], "fit: num_negatives = 1 is no option of loop = 'lcwa'; allowed: target"),
    (["--target", "tail"], "fit: target = 'tail' is no option of loop = 'slcwa'; allowed: "),
    (["--negatives", "0"], "fit: num_negatives = 0 is out of range; allowed: "),
    (["--sampler", "bernouli"], r"fit: sampler = 'bernouli' is unknown \(did you mean 'bernoulli'\?\); known are "),
    (["--seed", str(2**64)], "pipeline: random_seed = 18446744073709551616 is out of range; allowed: "),
    (["--replay", "torch"], "fit: replay = 'torch' is not a choice; allowed: None or 'pykeen'"),
    (["--compat", "keras"], "Embedding: compat = 'keras' is not a choice; allowed: None, 'pykeen' or 'torch'"),
    (["--entity-initializer", "pretrained"], "Embedding: tensor is missing; allowed: "),
    (
        ["--entity-constrainer", "normalise"],
        r"Embedding: constrainer = 'normalise' is unknown \(did you mean 'normalize'\?\); known",
    ),
    (["--relation-normalizer", "x"], "Embedding: normalizer = 'x' is unknown; known are "),
    (["--entity-regularizer", "l2"], "Embedding: regularizer = 'l2' is unknown; known are lp"),
    (["--out", "file"], "train: file is no folder; allowed: "),
    (["--out", "file/run"], "train: file/run cannot be made in .*; allowed: "),
    (["--out", "mine"], r"train: mine holds 'notes\.txt' and no manifest\.json, so npembed did not write it; allowed: "),
    (["--checkpoint-every", "0", "--out", "new"], "train: --checkpoint-every = 0 is out of range; allowed: a whole number >= 1"),
    (["--checkpoint-every", "2"], "train: --checkpoint-every = 2 is given without a folder; allowed: with --out or --resume"),
    (["--json", "empty"], "train: --json = 'empty' is a folder; allowed: a file"),
    (["--json", "no/a.json"], r"train: --json = 'no/a\.json' is in no folder; allowed: a file in a folder that exists"),
    (["--json", "file/a.json"], r"train: --json = 'file/a\.json' is in no folder; allowed: "),
    (["--json", "empty/a.json", "--out", "empty"], r"train: --json = 'empty/a\.json' is in the folder of the run, .*; allowed: "),
    (["--json", "new", "--out", "new"], "train: --json = 'new' is in the folder of the run, .*; allowed: "),
]


def litter():
    """Files to stumble over."""
    for folder in ("empty", "mine", "untested"):
        Path(folder).mkdir()
    texts = {"file": "kept", "mine/notes.txt": "kept", "bad.tsv": "a\tr\n", "few.tsv": "a\tr\tb\nb\tr\tc\n"}
    texts |= {"untested/train.txt": "a\tr\tb\n", "untested/valid.txt": "a\tr\tb\n", "untested/test.txt": "a\tr\tc\n"}
    for name, text in texts.items():
        Path(name).write_text(text, encoding="utf-8", newline="")
    return texts


@pytest.mark.parametrize(("options", "said"), REFUSED, ids=[" ".join(case[0]) for case in REFUSED])
def test_bad_input_is_refused_in_one_line_before_training(capsys, monkeypatch, options, said):
    monkeypatch.setattr(
        importlib.import_module("npembed.kge.training.fit"), "_epochs", lambda *about: iter(())
    )  # nothing is trained
    texts, names = litter(), left()
    out, err = done(capsys, *QUICK, *options, status=2)
    assert out == ""
    *warned, error = err.splitlines()
    assert len(warned) == options.count("untested")  # the triple that was left out, before what that leads to
    assert all(line.startswith("npembed: from_path: 1 of 1 triples hold a label that has no id") for line in warned)
    assert re.match(f"npembed: {said}", error), err
    assert left() == names
    assert {path: Path(path).read_text(encoding="utf-8") for path in texts} == texts


@pytest.mark.parametrize("place", ["new.json", "file"])
def test_json_that_cannot_be_written_is_refused(capsys, monkeypatch, place):
    litter()
    train = importlib.import_module("npembed.cli.train")

    def refuse(*args, **about):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(train.tempfile, "TemporaryFile", refuse)  # rights would not stop root
    monkeypatch.setattr(train, "open", refuse, raising=False)
    _, err = done(capsys, *QUICK, "--json", place, status=2)
    assert err == f"npembed: train: --json = '{place}' cannot be written (Permission denied); allowed: a file that can\n"


def test_a_file_that_is_there_is_kept_until_it_is_written(capsys):
    Path("a.json").write_text("kept", encoding="utf-8")
    done(capsys, *QUICK, "--json", "a.json", "--lr", "-1", status=2)
    assert Path("a.json").read_text(encoding="utf-8") == "kept"
    done(capsys, *QUICK, "--json", "a.json")
    json.loads(Path("a.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--resume", "nowhere"], "load: nowhere cannot be read .*; allowed: "),
        (["--resume", "file"], "train: file is no folder; allowed: "),
        (["--resume", "mine"], r"train: mine holds 'notes\.txt' and no manifest\.json"),
        (["--resume", "run", "--epochs", "-1"], "train: --epochs = -1 is out of range; allowed: a whole number >= 0"),
        (
            ["--resume", "run", "--dim", "3"],
            "train: --dim is given with --resume; allowed: --epochs, --out, --checkpoint-every, --json",
        ),
        (["--resume", "run", "--batch-size", "3"], "train: --batch-size is given with --resume; allowed: "),
        (["--resume", "run", "--json", "run/a.json"], r"train: --json = 'run/a\.json' is in the folder of the run"),
        (["--resume", "altered"], r"load: altered/entities\.tsv was altered: its SHA-256 is not the manifest's; allowed: "),
    ],
)
def test_what_cannot_be_resumed(capsys, run, arguments, said):
    litter()
    Path("altered").mkdir()
    for path in Path("run").iterdir():
        content = path.read_bytes()
        Path("altered", path.name).write_bytes(content.replace(b"brazil", b"brasil") if path.suffix == ".tsv" else content)
    names, manifest = left(), Path("run/manifest.json").read_bytes()
    out, err = done(capsys, "train", *arguments, status=2)
    assert out == ""
    assert err.count("\n") == 1
    assert re.match(f"npembed: {said}", err), err
    assert left() == names
    assert Path("run/manifest.json").read_bytes() == manifest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "predict: no label is given; allowed: two of --head, --relation and --tail"),
        (["run", "--head", "usa"], "predict: --head = 'usa' is given; allowed: two of --head, --relation and --tail"),
        (
            ["run", "--head", "a", "--relation", "b", "--tail", "c"],
            "predict: --head = 'a', .*, --tail = 'c' are given; allowed: two of",
        ),
        (
            ["run", "--head", "brasil", "--relation", "embassy"],
            r"predict_tails: head = 'brasil' is .* 'brazil'\?\); known are 'brazil', ",
        ),
        (["run", "--head", "3", "--relation", "embassy"], "predict_tails: head = '3' is unknown; known are "),
        (["run", "--tail", "usa", "--relation", "embassy", "-k", "0"], "predict_heads: k = 0 is out of range; allowed: "),
        (["nowhere", "--head", "a", "--tail", "b"], "load: nowhere cannot be read .*; allowed: "),
        (["mine", "--head", "a", "--tail", "b"], r"load: mine/manifest\.json cannot be read .*; allowed: "),
    ],
)
def test_what_cannot_be_predicted(capsys, run, arguments, said):
    litter()
    out, err = done(capsys, "predict", *arguments, status=2)
    assert out == ""
    assert err.count("\n") == 1
    assert re.match(f"npembed: {said}", err), err


# What ends a run before its time


def stop_in(monkeypatch, epoch, error=KeyboardInterrupt):
    """Raise while the run is in that epoch."""
    result = importlib.import_module("npembed.kge.runs.result")
    fit = result.fit

    def stopped(*args, done, **about):
        for record in fit(*args, done=done, **about):
            if record.number == epoch:
                raise error
            yield record

    monkeypatch.setattr(result, "fit", stopped)


@pytest.mark.parametrize("error", [KeyboardInterrupt, FloatingPointError("fit: loss = nan in epoch 3; allowed: a finite loss")])
def test_what_was_trained_is_saved(capsys, monkeypatch, error):
    with monkeypatch.context() as patched:
        stop_in(patched, 3, error)
        status = 130 if error is KeyboardInterrupt else 2
        out, err = done(capsys, *QUICK, "--epochs", 5, "--out", "run", "--json", "a.json", status=status)
        assert out == ""
        kept = "saved in run, go on with --resume run --epochs 3"
        where = "in epoch 3, after batch 2 of 2"
        assert err == (f"npembed: interrupted {where}; {kept}\n" if status == 130 else f"npembed: {error} ({kept})\n")
        assert not Path("a.json").exists()
        _, err = done(capsys, *QUICK, "--epochs", 5, status=status)
        assert "nothing was written" in err
    done(capsys, "train", "--resume", "run", "--epochs", 3, "--json", "resumed.json")
    done(capsys, *QUICK, "--epochs", 5, "--json", "at_once.json")
    assert Path("resumed.json").read_text(encoding="utf-8") == Path("at_once.json").read_text(encoding="utf-8")


def test_ctrl_c_while_ranking_keeps_what_was_trained(capsys, monkeypatch):
    def stopped(result):
        assert len(load("run").losses) == 2  # whatever becomes of this process
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(PipelineResult, "evaluate", stopped)
        _, err = done(capsys, *QUICK, "--out", "run", status=130)
    assert err == "npembed: interrupted after epoch 2; saved in run, go on with --resume run --epochs 0\n"
    out, _ = done(capsys, "train", "--resume", "run", "--epochs", "0")
    assert out.splitlines()[1:8] == done(capsys, *QUICK).out.splitlines()[2:9]


def test_checkpoints(capsys, monkeypatch):
    seen, save = [], store.save
    monkeypatch.setattr(store, "save", lambda result, *args, **about: (seen.append(result.batches), save(result, *args, **about)))
    done(capsys, *QUICK, "--epochs", 7, "--checkpoint-every", 3, "--out", "run")
    assert seen == [(3, 0), (6, 0), (7, 0), (7, 0)]  # the last ones before and after it is ranked
    seen.clear()
    done(capsys, "train", "--resume", "run", "--epochs", 2, "--checkpoint-every", 2)
    assert seen == [(8, 0), (9, 0), (9, 0)]


@pytest.mark.parametrize("error", [MemoryError, RuntimeError("ours")])
def test_an_error_costs_no_training_and_no_checkpoint(capsys, monkeypatch, error):
    stop_in(monkeypatch, 3, error)
    arguments = [*QUICK, "--epochs", 5, "--out", "run", "--checkpoint-every", 1]
    if error is MemoryError:
        _, err = done(capsys, *arguments, status=2)
        assert (
            err
            == "npembed: train: memory is at an end; allowed: what fits into it (saved in run-2, go on with --resume run-2 --epochs 3)\n"
        )
    else:
        with pytest.raises(RuntimeError, match="ours"):
            main(list(map(str, arguments)))
        assert "npembed: ended in epoch 3, after batch 2 of 2; saved in run-2, go on" in capsys.readouterr().err
    assert load("run").batches == (2, 0)
    assert load("run-2").batches == (2, 2)


# Where a run goes that cannot go where it should


def refusing(monkeypatch, *names):
    """Have folders of these names be unwritable from now on, as if the disk were full."""
    mkdir = os.mkdir

    def full(path, *args, **options):
        if any(name in str(path) for name in names):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        mkdir(path, *args, **options)

    monkeypatch.setattr(os, "mkdir", full)


def full_when_trained(monkeypatch, *names):
    """As `refusing`, from the end of the training on."""
    train = PipelineResult.train

    def trained(result, epochs, **about):
        train(result, epochs, **about)
        if epochs:
            refusing(monkeypatch, *names)

    monkeypatch.setattr(PipelineResult, "train", trained)


def key(name):
    return swap._key(os.path.abspath(name))


FULL = "save_to_directory: run cannot be written (No space left on device); allowed: a folder that can"


def test_what_cannot_be_saved_where_it_should_is_saved_beside_it(capsys, monkeypatch):
    with monkeypatch.context() as patched:
        full_when_trained(patched, key("run"))
        out, err = done(capsys, *QUICK, "--out", "run", status=2)
    assert out.splitlines()[-1] == "wrote run-2  (npembed predict run-2 --head ... --relation ...)"
    assert err == f"npembed: {FULL} (saved in run-2)\n"
    expected, found = pipeline(**SAME), load("run-2")
    assert (found.losses, found.metrics) == (expected.losses, expected.metrics)
    assert sorted(path for path in left() if "/" not in path) == ["run-2"]


def test_or_among_the_temporary_files(capsys, monkeypatch, tmp_path):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    with monkeypatch.context() as patched:
        full_when_trained(patched, key("run"), key("run-2"))
        out, err = done(capsys, *QUICK, "--out", "run", status=2)
    (place,) = (tmp_path / "temporary").iterdir()
    assert f"wrote {place}  (npembed predict" in out
    assert err == f"npembed: {FULL} (saved in {place})\n"
    assert load(place).losses == pipeline(**SAME).losses
    assert place.stat().st_mode & 0o777 == 0o700


def test_or_the_ranks_are_told_at_least(capsys, monkeypatch, tmp_path):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    with monkeypatch.context() as patched:
        full_when_trained(patched, ".npembed-")
        out, err = done(capsys, *QUICK, "--out", "run", status=2)
    assert "MRR" in out
    assert err == f"npembed: {FULL} (it could not be saved)\n"
    assert left() == ["temporary"]


def test_a_training_that_is_stopped_when_its_disk_is_full_is_saved_elsewhere(capsys, monkeypatch):
    with monkeypatch.context() as patched:
        stop_in(patched, 3)
        refusing(patched, key("run"))
        _, err = done(capsys, *QUICK, "--epochs", 5, "--out", "run", status=130)
    assert err == (
        f"npembed: interrupted in epoch 3, after batch 2 of 2; saved in run-2, go on with --resume run-2 --epochs 3 ({FULL})\n"
    )
    assert load("run-2").batches == (2, 2)


def test_a_checkpoint_that_cannot_be_written_is_told_at_once_and_ends_nothing(capsys, monkeypatch):
    with monkeypatch.context() as patched:
        refusing(patched, key("run"))
        _, err = done(capsys, *QUICK, "--epochs", 4, "--checkpoint-every", 1, "--out", "run", status=2)
    told, end = err.splitlines()
    assert told == f"npembed: {FULL} (saved in run-2, go on with --resume run-2 --epochs 3)"
    assert end == f"npembed: {FULL} (saved in run-2)"
    assert len(load("run-2").losses) == 4


@pytest.mark.parametrize(
    ("command", "moment", "fact"),
    [
        (["train", "--resume", "run", "--epochs", 1], "train", "was written by another run meanwhile"),
        ([*QUICK, "--out", "run"], "train", "was written by another run meanwhile"),
        ([*QUICK, "--out", "new"], "train", "holds a run already"),
        ([*QUICK, "--out", "new"], "evaluate", "was written by another run meanwhile"),
    ],
)
def test_of_two_trainings_on_one_folder_the_later_is_saved_beside_it(capsys, monkeypatch, command, moment, fact):
    """The other one begins later, and has ended when this one is ranked, or saved: it stays."""
    done(capsys, *QUICK, "--out", "run")
    right = getattr(PipelineResult, moment)

    def overtaken(result, *args, **about):
        found = right(result, *args, **about)
        if args != (0,):  # which is a check
            monkeypatch.undo()
            monkeypatch.chdir(folder)
            done(capsys, *command)
        return found

    folder = Path.cwd()
    monkeypatch.setattr(PipelineResult, moment, overtaken)
    out, err = done(capsys, *command, status=2)
    where = command[-1] if "--out" in command else "run"
    assert err == f"npembed: save_to_directory: {where} {fact}; allowed: another folder (saved in {where}-2)\n"
    assert f"wrote {where}-2" in out
    assert load(where).epochs != load(f"{where}-2").epochs  # in seconds, at least
    assert load(where).losses == load(f"{where}-2").losses


@pytest.mark.skipif(not os.path.ismount("/proc"), reason="no mount point is known")
def test_a_mount_point_is_refused_before_training(capsys, tmp_path, monkeypatch):
    _, err = done(capsys, *QUICK, "--out", "/proc", status=2)
    assert err.startswith("npembed: train: /proc is a mount point, which cannot be replaced in one step; allowed: a folder in it")
    info = f"36 35 98:0 /elsewhere {tmp_path}/a\\040b rw,noatime - ext4 /dev/root rw\n"
    Path("a b").mkdir()  # a folder of the same disk, mounted there
    paths = importlib.import_module("npembed.io.paths")
    monkeypatch.setattr(paths, "open", lambda path, mode: io.BytesIO(info.encode()), raising=False)
    _, err = done(capsys, *QUICK, "--out", "a b", status=2)
    assert err.startswith("npembed: train: a b is a mount point")


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system has no way to ask for room")
def test_a_disk_without_room_is_found_before_training(capsys, monkeypatch):
    """The process may write no file that is as large as the moments of the optimizer would be."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(
        importlib.import_module("npembed.kge.training.fit"), "_epochs", lambda *about: iter(())
    )  # nothing is trained
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        _, err = done(capsys, *QUICK, "--dim", 50, "--out", "run", status=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert re.fullmatch(
        r"npembed: train: run finds no room in .* for 41,400 bytes \(File too large\); allowed: a place that has it\n", err
    )
    assert left() == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
@pytest.mark.parametrize("folder", [True, False])
def test_a_graph_whose_name_is_no_text_works(capsys, folder):
    text, name = labelled(Nations().training.mapped_triples), os.fsdecode(b"gr\xffaph")
    if folder:
        Path(name).mkdir()
    for part in ("train", "valid", "test"):
        Path(f"{name}/{part}.txt" if folder else name).write_text(text, encoding="utf-8")
    out, _ = done(capsys, *QUICK, "--dataset", name, "--out", os.fsdecode(b"r\xfcn"))
    assert "gr\\xffaph: 14 entities" in out
    out.encode()
    assert load(os.fsdecode(b"r\xfcn")).dataset.name == "gr\\xffaph"


@pytest.mark.parametrize(("folder", "left_there"), [("run", "run is as it was"), ("new", "nothing was written")])
def test_a_stopped_training_that_is_not_finite_is_not_saved(capsys, monkeypatch, run, folder, left_there):
    before = Path("run/manifest.json").read_bytes()
    call = OptimizerUpdate.__call__

    def stopped(update, model, *args):
        call(update, model, *args)
        model.layers[0].weight[3] = np.inf
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(OptimizerUpdate, "__call__", stopped)
    _, err = done(capsys, *QUICK, "--out", folder, status=130)
    why = "(its numbers or its scores are not finite)"
    assert err == f"npembed: interrupted in epoch 1, after batch 1 of 2; {left_there} {why}\n"
    assert Path("run/manifest.json").read_bytes() == before
    assert sorted(path for path in left() if "/" not in path) == ["run"]


# Numbers that overflow


EXTREME = list(itertools.product(MODELS, OPTIMIZERS, LOOPS, ("1000", "1e38", "3e38")))


@pytest.mark.parametrize("case", recipes.share(EXTREME, 0, 7), ids="-".join)
def test_what_overflows_is_one_line_and_costs_no_good_run(capsys, case):
    model, optimizer, loop, lr = case
    done(capsys, *QUICK, "--epochs", 1, "--out", "run")
    good = Path("run/manifest.json").read_bytes()
    arguments = ["--model", model, "--optimizer", optimizer, "--loop", loop, "--lr", lr, "--epochs", 2, "--dim", 3]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        status = main(list(map(str, ["train", *arguments, "--out", "run"])))
    out, err = capsys.readouterr()
    if status == 0:
        assert err == ""
        assert sound(load("run"))
    else:
        assert status == 2
        assert out == ""
        assert re.fullmatch(
            r"npembed: (fit|ranks|evaluate): [^\n]*; allowed: [^\n]* \((run is as it was|saved in run-2, go on .*)\)\n", err
        ), err
        assert Path("run/manifest.json").read_bytes() == good


def test_a_loss_that_explodes_is_one_line(capsys, monkeypatch):
    def poisoned(model, *about):
        return np.nan, None

    monkeypatch.setattr(ERModel, "loss_and_gradients", poisoned)
    out, err = done(capsys, *QUICK, "--out", "run", status=2)
    assert out == ""
    said = (
        r"npembed: fit: loss = nan in epoch 1, batch 1: all rows are finite, .*; allowed: a finite loss \(nothing was written\)\n"
    )
    assert re.fullmatch(said, err)
    assert left() == []


@interrupts.possible
def test_ctrl_c_in_a_process_of_its_own(capsys):
    status, _, err = interrupts.interrupted("npembed.kge.runs.result", *QUICK, "--epochs", "100000", "--out", "run")
    assert status == 130
    found = re.fullmatch(
        r"npembed: interrupted (after|in) epoch (\d+)(, after batch 1 of 2)?; saved in run, go on with --resume run --epochs (\d+)\n",
        err,
    )
    assert found, err
    n = int(found[2]) - (found[1] == "in")
    assert n + int(found[4]) == 100_000
    assert len(load("run").losses) == n >= 2
    assert left() == ["run", *sorted(f"run/{path.name}" for path in Path("run").iterdir())]
    done(capsys, "train", "--resume", "run", "--epochs", 2, "--json", "resumed.json")
    done(capsys, *QUICK, "--epochs", n + 2, "--json", "at_once.json")
    assert Path("resumed.json").read_text(encoding="utf-8") == Path("at_once.json").read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt", reason="no such pipes")
def test_a_reader_that_goes_away_does_not_cost_the_run():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        command = [sys.executable, "-u", "-m", "npembed", *QUICK, "--out", "run", "--json", "a.json"]
        surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
        finished = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True, env=surroundings)
    assert finished.returncode == 0
    assert "Traceback" not in finished.stderr
    assert len(load("run").losses) == 2
    assert Path("a.json").exists()


def test_options_of_a_name_follow_a_colon(capsys):
    shorter = rows_of(capsys, "--entity-constrainer", "clamp_norm:maxnorm=0.25")
    assert shorter["entity_row_norms"][1] <= 0.25
    longer = rows_of(capsys, "--entity-constrainer", "clamp_norm:maxnorm=4,p=1")
    assert longer["entity_row_norms"][1] > 0.25
    for text, said in (
        ("clamp_norm:maxnorm", "train: --entity-constrainer = 'clamp_norm:maxnorm' holds 'maxnorm'; allowed: NAME:KEY=VALUE"),
        ("clamp_norm:max=2", "Embedding: constrainer_kwargs = 'max' is unknown"),
        ("clamp_norm:maxnorm=far", "clamp_norm: maxnorm = 'far' is of type str; allowed"),
    ):
        _, err = done(capsys, *QUICK, "--entity-constrainer", text, status=2)
        assert err.startswith(f"npembed: {said}"), err


@pytest.mark.long
def test_a_large_graph_has_a_hundred_steps_an_epoch(capsys, tmp_path):
    rng = np.random.default_rng(0)
    triples = np.unique(rng.integers(0, (90, 9, 90), (60_000, 3)), axis=0)
    (tmp_path / "large.tsv").write_text("".join(f"e{h}\tr{r}\te{t}\n" for h, r, t in triples), encoding="utf-8")
    for options, expected in ((), int(len(triples) * 0.8) // 100), (("--replay", "pykeen"), 256), (("--batch-size", "999"), 999):
        arguments = [
            "train",
            "--dataset",
            str(tmp_path / "large.tsv"),
            "--dim",
            "2",
            "--epochs",
            "0",
            "--model",
            "transe",
            *options,
        ]
        done(capsys, *arguments, "--json", "large.json")
        assert json.loads(Path("large.json").read_text(encoding="utf-8"))["settings"]["batch_size"] == expected
