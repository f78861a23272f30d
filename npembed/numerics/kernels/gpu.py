"""The kernels on a CUDA device, with `numba-cuda` or Numba's simulator; the only file that touches ``numba.cuda``.

Threads form a grid: along y they share out the rows of the batch (or the segments), along x the columns. A thread that is done
goes on one grid further, so any grid does for any size. An element of the output belongs to one thread, which adds to it in
batch order: no atomics, and the same bits as on the CPU. The price: a row that many ids name is the work of one thread per
column.
"""

from numba import cuda

from . import bodies

THREADS = 256
"""Threads in a block."""

WARP = 32
"""Threads along the columns at most: neighbours read neighbouring memory, and narrow rows leave none of them idle."""

BLOCKS = 4096
"""Blocks in either direction at most (CUDA allows 65,535 along y); larger inputs take more turns."""

copy_row = cuda.jit(bodies.copy_row, device=True, inline="always")
add_segment = cuda.jit(bodies.add_segment, device=True, inline="always")


@cuda.jit
def gather_grid(out, table, ids):
    """Thread (x, y) copies the columns x, x + nx, ... of the rows y, y + ny, ..."""
    x, y = cuda.grid(2)
    nx, ny = cuda.gridsize(2)
    for i in range(y, ids.size, ny):
        copy_row(out, table, ids, i, x, nx)


@cuda.jit
def segment_add_grid(out, rows, starts, order, values):
    """Thread (x, y) adds up the columns x, x + nx, ... of the segments y, y + ny, ..."""
    x, y = cuda.grid(2)
    nx, ny = cuda.gridsize(2)
    for s in range(y, rows.size, ny):
        add_segment(out, rows, starts, order, values, s, x, nx)


def grid(rows, columns):
    """Blocks in the grid and threads in a block, both as (x, y), for an output of so many rows and columns."""
    x = min(THREADS, WARP, 1 << (columns - 1).bit_length())
    y = THREADS // x
    return (min(BLOCKS, -(-columns // x)), min(BLOCKS, -(-rows // y))), (x, y)


def require_device(function):
    """Say what is missing, instead of failing somewhere in a driver."""
    if not cuda.is_available():
        raise RuntimeError(
            f"{function}: backend = 'cuda' needs a CUDA device, or NUMBA_ENABLE_CUDASIM=1 set before Numba is imported; "
            "without either, 'cpu' and 'python' give the same bits"
        )


def gather(out, table, ids):
    """See `npembed.numerics.kernels.gather`."""
    require_device("gather")
    result = cuda.device_array(out.shape, out.dtype)
    gather_grid[grid(*out.shape)](result, cuda.to_device(table), cuda.to_device(ids))
    result.copy_to_host(out)


def segment_add(out, rows, starts, order, values):
    """See `npembed.numerics.kernels.segment_add`."""
    require_device("segment_add")
    result, *rest = map(cuda.to_device, (out, rows, starts, order, values))
    segment_add_grid[grid(rows.size, out.shape[1])](result, *rest)
    result.copy_to_host(out)
