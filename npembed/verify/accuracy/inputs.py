"""What each op is measured on: named classes of input, the same for every run of one seed.

A case is a batch: `rows` says whether every row of it is an example by itself, or all of it is one.
"""

import math
from typing import NamedTuple

import numpy as np

CLASSES = ("random", "cancelling", "tiny", "huge", "ties", "boundaries", "spanning")
"""Of every op. "tiny" and "huge": 1e-30 and 1e30 in single, 1e-200 and 1e200 in double precision (1e-20 and 1e20, 1e-100 and 1e100
where numbers are multiplied; scores: 1e-30, and up to 104 and 745, where an exponential vanishes). "spanning": each number, those of a
gradient too, of any size from the smallest subnormal number up (to the largest; its cube root where numbers are multiplied; nearly to
it where gradients of a repeated id, or the rows of a bag, are added up)."""

BOUND = 0.625
"""Where options put a kink: a length that rows of whole numbers over powers of two have exactly."""


class Case(NamedTuple):
    """Arguments, options, whether rows are examples, whether it has a derivative, and by how much it is to be multiplied."""

    args: tuple
    options: dict
    rows: bool = True
    smooth: bool = True
    cotangent: object = None


def normal(rng, shape, dtype):
    """Normal numbers of a dtype, real or complex."""
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if dtype.kind == "c" else x).astype(dtype)


def single(dtype):
    """Whether numbers have 24 bits."""
    return np.finfo(dtype).bits == 32


def spanning(rng, shape, dtype, share=1.0):
    """Numbers whose exponents are drawn from all that a dtype has, up to a share of the largest; of complex numbers for each part."""
    info = np.finfo(dtype)

    def parts():
        exponents = rng.integers(info.minexp - info.nmant + 1, int(share * info.maxexp) + 1, shape)
        return np.ldexp(rng.uniform(0.5, 1, shape) * rng.choice([-1.0, 1.0], shape), exponents)

    return (parts() + (1j * parts() if dtype.kind == "c" else 0)).astype(dtype)


def sized(rng, kind, shape, dtype, size, share=1.0):
    """Normal numbers times `size`, or `spanning` ones."""
    return spanning(rng, shape, dtype, share) if kind == "spanning" else normal(rng, shape, dtype) * np.asarray(size, dtype)


def scale(kind, dtype, product=False):
    """The size of numbers of a class."""
    if kind not in ("tiny", "huge"):
        return 1.0
    power = (20 if product else 30) if single(dtype) else (100 if product else 200)
    return 10.0 ** (power if kind == "huge" else -power)


def bound_rows(dtype, bound):
    """Rows of exactly the length `bound` in exact arithmetic, one ulp shorter, one longer, and further away; zeros."""
    unit = np.array([[3.0, 4.0, 0.0, 0.0], [2.0, -4.0, 5.0, 6.0], [-1.0, 2.0, 2.0, 0.0]], dtype) / np.array(
        [[5], [9], [3]], dtype
    )
    exact = np.array([[bound, 0.0, -0.0, 0.0], [0.0, 0.0, 0.0, -bound]], dtype)
    three_four = np.array([[3.0, 4.0, 0.0, -0.0]], dtype) * np.asarray(bound / 5, dtype)
    below, above = (np.nextafter(exact[:1].real, to).astype(dtype) * (exact[:1] != 0) for to in (0, 2 * bound))
    zero = np.zeros((1, 4), dtype)
    lone = np.array([[0.0, bound * 0.3, 0.0, 0.0]], dtype)
    return np.concatenate([exact, three_four, below, above, zero, lone, unit * np.asarray(bound, dtype)])


def row(rng, kind, n, dtype, share=1.0):
    """Rows (n, 4) of one class; "boundaries" about the length `BOUND`."""
    x = sized(rng, kind, (n, 4), dtype, scale(kind, dtype), share)
    if kind == "ties":
        x[:, 1] = x[:, 2] = 2 * np.abs(x).max(axis=1)
        x[::2, 1] *= -1
        x[::3, 3] = 0
    if kind == "boundaries":
        x = np.concatenate([bound_rows(dtype, BOUND)] * math.ceil(n / 10))
    return x


def along(rng, x):
    """A cotangent that is nearly parallel to each row: what is left of it, less its part along the row, is some 1e-6 of it."""
    noise = 1 + 1e-6 * rng.standard_normal(x.shape)
    return (x * noise.astype(x.real.dtype) * np.asarray(1.7, x.dtype)).astype(x.dtype)


def cotangent(rng, shape, dtype):
    """Numbers random in sign and away from zero."""
    g = normal(rng, shape, dtype)
    return np.asarray(g + (g / np.maximum(np.abs(g), 1e-3)).astype(dtype) / 2, dtype)


def across(rng, x):
    """A cotangent that is not nearly parallel to any two numbers that follow each other in a row, nor to their signs."""
    g = cotangent(rng, x.shape, x.dtype)
    while True:
        near = np.zeros(len(x), bool)
        parts = [v.view(v.real.dtype).astype(float) for v in map(np.ascontiguousarray, (x, g))]
        pairs = [v.reshape(len(x), -1, 2) for v in parts]
        for v, w in (parts, (np.sign(parts[0]), parts[1]), pairs, (np.sign(pairs[0]), pairs[1])):
            v = v / np.maximum(np.abs(v).max(axis=-1, keepdims=True), np.finfo(float).tiny)
            lengths = np.sqrt((v * v).sum(axis=-1) * (w * w).sum(axis=-1))
            near |= (np.abs((v * w).sum(axis=-1)) > 0.9 * lengths).reshape(len(x), -1).any(axis=1)
        if not near.any():
            return g
        g[near] = cotangent(rng, x[near].shape, x.dtype)


def beside(rng, x):
    """A cotangent of numbers of any size, zero at the larger of each two that follow each other in a row, along which it would cancel."""
    g = spanning(rng, x.shape, x.dtype)
    pairs, sizes = (v.view(v.real.dtype).reshape(len(x), -1, 2) for v in (g, x))
    pairs[np.abs(sizes) == np.abs(sizes).max(axis=-1, keepdims=True)] = 0
    return g


COTANGENTS = {"cancelling": along, "spanning": beside}
"""Of a class of rows, if not `across`."""


def is_sharp(options, dtype):
    """Whether a norm is measured exactly: for p = 1, 2 and inf, of complex rows for 2 alone."""
    return options["p"] in ((2,) if dtype.kind == "c" else (1, 2, math.inf))


def row_map(*options, dtypes="fdFD", only=lambda o, dtype: True):
    """Cases of a map of rows, for each of the options that `only` lets pass."""

    def cases(rng, kind, n, dtype):
        if dtype.char in dtypes:
            for o in options:
                if only(o, dtype):
                    x = row(rng, kind, n, dtype)
                    yield Case((x,), o, cotangent=COTANGENTS.get(kind, across)(rng, x))

    return cases


def triple(*options, dtypes, product=False, nearly=None, most=1.0):
    """Cases of an interaction; `nearly` makes a t of h and r for which terms cancel; `most` is the share of "spanning" of a gradient."""

    def cases(rng, kind, n, dtype):
        if dtype.char not in dtypes:
            return
        for o in options:
            size = scale(kind, dtype, product)
            h, r, t = (sized(rng, kind, (n, 4), dtype, size, 1 / 3 if product else 1.0) for _ in range(3))
            if kind == "cancelling":
                t = nearly(h, r, t)
            if kind == "ties":  # entries equal, and equal but for the sign
                h[:, 1], r[:, 1], t[:, 1] = h[:, 0], r[:, 0], -t[:, 0]
            if kind == "boundaries":  # zeros, and rests that are zero in some entry
                h[::3] = 0
                r[1::3], t[1::3] = r[1::3].real.round(), t[1::3].real.round()
                h[1::3] = h[1::3].real.round()
                t[1::3, 2] = h[1::3, 2] * r[1::3, 2] if product else h[1::3, 2] + r[1::3, 2]
            g = spanning(rng, (n,), np.zeros(0, dtype).real.dtype, most) if kind == "spanning" else None
            yield Case((h, r, t), o, smooth=kind != "boundaries" or o.get("p", 1) in (1, 2), cotangent=g)

    return cases


def translated(h, r, t):
    """A tail that is nearly where the translation ends."""
    return h + r + (1e-4 * t).astype(t.dtype)


def turned(h, r, t):
    """A tail that is nearly where the rotation ends."""
    return h * r + (1e-4 * t).astype(t.dtype)


def balanced(h, r, t):
    """A tail for which the terms of the product cancel in pairs."""
    t = t.copy()
    with np.errstate(all="ignore"):
        t[:, 0] = np.conj(-(h[:, 1] * r[:, 1] * np.conj(t[:, 1])) / (h[:, 0] * r[:, 0]))
        t[:, 2] = np.conj(-(h[:, 3] * r[:, 3] * np.conj(t[:, 3])) / (h[:, 2] * r[:, 2]))
    return t


def scores(rng, kind, shape, dtype):
    """Scores of one class."""
    x = 3 * rng.standard_normal(shape)
    if kind == "cancelling":
        x = 3 * rng.standard_normal((shape[0], 1)) * (1 + 1e-6 * x)
    elif kind == "tiny":
        x *= 1e-30
    elif kind == "spanning":
        x = np.clip(
            spanning(rng, shape, dtype, 0.05 if single(dtype) else 0.01), *((-104, 104) if single(dtype) else (-745, 745))
        )
    elif kind == "huge":
        x = np.sign(x) * rng.uniform(20, 104 if single(dtype) else 745, shape)
    elif kind == "ties":
        x = np.broadcast_to(x[:, :1].round(1), shape)
    elif kind == "boundaries":
        x = rng.integers(-2, 3, shape) / 2
    return x.astype(dtype)


def compared(*options):
    """Cases of a loss of true and of corrupted triples."""

    def cases(rng, kind, n, dtype):
        for i in range(n if dtype.kind == "f" else 0):
            both = scores(rng, kind, (2, 4), dtype)
            mask = None if i % 3 else rng.random((2, 3)) < (0.0 if kind == "boundaries" and i % 2 else 0.6)
            o = options[i % len(options)]
            yield Case((both[:, :1].copy(), both[:, 1:].copy()), {**o, "mask": mask}, rows=False)

    return cases if options else compared({})


def labelled(*options, shares=True):
    """Cases of a loss of all candidates."""

    def cases(rng, kind, n, dtype):
        for i in range(n if dtype.kind == "f" else 0):
            y = (rng.random((2, 4)) < 0.4).astype(float)
            if kind == "boundaries":
                y[0], y[1] = 0, 1
            if shares and i % 3 == 0:
                y *= rng.integers(1, 4, y.shape) / 4
            yield Case((scores(rng, kind, (2, 4), dtype),), {**options[i % len(options)], "labels": y}, rows=False)

    return cases if options else labelled({}, shares=shares)


def charged(*options, arrays=1, dtypes="fdFD", bound=0.625):
    """Cases of a regularizer."""

    def cases(rng, kind, n, dtype):
        if dtype.char not in dtypes:
            return
        for i in range(n):
            o = options[i % len(options)]
            args = tuple(sized(rng, kind, (2, 3), dtype, scale(kind, dtype, product=True), 1 / 3) for _ in range(arrays))
            if kind == "cancelling" and arrays == 2:  # nearly at right angles
                args[1][:, 2] = -(args[0][:, :2] * args[1][:, :2]).sum(axis=1) / args[0][:, 2] + 0.1
            if kind == "ties":
                args[0][:, 1] = args[0][:, 2] = 3
            if kind == "boundaries":
                args[0][0] = 0
                args[0][1] = [bound, 0, 0]
            yield Case(args, o, rows=False)

    return cases
