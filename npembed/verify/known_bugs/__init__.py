"""Where the layers that npembed stands beside give something else than what is right, asked of those that are installed.

A `Finding` is data and a few lines of code: the smallest input, what the peer gave in the version in which it was seen, what is
right and why, and whether somebody has reported it. `check_bugs` runs that code, and says of each finding whether it is still so.
"""

from .finding import Finding, Raises, agrees, answer
from .jax import JAX
from .pykeen import PYKEEN
from .run import OUTCOMES, Outcome, check_bugs
from .safetensors import SAFETENSORS
from .torch import TORCH

__all__ = ["JAX", "OUTCOMES", "PYKEEN", "SAFETENSORS", "TORCH", "Finding", "Outcome", "Raises", "agrees", "answer", "check_bugs"]
