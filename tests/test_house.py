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
FLOORS = [
    {"kernels"},
    {"check", "op", "exact", "double_double", "extended", "random", "gradcheck", "interrupts"},
    {"sums"},
    {"rows", "row_maps"},
    {"initializers", "regularizers", "interactions", "losses", "samplers", "datasets", "renorm"},
    {"embedding", "bags", "optimizers"},
    {"touched", "model", "evaluation", "second_order"},
    {"training", "trace", "io"},
    {"layer"},
    {"representations"},
    {"models"},
    {"uncertainty"},
    {"accuracy", "bits", "conformance", "peers", "show", "runs"},
    {"cli"},
    {"__main__"},
]
ALONE = {"__init__", "one_page"}  # the map, and the page that uses NumPy alone
BESIDE = {
    "check": set(),
    "op": {"check"},
    "double_double": {"check", "exact"},
    "extended": {"double_double", "exact"},
    "random": {"check"},
    "gradcheck": {"check", "random"},
    "trace": {"training"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(path):
    """The rooms of npembed that a file imports, also inside functions."""
    depth = len(path.relative_to(PACKAGE).parts)  # 1 for a file at the top of the package
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            found |= {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module.split(".")[0] == "npembed":
            found |= {node.module.split(".")[1]} if "." in node.module else {alias.name for alias in node.names}
    return {name for name in found if name != "__version__"}


def test_every_room_has_a_floor():
    assert {room(path) for path in FILES} == set().union(*FLOORS, ALONE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    here = room(path)
    if here in ALONE:
        assert not imported_rooms(path)
        return
    floor = next(i for i, rooms in enumerate(FLOORS) if here in rooms)
    allowed = set().union(*FLOORS[:floor], BESIDE.get(here, set()), {here})
    assert imported_rooms(path) <= allowed


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_fit_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 320


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
        PACKAGE / "embedding.py",
        PACKAGE / "rows.py",
        PACKAGE / "model" / "scores.py",
        *sorted((PACKAGE / "row_maps").glob("*.py")),
    ]
    assert sum(map(code_lines, files)) <= 465
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


def test_the_map_names_every_room():
    rooms = {room(path) for path in FILES} - {"__init__", "__main__", "cli", "one_page"}
    assert rooms <= set(dir(npembed))
    for name in rooms:
        assert inspect.ismodule(getattr(npembed, name))
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        npembed.colour  # noqa: B018


BLAS = {"dot", "vdot", "inner", "matmul", "tensordot", "vecdot", "matvec", "vecmat"}
BLAS |= {"correlate", "convolve", "cov", "corrcoef", "polyfit"}
MAY_CALL_BLAS = {
    "accuracy/compositions.py": "draws inputs to measure with",
    "initializers/graph.py": "products with matrices of scipy.sparse, which are loops of its own",
    "initializers/matrices.py": "a QR decomposition, of which the docstring promises no bits",
    "peers": "shows what others do",
    "representations/low_rank.py": "a singular value decomposition, of which the docstring promises no bits",
}
"""Files and rooms, and why the result may depend on how many threads BLAS has."""


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
            found[name if name in MAY_CALL_BLAS else name.split("/", 1)[0] if "/" in name else name] = (name, lines)
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
