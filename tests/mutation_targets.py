"""What the mutation gate breaks, and what has to notice: for each function the tests of the suite that are its killers.

`KILLERS` names them where they are special. What else is found (`found`) is killed by the tests of the registered ops that lead to it:
literal numbers, gradient checks and single precision. So an op that is added to a registry needs no line here.
"""

import contextlib
import functools
import importlib
import inspect
import sys

import mutation_rooms
import naive
import numpy as np
import pytest
import store_killers
import test_gradients
import test_half
import test_registries
import test_second_order
from recipes import with_entries
from unit.embedding import (
    test_bags,
    test_clip_and_project,
    test_optimizers,
    test_projections,
    test_regularizers,
    test_renorm,
    test_row_maps,
)
from unit.kge import test_fused, test_interactions, test_loops, test_losses, test_training
from unit.layers import test_embedding_bag
from unit.numerics import test_double_double, test_extended, test_kernels, test_sums

from npembed import embedding, op
from npembed import kge as model
from npembed import one_page as one_page_module
from npembed.embedding import constrain as touched
from npembed.embedding import max_norm as renorm
from npembed.embedding import optimizers, regularizers, rows
from npembed.embedding.bags import arguments, embedding_bag_vjp, pool
from npembed.embedding.optimizers import adagrad, adam, clip, rowwise, rowwise_adagrad, sgd, sparse_adam
from npembed.embedding.regularizers.power_sum import sum_powers_slope
from npembed.embedding.row_maps import bounds, normalize_vjp, norms, softmax
from npembed.embedding.row_maps.blocks import complex_normalize_vjp, quaternion_normalize_vjp
from npembed.embedding.row_maps.normalize import over_eps, unit_vjp
from npembed.embedding.rows import RowSparse
from npembed.embedding.second_order import lookups as second_lookups
from npembed.embedding.second_order import maps as second_maps
from npembed.kge import batch as gradients_of_a_batch
from npembed.kge import losses, training
from npembed.kge.interactions import complex_bilinear_vjp, distmult_vjp, rotate_vjp, transe_vjp
from npembed.layers import EmbeddingBag
from npembed.layers.representations import mixing
from npembed.layers.table import Table
from npembed.numerics import double_double, exact, extended, kernels, kinks
from npembed.numerics.kernels import bodies, cpu
from npembed.numerics.kernels import python as plain
from npembed.numerics.kernels import score_candidates as fused_kernels
from npembed.numerics.sums import _column, _rounded, add_, nearest
from npembed.numerics.sums import exact as exact_sum
from npembed.verify.accuracy import ENTRIES, accuracy
from npembed.verify.gradcheck import check_vjp

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
    for case in test_extended.CASES:
        if case[0].__name__ == name:
            test_extended.check_case(*case)
    for case in test_extended.BEYOND:
        if getattr(case[0], "func", case[0]).__name__ == name:
            test_extended.check_beyond(*case)


def any_exponents():
    """Numbers whose exponent has no bounds: their arithmetic, and what it is for."""
    test_extended.test_arithmetic_against_fractions()
    test_extended.test_complex_numbers_are_pairs_of_any_size()
    for power in (0, 0.5, 7.3, -0.5):
        test_extended.test_powers(power)
    test_extended.test_exponentials_below_all_floats()
    test_extended.test_what_is_not_finite_stays_so()
    test_extended.test_exponents_of_rows()
    test_extended.test_shapes_and_axes()
    test_extended.test_reach_takes_the_long_way_where_it_must()


def companies():
    """Ordinary rows beside extreme ones, and what is representable."""
    for name in ("normalize", "transe", "complex", "softmax_vjp"):
        test_extended.test_ordinary_rows_beside_extreme_ones_keep_their_bits(name)
    for case in test_extended.CASES:
        test_extended.check_case(*case)


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
        ((1, 3), (1, 1)),
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


def steps(name):
    """One optimizer over five steps against loops over single numbers, and what it refuses."""
    cases = [case for case in test_optimizers.CASES if case[0] == name]
    for _, options in cases:
        for dtype in (np.float32, np.complex128):
            table, some = test_optimizers.draw(np.random.default_rng(42), (4, 3), dtype)
            for missing_rows in test_optimizers.modes(name, options):
                stepped, state = test_optimizers.run(name, table, some, options, missing_rows)
                expected = test_optimizers.oracle(name, table, some, missing_rows, options)
                assert np.abs(stepped - expected).max() <= test_optimizers.LOOPS[stepped.real.itemsize]
                counts = name != "sgd" or test_optimizers.remembers(options, missing_rows)
                assert state.get("step", 5) == (5 if counts else 0)
    for case in cases:
        test_optimizers.test_lazy_neither_reads_nor_writes_other_rows(*case)
        test_optimizers.test_where_dense_and_lazy_are_the_same(*case)
    for case in test_optimizers.REFUSED:
        if case[0] == name:
            test_optimizers.test_refused_calls_change_nothing(*case)
    test_optimizers.test_numbers_that_single_precision_cannot_hold()
    test_optimizers.test_a_step_is_finished_whatever_numpy_says_of_its_numbers()
    test_optimizers.test_plain_sgd_needs_no_state_and_leaves_one_alone()
    test_optimizers.test_memory(*cases[0])


def rotations():
    """RotatE's literal numbers, kinks and choice of what to turn."""
    for case in test_interactions.LITERALS:
        test_interactions.test_literal_numbers(*case)
    test_interactions.test_literal_numbers_with_the_tail_turned_back()
    test_interactions.test_conventions_at_the_kinks_of_rotate()
    test_interactions.test_cheaper_is_what_has_fewer_numbers()


def pooling():
    """embedding_bag and its gradient on a few bags of every kind against the loops, and the conventions of the maximum."""
    rng = np.random.default_rng(43)
    for ids, offsets, options in (
        (np.array([3, 0, 3, 3, 1, 0, 1, 2]), [0, 4, 4, 6], {}),
        (np.array([0, 3, 3, 1, 0, 1, 2]), [0, 2, 4], {"include_last_offset": True}),
        (np.array([0, 3, 1, 1, 0, 1]), [0, 2, 4], {"padding_idx": 1}),
        (np.array([[0, 3], [3, 3], [1, 0]]), None, {"padding_idx": 3}),
        (np.zeros((2, 0), int), None, {}),
    ):
        for mode, by_freq, weigh in (("sum", 0, 0), ("sum", 1, 1), ("mean", 0, 0), ("mean", 1, 0), ("max", 0, 0), ("max", 1, 0)):
            for dtype in (np.float32, np.complex128) if mode != "max" else (np.float32, np.float64):
                table = naive.uneven(rng, (5, 2), dtype)
                weights = naive.uneven(rng, ids.shape, dtype) if weigh else None
                args = table, ids, offsets, weights
                expected = naive.embedding_bag(*args, mode=mode, **options)
                test_bags.assert_like(pool.embedding_bag(*args, mode=mode, **options), expected, product=weigh)
                g = naive.uneven(rng, expected.shape, dtype)
                asked = {**options, "ties": ("first", "split")[by_freq], "scale_grad_by_freq": bool(by_freq)}
                d = embedding_bag_vjp(g, *args, mode=mode, **asked)
                expected, dweights = naive.embedding_bag_vjp(g, *args, mode=mode, **asked)
                if weigh:
                    d, dw = d
                    np.testing.assert_allclose(dw, dweights, rtol=1e-5)
                test_bags.assert_like(d.to_dense(), expected, product=weigh)
    with pytest.raises(IndexError):
        embedding_bag_vjp(np.zeros((1, 2)), np.zeros((5, 2)), [[5]])


def bags_by_hand():
    """Literal numbers: ties, NaN, short offsets, counts."""
    for case in TIES:
        test_bags.test_ties_and_nan_of_the_maximum(*case)
    test_bags.test_the_last_two_offsets()
    test_bags.test_rows_of_any_shape()
    test_bags.test_f16_the_count_is_that_of_all_bags()
    test_bags.test_the_gradient_of_a_weight_is_added_up_wide()
    test_bags.test_what_overflows_is_infinite_and_warns_nobody()
    table = np.array([[2048.0], [1.0]], np.float16)  # 2049 is a tie between 2048 and 2050
    assert pool.embedding_bag(table, [[0, 1]], mode="sum").tolist() == [[2048.0]]


def offsets_refused():
    """What `bags` refuses, and how."""
    for case in test_bags.REFUSED:
        test_bags.test_bad_input_is_refused(*case)


def shortening():
    """renorm_ on literal numbers, rows of several axes, rows that are not finite, and what is refused."""
    test_renorm.test_literal_numbers_at_and_beside_the_bound()
    test_renorm.test_the_norm_is_the_one_asked_for_in_double_precision()
    for compat in (None, "torch"):
        test_renorm.test_rows_that_are_not_finite(compat)
    test_renorm.test_torch_falls_short_of_the_bound()
    for case in test_renorm.REFUSED:
        test_renorm.test_a_refused_call_writes_nothing(case)
    table = np.full((3, 2, 2), 3.0)
    renorm.renorm_(table, [[2, 0]], max_norm=3.0)
    np.testing.assert_allclose(table[:, 0, 0], [1.5, 3.0, 1.5], rtol=1e-15)
    table = np.full((2, 2, 2), 3 + 4j, np.complex64)
    renorm.renorm_(table, [1], max_norm=1.0, compat="torch")
    np.testing.assert_allclose(table[:, 0, 0], [3 + 4j, 0.3 + 0.4j], rtol=1e-6)


def bag_layer():
    """The layer against the functions that it calls."""
    for mode in ("sum", "mean", "max"):
        for frozen in (False, True):
            for options in ({}, {"padding_idx": 2}, {"scale_grad_by_freq": True, "include_last_offset": True}):
                test_embedding_bag.test_forward_and_backward_are_those_of_the_functions(mode, options, frozen)
    test_embedding_bag.test_weights_and_their_gradient()
    test_embedding_bag.test_a_pullback_is_of_its_own_lookup()
    test_embedding_bag.test_max_norm_shortens_the_rows_asked_for_and_no_others()
    test_embedding_bag.test_max_norm_of_a_frozen_table_shortens_what_is_looked_up()
    test_embedding_bag.test_torchs_way_on_request()
    test_embedding_bag.test_ties()


TIES = next(mark.args[1] for mark in test_bags.test_ties_and_nan_of_the_maximum.pytestmark if mark.name == "parametrize")
BAGS = [pooling, bags_by_hand, test_half.test_4096_gradients_of_one_add_up_to_4096, functools.partial(gradients, "embedding_bag")]


def descents(*names):
    """Of some optimizers the literal numbers, then steps against loops."""
    by_hand = [
        test_optimizers.test_without_weight_decay_the_row_is_not_in_the_gradient,
        test_optimizers.test_sgd_by_hand,
        test_optimizers.test_adagrad_by_hand,
        test_optimizers.test_adam_by_hand,
        test_optimizers.test_adams_eps_stands_outside_of_the_correction,
        test_optimizers.test_adams_mean_is_reckoned_from_the_nearer_end,
        test_optimizers.test_the_first_step_of_momentum_is_not_dampened,
        test_optimizers.test_amsgrad_divides_by_the_largest,
        test_optimizers.test_adamw_by_hand,
        test_optimizers.test_what_adamw_owes_by_hand,
        test_optimizers.test_sparse_adam_by_hand,
        test_optimizers.test_rowwise_adagrad_by_hand,
    ]
    return [*by_hand, *(functools.partial(steps, name) for name in names)]


def bad_states(name):
    """NaN and negative squares in the state of an optimizer, in rows that are read and in others."""
    for case in test_optimizers.STORED:
        if case[0] == name:
            for missing_rows in ("dense", "lazy"):
                with pytest.MonkeyPatch.context() as patched:
                    test_optimizers.test_a_state_that_would_make_nan_of_a_row_is_refused(*case, np.float64, missing_rows, patched)


def clipping():
    """Norms against mpmath, factors, what is not finite."""
    inner = test_clip_and_project.test_clip_grad_norm.hypothesis.inner_test
    for p in (0.5, 1, 2, 3, np.inf):
        for max_norm, eps in ((0.5, 0.0), (7, 0.5), (0.0, 1e-6), (1e3, 1e-6)):
            inner(seed=5, dtype=np.complex64 if p == 2 else np.float64, p=p, max_norm=max_norm, eps=eps)
    for seed in range(20):  # to the bit
        inner(seed=seed, dtype=np.float64, p=3, max_norm=0.5, eps=0.0)
    test_clip_and_project.test_norms_that_overflow_underflow_or_are_not_finite()
    test_clip_and_project.test_clip_grad_value()
    gradient = np.array([3.0, 4.0])  # of length 5, just within the bound
    assert optimizers.clip_grad_norm([gradient], max_norm=5 + 2e-6, eps=0.0)[0][0].tolist() == [3.0, 4.0]


def many_steps():
    """The number of a step stays a whole number, however large."""
    same = {"first": np.eye(2), "later": np.eye(2)}
    _, last = sgd._make_up(np.ones((1, 2)), np.ones((1, 2)), np.array([[1_999_999]]), step=2_000_000, **same)
    assert (last.dtype, last.item()) == (np.int64, 2_000_000)
    rows, last = np.ones((3, 1, 2)), np.array([[1_999_999]])
    *_, last = adam.fade(rows[0], rows[0], rows[1], rows[2], last, step=2_000_000, b1=0.5, b2=0.5, shrink=1.0)
    assert (last.dtype, last.item()) == (np.int64, 2_000_000)


def projecting():
    """The state of each optimizer against loops, all rows and some."""
    inner = test_clip_and_project.test_project_state.hypothesis.inner_test
    for optimizer, dtype, some, dim in (
        ("sgd", np.float32, None, -1), ("adam", np.complex128, [3, 0, 3], 1), ("adamw", np.float64, [], (1, 2)),
        ("sparse_adam", np.complex64, [1], -1),
    ):  # fmt: skip
        inner(seed=6, dtype=dtype, optimizer=optimizer, rows=some, dim=dim)
    test_clip_and_project.test_project_state_where_each_entry_is_a_circle()


def few_rows():
    """Touched rows constrained alone, where that is exact, and refused elsewhere."""
    for case in test_clip_and_project.EXACT + test_clip_and_project.NOT_EXACT:
        test_clip_and_project.test_constraining_touched_rows_is_exact_just_where_it_is_said_to_be(*case)
    test_clip_and_project.test_post_step_rows_needs_no_row_and_takes_repeats()
    for constrainer in test_clip_and_project.REFUSED_CONSTRAINERS:
        test_clip_and_project.test_constrainers_for_which_rows_do_not_suffice_are_refused(constrainer)


def bad_input():
    """What all of these refuse."""
    for case in test_clip_and_project.REFUSED:
        test_clip_and_project.test_bad_input_is_refused(*case)


def charges():
    """The literal numbers of all regularizers, and their special points."""
    for case in test_regularizers.LITERALS:
        test_regularizers.check_literal(*case)
    test_regularizers.test_conventions_at_kinks()
    test_regularizers.test_zero_rows_and_rows_of_extreme_size()
    for dtype in (np.float32, np.complex128):
        test_regularizers.test_nothing_costs_nothing((0, 3), dtype)
        test_regularizers.test_nothing_costs_nothing((2, 0), dtype)
    test_regularizers.test_exactly_at_the_limit_and_one_ulp_on_either_side((3, 4, 5), np.float64)
    test_regularizers.test_a_single_entry_and_the_precision_of_the_rows()


def sums():
    """Sums in two floats against fractions; nothing and infinities too."""
    for seed in range(12):
        for n, spread in ((0, 0), (1, 3), (2, 0), (7, 40), (33, 3)):
            for p in (1, 2):
                test_projections.test_sums_in_two_floats.hypothesis.inner_test(seed, n, p, spread)
    test_projections.test_rows_that_are_not_finite("normalize", np.float64, np.inf)


def promised():
    """The three ways to add up a row's gradients: by hand, and on some drawn ones against fractions."""
    for case in test_sums.LITERALS:
        test_sums.check_literal(*case)
    test_sums.test_a_gradient_starts_from_zero()
    test_sums.test_float64_rounds_once()
    for dtype in test_sums.TABLES:
        for summation in test_sums.SUMMATIONS:
            test_sums.test_shapes_layouts_and_backends(dtype, summation)
    for seed, dtype in enumerate(test_sums.DTYPES):
        test_sums.test_ten_thousand_sums.hypothesis.inner_test(seed, dtype, from_zero=seed % 2 == 0)


def digits():
    """Half an ulp for each kind of rows, p and dtype, and the conventions at kinks."""
    for p, dtype in test_double_double.ALL:
        for kind in test_double_double.KINDS:
            test_double_double.test_half_an_ulp.hypothesis.inner_test(kind=kind, p=p, dtype=dtype, seed=7, d=5, eps=0.0)
    for test in (
        test_double_double.test_a_row_shorter_than_eps_by_less_than_a_rounding,
        test_double_double.test_rows_without_a_length,
    ):
        for p in (1, 2, np.inf):
            test(p)
    ((_, cases),) = [mark.args for mark in test_double_double.test_entries_that_vanish_beside_the_others.pytestmark]
    for case in cases:
        test_double_double.test_entries_that_vanish_beside_the_others(*case)
    test_double_double.test_conventions_at_kinks()
    test_double_double.test_rows_along_other_axes((0, 2))


def sides_of_middles():
    """Numbers so near to the middle between two floats that fractions alone tell the side, and those for which two floats do."""
    for odd in test_double_double.ODD:
        for sign in (1, -1):
            test_double_double.test_an_entry_beside_the_middle_between_two_floats(odd, sign)
            test_double_double.test_a_slope_beside_the_middle_between_two_floats(odd, sign)
    for p, dtype in test_double_double.ALL:
        with pytest.MonkeyPatch.context() as patched:
            test_double_double.test_ordinary_rows_are_not_computed_in_fractions(p, dtype, patched)
    for p in (1, 2, np.inf):
        test_double_double.test_rows_of_zeros_are_no_warning(p)


def roots():
    """Numbers that are in the middle between two floats, or nearly."""
    test_double_double.test_single_precision_is_rounded_once()
    test_double_double.test_a_rounding_to_single_is_decided_by_what_doubles_had_rounded_off()
    test_double_double.test_quotients_are_rounded_once()
    test_double_double.test_a_root_beside_the_middle_between_two_floats()


def double_doubles():
    """Two floats against fractions."""
    for seed in range(20):
        test_double_double.test_arithmetic.hypothesis.inner_test(seed)


def sides():
    """On which side of a bound rows are, where only exact arithmetic can tell."""
    for p in test_projections.ORDERS:
        for seed in range(6):
            for is_complex, d, size in ((False, 2, 1.0), (True, 1, 1e150), (False, 1, 1e-150), (True, 3, 1.0)):
                test_projections.test_compare.hypothesis.inner_test(seed, p, is_complex, d, size)
    for row, side in (
        ([3.0, -4.0, 0.0], 0),
        ([3.0, -4.0, 1e-170], 1),
        ([3.0, 4j, 1e-170j], 1),
        ([3.0, np.nextafter(4, 0), 0.0], -1),
    ):
        x = np.array([row])
        assert exact.compare(x, *norms.scaled(x, 2, (1,), careful=True), 5.0, 2, (1,)).tolist() == [[side]]


def one_question():
    """LCWA by hand in blocks of two and one, so that a mutant that would make thousands of them ends here; labels of a wrong shape."""
    for block in (2, 1):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(gradients_of_a_batch, "BLOCK", block)
            test_gradients.test_lcwa_by_hand()
    about = {"loss": losses.LCWA_LOSSES["mse"], "interaction": test_registries.INTERACTIONS["transe"]}
    with pytest.raises(ValueError, match=r"^lcwa_loss_and_gradients: labels has shape \(1, 2\); allowed: \(1, 3\), a label for"):
        model.lcwa_loss_and_gradients(np.ones((3, 1)), np.ones((1, 1)), [[0, 0]], np.ones((1, 2)), **about)


def questions():
    """LCWA for each target with everything switched on, a few entries of each gradient."""
    for target in gradients_of_a_batch.PAIRS:
        test_gradients.check_lcwa(target, entries=3)


def in_blocks():
    """LCWA scored in blocks of two candidates, and of one."""
    for target, block in (("head", 24), ("relation", 12), ("tail", 24), ("tail", 1)):
        with pytest.MonkeyPatch.context() as patched:
            test_gradients.test_blocks_change_roundings_and_no_more(patched, target, block)


def lengths():
    """Charges and precision of the regularizer, for every dtype."""
    for dtype in (np.float32, np.complex128):
        test_regularizers.test_the_precision_is_that_of_the_rows(dtype)
    test_regularizers.test_rows_whose_squares_overflow()
    test_regularizers.test_no_rows_cost_nothing()


def additions():
    """The two kernels in plain Python: NumPy's bits, whole rows and a thread's share of the columns."""
    for ids in test_kernels.IDS.values():
        for width, dtype in ((0, np.float32), (3, np.float32), (1, np.complex128)):
            test_kernels.test_same_bits_as_numpy(ids, width, dtype, "python")
    test_kernels.test_additions_happen_in_batch_order("python")
    test_kernels.test_segments_may_be_empty_and_positions_shared("python")
    for first, step, columns in ((0, 1, [0, 1, 2, 3, 4]), (1, 2, [1, 3]), (2, 3, [2])):
        out, expected = np.full((3, 5), 7.0), np.full((3, 5), 7.0)
        table, ids = np.arange(10.0).reshape(2, 5), np.array([1, 0, 1])
        bodies.copy_row(out, table, ids, 2, first, step)
        expected[2, columns] = table[1, columns]
        assert out.tolist() == expected.tolist()
        bodies.add_segment(out, np.array([1, 0]), np.array([0, 1, 3]), np.array([0, 1, 0]), table, 1, first, step)
        expected[0, columns] += table[1, columns] + table[0, columns]
        assert out.tolist() == expected.tolist()


def launches():
    """The loops of the CPU, run in Python: serial, parallel, in launches and blocks, one row or many."""
    for below in (0, 1 << 60):
        for hot in (False, True):
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(kernels, "machine", lambda backend: cpu)
                test_kernels.test_launches_are_short(hot, below, patched)
    for test in (
        test_kernels.test_large_inputs_run_in_parallel_and_small_ones_do_not,
        test_kernels.test_blocks_hold_equal_work_where_a_few_rows_get_most_of_it,
    ):
        with pytest.MonkeyPatch.context() as patched:
            test(patched)
    assert cpu.slices(3, 10, cpu.PER_LAUNCH) == [(i, i + 1) for i in range(3, 10)]
    assert cpu.slices(3, 10, 4) == [(3, 10)]
    size = cpu.PER_LAUNCH // (100 + cpu.ROW_COST)
    assert cpu.slices(1, 2 + size, 100) == [(1, 1 + size), (1 + size, 2 + size)]
    assert cpu.block_cuts(5, 5 + 2 * cpu.BLOCKS).tolist() == list(range(5, 6 + 2 * cpu.BLOCKS, 2))


def blocks():
    """Each block is run once, and a serial launch is all of them."""
    seen: list = []
    cuts = np.array([2, 3, 5, 9])
    with pytest.MonkeyPatch.context() as patched:
        for name in ("gather_serial", "segment_add_serial"):
            patched.setattr(cpu, name, lambda *arguments: seen.append(tuple(map(int, arguments[-2:]))))
        for parallel, arrays in ((cpu.gather_parallel, (None,) * 3), (cpu.segment_add_parallel, (None,) * 5)):
            seen.clear()
            parallel(*arrays, cuts)
            assert seen == [(2, 3), (3, 5), (5, 9)]
        cpu.launch(cpu.gather_serial, None, (), cuts, 0)
        assert seen[3:] == [(2, 9)]


def grouped():
    """Who is in a batch, and where."""
    for top in (1, 50, 2**16, 2**16 + 1, 2**31, 2**33, 2**62):
        test_kernels.test_segments_against_a_dictionary(top)
    test_kernels.test_segments_of_nothing()


def scored(workers):
    """The loops of the fused engine, run in Python in small tiles, to the bit; what is in doubt; jobs."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fused_kernels, "SERIAL_BELOW", 0)
        patched.setattr(fused_kernels, "threads", lambda: workers)
        test_fused.test_doubtful_sums_are_counted(workers)
        patched.setattr(fused_kernels, "TILE", 4)
        rng = np.random.default_rng(45)
        for name in fused_kernels.TERMS:
            for root in (False, True):
                for queries, candidates in ((3, 9), (1, 4)):
                    rows, a, b = (naive.uneven(rng, (n, 6)) for n in (candidates, queries, queries))
                    total = test_fused.in_order(name, rows, a, b)
                    low = -np.inf if "products" in name else 0.0
                    out = np.empty((queries, candidates))
                    with np.errstate(invalid="ignore"):
                        expected = -(np.sqrt(np.where(total < 0, np.nan, total)) if root else total)
                    if root and "products" in name:
                        continue  # roots are of sums of squares
                    assert kernels.score(name, out, rows, a, b, sign=-1.0, root=root, low=low) == 0
                    assert naive.same_bits(out, expected)


def in_blocks_of_rows():
    """A step in blocks is the same step."""
    for name, options in test_optimizers.CASES[::5]:
        for block in (1, 4, 7):
            with pytest.MonkeyPatch.context() as patched:
                test_optimizers.test_blocks_change_nothing(name, options, block, patched)


def starts():
    """What a state is at first, for each optimizer; float16 too."""
    for name in optimizers.OPTIMIZERS:
        test_optimizers.test_a_new_state_is_zero_and_like_its_table(name)
    test_half.test_around_a_step()


def one_page():
    """The page that stands by itself, which is in no registry."""
    test_registries.test_gradient_outside_the_registries("npembed.one_page.normalize_vjp")
    x, g = np.array([[3.0, 4.0]]), np.array([[5.0, 0.0]])
    np.testing.assert_allclose(one_page_module.normalize_vjp(g, x), [[0.64, -0.48]], rtol=1e-14)


def loss_cases():
    """Every loss with its options: gradients against differences, filtered negatives, extreme scores, what is refused, and dtypes."""
    for name in losses.LOSSES:
        test_losses.test_a_filtered_negative_is_not_seen(name)
        for dtype in (np.float32, np.float64):
            test_losses.test_extreme_scores_are_finite(name, dtype)
    for edge, share in (("stop", 0.0), ("pass", 1.0), ("half", 0.5)):
        test_losses.test_the_kink_of_margin_ranking(edge, share)
    for case in test_losses.bad_input():
        test_losses.test_bad_input_is_refused(*case)
    for case in test_losses.EVERY:
        test_losses.test_gradient(case)


BATCHES = [
    functools.partial(test_gradients.test_a_negative_that_does_not_count_is_not_looked_up, "softplus"),
    functools.partial(test_gradients.test_gradient_with_negatives_left_out, "softplus"),
    test_gradients.test_each_lookup_is_charged_for,
    functools.partial(test_gradients.test_all_count_and_none_counts, "margin_ranking"),
]


def of(*names):
    """For each name the literal numbers of its vjp, then its gradient checks, then single precision, then its own literal numbers."""
    vjps = [functools.partial(literals, f"{name}_vjp") for name in names]
    kinds = (gradients, test_registries.test_single_precision, literals)
    return vjps + [functools.partial(kind, name) for kind in kinds for name in names]


def second_literals():
    """Literal numbers of the second order, bounds from either side, what overflows on the way, and one weight near one."""
    for case in test_second_order.LITERALS:
        test_second_order.check_literal(*case)
    for name in ("normalize_vjp_vjp", "clamp_norm_vjp_vjp", "softmax_vjp_vjp"):
        literals(name)
    test_second_order.test_each_bound_is_met_from_either_side()
    test_second_order.test_products_beyond_the_range_of_floats()
    test_second_order.test_softmax_where_one_weight_is_near_one()
    for p in (1, 1.5, 3, np.inf):
        test_second_order.test_a_tie_and_zeros_are_no_warnings(p)


def second_dtypes(name):
    """Single precision, rounded once, of one map; no rows too."""
    for dtype in (np.float16, np.float32, np.complex64, np.float64):
        test_second_order.test_dtypes_and_empty_rows(name, dtype)


def second_gradients(name):
    """Some of the cases of the recipe, which are many, a few entries of each."""
    cases = test_registries.RECIPES[f"{name}_vjp"](np.random.default_rng(20))
    for i, (args, options) in enumerate(with_entries(cases)):
        if i % 3 == 0:
            check_vjp(test_second_order.SECOND_ORDER[name], *args, rng=i, entries=4, **options)


def second_refused():
    """What is refused, in words."""
    ((_, cases),) = [mark.args for mark in test_second_order.test_bad_input_is_refused.pytestmark]
    for case in cases:
        test_second_order.test_bad_input_is_refused(*case)


def second_of_a_lookup():
    """Masks, normalizers, repeated ids, and a normalizer of one's own."""
    test_second_order.test_without_a_normalizer_v_is_looked_up_and_the_table_gets_nothing()
    test_second_order.test_repeated_ids_add_up()
    with pytest.MonkeyPatch.context() as patched:
        test_second_order.test_a_normalizer_of_ones_own_is_added(patched)
    test_second_order.test_a_vjp_that_is_bound_among_other_arguments_is_found()
    test_registries.test_gradient_outside_the_registries("npembed.embedding.second_order.lookups.lookup_vjp_vjp")


def in_pieces():
    """What is copied and added up some rows at a time."""
    for piece in (1, 30, 1 << 21):
        with pytest.MonkeyPatch.context() as patched:
            test_kernels.test_rows_of_a_table_as_it_lies(piece, patched)
    for block in (1, 6, 7, 1000):
        with pytest.MonkeyPatch.context() as patched:
            test_clip_and_project.test_a_norm_is_the_same_some_rows_at_a_time(block, patched)


def second(*names):
    """All there is for some maps."""
    kinds = (second_dtypes, second_gradients)
    return [second_literals, second_refused, *(functools.partial(kind, name) for kind in kinds for name in names)]


def measured(name):
    """The values of an op, and its gradient, against mpmath, on a few examples of each class."""
    assert accuracy(only=[name], examples=0.1)["ok"]


BY_MPMATH = [
    functools.partial(test_losses.test_against_mpmath, (name, test_losses.OPTIONS[name][0]), scale, dtype)
    for name, scale, dtype in (
        ("mse", 1.0, np.float32),
        ("softplus", 30.0, np.float32),
        ("bce_with_logits", 30.0, np.float64),
        ("bce_with_logits", 1.0, np.float64),
    )
]
"""Losses to half an ulp of float32, and to all digits of small slopes."""
CPU = (
    "gather_serial",
    "segment_add_serial",
    "gather_parallel",
    "segment_add_parallel",
    "slices",
    "block_cuts",
    "launch",
    "gather",
    "segment_add",
)
FUSED = ("load", "store", "rotated", "add", "add_rotated", "loop")


def plain_function(value):
    """What Numba compiled, or a partial call binds: the Python function, or None for what is no function of the package."""
    value = getattr(value, "py_func", getattr(value, "func", value))
    value = inspect.unwrap(value) if inspect.isfunction(value) else value  # behind `check.public`
    return value if inspect.isfunction(value) and value.__module__.startswith("npembed.") else None


KILLERS = {
    **{op.vjp: second(name) for name, op in test_second_order.SECOND_ORDER.items()},
    second_maps.unit_vjp_vjp: second("normalize", "clamp_norm"),
    second_maps.bent: [
        *second("normalize"),
        *(functools.partial(test_extended.test_second_order_of_rows_of_any_size, p) for p in (1, 3)),
    ],
    **{
        getattr(extended.Extended, f"__{name}__"): [any_exponents, companies]
        for name in ("add", "sub", "rsub", "neg", "abs", "eq", "gt")
    },
    **{
        f: [any_exponents, companies]
        for f in map(plain_function, vars(extended).values())
        if f and f.__module__ == extended.__name__
    },
    second_maps._blockwise: second("complex_normalize", "quaternion_normalize"),
    second_maps._alike: [second_refused],
    second_lookups.second_of: [second_of_a_lookup, second_refused],
    second_lookups.transform_vjp_vjp: [second_of_a_lookup, second_refused, *of("transform_vjp")],
    second_lookups.lookup_vjp_vjp: [second_of_a_lookup, second_refused],
    clip._sizes: [clipping, in_pieces],
    kernels.copied: [in_pieces],
    softmax: of("softmax"),
    norms.norm_vjp: of("norm"),
    norms.pull: [*of("norm"), charges],
    norms.slope: [*of("norm", "normalize", "clamp_norm"), extremes],
    normalize_vjp: [*of("normalize"), extremes, digits, roots],
    unit_vjp: [*of("normalize", "clamp_norm"), extremes],
    over_eps: [*of("normalize", "clamp_norm"), extremes, digits, roots],
    complex_normalize_vjp: of("complex_normalize"),
    quaternion_normalize_vjp: of("quaternion_normalize"),
    bounds.clamp_vjp: [*of("clamp"), test_row_maps.test_clamp_keeps_nan_and_cuts_infinity],
    bounds.clamp_norm_vjp: [*of("clamp_norm"), extremes],
    **{
        plain_function(getattr(sys.modules["npembed.embedding.row_maps.softmax"], name)): [
            *of("softmax"),
            test_row_maps.test_softmax_gradient_where_one_weight_is_near_one,
            *second("softmax"),
        ]
        for name in ("softmax_vjp", "weigh", "weights", "from_top")
    },
    transe_vjp: of("transe"),
    distmult_vjp: of("distmult"),
    losses.margin_ranking_vjp: of("margin_ranking"),
    rows.gather_vjp: [scatter, test_sums.test_float64_rounds_once, *of("gather")],
    pool.embedding_bag: BAGS,
    embedding_bag_vjp: BAGS,
    pool._divided: BAGS,
    pool._winners: BAGS,
    pool._to_winners: BAGS,
    arguments.bags: [*BAGS, offsets_refused],
    arguments._starts: [*BAGS, offsets_refused],
    EmbeddingBag.vjp: [bag_layer],
    Table.rows: [bag_layer],
    renorm.renorm_: [shortening],
    renorm._as_torch: [shortening],
    embedding.lookup_vjp: [test_sums.test_lookup_vjp_adds_up_as_asked, *of("lookup")],
    embedding.transform_vjp: of("transform"),
    model.score_vjp: [whole_model, *of("score")],
    model.loss_and_gradients: [whole_model, *BATCHES],
    model.lcwa_loss_and_gradients: [one_question, questions, in_blocks],
    gradients_of_a_batch._charged: [
        test_gradients.test_each_lookup_is_charged_for,
        *(functools.partial(test_gradients.test_one_side_alone_may_be_charged_for, side) for side in (0, 1)),
        test_registries.test_the_loss_of_the_whole_model_by_hand,
        questions,
    ],
    embedding.penalty_vjp: of("penalty"),
    regularizers.lp_vjp: [test_regularizers.test_conventions_at_kinks, lengths, *of("lp")],
    training.LCWA.batch: [
        functools.partial(test_loops.test_what_an_lcwa_batch_holds, target) for target in gradients_of_a_batch.PAIRS
    ],
    training.SLCWA.batch: [
        test_loops.test_bernoulli_and_filtered_written_out,
        functools.partial(test_training.test_two_epochs_are_the_loop_written_out, "sgd", {}),
    ],
    complex_bilinear_vjp: [rotations, *of("complex_bilinear")],
    rotate_vjp: [rotations, *of("rotate")],
    plain_function(sys.modules["npembed.kge.interactions.rotate"]._rest): [rotations, *of("rotate")],
    optimizers.sgd_: [descent, *descents("sgd"), functools.partial(bad_states, "sgd")],
    sgd._plain: [descent, *descents("sgd")],
    sgd._heavy: descents("sgd"),
    sgd._make_up: [many_steps, *descents("sgd")],
    sgd.zero_step: descents("sgd"),
    sgd.powers: descents("sgd"),
    sgd._product: descents("sgd"),
    optimizers.adagrad_: [*descents("adagrad"), functools.partial(bad_states, "adagrad")],
    adagrad._adagrad: descents("adagrad"),
    optimizers.adam_: [*descents("adam"), functools.partial(bad_states, "adam")],
    optimizers.adamw_: [*descents("adamw"), functools.partial(bad_states, "adamw")],
    adam._step_: descents("adam", "adamw"),
    adam.fade: [many_steps, *descents("adam", "adamw")],
    adam._adam: descents("adam", "adamw"),
    adam.mix: descents("adam"),
    optimizers.sparse_adam_: [*descents("sparse_adam"), functools.partial(bad_states, "sparse_adam")],
    sparse_adam._sparse_adam: descents("sparse_adam"),
    optimizers.rowwise_adagrad_: [*descents("rowwise_adagrad"), functools.partial(bad_states, "rowwise_adagrad")],
    rowwise_adagrad._rowwise_adagrad: descents("rowwise_adagrad"),
    rowwise.downhill: descents("sgd"),
    rowwise.faded: descents("adam", "adamw"),
    optimizers.clip_grad_norm: [clipping, bad_input, test_half.test_around_a_step],
    optimizers.clip_grad_value: [clipping, bad_input],
    clip.total_norm: [clipping],
    optimizers.project_state_: [projecting, bad_input],
    optimizers.leaves_other_rows: [few_rows, bad_input],
    touched.post_step_rows_: [few_rows],
    op.unbroadcast: [broadcasting],
    kinks.hinge_slope: of("margin_ranking"),
    mixing.low_rank_vjp: of("low_rank"),
    mixing.concat_vjp: of("concat"),
    mixing.multiply_vjp: of("multiply"),
    regularizers.lp_vjp: [charges, *of("lp")],
    regularizers.power_sum_vjp: [charges, *of("power_sum")],
    sum_powers_slope: [charges, *of("power_sum", "norm_limit")],
    regularizers.norm_limit_vjp: [charges, *of("norm_limit")],
    regularizers.orthogonality_vjp: [charges, *of("orthogonality")],
    regularizers.combined_vjp: [charges, *of("combined")],
    add_: [promised],
    exact_sum: [promised],
    _column: [promised],
    _rounded: [promised],
    nearest: [promised],
    exact.squares: [sums],
    exact.two_sum: [sums],
    double_double.product: [double_doubles],
    double_double.times: [double_doubles],
    double_double.minus: [double_doubles],
    double_double.over: [double_doubles],
    double_double.root: [double_doubles],
    double_double.exact_unit: [sides_of_middles, digits],
    double_double.exact_unit_vjp: [sides_of_middles, digits],
    double_double._unit_in_fractions: [digits],
    double_double._vjp_in_fractions: [digits],
    double_double._over_root: [digits, roots],
    double_double.rounded: [digits, roots],
    double_double.exact_quotient: [digits, roots],
    exact._fractions: [sides],
    exact._digits: [sides],
    kernels.segments: [grouped],
    kernels.segment_add: [additions, scatter],
    kernels.gather: [additions, scatter],
    bodies.copy_row: [additions],
    bodies.add_segment: [additions],
    plain.gather: [additions],
    plain.segment_add: [additions],
    **{plain_function(getattr(cpu, name)): [blocks, launches] for name in CPU},
    **{plain_function(getattr(fused_kernels, name)): [functools.partial(scored, 1)] for name in FUSED},
    one_page_module.normalize_vjp: [one_page],
    plain_function(sys.modules["npembed.kge.losses.bce_with_logits"]._slope): [
        *of("bce_with_logits", "bce_with_logits_lcwa"),
        *BY_MPMATH,
    ],
    **{
        f: [
            in_blocks_of_rows,
            test_optimizers.test_plain_sgd_rounds_once_in_single_precision,
            *descents("sgd", "adam", "adagrad"),
        ]
        for f in (rowwise.walk_, rowwise._blocks, rowwise._reals, rowwise.values, rowwise.rows_with_gradient)
    },
    rowwise.fma: [test_optimizers.test_plain_sgd_rounds_once_in_single_precision, *descents("sgd", "adam")],
    **{
        f: [starts, *descents("sgd", "adam", "rowwise_adagrad", "sparse_adam")]
        for f in (
            rowwise.new_state,
            rowwise.entry,
            rowwise.number,
            adagrad.adagrad_state,
            adam.adam_state,
            adam.adamw_state,
            rowwise_adagrad.rowwise_adagrad_state,
            sgd.sgd_state,
            sparse_adam.sparse_adam_state,
        )
    },
    adam.numbers: [*descents("adam", "sparse_adam"), starts],
    adam._more: descents("adam"),
    clip._cut: [clipping, test_half.test_around_a_step],
    clip._like: [clipping, bad_input, test_half.test_around_a_step],
    **store_killers.KILLERS,
}
"""Where the killers are special: those of a function, the quick ones first."""

MORE = {
    "embedding.bags": BAGS,
    "numerics.double_double": [double_doubles, digits],
    "embedding.lookup": [whole_model],
    "numerics.exact": [sums, sides, promised, digits],
    "kge.losses": [
        *(functools.partial(test_losses.test_golden_values, name) for name in test_losses.GOLDEN),
        test_losses.test_small_losses_keep_their_digits,
        functools.partial(test_losses.test_against_mpmath, ("crossentropy", {}), 30.0, np.float32),
        test_losses.test_no_negative_is_left,
        test_losses.test_nothing_to_compare_with_labels,
        test_losses.test_the_empty_row_of_nssa,
        test_losses.test_counts,
        test_losses.test_a_label_of_one_half_is_false,
        test_losses.test_weights_outside_the_mask_are_not_seen,
        test_losses.test_adversarial_weights,
        test_losses.test_the_detached_gradient_of_nssa,
        loss_cases,
    ],
    "kge.batch": [whole_model],
    "kge.score": [whole_model],
    "numerics.precision": [test_half.test_around_a_step, scatter, whole_model],
    "embedding.regularizers": [charges, lengths],
    "embedding.row_maps": [extremes, charges],
    "embedding.rows": [scatter, additions],
    "numerics.sums": [promised],
}
"""What is run besides against mutants of functions with no killers of their own, by room."""

EXEMPT = {
    "check": "refuses bad input, computes nothing: tests/properties/test_bad_input.py and each room's own",
    "verify.gradcheck": "judges gradients, is none: tests/unit/verify/test_judge.py and tests/unit/verify/test_gradcheck.py",
    "numerics.random": "draws numbers: tests/unit/numerics/test_random.py",
    "numerics.kernels.cpu.after_fork_in_child": "runs in forked processes: tests/unit/numerics/test_kernels.py",
    "numerics.kernels.score_candidates.threads": "asks Numba for a number that no result depends on: tests/unit/kge/test_fused.py",
    "numerics.interrupts": "puts off Ctrl-C: tests/slow/test_interrupts.py",
    "numerics.kernels.machine": "imports a module",
    "embedding.optimizers.rowwise.check_step": "refuses bad input: tests/unit/embedding/test_optimizers.py",
    "embedding.optimizers.rowwise.check_state": "refuses bad input: tests/unit/embedding/test_optimizers.py",
    "embedding.optimizers.rowwise.check_like_table": "refuses bad input: tests/unit/embedding/test_optimizers.py",
    "embedding.optimizers.rowwise.check_entry": "refuses bad input: tests/unit/kge/test_store.py",
    "embedding.optimizers.rowwise._check_counts": "refuses bad input: tests/unit/embedding/test_optimizers.py",
    "embedding.optimizers.rowwise._check_values": "refuses bad input: tests/unit/embedding/test_optimizers.py",
    "embedding.optimizers.rowwise.refuse_decay": "refuses bad input: tests/unit/embedding/test_optimizers.py",
    "embedding.optimizers.clip._check": "refuses bad input: tests/unit/embedding/test_clip_and_project.py",
    "numerics.kernels.gpu": "runs on CUDA or in its simulator, in a process of its own: tests/unit/numerics/test_cuda_simulator.py",
}
"""Rooms and functions that are not mutated, and why."""

MEASURED = (
    "embedding.lookup.lookup",
    "embedding.regularizers.power_sum.power",
    "embedding.regularizers.power_sum.sum_powers",
    "layers.representations.mixing._product",
    "layers.representations.mixing.multiply",
    "embedding.row_maps.blocks._blocks",
    "embedding.row_maps.blocks._pairs",
    "embedding.row_maps.bounds._bounds",
    "embedding.row_maps.norms.nonzero",
    "embedding.row_maps.norms.norm",
    "embedding.row_maps.softmax.weights",
    "embedding.rows.gather",
)
"""Functions whose values, not slopes alone, are asked for: the measurement of accuracy is among their killers."""

NOT_YET = {
    **dict.fromkeys(
        (
            "numerics.precision.to_float64",
            "embedding.optimizers.rowwise.values",
            "layers.representations.mixing._first",
            "layers.representations.mixing._side_by_side",
            "embedding.row_maps.blocks._joined",
        ),
        "some mutants survive the tests that are its killers here: they want tests of their own",
    ),
    **dict.fromkeys(
        ("numerics.kernels.score_candidates.jobs", "numerics.kernels.score_candidates.score"),
        "shares out the work, which no result shows: many mutants are only slower, and each is to be judged by hand",
    ),
    **dict.fromkeys(
        (
            "embedding.bags.arguments.check_weights",
            "embedding.bags.arguments.padding_row",
            "embedding.bags.pool._checked",
            "embedding.lookup._checked",
            "kge.interactions.complex._checked",
            "kge.interactions.distmult._checked",
            "embedding.regularizers.combined._checked",
            "embedding.regularizers.lp._checked",
            "embedding.regularizers.norm_limit._checked",
            "embedding.regularizers.orthogonality._checked",
            "embedding.regularizers.power_sum._checked",
            "embedding.row_maps.normalize._checked",
            "embedding.row_maps.norms._checked",
            "embedding.row_maps.norms.conventions",
            "numerics.double_double.check_precision",
            "layers.representations.mixing._alike",
            "layers.representations.mixing._check_bases",
            "op.resolve",
            "op.normalize_name",
        ),
        "what a vjp does with its arguments first; what it refuses is tested where it is called",
    ),
    **dict.fromkeys(
        (
            "embedding.lookup._read_only",
            "embedding.lookup.transform",
            "kge.score.to_storage_dtype",
            "embedding.regularizers.combined._part",
            "embedding.regularizers.expected.expected_norm",
            "embedding.row_maps.normalize.normalize",
            "embedding.rows.take",
        ),
        "of a forward pass, which a vjp calls; its values are tested against mpmath and loops",
    ),
    **dict.fromkeys(
        (
            "numerics.extended.exp",
            "numerics.extended.exponents",
            "numerics.extended.inner",
            "numerics.extended.reach",
            "numerics.double_double._halves",
            "numerics.double_double._has_tiny",
            "numerics.double_double._is_tiny",
            "numerics.double_double._may_round_otherwise",
            "numerics.double_double._length",
            "numerics.double_double._near_one",
            "numerics.double_double._nearest",
            "numerics.double_double._off",
            "numerics.double_double._rows",
            "numerics.double_double._settled",
            "numerics.double_double._sound",
            "numerics.double_double._sums",
            "numerics.double_double._terms",
            "numerics.exact._sides",
            "numerics.exact.compare",
            "numerics.exact.joined",
            "numerics.exact.parts",
            "numerics.exact.rows",
            "numerics.exact.sharp",
            "numerics.exact.sum_of_powers",
            "numerics.exact.total",
            "embedding.row_maps.bounds._ball",
            "embedding.row_maps.norms.scaled",
            "embedding.row_maps.norms.unit",
        ),
        "decides which of two right ways is taken: many mutants are only slower, and each is to be judged by hand",
    ),
}
"""Functions that ought to be mutated and are not yet, and why."""


# ---- which functions there are


def name_of(function):
    """``row_maps.norms.norm_vjp`` for a function of the package."""
    return f"{function.__module__}.{function.__qualname__}".removeprefix("npembed.")


def called_from(function):
    """The package's functions that a function names, by themselves or behind a module's name."""
    codes, names = [function.__code__], set()
    while codes:
        code = codes.pop()
        names.update(code.co_names)
        codes += [c for c in code.co_consts if inspect.iscode(c)]
    for name in sorted(names):
        value = function.__globals__.get(name)
        held = [vars(value).get(other) for other in names] if inspect.ismodule(value) else [value]
        yield from (f for f in map(plain_function, held) if f is not None)


def modules():
    """Every module of the package that can be imported here."""
    return [importlib.import_module(name) for name in [*test_registries.module_names(), *KERNELS]]


ACCURATE = {entry.op for entry in ENTRIES}
MOVE_AND_STEP = ("npembed.numerics.kernels.", "npembed.embedding.optimizers")
KERNELS = [f"npembed.numerics.kernels.{name}" for name in ("bodies", "cpu", "python", "score_candidates")]


def found():
    """Every function that is to be mutated, by name, with the registered ops that lead to it.

    These are all functions named ``*_vjp``, all kernels and all optimizers, and what they call; and those of `mutation_rooms`.
    """
    ops: dict = {}
    functions: dict = {}

    def walk(function, key):
        name = name_of(function)
        functions[name] = function
        if key in ops.setdefault(name, set()):
            return
        ops[name].add(key)
        for other in called_from(function):
            walk(other, key)

    for key, pair in test_registries.OPS.items():
        walk(plain_function(pair.vjp), key)
    for module in modules():
        for value in list(vars(module).values()):
            function = plain_function(value)
            if function is None or function.__module__ != module.__name__:
                continue
            if function.__name__.endswith("_vjp") or module.__name__.startswith(MOVE_AND_STEP):
                walk(function, "")
        for function in mutation_rooms.functions(module):
            if mutation_rooms.killers(name_of(function)):
                functions[name_of(function)] = function
    for function in KILLERS:
        functions.setdefault(name_of(function), function)
    return {name: (function, sorted(ops.get(name, set()) - {""})) for name, function in functions.items()}


def more(name):
    """Those of `MORE` for a function: of the room whose name its name begins with."""
    return next((found for room, found in MORE.items() if f"{name}.".startswith(f"{room}.")), ())


def exempt(name):
    """Whether a function, or the room that it is in, is in `EXEMPT`."""
    parts = name.split(".")
    return any(".".join(parts[: i + 1]) in EXEMPT for i in range(len(parts)))


KILLERS = {inspect.unwrap(function): killers for function, killers in KILLERS.items()}
FOUND = {name: value for name, value in sorted(found().items()) if not exempt(name)}
TARGETS = {
    name: (
        function,
        [
            *(KILLERS.get(function) or [*of(*ops[:3]), *more(name), *(mutation_rooms.killers(name) or ())]),
            *(functools.partial(measured, op) for op in ops[:3] if name in MEASURED and op in ACCURATE),
        ],
    )
    for name, (function, ops) in FOUND.items()
    if name not in NOT_YET and (function in KILLERS or ops or mutation_rooms.killers(name))
}
"""By name: each function that is mutated, and what is run against its mutants."""


def missing():
    """What was found and has no killers."""
    return [name for name in FOUND if name not in TARGETS and name not in NOT_YET]


@contextlib.contextmanager
def kernels_in_python():
    """A mutant may send a kernel out of bounds: in Python that is an error, compiled it would be any memory."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kernels, "machine", lambda backend: plain)
        for module in (cpu, fused_kernels):
            for name, value in list(vars(module).items()):
                if hasattr(value, "py_func"):
                    patched.setattr(module, name, value.py_func)
        yield
