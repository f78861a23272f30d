"""torch: lookups that shorten rows, and other maps of rows."""

import functools

import numpy as np

from ....embedding.max_norm import renorm_
from ....embedding.row_maps import clamp_norm_vjp, normalize
from ....kge.interactions import transe
from ..finding import REFUSED, Finding, answer

_found = functools.partial(Finding, "torch", ("2.13.0", "2.13.0"))


def short_of_max_norm():
    """a row that max_norm shortens ends 1e-8 short of it, in float64 too"""
    import torch

    table = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    return torch.nn.functional.embedding(torch.tensor([0]), table, max_norm=1.0).tolist()


def _shortened(ids, max_norm=1.0):
    table = np.array([[3.0, 4.0]])
    renorm_(table, ids, max_norm=max_norm)
    return table.tolist()


def max_norm_has_no_gradient():
    """the gradient of a lookup with max_norm is that of a lookup without it"""
    import torch

    table = torch.tensor([[3.0, 4.0]], dtype=torch.float64, requires_grad=True)
    torch.nn.functional.embedding(torch.tensor([0]), table, max_norm=1.0)[0, 0].backward()
    return table.grad.tolist()


def written_before_refused():
    """a lookup with max_norm that raises for one id has shortened the rows of the others"""
    import contextlib

    import torch

    table = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    with contextlib.suppress(IndexError):
        torch.nn.functional.embedding(torch.tensor([0, 7]), table, max_norm=1.0)
    return table.tolist()


def bags_written_before_refused():
    """bags with max_norm that raise for one id have shortened the rows of the others"""
    import contextlib

    import torch

    table = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    with contextlib.suppress(IndexError, RuntimeError):
        torch.nn.functional.embedding_bag(torch.tensor([[0, 7]]), table, max_norm=1.0)
    return table.tolist()


def _left_alone():
    table = np.array([[3.0, 4.0]])
    answer(lambda: renorm_(table, [0, 7], max_norm=1.0))
    return table.tolist()


def last_row_by_minus_one():
    """embedding_renorm_ takes id -1 for the last row, which no lookup does"""
    import torch

    table = torch.tensor([[0.0, 0.0], [3.0, 4.0]], dtype=torch.float64)
    return torch.embedding_renorm_(table, torch.tensor([-1]), 1.0, 2.0).tolist()


def negative_max_norm():
    """a negative max_norm turns rows round"""
    import torch

    table = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    return torch.nn.functional.embedding(torch.tensor([0]), table, max_norm=-1.0).tolist()


def half_zero_row():
    """normalize makes NaN of a zero row in float16"""
    import torch

    return torch.nn.functional.normalize(torch.zeros(1, 2, dtype=torch.float16), dim=-1).tolist()


def huge_row():
    """normalize makes zeros of a row whose squares overflow"""
    import torch

    return torch.nn.functional.normalize(torch.tensor([[3e30, 4e30]]), dim=-1).tolist()


def near_points():
    """cdist puts near points at distance 0, if there are more than 25 of them"""
    import torch

    return torch.cdist(torch.full((26, 1), 4097.0), torch.full((26, 1), 4096.0))[0, 0].item()


SHORT = [[0.599999988, 0.799999984]]
RENORM = "The row has norm 5, so it becomes 1/5 of itself: (3/5, 4/5), and float64 has a number within 1e-16 of each."
MISSING_ROWS = "An error leaves its arguments as they were, or the call cannot be mended and repeated."

TABLES = (
    _found("T6", short_of_max_norm, SHORT, [[0.6, 0.8]], f"{RENORM} torch divides by the norm plus 1e-7 in every precision.",
           ours=lambda: _shortened([0]), rtol=1e-12),
    _found("T7", max_norm_has_no_gradient, [[1.0, 0.0]], [[0.128, -0.096]],
           "With u = x / 5 the first entry has the gradient (e1 - u u1) / 5 = ((1 - .36) / 5, -.48 / 5). Documented: rows are shortened "
           "outside the graph.", "pytorch#26596",
           lambda: clamp_norm_vjp(np.array([[1.0, 0.0]]), np.array([[3.0, 4.0]]), maxnorm=1.0).tolist(), 1e-12),
    _found("T8", written_before_refused, SHORT, [[3.0, 4.0]], MISSING_ROWS, ours=_left_alone, rtol=1e-12),
    _found("T8b", bags_written_before_refused, SHORT, [[3.0, 4.0]], MISSING_ROWS, ours=_left_alone, rtol=1e-12),
    _found("T9", last_row_by_minus_one, [[0.0, 0.0], *SHORT], REFUSED, "The lookup whose rows it shortens refuses -1.",
           ours=lambda: _shortened([-1]), rtol=1e-12),
    _found("T26", negative_max_norm, [[-0.599999988, -0.799999984]], REFUSED, "No norm is at most -1.",
           ours=lambda: _shortened([0], max_norm=-1.0), rtol=1e-12),
    _found("T13", half_zero_row, [[float("nan")] * 2], [[0.0, 0.0]],
           "x / max(|x|, eps) with eps > 0 is 0 for x = 0. The default eps, 1e-12, is zero in float16.", "pytorch#32137",
           lambda: normalize(np.zeros((1, 2), np.float16)).tolist()),
    _found("T13b", huge_row, [[0.0, 0.0]], [[0.6, 0.8]],
           "|x| = 5e30 is a float32, though its square is not; x / |x| = (3/5, 4/5).", "pytorch#193006",
           lambda: normalize(np.array([[3e30, 4e30]], np.float32)).tolist(), 1e-6),
    _found("T18", near_points, 0.0, 1.0,
           "4097 - 4096 = 1. torch takes the root of a a - 2 a b + b b, where a a = 16785409 needs 25 bits. Documented: see compute_mode.",
           "pytorch#42479",
           lambda: float(-transe(np.full(1, 4097.0, np.float32), np.zeros(1, np.float32), np.full(1, 4096.0, np.float32), p=2))),
)  # fmt: skip
