"""The class `Embedding`: a table with PyKEEN's options behind torch's interface."""

from .choose import choose, pykeen_dim
from .embedding import Embedding, table_shape

__all__ = ["Embedding", "choose", "pykeen_dim", "table_shape"]
