"""Charge nothing."""

import numpy as np

from ... import check


@check.public
def no(x, *, weight=1.0):
    """Nothing, whatever the rows are: so that a model without a regularizer need not be a special case.

    Parameters
    ----------
    x : ndarray (..., d), real or complex
    weight : float, of no consequence

    Returns
    -------
    float of the precision of x: 0

    References
    ----------
    pykeen.regularizers.NoRegularizer (1.11.1).

    Examples
    --------
    >>> float(no(np.array([[3.0, 4.0]])))
    0.0
    """
    check.array("no", "x", x, ndim=1)
    check.real("no", "weight", weight)
    return x.real.dtype.type(0)


@check.public
def no_vjp(g, x, *, weight=1.0):
    """No gradient either.

    Examples
    --------
    >>> no_vjp(1.0, np.array([[3.0, 4.0]]))
    array([[0., 0.]])
    """
    check.cotangent("no_vjp", g)
    check.array("no_vjp", "x", x, ndim=1)
    check.real("no_vjp", "weight", weight)
    return np.zeros_like(x)
