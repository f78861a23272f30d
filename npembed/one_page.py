"""An embedding layer on one page of NumPy, with both places for a norm. Run it: ``python -m npembed.one_page``."""

import numpy as np


def scatter_add(g, ids, num_rows):
    """The transpose of a lookup: each row of g is added to the row that it was copied from."""
    dtable = np.zeros((num_rows, *g.shape[1:]))
    np.add.at(dtable, ids, g)  # an id that occurs twice gets both
    return dtable


def normalize(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def normalize_vjp(g, x):
    """The transpose of the derivative of normalize: what g has along the row is gone, the rest is divided by the length."""
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    u = x / length
    return (g - u * (u * g).sum(axis=-1, keepdims=True)) / length


def step_with_normalizer(table, ids, target, lr):
    rows = table[ids]  # forward: look up,
    out = normalize(rows)  # ... and normalize, inside
    g = out - target  # the gradient of the loss |out - target|^2 / 2
    drows = normalize_vjp(g, rows)  # backward: through the norm,
    return table - lr * scatter_add(drows, ids, len(table))  # ... to the table; SGD


def step_with_constrainer(table, ids, target, lr):
    out = table[ids]  # forward: look up, no more
    g = out - target
    table = table - lr * scatter_add(g, ids, len(table))  # backward and SGD know of no norm
    return normalize(table)  # afterwards, outside: put every row back


if __name__ == "__main__":
    table, ids = np.array([[0.6, 0.8], [1.0, 0.0], [0.0, 1.0]]), np.array([0, 2, 0])
    target = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, -1.0]])
    for step in (step_with_normalizer, step_with_constrainer):
        after = step(table, ids, target, lr=0.1)
        print(step.__name__, "-> rows of length", np.linalg.norm(after, axis=1).round(4))
