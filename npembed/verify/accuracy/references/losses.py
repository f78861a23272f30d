"""Losses of one batch, in mpmath."""

import mpmath
import numpy as np

from .row_maps import each, softmax


def _log1pexp(x):
    return mpmath.log1p(mpmath.exp(x))


def _kept(positive, negative, mask):
    """The true scores, and those corrupted ones that count."""
    return list(positive.ravel()), list(negative.ravel() if mask is None else negative[mask])


def _mean(terms):
    terms = list(terms)
    return sum(terms, mpmath.mpf(0)) / max(len(terms), 1)


def _relu(x):
    return max(x, mpmath.mpf(0))


def margin_ranking(positive, negative, *, mask=None, margin=1.0, edge="half"):
    """``mean relu(negative - positive + margin)``."""
    gaps = negative - positive + margin
    return _mean(map(_relu, gaps.ravel() if mask is None else gaps[mask]))


def margin_ranking_lcwa(scores, labels, *, margin=1.0, edge="half"):
    """The same over all pairs of a true and a false candidate of a row."""
    return _mean(
        _relu(b - a + margin)
        for row, true in zip(scores, labels > 0.5, strict=True)
        for a in row[true]
        for b in row[~true]
    )  # fmt: skip


def softplus(positive, negative, *, mask=None):
    """``mean log(1 + exp(-+x))``."""
    true, false = _kept(positive, negative, mask)
    return _mean([_log1pexp(-x) for x in true] + [_log1pexp(x) for x in false])


def softplus_lcwa(scores, labels):
    """The same by labels."""
    return _mean(_log1pexp((1 - 2 * mpmath.mpf(float(y))) * x) for x, y in zip(scores.flat, labels.flat, strict=True))


def bce_with_logits(positive, negative, *, mask=None, pos_weight=None):
    """``mean -w log p`` and ``-log(1 - p)``."""
    true, false = _kept(positive, negative, mask)
    return _mean([(pos_weight or 1) * _log1pexp(-x) for x in true] + [_log1pexp(x) for x in false])


def bce_with_logits_lcwa(scores, labels, *, pos_weight=None):
    """The same by labels, which may be shares."""

    def term(x, y):
        y = mpmath.mpf(float(y))
        return y * (pos_weight or 1) * _log1pexp(-x) + (1 - y) * _log1pexp(x)

    return _mean(term(x, y) for x, y in zip(scores.flat, labels.flat, strict=True))


def mse(positive, negative, *, mask=None):
    """``mean (x - y)^2``."""
    true, false = _kept(positive, negative, mask)
    return _mean([(x - 1) ** 2 for x in true] + [x**2 for x in false])


def mse_lcwa(scores, labels):
    """The same by labels."""
    return _mean((x - mpmath.mpf(float(y))) ** 2 for x, y in zip(scores.flat, labels.flat, strict=True))


def _weighted(row, margin, temperature):
    """``sum_k w_k log(1 + exp(m + x_k))`` with the softmax of the row for weights."""
    if not len(row):
        return mpmath.mpf(0)
    return (softmax(row * mpmath.mpf(temperature)) * each(_log1pexp, row + margin)).sum()


def nssa(positive, negative, *, mask=None, margin=9.0, adversarial_temperature=1.0, detach=False):
    """Half of the mean of the true terms plus the mean of the rows of weighted false ones."""
    rows = zip(negative, np.ones(negative.shape, bool) if mask is None else mask, strict=True)
    false = _mean(_weighted(row[kept], margin, adversarial_temperature) for row, kept in rows)
    return (_mean(_log1pexp(-margin - x) for x in positive.flat) + false) / 2


def nssa_lcwa(scores, labels, *, margin=9.0, adversarial_temperature=1.0, detach=False):
    """The same by labels."""
    true = labels > 0.5
    false = _mean(_weighted(row[~t], margin, adversarial_temperature) for row, t in zip(scores, true, strict=True))
    return (_mean(_log1pexp(-margin - x) for x in scores[true]) + false) / 2


def _log_sum(row):
    return mpmath.log(each(mpmath.exp, row).sum())


def crossentropy(positive, negative, *, mask=None):
    """``mean log(1 + sum_k exp(negative_k - positive))``."""
    rows = zip(positive[:, 0], negative, np.ones(negative.shape, bool) if mask is None else mask, strict=True)
    return _mean(mpmath.log1p(sum((mpmath.exp(v - x) for v in row[kept]), mpmath.mpf(0))) for x, row, kept in rows)


def crossentropy_lcwa(scores, labels):
    """``mean_rows sum_j q_j (log sum exp x - x_j)``, and 0 for a row without a label."""

    def row(x, y):
        y = np.array([mpmath.mpf(float(v)) for v in y], dtype=object)
        return (y * (_log_sum(x) - x)).sum() / y.sum() if y.sum() else mpmath.mpf(0)

    return _mean(row(x, y) for x, y in zip(scores, labels, strict=True))
