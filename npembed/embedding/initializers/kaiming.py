"""Kaiming (He) initializers, and the gains of nonlinearities."""

import math

import numpy as np

from ... import check
from .draws import normal, uniform

_GAINS = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1.0),
    "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2.0), "selu": 0.75,
}  # fmt: skip
_SLOPE = 0.01


@check.public
def calculate_gain(nonlinearity, param=None):
    """By what a nonlinearity's weights are to be larger, so that the variance passes through: torch's table.

    1 for ``"linear"``, the convolutions and ``"sigmoid"``, 5/3 for ``"tanh"``, sqrt(2) for ``"relu"``, 3/4 for ``"selu"`` and
    ``sqrt(2 / (1 + slope^2))`` for ``"leaky_relu"``.

    Parameters
    ----------
    nonlinearity : str
    param : float, the negative slope of ``"leaky_relu"``, .01 if it is None; others do not read it

    References
    ----------
    torch.nn.init.calculate_gain (2.13); He et al., Delving deep into rectifiers (ICCV 2015), equations 10 and 15.

    Examples
    --------
    >>> calculate_gain("leaky_relu", 1.0)
    1.0
    """
    check.choice("calculate_gain", "nonlinearity", nonlinearity, (*_GAINS, "leaky_relu"))
    if nonlinearity != "leaky_relu":
        return _GAINS[str(nonlinearity)]
    return math.sqrt(2.0 / (1.0 + check.real("calculate_gain", "param", _SLOPE if param is None else param) ** 2))


@check.public
def kaiming_uniform(rng, shape, dtype=np.float32, *, a=0.0, mode="fan_in", nonlinearity="leaky_relu"):
    """Draw from U(-b, b), ``b = gain sqrt(3 / fan)``.

    For a matrix ``(N, D)``, ``fan_in`` is D and ``fan_out`` is N; further axes multiply both. A table is no layer's weight: with
    the default gain, sqrt(2), an entry has the variance 2 / D, as PyKEEN's Xavier has.

    Parameters
    ----------
    rng, shape, dtype
        As in `normal`; the rows need one axis or more.
    a : float, the negative slope, read for ``"leaky_relu"`` only; None is .01
    mode : "fan_in" or "fan_out", in either case
    nonlinearity : str, see `calculate_gain`

    References
    ----------
    He et al., Delving deep into rectifiers (ICCV 2015), equations 10 and 14; torch.nn.init.kaiming_uniform_.

    Examples
    --------
    >>> float(np.abs(kaiming_uniform(0, (1000, 6))).max()) <= 1.0
    True
    """
    bound = math.sqrt(3.0) * _std("kaiming_uniform", shape, a, mode, nonlinearity)
    return uniform(rng, shape, dtype, a=-bound, b=bound)


@check.public
def kaiming_normal(rng, shape, dtype=np.float32, *, a=0.0, mode="fan_in", nonlinearity="leaky_relu"):
    """Draw from N(0, gain^2 / fan); parameters and references as in `kaiming_uniform`.

    Examples
    --------
    >>> kaiming_normal(0, (3, 2), mode="fan_out", nonlinearity="relu").shape
    (3, 2)
    """
    return normal(rng, shape, dtype, std=_std("kaiming_normal", shape, a, mode, nonlinearity))


def _std(function, shape, a, mode, nonlinearity):
    """``gain / sqrt(fan)``; 0 for an empty table, where nothing is drawn."""
    if len(shape) < 2:
        raise ValueError(f"{function}: shape = {tuple(shape)} has no fan-in; allowed: rows of one axis or more")
    mode = check.choice(function, "mode", mode.lower() if isinstance(mode, str) else mode, ("fan_in", "fan_out"))
    fan = shape[1 if mode == "fan_in" else 0] * math.prod(shape[2:])
    gain = calculate_gain(nonlinearity, a)
    return gain / math.sqrt(fan) if fan else 0.0
