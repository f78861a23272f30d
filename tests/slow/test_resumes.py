"""Runs that are stopped, saved, and gone on with by another process are those that never stopped."""

import subprocess
import sys

import pytest
from places import ROOT
from unit.kge.test_runs import RUNS, batches_of, fresh, same, stopped_after

from npembed import load

GO_ON = """
import os, pathlib, sys
import npembed
os.fsync = lambda descriptor: None  # which takes longer than all the rest
for folder in pathlib.Path(sys.argv[1]).iterdir():
    result = npembed.load(folder)
    result.train(5 - len(result.epochs))
    result.save_to_directory(folder)
"""


@pytest.fixture(scope="module")
def gone_on(tmp_path_factory):
    """Folders of runs that were stopped here after 3 whole epochs and some batches, and trained for what is left by another process."""
    folder = tmp_path_factory.mktemp("runs")
    for i, key in enumerate(RUNS):
        result = fresh(key)
        more, batches = i % batches_of(result), 3 * batches_of(result)
        (stopped_after(batches + more, result, 5) if more else result.train(3)).save_to_directory(folder / key)
        assert load(folder / key).batches == (3, more)
    subprocess.run([sys.executable, "-c", GO_ON, str(folder)], check=True, cwd=ROOT)
    return folder


@pytest.mark.parametrize("key", RUNS)
def test_three_epochs_or_more_and_the_rest_in_another_process_are_five(gone_on, key):
    found, at_once = load(gone_on / key), fresh(key).train(5)
    same(found, at_once)
    assert len(found.losses) == 5
    assert found.evaluate().metrics == at_once.evaluate().metrics
