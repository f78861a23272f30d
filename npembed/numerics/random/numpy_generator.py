"""A NumPy generator behind the drawing methods of TorchGenerator."""

import numpy as np

from ... import check
from . import arguments, states


@check.public
class NumpyGenerator:
    """`numpy.random.Generator` with the methods, arguments and results of `TorchGenerator`, for where torch's bits do not matter.

    The wrapped generator is drawn from, not copied. A refused call draws nothing.

    Parameters
    ----------
    generator : numpy.random.Generator

    Raises
    ------
    TypeError
        For anything else.

    Examples
    --------
    >>> rng = NumpyGenerator(np.random.default_rng(0))
    >>> rng.randint(0, 10, 5)
    array([8, 6, 5, 2, 3])
    >>> rng
    NumpyGenerator(PCG64)
    """

    def __init__(self, generator):
        if not isinstance(generator, np.random.Generator):
            found = f"generator = {check.said(generator)} is of type {type(generator).__name__}"
            raise TypeError(f"NumpyGenerator: {found}; allowed: a numpy.random.Generator")
        self._generator = generator

    def __repr__(self):
        return f"NumpyGenerator({type(self._generator.bit_generator).__name__})"

    def rand(self, shape, dtype=np.float32):
        """Draw uniformly from [0, 1), an ndarray of `dtype` (float32 or float64)."""
        shape, dtype = check.shape("rand", "shape", shape), arguments.real_dtype("rand", dtype)
        return np.asarray(self._generator.random(shape, dtype))

    def uniform(self, shape, low=0.0, high=1.0, dtype=np.float32):
        """Draw uniformly from [low, high), an ndarray of `dtype`; what rounds to `high` becomes `low`."""
        shape, dtype = check.shape("uniform", "shape", shape), arguments.real_dtype("uniform", dtype)
        low, high = map(dtype.type, arguments.interval("uniform", low, high, dtype))
        x = self._generator.random(shape, dtype) * (high - low) + low
        return np.where(x >= high, low, x)

    def normal(self, shape, mean=0.0, std=1.0, dtype=np.float32):
        """Draw from the normal distribution, an ndarray of `dtype`."""
        shape, dtype = check.shape("normal", "shape", shape), arguments.real_dtype("normal", dtype)
        mean, std = map(dtype.type, arguments.location_scale("normal", mean, std, dtype))
        with np.errstate(over="ignore"):
            return np.asarray(self._generator.standard_normal(shape, dtype) * std + mean)

    def randint(self, low, high, shape):
        """Draw whole numbers low, ..., high - 1, an ndarray of int64."""
        (low, high), shape = arguments.integers("randint", low, high), check.shape("randint", "shape", shape)
        return np.asarray(self._generator.integers(low, high, shape, np.int64))

    def randperm(self, n):
        """Draw a permutation of 0, ..., n - 1, an ndarray of int64."""
        n = check.integer("randperm", "n", n, 0, arguments.INT64.max)
        return self._generator.permutation(n).astype(np.int64, copy=False)

    def bernoulli(self, p, shape):
        """Draw True with probability `p`, an ndarray of bool."""
        p, shape = arguments.probability("bernoulli", p), check.shape("bernoulli", "shape", shape)
        return np.asarray(self._generator.random(shape) < p)

    def bernoulli_each(self, p):
        """Draw True with a probability of its own for each element of `p` (float32 or float64), an ndarray of bool."""
        p = arguments.probabilities("bernoulli_each", p)
        return np.asarray(self._generator.random(p.shape, p.dtype) < p)

    def random_int64(self, shape=()):
        """Draw whole numbers 0, ..., 2**63 - 1, an ndarray of int64."""
        shape = check.shape("random_int64", "shape", shape)
        return np.asarray(self._generator.integers(0, 2**63, shape, np.int64))

    def get_state(self):
        """All that is needed to go on from here: ``kind`` ("numpy") and ``bit_generator``, NumPy's own dict.

        Examples
        --------
        >>> rng = NumpyGenerator(np.random.default_rng(0))
        >>> saved = rng.get_state()
        >>> bool((rng.rand(3) == NumpyGenerator.from_state(saved).rand(3)).all())
        True
        """
        return {"kind": "numpy", "bit_generator": self._generator.bit_generator.state}

    def set_state(self, state):
        """Go on from a state that `get_state` of a generator on the same kind of stream gave; anything else changes nothing."""
        stream = self._generator.bit_generator
        kind = next((name for name in states.STREAMS if isinstance(stream, getattr(np.random, name))), None)
        states.check_numpy("set_state", "state", state, kind, type(stream).__name__)
        stream.state = state["bit_generator"]

    @classmethod
    def from_state(cls, state):
        """A new generator that goes on from a state that `get_state` gave; anything else raises TypeError or ValueError."""
        states.check_any_numpy("from_state", "state", state)
        rng = cls(np.random.Generator(getattr(np.random, state["bit_generator"]["bit_generator"])(0)))
        rng.set_state(state)
        return rng
