"""Does one seed give one result? The same trainings in many processes, with other threads, threading layers, and without the compiler.

`check_bits` is behind ``npembed check bits``.
"""

from .processes import check_bits, threading_layers
from .text import lines
from .trainings import TRAININGS, digests

__all__ = ["TRAININGS", "check_bits", "digests", "lines", "threading_layers"]
