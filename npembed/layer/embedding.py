"""`Embedding`: a table with PyKEEN's options behind torch's interface, each method one call down to a plain function."""

import math

import numpy as np

from .. import check
from ..embedding import dropout_mask, post_step_, transform, transform_vjp
from ..initializers import initializer as choose_initializer
from ..random import generator
from ..row_maps import CONSTRAINERS, NORMALIZERS
from ..rows import RowSparse, gather, gather_vjp
from .choose import choose


def table_shape(max_id=None, embedding_dim=None, num_embeddings=None, shape=None):
    """``(N, *shape)`` from the names that torch and PyKEEN have for it; either name of each, or both if they agree.

    >>> table_shape(num_embeddings=10, shape=(3, 4))
    (10, 3, 4)
    """
    if max_id is None and num_embeddings is None:
        raise ValueError("Embedding: max_id is missing; allowed: max_id (or num_embeddings), the number of rows")
    given = {"max_id": max_id, "num_embeddings": num_embeddings}
    rows = {name: check.integer("Embedding", name, n, minimum=0) for name, n in given.items() if n is not None}
    if len(set(rows.values())) > 1:
        raise ValueError(
            f"Embedding: max_id = {max_id} and num_embeddings = {num_embeddings} differ; allowed: one, or both equal"
        )
    if embedding_dim is None and shape is None:
        raise ValueError("Embedding: embedding_dim and shape are both missing; allowed: one of them, the shape of a row")
    if embedding_dim is not None and shape is not None:
        raise ValueError(f"Embedding: embedding_dim = {embedding_dim} and shape = {shape} are both given; allowed: one of them")
    if shape is None:
        return next(iter(rows.values())), check.integer("Embedding", "embedding_dim", embedding_dim, minimum=0)
    return next(iter(rows.values())), *check.shape("Embedding", "shape", shape)


def _not_yet(**options):
    """Refuse what is not built yet, unless it is at its default."""
    for name, (value, *allowed) in options.items():
        if not any(value is default or (type(value) is type(default) and value == default) for default in allowed):
            raise ValueError(f"Embedding: {name} = {value!r} is not supported yet; allowed: {allowed[0]!r}")


class Embedding:
    """A trainable table of rows: look up, normalize, drop out; pull gradients back; constrain after each update.

    In forward, in this order: ``table[indices]``, then the normalizer, then dropout. The constrainer acts on construction, on
    `reset_parameters`, and whenever `post_parameter_update` is called, which is to be after each change of `weight`.

    Parameters
    ----------
    max_id : int, the number of rows N (or `num_embeddings`)
    embedding_dim : int, the length of a row; for rows of any shape give `shape` instead
    padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, regularizer, unique
        Not supported yet.
    num_embeddings : int, another name for `max_id`
    shape : int or tuple of int, the shape of a row; ``()`` for single numbers
    initializer : name, array, or callable; default ``"normal"``
        See `npembed.initializers`.
    constrainer : name or callable
        See `npembed.row_maps.CONSTRAINERS`.
    normalizer : name, Op, or pair (function, vjp)
        See `npembed.row_maps.NORMALIZERS`.
    initializer_kwargs, constrainer_kwargs, normalizer_kwargs : dict, options of these
    dropout : float in [0, 1], the share of entries dropped in training mode
    trainable : bool
        A frozen table is read-only: only `reset_parameters` changes it.
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
    max_id, num_embeddings : int, N
    shape : tuple of int; embedding_dim : int, the numbers in a row
    trainable, training : bool

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
        _not_yet(
            padding_idx=(padding_idx, None), max_norm=(max_norm, None), norm_type=(norm_type, 2.0, 2), sparse=(sparse, False),
            scale_grad_by_freq=(scale_grad_by_freq, False), regularizer=(regularizer, None),
            regularizer_kwargs=(regularizer_kwargs, None), unique=(unique, None, False),
        )  # fmt: skip
        self.max_id, *row = table_shape(max_id, embedding_dim, num_embeddings, shape)
        self.shape = tuple(row)
        self.dtype = check.dtype("Embedding", "dtype", np.float32 if dtype is None else dtype)
        self.compat = check.choice("Embedding", "compat", compat, (None, "pykeen"))
        self.dropout = None if dropout is None else check.real("Embedding", "dropout", dropout, 0, 1)
        self._trainable = check.choice("Embedding", "trainable", trainable, (True, False))
        self._initializer = choose_initializer(initializer, initializer_kwargs, compat=compat, function="Embedding")
        about = {"shape": self.shape, "dtype": self.dtype, "compat": compat, "function": "Embedding"}
        self.constrainer = choose(CONSTRAINERS, constrainer, constrainer_kwargs, argument="constrainer", **about)
        self.normalizer = choose(NORMALIZERS, normalizer, normalizer_kwargs, argument="normalizer", **about)
        self._choices = {
            "initializer": (initializer, initializer_kwargs),
            "constrainer": (constrainer, constrainer_kwargs),
            "normalizer": (normalizer, normalizer_kwargs),
        }
        self.rng = generator(rng)
        self.training = True
        self.grad = None
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
        """Draw the table anew and constrain it; the only call that changes a frozen table."""
        weight = self._initializer(self.rng, self._weight.shape, self.dtype)
        post_step_(weight, self.constrainer)
        self._weight.flags.writeable = True
        self._weight[...] = weight
        self._weight.flags.writeable = self._trainable

    def post_parameter_update(self):
        """Apply the constrainer to the table; to be called after each update. A frozen table stays as it is."""
        if self.trainable:
            post_step_(self._weight, self.constrainer)

    def vjp(self, indices=None):
        """Look rows up, and get the function that pulls a gradient back through this very lookup.

        Parameters
        ----------
        indices : integers of any shape, each in ``0..N-1``; None for all rows

        Returns
        -------
        output : ndarray (*indices.shape, *shape)
        pullback : function of ``grad_output`` (like `output`) that returns a `RowSparse`; changes nothing

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

        def pullback(grad_output):
            check.like("Embedding", "grad_output", grad_output, rows.shape, self.dtype, "the output")
            drows = transform_vjp(grad_output, rows, normalizer=self.normalizer, mask=mask)
            return gather_vjp(drows, self._weight, ids)

        return transform(rows, normalizer=self.normalizer, mask=mask), pullback

    def forward(self, indices=None):
        """Look rows up: ``dropout(normalizer(table[indices]))``; None for all rows. Remembered for `backward` in training mode."""
        output, pullback = self.vjp(indices)
        if self.training:
            self._pending = [pullback, *self._pending[:1]]
        return output

    __call__ = forward

    def draw_mask(self, shape):
        """A dropout mask for an output of `shape`, or None where nothing is dropped: in eval mode, or at rate 0."""
        return dropout_mask(self.rng, shape, self.dropout, self.dtype) if self.training and self.dropout else None

    def backward(self, grad_output):
        """Pull `grad_output` back through the last forward in training mode, and add the result to `grad`.

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
        gradient = self._pending[0](grad_output)
        self._pending = []
        if self.trainable:
            before = RowSparse(np.arange(0), gradient.values[:0], self.max_id) if self.grad is None else self.grad
            self.grad = before + gradient  # a new object: what the caller does to `gradient` stays with the caller
        return gradient

    def zero_grad(self):
        """Forget the gradient, and any forward that waits for its backward."""
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
        parts += [f"{name}={_described(*said)}" for name, said in self._choices.items() if said[0] is not None]
        parts += [f"dropout={self.dropout}"] if self.dropout is not None else []
        parts += [f"compat={self.compat!r}"] if self.compat else []
        return f"Embedding({', '.join(parts)}{'' if self.trainable else ', trainable=False'})"


def _described(choice, options):
    """A choice of initializer, constrainer or normalizer, as `repr` shows it: ``clamp_norm(maxnorm=1.0)``."""
    name = "array" if isinstance(choice, np.ndarray) else str(getattr(choice, "__name__", choice))
    return name + (f"({', '.join(f'{key}={value!r}' for key, value in options.items())})" if options else "")
