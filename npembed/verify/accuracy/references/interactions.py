"""Scores of one triple, in mpmath."""

import mpmath

from .row_maps import norm


def transe(h, r, t, *, p=1, power_norm=False):
    """``-|h + r - t|_p``, or its p-th power."""
    rest = h + r - t
    return -sum((abs(v) ** p for v in rest), mpmath.mpf(0)) if power_norm else -norm(rest, p=p)


def distmult(h, r, t):
    """``sum h r t``."""
    return (h * r * t).sum()


def complex_bilinear(h, r, t):
    """``Re sum h r conj(t)``."""
    return sum((a * b * mpmath.conj(c)).real for a, b, c in zip(h, r, t, strict=True))


def rotate(h, r, t, *, p=2, power_norm=False, turn="head"):
    """``-|h r - t|_p``; with the tail turned back ``-|h - t conj(r)|_p``."""
    back = [mpmath.conj(v) for v in r]
    return (
        transe(h * r, 0, t, p=p, power_norm=power_norm) if turn == "head" else transe(h, 0, t * back, p=p, power_norm=power_norm)
    )
