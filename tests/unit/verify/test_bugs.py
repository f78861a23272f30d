"""The bugs of the peers as data, and how they are judged; no peer is wanted here, `test_parity_bugs` asks those that are installed."""

import inspect
import json
import math
import re
import sys
import types

import numpy as np
import pytest

from npembed.cli import main
from npembed.verify.known_bugs import OUTCOMES, Finding, Raises, agrees, answer, check_bugs, run
from npembed.verify.known_bugs.finding import REFUSED, UNREPORTED
from npembed.verify.known_bugs.run import FINDINGS, PEERS

OURS = [finding for finding in FINDINGS if finding.ours]


def by_id(finding):
    return finding.id


# ---- what is written down


def test_there_are_enough():
    assert len(FINDINGS) >= 80
    assert len(OURS) >= 60
    assert PEERS == ("torch", "pykeen", "jax", "safetensors")
    assert len({finding.id for finding in FINDINGS}) == len({finding.reproduce for finding in FINDINGS}) == len(FINDINGS)


@pytest.mark.parametrize("finding", FINDINGS, ids=by_id)
def test_a_finding_says_all_that_is_to_be_said(finding):
    assert re.fullmatch(r"[TPJS]\d+[a-z]?", finding.id)
    assert finding.id[0] == finding.peer[0].upper()
    assert re.fullmatch(r"\w+#\d+( \(.*\))?", finding.upstream) or finding.upstream == UNREPORTED
    assert len(finding.title) < 110
    assert "\n" not in finding.title
    assert len(finding.why) > 20
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in finding.seen)
    assert not agrees(finding.got, finding.right, finding.rtol), "what was given is what is right"
    assert re.search(rf"^( *)(import|from) {finding.peer}", finding.code, re.MULTILINE), "the code imports what it asks"
    assert "npembed" not in finding.code
    assert not inspect.getsource(finding.reproduce).startswith("    ")


@pytest.mark.parametrize("finding", OURS, ids=by_id)
def test_npembed_gives_what_is_right(finding):
    assert agrees(answer(finding.ours), finding.right, finding.rtol)


def test_what_npembed_has_no_answer_to():
    """KG2E, QuatE, TransH, the focal loss, bfloat16, which is no dtype of NumPy's; a convention in training."""
    assert {finding.id for finding in FINDINGS if not finding.ours} == {
        "T12", "T12c", "P4", "P4b", "P6", "P8b", "P12", "P19", "P29", "J6",
    }  # fmt: skip


def test_values_agree_or_do_not():
    nan, error = math.nan, Raises(("IndexError",))
    for a, b in (
        (1.0, 1.0),
        ([1.0, nan], [1.0, nan]),
        ("float32", "float32"),
        (error, error),
        (error, REFUSED),
        ([True], [True]),
    ):
        assert agrees(a, b)
    for a, b in (
        (1.0, 1.0 + 1e-15), ([1.0], 1.0), ([1.0, nan], [1.0, 2.0]), ("float32", "float64"), ("float32", 32.0), (error, 1.0), (1.0, error),
        (Raises(("KeyError",)), REFUSED), (True, 1.0), (False, True), (None, 1.0), ([math.inf], [-math.inf]),
    ):  # fmt: skip
        assert not agrees(a, b)
    assert agrees(1.0, 1.0 + 1e-7, rtol=1e-6)
    assert not agrees(0.0, 1e-7, rtol=1e-6)


# ---- how they are judged


def invented(gives, **options):
    """A finding of a peer that is there: of numpy, which gives `gives`."""
    options = {"got": 2.0, "right": 3.0, "why": "because", **options}

    def reproduce():
        """an invented bug"""
        return gives() if callable(gives) else gives

    return Finding("numpy", ("1.0.0", "1.0.0"), "X1", reproduce, **options)


def crash():
    raise IndexError("no")


@pytest.mark.parametrize(
    ("finding", "outcome"),
    [
        (invented(2.0), "reproduced"), (invented(3.0), "fixed"), (invented(4.0), "changed"), (invented(crash), "changed"),
        (invented(crash, got=Raises(("IndexError",))), "reproduced"), (invented(2.0, right=REFUSED), "reproduced"),
        (invented(crash, right=REFUSED), "fixed"), (invented(2.1, rtol=0.1), "reproduced"),
    ],
)  # fmt: skip
def test_outcomes(finding, outcome):
    [found] = check_bugs(findings=[finding])
    assert (found.outcome, found.version) == (outcome, np.__version__)
    assert outcome in OUTCOMES


@pytest.mark.parametrize(
    ("process", "found"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", Raises(("SIGSEGV",))),
        ("import time; time.sleep(60)", Raises(("no answer within 1 s",))),
        ("raise SystemExit(3)", Raises(("exit status 3",))),
        ("""print('noise'); print('{{"gives": [1.5]}}')""", [1.5]),
        ("""print('{{"raises": ["KeyError"]}}')""", Raises(("KeyError",))),
    ],
)
def test_foreign_memory_is_read_in_a_process_of_its_own(monkeypatch, process, found):
    monkeypatch.setattr(run, "ALONE", process)
    monkeypatch.setattr(run, "SECONDS", 1 if "sleep" in process else 60)
    [outcome] = check_bugs(findings=[invented(pytest.fail, foreign=True, right=REFUSED)])
    assert (outcome.outcome, outcome.found) == ("undefined", found)


def test_foreign_memory_that_is_no_longer_read_is_fixed(monkeypatch):
    monkeypatch.setattr(run, "ALONE", """print('{{"raises": ["ValueError"]}}')""")
    assert check_bugs(findings=[invented(pytest.fail, foreign=True, right=REFUSED)])[0].outcome == "fixed"


def test_what_the_process_says(capsys, monkeypatch):
    monkeypatch.setattr(run, "FINDINGS", [invented([1.0, math.nan])])
    run.say("X1")
    assert json.loads(capsys.readouterr().out) == {"gives": [1.0, "nan"]}


@pytest.fixture
def safetensors(monkeypatch):
    """A safetensors whose every function is ours to write."""
    fake = types.ModuleType("safetensors.numpy")
    package = types.ModuleType("safetensors")
    package.__version__ = "99.0.0"
    monkeypatch.setitem(sys.modules, "safetensors", package)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", fake)
    return fake


def test_a_fixed_version_shows_as_fixed(safetensors, capsys):
    safetensors.save, safetensors.load = (lambda arrays: {k: x.copy() for k, x in arrays.items()}), dict
    found = check_bugs(ids=["S1", "S2", "S3"])
    assert [(o.outcome, o.version) for o in found] == [("fixed", "99.0.0")] * 3
    assert main(["check", "bugs", "S2"]) == 0
    assert "S2  safetensors 99.0.0: fixed" in capsys.readouterr().out


def test_a_version_that_gives_something_else_shows_as_changed(safetensors):
    safetensors.save, safetensors.load = (lambda arrays: arrays), (lambda saved: {"x": -saved["x"]})
    assert [o.outcome for o in check_bugs(ids=["S1", "S2"])] == ["changed"] * 2


def test_a_version_with_the_bug_shows_it(safetensors):
    safetensors.save = lambda arrays: {k: np.frombuffer(x.tobytes("A"), x.dtype).reshape(x.shape) for k, x in arrays.items()}
    safetensors.load = dict
    assert [o.outcome for o in check_bugs(ids=["S1", "S3"])] == ["reproduced"] * 2


# ---- the command


@pytest.fixture
def no_peers(monkeypatch):
    for peer in PEERS:
        monkeypatch.setitem(sys.modules, peer, None)


def test_without_peers_they_are_said_to_be_missing(no_peers, capsys):
    assert {o.outcome for o in check_bugs()} == {"peer not installed"}
    assert main(["check", "bugs"]) == 0
    counts = {peer: sum(finding.peer == peer for finding in FINDINGS) for peer in PEERS}
    assert capsys.readouterr().out.split("\n\n") == [
        f"{peer}: not installed ({n} findings)" + ("\n" if peer == PEERS[-1] else "") for peer, n in counts.items()
    ]


def test_what_is_told_of_one(no_peers, capsys):
    assert main(["check", "bugs", "T2"]) == 0
    told = capsys.readouterr().out
    for part in (
        "T2  torch: peer not installed",
        "embedding_bag(",
        "gave    [0.0, 1.0, 0.5, 0.0] (seen in 2.13.0)",
        "pytorch#190063",
    ):
        assert part in told
    assert "right   [0.0, 1.0, 1.0, 0.0]" in told


def test_json_is_json(no_peers, capsys):
    def refuse(word):
        pytest.fail(f"{word} is not JSON")

    assert main(["check", "bugs", "--json"]) == 0
    read = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert [entry["id"] for entry in read] == [finding.id for finding in FINDINGS]
    nan, error = (next(entry for entry in read if entry["id"] == id) for id in ("P11", "T20"))
    assert nan["got"] == {"gives": "nan"}
    assert error["got"] == {"raises": ["IndexError"]}
    assert (nan["outcome"], nan["version"], nan["found"]) == ("peer not installed", None, None)
    assert {"title", "seen", "code", "right", "why", "upstream", "rtol", "foreign_memory"} <= set(nan)


def test_peers_and_ids_select(no_peers):
    assert {o.finding.peer for o in check_bugs(["pykeen"])} == {"pykeen"}
    assert [o.finding.id for o in check_bugs(ids=["S1", "T2"])] == ["T2", "S1"]
    assert [o.finding.id for o in check_bugs(["torch"], ["S1", "T2"])] == ["T2"]


def test_bad_input_is_refused(capsys):
    with pytest.raises(
        ValueError, match="check_bugs: peers = 'tinygrad' is not a choice; allowed: 'torch', 'pykeen', 'jax' or 'safetensors'"
    ):
        check_bugs(["tinygrad"])
    with pytest.raises(ValueError, match="check_bugs: ids has 'T0', which is no finding; allowed: 'T1' and those listed with it"):
        check_bugs(ids=["T0"])
    assert main(["check", "bugs", "T0"]) == 2
    assert main(["check", "bugs", "--peers", "tinygrad"]) == 2
    assert main(["check"]) == 2
    assert "npembed: check_bugs: ids has 'T0'" in capsys.readouterr().err
