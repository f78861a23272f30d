"""Training runs told in a few words, and how to run them here and in PyKEEN, to be compared number by number.

A case is a dict: dataset, model, seed, epochs, dim, batch_size, lr, and, where it differs from the default, loop, target, negatives,
optimizer, p, sampler, filtered, dropout, entity_normalizer, entity_constrainer, compat.
"""

import contextlib
import gc
from typing import NamedTuple

import numpy as np

from npembed.kge.datasets import load
from npembed.kge.evaluation import evaluate, metric
from npembed.kge.models import MODELS
from npembed.kge.training import OptimizerUpdate, fit

LEARNING_RATES = {"sgd": (0.01, 0.1, 1.0), "adagrad": (0.01, 0.1), "adam": (0.001, 0.01)}


class Trail(NamedTuple):
    """What a run went through: the two tables before the first batch and after each, their gradients in each batch, and, here alone,
    what each batch held."""

    tables: list
    gradients: list
    batches: list


def number_of_batches(case):
    """How many batches an epoch of the case has."""
    triples = load(case["dataset"]).training.mapped_triples
    columns = {"head": [1, 2], "relation": [0, 2], "tail": [0, 1]}[case.get("target", "tail")]
    n = len(triples) if case.get("loop", "slcwa") == "slcwa" else len(np.unique(triples[:, columns], axis=0))
    return -(-n // case["batch_size"])


def draw(rng, dataset=None, model=None, optimizer=None, loop=None):
    """A case of a kind that PyKEEN can run too, drawn from a numpy generator; `epochs` is small."""

    def one(*choices):
        return choices[rng.integers(len(choices))]

    case = {
        "dataset": dataset or one("nations", "kinships", "umls"),
        "model": model or one(*MODELS),
        "seed": int(rng.integers(2**31)),
    }
    case["dim"] = int(rng.integers(2, 33 if case["dataset"] == "nations" else 17))
    case["epochs"], case["batch_size"] = (3, one(128, 256, 300)) if case["dataset"] == "nations" else (2, one(512, 700, 1024))
    optimizer = optimizer or one("sgd", "adagrad", "adam")
    case |= {"optimizer": optimizer, "lr": one(*LEARNING_RATES[optimizer]), "loop": loop or one("slcwa", "lcwa")}
    if case["loop"] == "slcwa":
        case |= {"negatives": int(rng.integers(1, 6)), "sampler": one("basic", "bernoulli"), "filtered": one(False, True)}
    else:
        case["target"] = one("tail", "tail", "head", "relation")
        case["batch_size"] = one(32, 64, 100) if case["dataset"] == "nations" else one(128, 256)
    if case["model"] == "transe":
        case["p"] = one(1, 2)
    if case["model"] in ("transe", "distmult") and one(False, True):
        case["dropout"] = one(0.1, 0.3)
    return case


def kind(case):
    """How near a replay must come: "smooth" (nothing makes one ulp grow), "kinked" (one ulp may turn a decision), or "adam"."""
    if case["model"] == "rotate" or (case["model"] == "transe" and case.get("p", 1) == 1):
        return "kinked"
    return "adam" if case.get("optimizer") == "adam" else "smooth"


# ---- here


def our_model(case):
    """The model of a case."""
    options = {"embedding_dim": case["dim"], "random_seed": case["seed"], "compat": case.get("compat")}
    if "entity_normalizer" in case:
        options |= {"entity_normalizer": case["entity_normalizer"], "entity_constrainer": None}
    if "entity_constrainer" in case:
        options["entity_constrainer"] = case["entity_constrainer"]
    if "dropout" in case:
        options |= {"entity_dropout": case["dropout"], "relation_dropout": case["dropout"]}
    if "p" in case:
        options["p"] = case["p"]
    return MODELS[case["model"]](load(case["dataset"]).training, **options)


def our_run(case, trail=None):
    """Losses, metrics and row norms of a replay, without torch; a `trail` of empty lists is filled."""
    data, model = load(case["dataset"]), our_model(case)
    loop = case.get("loop", "slcwa")
    known = {"slcwa": {"negatives": "num_negatives", "sampler": "sampler", "filtered": "filtered"}, "lcwa": {"target": "target"}}
    options = {name: case[key] for key, name in known[loop].items() if key in case}
    update = optimize = OptimizerUpdate(model, case.get("optimizer", "sgd"))
    if trail is not None:

        def update(model, gradients, lr):
            if not trail.tables:
                trail.tables.append([layer.weight.copy() for layer in model.layers])
            trail.gradients.append([gradient.to_dense() for gradient in gradients])
            optimize(model, gradients, lr)
            trail.tables.append([layer.weight.copy() for layer in model.layers])

        watch_batches(model, loop, trail.batches)
    epochs = list(
        fit(
            model, data.training.mapped_triples, epochs=case["epochs"], lr=case["lr"], batch_size=case["batch_size"], loop=loop,
            update=update, replay="pykeen", **options,
        )
    )  # fmt: skip
    if trail is not None:
        del trail.batches[: -len(trail.tables) + 1]  # those of the probing run
        del model._masks  # evaluation is nothing to be noted
    found = evaluate(model, data.testing.mapped_triples, known=[data.training.mapped_triples, data.validation.mapped_triples])
    return {
        "losses": [epoch.loss for epoch in epochs],
        "mean_rank": metric(found, "mr"),
        "mrr": metric(found, "mrr"),
        "hits_at_10": metric(found, "hits@10"),
        "amri": metric(found, "amri"),
        "entity_row_norms": list(epochs[-1].entity_row_norms),
    }


def watch_batches(model, loop, batches):
    """Let a model note each batch that it takes the loss of, and the masks that it draws for it."""
    name = {"slcwa": "loss_and_gradients", "lcwa": "lcwa_loss_and_gradients"}[loop]
    original, draw_masks = getattr(model, name), model._masks

    def noted(*batch):
        batches.append((batch, []))
        return original(*batch)

    def masks(*ids):
        batches[-1][1].append(draw_masks(*ids))
        return batches[-1][1][-1]

    setattr(model, name, noted)
    model._masks = masks


# ---- in PyKEEN


@contextlib.contextmanager
def quick_collection():
    """PyKEEN collects garbage after each epoch, which takes most of the time of a small run unless what is loaded is left out."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def pykeen_model(case):
    """The model of a case in PyKEEN."""
    import functools

    import torch
    from pykeen.datasets import get_dataset
    from pykeen.models import ComplEx, DistMult, RotatE, TransE

    cls = {"transe": TransE, "distmult": DistMult, "complex": ComplEx, "rotate": RotatE}[case["model"]]
    data = get_dataset(dataset=case["dataset"])
    options = {"triples_factory": data.training, "embedding_dim": case["dim"], "random_seed": case["seed"]}
    if "p" in case:
        options["scoring_fct_norm"] = case["p"]
    if case.get("entity_normalizer"):
        options["entity_constrainer"] = None
    if "entity_constrainer" in case:
        options["entity_constrainer"] = case["entity_constrainer"]
    model = cls(**options)
    if case.get("entity_normalizer"):
        normalize = torch.nn.functional.normalize
        model.entity_representations[0].normalizer = normalize if case.get("compat") else functools.partial(normalize, dim=-1)
    if "dropout" in case:
        for representation in (*model.entity_representations, *model.relation_representations):
            representation.dropout = torch.nn.Dropout(case["dropout"])
    return model, data


def pykeen_tables(model):
    """Copies of the entity table and the relation table of a PyKEEN model."""
    sides = model.entity_representations[0], model.relation_representations[0]
    return [side._plain_forward(None).detach().clone().numpy() for side in sides]


def pykeen_gradients(model):
    """The gradients of the two tables."""
    tables = pykeen_tables(model)
    sides = model.entity_representations[0], model.relation_representations[0]
    grads = [side._embeddings.weight.grad for side in sides]
    grads = [
        np.zeros(side._embeddings.weight.shape, np.float32) if g is None else g.numpy().copy()
        for side, g in zip(sides, grads, strict=True)
    ]
    return [grad.view(table.dtype).reshape(table.shape) for grad, table in zip(grads, tables, strict=True)]


def pykeen_loop(case, model, data):
    """The training loop of a case in PyKEEN."""
    import torch
    from pykeen.training import LCWATrainingLoop, SLCWATrainingLoop

    name = case.get("optimizer", "sgd")
    optimizer = {"sgd": torch.optim.SGD, "adagrad": torch.optim.Adagrad, "adam": torch.optim.Adam}[name](
        model.get_grad_params(), lr=case["lr"]
    )
    common = {"model": model, "triples_factory": data.training, "optimizer": optimizer}
    if case.get("loop", "slcwa") == "lcwa":
        return LCWATrainingLoop(target=case.get("target", "tail"), **common)
    options = {"num_negs_per_pos": case.get("negatives", 1)}
    if case.get("filtered"):
        options |= {"filtered": True, "filterer": "python-set"}  # the default, a Bloom filter, leaves out others too
    return SLCWATrainingLoop(negative_sampler=case.get("sampler", "basic"), negative_sampler_kwargs=options, **common)


def pykeen_run(case, trail=None, nudge=None, what="weights"):
    """The same of PyKEEN; with a `nudge`, a seed, from initial weights each of which is moved by one ulp up or down, or with "gradients"
    each entry of which is off by half an ulp of the largest in its row, as if the batch had been added up in another order."""
    import torch
    from pykeen.evaluation import RankBasedEvaluator

    model, data = pykeen_model(case)
    loop = pykeen_loop(case, model, data)
    reset, constrain = model.reset_parameters_, model.post_parameter_update

    rng = np.random.default_rng(nudge)

    def rounded(gradient):
        signs = torch.from_numpy(rng.choice([-1, 1], gradient.shape).astype(np.float32))
        return gradient + signs * gradient.abs().amax(dim=1, keepdim=True) * 2.0**-24

    if nudge is not None and what == "gradients":
        for parameter in model.parameters():
            parameter.register_hook(rounded)

    def watched_reset():
        reset()
        if nudge is not None and what == "weights":
            with torch.no_grad():
                for parameter in model.parameters():
                    up = torch.from_numpy(rng.choice([-np.inf, np.inf], parameter.shape).astype(np.float32))
                    parameter.copy_(torch.nextafter(parameter, up))
        if trail is not None:
            trail.tables[:], trail.gradients[:] = [pykeen_tables(model)], []  # what the probing run left is dropped
        return model

    def watched_constrain():
        constrain()
        if trail is not None:
            trail.tables.append(pykeen_tables(model))
            trail.gradients.append(pykeen_gradients(model))

    model.reset_parameters_, model.post_parameter_update = watched_reset, watched_constrain
    with quick_collection():
        losses = loop.train(
            triples_factory=data.training, num_epochs=case["epochs"], batch_size=case["batch_size"], use_tqdm=False
        )
    found = RankBasedEvaluator().evaluate(
        model=model, mapped_triples=data.testing.mapped_triples, use_tqdm=False, batch_size=64,
        additional_filter_triples=[data.training.mapped_triples, data.validation.mapped_triples],
    )  # fmt: skip
    norms = np.linalg.norm(pykeen_tables(model)[0], axis=-1)
    return {
        "losses": losses,
        "mean_rank": found.get_metric("mr"),
        "mrr": found.get_metric("mrr"),
        "hits_at_10": found.get_metric("hits@10"),
        "amri": found.get_metric("amri"),
        "entity_row_norms": [float(norms.min()), float(norms.max())],
    }
