"""The README's table of features: npembed has every one of them, and the table is the one that the probes speak of."""

import features
import pytest
import readme

PROBES = features.here()


def test_every_feature_has_a_probe():
    assert sorted(PROBES) == sorted(feature.probe for feature in features.FEATURES)


@pytest.mark.parametrize("name", PROBES)
def test_npembed_has_it(name):
    PROBES[name]()


def test_the_table_in_the_readme_is_this_one():
    assert features.table() in readme.README.read_text(encoding="utf-8")
