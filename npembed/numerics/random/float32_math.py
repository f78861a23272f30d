"""Float32 log, sine and cosine to the last bit as torch's vectorised normal fill computes them.

torch fills a float32 tensor with normal numbers eight lanes at a time, with polynomials of the Cephes library whose multiply and
add the compiler has fused. The same polynomials in the same order, each fused step rounded once, give the same bits. They are
good for arguments that the fill produces, log on [2**-24, 1] and angles in [0, 2 pi], and nothing else is claimed.
"""

import numpy as np

from .float64_math import add_to_odd

_f = np.float32
_LOW_BITS, _TIE = np.int64(2**29 - 1), np.int64(2**28)
_SMALLEST_NORMAL = 2.0**-126

LOG = tuple(
    _f(c)
    for c in (
        *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
        *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
    )
)
"""Cephes logf: the polynomial of (log(1 + x) - x + x**2 / 2) / x**3, highest power first."""

LN2_HIGH, LN2_LOW = _f(0.693359375), _f(-2.12194440e-4)
"""ln 2 in two parts, the first exact in 10 bits."""

COS = tuple(_f(c) for c in (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2))
SIN = tuple(_f(c) for c in (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1))
"""Cephes sinf and cosf on [-pi/4, pi/4], polynomials in x**2, highest power first."""

QUARTER_PI = tuple(_f(c) for c in (0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8))
"""pi/4 in three parts."""

_CHUNK = 1 << 14


def fma(a, b, c):
    """The fused multiply-add ``a * b + c`` in float32, rounded once.

    The product of two float32 is exact in float64. Their sum with c is rounded to 53 bits and then to 24, and these two roundings
    differ from one only where the first lands on a tie of the second; such elements are added to odd instead.

    Parameters
    ----------
    a, b, c : ndarray or scalar
        float32; broadcast against each other.

    Returns
    -------
    ndarray of float32

    Examples
    --------
    >>> a, c = np.float32(1 + 2**-12), np.float32(2**-70)  # a * a lies half way between two float32, c lifts it
    >>> print(fma(a, a, c) - np.float32(np.float64(a) * a + c))
    1.1920929e-07
    """
    product = np.multiply(a, b, dtype=np.float64)
    total = np.asarray(product + np.float64(c))
    # Below the smallest normal float32 the ties lie elsewhere; there all elements are done with care.
    doubtful = (total.view(np.int64) & _LOW_BITS == _TIE) | (abs(total) < _SMALLEST_NORMAL)
    if doubtful.any():
        product, c = np.broadcast_arrays(product, np.float64(c))
        total[doubtful] = add_to_odd(product[doubtful], c[doubtful])
    with np.errstate(over="ignore"):
        return total.astype(np.float32)


def _horner(coefficients, x):
    """The polynomial with `coefficients`, highest power first, at `x`, every step fused."""
    y = coefficients[0]
    for coefficient in coefficients[1:]:
        y = fma(y, x, coefficient)
    return y


def log(x):
    """The natural logarithm.

    ``x = m 2**e`` with m in [sqrt(1/2), sqrt(2)); then ``log x = e ln 2 + log(1 + (m - 1))``.

    Parameters
    ----------
    x : ndarray of float32
        In [2**-24, 1].

    Returns
    -------
    ndarray of float32
        Within one part in 10**6 of the logarithm (near 1, where it vanishes, too).

    References
    ----------
    torch/include/ATen/native/cpu/avx_mathfun.h, log256_ps.

    Examples
    --------
    >>> print(log(np.array([0.25, 1.0], np.float32)))
    [-1.3862944  0.       ]
    """
    m, e = np.frexp(x)
    small = m < _f(0.707106781186547524)
    e = np.where(small, e - 1, e).astype(np.float32)
    m = np.where(small, m + (m - _f(1)), m - _f(1))
    z = m * m
    y = _horner(LOG, m) * m
    y = fma(y, z, e * LN2_LOW)
    y = fma(-z, _f(0.5), y)
    return e * LN2_HIGH + (m + y)  # this product is exact, so fused or not is the same


def sincos(x):
    """Sine and cosine.

    The octant ``j``, made even, is subtracted as ``j pi/4`` in three parts; what is left lies in [-pi/4, pi/4].

    Parameters
    ----------
    x : ndarray of float32
        Angles in radians, in [0, 2 pi].

    Returns
    -------
    tuple of two ndarrays of float32
        The sine and the cosine, within 1e-7.

    References
    ----------
    torch/include/ATen/native/cpu/avx_mathfun.h, sincos256_ps.

    Examples
    --------
    >>> sine, cosine = sincos(np.array([0.0, 1.0], np.float32))
    >>> print(sine, cosine)
    [0.         0.84147096] [1.        0.5403023]
    """
    j = ((x * _f(1.27323954473516)).astype(np.int32) + 1) & ~1
    octants = j.astype(np.float32)
    for part in QUARTER_PI:
        x = fma(octants, -part, x)
    z = x * x
    even = fma(_horner(COS, z) * z, z, -(z * _f(0.5))) + _f(1)
    odd = fma(_horner(SIN, z) * z, x, x)
    swap = j & 2 != 0
    sine, cosine = np.where(swap, even, odd), np.where(swap, odd, even)
    return np.where(j & 4 != 0, -sine, sine), np.where((j + 2) & 4 != 0, -cosine, cosine)


def box_muller(radius_uniforms, angle_uniforms):
    """Pairs of standard normal numbers, ``r cos(theta)`` and ``r sin(theta)``, in float32.

    ``r = sqrt(-2 log(1 - u))`` for the first array and ``theta = 2 pi u`` for the second.

    Parameters
    ----------
    radius_uniforms, angle_uniforms : ndarray of float32
        Multiples of 2**-24 in [0, 1), of one shape ``(n, 8)``.

    Returns
    -------
    tuple of two ndarrays of float32

    References
    ----------
    torch/include/ATen/native/cpu/DistributionTemplates.h, NormalFill16<float>.

    Examples
    --------
    >>> cosine, sine = box_muller(np.array([[0.5]], np.float32), np.array([[0.25]], np.float32))
    >>> print(sine)
    [[1.17741]]
    """
    first, second = np.empty_like(radius_uniforms), np.empty_like(radius_uniforms)
    for start in range(0, len(radius_uniforms), _CHUNK):  # so that the temporaries stay in the cache
        part = slice(start, start + _CHUNK)
        radius = np.sqrt(_f(-2) * log(_f(1) - radius_uniforms[part]))
        sine, cosine = sincos(_f(2 * np.pi) * angle_uniforms[part])
        first[part], second[part] = radius * cosine, radius * sine
    return first, second
