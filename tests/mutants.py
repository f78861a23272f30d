"""A small mutator: every way to break one place of a function's source that a derivative is usually broken in.

A mutant is compiled to a code object that is put in the place of the function's own, so that whoever holds the function, a registry
or an import, runs the mutant; afterwards the original is put back.
"""

import ast
import contextlib
import copy
import inspect
import textwrap

import pytest

ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
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
TRANSPARENT = ("conj", "abs", "maximum", "sqrt", "wide", "nonzero", "unbroadcast", "ldexp")
"""Calls that are replaced by their first argument."""
COMMUTATIVE = ("maximum", "minimum", "max", "min", "two_sum", "product", "times")


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


def replacements(node):
    """``(what, new node)`` for every mutation of one expression."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ARITHMETIC + (ast.BitOr, ast.BitAnd)):
        yield "left operand alone", node.left
        yield "right operand alone", ast.UnaryOp(ast.USub(), node.right) if isinstance(node.op, ast.Sub) else node.right
        if type(node.op) in SWAPPED:
            yield "other operator", ast.BinOp(node.left, SWAPPED[type(node.op)](), node.right)
        if isinstance(node.op, ARITHMETIC):
            yield "minus", ast.UnaryOp(ast.USub(), node)
            yield "times 2", ast.BinOp(node, ast.Mult(), ast.Constant(2))
            yield "times 1.001", ast.BinOp(node, ast.Mult(), ast.Constant(1.001))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "no minus", node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for op in FLIPPED.get(type(node.ops[0]), ()):
            yield f"flipped to {op.__name__}", ast.Compare(node.left, [op()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield "and for or, or for and", ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
        for value in node.values:
            yield f"{ast.unparse(value)} alone", value
    elif isinstance(node, ast.IfExp):
        yield "always the first", node.body
        yield "always the second", node.orelse
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        yield "plus 1", ast.Constant(node.value + 1)
        yield "minus 1", ast.UnaryOp(ast.USub(), ast.Constant(1)) if node.value == 0 else ast.Constant(node.value - 1)
    elif isinstance(node, ast.Attribute) and node.attr in ("real", "T"):
        yield f"no .{node.attr}", node.value
    elif isinstance(node, ast.Tuple):
        for i in range(len(node.elts) - 1):
            elements = list(node.elts)
            elements[i : i + 2] = elements[i + 1], elements[i]
            yield f"elements {i} and {i + 1} swapped", ast.Tuple(elements, node.ctx)
    elif isinstance(node, ast.Call):
        yield from calls(node)


def calls(node):
    """Mutations of a call: dropped, arguments swapped, keywords forgotten, the other branch of `where`."""
    name = call_name(node)
    if name in TRANSPARENT and node.args:
        yield f"no {name}", node.args[0]
    if name == "where" and len(node.args) == 3:
        yield "always the first branch", node.args[1]
        yield "always the second branch", node.args[2]
    if name == "sum":
        yield "minus", ast.UnaryOp(ast.USub(), node)
    for i in range(len(node.args) - 1 if name not in COMMUTATIVE else 0):
        arguments = list(node.args)
        arguments[i : i + 2] = arguments[i + 1], arguments[i]
        yield f"arguments {i} and {i + 1} swapped", ast.Call(node.func, arguments, node.keywords)
    for i, keyword in enumerate(node.keywords):
        yield f"without {keyword.arg or '**'}", ast.Call(node.func, node.args, node.keywords[:i] + node.keywords[i + 1 :])


def statements(node):
    """``(what, new node)`` for every mutation of one statement."""
    if isinstance(node, ast.AugAssign):
        yield "assigned", ast.Assign([node.target], node.value)
        if type(node.op) in SWAPPED:
            yield "other operator", ast.AugAssign(node.target, SWAPPED[type(node.op)](), node.value)
    if isinstance(node, ast.If):
        yield "always", ast.If(ast.Constant(True), node.body, node.orelse)
        yield "never", ast.If(ast.Constant(False), node.body, node.orelse)
    if isinstance(node, ast.Return) and not isinstance(node.value, (ast.Tuple, ast.BinOp)):
        yield "minus", ast.Return(ast.UnaryOp(ast.USub(), node.value))
        yield "times 2", ast.Return(ast.BinOp(node.value, ast.Mult(), ast.Constant(2)))


def places(node, path=()):
    """Every node below `node` that may be mutated, with the path that leads to it."""
    for field, value in ast.iter_fields(node):
        for i, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or is_check(child):
                continue
            yield (*path, (field, i)), child
            yield from places(child, (*path, (field, i)))


def replaced(tree, path, new):
    """A copy of `tree` with the node at `path` replaced."""
    tree = copy.deepcopy(tree)
    node = tree
    for field, i in path[:-1]:
        node = getattr(node, field) if i is None else getattr(node, field)[i]
    field, i = path[-1]
    if i is None:
        setattr(node, field, copy.deepcopy(new))
    else:
        getattr(node, field)[i] = copy.deepcopy(new)
    return ast.fix_missing_locations(tree)


def mutants(function):
    """``(name, code)`` for every mutant of a plain function.

    The name says what became what, and in which statement: ``g * r -> g  [left operand alone]  in: return g * r  #1``.
    """
    definition = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if ast.get_docstring(definition) is not None:
        definition.body.pop(0)
    seen = {}
    for path, node in places(definition):
        if path[0][0] != "body":  # defaults and annotations are no derivative
            continue
        statement = line(definition.body[path[0][1]])
        for what, new in (*replacements(node), *statements(node)):
            tree = replaced(definition, path, new)
            if (source := ast.unparse(tree)) == ast.unparse(definition):
                continue
            label = f"{line(node)} -> {line(new)}  [{what}]  in: {statement}"
            seen[label] = seen.get(label, 0) + 1
            yield f"{label}  #{seen[label]}", compiled(source, function)


def line(node):
    """The beginning of a node's source, on one line."""
    text = " ".join(ast.unparse(ast.fix_missing_locations(node)).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def compiled(source, function):
    """The code object of a function of this source."""
    module = compile(source, f"<mutant of {function.__name__}>", "exec")
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


def killed_by(function, code, killers):
    """The first of the `killers` that fails on the mutant, as ``(number, error)``, or None for a survivor."""
    with in_place(function, code):
        for i, killer in enumerate(killers):
            try:
                killer()
            except (Exception, pytest.fail.Exception) as error:  # whatever goes wrong is noticed
                return i, f"{type(error).__name__}: {error}"
    return None
