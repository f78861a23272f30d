"""PyKEEN: whole models."""

import functools

import numpy as np

from ....kge import models
from ....kge.datasets import TriplesFactory
from ....kge.evaluation import evaluate
from ....kge.training import fit
from ..finding import Finding, Raises

_found = functools.partial(Finding, "pykeen", ("1.11.1", "1.11.1"))
TRIPLES = np.array([[0, 0, 1], [1, 0, 2], [2, 1, 0]])


def _model(rows, relations, **options):
    """A model of ours with all entities and relations alike."""
    factory = TriplesFactory(TRIPLES, {"a": 0, "b": 1, "c": 2}, {"r": 0, "s": 1})
    entity, relation = dict(shape=(len(rows),), initializer="ones", **options), dict(shape=(len(relations),), initializer="ones")
    model = models.ERModel(
        triples_factory=factory, interaction="distmult", random_seed=0,
        entity_representations_kwargs=entity, relation_representations_kwargs=relation,
    )  # fmt: skip
    for (layer,), row in ((model.entity_representations, rows), (model.relation_representations, relations)):
        layer.weight = np.tile(np.array(row, np.float32), (len(layer.weight), 1))
    return model


def scores_differ():
    """a model with a normalizer gives a triple one score in training and another in evaluation"""
    import torch
    from pykeen.models import ERModel
    from pykeen.nn import Embedding
    from pykeen.triples import TriplesFactory

    triples = torch.tensor([[0, 0, 1], [1, 0, 2], [2, 1, 0]])
    model = ERModel(
        triples_factory=TriplesFactory(triples, {"a": 0, "b": 1, "c": 2}, {"r": 0, "s": 1}),
        interaction="distmult",
        entity_representations=Embedding,
        entity_representations_kwargs=dict(shape=2, normalizer="normalize"),
        relation_representations=Embedding,
        relation_representations_kwargs=dict(shape=2, initializer="ones"),
    )
    model.entity_representations[0]._embeddings.weight.data = torch.tensor([[3.0, 4.0]] * 3)
    return [model.score_hrt(triples)[0, 0].item(), model.score_t(triples[:, :2])[0, 1].item()]


def _scores():
    model = _model([3.0, 4.0], [1.0, 1.0], normalizer="normalize")
    return [model.score_hrt(TRIPLES)[0, 0].item(), model.score_t(TRIPLES[:, :2])[0, 1].item()]


def sizes_do_not_fit():
    """a model whose relations are shorter than its entities is built, and scores"""
    import torch
    from pykeen.models import ERModel
    from pykeen.nn import Embedding
    from pykeen.triples import TriplesFactory

    triples = torch.tensor([[0, 0, 1], [1, 0, 2], [2, 1, 0]])
    model = ERModel(
        triples_factory=TriplesFactory(triples, {"a": 0, "b": 1, "c": 2}, {"r": 0, "s": 1}),
        interaction="distmult",
        entity_representations=Embedding,
        entity_representations_kwargs=dict(shape=3, initializer="ones"),
        relation_representations=Embedding,
        relation_representations_kwargs=dict(shape=1, initializer="ones"),
    )
    return model.score_hrt(triples)[0].tolist()


def transh_normals():
    """TransH keeps the translations of length one, and not the normals of its planes"""
    import torch
    from pykeen.models import TransH
    from pykeen.triples import TriplesFactory

    triples = torch.tensor([[0, 0, 1], [1, 0, 2], [2, 1, 0]])
    model = TransH(triples_factory=TriplesFactory(triples, {"a": 0, "b": 1, "c": 2}, {"r": 0, "s": 1}), embedding_dim=2)
    model.post_parameter_update()
    normals = model.relation_representations[0](None).norm(dim=-1)
    return bool(((normals - 1).abs() < 1e-6).all())


def raw_ranks():
    """ranks that are not filtered cannot be computed"""
    import torch
    from pykeen.evaluation import RankBasedEvaluator
    from pykeen.models import DistMult
    from pykeen.triples import TriplesFactory

    triples = torch.tensor([[0, 0, 1], [1, 0, 2], [2, 1, 0]])
    model = DistMult(triples_factory=TriplesFactory(triples, {"a": 0, "b": 1, "c": 2}, {"r": 0, "s": 1}), embedding_dim=2)
    results = RankBasedEvaluator(filtered=False).evaluate(model, triples, batch_size=3, use_tqdm=False)
    return float(results.get_metric("count"))


def weights_drawn_anew():
    """training begins with drawing all weights anew, also those that were set"""
    import torch
    from pykeen.models import DistMult
    from pykeen.training import SLCWATrainingLoop
    from pykeen.triples import TriplesFactory

    triples = torch.tensor([[0, 0, 1], [1, 0, 2], [2, 1, 0]])
    factory = TriplesFactory(triples, {"a": 0, "b": 1, "c": 2}, {"r": 0, "s": 1})
    model = DistMult(triples_factory=factory, embedding_dim=2, entity_constrainer=None)
    model.entity_representations[0]._embeddings.weight.data.fill_(7.0)
    loop = SLCWATrainingLoop(model=model, triples_factory=factory, optimizer=torch.optim.SGD(model.parameters(), lr=0.0))
    loop.train(factory, num_epochs=1, batch_size=3, use_tqdm=False)
    return bool((model.entity_representations[0]._embeddings.weight == 7).all())


def _weights():
    model = _model([7.0, 7.0], [1.0, 1.0])
    list(fit(model, TRIPLES, epochs=1, lr=0.0))
    return bool((model.entity_representations[0].weight == 7).all())


MODELS = (
    _found("P2c", scores_differ, [1.0, 1.4], [1.0, 1.0],
           "The entities are (3, 4) / 5, so that the score is .36 + .64 however it is asked for. With one tail after another the heads are "
           "looked up with ids in two dimensions, see P2.", ours=_scores, rtol=1e-6),
    _found("P29", transh_normals, False, True,
           "The distance from a plane is <w, x> only for a normal w of length one. The constrainer stands at the other representation.",
           "pykeen#1057"),
    _found("P30", raw_ranks, Raises(("ValueError",)), 6.0, "Three triples have three heads and three tails to rank.", "pykeen#1620",
           lambda: float(evaluate(_model([1.0], [1.0]), TRIPLES, filtered=False)["both.realistic.count"])),
    _found("P32", sizes_do_not_fit, [3.0], Raises(("ValueError",)), "DistMult multiplies number by number: there are three, and one.",
           ours=lambda: _model([1.0] * 3, [1.0]).score_hrt(TRIPLES)[0].tolist()),
    _found("P33", weights_drawn_anew, False, True, "With the learning rate 0 every weight is what it was set to.", "pykeen#640", _weights),
)  # fmt: skip
