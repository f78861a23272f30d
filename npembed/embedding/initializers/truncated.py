"""The normal distribution between two bounds."""

import math

import numpy as np

from ... import check
from ...numerics.random import generator
from ...numerics.random.arguments import real_dtype

_SHARE = 0.3
_RATE = 1e-5


@check.public
def trunc_normal(rng, shape, dtype=np.float32, *, mean=0.0, std=1.0, a=-2.0, b=2.0):
    """Draw from N(mean, std^2) what lies in [a, b]; `a` and `b` are bounds of the number, not multiples of `std`.

    Where more than .3 of the normal distribution lies in [a, b], a whole table of normal numbers is drawn again and again, and each
    entry keeps the first that is inside. Elsewhere the tables are uniform on [a, b), and an entry keeps x with the probability
    ``exp(-((x - mean)^2 - (m - mean)^2) / (2 std^2))``, m being the point of [a, b] nearest to the mean. Both are exact, also far
    from the mean, where torch warns that its may not be.

    torch's numbers from the same seed, but for an entry whose drawn logarithm lies within an ulp of that probability's: it may be
    kept on one side and not on the other, which happens to less than one in 10^7 float32 draws.

    Parameters
    ----------
    rng, shape, dtype
        As in `normal`.
    mean, std : float, std > 0
    a, b : float, a <= b; infinite ones only in the first case

    Raises
    ------
    ValueError
        Also where not one in 10^5 of the uniform numbers would be kept, and where rounding to `dtype` leaves none inside.

    References
    ----------
    torch.nn.init.trunc_normal_ (2.13); von Neumann, Various techniques used in connection with random digits (1951), on rejection.

    Examples
    --------
    >>> x = trunc_normal(0, (100, 10), mean=1.0, a=0.5, b=1.5)
    >>> bool(((x >= 0.5) & (x <= 1.5)).all())
    True
    """
    rng, dtype = generator(rng), real_dtype("trunc_normal", dtype)
    mean = check.real("trunc_normal", "mean", mean)
    std = check.real("trunc_normal", "std", std, above=0)
    a, b = (check.real("trunc_normal", name, value, finite=False) for name, value in (("a", a), ("b", b)))
    if b < a:
        raise ValueError(f"trunc_normal: a = {a:g} exceeds b = {b:g}; allowed: a <= b")
    if _below((b - mean) / std) - _below((a - mean) / std) > _SHARE:
        return _redrawn(rng, shape, dtype, mean, std, a, b)
    return _accepted(rng, shape, dtype, mean, std, a, b)


def _below(z):
    """The share of N(0, 1) below `z`."""
    return (1.0 + math.erf(z / math.sqrt(2.0))) / 2.0


def _redrawn(rng, shape, dtype, mean, std, a, b):
    """Normal numbers, drawn anew until all are inside; the bounds are rounded as the numbers are."""
    with np.errstate(over="ignore"):
        low, high = dtype.type(a), dtype.type(b)
    x = rng.normal(shape, mean, std, dtype)
    for _ in range(1000):  # more than .3 is inside, so a few dozen do, unless rounding has put all of it outside
        outside = (x < low) | (x > high)
        if not outside.any():
            return x
        x = np.where(outside, rng.normal(shape, mean, std, dtype), x)
    raise _none_inside(dtype, mean, std, a, b)


def _accepted(rng, shape, dtype, mean, std, a, b):
    """Uniform numbers, each kept with the probability that the normal density has relative to its peak in [a, b]."""
    if math.isinf(a) or math.isinf(b):
        allowed = f"finite bounds where they hold no more than {_SHARE:g} of the distribution"
        raise ValueError(f"trunc_normal: a = {a:g} and b = {b:g} lie in the tail of N({mean:g}, {std:g}^2); allowed: {allowed}")
    off = abs(min(max(mean, a), b) - mean) / std  # how far the peak is from the mean
    width = std * min(math.sqrt(2 * math.pi), 1 / off if off else math.inf)  # the area under the density is at most this
    rate = min(1.0, width / (b - a)) if b > a else 1.0
    if rate < _RATE:
        found = (
            f"a = {a:g} and b = {b:g} are so wide that not one draw in {1 / _RATE:g} is kept for mean = {mean:g}, std = {std:g}"
        )
        raise ValueError(f"trunc_normal: {found}; allowed: bounds nearer to each other or to the mean")
    given = {"mean": mean, "std": std, "a": a, "b": b}
    center, scale, a, b = (check.fits("trunc_normal", name, value, dtype) for name, value in given.items())
    with np.errstate(over="ignore"):
        log_peak = dtype.type(-0.5 * off * off)

    def refused(x):
        log_density = ((x - center) / scale) ** 2 * dtype.type(-0.5) - log_peak
        return np.log(rng.rand(shape, dtype).astype(np.float64)).astype(dtype) > log_density

    with np.errstate(all="ignore"):
        x = rng.uniform(shape, float(a), float(b), dtype)
        pending = refused(x)
        for _ in range(1000 + int(100 / rate)):
            if not pending.any():
                return x
            candidates = rng.uniform(shape, float(a), float(b), dtype)
            x = np.where(pending, candidates, x)
            pending &= refused(candidates)
    raise _none_inside(dtype, mean, std, a, b)


def _none_inside(dtype, mean, std, a, b):
    found = f"a = {a:g} and b = {b:g} hold none of what is drawn with mean = {mean:g}, std = {std:g}"
    return ValueError(f"trunc_normal: {found} in {dtype}; allowed: bounds that {dtype} tells apart")
