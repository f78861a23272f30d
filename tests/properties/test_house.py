"""The house rules that a machine can check: imports point down, files fit in one sitting, public functions explain themselves."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import npembed

PACKAGE = Path(npembed.__file__).parent
ROOT = PACKAGE.parent
WINGS = ["check", "op", "numerics", "io", "embedding", "layers", "kge", "verify", "show", "cli", "__main__"]
"""Each imports only what stands left of it."""
ALONE = {"", "one_page"}  # the table of contents, and the page that uses NumPy alone
SIBLINGS = {
    "check": {"arrays": "values", "returned": "arrays values", "rules": "values"},
    "numerics": {"double_double": "exact", "extended": "double_double exact", "sums": "kernels precision"},
    "io": {
        "text": "labels",
        "files": "paths",
        "manifest": "arrays text",
        "reading": "arrays manifest paths swap text",
        "writing": "arrays labels manifest paths swap text",
    },
    "embedding": {
        "rows": "row_sparse",
        "lookup": "rows",
        "bags": "rows",
        "optimizers": "rows",
        "constrain": "lookup",
        "max_norm": "row_maps",
        "initializers": "row_maps",
        "regularizers": "row_maps",
        "second_order": "lookup row_maps rows",
    },
    "layers": {
        "table": "choose modes state",
        "passes": "modes state table",
        "embedding": "arguments choose passes table",
        "embedding_bag": "table",
        "second": "embedding table",
        "representations": "arguments choose modes state",
    },
    "kge": {
        "batch": "score",
        "datasets": "columns",
        "evaluation": "columns",
        "interactions": "columns",
        "samplers": "columns",
        "models": "batch columns datasets interactions losses score",
        "training": "batch datasets samplers",
        "uncertainty": "interactions models",
        "runs": "datasets evaluation models training",
    },
    "show": {
        "norm": "files norm_checks norm_text recorder",
        "norm_checks": "recorder",
        "sweep": "files norm sweep_text",
        "sweep_figure": "norm_figure",
        "sweep_text": "norm_text",
    },
    "cli": {
        **dict.fromkeys(("check", "keep", "predict", "show", "vectors"), "report"),
        "train": "keep report",
    },
}
"""What stands side by side in a wing, and which of them each may import."""
FILES = sorted(PACKAGE.rglob("*.py"))


def module(path):
    """``("kge", "runs", "load")``, below npembed; a folder's ``__init__`` is the folder."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


MODULES = {module(path): path for path in FILES}


def wing(mod):
    return mod[0] if mod else ""


def imports(path):
    """The modules of npembed that a file imports, also inside functions, but for npembed itself, which says its version."""
    here = module(path)
    folder = here if path.name == "__init__.py" else here[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            name = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                name = folder[: len(folder) - node.level + 1] + name
            elif name[:1] == ("npembed",):
                name = name[1:]
            else:
                continue
            found |= {(*name, alias.name) if (*name, alias.name) in MODULES else name for alias in node.names}
        elif isinstance(node, ast.Import):
            assert not [alias.name for alias in node.names if alias.name.split(".")[0] == "npembed"], "say from where"
    return found - {()}


def test_every_file_is_in_a_wing():
    assert {wing(mod) for mod in MODULES} == {*WINGS, *ALONE}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_left(path):
    here = wing(module(path))
    if here in ALONE:
        assert not imports(path) or path == PACKAGE / "__init__.py"
        return
    assert {wing(mod) for mod in imports(path)} <= {*WINGS[: WINGS.index(here)], here}


def test_siblings_import_each_other_from_a_short_list():
    found: dict = {}
    for mod, path in MODULES.items():
        for other in imports(path):
            if len(mod) > 1 and len(other) > 1 and mod[0] == other[0] and mod[1] != other[1]:
                found.setdefault(mod[0], {}).setdefault(mod[1], set()).add(other[1])
    assert found == {name: {a: set(b.split()) for a, b in arrows.items()} for name, arrows in SIBLINGS.items()}


def circles(arrows):
    """The groups of modules that import each other in a circle: what is left when modules that import nothing left are struck out."""
    left = {mod: set(others) & arrows.keys() - {mod} for mod, others in arrows.items()}
    while done := {mod for mod, others in left.items() if not others}:
        left = {mod: others - done for mod, others in left.items() if mod not in done}
    return left


def test_there_is_no_circle():
    assert circles({mod: imports(path) for mod, path in MODULES.items() if mod}) == {}


def test_a_circle_is_found():
    arrows = {("a",): {("b",)}, ("b",): {("c",)}, ("c",): {("b",), ("d",)}, ("d",): set()}
    assert circles(arrows).keys() == {("a",), ("b",), ("c",)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_fit_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def code_lines(path):
    """Lines that are neither blank, comment nor docstring."""
    source = path.read_text(encoding="utf-8")
    skipped = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            skipped |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(source.splitlines(), start=1)
    return sum(1 for i, line in lines if i not in skipped and line.strip() and not line.strip().startswith("#"))


def test_the_whole_idea_is_short():
    files = [
        PACKAGE / "embedding" / "lookup.py",
        PACKAGE / "embedding" / "rows.py",
        PACKAGE / "kge" / "score.py",
        *sorted((PACKAGE / "embedding" / "row_maps").glob("*.py")),
    ]
    assert sum(map(code_lines, files)) <= 450
    assert code_lines(PACKAGE / "one_page.py") <= 40


def public_functions():
    for module in pkgutil.walk_packages(npembed.__path__, "npembed."):
        if module.name.endswith("__main__"):
            continue
        loaded = importlib.import_module(module.name)
        for name, value in vars(loaded).items():
            here = getattr(value, "__module__", None) == module.name
            if here and not name.startswith("_") and (inspect.isfunction(value) or inspect.isclass(value)):
                yield pytest.param(value, id=f"{module.name}.{name}")


@pytest.mark.parametrize("thing", list(public_functions()))
def test_public_things_have_a_docstring(thing):
    assert inspect.getdoc(thing) or thing.__module__ == "npembed.one_page"
    if inspect.isclass(thing):
        methods = [m for name, m in vars(thing).items() if not name.startswith("_") and inspect.isfunction(m)]
        assert all(m.__doc__ for m in methods)


REFUSED = ("fastmath", "allow_pickle=True", "jitclass", "shell=True", "import pickle", "except:", "TODO", "FIXME")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_the_house_refuses(path):
    code = ast.unparse(ast.parse(path.read_text(encoding="utf-8")))  # without comments
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            node.body[0].value.value = ""
    code = ast.unparse(tree)
    assert not [word for word in REFUSED if word in code]


def test_functions_that_write_return_nothing():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.endswith("_") and not node.name.endswith("__"):
                returned = [n for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None]
                assert not returned, f"{path.name}: {node.name}"


def test_the_top_level_holds_what_was_agreed():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\n")
    tops = {name.split("/")[0] for name in listed if name and not name.startswith(".")}
    assert tops <= {"setup.cfg", "setup.py", "npembed", "tests", "notebooks", "README.md", "LICENSE"}


def test_import_is_lazy():
    """``import npembed`` brings in no room and no Numba; a layer is made and used without SciPy and matplotlib."""
    code = (
        "import sys, npembed\n"
        "assert not [m for m in sys.modules if m.startswith(('numba', 'scipy', 'npembed.'))], sys.modules\n"
        "npembed.Embedding(4, 2)\n"
        "assert not [m for m in sys.modules if m.split('.')[0] in ('numba', 'scipy', 'matplotlib')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_map_names_every_wing():
    rooms = {wing(mod) for mod in MODULES} - {"", "__main__"}
    assert rooms <= set(dir(npembed))
    for name in rooms:
        assert inspect.ismodule(getattr(npembed, name))
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        npembed.colour  # noqa: B018


def test_the_table_of_contents_says_to_editors_what_it_gives():
    """The names under ``TYPE_CHECKING``, which editors read, are those of `_CONTENTS`, and mean the same things."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    for_editors = {alias.name: node.module for node in block.body for alias in node.names}
    assert {name for name, home in for_editors.items() if home is None} == {*npembed._WINGS} - {"cli"}
    assert {name for name, home in for_editors.items() if home} == npembed._HOMES.keys()
    for name, home in npembed._HOMES.items():
        thing = getattr(npembed, name)
        for where in (home, for_editors[name]):
            assert thing is getattr(importlib.import_module(f"npembed.{where}"), name)
        assert not inspect.ismodule(thing)
    assert len(dir(npembed)) == len(set(dir(npembed)))


BLAS = {"dot", "vdot", "inner", "matmul", "tensordot", "vecdot", "matvec", "vecmat"}
BLAS |= {"correlate", "convolve", "cov", "corrcoef", "polyfit"}
MAY_CALL_BLAS = {
    "verify/accuracy/compositions.py": "draws inputs to measure with",
    "embedding/initializers/graph.py": "products with matrices of scipy.sparse, which are loops of its own",
    "embedding/initializers/matrices.py": "a QR decomposition, of which the docstring promises no bits",
    "verify/known_bugs": "shows what others do",
    "layers/representations/low_rank.py": "a singular value decomposition, of which the docstring promises no bits",
}
"""Files and folders, and why the result may depend on how many threads BLAS has."""


def calls_to_blas(source):
    """The lines on which NumPy calls BLAS or LAPACK, which add up in an order that depends on processor and threads."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.MatMult):
            yield node.lineno
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name, keywords = node.func.attr, {keyword.arg for keyword in node.keywords}
        along_axis = name == "norm" and "axis" in keywords  # then it is a sum of squares
        of_linalg = ast.unparse(node.func.value).endswith("linalg") and not along_axis
        if name in BLAS or of_linalg or (name == "einsum" and "optimize" in keywords):
            yield node.lineno


def test_no_sum_is_left_to_blas():
    found = {}
    for path in FILES:
        name = path.relative_to(PACKAGE).as_posix()
        if lines := sorted(calls_to_blas(path.read_text(encoding="utf-8"))):
            found[next((where for where in MAY_CALL_BLAS if name.startswith(where)), name)] = (name, lines)
    assert {where: said for where, said in found.items() if where not in MAY_CALL_BLAS} == {}
    assert set(MAY_CALL_BLAS) == set(found)  # an exception that is none is struck out


@pytest.mark.parametrize(
    "line",
    [
        "a @ b", "a @= b", "np.dot(a, b)", "a.dot(b)", "np.linalg.norm(a)", "np.linalg.solve(a, b)", "numpy.linalg.qr(a)",
        "linalg.svd(a)", "np.einsum('i,i', a, b, optimize=True)", "np.convolve(a, b)", "f(np.vdot(a, b))",
    ],
)  # fmt: skip
def test_what_calls_blas_is_seen(line):
    assert list(calls_to_blas(line)) == [1]


@pytest.mark.parametrize("line", ["a * b", "np.linalg.norm(a, axis=1)", "np.einsum('ik,kd->id', a, b)", "np.outer(a, b)"])
def test_what_calls_no_blas_is_not_seen(line):
    assert list(calls_to_blas(line)) == []
