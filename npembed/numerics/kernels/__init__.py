"""Gather and segment-add: the two loops everything else in the package stands on; and `score`, which is there for speed.

One body per kernel (`bodies`) runs on three machines: compiled for the CPU (``backend="cpu"``), compiled for CUDA (``"cuda"``),
or as it stands, in Python (``"python"``). The result has the same bits on all of them, for any number of threads (of a NaN, only
that it is one is promised).

Nothing is checked here, and kernels never raise: the caller has made sure that ids are in range, that shapes and dtypes agree,
that arrays are C-contiguous and aligned, and that `out` is writable and shares no memory with the rest. A table's rows are flat:
``(N, D)``. Importing this package does not import Numba; the first call of a kernel does.
"""

import importlib
import math

import numpy as np

MODULES = {"cpu": "cpu", "cuda": "gpu", "python": "python"}
BACKENDS = tuple(MODULES)


def machine(backend):
    """The module that runs the kernels for `backend`; it is imported only now, since Numba takes a while."""
    return importlib.import_module(f".{MODULES[backend]}", __name__)


def gather(out, table, ids, backend="cpu"):
    """Copy the rows of a table that `ids` name, ``out[i] = table[ids[i]]``.

    Parameters
    ----------
    out : ndarray (B, D), float32, float64, complex64 or complex128
        Overwritten.
    table : ndarray (N, D), the dtype of `out`
    ids : ndarray (B,), int64
        In ``0..N - 1``; an id may come more than once.
    backend : {"cpu", "cuda", "python"}
        Where it runs; the result is the same.

    Raises
    ------
    RuntimeError
        ``backend="cuda"`` where there is no CUDA device.

    Examples
    --------
    >>> table = np.array([[0.0, 0.5], [1.0, 1.5], [2.0, 2.5]])
    >>> out = np.empty((4, 2))
    >>> gather(out, table, np.array([2, 0, 2, 2]))
    >>> out[:2]
    array([[2. , 2.5],
           [0. , 0.5]])
    """
    if out.size:
        module = machine(backend)
        with np.errstate(all="ignore"):
            module.gather(out, table, ids)


PIECE = 1 << 21
"""Numbers that `copied` copies at a time, some 10 ms: Ctrl-C waits for the end of it."""


def copied(table, ids):
    """Rows of a table as it lies, ``table[ids]``: strided, misaligned, read-only. A kernel would want all of it laid out anew.

    So would `np.take`, of a table that is strided.

    Parameters
    ----------
    table : ndarray (N, *shape)
    ids : int64 of any shape, in ``0..N - 1``

    Returns
    -------
    ndarray (*ids.shape, *shape), C-contiguous

    Examples
    --------
    >>> copied(np.arange(8.0).reshape(4, 2)[::2, ::-1], np.array([1, 0]))
    array([[5., 4.],
           [1., 0.]])
    """
    flat, out = ids.reshape(-1), np.empty((ids.size, *table.shape[1:]), table.dtype)
    size = max(1, PIECE // max(1, math.prod(table.shape[1:])))
    for lo in range(0, len(flat), size):
        out[lo : lo + size] = table[flat[lo : lo + size]]
    return out.reshape(ids.shape + table.shape[1:])


def segments(ids):
    """Group a batch by id: who is in it, and where.

    ``order`` lists the positions of ``rows[0]`` in the batch, then those of ``rows[1]``, and so on, each time in batch order;
    those of ``rows[s]`` are ``order[starts[s]:starts[s + 1]]``. It is a stable sort by id, digit by digit: NumPy's stable sort of
    16-bit numbers is a radix sort, eight times faster than its stable sort of 64-bit numbers.

    Parameters
    ----------
    ids : ndarray (B,), int64
        Not negative.

    Returns
    -------
    rows : ndarray (n,), int64
        The distinct ids, increasing.
    starts : ndarray (n + 1,), int64
        Where each id's positions begin in `order`; the last number is B.
    order : ndarray (B,), int64

    Examples
    --------
    >>> rows, starts, order = segments(np.array([7, 2, 7, 0, 7]))
    >>> rows.tolist(), starts.tolist(), order.tolist()
    ([0, 2, 7], [0, 1, 2, 5], [3, 1, 0, 2, 4])
    """
    largest = int(ids.max()) if ids.size else 0
    order = np.argsort(ids.astype(np.uint16), kind="stable")  # to uint16: modulo 2**16, the lowest digit
    for shift in range(16, largest.bit_length(), 16):
        digit = (ids >> shift).astype(np.uint16)
        order = order[np.argsort(digit[order], kind="stable")]
    ids = ids[order]
    first = np.ones(ids.size, dtype=bool)
    first[1:] = ids[1:] != ids[:-1]
    starts = np.append(np.flatnonzero(first), ids.size)
    return ids[first], starts.astype(np.int64, copy=False), order.astype(np.int64, copy=False)


def segment_add(out, rows, starts, order, values, backend="cpu"):
    """Add rows of `values` onto rows of `out`, one after the other, in batch order.

    ``out[rows[s]] += values[order[j]]`` for ``j = starts[s], ..., starts[s + 1] - 1``. With
    ``rows, starts, order = segments(ids)`` it gives the bits of ``np.add.at(out, ids, values)``. Segments may be empty; a
    position may be in several, or in none.

    Parameters
    ----------
    out : ndarray (N, D), float32, float64, complex64 or complex128
        Added onto, in the order above: ``((out + first) + second) + ...``.
    rows : ndarray (n,), int64
        In ``0..N - 1``, all different: each row of `out` belongs to one thread.
    starts : ndarray (n + 1,), int64
        Not decreasing, in ``0..len(order)``.
    order : ndarray, int64
        In ``0..B - 1``.
    values : ndarray (B, D), the dtype of `out`
    backend : {"cpu", "cuda", "python"}
        Where it runs; the result is the same.

    Raises
    ------
    RuntimeError
        ``backend="cuda"`` where there is no CUDA device.

    Examples
    --------
    >>> out = np.full((3, 1), 100.0)
    >>> segment_add(out, *segments(np.array([2, 0, 2])), np.array([[1.0], [2.0], [3.0]]))
    >>> out
    array([[102.],
           [100.],
           [104.]])
    """
    if out.size and order.size and rows.size:
        module = machine(backend)
        with np.errstate(all="ignore"):
            module.segment_add(out, rows, starts, order, values)


def score(name, out, rows, a, b, *, sign, root, low):
    """Score B queries against N candidates without temporaries, each by one sum from the first entry to the last.

    `kernels.score_candidates` is the loop.

    Parameters
    ----------
    name : str, in `kernels.score_candidates.TERMS`
    out : ndarray (B, N), float32 or float64
        Overwritten.
    rows : ndarray (N, D), float32 or float64
        The candidates; complex ones as pairs of real numbers.
    a, b : ndarray (B, D), float64
        The queries, likewise.
    sign : 1.0 or -1.0
    root : bool
        Whether the square root is taken of the sum.
    low : float
        Sums below are in doubt.

    Returns
    -------
    int, how many scores were in doubt; they are NaN now

    Examples
    --------
    >>> out = np.empty((1, 2))
    >>> score("products", out, np.array([[1.0, 2.0], [3.0, 4.0]]), np.ones((1, 2)), np.ones((1, 2)), sign=1.0, root=False, low=-9.0)
    0
    >>> out
    array([[3., 7.]])
    """
    if not out.size:
        return 0
    return importlib.import_module(".score_candidates", __name__).score(name, out, rows, a, b, sign, root, low)
