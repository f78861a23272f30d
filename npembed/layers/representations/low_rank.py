"""Few bases for all, and for each row the weights with which they are mixed."""

import numpy as np

from ... import check
from ...numerics.precision import to_float64
from ...numerics.random import generator
from .. import Embedding, Lookup, Passes
from ..modes import evaluation_mode
from .make import make
from .mixing import LOW_RANK
from .representation import Representation, passed_on, same_max_id, same_shape


@check.public
class LowRankRepresentation(Representation):
    """Mixtures of a few bases: ``row[i] = sum_k weight[i, k] base[k]``.

    N rows of D numbers cost N K + K D numbers in the place of N D. Bases and weights are representations themselves; the bases are
    looked up whole, once for each lookup.

    Parameters
    ----------
    max_id : int; may be left out if `weight` is made already
    shape : int or tuple of int, the shape of a row; may be left out if `base` is made already
    num_bases : int, K; None for what `base` or `weight` has, and for 3 where both are made here
    base : representation with K rows, name, or None for an `Embedding`
    base_kwargs : dict, options of a base that is not made yet
    weight : representation of rows ``(K,)``, name, or None for an `Embedding`
    weight_kwargs : dict, options of a weight that is not made yet
    compat, rng, options : as in `Representation`

    References
    ----------
    pykeen.nn.LowRankRepresentation (1.11.1).

    Examples
    --------
    >>> low = LowRankRepresentation(1000, 50, num_bases=3, rng=0)
    >>> low([4, 7]).shape, [layer.weight.shape for layer in low.layers]
    ((2, 50), [(3, 50), (1000, 3)])
    """

    def __init__(
        self, max_id=None, shape=None, num_bases=None, base=None, base_kwargs=None, weight=None, weight_kwargs=None, *, compat=None,
        rng=None, **options,
    ):  # fmt: skip
        name, rng, options = type(self).__name__, generator(rng), passed_on(type(self), options)
        about = {"function": name, "rng": rng, "compat": compat}
        if num_bases is not None:
            check.integer(name, "num_bases", num_bases, minimum=0)
        told = weight.shape[0] if isinstance(weight, Passes) and len(weight.shape) == 1 else 3
        count = told if num_bases is None else num_bases
        made = make(base, base_kwargs, argument="base", max_id=count, shape=shape, **about)
        if num_bases is not None and made.max_id != num_bases:
            raise ValueError(f"{name}: num_bases = {num_bases} does not fit; allowed: {made.max_id}, as base has, or None")
        weight = make(weight, weight_kwargs, argument="weight", max_id=max_id, shape=made.max_id, **about)
        if weight.shape != (made.max_id,):
            raise ValueError(
                f"{name}: weight has rows of shape {weight.shape}; allowed: ({made.max_id},), a weight for each base"
            )
        max_id = same_max_id(name, max_id, weight.max_id, "weight")
        shape = same_shape(name, shape, made.shape)
        super().__init__(max_id, shape, {"base": made, "weight": weight}, compat=compat, rng=rng, **options)

    @classmethod
    def approximate(cls, other, num_bases=3, **options):
        """The mixture of `num_bases` bases that comes nearest to another representation.

        With the singular value decomposition ``X = U S V^H`` of its rows, the weights are the first columns of ``U S``, the bases the
        first rows of ``V^H``. No X of rank K is nearer: the squared distance is the sum of the squares of the singular values that
        were left out. (LAPACK promises no bits.)

        Parameters
        ----------
        other : representation
            As it is in evaluation mode, normalized if it normalizes.
        num_bases : int >= 0, at most the number of rows, and of numbers in a row
        options : those of the class, but what `other` says

        Returns
        -------
        LowRankRepresentation
            Trainable; `reset_parameters` makes it what it was at first.

        References
        ----------
        Eckart and Young, The approximation of one matrix by another of lower rank (Psychometrika 1, 1936).
        pykeen.nn.LowRankRepresentation.approximate (1.11.1), which fails: it makes `num_bases` rows, and takes V for V^H.

        Examples
        --------
        >>> layer = Embedding(3, 2, initializer=np.array([[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]]), dtype="float64")
        >>> np.round(LowRankRepresentation.approximate(layer, num_bases=1)(), 12) + 0.0
        array([[1., 2.],
               [2., 4.],
               [0., 0.]])
        """
        with evaluation_mode(other):
            x = other()
        flat = to_float64(x).reshape(len(x), -1) if x.size else to_float64(x).reshape(len(x), 0)
        check.integer("approximate", "num_bases", num_bases, minimum=0, maximum=min(flat.shape))
        u, s, vh = np.linalg.svd(flat, full_matrices=False)
        tables = {"base": vh[:num_bases].reshape(num_bases, *x.shape[1:]), "weight": u[:, :num_bases] * s[:num_bases]}
        for name in ("max_id", "shape", "num_bases", *tables, "base_kwargs", "weight_kwargs"):
            if name in options:
                raise TypeError(f"approximate: {name} = {options[name]!r} is given; allowed: options without it, other says it")
        made = {
            name: Embedding.from_pretrained(table.astype(x.dtype), trainable=True, rng=options.get("rng"))
            for name, table in tables.items()
        }
        return cls(**made, **options)

    @property
    def base(self):
        """The representation of the bases."""
        return self.children["base"]

    @property
    def weight(self):
        """The representation of the weights; their tables are among `layers`."""
        return self.children["weight"]

    @property
    def num_bases(self):
        """How many bases there are, K."""
        return self.base.max_id

    def table_lookup(self, ids) -> Lookup:
        """Mix all bases with the weights of these ids."""
        bases = self.base.look_up()
        weights = self.weight.look_up(ids)

        def pull(grad_output=None, grad_term=0.0):
            if grad_output is None:
                return bases.pull(None, grad_term) + weights.pull(None, grad_term)
            dweights, dbases = LOW_RANK.vjp(grad_output, weights.output, bases.output)
            return bases.pull(dbases, grad_term) + weights.pull(dweights, grad_term)

        output = LOW_RANK.forward(weights.output, bases.output)
        return Lookup(output, lambda: bases.penalty() + weights.penalty(), pull)
