"""Binary cross entropy of scores that are read as logits."""

import functools

import numpy as np

from ... import check
from .logistic import log1pexp, sigmoid
from .pointwise import label_mean, label_mean_gradient, pair_mean, pair_mean_gradients


@check.public
def bce_with_logits(positive, negative, *, mask=None, pos_weight=None):
    """Read ``p = sigmoid(x)`` as the probability of being true, and take the mean of ``-w log p`` and ``-log(1 - p)``.

    Written as ``w log(1 + e^-x)`` for true and ``log(1 + e^x)`` for corrupted triples, p is never formed: at x = 17 and y = 0 the
    loss is 17, where the logarithm of a rounded ``1 - p`` would give 100 (PyKEEN's `BCEAfterSigmoid`).

    Parameters
    ----------
    positive : ndarray (B, 1), real
    negative : ndarray (B, K), real
    mask : bool (B, K), or None for all
        True where a negative counts. If none does, the mean is over the true triples.
    pos_weight : float > 0, or None for 1
        The weight w of true triples; the mean still divides by their number.

    Returns
    -------
    float of the dtype of the scores

    Raises
    ------
    TypeError, ValueError
        For scores of two dtypes, complex ones, none at all, or shapes other than these.

    References
    ----------
    Goodfellow, Bengio and Courville, Deep Learning (2016), equations 6.24 to 6.26. pykeen.losses.BCEWithLogitsLoss (1.11.1).

    Examples
    --------
    >>> import numpy as np
    >>> float(bce_with_logits(np.array([[40.0]]), np.array([[17.0]]))).__round__(6)
    8.5
    """
    return pair_mean("bce_with_logits", _weighted("bce_with_logits", _term, pos_weight), positive, negative, mask)


@check.public
def bce_with_logits_vjp(g, positive, negative, *, mask=None, pos_weight=None):
    """Push each score by the probability that is missing: ``dx = -g w (1 - p) / n`` for true, ``g p / n`` for corrupted triples.

    ``d/dx log(1 + e^x) = sigmoid(x) = p`` and ``d/dx log(1 + e^-x) = -sigmoid(-x) = -(1 - p)``, n the number of scores that count.

    Parameters
    ----------
    g : float
    positive, negative, mask, pos_weight
        As in `bce_with_logits`.

    Returns
    -------
    dpositive, dnegative : ndarray, like `positive` and `negative`

    Examples
    --------
    >>> import numpy as np
    >>> bce_with_logits_vjp(2.0, np.array([[0.0]]), np.array([[0.0]]), pos_weight=4)
    (array([[-2.]]), array([[0.5]]))
    """
    slope = _weighted("bce_with_logits_vjp", _slope, pos_weight)
    return pair_mean_gradients("bce_with_logits_vjp", slope, g, positive, negative, mask)


@check.public
def bce_with_logits_lcwa(scores, labels, *, pos_weight=None):
    """The mean of ``y w log(1 + e^-x) + (1 - y) log(1 + e^x)`` over all scores x with their labels y.

    Parameters
    ----------
    scores : ndarray (B, N), real
    labels : ndarray (B, N), numbers >= 0: 1 for true, 0 for false, probabilities between
        A count of 2 is weighed by the same formula, which then has no lower bound (as in PyKEEN).
    pos_weight : float > 0, or None for 1

    Returns
    -------
    float of the dtype of the scores

    Raises
    ------
    TypeError, ValueError
        For scores that are complex or none, and for labels of another shape, negative or not finite.

    References
    ----------
    See `bce_with_logits`.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(bce_with_logits_lcwa(np.array([[0.0, 17.0]]), np.array([[1, 0]]))), 6)
    8.846574
    """
    return label_mean("bce_with_logits_lcwa", _weighted("bce_with_logits_lcwa", _term, pos_weight), scores, labels)


@check.public
def bce_with_logits_lcwa_vjp(g, scores, labels, *, pos_weight=None):
    """Push each score by the probability that is missing: ``dx = g ((1 - y) p - y w (1 - p)) / n`` with n = B N.

    For w = 1 that is ``g (p - y) / n``; the two parts are kept apart since ``1 - p`` is known to all digits and ``p - 1`` is not.

    Parameters
    ----------
    g : float
    scores, labels, pos_weight
        As in `bce_with_logits_lcwa`; the labels are constants.

    Returns
    -------
    ndarray like `scores`

    Examples
    --------
    >>> import numpy as np
    >>> bce_with_logits_lcwa_vjp(2.0, np.array([[0.0, 0.0]]), np.array([[1.0, 0.25]]))
    array([[-0.5 ,  0.25]])
    """
    slope = _weighted("bce_with_logits_lcwa_vjp", _slope, pos_weight)
    return label_mean_gradient("bce_with_logits_lcwa_vjp", slope, g, scores, labels)


def _weighted(function, f, pos_weight):
    weight = 1.0 if pos_weight is None else check.real(function, "pos_weight", pos_weight, above=0)
    return functools.partial(f, weight=weight)


def _term(x, y, weight):
    return y * weight * log1pexp(-x) + (1 - y) * log1pexp(x)


def _slope(x, y, weight):
    """In two forms: the first keeps all digits of p and of ``1 - p``, the second those of ``p - 1/2``, where the two parts balance."""
    down, up = 1 - y, y * weight
    return np.where(np.abs(x) > 1, down * sigmoid(x) - up * sigmoid(-x), ((down - up) + (down + up) * np.tanh(x / 2)) / 2)
