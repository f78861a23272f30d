"""Write replays_pykeen.json: what PyKEEN's training runs give, and how far each of them can be followed.

Needs torch and PyKEEN; the test that reads the file does not. In the project's folder:

    PYTHONPATH=.:tests python -W ignore tests/golden/make_replays_pykeen.py

For runs with kinks it holds after how many epochs the replay parts from PyKEEN, where and why (see `replay_report`); for those that
part, and for Adam, how far two runs of PyKEEN differ when its gradients are rounded differently, or its initial weights move by one ulp.
"""

import itertools
import json
import logging
import pathlib

import numpy as np
import pykeen
import replay_report
import replays
import torch

PATH = pathlib.Path(__file__).with_name("replays_pykeen.json")

TABLE = {
    "constrainer lr .01": {},
    "normalizer lr .01": {"entity_normalizer": "normalize"},
    "normalizer lr .01, axis as in PyKEEN": {"entity_normalizer": "normalize", "compat": "pykeen"},
    "neither lr .01": {"entity_constrainer": None},
    "constrainer lr 1": {"lr": 1.0},
    "normalizer lr 1": {"lr": 1.0, "entity_normalizer": "normalize"},
    "constrainer seed 1": {"seed": 1},
    "constrainer seed 2": {"seed": 2},
    "normalizer seed 1": {"seed": 1, "entity_normalizer": "normalize"},
    "normalizer seed 2": {"seed": 2, "entity_normalizer": "normalize"},
}
"""TransE on Nations, which is as often compared with as any run is."""

COMMON = {"dataset": "nations", "model": "transe", "seed": 0, "epochs": 20, "dim": 50, "batch_size": 256, "lr": 0.01}


def cases():
    """(name, case) for every run: those of the table, and each model on each graph with each optimizer, everything else drawn."""
    yield from ((name, {**COMMON, **changed}) for name, changed in TABLE.items())
    rng = np.random.default_rng(3)
    loops = itertools.cycle(["slcwa", "lcwa", "lcwa", "slcwa", "slcwa"])
    for model, dataset, optimizer in itertools.product(
        replays.MODELS, ("nations", "kinships", "umls"), ("sgd", "adagrad", "adam")
    ):
        loop = next(loops)
        yield f"{model} {dataset} {optimizer} {loop}", replays.draw(rng, dataset, model, optimizer, loop)


def entry(case):
    """What is kept of a case."""
    found = replay_report.report(case)
    kept = {"case": case, "run": {name: np.asarray(value).tolist() for name, value in found.there.items()}}
    if replays.kind(case) == "kinked":
        kept["agree"] = found.agree
        for name in ("branch", "parted"):
            place = getattr(found, name)
            kept[name] = place and place._asdict()
        if found.agree < case["epochs"]:
            kept["own_divergence"] = replay_report.own_divergence(case, found.there, "gradients")
    if replays.kind(case) == "adam":
        kept["own_divergence"] = replay_report.own_divergence(case, found.there)
    return kept


def main():
    """Write the file, a run a line."""
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    lines = []
    for name, case in cases():
        lines.append(f"{json.dumps(name)}: {json.dumps(entry(case))}")
        print(lines[-1][:300], flush=True)
    about = f'"made with": "torch {torch.__version__}, pykeen {pykeen.get_version()}"'
    PATH.write_text("{\n" + ",\n".join([about, *lines]) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
