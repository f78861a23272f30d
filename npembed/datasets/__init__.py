"""Knowledge graphs to train on, and what every graph is: `TriplesFactory`.

Ids follow PyKEEN's order: labels of the training file in string order; triples sorted by head, relation, tail.
"""

from pathlib import Path

from .triples import TriplesFactory, mapped, read_labels


class Nations:
    """14 countries and 55 relations among them; small enough to look at, real enough to learn from.

    Attributes
    ----------
    training, validation, testing : TriplesFactory
        1592, 199 and 201 triples over the same ids.

    References
    ----------
    Kemp et al., Learning systems of concepts with an infinite relational model (AAAI 2006). The files' origin is noted beside them.

    Examples
    --------
    >>> Nations().training
    TriplesFactory(num_entities=14, num_relations=55, num_triples=1592)
    """

    def __init__(self):
        folder = Path(__file__).parent / "nations"
        labels = {part: read_labels(folder / f"{part}.txt") for part in ("train", "valid", "test")}
        entities = sorted({label for h, _, t in labels["train"] for label in (h, t)})
        relations = sorted({r for _, r, _ in labels["train"]})
        ids = {label: i for i, label in enumerate(entities)}, {label: i for i, label in enumerate(relations)}
        self.training = TriplesFactory(mapped(labels["train"], *ids), *ids)
        self.validation = TriplesFactory(mapped(labels["valid"], *ids), *ids)
        self.testing = TriplesFactory(mapped(labels["test"], *ids), *ids)

    def __repr__(self):
        return f"Nations(training={self.training})"


DATASETS = {"nations": Nations}
"""By name."""

__all__ = ["DATASETS", "Nations", "TriplesFactory"]
