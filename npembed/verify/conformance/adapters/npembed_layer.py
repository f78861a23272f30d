"""npembed's own `Embedding` and `EmbeddingBag`."""

from typing import ClassVar

from .... import __version__
from ....embedding.optimizers import OPTIMIZERS
from ....layers import Embedding, EmbeddingBag, double_backward


class Layer:
    """The layer of this package; see `npembed.verify.conformance` for the methods."""

    name = f"npembed {__version__}"
    capabilities = frozenset((
        "lookup", "float16", "float32", "float64", "complex64", "complex128", "row_shape", "padding_idx", "max_norm", "norm_type",
        "scale_grad_by_freq", "frozen", "normalizer", "constrainer", "optimizer", "mode", "weights", "include_last_offset",
    ))  # fmt: skip
    conventions: ClassVar = {
        "accumulation": "table", "clamp_edge": "pass", "clamp_norm_edge": "project", "complex_gradient": "re_plus_i_im",
        "frozen_max_norm": "stays", "id_dtypes": "taken", "inf_norm_ties": "split", "max_norm_formula": "projection",
        "max_norm_writes": "table", "max_ties": "first", "norm_at_zero": "divide", "slope_at_zero": "zero", "subnormals": "kept",
        "uint64_ids": "refused", "missing_rows": "dense",
    }  # fmt: skip

    def __init__(self, table, *, mode=None, trainable=True, optimizer=None, optimizer_options=None, **options):
        for which in ("normalizer", "constrainer"):
            if f"{which}_options" in options:
                options[f"{which}_kwargs"] = options.pop(f"{which}_options")
        if mode is None:
            self.layer = Embedding.from_pretrained(table, trainable=trainable, **options)
        else:
            self.layer = EmbeddingBag.from_pretrained(table, trainable=trainable, mode=mode, **options)
        self.layer.restore(table)  # as it came: the constrainer has been at it
        self.bags = mode is not None
        if optimizer is not None:
            self.optimizer, self.options = OPTIMIZERS[optimizer], optimizer_options
            self.state = self.optimizer.state(table)

    @property
    def table(self):
        """The rows now."""
        return self.layer.weight

    def lookup(self, ids, offsets=None, weights=None):
        """Rows, or bags of rows."""
        self.ids = ids
        return self.layer(ids, offsets, weights) if self.bags else self.layer(ids)

    def backward(self, g):
        """The gradient of the table, as (rows, values)."""
        self.gradient = self.layer.backward(g)
        if isinstance(self.gradient, tuple):
            self.gradient, self.weight_gradient = self.gradient
        return self.gradient.rows, self.gradient.values

    def second(self, g, v):
        """The gradients of the gradient, the second as (rows, values)."""
        dg, gradient = double_backward(self.layer, self.ids, g, v)
        return dg, (gradient.rows, gradient.values)

    def step(self):
        """One step; a frozen table takes none."""
        if self.layer.trainable:
            self.optimizer.step_(self.layer.weight, self.gradient, state=self.state, **self.options)

    def constrain(self):
        """The constrainer."""
        self.layer.post_parameter_update()
