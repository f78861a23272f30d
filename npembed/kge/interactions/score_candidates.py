"""Score many queries against many candidates fast: the same meaning as the interactions, by loops without temporaries.

The layered engine, which is the interactions themselves, holds ``(B, N, d)`` numbers in float64 on the way to ``(B, N)`` scores.
Here each interaction says, for each side, which of the terms in `kernels.score` are its own; what has no such terms (an Op of one's
own, ``p = 3``) is left to the layered engine, in blocks.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from ... import check
from ...numerics import kernels
from ...numerics.precision import to_compute_dtype, to_float64
from ..columns import COLUMNS
from .complex import complex_bilinear
from .distmult import distmult
from .rotate import rotate
from .transe import transe

LAYERED = 2**16
"""Scores that the layered engine computes at once where it stands in; each takes some `d` numbers on the way."""

ANY = -np.finfo(np.float64).max
"""The least finite number: a sum of products may be anything."""


class Form(NamedTuple):
    """What a side's scores are, in the words of `kernels.score`: the terms, two rows for each query, and what becomes of the sum.

    `options` are those of the definition that it takes from the whole batch, and that it is to be told where it scores a part of it.
    """

    terms: str
    a: np.ndarray
    b: np.ndarray
    sign: float
    root: bool
    low: float
    options: dict


@check.public
def score_all(h, r, t, *, interaction, side):
    """Score each query against each candidate: rows of two of h, r and t make the queries, the third, `side`, the candidates.

    Means ``interaction.forward(h[:, None], r[:, None], t)`` for ``side="tail"``, and likewise for the others. The terms of
    each sum are the same, from float32 rows to the bit; they are added up in float64 in another order, and the score is rounded
    once. So it differs by at most ``(2 d + 4) eps`` of the sum of their sizes (eps = 2.2e-16), and then by that rounding: for
    float32 and complex64 hardly ever, and if so by one unit in the last place. Equal candidates get equal scores, to the bit,
    whatever their number, their places and the number of threads.

    NaN and infinite scores, and those of float64 rows whose squares might overflow or vanish, are computed by the interaction itself, as
    are all scores where products of float64 rows might vanish on the way.

    Parameters
    ----------
    h, r, t : ndarray (B, d), and (N, d) for `side`, of one dtype
    interaction : Op
        A fast form have: "transe" with p = 1 (real rows) or 2, "distmult", "complex", "rotate" with p = 1 or 2.
    side : "head", "relation" or "tail"

    Returns
    -------
    ndarray (B, N)

    Raises
    ------
    ValueError, TypeError
        As the interaction does; and for arrays that have not two axes.

    Examples
    --------
    >>> from npembed.kge.interactions import INTERACTIONS
    >>> h, r, t = np.array([[0.0, 1.0]]), np.array([[1.0, 1.0]]), np.array([[1.0, 2.0], [4.0, -2.0], [0.0, 0.0]])
    >>> score_all(h, r, t, interaction=INTERACTIONS["transe"].bind(p=2), side="tail")
    array([[-0.        , -5.        , -2.23606798]])
    """
    check.op("score_all", "interaction", interaction)
    check.choice("score_all", "side", side, COLUMNS)
    for name, x in zip("hrt", (h, r, t), strict=True):
        check.array("score_all", name, x)
        if x.ndim != 2:
            raise ValueError(f"score_all: {name} has shape {x.shape}; allowed: (B, d), or (N, d) for the candidates")
    place = COLUMNS.index(side)
    candidates, first, second = (h, r, t)[place], *(x for i, x in enumerate((h, r, t)) if i != place)
    if len(first) != len(second):
        raise ValueError(
            f"score_all: {len(first)} and {len(second)} rows make no queries; allowed: as many of the one as of the other"
        )
    shape = len(first), len(candidates)
    if not candidates.size or not len(first) or (form := fast_form(interaction, side, h, r, t)) is None:
        return _layered(interaction, place, h, r, t, shape)
    half = candidates.dtype == np.float16
    out = np.empty(shape, np.float64 if half else candidates.real.dtype)  # the loop knows no float16
    rows = np.require(to_compute_dtype(candidates), requirements=["C", "A", "W"])
    a, b = _real(np.ascontiguousarray(form.a)), _real(np.ascontiguousarray(form.b))
    if kernels.score(form.terms, out, _real(rows), a, b, sign=form.sign, root=form.root, low=form.low):
        _recompute_(out, functools.partial(interaction.forward, **form.options), place, h, r, t)
    return out.astype(candidates.dtype) if half else out


def fast_form(interaction, side, h, r, t):
    """The `Form` of an interaction's scores for a side, or None if it has none; arguments as in `score_all`.

    >>> from npembed.kge.interactions import INTERACTIONS
    >>> row = np.ones((1, 2))
    >>> fast_form(INTERACTIONS["distmult"], "head", row, row, row).terms
    'products'
    >>> fast_form(INTERACTIONS["transe"].bind(p=3), "head", row, row, row) is None
    True
    """
    f = interaction.forward if isinstance(interaction.forward, functools.partial) else functools.partial(interaction.forward)
    form = next((form for definition, form in _FORMS.items() if definition is f.func), None)
    if form is None:
        return None
    f(h[:0], r[:0], t[:0])  # which refuses rows and options that do not fit
    return form(side, h, r, t, **f.keywords)


def _transe(side, h, r, t, *, p=1, power_norm=False, slope_at_zero=0.0):
    p = float(p)
    if p not in (1, 2) or (p == 1 and h.dtype.kind == "c"):
        return None
    a, b = _query(side, h, r, t)
    if side == "tail":
        a, b = np.zeros_like(a), a + b
    if p == 1:
        return Form("absolute", a, b, -1.0, False, 0.0, {})
    return Form("squares", a, b, -1.0, not power_norm, _low(h, 2), {})


def _distmult(side, h, r, t):
    if _may_vanish(h, r, t):
        return None
    a, b = _query(side, h, r, t)
    if side == "tail":
        a, b = np.ones_like(a), a * b
    return Form("products", a, b, 1.0, False, ANY, {})


def _complex(side, h, r, t):
    if _may_vanish(h, r, t):
        return None
    a, b = _query(side, h, r, t)
    if side == "tail":  # Re q conj(x) is the product of two rows of real numbers
        return Form("products", np.full_like(a, 1 + 1j), a * b, 1.0, False, ANY, {})
    return Form("turned_products", a, b, 1.0, False, ANY, {})


def _rotate(side, h, r, t, *, p=2, power_norm=False, slope_at_zero=0.0, turn="head"):
    p = float(p)
    if p not in (1, 2):
        return None
    if turn == "cheaper":
        turn = "head" if side == "tail" and len(t) > 1 else "tail"
    a, b = _query(side, h, r, t)
    if side == ("tail" if turn == "head" else "head"):  # what is turned is in the query
        a, b = np.ones_like(a), (a * b if turn == "head" else b * np.conj(a))
        if p == 2:
            return Form("squares", np.zeros_like(a), b, -1.0, not power_norm, _low(h, 2), {"turn": turn})
    elif turn == "tail":  # |h - x conj(r)|, and |h - t conj(x)| = |conj(h) - x conj(t)|
        a, b = (np.conj(b), a) if side == "tail" else (np.conj(b), np.conj(a))
    if p == 1:
        return Form("turned_moduli", a, b, -1.0, False, _low(h, 1), {"turn": turn})
    return Form("turned_squares", a, b, -1.0, not power_norm, _low(h, 2), {"turn": turn})


_FORMS = {transe: _transe, distmult: _distmult, complex_bilinear: _complex, rotate: _rotate}
"""By the function that is the definition: what its scores are, for a side."""


def _query(side, h, r, t):
    """The two that are no candidates, wide, in the order of h, r, t."""
    return tuple(to_float64(x) for name, x in zip(COLUMNS, (h, r, t), strict=True) if name != side)


def _low(x, p):
    """Below which a sum of squares (p = 2), or of roots of squares (p = 1), may have lost something: squares of float32 never."""
    return math.ldexp(1.0, -400 * p) if x.real.dtype == np.float64 else 0.0


def _may_vanish(*rows):
    """Whether a product of a number from each might be subnormal on the way to a score that is not: of float32 never."""
    if rows[0].real.dtype != np.float64:
        return False
    sizes = (np.abs(_real(np.ascontiguousarray(x))) for x in rows)
    return math.prod(size.min(where=size != 0, initial=1.0) for size in sizes) < math.ldexp(1.0, -1000)


def _real(x):
    """Rows of complex numbers as rows of twice as many real ones."""
    return x.view(x.real.dtype)


def _spread(place, h, r, t):
    """The three with axes such that queries run down and candidates across."""
    return tuple(x if i == place else x[:, None] for i, x in enumerate((h, r, t)))


def _layered(interaction, place, h, r, t, shape):
    """The definition, in blocks of queries."""
    size = max(1, LAYERED // max(1, shape[1]))
    blocks = range(0, max(1, shape[0]), size)
    parts = [tuple(x if i == place else x[lo : lo + size] for i, x in enumerate((h, r, t))) for lo in blocks]
    scores = [interaction.forward(*_spread(place, *part)) for part in parts]
    return scores[0] if len(scores) == 1 else np.concatenate(scores)


def _recompute_(out, definition, place, h, r, t):
    """Have the definition score what is in doubt."""
    where = np.nonzero(np.isnan(out))
    size = max(1, 16 * LAYERED // h.shape[1])
    for lo in range(0, len(where[0]), size):
        i, n = (index[lo : lo + size] for index in where)
        out[i, n] = definition(*(x[n if k == place else i] for k, x in enumerate((h, r, t))))
