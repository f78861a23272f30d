"""`EmbeddingBag`: a table whose rows are looked up by the bag, behind torch's interface."""

import math

import numpy as np

from .. import check
from ..bags import bags, embedding_bag, embedding_bag_vjp
from ..bags.arguments import check_weights, padding_row
from ..embedding import post_step_
from ..initializers import initializer as choose_initializer
from ..random import generator
from ..renorm import renorm_
from ..row_maps import CONSTRAINERS
from ..rows import RowSparse, gather
from .choose import choose


class EmbeddingBag:
    """A trainable table of rows: sum, average or maximize the rows of each bag; pull gradients back; constrain after each update.

    In forward, in this order: `max_norm` is applied to the rows asked for, then they are pooled, see `npembed.bags.embedding_bag`.
    The constrainer acts on construction, on `reset_parameters`, and whenever `post_parameter_update` is called.

    Parameters
    ----------
    num_embeddings : int, the number of rows N
    embedding_dim : int or tuple of int, the shape of a row
    max_norm : float >= 0, or None
        Rows that are longer are shortened in the table itself when they are asked for, in eval mode too, see `npembed.renorm`; a
        frozen table stays, and what is looked up are its rows made short. No gradient knows of it: intentionally not the gradient.
    norm_type : float in [1, inf], the p of that norm
    scale_grad_by_freq : bool
        Divide the gradient of a row by how often it was asked for: intentionally not the gradient.
    mode : "mean", "sum" or "max"
    sparse : bool
        What `export_grad` gives; `grad` is a `RowSparse` in any case.
    include_last_offset : bool, whether `offsets` go on to where the last bag ends
    padding_idx : int in ``-N..N-1``, or None
        An id that is in no bag. Its row is drawn as zeros, unless the initializer is an array.
    initializer : name, array, or callable; default ``"normal"``
        See `npembed.initializers`.
    constrainer : name or callable
        See `npembed.row_maps.CONSTRAINERS`.
    initializer_kwargs, constrainer_kwargs : dict, options of these
    trainable : bool
        A frozen table is read-only: only `reset_parameters` changes it.
    dtype : float32 (default), float64, complex64 or complex128 (not for mode "max")
    ties : "first" or "split", who gets the gradient of a maximum that several rows share
    compat : None or "torch"
        "torch" gives torch 2.13's `max_norm`, and its maximum of rows with NaN. It does not reproduce what is plainly broken there:
        the count of `scale_grad_by_freq`, offsets that fall, ids behind the last offset.
    rng : int, generator, or None
        An int is the seed of torch's generator: ``EmbeddingBag(10, 3, rng=0)`` has the weights of
        ``torch.manual_seed(0); torch.nn.EmbeddingBag(10, 3)``.

    Attributes
    ----------
    weight : ndarray (N, *shape), the table
    grad : RowSparse, or None
    num_embeddings, max_id : int, N
    shape : tuple of int; embedding_dim : int, the numbers in a row
    trainable, training : bool

    Raises
    ------
    TypeError, ValueError, UnknownNameError
        At once, for anything that cannot work later.

    References
    ----------
    torch.nn.EmbeddingBag (2.13).

    Examples
    --------
    >>> layer = EmbeddingBag(10, 3, mode="sum", rng=0)
    >>> out = layer([4, 4, 7], offsets=[0, 1])
    >>> layer.backward(np.ones_like(out)).to_dense()[[4, 7]]
    array([[2., 2., 2.],
           [1., 1., 1.]], dtype=float32)
    """

    def __init__(
        self, num_embeddings, embedding_dim, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, mode="mean", sparse=False,
        include_last_offset=False, padding_idx=None, *, initializer=None, initializer_kwargs=None, constrainer=None,
        constrainer_kwargs=None, trainable=True, dtype=None, ties="first", compat=None, rng=None,
    ):  # fmt: skip
        flags = {"scale_grad_by_freq": scale_grad_by_freq, "sparse": sparse, "include_last_offset": include_last_offset}
        for name, value in {**flags, "trainable": trainable}.items():
            check.choice("EmbeddingBag", name, value, (True, False))
        self.scale_grad_by_freq, self.sparse, self.include_last_offset = flags.values()
        self.num_embeddings = check.integer("EmbeddingBag", "num_embeddings", num_embeddings, minimum=0)
        self.shape = check.shape("EmbeddingBag", "embedding_dim", embedding_dim)
        self.dtype = check.dtype("EmbeddingBag", "dtype", np.float32 if dtype is None else dtype)
        self.max_norm = None if max_norm is None else check.real("EmbeddingBag", "max_norm", max_norm, minimum=0)
        self.norm_type = check.real("EmbeddingBag", "norm_type", norm_type, minimum=1, finite=False)
        self.mode = check.choice("EmbeddingBag", "mode", mode, ("sum", "mean", "max"))
        if self.mode == "max" and self.dtype.kind == "c":
            raise TypeError(
                f"EmbeddingBag: dtype = {self.dtype} is given with mode = 'max'; allowed: a real one, complex numbers have no order"
            )
        self.padding_idx = padding_row("EmbeddingBag", padding_idx, self.num_embeddings)
        self._trainable = trainable
        self.ties = check.choice("EmbeddingBag", "ties", ties, ("first", "split"))
        self.compat = check.choice("EmbeddingBag", "compat", compat, (None, "torch"))
        self._initializer = choose_initializer(initializer, initializer_kwargs, function="EmbeddingBag")
        self._pretrained = isinstance(initializer, np.ndarray)
        self.constrainer = choose(
            CONSTRAINERS, constrainer, constrainer_kwargs, shape=self.shape, dtype=self.dtype, compat=None,
            function="EmbeddingBag", argument="constrainer",
        )  # fmt: skip
        self.rng = generator(rng)
        self.training = True
        self.grad = None
        self._pending: list = []  # the pullbacks of forwards without a backward; two are kept at most, to know that it was not one
        self._weight = np.empty((self.num_embeddings, *self.shape), self.dtype)
        self.reset_parameters()

    @classmethod
    def from_pretrained(cls, array, freeze=None, **options):
        """A layer whose rows are a copy of `array` ``(N, *shape)``, frozen unless ``freeze=False`` (or ``trainable=True``).

        The dtype is that of the array unless given; all options of `EmbeddingBag` but the sizes and the initializer may be.

        >>> EmbeddingBag.from_pretrained(np.eye(2), mode="sum")([[0, 1, 1]])
        array([[1., 2.]])
        """
        check.table("from_pretrained", array, "array")
        for name in ("num_embeddings", "embedding_dim", "initializer", "initializer_kwargs"):
            if name in options:
                raise TypeError(
                    f"from_pretrained: {name} = {options[name]!r} is given; allowed: options without it, the array says it"
                )
        check.choice("from_pretrained", "freeze", freeze, (None, True, False))
        if freeze is not None and options.get("trainable", not freeze) == freeze:
            raise ValueError(f"from_pretrained: freeze = {freeze} and trainable = {freeze} are both given; allowed: one of them")
        trainable = options.pop("trainable", freeze is not None and not freeze)
        return cls(len(array), array.shape[1:], initializer=array, trainable=trainable, **{"dtype": array.dtype, **options})

    @property
    def max_id(self):
        """PyKEEN's name for `num_embeddings`."""
        return self.num_embeddings

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
        check.like("EmbeddingBag", "weight", value, self._weight.shape, self.dtype, "the table")
        if not self.trainable:
            raise ValueError("EmbeddingBag: weight is frozen; allowed: a change after trainable = True")
        self._weight[...] = value

    @property
    def trainable(self):
        """Whether updates may change the table."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        if bool(check.choice("EmbeddingBag", "trainable", value, (True, False))) == self._trainable:
            return
        self._trainable = not self._trainable
        self._weight = self._weight.copy()  # so that no view from before can write to a frozen table
        self._weight.flags.writeable = self._trainable

    def reset_parameters(self):
        """Draw the table anew, with zeros for the padding, and constrain it; the only call that changes a frozen table."""
        weight = self._initializer(self.rng, self._weight.shape, self.dtype)
        if self.padding_idx is not None and not self._pretrained:
            weight[self.padding_idx] = 0
        post_step_(weight, self.constrainer)
        self._weight.flags.writeable = True
        self._weight[...] = weight
        self._weight.flags.writeable = self._trainable

    def post_parameter_update(self):
        """Apply the constrainer to the table; to be called after each update. A frozen table stays as it is."""
        if self.trainable:
            post_step_(self._weight, self.constrainer)

    def vjp(self, input, offsets=None, per_sample_weights=None):
        """Pool rows, and get the function that pulls a gradient back through this very lookup, whatever becomes of the table.

        Parameters
        ----------
        input : integers (B, K), B bags of K ids each; or (n,), with `offsets`
        offsets : integers, where each bag begins, see `npembed.bags.bags`
        per_sample_weights : ndarray like `input`, of the table's dtype, or None; for mode "sum"

        Returns
        -------
        output : ndarray (B, *shape)
        pullback : function of ``grad_output`` (like `output`) that returns a `RowSparse`, and with weights also their gradient

        Examples
        --------
        >>> layer = EmbeddingBag(3, 2, initializer="ones")
        >>> output, pullback = layer.vjp([[0, 2]])
        >>> pullback(output).to_dense().tolist()
        [[0.5, 0.5], [0.0, 0.0], [0.5, 0.5]]
        """
        cut = bags(
            "EmbeddingBag", input, offsets, self.num_embeddings, include_last_offset=self.include_last_offset, argument="input"
        )
        check_weights("EmbeddingBag", per_sample_weights, np.shape(input), self.dtype, self.mode, "input")
        weights = None if per_sample_weights is None else per_sample_weights.ravel()[cut.places]
        touched, ids = np.unique(cut.ids, return_inverse=True)
        rows = self._rows(touched)
        padding = np.flatnonzero(touched == self.padding_idx)  # nothing is equal to None
        options = {
            "mode": self.mode, "include_last_offset": True, "padding_idx": padding.item() if padding.size else None,
            "scale_grad_by_freq": self.scale_grad_by_freq, "ties": self.ties, "nan": self.compat or "propagate",
        }  # fmt: skip

        def pullback(grad_output):
            d = embedding_bag_vjp(grad_output, rows, ids, cut.starts, weights, **options)
            drows = d if weights is None else d[0]
            dtable = RowSparse(touched[drows.rows], drows.values, self.num_embeddings)
            if weights is None:
                return dtable
            dweights = np.zeros(per_sample_weights.size, self.dtype)
            dweights[cut.places] = d[1]
            return dtable, dweights.reshape(per_sample_weights.shape)

        return embedding_bag(rows, ids, cut.starts, weights, **options), pullback

    def _rows(self, touched):
        """A copy of the rows `touched`, none longer than `max_norm`; those of a trainable table are shortened there too."""
        rows = gather(self._weight, touched)
        if self.max_norm is not None:
            every = np.arange(len(rows))
            renorm_(rows, every, max_norm=self.max_norm, norm_type=self.norm_type, compat=self.compat)
            if self.trainable:
                self._weight[touched] = rows
        return rows

    def forward(self, input, offsets=None, per_sample_weights=None):
        """Pool the rows of each bag, see `vjp`. Remembered for `backward` in training mode."""
        output, pullback = self.vjp(input, offsets, per_sample_weights)
        if self.training:
            self._pending = [pullback, *self._pending[:1]]
        return output

    __call__ = forward

    def backward(self, grad_output):
        """Pull `grad_output` back through the last forward in training mode, and add the result to `grad`.

        Returns
        -------
        RowSparse, this call's gradient alone, and with weights also theirs; that of a frozen table is returned, not kept in `grad`

        Raises
        ------
        RuntimeError
            Without a forward, or after two of them: which one is meant? `vjp` gives each its own pullback.
        """
        if len(self._pending) != 1:
            said = "several forwards since the last backward" if self._pending else "no forward in training mode"
            raise RuntimeError(
                f"EmbeddingBag.backward: {said}; allowed: one forward for each backward (zero_grad() forgets those before, eval() "
                f"counts none), or output, pullback = vjp(input)"
            )
        result = self._pending[0](grad_output)
        self._pending = []
        gradient = result[0] if isinstance(result, tuple) else result
        if self.trainable:
            before = RowSparse(np.arange(0), gradient.values[:0], self.num_embeddings) if self.grad is None else self.grad
            self.grad = before + gradient  # a new object: what the caller does to `gradient` stays with the caller
        return result

    def export_grad(self):
        """`grad` as other libraries take it: an array ``(N, *shape)``; with `sparse`, ``RowSparse.to_coo()``; None without one."""
        if self.grad is None:
            return None
        return self.grad.to_coo() if self.sparse else self.grad.to_dense()

    def zero_grad(self):
        """Forget the gradient, and any forward that waits for its backward."""
        self.grad = None
        self._pending = []

    def train(self, mode=True):
        """Switch to training, where a forward is remembered for `backward` (or to eval mode); returns the layer."""
        self.training = check.choice("EmbeddingBag.train", "mode", mode, (True, False))
        return self

    def eval(self):
        """Switch to eval mode; returns the layer."""
        return self.train(False)

    def __getstate__(self):
        return {**self.__dict__, "_pending": []}  # a forward that waits for its backward stays behind

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._weight.flags.writeable = self._trainable  # which NumPy does not keep in a copy or a pickle

    def __repr__(self):
        parts = [f"{self.num_embeddings}, {self.shape}, mode={self.mode!r}, dtype={self.dtype}"]
        silent = {"max_norm": None, "norm_type": 2.0, "scale_grad_by_freq": False, "sparse": False, "include_last_offset": False}
        for name, default in {**silent, "padding_idx": None, "ties": "first", "compat": None, "trainable": True}.items():
            parts += [f"{name}={getattr(self, name)!r}"] if getattr(self, name) != default else []
        return f"EmbeddingBag({', '.join(parts)})"
