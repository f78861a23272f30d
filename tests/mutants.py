"""A small mutator: every way to break one place of a function's source that a derivative or a kernel is usually broken in.

A mutant is compiled to a code object that is put in the place of the function's own, so that whoever holds the function, a registry
or an import, runs the mutant; afterwards the original is put back.
"""

import ast
import contextlib
import functools
import inspect
import signal
import textwrap
from typing import NamedTuple

import pytest

FACTORS = (2, 0.5, 1.01, 1.0005, 1 + 1e-6)
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
PRODUCT = (ast.Mult, ast.Div)
FLIPPED = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
SWAPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr}
TRANSPARENT = ("conj", "abs", "maximum", "sqrt", "to_float64", "nonzero", "unbroadcast", "ldexp")
"""Calls that are replaced by their first argument."""
COMMUTATIVE = ("maximum", "minimum", "max", "min", "two_sum", "product", "times")
RANGES = ("range", "prange")
ONE, ZERO = ast.Constant(1), ast.Constant(0)
KINDS = ("sign", "drop", "factor", "index", "branch", "range", "comparison", "call", "other")
"""What a mutation is of. "call": a call, a ``.real`` or a ``.T`` taken away; "other": constants, arguments, keywords, other operators."""

SECONDS = 2.0
"""Of processor time that a mutant gets by default; who takes longer has no end."""


class Mutant(NamedTuple):
    """What became what, of which kind, in which line of the file, and what compiles it.

    The name says where: ``g * r -> g  [left operand alone]  in: return g * r  #1``.
    """

    name: str
    kind: str
    line: int
    place: tuple
    code: functools.partial


class EndlessError(Exception):
    """A mutant ran for longer than `SECONDS`."""


def call_name(node):
    """``conj`` for ``np.conj(...)``, and ``""`` for what is no call."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def is_check(node):
    """Whether a node only checks arguments (``check.like(...)``, ``if ...: raise``): that is for other tests."""
    if isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise):
        return True
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "check"


def is_word(node):
    """Whether an argument is a name for an error: it matters to those who read it alone."""
    return (isinstance(node, ast.Constant) and isinstance(node.value, str)) or getattr(node, "id", "") in ("function", "argument")


def minus(node):
    return ast.UnaryOp(ast.USub(), node)


def scaled(node):
    """A number with the wrong sign, and off by each of the `FACTORS`."""
    yield "sign", "minus", minus(node)
    for factor in FACTORS:
        yield "factor", f"times {factor:.7g}", ast.BinOp(node, ast.Mult(), ast.Constant(factor))


def expressions(node, above):
    """``(kind, what, new node)`` for every mutation of one expression; `above` are the nodes that it stands in, the nearest last."""
    inside = any(isinstance(a, ast.Subscript) and node is not a.value for a, node in zip(above, [*above[1:], node], strict=True))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ARITHMETIC + (ast.BitOr, ast.BitAnd)):
        yield from operations(node, above[-1])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign", "no minus", node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for op in FLIPPED.get(type(node.ops[0]), ()):
            yield "comparison", f"flipped to {op.__name__}", ast.Compare(node.left, [op()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield "branch", "and for or, or for and", ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
        for value in node.values:
            yield "branch", f"{ast.unparse(value)} alone", value
    elif isinstance(node, ast.IfExp):
        yield "branch", "always the first", node.body
        yield "branch", "always the second", node.orelse
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        kind = "index" if inside else "other"
        yield kind, "plus 1", ast.Constant(node.value + 1)
        yield kind, "minus 1", minus(ONE) if node.value == 0 else ast.Constant(node.value - 1)
    elif isinstance(node, ast.Attribute) and node.attr in ("real", "T"):
        yield "call", f"no .{node.attr}", node.value
    elif isinstance(node, ast.Tuple):
        for i, swapped in enumerate(swaps(node.elts)):
            kind = "index" if inside else "other"
            yield kind, f"elements {i} and {i + 1} swapped", ast.Tuple(swapped, node.ctx)
    elif isinstance(node, ast.Subscript):
        for i, zeroed in zeros(node.slice):
            yield "index", f"index {i} zeroed", ast.Subscript(node.value, zeroed, node.ctx)
    elif isinstance(node, ast.Slice):
        yield from slices(node)
    elif isinstance(node, ast.Call):
        yield from calls(node)


def operations(node, above):
    """Mutations of ``a + b`` and its like. A factor of an operand of a product is one of the product: that is left to the outermost."""
    minus_right = isinstance(node.op, ast.Sub)
    yield "drop", "left operand alone", node.left
    yield "drop", "right operand alone", minus(node.right) if minus_right else node.right
    if type(node.op) in SWAPPED:
        kind = "sign" if isinstance(node.op, (ast.Add, ast.Sub)) else "other"
        yield kind, "other operator", ast.BinOp(node.left, SWAPPED[type(node.op)](), node.right)
    in_product = isinstance(above, ast.BinOp) and isinstance(above.op, PRODUCT)
    if isinstance(node.op, ARITHMETIC) and not in_product:
        yield from scaled(node)


def swaps(nodes):
    """Lists in which two neighbours have changed places."""
    for i in range(len(nodes) - 1):
        swapped = list(nodes)
        swapped[i : i + 2] = swapped[i + 1], swapped[i]
        yield swapped


def zeros(index):
    """An index with one of its parts set to 0 (an array of them to zeros), for every part that is no constant and no slice."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    for i, part in enumerate(parts):
        if not isinstance(part, (ast.Slice, ast.Constant, ast.UnaryOp, ast.Starred, ast.Tuple)):
            zero = ast.BinOp(ZERO, ast.Mult(), part)
            yield i, ast.Tuple([*parts[:i], zero, *parts[i + 1 :]], ast.Load()) if isinstance(index, ast.Tuple) else zero


def shorter(node):
    return ast.BinOp(node, ast.Sub(), ONE)


def later(node):
    return ast.BinOp(node, ast.Add(), ONE)


def slices(node):
    """A slice that ends one early, or begins one late; where its bounds are numbers, these are mutated as such."""
    if node.upper is not None and not isinstance(node.upper, (ast.Constant, ast.UnaryOp)):
        yield "range", "one shorter at the end", ast.Slice(node.lower, shorter(node.upper), node.step)
    if node.lower is not None and not isinstance(node.lower, (ast.Constant, ast.UnaryOp)):
        yield "range", "one shorter at the beginning", ast.Slice(later(node.lower), node.upper, node.step)


def calls(node):
    """Mutations of a call: dropped, shortened, arguments swapped, keywords forgotten, the other branch of `where`."""
    name, args = call_name(node), node.args
    if name in TRANSPARENT and args:
        yield "call", f"no {name}", args[0]
    if name == "where" and len(args) == 3:
        yield "branch", "always the first branch", args[1]
        yield "branch", "always the second branch", args[2]
    if name == "sum":
        yield "sign", "minus", minus(node)
    if name in RANGES and len(args) == 1:
        yield "range", "one shorter at the end", ast.Call(node.func, [shorter(args[0])], [])
        yield "range", "one shorter at the beginning", ast.Call(node.func, [ONE, args[0]], [])
    elif name in RANGES:
        yield "range", "one shorter at the end", ast.Call(node.func, [args[0], shorter(args[1]), *args[2:]], [])
        yield "range", "one shorter at the beginning", ast.Call(node.func, [later(args[0]), *args[1:]], [])
    for i, swapped in enumerate(swaps(args) if name not in COMMUTATIVE else ()):
        if not (is_word(args[i]) or is_word(args[i + 1])):
            yield "other", f"arguments {i} and {i + 1} swapped", ast.Call(node.func, swapped, node.keywords)
    for i, keyword in enumerate(node.keywords):
        without = ast.Call(node.func, args, node.keywords[:i] + node.keywords[i + 1 :])
        yield "other", f"without {keyword.arg or '**'}", without


def statements(node):
    """``(kind, what, new node)`` for every mutation of one statement."""
    if isinstance(node, ast.AugAssign):
        yield "drop", "assigned", ast.Assign([node.target], node.value)
        yield "drop", "left out", ast.Pass()
        if type(node.op) in SWAPPED:
            kind = "sign" if isinstance(node.op, (ast.Add, ast.Sub)) else "other"
            yield kind, "other operator", ast.AugAssign(node.target, SWAPPED[type(node.op)](), node.value)
        if not isinstance(node.value, ast.BinOp) and isinstance(node.op, ARITHMETIC):
            for kind, what, new in scaled(node.value):
                yield kind, what, ast.AugAssign(node.target, node.op, new)
    if isinstance(node, ast.If):
        yield "branch", "always", ast.If(ast.Constant(True), node.body, node.orelse)
        yield "branch", "never", ast.If(ast.Constant(False), node.body, node.orelse)
    if isinstance(node, ast.Return) and is_number(node.value):
        for kind, what, new in scaled(node.value):
            yield kind, what, ast.Return(new)
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        for i, part in enumerate(node.value.elts):
            for kind, what, new in scaled(part) if is_number(part) else ():
                elements = [*node.value.elts[:i], new, *node.value.elts[i + 1 :]]
                yield kind, what, ast.Return(ast.Tuple(elements, ast.Load()))


def is_number(node):
    """Whether a returned value may be one, and is not mutated as an expression already."""
    return not isinstance(
        node,
        (ast.Tuple, ast.List, ast.ListComp, ast.Dict, ast.BinOp, ast.Constant, ast.Compare, ast.BoolOp, ast.Starred, type(None)),
    )


def places(node, above=()):
    """Every node below `node` that may be mutated, with those that it stands in and where exactly: (node, field, number)."""
    above = (*above, node)
    for field, value in ast.iter_fields(node):
        for i, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or is_check(child) or isinstance(child, (ast.JoinedStr, ast.Raise, ast.arguments)):
                continue
            yield child, above, (field, i)
            yield from places(child, above)


@contextlib.contextmanager
def replaced(parent, where, new):
    """Put `new` in the place of a node for a while."""
    field, i = where
    old = getattr(parent, field)
    setattr(parent, field, new if i is None else [*old[:i], new, *old[i + 1 :]])
    try:
        yield
    finally:
        setattr(parent, field, old)


def mutants(function):
    """Every `Mutant` of a plain function."""
    lines, first = inspect.getsourcelines(function)
    definition = ast.parse(textwrap.dedent("".join(lines))).body[0]
    definition.decorator_list = []
    if ast.get_docstring(definition) is not None:
        definition.body.pop(0)
    seen: dict = {}
    for node, above, where in places(definition):
        new = [*expressions(node, above), *statements(node)]
        if not new:
            continue
        old, statement = ast.unparse(node), line(above[1] if len(above) > 1 else node)
        for kind, what, mutation in new:
            ast.fix_missing_locations(ast.copy_location(mutation, node))
            if ast.unparse(mutation) == old:
                continue
            label = f"{line(node)} -> {line(mutation)}  [{what}]  in: {statement}"
            seen[label] = seen.get(label, 0) + 1
            place = (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
            code = functools.partial(compiled, function, definition, above[-1], where, mutation)
            yield Mutant(f"{label}  #{seen[label]}", kind, first + getattr(node, "lineno", 1) - 1, place, code)


def line(node):
    """The beginning of a node's source, on one line."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def compiled(function, definition, parent, where, mutation):
    """The code object of `definition` with a mutation in its place."""
    with replaced(parent, where, mutation):
        module = compile(ast.Module([definition], []), f"<mutant of {function.__name__}>", "exec")
    return next(c for c in module.co_consts if inspect.iscode(c) and c.co_name == function.__name__)


@contextlib.contextmanager
def in_place(function, code):
    """Let `function` run `code` for a while."""
    original = function.__code__
    function.__code__ = code
    try:
        yield
    finally:
        function.__code__ = original


@contextlib.contextmanager
def at_most(seconds):
    """Raise `EndlessError` after so much processor time, where the system can tell; elsewhere (Windows) wait."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(number, frame):
        raise EndlessError(f"it ran for more than {seconds:g} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, 1.0)  # again and again, should somebody catch the first
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def killed_by(function, code, killers, seconds=SECONDS):
    """What the first of the `killers` that fails on the mutant says, or None for a survivor."""
    with in_place(function, code):
        try:
            with at_most(seconds):
                for killer in killers:
                    killer()
        except (Exception, pytest.fail.Exception) as error:  # whatever goes wrong is noticed
            return f"{type(error).__name__}: {error}"
    return None
