"""Training: `fit`, which any loop, sampler and optimizer goes through.

Start with `fit.py`; `loops` says what a batch holds, `updates` what is done to the tables, `replay` in which order PyKEEN draws, and
`place` how far an epoch has come.
"""

from .fit import Epoch, fit, table_rows
from .loops import LCWA, LOOPS, SLCWA
from .place import Place, not_finite
from .updates import OptimizerUpdate, step_, update_

__all__ = ["LCWA", "LOOPS", "SLCWA", "Epoch", "OptimizerUpdate", "Place", "fit", "not_finite", "step_", "table_rows", "update_"]
