"""Double backward: the gradients of a layer's gradient."""

import numpy as np

from .. import check
from ..embedding.rows import gather
from ..embedding.second_order import transform_vjp_vjp
from ..embedding.second_order.lookups import second_of
from .embedding import Embedding
from .table import over_frequency


@check.public
def double_backward(layer, indices, grad_output, v):
    """Differentiate ``<v, gradient of the table>`` with respect to `grad_output` and to the table.

    The gradient is what ``output, pullback = layer.vjp(indices)`` gives as ``pullback(grad_output)``: what a regularizer charges is no part
    of it. Options that make it another one on purpose do so here too: the row `padding_idx` has no gradient of either order, and
    `scale_grad_by_freq` divides what comes to the table by how often the id was looked up, and what comes back from it.

    Parameters
    ----------
    layer : Embedding
        In eval mode, or without dropout. (With a mask of one's own: `npembed.embedding.second_order.lookup_vjp_vjp`.) Rows that are longer
        than `max_norm` are shortened first, as by a lookup.
    indices : integers of any shape, each in ``0..max_id-1``; None for all rows
    grad_output : ndarray (*indices.shape, *shape)
    v : ndarray like the table

    Returns
    -------
    dgrad_output : ndarray like `grad_output`
    dtable : RowSparse

    Raises
    ------
    ValueError
        For a layer that drops out, or whose normalizer is a pair of one's own without a known second order.

    References
    ----------
    torch.autograd.grad with ``create_graph=True``, applied twice; torch 2.13 forgets `scale_grad_by_freq` on the way to `grad_output`.

    Examples
    --------
    >>> from npembed import Embedding
    >>> layer = Embedding.from_pretrained(np.array([[3.0, 4.0], [0.0, 2.0]]), normalizer="normalize")
    >>> dg, dtable = double_backward(layer, [0], np.array([[0.0, 5.0]]), np.array([[5.0, 0.0], [9.0, 9.0]]))
    >>> dg, dtable.to_dense()
    (array([[ 0.64, -0.48]]), array([[0.064, 0.552],
           [0.   , 0.   ]]))
    """
    if not isinstance(layer, Embedding):
        raise TypeError(f"double_backward: layer is a {type(layer).__name__}; allowed: an Embedding")
    if layer.training and layer.dropout:
        raise ValueError(
            f"double_backward: layer drops out in training mode (dropout = {layer.dropout:g}), anew each time; allowed: layer.eval(), or "
            f"npembed.embedding.second_order.lookup_vjp_vjp with a mask"
        )
    ids = np.arange(layer.max_id) if indices is None else check.ids("double_backward", indices, layer.max_id, "indices")
    check.like("double_backward", "grad_output", grad_output, (*ids.shape, *layer.shape), layer.dtype, "the output")
    check.like("double_backward", "v", v, layer.weight.shape, layer.dtype, "the table")
    if layer.normalizer is not None:
        second_of("double_backward", layer.normalizer)  # before max_norm writes
    vrows = gather(v, ids)
    if layer.padding_idx is not None:
        vrows[ids == layer.padding_idx] = 0
    if layer.scale_grad_by_freq:
        vrows = over_frequency(vrows, ids)
    dg, drows = transform_vjp_vjp(vrows, grad_output, layer.table_rows(ids), normalizer=layer.normalizer)
    return dg, layer.to_table(drows, ids)
