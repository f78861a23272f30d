"""The kit on the peers that are installed: what it finds is what is listed with their adapters, no more and no less."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from places import ROOT

from npembed.verify.conformance import adapter, check
from npembed.verify.conformance.reading import TOPICS

ALL, SMALL = TOPICS, tuple(topic for topic in TOPICS if topic != "large")
NIGHTLY = os.environ.get("NPEMBED_HYPOTHESIS") == "nightly"


@pytest.mark.parametrize(("peer", "known"), [("torch", 47), ("pykeen", 70)])
@pytest.mark.filterwarnings("ignore")
def test_the_findings_are_those_listed(peer, known):
    pytest.importorskip(peer)
    report = check(adapter(peer))
    assert report.ok, "\n".join(r.message for r in report.failures)
    assert report.count("known") == known == len(adapter(peer).known_failures)
    assert report.unused == ()
    assert report.count("passed") + report.count("acceptable") >= 150


ALONE = """
import json, sys, warnings
import numpy as np
from npembed.verify.conformance import adapter, check
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    peer, *topics = sys.argv[1:]
    reports = [check(adapter(peer), topic) for topic in topics]
results = [r for report in reports for r in report.results]
counts = {status: sum(r.status == status for r in results) for status in ("passed", "acceptable", "known", "failed")}
counts["second"] = sum(r.status == "passed" for r in results if r.case.topic == "second")
known = adapter(peer).known_failures
counts |= {"listed": len(known), "listed_here": sum(r.case.id in known for r in results)}
counts["unused"] = [name for report in reports for name in report.unused]
print(json.dumps({"failures": [r.message for r in results if r.status == "failed"], **counts}))
if "jax" in sys.modules:
    assert sys.modules["jax"].numpy.zeros(1).dtype == "float32", "float64 stayed switched on"
"""


@pytest.mark.parametrize(
    ("peer", "backend", "topics", "known", "second"),
    [
        ("jax", None, ALL if NIGHTLY else SMALL, 33, 10),  # most of the minutes are compiling, anew for each size
        ("flax", None, ALL if NIGHTLY else SMALL, 37, 10),
        ("keras", "torch", ALL, 81, 8),
        ("keras", "jax", ALL if NIGHTLY else ("second",), 69, 9),
    ],
)
def test_the_findings_in_a_process_of_their_own_are_those_listed(peer, backend, topics, known, second, tmp_path):
    """JAX and Keras leave threads and settings behind, which are no business of other tests."""
    for library in (peer, *([backend] if backend else [])):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), **({"KERAS_BACKEND": backend} if backend else {})}
    command = [sys.executable, "-c", ALONE, peer, *topics]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.strip().split("\n")[-1])
    assert found["failed"] == 0, "\n".join(found["failures"])
    assert found["known"] == found["listed_here"]
    assert found["listed"] == known
    assert found["second"] == second
    assert found["unused"] == []
    if len(topics) > 1:
        assert found["passed"] + found["acceptable"] >= 150
