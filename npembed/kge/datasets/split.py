"""Training, validation and testing from one set of triples, by seed."""

import itertools
import math

import numpy as np

from ... import check
from ...numerics.random import generator

_ALLOWED = "positive numbers that sum to 1, such as (0.8, 0.1, 0.1), or one number below 1"


def split_indices(triples, ratios, rng):
    """Which triples go into which part, so that the first part holds every entity and every relation that occurs.

    The triples are shuffled and cut at ``ratios``. Where an entity or relation would occur in a later part only, the first of the
    shuffled triples that holds it moves into the first part, and a triple that the first part can spare moves out, the last one
    first. So the sizes are exact. Only if more triples would have to stay than fit, fewer that hold everything are searched for,
    greedily.

    Parameters
    ----------
    triples : int64 (n, 3)
    ratios : sequence of float, or one float r for ``(r, 1 - r)``
        The parts end at ``n * (r_0 + ... + r_i)``, rounded down.
    rng : int, generator, or None

    Returns
    -------
    list of int64 arrays
        Increasing, each index once.

    Raises
    ------
    ValueError
        If a part would be empty, or the first one cannot hold every entity and relation.

    Examples
    --------
    >>> triples = np.array([[0, 0, 1], [0, 0, 2], [1, 0, 2], [2, 0, 1], [2, 0, 3]])
    >>> [part.tolist() for part in split_indices(triples, (0.6, 0.4), 0)]
    [[0, 1, 4], [2, 3]]
    """
    ratios = _checked(ratios)
    n = len(triples)
    ends = [int(n * total + 1e-6) for total in itertools.accumulate(ratios)]  # 1e-6: 0.7 + 0.2 is a little less than 0.9
    ends[-1] = n
    sizes = np.diff([0, *ends]).tolist()
    if 0 in sizes:
        found = f"ratios = {ratios} split {n} triples into {', '.join(map(str, sizes))}"
        raise ValueError(f"split: {found}; allowed: ratios that leave each part one triple at least")
    order = generator(rng).randperm(n)
    needed = _first_ones(triples[order])
    if needed.sum() > sizes[0]:
        needed = _few(triples[order])
    if needed.sum() > sizes[0]:
        found = f"ratios[0] = {ratios[0]:g} leaves {sizes[0]} of {n} triples for the first part"
        raise ValueError(f"split: {found}; allowed: {needed.sum()} or more, which hold every entity and relation")
    order = np.concatenate([order[needed], order[~needed]])
    return [np.sort(part) for part in np.split(order, ends[:-1])]


def _checked(ratios):
    """`ratios` as a tuple of positive numbers that sum to 1."""
    if not np.iterable(ratios):
        first = check.real("split", "ratios", ratios, above=0)
        ratios = (first, 1 - first)
    if isinstance(ratios, (str, bytes, dict, set)):
        raise TypeError(f"split: ratios = {check.said(ratios)} is a {type(ratios).__name__}; allowed: {_ALLOWED}")
    ratios = tuple(check.real("split", f"ratios[{i}]", ratio, above=0) for i, ratio in enumerate(ratios))
    if abs(math.fsum(ratios) - 1) > 1e-9:
        raise ValueError(f"split: ratios = {ratios} sum to {math.fsum(ratios):g}; allowed: {_ALLOWED}")
    return ratios


def _first_ones(triples):
    """Mask of the triples in which some entity or relation occurs for the first time."""
    needed = np.zeros(len(triples), bool)
    needed[np.unique(triples[:, [0, 2]], return_index=True)[1] // 2] = True  # two entities a triple
    needed[np.unique(triples[:, 1], return_index=True)[1]] = True
    return needed


def _few(triples):
    """Mask of few triples that hold every entity and relation: those that cannot be spared, then greedily what adds the most."""
    rows = triples.tolist()
    needed = _alone(triples)
    entities, relations = set(triples[needed][:, [0, 2]].ravel().tolist()), set(triples[needed, 1].tolist())
    for news in (3, 2, 1):  # what a triple would add only ever gets less, so three rounds are all
        for i, (h, r, t) in enumerate(rows):
            if len({h, t} - entities) + (r not in relations) == news:
                needed[i] = True
                entities |= {h, t}
                relations.add(r)
    return needed


def _alone(triples):
    """Mask of the triples that are the only one with some entity or relation."""
    h, r, t = triples.T
    loops = np.bincount(h[h == t], minlength=triples.max() + 1)  # a triple from an entity to itself counts once
    of_entity = np.bincount(h, minlength=len(loops)) + np.bincount(t, minlength=len(loops)) - loops
    return (of_entity[h] == 1) | (of_entity[t] == 1) | (np.bincount(r)[r] == 1)
