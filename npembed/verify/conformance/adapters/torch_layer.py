"""`torch.nn.Embedding` and `torch.nn.EmbeddingBag`, with torch's functions around them, as people use them."""

import functools
import importlib
from typing import ClassVar

from . import by_case

BOTH = ("float32", "float64")
FAILURES = {
    "half-precision gradients are added in half precision": (
        "backward/2050-repetitions-float16", "backward/4096-repetitions-float16", "backward/258-repetitions-bfloat16",
        "backward/4096-repetitions-bfloat16", "bag/sum-4096-rows-gradient-float16", "bag/sum-4096-rows-gradient-bfloat16",
    ),
    "normalize: the squares of the row leave the dtype, and with them its length": (
        f"normalizer/normalize-{size}-rows{what}-{dtype}" for size in ("tiny", "huge") for what in ("", "-gradient") for dtype in BOTH
    ),
    "normalize: eps is zero in half precision (pytorch#32137)": ("normalizer/half-precision-zero-row-float16",),
    "EmbeddingBag with scale_grad_by_freq divides by another count (pytorch#190063)": (
        *(f"bag/{mode}-frequency{which}-gradient-{dtype}" for mode in ("sum", "mean") for which in ("", "-one-bag") for dtype in BOTH),
        *(f"large/long-bags-sum-frequency-{order}-{dtype}" for order in ("runs", "scrambled") for dtype in BOTH),
    ),
    "EmbeddingBag has no bags of no ids in a matrix": (
        f"bag/{mode}-empty-matrix-{dtype}" for mode in ("sum", "mean", "max") for dtype in BOTH
    ),
    "max_norm: the squares of the row leave the dtype, and with them its length": (
        f"max-norm/{size}-rows-{dtype}" for size in ("tiny", "huge") for dtype in BOTH
    ),
    "EmbeddingBag with include_last_offset: ids behind the last offset count (pytorch#191965)": (
        "bag/sum-short-last-offset-float64", *(f"bag/{mode}-short-last-offset-{dtype}" for mode in ("mean", "max") for dtype in BOTH),
    ),
    "EmbeddingBag: a NaN is the maximum only where it comes first": (f"bag/max-not-a-number-{dtype}" for dtype in BOTH),
    "max_norm shortens rows before the id is refused": (
        f"refused/{which}-id-with-max-norm" for which in ("negative", "one-too-many", "far")
    ),
}  # fmt: skip
"""What torch 2.13 gets wrong: why, and in which cases."""
FOREIGN = {
    "EmbeddingBag reads memory that is not its own (pytorch#191867)": ("refused/decreasing-offsets",),
    "EmbeddingBag's gradient is of memory that is not its own (pytorch#191965)": (
        f"bag/{mode}-short-last-offset-gradient-{dtype}" for mode in ("sum", "mean", "max") for dtype in BOTH
    ),
}


OPTIMIZERS = {"sgd": "SGD", "adagrad": "Adagrad", "adam": "Adam", "adamw": "AdamW"}


class Layer:
    """torch's layers; see `npembed.verify.conformance` for the methods."""

    library = "torch"
    capabilities = frozenset((
        "lookup", "float16", "bfloat16", "float32", "float64", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "frozen",
        "normalizer=normalize", "normalizer=softmax", "normalizer=clamp", "constrainer=normalize", "constrainer=clamp", "optimizer", "mode",
        "weights", "include_last_offset",
    ))  # fmt: skip
    conventions: ClassVar = {
        "accumulation": "table", "clamp_edge": "pass", "frozen_max_norm": "shortened", "id_dtypes": "refused", "inf_norm_ties": "split",
        "max_norm_formula": "plus_1e-7", "max_norm_writes": "table", "max_ties": "first", "norm_at_zero": "divide",
        "slope_at_zero": "zero", "subnormals": "kept", "uint64_ids": "refused", "missing_rows": "dense",
    }  # fmt: skip
    known_failures = by_case(FAILURES)
    not_run = by_case(FOREIGN)

    def __init__(
        self, table, *, dtype=None, trainable=True, mode=None, normalizer=None, normalizer_options=None, constrainer=None,
        constrainer_options=None, optimizer=None, optimizer_options=None, **options,
    ):  # fmt: skip
        torch = self.torch = importlib.import_module("torch")
        weight = torch.tensor(table).to(getattr(torch, dtype) if dtype else None)
        kind = torch.nn.Embedding if mode is None else torch.nn.EmbeddingBag
        options |= {} if mode is None else {"mode": mode}
        self.layer = kind.from_pretrained(weight, freeze=not trainable, **options)
        self.normalizer = _map(torch, normalizer)
        self.constrainer = _map(torch, constrainer)
        self.normalizer_options, self.constrainer_options = normalizer_options or {}, constrainer_options or {}
        if optimizer is not None and trainable:
            self.optimizer = getattr(torch.optim, OPTIMIZERS[optimizer])(self.layer.parameters(), **optimizer_options)

    @property
    def table(self):
        """The rows now."""
        return to_numpy(self.layer.weight)

    def lookup(self, ids, offsets=None, weights=None):
        """Rows, or bags of rows."""
        ids, self.weights = self.torch.tensor(ids), None if weights is None else self.torch.tensor(weights, requires_grad=True)
        if isinstance(self.layer, self.torch.nn.Embedding):
            self.output = self.normalizer(self.layer(ids), **self.normalizer_options)
        else:
            self.output = self.layer(ids, None if offsets is None else self.torch.tensor(offsets), self.weights)
        return to_numpy(self.output)

    def backward(self, g):
        """The gradient of the table; zero for a frozen one."""
        weight = self.layer.weight
        weight.grad = None
        if self.output.requires_grad:
            self.output.backward(self.torch.tensor(g).to(self.output.dtype))
        if self.weights is not None:
            self.weight_gradient = to_numpy(self.weights.grad)
        return to_numpy(self.torch.zeros_like(weight) if weight.grad is None else weight.grad)

    def second(self, g, v):
        """By differentiating the backward pass."""
        weight, g = self.layer.weight, self.torch.tensor(g, requires_grad=True)
        (gradient,) = self.torch.autograd.grad(self.output, weight, g, create_graph=True)
        found = self.torch.autograd.grad((gradient * self.torch.tensor(v)).sum(), (g, weight), materialize_grads=True)
        return tuple(map(to_numpy, found))

    def step(self):
        """One step; a frozen table takes none."""
        if self.layer.weight.requires_grad:
            self.optimizer.step()

    def constrain(self):
        """The constrainer, outside of the graph; a frozen table stays."""
        if self.layer.weight.requires_grad:
            with self.torch.no_grad():
                self.layer.weight.copy_(self.constrainer(self.layer.weight, **self.constrainer_options))


def to_numpy(tensor):
    """A copy; of bfloat16, which NumPy has not, as float32."""
    tensor = tensor.detach()
    return (tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy().copy()


def _map(torch, name):
    """A map of rows, along their last axis."""
    if name == "normalize":
        return functools.partial(torch.nn.functional.normalize, dim=-1)
    if name == "softmax":
        return functools.partial(torch.softmax, dim=-1)
    return {None: torch.nn.Identity(), "clamp": torch.clamp}[name]
