"""Knowledge-graph models: what a triple scores (`score`), what a batch of them costs (`batch`), and all that is built on these.

Graphs (`datasets`), models (`models`), training (`training`), ranks and metrics (`evaluation`), whole runs on disk (`runs`), and how
sure a score is (`uncertainty`).
"""

from .batch import lcwa_loss_and_gradients, loss_and_gradients
from .datasets import DATASETS, UMLS, Dataset, Kinships, Nations, TriplesFactory
from .evaluation import METRICS, Ranks, evaluate, metric, metrics, ranks
from .interactions import INTERACTIONS
from .losses import LCWA_LOSSES, LOSSES
from .models import MODELS, ERModel
from .runs import PipelineResult, load, pipeline
from .samplers import SAMPLERS
from .score import score, score_vjp
from .training import LOOPS, Epoch, fit
from .uncertainty import (
    exact_law,
    exact_moments,
    predict_h_uncertain,
    predict_hrt_uncertain,
    predict_r_uncertain,
    predict_t_uncertain,
    score_law,
    score_moments,
)

__all__ = [
    "DATASETS", "INTERACTIONS", "LCWA_LOSSES", "LOOPS", "LOSSES", "METRICS", "MODELS", "SAMPLERS", "UMLS", "Dataset", "ERModel",
    "Epoch", "Kinships", "Nations", "PipelineResult", "Ranks", "TriplesFactory", "evaluate", "exact_law", "exact_moments", "fit",
    "lcwa_loss_and_gradients", "load", "loss_and_gradients", "metric", "metrics", "pipeline", "predict_h_uncertain",
    "predict_hrt_uncertain", "predict_r_uncertain", "predict_t_uncertain", "ranks", "score", "score_law", "score_moments", "score_vjp",
]  # fmt: skip
