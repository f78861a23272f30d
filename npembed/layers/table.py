"""`Table`: the rows of a layer, how they come about and what may change them; `Embedding` and `EmbeddingBag` are tables."""

import math

import numpy as np

from .. import check
from ..embedding.bags.arguments import padding_row
from ..embedding.initializers import initializer as choose_initializer
from ..embedding.lookup import post_step_
from ..embedding.max_norm import renorm_
from ..embedding.row_maps import CONSTRAINERS
from ..embedding.rows import RowSparse, gather
from ..numerics import interrupts
from ..numerics.precision import compute_dtype
from ..numerics.random import generator
from .choose import choose
from .modes import Modes
from .state import from_state, to_state


@check.public
class Table(Modes):
    """A trainable table ``(N, *shape)``; a class with a lookup of its own calls `_make` and `_begin` in its constructor.

    Attributes
    ----------
    weight : ndarray (N, *shape)
    grad : RowSparse, or None
    max_id, num_embeddings : int, N
    shape : tuple of int; embedding_dim : int, the numbers in a row
    trainable, training : bool
    choices : dict
        What was asked for as initializer, constrainer and so on, each with its options.
    """

    def _make(
        self, max_id, shape, *, dtype, trainable, initializer, initializer_kwargs, constrainer, constrainer_kwargs, padding_idx, max_norm,
        norm_type, scale_grad_by_freq, sparse, compat, rng,
    ):  # fmt: skip
        """Check the options that all tables have, and draw the rows."""
        name = type(self).__name__
        flags = {"scale_grad_by_freq": scale_grad_by_freq, "sparse": sparse, "trainable": trainable}
        self.scale_grad_by_freq, self.sparse, self._trainable = (
            bool(check.choice(name, flag, value, (True, False))) for flag, value in flags.items()
        )
        self.max_id, self.shape, self.dtype, self.compat = max_id, tuple(shape), dtype, compat
        self.max_norm = None if max_norm is None else check.real(name, "max_norm", max_norm, minimum=0)
        self.norm_type = check.real(name, "norm_type", norm_type, minimum=1, finite=False)
        self.padding_idx = padding_row(name, padding_idx, max_id)
        pykeen = "pykeen" if compat == "pykeen" else None
        self._initializer = choose_initializer(initializer, initializer_kwargs, compat=pykeen, function=name)
        self._pretrained = isinstance(initializer, np.ndarray)
        self.constrainer = choose(
            CONSTRAINERS, constrainer, constrainer_kwargs, shape=self.shape, dtype=dtype, compat=pykeen, function=name,
            argument="constrainer",
        )  # fmt: skip
        self.choices = {"initializer": (initializer, initializer_kwargs), "constrainer": (constrainer, constrainer_kwargs)}
        self.rng = generator(rng)
        self.grad = None
        self._weight = check.zeros(name, "shape", (max_id, *self.shape), dtype)
        self.reset_parameters()

    @classmethod
    def from_pretrained(
        cls, array, freeze=None, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False, *,
        trainable=None, **options,
    ):  # fmt: skip
        """A layer whose rows are a copy of `array` ``(N, *shape)``, frozen unless ``freeze=False`` or ``trainable=True``.

        The dtype is that of the array unless given; all options of the class but the sizes and the initializer may be.

        >>> from npembed import Embedding
        >>> Embedding.from_pretrained(np.eye(2)).weight
        array([[1., 0.],
               [0., 1.]])
        """
        check.table("from_pretrained", array, "array")
        for name in (
            "max_id",
            "num_embeddings",
            "embedding_dim",
            "shape",
            "initializer",
            "initializer_kwargs",
            "weight",
            "_weight",
        ):
            if name in options:
                found = f"from_pretrained: {name} = {options[name]!r} is given"
                raise TypeError(f"{found}; allowed: options without it, the array says it")
        check.choice("from_pretrained", "freeze", freeze, (None, True, False))
        check.choice("from_pretrained", "trainable", trainable, (None, True, False))
        if freeze is not None and trainable == freeze:
            raise ValueError(
                f"from_pretrained: freeze = {freeze} and trainable = {trainable} are both given; allowed: one of them"
            )
        options |= {"padding_idx": padding_idx, "max_norm": max_norm, "norm_type": norm_type, "sparse": sparse}
        options |= {
            "scale_grad_by_freq": scale_grad_by_freq,
            "trainable": bool(trainable) or freeze is False,
            "initializer": array,
        }
        sizes = {"num_embeddings": len(array), "dtype": array.dtype, **cls._row(array.shape[1:])}
        return cls(**{**sizes, **options})

    @staticmethod
    def _row(shape):
        """The shape of a row as an argument of the class."""
        return {"embedding_dim": shape}

    @property
    def num_embeddings(self):
        """torch's name for `max_id`."""
        return self.max_id

    @property
    def embedding_dim(self):
        """How many numbers a row has."""
        return math.prod(self.shape)

    @property
    def weight(self):
        """The table ``(N, *shape)``; assigning copies into it."""
        return self._weight

    @weight.setter
    def weight(self, value):
        name = type(self).__name__
        check.like(name, "weight", value, self._weight.shape, self.dtype, "the table")
        if not self.trainable:
            raise ValueError(f"{name}: weight is frozen; allowed: a change after trainable = True")
        self._weight[...] = value

    @property
    def trainable(self):
        """Whether updates may change the table."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        if bool(check.choice(type(self).__name__, "trainable", value, (True, False))) == self._trainable:
            return
        with interrupts.deferred():
            self._trainable = not self._trainable
            self._weight = self._weight.copy()  # so that no view from before can write to a frozen table
            self._weight.flags.writeable = self._trainable

    def reset_parameters(self):
        """Draw the table anew, with zeros for the padding unless the rows are an array's, and constrain it; also a frozen one."""
        weight = self._initializer(self.rng, self._weight.shape, self.dtype)
        if self.padding_idx is not None and not self._pretrained:
            weight[self.padding_idx] = 0
        post_step_(weight, self.constrainer)
        self.restore(weight)

    def restore(self, weight):
        """Put the numbers of `weight`, like the table, into the table, be it frozen or not."""
        with interrupts.deferred():
            self._weight.flags.writeable = True
            self._weight[...] = weight
            self._weight.flags.writeable = self._trainable

    def post_parameter_update(self):
        """Apply the constrainer to the table; to be called after each update. A frozen table stays as it is."""
        if self.trainable:
            post_step_(self._weight, self.constrainer)

    def state_dict(self):
        """The table as PyKEEN keeps it, a copy, under PyKEEN's name; see `npembed.layers.state`.

        >>> from npembed import Embedding
        >>> {name: array.shape for name, array in Embedding(3, 2).state_dict().items()}
        {'_embeddings.weight': (3, 2)}
        """
        return to_state(self)

    def load_state_dict(self, state):
        """Take over the table of a state, ours, PyKEEN's or torch's, in a frozen layer too; it is checked before anything changes."""
        self.restore(from_state("load_state_dict", self, state))

    def rows(self, ids):
        """Copies of the rows that `ids` (checked) name, none longer than `max_norm`; those of a trainable table are shortened there too.

        A frozen table is never written.
        """
        if self.max_norm is None:
            return gather(self._weight, ids)
        touched, place = np.unique(ids, return_inverse=True)
        rows = gather(self._weight, touched)
        renorm_(
            rows, np.arange(len(rows)), max_norm=self.max_norm, norm_type=self.norm_type,
            compat="torch" if self.compat == "torch" else None,
        )  # fmt: skip
        if self.trainable:
            self._weight[touched] = rows
        return rows[place.reshape(ids.shape)]

    @property
    def not_the_gradient(self):
        """The options in force for which what `backward` gives is intentionally not the gradient of the forward pass.

        >>> from npembed import Embedding
        >>> Embedding(3, 2, padding_idx=0, max_norm=1.0).not_the_gradient
        ('max_norm', 'padding_idx')
        """
        options = {
            "max_norm": self.max_norm is not None,
            "padding_idx": self.padding_idx is not None,
            "scale_grad_by_freq": self.scale_grad_by_freq,
        }
        return tuple(name for name, given in options.items() if given)

    def _accumulate(self, gradient):
        """Add a `RowSparse` to `grad`, unless the table is frozen; what the caller then does to it stays with the caller.

        >>> from npembed import Embedding
        >>> layer = Embedding(3, 2)
        >>> layer._accumulate(nothing(layer))
        >>> layer.grad
        RowSparse(rows=[], values=float32 (0, 2), num_rows=3)
        """
        if self.trainable:
            self.grad = (nothing(self) if self.grad is None else self.grad) + gradient

    def export_grad(self):
        """`grad` as other libraries take it: an array ``(N, *shape)``; with `sparse`, ``RowSparse.to_coo()``; None without one."""
        if self.grad is None:
            return None
        return self.grad.to_coo() if self.sparse else self.grad.to_dense()

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._weight.flags.writeable = self._trainable  # which NumPy does not keep in a copy or a pickle


def nothing(table):
    """The gradient of a table of which no row was looked up.

    >>> from npembed import Embedding
    >>> nothing(Embedding(3, 2))
    RowSparse(rows=[], values=float32 (0, 2), num_rows=3)
    """
    return RowSparse(np.arange(0), np.empty((0, *table.shape), table.dtype), table.max_id)


def over_frequency(rows, ids):
    """Each of the `rows` that `ids` name divided by how often its id is among them: what `scale_grad_by_freq` does.

    >>> over_frequency(np.array([[6.0], [6.0], [6.0]]), np.array([4, 0, 4])).tolist()
    [[3.0], [6.0], [3.0]]
    """
    _, place, counts = np.unique(ids, return_inverse=True, return_counts=True)
    counts = counts[place].reshape(ids.shape + (1,) * (rows.ndim - ids.ndim))
    return (rows / counts.astype(compute_dtype(rows.dtype).type(0).real.dtype)).astype(rows.dtype, copy=False)
