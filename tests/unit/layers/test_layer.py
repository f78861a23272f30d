"""`Embedding`: what it accepts, what forward, backward and the updates do to it, and in which order."""

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerances import DIFFERENCES, UNIT_LENGTH

import npembed
from npembed import Embedding, Op, RowSparse
from npembed.embedding.lookup import post_step_
from npembed.embedding.optimizers import sgd_
from npembed.embedding.row_maps import CONSTRAINERS, NORMALIZERS
from npembed.numerics.random import TorchGenerator

OPTIONS = {"clamp": {"min": -0.4, "max": 0.6}, "clamp_norm": {"maxnorm": 0.9}}
EIGHT = np.arange(8.0).reshape(4, 2)


def same(found, expected):
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


def unit(x, axis=-1):
    return x / np.sqrt((np.abs(x) ** 2).sum(axis=axis, keepdims=True))


# Construction: the table of what is accepted and what is refused


@pytest.mark.parametrize(
    ("args", "kwargs", "max_id", "shape"),
    [
        ((10, 3), {}, 10, (3,)),
        ((10,), {"embedding_dim": 3}, 10, (3,)),
        ((), {"max_id": 10, "embedding_dim": 3}, 10, (3,)),
        ((), {"num_embeddings": 10, "embedding_dim": 3}, 10, (3,)),
        ((), {"max_id": 10, "num_embeddings": 10, "embedding_dim": 3}, 10, (3,)),
        ((10,), {"shape": (3, 4)}, 10, (3, 4)),
        ((10,), {"shape": [3, 4]}, 10, (3, 4)),
        ((10,), {"shape": 3}, 10, (3,)),
        ((10,), {"shape": np.int64(3)}, 10, (3,)),
        ((10,), {"shape": ()}, 10, ()),
        ((np.int32(10), np.int64(3)), {}, 10, (3,)),
        ((0, 3), {}, 0, (3,)),
        ((4, 0), {}, 4, (0,)),
        ((4,), {"shape": (2, 0, 3)}, 4, (2, 0, 3)),
        ((10, 3, None, None, 2.0, False, False), {}, 10, (3,)),
        ((10, 3, None, None, 2, False, False), {"regularizer": None, "unique": False}, 10, (3,)),
    ],
)
def test_sizes_that_are_accepted(args, kwargs, max_id, shape):
    layer = Embedding(*args, **kwargs)
    assert (layer.max_id, layer.num_embeddings, layer.shape) == (max_id, max_id, shape)
    assert layer.embedding_dim == math.prod(shape)
    assert layer.weight.shape == (max_id, *shape)
    assert layer.weight.dtype == np.float32
    assert all(type(n) is int for n in (layer.max_id, layer.embedding_dim, *layer.shape))
    assert layer.grad is None
    assert layer.trainable is True
    assert layer.training is True
    assert layer().shape == (max_id, *shape)


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "message"),
    [
        ((), {"embedding_dim": 3}, ValueError, r"max_id is missing; allowed: max_id \(or num_embeddings\)"),
        ((), {"max_id": 4, "num_embeddings": 5, "embedding_dim": 3}, ValueError, "max_id = 4 and num_embeddings = 5 differ"),
        ((4,), {}, ValueError, "embedding_dim and shape are both missing; allowed: one of them"),
        ((4, 3), {"shape": 3}, ValueError, "embedding_dim = 3 and shape = 3 are both given; allowed: one of them"),
        ((-1, 3), {}, ValueError, "max_id = -1 is out of range; allowed: a whole number >= 0"),
        ((4, -3), {}, ValueError, "embedding_dim = -3 is out of range; allowed: a whole number >= 0"),
        ((4,), {"shape": (3, -4)}, ValueError, "shape = -4 is out of range"),
        ((4.0, 3), {}, TypeError, "max_id = 4.0 is of type float; allowed: a whole number"),
        ((True, 3), {}, TypeError, "max_id = True is of type bool"),
        ((4, "3"), {}, TypeError, "embedding_dim = '3' is of type str"),
        ((4,), {"shape": "34"}, TypeError, "shape = '34' is of type str; allowed: whole numbers"),
        ((4,), {"shape": (3, 1.5)}, TypeError, "shape = 1.5 is of type float"),
        ((4,), {"shape": 2.5}, TypeError, "shape = 2.5 is of type float"),
        ((10, None, 3), {}, ValueError, "embedding_dim is missing, padding_idx = 3 is given; .*write embedding_dim=3"),
        (
            (4, 3),
            {"dtype": np.int64},
            TypeError,
            "dtype = int64 is not supported; allowed: float32, float64, complex64, complex128 or float16",
        ),
        ((4, 3), {"dtype": "bfloat16"}, TypeError, "dtype = 'bfloat16' is no dtype of NumPy's own; allowed: float32"),
        ((4, 3), {"dtype": "real"}, TypeError, "dtype = 'real' is no dtype; allowed: float32"),
        ((4, 3), {"dropout": 1.5}, ValueError, r"dropout = 1.5 is out of range; allowed: a finite number >= 0 and <= 1"),
        ((4, 3), {"dropout": -0.1}, ValueError, "dropout = -0.1 is out of range"),
        ((4, 3), {"dropout": float("nan")}, ValueError, "dropout = nan is out of range"),
        ((4, 3), {"dropout": "0.1"}, TypeError, "dropout = '0.1' is of type str"),
        ((4, 3), {"trainable": 1}, ValueError, "trainable = 1 is not a choice; allowed: True or False"),
        ((4, 3), {"compat": "keras"}, ValueError, "compat = 'keras' is not a choice; allowed: None, 'pykeen' or 'torch'"),
        ((4, 3), {"rng": 1.0}, TypeError, "rng = 1.0 is of type float; allowed: an int"),
        ((4, 3), {"initializer": "foo"}, KeyError, "initializer = 'foo' is unknown; known are normal, uniform"),
        ((4, 3), {"constrainer": "normalise"}, KeyError, r"constrainer = 'normalise' is unknown \(did you mean 'normalize'"),
        ((4, 3), {"normalizer": "foo"}, KeyError, "normalizer = 'foo' is unknown; known are normalize, softmax"),
        ((4, 3), {"initializer": 3}, TypeError, "initializer is a int; allowed: a name, an array or a callable"),
        ((4, 3), {"constrainer": 3}, TypeError, "constrainer is a int; allowed: a name or a callable"),
        ((4, 3), {"normalizer": 3}, TypeError, r"normalizer is a int; allowed: a name, or a pair \(function, vjp\)"),
        (
            (4, 3),
            {"normalizer": np.tanh},
            TypeError,
            r"callable without a gradient; allowed: a name, or a pair \(function, vjp\)",
        ),
        ((4, 3), {"normalizer_kwargs": {"p": 1}}, ValueError, "normalizer_kwargs = {'p': 1} has no normalizer to go to"),
        ((4, 3), {"constrainer_kwargs": {"p": 1}}, ValueError, "constrainer_kwargs = {'p': 1} has no constrainer to go to"),
        (
            (4, 3),
            {"normalizer": "normalize", "normalizer_kwargs": {"q": 1}},
            KeyError,
            "normalizer_kwargs = 'q' is unknown; known are p",
        ),
        ((4, 3), {"normalizer": "normalize", "normalizer_kwargs": {"p": 0.5}}, ValueError, "p = 0.5 is out of range"),
        ((4, 3), {"normalizer": "normalize", "normalizer_kwargs": {"dim": 0}}, ValueError, "makes a row depend on the others"),
        ((4, 3), {"normalizer": "softmax", "normalizer_kwargs": {"dim": None}}, ValueError, "makes a row depend on the others"),
        (
            (4, 3),
            {"normalizer": "normalize", "normalizer_kwargs": {"dim": 2}},
            ValueError,
            "= 2 is no axis of an array with 2 axes",
        ),
        ((4, 3), {"constrainer": "clamp"}, ValueError, "min and max are both missing; allowed: at least one bound"),
        ((4, 3), {"constrainer": "clamp_norm"}, TypeError, "maxnorm is missing"),
        ((4, 3), {"constrainer": "clamp", "constrainer_kwargs": {"min": 2, "max": 1}}, ValueError, "min = 2 exceeds max = 1"),
        (
            (4, 3),
            {"constrainer": "clamp_norm", "constrainer_kwargs": {"maxnorm": -1}},
            ValueError,
            "maxnorm = -1 is out of range",
        ),
        (
            (4,),
            {"shape": (), "normalizer": "normalize"},
            ValueError,
            r"shape = \(\) has no axis for the normalizer to work along",
        ),
        (
            (4,),
            {"shape": (), "constrainer": "normalize"},
            ValueError,
            r"shape = \(\) has no axis for the constrainer to work along",
        ),
        ((4, 3), {"dtype": complex, "normalizer": "softmax"}, TypeError, "x has dtype complex128; allowed: real rows"),
        (
            (4, 3),
            {"dtype": complex, "constrainer": "clamp", "constrainer_kwargs": {"min": 0}},
            TypeError,
            "complex numbers have no order",
        ),
    ],
)
def test_what_is_refused_and_how(args, kwargs, error, message):
    with pytest.raises(error, match=message) as caught:
        Embedding(*args, **kwargs)
    assert "\n" not in str(caught.value)


def test_unique_and_a_gradient_scaled_by_frequency_do_not_go_together():
    with pytest.raises(
        ValueError, match="Embedding: unique = True and scale_grad_by_freq = True are both given; allowed: one of them"
    ):
        Embedding(4, 3, unique=True, scale_grad_by_freq=True)


def test_the_positional_order_is_torchs():
    rows = np.ones((10, 3))
    layer = Embedding(10, 3, 7, 2.5, 1.0, True, False, rows, True, None, np.float64)
    said = (
        layer.padding_idx,
        layer.max_norm,
        layer.norm_type,
        layer.scale_grad_by_freq,
        layer.sparse,
        layer.trainable,
        layer.dtype,
    )
    assert said == (7, 2.5, 1.0, True, False, False, np.float64)
    assert (layer.weight == rows).all()
    assert Embedding(10, 3, None, None, 2.0, False, True).sparse
    with pytest.raises(TypeError, match=r"^Embedding: 12 arguments are given by place; allowed: up to 11 "):
        Embedding(10, 3, None, None, 2.0, False, False, None, False, None, None, 10)


def test_it_is_the_embedding_of_the_package_and_takes_every_dtype():
    assert npembed.Embedding is Embedding
    for dtype in ("float32", np.float64, np.complex64, complex):
        layer = Embedding(4, 3, dtype=dtype, rng=0)
        assert layer.weight.dtype == np.dtype(dtype) == layer([1]).dtype


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({}, "Embedding(max_id=10, shape=(3,), dtype=float32)"),
        ({"trainable": False}, "Embedding(max_id=10, shape=(3,), dtype=float32, trainable=False)"),
        (
            {
                "initializer": "uniform",
                "constrainer": np.tanh,
                "normalizer": "softmax",
                "dropout": 0.5,
                "compat": "pykeen",
                "dtype": float,
            },
            "Embedding(max_id=10, shape=(3,), dtype=float64, initializer=uniform, constrainer=tanh, normalizer=softmax, "
            "dropout=0.5, compat='pykeen')",
        ),
        (
            {"constrainer": "clamp_norm", "constrainer_kwargs": {"maxnorm": 1.0}},
            "Embedding(max_id=10, shape=(3,), dtype=float32, constrainer=clamp_norm(maxnorm=1.0))",
        ),
        ({"initializer": np.zeros((10, 3))}, "Embedding(max_id=10, shape=(3,), dtype=float32, initializer=array)"),
    ],
)
def test_repr_shows_what_it_is(kwargs, text):
    assert repr(Embedding(10, 3, **kwargs)) == text


# Indices


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"])
def test_indices_of_any_integer_dtype_and_shape(dtype):
    layer = Embedding(4, shape=(2, 3), rng=0)
    for shape in ((), (0,), (1,), (5,), (2, 3), (2, 0), (2, 1, 3)):
        ids = np.random.default_rng(0).integers(0, 4, shape).astype(dtype)
        same(layer(ids), layer.weight[ids])
    assert layer(np.asarray(2, dtype)).shape == (2, 3)


def test_indices_none_lists_numbers_and_nothing():
    layer = Embedding(4, 2, rng=0)
    same(layer(), layer.weight)
    same(layer(None), layer.weight)
    same(layer([3, 0, 3]), layer.weight[[3, 0, 3]])
    same(layer([[1], [2]]), layer.weight[[[1], [2]]])
    same(layer(3), layer.weight[3])
    assert layer([]).shape == (0, 2)
    assert Embedding(0, 2)([]).shape == (0, 2)
    assert Embedding(0, 2)().shape == (0, 2)


def test_the_output_is_a_copy():
    layer = Embedding(4, 2, rng=0)
    kept = layer.weight.copy()
    for indices in (None, [1, 2], 3):
        layer(indices)[...] = 99
    same(layer.weight, kept)


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        ([0, 4], IndexError, r"Embedding: indices\[1\] = 4 is outside a table of 4 rows; valid ids are 0..3"),
        ([[0, 1], [-1, 0]], IndexError, r"Embedding: indices\[1, 0\] = -1 is outside a table of 4 rows"),
        (7, IndexError, "Embedding: indices = 7 is outside a table of 4 rows"),
        (
            [True, False],
            TypeError,
            r"Embedding: indices\[0\] = .*True.* has dtype bool; allowed: int8 to int64 and uint8 to uint32",
        ),
        ([0.0, 1.0], TypeError, r"Embedding: indices\[0\] = .*0.0.* has dtype float64"),
        (np.array([1], np.uint64), TypeError, "has dtype uint64"),
        ("abc", TypeError, "Embedding: indices = .*abc.* has dtype <U3"),
    ],
)
def test_indices_that_are_refused(indices, error, message):
    with pytest.raises(error, match=message):
        Embedding(4, 2)(indices)


NAMED = ["normalize", "softmax", "clamp", "clamp_norm", "complex_normalize", "quaternion_normalize"]


@settings(max_examples=60)
@given(
    name=st.sampled_from([None, *NAMED]),
    row=st.sampled_from([(4,), (3, 4), (2, 3, 4)]),
    dtype=st.sampled_from([np.float32, np.float64, np.complex64, np.complex128]),
    ids=st.lists(st.integers(0, 5), min_size=12, max_size=12),
    shape=st.sampled_from([(12,), (12, 1), (1, 12), (3, 4), (2, 3, 2), (1, 1, 12)]),
    dim=st.integers(0, 3),
)
def test_one_id_gives_one_vector_whatever_the_shape_of_the_index_array(name, row, dtype, ids, shape, dim):
    if np.dtype(dtype).kind == "c" and name in ("softmax", "clamp", "quaternion_normalize"):
        name = "normalize"
    options = dict(OPTIONS.get(name, {}))
    if name in ("normalize", "softmax", "clamp_norm"):
        options["dim"] = 1 + dim % len(row)  # counted in the table: 0 would be the ids
    layer = Embedding(6, shape=row, dtype=dtype, normalizer=name, normalizer_kwargs=options or None, rng=0)
    everything = layer()
    found = layer(np.array(ids).reshape(shape))
    assert found.shape == (*shape, *row)
    for i, vector in zip(ids, found.reshape(12, *row), strict=True):
        same(vector, everything[i])
        same(layer(i), everything[i])


# Forward: the normalizer, then dropout


def test_the_normalizer_comes_before_dropout():
    table = np.array([[3.0, 4.0], [6.0, 8.0], [0.0, 5.0]])
    layer = Embedding(3, 2, dtype=float, initializer=table, normalizer="normalize", dropout=0.5, rng=0)
    ids = [0, 1, 2, 0, 1, 2]
    out = layer(ids)
    kept = out != 0
    assert 0 < kept.sum() < kept.size - 2
    expected = 2 * np.array([[0.6, 0.8], [0.6, 0.8], [0.0, 1.0]])[ids]  # in the other order a lone survivor would be 1
    np.testing.assert_allclose(out[kept], expected[kept], rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_dropout_replays_the_generator_and_draws_anew_each_time(dtype):
    layer = Embedding(5, 4, dtype=dtype, initializer="ones", dropout=0.25, rng=11)
    rng = TorchGenerator(11)
    for ids in ([0, 1, 1], [[4], [2]], None):
        shape = np.shape(np.arange(5) if ids is None else ids)
        mask = rng.bernoulli(0.75, (*shape, 4)) / dtype(0.75).real
        np.testing.assert_allclose(layer(ids), layer.weight[np.arange(5) if ids is None else ids] * mask, rtol=1e-7)


def test_dropout_keeps_the_expected_value():
    layer = Embedding(1, 100_000, initializer="ones", dropout=0.3, rng=0)
    out = layer([0])
    assert set(np.unique(out)) == {np.float32(0), np.float32(1) / np.float32(0.7)}
    assert abs(float(out.mean()) - 1) < 0.01
    assert abs(float((out == 0).mean()) - 0.3) < 0.01


@pytest.mark.parametrize("rate", [None, 0, 0.0])
def test_no_dropout_draws_nothing(rate):
    layer = Embedding(5, 4, dropout=rate, rng=0)
    before = layer.rng.get_state()["words_drawn"]
    same(layer([1, 2]), layer.weight[[1, 2]])
    assert layer.rng.get_state()["words_drawn"] == before


def test_rate_one_drops_everything():
    layer = Embedding(5, 4, dropout=1.0, rng=0)
    assert (layer([1, 2]) == 0).all()
    assert (layer.backward(np.arange(1, 9, dtype=np.float32).reshape(2, 4)).values == 0).all()


def test_train_and_eval_switch_dropout():
    layer = Embedding(5, 40, dropout=0.5, rng=0)
    assert layer.eval() is layer
    assert layer.training is False
    before = layer.rng.get_state()["words_drawn"]
    same(layer([1, 2]), layer.weight[[1, 2]])
    assert layer.rng.get_state()["words_drawn"] == before
    assert layer.train() is layer
    assert layer.training is True
    assert (layer([1, 2]) == 0).any()
    assert layer.train(False).training is False
    with pytest.raises(ValueError, match=r"Embedding.train: mode = 1 is not a choice"):
        layer.train(1)


# Backward


def test_backward_adds_into_grad_and_returns_its_own():
    layer = Embedding(4, 2, dtype=float)
    layer([1, 3, 1])
    first = layer.backward(np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]]))
    assert isinstance(first, RowSparse)
    assert first.num_rows == 4
    assert first.rows.tolist() == [1, 3]
    assert first.values.tolist() == [[101, 202], [10, 20]]
    np.testing.assert_array_equal(layer.grad.to_dense(), first.to_dense())
    layer([0, 3])
    second = layer.backward(np.array([[1.0, 1.0], [5.0, 5.0]]))
    assert second.to_dense().tolist() == [[1, 1], [0, 0], [0, 0], [5, 5]]
    assert layer.grad.to_dense().tolist() == [[1, 1], [101, 202], [0, 0], [15, 25]]
    assert first.to_dense().tolist() == [[0, 0], [101, 202], [0, 0], [10, 20]]
    layer.zero_grad()
    assert layer.grad is None


def test_backward_after_none_and_after_n_d_indices():
    layer = Embedding(3, 2, dtype=float)
    layer()
    assert layer.backward(np.arange(6.0).reshape(3, 2)).to_dense().tolist() == [[0, 1], [2, 3], [4, 5]]
    layer([[2, 0], [2, 2]])
    assert layer.backward(np.arange(8.0).reshape(2, 2, 2)).to_dense().tolist() == [[2, 3], [0, 0], [10, 13]]
    layer(1)
    assert layer.backward(np.array([7.0, 8.0])).to_dense().tolist() == [[0, 0], [7, 8], [0, 0]]
    layer([])
    assert layer.backward(np.zeros((0, 2))).rows.size == 0


def test_backward_without_a_forward_or_after_several_points_to_vjp():
    layer = Embedding(3, 2)
    g = np.ones((1, 2), np.float32)
    with pytest.raises(
        RuntimeError, match=r"no forward in training mode; allowed: one forward for each backward .*vjp\(indices\)"
    ):
        layer.backward(g)
    layer([0])
    layer([1])
    layer([2])
    with pytest.raises(RuntimeError, match=r"several forwards since the last backward; .*vjp\(indices\)"):
        layer.backward(g)
    assert layer.grad is None
    layer.zero_grad()  # forgets them
    layer([2])
    assert layer.backward(g).rows.tolist() == [2]
    with pytest.raises(RuntimeError, match="no forward"):
        layer.backward(g)


def test_forwards_in_eval_mode_are_not_remembered():
    layer = Embedding(3, 2)
    layer([0])
    layer.eval()
    layer([1])
    layer([2])
    assert layer.backward(np.ones((1, 2), np.float32)).rows.tolist() == [0]
    with pytest.raises(RuntimeError, match="no forward in training mode"):
        layer.backward(np.ones((1, 2), np.float32))


def test_a_refused_backward_changes_nothing_and_can_be_repeated():
    layer = Embedding(3, 2)
    layer([0, 1])
    with pytest.raises(
        ValueError, match=r"Embedding: grad_output has shape \(2, 3\); allowed: \(2, 2\), the shape of the output"
    ):
        layer.backward(np.ones((2, 3), np.float32))
    with pytest.raises(TypeError, match="Embedding: grad_output has dtype float64; allowed: float32"):
        layer.backward(np.ones((2, 2)))
    with pytest.raises(TypeError, match="Embedding: grad_output is a list"):
        layer.backward([[1.0, 1.0], [1.0, 1.0]])
    assert layer.grad is None
    assert layer.backward(np.ones((2, 2), np.float32)).rows.tolist() == [0, 1]


def test_vjp_keeps_each_lookup_apart_and_changes_nothing():
    layer = Embedding(3, 2, dtype=float, rng=0)
    one, pull_one = layer.vjp([0, 0])
    two, pull_two = layer.vjp([2])
    same(one, layer.weight[[0, 0]])
    same(two, layer.weight[[2]])
    for _ in range(2):  # any number of times
        assert pull_two(np.ones((1, 2))).to_dense().tolist() == [[0, 0], [0, 0], [1, 1]]
        assert pull_one(np.ones((2, 2))).to_dense().tolist() == [[2, 2], [0, 0], [0, 0]]
    assert layer.grad is None
    with pytest.raises(RuntimeError, match="no forward"):
        layer.backward(np.ones((1, 2)))


def random_away_from_zero(rng, shape):
    return np.where(rng.random(shape) < 0.5, -1.0, 1.0) * rng.uniform(0.5, 1.5, shape)


@pytest.mark.long
@pytest.mark.parametrize("dropout", [None, 0.4])
@pytest.mark.parametrize("complex_rows", [False, True])
@pytest.mark.parametrize("name", [None, *NAMED])
@pytest.mark.parametrize("row", [(4,), (2, 4)])
def test_gradient_equals_differences_of_the_layer_with_the_same_mask(row, name, complex_rows, dropout):
    if complex_rows and name in ("softmax", "clamp", "quaternion_normalize"):
        with pytest.raises(TypeError, match="allowed: real rows"):
            Embedding(5, shape=row, dtype=complex, normalizer=name, normalizer_kwargs=OPTIONS.get(name))
        return
    dtype = np.complex128 if complex_rows else np.float64
    layer = Embedding(5, shape=row, dtype=dtype, normalizer=name, normalizer_kwargs=OPTIONS.get(name), dropout=dropout, rng=3)
    ids = np.array([[4, 0, 2], [2, 2, 4]])  # first and last row, repeats, and two rows without
    before = layer.rng.get_state()
    output, pullback = layer.vjp(ids)
    rng = np.random.default_rng(1)
    g = random_away_from_zero(rng, output.shape) + (1j * random_away_from_zero(rng, output.shape) if complex_rows else 0)
    gradient = pullback(g)
    assert gradient.rows.tolist() == [0, 2, 4]
    dense, table = gradient.to_dense(), layer.weight.copy()

    def total(step, entry):
        layer.weight[...] = table
        layer.weight[entry] += step
        layer.rng.set_state(before)
        return float((np.conj(g) * layer.vjp(ids)[0]).real.sum())

    for entry in np.ndindex(table.shape):
        for part in (1, 1j) if complex_rows else (1,):
            difference = (total(1e-6 * part, entry) - total(-1e-6 * part, entry)) / 2e-6
            assert abs((np.conj(part) * dense[entry]).real - difference) <= DIFFERENCES * max(1.0, np.abs(dense).max()), entry


@pytest.mark.parametrize("name", [None, *NAMED])
def test_the_gradient_is_that_of_the_time_of_forward(name):
    about = {"dtype": float, "normalizer": name, "normalizer_kwargs": OPTIONS.get(name), "dropout": 0.3, "rng": 5}
    layer, missing_rows = (Embedding(5, 4, **about) for _ in range(2))
    ids, g = np.array([1, 1, 3]), np.random.default_rng(0).normal(size=(3, 4))
    missing_rows(ids)
    expected = missing_rows.backward(g).to_dense()
    output = layer(ids)
    ids[...] = 0  # neither the table, nor the ids, nor the output are what they were
    output[...] = 77
    layer.weight[...] = -layer.weight * 3
    layer.train(False)
    same(layer.backward(g).to_dense(), expected)


def test_backward_is_the_transpose_of_forward_for_a_linear_layer():
    layer = Embedding(6, 3, dtype=np.complex128, dropout=0.5, rng=0)
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 6, (4, 2))
    output, pullback = layer.vjp(ids)
    g = rng.normal(size=output.shape) + 1j * rng.normal(size=output.shape)
    left = (np.conj(g) * output).real.sum()
    right = (np.conj(pullback(g).to_dense()) * layer.weight).real.sum()
    np.testing.assert_allclose(left, right, rtol=1e-13)


# Changes of the table


def test_constrained_on_construction_on_reset_and_when_asked():
    layer = Embedding(6, 3, dtype=float, constrainer="normalize", rng=0)
    first = layer.weight.copy()
    np.testing.assert_allclose(first, unit(Embedding(6, 3, dtype=float, rng=0).weight), rtol=1e-14)
    layer.weight *= 3
    np.testing.assert_allclose(layer.weight, 3 * first, rtol=1e-14)  # not by itself
    layer.post_parameter_update()
    np.testing.assert_allclose(layer.weight, first, rtol=1e-14)
    layer.reset_parameters()
    assert not np.allclose(layer.weight, first)
    np.testing.assert_allclose(unit(layer.weight), layer.weight, rtol=1e-14)


@pytest.mark.parametrize("name", CONSTRAINERS)
@pytest.mark.parametrize("row", [(4,), (3, 4)])
def test_constrainers_act_on_each_row_by_itself(name, row):
    layer = Embedding(6, shape=row, dtype=float, constrainer=name, constrainer_kwargs=OPTIONS.get(name), rng=0)
    raw = Embedding(6, shape=row, dtype=float, rng=0).weight
    pairs = raw.reshape(6, -1, 2)
    by_hand = {
        "normalize": lambda: unit(raw),
        "complex_normalize": lambda: unit(pairs).reshape(raw.shape),
        "quaternion_normalize": lambda: unit(raw),
        "clamp": lambda: np.minimum(np.maximum(raw, -0.4), 0.6),
        "clamp_norm": lambda: np.where(np.sqrt((raw**2).sum(axis=-1, keepdims=True)) < 0.9, raw, 0.9 * unit(raw)),
    }
    np.testing.assert_allclose(layer.weight, by_hand[name](), rtol=1e-14)


@pytest.mark.parametrize("in_place", [False, True])
def test_any_callable_constrains(in_place):
    def double_(table):
        table *= 2

    layer = Embedding(2, 2, initializer="ones", constrainer=double_ if in_place else lambda table: 2 * table)
    assert (layer.weight == 2).all()
    layer.post_parameter_update()
    assert (layer.weight == 4).all()
    layer = Embedding(2, 2, initializer="ones", constrainer=np.clip, constrainer_kwargs={"a_min": 0, "a_max": 0.5})
    assert (layer.weight == 0.5).all()


def test_a_constrainer_that_does_not_fit_leaves_the_table():
    results = iter([None, np.zeros((3, 2), np.float32), np.zeros((2, 2)), 5])
    layer = Embedding(2, 2, initializer="ones", constrainer=lambda table: next(results))
    for error in (ValueError, TypeError, TypeError):
        with pytest.raises(error, match=r"post_step_: constrainer\(table\) "):
            layer.post_parameter_update()
        assert (layer.weight == 1).all()


def test_a_pair_is_a_normalizer():
    def scale(x, *, by=3.0):
        return by * x

    def scale_vjp(g, x, *, by=3.0):
        return by * g

    for pair in ((scale, scale_vjp), Op(scale, scale_vjp)):
        layer = Embedding(2, 2, initializer="ones", normalizer=pair)
        assert layer([1]).tolist() == [[3, 3]]
        assert layer.backward(np.array([[1, -2]], np.float32)).values.tolist() == [[3, -6]]
    layer = Embedding(2, 2, initializer="ones", normalizer=(scale, scale_vjp), normalizer_kwargs={"by": 5.0})
    assert layer([1]).tolist() == [[5, 5]]


def test_weight_assignment_copies():
    layer = Embedding(4, 2, dtype=float)
    kept = layer.weight
    given = EIGHT.copy()
    layer.weight = given
    given[...] = -1
    same(layer.weight, EIGHT)
    assert layer.weight is kept
    layer.weight += 1
    same(layer.weight, EIGHT + 1)
    for wrong, error in ((EIGHT[:3], ValueError), (EIGHT.astype(np.float32), TypeError), (EIGHT.tolist(), TypeError)):
        with pytest.raises(error, match="Embedding: weight"):
            layer.weight = wrong
    same(layer.weight, EIGHT + 1)


def frozen():
    layer = Embedding(4, 2, dtype=float, initializer="uniform", constrainer=lambda table: table / 2, trainable=False, rng=0)
    assert layer.trainable is False
    return layer


def step(layer):
    sgd_(layer.weight, RowSparse(np.array([1]), np.ones((1, 2)), 4), lr=0.1)


def assign(layer):
    layer.weight = EIGHT


def assign_rows(layer):
    layer.weight[1] = 0


def add(layer):
    layer.weight += 1


def constrain(layer):
    post_step_(layer.weight, np.abs)


@pytest.mark.parametrize("change", [step, assign, assign_rows, add, constrain])
def test_a_frozen_table_refuses_every_change(change):
    layer = frozen()
    before = layer.weight.tobytes()
    with pytest.raises(ValueError, match=r"frozen|read-only"):
        change(layer)
    assert layer.weight.tobytes() == before


def test_a_frozen_table_is_changed_by_reset_parameters_alone():
    layer = frozen()
    before = layer.weight.copy()
    layer.post_parameter_update()
    layer([0, 1])
    gradient = layer.backward(np.ones((2, 2)))
    assert gradient.rows.tolist() == [0, 1]
    assert layer.grad is None
    same(layer.weight, before)
    layer.reset_parameters()
    assert not (layer.weight == before).any()
    np.testing.assert_allclose(layer.weight.ravel(), TorchGenerator(0).rand((16,), np.float64)[8:] / 2, rtol=1e-15)
    for change in (step, assign, add):  # and it stays frozen
        with pytest.raises(ValueError, match=r"frozen|read-only"):
            change(layer)


def test_freezing_and_thawing():
    layer = Embedding(4, 2, dtype=float)
    layer.trainable = False
    with pytest.raises(ValueError, match="weight is frozen; allowed: a change after trainable = True"):
        layer.weight = EIGHT
    for change in (step, assign_rows, add, constrain):
        with pytest.raises(ValueError, match=r"frozen|read-only"):
            change(layer)
    layer.trainable = True
    layer.weight = EIGHT
    same(layer.weight, EIGHT)
    step(layer)
    assign_rows(layer)
    assert (layer.weight[1] == 0).all()
    layer.weight = EIGHT
    with pytest.raises(ValueError, match="trainable = 'yes' is not a choice"):
        layer.trainable = "yes"
    assert layer.trainable is True


def test_reset_draws_anew_in_the_same_array():
    layer = Embedding(4, 2, rng=0)
    kept, first = layer.weight, layer.weight.copy()
    layer.reset_parameters()
    assert layer.weight is kept
    assert not (kept == first).any()
    layer = Embedding(4, 2, initializer="ones")
    layer.weight *= 5
    layer.reset_parameters()
    assert (layer.weight == 1).all()


# from_pretrained


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_from_pretrained_copies_keeps_the_dtype_and_is_frozen(dtype):
    array = EIGHT.astype(dtype)
    layer = Embedding.from_pretrained(array)
    same(layer.weight, array)
    assert not np.shares_memory(layer.weight, array)
    assert layer.trainable is False
    assert not layer.weight.flags.writeable
    array[...] = -1
    same(layer.weight, EIGHT.astype(dtype))
    layer.post_parameter_update()
    layer.reset_parameters()
    same(layer.weight, EIGHT.astype(dtype))


def test_from_pretrained_with_options():
    layer = Embedding.from_pretrained(EIGHT, trainable=True, normalizer="normalize", dtype=np.float32)
    assert layer.trainable is True
    assert layer.weight.dtype == np.float32
    layer.weight[0] = 5
    assert abs(np.linalg.norm(layer([3])) - 1) <= UNIT_LENGTH[np.float32]
    layer = Embedding.from_pretrained(EIGHT + 1, constrainer="normalize")
    np.testing.assert_allclose(layer.weight, unit(EIGHT + 1), rtol=1e-15)


def test_from_pretrained_of_one_and_of_three_axes_and_of_any_layout():
    layer = Embedding.from_pretrained(np.array([5.0, 6.0, 7.0]))
    assert layer.shape == ()
    assert layer.max_id == 3
    assert layer.embedding_dim == 1
    same(layer([[2, 0]]), np.array([[7.0, 5.0]]))
    layer = Embedding.from_pretrained(np.arange(24.0).reshape(2, 3, 4))
    assert layer.shape == (3, 4)
    assert layer.embedding_dim == 12
    strided = np.asfortranarray(np.arange(60.0).reshape(6, 10))[::2, ::-1]
    strided.flags.writeable = False
    layer = Embedding.from_pretrained(strided, trainable=True)
    same(layer.weight, np.array(strided))
    assert layer.weight.flags.c_contiguous
    assert layer.weight.flags.writeable


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        ([[1.0]], TypeError, "from_pretrained: array is a list; allowed: a NumPy array of float32"),
        (np.eye(2, dtype=np.int64), TypeError, "from_pretrained: array.dtype = int64 is not supported"),
        (np.float64(3.0), TypeError, "from_pretrained: array is a float64"),
        (np.array(3.0), ValueError, r"from_pretrained: array has shape \(\); allowed: 1 or more axes"),
    ],
)
def test_from_pretrained_refuses(array, error, message):
    with pytest.raises(error, match=message):
        Embedding.from_pretrained(array)


# Single numbers and complex rows


def test_rows_of_shape_nothing():
    layer = Embedding(5, shape=(), dtype=float, rng=0, dropout=0.5)
    assert layer.weight.shape == (5,)
    assert layer.eval()([[1, 2]]).shape == (1, 2)
    assert layer(3).shape == ()
    layer.train()([1, 1, 4])
    layer = Embedding(5, shape=(), initializer="ones", normalizer="clamp", normalizer_kwargs={"max": 0.5})
    assert layer([1, 1, 4]).tolist() == [0.5, 0.5, 0.5]
    assert layer.backward(np.ones(3, np.float32)).to_dense().tolist() == [0, 0, 0, 0, 0]


def test_complex_rows():
    layer = Embedding(
        3, 2, dtype=np.complex128, initializer=np.array([[3 + 4j, 0], [1j, 1], [1, 1]]), normalizer="complex_normalize"
    )
    np.testing.assert_allclose(layer([0]), [[0.6 + 0.8j, 0]], rtol=1e-15)
    g = layer.backward(np.array([[5.0 + 0j, 0]]))
    np.testing.assert_allclose(g.values, [[0.64 - 0.48j, 0]], rtol=1e-15)
    layer = Embedding(3, 2, dtype=np.complex64, constrainer="normalize", rng=0)
    np.testing.assert_allclose((np.abs(layer.weight) ** 2).sum(axis=1), [1, 1, 1], rtol=1e-6)


# What PyKEEN does where its documentation says otherwise (F1, F2)


def test_f1_pykeens_normalizer_depends_on_the_shape_of_the_indices():
    table = np.array([[3.0, -4.0], [5.0, 12.0]])
    layer = Embedding(2, 2, dtype=float, initializer=table, normalizer="normalize", compat="pykeen")
    right = np.array([[0.6, -0.8], [5 / 13, 12 / 13]])
    np.testing.assert_allclose(layer([0, 1]), right, rtol=1e-15)
    np.testing.assert_allclose(layer(), right, rtol=1e-15)
    np.testing.assert_array_equal(layer([[0], [1]]), [[[1, -1]], [[1, 1]]])
    np.testing.assert_allclose(
        layer([[0, 1]]), [[[3 / np.sqrt(34), -4 / np.sqrt(160)], [5 / np.sqrt(34), 12 / np.sqrt(160)]]], rtol=1e-15
    )
    correct = Embedding(2, 2, dtype=float, initializer=table, normalizer="normalize")
    np.testing.assert_allclose(correct([[0], [1]]), right[:, None], rtol=1e-15)
    named = Embedding(
        2, 2, dtype=float, initializer=table, normalizer="normalize", normalizer_kwargs={"dim": -1}, compat="pykeen"
    )
    np.testing.assert_allclose(named([[0], [1]]), right[:, None], rtol=1e-15)


def test_f1_softmax():
    table = np.log(np.array([[1.0, 3.0], [2.0, 2.0]]))
    layer = Embedding(2, 2, dtype=float, initializer=table, normalizer="softmax", compat="pykeen")
    np.testing.assert_allclose(layer([0, 1]), [[0.25, 0.75], [0.5, 0.5]], rtol=1e-15)
    np.testing.assert_allclose(layer([[0], [1]]), [[[1 / 3, 0.6]], [[2 / 3, 0.4]]], rtol=1e-15)  # along the batch
    np.testing.assert_allclose(layer(0), [0.25, 0.75], rtol=1e-15)


def test_f1_gradient_is_that_of_what_pykeen_computes():
    layer = Embedding(
        2, 2, dtype=float, initializer=np.array([[3.0, -4.0], [5.0, 12.0]]), normalizer="normalize", compat="pykeen"
    )
    layer([[0], [1]])
    np.testing.assert_array_equal(
        layer.backward(np.array([[[1.0, -2.0]], [[4.0, 8.0]]])).to_dense(), np.zeros((2, 2))
    )  # a sign has no slope


def test_f2_pykeens_constrainers():
    table = np.array([[3.0, 4.0], [0.0, 12.0]])  # of Frobenius norm 13
    options = {"constrainer": "clamp_norm", "constrainer_kwargs": {"maxnorm": 6.5}, "initializer": table, "dtype": float}
    np.testing.assert_allclose(Embedding(2, 2, compat="pykeen", **options).weight, table / 2, rtol=1e-15)
    np.testing.assert_allclose(Embedding(2, 2, **options).weight, [[3.0, 4.0], [0.0, 6.5]], rtol=1e-15)
    deep = np.arange(1.0, 13).reshape(2, 2, 3)
    options = {"constrainer": "normalize", "initializer": deep, "dtype": float, "shape": (2, 3)}
    np.testing.assert_allclose(Embedding(2, compat="pykeen", **options).weight, unit(deep, axis=1), rtol=1e-15)
    np.testing.assert_allclose(Embedding(2, **options).weight, unit(deep, axis=2), rtol=1e-15)


def test_every_normalizer_and_constrainer_is_tested_here():
    assert set(NORMALIZERS) == set(NAMED)
    assert set(CONSTRAINERS) == set(NAMED) - {"softmax"}


@pytest.mark.parametrize("name", [None, *NAMED])
@pytest.mark.parametrize("compat", [None, "pykeen"])
def test_a_copy_and_a_pickle_go_on_as_the_layer_does(name, compat):
    about = {"normalizer": name, "normalizer_kwargs": OPTIONS.get(name), "dropout": 0.5, "compat": compat, "rng": 0}
    constrainer = None if name == "softmax" else name
    layer = Embedding(5, 4, constrainer=constrainer, constrainer_kwargs=OPTIONS.get(constrainer), **about)
    twins = [pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)]
    expected = layer([1, 2, 1])
    layer.reset_parameters()
    for twin in twins:
        assert repr(twin) == repr(layer)
        same(twin([1, 2, 1]), expected)
        twin.reset_parameters()
        same(twin.weight, layer.weight)
        assert not np.shares_memory(twin.weight, layer.weight)


def test_a_copy_of_a_frozen_layer_is_frozen():
    for twin in (pickle.loads(pickle.dumps(frozen_plain())), copy.deepcopy(frozen_plain())):
        assert twin.trainable is False
        with pytest.raises(ValueError, match=r"frozen|read-only"):
            step(twin)


def frozen_plain():
    return Embedding.from_pretrained(EIGHT)


def test_what_a_forward_left_waiting_is_not_pickled():
    layer = Embedding(4, 2, rng=0)
    layer([0])
    again = pickle.loads(pickle.dumps(layer))
    same(again.weight, layer.weight)
    with pytest.raises(RuntimeError, match="no forward"):
        again.backward(np.ones((1, 2), np.float32))
    layer.backward(np.ones((1, 2), np.float32))


def test_setting_trainable_to_what_it_is_keeps_the_table():
    layer = Embedding(4, 2, rng=0)
    weight = layer.weight
    layer.trainable = True
    weight[...] = 7
    assert (layer.weight == 7).all()


@pytest.mark.parametrize(
    "options",
    [
        {"normalizer": "softmax", "dtype": "complex64"},
        {"normalizer": "clamp"},
        {"normalizer": "normalize", "normalizer_kwargs": {"p": 0.5}},
        {"normalizer": "normalize", "normalizer_kwargs": {"dim": -1, "axis": 0}},
    ],
)
def test_compat_refuses_at_once_too(options):
    with pytest.raises((TypeError, ValueError)):
        Embedding(4, 2, compat="pykeen", **options)


def test_pretrained_numbers_that_the_dtype_cannot_hold_are_refused():
    with pytest.raises(ValueError, match="pretrained: tensor has entries beyond what float32 holds; allowed: up to 3"):
        Embedding.from_pretrained(np.full((1, 1), 1e300), dtype="float32")
    assert np.isinf(Embedding.from_pretrained(np.array([[np.inf]]), dtype="float32").weight).all()
