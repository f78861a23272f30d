"""What a layer is, as arrays under PyKEEN's names: to be saved, and to be carried to PyKEEN or torch and back.

PyKEEN keeps a table as a real matrix ``(N, D)``; a complex one as ``(N, 2 D)``, real and imaginary parts in turn.
"""

import math

import numpy as np

from .. import check

WEIGHT = "_embeddings.weight"
TORCH_WEIGHT = "weight"
REGULARIZER = ("regularizer.weight", "regularizer.regularization_term")


@check.public
def to_state(layer):
    """The state of a layer: `WEIGHT`, a copy, and the two numbers that PyKEEN keeps for a regularizer, if there is one.

    Returns
    -------
    dict of str to ndarray

    Examples
    --------
    >>> from npembed import Embedding
    >>> to_state(Embedding(1, 2, initializer="ones", dtype="complex64"))
    {'_embeddings.weight': array([[1., 1., 1., 1.]], dtype=float32)}
    """
    width = math.prod(layer.shape) * (2 if layer.dtype.kind == "c" else 1)
    state = {WEIGHT: layer.weight.copy().view(layer.dtype.type(0).real.dtype).reshape(layer.max_id, width)}
    if getattr(layer, "regularizer", None) is not None:
        weight = (layer.choices["regularizer"][1] or {}).get("weight", 1.0)
        state |= zip(REGULARIZER, (np.float32(weight)[...], np.zeros(1, np.float32)), strict=True)
    return state


@check.public
def from_state(function, layer, state):
    """The table that a state holds, checked against the layer that is to take it.

    Parameters
    ----------
    function : who asks, for error messages
    layer : Embedding
    state : mapping of str to array, as `to_state` gives it, or ``state_dict()`` of PyKEEN's class or of torch's
        Anything that NumPy reads as an array, such as a torch tensor on the CPU. The numbers of a regularizer are not read.

    Returns
    -------
    ndarray (N, *shape), a copy

    Raises
    ------
    KeyError, ValueError, TypeError
        For a state that lacks the table, holds something else, or is of another shape or dtype.
    """
    if not callable(getattr(state, "keys", None)):
        raise TypeError(f"{function}: state is a {type(state).__name__}; allowed: a dict of arrays by name")
    known = (WEIGHT, *REGULARIZER, TORCH_WEIGHT)
    for name in state:
        if name not in known:
            raise check.unknown(function, "state", name, known)
    if (WEIGHT in state) == (TORCH_WEIGHT in state):
        found = f"state holds both {WEIGHT!r} and {TORCH_WEIGHT!r}" if WEIGHT in state else f"state lacks {WEIGHT!r}"
        raise KeyError(f"{function}: {found}; allowed: what state_dict() of such a layer gave, here, in PyKEEN or in torch")
    name = WEIGHT if WEIGHT in state else TORCH_WEIGHT
    given = check.readable(function, f"state[{name!r}]", state[name], "an array")
    real = layer.dtype.type(0).real.dtype
    shape = (layer.max_id, math.prod(layer.shape) * (2 if layer.dtype.kind == "c" else 1))
    check.like(function, f"state[{name!r}]", given, shape, real, "the table as a real matrix")
    return np.array(given, order="C").view(layer.dtype).reshape(layer.max_id, *layer.shape)
