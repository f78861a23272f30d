"""PyKEEN: interactions, and ranks of their scores."""

import functools
import types

import numpy as np

from ....kge.evaluation import ranks
from ....kge.interactions import rotate
from ..finding import Finding, Raises

_found = functools.partial(Finding, "pykeen", ("1.11.1", "1.11.1"))


def rotate_by_batch():
    """the score of RotatE depends on what it is asked with, if a relation is not of length one"""
    import torch
    from pykeen.nn.modules import RotatEInteraction

    score, (h, r, t) = RotatEInteraction(), torch.tensor([[[1 + 0j]], [[2 + 0j]], [[3 + 0j]]])
    return [score(h, r, t).item(), score(h, r, t.expand(5, 1))[0].item(), score(h[None], r[None], t.expand(1, 5, 1))[0, 0].item()]


def _rotate():
    h, r, t = (np.array([[x + 0j]]) for x in (1, 2, 3))
    return [
        rotate(h, r, t)[0].item(),
        rotate(h, r, t.repeat(5, 0))[0].item(),
        rotate(h[None], r[None], t.repeat(5, 0))[0, 0].item(),
    ]


def rotate_order():
    """RotatE ignores the order of its norm"""
    import torch
    from pykeen.nn.modules import RotatEInteraction

    h, r, t = torch.tensor([[[0j, 0j]], [[1 + 0j, 1 + 0j]], [[3 + 0j, 4 + 0j]]])
    return RotatEInteraction(p=1)(h, r, t).tolist()


def _rotate_order():
    h, r, t = np.array([[[0j, 0j]], [[1 + 0j, 1 + 0j]], [[3 + 0j, 4 + 0j]]])
    return rotate(h, r, t, p=1).tolist()


def kg2e_by_batch():
    """the expected likelihood of KG2E grows with the size of the batch"""
    import torch
    from pykeen.nn.modules import KG2EInteraction

    score = KG2EInteraction(similarity="el")
    few, many = ((torch.zeros(size, 2), torch.ones(size, 2)) for size in (1, 5))
    return score(many, many, many)[0].item() - score(few, few, few)[0].item()


def kg2e_order():
    """the expected likelihood of KG2E is higher for worse matches"""
    import torch
    from pykeen.nn.modules import KG2EInteraction

    near, far = (torch.zeros(1, 2), torch.ones(1, 2)), (torch.full((1, 2), 10.0), torch.ones(1, 2))
    score = KG2EInteraction(similarity="el")
    return score(near, near, near).item() > score(near, near, far).item()


def quate_sign():
    """QuatE gives minus the product that it is said to give"""
    import torch
    from pykeen.nn.modules import QuatEInteraction

    one = torch.tensor([[[1.0, 0.0, 0.0, 0.0]]])
    return QuatEInteraction()(one, one, one).tolist()


def nan_is_first():
    """a true triple whose score is NaN has the rank one half"""
    import torch
    from pykeen.evaluation.ranks import Ranks

    return Ranks.from_scores(torch.tensor([[float("nan")]]), torch.tensor([[float("nan"), 1.0, 2.0]])).realistic.tolist()


def _nan():
    model = types.SimpleNamespace(score_t=lambda hr: np.array([[np.nan, 1.0, 2.0]]))
    return ranks(model, [[0, 0, 0]], sides="tail").tail.realistic.tolist()


SCORES = (
    _found("P4", kg2e_by_batch, 4 * np.log(2 * np.pi).item(), 0.0,
           "A triple has one score. The formula has d log(2 pi) with d numbers in a row, the code takes the size of the batch for d.",
           rtol=1e-5),
    _found("P4b", kg2e_order, False, True,
           "Higher is more plausible, in evaluation and in training; here head and tail are at one place, there ten away from each other."),
    _found("P5", rotate_by_batch, [-5.0, -1.0, -1.0], [-1.0, -1.0, -1.0],
           "h r - t = 1 * 2 - 3 = -1, however many tails are asked for. PyKEEN turns the tail back instead, 1 - 3 * 2, where that "
           "is cheaper.",
           ours=_rotate),
    _found("P5b", rotate_order, [-5.0], [-7.0], "h r - t = (-3, -4): for p = 1 the norm is 3 + 4.", ours=_rotate_order),
    _found("P6", quate_sign, [-1.0], [1.0], "1 * 1 = 1, and its product with 1 is 1; documented is < h r, t >."),
    _found("P7", nan_is_first, [0.5], Raises(("FloatingPointError", "ValueError", "RuntimeError")),
           "Ranks begin with 1. NaN compares with nothing: 0 scores are at least as high, the optimistic rank is 1 and the pessimistic 0.",
           ours=_nan),
)  # fmt: skip
