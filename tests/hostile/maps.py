"""Hostile calls of row maps, lookups, regularizers, interactions and losses."""

import numpy as np

from npembed import Op
from npembed.embedding.lookup import dropout_mask, lookup, lookup_vjp, penalty, transform, transform_vjp
from npembed.embedding.regularizers import REGULARIZERS
from npembed.embedding.row_maps import (
    CONSTRAINERS,
    NORMALIZERS,
    clamp,
    clamp_norm,
    complex_normalize,
    norm,
    normalize,
    normalize_vjp,
    quaternion_normalize,
    softmax,
    softmax_vjp,
)
from npembed.kge.interactions import INTERACTIONS, distmult, transe, transe_vjp
from npembed.kge.losses import LOSSES, margin_ranking, margin_ranking_vjp

from . import answered, refused

NAN, INF = float("nan"), float("inf")
LAYOUTS = (
    "strided",
    "reversed",
    "fortran",
    "read_only",
    "repeated",
    "sliding",
    "misaligned",
    "subclass",
    "shared",
    "cube",
    "zeros",
)
UNIT = NORMALIZERS["normalize"]


def unit(x):
    """Each row over its length."""
    x = np.array(x)
    return x / np.maximum(np.sqrt((x * x).sum(axis=-1, keepdims=True)), 1e-12)


def unit_vjp(g, x):
    """The gradient of `unit`, where no row is short."""
    x, g = np.array(x), np.array(g)
    length = np.sqrt((x * x).sum(axis=-1, keepdims=True))
    u = x / length
    return (g - u * (u * g).sum(axis=-1, keepdims=True)) / length


def shares(x):
    """The softmax of each row."""
    with np.errstate(all="ignore"):
        e = np.exp(np.array(x) - np.array(x).max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)


def in_place(x):
    """A normalizer that changes what it is given."""
    x *= 2
    return x


def said(call):
    """What a function of the caller's own says when it is stopped."""
    try:
        call()
    except ValueError as error:
        return str(error)


def scores():
    """Scores of positives (B, 1) and negatives (B, K)."""
    return np.linspace(-1, 1, 3)[:, None], np.linspace(-2, 2, 6).reshape(3, 2)


def ranking(positive, negative):
    """The mean of margin violations, in a loop."""
    violations = [max(0.0, 1.0 - p[0] + n) for p, row in zip(positive, negative, strict=True) for n in row]
    return np.float64(sum(violations) / len(violations))


CALLS = [
    *(
        answered(
            "strides",
            f"normalize: {n}",
            lambda w, n=n: normalize(getattr(w, n)),
            lambda w, n=n: unit(getattr(w, n)),
            within=1e-14,
        )
        for n in LAYOUTS
    ),
    *(
        answered(
            "strides",
            f"normalize_vjp: x and g {n}",
            lambda w, n=n: normalize_vjp(getattr(w, n), getattr(w, n)[::-1]),
            lambda w, n=n: unit_vjp(getattr(w, n), getattr(w, n)[::-1]),
            within=1e-12,
        )
        for n in LAYOUTS[:8]
        if n != "repeated"  # the gradient along a row is zero but for rounding
    ),
    *(
        answered(
            "strides", f"softmax: {n}", lambda w, n=n: softmax(getattr(w, n)), lambda w, n=n: shares(getattr(w, n)), within=1e-14
        )
        for n in LAYOUTS
    ),
    answered(
        "NaN", "softmax: rows with NaN and infinities", lambda w: softmax(w.nan_rows), lambda w: shares(w.nan_rows), within=1e-14
    ),
    answered(
        "NaN",
        "softmax: huge rows",
        lambda w: softmax(w.huge),
        lambda w: np.where(w.huge > 0, 1.0, 0.0) / (w.huge > 0).sum(1)[:, None],
    ),
    answered("NaN", "normalize: huge rows", lambda w: normalize(w.huge), lambda w: np.sign(w.huge) / 2, within=1e-14),
    answered(
        "NaN",
        "normalize: subnormal rows, without eps",
        lambda w: normalize(w.tiny, eps=0),
        lambda w: unit(w.tiny * 2.0**1000 * 2.0**70),
        within=1e-12,
    ),
    answered("NaN", "normalize: rows of zeros, without eps", lambda w: normalize(w.zeros, eps=0), lambda w: w.zeros),
    answered(
        "NaN",
        "normalize: a row with NaN is NaN, one with an infinity has it alone",
        lambda w: normalize(w.nan_rows)[[1, 3]],
        lambda w: np.array([[NAN] * 4, [NAN, 0, 0, 0]]) * [1, 1, 1, 1],
    ),
    answered(
        "NaN",
        "clamp: NaN stays, infinities are cut",
        lambda w: clamp(w.nan_rows, min=-1, max=1),
        lambda w: np.clip(w.nan_rows, -1, 1),
    ),
    answered("empty", "normalize: no rows", lambda w: normalize(w.empty), lambda w: w.empty),
    answered("empty", "normalize: rows of no numbers", lambda w: normalize(w.thin), lambda w: w.thin),
    answered("empty", "softmax: rows of no numbers", lambda w: softmax(w.thin), lambda w: w.thin),
    answered("empty", "norm: rows of no numbers", lambda w: norm(w.thin), lambda w: np.zeros(6)),
    *(
        refused(kind, f"{f.__name__}: {n}", lambda w, f=f, x=x, o=o: f(x(w), **o), error, f"{f.__name__}: {says}")
        for kind, f, n, x, o, error, says in (
            ("dtype", normalize, "whole numbers", lambda w: w.whole, {}, TypeError, "x.dtype = int64 is not supported"),
            ("dtype", normalize, "masked", lambda w: w.masked, {}, TypeError, "x is a MaskedArray"),
            ("dtype", normalize, "a matrix, whose product is another", lambda w: w.matrix, {}, TypeError, "x is a matrix"),
            ("dtype", softmax, "complex", lambda w: w.cplx, {}, TypeError, "x"),
            ("dtype", softmax, "objects", lambda w: w.objects, {}, TypeError, "x.dtype = object is not supported"),
            ("dtype", clamp, "complex", lambda w: w.cplx, {"min": 0}, TypeError, "x"),
            ("dtype", quaternion_normalize, "rows of 3", lambda w: w.table[:, :3].copy(), {}, ValueError, "x"),
            ("dtype", complex_normalize, "rows of 3", lambda w: w.table[:, :3].copy(), {}, ValueError, "x"),
            ("options", normalize, "p = NaN", lambda w: w.table, {"p": NAN}, ValueError, "p = nan is out of range"),
            ("options", normalize, "p = 0.5", lambda w: w.table, {"p": 0.5}, ValueError, "p = 0.5 is out of range"),
            ("options", normalize, "p complex", lambda w: w.table, {"p": 2j}, TypeError, "p = 2j is of type complex"),
            ("options", normalize, "eps infinite", lambda w: w.table, {"eps": INF}, ValueError, "eps = inf is out of range"),
            (
                "options",
                normalize,
                "eps below zero",
                lambda w: w.table,
                {"eps": -1e-300},
                ValueError,
                "eps = -1e-300 is out of range",
            ),
            (
                "options",
                normalize,
                "dim = 2**63",
                lambda w: w.table,
                {"dim": 2**63},
                ValueError,
                "dim = 9223372036854775808 is no axis",
            ),
            (
                "options",
                normalize,
                "dim twice",
                lambda w: w.table,
                {"dim": (1, -1)},
                ValueError,
                r"dim = \(1, -1\) names an axis twice",
            ),
            ("options", normalize, "dim True", lambda w: w.table, {"dim": True}, TypeError, "dim = True is of type bool"),
            ("options", clamp, "bounds crossed", lambda w: w.table, {"min": 1, "max": 0}, ValueError, ""),
            ("options", clamp, "min = NaN", lambda w: w.table, {"min": NAN}, ValueError, "min = nan is out of range"),
            ("options", clamp, "no bound", lambda w: w.table, {}, ValueError, ""),
            ("options", clamp_norm, "maxnorm below zero", lambda w: w.table, {"maxnorm": -1}, ValueError, "maxnorm = -1"),
            ("options", clamp_norm, "maxnorm = NaN", lambda w: w.table, {"maxnorm": NAN}, ValueError, "maxnorm = nan"),
            (
                "options",
                clamp_norm,
                "maxnorm an array",
                lambda w: w.table,
                {"maxnorm": np.ones(2)},
                TypeError,
                "maxnorm = .* is of type ndarray",
            ),
        )
    ),
    *(
        answered(
            "read-only",
            f"CONSTRAINERS[{n!r}]: a table that is read-only",
            lambda w, f=f, o=o: np.shape(f(w.read_only, **o)),
            lambda w: (6, 4),
        )
        for n, f, o in ((n, f, {"clamp": {"max": 1}, "clamp_norm": {"maxnorm": 1}}.get(n, {})) for n, f in CONSTRAINERS.items())
        if n not in ("complex_normalize",)
    ),
    refused(
        "shape",
        "normalize_vjp: g of another shape",
        lambda w: normalize_vjp(w.g, w.table),
        ValueError,
        r"normalize_vjp: g has shape \(4, 4\); allowed: \(6, 4\)",
    ),
    refused(
        "dtype",
        "softmax_vjp: g in single",
        lambda w: softmax_vjp(w.single, w.table),
        TypeError,
        "softmax_vjp: g has dtype float32; allowed: float64",
    ),
    answered(
        "overlap",
        "lookup: a normalizer that writes, stopped by NumPy",
        lambda w: said(lambda: lookup(w.table, [0], normalizer=Op(in_place, in_place))),
        lambda w: "output array is read-only",
    ),
    refused(
        "shape",
        "lookup: a normalizer of another shape",
        lambda w: lookup(w.table, [0], normalizer=Op(lambda x: x[0], None)),
        TypeError,
        "transform: normalizer is a Op; allowed",
    ),
    refused(
        "shape",
        "lookup: a normalizer that drops an axis",
        lambda w: lookup(w.table, [0], normalizer=Op(lambda x: x[0], lambda g, x: g)),
        ValueError,
        r"transform: normalizer\(rows\) has shape \(4,\)",
    ),
    answered(
        "overlap",
        "lookup: a normalizer that returns what it got",
        lambda w: lookup(w.table, [0, 0], normalizer=Op(lambda x: x, lambda g, x: g)),
        lambda w: w.table[[0, 0]],
    ),
    refused(
        "dtype",
        "lookup: a normalizer by name",
        lambda w: lookup(w.table, [0], normalizer="normalize"),
        TypeError,
        "transform: normalizer is a str",
    ),
    refused(
        "shape",
        "lookup: a mask for one row",
        lambda w: lookup(w.table, w.ids, mask=np.ones(4)),
        ValueError,
        r"transform: mask has shape \(4,\)",
    ),
    refused("dtype", "lookup: a mask of bool", lambda w: lookup(w.table, w.ids, mask=w.bools[:4]), TypeError, "transform: mask"),
    answered(
        "NaN",
        "lookup: a mask of NaN",
        lambda w: lookup(w.table, w.ids, mask=np.full((4, 4), NAN)),
        lambda w: np.full((4, 4), NAN),
    ),
    answered(
        "strides",
        "lookup_vjp: everything broadcast or reversed",
        lambda w: lookup_vjp(w.repeated[:4], w.reversed, w.ids, normalizer=UNIT).values,
        lambda w: (lambda d: np.array([d[0], d[1] + d[3], d[2]]))(unit_vjp(w.repeated[:4], np.array(w.reversed)[w.ids])),
        within=1e-11,
    ),
    refused("dtype", "transform: rows a list", lambda w: transform([[1.0]]), TypeError, "transform: rows is a list"),
    refused(
        "shape",
        "transform_vjp: g of one row",
        lambda w: transform_vjp(w.g[0], w.g),
        ValueError,
        r"transform_vjp: g has shape \(4,\)",
    ),
    refused(
        "options",
        "penalty: a regularizer by name",
        lambda w: penalty(w.table, [0], regularizer="lp"),
        TypeError,
        "penalty: regularizer is a str",
    ),
    answered(
        "empty",
        "penalty: nothing looked up",
        lambda w: float(penalty(w.table, [], regularizer=REGULARIZERS["lp"])),
        lambda w: 0.0,
    ),
    *(
        refused("options", f"dropout_mask: {n}", lambda w, a=a: dropout_mask(*a), error, f"dropout_mask: {says}")
        for n, a, error, says in (
            ("a rate of NaN", (0, (2,), NAN), ValueError, "rate = nan"),
            ("a rate of 2", (0, (2,), 2), ValueError, "rate = 2"),
            ("a shape below zero", (0, (2, -1), 0.5), ValueError, "shape = -1 is out of range"),
            ("a shape of text", (0, "22", 0.5), TypeError, "shape = '22' is of type str"),
            (
                "a shape beyond all memory",
                (0, (2**40, 2**40), 0.5),
                ValueError,
                r"shape = .* asks for [\d,]+ numbers; allowed: fewer",
            ),
            ("a shape beyond all memory, at rate 0", (0, (2**40, 2**40), 0.0), ValueError, r"shape = .* asks for [\d,]+ numbers"),
        )
    ),
    *(
        refused("shape", f"{n}: h and t do not broadcast", lambda w, op=op: op.forward(w.table, w.table[:1], w.g), ValueError, "")
        for n, op in INTERACTIONS.items()
        if n in ("transe", "distmult")
    ),
    refused(
        "dtype",
        "distmult: r in single",
        lambda w: distmult(w.table, w.single, w.table),
        TypeError,
        "distmult: r has dtype float32; allowed: float64",
    ),
    refused("dtype", "transe: h masked", lambda w: transe(w.masked, w.table, w.table), TypeError, "transe: h is a MaskedArray"),
    refused("options", "transe: p = NaN", lambda w: transe(w.table, w.table, w.table, p=NAN), ValueError, "transe: p = nan"),
    refused(
        "shape",
        "transe_vjp: g of another shape",
        lambda w: transe_vjp(np.ones(5), w.table, w.table, w.table),
        ValueError,
        r"transe_vjp: g has shape \(5,\)",
    ),
    answered(
        "overlap",
        "distmult: three times the same memory",
        lambda w: distmult(w.table, w.table, w.table),
        lambda w: (w.table**3).sum(axis=1),
        within=1e-12,
    ),
    answered(
        "strides",
        "distmult: strided, reversed, broadcast",
        lambda w: distmult(w.strided, w.reversed, w.repeated),
        lambda w: (np.array(w.strided) * np.array(w.reversed) * np.array(w.repeated)).sum(axis=1),
        within=1e-11,
    ),
    answered(
        "NaN",
        "transe: NaN rows score NaN, infinite ones minus infinity",
        lambda w: np.where(np.isfinite(transe(w.nan_rows, w.zeros, w.zeros)), 0.0, transe(w.nan_rows, w.zeros, w.zeros)),
        lambda w: np.array([0, NAN, 0, -INF, -INF, 0]),
    ),
    *(
        refused(kind, f"margin_ranking: {n}", lambda w, a=a, o=o: margin_ranking(*a(w), **o), error, f"margin_ranking: {says}")
        for kind, n, a, o, error, says in (
            (
                "shape",
                "fewer positives than negatives",
                lambda w: (scores()[0][:2], scores()[1]),
                {},
                ValueError,
                "negative has shape",
            ),
            (
                "dtype",
                "negatives in single",
                lambda w: (scores()[0], scores()[1].astype(np.float32)),
                {},
                TypeError,
                "negative has dtype float32",
            ),
            ("dtype", "positives whole", lambda w: (np.arange(3), scores()[1]), {}, TypeError, "positive.dtype = int64"),
            ("options", "margin = NaN", lambda w: scores(), {"margin": NAN}, ValueError, "margin = nan"),
            (
                "dtype",
                "mask of whole numbers",
                lambda w: scores(),
                {"mask": np.ones((3, 2), int)},
                TypeError,
                "mask has dtype int64",
            ),
            ("shape", "mask of one row", lambda w: scores(), {"mask": np.ones(2, bool)}, ValueError, r"mask has shape \(2,\)"),
            (
                "dtype",
                "mask masked",
                lambda w: scores(),
                {"mask": np.ma.array(np.ones((3, 2), bool), mask=True)},
                TypeError,
                "mask is a MaskedArray",
            ),
        )
    ),
    *(
        answered(
            "strides",
            f"margin_ranking: negatives {n}",
            lambda w, v=v: np.float64(margin_ranking(scores()[0], v(scores()[1]))),
            lambda w, v=v: ranking(scores()[0], v(scores()[1])),
            within=1e-14,
        )
        for n, v in (
            ("reversed", lambda a: a[::-1, ::-1]),
            ("in Fortran's order", np.asfortranarray),
            ("broadcast", lambda a: np.broadcast_to(a[:1], a.shape)),
        )
    ),
    *(
        answered(
            "NaN",
            f"{n}: a score of NaN is a loss of NaN",
            lambda w, op=op: float(op.forward(np.array([[NAN]]), np.array([[1.0]]))),
            lambda w: NAN,
        )
        for n, op in LOSSES.items()
    ),
    *(
        answered(
            "NaN",
            f"{n}: infinite scores on the right sides cost nothing",
            lambda w, op=op: float(op.forward(np.array([[INF]]), np.array([[-INF]]))),
            lambda w: 0.0,
        )
        for n, op in LOSSES.items()
        if n in ("softplus", "margin_ranking")
    ),
    refused(
        "shape",
        "margin_ranking_vjp: g an array",
        lambda w: margin_ranking_vjp(np.ones(3), *scores()),
        TypeError,
        "margin_ranking_vjp: g = .* is of type ndarray",
    ),
]
