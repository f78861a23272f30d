"""The kernels on the CPU: for each one a serial loop, and a parallel loop over blocks of the serial one.

A block is a run of batch positions (gather) or of segments (segment_add), so two threads never write the same element, and how
many threads there are cannot show in the result.
"""

import os
import threading

import numba
import numpy as np

from . import bodies, cache

OPTIONS = {"error_model": "numpy", "nogil": True}

SERIAL_BELOW = 4_000_000
"""Elements, each row counted as `ROW_COST` more than it has, up to which the serial loop runs: it needs 0.3 to 3 ms for them, and waking
the threads takes 0.1 ms when all is quiet, but some 20 ms when another program keeps a core busy."""

PER_LAUNCH = 1 << 24
"""Elements in one launch, each row counted as `ROW_COST` more than it has: some 10 to 50 ms. Ctrl-C waits for the end of it."""

ROW_COST = 16
"""Finding a row costs about as much as copying so many elements of it."""

BLOCKS = 64
"""Blocks in a parallel launch: enough for the threads to finish together, few enough to cost nothing."""

lock = threading.RLock()
"""Held around parallel launches: with Numba's workqueue layer two at a time abort the process."""

serial_only = False
"""True in a process forked after Numba had started its threads: the child has none, and with OpenMP dies when it wants them."""


def after_fork_in_child():
    """Do without threads if the parent had started them, and without a lock that nobody is left to release."""
    global lock, serial_only
    lock = threading.RLock()
    try:
        numba.threading_layer()
    except ValueError:  # not started yet
        return
    serial_only = True


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=after_fork_in_child)

# Inlined, step = 1 becomes a constant and the loop over a row vectorises: three times faster for rows of 1 to 32 numbers.
copy_row = numba.njit(bodies.copy_row, forceinline=True, **OPTIONS)
add_segment = numba.njit(bodies.add_segment, forceinline=True, **OPTIONS)


def gather_serial(out, table, ids, lo, hi):
    """Positions ``lo`` to ``hi - 1``."""
    for i in range(lo, hi):
        copy_row(out, table, ids, i, 0, 1)


def segment_add_serial(out, rows, starts, order, values, lo, hi):
    """Segments ``lo`` to ``hi - 1``."""
    for s in range(lo, hi):
        add_segment(out, rows, starts, order, values, s, 0, 1)


gather_serial = cache.njit(gather_serial, **OPTIONS)
segment_add_serial = cache.njit(segment_add_serial, **OPTIONS)


def gather_parallel(out, table, ids, cuts):
    """Block ``b`` is ``cuts[b]`` to ``cuts[b + 1] - 1``."""
    for b in numba.prange(cuts.size - 1):
        gather_serial(out, table, ids, cuts[b], cuts[b + 1])


def segment_add_parallel(out, rows, starts, order, values, cuts):
    """Block ``b`` is ``cuts[b]`` to ``cuts[b + 1] - 1``."""
    for b in numba.prange(cuts.size - 1):
        segment_add_serial(out, rows, starts, order, values, cuts[b], cuts[b + 1])


gather_parallel = cache.njit(gather_parallel, parallel=True, **OPTIONS)
segment_add_parallel = cache.njit(segment_add_parallel, parallel=True, **OPTIONS)


def slices(lo, hi, width):
    """Cut the batch positions ``lo..hi - 1``, each worth a row of `width` elements, into launches."""
    size = max(1, PER_LAUNCH // (width + ROW_COST))
    return [(first, min(first + size, hi)) for first in range(lo, hi, size)]


def block_cuts(lo, hi):
    """`BLOCKS` + 1 numbers that cut ``lo..hi - 1`` into equal parts."""
    return lo + (hi - lo) * np.arange(BLOCKS + 1, dtype=np.int64) // BLOCKS


def launch(serial, parallel, arrays, cuts, cost):
    """Run one slice on one thread or on all of them."""
    if serial_only or cost < SERIAL_BELOW:
        serial(*arrays, cuts[0], cuts[-1])
    else:
        with lock:
            parallel(*arrays, cuts)


def gather(out, table, ids):
    """See `npembed.numerics.kernels.gather`."""
    width = table.shape[1]
    for lo, hi in slices(0, ids.size, width):
        launch(gather_serial, gather_parallel, (out, table, ids), block_cuts(lo, hi), (hi - lo) * (width + ROW_COST))


def segment_add(out, rows, starts, order, values):
    """See `npembed.numerics.kernels.segment_add`.

    Slices and blocks hold equal numbers of positions, not of segments: in a knowledge graph a few rows get most of the
    gradient. A slice that begins or ends inside a segment sees that segment's `starts` moved to its own bounds.
    """
    width = out.shape[1]
    for lo, hi in slices(int(starts[0]), int(starts[-1]), width):
        begin = np.searchsorted(starts, lo, side="right") - 1
        end = np.searchsorted(starts, hi, side="left")
        clipped = np.clip(starts[begin : end + 1], lo, hi)
        cuts = np.searchsorted(clipped, block_cuts(lo, hi)).astype(np.int64, copy=False)
        arrays = (out, rows[begin:end], clipped, order, values)
        launch(segment_add_serial, segment_add_parallel, arrays, cuts, (hi - lo) * (width + ROW_COST))
