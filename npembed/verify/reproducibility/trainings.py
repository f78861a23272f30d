"""What is computed, and hashed, in each process: trainings with what comes after them, ranks of thousands, bags."""

import hashlib
import itertools
import json

import numpy as np

from ... import check
from ...embedding.bags import embedding_bag, embedding_bag_vjp
from ...kge.datasets import Nations
from ...kge.evaluation import Ranks, SideRanks, metrics, ranks
from ...kge.losses import LOSSES
from ...kge.models import MODELS, ERModel
from ...kge.training import OptimizerUpdate, fit

DIM, BATCH, LR = 6, 50, 0.05
LOOPS: dict[str, dict] = {
    "slcwa": {"loop": "slcwa"},
    "bernoulli": {"loop": "slcwa", "sampler": "bernoulli", "num_negatives": 2},
    "filtered": {"loop": "slcwa", "filtered": True},
    "lcwa": {"loop": "lcwa"},
    "lcwa_relation": {"loop": "lcwa", "target": "relation"},
}
"""Options of `fit`."""

OPTIMIZERS: dict[str, tuple] = {
    "sgd": ("sgd", {}),
    "momentum": ("sgd", {"momentum": 0.9, "missing_rows": "decay_on_touch"}),
    "adagrad": ("adagrad", {}),
    "adam": ("adam", {}),
    "adamw": ("adamw", {"amsgrad": True, "missing_rows": "decay_on_touch"}),
    "sparse_adam": ("sparse_adam", {"correction": "row"}),
    "rowwise_adagrad": ("rowwise_adagrad", {}),
}
"""Name and options of an optimizer."""

ENTITIES: dict[str, tuple] = {
    "table": ("embedding", (), {}),
    "bag": (
        "embedding_bag",
        ("embedding_bag",),
        {"assignment": [(i, j) for i in range(14) for j in range(i % 3, 6)], "mode": "sum"},
    ),
    "low_rank": ("low_rank", ("base", "weight"), {"num_bases": 3}),
}
"""What entity rows are made by: its name, the tables that it is made of, and its options."""


def covering(options):
    """Few combinations of options in which every two values of two options meet.

    Parameters
    ----------
    options : dict of sequences, the values that each option may have

    Returns
    -------
    list of tuple, a value for each option

    Examples
    --------
    >>> covering({"a": "xy", "b": "xy", "c": "xy"})
    [('x', 'x', 'x'), ('x', 'y', 'y'), ('y', 'x', 'y'), ('y', 'y', 'x')]
    """

    def pairs(row):
        return list(itertools.combinations([(name, row[name]) for name in options if name in row], 2))

    values = [(name, value) for name in options for value in options[name]]
    still = dict.fromkeys(pair for pair in itertools.combinations(values, 2) if pair[0][0] != pair[1][0])
    found = []
    while still:
        row = dict(next(iter(still)))
        for name in (name for name in options if name not in row):  # the value that meets most of the others for the first time
            new = [sum(pair in still for pair in pairs({**row, name: value})) for value in options[name]]
            row[name] = options[name][new.index(max(new))]
        for pair in pairs(row):
            still.pop(pair, None)
        found.append(tuple(row[name] for name in options))
    return found


TRAININGS = covering(
    {
        "model": tuple(MODELS),
        "loop": tuple(LOOPS),
        "optimizer": tuple(OPTIMIZERS),
        "loss": tuple(LOSSES),
        "entities": tuple(ENTITIES),
        "precision": ("single", "double"),
    }
)
"""Model, loop, optimizer, loss, entities and precision of each training."""


@check.public
def digests(models=None, steps=4):
    """Train, on Nations and from seed 0, and hash all that came of it; and the same for some calls of functions.

    Every kernel is made to divide its work among all threads, which for batches as small as these it otherwise would not do.

    Parameters
    ----------
    models : names in `npembed.kge.models.MODELS`; None for all
    steps : int >= 1, batches of each training

    Returns
    -------
    dict, {"transe slcwa sgd softplus table single": SHA-256}
        Of the losses, the tables, the optimizer's states; and of the trained model: the scores of all candidates for twenty triples on
        each side, their ranks and metrics, and predictions.

    Examples
    --------
    >>> sorted(set(digests(["distmult"], steps=1)) - {" ".join(training) for training in TRAININGS})
    ['bags', 'metrics of 12,000 ranks']
    """
    from ...numerics.kernels import cpu
    from ...numerics.kernels import score_candidates as fused

    kept = cpu.SERIAL_BELOW, fused.SERIAL_BELOW
    cpu.SERIAL_BELOW = fused.SERIAL_BELOW = 0
    try:
        found = {" ".join(one): _hashed(_trained(steps, *one)) for one in TRAININGS if models is None or one[0] in models}
        return found | {name: _hashed(call()) for name, call in CALLS.items()}
    finally:
        cpu.SERIAL_BELOW, fused.SERIAL_BELOW = kept


def _trained(steps, name, loop, optimizer, loss, entities, precision):
    """One training from its seed, and what the model then says: pairs of a name and an array."""
    nations = Nations()
    model = _model(name, loss, entities, precision, nations.training)
    triples = nations.training.mapped_triples[: BATCH * steps]
    update = OptimizerUpdate(model, *OPTIMIZERS[optimizer])
    for epoch in fit(model, triples, epochs=1, lr=LR, batch_size=BATCH, update=update, **LOOPS[loop]):
        yield "loss", epoch.loss
    yield from sorted(model.state_dict().items())
    for i, state in enumerate(update.states):
        yield from ((f"{i} {key}", value) for key, value in sorted(state.items()))
    asked = nations.testing.mapped_triples[:20]
    model.eval()
    yield "tails", model.score_t(asked[:, :2], engine="fused")
    yield "heads", model.score_h(asked[:, 1:], engine="fused")
    ranked = ranks(model, asked, known=triples)
    yield from ranked.both._asdict().items()
    yield from metrics(ranked).items()
    h, r, t = asked[0].tolist()
    for answers in (model.predict_heads(r, t), model.predict_relations(h, t), model.predict_tails(h, r)):
        yield answers.target, [(answer.id, answer.score) for answer in answers]


def _model(name, loss, entities, precision, triples):
    """The preset of that name, with other entities if so asked."""
    dtype = {"single": "float32", "double": "float64"}[precision]
    if name in ("complex", "rotate"):
        dtype = {"single": "complex64", "double": "complex128"}[precision]
    about = {"embedding_dim": DIM, "entity_dropout": 0.1, "entity_dtype": dtype, "relation_dtype": dtype, "loss": loss}
    model = MODELS[name](triples, random_seed=0, **about)
    if entities == "table":
        return model
    made_by, parts, options = ENTITIES[entities]
    options = {"shape": DIM, "dropout": 0.1, **options, **{f"{part}_kwargs": {"dtype": dtype} for part in parts}}
    given = {**model.settings, "entity_representations": made_by, "entity_representations_kwargs": options}
    return ERModel(triples_factory=triples, random_seed=0, **given)


def _metrics_of_many():
    """Of as many ranks as candidates, each number once: sums long enough to be shared out among threads."""
    some = np.arange(1, 12_001)
    return metrics(Ranks(tail=SideRanks(some, some, some))).items()


def _bags():
    """Three thousand ids in bags of up to nine, pooled, and the gradient."""
    rng = np.random.default_rng(0)
    ids, offsets = rng.integers(0, 40, 3000), np.cumsum(rng.integers(0, 10, 600))
    offsets = np.append(0, offsets[offsets < len(ids)])
    for dtype in ("float32", "float64", "complex64", "complex128"):
        real = np.empty(0, dtype).real.dtype
        table, g = (rng.normal(size=(n, 2 * DIM)).astype(real).view(dtype) for n in (40, len(offsets)))
        for mode in ("sum", "mean") if dtype.startswith("c") else ("sum", "mean", "max"):
            yield mode, embedding_bag(table, ids, offsets, mode=mode)
            yield mode, embedding_bag_vjp(g, table, ids, offsets, mode=mode).to_dense()


CALLS = {"metrics of 12,000 ranks": _metrics_of_many, "bags": _bags}
"""What is hashed beside trainings."""


def _hashed(named):
    """The SHA-256 of pairs of a name and an array, or what can be made one: with dtype and shape."""
    found = hashlib.sha256()
    for name, value in named:
        value = np.ascontiguousarray(value)
        found.update(json.dumps([name, value.dtype.str, value.shape]).encode())
        found.update(value.tobytes())
    return found.hexdigest()
