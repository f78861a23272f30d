"""Every op with its reference, its inputs and its bounds; or the reason why it has none."""

import math
from collections.abc import Callable
from typing import NamedTuple

from . import compositions, inputs

BITS = 700
"""Digits of the arithmetic, in bits: a step takes 200 of them, and what cancels some 100 more; 300 are left at the least."""
BITS_OF_EXPONENTIALS = 1800
"""The same for the classes "tiny" and "huge", where gradients may be as small as 2**-1074 beside terms of order one."""


BITS_OF_SPANNING = 2000
BITS_OF_ENTRYWISE = 9000
"""For the class "spanning": what counts in a row (and all in single precision), and in double precision each number, where they are
2**-2098 of each other and products of them less."""


class Entry(NamedTuple):
    """An op's name, its cases, what tells it from another entry of the op, and the digits that its reference takes."""

    op: str
    cases: Callable
    label: str = ""
    bits: int = BITS


FINITE = ({"p": 1}, {"p": 2}, {"p": 3})
ORDERS = (*FINITE, {"p": math.inf})
SHARP = tuple({"p": p, "eps": eps, "precision": "exact"} for p in (1, 2, math.inf) for eps in (0, 0.625))
BALLS = tuple({**o, "maxnorm": inputs.BOUND} for o in ORDERS)
MARGINS = tuple({"margin": margin, "edge": "half"} for margin in (1.0, 0.5, -0.5))
NSSA = tuple({"detach": False, "margin": m, "adversarial_temperature": t} for m, t in ((9.0, 1.0), (0.5, 2.0)))
PARTS = {"regularizers": [("lp", {"p": 1}, 2.0), ("power_sum", None, 0.5)], "weight": 0.3}


ENTRIES = (
    Entry("norm", inputs.row_map(*ORDERS)),
    Entry("normalize", inputs.row_map(*({**o, "eps": 0} for o in ORDERS), {"p": 2, "eps": 0.625})),
    Entry("normalize", inputs.row_map(*SHARP, only=inputs.is_sharp), "exact"),
    Entry("softmax", inputs.row_map({}, dtypes="fd"), bits=BITS_OF_EXPONENTIALS),
    Entry("complex_normalize", inputs.row_map({"eps": 0}, {"eps": 0.25})),
    Entry("quaternion_normalize", inputs.row_map({"eps": 0}, {"eps": 0.625}, dtypes="fd")),
    Entry("clamp", inputs.row_map({"min": -0.5, "max": 0.625, "edge": "half"}, dtypes="fd")),
    Entry("clamp_norm", inputs.row_map(*BALLS, only=inputs.is_sharp)),
    Entry("clamp_norm", inputs.row_map(*BALLS, only=lambda o, dtype: not inputs.is_sharp(o, dtype)), "other p"),
    Entry(
        "transe",
        inputs.triple(*ORDERS, {"p": 2, "power_norm": True}, dtypes="fdFD", nearly=inputs.translated),
    ),
    Entry("distmult", inputs.triple({}, dtypes="fd", product=True, nearly=inputs.balanced)),
    Entry("complex_bilinear", inputs.triple({}, dtypes="FD", product=True, nearly=inputs.balanced)),
    Entry(
        "rotate",
        inputs.triple({"p": 1}, {"p": 2}, {"p": 2, "turn": "tail"}, dtypes="FD", product=True, nearly=inputs.turned, most=1 / 3),
    ),
    Entry("margin_ranking", inputs.compared(*MARGINS)),
    Entry("margin_ranking_lcwa", inputs.labelled(*MARGINS, shares=False)),
    Entry("softplus", inputs.compared(), bits=BITS_OF_EXPONENTIALS),
    Entry("softplus_lcwa", inputs.labelled(), bits=BITS_OF_EXPONENTIALS),
    Entry("bce_with_logits", inputs.compared({}, {"pos_weight": 3.0}), bits=BITS_OF_EXPONENTIALS),
    Entry("bce_with_logits_lcwa", inputs.labelled({}, {"pos_weight": 0.25}), bits=BITS_OF_EXPONENTIALS),
    Entry("mse", inputs.compared()),
    Entry("mse_lcwa", inputs.labelled()),
    Entry("nssa", inputs.compared(*NSSA), bits=BITS_OF_EXPONENTIALS),
    Entry("nssa_lcwa", inputs.labelled(*NSSA, shares=False), bits=BITS_OF_EXPONENTIALS),
    Entry("crossentropy", inputs.compared(), bits=BITS_OF_EXPONENTIALS),
    Entry("crossentropy_lcwa", inputs.labelled(), bits=BITS_OF_EXPONENTIALS),
    Entry("lp", inputs.charged({"p": 2, "weight": 0.3}, {"p": 1}, {"p": 3}, {"p": math.inf}, {"p": 2, "normalize": True})),
    Entry("power_sum", inputs.charged({"p": 2}, {"p": 3, "weight": 0.3}, {"p": 1}, {"p": 2, "normalize": True})),
    Entry(
        "norm_limit",
        inputs.charged(
            *({"p": p, "power_norm": False, "edge": "half", "max_norm": 0.625} for p in (1, 2, 3)),
            {"p": 2, "edge": "half", "max_norm": 0.390625},
        ),
    ),
    Entry("orthogonality", inputs.charged({"epsilon": 0.01, "weight": 0.7}, arrays=2, dtypes="fd")),
    Entry("combined", inputs.charged(PARTS)),
    Entry("no", inputs.charged({})),
    Entry("gather", compositions.gathered),
    Entry("lookup", compositions.looked_up),
    Entry("transform", compositions.transformed),
    Entry("penalty", compositions.penalized),
    Entry("score", compositions.scored),
    Entry("embedding_bag", compositions.pooled),
    Entry("low_rank", compositions.mixed),
    Entry("concat", compositions.combined),
    Entry("add", compositions.combined),
    Entry("multiply", compositions.combined),
)
"""What is measured."""

REASONS = {
    "transform_vjp": "composed of the vjp of a normalizer and a product with a mask",
    **{
        f"{name}_vjp": "as the vjp of that map it is measured; its own is held against mpmath in tests/slow/test_second_order.py"
        for name in ("normalize", "softmax", "complex_normalize", "quaternion_normalize", "clamp", "clamp_norm")
    },
}
"""What is not, and why."""
