"""x"""

from .fit import Epoch, OptimizerUpdate, fit, interrupts_deferred, step_, update_
__all__ = ["Epoch", "OptimizerUpdate", "fit", "interrupts_deferred", "step_", "update_"]
