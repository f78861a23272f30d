"""The exact law of a score under dropout, where the score is a sum of products: DistMult and ComplEx.

Their score is ``sum_i c_i``, each term a product of one entry of h, one of r and one of t: ``c_i = h_i r_i t_i``, or
``Re(h_i r_i conj(t_i))``. Dropout multiplies each entry, a complex one as a whole, by a number of its own: ``1/(1 - p)`` with
probability ``1 - p``, else 0. So a term survives if its three entries do, and independently of all other terms:

    c_i / a   with probability   a = (1 - p_h)(1 - p_r)(1 - p_t),   else 0

which makes 2^d cases for d terms. The three masks are drawn apart, hence this holds for h = t as well. A normalizer acts before
dropout, hence on c_i alone.

    mean = sum_i c_i, the score without dropout        variance = (1 - a)/a sum_i c_i^2

TransE and RotatE are no such sums. Their terms pass through an absolute value or a norm: to drop h_i leaves ``|r_i - t_i|``, not 0,
so that an entry has 8 cases, not 2, and the mean is not the score without dropout. Of PyKEEN's other multilinear interactions, CP
would fit. Those that mix entries (RESCAL, HolE, TuckER, QuatE) have terms that share an entry and depend on each other: for them the mean
holds, the rest does not.
"""

import math

import numpy as np

from ... import check
from ...embedding.lookup import transform
from ...layers.modes import evaluation_mode
from ...numerics.precision import compute_dtype, to_compute_dtype, to_float64
from ..interactions import complex_bilinear, distmult
from .distribution import ScoreLaw
from .monte_carlo import UncertainPrediction, check_model

_BLOCK = 2**14  # cases looked at in one go, which bounds memory


@check.public
def score_moments(model, hrt_batch):
    """What `predict_hrt_uncertain` tends to with more and more samples, in closed form.

    Parameters
    ----------
    model : ERModel with the interaction distmult or complex, in any mode
        A layer without dropout drops nothing.
    hrt_batch : integers (B, 3), the columns head, relation, tail

    Returns
    -------
    UncertainPrediction
        Two float64 arrays (B, 1), computed from the rows as they are stored, with ``1/(1 - p)`` not rounded.

    Examples
    --------
    The example of PyKEEN's documentation:

    >>> from npembed.kge.datasets import Nations
    >>> from npembed.kge.models import ERModel
    >>> rows = dict(embedding_dim=3, dropout=0.1)
    >>> model = ERModel(triples_factory=Nations().training, interaction="distmult", random_seed=0,
    ...                 entity_representations_kwargs=rows, relation_representations_kwargs=rows)
    >>> mean, variance = score_moments(model, [[0, 1, 0]])
    >>> f"{mean.item():.5f} {variance.item() ** 0.5:.5f}"
    '0.32309 0.26882'
    """
    rows, rates = _rows("score_moments", model, hrt_batch, "hrt_batch")
    found = _moments("score_moments", rows, model.interaction, rates)
    return UncertainPrediction(*(x[:, None] for x in found))


@check.public
def score_law(model, triple, *, max_values=2**20):
    """All values that the score of a triple takes under dropout, each with its probability.

    The values are computed as `ERModel.score_hrt` does, rounding included: with real rows each score sampled is one of them, to
    the bit. (Products of complex numbers may differ in the last bit from one place in an array to another.) Two sums that would be
    equal without rounding may stand as two neighbours.

    Parameters
    ----------
    model : ERModel with the interaction distmult or complex, in any mode
    triple : three integers, head, relation, tail
    max_values : int >= 1, how many cases to go through at most
        d terms that are not zero make 2^d.

    Returns
    -------
    ScoreLaw
        In float32 for float16 rows, as scores are. A value that is less likely than the smallest float is left out.

    Raises
    ------
    ValueError
        If there are too many cases; if a value overflows; for other interactions.

    Examples
    --------
    >>> from npembed.kge.datasets import Nations
    >>> from npembed.kge.models import ERModel
    >>> rows = dict(embedding_dim=3, dropout=0.1)
    >>> model = ERModel(triples_factory=Nations().training, interaction="distmult", random_seed=0,
    ...                 entity_representations_kwargs=rows, relation_representations_kwargs=rows)
    >>> law = score_law(model, (0, 1, 0))
    >>> for value, probability in zip(*law):
    ...     print(f"{value:7.4f} {probability:.4f}")
    -0.1491 0.1440
    -0.1186 0.0535
    -0.0305 0.0535
     0.0000 0.0199
     0.4432 0.3874
     0.4737 0.1440
     0.5618 0.1440
     0.5923 0.0535
    >>> bool(law.pmf(model.score_hrt([[0, 1, 0]])).all())
    True
    """
    if np.ndim(triple) != 1:
        raise ValueError(f"score_law: triple = {triple!r} has {np.ndim(triple)} axes; allowed: three ids (head, relation, tail)")
    rows, rates = _rows("score_law", model, [list(triple)], "triple")
    return _law("score_law", [x[0] for x in rows], model.interaction, rates, max_values)


@check.public
def exact_moments(h, r, t, *, interaction, rates):
    """Mean and variance of the score of rows under dropout: ``sum_i c_i`` and ``(1 - a)/a sum_i c_i^2``; for a = 0 both are 0.

    Parameters
    ----------
    h, r, t : ndarray (..., d), as for the interaction, without dropout
    interaction : Op, that of distmult or complex
    rates : three numbers in [0, 1] (or None, for 0), how often an entry of h, r and t is dropped

    Returns
    -------
    UncertainPrediction
        Two float64 arrays (...).

    Examples
    --------
    >>> from npembed.kge.interactions import INTERACTIONS
    >>> one = np.ones(1)
    >>> exact_moments(3 * one, one, one, interaction=INTERACTIONS["distmult"], rates=(0.5, 0, 0))
    UncertainPrediction(score=array(3.), uncertainty=array(9.))
    """
    return _moments("exact_moments", (h, r, t), interaction, rates)


@check.public
def exact_law(h, r, t, *, interaction, rates, max_values=2**20):
    """All values of the score of three rows under dropout; see `score_law`.

    Parameters
    ----------
    h, r, t : ndarray (d,), as for the interaction, without dropout
    interaction, rates
        As in `exact_moments`.
    max_values : int >= 1

    Returns
    -------
    ScoreLaw

    Examples
    --------
    >>> from npembed.kge.interactions import INTERACTIONS
    >>> one = np.ones(2)
    >>> exact_law(3 * one, one, one, interaction=INTERACTIONS["distmult"], rates=(0.5, 0, 0))
    ScoreLaw(values=array([ 0.,  6., 12.]), probabilities=array([0.25, 0.5 , 0.25]))
    """
    return _law("exact_law", (h, r, t), interaction, rates, max_values)


def _rows(function, model, batch, argument):
    """The rows of heads, relations and tails before dropout, and the rate at which each is dropped."""
    entity, relation = check_model(function, model).entity_representations[0], model.relation_representations[0]
    hrt = check.triples(function, batch, model.num_entities, model.num_relations, argument)
    sides = (entity, relation, entity)
    for side in sides:
        if any(part.dropout for part in side.parts[1:]):
            found = f"there is dropout in what a {type(side).__name__} is made of"
            raise ValueError(f"{function}: {found}; allowed: dropout of the rows that are scored")
    with evaluation_mode(model):
        rows = [side(ids) for side, ids in zip(sides, hrt.T, strict=True)]
    return rows, [side.dropout for side in sides]


def _checked(function, rows, interaction, rates):
    """The three rates as floats; rows and interaction fit each other, and the terms are products."""
    if check.op(function, "interaction", interaction).forward not in (distmult, complex_bilinear):
        raise ValueError(f"{function}: interaction is no sum of products of single entries; allowed: that of distmult or complex")
    check.rows(function, **dict(zip("hrt", rows, strict=True)))
    interaction.forward(*(x[..., :0] for x in rows))  # refuses complex rows for distmult, real ones for complex
    if not isinstance(rates, (tuple, list, np.ndarray)) or len(rates) != 3:
        raise ValueError(f"{function}: rates = {rates!r} are not three; allowed: three numbers in [0, 1], for h, r and t")
    return [0.0 if p is None else check.real(function, f"rates[{i}]", p, 0, 1) for i, p in enumerate(rates)]


def _survival(rates):
    """How probable it is that a term survives, and that it does not: without cancellation, so that small rates stay exact."""
    drop = 0.0
    for p in rates:
        drop = drop + (1 - drop) * p
    return math.prod(1 - p for p in rates), drop


def _terms(rows, interaction):
    """The terms whose sum is the score, in float64: the interaction at rows of one entry each."""
    return interaction.forward(*(to_float64(x)[..., None] for x in rows))


def _moments(function, rows, interaction, rates):
    keep, drop = _survival(_checked(function, rows, interaction, rates))
    with np.errstate(all="ignore"):
        terms = _terms(rows, interaction) * (keep > 0)
        mean, variance = terms.sum(axis=-1), np.zeros(terms.shape[:-1])
        if keep and drop:
            variance = (terms**2).sum(axis=-1) * (drop / keep)
    bad = ~(np.isfinite(mean) & np.isfinite(variance))
    if bad.any():
        where = np.unravel_index(int(np.argmax(bad)), bad.shape)
        said = f"the score{check.position(where)} has mean {mean[where]} and variance {variance[where]}"
        raise ValueError(f"{function}: {said}; allowed: rows whose products, and their squares, are finite in float64")
    return UncertainPrediction(np.asarray(mean), np.asarray(variance))


def _law(function, rows, interaction, rates, max_values, block=_BLOCK):
    rates = _checked(function, rows, interaction, rates)
    max_values = check.integer(function, "max_values", max_values, minimum=1)
    for name, x in zip("hrt", rows, strict=True):
        if x.ndim != 1:
            raise ValueError(f"{function}: {name} has shape {x.shape}; allowed: one row (d,)")
    keep, drop = _survival(rates)
    real = compute_dtype(rows[0].real.dtype).type  # of the scores
    with np.errstate(all="ignore"):
        # what survives of a row, times 1/(1 - p), rounded to the dtype of the rows as in `lookup`, with the mask of `dropout_mask`
        scales = [1 / real(1 - p) if p < 1 else real(0) for p in rates]
        scaled = [to_compute_dtype(transform(x, mask=np.full(x.shape, scale))) for x, scale in zip(rows, scales, strict=True)]
        for name, p, x, y in zip("hrt", rates, rows, scaled, strict=True):
            over = np.flatnonzero(np.isfinite(x) & ~np.isfinite(y))
            if len(over):
                found = f"{name}[{over[0]}] = {x[over[0]]} with a rate of {p} becomes {y[over[0]]}"
                raise ValueError(f"{function}: {found}; allowed: x for which x / (1 - rate) is finite in {x.dtype}")
        h, r, t = rows = scaled
        terms = _terms(rows, interaction)
        largest = np.abs(terms).sum()
    if not largest <= np.finfo(real).max:
        raise ValueError(
            f"{function}: the terms add up to {largest}; allowed: up to {np.finfo(real).max}, all that {real.__name__} holds"
        )
    at_stake = np.flatnonzero(terms) if drop else np.arange(0)  # at a rate of 1 all terms are 0
    n = len(at_stake)
    if 2**n > max_values:
        raise ValueError(
            f"{function}: {n} terms that are not zero make 2**{n} cases; allowed: max_values = {max_values} or a larger one given "
            f"(mean and variance need none of them: {function.replace('law', 'moments')})"
        )
    values, probabilities = [], []
    for start in range(0, 2**n, block):
        cases = np.arange(start, min(start + block, 2**n))
        survives = cases[:, None] >> np.arange(n) & 1
        mask = np.ones((len(cases), len(h)), real)
        mask[:, at_stake] = survives
        count = survives.sum(axis=1)
        values.append(interaction.forward(h * mask, r, t))
        probabilities.append(keep**count * drop ** (n - count))
    distinct, which = np.unique(np.concatenate(values), return_inverse=True)
    together = np.bincount(which, weights=np.concatenate(probabilities))
    return ScoreLaw(distinct[together > 0], together[together > 0])
