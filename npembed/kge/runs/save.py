"""A run on disk; `load` reads it back.

The folder holds, beside a manifest with the SHA-256 of each file (see `npembed.io`):

* ``model.safetensors``: the tables under PyKEEN's names, complex ones as real and imaginary parts in turn;
* ``optimizer.safetensors``: what the optimizer remembers; ``triples.safetensors``: training, validation, testing, as ids;
* ``entities.tsv``, ``relations.tsv``: a label a line, in the order of the ids;
* ``model.json``, ``training.json``, ``metrics.json``: options; epochs and the state of the generator; ranks;
* ``place.safetensors``: of a training that was stopped within an epoch, the order in which that goes through its instances.

Where the package safetensors is missing, ``.npz`` takes its place.
"""

import contextlib

import numpy as np

from ... import check
from ...io import manifest_at, write_folder
from ...io.paths import place as place_of
from ...io.writing import ANY
from ...op import Op
from ..datasets.dataset import PARTS
from ..training import not_finite
from .documents import DOCUMENTS, FORMAT, VERSION


def save(result, path, *, over=True):
    """Write a run; see `PipelineResult.save_to_directory`. If not `over`, a place is refused where a run stands already."""
    name, target = place_of("save_to_directory", path)
    replaces = result.stood.get(target, ANY) if over else None
    if found := not_finite(result.model, result.update.states):
        if manifest_at(path, function="save_to_directory"):
            raise ValueError(f"save_to_directory: {found}; allowed: another folder than {name}, where a run is")
        replaces = None
    extra: dict = {}
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
            "generator": _listed(result.model.rng.get_state()),
            "trainable": [layer.trainable for layer in result.model.layers],
            **({"place": {"losses": place.losses, "seconds": place.seconds}} if place else {}),
        },
        "metrics": {"metrics": result.metrics, "evaluate_seconds": result.evaluate_seconds},
    }
    for name, rule in DOCUMENTS.items():  # what could not be read again is refused here
        rule("save_to_directory", name, documents[name])
    arrays = {
        "model": result.model.state_dict(),
        "optimizer": {name: value for name, value in named.items() if isinstance(value, np.ndarray)},
        "triples": {part: getattr(result.dataset, part).mapped_triples for part in PARTS},
        "options": extra,
        "place": {"order": place.order} if place else {},
    }
    training = result.dataset.training
    tables = {
        "entities": [[label] for label in training.entity_labels],
        "relations": [[label] for label in training.relation_labels],
    }
    arrays = {group: members for group, members in arrays.items() if members}
    written = {"arrays": arrays, "documents": documents, "tables": tables}
    result.stood[target] = write_folder(path, **written, replaces=replaces, function="save_to_directory")


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


def _listed(state):
    """The state of a generator with lists in the place of arrays."""
    if isinstance(state, dict):
        return {name: _listed(value) for name, value in state.items()}
    return state.tolist() if isinstance(state, (np.ndarray, np.generic)) else state
