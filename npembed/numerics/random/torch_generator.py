"""torch's CPU generator, replayed from its seed.

torch draws 32-bit words from the Mersenne Twister; told here is how it turns them into numbers. It is torch 2.13 on an x86-64
processor with AVX2 and FMA; with ``ATEN_CPU_CAPABILITY=default`` torch itself rounds otherwise. float64 normal numbers, and
float32 ones by fewer than sixteen, go through log, sin and cos of the C library: there equal bits are promised where Python runs
on the library that torch ran on. Tensors are filled in the order of memory, so every one counts as contiguous here.
"""

import math

import numpy as np

from ... import check
from . import arguments, float32_math, float64_math, states
from .word_stream import WordStream

_BLOCK = 16
_WIDE_RANGE = 2**28
_LONGEST_PERMUTATION = (2**32 - 1) // 20 - 1


@check.public
class TorchGenerator:
    """The numbers of ``torch.manual_seed(seed)``, without torch.

    Each method names the torch call that it replays. A `shape` is an int or a tuple of ints; an empty one draws nothing. Other
    arguments than those listed raise a TypeError or a ValueError, and then nothing is drawn either.

    Parameters
    ----------
    seed : int
        -2**63 .. 2**64 - 1, else a TypeError or ValueError. The low 32 bits are used, so seeds that share them give one stream.

    References
    ----------
    torch/include/ATen/core/DistributionsHelper.h (`randint`: uniform_int_from_to_distribution);
    torch/include/ATen/native/cpu/DistributionTemplates.h (`uniform`: uniform_kernel).

    Examples
    --------
    >>> rng = TorchGenerator(0)
    >>> rng.rand(3)  # torch.manual_seed(0); torch.rand(3)
    array([0.4962566 , 0.7682218 , 0.08847743], dtype=float32)
    >>> rng
    TorchGenerator(seed=0, words_drawn=3)
    """

    def __init__(self, seed):
        self._stream = WordStream(seed)
        self._next_normal = None

    def __repr__(self):
        return f"TorchGenerator(seed={self._stream.seed}, words_drawn={self._stream.words_drawn})"

    def rand(self, shape, dtype=np.float32):
        """Draw uniformly from [0, 1): torch.rand.

        Parameters
        ----------
        shape : int or tuple of int
        dtype : float32 or float64
            A float32 takes one word of the stream, a float64 two.

        Returns
        -------
        ndarray of `dtype`, shape `shape`

        Examples
        --------
        >>> TorchGenerator(0).rand((1, 2), np.float64)
        array([[0.970053  , 0.70781986]])
        """
        shape, dtype = check.shape("rand", "shape", shape), arguments.real_dtype("rand", dtype)
        return self._stream.fractions(math.prod(shape), dtype).reshape(shape)

    def uniform(self, shape, low=0.0, high=1.0, dtype=np.float32):
        """Draw uniformly from [low, high): torch.Tensor.uniform_.

        ``u * (high - low) + low``, the bounds rounded to `dtype` first, product and sum rounded once. What rounds to `high`
        becomes `low`.

        Parameters
        ----------
        shape : int or tuple of int
        low, high : float
            Finite in `dtype`, low <= high.
        dtype : float32 or float64

        Returns
        -------
        ndarray of `dtype`, shape `shape`

        Examples
        --------
        >>> TorchGenerator(0).uniform(2, -1.0, 1.0)  # torch.manual_seed(0); torch.empty(2).uniform_(-1, 1)
        array([-0.00748682,  0.5364436 ], dtype=float32)
        """
        shape, dtype = check.shape("uniform", "shape", shape), arguments.real_dtype("uniform", dtype)
        low, high = map(dtype.type, arguments.interval("uniform", low, high, dtype))
        fma = float32_math.fma if dtype == np.float32 else float64_math.fma
        x = fma(self._stream.fractions(math.prod(shape), dtype), high - low, low)
        return np.where(x == high, low, x).reshape(shape)

    def normal(self, shape, mean=0.0, std=1.0, dtype=np.float32):
        """Draw from the normal distribution: torch.randn and torch.Tensor.normal_.

        Box and Muller's pairs ``r cos(theta)``, ``r sin(theta)``, each ``* std + mean``, rounded once. Sixteen numbers or more
        are made in `dtype` by blocks of sixteen, eight cosines before their sines; if the last block is short, the last sixteen
        numbers are drawn anew. Fewer than sixteen are made one after the other, in float64 whatever the dtype, and a sine left
        over is kept for the next such call, however many other draws come between.

        Parameters
        ----------
        shape : int or tuple of int
        mean, std : float
            Finite in `dtype`, std >= 0.
        dtype : float32 or float64

        Returns
        -------
        ndarray of `dtype`, shape `shape`

        References
        ----------
        torch/include/ATen/native/cpu/DistributionTemplates.h, normal_kernel and normal_fill;
        torch/include/ATen/core/DistributionsHelper.h, normal_distribution;
        Box and Muller, A note on the generation of random normal deviates, 1958, doi:10.1214/aoms/1177706645.

        Examples
        --------
        >>> TorchGenerator(0).normal(3)  # torch.manual_seed(0); torch.randn(3)
        array([ 1.5409961, -0.2934289, -2.1787894], dtype=float32)
        """
        shape, dtype = check.shape("normal", "shape", shape), arguments.real_dtype("normal", dtype)
        mean, std = arguments.location_scale("normal", mean, std, dtype)
        n = math.prod(shape)
        x = self._few_normal(n, mean, std, dtype) if n < _BLOCK else self._many_normal(n, mean, std, dtype)
        return x.reshape(shape)

    def _few_normal(self, n, mean, std, dtype):
        """`n` normal numbers by way of float64, the one left over from last time first."""
        kept = [] if self._next_normal is None else [self._next_normal]
        u = self._stream.fractions(2 * -(-(n - len(kept)) // 2), np.float64).reshape(-1, 2)
        x = np.concatenate([kept, np.stack(float64_math.box_muller_log1p(u[:, 1], u[:, 0]), axis=1).ravel()])
        self._next_normal = float(x[n]) if len(x) > n else None
        with np.errstate(over="ignore"):
            return float64_math.fma(x[:n], std, mean).astype(dtype)

    def _many_normal(self, n, mean, std, dtype):
        """`n` normal numbers, sixteen or more, in `dtype` throughout."""
        of_dtype = float32_math if dtype == np.float32 else float64_math
        rest = n % _BLOCK
        u = self._stream.fractions(n, dtype)
        if rest:
            u = np.concatenate([u[: n - rest], self._stream.fractions(_BLOCK, dtype)])
        u = u.reshape(-1, 2, _BLOCK // 2)
        x = np.stack(of_dtype.box_muller(u[:, 0], u[:, 1]), axis=1).ravel()
        x = of_dtype.fma(x, dtype.type(std), dtype.type(mean))
        return np.concatenate([x[: n - _BLOCK], x[-_BLOCK:]]) if rest else x

    def randint(self, low, high, shape):
        """Draw whole numbers low, ..., high - 1: torch.randint.

        ``low + w mod (high - low)`` with a word w of 32 bits, or of 64 where high - low is 2**28 or more.

        Parameters
        ----------
        low, high : int
            int64, low < high.
        shape : int or tuple of int

        Returns
        -------
        ndarray of int64, shape `shape`

        Examples
        --------
        >>> TorchGenerator(0).randint(0, 10, 5)
        array([4, 9, 3, 0, 3])
        """
        (low, high), shape = arguments.integers("randint", low, high), check.shape("randint", "shape", shape)
        n, size = math.prod(shape), high - low
        words = self._stream.long_words(n) if size >= _WIDE_RANGE else self._stream.words(n).astype(np.uint64)
        # Added as uint64, where it wraps: high - low may exceed int64.
        return (words % np.uint64(size) + np.uint64(low & 0xFFFFFFFFFFFFFFFF)).view(np.int64).reshape(shape)

    def randperm(self, n):
        """Draw a permutation of 0, ..., n - 1: torch.randperm.

        Each place i but the last is swapped with place ``i + w mod (n - i)``.

        Parameters
        ----------
        n : int
            0 .. 214748363 (beyond it torch takes another way).

        Returns
        -------
        ndarray of int64, shape ``(n,)``

        Examples
        --------
        >>> TorchGenerator(0).randperm(4)
        array([0, 1, 3, 2])
        """
        n = check.integer("randperm", "n", n, 0, _LONGEST_PERMUTATION)
        left = np.arange(n, 1, -1, dtype=np.uint32)
        order = list(range(n))
        for i, step in enumerate((self._stream.words(len(left)) % left).tolist()):
            order[i], order[i + step] = order[i + step], order[i]
        return np.array(order, dtype=np.int64)

    def bernoulli(self, p, shape):
        """Draw True with probability `p`: torch.Tensor.bernoulli_(p), and the mask of dropout.

        ``u < p`` with u in float64, whatever the tensor's dtype. Dropout keeps with p = 1 - rate; at the rates 0 and 1, and in
        evaluation, torch's dropout draws nothing.

        Parameters
        ----------
        p : float
            In [0, 1].
        shape : int or tuple of int

        Returns
        -------
        ndarray of bool, shape `shape`

        Examples
        --------
        >>> TorchGenerator(0).bernoulli(0.9, 4)
        array([False,  True,  True, False])
        """
        p, shape = arguments.probability("bernoulli", p), check.shape("bernoulli", "shape", shape)
        return (self._stream.fractions(math.prod(shape), np.float64) < p).reshape(shape)

    def bernoulli_each(self, p):
        """Draw True with a probability of its own for each element of p, in its shape: torch.bernoulli(p).

        ``u < p`` with u in the dtype of p: for float32 other numbers than `bernoulli` draws.

        Parameters
        ----------
        p : ndarray of float32 or float64
            Each in [0, 1].

        Examples
        --------
        >>> TorchGenerator(0).bernoulli_each(np.array([0.4, 0.8, 0.1], np.float32))
        array([False,  True,  True])
        """
        p = arguments.probabilities("bernoulli_each", p)
        return np.asarray(self._stream.fractions(p.size, p.dtype).reshape(p.shape) < p)

    def random_int64(self, shape=()):
        """Draw whole numbers 0, ..., 2**63 - 1: torch.empty(shape, dtype=torch.int64).random_(), the seed of a DataLoader.

        Returns
        -------
        ndarray of int64, shape `shape`

        Examples
        --------
        >>> print(TorchGenerator(0).random_int64())
        900450186894289455
        """
        shape = check.shape("random_int64", "shape", shape)
        return (self._stream.long_words(math.prod(shape)) & np.uint64(2**63 - 1)).view(np.int64).reshape(shape)

    def get_state(self):
        """All that is needed to go on from here, bit for bit.

        Returns
        -------
        dict
            ``kind`` ("torch"), ``seed``, ``words_drawn``, ``key`` (ndarray of 624 uint32), ``position`` (0 to 624) and
            ``next_normal`` (a float or None). A list in place of the array, as JSON gives it back, is as good.

        Examples
        --------
        >>> rng = TorchGenerator(0)
        >>> saved = rng.get_state()
        >>> bool((rng.rand(3) == TorchGenerator.from_state(saved).rand(3)).all())
        True
        """
        return {"kind": "torch", **self._stream.get_state(), "next_normal": self._next_normal}

    def set_state(self, state):
        """Go on from a state that `get_state` gave; anything else raises TypeError or ValueError and changes nothing."""
        states.check_torch("set_state", "state", state)
        self._stream.set_state(state)
        self._next_normal = None if state["next_normal"] is None else float(state["next_normal"])

    @classmethod
    def from_state(cls, state):
        """A new generator that goes on from a state that `get_state` gave; anything else raises TypeError or ValueError."""
        states.check_torch("from_state", "state", state)
        rng = cls(0)
        rng.set_state(state)
        return rng
