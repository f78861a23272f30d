"""float16 tables: stored in sixteen bits, computed in float32 (or wider), rounded once; and what complex rows are refused.

The oracles round by themselves: to float16 from float32 loops in batch order, from float64, or from fractions.
"""

import math
from fractions import Fraction

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recipes import RECIPES
from test_registries import OPS, is_float, tuples
from tolerances import HALF_COMPOSED, HALF_ROUNDED, HALF_SUMS, STEPPED_INSIDE
from unit.embedding.test_optimizers import CASES, modes

from npembed import Embedding, EmbeddingBag, cli, load, pipeline
from npembed.embedding.bags import embedding_bag, embedding_bag_vjp
from npembed.embedding.initializers import initializer
from npembed.embedding.lookup import dropout_mask, lookup, lookup_vjp
from npembed.embedding.max_norm import renorm_
from npembed.embedding.optimizers import OPTIMIZERS, clip_grad_norm, clip_grad_value, project_state_
from npembed.embedding.row_maps import clamp, clamp_norm, complex_normalize, normalize, normalize_vjp, softmax
from npembed.embedding.rows import RowSparse, gather, gather_vjp, segment_add_
from npembed.kge.datasets import Nations
from npembed.kge.evaluation import evaluate, metric
from npembed.kge.interactions import INTERACTIONS, score_all
from npembed.kge.models import ERModel
from npembed.kge.training import fit
from npembed.numerics.precision import compute_dtype, to_compute_dtype

HALF, SINGLE = np.dtype(np.float16), np.dtype(np.float32)
INF = math.inf
SEEDS = st.integers(0, 2**32 - 1)
ROWS = [(), (1,), (3,), (2, 2), (0,)]
ROUNDS_DOWN, ROUNDS_UP = 65519.0, 65520.0
"""The largest whole number that float16 holds once rounded, as 65504, and the smallest that becomes infinite."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("half")


def some(rng, shape):
    """Numbers of float16 of very different size and either sign."""
    return np.asarray(naive.rows(rng, shape) * 2.0 ** rng.integers(-12, 12, shape), HALF)


def ulps(found, expected):
    """How far `found` is from float64 numbers, in the distance of float16 numbers there; 0 where both are infinite or beyond."""
    expected = np.asarray(expected, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        spacing = np.spacing(np.abs(expected).astype(HALF)).astype(np.float64)
        far = np.abs(np.asarray(found, np.float64) - expected) / spacing
    infinite = (np.abs(expected) >= ROUNDS_UP) & (found == np.where(expected < 0, -INF, INF))
    return np.where(infinite, 0.0, far)


# ---- rows: a copy, and a sum


def test_4096_gradients_of_one_add_up_to_4096():
    table, ids, ones = np.zeros((2, 1), HALF), np.ones(4096, int), np.ones((4096, 1), HALF)
    assert gather_vjp(ones, table, ids).to_dense().tolist() == [[0.0], [4096.0]]
    segment_add_(table, ids, ones)
    assert table.tolist() == [[0.0], [4096.0]]
    assert embedding_bag(ones, ids[None] * 0, mode="sum").tolist() == [[4096.0]]
    assert embedding_bag_vjp(ones, table, ids[:, None], mode="sum").to_dense().tolist() == [[0.0], [4096.0]]
    total = HALF.type(0)
    for one in ones[:, 0]:
        total = total + one
    assert total == 2048  # which is where sums in float16 stop


@given(seed=SEEDS, row=st.sampled_from(ROWS), layout=st.sampled_from(naive.LAYOUTS), backend=st.sampled_from(("cpu", "python")))
def test_gather_copies_the_bits(seed, row, layout, backend, folder):
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2**16, (6, *row)).astype(np.uint16)  # NaN of every kind among them
    table, ids = naive.laid_out(bits.view(HALF), layout, folder), rng.integers(0, 6, rng.integers(0, 5, 2))
    found = gather(table, ids, backend=backend)
    assert found.dtype == HALF
    assert (np.ascontiguousarray(found).view(np.uint16) == naive.gather(bits, ids)).all()


@given(seed=SEEDS, row=st.sampled_from(ROWS), layout=st.sampled_from(naive.LAYOUTS), backend=st.sampled_from(("cpu", "python")))
def test_sums_are_made_in_single_precision_and_rounded_once(seed, row, layout, backend, folder):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 4, rng.integers(0, 30))
    g, table = some(rng, (len(ids), *row)), some(rng, (5, *row))
    laid = naive.laid_out(g, layout, folder)
    with np.errstate(over="ignore"):
        sums, onto = (naive.scatter_add(x, ids, g.astype(SINGLE)) for x in (np.zeros(table.shape, SINGLE), table.astype(SINGLE)))
        expected = sums.astype(HALF), onto.astype(HALF)
    found = gather_vjp(laid, table, ids, backend=backend)
    assert found.dtype == HALF
    assert naive.same_bits(found.to_dense() + HALF.type(0), expected[0] + HALF.type(0))
    out = table.copy()
    if layout == "unaligned":
        out = naive.laid_out(out, layout, folder)
    segment_add_(out, ids, laid, backend=backend)
    assert naive.same_bits(np.array(out), expected[1])
    for n in range(5):  # and from fractions, which no order of additions changes
        exact = [[Fraction(float(v)) for v in np.ravel(g[i])] for i in np.flatnonzero(ids == n)]
        for d, values in enumerate(zip(*exact, strict=True)):
            room = HALF_SUMS * float(sum(map(abs, values)))
            value = np.ravel(found.to_dense()[n])[d]
            assert ulps(value, float(sum(values))) <= 0.5 + room / np.spacing(np.abs(value))


def test_what_single_precision_rounds_off_is_lost():
    """1 + 2**-11 is half way to the next number of float16; in float32 a 2**-24 more leaves it there, and the even one is taken."""
    parts = np.array([[1.0], [2.0**-11], [2.0**-24], [2.0**-24]], HALF)
    assert gather_vjp(parts, np.zeros((1, 1), HALF), [0] * 4).values.tolist() == [[1.0]]
    assert gather_vjp(parts[::-1].copy(), np.zeros((1, 1), HALF), [0] * 4).values.tolist() == [[1.0 + 2.0**-10]]
    out = np.ones((1, 1), HALF)
    segment_add_(out, [0] * 3, parts[1:])
    assert out.tolist() == [[1.0]]


def test_sums_overflow_to_infinity_in_silence():
    for value, expected in ((ROUNDS_DOWN, 65504.0), (ROUNDS_UP, INF), (-ROUNDS_UP, -INF)):
        parts = np.array([[np.sign(value) * 65504.0], [value - np.sign(value) * 65504.0]], HALF)
        assert gather_vjp(parts, np.zeros((1, 1), HALF), [0, 0]).values.tolist() == [[expected]]
        out = np.zeros((2, 1), HALF)
        segment_add_(out, [1, 1], parts)
        assert out.tolist() == [[0.0], [expected]]
        assert embedding_bag(parts, [[0, 1]], mode="sum").tolist() == [[expected]]


def test_arithmetic_of_gradients():
    rows, values = np.array([0, 2]), np.array([[0.1, 3.0], [-2.0, 60000.0]], HALF)
    gradient = RowSparse(rows, values, 3)
    for scale in (0.1, np.float32(0.1), np.float64(1e-6), 3):
        number, back = np.float32(scale), np.float32(1 / scale)
        with np.errstate(over="ignore"):
            assert naive.same_bits((scale * gradient).values, (values.astype(SINGLE) * number).astype(HALF))
            assert naive.same_bits((gradient / back).values, (values.astype(SINGLE) / back).astype(HALF))
    with pytest.raises(ValueError, match=r"scale = 1e\+39 is out of range; allowed: up to 3.40282e\+38, all that float32 holds"):
        gradient * 1e39
    assert naive.same_bits((gradient + -gradient).values, np.zeros((2, 2), HALF))
    assert (gradient + RowSparse(np.array([1]), np.ones((1, 2), HALF), 3)).dtype == HALF
    with pytest.raises(ValueError, match=r"float16 .* is not defined; allowed: gradients of one table"):
        gradient + RowSparse(rows, values.astype(SINGLE), 3)
    assert gradient.to_coo()[1].dtype == HALF


# ---- every op

COMPOSED = ("lookup", "penalty", "transform", "transform_vjp", "score")


def test_what_numbers_are_reckoned_in():
    assert [compute_dtype(d) for d in (HALF, SINGLE, float, np.complex64)] == [SINGLE, SINGLE, float, np.complex64]
    x = np.zeros(2)
    assert to_compute_dtype(x) is x


def halved(x):
    return x.astype(HALF) if is_float(x) else x


@pytest.mark.parametrize("name", OPS)
def test_every_op_is_within_half_an_ulp_of_double_precision(name):
    """One of several maps, one after the other, rounds after each of them."""
    seen = 0
    for i, (args, options) in enumerate(RECIPES[name](np.random.default_rng(24))):
        if any(np.iscomplexobj(a) for a in args) or (name == "complex_normalize" and np.abs(args[0]).max(initial=0) < 1e-6):
            continue  # of complex float16 there is none; and zero, where the derivative 1 / eps overflows
        if name in ("normalize_vjp", "clamp_norm_vjp") and args[1].size and np.abs(args[1]).max() < 0.01:
            continue  # the second derivative, which is 1 / |x|^2, overflows
        short, same, mine = (
            [halved(a) for a in args],
            [halved(a).astype(float) if is_float(a) else a for a in args],
            dict(options),
        )
        if is_float(mine.get("mask")):
            mine["mask"] = mine["mask"].astype(SINGLE)
        if "masks" in mine:
            mine["masks"] = tuple(mask.astype(SINGLE) for mask in mine["masks"])
        out, expected = OPS[name].forward(*short, **mine), OPS[name].forward(*same, **options)
        assert np.asarray(out).dtype == (SINGLE if name in ("score", "penalty") else HALF)
        close(name, out, expected)
        g = np.asarray(naive.rows(np.random.default_rng(i), np.shape(out)), np.asarray(out).dtype)
        found, expected = (
            tuples(OPS[name].vjp(*a, **how)) for a, how in (((g, *short), mine), ((g.astype(float), *same), options))
        )
        for x, d, e in zip(filter(is_float, short), found, expected, strict=True):
            assert d.dtype == HALF
            assert d.shape == x.shape
            close(name, d, e)
        seen += 1
    assert seen or name in ("complex_bilinear", "rotate")


def close(name, found, expected):
    if name in COMPOSED:
        assert np.abs(found - expected).max(initial=0) <= HALF_COMPOSED * max(1.0, np.abs(expected).max(initial=0))
    else:
        inside = STEPPED_INSIDE if name == "clamp_norm" else 0  # so that no row is beyond its bound
        assert ulps(found, expected).max(initial=0) <= HALF_ROUNDED + inside


def test_zero_rows_stay_zero_and_long_rows_come_to_length_one():
    """Where torch has NaN and 0: its eps of 1e-12 is zero in float16, and sums of squares overflow."""
    rows = np.array([[0.0, 0.0], [60000.0, 0.0], [6e-8, 0.0]], HALF)
    assert normalize(rows).tolist() == [[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]]
    assert normalize_vjp(np.ones((1, 2), HALF), rows[:1], zero_row="stop").tolist() == [[0.0, 0.0]]
    with np.errstate(over="ignore"):  # g / eps
        assert normalize_vjp(np.ones((1, 2), HALF), rows[:1]).tolist() == [[INF, INF]]


def test_the_default_eps_is_that_of_single_precision():
    rows = np.array([[2.0**-12, 0.0]], HALF)  # shorter than the eps of float16
    assert complex_normalize(rows).tolist() == [[1.0, 0.0]]
    assert clamp_norm(rows, maxnorm=2.0**-14).tolist() == [[2.0**-14, 0.0]]


# ---- dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.75])
def test_dropout_multiplies_in_single_precision_and_rounds_once(rate):
    rng = np.random.default_rng(1)
    table, ids = some(rng, (6, 5)), rng.integers(0, 6, 40)
    mask = dropout_mask(0, (40, 5), rate, HALF)
    assert mask.dtype == SINGLE
    assert set(mask.ravel().tolist()) == {0.0, float(np.float32(1) / np.float32(1 - rate))}
    assert naive.same_bits(mask, dropout_mask(0, (40, 5), rate, SINGLE))
    found = lookup(table, ids, mask=mask)
    assert naive.same_bits(found, (table[ids].astype(float) * mask).astype(HALF))
    g = some(rng, (40, 5))
    expected = naive.scatter_add(np.zeros((6, 5), SINGLE), ids, (g.astype(float) * mask).astype(HALF).astype(SINGLE))
    assert naive.same_bits(lookup_vjp(g, table, ids, mask=mask).to_dense() + 0, expected.astype(HALF) + 0)
    said = "transform: mask has dtype float16; allowed: float32, the dtype of a mask for float16 rows"
    with pytest.raises(TypeError, match=said):
        lookup(table, ids, mask=mask.astype(HALF))


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_dropout_keeps_or_drops_a_complex_entry_whole(dtype):
    layer = Embedding(5, 40, dropout=0.5, dtype=dtype, rng=0)
    out, pullback = layer.vjp([1, 3])
    kept = out != 0
    assert 10 < kept.sum() < 70
    np.testing.assert_array_equal(out, np.where(kept, 2 * layer.weight[[1, 3]], 0))
    g = naive.rows(np.random.default_rng(2), out.shape, dtype)
    np.testing.assert_array_equal(pullback(g).values, np.where(kept, 2 * g, 0))


@pytest.mark.parametrize(
    ("name", "options", "why"), [("clamp", {"max": 1.0}, "complex numbers have no order"), ("softmax", {}, "weights are real")]
)
def test_complex_rows_are_not_clamped_and_make_no_weights(name, options, why, capsys):
    z, said = np.ones((2, 3), np.complex64), f"{name}: x has dtype complex64; allowed: real rows, since {why}"
    f = {"clamp": clamp, "softmax": softmax}[name]
    calls = [lambda: f(z, **options)]
    calls += [
        lambda p=p: Embedding(2, 3, dtype="complex64", **{p: name, f"{p}_kwargs": options})
        for p in ("normalizer", "constrainer")
        if (name, p) != ("softmax", "constrainer")
    ]
    for call in calls:
        with pytest.raises(TypeError, match=said):
            call()
    told = ":".join([name, *(f"{key}={value}" for key, value in options.items())])
    assert cli.main(["train", "--model", "rotate", "--dim", "4", "--entity-normalizer", told]) == 2
    assert said in capsys.readouterr().err


# ---- bags


@given(
    seed=SEEDS,
    mode=st.sampled_from(("sum", "mean", "max")),
    weighted=st.booleans(),
    row=st.sampled_from(ROWS),
    split=st.booleans(),
    by_freq=st.booleans(),
)
def test_bags_are_added_up_in_single_precision_and_rounded_once(seed, mode, weighted, row, split, by_freq):
    rng = np.random.default_rng(seed)
    table, ids, offsets = some(rng, (5, *row)), rng.integers(0, 5, 12), np.array([0, 4, 4, 9])
    weights = some(rng, 12) if weighted and mode == "sum" else None
    options = {"mode": mode, "padding_idx": 4, "ties": "split" if split else "first", "scale_grad_by_freq": by_freq}
    g = some(rng, (4, *row))
    wide = [None if a is None else a.astype(SINGLE) for a in (table, weights, g)]
    with np.errstate(over="ignore", invalid="ignore"):
        found, expected = (
            embedding_bag(table, ids, offsets, weights, **options),
            embedding_bag(wide[0], ids, offsets, wide[1], **options),
        )
        assert naive.same_bits(found, expected.astype(HALF))
        found = embedding_bag_vjp(g, table, ids, offsets, weights, **options)
        expected = embedding_bag_vjp(wide[2], wide[0], ids, offsets, wide[1], **options)
        for d, e in zip(tuples(found), tuples(expected), strict=True):
            assert naive.same_bits(d, e.astype(HALF)) or ulps(d, e).max(initial=0) <= HALF_ROUNDED


# ---- optimizers


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_step_is_one_in_single_precision_rounded(name, options):
    """Five of them, with the moments in float32. On touch, what is made up for is rounded before the step."""
    for missing_rows in modes(name, options):
        late = missing_rows == "decay_on_touch"
        rng, step_ = np.random.default_rng(3), OPTIMIZERS[name].step_
        table = naive.rows(rng, (6, 3), HALF)
        wide, state = table.astype(SINGLE), OPTIMIZERS[name].state(table)
        other = OPTIMIZERS[name].state(wide)
        for _ in range(5):
            rows = np.flatnonzero(rng.random(6) < 0.6)
            g = naive.rows(rng, (len(rows), 3), HALF)
            step_(table, RowSparse(rows, g, 6), state=state, missing_rows=missing_rows, **options)
            step_(wide, RowSparse(rows, g.astype(SINGLE), 6), state=other, missing_rows=missing_rows, **options)
            assert table.dtype == HALF
            assert late or naive.same_bits(table, wide.astype(HALF))
            assert ulps(table, wide).max() <= (3 if late else 1) * HALF_ROUNDED  # rounded twice, once maybe among larger numbers
            wide = table.astype(SINGLE)
        assert state.keys() == other.keys()
        for key, value in state.items():
            if isinstance(value, np.ndarray):
                assert value.dtype == other[key].dtype
                assert late or naive.same_bits(value, other[key])


def restated(name, x, g, s, t, lr=0.05):
    """The new x, in float64, and state, by the formulas alone; what each starts from is zeros."""
    if name == "sgd":
        s["b"] = 0.9 * s["b"] + g
        return x - lr * s["b"]
    if name == "adagrad":
        s["v"] = s["v"] + g * g
        return x - lr * g / (np.sqrt(s["v"]) + 1e-10)
    if name == "rowwise_adagrad":
        s["v"] = s["v"] + (g * g).mean(axis=1, keepdims=True)
        return x - lr * g / (np.sqrt(s["v"]) + 1e-8)
    s["b"], s["v"] = 0.9 * s["b"] + 0.1 * g, 0.999 * s["v"] + 0.001 * g * g
    m, v = s["b"] / (1 - 0.9**t), s["v"] / (1 - 0.999**t)
    eps = 1e-8 / math.sqrt(1 - 0.999**t) if name == "sparse_adam" else 1e-8
    return (x * (1 - lr * 0.01) if name == "adamw" else x) - lr * m / (np.sqrt(v) + eps)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("size", [1.0, 2.0**-14, 2.0**-22, 2.0**13])
def test_steps_against_a_restatement_in_numpy(name, size):
    """Also where squares of gradients, and torch's eps, would vanish or overflow in float16."""
    rng, options = np.random.default_rng(4), {"momentum": 0.9} if name == "sgd" else {}
    table = naive.rows(rng, (4, 3), HALF)
    x, s, state = table.astype(np.float64), {"b": np.zeros((4, 3)), "v": np.zeros((4, 3))}, OPTIMIZERS[name].state(table)
    for t in range(1, 8):
        g = np.asarray(naive.rows(rng, (4, 3)) * size, HALF)
        wanted = restated(name, x, g.astype(np.float64), s, t)
        with np.errstate(over="ignore"):
            OPTIMIZERS[name].step_(table, g, state=state, lr=0.05, **options)
        assert ulps(table, wanted).max() <= HALF_ROUNDED
        x = table.astype(np.float64)


def test_numbers_of_a_step_are_those_of_single_precision():
    table = np.ones((2, 2), HALF)
    state = OPTIMIZERS["adam"].state(table)
    OPTIMIZERS["adam"].step_(table, np.zeros((2, 2), HALF), state=state, eps=1e-30, lr=1e6)
    assert table.tolist() == [[1.0, 1.0]] * 2
    with pytest.raises(ValueError, match="eps = 1e-40 is out of range"):
        OPTIMIZERS["adam"].step_(table, np.zeros((2, 2), HALF), state=state, eps=1e-40)
    bad = {**state, "exp_avg": state["exp_avg"].astype(HALF)}
    said = r"adam_: state\['exp_avg'\] has dtype float16; allowed: float32, the dtype of the state of a float16 table"
    with pytest.raises(TypeError, match=said):
        OPTIMIZERS["adam"].step_(table, np.zeros((2, 2), HALF), state=bad)
    with pytest.raises(TypeError, match="sgd_: gradient has dtype float32; allowed: float16, the dtype of table"):
        OPTIMIZERS["sgd"].step_(table, np.zeros((2, 2), SINGLE))


def test_around_a_step():
    g = np.array([[3.0, -4.0], [60000.0, 0.0]], HALF)
    (clipped,), norm = clip_grad_norm([g], 1.0, eps=0)
    assert clipped.dtype == HALF
    assert naive.same_bits(clipped, (g.astype(SINGLE) * np.float32(1 / norm)).astype(HALF))
    assert clip_grad_value([g], 3.5)[0].tolist() == [[3.0, -3.5], [3.5, 0.0]]
    assert naive.same_bits(clip_grad_value([g], 1e6)[0], g)
    table, state = np.array([[0.6, 0.8]], HALF), {"step": 1, "momentum_buffer": np.array([[5.0, 0.0]], SINGLE)}
    project_state_(table, state)
    u = table.astype(float) / np.linalg.norm(table.astype(float))
    np.testing.assert_allclose(state["momentum_buffer"], [[5.0, 0.0]] - u * 5 * u[0, 0], rtol=2e-7)
    with pytest.raises(TypeError, match="allowed: float32, the dtype of the state of a float16 table"):
        project_state_(table, {"exp_avg": g[:1]})


@given(
    seed=SEEDS,
    p=st.sampled_from((1, 1.5, 2, INF)),
    max_norm=st.sampled_from((0.0, 0.3, 1.0, 7.0, 1e5)),
    compat=st.sampled_from((None, "torch")),
)
def test_renorm(seed, p, max_norm, compat):
    rng = np.random.default_rng(seed)
    table = naive.rows(rng, (5, 4), HALF)
    before = table.copy()
    renorm_(table, [0, 3, 3], max_norm=max_norm, norm_type=p, compat=compat)
    assert naive.same_bits(table[[1, 2, 4]], before[[1, 2, 4]])
    for n in (0, 3):
        length = np.linalg.norm(before[n].astype(float), p)
        expected = before[n].astype(float) * min(
            1.0, max_norm / (length + 1e-7 * (compat is not None)) if length > max_norm else 1.0
        )
        assert ulps(table[n], expected).max() <= (HALF_ROUNDED if compat else 2.0)
        assert compat or np.linalg.norm(table[n].astype(float), p) <= max_norm * (1 + 1e-15)


# ---- initializers


@pytest.mark.parametrize(
    "name", ["normal", "uniform", "xavier_uniform", "xavier_normal_norm", "init_phases", "orthogonal", "eye", "trunc_normal"]
)
def test_initializers_draw_in_single_precision_and_round_once(name):
    draw = initializer(name)
    assert naive.same_bits(draw(7, (30, 4), HALF), draw(7, (30, 4), SINGLE).astype(HALF))
    assert draw(7, (30, 4), HALF).dtype == HALF


def test_initial_numbers_beyond_what_sixteen_bits_hold_are_refused():
    for options, said in (({"val": 1e5}, "initializer: constant drew 100000; allowed: up to 65504, all that float16 holds"),):
        with pytest.raises(ValueError, match=said):
            initializer("constant", options)(0, (2, 2), HALF)
    with pytest.raises(ValueError, match="pretrained: tensor has entries beyond what float16 holds; allowed: up to 65504"):
        Embedding(1, 1, initializer=np.array([[1e5]]), dtype=HALF)
    assert initializer("constant", {"val": INF})(0, (1, 1), HALF).tolist() == [[INF]]


# ---- layers


def test_a_layer_with_everything():
    made = dict(max_id=6, embedding_dim=4, dtype=HALF, rng=0, normalizer="normalize", normalizer_kwargs={"zero_row": "stop"},
                constrainer="clamp_norm", constrainer_kwargs={"maxnorm": 2.0})  # fmt: skip
    layer = Embedding(**made, dropout=0.25, regularizer="lp", max_norm=1.5, scale_grad_by_freq=True, padding_idx=1)
    assert "dtype=float16" in repr(layer)
    out = layer([0, 1, 5, 5])
    assert out.dtype == HALF
    assert isinstance(layer.regularization_term, SINGLE.type)
    assert isinstance(Embedding(**made).pop_regularization_term(), SINGLE.type)
    gradient = layer.backward(np.ones_like(out))
    layer.pop_regularization_term()
    assert isinstance(layer.regularization_term, SINGLE.type)
    assert gradient.dtype == layer.grad.dtype == HALF
    assert gradient.rows.tolist() == [0, 5]
    with pytest.raises(TypeError, match="grad_output has dtype float32; allowed: float16, the dtype of the output"):
        layer.vjp([0])[1](np.ones((1, 4), SINGLE))
    OPTIMIZERS["sgd"].step_(layer.weight, gradient, lr=0.1)
    layer.post_parameter_update()
    state = layer.state_dict()
    assert state["_embeddings.weight"].dtype == HALF
    other = Embedding(6, 4, dtype=HALF)
    other.load_state_dict({"_embeddings.weight": state["_embeddings.weight"]})
    assert naive.same_bits(other.weight, layer.weight)
    with pytest.raises(TypeError, match=r"weight'\] has dtype float16; allowed: float32"):
        Embedding(6, 4).load_state_dict({"_embeddings.weight": state["_embeddings.weight"]})
    assert Embedding.from_pretrained(layer.weight).dtype == HALF


def test_scaling_by_frequency_divides_in_single_precision():
    layer, g = Embedding(2, 1, dtype=HALF, scale_grad_by_freq=True), np.array([[1.0], [2.0], [4.0]], HALF)
    assert layer.vjp([1, 1, 1])[1](g).values.tolist() == [
        [float(HALF.type(sum(np.float32(HALF.type(v / 3)) for v in (1, 2, 4))))]
    ]
    many = np.ones((70_000, 1), HALF)  # more than float16 holds
    assert layer.vjp(np.ones(len(many), int))[1](many).values.item() == pytest.approx(1, rel=0.01)


def test_a_bag_layer():
    layer = EmbeddingBag(6, 4, dtype=HALF, mode="sum", rng=0)
    weights = np.array([[0.5, 3.0]], HALF)
    out = layer([[0, 5]], per_sample_weights=weights)
    assert naive.same_bits(out[0], (0.5 * layer.weight[0].astype(float) + 3.0 * layer.weight[5]).astype(HALF))
    gradient, dweights = layer.backward(np.ones_like(out))
    assert (gradient.dtype, dweights.dtype) == (HALF, HALF)


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", np.longdouble, ">f2"])
def test_other_short_dtypes_are_refused(dtype):
    with pytest.raises(TypeError, match=r"Embedding: dtype = .*; allowed: float32, float64, complex64, complex128 or float16"):
        Embedding(2, 2, dtype=dtype)
    if dtype == "bfloat16":
        with pytest.raises(TypeError, match="Embedding: dtype = 'bfloat16' is no dtype of NumPy's own"):
            Embedding(2, 2, dtype=dtype)


# ---- models


def model_of(interaction, dtype, **more):
    rows = {"embedding_dim": 8, "dtype": dtype, "initializer": "xavier_uniform", **more}
    return ERModel(triples_factory=Nations().training, interaction=interaction, random_seed=0, loss="softplus",
                   entity_representations_kwargs=rows, relation_representations_kwargs=rows)  # fmt: skip


def test_a_rate_need_not_fit_in_sixteen_bits():
    model = model_of("distmult", HALF)
    assert list(fit(model, Nations().training.mapped_triples, epochs=0, lr=1e6)) == []


@pytest.mark.long
@pytest.mark.parametrize("loop", ["slcwa", "lcwa"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_model_learns(loop, optimizer):
    lr = 0.5 if optimizer == "sgd" else 0.01
    runs = []
    for dtype in (HALF, SINGLE):
        model = model_of("distmult", dtype, regularizer="lp", regularizer_kwargs={"weight": 0.001})
        runs.append(
            [
                epoch.loss
                for epoch in fit(model, Nations().training.mapped_triples, epochs=6, lr=lr, loop=loop, optimizer=optimizer)
            ]
        )
        assert {layer.weight.dtype for layer in model.layers} == {np.dtype(dtype)}
    (first, *_, last), (first32, *_, last32) = runs
    assert first - last > 0.9 * (first32 - last32) > 0


@pytest.mark.parametrize(
    ("name", "options"), [("transe", {"p": 1}), ("transe", {"p": 2}), ("transe", {"p": 3}), ("distmult", {})]
)
@pytest.mark.parametrize("normalizer", [None, "normalize"])
def test_scores_are_single_and_the_engines_agree(name, options, normalizer):
    model = model_of(name, HALF, normalizer=normalizer)
    model.interaction = INTERACTIONS[name].bind(**options)
    rows = [
        layer.weight.astype(SINGLE) if normalizer is None else normalize(layer.weight).astype(SINGLE) for layer in model.layers
    ]
    expected = model.interaction.forward(rows[0][[0, 1]][:, None], rows[1][[2, 3]][:, None], rows[0])
    for engine in ("layered", "fused"):
        found = model.score_t([[0, 2], [1, 3]], engine=engine)
        assert found.dtype == SINGLE
        np.testing.assert_allclose(found, expected, rtol=2e-7)
    with model.held():
        np.testing.assert_array_equal(model.score_h([[2, 1]], engine="fused"), model.score_h([[2, 1]], engine="fused"))


@pytest.mark.parametrize("side", ["head", "relation", "tail"])
@pytest.mark.parametrize(("name", "options"), [("transe", {"p": 1}), ("transe", {"p": 2}), ("distmult", {})])
def test_the_fused_engine_scores_short_rows(name, options, side):
    rng, op = np.random.default_rng(5), INTERACTIONS[name].bind(**options)
    rows = [some(rng, (300 if other == side else 3, 7)) for other in ("head", "relation", "tail")]
    spread = [x if other == side else x[:, None] for other, x in zip(("head", "relation", "tail"), rows, strict=True)]
    with np.errstate(over="ignore"):
        found = score_all(*rows, interaction=op, side=side)
        assert naive.same_bits(found, op.forward(*spread))
    assert found.dtype == HALF


def test_scores_of_short_rows_are_rounded_once():
    """1 + 2**-11 + 2**-30 is beyond half way, which float32 would not see."""
    rows = [np.array([row], HALF) for row in ([1.0, 1.0, 2.0**-15], [1.0, 2.0**-11, 2.0**-15], [1.0, 1.0, 1.0])]
    for found in (score_all(*rows, interaction=INTERACTIONS["distmult"], side="tail"), INTERACTIONS["distmult"].forward(*rows)):
        assert np.ravel(found).tolist() == [1.0 + 2.0**-10]


def test_a_run_is_evaluated_saved_loaded_and_gone_on_with(tmp_path):
    rows = {"embedding_dim": 8, "dtype": "float16", "normalizer": "normalize"}
    kwargs = {"entity_representations_kwargs": rows, "relation_representations_kwargs": rows}
    result = pipeline(dataset="nations", interaction="transe", model_kwargs=kwargs, epochs=2, random_seed=0)
    model, known = result.model, [Nations().training.mapped_triples]
    fused, layered = (
        evaluate(model, Nations().testing.mapped_triples, known=known, engine=engine) for engine in ("fused", "layered")
    )
    assert metric(fused, "mrr") == pytest.approx(metric(layered, "mrr"), rel=0.01)
    result.save_to_directory(tmp_path / "run")
    again = load(tmp_path / "run")
    for a, b in zip(model.layers, again.model.layers, strict=True):
        assert b.weight.dtype == HALF
        assert naive.same_bits(a.weight, b.weight)
    result.train(1)
    again.train(1)
    assert again.losses == result.losses
    for a, b in zip(model.layers, again.model.layers, strict=True):
        assert naive.same_bits(a.weight, b.weight)
