"""Hostile calls of the layers and of what they stand on: initializers, random numbers, bags."""

import copy
import pickle

import numpy as np

from npembed import Embedding, EmbeddingBag
from npembed.embedding.bags import embedding_bag, embedding_bag_vjp
from npembed.embedding.initializers import INITIALIZERS
from npembed.numerics.random import TorchGenerator, generator

from . import answered, refused

NAN, INF = float("nan"), float("inf")


def bags(w, **options):
    """The bags of a table, and of what."""
    return embedding_bag(w.table, [0, 2, 5, 2], **{"mode": "sum", **options})


def summed(table, ids, cuts):
    """The sum of each bag, row after row."""
    out = np.zeros((len(cuts) - 1, *table.shape[1:]), table.dtype)
    for b in range(len(cuts) - 1):
        for i in ids[cuts[b] : cuts[b + 1]]:
            out[b] = out[b] + table[i]
    return out


def looked_up(layer, *given):
    """What a layer says, though its table is not to change."""
    return layer(*given)


def weight(layer, value):
    """The table of a layer, after it was assigned."""
    layer.weight = value


def backward(layer, g, ids=(0, 1)):
    """A forward, and a backward with `g`."""
    layer(list(ids))
    return layer.backward(g)


OFFSETS = [
    ("that fall", [0, 3, 1], ValueError, r"offsets\[2\] = 1 follows 3; allowed: offsets that never fall"),
    ("that fall at the end", [0, 4, 0], ValueError, r"offsets\[2\] = 0 follows 4; allowed: offsets that never fall"),
    ("below zero", [0, -3, 4], ValueError, r"offsets\[1\] = -3 follows 0"),
    ("that begin below zero", [-1, 2], ValueError, r"offsets\[0\] = -1; allowed: 0"),
    ("that begin late", [1, 2], ValueError, r"offsets\[0\] = 1; allowed: 0"),
    ("behind the end", [0, 5], ValueError, r"offsets\[1\] = 5 is behind the end of ids; allowed: 0..4"),
    ("of 2**62", [0, 2**62], ValueError, r"offsets\[1\] = 4611686018427387904 is behind the end of ids"),
    ("of 2**63", [0, 2**63], TypeError, "offsets has dtype (uint64|object|float64)"),
    ("of the largest uint32", np.array([0, 2**32 - 1], np.uint32), ValueError, r"offsets\[1\] = 4294967295 is behind"),
    ("that wrap in uint8", np.array([0, 255, 0], np.uint8), ValueError, r"offsets\[2\] = 0 follows 255"),
    ("of float", [0.0, 2.0], TypeError, "offsets has dtype float64"),
    ("of bool", [False, True], TypeError, "offsets has dtype bool"),
    ("of bool in an array", np.array([False, True]), TypeError, "offsets has dtype bool"),
    ("of NaN", [0, NAN], TypeError, "offsets has dtype float64"),
    ("of uint64", np.array([0, 1], np.uint64), TypeError, "offsets has dtype uint64"),
    ("of words", ["0"], TypeError, "offsets has dtype <U1"),
    ("of two axes", [[0, 2]], ValueError, r"offsets has shape \(1, 2\); allowed: one axis"),
    ("of no axes", 0, ValueError, r"offsets has shape \(\); allowed: one axis"),
    ("that are ragged", [[0], [1, 2]], ValueError, "offsets = .* is ragged"),
    ("that are masked", np.ma.array([0, 2], mask=[0, 1]), TypeError, "offsets is a MaskedArray"),
    ("that are missing", None, ValueError, "offsets are missing"),
    ("that are empty", [], ValueError, "offsets is empty; allowed: a bag at least"),
]

GOOD_OFFSETS = [
    ("reversed in memory", np.array([2, 0])[::-1], [0, 2, 4]),
    ("strided", np.array([0, 9, 2, 9])[::2], [0, 2, 4]),
    ("one for each, and empty bags", [0, 0, 1, 2, 2, 3, 4, 4], [0, 0, 1, 2, 2, 3, 4, 4, 4]),
    ("int8", np.array([0, 3], np.int8), [0, 3, 4]),
    ("broadcast", np.broadcast_to(np.array([0]), (3,)), [0, 0, 0, 4]),
]

SIZES = [
    (
        "10**18 rows' numbers",
        {"max_id": 10, "embedding_dim": 10**18},
        ValueError,
        r"Embedding: shape asks for an array of shape \(10, 1000000000000000000\), 40,000,000,000,000,000,000 bytes",
    ),
    (
        "2**62 rows",
        {"max_id": 2**62, "embedding_dim": 4},
        ValueError,
        r"Embedding: shape asks for an array of shape \(4611686018427387904, 4\)",
    ),
    (
        "rows of 5000 digits",
        {"max_id": 10**5000, "embedding_dim": 1},
        ValueError,
        "Embedding: shape asks for an array of shape a tuple",
    ),
    ("2**70 rows", {"max_id": 2**70, "embedding_dim": 1}, ValueError, r"Embedding: (shape|max_id)"),
    (
        "2**46 rows",
        {"max_id": 2**46, "embedding_dim": 4},
        MemoryError,
        r"Embedding: shape asks for an array of shape .* allowed: what fits into memory",
    ),
    ("-1 rows", {"max_id": -1, "embedding_dim": 4}, ValueError, "Embedding: max_id = -1 is out of range"),
    ("2.0 rows", {"max_id": 2.0, "embedding_dim": 4}, TypeError, "Embedding: max_id = 2.0 is of type float"),
    ("True rows", {"max_id": True, "embedding_dim": 4}, TypeError, "Embedding: max_id = True is of type bool"),
    ("rows of NaN numbers", {"max_id": 2, "embedding_dim": NAN}, TypeError, "Embedding: embedding_dim = nan is of type float"),
    ("rows of -1 numbers", {"max_id": 2, "shape": (2, -1)}, ValueError, "Embedding: shape = -1 is out of range"),
    ("rows of a set of shapes", {"max_id": 2, "shape": object()}, TypeError, "Embedding: shape = <object"),
    ("rows of 100 axes", {"max_id": 2, "shape": (1,) * 100}, ValueError, "Embedding: shape has 100 axes; allowed: at most 31"),
]

OPTIONS = [
    ("a padding too far", {"padding_idx": 6}, ValueError, "padding_idx = 6 is outside a table of 6 rows"),
    ("a padding of 2**63", {"padding_idx": -(2**63)}, ValueError, "padding_idx = -9223372036854775808 is outside"),
    ("max_norm NaN", {"max_norm": NAN}, ValueError, "max_norm = nan"),
    ("norm_type of a half", {"norm_type": 0.5}, ValueError, "norm_type = 0.5"),
    ("a dropout of 1.5", {"dropout": 1.5}, ValueError, "dropout = 1.5"),
    ("dtype int", {"dtype": int}, TypeError, "dtype = int64 is not supported"),
    ("dtype bfloat16", {"dtype": "bfloat16"}, TypeError, "dtype = 'bfloat16' is no dtype of NumPy's own"),
    ("dtype nonsense", {"dtype": "float33"}, TypeError, "dtype = 'float33' is no dtype"),
    ("dtype float32 of the other byte order", {"dtype": ">f4"}, TypeError, "dtype = >f4 is not supported"),
    ("an initializer of NaN in the wrong shape", {"initializer": np.full((2, 4), NAN)}, ValueError, r"tensor has shape \(2, 4\)"),
    ("an initializer that is masked", {"initializer": np.ma.zeros((6, 4))}, TypeError, ".* is a MaskedArray"),
    ("an initializer that returns text", {"initializer": lambda rng, shape, dtype: "no"}, ValueError, "result is <U2"),
    (
        "an initializer that returns complex",
        {"initializer": lambda rng, shape, dtype: np.ones(shape) * 1j},
        ValueError,
        "result is complex128",
    ),
    (
        "an initializer that returns one row",
        {"initializer": lambda rng, shape, dtype: np.ones(4)},
        ValueError,
        r"result is float64 \(4,\)",
    ),
    ("a constrainer that is a number", {"constrainer": 3}, TypeError, "constrainer is a int"),
    ("a normalizer misspelt", {"normalizer": "normalise"}, KeyError, "normalizer = 'normalise' is unknown"),
    ("an rng of text", {"rng": "seed"}, TypeError, "rng"),
    ("an rng of NaN", {"rng": NAN}, TypeError, "rng"),
    ("an rng below zero", {"rng": -(2**70)}, ValueError, "seed = -1180591620717411303424 is out of range"),
    ("another device", {"device": "cuda"}, ValueError, "device = 'cuda'"),
    ("a summation of one's own", {"summation": sum}, ValueError, "summation = <built-in function sum>"),
]

CALLS = [
    *(
        refused("offsets", f"embedding_bag: offsets {n}", lambda w, o=o: bags(w, offsets=o), error, "embedding_bag: " + says)
        for n, o, error, says in OFFSETS
    ),
    *(
        refused(
            "offsets",
            f"EmbeddingBag: offsets {n}",
            lambda w, o=o: w.bag([0, 2, 5, 2], o),
            error,
            "EmbeddingBag: " + says.replace("ids", "input"),
        )
        for n, o, error, says in OFFSETS[::3]
    ),
    *(
        answered(
            "offsets",
            f"embedding_bag: offsets {n}",
            lambda w, o=o: bags(w, offsets=o),
            lambda w, cuts=cuts: summed(w.table, [0, 2, 5, 2], cuts),
        )
        for n, o, cuts in GOOD_OFFSETS
    ),
    *(
        answered(
            "offsets",
            f"embedding_bag, {mode}: the last offset before the end",
            lambda w, mode=mode: embedding_bag(w.table, [0, 0, 5, 2], [0, 1, 2], mode=mode, include_last_offset=True),
            lambda w: w.table[[0, 0]],
        )
        for mode in ("sum", "mean", "max")
    ),
    refused(
        "offsets",
        "embedding_bag: no last offset",
        lambda w: bags(w, offsets=[], include_last_offset=True),
        ValueError,
        "embedding_bag: offsets is empty; allowed: the end",
    ),
    refused(
        "offsets",
        "embedding_bag: offsets for two axes",
        lambda w: embedding_bag(w.table, [[0, 1]], [0]),
        ValueError,
        r"embedding_bag: offsets are given with ids of shape \(1, 2\)",
    ),
    refused(
        "ids",
        "embedding_bag: an id behind the last bag, too far",
        lambda w: embedding_bag(w.table, [0, 9], [0, 1], include_last_offset=True),
        IndexError,
        r"embedding_bag: ids\[1\] = 9",
    ),
    refused(
        "ids",
        "embedding_bag: ids of three axes",
        lambda w: embedding_bag(w.table, np.zeros((1, 1, 1), int)),
        ValueError,
        r"embedding_bag: ids has shape \(1, 1, 1\)",
    ),
    refused(
        "ids",
        "embedding_bag: the padding id below zero",
        lambda w: bags(w, offsets=[0], padding_idx=-7),
        ValueError,
        "embedding_bag: padding_idx = -7 is outside",
    ),
    refused(
        "dtype",
        "embedding_bag: weights in single",
        lambda w: bags(w, offsets=[0], per_sample_weights=np.ones(4, np.float32)),
        TypeError,
        "embedding_bag: per_sample_weights has dtype float32",
    ),
    refused(
        "shape",
        "embedding_bag: weights too few",
        lambda w: bags(w, offsets=[0], per_sample_weights=np.ones(3)),
        ValueError,
        r"embedding_bag: per_sample_weights has shape \(3,\)",
    ),
    refused(
        "dtype",
        "embedding_bag: weights masked",
        lambda w: bags(w, offsets=[0], per_sample_weights=np.ma.ones(4)),
        TypeError,
        "embedding_bag: per_sample_weights is a MaskedArray",
    ),
    refused(
        "options",
        "embedding_bag: weights of a mean",
        lambda w: bags(w, offsets=[0], per_sample_weights=np.ones(4), mode="mean"),
        ValueError,
        "embedding_bag: per_sample_weights are given",
    ),
    refused(
        "dtype",
        "embedding_bag: the maximum of complex rows",
        lambda w: embedding_bag(w.cplx, [[0]], mode="max"),
        TypeError,
        "embedding_bag: table has dtype complex128",
    ),
    refused(
        "shape",
        "embedding_bag_vjp: g of one bag too few",
        lambda w: embedding_bag_vjp(w.g[:1], w.table, [0, 1], [0, 1]),
        ValueError,
        r"embedding_bag_vjp: g has shape \(1, 4\)",
    ),
    *(
        answered(
            "empty",
            f"embedding_bag, {mode}: nothing but empty bags, of an empty table",
            lambda w, mode=mode: embedding_bag(w.empty, [], [0, 0, 0], mode=mode),
            lambda w: np.zeros((3, 4)),
        )
        for mode in ("sum", "mean", "max")
    ),
    *(
        answered(
            "strides",
            f"embedding_bag: a table that is {n}",
            lambda w, n=n: embedding_bag(getattr(w, n), [0, 2, 5, 2], [0, 3], mode="sum"),
            lambda w, n=n: summed(np.array(getattr(w, n)), [0, 2, 5, 2], [0, 3, 4]),
        )
        for n in (
            "strided",
            "reversed",
            "fortran",
            "read_only",
            "repeated",
            "sliding",
            "misaligned",
            "subclass",
            "thin",
            "column",
        )
    ),
    answered(
        "NaN",
        "embedding_bag, max: NaN wins, over infinities too",
        lambda w: embedding_bag(w.nan_rows, [[1, 3], [3, 4]], mode="max"),
        lambda w: np.array([np.maximum(w.nan_rows[1], w.nan_rows[3]), w.nan_rows[3]]),
    ),
    answered(
        "overlap",
        "embedding_bag: ids in the table's memory",
        lambda w: embedding_bag(w.shared, w.ids_within, [0], mode="sum"),
        lambda w: summed(w.shared, [0, 1, 3, 5], [0, 4]),
    ),
    *(refused("huge", f"Embedding: {n}", lambda w, o=o: Embedding(**o), error, says) for n, o, error, says in SIZES),
    refused(
        "huge",
        "EmbeddingBag: 10**18 rows' numbers",
        lambda w: EmbeddingBag(10, 10**18),
        ValueError,
        "EmbeddingBag: embedding_dim = 1000000000000000000 asks for",
    ),
    *(
        refused("options", f"Embedding: {n}", lambda w, o=o: Embedding(6, 4, **o), error, "[A-Za-z_]+: " + says)
        for n, o, error, says in OPTIONS
    ),
    *(
        refused("ids", f"Embedding: indices {n}", lambda w, i=i: looked_up(w.layer, i), error, "Embedding: indices" + says)
        for n, i, error, says in (
            ("too far", [[0], [6]], IndexError, r"\[1, 0\] = 6 is outside a table of 6 rows"),
            ("below zero", [-1], IndexError, r"\[0\] = -1 is outside"),
            ("of float", [0.0], TypeError, r"\[0\] = 0.0 has dtype float64"),
            ("of bool", np.array([True]), TypeError, r"\[0\] = True has dtype bool"),
            ("of 2**63", [2**63], TypeError, r"\[0\] = 9223372036854775808 has dtype uint64"),
            ("of words", "three", TypeError, " = 'three' has dtype <U5"),
            ("ragged", [[0], []], ValueError, " = .* is ragged"),
            ("masked", np.ma.array([0, 1], mask=[0, 1]), TypeError, " is a MaskedArray"),
        )
    ),
    refused(
        "ids",
        "Embedding with max_norm: a bad id among good ones",
        lambda w: looked_up(w.short, [0, 1, 6]),
        IndexError,
        r"Embedding: indices\[2\] = 6",
    ),
    answered(
        "overlap",
        "Embedding: what is looked up is a copy",
        lambda w: looked_up(w.layer, [0]).__imul__(0),
        lambda w: np.zeros((1, 4), np.float32),
    ),
    answered(
        "ids",
        "Embedding: ids that change after the forward",
        lambda w: (lambda ids: (w.layer(ids), ids.fill(99), w.layer.backward(np.ones((2, 4), np.float32)))[2].rows)(
            np.array([1, 2])
        ),
        lambda w: np.array([1, 2]),
        writes=("layer",),
    ),
    *(
        refused(
            "dtype",
            f"Embedding.backward: g {n}",
            lambda w, g=g: w.layer.vjp([0, 1])[1](g(w)),
            error,
            "[A-Za-z_.]+: g has|[A-Za-z_.]+: g(rad_output)? ",
        )
        for n, g, error in (
            ("in double", lambda w: np.ones((2, 4)), TypeError),
            ("of one row", lambda w: np.ones((1, 4), np.float32), ValueError),
            ("a list", lambda w: [[1.0] * 4] * 2, TypeError),
            ("masked", lambda w: np.ma.ones((2, 4), np.float32), TypeError),
        )
    ),
    refused(
        "state",
        "Embedding.backward: without a forward",
        lambda w: w.layer.backward(np.ones((2, 4), np.float32)),
        RuntimeError,
        "Embedding",
    ),
    refused(
        "read-only",
        "Embedding: a frozen weight, assigned",
        lambda w: weight(w.frozen, w.dense),
        ValueError,
        "Embedding: weight is frozen",
    ),
    refused(
        "shape",
        "Embedding: a weight of another shape",
        lambda w: weight(w.layer, np.ones((5, 4), np.float32)),
        ValueError,
        r"Embedding: weight has shape \(5, 4\)",
    ),
    refused(
        "dtype",
        "Embedding: a weight in double",
        lambda w: weight(w.layer, w.table),
        TypeError,
        "Embedding: weight has dtype float64",
    ),
    refused(
        "dtype",
        "Embedding: a weight that is masked",
        lambda w: weight(w.frozen, w.masked),
        TypeError,
        "Embedding: weight is a MaskedArray",
    ),
    answered(
        "overlap",
        "Embedding: its own weight, assigned backwards",
        lambda w: (weight(w.layer, w.layer.weight[::-1]), w.layer.weight)[1],
        lambda w: w.layer.weight[::-1].copy(),
        writes=("layer",),
    ),
    answered(
        "read-only",
        "Embedding: a copy of a frozen one is frozen",
        lambda w: copy.deepcopy(w.frozen).weight.flags.writeable,
        lambda w: False,
    ),
    answered(
        "read-only",
        "Embedding: a frozen one from a pickle is frozen",
        lambda w: pickle.loads(pickle.dumps(w.frozen)).weight.flags.writeable,
        lambda w: False,
    ),
    *(
        refused("state", f"load_state_dict: {n}", lambda w, s=s: w.layer.load_state_dict(s(w)), error, "load_state_dict")
        for n, s, error in (
            ("a list", lambda w: [1], TypeError),
            ("of another shape", lambda w: {"weight": np.ones((5, 4), np.float32)}, ValueError),
            ("masked", lambda w: {"weight": np.ma.ones((6, 4), np.float32)}, TypeError),
            ("objects", lambda w: {"weight": w.objects}, TypeError),
            ("with more than it should have", lambda w: {"weight": w.single, "bias": w.single}, KeyError),
            ("empty", lambda w: {}, KeyError),
        )
    ),
    *(
        refused(
            "dtype", f"from_pretrained: {n}", lambda w, a=a: Embedding.from_pretrained(a(w)), TypeError, "from_pretrained: array"
        )
        for n, a in (
            ("whole numbers", lambda w: w.whole),
            ("masked", lambda w: w.masked),
            ("a matrix", lambda w: w.matrix),
            ("objects", lambda w: w.objects),
            ("a list", lambda w: [[1.0]]),
            ("the other byte order", lambda w: w.swapped),
        )
    ),
    *(
        answered(
            "strides",
            f"from_pretrained: {n}",
            lambda w, n=n: Embedding.from_pretrained(getattr(w, n)).weight,
            lambda w, n=n: np.array(getattr(w, n)),
        )
        for n in ("strided", "reversed", "fortran", "read_only", "repeated", "sliding", "misaligned", "subclass", "nan_rows")
    ),
    answered(
        "overlap",
        "from_pretrained: an array that changes later",
        lambda w: (lambda a: (Embedding.from_pretrained(a), a.fill(0))[0].weight)(w.table.copy()),
        lambda w: w.table,
    ),
    refused(
        "NaN",
        "Embedding: an initializer beyond float16",
        lambda w: Embedding(6, 4, dtype="float16", initializer=w.table * 1e6),
        ValueError,
        "pretrained: tensor has entries beyond",
    ),
    *(
        refused(
            "options",
            f"INITIALIZERS[{n!r}]: {what}",
            lambda w, n=n, o=o: INITIALIZERS[n](0, (6, 4), **o),
            error,
            r"\w+: (std|a|b|low|high|gain|val|dtype)\b",
        )
        for n, what, o, error in (
            ("normal", "std NaN", {"std": NAN}, ValueError),
            ("normal", "std below zero", {"std": -1}, ValueError),
            ("uniform", "bounds crossed", {"a": 1, "b": 0}, ValueError),
            ("uniform", "an infinite bound", {"b": INF}, ValueError),
            ("xavier_uniform", "gain NaN", {"gain": NAN}, ValueError),
            ("constant", "beyond float32", {"val": 1e300}, ValueError),
            ("normal", "dtype int", {"dtype": int}, TypeError),
        )
    ),
    *(
        refused(
            "options",
            f"TorchGenerator.{n}",
            lambda w, f=f: f(TorchGenerator(0)),
            error,
            r"\w+: (low|high|n|p|shape|mean|state)\b",
        )
        for n, f, error in (
            ("randint: an empty interval", lambda r: r.randint(3, 3, (2,)), ValueError),
            ("randint: beyond int64", lambda r: r.randint(0, 2**64, (2,)), ValueError),
            ("randperm: of -1", lambda r: r.randperm(-1), ValueError),
            ("randperm: of 2.5", lambda r: r.randperm(2.5), TypeError),
            ("bernoulli: NaN", lambda r: r.bernoulli(NAN, (2,)), ValueError),
            ("bernoulli_each: an entry of 2", lambda r: r.bernoulli_each(np.array([0.5, 2.0])), ValueError),
            ("bernoulli_each: an entry of NaN", lambda r: r.bernoulli_each(np.array([0.5, NAN])), ValueError),
            ("rand: a shape of 2**80 numbers", lambda r: r.rand((2**40, 2**40)), ValueError),
            ("normal: a mean of infinity", lambda r: r.normal((2,), INF), ValueError),
            ("set_state: of zeros, too few", lambda r: r.set_state(np.zeros(3, np.uint8)), TypeError),
        )
    ),
    refused("options", "generator: of a float", lambda w: generator(1.5), TypeError, "generator: rng"),
]
