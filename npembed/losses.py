"""Losses turn scores of true and of corrupted triples into one number to make small, and back."""

import numpy as np

from . import check
from .op import Op, unbroadcast, wide


def margin_ranking(positive, negative, *, margin=1.0, edge="stop"):
    """Ask of each true triple to beat its corrupted ones by a margin: ``mean relu(negative - positive + margin)``.

    Parameters
    ----------
    positive : ndarray (..., B, 1), real
    negative : ndarray (..., B, K), real; `positive` broadcasts against it
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
    gap, dtype = _gap("margin_ranking", positive, negative, margin, edge)
    return dtype.type(np.maximum(gap, 0.0).mean())


def margin_ranking_vjp(g, positive, negative, *, margin=1.0, edge="stop"):
    """Each of the n pairs that misses the margin pulls its two scores apart by ``g / n``.

    ``dnegative = g [gap > 0] / n`` and ``dpositive = -`` the same, summed over the negatives of one positive, with
    ``gap = negative - positive + margin``. At ``gap == 0`` the slope is 0 (``edge="stop"``, as in torch), 1 ("pass") or "half".

    Parameters
    ----------
    g : float
    positive, negative, margin
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
    gap, dtype = _gap("margin_ranking_vjp", positive, negative, margin, edge)
    active = (gap > 0) + {"stop": 0.0, "pass": 1.0, "half": 0.5}[edge] * (gap == 0)
    d = check.real("margin_ranking_vjp", "g", g[()] if isinstance(g, np.ndarray) and g.ndim == 0 else g) * active / gap.size
    return unbroadcast(-d, positive.shape).astype(dtype), unbroadcast(d, negative.shape).astype(dtype)


def _gap(function, positive, negative, margin, edge):
    check.array(function, "positive", positive)
    check.array(function, "negative", negative)
    check.real(function, "margin", margin)
    check.choice(function, "edge", edge, ("stop", "pass", "half"))
    if positive.dtype != negative.dtype or positive.dtype.kind == "c":
        raise TypeError(
            f"{function}: negative has dtype {negative.dtype}; allowed: real scores of {positive.dtype}, as positive has"
        )
    try:
        gap = wide(negative) - wide(positive) + margin
    except ValueError:
        raise ValueError(
            f"{function}: negative has shape {negative.shape}; allowed: one that broadcasts with {positive.shape}, that of positive"
        ) from None
    if not gap.size:
        raise ValueError(f"{function}: negative has shape {negative.shape}; allowed: at least one pair, or there is no mean")
    return gap, positive.dtype


LOSSES = {"margin_ranking": Op(margin_ranking, margin_ranking_vjp)}
"""By name."""
