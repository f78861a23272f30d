"""Would a wrong gradient be noticed? Every hand-written one is broken in every small way, and each time a test must fail.

The killers are those of the suite: the gradient checks and literal numbers of the registries and row maps. A mutant that no input can
tell from the original is listed in `EQUIVALENT`, with the reason.
"""

import functools

import mutants
import naive
import numpy as np
import pytest
import test_interactions
import test_optimizers
import test_registries
import test_row_maps

from npembed import embedding, kernels, losses, model, op, optimizers, rows
from npembed.gradcheck import check_vjp
from npembed.interactions import complex_bilinear_vjp, distmult_vjp, rotate_vjp, transe_vjp
from npembed.kernels import plain
from npembed.optimizers import adagrad, adam, sgd
from npembed.representations import mixing
from npembed.row_maps import bounds, normalize_vjp, norms, softmax_vjp
from npembed.row_maps.normalize import complex_normalize_vjp, over_eps, unit_vjp
from npembed.rows import RowSparse

# ---- killers


def gradients(name):
    """The gradient checks of one op at the cases of its recipe, a few entries of each."""
    test_registries.check_gradients(name, entries=6)


def literals(name):
    """The literal numbers for one function, of row maps and of registries."""
    cases = [case for case in test_row_maps.LITERALS if case[0].__name__ == name]
    for case in cases:
        test_row_maps.check_literal(*case)
    for case in test_registries.LITERALS:
        if case[0] == name:
            test_registries.check_literal(*case)


def extremes():
    """Rows that are huge, tiny or not finite, and the bound itself."""
    test_row_maps.test_rows_that_are_not_finite(np.nan, np.float64)
    test_row_maps.test_large_rows(2, np.float64, 1e200)
    test_row_maps.test_small_rows(2, np.float64, 1e-200)
    test_row_maps.test_subnormal_rows_have_length_one_without_eps()
    test_row_maps.test_one_ulp_on_either_side_of_eps_and_maxnorm()
    test_row_maps.test_a_division_by_eps_is_rounded_once()
    test_row_maps.test_what_would_overflow_is_not_computed()


def whole_model():
    """Few cases of the whole model, with dropout and two different normalizers."""
    test_registries.test_the_loss_of_the_whole_model_by_hand()
    test_registries.test_heads_relations_and_tails_reach_the_interaction_in_this_order()
    test_registries.test_gradient_of_the_whole_model_entry_by_entry()


def scatter():
    """gather_vjp against a loop, with repeats, for every dtype."""
    rng = np.random.default_rng(40)
    for dtype in (np.float32, np.complex128):
        for ids in (np.array([[3, 0, 3], [1, 4, 3]]), np.array(2), np.zeros((2, 0), int)):
            g = naive.uneven(rng, (*ids.shape, 2, 3), dtype)
            expected = naive.scatter_add(np.zeros((5, 2, 3), dtype), ids, g)
            assert naive.same_bits(rows.gather_vjp(g, np.zeros((5, 2, 3), dtype), ids).to_dense(), expected)
            assert naive.same_bits(rows.gather_vjp(g, np.zeros((5, 2, 3), dtype), ids, backend="python").to_dense(), expected)
    with pytest.raises(IndexError):
        rows.gather_vjp(np.zeros((1, 2)), np.zeros((5, 2)), [5])


def broadcasting():
    """op.unbroadcast on every way that an argument is broadcast."""
    for shape, small in (
        ((5, 3), (1, 3)),
        ((5, 3), (3,)),
        ((2, 4, 3), (2, 1, 3)),
        ((2, 4, 3), (1, 1, 3)),
        ((5, 3), (5, 3)),
        ((0, 3), (1, 3)),
    ):
        expected = np.zeros(small)
        d = naive.rows(np.random.default_rng(41), shape)
        for i in np.ndindex(shape):
            j = tuple(0 if n == 1 else k for k, n in zip(i[len(shape) - len(small) :], small, strict=True))
            expected[j] += d[i]
        actual = op.unbroadcast(d, small)
        assert np.shape(actual) == small
        np.testing.assert_allclose(actual, expected, rtol=1e-13)
    assert op.unbroadcast(np.ones((1, 3)), (1, 3)).shape == (1, 3)


def descent():
    """sgd_ on literal numbers: dense and sparse, every dtype, and what is refused before anything is written."""
    for dtype in (np.float32, np.float64, np.complex64, np.complex128):
        table = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype)
        optimizers.sgd_(table, RowSparse(np.array([0, 2]), np.array([[2.0, -4.0], [8.0, 0.0]], dtype), 3), lr=0.25)
        assert table.tolist() == [[0.5, 3.0], [3.0, 4.0], [3.0, 6.0]]
        optimizers.sgd_(table, np.full((3, 2), 2.0, dtype), lr=0.5)
        assert table.tolist() == [[-0.5, 2.0], [2.0, 3.0], [2.0, 5.0]]
        optimizers.sgd_(table, np.full((3, 2), 2.0, dtype), lr=0)
        assert table.tolist() == [[-0.5, 2.0], [2.0, 3.0], [2.0, 5.0]]
    a, b, lr = np.float32(6 / 7), np.float32(24 / 7), np.float32(0.1)
    table = np.array([a])
    optimizers.sgd_(table, np.array([b]), lr=0.1)
    assert table[0] == np.float32(float(a) - float(lr) * float(b)) != a - lr * b  # rounded once, not twice; lr rounded too
    table = np.array([[1.0, 2.0], [3.0, 4.0]])
    frozen = table.copy()
    frozen.flags.writeable = False
    for target, gradient, lr, error in (
        (table, table, 0.1, ValueError),
        (table, RowSparse(np.array([0]), table[1:], 2), 0.1, ValueError),
        (frozen, np.ones((2, 2)), 0.1, ValueError),
        (table, np.ones((2, 2)), -0.1, ValueError),
        (table, np.ones((2, 2)), np.nan, ValueError),
        (table, np.ones((2, 2), np.float32), 0.1, TypeError),
        (table, np.ones((1, 2)), 0.1, ValueError),
        (table, RowSparse(np.array([0]), np.ones((1, 2)), 3), 0.1, ValueError),
        (table, RowSparse(np.array([0]), np.ones((1, 2), np.float32), 2), 0.1, ValueError),
    ):
        with pytest.raises(error, match=r"^sgd_: "):
            optimizers.sgd_(target, gradient, lr=lr)
        assert table.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def steps():
    """Every optimizer over five steps against loops over single numbers, and what is refused."""
    for name, options in test_optimizers.CASES:
        for dtype in (np.float32, np.complex128):
            table, some = test_optimizers.draw(np.random.default_rng(42), (4, 3), dtype)
            for lazy in (False, True):
                found, state = test_optimizers.run(name, table, some, options, "lazy" if lazy else "dense")
                expected = test_optimizers.oracle(name, table, some, lazy, options)
                assert np.abs(found - expected).max() <= test_optimizers.LOOPS[found.real.itemsize]
                assert state.get("step", 5) == 5
    for name, options in test_optimizers.CASES:
        test_optimizers.test_lazy_neither_reads_nor_writes_other_rows(name, options)
    for case in test_optimizers.REFUSED:
        test_optimizers.test_refused_calls_change_nothing(*case)
    test_optimizers.test_numbers_that_single_precision_cannot_hold()
    test_optimizers.test_plain_sgd_needs_no_state_and_leaves_one_alone()
    test_optimizers.test_memory("sgd", {"lr": 0.1})
    test_optimizers.test_memory("adagrad", {})


def rotations():
    """RotatE's literal numbers, kinks and choice of what to turn."""
    for case in test_interactions.LITERALS:
        test_interactions.test_literal_numbers(*case)
    test_interactions.test_literal_numbers_with_the_tail_turned_back()
    test_interactions.test_conventions_at_the_kinks_of_rotate()
    test_interactions.test_cheaper_is_what_has_fewer_numbers()


DESCENTS = [
    test_optimizers.test_sgd_by_hand,
    test_optimizers.test_adagrad_by_hand,
    test_optimizers.test_adam_by_hand,
    test_optimizers.test_adams_eps_stands_outside_of_the_correction,
    test_optimizers.test_adams_mean_is_reckoned_from_the_nearer_end,
    steps,
]


def of(*names):
    """For each name the literal numbers of its vjp, then its gradient checks, then single precision, then its own literal numbers."""
    vjps = [functools.partial(literals, f"{name}_vjp") for name in names]
    kinds = (gradients, test_registries.test_single_precision, literals)
    return vjps + [functools.partial(kind, name) for kind in kinds for name in names]


TARGETS = {
    norms.norm_vjp: of("norm"),
    norms.slope: [*of("norm", "normalize", "clamp_norm"), extremes],
    normalize_vjp: [*of("normalize"), extremes],
    unit_vjp: [*of("normalize", "clamp_norm"), extremes],
    over_eps: [*of("normalize", "clamp_norm"), extremes],
    complex_normalize_vjp: of("complex_normalize"),
    bounds.clamp_vjp: [*of("clamp"), test_row_maps.test_clamp_keeps_nan_and_cuts_infinity],
    bounds.clamp_norm_vjp: [*of("clamp_norm"), extremes],
    softmax_vjp: of("softmax"),
    transe_vjp: of("transe"),
    distmult_vjp: of("distmult"),
    losses.margin_ranking_vjp: of("margin_ranking"),
    rows.gather_vjp: [scatter, *of("gather")],
    embedding.lookup_vjp: of("lookup"),
    embedding.transform_vjp: of("transform"),
    model.score_vjp: [whole_model, *of("score")],
    model.loss_and_gradients: [whole_model],
    complex_bilinear_vjp: [rotations, *of("complex_bilinear")],
    rotate_vjp: [rotations, *of("rotate")],
    optimizers.sgd_: [descent, *DESCENTS],
    sgd._plain: [descent, *DESCENTS],
    sgd._heavy: DESCENTS,
    optimizers.adagrad_: DESCENTS,
    adagrad._adagrad: DESCENTS,
    optimizers.adam_: DESCENTS,
    adam._adam: DESCENTS,
    adam.mix: DESCENTS,
    op.unbroadcast: [broadcasting],
    mixing.low_rank_vjp: of("low_rank"),
    mixing.concat_vjp: of("concat"),
    mixing.multiply_vjp: of("multiply"),
}
"""Each function that a gradient is made of, and what is run against its mutants, the quick ones first."""

WIDE = "the other factor is wide already"
EQUIVALENT = {
    "norm_vjp": [("wide(np.expand_dims(g, dims)) -> np.expand_dims(g, dims)", "return", WIDE)],
    "slope": [
        ("if p == 2: return xs / nonzero(norm) -> if False:", "if p == 2", "the general formula gives the same, only slower"),
        ("0 -> -1", "if ties == 'first'", "there is one axis, so the last is the first"),
    ],
    "normalize_vjp": [("wide(g) -> g", "unit_vjp(wide(g)", WIDE)],
    "over_eps": [
        ("0.0 -> 1.0", "np.where", "what stands where it is not small is read by nobody"),
        ("0.0 -> -1", "np.where", "what stands where it is not small is read by nobody"),
        ("1.0 -> 2.0", "np.where", "for eps = 0 nothing is small, so it divides what nobody reads"),
    ],
    "complex_normalize_vjp": [("z / length -> -(z / length)", "u = z / length", "u comes twice: -u times -u")],
    "clamp_norm_vjp": [
        ("wide(g) -> g", "unit_vjp(wide(g)", WIDE),
        ("wide(g) -> g", "return np.where(inside", "np.where takes the wider dtype of its branches"),
        ("n < eps -> n <= eps", "#2", "the inner one only says where the outer one may read"),
    ],
    "softmax_vjp": [("wide(g) -> g", "g = wide(g)", WIDE)],
    "transe_vjp": [
        ("_rest('transe_vjp', h, r, t,", "arguments 1 and 2 swapped", "h + r = r + h"),
        ("1.0 -> 2.0", "direction = x / np.where", "0 / 2 = 0 / 1"),
        ("if p == 1: direction", "[always]", "for p > 1 it is multiplied by 0**(p - 1)"),
    ],
    "distmult_vjp": [("wide(g) -> g", "g = wide(g)", WIDE)],
    "gather_vjp": [("1 -> 2", "ids.reshape(-1)", "NumPy reads any negative size as the one to be found")],
    "loss_and_gradients": [
        ("0 -> -1", "score_vjp(dtrue[:, 0], entities, ...  #1", "there is one column"),
        ("1 -> 2", "flat = negatives.reshape(-1, 3)", "NumPy reads any negative size as the one to be found"),
        ("1 -> 2", "dfalse.reshape(-1), e...  #1", "NumPy reads any negative size as the one to be found"),
    ],
    "margin_ranking_vjp": [("1 -> 2", "d = check.cotangent", "0 / 2 = 0 / 1")],
    "complex_bilinear_vjp": [("wide(g) -> g", "g = wide(g)", WIDE)],
    "sgd_": [
        ("check_state('sgd_', state, table, gradient", "arguments 2 and 3 swapped", "they are alike in shape and dtype"),
    ],
    "adagrad_": [
        ("check_state('adagrad_', state, table, gradient", "arguments 2 and 3 swapped", "they are alike in shape and dtype"),
        ("0 -> -1", "everywhere =", "weight decay is never negative"),
    ],
    "adam_": [
        ("check_state('adam_', state, table, gradient", "arguments 2 and 3 swapped", "they are alike in shape and dtype"),
    ],
    "mix": [
        ("weight < 0.5 -> weight <= 0.5", "flipped to LtE", "in the middle both ends are as near"),
        ("fused(b, a.dtype.type(weight) - 1, b - a)", "arguments 1 and 2 swapped", "a product, rounded with the sum"),
    ],
    "_adam": [("fused(b2 * v, (1 - b2) * g, g)", "arguments 1 and 2 swapped", "a product, rounded with the sum")],
    "low_rank_vjp": [
        ("wide(_flat(weights))", "no wide", WIDE),
        ("wide(g.reshape", "no wide", WIDE),
        ("wide(bases", "no wide", WIDE),
    ],
    "multiply_vjp": [
        ("wide(g) -> g", "return", WIDE),
        ("(np.ones_like(g), *xs[:i]", "elements 0 and 1 swapped", "the same factors in another order"),
        ("(np.ones_like(g), *xs[:i]", "elements 1 and 2 swapped", "the same factors in another order"),
    ],
    "unbroadcast": [("n == 1 and d.shape[i] != 1 -> n == 1", "[n == 1 alone]", "the sum over an axis of size 1 changes nothing")],
}
"""Mutants that compute the same, by function: how the name begins, something else in it, and why. Each means exactly one mutant."""


# ---- the tests


@pytest.fixture(autouse=True)
def kernels_in_python(monkeypatch):
    """A mutant may send a kernel out of bounds: in Python that is an error, compiled it would be any memory."""
    monkeypatch.setattr(kernels, "machine", lambda backend: plain)


@pytest.mark.parametrize("function", TARGETS, ids=lambda f: f.__name__)
def test_every_mutant_dies(function):
    killers = TARGETS[function]
    for killer in killers:
        killer()  # on the original they all pass
    found = dict(mutants.mutants(function))
    assert len(found) >= 5
    for start, part, why in EQUIVALENT.get(function.__name__, []):
        same = [label for label in found if label.startswith(start) and part in label]
        assert len(same) == 1, f"{start!r} ... {part!r} ({why}) means {len(same)} mutants"
        del found[same[0]]
    survivors = [label for label, code in found.items() if mutants.killed_by(function, code, killers) is None]
    assert not survivors, f"{len(survivors)} of {len(found)} mutants of {function.__name__} survive:\n" + "\n".join(survivors)


def canary(x):
    """The square, for the machinery's own test."""
    return x * x


def canary_vjp(g, x):
    """Right as it stands."""
    return 2 * x * g


def test_the_canary_dies():
    """Without this, a runner that never sees the mutants would report that all is well (or that nothing is)."""
    found = list(mutants.mutants(canary_vjp))
    assert len(found) > 10
    killers = [lambda: check_vjp(op.Op(canary, canary_vjp), np.array([0.7, -1.3]))]
    killers[0]()
    for label, code in found:
        assert mutants.killed_by(canary_vjp, code, killers) is not None, label
    killers[0]()  # and the original is back in its place
    assert mutants.killed_by(canary_vjp, canary_vjp.__code__, killers) is None  # a change that is none survives


def test_the_mutator_makes_what_it_should():
    def example(x, y):
        """Not mutated."""
        if x > 1:
            return np.conj(x) - y, masks[0]
        return x

    made = {label.split("  [")[0] for label, _ in mutants.mutants(example)}
    assert {
        "x > 1 -> x >= 1",
        "x > 1 -> x <= 1",
        "np.conj(x) -> x",
        "np.conj(x) - y -> np.conj(x)",
        "np.conj(x) - y -> -y",
        "np.conj(x) - y -> np.conj(x) + y",
        "np.conj(x) - y -> -(np.conj(x) - y)",
        "np.conj(x) - y -> (np.conj(x) - y) * 2",
        "(np.conj(x) - y, masks[0]) -> (masks[0], np.conj(x) - y)",
        "0 -> 1",
        "return x -> return -x",
    } <= made
    assert not any("Not mutated" in label for label in made)


masks = [1, 2]
