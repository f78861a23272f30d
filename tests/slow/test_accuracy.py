"""The measuring of accuracy: that nothing is left out, that a small fault is seen, and that the bounds hold."""

import json
import math
import os
import sys

import mpmath
import numpy as np
import pytest
import test_registries

from npembed.cli import main
from npembed.embedding.row_maps import norm
from npembed.embedding.rows import RowSparse
from npembed.op import Op
from npembed.verify import accuracy
from npembed.verify.accuracy import bounds, inputs, measure, references
from npembed.verify.accuracy.differences import gradients, to_mpmath
from npembed.verify.accuracy.entries import BITS

NIGHTLY = os.environ.get("NPEMBED_HYPOTHESIS") == "nightly"


def test_every_op_has_a_reference_or_a_reason():
    entries = {entry.op for entry in accuracy.ENTRIES}
    assert entries | accuracy.REASONS.keys() == set(test_registries.OPS)
    assert not entries & accuracy.REASONS.keys()
    assert all(len(why) > 20 for why in accuracy.REASONS.values())
    assert accuracy.ops() == test_registries.OPS
    assert sorted(entries) == sorted(references.__all__)


def test_every_stated_bound():
    """Of all ops on all classes of input: a few examples by default, the whole by night."""
    report = accuracy.accuracy(examples=1.0 if NIGHTLY else 0.1)
    assert report["ok"], [r for r in report["records"] if not r["ok"]]
    seen = {(r["op"], r["direction"], r["dtype"], r["class"]) for r in report["records"]}
    for entry in accuracy.ENTRIES:
        label = f"{entry.op} {entry.label}".strip()
        dtypes = [d for d in measure.DTYPES if any(s[0] == label and s[2] == d for s in seen)]
        assert {np.dtype(d).kind for d in dtypes} >= ({"c"} if entry.op in ("rotate", "complex_bilinear") else {"f"})
        for dtype in dtypes:
            for kind in inputs.CLASSES:
                assert (label, "forward", dtype, kind) in seen
                assert (label, "backward", dtype, kind) in seen
    assert min(r["examples"] for r in report["records"]) >= (10 if NIGHTLY else 2)
    assert all(r["numbers"] for r in report["records"])


def test_most_records_have_a_bound():
    """What is not promised on any input that does not cancel would pass whatever it did."""
    for entry in accuracy.ENTRIES:
        label = f"{entry.op} {entry.label}".strip()
        for direction in ("forward", "backward"):
            for double in (False, True):
                for kind in inputs.CLASSES:
                    promised, _ = bounds.bounds_of(label, direction, double, kind)
                    assert promised or kind == "cancelling"
                    assert promised.get("ulp_999", 0) <= 2
                    assert promised.get("normwise", 0) <= (
                        24 if "other" in label else 8 if "nssa" in label or label == "orthogonality" else 4
                    )


@pytest.mark.parametrize(
    ("name", "dtype", "fault"),
    [
        ("normalize", "float64", 5e-15),
        ("distmult", "float32", 5e-7),
        ("nssa", "float64", 5e-15),
        ("lp", "complex64", 5e-7),
        ("lookup", "float64", 5e-15),
        ("score", "complex128", 5e-15),
        ("embedding_bag", "float32", 1e-6),
        ("low_rank", "float32", 5e-7),
    ],
)
def test_a_small_fault_is_seen(monkeypatch, name, dtype, fault):
    """Forward or backward off by a factor of a few ulps."""
    right = accuracy.ops()
    op, scale = right[name], np.array(1 + fault)

    def off(f):
        def wrong(*args, **options):
            found = f(*args, **options)
            return tuple(map(single, found)) if isinstance(found, tuple) else single(found)

        def single(x):
            x = x.to_dense() if isinstance(x, RowSparse) else np.asarray(x)
            return (x * scale.astype(x.real.dtype)).astype(x.dtype)[()]

        return wrong

    monkeypatch.setattr(measure, "DTYPES", (dtype,))
    monkeypatch.setattr(measure, "CLASSES", ("random",))
    for wrong, direction in ((Op(off(op.forward), op.vjp), "forward"), (Op(op.forward, off(op.vjp)), "backward")):
        monkeypatch.setattr(measure, "ops", lambda wrong=wrong: {**right, name: wrong})
        report = accuracy.accuracy(only=[name], examples=0.1)
        plain = [r for r in report["records"] if "exact" not in r["op"]]
        assert {r["direction"] for r in plain if not r["ok"]} == {direction}
        assert not report["ok"]
    monkeypatch.setattr(measure, "ops", lambda: right)
    assert accuracy.accuracy(only=[name], examples=0.1)["ok"]


def test_errors_by_hand():
    eps, tiny = 2.0**-52, 2.0**-1074
    one, large = mpmath.mpf(1), mpmath.mpf(2) ** 1024
    ulps, normwise = accuracy.errors_of(np.array([1 + 2 * eps, 2.0]), [one, mpmath.mpf(2)])
    assert ulps.tolist() == [2.0, 0.0]
    assert normwise == pytest.approx(2 / math.sqrt(5))
    for actual, expected, ulp in (
        (1.0, one - mpmath.mpf(eps), 2.0),  # below one an ulp is half as large
        (3 * tiny, mpmath.mpf(tiny), 2.0),
        (tiny, mpmath.mpf(0), 1.0),
        (0.0, mpmath.mpf(0), 0.0),
        (math.inf, large, 0.0),
        (-math.inf, large, math.inf),
        (1e308, large, math.inf),
        (math.inf, one, math.inf),
        (math.nan, one, math.inf),
    ):
        assert accuracy.errors_of(np.array([actual]), [expected])[0].tolist() == [ulp]
    ulps, _ = accuracy.errors_of(np.array([1 + 2j], np.complex64), [mpmath.mpc(1, 2 + 2.0**-22)])
    assert ulps.tolist() == [0.0, 1.0]
    assert accuracy.errors_of(np.array([math.nan]), [one])[1] == math.inf


def test_differences_are_the_gradient():
    """Of functions whose gradient is known, real and complex, and at kinks the mean of both sides."""
    with mpmath.workprec(BITS):
        x = to_mpmath(np.array([0.5, -2.0, 0.0]))
        (d,) = gradients(lambda x: x**3, [mpmath.mpf(v) for v in (1, 2, 3)], (x,))
        assert all(abs(a - b) < mpmath.ldexp(1, -300) for a, b in zip(d, (0.75, 24.0, 0.0), strict=True))
        (d,) = gradients(lambda x: sum(map(abs, x)), [mpmath.mpf(1)], (x,))
        assert [float(v) for v in d] == [1.0, -1.0, 0.0]
        z = to_mpmath(np.array([3 + 4j]))
        (d,) = gradients(lambda z: (z * mpmath.conj(z[0])).sum(), [mpmath.mpf(1)], (z,))
        assert complex(d[0]) == 6 + 8j
        (d,) = gradients(lambda z: z * mpmath.mpc(0, 1), [mpmath.mpc(1, 2)], (z,))  # conj(i) g
        assert complex(d[0]) == (1 + 2j) * -1j


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_classes_are_what_they_are_called(dtype):
    rng, dtype = np.random.default_rng(3), np.dtype(dtype)
    lengths = {kind: norm(inputs.row(rng, kind, 20, dtype).astype(complex)) for kind in inputs.CLASSES}
    size = 1e30 if dtype.char == "f" else 1e200
    assert lengths["huge"].min() > size / 10
    assert lengths["tiny"].max() < 10 / size
    assert (lengths["boundaries"] == 0).any()
    assert (lengths["boundaries"] == inputs.BOUND).any()
    ties = np.abs(inputs.row(rng, "ties", 20, dtype))
    assert (np.sort(ties, axis=1)[:, -1] == np.sort(ties, axis=1)[:, -2]).all()
    x = inputs.row(rng, "random", 20, dtype)
    for g, least, most in ((inputs.along(rng, x), 0.999999, 1.000001), (inputs.across(rng, x), 0.0, 0.95)):
        cosine = np.abs((np.conj(x) * g).sum(axis=1).real) / np.linalg.norm(x, axis=1) / np.linalg.norm(g, axis=1)
        assert least <= cosine.min() <= cosine.max() <= most


def test_command_line(capsys, monkeypatch):
    assert main(["check", "accuracy", "--only", "mse", "softmax", "--examples", "0.1"]) == 0
    said = capsys.readouterr().out
    assert "softmax vjp" in said
    assert "every stated bound holds" in said
    assert main(["check", "accuracy", "--only", "mse", "--examples", "0.1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {"op", "direction", "dtype", "class", "examples", "max_ulp", "ulp_999", "normwise"} <= report["records"][0].keys()
    monkeypatch.setitem(bounds.RULE, "single", {"ulp_999": 0.01})
    assert main(["check", "accuracy", "--only", "mse", "--examples", "0.1"]) == 1
    said = capsys.readouterr().out
    assert "broken: mse forward, float32, random: ulp_999" in said
    assert "a stated bound is broken" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--only", "softmin"],
            "accuracy: only = 'softmin' is unknown (did you mean 'softmax'?); known are add, bce_with_logits, ",
        ),
        (["--examples", "0"], "accuracy: examples = 0.0 is out of range; allowed: a finite number > 0"),
        (["--seed", "-1"], "accuracy: seed = -1 is out of range; allowed: a whole number >= 0"),
    ],
)
def test_bad_options(capsys, options, message):
    assert main(["check", "accuracy", *options]) == 2
    assert capsys.readouterr().err.startswith(f"npembed: {message}")


def test_without_mpmath(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "mpmath", None)
    assert main(["check", "accuracy"]) == 2
    assert "mpmath is missing" in capsys.readouterr().err
