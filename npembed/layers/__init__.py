"""The classes `Embedding` and `EmbeddingBag`: a table with PyKEEN's options behind torch's interface."""

from .arguments import only_tables_like, table_shape
from .choose import choose, choose_regularizer, pykeen_dim
from .embedding import Embedding
from .embedding_bag import EmbeddingBag
from .passes import Lookup, Passes, collect
from .second import double_backward
from .state import from_state, to_state

__all__ = [
    "Embedding", "EmbeddingBag", "Lookup", "Passes", "choose", "choose_regularizer", "collect", "double_backward", "from_state",
    "only_tables_like", "pykeen_dim", "table_shape", "to_state",
]  # fmt: skip
