"""What looks rows up, pools, mixes and scores them: one whole example at a time, in mpmath."""

import functools

import mpmath
import numpy as np

from . import interactions, regularizers, row_maps


def of(op, rows):
    """The reference of an Op that is an option, with the options bound to it."""
    function = op.forward if isinstance(op.forward, functools.partial) else functools.partial(op.forward)
    home = next(home for home in (row_maps, interactions, regularizers) if hasattr(home, function.func.__name__))
    return getattr(home, function.func.__name__)(*rows, **function.keywords)


def gather(table, ids):
    """``table[ids]``."""
    return np.array([table[i] for i in ids.ravel()]).reshape(*ids.shape, *table.shape[1:])


def transform(rows, *, normalizer=None, mask=None):
    """The normalizer of each row, times the mask."""
    if normalizer is not None:
        rows = np.array([of(normalizer, (row,)) for row in rows])
    return rows if mask is None else rows * np.array([[mpmath.mpf(float(m)) for m in row] for row in mask])


def lookup(table, ids, *, normalizer=None, mask=None):
    """`transform` of the rows that `ids` name."""
    return transform(gather(table, ids), normalizer=normalizer, mask=mask)


def penalty(table, ids, *, regularizer, normalizer=None):
    """The regularizer of the rows that `ids` name."""
    return of(regularizer, (lookup(table, ids, normalizer=normalizer),))


def score(entities, relations, h, r, t, *, interaction):
    """The interaction of each triple's rows."""
    rows = zip(gather(entities, h), gather(relations, r), gather(entities, t), strict=True)
    return np.array([of(interaction, three) for three in rows])


def embedding_bag(table, ids, offsets=None, weights=None, *, mode="mean"):
    """The sum, the mean or the columnwise maximum of the rows of each bag, a row of `ids`."""
    pooled = []
    for i, bag in enumerate(ids):
        rows = [table[j] if weights is None else weights[i, k] * table[j] for k, j in enumerate(bag)]
        total = rows[0] if mode != "max" else np.array([max(column) for column in zip(*rows, strict=True)])
        for row in rows[1:] if mode != "max" else ():
            total = total + row
        pooled.append(total / len(rows) if mode == "mean" else total)
    return np.array(pooled)


def low_rank(weights, bases):
    """``sum_k weights[i, k] bases[k]``."""
    return np.array([sum((w * base for w, base in zip(row[1:], bases[1:], strict=True)), row[0] * bases[0]) for row in weights])


def concat(*xs):
    """The rows side by side."""
    return np.concatenate(xs, axis=-1)


def add(*xs):
    """``sum_i x_i``."""
    return sum(xs[1:], xs[0])


def multiply(*xs):
    """``prod_i x_i``."""
    return functools.reduce(lambda x, y: x * y, xs)
