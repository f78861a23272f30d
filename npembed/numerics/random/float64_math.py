"""Float64 arithmetic to the last bit: a fused multiply-add without the instruction, and the Box-Muller pair of the C library.

NumPy has no fused multiply-add, and its own log differs from the C library's in the last bit for some 0.3 % of arguments, so
both are spelled out here. log, log1p, sin and cos are Python's `math`, that is, the C library's, which torch calls too.
"""

import math
from fractions import Fraction

import numpy as np

_SPLITTER = 2.0**27 + 1.0
_SMALLEST, _LARGEST = 2.0**-960, 2.0**990


def _two_sum(a, b):
    """``s + e == a + b`` exactly, with s the rounded sum (Knuth)."""
    s = a + b
    back = s - a
    return s, (a - (s - back)) + (b - back)


def _halves(a):
    """``high + low == a`` exactly, each of 26 bits or fewer (Veltkamp)."""
    big = _SPLITTER * a
    high = big - (big - a)
    return high, a - high


def _two_product(a, b):
    """``p + e == a * b`` exactly, with p the rounded product (Dekker), where nothing over- or underflows."""
    p = a * b
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    return p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low


def add_to_odd(a, b):
    """``a + b``, rounded to odd: an inexact sum becomes the neighbour whose last bit is 1.

    Rounding such a sum once more, to 51 bits or fewer, gives what one single rounding of the exact sum would have given: an odd
    last bit is never mistaken for a tie.

    Parameters
    ----------
    a, b : ndarray of float64
        Finite, of one shape.

    Returns
    -------
    ndarray of float64

    References
    ----------
    Boldo and Melquiond, Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd,
    IEEE Transactions on Computers 57(4), 2008, doi:10.1109/TC.2007.70819.

    Examples
    --------
    >>> float(add_to_odd(np.array([1.0]), np.array([2.0**-80]))[0]) == 1.0 + 2.0**-52
    True
    """
    s, error = _two_sum(a, b)
    bits = s.view(np.int64)
    # One step of the bit pattern is one step away from zero, whatever the sign.
    away = np.where((error > 0) == (s > 0), 1, -1)
    return np.where((error != 0) & (bits & 1 == 0), bits + away, bits).view(np.float64)


def _exactly(a, b, c):
    """``a * b + c`` for three Python floats, by fractions."""
    if not all(map(math.isfinite, (a, b, c))):
        return a * b + c
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def fma(a, b, c):
    """The fused multiply-add ``a * b + c``, rounded once.

    The product is split into two doubles without error; the small parts are added to odd, so that the last addition rounds
    right. Elements so large or so small that the product cannot be split are done by fractions.

    Parameters
    ----------
    a, b, c : ndarray or float
        float64; broadcast against each other.

    Returns
    -------
    ndarray of float64

    References
    ----------
    Boldo and Melquiond 2008 (see `add_to_odd`), figure 2.

    Examples
    --------
    >>> float(fma(1.0 + 2.0**-52, 1.0 - 2.0**-52, -1.0)) == -(2.0**-104)  # the two roundings of a * b + c give 0.0
    True
    """
    a, b, c = (np.asarray(x, np.float64) for x in (a, b, c))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        plain = a * b + c
        # A term that is 0 leaves one rounding, and plain arithmetic has the signs of zeros right.
        simple = (a == 0) | (b == 0) | (c == 0)
        if simple.all():
            return plain
        a, b, c = np.broadcast_arrays(a, b, c)
        product, low = _two_product(a, b)
        middle, rest = _two_sum(c, low)
        high, rest2 = _two_sum(product, middle)
        result = np.where(simple, plain, high + add_to_odd(rest, rest2))
        size = abs(product)
        fits = (abs(a) < _LARGEST) & (abs(b) < _LARGEST) & (abs(c) < _LARGEST) & (size > _SMALLEST) & (size < _LARGEST)
    for index in np.flatnonzero(~(fits | simple)):
        result.flat[index] = _exactly(a.flat[index].item(), b.flat[index].item(), c.flat[index].item())
    return result


def _each(function, x):
    """`function` of the C library on every element of the float64 array `x`."""
    return np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


def box_muller(radius_uniforms, angle_uniforms):
    """Pairs of standard normal numbers, ``r cos(theta)`` and ``r sin(theta)``, in float64.

    ``r = sqrt(-2 log(1 - u))`` for the first array and ``theta = 2 pi u`` for the second.

    Parameters
    ----------
    radius_uniforms, angle_uniforms : ndarray of float64
        In [0, 1), of one shape.

    Returns
    -------
    tuple of two ndarrays of float64

    References
    ----------
    torch/include/ATen/native/cpu/DistributionTemplates.h, NormalFill16.

    Examples
    --------
    >>> cosine, sine = box_muller(np.array([0.5]), np.array([0.25]))
    >>> print(cosine.round(3), sine.round(3))
    [0.] [1.177]
    """
    radius = np.sqrt(-2.0 * _each(math.log, 1.0 - radius_uniforms))
    theta = 2.0 * math.pi * angle_uniforms
    return radius * _each(math.cos, theta), radius * _each(math.sin, theta)


def box_muller_log1p(radius_uniforms, angle_uniforms):
    """`box_muller` with ``log1p(-u)`` in place of ``log(1 - u)``: the last bit may differ.

    Parameters
    ----------
    radius_uniforms, angle_uniforms : ndarray of float64
        In [0, 1), of one shape.

    Returns
    -------
    tuple of two ndarrays of float64

    References
    ----------
    torch/include/ATen/core/DistributionsHelper.h, normal_distribution.

    Examples
    --------
    >>> cosine, sine = box_muller_log1p(np.array([0.5]), np.array([0.25]))
    >>> print(cosine.round(3), sine.round(3))
    [0.] [1.177]
    """
    radius = np.sqrt(-2.0 * _each(math.log1p, -radius_uniforms))
    theta = 2.0 * math.pi * angle_uniforms
    return radius * _each(math.cos, theta), radius * _each(math.sin, theta)
