"""The fused engine: its sums to the bit, its scores against the definition's, ties, corners, and the ranks that come of them."""

import json
import math
import os
import subprocess
import sys
import threading

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT
from tolerances import FUSED

from npembed.kge.columns import COLUMNS
from npembed.kge.datasets import Nations
from npembed.kge.evaluation import ranks
from npembed.kge.interactions import INTERACTIONS, score_all
from npembed.kge.interactions.score_candidates import fast_form
from npembed.kge.models import ERModel
from npembed.numerics import kernels
from npembed.numerics.kernels import score_candidates as fused
from npembed.op import Op

SEEDS = st.integers(0, 2**32 - 1)
REAL, COMPLEX = (np.float32, np.float64), (np.complex64, np.complex128)
NORMS = [{"p": p, "power_norm": w} for p in (1, 2) for w in (False, True)]
FAST = [
    *(("transe", o, dtype) for o in NORMS for dtype in REAL),
    *(("transe", o, dtype) for o in NORMS[2:] for dtype in COMPLEX),
    *(("distmult", {}, dtype) for dtype in REAL),
    *(("complex", {}, dtype) for dtype in COMPLEX),
    *(("rotate", {**o, "turn": turn}, dtype) for o in NORMS for turn in ("head", "tail", "cheaper") for dtype in COMPLEX),
]
SLOW = [
    ("transe", {"p": 3}, np.float32),
    ("transe", {"p": "inf"}, np.float64),
    ("transe", {"p": 1}, np.complex64),
    ("rotate", {"p": 1.5}, np.complex64),
]


def rows_of(rng, side, queries, candidates, d, dtype):
    """h, r and t: N rows for the side, B for the others."""
    return [naive.rows(rng, (candidates if name == side else queries, d), dtype) for name in COLUMNS]


def layered(op, side, *args):
    """The definition."""
    return op.forward(*(x if name == side else x[:, None] for name, x in zip(COLUMNS, args, strict=True)))


def sizes(name, side, h, r, t):
    """For each pair what the terms are made of, added up without cancellation."""
    place = COLUMNS.index(side)
    h, r, t = (np.abs(x[None, :] if i == place else x[:, None]).astype(float) for i, x in enumerate((h, r, t)))
    if name in ("distmult", "complex"):
        return (h * r * t).sum(axis=-1)
    return None if name == "transe" else np.maximum(h * r + t, h + t * r)


def assert_same_meaning(found, expected, name, side, args, options):
    """NaN where the definition has NaN, infinite where it is, and elsewhere as near as was promised."""
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[~finite], expected[~finite])
    found, expected = found[finite], expected[finite]
    error = np.abs(found.astype(float) - expected)
    size = np.abs(expected).astype(float)
    made_of = sizes(name, side, *args)
    if name in ("distmult", "complex"):
        size = made_of[finite]
    elif made_of is not None and args[0].dtype == np.complex128:  # NumPy may multiply complex numbers with one rounding fewer
        size = size + (made_of**2 if options.get("power_norm") and options["p"] == 2 else made_of).sum(axis=-1)[finite]
    bound = (2 * args[0].shape[1] + FUSED["more"]) * FUSED["eps"] * size
    assert (error <= bound + np.spacing(np.maximum(np.abs(found), np.abs(expected)))).all()


# ---- the loops, to the bit


def turned(x, a):
    """A complex product in four real ones, as the kernels do it, of parts ``[..., 0::2]`` and ``[..., 1::2]``."""
    u, v, p, q = x[..., 0::2], x[..., 1::2], a[..., 0::2], a[..., 1::2]
    return u * p - v * q, u * q + v * p


def terms(name, x, a, b):
    if name == "absolute":
        return np.abs(x + a - b)
    if name == "squares":
        return (x + a - b) * (x + a - b)
    if name == "products":
        return x * a * b
    (u, v), s, t = turned(x, a), b[..., 0::2], b[..., 1::2]
    if name == "turned_products":
        return u * s + v * t
    square = (u - s) * (u - s) + (v - t) * (v - t)
    return np.sqrt(square) if name == "turned_moduli" else square


def in_order(name, rows, a, b):
    """Each sum from the first term to the last, in float64."""
    all_terms = terms(name, rows.astype(float)[None], a[:, None], b[:, None])
    total = np.zeros((len(a), len(rows)))
    for k in range(all_terms.shape[-1]):
        total = total + all_terms[..., k]
    return total


@pytest.fixture(params=[1, 3])
def workers(request, monkeypatch):
    """One thread; or three, for however little work."""
    monkeypatch.setattr(fused, "SERIAL_BELOW", 0)
    monkeypatch.setattr(fused, "threads", lambda: request.param)
    return request.param


@pytest.mark.parametrize("name", fused.TERMS)
@pytest.mark.parametrize("dtype", REAL)
def test_sums_are_added_up_in_order(name, dtype, workers):
    """To the bit, with a vector's leftovers, a tile's leftovers, and more threads than tiles."""
    rng = np.random.default_rng(0)
    for queries, candidates, d in ((1, 1, 2), (3, 7, 6), (2, 127, 10), (1, 128, 4), (5, 129, 2), (2, 300, 8)):
        rows = naive.uneven(rng, (candidates, d), dtype)
        a, b = naive.uneven(rng, (queries, d)), naive.uneven(rng, (queries, d))
        kept = rows.copy(), a.copy(), b.copy()
        root = name == "squares"
        out = np.empty((queries, candidates), dtype)
        low = -math.inf if "products" in name else 0.0
        assert kernels.score(name, out, rows, a, b, sign=-1.0, root=root, low=low) == 0
        total = in_order(name, rows, a, b)
        assert naive.same_bits(out, (-np.sqrt(total) if root else -total).astype(dtype))
        assert all(naive.same_bits(x, y) for x, y in zip(kept, (rows, a, b), strict=True))


def test_doubtful_sums_are_counted(workers):
    rows = np.array([[0.0], [1e-200], [1e200], [np.nan], [np.inf], [2.0]])
    out, zero = np.empty((2, 6)), np.zeros((2, 1))
    assert kernels.score("squares", out, rows, zero, zero, sign=-1.0, root=True, low=1e-300) == 10
    np.testing.assert_array_equal(out, [[np.nan] * 5 + [-2.0]] * 2)
    assert kernels.score("squares", out, rows, zero, zero, sign=1.0, root=False, low=0.0) == 6
    np.testing.assert_array_equal(out, [[0.0, 0.0, np.nan, np.nan, np.nan, 4.0]] * 2)


@given(st.integers(1, 300), st.integers(1, 10**5), st.integers(1, 300), st.integers(1, 9))
def test_jobs_cover_every_score_once(queries, candidates, width, workers):
    """None is much larger than a launch may be, but one query's tile."""
    seen, size = 0, fused.PER_JOB
    cut = fused.jobs(queries, candidates, width, workers)
    for top, bottom, lo, hi in cut:
        assert 0 <= top < bottom <= queries
        assert 0 <= lo < hi <= candidates
        assert lo % fused.TILE == 0
        assert (bottom - top) * (hi - lo) * width <= 4 * size
        seen += (bottom - top) * (hi - lo)
    assert seen == queries * candidates
    rows, columns = {job[:2] for job in cut}, {job[2:] for job in cut}
    assert sorted(cut) == sorted((*row, *column) for row in rows for column in columns)
    for edges in (rows, columns):
        assert all(left[1] == right[0] for left, right in zip(sorted(edges)[:-1], sorted(edges)[1:], strict=True))


def test_several_python_threads_at_once(monkeypatch):
    monkeypatch.setattr(fused, "SERIAL_BELOW", 0)
    rng = np.random.default_rng(1)
    rows, a = naive.rows(rng, (400, 4)), naive.rows(rng, (6, 4))
    found = [np.empty((6, 400)) for _ in range(4)]
    started = [
        threading.Thread(target=lambda out=out: kernels.score("products", out, rows, a, a, sign=1.0, root=False, low=-math.inf))
        for out in found
    ]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert all(naive.same_bits(out, in_order("products", rows, a, a)) for out in found)


RUN = """
import json, sys
import numpy as np
from npembed.kge.interactions import INTERACTIONS, score_all
assert "numba" not in sys.modules, "Numba was imported before a compiled kernel was called"
x, found = np.arange(1.0, 5.0).reshape(2, 2), []
for op, rows in (("distmult", x), ("transe", x), ("distmult", x)):
    found.append(score_all(rows, rows, rows, interaction=INTERACTIONS[op], side="tail").tolist())
from npembed.numerics.kernels.score_candidates import loop
print(json.dumps([found, *(sum(counts.values()) for counts in (loop.stats.cache_hits, loop.stats.cache_misses))]))
"""


@pytest.mark.long
def test_the_next_process_finds_the_loop(tmp_path):
    """Which was compiled once, for the dtype at hand and all terms."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    env |= {"PYTHONPATH": str(ROOT), "NPEMBED_CACHE_DIR": str(tmp_path / "cache")}
    done = [subprocess.run([sys.executable, "-c", RUN], env=env, capture_output=True, text=True, check=False) for _ in range(2)]
    assert not any(process.returncode for process in done), done[0].stderr
    products, distances = [[9.0, 19.0], [41.0, 91.0]], [[-3.0, -1.0], [-11.0, -7.0]]
    first, second = (json.loads(process.stdout) for process in done)
    assert first == [[products, distances, products], 0, 1]
    assert second == [[products, distances, products], 1, 0]


# ---- against the definition


@given(
    seed=SEEDS,
    case=st.sampled_from(FAST),
    side=st.sampled_from(COLUMNS),
    queries=st.integers(1, 4),
    candidates=st.sampled_from([1, 2, 5, 130]),
    d=st.sampled_from([1, 2, 3, 50]),
    uneven=st.booleans(),
)
def test_against_the_definition(seed, case, side, queries, candidates, d, uneven):
    (name, options, dtype), rng = case, np.random.default_rng(seed)
    args = rows_of(rng, side, queries, candidates, d, dtype)
    if uneven:
        args = [np.asarray(x * 10.0 ** rng.integers(-3, 4, x.shape), dtype) for x in args]
    op = INTERACTIONS[name].bind(**options)
    assert fast_form(op, side, *args) is not None
    kept = [x.copy() for x in args]
    assert_same_meaning(score_all(*args, interaction=op, side=side), layered(op, side, *args), name, side, args, options)
    assert all(naive.same_bits(x, y) for x, y in zip(args, kept, strict=True))


def corners(rng, shape, dtype):
    """Rows drawn from zeros, very small and very large numbers, infinities and NaN, most of them ordinary."""
    real = np.empty(0, dtype).real.dtype.type
    info = np.finfo(real)
    drawn = np.array([0, 1, -1, 0.5, info.tiny, info.smallest_subnormal, -info.max, info.max / 2, np.inf, -np.inf, np.nan], real)
    p = np.array([8, 8, 8, 8, 2, 2, 1, 1, 1, 1, 1]) / 41
    parts = 2 if np.dtype(dtype).kind == "c" else 1
    return rng.choice(drawn, (shape[0], shape[1] * parts), p=p).view(dtype)


@given(
    seed=SEEDS, case=st.sampled_from(FAST), side=st.sampled_from(COLUMNS), scale=st.sampled_from([None, 1e-200, 1e-160, 1e150])
)
def test_corners_are_as_in_the_definition(seed, case, side, scale):
    """What overflows, vanishes or is no number; and rows of one very small or large scale, where only the definition scales."""
    (name, options, dtype), rng = case, np.random.default_rng(seed)
    if scale is not None:
        dtype = np.complex128 if np.dtype(dtype).kind == "c" else np.float64
    op = INTERACTIONS[name].bind(**options)
    args = rows_of(rng, side, 3, 6, 2, dtype)
    if scale is None:
        args = [corners(rng, x.shape, dtype) for x in args]
    elif name == "transe":
        args = [x * scale for x in args]
    else:
        args = [x if i == 1 else x * scale for i, x in enumerate(args)]
    with np.errstate(all="ignore"):
        found, expected = score_all(*args, interaction=op, side=side), layered(op, side, *args)
        assert_same_meaning(found, expected, name, side, args, options)


@pytest.mark.parametrize(("name", "options", "dtype"), FAST, ids=str)
def test_equal_candidates_tie(name, options, dtype, workers):
    """To the bit, wherever they stand: in the middle of a vector, in its leftovers, in another tile, in another thread's share."""
    rng = np.random.default_rng(3)
    for side in COLUMNS:
        args = rows_of(rng, side, 3, 3, 7, dtype)
        place, which = COLUMNS.index(side), rng.integers(0, 3, 391)
        args[place] = args[place][which]
        op = INTERACTIONS[name].bind(**options)
        scores = score_all(*args, interaction=op, side=side)
        for k in range(3):
            assert len(np.unique(scores[:, which == k], axis=1).T) == 1
        few = np.array([390, 5])
        args[place] = args[place][few]
        assert naive.same_bits(score_all(*args, interaction=op, side=side), np.ascontiguousarray(scores[:, few]))


@pytest.mark.parametrize(("name", "options", "dtype"), SLOW, ids=str)
def test_what_has_no_fast_form_is_left_to_the_definition(name, options, dtype, monkeypatch):
    monkeypatch.setattr("npembed.kge.interactions.score_candidates.LAYERED", 8)  # two queries at a time
    rng, op = np.random.default_rng(4), INTERACTIONS[name].bind(**options)
    for side in COLUMNS:
        args = rows_of(rng, side, 5, 4, 3, dtype)
        assert fast_form(op, side, *args) is None
        assert naive.same_bits(score_all(*args, interaction=op, side=side), layered(op, side, *args))


def test_an_op_of_ones_own():
    """Also one that is a fast one with something else before it."""
    asked = []

    def forward(h, r, t, scale=1.0):
        asked.append(h.shape)
        return scale * INTERACTIONS["transe"].forward(h, r, t)

    rng = np.random.default_rng(5)
    args = rows_of(rng, "tail", 2, 3, 4, np.float64)
    own = Op(forward, INTERACTIONS["transe"].vjp)
    assert naive.same_bits(
        score_all(*args, interaction=own.bind(scale=2.0), side="tail"), 2 * layered(INTERACTIONS["transe"], "tail", *args)
    )
    assert asked == [(2, 1, 4)]


def test_layouts_and_nothing_at_all(tmp_path):
    rng, op = np.random.default_rng(6), INTERACTIONS["rotate"]
    args = rows_of(rng, "head", 5, 5, 3, np.complex64)
    expected = score_all(*args, interaction=op, side="head")
    for layout in naive.LAYOUTS:
        given_ = [naive.laid_out(x, layout, tmp_path) for x in args]
        assert naive.same_bits(score_all(*given_, interaction=op, side="head"), expected)
    for queries, candidates, d in ((0, 3, 2), (2, 0, 2), (2, 3, 0), (0, 0, 0)):
        for name, dtype in (("transe", np.float32), ("complex", np.complex128)):
            args = rows_of(rng, "tail", queries, candidates, d, dtype)
            found = score_all(*args, interaction=INTERACTIONS[name], side="tail")
            assert found.shape == (queries, candidates)
            assert (found == 0).all()


X, Y = np.ones((2, 3)), np.ones((4, 3))
TRANSE = INTERACTIONS["transe"]


@pytest.mark.parametrize(
    ("args", "options", "error", "said"),
    [
        (
            (X, X, Y),
            {"side": "tails"},
            ValueError,
            "score_all: side = 'tails' is not a choice; allowed: 'head', 'relation' or 'tail'",
        ),
        ((X, X, Y), {"interaction": "transe"}, TypeError, "score_all: interaction is a str"),
        (
            (X, X, Y[None]),
            {},
            ValueError,
            r"score_all: t has shape \(1, 4, 3\); allowed: \(B, d\), or \(N, d\) for the candidates",
        ),
        ((X, [1.0], Y), {}, TypeError, "score_all: r is a list; allowed: a NumPy array"),
        ((X, Y, Y), {}, ValueError, "score_all: 2 and 4 rows make no queries; allowed: as many of the one as of the other"),
        ((X, X, Y + 0j), {}, TypeError, "transe: t has dtype complex128; allowed: float64, the dtype of h"),
        ((X, X, Y[:, :2]), {}, ValueError, "transe: t has rows of 2 numbers; allowed: 3, as h has"),
        ((X, X, Y), {"interaction": TRANSE.bind(p=0.5)}, ValueError, "transe: p = 0.5 is out of range; allowed: a number >= 1"),
    ],
)
def test_bad_input(args, options, error, said):
    with pytest.raises(error, match=f"^{said}"):
        score_all(*args, **{"interaction": TRANSE, "side": "tail", **options})


# ---- in a model


def a_model(name="transe", options=None, *, dim=6, **rows):
    rows = {"embedding_dim": dim, "dtype": np.complex64 if name in ("complex", "rotate") else np.float32, **rows}
    return ERModel(
        triples_factory=Nations().training, interaction=name, interaction_kwargs=options, random_seed=1,
        entity_representations_kwargs={"normalizer": "normalize", **rows}, relation_representations_kwargs=rows,
    )  # fmt: skip


@pytest.mark.parametrize("name", INTERACTIONS)
def test_a_model_s_two_engines_agree(name):
    model, rng = a_model(name), np.random.default_rng(7)
    triples = rng.integers(0, (14, 55, 14), (20, 3))
    h, r, t = (triples[:, i] for i in range(3))
    for method, columns, size in ((model.score_t, (h, r), 14), (model.score_h, (r, t), 14), (model.score_r, (h, t), 55)):
        batch = np.stack(columns, axis=1)
        for candidates in (None, np.array([3, 0, 3]), rng.integers(0, size, (20, 4))):
            expected = method(batch, candidates)
            found = method(batch, candidates, engine="fused")
            np.testing.assert_allclose(found, expected, **FUSED["float32"])
            assert naive.same_bits(method(batch, candidates, engine="layered"), expected)
            with model.held():
                assert naive.same_bits(method(batch, candidates, engine="fused"), found)
        with pytest.raises(
            ValueError, match=f"{method.__name__}: engine = 'fast' is not a choice; allowed: 'layered' or 'fused'"
        ):
            method(batch, engine="fast")


def test_the_fused_engine_is_asked_for(monkeypatch):
    """By ``engine="fused"``, unless there are masks to be drawn: in training mode with dropout."""
    calls, score = [], kernels.score
    monkeypatch.setattr(kernels, "score", lambda *args, **options: calls.append(args[0]) or score(*args, **options))
    model, dropping = a_model(), [a_model(dropout=0.5) for _ in range(3)]
    model.score_t([[0, 0]], engine="fused")
    assert calls == ["absolute"]
    model.score_t([[0, 0]])
    scores = [m.score_t([[0, 0]], engine=engine) for m, engine in zip(dropping, ("fused", "layered"), strict=False)]
    assert naive.same_bits(*scores)
    assert calls == ["absolute"]
    assert not np.array_equal(scores[0], dropping[2].eval().score_t([[0, 0]], engine="fused"))
    assert calls == ["absolute"] * 2


def test_rows_are_held_for_as_long_as_was_said():
    """Inside, a change of the table is not seen; outside it is, also after an error; and one inside another holds the same."""
    model, reversed_ = a_model(), a_model().layers[0].weight[::-1].copy()
    before = model.score_t([[0, 0]], engine="fused")

    def hold():
        with model.held():
            model.layers[0].weight = reversed_
            with model.held():
                assert naive.same_bits(model.score_t([[0, 0]], engine="fused"), before)
            assert naive.same_bits(model.score_t([[0, 0]], engine="fused"), before)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        hold()
    assert not np.array_equal(model.score_t([[0, 0]], engine="fused"), before)


# ---- ranks


@pytest.mark.parametrize("name", INTERACTIONS)
def test_ranks_are_the_same(name):
    nations = Nations()
    known = [nations.training.mapped_triples, nations.validation.mapped_triples]
    for options in ({}, {"p": 1}, {"p": 2}) if name in ("transe", "rotate") else ({},):
        model = a_model(name, options)
        expected = ranks(model, nations.testing.mapped_triples, known=known, engine="layered")
        for more in ({}, {"block": 1}, {"block": 10**9}):
            np.testing.assert_equal(ranks(model, nations.testing.mapped_triples, known=known, **more), expected)


class Asked:
    """A model of four entities and one relation that keeps what it was asked for."""

    num_entities, num_relations = 4, 1

    def __init__(self):
        self.asked = []

    def score_t(self, hr, *, engine="layered"):
        self.asked.append((len(hr), engine))
        return np.zeros((len(hr), 4))


def test_ranks_ask_for_an_engine_where_there_is_one(monkeypatch):
    monkeypatch.setattr(sys.modules["npembed.kge.evaluation.ranks"], "FUSED_ROWS", 5)
    triples = np.zeros((12, 3), int)
    for options, expected in (
        ({}, [(5, "fused"), (5, "fused"), (2, "fused")]),
        ({"block": 17}, [(4, "fused")] * 3),
        ({"engine": "layered"}, [(12, "layered")]),
    ):
        model = Asked()
        ranks(model, triples, sides="tail", **options)
        assert model.asked == expected
    with pytest.raises(ValueError, match="ranks: engine = 'fast' is not a choice; allowed: 'fused' or 'layered'"):
        ranks(Asked(), triples, engine="fast")


def test_counting_in_parts_changes_nothing(monkeypatch):
    """And NaN is found in whatever part it is."""
    module, rng = sys.modules["npembed.kge.evaluation.ranks"], np.random.default_rng(8)
    scores = rng.integers(0, 3, (9, 4)).astype(float)
    model = Asked()
    model.score_t = lambda hr: scores[: len(hr)]
    triples = np.stack([rng.integers(0, 4, 9), np.zeros(9, int), rng.integers(0, 4, 9)], axis=1)
    expected = ranks(model, triples, sides="tail")
    for counted in (1, 8, 13):
        monkeypatch.setattr(module, "COUNTED", counted)
        np.testing.assert_equal(ranks(model, triples, sides="tail"), expected)
    scores[7, 2] = np.nan
    with pytest.raises(FloatingPointError, match=r"1 of the 4 tail scores of triples\[7\]"):
        ranks(model, triples, sides="tail")
