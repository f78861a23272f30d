"""ComplEx and RotatE: loops over single entries, gradients against differences, literal numbers, and what is refused."""

import math

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npembed.kge.datasets import Nations
from npembed.kge.interactions import INTERACTIONS
from npembed.kge.models import ERModel
from npembed.verify.gradcheck import check_vjp

LOOPS = {8: {"rtol": 1e-13, "atol": 1e-13}, 4: {"rtol": 1e-6, "atol": 1e-6}}
"""Sums of up to four products of order one against Python's complex numbers, by the bytes of a real: some ten roundings (2e-16) that
may cancel a digit; in single precision one rounding of the result (6e-8)."""

LITERAL = 1e-14
"""A handful of roundings of numbers of order one."""

SAME_MODEL = 1e-5
"""Scores of one triple in float32 by different ways: each is rounded once (6e-8), relative to terms up to ten times as large."""

COMPLEX, ROTATE = INTERACTIONS["complex"], INTERACTIONS["rotate"]
SEEDS = st.integers(0, 2**32 - 1)
BROADCASTS = [
    ((5, 3),) * 3,
    ((3,),) * 3,
    ((2, 1, 3), (2, 1, 3), (1, 4, 3)),
    ((1, 4, 3), (2, 1, 3), (2, 1, 3)),
    ((2, 1, 3), (1, 4, 3), (2, 1, 3)),
    ((3, 4), (1, 4), (4,)),
    ((0, 3),) * 3,
    ((1, 2), (3, 1, 2), (2,)),
    ((2, 0),) * 3,
]
ROTATIONS = [
    {},
    *({"p": p, "power_norm": w, "turn": turn} for p in (1, 1.5, 2, 3) for w in (False, True) for turn in ("head", "tail")),
    {"p": math.inf},
    {"p": "inf", "turn": "tail"},
    {"turn": "cheaper"},
]


# ---- oracles


def complex_entries(h, r, t):
    """In four real sums, as the paper expands it (equation 11)."""
    return sum(
        a.real * b.real * c.real + a.real * b.imag * c.imag + a.imag * b.real * c.imag - a.imag * b.imag * c.real
        for a, b, c in zip(h, r, t, strict=True)
    )


def rotate_entries(h, r, t, p=2, power_norm=False, turn="head"):
    sizes = [abs(a * b - c) if turn == "head" else abs(a - c * b.conjugate()) for a, b, c in zip(h, r, t, strict=True)]
    if p in (math.inf, "inf"):
        return -max(sizes, default=0.0)
    total = math.fsum(size**p for size in sizes)
    return -total if power_norm else -(total ** (1 / p))


def by_entries(f, h, r, t, **options):
    """`f` for each triple of rows, in lists of Python's complex numbers."""
    shape = np.broadcast_shapes(h.shape, r.shape, t.shape)
    h, r, t = (np.broadcast_to(a, shape).astype(complex) for a in (h, r, t))
    out = np.empty(shape[:-1])
    for i in np.ndindex(shape[:-1]):
        out[i] = f(h[i].tolist(), r[i].tolist(), t[i].tolist(), **options)
    return out


@given(seed=SEEDS, shapes=st.sampled_from(BROADCASTS), dtype=st.sampled_from([np.complex64, np.complex128]))
def test_complex_by_entries(seed, shapes, dtype):
    args = [naive.rows(np.random.default_rng(seed), shape, dtype) for shape in shapes]
    score, real = COMPLEX.forward(*args), np.empty(0, dtype).real.dtype
    assert isinstance(score, np.ndarray)
    assert score.dtype == real
    np.testing.assert_allclose(score, by_entries(complex_entries, *args), **LOOPS[real.itemsize])
    np.testing.assert_allclose(
        score, np.einsum("...d,...d,...d->...", *args[:2], np.conj(args[2])).real, rtol=1e-4, atol=1e-4
    )  # fmt: skip


@given(
    seed=SEEDS,
    shapes=st.sampled_from(BROADCASTS),
    dtype=st.sampled_from([np.complex64, np.complex128]),
    options=st.sampled_from([o for o in ROTATIONS if o.get("turn") != "cheaper"]),
)
def test_rotate_by_entries(seed, shapes, dtype, options):
    args = [naive.rows(np.random.default_rng(seed), shape, dtype) for shape in shapes]
    score, real = ROTATE.forward(*args, **options), np.empty(0, dtype).real.dtype
    assert isinstance(score, np.ndarray)
    assert score.dtype == real
    np.testing.assert_allclose(score, by_entries(rotate_entries, *args, **options), **LOOPS[real.itemsize])


@pytest.mark.long
@pytest.mark.parametrize("shapes", BROADCASTS, ids=str)
def test_gradients(shapes):
    """Against differences, at every option, no entry at a kink."""
    rng = np.random.default_rng(1)
    args = tuple(naive.rows(rng, shape, complex) for shape in shapes)
    if not args[0].size:  # there is nothing to check
        g = np.zeros(np.broadcast_shapes(*shapes)[:-1])
        assert all(d.shape == a.shape for op in (COMPLEX, ROTATE) for d, a in zip(op.vjp(g, *args), args, strict=True))
        return
    entries = 2 * sum(a.size for a in args)
    assert check_vjp(COMPLEX, *args).checked == entries
    for i, options in enumerate(ROTATIONS):
        assert check_vjp(ROTATE, *args, rng=i, **options).checked == entries


@pytest.mark.parametrize("name", ["complex", "rotate"])
def test_single_precision_is_rounded_once(name):
    """Scores and gradients are those of double precision, rounded: at most half an ulp off, and in the dtype of the rows."""
    rng, op = np.random.default_rng(2), INTERACTIONS[name]
    for shapes in BROADCASTS:
        args = [naive.rows(rng, shape, np.complex64) for shape in shapes]
        wide = [a.astype(complex) for a in args]
        score = op.forward(*args)
        assert naive.same_bits(score, np.asarray(op.forward(*wide).astype(np.float32)))
        g = np.asarray(naive.rows(rng, score.shape, np.float32))
        for d, expected, a in zip(op.vjp(g, *args), op.vjp(g.astype(float), *wide), args, strict=True):
            assert naive.same_bits(d, expected.astype(np.complex64))
            assert d.shape == a.shape


def test_cheaper_is_what_has_fewer_numbers():
    """One tail for many heads turns the tail; one head for many tails the head; and if it is all the same, the tail."""
    rng = np.random.default_rng(3)
    many, one, r, t = (naive.rows(rng, shape, complex) for shape in ((1, 4, 3), (2, 1, 3), (2, 1, 3), (2, 1, 3)))
    for args, turn in (((one, r, many), "head"), ((many, r, t), "tail"), ((one, many, t), "tail"), ((one, r, t), "tail")):
        other = "tail" if turn == "head" else "head"
        assert naive.same_bits(ROTATE.forward(*args, turn="cheaper"), ROTATE.forward(*args, turn=turn))
        assert not np.allclose(ROTATE.forward(*args, turn="cheaper"), ROTATE.forward(*args, turn=other))
        g = np.asarray(naive.rows(rng, ROTATE.forward(*args).shape))
        for d, expected in zip(ROTATE.vjp(g, *args, turn="cheaper"), ROTATE.vjp(g, *args, turn=turn), strict=True):
            assert naive.same_bits(d, expected)


# ---- literal numbers

H, R, T = np.array([1 + 2j, 2 + 0j]), np.array([1j, 2 - 1j]), np.array([-2 - 2j, 4 + 2j])  # H R - T = [3j, -4j]
TWO = np.array(2.0)
LITERALS = [
    (COMPLEX, {}, 14.0, ([-4 + 4j, 12 + 16j], [-12 + 4j, 16 + 8j], [-4 + 2j, 8 - 4j])),
    (ROTATE, {}, -5.0, ([-1.2, -1.6 + 3.2j], [-2.4 - 1.2j, 3.2j], [1.2j, -1.6j])),
    (ROTATE, {"p": 1}, -7.0, ([-2, -2 + 4j], [-4 - 2j, 4j], [2j, -2j])),
    (ROTATE, {"p": math.inf}, -4.0, ([0, -2 + 4j], [0, 4j], [0, -2j])),
    (ROTATE, {"power_norm": True}, -25.0, ([-12, -16 + 32j], [-24 - 12j, 32j], [12j, -16j])),
]


@pytest.mark.parametrize(("op", "options", "score", "gradients"), LITERALS)
def test_literal_numbers(op, options, score, gradients):
    np.testing.assert_allclose(op.forward(H, R, T, **options), score, rtol=LITERAL)
    for d, expected in zip(op.vjp(TWO, H, R, T, **options), gradients, strict=True):
        np.testing.assert_allclose(d, expected, rtol=LITERAL, atol=LITERAL)


def test_literal_numbers_with_the_tail_turned_back():
    """By 2i, which stretches: v = t conj(r) = 2i, and h - v = 2 (1 - i)."""
    h, r, t = np.array([2 + 0j]), np.array([2j]), np.array([-1 + 0j])
    assert ROTATE.forward(h, r, t, power_norm=True, turn="tail") == pytest.approx(-8.0)
    assert ROTATE.forward(h, r, t, power_norm=True) == pytest.approx(-17.0)
    dh, dr, dt = ROTATE.vjp(np.array(1.0), h, r, t, power_norm=True, turn="tail")
    np.testing.assert_allclose(dh, [-4 + 4j], rtol=LITERAL)  # -2 (h - v)
    np.testing.assert_allclose(dt, [8 + 8j], rtol=LITERAL)  # 2 (h - v) r
    np.testing.assert_allclose(dr, [-4 - 4j], rtol=LITERAL)  # conj(2 (h - v)) t


def test_conventions_at_the_kinks_of_rotate():
    """An entry of zero for p = 1, and the zero row for every p."""
    t = np.array([H[0] * R[0], 4 + 2j])  # h o r - t = [0, -4i]
    for options, expected in (({}, 0.0), ({"slope_at_zero": 0.5}, 1.0)):
        for power_norm in (False, True):
            _, _, dt = ROTATE.vjp(TWO, H, R, t, p=1, power_norm=power_norm, **options)
            np.testing.assert_allclose(dt, [expected, -2j], rtol=LITERAL)
    for p in (1, 1.5, 2, 3, math.inf):
        for turn in ("head", "tail"):
            same = (H * R, np.ones(2) + 0j, H * R)
            assert ROTATE.forward(*same, p=p, turn=turn) == 0
            assert all((d == 0).all() for d in ROTATE.vjp(TWO, *same, p=p, turn=turn))


# ---- what the papers say of them


@given(seed=SEEDS)
def test_symmetric_and_antisymmetric_relations(seed):
    """ComplEx: a real relation scores both directions alike, an imaginary one with opposite signs (section 3.1 of the paper)."""
    rng = np.random.default_rng(seed)
    h, t, r = naive.rows(rng, (4, 3), complex), naive.rows(rng, (4, 3), complex), naive.rows(rng, (4, 3)) + 0j
    np.testing.assert_allclose(COMPLEX.forward(h, r, t), COMPLEX.forward(t, r, h), **LOOPS[8])
    np.testing.assert_allclose(COMPLEX.forward(h, 1j * r, t), -COMPLEX.forward(t, 1j * r, h), **LOOPS[8])


@given(seed=SEEDS, p=st.sampled_from([1, 2, 3]))
def test_inverse_and_composed_rotations(seed, p):
    """RotatE: the conjugate turns back, two turns are one by their product, and a true triple scores zero (table 2 of the paper)."""
    rng = np.random.default_rng(seed)
    h, t = naive.rows(rng, (4, 3), complex), naive.rows(rng, (4, 3), complex)
    r, r2 = (np.exp(1j * rng.uniform(-3, 3, (4, 3))) for _ in range(2))
    np.testing.assert_allclose(ROTATE.forward(h, r, t, p=p), ROTATE.forward(t, np.conj(r), h, p=p), **LOOPS[8])
    np.testing.assert_allclose(ROTATE.forward(h * r, r2, t, p=p), ROTATE.forward(h, r * r2, t, p=p), **LOOPS[8])
    np.testing.assert_allclose(ROTATE.forward(h, r, h * r, p=p), 0, atol=1e-14)


# ---- in a model


@pytest.mark.parametrize("name", ["ComplEx", "RotatE"])
def test_all_ways_to_score_a_triple_agree(name):
    """Also where relations are no rotations, which is where PyKEEN's do not."""
    rows = {"embedding_dim": 4, "dtype": np.complex64}
    model = ERModel(
        triples_factory=Nations().training,
        interaction=name,
        entity_representations_kwargs=rows,
        relation_representations_kwargs=rows,
        random_seed=0,
    ).eval()
    h, r, t = np.array([[0, 3, 13], [7, 54, 7]]).T
    score = model.score_hrt(np.stack([h, r, t], axis=1))[:, 0]
    for other in (
        model.score_t(np.stack([h, r], axis=1))[[0, 1], t],
        model.score_r(np.stack([h, t], axis=1))[[0, 1], r],
        model.score_h(np.stack([r, t], axis=1))[[0, 1], h],
    ):
        np.testing.assert_allclose(other, score, rtol=SAME_MODEL, atol=SAME_MODEL)


@pytest.mark.parametrize("name", ["complex", "rotate"])
def test_a_model_with_real_rows_is_refused_at_once(name):
    rows = {"embedding_dim": 4}
    with pytest.raises(TypeError, match=r"h has dtype float32; allowed: complex rows, since"):
        ERModel(
            triples_factory=Nations().training,
            interaction=name,
            entity_representations_kwargs=rows,
            relation_representations_kwargs=rows,
        )


# ---- what is refused

SAID = {
    "complex": "complex_bilinear: h has dtype float64; allowed: complex rows, since for real ones this would be distmult",
    "rotate": "rotate: h has dtype float64; allowed: complex rows, since real ones cannot be rotated",
}
BAD = [
    (np.ones(3) + 0j, ValueError, r"t has rows of 3 numbers; allowed: 2, as h has"),
    (T.astype(np.complex64), TypeError, r"t has dtype complex64; allowed: complex128, the dtype of h"),
    (np.array(1j), ValueError, r"t has shape \(\); allowed: 1 or more axes"),
    ([1j, 2j], TypeError, r"t is a list; allowed: a NumPy array"),
]


@pytest.mark.parametrize("name", ["complex", "rotate"])
def test_bad_rows(name):
    op = INTERACTIONS[name]
    with pytest.raises(TypeError, match=f"^{SAID[name]}$"):
        op.forward(H.real, R.real, T.real)
    with pytest.raises(TypeError, match=f"^{SAID[name].replace(':', '_vjp:', 1)}$"):
        op.vjp(TWO, H.real, R.real, T.real)
    for t, error, said in BAD:
        for f, args in ((op.forward, (H, R, t)), (op.vjp, (TWO, H, R, t))):
            with pytest.raises(error, match=f"^{f.__name__}: {said}"):
                f(*args)
    with pytest.raises(ValueError, match=rf"{op.forward.__name__}: h \(2, 2\), r \(3, 2\), t \(2,\) do not broadcast"):
        op.forward(np.ones((2, 2)) + 0j, np.ones((3, 2)) + 0j, T)
    for g, error, said in (
        (np.ones(2), ValueError, r"g has shape \(2,\); allowed: \(\), the shape of the score"),
        (np.array(1j), TypeError, r"g has dtype complex128; allowed: float64, the dtype of the score"),
        (1.0, TypeError, r"g is a float; allowed: a NumPy array"),
    ):
        with pytest.raises(error, match=f"^{op.vjp.__name__}: {said}"):
            op.vjp(g, H, R, T)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"p": 0.5}, ValueError, "p = 0.5 is out of range; allowed: a number >= 1"),
        ({"p": math.inf, "power_norm": True}, ValueError, "p = inf has no power; allowed: a finite p, or power_norm = False"),
        ({"power_norm": 1}, ValueError, "power_norm = 1 is not a choice; allowed: True or False"),
        ({"slope_at_zero": 2}, ValueError, "slope_at_zero = 2 is out of range"),
        ({"turn": "both"}, ValueError, "turn = 'both' is not a choice; allowed: 'head', 'tail' or 'cheaper'"),
    ],
)
def test_bad_options_of_rotate(options, error, said):
    for f, args in ((ROTATE.forward, (H, R, T)), (ROTATE.vjp, (TWO, H, R, T))):
        with pytest.raises(error, match=f"^{f.__name__}: {said}"):
            f(*args, **options)
