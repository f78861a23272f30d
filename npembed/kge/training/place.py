"""`Place`: how far an epoch has come, so that a training goes on at the next batch; and whether its tables are finite."""

import numpy as np

from ... import check


@check.public
class Place:
    """The epoch that `fit` is in, or was in when it was interrupted: handed to `fit` again, it goes on at the next batch, bit for bit.

    `fit` changes it together with the tables, so that the two always belong together.

    Attributes
    ----------
    number : int
        Of the epoch; 0 before any has begun. Where `fit` is to begin another one, the place is of no more use, and begins anew.
    order : int64 (n,)
        The places of its instances, in the order in which it goes through them.
    losses : list of float, one for each batch that was done
    seconds : float, how long these took

    Examples
    --------
    >>> from npembed.kge.datasets import Nations
    >>> from npembed.kge.models import transe
    >>> from npembed.kge.training import fit, update_
    >>> nations, place = Nations().training, Place()
    >>> def stop_after_two(*args):
    ...     update_(*args)
    ...     if len(place.losses) == 1:
    ...         signal.raise_signal(signal.SIGINT)
    >>> import signal
    >>> model, how = transe(nations, embedding_dim=8, random_seed=0), dict(epochs=1, lr=0.1, batch_size=500, place=place)
    >>> try:
    ...     list(fit(model, nations.mapped_triples, update=stop_after_two, **how))
    ... except KeyboardInterrupt:
    ...     place.number, len(place.losses)
    (1, 2)
    >>> [epoch.number for epoch in fit(model, nations.mapped_triples, **how)], len(place.losses)
    ([1], 4)
    """

    def __init__(self):
        self.number = 0
        self.begin(0, np.arange(0))

    def begin(self, number, order):
        """The start of an epoch."""
        self.order, self.losses, self.seconds = order, [], 0.0
        self.number = number

    def checked(self, function, size, batch_size):
        """Itself, if it can be a place in an epoch of `size` instances."""
        order = self.order
        if not isinstance(order, np.ndarray) or order.dtype != np.int64 or not np.array_equal(np.sort(order), np.arange(size)):
            allowed = f"int64, each of 0..{size - 1} once"
            raise ValueError(f"{function}: place.order is no order of {size} instances; allowed: {allowed}")
        most = -(-size // batch_size)
        if not isinstance(self.losses, list) or len(self.losses) > most:
            raise ValueError(f"{function}: place.losses are no list of up to {most} losses; allowed: one for each batch done")
        for i, loss in enumerate(self.losses):
            check.real(function, f"place.losses[{i}]", loss)
        check.real(function, "place.seconds", self.seconds, minimum=0)
        return self


@check.public
def not_finite(model, states=()):
    """A sentence that names the rows that are not finite: of a table that is trained, or of what an optimizer keeps for it; or None.

    Parameters
    ----------
    model : ERModel
    states : list of dict, one for each of its tables, see `OptimizerUpdate`

    Examples
    --------
    >>> from npembed.kge.datasets import Nations
    >>> from npembed.kge.models import transe
    >>> model = transe(Nations().training, random_seed=0)
    >>> model.layers[1].weight[[3, 7], 2] = np.nan, np.inf
    >>> not_finite(model)
    'rows 3, 7 of relation_representations.0 are not finite'
    """
    for (name, layer), state in zip(model.named_layers.items(), states or [{}] * len(model.layers), strict=True):
        arrays = {name: layer.weight, **{f"{key} of {name}": value for key, value in state.items()}}
        for said, array in arrays.items() if layer.trainable else ():
            if isinstance(array, np.ndarray) and not np.isfinite(array).all():
                bad = np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1)).tolist()
                more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
                verb = "are" if len(bad) > 1 else "is"
                return f"row{'s' * (len(bad) > 1)} {', '.join(map(str, bad[:5]))}{more} of {said} {verb} not finite"
    return None
