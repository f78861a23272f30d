"""Cases that are large: many rows, many ids, long rows, long bags; given by a rule or by a block that repeats, so that files stay small.

Every expected entry is added up here by a loop over the ids, in whole numbers or fractions; then it is looked for, and asserted,
that a rule or a block gives the very same. Sizes are no power of two, but one: 4,137 = 3 * 7 * 197 rows and the like, each twice
among the ids, with a gradient of its own each time.
"""

import functools
from fractions import Fraction

import mpmath as mp
from vectors_cases import Complex, case, length, loose, value
from vectors_exact import EPS, MAPS, array, mpf, norm
from vectors_steps import adagrad, adam, sgd

TALL, MIDDLING, WIDE, FULL, HUGE = (4137, 3), (2079, 33), (21, 4100), (1024, 64), (70035, 2)
SIZES = {"tall": TALL, "middling": MIDDLING, "wide": WIDE, "full": FULL, "huge": HUGE}
"""Rows and columns: beyond 4,096 ids and rows; a column more than 32; beyond 4,096 columns; whole tiles; beyond 65,536 ids and rows."""
FACTOR = 1009  # has no divisor in common with a number of rows: the ids leap through the table


# ---- arrays


def rule(dtype, shape, times, mod, *, plus=0, over=1, minus=0):
    """An array of whole numbers: the entry at an index is ``(<times, index> + plus) % mod // over - minus``."""
    return {
        "dtype": dtype,
        "shape": list(shape),
        "rule": {"times": times, "plus": plus, "mod": mod, "over": over, "minus": minus},
    }


def block(dtype, shape, nested):
    """An array that repeats a block along each of its axes."""
    listed = array(dtype, nested)
    return {**listed, "shape": list(shape), "block": listed["shape"]}


def entries(spec, listed=None):
    """All entries of an array that is given by a rule, or by a block of which `listed` are those, as nested lists, by loops."""
    shape, r = spec["shape"], spec.get("rule")

    def ruled(axis, total):
        if axis == len(shape):
            return total % r["mod"] // r["over"] - r["minus"]
        return [ruled(axis + 1, total + r["times"][axis] * i) for i in range(shape[axis])]

    def repeated(axis, listed):
        if axis == len(shape):
            return listed
        return [repeated(axis + 1, listed[i % len(listed)]) for i in range(shape[axis])]

    return repeated(0, listed) if r is None else ruled(0, r["plus"])


def folded(dtype, full, shape, *size):
    """Nested lists as a block of that size that repeats, which is asserted."""

    def cut(nested, size):
        return [cut(entry, size[1:]) for entry in nested[: size[0]]] if size else nested

    def same(nested, part):
        if not isinstance(part, list):
            return nested == part
        return all(same(entry, part[i % len(part)]) for i, entry in enumerate(nested))

    found = cut(full, size)
    assert same(full, found), (shape, size)
    return block(dtype, shape, found)


def ruled(spec, full):
    """A rule, of which it is asserted that it gives those nested lists."""
    assert entries(spec) == full
    return spec


# ---- numbers


def tiled(dtype, shape, rows, columns, *, plus=0, over=1):
    """Whole numbers of either sign that repeat every `rows` rows and every `columns` columns, which have no divisor in common."""
    n = rows * columns
    times = [*[0] * (len(shape) - 2), columns, rows]
    return rule(dtype, shape, times, n, plus=plus, over=over, minus=(n // over) // 2)


def numbers(rows, columns, **more):
    """Those that repeat."""
    return entries(tiled("int64", [rows, columns], rows, columns, **more))


TILE = numbers(7, 3)


def leaping(n, count, kind="int64"):
    """Ids that leap through all of `n` rows, and then once more."""
    ids = rule(kind, [count], [FACTOR], n, plus=5)
    return ids, entries(ids)


def scattered(n, ids, g):
    """The gradient of a table of `n` rows, by a loop over the ids."""
    total = [[0] * len(g[0]) for _ in range(n)]
    for i, row in zip(ids, g, strict=True):
        total[i] = [a + b for a, b in zip(total[i], row, strict=True)]
    return total


# ---- lookups and their gradients


@functools.cache
def looked_up(size):
    """Ids, the table, what is looked up, g, and the gradient; without their dtypes."""
    n, d = SIZES[size]
    b = {"full": 2 * n, "huge": n}.get(size, 2 * n)
    ids, listed = leaping(n, b)
    scale = -(-2 * d // n)  # for tables that have more columns than rows
    table = {"times": [scale, 2], "plus": 0, "mod": scale * n, "over": 1, "minus": n // 2}
    output = {**table, "times": [scale * FACTOR % (scale * n), 2], "plus": 5 * scale}
    rows = entries({"shape": [n, d], "rule": table})
    ruled({"shape": [b, d], "rule": output}, [rows[i] for i in listed])
    period = {"full": 8, "huge": 7}.get(size, 14)
    g = numbers(period, 3)
    cotangents = [[row[j % 3] for j in range(d)] for row in (g[k % period] for k in range(b))]
    return ids, listed, table, output, period, scattered(n, listed, cotangents)


def lookups(dtype):
    for size, (n, d) in SIZES.items():
        if size == "huge" and dtype == "float64":
            continue
        ids, listed, table, output, period, gradient = looked_up(size)
        b = len(listed)
        inputs = {"table": {"dtype": dtype, "shape": [n, d], "rule": table}, "ids": ids}
        why = f"{b} ids of {n} rows of {d} numbers: no id is cut or rounded, no tile is left out."
        out = {"dtype": dtype, "shape": [b, d], "rule": output}
        yield case(f"large/lookup-{size}-{dtype}", "lookup", why, inputs, {"output": value(out)})
        right = {"gradient": value(folded(dtype, gradient, [n, d], 8 if size == "full" else 7, 3))}
        yield case(
            f"large/gradient-{size}-{dtype}",
            "backward",
            f"The gradients of {b} ids add up in {n} rows of {d} numbers: all of the ids, all of the numbers.",
            {**inputs, "g": tiled(dtype, [b, d], period, 3)},
            right,
            flags=["repeated_ids"],
        )
    n = 252
    for kind in ("uint8", "int16", "uint16", "int32", "uint32", "uint64"):
        ids, listed = leaping(n, 2 * n, kind)
        g = numbers(14, 3)
        gradient = scattered(n, listed, [g[k % 14] for k in range(2 * n)])
        found = {"gradient": value(folded(dtype, gradient, [n, 3], 14, 3))}
        inputs = {"table": tiled(dtype, [n, 3], 7, 3), "ids": ids, "g": tiled(dtype, [2 * n, 3], 14, 3)}
        why = f"Ids of {kind} are the numbers that they are, in the gradient too, or are refused."
        name = "uint64_ids" if kind == "uint64" else "id_dtypes"
        if kind == "int32":
            yield case(f"large/gradient-ids-of-{kind}-{dtype}", "backward", why, inputs, found)
        else:
            answers = [({name: "taken"}, found), ({name: "refused"}, {})]
            yield case(f"large/gradient-ids-of-{kind}-{dtype}", "backward", why, inputs, answers=answers)
    yield from deep(dtype)


def deep(dtype):
    """A matrix of ids, and rows that are matrices."""
    n = 231
    ids = rule("int64", [2, 3, n // 3 * 7], [FACTOR * 7 * n, FACTOR * 7 * (n // 3), FACTOR], n, plus=5)
    listed = [i for a in entries(ids) for b in a for i in b]
    g = numbers(7, 3)
    shape = [2, 3, n // 3 * 7, 33]
    rows = [[row[j % 3] for j in range(33)] for a in range(2) for b in range(3) for row in (g[k % 7] for k in range(n // 3 * 7))]
    gradient = scattered(n, listed, rows)
    output = [[[[TILE[i % 7][j % 3] for j in range(33)] for i in b] for b in a] for a in entries(ids)]
    yield case(
        f"large/ids-of-three-axes-{dtype}",
        "backward",
        f"{len(listed)} ids along three axes: each row stands where its id stands, and all of its gradients add up.",
        {"table": tiled(dtype, [n, 33], 7, 3), "ids": ids, "g": tiled(dtype, shape, 7, 3)},
        {
            "output": value(folded(dtype, output, shape, 1, 1, 7, 3)),
            "gradient": value(folded(dtype, gradient, [n, 33], 7, 3)),
        },
    )
    n, shape = 21, [5, 206]
    ids, listed = leaping(n, 2 * n)
    tile, g = numbers(7, 2), numbers(21, 2)
    gradient = scattered(n, listed, [[g[k % 21][j % 2] for j in range(1030)] for k in range(2 * n)])
    cut = lambda row: [row[i : i + 206] for i in range(0, 1030, 206)]  # noqa: E731
    output = [cut([tile[i % 7][j % 2] for j in range(1030)]) for i in listed]
    yield case(
        f"large/rows-that-are-matrices-{dtype}",
        "backward",
        "Rows of 5 times 206 numbers are looked up whole, and so are their gradients.",
        {
            "table": rule(dtype, [n, *shape], [2, 0, 7], 14, minus=7),
            "ids": ids,
            "g": rule(dtype, [2 * n, *shape], [2, 0, 21], 42, minus=21),
        },
        {
            "output": value(folded(dtype, output, [2 * n, *shape], 7, 1, 2)),
            "gradient": value(folded(dtype, [cut(row) for row in gradient], [n, *shape], 21, 1, 2)),
        },
        options={"row_shape": shape},
    )


# ---- many ids of few rows


def crowds(dtype):
    """5,001 ids of 13 rows: in runs, scrambled, all the same."""
    b, n = 5001, 13
    orders = {
        "runs": rule("int64", [b], [1], 5003, over=385),
        "scrambled": rule("int64", [b], [617], 5003, over=385),
        "one-id": rule("int64", [b], [0], 13, plus=7),
    }
    g = numbers(11, 3)
    cotangents = [g[k % 11] for k in range(b)]
    for name, ids in orders.items():
        listed = entries(ids)
        inputs = {"table": tiled(dtype, [n, 3], n, 3), "ids": ids, "g": tiled(dtype, [b, 3], 11, 3)}
        right = scattered(n, listed, cotangents)
        first = scattered(n, listed[:1024], cotangents[:1024])
        wrong = [("only the first 1,024 ids are added", {"gradient": value(array(dtype, first))})]
        why = f"{b} gradients of {n} rows add up, however often an id occurs."
        yield case(
            f"large/many-{name}-{dtype}", "backward", why, inputs, {"gradient": value(array(dtype, right))}, mistakes=wrong
        )
        pad = 7 if name == "one-id" else 12
        padded = [[0] * 3 if i == pad else row for i, row in enumerate(right)]
        leak = [[0] * 3 for _ in range(n)]
        leak[pad] = scattered(n, listed[768:], cotangents[768:])[pad]
        leaks = [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(padded, leak, strict=True)]
        yield case(
            f"large/many-{name}-padding-{dtype}",
            "backward",
            f"The padding row gets no gradient, from none of {b} ids.",
            inputs,
            {"gradient": value(array(dtype, padded))},
            options={"padding_idx": pad - n if name == "runs" else pad},
            flags=["not_the_gradient"],
            mistakes=[("padding leaks beyond 768 ids", {"gradient": value(array(dtype, leaks))})],
        )
        positive = tiled(dtype, [b, 3], 11, 3) | {"rule": {"times": [3, 11], "plus": 0, "mod": 33, "over": 1, "minus": -1}}
        right = scattered(n, listed, entries(positive))
        shared = [[Fraction(v, max(listed.count(i), 1)) for v in row] for i, row in enumerate(right)]
        yield case(
            f"large/many-{name}-frequency-{dtype}",
            "backward",
            "scale_grad_by_freq divides by counts of hundreds and thousands, which no small type holds.",
            {**inputs, "g": positive},
            {"gradient": value(array(dtype, shared), loose(dtype, 32))},
            options={"scale_grad_by_freq": True},
            flags=["not_the_gradient"],
        )

    n, d = 7, 1030
    ids, listed = leaping(n, 14)
    g = numbers(14, 3)
    right = [[0] * 3 if i == 5 else row for i, row in enumerate(scattered(n, listed, g))]
    yield case(
        f"large/padding-wide-{dtype}",
        "backward",
        f"The padding row gets no gradient, in none of its {d} numbers.",
        {"table": tiled(dtype, [n, d], 7, 3), "ids": ids, "g": tiled(dtype, [14, d], 14, 3)},
        {"gradient": value(block(dtype, [n, d], right))},
        options={"padding_idx": 5},
        flags=["not_the_gradient"],
    )


# ---- bags


def pooled(table, ids, bags, mode, g, weights=None, pad=None, by_freq=False):
    """The bags, the gradient of the table, and that of the weights, in fractions and by loops; no two numbers of a column are equal."""
    n, d = len(table), len(table[0])
    output, dtable, dw = [], [[0] * d for _ in range(n)], [0] * len(ids)
    for b, bag in enumerate(bags):
        kept = [k for k in bag if ids[k] != pad]
        w = [1 if weights is None else weights[k] for k in kept]
        out = []
        for c in range(d):
            column = [table[ids[k]][c] * a for k, a in zip(kept, w, strict=True)]
            out.append((max if mode == "max" else sum)(column or [0]))
            if mode == "mean" and kept:
                out[-1] = Fraction(out[-1], len(kept))
            if mode == "max" and kept:
                dtable[ids[kept[column.index(out[-1])]]][c] += g[b][c]
                continue
            for k, a in zip(kept, w, strict=True):
                dtable[ids[k]][c] += Fraction(g[b][c], len(kept)) if mode == "mean" else g[b][c] * a
        output.append(out)
        for k in kept:
            dw[k] = sum(a * v for a, v in zip(g[b], table[ids[k]], strict=True))
    if by_freq:
        dtable = [[Fraction(v, max(ids.count(i), 1)) for v in row] for i, row in enumerate(dtable)]
    return output, dtable, dw


def long_bags(dtype):
    """Four bags of 1,500, 0, 3,100 and 401 ids."""
    b, n = 5001, 13
    table, g = numbers(n, 3), [[3, -5, 2], [1, 1, 1], [-4, 2, 6], [7, -1, -3]]
    offsets = [0, 1500, 1500, 4600]
    bags = [range(x, y) for x, y in zip(offsets, [*offsets[1:], b], strict=True)]
    for order, times in (("runs", 1), ("scrambled", 617), ("one-id", 0)):
        ids = rule("int64", [b], [times], 5003, over=385)
        listed = entries(ids)
        inputs = {"table": tiled(dtype, [n, 3], n, 3), "ids": ids, "offsets": array("int64", offsets), "g": array(dtype, g)}
        for name, options in (
            ("sum", {"mode": "sum"}), ("mean", {"mode": "mean"}), ("max", {"mode": "max"}), ("weights", {"mode": "sum"}),
            ("mean-padding", {"mode": "mean", "padding_idx": 12}), ("max-padding", {"mode": "max", "padding_idx": 12}),
            ("sum-frequency", {"mode": "sum", "scale_grad_by_freq": True}),
        ):  # fmt: skip
            if order == "one-id" and name != "sum-frequency":
                continue
            weighted = name == "weights"
            weights = rule(dtype, [b], [1], 11, minus=5)
            freq = options.get("scale_grad_by_freq", False)
            w = entries(weights) if weighted else None
            out, d, _ = pooled(table, listed, bags, options["mode"], g, w, options.get("padding_idx"), freq)
            rounded = (loose(dtype, 32), 8)
            near = rounded if options["mode"] == "mean" or freq else ("exact",)
            found = {"output": value(array(dtype, out), *near)}
            found["gradient"] = value(
                array(dtype, d), *(rounded if options["mode"] == "max" else near)
            )  # an id may share with itself
            more = {"weights": weights} if weighted else {}
            yield case(
                f"large/long-bags-{name}-{order}-{dtype}",
                "bag_backward",
                "Bags of up to 3,100 ids: each row of a bag counts, the first and the last.",
                {**inputs, **more},
                found,
                options=options,
                assumes=[f"empty_{options['mode']}"] if options["mode"] != "sum" else [],
            )


def many_bags(dtype):
    """1,078 bags of three ids, rows of 3 and of 33 numbers."""
    n, d = 1617, 3
    ids, listed = leaping(n, 2 * n)
    count = 2 * n // 3
    bags = [range(3 * b, 3 * b + 3) for b in range(count)]
    g, weights = numbers(14, 3), rule(dtype, [2 * n], [1], 7, minus=3)
    table = [TILE[i % 7] for i in range(n)]
    cotangents = [g[b % 14] for b in range(count)]
    offsets = rule("int64", [count], [3], 3 * count)
    matrix = rule("int64", [count, 3], [3 * FACTOR, FACTOR], n, plus=5)
    assert [i for bag in entries(matrix) for i in bag] == listed
    shape = [count, d]
    base = {"table": tiled(dtype, [n, d], 7, 3), "g": tiled(dtype, shape, 14, 3)}
    for name, mode, more, options in (
        ("sum", "sum", {"ids": ids, "offsets": offsets}, {}),
        ("mean", "mean", {"ids": ids, "offsets": offsets}, {}),
        ("max", "max", {"ids": ids, "offsets": offsets}, {}),
        ("matrix", "sum", {"ids": matrix}, {}),
        (
            "last-offset",
            "sum",
            {"ids": ids, "offsets": rule("int64", [count + 1], [3], 3 * count + 1)},
            {"include_last_offset": True},
        ),
        ("weights", "sum", {"ids": ids, "offsets": offsets, "weights": weights}, {}),
    ):
        w = entries(weights) if name == "weights" else None
        out, dtable, dw = pooled(table, listed, bags, mode, cotangents, w)
        near = (loose(dtype), 8) if mode == "mean" else ("exact",)
        found = {
            "output": value(folded(dtype, out, shape, 7, 3), *near),
            "gradient": value(folded(dtype, dtable, [n, d], 21, 3), *near),
        }
        if w:
            found["weight_gradient"] = value(folded(dtype, dw, [2 * n], 42))
        yield case(
            f"large/many-bags-{name}-{dtype}",
            "bag_backward",
            f"{count} bags of three ids: each is pooled, and each gradient gets to its rows.",
            {**base, **more},
            found,
            options={"mode": mode, **options},
        )
    d, n = 1030, 21
    table = [[row[j % 3] for j in range(d)] for row in (TILE[i % 7] for i in range(n))]
    ids = rule("int64", [14, 3], [3 * FACTOR, FACTOR], n, plus=5)
    listed = [i for bag in entries(ids) for i in bag]
    cotangents = [[row[j % 3] for j in range(d)] for row in g]
    for mode in ("sum", "mean", "max"):
        out, dtable, _ = pooled(table, listed, [range(3 * b, 3 * b + 3) for b in range(14)], mode, cotangents)
        near = (loose(dtype), 8) if mode == "mean" else ("exact",)
        yield case(
            f"large/wide-bags-{mode}-{dtype}",
            "bag_backward",
            f"Bags of rows of {d} numbers: each column is pooled, and gets its gradient.",
            {"table": tiled(dtype, [n, d], 7, 3), "ids": ids, "g": tiled(dtype, [14, d], 14, 3)},
            {
                "output": value(folded(dtype, out, [14, d], 7, 3), *near),
                "gradient": value(folded(dtype, dtable, [n, d], 21, 3), *near),
            },
            options={"mode": mode},
        )


# ---- maps of rows


@functools.cache
def mapped(x, repeats, name, **options):
    """The map of a row that is `x`, so often; one part of it."""
    return MAPS[name]([mpf(v) for v in x] * repeats, **options)[: len(x)]


@functools.cache
def mapped_vjp(g, x, repeats, name, **options):
    """The gradient, by differentiating along one entry of each kind, with 250 bits, of which 160 are right."""
    with mp.workprec(250):
        g, x = [mpf(v) for v in g] * repeats, [mpf(v) for v in x] * repeats
        h, found = mpf(2) ** -80, []
        for c in range(len(x) // repeats):
            ahead, behind = (MAPS[name]([*x[:c], x[c] + s * h, *x[c + 1 :]], **options) for s in (1, -1))
            found.append(sum(w * (a - b) for w, a, b in zip(g, ahead, behind, strict=True)) / (2 * h))
    return found


def maps(dtype):
    every = {
        "normalize": {}, "softmax": {}, "clamp": {"min": -2.5, "max": 1.75}, "clamp_norm": {"maxnorm": 5.5}, "quaternion_normalize": {},
    }  # fmt: skip
    for size, (n, d) in {"tall": (4137, 4), "middling": (231, 33), "wide": (21, 1030)}.items():
        for name, options in every.items():
            width = 4 if size == "tall" or name == "quaternion_normalize" else 3 if size == "middling" else 5
            if name == "quaternion_normalize":
                d = {"tall": 4, "middling": 36, "wide": 1028}[size]
            tile, g = numbers(7, width, over=width), numbers(7, width, plus=2)
            about = {"normalizer": name, **({"normalizer_options": options} if options else {})}
            ids, listed = leaping(n, n)
            parts = 1 if name == "quaternion_normalize" else d // width  # quaternions know nothing of each other
            new = [mapped(tuple(row), parts, name, **options) for row in tile]
            pulled = [mapped_vjp(tuple(g[k % 7]), tuple(tile[i % 7]), parts, name, **options) for k, i in enumerate(listed)]
            dtable = scattered(n, listed, pulled)
            near, scale = loose(dtype, 1 if name == "clamp" else 8), max(length(row * (d // width)) for row in dtable)
            inputs = {
                "table": tiled(dtype, [n, d], 7, width, over=width),
                "ids": ids,
                "g": tiled(dtype, [n, d], 7, width, plus=2),
            }
            out = [new[i % 7] for i in listed]
            kind = name.replace("_", "-")
            yield case(
                f"large/{kind}-{size}-{dtype}",
                "backward",
                f"{n} rows of {d} numbers: each is mapped whole, and so is its gradient.",
                inputs,
                {
                    "output": value(folded(dtype, out, [n, d], 7, width), near),
                    "gradient": value(folded(dtype, dtable, [n, d], 7, width), near, scale),
                },
                options=about,
            )
            if name != "softmax":
                yield case(
                    f"large/constrainer-{kind}-{size}-{dtype}",
                    "constrain",
                    f"All of {n} rows of {d} numbers are constrained, each by itself.",
                    {"table": inputs["table"]},
                    {"table": value(folded(dtype, [new[i % 7] for i in range(n)], [n, d], 7, width), near)},
                    options={"constrainer": name, **({"constrainer_options": options} if options else {})},
                )
    for size, (n, d) in {"tall": (2079, 3), "wide": (21, 1030)}.items() if dtype == "float32" else ():
        ids, listed = leaping(n, 2 * n)
        bound, tile = 6 if size == "tall" else 50, numbers(7, 3 if size == "tall" else 5)
        c = len(tile[0])
        lengths = [norm([mpf(v) for v in row] * (d // c), 2) for row in tile]
        short = [[mpf(v) * bound / max(long, bound) for v in row] for row, long in zip(tile, lengths, strict=True)]
        answers = []
        for writes, rows in (("table", short), ("output", tile)):
            found = {
                "output": value(folded(dtype, [short[i % 7] for i in listed], [2 * n, d], 7, c), loose(dtype, 8)),
                "table": value(folded(dtype, [rows[i % 7] for i in range(n)], [n, d], 7, c), loose(dtype, 8)),
            }
            answers.append(({"max_norm_writes": writes}, found))
        yield case(
            f"large/max-norm-{size}-{dtype}",
            "lookup",
            f"max_norm shortens the longer ones of {n} rows of {d} numbers, all of them.",
            {"table": tiled(dtype, [n, d], 7, c), "ids": ids},
            answers=answers,
            options={"max_norm": float(bound)},
        )
    if dtype == "float64":
        return
    pairs = lambda row: [Complex(*row[i : i + 2]) for i in range(0, len(row), 2)]  # noqa: E731
    complexes = [pairs(row) for row in numbers(7, 6)]
    n, d = 21, 1030
    ids, listed = leaping(n, 2 * n)
    g = numbers(14, 9)
    g = [row[:6] for row in g]
    total = scattered(n, listed, [g[k % 14] for k in range(2 * n)])
    yield case(
        "large/complex-wide-complex64",
        "backward",
        f"Complex rows of {d} numbers are looked up whole, and so are their gradients.",
        {
            "table": block("complex64", [n, d], complexes),
            "ids": ids,
            "g": block("complex64", [2 * n, d], [pairs(row) for row in g]),
        },
        {
            "output": value(folded("complex64", [complexes[i % 7] for i in listed], [2 * n, d], 7, 3)),
            "gradient": value(folded("complex64", [pairs(row) for row in total], [n, d], 7, 3)),
        },
    )


# ---- learning


def steps(dtype):
    rules = {
        "sgd": (sgd, "sgd", {"lr": 0.125}),
        "momentum": (sgd, "sgd", {"lr": 0.125, "momentum": 0.5, "weight_decay": 0.25}),
        "adagrad": (adagrad, "adagrad", {"lr": 0.125}),
        "adam": (adam, "adam", {"lr": 0.125}),
        "adam-weight-decay": (adam, "adam", {"lr": 0.125, "weight_decay": 0.25}),
        "adamw": (adam, "adamw", {"lr": 0.125, "weight_decay": 0.25}),
        "constrainer": (sgd, "sgd", {"lr": 0.125}),
    }
    for size, (n, d) in {"tall": TALL, "middling": MIDDLING, "wide": WIDE}.items():
        ids = rule("int64", [2, 2 * n], [3, FACTOR], n, plus=5)
        tile = TILE
        g = rule(dtype, [2, 2 * n, d], [11, 3, 14], 42, minus=20)
        listed_g = entries({**g, "shape": [2, 14, 3]})
        sums = []
        for t, listed in enumerate(entries(ids)):
            total = scattered(n, listed, [listed_g[t][k % 14] for k in range(2 * n)])
            assert all(row == total[i % 7] for i, row in enumerate(total))
            sums.append(total[:7])
        for name, (one, optimizer, options) in rules.items():
            if (size == "tall" and name not in ("sgd", "adam")) or (size == "wide" and name == "constrainer"):
                continue
            extra = {"decoupled": True} if optimizer == "adamw" else {}
            x, state, found = [[mpf(v) for v in row] for row in tile], [[{} for _ in row] for row in tile], []
            for t, total in enumerate(sums, start=1):
                x = [
                    [one(a, s, mpf(b), t, **options, **extra) for a, s, b in zip(*rows, strict=True)]
                    for rows in zip(x, state, total, strict=True)
                ]
                if name == "constrainer":
                    x = [mapped(tuple(row), d // 3, "normalize") for row in x]
                found.append(x)
            about = {"optimizer": optimizer, "optimizer_options": options}
            about |= {"constrainer": "normalize"} if name == "constrainer" else {}
            yield case(
                f"large/steps-{name}-{size}-{dtype}",
                "steps",
                f"Each of {n} rows of {d} numbers learns, the last number of the last row too, and remembers.",
                {
                    "table": tiled(dtype, [n, d], 7, 3),
                    "ids": ids,
                    "g": g,
                },
                {"tables": value({**block(dtype, [2, n, d], found)}, f"rtol:{64 * EPS[dtype]:.1e}")},
                options=about,
            )


def half(dtype):
    """Half-precision tables, whose numbers are small and whole."""
    for size, (n, d) in {"tall": TALL, "wide": WIDE}.items():
        ids, listed, _, _, _, gradient = looked_up(size)
        yield case(
            f"large/gradient-{size}-{dtype}",
            "backward",
            f"{2 * n} ids of {n} rows of {d} half-precision numbers: copied, and added up, all of them.",
            {"table": tiled(dtype, [n, d], 7, 3), "ids": ids, "g": tiled(dtype, [2 * n, d], 14, 3)},
            {
                "output": value(folded(dtype, [[TILE[i % 7][j % 3] for j in range(d)] for i in listed], [2 * n, d], 7, 3)),
                "gradient": value(folded(dtype, gradient, [n, d], 7, 3)),
            },
            flags=["repeated_ids"],
        )


def second(dtype):
    """The gradient of the gradient of a plain lookup, which takes rows of v."""
    n, d = 231, 33
    ids, listed = leaping(n, 2 * n)
    v = numbers(7, 3, plus=4)
    rows = [[v[i % 7][j % 3] for j in range(d)] for i in listed]
    yield case(
        f"large/second-{dtype}",
        "second",
        "The gradient of <v, gradient of the table> with respect to g is the rows of v that the ids name.",
        {
            "table": tiled(dtype, [n, d], 7, 3),
            "ids": ids,
            "g": tiled(dtype, [2 * n, d], 14, 3),
            "v": tiled(dtype, [n, d], 7, 3, plus=4),
        },
        {"second_g": value(folded(dtype, rows, [2 * n, d], 7, 3)), "second_table": value(block(dtype, [n, d], [[0]]))},
    )


def cases():
    """All of them."""
    for dtype in ("float16", "bfloat16"):
        yield from half(dtype)
    for dtype in ("float32", "float64"):
        for topic in (lookups, crowds, long_bags, many_bags, maps, steps, second):
            yield from topic(dtype)
