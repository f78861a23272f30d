"""Other representations than a table: rows that are made of rows of tables, with their gradients.

Each can be looked up, pulled back through, trained and saved like an `Embedding`, and stand in the place of one. `mixing` holds the
arithmetic as pairs on plain arrays; the classes look up, mix, and send each table its share.

>>> from npembed.kge.datasets import Nations
>>> from npembed.kge.models import ERModel
>>> model = ERModel(triples_factory=Nations().training, interaction="distmult", random_seed=0,
...                 entity_representations="low_rank", entity_representations_kwargs=dict(shape=8, num_bases=3),
...                 relation_representations_kwargs=dict(shape=8))
>>> {name: layer.weight.shape for name, layer in model.named_layers.items()}
{'entity_representations.0.base': (3, 8), 'entity_representations.0.weight': (14, 3), 'relation_representations.0': (55, 8)}
"""

from .. import Embedding
from .bag import EmbeddingBagRepresentation
from .combined import CombinedRepresentation
from .low_rank import LowRankRepresentation
from .make import REPRESENTATIONS, make
from .mixing import COMBINATIONS, LOW_RANK, add, add_vjp, concat, concat_vjp, low_rank, low_rank_vjp, multiply, multiply_vjp
from .representation import Representation, each_once
from .subset import SubsetRepresentation

REPRESENTATIONS |= {
    "embedding": Embedding,
    "subset": SubsetRepresentation,
    "low_rank": LowRankRepresentation,
    "combined": CombinedRepresentation,
    "embedding_bag": EmbeddingBagRepresentation,
}

__all__ = [
    "COMBINATIONS", "LOW_RANK", "REPRESENTATIONS", "CombinedRepresentation", "EmbeddingBagRepresentation", "LowRankRepresentation",
    "Representation", "SubsetRepresentation", "add", "add_vjp", "concat", "concat_vjp", "each_once", "low_rank", "low_rank_vjp", "make",
    "multiply", "multiply_vjp",
]  # fmt: skip
