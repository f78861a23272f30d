"""`flax.linen.Embed` with optax's optimizers, differentiated by `jax.vjp`, and JAX's functions around it."""

import importlib
from typing import ClassVar

from . import by_case, jax_layer

FAILURES = jax_layer.FAILURES | {
    "AMSGrad takes the largest of the corrected moments (optax#1389)": (
        "steps/adam-amsgrad-float32",
        "steps/adam-amsgrad-float64",
    ),
    "Adam is corrected by 1 - b2 in single precision, of which four digits are right": ("steps/adam-weight-decay-float32",),
    "every id names the row of a table of one": (
        f"refused/{which}-id-of-one-row" for which in ("negative", "one-too-many", "far")
    ),
    "any learning rate is taken": (f"refused/negative-learning-rate-{name}" for name in ("sgd", "adagrad", "adam")),
    "Nesterov's step is none without a momentum": ("refused/nesterov-without-momentum",),
}
"""What flax 0.12.8, with optax 0.2.8, gets wrong, or means otherwise, beside JAX."""


class Layer(jax_layer.Layer):
    """flax's layer; see `npembed.verify.conformance` for the methods."""

    library = "flax"
    capabilities = jax_layer.Layer.capabilities - {"row_shape"} | {"optimizer"}
    conventions: ClassVar = {**jax_layer.Layer.conventions, "adagrad_eps": "under_root", "missing_rows": "dense"}
    known_failures = {  # noqa: RUF012 - a table of one row has no id without axes at all
        id: why for id, why in by_case(FAILURES).items() if not id.endswith("-id-without-axes")
    }

    def __init__(self, table, *, optimizer=None, optimizer_options=None, **options):
        super().__init__(table, **options)
        linen = importlib.import_module("flax.linen")
        self.layer = linen.Embed(*table.shape, param_dtype=self.weight.dtype)
        if optimizer is not None:
            self.optimizer = _optimizer(importlib.import_module("optax"), optimizer, **optimizer_options)
            with self._precision():
                self.state = self.optimizer.init(self.weight)

    def rows(self, weight, ids):
        """The lookup itself."""
        return self.layer.apply({"params": {"embedding": weight}}, ids)

    def step(self):
        """One step."""
        with self._precision():
            gradient = self.gradient.conj()  # of complex rows, as JAX wants it: its own would not go down
            updates, self.state = self.optimizer.update(gradient, self.state, self.weight)
            self.weight = self.weight + updates


def _optimizer(optax, name, *, lr, momentum=None, nesterov=False, weight_decay=0.0, eps=None, amsgrad=False, **others):
    """An optimizer of optax under torch's names of its options, and with torch's defaults."""
    if others:
        raise NotImplementedError(f"no option {', '.join(others)}")
    if name == "sgd":
        made = optax.sgd(lr, momentum, nesterov)
    elif name == "adagrad":
        made = optax.adagrad(lr, initial_accumulator_value=0.0, eps=1e-10 if eps is None else eps)
    elif name == "adamw":
        return optax.adamw(lr, weight_decay=weight_decay)
    else:
        made = (optax.amsgrad if amsgrad else optax.adam)(lr, **({} if eps is None else {"eps": eps}))
    return optax.chain(optax.add_decayed_weights(weight_decay), made)
