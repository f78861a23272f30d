"""Self-adversarial negative sampling: the corrupted triples that score highest count most."""

import numpy as np

from ... import check
from ...numerics.precision import to_float64
from .arguments import columns, kept, labelled
from .logistic import log1pexp, sigmoid


@check.public
def adversarial_weights(negative, *, mask=None, adversarial_temperature=1.0):
    """How much each negative of a row counts in `nssa`: ``w = softmax(T negative)`` over those that count at all.

    Parameters
    ----------
    negative : ndarray (B, K), real
    mask : bool (B, K), or None for all
        True where a negative counts; the others get 0, and a row without any is all 0.
    adversarial_temperature : float >= 0
        T, as PyKEEN calls it; the inverse of what physics calls a temperature. 0 weighs all alike.

    Returns
    -------
    ndarray like `negative`

    References
    ----------
    Sun et al., RotatE (ICLR 2019), section 3.3.

    Examples
    --------
    >>> adversarial_weights(np.array([[0.0, np.log(3.0), 7.0]]), mask=np.array([[True, True, False]]))
    array([[0.25, 0.75, 0.  ]])
    """
    check.array("adversarial_weights", "negative", negative, ndim=2)
    mask = kept("adversarial_weights", mask, negative)
    temperature = check.real("adversarial_weights", "adversarial_temperature", adversarial_temperature, minimum=0)
    return _weights(np.where(mask, to_float64(negative), 0.0), mask, temperature).astype(negative.dtype)


@check.public
def nssa(
    positive, negative, *, mask=None, margin=9.0, adversarial_temperature=1.0, detach=True, weights=None, empty_row="zero"
):  # fmt: skip
    """Weigh hard negatives up: half of ``mean_b -log s(m + positive)`` plus ``mean_b sum_k w_k (-log s(-m - negative_k))``.

    s is the sigmoid and w the `adversarial_weights` of the row. Meant for scores that are negative distances: a true triple is to
    lie within the margin m, a corrupted one outside.

    Parameters
    ----------
    positive : ndarray (B, 1), real
    negative : ndarray (B, K), real
    mask : bool (B, K), or None for all
        True where a negative counts; the others have weight 0.
    margin : float, m
    adversarial_temperature : float >= 0
    detach
        Only `nssa_vjp` reads it.
    weights : ndarray (B, K), or None
        Weights to use as they are, in place of those of the scores.
    empty_row : "zero" or "pykeen"
        What a row without any negative adds to the second mean, over all B rows: 0, the limit for ever lower scores; or
        ``log(1 + e^m)``, as in PyKEEN, which puts a score of 0 there. The gradient is the same: none.

    Returns
    -------
    float of the dtype of the scores

    Raises
    ------
    TypeError, ValueError
        For scores of two dtypes, complex ones, none at all, or shapes other than these.

    References
    ----------
    Sun et al., RotatE (ICLR 2019), section 3.3. pykeen.losses.NSSALoss (1.11.1), whose defaults these are.

    Examples
    --------
    >>> round(float(nssa(np.array([[0.5], [1.0]]), np.array([[0.2, 0.9], [-0.3, 2.0]]))), 6)
    5.114592
    """
    check.choice("nssa", "empty_row", empty_row, ("zero", "pykeen"))
    options = _options("nssa", margin, adversarial_temperature, detach)
    positive, negative, mask, dtype = columns("nssa", positive, negative, mask)
    w = _given("nssa", weights, negative, mask, options)
    rows = (w * log1pexp(margin + negative)).sum(axis=1)
    if empty_row == "pykeen":
        rows = np.where(mask.any(axis=1), rows, log1pexp(float(margin)))
    return dtype.type((log1pexp(-margin - positive).mean() + rows.mean()) / 2)


@check.public
def nssa_vjp(
    g, positive, negative, *, mask=None, margin=9.0, adversarial_temperature=1.0, detach=True, weights=None, empty_row="zero"
):  # fmt: skip
    """Push scores by how far they are on the wrong side of the margin, negatives in proportion to their weight.

    ``dpositive = -g s(-m - positive) / 2B`` and ``dnegative = g w s(m + negative) / 2B``, since ``(-log s(u))' = -s(-u)``. With
    ``detach=True`` (as published, and in PyKEEN) the weights are constants: **intentionally not the gradient** of the loss that
    `nssa` returns, which also depends on the scores by way of w. ``detach=False`` adds that part, ``g T w (l - sum w l) / 2B`` with
    the terms ``l = -log s(-m - negative)``: the true gradient.

    Parameters
    ----------
    g : float
    positive, negative, mask, margin, adversarial_temperature, weights, empty_row
        As in `nssa`. Given `weights` are constants in either case, and the gradient is exact.
    detach : bool

    Returns
    -------
    dpositive, dnegative : ndarray, like `positive` and `negative`

    Examples
    --------
    >>> nssa_vjp(4.0, np.array([[0.0]]), np.array([[0.0, np.log(3.0)]]), margin=0)
    (array([[-1.]]), array([[0.25 , 1.125]]))
    """
    check.choice("nssa_vjp", "empty_row", empty_row, ("zero", "pykeen"))
    options = _options("nssa_vjp", margin, adversarial_temperature, detach)
    positive, negative, mask, dtype = columns("nssa_vjp", positive, negative, mask)
    w = _given("nssa_vjp", weights, negative, mask, options)
    share = check.cotangent("nssa_vjp", g) / (2 * len(positive))
    dnegative = _negative_slope(negative, w, options, constant=weights is not None)
    return (-share * sigmoid(-margin - positive)).astype(dtype), (share * dnegative).astype(dtype)


@check.public
def nssa_lcwa(scores, labels, *, margin=9.0, adversarial_temperature=1.0, detach=True, weights=None):
    """The same with all candidates: half of the mean of ``-log s(m + x)`` over the true ones plus the weighted terms of the others.

    The first mean is over all true candidates of the batch, the second over rows, whose weights are a softmax over those that are
    not true. A row where all are true adds 0 to the second, and a batch without a true one has 0 for the first (both NaN in PyKEEN).

    Parameters
    ----------
    scores : ndarray (B, N), real
    labels : ndarray (B, N), numbers >= 0: true if above 1/2
    margin, adversarial_temperature, detach, weights
        As in `nssa`, with weights (B, N).

    Returns
    -------
    float of the dtype of the scores

    Raises
    ------
    TypeError, ValueError
        For scores that are complex or none, and for labels of another shape, negative or not finite.

    References
    ----------
    pykeen.losses.AdversarialLoss.process_lcwa_scores (1.11.1).

    Examples
    --------
    >>> round(float(nssa_lcwa(np.array([[0.5, -0.2, 1.0], [0.0, 0.3, 0.7]]), np.array([[1, 0, 0], [0, 1, 1]]))), 6)
    4.680644
    """
    options = _options("nssa_lcwa", margin, adversarial_temperature, detach)
    x, y, dtype = labelled("nssa_lcwa", scores, labels)
    true = y > 0.5
    w = _given("nssa_lcwa", weights, x, ~true, options)
    first = log1pexp(-margin - x[true]).sum() / (true.sum() or 1)
    return dtype.type((first + (w * log1pexp(margin + x)).sum(axis=1).mean()) / 2)


@check.public
def nssa_lcwa_vjp(g, scores, labels, *, margin=9.0, adversarial_temperature=1.0, detach=True, weights=None):
    """Push true candidates up by ``g s(-m - x) / 2n``, n of them in the batch, and the others down by ``g w s(m + x) / 2B``.

    As in `nssa_vjp`: with ``detach=True`` the weights are constants, intentionally not the gradient of `nssa_lcwa`; with
    ``detach=False`` it is.

    Parameters
    ----------
    g : float
    scores, labels, margin, adversarial_temperature, detach, weights
        As in `nssa_lcwa`; the labels are constants.

    Returns
    -------
    ndarray like `scores`

    Examples
    --------
    >>> nssa_lcwa_vjp(4.0, np.array([[0.0, 0.0, np.log(3.0)]]), np.array([[1, 0, 0]]), margin=0)
    array([[-1.   ,  0.25 ,  1.125]])
    """
    options = _options("nssa_lcwa_vjp", margin, adversarial_temperature, detach)
    x, y, dtype = labelled("nssa_lcwa_vjp", scores, labels)
    true = y > 0.5
    w = _given("nssa_lcwa_vjp", weights, x, ~true, options)
    up = sigmoid(-margin - x) / (true.sum() or 1)
    down = _negative_slope(x, w, options, constant=weights is not None) / len(x)
    return (check.cotangent("nssa_lcwa_vjp", g) / 2 * np.where(true, -up, down)).astype(dtype)


def _options(function, margin, temperature, detach):
    check.choice(function, "detach", detach, (True, False))
    margin = check.real(function, "margin", margin)
    return margin, check.real(function, "adversarial_temperature", temperature, minimum=0), detach


def _weights(x, mask, temperature):
    """The softmax of ``temperature x`` over the entries of a row that `mask` keeps; 0 elsewhere."""
    z = np.where(mask, temperature * x, -np.inf)
    largest = z.max(axis=1, keepdims=True)
    w = np.exp(z - np.where(mask.any(axis=1, keepdims=True), largest, 0.0))
    return w / np.maximum(w.sum(axis=1, keepdims=True), 1.0)  # the sum is 1 or more, or the row is empty


def _given(function, weights, x, mask, options):
    """The weights: those given, cut to `mask`, or else those of the scores."""
    if weights is None:
        return _weights(x, mask, options[1])
    check.array(function, "weights", weights)
    if weights.shape != x.shape or weights.dtype.kind == "c":
        found = f"has dtype {weights.dtype} and shape {weights.shape}"
        raise ValueError(
            f"{function}: weights {found}; allowed: None, or real numbers of shape {x.shape}, a weight for each score"
        )
    return np.where(mask, to_float64(weights), 0.0)


def _negative_slope(x, w, options, constant):
    """The derivative of ``sum_k w_k log(1 + exp(m + x_k))``, with the weights' own part unless they are constants."""
    margin, temperature, detach = options
    d = w * sigmoid(margin + x)
    if detach or constant:
        return d
    terms = log1pexp(margin + x)
    terms -= np.take_along_axis(terms, w.argmax(axis=1)[:, None], axis=1)  # only differences count: this one is not to cancel
    return d + temperature * w * (terms - (w * terms).sum(axis=1, keepdims=True))
