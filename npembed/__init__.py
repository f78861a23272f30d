"""npembed: the executable reference for embedding layers, written out on NumPy and Numba.

The wings, from the ground up; each imports only what stands above it in this list:

* `check`: argument checks, and the form of every message.
* `op`: `Op`, a function with its hand-written gradient, and registries of them.
* `numerics`: how numbers are moved, added, rounded and drawn. `io`: folders of arrays and documents on disk.
* **`embedding`**: the layer as plain functions on arrays. Start reading at `embedding.lookup`.
* `layers`: the same as classes, with torch's and PyKEEN's options.
* `kge`: knowledge-graph models, trained, ranked and saved.
* `verify`: five tools that judge gradients, accuracy, reproducibility, anybody's layer, and the peers.
* `show`: experiments that show one thing each.
* `cli`: the command line.

`one_page` is the whole idea on one page of NumPy.

The letters: **N** rows of a table, **D** numbers in a row, **B** batch, **K** negatives per positive; h, r, t are head, relation
and tail; ``g`` is the gradient that comes in from above, ``dx`` the gradient of ``x``.

>>> import npembed
>>> npembed.Embedding(10, 3, rng=0)([4]).shape
(1, 3)
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:  # for editors and type checkers: the names of `_CONTENTS`
    from . import check, embedding, io, kge, layers, numerics, one_page, op, show, verify
    from .embedding import (
        CONSTRAINERS,
        INITIALIZERS,
        NORMALIZERS,
        OPTIMIZERS,
        REGULARIZERS,
        RowSparse,
        clip_grad_norm,
        clip_grad_value,
        dropout_mask,
        embedding_bag,
        embedding_bag_vjp,
        gather,
        gather_vjp,
        lookup_vjp,
        lookup_vjp_vjp,
        penalty,
        penalty_vjp,
        post_step_,
        post_step_rows_,
        renorm_,
        transform,
        transform_vjp,
    )
    from .embedding.lookup import lookup
    from .embedding.optimizers import (
        adagrad_,
        adagrad_state,
        adam_,
        adam_state,
        adamw_,
        adamw_state,
        rowwise_adagrad_,
        rowwise_adagrad_state,
        sgd_,
        sgd_state,
        sparse_adam_,
        sparse_adam_state,
    )
    from .embedding.row_maps import (
        clamp,
        clamp_norm,
        clamp_norm_vjp,
        clamp_vjp,
        complex_normalize,
        complex_normalize_vjp,
        normalize_vjp,
        quaternion_normalize,
        quaternion_normalize_vjp,
        softmax_vjp,
    )
    from .embedding.row_maps.normalize import normalize
    from .embedding.row_maps.softmax import softmax
    from .kge import (
        DATASETS,
        INTERACTIONS,
        LCWA_LOSSES,
        LOOPS,
        LOSSES,
        METRICS,
        MODELS,
        SAMPLERS,
        UMLS,
        Dataset,
        ERModel,
        Kinships,
        Nations,
        PipelineResult,
        TriplesFactory,
        evaluate,
        exact_law,
        exact_moments,
        fit,
        lcwa_loss_and_gradients,
        load,
        loss_and_gradients,
        metric,
        metrics,
        pipeline,
        predict_h_uncertain,
        predict_hrt_uncertain,
        predict_r_uncertain,
        predict_t_uncertain,
        ranks,
        score_law,
        score_moments,
        score_vjp,
    )
    from .kge.models import complex_bilinear, distmult, rotate, transe
    from .kge.score import score
    from .layers import Embedding, EmbeddingBag, double_backward
    from .layers.representations import (
        REPRESENTATIONS,
        CombinedRepresentation,
        EmbeddingBagRepresentation,
        LowRankRepresentation,
        SubsetRepresentation,
    )
    from .numerics.random import NumpyGenerator, TorchGenerator
    from .op import Op
    from .verify import check_bits, check_bugs
    from .verify.gradcheck import check_layer, check_vjp
    from .verify.gradcheck.judge import judge

_WINGS = ("check", "op", "numerics", "io", "embedding", "layers", "kge", "verify", "show", "cli", "one_page")
_CONTENTS = {
    "op": ("Op",),
    "numerics.random": ("NumpyGenerator", "TorchGenerator"),
    "embedding": (
        "CONSTRAINERS", "INITIALIZERS", "NORMALIZERS", "OPTIMIZERS", "REGULARIZERS", "RowSparse", "clip_grad_norm",
        "clip_grad_value", "dropout_mask", "embedding_bag", "embedding_bag_vjp", "gather", "gather_vjp", "lookup",
        "lookup_vjp", "lookup_vjp_vjp", "penalty", "penalty_vjp", "post_step_", "post_step_rows_", "renorm_", "transform",
        "transform_vjp",
    ),
    "embedding.optimizers": (
        "adagrad_", "adagrad_state", "adam_", "adam_state", "adamw_", "adamw_state", "rowwise_adagrad_",
        "rowwise_adagrad_state", "sgd_", "sgd_state", "sparse_adam_", "sparse_adam_state",
    ),
    "embedding.row_maps": (
        "clamp", "clamp_norm", "clamp_norm_vjp", "clamp_vjp", "complex_normalize", "complex_normalize_vjp", "normalize",
        "normalize_vjp", "quaternion_normalize", "quaternion_normalize_vjp", "softmax", "softmax_vjp",
    ),
    "layers": ("Embedding", "EmbeddingBag", "double_backward"),
    "layers.representations": (
        "CombinedRepresentation", "EmbeddingBagRepresentation", "LowRankRepresentation", "REPRESENTATIONS",
        "SubsetRepresentation",
    ),
    "kge": (
        "DATASETS", "Dataset", "ERModel", "INTERACTIONS", "Kinships", "LCWA_LOSSES", "LOOPS", "LOSSES", "METRICS", "MODELS",
        "Nations", "PipelineResult", "SAMPLERS", "TriplesFactory", "UMLS", "evaluate", "exact_law", "exact_moments", "fit",
        "lcwa_loss_and_gradients", "load", "loss_and_gradients", "metric", "metrics", "pipeline", "predict_h_uncertain",
        "predict_hrt_uncertain", "predict_r_uncertain", "predict_t_uncertain", "ranks", "score", "score_law", "score_moments",
        "score_vjp",
    ),
    "kge.models": ("complex_bilinear", "distmult", "rotate", "transe"),
    "verify": ("check_bits", "check_bugs"),
    "verify.gradcheck": ("check_layer", "check_vjp", "judge"),
}  # fmt: skip
_HOMES = {name: home for home, names in _CONTENTS.items() for name in names}


def __getattr__(name):
    """Import a wing when it is first asked for, so that ``import npembed`` costs next to nothing."""
    if name in _WINGS:
        return importlib.import_module(f".{name}", __name__)
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_WINGS, *_HOMES})
