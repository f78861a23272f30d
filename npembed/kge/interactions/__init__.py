"""Interactions score a head, a relation and a tail: the higher, the more plausible.

Each is a pair ``f(h, r, t)`` and ``f_vjp(g, h, r, t) -> (dh, dr, dt)`` on arrays ``(..., d)`` whose leading axes broadcast, one
interaction a file. The score has the broadcast leading shape.
"""

from ...op import Op
from .complex import complex_bilinear, complex_bilinear_vjp
from .distmult import distmult, distmult_vjp
from .rotate import rotate, rotate_vjp
from .score_candidates import score_all
from .transe import transe, transe_vjp

INTERACTIONS = {
    "transe": Op(transe, transe_vjp),
    "distmult": Op(distmult, distmult_vjp),
    "complex": Op(complex_bilinear, complex_bilinear_vjp),
    "rotate": Op(rotate, rotate_vjp),
}
"""By name."""

__all__ = [
    "INTERACTIONS", "complex_bilinear", "complex_bilinear_vjp", "distmult", "distmult_vjp", "rotate", "rotate_vjp",
    "score_all", "transe", "transe_vjp",
]  # fmt: skip
