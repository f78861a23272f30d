"""``npembed train`` stopped by signals at one moment after another: ``python -m stops NTH ...``, in a process of its own.

A moment is a call that a training makes on its way: a step, a file that is opened, written or brought to disk, folders that change
places, a batch that is ranked, words that are printed. For each of the moments that are asked for a training begins anew, gets a real
signal there (and another one at the next moment), and what it left is gone on with. What came of it is told in a line of JSON each.
"""

import contextlib
import io
import itertools
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

from npembed import load
from npembed.cli import main
from npembed.io import swap
from npembed.kge import datasets
from npembed.kge.models import ERModel
from npembed.kge.training import OptimizerUpdate
from npembed.numerics import interrupts

ENDING = list(interrupts.ENDING)
OPTIONS = ["--dataset", "graph.tsv", "--dim", "3", "--batch-size", "30", "--model", "distmult", "--dropout", "0.2"]
MORE = {
    "slcwa": ["--optimizer", "adam", "--sampler", "bernoulli", "--filtered", "--negatives", "1"],
    "lcwa": ["--loop", "lcwa", "--optimizer", "adagrad", "--batch-size", "10"],
    "replay": ["--replay", "pykeen", "--optimizer", "sgd"],
}
EPOCHS = 3


def graph():
    """A file of some hundred triples."""
    letters = "abcdefghij"
    lines = [f"{a}\tr{(i + j) % 3}\t{b}\n" for i, a in enumerate(letters) for j, b in enumerate(letters) if i != j]
    Path("graph.tsv").write_text("".join(lines), encoding="utf-8")


def calls():
    """Objects and names of the functions whose calls are moments."""
    yield from ((os, name) for name in ("mkdir", "write", "fsync", "rename", "unlink", "rmdir"))
    yield from ((swap, "exchange"), (OptimizerUpdate, "__call__"), (ERModel, "score_t"), (ERModel, "score_h"))
    yield from ((datasets, "load"), (ERModel, "__init__"), (ERModel, "reset_parameters_"))


@contextlib.contextmanager
def sending(numbers):
    """Send this process signals at moments: a dict of the how manieth to its signals. Yields the moments so far, a list of names."""
    moments, before = [], [(where, name, getattr(where, name)) for where, name in calls()]

    def counted(name, real):
        def call(*args, **options):
            moments.append(name)
            for number in numbers.get(len(moments), ()):
                signal.raise_signal(number)
            return real(*args, **options)

        return call

    for where, name, real in before:
        setattr(where, name, counted(name, real))
    try:
        yield moments
    finally:
        for where, name, real in before:
            setattr(where, name, real)


def told(*arguments):
    """Exit status, and what was said on both streams, of a command."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["train", *map(str, arguments)])
    return status, out.getvalue(), err.getvalue()


def run(folder):
    """All that a saved run is, but for seconds."""
    result = load(folder)
    weights = [layer.weight.tobytes().hex() for layer in result.model.layers]
    states = [{k: v.tobytes().hex() if isinstance(v, np.ndarray) else v for k, v in s.items()} for s in result.update.states]
    generator = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in result.model.rng.get_state().items()}
    epochs = [(epoch.number, epoch.loss, epoch.entity_row_norms) for epoch in result.epochs]
    return json.dumps([weights, states, generator, epochs, result.batches, result.metrics])


def stopped(options, nth, number, second):
    """A training with a signal at a moment, and one at the next: what it says, what it leaves, and what comes of that."""
    os.system("rm -rf run run-2")
    with sending({nth: [number], nth + 1: [second]}) as moments:
        status, out, err = told(*options, "--epochs", EPOCHS, "--checkpoint-every", 2, "--out", "run")
    found = {"nth": nth, "signal": number, "status": status, "out": out, "err": err, "moments": len(moments)}
    found |= {"moment": moments[nth - 1] if nth <= len(moments) else "", "left": sorted(os.listdir())}
    if os.path.exists("run"):
        result = load("run")
        found["batches"], found["ranked"] = result.batches, result.metrics is not None
        told("--resume", "run", "--epochs", EPOCHS - len(result.epochs))
        found["same"] = run("run") == run("whole")
    return found


def stop_all(kind, step):
    """The first moments of a training of a kind, among which are its batches, and then every step-th."""
    graph()
    options = [*OPTIONS, *MORE[kind]]
    assert told(*options, "--epochs", EPOCHS, "--out", "whole")[0] == 0
    signals = itertools.cycle(ENDING)
    for nth in itertools.chain(range(1, 9), itertools.count(8 + step, step)):
        found = stopped(options, nth, next(signals), ENDING[nth % 3])
        print(json.dumps(found), flush=True)
        if nth > found["moments"]:
            break


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever the tests were begun under
    os.fsync = lambda descriptor: None  # which takes longer than all the rest
    stop_all(sys.argv[1], int(sys.argv[2]))
