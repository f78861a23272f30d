"""Rooms of which the mutation gate breaks every function, and what has to notice: losses, ranks and metrics, samplers, dropout laws."""

import functools
import inspect
import itertools

import numpy as np
from unit.kge import test_evaluation, test_losses, test_samplers, test_uncertainty


def every(test):
    """Run a parametrized test in all its cases."""
    marks = [mark.args for mark in test.pytestmark if mark.name == "parametrize"]
    names = [argument.split(", ") if isinstance(argument, str) else list(argument) for argument, _ in marks]
    for values in itertools.product(*(values for _, values in marks)):
        given = {}
        for some, value in zip(names, values, strict=True):
            given.update(zip(some, value if len(some) > 1 else [value], strict=True))
        test(**given)


# ---- losses


def against_mpmath(*names):
    """These losses with each of their options, where scores are of size one and thirty."""
    cases = [case for case in test_losses.EVERY if case[0] in names]
    about = ((1.0, np.float64), (30.0, np.float32))
    return [functools.partial(test_losses.test_against_mpmath, case, *of) for case in cases for of in about]


def losses_by_hand():
    """Literal numbers, conventions, layouts."""
    every(test_losses.test_golden_values)
    every(test_losses.test_a_filtered_negative_is_not_seen)
    every(test_losses.test_the_kink_of_margin_ranking)
    every(test_losses.test_extreme_scores_are_finite)
    test_losses.test_small_losses_keep_their_digits()
    test_losses.test_no_negative_is_left()
    test_losses.test_nothing_to_compare_with_labels()
    test_losses.test_the_empty_row_of_nssa()
    test_losses.test_counts()
    test_losses.test_a_label_of_one_half_is_false()
    test_losses.test_weights_outside_the_mask_are_not_seen()
    test_losses.test_adversarial_weights()
    test_losses.test_the_detached_gradient_of_nssa()
    test_losses.test_nan_scores_give_nan()
    test_losses.test_scores_that_are_hundreds_apart_keep_their_digits()
    test_losses.test_a_high_temperature_of_nssa_does_not_make_up_a_gradient()
    test_losses.test_a_million_pairs()
    every(test_losses.test_labels_of_any_layout_give_the_same_bits)
    for name in test_losses.GOLDEN:
        for dtype in (np.float32, np.float64):
            for layout in ("C", "F", "strided", "read-only"):
                test_losses.test_layouts.hypothesis.inner_test(seed=1, name=name, dtype=dtype, layout=layout)


def losses_refused():
    """What losses refuse, and how."""
    for case in test_losses.bad_input():
        test_losses.test_bad_input_is_refused(*case)
    every(test_losses.test_the_cotangent_is_one_number)


LOSSES = [losses_by_hand, losses_refused]

# ---- ranks and metrics


def ranks_by_hand():
    """Ties, infinite scores, what is filtered; no triples."""
    test_evaluation.test_ranks_by_hand()
    test_evaluation.test_evaluated_triples_filter_each_other()
    test_evaluation.test_all_tied_perfect_and_worst()
    test_evaluation.test_infinite_scores_are_compared_and_not_counted()
    test_evaluation.test_one_array_of_known_triples_or_several_is_the_same()
    test_evaluation.test_no_triples_no_ranks()
    test_evaluation.test_the_index_against_a_set()
    test_evaluation.test_scores_at_the_ends_of_the_range()
    test_evaluation.test_a_model_with_engines_is_told_which()
    test_evaluation.test_evaluate_hands_everything_on()
    test_evaluation.test_scores_that_are_all_infinite_are_no_bad_input_but_an_overflow()


def ranks_of_graphs():
    """Some drawn graphs against loops."""
    inner = test_evaluation.test_ranks_against_loops.hypothesis.inner_test
    ways = itertools.cycle([(True, ("tail", "head")), (False, ("head",)), (True, "tail"), (False, ("head", "tail"))])
    for seed, (filtered, sides) in zip(range(60), ways, strict=False):
        rng = np.random.default_rng(seed)
        n, m, sizes = rng.integers(1, 8), rng.integers(1, 4), rng.integers(0, 20, 3)
        inner(graph=test_evaluation.graph(rng, n, m, sizes), filtered=filtered, block=1 + seed, sides=sides)


def modes():
    """Evaluation mode, and back."""
    test_evaluation.test_a_model_is_evaluated_without_dropout_and_gets_its_modes_back()
    test_evaluation.test_any_model_that_has_a_mode_gets_it_back()
    test_evaluation.test_a_mode_is_set_by_the_method_that_there_is_for_it()
    test_evaluation.test_the_modes_come_back_after_a_refusal()


def ranks_refused():
    """What ranks and their index refuse."""
    every(test_evaluation.test_bad_input_is_refused)
    every(test_evaluation.test_nan_scores_are_refused)
    test_evaluation.test_the_index_refuses_bad_input()


def metrics_by_hand():
    """Literal numbers, sides and types, where chance leaves no room."""
    every(test_evaluation.test_metrics_by_hand)
    test_evaluation.test_all_keys_are_there_and_are_floats()
    test_evaluation.test_sides_and_types_are_not_mixed_up()
    test_evaluation.test_metrics_refuse_what_has_no_expectation()
    test_evaluation.test_where_chance_leaves_no_room()


def metrics_of_some_ranks():
    """Against their definitions, and moments against all ranks there are."""
    inner = test_evaluation.test_metrics_against_their_definitions.hypothesis.inner_test
    for drawn in (([1.0], [2]), ([2.0, 1.5, 3.0], [4, 2, 6]), ([1.0, 4.0, 2.5, 1.0], [1, 4, 3, 5])):
        for k in (1, 2, 3):
            inner(drawn=drawn, k=k)
    every(test_evaluation.test_moments_against_all_ranks_there_are)


def names_of_metrics():
    """The names people use, and those that are none."""
    every(test_evaluation.test_names)
    every(test_evaluation.test_names_that_are_none)
    test_evaluation.test_every_key_of_a_result_is_a_name_of_itself()


KNOWN = [ranks_by_hand, ranks_of_graphs, ranks_refused]
RANKS = [
    *KNOWN,
    modes,
    metrics_by_hand,
    test_evaluation.test_ranks_among_a_million,
    test_evaluation.test_the_index_looks_at_few_of_many_known_triples,
]
METRICS = [
    metrics_by_hand,
    metrics_of_some_ranks,
    names_of_metrics,
    test_evaluation.test_random_ranks_score_zero_and_perfect_ones_one,
    test_evaluation.test_moments_of_many_queries_among_many_candidates,
]

# ---- samplers


def draws_replayed():
    """Both samplers against loops that draw in the same order."""
    for seed in range(12):
        for n, k, corrupt in ((0, 1, ["head"]), (1, 3, ["tail", "head"]), (5, 2, ["head", "relation", "tail"]), (7, 4, ["tail"])):
            test_samplers.test_basic_replays_its_draws.hypothesis.inner_test(seed=seed, n=n, k=k, corrupt=corrupt)
            test_samplers.test_bernoulli_replays_its_draws.hypothesis.inner_test(seed=seed, n=n, k=k)
    test_samplers.test_bernoulli_at_the_very_probability()
    test_samplers.test_samplers_take_any_generator_and_leave_their_input_alone()


def probabilities():
    """How often heads are replaced."""
    for seed, n in itertools.product(range(6), (0, 1, 9, 60)):
        test_samplers.test_bernoulli_probabilities.hypothesis.inner_test(seed=seed, n=n)
    test_samplers.test_bernoulli_shares()


def known_triples():
    """The index of known triples against sets."""
    inner = test_samplers.test_known_mask_is_a_set_lookup.hypothesis.inner_test
    for seed, n in itertools.product(range(6), (0, 1, 7, 40)):
        for shape in ((6, 4), (0, 3), (1, 1), (7,), (2, 3, 2)):
            for ids in ("small", "huge"):
                inner(seed=seed, n=n, shape=shape, ids=ids)
    test_samplers.test_several_arrays_are_one_index()


def samplers_refused():
    """What samplers refuse."""
    every(test_samplers.test_bad_input_is_refused)


SAMPLERS = [draws_replayed, probabilities, known_triples, samplers_refused, test_samplers.test_a_hundred_thousand_known_triples]

# ---- dropout: samples and laws


def samples():
    """Means and variances of scores drawn with dropout, and what becomes of modes."""
    for side in test_uncertainty.PREDICT:
        test_uncertainty.test_mean_and_variance_are_those_of_scores_drawn_one_after_the_other(side, np.float64)
        test_uncertainty.test_the_modes_are_as_before_and_no_other_draws_were_made(side, (True, False))
    test_uncertainty.test_five_samples_are_drawn_unless_told_otherwise()
    test_uncertainty.test_without_dropout_there_is_nothing_to_sample()
    test_uncertainty.test_dropout_of_zero_and_of_one_draw_nothing()
    test_uncertainty.test_a_score_that_is_not_finite_has_no_moments()


def laws_by_hand():
    """Special rates and rows, blocks of cases, normalizers, presets."""
    test_uncertainty.test_small_rates_keep_their_digits()
    test_uncertainty.test_without_dropout_the_score_has_one_value_however_large()
    test_uncertainty.test_moments_broadcast_as_the_interaction_does()
    test_uncertainty.test_a_float16_model_is_scored_in_float32()
    test_uncertainty.test_values_that_are_too_unlikely_for_a_float_are_left_out()
    test_uncertainty.test_what_is_always_dropped_makes_no_cases()
    test_uncertainty.test_where_nothing_is_dropped_each_score_has_variance_zero()
    every(test_uncertainty.test_dropout_in_what_a_row_is_made_of_has_no_law)
    test_uncertainty.test_every_case_is_counted_whatever_the_blocks(block=3)
    test_uncertainty.test_presets_have_laws()
    test_uncertainty.test_the_law_of_the_documentations_example()
    for interaction in ("distmult", "complex"):
        test_uncertainty.test_the_mean_is_the_score_without_dropout_and_normalizers_come_first(interaction)


def laws_against_masks():
    """All masks, in fractions."""
    kinds = itertools.cycle([("whole", np.float64), ("any", np.float32), ("zeros", np.complex64), ("shared", np.complex128)])
    for rates, (kind, dtype) in zip(test_uncertainty.RATES, kinds, strict=False):
        test_uncertainty.test_the_law_is_that_of_all_masks(rates, kind, dtype)


def laws_as_distributions():
    """Probabilities, quantiles, moments, what rounds up."""
    test_uncertainty.test_mean_and_variance_of_a_law()
    inner = test_uncertainty.test_pmf_cdf_and_quantile_are_those_of_the_list.hypothesis.inner_test
    for seed, d in itertools.product(range(4), range(5)):
        inner(seed=seed, d=d, dtype=np.float32)
    test_uncertainty.test_probabilities_that_round_up_do_not_make_more_than_one()


def laws_refused():
    """What laws and samples refuse."""
    every(test_uncertainty.test_bad_input_is_refused_and_nothing_is_drawn)


LAWS = [
    laws_by_hand,
    laws_against_masks,
    laws_refused,
    test_uncertainty.test_many_terms_make_too_many_cases_unless_they_are_zero,
    test_uncertainty.test_no_case_is_lost_beyond_two_to_the_fourteen,
]

ROOMS = {
    **{f"kge.losses.{name}": [*LOSSES, *against_mpmath(name)] for name in test_losses.GOLDEN},
    "kge.losses": [*LOSSES, *against_mpmath("mse", "softplus", "bce_with_logits")],
    "kge.evaluation.chance": METRICS,
    "kge.evaluation.means": METRICS,
    "kge.evaluation.metrics": METRICS,
    "kge.evaluation.known": KNOWN,
    "kge.evaluation": RANKS,
    "layers.modes.evaluation_mode": RANKS,
    "kge.samplers": SAMPLERS,
    "kge.uncertainty.distribution": [laws_as_distributions, laws_refused],
    "kge.uncertainty.monte_carlo": [samples, laws_refused],
    "kge.uncertainty": LAWS,
}
"""By the beginning of a function's name, the longer ones first: what is run against mutants of every function."""


def killers(name):
    """Those of a function in such a room, or None."""
    return next((found for room, found in ROOMS.items() if f"{name}.".startswith(f"{room}.")), None)


def functions(module):
    """Every function that a module of such a room defines: methods and properties too, and what a decorator has wrapped."""
    for value in vars(module).values():
        inside = vars(value).values() if inspect.isclass(value) and value.__module__ == module.__name__ else ()
        for one in (value, *inside):
            function = getattr(one, "fget", one)
            function = inspect.unwrap(function) if callable(function) else function
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                yield function
