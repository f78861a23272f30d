"""`pykeen.nn.Embedding`, made as its documentation makes it: maps by name, without an axis."""

import importlib
from typing import ClassVar

from . import by_case

BOTH = ("float32", "float64")
FAILURES = {
    "a normalizer works along the second axis of what was looked up (softmax sometimes the first): one id, several vectors": (
        "pairs/matrices-and-normalize", "pairs/matrices-and-softmax",
        *(
            f"normalizer/{name}-{shape}{what}-{dtype}" for name in ("normalize", "softmax")
            for shape in ("matrix", "column", "three-axes") for what in ("", "-gradient") for dtype in BOTH
        ),
    ),
    "normalize: the squares of the row leave the dtype, and with them its length": (
        f"normalizer/normalize-{size}-rows{what}-{dtype}" for size in ("tiny", "huge") for what in ("", "-gradient") for dtype in BOTH
    ),
    "clamp_norm takes one norm of the whole table": (
        *(f"constrainer/clamp-norm-{which}-{dtype}" for which in ("p-1", "p-2", "p-3", "p-inf", "inside", "huge") for dtype in BOTH),
        *(f"large/constrainer-clamp-norm-{size}-{dtype}" for size in ("tall", "middling", "wide") for dtype in BOTH),
        *(
            f"pairs/constrainer-clamp-norm-and-{name}"
            for name in ("sgd", "momentum", "nesterov", "adagrad", "adam", "adamw", "matrices")
        ),
    ),
    "a constrainer works along the second axis of the table, which need not be the last": (
        "pairs/constrainer-normalize-and-matrices", *(f"constrainer/normalize-rows-that-are-matrices-{dtype}" for dtype in BOTH),
    ),
    "a frozen table is constrained nonetheless": (
        *(f"constrainer/frozen-{dtype}" for dtype in BOTH),
        *(f"pairs/constrainer-{name}-and-frozen" for name in ("normalize", "clamp", "clamp-norm")),
    ),
    "complex_normalize divides small numbers by the machine epsilon": ("complex/small-modulus-complex64",),
    "the weights are the memory of the pretrained array: training overwrites it": (f"steps/own-copy-{dtype}" for dtype in BOTH),
}  # fmt: skip
"""What PyKEEN 1.11.1 gets wrong: why, and in which cases."""
OPTIMIZERS = {"sgd": "SGD", "adagrad": "Adagrad", "adam": "Adam", "adamw": "AdamW"}


class Layer:
    """PyKEEN's layer; see `npembed.verify.conformance` for the methods."""

    library = "pykeen"
    capabilities = frozenset((
        "lookup", "float32", "float64", "complex64", "complex128", "row_shape", "frozen", "normalizer=normalize", "normalizer=softmax",
        "normalizer=complex_normalize", "constrainer=normalize", "constrainer=clamp", "constrainer=clamp_norm", "optimizer",
    ))  # fmt: skip
    conventions: ClassVar = {
        "accumulation": "table", "clamp_edge": "pass", "clamp_norm_edge": "project", "complex_gradient": "re_plus_i_im",
        "inf_norm_ties": "split", "norm_at_zero": "divide", "slope_at_zero": "zero", "subnormals": "kept", "missing_rows": "dense",
    }  # fmt: skip
    known_failures = by_case(FAILURES)

    def __init__(
        self, table, *, trainable=True, normalizer=None, normalizer_options=None, constrainer=None, constrainer_options=None,
        optimizer=None, optimizer_options=None,
    ):  # fmt: skip
        torch = self.torch = importlib.import_module("torch")
        pykeen = importlib.import_module("pykeen.nn")
        if normalizer == "complex_normalize":  # which has no name there
            normalizer = importlib.import_module("pykeen.utils").complex_normalize
        given = torch.from_numpy(table)
        self.complex = given.is_complex()
        options = {} if normalizer is None else {"normalizer_kwargs": normalizer_options}
        self.layer = pykeen.Embedding(
            max_id=len(table), shape=table.shape[1:], dtype=given.dtype, trainable=trainable,
            initializer=None if self.complex else pykeen.init.PretrainedInitializer(given), constrainer=constrainer,
            constrainer_kwargs=constrainer_options, normalizer=normalizer,
            **options,
        )  # fmt: skip
        self.layer.reset_parameters()
        self.weight = self.layer._embeddings.weight
        if self.complex:  # which no pretrained initializer takes
            self.weight.data.copy_(torch.view_as_real(given).reshape(self.weight.shape))
        if optimizer is not None and trainable:
            self.optimizer = getattr(torch.optim, OPTIMIZERS[optimizer])(self.layer.parameters(), **optimizer_options)

    @property
    def table(self):
        """The rows now."""
        return self._rows(self.weight)

    def lookup(self, ids):
        """Rows, normalized."""
        self.output = self.layer(self.torch.tensor(ids))
        return self.output.detach().numpy().copy()

    def backward(self, g):
        """The gradient of the table; zero for a frozen one."""
        if not self.output.requires_grad:
            return self._rows(self.torch.zeros_like(self.weight))
        self.weight.grad = None
        self.output.backward(self.torch.tensor(g))
        return self._rows(self.weight.grad)

    def second(self, g, v):
        """By differentiating the backward pass."""
        g, v = self.torch.tensor(g, requires_grad=True), self.torch.tensor(v).reshape(self.weight.shape)
        (gradient,) = self.torch.autograd.grad(self.output, self.weight, g, create_graph=True)
        dg, dweight = self.torch.autograd.grad((gradient * v).sum(), (g, self.weight), materialize_grads=True)
        return dg.numpy(), self._rows(dweight)

    def step(self):
        """One step; a frozen table takes none."""
        if self.weight.requires_grad:
            self.optimizer.step()

    def constrain(self):
        """The constrainer."""
        self.layer.post_parameter_update()

    def _rows(self, tensor):
        """The table, or its gradient, in the shape of the rows; a complex one from its pairs."""
        tensor = tensor.detach().reshape(self.layer.max_id, *self.layer.shape, *([2] if self.complex else []))
        return (self.torch.view_as_complex(tensor) if self.complex else tensor).numpy().copy()
