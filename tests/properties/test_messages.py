"""Errors in the words of the house for what Python, NumPy and code of the user's would say in theirs."""

import importlib
import inspect
import json
import os
import pathlib
import pkgutil
import re
import stat
import types

import numpy as np
import pytest

import npembed
from npembed import Embedding, EmbeddingBag, Op, RowSparse, check, pipeline
from npembed.check import UnknownNameError
from npembed.check.public import METHODS
from npembed.cli import main
from npembed.embedding.lookup import dropout_mask
from npembed.embedding.regularizers import REGULARIZERS
from npembed.embedding.row_maps import normalize
from npembed.embedding.rows import gather
from npembed.io import write_folder
from npembed.io.files import write_files
from npembed.kge.datasets import Dataset, Nations, TriplesFactory, read_triples
from npembed.kge.datasets.labels import unknown_label
from npembed.kge.interactions import INTERACTIONS
from npembed.kge.losses import LCWA_LOSSES, LOSSES
from npembed.kge.models import ERModel, transe
from npembed.kge.samplers import SAMPLERS, basic, index_triples, keep_mask
from npembed.kge.training import LOOPS, fit
from npembed.layers.representations import COMBINATIONS, REPRESENTATIONS
from npembed.op import resolve

NATIONS = Nations().training
TABLE = np.ones((3, 2))
MODEL = transe(NATIONS, embedding_dim=4, random_seed=0)


# What NumPy cannot read


class Raising:
    """As a tensor that wants a gradient, or lies elsewhere."""

    def __init__(self, error):
        self.error = error

    def __array__(self, *args, **options):
        raise self.error

    def __len__(self):
        return 2


READERS = {
    "gather": lambda x: gather(TABLE, x),
    "Embedding": lambda x: Embedding(3, 2)(x),
    "EmbeddingBag": lambda x: EmbeddingBag(3, 2)(x, [0]),
    "EmbeddingBag, offsets": lambda x: EmbeddingBag(3, 2)([0, 1], x),
    "score_hrt": MODEL.score_hrt,
    "fit": lambda x: fit(MODEL, x, epochs=1, lr=0.1),
    "keep_mask": lambda x: keep_mask(x, index_triples(NATIONS.mapped_triples)),
    "lcwa_loss_and_gradients": lambda x: MODEL.lcwa_loss_and_gradients([[0, 0]], x),
    "load_state_dict": lambda x: Embedding(3, 2).load_state_dict({"weight": x}),
}


ERRORS = (RuntimeError("no\nnumpy() \x1b[1m"), KeyError("x"), AttributeError(), ValueError("bad"), TypeError("cuda"))


@pytest.mark.parametrize("reader", READERS)
def test_what_numpy_cannot_read(reader):
    for error in ERRORS:
        with pytest.raises(TypeError) as caught:
            READERS[reader](Raising(error))
        said = rf"\w+: [\w\['\]]+ is a Raising that NumPy cannot read \({type(error).__name__}: .*\); allowed: .+"
        assert re.fullmatch(said, str(caught.value))
        assert str(caught.value).isprintable()


def test_a_list_of_what_numpy_cannot_read():
    for x in ([Raising(RuntimeError("no"))], (Raising(KeyError("no")),)):
        with pytest.raises(TypeError, match=r"gather: ids is a \w+ that NumPy cannot read \(\w+: .*\); allowed: "):
            gather(TABLE, x)


def test_what_cannot_be_shown():
    class Silent:
        def __repr__(self):
            raise KeyError("x")

    with pytest.raises(
        TypeError, match="Embedding: max_id = a Silent that has a repr that raises KeyError is of type Silent; allowed: "
    ):
        Embedding(Silent(), 2)


# What there is no memory for


@pytest.fixture
def little_memory():
    """A limit, so that no machine says yes."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**38, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


SIZE = 10**11
IDS = np.broadcast_to(np.int64(0), SIZE)
HUGE = np.broadcast_to(np.float32(0), (10**6, 10**5))
AFFORDED = {
    "Embedding": (lambda: Embedding(10**6, 10**5), "Embedding", 4 * SIZE),
    "of a weight": (lambda: Embedding(weight=HUGE), "Embedding", 4 * SIZE),
    "from_pretrained": (lambda: Embedding.from_pretrained(HUGE), "from_pretrained", 4 * SIZE),
    "transe": (lambda: transe(NATIONS, embedding_dim=SIZE), "transe", 4 * 14 * SIZE),
    "pipeline": (
        lambda: pipeline(dataset="nations", model="transe", model_kwargs={"embedding_dim": SIZE}),
        "pipeline",
        4 * 14 * SIZE,
    ),
    "basic": (lambda: basic(0, [[0, 0, 1]], num_entities=4, num_negatives=SIZE), "basic", 24 * SIZE),
    "gather": (lambda: gather(TABLE, IDS), "gather", 8 * SIZE),
    "dropout_mask": (lambda: dropout_mask(0, (SIZE,), 0.5, np.float32), "dropout_mask", 8 * SIZE),
    "to_dense": (lambda: RowSparse(np.array([0]), np.ones((1, 10**5)), 10**6).to_dense(), "RowSparse.to_dense", 8 * SIZE),
}


@pytest.mark.parametrize("call", AFFORDED)
def test_memory_that_cannot_be_had(little_memory, call):
    do, name, size = AFFORDED[call]
    with pytest.raises(MemoryError, match=rf"{name}: .* {size:,} bytes; allowed: what fits into memory$"):
        do()


def test_memory_that_cannot_be_had_on_the_command_line(little_memory, capsys):
    assert main(["train", "--dim", str(SIZE)]) == 2
    assert re.fullmatch(
        r"npembed: \w+: an array .* 11,200,000,000,000 bytes; allowed: what fits into memory\n", capsys.readouterr().err
    )


# Losses and interactions of the user's own

SOFTPLUS, DISTMULT = LOSSES["softplus"], INTERACTIONS["distmult"]


def trained(loss="softplus", interaction="distmult", entities=None, **entity):
    rows = {"entity_representations": entities, "entity_representations_kwargs": entity or {"embedding_dim": 4}}
    model = ERModel(
        triples_factory=NATIONS, interaction=interaction, loss=loss, relation_representations_kwargs={"embedding_dim": 4}, **rows
    )
    return list(fit(model, NATIONS.mapped_triples, epochs=1, lr=0.1, batch_size=800, num_negatives=3))


def vjp_of(op, change):
    return Op(op.forward, lambda *args, **options: change(op.vjp(*args, **options)))


WRONG_VJPS = {
    "in the other order": lambda d: d[::-1],
    "one alone": lambda d: d[0],
    "one too many": lambda d: (*d, d[0]),
    "flat": lambda d: tuple(x.ravel() for x in d),
    "summed": lambda d: tuple(x.sum(axis=0) for x in d),
    "with an axis more": lambda d: tuple(x[..., None] for x in d),
    "numbers": lambda d: (1.0,) * len(d),
    "lists": lambda d: tuple(x.tolist() for x in d),
    "whole numbers": lambda d: tuple(x.astype(int) for x in d),
    "of double precision": lambda d: tuple(x.astype(float) for x in d),
    "complex": lambda d: tuple(x * 1j for x in d),
    "none": lambda d: None,
}


@pytest.mark.parametrize("wrong", WRONG_VJPS)
def test_gradients_of_a_wrong_shape(wrong):
    """Of losses in both engines of a model, and of interactions, where the three are alike in shape."""
    change = WRONG_VJPS[wrong]
    for kwargs in ({}, {"entities": "low_rank", "shape": 4, "num_bases": 2}):
        with pytest.raises((TypeError, ValueError), match=r"^loss_and_gradients: loss\.vjp[^\n]*; allowed: [^\n]*$"):
            trained(loss=vjp_of(SOFTPLUS, change), **kwargs)
    if wrong != "in the other order":
        with pytest.raises((TypeError, ValueError), match=r"^ERModel: interaction\.vjp[^\n]*; allowed: [^\n]*$"):
            trained(interaction=vjp_of(DISTMULT, change))


@pytest.mark.parametrize("value", [None, "x", 1j, np.ones(3), np.ones((1, 1)), [1.0]])
def test_losses_and_scores_of_a_wrong_shape(value):
    with pytest.raises(TypeError, match=r"^loss_and_gradients: loss\.forward gives [^\n]*; allowed: a single real number$"):
        trained(loss=Op(lambda *scores: value, SOFTPLUS.vjp))
    with pytest.raises((TypeError, ValueError), match=r"^ERModel: interaction\.forward\(\.\.\.\) [^\n]*; allowed: [^\n]*$"):
        trained(interaction=Op(lambda h, r, t: value, DISTMULT.vjp))
    with pytest.raises(TypeError, match=r"^Embedding: regularizer gives [^\n]*; allowed: a single real number$"):
        Embedding(3, 2, regularizer=(lambda x: value, lambda g, x: x))


def test_sound_ones_are_trained_with():
    assert trained(loss=vjp_of(SOFTPLUS, tuple), interaction=vjp_of(DISTMULT, tuple))


# Keywords

MISSPELT = [
    (lambda: Embedding(nope=1), "Embedding: nope is no argument (did you mean 'norm_type'?); allowed: max_id, embedding_dim, "),
    (
        lambda: Embedding(3, 2, inizializer="ones"),
        "Embedding: inizializer is no argument (did you mean 'initializer'?); allowed: ",
    ),
    (lambda: Embedding(3, 2).forward(index=[0]), "forward: index is no argument (did you mean 'indices'?); allowed: indices"),
    (lambda: EmbeddingBag(3, 2, mod="sum"), "EmbeddingBag: mod is no argument (did you mean 'mode'?); allowed: num_embeddings, "),
    (lambda: ERModel(interacton="transe"), "ERModel: interacton is no argument (did you mean 'interaction'?); allowed: "),
    (lambda: pipeline(datset="nations"), "pipeline: datset is no argument (did you mean 'dataset'?); allowed: dataset, "),
    (
        lambda: fit(MODEL, NATIONS.mapped_triples, epoch=3, lr=1),
        "fit: epoch is no argument (did you mean 'epochs'?); allowed: model, ",
    ),
    (lambda: normalize(TABLE, dims=1), "normalize: dims is no argument (did you mean 'dim'?); allowed: x, "),
    (
        lambda: gather(TABLE, [0], backnd="cpu"),
        "gather: backnd is no argument (did you mean 'backend'?); allowed: table, ids, backend",
    ),
    (lambda: NATIONS.split(ratio=0.5), "split: ratio is no argument (did you mean 'ratios'?); allowed: ratios, rng"),
    (lambda: TriplesFactory.from_path(pth="x"), "from_path: pth is no argument (did you mean 'path'?); allowed: path, "),
    (
        lambda: Embedding.from_pretrained(TABLE, freez=True),
        "Embedding: freez is no argument (did you mean '_freeze'?); allowed: ",
    ),
    (lambda: Nations(1), "Nations: 1 arguments are given by place; allowed: up to 0"),
    (lambda: gather(TABLE), "gather: ids is missing; allowed: table, ids, backend"),
    (lambda: Dataset("x"), "Dataset: training is missing; allowed: name, training, validation, testing"),
    (lambda: gather(TABLE, [0], "cpu", 3), "gather: 4 arguments are given by place; allowed: up to 2 (table, ids)"),
    (lambda: gather(TABLE, [0], table=TABLE), "gather: multiple values for argument 'table'; allowed: table, ids, backend"),
]


@pytest.mark.parametrize(("call", "said"), MISSPELT, ids=[said.split(";")[0] for _, said in MISSPELT])
def test_a_misspelt_keyword_is_told_the_nearest(call, said):
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value).startswith(said)


def test_model_kwargs_are_told_the_nearest():
    for options, said in (
        ({"embeding_dim": 30}, "model_kwargs = 'embeding_dim' is unknown (did you mean 'embedding_dim'?)"),
        ({"entitiy_constrainer": None}, "model_kwargs = 'entitiy_constrainer' is unknown (did you mean 'entity_constrainer'?)"),
        ({"los": "mse"}, "model_kwargs = 'los' is unknown (did you mean 'loss'?)"),
    ):
        with pytest.raises(UnknownNameError) as caught:
            pipeline(dataset="nations", model="transe", model_kwargs=options)
        assert str(caught.value).startswith(f"pipeline: {said}; known are embedding_dim, p, compat, ")
    with pytest.raises(UnknownNameError, match=r"^transe: option = 'embeding_dim' is unknown \(did you mean 'embedding_dim'\?\)"):
        transe(NATIONS, embeding_dim=30)


WITHOUT = tuple(
    f"npembed.{name}"
    for name in (
        "check", "cli", "op", "one_page", "numerics.double_double", "numerics.exact", "numerics.extended", "numerics.interrupts",
        "numerics.kernels", "numerics.kinks", "numerics.precision", "numerics.sums", "verify.conformance",
    )
)  # fmt: skip
"""Without `check.public`: the kit stands alone, and the others are called from within, and often."""


ROOMS = (".batch", ".constrain", ".lookup", ".max_norm", ".recorder", ".row_sparse", ".rows", ".samplers", ".score")
WITHIN = {"loss_of", "to_storage_dtype"}  # called from within


def rooms():
    """The folders, and the files that are rooms of their own."""
    for found in pkgutil.walk_packages(npembed.__path__, "npembed."):
        if (found.ispkg or found.name.endswith(ROOMS)) and not found.name.startswith(WITHOUT):
            yield importlib.import_module(found.name)


def test_every_public_function_and_class_is_declared():
    """What is not would be refused in Python's own words."""
    bare = []
    for module in rooms():
        room = module.__name__
        for name in getattr(module, "__all__", vars(module)):
            value = getattr(module, name)
            home = getattr(value, "__module__", "")
            if name.startswith("_") or not home.startswith("npembed.") or home.startswith(WITHOUT) or name in WITHIN:
                continue
            if isinstance(value, type):
                methods = [f for n, f in vars(value).items() if n in METHODS or not n.startswith("_")]
                bare += [f"{room}.{name}.{f.__name__}" for f in methods if isinstance(f, types.FunctionType) and not wrapped(f)]
            elif isinstance(value, types.FunctionType) and value.__module__ == module.__name__ and not wrapped(value):
                bare.append(f"{room}.{name}")
    assert bare == []


def wrapped(function):
    return inspect.unwrap(function) is not function


def test_an_error_from_within_is_left_as_it_is():
    def broken(x):
        return x + ""

    with pytest.raises(TypeError, match="unsupported operand"):
        check.public(broken)(3)
    assert check.public(broken).__doc__ is None
    assert inspect.signature(Embedding) == inspect.signature(inspect.unwrap(Embedding.__init__)).replace(
        parameters=list(inspect.signature(inspect.unwrap(Embedding.__init__)).parameters.values())[1:]
    )


# Names

CLASS_NAMES = [
    (SAMPLERS, "sampler", "NegativeSampler", {"BasicNegativeSampler": "basic", "BernoulliNegativeSampler": "bernoulli"}),
    (LOOPS, "training_loop", "TrainingLoop", {"SLCWATrainingLoop": "slcwa", "LCWATrainingLoop": "lcwa", "sLCWA": "slcwa"}),
    (INTERACTIONS, "interaction", None, {"TransEInteraction": "transe", "ComplExInteraction": "complex", "RotatE": "rotate"}),
    (LOSSES, "loss", None, {"NSSALoss": "nssa", "MarginRankingLoss": "margin_ranking", "BCEWithLogitsLoss": "bce_with_logits"}),
    (LCWA_LOSSES, "loss", None, {"CrossEntropyLoss": "crossentropy", "MSELoss": "mse", "softplus-loss": "softplus"}),
    (
        REGULARIZERS,
        "regularizer",
        None,
        {"LpRegularizer": "lp", "PowerSumRegularizer": "power_sum", "NormLimitRegularizer": "norm_limit"},
    ),
    (REPRESENTATIONS, "base", "Representation", {"Embedding": "embedding", "LowRankRepresentation": "low_rank"}),
    (COMBINATIONS, "combination", None, {"ConcatCombination": "concat"}),
]


@pytest.mark.parametrize(("registry", "argument", "suffix", "names"), CLASS_NAMES, ids=[case[1] for case in CLASS_NAMES])
def test_pykeens_class_names_are_known(registry, argument, suffix, names):
    for name, key in names.items():
        for spelt in (name, name.lower(), name.upper(), f" {name}".replace("L", "-L")):
            assert resolve(registry, spelt, function="f", argument=argument, suffix=suffix) == key
    with pytest.raises(UnknownNameError):
        resolve(registry, suffix or argument, function="f", argument=argument, suffix=suffix)


def test_class_names_train(capsys, tmp_path):
    names = {
        "training_loop": "SLCWATrainingLoop",
        "negative_sampler": "BernoulliNegativeSampler",
        "optimizer": "SGD",
        "loss": "NSSALoss",
    }
    result = pipeline(dataset="Nations", model="TransE", model_kwargs={"embedding_dim": 2}, epochs=1, random_seed=0, **names)
    small = {"training_loop": "slcwa", "negative_sampler": "bernoulli", "optimizer": "sgd", "loss": "nssa"}
    assert (
        pipeline(dataset="nations", model="transe", model_kwargs={"embedding_dim": 2}, epochs=1, random_seed=0, **small).losses
        == result.losses
    )
    arguments = ["train", "--loop", "LCWATrainingLoop", "--epochs", "0", "--dim", "2"]
    assert main(arguments) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("label", "known", "said"),
    [
        ("cafe\u0301", ["caf\xe9", "bob"], r"'cafe\u0301' is unknown (did you mean 'caf\xe9'?)"),
        ("caf\xe9", ["cafe\u0301"], r"'caf\xe9' is unknown (did you mean 'cafe\u0301'?)"),
        ("CAFE\u0301", ["caf\xe9"], "'CAFE\u0301' is unknown (did you mean 'caf\xe9'?)"),
        ("A\u030angstrom", ["\u212bngstrom"], r"'A\u030angstrom' is unknown (did you mean '\u212bngstrom'?)"),
        ("bobb", ["bob"], "'bobb' is unknown (did you mean 'bob'?)"),
        ("x", ["bob"], "'x' is unknown; known"),
    ],
)
def test_the_hint_for_a_label_compares_what_is_seen(label, known, said):
    assert f"predict: head = {said}" in str(unknown_label("predict", "head", label, known))


# Files


@pytest.mark.skipif(os.name != "posix", reason="pipes and modes")
def test_what_is_no_regular_file_is_not_read(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for path, kind in (
        (tmp_path / "pipe", "a pipe"),
        (tmp_path / "link", "a pipe"),
        ("/dev/zero", "a device"),
        ("/dev/null", "a device"),
    ):
        with pytest.raises(ValueError, match=rf"^read_triples: {path} is {kind}; allowed: [^\n]*$"):
            read_triples(path)
        for arguments in (
            ["train", "--dataset", path, "--epochs", "0"],
            ["check", "gradient", "numpy:negative", "numpy:negative", "--file", path],
            ["train", "--epochs", "0", "--json", path],
            ["predict", path, "--head", "a", "--tail", "b"],
        ):
            assert main(list(map(str, arguments))) == 2
            assert re.fullmatch(r"npembed: [^\n]* (is|cannot) [^\n]*; allowed: [^\n]*\n", capsys.readouterr().err)
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)
    graph = tmp_path / "graph"
    graph.mkdir()
    os.mkfifo(graph / "train.txt")
    for name in ("valid.txt", "test.txt"):
        (graph / name).write_text("a\tr\tb\n", encoding="utf-8")
    assert main(["train", "--dataset", str(graph), "--epochs", "0"]) == 2
    assert "train.txt is a pipe; allowed: " in capsys.readouterr().err


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_modes_are_kept(tmp_path):
    before = os.umask(0o027)
    try:
        file, folder = tmp_path / "file", tmp_path / "folder"
        for _ in range(2):
            write_files({file: lambda path: path.write_text("x", encoding="utf-8")})
            write_folder(folder, documents={"a": 1, "b": 2}, array_format="npz")
        modes = [mode(path) for path in (file, folder / "a.json", folder / "manifest.json", folder)]
        assert modes == [0o640, 0o640, 0o640, 0o750]
        file.chmod(0o604)
        folder.chmod(0o711)
        (folder / "a.json").chmod(0o600)
        write_files({file: lambda path: path.write_text("y", encoding="utf-8")})
        write_folder(folder, documents={"a": 3, "b": 4}, array_format="npz")
        modes = [mode(path) for path in (file, folder / "a.json", folder / "b.json", folder)]
        assert modes == [0o604, 0o600, 0o640, 0o711]
    finally:
        os.umask(before)
    assert file.read_text(encoding="utf-8") == "y"


def test_files_are_written_all_or_none(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    (tmp_path / "target").write_text("old", encoding="utf-8")
    paths[0].symlink_to("target")

    def full(path):
        path.write_text("half", encoding="utf-8")
        raise OSError(28, "No space left on device")

    def write(path):
        path.write_text("new", encoding="utf-8")

    with pytest.raises(OSError, match=r"^train: .*b cannot be written \(No space left on device\); allowed: a file that can$"):
        write_files({paths[0]: write, paths[1]: full}, function="train")
    assert sorted(os.listdir(tmp_path)) == ["a", "target"]
    assert paths[0].read_text(encoding="utf-8") == "old"
    write_files(dict.fromkeys(paths, write))
    assert paths[0].is_symlink()
    assert [path.read_text(encoding="utf-8") for path in (*paths, tmp_path / "target")] == ["new"] * 3
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "target"]


def test_json_of_a_run_is_whole_or_not_there(tmp_path, monkeypatch, capsys):
    target = tmp_path / "a.json"
    target.write_text("old", encoding="utf-8")

    def full(path, *args, **options):
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pathlib.Path, "write_text", full)
    assert main(["train", "--epochs", "0", "--dim", "2", "--json", str(target)]) == 2
    assert "a.json cannot be written (No space left on device); allowed: " in capsys.readouterr().err
    monkeypatch.undo()
    assert target.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["a.json"]
    assert main(["train", "--epochs", "0", "--dim", "2", "--json", str(target)]) == 0
    assert json.loads(target.read_text(encoding="utf-8"))["losses"] == []
