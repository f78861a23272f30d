"""`score` from top to bottom, `score_vjp` from bottom to top.

A triple (head, relation, tail) is three ids. Heads and tails are rows of one table, relations of another.
"""

from .. import check
from ..embedding.lookup import lookup, lookup_vjp
from ..numerics.precision import compute_dtype, to_compute_dtype
from ..op import Op

NO_MASKS = (None, None, None)


@check.public
def score(entities, relations, h, r, t, *, interaction, entity_normalizer=None, relation_normalizer=None, masks=NO_MASKS):
    """Look up head, relation and tail, and let the interaction score them.

    Parameters
    ----------
    entities : ndarray (N, *shape), the entity table
    relations : ndarray (M, *shape), the relation table
    h, r, t : integer arrays whose shapes broadcast
        ``(B,)`` each for B triples; ``(B, 1), (B, 1), (1, N)`` to score all tails.
    interaction : Op, see `INTERACTIONS`
    entity_normalizer, relation_normalizer : Op, or None
    masks : three dropout masks (or None) for the rows of h, r and t

    Returns
    -------
    ndarray of the broadcast shape, the higher the more plausible
        Of the precision of the tables; float32 for float16, which would make many of them equal.

    Examples
    --------
    >>> import numpy as np
    >>> from npembed.kge.interactions import INTERACTIONS
    >>> entities, relations = np.array([[1.0], [4.0]]), np.array([[2.0]])
    >>> score(entities, relations, [0], [0], [1], interaction=INTERACTIONS["transe"])
    array([-1.])
    """
    check.op("score", "interaction", interaction)
    x = lookup(entities, h, normalizer=entity_normalizer, mask=masks[0])
    y = lookup(relations, r, normalizer=relation_normalizer, mask=masks[1])
    z = lookup(entities, t, normalizer=entity_normalizer, mask=masks[2])
    return interaction.forward(to_compute_dtype(x), to_compute_dtype(y), to_compute_dtype(z))


@check.public
def score_vjp(g, entities, relations, h, r, t, *, interaction, entity_normalizer=None, relation_normalizer=None, masks=NO_MASKS):
    """Send the gradient of the scores back to the two tables.

    The interaction splits it into three; each goes up through its lookup; an entity gathers what it gets as head and as tail.

    Parameters
    ----------
    g : ndarray of the shape of the scores
    entities, relations, h, r, t, interaction, entity_normalizer, relation_normalizer, masks
        As in `score`.

    Returns
    -------
    dentities, drelations : RowSparse

    Examples
    --------
    >>> import numpy as np
    >>> from npembed.kge.interactions import INTERACTIONS
    >>> entities, relations = np.array([[1.0], [4.0]]), np.array([[2.0]])
    >>> dentities, _ = score_vjp(np.array([1.0]), entities, relations, [0], [0], [1], interaction=INTERACTIONS["transe"])
    >>> dentities.to_dense()
    array([[ 1.],
           [-1.]])
    """
    check.op("score_vjp", "interaction", interaction)
    x = lookup(entities, h, normalizer=entity_normalizer, mask=masks[0])
    y = lookup(relations, r, normalizer=relation_normalizer, mask=masks[1])
    z = lookup(entities, t, normalizer=entity_normalizer, mask=masks[2])
    dx, dy, dz = interaction.vjp(g, to_compute_dtype(x), to_compute_dtype(y), to_compute_dtype(z))
    dheads = lookup_vjp(to_storage_dtype(dx, x), entities, h, normalizer=entity_normalizer, mask=masks[0])
    dtails = lookup_vjp(to_storage_dtype(dz, z), entities, t, normalizer=entity_normalizer, mask=masks[2])
    return dheads + dtails, lookup_vjp(to_storage_dtype(dy, y), relations, r, normalizer=relation_normalizer, mask=masks[1])


def to_storage_dtype(d, rows):
    """The gradient of rows in the rows' own dtype."""
    return d.astype(rows.dtype, copy=False) if d.dtype == compute_dtype(rows.dtype) else d


OPS = {"score": Op(score, score_vjp)}
