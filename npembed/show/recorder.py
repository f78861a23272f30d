"""Watch a training run: what each update does to the length and to the direction of the rows it touches."""

from typing import NamedTuple

import numpy as np

from .. import check
from ..kge.training import step_
from ..numerics.precision import to_float64


class Update(NamedTuple):
    """One update of the entity table, seen row by row: all arrays are (n, D), for the n rows with a gradient.

    ``before`` -> ``stepped = before - lr * gradient`` -> ``after = constrainer(stepped)``.
    """

    rows: np.ndarray
    before: np.ndarray
    gradient: np.ndarray
    stepped: np.ndarray
    after: np.ndarray


@check.public
class Recorder:
    """Give it to `fit` as its `update`: does what `update_` does, and keeps an `Update` of the entity table for each batch.

    Examples
    --------
    >>> from npembed.kge.datasets import Nations
    >>> from npembed.kge.models import ERModel
    >>> nations, rows = Nations().training, dict(embedding_dim=8)
    >>> model = ERModel(triples_factory=nations, interaction="transe", random_seed=0,
    ...                 entity_representations_kwargs=dict(rows, constrainer="normalize"), relation_representations_kwargs=rows)
    >>> from npembed.kge.training import fit
    >>> recorder = Recorder()
    >>> _ = list(fit(model, nations.mapped_triples, epochs=1, lr=0.1, update=recorder))
    >>> len(recorder.updates)
    7
    """

    def __init__(self):
        self.updates = []

    def __call__(self, model, gradients, lr):
        """`update_`, watched."""
        if model.entity_representations[0] is not model.layers[0]:
            found = type(model.entity_representations[0]).__name__
            raise TypeError(f"Recorder: entities are a {found}; allowed: an Embedding, whose table has a row for each entity")
        weight, gradient = model.layers[0].weight, gradients[0]
        before = weight[gradient.rows]
        step_(model, gradients, lr)
        stepped = weight[gradient.rows]
        model.post_parameter_update()
        self.updates.append(Update(gradient.rows, before, gradient.values, stepped, weight[gradient.rows]))


@check.public
def radial_and_tangential(rows, gradient):
    """Split each row of a gradient into its part along the row and its part at right angles: ``g = (g.u) u + rest``.

    Parameters
    ----------
    rows, gradient : ndarray (n, D), real

    Returns
    -------
    radial : float64 (n,), the signed length ``g.u`` with ``u = x / |x|``; 0 for a zero row
    tangential : float64 (n, D)

    Examples
    --------
    >>> radial, tangential = radial_and_tangential(np.array([[0.0, 2.0]]), np.array([[3.0, -1.0]]))
    >>> radial, tangential
    (array([-1.]), array([[3., 0.]]))
    """
    for name, value in (("rows", rows), ("gradient", gradient)):
        check.array("radial_and_tangential", name, value)
        if value.ndim != 2 or value.dtype.kind == "c" or value.shape != rows.shape:
            found = f"{value.dtype} {value.shape}"
            raise ValueError(f"radial_and_tangential: {name} is {found}; allowed: two arrays of real rows (n, D) of one shape")
    rows, gradient = to_float64(rows), to_float64(gradient)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    u = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    radial = (u * gradient).sum(axis=1)
    return radial, gradient - radial[:, None] * u


@check.public
def angles(before, after):
    """How far each row turned, in degrees.

    Computed from both the sine and the cosine, so that small angles keep their digits.

    Examples
    --------
    >>> angles(np.array([[1.0, 0.0]]), np.array([[0.0, 3.0]]))
    array([90.])
    """
    radial, tangential = radial_and_tangential(before, after)
    return np.degrees(np.arctan2(np.linalg.norm(tangential, axis=1), radial))


@check.public
def summary(updates):
    """What happened over some updates, as plain numbers.

    Returns
    -------
    dict
        ``norm_min``, ``norm_max`` (rows after the last update that touched them), ``radial_share``, ``tangential_share`` (of the
        squared length of the gradient, summed over rows; they add up to 1), ``angle`` (mean turn of a row in one update, degrees),
        ``angle_without_radial`` (the same, had the steps been without their part along the row), ``pulled_back`` (mean distance
        that the constrainer moved a row), ``steps`` (rows stepped), ``shortened`` (how many of them the step, before the
        constrainer, made shorter) and ``largest_shortening`` (by how much at most).

    Examples
    --------
    >>> one = Update(np.array([0]), *np.array([[[1.0, 0.0]], [[3.0, 4.0]], [[0.7, -0.4]], [[0.7, -0.4]]]))
    >>> round(summary([one])["radial_share"], 2), summary([one])["pulled_back"]
    (0.36, 0.0)
    """
    if not updates:
        raise ValueError("summary: updates is empty; allowed: at least one Update")
    last = {int(row): values for update in updates for row, values in zip(update.rows, update.after, strict=True)}
    norms = np.linalg.norm(to_float64(np.array(list(last.values()))), axis=1)
    parts = [radial_and_tangential(update.before, update.gradient) for update in updates]
    radial = sum(float((r**2).sum()) for r, _ in parts)
    tangential = sum(float((t**2).sum()) for _, t in parts)
    total = radial + tangential or 1.0
    turned = np.concatenate([angles(update.before, update.after) for update in updates])
    straight = np.concatenate([_turned_without_radial(update) for update in updates])
    pulled = np.concatenate([np.linalg.norm(to_float64(update.stepped) - to_float64(update.after), axis=1) for update in updates])
    grown = np.concatenate([_growth(update) for update in updates])
    return {
        "norm_min": float(norms.min()),
        "norm_max": float(norms.max()),
        "radial_share": radial / total,
        "tangential_share": tangential / total,
        "angle": float(turned.mean()),
        "angle_without_radial": float(straight.mean()),
        "pulled_back": float(pulled.mean()),
        "steps": len(grown),
        "shortened": int((grown < 0).sum()),
        "largest_shortening": float(max(-grown.min(), 0.0)),
    }


def _turned_without_radial(update):
    """How far each row would have turned, in degrees, had the step been without its part along the row."""
    _, tangential = radial_and_tangential(update.before, to_float64(update.stepped) - to_float64(update.before))
    return angles(update.before, to_float64(update.before) + tangential)


def _growth(update):
    """How much longer the step made each row, before the constrainer."""
    return np.linalg.norm(to_float64(update.stepped), axis=1) - np.linalg.norm(to_float64(update.before), axis=1)
