"""PyKEEN: losses."""

import functools

import numpy as np

from ....kge.losses import LCWA_LOSSES
from ..finding import Finding

_found = functools.partial(Finding, "pykeen", ("1.11.1", "1.11.1"))


def all_true_nssa():
    """the self-adversarial loss is NaN if all candidates of one row are true"""
    import torch
    from pykeen.losses import NSSALoss

    scores, labels = torch.tensor([[0.5, -0.2], [0.1, 0.3]]), torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    return bool(NSSALoss().process_lcwa_scores(scores, labels).isfinite())


def none_true_nssa():
    """the self-adversarial loss is NaN if no candidate is true"""
    import torch
    from pykeen.losses import NSSALoss

    return bool(NSSALoss().process_lcwa_scores(torch.tensor([[0.5, -0.2]]), torch.zeros(1, 2)).isfinite())


def no_pairs():
    """the margin ranking loss is NaN if all candidates are true"""
    import torch
    from pykeen.losses import MarginRankingLoss

    return MarginRankingLoss().process_lcwa_scores(torch.tensor([[0.5, -0.2]]), torch.ones(1, 2)).item()


def label_of_two():
    """the margin ranking loss leaves out a triple that occurs twice"""
    import torch
    from pykeen.losses import MarginRankingLoss

    scores, labels = torch.tensor([[0.5, -0.25, 1.0]]), torch.tensor([[1.0, 0.0, 2.0]])
    return MarginRankingLoss().process_lcwa_scores(scores, labels).item()


def focal_gradient():
    """the gradient of the focal loss is NaN for a score that is sure and right, if gamma is below 1"""
    import torch
    from pykeen.losses import FocalLoss

    score = torch.tensor([200.0], requires_grad=True)
    FocalLoss(gamma=0.5)(score, torch.tensor([1.0])).sum().backward()
    return score.grad.tolist()


def saturated():
    """the loss after a sigmoid jumps to 100 for a score of 17, with the gradient 0"""
    import torch
    from pykeen.losses import BCEAfterSigmoidLoss

    score = torch.tensor([[17.0]], requires_grad=True)
    loss = BCEAfterSigmoidLoss()(score, torch.tensor([[0.0]]))
    loss.backward()
    return [loss.item(), score.grad.item()]


def _lcwa(name, scores, labels):
    return float(LCWA_LOSSES[name].forward(np.array(scores), np.array(labels)))


def _saturated():
    bce, x, y = LCWA_LOSSES["bce_with_logits"], np.array([[17.0]]), np.array([[0.0]])
    return [float(bce.forward(x, y)), bce.vjp(1.0, x, y).item()]


LOSSES = (
    _found("P18", all_true_nssa, False, True,
           "The weights of false candidates add up to one, where there are any; a row without them has nothing to be pushed down.",
           ours=lambda: bool(np.isfinite(_lcwa("nssa", [[0.5, -0.2], [0.1, 0.3]], [[1.0, 1.0], [1.0, 0.0]])))),
    _found("P18b", none_true_nssa, False, True, "There is no true candidate to be pushed up, and two false ones to be pushed down.",
           ours=lambda: bool(np.isfinite(_lcwa("nssa", [[0.5, -0.2]], [[0.0, 0.0]])))),
    _found("P18c", no_pairs, float("nan"), 0.0, "A sum over pairs of which there are none.",
           ours=lambda: _lcwa("margin_ranking", [[0.5, -0.2]], [[1.0, 1.0]])),
    _found("P34", label_of_two, 0.25, 0.125,
           "Candidates 0 and 2 are true, 1 is not: max(0, -.25 - .5 + 1) = .25 and max(0, -.25 - 1 + 1) = 0, in the mean .125. Labels "
           "count how often a triple occurs, and PyKEEN takes those that are 1.",
           ours=lambda: _lcwa("margin_ranking", [[0.5, -0.25, 1.0]], [[1.0, 0.0, 2.0]])),
    _found("P19", focal_gradient, [float("nan")], [0.0],
           "With q = exp(-200) the loss is about q^1.5, and its gradient as near to zero: below every float32."),
    _found("P20", saturated, [100.0, 0.0], [17.000000041399395, 0.9999999586006244],
           "log(1 + exp 17), and 1 / (1 + exp -17). In float32 the sigmoid of 17 is 1, and its logarithm is cut off at -100.",
           ours=_saturated, rtol=1e-6),
)  # fmt: skip
