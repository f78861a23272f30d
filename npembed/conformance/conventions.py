"""The conventions: where more than one answer is right, the answers that have a name."""

CONVENTIONS = {
    "accumulation": ("wide", "table"),
    "clamp_edge": ("pass", "stop", "half"),
    "clamp_norm_edge": ("project", "pass"),
    "complex_gradient": ("re_plus_i_im", "conjugate"),
    "frozen_max_norm": ("stays", "shortened"),
    "id_dtypes": ("taken", "refused"),
    "inf_norm_ties": ("split", "first"),
    "max_norm_formula": ("projection", "plus_1e-7"),
    "max_norm_writes": ("table", "output"),
    "max_ties": ("first", "split"),
    "norm_at_zero": ("divide", "stop"),
    "slope_at_zero": ("zero", "one"),
    "subnormals": ("kept", "flushed"),
    "uint64_ids": ("taken", "refused"),
    "untouched": ("dense", "lazy"),
}
"""Name: what a layer may choose.

accumulation: gradients of one row are added in a wider type and rounded once, or in the dtype of the table, one after the other;
clamp_edge: the slope of clamp at a bound (1, 0, 1/2); clamp_norm_edge: on the sphere the slope of the projection, or 1;
complex_gradient: of z, dL/dRe z + i dL/dIm z or the conjugate; frozen_max_norm: a frozen table stays, or is shortened where it
is looked up, and what is looked up is short in any case; id_dtypes, uint64_ids: ids of other integer types than int32 and int64,
those of uint64 by themselves, are looked up, or refused by an exception; inf_norm_ties, max_ties: largest numbers that are equal
share, or the first has all; max_norm_formula: x max_norm / n or x max_norm / (n + 1e-7); max_norm_writes: short in the table
too, or in what was looked up alone; norm_at_zero: the gradient of normalize at a zero row, g / eps or 0; slope_at_zero: of the
absolute value;
subnormals; untouched: rows without a gradient are moved by momentum, moments and weight decay, or wait.
"""


def conventions_of(function, declared):
    """`declared` (a dict, or None), each name and choice of which is one of `CONVENTIONS`."""
    for name, choice in dict(declared or {}).items():
        if name not in CONVENTIONS:
            raise ValueError(f"{function}: conventions[{name!r}] is unknown; allowed: {', '.join(CONVENTIONS)}")
        if choice not in CONVENTIONS[name]:
            raise ValueError(
                f"{function}: conventions[{name!r}] = {choice!r} is not a choice; allowed: {', '.join(CONVENTIONS[name])}"
            )
    return dict(declared or {})
