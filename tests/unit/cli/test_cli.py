"""The command line: what it prints, where, with which exit status, and what it leaves behind."""

import importlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import interrupts
import numpy as np
import pytest

import npembed
from npembed.cli import main
from npembed.embedding.row_maps import NORMALIZERS, normalize, normalize_vjp
from npembed.op import Op

QUICK = ["show", "norm", "--epochs", "1", "--dim", "3"]


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Fewer entries to difference: that the checks are right is tested elsewhere."""
    monkeypatch.setattr(importlib.import_module("npembed.show.norm_checks"), "ENTRIES", 4)


def run(*arguments, **about):
    return subprocess.run([sys.executable, "-m", "npembed", *arguments], capture_output=True, text=True, **about)


def quiet(err):
    """Whether nothing of ours went wrong; matplotlib may speak of its font cache."""
    return "npembed" not in err and "Traceback" not in err and "Warning" not in err


def everything_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# What works


def test_show_norm_reports_and_writes(tmp_path, capsys):
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert quiet(err)
    read = json.loads((tmp_path / "norm.json").read_text(encoding="utf-8"))
    assert out.startswith("TransE on nations")
    assert all(sentence in out for sentence in read["sentences"])
    assert out.splitlines()[-1] == f"wrote {tmp_path / 'norm.png'} and {tmp_path / 'norm.json'}"
    assert everything_below(tmp_path) == ["norm.json", "norm.png"]
    assert read["settings"]["epochs"] == 1
    assert read["settings"]["dim"] == 3


def test_every_option_reaches_the_run(tmp_path, capsys):
    options = [
        "--dataset",
        "Nations",
        "--epochs",
        "2",
        "--lr",
        "0.25",
        "--dim",
        "4",
        "--seed",
        "-3",
        "--out",
        str(tmp_path / "deep" / "er"),
    ]
    assert main(["show", "norm", *options]) == 0
    settings = json.loads((tmp_path / "deep" / "er" / "norm.json").read_text(encoding="utf-8"))["settings"]
    expected = {"dataset": "nations", "epochs": 2, "lr": 0.25, "dim": 4, "seed": -3, "p": 1, "version": npembed.__version__}
    assert settings == expected


def test_defaults(monkeypatch):
    show = importlib.import_module("npembed.show")
    asked = {}

    def norm(**settings):
        asked.update(settings)
        raise OSError("enough")

    monkeypatch.setattr(show, "norm", norm)
    assert main(["show", "norm"]) == 2
    asked.pop("progress")
    assert asked == {"dataset": "nations", "epochs": 20, "lr": 0.5, "dim": 50, "seed": 0, "out": "npembed-show-norm"}


@pytest.mark.long
def test_python_dash_m_is_the_same_door(tmp_path):
    done = run(*QUICK, "--out", "there", cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(root())})
    assert done.returncode == 0
    assert quiet(done.stderr)
    assert "wrote" in done.stdout
    assert everything_below(tmp_path) == [
        "there",
        str(pathlib.Path("there") / "norm.json"),
        str(pathlib.Path("there") / "norm.png"),
    ]


def root():
    return pathlib.Path(npembed.__file__).parent.parent


def test_version_and_help(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"npembed {npembed.__version__}\n"
    for arguments in (["--help"], ["show", "--help"], ["show", "norm", "--help"]):
        assert main(arguments) == 0
        out, err = capsys.readouterr()
        assert out.startswith("usage: npembed")
        assert err == ""
    for option in ("--dataset", "--epochs", "--lr", "--dim", "--seed", "--out"):
        assert option in out
    for default in ("nations", "20", "0.5", "50", "npembed-show-norm"):
        assert f"(default: {default})" in out


def test_version_and_help_do_not_wait_for_numba():
    code = (
        "import sys; from npembed.cli import main; main(['--version']); "
        "print([m for m in ('numba', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == f"npembed {npembed.__version__}\n[]\n"
    assert done.stderr == ""


# A check that fails


def test_a_wrong_gradient_ends_with_status_1(monkeypatch, tmp_path, capsys):
    def wrong(g, x, **options):
        return 1.001 * normalize_vjp(g, x, **options)

    monkeypatch.setitem(NORMALIZERS, "normalize", Op(normalize, wrong))
    assert main([*QUICK, "--out", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert "FAILED wrong" in out
    assert quiet(err)
    checks = json.loads((tmp_path / "norm.json").read_text(encoding="utf-8"))["checks"]
    assert checks[0]["ok"] is False
    assert checks[0]["name"] == "normalizer: gradient equals differences"


# Bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dataset", "foo"], r"show norm: dataset = 'foo' is unknown; known are .*nations"),
        (["--dataset", "nation"], r"show norm: dataset = 'nation' is unknown \(did you mean 'nations'\?\); known are .*nations"),
        (["--epochs", "0"], "show norm: epochs = 0 is out of range; allowed: a whole number >= 1"),
        (["--epochs", "-1"], "show norm: epochs = -1 is out of range; allowed: a whole number >= 1"),
        (["--lr", "-1"], r"show norm: lr = -1.0 is out of range; allowed: a finite number >= 0 and <= 1e\+30"),
        (["--lr", "nan"], "show norm: lr = nan is out of range; allowed: a finite number"),
        (["--lr", "inf"], "show norm: lr = inf is out of range; allowed: a finite number"),
        (["--lr", "1e39"], r"show norm: lr = 1e\+39 is out of range; allowed: a finite number"),
        (["--lr", "1e300"], r"show norm: lr = 1e\+300 is out of range; allowed: a finite number"),
        (["--dim", "1"], "show norm: dim = 1 is out of range; allowed: a whole number >= 2 and <= 1000000"),
        (["--dim", "0"], "show norm: dim = 0 is out of range; allowed: a whole number >= 2 and <= 1000000"),
        (["--dim", "-5"], "show norm: dim = -5 is out of range; allowed: a whole number >= 2 and <= 1000000"),
        (["--seed", str(2**64)], "seed = 18446744073709551616 is out of range; allowed: a whole number"),
    ],
)
def test_bad_settings_end_with_status_2_one_line_and_no_files(tmp_path, capsys, options, message):
    assert main(["show", "norm", "--out", str(tmp_path / "new"), *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert re.match(r"npembed: \w+( \w+)?: ", err)
    assert re.search(message, err)
    assert everything_below(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "norm", "--epochs", "abc"], "argument --epochs: invalid int value: 'abc'"),
        (["show", "norm", "--epochs", "1.5"], "argument --epochs: invalid int value: '1.5'"),
        (["show", "norm", "--lr", "fast"], "argument --lr: invalid float value: 'fast'"),
        (["show", "norm", "--dim"], "argument --dim: expected one argument"),
        (["show", "norm", "--wide", "3"], "unrecognized arguments: --wide 3"),
        (["show", "norms"], "invalid choice: 'norms'"),
        (["show"], "the following arguments are required: TOPIC"),
        (["shew"], "invalid choice: 'shew'"),
        ([], "the following arguments are required: VERB"),
    ],
)
def test_what_cannot_be_parsed_ends_with_status_2(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.startswith("usage: npembed")
    assert "Traceback" not in err
    assert everything_below(tmp_path) == []


def test_a_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert main([*QUICK, "--out", str(out)]) == 2
        printed, err = capsys.readouterr()
        assert printed == ""
        assert err.count("\n") == 1
        assert re.match(
            rf"npembed: show norm: out = {re.escape(repr(str(out)))} cannot be written \(.+\); allowed: a folder that can", err
        )
    assert everything_below(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"


def test_a_folder_in_which_nothing_can_be_written(tmp_path, monkeypatch, capsys):
    files = importlib.import_module("npembed.show.files")

    def refuse(**about):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.tempfile, "TemporaryFile", refuse)  # a read-only folder would not stop root
    assert main([*QUICK, "--out", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "cannot be written (Permission denied)" in err
    assert err.count("\n") == 1
    assert everything_below(tmp_path) == []


def test_bad_input_in_a_process_of_its_own(tmp_path):
    done = run("show", "norm", "--dim", "1", "--out", str(tmp_path / "new"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "npembed: show norm: dim = 1 is out of range; allowed: a whole number >= 2 and <= 1000000\n"
    assert everything_below(tmp_path) == []
    assert run("show", "norm", "--epochs", "abc").returncode == 2
    assert run().returncode == 2


def test_a_loss_that_is_not_finite_is_one_line(monkeypatch, tmp_path, capsys):
    show = importlib.import_module("npembed.show.norm")
    fit = show.fit

    def poisoned(model, *args, **about):
        model.layers[1].weight[...] = np.nan
        return fit(model, *args, **about)

    monkeypatch.setattr(show, "fit", poisoned)
    assert main([*QUICK, "--out", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    said = r"npembed: fit: loss = nan in epoch 1, batch 1: relation rows .* are not finite; allowed: a finite loss\n"
    assert re.fullmatch(said, err)
    assert everything_below(tmp_path) == []


# Ctrl-C


@pytest.mark.long
@interrupts.possible
def test_ctrl_c_during_training_says_what_was_done(tmp_path):
    quick = ("--epochs", "1000000", "--dim", "2", "--out", str(tmp_path))
    status, out, err = interrupts.interrupted("npembed.show.norm", "show", "norm", *quick)
    assert status == 130
    found = re.fullmatch(r"npembed: interrupted: normalizer after (\d+) of 1000000 epochs; nothing was written\n", err)
    assert found, err
    told = [int(line.split()[1]) for line in out.splitlines()]
    assert int(found[1]) in (max(told, default=3), max(told, default=3) - 1)
    assert everything_below(tmp_path) == []


def interrupt(*args, **about):
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("where", ["run_checks", "sentences", "write"])
def test_ctrl_c_at_other_times(monkeypatch, tmp_path, capsys, where):
    monkeypatch.setattr(importlib.import_module("npembed.show.norm"), where, interrupt)
    assert main([*QUICK, "--out", str(tmp_path)]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "npembed: interrupted; nothing was written\n"
    assert everything_below(tmp_path) == []


def test_ctrl_c_in_the_second_run(monkeypatch, tmp_path, capsys):
    show = importlib.import_module("npembed.show.norm")
    fit, runs = show.fit, []

    def stopped(*args, **about):
        runs.append(0)
        for epoch in fit(*args, **about):
            yield epoch
            if len(runs) == 2 and epoch.number == 2:
                interrupt()

    monkeypatch.setattr(show, "fit", stopped)
    assert main(["show", "norm", "--epochs", "5", "--dim", "3", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "npembed: interrupted: constrainer after 2 of 5 epochs; nothing was written\n"
    assert everything_below(tmp_path) == []


# Surroundings


def test_without_tqdm_it_runs_in_silence(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    assert quiet(capsys.readouterr().err)


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="no such pipes")
def test_a_reader_that_goes_away_is_no_error(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        command = [sys.executable, "-u", "-m", "npembed", *QUICK, "--out", str(tmp_path)]
        done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0
    assert quiet(done.stderr)
    assert everything_below(tmp_path) == ["norm.json", "norm.png"]
