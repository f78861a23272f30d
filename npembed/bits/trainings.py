"""What is trained, and hashed, in each process."""

import hashlib
import itertools
import json

import numpy as np

from ..datasets import Nations
from ..models import MODELS
from ..training import LOOPS, OptimizerUpdate, fit

OPTIMIZERS = ("sgd", "adagrad", "adam")
TRAININGS = tuple(itertools.product(MODELS, LOOPS, OPTIMIZERS))
"""Model, loop and optimizer of each training."""
DIM, BATCH, LR = 6, 50, 0.05


def digests(models=None, steps=4):
    """Train, on Nations and from seed 0, and hash all that came of it.

    Every kernel is made to divide its work among all threads, which for batches as small as these it otherwise would not do.

    Parameters
    ----------
    models : names in `npembed.models.MODELS`; None for all
    steps : int >= 1, batches of each training

    Returns
    -------
    dict, {"transe slcwa sgd": SHA-256}
        Of the losses, the tables, the optimizer's states, and the scores of all candidates for twenty triples, on each side.

    Examples
    --------
    >>> len(digests(["distmult"], steps=1))
    6
    """
    from ..kernels import cpu, fused

    kept = cpu.SERIAL_BELOW, fused.SERIAL_BELOW
    cpu.SERIAL_BELOW = fused.SERIAL_BELOW = 0
    try:
        return {
            f"{model} {loop} {optimizer}": _digest(model, loop, optimizer, steps)
            for model, loop, optimizer in TRAININGS
            if models is None or model in models
        }
    finally:
        cpu.SERIAL_BELOW, fused.SERIAL_BELOW = kept


def _digest(name, loop, optimizer, steps):
    """One training, from its seed to its SHA-256."""
    nations = Nations()
    triples = nations.training.mapped_triples[: BATCH * steps]
    model = MODELS[name](nations.training, embedding_dim=DIM, entity_dropout=0.1, random_seed=0)
    update = OptimizerUpdate(model, optimizer)
    losses = [epoch.loss for epoch in fit(model, triples, epochs=1, lr=LR, batch_size=BATCH, loop=loop, update=update)]
    found = hashlib.sha256(np.array(losses).tobytes())
    states = {f"{i} {key}": value for i, state in enumerate(update.states) for key, value in state.items()}
    for key, value in sorted({**model.state_dict(), **states}.items()):
        _add_(found, key, value)
    h, r, t = nations.testing.mapped_triples[:20].T
    model.eval()
    _add_(found, "tails", model.score_t(np.stack([h, r], 1), engine="fused"))
    _add_(found, "heads", model.score_h(np.stack([r, t], 1), engine="fused"))
    return found.hexdigest()


def _add_(found, name, value):
    """Add a named array, with its dtype and shape, to what is hashed."""
    value = np.ascontiguousarray(value)
    found.update(json.dumps([name, value.dtype.str, value.shape]).encode())
    found.update(value.tobytes())
