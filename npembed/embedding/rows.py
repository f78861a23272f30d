"""Look rows of a table up, and send gradients back to them.

Forward is a copy of rows; backward is a scatter-add. An id that was looked up k times gets the sum of its k gradients, added one
after the other in batch order, so that the result is the same to the bit on every machine, for any number of threads.
"""

import numpy as np

from .. import check
from ..numerics import interrupts, kernels, sums
from ..op import Op
from .row_sparse import RowSparse


@check.public
def gather(table, ids, *, backend="cpu"):
    """Copy rows out of a table: ``out[i] = table[ids[i]]``.

    An id may be asked for any number of times. Nothing wraps around: -1 is an error, not the last row.

    Parameters
    ----------
    table : ndarray (N, *shape), float32, float64, complex64, complex128 or float16
    ids : integers of any shape, each in ``0..N-1``
    backend : "cpu" (Numba), "cuda" or "python"
        The machine that does the work; the result is the same to the bit.

    Returns
    -------
    ndarray (*ids.shape, *shape) of the table's dtype

    Raises
    ------
    IndexError, TypeError
        For an id outside the table, with its value and position; for ids or tables of another type.

    Examples
    --------
    >>> gather(np.array([[1.0, 2.0], [3.0, 4.0]]), [[1, 1, 0]])
    array([[[3., 4.],
            [3., 4.],
            [1., 2.]]])
    """
    check.table("gather", table)
    check.choice("gather", "backend", backend, kernels.BACKENDS)
    ids = check.ids("gather", ids, len(table))
    return take(table, ids, backend)


@check.public
def take(table, ids, backend="cpu"):
    """`gather` for ids that are known to be int64 and in range."""
    flags = table.flags
    if backend != "cpu" and not (flags.c_contiguous and flags.aligned and flags.writeable):
        table = np.require(table, requirements=["C", "A", "W"])
    elif not (flags.c_contiguous and flags.aligned and flags.writeable):
        return kernels.copied(table, ids)
    flat = table.reshape(len(table), -1) if table.size else table.reshape(len(table), 0)
    out = np.empty((ids.size, flat.shape[1]), table.dtype)
    same = np.uint16 if table.dtype == np.float16 else table.dtype  # Numba has no float16, and a copy needs none
    kernels.gather(out.view(same), flat.view(same), ids.reshape(-1), backend)
    return out.reshape(ids.shape + table.shape[1:])


@check.public
def gather_vjp(g, table, ids, *, summation="batch_order", backend="cpu"):
    """Add each row of `g` to the row that it was copied from.

    With the one-hot matrix P, ``P[i, ids[i]] = 1``, `gather` is ``P @ table``; its transpose gives ``dtable = P.T @ g``, that is
    ``dtable[n] = sum of g[i] over all i with ids[i] == n``, in batch order. A row that occurs nowhere has no entry.

    float16 is added up in float32 and rounded once, at the end of each sum: 4096 ones make 4096, where sums in float16 stop at 2048.
    A sum of 65520 or more is infinite.

    Parameters
    ----------
    g : ndarray (*ids.shape, *shape) of the table's dtype
    table : ndarray (N, *shape); only its shape and dtype matter
    ids : integers of any shape, each in ``0..N-1``
    summation : "batch_order", "float64" or "exact"
        How the k gradients of a row are added up, and so how far each entry may be off. With u the precision of the table, s the exact
        sum and A that of the sizes, unless it overflows:

        * "batch_order", one after the other in the dtype of the table: ``(k - 1) u A``;
        * "float64", one after the other in float64, rounded once: ``u |s| + (1 + u) (k - 1) 2**-53 A``;
        * "exact", the exact sum, rounded once: ``u |s|``. Any order of the batch gives the same bits. Some hundred times slower.

        See `npembed.numerics.sums` for signs of zeros, overflow and more.
    backend : "cpu" (Numba), "cuda" or "python"

    Returns
    -------
    RowSparse of N rows
        In batch order, ``to_dense()`` equals ``np.add.at`` on zeros (float32 ones for float16) to the bit.

    Raises
    ------
    ValueError, TypeError, IndexError
        For a `g` of another shape or dtype, and as in `gather`.

    References
    ----------
    Baydin et al., Automatic differentiation in machine learning: a survey, JMLR 18 (2018), section 3.2 (reverse mode).

    Examples
    --------
    >>> gather_vjp(np.array([[1.0], [10.0], [100.0]]), np.zeros((5, 1)), [3, 1, 3])
    RowSparse(rows=[1, 3], values=float64 (2, 1), num_rows=5)
    >>> g = np.array([[1.0], [1e30], [-1e30]])
    >>> [float(gather_vjp(g, g, [0, 0, 0], summation=how).values[0, 0]) for how in ("batch_order", "exact")]
    [0.0, 1.0]
    """
    check.table("gather_vjp", table)
    check.choice("gather_vjp", "summation", summation, sums.SUMMATIONS)
    check.choice("gather_vjp", "backend", backend, kernels.BACKENDS)
    ids = check.ids("gather_vjp", ids, len(table))
    check.like("gather_vjp", "g", g, ids.shape + table.shape[1:], table.dtype, "the rows looked up")
    rows, starts, order = kernels.segments(ids.reshape(-1))
    values = np.zeros((len(rows), *table.shape[1:]), table.dtype)
    sums.add_(values, np.arange(len(rows)), starts, order, g.reshape(ids.size, *table.shape[1:]), summation, backend)
    return RowSparse(rows, values, len(table))


GATHER = Op(gather, gather_vjp)


@check.public
def segment_add_(out, ids, values, *, summation="batch_order", backend="cpu"):
    """Add each row of `values` onto row ``ids[i]`` of `out`, in place: in batch order exactly ``np.add.at(out, ids, values)``.

    For float16 that is ``np.add.at`` of their float32 selves, each row that is named rounded once, at the end.

    Parameters
    ----------
    out : ndarray (N, *shape), C-contiguous, writable
    ids : integers of any shape, each in ``0..N-1``
    values : ndarray (*ids.shape, *shape) of `out`'s dtype, not overlapping it
    summation : "batch_order", "float64" or "exact"
        As in `gather_vjp`; what the row holds before is one of the k numbers.
    backend : "cpu" (Numba), "cuda" or "python"

    Raises
    ------
    IndexError, TypeError, ValueError
        Before anything is written.

    Examples
    --------
    >>> table = np.array([[1.0], [2.0]])
    >>> segment_add_(table, [1, 1], np.array([[10.0], [100.0]]))
    >>> table
    array([[  1.],
           [112.]])
    """
    check.table("segment_add_", out, "out")
    check.choice("segment_add_", "summation", summation, sums.SUMMATIONS)
    check.choice("segment_add_", "backend", backend, kernels.BACKENDS)
    ids = check.ids("segment_add_", ids, len(out))
    check.like("segment_add_", "values", values, ids.shape + out.shape[1:], out.dtype, "the rows of out")
    check.writable("segment_add_", "out", out, ("values", values))
    rows, starts, order = kernels.segments(ids.reshape(-1))
    with interrupts.deferred():
        sums.add_(out, rows, starts, order, values.reshape(ids.size, *out.shape[1:]), summation, backend)
