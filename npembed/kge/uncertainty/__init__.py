"""How sure is a score? Dropout left on at prediction time: sampled (`predict_hrt_uncertain`), and the exact law of what is sampled.

Monte-Carlo dropout scores the same triples again and again, each time with other entries dropped, and takes the spread of the scores
for uncertainty. For DistMult and ComplEx the spread need not be sampled: `score_moments` and `score_law` say what it is.
"""

from .distribution import ScoreLaw
from .law import exact_law, exact_moments, score_law, score_moments
from .monte_carlo import (
    MissingDropoutError,
    UncertainPrediction,
    predict_h_uncertain,
    predict_hrt_uncertain,
    predict_r_uncertain,
    predict_t_uncertain,
)

__all__ = [
    "MissingDropoutError", "ScoreLaw", "UncertainPrediction", "exact_law", "exact_moments", "predict_h_uncertain",
    "predict_hrt_uncertain", "predict_r_uncertain", "predict_t_uncertain", "score_law", "score_moments",
]  # fmt: skip
