"""Rows: look up, send back, add. The oracles are loops, `np.add.at` and the one-hot product."""

import hashlib

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npembed.embedding import rows
from npembed.embedding.rows import RowSparse, gather, gather_vjp, segment_add_

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]
ID_DTYPES = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"]
ROW_SHAPES = [(), (0,), (1,), (3,), (2, 3), (2, 0, 2)]
IDS = {
    "none": [],
    "one": [2],
    "a single id": 5,
    "first and last": [0, 5, 0, 5],
    "all equal": [4] * 7,
    "falling": [5, 4, 3, 2, 1, 0],
    "repeats": [[3, 0, 3], [1, 5, 3]],
    "three axes": [[[0], [5]], [[5], [2]]],
    "none, two axes": np.zeros((2, 0), np.int64),
}


def digest(*arrays):
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@pytest.mark.parametrize("backend", ["cpu", "python"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", ROW_SHAPES, ids=str)
@pytest.mark.parametrize("ids", IDS.values(), ids=IDS.keys())
def test_forward_and_backward(ids, shape, dtype, backend):
    """Same bits as a loop, as `np.add.at`, and, to rounding, as the one-hot product; the inputs stay as they are."""
    rng = np.random.default_rng(1)
    table, where = naive.uneven(rng, (6, *shape), dtype), np.asarray(ids, np.int64)
    g = naive.uneven(rng, where.shape + shape, dtype)
    before = digest(table, where, g)

    out = gather(table, ids, backend=backend)
    assert naive.same_bits(out, naive.gather(table, where))
    assert not np.shares_memory(out, table)

    gradient = gather_vjp(g, table, ids, backend=backend)
    assert isinstance(gradient, RowSparse)
    assert gradient.rows.tolist() == sorted(set(where.ravel().tolist()))
    assert gradient.shape == table.shape
    assert gradient.dtype == table.dtype
    expected = np.zeros_like(table)
    np.add.at(expected, where, g)
    assert naive.same_bits(gradient.to_dense(), expected)
    flat = g.reshape(where.size, int(np.prod(shape)))
    product = (naive.one_hot(where, 6).T @ flat).reshape(table.shape)
    np.testing.assert_allclose(gradient.to_dense(), product, rtol=1e-4, atol=1e-2)  # uneven() reaches 2e4: 2e4 * 1e-7

    sum_ = table.copy()
    segment_add_(sum_, ids, g, backend=backend)
    assert naive.same_bits(sum_, naive.scatter_add(table, where, g))
    np.add.at(expected := table.copy(), where, g)
    assert naive.same_bits(sum_, expected)
    assert digest(table, where, g) == before


@settings(max_examples=150)
@given(data=st.data())
def test_any_layout(folder, data):
    """Strided, Fortran, reversed, read-only, memory-mapped and unaligned arrays give the bits of contiguous ones."""
    dtype = data.draw(st.sampled_from(DTYPES))
    n = data.draw(st.integers(0, 6))
    shape = data.draw(st.sampled_from(ROW_SHAPES))
    ids_shape = data.draw(st.sampled_from([(), (0,), (1,), (5,), (2, 3), (2, 0), (2, 1, 2)] if n else [(0,), (2, 0)]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    table, g = naive.uneven(rng, (n, *shape), dtype), naive.uneven(rng, ids_shape + shape, dtype)
    ids = rng.integers(0, n, ids_shape).astype(data.draw(st.sampled_from(ID_DTYPES))) if n else np.zeros(ids_shape, np.int64)
    placed = naive.laid_out(table, data.draw(st.sampled_from(naive.LAYOUTS)), folder)
    placed_g = naive.laid_out(g, data.draw(st.sampled_from(naive.LAYOUTS)), folder) if g.ndim else g
    placed_ids = naive.laid_out(ids, data.draw(st.sampled_from(naive.LAYOUTS)), folder) if ids.ndim else ids

    out = gather(placed, placed_ids)
    assert naive.same_bits(out, naive.gather(table, ids))
    assert out.flags.writeable
    assert not np.shares_memory(out, placed)
    dense = gather_vjp(placed_g, placed, placed_ids).to_dense()
    assert naive.same_bits(dense, naive.scatter_add(np.zeros_like(table), ids, g))
    target = table.copy()
    segment_add_(target, placed_ids, placed_g)
    assert naive.same_bits(target, naive.scatter_add(table, ids, g))


def test_segment_add_onto_unaligned_rows(folder):
    """C-contiguous and writable is enough: what the kernel cannot write to directly is written all the same."""
    out = naive.laid_out(np.ones((3, 2)), "unaligned", folder)
    assert out.flags.c_contiguous
    assert out.flags.writeable
    assert not out.flags.aligned
    segment_add_(out, [2, 2], np.array([[1.0, 2.0], [10.0, 20.0]]))
    assert out.tolist() == [[1.0, 1.0], [1.0, 1.0], [12.0, 23.0]]


def test_results_are_plain_arrays(folder):
    table = naive.laid_out(np.ones((3, 2)), "memmap", folder)
    assert isinstance(table, np.memmap)
    assert type(gather(table, [0, 2])) is np.ndarray
    assert type(gather(np.array(table), [0, 2])) is np.ndarray
    assert type(gather_vjp(table, table, [0, 2, 2]).values) is np.ndarray


@pytest.mark.parametrize("dtype", ID_DTYPES)
def test_every_id_dtype_is_accepted(dtype):
    """Also where the table has more rows than the dtype has numbers."""
    table = np.arange(300.0).reshape(300, 1)
    largest = min(np.iinfo(dtype).max, 299)
    ids = np.array([0, largest, largest], dtype)
    assert gather(table, ids).ravel().tolist() == [0, largest, largest]
    assert gather_vjp(np.array([[1.0], [2.0], [4.0]]), table, ids).rows.tolist() == [0, largest]
    out = table.copy()
    segment_add_(out, ids, np.array([[1.0], [2.0], [4.0]]))
    assert out[largest, 0] == largest + 6
    assert out[0, 0] == 1


def test_nested_lists_and_empty_lists_are_ids():
    table = np.arange(6.0).reshape(3, 2)
    assert gather(table, [[0, 2]]).tolist() == [[[0.0, 1.0], [4.0, 5.0]]]
    assert gather(table, []).shape == (0, 2)
    assert gather(table, [[], []]).shape == (2, 0, 2)
    assert gather(table, 2).tolist() == [4.0, 5.0]
    assert len(gather_vjp(np.zeros((0, 2)), table, []).rows) == 0


def refusing(call):
    """gather, gather_vjp and segment_add_ on the same table and ids, by name."""
    table = np.arange(20.0).reshape(10, 2)

    def values(ids):
        return np.ones((*np.shape(ids), 2))

    return table, {
        "gather": lambda ids: gather(table, ids),
        "gather_vjp": lambda ids: gather_vjp(values(ids), table, ids),
        "segment_add_": lambda ids: segment_add_(table, ids, values(ids)),
    }[call]


@pytest.mark.parametrize("call", ["gather", "gather_vjp", "segment_add_"])
@pytest.mark.parametrize(
    ("ids", "error", "said"),
    [
        ([[0, 1], [2, 3], [17, 1]], IndexError, "ids[2, 0] = 17 is outside a table of 10 rows; valid ids are 0..9"),
        ([0, 10], IndexError, "ids[1] = 10 is outside a table of 10 rows; valid ids are 0..9"),
        ([0, -1], IndexError, "ids[1] = -1 is outside a table of 10 rows; valid ids are 0..9"),
        (np.array([3, -1], np.int8), IndexError, "ids[1] = -1 is outside a table of 10 rows; valid ids are 0..9"),
        (np.array([2**32 - 1], np.uint32), IndexError, "ids[0] = 4294967295 is outside a table of 10 rows; valid ids are 0..9"),
        (np.array([2**62]), IndexError, f"ids[0] = {2**62} is outside a table of 10 rows; valid ids are 0..9"),
        (12, IndexError, "ids = 12 is outside a table of 10 rows; valid ids are 0..9"),
        ([True, False], TypeError, "has dtype bool; allowed: int8 to int64 and uint8 to uint32"),
        ([1.0, 2.0], TypeError, "has dtype float64; allowed: int8 to int64 and uint8 to uint32"),
        (np.array([1], np.uint64), TypeError, "has dtype uint64; allowed: int8 to int64 and uint8 to uint32"),
        (np.array([], np.float32), TypeError, "ids has dtype float32; allowed: int8 to int64 and uint8 to uint32"),
        ([2**70], TypeError, "has dtype object; allowed: int8 to int64 and uint8 to uint32"),
        (["1"], TypeError, "allowed: int8 to int64 and uint8 to uint32"),
    ],
    ids=str,
)
def test_bad_ids_are_refused_with_value_position_and_size(call, ids, error, said):
    table, function = refusing(call)
    before = digest(table)
    with pytest.raises(error) as caught:
        function(ids)
    assert str(caught.value).startswith(f"{call}: ")
    assert said in str(caught.value)
    assert digest(table) == before


def test_the_empty_table_has_no_valid_id():
    table = np.zeros((0, 3), np.float32)
    assert gather(table, []).shape == (0, 3)
    assert gather_vjp(np.zeros((0, 3), np.float32), table, []).to_dense().shape == (0, 3)
    segment_add_(table, [], np.zeros((0, 3), np.float32))
    with pytest.raises(IndexError, match=r"^gather: ids\[0\] = 0 is outside a table of 0 rows; it has no valid id$"):
        gather(table, [0])


TABLE = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: gather([[1.0]], [0]), TypeError, "gather: table is a list"),
        (lambda: gather(np.array(1.0), [0]), ValueError, "gather: table has shape ()"),
        (lambda: gather(np.zeros((3, 2), np.int64), [0]), TypeError, "gather: table.dtype = int64"),
        (lambda: gather(np.zeros((3, 2), ">f2"), [0]), TypeError, "gather: table.dtype = >f2"),
        (lambda: gather(np.zeros((3, 2), ">f4"), [0]), TypeError, "gather: table.dtype = >f4"),
        (lambda: gather(TABLE, [0], backend="gpu"), ValueError, "gather: backend = 'gpu' is not a choice"),
        (lambda: gather_vjp(np.zeros((1, 3)), TABLE, [0]), ValueError, "gather_vjp: g has shape (1, 3); allowed: (1, 2)"),
        (lambda: gather_vjp(np.zeros(2), TABLE, [0]), ValueError, "gather_vjp: g has shape (2,); allowed: (1, 2)"),
        (lambda: gather_vjp(np.zeros((1, 2), np.float32), TABLE, [0]), TypeError, "gather_vjp: g has dtype float32"),
        (lambda: gather_vjp([[0.0, 0.0]], TABLE, [0]), TypeError, "gather_vjp: g is a list"),
        (lambda: gather_vjp(np.zeros((1, 2)), TABLE, [0], backend="x"), ValueError, "gather_vjp: backend = 'x'"),
        (
            lambda: segment_add_(TABLE, [0], np.zeros((2, 2))),
            ValueError,
            "segment_add_: values has shape (2, 2); allowed: (1, 2)",
        ),
        (lambda: segment_add_(TABLE, [0], np.zeros((1, 2), complex)), TypeError, "segment_add_: values has dtype complex128"),
        (lambda: segment_add_(TABLE, [0], np.zeros((1, 2)), backend="x"), ValueError, "segment_add_: backend = 'x'"),
    ],
)
def test_other_bad_input_is_refused(call, error, said):
    before = digest(TABLE)
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(said)
    assert digest(TABLE) == before


def test_segment_add_refuses_what_it_cannot_write_to():
    out = np.arange(12.0).reshape(6, 2)
    kept = out.copy()
    cases = {
        "shares memory with values": lambda: segment_add_(out, [0, 1], out[2:4]),
        "has strides": lambda: segment_add_(out[::2], [0], np.ones((1, 2))),
        "strides ": lambda: segment_add_(np.asfortranarray(out), [0], np.ones((1, 2))),
    }
    for said, call in cases.items():
        with pytest.raises(ValueError, match=said):
            call()
    frozen = out.copy()
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="segment_add_: out is read-only; allowed: a writable array"):
        segment_add_(frozen, [0], np.ones((1, 2)))
    assert naive.same_bits(out, kept)
    assert naive.same_bits(frozen, kept)


def test_ids_that_lie_in_the_table_are_read_before_it_is_written():
    both = np.zeros(4)
    ids = both.view(np.int64)[:3]
    ids[:] = [2, 3, 3]
    expected = both.copy()
    np.add.at(expected, [2, 3, 3], np.ones(3))
    segment_add_(both, ids, np.ones(3))
    assert naive.same_bits(both, expected)


def test_one_after_the_other_in_batch_order():
    """1e16 + 1 + 1 and 1 + 1 + 1e16 differ: the sum of a repeated id starts from the table and goes through the batch."""
    out = np.array([1e16])
    segment_add_(out, [0, 0], np.array([1.0, 1.0]))
    assert out[0] == 1e16
    out = np.array([1.0])
    segment_add_(out, [0, 0], np.array([1.0, 1e16]))
    assert out[0] == 1e16 + 2
    g = np.array([1.0, 1.0, 1e16, -1e16])
    assert gather_vjp(g, np.zeros(1), [0] * 4).values[0] == 2.0
    assert gather_vjp(g[::-1], np.zeros(1), [0] * 4).values[0] == 2.0
    assert gather_vjp(g[[0, 2, 1, 3]], np.zeros(1), [0] * 4).values[0] == 0.0


def test_take_is_gather_for_known_ids():
    ids = np.array([[2, 0], [2, 2]])
    assert naive.same_bits(rows.take(TABLE, ids), TABLE[ids])
    assert naive.same_bits(rows.take(TABLE.T, ids % 2), TABLE.T[ids % 2])


# ---- RowSparse


def sparse(rng, which, n=7, shape=(2,), dtype=np.float64):
    return RowSparse(np.array(which, np.int64), naive.uneven(rng, (len(which), *shape), dtype), n)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", ROW_SHAPES, ids=str)
@pytest.mark.parametrize("a", [[], [0], [6], [0, 3, 6], list(range(7))], ids=str)
@pytest.mark.parametrize("b", [[], [0, 3], [1, 2, 6]], ids=str)
def test_row_sparse_behaves_as_its_dense_form(a, b, shape, dtype):
    rng = np.random.default_rng(2)
    a, b = sparse(rng, a, shape=shape, dtype=dtype), sparse(rng, b, shape=shape, dtype=dtype)
    dense = np.zeros((7, *shape), dtype)
    for row, value in zip(a.rows, a.values, strict=True):
        dense[row] = value
    assert naive.same_bits(a.to_dense(), dense)
    assert a.shape == dense.shape
    assert a.dtype == dtype
    sum_ = a + b
    assert sum_.rows.tolist() == sorted({*a.rows.tolist(), *b.rows.tolist()})
    assert naive.same_bits(sum_.to_dense(), dense + b.to_dense())
    assert not np.shares_memory(sum_.values, a.values)
    for scale in (2, -0.5, np.float32(3), np.float64(0.1), np.int64(4)):
        for scaled in (a * scale, scale * a):
            assert scaled.rows.tolist() == a.rows.tolist()
            assert naive.same_bits(scaled.values, a.values * np.dtype(dtype).type(scale))
            np.testing.assert_array_equal(scaled.to_dense(), dense * np.dtype(dtype).type(scale))
    if len(shape) == 1:
        matrix = a.to_scipy()
        assert matrix.shape == dense.shape
        assert matrix.dtype == dtype
        assert naive.same_bits(np.ascontiguousarray(matrix.toarray()), dense)
        assert not np.shares_memory(matrix.data, a.values)


def test_row_sparse_scaled_by_a_complex_number():
    a = RowSparse(np.array([1]), np.array([[1 + 2j]]), 3)
    assert (1j * a).values.tolist() == [[-2 + 1j]]
    real = RowSparse(np.array([1]), np.array([[1.0]]), 3)
    with pytest.raises(TypeError, match=r"RowSparse: 1j \* float64 is not defined; allowed: a real number"):
        1j * real


def test_row_sparse_keeps_the_sign_of_a_zero():
    """One alone is kept as it is, to the bit."""
    a, b = RowSparse(np.array([0]), np.array([-0.0]), 2), RowSparse(np.array([1]), np.array([-0.0]), 2)
    assert np.signbit((a + b).values).tolist() == [True, True]


def test_row_sparse_takes_any_id_dtype_and_keeps_int64():
    for dtype in ID_DTYPES:
        assert RowSparse(np.array([0, 2], dtype), np.zeros((2, 1)), 3).rows.dtype == np.int64


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (
            lambda: RowSparse(np.array([0, 3]), np.zeros((2, 1)), 3),
            IndexError,
            "RowSparse: rows[1] = 3 is outside a table of 3 rows",
        ),
        (lambda: RowSparse(np.array([-1]), np.zeros((1, 1)), 3), IndexError, "RowSparse: rows[0] = -1 is outside"),
        (
            lambda: RowSparse(np.array([1, 1]), np.zeros((2, 1)), 3),
            ValueError,
            "RowSparse: rows[1] = 1 follows 1; allowed: strictly",
        ),
        (
            lambda: RowSparse(np.array([0, 2, 1]), np.zeros((3, 1)), 3),
            ValueError,
            "RowSparse: rows[2] = 1 follows 2; allowed: strictly",
        ),
        (
            lambda: RowSparse(np.array([0.0]), np.zeros((1, 1)), 3),
            TypeError,
            "RowSparse: rows[0] = 0.0 has dtype float64",
        ),
        (lambda: RowSparse(np.array([0]), np.zeros((2, 1)), 3), ValueError, "RowSparse: rows has shape (1,) and values (2, 1)"),
        (lambda: RowSparse(np.array([[0]]), np.zeros((1, 1)), 3), ValueError, "RowSparse: rows has shape (1, 1)"),
        (lambda: RowSparse(np.array([0]), np.zeros((1, 1), int), 3), TypeError, "RowSparse: values.dtype = int64"),
        (lambda: RowSparse(np.array([0]), [[1.0]], 3), TypeError, "RowSparse: values is a list"),
        (lambda: RowSparse(np.array([], int), np.zeros((0, 1)), -1), ValueError, "RowSparse: num_rows = -1"),
        (lambda: RowSparse(np.array([], int), np.zeros((0, 1)), 2.0), TypeError, "RowSparse: num_rows = 2.0"),
        (
            lambda: RowSparse(np.array([0]), np.zeros((1, 1, 1)), 3).to_scipy(),
            ValueError,
            "RowSparse.to_scipy: shape is (3, 1, 1)",
        ),
        (lambda: RowSparse(np.array([0]), np.zeros(1), 3).to_scipy(), ValueError, "RowSparse.to_scipy: shape is (3,)"),
    ],
)
def test_bad_row_sparse_is_refused(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(said)


def test_gradients_of_different_tables_do_not_add():
    a = RowSparse(np.array([0]), np.zeros((1, 2)), 3)
    for other in (
        RowSparse(np.array([0]), np.zeros((1, 2)), 4),
        RowSparse(np.array([0]), np.zeros((1, 3)), 3),
        RowSparse(np.array([0]), np.zeros((1, 2), np.float32), 3),
    ):
        with pytest.raises(
            ValueError, match=r"^RowSparse: float64 \(3, 2\) \+ .* is not defined; allowed: gradients of one table$"
        ):
            a + other
    for other in (1.0, np.zeros((3, 2)), np.float32(1)):
        for add in (lambda other=other: a + other, lambda other=other: other + a):
            with pytest.raises(TypeError):
                add()
    for factor in (np.zeros((3, 2)), "2", [2.0]):
        for times in (lambda factor=factor: a * factor, lambda factor=factor: factor * a):
            with pytest.raises(TypeError):
                times()


def test_rows_of_row_sparse_stay_those_that_were_checked():
    mine = np.array([0, 2])
    gradient = RowSparse(mine, np.ones((2, 1)), 3)
    mine[1] = 99
    assert gradient.rows.tolist() == [0, 2]
    with pytest.raises(ValueError, match="read-only"):
        gradient.rows[1] = 99


def test_row_sparse_cannot_be_reassigned():
    a = RowSparse(np.array([0]), np.zeros((1, 2)), 3)
    with pytest.raises(AttributeError):
        a.num_rows = 5
    assert repr(a) == "RowSparse(rows=[0], values=float64 (1, 2), num_rows=3)"
