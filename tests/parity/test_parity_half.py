"""float16 against the torch that is installed: what is the same, and where torch's sums, eps and moments in float16 go wrong."""

import naive
import numpy as np
import pytest
from tolerances import HALF_ROUNDED

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812

from npembed import Embedding, EmbeddingBag  # noqa: E402
from npembed.embedding.optimizers import OPTIMIZERS  # noqa: E402
from npembed.embedding.row_maps import normalize  # noqa: E402
from npembed.embedding.rows import gather, gather_vjp  # noqa: E402

HALF, SINGLE = np.float16, np.float32


@pytest.mark.parametrize("sparse", [False, True])
def test_4096_gradients_of_one(sparse):
    """torch adds up in float16, where 2048 + 1 is 2048; so do its bags, while their forward does not."""
    ids, table = np.ones(4096, int), np.zeros((2, 1), HALF)
    weight = torch.zeros(2, 1, dtype=torch.float16, requires_grad=True)
    F.embedding(torch.from_numpy(ids), weight, sparse=sparse).sum().backward()
    assert weight.grad.to_dense().ravel().tolist() == [0.0, 2048.0]
    assert gather_vjp(np.ones((4096, 1), HALF), table, ids).to_dense().ravel().tolist() == [0.0, 4096.0]
    weight.grad = None
    F.embedding_bag(torch.from_numpy(ids[None]), weight, mode="sum", sparse=sparse).sum().backward()
    assert weight.grad.to_dense().ravel().tolist() == [0.0, 2048.0]
    layer = EmbeddingBag.from_pretrained(table, freeze=False, mode="sum")
    layer(ids[None])
    assert layer.backward(np.ones((1, 1), HALF)).to_dense().ravel().tolist() == [0.0, 4096.0]


def test_rows_and_few_gradients_are_torchs_to_the_bit():
    rng = np.random.default_rng(0)
    table, ids = naive.rows(rng, (6, 5), HALF), rng.permutation(6)[:4]
    weight = torch.from_numpy(table.copy()).requires_grad_()
    out = F.embedding(torch.from_numpy(ids), weight)
    assert naive.same_bits(gather(table, ids), out.detach().numpy())
    g = naive.rows(rng, (4, 5), HALF)
    out.backward(torch.from_numpy(g))
    assert naive.same_bits(gather_vjp(g, table, ids).to_dense(), weight.grad.numpy())


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags(mode):
    """torch's forward adds up in float32 too; it need not round each sum as we do, but is within a distance of float16."""
    rng = np.random.default_rng(1)
    table, ids = naive.rows(rng, (6, 5), HALF), rng.integers(0, 6, (3, 40))
    theirs = F.embedding_bag(torch.from_numpy(ids), torch.from_numpy(table), mode=mode).numpy()
    ours = EmbeddingBag.from_pretrained(table, mode=mode)(ids)
    sums = table.astype(float)[ids]
    exact = {"sum": sums.sum(axis=1), "mean": sums.mean(axis=1), "max": sums.max(axis=1)}[mode]
    spacing = np.spacing(np.abs(exact).astype(HALF)).astype(float)
    assert (np.abs(ours - exact) / spacing).max() <= HALF_ROUNDED
    assert (np.abs(ours.astype(float) - theirs) / spacing).max() <= 1.0


def test_a_zero_row_is_normalized_to_zero():
    """torch's eps of 1e-12 is zero in float16, and 0 / 0 is NaN."""
    rows = np.zeros((1, 2), HALF)
    assert F.normalize(torch.from_numpy(rows)).isnan().all()
    assert normalize(rows).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("name", ["Adam", "AdamW", "Adagrad"])
def test_small_gradients_and_none(name):
    """torch keeps moments in float16, where eps and squares of small gradients are zero: its rows become infinite and NaN."""
    g = np.array([1e-4, 0.0, 1.0], HALF)
    theirs = torch.nn.Parameter(torch.ones(3, dtype=torch.float16))
    optimizer = getattr(torch.optim, name)([theirs], lr=0.01, weight_decay=0.0)
    ours, step = np.ones(3, HALF), OPTIMIZERS[name.lower()]
    state = step.state(ours)
    wide = torch.nn.Parameter(torch.ones(3))  # in float32 torch is right
    other = getattr(torch.optim, name)([wide], lr=0.01, weight_decay=0.0)
    for _ in range(2):
        theirs.grad, wide.grad = torch.from_numpy(g.copy()), torch.from_numpy(g.astype(SINGLE))
        optimizer.step()
        other.step()
        step.step_(ours, g, state=state, lr=0.01, weight_decay=0.0)
    found = theirs.detach().numpy()
    assert found[0] == -np.inf
    assert np.isnan(found[1])
    np.testing.assert_allclose(ours.astype(float), wide.detach().numpy(), atol=2.0**-11)  # two roundings of numbers below one


def test_states_go_to_torch_and_back():
    layer = Embedding(6, 4, dtype=HALF, rng=0)
    theirs = torch.nn.Embedding(6, 4, dtype=torch.float16)
    theirs.load_state_dict({"weight": torch.from_numpy(layer.state_dict()["_embeddings.weight"])})
    other = Embedding(6, 4, dtype=HALF)
    other.load_state_dict({name: tensor.numpy() for name, tensor in theirs.state_dict().items()})
    assert naive.same_bits(other.weight, layer.weight)


@pytest.mark.parametrize("n", [3, 15, 16, 40, 64, 1000])
def test_what_is_drawn(n):
    """The float32 draw, rounded, is what torch draws in float16, but for its last sixteen normal numbers where n is no multiple of 16."""
    torch.manual_seed(0)
    theirs = torch.nn.Embedding(n, 1, dtype=torch.float16).weight.detach().numpy()
    same = Embedding(n, 1, dtype=HALF, rng=0).weight == theirs
    assert same[: n - 16 if n > 16 and n % 16 else n].all()
    assert same.all() == (n < 16 or n % 16 == 0)


def test_bfloat16_of_torch_is_refused():
    with pytest.raises(TypeError, match=r"Embedding: dtype = torch\.bfloat16 is no dtype of NumPy's own; allowed: float32"):
        Embedding(2, 2, dtype=torch.bfloat16)
