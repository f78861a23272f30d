"""Monte-Carlo dropout: score several times with dropout on, and take mean and variance."""

import contextlib
from typing import NamedTuple

import numpy as np

from ... import check
from ...layers.modes import evaluation_mode
from ..models import ERModel


class MissingDropoutError(ValueError):
    """The model has no layer with dropout, hence all samples would be equal."""


class UncertainPrediction(NamedTuple):
    """Scores, and the variance of each: the larger, the less certain."""

    score: np.ndarray
    uncertainty: np.ndarray


@check.public
def predict_hrt_uncertain(model, hrt_batch, num_samples=5):
    """Score triples several times with dropout on: the mean and the unbiased variance of the samples.

        score = 1/k sum_j s_j        uncertainty = 1/(k-1) sum_j (s_j - score)^2

    Dropout alone is as in training. Each of the k samples draws its masks from the model's generator for heads, relations, tails, in
    this order, as PyKEEN does: after the same ``random_seed`` its numbers come out, but for rounding. The samples are added up in
    float64 one after the other (Welford), and mean and variance are rounded once, to the dtype of the scores: memory does not grow
    with `num_samples`. (PyKEEN keeps all samples and adds them up in their own dtype.)

    Afterwards the model and its layers are in the modes they were in. (PyKEEN leaves the model in evaluation mode with the dropout on, so
    that later scores go on being random.)

    Parameters
    ----------
    model : ERModel
    hrt_batch : integers (B, 3), the columns head, relation, tail
    num_samples : int >= 2
        One sample has no unbiased variance. (PyKEEN answers NaN.)

    Returns
    -------
    UncertainPrediction
        Two arrays (B, 1). A score that is not finite in some sample has both NaN; a variance beyond the dtype is inf.

    Raises
    ------
    MissingDropoutError
        If no layer of the model has dropout. A dropout of 0 counts as one, as in PyKEEN, and makes the variance 0.

    References
    ----------
    Gal and Ghahramani, Dropout as a Bayesian approximation (ICML 2016), section 4. pykeen.models.uncertainty (1.11.1). Welford, Note on a
    method for calculating corrected sums of squares and products (Technometrics 4, 1962).

    Examples
    --------
    >>> from npembed.kge.datasets import Nations
    >>> from npembed.kge.models import distmult
    >>> model = distmult(Nations().training, embedding_dim=3, entity_dropout=0.1, relation_dropout=0.1, random_seed=0)
    >>> score, uncertainty = predict_hrt_uncertain(model, [[0, 1, 0], [0, 1, 2]], num_samples=1000)
    >>> score.shape, score.dtype
    ((2, 1), dtype('float32'))
    >>> from npembed.kge.uncertainty import score_moments
    >>> exact = score_moments(model, [[0, 1, 0], [0, 1, 2]])
    >>> bool((abs(score - exact.score) < 4 * np.sqrt(exact.uncertainty / 1000)).all())
    True
    """
    ids = {"head": "entities", "relation": "relations", "tail": "entities"}
    return _uncertain("predict_hrt_uncertain", model, "score_hrt", "hrt_batch", hrt_batch, ids, num_samples)


@check.public
def predict_h_uncertain(model, rt_batch, num_samples=5):
    """Score all heads for given relations and tails, the columns of `rt_batch`: two arrays (B, N); see `predict_hrt_uncertain`.

    In one sample all rows of the batch see the same masked heads, as in `ERModel.score_h` and PyKEEN.
    """
    ids = {"relation": "relations", "tail": "entities"}
    return _uncertain("predict_h_uncertain", model, "score_h", "rt_batch", rt_batch, ids, num_samples)


@check.public
def predict_r_uncertain(model, ht_batch, num_samples=5):
    """Score all relations for given heads and tails, the columns of `ht_batch`: two arrays (B, M); see `predict_h_uncertain`."""
    ids = {"head": "entities", "tail": "entities"}
    return _uncertain("predict_r_uncertain", model, "score_r", "ht_batch", ht_batch, ids, num_samples)


@check.public
def predict_t_uncertain(model, hr_batch, num_samples=5):
    """Score all tails for given heads and relations, the columns of `hr_batch`: two arrays (B, N); see `predict_h_uncertain`."""
    ids = {"head": "entities", "relation": "relations"}
    return _uncertain("predict_t_uncertain", model, "score_t", "hr_batch", hr_batch, ids, num_samples)


def check_model(function, model):
    """`model` as an ERModel."""
    if not isinstance(model, ERModel):
        raise TypeError(f"{function}: model is a {type(model).__name__}; allowed: an ERModel, such as models.distmult(...)")
    return model


@contextlib.contextmanager
def _dropout_alone(model):
    """Evaluation mode, with the parts that drop out in training mode; afterwards all modes are as before."""
    with evaluation_mode(model):
        for part in model.parts:  # each before those that it is made of, and has a say in
            part.train(part.dropout is not None)
        yield


def _uncertain(function, model, method, argument, batch, ids, num_samples):
    check_model(function, model)
    sizes = {column: getattr(model, f"num_{kind}") for column, kind in ids.items()}
    batch = check.columns(function, batch, argument, **sizes)
    num_samples = check.integer(function, "num_samples", num_samples, minimum=2)
    if all(part.dropout is None for part in model.parts):
        raise MissingDropoutError(
            f"{function}: model has no layer with dropout; allowed: one made with dropout, such as dropout=0.1"
        )
    score = getattr(model, method)
    with _dropout_alone(model), np.errstate(over="ignore", invalid="ignore"):
        sample = score(batch)
        mean, squares = sample.astype(np.float64), np.zeros(sample.shape)
        for count in range(2, num_samples + 1):
            sample = score(batch)
            step = sample - mean
            mean += step / count
            squares += step * (sample - mean)
        return UncertainPrediction(*(x.astype(sample.dtype) for x in (mean, squares / (num_samples - 1))))
