"""Does one seed give one result? The same trainings in many processes, with other threads, threading layers, and without the compiler.

`check_bits` is behind ``npembed check bits``.
"""

from .processes import check_bits, threading_layers
from .trainings import TRAININGS, digests
from .words import lines

__all__ = ["TRAININGS", "check_bits", "digests", "lines", "threading_layers"]
