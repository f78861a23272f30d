"""Fill a table for the first time.

An initializer is a function ``f(rng, shape, dtype, **options)`` that draws and returns an array of ``shape = (N, *row)``. The
distributions are PyKEEN's, number by number from the same seed, and so are two habits of it: a complex table is filled as real
pairs ``(N, *row, 2)`` (``ones`` gives 1 + 1i), and an initializer that ends in ``_norm`` brings axis 1 of what it fills to length
one. That is a row of a real matrix; for rows of several axes ask for ``dim=-1``, for complex rows for ``dim=(-2, -1)``.
"""

from .choose import INITIALIZERS, initializer
from .draws import (
    constant,
    init_phases,
    normal,
    normal_norm,
    ones,
    pretrained,
    uniform,
    uniform_norm,
    xavier_normal,
    xavier_normal_norm,
    xavier_uniform,
    xavier_uniform_norm,
    zeros,
)  # fmt: skip

__all__ = [
    "INITIALIZERS", "constant", "init_phases", "initializer", "normal", "normal_norm", "ones", "pretrained", "uniform",
    "uniform_norm", "xavier_normal", "xavier_normal_norm", "xavier_uniform", "xavier_uniform_norm", "zeros",
]  # fmt: skip
