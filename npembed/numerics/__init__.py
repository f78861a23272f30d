"""How numbers are moved (`kernels`), added (`sums`, `exact`, `double_double`), rounded (`precision`, `kinks`) and drawn (`random`)."""

from .random import NumpyGenerator, TorchGenerator, generator

__all__ = ["NumpyGenerator", "TorchGenerator", "generator"]
