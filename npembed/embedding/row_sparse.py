"""`RowSparse`: the gradient of a table, as the rows that were looked up and what each of them gets."""

from dataclasses import dataclass

import numpy as np

from .. import check
from ..numerics.precision import compute_dtype, to_compute_dtype


@check.public
@dataclass(frozen=True, eq=False, repr=False)
class RowSparse:
    """The gradient of a table: the rows that were touched, each once, and what is to be added to each.

    Parameters
    ----------
    rows : int64 (n,), strictly increasing, each in ``0..num_rows-1``
    values : ndarray (n, *shape)
    num_rows : int, N of the table

    Examples
    --------
    >>> gradient = RowSparse(np.array([0, 2]), np.array([[1.0], [2.0]]), num_rows=3)
    >>> (2 * gradient + gradient).to_dense()
    array([[3.],
           [0.],
           [6.]])
    """

    rows: np.ndarray
    values: np.ndarray
    num_rows: int

    __array_ufunc__ = None  # so that np.float32(2) * gradient reaches __rmul__

    def __post_init__(self):
        check.integer("RowSparse", "num_rows", self.num_rows, minimum=0, maximum=check.LARGEST)
        rows = check.ids("RowSparse", self.rows, self.num_rows, "rows")
        check.table("RowSparse", self.values, "values")
        if rows.ndim != 1 or len(rows) != len(self.values):
            raise ValueError(
                f"RowSparse: rows has shape {rows.shape} and values {self.values.shape}; allowed: one row number for each value"
            )
        falls = np.flatnonzero(rows[1:] <= rows[:-1])
        if falls.size:
            i = int(falls[0]) + 1
            raise ValueError(f"RowSparse: rows[{i}] = {rows[i]} follows {rows[i - 1]}; allowed: strictly increasing rows")
        rows.flags.writeable = False
        object.__setattr__(self, "rows", rows)

    @property
    def shape(self):
        """The shape of the table, ``(N, *shape)``."""
        return (self.num_rows, *self.values.shape[1:])

    @property
    def dtype(self):
        """The dtype of the values, and of the table."""
        return self.values.dtype

    def to_dense(self):
        """The same gradient as an array ``(N, *shape)``, zero where no row was touched."""
        dense = check.zeros("RowSparse.to_dense", "shape", self.shape, self.dtype)
        dense[self.rows] = self.values
        return dense

    def to_coo(self, coalesced=True):
        """``(indices, values)``, int64 (1, n) and (n, *shape), copies: what ``torch.sparse_coo_tensor`` takes, with `shape`.

        Coalesced always: one entry for each row. A sum no longer knows the entries in the order of the lookups, with repeats.
        """
        check.choice("RowSparse.to_coo", "coalesced", coalesced, (True,))
        return self.rows[None].copy(), self.values.copy()

    def to_scipy(self):
        """The same gradient as a ``scipy.sparse.csr_array`` (N, D), for tables of vectors."""
        from scipy import sparse

        if self.values.ndim != 2:
            raise ValueError(f"RowSparse.to_scipy: shape is {self.shape}; allowed: two axes, a table (N, D)")
        width = self.values.shape[1]
        columns = np.tile(np.arange(width), len(self.rows))
        starts = np.zeros(self.num_rows + 1, np.int64)
        starts[self.rows + 1] = width
        return sparse.csr_array((self.values.reshape(-1), columns, np.cumsum(starts)), shape=self.shape, copy=True)

    def __add__(self, other):
        """The sum: where both have a row, ``self + other``; one alone is kept as it is."""
        if not isinstance(other, RowSparse):
            return NotImplemented
        if other.shape != self.shape or other.dtype != self.dtype:
            raise ValueError(
                f"RowSparse: {self.dtype} {self.shape} + {other.dtype} {other.shape} is not defined; allowed: gradients of one table"
            )
        rows = np.union1d(self.rows, other.rows)
        values = -np.zeros((len(rows), *self.shape[1:]), self.dtype)  # -0 + x is x to the bit, of a zero too
        values[np.searchsorted(rows, self.rows)] = self.values
        values[np.searchsorted(rows, other.rows)] += other.values
        return RowSparse(rows, values, self.num_rows)

    def _number(self, scale):
        """`scale` in the dtype of the values, or None if it is no number."""
        if np.ndim(scale) or not (type(scale) is int or np.asarray(scale).dtype.kind in "iufc"):  # of any number of digits
            return None
        if np.iscomplexobj(scale) and not np.iscomplexobj(self.values):
            raise TypeError(f"RowSparse: {scale!r} * {self.dtype} is not defined; allowed: a real number for real values")
        return check.fits("RowSparse", "scale", scale, compute_dtype(self.dtype))

    def _with(self, values):
        """A gradient of the same rows and dtype."""
        return RowSparse(self.rows, values.astype(self.dtype, copy=False), self.num_rows)

    def __mul__(self, scale):
        """Every value times a number, in the dtype of the values (of float16 in float32, rounded once)."""
        number = self._number(scale)
        return NotImplemented if number is None else self._with(to_compute_dtype(self.values) * number)

    __rmul__ = __mul__

    def __truediv__(self, scale):
        """Every value divided by a number, likewise."""
        number = self._number(scale)
        return NotImplemented if number is None else self._with(to_compute_dtype(self.values) / number)

    def __neg__(self):
        """Every value with its sign changed."""
        return RowSparse(self.rows, -self.values, self.num_rows)

    def __repr__(self):
        return f"RowSparse(rows={self.rows.tolist()}, values={self.dtype} {self.values.shape}, num_rows={self.num_rows})"
