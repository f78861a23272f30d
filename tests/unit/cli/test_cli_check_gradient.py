"""``npembed check gradient``: what it prints, and its exit status."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import npembed
from npembed.cli import main

MINE = """
import numpy as np

def tanh_vjp(g, x):
    return g * (1 - np.conj(np.tanh(x)) ** 2)

def wrong_vjp(g, x):
    return g * (1 - np.tanh(x))

def relu(x):
    return np.maximum(x, 0)

def relu_vjp(g, x):
    return g * (x > 0)

def lookup(table):
    return table[[0, 1, 1]]

def lookup_vjp(g, table):
    d = np.zeros_like(table)
    np.add.at(d, [0, 1, 1], g)
    d[0] = 0
    return d

def scale(x, y, *, by=1.0, how="plain"):
    assert how == "plain"
    return by * x * y

def scale_vjp(g, x, y, *, by=1.0, how="plain"):
    return by * g * y, by * g * x

def far(x):
    return 1e14 + np.real(x)

def far_vjp(g, x):
    return g

def broken_vjp(g, x):
    return 1 // 0

def in_place_vjp(g, x):
    g *= 1 - np.tanh(x) ** 2
    return g

BUFFER = []

def uncleared_vjp(g, x):
    if not BUFFER:
        BUFFER.append(np.zeros_like(x))
    BUFFER[0] += tanh_vjp(g, x)
    return BUFFER[0].copy()

def halved_vjp(g, x):
    return tanh_vjp(g, x).astype(np.float32)

def nearly_vjp(g, x):
    return tanh_vjp(g, x) * np.float32(1 + 1e-5)

def largest(x):
    return x.max()

def largest_vjp(g, x):
    return g * (x == x.max())

def scatter(x):
    return ((x - x.mean()) ** 2).sum()

def scatter_vjp(g, x):
    return 2 * g * (x - x.mean())

def none_vjp(g, ids):
    return ()

class Thing:
    tanh_vjp = staticmethod(tanh_vjp)
    number = 3
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder with a module, which is forgotten afterwards."""
    (tmp_path / "mine_for_check.py").write_text(MINE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    sys.modules.pop("mine_for_check", None)


def check(capsys, forward, vjp, *options):
    status = main(["check", "gradient", forward, f"mine_for_check:{vjp}", *options])
    return status, *capsys.readouterr()


@pytest.mark.parametrize("options", [(), ("--complex",), ("--shape", "5"), ("--shape=",), ("--scale", "1e-30"), ("--analytic",)])
def test_right(capsys, options):
    status, out, err = check(capsys, "numpy:tanh", "tanh_vjp", *options)
    assert (status, err) == (0, "")
    assert out.startswith("tanh_vjp as the gradient of tanh: right\n")


def test_a_method_and_single_precision(capsys):
    status, out, _ = check(capsys, "numpy:tanh", "Thing.tanh_vjp", "--dtype", "float32")
    assert status == 0
    assert "float32 (4, 3): 12 right" in out


def test_wrong(capsys):
    status, out, err = check(capsys, "numpy:tanh", "wrong_vjp", "--shape", "2,3")
    assert (status, err) == (1, "")
    assert out.startswith("wrong_vjp as the gradient of tanh: wrong\n")
    assert "6 wrong" in out
    assert "dx[" in out


@pytest.mark.parametrize(
    ("vjp", "options", "said"),
    [
        ("in_place_vjp", (), "in_place_vjp changes g in place; must leave it alone"),
        ("uncleared_vjp", (), "dx is another when uncleared_vjp is called again: it must depend on g and the arguments alone"),
        ("halved_vjp", (), "its precision was halved: all of dx is float32"),
        ("nearly_vjp", ("--dtype", "float32"), "dx: float32 (4, 3): "),
    ],
)
def test_what_one_call_does_not_show_and_lost_digits(capsys, vjp, options, said):
    status, out, _ = check(capsys, "numpy:tanh", vjp, *options)
    assert status == 1
    assert f"{vjp} as the gradient of tanh: wrong" in out
    assert said in out


def test_a_tie_that_goes_to_both(capsys, here):
    np.save(here / "tie.npy", np.array([2.0, 2.0, 1.0]))
    status, out, _ = check(capsys, "mine_for_check:largest", "largest_vjp", "--file", "tie.npy")
    assert status == 1
    assert "dx along a direction" in out


def test_a_vjp_that_cancels_is_no_false_alarm(capsys, here):
    np.save(here / "far.npy", 1e6 + np.array([[0.3, -1.2, 0.7], [0.1, 2.2, -0.9]]))
    assert check(capsys, "mine_for_check:scatter", "scatter_vjp", "--file", "far.npy")[0] == 0


def test_a_check_of_nothing_fails(capsys, here):
    np.save(here / "zeros.npy", np.zeros(3))
    status, out, _ = check(capsys, "numpy:sign", "far_vjp", "--file", "zeros.npy")
    assert status == 1
    assert "nothing was checked: there is no slope to hold it against" in out
    np.save(here / "ids.npy", np.arange(3))
    for vjp, options in (("far_vjp", ("--shape", "0,3")), ("none_vjp", ("--file", "ids.npy"))):
        status, out, err = check(capsys, "mine_for_check:relu", vjp, *options)
        assert (status, out) == (2, "")
        assert "args have no entry to check; allowed: an array of floats that is not empty among them" in err


def test_the_seed_draws_the_arguments(capsys):
    out = [check(capsys, "numpy:tanh", "wrong_vjp", "--seed", seed)[1] for seed in "112"]
    assert out[0] == out[1] != out[2]


def test_kinks_and_what_cannot_be_seen(capsys, here):
    np.save(here / "x.npy", np.array([-1.0, 0.0, 1.0]))
    status, out, _ = check(capsys, "mine_for_check:relu", "relu_vjp", "--file", "x.npy")
    assert status == 0
    assert "not differentiable here" in out
    assert "a kink within" in out
    status, out, _ = check(capsys, "mine_for_check:far", "far_vjp")
    assert status == 1
    assert "could be seen from" in out


def test_two_arguments_and_options(capsys, here):
    options = ("--option", "by=2.5", "--option", "how=plain")
    assert check(capsys, "mine_for_check:scale", "scale_vjp", "--shape", "2", "--shape", "2", *options)[0] == 0
    np.savez(here / "xy.npz", a=np.ones(3), b=np.arange(1.0, 4))
    status, out, _ = check(capsys, "mine_for_check:scale", "scale_vjp", "--file", "xy.npz", *options)
    assert status == 0
    assert "dx: float64 (3,): 3 right" in out
    assert "dy: float64 (3,): 3 right" in out


def test_padding(capsys):
    assert check(capsys, "mine_for_check:lookup", "lookup_vjp")[0] == 1
    status, out, _ = check(capsys, "mine_for_check:lookup", "lookup_vjp", "--padding", "0")
    assert status == 0
    assert "intentionally not the gradient" in out


def test_entries_and_projections(capsys):
    options = ("--shape", "30,10", "--entries", "7", "--projections", "2")
    status, out, _ = check(capsys, "numpy:tanh", "tanh_vjp", *options)
    assert status == 0
    assert "14 right; along a random direction through all 300: right" in out


@pytest.mark.parametrize(
    ("forward", "vjp", "options", "said"),
    [
        ("numpy.tanh", "tanh_vjp", (), "forward = 'numpy.tanh' is no function; allowed: module:function"),
        (
            "nowhere_at_all:f",
            "tanh_vjp",
            (),
            "forward = 'nowhere_at_all:f' cannot be imported (No module named 'nowhere_at_all')",
        ),
        ("numpy:tanh", "lost", (), "vjp = 'mine_for_check:lost' is not there; allowed: a function of mine_for_check"),
        ("numpy:tanh", "Thing.number", (), "vjp = 'mine_for_check:Thing.number' is a int; allowed: a function"),
        ("numpy:tanh", "broken_vjp", (), "mine_for_check:broken_vjp raised ZeroDivisionError"),
        ("numpy:tanh", "scale_vjp", (), "mine_for_check:scale_vjp raised TypeError"),
        ("numpy:tanh", "tanh_vjp", ("--shape", "2,x"), "shape = '2,x' is no shape; allowed: whole numbers >= 0, as 4,3"),
        ("numpy:tanh", "tanh_vjp", ("--shape=-2",), "shape = '-2' is no shape"),
        ("numpy:tanh", "tanh_vjp", ("--scale", "0"), "scale = 0.0 is out of range"),
        ("numpy:tanh", "tanh_vjp", ("--entries", "0"), "judge: entries = 0 is out of range"),
        ("numpy:tanh", "tanh_vjp", ("--option", "x"), "option = 'x' has no name; allowed: NAME=VALUE"),
        ("numpy:tanh", "tanh_vjp", ("--file", "none.npy"), "file = 'none.npy' cannot be read"),
        ("numpy:tanh", "tanh_vjp", ("--file", "mine_for_check.py"), "file = 'mine_for_check.py' cannot be read"),
        (
            "numpy:tanh",
            "tanh_vjp",
            ("--file", "x.npy", "--shape", "3"),
            "--shape and --file are both given; allowed: one of them",
        ),
    ],
)
def test_bad_input(capsys, forward, vjp, options, said):
    status, out, err = check(capsys, forward, vjp, *options)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert said in err


def test_from_a_shell(here):
    root = pathlib.Path(npembed.__file__).parent.parent
    command = [sys.executable, "-m", "npembed", "check", "gradient", "numpy:tanh", "mine_for_check:wrong_vjp"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=here, env={**os.environ, "PYTHONPATH": str(root)})
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.startswith("wrong_vjp as the gradient of tanh: wrong")
