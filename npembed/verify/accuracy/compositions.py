"""What the ops are measured on that look rows up, pool, mix and score them. All of a case is one example.

Ids repeat, so that gradients add up. Dropout masks hold zeros and twos, which lose no digit.
"""

import numpy as np

from ...embedding.regularizers import REGULARIZERS
from ...embedding.row_maps import NORMALIZERS
from ...kge.interactions import INTERACTIONS
from .inputs import Case, cotangent, normal, row, scale, sized

IDS = np.array([3, 0, 3, 1, 3])
BAGS = np.array([[3, 0, 3], [1, 3, 1]])
_UNIT = NORMALIZERS["normalize"].bind(eps=0)
_LENGTH = REGULARIZERS["lp"].bind(p=2, weight=0.3)
_SQUARES = REGULARIZERS["power_sum"]


def table_of(rng, kind, dtype):
    """Four rows of one class, four numbers each; "boundaries": with zeros in them."""
    table = row(rng, kind, 4, dtype, share=0.9)[:4]  # beyond, sums over repeated ids could not be added up
    if kind == "boundaries":
        table[2] = 0
    return table


def opposed(rng, kind, ids, width, dtype):
    """A cotangent, in which for "cancelling" the last gradient of a repeated id all but takes back the others."""
    g = cotangent(rng, (ids.size, width), dtype)
    if kind == "cancelling":
        for i in set(ids.ravel().tolist()):
            *others, last = np.flatnonzero(ids.ravel() == i)
            if others:
                g[last] = -g[others].sum(axis=0) * dtype.type(1 + 1e-5)
    return g


def unless_zero(kind, op):
    """A map that has no derivative at a zero row: not where there is one."""
    return None if kind == "boundaries" else op


def mask_of(rng, shape, dtype):
    """Zeros and twos, in the precision of the rows."""
    return (2 * rng.integers(0, 2, shape)).astype(np.zeros(0, dtype).real.dtype)


def gathered(rng, kind, n, dtype):
    """Cases of gather."""
    for _ in range(n):
        yield Case((table_of(rng, kind, dtype), IDS), {}, rows=False, cotangent=opposed(rng, kind, IDS, 4, dtype))


def looked_up(rng, kind, n, dtype):
    """Cases of lookup, the normalizer and the mask on and off."""
    for i in range(n):
        options = {
            "normalizer": unless_zero(kind, _UNIT) if i % 2 else None,
            "mask": mask_of(rng, (5, 4), dtype) if i % 3 else None,
        }
        g = opposed(rng, kind, IDS, 4, dtype)
        yield Case((table_of(rng, kind, dtype), IDS), options, rows=False, cotangent=g)


def transformed(rng, kind, n, dtype):
    """Cases of transform."""
    for _ in range(n):
        options = {"normalizer": unless_zero(kind, _UNIT), "mask": mask_of(rng, (4, 4), dtype)}
        yield Case((table_of(rng, kind, dtype),), options, rows=False)


def penalized(rng, kind, n, dtype):
    """Cases of penalty."""
    for i in range(n):
        table = table_of(rng, kind, dtype) * np.asarray(scale(kind, dtype, product=True) / scale(kind, dtype), dtype)
        yield Case((table, IDS), {"regularizer": _SQUARES if i % 2 or kind == "boundaries" else _LENGTH}, rows=False)


def scored(rng, kind, n, dtype):
    """Cases of score: four triples of three entities, so that each is head and tail."""
    names = ("complex", "rotate") if dtype.kind == "c" else ("distmult", "transe")
    h, r, t = np.array([[0, 0, 1], [1, 1, 0], [2, 0, 1], [0, 1, 2]]).T
    for i in range(n):
        size = scale(kind, dtype, product=True) ** 0.6  # gradients that overflow could not be added up
        entities, relations = (sized(rng, kind, (m, 4), dtype, size, 0.3) for m in (3, 2))
        name = names[0] if i % 2 or kind == "boundaries" else names[1]
        if kind == "boundaries":
            entities[0, :2], relations[1] = 0, 0
        if kind == "ties":
            entities[:, 1] = entities[:, 0]
        if kind == "cancelling":
            relations[0] = entities[1] - entities[0] * dtype.type(1 + 1e-5) if name == "transe" else 1 / entities[0]
            if name == "rotate":
                relations[0] = entities[1] * dtype.type(1 + 1e-5) / entities[0]
        options = {"interaction": INTERACTIONS[name] if name in ("distmult", "complex") else INTERACTIONS[name].bind(p=2)}
        yield Case((entities, relations, h, r, t), options, rows=False)


def pooled(rng, kind, n, dtype):
    """Cases of embedding_bag: sums with weights and without, means, and of real rows maxima."""
    modes = ("sum", "weighted", "mean") if dtype.kind == "c" or kind == "ties" else ("sum", "weighted", "mean", "max")
    for i in range(n):
        table, mode = table_of(rng, kind, dtype), modes[i % len(modes)]
        if kind == "cancelling":
            table[0] = -2 * table[3] * dtype.type(1 + 1e-5)
        if mode == "max" and kind == "boundaries":
            mode = "mean"
        weights = (None, normal(rng, BAGS.shape, dtype)) if mode == "weighted" else ()
        yield Case((table, BAGS, *weights), {"mode": "sum" if weights else mode}, rows=False)


def mixed(rng, kind, n, dtype):
    """Cases of low_rank: five rows of three bases."""
    for _ in range(n):
        size = scale(kind, dtype, product=True)
        weights, bases = sized(rng, kind, (5, 3), dtype, 1, 0.4), sized(rng, kind, (3, 4), dtype, size, 0.4)
        if kind == "cancelling":
            bases[2] = -(weights[0, :2] @ bases[:2]) / weights[0, 2] * dtype.type(1 + 1e-5)
        if kind == "ties":
            weights[:, 1], bases[1] = weights[:, 0], bases[0]
        if kind == "boundaries":
            weights[0], bases[1] = 0, 0
        yield Case((weights, bases), {}, rows=False)


def combined(rng, kind, n, dtype):
    """Cases of what combines three tables, entry by entry or side by side."""
    for _ in range(n):
        size = scale(kind, dtype, product=True) ** 0.5
        xs = [sized(rng, kind, (3, 4), dtype, size, 0.3) for _ in range(3)]
        if kind == "cancelling":
            xs[2] = -(xs[0] + xs[1]) * dtype.type(1 + 1e-5)
        if kind == "ties":
            xs[1] = xs[0].copy()
        if kind == "boundaries":
            xs[1][0] = 0
        yield Case(tuple(xs), {}, rows=False)
