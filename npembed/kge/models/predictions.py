"""Answers in labels: the vector of an entity by its name, and the most plausible completions of a triple."""

import functools
from typing import Any, NamedTuple

import numpy as np

from ... import check
from ...layers.modes import evaluation_mode
from ..columns import COLUMNS
from ..datasets.labels import unknown_label


class Prediction(NamedTuple):
    """One answer: its label, its id, its score, and in which part of the graph the triple is known ("" if in none)."""

    label: str
    id: int
    score: float
    known: str


@check.public
class Predictions:
    """Answers to one question, the most plausible first; a sequence of `Prediction`.

    Attributes
    ----------
    target : "head", "relation" or "tail"
    given : dict of str to str, the labels that were given

    Examples
    --------
    >>> print(Predictions("tail", {"head": "ann", "relation": "knows"}, [Prediction("bob", 1, 0.5, "training")]))
    ann  knows  ?
      bob  0.5000  training
    """

    def __init__(self, target, given, answers):
        self.target, self.given, self._answers = target, dict(given), list(answers)

    def __len__(self):
        return len(self._answers)

    def __getitem__(self, place):
        return self._answers[place]

    def __iter__(self):
        return iter(self._answers)

    def to_frame(self):
        """The answers as a pandas DataFrame, with the columns ``{target}``, ``{target}_id``, ``score`` and ``known``.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "Predictions.to_frame: pandas is missing; allowed: with pandas installed (pip install pandas)"
            ) from None
        names = {"label": self.target, "id": f"{self.target}_id"}
        return pandas.DataFrame(self._answers, columns=list(Prediction._fields)).rename(columns=names)

    def __str__(self):
        labels = [check.escaped(answer.label) for answer in self]
        width = max(map(len, labels), default=0)
        question = "  ".join(check.escaped(self.given.get(column, "?")) for column in COLUMNS)
        scores = [f"{answer.score:.4f}" for answer in self]
        wide = max(map(len, scores), default=0)
        rows = zip(self, labels, scores, strict=True)
        lines = (f"  {label:<{width}}  {score:>{wide}}  {answer.known}".rstrip() for answer, label, score in rows)
        return "\n".join([question, *lines])

    def __repr__(self):
        return f"Predictions({self.target!r}, {self.given}, {len(self)} answers)"


@check.public
class ByLabel:
    """What a model says of entities and relations by name; the model has a `TriplesFactory`, representations and scores.

    An entity or relation may also be given by its id.
    """

    def entity_vector(self: Any, entity):
        """What the entity representation says of one entity, without dropout: a row of its own, normalized if that normalizes.

        >>> from npembed.kge.datasets import Nations
        >>> from npembed.kge.models import transe
        >>> transe(Nations().training, embedding_dim=8).entity_vector("brazil").shape
        (8,)
        """
        return _vectors(self.entity_representations[0], self._id("entity_vector", "entity", entity))

    def relation_vector(self: Any, relation):
        """What the relation representation says of one relation; see `entity_vector`."""
        return _vectors(self.relation_representations[0], self._id("relation_vector", "relation", relation))

    def entity_vectors(self: Any):
        """What is said of all entities, ``(num_entities, *shape)``, in the order of ``triples_factory.entity_labels``."""
        return _vectors(self.entity_representations[0], np.arange(self.num_entities))

    def relation_vectors(self: Any):
        """What is said of all relations, in the order of ``triples_factory.relation_labels``."""
        return _vectors(self.relation_representations[0], np.arange(self.num_relations))

    def predict_tails(self: Any, head, relation, k=10, *, drop_known=False):
        """The k most plausible tails.

        Parameters
        ----------
        head, relation : label or id
        k : int >= 1, or None for all
        drop_known : bool
            Whether to leave out what is known; otherwise it is marked.

        Returns
        -------
        Predictions
            By score, the highest first; of equal ones the lowest id first.

        Raises
        ------
        UnknownNameError
            For a label that is not known, with the nearest one.
        FloatingPointError
            For scores that are NaN.

        Examples
        --------
        >>> from npembed.kge.datasets import Nations
        >>> from npembed.kge.models import transe
        >>> [answer.known for answer in transe(Nations().training, random_seed=0).predict_tails("brazil", "embassy", k=3)]
        ['', '', 'training']
        """
        return self._predict("predict_tails", {"head": head, "relation": relation}, k, drop_known)

    def predict_heads(self: Any, relation, tail, k=10, *, drop_known=False):
        """The k most plausible heads; see `predict_tails`."""
        return self._predict("predict_heads", {"relation": relation, "tail": tail}, k, drop_known)

    def predict_relations(self: Any, head, tail, k=10, *, drop_known=False):
        """The k most plausible relations; see `predict_tails`."""
        return self._predict("predict_relations", {"head": head, "tail": tail}, k, drop_known)

    def _predict(self: Any, function, given, k, drop_known):
        """All candidates for the column that is not given, scored and marked."""
        (target,) = set(COLUMNS) - given.keys()
        ids = {name: self._id(function, name, value) for name, value in given.items()}
        k = k if k is None else check.integer(function, "k", k, minimum=1)
        check.choice(function, "drop_known", drop_known, (True, False))
        scorer = {"head": self.score_h, "relation": self.score_r, "tail": self.score_t}[target]
        with evaluation_mode(self):
            scores = scorer(np.array([list(ids.values())]), engine="fused")[0]
        if np.isnan(scores).any():
            found = f"{np.count_nonzero(np.isnan(scores))} of {len(scores)} scores are NaN"
            raise FloatingPointError(
                f"{function}: {found}; allowed: numbers and infinities, since a NaN has no place in an order"
            )
        known = self._known(target, ids)
        order = [i for i in np.argsort(-scores, kind="stable").tolist() if not (drop_known and i in known)][:k]
        labels = self._labels("relation" if target == "relation" else "entity")
        said = {name: self._labels("relation" if name == "relation" else "entity")[i] for name, i in ids.items()}
        return Predictions(target, said, [Prediction(labels[i], i, float(scores[i]), known.get(i, "")) for i in order])

    def _known(self: Any, target, ids):
        """For each candidate that completes a known triple, the first part of the graph that holds it."""
        found: dict = {}
        for part, triples in self.known_triples.items():
            fits = functools.reduce(np.logical_and, (triples[:, COLUMNS.index(name)] == i for name, i in ids.items()))
            for candidate in triples[fits, COLUMNS.index(target)].tolist():
                found.setdefault(candidate, part)
        return found

    def _labels(self: Any, kind):
        """The label of each entity, or of each relation: a number where the triples have none."""
        size = self.num_relations if kind == "relation" else self.num_entities
        return getattr(self.triples_factory, f"{kind}_labels", None) or tuple(map(str, range(size)))

    def _id(self: Any, function, argument, value):
        """The id that a label or an id means."""
        kind = "relation" if argument == "relation" else "entity"
        if not isinstance(value, str):
            size = self.num_relations if kind == "relation" else self.num_entities
            return check.integer(function, argument, value, minimum=0, maximum=size - 1)
        ids = getattr(self.triples_factory, f"{kind}_to_id", None)
        if ids is None:
            raise TypeError(f"{function}: {argument} = {value!r} is a label, and the model's triples have none; allowed: an id")
        if value not in ids:
            raise unknown_label(function, argument, value, tuple(ids))
        return ids[value]


def _vectors(representation, ids):
    """Rows as they are said in evaluation mode."""
    with evaluation_mode(representation):
        return representation(ids)
