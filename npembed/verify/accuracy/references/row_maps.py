"""Norms and maps of one row, in mpmath."""

import math

import mpmath
import numpy as np


def each(f, x):
    """`f` of every entry of an array of mpmath's numbers."""
    return np.array([f(v) for v in x.ravel()], dtype=object).reshape(x.shape)


def norm(x, *, p=2.0):
    """``(sum |x_i|^p)^(1/p)``."""
    sizes = [abs(v) for v in x.ravel()]
    if p == math.inf:
        return max(sizes, default=mpmath.mpf(0))
    if p == 1:
        return sum(sizes, mpmath.mpf(0))
    total = sum((v**p for v in sizes if v), mpmath.mpf(0))
    return mpmath.sqrt(total) if p == 2 else mpmath.root(total, 3) if p == 3 else total ** (1 / mpmath.mpf(p))


def normalize(x, *, p=2.0, eps=1e-12, precision=None):
    """``x / max(|x|_p, eps)``."""
    length = max(norm(x, p=p), mpmath.mpf(eps))
    return x / length if length else x


def complex_normalize(x, *, eps=0.0):
    """``z / max(|z|, eps)`` for every entry; of real rows for every pair."""
    if not isinstance(x.flat[0], mpmath.mpc):
        return np.concatenate([normalize(pair, eps=eps) for pair in x.reshape(-1, 2)])
    return each(lambda z: z / max(abs(z), mpmath.mpf(eps)) if z else z, x)


def quaternion_normalize(x, *, eps=1e-12):
    """Four by four."""
    return np.concatenate([normalize(four, eps=eps) for four in x.reshape(-1, 4)])


def clamp(x, *, min=None, max=None, edge=None):
    """The nearest number in the interval, whose ends are those of the dtype."""
    low, high = (mpmath.mpf(v) for v in (min, max))
    return each(lambda v: low if v < low else high if v > high else v, x)


def clamp_norm(x, *, maxnorm, p=2.0):
    """The row, or the one in its direction of length `maxnorm`."""
    length = norm(x, p=p)
    return x * (maxnorm / length) if length > maxnorm else x


def softmax(x):
    """``exp x_i / sum exp x_j``."""
    weights = each(mpmath.exp, x)
    return weights / weights.sum()
