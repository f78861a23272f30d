"""How a model scores: triples, and all candidates for what is missing in one, by either of two engines."""

import contextlib
from typing import Any

import numpy as np

from ... import check
from ...embedding.lookup import lookup, transform
from ...numerics.precision import to_compute_dtype
from ..interactions import score_all
from ..score import score
from . import composites

ENGINES = ("layered", "fused")
"""How to score all candidates: step by step, which is the definition, or by loops without temporaries, which is for speed."""


ALL = slice(None)
"""For the ids of all rows."""


@check.public
class Scorer:
    """The scores of a model; the model has representations, an interaction, and draws its dropout masks."""

    _held: list | None = None

    def _score(self: Any, h, r, t):
        if not self._plain:
            return composites.score(self._sides, h, r, t, interaction=self.interaction)
        entity, relation = self.layers
        return score(entity.weight, relation.weight, h, r, t, masks=self._masks(h, r, t), **self._settings())

    def score_hrt(self: Any, hrt_batch):
        """Score triples.

        Parameters
        ----------
        hrt_batch : integers (B, 3), the columns head, relation, tail

        Returns
        -------
        ndarray (B, 1)
        """
        hrt = check.triples("score_hrt", hrt_batch, self.num_entities, self.num_relations, "hrt_batch")
        return self._score(*hrt.T)[:, None]

    def score_t(self: Any, hr_batch, tails=None, *, engine="layered"):
        """Score tails for given heads and relations.

        Parameters
        ----------
        hr_batch : integers (B, 2), the columns head, relation
        tails : integers (k,) or (B, k), or None for all entities
        engine : "layered" or "fused"
            "fused" means the same and is faster by far where many tails are scored, see `npembed.kge.interactions.score_all`. What has
            no fast form, ``(B, k)`` tails, scores with dropout, and normalizers along PyKEEN's axis are layered either way.

        Returns
        -------
        ndarray (B, N), or (B, k)
        """
        hr = check.columns("score_t", hr_batch, "hr_batch", head=self.num_entities, relation=self.num_relations)
        tails = self._candidates("score_t", "tails", tails, self.num_entities, len(hr))
        return self._score_side("score_t", "tail", engine, hr[:, :1], hr[:, 1:], tails)

    def score_r(self: Any, ht_batch, relations=None, *, engine="layered"):
        """Score relations for given heads and tails, columns of `ht_batch`; see `score_t`."""
        ht = check.columns("score_r", ht_batch, "ht_batch", head=self.num_entities, tail=self.num_entities)
        relations = self._candidates("score_r", "relations", relations, self.num_relations, len(ht))
        return self._score_side("score_r", "relation", engine, ht[:, :1], relations, ht[:, 1:])

    def score_h(self: Any, rt_batch, heads=None, *, engine="layered"):
        """Score heads for given relations and tails, columns of `rt_batch`; see `score_t`."""
        rt = check.columns("score_h", rt_batch, "rt_batch", relation=self.num_relations, tail=self.num_entities)
        heads = self._candidates("score_h", "heads", heads, self.num_entities, len(rt))
        return self._score_side("score_h", "head", engine, heads, rt[:, :1], rt[:, 1:])

    def _score_side(self: Any, function, side, engine, h, r, t):
        """Score each query ``(B, 1)`` against the candidates of a side: ``(k,)``, ``(B, k)``, or a slice for all."""
        check.choice(function, "engine", engine, ENGINES)
        ids = {"head": h, "relation": r, "tail": t}
        plain = all(_row_by_row(part) for part in self.parts)
        if engine == "fused" and plain and (ids[side] is ALL or ids[side].ndim == 1):
            rows = [self._rows(name == "relation", x if name == side else x[:, 0]) for name, x in ids.items()]
            return score_all(*rows, interaction=self.interaction, side=side)
        if ids[side] is ALL:
            ids[side] = np.arange(self.num_relations if side == "relation" else self.num_entities)
        return self._score(*ids.values())

    def _rows(self: Any, which, ids):
        """Rows of entities (0) or of relations (1), normalized: those of `ids`, or all."""
        if self._held is not None:
            return self._held[which] if ids is ALL else self._held[which][ids]
        if not self._plain:
            return to_compute_dtype(self._sides[which].look_up(None if ids is ALL else ids).output)
        layer = self.layers[which]
        if ids is ALL:
            return to_compute_dtype(transform(layer.weight, normalizer=layer.normalizer))
        return to_compute_dtype(lookup(layer.weight, ids, normalizer=layer.normalizer))

    @contextlib.contextmanager
    def held(self: Any):
        """While this lasts, "fused" scores are those of the tables as they are now: all rows are normalized once, not at each call.

        >>> from npembed.kge.datasets import Nations
        >>> from npembed.kge.models import ERModel
        >>> rows = dict(embedding_dim=3, normalizer="normalize")
        >>> model = ERModel(triples_factory=Nations().training, interaction="distmult", random_seed=0,
        ...                 entity_representations_kwargs=rows, relation_representations_kwargs=rows)
        >>> with model.held():
        ...     model.score_t([[0, 1]], engine="fused").shape
        (1, 14)
        """
        before = self._held
        self._held = [self._rows(which, ALL) for which in (0, 1)]
        try:
            yield
        finally:
            self._held = before

    @staticmethod
    def _candidates(function, argument, ids, size, num_rows):
        if ids is None:
            return ALL
        ids = check.ids(function, ids, size, argument)
        if ids.ndim == 1 or (ids.ndim == 2 and len(ids) == num_rows):
            return ids
        raise ValueError(
            f"{function}: {argument} has shape {ids.shape}; allowed: (k,) for all, or ({num_rows}, k) for each its own"
        )


def _row_by_row(part):
    """Whether a row is the same whatever else is looked up with it: no dropout, and no normalizer along PyKEEN's axis."""
    return not (part.training and part.dropout) and (part.normalizer is None or part.compat != "pykeen")
