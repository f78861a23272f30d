"""What is done to rows once there are some, forward and back, in PyKEEN's order; and the two modes of it.

    ids -> unique -> table_rows -> normalizer -> repeat -> regularizer -> dropout

``table_rows`` is what a representation is: a table copies rows, others make them of what further representations say.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import check
from ..embedding.lookup import dropout_mask, transform, transform_vjp
from ..embedding.rows import gather, gather_vjp
from ..numerics import interrupts
from ..numerics.precision import compute_dtype, to_compute_dtype
from .modes import Modes
from .state import from_state
from .table import nothing


class Lookup(NamedTuple):
    """One lookup: what came of it, what it costs, and the way back.

    Attributes
    ----------
    output : ndarray (*ids.shape, *shape)
    penalty : function of nothing
        What the regularizers on the way add to the loss, a float.
    pull : function of the output's cotangent (or None) and of the penalty's
        Pairs of a table and a `RowSparse`, in the order of the lookups; a table may come several times.
    """

    output: np.ndarray
    penalty: Callable
    pull: Callable


@check.public
class Passes(Modes):
    """Forward, backward, training and evaluation mode, as any representation has them.

    It needs ``max_id``, ``shape``, ``dtype``, ``normalizer``, ``regularizer``, ``apply_only_once``, ``dropout``, ``unique``, ``rng``, and
    ``table_lookup(ids)``, the lookup of plain rows; and ``layers`` and ``parts``, if it is no table.
    """

    max_id: int
    shape: tuple
    dtype: np.dtype
    normalizer: Any
    regularizer: Any
    apply_only_once: bool
    dropout: float | None
    unique: bool
    rng: Any
    table_lookup: Callable[[np.ndarray], Lookup]

    @property
    def layers(self):
        """The tables that it is made of: a table is one itself."""
        return (self,)

    @property
    def parts(self):
        """Itself and all that it is made of, each once, and before its own children."""
        return (self,)

    def _begin(self):
        super()._begin()
        self.regularization_term = compute_dtype(self.dtype).type(0).real
        self._charged = False

    def _ids(self, indices):
        """`indices` as ids of its own, that nobody else changes; None for all."""
        if indices is None:
            return np.arange(self.max_id)
        return check.ids(type(self).__name__, indices, self.max_id, "indices")

    def look_up(self, indices=None):
        """Look rows up for those who put them to further use: other representations, and models.

        Parameters
        ----------
        indices : integers of any shape, each in ``0..max_id-1``; None for all

        Returns
        -------
        Lookup
        """
        ids, places = self._ids(indices), None
        if self.unique and indices is not None:
            shape = ids.shape
            ids, places = np.unique(ids, return_inverse=True)
            places = places.reshape(shape)
        plain = self.table_lookup(ids)
        said = transform(plain.output, normalizer=self.normalizer)
        rows = said if places is None else gather(said, places)
        mask = self.draw_mask(rows.shape)
        charged_for = self.regularizer is not None and not (self.apply_only_once and self._charged)
        self._charged = self._charged or self.training

        def penalty():
            below = plain.penalty()
            return below if not charged_for else below + self.regularizer.forward(to_compute_dtype(rows))

        def back(drows):
            dsaid = drows if places is None else gather_vjp(drows, said, places).values  # of each distinct id there is one
            return transform_vjp(dsaid, plain.output, normalizer=self.normalizer)

        def pull(grad_output=None, grad_term=0.0):
            dplain = None if grad_output is None else back(transform_vjp(grad_output, rows, mask=mask))
            if charged_for and grad_term:
                dpenalty = back(self.regularizer.vjp(grad_term, rows))
                dplain = dpenalty if dplain is None else dplain + dpenalty
            return plain.pull(dplain, grad_term)

        return Lookup(transform(rows, mask=mask), penalty, pull)

    def table_rows(self, indices=None):
        """The rows before normalizer, regularizer and dropout of its own: of a table, what is in it.

        >>> from npembed import Embedding
        >>> Embedding(3, 2, initializer="ones", normalizer="normalize").table_rows([0])
        array([[1., 1.]], dtype=float32)
        """
        return self.table_lookup(self._ids(indices)).output

    def vjp(self, indices=None):
        """Look rows up, and get the function that pulls a gradient back through this very lookup.

        Parameters
        ----------
        indices : integers of any shape, each in ``0..max_id-1``; None for all rows

        Returns
        -------
        output : ndarray (*indices.shape, *shape)
        pullback : function of ``grad_output`` (like `output`) that returns a `RowSparse`; changes nothing
            With ``grad_term=1.0`` what the regularizer charges for this lookup counts as well, as part of the loss. What is made of
            tables returns a tuple, a `RowSparse` for each of ``layers``.

        Examples
        --------
        >>> from npembed import Embedding
        >>> layer = Embedding(3, 2, initializer="ones")
        >>> output, pullback = layer.vjp([0, 0])
        >>> pullback(output).to_dense().tolist()
        [[2.0, 2.0], [0.0, 0.0], [0.0, 0.0]]
        """
        looked, pullback = self._with_pullback(indices)
        return looked.output, pullback

    def _with_pullback(self, indices):
        looked = self.look_up(indices)

        def pullback(grad_output, grad_term=0.0):
            check.like(type(self).__name__, "grad_output", grad_output, looked.output.shape, self.dtype, "the output")
            gradients = collect(self.layers, looked.pull(grad_output, grad_term))
            return gradients[0] if self.layers == (self,) else gradients

        return looked, pullback

    def forward(self, indices=None):
        """Look rows up: ``dropout(normalizer(table_rows(indices)))``; None for all rows. Remembered for `backward` in training mode."""
        looked, pullback = self._with_pullback(indices)
        if self.training:
            self.regularization_term += looked.penalty()
            self._remember(pullback)
        return looked.output

    __call__ = forward

    def draw_mask(self, shape):
        """A dropout mask for an output of `shape`, or None where nothing is dropped: in eval mode, or at rate 0."""
        return dropout_mask(self.rng, shape, self.dropout, self.dtype) if self.training and self.dropout else None

    def backward(self, grad_output):
        """Pull `grad_output` back through the last forward in training mode, and add the result to the ``grad`` of each table.

        With a regularizer, the loss is taken to hold the term of that forward too (for another share of it, see `vjp`).

        Returns
        -------
        RowSparse (or a tuple, one for each of ``layers``)
            This call's gradient alone; that of a frozen table is returned, but not kept in its ``grad``.

        Raises
        ------
        RuntimeError
            Without a forward, or after two of them: which one is meant? `vjp` gives each its own pullback.
        """
        gradients = self._pull_back("indices", grad_output, 1.0)
        with interrupts.deferred():
            for layer, gradient in zip(self.layers, gradients if isinstance(gradients, tuple) else (gradients,), strict=True):
                layer._accumulate(gradient)
        return gradients

    def zero_grad(self):
        """Forget the gradients of its tables, what the regularizer charged, and any forward that waits for its backward."""
        self.pop_regularization_term()
        self._pending = []
        for layer in self.layers:
            layer.grad = None

    def pop_regularization_term(self):
        """What the regularizer charged since the last time, which is forgotten; the next lookup is the first again.

        >>> from npembed import Embedding
        >>> layer = Embedding(3, 2, initializer="ones", regularizer="lp", regularizer_kwargs={"p": 1})
        >>> _ = layer([0, 1]), layer([2])
        >>> float(layer.pop_regularization_term()), float(layer.regularization_term)
        (4.0, 0.0)
        """
        self._charged = False
        term, self.regularization_term = self.regularization_term, compute_dtype(self.dtype).type(0).real
        return term

    def tables_of(self, function, state):
        """The tables that a state holds, as pairs of a table and its rows, checked and not put in yet; errors name the `function`."""
        return [(self, from_state(function, self, state))]


@check.public
def collect(layers, pairs):
    """For each table of `layers` the sum of its gradients among `pairs` of a table and a gradient, in their order.

    >>> from npembed import Embedding
    >>> layer = Embedding(3, 2, initializer="ones")
    >>> gradient = gather_vjp(layer.weight[:1], layer.weight, [2])
    >>> collect((layer, Embedding(4, 1)), [(layer, gradient), (layer, gradient)])[0].to_dense().tolist()
    [[0.0, 0.0], [0.0, 0.0], [2.0, 2.0]]
    """
    found: dict = {}
    for layer, gradient in pairs:
        found[id(layer)] = found[id(layer)] + gradient if id(layer) in found else gradient
    return tuple(found[id(layer)] if id(layer) in found else nothing(layer) for layer in layers)
