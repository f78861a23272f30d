"""Rows from a graph: Weisfeiler-Lehman colors against dense counts, random walks against dense matrix powers and closed forms."""

import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import GRAPH_POWERS

from npembed import Embedding
from npembed.embedding.initializers import (
    INITIALIZERS,
    random_walk_positional_encoding,
    weisfeiler_lehman,
    weisfeiler_lehman_colors,
)
from npembed.kge.datasets import Nations
from npembed.numerics.random import TorchGenerator

GRAPHS = {
    "path": (4, [(0, 1), (1, 2), (2, 3)]),
    "ring": (5, [(i, (i + 1) % 5) for i in range(5)]),
    "star": (5, [(0, i) for i in range(1, 5)]),
    "loops, repeats and a node alone": (5, [(0, 0), (0, 1), (0, 1), (1, 0), (2, 3), (2, 2)]),
    "no edges": (3, []),
    "one node": (1, []),
    "no node": (0, []),
}


def edge_index(edges):
    return np.array(edges, int).reshape(-1, 2).T


def both_ways(edges):
    return [*edges, *((b, a) for a, b in edges)]


# Colors


def dense_colors(n, edges, max_iter):
    """By a matrix of counts, row by row."""
    edges = set(edges)
    degree = [sum((a == i) + (b == i) for a, b in edges) for i in range(n)]
    colors = [sorted(set(degree)).index(d) for d in degree]
    count = len(set(colors))
    for _ in range(2, max_iter + 1):
        rows = []
        for i in range(n):
            seen = [0] * n
            for a, b in edges:
                if a == i:
                    seen[colors[b]] += 1
            rows.append((colors[i], *seen))
        colors = [sorted(set(rows)).index(row) for row in rows]
        before, count = count, len(set(colors))
        if count >= n - 1 or count <= before:
            break
    return colors


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("max_iter", [1, 2, 3, 9])
def test_colors_by_dense_counts(name, max_iter):
    n, edges = GRAPHS[name]
    found = weisfeiler_lehman_colors(edge_index(edges), n, max_iter=max_iter)
    assert found.dtype == np.int64
    assert found.tolist() == dense_colors(n, edges, max_iter)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 12), m=st.integers(0, 30), max_iter=st.integers(1, 5))
def test_colors_of_drawn_graphs(seed, n, m, max_iter):
    edges = np.random.default_rng(seed).integers(0, n, (2, m))
    found = weisfeiler_lehman_colors(edges, n, max_iter=max_iter)
    assert found.tolist() == dense_colors(n, list(zip(*edges.tolist(), strict=True)), max_iter)


def test_what_the_colors_can_tell_apart_and_what_not():
    hexagon = [(i, (i + 1) % 6) for i in range(6)]
    triangles = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)]
    for edges in (hexagon, triangles):  # the classical pair that the test confuses
        assert weisfeiler_lehman_colors(edge_index(both_ways(edges)), 6, max_iter=9).tolist() == [0] * 6
    path = weisfeiler_lehman_colors(edge_index(both_ways([(i, i + 1) for i in range(6)])), 7, max_iter=9)
    np.testing.assert_array_equal(path, path[::-1])  # a path looks the same from both ends, and no other nodes do
    assert len(set(path.tolist())) == 4


@given(seed=st.integers(0, 2**32 - 1))
def test_renaming_the_nodes_renames_nothing_else(seed):
    rng = np.random.default_rng(seed)
    edges, name = rng.integers(0, 9, (2, 14)), rng.permutation(9)
    colors = weisfeiler_lehman_colors(edges, 9, max_iter=4)
    np.testing.assert_array_equal(weisfeiler_lehman_colors(name[edges], 9, max_iter=4)[name], colors)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nodes_of_one_color_get_the_row_that_is_drawn_for_it(dtype):
    n, edges = GRAPHS["star"]
    found = weisfeiler_lehman(3, (n, 2, 3), dtype, edge_index=edge_index(edges))
    drawn = TorchGenerator(3).normal((2, 2, 3), dtype=dtype)
    np.testing.assert_array_equal(found, drawn[weisfeiler_lehman_colors(edge_index(edges), n)])
    assert found.dtype == dtype
    found = weisfeiler_lehman(
        3, (n, 2), dtype, edge_index=edge_index(edges), color_initializer="uniform", color_initializer_kwargs={"a": 5.0, "b": 6.0}
    )
    assert ((found >= 5) & (found < 6)).all()
    found = weisfeiler_lehman(3, (n, 2), dtype, edge_index=edge_index(edges), color_initializer=np.eye(2))
    assert found.tolist() == [[0, 1], [1, 0], [1, 0], [1, 0], [1, 0]]


# Random walks


def dense_walk(n, edges, powers, space_dim=0.0):
    a = np.zeros((n, n))
    for i, j in both_ways(edges):
        a[i, j] += 1
    degree = a.sum(axis=0)
    r = a / np.where(degree == 0, 1, degree)
    return np.stack([k ** (space_dim / 2) * np.diagonal(np.linalg.matrix_power(r, k)) for k in powers], axis=1)


def assert_walk(found, expected):
    assert np.abs(found - expected).max(initial=0.0) <= GRAPH_POWERS * np.abs(expected).max(initial=0.0)


@pytest.mark.parametrize("name", [name for name, (n, _) in GRAPHS.items() if n])
@pytest.mark.parametrize("space_dim", [0.0, 2, -1.5])
@pytest.mark.parametrize("width", [0, 1, 4, 5])
def test_walks_by_dense_powers(name, space_dim, width):
    if width == 0:
        assert random_walk_positional_encoding(None, (GRAPHS[name][0], 0), edge_index=edge_index(GRAPHS[name][1])).size == 0
        return
    n, edges = GRAPHS[name]
    about = {"edge_index": edge_index(edges), "space_dim": space_dim}
    found = random_walk_positional_encoding(None, (n, width), np.float64, **about)
    assert found.flags.c_contiguous
    assert_walk(found, dense_walk(n, edges, range(2, width + 2), space_dim))
    found = random_walk_positional_encoding(None, (n, width), np.float64, skip_first_power=False, **about)
    assert_walk(found, dense_walk(n, edges, range(1, width + 1), space_dim))
    single = random_walk_positional_encoding(None, (n, width), np.float32, skip_first_power=False, **about)
    np.testing.assert_array_equal(single, found.astype(np.float32))


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 12), m=st.integers(0, 30), width=st.integers(1, 9))
def test_walks_on_drawn_graphs(seed, n, m, width):
    edges = np.random.default_rng(seed).integers(0, n, (2, m))
    found = random_walk_positional_encoding(None, (n, width), np.float64, edge_index=edges)
    assert_walk(found, dense_walk(n, list(zip(*edges.tolist(), strict=True)), range(2, width + 2)))


def test_walks_with_closed_forms():
    n = 7  # the complete graph: (1 + (n - 1) (-1 / (n - 1))^k) / n
    complete = [(i, j) for i in range(n) for j in range(i)]
    found = random_walk_positional_encoding(None, (n, 6), np.float64, edge_index=edge_index(complete))
    k = np.arange(2, 8)
    assert_walk(found, np.tile((1 + (n - 1) * (-1 / (n - 1)) ** k) / n, (n, 1)))
    long = 5000  # a ring too long to get around, done in several blocks: binomial(k, k / 2) / 2^k for even k
    ring = np.stack([np.arange(long), (np.arange(long) + 1) % long])
    found = random_walk_positional_encoding(None, (long, 5), np.float64, edge_index=ring)
    assert_walk(found, np.tile([1 / 2, 0, 3 / 8, 0, 5 / 16], (long, 1)))


# Where the graph comes from


@pytest.mark.parametrize("name", ["weisfeiler_lehman", "random_walk_positional_encoding"])
def test_a_graph_is_given_by_triples_edges_or_a_factory(name):
    training = Nations().training
    triples = training.mapped_triples
    shape = (training.num_entities, 6)
    first = INITIALIZERS[name](1, shape, mapped_triples=triples)
    for options in (
        {"triples_factory": training},
        {"triples_factory": types.SimpleNamespace(mapped_triples=triples.tolist())},
        {"mapped_triples": triples.tolist()},
        {"edge_index": triples[:, ::2].T},
        {"edge_index": triples[:, ::2].T.tolist()},
    ):
        np.testing.assert_array_equal(INITIALIZERS[name](1, shape, **options), first)
        layer = Embedding(*shape, initializer=name, initializer_kwargs=options, rng=1)
        np.testing.assert_array_equal(layer.weight, first)
    mine = triples.copy()
    layer = Embedding(*shape, initializer=name, initializer_kwargs={"mapped_triples": mine}, rng=1)
    mine[...] = 0  # a later change of the caller's array does not reach a reset
    layer.rng = TorchGenerator(1)
    layer.reset_parameters()
    np.testing.assert_array_equal(layer.weight, first)


def test_walks_draw_nothing_and_colors_draw_their_rows_only():
    rng = TorchGenerator(0)
    random_walk_positional_encoding(rng, (4, 2), edge_index=[[0, 1], [1, 2]])
    weisfeiler_lehman(rng, (4, 2), edge_index=[[0], [1]], color_initializer="uniform")  # three colors
    np.testing.assert_array_equal(rng.rand(3), TorchGenerator(0).rand(9)[6:])
