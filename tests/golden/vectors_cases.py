"""How a case of the conformance vectors is put together from exact numbers."""

import math

from vectors_exact import EPS, MAPS, PARTS, array, mpf, pulled_back, stored

RIGHT_TO = {"float16": 8, "bfloat16": 8, "float32": 32, "float64": 32, "complex64": 32, "complex128": 32}
"""Roundings that a layer which computes in the dtype itself may make in a map of a row, in machine epsilons, norm-wise."""


def loose(dtype, times=1):
    """The comparison class of what is computed, not copied."""
    return f"rtol:{RIGHT_TO[dtype] * times * EPS[dtype]:.1e}"


def value(arr, compare="exact", scale=None):
    """An expected array and how near is near enough."""
    return {**arr, "compare": compare, **({} if scale is None else {"scale": float(scale)})}


def case(id, op, comment, inputs, expected=None, *, options=None, answers=None, mistakes=(), flags=(), assumes=()):
    """A case with one right answer (`expected`), one for each convention (`answers`: [({name: choice}, expected)]), or none: refused."""
    verdict = "valid" if expected is not None else "acceptable" if answers else "invalid"
    answers = [({}, expected)] if expected is not None else answers or []
    made = {"id": id, "op": op, "verdict": verdict, "comment": comment, "options": options or {}, "inputs": inputs}
    made["answers"] = [{"conventions": conventions, "expected": found} for conventions, found in answers]
    if mistakes:
        made["mistakes"] = [{"cause": cause, "expected": found} for cause, found in mistakes]
    named = {name for answer in made["answers"] for name in answer["conventions"]}
    assumes = [name for name in (*assumes, *_assumed(op, made["options"], inputs["table"]["dtype"])) if name not in named]
    return {**made, **({"flags": list(flags)} if flags else {}), **({"assumes": assumes} if assumes else {})}


def _assumed(op, options, dtype):
    """The conventions that make a difference where the options are such, and of which the first choice is the rule."""
    if "max_norm" in options and op not in ("lookup", "bag"):
        yield "max_norm_gradient"
    more, seen = options.get("optimizer_options", {}), dtype not in ("float32", "complex64")
    if options.get("optimizer") == "adagrad":
        yield from ("adagrad_eps", "adagrad_sums") if seen or "eps" in more else ("adagrad_sums",)
    if options.get("optimizer") in ("adam", "adamw") and (seen or "eps" in more):
        yield "adam_eps"
    if "dampening" in more:
        yield "first_momentum"


def rows(nested, dtype):
    """Nested lists as stored numbers, each exact."""
    if isinstance(nested, list):
        return [rows(entry, dtype) for entry in nested]
    if isinstance(nested, complex):
        return Complex(stored(nested.real, dtype), stored(nested.imag, dtype))
    return stored(nested, dtype)


class Complex(complex):
    """A complex number with exact parts."""

    def __new__(cls, real, imag):
        found = super().__new__(cls, float(real), float(imag))
        found.parts = (real, imag)
        return found

    real = property(lambda self: self.parts[0])
    imag = property(lambda self: self.parts[1])


def mapped(x, name, **options):
    """The map `name` of one stored row (a flat list), exactly."""
    return MAPS[name]([mpf(v) for v in x], **options)


def mapped_vjp(g, x, name, **options):
    """The gradient of ``<g, map(x)>``, by differentiating the map."""
    return pulled_back(lambda v: MAPS[name](v, **options), [mpf(v) for v in g], [mpf(v) for v in x])


def scatter(num_rows, width, ids, drows):
    """The gradient of the table: each row's added to its own."""
    total = [[0] * width for _ in range(num_rows)]
    for i, row in zip(ids, drows, strict=True):
        total[i] = [a + b for a, b in zip(total[i], row, strict=True)]
    return total


def length(x):
    """The Euclidean length of numbers, a float."""
    return math.hypot(*map(float, x))


def pairs(flat_row):
    """Numbers in turn real and imaginary, as complex numbers."""
    return [Complex(flat_row[i], flat_row[i + 1]) for i in range(0, len(flat_row), 2)]


def part(dtype):
    """The dtype of a real number of the dtype."""
    return PARTS.get(dtype, dtype)


def ints(nested, dtype="int64", **more):
    """Ids."""
    return array(dtype, nested, **more)
