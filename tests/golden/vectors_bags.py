"""Cases of bags: rows summed, averaged or compared, and where their gradients go."""

import math

from vectors_cases import case, ints, value
from vectors_exact import EPS, array, exact, mpf, norm

TABLE = [[1.5, -2.0], [0.25, 3.0], [-7.0, -0.125], [4.0, -0.5], [6.0, 1.0]]
G = [[1.0, -2.0], [-3.0, 0.5], [2.5, 4.0], [-1.5, 8.0]]
IDS = [2, 0, 2, 4, 1, 0]
WEIGHTS = [0.5, -2.0, 4.0, 1.5, -0.25, 3.0]
NOTHING = {"mean": ("empty_mean", "not_a_number", math.nan), "max": ("empty_max", "minus_infinity", -math.inf)}
EMPTY = "An empty bag gives zeros, and no gradient."


def cut(ids, offsets, last=False):
    """The places of the ids of each bag."""
    if offsets is None:
        k = len(ids[0])
        return [list(range(b * k, b * k + k)) for b in range(len(ids))]
    ends = [*offsets[1:]] if last else [*offsets[1:], len(ids)]
    return [list(range(a, b)) for a, b in zip(offsets, ends, strict=False)]


def flat(ids):
    return [j for i in ids for j in flat(i)] if isinstance(ids, list) else [ids]


def pooled(table, ids, bags, mode, weights=None, padding=None, empty=0):
    """The rows of each bag put together, exactly; a bag without any is `empty`."""
    found = []
    for places in bags:
        kept = [j for j in places if ids[j] != padding]
        drawn = [[exact(v) * (1 if weights is None else exact(weights[j])) for v in table[ids[j]]] for j in kept]
        if not drawn:
            found.append([empty] * len(table[0]))
        elif mode == "max":
            found.append([max(c) for c in zip(*drawn, strict=True)])
        else:
            found.append([sum(c) / (len(drawn) if mode == "mean" else 1) for c in zip(*drawn, strict=True)])
    return found


def pulled(table, ids, bags, mode, g, weights=None, padding=None, by_freq=False, ties="first"):
    """The gradient of the table, and of the weights."""
    d = [[exact(0)] * len(table[0]) for _ in table]
    dw = [exact(0)] * len(ids)
    for b, places in enumerate(bags):
        kept = [j for j in places if ids[j] != padding]
        for c in range(len(table[0])):
            column = [table[ids[j]][c] for j in kept]
            top = [j for j, v in zip(kept, column, strict=True) if v == max(column)]
            for j in kept:
                share = exact(g[b][c])
                if mode == "mean":
                    share /= len(kept)
                elif mode == "max":
                    whole = {"first": top[:1], "last": top[-1:], "all": top}.get(ties)
                    share *= exact(j in whole) if whole else exact(1) / len(top) if j in top else 0
                share *= 1 if weights is None else exact(weights[j])
                d[ids[j]][c] += share / (ids.count(ids[j]) if by_freq else 1)
                dw[j] += exact(g[b][c]) * exact(table[ids[j]][c])
    return d, dw


def made(id, dtype, ids, offsets, mode, why, *, weights=None, table=TABLE, mistakes=None, frequency=False, **options):
    """A case of the lookup and one of its gradient."""
    places = cut(ids, offsets, options.get("include_last_offset", False))
    padding = options.get("padding_idx")
    pad = None if padding is None else padding % len(table)
    inputs = {"table": array(dtype, table), "ids": ints(ids)}
    inputs |= {"offsets": ints(offsets)} if offsets is not None else {}
    inputs |= {"weights": array(dtype, weights)} if weights else {}
    options = {"mode": mode, **options}
    near = f"rtol:{4 * EPS[dtype]:.1e}", 8  # terms of up to 8 divided, and added to what may be 0
    compare = near if mode == "mean" or frequency else ("exact",)
    if not frequency:
        out = pooled(table, flat(ids), places, mode, weights, pad)
        from_zero = [[max(v, 0) for v in row] for row in out]
        wrong = (
            [("a maximum starts from zero", {"output": value(array(dtype, from_zero, [len(places), 2]))})]
            if mode == "max"
            else []
        )
        right = {"expected": {"output": value(array(dtype, out, [len(places), 2]), *compare)}}
        if mode in NOTHING and not all(any(flat(ids)[j] != pad for j in bag) for bag in places):
            name, other, nothing = NOTHING[mode]
            other_out = pooled(table, flat(ids), places, mode, weights, pad, nothing)
            expected = {"output": value(array(dtype, other_out, [len(places), 2]), *compare)}
            right = {"answers": [({name: "zeros"}, right["expected"]), ({name: other}, expected)]}
        yield case(f"bag/{mode}-{id}-{dtype}", "bag", why, inputs, **right, options=options, mistakes=wrong)
    g = [G[b % 4] for b in range(len(places))]
    d, dw = pulled(table, flat(ids), places, mode, g, weights, pad, frequency)
    expected = {"gradient": value(array(dtype, d), *compare)}
    expected |= {"weight_gradient": value(array(dtype, dw))} if weights else {}
    wrong = [
        (cause, {"gradient": value(array(dtype, m(flat(ids), places, g)), *compare)}) for cause, m in (mistakes or {}).items()
    ]
    yield case(
        f"bag/{mode}-{id}-gradient-{dtype}",
        "bag_backward",
        why,
        {**inputs, "g": array(dtype, g, [len(places), 2])},
        expected,
        options=options,
        mistakes=wrong,
    )


def bags(dtype):
    for mode in ("sum", "mean", "max"):
        as_mean = {"in mode max the gradient is that of the mean": lambda i, p, g: pulled(TABLE, i, p, "mean", g)[0]}
        why = {
            "sum": "The sum of the rows of a bag.",
            "mean": "The mean of the rows of a bag: its gradient is shared by them.",
            "max": "The largest of each column: its gradient goes to the row that it came from.",
        }[mode]
        yield from made("offsets", dtype, IDS, [0, 2, 5], mode, why, mistakes=as_mean if mode == "max" else None)
        yield from made("matrix", dtype, [[2, 0, 2], [4, 1, 0]], None, mode, why)
        yield from made("bags-of-one", dtype, [3, 1, 3], [0, 1, 2], mode, "A bag of one id is a lookup.")
        yield from made("empty-first", dtype, IDS, [0, 0, 4], mode, EMPTY)
        yield from made("empty-between", dtype, IDS, [0, 3, 3, 4], mode, EMPTY)
        yield from made("empty-last", dtype, IDS, [0, 3, 6], mode, EMPTY + " It counts where it is the last one, too.")
        yield from made("empty-all", dtype, [], [0, 0], mode, EMPTY)
        yield from made(
            "include-last-offset",
            dtype,
            IDS,
            [0, 2, 6],
            mode,
            "The last offset is where the last bag ends.",
            include_last_offset=True,
        )
        yield from made(
            "short-last-offset",
            dtype,
            IDS,
            [0, 2, 4],
            mode,
            "With include_last_offset, ids behind the last offset are in no bag.",
            include_last_offset=True,
        )
        padded = {}
        if mode == "mean":
            padded = {
                "the mean counts the padding of the bag": lambda i, p, g: [
                    [0, 0] if r == 0 else row for r, row in enumerate(pulled(TABLE, i, p, "mean", g)[0])
                ]
            }
        why = "Padding is in no bag: it adds nothing, counts nothing, and gets no gradient."
        yield from made("padding", dtype, IDS, [0, 2, 5], mode, why, padding_idx=0, mistakes=padded)
        yield from made(
            "padding-alone", dtype, [1, 1, 3], [0, 2], mode, "A bag of padding alone is empty: zeros, no gradient.", padding_idx=1
        )
        yield from made("padding-last-row", dtype, [4, 1, 3, 4], [0, 2], mode, why, padding_idx=-1)
    negative = [[-1.5, -2.0], [-0.25, -3.0], [-7.0, -0.125]]
    yield from made(
        "below-zero",
        dtype,
        [0, 1, 2],
        [0, 2],
        "max",
        "The largest of negative numbers is negative: a maximum does not start from zero.",
        table=negative,
    )
    yield from made(
        "weights",
        dtype,
        IDS,
        [0, 2, 5],
        "sum",
        "Each row is multiplied by its weight; that of a weight is <g, row>.",
        weights=WEIGHTS,
        mistakes={"the gradient of the table lacks the weights": lambda i, p, g: pulled(TABLE, i, p, "sum", g)[0]},
    )
    yield from made(
        "weights-padding", dtype, IDS, [0, 2, 5], "sum", "The weight of padding gets no gradient.", weights=WEIGHTS, padding_idx=2
    )
    for mode in ("sum", "mean"):
        plain = {"scale_grad_by_freq has no effect": lambda i, p, g, m=mode: pulled(TABLE, i, p, m, g)[0]}
        why = "scale_grad_by_freq divides the gradient of a row by how often its id stands in the whole input."
        yield from made(
            "frequency", dtype, [1, 1, 2, 0, 1], [0, 3], mode, why, scale_grad_by_freq=True, frequency=True, mistakes=plain
        )
        yield from made(
            "frequency-one-bag", dtype, [1, 1, 2], [0], mode, why, scale_grad_by_freq=True, frequency=True, mistakes=plain
        )
    tied = [[2.0, -1.0], [2.0, -1.0], [1.0, -1.0]]
    shares = {
        t: {"gradient": value(array(dtype, pulled(tied, [0, 1, 2], [[0, 1, 2]], "max", [[3.0, 6.0]], ties=t)[0]), "ulp:4")}
        for t in ("first", "last", "split", "all")
    }
    whole = shares.pop("all")
    answers = [({"max_ties": t}, found) for t, found in shares.items()]
    yield case(
        f"bag/max-ties-{dtype}",
        "bag_backward",
        "Rows that share a maximum: the first or the last gets its gradient, or each its share.",
        {"table": array(dtype, tied), "ids": ints([0, 1, 2]), "offsets": ints([0]), "g": array(dtype, [[3.0, 6.0]])},
        answers=answers,
        options={"mode": "max"},
        mistakes=[("each of several equal maxima gets the whole gradient", whole)],
    )
    nan = [[1.0, math.nan], [math.nan, 1.0]]
    yield case(
        f"bag/max-not-a-number-{dtype}",
        "bag",
        "A NaN in a bag is seen in its maximum, in whichever order the rows come.",
        {"table": array(dtype, nan), "ids": ints([0, 1]), "offsets": ints([0])},
        {"output": value(array(dtype, [[math.nan, math.nan]]))},
        options={"mode": "max"},
    )
    short = [[mpf(v) / norm([mpf(3), mpf(4)], 2) for v in (3, 4)], [0.25, 0.5]]
    long = [[3.0, 4.0], [0.25, 0.5]]
    answers = []
    for formula, slack in (("projection", 0), ("plus_1e-7", mpf(1e-7))):
        for writes in ("table", "output"):
            new = [[mpf(v) / (5 + slack) for v in (3, 4)], short[1]]
            found = {"output": value(array(dtype, [[new[0][0] + 0.25, new[0][1] + 0.5]]), "ulp:4")}
            found["table"] = value(array(dtype, new if writes == "table" else long), "ulp:4")
            answers.append(({"max_norm_formula": formula, "max_norm_writes": writes}, found))
    yield case(
        f"bag/sum-max-norm-{dtype}",
        "bag",
        "max_norm shortens the rows that a bag asks for.",
        {"table": array(dtype, long), "ids": ints([0, 1]), "offsets": ints([0])},
        answers=answers,
        options={"mode": "sum", "max_norm": 1.0},
    )


def corners(dtype):
    """No bags at all, and bags all of which are empty."""
    table = array(dtype, TABLE)
    for mode in ("sum", "mean", "max"):
        for name, bags, ids, offsets, more in (
            ("no-bags", 0, ints([]), ints([]), {}),
            ("no-bags-last-offset", 0, ints([]), ints([0]), {"include_last_offset": True}),
            ("no-bags-matrix", 0, ints([], shape=[0, 3]), None, {}),
            ("empty-matrix", 3, ints([], shape=[3, 0]), None, {}),
        ):
            inputs = {"table": table, "ids": ids, "g": array(dtype, [[1.0, -2.0]] * bags, [bags, 2])}
            inputs |= {"offsets": offsets} if offsets else {}
            found = {"output": value(array(dtype, [[0, 0]] * bags, [bags, 2])), "gradient": value(array(dtype, [[0, 0]] * 5))}
            why = "No bags, no rows, and no gradient." if bags == 0 else EMPTY
            assumes = [NOTHING[mode][0]] if bags and mode in NOTHING else []
            id = f"bag/{mode}-{name}-{dtype}"
            yield case(id, "bag_backward", why, inputs, found, options={"mode": mode, **more}, assumes=assumes)


def half(dtype):
    stuck = 2048 if dtype == "float16" else 256
    inputs = {"table": array(dtype, [[1.0], [2.0]]), "ids": ints(0, shape=[4096]), "offsets": ints([0])}
    yield case(
        f"bag/sum-4096-rows-{dtype}",
        "bag",
        f"4096 rows of one add up to 4096: a half-precision sum stops at {stuck}, so add in float32, round once.",
        inputs,
        {"output": value(array(dtype, [[4096.0]]))},
        options={"mode": "sum"},
        mistakes=[(f"a half-precision sum that stops at {stuck}", {"output": value(array(dtype, [[stuck]]))})],
        flags=["half_precision"],
    )
    yield case(
        f"bag/sum-4096-rows-gradient-{dtype}",
        "bag_backward",
        f"4096 gradients of one add up to 4096: a half-precision sum stops at {stuck}, so add in float32, round once.",
        {**inputs, "g": array(dtype, [[1.0]])},
        {"gradient": value(array(dtype, [[4096], [0]]))},
        options={"mode": "sum"},
        mistakes=[(f"a half-precision sum that stops at {stuck}", {"gradient": value(array(dtype, [[stuck], [0]]))})],
        flags=["half_precision", "repeated_ids"],
    )


def cases():
    """All of them."""
    for dtype in ("float16", "bfloat16"):
        yield from half(dtype)
    for dtype in ("float32", "float64"):
        yield from bags(dtype)
        yield from corners(dtype)
