"""npembed: the executable reference for embedding layers, written out on NumPy and Numba.

The map, from the ground up: `rows` (look rows up, send gradients back), `row_maps` (normalizers and constrainers),
**`embedding`** (the layer as plain functions: start reading there), `model` (a knowledge-graph model, top to bottom and bottom
to top), `training`, and on top the classes `Embedding` and `models.ERModel`.

The letters: **N** rows of a table, **D** numbers in a row, **B** batch, **K** negatives per positive; h, r, t are head, relation
and tail; ``g`` is the gradient that comes in from above, ``dx`` the gradient of ``x``.

>>> import npembed
>>> npembed.Embedding(10, 3, rng=0)([4]).shape
(1, 3)
"""

import importlib
import sys
import types

__version__ = "0.1.0"

_MODULES = (
    "accuracy", "bags", "bits", "check", "conformance", "datasets", "doors", "double_double", "embedding", "evaluation", "exact",
    "gradcheck", "initializers", "interactions", "interrupts", "io", "kernels", "layer", "losses", "model", "models", "op",
    "optimizers", "peers", "random", "regularizers", "renorm", "representations", "row_maps", "rows", "runs", "samplers",
    "second_order", "show", "sums", "touched", "trace", "training", "uncertainty",
)  # fmt: skip
_NAMES = {"Embedding": "layer", "EmbeddingBag": "layer", "Op": "op", "RowSparse": "rows", "load": "runs", "pipeline": "runs"}
_PLAIN = ("check", "conformance", "doors", "interrupts", "kernels")
"""Rooms without doors: the kit stands alone, and the others are called from within, and often."""


class _Map(types.ModuleType):
    """This module: the rooms that are imported into it get their doors, see `npembed.doors`."""

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name in _MODULES and name not in _PLAIN and isinstance(value, types.ModuleType):
            importlib.import_module(".doors", __name__).doors(value)


sys.modules[__name__].__class__ = _Map


def __getattr__(name):
    """Import rooms when they are first asked for, so that ``import npembed`` costs NumPy's import and no more."""
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _NAMES:
        return getattr(importlib.import_module(f".{_NAMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_MODULES, *_NAMES])
