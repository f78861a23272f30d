"""What each op is, in mpmath: written from its formula, on the stored inputs, one example at a time.

An example is one row (of one triple, of one batch), an array of mpmath's numbers. Only the forward is written down: its derivative
is taken by differences, see `npembed.accuracy.differences`. Nothing here calls the code that is to be measured.
"""

from .interactions import complex_bilinear, distmult, rotate, transe
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
    "bce_with_logits", "bce_with_logits_lcwa", "clamp", "clamp_norm", "combined", "complex_bilinear", "complex_normalize",
    "crossentropy", "crossentropy_lcwa", "distmult", "lp", "margin_ranking", "margin_ranking_lcwa", "mse", "mse_lcwa", "no", "norm",
    "norm_limit", "normalize", "nssa", "nssa_lcwa", "orthogonality", "power_sum", "quaternion_normalize", "rotate", "softmax",
    "softplus", "softplus_lcwa", "transe",
]  # fmt: skip
