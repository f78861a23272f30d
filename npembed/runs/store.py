"""A run on disk, and back.

The folder holds, beside a manifest with the SHA-256 of each file (see `npembed.io`):

* ``model.safetensors``: the tables under PyKEEN's names, complex ones as real and imaginary parts in turn;
* ``optimizer.safetensors``: what the optimizer remembers; ``triples.safetensors``: training, validation, testing, as ids;
* ``entities.tsv``, ``relations.tsv``: a label a line, in the order of the ids;
* ``model.json``, ``training.json``, ``metrics.json``: options; epochs and the state of the generator; ranks;
* ``place.safetensors``: of a training that was stopped within an epoch, the order in which that goes through its instances.

Where the package safetensors is missing, ``.npz`` takes its place.
"""

import contextlib
from typing import Any

import numpy as np

from .. import check
from ..datasets import Dataset, TriplesFactory
from ..io import manifest_at, read_folder, write_folder
from ..io.paths import place as place_of
from ..io.writing import ANY
from ..models import ERModel
from ..op import Op
from ..random import NumpyGenerator, TorchGenerator
from ..training import Epoch, not_finite
from .result import PARTS, PipelineResult

GENERATORS: dict[str, Any] = {"torch": TorchGenerator, "numpy": NumpyGenerator}
FORMAT, VERSION = "npembed run", 1


def save(result, path, *, over=True):
    """Write a run; see `PipelineResult.save_to_directory`. If not `over`, a place is refused where a run stands already."""
    name, target = place_of("save_to_directory", path)
    replaces = result.stood.get(target, ANY) if over else None
    if found := not_finite(result.model, result.update.states):
        if manifest_at(path, function="save_to_directory"):
            raise ValueError(f"save_to_directory: {found}; allowed: another folder than {name}, where a run is")
        replaces = None
    extra: dict = {}
    generator = _listed(result.model.rng.get_state())
    GENERATORS[generator["kind"]].from_state(generator)  # a stream that could not be made anew is refused here
    place = result.place if result.place.number == len(result.epochs) + 1 else None
    model = _written("save_to_directory", "model", result.model.settings, extra)
    states = dict(zip(result.model.named_layers, result.update.states, strict=True))
    named = {f"{side}.{key}": value for side, state in states.items() for key, value in state.items()}
    documents = {
        "model": model,
        "training": {
            "format": FORMAT,
            "version": VERSION,
            "dataset": result.dataset.name,
            "random_seed": result.random_seed,
            "filtered": result.filtered,
            "how": _written("save_to_directory", "how", result.how, extra),
            "optimizer": result.update.name,
            "optimizer_kwargs": _written("save_to_directory", "optimizer_kwargs", result.update.options, extra),
            "optimizer_numbers": {name: value for name, value in named.items() if not isinstance(value, np.ndarray)},
            "epochs": [list(epoch) for epoch in result.epochs],
            "generator": generator,
            "trainable": [layer.trainable for layer in result.model.layers],
            **({"place": {"losses": place.losses, "seconds": place.seconds}} if place else {}),
        },
        "metrics": {"metrics": result.metrics, "evaluate_seconds": result.evaluate_seconds},
    }
    arrays = {
        "model": result.model.state_dict(),
        "optimizer": {name: value for name, value in named.items() if isinstance(value, np.ndarray)},
        "triples": {part: getattr(result.dataset, part).mapped_triples for part in PARTS},
        "options": extra,
        "place": {"order": place.order} if place else {},
    }
    training = result.dataset.training
    tables = {
        name: [[label] for label in labels]
        for name, labels in (("entities", training.entity_labels), ("relations", training.relation_labels))
    }
    arrays = {group: members for group, members in arrays.items() if members}
    written = {"arrays": arrays, "documents": documents, "tables": tables}
    result.stood[target] = write_folder(path, **written, replaces=replaces, function="save_to_directory")


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
    try:
        if not isinstance(told, dict) or told.get("format") != FORMAT:
            raise ValueError("npembed wrote something else there")
        if told.get("version") != VERSION:
            raise ValueError(f"its version is {told.get('version')!r}, where this npembed reads {VERSION}")
        result = _result(folder, told)
        result.stood[place_of("load", path)[1]] = stood
        return result
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        fact = f"{error} is missing" if type(error) is KeyError and "allowed" not in str(error) else error
        raise ValueError(f"load: {path} holds no run ({fact}); allowed: what save_to_directory has written") from error


def _result(folder, told):
    """The run that a folder tells of."""
    entities, relations = ({row[0]: i for i, row in enumerate(folder.tables[name])} for name in ("entities", "relations"))
    parts = [TriplesFactory(folder.arrays["triples"][part], entities, relations) for part in PARTS]
    settings = _read(folder.documents["model"], folder.arrays.get("options", {}))
    generator = GENERATORS[told["generator"]["kind"]].from_state(told["generator"])
    model = ERModel(triples_factory=parts[0], random_seed=generator, **settings)
    model.load_state_dict(folder.arrays["model"])
    for layer, trainable in zip(model.layers, told["trainable"], strict=True):
        layer.trainable = trainable
    model.rng.set_state(told["generator"])
    how = {**told["how"], "optimizer": told["optimizer"], "optimizer_kwargs": _read(told["optimizer_kwargs"], {})}
    result = PipelineResult(
        model, Dataset(told["dataset"], *parts), how, random_seed=told["random_seed"], filtered=told["filtered"]
    )
    named = {**told["optimizer_numbers"], **folder.arrays.get("optimizer", {})}
    for side, state in zip(model.named_layers, result.update.states, strict=True):
        for key, value in state.items():
            found = named[f"{side}.{key}"]
            if isinstance(value, np.ndarray):
                check.like("load", f"{side}.{key}", found, value.shape, value.dtype, "the table")
            state[key] = found
    result.epochs = [Epoch(number, loss, seconds, tuple(norms)) for number, loss, seconds, norms in told["epochs"]]
    if "place" in told:
        result.place.begin(len(result.epochs) + 1, folder.arrays["place"]["order"])
        result.place.losses, result.place.seconds = told["place"]["losses"], told["place"]["seconds"]
        result.train(0)  # which checks the place
    ranked = folder.documents["metrics"]
    result.metrics, result.evaluate_seconds = ranked["metrics"], ranked["evaluate_seconds"]
    return result


def _written(function, where, value, arrays):
    """`value` as JSON can hold it; an array goes into `arrays`, and leaves its name."""
    if isinstance(value, dict):
        return {name: _written(function, f"{where}.{name}", entry, arrays) for name, entry in value.items()}
    if isinstance(value, (list, tuple)) and not isinstance(value, Op):
        return [_written(function, f"{where}.{i}", entry, arrays) for i, entry in enumerate(value)]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        arrays[where] = value
        return {"array": where}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.dtype, type)):  # not what has a dtype, such as a layer
        with contextlib.suppress(TypeError):
            return check.dtype(function, where, value).name
    found = f"{where} is {getattr(value, '__name__', None) or f'a {type(value).__name__}'}"
    raise TypeError(f"{function}: {found}; allowed: names, numbers and arrays, which can be written down")


def _read(value, arrays):
    """The inverse of `_written`."""
    if isinstance(value, dict):
        if value.keys() == {"array"}:
            return arrays[value["array"]]
        return {name: _read(entry, arrays) for name, entry in value.items()}
    return [_read(entry, arrays) for entry in value] if isinstance(value, list) else value


def _listed(state):
    """The state of a generator with lists in the place of arrays."""
    if isinstance(state, dict):
        return {name: _listed(value) for name, value in state.items()}
    return state.tolist() if isinstance(state, (np.ndarray, np.generic)) else state
