"""Hostile calls of gather, gather_vjp, segment_add_ and RowSparse."""

import numpy as np

from npembed import RowSparse
from npembed.embedding.rows import gather, gather_vjp, segment_add_, take

from . import answered, refused

ALLOWED = "allowed: int8 to int64 and uint8 to uint32"
DTYPES = "allowed: float32, float64, complex64, complex128 or float16"
BIG = 2**63


def added(table, ids, g):
    """What the rows of a table get, row after row."""
    rows = sorted({int(i) for i in ids})
    sums = np.zeros((len(rows), *g.shape[1:]), g.dtype)
    for i, row in enumerate(ids):
        sums[rows.index(int(row))] = sums[rows.index(int(row))] + g[i]
    return [np.array(rows, np.int64), sums]


def parts(gradient):
    """Rows and values of a RowSparse."""
    return [gradient.rows, gradient.values]


def backward(table, ids, g, **options):
    """Rows and values of a gradient."""
    return parts(gather_vjp(g, table, ids, **options))


def written(table, ids, values, **options):
    """The table, after values were added to it."""
    segment_add_(table, ids, values, **options)
    return table


def one_by_one(table, ids, values):
    """The table, after each row of values was added by itself."""
    out = np.array(table)
    for i, value in zip(ids, values, strict=True):
        out[i] = out[i] + value
    return out


class Lies:
    """An array-like that is not what it says."""

    def __array__(self, dtype=None, copy=None):
        return np.array([0.5, 1.5])


class Raises:
    """An array-like that breaks when it is looked at."""

    def __array__(self, dtype=None, copy=None):
        raise ValueError("no array today")


def cyclic():
    """A list that holds itself."""
    found = [0]
    found.append(found)
    return found


def deep():
    """Lists in lists, deeper than an array may have axes."""
    found = 0
    for _ in range(100):
        found = [found]
    return found


IDS = [
    (
        "below zero, in the middle",
        lambda w: np.array([[0, 1], [-1, 2]]),
        IndexError,
        r"ids\[1, 0\] = -1 is outside a table of 6 rows",
    ),
    ("one too far", lambda w: np.array([6]), IndexError, r"ids\[0\] = 6 is outside a table of 6 rows; valid ids are 0..5"),
    ("10**10", lambda w: [10**10], IndexError, r"ids\[0\] = 10000000000 is outside"),
    ("the smallest int64", lambda w: np.array([-BIG]), IndexError, r"ids\[0\] = -9223372036854775808 is outside"),
    ("the largest int64", lambda w: np.array(BIG - 1), IndexError, r"ids = 9223372036854775807 is outside"),
    ("int8 below zero", lambda w: np.array([-128], np.int8), IndexError, r"ids\[0\] = -128 is outside"),
    ("the largest uint32", lambda w: np.array([2**32 - 1], np.uint32), IndexError, r"ids\[0\] = 4294967295 is outside"),
    ("2**63 in a list", lambda w: [BIG], TypeError, r"ids\[0\] = 9223372036854775808 has dtype uint64; " + ALLOWED),
    ("2**64 in a list", lambda w: [1, 2 * BIG], TypeError, r"ids\[[01]\] = \d+ has dtype object; " + ALLOWED),
    ("uint64", lambda w: np.array([1], np.uint64), TypeError, r"ids\[0\] = 1 has dtype uint64; " + ALLOWED),
    ("bool", lambda w: np.array([True, False]), TypeError, r"ids\[0\] = True has dtype bool; " + ALLOWED),
    ("a bool among ints", lambda w: [1, True], TypeError, r"ids\[1\] = True has dtype bool; " + ALLOWED),
    ("float", lambda w: np.array([1.0]), TypeError, r"ids\[0\] = 1.0 has dtype float64; " + ALLOWED),
    ("NaN", lambda w: np.array([np.nan]), TypeError, r"ids\[0\] = nan has dtype float64; " + ALLOWED),
    ("complex", lambda w: np.array([1j]), TypeError, r"ids\[0\] = 1j has dtype complex128; " + ALLOWED),
    ("float16", lambda w: np.array([1], np.float16), TypeError, r"ids\[0\] = 1.0 has dtype float16; " + ALLOWED),
    ("words", lambda w: ["a", "b"], TypeError, r"ids\[0\] = 'a' has dtype <U1; " + ALLOWED),
    ("bytes", lambda w: b"12", TypeError, r"ids = b'12' has dtype \|S2; " + ALLOWED),
    (
        "dates",
        lambda w: np.array(["2026-01-01"], "M8[D]"),
        TypeError,
        r"ids\[0\] = datetime.date.* has dtype datetime64\[D\]; " + ALLOWED,
    ),
    ("spans of time", lambda w: np.array([1], "m8[s]"), TypeError, r"ids\[0\] = .* has dtype timedelta64\[s\]; " + ALLOWED),
    ("objects", lambda w: np.array([0, 1], object), TypeError, r"ids(\[0\])? = .* has dtype object; " + ALLOWED),
    ("None", lambda w: None, TypeError, r"ids = None has dtype object; " + ALLOWED),
    ("a None among ints", lambda w: [0, None], TypeError, r"ids\[1\] = None has dtype object; " + ALLOWED),
    ("of 5000 digits", lambda w: [10**5000], TypeError, r"ids\[0\] = a number of 16610 bits has dtype object"),
    ("of 40 axes", lambda w: np.zeros((1,) * 40, int), ValueError, "ids has 40 axes; allowed: up to 32"),
    ("ragged", lambda w: [[0], [1, 2]], ValueError, r"ids = \[\[0\], \[1, 2\]\] is ragged; allowed: an array of integers"),
    ("a set", lambda w: {0}, TypeError, r"ids = \{0\} has dtype object; " + ALLOWED),
    ("a dict", lambda w: {0: 1}, TypeError, r"ids = \{0: 1\} has dtype object; " + ALLOWED),
    ("a generator", lambda w: (i for i in [0]), TypeError, r"ids = <generator .* has dtype object; " + ALLOWED),
    ("a slice", lambda w: slice(0, 2), TypeError, r"ids = slice\(0, 2, None\) has dtype object; " + ALLOWED),
    ("an ellipsis", lambda w: ..., TypeError, r"ids = Ellipsis has dtype object; " + ALLOWED),
    ("a record", lambda w: np.zeros(2, [("i", int)]), TypeError, r"ids\[0\] = \(0,\) has dtype \[\('i', '<i8'\)\]; " + ALLOWED),
    ("an array-like of floats", lambda w: Lies(), TypeError, r"ids\[0\] = 0.5 has dtype float64; " + ALLOWED),
    (
        "an array-like that breaks",
        lambda w: Raises(),
        TypeError,
        r"ids is a Raises that NumPy cannot read \(ValueError: no array today\)",
    ),
    ("a list that holds itself", lambda w: cyclic(), ValueError, "ids = .* is ragged"),
    ("a list of a hundred lists", lambda w: deep(), ValueError, "ids = .* is ragged"),
    ("masked", lambda w: np.ma.array([0, 1], mask=[False, True]), TypeError, "ids is a MaskedArray; allowed: .*without a mask"),
    ("in the other byte order", lambda w: _swapped(w.ids), TypeError, r"ids\[0\] = 0 has dtype [<>]i8; " + ALLOWED),
]

GOOD_IDS = [
    ("none", lambda w: []),
    ("of no axes", lambda w: np.array(3)),
    ("uint8", lambda w: np.array([5, 0], np.uint8)),
    ("reversed", lambda w: np.array([5, 0, 1, 1])[::-1]),
    ("every second", lambda w: np.array([5, 99, 1, 99])[::2]),
    ("one, broadcast", lambda w: np.broadcast_to(np.array([4]), (3, 2))),
    ("in Fortran's order", lambda w: np.asfortranarray(np.array([[0, 1, 2], [3, 4, 5]]))),
    ("of no number, with axes", lambda w: np.empty((0, 3), int)),
    ("misaligned", lambda w: _misaligned_ids()),
    ("read-only", lambda w: _locked(np.array([1, 2]))),
    ("within the table's memory", lambda w: w.ids_within),
    ("a range", lambda w: range(6)),
    ("a subclass", lambda w: np.array([1, 2]).view(type(w.subclass))),
]


def _misaligned_ids():
    found = np.zeros(3 * 8 + 1, np.uint8)[1:].view(np.int64)
    found[:] = [1, 0, 5]
    return found


def _swapped(array):
    return array.astype(array.dtype.newbyteorder())


def _locked(array):
    array.flags.writeable = False
    return array


TABLES = [
    ("whole numbers", lambda w: w.whole, TypeError, "table.dtype = int64 is not supported; " + DTYPES),
    ("bool", lambda w: w.bools, TypeError, "table.dtype = bool is not supported; " + DTYPES),
    ("longdouble", lambda w: w.longdouble, TypeError, "table.dtype = (float128|longdouble) is not supported; " + DTYPES),
    ("structured", lambda w: w.structured, TypeError, "table.dtype = .* is not supported; " + DTYPES),
    ("objects", lambda w: w.objects, TypeError, "table.dtype = object is not supported; " + DTYPES),
    ("the other byte order", lambda w: w.swapped, TypeError, "table.dtype = [<>]f8 is not supported; " + DTYPES),
    ("text", lambda w: np.array(["a"]), TypeError, "table.dtype = <U1 is not supported; " + DTYPES),
    ("no axes", lambda w: np.array(1.0), ValueError, r"table has shape \(\); allowed: 1 or more axes"),
    ("a list", lambda w: [[1.0]], TypeError, "table is a list; allowed: a NumPy array of float32"),
    ("a scalar", lambda w: np.float64(1), TypeError, "table is a float64; allowed: a NumPy array of float32"),
    ("masked", lambda w: w.masked, TypeError, "table is a MaskedArray; allowed: a NumPy array of float32"),
    ("a matrix", lambda w: w.matrix, TypeError, "table is a matrix; allowed: a NumPy array of float32"),
    ("a layer", lambda w: w.layer, TypeError, "table is a Embedding; allowed: a NumPy array of float32"),
    ("a gradient", lambda w: w.gradient, TypeError, "table is a RowSparse; allowed: a NumPy array of float32"),
]

LAYOUTS = ("strided", "reversed", "fortran", "read_only", "repeated", "sliding", "misaligned", "subclass", "nan_rows", "tiny", "huge",
           "half", "single", "cplx", "cube", "thin", "column", "shared")  # fmt: skip

CALLS = [
    *(
        refused("ids", f"gather: ids {n}", lambda w, f=f: gather(w.table, f(w)), error, "gather: " + says)
        for n, f, error, says in IDS
    ),
    *(
        answered(
            "ids",
            f"gather: ids {n}",
            lambda w, f=f: gather(w.shared, f(w)),
            lambda w, f=f: np.array(w.shared[np.asarray(f(w), np.int64)]),
        )
        for n, f in GOOD_IDS
    ),
    *(
        answered(
            "ids",
            f"gather_vjp: ids {n}",
            lambda w, f=f: backward(w.shared, f(w), np.ones((*np.shape(f(w)), 4))),
            lambda w, f=f: added(w.shared, np.ravel(np.asarray(f(w), np.int64)), np.ones((np.size(f(w)), 4))),
        )
        for n, f in GOOD_IDS
    ),
    *(
        refused("ids", f"segment_add_: ids {n}", lambda w, f=f: written(w.table, f(w), w.g[:1]), error, "segment_add_: " + says)
        for n, f, error, says in IDS[:10:3]
    ),
    *(
        refused("dtype", f"gather: a table of {n}", lambda w, f=f: gather(f(w), [0]), error, "gather: " + says)
        for n, f, error, says in TABLES
    ),
    *(
        refused(
            "dtype",
            f"segment_add_: out of {n}",
            lambda w, f=f: written(f(w), [0], w.g[:1]),
            error,
            "segment_add_: " + says.replace("table", "out", 1),
        )
        for n, f, error, says in TABLES[2:13:2]
    ),
    *(
        answered(
            "strides",
            f"gather: a table that is {n}",
            lambda w, n=n: gather(getattr(w, n), w.ids),
            lambda w, n=n: np.array(getattr(w, n))[w.ids],
        )
        for n in LAYOUTS
    ),
    *(
        answered(
            "strides",
            f"gather_vjp: g that is {n}",
            lambda w, n=n: backward(getattr(w, n), [5, 1, 1, 0, 5, 5], getattr(w, n)),
            lambda w, n=n: added(getattr(w, n), [5, 1, 1, 0, 5, 5], np.array(getattr(w, n))),
        )
        for n in LAYOUTS
        if n not in ("half", "huge")
    ),
    *(
        refused(
            "strides",
            f"segment_add_: out that is {n}",
            lambda w, n=n: written(getattr(w, n), w.ids, w.g),
            ValueError,
            f"segment_add_: out {says}",
        )
        for n, says in {
            "strided": r"has strides \(128, 16\); allowed: a C-contiguous array",
            "reversed": r"has strides \(-64, -8\); allowed: a C-contiguous array",
            "fortran": r"has strides \(8, 48\); allowed: a C-contiguous array",
            "sliding": r"has strides \(8, 8\); allowed: a C-contiguous array",
            "read_only": "is read-only; allowed: a writable array",
            "repeated": "is read-only; allowed: a writable array",
        }.items()
    ),
    answered(
        "strides",
        "segment_add_: out that is misaligned",
        lambda w: written(w.misaligned, w.ids, w.g),
        lambda w: one_by_one(w.misaligned, w.ids, w.g),
        writes=("misaligned",),
    ),
    answered(
        "strides",
        "segment_add_: out without numbers",
        lambda w: written(w.thin, [0, 1], np.empty((2, 0))),
        lambda w: np.empty((6, 0)),
    ),
    answered(
        "strides",
        "segment_add_: values broadcast",
        lambda w: written(w.table, w.ids, np.broadcast_to(w.g[0], (4, 4))),
        lambda w: one_by_one(w.table, w.ids, [w.g[0]] * 4),
        writes=("table",),
    ),
    refused(
        "overlap",
        "segment_add_: a table onto itself",
        lambda w: written(w.table, range(6), w.table),
        ValueError,
        "segment_add_: out shares memory with values; allowed: arrays that do not overlap",
    ),
    refused(
        "overlap",
        "segment_add_: a table onto its neighbour",
        lambda w: written(w.front, range(6), w.back),
        ValueError,
        "segment_add_: out shares memory with values",
    ),
    answered(
        "overlap",
        "segment_add_: ids within the table",
        lambda w: written(w.shared, w.ids_within, w.g),
        lambda w: one_by_one(w.shared, w.ids_within, w.g),
        writes=("shared", "ids_within"),
    ),
    answered(
        "overlap",
        "segment_add_: interleaved, but apart",
        lambda w: written(w.back, [0], w.front[:1]),
        lambda w: one_by_one(w.back, [0], w.front[:1]),
        writes=("back", "front", "long"),
    ),
    refused(
        "dtype",
        "segment_add_: values in single",
        lambda w: written(w.table, w.ids, w.g.astype(np.float32)),
        TypeError,
        "segment_add_: values has dtype float32; allowed: float64",
    ),
    refused(
        "shape",
        "segment_add_: values too few",
        lambda w: written(w.table, w.ids, w.g[:3]),
        ValueError,
        r"segment_add_: values has shape \(3, 4\); allowed: \(4, 4\)",
    ),
    refused(
        "shape",
        "gather_vjp: g of rows too long",
        lambda w: backward(w.table, w.ids, np.ones((4, 5))),
        ValueError,
        r"gather_vjp: g has shape \(4, 5\); allowed: \(4, 4\)",
    ),
    refused(
        "dtype",
        "gather_vjp: g a list",
        lambda w: backward(w.table, [0], [[1.0] * 4]),
        TypeError,
        "gather_vjp: g is a list; allowed",
    ),
    refused(
        "dtype",
        "gather_vjp: g masked",
        lambda w: backward(w.table, range(6), w.masked),
        TypeError,
        "gather_vjp: g is a MaskedArray; allowed",
    ),
    refused(
        "options",
        "gather_vjp: summation unknown",
        lambda w: backward(w.table, [0], w.g[:1], summation="wide"),
        ValueError,
        "gather_vjp: summation = 'wide' is not a choice; allowed: 'batch_order', 'float64' or 'exact'",
    ),
    refused(
        "options",
        "gather: backend a list",
        lambda w: gather(w.table, [0], backend=["cpu"]),
        ValueError,
        r"gather: backend = \['cpu'\] is not a choice",
    ),
    refused(
        "empty",
        "gather: an id of an empty table",
        lambda w: gather(w.empty, [0]),
        IndexError,
        r"gather: ids\[0\] = 0 is outside a table of 0 rows",
    ),
    answered("empty", "gather: nothing of an empty table", lambda w: gather(w.empty, []), lambda w: np.empty((0, 4))),
    *(
        answered(
            "NaN",
            f"gather_vjp: {how}, with NaN and infinities",
            lambda w, how=how: backward(w.table, [1, 1, 1, 1, 1, 0], w.nan_rows, summation=how),
            lambda w: added(w.table, [1, 1, 1, 1, 1, 0], w.nan_rows),
        )
        for how in ("batch_order", "float64")
    ),
    *(
        answered(
            "NaN",
            f"gather_vjp: {how}, overflowing",
            lambda w, how=how: backward(w.table[:1], [0, 0], np.full((2, 4), 1.7e308), summation=how),
            lambda w: [np.array([0]), np.full((1, 4), np.inf)],
        )
        for how in ("batch_order", "float64", "exact")
    ),
    answered(
        "NaN",
        "gather_vjp: exact, overflowing on the way",
        lambda w: backward(w.table[:1], [0, 0, 0], np.repeat([[1.7e308], [1.7e308], [-1.7e308]], 4, axis=1), summation="exact"),
        lambda w: [np.array([0]), np.full((1, 4), 1.7e308)],
    ),
    answered(
        "NaN",
        "gather_vjp: exact, subnormal",
        lambda w: backward(w.table[:1], [0] * 6, w.tiny, summation="exact"),
        lambda w: [np.array([0]), np.cumsum(w.tiny, axis=0)[-1:]],
    ),
    answered(
        "strides",
        "gather_vjp: exact, of a subclass",
        lambda w: backward(w.table[:1], [0] * 6, w.subclass * 0 + 1, summation="exact"),
        lambda w: [np.array([0]), np.full((1, 4), 6.0)],
    ),
    answered(
        "strides",
        "take: checks nothing, of a strided table",
        lambda w: take(w.strided, w.ids),
        lambda w: np.array(w.strided)[w.ids],
    ),
    *(
        refused("RowSparse", f"RowSparse: {n}", lambda w, make=make: make(w), error, "RowSparse: " + says)
        for n, make, error, says in (
            (
                "rows that fall",
                lambda w: RowSparse(np.array([2, 1]), w.g[:2], 6),
                ValueError,
                r"rows\[1\] = 1 follows 2; allowed: strictly",
            ),
            (
                "a row twice",
                lambda w: RowSparse(np.array([2, 2]), w.g[:2], 6),
                ValueError,
                r"rows\[1\] = 2 follows 2; allowed: strictly",
            ),
            (
                "a row below zero",
                lambda w: RowSparse(np.array([-1]), w.g[:1], 6),
                IndexError,
                r"rows\[0\] = -1 is outside a table of 6 rows",
            ),
            (
                "a row too far",
                lambda w: RowSparse(np.array([6]), w.g[:1], 6),
                IndexError,
                r"rows\[0\] = 6 is outside a table of 6 rows",
            ),
            ("rows of float", lambda w: RowSparse(np.array([1.0]), w.g[:1], 6), TypeError, r"rows\[0\] = 1.0 has dtype float64"),
            (
                "more rows than values",
                lambda w: RowSparse(np.array([1, 2]), w.g[:1], 6),
                ValueError,
                r"rows has shape \(2,\) and values \(1, 4\)",
            ),
            (
                "rows of two axes",
                lambda w: RowSparse(np.array([[1]]), w.g[:1], 6),
                ValueError,
                r"rows has shape \(1, 1\) and values",
            ),
            ("of 2.0 rows", lambda w: RowSparse(np.array([1]), w.g[:1], 2.0), TypeError, "num_rows = 2.0 is of type float"),
            ("of -1 rows", lambda w: RowSparse(np.array([], int), w.g[:0], -1), ValueError, "num_rows = -1 is out of range"),
            (
                "values of int",
                lambda w: RowSparse(np.array([1]), w.whole[:1], 6),
                TypeError,
                "values.dtype = int64 is not supported",
            ),
            (
                "times a complex number",
                lambda w: w.gradient * 1j,
                TypeError,
                r"1j \* float64 is not defined; allowed: a real number",
            ),
            ("times 10**400", lambda w: w.gradient * 10**400, ValueError, r"scale = 10+ \.\.\. is out of range; allowed: up to"),
            (
                "added to one of another table",
                lambda w: w.gradient + RowSparse(np.array([1]), w.g[:1], 7),
                ValueError,
                r"float64 \(6, 4\) \+ float64 \(7, 4\)",
            ),
        )
    ),
    answered(
        "huge",
        "RowSparse: of 2**62 rows, and no memory of that size",
        lambda w: parts(RowSparse(np.array([2**62 - 1]), w.g[:1], 2**62) * 2),
        lambda w: [np.array([2**62 - 1]), w.g[:1] * 2],
    ),
    refused(
        "huge",
        "RowSparse.to_dense: of 2**62 rows",
        lambda w: RowSparse(np.array([0]), w.g[:1], 2**62).to_dense(),
        ValueError,
        r"RowSparse.to_dense: shape asks for an array of shape \(4611686018427387904, 4\), [\d,]+ bytes; allowed: fewer than",
    ),
    refused(
        "RowSparse",
        "RowSparse.to_coo: not coalesced",
        lambda w: w.gradient.to_coo(coalesced=False),
        ValueError,
        "RowSparse.to_coo: coalesced = False",
    ),
]
