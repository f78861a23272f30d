"""The loss of a batch and its gradients with respect to the two tables, for each of the two ways of training.

Every lookup may be charged for by a regularizer, which is added to the loss: as in PyKEEN, the entity regularizer sees the rows of
the heads and those of the tails, of true triples and of corrupted ones, each lookup by itself.
"""

import math

import numpy as np

from .. import check
from ..embedding.lookup import penalty, penalty_vjp
from .score import NO_MASKS, score, score_vjp

BLOCK = 2**22
"""How many numbers a batch of pairs may have, all candidates' rows together, before they are scored in several blocks."""

NO_REGULARIZERS = (None, None)


@check.public
def loss_and_gradients(
    entities, relations, positives, negatives, *, loss, keep=None, masks=(NO_MASKS, NO_MASKS), regularizers=NO_REGULARIZERS, **settings
):  # fmt: skip
    """Score true and corrupted triples, take the loss, and send its gradient back to the tables.

    Parameters
    ----------
    entities, relations : ndarray, the tables
    positives : int64 (B, 3)
    negatives : int64 (B, K, 3)
    loss : Op, see `LOSSES`
    keep : bool (B, K), or None for all
        True where a negative counts (`npembed.kge.samplers.keep_mask`). The others are not even looked up; `loss` gets a ``mask``.
    masks : the masks of the positives, and of the negatives that count
    regularizers : two Ops or None, for entities and relations
    settings : interaction and normalizers, as in `score`

    Returns
    -------
    loss : float
    dentities, drelations : RowSparse

    Examples
    --------
    >>> from npembed.kge.interactions import INTERACTIONS
    >>> from npembed.kge.losses import LOSSES
    >>> tables, true, false = (np.eye(2), np.eye(2)[:1]), np.array([[0, 0, 1]]), np.array([[[0, 0, 0]]])
    >>> loss, _, _ = loss_and_gradients(*tables, true, false, loss=LOSSES["margin_ranking"], interaction=INTERACTIONS["distmult"])
    >>> float(loss)
    2.0
    """
    check.op("loss_and_gradients", "loss", loss)
    positives, negatives = check.batch("loss_and_gradients", positives, negatives, len(entities), len(relations))
    flat, counts = negatives.reshape(-1, 3), np.ones(negatives.shape[:2], bool)
    if keep is not None:
        counts = check.mask("loss_and_gradients", "keep", keep, negatives.shape[:2], "negatives without their last axis")
        flat, loss = negatives[keep], loss.bind(mask=keep)
    lookups = (*positives.T, masks[0]), (*flat.T, masks[1])
    true, found = (score(entities, relations, *hrt, masks=mask, **settings) for *hrt, mask in lookups)
    true, false = true[:, None], np.zeros(counts.shape, found.dtype)
    false[counts] = found
    value, (dtrue, dfalse) = loss_of("loss_and_gradients", loss, positive=true, negative=false)
    first, second = (
        score_vjp(g, entities, relations, *hrt, masks=mask, **settings)
        for (*hrt, mask), g in zip(lookups, (dtrue[:, 0], dfalse[counts]), strict=True)
    )
    gradients = [a + b for a, b in zip(first, second, strict=True)]
    return _charged(value, gradients, (entities, relations), [hrt for *hrt, _ in lookups], regularizers, settings)


@check.public
def lcwa_loss_and_gradients(
    entities, relations, pairs, labels, *, loss, target="tail", masks=NO_MASKS, regularizers=NO_REGULARIZERS, **settings
):  # fmt: skip
    """Score every candidate for each pair, take the loss of scores and labels, and send its gradient back to the tables.

    Parameters
    ----------
    entities, relations : ndarray, the tables
    pairs : int64 (B, 2)
        A triple without its target: (head, relation) for "tail", (head, tail) for "relation", (relation, tail) for "head".
    labels : ndarray (B, N) of numbers, N the number of entities, or of relations if they are the target
    loss : Op of scores and, by keyword, labels; see `LCWA_LOSSES`
    target : "head", "relation" or "tail"
    masks : the masks of heads, relations and tails: (B, 1, *shape), and (N, *shape) for the target
    regularizers : two Ops or None, for entities and relations
    settings : interaction and normalizers, as in `score`

    Returns
    -------
    loss : float
    dentities, drelations : RowSparse

    Examples
    --------
    >>> from npembed.kge.interactions import INTERACTIONS
    >>> from npembed.kge.losses import LCWA_LOSSES
    >>> how = dict(loss=LCWA_LOSSES["mse"], interaction=INTERACTIONS["distmult"])
    >>> loss, dentities, _ = lcwa_loss_and_gradients(np.eye(2), np.eye(2)[:1], [[0, 0]], np.array([[1.0, 1.0]]), **how)
    >>> float(loss), dentities.to_dense().tolist()
    (0.5, [[0.0, 0.0], [-1.0, 0.0]])
    """
    check.op("lcwa_loss_and_gradients", "loss", loss)
    check.choice("lcwa_loss_and_gradients", "target", target, tuple(PAIRS))
    sizes = {"head": len(entities), "relation": len(relations), "tail": len(entities)}
    pairs = check.columns("lcwa_loss_and_gradients", pairs, "pairs", **{column: sizes[column] for column in PAIRS[target]})
    labels = check.numbers_in("lcwa_loss_and_gradients", "labels", labels)
    found = labels.shape
    if found != (len(pairs), sizes[target]):
        allowed = f"{(len(pairs), sizes[target])}, a label for each pair and each {target}"
        raise ValueError(f"lcwa_loss_and_gradients: labels has shape {found}; allowed: {allowed}")
    place = tuple(sizes).index(target)
    width = math.prod((relations if target == "relation" else entities).shape[1:])
    size = max(1, BLOCK // max(1, len(pairs) * width))
    blocks = [slice(start, start + size) for start in range(0, sizes[target], size)]

    def lookups(block):
        """The ids of a block of candidates beside the pairs, and the masks of both."""
        hrt = [pairs[:, :1], pairs[:, 1:]]
        hrt.insert(place, np.arange(sizes[target])[block])
        return hrt, [m[block] if m is not None and i == place else m for i, m in enumerate(masks)]

    loss = loss.bind(labels=labels)
    found = [score(entities, relations, *hrt, masks=mask, **settings) for hrt, mask in map(lookups, blocks)]
    every = np.concatenate(found, axis=1)
    value, (g,) = loss_of("lcwa_loss_and_gradients", loss, scores=every)
    gradients: list = []
    for block in blocks:
        hrt, mask = lookups(block)
        part = score_vjp(np.ascontiguousarray(g[:, block]), entities, relations, *hrt, masks=mask, **settings)
        gradients = [a + b for a, b in zip(gradients, part, strict=True)] if gradients else list(part)
    return _charged(value, gradients, (entities, relations), [lookups(slice(None))[0]], regularizers, settings)


PAIRS = {"head": ("relation", "tail"), "relation": ("head", "tail"), "tail": ("head", "relation")}
"""For each target, the two columns of a triple that are given."""


def loss_of(function, loss, **scores):
    """The loss of arrays of scores, and its gradient with respect to each; an error in our words for what an Op of one's own does wrong.

    >>> import numpy as np
    >>> from npembed.kge.losses import LOSSES
    >>> one = np.ones((1, 1))
    >>> loss_of("fit", LOSSES["margin_ranking"], positive=one, negative=one)
    (np.float64(1.0), (array([[-1.]]), array([[1.]])))
    """
    value = check.number(function, "loss.forward", loss.forward(*scores.values()))
    found = loss.vjp(1.0, *scores.values())
    return value, check.gradients(function, "loss.vjp", found if len(scores) > 1 else (found,), **scores)


def _charged(value, gradients, tables, lookups, regularizers, settings):
    """A loss and its gradients, with what the regularizers charge for each lookup of (h, r, t) added to them."""
    normalizers = settings.get("entity_normalizer"), settings.get("relation_normalizer")
    for h, r, t in lookups:
        for side, ids in ((0, h), (1, r), (0, t)):
            if regularizers[side] is not None:
                how = {"regularizer": regularizers[side], "normalizer": normalizers[side]}
                value = type(value)(value + penalty(tables[side], ids, **how))
                gradients[side] = gradients[side] + penalty_vjp(1.0, tables[side], ids, **how)
    return value, *gradients
