"""The whole story in one test: look up, normalize, differentiate, step, constrain, with every number worked out by hand."""

import numpy as np

from npembed import Embedding
from npembed.embedding.lookup import lookup, lookup_vjp, post_step_
from npembed.embedding.optimizers import sgd_
from npembed.embedding.row_maps import NORMALIZERS, normalize


def test_one_step_by_hand():
    table = np.array([[3.0, 4.0], [9.0, 9.0], [0.0, 2.0]])
    ids = np.array([0, 2, 0])
    inside = NORMALIZERS["normalize"]

    # forward: copy rows 0, 2, 0 and bring each to length one
    out = lookup(table, ids, normalizer=inside)
    np.testing.assert_allclose(out, [[0.6, 0.8], [0.0, 1.0], [0.6, 0.8]], rtol=1e-15)

    # backward: g loses its part along the row and is divided by its length; row 0 gets the sum of both
    g = np.array([[1.0, 0.0], [1.0, 7.0], [0.0, 1.0]])
    gradient = lookup_vjp(g, table, ids, normalizer=inside)
    assert gradient.rows.tolist() == [0, 2]
    # (1,0) - .6(.6,.8) = (.64,-.48); (0,1) - .8(.6,.8) = (-.48,.36); their sum over 5; and (1,7) - 7(0,1) = (1,0) over 2
    np.testing.assert_allclose(gradient.values, [[0.032, -0.024], [0.5, 0.0]], rtol=1e-13)
    assert abs(gradient.values[0] @ table[0]) < 1e-16

    # the normalizer's step is at right angles to the row, which grows by Pythagoras
    stepped = table.copy()
    sgd_(stepped, gradient, lr=10.0)
    np.testing.assert_allclose(stepped, [[2.68, 4.24], [9.0, 9.0], [-5.0, 2.0]], rtol=1e-14)
    np.testing.assert_allclose((stepped**2).sum(axis=1), [25 + 0.16, 162, 4 + 25], rtol=1e-14)

    # the constrainer knows of no gradient: the same g goes to the table as it is, then every row is put back
    plain = lookup_vjp(g, table, ids)
    np.testing.assert_array_equal(plain.to_dense(), [[1.0, 1.0], [0.0, 0.0], [1.0, 7.0]])
    sgd_(table, plain, lr=1.0)
    post_step_(table, normalize)
    np.testing.assert_allclose(table, [[2, 3], [9, 9], [-1, -5]] / np.sqrt([[13], [162], [26]]), rtol=1e-15)


def test_the_class_says_the_same():
    weight = np.array([[3.0, 4.0], [9.0, 9.0], [0.0, 2.0]])
    g = np.array([[1.0, 0.0], [1.0, 7.0], [0.0, 1.0]])
    layer = Embedding(3, 2, initializer=weight, normalizer="normalize", dtype=np.float64)
    layer([0, 2, 0])
    np.testing.assert_allclose(layer.backward(g).values, [[0.032, -0.024], [0.5, 0.0]], rtol=1e-13)
    layer = Embedding(3, 2, initializer=weight, constrainer="normalize", dtype=np.float64)
    np.testing.assert_allclose(layer.weight, [[0.6, 0.8], [0.5**0.5, 0.5**0.5], [0.0, 1.0]], rtol=1e-15)
    layer.weight -= np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    layer.post_parameter_update()
    np.testing.assert_allclose(layer.weight[2], [-1.0, 0.0], rtol=1e-15)
