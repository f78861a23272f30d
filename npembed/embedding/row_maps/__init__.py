"""Maps that act on each row by itself, each with its hand-written vjp.

A normalizer and a constrainer are such maps, used in two places. A normalizer stands in the forward pass, and its vjp shapes the
gradient; a constrainer is applied to the table after an update, and needs no vjp. Any map may stand in either place.
"""

from ...op import Op
from .blocks import complex_normalize, complex_normalize_vjp, quaternion_normalize, quaternion_normalize_vjp
from .bounds import clamp, clamp_norm, clamp_norm_vjp, clamp_vjp
from .normalize import normalize, normalize_vjp
from .norms import NORM, norm, norm_vjp
from .softmax import softmax, softmax_vjp

NORMALIZERS = {
    "normalize": Op(normalize, normalize_vjp),
    "softmax": Op(softmax, softmax_vjp),
    "complex_normalize": Op(complex_normalize, complex_normalize_vjp),
    "quaternion_normalize": Op(quaternion_normalize, quaternion_normalize_vjp),
    "clamp": Op(clamp, clamp_vjp),
    "clamp_norm": Op(clamp_norm, clamp_norm_vjp),
}
"""In the forward pass: pairs of map and vjp."""

CONSTRAINERS = {
    "normalize": normalize,
    "complex_normalize": complex_normalize,
    "quaternion_normalize": quaternion_normalize,
    "clamp": clamp,
    "clamp_norm": clamp_norm,
}
"""After the update: the same maps, no vjp."""


__all__ = [
    "CONSTRAINERS", "NORM", "NORMALIZERS", "clamp", "clamp_norm", "clamp_norm_vjp", "clamp_vjp", "complex_normalize",
    "complex_normalize_vjp", "norm", "norm_vjp", "normalize", "normalize_vjp", "quaternion_normalize", "quaternion_normalize_vjp",
    "softmax", "softmax_vjp",
]  # fmt: skip
