"""Where the true entity stands among all entities: raw and filtered ranks, with three ways to count ties.

For a triple (h, r, t) the tail side asks (h, r, ?), the head side (?, r, t). The model scores every entity as the answer; the
rank says how many it likes better than the true one.
"""

import contextlib
import inspect
from typing import NamedTuple

import numpy as np

from ... import check
from ...layers.modes import evaluation_mode
from .known import SIDES, index_known, known_answers

BLOCK = 2**16
"""How many scores are held at once, unless said otherwise. A model may need some hundred bytes for each while it computes."""

FUSED_BLOCK, FUSED_ROWS = 2**22, 2**12
"""The same for a model that needs no more than the scores: 16 MB in float32; and of how many triples at most."""

COUNTED = 2**16
"""How many scores are compared at once: few enough for them and the outcome to stay in the cache."""

SCORERS = {"head": ("score_h", slice(1, 3)), "tail": ("score_t", slice(0, 2))}
"""For each side: the model's method, and the columns of a triple that it is given."""


class SideRanks(NamedTuple):
    """The ranks of n triples on one side; 1 is the best.

    Parameters
    ----------
    optimistic : int64 (n,)
        One more than the number of candidates that score higher: ties are won.
    pessimistic : int64 (n,)
        The number of candidates that score as high or higher, the true one included: ties are lost.
    candidates : int64 (n,)
        How many entities were compared, the true one included: those that are not filtered out and have a finite score.
    """

    optimistic: np.ndarray
    pessimistic: np.ndarray
    candidates: np.ndarray

    @property
    def realistic(self):
        """The mean of optimistic and pessimistic, float64 (n,): the expected rank where ties are broken by chance."""
        return (self.optimistic + self.pessimistic) / 2


class Ranks(NamedTuple):
    """The ranks of triples on the head side and on the tail side (None for a side that was not asked for).

    Examples
    --------
    >>> one, two = (SideRanks(*np.array([[rank], [rank], [5]])) for rank in (1, 2))
    >>> Ranks(one, two).both.realistic
    array([1., 2.])
    """

    head: SideRanks | None = None
    tail: SideRanks | None = None

    @property
    def both(self):
        """All ranks there are, those of the head side first, as one `SideRanks`."""
        return SideRanks(*map(np.concatenate, zip(*(side for side in self if side is not None), strict=True)))

    @property
    def sides(self):
        """By name: the sides that there are, and both."""
        return {**{name: side for name, side in self._asdict().items() if side is not None}, "both": self.both}


@check.public
def ranks(model, triples, *, known=(), sides=("head", "tail"), filtered=True, block=None, engine="fused"):
    """Rank the true entity of each triple among all entities.

    With the score s of the true entity: optimistic ``1 + #(scores > s)``, pessimistic ``#(scores >= s)``, realistic the mean of
    the two. Filtered, the answers that are true as well (those in `known` and in `triples`) are no candidates; the true one
    stays. A model in training mode is put into evaluation mode, and back afterwards.

    An infinite score takes part in every comparison but is not counted as a candidate, as in PyKEEN: ``-inf`` marks an
    entity that is none.

    Parameters
    ----------
    model : anything with ``score_t(hr_batch)`` and ``score_h(rt_batch)`` that return (B, N)
        Such as `npembed.kge.models.ERModel`. Larger scores are better.
    triples : integers (n, 3), columns head, relation, tail
        To be ranked; a triple given twice is ranked twice.
    known : integers (m, 3), or a sequence of such arrays
        Triples that are true too, such as those for training and validation. Not looked at if not filtered.
    sides : "head", "tail", or both
    filtered : bool
    block : int >= 1, or None for 2**22 where the model has engines and is asked for "fused", and 2**16 elsewhere
        How many scores are held at once (but one row of N at least). It bounds the memory and does not change the result.
    engine : "fused" or "layered"
        Passed on to a model that has engines (whose ``score_t`` and ``score_h`` take the keyword `engine`, as `ERModel`'s do); others
        are asked as they are. Scores differ in the last place at most, so two ranks may, where two scores all but tie.

    Returns
    -------
    Ranks

    Raises
    ------
    FloatingPointError
        If a score is NaN: every comparison with it is false, so it would count as the best rank there is.

    References
    ----------
    Bordes et al., Translating Embeddings for Modeling Multi-relational Data (NIPS 2013), the evaluation protocol ("raw" and
    "filtered"). Berrendorf et al., On the Ambiguity of Rank-Based Evaluation of Entity Alignment or Link Prediction Methods
    (arXiv:2002.06914, 2020), for the three kinds of rank. pykeen.evaluation.Ranks (1.11.1).

    Examples
    --------
    Five entities; the true tail 1 scores 2. Entity 0 scores higher but is known to be true; entity 3 ties.

    >>> from types import SimpleNamespace
    >>> model = SimpleNamespace(score_t=lambda hr: np.array([[9.0, 2.0, 3.0, 2.0, 1.0]]))
    >>> ranks(model, [[4, 0, 1]], known=[[4, 0, 0]], sides="tail").tail
    SideRanks(optimistic=array([2]), pessimistic=array([3]), candidates=array([4]))
    >>> ranks(model, [[4, 0, 1]], sides="tail", filtered=False).tail.realistic
    array([3.5])
    """
    sides = _sides(sides)
    check.choice("ranks", "engine", engine, ("fused", "layered"))
    options = {side: {"engine": engine} if _has_engines(model, side) else {} for side in sides}
    fused = engine == "fused" and all(options.values())
    block = check.integer("ranks", "block", (FUSED_BLOCK if fused else BLOCK) if block is None else block, minimum=1)
    check.choice("ranks", "filtered", filtered, (True, False))
    largest = np.iinfo(np.int64).max
    num_entities, num_relations = (getattr(model, name, largest) for name in ("num_entities", "num_relations"))
    triples = check.triples("ranks", triples, num_entities, num_relations)
    with evaluation_mode(model), getattr(model, "held", contextlib.nullcontext)() if fused else contextlib.nullcontext():
        if num_entities == largest and len(triples):  # a model that does not say how many there are
            num_entities = _scores(model, sides[0], triples[:1], None, options[sides[0]]).shape[1]
            check.triples("ranks", triples, num_entities, num_relations)
        parts = [check.triples("ranks", part, num_entities, num_relations, name) for name, part in _arrays(known)]
        positives = np.concatenate([*parts, triples]) if filtered else None
        rows = max(1, block // max(1, num_entities))
        rows = min(rows, FUSED_ROWS) if fused else rows
        return Ranks(**{side: _side_ranks(model, side, triples, positives, num_entities, rows, options[side]) for side in sides})


def _has_engines(model, side):
    """Whether the model's method takes the keyword `engine`."""
    try:
        return "engine" in inspect.signature(getattr(model, SCORERS[side][0])).parameters
    except (AttributeError, TypeError, ValueError):  # no method, or one that does not tell
        return False


def _side_ranks(model, side, triples, positives, num_entities, rows, options):
    """The ranks of all triples on one side, from `rows` triples at a time."""
    known = None if positives is None or not len(triples) else index_known(positives, side, num_entities)
    found = np.zeros((3, len(triples)), np.int64)
    for start in range(0, len(triples), rows):
        batch = triples[start : start + rows]
        scores = _scores(model, side, batch, num_entities, options)
        found[:, start : start + rows] = _batch_ranks(scores, side, batch, known, start)
    return SideRanks(*found)


def _batch_ranks(scores, side, batch, known, start):
    """Optimistic rank, pessimistic rank and number of candidates of each row of scores."""
    true = batch[:, SIDES[side][1]]
    s = scores[np.arange(len(batch)), true][:, None]
    counts = np.zeros((3, len(batch)), np.int64)
    size = max(1, COUNTED // max(1, scores.shape[1]))
    for lo in range(0, len(batch), size):
        part = slice(lo, lo + size)
        counts[:, part] = [np.count_nonzero(mask, axis=1) for mask in _compared(scores[part], s[part])]
    if counts[2].min(initial=scores.shape[1]) < scores.shape[1]:
        _refuse_nan(scores, side, batch, start)
    if known is not None:
        rows, others = known_answers(known, batch)
        rows, others = rows[others != true[rows]], others[others != true[rows]]
        for count, mask in zip(counts, _compared(scores[rows, others], s[rows, 0]), strict=True):
            count -= np.bincount(rows[mask], minlength=len(batch))
    return 1 + counts[0], counts[1], counts[2]


def _compared(scores, s):
    """Which scores are higher than s, which as high or higher, and which are finite."""
    return scores > s, scores >= s, np.isfinite(scores)


def _scores(model, side, batch, num_entities, options):
    """The model's scores of all entities for each triple of the batch, (B, N)."""
    name, columns = SCORERS[side]
    scores = getattr(model, name)(batch[:, columns], **options)
    try:
        scores = np.asarray(scores)
    except ValueError:
        raise ValueError(f"ranks: {name} returned scores that are ragged; allowed: ({len(batch)}, N)") from None
    if scores.dtype.kind not in "fiu":
        raise TypeError(f"ranks: {name} returned scores of dtype {scores.dtype}; allowed: real numbers, which have an order")
    if scores.ndim != 2 or len(scores) != len(batch) or num_entities not in (None, scores.shape[1]):
        allowed = (len(batch), "N" if num_entities is None else num_entities)
        raise ValueError(f"ranks: {name} returned scores of shape {scores.shape}; allowed: ({allowed[0]}, {allowed[1]})")
    return scores


def _refuse_nan(scores, side, batch, start):
    bad = np.isnan(scores)
    if bad.any():
        row = int(np.argmax(bad.any(axis=1)))
        triple = tuple(batch[row].tolist())
        raise FloatingPointError(
            f"ranks: {np.count_nonzero(bad[row])} of the {scores.shape[1]} {side} scores of triples[{start + row}] = {triple} are NaN; "
            "allowed: numbers and infinities, since a NaN has no rank"
        )


def _sides(sides):
    sides = (sides,) if isinstance(sides, str) else tuple(sides)
    for side in sides:
        check.choice("ranks", "sides", side, tuple(SCORERS))
    if not sides or len(set(sides)) < len(sides):
        raise ValueError(f"ranks: sides = {sides} names no side, or one twice; allowed: 'head', 'tail' or both")
    return sides


def _arrays(known):
    """The arrays of triples in `known`, each with the name that an error would give it."""
    if not isinstance(known, (np.ndarray, list, tuple)):
        raise TypeError(f"ranks: known is a {type(known).__name__}; allowed: an array of triples, or a list of such arrays")
    if isinstance(known, np.ndarray) or (len(known) and np.ndim(known[0]) == 1):
        return [("known", known)]
    return [(f"known[{i}]", part) for i, part in enumerate(known)]
