"""What a target and its killers are made of, so that a change of it is seen without looking at history."""

import ast
import functools
import hashlib
import inspect
import sys
import textwrap

import mutants
import mutation_targets
from mutation_equivalents import EQUIVALENT
from places import MODULES


def digest(name):
    """Of the code of a target, of what its killers reach in the tests, of its equivalents and of the mutator, without prose."""
    function, killers = mutation_targets.TARGETS[name]
    parts = [without_prose(textwrap.dedent(inspect.getsource(function))), without_prose(inspect.getsource(mutants))]
    parts.append(repr([entry[:2] for entry in EQUIVALENT.get(name, ())]))
    for killer in killers:
        parts.append(repr(called(killer)[1:]))
        parts += made_of(called(killer)[0].__module__, called(killer)[0].__name__)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def without_prose(source):
    """The lines of a source that are code: no docstrings, comments or blank lines, which may be reworded without a new judgement."""
    prose = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node) is not None:
            prose |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = enumerate(source.splitlines(), start=1)
    return "\n".join(line for i, line in lines if i not in prose and line.strip() and not line.strip().startswith("#"))


@functools.cache
def made_of(module, name):
    """The sources of a name and of all that it is made of in the tests."""
    reached: set = set()
    reach(module, name, reached)
    return sorted(without_prose(statements(m)[n]) for m, n in reached)


def called(killer):
    """The function of a killer, and its arguments."""
    if isinstance(killer, functools.partial):
        return killer.func, killer.args, sorted(killer.keywords.items())
    return (killer,)


def reach(module, name, reached):
    """Add a name that a module in tests/ binds, and all those that it is made of."""
    if (module, name) in reached or name not in statements(module):
        return
    reached.add((module, name))
    for other_module, other in words(module, name):
        reach(other_module, other, reached)


@functools.cache
def statements(module):
    """The source of what binds a name, by name, for a module in tests/; nothing for any other."""
    if module not in MODULES:
        return {}
    source = MODULES[module].read_text(encoding="utf-8")
    found: dict = {}
    for node in ast.parse(source).body:
        for name in bound(node):
            found[name] = found.get(name, "") + (ast.get_source_segment(source, node) or "") + "\n"
    return found


def bound(node):
    """The names that a definition or an assignment binds."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]


@functools.cache
def words(module, name):
    """(module, name) of everything in tests/ that a statement may mean: names of its own module, and ``other.name``."""
    found, names = [], vars(sys.modules[module])
    for node in ast.walk(ast.parse(statements(module)[name])):
        if isinstance(node, ast.Name):
            value = names.get(node.id)
            owner = getattr(value, "__module__", module) if callable(value) else module
            found.append((owner, getattr(value, "__name__", node.id) if owner != module else node.id))
            found.append((module, node.id))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and inspect.ismodule(names.get(node.value.id)):
            found.append((names[node.value.id].__name__, node.attr))
    return found
