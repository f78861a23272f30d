"""Regularizers against PyKEEN, live: values, autograd's gradients, and what its classes add up when."""

import warnings

import numpy as np
import pytest
import tolerances
from hypothesis import given, settings
from hypothesis import strategies as st

from npembed.embedding.regularizers import REGULARIZERS, combined, combined_vjp, orthogonality, orthogonality_vjp

torch = pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("pykeen")
    from pykeen import regularizers as peers

pytestmark = pytest.mark.filterwarnings("ignore")

SEEDS = st.integers(0, 2**32 - 1)
DTYPES = st.sampled_from([np.float32, np.float64, np.complex64, np.complex128])
SHAPES = st.sampled_from([(4, 3), (2, 3, 5), (1, 1), (6, 1), (1, 40)])
DIMS = st.sampled_from([-1, 0, None])
POWERS = st.sampled_from([1.0, 1.5, 2.0, 3.0])


def draw(rng, shape, dtype, on_grid):
    """Halves, so that zeros, ties and norms at the limit are common, or anything."""

    def numbers():
        return rng.integers(-3, 4, shape) / 2 * rng.integers(0, 2, (*shape[:-1], 1)) if on_grid else rng.normal(size=shape)

    return (numbers() + 1j * numbers() if np.dtype(dtype).kind == "c" else numbers()).astype(dtype)


def assert_same(found, expected):
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    tolerance = tolerances.TORCH_FLOAT32 if found.dtype.char in "fF" else tolerances.TORCH_FLOAT64
    size = max(1.0, float(np.abs(expected).max(initial=0.0)))
    assert (np.abs(found - expected) <= tolerance["rtol"] * np.abs(expected) + tolerance["atol"] * size).all()


def compare(name, peer, x, **options):
    """Value and gradient of one array; PyKEEN rounds its term to float32 whatever the rows (F13), so `forward` is asked."""
    weight = options.get("weight", 1.0)
    t = torch.tensor(x, requires_grad=True)
    term = weight * peer(t)
    if term.requires_grad:
        term.sum().backward()
    op = REGULARIZERS[name].bind(**options)
    assert_same(np.asarray(op.forward(x)), term.detach().numpy().reshape(()))
    assert_same(op.vjp(1.0, x), np.zeros_like(x) if t.grad is None else t.grad.numpy())
    peer.update(t)
    assert peer.pop_regularization_term().item() == pytest.approx(float(op.forward(x)), rel=1e-4, abs=1e-6)


@given(seed=SEEDS, dtype=DTYPES, shape=SHAPES, p=POWERS, dim=DIMS, normalize=st.booleans(), on_grid=st.booleans())
def test_power_sum(seed, dtype, shape, p, dim, normalize, on_grid):
    x = draw(np.random.default_rng(seed), shape, dtype, on_grid)
    peer = peers.PowerSumRegularizer(weight=0.3, p=p, dim=dim, normalize=normalize)
    compare("power_sum", peer, x, weight=0.3, p=p, dim=dim, normalize=normalize, count="pykeen")


@given(
    seed=SEEDS, dtype=DTYPES, shape=SHAPES, p=POWERS, dim=DIMS, power_norm=st.booleans(),
    max_norm=st.sampled_from([1.0, 0.5, 2.5, 0.0]), on_grid=st.booleans(),
)  # fmt: skip
def test_norm_limit(seed, dtype, shape, p, dim, power_norm, max_norm, on_grid):
    """On the grid many norms are at the limit exactly, where torch's relu stops the gradient; roots and powers that are not exact may
    fall on either side of it in torch's float32."""
    x = draw(np.random.default_rng(seed), shape, dtype, on_grid)
    if on_grid and (p not in (1.0, 2.0) or np.dtype(dtype).kind == "c"):
        x = x.astype(np.result_type(dtype, np.float64))
        max_norm += 0.01
    peer = peers.NormLimitRegularizer(weight=0.3, p=p, dim=dim, power_norm=power_norm, max_norm=max_norm)
    compare("norm_limit", peer, x, weight=0.3, p=p, dim=dim, power_norm=power_norm, max_norm=max_norm)


@settings(max_examples=20)
@given(seed=SEEDS, dtype=st.sampled_from([np.float32, np.float64]), shape=SHAPES)
def test_no(seed, dtype, shape):
    compare("no", peers.NoRegularizer(), draw(np.random.default_rng(seed), shape, dtype, True))


@given(
    seed=SEEDS, dtype=st.sampled_from([np.float32, np.float64]), shape=SHAPES, epsilon=st.sampled_from([1e-5, 0.1, 0.25, 0.5, 2.0]),
    on_grid=st.booleans(),
)  # fmt: skip
def test_orthogonality(seed, dtype, shape, epsilon, on_grid):
    """With PyKEEN's limit; zero rows included. Cosines of the grid whose square is at the limit exactly are moved off it."""
    rng = np.random.default_rng(seed)
    a, b = draw(rng, shape, dtype, on_grid), draw(rng, shape, dtype, on_grid)
    epsilon += 1e-3 if on_grid and epsilon > 1e-4 else 0.0
    s, t = (torch.tensor(x, requires_grad=True) for x in (a, b))
    peer = peers.OrthogonalityRegularizer(weight=0.3, epsilon=epsilon)
    peer.update(s, t)
    term = peer.weight * peer.regularization_term.to(s.dtype)
    assert term.item() == pytest.approx(
        float(orthogonality(a, b, weight=0.3, epsilon=epsilon, limit="pykeen")), rel=1e-4, abs=1e-6
    )
    direct = 0.3 * torch.nn.functional.cosine_similarity(s, t, dim=-1).pow(2).subtract(epsilon).relu().sum()
    direct.backward()
    assert_same(np.asarray(orthogonality(a, b, weight=0.3, epsilon=epsilon, limit="pykeen")), direct.detach().numpy())
    for found, peers_own in zip(orthogonality_vjp(1.0, a, b, weight=0.3, epsilon=epsilon, limit="pykeen"), (s, t), strict=True):
        assert_same(found, peers_own.grad.numpy())


@given(seed=SEEDS, dtype=DTYPES, shape=SHAPES, p=st.sampled_from([1.0, 2.0]), nested=st.booleans())
def test_combined(seed, dtype, shape, p, nested):
    """With weights that add up to powers of two: PyKEEN's factor, one over their sum, is a float32 whatever the rows."""
    x = draw(np.random.default_rng(seed), shape, dtype, False)
    theirs = [
        peers.LpRegularizer(weight=6.0, p=p),
        peers.PowerSumRegularizer(weight=3.0),
        peers.NormLimitRegularizer(weight=-1.0),
    ]
    ours = [("lp", {"p": p}, 6.0), ("PowerSumRegularizer", None, 3.0), ("norm limit", {}, -1.0)]
    if nested:
        theirs = [theirs[0], peers.CombinedRegularizer(theirs[1:], total_weight=2.0)]
        ours = [ours[0], ("combined", {"regularizers": ours[1:]}, 2.0)]
    t = torch.tensor(x, requires_grad=True)
    term = 0.7 * peers.CombinedRegularizer(theirs, total_weight=0.7)(t)
    term.backward()
    assert_same(np.asarray(combined(x, regularizers=ours, weight=0.7)), term.detach().numpy())
    assert_same(combined_vjp(1.0, x, regularizers=ours, weight=0.7), t.grad.numpy())


# ---- findings about the peers, each with a minimal case


def test_where_pykeen_has_no_number():
    """P11 and its kin: the mean over no rows, and the mean of no regularizers. Ours is 0, or refused."""
    none = torch.zeros(0, 3)
    assert torch.isnan(peers.LpRegularizer()(none))
    assert torch.isnan(peers.PowerSumRegularizer()(none))
    assert torch.isnan(peers.CombinedRegularizer([])(torch.ones(2, 2)))
    for name in ("lp", "power_sum", "norm_limit"):
        assert REGULARIZERS[name].forward(none.numpy()) == 0


def test_pykeens_term_is_a_float32():
    """F13."""
    x = np.array([[1 / 3, 1 / 7]])
    peer = peers.PowerSumRegularizer()
    peer.update(torch.tensor(x))
    assert peer.pop_regularization_term().dtype == torch.float32
    assert REGULARIZERS["power_sum"].forward(x).dtype == np.float64


def test_orthogonality_counts_in_evaluation_too():
    """P12; and its epsilon is compared with the square of the cosine."""
    peer = peers.OrthogonalityRegularizer()
    peer.eval()
    peer.update(torch.ones(2, 2), torch.ones(2, 2))
    assert peer.pop_regularization_term().item() == pytest.approx(2 - 2e-5)
    peer.update(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.003, 1.0]]))
    assert peer.pop_regularization_term().item() == 0


def test_torchs_gradient_of_a_cosine_with_a_short_row():
    """The cosine of a row shorter than eps is linear in it, with slope v / eps; torch subtracts a part along the row all the same."""
    a, b = (
        torch.tensor([[3e-9, 4e-9]], dtype=torch.float64, requires_grad=True),
        torch.tensor([[300.0, 400.0]], dtype=torch.float64),
    )
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1)
    cosine.backward()
    assert cosine.item() == pytest.approx(0.5)
    np.testing.assert_allclose(a.grad, [[0.3e8, 0.4e8]], rtol=1e-12)  # by differences: .6e8, .8e8
    da, _ = orthogonality_vjp(1.0, a.detach().numpy(), b.numpy())  # of its square: times 2 * .5
    np.testing.assert_allclose(da, [[0.6e8, 0.8e8]], rtol=1e-12)


def test_once_for_all_lookups_of_a_batch():
    """Live: term and gradient of three forwards, of which PyKEEN charges for the first alone."""
    from pykeen.nn import Embedding as PyKEEN

    from npembed import Embedding

    table = np.arange(1.0, 9.0).reshape(4, 2).astype(np.float32)
    theirs = PyKEEN(max_id=4, shape=2, regularizer="lp", regularizer_kwargs={"apply_only_once": True, "p": 1.0, "weight": 0.5})
    theirs._embeddings.weight.data = torch.from_numpy(table.copy())
    ours = Embedding(weight=table, regularizer="lp", regularizer_kwargs={"apply_only_once": True, "p": 1.0, "weight": 0.5})
    total, gradient = 0.0, np.zeros_like(table)
    for ids in ([0, 1], [2], [3, 3]):
        g = np.array([[1.0, -2.0], [0.5, 4.0]], np.float32)[: len(ids)]
        total = total + (theirs(torch.tensor(ids)) * torch.from_numpy(g)).sum()
        ours(ids)
        gradient += ours.backward(g).to_dense()
    term = theirs.regularizer.pop_regularization_term()
    (total + term[0]).backward()
    assert ours.pop_regularization_term() == term.item()
    np.testing.assert_allclose(gradient, theirs._embeddings.weight.grad.numpy(), rtol=1e-6)
