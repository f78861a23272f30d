"""Gradients of gradients against torch's double backward, live: of each map, and of a whole layer with its options."""

import math

import naive
import numpy as np
import pytest
import tolerances
from hypothesis import given
from hypothesis import strategies as st

from npembed import Embedding
from npembed.embedding.second_order import SECOND_ORDER
from npembed.layers import double_backward

torch = pytest.importorskip("torch")
F = torch.nn.functional

REAL, ALL = [np.float32, np.float64], [np.float32, np.float64, np.complex64, np.complex128]
SHAPES = [((4, 3), -1), ((4, 3), 0), ((5,), 0), ((2, 3, 2), 1), ((2, 3, 2), (0, 2)), ((3, 2), (0, 1)), ((0, 3), -1)]
SEEDS = st.integers(0, 2**32 - 1)
ORDERS = st.sampled_from([1, 1.5, 2, 3, math.inf])


def grid(rng, shape, dtype):
    """Halves from -2 to 2 without zero rows: zero entries and ties are common, and entries at a bound."""
    draw = lambda: np.where(rng.integers(0, 3, shape) > 0, rng.integers(-4, 5, shape) / 2, 1.0)  # noqa: E731
    return (draw() + 1j * draw() if np.dtype(dtype).kind == "c" else draw()).astype(dtype)


def twice(f, v, g, x):
    """The gradients of ``<v, gradient of <g, f(x)>>`` with respect to g and x, by torch."""
    v, g, x = torch.tensor(v), torch.tensor(g, requires_grad=True), torch.tensor(x, requires_grad=True)
    (d,) = torch.autograd.grad(f(x), x, g, create_graph=True)
    return [t.numpy() for t in torch.autograd.grad(d, (g, x), v, materialize_grads=True)]


def check(name, f, dtype, shape, rng, draw, **options):
    """One map against a function of torch tensors; torch rounds in the dtype, on numbers up to the largest of the result."""
    v, g, x = naive.rows(rng, shape, dtype), naive.rows(rng, shape, dtype), draw(rng, shape, dtype)
    tolerance = tolerances.TORCH_FLOAT32 if np.dtype(dtype).char in "fF" else tolerances.TORCH_FLOAT64
    for d, e in zip(SECOND_ORDER[name].vjp(v, g, x, **options), twice(f, v, g, x), strict=True):
        assert d.dtype == e.dtype
        assert d.shape == e.shape
        np.testing.assert_allclose(d, e, rtol=0, atol=20 * tolerance["rtol"] * max(1.0, np.abs(e).max(initial=0.0)))


@given(seed=SEEDS, dtype=st.sampled_from(ALL), case=st.sampled_from(SHAPES), p=ORDERS, eps=st.sampled_from([1e-12, 2.1234, 50.0]))
def test_normalize(seed, dtype, case, p, eps):
    """With rows that are shorter than eps, and others."""
    shape, dim = case
    f = lambda t: F.normalize(t, p=p, dim=dim, eps=eps)  # noqa: E731
    check("normalize", f, dtype, shape, np.random.default_rng(seed), naive.rows, p=p, dim=dim, eps=eps)


@given(seed=SEEDS, dtype=st.sampled_from(ALL), case=st.sampled_from(SHAPES), p=st.sampled_from([1, 2, 3, math.inf]))
def test_normalize_on_a_grid(seed, dtype, case, p):
    """With zero entries and ties; for p between 1 and 2, where the slope at a zero is infinite, torch 2.13 says NaN."""
    shape, dim = case
    check("normalize", lambda t: F.normalize(t, p=p, dim=dim), dtype, shape, np.random.default_rng(seed), grid, p=p, dim=dim)


@given(seed=SEEDS, dtype=st.sampled_from(ALL), case=st.sampled_from(SHAPES), p=ORDERS)
def test_clamp_norm(seed, dtype, case, p):
    """PyKEEN's formula, differentiated twice by torch."""
    shape, dim = case

    def f(t):
        norm = torch.linalg.vector_norm(t, ord=p, dim=dim, keepdim=True)
        return torch.where(norm < 2.1234, t, t / norm * 2.1234)

    check("clamp_norm", f, dtype, shape, np.random.default_rng(seed), naive.rows, p=p, dim=dim, maxnorm=2.1234)


@given(seed=SEEDS, dtype=st.sampled_from([np.complex64, np.complex128]), shape=st.sampled_from([(4, 3), (5,), (0, 2)]))
def test_complex_normalize(seed, dtype, shape):
    check("complex_normalize", lambda t: t / t.abs(), dtype, shape, np.random.default_rng(seed), naive.rows)


@given(seed=SEEDS, dtype=st.sampled_from(REAL), shape=st.sampled_from([(4, 3, 4), (4,)]))
def test_quaternion_normalize(seed, dtype, shape):
    check("quaternion_normalize", lambda t: F.normalize(t, dim=-1), dtype, shape, np.random.default_rng(seed), naive.rows)


@given(seed=SEEDS, dtype=st.sampled_from(REAL), bounds=st.sampled_from([{"min": -1.0, "max": 1.5}, {"min": 0.5}, {"max": -0.5}]))
def test_clamp(seed, dtype, bounds):
    check("clamp", lambda t: t.clamp(**bounds), dtype, (4, 3), np.random.default_rng(seed), grid, **bounds)


@given(seed=SEEDS, dtype=st.sampled_from(REAL), case=st.sampled_from(SHAPES))
def test_softmax(seed, dtype, case):
    shape, dim = case
    dim = dim[0] if isinstance(dim, tuple) else dim
    check("softmax", lambda t: F.softmax(t, dim=dim), dtype, shape, np.random.default_rng(seed), naive.rows, dim=dim)


MAPS = {
    None: ({}, lambda t: t),
    "normalize": ({"p": 3}, lambda t: F.normalize(t, p=3, dim=-1)),
    "softmax": ({}, lambda t: F.softmax(t, dim=-1)),
    "clamp": ({"min": -1.0, "max": 0.75}, lambda t: t.clamp(-1.0, 0.75)),
}


def by_torch(table, ids, g, v, f, **options):
    """The same of torch.nn.Embedding."""
    layer = torch.nn.Embedding.from_pretrained(torch.tensor(table), freeze=False, **options)
    g = torch.tensor(g, requires_grad=True)
    (d,) = torch.autograd.grad(f(layer(torch.tensor(ids))), layer.weight, g, create_graph=True)
    return [t.numpy() for t in torch.autograd.grad(d, (g, layer.weight), torch.tensor(v), materialize_grads=True)]


@given(seed=SEEDS, name=st.sampled_from(list(MAPS)), padding=st.booleans(), ids_shape=st.sampled_from([(), (1,), (7,), (2, 3)]))
def test_a_layer(seed, name, padding, ids_shape):
    """With repeated ids and, if so, a padding row, which has no gradient of either order."""
    rng, (options, f) = np.random.default_rng(seed), MAPS[name]
    more = {"padding_idx": 1} if padding else {}
    table, ids = naive.rows(rng, (4, 3)), rng.integers(0, 4, ids_shape)
    g, v = naive.rows(rng, (*ids_shape, 3)), naive.rows(rng, (4, 3))
    layer = Embedding.from_pretrained(table, trainable=True, normalizer=name, normalizer_kwargs=options, **more)
    dg, dtable = double_backward(layer, ids, g, v)
    for d, e in zip((dg, dtable.to_dense()), by_torch(table, ids, g, v, f, **more), strict=True):
        np.testing.assert_allclose(d, e, **tolerances.TORCH_FLOAT64)


def test_what_torch_forgets():
    """2.13: by counts is divided the gradient, which is linear in g, but not what comes back to g. Ours is, see `test_second_order`."""
    table, ids, g, v = np.ones((3, 1)), np.array([1, 1, 2]), np.ones((3, 1)), np.array([[0.0], [6.0], [8.0]])
    torchs, _ = by_torch(table, ids, g, v, lambda t: t, scale_grad_by_freq=True)
    assert torchs.tolist() == [[6.0], [6.0], [8.0]]
    layer = Embedding.from_pretrained(table, trainable=True, scale_grad_by_freq=True)
    assert double_backward(layer, ids, g, v)[0].tolist() == [[3.0], [3.0], [8.0]]
