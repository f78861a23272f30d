"""Cases of torch's options of the plain lookup: padding_idx, scale_grad_by_freq, max_norm."""

from vectors_cases import case, ints, loose, rows, scatter, value
from vectors_exact import EPS, array, exact, mpf, norm, pulled_back
from vectors_lookup import TABLE, cotangents, flat_ids, nest, take


def torch_options(dtype):
    table, g = array(dtype, TABLE), cotangents(5, 2)
    for name, row in (("first", 0), ("inner", 2), ("last", -1)):
        ids = [2, row % 5, 0, row % 5, 4]
        right = [[0, 0] if i == row % 5 else r for i, r in enumerate(scatter(5, 2, ids, g))]
        yield case(
            f"padding/{name}-row-{dtype}",
            "backward",
            "The padding row gets no gradient.",
            {"table": table, "ids": ints(ids), "g": array(dtype, g)},
            {"gradient": value(array(dtype, right))},
            options={"padding_idx": row},
            flags=["not_the_gradient"],
            mistakes=[
                (
                    "the padding row leaks: it gets the gradient that it is not to get",
                    {"gradient": value(array(dtype, scatter(5, 2, ids, g)))},
                )
            ],
        )
    yield case(
        f"padding/nothing-else-{dtype}",
        "backward",
        "The padding row gets no gradient: with padding alone there is none.",
        {"table": table, "ids": ints([1, 1]), "g": array(dtype, g[:2])},
        {"gradient": value(array(dtype, [[0, 0]] * 5))},
        options={"padding_idx": 1},
        flags=["not_the_gradient"],
    )
    yield case(
        f"padding/looked-up-{dtype}",
        "lookup",
        "The padding row is looked up as it is stored, be it zero or not.",
        {"table": table, "ids": ints([1, 2, 1])},
        {"output": value(array(dtype, take(TABLE, [1, 2, 1])))},
        options={"padding_idx": 1},
    )
    shared_to = f"rtol:{4 * EPS[dtype]:.1e}"
    for name, ids, pad in (("vector", [1, 1, 2, 1], None), ("matrix", [[0, 3], [3, 3]], None), ("with-padding", [1, 1, 2, 1], 2)):
        flat = flat_ids(ids)
        shared = [[exact(v) / flat.count(i) for v in row] for i, row in zip(flat, g, strict=False)]
        right, plain = (
            [[0, 0] if i == pad else row for i, row in enumerate(scatter(5, 2, flat, d))] for d in (shared, g[: len(flat)])
        )
        root = [[mpf(v) / mpf(flat.count(i)) ** mpf(0.5) for v in row] for i, row in zip(flat, g, strict=False)]
        total = [[exact(v) / len(flat) for v in row] for row in g[: len(flat)]]
        yield case(
            f"frequency/{name}-{dtype}",
            "backward",
            "scale_grad_by_freq divides the gradient of a row by how often it was looked up.",
            {"table": table, "ids": ints(ids), "g": array(dtype, nest(g, ids))},
            {"gradient": value(array(dtype, right), shared_to, 8)},
            options={"scale_grad_by_freq": True, **({} if pad is None else {"padding_idx": pad})},
            flags=["not_the_gradient"],
            mistakes=[
                ("scale_grad_by_freq has no effect", {"gradient": value(array(dtype, plain), shared_to, 8)}),
                (
                    "scale_grad_by_freq divides by the root of the count",
                    {"gradient": value(array(dtype, scatter(5, 2, flat, root)), shared_to, 8)},
                ),
                (
                    "scale_grad_by_freq divides by the number of ids",
                    {"gradient": value(array(dtype, scatter(5, 2, flat, total)), shared_to, 8)},
                ),
            ],
        )


def max_norms(dtype):
    table = [[3.0, 4.0], [30.0, -40.0], [0.3, 0.4], [-5.0, 12.0]]
    table = rows(table, dtype)
    for p in (1, 2, 3, "inf"):
        yield _max_norm(f"max-norm/p-{p}-{dtype}", dtype, table, [0, 2, 3, 0], 1.0, p, {"norm_type": p})
    small = [[v / 1024 for v in row] for row in rows([[3.0, 4.0], [1.0, 1.0]], dtype)]
    yield _max_norm(f"max-norm/small-rows-{dtype}", dtype, small, [0], 2.0**-10, 2, {})
    yield _max_norm(f"max-norm/padding-too-{dtype}", dtype, table, [3, 1], 2.0, 2, {"padding_idx": 3})
    size = 1e38 if dtype == "float32" else 1e300
    huge = rows([[size, -2 * size], [size, size / 2], [1.0, 2.0]], dtype)
    yield _max_norm(f"max-norm/huge-rows-{dtype}", dtype, huge, [0, 1], 1.0, 2, {})
    size = 1e-30 if dtype == "float32" else 1e-200
    yield _max_norm(f"max-norm/tiny-rows-{dtype}", dtype, rows([[3 * size, -4 * size]], dtype), [0], size, 2, {})
    at = rows([[3.0, 4.0], [1.0, 2.0]], dtype)
    yield case(
        f"max-norm/at-the-bound-{dtype}",
        "lookup",
        "A row as long as max_norm, and a shorter one, stay as they are, to the bit.",
        {"table": array(dtype, at), "ids": ints([0, 1])},
        {"output": value(array(dtype, at)), "table": value(array(dtype, at))},
        options={"max_norm": 5.0},
    )
    g = cotangents(2, 2)
    plain = {"gradient": value(array(dtype, [*g, [0, 0], [0, 0]]))}
    answers = [({"max_norm_gradient": "plain"}, plain)]
    for formula, slack in (("projection", 0), ("plus_1e-7", mpf(1e-7))):
        short = lambda x, slack=slack: [v / (norm(x, 2) + slack) for v in x]  # noqa: E731
        d = [pulled_back(short, [mpf(v) for v in row], [mpf(v) for v in table[i]]) for i, row in enumerate(g)]
        found = {"gradient": value(array(dtype, [*d, [0, 0], [0, 0]]), loose(dtype))}
        answers.append(({"max_norm_formula": formula, "max_norm_gradient": "projected", "max_norm_writes": "output"}, found))
    yield case(
        f"max-norm/gradient-{dtype}",
        "backward",
        "No gradient knows of max_norm: it is that of a plain lookup. (Or the table stays, and what is looked up is differentiated.)",
        {"table": array(dtype, table), "ids": ints([0, 1]), "g": array(dtype, g)},
        answers=answers,
        options={"max_norm": 1.0},
        flags=["not_the_gradient"],
    )


def _max_norm(id, dtype, table, ids, bound, p, options):
    """The rows looked up are shortened in the table too (or in what is looked up alone), by one of two formulas."""

    def with_(slack, writes):
        new = [list(row) for row in table]
        for i in set(ids):
            n = norm([mpf(v) for v in table[i]], p)
            if n > bound:
                new[i] = [mpf(v) * bound / (n + slack) for v in table[i]]
        found = {"output": value(array(dtype, take(new, ids)), loose(dtype))}
        return {**found, "table": value(array(dtype, new if writes else table), loose(dtype))}

    answers = [
        ({"max_norm_formula": formula, "max_norm_writes": writes}, with_(slack, writes == "table"))
        for formula, slack in (("projection", 0), ("plus_1e-7", mpf(1e-7)))
        for writes in ("table", "output")
    ]
    every = {**with_(0, True)}
    everything = [
        [v * bound / norm([mpf(v) for v in row], p) if norm([mpf(v) for v in row], p) > bound else v for v in map(mpf, row)]
        for row in table
    ]
    every["table"] = value(array(dtype, everything), loose(dtype))
    wrong = [("max_norm shortens rows that were not looked up", every)] if len(set(ids)) < len(table) and p == 2 else []
    return case(
        id,
        "lookup",
        "max_norm brings the longer ones of the rows looked up to its length in the norm norm_type, and leaves the others.",
        {"table": array(dtype, table), "ids": ints(ids)},
        answers=answers,
        options={"max_norm": bound, **options},
        mistakes=wrong,
    )


def cases():
    """All of them."""
    for dtype in ("float32", "float64"):
        for topic in (torch_options, max_norms):
            yield from topic(dtype)
