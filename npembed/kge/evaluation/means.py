"""Metrics of ranks alone: means and their inverses, hits, and how much the ranks vary.

Each takes the ranks of m queries, numbers >= 1 where 1 is the best, at least one of them. The names are PyKEEN's; the means and their
inverses are set side by side in Hoyt et al., A Unified Framework for Rank-based Evaluation Metrics for Link Prediction in Knowledge
Graphs (arXiv:2203.07544, 2022).
"""

import numpy as np

NORMAL_QUARTILE = 0.6744897501960817
"""The third quartile of the standard normal distribution, which is its median absolute deviation."""


def arithmetic_mean_rank(ranks):
    """MR, ``sum r / m``: smaller is better; a few bad ranks weigh much (Bordes et al. 2013, "mean rank").

    Examples
    --------
    >>> arithmetic_mean_rank(np.array([1, 2, 6]))
    3.0
    """
    return float(np.mean(ranks))


def geometric_mean_rank(ranks):
    """GMR, ``(prod r)^(1/m)``: smaller is better.

    Examples
    --------
    >>> round(geometric_mean_rank(np.array([1, 4, 16])), 9)
    4.0
    """
    return float(np.exp(np.mean(np.log(ranks))))


def harmonic_mean_rank(ranks):
    """HMR, ``m / sum 1/r``: smaller is better; a few good ranks weigh much.

    Examples
    --------
    >>> harmonic_mean_rank(np.array([1, 3]))
    1.5
    """
    return 1 / inverse_harmonic_mean_rank(ranks)


def median_rank(ranks):
    """The rank in the middle, the mean of the two in the middle where m is even: smaller is better.

    Examples
    --------
    >>> median_rank(np.array([1, 2, 6]))
    2.0
    """
    return float(np.median(ranks))


def inverse_arithmetic_mean_rank(ranks):
    """IMR, ``m / sum r``: between 0 and 1, larger is better.

    Examples
    --------
    >>> inverse_arithmetic_mean_rank(np.array([1, 3]))
    0.5
    """
    return 1 / arithmetic_mean_rank(ranks)


def inverse_geometric_mean_rank(ranks):
    """IGMR, ``(prod r)^(-1/m)``: between 0 and 1, larger is better.

    Examples
    --------
    >>> round(inverse_geometric_mean_rank(np.array([1, 4, 16])), 9)
    0.25
    """
    return 1 / geometric_mean_rank(ranks)


def inverse_harmonic_mean_rank(ranks):
    """MRR, the mean reciprocal rank, ``sum (1/r) / m``: between 0 and 1, larger is better.

    Examples
    --------
    >>> inverse_harmonic_mean_rank(np.array([1, 2]))
    0.75
    """
    return float(np.mean(1 / ranks))


def inverse_median_rank(ranks):
    """One over the median rank: between 0 and 1, larger is better.

    Examples
    --------
    >>> inverse_median_rank(np.array([1, 2, 6]))
    0.5
    """
    return 1 / median_rank(ranks)


def hits_at_k(ranks, k=10):
    """The share of ranks that are k or better, ``#(r <= k) / m``: larger is better (Bordes et al. 2013, "hits@10").

    A realistic rank of 1.5, a tie for the first place, is no hit at 1.

    Examples
    --------
    >>> hits_at_k(np.array([1, 2, 6, 40]), k=1)
    0.25
    """
    return float(np.mean(ranks <= k))


def standard_deviation(ranks):
    """The root of the `variance`.

    Examples
    --------
    >>> standard_deviation(np.array([1, 5]))
    2.0
    """
    return float(np.std(ranks))


def variance(ranks):
    """``sum (r - MR)^2 / m``, divided by m and not by m - 1.

    Examples
    --------
    >>> variance(np.array([1, 5]))
    4.0
    """
    return float(np.var(ranks))


def median_absolute_deviation(ranks):
    """MAD, the median of ``|r - median r|`` over 0.6745, which makes it the standard deviation of normally distributed numbers.

    Examples
    --------
    >>> round(median_absolute_deviation(np.array([1, 2, 6])), 4)  # the deviations are 1, 0, 4
    1.4826
    """
    return float(np.median(np.abs(ranks - np.median(ranks)))) / NORMAL_QUARTILE


def count(ranks):
    """How many ranks there are, as a float, like all metrics.

    Examples
    --------
    >>> count(np.array([1, 2, 6]))
    3.0
    """
    return float(len(ranks))
