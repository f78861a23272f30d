"""What representations that are made of others have in common: options, modes, and the tables below."""

import inspect

import numpy as np

from ... import check
from ...embedding.row_maps import NORMALIZERS
from ...numerics import interrupts
from ...numerics.random import generator
from .. import Passes, choose, choose_regularizer
from ..arguments import described
from ..state import REGULARIZER


@check.public
class Representation(Passes):
    """Rows made of what `children` say, with PyKEEN's options around it; a kind of it says how in ``table_lookup``.

    Parameters
    ----------
    max_id : int, the number of rows
    shape : tuple of int, the shape of a row
    children : dict of str to representation, under PyKEEN's names
    normalizer, regularizer, dropout : as in `Embedding`, applied to what the children made
    normalizer_kwargs, regularizer_kwargs : dict, options of these
    unique : bool, or None
        Whether an id that is looked up several times is computed once, and then repeated. None: where that makes no difference, which
        is unless there is dropout in it, of which a repeated row would get the same mask, or a regularizer below, which would charge
        for it once.
    compat : None or "pykeen"
        "pykeen" works as PyKEEN 1.11.1: the axes of normalizers, and `unique` unless there is dropout in itself.
    rng : int, generator, or None, for dropout and for children that are made here

    Attributes
    ----------
    children : dict
    layers : tuple of `Embedding`, the tables that it is made of in the end, each once
    parts : tuple, itself and all it is made of, each once, and before its own children
    """

    def __init__(
        self, max_id, shape, children, *, normalizer=None, normalizer_kwargs=None, regularizer=None, regularizer_kwargs=None,
        dropout=None, unique=None, compat=None, rng=None,
    ):  # fmt: skip
        name = type(self).__name__
        self.max_id, self.shape, self.children = max_id, tuple(shape), dict(children)
        self.dtype = same_dtype(name, self.children)
        self.compat = check.choice(name, "compat", compat, (None, "pykeen"))
        self.dropout = None if dropout is None else check.real(name, "dropout", dropout, 0, 1)
        about = {"shape": self.shape, "dtype": self.dtype, "compat": compat, "function": name}
        self.regularizer, self.apply_only_once = choose_regularizer(regularizer, regularizer_kwargs, **about)
        self.normalizer = choose(NORMALIZERS, normalizer, normalizer_kwargs, argument="normalizer", **about)
        self.choices = {"normalizer": (normalizer, normalizer_kwargs), "regularizer": (regularizer, regularizer_kwargs)}
        self.rng = generator(rng)
        if check.choice(name, "unique", unique, (None, True, False)) is None:
            unique = self._unique_unless_told()
        self.unique = bool(unique)
        self._begin()

    def _unique_unless_told(self):
        if self.compat:
            return not self.dropout
        return not any(part.dropout or (part.regularizer is not None and part is not self) for part in self.parts)

    def below(self, child, ids):
        """What a child is asked: for all that it says, or, as PyKEEN does, for its plain rows."""
        return child.table_lookup(ids) if self.compat else child.look_up(ids)

    @property
    def layers(self):
        """The tables that it is made of, each once."""
        found = {id(layer): layer for child in self.children.values() for layer in child.layers}
        return tuple(found.values())

    @property
    def parts(self):
        """Itself and all it is made of, each once, and before its own children."""
        return (self, *each_once(part for child in self.children.values() for part in child.parts))

    def train(self, mode=True):
        """Switch dropout on (or off) in all parts; returns the representation."""
        super().train(mode)
        for child in self.children.values():
            child.train(mode)
        return self

    def reset_parameters(self):
        """Draw all tables anew, and constrain them."""
        with interrupts.deferred():
            for layer in self.layers:
                layer.reset_parameters()

    def post_parameter_update(self):
        """Constrain all tables; to be called after each update."""
        with interrupts.deferred():
            self.pop_regularization_term()
            for layer in self.layers:
                layer.post_parameter_update()

    def state_dict(self):
        """All tables as PyKEEN keeps them, copies, under PyKEEN's names: those of a child with the name of the child before them.

        >>> from npembed import Embedding
        >>> from npembed.layers.representations import SubsetRepresentation
        >>> {name: array.shape for name, array in SubsetRepresentation(2, base=Embedding(3, 4)).state_dict().items()}
        {'base._embeddings.weight': (3, 4)}
        """
        state = self._own_state()
        for name, child in self.children.items():
            state |= {f"{name}.{key}": value for key, value in child.state_dict().items()}
        return state

    def load_state_dict(self, state):
        """Take over all tables of a state, ours or PyKEEN's; all of it is checked before anything changes."""
        found = self.tables_of("load_state_dict", state)
        with interrupts.deferred():
            for layer, table in found:
                layer.restore(table)

    def tables_of(self, function, state):
        """The tables that a state holds, as pairs of a table and its rows, checked and not put in yet; errors name the `function`."""
        if not callable(getattr(state, "keys", None)):
            raise TypeError(f"{function}: state is a {type(state).__name__}; allowed: a dict of arrays by name")
        parts: dict = {name: {} for name in self.children}
        for key in state:
            child = next((child for child in parts if str(key).startswith(f"{child}.")), None)
            if child is not None:
                parts[child][key.removeprefix(f"{child}.")] = state[key]
            elif key not in REGULARIZER:
                raise check.unknown(function, "state", key, list(self.state_dict()))
        found = [child.tables_of(f"{function}: {name}", parts[name]) for name, child in self.children.items()]
        return [pair for pairs in found for pair in pairs]

    def _own_state(self):
        """The two numbers that PyKEEN keeps for a regularizer, if there is one."""
        if self.regularizer is None:
            return {}
        weight = (self.choices["regularizer"][1] or {}).get("weight", 1.0)
        return dict(zip(REGULARIZER, (np.float32(weight)[...], np.zeros(1, np.float32)), strict=True))

    def __repr__(self):
        parts = [f"max_id={self.max_id}", f"shape={self.shape}"]
        parts += [f"{name}={described(*said)}" for name, said in self.choices.items() if said[0] is not None]
        parts += [f"dropout={self.dropout}"] if self.dropout is not None else []
        parts += [f"compat={self.compat!r}"] if self.compat else []
        parts += [f"{name}={child!r}" for name, child in self.children.items()]
        return f"{type(self).__name__}({', '.join(parts)})"


@check.public
def each_once(parts):
    """Of each part the last, so that whatever comes before its children still does.

    >>> from npembed import Embedding
    >>> a, b = Embedding(1, 1), Embedding(2, 1)
    >>> [part.max_id for part in each_once([b, a, b])]
    [1, 2]
    """
    parts = list(parts)
    last = {id(part): i for i, part in enumerate(parts)}
    return tuple(part for i, part in enumerate(parts) if last[id(part)] == i)


def options_of(kind):
    """The names of all options of a class of representations, those of `Representation` included where it passes them on.

    >>> from npembed import Embedding
    >>> options_of(Embedding)[:2]
    ['max_id', 'embedding_dim']
    """
    parameters = inspect.signature(kind).parameters.values()
    own = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
    if len(own) == len(parameters):
        return own
    others = inspect.signature(Representation).parameters.values()
    return own + [p.name for p in others if p.kind is p.KEYWORD_ONLY and p.name not in own]


def passed_on(kind, options):
    """`options` of a class that are to go on to `Representation`, if it knows them."""
    for name in options:
        if name not in options_of(kind):
            raise check.unknown(kind.__name__, "option", name, options_of(kind))
    return options


def same_dtype(function, children):
    """The one dtype of all children.

    >>> from npembed import Embedding
    >>> same_dtype("example", {"base": Embedding(3, 2)})
    dtype('float32')
    """
    (first, dtype), *others = [(name, child.dtype) for name, child in children.items()]
    for name, other in others:
        if other != dtype:
            raise TypeError(f"{function}: {name} has dtype {other}; allowed: {dtype}, the dtype of {first}")
    return dtype


def same_shape(function, shape, found):
    """`found`, the shape of a row, if `shape` is None or says the same."""
    if shape is not None and check.shape(function, "shape", shape) != tuple(found):
        raise ValueError(f"{function}: shape = {shape} does not fit; allowed: {tuple(found)}, what it is made of, or None")
    return tuple(found)


def same_max_id(function, max_id, found, whose):
    """`found`, the number of rows, if `max_id` is None or says the same."""
    if max_id is not None and check.integer(function, "max_id", max_id, minimum=0) != found:
        raise ValueError(f"{function}: max_id = {max_id} does not fit; allowed: {found}, as {whose} has, or None")
    return found
