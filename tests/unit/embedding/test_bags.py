"""`embedding_bag` and its gradient against loops: every mode, layout, dtype and convention; offsets that are refused."""

import re

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import COMPLEX_PRODUCT, WEIGHT_GRADIENT

from npembed.embedding.bags import EMBEDDING_BAG, bags, embedding_bag, embedding_bag_vjp
from npembed.embedding.bags.arguments import check_weights, padding_row
from npembed.embedding.rows import gather
from npembed.verify.gradcheck import GradientError, check_vjp

NAN, INF = float("nan"), float("inf")
TABLE = np.array([[1.0, 10.0], [2.0, 0.0], [6.0, 20.0], [-1.0, 20.0]])
REAL = (np.float32, np.float64)
DTYPES = (*REAL, np.complex64, np.complex128)
SPECIAL = (NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0)


@st.composite
def calls(draw, dtypes=DTYPES):
    """``(table, ids, offsets, weights), options, g``: all that `embedding_bag` takes, in any combination that it takes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from(dtypes))
    mode = draw(st.sampled_from(("sum", "mean", "max") if np.dtype(dtype).kind == "f" else ("sum", "mean")))
    n, width = draw(st.integers(1, 6)), draw(st.integers(0, 3))
    table = naive.uneven(rng, (n, width), dtype)
    if draw(st.booleans()) and np.dtype(dtype).kind == "f":
        table = np.asarray(rng.choice(SPECIAL, table.shape), dtype)  # ties, NaN, infinities, zeros of either sign
    options = {"mode": mode, "include_last_offset": draw(st.booleans()), "ties": draw(st.sampled_from(("first", "split")))}
    options |= {"padding_idx": draw(st.none() | st.integers(0, n - 1)), "scale_grad_by_freq": draw(st.booleans())}
    options["nan"] = draw(st.sampled_from(("propagate", "torch")))
    if draw(st.booleans()):
        ids, offsets = rng.integers(0, n, (draw(st.integers(0, 4)), draw(st.integers(0, 5)))), None
        options["include_last_offset"] = False
        count = len(ids)
    else:
        ids = rng.integers(0, n, draw(st.integers(0, 9)))
        offsets = np.sort(rng.integers(0, ids.size + 1, draw(st.integers(1, 5))))
        offsets[0] = 0
        count = len(offsets) - options["include_last_offset"]
    weights = naive.uneven(rng, ids.shape, dtype) if mode == "sum" and draw(st.booleans()) else None
    return (table, ids, offsets, weights), options, naive.uneven(rng, (count, width), dtype)


def forward_options(options):
    return {name: value for name, value in options.items() if name not in ("ties", "scale_grad_by_freq")}


def assert_like(found, expected, *, product=False):
    """To the bit, but for which NaN it is; a complex product may round its parts otherwise on another processor."""
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    if product:
        scale = np.abs(expected).max(initial=0.0)
        assert np.abs(found - expected).max(initial=0.0) <= COMPLEX_PRODUCT * np.finfo(found.dtype).eps * scale
        return
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    some = ~np.isnan(expected)
    assert found[some].tobytes() == expected[some].tobytes()


@pytest.mark.filterwarnings("ignore:invalid value")  # the loops subtract infinities
@given(call=calls(), layout=st.sampled_from([name for name in naive.LAYOUTS if name != "memmap"]))
def test_forward_and_gradient_are_those_of_loops(call, layout):
    (table, ids, offsets, weights), options, g = call
    given_ = tuple(
        None if a is None else naive.laid_out(a, layout, None) if a.ndim else a for a in (table, ids, offsets, weights)
    )
    product = weights is not None and np.iscomplexobj(table)
    found = embedding_bag(*given_, **options)
    assert_like(found, naive.embedding_bag(table, ids, offsets, weights, **forward_options(options)), product=product)
    dtable, dweights = naive.embedding_bag_vjp(g, table, ids, offsets, weights, **options)
    d = embedding_bag_vjp(naive.laid_out(g, layout, None), *given_, **options)
    if weights is not None:
        d, dw = d
        assert dw.dtype == table.dtype
        some = np.isfinite(dweights)
        bound = np.abs(table).max(where=np.isfinite(table), initial=0.0) * np.abs(g).max(initial=0.0) * max(table.shape[1], 1)
        assert (np.isfinite(dw) == some).all()
        assert np.abs(dw - dweights)[some].max(initial=0.0) <= WEIGHT_GRADIENT * np.finfo(table.dtype).eps * bound
    assert_like(d.to_dense(), dtable, product=product)
    places = [i for bag in naive.bag_places(ids, offsets, options["include_last_offset"], options["padding_idx"]) for i in bag]
    assert d.rows.tolist() == sorted({int(ids.ravel()[i]) for i in places})


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sum_is_np_add_at_in_batch_order(dtype):
    """So it is on the definition's own terms: what `gather` gives, added in place; many bags, so that the threads take part."""
    rng = np.random.default_rng(3)
    table, ids = naive.uneven(rng, (50, 40), dtype), rng.integers(0, 50, 6000)
    offsets = np.sort(np.append(0, rng.integers(0, 6001, 300)))
    owners = np.repeat(np.arange(301), np.diff(np.append(offsets, 6000)))
    expected = np.zeros((301, 40), dtype)
    np.add.at(expected, owners, gather(table, ids))
    frozen = naive.laid_out(table, "read-only", None)
    for source in (table, frozen):
        for backend in ("cpu", "python"):
            assert naive.same_bits(embedding_bag(source, ids, offsets, mode="sum", backend=backend), expected)
    g = naive.uneven(rng, (301, 40), dtype)
    expected = np.zeros_like(table)
    np.add.at(expected, ids, g[owners])
    for backend in ("cpu", "python"):
        assert naive.same_bits(embedding_bag_vjp(g, table, ids, offsets, mode="sum", backend=backend).to_dense(), expected)


@pytest.mark.parametrize("dtype", REAL)
def test_the_stated_bound_of_a_sum_holds(dtype):
    rng = np.random.default_rng(4)
    table, ids = naive.uneven(rng, (200, 1), dtype), np.arange(200)[None]
    wide = [naive.exact(v) for v in table[:, 0]]
    error = abs(naive.exact(embedding_bag(table, ids, mode="sum")[0, 0]) - sum(wide))
    assert 0 < error <= 200 * (np.finfo(dtype).eps / 2) * sum(abs(v) for v in wide)


def test_the_last_two_offsets():
    """Short terminal offsets mean the same in every mode: what is behind them is in no bag."""
    ids = [0, 2, 1, 3]
    for mode, expected in (("sum", [[7.0, 30.0]]), ("mean", [[3.5, 15.0]]), ("max", [[6.0, 20.0]])):
        options = {"mode": mode, "include_last_offset": True}
        assert embedding_bag(TABLE, ids, [0, 2], **options).tolist() == expected
        g = np.array([[1.0, 1.0]])
        d = embedding_bag_vjp(g, TABLE, ids, [0, 2], scale_grad_by_freq=True, **options)
        assert d.rows.tolist() == [0, 2]
        assert embedding_bag(TABLE, ids, [0], **options).shape == (0, 2)
        assert embedding_bag(TABLE, ids, [0, 0, 4, 4], **options)[[0, 2]].tolist() == [[0.0, 0.0]] * 2
    assert embedding_bag(TABLE, [], [], mode="max").shape == (0, 2)
    assert embedding_bag(TABLE, [], [0, 0], mode="max").tolist() == [[0.0, 0.0]] * 2
    assert embedding_bag(TABLE, np.zeros((3, 0), int)).tolist() == [[0.0, 0.0]] * 3
    assert embedding_bag(TABLE[:0], np.zeros((3, 0), int)).tolist() == [[0.0, 0.0]] * 3


def test_rows_of_any_shape():
    table = np.arange(24.0).reshape(4, 2, 3)
    for mode in ("sum", "mean", "max"):
        out = embedding_bag(table, [[0, 3], [1, 1]], mode=mode)
        flat = embedding_bag(table.reshape(4, 6), [[0, 3], [1, 1]], mode=mode)
        assert out.shape == (2, 2, 3)
        assert out.reshape(2, 6).tolist() == flat.tolist()
        assert embedding_bag_vjp(out, table, [[0, 3], [1, 1]], mode=mode).shape == (4, 2, 3)
    assert embedding_bag(np.arange(4.0), [[0, 3]], mode="sum").tolist() == [3.0]


@pytest.mark.parametrize(
    ("column", "nan", "ties", "value", "gradient"),
    [
        ([1.0, NAN, 2.0, NAN], "propagate", "first", NAN, [0, 6, 0, 0]),
        ([1.0, NAN, 2.0, NAN], "propagate", "split", NAN, [0, 3, 0, 3]),
        ([NAN, 1.0, 2.0], "propagate", "first", NAN, [6, 0, 0]),
        ([1.0, NAN, 2.0], "torch", "first", 2.0, [0, 0, 6]),
        ([NAN, 1.0, 2.0], "torch", "first", NAN, [6, 0, 0]),
        ([NAN, 1.0, NAN], "torch", "split", NAN, [6, 0, 0]),
        ([-INF, NAN], "torch", "first", -INF, [6, 0]),
        ([2.0, 1.0, 2.0, 2.0], "propagate", "first", 2.0, [6, 0, 0, 0]),
        ([2.0, 1.0, 2.0, 2.0], "propagate", "split", 2.0, [2, 0, 2, 2]),
        ([0.0, -0.0], "propagate", "first", 0.0, [6, 0]),
        ([-0.0, 0.0], "propagate", "split", -0.0, [3, 3]),
        ([-INF, -INF], "propagate", "first", -INF, [6, 0]),
        ([-INF], "torch", "first", -INF, [6]),
    ],
)
def test_ties_and_nan_of_the_maximum(column, nan, ties, value, gradient):
    for dtype in REAL:
        table = np.array(column, dtype)[:, None]
        options = {"mode": "max", "nan": nan, "ties": ties}
        found = embedding_bag(table, [list(range(len(column)))], **options)
        np.testing.assert_array_equal(found, [[value]])
        assert np.signbit(found[0, 0]) == np.signbit(table[:, 0][np.argmax(gradient)]) or np.isnan(value)
        d = embedding_bag_vjp(np.array([[6.0]], dtype), table, [list(range(len(column)))], **options)
        assert d.to_dense()[:, 0].tolist() == gradient


def test_f16_the_count_is_that_of_all_bags():
    """torch 2.13 divides the gradient of row 2 by two, where it occurs once (pytorch#190063)."""
    g = np.array([[1.0, 1.0]])
    d = embedding_bag_vjp(g, TABLE, [1, 1, 2], [0], mode="sum", scale_grad_by_freq=True)
    assert d.to_dense().tolist() == [[0.0, 0.0], [1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
    g = np.array([[3.0, -6.0], [1.0, 2.0]])
    d = embedding_bag_vjp(g, TABLE, [1, 1, 2, 1], [0, 3], mode="mean", scale_grad_by_freq=True)
    np.testing.assert_allclose(d.to_dense()[:3], [[0.0, 0.0], [1.0, -2 / 3], [1.0, -2.0]], rtol=1e-15)


def test_what_is_and_what_is_not_the_gradient():
    """Padding is in no bag, so that zero is its true gradient; dividing by the count is intentionally not the gradient."""
    ids = np.array([[0, 2, 2], [2, 1, 0]])
    for mode in ("sum", "mean", "max"):
        assert check_vjp(EMBEDDING_BAG, TABLE, ids, mode=mode, padding_idx=1, kinks="skip").checked
        with pytest.raises(GradientError):
            check_vjp(EMBEDDING_BAG, TABLE, ids, mode=mode, scale_grad_by_freq=True, kinks="skip")


def test_the_gradient_of_a_weight_is_added_up_wide():
    table = np.array([[2.0**24, 1.0, -(2.0**24)]], np.float32)
    _, dweights = embedding_bag_vjp(np.ones((1, 3), "f4"), table, [[0]], None, np.ones((1, 1), "f4"), mode="sum")
    assert dweights.tolist() == [[1.0]]


def test_what_overflows_is_infinite_and_warns_nobody():
    table = np.full((2, 1), np.finfo(np.float32).max)
    weights = np.full((1, 2), 3, np.float32)
    assert (
        embedding_bag(table, [[0, 1]]).tolist() == embedding_bag(table, [[0, 1]], None, weights, mode="sum").tolist() == [[INF]]
    )
    d, dweights = embedding_bag_vjp(np.full((1, 1), 1e38, np.float32), table, [[0, 1]], None, weights, mode="sum")
    assert (d.values == np.float32(1e38) * 3).all()
    assert np.isinf(dweights).all()


A = [0, 1, 2]
REFUSED = [
    (lambda: embedding_bag(TABLE, A), ValueError, "offsets are missing; allowed: where each bag begins, for ids of shape (3,)"),
    (lambda: embedding_bag(TABLE, [A], [0]), ValueError, "offsets are given with ids of shape (1, 3); allowed: none"),
    (lambda: embedding_bag(TABLE, [[A]]), ValueError, "ids has shape (1, 1, 3); allowed: (B, K), or (n,) with offsets"),
    (lambda: embedding_bag(TABLE, 1, [0]), ValueError, "ids has shape (); allowed: (B, K)"),
    (lambda: embedding_bag(TABLE, [4], [0]), IndexError, "ids[0] = 4 is outside a table of 4 rows; valid ids are 0..3"),
    (lambda: embedding_bag(TABLE, [[0, -1]]), IndexError, "ids[0, 1] = -1 is outside a table of 4 rows"),
    (lambda: embedding_bag(TABLE, [0.0], [0]), TypeError, "ids[0] = 0.0 has dtype float64"),
    (lambda: embedding_bag(TABLE, A, [1, 2]), ValueError, "offsets[0] = 1; allowed: 0, where the first bag begins"),
    (lambda: embedding_bag(TABLE, A, [-1]), ValueError, "offsets[0] = -1; allowed: 0"),
    (lambda: embedding_bag(TABLE, A, [0, 3, 2]), ValueError, "offsets[2] = 2 follows 3; allowed: offsets that never fall"),
    (lambda: embedding_bag(TABLE, A, [0, -3, 3]), ValueError, "offsets[1] = -3 follows 0; allowed: offsets that never fall"),
    (lambda: embedding_bag(TABLE, A, [0, 5, 2]), ValueError, "offsets[2] = 2 follows 5; allowed: offsets that never fall"),
    (lambda: embedding_bag(TABLE, A, [0, 3, 2, 3, 1]), ValueError, "offsets[2] = 2 follows 3"),
    (lambda: embedding_bag(TABLE, A, [0, 5, 6]), ValueError, "offsets[1] = 5 is behind the end of ids; allowed: 0..3"),
    (lambda: embedding_bag(TABLE, [], np.array([])), TypeError, "offsets has dtype float64"),
    (
        lambda: embedding_bag(TABLE, [], [], include_last_offset=True),
        ValueError,
        "offsets is empty; allowed: the end of the last",
    ),
    (lambda: embedding_bag(TABLE, A, [0, 4]), ValueError, "offsets[1] = 4 is behind the end of ids; allowed: 0..3"),
    (lambda: embedding_bag(TABLE, A, []), ValueError, "offsets is empty; allowed: a bag at least for ids of shape (3,)"),
    (lambda: embedding_bag(TABLE, A, [], include_last_offset=True), ValueError, "offsets is empty; allowed: the end of the last"),
    (lambda: embedding_bag(TABLE, A, [0.0]), TypeError, "offsets has dtype float64; allowed: int8 to int64 and uint8 to uint32"),
    (lambda: embedding_bag(TABLE, A, [[0]]), ValueError, "offsets has shape (1, 1); allowed: one axis"),
    (
        lambda: embedding_bag(TABLE, A, [[0], [1, 2]]),
        ValueError,
        "offsets = [[0], [1, 2]] is ragged; allowed: an array of numbers",
    ),
    (lambda: embedding_bag(TABLE, A, "0"), TypeError, "offsets has dtype <U1; allowed: an array of numbers"),
    (
        lambda: embedding_bag(TABLE, A, [0], mode="median"),
        ValueError,
        "mode = 'median' is not a choice; allowed: 'sum', 'mean' or",
    ),
    (lambda: embedding_bag(TABLE, A, [0], ties="last"), ValueError, "ties = 'last' is not a choice; allowed: 'first' or 'split'"),
    (
        lambda: embedding_bag(TABLE, A, [0], nan="omit"),
        ValueError,
        "nan = 'omit' is not a choice; allowed: 'propagate' or 'torch'",
    ),
    (lambda: embedding_bag(TABLE, A, [0], backend="gpu"), ValueError, "backend = 'gpu' is not a choice; allowed: 'cpu', 'cuda'"),
    (lambda: embedding_bag(TABLE, A, [0], scale_grad_by_freq=2), ValueError, "scale_grad_by_freq = 2 is not a choice; allowed"),
    (lambda: embedding_bag(TABLE, A, [0], include_last_offset=None), ValueError, "include_last_offset = None is not a choice"),
    (
        lambda: embedding_bag(TABLE, A, [0], padding_idx=4),
        ValueError,
        "padding_idx = 4 is outside a table of 4 rows; allowed: -4..3",
    ),
    (lambda: embedding_bag(TABLE, A, [0], padding_idx=1.0), TypeError, "padding_idx = 1.0 is of type float; allowed: a whole"),
    (
        lambda: embedding_bag(TABLE[:0], [], [0], padding_idx=0),
        ValueError,
        "padding_idx = 0 is outside a table of 0 rows; allowed: N",
    ),
    (lambda: embedding_bag(TABLE + 1j, A, [0], mode="max"), TypeError, "table has dtype complex128; allowed: real rows for mode"),
    (
        lambda: embedding_bag(TABLE, A, [0], np.ones(3)),
        ValueError,
        "per_sample_weights are given with mode = 'mean'; allowed: with",
    ),
    (
        lambda: embedding_bag(TABLE, A, [0], np.ones(2), mode="sum"),
        ValueError,
        "per_sample_weights has shape (2,); allowed: (3,)",
    ),
    (
        lambda: embedding_bag(TABLE, A, [0], np.ones(3, "f4"), mode="sum"),
        TypeError,
        "per_sample_weights has dtype float32; allowed",
    ),
    (
        lambda: embedding_bag(TABLE, A, [0], [1.0] * 3, mode="sum"),
        TypeError,
        "per_sample_weights is a list; allowed: a NumPy array",
    ),
    (lambda: embedding_bag([[1.0]], A, [0]), TypeError, "table is a list; allowed: a NumPy array of float32"),
    (lambda: embedding_bag_vjp(TABLE, TABLE, A, [0]), ValueError, "g has shape (4, 2); allowed: (1, 2), the shape of the bags"),
    (lambda: embedding_bag_vjp(np.ones((1, 2), "f4"), TABLE, A, [0]), TypeError, "g has dtype float32; allowed: float64"),
    (lambda: bags("bags", [4], [0], 4, argument="input"), IndexError, "input[0] = 4 is outside a table of 4 rows"),
    (lambda: padding_row("padding_row", -5, 4), ValueError, "padding_idx = -5 is outside a table of 4 rows; allowed: -4..3"),
    (
        lambda: check_weights("check_weights", 1.0, (), np.dtype(float), "sum"),
        TypeError,
        "per_sample_weights is a float; allowed",
    ),
]


@pytest.mark.parametrize(("call", "error", "said"), REFUSED, ids=[re.sub(r"\W+", " ", case[2])[:45] for case in REFUSED])
def test_bad_input_is_refused(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert re.fullmatch(rf"\w+: {re.escape(said)}[^\n]*", str(caught.value)), caught.value


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("offsets", [[0, 5, 2], [0, 2, 1], [0, 4], [1, 2], [0, -3, 3]])
def test_offsets_are_refused_alike_in_every_mode(mode, offsets):
    """Where torch's outcome depends on the mode, and may be what was in memory."""
    for last in (False, True):
        for call in (lambda o: embedding_bag(TABLE, A, offsets, **o), lambda o: embedding_bag_vjp(TABLE, TABLE, A, offsets, **o)):
            with pytest.raises(ValueError, match=r"^embedding_bag(_vjp)?: offsets\["):
                call({"mode": mode, "include_last_offset": last})
