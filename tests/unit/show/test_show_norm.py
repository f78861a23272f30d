"""`npembed.show.norm`: its checks hold and can fail, its numbers and sentences are those of the run, its files are whole."""

import importlib
import json
import math
import re
import struct
import subprocess
import sys

import numpy as np
import pytest
from tolerances import SAME_SUMMARY

from npembed.embedding.row_maps import NORMALIZERS, normalize, normalize_vjp
from npembed.kge.datasets import Nations
from npembed.numerics.random import TorchGenerator
from npembed.op import Op
from npembed.show import norm
from npembed.show.norm_checks import run_checks
from npembed.show.norm_text import lines
from npembed.show.recorder import Update, angles, radial_and_tangential, summary

show = importlib.import_module("npembed.show.norm")  # the attribute of that name is the function
CHECKS = [
    "normalizer: gradient equals differences",
    "constrainer: gradient equals differences",
    "normalizer: no gradient along the row",
    "normalizer: |x'|^2 = |x|^2 + lr^2 |g|^2",
    "normalizer: three times the row, a third of the gradient",
    "both at norm one: same gradient along the sphere",
    "constrainer: agrees to first order in lr (its error's order is 2)",
]


@pytest.fixture
def few(monkeypatch):
    """Fewer entries to difference, where a test is about something else."""
    monkeypatch.setattr(importlib.import_module("npembed.show.norm_checks"), "ENTRIES", 4)


def numbers(value):
    """Every number in nested lists and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [] if value is None or isinstance(value, (str, bool)) else [value]


# The checks


@pytest.mark.parametrize(("lr", "seed", "dim"), [(0, 0, 3), (0.5, -1, 2)])
def test_the_checks_hold(lr, seed, dim):
    result = norm(epochs=2, lr=lr, dim=dim, seed=seed)
    assert [check["name"] for check in result["checks"]] == CHECKS
    for check in result["checks"]:
        assert check["ok"] is True, check
        assert 0 <= check["value"] <= check["limit"], check
    assert all(math.isfinite(number) for number in numbers(result))
    for way in ("normalizer", "constrainer"):
        assert [record["epoch"] for record in result["ways"][way]] == [0, 1, 2]
    assert result["settings"]["lr"] == lr
    assert result["files"] == []


@pytest.mark.parametrize("lr", [1e4, 1e12, 1e30])
@pytest.mark.parametrize("seed", [10, 21])
def test_the_checks_hold_at_any_learning_rate(few, lr, seed):
    model = show._model(Nations().training, 2, seed, {"normalizer": "normalize"})
    found = run_checks(model, Nations().training.mapped_triples, lr=lr, rng=TorchGenerator(seed))
    assert all(check.ok for check in found), found


def wrong_sign(g, x, **options):
    return -normalize_vjp(g, x, **options)


def not_projected(g, x, **options):
    return g / np.sqrt((x * x).sum(axis=-1, keepdims=True))


def not_divided(g, x, **options):
    return normalize_vjp(g, x, **options) * np.sqrt((x * x).sum(axis=-1, keepdims=True))


@pytest.mark.long
@pytest.mark.parametrize(
    ("vjp", "failing"),
    [
        (wrong_sign, [CHECKS[0], CHECKS[5]]),
        (not_projected, [CHECKS[0], CHECKS[2], CHECKS[3], CHECKS[5]]),
        (not_divided, [CHECKS[0], CHECKS[4]]),
    ],
)
def test_a_wrong_gradient_fails_its_checks(monkeypatch, vjp, failing):
    monkeypatch.setitem(NORMALIZERS, "normalize", Op(normalize, vjp))
    result = norm(epochs=1, dim=5)
    assert [check["name"] for check in result["checks"] if not check["ok"]] == failing
    first = result["checks"][0]
    assert first["value"] is None
    assert "but differences of the forward pass give" in first["note"]
    assert any("FAILED" in line and CHECKS[0] in line for line in lines(result))


def test_a_wrong_projection_fails_its_check(monkeypatch):
    checks = importlib.import_module("npembed.show.norm_checks")
    monkeypatch.setattr(checks, "normalize", lambda x: normalize(x, p=1))
    assert CHECKS[6] in [check["name"] for check in norm(epochs=1, dim=5)["checks"] if not check["ok"]]


# The run


def test_both_ways_start_from_one_seed_and_differ_in_the_place_of_the_norm(few):
    result = norm(epochs=2, dim=6, seed=4, lr=0.3)
    inside, outside = result["ways"]["normalizer"], result["ways"]["constrainer"]
    assert inside[0]["norm_max"] - inside[0]["norm_min"] > 0.1
    for record in outside:
        assert abs(record["norm_min"] - 1) < 1e-6
        assert abs(record["norm_max"] - 1) < 1e-6
    for record in inside[1:]:
        assert record["radial_share"] < 1e-10
        assert record["pulled_back"] == 0
    for record in outside[1:]:
        assert 0.05 < record["radial_share"] < 0.95
        assert record["pulled_back"] > 0
    for record in inside[1:] + outside[1:]:
        assert abs(record["radial_share"] + record["tangential_share"] - 1) < 1e-12
        assert record["angle"] > 0
    assert inside[2]["norm_min"] >= inside[1]["norm_min"] >= inside[0]["norm_min"]


def test_each_record_is_of_its_own_epoch(few, monkeypatch):
    lengths = []

    def counted(updates):
        lengths.append(len(updates))
        return summary(updates)

    monkeypatch.setattr(show, "summary", counted)
    norm(epochs=3, dim=3)
    assert lengths == [7] * 6  # 1592 triples in batches of 256


def test_one_seed_one_result(few):
    assert norm(epochs=1, dim=4, seed=9) == norm(epochs=1, dim=4, seed=9)
    assert norm(epochs=1, dim=4, seed=9) != norm(epochs=1, dim=4, seed=10)


def test_progress_sees_each_epoch_of_each_way(few):
    seen = []

    def progress(items, desc):
        for item in items:
            seen.append((desc, item.number))
            yield item

    norm(epochs=2, dim=3, progress=progress)
    assert seen == [("normalizer", 1), ("normalizer", 2), ("constrainer", 1), ("constrainer", 2)]


# What a step did, by hand


def test_radial_and_tangential_and_angles():
    rows, gradient = np.array([[3.0, 4.0], [0.0, 2.0], [0.0, 0.0]]), np.array([[5.0, 0.0], [1.0, -1.0], [1.0, 2.0]])
    radial, tangential = radial_and_tangential(rows, gradient)
    np.testing.assert_allclose(radial, [3.0, -1.0, 0.0], rtol=1e-15)
    np.testing.assert_allclose(tangential, [[3.2, -2.4], [1.0, 0.0], [1.0, 2.0]], rtol=1e-15)
    before = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [2.0, 2.0]])
    after = np.array([[5.0, 0.0], [0.0, 1.0], [-3.0, 0.0], [1.0, 1e-9], [1.0, math.sqrt(3)]])
    expected = [0.0, 90.0, 180.0, math.degrees(1e-9), 15.0]
    np.testing.assert_allclose(angles(before, after), expected, rtol=1e-12)


def test_summary_by_hand():
    first = Update(
        np.array([0, 2]),
        before=np.array([[1.0, 0.0], [0.0, 2.0]]),
        gradient=np.array([[3.0, 4.0], [12.0, 0.0]]),
        stepped=np.array([[0.0, 5.0], [0.0, 2.0]]),
        after=np.array([[0.0, 1.0], [0.0, 2.0]]),
    )
    second = Update(*np.array([[0.0]]).astype(int), *np.array([[[0.0, 1.0]], [[0.0, 5.0]], [[0.0, 3.0]], [[0.0, 3.0]]]))
    expected = {
        "norm_min": 2.0,  # row 2, which the second update left alone
        "norm_max": 3.0,
        "radial_share": (9 + 25) / (25 + 144 + 25),
        "tangential_share": (16 + 144) / (25 + 144 + 25),
        "angle": (90 + 0 + 0) / 3,
        "angle_without_radial": (np.degrees(np.arctan2(5, 1)) + 0 + 0) / 3,
        "pulled_back": (4 + 0 + 0) / 3,
        "steps": 3,
        "shortened": 0,
        "largest_shortening": 0.0,
    }
    assert summary([first, second]) == pytest.approx(expected, rel=SAME_SUMMARY)


# The words


def record(epoch, low, high, radial=0.5, angle=1.0, pulled=0.1, **more):
    shares = {"radial_share": radial, "tangential_share": 1 - radial, "angle_without_radial": angle / 2}
    steps = {"steps": 10, "shortened": 0, "largest_shortening": 0.0}
    return (
        {"epoch": epoch, "norm_min": low, "norm_max": high, "loss": 1.0, "angle": angle, "pulled_back": pulled}
        | shares
        | steps
        | more
    )


def test_a_learning_rate_of_zero_claims_no_growth_no_turn_and_no_pull(few):
    for dim, seed in ((2, 0), (3, 1), (4, 0), (50, 2)):
        first, second, third = norm(epochs=2, lr=0, dim=dim, seed=seed)["sentences"]
        before, after = re.search(r"lengths went from (\S+) to (\S+),", first).groups()
        assert before == after
        assert "0 of 196 steps shortened a row" in first
        assert "from 0 degrees in epoch 1 to 0 in epoch 2" in first
        assert "turned rows by 0 degrees" in second
        assert float(re.search(r"pulled back by (\S+) on average", second)[1]) < 1e-7
        assert "here 0 at the end" in third


def test_the_sentences_quote_the_run(few):
    result = norm(epochs=3, lr=0.5, dim=8)
    first, second, third = result["sentences"]
    inside, outside = result["ways"]["normalizer"], result["ways"]["constrainer"]
    assert "0 of 294 steps shortened a row" in first
    ends = [f"{inside[i]['norm_min']:.3g}-{inside[i]['norm_max']:.3g}" for i in (0, -1)]
    assert f"from {ends[0]} to {ends[1]}" in first
    assert f"from {inside[1]['angle']:.3g} degrees in epoch 1 to {inside[-1]['angle']:.3g} in epoch 3" in first
    assert f"{outside[1]['radial_share']:.1%} of the squared gradient lay along the row in epoch 1" in second
    assert f"turned rows by {outside[-1]['angle']:.3g} degrees" in second
    assert f"would have by {outside[-1]['angle_without_radial']:.3g};" in second
    assert f"pulled back by {np.mean([r['pulled_back'] for r in outside[1:]]):.2g} on average" in second
    slow, fast = (0.5 / inside[-1][key] ** 2 for key in ("norm_max", "norm_min"))
    assert f"here {slow:.3g}-{fast:.3g} at the end" in third
    assert "lr = 0.5" in third
    assert not re.search(r"\b(better|worse|best|wins?)\b", " ".join(result["sentences"]))  # no verdict: the winner flips with lr


def test_the_words_follow_the_numbers():
    words = importlib.import_module("npembed.show.norm_text")
    ways = {
        "normalizer": [record(0, 1.0, 2.0), record(1, 1.5, 2.5, radial=0.25, shortened=3, largest_shortening=2e-8)],
        "constrainer": [record(0, 1, 1), record(1, 0.5, 0.9, pulled=0.25, angle=1e-12)],
    }
    result = {"settings": {"lr": 2.0}, "ways": ways}
    first, second, third = words.sentences(result, 12.34)
    assert "share 2e-01 at most" in first
    assert "3 of 10 steps shortened a row (by 2e-08 at most, a rounding)" in first
    assert "from 1-2 to 1.5-2.5" in first
    assert "50.0% of the squared gradient" in second
    assert "turned rows by 0 degrees" in second
    assert "by 0.25 on average, rows ended at 0.5-0.9" in second
    assert "12.3 degrees apart" in third
    assert "here 0.32-0.889 at the end" in third


def test_the_report_is_short_and_shows_every_check(few):
    result = norm(epochs=5, dim=4)
    report = list(lines(result))
    assert not any("\n" in line for line in report)
    assert sum(line.startswith("  ok ") for line in report) == len(CHECKS)
    table = [line for line in report if re.match(r"(normalizer|constrainer) +\d", line)]
    assert len(table) == 6
    assert [int(line.split()[1]) for line in table] == [1, 3, 5] * 2
    last = result["ways"]["constrainer"][5]
    assert f"{last['loss']:.4f}" in table[-1]
    assert f"{last['angle']:.2f} deg" in table[-1]
    assert f"{last['pulled_back']:.4f}" in table[-1]
    assert report[-3:] == result["sentences"]


# The files


def test_the_files(few, tmp_path):
    out = tmp_path / "a" / "b"
    result = norm(epochs=2, dim=4, lr=0.5, seed=1, out=out)
    assert sorted(path.name for path in out.iterdir()) == ["norm.json", "norm.png"]
    assert result["files"] == [str(out / "norm.png"), str(out / "norm.json")]
    read = json.loads((out / "norm.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)  # no NaN, no Infinity
    assert read == result
    assert all(math.isfinite(number) for number in numbers(read))
    for check in read["checks"]:
        assert set(check) == {"name", "value", "limit", "ok", "note"}
        assert isinstance(check["name"], str)
        assert isinstance(check["ok"], bool)
        assert check["limit"] > 0
    assert set(read) == {"settings", "checks", "ways", "arrow", "sentences", "files"}
    assert read["settings"] == {
        "dataset": "nations",
        "epochs": 2,
        "lr": 0.5,
        "dim": 4,
        "seed": 1,
        "p": 1,
        "version": read["settings"]["version"],
    }
    picture = (out / "norm.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture[-12:] == b"\x00\x00\x00\x00IEND\xaeB`\x82"
    width, height = struct.unpack(">II", picture[16:24])
    assert (width, height) == (1760, 990)
    assert 20_000 < len(picture) < 1_000_000


def test_a_second_run_replaces_the_files(few, tmp_path):
    for lr in (0.1, 0.2):
        norm(epochs=1, dim=3, lr=lr, out=tmp_path)
        assert json.loads((tmp_path / "norm.json").read_text(encoding="utf-8"))["settings"]["lr"] == lr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["norm.json", "norm.png"]


@pytest.mark.long
@pytest.mark.parametrize(("lr", "dim"), [(0.0, 2), (0.01, 50), (5.0, 2), (1e30, 50)])
def test_the_figure_is_drawn_for_any_run(few, tmp_path, lr, dim):
    result = norm(epochs=1, dim=dim, lr=lr, out=tmp_path)
    assert len(result["files"]) == 2
    assert (tmp_path / "norm.png").stat().st_size > 20_000


def test_a_failed_check_is_written_as_null(few, monkeypatch, tmp_path):
    monkeypatch.setitem(NORMALIZERS, "normalize", Op(normalize, wrong_sign))
    norm(epochs=1, dim=3, out=tmp_path)
    read = json.loads((tmp_path / "norm.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert read["checks"][0]["value"] is None
    assert read["checks"][0]["ok"] is False


def test_an_error_while_writing_leaves_no_half_file(few, tmp_path, monkeypatch):
    (tmp_path / "norm.json").write_text("old", encoding="utf-8")
    (tmp_path / "norm.png").write_text("old", encoding="utf-8")

    def fail(result, path):
        path.write_text("half", encoding="utf-8")
        raise OSError("disk full")

    monkeypatch.setattr(importlib.import_module("npembed.show.norm_figure"), "draw", fail)
    with pytest.raises(OSError, match="disk full"):
        norm(epochs=1, dim=3, out=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["norm.json", "norm.png"]
    assert {path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == {"old"}


def test_a_folder_in_the_place_of_a_file_is_refused_before_training(tmp_path):
    (tmp_path / "norm.json").mkdir()
    with pytest.raises(OSError, match=r"show norm: out = .* holds a folder norm.json; allowed: a folder without"):
        norm(epochs=1, dim=3, out=tmp_path)


def test_without_matplotlib_the_numbers_come_out_and_one_line_says_what_is_missing(tmp_path):
    code = "import sys; sys.modules['matplotlib'] = None; from npembed.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "show", "norm", "--epochs", "1", "--dim", "3", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["norm.json"]
    assert done.stdout.splitlines()[-1].startswith("no picture: matplotlib is missing")
    assert done.stdout.count("matplotlib is missing") == 1
    assert "wrote" in done.stdout
    assert json.loads((tmp_path / "norm.json").read_text(encoding="utf-8"))["files"] == [str(tmp_path / "norm.json")]


# Bad settings: nothing is trained, nothing is written


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            {"dataset": "nation"},
            KeyError,
            r"show norm: dataset = 'nation' is unknown \(did you mean 'nations'\?\); known are .*nations",
        ),
        ({"dataset": 3}, TypeError, r"show norm: dataset is a int; allowed: a name \(.*nations"),
        ({"epochs": 0}, ValueError, "show norm: epochs = 0 is out of range; allowed: a whole number >= 1"),
        ({"epochs": 2.0}, TypeError, "show norm: epochs = 2.0 is of type float"),
        ({"dim": 1}, ValueError, "show norm: dim = 1 is out of range; allowed: a whole number >= 2"),
        ({"lr": -1}, ValueError, "show norm: lr = -1 is out of range; allowed: a finite number >= 0"),
        ({"lr": float("nan")}, ValueError, "show norm: lr = nan is out of range"),
        ({"lr": float("inf")}, ValueError, "show norm: lr = inf is out of range"),
        ({"lr": 1e300}, ValueError, "show norm: lr = 1e[+]300 is out of range"),
        ({"lr": "0.5"}, TypeError, "show norm: lr = '0.5' is of type str"),
        ({"seed": 0.5}, TypeError, "show norm: seed = 0.5 is of type float"),
        ({"seed": 2**64}, ValueError, "seed = 18446744073709551616 is out of range"),
    ],
)
def test_bad_settings(tmp_path, settings, error, message):
    def progress(items, desc):
        pytest.fail("it trains")

    with pytest.raises(error, match=message) as caught:
        norm(**{"epochs": 1, "dim": 3, "out": tmp_path / "new", "progress": progress, **settings})
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
