"""`EmbeddingBag`: what it accepts, what forward, backward and max_norm do to it, and in which order."""

import copy
import pickle

import numpy as np
import pytest

import npembed
from npembed import Embedding, EmbeddingBag, RowSparse
from npembed.embedding.bags import embedding_bag, embedding_bag_vjp
from npembed.embedding.max_norm import renorm_
from npembed.embedding.optimizers import sgd_

TABLE = np.array([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0], [0.0, -2.0]])


def made(array=TABLE, **options):
    return EmbeddingBag.from_pretrained(array, freeze=False, **options)


def test_what_is_drawn():
    layer = EmbeddingBag(5, 3, rng=0)
    assert npembed.EmbeddingBag is EmbeddingBag
    assert layer.weight.tolist() == Embedding(5, 3, rng=0).weight.tolist()  # and so torch's, see test_parity_layer
    assert (layer.num_embeddings, layer.max_id, layer.embedding_dim, layer.shape, layer.mode) == (5, 5, 3, (3,), "mean")
    padded = EmbeddingBag(5, 3, padding_idx=-2, rng=0)
    assert padded.padding_idx == 3
    assert padded.weight[3].tolist() == [0, 0, 0]
    assert padded.weight[[0, 1, 2, 4]].tolist() == layer.weight[[0, 1, 2, 4]].tolist()
    padded.weight = np.ones((5, 3), np.float32)
    padded.reset_parameters()
    assert padded.weight[3].tolist() == [0, 0, 0]
    assert made(padding_idx=0).weight.tolist() == TABLE.tolist()
    assert EmbeddingBag(2, (2, 3), dtype=np.complex64, initializer="ones", mode="sum")([[0, 1]]).shape == (1, 2, 3)
    assert EmbeddingBag(0, 3)(np.zeros((2, 0), int)).tolist() == [[0, 0, 0]] * 2


def test_the_constrainer_acts_when_it_should():
    layer = EmbeddingBag(5, 3, constrainer="normalize", constrainer_kwargs={"p": np.inf}, padding_idx=0, rng=0)
    assert np.abs(layer.weight).max(axis=1).tolist() == [0, 1, 1, 1, 1]
    layer.weight = 2 * layer.weight
    layer.post_parameter_update()
    assert np.abs(layer.weight).max(axis=1).tolist() == [0, 1, 1, 1, 1]


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("options", [{}, {"padding_idx": 2}, {"scale_grad_by_freq": True, "include_last_offset": True}])
@pytest.mark.parametrize("frozen", [False, True])
def test_forward_and_backward_are_those_of_the_functions(mode, options, frozen):
    layer = EmbeddingBag.from_pretrained(TABLE, frozen, mode=mode, **options)
    ids, offsets, g = [2, 3, 2, 0, 3, 2], [0, 0, 3, 5], np.arange(1.0, 9).reshape(4, 2)
    for args in ((ids, offsets), (np.array(ids).reshape(2, 3),)):
        out = layer(*args)
        more = {name: value for name, value in options.items() if name != "include_last_offset" or len(args) == 2}
        assert out.tolist() == embedding_bag(TABLE, *args, mode=mode, **more).tolist()
        d = layer.backward(g[: len(out)])
        expected = embedding_bag_vjp(g[: len(out)], TABLE, *args, mode=mode, **more)
        assert d.rows.tolist() == expected.rows.tolist()
        assert d.values.tolist() == expected.values.tolist()
        assert d.num_rows == 4
        if frozen:
            assert layer.grad is None
        else:
            assert layer.grad.to_dense().tolist() == d.to_dense().tolist()
        layer.zero_grad()


def test_weights_and_their_gradient():
    layer = made(mode="sum", padding_idx=1, include_last_offset=True)
    ids, weights = np.array([0, 1, 2, 0, 3]), np.array([2.0, 5.0, -1.0, 3.0, 7.0])
    out = layer(ids, [0, 3, 4], weights)
    assert out.tolist() == [[0.0, 0.0], [9.0, 12.0]]
    d, dweights = layer.backward(np.array([[1.0, 10.0], [1.0, 0.0]]))
    assert d.to_dense().tolist() == [[5.0, 20.0], [0.0, 0.0], [-1.0, -10.0], [0.0, 0.0]]
    assert dweights.tolist() == [43.0, 0.0, 86.0, 3.0, 0.0]
    assert layer.grad.to_dense().tolist() == d.to_dense().tolist()
    wide = layer.vjp([[0, 2]], None, np.ones((1, 2)))[1](np.array([[1.0, 10.0]]))[1]
    assert wide.tolist() == [[43.0, 86.0]]


def test_a_pullback_is_of_its_own_lookup():
    """Whatever becomes of table, ids and weights afterwards."""
    ids, weights = np.array([[0, 1]]), np.array([[2.0, 3.0]])
    for mode, w in (("sum", weights), ("max", None), ("mean", None)):
        layer = made(mode=mode)
        g = np.ones((1, 2))
        fresh = layer.vjp(ids.copy(), None, None if w is None else w.copy())[1](g)
        given = ids.copy(), None, None if w is None else w.copy()
        _, pullback = layer.vjp(*given)
        layer.weight[...] = -layer.weight
        given[0][...] = 3
        if w is not None:
            given[2][...] = 9
        late = pullback(g)
        for a, b in zip(*(x if isinstance(x, tuple) else (x,) for x in (fresh, late)), strict=True):
            assert repr(getattr(a, "values", a)) == repr(getattr(b, "values", b))


def test_max_norm_shortens_the_rows_asked_for_and_no_others():
    layer = made(mode="sum", max_norm=1.0, padding_idx=0)
    layer.eval()
    out = layer([[0, 2, 2]])
    assert layer.weight[[1, 3]].tolist() == TABLE[[1, 3]].tolist()
    expected = TABLE.copy()
    renorm_(expected, [0, 2], max_norm=1.0)  # the padding too, as in torch
    assert layer.weight.tolist() == expected.tolist()
    assert out.tolist() == [(2 * expected[2]).tolist()]
    for call in (lambda: layer([[3, 4]]), lambda: layer([3, 3], [0, 3]), lambda: layer([[3]], None, np.ones(1))):
        with pytest.raises((IndexError, ValueError), match=r"^EmbeddingBag: (input|per_sample_weights|offsets)"):
            call()
        assert layer.weight.tolist() == expected.tolist()
    short = made(mode="sum", max_norm=1.0, include_last_offset=True)
    short([2, 3], [0, 1])
    assert short.weight[3].tolist() == TABLE[3].tolist()  # behind the last offset: not asked for


def test_max_norm_of_a_frozen_table_shortens_what_is_looked_up():
    frozen, free = EmbeddingBag.from_pretrained(TABLE, max_norm=1.0, norm_type=1), made(max_norm=1.0, norm_type=1)
    assert frozen([[0, 1, 2]]).tolist() == free([[0, 1, 2]]).tolist()
    np.testing.assert_allclose(np.abs(free.weight[:3]).sum(axis=1), [1.0, 0.7, 1.0], rtol=1e-15)
    assert frozen.weight.tolist() == TABLE.tolist()
    d, other = (layer.backward(np.array([[1.0, -3.0]])) for layer in (frozen, free))
    assert d.values.tolist() == other.values.tolist()


def test_torchs_way_on_request():
    torchs = made(np.array([[1.0], [np.nan], [3.0]]), mode="max", compat="torch", max_norm=2.0)
    assert torchs([[0, 1, 2]]).tolist() == [[3 * (2 / (3 + 1e-7))]]
    ours = made(np.array([[1.0], [np.nan], [3.0]]), mode="max", max_norm=2.0)
    assert np.isnan(ours([[0, 1, 2]])).all()
    assert ours.weight[2].tolist() == [2.0]


def test_ties():
    for ties, expected in (("first", [6.0, 0.0]), ("split", [3.0, 3.0])):
        layer = made(np.array([[5.0], [5.0]]), mode="max", ties=ties)
        layer([[0, 1]])
        assert layer.backward(np.array([[6.0]])).to_dense()[:, 0].tolist() == expected


def test_what_is_exported():
    for sparse in (False, True):
        layer = made(mode="sum", sparse=sparse)
        assert layer.export_grad() is None
        layer.backward(layer([[3, 1, 3]]))
        assert isinstance(layer.grad, RowSparse)
        found = layer.export_grad()
        if sparse:
            indices, values = found
            assert indices.tolist() == [[1, 3]]
            assert values.tolist() == layer.grad.values.tolist()
            values[...] = 7
            assert 7 not in layer.grad.values
        else:
            assert found.tolist() == layer.grad.to_dense().tolist()
    with pytest.raises(ValueError, match=r"^RowSparse.to_coo: coalesced = False is not a choice; allowed: True$"):
        layer.grad.to_coo(coalesced=False)


def test_one_forward_for_each_backward():
    layer, g = made(), np.ones((1, 2))
    with pytest.raises(RuntimeError, match=r"^EmbeddingBag.backward: no forward in training mode; allowed: "):
        layer.backward(g)
    assert layer.eval() is layer
    layer([[0]])
    with pytest.raises(RuntimeError, match="no forward in training mode"):
        layer.backward(g)
    layer.train()
    layer([[0]])
    layer([[1]])
    with pytest.raises(RuntimeError, match="several forwards since the last backward"):
        layer.backward(g)
    layer.zero_grad()
    layer([[0]])
    with pytest.raises(ValueError, match=r"^embedding_bag_vjp: g has shape \(2, 2\)"):
        layer.backward(np.ones((2, 2)))
    layer.backward(g)
    layer([[0, 1]])
    layer.backward(g)
    assert layer.grad.to_dense()[:, 0].tolist() == [1.5, 0.5, 0.0, 0.0]
    sgd_(layer.weight, layer.grad, lr=2.0)
    assert layer.weight[0].tolist() == [0.0, 1.0]


def test_frozen_thawed_copied_and_pickled():
    layer = EmbeddingBag.from_pretrained(TABLE, mode="sum")
    with pytest.raises(ValueError, match="EmbeddingBag: weight is frozen; allowed: a change after trainable = True"):
        layer.weight = TABLE
    with pytest.raises(ValueError, match="read-only"):
        layer.weight[0] = 1
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert not other.weight.flags.writeable
        assert other([[0, 1]]).tolist() == layer([[0, 1]]).tolist()
    view = layer.weight
    layer.trainable = True
    layer.weight = 2 * TABLE
    assert view.tolist() == TABLE.tolist()
    layer.trainable = False
    layer.trainable = False
    layer.post_parameter_update()
    assert not layer.weight.flags.writeable
    layer.reset_parameters()
    assert layer.weight.tolist() == TABLE.tolist()


def test_from_pretrained_understands_freeze_and_trainable():
    for options, trainable in (
        ({}, False), ({"freeze": True}, False), ({"freeze": False}, True), ({"trainable": True}, True), ({"trainable": False}, False),
        ({"freeze": True, "trainable": False}, False), ({"freeze": False, "trainable": True}, True),
    ):  # fmt: skip
        assert EmbeddingBag.from_pretrained(TABLE, **options).trainable is trainable
    assert EmbeddingBag.from_pretrained(TABLE, False).trainable is True  # torch's second argument
    assert EmbeddingBag.from_pretrained(TABLE.astype("f4")).dtype == np.float32
    assert EmbeddingBag.from_pretrained(TABLE, dtype=np.float32).dtype == np.float32


def test_repr():
    assert repr(EmbeddingBag(5, 3)) == "EmbeddingBag(5, (3,), mode='mean', dtype=float32)"
    assert repr(EmbeddingBag(5, 3, 2.0, padding_idx=1)) == (
        "EmbeddingBag(5, (3,), mode='mean', dtype=float32, max_norm=2.0, padding_idx=1)"
    )
    layer = EmbeddingBag(5, 3, 1.0, 1, True, "sum", True, True, 0, trainable=False, ties="split", compat="torch")
    assert repr(layer) == (
        "EmbeddingBag(5, (3,), mode='sum', dtype=float32, max_norm=1.0, norm_type=1.0, scale_grad_by_freq=True, sparse=True, "
        "include_last_offset=True, padding_idx=0, ties='split', compat='torch', trainable=False)"
    )
