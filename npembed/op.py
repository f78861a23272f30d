"""A differentiable thing is a pair of plain functions: ``f(*args)`` and ``f_vjp(g, *args)``.

``f_vjp`` takes ``g``, the gradient of some loss with respect to ``f``'s result, and returns the gradient with respect to each
differentiable argument. It recomputes what it needs from the arguments: there is no tape. For complex numbers the gradient of z
is ``dL/dRe z + i dL/dIm z``, as in torch.

An `Op` ties a pair together; a registry is a plain dictionary of Ops, or of functions where no gradient is needed. `resolve`
finds an entry the way PyKEEN's resolvers do.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import check


class Op(NamedTuple):
    """A function and its hand-written vector-Jacobian product.

    Examples
    --------
    >>> import numpy as np
    >>> square = Op(lambda x: x * x, lambda g, x: 2 * x * g)
    >>> square.vjp(np.array([1.0, 1.0]), np.array([3.0, 4.0]))
    array([6., 8.])
    """

    forward: Callable
    vjp: Callable

    def bind(self, **options):
        """The same pair with keyword arguments filled in.

        >>> Op(lambda x, *, a: a * x, lambda g, x, *, a: a * g).bind(a=3.0).forward(2.0)
        6.0
        """
        if not options:
            return self
        return Op(functools.partial(self.forward, **options), functools.partial(self.vjp, **options))


def plain(name):
    """`name` as registries compare it: lower case, without ``_``, ``-`` and spaces.

    >>> plain("Xavier-Uniform_")
    'xavieruniform'
    """
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def resolve(registry, name, *, function, argument, suffix=None):
    """The key of `registry` that `name` means; case, ``_``, ``-`` and spaces do not count.

    The name of PyKEEN's class is understood too, which ends in `suffix`, or like the argument: ``TransEInteraction``, ``LpRegularizer``.

    Raises
    ------
    UnknownNameError
        Lists what is known.

    Examples
    --------
    >>> resolve({"clamp_norm": None}, "ClampNorm", function="Embedding", argument="constrainer")
    'clamp_norm'
    """
    if not isinstance(name, str):
        raise TypeError(f"{function}: {argument} is a {type(name).__name__}; allowed: a name ({check.names(registry)})")
    meant = plain(name), plain(name).removesuffix(plain(suffix or argument))
    for key in registry:
        if plain(key) in meant:
            return key
    raise check.unknown(function, argument, name, list(registry))


def unbroadcast(d, shape):
    """Sum the gradient `d` of a broadcast argument back to the argument's own `shape`.

    >>> import numpy as np
    >>> unbroadcast(np.ones((5, 3)), (1, 3))
    array([[5., 5., 5.]])
    """
    d = d.sum(axis=tuple(range(d.ndim - len(shape))))
    return d.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1 and d.shape[i] != 1), keepdims=True)


EDGE = {"stop": 0.0, "pass": 1.0, "half": 0.5}
"""What share of a gradient passes where a bound is met exactly, by convention."""


def hinge_slope(x, edge):
    """The slope of ``relu(x)``: 1 above zero, 0 below, and at zero what `EDGE` says.

    >>> import numpy as np
    >>> hinge_slope(np.array([-2.0, 0.0, 3.0]), "half")
    array([0. , 0.5, 1. ])
    """
    return (x > 0) + EDGE[edge] * (x == 0)


def arithmetic(dtype):
    """The dtype in which numbers of `dtype` are added up and stepped: float32 for float16, which is for storage; else `dtype`.

    Sums, steps, moments, masks and scores of float16 tables are float32. What goes back into float16 is rounded once, to the nearest,
    so that 65520 and more becomes infinite, and 2**-25 and less zero. The gradient of a float16 table is float16 too, as in torch: if
    it is smaller, scale the loss.

    >>> arithmetic(np.float16), arithmetic(np.complex128)
    (dtype('float32'), dtype('complex128'))
    """
    return np.dtype(np.float32 if dtype == np.float16 else dtype)


def widened(x):
    """`x` in the dtype of its `arithmetic`; as it is, unless that is another one.

    >>> widened(np.zeros(2, np.float16)).dtype, widened(np.zeros(2, np.complex64)).dtype
    (dtype('float32'), dtype('complex64'))
    """
    return x.astype(arithmetic(x.dtype), copy=False)


def wide(x):
    """`x` in the precision in which row maps and interactions compute: float64 or complex128.

    A float32 result of one map is computed wide and rounded once: right to half an ulp where nothing cancels.

    >>> import numpy as np
    >>> wide(np.zeros(2, np.complex64)).dtype
    dtype('complex128')
    """
    return x.astype(np.result_type(x.dtype, np.float64), copy=False)
