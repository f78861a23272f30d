"""Gradients that are another function's on purpose: what an embedding layer's options make of them.

An intention makes, of a forward pass and the arguments of the call, the function whose gradient is meant instead: at these arguments
it has the same derivatives but for what the option changes.
"""

import numpy as np

from ... import check


@check.public
def padding(row, argument=0):
    """The gradient stops at a row (``padding_idx``): it is looked up like any other, and its gradient is zero.

    Parameters
    ----------
    row : int
        Which row of the table.
    argument : int
        Which argument is the table.

    Returns
    -------
    function
        For `judge`: ``intentional={"padding_idx": padding(0)}``.

    Examples
    --------
    >>> table = np.ones((2, 3))
    >>> stopped = padding(0)(lambda table: table.sum(), (table,))
    >>> float(stopped(table + [[5.0], [0.0]])), float(stopped(table + [[0.0], [5.0]]))
    (6.0, 21.0)
    """
    check.integer("padding", "row", row)
    check.integer("padding", "argument", argument, minimum=0)

    def intend(forward, args):
        keep = np.ones(len(args[argument]), bool)
        keep[row] = False
        return _slowed(forward, args, argument, keep)

    return intend


@check.public
def scaled_by_frequency(ids, argument=0):
    """The gradient of each row is divided by how often `ids` names it (``scale_grad_by_freq``).

    Parameters
    ----------
    ids : integers of any shape
        What is looked up.
    argument : int
        Which argument is the table.

    Returns
    -------
    function
        For `judge`: ``intentional={"scale_grad_by_freq": scaled_by_frequency(ids)}``.

    Examples
    --------
    >>> table, ids = np.ones((2, 1)), np.array([0, 1, 1, 1])
    >>> divided = scaled_by_frequency(ids)(lambda table: table[ids].sum(), (table,))
    >>> float(divided(table + [[0.0], [3.0]]) - divided(table))
    3.0
    """
    check.integer("scaled_by_frequency", "argument", argument, minimum=0)

    def intend(forward, args):
        rows = check.ids("scaled_by_frequency", ids, len(args[argument]))
        counts = np.bincount(rows.ravel(), minlength=len(args[argument]))
        return _slowed(forward, args, argument, 1 / np.maximum(counts, 1))

    return intend


@check.public
def without(forward):
    """The gradient is that of another function: the forward pass without ``max_norm``, or without a constrainer, say.

    Parameters
    ----------
    forward : function
        It is called as the judged one is.

    Returns
    -------
    function
        For `judge`: ``intentional={"max_norm": without(table_lookup)}``.

    Examples
    --------
    >>> without(np.cos)(np.sin, (0.0,))
    <ufunc 'cos'>
    """
    if not callable(forward):
        raise TypeError(f"without: forward is a {type(forward).__name__}; allowed: a function")
    return lambda judged, args: forward


def _slowed(forward, args, argument, speeds):
    """`forward` with every row of one argument moving from where it is at its own speed, which scales its derivatives by that."""
    start = args[argument].copy()
    speeds = np.asarray(speeds).reshape(-1, *[1] * (start.ndim - 1))

    def slowed(*moved, **options):
        x = np.where(moved[argument] == start, start, start + speeds * (moved[argument] - start)).astype(start.dtype)
        return forward(*moved[:argument], x, *moved[argument + 1 :], **options)

    return slowed
