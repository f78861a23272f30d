"""Cases of the maps of a row, as normalizer (looked up, and differentiated) and as constrainer."""

from vectors_cases import case, ints, length, loose, mapped, mapped_vjp, pairs, part, rows, scatter, value
from vectors_exact import EPS, array, exact, mpf

TABLE = [[1.5, -2.0, 0.5], [0.25, 3.0, -1.0], [-7.0, 0.125, 2.5], [0.0, -0.5, 0.75]]
G = [[0.7, -1.3, 2.1], [-0.4, 0.9, 1.7], [2.2, 0.6, -0.8], [1.1, -1.9, 0.3]]
SHAPES = {"vector": [2, 0, 2, 1], "matrix": [[2, 0], [3, 1]], "column": [[2], [0]], "three-axes": [[[2], [0]]]}
ALONG = "{} works along the row, whatever the shape of the ids: one id, one vector."
ONCE = "A normalizer is part of the forward pass, and its derivative of the backward pass."


def nested(ids, of):
    return [nested(i, of) for i in ids] if isinstance(ids, list) else of(ids)


def flat(ids):
    return [j for i in ids for j in flat(i)] if isinstance(ids, list) else [ids]


def arrays(dtype, table, ids, g=None):
    found = {"table": array(dtype, table), "ids": ints(ids)}
    return found if g is None else {**found, "g": array(dtype, g)}


def both(id, dtype, table, ids, g, name, options, why, *, times=1, **more):
    """A lookup and a backward through the normalizer `name` of rows that are real vectors."""
    about = {"normalizer": name, **({"normalizer_options": options} if options else {})}
    table, g = rows(table, dtype), rows(g, dtype)
    out = nested(ids, lambda i: mapped(table[i], name, **options))
    yield case(
        f"normalizer/{id}-{dtype}",
        "lookup",
        why,
        arrays(dtype, table, ids),
        {"output": value(array(dtype, out), loose(dtype, times))},
        options=about,
        **more,
    )
    drows = [mapped_vjp(v, table[i], name, **options) for v, i in zip(g, flat(ids), strict=False)]
    right = scatter(len(table), len(table[0]), flat(ids), drows)
    raw = scatter(len(table), len(table[0]), flat(ids), g[: len(flat(ids))])
    source = iter(g)
    inputs = arrays(dtype, table, ids, nested(ids, lambda _: next(source)))
    scale = max([length(v) for v in right] + [max(map(abs, map(float, v))) for v in right])
    wrong = [
        (
            "the gradient passes as if there were no normalizer: it was treated as a constrainer",
            {"gradient": value(array(dtype, raw), loose(dtype))},
        )
    ]
    if name == "normalize" and options.get("p", 2) == 2:
        squared = scatter(
            len(table),
            len(table[0]),
            flat(ids),
            [[d / length(table[i]) for d in v] for v, i in zip(drows, flat(ids), strict=False)],
        )
        wrong.append(
            (
                "the gradient of normalize is divided by the squared length",
                {"gradient": value(array(dtype, squared), loose(dtype, 2))},
            )
        )
        straight = scatter(
            len(table),
            len(table[0]),
            flat(ids),
            [[mpf(a) / mpf(length(table[i])) for a in v] for v, i in zip(g, flat(ids), strict=False)],
        )
        wrong.append(
            ("the gradient of normalize keeps its part along the row", {"gradient": value(array(dtype, straight), loose(dtype))})
        )
    yield case(
        f"normalizer/{id}-gradient-{dtype}",
        "backward",
        f"{why} {ONCE}",
        inputs,
        {"gradient": value(array(dtype, right), loose(dtype, times), scale)},
        options=about,
        mistakes=wrong,
        **more,
    )


def normalizers(dtype):
    for p in (1, 2, 3, "inf"):
        why = f"normalize divides a row by its length, p = {p}."
        yield from both(f"normalize-p-{p}", dtype, TABLE[:3], [2, 0, 1], G, "normalize", {} if p == 2 else {"p": p}, why)
    for name in ("normalize", "softmax"):
        for shape, ids in SHAPES.items():
            yield from both(f"{name}-{shape}", dtype, TABLE, ids, G, name, {}, ALONG.format(name))
    small = [[3e-13, 4e-13], [6e-14, -8e-14]]
    why = "A row shorter than eps is divided by eps, and so is its gradient."
    yield from both("normalize-below-eps", dtype, small, [0, 1], [[1.0, -2.0], [0.5, 3.0]], "normalize", {}, why)
    yield from both(
        "normalize-below-large-eps",
        dtype,
        [[0.3, 0.4], [3.0, 4.0]],
        [0, 1],
        [[1.0, -2.0], [0.5, 3.0]],
        "normalize",
        {"eps": 1.0},
        why,
    )
    tiny, huge = (1e-30, 1e30) if dtype == "float32" else (1e-200, 1e200)
    why = f"A row of some {tiny:g} has a direction too: its squares are too small for the dtype, its length is not."
    tiny_rows, g = [[3 * tiny, 4 * tiny], [-5 * tiny, 12 * tiny]], [[1.0, -2.0], [0.5, 3.0]]
    yield from both(
        "normalize-tiny-rows", dtype, tiny_rows, [0, 1], [[v * tiny for v in r] for r in g], "normalize", {"eps": 0.0}, why
    )
    why = f"A row of some {huge:g} has a direction too: its squares overflow, its length does not."
    yield from both(
        "normalize-huge-rows",
        dtype,
        [[3 * huge, 4 * huge], [-5 * huge, 12 * huge]],
        [0, 1],
        [[v * huge for v in r] for r in g],
        "normalize",
        {},
        why,
    )
    yield from both(
        "softmax-large-numbers",
        dtype,
        [[1000.0, 1001.0, -1000.0]],
        [0],
        G,
        "softmax",
        {},
        "exp(1000) overflows: subtract the largest first.",
    )
    yield from both("softmax-equal-numbers", dtype, [[2.5, 2.5, 2.5]], [0], G, "softmax", {}, "Equal numbers get equal weights.")
    why = "clamp cuts each number off at its bounds; where it cuts, no gradient passes."
    yield from both("clamp-both", dtype, TABLE, [2, 0, 1], G, "clamp", {"min": -0.75, "max": 1.0}, why)
    yield from both("clamp-min", dtype, TABLE, [2, 0, 1], G, "clamp", {"min": -0.75}, why)
    yield from both("clamp-max", dtype, TABLE, [2, 0, 1], G, "clamp", {"max": 1.0}, why)
    for p in (1, 2, "inf"):
        why = f"clamp_norm brings rows that are too long to maxnorm, p = {p}; the others, and their gradients, pass."
        yield from both(
            f"clamp-norm-p-{p}", dtype, TABLE, [2, 3, 1], G, "clamp_norm", {"maxnorm": 2.0, **({} if p == 2 else {"p": p})}, why
        )
    quaternions = [[1.0, -2.0, 0.5, 3.0, 0.25, 0.0, -1.0, 2.0], [3.0, 0.0, 4.0, 0.0, 0.5, 0.5, 0.5, -0.5]]
    g = [[0.5, -1.0, 2.0, 1.5, -0.7, 0.9, 1.1, -1.3], [1.0, 2.0, -0.5, 0.25, 3.0, -1.0, 0.75, 2.0]]
    why = "quaternion_normalize brings each four numbers to length one, not the row."
    yield from both("quaternion", dtype, quaternions, [1, 0], g, "quaternion_normalize", {}, why)


def kinks(dtype):
    def kinked(id, table, g, name, options, why, answers, mistakes=()):
        about = {"normalizer": name, **({"normalizer_options": options} if options else {})}
        found, wrong = (
            [(c, {"gradient": value(array(dtype, v), loose(dtype))}) for c, v in made] for made in (answers, mistakes)
        )
        return case(
            f"kink/{id}-{dtype}",
            "backward",
            why,
            arrays(dtype, rows(table, dtype), list(range(len(table))), rows(g, dtype)),
            answers=found,
            options=about,
            mistakes=wrong,
        )

    yield kinked(
        "clamp-at-bounds",
        [[-1.0, 0.5, 2.0]],
        [[3.0, -5.0, 7.0]],
        "clamp",
        {"min": -1.0, "max": 2.0},
        "At a bound the slope of clamp is 1 from inside and 0 from outside; an interval may be half open.",
        [
            ({"clamp_edge": "pass"}, [[3, -5, 7]]),
            ({"clamp_edge": "stop"}, [[0, -5, 0]]),
            ({"clamp_edge": "half"}, [[1.5, -5, 3.5]]),
            ({"clamp_edge": "pass_min"}, [[3, -5, 0]]),
            ({"clamp_edge": "pass_max"}, [[0, -5, 7]]),
        ],
    )
    projected = [[mpf(v) for v in mapped_vjp([1.0, 2.0], [3.0, 4.0], "normalize")]]
    yield kinked(
        "clamp-norm-at-maxnorm",
        [[3.0, 4.0]],
        [[1.0, 2.0]],
        "clamp_norm",
        {"maxnorm": 5.0},
        "A row exactly as long as maxnorm: the slope from inside, that of the projection, or what is between.",
        [
            ({"clamp_norm_edge": "project"}, [[v * 5 for v in projected[0]]]),
            ({"clamp_norm_edge": "pass"}, [[1, 2]]),
            ({"clamp_norm_edge": "half"}, [[(v * 5 + w) / 2 for v, w in zip(projected[0], (1, 2), strict=True)]]),
        ],
    )
    eps = mpf(1e-12)
    yield kinked(
        "normalize-zero-row",
        [[0.0, 0.0]],
        [[1.0, -2.0]],
        "normalize",
        {},
        "At the zero row the gradient of normalize is g / eps, or 0; NaN is neither.",
        [({"norm_at_zero": "divide"}, [[1 / eps, -2 / eps]]), ({"norm_at_zero": "stop"}, [[0, 0]])],
    )
    g, x = [1.0, 4.0, -2.0], [2.0, -2.0, 1.0]
    inner = [mpf(a) * mpf(b) / 2 for a, b in zip(g, x, strict=True)]
    total = inner[0] + inner[1] + inner[2]
    split = [[(g[0] - total / 2) / 2, (g[1] + total / 2) / 2, mpf(g[2]) / 2]]
    first = [[(g[0] - total) / 2, mpf(g[1]) / 2, mpf(g[2]) / 2]]
    last = [[mpf(g[0]) / 2, (g[1] + total) / 2, mpf(g[2]) / 2]]
    whole = [[first[0][0], last[0][1], mpf(g[2]) / 2]]
    yield kinked(
        "largest-tie",
        [x],
        [g],
        "normalize",
        {"p": "inf"},
        "Two largest numbers: the slope of the maximum norm is shared, the first one's or the last one's.",
        [({"inf_norm_ties": "split"}, split), ({"inf_norm_ties": "first"}, first), ({"inf_norm_ties": "last"}, last)],
        [("each of several equal maxima gets the whole gradient", whole)],
    )
    g, x = [1.0, 4.0, -2.0], [2.0, 0.0, -2.0]
    total = mpf(g[0]) / 2 - mpf(g[2]) / 2
    zero = [[(g[0] - total) / 4, mpf(g[1]) / 4, (g[2] + total) / 4]]
    one, minus_one = ([[zero[0][0], (g[1] - sign * total) / 4, zero[0][2]]] for sign in (1, -1))
    yield kinked(
        "slope-at-zero",
        [x],
        [g],
        "normalize",
        {"p": 1},
        "|x| has no slope at zero: 1 and -1 are those of its two sides, 0 is between them.",
        [({"slope_at_zero": "zero"}, zero), ({"slope_at_zero": "one"}, one), ({"slope_at_zero": "minus_one"}, minus_one)],
    )
    yield case(
        f"normalizer/zero-row-{dtype}",
        "lookup",
        "The zero row stays zero: 0 / max(0, eps), not 0 / 0, which is NaN.",
        arrays(dtype, [[0.0, 0.0], [3.0, 4.0]], [0, 1]),
        {"output": value(array(dtype, [[0, 0], [exact(3) / 5, exact(4) / 5]]), loose(dtype))},
        options={"normalizer": "normalize"},
    )


def boundaries(dtype):
    """Rows exactly as long as a bound says, and one unit in the last place more or less."""
    eps = 5 * 2.0**-40
    at = [[3 * 2.0**-40, 4 * 2.0**-40]]
    yield case(
        f"boundary/normalize-at-eps-{dtype}",
        "lookup",
        "A row exactly as long as eps is brought to length one, by either branch.",
        arrays(dtype, at, [0]),
        {"output": value(array(dtype, [[exact(3) / 5, exact(4) / 5]]), loose(dtype))},
        options={"normalizer": "normalize", "normalizer_options": {"eps": eps}},
    )
    ulp = EPS[dtype] * 4
    table = [[5.0 - ulp, 0.0], [5.0, 0.0], [5.0 + ulp, 0.0], [3.0, 4.0]]
    yield case(
        f"boundary/clamp-norm-at-maxnorm-{dtype}",
        "lookup",
        "A row as long as maxnorm stays, one an ulp shorter stays too, one an ulp longer is shortened.",
        arrays(dtype, table, [0, 1, 2, 3]),
        {"output": value(array(dtype, [[5.0 - ulp, 0], [5, 0], [5, 0], [3, 4]]), "ulp:1")},
        options={"normalizer": "clamp_norm", "normalizer_options": {"maxnorm": 5.0}},
    )
    table = [[1.0, 1.0 - ulp, 1.0 + ulp], [-2.0, 0.0, 2.0]]
    yield case(
        f"boundary/clamp-one-value-{dtype}",
        "lookup",
        "With min = max every number becomes that number.",
        arrays(dtype, table, [0, 1]),
        {"output": value(array(dtype, [[1.0] * 3] * 2))},
        options={"normalizer": "clamp", "normalizer_options": {"min": 1.0, "max": 1.0}},
    )
    yield case(
        f"boundary/clamp-not-a-number-{dtype}",
        "lookup",
        "clamp lets NaN through, and brings infinities to its bounds.",
        arrays(dtype, [[float("nan"), float("inf"), float("-inf")]], [0]),
        {"output": value(array(dtype, [[float("nan"), 2.0, -1.0]]))},
        options={"normalizer": "clamp", "normalizer_options": {"min": -1.0, "max": 2.0}},
    )
    yield case(
        f"boundary/normalize-one-number-{dtype}",
        "lookup",
        "A row of one number becomes its sign; zero stays zero.",
        arrays(dtype, [[-3.0], [0.25], [0.0]], [0, 1, 2]),
        {"output": value(array(dtype, [[-1], [1], [0]]), "ulp:1")},
        options={"normalizer": "normalize"},
    )
    yield case(
        f"boundary/softmax-one-number-{dtype}",
        "lookup",
        "A row of one number gets weight one.",
        arrays(dtype, [[-3.0], [0.25]], [0, 1]),
        {"output": value(array(dtype, [[1], [1]]))},
        options={"normalizer": "softmax"},
    )


def complexes(dtype):
    name, real = "complex_normalize", part(dtype)
    table = rows([[3.0, 4.0, -1.0, 0.5], [0.0, 2.0, 5.0, -12.0]], real)
    g = rows([[1.0, -2.0, 0.5, 1.5], [2.0, 1.0, -3.0, 0.25]], real)
    about = {"normalizer": name}
    inputs = {"table": array(dtype, [pairs(r) for r in table]), "ids": ints([1, 0])}
    out = [pairs(mapped(table[i], name)) for i in (1, 0)]
    yield case(
        f"complex/unit-modulus-{dtype}",
        "lookup",
        "complex_normalize brings each number to modulus one.",
        inputs,
        {"output": value(array(dtype, out), loose(dtype))},
        options=about,
    )
    inputs = {**inputs, "ids": ints([0, 1]), "g": array(dtype, [pairs(r) for r in g])}
    d = [mapped_vjp(g[i], table[i], name) for i in (0, 1)]
    conj = [mapped_vjp([v * (-1) ** k for k, v in enumerate(g[i])], table[i], name) for i in (0, 1)]
    conj = [[v * (-1) ** k for k, v in enumerate(row)] for row in conj]
    answers = [
        ({"complex_gradient": c}, {"gradient": value(array(dtype, [pairs(r) for r in v]), loose(dtype))})
        for c, v in (("re_plus_i_im", d), ("conjugate", conj))
    ]
    yield case(
        f"complex/unit-modulus-gradient-{dtype}",
        "backward",
        "The gradient of z is dL/dRe z + i dL/dIm z, or its conjugate.",
        inputs,
        answers=answers,
        options=about,
    )
    small = rows([[3e-9, 4e-9, -6e-10, 8e-10]], real)
    yield case(
        f"complex/small-modulus-{dtype}",
        "lookup",
        "A number of modulus 1e-9 has a direction: modulus one is what was promised.",
        {"table": array(dtype, [pairs(r) for r in small]), "ids": ints([0])},
        {"output": value(array(dtype, [pairs(mapped(small[0], name))]), loose(dtype))},
        options=about,
    )
    yield case(
        f"complex/zero-{dtype}",
        "lookup",
        "The number zero stays zero, and is not NaN.",
        {"table": array(dtype, [pairs(rows([0.0, 0.0, 0.0, -2.0], real))]), "ids": ints([0])},
        {"output": value(array(dtype, [pairs([0, 0, 0, -1])]), loose(dtype))},
        options=about,
    )
    yield case(
        f"complex/lookup-{dtype}",
        "lookup",
        "Complex rows are copied.",
        {"table": array(dtype, [pairs(r) for r in table]), "ids": ints([[1, 1], [0, 1]])},
        {"output": value(array(dtype, [[pairs(table[i]) for i in r] for r in ([1, 1], [0, 1])]))},
    )
    total = [[0, 0, 0, 0], [a + b for a, b in zip(*g, strict=True)]]
    yield case(
        f"complex/repeated-ids-{dtype}",
        "backward",
        "The gradients of a repeated id add up, real and imaginary parts alike.",
        {"table": array(dtype, [pairs(r) for r in table]), "ids": ints([1, 1]), "g": array(dtype, [pairs(r) for r in g])},
        {"gradient": value(array(dtype, [pairs(r) for r in total]))},
    )


def cases():
    """All of them."""
    for dtype in ("float32", "float64"):
        for topic in (normalizers, kinks, boundaries):
            yield from topic(dtype)
    for dtype in ("complex64", "complex128"):
        yield from complexes(dtype)
