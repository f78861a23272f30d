"""Ways to break a saved run, of which `forge` draws some by a seed: in its documents, arrays, tables and files.

A run is a `forged.Run`, broken in place.
"""

import contextlib
import copy
import math
import warnings

import numpy as np

from npembed.embedding.initializers.choose import INITIALIZERS
from npembed.embedding.optimizers import OPTIMIZERS
from npembed.embedding.regularizers import REGULARIZERS
from npembed.embedding.row_maps import CONSTRAINERS, NORMALIZERS
from npembed.kge.interactions import INTERACTIONS
from npembed.kge.losses import LOSSES
from npembed.layers.representations import REPRESENTATIONS


class Raw(str):
    """A piece of JSON as it stands, right or wrong."""


class Pairs(list):
    """An object of JSON, of which a key may be there twice."""


NAMES = [*INTERACTIONS, *INITIALIZERS, *LOSSES, *OPTIMIZERS, *NORMALIZERS, *CONSTRAINERS, *REGULARIZERS, *REPRESENTATIONS]
NAMES += [
    "slcwa",
    "lcwa",
    "basic",
    "bernoulli",
    "pykeen",
    "torch",
    "numpy",
    "head",
    "relation",
    "tail",
    "float16",
    "complex64",
    "f4,",
]
NAMES += [
    "float64",
    "decay_on_touch",
    "lazy",
    "dense",
    "row",
    "npembed run",
    "PCG64",
    "MT19937",
    "max",
    "mean",
    "cpu",
    "inf",
    "fro",
]
OPTIONS = [
    "embedding_dim", "shape", "max_id", "num_embeddings", "num_bases", "base", "base_kwargs", "weight", "weight_kwargs",
    "assignment", "mode", "dtype", "dropout", "unique", "trainable", "compat", "initializer", "initializer_kwargs",
    "constrainer", "constrainer_kwargs", "normalizer", "normalizer_kwargs", "regularizer", "regularizer_kwargs",
    "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse", "_weight", "_freeze", "device", "summation",
    "rng", "combination", "combination_kwargs", "embedding_bag_kwargs", "tensor", "std", "mean", "gain", "p", "dim", "axis",
    "eps", "maxnorm", "margin", "betas", "momentum", "weight_decay", "amsgrad", "missing_rows", "nesterov", "dampening",
    "maximize", "correction", "lr", "lr_decay", "batch_size", "num_negatives", "sampler", "filtered", "target", "replay",
    "loop", "loss", "interaction", "entity_representations", "relation_representations", "version", "format", "kind", "seed",
    "key", "position", "next_normal", "pos", "state", "inc", "step", "epochs", "metrics", "array", "low", "high",
]  # fmt: skip
VALUES = [
    None, True, False, 0, 1, -1, 2, 3, 7, 10**9, 10**18, 2**63, 2**64, 2**128, 2**1023, -(10**9), 0.0, 0.5, -0.5, 1.5, 1e-320,
    1e308, -1e308, "", "x", "3", "\n", "\x00", "é\u202e", "e" * 300, [], [[]], [0], [3], [1, 2], [None], ["x"], [0.5] * 4,
    [10**9, 10**9], {}, {"": 0}, {"array": "x"}, {"array": 3}, {"array": []},
    {"array": "model.entity_representations_kwargs.initializer"}, {"$float": "NaN"}, {"$float": "Infinity"},
    {"$float": "-Infinity"}, {"$float": 1}, {"$float": "NaN", "x": 1}, {"x": {"y": {"z": []}}}, {"max_id": 10**9},
    {"embedding_dim": 10**9}, {"shape": [10**5, 10**5]}, {"shape": 10**9, "base_kwargs": {"max_id": 10**9}},
]  # fmt: skip
TOKENS = [
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "9" * 5000, "1" + "0" * 10**5 + ".5", "0x10", "01", "-",
    "tru", "'x'", "", "1,", "/*x*/ 1", '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\ud800"', '"\\x"', '"a\nb"',
    '{"a": 1, "a": 1}', '{"a": 1,}', "[" * 45 + "]" * 45, "[" * 60 + "]" * 60, "[" * 10**5 + "]" * 10**5,
    '{"a":' * 10**4 + "1" + "}" * 10**4, "[" * 10**5, '"' + "x" * 10**6 + '"', "\ufeff1", '{"\\ud800": 1}',
    "[" + "0," * 10**5 + "0]", "{" + ",".join(f'"k{i % 5000}": {i}' for i in range(20000)) + "}",
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
        near += [
            value + 1,
            value - 1,
            -value,
            value * 10**9,
            float(value) if abs(value) < 1e300 else 0,
            value * 0.5 if abs(value) < 1e300 else 1,
        ]
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


SIDE = {
    "dropout": [0, 1, 0.5], "initializer": [*INITIALIZERS], "constrainer": [*CONSTRAINERS], "normalizer": [*NORMALIZERS],
    "regularizer": [*REGULARIZERS], "unique": [True, False], "trainable": [True, False], "max_norm": [0, 1e-300, 1e300],
    "padding_idx": [0, -1], "scale_grad_by_freq": [True], "summation": ["exact", "float64"], "compat": ["pykeen", "torch"],
    "dtype": ["float16", "float64", "c8"],
    "initializer_kwargs": [{"std": 1e38}, {"mean": 1e300}, {"gain": -1}, {"max_iter": 10**12, "edge_index": [[0], [1]]}],
    "constrainer_kwargs": [{"maxnorm": 1e-300}, {"p": 0.5}, {"dim": 0}, {"eps": 1e308}], "num_bases": [0, 2, 10**9],
    "shape": [0, 3, [3], 10**9], "normalizer_kwargs": [{"p": "inf"}, {"eps": 0}, {"dim": [0, 1]}],
    "regularizer_kwargs": [{"weight": -1e300}, {"p": 3.5}, {"weight": "x"}], "embedding_dim": [0, 3, 10**9],
    "base_kwargs": [{"max_id": 10**9}, {"shape": 10**9}, {"max_id": 4, "shape": 2}, [{"shape": 10**9}]],
    "mode": ["max", "mean"], "max_id": [3, 7, 10**9], "combination": ["multiply", "sum", "concat"],
    "base": [["LowRank"], ["Embedding", "Embedding"]],
}  # fmt: skip
HOW = {
    "lr": [0, 1e-320, 1e38, 1e308, 1], "batch_size": [1, 10**9, 2**63, 2**100],
    "num_negatives": [1, 5, 10**9, 2**62, 2**63, 2**100], "sampler": ["basic", "bernoulli"], "filtered": [True, False, None],
    "target": ["head", "relation", "tail"], "loop": ["slcwa", "lcwa"], "replay": [None, "pykeen"],
}  # fmt: skip
STEPS = {
    "betas": [[0, 0], [0.9, 0.999], [0.9], "xy", [[0, 1], 0]], "eps": [0, 1e-320, 1e308], "weight_decay": [0, 0.1, 1e308],
    "amsgrad": [True], "maximize": [True], "missing_rows": ["dense", "lazy", "decay_on_touch"], "momentum": [0, 0.9, 1],
    "nesterov": [True], "dampening": [0.5], "correction": ["row", "table"], "lr_decay": [1e300], "lr": [1], "state": [{}],
}  # fmt: skip
MODEL = {
    "interaction": [*INTERACTIONS], "interaction_kwargs": [{"p": 1}, {"p": "inf"}, {"p": 1e300}, {"x": 1}, {}, None],
    "loss": [*LOSSES, None],
    "loss_kwargs": [{"margin": 1e308}, {"margin": "x"}, {"adversarial_temperature": 1e308}, {"label_smoothing": 2}, None, {}],
    "entity_representations": [*REPRESENTATIONS, ["LowRank"], []],
    "relation_representations": [*REPRESENTATIONS, ["Embedding"]],
}  # fmt: skip
TRAINING = {
    "optimizer": [*OPTIMIZERS], "filtered": [True, False], "random_seed": [None, 0, 2**64 - 1, -(2**63), 2**64],
    "dataset": ["", "x\ny", "\x1b[31m"], "trainable": [[True], [False, False], [True] * 3, []], "optimizer_numbers": [{}],
    "epochs": [[]],
}  # fmt: skip


def ask(rng, run):
    """An option of the model, of the training or of the optimizer that means something."""
    model, training = run.documents["model"], run.documents["training"]
    sides = [(model[f"{side}_representations_kwargs"], SIDE) for side in ("entity", "relation")]
    holder, options = pick(
        rng, [*sides, *sides, (model, MODEL), (training["how"], HOW), (training["optimizer_kwargs"], STEPS), (training, TRAINING)]
    )
    name = pick(rng, list(options))
    holder[name] = copy.deepcopy(pick(rng, options[name]))


def misplace(rng, run):
    """An option that has no meaning there, or no such value."""
    sides = [run.documents["model"][f"{side}_representations_kwargs"] for side in ("entity", "relation")]
    holder = pick(
        rng, [*sides, run.documents["model"], run.documents["training"]["how"], run.documents["training"]["optimizer_kwargs"]]
    )
    holder[pick(rng, OPTIONS)] = copy.deepcopy(pick(rng, [*VALUES, *NAMES, *NAMES]))


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
    flat = x.reshape(-1)
    shapes = [flat, x[None], x.T, flat[:, None], np.concatenate([flat, flat]), flat[:1], x.sum()[...]]
    if x.ndim:
        shapes += [x[:-1], x[:0], np.concatenate([x, x[:1]]), x[..., :-1], x[..., :0], np.stack([x, x], axis=-1)]
    members[name] = np.asarray(pick(rng, shapes), x.dtype, order="C")


def retype(rng, run):
    """An array of another dtype."""
    members, name = array(rng, run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        members[name] = members[name].astype(
            pick(rng, [np.dtype(t) for t in ("?", "i1", "i4", "i8", "u8", "f2", "f4", "f8", "c8")])
        )


def poison(rng, run):
    """An array with a number, or all of it, that is not finite, or out of range."""
    members, name = array(rng, run)
    x = members[name] = members[name].copy()
    real = x.dtype.kind in "fc"
    wrong = [math.nan, math.inf, -math.inf, -1.0, 1e30, 0.0] if real else [-1, 7, 100, -(2**63), 2**63 - 1]
    where = int(rng.integers(x.size)) if x.size and rng.random() < 0.8 else slice(None)
    if real or x.dtype == np.int64:
        with np.errstate(all="ignore"):
            x.reshape(-1)[where] = pick(rng, wrong)


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


WAYS = [
    replace,
    replace,
    shift,
    drop,
    add,
    ask,
    ask,
    misplace,
    rename,
    swap,
    token,
    twice,
    lose,
    more,
    reshape,
    retype,
    poison,
    exchange,
    labels,
]


def forge(run, seed):
    """Break a run in one to three ways; which ones."""
    rng = np.random.default_rng(seed)
    ways = [pick(rng, WAYS) for _ in range(pick(rng, [1, 1, 1, 2, 3]))]
    for way in ways:
        with contextlib.suppress(KeyError, IndexError, AttributeError, TypeError):  # what an earlier way has taken away
            way(rng, run)
    return [way.__name__ for way in ways]
