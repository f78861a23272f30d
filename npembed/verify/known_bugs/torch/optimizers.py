"""torch: steps with sparse gradients, and clipping."""

import functools

import numpy as np

from ....embedding.optimizers import (
    adagrad_,
    adagrad_state,
    adam_,
    adam_state,
    clip_grad_norm,
    sgd_,
    sgd_state,
    sparse_adam_,
    sparse_adam_state,
)
from ....embedding.rows import RowSparse
from ..finding import Finding, Raises

_found = functools.partial(Finding, "torch", ("2.13.0", "2.13.0"))


def lost_step():
    """the SGD step of a sparse layer with rows of one number is lost, for one id"""
    import torch

    table = torch.zeros(4, 1, requires_grad=True)
    sgd = torch.optim.SGD([table], lr=1.0)
    torch.nn.functional.embedding(torch.tensor([2]), table, sparse=True).sum().backward()
    sgd.step()
    return table.tolist()


def _step():
    table = np.zeros((4, 1))
    sgd_(table, RowSparse(np.array([2]), np.ones((1, 1)), 4), lr=1.0, state=sgd_state(table))
    return table.tolist()


def sparse_adam_is_not_adam():
    """SparseAdam is not Adam where all rows have a gradient, if gradients are small"""
    import torch

    table = torch.nn.Parameter(torch.zeros(1, 1, dtype=torch.float64))
    optimizer = torch.optim.SparseAdam([table], lr=0.01)
    for _ in range(3):
        table.grad = torch.sparse_coo_tensor([[0]], torch.full((1, 1), 1e-9, dtype=torch.float64), (1, 1))
        optimizer.step()
    return table.tolist()


def _adam():
    table = np.zeros((1, 1))
    state = adam_state(table)
    for _ in range(3):
        adam_(table, RowSparse(np.array([0]), np.full((1, 1), 1e-9), 1), state=state, lr=0.01)
    return table.tolist()


def late_row():
    """the first step of a row whose first gradient comes late is 2.5 times too long in SparseAdam"""
    import torch

    table = torch.nn.Parameter(torch.zeros(2, 1, dtype=torch.float64))
    optimizer = torch.optim.SparseAdam([table], lr=0.01)
    for step in range(1001):
        table.grad = torch.sparse_coo_tensor([[int(step == 1000)]], torch.ones(1, 1, dtype=torch.float64), (2, 1))
        optimizer.step()
    return table[1].tolist()


def _late_row():
    table = np.zeros((2, 1))
    state = sparse_adam_state(table)
    for step in range(1001):
        gradient = RowSparse(np.array([int(step == 1000)]), np.ones((1, 1)), 2)
        sparse_adam_(table, gradient, state=state, lr=0.01, correction="row")
    return table[1].tolist()


def complex_adagrad():
    """Adagrad squares a complex number as a whole if the gradient is sparse, and as two reals if it is not"""
    import torch

    table = torch.nn.Parameter(torch.zeros(1, 1, dtype=torch.complex64))
    table.grad = torch.sparse_coo_tensor([[0]], torch.full((1, 1), 3 + 4j, dtype=torch.complex64), (1, 1))
    torch.optim.Adagrad([table], lr=0.5).step()
    return torch.view_as_real(table.detach()).tolist()


def _complex_adagrad():
    table = np.zeros((1, 1), np.complex64)
    adagrad_(table, RowSparse(np.array([0]), np.array([[3 + 4j]], np.complex64), 1), state=adagrad_state(table), lr=0.5)
    return table.view(np.float32)[None].tolist()


def clip_sparse():
    """the norm of sparse gradients is not clipped"""
    import torch

    table = torch.nn.Parameter(torch.ones(2, 2))
    table.grad = torch.sparse_coo_tensor([[1]], torch.tensor([[3.0, 4.0]]), (2, 2))
    return torch.nn.utils.clip_grad_norm_([table], 1.0).item()


def clip_nothing():
    """the largest entry of an empty gradient is refused, and with it the clipping of all others"""
    import torch

    empty, table = torch.nn.Parameter(torch.zeros(0, 2)), torch.nn.Parameter(torch.zeros(1))
    empty.grad, table.grad = torch.zeros(0, 2), torch.full((1,), 3.0)
    return torch.nn.utils.clip_grad_norm_([empty, table], 1.0, norm_type=float("inf")).item()


OPTIMIZERS = (
    _found("T1b", lost_step, [[0.0]] * 4, [[0.0], [0.0], [-1.0], [0.0]],
           "The loss is the row itself, so its gradient is 1 and the step is -lr. The cause is that of T1.", ours=_step),
    _found("T14", sparse_adam_is_not_adam, [[-0.00013048106300026624]], [[-0.03 / 11]],
           "Of a constant gradient g both corrected means are g and g g, so that each of Adam's three steps is lr g / (|g| + eps) = "
           "lr / 11. torch adds eps before v is corrected.", "pytorch#22628 (for Adam)", _adam, 1e-9),
    _found("T15", late_row, [-0.02515296941748466], [-0.01],
           "Adam's first step is lr in length. torch corrects by the steps of the table, which is right for rows that had as many.",
           "FBGEMM#3342", _late_row, 1e-6),
    _found("T23", complex_adagrad, [[[-0.5, 0.0]]], [[[-0.5, -0.5]]],
           "Dense, a complex number counts as two reals, each with a first step of lr; a gradient does not change by being sparse.",
           ours=_complex_adagrad, rtol=1e-6),
    _found("T16", clip_sparse, Raises(("NotImplementedError",)), 5.0, "Rows without a gradient add nothing: the norm is |(3, 4)|.",
           "pytorch#4829",
           lambda: clip_grad_norm([RowSparse(np.array([1]), np.array([[3.0, 4.0]]), 2)], 1.0)[1]),
    _found("T22", clip_nothing, Raises(("RuntimeError",)), 3.0,
           "The largest of the absolute values of all numbers is 3; an empty gradient has none.",
           "torchrec#3891 (works around it)",
           lambda: clip_grad_norm([np.zeros((0, 2)), np.full(1, 3.0)], 1.0, norm_type=np.inf)[1]),
)  # fmt: skip
