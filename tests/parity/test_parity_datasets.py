"""Graphs against the PyKEEN that is installed: the same ids, the same triples in the same order."""

import numpy as np
import pytest

from npembed.kge.datasets import DATASETS, TriplesFactory, load

pytestmark = pytest.mark.filterwarnings("ignore")

PARTS = ("training", "validation", "testing")
AWKWARD = [
    ("Zoe", "likes_inverse", "ann"),
    ("ann", "likes", "Zoe"),
    ("ann", "knows of", "Ärger"),
    ("person10", "likes.", "person2"),
    ("_", "likes", "ann"),
    ("ann", "knows of", "Ärger"),
    ("10", "likesA", "9"),
]


def assert_same(found, expected):
    assert found.entity_to_id == dict(expected.entity_to_id)
    assert found.relation_to_id == dict(expected.relation_to_id)
    np.testing.assert_array_equal(found.mapped_triples, expected.mapped_triples.numpy())


@pytest.mark.parametrize("name", DATASETS)
def test_the_shipped_graphs(name):
    pykeen = pytest.importorskip("pykeen.datasets")
    found, expected = load(name), pykeen.get_dataset(dataset=name)
    for part in PARTS:
        assert_same(getattr(found, part), getattr(expected, part))


def test_labels_of_all_sorts():
    triples = pytest.importorskip("pykeen.triples")
    labels = np.array(AWKWARD, dtype=object)
    with pytest.warns(UserWarning, match="1 of 7 triples repeat"):
        found = TriplesFactory.from_labeled_triples(labels)
    expected = triples.TriplesFactory.from_labeled_triples(labels, filter_out_candidate_inverse_relations=False)
    assert_same(found, expected)
    assert list(found.relation_to_id) == ["knows of", "likes", "likes_inverse", "likes.", "likesA"]


def test_a_folder_whose_later_parts_hold_unknown_labels(tmp_path):
    datasets = pytest.importorskip("pykeen.datasets.base")
    parts = {
        "train": ["a\tr\tb", "b\ts\tc", "c\tr\ta"],
        "valid": ["a\ts\tc", "a\tnew\tb", "new\tr\tnewer"],
        "test": ["c\ts\ta", "a\tr\tnew"],
    }
    for name, lines in parts.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = load(tmp_path)
    paths = {f"{part}_path": tmp_path / f"{name}.txt" for part, name in zip(PARTS, parts, strict=True)}
    expected = datasets.PathDataset(**paths)
    for part, dropped in zip(PARTS, (0, 2, 1), strict=True):
        assert_same(getattr(found, part), getattr(expected, part))
        assert getattr(found, part).dropped == dropped
