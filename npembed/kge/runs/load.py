"""A run read back from disk; `save` says what its folder holds."""

import contextlib
import os
from typing import Any

import numpy as np

from ... import check
from ...io import manifest_at, read_folder
from ...io.paths import path_name
from ...io.paths import place as place_of
from ...layers import only_tables_like
from ...numerics.random import NumpyGenerator, TorchGenerator
from ..datasets import Dataset, TriplesFactory
from ..datasets.dataset import PARTS
from ..models import ERModel
from ..training import Epoch
from .documents import DOCUMENTS, FORMAT, check_kinds, triples, up_to_date
from .result import PipelineResult

GENERATORS: dict[str, Any] = {"torch": TorchGenerator, "numpy": NumpyGenerator}
_WRITTEN = "what save_to_directory has written"


@check.public
def load(path):
    """A run that `PipelineResult.save_to_directory` has written, ready to predict, to be ranked, and to be trained on.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    PipelineResult

    Raises
    ------
    ValueError
        For a folder that is not such a run, or was altered or cut short, with the file and what is wrong.
    OSError
        For what cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> from npembed import pipeline
    >>> result = pipeline(dataset="nations", model="transe", model_kwargs=dict(embedding_dim=8), epochs=1, random_seed=0)
    >>> folder = tempfile.mkdtemp()
    >>> result.save_to_directory(folder)
    >>> load(folder).train(1).losses == result.train(1).losses
    True
    """
    stood = manifest_at(path, function="load")
    folder = read_folder(path, function="load")
    told = folder.documents.get("training")
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise ValueError(f"load: {path_name(path)} holds no run (npembed wrote something else there); allowed: {_WRITTEN}")
    told = folder.documents["training"] = up_to_date("load", path_name(path), told)
    with _refusing(path_name(path)):
        check_kinds("load", path_name(path), folder)
    for name, rule in DOCUMENTS.items():
        file = _file(path, f"{name}.json")
        with _refusing(file):
            rule("load", file, folder.documents[name])
    result = _result(path, folder, told)
    result.stood[place_of("load", path)[1]] = stood
    return result


def _result(path, folder, told):
    """The run that a folder tells of, whose documents are of the right form."""
    ids = [_ids(_file(path, f"{name}.tsv"), folder.tables[name]) for name in ("entities", "relations")]
    with _refusing(_arrays(path, "triples")):
        for part in PARTS:
            triples("load", f"{_arrays(path, 'triples')}[{part!r}]", folder.arrays["triples"][part])
        parts = [TriplesFactory(folder.arrays["triples"][part], *ids) for part in PARTS]
    model = _model(path, folder, told, parts[0])
    how = {**told["how"], "optimizer": told["optimizer"], "optimizer_kwargs": told["optimizer_kwargs"]}
    with _refusing(_file(path, "training.json")):
        result = PipelineResult(
            model, Dataset(told["dataset"], *parts), how, random_seed=told["random_seed"], filtered=told["filtered"]
        )
        result.train(0)  # which checks how it is to be trained
    numbers = told["optimizer_numbers"]
    arrays = folder.arrays.get("optimizer", {})
    file = _arrays(path, "optimizer")
    with _refusing(file):
        if twice := numbers.keys() & arrays.keys():
            raise ValueError(f"load: {file} holds {min(twice)!r}, which training.json holds too; allowed: one of them")
        result.update.restore("load", file, {**numbers, **arrays}, model.named_layers)
    result.epochs = [Epoch(number, loss, seconds, tuple(norms)) for number, loss, seconds, norms in told["epochs"]]
    if "place" in told:
        with _refusing(_file(path, "training.json")):
            result.place.begin(len(result.epochs) + 1, folder.arrays["place"]["order"])
            result.place.losses, result.place.seconds = told["place"]["losses"], told["place"]["seconds"]
            result.train(0)  # which checks the place
    ranked = folder.documents["metrics"]
    result.metrics, result.evaluate_seconds = ranked["metrics"], ranked["evaluate_seconds"]
    return result


def _ids(file, rows):
    """The ids of labels, one a row, in the order of the rows."""
    ids = {label: i for i, label in enumerate(label for row in rows for label in row)}
    if not rows or len(rows[0]) != 1 or len(ids) < len(rows):
        raise ValueError(f"load: {file} holds a label twice, or more or less than one in a line; allowed: {_WRITTEN}")
    return ids


def _model(path, folder, told, training):
    """The model that a folder tells of, with its tables; nothing larger than these is made on the way."""
    stored, file = folder.arrays["model"], _file(path, "model.json")
    with _refusing(file), only_tables_like(array.shape for array in stored.values()):
        settings = _read(folder.documents["model"], folder.arrays.get("options", {}), file)
        generator = GENERATORS[told["generator"]["kind"]].from_state(told["generator"])
        model = ERModel(triples_factory=training, random_seed=generator, **settings)
    with _refusing(_arrays(path, "model")):
        model.load_state_dict(stored)
    state = model.state_dict()
    for name in sorted(stored.keys() | state.keys()):
        if name not in stored or name not in state or not _same(stored[name], state[name]):
            fact = "lacks" if name not in stored else "holds an unknown" if name not in state else "holds other numbers for"
            raise ValueError(f"load: {_arrays(path, 'model')} {fact} {name!r}; allowed: the arrays of this model")
    if len(told["trainable"]) != len(model.layers):
        found = f"{_file(path, 'training.json')}['trainable'] has {len(told['trainable'])} entries"
        raise ValueError(f"load: {found}; allowed: {len(model.layers)}, one for each table of the model")
    for layer, trainable in zip(model.layers, told["trainable"], strict=True):
        layer.trainable = trainable
    model.rng.set_state(told["generator"])
    return model


def _same(one, other):
    """Whether two arrays are the same in all."""
    return (one.dtype, one.shape) == (other.dtype, other.shape) and np.array_equal(one, other, equal_nan=True)


@contextlib.contextmanager
def _refusing(file):
    """Let what is wrong with the contents of a file be a ValueError of `load` that names the file."""
    try:
        yield
    except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
        said = str(error)
        named = said.startswith("load: ")
        raise ValueError(said if named else f"load: {file} is refused ({said}); allowed: {_WRITTEN}") from error


def _file(path, name):
    """A file of a run, as messages call it."""
    return path_name(os.path.join(path, name))


def _arrays(path, group):
    """The file of a group of arrays, as messages call it."""
    npz = f"{group}.npz"
    return _file(path, npz if os.path.exists(os.path.join(path, npz)) else f"{group}.safetensors")


def _read(value, arrays, file):
    """The inverse of `_written`; errors name the `file`. Each of the `arrays` is asked for."""
    left = set(arrays)

    def read(value):
        if isinstance(value, dict) and value.keys() == {"array"}:
            name = value["array"]
            if not isinstance(name, str) or name not in arrays:
                raise ValueError(f"load: {file} asks for an array {check.said(name)}; allowed: one that is stored")
            left.discard(name)
            return arrays[name]
        if isinstance(value, dict):
            return {name: read(entry) for name, entry in value.items()}
        return [read(entry) for entry in value] if isinstance(value, list) else value

    found = read(value)
    if left:
        raise ValueError(f"load: {file} never asks for the stored array {min(left)!r}; allowed: {_WRITTEN}")
    return found
