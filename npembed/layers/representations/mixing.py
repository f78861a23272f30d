"""How rows are made of other rows: mixed with weights, put side by side, added, multiplied; each a pair on plain arrays."""

import functools
import math

import numpy as np

from ... import check
from ...numerics.precision import to_float64
from ...op import Op


@check.public
def low_rank(weights, bases):
    """Mix a few bases: ``out[i] = sum_k weights[i, k] bases[k]``.

    K bases of D numbers and N rows of K weights stand for a table of N D numbers whose rank is K at most. Computed wide and rounded
    once, by loops and not by BLAS, whose order of adding may depend on the number of threads.

    Parameters
    ----------
    weights : ndarray (..., K)
    bases : ndarray (K, *shape) of the same dtype

    Returns
    -------
    ndarray (..., *shape)

    References
    ----------
    pykeen.nn.LowRankRepresentation (1.11.1). Schlichtkrull et al., Modeling Relational Data with Graph Convolutional Networks (ESWC
    2018), section 2.2 (basis decomposition).

    Examples
    --------
    >>> low_rank(np.array([[1.0, 10.0], [0.0, 2.0]]), np.array([[1.0, 2.0], [0.0, 1.0]]))
    array([[ 1., 12.],
           [ 0.,  2.]])
    """
    _check_bases("low_rank", weights, bases)
    flat, width = _flat(weights), math.prod(bases.shape[1:])
    out = np.einsum("ik,kd->id", to_float64(flat), to_float64(bases.reshape(len(bases), width)))
    return out.astype(bases.dtype).reshape(weights.shape[:-1] + bases.shape[1:])


@check.public
def low_rank_vjp(g, weights, bases):
    """Send the gradient to the weights and to the bases.

    A product of two matrices is linear in each: ``dweights[i, k] = sum_d g[i, d] conj(bases[k, d])``, and every row that a base
    takes part in pulls at it, ``dbases[k] = sum_i conj(weights[i, k]) g[i]``.

    Parameters
    ----------
    g : ndarray (..., *shape)
    weights, bases
        As in `low_rank`.

    Returns
    -------
    dweights, dbases : ndarray like `weights` and `bases`

    Examples
    --------
    >>> dweights, dbases = low_rank_vjp(np.array([[1.0, 1.0]]), np.array([[1.0, 10.0]]), np.array([[1.0, 2.0], [0.0, 1.0]]))
    >>> dweights.tolist(), dbases.tolist()
    ([[3.0, 1.0]], [[1.0, 1.0], [10.0, 10.0]])
    """
    _check_bases("low_rank_vjp", weights, bases)
    check.like("low_rank_vjp", "g", g, weights.shape[:-1] + bases.shape[1:], bases.dtype, "the rows")
    width = math.prod(bases.shape[1:])
    flat = to_float64(_flat(weights))
    g, b = to_float64(g.reshape(len(flat), width)), to_float64(bases.reshape(len(bases), width))
    dweights = np.einsum("id,kd->ik", g, b.conj())
    dbases = np.einsum("ik,id->kd", flat.conj(), g)
    return dweights.astype(bases.dtype).reshape(weights.shape), dbases.astype(bases.dtype).reshape(bases.shape)


@check.public
def concat(*xs, dim=-1):
    """Put rows side by side.

    Parameters
    ----------
    *xs : ndarrays of one dtype, at least one, equal in all axes but `dim`
    dim : int

    Returns
    -------
    ndarray

    Examples
    --------
    >>> concat(np.array([[1.0], [2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]]))
    array([[1., 3., 4.],
           [2., 5., 6.]])
    """
    axis, _, _ = _side_by_side("concat", xs, dim)
    return np.concatenate(xs, axis=axis)


@check.public
def concat_vjp(g, *xs, dim=-1):
    """Cut the gradient where the rows were joined: each gets its own part.

    Parameters
    ----------
    g : ndarray of the shape of `concat`
    *xs, dim
        As in `concat`.

    Returns
    -------
    tuple of ndarray, one like each of `xs`

    Examples
    --------
    >>> [d.tolist() for d in concat_vjp(np.array([1.0, 2.0, 3.0]), np.array([0.0]), np.array([0.0, 0.0]))]
    [[1.0], [2.0, 3.0]]
    """
    axis, sizes, shape = _side_by_side("concat_vjp", xs, dim)
    check.like("concat_vjp", "g", g, shape, xs[0].dtype, "the rows side by side")
    return tuple(part.copy() for part in np.split(g, np.cumsum(sizes)[:-1], axis=axis))


@check.public
def add(*xs):
    """The sum of rows, entry by entry, ``sum_i x_i``; computed wide and rounded once.

    Parameters
    ----------
    *xs : ndarrays of one shape and dtype, at least one

    Examples
    --------
    >>> add(np.array([1.0, 2.0]), np.array([10.0, 20.0]))
    array([11., 22.])
    """
    _alike("add", xs)
    return np.asarray(sum(map(to_float64, xs[1:]), start=to_float64(xs[0]))).astype(xs[0].dtype)


@check.public
def add_vjp(g, *xs):
    """Every term of a sum gets all of the gradient, ``dx_i = g``.

    >>> [d.tolist() for d in add_vjp(np.array([1.0]), np.array([2.0]), np.array([3.0]))]
    [[1.0], [1.0]]
    """
    _alike("add_vjp", xs)
    check.like("add_vjp", "g", g, xs[0].shape, xs[0].dtype, "the rows")
    return tuple(g.copy() for _ in xs)


@check.public
def multiply(*xs):
    """The product of rows, entry by entry, ``prod_i x_i``; computed wide and rounded once.

    Parameters
    ----------
    *xs : ndarrays of one shape and dtype, at least one

    Examples
    --------
    >>> multiply(np.array([1.0, 2.0]), np.array([10.0, 20.0]))
    array([10., 40.])
    """
    _alike("multiply", xs)
    return np.asarray(_product(xs)).astype(xs[0].dtype)


@check.public
def multiply_vjp(g, *xs):
    """A factor gets the gradient times the other factors, ``dx_i = g conj(prod_(j != i) x_j)``.

    The others are multiplied, not divided out, so that a zero is nothing special.

    >>> [d.tolist() for d in multiply_vjp(np.array([1.0, 1.0]), np.array([2.0, 0.0]), np.array([3.0, 5.0]))]
    [[3.0, 5.0], [2.0, 0.0]]
    """
    _alike("multiply_vjp", xs)
    check.like("multiply_vjp", "g", g, xs[0].shape, xs[0].dtype, "the rows")
    others = (_product((np.ones_like(g), *xs[:i], *xs[i + 1 :])) for i in range(len(xs)))
    return tuple(np.asarray(to_float64(g) * other.conj()).astype(g.dtype) for other in others)


LOW_RANK = Op(low_rank, low_rank_vjp)

COMBINATIONS = {"concat": Op(concat, concat_vjp), "sum": Op(add, add_vjp), "product": Op(multiply, multiply_vjp)}
"""By name."""


def _product(xs):
    return functools.reduce(np.multiply, map(to_float64, xs))


def _flat(weights):
    """All rows of weights in a matrix."""
    return weights.reshape(math.prod(weights.shape[:-1]), weights.shape[-1])


def _check_bases(function, weights, bases):
    """Weights (..., K) for K bases, of one dtype."""
    check.table(function, bases, "bases")
    check.array(function, "weights", weights, ndim=1)
    check.like(function, "weights", weights, (*weights.shape[:-1], len(bases)), bases.dtype, "weights for these bases")


def _first(function, xs):
    """The first of `xs`, all of which are arrays of its dtype."""
    if not xs:
        raise TypeError(f"{function}: nothing is given; allowed: one array at least")
    for i, x in enumerate(xs):
        check.array(function, f"xs[{i}]", x)
        if x.dtype != xs[0].dtype:
            raise TypeError(f"{function}: xs[{i}] has dtype {x.dtype}; allowed: {xs[0].dtype}, the dtype of xs[0]")
    return xs[0]


def _alike(function, xs):
    """`xs` are arrays of one shape and dtype."""
    first = _first(function, xs)
    for i, x in enumerate(xs):
        check.like(function, f"xs[{i}]", x, first.shape, first.dtype, "xs[0]")


def _side_by_side(function, xs, dim):
    """The axis that `dim` means, how long each of `xs` is along it, and the shape of all; the arrays fit along it."""
    first = _first(function, xs)
    axis = check.integer(function, "dim", dim)
    (axis,) = check.axes(function, "dim", axis, first.ndim)
    for i, x in enumerate(xs):
        shape = (*first.shape[:axis], x.shape[axis] if x.ndim > axis else 0, *first.shape[axis + 1 :])
        check.like(function, f"xs[{i}]", x, shape, first.dtype, f"xs[0] but for axis {axis}")
    sizes = [x.shape[axis] for x in xs]
    return axis, sizes, (*first.shape[:axis], sum(sizes), *first.shape[axis + 1 :])
