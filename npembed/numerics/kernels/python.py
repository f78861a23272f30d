"""The kernels in plain Python, one row after the other: the readable form of `cpu` and `gpu`, without Numba."""

from . import bodies


def gather(out, table, ids):
    """See `npembed.numerics.kernels.gather`."""
    for i in range(ids.size):
        bodies.copy_row(out, table, ids, i, 0, 1)


def segment_add(out, rows, starts, order, values):
    """See `npembed.numerics.kernels.segment_add`."""
    for s in range(rows.size):
        bodies.add_segment(out, rows, starts, order, values, s, 0, 1)
