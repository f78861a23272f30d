"""The classes `Embedding` and `EmbeddingBag`: a table with PyKEEN's options behind torch's interface."""

from .choose import choose, pykeen_dim
from .embedding import Embedding, table_shape
from .embedding_bag import EmbeddingBag

__all__ = ["Embedding", "EmbeddingBag", "choose", "pykeen_dim", "table_shape"]
