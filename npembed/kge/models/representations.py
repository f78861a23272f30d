"""The two sides of a model, entities and relations: made from what a user writes, drawn in PyKEEN's order, and kept together."""

import math
from operator import itemgetter
from typing import Any

import numpy as np

from ... import check
from ...layers import Embedding, Passes, table_shape
from ...layers.representations import EmbeddingBagRepresentation, each_once, make
from ...numerics import interrupts
from ...numerics.precision import compute_dtype
from ...op import normalize_name

SIDES = ("entity_representations.0", "relation_representations.0")
"""PyKEEN's names of the two."""


@check.public
class Sides:
    """All representations of a model together: its tables, their state, its modes."""

    @property
    def _sides(self: Any):
        return self.entity_representations[0], self.relation_representations[0]

    @property
    def layers(self):
        """All tables, each once: that of the entities and that of the relations, or what these are made of in the end."""
        return tuple(self.named_layers.values())

    @property
    def named_layers(self):
        """The tables by PyKEEN's names, such as ``entity_representations.0``, in the order of `layers`."""
        return named_layers(self._sides)

    @property
    def parts(self):
        """All representations, each once, and before those that they are made of."""
        return each_once(part for side in self._sides for part in side.parts)

    @property
    def _plain(self):
        """Whether entities and relations are two tables without torch's options, which is what `npembed.kge` knows."""
        if len(self.layers) != 2 or self.layers != self._sides:
            return False
        return not any(side.unique or side.apply_only_once or side.not_the_gradient for side in self._sides)

    def reset_parameters_(self: Any):
        """Draw all tables anew, and constrain them."""
        with interrupts.deferred():
            reset_(self._sides, self.rng)

    def state_dict(self):
        """All tables as PyKEEN keeps them, copies, under PyKEEN's names.

        >>> from npembed.kge.datasets import Nations
        >>> from npembed.kge.models import rotate
        >>> {name: array.shape for name, array in rotate(Nations().training, embedding_dim=4).state_dict().items()}
        {'entity_representations.0._embeddings.weight': (14, 8), 'relation_representations.0._embeddings.weight': (55, 8)}
        """
        return {
            f"{name}.{key}": array
            for name, side in zip(SIDES, self._sides, strict=True)
            for key, array in side.state_dict().items()
        }

    def load_state_dict(self, state):
        """Take over all tables of a state, ours or PyKEEN's; all of it is checked before anything changes."""
        if not callable(getattr(state, "keys", None)):
            raise TypeError(f"load_state_dict: state is a {type(state).__name__}; allowed: a dict of arrays by name")
        parts: dict = {name: {} for name in SIDES}
        for key in state:
            name = next((name for name in SIDES if str(key).startswith(f"{name}.")), None)
            if name is None:
                raise check.unknown("load_state_dict", "state", key, list(self.state_dict()))
            parts[name][key.removeprefix(f"{name}.")] = state[key]
        found = [side.tables_of(f"load_state_dict: {name}", parts[name]) for name, side in zip(SIDES, self._sides, strict=True)]
        with interrupts.deferred():
            for layer, table in (pair for pairs in found for pair in pairs):
                layer.restore(table)

    def post_parameter_update(self):
        """Constrain all tables; to be called after each update."""
        with interrupts.deferred():
            self._pop_regularization_terms()
            for layer in self.layers:
                layer.post_parameter_update()

    def _pop_regularization_terms(self):
        """Forget what was charged before; the next lookup is the first of its batch."""
        for part in self.parts:
            part.pop_regularization_term()

    def train(self, mode=True):
        """Switch dropout on (or off) everywhere; returns the model."""
        for side in self._sides:
            side.train(mode)
        return self

    def eval(self):
        """Switch dropout off everywhere; returns the model."""
        return self.train(False)


def make_sides(sides, rng):
    """The representation of each side, drawn as PyKEEN draws it.

    A representation that was made before keeps its rows; from then on it draws from `rng` as well.

    Parameters
    ----------
    sides : dict of str to (int, choice, options)
        For "entity" and "relation": how many there are, and what was asked for.
    rng : generator

    Returns
    -------
    list of representations
    """
    asked = [(side, n, *_one(side, choice, options)) for side, (n, choice, options) in sides.items()]
    tables = all(choice is None for _, _, choice, _ in asked)
    for side, _, choice, options in asked:
        if choice is None:
            _check_options(side, options)
    if tables:
        drawn = [_numbers(n, options) for _, n, _, options in asked]
        for size, dtype in drawn + drawn:  # as torch.nn.Embedding does, once in its constructor, and once when it is reset
            rng.normal((size,), dtype=dtype)
        return [Embedding(n, rng=rng, **options) for _, n, _, options in asked]
    before = rng.get_state()
    made = [
        make(choice, options, function="ERModel", argument=f"{side}_representations", rng=rng, max_id=n)
        for side, n, choice, options in asked
    ]
    for (side, n, *_), one in zip(asked, made, strict=True):
        if one.max_id != n:
            found = f"{side}_representations has {one.max_id} rows"
            raise ValueError(f"ERModel: {found}; allowed: {n}, one for each (a subset has fewer)")
    parts = [part for one in made for part in one.parts]
    if all(part.rng is rng for part in parts):
        rng.set_state(before)
        _draw_as_torch(named_layers(made).values(), rng)
        reset_(made, rng)
    for part in parts:
        part.rng = rng
    return made


def named_layers(sides):
    """The tables of both sides, each once, under PyKEEN's names and in PyKEEN's order.

    >>> list(named_layers([Embedding(3, 2), Embedding(1, 2)]))
    ['entity_representations.0', 'relation_representations.0']
    """
    found = [named for name, side in zip(SIDES, sides, strict=True) for named in _below(name, side)]
    first = {id(layer): name for name, layer in reversed(found)}
    return {name: layer for name, layer in found if first[id(layer)] == name}


def reset_(sides, rng):
    """Draw all tables anew, in the order of PyKEEN: what lies deeper comes first, and torch draws below each of PyKEEN's tables."""
    bags = {id(part.table) for side in sides for part in side.parts if isinstance(part, EmbeddingBagRepresentation)}
    steps = []
    for name, layer in named_layers(sides).items():
        steps.append((name.count("."), layer.reset_parameters))
        if id(layer) not in bags:  # which are torch's own
            steps.append((name.count(".") + 1, lambda layer=layer: _draw_as_torch([layer], rng)))
    for _, step in sorted(steps, key=itemgetter(0), reverse=True):
        step()


def _below(name, one):
    """The tables of a representation, and their names."""
    if one.layers == (one,):
        return [(name, one)]
    return [named for child, below in one.children.items() for named in _below(f"{name}.{child}", below)]


def _draw_as_torch(layers, rng):
    """Draw what torch.nn.Embedding draws before PyKEEN's initializers do."""
    for layer in layers:
        rng.normal((layer.weight.view(layer.weight.real.dtype).size,), dtype=compute_dtype(layer.weight.real.dtype))


def _one(side, choice, options):
    """The one representation that is asked for on a side, which PyKEEN allows to be a list, and its options; a table is None."""
    for what, value in (("", choice), ("_kwargs", options)):
        if isinstance(value, (list, tuple)) and len(value) != 1:
            found = f"{side}_representations{what} is a list of {len(value)}"
            raise ValueError(f"ERModel: {found}; allowed: one, since the interactions take one of each")
    choice = choice[0] if isinstance(choice, (list, tuple)) else choice
    options = options[0] if isinstance(options, (list, tuple)) else options
    if choice is Embedding or (isinstance(choice, str) and normalize_name(choice) == "embedding"):
        choice = None
    if choice is not None and not isinstance(choice, Passes):
        _check_given(side, check.keywords("ERModel", f"{side}_representations_kwargs", options))
    return choice, options


def _check_given(side, options):
    for given in ("max_id", "num_embeddings", "rng"):
        if given in options:
            found = f"{side}_representations_kwargs holds {check.said(given)}"
            source = "random_seed" if given == "rng" else "triples_factory"
            raise TypeError(f"ERModel: {found}; allowed: options of Embedding without it, it comes from {source}")


def _check_options(side, options):
    name = f"{side}_representations_kwargs"
    if not isinstance(options, dict):
        raise TypeError(f"ERModel: {name} is a {type(options).__name__}; allowed: a dict such as dict(embedding_dim=50)")
    _check_given(side, options)
    check.options("ERModel", name, options, Embedding)


def _numbers(n, options):
    """How many real numbers a table holds, and of which dtype."""
    dtype = check.dtype("Embedding", "dtype", options.get("dtype") or np.float32)
    shape = table_shape(n, options.get("embedding_dim"), None, options.get("shape"))
    return math.prod(shape) * (2 if dtype.kind == "c" else 1), compute_dtype(np.empty(0, dtype).real.dtype)
