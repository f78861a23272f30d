"""Cases of options that meet: any two that can be given together are, in some case, both at work."""

from vectors_cases import Complex, array, case, ints, loose, value
from vectors_exact import EPS
from vectors_layer import answers

TABLE = [[1.5, -2.0, 0.5, 1.0], [0.25, 3.0, -1.0, 2.0], [-0.75, 0.125, 2.5, -4.0]]
DEEP = [[*row, *(v * -0.5 for v in row[::-1])] for row in TABLE]
IDS = [[2, 0, 1, 2], [1, 0, 2, 0]]
G = [
    [[1.0, -2.0, 0.5, 0.25], [3.0, 4.0, -1.0, 0.75], [2.0, 1.5, -0.5, 1.0], [0.25, -4.0, 1.0, 1.0]],
    [[2.0, -3.0, 0.5, 2.0], [1.5, -1.0, -2.0, 0.5], [-0.75, 2.5, 1.25, -1.5], [0.5, 1.75, 3.0, -0.25]],
]
WEIGHTS = [[0.5, -2.0, 4.0, 1.5], [-0.25, 3.0, 0.75, -1.5]]

LAYER = {
    "padding": {"padding_idx": 1},
    "frequency": {"scale_grad_by_freq": True},
    "max-norm": {"max_norm": 3.0},
    "norm-type": {"max_norm": 3.0, "norm_type": 1},
    "frozen": {"trainable": False},
    "matrices": {"row_shape": [2, 4]},
}
NORMALIZERS = {
    "normalize": {"normalizer": "normalize"},
    "softmax": {"normalizer": "softmax"},
    "clamp": {"normalizer": "clamp", "normalizer_options": {"min": -1.375, "max": 1.75}},
    "clamp-norm": {"normalizer": "clamp_norm", "normalizer_options": {"maxnorm": 2.25}},
    "quaternion": {"normalizer": "quaternion_normalize"},
    "complex": {"normalizer": "complex_normalize"},
}
BAGS = {
    "sum": {"mode": "sum"},
    "mean": {"mode": "mean"},
    "max": {"mode": "max"},
    "weights": {"mode": "sum", "weights": True},
    "last-offset": {"mode": "sum", "include_last_offset": True},
    "sum-matrix": {"mode": "sum", "matrix": True},
    "mean-matrix": {"mode": "mean", "matrix": True},
    "max-matrix": {"mode": "max", "matrix": True},
}
LR = {"lr": 0.125}
OPTIMIZERS = {
    "sgd": ("sgd", {**LR}),
    "momentum": ("sgd", {**LR, "momentum": 0.5, "dampening": 0.25, "weight_decay": 0.25, "maximize": True}),
    "nesterov": ("sgd", {**LR, "momentum": 0.5, "nesterov": True, "weight_decay": 0.25, "maximize": True}),
    "adagrad": ("adagrad", {**LR, "lr_decay": 0.5, "eps": 0.25, "weight_decay": 0.25, "maximize": True}),
    "adam": (
        "adam",
        {**LR, "betas": [0.5, 0.75], "eps": 0.25, "weight_decay": 0.25, "amsgrad": True, "maximize": True},
    ),
    "adamw": (
        "adamw",
        {**LR, "betas": [0.5, 0.75], "eps": 0.25, "weight_decay": 0.25, "amsgrad": True, "maximize": True},
    ),
}
CONSTRAINERS = {
    "normalize": {"constrainer": "normalize"},
    "clamp": {"constrainer": "clamp", "constrainer_options": {"min": -1.125, "max": 1.625}},
    "clamp-norm": {"constrainer": "clamp_norm", "constrainer_options": {"maxnorm": 2.25}},
    "quaternion": {"constrainer": "quaternion_normalize"},
    "complex": {"constrainer": "complex_normalize"},
}
ORDERED = ("clamp", "quaternion", "softmax")
"""Maps of real numbers: complex ones have no order, and are not four to a quaternion."""


def optimized(name):
    optimizer, options = OPTIMIZERS[name]
    return {"optimizer": optimizer, "optimizer_options": options}


def met(id, why, *parts):
    """A case in which the options of all `parts` meet: two steps if there is an optimizer, else a lookup and its gradient."""
    options = {name: v for part in parts for name, v in part.items()}
    weights, matrix = options.pop("weights", False), options.pop("matrix", False)
    is_complex = "complex_normalize" in (options.get("normalizer"), options.get("constrainer"))
    dtype = "complex64" if is_complex else "float32"
    steps, bags = "optimizer" in options, "mode" in options
    table = DEEP if "row_shape" in options else TABLE
    long = len(table[0])
    batches = []
    for ids, g, w in list(zip(IDS, G, WEIGHTS, strict=True))[: 2 if steps else 1]:
        batch = {"ids": [ids[:2], ids[2:]] if matrix else ids, "g": [(row + row[::-1])[:long] for row in (g[:2] if bags else g)]}
        if bags and not matrix:
            batch["offsets"] = [0, 2, 4] if options.get("include_last_offset") else [0, 2]
        if weights:
            batch["weights"] = [w[:2], w[2:]] if matrix else w
        batches.append(batch)

    def rows(nested):
        """Flat rows as they are stored: complex numbers, matrices."""
        found = [[Complex(a, b) for a, b in zip(r[::2], r[1::2], strict=True)] for r in nested] if is_complex else nested
        half = len(found[0]) // 2
        return [[row[:half], row[half:]] for row in found] if "row_shape" in options else found

    def stacked(name, of):
        found = [of(batch[name]) for batch in batches]
        return found if steps else found[0]

    inputs = {"table": array(dtype, rows(table)), "ids": ints(stacked("ids", list)), "g": array(dtype, stacked("g", rows))}
    if "offsets" in batches[0]:
        inputs["offsets"] = ints(stacked("offsets", list))
    if weights:
        inputs["weights"] = array(dtype, stacked("weights", lambda w: [Complex(v, 0) for v in w] if is_complex else w))
    shown = {**options, "row_shape": [2, long // (4 if is_complex else 2)]} if "row_shape" in options else options
    near = f"rtol:{64 * EPS[dtype]:.1e}" if steps else loose(dtype)

    def expected(found):
        if steps:
            return {"tables": value(array(dtype, [rows(batch["table"]) for batch in found]), near)}
        (found,) = found
        gives = {"output": value(array(dtype, rows(found["output"])), near)}
        if options.get("trainable", True):
            gives["gradient"] = value(array(dtype, rows(found["gradient"])), near, 8)
        if weights:
            dw = found["weight_gradient"]
            gives["weight_gradient"] = value(array(dtype, [dw[:2], dw[2:]] if matrix else dw), near, 8)
        if "max_norm" in options:
            gives["table"] = value(array(dtype, rows(found["table"])), near)
        return gives

    ways = answers(table, batches, options, width=4, real=not is_complex)
    op = "steps" if steps else "bag_backward" if bags else "backward"
    if len(ways) == 1:
        return case(f"pairs/{id}", op, why, inputs, expected(ways[0][1]), options=shown)
    return case(f"pairs/{id}", op, why, inputs, answers=[(said, expected(found)) for said, found in ways], options=shown)


def layers():
    """Two options of a lookup, or of a lookup by bags."""
    names = list(LAYER)
    why = "Two options of a lookup at once: each does what it does alone."
    for n, a in enumerate(names):
        for b in names[n + 1 :]:
            if {a, b} != {"max-norm", "norm-type"}:
                yield met(f"{a}-and-{b}", why, LAYER[a], LAYER[b])
    for a in names:
        for name, normalizer in NORMALIZERS.items():
            if (a, name) != ("norm-type", "complex"):
                yield met(f"{a}-and-{name}", why + " A normalizer sees the rows that max_norm left.", LAYER[a], normalizer)
        for name, bag in BAGS.items():
            if (a, bag["mode"]) != ("frequency", "max"):
                more = " The gradient of the weights is that of <g, row>, be the table frozen or not." if "weights" in bag else ""
                yield met(f"{a}-and-{name}", "An option of a lookup, in bags." + more, LAYER[a], bag)
    why = "An option of bags, in each mode."
    yield met("matrix-and-weights", "A matrix of ids has a matrix of weights.", BAGS["sum-matrix"], BAGS["weights"])
    yield met("last-offset-and-weights", why, BAGS["last-offset"], BAGS["weights"])
    for mode in ("mean", "max"):
        yield met(f"last-offset-and-{mode}", why, BAGS["last-offset"], BAGS[mode])


def optimizers():
    """An option of a lookup, and an optimizer with all of its options."""
    why = "What an optimizer takes a step with is the gradient of the lookup as its options leave it."
    bags = {
        "sum": BAGS["sum"],
        "weights": BAGS["weights"],
        "mean-last-offset": {**BAGS["mean"], "include_last_offset": True},
        "max-matrix": BAGS["max-matrix"],
    }
    layer = {name: of for name, of in LAYER.items() if name != "max-norm"}
    for name, of in {**layer, **NORMALIZERS, **bags}.items():
        for optimizer in OPTIMIZERS:
            if (name, optimizer) != ("frozen", "sgd"):
                yield met(f"{optimizer}-and-{name}", why, optimized(optimizer), of)


def constrainers():
    """A constrainer after the step of each optimizer, and with the options of a lookup, several of them at once."""
    after = "After each step the constrainer is applied to all rows; no gradient knows of it."
    for name, constrainer in CONSTRAINERS.items():
        for optimizer in OPTIMIZERS:
            yield met(f"constrainer-{name}-and-{optimizer}", after, constrainer, optimized(optimizer))
        for option in ("frozen", "matrices"):
            yield met(f"constrainer-{name}-and-{option}", after, constrainer, LAYER[option], optimized("sgd"))
        together = {**LAYER["padding"], **LAYER["frequency"], **LAYER["max-norm"]}
        for map_, normalizer in NORMALIZERS.items():
            if map_ == name == "complex" or ("complex" in (name, map_) and not {name, map_} & set(ORDERED)):
                yield met(f"constrainer-{name}-and-normalizer-{map_}", after, constrainer, normalizer, together, optimized("sgd"))
            elif "complex" not in (name, map_):
                both = {**together, **LAYER["norm-type"]}
                yield met(f"constrainer-{name}-and-normalizer-{map_}", after, constrainer, normalizer, both, optimized("sgd"))
        for bag in ("sum", "mean", "max", "sum-matrix", "weights", "last-offset"):
            if (name, bag) != ("complex", "max"):
                more = {} if bag == "max" else LAYER["frequency"]
                yield met(
                    f"constrainer-{name}-and-{bag}", after, constrainer, BAGS[bag], LAYER["padding"], more, optimized("sgd")
                )


def cases():
    """All of them."""
    for part in (layers, optimizers, constrainers):
        yield from part()
