"""One query against every candidate: the loop of the fused engine, which is for speed (the layered one is the definition).

It scores B queries against N rows and writes ``out[i, n]``, with no temporary but a tile: `TILE` candidates, converted to
float64 and transposed, so that neighbours in memory are neighbouring candidates. The innermost loops run over them,
and they are what the machine adds up several at a time. Hence every score is one sum in float64, entry after entry from the
first to the last, rounded once to the dtype of `out`, with no flag that would let a compiler reorder it: one result, to the bit,
for any number of threads, wherever a candidate stands, and with the compiler off. Equal rows tie.

A query is two rows, `a` and `b`; an entry x of a candidate becomes ``x + a - b`` or ``x a b``, from left to right, as in the
definition; for complex rows ``x a - b`` or ``Re x a conj(b)``. Complex rows are their real and imaginary parts, one after the
other.

A sum that is not in ``low <= sum < inf`` is in doubt: entries may have overflowed or vanished where the definition, which scales,
has them. The score is then written as NaN, and counted.

Nothing is checked here (see `npembed.numerics.kernels`).
"""

import itertools
import math
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from . import cache, cpu

OPTIONS = cpu.OPTIONS

TILE = 128
"""Candidates in a tile: a row of 200 numbers makes 200 kB, which stays in a core's cache while all queries pass by."""

SERIAL_BELOW = 1_000_000
"""Terms up to which one thread does it all: 0.1 to 0.5 ms, about what starting threads takes."""

PER_JOB = 1 << 27
"""Terms in one job: some 15 to 100 ms. Ctrl-C waits for the end of it."""

inlined = {"forceinline": True, **OPTIONS}


def load(tile, rows, first, last):
    """``tile[k, n] = rows[first + n, k]``."""
    for n in range(last - first):
        for k in range(rows.shape[1]):
            tile[k, n] = rows[first + n, k]


def store(out, total, i, first, last, sign, root, low):
    """``out[i, first + n] = sign * total[n]``, or the root of it; how many were in doubt."""
    doubts = 0
    for n in range(last - first):
        value = total[n]
        if not low <= value < math.inf:
            value = math.nan
            doubts += 1
        out[i, first + n] = sign * (math.sqrt(value) if root else value)
    return doubts


def rotated(u, v, a, c):
    """``(u + iv) (a + ic)``."""
    return u * a - v * c, u * c + v * a


load, store, rotated = (numba.njit(f, **inlined) for f in (load, store, rotated))


ABSOLUTE, SQUARES, PRODUCTS, TURNED_MODULI, TURNED_SQUARES, TURNED_PRODUCTS = range(6)

TERMS = {
    "absolute": ABSOLUTE,  # sum_k |x_k + a_k - b_k|
    "squares": SQUARES,  # sum_k (x_k + a_k - b_k)^2
    "products": PRODUCTS,  # sum_k x_k a_k b_k
    "turned_moduli": TURNED_MODULI,  # complex from here on: sum_k |x_k a_k - b_k|
    "turned_squares": TURNED_SQUARES,  # sum_k |x_k a_k - b_k|^2
    "turned_products": TURNED_PRODUCTS,  # sum_k Re x_k a_k conj(b_k)
}
"""What may be added up, by name."""


def add(total, term, count, x, p, q):
    """``total[n] += `` the term of the real numbers x[n], p and q."""
    if term == ABSOLUTE:
        for n in range(count):
            total[n] += abs(x[n] + p - q)
    elif term == SQUARES:
        for n in range(count):
            d = x[n] + p - q
            total[n] += d * d
    else:
        for n in range(count):
            total[n] += x[n] * p * q


def add_rotated(total, term, count, x, y, p, q, s, t):
    """``total[n] += `` the term of the complex numbers x[n] + i y[n], p + iq and s + it."""
    if term == TURNED_PRODUCTS:
        for n in range(count):
            u, v = rotated(x[n], y[n], p, q)
            total[n] += u * s + v * t
    elif term == TURNED_SQUARES:
        for n in range(count):
            u, v = rotated(x[n], y[n], p, q)
            u, v = u - s, v - t
            total[n] += u * u + v * v
    else:
        for n in range(count):
            u, v = rotated(x[n], y[n], p, q)
            u, v = u - s, v - t
            total[n] += math.sqrt(u * u + v * v)


add, add_rotated = (numba.njit(f, **inlined) for f in (add, add_rotated))


def loop(out, rows, a, b, term, sign, root, low, lo, hi):
    """The scores of all queries and the candidates from `lo` to `hi`; how many were in doubt."""
    tile, total, doubts = np.empty((rows.shape[1], TILE)), np.empty(TILE), 0
    for first in range(lo, hi, TILE):
        last = min(first + TILE, hi)
        load(tile, rows, first, last)
        count = last - first
        for i in range(a.shape[0]):
            total[:] = 0.0
            if term < TURNED_MODULI:
                for k in range(a.shape[1]):
                    add(total, term, count, tile[k], a[i, k], b[i, k])
            else:
                for k in range(0, a.shape[1], 2):
                    add_rotated(total, term, count, tile[k], tile[k + 1], a[i, k], a[i, k + 1], b[i, k], b[i, k + 1])
            doubts += store(out, total, i, first, last, sign, root, low)
    return doubts


loop = cache.njit(loop, **OPTIONS)
"""Compiled when it is first called, for the dtype at hand."""


def threads():
    """How many threads Numba would use; asking it would start them, and these here are Python's."""
    try:
        numba.threading_layer()
    except ValueError:  # not started
        return numba.config.NUMBA_NUM_THREADS
    return numba.config.NUMBA_NUM_THREADS if cpu.serial_only else numba.get_num_threads()


def jobs(queries, candidates, width, workers):
    """Cut the scores into rectangles ``(queries from, to, candidates from, to)``, in whole tiles, for so many workers."""
    terms = queries * candidates * width
    pieces = max(4 * workers if workers > 1 else 1, -(-terms // PER_JOB))
    tiles = -(-candidates // TILE)
    across = min(pieces, tiles)
    down = min(-(-pieces // across), queries)
    cuts = [min(candidates, TILE * (tiles * j // across)) for j in range(across + 1)]
    bounds = [queries * i // down for i in range(down + 1)]
    return [(*b, *c) for c in itertools.pairwise(cuts) for b in itertools.pairwise(bounds)]


def score(name, out, rows, a, b, sign, root, low):
    """See `npembed.numerics.kernels.score`."""
    term = TERMS[name]
    workers = threads() if out.size * rows.shape[1] >= SERIAL_BELOW else 1

    def run(job):
        top, bottom, lo, hi = job
        with np.errstate(all="ignore"):  # of which each thread has its own
            return loop(out[top:bottom], rows, a[top:bottom], b[top:bottom], term, sign, root, low, lo, hi)

    todo = jobs(len(out), len(rows), rows.shape[1], workers)
    if workers == 1:
        return sum(map(run, todo))
    pool = ThreadPoolExecutor(workers)
    try:
        return sum(pool.map(run, todo))
    finally:
        pool.shutdown(cancel_futures=True)
