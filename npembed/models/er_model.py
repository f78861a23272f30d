"""`ERModel`: entity and relation layers and an interaction, under PyKEEN's names; each method one call down to `npembed.model`."""

import copy
import math

import numpy as np

from .. import check, model
from ..interactions import INTERACTIONS
from ..layer import Embedding, from_state, table_shape
from ..losses import LCWA_LOSSES, LOSSES
from ..op import Op, arithmetic, resolve
from ..random import generator
from .predictions import ByLabel
from .scoring import Scorer

_SIDES = ("entity_representations.0", "relation_representations.0")


class ERModel(Scorer, ByLabel):
    """Entities, relations, and an interaction that scores triples of them.

    Parameters
    ----------
    triples_factory : TriplesFactory
        Says how many entities and relations there are.
    interaction : name or Op
        See `npembed.interactions.INTERACTIONS`.
    interaction_kwargs : dict, such as ``{"p": 2}``
    entity_representations_kwargs, relation_representations_kwargs : dict
        Options of `Embedding`, without ``max_id``.
    loss : name or Op; default margin ranking with margin 1
        A name stands for both forms, `npembed.losses.LOSSES` and `LCWA_LOSSES`; an Op for the first.
    loss_kwargs : dict, such as ``{"margin": 2.0}``
    random_seed : int, generator, or None
        An int replays PyKEEN: the same weights and dropout masks as there from this seed.

    Attributes
    ----------
    entity_representations, relation_representations : list of one `Embedding`
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
    >>> from npembed.datasets import Nations
    >>> rows = dict(embedding_dim=3, dropout=0.1)
    >>> model = ERModel(triples_factory=Nations().training, interaction="distmult", random_seed=0,
    ...                 entity_representations_kwargs=rows, relation_representations_kwargs=rows)
    >>> scores = model.score_hrt(np.array([[0, 1, 0]]).repeat(10, axis=0))
    >>> [f"{score:.4f}" for score in scores[:3, 0]]
    ['0.4432', '-0.1186', '0.5618']
    """

    def __init__(
        self, *, triples_factory, interaction, interaction_kwargs=None, entity_representations_kwargs=None,
        relation_representations_kwargs=None, loss=None, loss_kwargs=None, random_seed=None,
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
        self.known_triples = {"training": np.asarray(getattr(triples_factory, "mapped_triples", np.zeros((0, 3), np.int64)))}
        self.num_entities = check.integer("ERModel", "triples_factory.num_entities", triples_factory.num_entities, minimum=1)
        self.num_relations = check.integer("ERModel", "triples_factory.num_relations", triples_factory.num_relations, minimum=1)
        self.interaction = _op(INTERACTIONS, interaction, interaction_kwargs, "interaction")
        loss = "margin_ranking" if loss is None else loss
        self.loss = _op(LOSSES, loss, loss_kwargs, "loss")
        self.lcwa_loss = _op(LCWA_LOSSES, loss, loss_kwargs, "loss") if isinstance(loss, str) else None
        self.rng = generator(random_seed)
        self._held = None
        sides = {"entity": (self.num_entities, entity_representations_kwargs)}
        sides["relation"] = (self.num_relations, relation_representations_kwargs)
        for side, (_, options) in sides.items():
            _check_options(side, options)
        self._drawn = [_numbers(n, options) for n, options in sides.values()]
        self._draw_as_torch()
        self._draw_as_torch()
        entity, relation = (Embedding(n, rng=self.rng, **options) for n, options in sides.values())
        self.entity_representations, self.relation_representations = [entity], [relation]
        if entity.shape != relation.shape or len(entity.shape) != 1 or entity.dtype != relation.dtype:
            found = f"entities {entity.dtype} {entity.shape} and relations {relation.dtype} {relation.shape}"
            raise ValueError(f"ERModel: {found} do not fit; allowed: rows of one axis, of one length and dtype")
        probe = np.ones((1, *entity.shape), entity.dtype)
        self.interaction.forward(probe, probe, probe)  # a bad option is refused here, not at the first score

    def _draw_as_torch(self):
        """Draw what torch.nn.Embedding draws before PyKEEN's initializers do: once in its constructor, once when it is reset."""
        for size, dtype in self._drawn:
            self.rng.normal((size,), dtype=dtype)

    @property
    def layers(self):
        """The entity layer and the relation layer."""
        return self.entity_representations[0], self.relation_representations[0]

    def reset_parameters_(self):
        """Draw all tables anew, and constrain them."""
        self._draw_as_torch()
        for layer in self.layers:
            layer.reset_parameters()

    def state_dict(self):
        """Both tables as PyKEEN keeps them, copies, under PyKEEN's names.

        >>> from npembed.datasets import Nations
        >>> from npembed.models import rotate
        >>> {name: array.shape for name, array in rotate(Nations().training, embedding_dim=4).state_dict().items()}
        {'entity_representations.0._embeddings.weight': (14, 8), 'relation_representations.0._embeddings.weight': (55, 8)}
        """
        return {
            f"{side}.{name}": array
            for side, layer in zip(_SIDES, self.layers, strict=True)
            for name, array in layer.state_dict().items()
        }

    def load_state_dict(self, state):
        """Take over both tables of a state, ours or PyKEEN's; all of it is checked before anything changes."""
        if not callable(getattr(state, "keys", None)):
            raise TypeError(f"load_state_dict: state is a {type(state).__name__}; allowed: a dict of arrays by name")
        parts: dict = {side: {} for side in _SIDES}
        for name in state:
            side = next((side for side in _SIDES if str(name).startswith(f"{side}.")), None)
            if side is None:
                raise check.unknown("load_state_dict", "state", name, list(self.state_dict()))
            parts[side][name.removeprefix(f"{side}.")] = state[name]
        for side, layer in zip(_SIDES, self.layers, strict=True):
            from_state(f"load_state_dict: {side}", layer, parts[side])
        for side, layer in zip(_SIDES, self.layers, strict=True):
            layer.load_state_dict(parts[side])

    def post_parameter_update(self):
        """Constrain all tables; to be called after each update."""
        for layer in self.layers:
            layer.post_parameter_update()

    def train(self, mode=True):
        """Switch dropout on (or off) everywhere; returns the model."""
        for layer in self.layers:
            layer.train(mode)
        return self

    def eval(self):
        """Switch dropout off everywhere; returns the model."""
        return self.train(False)

    def _settings(self):
        entity, relation = self.layers
        return {
            "interaction": self.interaction,
            "entity_normalizer": entity.normalizer,
            "relation_normalizer": relation.normalizer,
        }

    def _regularizers(self):
        return tuple(layer.regularizer for layer in self.layers)

    def _masks(self, h, r, t):
        """Masks for the rows of heads, relations and tails, drawn in this order."""
        entity, relation = self.layers
        return tuple(layer.draw_mask(ids.shape + layer.shape) for layer, ids in ((entity, h), (relation, r), (entity, t)))

    def loss_and_gradients(self, positives, negatives, keep=None):
        """The loss of a batch, and its gradients with respect to the entity table and the relation table.

        Parameters
        ----------
        positives : int64 (B, 3)
        negatives : int64 (B, K, 3)
        keep : bool (B, K), or None for all
            True where a negative counts.

        Returns
        -------
        loss : float
        gradients : two RowSparse, in the order of `layers`
        """
        entity, relation = self.layers
        positives, negatives = check.batch("loss_and_gradients", positives, negatives, self.num_entities, self.num_relations)
        flat = negatives.reshape(-1, 3) if keep is None else negatives[keep]
        loss, *gradients = model.loss_and_gradients(
            entity.weight, relation.weight, positives, negatives, loss=self.loss, keep=keep, regularizers=self._regularizers(),
            masks=(self._masks(*positives.T), self._masks(*flat.T)), **self._settings(),
        )  # fmt: skip
        return loss, tuple(gradients)

    def lcwa_loss_and_gradients(self, pairs, labels, target="tail"):
        """The loss of a batch of pairs with all candidates for the target, and its gradients with respect to the two tables.

        Parameters
        ----------
        pairs : int64 (B, 2)
            (head, relation) for "tail", (head, tail) for "relation", (relation, tail) for "head".
        labels : ndarray (B, N) of numbers, 1 for true and 0 for false
        target : "head", "relation" or "tail"

        Returns
        -------
        loss : float
        gradients : two RowSparse, in the order of `layers`

        Raises
        ------
        ValueError
            If the loss is an Op, of which the form for labels is not known.
        """
        if self.lcwa_loss is None:
            raise ValueError(
                f"lcwa_loss_and_gradients: loss is an Op of two kinds of scores; allowed: a name ({check.names(LCWA_LOSSES)})"
            )
        entity, relation = self.layers
        given = check.choice("lcwa_loss_and_gradients", "target", target, tuple(model.PAIRS))
        sizes = {"head": self.num_entities, "relation": self.num_relations, "tail": self.num_entities}
        pairs = check.columns("lcwa_loss_and_gradients", pairs, "pairs", **{name: sizes[name] for name in model.PAIRS[given]})
        ids = dict(zip(model.PAIRS[given], (pairs[:, :1], pairs[:, 1:]), strict=True)) | {given: np.arange(sizes[given])}
        loss, *gradients = model.lcwa_loss_and_gradients(
            entity.weight, relation.weight, pairs, labels, loss=self.lcwa_loss, target=target, regularizers=self._regularizers(),
            masks=self._masks(ids["head"], ids["relation"], ids["tail"]), **self._settings(),
        )  # fmt: skip
        return loss, tuple(gradients)

    def __repr__(self):
        entity, relation = self.layers
        return f"ERModel(num_entities={self.num_entities}, num_relations={self.num_relations}, entities={entity}, relations={relation})"


def _op(registry, choice, options, argument):
    options = check.keywords("ERModel", f"{argument}_kwargs", options)
    if isinstance(choice, str):
        choice = registry[resolve(registry, choice, function="ERModel", argument=argument)]
        check.options("ERModel", f"{argument}_kwargs", options, choice.forward)
    if not isinstance(choice, Op):
        raise TypeError(f"ERModel: {argument} is a {type(choice).__name__}; allowed: a name ({check.names(registry)}) or an Op")
    return choice.bind(**options)


def _check_options(side, options):
    name = f"{side}_representations_kwargs"
    if not isinstance(options, dict):
        raise TypeError(f"ERModel: {name} is a {type(options).__name__}; allowed: a dict such as dict(embedding_dim=50)")
    for given in ("max_id", "num_embeddings", "rng"):
        if given in options:
            source = "random_seed" if given == "rng" else "triples_factory"
            raise TypeError(f"ERModel: {name} holds {given!r}; allowed: options of Embedding without it, it comes from {source}")
    check.options("ERModel", name, options, Embedding)


def _numbers(n, options):
    """How many real numbers a table holds, and of which dtype."""
    dtype = check.dtype("Embedding", "dtype", options.get("dtype") or np.float32)
    shape = table_shape(n, options.get("embedding_dim"), None, options.get("shape"))
    return math.prod(shape) * (2 if dtype.kind == "c" else 1), arithmetic(np.empty(0, dtype).real.dtype)
