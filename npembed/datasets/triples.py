"""Triples of labels, and the ids that stand for them."""

from dataclasses import dataclass

import numpy as np

from .. import check


@dataclass(frozen=True, eq=False, repr=False)
class TriplesFactory:
    """Triples as ids, and which label each id stands for.

    Parameters
    ----------
    mapped_triples : int64 (n, 3), columns head, relation, tail
    entity_to_id, relation_to_id : dict of label to id, ids 0, 1, 2, ...

    Examples
    --------
    >>> family = TriplesFactory(np.array([[0, 0, 1]]), {"ann": 0, "bob": 1}, {"knows": 0})
    >>> family
    TriplesFactory(num_entities=2, num_relations=1, num_triples=1)
    """

    mapped_triples: np.ndarray
    entity_to_id: dict
    relation_to_id: dict

    def __post_init__(self):
        triples = check.triples("TriplesFactory", self.mapped_triples, self.num_entities, self.num_relations, "mapped_triples")
        object.__setattr__(self, "mapped_triples", triples)

    @property
    def num_entities(self):
        """How many entities there are, N of an entity table."""
        return len(self.entity_to_id)

    @property
    def num_relations(self):
        """How many relations there are, N of a relation table."""
        return len(self.relation_to_id)

    @property
    def num_triples(self):
        """How many triples there are."""
        return len(self.mapped_triples)

    def __repr__(self):
        sizes = ", ".join(f"{name}={getattr(self, name)}" for name in ("num_entities", "num_relations", "num_triples"))
        return f"TriplesFactory({sizes})"


def read_labels(path):
    """The triples of a tab-separated UTF-8 file, as a list of (head, relation, tail).

    Quotes and spaces are part of a label. A line that does not hold three labels is an error with its number.
    """
    labels = []
    with open(path, encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            parts = line.rstrip("\r\n").split("\t")
            if len(parts) != 3 or not all(parts):
                raise ValueError(
                    f"read_labels: {path}:{number} holds {len(parts)} columns; allowed: head, relation, tail, none empty"
                )
            labels.append(tuple(parts))
    return labels


def mapped(labels, entity_to_id, relation_to_id):
    """The labelled triples as ids, sorted, each once: int64 (n, 3)."""
    triples = [(entity_to_id[h], relation_to_id[r], entity_to_id[t]) for h, r, t in labels]
    return np.unique(np.array(triples, np.int64).reshape(-1, 3), axis=0)
