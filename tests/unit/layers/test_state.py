"""The state of a layer and of a model: PyKEEN's names and shapes, carried from one to another without a bit lost."""

import numpy as np
import pytest

from npembed import Embedding
from npembed.kge.datasets import Nations
from npembed.kge.models import MODELS
from npembed.layers import from_state

DTYPES = ("float32", "float64", "complex64", "complex128")
NAME = "_embeddings.weight"


def layer(dtype, seed=0, **options):
    return Embedding(5, shape=options.pop("shape", (2, 3)), dtype=dtype, rng=seed, **options)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_table_is_a_real_matrix_number_by_number(dtype):
    here = layer(dtype)
    (matrix,) = here.state_dict().values()
    pairs = [
        [part for x in row.ravel() for part in ((x.real, x.imag) if here.dtype.kind == "c" else (x,))] for row in here.weight
    ]
    np.testing.assert_array_equal(matrix, pairs)
    assert matrix.dtype == here.weight.real.dtype
    there = layer(dtype, seed=1)
    there.load_state_dict({NAME: matrix})
    np.testing.assert_array_equal(there.weight, here.weight)
    before = here.weight.copy()
    matrix[...] = 7  # a copy on the way out, and one on the way in
    np.testing.assert_array_equal(here.weight, before)
    np.testing.assert_array_equal(there.weight, before)
    assert not np.shares_memory(from_state("load", here, {NAME: matrix}), matrix)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (4,), (2, 1, 3)])
def test_any_shape_and_layout(dtype, shape):
    here, there = layer(dtype, shape=shape), layer(dtype, seed=1, shape=shape)
    (matrix,) = here.state_dict().values()
    wide = np.zeros((5, 2 * matrix.shape[1]), matrix.dtype)
    wide[:, ::2] = matrix
    for given in (
        matrix,
        np.asfortranarray(matrix),
        wide[:, ::2],
        matrix.tolist() if dtype == "float64" and matrix.size else matrix,
    ):
        there.reset_parameters()
        there.load_state_dict({NAME: given})
        np.testing.assert_array_equal(there.weight, here.weight)
        assert there.weight.flags.c_contiguous


def test_a_frozen_table_is_loaded_and_stays_frozen():
    here, there = layer("float32"), layer("float32", seed=1, trainable=False)
    there.load_state_dict(here.state_dict())
    np.testing.assert_array_equal(there.weight, here.weight)
    assert not there.weight.flags.writeable


def test_the_numbers_of_a_regularizer():
    here = layer("complex64", regularizer="lp", regularizer_kwargs={"weight": 0.25})
    state = here.state_dict()
    assert list(state) == [NAME, "regularizer.weight", "regularizer.regularization_term"]
    assert (state["regularizer.weight"].shape, state["regularizer.weight"].dtype, state["regularizer.weight"]) == (
        (),
        np.float32,
        0.25,
    )
    np.testing.assert_array_equal(state["regularizer.regularization_term"], np.zeros(1, np.float32))
    layer("complex64", seed=1).load_state_dict(state)  # where they are not read


@pytest.mark.parametrize("name", MODELS)
def test_a_model_takes_both_tables(name):
    here, there = (MODELS[name](Nations().training, embedding_dim=3, random_seed=seed) for seed in (0, 1))
    state = here.state_dict()
    assert {key.split(".")[0] for key in state} == {"entity_representations", "relation_representations"}
    there.load_state_dict(dict(reversed(state.items())))
    for one, other in zip(here.layers, there.layers, strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)


def test_nothing_changes_unless_all_of_it_fits():
    here = MODELS["transe"](Nations().training, embedding_dim=3, random_seed=0)
    state, before = here.state_dict(), [layer.weight.copy() for layer in here.layers]
    entity, relation = state
    for bad in ({entity: state[entity] + 1}, {entity: state[entity] + 1, relation: state[relation][:-1]}):
        with pytest.raises((KeyError, ValueError), match=r"load_state_dict: relation_representations\.0: "):
            here.load_state_dict(bad)
        for layer_, weight in zip(here.layers, before, strict=True):
            np.testing.assert_array_equal(layer_.weight, weight)


def test_loading_does_not_draw_or_constrain():
    here = layer("float32", constrainer="normalize", shape=(3,))
    drawn = repr(here.rng)
    here.load_state_dict({NAME: np.full((5, 3), 9, np.float32)})
    np.testing.assert_array_equal(here.weight, np.full((5, 3), 9))
    assert repr(here.rng) == drawn
