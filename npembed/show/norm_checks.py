"""What must hold before `npembed show norm` is believed, measured on float64 copies of the tables at hand."""

from typing import NamedTuple

import numpy as np

from ..embedding.row_maps import NORMALIZERS, normalize
from ..kge import loss_and_gradients, score
from ..kge.samplers import basic
from ..op import Op
from ..verify.gradcheck import GradientError, check_vjp
from .recorder import radial_and_tangential

BATCH = 32
ENTRIES = 150  # of each table, drawn at random; fewer of long rows, where each costs more


class Check(NamedTuple):
    """One thing that was verified: a measured value, and how large it may be."""

    name: str
    value: float
    limit: float
    ok: bool
    note: str


def run_checks(model, triples, *, lr, rng):
    """Check the gradients of both ways, and what they do to a row.

    Parameters
    ----------
    model : ERModel; its tables and interaction are used, not changed
    triples : int64 (n, 3), to draw a batch from
    lr : float
    rng : generator

    Returns
    -------
    list of Check
    """
    entities, relations = (layer.weight.astype(np.float64) for layer in model.layers)
    positives = triples[rng.randperm(len(triples))[:BATCH]]
    negatives = basic(rng, positives, num_entities=len(entities))

    def loss(x, y, normalizer):
        settings = {"interaction": model.interaction, "entity_normalizer": normalizer}
        true, false = (score(x, y, *triples.T, **settings)[:, None] for triples in (positives, negatives[:, 0]))
        return model.loss.forward(true, false)

    def gradients(x, y, normalizer):
        settings = {"interaction": model.interaction, "entity_normalizer": normalizer}
        return loss_and_gradients(x, y, positives, negatives, loss=model.loss, **settings)[1:]

    unit = normalize(entities)
    inside = NORMALIZERS["normalize"]
    checks = [
        _against_differences("normalizer: gradient equals differences", loss, gradients, entities, relations, inside, rng),
        _against_differences("constrainer: gradient equals differences", loss, gradients, unit, relations, None, rng),
    ]
    dentities, _ = gradients(entities, relations, inside)
    rows = dentities.rows
    x, g = entities[rows], dentities.values
    g_unit = gradients(unit, relations, None)[0].values
    largest = np.linalg.norm(g_unit, axis=1).max(initial=0.0)  # where what a row gets from its triples cancels, roundings remain
    scale = largest / np.linalg.norm(x, axis=1)

    radial, _ = radial_and_tangential(x, g)
    checks.append(_check("normalizer: no gradient along the row", _largest(radial, scale), 1e-13))
    after = ((x - lr * g) ** 2).sum(axis=1)
    growth = after - (x**2).sum(axis=1) - lr**2 * (g**2).sum(axis=1)
    checks.append(_check("normalizer: |x'|^2 = |x|^2 + lr^2 |g|^2", _largest(growth, after + lr * scale), 1e-13))
    longer = gradients(3 * entities, relations, inside)[0].values
    checks.append(
        _check("normalizer: three times the row, a third of the gradient", _largest(3 * longer - g, scale[:, None]), 1e-13)
    )

    _, tangential = radial_and_tangential(unit[rows], g_unit)
    g_norm_one = gradients(unit, relations, inside)[0].values
    size = np.linalg.norm(g_unit, axis=1, keepdims=True)
    checks.append(_check("both at norm one: same gradient along the sphere", _largest(g_norm_one - tangential, size), 1e-13))
    checks.append(_first_order(unit[rows], g_unit, tangential))
    return checks


def _check(name, value, limit, note=""):
    return Check(name, float(value), float(limit), bool(value <= limit), note)


def _largest(error, scale):
    """The largest error relative to its scale; 0 where there is nothing to be off by."""
    scale = np.broadcast_to(scale, np.shape(error))
    return float(np.max(np.abs(error) / np.where(scale > 0, scale, 1.0), initial=0.0))


def _against_differences(name, loss, gradients, entities, relations, normalizer, rng):
    def forward(entities, relations):
        return loss(entities, relations, normalizer)

    def vjp(g, entities, relations):
        return tuple(float(g) * d for d in gradients(entities, relations, normalizer))

    try:
        report = check_vjp(
            Op(forward, vjp),
            entities,
            relations,
            rng=rng,
            kinks="skip",
            entries=max(4, min(ENTRIES, 50 * ENTRIES // entities.shape[1])),
        )
    except GradientError as error:
        return Check(name, np.inf, 1e-6, False, str(error))
    return _check(name, report.worst, 1e-6, f"{report.checked} entries, {report.kinks} at a kink skipped")


def _first_order(x, g, tangential):
    """Halve the learning rate, and what step-then-constrain leaves over the tangential step falls to a quarter."""
    size = np.linalg.norm(g, axis=1).max(initial=0.0)

    def rest(step):
        lr = step / (size or 1.0)
        return np.abs(normalize(x - lr * g) - (x - lr * tangential)).max()

    coarse, fine = rest(1e-3), rest(5e-4)
    order = np.log2(coarse / fine) if fine > 0 else 2.0
    return _check("constrainer: agrees to first order in lr (its error's order is 2)", abs(order - 2), 0.02, f"order {order:.3f}")
