"""Margin ranking: true triples are to beat corrupted ones by a margin, and then nothing more is asked."""

import numpy as np

from ... import check
from ...numerics.kinks import EDGE, hinge_slope
from ...op import unbroadcast
from .arguments import in_order, kept, labelled, same_dtype


@check.public
def margin_ranking(positive, negative, *, mask=None, margin=1.0, edge="stop"):
    """Ask of each true triple to beat its corrupted ones by a margin: ``mean relu(negative - positive + margin)``.

    Parameters
    ----------
    positive : ndarray (..., B, 1), real
    negative : ndarray (..., B, K), real; `positive` broadcasts against it
    mask : bool, of the shape of `negative`, or None for all
        True where a negative counts; the mean is over the pairs that count. If none does, no pair misses its margin: the loss is 0
        (NaN in PyKEEN).
    margin : float
    edge
        Convention at the kink; only `margin_ranking_vjp` reads it.

    Returns
    -------
    float of the dtype of the scores

    Raises
    ------
    ValueError
        For no scores at all, and for scores that do not broadcast.

    References
    ----------
    Bordes et al., Translating embeddings (NIPS 2013), equation 1 (with the mean for the sum, as in PyKEEN).

    Examples
    --------
    >>> float(margin_ranking(np.array([[0.5], [1.0]]), np.array([[0.2, 0.9], [-0.3, 2.0]])))
    1.025
    """
    gap, counts, dtype = _gap("margin_ranking", positive, negative, mask, margin, edge)
    return dtype.type(np.where(counts, np.maximum(gap, 0.0), 0.0).sum() / (counts.sum() or 1))


@check.public
def margin_ranking_vjp(g, positive, negative, *, mask=None, margin=1.0, edge="stop"):
    """Each of the n pairs that misses the margin pulls its two scores apart by ``g / n``.

    ``dnegative = g [gap > 0] / n`` and ``dpositive = -`` the same, summed over the negatives of one positive, with
    ``gap = negative - positive + margin``. At ``gap == 0`` the slope is 0 (``edge="stop"``, as in torch), 1 ("pass") or "half".

    Parameters
    ----------
    g : float
    positive, negative, mask, margin
        As in `margin_ranking`.
    edge : "stop", "pass" or "half"

    Returns
    -------
    dpositive, dnegative : ndarray, like `positive` and `negative`

    Examples
    --------
    >>> margin_ranking_vjp(1.0, np.array([[0.5]]), np.array([[0.2, -9.0]]))
    (array([[-0.5]]), array([[0.5, 0. ]]))
    """
    gap, counts, dtype = _gap("margin_ranking_vjp", positive, negative, mask, margin, edge)
    d = check.cotangent("margin_ranking_vjp", g) * np.where(counts, hinge_slope(gap, edge), 0.0) / (counts.sum() or 1)
    return unbroadcast(-d, positive.shape).astype(dtype), unbroadcast(d, negative.shape).astype(dtype)


@check.public
def margin_ranking_lcwa(scores, labels, *, margin=1.0, edge="stop"):
    """Compare every true with every false candidate of the same row: ``mean relu(false - true + margin)`` over all such pairs.

    A row with many true candidates has many pairs, and weighs accordingly. Rows that are all true or all false have none; a batch
    without a pair has loss 0 (NaN in PyKEEN). PyKEEN takes an entry that is neither 0 nor 1, such as a count of 2, for neither true
    nor false, and drops it; here it is true.

    Parameters
    ----------
    scores : ndarray (B, N), real
    labels : ndarray (B, N), numbers >= 0: true if above 1/2
    margin : float
    edge
        Convention at the kink; only `margin_ranking_lcwa_vjp` reads it.

    Returns
    -------
    float of the dtype of the scores

    Raises
    ------
    TypeError, ValueError
        For scores that are complex or none, and for labels of another shape, negative or not finite.

    References
    ----------
    pykeen.losses.MarginPairwiseLoss.process_lcwa_scores (1.11.1).

    Examples
    --------
    >>> round(float(margin_ranking_lcwa(np.array([[0.5, -0.2, 1.0], [0.0, 0.3, 0.7]]), np.array([[1, 0, 0], [0, 1, 1]]))), 6)
    0.7
    """
    pairs, count, dtype = _rows("margin_ranking_lcwa", scores, labels, margin, edge)
    return dtype.type(sum(np.maximum(gap, 0.0).sum() for _, _, gap in pairs) / (count or 1))


@check.public
def margin_ranking_lcwa_vjp(g, scores, labels, *, margin=1.0, edge="stop"):
    """Each of the n pairs that misses the margin pulls its two scores apart by ``g / n``.

    A false candidate gets ``g / n`` for each true one that does not beat it by the margin, a true one ``-g / n`` for each false one
    that it does not beat. At a gap of zero the slope is 0 (``edge="stop"``, as in torch), 1 ("pass") or "half".

    Parameters
    ----------
    g : float
    scores, labels, margin
        As in `margin_ranking_lcwa`; the labels are constants.
    edge : "stop", "pass" or "half"

    Returns
    -------
    ndarray like `scores`

    Examples
    --------
    >>> margin_ranking_lcwa_vjp(2.0, np.array([[0.5, -9.0, 1.0]]), np.array([[1, 0, 0]]))
    array([[-1.,  0.,  1.]])
    """
    pairs, count, dtype = _rows("margin_ranking_lcwa_vjp", scores, labels, margin, edge)
    d = np.zeros(scores.shape)
    for row, true, gap in pairs:
        active = hinge_slope(gap, edge)
        d[row, true] = -active.sum(axis=1)
        d[row, ~true] = active.sum(axis=0)
    return (check.cotangent("margin_ranking_lcwa_vjp", g) * d / (count or 1)).astype(dtype)


def _options(function, margin, edge):
    check.real(function, "margin", margin)
    check.choice(function, "edge", edge, tuple(EDGE))


def _gap(function, positive, negative, mask, margin, edge):
    """``negative - positive + margin``, which of these pairs count, and the dtype of the scores."""
    dtype = same_dtype(function, positive, negative)
    _options(function, margin, edge)
    mask = kept(function, mask, negative)
    try:
        gap = in_order(negative) - in_order(positive) + margin
    except ValueError:
        raise ValueError(
            f"{function}: negative has shape {negative.shape}; allowed: one that broadcasts with {positive.shape}, that of positive"
        ) from None
    if not gap.size:
        raise ValueError(f"{function}: negative has shape {negative.shape}; allowed: at least one pair, or there is no mean")
    return gap, np.broadcast_to(mask, gap.shape), dtype


def _rows(function, scores, labels, margin, edge):
    """The pairs row by row, so that memory holds those of one row: (row, which are true, gaps (true, false)); their number; dtype."""
    _options(function, margin, edge)
    x, y, dtype = labelled(function, scores, labels)
    true = y > 0.5
    count = int((true.sum(axis=1) * (~true).sum(axis=1)).sum())
    pairs = ((i, t, row[~t] - row[t][:, None] + margin) for i, (row, t) in enumerate(zip(x, true, strict=True)))
    return pairs, count, dtype
