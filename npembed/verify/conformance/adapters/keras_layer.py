"""`keras.layers.Embedding` on torch or JAX, with Keras's constraints and optimizers, and its functions around it.

The backend is the one that ``KERAS_BACKEND`` names; unless it is set, it is set to the first of torch and JAX that is installed.
"""

import contextlib
import importlib
import importlib.util
import os
import sys
from typing import Any, ClassVar

from . import by_case, jax_layer, torch_layer

if sys.modules.get("keras"):
    BACKEND = sys.modules["keras"].backend.backend()
else:  # it reads this when it is imported, and wants TensorFlow if it is not there
    os.environ.setdefault("KERAS_BACKEND", next((b for b in ("torch", "jax") if importlib.util.find_spec(b)), "torch"))
    BACKEND = os.environ["KERAS_BACKEND"]
BOTH = ("float32", "float64")
FAILURES = {
    "half-precision gradients are added in half precision": (
        "backward/2050-repetitions-float16", "backward/4096-repetitions-float16", "backward/258-repetitions-bfloat16",
        "backward/4096-repetitions-bfloat16",
    ),
    "normalize: a zero row has an infinite inverse, and in half precision so has eps": ("normalizer/half-precision-zero-row-float16",),
    "normalize: the slope of 1 / sqrt is infinite at zero and in float32 near it (keras#23075)": (
        "kink/normalize-zero-row-float32", "kink/normalize-zero-row-float64", "normalizer/normalize-below-eps-gradient-float32",
    ),
    "normalize: the squares of the row leave the dtype, and with them its length; eps = 0 divides by zero": (
        f"normalizer/normalize-{size}-rows{what}-{dtype}" for size in ("tiny", "huge") for what in ("", "-gradient") for dtype in BOTH
    ),
    "normalize: norms other than p = 2 are of single precision": (
        "normalizer/normalize-p-1-gradient-float64", "normalizer/normalize-p-3-float64", "normalizer/normalize-p-3-gradient-float64",
        "second/normalize-p-3-float64",
    ),
    "a constraint adds 1e-7 to the length": (
        "constrainer/clamp-norm-inside-float32", "constrainer/clamp-norm-inside-float64", "constrainer/clamp-norm-p-2-float64",
        "constrainer/clamp-norm-zero-row-float64", "constrainer/normalize-p-2-float64", "constrainer/normalize-zero-row-float64",
        "steps/constrainer-each-step-float64", "large/steps-constrainer-middling-float64",
        *(f"large/constrainer-{name}-{size}-float64" for name in ("normalize", "clamp-norm") for size in ("tall", "middling", "wide")),
    ),
    "a constraint: the squares of the row leave the dtype": (f"constrainer/clamp-norm-huge-{dtype}" for dtype in BOTH),
    "weight_decay is decoupled, that of Adam as in AdamW": (
        *(f"steps/{which}adam-weight-decay-{dtype}" for which in ("", "no-ids-") for dtype in BOTH),
        *(
            f"large/steps-{name}-{size}-{dtype}" for name in ("momentum", "adam-weight-decay") for size in ("middling", "wide")
            for dtype in BOTH
        ),
    ),
    "a negative id counts from the end": (
        "refused/negative-id", "refused/negative-id-of-one-row", "refused/negative-id-without-axes", "refused/int8-id-1",
        "refused/int16-id-100",
    ),
    "ids are cut to whole numbers": ("refused/fractional-ids",),
    "any learning rate is taken": (f"refused/negative-learning-rate-{name}" for name in ("sgd", "adagrad", "adam")),
    "Nesterov's step is none without a momentum": ("refused/nesterov-without-momentum",),
}  # fmt: skip
"""What Keras 3.15.1 gets wrong, or means otherwise: why, and in which cases."""
FAILURES_BY_BACKEND = {
    "torch": {
        "normalize: the smaller of a float64 and a number is a float32": (
            *(
                f"normalizer/normalize-{what}{gradient}-float64" for gradient in ("", "-gradient")
                for what in ("p-2", "vector", "matrix", "column", "three-axes", "below-eps", "below-large-eps")
            ), "normalizer/zero-row-float64", "boundary/normalize-at-eps-float64", "boundary/normalize-one-number-float64",
            "steps/normalizer-each-step-float64", "second/normalize-float64",
            *(f"large/normalize-{size}-float64" for size in ("tall", "middling", "wide")),
        ),
        "an id is cut to 32 bits, which may be those of another row": ("refused/uint32-id-4294967295",),
    },
    "jax": {
        "an id that no row has gives NaN, and no error (jax#14193)": (
            "refused/far-negative-id", "refused/one-too-many-id", "refused/one-too-many-id-of-one-row",
            "refused/one-too-many-id-without-axes", "refused/uint8-id-200", "refused/uint8-id-255", "refused/uint16-id-65535",
        ),
        "an id is cut to 32 bits, which may be those of another row (jax#18385)": (
            "refused/far-id", "refused/far-id-of-one-row", "refused/far-id-without-axes", "refused/uint32-id-4294967295",
        ),
    },
}  # fmt: skip
CONVENTIONS_BY_BACKEND = {
    "torch": {"clamp_edge": "pass", "slope_at_zero": "zero", "subnormals": "kept"},
    "jax": {"clamp_edge": "half", "slope_at_zero": "one"},
}


class Layer:
    """Keras's layer; see `npembed.verify.conformance` for the methods."""

    library = "keras"
    capabilities = frozenset((
        "lookup", "float16", "bfloat16", "float32", "float64", "frozen", "normalizer=normalize", "normalizer=softmax", "normalizer=clamp",
        "constrainer=normalize", "constrainer=clamp_norm", "optimizer",
    ))  # fmt: skip
    conventions: ClassVar = {
        "accumulation": "table", "adagrad_eps": "under_root", "adam_eps": "uncorrected", "missing_rows": "dense",
        **CONVENTIONS_BY_BACKEND.get(BACKEND, {}),
    }  # fmt: skip
    known_failures = by_case(FAILURES | FAILURES_BY_BACKEND.get(BACKEND, {}))

    def __init__(
        self, table, *, dtype=None, trainable=True, normalizer=None, normalizer_options=None, constrainer=None, constrainer_options=None,
        optimizer=None, optimizer_options=None,
    ):  # fmt: skip
        keras = self.keras = importlib.import_module("keras")
        if BACKEND not in _BACKENDS:
            raise NotImplementedError(f"Keras on {BACKEND}; allowed: {' or '.join(_BACKENDS)}")
        self.backend = _BACKENDS[BACKEND](dtype or table.dtype.name)
        self.normalizer, self.options = normalizer, normalizer_options or {}
        with self.backend.precision():
            self.layer = keras.layers.Embedding(
                *table.shape, dtype=self.backend.dtype, trainable=trainable, embeddings_initializer="zeros",
                embeddings_constraint=_constraint(keras.constraints, constrainer, **constrainer_options or {}),
            )  # fmt: skip
            self.layer.build()
            self.layer.embeddings.assign(table)
            if optimizer is not None:
                self.optimizer = _optimizer(keras.optimizers, optimizer, **optimizer_options)

    @property
    def table(self):
        """The rows now."""
        return self.backend.numpy(self.layer.embeddings.value)

    def lookup(self, ids):
        """Rows, normalized."""
        self.ids = ids
        with self.backend.precision():
            self.weight = self.backend.array(self.table)
            output, self.pullback = self.backend.vjp(self._forward, self.weight)
            return self.backend.numpy(output)

    def backward(self, g):
        """The gradient of the table; zero for a frozen one."""
        with self.backend.precision():
            (gradient,) = self.pullback(self.backend.array(g))
        self.gradient = self.backend.numpy(gradient) * self.layer.trainable
        return self.gradient

    def second(self, g, v):
        """By differentiating the backward pass."""
        backend = self.backend
        with backend.precision():
            _, pullback = backend.vjp(
                lambda g, weight: backend.vjp(self._forward, weight)[1](g)[0], backend.array(g), self.weight
            )
            return tuple(map(backend.numpy, pullback(backend.array(v))))

    def step(self):
        """One step; a frozen table takes none."""
        if self.layer.trainable:
            with self.backend.precision():
                self.optimizer.apply([self.backend.array(self.gradient)], [self.layer.embeddings])

    def constrain(self):
        """The constraint, as an optimizer applies it after a step."""
        if self.layer.trainable:
            with self.backend.precision():
                self.layer.embeddings.assign(self.layer.embeddings_constraint(self.layer.embeddings))

    def _forward(self, weight):
        variables = ([weight], []) if self.layer.trainable else ([], [weight])
        rows, _ = self.layer.stateless_call(*variables, self.ids)
        return rows if self.normalizer is None else getattr(self, f"_{self.normalizer}")(rows, **self.options)

    def _normalize(self, x, p=2, eps=1e-12):
        if p == float("inf"):
            raise NotImplementedError("no order but whole numbers")
        return self.keras.ops.normalize(x, axis=-1, order=p, epsilon=eps)

    def _softmax(self, x):
        return self.keras.ops.softmax(x, axis=-1)

    def _clamp(self, x, min=None, max=None):
        return self.keras.ops.clip(x, -float("inf") if min is None else min, float("inf") if max is None else max)


class _Torch:
    """Differentiation by torch.autograd."""

    precision, numpy = staticmethod(contextlib.nullcontext), staticmethod(torch_layer.to_numpy)

    def __init__(self, dtype):
        self.torch, self.dtype = importlib.import_module("torch"), dtype

    def array(self, x):
        return self.torch.tensor(x, dtype=getattr(self.torch, self.dtype), requires_grad=True)

    def vjp(self, f, *args):
        output = f(*args)
        return output, lambda g: self.torch.autograd.grad(output, args, g, create_graph=True, materialize_grads=True)


class _Jax:
    """Differentiation by jax.vjp."""

    numpy = staticmethod(jax_layer.to_numpy)

    def __init__(self, dtype):
        self.jax, self.dtype = importlib.import_module("jax"), dtype
        self.vjp = self.jax.vjp

    def precision(self):
        return self.jax.enable_x64(self.dtype == "float64")

    def array(self, x):
        return self.jax.numpy.array(x, self.dtype)


_BACKENDS: dict[str, Any] = {"torch": _Torch, "jax": _Jax}


def _constraint(constraints, name, maxnorm=None, p="fro", **others):
    """A constraint of Keras, along the rows (its default is along the columns), under the names of ours."""
    if others or p not in (2, "fro"):
        raise NotImplementedError("no such constraint")
    if name == "normalize":
        return constraints.UnitNorm(axis=-1)
    return constraints.MaxNorm(maxnorm, axis=-1) if name == "clamp_norm" else constraints.get(name)


def _optimizer(optimizers, name, *, lr, weight_decay=None, eps=None, momentum=0.0, nesterov=False, amsgrad=False, **others):
    """An optimizer of Keras under torch's names of its options, and with torch's defaults."""
    if others:
        raise NotImplementedError(f"no option {', '.join(others)}")
    if name == "sgd":
        return optimizers.SGD(lr, momentum, nesterov, weight_decay=weight_decay)
    if name == "adagrad":
        return optimizers.Adagrad(
            lr, initial_accumulator_value=0.0, epsilon=1e-10 if eps is None else eps, weight_decay=weight_decay
        )
    kind = optimizers.AdamW if name == "adamw" else optimizers.Adam
    return kind(lr, epsilon=1e-8 if eps is None else eps, weight_decay=weight_decay, amsgrad=amsgrad)
