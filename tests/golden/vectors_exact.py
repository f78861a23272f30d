"""Exact numbers for the conformance vectors: fractions, their rounding to floats, derivatives by mpmath; no NumPy, no npembed."""

import math
from fractions import Fraction

import mpmath as mp

mp.mp.prec = 1500
FORMATS = {
    "float16": (11, -24, 15, 4),
    "bfloat16": (8, -133, 127, 4),
    "float32": (24, -149, 127, 8),
    "float64": (53, -1074, 1023, 16),
}
"""Binary digits, exponent of the smallest number, that of the largest, hexadecimal digits."""
PARTS = {"complex64": "float32", "complex128": "float64"}
EPS = {
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
    "float32": 2.0**-23,
    "float64": 2.0**-52,
    "complex64": 2.0**-23,
    "complex128": 2.0**-52,
}


def to_bits(x, dtype):
    """The bit pattern of the float nearest to `x` (ties to even), an exact number or a float."""
    p, tiny, largest, digits = FORMATS[dtype]
    field = largest * 2 + 1
    if isinstance(x, float) and math.isnan(x):
        return f"{(field << (p - 1)) + (1 << (p - 2)):0{digits}x}"
    sign = (1 << (digits * 4 - 1)) if (math.copysign(1, x) if isinstance(x, float) else x) < 0 else 0
    if isinstance(x, float) and math.isinf(x):
        return f"{sign + (field << (p - 1)):0{digits}x}"
    x = abs(exact(x))
    if x == 0:
        return f"{sign:0{digits}x}"
    e = x.numerator.bit_length() - x.denominator.bit_length()
    e -= Fraction(2) ** e > x
    q = max(e - p + 1, tiny)
    n = round(x / Fraction(2) ** q)
    if n == 1 << p:
        n, q = n >> 1, q + 1
    if q + p - 1 > largest:
        return f"{sign + (field << (p - 1)):0{digits}x}"
    magnitude = n if n < 1 << (p - 1) else ((q - tiny + 1) << (p - 1)) + n - (1 << (p - 1))
    return f"{sign + magnitude:0{digits}x}"


def from_bits(text, dtype):
    """The exact value of a bit pattern; NaN and infinities, and minus zero, as floats."""
    p, tiny, largest, digits = FORMATS[dtype]
    n = int(text, 16)
    sign = -1 if n >> (digits * 4 - 1) else 1
    n &= (1 << (digits * 4 - 1)) - 1
    exponent, rest = n >> (p - 1), n & ((1 << (p - 1)) - 1)
    if exponent == largest * 2 + 1:
        return math.nan if rest else sign * math.inf
    if n == 0 and sign < 0:
        return -0.0
    digits_ = rest if exponent == 0 else rest + (1 << (p - 1))
    return sign * digits_ * Fraction(2) ** (tiny + max(exponent - 1, 0))


def exact(x):
    """`x` (int, float, Fraction, mpf) as a Fraction."""
    if isinstance(x, mp.mpf):
        sign, mantissa, exponent, _ = x._mpf_
        return (-1) ** sign * mantissa * Fraction(2) ** exponent
    return Fraction(x)


def mpf(x):
    """`x` as mpmath's float of 1500 bits."""
    if isinstance(x, Fraction):
        return mp.mpf(x.numerator) / x.denominator
    return mp.mpf(x)


def stored(x, dtype):
    """`x` as the dtype stores it, exactly."""
    dtype = PARTS.get(dtype, dtype)
    return from_bits(to_bits(x, dtype), dtype)


def shape_of(nested):
    """The shape of nested lists."""
    return [len(nested), *(shape_of(nested[0]) if nested else [])] if isinstance(nested, list) else []


def flat(nested):
    """The entries of nested lists, in order; a complex one as two."""
    if isinstance(nested, list):
        return [x for entry in nested for x in flat(entry)]
    return [nested.real, nested.imag] if isinstance(nested, complex) else [nested]


def array(dtype, nested, shape=None, **more):
    """An array of the vectors, from nested lists or, with `shape`, from one number for all entries."""
    entries = flat(nested)
    if "int" in dtype:
        return {"dtype": dtype, "shape": shape or shape_of(nested), "values": entries, **more}
    part = PARTS.get(dtype, dtype)
    bits = [to_bits(x, part) for x in entries]
    found = {"dtype": dtype, "shape": shape_of(nested) if shape is None else shape, "bits": bits}
    return {**found, "decimal": [repr(float(from_bits(b, part))) for b in bits], **more}


def slopes(f, x):
    """The gradient of the scalar function `f` at the list `x` of mpf: central differences with 1500 bits, right to some 600."""
    h = max([abs(v) for v in x] + [mp.mpf(2) ** -1200]) * mp.mpf(2) ** -300
    at = lambda i, s: f([v + s if j == i else v for j, v in enumerate(x)])  # noqa: E731
    return [(at(i, h) - at(i, -h)) / (2 * h) for i in range(len(x))]


def pulled_back(f, g, x):
    """The gradient of ``<g, f(x)>`` at `x`, lists of mpf, from `f` alone."""
    return slopes(lambda v: mp.fsum(a * b for a, b in zip(g, f(v), strict=True)), x)


# ---- maps of a row, as their definitions read


def norm(x, p):
    """|x|_p."""
    if p == "inf":
        return max(abs(v) for v in x)
    return mp.fsum(abs(v) for v in x) if p == 1 else mp.fsum(abs(v) ** p for v in x) ** (mp.mpf(1) / p)


def normalize(x, p=2, eps=1e-12):
    """x / max(|x|_p, eps)."""
    n = max(norm(x, p), mp.mpf(eps))
    return [v / n if n else v for v in x]


def softmax(x):
    """exp(x_i) / sum exp(x_j)."""
    e = [mp.exp(v) for v in x]
    total = mp.fsum(e)
    return [v / total for v in e]


def clamp(x, min=None, max=None):
    """min(max(x, low), high)."""
    low, high = mp.mpf("-inf") if min is None else mpf(min), mp.mpf("inf") if max is None else mpf(max)
    return [low if v < low else high if v > high else v for v in x]


def clamp_norm(x, maxnorm, p=2):
    """x where |x|_p <= maxnorm, else maxnorm x / |x|_p."""
    n = norm(x, p)
    return [v * maxnorm / n for v in x] if n > maxnorm else list(x)


def blocks(x, size):
    """Each block of `size` numbers over its length."""
    return [v for i in range(0, len(x), size) for v in normalize(x[i : i + size], eps=0)]


MAPS = {
    "normalize": normalize,
    "softmax": softmax,
    "clamp": clamp,
    "clamp_norm": clamp_norm,
    "complex_normalize": lambda x: blocks(x, 2),
    "quaternion_normalize": lambda x: blocks(x, 4),
}
