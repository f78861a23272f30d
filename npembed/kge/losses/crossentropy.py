"""Cross entropy of a softmax over candidates: which of them is the true one?"""

import numpy as np

from ... import check
from ...numerics import exact
from .arguments import columns, labelled


@check.public
def crossentropy(positive, negative, *, mask=None):
    """Let each true triple compete with its corrupted ones: ``mean_b -log softmax([positive, negatives])_positive``.

    The same as ``log(1 + sum_k exp(negative_k - positive))``: only differences matter.

    Parameters
    ----------
    positive : ndarray (B, 1), real
    negative : ndarray (B, K), real
    mask : bool (B, K), or None for all
        True where a negative counts; the others are out of the race, as with a score of -inf. A row without any has loss 0, and is
        one of the B that the mean is over (as in PyKEEN).

    Returns
    -------
    float of the dtype of the scores

    Raises
    ------
    TypeError, ValueError
        For scores of two dtypes, complex ones, none at all, or shapes other than these.

    References
    ----------
    Goodfellow, Bengio and Courville, Deep Learning (2016), equation 6.30. pykeen.losses.CrossEntropyLoss (1.11.1).

    Examples
    --------
    >>> round(float(crossentropy(np.array([[0.0]]), np.array([[0.0, 0.0, -50.0]]))), 6)  # log 3
    1.098612
    """
    scores, dtype = _candidates("crossentropy", positive, negative, mask)
    below, log_sum, _, _ = _softmax(scores)
    return dtype.type((below[:, :1] + log_sum).mean())


@check.public
def crossentropy_vjp(g, positive, negative, *, mask=None):
    """Take from each negative its probability, and give the true triple what they have together.

    With the softmax P of a row, ``-log P_0`` has the derivative ``P_j - [j = 0]``; so ``dnegative = g P / B`` and
    ``dpositive = -g (1 - P_0) / B``, where ``1 - P_0`` is taken as the sum of the others and is right even when tiny.

    Parameters
    ----------
    g : float
    positive, negative, mask
        As in `crossentropy`.

    Returns
    -------
    dpositive, dnegative : ndarray, like `positive` and `negative`

    Examples
    --------
    >>> crossentropy_vjp(2.0, np.array([[0.0]]), np.array([[0.0, -5000.0]]))
    (array([[-1.]]), array([[1., 0.]]))
    """
    scores, dtype = _candidates("crossentropy_vjp", positive, negative, mask)
    _, _, chance, rest = _softmax(scores)
    share = check.cotangent("crossentropy_vjp", g) / len(scores)
    return (-share * rest[:, :1]).astype(dtype), (share * chance[:, 1:]).astype(dtype)


@check.public
def crossentropy_lcwa(scores, labels):
    """The mean over rows of ``-sum_j q_j log softmax(x)_j``, with the labels of a row scaled to a sum of one, ``q = y / sum y``.

    A row without a label set has loss 0, and is one of the B that the mean is over (as in PyKEEN); one with all labels set asks for
    equal scores.

    Parameters
    ----------
    scores : ndarray (B, N), real
    labels : ndarray (B, N), numbers >= 0; a count of 2 weighs twice

    Returns
    -------
    float of the dtype of the scores

    Raises
    ------
    TypeError, ValueError
        For scores that are complex or none, and for labels of another shape, negative or not finite.

    References
    ----------
    See `crossentropy`.

    Examples
    --------
    >>> round(float(crossentropy_lcwa(np.zeros((1, 4)), np.array([[1, 0, 0, 1]]))), 6)  # log 4
    1.386294
    """
    x, y, dtype = labelled("crossentropy_lcwa", scores, labels)
    below, log_sum, _, _ = _softmax(x)
    return dtype.type((_distribution(y) * (below + log_sum)).sum(axis=1).mean())


@check.public
def crossentropy_lcwa_vjp(g, scores, labels):
    """Pull the softmax P of each row towards its labels: ``dx = g (P - q) / B``, and 0 for a row without a label set.

    ``-sum_j q_j (x_j - log sum_i e^x_i)`` has the derivative ``-q_j + P_j sum q``, with ``sum q = 1``. Computed as
    ``P (1 - q) - q (1 - P)``, which does not cancel for the one true candidate of a row that is learnt already.

    Parameters
    ----------
    g : float
    scores, labels
        As in `crossentropy_lcwa`; the labels are constants.

    Returns
    -------
    ndarray like `scores`

    Examples
    --------
    >>> crossentropy_lcwa_vjp(1.0, np.zeros((1, 4)), np.array([[1, 0, 0, 1]]))
    array([[-0.25,  0.25,  0.25, -0.25]])
    """
    x, y, dtype = labelled("crossentropy_lcwa_vjp", scores, labels)
    q = _distribution(y)
    _, _, chance, rest = _softmax(x)
    d = np.where(y.any(axis=1, keepdims=True), chance * (1 - q) - q * rest, 0.0)
    return (check.cotangent("crossentropy_lcwa_vjp", g) / len(x) * d).astype(dtype)


def _candidates(function, positive, negative, mask):
    """One row for each true triple: its score first, then those of the corrupted ones, -inf where they do not count."""
    positive, negative, mask, dtype = columns(function, positive, negative, mask)
    return np.concatenate([positive, np.where(mask, negative, -np.inf)], axis=1), dtype


def _distribution(labels):
    total = labels.sum(axis=1, keepdims=True)
    return labels / np.where(total == 0, 1.0, total)


def _softmax(x):
    """The softmax of each row, in parts that keep their digits at both ends.

    Returns
    -------
    below : by how much each score is below the largest, >= 0
    log_sum : (B, 1), ``log sum_j exp(-below_j)``; so ``-log softmax = below + log_sum``, both >= 0
    chance : the softmax
    rest : one minus the softmax; for the largest score, where that would cancel, the sum of the others
    """
    top = x.argmax(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):  # from inf - inf
        below, lost = exact.two_sum(np.take_along_axis(x, top, axis=1), -x)
    # an exponential of some hundred would make as many ulps of what rounding takes from the difference
    others = np.exp(-below) * (1 - np.where(np.isfinite(below), lost, 0.0))
    np.put_along_axis(others, top, 0.0, axis=1)
    more = others.sum(axis=1, keepdims=True)  # what the others add to the 1 of the largest
    chance = others / (1 + more)
    rest = 1 - chance
    np.put_along_axis(chance, top, 1 / (1 + more), axis=1)
    np.put_along_axis(rest, top, more / (1 + more), axis=1)
    return below, np.log1p(more), chance, rest
