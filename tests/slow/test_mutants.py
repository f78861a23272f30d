"""Would a wrong gradient be noticed? What changed is broken in every small way here, everything by the nightly ``tests/mutate.py``."""

import json

import mutants
import mutate
import mutation_rooms
import mutation_sources
import mutation_targets
import numpy as np
import pytest
from mutation_equivalents import EQUIVALENT


def test_every_mutant_of_what_changed_dies():
    """What the record holds was run, and died, as it stands."""
    lines, good = mutate.report(mutate.run(mutate.changed()))
    assert good, "\n".join(lines)


def test_everything_that_is_found_has_killers():
    assert mutation_targets.missing() == []
    for name in mutation_targets.NOT_YET:
        assert name in mutation_targets.FOUND
    assert EQUIVALENT.keys() <= mutation_targets.TARGETS.keys()
    assert len(mutation_targets.TARGETS) > 90
    assert "embedding.row_maps.norms.norm_vjp" in mutation_targets.TARGETS


def test_every_room_is_one():
    """A table is asked by the beginning of a function's name, so that a room which has moved would lose its killers unseen."""
    for table, asked in ((mutation_targets.MORE, mutation_targets.more), (mutation_rooms.ROOMS, mutation_rooms.killers)):
        for room, found in table.items():
            inside = [name for name in mutation_targets.TARGETS if f"{name}.".startswith(f"{room}.")]
            assert any(asked(name) is found for name in inside), room


def test_what_is_recorded_is_a_target():
    """A target that has moved out of the gate leaves its record behind."""
    assert json.loads(mutate.RECORD.read_text()).keys() <= mutation_targets.TARGETS.keys()


def test_the_canary_dies(monkeypatch):
    """Without this, a runner that never sees the mutants would report that all is well (or that nothing is)."""
    assert mutate.canaries() == []
    monkeypatch.setattr(mutate, "check_canary", lambda: None)
    assert len(mutate.canaries()) > 10


def test_the_gate_sees_a_survivor_and_a_false_equivalent(monkeypatch):
    outcome = mutate.judge(mutate.canary_vjp, [lambda: mutate.canary_vjp(1.0, 2.0)])
    assert any(place.startswith("tests/mutate.py:") for _, place, _ in outcome.survivors)
    lines, good = mutate.report({"canary": outcome})
    assert not good
    assert any(line.startswith("tests/mutate.py:") and "sign" in line for line in lines)
    assert mutate.report({"canary": mutate.judge(mutate.canary_vjp, [mutate.check_canary])})[1]
    for start, good in (("2 * x * g", True), ("3 * x", False)):
        wrong = mutate.judge(mutate.canary_vjp, [mutate.check_canary], [(start, "", "it is not")]).wrong
        assert not wrong if good else wrong[0].startswith(f"{start!r} ... '' means mutants in ")
    assert not mutate.report({"canary": mutate.Outcome(outcome.counts - outcome.counts, [], ["wrong"])})[1]


def test_a_change_is_seen(monkeypatch, tmp_path):
    """Of the function, and of what a killer is made of, far down."""
    monkeypatch.setattr(mutate, "RECORD", tmp_path / "record.json")
    name = "kge.losses.mse.mse_vjp"
    assert mutate.changed([name]) == [name]
    mutate.record()
    assert mutate.changed() == []
    recorded = json.loads(mutate.RECORD.read_text())
    mutate.RECORD.write_text(json.dumps({**recorded, name: "other"}))
    assert mutate.changed() == [name]
    mutate.RECORD.write_text(json.dumps(recorded))
    plain = mutation_sources.statements
    monkeypatch.setattr(mutation_sources, "statements", lambda m: {**plain(m), "single": "1"} if "registries" in m else plain(m))
    mutation_sources.made_of.cache_clear()
    try:
        assert mutate.changed([name]) == [name]
    finally:
        mutation_sources.made_of.cache_clear()


def test_other_words_are_no_change():
    code = "def f(x):\n    y = x  # here\n    return y\n"
    said = 'def f(x):\n    """What it does.\n\n    And more.\n    """\n\n    # why\n    y = x  # here\n    return y\n'
    assert mutation_sources.without_prose(said) == mutation_sources.without_prose(code) == code.rstrip()
    assert mutation_sources.without_prose(code.replace("y = x ", "y = -x ")) != code.rstrip()


def test_bad_names_are_refused():
    with pytest.raises(SystemExit, match=r"^mutate.py: NAME 'nothing' is no target; allowed: "):
        mutate.main(["nothing"])
    with pytest.raises(SystemExit, match=r"^mutate.py: --record with NAMEs would record"):
        mutate.main(["norm_vjp", "--record"])


def test_a_loop_without_end_is_killed():
    def endless(n):
        while n > 0:
            n = n - 1
        return n

    found = {m.name: m for m in mutants.mutants(endless)}
    mutant = next(m for name, m in found.items() if name.startswith("n - 1 -> n + 1"))
    assert mutants.killed_by(endless, mutant.code(), [lambda: endless(1)], seconds=0.2).startswith("EndlessError: ")


def test_the_mutator_makes_what_it_should():
    def example(x, y):
        """Not mutated."""
        total = 0.0
        for i in range(3):
            total += x[i, y]
        if x > 1:
            return np.conj(x) - y, masks[0]
        return x

    made = {(mutant.kind, mutant.name.split("  [")[0]) for mutant in mutants.mutants(example)}
    assert {
        ("comparison", "x > 1 -> x >= 1"),
        ("comparison", "x > 1 -> x <= 1"),
        ("call", "np.conj(x) -> x"),
        ("drop", "np.conj(x) - y -> np.conj(x)"),
        ("drop", "np.conj(x) - y -> -y"),
        ("sign", "np.conj(x) - y -> np.conj(x) + y"),
        ("sign", "np.conj(x) - y -> -(np.conj(x) - y)"),
        ("factor", "np.conj(x) - y -> (np.conj(x) - y) * 2"),
        ("factor", "np.conj(x) - y -> (np.conj(x) - y) * 1.0005"),
        ("factor", "np.conj(x) - y -> (np.conj(x) - y) * 1.000001"),
        ("other", "(np.conj(x) - y, masks[0]) -> (masks[0], np.conj(x) - y)"),
        ("index", "0 -> 1"),
        ("index", "x[i, y] -> x[0 * i, y]"),
        ("index", "(i, y) -> (y, i)"),
        ("range", "range(3) -> range(3 - 1)"),
        ("range", "range(3) -> range(1, 3)"),
        ("sign", "return x -> return -x"),
    } <= made
    assert not any("Not mutated" in label for _, label in made)


masks = [1, 2]
