"""What each op's gradient is checked at: (arguments, options), away from kinks unless said. `test_registries` walks them all."""

import math
import os

import naive
import numpy as np

from npembed.embedding.regularizers import REGULARIZERS
from npembed.embedding.row_maps import NORMALIZERS
from npembed.kge.interactions import INTERACTIONS
from npembed.kge.losses import adversarial_weights

ORDERS = [1, 1.5, 2, 3, math.inf]


def with_entries(cases):
    """Those of the cases that have a gradient to check: not all of them are of no entries."""
    return [(args, options) for args, options in cases if any(np.size(a) for a in args if np.asarray(a).dtype.kind in "fc")]


def shaped(rng, *cases, dtypes=(float, complex)):
    for dtype in dtypes:
        for shape, dim in cases:
            yield naive.rows(rng, shape, dtype), dim


def gather_cases(rng):
    for dtype in (float, complex):
        for shape, ids in (((5, 3), [0, 4, 4, 2, 4]), ((5,), [[4, 0], [0, 0]]), ((4, 2, 3), 3), ((5, 2), []), ((3, 0), [0, 2])):
            yield (naive.rows(rng, shape, dtype), np.array(ids, int)), {}
            yield (naive.rows(rng, shape, dtype), np.array(ids, int)), {"backend": "python"}


def norm_cases(rng):
    for x, dim in shaped(rng, ((4, 3), -1), ((3,), 0), ((2, 3, 4), (0, 2)), ((3, 2), None), ((2, 1), -1), ((0, 3), -1)):
        for p in ORDERS:
            yield (x,), {"p": p, "dim": dim}
    yield (naive.rows(rng, (2, 3)) * 1e-3,), {"ties": "first", "p": math.inf}


def normalize_cases(rng):
    yield from norm_cases(rng)
    for dtype in (float, complex):
        x = naive.rows(rng, (3, 4), dtype)
        for p in ORDERS:
            yield (x,), {"p": p, "eps": 20.0}  # all rows short
            yield (x,), {"p": p, "eps": 0}
        mixed = x * np.array([[1.0], [0.01], [2.0]])
        yield (mixed,), {"eps": 0.5, "axis": 1, "zero_row": "stop"}
        yield (mixed * np.array([[1.0], [0.0], [1.0]]),), {"eps": 0.5}  # the zero row, where eps makes it smooth
        yield (x * 1e-3,), {"axis": (0, 1)}


def complex_normalize_cases(rng):
    for x, _ in shaped(rng, ((4, 3), -1), ((3,), 0), ((2, 1, 2), 0), ((0, 3), 0), dtypes=(complex,)):
        yield (x,), {}
        yield (x.view(float),), {}
        yield (x * 2.0**-60,), {"eps": 2.0**-52}  # every modulus below eps
        yield (x * 2.0**-60,), {}
        yield (x * 100.0,), {}


def quaternion_normalize_cases(rng):
    for shape in ((3, 4), (8,), (2, 2, 8), (0, 4)):
        x = naive.rows(rng, shape)
        for options in ({}, {"eps": 20.0}, {"eps": 0, "zero_row": "stop"}):  # with eps = 20 all are short
            yield (x,), options


def clamp_cases(rng):
    for shape in ((4, 5), (6,), (2, 3, 2), (0, 2)):
        for options in ({"min": -1.0, "max": 0.75}, {"max": 1.1}, {"min": -0.9}, {"min": 5, "max": 6}):
            for edge in ("pass", "stop", "half"):
                yield (naive.rows(rng, shape),), {**options, "edge": edge}


def clamp_norm_cases(rng):
    for (x,), options in norm_cases(rng):
        length = np.linalg.norm(np.abs(x).ravel(), options["p"]) if x.size else 1.0
        for share in (0.3, 0.6, 2.0):
            yield (x,), {**options, "maxnorm": share * length}
    x = naive.rows(rng, (3, 4)) * np.array([[1.0], [0.01], [2.0]])
    for edge in ("project", "pass"):
        yield (x,), {"maxnorm": 0.01, "eps": 0.5, "edge": edge}  # the middle row is short, but outside
        yield (x,), {"maxnorm": 3.0, "axis": None, "edge": edge}
    yield (x,), {"maxnorm": 0}
    yield (x,), {"maxnorm": 1.0, "eps": 0, "p": "fro"}


def softmax_cases(rng):
    for x, dim in shaped(
        rng, ((4, 3), -1), ((3,), 0), ((2, 3, 4), (0, 2)), ((3, 2), None), ((2, 1), -1), ((0, 3), -1), dtypes=(float,)
    ):
        yield (x,), {"dim": dim}
        yield (3 * x + 100,), {"axis": dim}


BROADCASTS = [
    ((5, 3),) * 3,
    ((3,),) * 3,
    ((2, 1, 3), (2, 1, 3), (1, 4, 3)),
    ((3, 4), (1, 4), (4,)),
    ((0, 3),) * 3,
    ((1, 2), (3, 1, 2), (2,)),
]


def transe_cases(rng):
    for dtype in (float, complex):
        for shapes in BROADCASTS:
            args = tuple(naive.rows(rng, shape, dtype) for shape in shapes)
            for p in ORDERS:
                yield args, {"p": p}
                if p != math.inf:
                    yield args, {"p": p, "power_norm": True}
    yield args, {"p": 1, "slope_at_zero": 0.5}


def distmult_cases(rng):
    for shapes in BROADCASTS:
        yield tuple(naive.rows(rng, shape) for shape in shapes), {}


def complex_cases(rng):
    for shapes in BROADCASTS:
        yield tuple(naive.rows(rng, shape, complex) for shape in shapes), {}


def rotate_cases(rng):
    for shapes in BROADCASTS:
        args = tuple(naive.rows(rng, shape, complex) for shape in shapes)
        for p in ORDERS:
            for turn in ("head", "tail", "cheaper"):
                yield args, {"p": p, "turn": turn}
                if p != math.inf:
                    yield args, {"p": p, "power_norm": True, "turn": turn}
    yield args, {"p": 1, "slope_at_zero": 0.5}


def lookup_cases(rng):
    for dtype in (float, complex):
        for shape, ids in (
            ((5, 4), [0, 4, 4, 2]),
            ((5, 4), [[4, 0], [0, 0]]),
            ((4, 2, 4), 3),
            ((5, 2), []),
            ((4,), 2),
            ((4,), [3, 0, 3]),
        ):
            table, ids = naive.rows(rng, shape, dtype), np.array(ids, int)
            mask = rng.choice([0.0, 2.0, 1.25], ids.shape + shape[1:])
            for normalizer in [None, *(op for name, op in bound(dtype) if len(shape) > 1 and ids.size)]:
                yield (table, ids), {"normalizer": normalizer}
                yield (table, ids), {"normalizer": normalizer, "mask": mask}


def penalty_cases(rng):
    for dtype in (float, complex):
        for ids in ([0, 4, 4, 2], [[4, 0], [0, 0]], 3, []):
            table, ids = naive.rows(rng, (5, 4), dtype), np.array(ids, int)
            for options in ({"p": 2.0}, {"p": 1, "weight": 0.25, "normalize": True}, {"p": 3, "dim": None}):
                regularizer = REGULARIZERS["lp"].bind(**options)
                yield (table, ids), {"regularizer": regularizer}
                for name, normalizer in bound(dtype) if ids.size and options["p"] == 3 else []:
                    if (
                        name != "complex_normalize"
                    ):  # after which there is nothing left to charge for, as for p = 2 after normalize
                        yield (table, ids), {"regularizer": regularizer, "normalizer": normalizer}


def transform_cases(rng):
    for (table, ids), options in lookup_cases(rng):
        yield (np.asarray(table[ids]),), options


def share(items, k, n):
    """Every n-th of `items`, from the k-th on (counted modulo n); all of them in the nightly run."""
    return list(items) if os.environ.get("NPEMBED_HYPOTHESIS") == "nightly" else list(items)[k % n :: n]


def score_cases(rng):
    ids = ([0, 4, 4, 1], [1, 0, 1, 1], [4, 4, 0, 2])
    spread = (np.array([[0], [4]]), np.array([[1], [0]]), np.array([[0, 1, 4, 4, 2]]))
    for k, (name, options, dtype) in enumerate(interactions()):
        interaction = INTERACTIONS[name].bind(**options)
        normalizers = [None, *(op for _, op in bound(dtype))]
        for j, (h, r, t) in enumerate((ids, spread, ([], [], []))):
            tables = naive.rows(rng, (5, 4), dtype), naive.rows(rng, (2, 4), dtype)
            masks = tuple(rng.choice([0.0, 2.0, 1.25], (*np.shape(a), 4)) for a in (h, r, t))
            for i in share(range(len(normalizers)), k + j, 4) if np.size(h) else [0]:
                both = {"entity_normalizer": normalizers[i], "relation_normalizer": normalizers[(i + 1) % len(normalizers)]}
                yield (*tables, h, r, t), {"interaction": interaction, **both, "masks": masks}
            yield (*tables, h, r, t), {"interaction": interaction}


COMPLEX_ONLY = ("complex", "rotate")


def interactions():
    """Every interaction with the options that change it."""
    options = {"transe": [{"p": p, "power_norm": power} for power in (False, True) for p in (1, 2, 3)] + [{"p": math.inf}]}
    options["rotate"] = [{"p": p, "power_norm": power} for power in (False, True) for p in (1, 2, 3)]
    for name in INTERACTIONS:
        for kwargs in options.get(name, [{}]):
            yield name, kwargs, complex if name in COMPLEX_ONLY else float
    for kwargs in ({"p": 1}, {"p": 2}, {"p": 2, "power_norm": True}):
        yield "transe", kwargs, complex


def bound(dtype):
    """Every normalizer that takes rows of `dtype`, with its options, by name."""
    options = {"clamp": {"min": -1.1, "max": 0.9}, "clamp_norm": {"maxnorm": 2.6}}
    for name, op in NORMALIZERS.items():
        if dtype is float or name not in ("clamp", "softmax", "quaternion_normalize"):
            yield name, op.bind(**options.get(name, {}))


def margin_ranking_cases(rng):
    for shapes in (((4, 1), (4, 3)), ((4, 1), (4, 1)), ((3,), (3,)), ((2, 3, 1), (2, 3, 5)), ((1, 1), (4, 2)), ((4, 3), (4, 1))):
        for margin in (1.0, 0.25, -0.5, 10.0, 0.0):
            for edge in ("stop", "pass", "half"):
                yield tuple(naive.rows(rng, shape) for shape in shapes), {"margin": margin, "edge": edge}


def masked(rng, shapes=((4, 3), (3, 1), (1, 4))):
    """Scores of true and of corrupted triples, and a mask: none, some, or nothing left."""
    for b, k in shapes:
        for mask in (None, rng.random((b, k)) < 0.6, np.zeros((b, k), bool)):
            yield (naive.rows(rng, (b, 1)), naive.rows(rng, (b, k))), {"mask": mask}


def labelled(rng, weights=True):
    """Scores of all candidates, and labels: some rows all true, some without a true one; with `weights` also counts and shares."""
    for b, n in ((5, 4), (2, 1), (1, 6)):
        y = (rng.random((b, n)) < 0.4).astype(float)
        y[0], y[-1] = 1.0, 0.0
        for labels in (y, np.ones((b, n), int), np.zeros((b, n), bool), *((3 * y, rng.random((b, n))) if weights else ())):
            yield (naive.rows(rng, (b, n)),), {"labels": labels}


def with_options(cases, *choices):
    for args, options in cases:
        for more in choices:
            yield args, {**options, **more}


MARGINS = [{"margin": margin, "edge": edge} for margin in (1.0, 0.25, -0.5) for edge in ("stop", "pass", "half")]
POS_WEIGHTS = [{}, {"pos_weight": 0.25}, {"pos_weight": 3}]
NSSA = [{"detach": False, "margin": m, "adversarial_temperature": t} for m, t in ((9.0, 1.0), (0.5, 2.0), (-1.0, 0.0))]


def masked_margin_ranking_cases(rng):
    yield from margin_ranking_cases(rng)
    yield from with_options(masked(rng), *MARGINS)


def nssa_cases(rng):
    yield from with_options(masked(rng), *NSSA, {"detach": False, "empty_row": "pykeen"})
    for (positive, negative), options in masked(rng):  # detached: the weights of the scores, as constants
        weights = adversarial_weights(negative, **options)
        for detach in (True, False):
            yield (positive, negative), {**options, "weights": weights, "detach": detach}


def nssa_lcwa_cases(rng):
    yield from with_options(labelled(rng, weights=False), *NSSA)
    for (x,), options in labelled(rng, weights=False):
        yield (x,), {**options, "weights": adversarial_weights(x, mask=options["labels"] < 0.5)}


def lp_cases(rng):
    for x, dim in shaped(rng, ((4, 3), -1), ((3,), 0), ((2, 3, 4), (0, 2)), ((3, 2), None), ((2, 1), -1), ((0, 3), -1)):
        for p in ORDERS:
            yield (x,), {"p": p, "dim": dim, "weight": 0.3}
        for p in (1, 2):
            yield (x,), {"p": p, "dim": dim, "normalize": True}
        for p in (1, 1.5, 2, 3):
            yield (x,), {"p": p, "dim": dim, "normalize": True, "expected": "pykeen"}


def low_rank_cases(rng):
    for dtype in (float, complex):
        for ids, k, shape in (
            ((4,), 3, (5,)),
            ((2, 3), 2, (4,)),
            ((3,), 1, (2, 3)),
            ((), 3, (2,)),
            ((0,), 2, (3,)),
            ((2,), 2, ()),
        ):
            yield (naive.rows(rng, (*ids, k), dtype), naive.rows(rng, (k, *shape), dtype)), {}


def concat_cases(rng):
    for dtype in (float, complex):
        for shapes, dim in (
            (((4, 3), (4, 2), (4, 1)), -1),
            (((4, 3), (4, 2)), 1),
            (((2, 3, 2), (2, 1, 2)), -2),
            (((3,),), 0),
            (((0, 3), (0, 2)), -1),
            (((4, 5), (4, 6)), -1),
        ):
            yield tuple(naive.rows(rng, shape, dtype) for shape in shapes), {"dim": dim}


def several_cases(rng):
    for dtype in (float, complex):
        for shape, n in (((4, 3), 2), ((3,), 3), ((2, 2, 3), 4), ((2, 3), 1), ((0, 3), 2), ((), 3)):
            yield tuple(np.asarray(naive.rows(rng, shape, dtype)) for _ in range(n)), {}
        yield (naive.rows(rng, (3, 2), dtype), np.zeros((3, 2), dtype), naive.rows(rng, (3, 2), dtype)), {}


def embedding_bag_cases(rng):
    """Rows of one sign where they are added, so that single precision keeps its digits; of either sign where they are compared."""
    cut = np.array([0, 4, 4, 2, 4, 1, 0]), np.array([0, 3, 3, 6])
    for dtype in (float, complex):
        table = naive.rows(rng, (5, 3), dtype)
        positive = np.abs(table.real) + 1j * np.abs(table.imag) if dtype is complex else np.abs(table)
        for mode in ("sum", "mean", "max") if dtype is float else ("sum", "mean"):
            x = table if mode == "max" else positive
            for more in ({}, {"padding_idx": 4}, {"include_last_offset": True}, {"backend": "python"}):
                yield (x, *cut), {"mode": mode, **more}
            yield (x, np.array([[1, 0], [1, 1], [3, 1]])), {"mode": mode, "padding_idx": -5}
            yield (x.reshape(5, 3, 1), np.zeros((2, 0), int)), {"mode": mode}
            yield (x[:, 0], np.array([[1, 0], [1, 1]])), {"mode": mode, "ties": "split"}  # one row twice: no kink
        weights = np.abs(naive.rows(rng, 7)).astype(dtype)
        for more in ({}, {"padding_idx": 4}, {"include_last_offset": True}):
            yield (positive, *cut, weights), {"mode": "sum", **more}
        yield (positive.reshape(5, 1, 3), np.array([[1, 0], [1, 1]]), None, weights[:4].reshape(2, 2)), {"mode": "sum"}


def power_sum_cases(rng):
    for x, dim in shaped(rng, ((4, 3), -1), ((3,), 0), ((2, 3, 4), (0, 2)), ((3, 2), None), ((2, 1), -1), ((0, 3), -1)):
        for p in (1, 1.5, 2, 3):
            for options in ({"weight": 0.3}, {"normalize": True}, {"normalize": True, "count": "pykeen"}):
                yield (x,), {"p": p, "dim": dim, **options}


def norm_limit_cases(rng):
    """With a limit that some norms exceed and others do not, or none does, or all do."""
    for x, dim in shaped(rng, ((4, 3), -1), ((3,), 0), ((2, 3, 4), (0, 2)), ((3, 2), None), ((2, 1), -1), ((0, 3), -1)):
        for p in ORDERS:
            for power_norm in (False, True) if p != math.inf else (False,):
                options = {"p": p, "dim": dim, "power_norm": power_norm}
                for max_norm, edge in ((2.345, "stop"), (0.123, "pass"), (1e3, "half"), (-1.0, "stop")):
                    yield (x,), {**options, "max_norm": max_norm, "edge": edge, "weight": 0.7}


def orthogonality_cases(rng):
    for shape in ((4, 3), (3,), (2, 3, 4), (2, 2), (0, 3)):
        a, b = naive.rows(rng, shape), naive.rows(rng, shape)
        for options in ({}, {"limit": "pykeen", "weight": 0.3}, {"epsilon": 0.4, "edge": "pass"}, {"epsilon": 0.1, "eps": 9.0}):
            yield (a, b), options
            yield (2 * b, a), options


def combined_cases(rng):
    parts = [("lp", {"p": 1}, 2.0), ("power_sum", None, 0.5), (REGULARIZERS["norm_limit"], {"max_norm": 1.3}, -0.25)]
    for x, _ in shaped(rng, ((4, 3), -1), ((3,), 0), ((2, 3, 4), (0, 2)), ((0, 3), -1)):
        for some in (parts, parts[:1], [*parts, ("combined", {"regularizers": parts[1:]}, 0.7)]):
            yield (x,), {"regularizers": some, "weight": 0.3}


def no_cases(rng):
    for x, _ in shaped(rng, ((8, 4), -1), ((3,), 0), ((0, 3), -1)):
        yield (x,), {}


LOSS_RECIPES = {
    "margin_ranking": masked_margin_ranking_cases,
    "margin_ranking_lcwa": lambda rng: with_options(labelled(rng, weights=False), *MARGINS),
    "softplus": lambda rng: with_options(masked(rng, ((4, 3), (3, 1), (1, 4), (5, 3))), {}),
    "softplus_lcwa": labelled,
    "bce_with_logits": lambda rng: with_options(masked(rng), *POS_WEIGHTS),
    "bce_with_logits_lcwa": lambda rng: with_options(labelled(rng), *POS_WEIGHTS),
    "mse": lambda rng: with_options(masked(rng, ((4, 3), (3, 1), (1, 4), (5, 3))), {}),
    "mse_lcwa": labelled,
    "nssa": nssa_cases,
    "nssa_lcwa": nssa_lcwa_cases,
    "crossentropy": lambda rng: with_options(masked(rng, ((4, 3), (3, 1), (1, 4), (5, 3))), {}),
    "crossentropy_lcwa": labelled,
    "lp": lp_cases,
    "power_sum": power_sum_cases,
    "norm_limit": norm_limit_cases,
    "orthogonality": orthogonality_cases,
    "combined": combined_cases,
    "no": no_cases,
}


def vjp_cases(cases):
    """Cases of a vjp, to be differentiated once more: those of the map, with a cotangent before the rows."""

    def with_cotangent(rng):
        for (x,), options in cases(rng):
            yield (np.asarray(naive.rows(rng, x.shape, x.dtype)), x), options

    return with_cotangent


def complex_normalize_vjp_cases(rng):
    """Where rows are short, they are of ordinary size: of the tiny ones above, gradients that are zero cannot be seen to be."""
    for (g, x), options in vjp_cases(complex_normalize_cases)(rng):
        yield ((g, x), options) if "eps" not in options else ((g, x * 2.0**60), {"eps": 20.0})


RECIPES = {
    "gather": gather_cases,
    "embedding_bag": embedding_bag_cases,
    "norm": norm_cases,
    "normalize": normalize_cases,
    "complex_normalize": complex_normalize_cases,
    "quaternion_normalize": quaternion_normalize_cases,
    "clamp": clamp_cases,
    "clamp_norm": clamp_norm_cases,
    "softmax": softmax_cases,
    "transe": transe_cases,
    "distmult": distmult_cases,
    "lookup": lookup_cases,
    "penalty": penalty_cases,
    "transform": transform_cases,
    "score": score_cases,
    "low_rank": low_rank_cases,
    "concat": concat_cases,
    "add": several_cases,
    "multiply": several_cases,
    "complex_bilinear": complex_cases,
    "rotate": rotate_cases,
    **LOSS_RECIPES,
    "normalize_vjp": vjp_cases(normalize_cases),
    "complex_normalize_vjp": complex_normalize_vjp_cases,
    "quaternion_normalize_vjp": vjp_cases(quaternion_normalize_cases),
    "clamp_vjp": vjp_cases(clamp_cases),
    "clamp_norm_vjp": vjp_cases(clamp_norm_cases),
    "softmax_vjp": vjp_cases(softmax_cases),
    "transform_vjp": vjp_cases(transform_cases),
}
