"""Run folders as an enemy writes them, with right checksums: refused in one line, or as good as any other."""

import copy
import json
import os
import subprocess
import sys

import forged
import forgeries
import pytest

from npembed.kge.runs import prepare

NUMBER = 1500 if os.environ.get("NPEMBED_HYPOTHESIS") == "nightly" else 300
WORKERS = 2
ALLOWED = {
    "load": ("ValueError",),
    "train": ("FloatingPointError", "TypeError", "ValueError", "MemoryError"),
    "evaluate": ("FloatingPointError", "ValueError"),
    "predict": ("FloatingPointError",),
}
"""Which errors there may be after what was forged, each in words of the house; elsewhere none."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Saved runs of several kinds, taken apart, by name; and the format of their arrays."""
    folder, found = tmp_path_factory.mktemp("whole"), {}
    for name, asked, suffix in forged.bases():
        result, _ = prepare(**asked)
        result.train(0 if name == "replay" else 1).evaluate()
        result.save_to_directory(folder / name)
        found[name] = forged.taken_apart(folder / name), suffix
    return found


def came_to(paths):
    """What some workers say of these folders: a list of errors by path, "died" where a worker did."""
    found = {}
    while left := [path for path in paths if path not in found]:
        shares = [left[i::WORKERS] for i in range(WORKERS)]
        workers = [
            subprocess.Popen([sys.executable, forged.__file__, *share], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for share in shares
            if share
        ]
        for worker in workers:
            out, said = worker.communicate()
            lines = [json.loads(line) for line in out.splitlines()]
            assert lines, said
            found |= {line["path"]: line["errors"] for line in lines if "errors" in line}
            if worker.returncode:
                found.setdefault(lines[-1]["path"], [["died", str(worker.returncode), said[-500:], ""]])
    return found


def wrong(where, kind, text):
    """Whether an error is none that there may be."""
    return kind not in ALLOWED.get(where, ()) or not forged.HOUSE.fullmatch(text) or len(text) > 1500


def test_forged_runs_are_refused_in_words_or_go_on(runs, tmp_path):
    ways = {}
    for seed in range(NUMBER):
        name = list(runs)[seed % len(runs)]
        run, suffix = copy.deepcopy(runs[name])
        ways[str(tmp_path / str(seed))] = name, forgeries.forge(run, seed)
        forged.put_together(tmp_path / str(seed), run, suffix)
    found = came_to(list(ways))
    bad = [(ways[path], error) for path, errors in found.items() for error in errors if wrong(*error[:3])]
    assert not bad, "\n".join(map(str, bad))
    accepted = sum(all(error[0] != "load" for error in errors) for errors in found.values())
    assert 0.03 * NUMBER < accepted < 0.5 * NUMBER


def test_what_is_not_forged_goes_on(runs, tmp_path):
    for name, (run, suffix) in runs.items():
        forged.put_together(tmp_path / name, copy.deepcopy(run), suffix)
        assert list(forged.go_on(tmp_path / name)) == []
