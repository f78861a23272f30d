"""Rows that are pooled from the rows of their tokens: the words of a name, the parts of a molecule."""

import numpy as np

from ... import check
from ...embedding.bags import embedding_bag, embedding_bag_vjp
from ...embedding.rows import RowSparse, gather
from ...numerics.random import generator
from .. import Embedding, Lookup, to_state
from ..state import WEIGHT
from .make import make
from .representation import Representation, passed_on

TABLE = "embedding_bag.weight"
"""PyKEEN's name of the table."""


@check.public
class EmbeddingBagRepresentation(Representation):
    """The sum, mean or maximum of the rows of an id's tokens.

    What has no token is a row of zeros, with no gradient. (PyKEEN's fails as soon as one such id is asked for, and its `from_iter` is
    short of those at the end.)

    Parameters
    ----------
    assignment : integers (n, 2), pairs of an id and one of its tokens
        In any order; a pair that comes twice counts twice.
    max_id : int, the number of ids; None for one more than the largest in `assignment`
    mode : "mean", "sum" or "max"
    shape : int or tuple of int, the shape of a row
    embedding_bag_kwargs : dict
        Options of the `Embedding` of the tokens: its ``max_id`` (one more than the largest in `assignment`), initializer, constrainer,
        trainable and dtype.
    compat, rng, options : as in `Representation`

    References
    ----------
    pykeen.nn.representation.EmbeddingBagRepresentation (1.11.1).

    Examples
    --------
    >>> bag = EmbeddingBagRepresentation.from_iter([[0, 2], [], [1]], shape=2, mode="sum", embedding_bag_kwargs={"initializer": "ones"})
    >>> bag().tolist()
    [[2.0, 2.0], [0.0, 0.0], [1.0, 1.0]]
    """

    def __init__(
        self, assignment, max_id=None, mode="mean", shape=64, embedding_bag_kwargs=None, *, compat=None, rng=None, **options
    ):
        name, rng, options = type(self).__name__, generator(rng), passed_on(type(self), options)
        self.mode = check.choice(name, "mode", mode, ("sum", "mean", "max"))
        given = check.keywords(name, "embedding_bag_kwargs", embedding_bag_kwargs)
        largest = np.iinfo(np.int64).max
        max_id = None if max_id is None else check.integer(name, "max_id", max_id, minimum=0)
        pairs = check.columns(name, assignment, "assignment", id=largest if max_id is None else max_id, token=largest)
        ids, tokens = pairs[np.argsort(pairs[:, 0], kind="stable")].T
        max_id = int(ids.max(initial=-1)) + 1 if max_id is None else max_id
        self._tokens, self._starts = tokens, np.searchsorted(ids, np.arange(max_id + 1))
        found = int(tokens.max(initial=-1)) + 1
        for option in given:
            if option not in ALLOWED:
                raise check.unknown(name, "embedding_bag_kwargs", option, ALLOWED)
        if check.integer(name, "embedding_bag_kwargs['max_id']", given.setdefault("max_id", found), minimum=0) < found:
            said = f"embedding_bag_kwargs['max_id'] = {given['max_id']}"
            raise ValueError(f"{name}: {said} is too small for token {found - 1}; allowed: {found} or more")
        table = make(Embedding, given, function=name, argument="embedding_bag", rng=rng, shape=shape)
        if mode == "max" and table.dtype.kind == "c":
            raise TypeError(
                f"{name}: dtype = {table.dtype} is given with mode = 'max'; allowed: a real one, complex numbers have no order"
            )
        super().__init__(max_id, table.shape, {"embedding_bag": table}, compat=compat, rng=rng, **options)

    @classmethod
    def from_iter(cls, xss, **options):
        """The representation of as many ids as there are lists of tokens in `xss`; an empty one is a row of zeros.

        >>> EmbeddingBagRepresentation.from_iter([[0], [0, 1], []], shape=2).max_id
        3
        """
        xss = [list(xs) for xs in xss]
        pairs = [(i, token) for i, xs in enumerate(xss) for token in xs]
        assignment = pairs or np.zeros((0, 2), np.int64)
        return cls(**{"assignment": assignment, "max_id": len(xss), **options})

    @property
    def table(self):
        """The `Embedding` of the tokens."""
        return self.children["embedding_bag"]

    @property
    def assignment(self):
        """The pairs of an id and one of its tokens, int64 (n, 2), by id."""
        return np.stack([np.repeat(np.arange(self.max_id), np.diff(self._starts)), self._tokens], axis=1)

    def _unique_unless_told(self):
        return not self.compat and super()._unique_unless_told()

    def table_lookup(self, ids) -> Lookup:
        """Pool the rows of the tokens of these ids."""
        flat = ids.reshape(-1)
        sizes = np.diff(self._starts)[flat]
        offsets = np.append(0, np.cumsum(sizes))
        tokens = self._tokens[np.repeat(self._starts[flat] - offsets[:-1], sizes) + np.arange(offsets[-1])]
        touched, places = np.unique(tokens, return_inverse=True)
        rows = gather(self.table.weight, touched)
        options = {"mode": self.mode, "include_last_offset": True}

        def pull(grad_output=None, grad_term=0.0):
            if grad_output is None:
                return []
            drows = embedding_bag_vjp(grad_output.reshape(len(flat), *self.shape), rows, places, offsets, **options)
            return [(self.table, RowSparse(touched[drows.rows], drows.values, self.table.max_id))]

        output = embedding_bag(rows, places, offsets, **options)
        return Lookup(output.reshape(ids.shape + self.shape), lambda: self.dtype.type(0).real, pull)

    def state_dict(self):
        """The assignment and the table of the tokens, copies, under PyKEEN's names."""
        return {**self._own_state(), "assignment": self.assignment, TABLE: to_state(self.table)[WEIGHT]}

    def tables_of(self, function, state):
        """The table that a state holds; its assignment has to be the one that is there already, in any order."""
        if not callable(getattr(state, "keys", None)):
            raise TypeError(f"{function}: state is a {type(state).__name__}; allowed: a dict of arrays by name")
        state = dict(state)
        if "assignment" in state:
            given = np.asarray(state.pop("assignment"))
            if sorted(given.tolist()) != sorted(self.assignment.tolist()):
                raise ValueError(f"{function}: state['assignment'] is another one; allowed: that of the representation")
        return super().tables_of(function, {f"embedding_bag.{WEIGHT}" if name == TABLE else name: x for name, x in state.items()})


ALLOWED = ("max_id", "initializer", "initializer_kwargs", "constrainer", "constrainer_kwargs", "trainable", "dtype", "compat")
"""The options of the tokens' table that have a meaning where its rows are pooled at once."""
