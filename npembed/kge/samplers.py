"""Negative samplers corrupt true triples; `keep_mask` finds those of their triples that happen to be true."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .. import check
from ..numerics.random import generator
from .columns import COLUMNS


@check.public
def basic(rng, positives, *, num_entities, num_relations=None, num_negatives=1, corrupt=("head", "tail")):
    """Replace one entry of each true triple by another, drawn evenly among all others.

    Each triple is repeated `num_negatives` times. The first part of the B K copies loses its heads, the second its tails, in one
    contiguous block each. A replacement is never the original, but the new triple may happen to be true (it is not filtered; see
    `keep_mask`).

    Parameters
    ----------
    rng : int, generator, or None
    positives : int64 (B, 3)
    num_entities, num_relations : int, what a replacement is drawn from; 2 at least
    num_negatives : int, K >= 1
    corrupt : sequence of "head", "relation", "tail"; at least one

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
    check.integer("basic", "num_negatives", num_negatives, minimum=1, maximum=check.LARGEST)
    if not isinstance(corrupt, (tuple, list)) or not corrupt:
        raise ValueError(
            f"basic: corrupt = {check.said(corrupt)} names no sides; allowed: a sequence of 'head', 'relation', 'tail'"
        )
    for side in corrupt:
        check.choice("basic", "corrupt", side, COLUMNS)
        check.integer(
            "basic", "num_relations" if side == "relation" else "num_entities", sizes[side], minimum=2, maximum=check.LARGEST
        )
    positives = check.triples("basic", positives, num_entities, num_relations, "positives")
    negatives = _copies("basic", positives, num_negatives)
    part = -(-len(negatives) // len(corrupt))
    for i, side in enumerate(corrupt):
        _replace(rng, negatives, slice(i * part, (i + 1) * part), side, sizes[side])
    return negatives.reshape(len(positives), num_negatives, 3)


@check.public
def bernoulli_probabilities(triples, num_relations):
    """For each relation, how often `bernoulli` is to replace the head: ``p = tph / (tph + hpt)``.

    tph is how many tails a head of this relation has on average, hpt how many heads a tail has. Where one head has many tails, a
    random tail is often true as well, and so the head is replaced instead. With H different heads and T different tails this is
    ``T / (H + T)``, however many triples there are.

    Parameters
    ----------
    triples : integers (n, 3), the training triples
    num_relations : int

    Returns
    -------
    float32 (num_relations,)
        Computed in the float32 steps of PyKEEN, so that no draw falls between its number and ours. A relation without a triple, of
        which nothing is known, has 1/2 (NaN in PyKEEN).

    References
    ----------
    Wang et al., Knowledge graph embedding by translating on hyperplanes (AAAI 2014), "Reducing false negative labels".

    Examples
    --------
    >>> bernoulli_probabilities(np.array([[0, 0, 1], [0, 0, 2], [0, 0, 3]]), 2)  # one head, three tails
    array([0.75, 0.5 ], dtype=float32)
    """
    num_relations = check.integer("bernoulli_probabilities", "num_relations", num_relations, minimum=0, maximum=check.LARGEST)
    triples = check.triples("bernoulli_probabilities", triples, np.iinfo(np.int64).max, num_relations)
    columns = triples[:, 1], np.unique(triples[:, :2], axis=0)[:, 1], np.unique(triples[:, 1:], axis=0)[:, 0]
    counts = np.array([np.bincount(relations, minlength=num_relations) for relations in columns])
    seen = counts[0] > 0
    total, heads, tails = counts[:, seen].astype(np.float32)
    p = np.full(num_relations, 0.5, np.float32)
    p[seen] = total / heads / (total / heads + total / tails)
    return p


@check.public
def bernoulli(rng, positives, *, num_entities, head_probability, num_negatives=1):
    """Replace the head of each true triple with the probability of its relation, and its tail otherwise.

    First one number is drawn for each of the B K copies, to decide which side it loses, then all new heads, then all new tails. A
    replacement is never the original, but the new triple may happen to be true (see `keep_mask`).

    Parameters
    ----------
    rng : int, generator, or None
    positives : int64 (B, 3)
    num_entities : int, what a replacement is drawn from; 2 at least
    head_probability : ndarray (num_relations,), real, from `bernoulli_probabilities`
    num_negatives : int, K >= 1

    Returns
    -------
    int64 (B, K, 3)

    Raises
    ------
    ValueError
        For a probability outside 0..1.

    References
    ----------
    Wang et al., Knowledge graph embedding by translating on hyperplanes (AAAI 2014), "Reducing false negative labels".
    pykeen.sampling.BernoulliNegativeSampler, whose draws these are.

    Examples
    --------
    >>> bernoulli(0, np.array([[0, 0, 2], [3, 1, 5]]), num_entities=6, head_probability=np.array([1.0, 0.0])).tolist()
    [[[4, 0, 2]], [[3, 1, 0]]]
    """
    rng = generator(rng)
    check.integer("bernoulli", "num_negatives", num_negatives, minimum=1, maximum=check.LARGEST)
    check.integer("bernoulli", "num_entities", num_entities, minimum=2, maximum=check.LARGEST)
    check.array("bernoulli", "head_probability", head_probability, ndim=1)
    if head_probability.ndim != 1 or head_probability.dtype.kind == "c":
        found = f"dtype {head_probability.dtype} and shape {head_probability.shape}"
        raise ValueError(f"bernoulli: head_probability has {found}; allowed: real (num_relations,), one for each relation")
    outside = ~((head_probability >= 0) & (head_probability <= 1))
    if outside.any():
        first = int(np.argmax(outside))
        raise ValueError(f"bernoulli: head_probability[{first}] = {head_probability[first]} is no probability; allowed: 0 to 1")
    positives = check.triples("bernoulli", positives, num_entities, len(head_probability), "positives")
    negatives = _copies("bernoulli", positives, num_negatives)
    head = rng.rand((len(positives), num_negatives)) < head_probability[positives[:, 1], None]
    _replace(rng, negatives, head.ravel(), "head", num_entities)
    _replace(rng, negatives, ~head.ravel(), "tail", num_entities)
    return negatives.reshape(len(positives), num_negatives, 3)


def _copies(function, positives, num_negatives):
    """Each triple `num_negatives` times, if there can be so many."""
    check.shape(function, "num_negatives", (len(positives), num_negatives, 3))
    return np.repeat(positives, num_negatives, axis=0)


def _replace(rng, triples, where, side, size):
    """Write other ids below `size` over those in the rows `where`, drawn evenly."""
    column = triples[where, COLUMNS.index(side)]
    drawn = rng.randint(0, size - 1, len(column))
    drawn += drawn >= column  # one id less is drawn from; those from the original on move up by one
    triples[where, COLUMNS.index(side)] = drawn


class KnownTriples(NamedTuple):
    """Triples in an order in which they are found by bisection; made by `index_triples`, asked by `keep_mask`.

    A triple is turned into one number in two steps: head and relation into the rank of their pair, pair and tail into a key. Ranks
    are below the number of triples n, keys below n^2; so ids may be as large as int64 holds, and no key overflows.
    """

    columns: tuple  # of the sorted different heads, relations, tails
    pairs: np.ndarray  # sorted keys of the different (head, relation)
    keys: np.ndarray  # sorted keys of the different triples

    def __repr__(self):
        return f"KnownTriples({len(self.keys)})"


@check.public
def index_triples(*triples):
    """Sort known triples, once, so that `keep_mask` finds them without scanning.

    Parameters
    ----------
    triples : integers (n, 3), one or several arrays, such as those of training, validation and test; duplicates do not matter

    Returns
    -------
    KnownTriples

    Examples
    --------
    >>> index_triples(np.array([[0, 0, 1], [1, 0, 0]]), np.array([[0, 0, 1]]))
    KnownTriples(2)
    """
    if not triples:
        raise ValueError("index_triples: triples are missing; allowed: one array (n, 3) or more, which may be empty")
    largest = np.iinfo(np.int64).max
    known = np.concatenate([check.triples("index_triples", array, largest) for array in triples])
    (heads, h), (relations, r), (tails, t) = (np.unique(column, return_inverse=True) for column in known.T)
    pairs, pair = np.unique(h * len(relations) + r, return_inverse=True)
    return KnownTriples((heads, relations, tails), pairs, np.unique(pair * len(tails) + t))


@check.public
def keep_mask(negatives, known):
    """True where a negative counts, since it is not among the known triples; exact, in about ``log2 n`` steps for each.

    Losses take the result as their ``mask``. It is a mask, not a second draw: a batch then has fewer negatives.

    Parameters
    ----------
    negatives : integers (..., 3), such as (B, K, 3) from a sampler
    known : KnownTriples, from `index_triples`

    Returns
    -------
    bool (...), such as (B, K)

    References
    ----------
    pykeen.sampling.filtering.PythonSetFilterer (1.11.1), whose answers these are.

    Examples
    --------
    >>> keep_mask(np.array([[[0, 0, 1], [0, 0, 2]]]), index_triples(np.array([[0, 0, 1], [1, 0, 0]])))
    array([[False,  True]])
    """
    if not isinstance(known, KnownTriples):
        raise TypeError(f"keep_mask: known is a {type(known).__name__}; allowed: KnownTriples, from index_triples")
    negatives = check.numbers_in("keep_mask", "negatives", negatives)
    shape = negatives.shape
    if not shape or shape[-1] != 3:
        raise ValueError(f"keep_mask: negatives has shape {shape}; allowed: (..., 3), the columns head, relation, tail")
    flat = check.triples("keep_mask", np.reshape(negatives, (-1, 3)), np.iinfo(np.int64).max, argument="negatives")
    (h, has_head), (r, has_relation), (t, has_tail) = (_rank(*each) for each in zip(known.columns, flat.T, strict=True))
    pair, has_pair = _rank(known.pairs, h * len(known.columns[1]) + r)
    _, has_triple = _rank(known.keys, pair * len(known.columns[2]) + t)
    return ~(has_head & has_relation & has_tail & has_pair & has_triple).reshape(shape[:-1])


def _rank(values, x):
    """Where each of x stands in the sorted `values`, and whether it does."""
    place = np.minimum(np.searchsorted(values, x), max(len(values) - 1, 0))
    return place, values[place] == x if len(values) else np.zeros(x.shape, bool)


SAMPLERS: dict[str, Callable[..., np.ndarray]] = {"basic": basic, "bernoulli": bernoulli}
"""By name."""
