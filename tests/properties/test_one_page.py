"""The page of plain NumPy does what the library does, and the README quotes it."""

from pathlib import Path

import numpy as np
import pytest
from places import ROOT

from npembed import one_page
from npembed.embedding.lookup import lookup, lookup_vjp, post_step_
from npembed.embedding.optimizers import sgd_
from npembed.embedding.row_maps import NORMALIZERS, normalize

RNG = np.random.default_rng(0)
TABLE, IDS, TARGET = RNG.normal(size=(5, 3)), np.array([4, 0, 4, 2]), RNG.normal(size=(4, 3))


@pytest.mark.parametrize("lr", [0.0, 0.1, 3.0])
def test_normalizer_step(lr):
    table, inside = TABLE.copy(), NORMALIZERS["normalize"]
    g = lookup(table, IDS, normalizer=inside) - TARGET
    sgd_(table, lookup_vjp(g, table, IDS, normalizer=inside), lr=lr)
    np.testing.assert_allclose(one_page.step_with_normalizer(TABLE, IDS, TARGET, lr), table, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("lr", [0.0, 0.1, 3.0])
def test_constrainer_step(lr):
    table = TABLE.copy()
    sgd_(table, lookup_vjp(lookup(table, IDS) - TARGET, table, IDS), lr=lr)
    post_step_(table, normalize)
    np.testing.assert_allclose(one_page.step_with_constrainer(TABLE, IDS, TARGET, lr), table, rtol=1e-14, atol=1e-15)


def test_the_pieces():
    g = RNG.normal(size=(4, 3))
    np.testing.assert_array_equal(one_page.scatter_add(g, IDS, 5)[4], g[0] + g[2])
    np.testing.assert_allclose(one_page.normalize_vjp(g, TABLE[:4]), NORMALIZERS["normalize"].vjp(g, TABLE[:4]), rtol=1e-13)


def test_readme_quotes_the_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    page = Path(one_page.__file__).read_text(encoding="utf-8")
    body = page[page.index("def scatter_add") : page.index("\n\nif __name__")]
    assert body.strip() in readme
