"""``log(1 + e^x)`` and its derivative, right for every x."""

import numpy as np


def log1pexp(x):
    """``log(1 + e^x) = -log sigmoid(-x)``: a smooth ``max(x, 0)``. Neither overflows nor loses the small values at negative x.

    >>> log1pexp(np.array([-1e4, 0.0, 1e4]))
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+04])
    """
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def sigmoid(x):
    """``1 / (1 + e^-x)``, the derivative of `log1pexp`; the exponential is only taken of numbers <= 0.

    >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)
