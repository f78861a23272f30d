"""The gradient of the gradient: against mpmath, which differentiates the map twice, by literal numbers, at the kinks, and through a layer.

That each agrees with differences of its vjp, for every option, is in `test_registries.py`; with torch, in `test_parity_second_order.py`.
"""

import functools
import itertools
import os

import mpmath
import naive
import numpy as np
import pytest
from recipes import RECIPES
from tolerances import SECOND_ORDER_FLOAT64, SECOND_ORDER_ULP_FLOAT32

from npembed import Embedding
from npembed.embedding.row_maps import NORMALIZERS, normalize, normalize_vjp
from npembed.embedding.rows import RowSparse
from npembed.embedding.second_order import SECOND_ORDER, lookup_vjp_vjp, transform_vjp_vjp
from npembed.embedding.second_order.lookups import second_of
from npembed.embedding.second_order.maps import (
    clamp_norm_vjp_vjp,
    clamp_vjp_vjp,
    complex_normalize_vjp_vjp,
    normalize_vjp_vjp,
    quaternion_normalize_vjp_vjp,
    softmax_vjp_vjp,
)
from npembed.layers import double_backward
from npembed.op import Op
from npembed.verify.accuracy import references
from npembed.verify.accuracy.differences import gradients, to_mpmath
from npembed.verify.accuracy.measure import errors_of
from npembed.verify.gradcheck import check_vjp, judge

NIGHTLY = os.environ.get("NPEMBED_HYPOTHESIS") == "nightly"
INF = np.inf
DTYPES = [np.float32, np.float64, np.complex64, np.complex128]

# ---- against mpmath


def twice(name, v, g, x, **options):
    """``<v, vjp(g, x)>`` of one row differentiated by `g` and `x`, where the vjp itself is the difference of the map."""
    f = functools.partial(getattr(references, name), **options)

    def inner(g, x):
        (d,) = gradients(f, list(g), (x,))
        return sum(((mpmath.conj(a) * b).real for a, b in zip(v, d, strict=True)), mpmath.mpf(0))

    return gradients(inner, [mpmath.mpf(1)], (g, x))


CASES = [
    *(("normalize", {"p": p, "eps": 0}, "fdFD") for p in (1, 1.5, 2, 3, INF)),
    ("normalize", {"eps": 50.0}, "fdFD"),
    ("softmax", {}, "fd"),
    ("complex_normalize", {}, "fdFD"),
    ("quaternion_normalize", {}, "fd"),
    ("clamp", {"min": -0.875, "max": 1.125}, "fd"),
    *(("clamp_norm", {"p": p, "maxnorm": 1.375}, "fdFD") for p in (1, 2, 3, INF)),
    ("clamp_norm", {"maxnorm": 99.0}, "fdFD"),
]


SIZED = [
    *((*case, size) for case in CASES for size in (0, -1, 1) if not size or (case[0] == "normalize" and case[1]["eps"] == 0)),
    *(("complex_normalize", {}, "fdFD", size) for size in (-1, 1)),
    *(("quaternion_normalize", {"eps": 0}, "fd", size) for size in (-1, 1)),
]
"""The others have a scale of their own: a bound, eps, or the exponential's."""


@pytest.mark.parametrize(("name", "options", "dtypes", "size"), SIZED, ids=str)
def test_second_derivatives_of_the_map(name, options, dtypes, size):
    """In float64 each row to some eps of its length; in float32, which is computed in float64, each number to half an ulp."""
    rng = np.random.default_rng(30)
    for char in dtypes:
        dtype = np.dtype(char)
        double = np.finfo(dtype).bits == 64
        scale = np.asarray(10.0 ** (size * (100 if double else 18)), dtype)
        v, g, x = ((naive.rows(rng, (3, 4), dtype) * scale).astype(dtype) for _ in range(3))
        found = SECOND_ORDER[name].vjp(v, g, x, **options)
        assert [d.dtype for d in found] == [dtype, dtype]
        with mpmath.workprec(1400):
            for i in range(3 if NIGHTLY else 1):
                right = twice(name, *map(to_mpmath, (v[i], g[i], x[i])), **options)
                for d, e in zip(found, right, strict=True):
                    ulps, normwise = errors_of(d[i], [mpmath.chop(w, tol=mpmath.ldexp(1, -600)) for w in e])
                    assert normwise <= SECOND_ORDER_FLOAT64 if double else ulps.max() <= SECOND_ORDER_ULP_FLOAT32, (
                        name,
                        dtype,
                        i,
                    )


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_judged_right(name):
    """Entry by entry, by `g` and by `x`."""
    for i, (args, options) in list(enumerate(RECIPES[f"{name}_vjp"](np.random.default_rng(31))))[::17]:
        if not args[-1].size:
            continue  # there is nothing to judge
        judged = judge(*SECOND_ORDER[name], *args, rng=i, entries=4, **options)
        assert judged.verdict == "right", str(judged)


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_a_wrong_one_is_not_judged_right(name):
    """With either gradient off by a part in a million, or swapped."""
    op = SECOND_ORDER[name]
    (g, x), options = next(RECIPES[f"{name}_vjp"](np.random.default_rng(32)))
    for factors in ((1 + 1e-6, 1), (1, 1 + 1e-6), (-1, 1), (1, -1)):
        wrong = lambda v, g, x, **o: tuple(f * d for f, d in zip(factors, op.vjp(v, g, x, **o), strict=True))  # noqa: E731, B023
        changes = any((f != 1) & np.any(d) for f, d in zip(factors, op.vjp(g, g, x, **options), strict=True))
        assert judge(op.forward, wrong, g, x, **options).verdict == ("wrong" if changes else "right")


# ---- literal numbers

V, G, X = np.array([[5.0, 0.0]]), np.array([[0.0, 5.0]]), np.array([[3.0, 4.0]])
ZERO = np.zeros((1, 2))
ONE, TWO = np.array([[1.0, 2.0, 3.0]]), np.array([[-2.0, 1.0, 1.0]])
LOG = np.log(np.array([[1.0, 3.0]]))
LITERALS = [
    # normalize, p = 2: u = (.6, .8), <u, v> = 3, <u, g> = 4, d = (-2.4, 1.8), <v, d> = -12
    (normalize_vjp_vjp, (V, G, X), {}, ([[0.64, -0.48]], [[0.064, 0.552]])),
    (normalize_vjp_vjp, (V, G, X), {"precision": "exact"}, ([[0.64, -0.48]], [[0.064, 0.552]])),
    (normalize_vjp_vjp, (V.T, G.T, X.T), {"axis": 0}, ([[0.64], [-0.48]], [[0.064], [0.552]])),
    (normalize_vjp_vjp, (V, G, X), {"dim": 0}, ([[0.0, 0.0]], [[0.0, 0.0]])),  # each number by itself is 1, whatever it is
    # p = 1: u = (3, 4) / 7, s = (1, 1), <s, v> = 5, <u, g> = 20/7, d = (-20, 15) / 7, <v, d> = -100/7, no second derivative of |x|
    (normalize_vjp_vjp, (V, G, X), {"p": 1}, ([[20 / 49, -20 / 49]], [[200 / 343, 25 / 343]])),
    # p = 3 with (3, 0): u = (1, 0), s = (1, 0), d = (0, 5): dx = -(5 (0, 5) + 0) / 9
    (normalize_vjp_vjp, (V, G, np.array([[3.0, 0.0]])), {"p": 3}, ([[0.0, 0.0]], [[0.0, -25 / 9]])),
    # p = inf: s = (0, 1), u = (.75, 1), <s, v> = 0, <u, g> = 5, d = (0, 0)
    (normalize_vjp_vjp, (V, G, X), {"p": INF}, ([[1.25, 0.0]], [[0.0, 0.0]])),
    (normalize_vjp_vjp, (G, V, X), {"p": INF}, ([[-0.9375, 0.0]], [[-1.5625, 2.34375]])),
    # shorter than eps, and as long as it
    (normalize_vjp_vjp, (V, G, X), {"eps": 10.0}, ([[0.5, 0.0]], [[0.0, 0.0]])),
    (normalize_vjp_vjp, (V, G, X), {"eps": 5.0}, ([[0.64, -0.48]], [[0.064, 0.552]])),
    (normalize_vjp_vjp, (V, G, X), {"eps": np.nextafter(5.0, 9)}, ([[1.0, 0.0]], [[0.0, 0.0]])),
    # the zero row
    (normalize_vjp_vjp, (V, G, ZERO), {"eps": 0.5}, ([[10.0, 0.0]], [[0.0, 0.0]])),
    (normalize_vjp_vjp, (V, G, ZERO), {"eps": 0.5, "zero_row": "stop"}, ([[0.0, 0.0]], [[0.0, 0.0]])),
    *((normalize_vjp_vjp, (V, G, ZERO), {"eps": 0, "p": p}, ([[0.0, 0.0]], [[0.0, 0.0]])) for p in (1, 1.5, 2, 3, INF)),
    (normalize_vjp_vjp, (V, G, ZERO), {"eps": 0, "p": 1, "slope_at_zero": 0.5}, ([[0.0, 0.0]], [[0.0, 0.0]])),
    # a tie for p = inf: shared, s = (1, 1) / 2, or of the first, s = (1, 0); u = (1, 1)
    (normalize_vjp_vjp, (V, G, np.array([[2.0, 2.0]])), {"p": INF}, ([[1.25, -1.25]], [[25 / 16 + 25 / 16, 25 / 16 - 25 / 16]])),
    (
        normalize_vjp_vjp,
        (V, G, np.array([[2.0, 2.0]])),
        {"p": INF, "ties": "first"},
        ([[0.0, -2.5]], [[12.5, -6.25]]),
    ),
    # a zero entry: for p = 1 of the slope that is asked for (s = (1, 1/2), d = (-2.5, 5 - 1.25)...), for p < 2 it stays zero
    (
        normalize_vjp_vjp,
        (V, G, np.array([[2.0, 0.0]])),
        {"p": 1, "slope_at_zero": 0.5},
        ([[0.0, 0.0]], [[0.0, -6.25]]),
    ),
    (normalize_vjp_vjp, (V, G, np.array([[2.0, 0.0]])), {"p": 1}, ([[0.0, 0.0]], [[0.0, -6.25]])),
    (normalize_vjp_vjp, (G, V, np.array([[2.0, 0.0]])), {"p": 1.5}, ([[0.0, 2.5]], [[0.0, 0.0]])),
    (normalize_vjp_vjp, (G, V, np.array([[2.0, 0.0]])), {"p": 2}, ([[0.0, 2.5]], [[0.0, -6.25]])),
    (normalize_vjp_vjp, (G, V, np.array([[2.0, 0.0]])), {"p": 3}, ([[0.0, 2.5]], [[0.0, 0.0]])),
    # complex entries are pairs; a modulus of one entry by itself: what only turns
    (complex_normalize_vjp_vjp, (np.array([5 + 0j]), np.array([5j]), np.array([3 + 4j])), {}, ([0.64 - 0.48j], [0.064 + 0.552j])),
    (complex_normalize_vjp_vjp, (V, G, X), {}, ([[0.64, -0.48]], [[0.064, 0.552]])),
    (complex_normalize_vjp_vjp, (V, G, X), {"eps": 10.0}, ([[0.5, 0.0]], [[0.0, 0.0]])),
    (complex_normalize_vjp_vjp, (V, G, ZERO), {"eps": 0.5, "zero_row": "stop"}, ([[0.0, 0.0]], [[0.0, 0.0]])),
    (
        quaternion_normalize_vjp_vjp,
        tuple(np.concatenate([a, ZERO, ZERO, a], axis=1) for a in (V, G, X)),
        {},
        ([[0.64, -0.48, 0, 0, 0, 0, 0.64, -0.48]], [[0.064, 0.552, 0, 0, 0, 0, 0.064, 0.552]]),
    ),
    (
        quaternion_normalize_vjp_vjp,
        tuple(np.concatenate([a, ZERO], axis=1) for a in (V, G, X)),
        {"eps": 10.0},
        ([[0.5, 0, 0, 0]], [[0.0, 0, 0, 0]]),
    ),
    (
        quaternion_normalize_vjp_vjp,
        tuple(np.concatenate([a, ZERO], axis=1) for a in (V, G, ZERO)),
        {"eps": 10.0, "zero_row": "stop"},
        ([[0.0, 0, 0, 0]], [[0.0, 0, 0, 0]]),
    ),
    # clamp: inside, outside, at a bound
    (clamp_vjp_vjp, (ONE, TWO, np.array([[-2.0, 0.5, 3.0]])), {"min": 0, "max": 1}, ([[0.0, 2.0, 0.0]], [[0.0, 0.0, 0.0]])),
    *(
        (clamp_vjp_vjp, (ONE, TWO, np.array([[0.0, 0.5, 1.0]])), {"min": 0, "max": 1, "edge": edge}, ([[s, 2, 3 * s]], [[0.0] * 3]))
        for edge, s in (("pass", 1.0), ("stop", 0.0), ("half", 0.5))
    ),
    # clamp_norm: inside, on the sphere by either convention, outside, and short rows in PyKEEN's formula
    (clamp_norm_vjp_vjp, (V, G, X), {"maxnorm": 10}, ([[5.0, 0.0]], [[0.0, 0.0]])),
    (clamp_norm_vjp_vjp, (V, G, X), {"maxnorm": 5}, ([[3.2, -2.4]], [[0.32, 2.76]])),
    (clamp_norm_vjp_vjp, (V, G, X), {"maxnorm": 5, "edge": "pass"}, ([[5.0, 0.0]], [[0.0, 0.0]])),
    (clamp_norm_vjp_vjp, (V, G, X), {"maxnorm": 2, "edge": "pass"}, ([[1.28, -0.96]], [[0.128, 1.104]])),
    (clamp_norm_vjp_vjp, (V, G, X), {"maxnorm": 2, "p": 1}, ([[40 / 49, -40 / 49]], [[400 / 343, 50 / 343]])),
    (clamp_norm_vjp_vjp, (V.T, G.T, X.T), {"maxnorm": 2, "dim": 0}, ([[1.28], [-0.96]], [[0.128], [1.104]])),
    (clamp_norm_vjp_vjp, (V, G, X), {"maxnorm": 2, "eps": 10.0}, ([[1.0, 0.0]], [[0.0, 0.0]])),
    (clamp_norm_vjp_vjp, (V, G, X), {"maxnorm": 2, "eps": 5.0}, ([[1.28, -0.96]], [[0.128, 1.104]])),
    (clamp_norm_vjp_vjp, (V, G, X), {"maxnorm": 10, "eps": 20.0}, ([[5.0, 0.0]], [[0.0, 0.0]])),
    (clamp_norm_vjp_vjp, (V, G, ZERO), {"maxnorm": 1}, ([[5.0, 0.0]], [[0.0, 0.0]])),
    (clamp_norm_vjp_vjp, (V, G, ZERO), {"maxnorm": 0}, ([[0.0, 0.0]], [[0.0, 0.0]])),
    (
        clamp_norm_vjp_vjp,
        (V, G, np.array([[2.0, 2.0]])),
        {"maxnorm": 1, "p": INF, "ties": "first"},
        ([[0.0, -2.5]], [[12.5, -6.25]]),
    ),
    (
        clamp_norm_vjp_vjp,
        (G, V, np.array([[2.0, 0.0]])),
        {"maxnorm": 1, "p": 1, "slope_at_zero": 1.0},
        ([[-2.5, 2.5]], [[6.25, 12.5]]),
    ),
    # softmax with the weights 1/4 and 3/4: m(v) = 1, m(g) = 6, (v - m)(g - m) = (-18, -2), whose mean is -6
    (softmax_vjp_vjp, (np.array([[4.0, 0.0]]), np.array([[0.0, 8.0]]), LOG), {}, ([[0.75, -0.75]], [[-3.0, 3.0]])),
    (softmax_vjp_vjp, (np.array([[4.0], [0.0]]), np.array([[0.0], [8.0]]), LOG.T), {"axis": 0}, ([[0.75], [-0.75]], [[-3.0], [3.0]])),
    (softmax_vjp_vjp, (np.array([[4.0, 0.0]]), np.array([[0.0, 8.0]]), LOG), {"dim": 0}, ([[0.0, 0.0]], [[0.0, 0.0]])),
]  # fmt: skip


def check_literal(f, args, options, expected):
    """`f` gives `expected`, to a few roundings (and exactly where it is zero)."""
    for d, e in zip(f(*args, **options), expected, strict=True):
        np.testing.assert_allclose(d, e, rtol=1e-14, atol=0)
        assert d.shape == np.shape(e)


@pytest.mark.parametrize("case", LITERALS, ids=lambda case: f"{case[0].__name__}-{case[2]}")
def test_literal_numbers(case):
    check_literal(*case)


def test_each_bound_is_met_from_either_side():
    """The last row below a bound and the first above: one ulp apart, another formula."""
    below, above = np.nextafter(5.0, 0), np.nextafter(5.0, 9)
    np.testing.assert_allclose(normalize_vjp_vjp(V, G, X, eps=below)[1], [[0.064, 0.552]])
    assert not normalize_vjp_vjp(V, G, X, eps=above)[1].any()
    np.testing.assert_allclose(clamp_norm_vjp_vjp(V, G, X, maxnorm=below)[1], [[0.32, 2.76]])
    assert not clamp_norm_vjp_vjp(V, G, X, maxnorm=above)[1].any()


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, INF])
def test_a_tie_and_zeros_are_no_warnings(p):
    """Zeros, ties and subnormal numbers beside ordinary ones have finite gradients, whatever p."""
    x = np.array([[0.0, 1.0, -1.0, 1e-320], [0.0, 0.0, 0.0, 2.0]])
    v, g = naive.rows(np.random.default_rng(33), x.shape), naive.rows(np.random.default_rng(34), x.shape)
    for d in (*normalize_vjp_vjp(v, g, x, p=p), *clamp_norm_vjp_vjp(v, g, x, p=p, maxnorm=0.5)):
        assert np.isfinite(d).all()


def test_products_beyond_the_range_of_floats():
    """``<v, g>`` overflows, or vanishes, where the result, over the squared length, is an ordinary number."""
    for power in (200.0, -200.0):
        s = 10.0**power
        for d, e in zip(normalize_vjp_vjp(s * V, s * G, s * X, eps=0), ([[0.64, -0.48]], [[0.064, 0.552]]), strict=True):
            np.testing.assert_allclose(d, e, rtol=1e-14)


def test_softmax_where_one_weight_is_near_one():
    """What is left there is a part in 1e17 of `v` and `g`: of first order in the small weight, and of second for a product of two means."""
    x, v, g = np.array([[0.0, -40.0]]), np.array([[3.0, -1.0]]), np.array([[2.0, 5.0]])
    with mpmath.workprec(1400):
        right = [[float(a) for a in d] for d in twice("softmax", *(to_mpmath(a[0]) for a in (v, g, x)))]
    for d, e in zip(softmax_vjp_vjp(v, g, x), right, strict=True):
        np.testing.assert_allclose(d[0], e, rtol=1e-13)


@pytest.mark.parametrize("name", SECOND_ORDER)
@pytest.mark.parametrize("dtype", [np.float16, *DTYPES])
def test_dtypes_and_empty_rows(name, dtype):
    if np.dtype(dtype).kind == "c" and name in ("clamp", "softmax", "quaternion_normalize"):
        return
    options = {"clamp": {"min": -1, "max": 1}, "clamp_norm": {"maxnorm": 1.1}}.get(name, {})
    shorts = [{}, {"eps": 1e3 / 3}] if "norm" in name else [{}]  # a number that no float is, for rows that are shorter
    for shape, short in itertools.product(((0, 4), (2, 3, 4)), shorts):
        v, g, x = (np.asarray(naive.rows(np.random.default_rng(35 + i), shape, float), dtype) for i in range(3))
        kept = [a.copy() for a in (v, g, x)]
        wide = np.result_type(dtype, np.float64)
        right = SECOND_ORDER[name].vjp(*(a.astype(wide) for a in kept), **options, **short)
        for d, e in zip(SECOND_ORDER[name].vjp(v, g, x, **options, **short), right, strict=True):
            assert d.dtype == dtype
            assert d.shape == shape
            np.testing.assert_array_equal(d, e.astype(dtype))  # rounded once
        assert all(naive.same_bits(a, b) for a, b in zip((v, g, x), kept, strict=True))


# ---- what the mathematics says of all of them


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_the_gradient_by_g_is_the_derivative_forward(name):
    """<g, dg(v)> = <v, vjp(g)>: a vjp is linear in `g`."""
    for (g, x), options in list(RECIPES[f"{name}_vjp"](np.random.default_rng(36)))[::5]:
        v = np.asarray(naive.rows(np.random.default_rng(37), x.shape, x.dtype))
        there = (np.conj(v) * SECOND_ORDER[name].forward(g, x, **options)).real
        back = (np.conj(g) * SECOND_ORDER[name].vjp(v, g, x, **options)[0]).real
        np.testing.assert_allclose(there.sum(), back.sum(), rtol=1e-12, atol=1e-12 * np.abs(there).sum())


def test_the_second_derivative_is_symmetric():
    """``<w, dx>`` is the second derivative of ``<g, f>`` along v and w, which may change places."""
    rng = np.random.default_rng(38)
    for name, options in (("normalize", {"p": 3}), ("normalize", {}), ("softmax", {}), ("clamp_norm", {"maxnorm": 0.5})):
        v, w, g, x = (naive.rows(rng, (5, 4)) for _ in range(4))
        one, other = ((a * SECOND_ORDER[name].vjp(b, g, x, **options)[1]).sum(axis=-1) for a, b in ((v, w), (w, v)))
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_row_and_its_multiple():
    """normalize does not see the length: its vjp falls as one over it, so ``<x, dx> = -<v, vjp(g, x)>``."""
    rng = np.random.default_rng(39)
    for p in (1, 1.5, 2, 3, INF):
        v, g, x = (naive.rows(rng, (5, 4)) for _ in range(3))
        np.testing.assert_allclose(
            (x * normalize_vjp_vjp(v, g, x, p=p)[1]).sum(axis=-1), -(v * normalize_vjp(g, x, p=p)).sum(axis=-1), rtol=1e-12
        )


# ---- the lookup, and a layer

TABLE = np.array([[3.0, 4.0], [0.0, 2.0], [-8.0, 6.0]])


def test_without_a_normalizer_v_is_looked_up_and_the_table_gets_nothing():
    v, g = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.ones((3, 2))
    dg, dtable = lookup_vjp_vjp(v, g, TABLE, [2, 0, 2])
    assert dg.tolist() == [[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]
    assert dtable.rows.tolist() == [0, 2]
    assert not dtable.values.any()
    dg, _ = lookup_vjp_vjp(v, g, TABLE, [2, 0, 2], mask=np.array([[2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]))
    assert dg.tolist() == [[10.0, 0.0], [2.0, 4.0], [0.0, 12.0]]


def test_repeated_ids_add_up():
    g = np.array([[0.0, 5.0], [0.0, 5.0]])
    v = np.array([[5.0, 0.0], [7.0, 7.0], [7.0, 7.0]])
    _, dtable = lookup_vjp_vjp(v, g, TABLE, [0, 0], normalizer=NORMALIZERS["normalize"])
    assert dtable.rows.tolist() == [0]
    np.testing.assert_allclose(dtable.values, [[0.128, 1.104]])
    g, v = np.array([[0.0, 5e17], [0.0, 5.0], [0.0, -5e17]]), np.array([[5.0, 0.0]] * 3)
    for summation, right in (("batch_order", 0.0), ("exact", 0.064)):
        _, dtable = lookup_vjp_vjp(v, g, TABLE, [0, 0, 0], normalizer=NORMALIZERS["normalize"], summation=summation)
        np.testing.assert_allclose(dtable.values[0, 0], right, rtol=1e-14)


LAYERS = [
    {},
    {"normalizer": "normalize"},
    {"normalizer": "normalize", "normalizer_kwargs": {"p": 3}, "unique": True},
    {"normalizer": "normalize", "normalizer_kwargs": {"p": 3}, "compat": "pykeen"},
    {"normalizer": "softmax", "compat": "pykeen"},
    {"normalizer": "clamp_norm", "normalizer_kwargs": {"maxnorm": 1.3}, "dropout": 0.5},
    {"normalizer": "complex_normalize"},
    {"normalizer": "normalize", "padding_idx": 2},
    {"normalizer": "softmax", "scale_grad_by_freq": True},
    {"normalizer": "normalize", "max_norm": 1.0, "norm_type": 1.0},
    {"normalizer": "softmax", "trainable": False},
]


@pytest.mark.parametrize("options", LAYERS, ids=str)
@pytest.mark.parametrize("ids", [np.array([2, 0, 2, 1]), np.array([[1, 1], [2, 2]]), None], ids=["row", "matrix", "all"])
@pytest.mark.parametrize("shape", [(4,), (2, 2)], ids=str)
def test_a_layer_against_differences_of_its_backward(options, ids, shape):
    """By `g` always; by the table unless an option makes that gradient another one on purpose (see the next test)."""
    rng = np.random.default_rng(40)
    g, v = naive.rows(rng, (4, *shape) if ids is None else (*ids.shape, *shape)), naive.rows(rng, (4, *shape))

    def layer(weight, options=options):
        return Embedding.from_pretrained(weight, **{"trainable": True, **options}).eval()

    given = layer(naive.rows(rng, (4, *shape)))
    kept = g.copy(), v.copy()
    found = double_backward(given, ids, g, v)  # which shortens rows, as a lookup does
    assert all(naive.same_bits(a, b) for a, b in zip((g, v), kept, strict=True))
    short = {name: option for name, option in options.items() if name != "max_norm"}  # what a backward does not know of
    op = Op(
        lambda g, weight: layer(weight, short).vjp(ids)[1](g).to_dense(),
        lambda v, g, weight: double_backward(layer(weight, short), ids, g, v),
    )
    for d, e in zip(found, op.vjp(v, g, given.weight), strict=True):
        np.testing.assert_array_equal(dense(d), dense(e))
    if "padding_idx" in options or "scale_grad_by_freq" in options:
        check_vjp(Op(lambda g: op.forward(g, given.weight), lambda v, g: op.vjp(v, g, given.weight)[0]), g)
    else:
        check_vjp(op, g, given.weight)


def dense(d):
    return d.to_dense() if isinstance(d, RowSparse) else d


def test_options_that_change_the_gradient_on_purpose():
    """No gradient of either order for the padding; by counts is divided what comes back, and what the table gets, too."""
    v, g = np.array([[5.0, 0.0]] * 3), np.array([[0.0, 5.0]] * 3)
    options = {"normalizer": "normalize", "trainable": True}
    plain = double_backward(Embedding.from_pretrained(TABLE, **options), [0, 2, 0], g, v)
    padded = double_backward(Embedding.from_pretrained(TABLE, padding_idx=2, **options), [0, 2, 0], g, v)
    shared = double_backward(Embedding.from_pretrained(TABLE, scale_grad_by_freq=True, **options), [0, 2, 0], g, v)
    assert plain[1].rows.tolist() == [0, 2]
    assert plain[0][1].all()
    np.testing.assert_array_equal(padded[0], plain[0] * [[1], [0], [1]])
    assert padded[1].rows.tolist() == [0]
    np.testing.assert_array_equal(padded[1].values, plain[1].values[:1])
    np.testing.assert_allclose(shared[0], plain[0] / [[2], [1], [2]], rtol=1e-15)
    np.testing.assert_allclose(shared[1].values, plain[1].values / [[4], [1]], rtol=1e-15)  # v / 2, of which the table gets half


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: normalize_vjp_vjp(V, G, X, p=0.5), ValueError, "normalize_vjp_vjp: p = 0.5 is out of range"),
        (lambda: normalize_vjp_vjp(V, G, [3.0, 4.0]), TypeError, "normalize_vjp_vjp: x is a list"),
        (lambda: normalize_vjp_vjp(V[0], G, X), ValueError, "normalize_vjp_vjp: v has shape (2,); allowed: (1, 2), the shape of x"),
        (lambda: normalize_vjp_vjp(V, G.astype("f4"), X), TypeError, "normalize_vjp_vjp: g has dtype float32; allowed: float64"),
        (lambda: normalize_vjp_vjp(V, G, X, p=3, precision="exact"), ValueError, "normalize_vjp_vjp: p = 3 with precision = 'exact'"),
        (lambda: complex_normalize_vjp_vjp(V + 0j, G, X), TypeError, "complex_normalize_vjp_vjp: v has dtype complex128"),
        (lambda: complex_normalize_vjp_vjp(V, G, np.ones((1, 3))), ValueError, "complex_normalize_vjp_vjp: x has shape (1, 3) of reals"),
        (lambda: quaternion_normalize_vjp_vjp(V, G, X), ValueError, "quaternion_normalize_vjp_vjp: x has shape (1, 2) of reals"),
        (lambda: quaternion_normalize_vjp_vjp(V, G, X + 0j), TypeError, "quaternion_normalize_vjp_vjp: x has dtype complex128"),
        (lambda: clamp_vjp_vjp(V, G, X), ValueError, "clamp_vjp: min and max are both missing"),
        (lambda: clamp_vjp_vjp(V, 5.0, X, min=0), TypeError, "clamp_vjp_vjp: g is a float"),
        (lambda: clamp_vjp_vjp(V, G, None, min=0), TypeError, "clamp_vjp_vjp: x is a NoneType"),
        (lambda: clamp_norm_vjp_vjp(V, G, X, maxnorm=-1), ValueError, "clamp_norm_vjp_vjp: maxnorm = -1 is out of range"),
        (lambda: clamp_norm_vjp_vjp(V, G[:, :1], X, maxnorm=1), ValueError, "clamp_norm_vjp_vjp: g has shape (1, 1); allowed: (1, 2)"),
        (lambda: softmax_vjp_vjp(V, G[:, :1], X), ValueError, "softmax_vjp_vjp: g has shape (1, 1); allowed: (1, 2)"),
        (lambda: softmax_vjp_vjp(V + 0j, G + 0j, X + 0j), TypeError, "softmax_vjp_vjp: x has dtype complex128"),
        (lambda: softmax_vjp_vjp(V, G, 1.0), TypeError, "softmax_vjp_vjp: x is a float"),
        (lambda: transform_vjp_vjp(V, G, X[0]), ValueError, "transform_vjp_vjp: v has shape (1, 2); allowed: (2,), the shape of the rows"),
        (lambda: transform_vjp_vjp(V, G[0], X), ValueError, "transform_vjp_vjp: g has shape (2,); allowed: (1, 2)"),
        (lambda: transform_vjp_vjp(V, G, X, normalizer=normalize), TypeError, "transform_vjp_vjp: normalizer"),
        (
            lambda: transform_vjp_vjp(V, G, X, normalizer=Op(lambda x: x, stranger_vjp)),
            ValueError,
            "transform_vjp_vjp: normalizer has the vjp 'stranger_vjp', whose own is not known; allowed: one that "
            "npembed.embedding.second_order.SECOND_ORDER has "
            "(normalize, softmax, complex_normalize, quaternion_normalize, clamp or clamp_norm), to which ",
        ),
        (lambda: lookup_vjp_vjp(V, G, TABLE, [0]), ValueError, "lookup_vjp_vjp: v has shape (1, 2); allowed: (3, 2), the shape of table"),
        (lambda: lookup_vjp_vjp(TABLE, G, [1.0], [0]), TypeError, "lookup_vjp_vjp: table is a list"),
        (lambda: lookup_vjp_vjp(TABLE, G, TABLE, [3]), IndexError, "gather: ids[0] = 3 is outside a table of 3 rows"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(said)


def stranger_vjp(g, x):
    return 2 * g * x


def test_a_normalizer_of_ones_own_is_added(monkeypatch):
    """The square of each number, with its vjp and the vjp of that, bound options and all."""
    square = Op(lambda x, a: a * x * x, lambda g, x, a: 2 * a * g * x)
    monkeypatch.setitem(SECOND_ORDER, "square", Op(square.vjp, lambda v, g, x, a: (2 * a * v * x, 2 * a * v * g)))
    layer = Embedding.from_pretrained(TABLE, normalizer=tuple(square), normalizer_kwargs={"a": 3.0})
    dg, dtable = double_backward(layer, [0], G, TABLE)
    assert dg.tolist() == [[6.0 * 9, 6.0 * 16]]
    assert dtable.to_dense().tolist() == [[0.0, 6.0 * 4 * 5], [0.0, 0.0], [0.0, 0.0]]


def test_a_vjp_that_is_bound_among_other_arguments_is_found():
    def along(*args, **options):
        return args

    other = Op(normalize, functools.partial(along, "a", "b", normalize_vjp, "c", p=3))
    found = second_of("here", other)
    assert (found.func, found.args, found.keywords) == (along, ("a", "b", normalize_vjp_vjp, "c"), {"p": 3})
    found = second_of("here", Op(normalize, functools.partial(normalize_vjp, "a")))
    assert (found.func, found.args, found.keywords) == (normalize_vjp_vjp, ("a",), {})
