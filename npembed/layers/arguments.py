"""What a layer is told at construction: how many rows of which shape, and how that is shown again."""

import contextlib
import contextvars
import math

import numpy as np

from .. import check

_STORED: contextvars.ContextVar = contextvars.ContextVar("shapes of the tables that are to be restored", default=None)


@contextlib.contextmanager
def only_tables_like(shapes):
    """Refuse every table that is asked for meanwhile and has none of these shapes, ``(N, D)`` real numbers, before it is made.

    A saved model is made by its options, and then takes over the tables that were stored: what the options ask for is to be no
    larger.

    >>> with only_tables_like([(3, 2)]):
    ...     table_shape(3, 10**9)
    Traceback (most recent call last):
    ValueError: Embedding: a table of shape (3, 1000000000) is asked for; allowed: the shapes of the stored ones, [(3, 2)]
    """
    token = _STORED.set(sorted(set(shapes)))
    try:
        yield
    finally:
        _STORED.reset(token)


@check.public
def table_shape(max_id=None, embedding_dim=None, num_embeddings=None, shape=None):
    """``(N, *shape)`` from the names that torch and PyKEEN have for it; either name of each, or both if they agree.

    >>> table_shape(num_embeddings=10, shape=(3, 4))
    (10, 3, 4)
    """
    if max_id is None and num_embeddings is None:
        raise ValueError("Embedding: max_id is missing; allowed: max_id (or num_embeddings), the number of rows")
    given = {"max_id": max_id, "num_embeddings": num_embeddings}
    rows = {name: check.integer("Embedding", name, n, minimum=0) for name, n in given.items() if n is not None}
    if len(set(rows.values())) > 1:
        raise ValueError(
            f"Embedding: max_id = {max_id} and num_embeddings = {num_embeddings} differ; allowed: one, or both equal"
        )
    if embedding_dim is None and shape is None:
        raise ValueError("Embedding: embedding_dim and shape are both missing; allowed: one of them, the shape of a row")
    if embedding_dim is not None and shape is not None:
        raise ValueError(f"Embedding: embedding_dim = {embedding_dim} and shape = {shape} are both given; allowed: one of them")
    if shape is None:
        row = (check.integer("Embedding", "embedding_dim", embedding_dim, minimum=0),)
    else:
        row = check.shape("Embedding", "shape", shape)
    found, stored = (next(iter(rows.values())), *row), _STORED.get()
    if stored is not None and not any((found[0], width * math.prod(row)) in stored for width in (1, 2)):  # 2: complex numbers
        allowed = f"the shapes of the stored ones, {check.said(stored)}"
        raise ValueError(f"Embedding: a table of shape {check.said(found)} is asked for; allowed: {allowed}")
    return found


def one_of(name, value, other, twin):
    """`value`, or `twin` that has another name; None if neither is given."""
    if value is not None and twin is not None:
        raise ValueError(f"Embedding: {name} and {other} are both given; allowed: one of them")
    return twin if value is None else value


def here(function, device):
    """Refuse a device that is not this machine's processor."""
    if device is not None and str(device) != "cpu":
        raise ValueError(f"{function}: device = {str(device)!r} is not where tables are kept; allowed: None or 'cpu'")


def from_weight(weight, max_id, embedding_dim, num_embeddings, shape, dtype, initializer):
    """The sizes, dtype and initializer of a table that begins with the rows of `weight`; what else was said must agree.

    Returns
    -------
    max_id, shape, embedding_dim, num_embeddings, dtype, initializer
    """
    check.table("Embedding", weight, "weight")
    if initializer is not None:
        raise ValueError("Embedding: weight and initializer are both given; allowed: one of them")
    if max_id is None and num_embeddings is None:
        max_id = len(weight)
    if shape is None and embedding_dim is None:
        shape = weight.shape[1:]
    said = table_shape(max_id, embedding_dim, num_embeddings, shape)
    if said != weight.shape:
        raise ValueError(f"Embedding: weight has shape {weight.shape}; allowed: {said}, as the sizes say")
    return said[0], said[1:], None, None, weight.dtype if dtype is None else dtype, weight


def described(choice, options):
    """A choice of initializer, constrainer or normalizer, as `repr` shows it: ``clamp_norm(maxnorm=1.0)``."""
    name = "array" if isinstance(choice, np.ndarray) else str(getattr(choice, "__name__", choice))
    return name + (f"({', '.join(f'{key}={value!r}' for key, value in options.items())})" if options else "")
