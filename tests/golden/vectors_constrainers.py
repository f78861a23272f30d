"""Cases of the maps of a row as constrainers: applied to the whole table, after an update."""

from vectors_cases import case, loose, mapped, rows, value
from vectors_exact import array


def constrainers(dtype):
    wide = [[5.0, -12.0, 0.0], [0.3, 0.4, 0.0], [3.0, 0.0, 4.0], [1.0, 2.0, 2.0]]

    def made(id, table, name, options, why, compare=None, **more):
        table = rows(table, dtype)
        right = [mapped(r, name, **options) for r in table]
        about = {"constrainer": name, **({"constrainer_options": options} if options else {}), **more.pop("options", {})}
        return case(
            f"constrainer/{id}-{dtype}",
            "constrain",
            why,
            {"table": array(dtype, table)},
            {"table": value(array(dtype, right), compare or loose(dtype))},
            options=about,
            **more,
        )

    def whole(n):
        return [("one norm for the whole table, where each row has its own", {"table": value(array(dtype, n), loose(dtype))})]

    for p in (1, 2, 3, "inf"):
        more = {} if p == 2 else {"p": p}
        yield made(
            f"normalize-p-{p}",
            wide,
            "normalize",
            more,
            "After an update each row is brought to length one, those that no id named too.",
        )
        flat_table = [v for r in rows(wide, dtype) for v in r]
        n = mapped(flat_table, "clamp_norm", maxnorm=2.0, **more)
        wrong = whole([n[i : i + 3] for i in range(0, 12, 3)])
        yield made(
            f"clamp-norm-p-{p}",
            wide,
            "clamp_norm",
            {"maxnorm": 2.0, **more},
            "Rows longer than maxnorm are shortened, each by itself; the others stay.",
            mistakes=wrong,
        )
    yield made(
        "clamp-norm-inside",
        [[0.3, 0.4], [3.0, 4.0], [-5.0, 0.0]],
        "clamp_norm",
        {"maxnorm": 5.0},
        "Rows within the ball, its edge included, stay to the bit.",
        "exact",
    )
    yield made(
        "clamp-norm-huge",
        [[3e30, 4e30], [1.0, 2.0]] if dtype == "float32" else [[3e200, 4e200], [1.0, 2.0]],
        "clamp_norm",
        {"maxnorm": 1.0},
        "The squares of a huge row overflow, its length does not: it ends on the sphere.",
    )
    yield made("clamp-norm-zero-row", [[0.0, 0.0], [3.0, 4.0]], "clamp_norm", {"maxnorm": 1.0}, "The zero row stays zero.")
    yield made("clamp", wide, "clamp", {"min": -0.5, "max": 2.0}, "Each number is cut off at the bounds.", "exact")
    yield made("clamp-min", wide, "clamp", {"min": 0.25}, "Each number is cut off at the bound.", "exact")
    yield made("normalize-zero-row", [[0.0, 0.0], [3.0, 4.0]], "normalize", {}, "The zero row stays zero, and is not NaN.")
    deep = rows([[[3.0, 4.0], [6.0, -8.0]], [[0.0, 5.0], [1.0, 0.0]]], dtype)
    right = [[mapped(r, "normalize") for r in m] for m in deep]
    other = [[list(c) for c in zip(*[mapped(list(col), "normalize") for col in zip(*m, strict=True)], strict=True)] for m in deep]
    yield case(
        f"constrainer/normalize-rows-that-are-matrices-{dtype}",
        "constrain",
        "A row of shape (a, b) is normalized along its last axis.",
        {"table": array(dtype, deep)},
        {"table": value(array(dtype, right), loose(dtype))},
        options={"constrainer": "normalize", "row_shape": [2, 2]},
        mistakes=[("normalized along the wrong axis of a row", {"table": value(array(dtype, other), loose(dtype))})],
    )
    yield case(
        f"constrainer/frozen-{dtype}",
        "constrain",
        "A frozen table is not changed by its constrainer.",
        {"table": array(dtype, rows(wide, dtype))},
        {"table": value(array(dtype, rows(wide, dtype)))},
        options={"constrainer": "normalize", "trainable": False},
    )
    quaternions = [[1.0, -2.0, 0.5, 3.0, 0.25, 0.0, -1.0, 2.0], [0.0] * 4 + [3.0, 0.0, 4.0, 0.0]]
    yield made(
        "quaternion",
        quaternions,
        "quaternion_normalize",
        {},
        "Each four numbers are brought to length one; a zero quaternion stays.",
    )


def cases():
    """All of them."""
    for dtype in ("float32", "float64"):
        yield from constrainers(dtype)
