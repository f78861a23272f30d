"""Knowledge graphs to train on, and what every graph is: `TriplesFactory`.

`load` takes a name (nations, kinships, umls), a folder or a file. Ids follow PyKEEN's order: labels of the training file in string
order; triples sorted by head, relation, tail.
"""

from .dataset import DATASETS, UMLS, Dataset, Kinships, Nations, load
from .parser import LabeledTriples, read_triples
from .triples import TriplesFactory

__all__ = [
    "DATASETS",
    "UMLS",
    "Dataset",
    "Kinships",
    "LabeledTriples",
    "Nations",
    "TriplesFactory",
    "load",
    "read_triples",
]
