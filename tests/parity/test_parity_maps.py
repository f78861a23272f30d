"""Values and gradients against torch and PyKEEN, live, also at the kinks: our defaults are torch's conventions."""

import math

import naive
import numpy as np
import pytest
import tolerances
from hypothesis import given, settings
from hypothesis import strategies as st

from npembed.embedding.lookup import dropout_mask, lookup, lookup_vjp, transform, transform_vjp
from npembed.embedding.optimizers import sgd_
from npembed.embedding.row_maps import NORM, NORMALIZERS, clamp_norm
from npembed.embedding.rows import RowSparse, gather, gather_vjp
from npembed.kge.interactions import INTERACTIONS
from npembed.kge.losses import margin_ranking, margin_ranking_vjp

torch = pytest.importorskip("torch")
F = torch.nn.functional

REAL, ALL = [np.float32, np.float64], [np.float32, np.float64, np.complex64, np.complex128]
SHAPES = [((4, 3), -1), ((4, 3), 0), ((5,), 0), ((2, 3, 2), 1), ((2, 3, 2), (0, 2)), ((3, 2), (0, 1)), ((3, 1), -1), ((0, 3), -1)]
SEEDS = st.integers(0, 2**32 - 1)


def grid(rng, shape, dtype):
    """Halves from -2 to 2, so that zeros, zero rows, ties and exact lengths are common."""

    def draw():
        return rng.integers(-4, 5, shape) / 2 * rng.integers(0, 2, (*shape[:-1], 1))

    return (draw() + 1j * draw() if np.dtype(dtype).kind == "c" else draw()).astype(dtype)


def smooth(rng, shape, dtype):
    return naive.rows(rng, shape, dtype)


def through_torch(f, g, *args):
    """``f(*args)`` and the gradients of all args, computed by torch."""
    tensors = [torch.tensor(a, requires_grad=True) for a in args]
    out = f(*tensors)
    out.backward(torch.tensor(g))
    return out.detach().numpy(), [t.grad.numpy() for t in tensors]


def assert_same(actual, expected, scale=1.0):
    """Equal dtype and shape; equal to the rounding of the dtype, absolutely in units of `scale`."""
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    tolerance = tolerances.TORCH_FLOAT32 if actual.dtype.char in "fF" else tolerances.TORCH_FLOAT64
    assert (np.abs(actual - expected) <= tolerance["rtol"] * np.abs(expected) + tolerance["atol"] * scale).all()


def check_op(op, f, g, *args, scale=1.0, **options):
    """An op against a function of torch tensors."""
    out, gradients = through_torch(f, g, *args)
    assert_same(op.forward(*args, **options), out)
    found = op.vjp(g, *args, **options)
    for d, expected in zip(found if isinstance(found, tuple) else (found,), gradients, strict=True):
        assert_same(d, expected, scale)


@given(seed=SEEDS, dtype=st.sampled_from(ALL), case=st.sampled_from(SHAPES), p=st.sampled_from([1, 2, math.inf]), data=st.data())
def test_normalize_on_a_grid(seed, dtype, case, p, data):
    """With zero rows, zero entries, ties, and rows as long as eps or shorter."""
    (shape, dim), rng = case, np.random.default_rng(seed)
    eps = data.draw(st.sampled_from([1e-12, 1.0, 2.5]))
    x, g = grid(rng, shape, dtype), naive.rows(rng, shape, dtype)
    check_op(NORMALIZERS["normalize"], lambda t: F.normalize(t, p=p, dim=dim, eps=eps), g, x, p=p, dim=dim, eps=eps, scale=4.0)


@given(seed=SEEDS, dtype=st.sampled_from(ALL), case=st.sampled_from(SHAPES), p=st.sampled_from([1, 1.5, 2, 3, math.inf]))
def test_normalize(seed, dtype, case, p):
    (shape, dim), rng = case, np.random.default_rng(seed)
    x, g = smooth(rng, shape, dtype), naive.rows(rng, shape, dtype)
    check_op(NORMALIZERS["normalize"], lambda t: F.normalize(t, p=p, dim=dim), g, x, p=p, dim=dim, scale=4.0)


@given(seed=SEEDS, dtype=st.sampled_from(ALL), case=st.sampled_from(SHAPES), p=st.sampled_from([1, 1.5, 2, 3, math.inf]))
def test_norm(seed, dtype, case, p):
    """On a grid: zero rows, zero entries and ties have torch's subgradients for every p."""
    (shape, dim), rng = case, np.random.default_rng(seed)
    x = grid(rng, shape, dtype)
    g = naive.rows(rng, x.real.sum(axis=dim).shape, x.real.dtype)
    check_op(NORM, lambda t: torch.linalg.vector_norm(t, ord=p, dim=dim), g, x, p=p, dim=dim)


@given(
    seed=SEEDS,
    dtype=st.sampled_from([np.complex64, np.complex128]),
    shape=st.sampled_from([(4, 3), (5,), (0, 2)]),
    on_grid=st.booleans(),
)
def test_complex_normalize(seed, dtype, shape, on_grid):
    rng = np.random.default_rng(seed)
    x, g = (grid if on_grid else smooth)(rng, shape, dtype), naive.rows(rng, shape, dtype)
    eps = torch.finfo(torch.tensor(x).dtype).eps
    check_op(NORMALIZERS["complex_normalize"], lambda t: t / t.abs().clamp_min(eps), g, x, eps=eps, scale=4.0)


BOUNDS = st.sampled_from([{"min": -1.0, "max": 1.5}, {"min": 0.5}, {"max": -0.5}, {"min": 0.0, "max": 0.0}])


@given(seed=SEEDS, dtype=st.sampled_from(REAL), bounds=BOUNDS, shape=st.sampled_from([(4, 3), (5,), (2, 3, 2), (0, 2)]))
def test_clamp(seed, dtype, bounds, shape):
    """To the bit, entries at a bound included: there torch passes the gradient."""
    rng = np.random.default_rng(seed)
    x, g = grid(rng, shape, dtype), naive.rows(rng, shape, dtype)
    out, (dx,) = through_torch(lambda t: t.clamp(**bounds), g, x)
    op = NORMALIZERS["clamp"].bind(**bounds)
    np.testing.assert_array_equal(op.forward(x), out)
    np.testing.assert_array_equal(op.vjp(g, x), dx)
    assert op.vjp(g, x).dtype == dtype


def torch_clamp_norm(x, maxnorm, p, dim):
    """PyKEEN's formula, see below."""
    norm = x.norm(p=p, dim=dim, keepdim=True)
    mask = (norm < maxnorm).to(x.dtype)
    return mask * x + (1 - mask) * (x / norm.clamp_min(torch.finfo(x.dtype).eps) * maxnorm)


@given(seed=SEEDS, dtype=st.sampled_from(ALL), case=st.sampled_from(SHAPES), p=st.sampled_from([1, 2, math.inf]), data=st.data())
def test_clamp_norm_on_a_grid(seed, dtype, case, p, data):
    """With rows that are exactly as long as allowed."""
    (shape, dim), rng = case, np.random.default_rng(seed)
    maxnorm = data.draw(st.sampled_from([0.5, 1.0, 2.5]))
    x, g = grid(rng, shape, dtype), naive.rows(rng, shape, dtype)
    options = {"maxnorm": maxnorm, "p": p, "dim": dim}
    check_op(NORMALIZERS["clamp_norm"], lambda t: torch_clamp_norm(t, **options), g, x, **options, scale=4.0)


@given(seed=SEEDS, dtype=st.sampled_from(ALL), case=st.sampled_from(SHAPES), p=st.sampled_from([1, 1.5, 2, 3, math.inf]))
def test_clamp_norm(seed, dtype, case, p):
    (shape, dim), rng = case, np.random.default_rng(seed)
    x, g = smooth(rng, shape, dtype), naive.rows(rng, shape, dtype)
    options = {"maxnorm": 2.1234, "p": p, "dim": dim}
    check_op(NORMALIZERS["clamp_norm"], lambda t: torch_clamp_norm(t, **options), g, x, **options, scale=4.0)


@given(seed=SEEDS, dtype=st.sampled_from(REAL), case=st.sampled_from(SHAPES), size=st.sampled_from([1.0, 50.0]))
def test_softmax(seed, dtype, case, size):
    (shape, dim), rng = case, np.random.default_rng(seed)
    if isinstance(dim, tuple):
        dim = dim[0]
    x, g = smooth(rng, shape, dtype) * dtype(size), naive.rows(rng, shape, dtype)
    check_op(NORMALIZERS["softmax"], lambda t: F.softmax(t, dim=dim), g, x, dim=dim)


# ---- the embedding

IDS = st.sampled_from([(), (0,), (1,), (7,), (2, 3), (2, 0)])


@given(seed=SEEDS, dtype=st.sampled_from(REAL), ids_shape=IDS, n=st.integers(1, 5), width=st.sampled_from([0, 1, 3, 17]))
def test_embedding(seed, dtype, ids_shape, n, width):
    """Forward and backward of torch.nn.functional.embedding, to the bit, repeats included."""
    rng = np.random.default_rng(seed)
    table, ids = naive.uneven(rng, (n, width), dtype), rng.integers(0, n, ids_shape)
    g = naive.uneven(rng, (*ids_shape, width), dtype)
    out, (dtable,) = through_torch(lambda t: F.embedding(torch.tensor(ids), t), g, table)
    assert naive.same_bits(gather(table, ids), out)
    assert naive.same_bits(gather_vjp(g, table, ids).to_dense(), dtable)


@given(seed=SEEDS, dtype=st.sampled_from(ALL), ids_shape=IDS)
def test_embedding_with_normalizer_and_mask(seed, dtype, ids_shape):
    rng = np.random.default_rng(seed)
    table, ids = naive.rows(rng, (4, 3), dtype), rng.integers(0, 4, ids_shape)
    g = naive.rows(rng, (*ids_shape, 3), dtype)
    mask = rng.choice([0.0, 1.25], (*ids_shape, 3)).astype(g.real.dtype)
    out, (dtable,) = through_torch(lambda t: F.normalize(t[torch.tensor(ids)], dim=-1) * torch.tensor(mask), g, table)
    options = {"normalizer": NORMALIZERS["normalize"], "mask": mask}
    assert_same(lookup(table, ids, **options), out)
    assert_same(lookup_vjp(g, table, ids, **options).to_dense(), dtable, scale=10.0)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31), rate=st.sampled_from([0.1, 0.25, 0.5, 0.9]), shape=st.sampled_from([(7,), (4, 3), (2, 5, 8)]))
def test_dropout(seed, rate, shape):
    """The mask of torch's dropout from its seed, and what it does forward and backward, to the bit."""
    rng = np.random.default_rng(seed)
    x, g = naive.rows(rng, shape, np.float32), naive.rows(rng, shape, np.float32)

    def dropout(t):
        torch.manual_seed(seed)
        return F.dropout(t, rate, training=True)

    mask = dropout_mask(seed, shape, rate)
    assert naive.same_bits(mask, dropout(torch.ones(shape)).numpy())
    out, (dx,) = through_torch(dropout, g, x)
    np.testing.assert_array_equal(transform(x, mask=mask), out)
    np.testing.assert_array_equal(transform_vjp(g, x, mask=mask), dx)


@given(seed=SEEDS, dtype=st.sampled_from(REAL), lr=st.sampled_from([0.0, 0.01, 0.1, 1.0]), sparse=st.booleans())
def test_sgd(seed, dtype, lr, sparse):
    """Three steps of torch.optim.SGD."""
    rng = np.random.default_rng(seed)
    table = naive.rows(rng, (5, 3), dtype)
    parameter = torch.nn.Parameter(torch.tensor(table))
    optimizer = torch.optim.SGD([parameter], lr=lr)
    for _ in range(3):
        gradient = RowSparse(np.array([0, 2, 4]), naive.rows(rng, (3, 3), dtype), 5)
        parameter.grad = torch.tensor(gradient.to_dense())
        optimizer.step()
        assert sgd_(table, gradient if sparse else gradient.to_dense(), lr=lr) is None
    expected = parameter.detach().numpy()
    assert table.dtype == expected.dtype
    np.testing.assert_allclose(
        table, expected, **(tolerances.TORCH_SGD_FLOAT32 if dtype is np.float32 else tolerances.TORCH_SGD_FLOAT64)
    )


# ---- interactions and losses: torch's formulas, and PyKEEN's classes where it is installed

BATCHES = st.sampled_from([((4, 3),) * 3, ((3,),) * 3, ((2, 1, 3), (2, 1, 3), (1, 4, 3)), ((5, 2), (1, 2), (5, 2))])


def torch_transe(h, r, t, p, power_norm):
    x = h + r - t
    return -(x.abs() ** p).sum(dim=-1) if power_norm else -torch.linalg.vector_norm(x, ord=p, dim=-1)


def check_interaction(name, f, seed, dtype, shapes, draw, **options):
    rng = np.random.default_rng(seed)
    args = [draw(rng, shape, dtype) for shape in shapes]
    g = np.asarray(naive.rows(rng, np.broadcast_shapes(*shapes)[:-1], np.empty(0, dtype).real.dtype))
    check_op(INTERACTIONS[name], f, g, *args, **options, scale=100.0)


@given(
    seed=SEEDS, dtype=st.sampled_from(ALL), shapes=BATCHES, p=st.sampled_from([1, 2, 3]), power_norm=st.booleans(), on_grid=st.booleans()
)  # fmt: skip
def test_transe(seed, dtype, shapes, p, power_norm, on_grid):
    """On the grid with the kinks of |x_i| at zero, and of the norm at h + r = t."""
    options = {"p": p, "power_norm": power_norm}
    check_interaction(
        "transe", lambda *a: torch_transe(*a, **options), seed, dtype, shapes, grid if on_grid else smooth, **options
    )


@given(seed=SEEDS, dtype=st.sampled_from(REAL), shapes=BATCHES)
def test_distmult(seed, dtype, shapes):
    check_interaction("distmult", lambda h, r, t: (h * r * t).sum(dim=-1), seed, dtype, shapes, smooth)


@given(
    seed=SEEDS,
    dtype=st.sampled_from(REAL),
    shapes=st.sampled_from([((4, 1), (4, 3)), ((5, 1), (5, 1)), ((3,), (3,))]),
    on_grid=st.booleans(),
)
def test_margin_ranking(seed, dtype, shapes, on_grid):
    """On the grid many gaps are exactly zero: there torch's relu stops the gradient."""
    rng = np.random.default_rng(seed)
    positive, negative = ((grid if on_grid else smooth)(rng, shape, dtype) for shape in shapes)
    loss, gradients = through_torch(lambda p, n: F.relu(n - p + 1.0).mean(), np.asarray(3.0, dtype), positive, negative)
    assert_same(np.asarray(margin_ranking(positive, negative)), loss)
    for d, expected in zip(margin_ranking_vjp(3.0, positive, negative), gradients, strict=True):
        assert_same(d, expected)


@settings(max_examples=30)
@given(seed=SEEDS, dtype=st.sampled_from(REAL), shapes=BATCHES, p=st.sampled_from([1, 2]), power_norm=st.booleans())
def test_pykeens_interactions(seed, dtype, shapes, p, power_norm):
    modules = pytest.importorskip("pykeen.nn.modules")
    transe, options = modules.TransEInteraction(p=p, power_norm=power_norm), {"p": p, "power_norm": power_norm}
    for draw in (grid, smooth):
        check_interaction("transe", transe, seed, dtype, shapes, draw, **options)
        check_interaction("distmult", modules.DistMultInteraction(), seed, dtype, shapes, draw)


@settings(max_examples=30)
@given(seed=SEEDS, dtype=st.sampled_from(REAL), margin=st.sampled_from([0.0, 0.5, 1.0]), negatives=st.integers(1, 3))
def test_pykeens_margin_ranking(seed, dtype, margin, negatives):
    losses = pytest.importorskip("pykeen.losses")
    rng = np.random.default_rng(seed)
    positive, negative = grid(rng, (4, 1), dtype), grid(rng, (4, negatives), dtype)
    peer = losses.MarginRankingLoss(margin=margin)
    loss, gradients = through_torch(lambda p, n: peer.process_slcwa_scores(p, n), np.asarray(1.0, dtype), positive, negative)
    assert_same(np.asarray(margin_ranking(positive, negative, margin=margin)), loss)
    for d, expected in zip(margin_ranking_vjp(1.0, positive, negative, margin=margin), gradients, strict=True):
        assert_same(d, expected)


@settings(max_examples=30)
@given(
    seed=SEEDS, dtype=st.sampled_from(ALL), shape=st.sampled_from([(4, 3), (2, 3, 2)]), maxnorm=st.sampled_from([0.5, 1.0, 2.5])
)
def test_pykeens_maps(seed, dtype, shape, maxnorm):
    """clamp_norm along the axis that we take by default, and that PyKEEN does; complex_normalize, with its eps."""
    utils = pytest.importorskip("pykeen.utils")
    rng = np.random.default_rng(seed)
    x, g = grid(rng, shape, dtype), naive.rows(rng, shape, dtype)
    for dim in (-1, None):
        expected, _ = through_torch(lambda t, dim=dim: utils.clamp_norm(t, maxnorm=maxnorm, p=2, dim=dim), g, x)
        assert_same(clamp_norm(x, maxnorm=maxnorm, p="fro", dim=dim), expected)
    check_op(
        NORMALIZERS["clamp_norm"], lambda t: utils.clamp_norm(t, maxnorm=maxnorm, p=2, dim=-1), g, x, maxnorm=maxnorm, scale=4.0
    )
    if np.dtype(dtype).kind == "c":
        check_op(NORMALIZERS["complex_normalize"], utils.complex_normalize, g, x, eps=float(np.finfo(dtype).eps), scale=4.0)


@settings(max_examples=30)
@given(seed=SEEDS, dtype=st.sampled_from(REAL), shape=st.sampled_from([(3, 4), (8,), (2, 3, 8)]), on_grid=st.booleans())
def test_pykeens_quaternions(seed, dtype, shape, on_grid):
    """The normalizer of QuatE's relations, zero quaternions included. (No rows at all it cannot reshape.)"""
    quaternion = pytest.importorskip("pykeen.nn.quaternion")
    rng = np.random.default_rng(seed)
    x, g = (grid if on_grid else smooth)(rng, shape, dtype), naive.rows(rng, shape, dtype)
    check_op(NORMALIZERS["quaternion_normalize"], quaternion.normalize, g, x, scale=4.0)


@settings(max_examples=30)
@given(seed=SEEDS, dtype=st.sampled_from(ALL), bound=st.sampled_from([1.0, 1e-9, 1e-20]), on_grid=st.booleans())
def test_pykeens_eps(seed, dtype, bound, on_grid):
    """`clamp_norm` and `complex_normalize` with PyKEEN's eps, for rows that are shorter, too."""
    utils = pytest.importorskip("pykeen.utils")
    rng = np.random.default_rng(seed)
    x = (grid if on_grid else smooth)(rng, (6, 3), dtype) * np.array([1, 1e-6, 1e-8, 1e-12, 1e-18, 1], x_dtype(dtype))[:, None]
    g, eps = naive.rows(rng, x.shape, dtype), float(np.finfo(dtype).eps)
    size = max(1.0, bound / eps)
    check_op(
        NORMALIZERS["clamp_norm"], lambda t: utils.clamp_norm(t, bound, p=2, dim=-1), g, x, maxnorm=bound, eps=eps, scale=4 * size
    )
    if np.dtype(dtype).kind == "c":
        check_op(NORMALIZERS["complex_normalize"], utils.complex_normalize, g, x, eps=eps, scale=4 / eps)


def x_dtype(dtype):
    return np.empty(0, dtype).real.dtype


# ---- the table of conventions, point by point


@pytest.mark.parametrize(
    ("f", "op", "x", "options"),
    [
        (lambda t: t.norm(dim=-1), NORM, [[0.0, 0.0]], {}),
        (lambda t: t.norm(p=1, dim=-1), NORM, [[0.0, 0.0]], {"p": 1}),
        (lambda t: t.norm(p=3, dim=-1), NORM, [[0.0, 0.0]], {"p": 3}),
        (lambda t: t.norm(p=math.inf, dim=-1), NORM, [[0.0, 0.0]], {"p": math.inf}),
        (lambda t: t.norm(p=1, dim=-1), NORM, [[2.0, 0.0]], {"p": 1}),
        (lambda t: t.norm(p=1.5, dim=-1), NORM, [[2.0, 0.0]], {"p": 1.5}),
        (lambda t: t.norm(p=math.inf, dim=-1), NORM, [[1.0, -1.0]], {"p": math.inf}),
        (lambda t: t.norm(p=math.inf, dim=-1), NORM, [[-3.0, 3.0, 3.0]], {"p": math.inf}),
        (lambda t: t.norm(p=1, dim=-1), NORM, [[3 + 4j, 0j]], {"p": 1}),
        (lambda t: t.norm(dim=-1), NORM, [[0j, 0j]], {}),
        (lambda t: F.normalize(t, dim=-1), NORMALIZERS["normalize"], [[0.0, 0.0]], {}),
        (lambda t: F.normalize(t, dim=-1, eps=5.0), NORMALIZERS["normalize"], [[3.0, 4.0]], {"eps": 5.0}),
        (lambda t: F.normalize(t, dim=-1, eps=6.0), NORMALIZERS["normalize"], [[3.0, 4.0]], {"eps": 6.0}),
        (lambda t: F.normalize(t, dim=-1, p=math.inf), NORMALIZERS["normalize"], [[2.0, -2.0, 1.0]], {"p": math.inf}),
        (lambda t: F.normalize(t, dim=-1, p=1), NORMALIZERS["normalize"], [[2.0, 0.0, 1.0]], {"p": 1}),
        (lambda t: t.clamp(0.0, 1.0), NORMALIZERS["clamp"], [[0.0, 1.0, -1.0, 2.0]], {"min": 0, "max": 1}),
        (lambda t: torch_clamp_norm(t, 5.0, 2, -1), NORMALIZERS["clamp_norm"], [[3.0, 4.0]], {"maxnorm": 5.0}),
        (lambda t: torch_clamp_norm(t, 0.0, 2, -1), NORMALIZERS["clamp_norm"], [[3.0, 4.0]], {"maxnorm": 0.0}),
    ],
)
def test_conventions_at_kinks(f, op, x, options):
    x = np.array(x)
    rng = np.random.default_rng(50)
    out = op.forward(x, **options)
    g = naive.rows(rng, out.shape, out.dtype)
    expected, (dx,) = through_torch(f, g, x)
    np.testing.assert_allclose(out, expected, rtol=1e-15)
    np.testing.assert_allclose(op.vjp(g, x, **options), dx, rtol=1e-14, atol=1e-16)


def test_rows_that_torch_cannot_measure():
    """1e30 squared is infinite in float32, and 1e-30 squared is zero: torch loses such rows, here they keep their direction."""
    with np.errstate(all="ignore"):
        large = F.normalize(torch.tensor([[3e30, 4e30]]), dim=-1).numpy()
    assert large.tolist() == [[0.0, 0.0]]
    ours = NORMALIZERS["normalize"].forward(np.array([[3e30, 4e30]], np.float32))
    np.testing.assert_allclose(ours, [[0.6, 0.8]], rtol=1e-7)
