"""``npembed train`` and signals: nothing that was trained is lost, whichever comes, wherever it comes, and however many."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import interrupts
import pytest
import stops
from places import PYTHONPATH

from npembed import load
from npembed.numerics import interrupts as ours

NIGHTLY = os.environ.get("NPEMBED_HYPOTHESIS") == "nightly"
STEPS = dict.fromkeys(stops.MORE, 1) if NIGHTLY else {"slcwa": 9, "lcwa": 30, "replay": 30}
ENVIRONMENT = {**os.environ, "PYTHONPATH": PYTHONPATH, "OPENBLAS_NUM_THREADS": "1"}
NAMES = {signal.SIGINT: 130, signal.SIGTERM: 143, getattr(signal, "SIGHUP", None): 129}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# At every moment


def check(found):
    """A training that got a signal at a moment, and another one at the next."""
    if not found["moment"]:  # it had ended before
        assert (found["status"], found["err"], found["ranked"]) == (0, "", True)
    else:
        assert found["status"] == 128 + found["signal"]
        assert re.fullmatch(r"npembed: interrupted[^\n]*\n", found["err"])
    assert set(found["left"]) <= {"graph.tsv", "whole", "run"}  # nothing half-written, nothing beside it
    if "run" not in found["left"]:
        assert found["err"] in ("npembed: interrupted\n", "npembed: interrupted after epoch 0; nothing was written\n")
        return
    assert found["same"]
    epochs, batch = found["batches"]
    where = f"in epoch {epochs + 1}, after batch {batch} of 3" if batch else f"after epoch {epochs}"
    if found["ranked"]:
        assert found["err"] in ("", "npembed: interrupted when all was done\n")
        assert "wrote run" in found["out"]
    else:
        left = stops.EPOCHS - epochs
        assert found["err"] == f"npembed: interrupted {where}; saved in run, go on with --resume run --epochs {left}\n"
        assert found["out"] == ""


@interrupts.possible
@pytest.mark.parametrize("kind", STEPS)
def test_a_signal_at_any_moment_and_another_one_at_the_next(kind):
    """Real ones; the run is whole, unless nothing was trained, and what is then left to do leads to what no signal gives."""
    command = [sys.executable, "-m", "stops", kind, str(STEPS[kind])]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stderr
    every = [json.loads(line) for line in done.stdout.splitlines()]
    for found in every:
        check(found)
    assert {found["signal"] for found in every if found["moment"]} == set(NAMES)
    assert every[-1]["moments"] > 90
    if kind == "slcwa":
        seen = {tuple(found["batches"]) for found in every if "batches" in found}
        assert len({found["moment"] for found in every}) > (8 if NIGHTLY else 4)
        assert any(batch for _, batch in seen)
        assert {"run" in found["left"] for found in every} == {True, False}
        assert {found.get("ranked") for found in every} == {None, True, False}


# From outside

QUICK = [
    "train",
    "--model",
    "transe",
    "--dim",
    "3",
    "--batch-size",
    "300",
    "--negatives",
    "1",
    "--epochs",
    "100000",
    "--out",
    "run",
]


def check_saved(err):
    found = re.fullmatch(
        r"npembed: interrupted (after|in) epoch (\d+)[^;]*; saved in run, go on with --resume run --epochs (\d+)\n", err
    )
    assert found, err
    assert load("run").batches[0] == int(found[2]) - (found[1] == "in") == 100_000 - int(found[3])
    return int(found[2])


@interrupts.possible
@pytest.mark.parametrize("number", [number for number in NAMES if number not in (None, signal.SIGINT)])
def test_a_signal_from_outside(number):
    status, _, err = interrupts.interrupted("npembed.kge.runs.result", *QUICK, signals=[(3, number)])
    assert status == NAMES[number]
    check_saved(err)


@interrupts.possible
def test_a_hangup_that_is_ignored_stays_ignored():
    signals = [(3, signal.SIGHUP), (40, signal.SIGTERM)]
    status, _, err = interrupts.interrupted("npembed.kge.runs.result", *QUICK, signals=signals, NOHUP="yes")
    assert status == 143
    assert check_saved(err) >= 40


KILLED = [
    "--epochs",
    "40",
    "--checkpoint-every",
    "1",
    "--dropout",
    "0.3",
    "--dim",
    "30",
    "--batch-size",
    "60",
    "--model",
    "rotate",
]


@interrupts.possible
@pytest.mark.skipif(not NIGHTLY, reason="takes minutes")
def test_killed_a_hundred_times():
    """At random, by any signal, SIGKILL among them: the folder is whole at all times, and its training ends as if there had been none."""
    command = [sys.executable, "-m", "npembed", "train", *KILLED]
    subprocess.run([*command, "--out", "whole"], env=ENVIRONMENT, check=True, capture_output=True)
    kills, rounds, generator = 0, 0, random.Random(0)
    while kills < 100:
        rounds += 1
        subprocess.run(["rm", "-rf", "run"], check=True)
        while not Path("run").exists() or load("run").metrics is None:
            begun = [*command, "--out", "run"]
            if Path("run").exists():
                left = 40 - len(load("run").epochs)
                begun = [*command[:4], "--resume", "run", "--epochs", str(left), "--checkpoint-every", "1"]
            with subprocess.Popen(begun, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
                time.sleep(generator.uniform(0.3, 2.5))
                number = generator.choice([signal.SIGKILL, *stops.ENDING])
                process.send_signal(number)
                _, err = process.communicate()
            kills += 1
            assert process.returncode in (0, -number, 128 + number), err  # a negative one: not yet begun, or SIGKILL
            assert "Traceback" not in err or process.returncode == -signal.SIGINT
        assert stops.run("run") == stops.run("whole")
        assert not [name for name in os.listdir() if name not in ("run", "whole")]
    assert rounds > 1


# `Stops`


def test_signals_are_held_back_until_a_pause_and_act_once():
    before = {number: signal.getsignal(number) for number in ours.ENDING}
    with ours.Stops() as held:
        ours.pause()
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert held.seen == signal.SIGTERM
        with pytest.raises(ours.Stopped) as caught:
            ours.pause()
        assert caught.value.number == signal.SIGTERM
        with pytest.raises(ours.Stopped), held.at_once():
            raise AssertionError("nothing more is begun")
    assert {number: signal.getsignal(number) for number in ours.ENDING} == before
    ours.pause()


def test_signals_act_at_once_where_they_may():
    done = []
    with ours.Stops() as held:
        with pytest.raises(ours.Stopped), held.at_once():  # noqa: PT012
            done.append("before")
            signal.raise_signal(signal.SIGINT)
            done.append("after")
        signal.raise_signal(signal.SIGINT)  # what is saved now is safe
        done.append("saved")
    assert done == ["before", "saved"]


def test_a_signal_that_python_swallows_is_not_lost(monkeypatch):
    class Swallows:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def work(held):
        with held.at_once():
            Swallows()
            done.append("went on")

    done: list = []
    monkeypatch.setattr(sys, "unraisablehook", lambda about: None)
    with ours.Stops() as held, pytest.raises(ours.Stopped):
        work(held)
    assert done == ["went on"]


def test_in_a_step_a_signal_waits_and_then_is_held_back_or_acts():
    def step():
        with ours.deferred():
            signal.raise_signal(signal.SIGINT)
            done.append("step")

    done: list = []
    with ours.Stops() as held:
        step()
        assert held.seen == signal.SIGINT
    with ours.Stops() as held, pytest.raises(ours.Stopped), held.at_once():
        step()
    assert done == ["step", "step"]


def test_in_other_threads_no_handler_is_set():
    before = {number: signal.getsignal(number) for number in ours.ENDING}
    seen = []

    def work():
        with ours.Stops() as held, held.at_once():
            seen.append({number: signal.getsignal(number) for number in ours.ENDING})

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
