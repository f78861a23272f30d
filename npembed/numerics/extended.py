"""Floats whose exponent has no bounds, for what leaves the range of floats on the way to a result that is in it.

A formula is first computed in floats. Where a step of it over- or underflows, which the processor notes, it is computed once more in
`Extended` numbers, each a float in [.5, 1) and a whole exponent of its own. They are rounded as floats are, so that a number for
which nothing left the range comes out the same to the bit, but for the sign of a zero in complex numbers.

References
----------
Demmel and Li, Faster numerical algorithms via exception handling (IEEE Transactions on Computers 43, 1994).
"""

import numpy as np

from .double_double import product
from .exact import joined

NOTHING = -(2**24)
"""The exponent of zero (and of what is not finite), below any other's."""


class Extended:
    """Numbers ``m * 2**k``; the last axis of `m` and `k` holds the parts of each, one of a real number and two of a complex one.

    It has the operations that the formulas of row maps, interactions and regularizers are made of, and NumPy's meaning of them.

    >>> tiny = Extended(np.array([[1e-300], [3.0]]), 0)
    >>> floats(tiny * tiny / tiny)
    array([1.e-300, 3.e+000])
    """

    __slots__ = ("k", "m")
    __array_ufunc__ = None  # an array on the left leaves the operation to this class
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, m, k):
        self.m, shift = np.frexp(m)
        self.k = np.where(np.isfinite(m) & (m != 0), k + shift, NOTHING).astype(np.int32)

    @property
    def shape(self):
        """That of the numbers."""
        return self.m.shape[:-1]

    @property
    def ndim(self):
        """That of the numbers."""
        return self.m.ndim - 1

    @property
    def real(self):
        """The real parts."""
        return Extended(self.m[..., :1], self.k[..., :1])

    def conj(self):
        """The conjugates."""
        return Extended(self.m * [1.0, -1.0][: self.m.shape[-1]], self.k)

    def __neg__(self):
        return Extended(-self.m, self.k)

    def __abs__(self):
        z, k = self._whole()
        return Extended(np.abs(z)[..., None], k)

    def __add__(self, other):
        other = extended(other)
        k = np.maximum(self.k, other.k)
        return Extended(np.ldexp(self.m, self.k - k) + np.ldexp(other.m, other.k - k), k)

    __radd__ = __add__

    def __sub__(self, other):
        return self + -extended(other)

    def __rsub__(self, other):
        return extended(other) - self

    def __mul__(self, other):
        other = extended(other)
        if self.m.shape[-1] == other.m.shape[-1] == 2:
            (a, j), (b, k) = self._whole(), other._whole()
            whole = extended(a * b, j[..., 0] + k[..., 0])
            apart = self._apart() | other._apart()
            return where(apart, self._times(other), whole) if apart.any() else whole
        return Extended(self.m * other.m, self.k + other.k)

    __rmul__ = __mul__

    def __truediv__(self, other):
        other = extended(other)
        return Extended(self.m / other.m, self.k - other.k)

    def __pow__(self, power):
        """Of real numbers >= 0: ``m**power 2**(k power)``, the second power split in a whole one and the rest."""
        with np.errstate(all="ignore"):
            x = np.ldexp(self.m, self.k) ** power
            whole, rest = product(self.k.astype(float), np.float64(power))
            k = np.rint(whole)
            beyond = Extended(self.m**power * np.exp2(whole - k + rest), k.astype(np.int32))
        return where(((self.m == 0) | ((np.abs(self.k) < 1000) & np.isfinite(x) & (x > np.finfo(float).tiny)))[..., 0],
                     Extended(x, 0), beyond)  # fmt: skip

    def __eq__(self, other):
        other = extended(other)
        return ((self.m == other.m) & (self.k == other.k)).all(axis=-1)

    def __gt__(self, other):
        return ((self - other).m > 0).all(axis=-1)

    def __le__(self, other):
        return ((self - other).m <= 0).all(axis=-1)

    def sum(self, axis=None, keepdims=False):
        """The sum along axes, in the order in which NumPy adds."""
        axes = range(self.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(a % self.ndim for a in axes)
        k = self.k.max(axis=axes, keepdims=True, initial=NOTHING)
        total = _numbers(np.ldexp(self.m, self.k - k)).sum(axis=axes, keepdims=True)
        total = Extended(_parts(total), k)
        return total if keepdims else Extended(total.m.squeeze(axes), total.k.squeeze(axes))

    def _times(self, other):
        """The product of complex numbers of which the parts are far apart."""
        (a, b), (c, d) = ((x.real, Extended(x.m[..., 1:], x.k[..., 1:])) for x in (self, other))
        real, imag = a * c - b * d, a * d + b * c
        return Extended(np.concatenate([real.m, imag.m], axis=-1), np.concatenate([real.k, imag.k], axis=-1))

    def _apart(self):
        """Which complex numbers have parts of which the smaller vanishes beside the larger, were these floats near one."""
        return (np.abs(self.k[..., 0] - self.k[..., 1]) > 900) & (self.m != 0).all(axis=-1)

    def _whole(self):
        """The numbers as floats near one, both parts with the exponent of the larger; and these exponents."""
        k = self.k.max(axis=-1, keepdims=True)
        return _numbers(np.ldexp(self.m, self.k - k)), k


def extended(x, k=0):
    """``x * 2**k`` as `Extended` numbers.

    >>> extended(np.array([3 + 4j]), 5).shape
    (1,)
    """
    return x if isinstance(x, Extended) else Extended(_parts(np.asarray(x)), np.asarray(k)[..., None])


def floats(x, over="ignore"):
    """Extended numbers as floats, each rounded once; floats as they are. `over` says what an overflow does, as in `np.errstate`.

    >>> floats(np.ones(2)), floats(extended(np.array([1j]), 1))
    (array([1., 1.]), array([0.+2.j]))
    """
    if not isinstance(x, Extended):
        return x
    with np.errstate(over=over, under="ignore"):
        return _numbers(np.ldexp(x.m, x.k))


def reach(formula, numbers, *options):
    """``formula(*numbers, *options)`` in floats if nothing over- or underflows in it (and none of them is extended), else in extended
    numbers.

    >>> floats(reach(lambda a, power: a**power / a, [np.array([1e300])], 2))
    array([1.e+300])
    """
    if not any(isinstance(a, Extended) for a in numbers):
        try:
            with np.errstate(over="raise", under="raise"):
                return formula(*numbers, *options)
        except FloatingPointError:
            pass
    with np.errstate(over="ignore", under="ignore"):
        return formula(*map(extended, numbers), *options)


def exponents(x, dims):
    """``e`` for each row, with the largest real or imaginary part in ``[2**(e - 1), 2**e)``; 0 for zeros and what is not finite.

    >>> exponents(np.array([[3.0, -4.0]]), (1,)).tolist()
    [[3]]
    """
    if isinstance(x, Extended):
        e = x.k.max(axis=-1).max(axis=dims, keepdims=True, initial=NOTHING)
        return np.where(e == NOTHING, 0, e)
    parts = np.maximum(np.abs(x.real), np.abs(x.imag)) if np.iscomplexobj(x) else np.abs(x)
    largest = parts.max(axis=dims, keepdims=True, initial=0.0)
    return np.where(np.isfinite(largest), np.frexp(largest)[1], 0)


def where(condition, a, b):
    """`np.where`, of extended numbers too.

    >>> where(np.array([True, False]), 1.0, np.zeros(2))
    array([1., 0.])
    """
    if not isinstance(a, Extended) and not isinstance(b, Extended):
        return np.where(condition, a, b)
    a, b = extended(a), extended(b)
    return Extended(np.where(condition[..., None], a.m, b.m), np.where(condition[..., None], a.k, b.k))


def ldexp(x, exponent):
    """``x * 2**exponent``, for real, complex and extended `x`."""
    if isinstance(x, Extended):
        return Extended(x.m, x.k + np.asarray(exponent)[..., None])
    if np.iscomplexobj(x):
        return joined(ldexp(x.real, exponent), ldexp(x.imag, exponent))
    return np.ldexp(x, exponent)


def exp(x):
    """``exp(x)`` for `x` of at most 709; of extended numbers also where it is less than any float, down to some 1e-1200.

    >>> floats(exp(extended(np.array([-1000.0]))) * np.exp(500.0))
    array([7.12457641e-218])
    """
    if not isinstance(x, Extended):
        return np.exp(x)
    x = floats(x)
    steps = np.where(x < -700, np.minimum(np.ceil((-700 - x) / 500), 4), 0)
    m, k = np.frexp(np.exp(-500.0))
    return extended(np.exp(x + 500 * steps) * m**steps, k * steps.astype(int))


def inner(a, b, dims):
    """``Re sum conj(a) b`` along the axes `dims`, which are kept: of complex numbers as of pairs of real ones.

    >>> inner(np.array([3.0, 4.0]), np.array([1.0, 1.0]), (0,))
    array([7.])
    """
    if not isinstance(a, Extended) and not isinstance(b, Extended):
        return (np.conj(a) * b).real.sum(axis=dims, keepdims=True)
    return (extended(a).conj() * b).real.sum(axis=dims, keepdims=True)


def _parts(x):
    """Numbers as parts along a new last axis."""
    return np.stack([x.real, x.imag], axis=-1) if np.iscomplexobj(x) else x.astype(float)[..., None]


def _numbers(parts):
    """The numbers of these parts."""
    return joined(parts[..., 0], parts[..., 1]) if parts.shape[-1] == 2 else parts[..., 0]
