"""Randomness: torch's stream from an integer seed, or any NumPy generator.

Nothing else in the package draws random numbers by itself: initializers, samplers, loaders and dropout are handed a generator,
and call its `rand`, `uniform`, `normal`, `randint`, `randperm`, `bernoulli`, `bernoulli_each` and `random_int64`. An integer seed
means torch's stream, so a run can be compared with torch's number by number.
"""

import numbers

import numpy as np

from ... import check
from .numpy_generator import NumpyGenerator
from .torch_generator import TorchGenerator

__all__ = ["NumpyGenerator", "TorchGenerator", "generator"]


@check.public
def generator(rng):
    """The generator that `rng` means.

    Parameters
    ----------
    rng : int, None, numpy.random.Generator, TorchGenerator or NumpyGenerator
        A seed for torch's stream; None for a stream that nobody can repeat; a NumPy generator, which is wrapped; or a generator
        of this package, which is returned as it is.

    Returns
    -------
    TorchGenerator or NumpyGenerator

    Raises
    ------
    TypeError
        For anything else, a bool included.
    ValueError
        For a seed outside -2**63 .. 2**64 - 1.

    Examples
    --------
    >>> generator(0)
    TorchGenerator(seed=0, words_drawn=0)
    >>> generator(np.random.Generator(np.random.Philox(1)))
    NumpyGenerator(Philox)
    """
    if isinstance(rng, (TorchGenerator, NumpyGenerator)):
        return rng
    if rng is None:
        return NumpyGenerator(np.random.default_rng())
    if isinstance(rng, np.random.Generator):
        return NumpyGenerator(rng)
    if isinstance(rng, numbers.Integral) and not isinstance(rng, (bool, np.bool_)):
        return TorchGenerator(rng)
    allowed = "an int (a seed), None, a numpy.random.Generator, a TorchGenerator or a NumpyGenerator"
    raise TypeError(f"generator: rng = {check.said(rng)} is of type {type(rng).__name__}; allowed: {allowed}")
