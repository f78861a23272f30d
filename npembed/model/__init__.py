"""A knowledge-graph model as plain functions: what a triple scores (`scores`), and what a batch of them costs (`gradients`)."""

from .gradients import PAIRS, lcwa_loss_and_gradients, loss_and_gradients
from .scores import NO_MASKS, OPS, score, score_vjp

__all__ = ["NO_MASKS", "OPS", "PAIRS", "lcwa_loss_and_gradients", "loss_and_gradients", "score", "score_vjp"]
