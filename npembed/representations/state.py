"""What a representation is, as arrays under PyKEEN's names: those of its children with the child's name before them."""

import numpy as np

from .. import check
from ..layer import from_state
from ..layer.state import REGULARIZER


def to_state(representation):
    """The state of a representation: of all its tables, and of what it keeps of its own.

    Returns
    -------
    dict of str to ndarray

    Examples
    --------
    >>> from npembed import Embedding
    >>> from npembed.representations import SubsetRepresentation
    >>> {name: array.shape for name, array in to_state(SubsetRepresentation(2, base=Embedding(3, 4))).items()}
    {'base._embeddings.weight': (3, 4)}
    """
    if representation.layers == (representation,):
        return representation.state_dict()
    state: dict = {}
    if representation.regularizer is not None:
        weight = (representation.choices["regularizer"][1] or {}).get("weight", 1.0)
        state |= zip(REGULARIZER, (np.float32(weight)[...], np.zeros(1, np.float32)), strict=True)
    for name, child in representation.children.items():
        state |= {f"{name}.{key}": value for key, value in to_state(child).items()}
    return state


def tables_of(function, representation, state):
    """The tables that a state holds, checked against the representation that is to take them.

    Parameters
    ----------
    function : who asks, for error messages
    representation : an `Embedding`, or what is made of some
    state : mapping of str to array, as `to_state` gives it, or PyKEEN's ``state_dict()``

    Returns
    -------
    list of (Embedding, ndarray)

    Raises
    ------
    KeyError, ValueError, TypeError
        As `npembed.layer.from_state`.

    Examples
    --------
    >>> from npembed import Embedding
    >>> layer = Embedding(3, 4)
    >>> [(found is layer, table.shape) for found, table in tables_of("example", layer, layer.state_dict())]
    [(True, (3, 4))]
    """
    if representation.layers == (representation,):
        return [(representation, from_state(function, representation, state))]
    if not callable(getattr(state, "keys", None)):
        raise TypeError(f"{function}: state is a {type(state).__name__}; allowed: a dict of arrays by name")
    parts: dict = {name: {} for name in representation.children}
    for name in state:
        child = next((child for child in parts if str(name).startswith(f"{child}.")), None)
        if child is not None:
            parts[child][name.removeprefix(f"{child}.")] = state[name]
        elif name not in REGULARIZER:
            raise check.unknown(function, "state", name, list(to_state(representation)))
    return [
        pair for name, child in representation.children.items() for pair in tables_of(f"{function}: {name}", child, parts[name])
    ]


def restore_(function, representation, state):
    """Put the tables of a state into a representation, once all of it is known to fit."""
    for layer, table in tables_of(function, representation, state):
        layer.restore(table)
