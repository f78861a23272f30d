"""`npembed check bits`: one value where there is one, and a report that says so where there is not."""

import json

import pytest

from npembed.bits import check_bits, lines, processes, threading_layers, trainings
from npembed.cli import main
from npembed.models import MODELS

BUFFERS = """
import numba, numpy as np
from npembed.kernels import cpu
def segment_add(out, rows, starts, order, values):
    n = numba.config.NUMBA_NUM_THREADS
    for s, row in enumerate(rows):
        for part in np.array_split(order[starts[s] : starts[s + 1]], n):
            buffer = np.zeros_like(out[row])
            for j in part:
                buffer += values[j]
            out[row] += buffer
cpu.segment_add = segment_add
"""
"""What many a library does: each thread adds up its share, and the shares are added."""
LAUNCH = """
import numba, numpy as np
from npembed.kernels import cpu
cpu.SERIAL_BELOW = 0
cpu.gather(np.empty((1, 1)), np.ones((1, 1)), np.zeros(1, dtype=np.int64))
"""


def test_every_training_has_a_digest_of_its_own():
    found = trainings.digests(steps=1)
    assert len(found) == len(set(found.values())) == 24 == len(MODELS) * 2 * 3
    assert all(len(digest) == 64 for digest in found.values())


@pytest.mark.parametrize("what", ["losses", "tables", "states", "scores"])
def test_what_is_hashed(what, monkeypatch):
    """Each of them shows in the digest, by itself."""
    before = trainings.digests(["distmult"], steps=1)
    assert trainings.digests(["distmult"], steps=1) == before
    if what == "losses":
        fit = trainings.fit
        monkeypatch.setattr(trainings, "fit", lambda *a, **k: (e._replace(loss=e.loss + 1e-9) for e in fit(*a, **k)))
    else:
        name = {"tables": "entity_representations.0._embeddings.weight", "states": "0 step", "scores": "tails"}[what]
        add_ = trainings._add_

        def changed_(found, key, value):
            add_(found, key, value + 1 if key == name else value)

        monkeypatch.setattr(trainings, "_add_", changed_)
    after = trainings.digests(["distmult"], steps=1)
    changed = {training for training in before if after[training] != before[training]}
    assert changed == set(before)


def test_small_batches_go_through_the_parallel_loops(monkeypatch):
    from npembed.kernels import cpu

    calls, limits = [], (cpu.SERIAL_BELOW, cpu.serial_only)
    for name in ("gather_parallel", "segment_add_parallel"):
        original = getattr(cpu, name)
        monkeypatch.setattr(cpu, name, lambda *a, original=original, name=name: (calls.append(name), original(*a)))
    trainings.digests(["transe"], steps=1)
    assert set(calls) == {"gather_parallel", "segment_add_parallel"}
    assert (cpu.SERIAL_BELOW, cpu.serial_only) == limits


def test_one_value(capsys):
    """From the command line, and every setting was really run with."""
    assert main(["check", "bits", "--models", "complex", "--threads", "1", "3", "--runs", "1", "--steps", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    outcomes = report["outcomes"]
    expected = {(n, layer, jit, 1) for n in (1, 3) for layer in threading_layers() for jit in (True, False)}
    assert {(one["threads"], one["layer"], one["jit"], one["run"]) for one in outcomes} == expected
    assert report["ok"]
    assert report["trainings"] == 6
    here = trainings.digests(["complex"], steps=1)
    assert all(one["digests"] == here and one["error"] == "" for one in outcomes)


def test_sums_by_thread_are_found(monkeypatch):
    monkeypatch.setattr(processes, "WORK", LAUNCH + BUFFERS + processes.WORK)
    monkeypatch.setattr(processes, "threading_layers", lambda: ("workqueue",))
    report = check_bits(["distmult"], threads=[1, 2], runs=1, steps=1)
    assert not report["ok"]
    *_, named, verdict = lines(report)
    assert named.startswith("distmult ")
    assert "1 threads (workqueue, JIT on, run 1) and 2 threads (workqueue, JIT" in named
    assert verdict.endswith(": 2 values")
    by_threads = {one.setting.threads: one.digests for one in report["outcomes"]}
    assert by_threads[1] == trainings.digests(["distmult"], steps=1)  # with one thread it is the sum in batch order


@pytest.mark.parametrize(
    ("work", "why"),
    [
        ("import os; os.abort()", "ended with status -6: "),
        ("raise OSError('no room')", "ended with status 1: OSError: no room"),
        (
            processes.WORK.replace("say()", "numba; numba.config.NUMBA_NUM_THREADS = 7; say()").replace(
                "from", "import numba; from"
            ),
            "ran",
        ),
    ],
    ids=["killed", "raised", "other threads"],
)
def test_a_process_that_does_not_do_as_asked(work, why, monkeypatch, capsys):
    monkeypatch.setattr(processes, "WORK", work)
    monkeypatch.setattr(processes, "threading_layers", lambda: ("workqueue",))
    assert main(["check", "bits", "--models", "transe", "--threads", "1", "--runs", "1", "--steps", "1"]) == 1
    table = capsys.readouterr().out.splitlines()
    assert table[1].split(maxsplit=4)[-1].startswith(why)
    assert table[-1].endswith("2 gave none")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--threads", "0"], "threads = 0 is out of range"),
        (["--runs", "0"], "runs = 0 is out of range"),
        (["--steps", "-1"], "steps = -1 is out of range"),
        (["--jobs", "0"], "jobs = 0 is out of range"),
        (["--models", "transf"], "models = 'transf' is unknown"),
    ],
)
def test_bad_input(options, said, capsys):
    assert main(["check", "bits", *options]) == 2
    assert said in capsys.readouterr().err


def test_nothing_to_do_is_refused():
    with pytest.raises(ValueError, match="models is empty; allowed: at least one"):
        check_bits([])
    with pytest.raises(ValueError, match="threads is empty"):
        check_bits(threads=[])
