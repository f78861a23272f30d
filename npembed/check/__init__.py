"""Argument checks, and every error message of the package.

A message reads ``<function>: <argument> <fact>; <what is allowed>``, with the offending value and where it stands:
``gather: ids[2, 0] = 17 is outside a table of 10 rows; valid ids are 0..9``. Everything is checked before the first write, so
that a refused call leaves its arguments as they were, and before a kernel sees it, since kernels check nothing.

Each check takes the name of the calling function first and returns the checked value, converted where that loses nothing.
"""

from . import files
from .arrays import (
    ID_DTYPES,
    TABLE_DTYPES,
    array,
    axes,
    batch,
    columns,
    dims,
    ids,
    like,
    mask,
    numbers_in,
    op,
    position,
    readable,
    rows,
    table,
    triples,
    writable,
    zeros,
)
from .public import public
from .returned import gradients, number
from .values import (
    LARGEST,
    UnknownNameError,
    choice,
    cotangent,
    dtype,
    escaped,
    fits,
    integer,
    keywords,
    names,
    options,
    order,
    real,
    said,
    shape,
    unknown,
)

__all__ = [
    "ID_DTYPES", "LARGEST", "TABLE_DTYPES", "UnknownNameError", "array", "axes", "batch", "choice", "columns", "cotangent",
    "dims", "dtype", "escaped", "files", "fits", "gradients", "ids", "integer", "keywords", "like", "mask", "names", "number",
    "numbers_in", "op", "options", "order", "position", "public", "readable", "real", "rows", "said", "shape", "table", "triples",
    "unknown", "writable", "zeros",
]  # fmt: skip
