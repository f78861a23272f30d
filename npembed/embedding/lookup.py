"""The embedding layer in four plain functions. Start reading here.

A table is an array of N rows. One step of learning goes down the forward pass, up the backward pass, and then writes:

    rows   = table[ids]                  lookup        (copy rows)
    out    = normalizer(rows) * mask     lookup        (the normalizer: inside, differentiated)
    ------------------------------------------------------------------ the loss is computed from out; g = dloss/dout
    drows  = normalizer_vjp(g * mask)    lookup_vjp    (the gradient knows of the normalizer)
    dtable = add drows to its rows       lookup_vjp    (the transpose of the copy: a scatter-add)
    ------------------------------------------------------------------ the update
    table -= lr * dtable                 sgd_          (in `optimizers`)
    table  = constrainer(table)          post_step_    (the constrainer: outside, not differentiated)

A normalizer and a constrainer may be the same function. What differs is the place: the normalizer changes what the layer says and
what its gradient is, and leaves the table alone; the constrainer changes the table, and no gradient knows of it.
"""

import numpy as np

from .. import check
from ..numerics.precision import compute_dtype, to_compute_dtype
from ..numerics.random import generator
from ..op import Op
from .rows import gather, gather_vjp


@check.public
def lookup(table, ids, *, normalizer=None, mask=None):
    """Look rows up, normalize them, drop some entries out: ``normalizer(table[ids]) * mask``.

    Parameters
    ----------
    table : ndarray (N, *shape)
    ids : integers of any shape, each in ``0..N-1``
    normalizer : Op, or None
    mask : real ndarray (*ids.shape, *shape), float32 for a float16 table, or None
        As drawn by `dropout_mask`; applied last, as in PyKEEN. To complex rows too: an entry is kept or dropped whole.

    Returns
    -------
    ndarray (*ids.shape, *shape) of the table's dtype

    Examples
    --------
    >>> from npembed.embedding.row_maps import NORMALIZERS
    >>> lookup(np.array([[3.0, 4.0], [0.0, 2.0]]), [1, 0], normalizer=NORMALIZERS["normalize"])
    array([[0. , 1. ],
           [0.6, 0.8]])
    """
    return transform(gather(table, ids), normalizer=normalizer, mask=mask)


@check.public
def lookup_vjp(g, table, ids, *, normalizer=None, mask=None, summation="batch_order"):
    """Send the gradient back to the rows that were looked up.

    The chain rule from bottom to top: through the mask (a diagonal, its own transpose), the normalizer, the copy of rows.

    Parameters
    ----------
    g : ndarray (*ids.shape, *shape) of the table's dtype
    table, ids, normalizer, mask
        As in `lookup`.
    summation : "batch_order", "float64" or "exact"
        How the gradients of a row are added up, see `npembed.embedding.rows.gather_vjp`.

    Returns
    -------
    RowSparse

    Examples
    --------
    >>> from npembed.embedding.row_maps import NORMALIZERS
    >>> g = np.array([[0.0, 5.0]])
    >>> lookup_vjp(g, np.array([[3.0, 4.0], [0.0, 2.0]]), [0], normalizer=NORMALIZERS["normalize"]).to_dense()
    array([[-0.48,  0.36],
           [ 0.  ,  0.  ]])
    """
    drows = transform_vjp(g, gather(table, ids), normalizer=normalizer, mask=mask)
    return gather_vjp(drows, table, ids, summation=summation)


@check.public
def penalty(table, ids, *, regularizer, normalizer=None):
    """What the rows looked up add to the loss: ``regularizer(normalizer(table[ids]))``.

    The regularizer sees what the normalizer made of the rows, before any dropout, and sees an id as often as it was looked up.

    Parameters
    ----------
    table, ids, normalizer
        As in `lookup`.
    regularizer : Op, see `npembed.embedding.regularizers.REGULARIZERS`

    Returns
    -------
    float of the precision of the table, float32 for float16

    References
    ----------
    pykeen.nn.representation.Representation.forward (1.11.1), for the order.

    Examples
    --------
    >>> from npembed.embedding.regularizers import REGULARIZERS
    >>> float(penalty(np.array([[3.0, 4.0], [0.0, 1.0]]), [0, 0, 0, 1], regularizer=REGULARIZERS["lp"]))
    4.0
    """
    check.op("penalty", "regularizer", regularizer)
    return regularizer.forward(
        to_compute_dtype(lookup(table, ids, normalizer=normalizer))
    )  # one number, which float16 might not hold


@check.public
def penalty_vjp(g, table, ids, *, regularizer, normalizer=None):
    """Send the gradient of `penalty` back to the rows: through the regularizer, the normalizer, the copy of rows.

    Parameters
    ----------
    g : float
    table, ids, regularizer, normalizer
        As in `penalty`.

    Returns
    -------
    RowSparse

    Examples
    --------
    >>> from npembed.embedding.regularizers import REGULARIZERS
    >>> penalty_vjp(5.0, np.array([[3.0, 4.0], [0.0, 1.0]]), [0], regularizer=REGULARIZERS["lp"]).to_dense()
    array([[3., 4.],
           [0., 0.]])
    """
    check.op("penalty_vjp", "regularizer", regularizer)
    out = lookup(table, ids, normalizer=normalizer)
    dout = check.like("penalty_vjp", "the regularizer's vjp", regularizer.vjp(g, out), out.shape, out.dtype, "the rows looked up")
    return lookup_vjp(dout, table, ids, normalizer=normalizer)


@check.public
def transform(rows, *, normalizer=None, mask=None):
    """What happens to rows after they were copied: the normalizer, then the dropout mask.

    >>> transform(np.array([1.0, 2.0]), mask=np.array([0.0, 2.0]))
    array([0., 4.])
    """
    check.array("transform", "rows", rows)
    if normalizer is not None:
        given = check.op("transform", "normalizer", normalizer).forward(_read_only(rows))
        given = check.like("transform", "normalizer(rows)", given, rows.shape, rows.dtype, "rows")
        rows = given.copy() if np.may_share_memory(given, rows) else given
    return rows if mask is None else np.asarray(rows * _checked("transform", mask, rows), rows.dtype)


@check.public
def transform_vjp(g, rows, *, normalizer=None, mask=None):
    """The transpose of `transform` at `rows`: the mask, then the normalizer's vjp.

    >>> transform_vjp(np.array([1.0, 1.0]), np.array([1.0, 2.0]), mask=np.array([0.0, 2.0]))
    array([0., 2.])
    """
    check.array("transform_vjp", "rows", rows)
    check.like("transform_vjp", "g", g, rows.shape, rows.dtype, "the rows looked up")
    if mask is not None:
        g = np.asarray(g * _checked("transform_vjp", mask, rows), rows.dtype)
    if normalizer is None:
        return g
    d = check.op("transform_vjp", "normalizer", normalizer).vjp(_read_only(g), _read_only(rows))
    return check.like("transform_vjp", "the normalizer's vjp", d, rows.shape, rows.dtype, "rows")


def _read_only(array):
    """A view that cannot be written through: a normalizer that works in place would change what its vjp is asked about."""
    view = array.view()
    view.flags.writeable = False
    return view


def _checked(function, mask, rows):
    dtype = compute_dtype(rows.real.dtype)
    whose = "the rows looked up" if dtype == rows.real.dtype else f"a mask for {rows.dtype} rows"
    return check.like(function, "mask", mask, rows.shape, dtype, whose)


OPS = {"lookup": Op(lookup, lookup_vjp), "penalty": Op(penalty, penalty_vjp), "transform": Op(transform, transform_vjp)}


@check.public
def dropout_mask(rng, shape, rate, dtype=np.float32):
    """Draw which entries to keep: each with probability ``1 - rate``, and then as ``1 / (1 - rate)``, the others as 0.

    So the expected value of an entry is that of the layer without dropout. A rate of 0 or 1 draws nothing.

    Parameters
    ----------
    rng : int, generator, or None
    shape : tuple of int
    rate : float in [0, 1]
    dtype : dtype of the rows; the mask is real, and float32 for float16, in which most rates have no exact ``1 / (1 - rate)``

    References
    ----------
    Srivastava et al., Dropout (JMLR 15, 2014), section 10 (the "inverted" form).

    Examples
    --------
    >>> dropout_mask(0, (1, 4), rate=0.5)
    array([[0., 0., 2., 0.]], dtype=float32)
    """
    shape = check.shape("dropout_mask", "shape", shape)
    rate = check.real("dropout_mask", "rate", rate, 0, 1)
    real = compute_dtype(np.empty(0, check.dtype("dropout_mask", "dtype", dtype)).real.dtype).type
    if rate in (0, 1):
        return np.full(shape, 1 - rate, real)
    return np.asarray(generator(rng).bernoulli(1 - rate, shape) / real(1 - rate))


@check.public
def post_step_(table, constrainer=None):
    """After an update: replace the table by its constrained self, in place.

    Outside of the forward pass, hence without a gradient. The table changes only once the result is known to fit.

    Parameters
    ----------
    table : ndarray (N, *shape), writable
    constrainer : function of a table, or None
        Returns the constrained table, or None if it changed its argument (a copy) in place.

    Examples
    --------
    >>> from npembed.embedding.row_maps import normalize
    >>> table = np.array([[3.0, 4.0]])
    >>> post_step_(table, normalize)
    >>> table
    array([[0.6, 0.8]])
    """
    check.table("post_step_", table)
    if constrainer is None:
        return
    if not callable(constrainer):
        raise TypeError(f"post_step_: constrainer is a {type(constrainer).__name__}; allowed: a function of a table, or None")
    check.writable("post_step_", "table", table)
    copy = table.copy()
    result = constrainer(copy)
    table[...] = check.like(
        "post_step_", "constrainer(table)", copy if result is None else result, table.shape, table.dtype, "table"
    )
