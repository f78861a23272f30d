"""Check hand-written gradients against differences of the forward pass: of a pair of functions, or of a layer."""

from .differences import GradientError, Report, check_vjp
from .layers import LayerReport, check_layer

__all__ = ["GradientError", "LayerReport", "Report", "check_layer", "check_vjp"]
