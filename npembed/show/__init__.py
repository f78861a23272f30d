"""Experiments that show one thing each, verified before they are believed.

`norm` is behind ``npembed show norm``, `sweep` behind ``npembed show norm --sweep``.
"""

from .norm import check_settings, norm
from .sweep import check_sweep_settings, sweep

__all__ = ["check_settings", "check_sweep_settings", "norm", "sweep"]
