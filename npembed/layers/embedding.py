"""`Embedding`: a table with PyKEEN's options behind torch's interface, each method one call down to a plain function."""

import numpy as np

from .. import check
from ..embedding.row_maps import NORMALIZERS
from ..embedding.rows import RowSparse, gather_vjp
from ..numerics.precision import compute_dtype
from ..numerics.sums import SUMMATIONS
from .arguments import described, from_weight, here, one_of, table_shape
from .choose import choose, choose_regularizer
from .passes import Lookup, Passes
from .table import Table, over_frequency


@check.public
class Embedding(Passes, Table):
    """A trainable table of rows: look up, normalize, drop out; pull gradients back; constrain after each update.

    In forward, in this order: ``table[indices]``, then the normalizer, then dropout (`npembed.layers.passes` says it in full). The
    constrainer acts on construction, on `reset_parameters`, and whenever `post_parameter_update` is called, which is to be after each
    change of `weight`.

    Parameters
    ----------
    max_id : int, the number of rows N (or `num_embeddings`)
    embedding_dim : int, the length of a row; for rows of any shape give `shape` instead
    padding_idx : int in ``-N..N-1``, or None
        A row that gets no gradient, and is drawn as zeros unless the rows are an array's. It is looked up like any other, and weight
        decay, momentum and constrainers move it. Intentionally not the gradient.
    max_norm, norm_type : float >= 0 or None; float in [1, inf], the p of that norm
        Rows that are longer are shortened in the table itself when they are looked up, in eval mode too, see `npembed.embedding.max_norm`;
        a frozen table stays, and what is looked up are its rows made short. No gradient knows of it: intentionally not the gradient.
    scale_grad_by_freq : bool
        Divide the gradient of a row by how often it was looked up: intentionally not the gradient.
    sparse : bool
        What `export_grad` gives; `grad` is a `RowSparse` in any case.
    weight (or torch's _weight) : ndarray (N, *shape), copied; the rows to begin with, and the sizes and dtype where they are not given
    _freeze : bool, torch's name for not `trainable`
    summation : "batch_order", "float64" or "exact"
        How `backward` and the pullbacks of `vjp` add up the gradients of a row, see `npembed.embedding.rows.gather_vjp`.
    device : None or "cpu"
    num_embeddings : int, another name for `max_id`
    shape : int or tuple of int, the shape of a row; ``()`` for single numbers
    initializer : name, array, or callable; default ``"normal"``
        See `npembed.embedding.initializers`.
    constrainer : name or callable
        See `npembed.embedding.row_maps.CONSTRAINERS`.
    normalizer : name, Op, or pair (function, vjp)
        See `npembed.embedding.row_maps.NORMALIZERS`.
    regularizer : name, Op, or pair (function, vjp)
        See `npembed.embedding.regularizers.REGULARIZERS`. In training mode each forward adds what it charges to `regularization_term`; with
        PyKEEN's ``apply_only_once=True`` among its options, the first one since that was popped.
    initializer_kwargs, constrainer_kwargs, normalizer_kwargs, regularizer_kwargs : dict, options of these
    dropout : float in [0, 1], the share of entries dropped in training mode
    unique : bool
        Whether an id that is looked up several times is copied and normalized once, and then repeated. Each repetition is
        charged for and dropped out by itself.
    trainable : bool
        A frozen table is read-only: only `reset_parameters` and `load_state_dict` change it.
    dtype : float32 (default), float64, complex64, complex128, or float16: rows are stored in it, and arithmetic is in float32
    compat : None, "pykeen" or "torch"
        "pykeen" applies normalizers and constrainers along the axes that PyKEEN 1.11.1 does, and draws its `init_quaternions`;
        "torch" gives torch 2.13's `max_norm`.
    rng : int, generator, or None
        An int is the seed of torch's generator: ``Embedding(10, 3, rng=0)`` has the weights of
        ``torch.manual_seed(0); torch.nn.Embedding(10, 3)``.

    Attributes
    ----------
    weight, grad, max_id, num_embeddings, shape, embedding_dim, trainable, training, choices
        See `npembed.layers.table.Table`.
    regularization_term : float of the precision of the table
        What the regularizer charged since `pop_regularization_term`, `zero_grad` or `post_parameter_update`; to be added to the loss.

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
        sparse=False, _weight=None, _freeze=False, device=None, dtype=None, *, num_embeddings=None, shape=None, weight=None,
        initializer=None, initializer_kwargs=None, constrainer=None, constrainer_kwargs=None, normalizer=None, normalizer_kwargs=None,
        regularizer=None, regularizer_kwargs=None, dropout=None, unique=None, trainable=None, compat=None, rng=None,
        summation="batch_order",
    ):  # fmt: skip
        weight = one_of("weight", weight, "_weight", _weight)
        if embedding_dim is None and shape is None and weight is None and padding_idx is not None:
            raise ValueError(
                f"Embedding: embedding_dim is missing, padding_idx = {padding_idx} is given; allowed: torch's order, max_id then "
                f"embedding_dim (PyKEEN's third argument: write embedding_dim={padding_idx})"
            )
        self.summation = check.choice("Embedding", "summation", summation, SUMMATIONS)
        self.unique = bool(check.choice("Embedding", "unique", unique, (None, True, False)))
        if self.unique and scale_grad_by_freq is True:
            found = "unique = True and scale_grad_by_freq = True are both given"
            raise ValueError(f"Embedding: {found}; allowed: one of them, since with unique each id is looked up once")
        here("Embedding", device)
        if weight is not None:
            max_id, shape, embedding_dim, num_embeddings, dtype, initializer = from_weight(
                weight, max_id, embedding_dim, num_embeddings, shape, dtype, initializer
            )
        max_id, *row = table_shape(max_id, embedding_dim, num_embeddings, shape)
        dtype = check.dtype("Embedding", "dtype", np.float32 if dtype is None else dtype)
        check.choice("Embedding", "compat", compat, (None, "pykeen", "torch"))
        check.choice("Embedding", "_freeze", _freeze, (True, False))
        if trainable is not None and _freeze and trainable:
            raise ValueError("Embedding: _freeze = True and trainable = True are both given; allowed: one of them")
        self.dropout = None if dropout is None else check.real("Embedding", "dropout", dropout, 0, 1)
        about = {"shape": tuple(row), "dtype": dtype, "compat": "pykeen" if compat == "pykeen" else None, "function": "Embedding"}
        self.regularizer, self.apply_only_once = choose_regularizer(regularizer, regularizer_kwargs, **about)
        self.normalizer = choose(NORMALIZERS, normalizer, normalizer_kwargs, argument="normalizer", **about)
        self._make(
            max_id, row, dtype=dtype, trainable=not _freeze if trainable is None else trainable, initializer=initializer,
            initializer_kwargs=initializer_kwargs, constrainer=constrainer, constrainer_kwargs=constrainer_kwargs,
            padding_idx=padding_idx, max_norm=max_norm, norm_type=norm_type, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse,
            compat=compat, rng=rng,
        )  # fmt: skip
        self._begin()
        self.choices |= {"normalizer": (normalizer, normalizer_kwargs), "regularizer": (regularizer, regularizer_kwargs)}

    @staticmethod
    def _row(shape):
        return {"shape": shape}

    def post_parameter_update(self):
        """Apply the constrainer to the table; to be called after each update. A frozen table stays as it is."""
        self.pop_regularization_term()
        super().post_parameter_update()

    def table_lookup(self, ids):
        """Copy rows out of the table."""

        def pull(grad_output=None, grad_term=0.0):
            return [] if grad_output is None else [(self, self.to_table(grad_output, ids))]

        return Lookup(self.rows(ids), lambda: compute_dtype(self.dtype).type(0).real, pull)

    def to_table(self, drows, ids):
        """The gradient of the table from that of rows that were looked up: each added to its own, as torch's options will have it.

        `scale_grad_by_freq` divides by how often an id was looked up; the row `padding_idx` gets nothing.
        """
        if self.scale_grad_by_freq:
            drows = over_frequency(drows, ids)
        gradient = gather_vjp(drows, self._weight, ids, summation=self.summation)
        if self.padding_idx is None:
            return gradient
        kept = gradient.rows != self.padding_idx
        return RowSparse(gradient.rows[kept], gradient.values[kept], self.max_id)

    def __repr__(self):
        parts = [f"max_id={self.max_id}", f"shape={self.shape}", f"dtype={self.dtype}"]
        parts += [f"{name}={described(*said)}" for name, said in self.choices.items() if said[0] is not None]
        defaults = {
            "dropout": None,
            "padding_idx": None,
            "max_norm": None,
            "norm_type": 2.0,
            "scale_grad_by_freq": False,
            "sparse": False,
            "summation": "batch_order",
        }
        parts += [f"{name}={getattr(self, name)}" for name, default in defaults.items() if getattr(self, name) != default]
        parts += [f"compat={self.compat!r}"] if self.compat else []
        return f"Embedding({', '.join(parts)}{'' if self.trainable else ', trainable=False'})"
