"""How good a model is: the ranks of true triples among all candidates, and 22 metrics of them under PyKEEN's names.

`ranks` asks the model and counts; `metrics` sums the ranks up; `evaluate` is the one after the other.
"""

from ... import check
from .known import Known, index_known, known_answers
from .metrics import METRICS, SYNONYMS, metric, metric_key, metrics
from .ranks import BLOCK, Ranks, SideRanks, ranks


@check.public
def evaluate(model, triples, *, known=(), filtered=True, block=None, engine="fused"):
    """Rank true triples among all candidates, on the head side and on the tail side, and sum the ranks up.

    Parameters
    ----------
    model : anything with ``score_t(hr_batch)`` and ``score_h(rt_batch)``, such as `npembed.kge.models.ERModel`
    triples : integers (n, 3), columns head, relation, tail; at least one
    known, filtered, block, engine
        As in `ranks`. Without the training triples in `known`, a model is punished for what it was taught.

    Returns
    -------
    dict of str to float, see `metrics`

    Raises
    ------
    FloatingPointError
        If a score is NaN (see `ranks`), or all scores of a query are infinite: then there is nothing to be ranked among.

    References
    ----------
    pykeen.evaluation.RankBasedEvaluator (1.11.1).

    Examples
    --------
    >>> from npembed.kge.datasets import Nations
    >>> from npembed.kge.models import ERModel
    >>> nations, rows = Nations(), dict(embedding_dim=8)
    >>> model = ERModel(triples_factory=nations.training, interaction="distmult", entity_representations_kwargs=rows,
    ...                 relation_representations_kwargs=rows, random_seed=0)
    >>> known = [nations.training.mapped_triples, nations.validation.mapped_triples]
    >>> result = evaluate(model, nations.testing.mapped_triples, known=known)
    >>> round(metric(result, "mrr"), 2), round(metric(result, "amri"), 2)  # not trained: an AMRI near 0
    (0.33, -0.08)
    """
    found = ranks(model, triples, known=known, filtered=filtered, block=block, engine=engine)
    for side, one in found._asdict().items():
        if not one.candidates.all():
            said = f"all {side} scores of triples[{one.candidates.argmin()}] are infinite"
            raise FloatingPointError(f"evaluate: {said}; allowed: at least one that is finite")
    return metrics(found)


__all__ = [
    "BLOCK", "METRICS", "SYNONYMS", "Known", "Ranks", "SideRanks", "evaluate", "index_known",
    "known_answers", "metric", "metric_key", "metrics", "ranks",
]  # fmt: skip
