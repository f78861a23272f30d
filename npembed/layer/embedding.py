"""`Embedding`: a table with PyKEEN's options behind torch's interface, each method one call down to a plain function."""

import math

import numpy as np

from .. import check
from ..embedding import post_step_
from ..initializers import initializer as choose_initializer
from ..random import generator
from ..row_maps import CONSTRAINERS, NORMALIZERS
from ..rows import gather, gather_vjp
from .arguments import described, not_yet, table_shape
from .choose import choose, choose_regularizer
from .passes import Lookup, Passes
from .state import from_state, to_state


class Embedding(Passes):
    """A trainable table of rows: look up, normalize, drop out; pull gradients back; constrain after each update.

    In forward, in this order: ``table[indices]``, then the normalizer, then dropout (`npembed.layer.passes` says it in full). The
    constrainer acts on construction, on `reset_parameters`, and whenever `post_parameter_update` is called, which is to be after each
    change of `weight`.

    Parameters
    ----------
    max_id : int, the number of rows N (or `num_embeddings`)
    embedding_dim : int, the length of a row; for rows of any shape give `shape` instead
    padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse
        Not supported yet.
    num_embeddings : int, another name for `max_id`
    shape : int or tuple of int, the shape of a row; ``()`` for single numbers
    initializer : name, array, or callable; default ``"normal"``
        See `npembed.initializers`.
    constrainer : name or callable
        See `npembed.row_maps.CONSTRAINERS`.
    normalizer : name, Op, or pair (function, vjp)
        See `npembed.row_maps.NORMALIZERS`.
    regularizer : name, Op, or pair (function, vjp)
        See `npembed.regularizers.REGULARIZERS`. In training mode each forward adds what it charges to `regularization_term`.
    initializer_kwargs, constrainer_kwargs, normalizer_kwargs, regularizer_kwargs : dict, options of these
    dropout : float in [0, 1], the share of entries dropped in training mode
    unique : bool
        Whether an id that is looked up several times is copied and normalized once, and then repeated. Each repetition is
        charged for and dropped out by itself.
    trainable : bool
        A frozen table is read-only: only `reset_parameters` and `load_state_dict` change it.
    dtype : float32 (default), float64, complex64 or complex128
    compat : None or "pykeen"
        "pykeen" applies normalizers and constrainers along the axes that PyKEEN 1.11.1 does.
    rng : int, generator, or None
        An int is the seed of torch's generator: ``Embedding(10, 3, rng=0)`` has the weights of
        ``torch.manual_seed(0); torch.nn.Embedding(10, 3)``.

    Attributes
    ----------
    weight : ndarray (N, *shape), the table
    grad : RowSparse, or None
    regularization_term : float of the precision of the table
        What the regularizer charged since `pop_regularization_term`, `zero_grad` or `post_parameter_update`; to be added to the loss.
    max_id, num_embeddings : int, N
    shape : tuple of int; embedding_dim : int, the numbers in a row
    trainable, training : bool
    choices : dict
        For "initializer", "constrainer", "normalizer" and "regularizer": what was asked for, and its options.

    Raises
    ------
    TypeError, ValueError, UnknownNameError
        At once, for anything that cannot work later.

    References
    ----------
    pykeen.nn.representation.Embedding (1.11.1); torch.nn.Embedding (2.13).

    Examples
    --------
    >>> layer = Embedding(10, 3, normalizer="normalize", rng=0)
    >>> out = layer([4, 4, 7])
    >>> layer.backward(np.ones_like(out))
    RowSparse(rows=[4, 7], values=float32 (2, 3), num_rows=10)
    """

    def __init__(
        self, max_id=None, embedding_dim=None, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False,
        sparse=False, *, num_embeddings=None, shape=None, initializer=None, initializer_kwargs=None, constrainer=None,
        constrainer_kwargs=None, normalizer=None, normalizer_kwargs=None, regularizer=None, regularizer_kwargs=None, dropout=None,
        unique=None, trainable=True, dtype=None, compat=None, rng=None,
    ):  # fmt: skip
        if embedding_dim is None and shape is None and padding_idx is not None:
            raise ValueError(
                f"Embedding: embedding_dim is missing, padding_idx = {padding_idx} is given; allowed: torch's order, max_id then "
                f"embedding_dim (PyKEEN's third argument: write embedding_dim={padding_idx})"
            )
        not_yet(
            padding_idx=(padding_idx, None), max_norm=(max_norm, None), norm_type=(norm_type, 2.0, 2), sparse=(sparse, False),
            scale_grad_by_freq=(scale_grad_by_freq, False),
        )  # fmt: skip
        self.max_id, *row = table_shape(max_id, embedding_dim, num_embeddings, shape)
        self.shape = tuple(row)
        self.dtype = check.dtype("Embedding", "dtype", np.float32 if dtype is None else dtype)
        self.compat = check.choice("Embedding", "compat", compat, (None, "pykeen"))
        self.dropout = None if dropout is None else check.real("Embedding", "dropout", dropout, 0, 1)
        self.unique = bool(check.choice("Embedding", "unique", unique, (None, True, False)))
        self._trainable = check.choice("Embedding", "trainable", trainable, (True, False))
        self._initializer = choose_initializer(initializer, initializer_kwargs, function="Embedding")
        about = {"shape": self.shape, "dtype": self.dtype, "compat": compat, "function": "Embedding"}
        self.regularizer = choose_regularizer(regularizer, regularizer_kwargs, **about)
        self.constrainer = choose(CONSTRAINERS, constrainer, constrainer_kwargs, argument="constrainer", **about)
        self.normalizer = choose(NORMALIZERS, normalizer, normalizer_kwargs, argument="normalizer", **about)
        self.choices = {
            "initializer": (initializer, initializer_kwargs),
            "constrainer": (constrainer, constrainer_kwargs),
            "normalizer": (normalizer, normalizer_kwargs),
            "regularizer": (regularizer, regularizer_kwargs),
        }
        self.rng = generator(rng)
        self.grad = None
        self._begin()
        self._weight = np.empty((self.max_id, *self.shape), self.dtype)
        self.reset_parameters()

    @classmethod
    def from_pretrained(cls, array, trainable=False, **options):
        """A layer whose rows are a copy of `array` ``(N, *shape)``, frozen unless `trainable`.

        The dtype is that of the array unless given; all options of `Embedding` but the sizes and the initializer may be.

        >>> Embedding.from_pretrained(np.eye(2)).weight
        array([[1., 0.],
               [0., 1.]])
        """
        check.table("from_pretrained", array, "array")
        for name in ("max_id", "num_embeddings", "embedding_dim", "shape", "initializer"):
            if name in options:
                raise TypeError(
                    f"from_pretrained: {name} = {options[name]!r} is given; allowed: options without it, the array says it"
                )
        return cls(len(array), shape=array.shape[1:], initializer=array, trainable=trainable, **{"dtype": array.dtype, **options})

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
        check.like("Embedding", "weight", value, self._weight.shape, self.dtype, "the table")
        if not self.trainable:
            raise ValueError("Embedding: weight is frozen; allowed: a change after trainable = True")
        self._weight[...] = value

    @property
    def trainable(self):
        """Whether updates may change the table."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        if bool(check.choice("Embedding", "trainable", value, (True, False))) == self._trainable:
            return
        self._trainable = not self._trainable
        self._weight = self._weight.copy()  # so that no view from before can write to a frozen table
        self._weight.flags.writeable = self._trainable

    def reset_parameters(self):
        """Draw the table anew and constrain it, also a frozen one."""
        weight = self._initializer(self.rng, self._weight.shape, self.dtype)
        post_step_(weight, self.constrainer)
        self.restore(weight)

    def restore(self, weight):
        """Put the numbers of `weight`, like the table, into the table, be it frozen or not."""
        self._weight.flags.writeable = True
        self._weight[...] = weight
        self._weight.flags.writeable = self._trainable

    def post_parameter_update(self):
        """Apply the constrainer to the table; to be called after each update. A frozen table stays as it is."""
        self.pop_regularization_term()
        if self.trainable:
            post_step_(self._weight, self.constrainer)

    def state_dict(self):
        """The table as PyKEEN keeps it, a copy, under PyKEEN's name; see `npembed.layer.state`.

        >>> {name: array.shape for name, array in Embedding(3, 2).state_dict().items()}
        {'_embeddings.weight': (3, 2)}
        """
        return to_state(self)

    def load_state_dict(self, state):
        """Take over the table of a state, ours or PyKEEN's, in a frozen layer too; it is checked before anything changes."""
        self.restore(from_state("load_state_dict", self, state))

    def plain_lookup(self, ids):
        """Copy rows out of the table."""

        def pull(grad_output=None, grad_term=0.0):
            return [] if grad_output is None else [(self, gather_vjp(grad_output, self._weight, ids))]

        return Lookup(gather(self._weight, ids), lambda: self.dtype.type(0).real, pull)

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._weight.flags.writeable = self._trainable  # which NumPy does not keep in a copy or a pickle

    def __repr__(self):
        parts = [f"max_id={self.max_id}", f"shape={self.shape}", f"dtype={self.dtype}"]
        parts += [f"{name}={described(*said)}" for name, said in self.choices.items() if said[0] is not None]
        parts += [f"dropout={self.dropout}"] if self.dropout is not None else []
        parts += [f"compat={self.compat!r}"] if self.compat else []
        return f"Embedding({', '.join(parts)}{'' if self.trainable else ', trainable=False'})"
