"""Oracles: what the package computes, once more, as slow loops that share no code with it.

Whatever rounds is computed with mpmath, to 80 digits, on the stored floats.
"""

import itertools
from fractions import Fraction

import mpmath
import numpy as np

mp = mpmath.mp.clone()
mp.dps = 80


def gather(table, ids):
    """``table[ids]``, one row at a time."""
    out = np.zeros(ids.shape + table.shape[1:], table.dtype)
    for i in np.ndindex(ids.shape):
        out[i] = table[int(ids[i])]
    return out


def scatter_add(table, ids, values):
    """A copy of `table` with each row of `values` added to row ``ids[i]``, in batch order."""
    out = table.copy()
    for i in np.ndindex(ids.shape):
        out[int(ids[i])] = out[int(ids[i])] + values[i]
    return out


def one_hot(ids, n):
    """The matrix P with ``P @ table = table[ids]``."""
    return (ids.reshape(-1, 1) == np.arange(n)).astype(float)


def bag_places(ids, offsets=None, include_last_offset=False, padding_idx=None):
    """For each bag the flat positions of the ids in it."""
    if offsets is None:
        bags = [[b * ids.shape[1] + j for j in range(ids.shape[1])] for b in range(len(ids))]
    else:
        ends = list(offsets) if include_last_offset else [*offsets, ids.size]
        bags = [list(range(ends[b], ends[b + 1])) for b in range(len(ends) - 1)]
    return [[i for i in bag if padding_idx is None or ids.ravel()[i] != padding_idx] for bag in bags]


def largest(values, nan="propagate"):
    """The position of the first largest number; a NaN is larger, unless it is not the first and ``nan="torch"``."""
    best = 0
    for i in range(1, len(values)):
        if values[i] > values[best] or (nan == "propagate" and np.isnan(values[i]) and not np.isnan(values[best])):
            best = i
    return best


def over(number, count):
    """``number / count`` in the dtype of the number, each part by itself."""
    if np.iscomplexobj(number):
        return type(number)(complex(over(number.real, count), over(number.imag, count)))
    return number / type(number)(count)


def embedding_bag(table, ids, offsets=None, weights=None, *, mode="mean", nan="propagate", **bags):
    """Bag after bag, column after column, one number after the other; `table` has two axes."""
    places = bag_places(ids, offsets, **bags)
    out = np.zeros((len(places), table.shape[1]), table.dtype)
    for b, bag in enumerate(places):
        for d in range(table.shape[1]):
            values = [table[ids.ravel()[i], d] * (1 if weights is None else weights.ravel()[i]) for i in bag]
            if mode == "max" and values:
                out[b, d] = values[largest(values, nan)]
                continue
            total = table.dtype.type(0)
            for value in values:
                total = total + value
            out[b, d] = over(total, len(bag)) if mode == "mean" and bag else total
    return out


def embedding_bag_vjp(
    g, table, ids, offsets=None, weights=None, *, mode="mean", nan="propagate", ties="first", scale_grad_by_freq=False, **bags
):
    """The dense gradient of the table, and that of the weights, which is added up in float64."""
    dtable = np.zeros_like(table)
    dweights = np.zeros(ids.size, np.result_type(table.dtype, np.float64))
    count = [0] * len(table)
    for b, bag in enumerate(bag_places(ids, offsets, **bags)):
        for d in range(table.shape[1]):
            values = [table[ids.ravel()[i], d] for i in bag]
            best = values[largest(values, nan)] if mode == "max" and bag else None
            same = [v == best or (np.isnan(v) and np.isnan(best)) for v in values] if mode == "max" else []
            for j, i in enumerate(bag):
                term = g[b, d]
                if mode == "mean":
                    term = over(term, len(bag))
                elif mode == "max" and ties == "split":
                    term = over(term, sum(same)) if same[j] else 0 * term
                elif mode == "max":
                    term = term if j == largest(values, nan) else 0 * term
                elif weights is not None:
                    dweights[i] += np.conj(dweights.dtype.type(values[j])) * dweights.dtype.type(term)
                    term = np.conj(weights.ravel()[i]) * term
                dtable[ids.ravel()[i], d] += term
        for i in bag:
            count[ids.ravel()[i]] += 1
    for n, d in np.ndindex(dtable.shape):
        dtable[n, d] = over(dtable[n, d], max(count[n], 1)) if scale_grad_by_freq else dtable[n, d]
    return dtable, dweights.reshape(ids.shape)


def dropout_law(h, r, t, rates):
    """``{score: probability}`` of a three-way product (t conjugated), by going through all masks of all three rows, in fractions."""
    h, r, t = ([(Fraction(float(z.real)), Fraction(float(z.imag))) for z in row] for row in (h, r, t))
    rates = [Fraction(p or 0) for p in rates]
    law = {}
    for masks in itertools.product(itertools.product((0, 1), repeat=len(h)), repeat=3):
        score, probability = Fraction(0), Fraction(1)
        for mask, p in zip(masks, rates, strict=True):
            for kept in mask:
                probability *= 1 - p if kept else p
        if not probability:
            continue
        for i, ((a, b), (c, d), (e, f)) in enumerate(zip(h, r, t, strict=True)):
            term = (a * c - b * d) * e + (a * d + b * c) * f
            for mask, p in zip(masks, rates, strict=True):
                term = term / (1 - p) if mask[i] else Fraction(0)
            score += term
        law[score] = law.get(score, 0) + probability
    return law


def exact(value):
    """A float or complex number as it is stored, in mpmath."""
    value = complex(value) if np.iscomplexobj(value) else float(value)
    return mp.mpc(value) if isinstance(value, complex) else mp.mpf(value)


def exact_sum(numbers, dtype):
    """The sum of real floats in fractions, rounded to `dtype` once: to a multiple of the spacing there, in the middle to an even one."""
    numbers = [float(x) for x in numbers]
    beyond = {x for x in numbers if not np.isfinite(x)}
    if beyond:
        return dtype(beyond.pop() if len(beyond) == 1 else np.nan)
    total = sum(map(Fraction, numbers))
    if total == 0:
        return dtype(-0.0 if all(np.signbit(x) for x in numbers) else 0.0)
    info, size = np.finfo(dtype), abs(total)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= size < Fraction(2) ** exponent  # now 2**exponent <= size < 2**(exponent + 1)
    spacing = Fraction(2) ** (max(exponent, int(info.minexp)) - info.nmant)
    rounded = round(size / spacing) * spacing  # Python rounds fractions half to even
    result = dtype(np.inf if rounded > Fraction(float(info.max)) else float(rounded))
    return -result if total < 0 else result


def along(f, x, dim=-1, *more):
    """``f(row, ...)``, a list for a list, applied to each row of `x` (and of the arrays in `more`): an array of mpmath numbers."""
    axes = list(range(x.ndim)) if dim is None else [a % x.ndim for a in (dim if isinstance(dim, tuple) else (dim,))]
    kept = [a for a in range(x.ndim) if a not in axes]
    out = np.empty(x.shape, object)
    for i in np.ndindex(*(x.shape[a] for a in kept)):
        where = [slice(None)] * x.ndim
        for a, k in zip(kept, i, strict=True):
            where[a] = k
        where = tuple(where)
        rows = [[exact(v) for v in np.ravel(a[where])] for a in (x, *more)]
        shape = x[where].shape
        block = np.empty(shape, object)
        for k, v in zip(np.ndindex(*shape), f(*rows), strict=True):
            block[k] = v
        out[where] = block
    return out


def norm(row, p=2):
    """``(sum |v|^p)^(1/p)``, or the largest ``|v|``."""
    sizes = [abs(v) for v in row]
    if p == float("inf"):
        return max(sizes, default=mp.mpf(0))
    if not any(sizes):
        return mp.mpf(0)
    return sum((s ** mp.mpf(p) for s in sizes), mp.mpf(0)) ** (1 / mp.mpf(p))


def normalize(row, p=2, eps=1e-12):
    n = norm(row, p)
    n = n if n >= exact(eps) else exact(eps)
    return [v / n for v in row]


def clamp_norm(row, maxnorm, p=2, eps=2.0**-52):
    n = norm(row, p)
    if n < exact(maxnorm):
        return row
    n = n if n >= exact(eps) else exact(eps)
    return [v / n * exact(maxnorm) for v in row]


def complex_normalize(row, eps=2.0**-52):
    return [normalize([v], 2, eps)[0] for v in row]


def softmax(row):
    weights = [mp.exp(v) for v in row]
    return [w / sum(weights) for w in weights]


def vjp(f, g, row):
    """The gradient of ``Re sum conj(g) f(row)``, by differences of `f` so fine that they are right to some 45 digits."""
    scale = max((abs(v) for v in row), default=0) or mp.mpf(1)
    h = scale * mp.mpf(10) ** -25

    def total(moved):
        return sum((mp.re(mp.conj(a) * b) for a, b in zip(g, f(moved), strict=True)), mp.mpf(0))

    def slope(k, step):
        up, down = list(row), list(row)
        up[k] += step
        down[k] -= step
        return (total(up) - total(down)) / (2 * h)

    is_complex = any(isinstance(v, mp.mpc) for v in row)
    return [slope(k, h) + (1j * slope(k, 1j * h) if is_complex else 0) for k in range(len(row))]


def distances(actual, expected):
    """``|actual - expected|`` in float64, entry by entry, the difference taken in mpmath."""
    out = np.empty(expected.shape)
    for i in np.ndindex(expected.shape):
        out[i] = float(abs(exact(actual[i]) - expected[i]))
    return out


def sizes(expected):
    """``|expected|`` in float64."""
    return np.array([float(abs(v)) for v in expected.ravel()]).reshape(expected.shape)


def same_bits(actual, expected):
    """Whether two arrays agree in dtype, shape and every bit."""
    return actual.dtype == expected.dtype and actual.shape == expected.shape and actual.tobytes() == expected.tobytes()


# ---- arrays to try things on


def rows(rng, shape, dtype=np.float64):
    """Random numbers of either sign, none near zero, no two alike: magnitudes in [.5, 2)."""

    def draw():
        return rng.uniform(0.5, 2.0, shape) * rng.choice([-1.0, 1.0], shape)

    return np.asarray(draw() + 1j * draw() if np.dtype(dtype).kind == "c" else draw(), dtype)


def uneven(rng, shape, dtype=np.float64):
    """Random numbers of very different size, so that the order of additions shows in the last bits."""
    return np.asarray(rows(rng, shape, dtype) * 10.0 ** rng.integers(-4, 5, shape), dtype)


LAYOUTS = ("C", "Fortran", "strided", "reversed", "read-only", "memmap", "unaligned")


NUMBERS = itertools.count()


def laid_out(array, layout, folder):
    """The same numbers in another memory layout."""
    if layout == "Fortran":
        return np.asfortranarray(array)
    if layout == "strided":
        wide = np.zeros((2 * len(array), *array.shape[1:]), array.dtype)
        wide[::2] = array
        return wide[::2]
    if layout == "reversed":
        return np.ascontiguousarray(array[::-1])[::-1]
    if layout == "read-only":
        array = array.copy()
        array.flags.writeable = False
        return array
    if layout == "memmap" and array.size:
        path = folder / f"{next(NUMBERS)}.npy"  # never one that another array is still mapped from
        np.save(path, array)
        return np.load(path, mmap_mode="r")
    if layout == "unaligned":
        buffer = bytearray(1 + array.nbytes)
        out = np.frombuffer(buffer, array.dtype, array.size, offset=1).reshape(array.shape)
        out[...] = array
        return out
    return array.copy()
