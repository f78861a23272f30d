"""A training loop of a few lines: shuffle, corrupt, differentiate, step, constrain."""

import contextlib
import signal
import threading
import time
from typing import NamedTuple

import numpy as np

from .. import check
from ..op import resolve
from ..optimizers import OPTIMIZERS, sgd_
from ..random import generator
from ..samplers import basic


class Epoch(NamedTuple):
    """What `fit` says after each epoch: its number from 1 on, the mean of its batch losses, and how many seconds it took."""

    number: int
    loss: float
    seconds: float


def step_(model, gradients, lr):
    """One step of gradient descent on each table that is trainable, without the constrainers.

    Parameters
    ----------
    model : ERModel
    gradients : RowSparse for each of ``model.layers``
    lr : float >= 0
    """
    for layer, gradient in zip(model.layers, gradients, strict=True):
        if layer.trainable:
            sgd_(layer.weight, gradient, lr=lr)


def update_(model, gradients, lr):
    """`step_`, then the constrainers: what `fit` does to the tables after each batch."""
    step_(model, gradients, lr)
    model.post_parameter_update()


class OptimizerUpdate:
    """`update_` with any optimizer: its step on each trainable table, with the state that it keeps, then the constrainers.

    The state of a moment or a momentum is not constrained.

    Parameters
    ----------
    model : ERModel
    optimizer : name, see `npembed.optimizers.OPTIMIZERS`
    options : dict, keyword arguments of its step but ``lr`` and ``state``; ``untouched`` says what becomes of rows without a gradient

    Attributes
    ----------
    states : list of dict, one for each of ``model.layers``

    Examples
    --------
    >>> from npembed.datasets import Nations
    >>> from npembed.models import ERModel
    >>> nations, rows = Nations().training, dict(embedding_dim=8)
    >>> model = ERModel(triples_factory=nations, interaction="distmult", entity_representations_kwargs=rows,
    ...                 relation_representations_kwargs=rows, random_seed=0)
    >>> update = OptimizerUpdate(model, "adam", {"untouched": "lazy"})
    >>> for epoch in fit(model, nations.mapped_triples, epochs=1, lr=0.01, update=update): pass
    >>> update.states[0]["step"]
    7
    """

    def __init__(self, model, optimizer="sgd", options=None):
        self.optimizer = OPTIMIZERS[resolve(OPTIMIZERS, optimizer, function="fit", argument="optimizer")]
        self.options = check.keywords("fit", "optimizer_kwargs", options)
        for name in ("lr", "state"):
            if name in self.options:
                raise TypeError(f"fit: optimizer_kwargs holds {name!r}; allowed: the other options of {optimizer}")
        check.options("fit", "optimizer_kwargs", {**self.options, "lr": 0, "state": {}}, self.optimizer.step_)
        for layer in model.layers:  # a step on no rows: a bad option is refused here, not in the first batch
            empty = np.empty((0, *layer.shape), layer.dtype)
            self.optimizer.step_(empty, empty.copy(), lr=0, state=self.optimizer.state(empty), **self.options)
        self.states = [self.optimizer.state(layer.weight) for layer in model.layers]

    def __call__(self, model, gradients, lr):
        """One step, then the constrainers."""
        for layer, gradient, state in zip(model.layers, gradients, self.states, strict=True):
            if layer.trainable:
                self.optimizer.step_(layer.weight, gradient, lr=lr, state=state, **self.options)
        model.post_parameter_update()


def fit(
    model, triples, *, epochs, lr, batch_size=256, num_negatives=1, optimizer="sgd", optimizer_kwargs=None, rng=None, update=None
):  # fmt: skip
    """Train a model on triples, and say after each epoch how it went.

    Each epoch goes once through the triples in a new order; each batch is corrupted by the basic negative sampler. An interrupt
    (Ctrl-C) takes effect between two batches, so that the tables are never left half-written.

    Parameters
    ----------
    model : ERModel
    triples : int64 (n, 3)
    epochs : int >= 0
    lr : float >= 0, the learning rate
    batch_size : int >= 1; the last batch may be smaller
    num_negatives : int >= 1, for each true triple
    optimizer : name, "sgd", "adagrad" or "adam"
    optimizer_kwargs : dict, options of its step, such as ``{"betas": (0.9, 0.99)}``
    rng : int, generator, or None for the model's own
    update : function of (model, gradients, lr) that changes the tables, in the place of an optimizer

    Yields
    ------
    Epoch

    Raises
    ------
    FloatingPointError
        On a loss that is not finite, with epoch and batch.

    Examples
    --------
    >>> from npembed.datasets import Nations
    >>> from npembed.models import ERModel
    >>> nations, rows = Nations().training, dict(embedding_dim=8)
    >>> model = ERModel(triples_factory=nations, interaction="transe", entity_representations_kwargs=rows,
    ...                 relation_representations_kwargs=rows, random_seed=0)
    >>> [round(float(epoch.loss), 1) for epoch in fit(model, nations.mapped_triples, epochs=2, lr=0.1)]
    [2.0, 2.0]
    """
    if not callable(getattr(model, "loss_and_gradients", None)):
        raise TypeError(f"fit: model is a {type(model).__name__}; allowed: an ERModel")
    if update is None:
        update = OptimizerUpdate(model, optimizer, optimizer_kwargs)
    elif not callable(update):
        raise TypeError(f"fit: update is a {type(update).__name__}; allowed: a function of (model, gradients, lr)")
    elif optimizer != "sgd" or optimizer_kwargs:
        raise ValueError(f"fit: optimizer = {optimizer!r} and update are both given; allowed: one of them")
    triples = check.triples("fit", triples, model.num_entities, model.num_relations)
    check.integer("fit", "epochs", epochs, minimum=0)
    check.integer("fit", "batch_size", batch_size, minimum=1)
    check.integer("fit", "num_negatives", num_negatives, minimum=1)
    for layer in model.layers:
        check.fits("fit", "lr", check.real("fit", "lr", lr, minimum=0), layer.weight.real.dtype)
    if not len(triples):
        raise ValueError("fit: triples has shape (0, 3); allowed: at least one triple")
    return _epochs(model, triples, epochs, lr, batch_size, num_negatives, model.rng if rng is None else generator(rng), update)


def _epochs(model, triples, epochs, lr, batch_size, num_negatives, rng, update):
    model.train()
    for number in range(1, epochs + 1):
        began = time.perf_counter()
        losses: list[float] = []
        order = rng.randperm(len(triples))
        for start in range(0, len(order), batch_size):
            positives = triples[order[start : start + batch_size]]
            with (
                interrupts_deferred(),
                np.errstate(over="ignore", invalid="ignore"),
            ):  # a loss that is not finite is refused below
                negatives = basic(
                    rng,
                    positives,
                    num_entities=model.num_entities,
                    num_relations=model.num_relations,
                    num_negatives=num_negatives,
                )
                loss, gradients = model.loss_and_gradients(positives, negatives)
                if not np.isfinite(loss):
                    raise FloatingPointError(
                        f"fit: loss = {loss} in epoch {number}, batch {len(losses) + 1}; allowed: a finite loss"
                    )
                update(model, gradients, lr)
            losses.append(float(loss))
        yield Epoch(number, float(np.mean(losses)), time.perf_counter() - began)


@contextlib.contextmanager
def interrupts_deferred():
    """Hold Ctrl-C back until the block has ended; then let it act. Only the main thread ever sees one."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield
        return
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if seen:
        signal.raise_signal(signal.SIGINT)  # to whoever handled it before: Python raises KeyboardInterrupt, unless told otherwise
