"""A run from data to ranked model: `pipeline` makes one, `PipelineResult` trains it on, ranks and saves it, `load` brings it back."""

from .pipeline import pipeline, prepare
from .result import PipelineResult
from .store import load

__all__ = ["PipelineResult", "load", "pipeline", "prepare"]
