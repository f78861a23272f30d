"""A model on any representations: the scores, losses and gradients of `npembed.kge`, by way of lookups and their way back.

For two tables it gives the bits of `npembed.kge`, which is the definition.
"""

import numpy as np

from ... import check
from ...layers import collect
from ...numerics.precision import to_compute_dtype
from ..batch import BLOCK, PAIRS, loss_of
from ..columns import COLUMNS
from ..score import to_storage_dtype


def look_up(sides, h, r, t):
    """The lookups of heads, relations and tails, in this order."""
    return [side.look_up(ids) for side, ids in zip((sides[0], sides[1], sides[0]), (h, r, t), strict=True)]


def score(sides, h, r, t, *, interaction):
    """See `npembed.kge.score`.

    Parameters
    ----------
    sides : two representations, of entities and of relations
    h, r, t : integer arrays whose shapes broadcast
    interaction : Op
    """
    return interaction.forward(*(to_compute_dtype(one.output) for one in look_up(sides, h, r, t)))


def loss_and_gradients(sides, layers, positives, negatives, *, loss, interaction, keep=None):
    """See `npembed.kge.loss_and_gradients`.

    Parameters
    ----------
    sides : two representations, of entities and of relations
    layers : their tables
    positives : int64 (B, 3); negatives : int64 (B, K, 3), all checked
    loss, interaction : Op
    keep : bool (B, K), or None for all

    Returns
    -------
    loss : float
    gradients : a RowSparse for each of `layers`
    """
    flat, counts = negatives.reshape(-1, 3), np.ones(negatives.shape[:2], bool)
    if keep is not None:
        counts = check.mask("loss_and_gradients", "keep", keep, negatives.shape[:2], "negatives without their last axis")
        flat, loss = negatives[keep], loss.bind(mask=keep)
    looked = [look_up(sides, *hrt.T) for hrt in (positives, flat)]
    true, found = (interaction.forward(*(to_compute_dtype(one.output) for one in hrt)) for hrt in looked)
    true, false = true[:, None], np.zeros(counts.shape, found.dtype)
    false[counts] = found
    value, (dtrue, dfalse) = loss_of("loss_and_gradients", loss, positive=true, negative=false)
    first, second = (
        _pulled(layers, hrt, interaction.vjp(g, *(to_compute_dtype(one.output) for one in hrt)))
        for hrt, g in zip(looked, (dtrue[:, 0], dfalse[counts]), strict=True)
    )
    return _charged(value, [a + b for a, b in zip(first, second, strict=True)], layers, looked)


def lcwa_loss_and_gradients(sides, layers, pairs, labels, *, loss, interaction, target="tail"):
    """See `npembed.kge.lcwa_loss_and_gradients`.

    Parameters
    ----------
    sides : two representations, of entities and of relations
    layers : their tables
    pairs : int64 (B, 2), checked
    labels : ndarray (B, N) of numbers
    loss : Op of scores and, by keyword, labels
    interaction : Op
    target : "head", "relation" or "tail"

    Returns
    -------
    loss : float
    gradients : a RowSparse for each of `layers`
    """
    size = sides[target == "relation"].max_id
    labels = check.numbers_in("lcwa_loss_and_gradients", "labels", labels)
    if labels.shape != (len(pairs), size):
        allowed = f"{(len(pairs), size)}, a label for each pair and each {target}"
        raise ValueError(f"lcwa_loss_and_gradients: labels has shape {labels.shape}; allowed: {allowed}")
    ids = dict(zip(PAIRS[target], (pairs[:, :1], pairs[:, 1:]), strict=True)) | {target: np.arange(size)}
    looked = look_up(sides, ids["head"], ids["relation"], ids["tail"])
    rows = [to_compute_dtype(one.output) for one in looked]
    place = COLUMNS.index(target)
    width = max(1, BLOCK // max(1, len(pairs) * rows[place][:1].size))
    blocks = [slice(start, start + width) for start in range(0, size, width)]

    def cut(block):
        return [x[block] if i == place else x for i, x in enumerate(rows)]

    loss = loss.bind(labels=labels)
    every = np.concatenate([interaction.forward(*cut(block)) for block in blocks], axis=1)
    value, (g,) = loss_of("lcwa_loss_and_gradients", loss, scores=every)
    parts = [interaction.vjp(np.ascontiguousarray(g[:, block]), *cut(block)) for block in blocks]
    drows = [
        np.concatenate([part[i] for part in parts]) if i == place else sum((part[i] for part in parts[1:]), start=parts[0][i])
        for i in range(3)
    ]
    return _charged(value, list(_pulled(layers, looked, drows)), layers, [looked])


def _pulled(layers, looked, drows):
    """The gradients of the tables from those of heads, relations and tails; a table gathers first as head, then as tail."""
    x, y, z = (one.pull(to_storage_dtype(d, one.output)) for one, d in zip(looked, drows, strict=True))
    return collect(layers, x + z + y)


def _charged(value, gradients, layers, lookups):
    """A loss and its gradients, with what the regularizers charge for each lookup added to them."""
    for looked in lookups:
        for one in looked:
            if pairs := one.pull(None, 1.0):  # there is a regularizer
                value = type(value)(value + one.penalty())
                gradients = [a + b for a, b in zip(gradients, collect(layers, pairs), strict=True)]
    return value, tuple(gradients)
