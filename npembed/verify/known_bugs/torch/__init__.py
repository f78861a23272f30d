"""torch: its embedding layers, their gradients, and the optimizers that take sparse ones."""

from .bags import BAGS
from .gradients import GRADIENTS
from .optimizers import OPTIMIZERS
from .tables import TABLES

TORCH = (*TABLES, *BAGS, *GRADIENTS, *OPTIMIZERS)

__all__ = ["TORCH"]
