"""The vjp of the backward pass of a lookup: back through the copy of rows, the normalizer and the mask."""

import functools

import numpy as np

from ... import check
from ...op import Op
from ..lookup import transform_vjp
from ..rows import gather, gather_vjp
from .maps import SECOND_ORDER


@check.public
def lookup_vjp_vjp(v, g, table, ids, *, normalizer=None, mask=None, summation="batch_order"):
    """Differentiate ``<v, lookup_vjp(g, table, ids)>`` with respect to `g` and to the table.

    `lookup_vjp` reads ``rows = table[ids]``, makes ``drows`` of `g` and them, and adds these up: ``P.T @ drows`` with the one-hot matrix P.
    The transpose of that copies, ``P @ v = v[ids]``, which `transform_vjp_vjp` takes to `g` and to the rows; and what comes to the rows
    is added up, since they were copied: ``dtable = P.T @ (...)``.

    Parameters
    ----------
    v : ndarray like `table`
        The cotangent of the gradient of the table.
    g, table, ids, normalizer, mask, summation
        As in `npembed.embedding.lookup_vjp`.

    Returns
    -------
    dg : ndarray like `g`
    dtable : RowSparse, zeros without a normalizer

    Examples
    --------
    >>> from npembed.embedding.row_maps import NORMALIZERS
    >>> v, g, table = np.array([[5.0, 0.0], [9.0, 9.0]]), np.array([[0.0, 5.0]]), np.array([[3.0, 4.0], [0.0, 2.0]])
    >>> dg, dtable = lookup_vjp_vjp(v, g, table, [0], normalizer=NORMALIZERS["normalize"])
    >>> dg, dtable.to_dense()
    (array([[ 0.64, -0.48]]), array([[0.064, 0.552],
           [0.   , 0.   ]]))
    """
    check.table("lookup_vjp_vjp", table)
    check.like("lookup_vjp_vjp", "v", v, table.shape, table.dtype, "table")
    dg, drows = transform_vjp_vjp(gather(v, ids), g, gather(table, ids), normalizer=normalizer, mask=mask)
    return dg, gather_vjp(drows, table, ids, summation=summation)


@check.public
def transform_vjp_vjp(v, g, rows, *, normalizer=None, mask=None):
    """Differentiate ``<v, transform_vjp(g, rows)>`` with respect to `g` and to the rows.

    ``transform_vjp(g, rows) = normalizer_vjp(g mask, rows)``: the normalizer's own second order at ``g mask``, and from there to `g`
    through the mask once more. Without a normalizer it does not read the rows.

    Parameters
    ----------
    v : ndarray like `rows`
    g, rows, normalizer, mask
        As in `npembed.embedding.transform_vjp`; of a normalizer the second order must be known, see `SECOND_ORDER`.

    Returns
    -------
    dg, drows : ndarrays like `rows`

    Examples
    --------
    >>> transform_vjp_vjp(np.array([1.0, 1.0]), np.array([5.0, 5.0]), np.array([1.0, 2.0]), mask=np.array([0.0, 2.0]))
    (array([0., 2.]), array([0., 0.]))
    """
    check.array("transform_vjp_vjp", "rows", rows)
    for name, cotangent in (("v", v), ("g", g)):
        check.like("transform_vjp_vjp", name, cotangent, rows.shape, rows.dtype, "the rows looked up")
    if normalizer is None:
        return transform_vjp(v, rows, mask=mask), np.zeros_like(rows)
    second = second_of("transform_vjp_vjp", check.op("transform_vjp_vjp", "normalizer", normalizer))
    dg, drows = second(v, transform_vjp(g, rows, mask=mask), rows)
    return transform_vjp(dg, rows, mask=mask), drows


def second_of(caller, normalizer):
    """The vjp of the vjp of an Op, with the options that are bound to it.

    >>> from npembed.embedding.row_maps import NORMALIZERS
    >>> second_of("example", NORMALIZERS["normalize"].bind(p=3)).keywords
    {'p': 3}
    """
    vjp = normalizer.vjp
    parts, options = ((vjp.func, *vjp.args), vjp.keywords) if isinstance(vjp, functools.partial) else ((vjp,), {})
    for i, part in enumerate(parts):
        for op in SECOND_ORDER.values():
            if part is op.forward:
                changed = [*parts[:i], op.vjp, *parts[i + 1 :]]
                return functools.partial(changed[0], *changed[1:], **options)
    raise ValueError(
        f"{caller}: normalizer has the vjp {getattr(vjp, '__name__', vjp)!r}, whose own is not known; allowed: one that "
        f"npembed.embedding.second_order.SECOND_ORDER has ({check.names(SECOND_ORDER)}), to which a pair Op(vjp, vjp_vjp) may be added"
    )


TRANSFORM = Op(transform_vjp, transform_vjp_vjp)
"""What happens to rows after they were copied, of second order."""
