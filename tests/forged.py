"""Run folders as an enemy writes them: whole, with right sizes and checksums, and wrong in what they say.

`forge` breaks a saved run in some of the `WAYS`, drawn by a seed. ``python forged.py FOLDER ...`` loads such folders, goes on with
what `npembed.load` accepts (train, rank, predict, save, load), and prints a line of JSON for each: what came of it.
"""

import contextlib
import copy
import functools
import hashlib
import json
import math
import os
import pathlib
import resource
import signal
import sys
import tempfile
import traceback
from typing import NamedTuple

import numpy as np

from npembed import load
from npembed.datasets import Dataset, TriplesFactory
from npembed.initializers.choose import INITIALIZERS
from npembed.interactions import INTERACTIONS
from npembed.io import arrays as formats
from npembed.io import manifest, read_folder
from npembed.losses import LOSSES
from npembed.optimizers import OPTIMIZERS
from npembed.regularizers import REGULARIZERS
from npembed.representations import REPRESENTATIONS
from npembed.row_maps import CONSTRAINERS, NORMALIZERS
from npembed.runs import prepare

TRIPLES = [(a, r, b) for a in "abcdefg" for b in "abcdefg" for r, far in (("next", 1), ("over", 3)) if ord(b) == ord(a) + far]
TRIPLES += [(a, "before", b) for a in "abcdefg" for b in "abcdefg" if a < b]
MEMORY, SECONDS = 2**30, 60
"""What loading and going on with a small run may take at most: bytes beyond what the process has at first, and processor time."""


def bases():
    """Saved runs of several kinds, by name: what they are made by, and the format of their arrays."""
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
            "optimizer_kwargs": {"lr": 0.1, "momentum": 0.5, "untouched": "decay_on_touch"}, "random_seed": None,
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
        yield name, {**asked, **run}, formats if i % 2 else None


class Raw(str):
    """A piece of JSON as it stands, right or wrong."""


class Pairs(list):
    """An object of JSON, of which a key may be there twice."""


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


NAMES = [*INTERACTIONS, *INITIALIZERS, *LOSSES, *OPTIMIZERS, *NORMALIZERS, *CONSTRAINERS, *REGULARIZERS, *REPRESENTATIONS]
NAMES += ["slcwa", "lcwa", "basic", "bernoulli", "pykeen", "torch", "numpy", "head", "relation", "tail", "float16", "complex64", "f4,"]
NAMES += ["float64", "decay_on_touch", "lazy", "dense", "row", "npembed run", "PCG64", "MT19937", "max", "mean", "cpu", "inf", "fro"]
OPTIONS = """embedding_dim shape max_id num_embeddings num_bases base base_kwargs weight weight_kwargs assignment mode dtype dropout unique
trainable compat initializer initializer_kwargs constrainer constrainer_kwargs normalizer normalizer_kwargs regularizer regularizer_kwargs
padding_idx max_norm norm_type scale_grad_by_freq sparse _weight _freeze device summation rng combination combination_kwargs
embedding_bag_kwargs tensor std mean gain p dim axis eps maxnorm margin betas momentum weight_decay amsgrad untouched nesterov dampening
maximize correction lr lr_decay batch_size num_negatives sampler filtered target replay loop loss interaction entity_representations
relation_representations version format kind seed key position next_normal pos state inc step epochs metrics array low high""".split()
VALUES = [
    None, True, False, 0, 1, -1, 2, 3, 7, 10**9, 10**18, 2**63, 2**64, 2**128, 2**1023, -(10**9), 0.0, 0.5, -0.5, 1.5, 1e-320, 1e308, -1e308,
    "", "x", "3", "\n", "\x00", "é\u202e", "e" * 300, [], [[]], [0], [3], [1, 2], [None], ["x"], [0.5] * 4, [10**9, 10**9], {}, {"": 0},
    {"array": "x"}, {"array": 3}, {"array": []}, {"array": "model.entity_representations_kwargs.initializer"}, {"$float": "NaN"},
    {"$float": "Infinity"}, {"$float": "-Infinity"}, {"$float": 1}, {"$float": "NaN", "x": 1}, {"x": {"y": {"z": []}}}, {"max_id": 10**9},
    {"embedding_dim": 10**9}, {"shape": [10**5, 10**5]}, {"shape": 10**9, "base_kwargs": {"max_id": 10**9}},
]  # fmt: skip
TOKENS = [
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "9" * 5000, "1" + "0" * 10**5 + ".5", "0x10", "01", "-", "tru", "'x'", "",
    "1,", "/*x*/ 1", '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\ud800"', '"\\x"', '"a\nb"', '{"a": 1, "a": 1}', '{"a": 1,}', "[" * 45 + "]" * 45,
    "[" * 60 + "]" * 60, "[" * 10**5 + "]" * 10**5, '{"a":' * 10**4 + "1" + "}" * 10**4, "[" * 10**5, '"' + "x" * 10**6 + '"', "\ufeff1",
    '{"\\ud800": 1}', "[" + "0," * 10**5 + "0]", "{" + ",".join(f'"k{i % 5000}": {i}' for i in range(20000)) + "}",
]  # fmt: skip


def pick(rng, values):
    return values[rng.integers(len(values))]


def places(rng, run):
    """A place in a document: what holds it, and the key or number."""
    holder, key = run.documents, pick(rng, list(run.documents))
    while isinstance(holder[key], (dict, list)) and holder[key] and (holder is run.documents or rng.random() < 0.75):
        holder = holder[key]
        key = pick(rng, list(holder)) if isinstance(holder, dict) else int(rng.integers(len(holder)))
    return holder, key


def replace(rng, run):
    """A value by one of another type or size."""
    holder, key = places(rng, run)
    holder[key] = copy.deepcopy(pick(rng, [*VALUES, *NAMES]))


def shift(rng, run):
    """A value by one that is near it."""
    holder, key = places(rng, run)
    value = holder[key]
    near = [str(value)[:99], [value], {"x": value}, not value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        near += [value + 1, value - 1, -value, value * 10**9, float(value) if abs(value) < 1e300 else 0, value * 0.5 if abs(value) < 1e300 else 1]
    if isinstance(value, (list, dict)) and value:
        near += [list(value), list(value)[:-1], [*value, *value], dict.fromkeys(map(str, value), 0)]
    if isinstance(value, str):
        near += [value + " ", value.upper(), value[:-1], value + "\u0301", value.encode().hex()]
    holder[key] = pick(rng, near)


def drop(rng, run):
    """A key, or an entry of a list, taken away."""
    holder, key = places(rng, run)
    del holder[key]


def add(rng, run):
    """A key, or an entry of a list, put in."""
    holder, _ = places(rng, run)
    value = copy.deepcopy(pick(rng, [*VALUES, *NAMES]))
    if isinstance(holder, list):
        holder.insert(int(rng.integers(len(holder) + 1)), value)
    else:
        holder[pick(rng, [*OPTIONS, "", "é", "x\ny", "$float", "k" * 300])] = value


def ask(rng, run):
    """An option of the model, of the training or of the optimizer that may mean something."""
    model, training = run.documents.get("model", {}), run.documents.get("training", {})
    sides = [model.get(f"{side}_representations_kwargs") for side in ("entity", "relation")]
    holders = [*sides, *sides, model, training.get("how"), training.get("optimizer_kwargs"), model.get("interaction_kwargs"), training]
    holders = [holder for holder in holders if isinstance(holder, dict)]
    if holders:
        pick(rng, holders)[pick(rng, OPTIONS)] = copy.deepcopy(pick(rng, [*VALUES, *NAMES, *NAMES]))


def rename(rng, run):
    """A key misspelt."""
    holder, key = places(rng, run)
    if isinstance(holder, dict):
        holder[pick(rng, [key + "s", key[:-1], key.upper(), "", key + "\x00", "é" + key])] = holder.pop(key)


def swap(rng, run):
    """Two values, each in the place of the other."""
    (one, a), (other, b) = places(rng, run), places(rng, run)
    one[a], other[b] = copy.deepcopy(other[b]), copy.deepcopy(one[a])


def token(rng, run):
    """Something that is no JSON, or hard on who reads it."""
    holder, key = places(rng, run)
    holder[key] = Raw(pick(rng, TOKENS))


def twice(rng, run):
    """A key that is there twice."""
    holder, key = places(rng, run)
    if isinstance(holder[key], dict):
        pairs = Pairs(holder[key].items())
        holder[key] = Pairs([*pairs, pick(rng, pairs)] if pairs else [("a", 1), ("a", 1)])


def array(rng, run):
    """Which array: its group and name."""
    groups = [group for group, members in run.arrays.items() if members]
    group = pick(rng, groups)
    return run.arrays[group], pick(rng, list(run.arrays[group]))


def lose(rng, run):
    """An array, a group of them, a document or a table missing."""
    kind = pick(rng, [run.arrays, run.documents, run.tables, *run.arrays.values(), *run.arrays.values()])
    if kind:
        del kind[pick(rng, list(kind))]


def more(rng, run):
    """An array, a group of them, a document, a table or a file too many."""
    values = np.ones((2, 3), np.float32)
    members, name = array(rng, run)
    places = [
        lambda: members.update({pick(rng, [name + "s", "x", "step", name.replace("0", "1")]): values}),
        lambda: members.update({name.rsplit(".", 1)[0] + ".step": np.array(3)}),
        lambda: run.arrays.update({pick(rng, ["options", "optimizer", "more"]): {name: values}}),
        lambda: run.documents.update({"more": {}}),
        lambda: run.tables.update({"more": ["x"]}),
        lambda: run.files.update({"more.json": (b"{}", {})}),
        lambda: run.documents["training"].get("optimizer_numbers", {}).update({pick(rng, [name, "x", name + ".step"]): 1}),
    ]
    pick(rng, places)()


def reshape(rng, run):
    """An array of another shape."""
    members, name = array(rng, run)
    x = members[name]
    shapes = [x.reshape(-1), x[None], x.T, x.reshape(x.size, 1), np.concatenate([x.reshape(-1), x.reshape(-1)]), x.reshape(-1)[:1].reshape(())]
    if x.ndim:
        shapes += [x[:-1], x[:0], np.concatenate([x, x[:1]]), x[..., :-1], x[..., :0], np.stack([x, x], axis=-1)]
    members[name] = np.ascontiguousarray(pick(rng, shapes)) if x.size else x


def retype(rng, run):
    """An array of another dtype."""
    members, name = array(rng, run)
    with np.errstate(all="ignore"):
        members[name] = members[name].astype(pick(rng, [np.dtype(t) for t in ("?", "i1", "i4", "i8", "u8", "f2", "f4", "f8", "c8")]))


def poison(rng, run):
    """An array with a number that is not finite, or out of range."""
    members, name = array(rng, run)
    x = members[name] = members[name].copy()
    wrong = [math.nan, math.inf, -math.inf, -1.0, 1e30, 0.0] if x.dtype.kind in "fc" else [-1, 7, 10**6, -(2**63), 2**63 - 1]
    where = rng.integers(x.size) if x.size else None
    if rng.random() < 0.2:
        where = slice(None)
    if x.size and x.dtype.kind in "fci":
        with np.errstate(all="ignore"):
            x.reshape(-1)[where] = np.clip(pick(rng, wrong), *((np.iinfo(x.dtype).min, np.iinfo(x.dtype).max) if x.dtype.kind == "i" else (None, None)))


def exchange(rng, run):
    """Two arrays, or two groups of them, each in the place of the other."""
    (one, a), (other, b) = array(rng, run), array(rng, run)
    one[a], other[b] = other[b], one[a]
    if rng.random() < 0.2:
        a, b = pick(rng, list(run.arrays)), pick(rng, list(run.arrays))
        run.arrays[a], run.arrays[b] = run.arrays[b], run.arrays[a]


def labels(rng, run):
    """A table of labels with lines missing, too many, twice, or not as labels are."""
    if not run.tables:
        return
    lines = run.tables[pick(rng, list(run.tables))]
    i = int(rng.integers(len(lines))) if lines else 0
    changes = [
        lambda: lines.pop(), lambda: lines.insert(i, "new"), lambda: lines.insert(i, lines[0]), lambda: lines.clear(), lines.reverse,
        lambda: lines.__setitem__(i, ""), lambda: lines.__setitem__(i, lines[i] + "\tx"), lambda: lines.__setitem__(i, lines[i] + "\r"),
        lambda: lines.__setitem__(i, "\x00"), lambda: lines.__setitem__(i, "\ud800"), lambda: lines.__setitem__(i, "\ufeffa"),
        lambda: lines.__setitem__(i, "x" * 10**6), lambda: lines.__setitem__(i, "\x1b[31m\u202e"), lambda: lines.__setitem__(i, "e\u0301"),
        lambda: lines.__setitem__(slice(None), [line + "\tx" for line in lines]), lambda: lines.extend(map(str, range(1000))),
    ]  # fmt: skip
    if lines:
        pick(rng, changes)()


WAYS = [replace, replace, shift, drop, add, ask, ask, rename, swap, token, twice, lose, more, reshape, retype, poison, exchange, labels]


def forge(run, seed):
    """Break a run in one to three ways; which ones."""
    rng = np.random.default_rng(seed)
    ways = [pick(rng, WAYS) for _ in range(pick(rng, [1, 1, 1, 2, 3]))]
    for way in ways:
        with contextlib.suppress(KeyError, IndexError, AttributeError, TypeError):  # what an earlier way has taken away
            way(rng, run)
    return [way.__name__ for way in ways]


HOUSE = r"[A-Za-z_]+: .+; allowed: .+|[A-Za-z_]+: .+ is unknown.*; known are .+"


def go_on(path):
    """What a saved run, be it forged, comes to: where it ended, and with which error."""
    where = "load"
    try:
        result = load(path)
        labels = result.dataset.training
        for where, step in {
            "train": lambda: result.train(1), "evaluate": result.evaluate, "to_dict": result.to_dict,
            "predict": lambda: list(result.model.predict_tails(labels.entity_labels[0], labels.relation_labels[0])),
        }.items():  # fmt: skip
            try:
                step()
            except Exception as error:
                yield where, error
        for where in ("save", "load again"):
            with tempfile.TemporaryDirectory() as folder:
                result.save_to_directory(pathlib.Path(folder) / "run")
                where = "load again"
                load(pathlib.Path(folder) / "run")
    except Exception as error:
        yield where, error


def main(paths):
    """Print what each folder comes to."""
    used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    os.fsync = lambda descriptor: None
    for path in paths:
        began = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        print(json.dumps({"path": path, "began": True}), flush=True)
        errors = []
        for where, error in go_on(path):
            last = traceback.extract_tb(error.__traceback__)[-1]
            errors.append([where, type(error).__name__, str(error), f"{last.filename}:{last.lineno}"])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_utime - began.ru_utime
        print(json.dumps({"path": path, "errors": errors, "seconds": peak}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
