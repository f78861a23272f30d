"""What a target and its killers are made of, so that a change of it is seen without looking at history."""

import ast
import functools
import hashlib
import inspect
import sys

import mutants
import mutation_targets
from mutation_equivalents import EQUIVALENT
from places import FOLDERS


def digest(name):
    """Of the sources of a target, of what its killers reach in the tests, of its equivalents and of the mutator."""
    function, killers = mutation_targets.TARGETS[name]
    parts = [inspect.getsource(function), inspect.getsource(mutants), repr(EQUIVALENT.get(name, ()))]
    for killer in killers:
        parts.append(repr(called(killer)[1:]))
        parts += made_of(called(killer)[0].__module__, called(killer)[0].__name__)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@functools.cache
def made_of(module, name):
    """The sources of a name and of all that it is made of in the tests."""
    reached: set = set()
    reach(module, name, reached)
    return [statements(m)[n] for m, n in sorted(reached)]


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
    path = next((path for path in (folder / f"{module}.py" for folder in FOLDERS) if path.exists()), None)
    if path is None:
        return {}
    source = path.read_text(encoding="utf-8")
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
