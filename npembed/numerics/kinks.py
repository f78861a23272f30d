"""The slope at a kink, where a convention decides."""

EDGE = {"stop": 0.0, "pass": 1.0, "half": 0.5}
"""What share of a gradient passes where a bound is met exactly, by convention."""


def hinge_slope(x, edge):
    """The slope of ``relu(x)``: 1 above zero, 0 below, and at zero what `EDGE` says.

    >>> import numpy as np
    >>> hinge_slope(np.array([-2.0, 0.0, 3.0]), "half")
    array([0. , 0.5, 1. ])
    """
    return (x > 0) + EDGE[edge] * (x == 0)
