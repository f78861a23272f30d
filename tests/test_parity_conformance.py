"""The kit on the peers that are installed: what it finds is what is listed with their adapters, no more and no less."""

import pytest

from npembed.conformance import adapter, check


@pytest.mark.parametrize(("peer", "known"), [("torch", 33), ("pykeen", 51)])
@pytest.mark.filterwarnings("ignore")
def test_the_findings_are_those_listed(peer, known):
    pytest.importorskip(peer)
    report = check(adapter(peer))
    assert report.ok, "\n".join(r.message for r in report.failures)
    assert report.count("known") == known == len(adapter(peer).known_failures)
    assert report.count("passed") + report.count("acceptable") >= 150
