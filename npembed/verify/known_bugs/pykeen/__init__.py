"""PyKEEN: its embedding layer, maps of rows, models, losses, evaluation and files of triples."""

from .files import FILES
from .layers import LAYERS
from .losses import LOSSES
from .maps import MAPS
from .models import MODELS
from .scores import SCORES

PYKEEN = (*LAYERS, *MAPS, *SCORES, *MODELS, *LOSSES, *FILES)

__all__ = ["PYKEEN"]
