"""Losses turn scores into one number to make small, and back: how each score should move.

Each comes in two forms, one for each way of training. ``loss(positive, negative)`` compares true triples with drawn, corrupted ones
(`LOSSES`); ``loss_lcwa(scores, labels)`` takes the scores of all candidates at once, each labelled true or false (`LCWA_LOSSES`).
The first is called sLCWA, the second LCWA (local closed world assumption: what is not known to be true counts as false).

All are computed in float64 and rounded once to the dtype of the scores. Where there is nothing to compare (all negatives filtered
out, no label set), a loss is 0 and asks nothing of the scores; it is never NaN for finite scores.
"""

from ...op import Op
from .bce_with_logits import bce_with_logits, bce_with_logits_lcwa, bce_with_logits_lcwa_vjp, bce_with_logits_vjp
from .crossentropy import crossentropy, crossentropy_lcwa, crossentropy_lcwa_vjp, crossentropy_vjp
from .margin_ranking import margin_ranking, margin_ranking_lcwa, margin_ranking_lcwa_vjp, margin_ranking_vjp
from .mse import mse, mse_lcwa, mse_lcwa_vjp, mse_vjp
from .nssa import adversarial_weights, nssa, nssa_lcwa, nssa_lcwa_vjp, nssa_vjp
from .softplus import softplus, softplus_lcwa, softplus_lcwa_vjp, softplus_vjp

LOSSES = {
    "margin_ranking": Op(margin_ranking, margin_ranking_vjp),
    "softplus": Op(softplus, softplus_vjp),
    "bce_with_logits": Op(bce_with_logits, bce_with_logits_vjp),
    "mse": Op(mse, mse_vjp),
    "nssa": Op(nssa, nssa_vjp),
    "crossentropy": Op(crossentropy, crossentropy_vjp),
}
"""By name: of true scores (B, 1) and corrupted ones (B, K)."""

LCWA_LOSSES = {
    "margin_ranking": Op(margin_ranking_lcwa, margin_ranking_lcwa_vjp),
    "softplus": Op(softplus_lcwa, softplus_lcwa_vjp),
    "bce_with_logits": Op(bce_with_logits_lcwa, bce_with_logits_lcwa_vjp),
    "mse": Op(mse_lcwa, mse_lcwa_vjp),
    "nssa": Op(nssa_lcwa, nssa_lcwa_vjp),
    "crossentropy": Op(crossentropy_lcwa, crossentropy_lcwa_vjp),
}
"""By the same names: of scores (B, N) of all candidates and their labels."""

__all__ = [
    "LCWA_LOSSES", "LOSSES", "adversarial_weights", "bce_with_logits", "bce_with_logits_lcwa", "bce_with_logits_lcwa_vjp",
    "bce_with_logits_vjp", "crossentropy", "crossentropy_lcwa", "crossentropy_lcwa_vjp", "crossentropy_vjp", "margin_ranking",
    "margin_ranking_lcwa", "margin_ranking_lcwa_vjp", "margin_ranking_vjp", "mse", "mse_lcwa", "mse_lcwa_vjp", "mse_vjp", "nssa",
    "nssa_lcwa", "nssa_lcwa_vjp", "nssa_vjp", "softplus", "softplus_lcwa", "softplus_lcwa_vjp", "softplus_vjp",
]  # fmt: skip
