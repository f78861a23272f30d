"""All metrics of ranks under PyKEEN's keys, and one of them by the name people use.

A key is ``side.type.name``: side head, tail or both; type optimistic, realistic or pessimistic. `means` and `chance` hold the metrics
themselves, each a short function.
"""

import re
from collections.abc import Callable

from ... import check
from ...op import normalize_name
from . import chance, means
from .ranks import Ranks

METRICS: dict[str, Callable[..., float]] = {
    "arithmetic_mean_rank": means.arithmetic_mean_rank,
    "geometric_mean_rank": means.geometric_mean_rank,
    "harmonic_mean_rank": means.harmonic_mean_rank,
    "median_rank": means.median_rank,
    "inverse_arithmetic_mean_rank": means.inverse_arithmetic_mean_rank,
    "inverse_geometric_mean_rank": means.inverse_geometric_mean_rank,
    "inverse_harmonic_mean_rank": means.inverse_harmonic_mean_rank,
    "inverse_median_rank": means.inverse_median_rank,
    "hits_at_k": means.hits_at_k,
    "standard_deviation": means.standard_deviation,
    "variance": means.variance,
    "median_absolute_deviation": means.median_absolute_deviation,
    "count": means.count,
    "adjusted_arithmetic_mean_rank": chance.adjusted_arithmetic_mean_rank,
    "adjusted_arithmetic_mean_rank_index": chance.adjusted_arithmetic_mean_rank_index,
    "adjusted_geometric_mean_rank_index": chance.adjusted_geometric_mean_rank_index,
    "adjusted_inverse_harmonic_mean_rank": chance.adjusted_inverse_harmonic_mean_rank,
    "adjusted_hits_at_k": chance.adjusted_hits_at_k,
    "z_arithmetic_mean_rank": chance.z_arithmetic_mean_rank,
    "z_geometric_mean_rank": chance.z_geometric_mean_rank,
    "z_inverse_harmonic_mean_rank": chance.z_inverse_harmonic_mean_rank,
    "z_hits_at_k": chance.z_hits_at_k,
}
"""The 22 metrics by PyKEEN's names: functions of ranks, the adjusted ones (``adjusted_*``, ``z_*``) of ranks and candidates."""

SYNONYMS = {
    "arithmetic_mean_rank": ("mr", "mean_rank"),
    "geometric_mean_rank": ("gmr",),
    "harmonic_mean_rank": ("hmr",),
    "inverse_arithmetic_mean_rank": ("iamr",),
    "inverse_geometric_mean_rank": ("igmr",),
    "inverse_harmonic_mean_rank": ("mrr", "mean_reciprocal_rank"),
    "hits_at_k": ("hits@k", "hits@", "h@k", "h@", "hits_at_", "h_at_"),
    "standard_deviation": ("std", "rank_std"),
    "variance": ("var", "rank_var"),
    "median_absolute_deviation": ("mad", "rank_mad"),
    "count": ("rank_count",),
    "adjusted_arithmetic_mean_rank": ("amr", "aamr", "adjusted_mean_rank"),
    "adjusted_arithmetic_mean_rank_index": ("amri", "aamri", "adjusted_mean_rank_index"),
    "adjusted_geometric_mean_rank_index": ("agmri", "gmri"),
    "adjusted_inverse_harmonic_mean_rank": ("amrr", "aihmr", "adjusted_mrr", "adjusted_mean_reciprocal_rank"),
    "adjusted_hits_at_k": ("ahits@k", "ahk", "ah@k", "ah@", "ahits@", "ahits_at_", "ah_at_", "adjusted_hits_at_"),
    "z_arithmetic_mean_rank": ("zmr", "zamr"),
    "z_geometric_mean_rank": ("zgmr",),
    "z_inverse_harmonic_mean_rank": ("zmrr", "zihmr"),
    "z_hits_at_k": ("zahk", "z_hits_at_"),
}
"""PyKEEN's other names for them, the usual one first; case, ``_``, ``-`` and spaces do not count."""

KS = (1, 3, 5, 10)
"""The k for which hits at k are reported; adjusted and z-scored hits are for the last."""

TYPES = ("optimistic", "realistic", "pessimistic")
TYPE_SYNONYMS = {"best": "optimistic", "worst": "pessimistic", "avg": "realistic", "average": "realistic"}
SIDES = ("head", "tail", "both")
NAMES = {normalize_name(name): key for key in METRICS for name in (key, *SYNONYMS.get(key, ()))}


def is_adjusted(name):
    """Whether a metric is adjusted by what chance would give, and so needs the candidates.

    >>> is_adjusted("z_hits_at_k"), is_adjusted("hits_at_k")
    (True, False)
    """
    return name.startswith(("adjusted_", "z_"))


@check.public
def metrics(ranks):
    """All metrics of all sides and types.

    The keys are those of PyKEEN's ``RankBasedMetricResults.to_flat_dict()``, 225 for two sides. ``hits_at_k`` is given as
    ``hits_at_1``, ``_3``, ``_5`` and ``_10``; ``adjusted_hits_at_k`` and ``z_hits_at_k`` stand for k = 10, since PyKEEN gives all
    four the same key and the last one stays. (In PyKEEN the order of the keys differs from process to process; here it is that
    of `METRICS`.)

    Adjusted metrics are reported for optimistic and pessimistic ranks too, because PyKEEN does; what they are compared with is the
    expectation of realistic ranks, so only ``realistic`` means what its name says.

    Parameters
    ----------
    ranks : Ranks, of at least one triple

    Returns
    -------
    dict of str to float

    Raises
    ------
    ValueError
        If there is no triple, or one without any candidate (all its scores are infinite): nothing could be expected of it.

    References
    ----------
    pykeen.evaluation.RankBasedMetricResults (1.11.1).

    Examples
    --------
    >>> import numpy as np
    >>> from npembed.kge.evaluation import Ranks, SideRanks
    >>> found = metrics(Ranks(tail=SideRanks(*np.array([[1, 2], [1, 4], [5, 5]]))))
    >>> found["tail.optimistic.arithmetic_mean_rank"], found["both.realistic.arithmetic_mean_rank"]
    (1.5, 2.0)
    """
    if not isinstance(ranks, Ranks):
        raise TypeError(
            f"metrics: ranks is a {type(ranks).__name__}; allowed: Ranks, as npembed.kge.evaluation.ranks returns them"
        )
    if ranks.head is ranks.tail is None or not len(ranks.both.candidates):
        raise ValueError("metrics: ranks holds no rank; allowed: at least one triple")
    for side, found in ranks.sides.items():
        if found.candidates.min() < 1:
            i = int(found.candidates.argmin())
            raise ValueError(f"metrics: {side}.candidates[{i}] = {found.candidates[i]}; allowed: at least one finite score")
    result = {}
    for name, function in METRICS.items():
        for key, options in [(f"hits_at_{k}", {"k": k}) for k in KS] if name == "hits_at_k" else [(name, {})]:
            for kind in TYPES:
                for side, found in ranks.sides.items():
                    more = (found.candidates,) if is_adjusted(name) else ()
                    result[f"{side}.{kind}.{key}"] = function(getattr(found, kind), *more, **options)
    return result


@check.public
def metric_key(name):
    """The key that a metric's name means: ``[side.][type.]name[k]``, by default both sides, realistic, k = 10.

    Parameters
    ----------
    name : str
        Such as "mrr", "hits@3", "amri", "tail.mean_rank", "head.worst.hits_at_10"; see `SYNONYMS`.

    Raises
    ------
    UnknownNameError
        Says which known name is nearest.
    ValueError
        For a k that is not reported, and for an adjusted metric of ranks that are not realistic, as in PyKEEN.

    Examples
    --------
    >>> metric_key("mrr")
    'both.realistic.inverse_harmonic_mean_rank'
    >>> metric_key("head.best.hits@3")
    'head.optimistic.hits_at_3'
    """
    if not isinstance(name, str):
        raise TypeError(f"metric: name is a {type(name).__name__}; allowed: a name, such as 'mrr' or 'tail.hits@10'")
    parts = [normalize_name(part) for part in name.split(".")]
    side = parts.pop(0) if parts[0] in SIDES else "both"
    kind = parts.pop(0) if parts and parts[0] in (*TYPES, *TYPE_SYNONYMS) else "realistic"
    kind = TYPE_SYNONYMS.get(kind, kind)
    found = re.fullmatch(r"(.*?\D)(?:\.?(\d+))?", ".".join(parts))  # a number at the end is a k
    stem, digits = found.groups() if found else ("", None)
    key = NAMES.get(stem)
    if key is None or (digits and not key.endswith("hits_at_k")):
        raise check.unknown("metric", "name", name, [*METRICS, *(names[0] for names in SYNONYMS.values())])
    if is_adjusted(key) and kind != "realistic":
        raise ValueError(f"metric: name = {name!r} asks for {kind} ranks; allowed: realistic, for which the expectation holds")
    if key.endswith("hits_at_k"):
        ks, k = (KS[-1:] if is_adjusted(key) else KS), int(digits or KS[-1])
        if k not in ks:
            raise ValueError(f"metric: name = {name!r} asks for k = {k}; allowed: {check.names(ks)}, others by calling {key}")
        key = f"hits_at_{k}" if key == "hits_at_k" else key
    return f"{side}.{kind}.{key}"


@check.public
def metric(result, name):
    """One metric of a result, by any of its names.

    Parameters
    ----------
    result : dict, as returned by `metrics` and `evaluate`
    name : str, see `metric_key`

    Returns
    -------
    float

    Examples
    --------
    >>> metric({"both.realistic.inverse_harmonic_mean_rank": 0.25}, "MRR")
    0.25
    """
    key = metric_key(name)
    if key not in result:
        raise check.UnknownNameError(f"metric: name = {name!r} is {key!r}, which the result does not hold; see its keys")
    return result[key]
