"""What is done to the tables of a model once their gradients are known: a step on each, then the constrainers."""

import numpy as np

from ... import check
from ...embedding.constrain import is_constrained, post_step_rows_
from ...embedding.optimizers import OPTIMIZERS, leaves_other_rows, sgd_
from ...embedding.optimizers.rowwise import check_entry
from ...numerics import interrupts
from ...op import resolve
from ..datasets.labels import warn


@check.public
def step_(model, gradients, lr):
    """One step of gradient descent on each table that is trainable, without the constrainers.

    Parameters
    ----------
    model : ERModel
    gradients : RowSparse for each of ``model.layers``
    lr : float >= 0
    """
    with interrupts.deferred():
        for layer, gradient in zip(model.layers, gradients, strict=True):
            if layer.trainable:
                sgd_(layer.weight, gradient, lr=lr)


@check.public
def update_(model, gradients, lr):
    """`step_`, then the constrainers: what `fit` does to the tables after each batch."""
    with interrupts.deferred():
        step_(model, gradients, lr)
        model.post_parameter_update()


@check.public
class OptimizerUpdate:
    """`update_` with any optimizer: its step on each trainable table, with the state that it keeps, then the constrainers.

    The state of a moment or a momentum is not constrained.

    Parameters
    ----------
    model : ERModel
    optimizer : name, see `npembed.embedding.optimizers.OPTIMIZERS`
    options : dict, keyword arguments of its step but ``lr`` and ``state``; ``missing_rows`` says what becomes of rows without a gradient
    constrain : "all" or "rows_with_gradient"
        Which rows the constrainers see after a step. "rows_with_gradient" costs what the batch does, and is the same to the
        bit where it is allowed (`npembed.embedding.optimizers.leaves_other_rows`, `npembed.embedding.constrain.post_step_rows_`).

    Raises
    ------
    ValueError
        For "rows_with_gradient" where the optimizer moves other rows too, or a table is not constrained to begin with; and, at the
        first step, for a constrainer that is not idempotent or looks at other rows.

    Attributes
    ----------
    name : str; options : dict, as given
    states : list of dict, one for each of ``model.layers``

    Examples
    --------
    >>> from npembed.kge.datasets import Nations
    >>> from npembed.kge.models import transe
    >>> from npembed.kge.training import fit
    >>> nations = Nations().training
    >>> model = transe(nations, embedding_dim=8, random_seed=0)
    >>> update = OptimizerUpdate(model, "adam", {"missing_rows": "lazy"})
    >>> for epoch in fit(model, nations.mapped_triples, epochs=1, lr=0.01, update=update): pass
    >>> update.states[0]["step"]
    7
    """

    def __init__(self, model, optimizer="sgd", options=None, constrain="all"):
        self.name = resolve(OPTIMIZERS, optimizer, function="fit", argument="optimizer")
        self.optimizer = OPTIMIZERS[self.name]
        self.options = check.keywords("fit", "optimizer_kwargs", options)
        for name in ("lr", "state"):
            if name in self.options:
                raise TypeError(f"fit: optimizer_kwargs holds {name!r}; allowed: the other options of {optimizer}")
        check.options("fit", "optimizer_kwargs", {**self.options, "lr": 0, "state": {}}, self.optimizer.step_)
        for layer in model.layers:  # a step on no rows: a bad option is refused here, not in the first batch
            empty = np.empty((0, *layer.shape), layer.dtype)
            state = self.optimizer.state(empty)
            self.optimizer.step_(empty, empty.copy(), lr=0, state=state, **self.options)
            self._entries = tuple(state)  # those that its options want among them
        self.states = [self.optimizer.state(layer.weight) for layer in model.layers]
        self.constrain = check.choice("fit", "constrain", constrain, ("all", "rows_with_gradient"))
        if constrain == "rows_with_gradient" and not leaves_other_rows(self.name, self.options):
            found = f"constrain = 'rows_with_gradient' is given with {self.name}, which moves rows without a gradient too"
            raise ValueError(
                f"fit: {found}; allowed: 'all', or an optimizer that leaves them at rest, such as with missing_rows = 'lazy'"
            )
        self._fresh = True

    def restore(self, function, argument, saved, layers):
        """Go on from states that were saved; what steps with these options do not leave raises ValueError or TypeError.

        What an option adds in the first step may be missing. After that step there is a warning: earlier versions lost it when they saved a
        loaded run, and such a run can still be ranked.

        Parameters
        ----------
        function, argument : who asks, and what it calls `saved`, for error messages
        saved : dict of str to number or ndarray, all entries, by the name of their table: ``entity_representations.0.step``
        layers : dict of str to table, in the order of `states`
        """
        for label in saved:
            name, _, key = label.rpartition(".")
            if name not in layers or key not in self._entries:
                known = f"{', '.join(self._entries)} of {', '.join(layers)}, the state of {self.name}"
                raise ValueError(f"{function}: {argument} holds {check.said(label)}; allowed: {known}")
        states: list = []
        lost: list = []
        for (name, layer), fresh in zip(layers.items(), self.states, strict=True):
            state = {key: saved[f"{name}.{key}"] for key in self._entries if f"{name}.{key}" in saved}
            for key in fresh:
                if key not in state:
                    raise ValueError(f"{function}: {argument} lacks '{name}.{key}'; allowed: the whole state of {self.name}")
            if state.get("step"):
                lost.extend(f"{name}.{key}" for key in self._entries if key not in state)
            for key, value in state.items():
                check_entry(function, f"{argument}['{name}.{key}']", value, key, layer.weight, state.get("step"))
            states.append(state)
        if lost:
            warn(f"{function}: {argument} lacks {lost[0]!r}, so the run can be ranked, and not be trained on")
        self.states = states

    def check_states(self, model):
        """Refuse a state that has lost an array, see `restore`, before anything of a training is drawn."""
        for name, state in zip(model.named_layers, self.states, strict=True):
            if state.get("step") and (lost := [key for key in self._entries if key not in state]):
                raise ValueError(
                    f"fit: the state of {self.name} for {name} lacks {lost[0]!r}; allowed: {', '.join(self._entries)}"
                )

    def __call__(self, model, gradients, lr):
        """One step, then the constrainers."""
        if self.constrain == "rows_with_gradient" and self._fresh:
            for layer in model.layers:
                if layer.trainable and not is_constrained(layer.weight, layer.constrainer):
                    raise ValueError(
                        "fit: constrain = 'rows_with_gradient' finds a table with rows that are not constrained; allowed: 'all'"
                    )
            self._fresh = False
        with interrupts.deferred():
            for layer, gradient, state in zip(model.layers, gradients, self.states, strict=True):
                if layer.trainable:
                    self.optimizer.step_(layer.weight, gradient, lr=lr, state=state, **self.options)
            if self.constrain == "all":
                model.post_parameter_update()
                return
            for part in model.parts:
                part.pop_regularization_term()
            for layer, gradient in zip(model.layers, gradients, strict=True):
                if layer.trainable:
                    post_step_rows_(layer.weight, gradient.rows, layer.constrainer, leaves_other_rows=True)
