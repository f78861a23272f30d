"""The logistic loss: labels +1 and -1, and a softplus of the score with the wrong sign."""

from ... import check
from .logistic import log1pexp, sigmoid
from .pointwise import label_mean, label_mean_gradient, pair_mean, pair_mean_gradients


@check.public
def softplus(positive, negative, *, mask=None):
    """Ask of true triples to score high and of corrupted ones to score low: ``mean log(1 + exp(-z x))``, z = 1 and z = -1.

    The mean is over true and corrupted triples together. The same number as `bce_with_logits` for labels 0 and 1: the negative log
    likelihood if the probability of being true is ``sigmoid(x)``.

    Parameters
    ----------
    positive : ndarray (B, 1), real
    negative : ndarray (B, K), real
    mask : bool (B, K), or None for all
        True where a negative counts. If none does, the mean is over the true triples.

    Returns
    -------
    float of the dtype of the scores

    Raises
    ------
    TypeError, ValueError
        For scores of two dtypes, complex ones, none at all, or shapes other than these.

    References
    ----------
    Goodfellow, Bengio and Courville, Deep Learning (2016), equation 6.26. pykeen.losses.SoftplusLoss (1.11.1).

    Examples
    --------
    >>> import numpy as np
    >>> round(float(softplus(np.array([[0.0]]), np.array([[-50.0, 50.0]]))), 4)  # log 2, nearly 0, and 50; a third of it
    16.8977
    """
    return pair_mean("softplus", _term, positive, negative, mask)


@check.public
def softplus_vjp(g, positive, negative, *, mask=None):
    """Push each score by how wrong it is: ``dx = -g z sigmoid(-z x) / n``, at most ``g / n``, for the n scores that count.

    ``d log(1 + e^u) / du = sigmoid(u)`` with ``u = -z x``; the chain rule gives the factor ``-z``.

    Parameters
    ----------
    g : float
    positive, negative, mask
        As in `softplus`.

    Returns
    -------
    dpositive, dnegative : ndarray, like `positive` and `negative`

    Examples
    --------
    >>> import numpy as np
    >>> dpositive, dnegative = softplus_vjp(3.0, np.array([[0.0]]), np.array([[-50.0, 50.0]]))
    >>> dpositive, dnegative.round(6)
    (array([[-0.5]]), array([[0., 1.]]))
    """
    return pair_mean_gradients("softplus_vjp", _slope, g, positive, negative, mask)


@check.public
def softplus_lcwa(scores, labels):
    """The mean of ``log(1 + exp(-z x))`` over all scores x with labels y, where ``z = 2 y - 1``.

    Parameters
    ----------
    scores : ndarray (B, N), real
    labels : ndarray (B, N), numbers >= 0: 1 for true, 0 for false; a count of 2 is z = 3, a label 1/2 is z = 0 (the score is free)

    Returns
    -------
    float of the dtype of the scores

    Raises
    ------
    TypeError, ValueError
        For scores that are complex or none, and for labels of another shape, negative or not finite.

    References
    ----------
    See `softplus`.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(softplus_lcwa(np.array([[0.0, 50.0]]), np.array([[1, 0]]))), 4)
    25.3466
    """
    return label_mean("softplus_lcwa", _term, scores, labels)


@check.public
def softplus_lcwa_vjp(g, scores, labels):
    """Push each score by how wrong it is: ``dx = -g z sigmoid(-z x) / n`` with n = B N; the labels are constants.

    Parameters
    ----------
    g : float
    scores, labels
        As in `softplus_lcwa`.

    Returns
    -------
    ndarray like `scores`

    Examples
    --------
    >>> import numpy as np
    >>> softplus_lcwa_vjp(2.0, np.array([[0.0, 50.0]]), np.array([[1, 0]]))
    array([[-0.5,  1. ]])
    """
    return label_mean_gradient("softplus_lcwa_vjp", _slope, g, scores, labels)


def _term(x, y):
    return log1pexp((1 - 2 * y) * x)


def _slope(x, y):
    return (1 - 2 * y) * sigmoid((1 - 2 * y) * x)
