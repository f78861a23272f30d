"""Cases of learning: several steps of an optimizer on rows that come and go, in exact numbers from beginning to end."""

import itertools

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


def sgd(x, s, g, t, lr, momentum=0, dampening=0, nesterov=False, weight_decay=0, maximize=False, first_dampened=False):
    g = (-g if maximize else g) + weight_decay * x
    if momentum:
        s["b"] = g if t == 1 and not first_dampened else momentum * s.get("b", 0) + (1 - dampening) * g
        g = g + momentum * s["b"] if nesterov else s["b"]
    return x - lr * g


def adagrad(x, s, g, t, lr, lr_decay=0, eps=1e-10, weight_decay=0, eps_inside=False, square=None, maximize=False):
    g = (-g if maximize else g) + weight_decay * x
    s["s"] = s.get("s", 0) + (g * g if square is None else square)
    root = (s["s"] + mpf(eps)) ** mpf(0.5) if eps_inside else s["s"] ** mpf(0.5) + mpf(eps)
    return x - lr / (1 + (t - 1) * lr_decay) * g / root


def adam(
    x, s, g, t, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decoupled=False, amsgrad=False, inside=False, corrected=True,
    under_root=False, maximize=False,
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
    if under_root:
        return x - lr / c1 * s["m"] / (v / c2**2 + mpf(eps)) ** mpf(0.5)
    return x - lr / c1 * s["m"] / (v ** mpf(0.5) / c2 + mpf(eps))


def made_up(rule, x, s, missed, lr, betas=(0.9, 0.999), weight_decay=0, decoupled=False, **options):
    """x, with its state s, after the steps that it missed: all of SGD; of Adam the fading of its means, and a decoupled decay."""
    if rule is sgd:
        for t in missed:
            x = sgd(x, s, mpf(0), t, lr, weight_decay=weight_decay, **options)
        return x
    s["m"], s["v"] = (s.get(name, 0) * mpf(b) ** len(missed) for name, b in zip("mv", betas, strict=True))
    return x * (1 - lr * weight_decay) ** len(missed) if decoupled else x


def walk(
    rule, options, *, table=TABLE, ids=IDS, g=G, lazy=False, padding=None, one_by_one=False, constrain=None, normalizer=None,
    by_row=False, touch=False, whole_row=False,
):  # fmt: skip
    """The table after each step. `lazy`: rows without a gradient wait. `one_by_one`: repeated ids are not added up first.

    `by_row`: t counts the steps of a row; `touch`: a row makes up for steps that it missed; `whole_row`: squares are those of the row.
    """
    options = {k: mpf(v) if isinstance(v, float) else v for k, v in options.items()}
    x = [[mpf(v) for v in row] for row in table]
    state = [[{} for _ in row] for row in x]
    taken, missed = [0] * len(x), [[] for _ in x]
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
                if (lazy or touch or one_by_one) and (r not in ii or r == padding):
                    missed[r].append(t)
                    continue
                if touch:
                    x[r] = [made_up(rule, a, s, missed[r], **options) for a, s in zip(x[r], state[r], strict=True)]
                taken[r], missed[r] = taken[r] + 1, []
                decayed = [b + options.get("weight_decay", 0) * a for a, b in zip(x[r], row, strict=True)]
                more = {"square": sum(b * b for b in decayed) / len(row)} if whole_row else {}
                step = taken[r] if by_row else t
                x[r] = [rule(a, s, b, step, **options, **more) for a, s, b in zip(x[r], state[r], row, strict=True)]
        if constrain:
            x = [mapped(row, constrain) for row in x]
        found.append([list(row) for row in x])
    return found


def tables(dtype, found, tolerance):
    return {"tables": value(array(dtype, found), tolerance)}


def ways(dtype, optimizer, options, lazily):
    """By which conventions the optimizer may go: ({name: choice}, more options of the rule, how to walk).

    `lazily`: rows without a gradient may be moved, or wait.
    """
    adam, decay = optimizer in ("adam", "adamw"), options.get("weight_decay", 0)
    lazily = lazily and (optimizer != "adagrad" or decay)  # else a gradient of zero moves nothing
    counted = adam or options.get("dampening") or options.get("lr_decay")
    counts = [{"step_count": "table"}, {"step_count": "row"}] if counted else [{}]
    alone = [(c, {}, {"lazy": lazily or "row" in c.values(), "by_row": "row" in c.values()}) for c in counts]
    if lazily:
        alone = [({"missing_rows": "dense"}, {}, {}), *(({"missing_rows": "lazy", **c}, *more) for c, *more in alone)]
        if optimizer in ("sgd", "adamw") or (adam and not decay):  # for the others there is no closed form
            alone.append(({"missing_rows": "decay_on_touch"}, {}, {"touch": True}))
    variants = [[({}, {}, {})]]
    if optimizer == "adagrad":
        variants = [
            [({"adagrad_eps": "outside"}, {}, {}), ({"adagrad_eps": "under_root"}, {"eps_inside": True}, {})],
            [({"adagrad_sums": "entry"}, {}, {}), ({"adagrad_sums": "row"}, {}, {"whole_row": True})],
        ]
    elif adam and (dtype == "float64" or "eps" in options):  # else it is not seen
        names = {"corrected": {}, "uncorrected": {"inside": True}, "under_root": {"under_root": True}}
        variants = [[({"adam_eps": name}, rule, {}) for name, rule in names.items()]]
    elif options.get("dampening"):
        variants = [[({"first_momentum": "gradient"}, {}, {}), ({"first_momentum": "dampened"}, {"first_dampened": True}, {})]]
    return [
        tuple({k: v for part in parts for k, v in part.items()} for parts in zip(*way, strict=True))
        for way in itertools.product(alone, *variants)
    ]


def answered(dtype, optimizer, rule, options, lazily, **how):
    """What is right by each convention, as an argument of `case`."""
    decoupled, near = {"decoupled": True} if optimizer == "adamw" else {}, f"rtol:{64 * EPS[dtype]:.1e}"
    answers = [
        (conventions, tables(dtype, walk(rule, {**options, **decoupled, **more}, **how, **way), near))
        for conventions, more, way in ways(dtype, optimizer, options, lazily)
    ]
    first = answers[0][1]
    return {"expected": first} if all(found == first for _, found in answers) else {"answers": answers}


def steps(dtype):
    tolerance = f"rtol:{64 * EPS[dtype]:.1e}"
    batches = {"ids": ints(IDS), "g": array(dtype, G)}

    def made(id, optimizer, rule, options, why, *, lazily=False, mistakes=(), about=None, **how):
        options = {k: float(stored(v, "float64")) if isinstance(v, float) else v for k, v in options.items()}
        right = answered(dtype, optimizer, rule, options, lazily, **how)
        about = {"optimizer": optimizer, "optimizer_options": options, **(about or {})}
        wrong = [(cause, tables(dtype, m, tolerance)) for cause, m in mistakes]
        inputs = {"table": array(dtype, TABLE), **batches}
        return case(f"steps/{id}-{dtype}", "steps", why, inputs, **right, options=about, mistakes=wrong)

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
    yield made(
        "adamw",
        "adamw",
        adam,
        {**lr, "weight_decay": 0.25},
        "Weight decay of AdamW shrinks x by 1 - lr weight_decay, beside the gradient.",
        lazily=True,
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
    yield from rests(dtype)
    yield case(
        f"steps/own-copy-{dtype}",
        "steps",
        "The array that a layer was made from is the caller's: training does not overwrite it.",
        {"table": array(dtype, TABLE), **batches},
        {"given": value(array(dtype, TABLE))},
        options={"optimizer": "sgd", "optimizer_options": lr},
    )


def rests(dtype):
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
            right = answered(dtype, about["optimizer"], rule, options, True, ids=ids, g=g, padding=padding)
            inputs = {"table": array(dtype, TABLE), "ids": ints(ids, shape=shapes[0]), "g": array(dtype, g, shapes[1])}
            id, why = (
                f"steps/{what}-{name}-{dtype}",
                "A step without a gradient moves what goes on without one, and leaves no NaN.",
            )
            yield case(id, "steps", why, inputs, **right, options=about)


def cases():
    """All of them."""
    for dtype in ("float32", "float64"):
        yield from steps(dtype)
