"""Run folders as an enemy writes them: whole, with right sizes and checksums, and wrong in what they say.

``python forged.py FOLDER ...`` loads folders, goes on with what `npembed.load` accepts (train, rank, predict, save, load again), and
prints what came of each, a line of JSON.
"""

import hashlib
import importlib
import json
import os
import pathlib
import re
import signal
import sys
import tempfile
import traceback
import warnings
from typing import NamedTuple

import numpy as np
from forgeries import Pairs, Raw

from npembed import load
from npembed.io import arrays as formats
from npembed.io import manifest, read_folder
from npembed.kge.datasets import Dataset, TriplesFactory

TRIPLES = [(a, r, b) for a in "abcdefg" for b in "abcdefg" for r, far in (("next", 1), ("over", 3)) if ord(b) == ord(a) + far]
TRIPLES += [(a, "before", b) for a in "abcdefg" for b in "abcdefg" if a < b]
MEMORY, SECONDS = 2**30, 60
"""What loading and going on with a small run may take at most: bytes beyond what the process has at first, and processor time."""


def bases():
    """Runs of several kinds: (name, what they are made by, the format of their arrays)."""
    data = Dataset("letters", *TriplesFactory.from_labeled_triples(TRIPLES).split((0.7, 0.1, 0.2), rng=1))
    asked = {"dataset": data, "training_kwargs": {"batch_size": 8}}
    table = np.linspace(-1, 1, 21, dtype=np.float32).reshape(7, 3)
    rows = {"embedding_dim": 3}
    low = {"shape": 3, "num_bases": 2, "weight_kwargs": {"normalizer": "softmax"}}
    bag = {"shape": 3, "mode": "sum", "assignment": np.stack([np.arange(7), np.arange(7) % 4], axis=1)}
    concat = {"base": ["Embedding", "Subset"], "base_kwargs": [{"shape": 1}, {"base_kwargs": {"max_id": 4, "shape": 2}}]}

    def streamed(name):
        return np.random.Generator(getattr(np.random, name)(7))

    made = {"interaction": "distmult", "random_seed": None}
    runs = {
        "amsgrad": {
            "model": "transe", "random_seed": 3, "optimizer": "adam", "optimizer_kwargs": {"lr": 0.1, "amsgrad": True},
            "model_kwargs": {**rows, "entity_initializer": table, "entity_dropout": 0.2, "relation_regularizer": "lp"},
            "negative_sampler": "bernoulli", "negative_sampler_kwargs": {"num_negs_per_pos": 2, "filtered": True},
        },
        "late": {
            "model": "rotate", "training_loop": "lcwa", "training_loop_kwargs": {"target": "head"}, "optimizer": "sgd",
            "optimizer_kwargs": {"lr": 0.1, "momentum": 0.5, "missing_rows": "decay_on_touch"}, "random_seed": None,
            "model_kwargs": {**rows, "random_seed": streamed("MT19937")},
        },
        "low": {
            **made, "optimizer": "sparse_adam", "optimizer_kwargs": {"lr": 0.1, "correction": "row"}, "loss": "nssa",
            "model_kwargs": {
                "random_seed": streamed("Philox"), "entity_representations": "LowRank", "entity_representations_kwargs": low,
                "relation_representations": "Combined", "relation_representations_kwargs": concat,
            },
        },
        "bag": {
            **made, "optimizer": "rowwise_adagrad", "optimizer_kwargs": {"lr": 0.1}, "filtered": False,
            "model_kwargs": {
                "random_seed": streamed("PCG64"), "entity_representations": "EmbeddingBag", "entity_representations_kwargs": bag,
                "relation_representations_kwargs": {**rows, "max_norm": 2.0, "padding_idx": 0},
            },
        },
        "replay": {"model": "complex", "random_seed": 5, "replay": "pykeen", "model_kwargs": rows, "loss": "softplus"},
    }  # fmt: skip
    for i, (name, run) in enumerate(runs.items()):
        yield name, {**asked, **run}, ("safetensors", "npz")[i % 2]


def written(value):
    """The JSON of a value, in which `Raw` and `Pairs` may stand."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, (dict, Pairs)):
        pairs = value.items() if isinstance(value, dict) else value
        return "{" + ", ".join(f"{written(key)}: {written(entry)}" for key, entry in pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(written, value)) + "]"
    return json.dumps(value)


class Run(NamedTuple):
    """A folder taken apart: trees of JSON, arrays, lines of tables, and files as they stand."""

    documents: dict
    arrays: dict
    tables: dict
    files: dict


def taken_apart(path):
    """A saved run to be broken."""
    folder = read_folder(path)
    tables = {name: [row[0] for row in rows] for name, rows in folder.tables.items()}
    return Run(folder.documents, folder.arrays, tables, {})


def put_together(path, run, suffix):
    """Write a broken run with a manifest that fits its files."""
    files, listed = dict(run.files), {}
    for name, tree in run.documents.items():
        files[f"{name}.json"] = written(tree).encode("utf-8", "surrogatepass"), {}
    for group, members in run.arrays.items():
        told = {name: {"dtype": str(array.dtype), "shape": list(array.shape)} for name, array in members.items()}
        files[f"{group}.{suffix}"] = formats.encode(members, suffix), {"arrays": told}
    for name, lines in run.tables.items():
        content = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
        files[f"{name}.tsv"] = content, {"rows": len(lines), "columns": lines[0].count("\t") + 1 if lines else 0}
    path.mkdir(parents=True)
    for name, (content, about) in files.items():
        (path / name).write_bytes(content)
        listed[name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), **about}
    (path / manifest.NAME).write_bytes(manifest.encode(listed))


HOUSE = re.compile(r"[A-Za-z_]+: .+(; allowed: .+|is outside .*; valid ids are .*|is unknown.*; known are .+)")
"""What an error says, on one line."""


def go_on(path):
    """What a saved run, be it forged, comes to: each step that failed, and the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = load(path)
    except Exception as error:
        yield "load", error
        return
    labels = result.dataset.training
    for name, step in {
        "keep": lambda: saved_again(result, path),
        "train": lambda: result.train(1),
        "evaluate": result.evaluate,
        "to_dict": result.to_dict,
        "predict": lambda: list(result.model.predict_tails(labels.entity_labels[0], labels.relation_labels[0])),
        "save": lambda: saved_again(result),
    }.items():
        try:
            step()
        except Exception as error:
            yield name, error


def saved_again(result, path=None):
    """Save a run and load it; what is in it is to be what is in the folder `path`, if that is given."""
    with tempfile.TemporaryDirectory() as folder:
        new = pathlib.Path(folder) / "run"
        result.save_to_directory(new)
        load(new)
        assert path is None or contents(new) == contents(path)


def contents(path):
    """All that a folder holds, to the bit, but for the order of keys."""
    folder = read_folder(path)
    arrays = {
        group: {name: (str(array.dtype), array.shape, array.tobytes()) for name, array in members.items()}
        for group, members in folder.arrays.items()
    }
    return arrays, json.dumps(folder.documents, sort_keys=True), folder.tables


def main(paths):
    """Print what each folder comes to."""
    os.fsync = lambda descriptor: None
    limit_memory()
    for path in paths:
        print(json.dumps({"path": path}), flush=True)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        errors = []
        for where, error in go_on(path):
            last = traceback.extract_tb(error.__traceback__)[-1]
            errors.append([where, type(error).__name__, str(error), f"{last.filename}:{last.lineno}"])
        print(json.dumps({"path": path, "errors": errors}), flush=True)


def limit_memory():
    """Let the process have so much more than it has, where the system can see to that."""
    if sys.platform == "linux":
        resource = importlib.import_module("resource")  # which Windows has not
        used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main(sys.argv[1:])
