"""`ERModel`: entity and relation layers and an interaction, under PyKEEN's names; each method one call down to `npembed.kge`."""

import copy

import numpy as np

from ... import check
from ...numerics.precision import to_compute_dtype
from ...numerics.random import generator
from ...op import Op, resolve
from .. import batch
from ..interactions import INTERACTIONS
from ..losses import LCWA_LOSSES, LOSSES
from . import composites
from .predictions import ByLabel
from .representations import Sides, make_sides
from .scoring import Scorer


@check.public
class ERModel(Sides, Scorer, ByLabel):
    """Entities, relations, and an interaction that scores triples of them.

    Parameters
    ----------
    triples_factory : TriplesFactory
        Says how many entities and relations there are.
    interaction : name or Op
        See `npembed.kge.interactions.INTERACTIONS`.
    interaction_kwargs : dict, such as ``{"p": 2}``
    entity_representations, relation_representations : representation, its class or name, or None for an `Embedding`
        See `npembed.layers.representations.REPRESENTATIONS`. What was made before keeps its rows, and draws from `rng` from then on.
    entity_representations_kwargs, relation_representations_kwargs : dict
        Options of these, without ``max_id``, where they are not made before.
    loss : name or Op; default margin ranking with margin 1
        A name stands for both forms, `npembed.kge.losses.LOSSES` and `LCWA_LOSSES`; an Op for the first.
    loss_kwargs : dict, such as ``{"margin": 2.0}``
    random_seed : int, generator, or None
        An int replays PyKEEN: the same weights and dropout masks as there from this seed.

    Attributes
    ----------
    entity_representations, relation_representations : list of one `Embedding`, or other representation
    layers : tuple of `Embedding`
        All tables, each once: that of the entities and that of the relations, or what these are made of in the end.
    num_entities, num_relations : int
    rng : the generator of weights and masks
    settings : dict, the options that the model was made with, but for triples and seed
    known_triples : dict of str to int64 (n, 3)
        What the predictions mark as known, by the name of the part; at first those for training.

    References
    ----------
    pykeen.models.ERModel (1.11.1).

    Examples
    --------
    >>> from npembed.kge.datasets import Nations
    >>> rows = dict(embedding_dim=3, dropout=0.1)
    >>> model = ERModel(triples_factory=Nations().training, interaction="distmult", random_seed=0,
    ...                 entity_representations_kwargs=rows, relation_representations_kwargs=rows)
    >>> scores = model.score_hrt(np.array([[0, 1, 0]]).repeat(10, axis=0))
    >>> [f"{score:.4f}" for score in scores[:3, 0]]
    ['0.4432', '-0.1186', '0.5618']
    """

    def __init__(
        self, *, triples_factory, interaction, interaction_kwargs=None, entity_representations=None,
        entity_representations_kwargs=None, relation_representations=None, relation_representations_kwargs=None, loss=None,
        loss_kwargs=None, random_seed=None,
    ):  # fmt: skip
        if not (hasattr(triples_factory, "num_entities") and hasattr(triples_factory, "num_relations")):
            found = type(triples_factory).__name__
            raise TypeError(f"ERModel: triples_factory is a {found}; allowed: a TriplesFactory, such as Nations().training")
        self.triples_factory = triples_factory
        self.settings = copy.deepcopy({  # a later change of the caller's dicts must not reach them
            "interaction": interaction, "interaction_kwargs": interaction_kwargs, "loss": loss, "loss_kwargs": loss_kwargs,
            "entity_representations_kwargs": entity_representations_kwargs,
            "relation_representations_kwargs": relation_representations_kwargs,
        })  # fmt: skip
        asked = {"entity_representations": entity_representations, "relation_representations": relation_representations}
        self.settings |= {name: choice for name, choice in asked.items() if choice is not None}
        self.known_triples = {"training": np.asarray(getattr(triples_factory, "mapped_triples", np.zeros((0, 3), np.int64)))}
        self.num_entities = check.integer("ERModel", "triples_factory.num_entities", triples_factory.num_entities, minimum=1)
        self.num_relations = check.integer("ERModel", "triples_factory.num_relations", triples_factory.num_relations, minimum=1)
        self.interaction = _op(INTERACTIONS, interaction, interaction_kwargs, "interaction")
        loss = "margin_ranking" if loss is None else loss
        self.loss = _op(LOSSES, loss, loss_kwargs, "loss")
        self.lcwa_loss = _op(LCWA_LOSSES, loss, loss_kwargs, "loss") if isinstance(loss, str) else None
        if isinstance(loss, str):  # a bad option is refused here, not in the first batch
            self.loss.forward(np.ones((1, 1)), np.zeros((1, 1)))
        self.rng = generator(random_seed)
        self._held = None
        sides = {
            "entity": (self.num_entities, entity_representations, entity_representations_kwargs),
            "relation": (self.num_relations, relation_representations, relation_representations_kwargs),
        }
        entity, relation = make_sides(sides, self.rng)
        self.entity_representations, self.relation_representations = [entity], [relation]
        if entity.shape != relation.shape or len(entity.shape) != 1 or entity.dtype != relation.dtype:
            found = f"entities {entity.dtype} {entity.shape} and relations {relation.dtype} {relation.shape}"
            raise ValueError(f"ERModel: {found} do not fit; allowed: rows of one axis, of one length and dtype")
        self._check_interaction(to_compute_dtype(np.ones((2, *entity.shape), entity.dtype)))

    def _check_interaction(self, rows):
        """Refuse here, not at the first score, a bad option, and an Op of one's own that gives something else than scores and gradients."""
        forward, vjp = self.interaction.forward, self.interaction.vjp
        with np.errstate(all="ignore"):
            scores = check.like(
                "ERModel", "interaction.forward(...)", forward(rows, rows, rows), (2,), rows.real.dtype, "2 triples"
            )
            check.gradients("ERModel", "interaction.vjp", vjp(scores, rows, rows, rows), h=rows, r=rows, t=rows)

    def _settings(self):
        entity, relation = self._sides
        return {
            "interaction": self.interaction,
            "entity_normalizer": entity.normalizer,
            "relation_normalizer": relation.normalizer,
        }

    def _regularizers(self):
        return tuple(side.regularizer for side in self._sides)

    def _masks(self, h, r, t):
        """Masks for the rows of heads, relations and tails, drawn in this order."""
        entity, relation = self._sides
        return tuple(layer.draw_mask(ids.shape + layer.shape) for layer, ids in ((entity, h), (relation, r), (entity, t)))

    def loss_and_gradients(self, positives, negatives, keep=None):
        """The loss of a batch, and its gradients with respect to all tables.

        Parameters
        ----------
        positives : int64 (B, 3)
        negatives : int64 (B, K, 3)
        keep : bool (B, K), or None for all
            True where a negative counts.

        Returns
        -------
        loss : float
        gradients : tuple of RowSparse, in the order of `layers`
        """
        positives, negatives = check.batch("loss_and_gradients", positives, negatives, self.num_entities, self.num_relations)
        if not self._plain:
            self._pop_regularization_terms()
            about = {"loss": self.loss, "interaction": self.interaction, "keep": keep}
            return composites.loss_and_gradients(self._sides, self.layers, positives, negatives, **about)
        entity, relation = self.layers
        flat = negatives.reshape(-1, 3) if keep is None else negatives[keep]
        loss, *gradients = batch.loss_and_gradients(
            entity.weight, relation.weight, positives, negatives, loss=self.loss, keep=keep, regularizers=self._regularizers(),
            masks=(self._masks(*positives.T), self._masks(*flat.T)), **self._settings(),
        )  # fmt: skip
        return loss, tuple(gradients)

    def lcwa_loss_and_gradients(self, pairs, labels, target="tail"):
        """The loss of a batch of pairs with all candidates for the target, and its gradients with respect to all tables.

        Parameters
        ----------
        pairs : int64 (B, 2)
            (head, relation) for "tail", (head, tail) for "relation", (relation, tail) for "head".
        labels : ndarray (B, N) of numbers, 1 for true and 0 for false
        target : "head", "relation" or "tail"

        Returns
        -------
        loss : float
        gradients : tuple of RowSparse, in the order of `layers`

        Raises
        ------
        ValueError
            If the loss is an Op, of which the form for labels is not known.
        """
        if self.lcwa_loss is None:
            raise ValueError(
                f"lcwa_loss_and_gradients: loss is an Op of two kinds of scores; allowed: a name ({check.names(LCWA_LOSSES)})"
            )
        given = check.choice("lcwa_loss_and_gradients", "target", target, tuple(batch.PAIRS))
        sizes = {"head": self.num_entities, "relation": self.num_relations, "tail": self.num_entities}
        pairs = check.columns("lcwa_loss_and_gradients", pairs, "pairs", **{name: sizes[name] for name in batch.PAIRS[given]})
        if not self._plain:
            self._pop_regularization_terms()
            about = {"loss": self.lcwa_loss, "interaction": self.interaction, "target": target}
            return composites.lcwa_loss_and_gradients(self._sides, self.layers, pairs, labels, **about)
        entity, relation = self.layers
        ids = dict(zip(batch.PAIRS[given], (pairs[:, :1], pairs[:, 1:]), strict=True)) | {given: np.arange(sizes[given])}
        loss, *gradients = batch.lcwa_loss_and_gradients(
            entity.weight, relation.weight, pairs, labels, loss=self.lcwa_loss, target=target, regularizers=self._regularizers(),
            masks=self._masks(ids["head"], ids["relation"], ids["tail"]), **self._settings(),
        )  # fmt: skip
        return loss, tuple(gradients)

    def __repr__(self):
        entity, relation = self._sides
        return f"ERModel(num_entities={self.num_entities}, num_relations={self.num_relations}, entities={entity}, relations={relation})"


def _op(registry, choice, options, argument):
    options = check.keywords("ERModel", f"{argument}_kwargs", options)
    if isinstance(choice, str):
        choice = registry[resolve(registry, choice, function="ERModel", argument=argument)]
        check.options("ERModel", f"{argument}_kwargs", options, choice.forward)
    if not isinstance(choice, Op):
        raise TypeError(f"ERModel: {argument} is a {type(choice).__name__}; allowed: a name ({check.names(registry)}) or an Op")
    return choice.bind(**options)
