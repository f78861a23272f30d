"""The conformance vectors as they are shipped are those that exact arithmetic gives."""

import sys

import pytest
from places import GOLDEN

from npembed.verify.conformance.reading import TOPICS, VECTORS

sys.path.insert(0, str(GOLDEN))

import make_vectors


@pytest.mark.parametrize("topic", TOPICS)
def test_the_vectors_are_those_that_exact_arithmetic_gives(topic):
    """Made anew, they are the same to the letter: nobody has edited a number."""
    assert (VECTORS / f"{topic}.json").read_text(encoding="utf-8") == make_vectors.text(topic)
