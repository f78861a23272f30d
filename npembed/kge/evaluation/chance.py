"""What chance would give: expectation and variance of metrics under random ranks, and the metrics adjusted by them.

Chance means that the rank of query i is uniform on 1, ..., n_i, independently, with n_i its number of candidates. A mean rank of 10
is excellent among 40 000 candidates and poor among 20; an adjusted one can be compared. There are three kinds, for a metric M with
expectation E and variance V:

* a ratio, ``M / E``: one is chance;
* an index, ``(M - E) / (1 - E)``: zero is chance, one is perfect, below zero is worse than chance (one is M's best value);
* a z-score, ``(M - E) / sqrt(V)``, its sign such that larger is better: how many standard deviations from chance.

Where chance leaves no room (one candidate for every query, or none outside the first k) the divisor is zero; it is then replaced by
1e-12, as in PyKEEN. As M = E in that case, index and z-score are 0.

The expectations are those of realistic ranks. Hoyt et al. (2022) is: A Unified Framework for Rank-based Evaluation Metrics for Link
Prediction in Knowledge Graphs, arXiv:2203.07544. Berrendorf et al. (2020) is: On the Ambiguity of Rank-Based Evaluation of Entity
Alignment or Link Prediction Methods, arXiv:2002.06914.
"""

import math

import numpy as np

from .means import arithmetic_mean_rank, geometric_mean_rank, hits_at_k, inverse_harmonic_mean_rank

TINY = 1e-12
"""The smallest size of a divisor."""


# ---- expectation and variance; the mean of m independent numbers has the mean of their variances, over m


def mean_rank_moments(candidates):
    """Expectation and variance of the mean rank: ``mean (n + 1) / 2`` and ``mean (n^2 - 1) / 12``, over m.

    Examples
    --------
    >>> mean_rank_moments(np.array([3, 3]))
    (2.0, 0.3333333333333333)
    """
    n = candidates.astype(float)
    return float(np.mean((n + 1) / 2)), float(np.mean((n * n - 1) / 12)) / n.size


def reciprocal_rank_moments(candidates):
    """Expectation and variance of the mean reciprocal rank.

    With ``H(n) = sum 1/j`` and ``H2(n) = sum 1/j^2`` over j up to n: ``E 1/r = H(n) / n``, ``E 1/r^2 = H2(n) / n``, hence
    ``mean H / n`` and ``mean (H2 / n - (H / n)^2)``, over m.

    Examples
    --------
    >>> reciprocal_rank_moments(np.array([2]))
    (0.75, 0.0625)
    """
    n, j = candidates, np.arange(1.0, candidates.max() + 1)
    first, second = (np.cumsum(j**-power)[n - 1] / n for power in (1, 2))
    return float(np.mean(first)), float(np.mean(np.maximum(second - first**2, 0))) / n.size


def hits_moments(candidates, k):
    """Expectation and variance of hits at k: ``mean p`` and ``mean p (1 - p)``, over m, with ``p = min(k / n, 1)``.

    Examples
    --------
    >>> hits_moments(np.array([4, 1]), k=2)
    (0.75, 0.0625)
    """
    p = np.minimum(k / candidates, 1)
    return float(np.mean(p)), float(np.mean(p * (1 - p))) / p.size


def geometric_mean_rank_moments(candidates):
    """Expectation and variance of the geometric mean rank of m queries.

    It is a product of independent factors ``r_i^(1/m)``, so ``E = prod E r_i^(1/m)`` and ``V = prod E r_i^(2/m) - E^2``, where
    ``E r^a = (1^a + ... + n^a) / n``. As products of thousands of factors near one they are computed by logarithms of what is
    over one; V as ``E^2 (exp(sum log E r^(2/m) - 2 log E r^(1/m)) - 1)``, since the difference of the two products cancels. The sums
    of logarithms are exact, and rounded once.

    Examples
    --------
    >>> expected, variance = geometric_mean_rank_moments(np.array([4]))  # of one rank: its mean, and its variance 15 / 12
    >>> round(expected, 9), round(variance, 9)
    (2.5, 1.25)
    """
    n, times = np.unique(candidates, return_counts=True)
    log_j = np.log(np.arange(1, n[-1] + 1))
    one, two = (np.log1p(np.cumsum(np.expm1(power * log_j / candidates.size))[n - 1] / n) for power in (1, 2))
    expected = math.exp(math.fsum(times * one))
    return expected, expected**2 * math.expm1(max(0.0, math.fsum(times * (two - 2 * one))))


# ---- ratio, index, z-score


def _over(x, y):
    """``x / y``, with y no smaller than `TINY`; its sign is kept."""
    return x / math.copysign(max(abs(y), TINY), y)


def _index(value, moments):
    return _over(value - moments[0], 1 - moments[0])


def _z(value, moments):
    return _over(value - moments[0], math.sqrt(moments[1]))


def adjusted_arithmetic_mean_rank(ranks, candidates):
    """AMR, the mean rank over its expectation: between 0 and 2, 1 is chance, smaller is better (Berrendorf et al. 2020).

    Examples
    --------
    >>> adjusted_arithmetic_mean_rank(np.array([1, 2]), np.array([5, 5]))
    0.5
    """
    return _over(arithmetic_mean_rank(ranks), mean_rank_moments(candidates)[0])


def adjusted_arithmetic_mean_rank_index(ranks, candidates):
    """AMRI, ``1 - (MR - 1) / (E - 1)``: between -1 and 1, 0 is chance, larger is better (Berrendorf et al. 2020).

    Examples
    --------
    >>> adjusted_arithmetic_mean_rank_index(np.array([1, 2]), np.array([5, 5]))
    0.75
    """
    return _index(arithmetic_mean_rank(ranks), mean_rank_moments(candidates))


def adjusted_geometric_mean_rank_index(ranks, candidates):
    """AGMRI, ``(GMR - E) / (1 - E)``: 0 is chance, 1 is perfect (Hoyt et al. 2022).

    Examples
    --------
    >>> adjusted_geometric_mean_rank_index(np.array([1]), np.array([5]))
    1.0
    """
    return _index(geometric_mean_rank(ranks), geometric_mean_rank_moments(candidates))


def adjusted_inverse_harmonic_mean_rank(ranks, candidates):
    """Adjusted MRR, ``(MRR - E) / (1 - E)``: 0 is chance, 1 is perfect (Hoyt et al. 2022).

    Examples
    --------
    >>> adjusted_inverse_harmonic_mean_rank(np.array([2]), np.array([2]))  # E = 3/4
    -1.0
    """
    return _index(inverse_harmonic_mean_rank(ranks), reciprocal_rank_moments(candidates))


def adjusted_hits_at_k(ranks, candidates, k=10):
    """Adjusted hits at k, ``(H - E) / (1 - E)``: 0 is chance, 1 is perfect; 0 where k covers all candidates (Hoyt et al. 2022).

    Examples
    --------
    >>> adjusted_hits_at_k(np.array([1, 4]), np.array([4, 4]), k=1)  # E = 1/4
    0.3333333333333333
    """
    return _index(hits_at_k(ranks, k), hits_moments(candidates, k))


def z_arithmetic_mean_rank(ranks, candidates):
    """z-MR, ``(E - MR) / sqrt(V)``: 0 is chance, larger is better (Hoyt et al. 2022).

    Examples
    --------
    >>> z_arithmetic_mean_rank(np.array([1]), np.array([5]))  # E = 3, V = 2
    1.414213562373095
    """
    return -_z(arithmetic_mean_rank(ranks), mean_rank_moments(candidates))


def z_geometric_mean_rank(ranks, candidates):
    """z-GMR, ``(E - GMR) / sqrt(V)``: 0 is chance, larger is better (Hoyt et al. 2022).

    Examples
    --------
    >>> round(z_geometric_mean_rank(np.array([1]), np.array([5])), 6)  # of one rank it is the z-MR
    1.414214
    """
    return -_z(geometric_mean_rank(ranks), geometric_mean_rank_moments(candidates))


def z_inverse_harmonic_mean_rank(ranks, candidates):
    """z-MRR, ``(MRR - E) / sqrt(V)``: 0 is chance, larger is better (Hoyt et al. 2022).

    Examples
    --------
    >>> z_inverse_harmonic_mean_rank(np.array([1]), np.array([2]))  # E = 3/4, V = 1/16
    1.0
    """
    return _z(inverse_harmonic_mean_rank(ranks), reciprocal_rank_moments(candidates))


def z_hits_at_k(ranks, candidates, k=10):
    """z-hits at k, ``(H - E) / sqrt(V)``: 0 is chance, larger is better; 0 where k covers all candidates (Hoyt et al. 2022).

    Examples
    --------
    >>> z_hits_at_k(np.array([1]), np.array([2]), k=1)  # E = 1/2, V = 1/4
    1.0
    """
    return _z(hits_at_k(ranks, k), hits_moments(candidates, k))
