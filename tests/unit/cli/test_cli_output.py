"""The command line and where it prints: a reader that is gone, nowhere, a full disk, an encoding without the letters, hostile names."""

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from npembed import load
from npembed.cli import main
from npembed.kge.models.predictions import Prediction, Predictions

TRAIN = ["train", "--model", "transe", "--dim", "3", "--epochs", "1", "--negatives", "1"]
LABELS = {"cyrillic": "\u043f\u0435\u0441", "escape": "red\x1b[31m", "turned": "abc\u202edef", "dash": "-x", "space": "a\u00a0b"}
"""Of entities. Each but the dash stands escaped where it is shown to a person."""

MODULE = """
def f(x): return x * x
def right(g, x): return 2 * x * g
def wrong(g, x): return x * g
def ends(g, x): raise SystemExit(0)
class Wrong:
    def __init__(self, table): self.table = table
    def lookup(self, ids): return self.table[ids] + 1
class Loud(Wrong):
    def lookup(self, ids): raise ValueError("two\\nlines \\x1b[31m \\u202e")
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A folder with a graph of hostile labels, and a module of hostile code."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MODULE, encoding="utf-8")
    graph(Path("graph"), LABELS.values())
    monkeypatch.setattr(
        importlib.import_module("npembed.show.norm_checks"), "ENTRIES", 4
    )  # that these are right is tested elsewhere
    yield
    sys.modules.pop("mine", None)
    sys.path[:] = [path for path in sys.path if path != str(tmp_path)]


def graph(folder, labels, test=""):
    """A graph in three files, in which each label has a line in each part."""
    folder.mkdir()
    for part in ("train", "valid", "test"):
        lines = "".join(f"{label}\tknows\tbob\n" for label in labels)
        (folder / f"{part}.txt").write_text(lines + (test if part == "test" else ""), encoding="utf-8", newline="")


def gone():
    """A pipe of which the reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w", encoding="utf-8")


def full():
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    return open("/dev/full", "w", encoding="utf-8")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


def narrow():
    return io.TextIOWrapper(io.BytesIO(), "cp1252", write_through=True)


LOST = {"gone": gone, "full": full, "none": lambda: None, "closed": closed, "narrow": narrow}
VERBS = {
    "help": (["train", "--help"], 0),
    "train": ([*TRAIN, "--dataset", "graph", "--out", "run", "--json", "run.json"], 0),
    "predict": (["predict", "saved", "--relation", "knows", "--tail", "bob"], 0),
    "show": (["show", "norm", "--epochs", "1", "--dim", "2", "--out", "shown"], 0),
    "vectors": (["vectors", "export", "made"], 0),
    "right gradient": (["check", "gradient", "mine:f", "mine:right", "--shape", "2"], 0),
    "wrong gradient": (["check", "gradient", "mine:f", "mine:wrong", "--shape", "2"], 1),
    "gradient that ends": (["check", "gradient", "mine:f", "mine:ends", "--shape", "2"], 2),
    "right layer": (["check", "layer", "npembed", "--topic", "second"], 0),
    "wrong layer": (["check", "layer", "mine:Wrong", "--topic", "lookup"], 1),
    "bad input": (["predict", "nowhere"], 2),
    "bad option": (["predict", "--\x1bnew"], 2),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    graph(folder / "graph", LABELS.values())
    assert main([*TRAIN, "--dataset", str(folder / "graph"), "--out", str(folder / "run")]) == 0
    return folder / "run"


CASES = [(verb, where, ("stdout",)) for verb in VERBS for where in LOST if verb != "show" or where == "full"]
CASES += [(verb, where, which) for verb in ("train", "wrong gradient", "bad input", "bad option") for where in ("gone", "full", "none")
          for which in (("stderr",), ("stdout", "stderr"))]  # fmt: skip


@pytest.mark.parametrize(("verb", "where", "which"), CASES)
def test_the_exit_status_is_that_of_the_work(monkeypatch, capsys, saved, verb, where, which):
    arguments, status = VERBS[verb]
    Path("saved").symlink_to(saved)
    lost = status == 0 and where == "full" and "stdout" in which  # a table of which half is on the disk is no success
    with contextlib.ExitStack() as stack:
        for name in which:
            stream = LOST[where]()
            stack.callback(stream.close) if stream is not None else None  # which flushes, as Python does at its end
            monkeypatch.setattr(sys, name, stream)
        assert main(arguments) == (2 if lost else status)
    if lost and "stderr" not in which:
        assert capsys.readouterr().err.startswith(
            "npembed: standard output cannot be written (No space left on device); allowed: "
        )
    if verb == "train":
        assert load("run").epochs
        assert json.loads(Path("run.json").read_text(encoding="utf-8"))["losses"]


@pytest.mark.skipif(os.name != "posix", reason="the shell's way to close a stream")
@pytest.mark.parametrize(
    ("where", "unbuffered"), [("| head -1", ""), ("| head -1", "-u"), (">/dev/full", ""), ("<&- >&- 2>&-", ""), ("2>&-", "")]
)
def test_a_wrong_gradient_is_one_in_a_shell(where, unbuffered):
    command = f"set -o pipefail; {sys.executable} {unbuffered} -m npembed check gradient mine:f mine:wrong --entries 9 {where}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == ""


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16", "utf-8"])
def test_labels_in_other_letters_are_shown_escaped(monkeypatch, saved, encoding):
    out = io.TextIOWrapper(io.BytesIO(), encoding, write_through=True)
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["predict", str(saved), "--relation", "knows", "--tail", "bob"]) == 0
    text = out.buffer.getvalue().decode(encoding)
    assert ("\\u043f\\u0435\\u0441" in text) == (encoding in ("cp1252", "ascii"))
    assert (LABELS["cyrillic"] in text) == (encoding in ("utf-16", "utf-8"))


def test_controls_in_labels_and_names_are_shown_escaped(capsys, saved):
    assert main(["predict", str(saved), "--relation", "knows", "--tail", "bob"]) == 0
    shown = capsys.readouterr().out
    for name in ("escape", "turned", "space"):
        assert ascii(LABELS[name])[1:-1] in shown
    known = {line.index("training") for line in shown.splitlines() if "training" in line}
    assert len(known) == 1, "the columns stand below each other"
    question = Predictions("tail", {"head": "a\x1b[2J", "relation": "r"}, [Prediction("\u2066x", 0, 1.0, "")])
    assert str(question) == "a\\x1b[2J  r  ?\n  \\u2066x  1.0000"
    name = "two\nlines\x1b[31m"
    graph(Path(name), "ab", test="a\tknows\tc\x1b[31m\n")
    assert main([*TRAIN, "--dataset", name, "--out", f"{name}.run", "--json", f"{name}.json"]) == 0
    out, err = capsys.readouterr()
    assert (out + err).replace("\n", "").isprintable()
    assert "two\\nlines\\x1b[31m: 3 entities" in out
    assert err.count("\n") == 1
    assert repr(load(f"{name}.run")).isprintable()
    for arguments in (["predict", name], ["predict", str(saved), "--head", "a\x1b[1m\u202e\n", "--tail", "bob"], ["\x1b[1m"]):
        assert main(arguments) == 2
        assert capsys.readouterr().err.replace("\n", "").isprintable()
    assert main(["check", "layer", "mine:Loud", "--topic", "second"]) in (0, 1)
    assert main(["check", "layer", "mine:Loud", "--topic", "refused"]) in (0, 1)
    assert capsys.readouterr().out.replace("\n", "").isprintable()


def test_a_label_may_begin_with_a_dash(capsys, saved):
    answers = []
    for words in (["--head", "-x"], ["--head=-x"]):
        assert main(["predict", str(saved), *words, "--relation", "knows", "--json"]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    assert answers[0] == answers[1]
    assert answers[0]["given"]["head"] == "-x"
    for words in (["--head", "--relation", "knows"], ["--head", "-k", "3"], ["--relation", "knows", "--head"]):
        assert main(["predict", str(saved), *words]) == 2
        assert "argument --head: expected one argument" in capsys.readouterr().err


def test_a_warning_stands_before_the_error_that_it_explains(capsys):
    line = "a\tknows\tb\n"
    graph(Path("twice"), "a")
    Path("twice", "test.txt").write_text("a\tknows\tc\n", encoding="utf-8")
    Path("small.tsv").write_text(line + line + "b\tknows\ta\n", encoding="utf-8")
    for source, warned, error in (
        ("twice", "1 of 1 triples hold a label that has no id", "testing has no triples"),
        ("small.tsv", "1 of 3 triples repeat an earlier one", "ratios"),
    ):
        assert main([*TRAIN, "--dataset", source]) == 2
        first, second = capsys.readouterr().err.splitlines()
        assert first.startswith(f"npembed: from_path: {warned}")
        assert error in second
