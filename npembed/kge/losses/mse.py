"""Mean squared error between scores and labels."""

from ... import check
from .pointwise import label_mean, label_mean_gradient, pair_mean, pair_mean_gradients


@check.public
def mse(positive, negative, *, mask=None):
    """Ask of true triples to score 1 and of corrupted ones to score 0: ``mean (x - y)^2`` over all of them.

    The mean is over B true and up to B K corrupted triples together, so with many negatives the true ones weigh little.

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
    Goodfellow, Bengio and Courville, Deep Learning (2016), equation 5.4. pykeen.losses.MSELoss (1.11.1).

    Examples
    --------
    >>> import numpy as np
    >>> float(mse(np.array([[0.5]]), np.array([[0.5, 2.0]])))
    1.5
    """
    return pair_mean("mse", _term, positive, negative, mask)


@check.public
def mse_vjp(g, positive, negative, *, mask=None):
    """Pull each score towards its label: ``dx = 2 g (x - y) / n`` for the n scores that count.

    The loss is a sum of ``(x - y)^2 / n``, each with one score in it; the derivative of the square is twice its root.

    Parameters
    ----------
    g : float
    positive, negative, mask
        As in `mse`.

    Returns
    -------
    dpositive, dnegative : ndarray, like `positive` and `negative`

    Examples
    --------
    >>> import numpy as np
    >>> mse_vjp(3.0, np.array([[0.5]]), np.array([[0.5, 2.0]]))
    (array([[-1.]]), array([[1., 4.]]))
    """
    return pair_mean_gradients("mse_vjp", _slope, g, positive, negative, mask)


@check.public
def mse_lcwa(scores, labels):
    """The mean of ``(x - y)^2`` over all scores x with their labels y.

    Parameters
    ----------
    scores : ndarray (B, N), real
    labels : ndarray (B, N), numbers >= 0: 1 for true, 0 for false; a count of 2 asks for a score of 2

    Returns
    -------
    float of the dtype of the scores

    Raises
    ------
    TypeError, ValueError
        For scores that are complex or none, and for labels of another shape, negative or not finite.

    References
    ----------
    See `mse`.

    Examples
    --------
    >>> import numpy as np
    >>> float(mse_lcwa(np.array([[0.5, 2.0]]), np.array([[0, 1]])))
    0.625
    """
    return label_mean("mse_lcwa", _term, scores, labels)


@check.public
def mse_lcwa_vjp(g, scores, labels):
    """Pull each score towards its label: ``dx = 2 g (x - y) / n`` with n = B N; the labels are constants.

    Parameters
    ----------
    g : float
    scores, labels
        As in `mse_lcwa`.

    Returns
    -------
    ndarray like `scores`

    Examples
    --------
    >>> import numpy as np
    >>> mse_lcwa_vjp(3.0, np.array([[0.5, 2.0]]), np.array([[0, 1]]))
    array([[1.5, 3. ]])
    """
    return label_mean_gradient("mse_lcwa_vjp", _slope, g, scores, labels)


def _term(x, y):
    return (x - y) ** 2


def _slope(x, y):
    return 2 * (x - y)
