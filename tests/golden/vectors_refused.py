"""Cases of bad input, which a layer must refuse before it changes anything."""

from vectors_cases import case, ints
from vectors_exact import array

TABLE = [[3.0, 4.0], [0.25, 3.0], [-7.0, 0.125]]
G = [[1.0, -2.0], [0.5, 0.25], [3.0, 4.0]]


def cases():
    """All of them."""
    dtype = "float32"
    table = array(dtype, TABLE)
    outside = {"negative": -1, "far-negative": -4, "one-too-many": 3, "far": 2**40}
    for name, bad in outside.items():
        why = f"The id {bad} names no row of a table of 3: not the last one, not none, not other memory."
        yield case(f"refused/{name}-id", "lookup", why, {"table": table, "ids": ints([0, bad, 1])})
        yield case(
            f"refused/{name}-id-in-bag",
            "bag",
            why,
            {"table": table, "ids": ints([0, bad, 1]), "offsets": ints([0, 2])},
            options={"mode": "sum"},
        )
        yield case(
            f"refused/{name}-id-with-max-norm",
            "lookup",
            f"{why} No row is shortened before the id is refused.",
            {"table": table, "ids": ints([0, bad, 1])},
            options={"max_norm": 1.0},
        )
    one = array(dtype, TABLE[:1])
    for name, bad in {"negative": -1, "one-too-many": 1, "far": 2**40}.items():
        why = f"The id {bad} names no row of a table of 1: that it has one row only does not make it the one."
        yield case(f"refused/{name}-id-of-one-row", "lookup", why, {"table": one, "ids": ints([0, bad])})
        yield case(f"refused/{name}-id-without-axes", "lookup", why, {"table": one, "ids": ints(bad)})
        inputs = {"table": one, "ids": ints([[0, bad]])}
        yield case(f"refused/{name}-id-of-one-row-in-bag", "bag", why, inputs, options={"mode": "mean"})
    rows = {"dtype": dtype, "shape": [100, 2], "rule": {"times": [2, 1], "plus": 0, "mod": 200, "over": 1, "minus": 100}}
    for kind, bad in (("int8", -1), ("uint8", 200), ("uint8", 255), ("int16", -100), ("uint16", 65535), ("uint32", 2**32 - 1)):
        yield case(
            f"refused/{kind}-id-{abs(bad)}",
            "lookup",
            f"The id {bad} names no row of a table of 100, as whatever type it is read.",
            {"table": rows, "ids": ints([0, bad, 1], kind)},
        )
    yield case(
        "refused/no-rows",
        "lookup",
        "A table without rows has no valid id.",
        {"table": array(dtype, [], [0, 2]), "ids": ints([0])},
    )
    yield case(
        "refused/fractional-ids",
        "lookup",
        "Ids are whole numbers: 1.5 is not to be cut to 1.",
        {"table": table, "ids": array("float64", [0.0, 1.5])},
    )
    for name, shape, g in (("rows", [2, 2], G[:2]), ("columns", [3, 1], [[1.0], [2.0], [3.0]])):
        yield case(
            f"refused/gradient-with-other-{name}",
            "backward",
            "The gradient has the shape of the output; nothing is broadcast.",
            {"table": table, "ids": ints([0, 1, 1]), "g": array(dtype, g, shape)},
        )
    for row in (3, -4):
        yield case(
            f"refused/padding-idx-{row}",
            "lookup",
            f"padding_idx = {row} names no row of a table of 3.",
            {"table": table, "ids": ints([0])},
            options={"padding_idx": row},
        )
    for name, offsets, why in (
        ("decreasing-offsets", [0, 3, 1], "Offsets do not decrease: a bag has no negative length."),
        ("offsets-not-from-zero", [1, 2], "The first offset is 0: ids before it would be in no bag."),
        ("offsets-behind-the-end", [0, 4], "No bag begins behind the last id."),
        ("negative-offsets", [0, -1, 2], "An offset counts ids from the first."),
    ):
        yield case(
            f"refused/{name}",
            "bag",
            why,
            {"table": table, "ids": ints([0, 1, 2]), "offsets": ints(offsets)},
            options={"mode": "sum"},
        )
    yield case(
        "refused/no-offsets",
        "bag",
        "Ids in a vector need offsets: where does each bag begin?",
        {"table": table, "ids": ints([0, 1, 2])},
        options={"mode": "sum"},
    )
    yield case(
        "refused/offsets-for-a-matrix",
        "bag",
        "A matrix of ids says its bags itself.",
        {"table": table, "ids": ints([[0, 1], [2, 1]]), "offsets": ints([0, 2])},
        options={"mode": "sum"},
    )
    for mode in ("mean", "max"):
        yield case(
            f"refused/weights-in-mode-{mode}",
            "bag",
            "Weights are for sums: in other modes they are refused, not dropped.",
            {"table": table, "ids": ints([0, 1, 2]), "offsets": ints([0]), "weights": array(dtype, [1.0, 2.0, 3.0])},
            options={"mode": mode},
        )
    yield case(
        "refused/too-few-weights",
        "bag",
        "Each id has a weight.",
        {"table": table, "ids": ints([0, 1, 2]), "offsets": ints([0]), "weights": array(dtype, [1.0, 2.0])},
        options={"mode": "sum"},
    )
    yield case(
        "refused/unknown-mode",
        "bag",
        "An unknown mode is not a known one.",
        {"table": table, "ids": ints([0, 1]), "offsets": ints([0])},
        options={"mode": "median"},
    )
    for optimizer in ("sgd", "adagrad", "adam"):
        yield case(
            f"refused/negative-learning-rate-{optimizer}",
            "steps",
            "A negative learning rate would go up the gradient.",
            {"table": table, "ids": ints([[0]]), "g": array(dtype, [[[1.0, 1.0]]])},
            options={"optimizer": optimizer, "optimizer_options": {"lr": -0.5}},
        )
    yield case(
        "refused/nesterov-without-momentum",
        "steps",
        "Nesterov's step needs a momentum.",
        {"table": table, "ids": ints([[0]]), "g": array(dtype, [[[1.0, 1.0]]])},
        options={"optimizer": "sgd", "optimizer_options": {"lr": 0.5, "nesterov": True}},
    )
    yield case(
        "refused/clamp-without-bound",
        "constrain",
        "clamp needs a bound, clamp_norm a length.",
        {"table": table},
        options={"constrainer": "clamp"},
    )
    yield case(
        "refused/unknown-constrainer",
        "constrain",
        "An unknown constrainer is not a known one, nor none.",
        {"table": table},
        options={"constrainer": "normalise_all"},
    )
    yield case(
        "refused/unknown-normalizer",
        "lookup",
        "An unknown normalizer is not a known one, nor none.",
        {"table": table, "ids": ints([0])},
        options={"normalizer": "normalise_all"},
    )
