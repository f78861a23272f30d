"""The judge is judged: wrong gradients are called wrong, right ones never, and what cannot be seen is said not to be."""

import math

import gradient_pairs as pairs
import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recipes import RECIPES, with_entries
from test_registries import OPS
from tolerances import JUDGED_EXP

from npembed.embedding.row_maps import NORMALIZERS
from npembed.embedding.rows import GATHER
from npembed.verify.gradcheck import (
    BELOW_RESOLUTION,
    INTENTIONAL,
    NOT_DIFFERENTIABLE,
    RIGHT,
    VERDICTS,
    WRONG,
    judge,
    padding,
    scaled_by_frequency,
    without,
)
from npembed.verify.gradcheck.limits import limit, steps
from npembed.verify.gradcheck.line import Line

NORMALIZE = NORMALIZERS["normalize"]
IDS = np.array([[1, 1, 0], [2, 1, 0]])
MATRIX = np.arange(1.0, 13).reshape(4, 3)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def length(x):
    return np.sqrt((x * x).sum(-1))


def largest_vjp(g, x):
    equals = x == x.max(-1, keepdims=True)
    return g[..., None] * equals / equals.sum(-1, keepdims=True)


def lookup(table):
    return table[IDS]


def lookup_vjp(g, table):
    d = np.zeros_like(table)
    np.add.at(d, IDS, g)
    return d


REAL = {
    "tanh": (np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2)),
    "exp": (np.exp, lambda g, x: g * np.exp(x)),
    "reciprocal": (lambda x: 1 / x, lambda g, x: -g / x**2),
    "square": (np.square, lambda g, x: 2 * g * x),
    "cube": (lambda x: x**3, lambda g, x: 3 * g * x * x),
    "sigmoid": (sigmoid, lambda g, x: g * sigmoid(x) * sigmoid(-x)),
    "sine": (np.sin, lambda g, x: g * np.cos(x)),
    "size": (np.abs, lambda g, x: g * np.sign(x)),
    "relu": (lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0)),
    "sum": (lambda x: x.sum(), lambda g, x: g * np.ones_like(x)),
    "product": (lambda x: x @ MATRIX, lambda g, x: g @ MATRIX.T),
    "largest": (lambda x: x.max(-1), largest_vjp),
    "length": (length, lambda g, x: (g / length(x))[..., None] * x),
    "normalize": (NORMALIZE.forward, NORMALIZE.vjp),
    "softmax": NORMALIZERS["softmax"],
    "lookup": (lookup, lookup_vjp),
}
COMPLEX = {
    "cube": (lambda z: z**3, lambda g, z: 3 * g * np.conj(z) ** 2),
    "modulus": (np.abs, lambda g, z: g * z / np.abs(z)),
    "conjugate": (np.conj, lambda g, z: np.conj(g)),
    "mixed": (lambda z: z * z * np.conj(z), lambda g, z: 2 * g * np.abs(z) ** 2 + np.conj(g) * z * z),
    "real part": (np.real, lambda g, z: g + 0j),
}
ALTERED = {
    "sign": lambda d: -d,
    "factor 2": lambda d: 2 * d,
    "factor 1.0005": lambda d: 1.0005 * d,
    "factor 1 + 1e-6": lambda d: (1 + 1e-6) * d,
    "nothing": lambda d: 0 * d,
    "wrong index": lambda d: np.roll(d, 1, -1),
    "one sign": lambda d: d * np.where(np.abs(d) == np.abs(d).max(), -1, 1),
    "not a number": lambda d: d * np.nan,
}


def wrong(vjp, change):
    return lambda g, *args, **options: change(vjp(g, *args, **options))


def verdicts(judgement):
    return {entry.verdict for entry in judgement.entries}


def table(scale=1.0, seed=0):
    return naive.rows(np.random.default_rng(seed), (3, 4)) * scale


# ---- wrong gradients


@pytest.mark.parametrize("change", ALTERED)
@pytest.mark.parametrize("name", REAL)
def test_a_wrong_gradient_is_called_wrong(name, change):
    forward, vjp = REAL[name]
    x = table() if name == "lookup" else table()[:1]
    assert judge(forward, vjp, x).verdict == RIGHT
    judged = judge(forward, wrong(vjp, ALTERED[change]), x)
    if name == "sum" and change == "wrong index":
        assert np.ptp(vjp(1.0, x)) == 0  # all entries are the same
        return
    assert judged.verdict == WRONG
    entry = judged.entries[0]
    assert entry.verdict == WRONG
    assert not abs(entry.claimed - entry.found) <= entry.resolution


@pytest.mark.parametrize("change", [*ALTERED, "conj", "i"])
@pytest.mark.parametrize("name", COMPLEX)
def test_a_wrong_complex_gradient_is_called_wrong(name, change):
    forward, vjp = COMPLEX[name]
    z = naive.rows(np.random.default_rng(1), (1, 3), complex)
    assert judge(forward, vjp, z).verdict == RIGHT
    if (name, change) == ("real part", "conj"):
        return  # it is real
    assert judge(forward, wrong(vjp, {**ALTERED, "conj": np.conj, "i": lambda d: 1j * d}[change]), z).verdict == WRONG


def test_a_dropped_term_and_a_wrong_argument_of_two():
    x, y = table(seed=2), table(seed=3)
    right = lambda g, x, y: (g * np.exp(y) + g, g * x * np.exp(y))  # noqa: E731
    forward = lambda x, y: x * np.exp(y) + x  # noqa: E731
    assert judge(forward, right, x, y).verdict == RIGHT
    dropped = judge(forward, lambda g, x, y: (g * np.exp(y), g * x * np.exp(y)), x, y)
    assert {e.argument for e in dropped.entries if e.verdict == WRONG} == {"x"}
    assert judge(forward, lambda g, x, y: right(g, x, y)[::-1], x, y).verdict == WRONG


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1e6, 1e200])
def test_a_flipped_sign_of_a_tiny_or_huge_gradient_is_found(scale):
    """A check with an absolute tolerance lets the sign of a gradient of 1e-6 pass: rows of norm 1e6."""
    x = table(scale)[:1]
    assert judge(NORMALIZE.forward, NORMALIZE.vjp, x, eps=0).verdict == RIGHT
    for change in ("sign", "factor 1 + 1e-6", "one sign"):
        assert judge(NORMALIZE.forward, wrong(NORMALIZE.vjp, ALTERED[change]), x, eps=0).verdict == WRONG


def test_a_table_of_rows_of_all_sizes():
    x = table() * np.array([[1e200], [1.0], [1e-200]])
    for forward, vjp, options in ((*NORMALIZE, {"eps": 0}), (lookup, lookup_vjp, {})):
        assert judge(forward, vjp, x, **options).verdict == RIGHT
        flipped = judge(forward, wrong(vjp, np.negative), x, **options)
        assert verdicts(flipped) == {WRONG}


def test_the_canary_dies():
    """Whatever else is right: an error of one part in a thousand in one entry out of twelve."""
    spoilt = np.ones((3, 4))
    spoilt[1, 2] = 1.001
    judged = judge(np.tanh, wrong(REAL["tanh"][1], lambda d: spoilt * d), table())
    assert judged.verdict == WRONG
    assert [entry.position for entry in judged.entries if entry.verdict == WRONG] == [(1, 2)]


# ---- right gradients


@given(
    st.sampled_from(sorted(REAL)), st.integers(-200, 200), st.integers(0, 2**32 - 1), st.sampled_from(["dense", "zeros", "whole"])
)
def test_a_right_gradient_is_never_called_wrong(name, power, seed, kind):
    """At any scale, with zeros and ties: below resolution or at a kink at most."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, 4))
    x = {"dense": x, "zeros": x * (rng.random(x.shape) < 0.6), "whole": np.round(2 * x)}[kind] * 10.0**power
    forward, vjp = REAL[name]
    with np.errstate(all="ignore"):
        finite = np.isfinite(vjp(np.ones_like(forward(x)), x)).all()
        found = [e for e in judge(forward, vjp, x, rng=seed).entries if e.verdict == WRONG]
    assert not found or not finite  # naive formulas give NaN where they underflow: that is wrong


@given(st.sampled_from(sorted(COMPLEX)), st.integers(-100, 90), st.integers(0, 2**32 - 1))
def test_a_right_complex_gradient_is_never_called_wrong(name, power, seed):
    z = naive.rows(np.random.default_rng(seed), (2, 3), complex) * 10.0**power
    assert WRONG not in verdicts(judge(*COMPLEX[name], z, rng=seed))


@pytest.mark.parametrize("name", [name for name in OPS if name != "score"])
def test_every_registered_gradient_is_right(name):
    """At some cases of each recipe; that of `score` has gradients that cancel to rounding, which nothing can see."""
    for i, (args, options) in enumerate(with_entries(list(RECIPES[name](np.random.default_rng(20)))[::30])):
        judged = judge(*OPS[name], *args, rng=30 * i, entries=2, **options)
        assert judged.verdict == RIGHT, str(judged)


@pytest.mark.long
@pytest.mark.parametrize("scale", [1e-9, 1.0, 3.0])
def test_single_precision_is_seen_to_some_digits(scale):
    x = table(scale).astype(np.float32)
    for name in ("tanh", "square", "normalize", "length"):
        forward, vjp = REAL[name]
        assert verdicts(judge(forward, vjp, x)) <= {RIGHT, BELOW_RESOLUTION}
        assert judge(forward, wrong(vjp, np.negative), x).verdict in (WRONG, BELOW_RESOLUTION)
    assert judge(lambda x: x.astype(np.float32) ** 3, REAL["cube"][1], table()).verdict == RIGHT  # it is short only inside


# ---- kinks


@pytest.mark.parametrize("slope", [0.0, 0.3, 0.5, 1.0])
def test_every_convention_at_a_kink_is_allowed(slope):
    x = np.array([-1.0, 0.0, 2.0])
    judged = judge(lambda x: np.maximum(x, 0), lambda g, x: g * np.where(x == 0, slope, x > 0), x)
    assert judged.verdict == NOT_DIFFERENTIABLE
    entry = judged.entries[0]
    assert entry.position == (1,)
    assert entry.near < 1e-12
    assert sorted(map(abs, entry.slopes)) == pytest.approx([0.0, max(map(abs, entry.slopes))], abs=entry.resolution)
    assert [e.verdict for e in judged.entries[1:]] == [RIGHT, RIGHT]


@pytest.mark.parametrize("slope", [-0.1, 1.01, 3.0, math.nan, math.inf])
def test_beyond_both_slopes_it_is_wrong(slope):
    judged = judge(lambda x: np.maximum(x, 0), lambda g, x: g * np.where(x == 0, slope, x > 0), np.array([-1.0, 0.0, 2.0]))
    assert judged.verdict == WRONG
    assert judged.entries[0].position == (1,)
    assert "beyond a kink within" in judged.entries[0].reason


@pytest.mark.parametrize("distance", [1e-2, 1e-5, 1e-8, 1e-12])
def test_beside_a_kink_the_steps_get_out_of_its_way(distance):
    x = np.array([distance, -distance, 1.0])
    assert judge(*REAL["size"], x).verdict == RIGHT
    for change in ("sign", "nothing", "factor 1.0005"):
        judged = judge(np.abs, wrong(REAL["size"][1], ALTERED[change]), x)
        assert [e.verdict for e in judged.entries] == [WRONG] * 3


def test_bounds_of_clamp_ties_and_zero_rows():
    clamp = NORMALIZERS["clamp"]
    for edge in ("pass", "stop", "half"):
        judged = judge(*clamp, np.array([0.0, 0.5, 1.0]), min=0, max=1, edge=edge)
        assert [e.verdict for e in judged.entries] == [NOT_DIFFERENTIABLE, NOT_DIFFERENTIABLE, RIGHT]
    tie = judge(*REAL["largest"], np.array([[2.0, 2.0, 1.0]]))
    assert [e.verdict for e in tie.entries] == [NOT_DIFFERENTIABLE, NOT_DIFFERENTIABLE, RIGHT]
    assert judge(length, lambda g, x: np.zeros_like(x), np.zeros((1, 3))).verdict == NOT_DIFFERENTIABLE
    assert judge(*NORMALIZE, np.zeros((1, 3))).verdict == RIGHT  # eps makes it smooth
    assert judge(*NORMALIZE, np.zeros((1, 3)), eps=0).verdict in (NOT_DIFFERENTIABLE, BELOW_RESOLUTION)


@pytest.mark.parametrize("forward", [np.cbrt, np.sqrt, np.round, np.sign, lambda x: np.sqrt(np.abs(x))])
def test_where_there_is_no_slope_none_is_asked_for(forward):
    x = np.array([0.5 if forward is np.round else 0.0])
    assert judge(forward, lambda g, x: 0 * x, x).verdict == NOT_DIFFERENTIABLE


# ---- below resolution


@pytest.mark.parametrize("factor", [1.0, -1.0, 1.1, 0.0])
def test_what_rounding_hides_is_neither_right_nor_wrong(factor):
    judged = judge(lambda x: 1e14 + np.real(x), lambda g, x: factor * g, np.array([1.0, 2.0]))
    assert judged.verdict == BELOW_RESOLUTION
    assert "could be seen from" in judged.entries[0].reason
    scale = float(judged.entries[0].reason.split(" from ")[1].split(" on")[0])
    seen = judge(lambda x: 1e14 + 2 * scale * np.real(x), lambda g, x: 2 * scale * factor * g, np.array([1.0, 2.0]))
    assert seen.verdict == (RIGHT if factor == 1 else WRONG)


def test_rounding_inside_the_forward_pass_is_no_wrong_gradient():
    x = table()
    shifted = lambda x: 1e8 * x - 99_999_999 * x  # noqa: E731
    for seed in range(5):
        assert WRONG not in verdicts(judge(shifted, lambda g, x: g, x, rng=seed))
        assert WRONG not in verdicts(judge(lambda x: x + 1e14 - 1e14, lambda g, x: g, x, rng=seed))
        assert judge(shifted, lambda g, x: 1.001 * g, x, rng=seed).verdict == WRONG


def test_what_underflows_and_what_oscillates_is_not_seen():
    assert judge(*REAL["square"], np.array([1e-200])).verdict == BELOW_RESOLUTION
    assert judge(*REAL["sine"], np.array([1e200])).verdict == BELOW_RESOLUTION
    assert judge(lambda x: np.sin(1e6 * x), lambda g, x: 1e6 * g * np.cos(1e6 * x), table()).verdict == RIGHT
    assert judge(lambda x: np.sin(1e6 * x), lambda g, x: 0 * x, table()).verdict == WRONG
    assert judge(np.exp, REAL["exp"][1], np.array([800.0])).verdict == BELOW_RESOLUTION


def test_a_row_that_is_not_finite_does_not_hide_the_others():
    x = table()
    x[1, 2] = np.inf
    vjp = REAL["square"][1]
    judged = judge(*REAL["square"], x)
    assert [e.position for e in judged.entries if e.verdict != RIGHT] == [(1, 2)]
    flipped = judge(REAL["square"][0], wrong(vjp, lambda d: d * [[1.0], [1.0], [-1.0]]), x)
    assert {e.position[0] for e in flipped.entries if e.verdict == WRONG} == {2}


def test_one_look_does_not_accuse(monkeypatch):
    """What only the first steps contradict is not called wrong."""
    look = Line.look

    def lies(line, deep=False, shift=1.0):
        seen = look(line, deep, shift)
        return seen._replace(slope=seen.slope._replace(value=seen.slope.value + 1)) if shift == 1.0 else seen

    monkeypatch.setattr(Line, "look", lies)
    assert judge(*REAL["size"], table()).verdict == BELOW_RESOLUTION
    assert judge(REAL["size"][0], wrong(REAL["size"][1], ALTERED["sign"]), table()).verdict == WRONG


# ---- a table of pairs, sound and wrong


@pytest.mark.parametrize("name", pairs.SOUND)
def test_a_sound_pair_raises_no_alarm(name):
    judged = judge(*pairs.SOUND[name])
    assert judged.verdict in (RIGHT, NOT_DIFFERENTIABLE), str(judged)


@pytest.mark.parametrize("name", pairs.FAINT)
def test_what_is_sound_and_faint_is_not_called_wrong(name):
    assert WRONG not in verdicts(judge(*pairs.FAINT[name]))


@pytest.mark.long
@pytest.mark.parametrize("name", [*pairs.SHORT, *pairs.AT_KINKS, *pairs.PLAIN])
def test_a_wrong_pair_is_found(name):
    judged = judge(*{**pairs.SHORT, **pairs.AT_KINKS, **pairs.PLAIN}[name])
    assert judged.verdict == WRONG, str(judged)


@pytest.mark.parametrize("name", pairs.HALVED)
def test_a_halved_precision_is_told(name):
    judged = judge(*pairs.HALVED[name])
    assert judged.verdict == WRONG
    assert "its precision was halved: all of d" in str(judged)


@pytest.mark.parametrize("name", pairs.STATEFUL)
def test_what_is_changed_or_remembered_is_wrong(name):
    made, said = pairs.STATEFUL[name]
    judged = judge(*made())
    assert judged.verdict == WRONG
    assert said in judged.reason


def test_options_are_left_alone_too():
    def scaled_vjp(g, x, *, by):
        by += 1
        return g * (by - 1)

    said = "scaled_vjp changes an option in place; must leave it alone"
    assert judge(lambda x, *, by: x * by, scaled_vjp, table(), by=np.full(4, 2.0)).reason == said


def test_the_claim_of_two_where_the_slope_is_one():
    """Of max at (2, 2, 1) the claim (1, 1, 0): along (1, 1, 0) the slope is 1, whatever the convention."""
    judged = judge(*pairs.AT_KINKS["max, all"])
    (entry,) = [entry for entry in judged.entries if entry.verdict == WRONG]
    assert (entry.position, entry.label) == (None, "dx along a direction")
    assert abs(entry.claimed / entry.found) == pytest.approx(2, rel=1e-9)
    assert "entries moved together" in entry.reason
    assert [e.verdict for e in judged.entries[1:]] == [NOT_DIFFERENTIABLE, NOT_DIFFERENTIABLE, RIGHT]


def test_where_no_entry_has_a_slope_nothing_was_checked():
    judged = judge(np.sign, lambda g, x: 77 * g, np.zeros(3))
    assert (judged.verdict, judged.checked) == (NOT_DIFFERENTIABLE, 0)
    assert "nothing was checked" in str(judged)
    kink = judge(*REAL["relu"], np.zeros(3))
    assert (kink.verdict, kink.checked) == (NOT_DIFFERENTIABLE, 3)


# ---- the complex step


def test_the_complex_step_confirms_and_accuses_only_where_it_is_trusted():
    x, barely = table(), wrong(REAL["tanh"][1], lambda d: (1 + 1e-13) * d)
    assert {e.method for e in judge(*REAL["tanh"], x).entries} == {"complex step"}
    assert judge(np.tanh, barely, x).verdict == RIGHT  # that is more than differences see
    assert judge(np.tanh, barely, x, analytic=True).verdict == WRONG
    assert judge(*REAL["tanh"], x, analytic=True).arguments[0].worst_ulp < 64
    assert {e.method for e in judge(*REAL["size"], x, analytic=True).entries} == {"differences"}
    assert judge(lambda x: 1e14 + x, lambda g, x: g, x).verdict == RIGHT  # differences see nothing of it
    assert judge(lambda x: 1e14 + x, lambda g, x: -g, x).verdict == BELOW_RESOLUTION
    assert judge(lambda x: 1e14 + x, lambda g, x: -g, x, analytic=True).verdict == WRONG


# ---- intentions


def padded(g, weight):
    d = lookup_vjp(g, weight)
    d[0] = 0
    return d


def test_padding_and_frequency_scaling_are_known_once_they_are_named():
    x, counts = table(), np.bincount(IDS.ravel())[:, None]
    both = lambda g, weight: padded(g, weight) / counts  # noqa: E731
    zero, scaled = padding(0), scaled_by_frequency(IDS)
    assert judge(lookup, padded, x).verdict == WRONG
    assert judge(lookup, padded, x, intentional={"padding_idx": zero}).verdict == INTENTIONAL
    assert judge(lookup, both, x, intentional={"padding_idx": zero}).verdict == WRONG
    judged = judge(lookup, both, x, intentional={"padding_idx": zero, "scale_grad_by_freq": scaled})
    assert judged.verdict == INTENTIONAL
    assert judged.reason == "explained by padding_idx, scale_grad_by_freq"
    assert sum(e.verdict == RIGHT for e in judged.entries) == 4  # the row that is looked up once
    leak = judge(lookup, lookup_vjp, x, intentional={"padding_idx": zero})
    assert leak.verdict == WRONG
    assert "the gradient itself, not what it is meant to be" in leak.entries[0].reason
    assert {e.position[0] for e in leak.entries if e.verdict == WRONG} == {0}


def test_a_constrainer_is_no_part_of_the_gradient():
    """What is looked up is shortened first, as max_norm and constrainers do; what is pulled back is the lookup alone."""
    x = table(3.0)
    forward = lambda weight: lookup(NORMALIZE.forward(weight))  # noqa: E731
    assert judge(forward, lookup_vjp, x).verdict == WRONG
    judged = judge(forward, lookup_vjp, x, intentional={"constrainer": without(lookup)})
    assert judged.verdict == INTENTIONAL
    assert "explained by constrainer" in str(judged)


# ---- large arguments, several projections


def test_one_wrong_entry_of_many_is_found():
    x = naive.rows(np.random.default_rng(5), (60, 50))
    spoilt = np.ones((60, 50))
    spoilt[13, 17] = -1
    judged = judge(lambda x: np.tanh(x), wrong(REAL["tanh"][1], lambda d: spoilt * d), x, entries=5)
    assert judged.verdict == WRONG
    assert judged.entries[0].label == "dx[13, 17]"
    right = judge(*REAL["tanh"], x, entries=5)
    assert (right.verdict, right.arguments[0].rest, len(right.entries)) == (RIGHT, RIGHT, 5)
    assert len(judge(*REAL["tanh"], x[:5], entries=None).entries) == 250
    assert len(judge(*REAL["tanh"], x[:1], projections=3).entries) == 150


def test_the_same_seed_gives_the_same_judgement():
    assert str(judge(*REAL["length"], table(), rng=4)) == str(judge(*REAL["length"], table(), rng=4))
    assert str(judge(*REAL["length"], table(), rng=4)) != str(judge(*REAL["length"], table(), rng=5))


# ---- the gradient as a whole


@pytest.mark.parametrize(
    ("vjp", "said"),
    [
        (lambda g, x, y: g * y, "1 gradients for 2 differentiable arguments"),
        (lambda g, x, y: ((g * y)[0], g * x), r"dx has shape (4,); must be (3, 4), the shape of x"),
        (lambda g, x, y: (g * y, 1j * g * x), "dy has dtype complex128; must be real, as y is"),
        (lambda g, x, y: (g * np.multiply(y, 2, out=y), g * x), "<lambda> changes y in place; must leave it alone"),
    ],
)
def test_what_is_wrong_as_a_whole(vjp, said):
    x, y = table(), table(seed=8)
    judged = judge(lambda x, y: x * y, vjp, x, y)
    assert (judged.verdict, judged.reason) == (WRONG, said)
    assert said in str(judged)
    assert naive.same_bits(y, table(seed=8))


def test_none_is_zero_and_integers_and_row_sparse_gradients_are_understood():
    x = table()
    assert judge(*GATHER, x, IDS).verdict == RIGHT
    assert judge(lambda x, y: 2 * x, lambda g, x, y: (2 * g, None), x, x).verdict == RIGHT
    assert judge(lambda x, y: 2 * x + y, lambda g, x, y: [2 * g, None], x, x).verdict == WRONG
    assert judge(*REAL["square"], np.array(3.0)).entries[0].label == "dx"


def test_the_report_names_function_argument_entry_values_and_errors():
    def tanh_vjp(g, x):
        return -REAL["tanh"][1](g, x)

    judged = judge(np.tanh, tanh_vjp, table())
    text = str(judged)
    first = judged.entries[0]
    assert text.startswith("tanh_vjp as the gradient of tanh: wrong\n")
    assert f"{first.label}  " in text
    assert f"{first.claimed:.9g}" in text
    assert f"{first.found:.9g}" in text
    assert "norm-wise error 2.0e+00" in text
    assert "and 7 more" in text
    assert first.ulp == abs(first.claimed - first.found) / np.spacing(abs(first.found))
    assert set(VERDICTS) == {RIGHT, WRONG, NOT_DIFFERENTIABLE, BELOW_RESOLUTION, INTENTIONAL}


# ---- limits


@pytest.mark.parametrize("seed", range(20))
def test_a_limit_is_within_its_error(seed):
    x = np.random.default_rng(seed).normal()
    h = steps([max(abs(x), 0.1)])
    values = [(np.exp(x + s) - np.exp(x - s)) / (2 * s) for s in h]
    found = limit(h, values, [4e-16 * np.exp(x) / s for s in h], 2)
    assert abs(found.value - np.exp(x)) <= found.error <= JUDGED_EXP * np.exp(x)


# ---- bad input


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: judge(np.tanh, "x", table()), TypeError, "judge: vjp is a str; allowed: a function"),
        (lambda: judge(*REAL["tanh"], table(), entries=0), ValueError, "judge: entries = 0 is out of range"),
        (lambda: judge(*REAL["tanh"], table(), projections=0), ValueError, "judge: projections = 0 is out of range"),
        (lambda: judge(*REAL["tanh"], table(), analytic="yes"), ValueError, "judge: analytic = 'yes' is not a choice"),
        (lambda: judge(*REAL["tanh"], table(), intentional=padding(0)), TypeError, "judge: intentional = .* allowed: a dict"),
        (
            lambda: judge(*REAL["square"], np.zeros((0, 3))),
            ValueError,
            "judge: args have no entry to check; allowed: an array of floats",
        ),
        (lambda: judge(*REAL["square"], np.arange(3)), ValueError, "judge: args have no entry to check"),
        (lambda: judge(lambda x: "?", np.tanh, table()), TypeError, r"judge: forward\(\.\.\.\) has dtype <U1; allowed: an array"),
        (lambda: padding(0, argument=-1), ValueError, "padding: argument = -1 is out of range"),
        (
            lambda: judge(lookup, padded, table(), intentional={"": scaled_by_frequency([7])}),
            IndexError,
            r"ids\[0\] = 7 is outside",
        ),
    ],
)
def test_bad_input_is_refused(call, error, said):
    with pytest.raises(error, match=said):
        call()
