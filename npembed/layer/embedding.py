"""`Embedding`: a table with PyKEEN's options behind torch's interface, each method one call down to a plain function."""

import math

import numpy as np

from .. import check
from ..embedding import dropout_mask, penalty, post_step_, transform, transform_vjp
from ..initializers import initializer as choose_initializer
from ..random import generator
from ..row_maps import CONSTRAINERS, NORMALIZERS
from ..rows import RowSparse, gather, gather_vjp
from .arguments import described, not_yet, table_shape
from .choose import choose, choose_regularizer
from .state import from_state, to_state


class Embedding:
    """A trainable table of rows: look up, normalize, drop out; pull gradients back; constrain after each update.

    In forward, in this order: ``table[indices]``, then the normalizer, then dropout. The constrainer acts on construction, on
    `reset_parameters`, and whenever `post_parameter_update` is called, which is to be after each change of `weight`.

    Parameters
    ----------
    max_id : int, the number of rows N (or `num_embeddings`)
    embedding_dim : int, the length of a row; for rows of any shape give `shape` instead
    padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, unique
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
    trainable : bool
        A frozen table is read-only: only `reset_parameters` and `load_state_dict` change it.
    dtype : float32 (default), float64, complex64 or complex128
    compat : None or "pykeen"
        "pykeen" applies normalizers and constrainers along the axes that PyKEEN 1.11.1 does, and draws its `init_quaternions`.
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
            scale_grad_by_freq=(scale_grad_by_freq, False), unique=(unique, None, False),
        )  # fmt: skip
        self.max_id, *row = table_shape(max_id, embedding_dim, num_embeddings, shape)
        self.shape = tuple(row)
        self.dtype = check.dtype("Embedding", "dtype", np.float32 if dtype is None else dtype)
        self.compat = check.choice("Embedding", "compat", compat, (None, "pykeen"))
        self.dropout = None if dropout is None else check.real("Embedding", "dropout", dropout, 0, 1)
        self._trainable = check.choice("Embedding", "trainable", trainable, (True, False))
        self._initializer = choose_initializer(initializer, initializer_kwargs, compat=compat, function="Embedding")
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
        self.training = True
        self.grad = None
        self.regularization_term = self.dtype.type(0).real
        self._pending: list = []  # the pullbacks of forwards without a backward; two are kept at most, to know that it was not one
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

    def pop_regularization_term(self):
        """What the regularizer charged since the last time, which is forgotten.

        >>> layer = Embedding(3, 2, initializer="ones", regularizer="lp", regularizer_kwargs={"p": 1})
        >>> _ = layer([0, 1]), layer([2])
        >>> float(layer.pop_regularization_term()), float(layer.regularization_term)
        (4.0, 0.0)
        """
        term, self.regularization_term = self.regularization_term, self.dtype.type(0).real
        return term

    def vjp(self, indices=None):
        """Look rows up, and get the function that pulls a gradient back through this very lookup.

        Parameters
        ----------
        indices : integers of any shape, each in ``0..N-1``; None for all rows

        Returns
        -------
        output : ndarray (*indices.shape, *shape)
        pullback : function of ``grad_output`` (like `output`) that returns a `RowSparse`; changes nothing
            With ``grad_term=1.0`` what the regularizer charges for this lookup counts as well, as part of the loss.

        Examples
        --------
        >>> layer = Embedding(3, 2, initializer="ones")
        >>> output, pullback = layer.vjp([0, 0])
        >>> pullback(output).to_dense().tolist()
        [[2.0, 2.0], [0.0, 0.0], [0.0, 0.0]]
        """
        ids = np.arange(self.max_id) if indices is None else check.ids("Embedding", indices, self.max_id, "indices").copy()
        rows = gather(self._weight, ids)
        mask = self.draw_mask(rows.shape)

        def pullback(grad_output, grad_term=0.0):
            check.like("Embedding", "grad_output", grad_output, rows.shape, self.dtype, "the output")
            drows = transform_vjp(grad_output, rows, normalizer=self.normalizer, mask=mask)
            if self.regularizer is not None and grad_term:
                charged = self.regularizer.vjp(grad_term, transform(rows, normalizer=self.normalizer))
                drows = drows + transform_vjp(charged, rows, normalizer=self.normalizer)
            return gather_vjp(drows, self._weight, ids)

        return transform(rows, normalizer=self.normalizer, mask=mask), pullback

    def forward(self, indices=None):
        """Look rows up: ``dropout(normalizer(table[indices]))``; None for all rows. Remembered for `backward` in training mode."""
        output, pullback = self.vjp(indices)
        if self.training:
            if self.regularizer is not None:
                ids = np.arange(self.max_id) if indices is None else indices
                self.regularization_term += penalty(self._weight, ids, regularizer=self.regularizer, normalizer=self.normalizer)
            self._pending = [pullback, *self._pending[:1]]
        return output

    __call__ = forward

    def draw_mask(self, shape):
        """A dropout mask for an output of `shape`, or None where nothing is dropped: in eval mode, or at rate 0."""
        return dropout_mask(self.rng, shape, self.dropout, self.dtype) if self.training and self.dropout else None

    def backward(self, grad_output):
        """Pull `grad_output` back through the last forward in training mode, and add the result to `grad`.

        With a regularizer, the loss is taken to hold the term of that forward too (for another share of it, see `vjp`).

        Returns
        -------
        RowSparse, this call's gradient alone; that of a frozen table is returned, but not kept in `grad`

        Raises
        ------
        RuntimeError
            Without a forward, or after two of them: which one is meant? `vjp` gives each its own pullback.
        """
        if len(self._pending) != 1:
            said = "several forwards since the last backward" if self._pending else "no forward in training mode"
            raise RuntimeError(
                f"Embedding.backward: {said}; allowed: one forward for each backward (zero_grad() forgets those before, eval() counts "
                f"none), or output, pullback = vjp(indices)"
            )
        gradient = self._pending[0](grad_output, 1.0)
        self._pending = []
        if self.trainable:
            before = RowSparse(np.arange(0), gradient.values[:0], self.max_id) if self.grad is None else self.grad
            self.grad = before + gradient  # a new object: what the caller does to `gradient` stays with the caller
        return gradient

    def zero_grad(self):
        """Forget the gradient, what the regularizer charged, and any forward that waits for its backward."""
        self.pop_regularization_term()
        self.grad = None
        self._pending = []

    def train(self, mode=True):
        """Switch dropout on (or off); returns the layer."""
        self.training = check.choice("Embedding.train", "mode", mode, (True, False))
        return self

    def eval(self):
        """Switch dropout off; returns the layer."""
        return self.train(False)

    def __getstate__(self):
        return {**self.__dict__, "_pending": []}  # a forward that waits for its backward stays behind

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._weight.flags.writeable = self._trainable  # which NumPy does not keep in a copy or a pickle

    def __repr__(self):
        parts = [f"max_id={self.max_id}", f"shape={self.shape}", f"dtype={self.dtype}"]
        parts += [f"{name}={described(*said)}" for name, said in self.choices.items() if said[0] is not None]
        parts += [f"dropout={self.dropout}"] if self.dropout is not None else []
        parts += [f"compat={self.compat!r}"] if self.compat else []
        return f"Embedding({', '.join(parts)}{'' if self.trainable else ', trainable=False'})"
