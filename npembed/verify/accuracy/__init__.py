"""How right is it? Every op, forward and backward, against mpmath, on named classes of input, with bounds that are promised.

`accuracy` is behind ``npembed check accuracy``. Its references are written from the formulas, and share no code with what they judge.
"""

from .entries import ENTRIES, REASONS
from .measure import accuracy, check_settings, errors_of, ops
from .text import lines

__all__ = ["ENTRIES", "REASONS", "accuracy", "check_settings", "errors_of", "lines", "ops"]
