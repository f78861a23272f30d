"""`fit`: shuffle, corrupt, differentiate, step, constrain; and say after each epoch how it went."""

import contextlib
import inspect
import time
from typing import NamedTuple

import numpy as np

from ... import check
from ...layers.modes import evaluation_mode
from ...numerics import interrupts
from ...numerics.precision import compute_dtype, to_float64
from ...numerics.random import TorchGenerator, generator
from ...op import resolve
from .loops import LOOPS
from .place import Place, not_finite
from .replay import ORDERS, probe_
from .updates import OptimizerUpdate


class Epoch(NamedTuple):
    """What `fit` says after each epoch.

    Attributes
    ----------
    number : int, from 1 on
    loss : float, the mean of its batch losses
    seconds : float
    entity_row_norms : (float, float)
        The lengths of the shortest and of the longest entity row: in the table, or as its representation makes them, before its own
        normalizer and without dropout.
    """

    number: int
    loss: float
    seconds: float
    entity_row_norms: tuple


@check.public
def fit(
    model, triples, *, epochs, lr, batch_size=256, loop="slcwa", num_negatives=None, sampler=None, filtered=None, target=None,
    optimizer="sgd", optimizer_kwargs=None, rng=None, update=None, replay=None, done=0, place=None,
):  # fmt: skip
    """Train a model on triples, and say after each epoch how it went.

    Each epoch goes once through its instances in a new order. With ``loop="slcwa"`` these are triples, and a batch of them is corrupted
    by the sampler; with "lcwa" they are pairs such as (head, relation), and all candidates for the target are scored. An interrupt
    (Ctrl-C) takes effect between two batches, so that the tables are never left half-written; with a `place` that is kept, another
    call goes on there, bit for bit as if there had been none.

    Parameters
    ----------
    model : ERModel
    triples : int64 (n, 3)
    epochs : int >= 0
    lr : float >= 0, the learning rate
    batch_size : int >= 1, instances; the last batch may be smaller
    loop : "slcwa" or "lcwa"
    num_negatives, sampler, filtered : int, "basic" or "bernoulli", bool
        For slcwa: how many corrupted triples for each true one (1), who draws them ("basic"), and whether those that are among
        `triples` are left out (False).
    target : "head", "relation" or "tail"
        For lcwa: what is asked for ("tail").
    optimizer : name, see `npembed.embedding.optimizers.OPTIMIZERS`
    optimizer_kwargs : dict, options of its step, such as ``{"betas": (0.9, 0.99)}``
    rng : int, generator, or None for the model's own
    update : function of (model, gradients, lr) that changes the tables, in the place of an optimizer
        An `OptimizerUpdate`, kept, goes on with its moments.
    replay : None or "pykeen"
        "pykeen" draws in the order in which PyKEEN 1.11.1 does (see `npembed.kge.training.replay`), which begins with drawing all
        parameters anew.
    done : int >= 0
        How many epochs there were before; they are counted on from there, and nothing is drawn anew.
    place : Place, kept up to date, or None
        If it is one in epoch ``done + 1``, that epoch goes on there (with the same options and generator), and is the first of `epochs`.

    Yields
    ------
    Epoch

    Raises
    ------
    FloatingPointError
        On a loss that is not finite, before the step, with epoch, batch and rows; and at the end of an epoch for a table that is not,
        or what the optimizer keeps for it, with the rows.

    Examples
    --------
    >>> from npembed.kge.datasets import Nations
    >>> from npembed.kge.models import transe
    >>> nations = Nations().training
    >>> model = transe(nations, embedding_dim=8, random_seed=0)
    >>> [round(float(epoch.loss), 1) for epoch in fit(model, nations.mapped_triples, epochs=2, lr=0.1)]
    [1.2, 1.2]
    """
    if not callable(getattr(model, "loss_and_gradients", None)):
        raise TypeError(f"fit: model is a {type(model).__name__}; allowed: an ERModel")
    if update is None:
        update = OptimizerUpdate(model, optimizer, optimizer_kwargs)
    elif not callable(update):
        raise TypeError(f"fit: update is a {type(update).__name__}; allowed: a function of (model, gradients, lr)")
    elif optimizer != "sgd" or optimizer_kwargs:
        raise ValueError(f"fit: optimizer = {check.said(optimizer)} and update are both given; allowed: one of them")
    triples = check.triples("fit", triples, model.num_entities, model.num_relations)
    check.integer("fit", "epochs", epochs, minimum=0)
    check.integer("fit", "done", done, minimum=0)
    check.integer("fit", "batch_size", batch_size, minimum=1)
    for layer in model.layers:
        check.fits("fit", "lr", check.real("fit", "lr", lr, minimum=0), compute_dtype(layer.weight.real.dtype))
    if not len(triples):
        raise ValueError("fit: triples has shape (0, 3); allowed: at least one triple")
    given = {"num_negatives": num_negatives, "sampler": sampler, "filtered": filtered, "target": target}
    loop = _loop(loop, model, triples, {name: value for name, value in given.items() if value is not None})
    rng = model.rng if rng is None else generator(rng)
    if check.choice("fit", "replay", replay, tuple(ORDERS)) and not (rng is model.rng and isinstance(rng, TorchGenerator)):
        raise ValueError(
            "fit: replay = 'pykeen' follows one seed; allowed: with a model that has one (random_seed), and without rng"
        )
    place = Place() if place is None else place
    if not isinstance(place, Place):
        raise TypeError(f"fit: place is a {type(place).__name__}; allowed: a Place or None")
    if place.number == done + 1:
        place.checked("fit", len(loop), batch_size)
    if epochs and isinstance(update, OptimizerUpdate):
        update.check_states(model)
    return _epochs(model, loop, epochs, lr, batch_size, rng, update, replay, done, place)


def _loop(name, model, triples, options):
    """The loop of that name, with the options that were given."""
    name = resolve(LOOPS, name, function="fit", argument="loop", suffix="TrainingLoop")
    known = [p.name for p in inspect.signature(LOOPS[name]).parameters.values() if p.kind is p.KEYWORD_ONLY]
    for option, value in options.items():
        if option not in known:
            raise ValueError(f"fit: {option} = {value!r} is no option of loop = {name!r}; allowed: {check.names(known)}")
    return LOOPS[name](model, triples, **options)


def _epochs(model, loop, epochs, lr, batch_size, rng, update, replay, done, place):
    model.train()
    for number in range(done + 1, done + epochs + 1):
        if place.number != number:
            with interrupts.deferred(), _drawn_anew_after_an_error(rng):
                if replay and number == 1:
                    probe_(model, loop, batch_size)
                place.begin(number, ORDERS[replay](rng, len(loop)))
        began = time.perf_counter() - place.seconds
        for start in range(len(place.losses) * batch_size, len(place.order), batch_size):
            interrupts.pause()
            with interrupts.deferred(), _drawn_anew_after_an_error(rng), np.errstate(all="ignore"):
                batch = loop.batch(rng, place.order[start : start + batch_size])
                loss, gradients = loop.loss_and_gradients(model, batch)
                if not np.isfinite(loss):
                    where = f"epoch {number}, batch {len(place.losses) + 1}"
                    found = f"loss = {loss} in {where}: {_culprits(model, loop.rows_with_gradient(batch))}"
                    raise FloatingPointError(f"fit: {found}; allowed: a finite loss")
                update(model, gradients, lr)
                place.losses.append(float(loss))
                place.seconds = time.perf_counter() - began
        if found := not_finite(model, getattr(update, "states", ())):
            allowed = f"finite numbers, as a smaller lr than {lr:g} may give"
            raise FloatingPointError(f"fit: {found} after the last step of epoch {number}; allowed: {allowed}")
        norms = _norms(table_rows(model.entity_representations[0]))
        seconds = time.perf_counter() - began
        yield Epoch(number, float(np.mean(place.losses)), seconds, (float(norms.min()), float(norms.max())))


@contextlib.contextmanager
def _drawn_anew_after_an_error(rng):
    """What the block has drawn will be drawn again if it fails."""
    before = rng.get_state()
    try:
        yield
    except BaseException:
        rng.set_state(before)
        raise


@check.public
def table_rows(representation, ids=None):
    """Rows before normalizer and dropout; all of them where no ids are given.

    >>> from npembed import Embedding
    >>> table_rows(Embedding(3, 2, initializer="ones", dropout=0.5), [0]).tolist()
    [[1.0, 1.0]]
    """
    with evaluation_mode(representation):
        return representation.table_rows(ids)


def _norms(table):
    """The length of each row; infinite where it overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.linalg.norm(to_float64(table).reshape(len(table), -1), axis=1)


def _culprits(model, touched):
    """Which of the rows that a batch looked up are not finite, or else which are the longest."""
    said, longest = [], []
    for what, side, rows in (
        ("entity", model.entity_representations[0], touched[0]),
        ("relation", model.relation_representations[0], touched[1]),
    ):
        norms = _norms(table_rows(side, rows))
        bad = rows[~np.isfinite(norms)]
        if len(bad):
            more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
            said.append(f"{what} rows {', '.join(map(str, bad[:5].tolist()))}{more} are not finite")
        else:
            longest.append(f"{what} row {rows[norms.argmax()]} ({norms.max():.3g})")
    return "; ".join(said) or f"all rows are finite, the longest are {' and '.join(longest)}"
