"""Interactions score a head, a relation and a tail: the higher, the more plausible.

Each is a pair ``f(h, r, t)`` and ``f_vjp(g, h, r, t) -> (dh, dr, dt)`` on arrays ``(..., d)`` whose leading axes broadcast, one
interaction a file. The score has the broadcast leading shape.
"""

from ..op import Op
from .distmult import distmult, distmult_vjp
from .transe import transe, transe_vjp

INTERACTIONS = {
    "transe": Op(transe, transe_vjp),
    "distmult": Op(distmult, distmult_vjp),
}
"""By name."""

__all__ = ["INTERACTIONS", "distmult", "distmult_vjp", "transe", "transe_vjp"]
