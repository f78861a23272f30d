"""Which answers to a query are known already: an index of triples, sorted once, asked by binary search.

A query is a triple with one entity taken out: (?, r, t) on the head side, (h, r, ?) on the tail side. Scanning all known triples
for each query costs queries times triples; here it is a sort, and then a logarithm per query.
"""

from typing import NamedTuple

import numpy as np

from ... import check
from ..columns import HEAD, RELATION, TAIL

SIDES = {"head": (TAIL, HEAD), "tail": (HEAD, TAIL)}
"""Of a triple, for each side: the column of the entity that stays in the query, and of the one that is asked for."""


class Known(NamedTuple):
    """Known triples in the order of their queries, made by `index_known`.

    Parameters
    ----------
    side : "head" or "tail", what is asked for
    relations : int64 (R,), the distinct relations, increasing
    num_entities : int
    keys : int64 (m,), increasing
        ``entity + num_entities * place``, with the relation's place in `relations`: one number for a query.
    answers : int64 (m,), increasing where keys are equal
    """

    side: str
    relations: np.ndarray
    num_entities: int
    keys: np.ndarray
    answers: np.ndarray


@check.public
def index_known(triples, side, num_entities):
    """Sort triples by query, each triple once.

    Parameters
    ----------
    triples : integers (n, 3), columns head, relation, tail
    side : "head" or "tail", the entity that will be asked for
    num_entities : int

    Returns
    -------
    Known

    Examples
    --------
    >>> known = index_known([[0, 7, 2], [0, 7, 1], [0, 7, 2]], "tail", num_entities=3)
    >>> known.keys, known.answers
    (array([0, 0]), array([1, 2]))
    """
    check.choice("index_known", "side", side, tuple(SIDES))
    triples = check.triples("index_known", triples, check.integer("index_known", "num_entities", num_entities, minimum=0))
    entity, answer = SIDES[side]
    relations, place = np.unique(triples[:, RELATION], return_inverse=True)
    # relations are numbered anew before they enter a key, so that a large relation id cannot overflow it
    keys, answers = triples[:, entity] + num_entities * place.reshape(-1), triples[:, answer]
    order = np.lexsort((answers, keys))
    keys, answers = keys[order], answers[order]
    new = np.ones(len(keys), bool)
    new[1:] = (keys[1:] != keys[:-1]) | (answers[1:] != answers[:-1])
    return Known(side, relations, num_entities, keys[new], answers[new])


@check.public
def known_answers(known, queries):
    """All known answers to each query.

    Parameters
    ----------
    known : Known, as made by `index_known`
    queries : int64 (B, 3)
        Triples; the entity that is asked for is not looked at.

    Returns
    -------
    rows : int64 (m,), increasing
        Which query each answer belongs to.
    answers : int64 (m,)

    Examples
    --------
    >>> known = index_known([[0, 7, 2], [0, 7, 1], [1, 7, 0]], "tail", num_entities=3)
    >>> known_answers(known, np.array([[1, 7, -1], [2, 7, -1], [0, 7, -1]]))
    (array([0, 2, 2]), array([0, 1, 2]))
    """
    entity, _ = SIDES[known.side]
    place = np.searchsorted(known.relations, queries[:, RELATION])
    keys = queries[:, entity] + known.num_entities * place
    keys[~np.isin(queries[:, RELATION], known.relations)] = -1  # no known triple has this relation, and no key is negative
    first, last = (np.searchsorted(known.keys, keys, side=side) for side in ("left", "right"))
    count = last - first
    rows = np.repeat(np.arange(len(queries)), count)
    nth = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)  # 0, 1, 2, ... anew for each query
    return rows, known.answers[np.repeat(first, count) + nth]
