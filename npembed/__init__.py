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

__version__ = "0.1.0"

_MODULES = (
    "accuracy", "bags", "bits", "check", "conformance", "datasets", "double_double", "embedding", "evaluation", "exact", "extended",
    "gradcheck", "initializers", "interactions", "interrupts", "io", "kernels", "layer", "losses", "model", "models", "op",
    "optimizers", "peers", "random", "regularizers", "renorm", "representations", "row_maps", "rows", "runs", "samplers",
    "second_order", "show", "sums", "touched", "trace", "training", "uncertainty",
)  # fmt: skip
_NAMES = {"Embedding": "layer", "EmbeddingBag": "layer", "Op": "op", "RowSparse": "rows", "load": "runs", "pipeline": "runs"}


def __getattr__(name):
    """Import rooms when they are first asked for, so that ``import npembed`` costs NumPy's import and no more."""
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _NAMES:
        return getattr(importlib.import_module(f".{_NAMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_MODULES, *_NAMES])
