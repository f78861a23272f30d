"""What a saved run may hold: the rule for each of its documents, and its groups of arrays.

A run is checked by these before it is written and before anything is made of what was read. They say which keys there are and of which
type; what the words mean is judged by what they are options of. An optional key is one line in the second dict of its `record`.
"""

from functools import partial

import numpy as np

from ... import check
from ...check.rules import mapping, nullable, number, one_of, record, row, sequence, text
from ...numerics.random.states import check_any
from ..datasets.dataset import PARTS

FORMAT, VERSION = "npembed run", 2

OLD_NAMES = {1: {"untouched": "missing_rows"}}
"""By version: options of optimizers that have another name now."""


def up_to_date(function, argument, training):
    """The document `training` of any version, with the names that this version has.

    >>> up_to_date("load", "training.json", {"version": 1, "optimizer_kwargs": {"untouched": "lazy"}})
    {'version': 2, 'optimizer_kwargs': {'missing_rows': 'lazy'}}
    """
    version, options = training.get("version"), training.get("optimizer_kwargs")
    if not (type(version) is int and (version == VERSION or version in OLD_NAMES)):
        allowed = f"version {', '.join(map(str, OLD_NAMES))} or {VERSION}, which this npembed reads"
        raise ValueError(f"{function}: {argument} holds a run of version {check.said(version)}; allowed: {allowed}")
    names = OLD_NAMES.get(version, {})
    if isinstance(options, dict):
        if early := set(names.values()) & options.keys():
            raise ValueError(
                f"{function}: {argument} of version {version} holds the option {min(early)!r}; allowed: names of that version"
            )
        training = {**training, "optimizer_kwargs": {names.get(name, name): value for name, value in options.items()}}
    return {**training, "version": VERSION}


def anything(function, argument, value):
    """The rule for what others judge."""


def option(function, argument, value):
    """The rule for an option of an optimizer: a word, a number, or a list of those."""
    if isinstance(value, (list, tuple)):
        sequence(option)(function, argument, value)
    elif not (value is None or isinstance(value, (bool, int, float, str))):
        found = f"{argument} is a {type(value).__name__}"
        raise TypeError(f"{function}: {found}; allowed: a word, a number, or a list of those")


def kwargs(function, argument, value):
    """The rule for the options of a side of a model: a dict, which PyKEEN allows to stand in a list, or None."""
    if isinstance(value, (list, tuple)):
        sequence(kwargs)(function, argument, value)
    elif value is not None:
        mapping(anything)(function, argument, value)


def name(function, argument, value):
    """The rule for the representation of a side: its name, which PyKEEN allows to stand in a list, or None."""
    if isinstance(value, (list, tuple)):
        sequence(name)(function, argument, value)
    elif value is not None:
        text(function, argument, value)


def triples(function, argument, value):
    """The rule for the triples of a part."""
    if value.dtype != np.int64 or value.ndim != 2 or value.shape[1] != 3:
        raise ValueError(f"{function}: {argument} is {value.dtype} {value.shape}; allowed: int64 (n, 3)")


_WHOLE = partial(check.integer, minimum=1)
_HOW = record(
    {"lr": partial(check.real, minimum=0)},
    {
        "loop": text,
        "replay": nullable(text),
        "batch_size": _WHOLE,
        "num_negatives": nullable(_WHOLE),
        "sampler": nullable(text),
        "filtered": one_of(True, False, None),
        "target": nullable(text),
    },
)
DOCUMENTS = {
    "model": record(
        {
            "interaction": text,
            "interaction_kwargs": nullable(mapping(anything)),
            "loss": nullable(text),
            "loss_kwargs": nullable(mapping(anything)),
            "entity_representations_kwargs": kwargs,
            "relation_representations_kwargs": kwargs,
        },
        {"entity_representations": name, "relation_representations": name},
    ),
    "training": record(
        {
            "format": text,
            "version": _WHOLE,
            "dataset": text,
            "random_seed": nullable(partial(check.integer, minimum=-(2**63), maximum=2**64 - 1)),
            "filtered": one_of(True, False),
            "how": _HOW,
            "optimizer": text,
            "optimizer_kwargs": mapping(option),
            "optimizer_numbers": mapping(partial(check.integer, minimum=0)),
            "epochs": sequence(row(_WHOLE, number, number, row(number, number))),
            "generator": check_any,
            "trainable": sequence(one_of(True, False)),
        },
        {"place": record({"losses": sequence(number), "seconds": partial(check.real, minimum=0)})},
    ),
    "metrics": record({"metrics": nullable(mapping(number)), "evaluate_seconds": nullable(number)}),
}
"""By name."""


def check_kinds(function, argument, folder):
    """The rule for which documents, tables and arrays a folder has."""
    record(dict.fromkeys(DOCUMENTS, anything))(function, f"{argument} (documents)", folder.documents)
    record(dict.fromkeys(("entities", "relations"), anything))(function, f"{argument} (tables)", folder.tables)
    needed = {"model": anything, "triples": record(dict.fromkeys(PARTS, anything))}
    if "place" in folder.documents["training"]:
        needed["place"] = record({"order": anything})  # of an epoch that was interrupted
    record(needed, {"optimizer": anything, "options": anything})(function, f"{argument} (arrays)", folder.arrays)
