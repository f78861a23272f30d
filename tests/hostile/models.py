"""Hostile calls of models, samplers, datasets, evaluation, training and files."""

import copy
import functools
import pathlib
import tempfile
from types import SimpleNamespace

import numpy as np

import npembed
from npembed.kge.datasets import Nations, TriplesFactory
from npembed.kge.evaluation import ranks
from npembed.kge.models import ERModel, transe
from npembed.kge.samplers import basic, bernoulli, bernoulli_probabilities, index_triples, keep_mask
from npembed.kge.training import fit
from npembed.kge.uncertainty import predict_hrt_uncertain
from npembed.numerics.kernels import segments

from . import answered, refused

NAN, INF = float("nan"), float("inf")


def spoilt(model, row, number):
    """The model, with a number of its entities replaced."""
    model.layers[0].weight[row, 0] = number
    return model


def scorer(scores):
    """A model that answers everything with these scores."""
    return SimpleNamespace(score_t=lambda hr: np.broadcast_to(np.asarray(scores), (len(hr), len(scores))))


def trained(model, triples, **options):
    """All epochs of a training."""
    return list(fit(model, triples, **{"epochs": 1, "lr": 0.1, **options}))


def file_with(data):
    """A factory from a file of these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "triples.tsv"
        path.write_bytes(data)
        return TriplesFactory.from_path(path).num_triples


@functools.cache
def saved():
    """The files of a run, by name, and their bytes."""
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder) / "run"
        npembed.pipeline(
            dataset="nations", model="transe", model_kwargs={"embedding_dim": 4}, training_kwargs={"num_epochs": 0}, random_seed=0
        ).save_to_directory(target)
        return {path.relative_to(target).as_posix(): path.read_bytes() for path in sorted(target.rglob("*")) if path.is_file()}


def loaded(change):
    """A run that was saved, after its files were changed."""
    files = dict(saved())
    change(files)
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return npembed.load(folder)


def replace(files, kind, change):
    """Change the bytes of the file with that ending, or of the arrays, which are the longest file."""
    name = next((name for name in files if name.endswith(kind)), max(files, key=lambda name: len(files[name])))
    files[name] = change(files[name])


def distance(w, ids):
    """TransE's score of triples, with the 1-norm."""
    entities, relations = (layer.weight.astype(np.float64) for layer in w.model.layers)
    h, r, t = entities[ids[:, 0]], relations[ids[:, 1]], entities[ids[:, 2]]
    return -np.abs(h + r - t).sum(axis=1)[:, None].astype(np.float32)


BATCHES = [
    ("a head too far", [[14, 0, 0]], IndexError, r"hrt_batch\[0, 0\] = 14 is outside the 14 entities"),
    ("a relation below zero", [[0, -1, 0]], IndexError, r"hrt_batch\[0, 1\] = -1 is outside the 55 relations"),
    ("a tail of 2**62", [[0, 0, 2**62]], IndexError, r"hrt_batch\[0, 2\] = 4611686018427387904 is outside"),
    ("two columns", [[0, 1]], ValueError, r"hrt_batch has shape \(1, 2\); allowed: \(n, 3\)"),
    ("no axes", 3, ValueError, r"hrt_batch has shape \(\); allowed"),
    ("float", [[0.0, 1.0, 2.0]], TypeError, r"hrt_batch\[0, 0\] = 0.0 has dtype float64"),
    ("bool", np.zeros((1, 3), bool), TypeError, r"hrt_batch\[0, 0\] = False has dtype bool"),
    ("NaN", [[NAN, 0, 0]], TypeError, r"hrt_batch\[0, 0\] = nan has dtype float64"),
    ("words", [["a", "b", "c"]], TypeError, r"hrt_batch\[0, 0\] = 'a' has dtype <U1"),
    ("uint64", np.zeros((1, 3), np.uint64), TypeError, r"hrt_batch\[0, 0\] = 0 has dtype uint64"),
    ("masked", np.ma.zeros((1, 3), int), TypeError, "hrt_batch is a MaskedArray"),
    ("ragged", [[0, 1, 2], [3]], ValueError, "hrt_batch = .* is ragged"),
]

CALLS = [
    *(
        refused("ids", f"score_hrt: {n}", lambda w, b=b: w.model.score_hrt(b), error, "score_hrt: " + says)
        for n, b, error, says in BATCHES
    ),
    *(
        answered(
            "strides",
            f"score_hrt: {n}",
            lambda w, f=f: w.model.score_hrt(f(w.negatives[:, 0])),
            lambda w, f=f: distance(w, np.array(f(w.negatives[:, 0]))),
            within=1e-5,
        )
        for n, f in (
            ("in Fortran's order", np.asfortranarray),
            ("reversed", lambda a: a[::-1]),
            ("int8", lambda a: a.astype(np.int8)),
            ("a list", lambda a: a.tolist()),
        )
    ),
    answered(
        "ids", "score_hrt: no triples", lambda w: w.model.score_hrt(np.empty((0, 3), int)), lambda w: np.empty((0, 1), np.float32)
    ),
    *(
        refused(
            "ids",
            f"score_t, {engine}: {n}",
            lambda w, a=a, engine=engine: w.model.score_t(*a, engine=engine),
            error,
            "score_t: " + says,
        )
        for engine in ("layered", "fused")
        for n, a, error, says in (
            ("an entity as relation", ([[0, 55]],), IndexError, r"hr_batch\[0, 1\] = 55 is outside the 55 relations"),
            ("a tail too far", ([[0, 0]], [0, 14]), IndexError, r"tails\[1\] = 14 is outside a table of 14 rows"),
            ("tails of three axes", ([[0, 0]], [[[0]]]), ValueError, r"tails has shape \(1, 1, 1\)"),
            ("tails of bool", ([[0, 0]], np.ones(14, bool)), TypeError, r"tails\[0\] = True has dtype bool"),
        )
    ),
    refused(
        "options",
        "score_t: an engine of steam",
        lambda w: w.model.score_t([[0, 0]], engine="steam"),
        ValueError,
        "score_t: engine = 'steam' is not a choice",
    ),
    *(
        refused("ids", f"predict_tails: {n}", lambda w, a=a: w.model.predict_tails(*a), error, "predict_tails: " + says)
        for n, a, error, says in (
            ("a head of 14", (14, 0), ValueError, "head = 14 is out of range"),
            ("a head of True", (True, 0), TypeError, "head = True is of type bool"),
            ("a head misspelt", ("brasil", 0), KeyError, "head = 'brasil' is unknown"),
            ("a head of None", (None, 0), TypeError, "head = None is of type NoneType"),
            ("k of zero", (0, 0, 0), ValueError, "k = 0 is out of range"),
            ("k of 2.0", (0, 0, 2.0), TypeError, "k = 2.0 is of type float"),
        )
    ),
    refused(
        "NaN",
        "predict_tails: a row of NaN",
        lambda w: w.nan_model.predict_tails(0, 0),
        FloatingPointError,
        "predict_tails: 1 of 14 scores are NaN",
    ),
    refused(
        "NaN",
        "ranks: a model with a row of NaN",
        lambda w: ranks(w.nan_model, w.positives),
        FloatingPointError,
        r"ranks: \d+ of the 14 (head|tail) scores",
    ),
    refused(
        "NaN",
        "fit: a model with a row of NaN",
        lambda w: trained(copy.deepcopy(w.nan_model), np.repeat([[3, 0, 1]], 8, axis=0)),
        FloatingPointError,
        "fit: loss = nan in epoch 1, batch 1: entity rows 3 are not finite",
    ),
    answered(
        "NaN",
        "predict_tails: a row of infinities comes last",
        lambda w: spoilt(w.model, 3, INF).predict_tails(0, 0, k=None)[-1].id,
        lambda w: 3,
        writes=("model",),
    ),
    refused(
        "shape",
        "ranks: scores that are ragged",
        lambda w: ranks(SimpleNamespace(score_t=lambda hr: [[1.0], [1.0, 2.0]]), [[0, 0, 1]], sides="tail"),
        ValueError,
        "ranks: score_t returned scores that are ragged",
    ),
    refused(
        "NaN",
        "ranks: a score of NaN",
        lambda w: ranks(scorer([NAN, 1.0]), [[0, 0, 1]], sides="tail"),
        FloatingPointError,
        "ranks: 1 of the 2 tail scores",
    ),
    refused(
        "NaN",
        "ranks: nothing but NaN",
        lambda w: ranks(scorer([NAN, NAN]), [[0, 0, 1]], sides="tail"),
        FloatingPointError,
        "ranks: 2 of the 2 tail scores",
    ),
    answered(
        "NaN",
        "ranks: infinities of both signs",
        lambda w: list(ranks(scorer([INF, 1.0, -INF, 1.0]), [[0, 0, 1]], sides="tail", filtered=False).tail),
        lambda w: [np.array([2]), np.array([3]), np.array([2])],
    ),
    *(
        refused(kind, f"ranks: {n}", lambda w, m=m, t=t, o=o: ranks(m, t, **{"sides": "tail", **o}), error, "ranks: " + says)
        for kind, n, m, t, o, error, says in (
            (
                "dtype",
                "complex scores",
                scorer([1j, 2j]),
                [[0, 0, 1]],
                {},
                TypeError,
                "score_t returned scores of dtype complex128",
            ),
            (
                "dtype",
                "scores of bool",
                scorer([True, False]),
                [[0, 0, 1]],
                {},
                TypeError,
                "score_t returned scores of dtype bool",
            ),
            (
                "ids",
                "a tail beyond the scores",
                scorer([1.0, 2.0]),
                [[0, 0, 2]],
                {},
                IndexError,
                r"triples\[0, 2\] = 2 is outside the 2 entities",
            ),
            (
                "ids",
                "a known triple beyond the scores",
                scorer([1.0, 2.0]),
                [[0, 0, 1]],
                {"known": [[0, 0, 9]]},
                IndexError,
                r"known\[0, 2\] = 9",
            ),
            (
                "shape",
                "scores of one axis",
                SimpleNamespace(score_t=lambda hr: np.ones(2)),
                [[0, 0, 1]],
                {},
                ValueError,
                r"score_t returned scores of shape \(2,\)",
            ),
            ("options", "a block of zero", scorer([1.0]), [[0, 0, 0]], {"block": 0}, ValueError, "block = 0"),
            ("options", "the same side twice", scorer([1.0]), [[0, 0, 0]], {"sides": ("tail", "tail")}, ValueError, "sides"),
            (
                "dtype",
                "triples of float",
                scorer([1.0]),
                [[0.0, 0, 0]],
                {},
                TypeError,
                r"triples\[0, 0\] = 0.0 has dtype float64",
            ),
            (
                "dtype",
                "triples that are masked",
                scorer([1.0]),
                np.ma.zeros((1, 3), int),
                {},
                TypeError,
                "triples is a MaskedArray",
            ),
        )
    ),
    *(
        refused(
            "ids",
            f"loss_and_gradients: {n}",
            lambda w, p=p, k=k: w.model.loss_and_gradients(p, k),
            error,
            "loss_and_gradients: " + says,
        )
        for n, p, k, error, says in (
            ("a negative too far", [[0, 0, 1]], [[[0, 0, 14]]], IndexError, r"negatives\[0, 2\] = 14|negatives\[0, 0, 2\] = 14"),
            ("a positive below zero", [[-1, 0, 1]], [[[0, 0, 1]]], IndexError, r"positives\[0, 0\] = -1"),
            ("negatives of two axes", [[0, 0, 1]], [[0, 0, 1]], ValueError, r"negatives has shape \(1, 3\)"),
            ("negatives of float", [[0, 0, 1]], [[[0.0, 0, 1]]], TypeError, "negatives.* has dtype float64"),
            (
                "more negatives than positives",
                [[0, 0, 1]],
                [[[0, 0, 1]], [[0, 0, 1]]],
                ValueError,
                r"negatives has shape \(2, 1, 3\)",
            ),
        )
    ),
    *(
        refused("options", f"fit: {n}", lambda w, o=o: trained(w.model, **{"triples": w.positives, **o}), error, "fit: " + says)
        for n, o, error, says in (
            ("lr NaN", {"lr": NAN}, ValueError, "lr = nan"),
            ("lr beyond float32", {"lr": 1e39}, ValueError, "lr = 1e[+]39"),
            ("epochs -1", {"epochs": -1}, ValueError, "epochs = -1"),
            ("a batch of none", {"batch_size": 0}, ValueError, "batch_size = 0"),
            ("no triples", {"triples": np.empty((0, 3), int)}, ValueError, "triples has shape"),
            ("a triple too far", {"triples": [[0, 0, 14]]}, IndexError, r"triples\[0, 2\] = 14"),
            ("an optimizer misspelt", {"optimizer": "adem"}, KeyError, "optimizer = 'adem' is unknown"),
            ("options that are none", {"optimizer_kwargs": {"colour": 1}}, KeyError, "optimizer_kwargs"),
            ("negatives that are none", {"num_negatives": 0}, ValueError, "num_negatives = 0"),
        )
    ),
    refused("options", "fit: a model that is none", lambda w: trained(3, w.positives), TypeError, "fit: model is a int"),
    *(
        refused("ids", f"basic: {n}", lambda w, p=p, o=o: basic(0, p, **{"num_entities": 14, **o}), error, "basic: " + says)
        for n, p, o, error, says in (
            ("a positive too far", [[0, 0, 14]], {}, IndexError, r"positives\[0, 2\] = 14"),
            ("one entity", [[0, 0, 0]], {"num_entities": 1}, ValueError, "num_entities = 1"),
            ("negatives below zero", [[0, 0, 1]], {"num_negatives": -1}, ValueError, "num_negatives = -1"),
            ("2**62 negatives", [[0, 0, 1]], {"num_negatives": 2**62}, ValueError, r"num_negatives = .* asks for [\d,]+ numbers"),
            ("nothing to corrupt", [[0, 0, 1]], {"corrupt": None}, ValueError, "corrupt = None names no sides"),
            ("a side misspelt", [[0, 0, 1]], {"corrupt": ("hed",)}, ValueError, "corrupt = 'hed' is not a choice"),
            ("positives of float", [[0.0, 0, 1]], {}, TypeError, r"positives\[0, 0\] = 0.0"),
        )
    ),
    *(
        refused(
            "NaN",
            f"bernoulli: {n}",
            lambda w, p=p: bernoulli(0, [[0, 0, 1]], num_entities=14, head_probability=p),
            error,
            "bernoulli: head_probability" + says,
        )
        for n, p, error, says in (
            ("a probability of NaN", np.array([NAN]), ValueError, r"\[0\] = nan is no probability"),
            ("a probability of 1.5", np.array([1.5]), ValueError, r"\[0\] = 1.5 is no probability"),
            ("probabilities of int", np.array([1]), TypeError, ".dtype = int64"),
            ("probabilities in a list", [0.5], TypeError, " is a list"),
        )
    ),
    refused(
        "ids",
        "bernoulli_probabilities: a relation too far",
        lambda w: bernoulli_probabilities([[0, 1, 0]], 1),
        IndexError,
        r"bernoulli_probabilities: triples\[0, 1\] = 1",
    ),
    refused(
        "dtype",
        "keep_mask: known a list",
        lambda w: keep_mask(w.negatives, [[0, 0, 1]]),
        TypeError,
        "keep_mask: known is a list",
    ),
    answered(
        "ids",
        "keep_mask: the largest ids there are",
        lambda w: keep_mask(np.full((1, 1, 3), 2**63 - 2), index_triples(np.full((1, 3), 2**63 - 2))),
        lambda w: np.array([[False]]),
    ),
    refused(
        "ids",
        "keep_mask: an id below zero",
        lambda w: keep_mask(np.full((1, 1, 3), -1), index_triples(w.positives)),
        IndexError,
        r"keep_mask: negatives\[0, 0\] = -1",
    ),
    answered(
        "ids",
        "segments: ids of 62 bits",
        lambda w: [list(a) for a in segments(np.array([2**62, 5, 2**62]))],
        lambda w: [[5, 2**62], [0, 1, 3], [1, 0, 2]],
    ),
    *(
        refused("files", f"triples file: {n}", lambda w, data=data: file_with(data), ValueError, says)
        for n, data, says in (
            ("two columns", b"a\tb\n", r".*triples.tsv.*1"),
            ("four columns", b"a\tb\tc\td\n", r".*triples.tsv.*1"),
            ("no UTF-8", b"a\tb\t\xff\n", r".*triples.tsv.*1"),
            ("a zero byte", b"a\tb\tc\0\n", r".*triples.tsv.*1"),
            ("a lone carriage return", b"a\tb\tc\ra\tb\tc\n", r".*triples.tsv.*1"),
            ("empty labels", b"\t\t\n", r".*triples.tsv.*1"),
        )
    ),
    *(
        refused("files", f"load: {n}", lambda w, change=change: loaded(change), error, "load: ")
        for n, change, error in (
            ("an empty folder", lambda files: files.clear(), OSError),
            ("arrays cut short", lambda files: replace(files, "arrays", lambda data: data[:-20]), ValueError),
            ("arrays of zeros", lambda files: replace(files, "arrays", lambda data: bytes(len(data))), ValueError),
            (
                "a bit that flipped",
                lambda files: replace(files, "arrays", lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:]),
                ValueError,
            ),
            ("a manifest that is no JSON", lambda files: replace(files, ".json", lambda data: b"{"), ValueError),
            ("a manifest of lists, very deep", lambda files: replace(files, ".json", lambda data: b"[" * 100000), ValueError),
            ("a manifest that is a number", lambda files: replace(files, ".json", lambda data: b"7"), ValueError),
        )
    ),
    refused("files", "load: a path that is a number", lambda w: npembed.load(3), TypeError, "load"),
    refused(
        "options",
        "ERModel: triples of a list",
        lambda w: ERModel(triples_factory=[1], interaction="transe"),
        TypeError,
        "ERModel: triples_factory is a list",
    ),
    refused("huge", "transe: 10**18 numbers a row", lambda w: transe(Nations().training, embedding_dim=10**18), ValueError, ""),
    refused(
        "options",
        "predict_hrt_uncertain: no samples",
        lambda w: predict_hrt_uncertain(w.model, w.positives, num_samples=0),
        ValueError,
        "predict_hrt_uncertain",
    ),
]
