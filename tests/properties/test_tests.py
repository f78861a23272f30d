"""Tests of the tests: what makes a green test mean nothing is looked for in their sources.

Each has happened in good code: a test that returned before it asserted, a comparison whose result nobody looked at, an all-ones
cotangent, for which the gradient of softmax is zero, an oracle that contained the code it judged.
"""

import ast
import inspect
import itertools
import textwrap

import pytest
from places import MODULES, ROOT, TESTS
from test_features import PROBES
from test_registries import LITERALS, OPS

from npembed.embedding.row_maps import NORMALIZERS
from npembed.verify.accuracy.entries import ENTRIES

SOURCES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
REFERENCES = sorted((ROOT / "npembed" / "verify" / "accuracy" / "references").glob("*.py"))

# ---- a test that asserts nothing

RAISE_BY_THEMSELVES = {"check_vjp", "check_layer", "fail", "raises", "warns"}
"""Functions from elsewhere that fail by raising; `assert_...` as well, and a subprocess with ``check=True``."""
SILENT = {"test_npembed_has_it": "runs a probe of `features`, see test_every_probe_claims"}
"""Tests whose assertion is out of sight, and where it is."""
COMPARISONS = {"allclose", "isclose", "array_equal", "array_equiv", "same_bits", "approx", "all", "any", "equal"}
"""What compares, and is of no use where nobody looks at the result."""


def called(node):
    """``f`` for ``f(...)`` and for ``a.f(...)``."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def own_nodes(function):
    """The nodes of a function that can be reached: not those behind a bare ``return`` or ``raise`` of its own."""
    for statement in function.body:
        yield from ast.walk(statement)
        if isinstance(statement, (ast.Return, ast.Raise)):
            return


def is_assertion(node):
    """Whether a node can fail a test by itself; an assert of a constant or of a tuple cannot."""
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, (ast.Constant, ast.Tuple))
    if not isinstance(node, ast.Call):
        return False
    checks = any(k.arg == "check" and getattr(k.value, "value", None) is True for k in node.keywords)
    return called(node).startswith("assert_") or called(node) in RAISE_BY_THEMSELVES or checks


def functions(tree):
    """The functions of a file, by name: those inside of others and of classes too, so there may be several of a name."""
    found: dict = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(node)
    return found


def silent_tests(trees):
    """The tests, of files by name, that assert nothing: not by themselves, nor by a function of theirs or of another file."""
    known = {module: functions(tree) for module, tree in trees.items()}
    asserting = {module: set() for module in trees}

    def asserts(module, function):
        for node in own_nodes(function):
            if is_assertion(node):
                return True
            if isinstance(node, ast.Call):
                name = called(node)
                homes = [module] if name in known[module] else [other for other in known if name in known[other]]
                if homes and all(name in asserting[home] for home in homes):
                    return True
        return False

    grew = True
    while grew:
        grew = False
        for module, some in known.items():
            more = {name for name, all_of_it in some.items() if all(asserts(module, f) for f in all_of_it)}
            grew = grew or more > asserting[module]
            asserting[module] = more
    return sorted(
        name for module, some in known.items() for name in some if name.startswith("test_") and name not in asserting[module]
    )


def unread_comparisons(tree):
    """Lines with a comparison whose result nobody looks at."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and (isinstance(node.value, ast.Compare) or (isinstance(node.value, ast.Call) and called(node.value) in COMPARISONS))
    ]


def unreachable(tree):
    """Lines that stand behind a return, raise, continue or break."""
    return [
        second.lineno
        for node in ast.walk(tree)
        for body in (getattr(node, "body", None), getattr(node, "orelse", None))
        if isinstance(body, list)
        for first, second in itertools.pairwise(body)
        if isinstance(first, (ast.Return, ast.Raise, ast.Continue, ast.Break)) and ast.unparse(second) != "yield"
    ]  # a yield makes a generator of a function wherever it stands


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_claims(name):
    assert "claim(" in inspect.getsource(PROBES[name])


def test_every_test_asserts():
    assert silent_tests(SOURCES) == sorted(SILENT)


@pytest.mark.parametrize("name", SOURCES)
def test_every_comparison_is_looked_at(name):
    assert unread_comparisons(SOURCES[name]) == []


@pytest.mark.parametrize("name", SOURCES)
def test_every_line_is_reached(name):
    assert unreachable(SOURCES[name]) == []


def test_no_two_tests_of_one_name_in_a_file():
    """The second would replace the first, which then never runs."""
    for name, tree in SOURCES.items():
        tests = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        assert len(tests) == len(set(tests)), name


@pytest.mark.parametrize(
    "body",
    [
        "f(x)",
        "return\nassert f(x)",
        "assert (f(x), 'x')",
        "assert True",
        "np.allclose(f(x), 1)",
        "helper(x)",
        "subprocess.run(x, check=False)",
    ],
)
def test_a_silent_test_is_found(body):
    source = f"def helper(x):\n    return x\ndef test_it():\n{textwrap.indent(body, '    ')}"
    assert silent_tests({"a": ast.parse(source)}) == ["test_it"]


@pytest.mark.parametrize("body", ["assert f(x)", "np.testing.assert_equal(x, 1)", "with pytest.raises(E):\n    f(x)", "first(x)"])
def test_a_test_that_asserts_is_none(body):
    helpers = "def second(x):\n    assert x\ndef first(x):\n    second(x)\n"
    test = f"def test_it():\n{textwrap.indent(body, '    ')}"
    assert silent_tests({"a": ast.parse(helpers), "b": ast.parse(test)}) == []


def test_unread_and_unreachable_lines_are_found():
    tree = ast.parse("f(x) == 1\nnp.allclose(a, b)\nassert f(x) == 1\ndef f():\n    return 1\n    assert 0")
    assert unread_comparisons(tree) == [1, 2]
    assert unreachable(tree) == [6]


# ---- an op without an oracle

LOOPS = {f"{name}_vjp": "test_second_order.test_second_derivatives_of_the_map" for name in NORMALIZERS}
"""Ops that are neither measured against mpmath nor in a list of literal numbers: which test writes their values out."""
MEASURED = {entry.op for entry in ENTRIES}
LITERAL = {case[0] for case in LITERALS}


def without_oracle(ops, *oracles):
    """The ops of which nothing else says what their values are."""
    return sorted(set(ops) - set().union(*oracles))


def test_every_op_has_an_oracle():
    assert without_oracle(OPS, MEASURED, LITERAL, LOOPS) == []
    assert set(LOOPS) <= set(OPS) - MEASURED - LITERAL, "they have another one"


def test_an_op_without_an_oracle_is_found():
    assert without_oracle([*OPS, "twice"], MEASURED, LITERAL, LOOPS) == ["twice"]
    assert without_oracle(OPS, MEASURED - {"norm"}, LITERAL, LOOPS) == ["norm"]


@pytest.mark.parametrize("name", LOOPS)
def test_the_loops_are_there(name):
    module, _, test = LOOPS[name].rpartition(".")
    (found,) = functions(SOURCES[module])[test]
    assert any(map(is_assertion, own_nodes(found)))


def imports_of_the_judged(source):
    """What an oracle's source imports from npembed; from its own folder it may."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.ImportFrom) and (node.level > 1 or (node.module or "").startswith("npembed")))
        or (isinstance(node, ast.Import) and any(alias.name.startswith("npembed") for alias in node.names))
    ]


@pytest.mark.parametrize(
    "path", [*(TESTS / "oracles" / f"{name}.py" for name in ("naive", "plain_layer")), *REFERENCES], ids=lambda path: path.name
)
def test_oracles_share_no_code_with_what_they_judge(path):
    assert imports_of_the_judged(path.read_text(encoding="utf-8")) == []


def test_an_oracle_that_shares_code_is_found():
    assert imports_of_the_judged(
        "from ...row_maps import normalize\nimport npembed.op\nfrom .norms import norm\nimport mpmath"
    ) == [
        "from ...row_maps import normalize",
        "import npembed.op",
    ]


# ---- an all-ones cotangent

ONES = {
    "test_4096_gradients_of_one": "how many are added up",
    "half_sums": "how many are added up",
    "row_sparse": "which rows there are",
    "test_what_overflows_is_infinite_and_warns_nobody": "one number",
    "test_the_gradient_of_a_weight_is_added_up_wide": "what cancels is in the table",
    "test_an_all_ones_cotangent_says_nothing_about_softmax": "says what its name says",
    "test_zero_rows_stay_zero_and_long_rows_come_to_length_one": "a zero row, and an overflow",
    "test_a_layer_with_everything": "dtypes",
    "test_a_bag_layer": "dtypes",
    "test_forwards_in_eval_mode_are_not_remembered": "which rows there are",
    "test_a_refused_backward_changes_nothing_and_can_be_repeated": "which rows there are",
    "test_a_frozen_table_is_changed_by_reset_parameters_alone": "which rows there are, and that nothing is kept",
    "test_what_a_forward_left_waiting_is_not_pickled": "that it can be called",
    "test_rows_of_shape_nothing": "rows without numbers",
    "test_f16_torch_divides_by_the_wrong_count": "counts",
    "test_one_id_without_axis_breaks_torchs_sparse_backward_with_padding": "that torch breaks",
    "test_a_table_that_was_not_looked_up_has_an_empty_gradient_and_a_frozen_one_keeps_none": "which rows there are",
    "test_the_padding_row_is_looked_up_and_gets_no_gradient_but_may_be_moved": "which rows there are",
    "test_what_is_exported": "which rows there are",
}
"""Where a constant cotangent is right: the function, and what it looks at."""


def constant_cotangents(tree):
    """``{function: line}`` where a vjp or a backward is given ones, or one number throughout; calls that are to be refused left out."""
    found: dict = {}

    def visit(node, function, refused):
        if isinstance(node, ast.FunctionDef) and not (function or "").startswith("test_"):
            function = node.name
        refused = refused or isinstance(node, ast.Lambda)  # the tables of refused calls
        refused = refused or (isinstance(node, ast.With) and "raises(" in ast.unparse(node.items[0]))
        if isinstance(node, ast.Call) and node.args and not refused:
            vjp = called(node).endswith(("_vjp", "backward")) or (
                isinstance(node.func, ast.Subscript) and ".vjp(" in ast.unparse(node.func)
            )
            g = node.args[0]
            if vjp and isinstance(g, ast.Call) and called(g) in ("ones", "ones_like", "full", "full_like"):
                found[function] = node.lineno
        for child in ast.iter_child_nodes(node):
            visit(child, function, refused)

    visit(tree, None, False)
    return found


def test_cotangents_are_uneven():
    found = {function for tree in SOURCES.values() for function in constant_cotangents(tree)}
    assert found - ONES.keys() == set()
    assert ONES.keys() - found == set(), "no longer there"


def test_a_constant_cotangent_is_found():
    tree = ast.parse(
        "def test_it():\n    softmax_vjp(np.ones_like(x), x)\n"
        "def test_other():\n    layer.vjp(i)[1](np.full(3, 2.0))\n"
        "def test_right():\n    layer.backward(g)\n    with pytest.raises(E):\n        layer.backward(np.ones(3))\n"
    )
    assert constant_cotangents(tree) == {"test_it": 2, "test_other": 4}
