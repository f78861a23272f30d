"""torch's options in `Embedding`: which rows move, what is written when, and what is intentionally not the gradient."""

import copy
import pickle

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npembed import Embedding
from npembed.embedding.optimizers import sgd_
from npembed.verify.gradcheck import GradientError, check_layer

ROWS = np.array([[3.0, 4.0], [0.3, 0.4], [-6.0, 8.0], [0.0, 0.0], [5.0, 12.0]])


def layer(**options):
    return Embedding(weight=ROWS, **options)


# ---- padding


def test_the_padding_row_is_drawn_as_zeros_but_kept_where_the_rows_are_given():
    drawn = Embedding(5, 3, padding_idx=-2, rng=0)
    assert drawn.padding_idx == 3
    assert not drawn.weight[3].any()
    assert drawn.weight[[0, 1, 2, 4]].all()
    plain = Embedding(5, 3, rng=0).weight.copy()
    plain[3] = 0
    np.testing.assert_array_equal(drawn.weight, plain)  # what is drawn is drawn all the same
    drawn.weight[3] = 1
    drawn.reset_parameters()
    assert not drawn.weight[3].any()
    assert (layer(padding_idx=0).weight == ROWS).all()
    assert (Embedding.from_pretrained(ROWS, padding_idx=0).weight == ROWS).all()
    assert (Embedding(5, 2, padding_idx=0, initializer=ROWS, dtype=float).weight == ROWS).all()


def test_the_padding_row_is_looked_up_and_gets_no_gradient_but_may_be_moved():
    padded = layer(padding_idx=2, constrainer="normalize")
    padded.weight = ROWS
    assert padded([2, 0, 2]).tolist() == [[-6.0, 8.0], [3.0, 4.0], [-6.0, 8.0]]
    gradient = padded.backward(np.ones((3, 2)))
    assert gradient.rows.tolist() == [0]
    assert padded([[2]]).shape == (1, 1, 2)
    assert padded.backward(np.ones((1, 1, 2))).rows.tolist() == []
    sgd_(padded.weight, padded.grad, lr=1.0, weight_decay=0.5)
    np.testing.assert_allclose(padded.weight[2], [-3.0, 4.0])  # weight decay knows of no padding, as in torch
    padded.post_parameter_update()
    np.testing.assert_allclose(padded.weight[2], [-0.6, 0.8])  # nor does the constrainer


@pytest.mark.parametrize(
    ("index", "said"),
    [(5, "padding_idx = 5"), (-6, "padding_idx = -6"), (True, "padding_idx = True"), (0.0, "padding_idx = 0.0")],
)
def test_padding_outside_the_table_is_refused(index, said):
    with pytest.raises((ValueError, TypeError), match=f"Embedding: {said}"):
        layer(padding_idx=index)


# ---- max_norm


def test_rows_that_are_looked_up_are_shortened_in_the_table_and_others_are_not():
    short = layer(max_norm=1.0)
    out = short([[0, 1], [0, 3]])
    np.testing.assert_allclose(out[0, 0], [0.6, 0.8])
    assert out[0, 1].tolist() == [0.3, 0.4]
    np.testing.assert_allclose(short.weight[0], [0.6, 0.8])
    np.testing.assert_array_equal(short.weight[[1, 2, 3, 4]], ROWS[[1, 2, 3, 4]])
    assert short.backward(np.arange(8.0).reshape(2, 2, 2)).to_dense()[0].tolist() == [4.0, 6.0]  # of the lookup alone
    short.eval()
    short([2])
    np.testing.assert_allclose(short.weight[2], [-0.6, 0.8])
    short()
    assert (np.linalg.norm(short.weight, axis=1) <= 1).all()


def test_a_frozen_table_stays_and_its_rows_come_out_short():
    frozen = layer(max_norm=1.0, trainable=False)
    np.testing.assert_allclose(frozen([4, 4]), [[5 / 13, 12 / 13]] * 2)
    np.testing.assert_array_equal(frozen.weight, ROWS)


@pytest.mark.parametrize("bad", [[0, 5], [0, -1], [[0], [9]], [0.5], [True]])
def test_an_invalid_id_leaves_the_table_untouched(bad):
    short = layer(max_norm=1.0, scale_grad_by_freq=True, padding_idx=1)
    with pytest.raises((IndexError, TypeError), match="Embedding: indices"):
        short(bad)
    np.testing.assert_array_equal(short.weight, ROWS)


@given(seed=st.integers(0, 2**32), p=st.sampled_from([1.0, 1.5, 2.0, 3.0, np.inf]), bound=st.sampled_from([0.0, 0.3, 1.0, 7.0]))
def test_no_row_is_left_beyond_the_bound_and_a_second_lookup_changes_nothing(seed, p, bound):
    rng = np.random.default_rng(seed)
    table = naive.rows(rng, (6, 5), np.float32) * 10.0 ** rng.integers(-3, 4, (6, 1)).astype(np.float32)
    short = Embedding(weight=table, max_norm=bound, norm_type=p)
    ids = rng.integers(0, 6, 4)
    short(ids)
    once = short.weight.copy()
    norms = np.linalg.norm(once[ids].astype(np.float64), p, axis=1)
    assert (norms <= bound * (1 + 2**-50)).all()
    short(ids)
    np.testing.assert_array_equal(short.weight, once)
    rest = np.setdiff1d(np.arange(6), ids)
    np.testing.assert_array_equal(short.weight[rest], table[rest])


# ---- frequencies, sparse, and all of it together


def test_each_occurrence_counts_for_one_part_of_how_often_the_id_was_looked_up():
    scaled = layer(scale_grad_by_freq=True)
    scaled([[0, 1], [0, 0]])
    g = np.array([[[1.0, 2.0], [8.0, 16.0]], [[3.0, 4.0], [5.0, 6.0]]])
    assert scaled.backward(g).to_dense()[:2].tolist() == [[3.0, 4.0], [8.0, 16.0]]


def test_what_is_exported():
    both = [layer(sparse=sparse) for sparse in (False, True)]
    for one in both:
        assert one.export_grad() is None
        one([0, 4, 0])
        one.backward(np.ones((3, 2)))
        assert one.grad.rows.tolist() == [0, 4]
    dense, coo = (one.export_grad() for one in both)
    assert dense.tolist() == [[2.0, 2.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]
    np.testing.assert_array_equal(both[1].grad.to_dense(), dense)
    assert type(coo) is type(both[1].grad.to_coo())


def test_torchs_options_beside_pykeens():
    """Shortened, then normalized, charged for, dropped out; the gradient goes back the same way, divided, without the padding."""
    options = {"normalizer": "normalize", "regularizer": "lp", "dropout": 0.5, "shape": (2,), "rng": 0}
    mixed = Embedding(5, max_norm=2.0, padding_idx=4, scale_grad_by_freq=True, weight=ROWS, **options)
    ids = np.array([0, 2, 0, 4])
    out, pullback = mixed.vjp(ids)
    g = naive.rows(np.random.default_rng(1), (4, 2))
    gradient = pullback(g, 1.0)
    assert gradient.rows.tolist() == [0, 2]
    plain = Embedding(weight=mixed.weight.copy(), **{name: value for name, value in options.items() if name != "shape"})
    expected, back = plain.vjp(ids)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_allclose(gradient.to_dense()[[0, 2]], back(g, 1.0).to_dense()[[0, 2]] / [[2.0], [1.0]], rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.complex128])
def test_every_dtype(dtype):
    rows = naive.rows(np.random.default_rng(0), (4, 3), dtype) * np.array([[10], [0.1], [10], [0.1]]).astype(dtype)
    short = Embedding(weight=rows, max_norm=1.0, padding_idx=1, scale_grad_by_freq=True)
    out = short([0, 0, 1])
    assert out.dtype == dtype
    assert abs(np.linalg.norm(out[0]) - 1) < 1e-6
    assert short.backward(out).dtype == dtype


# ---- what is given at construction


def test_weight_says_the_sizes_and_the_dtype():
    rows = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    made = Embedding(weight=rows)
    assert (made.max_id, made.shape, made.dtype) == (2, (3, 4), np.float32)
    made.weight[0] = -1
    assert rows[0, 0, 1] == 1  # a copy
    made.reset_parameters()
    np.testing.assert_array_equal(made.weight, rows)
    assert Embedding(5, 2, weight=ROWS, dtype=np.float32).dtype == np.float32
    assert not Embedding(_weight=ROWS, _freeze=True).trainable


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"weight": ROWS, "_weight": ROWS}, ValueError, "weight and _weight are both given; allowed: one of them"),
        ({"weight": ROWS, "initializer": "zeros"}, ValueError, "weight and initializer are both given; allowed: one of them"),
        ({"weight": ROWS, "max_id": 4}, ValueError, r"weight has shape \(5, 2\); allowed: \(4, 2\), as the sizes say"),
        ({"weight": ROWS, "shape": (2, 1)}, ValueError, r"weight has shape \(5, 2\); allowed: \(5, 2, 1\), as the sizes say"),
        ({"weight": [[1.0]]}, TypeError, "weight is a list; allowed: a NumPy array"),
        ({"weight": ROWS, "_freeze": True, "trainable": True}, ValueError, "_freeze = True and trainable = True are both given"),
        ({"weight": ROWS, "_freeze": 1}, ValueError, "_freeze = 1 is not a choice"),
        ({"weight": ROWS, "device": "cuda"}, ValueError, "device = 'cuda' is not where tables are kept; allowed: None or 'cpu'"),
        ({"weight": ROWS, "max_norm": -1}, ValueError, "max_norm = -1 is out of range; allowed: a finite number >= 0"),
        ({"weight": ROWS, "norm_type": 0.5}, ValueError, "norm_type = 0.5 is out of range"),
        ({"weight": ROWS, "sparse": 1}, ValueError, "sparse = 1 is not a choice"),
        ({"weight": ROWS, "scale_grad_by_freq": None}, ValueError, "scale_grad_by_freq = None is not a choice"),
    ],
)
def test_bad_input_is_refused(options, error, said):
    with pytest.raises(error, match=f"Embedding: {said}"):
        Embedding(**options)


def test_freeze_and_trainable_of_from_pretrained():
    assert not Embedding.from_pretrained(ROWS).trainable
    assert not Embedding.from_pretrained(ROWS, True).trainable
    assert Embedding.from_pretrained(ROWS, freeze=False).trainable
    assert Embedding.from_pretrained(ROWS, trainable=True).trainable
    for both in (True, False):
        with pytest.raises(ValueError, match=r"from_pretrained: freeze = .* and trainable = .* are both given"):
            Embedding.from_pretrained(ROWS, freeze=both, trainable=both)
    made = Embedding.from_pretrained(ROWS, False, 1, 2.0, 1.0, True, True)
    assert (made.padding_idx, made.max_norm, made.norm_type, made.scale_grad_by_freq, made.sparse) == (1, 2.0, 1.0, True, True)


def test_copies_and_repr_tell_the_options():
    one = layer(padding_idx=1, max_norm=2.0, norm_type=1.0, scale_grad_by_freq=True, sparse=True)
    said = "padding_idx=1, max_norm=2.0, norm_type=1.0, scale_grad_by_freq=True, sparse=True"
    assert said in repr(one)
    for other in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert repr(other) == repr(one)
        np.testing.assert_array_equal(other([0]), one([0]))


# ---- what is and is not the gradient


@pytest.mark.parametrize(
    ("options", "differs"),
    [
        ({}, ()),
        ({"padding_idx": 0}, ("padding_idx",)),
        ({"scale_grad_by_freq": True}, ("scale_grad_by_freq",)),
        ({"max_norm": 1.0}, ("max_norm",)),
    ],
)
def test_gradcheck_knows_what_is_intentionally_not_the_gradient(options, differs):
    made = layer(**options)
    report = check_layer(made, [0, 4, 0])
    assert report.intentional == differs
    np.testing.assert_array_equal(made.weight, ROWS)
    assert check_layer(layer(normalizer="normalize", regularizer="lp", **options), [0, 4, 0]).intentional == differs


def test_gradcheck_of_a_layer_finds_what_is_wrong():
    wrong = layer()
    wrong.to_table = lambda drows, ids: 2.0 * Embedding.to_table(wrong, drows, ids)
    with pytest.raises(GradientError, match=r"Embedding.*dweight"):
        check_layer(wrong, [0, 4])
