"""`EmbeddingBag`: a table whose rows are looked up by the bag, behind torch's interface."""

import numpy as np

from .. import check
from ..embedding.bags import bags, embedding_bag, embedding_bag_vjp
from ..embedding.bags.arguments import check_weights
from ..embedding.rows import RowSparse
from .table import Table


@check.public
class EmbeddingBag(Table):
    """A trainable table of rows: sum, average or maximize the rows of each bag; pull gradients back; constrain after each update.

    In forward, in this order: `max_norm` is applied to the rows asked for, then they are pooled, see
    `npembed.embedding.bags.embedding_bag`. The constrainer acts on construction, on `reset_parameters`, and whenever
    `post_parameter_update` is called.

    Parameters
    ----------
    num_embeddings : int, the number of rows N
    embedding_dim : int or tuple of int, the shape of a row
    max_norm : float >= 0, or None
        Rows that are longer are shortened in the table itself when they are asked for, in eval mode too, see `npembed.embedding.max_norm`;
        a frozen table stays, and what is looked up are its rows made short. No gradient knows of it: intentionally not the gradient.
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
        See `npembed.embedding.initializers`.
    constrainer : name or callable
        See `npembed.embedding.row_maps.CONSTRAINERS`.
    initializer_kwargs, constrainer_kwargs : dict, options of these
    trainable : bool
        A frozen table is read-only: only `reset_parameters` changes it.
    dtype : float32 (default), float64, float16, complex64 or complex128 (these two not for mode "max")
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
        self.include_last_offset = check.choice("EmbeddingBag", "include_last_offset", include_last_offset, (True, False))
        dtype = check.dtype("EmbeddingBag", "dtype", np.float32 if dtype is None else dtype)
        self.mode = check.choice("EmbeddingBag", "mode", mode, ("sum", "mean", "max"))
        if self.mode == "max" and dtype.kind == "c":
            raise TypeError(
                f"EmbeddingBag: dtype = {dtype} is given with mode = 'max'; allowed: a real one, complex numbers have no order"
            )
        self.ties = check.choice("EmbeddingBag", "ties", ties, ("first", "split"))
        self._make(
            check.integer("EmbeddingBag", "num_embeddings", num_embeddings, minimum=0),
            check.shape("EmbeddingBag", "embedding_dim", embedding_dim), dtype=dtype, trainable=trainable, initializer=initializer,
            initializer_kwargs=initializer_kwargs, constrainer=constrainer, constrainer_kwargs=constrainer_kwargs,
            padding_idx=padding_idx, max_norm=max_norm, norm_type=norm_type, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse,
            compat=check.choice("EmbeddingBag", "compat", compat, (None, "torch")), rng=rng,
        )  # fmt: skip
        self._begin()

    def vjp(self, input, offsets=None, per_sample_weights=None):
        """Pool rows, and get the function that pulls a gradient back through this very lookup, whatever becomes of the table.

        Parameters
        ----------
        input : integers (B, K), B bags of K ids each; or (n,), with `offsets`
        offsets : integers, where each bag begins, see `npembed.embedding.bags.bags`
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
        rows = self.rows(touched)
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

    def forward(self, input, offsets=None, per_sample_weights=None):
        """Pool the rows of each bag, see `vjp`. Remembered for `backward` in training mode."""
        output, pullback = self.vjp(input, offsets, per_sample_weights)
        if self.training:
            self._remember(pullback)
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
        result = self._pull_back("input", grad_output)
        self._accumulate(result[0] if isinstance(result, tuple) else result)
        return result

    def zero_grad(self):
        """Forget the gradient, and any forward that waits for its backward."""
        self.grad = None
        self._pending = []

    def __repr__(self):
        parts = [f"{self.num_embeddings}, {self.shape}, mode={self.mode!r}, dtype={self.dtype}"]
        silent = {"max_norm": None, "norm_type": 2.0, "scale_grad_by_freq": False, "sparse": False, "include_last_offset": False}
        for name, default in {**silent, "padding_idx": None, "ties": "first", "compat": None, "trainable": True}.items():
            parts += [f"{name}={getattr(self, name)!r}"] if getattr(self, name) != default else []
        return f"EmbeddingBag({', '.join(parts)})"
