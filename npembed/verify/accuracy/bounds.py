"""What each op promises, by direction, dtype and class of input; where it is less than the rule, with the reason."""

RULE = {"single": {"ulp_999": 1.0}, "double": {"normwise": 4.0}}
"""On input that does not cancel: single precision is computed in double and rounded once, so that 99.9 % of all numbers are within one
ulp; in double precision a row (the scores of a batch) is within 4 machine epsilons of its length."""

EXACT = {"max_ulp": 0.5}
"""With ``precision="exact"``, for any input."""

INSIDE = "a row that rounding has carried over the bound is stepped inside, each number by an ulp: none is beyond it"
CHAIN = "the part that comes by way of the weights is itself a difference, of terms that are off by an ulp or two"
EQUAL = "labels that are all alike ask for equal scores: where these nearly are, softmax and labels cancel"
ALONG = "what it hands to normalize_vjp is the other row, which may be nearly along this one"
ORDER = "gradients of a repeated id, and rows of a bag, are added up in batch order, in the dtype of the table"
PARTS = "parts of a product of complex numbers cancel, where one of its factors has parts of very different size"
BESIDE = "along a number that all but makes up its row, so that what is left beside it has fewer digits"
STATED = [
    (("rotate", "backward", "single", "spanning"), {"normwise": 1.0}, PARTS),
    (("transform", "backward", "single", "spanning"), {"normwise": 1.0}, BESIDE),
    (("orthogonality", "backward", "single", "spanning"), {"normwise": 1.0}, ALONG),
    *(
        ((name, "backward", "single", None), {"normwise": 4.0}, ORDER)
        for name in ("gather", "lookup", "penalty", "score", "embedding_bag")
    ),
    (("embedding_bag", "forward", "single", None), {"normwise": 4.0}, ORDER),
    (("nssa", "backward", "double", None), {"normwise": 8.0}, CHAIN),
    (("nssa_lcwa", "backward", "double", None), {"normwise": 8.0}, CHAIN),
    (("orthogonality", "backward", "double", None), {"normwise": 8.0}, ALONG),
    (("crossentropy_lcwa", "backward", "single", "tiny"), {"normwise": 1.0}, EQUAL),
    (("clamp_norm", "forward", "single", None), {"ulp_999": 2.0, "normwise": 1.5}, INSIDE),
    (("clamp_norm other p", "forward", "single", None), {"ulp_999": 2.0, "normwise": 1.5}, INSIDE),
    (
        ("clamp_norm other p", "forward", "double", None),
        {"normwise": 24.0},
        "the aim is 20 eps inside: a power mean is not known better",
    ),
]
"""(op, direction, precision, class), None for any; the bounds instead; why."""


ENTRYWISE = (
    "norm", "normalize", "softmax", "complex_normalize", "quaternion_normalize", "clamp", "clamp_norm", "transe", "distmult",
    "complex_bilinear", "lp", "power_sum", "norm_limit",
)  # fmt: skip
"""In double precision too each number of these is within `ENTRY` on rows that span the range of exponents (and gradients along which
they do not cancel), not only what is large beside the others."""
ENTRY = {"max_ulp": 6.0, "normwise": 4.0}


def bounds_of(label, direction, double, kind):
    """The bounds that hold, and the reason if they are not the rule.

    >>> bounds_of("distmult", "forward", True, "random")
    ({'normwise': 4.0}, '')
    """
    if label == "normalize exact":
        return EXACT, ""
    here = (label, direction, "double" if double else "single", kind)
    if kind == "cancelling":
        return {}, "cancels: what is left has fewer digits"
    for where, bounds, reason in STATED:
        if all(a is None or a == b for a, b in zip(where, here, strict=True)):
            return bounds, reason
    if kind == "spanning" and double and label in ENTRYWISE:
        return ENTRY, ""
    return RULE["double" if double else "single"], ""
