"""`npembed.show.sweep`: its numbers are those of runs done by hand, its words follow them, its files are whole."""

import importlib
import json
import math
import re
import signal
import struct
import subprocess
import sys

import numpy as np
import pytest

from npembed.cli import main
from npembed.kge.datasets import Nations
from npembed.kge.evaluation import evaluate, metric
from npembed.kge.models import ERModel
from npembed.kge.training import fit
from npembed.show import norm, sweep
from npembed.show.sweep import LRS, SEEDS, crossings
from npembed.show.sweep_text import lines, sentences

show = importlib.import_module("npembed.show.sweep")  # the attribute of that name is the function
TINY = {"epochs": 1, "dim": 3, "lrs": [0.1, 2], "seeds": [0, 4]}
QUICK = ["show", "norm", "--sweep", "--epochs", "1", "--dim", "3", "--lrs", "0.1", "2", "--seeds", "0", "4"]
WAYS = ["normalizer", "constrainer"]


@pytest.fixture(scope="module")
def result():
    return sweep(**TINY)


def everything_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# The numbers


def test_every_run_is_there_once_and_in_order(result):
    asked = [(run["lr"], run["seed"], run["way"]) for run in result["runs"]]
    assert asked == [(lr, seed, way) for lr in (0.1, 2.0) for seed in (0, 4) for way in WAYS]
    assert sweep(**{**TINY, "lrs": [2, 0.1]}) == result


@pytest.mark.parametrize("which", [0, 7])
def test_a_run_is_a_direct_run(result, which):
    run, nations = result["runs"][which], Nations()
    model = ERModel(
        triples_factory=nations.training,
        interaction="transe",
        random_seed=run["seed"],
        entity_representations_kwargs={"embedding_dim": 3, "initializer": "xavier_uniform", run["way"]: "normalize"},
        relation_representations_kwargs={"embedding_dim": 3, "initializer": "xavier_uniform_norm"},
    )
    first = np.sqrt((model.layers[0].weight.astype(float) ** 2).sum(axis=1))
    (epoch,) = fit(model, nations.training.mapped_triples, epochs=1, lr=run["lr"])
    known = [nations.training.mapped_triples, nations.validation.mapped_triples]
    found = evaluate(model, nations.testing.mapped_triples, known=known)
    last = np.sqrt((model.layers[0].weight.astype(float) ** 2).sum(axis=1))
    assert run["mrr"] == metric(found, "both.realistic.mrr")
    assert run["loss"] == epoch.loss
    assert run["lengths"] == pytest.approx([last.min(), np.median(last), last.max()], rel=1e-12)
    for name, lengths in (("first_rates", first), ("rates", last)):
        felt = run["lr"] / lengths**2 if run["way"] == "normalizer" else np.full(14, run["lr"])
        assert run[name] == pytest.approx([felt.min(), np.median(felt), felt.max()], rel=1e-12)


def test_a_run_is_one_of_show_norm(monkeypatch, result):
    monkeypatch.setattr(importlib.import_module("npembed.show.norm_checks"), "ENTRIES", 4)
    ways = norm(epochs=1, dim=3, lr=2, seed=4)["ways"]
    for run in result["runs"][-2:]:
        record = ways[run["way"]][-1]
        assert run["loss"] == record["loss"]
        assert run["lengths"][::2] == pytest.approx([record["norm_min"], record["norm_max"]], rel=1e-12)


def test_the_bands_hold_the_seeds(result):
    assert list(result["curves"]) == WAYS
    for way, curve in result["curves"].items():
        assert [point["lr"] for point in curve] == [0.1, 2.0]
        for point in curve:
            runs = [run for run in result["runs"] if run["way"] == way and run["lr"] == point["lr"]]
            mrr = [run["mrr"] for run in runs]
            assert point["mrr"] == [min(mrr), np.mean(mrr), max(mrr)]  # the median of two
            for name in ("lengths", "rates", "first_rates"):
                low, median, high = np.array([run[name] for run in runs]).T
                assert point[name] == [low.min(), np.mean(median), high.max()]
    for point in result["curves"]["constrainer"]:
        assert point["lengths"] == pytest.approx([1, 1, 1], abs=1e-6)
        assert point["rates"] == point["first_rates"] == [point["lr"]] * 3


# Where curves cross, and what is said of it


def curve(*medians, width=0.0, rates=None, first=10.0):
    """A synthetic curve at lr = 0.01, 0.1, 1, ..."""
    lrs = [10.0 ** (i - 2) for i in range(len(medians))]
    rates = rates or lrs
    return [
        {"lr": lr, "mrr": [m - width, m, m + width], "lengths": [1.0, 1.5, 2.0], "rates": [r / 2, r, r * 2], "first_rates": [first] * 3}
        for lr, m, r in zip(lrs, medians, rates, strict=True)
    ]  # fmt: skip


def synthetic(inside, outside, seeds=3):
    curves = {"normalizer": inside, "constrainer": outside}
    return {"curves": curves, "crossings": crossings(curves), "settings": {"seeds": list(range(seeds))}}


@pytest.mark.parametrize(
    ("inside", "outside", "expected"),
    [
        ((0.1, 0.3), (0.2, 0.2), [10**-1.5]),
        ((0.3, 0.1), (0.2, 0.2), [10**-1.5]),
        ((0.1, 0.5), (0.2, 0.2), [10**-1.75]),
        ((0.1, 0.2, 0.3), (0.2, 0.2, 0.2), [0.1]),
        ((0.1, 0.2, 0.2, 0.3), (0.2, 0.2, 0.2, 0.2), [10**-0.5]),
        ((0.1, 0.3, 0.1), (0.2, 0.2, 0.2), [10**-1.5, 10**-0.5]),
        ((0.1, 0.2, 0.1), (0.2, 0.2, 0.2), []),
        ((0.2, 0.3), (0.2, 0.2), []),
        ((0.2, 0.2), (0.2, 0.2), []),
        ((0.1, 0.1), (0.2, 0.2), []),
    ],
)
def test_crossings_by_hand(inside, outside, expected):
    curves = {"normalizer": curve(*inside), "constrainer": curve(*outside)}
    assert crossings(curves) == pytest.approx(expected, rel=1e-9)


def test_words_of_curves_that_cross_once():
    inside = curve(0.1, 0.2, 0.5, width=0.01, rates=[0.005, 0.05, 0.25])
    said = sentences(synthetic(inside, curve(0.3, 0.3, 0.3, width=0.15)))
    assert said[0].startswith("The curves cross at lr = 0.22: below, the constrainer ranks better, above, the normalizer (")
    assert said[0].endswith("(medians of 3 seeds; bands apart at 2 of 3 rates).")
    assert said[1].startswith("A constrained row feels lr itself")
    assert "feels lr / |x|^2, here less than lr; at lr = 0.1 that was 10 before training and 0.025-0.1 after it" in said[1]
    assert "when the rows were 1-2 long" in said[1]
    assert "lr / 2 to lr / 4, the normalizer's curve is inside the constrainer's band at lr = 0.1, above it at lr = 1" in said[2]
    assert "(by 0.2 at most): that rate (at lr = 1 it went from 10 to 0.25 in training) is not all of the difference" in said[2]


def test_words_of_curves_the_other_way_round():
    said = sentences(synthetic(curve(0.5, 0.1, rates=[0.02, 0.08]), curve(0.3, 0.3), seeds=1))
    assert "below, the normalizer ranks better, above, the constrainer (one seed)." in said[0]
    assert "than lr" not in said[1]  # one rate is felt larger than lr, one smaller
    assert "above the constrainer's band at lr = 0.01, below it at lr = 0.1 (by 0.2 at most)" in said[2]
    larger = sentences(synthetic(curve(0.5, 0.1, rates=[0.02, 0.2]), curve(0.3, 0.3)))
    assert "here more than lr" in larger[1]


def test_words_of_curves_that_cross_twice():
    said = sentences(synthetic(curve(0.1, 0.3, 0.1), curve(0.2, 0.2, 0.2)))[0]
    assert (
        "cross 2 times, at lr = 0.032 and 0.32: at the smallest rate the constrainer ranks better, at the largest the cons"
        in said
    )


def test_words_of_curves_that_do_not_cross():
    first, second, _ = sentences(synthetic(curve(0.3, 0.3, 0.3), curve(0.1, 0.2, 0.3)))
    assert first.startswith("The curves do not cross between lr = 0.01 and 1: the normalizer ranks better at 2 of 3 rates (")
    assert second.startswith("A constrained row feels")
    assert "at lr = 1 that was" in second  # the largest
    assert "they are equal at each rate" in sentences(synthetic(curve(0.3, 0.3), curve(0.3, 0.3)))[0]


def test_words_when_the_shift_is_all_or_cannot_be_compared():
    third = sentences(synthetic(curve(0.1, 0.2, 0.3, rates=[0.001, 0.01, 0.1]), curve(0.2, 0.3, 0.4)))[2]
    assert "lr / 10, the normalizer's curve is inside the constrainer's band at lr = 0.1-1: a shift." in third
    third = sentences(synthetic(curve(0.1, 0.2, rates=[1e-4, 1e-3]), curve(0.2, 0.3)))[2]
    assert third.endswith("the normalizer's curve is outside the rates of the constrainer's.")


def test_the_report(result):
    report = list(lines(result))
    assert not any("\n" in line for line in report)
    table = [line for line in report if re.match(r" +[\d.]+ ", line)]
    for line, inside, outside in zip(table, *result["curves"].values(), strict=True):
        assert line.split()[0] == f"{inside['lr']:g}"
        assert [line.split()[1], line.split()[3]] == [f"{point['mrr'][1]:.3f}" for point in (inside, outside)]
    assert report[-3:] == result["sentences"] == sentences(result)


# The files


def test_the_files(tmp_path, result):
    out = tmp_path / "a" / "b"
    written = sweep(**TINY, out=out)
    assert written["files"] == [str(out / "sweep.png"), str(out / "sweep.json")]
    assert everything_below(out) == ["sweep.json", "sweep.png"]
    read = json.loads((out / "sweep.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert read == written == {**result, "files": written["files"]}
    assert read["settings"] == {
        "dataset": "nations", "epochs": 1, "lrs": [0.1, 2.0], "dim": 3, "seeds": [0, 4], "p": 1,
        "version": read["settings"]["version"],
    }  # fmt: skip
    picture = (out / "sweep.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", picture[16:24]) == (1760, 990)
    assert 20_000 < len(picture) < 1_000_000


@pytest.mark.parametrize("lrs", [[1e-30, 1e30], [0.5, 0.50001]])
def test_the_figure_is_drawn_for_any_run(tmp_path, lrs):
    found = sweep(**{**TINY, "lrs": lrs, "seeds": [1]}, out=tmp_path)
    assert len(found["files"]) == 2
    assert all(math.isfinite(value) for run in found["runs"] for value in (run["loss"], run["mrr"], *run["rates"]))


def test_both_pictures_fit_into_one_folder(tmp_path):
    (tmp_path / "norm.png").write_text("kept", encoding="utf-8")
    sweep(**TINY, out=tmp_path)
    assert everything_below(tmp_path) == ["norm.png", "sweep.json", "sweep.png"]
    assert (tmp_path / "norm.png").read_text(encoding="utf-8") == "kept"


def test_an_error_while_writing_leaves_no_half_file(tmp_path, monkeypatch):
    def fail(result, path):
        path.write_text("half", encoding="utf-8")
        raise OSError("disk full")

    monkeypatch.setattr(importlib.import_module("npembed.show.sweep_figure"), "draw", fail)
    with pytest.raises(OSError, match="disk full"):
        sweep(**TINY, out=tmp_path)
    assert everything_below(tmp_path) == []


# The command line


def test_the_command(tmp_path, capsys, result):
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("\n".join(lines(result)))
    assert everything_below(tmp_path) == ["sweep.json", "sweep.png"]


def test_the_defaults_are_those_of_the_function_and_of_the_help(monkeypatch, capsys):
    asked = {}

    def refuse(**settings):
        asked.update(settings)
        raise OSError("enough")

    monkeypatch.setattr(importlib.import_module("npembed.show"), "sweep", refuse)
    monkeypatch.setattr(importlib.import_module("npembed.show"), "check_sweep_settings", lambda **settings: None)
    assert main(["show", "norm", "--sweep"]) == 2
    asked.pop("progress")
    assert asked == {"dataset": "nations", "epochs": 20, "lrs": LRS, "dim": 50, "seeds": SEEDS, "out": "npembed-show-norm"}
    monkeypatch.setenv("COLUMNS", "200")
    capsys.readouterr()
    assert main(["show", "norm", "--help"]) == 0
    out = capsys.readouterr().out
    for values in (LRS, SEEDS):
        assert f"(default: {' '.join(f'{value:g}' for value in values)})" in out
    assert "About a minute on two cores" in " ".join(out.split())


def test_without_matplotlib_the_numbers_come_out(tmp_path):
    code = "import sys; sys.modules['matplotlib'] = None; from npembed.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code, *QUICK, "--out", str(tmp_path)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("no picture: matplotlib is missing")
    assert everything_below(tmp_path) == ["sweep.json"]


BAD = [
    (["--lrs", "0.5"], r"show norm: lrs = \[0.5\] has length 1; allowed: 2 or more numbers"),
    (["--lrs", "0.5", "0"], r"show norm: lrs\[1\] = 0.0 is out of range; allowed: a finite number >= 1e-30 and <= 1e\+30"),
    (["--lrs", "nan", "1"], r"show norm: lrs\[0\] = nan is out of range; allowed: a finite number"),
    (["--lrs", "1", "2", "1"], "show norm: lrs holds 1.0 twice; allowed: each number once"),
    (["--seeds", "3", "3"], "show norm: seeds holds 3 twice; allowed: each number once"),
    (["--seeds", str(2**64)], r"show norm: seeds\[0\] = 18446744073709551616 is out of range; allowed: a whole number"),
    (["--epochs", "0"], "show norm: epochs = 0 is out of range; allowed: a whole number >= 1"),
    (["--dim", "1"], "show norm: dim = 1 is out of range; allowed: a whole number >= 2"),
    (["--dataset", "nation"], r"show norm: dataset = 'nation' is unknown \(did you mean 'nations'\?\); known are"),
    (["--lr", "1"], "show norm: --lr is given with --sweep; allowed: --lrs"),
    (["--seed", "1"], "show norm: --seed is given with --sweep; allowed: --seeds"),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=[" ".join(options) for options, _ in BAD])
def test_bad_settings_end_with_status_2_one_line_and_no_files(tmp_path, capsys, options, message):
    assert main(["show", "norm", "--sweep", "--out", str(tmp_path / "new"), *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(f"npembed: {message}.*\n", err), err
    assert everything_below(tmp_path) == []


@pytest.mark.parametrize(("option", "instead"), [("lrs", "lr"), ("seeds", "seed")])
def test_options_of_the_sweep_without_it(tmp_path, capsys, option, instead):
    assert main(["show", "norm", f"--{option}", "1", "2", "--out", str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err == f"npembed: show norm: --{option} is given without --sweep; allowed: --{instead}\n"
    assert everything_below(tmp_path) == []


def test_a_folder_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "sweep.png").mkdir()
    assert main([*QUICK, "--out", str(tmp_path)]) == 2
    assert "holds a folder sweep.png; allowed: a folder without" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_is_one_line(monkeypatch, tmp_path, capsys):
    def poisoned(model, *args, **about):
        model.layers[1].weight[...] = np.nan
        return fit(model, *args, **about)

    monkeypatch.setattr(show, "fit", poisoned)
    assert main([*QUICK, "--out", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(
        "npembed: fit: loss = nan in epoch 1, batch 1: relation rows .* are not finite; allowed: a finite loss\n", err
    )
    assert everything_below(tmp_path) == []


# Ctrl-C


def interrupt(*args, **about):
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("where", ["fit", "evaluate"])
def test_ctrl_c_says_how_many_runs_were_done(monkeypatch, tmp_path, capsys, where):
    calls, plain = [], getattr(show, where)

    def third(*args, **about):
        calls.append(0)
        if len(calls) == 3:
            interrupt()
        return plain(*args, **about)

    monkeypatch.setattr(show, where, third)
    assert main([*QUICK, "--out", str(tmp_path)]) == 130
    assert capsys.readouterr() == ("", "npembed: interrupted: 2 of 8 runs were done; nothing was written\n")
    assert everything_below(tmp_path) == []


@pytest.mark.parametrize("where", ["sentences", "write"])
def test_ctrl_c_at_other_times(monkeypatch, tmp_path, capsys, where):
    monkeypatch.setattr(show, where, interrupt)
    assert main([*QUICK, "--out", str(tmp_path)]) == 130
    assert capsys.readouterr() == ("", "npembed: interrupted; nothing was written\n")
    assert everything_below(tmp_path) == []


def test_progress_sees_each_run():
    seen = []

    def progress(items, desc):
        for item in items:
            seen.append(item)
            yield item

    sweep(**TINY, progress=progress)
    assert seen == [(lr, seed, way) for lr in (0.1, 2.0) for seed in (0, 4) for way in WAYS]
