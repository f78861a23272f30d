"""Cases of the gradient of the gradient: of ``<v, backward(g)>`` with respect to g and to the table."""

import functools

from vectors_cases import case, ints, loose, rows, value
from vectors_exact import MAPS, array, mpf, slopes

TABLE = [[1.5, -2.0, 0.5], [0.25, 3.0, -1.0], [-0.75, 0.125, 2.5]]
IDS = [2, 0, 2]
G = [[0.7, -1.3, 2.1], [-0.4, 0.9, 1.7], [2.2, 0.6, -0.8]]
V = [[1.0, -0.5, 2.0], [3.0, 0.25, -1.0], [-2.0, 1.5, 0.75]]


def second(name, options, table, ids, g, v):
    """By differentiating twice: the directional derivative along v of ``<g, f(x)>`` is ``<v, backward(g)>``."""
    f = functools.partial(MAPS[name], **options) if name else list
    h = mpf(2) ** -200

    def along(x, w):
        """The directional derivative of f at x along w."""
        ahead, behind = (f([p + s * h * q for p, q in zip(x, w, strict=True)]) for s in (1, -1))
        return [(a - b) / (2 * h) for a, b in zip(ahead, behind, strict=True)]

    def inner(row, w, x):
        return sum(mpf(a) * b for a, b in zip(row, along(x, w), strict=True))

    dg, dtable = [], [[mpf(0)] * len(row) for row in table]
    for i, row in zip(ids, g, strict=True):
        x, w = [mpf(a) for a in table[i]], [mpf(a) for a in v[i]]
        dg.append(along(x, w))
        dtable[i] = [a + b for a, b in zip(dtable[i], slopes(functools.partial(inner, row, w), x), strict=True)]
    return dg, dtable


def cases():
    """All of them."""
    for dtype in ("float32", "float64"):
        table, g, v = rows(TABLE, dtype), rows(G, dtype), rows(V, dtype)
        for name, options in (
            (None, {}),
            ("normalize", {}),
            ("normalize", {"p": 3}),
            ("softmax", {}),
            ("clamp", {"min": -1.5, "max": 2.0}),
        ):
            dg, dtable = second(name, options, table, IDS, g, v)
            about = {"normalizer": name, **({"normalizer_options": options} if options else {})} if name else {}
            id = "-".join([name or "plain", *(f"{k}-{x}" for k, x in options.items() if k == "p")])
            expected = {
                "second_g": value(array(dtype, dg), loose(dtype, 2)),
                "second_table": value(array(dtype, dtable), loose(dtype, 4)),
            }
            if name in (None, "clamp"):
                expected["second_table"]["scale"] = 1.0
            wrong = (
                [
                    (
                        "the backward pass is constant in the table, where the normalizer's depends on it",
                        {"second_g": expected["second_g"], "second_table": value(array(dtype, [[0] * 3] * 3))},
                    )
                ]
                if name not in (None, "clamp")
                else []
            )
            yield case(
                f"second/{id}-{dtype}",
                "second",
                "The gradient of <v, gradient of the table>, with respect to g and to the table.",
                {"table": array(dtype, table), "ids": ints(IDS), "g": array(dtype, g), "v": array(dtype, v)},
                expected,
                options=about,
                mistakes=wrong,
            )
