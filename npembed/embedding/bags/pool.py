"""`embedding_bag` and its gradient: a gather and a segment sum, or a gather and a columnwise maximum."""

import math

import numpy as np

from ... import check
from ...numerics import kernels
from ...numerics.precision import compute_dtype, to_compute_dtype, to_float64
from ...numerics.sums import rounded
from ...op import Op
from ..rows import RowSparse, take
from .arguments import bags, check_weights

MODES = ("sum", "mean", "max")


@check.public
def embedding_bag(
    table, ids, offsets=None, per_sample_weights=None, *, mode="mean", include_last_offset=False, padding_idx=None,
    scale_grad_by_freq=False, ties="first", nan="propagate", backend="cpu",
):  # fmt: skip
    """Pool the rows of each bag: ``out[b] = sum_j w_j table[ids[j]]`` over the j in bag b, their mean, or their columnwise maximum.

    An empty bag, or one of padding alone, gives zeros in every mode. A sum begins at 0 and takes its terms in batch order, in the
    dtype of the table, each weighted term rounded before it is added: the bits of ``np.add.at``, on any machine and for any
    number of threads (and without weights those of torch 2.13 on a CPU); a real entry is off by at most ``k 2**-24`` (in float64
    ``k 2**-53``) times the sum of its k terms' magnitudes. The mean is that sum over k, rounded once more; the maximum is exact.
    Rows of float16 are added up, and divided, in float32, and rounded to float16 at the end of it; weights times rows are exact there.

    Parameters
    ----------
    table : ndarray (N, *shape), float32, float64, float16, complex64 or complex128 (these two not for the maximum)
    ids : integers (B, K), B bags of K; or (n,) with `offsets`; each in ``0..N-1``
    offsets : integers (B,), where each bag begins, from 0 and never falling; or None
    per_sample_weights : ndarray like `ids`, of the table's dtype, or None for ones
        For the sum only: a weighted mean could mean a division by k or by the sum of the weights.
    mode : "sum", "mean" or "max"
    include_last_offset : bool
        The last offset ends the last bag; ids behind it are in no bag: checked, but neither read nor counted.
    padding_idx : int in ``-N..N-1``, or None
        An id that is in no bag and counts in no mean.
    scale_grad_by_freq, ties
        Read by `embedding_bag_vjp` only.
    nan : "propagate" or "torch"
        Mode "max": a NaN anywhere in a bag makes its column NaN; or, as torch 2.13 has it, only the bag's first row can.
    backend : "cpu" (Numba), "cuda" or "python"

    Returns
    -------
    ndarray (B, *shape) of the table's dtype

    Raises
    ------
    IndexError, TypeError, ValueError
        For ids outside the table, offsets that do not begin at 0, fall or go beyond the end: in every mode the same.

    References
    ----------
    torch.nn.functional.embedding_bag (2.13). Joulin et al., Bag of Tricks for Efficient Text Classification (EACL 2017), section 2.
    Jeannerod and Rump, Improved error bounds for inner products in floating-point arithmetic (SIAM J. Matrix Anal. Appl. 34, 2013).

    Examples
    --------
    >>> table = np.array([[1.0, 10.0], [2.0, 0.0], [6.0, 20.0]])
    >>> embedding_bag(table, [0, 2, 1], offsets=[0, 2, 2], mode="sum")
    array([[ 7., 30.],
           [ 0.,  0.],
           [ 2.,  0.]])
    >>> embedding_bag(table, [[0, 1], [1, 2]], mode="max")
    array([[ 2., 10.],
           [ 6., 20.]])
    """
    cut = _checked("embedding_bag", table, ids, offsets, per_sample_weights, mode, include_last_offset, padding_idx,
                   scale_grad_by_freq, ties, nan, backend)  # fmt: skip
    flags = table.flags
    out = np.zeros((len(cut.sizes), _width(table)), compute_dtype(table.dtype))
    if mode == "max":
        rows = _flat(take(table, cut.ids))
        full = cut.sizes > 0
        out[full] = np.take_along_axis(rows, _winners(rows, cut, nan)[0], axis=0)
    elif per_sample_weights is None and out.dtype == table.dtype and flags.c_contiguous and flags.aligned and flags.writeable:
        kernels.segment_add(out, np.arange(len(out)), cut.starts, cut.ids, _flat(table), backend)
    else:
        rows = _weighted(to_compute_dtype(_flat(take(table, cut.ids))), per_sample_weights, cut)
        kernels.segment_add(out, np.arange(len(out)), cut.starts, np.arange(len(rows)), rows, backend)
    if mode == "mean":
        out = _divided(out, cut.sizes)
    return rounded(out, table.dtype).reshape(len(out), *table.shape[1:])


@check.public
def embedding_bag_vjp(
    g, table, ids, offsets=None, per_sample_weights=None, *, mode="mean", include_last_offset=False, padding_idx=None,
    scale_grad_by_freq=False, ties="first", nan="propagate", backend="cpu",
):  # fmt: skip
    """Send what each bag got back to the rows in it, in batch order: ``dtable[n] = sum_j conj(w_j) g[b_j]`` over the j with id n.

    The sum is linear in the table, and ``b_j`` is the bag of the j-th id; for the mean, ``g[b]`` over the size of the bag takes
    the place of ``g[b]``. The maximum hands each entry of ``g[b]`` to the row that it came from. A weight times a row gives
    ``dw_j = sum_d conj(table[ids[j], d]) g[b_j, d]``, computed wide and rounded once. Ids in no bag get nothing, their weights 0.

    Two conventions. Where several rows of a bag share the maximum (or several are NaN), ``ties="first"`` gives all to the first,
    "split" the same to each. And `scale_grad_by_freq` divides the gradient of a row by how often its id occurs in all bags
    together: that is intentionally not the gradient (the true one is without it).

    Parameters
    ----------
    g : ndarray (B, *shape) of the table's dtype
    table, ids, offsets, per_sample_weights, mode, include_last_offset, padding_idx, nan, backend
        As in `embedding_bag`.
    scale_grad_by_freq : bool
        The gradient of `per_sample_weights` stays as it is.
    ties : "first" or "split"

    Returns
    -------
    RowSparse of N rows; with weights, ``(RowSparse, ndarray like per_sample_weights)``
        The rows that are in a bag, each once. ``to_dense()`` equals ``np.add.at`` on zeros to the bit.

    References
    ----------
    Baydin et al., Automatic differentiation in machine learning: a survey, JMLR 18 (2018), section 3.2 (reverse mode).

    Examples
    --------
    >>> g = np.array([[1.0], [10.0]])
    >>> embedding_bag_vjp(g, np.zeros((4, 1)), [0, 2, 2], offsets=[0, 2], mode="sum").to_dense().tolist()
    [[1.0], [0.0], [11.0], [0.0]]
    """
    cut = _checked("embedding_bag_vjp", table, ids, offsets, per_sample_weights, mode, include_last_offset, padding_idx,
                   scale_grad_by_freq, ties, nan, backend)  # fmt: skip
    check.like("embedding_bag_vjp", "g", g, (len(cut.sizes), *table.shape[1:]), table.dtype, "the bags")
    flat, owners = to_compute_dtype(_flat(g)), cut.owners
    if mode == "max":
        flat = _to_winners(flat, _flat(take(table, cut.ids)), cut, ties, nan)
    elif mode == "mean":
        flat = _divided(flat, cut.sizes)
    elif per_sample_weights is not None:
        flat = _weighted(flat[owners], np.conj(per_sample_weights), cut)
    by_bag = mode == "mean" or (mode == "sum" and per_sample_weights is None)
    rows, starts, order = kernels.segments(cut.ids)
    values = np.zeros((len(rows), flat.shape[1]), compute_dtype(table.dtype))
    kernels.segment_add(values, np.arange(len(rows)), starts, owners[order] if by_bag else order, flat, backend)
    if scale_grad_by_freq:
        values = _divided(values, np.diff(starts))
    dtable = RowSparse(rows, rounded(values, table.dtype).reshape(len(rows), *table.shape[1:]), len(table))
    if per_sample_weights is None:
        return dtable
    dweights = np.zeros(per_sample_weights.size, table.dtype)
    with np.errstate(all="ignore"):
        dweights[cut.places] = (np.conj(to_float64(_flat(take(table, cut.ids)))) * _flat(g)[owners]).sum(axis=1)
    return dtable, dweights.reshape(per_sample_weights.shape)


EMBEDDING_BAG = Op(embedding_bag, embedding_bag_vjp)


def _checked(function, table, ids, offsets, weights, mode, include_last_offset, padding_idx, by_freq, ties, nan, backend):
    """The bags, once every argument was found good."""
    check.table(function, table)
    check.choice(function, "mode", mode, MODES)
    check.choice(function, "scale_grad_by_freq", by_freq, (True, False))
    check.choice(function, "ties", ties, ("first", "split"))
    check.choice(function, "nan", nan, ("propagate", "torch"))
    check.choice(function, "backend", backend, kernels.BACKENDS)
    if mode == "max" and np.iscomplexobj(table):
        raise TypeError(f"{function}: table has dtype {table.dtype}; allowed: real rows for mode 'max', since complex numbers have "
                        f"no order")  # fmt: skip
    about = {"include_last_offset": include_last_offset, "padding_idx": padding_idx}
    cut = bags(function, ids, offsets, len(table), **about)
    check_weights(function, weights, np.shape(ids), table.dtype, mode)
    return cut


def _width(table):
    return math.prod(table.shape[1:])


def _flat(array):
    """`array` as the kernels want it: two axes, C order, aligned, writable. Copies only what is not so already."""
    return np.require(array.reshape(len(array), _width(array)), requirements=["C", "A", "W"])


def _divided(rows, counts):
    """Each row over its count (1 for 0), rounded once: of complex numbers both parts, as numbers of their own."""
    parts = rows.view(rows.real.dtype)
    return (parts / np.maximum(counts, 1).astype(parts.dtype)[:, None]).view(rows.dtype)


def _weighted(rows, weights, cut):
    """Each row times its own weight, rounded to the dtype; without weights the rows as they are."""
    if weights is None:
        return rows
    with np.errstate(all="ignore"):  # as in the kernels: what overflows is infinite
        return _flat(rows * weights.reshape(-1)[cut.places][:, None])


def _filled(cut):
    """Of the bags that are not empty: where each begins, and for each id the how manieth of them it is in."""
    sizes = cut.sizes[cut.sizes > 0]
    return cut.starts[:-1][cut.sizes > 0], np.repeat(np.arange(len(sizes)), sizes)


def _winners(rows, cut, nan):
    """For each bag that is not empty and each column: where in `rows` the first maximum is, and all rows (k, D) that hold it.

    A NaN beats every number. In torch's order of comparing, ``row > maximum`` from the second row on, none but the first can win.
    """
    starts, nth = _filled(cut)
    numbers = np.arange(len(rows))[:, None]
    if nan == "torch":
        rows = np.where(np.isnan(rows) & ~np.isin(numbers, starts), -np.inf, rows)
    maximum = np.maximum.reduceat(rows, starts)[nth]
    top = (rows == maximum) | np.isnan(rows)
    return np.minimum.reduceat(np.where(top, numbers, len(rows)), starts), top


def _to_winners(g, rows, cut, ties, nan):
    """Each bag's `g`, entry by entry, at the rows (k, D) that the maximum came from, and zero elsewhere."""
    first, top = _winners(rows, cut, nan)
    starts, nth = _filled(cut)
    g = g[cut.sizes > 0]
    d = np.zeros(rows.shape, g.dtype)
    if ties == "first":
        np.put_along_axis(d, first, g, axis=0)
    else:
        shares = g / np.add.reduceat(top.astype(int), starts)  # only real rows have a maximum
        d[top] = shares[nth][top]
    return d
