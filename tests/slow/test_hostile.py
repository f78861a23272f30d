"""Hostile calls (tests/hostile): each in a process of its own is refused in words, or answered rightly; and nothing else happens."""

import collections
import functools
import json
import os
import re
import subprocess
import sys

import pytest
from hostile import catalogue, complaints
from places import PYTHONPATH

CALLS = [call for call in catalogue.every() if call.plain or os.environ.get("NUMBA_DISABLE_JIT") != "1"]
SOUND = [call for call in CALLS if call not in catalogue.CANARIES]


@functools.cache
def outcomes():
    """What came of each call."""
    env = {**os.environ, "PYTHONPATH": PYTHONPATH, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-W", "error", "-m", "hostile"], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("call", SOUND, ids=[call.name for call in SOUND])
def test_a_hostile_call_is_refused_in_words_or_answered_rightly(call):
    assert complaints(call, outcomes()[call.name]) == []


@pytest.mark.parametrize("call", catalogue.CANARIES, ids=[call.name for call in catalogue.CANARIES])
def test_what_must_be_noticed_is_noticed(call):
    found = complaints(call, outcomes()[call.name])
    assert any(re.search(catalogue.CANARIES[call], said) for said in found), found


def test_there_are_enough_calls_and_each_has_a_name_of_its_own():
    calls = [call for call in catalogue.every() if call not in catalogue.CANARIES]
    names = collections.Counter(call.name for call in catalogue.every())
    assert len(calls) >= 150
    assert max(names.values()) == 1, names.most_common(3)
    assert all((call.error is None) != (call.answer is None) for call in calls)
