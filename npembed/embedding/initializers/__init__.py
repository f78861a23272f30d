"""Fill a table for the first time.

An initializer is a function ``f(rng, shape, dtype, **options)`` that draws and returns an array of ``shape = (N, *row)``. The
distributions are PyKEEN's, number by number from the same seed, and so are three habits of it: a complex table is filled as real
pairs ``(N, *row, 2)`` (``ones`` gives 1 + 1i); an initializer that ends in ``_norm`` brings axis 1 of what it fills to length one
(that is a row of a real matrix; for rows of several axes ask for ``dim=-1``, for complex rows for ``dim=(-2, -1)``); and a table of
single numbers is filled as an array ``(N,)``, which those refuse that need rows: the ``_norm`` ones, `kaiming_uniform`,
`kaiming_normal`, `orthogonal`, `sparse`, `eye`, `dirac`, `init_quaternions` and `random_walk_positional_encoding`.
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
    uniform_norm_p1,
    xavier_normal,
    xavier_normal_norm,
    xavier_uniform,
    xavier_uniform_norm,
    zeros,
)  # fmt: skip
from .graph import random_walk_positional_encoding, weisfeiler_lehman, weisfeiler_lehman_colors
from .kaiming import calculate_gain, kaiming_normal, kaiming_uniform
from .matrices import dirac, eye, orthogonal, sparse
from .quaternions import init_quaternions
from .truncated import trunc_normal

INITIALIZERS |= {
    function.__name__: function
    for function in (
        normal, uniform, xavier_uniform, xavier_normal, xavier_uniform_norm, xavier_normal_norm, normal_norm, uniform_norm,
        uniform_norm_p1, init_phases, init_quaternions, kaiming_uniform, kaiming_normal, trunc_normal, orthogonal, sparse, eye,
        dirac, zeros, ones, constant, pretrained, weisfeiler_lehman, random_walk_positional_encoding,
    )
}  # fmt: skip

__all__ = [
    "INITIALIZERS", "calculate_gain", "constant", "dirac", "eye", "init_phases", "init_quaternions", "initializer", "kaiming_normal",
    "kaiming_uniform", "normal", "normal_norm", "ones", "orthogonal", "pretrained", "random_walk_positional_encoding", "sparse",
    "trunc_normal", "uniform", "uniform_norm", "uniform_norm_p1", "weisfeiler_lehman", "weisfeiler_lehman_colors", "xavier_normal",
    "xavier_normal_norm", "xavier_uniform", "xavier_uniform_norm", "zeros",
]  # fmt: skip
