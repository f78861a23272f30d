"""Check hand-written gradients against differences of the forward pass: of a pair of functions, or of a layer.

`check_vjp` and `check_layer` raise at the first entry that is wrong, for tests. `judge` tells what can be said of any pair of
callables, and never raises for what it finds.
"""

from .differences import GradientError, Report, check_vjp
from .intentions import padding, scaled_by_frequency, without
from .judge import judge
from .layers import LayerReport, check_layer
from .verdicts import (
    BELOW_RESOLUTION,
    INTENTIONAL,
    NOT_DIFFERENTIABLE,
    RIGHT,
    VERDICTS,
    WRONG,
    Argument,
    Entry,
    Judgement,
)

__all__ = [
    "BELOW_RESOLUTION", "INTENTIONAL", "NOT_DIFFERENTIABLE", "RIGHT", "VERDICTS", "WRONG", "Argument", "Entry", "GradientError",
    "Judgement", "LayerReport", "Report", "check_layer", "check_vjp", "judge", "padding", "scaled_by_frequency", "without",
]  # fmt: skip
