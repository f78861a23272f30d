"""What pointwise losses share: each score has a term of its own, with its label, and the loss is the mean of them.

A term and its slope are functions of scores x and labels y in float64.
"""

import numpy as np

from ... import check
from .arguments import columns, labelled


def pair_mean(function, term, positive, negative, mask):
    """The mean of ``term(x, y)`` over the true scores (y = 1) and those corrupted ones that count (y = 0), all weighted alike."""
    positive, negative, mask, dtype = columns(function, positive, negative, mask)
    total = term(positive, 1.0).sum() + np.where(mask, term(negative, 0.0), 0.0).sum()
    return dtype.type(total / (positive.size + mask.sum()))


def pair_mean_gradients(function, slope, g, positive, negative, mask):
    """``g slope(x, y) / n`` for every one of the n scores that count, 0 for the others; in the dtype of the scores."""
    positive, negative, mask, dtype = columns(function, positive, negative, mask)
    share = check.cotangent(function, g) / (positive.size + mask.sum())
    dnegative = np.where(mask, slope(negative, 0.0), 0.0)
    return (share * slope(positive, 1.0)).astype(dtype), (share * dnegative).astype(dtype)


def label_mean(function, term, scores, labels):
    """The mean of ``term(x, y)`` over all scores with their labels."""
    x, y, dtype = labelled(function, scores, labels)
    return dtype.type(term(x, y).mean())


def label_mean_gradient(function, slope, g, scores, labels):
    """``g slope(x, y) / n``, in the dtype of the scores."""
    x, y, dtype = labelled(function, scores, labels)
    return (check.cotangent(function, g) / x.size * slope(x, y)).astype(dtype)
