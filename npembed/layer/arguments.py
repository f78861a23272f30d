"""What a layer is told at construction: how many rows of which shape, and how that is shown again."""

import numpy as np

from .. import check


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
        return next(iter(rows.values())), check.integer("Embedding", "embedding_dim", embedding_dim, minimum=0)
    return next(iter(rows.values())), *check.shape("Embedding", "shape", shape)


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
