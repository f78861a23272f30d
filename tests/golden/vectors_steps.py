"""Cases of learning: several steps of an optimizer on rows that come and go, in exact numbers from beginning to end."""

from vectors_cases import case, ints, mapped, mapped_vjp, scatter, value
from vectors_exact import EPS, array, mpf, stored

TABLE = [[1.5, -2.0], [0.25, 3.0], [-0.75, 0.125], [4.0, -0.5]]
IDS = [[1, 3, 1], [0, 1, 1], [3, 0, 3], [1, 1, 0]]
G = [
    [[1.0, -2.0], [0.5, 0.25], [3.0, 4.0]],
    [[-1.0, 0.75], [2.0, 1.5], [-0.5, 1.0]],
    [[0.25, -4.0], [1.0, 1.0], [2.0, -3.0]],
    [[0.5, 2.0], [1.5, -1.0], [-2.0, 0.5]],
]


def sgd(x, s, g, t, lr, momentum=0, dampening=0, nesterov=False, weight_decay=0, maximize=False):
    g = (-g if maximize else g) + weight_decay * x
    if momentum:
        s["b"] = g if "b" not in s else momentum * s["b"] + (1 - dampening) * g
        g = g + momentum * s["b"] if nesterov else s["b"]
    return x - lr * g


def adagrad(x, s, g, t, lr, lr_decay=0, eps=1e-10, weight_decay=0, eps_inside=False, maximize=False):
    g = (-g if maximize else g) + weight_decay * x
    s["s"] = s.get("s", 0) + g * g
    root = (s["s"] + mpf(eps)) ** mpf(0.5) if eps_inside else s["s"] ** mpf(0.5) + mpf(eps)
    return x - lr / (1 + (t - 1) * lr_decay) * g / root


def adam(
    x, s, g, t, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decoupled=False, amsgrad=False, inside=False, corrected=True,
    maximize=False,
):  # fmt: skip
    b1, b2 = map(mpf, betas)
    g = -g if maximize else g
    if decoupled:
        x = x * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * x
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0) + (1 - b2) * g * g
    v = s["v"]
    if amsgrad:
        v = s["top"] = max(s.get("top", 0), v)
    c1, c2 = (1 - b1**t, (1 - b2**t) ** mpf(0.5)) if corrected else (1, 1)
    if inside:
        return x - lr * c2 / c1 * s["m"] / (v ** mpf(0.5) + mpf(eps))
    return x - lr / c1 * s["m"] / (v ** mpf(0.5) / c2 + mpf(eps))


def walk(
    rule, options, *, table=TABLE, ids=IDS, g=G, lazy=False, padding=None, one_by_one=False, constrain=None, normalizer=None
):
    """The table after each step. `lazy`: rows without a gradient wait. `one_by_one`: repeated ids are not added up first."""
    options = {k: mpf(v) if isinstance(v, float) else v for k, v in options.items()}
    x = [[mpf(v) for v in row] for row in table]
    state = [[{} for _ in row] for row in x]
    found = []
    for t, (i, d) in enumerate(zip(ids, g, strict=True), start=1):
        d = [[mpf(v) for v in row] for row in d]
        if normalizer:
            d = [mapped_vjp(v, x[j], normalizer) for v, j in zip(d, i, strict=True)]
        rounds = [(i, d)] if not one_by_one else [([a], [b]) for a, b in zip(i, d, strict=True)]
        for ii, dd in rounds:
            total = scatter(len(x), len(x[0]), ii, dd)
            for r, row in enumerate(total):
                row = [mpf(0)] * len(row) if r == padding else row
                if (lazy or one_by_one) and (r not in ii or r == padding):
                    continue
                x[r] = [rule(a, s, b, t, **options) for a, s, b in zip(x[r], state[r], row, strict=True)]
        if constrain:
            x = [mapped(row, constrain) for row in x]
        found.append([list(row) for row in x])
    return found


def tables(dtype, found, tolerance):
    return {"tables": value(array(dtype, found), tolerance)}


def steps(dtype):
    tolerance = f"rtol:{64 * EPS[dtype]:.1e}"
    batches = {"ids": ints(IDS), "g": array(dtype, G)}

    def made(id, optimizer, rule, options, why, *, lazily=False, mistakes=(), about=None, **how):
        options = {k: float(stored(v, "float64")) if isinstance(v, float) else v for k, v in options.items()}
        right = walk(rule, options, **how)
        about = {"optimizer": optimizer, "optimizer_options": options, **(about or {})}
        wrong = [(cause, tables(dtype, m, tolerance)) for cause, m in mistakes]
        inputs = {"table": array(dtype, TABLE), **batches}
        if lazily:
            answers = [
                ({"untouched": "dense"}, tables(dtype, right, tolerance)),
                ({"untouched": "lazy"}, tables(dtype, walk(rule, options, lazy=True, **how), tolerance)),
            ]
            return case(f"steps/{id}-{dtype}", "steps", why, inputs, answers=answers, options=about, mistakes=wrong)
        return case(f"steps/{id}-{dtype}", "steps", why, inputs, tables(dtype, right, tolerance), options=about, mistakes=wrong)

    lr, heavy = {"lr": 0.125}, {"lr": 0.125, "momentum": 0.5}
    yield made(
        "sgd",
        "sgd",
        sgd,
        lr,
        "x - lr g, with the gradients of a repeated id added up.",
        mistakes=[("the step goes up the gradient", walk(sgd, {"lr": -0.125}))],
    )
    yield made("sgd-maximize", "sgd", sgd, {**lr, "maximize": True}, "maximize goes up the gradient.")
    yield made(
        "sgd-weight-decay",
        "sgd",
        sgd,
        {**lr, "weight_decay": 0.25},
        "Weight decay adds weight_decay x to the gradient, of every row or of those with one.",
        lazily=True,
    )
    yield made(
        "sgd-momentum",
        "sgd",
        sgd,
        heavy,
        "b = momentum b + g, and the first b is g: rows without a gradient go on, or wait.",
        lazily=True,
        mistakes=[("momentum has no effect", walk(sgd, lr))],
    )
    yield made(
        "sgd-dampening",
        "sgd",
        sgd,
        {**heavy, "dampening": 0.25},
        "b = momentum b + (1 - dampening) g; the first b is g, not dampened.",
        lazily=True,
    )
    yield made(
        "sgd-nesterov", "sgd", sgd, {**heavy, "nesterov": True}, "Nesterov's step is g + momentum b with the new b.", lazily=True
    )
    added = "the gradients of a repeated id are used one by one, where they are to be added up first"
    inside = walk(adagrad, {"lr": 0.125, "eps": 0.25, "eps_inside": True})
    yield made(
        "adagrad",
        "adagrad",
        adagrad,
        lr,
        "x - lr g / (sqrt(sum of g^2) + eps): the square of the summed gradient of a repeated id.",
        mistakes=[(added, walk(adagrad, lr, one_by_one=True))],
    )
    yield made(
        "adagrad-eps",
        "adagrad",
        adagrad,
        {"lr": 0.125, "eps": 0.25},
        "eps is added to the root, not under it.",
        mistakes=[("eps stands under the root of Adagrad", inside)],
    )
    yield made(
        "adagrad-lr-decay",
        "adagrad",
        adagrad,
        {**lr, "lr_decay": 0.5},
        "The learning rate of step t is lr / (1 + (t - 1) lr_decay).",
    )
    uncorrected = walk(adam, {**lr, "corrected": False})
    yield made(
        "adam",
        "adam",
        adam,
        lr,
        "Both running means are corrected for having begun at zero; rows without a gradient go on, or wait.",
        lazily=True,
        mistakes=[
            ("the running means of Adam are not corrected for having begun at zero", uncorrected),
            (added, walk(adam, lr, one_by_one=True)),
        ],
    )
    inside = walk(adam, {"lr": 0.125, "eps": 0.5, "inside": True})
    yield made(
        "adam-eps",
        "adam",
        adam,
        {"lr": 0.125, "eps": 0.5},
        "eps is added to the corrected root: sqrt(v / (1 - b2^t)) + eps.",
        lazily=True,
        mistakes=[("eps of Adam stands inside of the bias correction", inside)],
    )
    yield made(
        "adam-weight-decay",
        "adam",
        adam,
        {**lr, "weight_decay": 0.25},
        "Weight decay of Adam is added to the gradient, before the running means.",
        lazily=True,
        mistakes=[("weight decay is decoupled, as in AdamW", walk(adam, {**lr, "weight_decay": 0.25, "decoupled": True}))],
    )
    yield made("adam-amsgrad", "adam", adam, {**lr, "amsgrad": True}, "amsgrad divides by the largest v so far.", lazily=True)
    right = {**lr, "weight_decay": 0.25}
    yield case(
        f"steps/adamw-{dtype}",
        "steps",
        "Weight decay of AdamW shrinks x by 1 - lr weight_decay, beside the gradient.",
        {"table": array(dtype, TABLE), **batches},
        answers=[
            ({"untouched": u}, tables(dtype, walk(adam, {**right, "decoupled": True}, lazy=u == "lazy"), tolerance))
            for u in ("dense", "lazy")
        ],
        options={"optimizer": "adamw", "optimizer_options": right},
    )
    yield made("padding", "sgd", sgd, lr, "The padding row gets no gradient, so it stays.", about={"padding_idx": 1}, padding=1)
    decay = {**lr, "weight_decay": 0.25}
    yield made(
        "padding-weight-decay",
        "sgd",
        sgd,
        decay,
        "Weight decay moves the padding row, or leaves it as a row without a gradient.",
        about={"padding_idx": 1},
        lazily=True,
        padding=1,
    )
    yield made(
        "constrainer-each-step",
        "sgd",
        sgd,
        lr,
        "After each step all rows are brought to length one; no gradient knows of it.",
        about={"constrainer": "normalize"},
        constrain="normalize",
        mistakes=[
            ("the constrainer is not applied", walk(sgd, lr)),
            (
                "the constrainer was differentiated as if it were a normalizer",
                walk(sgd, lr, constrain="normalize", normalizer="normalize"),
            ),
        ],
    )
    yield made(
        "normalizer-each-step",
        "sgd",
        sgd,
        lr,
        "The stored rows are not normalized by a normalizer: they grow with each step.",
        about={"normalizer": "normalize"},
        normalizer="normalize",
        mistakes=[("the normalizer was treated as a constrainer", walk(sgd, lr, constrain="normalize"))],
    )
    frozen = {"optimizer": "sgd", "optimizer_options": lr, "trainable": False}
    yield case(
        f"steps/frozen-{dtype}",
        "steps",
        "A frozen table is not changed by a step.",
        {"table": array(dtype, TABLE), **batches},
        {"tables": value(array(dtype, [TABLE] * 4))},
        options=frozen,
    )
    yield case(
        f"steps/one-column-{dtype}",
        "steps",
        "A table of one column, batches of one id: no step is lost.",
        {"table": array(dtype, [[0.0], [2.0]]), "ids": ints([[0], [0]]), "g": array(dtype, [[[1.0]], [[1.0]]])},
        {"tables": value(array(dtype, [[[-0.125], [2.0]], [[-0.25], [2.0]]]))},
        options={"optimizer": "sgd", "optimizer_options": lr},
    )
    yield from rests(dtype, tolerance)
    yield case(
        f"steps/own-copy-{dtype}",
        "steps",
        "The array that a layer was made from is the caller's: training does not overwrite it.",
        {"table": array(dtype, TABLE), **batches},
        {"given": value(array(dtype, TABLE))},
        options={"optimizer": "sgd", "optimizer_options": lr},
    )


def rests(dtype, tolerance):
    """Steps without any gradient: those of padding alone, those without ids."""
    rules = {
        "sgd": (sgd, {}), "momentum": (sgd, {"momentum": 0.5}), "adagrad": (adagrad, {}), "adam": (adam, {}),
        "adam-weight-decay": (adam, {"weight_decay": 0.25}),
    }  # fmt: skip
    for name, (rule, more) in rules.items():
        for what, ids, padding in (("padding-alone", [[1, 1], [0, 2], [1, 1]], 1), ("no-ids", [[], []], None)):
            g = [row[:2] for row in G[:3]] if padding is not None else [[], []]
            options = {"lr": 0.125, **more}
            about = {"optimizer": "sgd" if name == "momentum" else name.partition("-")[0], "optimizer_options": options}
            about |= {} if padding is None else {"padding_idx": padding}
            shapes = [None, None] if padding is not None else [[2, 0], [2, 0, 2]]
            ways = [walk(rule, options, ids=ids, g=g, padding=padding, lazy=lazy) for lazy in (False, True)]
            ways = [tables(dtype, way, tolerance) for way in ways]
            inputs = {"table": array(dtype, TABLE), "ids": ints(ids, shape=shapes[0]), "g": array(dtype, g, shapes[1])}
            id, why = (
                f"steps/{what}-{name}-{dtype}",
                "A step without a gradient moves what goes on without one, and leaves no NaN.",
            )
            if ways[0] == ways[1]:
                yield case(id, "steps", why, inputs, ways[0], options=about)
                continue
            found = [({"untouched": u}, way) for u, way in zip(("dense", "lazy"), ways, strict=True)]
            yield case(id, "steps", why, inputs, answers=found, options=about)


def cases():
    """All of them."""
    for dtype in ("float32", "float64"):
        yield from steps(dtype)
