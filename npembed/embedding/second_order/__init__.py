"""The gradient of the gradient: for each vjp of a row map its own vjp, written by hand, and with these that of a lookup.

A penalty on gradients, or the question how one example moves a row, differentiates the backward pass. That pass is a function of two
arguments, the `g` that comes in and the table, so its vjp gives two gradients. What comes in from above is called `v` here; it is shaped
like what the backward pass gives, and what is differentiated is ``<v, backward(g)>``::

    rows   = table[ids]                                 lookup
    dtable = add normalizer_vjp(g, rows) to its rows    lookup_vjp
    ------------------------------------------------------------------ a loss is computed from dtable; v = dloss/d(dtable)
    vrows     = v[ids]                                  lookup_vjp_vjp    (the transpose of adding is copying)
    dg, drows = normalizer_vjp_vjp(vrows, g, rows)      lookup_vjp_vjp
    dtable    = add drows to their rows                 lookup_vjp_vjp    (from which the backward pass had copied, too)

Without a normalizer the backward pass does not read the table, which then gets nothing. `npembed.layers.double_backward` does this for
a layer with all its options.
"""

from .lookups import TRANSFORM, lookup_vjp_vjp, transform_vjp_vjp
from .maps import (
    SECOND_ORDER,
    clamp_norm_vjp_vjp,
    clamp_vjp_vjp,
    complex_normalize_vjp_vjp,
    normalize_vjp_vjp,
    quaternion_normalize_vjp_vjp,
    softmax_vjp_vjp,
)

__all__ = [
    "SECOND_ORDER", "TRANSFORM", "clamp_norm_vjp_vjp", "clamp_vjp_vjp", "complex_normalize_vjp_vjp", "lookup_vjp_vjp",
    "normalize_vjp_vjp", "quaternion_normalize_vjp_vjp", "softmax_vjp_vjp", "transform_vjp_vjp",
]  # fmt: skip
