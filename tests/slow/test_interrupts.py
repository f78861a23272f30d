"""Ctrl-C: code that writes nothing stops at once; code that writes stops after its current step. Real signals to real processes."""

import contextlib
import os
import signal
import threading

import interrupts
import long_work
import numpy as np
import pytest

from npembed.embedding.optimizers import adam_, adam_state
from npembed.numerics import interrupts as ours

NIGHTLY = os.environ.get("NPEMBED_HYPOTHESIS") == "nightly"
READS = list(long_work.READS) if NIGHTLY else ["ranks, fused", "exact sums"]
WRITES = list(long_work.WRITES) if NIGHTLY else ["adam_", "segment_add_", "update_"]


@interrupts.possible
@pytest.mark.parametrize("name", READS)
def test_what_only_reads_stops_at_once(name):
    """It is half a minute of work, or minutes; half a second is promised, and ten times as long is waited here, for a busy machine."""
    ((sent, said),) = interrupts.amid(name)
    assert said[0] == "stopped"
    assert float(said[1]) - sent < 5


@interrupts.possible
@pytest.mark.parametrize("name", WRITES)
def test_what_writes_stops_between_steps(name):
    found = [said for _, said in interrupts.amid(name, 4)]
    assert len(found) == 4
    assert {left for left, _ in found} <= {"before", "after"}
    assert "amid" in {when for _, when in found}


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no alarm to set")
def test_without_the_deferral_a_part_would_be_left(monkeypatch):
    """The machinery can fail: a signal, where none is held back, falls into the step sooner or later."""
    table = np.ones((200_000, 16))
    gradient, before = np.ones_like(table), table.copy()
    state = adam_state(table)
    adam_(table, gradient, state=state)
    after = table.copy()
    monkeypatch.setattr(ours, "deferred", contextlib.nullcontext)
    handler, left = signal.signal(signal.SIGALRM, signal.default_int_handler), set()
    try:
        for wait in np.linspace(0.002, 0.2, 40):
            table[...] = before
            state = adam_state(table)
            with contextlib.suppress(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, wait)
                adam_(table, gradient, state=state)
                signal.setitimer(signal.ITIMER_REAL, 0)
            left.add("before" if (table == before).all() else "after" if (table == after).all() else "a part")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert "a part" in left


def test_within_another_deferral_it_is_the_outer_end_that_counts():
    done = []

    def work():
        with ours.deferred():
            with ours.deferred():
                signal.raise_signal(signal.SIGINT)
                done.append("inner")
            done.append("outer")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["inner", "outer"]


def test_an_interrupt_is_not_lost_to_an_error():
    def work():
        with ours.deferred():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("bad")

    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert isinstance(caught.value.__context__, ValueError)


def test_other_handlers_are_asked_and_put_back():
    asked = []
    handler = signal.signal(signal.SIGINT, lambda *_: asked.append("mine"))
    mine = signal.getsignal(signal.SIGINT)
    try:
        with ours.deferred():
            signal.raise_signal(signal.SIGINT)
            assert asked == []
        assert asked == ["mine"]
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, handler)


def test_in_other_threads_nothing_is_held_back():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        with ours.deferred():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
