"""A run from data to ranked model: `pipeline` makes one, `PipelineResult` trains it on, ranks and saves it, `load` brings it back."""

from .load import load
from .pipeline import pipeline, prepare
from .result import PipelineResult

__all__ = ["PipelineResult", "load", "pipeline", "prepare"]
