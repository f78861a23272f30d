"""Would a wrong gradient be noticed? Every hand-written one is broken in every small way, and each time a test must fail.

The killers are those of the suite: the gradient checks and literal numbers of the registries and row maps. A mutant that no input can
tell from the original is listed in `EQUIVALENT`, with the reason.
"""

import functools

import mutants
import naive
import numpy as np
import pytest
import test_bags
import test_clip_and_project
import test_double_double
import test_embedding_bag
import test_gradients
import test_half
import test_interactions
import test_loops
import test_optimizers
import test_projections
import test_registries
import test_regularizers
import test_renorm
import test_row_maps
import test_sums
import test_training

from npembed import (
    double_double,
    embedding,
    exact,
    kernels,
    losses,
    model,
    op,
    optimizers,
    regularizers,
    renorm,
    rows,
    touched,
    training,
)
from npembed.bags import arguments, embedding_bag_vjp, pool
from npembed.gradcheck import check_vjp
from npembed.interactions import complex_bilinear_vjp, distmult_vjp, rotate_vjp, transe_vjp
from npembed.kernels import plain
from npembed.layer import EmbeddingBag
from npembed.layer.table import Table
from npembed.model import gradients as gradients_of_a_batch
from npembed.optimizers import adagrad, adam, clip, rowwise, rowwise_adagrad, sgd, sparse_adam
from npembed.regularizers.power_sum import sum_powers_slope
from npembed.representations import mixing
from npembed.row_maps import bounds, normalize_vjp, norms, softmax_vjp
from npembed.row_maps.blocks import complex_normalize_vjp, quaternion_normalize_vjp
from npembed.row_maps.normalize import over_eps, unit_vjp
from npembed.rows import RowSparse
from npembed.sums import _column, _rounded, add_, nearest
from npembed.sums import exact as exact_sum

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


def steps(name):
    """One optimizer over five steps against loops over single numbers, and what it refuses."""
    cases = [case for case in test_optimizers.CASES if case[0] == name]
    for _, options in cases:
        for dtype in (np.float32, np.complex128):
            table, some = test_optimizers.draw(np.random.default_rng(42), (4, 3), dtype)
            for untouched in test_optimizers.modes(name, options):
                found, state = test_optimizers.run(name, table, some, options, untouched)
                expected = test_optimizers.oracle(name, table, some, untouched, options)
                assert np.abs(found - expected).max() <= test_optimizers.LOOPS[found.real.itemsize]
                counts = name != "sgd" or test_optimizers.remembers(options, untouched)
                assert state.get("step", 5) == (5 if counts else 0)
    for case in cases:
        test_optimizers.test_lazy_neither_reads_nor_writes_other_rows(*case)
        test_optimizers.test_where_dense_and_lazy_are_the_same(*case)
    for case in test_optimizers.REFUSED:
        if case[0] == name:
            test_optimizers.test_refused_calls_change_nothing(*case)
    test_optimizers.test_numbers_that_single_precision_cannot_hold()
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
            for dtype in (np.float32, np.complex128) if mode != "max" else (np.float32,):
                table = naive.uneven(rng, (5, 2), dtype)
                weights = naive.uneven(rng, ids.shape, dtype) if weigh else None
                args = table, ids, offsets, weights
                expected = naive.embedding_bag(*args, mode=mode, **options)
                test_bags.assert_like(pool.embedding_bag(*args, mode=mode, **options), expected, product=weigh)
                g = naive.uneven(rng, expected.shape, dtype)
                more = {**options, "ties": ("first", "split")[by_freq], "scale_grad_by_freq": bool(by_freq)}
                d = embedding_bag_vjp(g, *args, mode=mode, **more)
                expected, dweights = naive.embedding_bag_vjp(g, *args, mode=mode, **more)
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
    test_double_double.test_conventions_at_kinks()
    test_double_double.test_rows_along_other_axes((0, 2))


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
    for target in model.PAIRS:
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


TARGETS = {
    norms.norm_vjp: of("norm"),
    norms.slope: [*of("norm", "normalize", "clamp_norm"), extremes],
    normalize_vjp: [*of("normalize"), extremes, digits],
    unit_vjp: [*of("normalize", "clamp_norm"), extremes],
    over_eps: [*of("normalize", "clamp_norm"), extremes],
    complex_normalize_vjp: of("complex_normalize"),
    quaternion_normalize_vjp: of("quaternion_normalize"),
    bounds.clamp_vjp: [*of("clamp"), test_row_maps.test_clamp_keeps_nan_and_cuts_infinity],
    bounds.clamp_norm_vjp: [*of("clamp_norm"), extremes],
    softmax_vjp: [*of("softmax"), test_row_maps.test_softmax_gradient_where_one_weight_is_near_one],
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
        test_registries.test_the_loss_of_the_whole_model_by_hand,
        questions,
    ],
    embedding.penalty_vjp: of("penalty"),
    regularizers.lp_vjp: [test_regularizers.test_conventions_at_kinks, lengths, *of("lp")],
    training.LCWA.batch: [functools.partial(test_loops.test_what_an_lcwa_batch_holds, target) for target in model.PAIRS],
    training.SLCWA.batch: [
        test_loops.test_bernoulli_and_filtered_written_out,
        functools.partial(test_training.test_two_epochs_are_the_loop_written_out, "sgd", {}),
    ],
    complex_bilinear_vjp: [rotations, *of("complex_bilinear")],
    rotate_vjp: [rotations, *of("rotate")],
    optimizers.sgd_: [descent, *descents("sgd")],
    sgd._plain: [descent, *descents("sgd")],
    sgd._heavy: descents("sgd"),
    sgd._make_up: descents("sgd"),
    sgd.zero_step: descents("sgd"),
    sgd.powers: descents("sgd"),
    optimizers.adagrad_: descents("adagrad"),
    adagrad._adagrad: descents("adagrad"),
    optimizers.adam_: descents("adam"),
    optimizers.adamw_: descents("adamw"),
    adam._step_: descents("adam", "adamw"),
    adam.fade: descents("adam", "adamw"),
    adam._adam: descents("adam", "adamw"),
    adam.mix: descents("adam"),
    optimizers.sparse_adam_: descents("sparse_adam"),
    sparse_adam._sparse_adam: descents("sparse_adam"),
    optimizers.rowwise_adagrad_: descents("rowwise_adagrad"),
    rowwise_adagrad._rowwise_adagrad: descents("rowwise_adagrad"),
    rowwise.downhill: descents("sgd"),
    rowwise.faded: descents("adam", "adamw"),
    optimizers.clip_grad_norm: [clipping, bad_input, test_half.test_around_a_step],
    optimizers.clip_grad_value: [clipping, bad_input],
    clip.total_norm: [clipping],
    optimizers.project_state_: [projecting, bad_input],
    optimizers.others_at_rest: [few_rows, bad_input],
    touched.post_step_rows_: [few_rows],
    op.unbroadcast: [broadcasting],
    op.hinge_slope: of("margin_ranking"),
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
    double_double.exact_unit: [digits],
    double_double.exact_unit_vjp: [digits],
    double_double._unit_in_fractions: [digits],
    double_double._vjp_in_fractions: [digits],
    double_double._float: [digits],
    exact._fractions: [sides],
    exact._digits: [sides],
}
"""Each function that a gradient is made of, and what is run against its mutants, the quick ones first."""

WIDE = "the other factor is wide already"
EQUIVALENT = {
    "norm_vjp": [("wide(np.expand_dims(g, dims)) -> np.expand_dims(g, dims)", "return", WIDE)],
    "slope": [
        ("if p == 2: return unit(xs, norm) -> if False:", "if p == 2", "the general formula gives the same, only slower"),
        ("0 -> -1", "if ties == 'first'", "there is one axis, so the last is the first"),
    ],
    "normalize_vjp": [
        ("wide(g) -> g", "exact_unit_vjp", "a float32 is scaled and split as well"),
        ("wide(g) -> g", "d = unit_vjp(wide(g)", WIDE),
        ("wide(g) -> g", "over_eps", "the divisor is wide already"),
    ],
    "over_eps": [
        ("0.0 -> 1.0", "np.where", "what stands where it is not small is read by nobody"),
        ("0.0 -> -1", "np.where", "what stands where it is not small is read by nobody"),
    ],
    "clamp_norm_vjp": [
        ("wide(g) -> g", "unit_vjp(wide(g)", WIDE),
        ("wide(g) -> g", "return np.where(side", "np.where takes the wider dtype of its branches"),
        ("wide(g) -> g", "if eps is not None", "the divisor is wide already"),
    ],
    "softmax_vjp": [
        ("0.0 -> -1", "top = s ==", "weights are positive"),
        ("wide(g) -> g", "#1", "the mean is wide already"),
        ("wide(g) -> g", "#2", "any number near the mean will do"),
        ("wide(g) -> g", "#3", "there is nothing in it"),
    ],
    "transe_vjp": [
        ("_rest('transe_vjp', h, r, t,", "arguments 1 and 2 swapped", "h + r = r + h"),
        ("1.0 -> 2.0", "direction = x / np.where", "0 / 2 = 0 / 1"),
        ("if p == 1: direction", "[always]", "for p > 1 it is multiplied by 0**(p - 1)"),
    ],
    "distmult_vjp": [("wide(g) -> g", "g = wide(g)", WIDE)],
    "bags": [
        ("1 -> 2", "flat = ids.reshape(-1)", "NumPy reads any negative size as the one to be found"),
        ("if padding is not None", "[always]", "no id is None"),
    ],
    "_as_torch": [("rows.real -> rows", "return", "a scale without imaginary part, whatever its dtype")],
    "embedding_bag": [
        ("if per_sample_weights is None and out", "[never]", "the same sum, from a copy of the rows"),
        (
            "per_sample_weights is None and out",
            "[per_sample_weights is None alone]",
            "the same, but for Numba, which has no float16",
        ),
        ("out.dtype == table.dtype", "[flipped to NotEq]", "the same sum, from a copy of the rows, but for Numba"),
    ],
    "gather_vjp": [("1 -> 2", "ids.reshape(-1)", "NumPy reads any negative size as the one to be found")],
    "loss_and_gradients": [
        ("0 -> -1", "first, second = ", "there is one column"),
        ("1 -> 2", "flat, counts = (negatives.reshape(-1, 3)", "NumPy reads any negative size as the one to be found"),
        ("(first, second)", "elements 0 and 1 swapped", "a + b = b + a"),
        ("(a, b)", "elements 0 and 1 swapped", "a + b = b + a"),
        ("zip(first, second, strict=True)", "arguments 0 and 1 swapped", "a + b = b + a"),
        ("zip(first, second, strict=True)", "without strict", "there are two of each"),
        ("zip(lookups, (dtrue[:, 0], dfalse[counts]), strict=True)", "without strict", "there are two of each"),
    ],
    "lcwa_loss_and_gradients": [
        ("relations if target == 'relation' else entities", "always the first", "the rows of both tables are of one length"),
        ("relations if target == 'relation' else entities", "always the second", "the rows of both tables are of one length"),
        ("target == 'relation'", "flipped to NotEq", "the rows of both tables are of one length"),
        ("1 -> 2", "size = max(1, BLOCK // max(1, len(pairs) * width))  #2", "no loss takes a batch of no pairs"),
        ("1 -> 0", "size = max(1, BLOCK // max(1, len(pairs) * width))  #2", "no loss takes a batch of no pairs"),
        ("(a, b)", "elements 0 and 1 swapped", "a + b = b + a"),
        ("zip(gradients, part, strict=True)", "arguments 0 and 1 swapped", "a + b = b + a"),
        ("zip(gradients, part, strict=True)", "without strict", "there are two of each"),
    ],
    "_charged": [
        ("((0, h), (1, r), (0, t))", "elements 0 and 1 swapped", "charged for in another order"),
        ("((0, h), (1, r), (0, t))", "elements 1 and 2 swapped", "charged for in another order"),
    ],
    "lp_vjp": [("1 -> 2", "share = np.full", "it divides nothing, where there are no rows")],
    "margin_ranking_vjp": [("1 -> 2", "d = check.cotangent", "0 / 2 = 0 / 1")],
    "complex_bilinear_vjp": [("wide(g) -> g", "g = wide(g)", WIDE)],
    "sgd_": [
        ("check_state('sgd_', state, table, gradient", "arguments 2 and 3 swapped", "they are alike in shape and dtype"),
        ("1 -> 2", "rule, step = (_plain, 1)", "without momentum nobody asks"),
        ("1 -> 0", "rule, step = (_plain, 1)", "without momentum nobody asks"),
    ],
    "_rowwise_adagrad": [("fused(x, -lr", "arguments 1 and 2 swapped", "a product, rounded with the sum")],
    "total_norm": [
        ("0.0 -> -1", "#1", "the outer maximum starts at 0"),
        ("1 -> 0", "sums = ", "columns are added up first, then all, with the same zeros"),
        ("math.isinf(norm_type) or", "[not 0 < largest < math.inf alone]", "the general formula gives the same, only slower"),
    ],
    "project_state_": [
        ("1 -> 2", "where = slice(None)", "NumPy reads any negative size as the one to be found"),
        ("x / np.where", "[minus]", "u comes twice: -u times -u"),
        ("1.0 -> 2.0", "u = x / np.where", "0 / 2 = 0 / 1"),
    ],
    "others_at_rest": [("('adam', 'adamw') -> ('adamw', 'adam')", "swapped", "they are only looked for")],
    "post_step_rows_": [("1 -> 2", "rows = check.ids", "NumPy reads any negative size as the one to be found")],
    "adagrad_": [
        ("check_state('adagrad_', state, table, gradient", "arguments 2 and 3 swapped", "they are alike in shape and dtype"),
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
    "complex_normalize_vjp": [
        ("_pairs('complex_normalize_vjp', 'x'", "arguments 0 and 1 swapped", "names, for an error"),
        ("_pairs('complex_normalize_vjp', 'g'", "arguments 0 and 1 swapped", "names, for an error"),
    ],
    "quaternion_normalize_vjp": [
        ("_fours('quaternion_normalize_vjp', 'x'", "arguments 0 and 1 swapped", "names, for an error"),
        ("_fours('quaternion_normalize_vjp', 'g'", "arguments 0 and 1 swapped", "names, for an error"),
    ],
    "_column": [
        ("0 -> 1", "in: with np.errstate", "a finite number added to infinities or NaN"),
        ("0 -> -1", "in: with np.errstate", "a finite number added to infinities or NaN"),
        ("np.add.reduceat(terms != 0, firsts) > 2", "GtE", "the same sum, only slower"),
        ("2 -> 1", "many = ", "the same sum, only slower"),
    ],
    "_rounded": [("2 ** (51", "[minus]", "it counts modulo twice as much")],
    "add_": [
        ("np.result_type(out.dtype, np.float64)", "arguments 0 and 1 swapped", "the wider of two"),
        ("if dtype == out.dtype", "[never]", "the same sum, from a copy of the rows"),
        ("if not out.flags.aligned", "[always]", "what is written onto itself stays"),
    ],
    "nearest": [
        ("return math.inf if total > 0", "times 2", "infinity"),
        ("total > 0 -> total >= 0", "GtE", "what overflows is not zero"),
        ("0 -> 1", "plus 1", "what overflows is beyond one"),
        ("0 -> -1", "minus 1", "what overflows is beyond one"),
    ],
    "_fractions": [
        ("[Fraction(v.real)", "always the first", "computed, but not looked at"),
        ("1 -> 0", "squared =", "computed, but not looked at"),
        ("length - Fraction(bound)", "times 2", "the sign alone counts"),
        ("length - Fraction(bound)", "times 1.001", "the sign alone counts"),
        ("(difference > 0) - (difference < 0)", "times 1.001", "it becomes a whole number"),
    ],
    "_digits": [
        ("Context(prec=60, traps=[]) -> Context(prec=60)", "without traps", "nothing here overflows"),
        ("60 -> 61", "plus 1", "more digits than are compared"),
        ("60 -> 59", "minus 1", "more digits than are compared"),
        ("sum(", "times 2", "the sign alone counts"),
        ("abs(difference) < Decimal('1e-50')", "LtE", "no difference is 1e-50"),
        ("difference > 0", "GtE", "zero has gone before"),
    ],
    "squares": [
        ("np.errstate(invalid='ignore') -> np.errstate()", "without invalid", "the caller has it off"),
        ("134217729.0 * x -> -(134217729.0 * x)", "minus", "splits in two as well"),
        ("134217729.0 * x -> 134217729.0 * x * 2", "times 2", "splits in two as well"),
        ("134217729.0 * x -> 134217729.0 * x * 1.001", "times 1.001", "splits in two as well"),
        ("134217729.0 -> 134217730.0", "plus 1", "splits in two as well"),
        ("134217729.0 -> 134217728.0", "minus 1", "splits in two as well"),
    ],
    "product": [
        ("((a1, a2), (b1, b2), p)", "elements 0 and 1 swapped", "a b = b a"),
        ("(_halves(a), _halves(b), a * b)", "elements 0 and 1 swapped", "a b = b a"),
    ],
    "exact_unit": [
        ("np.errstate(all='ignore')", "without all", "what it hides is thrown away"),
        ("sound & _is_tiny(xs)", "left operand alone", "to doubt more is only slower"),
    ],
    "exact_unit_vjp": [("sound & _in_doubt(", "left operand alone", "to doubt more is only slower")],
    "_vjp_in_fractions": [
        ("(a, b)", "elements 0 and 1 swapped", "a b = b a"),
        ("zip(x, g, strict=True)", "arguments 0 and 1 swapped", "a b = b a"),
        ("zip(x, g, strict=True)", "without strict", "they are of one length"),
    ],
    "_float": [
        ("numerator < 0", "flipped to LtE", "-0 is 0"),
        ("320 + q.denominator.bit_length()", "times 2", "more digits than are read"),
        ("320 + q.denominator.bit_length()", "right operand alone", "more digits than are read"),
        ("320 -> 321", "plus 1", "more digits than are read"),
        ("320 -> 319", "minus 1", "more digits than are read"),
    ],
    "power_sum_vjp": [("1 -> 2", "share = check.cotangent", "of no sums there is no entry")],
    "unbroadcast": [("n == 1 and d.shape[i] != 1 -> n == 1", "[n == 1 alone]", "the sum over an axis of size 1 changes nothing")],
}
"""Mutants that compute the same, by function: how the name begins, something else in it, and why. Each means exactly one mutant."""


# ---- the tests


@pytest.fixture(autouse=True)
def kernels_in_python(monkeypatch):
    """A mutant may send a kernel out of bounds: in Python that is an error, compiled it would be any memory."""
    monkeypatch.setattr(kernels, "machine", lambda backend: plain)


@pytest.mark.parametrize("function", TARGETS, ids=lambda f: f.__qualname__)
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
