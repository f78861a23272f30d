"""Optimizers write: one step down the gradient, in place, on the rows that have one."""

import numpy as np

from . import check
from .op import wide
from .rows import RowSparse


def sgd_(table, gradient, *, lr):
    """Take one step of gradient descent: ``table[rows] -= lr * values``; rows without a gradient are not read.

    `lr` is rounded to the table's dtype. In float32 product and difference are rounded once, together, as torch's fused
    multiply-add does; in float64 each is rounded.

    Parameters
    ----------
    table : ndarray (N, *shape), C-contiguous, writable
    gradient : RowSparse of that table, or dense ndarray like it
    lr : float >= 0, the learning rate

    Raises
    ------
    ValueError, TypeError
        Before anything is written: a gradient of another shape or dtype, a negative or NaN `lr`, a read-only table.

    References
    ----------
    Robbins and Monro, A stochastic approximation method (Ann. Math. Statist. 22, 1951); torch.optim.SGD.

    Examples
    --------
    >>> table = np.array([[1.0], [2.0]])
    >>> sgd_(table, RowSparse(np.array([1]), np.array([[10.0]]), num_rows=2), lr=0.1)
    >>> table
    array([[1.],
           [1.]])
    """
    check.table("sgd_", table)
    lr = check.fits("sgd_", "lr", check.real("sgd_", "lr", lr, minimum=0), table.real.dtype)
    if isinstance(gradient, RowSparse):
        if gradient.shape != table.shape or gradient.dtype != table.dtype:
            found = f"{gradient.dtype} {gradient.shape}"
            raise ValueError(f"sgd_: gradient is of a {found} table; allowed: {table.dtype} {table.shape}, those of table")
        rows, values = gradient.rows, gradient.values
    else:
        rows, values = np.arange(len(table)), check.like("sgd_", "gradient", gradient, table.shape, table.dtype, "table")
    check.writable("sgd_", "table", table, ("gradient", values))
    table[rows] = wide(table[rows]) - wide(np.asarray(lr)) * wide(values)
