"""Regularizers of a few rows, in mpmath."""

import math

import mpmath

from .row_maps import norm, normalize


def _mean(terms):
    return sum(terms, mpmath.mpf(0)) / len(terms)


def lp(x, *, weight=1.0, p=2.0, normalize=False):
    """``weight mean |x|_p``, over the mean length of a row of normal numbers (p = 2: by Gamma functions) with `normalize`."""
    d, expected = x.shape[-1], mpmath.mpf(1)
    if normalize and p == 1:
        expected = d * mpmath.sqrt(2 / mpmath.pi)
    elif normalize:
        expected = mpmath.sqrt(2) * mpmath.gamma(mpmath.mpf(d + 1) / 2) / mpmath.gamma(mpmath.mpf(d) / 2)
    return weight * _mean([norm(row, p=p) for row in x]) / expected


def power_sum(x, *, weight=1.0, p=2.0, normalize=False):
    """``weight mean_rows sum |x_i|^p``, over d with `normalize`."""
    return weight * _mean([sum(abs(v) ** p for v in row) for row in x]) / (x.shape[-1] if normalize else 1)


def norm_limit(x, *, weight=1.0, p=2.0, power_norm=True, max_norm=1.0, edge="half"):
    """``weight sum_rows relu(N - max_norm)``."""
    sizes = [sum(abs(v) ** p for v in row) if power_norm else norm(row, p=p) for row in x]
    return weight * sum((max(size - max_norm, mpmath.mpf(0)) for size in sizes), mpmath.mpf(0))


def orthogonality(a, b, *, weight=1.0, epsilon=1e-5, eps=1e-8):
    """``weight sum_rows relu(cos^2 - epsilon^2)``."""
    cosines = [(normalize(u, eps=eps) * normalize(v, eps=eps)).sum() for u, v in zip(a, b, strict=True)]
    return weight * sum((max(c**2 - mpmath.mpf(epsilon) ** 2, mpmath.mpf(0)) for c in cosines), mpmath.mpf(0))


def combined(x, *, regularizers, weight=1.0):
    """The weighted mean of others, named as in the table below."""
    known: dict = {"lp": lp, "power_sum": power_sum, "norm_limit": norm_limit}
    total = math.fsum(share for _, _, share in regularizers)
    return weight * sum(share * known[name](x, **(options or {})) for name, options, share in regularizers) / total


def no(x, *, weight=1.0):
    """Nothing."""
    return mpmath.mpf(0)
