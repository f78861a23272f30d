"""What losses accept: every loss checks its scores here, and gets them back in float64."""

import numpy as np

from ... import check
from ...numerics.precision import to_float64


def same_dtype(function, positive, negative):
    """The one real dtype of two arrays of scores."""
    check.array(function, "positive", positive)
    check.array(function, "negative", negative)
    if positive.dtype != negative.dtype or positive.dtype.kind == "c":
        raise TypeError(
            f"{function}: negative has dtype {negative.dtype}; allowed: real scores of {positive.dtype}, as positive has"
        )
    return positive.dtype


def kept(function, mask, negative):
    """`mask` as a bool array like `negative`: True where a negative counts; all count if it is None."""
    if mask is None:
        return np.ones(negative.shape, bool)
    return np.ascontiguousarray(check.mask(function, "mask", mask, negative.shape, "negative"))


def in_order(scores):
    """Scores in float64 and in C order: they are added up in one order, whatever their layout was."""
    return np.ascontiguousarray(to_float64(scores))


def columns(function, positive, negative, mask):
    """Scores of B true triples and of K corrupted ones for each.

    Returns
    -------
    positive : float64 (B, 1)
    negative : float64 (B, K), with 0 where `mask` is False, so that whatever stood there (NaN, say) is not seen
    mask : bool (B, K)
    dtype : of the scores given
    """
    dtype = same_dtype(function, positive, negative)
    if positive.ndim != 2 or positive.shape[1] != 1:
        raise ValueError(f"{function}: positive has shape {positive.shape}; allowed: (B, 1), one score a row")
    if negative.ndim != 2 or len(negative) != len(positive):
        allowed = f"({len(positive)}, K), K corrupted triples for each true one"
        raise ValueError(f"{function}: negative has shape {negative.shape}; allowed: {allowed}")
    if not negative.size:
        raise ValueError(f"{function}: negative has shape {negative.shape}; allowed: at least one pair, or there is no mean")
    mask = kept(function, mask, negative)
    return in_order(positive), np.where(mask, in_order(negative), 0.0), mask, dtype


def labelled(function, scores, labels):
    """Scores (B, N) of candidates in float64, their labels in float64, and the dtype of the scores.

    Labels are numbers >= 0 of any real dtype: 1 for true, 0 for false; counts and smoothed labels are weights in those losses that
    have a formula for them, and otherwise true if above 1/2.
    """
    check.array(function, "scores", scores)
    if scores.dtype.kind == "c" or scores.ndim != 2:
        raise ValueError(f"{function}: scores have dtype {scores.dtype} and shape {scores.shape}; allowed: real (B, N)")
    if not scores.size:
        raise ValueError(f"{function}: scores has shape {scores.shape}; allowed: at least one score, or there is no mean")
    allowed = f"a NumPy array of numbers >= 0 of shape {scores.shape}, as scores has"
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "biuf":
        found = f"has dtype {labels.dtype}" if isinstance(labels, np.ndarray) else f"is a {type(labels).__name__}"
        raise TypeError(f"{function}: labels {found}; allowed: {allowed}")
    if labels.shape != scores.shape:
        raise ValueError(f"{function}: labels has shape {labels.shape}; allowed: {allowed}")
    bad = ~((labels >= 0) & (labels < np.inf))
    if bad.any():
        first = np.unravel_index(int(np.argmax(bad)), bad.shape)
        raise ValueError(f"{function}: labels{check.position(first)} = {labels[first]} is no label; allowed: {allowed}")
    return in_order(scores), labels.astype(np.float64, order="C"), scores.dtype
