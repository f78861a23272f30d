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


def normalize_name(name):
    """`name` as registries compare it: lower case, without ``_``, ``-`` and spaces.

    >>> normalize_name("Xavier-Uniform_")
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
    meant = normalize_name(name), normalize_name(name).removesuffix(normalize_name(suffix or argument))
    for key in registry:
        if normalize_name(key) in meant:
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
