"""Training runs told in a few words, and how to run them here and in PyKEEN, to be compared number by number.

A case is a dict: dataset, model, seed, epochs, dim, batch_size, lr, and, where it differs from the default, loop, negatives, optimizer,
p, sampler, dropout, loss, entity_normalizer, entity_constrainer, compat.
"""

from npembed.datasets import load
from npembed.evaluation import evaluate, metric
from npembed.models import MODELS
from npembed.training import OptimizerUpdate, fit


def sides(case, options):
    """Options of the entity layer, and dropout on both."""
    if "entity_normalizer" in case:
        options |= {"entity_normalizer": case["entity_normalizer"], "entity_constrainer": None}
    if "dropout" in case:
        options |= {"entity_dropout": case["dropout"], "relation_dropout": case["dropout"]}
    return options


def our_run(case, weights=None):
    """Losses, mean rank, MRR and row norms of a replay; without torch."""
    data = load(case["dataset"])
    options = sides(case, {"embedding_dim": case["dim"], "random_seed": case["seed"], "compat": case.get("compat")})
    if "p" in case:
        options["p"] = case["p"]
    model = MODELS[case["model"]](data.training, **options)
    loop = case.get("loop", "slcwa")
    slcwa = {"num_negatives": case.get("negatives", 1), "sampler": case.get("sampler", "basic")} if loop == "slcwa" else {}
    update = OptimizerUpdate(model, case.get("optimizer", "sgd"))
    run = fit(
        model, data.training.mapped_triples, epochs=case["epochs"], lr=case["lr"], batch_size=case["batch_size"], loop=loop,
        update=update, replay="pykeen", **slcwa,
    )  # fmt: skip
    epochs = list(run)
    known = [data.training.mapped_triples, data.validation.mapped_triples]
    found = evaluate(model, data.testing.mapped_triples, known=known)
    return {
        "losses": [epoch.loss for epoch in epochs],
        "mean_rank": metric(found, "mr"),
        "mrr": metric(found, "mrr"),
        "hits_at_10": metric(found, "hits@10"),
        "amri": metric(found, "amri"),
        "entity_row_norms": list(epochs[-1].entity_row_norms),
    }


def pykeen_run(case):
    """The same of PyKEEN."""
    import functools

    import torch
    from pykeen.datasets import get_dataset
    from pykeen.evaluation import RankBasedEvaluator
    from pykeen.models import ComplEx, DistMult, RotatE, TransE
    from pykeen.training import LCWATrainingLoop, SLCWATrainingLoop

    data = get_dataset(dataset=case["dataset"])
    cls = {"transe": TransE, "distmult": DistMult, "complex": ComplEx, "rotate": RotatE}[case["model"]]
    options = {"triples_factory": data.training, "embedding_dim": case["dim"], "random_seed": case["seed"]}
    if "p" in case:
        options["scoring_fct_norm"] = case["p"]
    if case.get("entity_normalizer"):
        options["entity_constrainer"] = None
    model = cls(**options)
    if case.get("entity_normalizer"):
        normalize = torch.nn.functional.normalize
        model.entity_representations[0].normalizer = normalize if case.get("compat") else functools.partial(normalize, dim=-1)
    if "dropout" in case:
        for representation in (*model.entity_representations, *model.relation_representations):
            representation.dropout = torch.nn.Dropout(case["dropout"])
    name = case.get("optimizer", "sgd")
    optimizer = {"sgd": torch.optim.SGD, "adagrad": torch.optim.Adagrad, "adam": torch.optim.Adam}[name](
        model.get_grad_params(), lr=case["lr"]
    )
    if case.get("loop", "slcwa") == "slcwa":
        loop = SLCWATrainingLoop(
            model=model, triples_factory=data.training, optimizer=optimizer, negative_sampler=case.get("sampler", "basic"),
            negative_sampler_kwargs={"num_negs_per_pos": case.get("negatives", 1)},
        )  # fmt: skip
    else:
        loop = LCWATrainingLoop(model=model, triples_factory=data.training, optimizer=optimizer)
    losses = loop.train(triples_factory=data.training, num_epochs=case["epochs"], batch_size=case["batch_size"], use_tqdm=False)
    evaluator = RankBasedEvaluator()
    found = evaluator.evaluate(
        model=model, mapped_triples=data.testing.mapped_triples, use_tqdm=False, batch_size=64,
        additional_filter_triples=[data.training.mapped_triples, data.validation.mapped_triples],
    )  # fmt: skip
    rows = model.entity_representations[0]._plain_forward(None).detach()
    norms = torch.linalg.vector_norm(rows, dim=-1)
    return {
        "losses": losses,
        "mean_rank": found.get_metric("mr"),
        "mrr": found.get_metric("mrr"),
        "hits_at_10": found.get_metric("hits@10"),
        "amri": found.get_metric("amri"),
        "entity_row_norms": [norms.min().item(), norms.max().item()],
    }
