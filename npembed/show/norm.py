"""The unit norm in two places: TransE trained twice from one seed, with the norm as normalizer and as constrainer."""

from pathlib import Path

import numpy as np

from .. import __version__, check
from ..kge.datasets import DATASETS
from ..kge.models import ERModel
from ..kge.training import fit
from ..numerics.random import TorchGenerator
from ..op import resolve
from .files import writable, write
from .norm_checks import run_checks
from .norm_text import sentences
from .recorder import Recorder, angles, radial_and_tangential, summary

STEM = "norm"  # of norm.png and norm.json
WAYS = ("normalizer", "constrainer")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during `norm`, with what was done until then."""


@check.public
def norm(*, dataset="nations", epochs=20, lr=0.5, dim=50, seed=0, out=None, progress=None):
    """Train TransE twice from one seed, the unit norm on entities once inside the forward pass and once after the update.

    Both runs have PyKEEN's TransE defaults (p = 1, Xavier initializers, margin ranking, batches of 256, one negative each) and
    draw the same weights, batches and negatives. First the gradients, and what is known of them, are verified.

    Parameters
    ----------
    dataset : name, see `npembed.kge.datasets.DATASETS`
    epochs : int >= 1
    lr : float, 0 to 1e30, the learning rate
    dim : int, 2 to a million, the length of a row (on a line, a row of length one has no direction left to turn to)
    seed : int
    out : folder for ``norm.json`` and ``norm.png`` (the latter where matplotlib is installed), or None to write nothing
    progress : function of an iterable and a keyword ``desc`` that yields its items (tqdm is one), or None

    Returns
    -------
    dict
        ``settings``; ``checks``, a list of ``name, value, limit, ok, note``; ``ways``: for each of the two, per epoch ``loss`` and
        what `npembed.show.recorder.summary` says; ``arrow``, one row and its gradient for the figure; ``sentences``; ``files``.

    Raises
    ------
    ValueError, TypeError, OSError
        Before training: for bad settings, and for a folder that cannot be written.

    Examples
    --------
    >>> result = norm(epochs=1, dim=4)
    >>> all(check["ok"] for check in result["checks"])
    True
    """
    dataset = check_settings(dataset=dataset, epochs=epochs, lr=lr, dim=dim, seed=seed, out=out)
    written: list = []
    try:
        result = _run(dataset, epochs, lr, dim, seed, progress)
        if out is not None:
            write(Path(out), STEM, result, written)
    except Interrupted:
        raise
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; {'all' if written else 'nothing'} was written") from None
    return {**result, "files": written}


def _run(dataset, epochs, lr, dim, seed, progress):
    """Verify, train both ways, and put what happened into one dictionary."""
    training = DATASETS[dataset]().training
    models = {way: _model(training, dim, seed, {way: "normalize"}) for way in WAYS}
    checks = run_checks(models["normalizer"], training.mapped_triples, lr=lr, rng=TorchGenerator(seed))
    settings = {"dataset": dataset, "epochs": epochs, "lr": lr, "dim": dim, "seed": seed, "p": 1, "version": __version__}
    runs = {way: _train(way, model, training.mapped_triples, epochs, lr, progress) for way, model in models.items()}
    result = {"settings": settings, "checks": [_plain(c) for c in checks]}
    result["ways"] = {way: records for way, (_, records) in runs.items()}
    result["arrow"] = _arrow(runs["constrainer"][0], list(training.entity_to_id))
    result["sentences"] = sentences(result, _apart(*models.values()))
    return result


@check.public
def check_settings(*, dataset, epochs, lr, dim, seed, out):
    """Refuse what `norm` cannot do, before it does anything; makes the folder `out`. Returns the dataset's name in full."""
    dataset = resolve(DATASETS, dataset, function="show norm", argument="dataset")
    check.integer("show norm", "epochs", epochs, minimum=1)
    check.integer("show norm", "dim", dim, minimum=2, maximum=1_000_000)
    check.integer("show norm", "seed", seed, minimum=-(2**63), maximum=2**64 - 1)
    check.real("show norm", "lr", lr, minimum=0, maximum=1e30)  # beyond it float32 ends
    if out is not None:
        writable(Path(out), STEM)
    return dataset


def _plain(found):
    """A check as JSON can hold it: a value that is not finite becomes None."""
    return {**found._asdict(), "value": found.value if np.isfinite(found.value) else None}


def _model(training, dim, seed, place):
    """PyKEEN's TransE, with the norm in the given place."""
    return ERModel(
        triples_factory=training, interaction="transe", interaction_kwargs={"p": 1}, random_seed=seed,
        entity_representations_kwargs={"embedding_dim": dim, "initializer": "xavier_uniform", **place},
        relation_representations_kwargs={"embedding_dim": dim, "initializer": "xavier_uniform_norm"},
    )  # fmt: skip


def _train(way, model, triples, epochs, lr, progress):
    """The first update, and one record per epoch (number 0 is the start)."""
    norms = np.linalg.norm(model.layers[0].weight.astype(np.float64), axis=1)
    records = [{"epoch": 0, "norm_min": float(norms.min()), "norm_max": float(norms.max())}]
    run = fit(model, triples, epochs=epochs, lr=lr, update=(recorder := Recorder()))
    first = None
    try:
        for epoch in progress(run, desc=way) if progress else run:
            first = first or recorder.updates[0]
            records.append({"epoch": epoch.number, "loss": epoch.loss, **summary(recorder.updates)})
            recorder.updates.clear()
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {way} after {len(records) - 1} of {epochs} epochs; nothing was written") from None
    return first, records


def _arrow(update, labels):
    """The row of the first update whose gradient is most evenly split into its two parts, in the plane of row and gradient."""
    radial, tangential = radial_and_tangential(update.before, update.gradient)
    across = np.linalg.norm(tangential, axis=1)
    i = int(np.argmax(np.minimum(np.abs(radial), across)))
    return {"entity": labels[int(update.rows[i])], "radial": float(radial[i]), "tangential": float(across[i])}


def _apart(first, second):
    """The mean angle between the directions of the two entity tables, in degrees."""
    return float(angles(first.layers[0].weight, second.layers[0].weight).mean())
