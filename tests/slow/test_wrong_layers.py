"""Every wrong layer is found by the conformance kit, and named."""

import re

import pytest
from wrong_layers import BUGS, HIDDEN

from npembed.verify.conformance import cases, check
from npembed.verify.conformance.checking import judge
from npembed.verify.conformance.declaring import declared
from npembed.verify.conformance.reading import TOPICS


@pytest.mark.parametrize(("layer", "cause", "seen"), [b[1:] for b in BUGS], ids=[b[0] for b in BUGS])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_historical_bug_is_found_and_named(layer, cause, seen):
    failures = []
    for topic in sorted(TOPICS, key="large".__eq__):  # which takes long, last
        failures += check(layer, topic).failures
        if any(re.search(cause, r.message) for r in failures):
            break
    else:
        raise AssertionError("\n".join(r.message for r in failures))
    assert seen


@pytest.mark.parametrize(("layer", "topic", "cause"), [b[1:] for b in HIDDEN], ids=[b[0] for b in HIDDEN])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_bug_of_large_sizes_or_of_options_that_meet_is_found_and_named(layer, topic, cause):
    """Nearly all of them pass every case of the other topics."""
    about = declared(layer)
    results = (judge(case, layer, about) for case in cases(topic) if case.dtype != "float64")
    assert any(r.status == "failed" and re.search(cause, r.message) for r in results)


def test_there_are_many_of_them():
    assert len(BUGS) >= 25
