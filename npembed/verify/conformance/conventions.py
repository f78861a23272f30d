"""The conventions: where more than one answer is right, the answers that have a name."""

CONVENTIONS = {
    "accumulation": ("wide", "table"),
    "adagrad_eps": ("outside", "under_root"),
    "adagrad_sums": ("entry", "row"),
    "adam_eps": ("corrected", "uncorrected", "under_root"),
    "clamp_edge": ("pass", "stop", "half", "pass_min", "pass_max"),
    "clamp_norm_edge": ("project", "pass", "half"),
    "complex_gradient": ("re_plus_i_im", "conjugate"),
    "empty_max": ("zeros", "minus_infinity"),
    "empty_mean": ("zeros", "not_a_number"),
    "first_momentum": ("gradient", "dampened"),
    "frozen_max_norm": ("stays", "shortened"),
    "id_dtypes": ("taken", "refused"),
    "inf_norm_ties": ("split", "first", "last"),
    "max_norm_formula": ("projection", "plus_1e-7"),
    "max_norm_gradient": ("plain", "projected"),
    "max_norm_writes": ("table", "output"),
    "max_ties": ("first", "last", "split"),
    "missing_rows": ("dense", "lazy", "decay_on_touch"),
    "norm_at_zero": ("divide", "stop"),
    "slope_at_zero": ("zero", "one", "minus_one"),
    "step_count": ("table", "row"),
    "subnormals": ("kept", "flushed"),
    "uint64_ids": ("taken", "refused"),
}
"""Name: what a layer may choose. What the choices mean stands in the docstring of `npembed.verify.conformance`."""

ON_REQUEST = frozenset((
    "adagrad_eps", "adagrad_sums", "adam_eps", "empty_max", "empty_mean", "first_momentum", "max_norm_gradient",
))  # fmt: skip
"""Here the first choice is the rule, and another one a mistake, unless it is declared."""


def is_rule(name, choice):
    """Whether `choice` is what everybody expects.

    >>> is_rule("adam_eps", "corrected"), is_rule("adam_eps", "under_root"), is_rule("clamp_edge", "pass")
    (True, False, False)
    """
    return name in ON_REQUEST and choice == CONVENTIONS[name][0]


def meant(conventions, name, choice):
    """Whether a layer that declares `conventions` may choose so.

    >>> meant({}, "clamp_edge", "half"), meant({"clamp_edge": "stop"}, "clamp_edge", "half"), meant({}, "adam_eps", "under_root")
    (True, False, False)
    """
    if name in conventions:
        return choice == conventions[name]
    return name not in ON_REQUEST or is_rule(name, choice)
