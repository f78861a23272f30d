"""Tables computed from a graph: what a node's neighbourhood looks like becomes its first row."""

import numpy as np

from ... import check
from .choose import initializer


@check.public
def weisfeiler_lehman(
    rng, shape, dtype=np.float32, *, triples_factory=None, mapped_triples=None, edge_index=None, max_iter=2, color_initializer=None,
    color_initializer_kwargs=None,
):  # fmt: skip
    """Give nodes that look alike one and the same row: draw a row for each color of `weisfeiler_lehman_colors`.

    Parameters
    ----------
    rng, dtype
        As in `normal`. (PyKEEN draws in torch's default dtype, and rounds or extends that.)
    shape : (N, *row), N entities
    triples_factory, mapped_triples, edge_index : one of them
        The graph: a thing with ``mapped_triples``, triples ``(n, 3)``, or edges ``(2, m)``, sources above targets.
    max_iter : int
        See `weisfeiler_lehman_colors`.
    color_initializer : name, array, or callable; default ``"normal"``
        What draws the rows of the colors.
    color_initializer_kwargs : dict, options of it

    References
    ----------
    pykeen.nn.init.WeisfeilerLehmanInitializer (1.11.1).

    Examples
    --------
    >>> path = [[0, 1], [1, 2]]  # 0 -> 1 -> 2: its ends look alike from afar, not from near
    >>> table = weisfeiler_lehman(0, (3, 2), edge_index=path, max_iter=1)
    >>> bool((table[0] == table[2]).all())
    True
    """
    edges = _edges("weisfeiler_lehman", shape, triples_factory, mapped_triples, edge_index)
    colors = weisfeiler_lehman_colors(edges, shape[0], max_iter=max_iter)
    draw = initializer(color_initializer, color_initializer_kwargs, function="weisfeiler_lehman", argument="color_initializer")
    return draw(rng, (int(colors.max(initial=-1)) + 1, *shape[1:]), dtype)[colors]


@check.public
def weisfeiler_lehman_colors(edge_index, num_nodes, *, max_iter=2):
    """Color nodes so that those with unlike neighbours differ: the Weisfeiler-Lehman test, stopped early.

    The first colors number the degrees (edges in and out; each distinct edge counts once, and a loop twice). Each further round
    numbers what a node has seen: its own color, and how many edges it has to each color. The numbers are those of PyKEEN: what was
    seen is sorted by color, then by the count of edges to color 0, to color 1, and so on. It stops after `max_iter` colorings, when
    a round adds no color, or when there are N - 1 colors.

    Only edges out of a node are followed; triples say head to tail. (PyKEEN does so; that the degree counts both is its choice, too.)

    Parameters
    ----------
    edge_index : integers (2, m), sources above targets
    num_nodes : int
    max_iter : int >= 1

    Returns
    -------
    ndarray of int64 (num_nodes,), the colors 0, 1, 2, ...

    References
    ----------
    Weisfeiler and Lehman, A reduction of a graph to a canonical form (1968); Shervashidze et al., Weisfeiler-Lehman graph kernels
    (JMLR 12, 2011), algorithm 1; pykeen.utils.iter_weisfeiler_lehman (1.11.1).

    Examples
    --------
    >>> path = [[0, 1], [1, 2]]
    >>> weisfeiler_lehman_colors(path, 3, max_iter=1), weisfeiler_lehman_colors(path, 3)
    (array([0, 1, 0]), array([1, 2, 0]))
    """
    name = "weisfeiler_lehman_colors"
    num_nodes = check.integer(name, "num_nodes", num_nodes, minimum=0)
    edges = np.unique(_two_rows(name, check.ids(name, edge_index, num_nodes, "edge_index")), axis=1)
    max_iter = check.integer(name, "max_iter", max_iter, minimum=1)
    degrees = np.bincount(edges.ravel(), minlength=num_nodes)
    colors = np.unique(degrees, return_inverse=True)[1].reshape(-1)
    count = colors.max(initial=-1) + 1
    for _ in range(max_iter - 1):
        colors = _refined(colors, edges)
        before, count = count, colors.max(initial=-1) + 1
        if count >= num_nodes - 1 or count <= before:
            break
    return colors


def _refined(colors, edges):
    """Number what each node sees: its color, and its edges to each color.

    As a row of a matrix: ``color, edges to color 0, edges to color 1, ...``, sorted as rows are. It is mostly zeros, so the pairs
    ``(-color, edges)`` stand for it: who has edges to a smaller color comes later, as does who has more of them.
    """
    source, target = edges[0], colors[edges[1]]
    pairs, counts = np.unique(np.stack([source, target]), axis=1, return_counts=True)
    seen = [[color] for color in colors.tolist()]
    for node, color, edges_to in zip(*pairs.tolist(), counts.tolist(), strict=True):
        seen[node] += [-color, edges_to]
    number = {sight: i for i, sight in enumerate(sorted(set(map(tuple, seen))))}
    return np.array([number[tuple(sight)] for sight in seen], np.int64)


@check.public
def random_walk_positional_encoding(
    rng, shape, dtype=np.float32, *, triples_factory=None, mapped_triples=None, edge_index=None, space_dim=0.0, skip_first_power=True
):  # fmt: skip
    """Fill a row with the chances that a random walk from its node is back after 2, 3, ..., D + 1 steps; draws nothing.

    ``x_ik = k^(space_dim / 2) (R^k)_ii`` with ``R = A D^-1``: A counts the edges between two nodes in either direction (repeated
    ones, too, and a loop twice), D is diagonal with the sums of its columns. A node without edges has a row of zeros.
    Computed in float64 and rounded once.

    Parameters
    ----------
    rng : not used
    shape : (N, D)
        N entities, D powers. (PyKEEN's ``dim`` is D + 1, or D without `skip_first_power`.)
    dtype : float32 or float64
    triples_factory, mapped_triples, edge_index : one of them
        As in `weisfeiler_lehman`.
    space_dim : float
        A correction for graphs that are grids of that dimension, where the chance falls off as ``k^(-space_dim / 2)``.
    skip_first_power : bool
        False starts with the first power, which is zero unless there are loops.

    References
    ----------
    Dwivedi et al., Graph neural networks with learnable structural and positional representations (ICLR 2022);
    pykeen.nn.init.RandomWalkPositionalEncodingInitializer (1.11.1).

    Examples
    --------
    >>> random_walk_positional_encoding(None, (3, 3), edge_index=[[0, 1], [1, 2]])  # a path: back after an even number of steps only
    array([[0.5, 0. , 0.5],
           [1. , 0. , 1. ],
           [0.5, 0. , 0.5]], dtype=float32)
    """
    from scipy.sparse import coo_array, diags_array

    edges = _edges("random_walk_positional_encoding", shape, triples_factory, mapped_triples, edge_index)
    if len(shape) != 2:
        raise ValueError(
            f"random_walk_positional_encoding: shape = {tuple(shape)} has {len(shape)} axes; allowed: two, real rows of one axis"
        )
    space_dim = check.real("random_walk_positional_encoding", "space_dim", space_dim)
    first = 2 if check.choice("random_walk_positional_encoding", "skip_first_power", skip_first_power, (True, False)) else 1
    n, last = shape[0], first + shape[1]
    a = coo_array((np.ones(edges.shape[1]), tuple(edges)), (n, n)).tocsr()
    a = a + a.T
    degree = np.asarray(a.sum(axis=0)).ravel()
    root = diags_array(1 / np.sqrt(np.where(degree == 0, 1.0, degree)))
    # S = D^-1/2 A D^-1/2 has the diagonals that R has, in all powers, and is symmetric: with x = S^j e_i, (S^2j)_ii = <x, x> and
    # (S^(2j + 1))_ii = <x, S x>. So half the powers do, and columns are done by blocks, for S^j is soon dense.
    s = (root @ a @ root).tocsr()
    chances = np.empty((n, last + 1))
    block = max(1, (1 << 22) // max(n, 1))
    for start in range(0, n, block):
        nodes = np.arange(start, min(start + block, n))
        x = np.zeros((n, len(nodes)))
        x[nodes, nodes - start] = 1
        for power in range(1, last, 2):
            y = s @ x
            chances[nodes, power] = (x * y).sum(axis=0)
            chances[nodes, power + 1] = (y * y).sum(axis=0)
            x = y
    powers = np.arange(first, last)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(powers ** (space_dim / 2) * chances[:, powers], dtype)


def _edges(function, shape, triples_factory, mapped_triples, edge_index):
    """The edges ``(2, m)`` between the ``shape[0]`` nodes, from whichever of the three is given."""
    given = {"triples_factory": triples_factory, "mapped_triples": mapped_triples, "edge_index": edge_index}
    given = {name: value for name, value in given.items() if value is not None}
    if len(given) != 1:
        found = " and ".join(given) + " are given" if given else "the graph is missing"
        raise ValueError(f"{function}: {found}; allowed: one of triples_factory, mapped_triples, edge_index")
    name, value = next(iter(given.items()))
    if name == "triples_factory":
        if not hasattr(value, "mapped_triples"):
            raise TypeError(f"{function}: triples_factory is a {type(value).__name__}; allowed: a thing with mapped_triples")
        name, value = "triples_factory.mapped_triples", value.mapped_triples
    value = value if isinstance(value, (list, tuple)) else np.asarray(value)
    if name == "edge_index":
        return _two_rows(function, check.ids(function, value, shape[0], name))
    return check.triples(function, value, shape[0], argument=name)[:, [0, 2]].T


def _two_rows(function, edges):
    if edges.ndim != 2 or len(edges) != 2:
        raise ValueError(f"{function}: edge_index has shape {edges.shape}; allowed: (2, m), sources above targets")
    return edges
