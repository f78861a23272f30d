"""`npembed check bits`: one value where there is one, and a report that says so where there is not."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npembed.cli import main
from npembed.embedding.optimizers import OPTIMIZERS
from npembed.kge.datasets import Nations
from npembed.kge.losses import LOSSES
from npembed.kge.models import MODELS
from npembed.kge.samplers import SAMPLERS
from npembed.kge.training import LOOPS
from npembed.verify.reproducibility import check_bits, lines, processes, threading_layers, trainings

BUFFERS = """
import numba, numpy as np
from npembed.numerics.kernels import cpu
def segment_add(out, rows, starts, order, values):
    n = numba.config.NUMBA_NUM_THREADS
    for s, row in enumerate(rows):
        for part in np.array_split(order[starts[s] : starts[s + 1]], n):
            buffer = np.zeros_like(out[row])
            for j in part:
                buffer += values[j]
            out[row] += buffer
cpu.segment_add = segment_add
"""
"""What many a library does: each thread adds up its share, and the shares are added."""
FEW = """
from npembed.verify.reproducibility import trainings
trainings.TRAININGS = [one for one in trainings.TRAININGS if one[0] in ("distmult", "complex")][:6]
"""
"""For tests of the processes, not of what is computed in them."""
LAUNCH = """
import numba, numpy as np
from npembed.numerics.kernels import cpu
cpu.SERIAL_BELOW = 0
cpu.gather(np.empty((1, 1)), np.ones((1, 1)), np.zeros(1, dtype=np.int64))
"""


def test_every_result_has_a_digest_of_its_own():
    found = trainings.digests(steps=1)
    assert len(found) == len(set(found.values())) == len(trainings.TRAININGS) + 2
    assert all(len(digest) == 64 for digest in found.values())


def test_every_choice_is_trained_with_every_other():
    """Every two, in few trainings; and of what there is, nothing is forgotten."""
    options = (MODELS, trainings.LOOPS, trainings.OPTIMIZERS, LOSSES, trainings.ENTITIES, ("single", "double"))
    for (i, some), (j, others) in itertools.combinations(enumerate(options), 2):
        assert {(one[i], one[j]) for one in trainings.TRAININGS} == set(itertools.product(some, others))
    assert len(trainings.TRAININGS) <= 48
    assert {name for name, _ in trainings.OPTIMIZERS.values()} == set(OPTIMIZERS)
    assert {loop["loop"] for loop in trainings.LOOPS.values()} == set(LOOPS)
    assert {loop.get("sampler", "basic") for loop in trainings.LOOPS.values()} == set(SAMPLERS)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_a_covering_has_every_two_values(sizes):
    options = {str(i): range(n) for i, n in enumerate(sizes)}
    rows = trainings.covering(options)
    for i, j in itertools.combinations(range(len(sizes)), 2):
        assert {(row[i], row[j]) for row in rows} == set(itertools.product(range(sizes[i]), range(sizes[j])))
    assert len(set(rows)) == len(rows) <= math.prod(sizes)


def test_the_trained_rows_are_of_their_precision():
    for name, precision in itertools.product(MODELS, ("single", "double")):
        for entities in trainings.ENTITIES:
            model = trainings._model(name, "mse", entities, precision, Nations().training)
            part = {"single": np.float32, "double": np.float64}[precision]
            assert {layer.weight.real.dtype for layer in model.layers} == {np.dtype(part)}
            assert {np.iscomplexobj(layer.weight) for layer in model.layers} == {name in ("complex", "rotate")}
            assert (
                type(model.entity_representations[0])
                .__name__.lower()
                .startswith({"table": "embedding", "bag": "embeddingbagrep", "low_rank": "lowrank"}[entities])
            )


@pytest.mark.parametrize("what", ["loss", "entity_representations.0._embeddings.weight", "0 step", "tails", "optimistic", "tail"])
def test_what_is_hashed(what, monkeypatch):
    """Losses, tables, states, scores, ranks and predictions, each by itself; and the shape and dtype of what is hashed."""
    one = (1, "distmult", "slcwa", "adam", "softplus", "table", "single")
    said = [(name, np.asarray(value)) for name, value in trainings._trained(*one)]
    assert what in dict(said)
    assert "both.realistic.arithmetic_mean_rank" in dict(said)
    before = trainings._hashed(said)
    assert trainings._hashed(trainings._trained(*one)) == before
    assert trainings._hashed([(name, value + (name == what)) for name, value in said]) != before
    assert trainings._hashed([(name, value[None, None] if name == what else value) for name, value in said]) != before
    assert trainings._hashed([pair for pair in said if pair[0] != what]) != before


def test_small_batches_go_through_the_parallel_loops(monkeypatch):
    from npembed.numerics.kernels import cpu

    calls, limits = [], (cpu.SERIAL_BELOW, cpu.serial_only)
    for name in ("gather_parallel", "segment_add_parallel"):
        original = getattr(cpu, name)
        monkeypatch.setattr(cpu, name, lambda *a, original=original, name=name: (calls.append(name), original(*a)))
    trainings.digests(["transe"], steps=1)
    assert set(calls) == {"gather_parallel", "segment_add_parallel"}
    assert (cpu.SERIAL_BELOW, cpu.serial_only) == limits


def test_one_value(capsys, monkeypatch):
    """From the command line, and every setting was really run with."""
    monkeypatch.setattr(processes, "WORK", FEW + processes.WORK)
    assert main(["check", "bits", "--models", "complex", "--threads", "1", "3", "--runs", "1", "--steps", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    outcomes = report["outcomes"]
    expected = {(n, layer, jit, 1) for n in (1, 3) for layer in threading_layers() for jit in (True, False)}
    assert {(one["threads"], one["layer"], one["jit"], one["run"]) for one in outcomes} == expected
    assert report["ok"]
    assert report["results"] == len(outcomes[0]["digests"])
    here = trainings.digests(["complex"], steps=1)
    assert all(one["digests"].items() <= here.items() and one["error"] == "" for one in outcomes)


def test_sums_by_thread_are_found(monkeypatch):
    monkeypatch.setattr(processes, "WORK", FEW + LAUNCH + BUFFERS + processes.WORK)
    monkeypatch.setattr(processes, "threading_layers", lambda: ("workqueue",))
    report = check_bits(["distmult"], threads=[1, 2], runs=1, steps=1)
    assert not report["ok"]
    *_, named, _, verdict = lines(report)
    assert named.startswith("distmult ")
    assert "1 threads (workqueue, JIT on, run 1) and 2 threads (workqueue, JIT" in named
    assert verdict.endswith(": 2 values")
    by_threads = {one.setting.threads: one.digests for one in report["outcomes"]}
    assert (
        by_threads[1].items() <= trainings.digests(["distmult"], steps=1).items()
    )  # with one thread it is the sum in batch order


def test_sums_by_threads_of_blas_are_found(monkeypatch):
    """As if expected ranks were added up by a product of vectors, in as many parts as BLAS has threads."""
    parts = "lambda x: sum(map(float, np.add.reduceat(x, np.arange(0, len(x), -(-len(x) // int(os.environ['OPENBLAS_NUM_THREADS']))))))"
    patch = f"import os, math; import numpy as np; math.fsum = {parts}; "
    monkeypatch.setattr(processes, "WORK", FEW + patch + processes.WORK)
    monkeypatch.setattr(processes, "threading_layers", lambda: ("workqueue",))
    report = check_bits(["distmult"], threads=[1, 2], runs=1, steps=1)
    named = [line for line in lines(report) if " differ" in line]
    assert not report["ok"]
    assert any(line.startswith("metrics of 12,000 ranks: 1 threads") for line in named)


def test_what_the_environment_says_of_the_processor_is_kept(monkeypatch):
    said = {
        "NPY_DISABLE_CPU_FEATURES": "",
        "OPENBLAS_CORETYPE": "Prescott",
        "NUMBA_CPU_NAME": "generic",
        "OMP_WAIT_POLICY": "active",
    }
    for name, value in {**said, "NUMBA_NUM_THREADS": "7", "NUMBA_DISABLE_JIT": "1", "MKL_NUM_THREADS": "7"}.items():
        monkeypatch.setenv(name, value)
    names = [*said, "NUMBA_NUM_THREADS", "NUMBA_DISABLE_JIT", "MKL_NUM_THREADS"]
    monkeypatch.setattr(processes, "WORK", f"import os; raise OSError(*[os.environ[name] for name in {names}])")
    found = processes.outcome(processes.Setting(3, "workqueue", True, 1), ["transe"], 1)
    assert found.error.endswith(f"OSError: {(*said.values(), '3', '0', '3')}")
    monkeypatch.delenv("OMP_WAIT_POLICY")
    assert "'passive'" in processes.outcome(processes.Setting(3, "workqueue", True, 1), ["transe"], 1).error


@pytest.mark.parametrize(
    ("work", "why"),
    [
        ("import os; os.abort()", "ended with status -6: "),
        ("raise OSError('no room')", "ended with status 1: OSError: no room"),
        (
            processes.WORK.replace("say()", "numba; numba.config.NUMBA_NUM_THREADS = 7; say()").replace(
                "from", "import numba; from"
            ),
            "ran",
        ),
    ],
    ids=["killed", "raised", "other threads"],
)
def test_a_process_that_does_not_do_as_asked(work, why, monkeypatch, capsys):
    monkeypatch.setattr(processes, "WORK", work)
    monkeypatch.setattr(processes, "threading_layers", lambda: ("workqueue",))
    assert main(["check", "bits", "--models", "transe", "--threads", "1", "--runs", "1", "--steps", "1"]) == 1
    table = capsys.readouterr().out.splitlines()
    assert table[1].split(maxsplit=4)[-1].startswith(why)
    assert table[-1].endswith("2 gave none")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--threads", "0"], "threads = 0 is out of range"),
        (["--runs", "0"], "runs = 0 is out of range"),
        (["--steps", "-1"], "steps = -1 is out of range"),
        (["--jobs", "0"], "jobs = 0 is out of range"),
        (["--models", "transf"], "models = 'transf' is unknown"),
    ],
)
def test_bad_input(options, said, capsys):
    assert main(["check", "bits", *options]) == 2
    assert said in capsys.readouterr().err


def test_nothing_to_do_is_refused():
    with pytest.raises(ValueError, match="models is empty; allowed: at least one"):
        check_bits([])
    with pytest.raises(ValueError, match="threads is empty"):
        check_bits(threads=[])
