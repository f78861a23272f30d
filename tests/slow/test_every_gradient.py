"""Every entry of every gradient against differences of its forward pass; the quick tests look at a few of each."""

import numpy as np
import pytest
from test_registries import CHECKED_HERE, OPS, check_gradients, whole_cases
from unit.layers.test_representations import IDS, KINDS, MAKERS, OPTIONS, as_ops
from unit.show import test_show_norm

from npembed.verify.gradcheck import check_vjp

pytestmark = pytest.mark.nightly


@pytest.mark.parametrize("name", OPS)
def test_ops(name):
    assert check_gradients(name) >= 90


@pytest.mark.parametrize("name", CHECKED_HERE)
def test_what_is_in_no_registry(name):
    op, cases = CHECKED_HERE[name]
    for i, (args, options) in enumerate(cases(np.random.default_rng(23))):
        check_vjp(op, *args, rng=i, **options)


@pytest.mark.parametrize("dropout", [False, True])
def test_whole_models(dropout):
    for i, (label, op, tables) in enumerate(whole_cases(np.random.default_rng(21), dropout)):
        assert check_vjp(op, *tables, rng=i, entries=8).kinks == 0, label


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_representations(kind, options):
    for ids in (IDS, None, np.array(3), np.array([2, 0]), np.zeros((0, 2), int)) if options == OPTIONS[0] else (IDS,):
        made = MAKERS[kind](**options)
        said, charged = as_ops(made, ids)
        tables = [layer.weight.copy() for layer in made.layers]
        assert check_vjp(said, *tables, rng=1, entries=5).kinks == 0
        if any(part.regularizer for part in made.parts) and (ids is None or ids.size):
            assert check_vjp(charged, *tables, rng=2, entries=5).kinks == 0


@pytest.mark.parametrize("dim", [2, 3, 50])
@pytest.mark.parametrize(("lr", "seed"), [(0, 0), (0.01, 1), (0.5, 2), (5, 3), (0.5, -1)])
def test_the_checks_of_show_norm(lr, seed, dim):
    test_show_norm.test_the_checks_hold(lr, seed, dim)
