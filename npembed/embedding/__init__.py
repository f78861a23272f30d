"""The embedding layer as plain functions on arrays: start reading at `lookup`, then `rows`, then `row_maps`.

A table is an ndarray ``(N, *shape)``, a gradient of it a `RowSparse`. Functions that end in ``_`` write; all others return new arrays.
"""

from .bags import embedding_bag, embedding_bag_vjp
from .constrain import is_constrained, post_step_rows_
from .initializers import INITIALIZERS, initializer
from .lookup import dropout_mask, lookup, lookup_vjp, penalty, penalty_vjp, post_step_, transform, transform_vjp
from .max_norm import renorm_
from .optimizers import OPTIMIZERS, clip_grad_norm, clip_grad_value, project_state_
from .regularizers import REGULARIZERS
from .row_maps import CONSTRAINERS, NORMALIZERS
from .rows import RowSparse, gather, gather_vjp, segment_add_
from .second_order import SECOND_ORDER, lookup_vjp_vjp

__all__ = [
    "CONSTRAINERS", "INITIALIZERS", "NORMALIZERS", "OPTIMIZERS", "REGULARIZERS", "SECOND_ORDER", "RowSparse", "clip_grad_norm",
    "clip_grad_value", "dropout_mask", "embedding_bag", "embedding_bag_vjp", "gather", "gather_vjp", "initializer", "is_constrained",
    "lookup", "lookup_vjp", "lookup_vjp_vjp", "penalty", "penalty_vjp", "post_step_", "post_step_rows_", "project_state_", "renorm_",
    "segment_add_", "transform", "transform_vjp",
]  # fmt: skip
