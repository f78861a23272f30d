"""`ERModel`: entity and relation layers and an interaction, under PyKEEN's names; and presets of it, by name."""

from .er_model import ERModel
from .predictions import Prediction, Predictions
from .presets import MODELS, complex_bilinear, distmult, rotate, transe

__all__ = ["MODELS", "ERModel", "Prediction", "Predictions", "complex_bilinear", "distmult", "rotate", "transe"]
