"""Regularizers turn rows into a number that is added to the loss, so that it costs something to be long, say.

Each is a pair ``f(x, *, weight=1.0, ...)`` and ``f_vjp(g, x, ...)`` (`orthogonality` takes two arrays), computed in float64 and
rounded once to the precision of the rows, while in PyKEEN every term is a float32. No rows cost nothing.
"""

from ...op import Op
from .combined import TERMS, combined, combined_vjp
from .expected import expected_norm
from .lp import lp, lp_vjp
from .no import no, no_vjp
from .norm_limit import norm_limit, norm_limit_vjp
from .orthogonality import orthogonality, orthogonality_vjp
from .power_sum import power_sum, power_sum_vjp

REGULARIZERS = {**TERMS, "orthogonality": Op(orthogonality, orthogonality_vjp), "no": Op(no, no_vjp)}
"""By name."""

__all__ = [
    "REGULARIZERS", "TERMS", "combined", "combined_vjp", "expected_norm", "lp", "lp_vjp", "no", "no_vjp", "norm_limit",
    "norm_limit_vjp", "orthogonality", "orthogonality_vjp", "power_sum", "power_sum_vjp",
]  # fmt: skip
