"""`jax.numpy.take` of a table, differentiated by `jax.vjp`, with JAX's functions around it, as people use them."""

import importlib
from typing import ClassVar

import numpy as np

from . import by_case

BOTH = ("float32", "float64")
FAILURES = {
    "half-precision gradients are added in half precision": (
        "backward/2050-repetitions-float16", "backward/4096-repetitions-float16", "backward/258-repetitions-bfloat16",
        "backward/4096-repetitions-bfloat16",
    ),
    "the squares of the row leave the dtype, and with them its length": tuple(
        f"normalizer/normalize-{size}-rows{what}-{dtype}" for size in ("tiny", "huge") for what in ("", "-gradient") for dtype in BOTH
    ),
    "eps is zero in half precision": ("normalizer/half-precision-zero-row-float16",),
    "the slope of a norm at zero is NaN, as intended (jax#21723)": tuple(f"kink/normalize-zero-row-{dtype}" for dtype in BOTH),
    "zero over its modulus is NaN": ("complex/zero-complex64", "complex/zero-complex128"),
    "a negative id counts from the end (jax#5768)": (
        "refused/negative-id", "refused/negative-id-of-one-row", "refused/negative-id-without-axes", "refused/int8-id-1",
        "refused/int16-id-100",
    ),
    "an id that no row has gives NaN, and no error, as intended (jax#14193)": (
        "refused/far-negative-id", "refused/one-too-many-id", "refused/one-too-many-id-of-one-row",
        "refused/one-too-many-id-without-axes", "refused/uint8-id-200", "refused/uint8-id-255", "refused/uint16-id-65535",
        "refused/uint32-id-4294967295",
    ),
    "an id is cut to 32 bits, which may be those of another row (jax#18385)": (
        "refused/far-id", "refused/far-id-of-one-row", "refused/far-id-without-axes",
    ),
}  # fmt: skip
"""What JAX 0.10.2 gets wrong, or means otherwise: why, and in which cases."""


class Layer:
    """What JAX has for a layer; see `npembed.verify.conformance` for the methods."""

    library = "jax"
    capabilities = frozenset((
        "lookup", "float16", "bfloat16", "float32", "float64", "complex64", "complex128", "row_shape", "normalizer=normalize",
        "normalizer=softmax", "normalizer=clamp", "normalizer=complex_normalize",
    ))  # fmt: skip
    conventions: ClassVar = {  # subnormal numbers are copied, but flushed where they are added
        "accumulation": "table", "clamp_edge": "half", "complex_gradient": "conjugate", "inf_norm_ties": "split", "slope_at_zero": "one",
    }  # fmt: skip
    known_failures = by_case(FAILURES)

    def __init__(self, table, *, dtype=None, normalizer=None, normalizer_options=None):
        self.jax = importlib.import_module("jax")
        self.wide = table.dtype.char in "dD"
        self.normalizer, self.options = normalizer, normalizer_options or {}
        with self._precision():
            self.weight = self.jax.numpy.array(table, dtype)

    @property
    def table(self):
        """The rows now."""
        return to_numpy(self.weight)

    def lookup(self, ids):
        """Rows, normalized."""
        self.ids = ids
        with self._precision():
            output, self.pullback = self.jax.vjp(self._forward, self.weight)
        self.dtype = output.dtype
        return to_numpy(output)

    def backward(self, g):
        """The gradient of the table."""
        with self._precision():
            (self.gradient,) = self.pullback(self.jax.numpy.array(g, self.dtype))
        return to_numpy(self.gradient)

    def second(self, g, v):
        """By differentiating the backward pass."""
        with self._precision():
            g, v = (self.jax.numpy.array(a, self.dtype) for a in (g, v))
            _, pullback = self.jax.vjp(lambda g, weight: self.jax.vjp(self._forward, weight)[1](g)[0], g, self.weight)
            return tuple(map(to_numpy, pullback(v)))

    def rows(self, weight, ids):
        """The lookup itself."""
        return self.jax.numpy.take(weight, ids, axis=0)

    def _forward(self, weight):
        rows = self.rows(weight, self.jax.numpy.asarray(self.ids))
        return rows if self.normalizer is None else getattr(self, f"_{self.normalizer}")(rows, **self.options)

    def _normalize(self, x, p=2, eps=1e-12):
        return x / self.jax.numpy.maximum(self.jax.numpy.linalg.norm(x, ord=p, axis=-1, keepdims=True), eps)

    def _softmax(self, x):
        return self.jax.nn.softmax(x, axis=-1)

    def _clamp(self, x, min=None, max=None):
        return self.jax.numpy.clip(x, min, max)

    def _complex_normalize(self, z):
        return z / abs(z)

    def _precision(self):
        """float64 for tables of it, which JAX otherwise has not; as it was for everybody else."""
        return self.jax.enable_x64(self.wide)


def to_numpy(array):
    """A copy; of bfloat16, which NumPy has not, as float32."""
    return np.array(array, np.float32 if array.dtype.name == "bfloat16" else None)
