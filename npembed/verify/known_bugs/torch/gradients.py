"""torch: gradients of lookups, and of what follows them."""

import functools

import numpy as np

from .... import layers as layer
from ....embedding.regularizers import orthogonality_vjp
from ....embedding.rows import RowSparse, gather_vjp
from ..finding import REFUSED, Finding, Raises

_found = functools.partial(Finding, "torch", ("2.13.0", "2.13.0"))


def one_row_that_is_a_column():
    """a sparse tensor of one row loses numbers on becoming dense, if they lie like a column"""
    import torch

    column = torch.tensor([[1.0], [2.0], [3.0]])
    return torch.sparse_coo_tensor(torch.tensor([[2]]), column.t(), (4, 3)).to_dense()[2].tolist()


def dropped_ids():
    """embedding_dense_backward drops ids that are outside the table"""
    import torch

    return torch.ops.aten.embedding_dense_backward(torch.ones(3, 1), torch.tensor([1, 7, -1]), 3, -1, False).tolist()


def lost_bfloat16():
    """a bfloat16 gradient of an id that occurs 4096 times stops at 256"""
    import torch

    table = torch.zeros(1, 1, dtype=torch.bfloat16, requires_grad=True)
    torch.nn.functional.embedding(torch.zeros(4096, dtype=torch.long), table).sum().backward()
    return table.grad.tolist()


def lost_float16():
    """a float16 gradient of an id that occurs 4096 times stops at 2048"""
    import torch

    table = torch.zeros(1, 1, dtype=torch.float16, requires_grad=True)
    torch.nn.functional.embedding(torch.zeros(4096, dtype=torch.long), table).sum().backward()
    return table.grad.tolist()


def lost_in_bags():
    """a bfloat16 gradient of a bag that holds an id 4096 times stops at 256"""
    import torch

    table = torch.zeros(1, 1, dtype=torch.bfloat16, requires_grad=True)
    torch.nn.functional.embedding_bag(torch.zeros(1, 4096, dtype=torch.long), table, mode="sum").sum().backward()
    return table.grad.tolist()


def complex_lookup():
    """a lookup of complex rows has no gradient"""
    import torch

    table = torch.full((1, 1), 3 + 4j, dtype=torch.complex128, requires_grad=True)
    torch.nn.functional.embedding(torch.tensor([0]), table).real.sum().backward()
    return torch.view_as_real(table.grad).tolist()


def single_id():
    """a single id without axis breaks the gradient of a sparse layer with padding_idx"""
    import torch

    embedding = torch.nn.Embedding(2, 1, padding_idx=0, sparse=True)
    embedding(torch.tensor(1)).sum().backward()
    return embedding.weight.grad.coalesce().values().tolist()


def _single_id():
    embedding = layer.Embedding(2, 1, padding_idx=0, sparse=True, rng=0)
    embedding(1)
    return embedding.backward(np.ones(1, np.float32)).values.tolist()


def cosine_of_a_short_row():
    """the gradient of cosine_similarity is half of what it is, for a row shorter than eps"""
    import torch

    a = torch.tensor([[3e-9, 4e-9]], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([[300.0, 400.0]], dtype=torch.float64)
    torch.nn.functional.cosine_similarity(a, b, dim=-1, eps=1e-8).sum().backward()
    return a.grad.tolist()


def _cosine_of_a_short_row():
    da, _ = orthogonality_vjp(1.0, np.array([[3e-9, 4e-9]]), np.array([[300.0, 400.0]]))
    return da.tolist()  # of the cosine's square, and the cosine is 1/2: the same number


HALF = (
    "There are 4096 ones to add, and 4096 is a number of this format. Added one by one in the format itself, they stop where the next "
    "number is 2 away."
)
GRADIENTS = (
    _found("T1", one_row_that_is_a_column, [1.0, 0.0, 0.0], [1.0, 2.0, 3.0],
           "The row was given as 1, 2, 3. An axis of length one makes any strides contiguous, and torch takes the stride of that axis for "
           "the length of a row.",
           ours=lambda: RowSparse(np.array([2]), np.array([[1.0], [2.0], [3.0]]).T, 4).to_dense()[2].tolist()),
    _found("T10", dropped_ids, [[0.0], [1.0], [0.0]], REFUSED, "Ids 7 and -1 have no row; the lookup of them is refused.",
           ours=lambda: gather_vjp(np.ones((3, 1)), np.zeros((3, 1)), [1, 7, -1]).to_dense().tolist()),
    _found("T12", lost_bfloat16, [[256.0]], [[4096.0]], HALF),
    _found("T12b", lost_float16, [[2048.0]], [[4096.0]], HALF,
           ours=lambda: gather_vjp(np.ones((4096, 1), np.float16), np.zeros((1, 1), np.float16), [0] * 4096).values.tolist()),
    _found("T12c", lost_in_bags, [[256.0]], [[4096.0]], HALF),
    _found("T17", complex_lookup, Raises(("RuntimeError",)), [[[1.0, 0.0]]],
           "A lookup copies rows, whatever numbers are in them; the gradient of the real part is 1.", "pykeen#82",
           lambda: gather_vjp(np.ones((1, 1), complex), np.zeros((1, 1), complex), [0]).to_dense().view(float)[None].tolist()),
    _found("T20", single_id, Raises(("IndexError",)), [[1.0]],
           "The output is the row of id 1, which is not the padding, so that the gradient of its sum is one in that row.",
           ours=_single_id),
    _found("T21", cosine_of_a_short_row, [[0.3e8, 0.4e8]], [[0.6e8, 0.8e8]],
           "Below eps the cosine is <a, b> / (eps |b|), linear in a: its gradient is b / (eps |b|) = (.6, .8) / 1e-8.",
           ours=_cosine_of_a_short_row, rtol=1e-9),
)  # fmt: skip
