"""torch: bags of rows."""

import functools

import numpy as np

from ....embedding.bags import embedding_bag, embedding_bag_vjp
from ..finding import REFUSED, Finding

_found = functools.partial(Finding, "torch", ("2.13.0", "2.13.0"))
TABLE = np.arange(8.0).reshape(4, 2)


def wrong_count():
    """bags with scale_grad_by_freq divide by the count of another id"""
    import torch

    table = torch.zeros(4, 1, requires_grad=True)
    bags = torch.nn.functional.embedding_bag(
        torch.tensor([1, 1, 2]), table, torch.tensor([0]), mode="sum", scale_grad_by_freq=True
    )
    bags.sum().backward()
    return table.grad[:, 0].tolist()


def _right_count():
    d = embedding_bag_vjp(np.ones((1, 1)), np.zeros((4, 1)), [1, 1, 2], [0], mode="sum", scale_grad_by_freq=True)
    return d.to_dense()[:, 0].tolist()


def falling_sum():
    """offsets that fall are summed as if they did not"""
    import torch

    table = torch.arange(8.0, dtype=torch.float64).reshape(4, 2)
    return torch.nn.functional.embedding_bag(torch.tensor([0, 1, 2]), table, torch.tensor([0, 3, 2]), mode="sum").tolist()


def falling_max():
    """a maximum over offsets that fall is made up"""
    import torch

    table = torch.arange(8.0, dtype=torch.float64).reshape(4, 2)
    return torch.nn.functional.embedding_bag(torch.tensor([0, 1, 2]), table, torch.tensor([0, 3, 2]), mode="max").tolist()


def falling_mean():
    """the gradient of a mean over offsets that fall has the wrong sign"""
    import torch

    table = torch.zeros(3, 1, dtype=torch.float64, requires_grad=True)
    bags = torch.nn.functional.embedding_bag(torch.tensor([0, 1, 2]), table, torch.tensor([0, 3, 2]), mode="mean")
    bags.sum().backward()
    return table.grad.tolist()


def negative_offset():
    """a negative offset makes an id of what lies before the ids in memory, and shows it in the error"""
    import re

    import torch

    try:
        torch.nn.functional.embedding_bag(torch.arange(6), torch.ones(6, 1), torch.tensor([0, -3, 4]), mode="sum")
    except RuntimeError as error:
        foreign = re.search("input takes value (-?[0-9]+)", str(error))
        if not foreign:
            raise
        return int(foreign[1])


def _falling(mode):
    return lambda: embedding_bag(TABLE, [0, 1, 2], [0, 3, 2], mode=mode).tolist()


def short_mean():
    """a mean that ends before the last id leaves that id out and counts it"""
    import torch

    ids = offsets = torch.tensor([0, 1, 2])
    table = torch.arange(8.0).reshape(4, 2)
    return torch.nn.functional.embedding_bag(ids, table, offsets, mode="mean", include_last_offset=True).tolist()


def short_max():
    """a maximum that ends before the last id takes that id in"""
    import torch

    ids = offsets = torch.tensor([0, 1, 2])
    table = torch.arange(8.0).reshape(4, 2)
    return torch.nn.functional.embedding_bag(ids, table, offsets, mode="max", include_last_offset=True).tolist()


def _short(mode):
    return lambda: embedding_bag(TABLE, [0, 1, 2], [0, 1, 2], mode=mode, include_last_offset=True).tolist()


def short_gradient():
    """the gradient of bags that end before the last id is read from elsewhere"""
    import torch

    table = torch.zeros(12, 64, requires_grad=True)
    ids, offsets = torch.arange(12), torch.tensor([0, 1, 2])
    torch.nn.functional.embedding_bag(ids, table, offsets, mode="sum", include_last_offset=True).sum().backward()
    return table.grad.abs().amax(dim=1).tolist()


def _short_gradient():
    d = embedding_bag_vjp(np.ones((2, 64)), np.zeros((12, 64)), np.arange(12), [0, 1, 2], mode="sum", include_last_offset=True)
    return np.abs(d.to_dense()).max(axis=1).tolist()


def nan_in_max():
    """whether the maximum of a number and NaN is NaN depends on which comes first"""
    import torch

    table = torch.tensor([[1.0], [float("nan")]])
    return torch.nn.functional.embedding_bag(torch.tensor([[0, 1], [1, 0]]), table, mode="max").tolist()


def bags_of_none():
    """bags of no id each are refused in two dimensions, and zero with offsets"""
    import torch

    return torch.nn.functional.embedding_bag(torch.zeros((2, 0), dtype=torch.long), torch.ones(1, 1)).tolist()


FALL = "Offsets say where each bag begins, and bags follow each other: one that begins before the bag before it is none."
SHORT = "The last offset says where the last bag ends: bag 0 holds id 0, bag 1 holds id 1, and id 2 is in no bag."
BAGS = (
    _found("T2", wrong_count, [0.0, 1.0, 0.5, 0.0], [0.0, 1.0, 1.0, 0.0],
           "Of the ids 1, 1, 2 the last occurs once, and so gets its gradient over 1. A lookup with the same option gives that.",
           "pytorch#190063", _right_count),
    _found("T3", falling_sum, [[2.0, 4.0], [4.0, 5.0], [0.0, 0.0]], REFUSED, FALL, "pytorch#55549", _falling("sum")),
    _found("T3b", falling_max, [[2.0, 3.0], [4.0, 5.0], [0.0, 0.0]], REFUSED, FALL, "pytorch#55549", _falling("max")),
    _found("T3c", falling_mean, [[1 / 3], [1 / 3], [-1.0]], REFUSED, FALL, "pytorch#55549", _falling("mean"), rtol=1e-12),
    _found("T3d", negative_offset, "a number from the heap", REFUSED, "No bag begins before the ids begin.", "pytorch#55549",
           lambda: embedding_bag(TABLE, [0, 1, 2], [0, -3, 2], mode="sum").tolist(), foreign=True),
    _found("T4", short_mean, [[0.0, 1.0], [1.0, 1.5]], [[0.0, 1.0], [2.0, 3.0]], SHORT, "pytorch#191965", _short("mean")),
    _found("T4b", short_max, [[0.0, 1.0], [4.0, 5.0]], [[0.0, 1.0], [2.0, 3.0]], SHORT, "pytorch#191965", _short("max")),
    _found("T4c", short_gradient, "any number for rows that are in no bag", [1.0, 1.0] + [0.0] * 10,
           "Ids from the third on are in no bag, so that nothing depends on their rows.", "pytorch#191965", _short_gradient,
           foreign=True),
    _found("T5", nan_in_max, [[1.0], [float("nan")]], [[float("nan")], [float("nan")]],
           "A bag is a set of rows: its maximum cannot depend on their order. Maxima elsewhere in torch are NaN if a number is.",
           ours=lambda: embedding_bag(np.array([[1.0], [np.nan]]), [[0, 1], [1, 0]], mode="max").tolist()),
    _found("T24", bags_of_none, REFUSED._replace(names=("RuntimeError",)), [[0.0], [0.0]],
           "An empty bag is zero, as it is with offsets; two ids a bag or none are no different.",
           ours=lambda: embedding_bag(np.ones((1, 1)), np.zeros((2, 0), int)).tolist()),
)  # fmt: skip
