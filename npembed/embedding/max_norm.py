"""torch's ``max_norm``: rows that are too long are shortened in the table itself, before they are looked up."""

import math

import numpy as np

from .. import check
from ..numerics.precision import compute_dtype, to_float64
from .row_maps import clamp_norm, norm


@check.public
def renorm_(table, ids, *, max_norm, norm_type=2.0, compat=None):
    """Bring the rows that `ids` name, and no others, to length `max_norm` where they are longer: ``x max_norm / |x|_p``.

    A constrainer for the rows about to be looked up. Rows within the bound stay as they are, to the bit; none is left with a norm
    beyond it, so that a second call finds nothing to do. With ``compat="torch"`` it is torch's ``x max_norm / (|x|_p + 1e-7)``,
    which falls short of the bound by some 1e-7. A row with a NaN has no length and stays; one with an infinite entry ends as NaN
    there, zero elsewhere.

    Not differentiated: the gradient of a lookup that follows is the one at the new rows, as if they had always been there. That
    is intentionally not the gradient of the two together; for that take ``normalizer="clamp_norm"``.

    Parameters
    ----------
    table : ndarray (N, *shape), C-contiguous, writable
        The norm is that of all the numbers of a row.
    ids : integers of any shape, each in ``0..N-1``
    max_norm : float >= 0
    norm_type : float in [1, inf], the p of the norm
    compat : None or "torch"

    Raises
    ------
    IndexError, TypeError, ValueError
        Before anything is written: an id outside the table leaves all of it as it was (torch has written the valid ones by then).

    References
    ----------
    torch.nn.functional.embedding (2.13), ``max_norm``.

    Examples
    --------
    >>> table = np.array([[3.0, 4.0], [30.0, 40.0], [0.3, 0.4]])
    >>> renorm_(table, [0, 2, 0], max_norm=1)
    >>> table
    array([[ 0.6,  0.8],
           [30. , 40. ],
           [ 0.3,  0.4]])
    """
    check.table("renorm_", table)
    ids = check.ids("renorm_", ids, len(table))
    max_norm = check.real("renorm_", "max_norm", max_norm, minimum=0)
    norm_type = check.real("renorm_", "norm_type", norm_type, minimum=1, finite=False)
    check.choice("renorm_", "compat", compat, (None, "torch"))
    check.writable("renorm_", "table", table)
    touched = np.unique(ids)
    rows = table[touched].reshape(len(touched), math.prod(table.shape[1:]))
    with np.errstate(invalid="ignore"):  # infinity over infinity, infinity times zero
        rows = (_as_torch if compat == "torch" else _within)(rows, max_norm, norm_type)
    table[touched] = rows.reshape(len(touched), *table.shape[1:])


def _as_torch(rows, max_norm, p):
    """`rows`, the longer ones scaled by ``max_norm / (length + 1e-7)``."""
    lengths = norm(to_float64(rows), p=p)[:, None]
    return np.where(lengths > max_norm, rows * (max_norm / (lengths + 1e-7)).astype(compute_dtype(rows.real.dtype)), rows)


def _within(rows, max_norm, p):
    """`rows`, the longer ones projected onto the ball; those with a NaN have no length."""
    return np.where(np.isnan(rows).any(axis=1, keepdims=True), rows, clamp_norm(rows, maxnorm=max_norm, p=p))
