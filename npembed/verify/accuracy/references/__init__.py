"""What each op is, in mpmath: written from its formula, on the stored inputs, one example at a time.

An example is one row (of one triple, of one batch), or what is looked up at once: arrays of mpmath's numbers. Only the forward is
written down: its derivative is taken by differences, see `npembed.verify.accuracy.differences`. Nothing here
calls the code that is to be measured.
"""

from .interactions import complex_bilinear, distmult, rotate, transe
from .lookups import add, concat, embedding_bag, gather, lookup, low_rank, multiply, penalty, score, transform
from .losses import (
    bce_with_logits,
    bce_with_logits_lcwa,
    crossentropy,
    crossentropy_lcwa,
    margin_ranking,
    margin_ranking_lcwa,
    mse,
    mse_lcwa,
    nssa,
    nssa_lcwa,
    softplus,
    softplus_lcwa,
)
from .regularizers import combined, lp, no, norm_limit, orthogonality, power_sum
from .row_maps import clamp, clamp_norm, complex_normalize, norm, normalize, quaternion_normalize, softmax

__all__ = [
    "add", "bce_with_logits", "bce_with_logits_lcwa", "clamp", "clamp_norm", "combined", "complex_bilinear",
    "complex_normalize", "concat", "crossentropy", "crossentropy_lcwa", "distmult", "embedding_bag", "gather", "lookup",
    "low_rank", "lp", "margin_ranking", "margin_ranking_lcwa", "mse", "mse_lcwa", "multiply", "no", "norm", "norm_limit",
    "normalize", "nssa", "nssa_lcwa", "orthogonality", "penalty", "power_sum", "quaternion_normalize", "rotate", "score",
    "softmax", "softplus", "softplus_lcwa", "transe", "transform",
]  # fmt: skip
