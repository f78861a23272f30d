"""The order in which PyKEEN 1.11.1 draws, for a training run that is to be followed number by number.

Before the first epoch, `TrainingLoop.train` with a batch size probes whether two batches fit into memory: it draws all parameters anew,
an epoch's order, and what the two batches need, takes no step, and draws all parameters anew once more. So weights that were set by
hand are lost. Each epoch draws the base seed of a data loader, which nothing uses, and the seed of a generator for the order.
"""

from ...numerics.random import TorchGenerator


def own_order(rng, n):
    """The order of an epoch's n instances, drawn from `rng` itself.

    >>> own_order(TorchGenerator(0), 4)
    array([0, 1, 3, 2])
    """
    return rng.randperm(n)


def pykeen_order(rng, n):
    """The order of an epoch's n instances as torch's DataLoader and RandomSampler draw it.

    >>> pykeen_order(TorchGenerator(0), 4)
    array([2, 1, 3, 0])
    """
    rng.random_int64()  # the data loader's base seed
    return TorchGenerator(int(rng.random_int64())).randperm(n)


ORDERS = {None: own_order, "pykeen": pykeen_order}


def probe_(model, loop, batch_size):
    """Draw what PyKEEN draws before its first epoch; the model then has the weights with which that begins."""
    model.reset_parameters_()
    model.train()
    places = pykeen_order(model.rng, len(loop))
    for start in (0, batch_size):
        if start < len(places):
            loop.loss_and_gradients(
                model, loop.batch(model.rng, places[start : start + batch_size])
            )  # which may draw dropout masks
    model.reset_parameters_()
