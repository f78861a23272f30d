"""A distribution on finitely many numbers, as two plain arrays."""

import math
from typing import NamedTuple

import numpy as np

from ... import check


@check.public
class ScoreLaw(NamedTuple):
    """A score that takes finitely many values.

    Attributes
    ----------
    values : ndarray (k,), strictly increasing, of the dtype of the scores
    probabilities : float64 (k,), positive, with sum 1

    Examples
    --------
    >>> law = ScoreLaw(np.array([0.0, 3.0]), np.array([0.25, 0.75]))
    >>> law.mean, law.variance
    (2.25, 1.6875)
    """

    values: np.ndarray
    probabilities: np.ndarray

    @property
    def mean(self):
        """The expected score, a float."""
        return math.fsum(self.values * self.probabilities)

    @property
    def variance(self):
        """The expected square of the distance from the mean, a float."""
        return math.fsum((self.values - np.float64(self.mean)) ** 2 * self.probabilities)

    def pmf(self, x):
        """The probability that the score is `x`, to the bit; an array like `x`.

        >>> ScoreLaw(np.array([0.0, 3.0]), np.array([0.25, 0.75])).pmf([3.0, 1.0])
        array([0.75, 0.  ])
        """
        x = _numbers("pmf", "x", x)
        place = np.minimum(np.searchsorted(self.values, x), len(self.values) - 1)
        return np.where(self.values[place] == x, self.probabilities[place], 0.0)

    def cdf(self, x):
        """The probability that the score is at most `x`; an array like `x`.

        >>> ScoreLaw(np.array([0.0, 3.0]), np.array([0.25, 0.75])).cdf([-1.0, 0.0, 2.0, 3.0])
        array([0.  , 0.25, 0.25, 1.  ])
        """
        x = _numbers("cdf", "x", x)
        # below the first value the place is -1, and the 0 at the end is meant
        return np.append(self._steps(), 0.0)[np.searchsorted(self.values, x, side="right") - 1]

    def quantile(self, q):
        """The smallest value that the score does not exceed with probability `q` or more; an array like `q`, each in [0, 1].

        >>> ScoreLaw(np.array([0.0, 3.0]), np.array([0.25, 0.75])).quantile([0.0, 0.25, 0.26, 1.0])
        array([0., 0., 3., 3.])
        """
        q = _numbers("quantile", "q", q)
        outside = (q < 0) | (q > 1)
        if outside.any():
            where = np.unravel_index(int(np.argmax(outside)), q.shape)
            raise ValueError(f"quantile: q{check.position(where)} = {q[where]} is out of range; allowed: numbers >= 0 and <= 1")
        return self.values[np.searchsorted(self._steps(), q)]

    def _steps(self):
        """The cdf at each value; the last is 1, whatever the rounding."""
        return np.append(np.minimum(np.cumsum(self.probabilities)[:-1], 1.0), 1.0)


def _numbers(function, argument, value):
    """`value` as an array of real numbers without NaN."""
    value = check.numbers_in(function, argument, value)
    if value.dtype.kind == "c" or np.isnan(value).any():
        found = f"has dtype {value.dtype}" if value.dtype.kind == "c" else "holds NaN"
        raise ValueError(f"{function}: {argument} {found}; allowed: real numbers")
    return value
