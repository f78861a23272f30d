"""Cases of the plain lookup, its gradient, and torch's options."""

import math

from vectors_cases import case, ints, scatter, value
from vectors_exact import array, exact, stored

DTYPES = ("float32", "float64")
TABLE = [[1.5, -2.0], [0.25, 3.0], [-7.0, 0.125], [4.0, -0.5], [6.0, 1.0]]
OVERWRITES = "the last gradient of a repeated id overwrites the others, where they add up"
FIRST = "the first gradient of a repeated id alone counts, where they add up"
AVERAGES = "the gradients of a repeated id are averaged, where they add up"


def take(table, ids):
    """table[ids], nested like the ids."""
    return [take(table, i) for i in ids] if isinstance(ids, list) else table[ids]


def flat_ids(ids):
    return [j for i in ids for j in flat_ids(i)] if isinstance(ids, list) else [ids]


def flat_rows(g, depth):
    return [g] if depth == 0 else [row for entry in g for row in flat_rows(entry, depth - 1)]


def depth(ids):
    return 1 + (depth(ids[0]) if ids else 0) if isinstance(ids, list) else 0


def cotangents(n, width):
    """Numbers of either sign, away from zero, whose sums are exact."""
    return [[(-1) ** (i + j) * (0.5 + (3 * i + 5 * j) % 7) for j in range(width)] for i in range(n)]


def nest(flat, ids):
    """Rows in a list, one after the other, nested like the ids."""
    source = iter(flat)
    go = lambda i: [go(j) for j in i] if isinstance(i, list) else next(source)  # noqa: E731
    return go(ids)


def mistakes(num_rows, width, ids, g):
    """What the well-known wrong ways of adding give."""
    last, first, mean = ([[0] * width for _ in range(num_rows)] for _ in range(3))
    for n, (i, row) in enumerate(zip(ids, g, strict=True)):
        last[i] = row
        first[i] = first[i] if i in ids[:n] else row
        mean[i] = [m + exact(v) / ids.count(i) for m, v in zip(mean[i], row, strict=True)]
    return [(OVERWRITES, last), (FIRST, first), (AVERAGES, mean)]


def gathers(dtype):
    yield case(
        f"lookup/one-id-{dtype}",
        "lookup",
        "A row is copied, bit by bit.",
        {"table": array(dtype, TABLE), "ids": ints([3])},
        {"output": value(array(dtype, [TABLE[3]]))},
    )
    short = {"table": array(dtype, TABLE), "ids": ints([4, 0, 4], "int32")}
    yield case(
        f"lookup/int32-ids-{dtype}",
        "lookup",
        "Ids of 32 bits are ids.",
        short,
        {"output": value(array(dtype, take(TABLE, [4, 0, 4])))},
    )
    for name, ids, why in (
        ("first-and-last", [0, 4], "The first and the last row of the table."),
        ("repeated", [2, 0, 2, 2, 1], "An id may occur several times."),
        ("matrix-of-ids", [[4, 0, 2], [2, 2, 1]], "Ids of any shape: the row stands where its id stands."),
        ("three-axes-of-ids", [[[4], [0]], [[2], [2]], [[1], [3]]], "Ids of any shape: the row stands where its id stands."),
    ):
        found = {"output": value(array(dtype, take(TABLE, ids)))}
        yield case(f"lookup/{name}-{dtype}", "lookup", why, {"table": array(dtype, TABLE), "ids": ints(ids)}, found)
    yield case(
        f"lookup/no-ids-{dtype}",
        "lookup",
        "No ids, no rows.",
        {"table": array(dtype, TABLE), "ids": ints([])},
        {"output": value(array(dtype, [], [0, 2]))},
    )
    ids = [[4, 0, 2], [2, 3, 1]]
    yield case(
        f"lookup/fortran-ids-{dtype}",
        "lookup",
        "Ids in column-major order in memory are read by position, not in memory order.",
        {"table": array(dtype, TABLE), "ids": ints(ids, layout="fortran")},
        {"output": value(array(dtype, take(TABLE, ids)))},
    )
    deep = [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[-1.0, -2.0, -3.0], [0.5, 0.25, 0.125]]]
    yield case(
        f"lookup/rows-that-are-matrices-{dtype}",
        "lookup",
        "A row may have any shape.",
        {"table": array(dtype, deep), "ids": ints([1, 0, 1])},
        {"output": value(array(dtype, take(deep, [1, 0, 1])))},
        options={"row_shape": [2, 3]},
    )
    yield case(
        f"lookup/not-a-number-and-infinity-{dtype}",
        "lookup",
        "NaN, infinities and minus zero are copied like any number.",
        {"table": array(dtype, [[math.nan, math.inf], [-math.inf, -0.0]]), "ids": ints([1, 0])},
        {"output": value(array(dtype, [[-math.inf, -0.0], [math.nan, math.inf]]))},
    )
    tiny, huge = ("1e-45", "3.4028234e38") if dtype == "float32" else ("5e-324", "1.7976931348623157e308")
    table = [[stored(float(tiny), dtype), stored(-float(huge), dtype)], [1.0, stored(float(tiny) * 9, dtype)]]
    flushed = [[1.0, 0.0], [0.0, table[0][1]]]
    yield case(
        f"lookup/subnormal-{dtype}",
        "lookup",
        "The smallest and the largest numbers are copied; some hardware flushes subnormals.",
        {"table": array(dtype, table), "ids": ints([1, 0])},
        answers=[
            ({"subnormals": "kept"}, {"output": value(array(dtype, [table[1], table[0]]))}),
            ({"subnormals": "flushed"}, {"output": value(array(dtype, flushed))}),
        ],
    )


def gradients(dtype):
    for name, ids, why in (
        ("repeated-ids", [1, 3, 1], "The gradients of a repeated id add up."),
        ("all-the-same-id", [2, 2, 2, 2], "The gradients of a repeated id add up."),
        ("repeated-ids-unsorted", [4, 0, 4, 1, 0, 4], "The gradients of a repeated id add up, wherever its repetitions stand."),
        ("each-id-once", [4, 1, 0], "Each row gets the gradient of its id, and no other."),
        ("matrix-of-ids", [[4, 0, 2], [2, 3, 2]], "The gradients of a repeated id add up, over all axes of the ids."),
        ("one-id", 3, "A single id, without axes."),
    ):
        g = nest(cotangents(len(flat_ids(ids)), 2), ids)
        flat = flat_ids(ids), flat_rows(g, depth(ids))
        right = scatter(5, 2, *flat)
        wrong = [(cause, {"gradient": value(array(dtype, m))}) for cause, m in mistakes(5, 2, *flat) if m != right]
        yield case(
            f"backward/{name}-{dtype}",
            "backward",
            why,
            {"table": array(dtype, TABLE), "ids": ints(ids), "g": array(dtype, g)},
            {"gradient": value(array(dtype, right))},
            mistakes=wrong,
            flags=["repeated_ids"] if wrong else (),
        )
    yield case(
        f"backward/no-ids-{dtype}",
        "backward",
        "Without ids the gradient is zero.",
        {"table": array(dtype, TABLE), "ids": ints([]), "g": array(dtype, [], [0, 2])},
        {"gradient": value(array(dtype, [[0, 0]] * 5))},
    )
    yield case(
        f"backward/rows-of-one-number-{dtype}",
        "backward",
        "A table of one column, a batch of one id: the gradient is not lost.",
        {"table": array(dtype, [[1.0], [2.0], [3.0]]), "ids": ints([2]), "g": array(dtype, [[-1.5]])},
        {"gradient": value(array(dtype, [[0], [0], [-1.5]]))},
    )
    ids, g = [[4, 0], [2, 0], [1, 4]], [[[1.0, -2.0], [3.0, 4.0]], [[-5.0, 6.0], [7.0, -8.0]], [[9.0, 1.5], [2.5, -3.5]]]
    yield case(
        f"backward/fortran-layout-{dtype}",
        "backward",
        "Ids and gradients in column-major order in memory are read by position.",
        {"table": array(dtype, TABLE), "ids": ints(ids, layout="fortran"), "g": array(dtype, g, layout="fortran")},
        {"gradient": value(array(dtype, scatter(5, 2, flat_ids(ids), flat_rows(g, 2))))},
    )
    deep = [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[-1.0, -2.0, -3.0], [0.5, 0.25, 0.125]]]
    yield case(
        f"backward/rows-that-are-matrices-{dtype}",
        "backward",
        "The gradients of a repeated id add up, for rows of any shape.",
        {"table": array(dtype, deep), "ids": ints([1, 1]), "g": array(dtype, deep)},
        {"gradient": value(array(dtype, [[[0] * 3] * 2, [[0, 0, 0], [4.5, 5.25, 6.125]]]))},
        options={"row_shape": [2, 3]},
    )
    step = 2.0 ** (-40 if dtype == "float64" else -20)
    yield case(
        f"backward/all-digits-{dtype}",
        "backward",
        "A gradient has the precision of its table: no digit is lost on the way.",
        {"table": array(dtype, TABLE), "ids": ints([0, 0]), "g": array(dtype, [[1 + step, 1.0], [1.0, -step]])},
        {"gradient": value(array(dtype, [[2 + step, 1 - step], *[[0, 0]] * 4]))},
    )
    tiny = stored(1e-45 if dtype == "float32" else 5e-324, dtype)
    g = array(dtype, [[2 * tiny, 3 * tiny], [-3 * tiny, tiny], [2 * tiny, 5 * tiny]])
    answers = [
        ({"subnormals": name}, {"gradient": value(array(dtype, [[0, 0], [tiny * kept, 9 * tiny * kept], *[[0, 0]] * 3]))})
        for name, kept in (("kept", 1), ("flushed", 0))
    ]
    yield case(
        f"backward/subnormal-{dtype}",
        "backward",
        "Subnormal gradients add up, exactly; some hardware flushes them.",
        {"table": array(dtype, TABLE), "ids": ints([1, 1, 1]), "g": {**g}},
        answers=answers,
    )
    big = 2.0 ** (24 if dtype == "float32" else 53)
    answer = lambda x: {"gradient": value(array(dtype, [[0], [x], [0]]))}  # noqa: E731
    yield case(
        f"backward/order-of-sums-{dtype}",
        "backward",
        "A sum in the dtype of the table, term by term, loses what a wide one keeps.",
        {"table": array(dtype, [[1.0], [2.0], [3.0]]), "ids": ints([1, 1, 1]), "g": array(dtype, [[big], [1.0], [1.0]])},
        answers=[({"accumulation": "wide"}, answer(big + 2)), ({"accumulation": "table"}, answer(big))],
    )


def types_of_ids(dtype):
    """Ids of every integer type, the smallest and the largest that it has, or that the table has."""
    for kind, n, ids in (
        ("int8", 300, [127, 0, 100]), ("uint8", 300, [200, 0, 255, 128, 127]), ("int16", 300, [299, 0, 255, 256, 128]),
        ("uint16", 70000, [40000, 65535, 32768, 0, 32767]), ("int32", 70000, [69999, 65536, 32768, 0]),
        ("uint32", 70000, [69999, 65536, 32768, 0]), ("int64", 70000, [69999, 65536, 32768, 0]),
        ("uint64", 70000, [69999, 65536, 32768, 0]),
    ):  # fmt: skip
        rule = {"times": [1, 70000], "plus": 0, "mod": 140000, "over": 1, "minus": 70000}
        inputs = {"table": {"dtype": dtype, "shape": [n, 2], "rule": rule}, "ids": ints(ids, kind)}
        found = {"output": value(array(dtype, [[i - 70000, i] for i in ids]))}
        if kind in ("int32", "int64"):
            why = "Each id names its row, whatever its size: none is cut to 16 bits."
            yield case(f"lookup/ids-of-{kind}-{dtype}", "lookup", why, inputs, found)
            continue
        name = "uint64_ids" if kind == "uint64" else "id_dtypes"
        yield case(
            f"lookup/ids-of-{kind}-{dtype}",
            "lookup",
            f"Ids of {kind} are looked up as the numbers that they are, or refused.",
            inputs,
            answers=[({name: "taken"}, found), ({name: "refused"}, {})],
        )


def corners(dtype):
    table = array(dtype, TABLE)
    why = "A single id, without axes, gives a single row."
    yield case(
        f"lookup/id-without-axes-{dtype}",
        "lookup",
        why,
        {"table": table, "ids": ints(3)},
        {"output": value(array(dtype, TABLE[3]))},
    )
    for name, options in (
        ("padding", {"padding_idx": 3}),
        ("frequency", {"scale_grad_by_freq": True}),
        ("max-norm", {"max_norm": 9.0}),
    ):
        g = [0, 0] if name == "padding" else [1.5, -2.5]
        yield case(
            f"backward/id-without-axes-{name}-{dtype}",
            "backward",
            why + " Its gradient is one row, too.",
            {"table": table, "ids": ints(3), "g": array(dtype, [1.5, -2.5])},
            {
                "output": value(array(dtype, TABLE[3])),
                "gradient": value(array(dtype, [g if i == 3 else [0, 0] for i in range(5)])),
            },
            options=options,
        )
    none = {"table": table, "ids": ints([], shape=[0, 3]), "g": array(dtype, [], [0, 3, 2])}
    for name, options in (
        ("padding", {"padding_idx": 3}), ("frequency", {"scale_grad_by_freq": True}), ("max-norm", {"max_norm": 1.0}),
        ("normalize", {"normalizer": "normalize"}), ("softmax", {"normalizer": "softmax"}),
    ):  # fmt: skip
        found = {"output": value(array(dtype, [], [0, 3, 2])), "gradient": value(array(dtype, [[0, 0]] * 5))}
        found |= {"table": value(table)} if name == "max-norm" else {}
        why = "No ids, no rows, no gradient, and no row is shortened."
        yield case(f"backward/no-ids-{name}-{dtype}", "backward", why, none, found, options=options)
    yield case(
        f"backward/one-row-{dtype}",
        "backward",
        "A table of one row: each id names it.",
        {"table": array(dtype, TABLE[:1]), "ids": ints([0, 0]), "g": array(dtype, [[1.0, -2.0], [0.5, 4.0]])},
        {"output": value(array(dtype, [TABLE[0]] * 2)), "gradient": value(array(dtype, [[1.5, 2.0]]))},
    )


def half(dtype):
    yield case(
        f"lookup/matrix-of-ids-{dtype}",
        "lookup",
        "A row of a half-precision table is copied, bit by bit.",
        {"table": array(dtype, TABLE), "ids": ints([[0, 4], [2, 2]])},
        {"output": value(array(dtype, take(TABLE, [[0, 4], [2, 2]])))},
    )
    yield case(
        f"backward/repeated-ids-{dtype}",
        "backward",
        "The gradients of a repeated id add up.",
        {"table": array(dtype, TABLE), "ids": ints([1, 3, 1]), "g": array(dtype, [[1.0, -2.0], [0.5, 0.25], [3.0, 4.0]])},
        {"gradient": value(array(dtype, [[0, 0], [4.0, 2.0], [0, 0], [0.5, 0.25], [0, 0]]))},
        flags=["repeated_ids"],
    )
    for name, row in (("zero-row", [0.0, 0.0]), ("row", [3.0, 4.0])):
        unit = [exact(v) / 5 for v in row]
        yield case(
            f"normalizer/half-precision-{name}-{dtype}",
            "lookup",
            "In half precision eps = 1e-12 may be 0: the zero row stays zero, and is not NaN.",
            {"table": array(dtype, [row, [0.5, 1.0]]), "ids": ints([0])},
            {"output": value(array(dtype, [unit]), "ulp:2")},
            options={"normalizer": "normalize"},
        )
    stuck = 2048 if dtype == "float16" else 256
    for n in (stuck + 2, 4096):
        yield case(
            f"backward/{n}-repetitions-{dtype}",
            "backward",
            f"{n} gradients of one add up to {n}: a half-precision sum stops at {stuck}, so add in float32, round once.",
            {"table": array(dtype, [[1.0], [2.0]]), "ids": ints(1, shape=[n]), "g": array(dtype, 1.0, [n, 1])},
            {"gradient": value(array(dtype, [[0], [n]]))},
            flags=["repeated_ids", "half_precision"],
            mistakes=[(f"a half-precision sum that stops at {stuck}", {"gradient": value(array(dtype, [[0], [stuck]]))})],
        )


def cases():
    """All of them."""
    for dtype in DTYPES:
        for topic in (gathers, gradients, types_of_ids, corners):
            yield from topic(dtype)
    for dtype in ("float16", "bfloat16"):
        yield from half(dtype)
