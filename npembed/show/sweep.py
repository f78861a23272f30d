"""The two places against the learning rate: TransE trained at many rates from several seeds, both ways each."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from .. import __version__, check
from ..kge.datasets import DATASETS
from ..kge.evaluation import evaluate, metric
from ..kge.training import fit
from ..op import resolve
from .files import writable, write
from .norm import WAYS, Interrupted, _model
from .sweep_text import sentences

STEM = "sweep"  # of sweep.png and sweep.json
LRS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
SEEDS = (0, 1, 2, 3, 4)


@check.public
def sweep(*, dataset="nations", epochs=20, lrs=LRS, dim=50, seeds=SEEDS, out=None, progress=None):
    """Train TransE at each learning rate from each seed, the unit norm on entities inside the forward pass and after the update.

    Each run is one of `npembed.show.norm`'s; then its test triples are ranked (filtered, both sides, realistic ranks) and the rows
    of its entity table are measured. The rate that a row feels is ``lr`` with a constrainer and ``lr / |x|^2`` with a normalizer,
    whose gradient is shorter by 1 / |x| and turns a row that is longer by |x|. Relations have no norm, and feel ``lr`` both ways.

    Parameters
    ----------
    dataset : name, see `npembed.kge.datasets.DATASETS`
    epochs : int >= 1
    lrs : sequence of float, 1e-30 to 1e30; two learning rates or more, all different
    dim : int, 2 to a million, the length of a row
    seeds : sequence of int, all different
    out : folder for ``sweep.json`` and ``sweep.png`` (the latter where matplotlib is installed), or None to write nothing
    progress : function of an iterable and a keyword ``desc`` that yields its items (tqdm is one), or None; an item is a run

    Returns
    -------
    dict
        ``settings``; ``runs``, a list of ``way, lr, seed, loss, mrr, lengths, rates, first_rates`` (the last three are
        ``[least, median, largest]`` over rows: after training, after training, before it); ``curves``: for each way, per learning
        rate (in increasing order) the same over all seeds, ``mrr`` included; ``crossings``, the learning rates at which the two
        medians of ``mrr`` cross, between rates read off a straight line over log lr; ``sentences``; ``files``.

    Raises
    ------
    ValueError, TypeError, OSError
        Before training: for bad settings, and for a folder that cannot be written.

    Examples
    --------
    >>> result = sweep(epochs=1, dim=4, lrs=[0.1, 1], seeds=[0])
    >>> [(run["way"], run["lr"]) for run in result["runs"]]
    [('normalizer', 0.1), ('constrainer', 0.1), ('normalizer', 1.0), ('constrainer', 1.0)]
    """
    dataset, lrs, seeds = check_sweep_settings(dataset=dataset, epochs=epochs, lrs=lrs, dim=dim, seeds=seeds, out=out)
    written: list = []
    try:
        settings = {"dataset": dataset, "epochs": epochs, "lrs": lrs, "dim": dim, "seeds": seeds, "p": 1, "version": __version__}
        runs = _runs(dataset, epochs, lrs, dim, seeds, progress)
        curves = {way: [_point(lr, [run for run in runs if (run["way"], run["lr"]) == (way, lr)]) for lr in lrs] for way in WAYS}
        result = {"settings": settings, "runs": runs, "curves": curves, "crossings": crossings(curves)}
        result["sentences"] = sentences(result)
        if out is not None:
            write(Path(out), STEM, result, written)
    except Interrupted:
        raise
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; {'all' if written else 'nothing'} was written") from None
    return {**result, "files": written}


@check.public
def check_sweep_settings(*, dataset, epochs, lrs, dim, seeds, out):
    """Refuse what `sweep` cannot do, before it does anything; makes the folder `out`. Returns dataset, lrs and seeds in full."""
    dataset = resolve(DATASETS, dataset, function="show norm", argument="dataset")
    check.integer("show norm", "epochs", epochs, minimum=1)
    check.integer("show norm", "dim", dim, minimum=2, maximum=1_000_000)
    lrs, seeds = (_several(name, values, least) for name, values, least in (("lrs", lrs, 2), ("seeds", seeds, 1)))
    lrs = [
        check.real("show norm", f"lrs[{i}]", lr, minimum=1e-30, maximum=1e30) for i, lr in enumerate(lrs)
    ]  # float32 ends there
    seeds = [check.integer("show norm", f"seeds[{i}]", s, minimum=-(2**63), maximum=2**64 - 1) for i, s in enumerate(seeds)]
    for name, values in (("lrs", lrs), ("seeds", seeds)):
        twice = [value for i, value in enumerate(values) if value in values[:i]]
        if twice:
            raise ValueError(f"show norm: {name} holds {twice[0]} twice; allowed: each number once")
    if out is not None:
        writable(Path(out), STEM)
    return dataset, sorted(lrs), seeds


def _several(name, values, least):
    """`values` as a list of at least so many."""
    if isinstance(values, (str, bytes, dict)) or not hasattr(values, "__iter__"):
        raise TypeError(
            f"show norm: {name} = {check.said(values)} is of type {type(values).__name__}; allowed: a list of numbers"
        )
    values = list(values)
    if len(values) < least:
        raise ValueError(f"show norm: {name} = {values} has length {len(values)}; allowed: {least} or more numbers")
    return values


def _runs(dataset, epochs, lrs, dim, seeds, progress):
    """Every run, in the order of learning rates, then seeds, then ways."""
    graph = DATASETS[dataset]()
    todo = [(lr, seed, way) for lr in lrs for seed in seeds for way in WAYS]
    runs: list = []
    try:
        for lr, seed, way in progress(todo, desc="runs") if progress else todo:
            runs.append(_run(graph, epochs, lr, dim, seed, way))
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {len(runs)} of {len(todo)} runs were done; nothing was written") from None
    return runs


def _run(graph, epochs, lr, dim, seed, way):
    """Train once, rank the test triples, measure the rows."""
    training = graph.training.mapped_triples
    model = _model(graph.training, dim, seed, {way: "normalize"})
    first = _lengths(model)
    loss = [epoch.loss for epoch in fit(model, training, epochs=epochs, lr=lr)][-1]
    found = evaluate(model, graph.testing.mapped_triples, known=[training, graph.validation.mapped_triples])
    lengths = _lengths(model)
    felt = [_spread(lr / x**2 if way == "normalizer" else np.full_like(x, lr)) for x in (lengths, first)]
    run = {"way": way, "lr": lr, "seed": seed, "loss": loss, "mrr": float(metric(found, "mrr"))}
    return {**run, "lengths": _spread(lengths), "rates": felt[0], "first_rates": felt[1]}


def _lengths(model):
    """The lengths of the stored entity rows."""
    return np.linalg.norm(model.layers[0].weight.astype(np.float64), axis=1)


def _spread(values):
    """Least, median, largest."""
    return [float(np.min(values)), float(np.median(values)), float(np.max(values))]


def _point(lr, runs):
    """One learning rate of a curve: least, median, largest of what the seeds gave (of the lengths: of their rows)."""
    point = {"lr": lr, "mrr": _spread([run["mrr"] for run in runs])}
    for name in ("lengths", "rates", "first_rates"):
        low, median, high = zip(*(run[name] for run in runs), strict=True)
        point[name] = [min(low), float(np.median(median)), max(high)]
    return point


def crossings(curves):
    """The learning rates at which the medians of two curves cross, from straight lines over log lr; where they meet, the middle.

    Parameters
    ----------
    curves : dict of two lists of points with ``lr`` and ``mrr``, as `sweep` returns it

    Examples
    --------
    >>> curve = lambda *medians: [{"lr": 10.0**i, "mrr": [0, median, 1]} for i, median in enumerate(medians)]
    >>> crossings({"normalizer": curve(0.25, 0.25, 0.5), "constrainer": curve(0.5, 0.25, 0.25)})
    [10.0]
    """
    first, second = curves.values()
    x = np.log10([point["lr"] for point in first])
    apart = np.array([a["mrr"][1] - b["mrr"][1] for a, b in zip(first, second, strict=True)])
    found = []
    for i, j in pairwise(np.flatnonzero(apart).tolist()):
        if apart[i] * apart[j] < 0:
            between = x[i + 1 : j] if j > i + 1 else x[i] + (x[j] - x[i]) * apart[i] / (apart[i] - apart[j])
            found.append(float(10 ** np.mean(between)))
    return found
