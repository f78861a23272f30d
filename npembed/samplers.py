"""Negative samplers corrupt true triples."""

import numpy as np

from . import check
from .random import generator

COLUMNS = {"head": 0, "relation": 1, "tail": 2}


def basic(rng, positives, *, num_entities, num_relations=None, num_negatives=1, corrupt=("head", "tail")):
    """Replace one entry of each true triple by another, drawn evenly among all others.

    Each triple is repeated `num_negatives` times. The first part of the B K copies loses its heads, the second its tails, in one
    contiguous block each. A replacement is never the original, but the new triple may happen to be true (it is not filtered).

    Parameters
    ----------
    rng : int, generator, or None
    positives : int64 (B, 3)
    num_entities, num_relations : int, what a replacement is drawn from; 2 at least
    num_negatives : int, K >= 1
    corrupt : sequence of "head", "relation", "tail"

    Returns
    -------
    int64 (B, K, 3)

    References
    ----------
    pykeen.sampling.BasicNegativeSampler, whose draws these are.

    Examples
    --------
    >>> basic(0, np.array([[0, 1, 2], [3, 4, 5]]), num_entities=6).tolist()
    [[[5, 1, 2]], [[3, 4, 4]]]
    """
    rng = generator(rng)
    sizes = {"head": num_entities, "tail": num_entities, "relation": num_relations}
    check.integer("basic", "num_negatives", num_negatives, minimum=1)
    if isinstance(corrupt, str) or not len(corrupt):
        raise ValueError(f"basic: corrupt = {corrupt!r} names no sides; allowed: a sequence of 'head', 'relation', 'tail'")
    for side in corrupt:
        check.choice("basic", "corrupt", side, tuple(COLUMNS))
        check.integer("basic", "num_relations" if side == "relation" else "num_entities", sizes[side], minimum=2)
    positives = check.triples("basic", positives, num_entities, num_relations, "positives")
    negatives = np.repeat(positives, num_negatives, axis=0)
    part = -(-len(negatives) // len(corrupt))
    for i, side in enumerate(corrupt):
        column = negatives[i * part : (i + 1) * part, COLUMNS[side]]
        drawn = rng.randint(0, sizes[side] - 1, len(column))
        column[:] = drawn + (drawn >= column)  # one id less is drawn from; those from the original on move up by one
    return negatives.reshape(len(positives), num_negatives, 3)


SAMPLERS = {"basic": basic}
"""By name."""
