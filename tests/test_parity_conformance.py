"""The kit on the peers that are installed: what it finds is what is listed with their adapters, no more and no less."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest

from npembed.conformance import adapter, check

NIGHTLY = os.environ.get("NPEMBED_HYPOTHESIS") == "nightly"


@pytest.mark.parametrize(("peer", "known"), [("torch", 33), ("pykeen", 51)])
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
from npembed.conformance import adapter, check
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    peer, topic = sys.argv[1:]
    report = check(adapter(peer), topic or None)
counts = {status: report.count(status) for status in ("passed", "acceptable", "known", "failed")}
seconds = [r for r in report.results if r.case.topic == "second"]
counts["unused"] = report.unused
counts["second"] = sum(r.status == "passed" for r in seconds)
print(json.dumps({"failures": [r.message for r in report.failures], "listed": len(adapter(peer).known_failures), **counts}))
if "jax" in sys.modules:
    assert sys.modules["jax"].numpy.zeros(1).dtype == "float32", "float64 stayed switched on"
"""


@pytest.mark.parametrize(
    ("peer", "backend", "topic", "known", "second"),
    [
        ("jax", None, "", 21, 10),
        ("flax", None, "", 28, 10),
        ("keras", "torch", "", 56, 8),
        ("keras", "jax", "" if NIGHTLY else "second", 40 if NIGHTLY else 1, 9),  # most of the half minute is compiling
    ],
)
def test_the_findings_in_a_process_of_their_own_are_those_listed(peer, backend, topic, known, second, tmp_path):
    """JAX and Keras leave threads and settings behind, which are no business of other tests."""
    for library in (peer, *([backend] if backend else [])):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), **({"KERAS_BACKEND": backend} if backend else {})}
    command = [sys.executable, "-c", ALONE, peer, topic]
    done = subprocess.run(
        command, cwd=pathlib.Path(__file__).parent.parent, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.strip().split("\n")[-1])
    assert found["failed"] == 0, "\n".join(found["failures"])
    assert found["known"] == known
    assert found["second"] == second
    assert found["unused"] == []
    if not topic:
        assert found["listed"] == known
        assert found["passed"] + found["acceptable"] >= 150
