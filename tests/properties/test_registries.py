"""A registry is the test matrix: every entry is documented, shown by an example, and its gradient checked; nothing stays outside."""

import ast
import importlib
import inspect
import math
import pathlib

import naive
import numpy as np
import pytest
from recipes import COMPLEX_ONLY, RECIPES, bound, interactions, lookup_cases, share, with_entries

import npembed
from npembed import one_page
from npembed.embedding.lookup import lookup_vjp
from npembed.embedding.regularizers import REGULARIZERS
from npembed.embedding.row_maps import NORMALIZERS
from npembed.embedding.second_order import SECOND_ORDER, lookup_vjp_vjp
from npembed.kge import loss_and_gradients, score, score_vjp
from npembed.kge.interactions import INTERACTIONS
from npembed.kge.losses import LOSSES
from npembed.op import Op
from npembed.verify.gradcheck import check_vjp

PACKAGE = pathlib.Path(npembed.__file__).parent

# ---- what there is


def module_names():
    """Every module of the package but the kernels, of which `kernels` and its tests keep the list, and the command line's."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if "kernels" not in parts and "__main__" not in parts:
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def registries():
    """Every Op and every dictionary of Ops or functions that a module holds under a name in capitals: (its name, key, entry)."""
    seen, found = [], []
    for module in map(importlib.import_module, module_names()):
        for name, value in vars(module).items():
            if not name.isupper() or name.startswith("_") or any(value is s for s in seen):
                continue
            entries = {"": value} if isinstance(value, Op) else value
            if isinstance(entries, dict) and entries and all(isinstance(e, Op) or callable(e) for e in entries.values()):
                seen.append(value)
                found += [(name, key, entry) for key, entry in entries.items()]
    return found


NOT_PUBLIC = {"CALLS", "COTANGENTS", "DOCUMENTS"}
"""Of what is measured, hashed and checked: rules and calls, which their dictionaries document."""

ENTRIES = [entry for entry in registries() if entry[0] not in NOT_PUBLIC]
OPS = {entry.forward.__name__: entry for _, _, entry in ENTRIES if isinstance(entry, Op)}


def named(entries):
    return [f"{name}-{key}" for name, key, _ in entries]


def one_page_cases(rng):
    for shape in ((4, 3), (5,), (2, 3, 2)):
        yield (naive.rows(rng, shape),), {}


def dense_lookup_vjp(g, table, ids, **options):
    """`lookup_vjp`, whose result is an array, so that it can be differenced."""
    return lookup_vjp(g, table, ids, **options).to_dense()


def lookup_vjp_cases(rng):
    for (table, ids), options in lookup_cases(rng):
        yield (np.asarray(naive.rows(rng, ids.shape + table.shape[1:], table.dtype)), table, ids), options


CHECKED_HERE = {
    "npembed.one_page.normalize_vjp": (Op(one_page.normalize, one_page.normalize_vjp), one_page_cases),
    "npembed.embedding.second_order.lookups.lookup_vjp_vjp": (Op(dense_lookup_vjp, lookup_vjp_vjp), lookup_vjp_cases),
}
"""The page that stands by itself, and what is given as sparse rows, are in no registry."""


# ---- the tests


def test_the_registries_are_found():
    """Whatever is added later: these must be among them, or the walk is broken."""
    found = {name for name, _, _ in ENTRIES}
    assert found >= {"CONSTRAINERS", "GATHER", "INITIALIZERS", "INTERACTIONS", "LOSSES", "NORM", "NORMALIZERS", "OPS", "SAMPLERS"}
    assert found >= {"SECOND_ORDER", "TRANSFORM"}
    assert OPS.keys() >= {"lookup", "transform", "score"}  # there are two dictionaries named OPS


def test_every_op_has_a_recipe_and_every_recipe_an_op():
    assert sorted(RECIPES) == sorted(OPS)
    assert len(OPS) == len({id(op.forward) for op in OPS.values()})


@pytest.mark.parametrize(("registry", "key", "entry"), ENTRIES, ids=named(ENTRIES))
def test_every_entry_is_documented_by_an_example(registry, key, entry):
    for function in entry if isinstance(entry, Op) else [entry]:
        text = function.__doc__ or ""
        assert text.strip(), f"{function.__name__} has no docstring"
        assert ">>> " in text, f"{function.__name__} has no example"


@pytest.mark.parametrize("name", OPS)
def test_an_op_ties_a_function_to_its_own_vjp(name):
    assert OPS[name].vjp.__name__ == f"{name}_vjp"
    home = "npembed.embedding.second_order." if name.endswith("_vjp") else OPS[name].forward.__module__
    assert OPS[name].vjp.__module__.startswith(home)


def test_each_normalizer_has_its_second_order():
    assert {name: second.forward for name, second in SECOND_ORDER.items()} == {name: op.vjp for name, op in NORMALIZERS.items()}


@pytest.mark.parametrize("name", OPS)
def test_gradient(name):
    """Two entries at every case of the recipe; the cotangent that the vjp is really given has no number twice and none that is small."""
    seen = []

    def noted(g, *args, **options):
        seen.append(np.array(g))
        return OPS[name].vjp(g, *args, **options)

    assert check_gradients(name, entries=2, op=OPS[name]._replace(vjp=noted)) >= 10
    for g in seen:
        assert np.unique(g).size == g.size
        assert np.abs(g).min(initial=1) > 0.01


def check_gradients(name, entries=None, op=None):
    """Check the op at every case of its recipe, none of which is at a kink; how many entries of gradients that were."""
    checked = 0
    for i, (args, options) in enumerate(with_entries(RECIPES[name](np.random.default_rng(20)))):
        checked += check_vjp(op or OPS[name], *args, rng=i, entries=entries, **options).checked
    return checked


@pytest.mark.parametrize("name", OPS)
def test_single_precision(name):
    """Outputs and gradients have the dtype of the arguments and, to rounding, the values of double precision."""
    for args, options in RECIPES[name](np.random.default_rng(24)):
        if "mask" in options or "masks" in options:
            continue  # a mask has the dtype of the rows
        if name == "complex_normalize" and np.abs(args[0]).max(initial=0) < 1e-6:
            continue  # shorter than one eps, longer than the other
        short = [a.astype(single(a)) if is_float(a) else a for a in args]
        same = [a.astype(np.result_type(a.dtype, np.float64)) if is_float(a) else a for a in short]
        out, expected = OPS[name].forward(*short, **options), OPS[name].forward(*same, **options)
        assert out.dtype == single(expected)
        np.testing.assert_allclose(out, expected, rtol=1e-6)
        g = np.asarray(naive.rows(np.random.default_rng(25), out.shape, out.dtype))
        wide = g.astype(expected.dtype)
        for x, d, e in zip(
            filter(is_float, short), *(tuples(OPS[name].vjp(*a, **options)) for a in ((g, *short), (wide, *same))), strict=True
        ):
            assert d.dtype == x.dtype
            assert d.shape == x.shape
            np.testing.assert_allclose(d, e, rtol=1e-5, atol=1e-5 * np.abs(e).max(initial=0))


def single(a):
    return np.complex64 if a.dtype.kind == "c" else np.float32


def is_float(a):
    return isinstance(a, np.ndarray) and a.dtype.kind in "fc"


def tuples(gradients):
    """Gradients as a tuple of dense arrays."""
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    return tuple(d.to_dense() if hasattr(d, "to_dense") else d for d in gradients)


# ---- literal numbers for interactions and losses: options, kinks and the conventions that have names

H, R, T = np.array([1.0, 2.0]), np.array([1.0, 0.0]), np.array([5.0, -2.0])  # H + R - T = [-3, 4]
T0 = np.array([2.0, -2.0])  # H + R - T0 = [0, 4]
TRUE, FALSE = np.array([[1.0]]), np.array([[0.0, 0.5, -3.0]])  # with margin 1 the gaps are 0, 0.5, -3
TWO = np.array(2.0)
ROWS, MASK = np.array([[3.0, 4.0], [0.0, -5.0]]), np.array([[2.0, 0.0], [1.0, 1.0]])
UNIT = NORMALIZERS["normalize"]


def three(d):
    """The gradients of h, r and t of TransE."""
    return d, d, [-v for v in d]


LITERALS = [
    ("transe", (H, R, T), {}, -7.0),
    ("transe", (H, R, T), {"p": 2}, -5.0),
    ("transe", (H, R, T), {"p": math.inf}, -4.0),
    ("transe", (H, R, T), {"power_norm": True}, -7.0),
    ("transe", (H, R, T), {"p": 2, "power_norm": True}, -25.0),
    ("transe", (H, R, T), {"p": 3, "power_norm": True}, -91.0),
    ("transe_vjp", (TWO, H, R, T), {}, three([2.0, -2.0])),
    ("transe_vjp", (TWO, H, R, T), {"p": 2}, three([1.2, -1.6])),
    ("transe_vjp", (TWO, H, R, T), {"p": math.inf}, three([0.0, -2.0])),
    ("transe_vjp", (TWO, H, R, T), {"power_norm": True}, three([2.0, -2.0])),
    ("transe_vjp", (TWO, H, R, T), {"p": 2, "power_norm": True}, three([12.0, -16.0])),
    ("transe_vjp", (TWO, H, R, T), {"p": 3, "power_norm": True}, three([54.0, -96.0])),
    *(("transe_vjp", (TWO, H, R, T0), {"power_norm": power}, three([0.0, -2.0])) for power in (False, True)),
    *(("transe_vjp", (TWO, H, R, T0), {"power_norm": p, "slope_at_zero": 0.5}, three([-1.0, -2.0])) for p in (False, True)),
    ("transe_vjp", (TWO, H, R, T0), {"p": 2, "power_norm": True, "slope_at_zero": 0.5}, three([0.0, -16.0])),
    *(("transe_vjp", (TWO, H, R, H + R), {"power_norm": w, "slope_at_zero": 0.5}, three([-1.0, -1.0])) for w in (False, True)),
    ("transe_vjp", (TWO, H, R, H + R), {"p": 2, "slope_at_zero": 0.5}, three([0.0, 0.0])),
    *(
        ("transe_vjp", (TWO, H, R, H + R), {"p": p, "power_norm": w}, three([0.0, 0.0]))
        for p in (1, 1.5, 2, 3)
        for w in (False, True)
    ),
    ("transe_vjp", (TWO, H + 0j, R * 1j, T - 1j), {"p": 2, "power_norm": True}, three([16.0 - 8j, -16.0 - 4j])),
    ("distmult", (H, np.array([1.0, 10.0]), T), {}, -35.0),
    ("distmult_vjp", (TWO, H, np.array([1.0, 10.0]), T), {}, ([10.0, -40.0], [10.0, -8.0], [2.0, 40.0])),
    ("margin_ranking", (TRUE, FALSE), {}, 0.5 / 3),
    ("margin_ranking", (TRUE, FALSE), {"margin": 4.0}, (3 + 3.5) / 3),
    ("margin_ranking_vjp", (6.0, TRUE, FALSE), {}, ([[-2.0]], [[0.0, 2.0, 0.0]])),
    ("margin_ranking_vjp", (6.0, TRUE, FALSE), {"edge": "stop"}, ([[-2.0]], [[0.0, 2.0, 0.0]])),
    ("margin_ranking_vjp", (6.0, TRUE, FALSE), {"edge": "pass"}, ([[-4.0]], [[2.0, 2.0, 0.0]])),
    ("margin_ranking_vjp", (6.0, TRUE, FALSE), {"edge": "half"}, ([[-3.0]], [[1.0, 2.0, 0.0]])),
    ("margin_ranking_vjp", (6.0, TRUE, FALSE), {"margin": 4.0}, ([[-4.0]], [[2.0, 2.0, 0.0]])),
    ("margin_ranking_vjp", (6.0, TRUE[0], FALSE), {}, ([-2.0], [[0.0, 2.0, 0.0]])),
    ("transform", (ROWS,), {"normalizer": UNIT, "mask": MASK}, [[1.2, 0.0], [0.0, -1.0]]),
    (
        "transform_vjp",
        (np.array([[5.0, 7.0], [2.0, 3.0]]), ROWS),
        {"normalizer": UNIT, "mask": MASK},
        [[1.28, -0.96], [0.4, 0.0]],
    ),
    ("lookup", (ROWS, [[1, 0]]), {"normalizer": UNIT, "mask": MASK[None]}, [[[0.0, 0.0], [0.6, 0.8]]]),
    ("lookup", (ROWS, [1, 0, 1]), {}, [[0.0, -5.0], [3.0, 4.0], [0.0, -5.0]]),
    ("penalty", (ROWS, [1, 0, 1]), {"regularizer": REGULARIZERS["power_sum"]}, (25.0 + 25.0 + 25.0) / 3),
    ("penalty", (2 * ROWS, [1, 0]), {"regularizer": REGULARIZERS["lp"].bind(p=1)}, (10.0 + 14.0) / 2),
    ("penalty", (ROWS, [1, 0]), {"regularizer": REGULARIZERS["lp"].bind(p=1), "normalizer": UNIT}, (1.0 + 1.4) / 2),
]
PAIRS = {f.__name__: f for op in OPS.values() for f in op}


def check_literal(name, args, options, expected):
    """The function gives `expected`, to a few roundings, and exactly where it is zero."""
    actual = PAIRS[name](*args, **options)
    assert isinstance(actual, tuple) == isinstance(expected, tuple)
    for a, e in zip(*((x if isinstance(x, tuple) else (x,)) for x in (actual, expected)), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-15, atol=0)
        assert np.shape(a) == np.shape(e)


@pytest.mark.parametrize("case", LITERALS, ids=lambda case: f"{case[0]}-{case[2]}")
def test_literal_numbers(case):
    check_literal(*case)


@pytest.mark.parametrize(
    ("name", "args", "options", "error", "said"),
    [
        ("transe", (H, R, T), {"p": 0.5}, ValueError, "transe: p = 0.5 is out of range"),
        (
            "transe",
            (H, R, T),
            {"p": math.inf, "power_norm": True},
            ValueError,
            "transe: p = inf has no power; allowed: a finite p",
        ),
        ("transe", (H, R, T), {"slope_at_zero": 2}, ValueError, "transe: slope_at_zero = 2 is out of range"),
        ("transe_vjp", (TWO, H, R, T), {"slope_at_zero": 2, "power_norm": True}, ValueError, "transe_vjp: slope_at_zero = 2"),
        ("transe", (H, R, np.ones(3)), {}, ValueError, "transe: t has rows of 3 numbers; allowed: 2, as h has"),
        ("transe", (H, R.astype("f4"), T), {}, TypeError, "transe: r has dtype float32; allowed: float64, the dtype of h"),
        ("transe", (np.ones((2, 2)), np.ones((3, 2)), T), {}, ValueError, "transe: h (2, 2), r (3, 2), t (2,) do not broadcast"),
        ("transe", (np.array(1.0),) * 3, {}, ValueError, "transe: h has shape ()"),
        ("transe", ([1.0], R, T), {}, TypeError, "transe: h is a list"),
        (
            "transe_vjp",
            (np.ones(2), H, R, T),
            {},
            ValueError,
            "transe_vjp: g has shape (2,); allowed: (), the shape of the score",
        ),
        ("distmult", (H + 0j, R + 0j, T + 0j), {}, TypeError, "distmult: h has dtype complex128; allowed: real rows"),
        ("distmult", (H, np.ones(3), T), {}, ValueError, "distmult: r has rows of 3 numbers"),
        ("distmult_vjp", (np.ones(2), H, R, T), {}, ValueError, "distmult_vjp: g has shape (2,); allowed: ()"),
        ("margin_ranking", (TRUE, FALSE), {"margin": math.nan}, ValueError, "margin_ranking: margin = nan is out of range"),
        ("margin_ranking", (TRUE, FALSE), {"edge": "x"}, ValueError, "margin_ranking: edge = 'x' is not a choice"),
        (
            "margin_ranking",
            (TRUE[:0], FALSE[:0]),
            {},
            ValueError,
            "margin_ranking: negative has shape (0, 3); allowed: at least one",
        ),
        (
            "margin_ranking",
            (np.ones((2, 1)), np.ones((3, 1))),
            {},
            ValueError,
            "margin_ranking: negative has shape (3, 1); allowed",
        ),
        ("margin_ranking", (TRUE + 0j, FALSE + 0j), {}, TypeError, "margin_ranking: negative has dtype complex128"),
        ("margin_ranking", (TRUE, FALSE.astype("f4")), {}, TypeError, "margin_ranking: negative has dtype float32"),
        ("margin_ranking_vjp", (1.0, TRUE, [0.0]), {}, TypeError, "margin_ranking_vjp: negative is a list"),
        ("lookup", (np.eye(2), [2]), {}, IndexError, "gather: ids[0] = 2 is outside a table of 2 rows"),
        ("lookup", (np.eye(2), [1]), {"mask": np.ones(2)}, ValueError, "transform: mask has shape (2,); allowed: (1, 2)"),
        ("lookup", (np.eye(2), [1]), {"mask": np.ones((1, 2), "f4")}, TypeError, "transform: mask has dtype float32"),
        ("lookup_vjp", (np.ones((2, 2)), np.eye(2), [1]), {}, ValueError, "transform_vjp: g has shape (2, 2); allowed: (1, 2)"),
        ("transform_vjp", (H, H), {"mask": np.ones(3)}, ValueError, "transform_vjp: mask has shape (3,); allowed: (2,)"),
    ],
)
def test_bad_input_is_refused(name, args, options, error, said):
    with pytest.raises(error) as caught:
        PAIRS[name](*args, **options)
    assert str(caught.value).startswith(said)


def functions_named_vjp():
    """``module.function`` for every function definition ``*_vjp`` in the package's files."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.endswith("_vjp") and node.name != "check_vjp":
                yield f"{module}.{node.name}"


def called_from(function, seen):
    """The names of the package's functions that `function` calls, and those that these call."""
    name = f"{function.__module__}.{function.__name__}"
    if name in seen:
        return
    seen.add(name)
    function = inspect.unwrap(function)  # behind `check.public`
    for word in function.__code__.co_names:
        value = function.__globals__.get(word)
        if hasattr(value, "__code__") and value.__module__.startswith("npembed."):
            called_from(value, seen)


def test_every_vjp_is_registered_or_called_by_one_that_is():
    """A gradient that no registry leads to is one that nobody checks."""
    reached = set()
    for _, _, entry in ENTRIES:
        if isinstance(entry, Op):
            called_from(entry.vjp, reached)
    found = list(functions_named_vjp())
    assert len(found) >= len(OPS)
    assert [name for name in found if name not in reached | CHECKED_HERE.keys()] == []


@pytest.mark.parametrize("name", CHECKED_HERE)
def test_gradient_outside_the_registries(name):
    op, cases = CHECKED_HERE[name]
    for i, (args, options) in enumerate(cases(np.random.default_rng(23))):
        check_vjp(op, *args, rng=i, entries=4, **options)


# ---- the whole model: loss_and_gradients, from the tables to the loss and back

POSITIVES = np.array([[0, 0, 4], [4, 1, 0], [2, 1, 2]])
NEGATIVES = np.array([[[1, 0, 4], [0, 0, 0]], [[4, 1, 3], [2, 1, 0]], [[2, 1, 4], [4, 1, 2]]])


def whole(rng, tables, interaction, options, normalizer, relation_normalizer, dropout):
    """`loss_and_gradients` as an Op on the two tables, with everything else fixed; some pairs miss the margin, some do not."""

    def masks(triples):
        return tuple(rng.choice([0.0, 2.0, 1.25], (len(triples), 4)) for _ in range(3)) if dropout else (None, None, None)

    settings = {
        "interaction": INTERACTIONS[interaction].bind(**options),
        "entity_normalizer": normalizer,
        "relation_normalizer": relation_normalizer,
        "masks": (masks(POSITIVES), masks(NEGATIVES.reshape(-1, 3))),
    }
    gaps = []
    loss_and_gradients(
        *tables, POSITIVES, NEGATIVES, loss=Op(lambda *s: gaps.append(s[1] - s[0]) or 0.0, lambda g, *s: s), **settings
    )
    gaps = np.sort(np.ravel(gaps))
    widest = int(np.argmax(np.diff(gaps)))
    between = gaps[widest : widest + 2].mean() if np.ptp(gaps) > 0.01 else gaps[0] - 1.0  # as far from a kink as can be
    settings["loss"] = LOSSES["margin_ranking"].bind(margin=-float(between))

    def forward(entities, relations):
        """The same loss, without the gradients."""
        options = {name: option for name, option in settings.items() if name not in ("loss", "masks")}
        true = score(entities, relations, *POSITIVES.T, masks=settings["masks"][0], **options)
        false = score(entities, relations, *NEGATIVES.reshape(-1, 3).T, masks=settings["masks"][1], **options)
        return settings["loss"].forward(true[:, None], false.reshape(3, 2))

    def forward_vjp(g, entities, relations):
        value, dentities, drelations = loss_and_gradients(entities, relations, POSITIVES, NEGATIVES, **settings)
        assert value == forward(entities, relations)
        return float(g) * dentities, float(g) * drelations

    return Op(forward, forward_vjp)


def whole_cases(rng, dropout):
    """(op, tables) for every interaction and normalizer."""
    kinds = [(interaction, dtype) for interaction, _, dtype in interactions()]
    for k, (interaction, options, dtype) in enumerate(interactions()):
        normalizers = [(None, None), *bound(dtype)]
        kind = interaction, dtype  # of which there are several, with other options: they share the normalizers
        for i, (name, normalizer) in share(enumerate(normalizers), kinds[:k].count(kind), kinds.count(kind)):
            for relation_name, relation_normalizer in [normalizers[(i + 1) % len(normalizers)]]:
                tables = naive.rows(rng, (5, 4), dtype), naive.rows(rng, (2, 4), dtype)
                op = whole(rng, tables, interaction, options, normalizer, relation_normalizer, dropout)
                yield f"{interaction} {options} {np.dtype(dtype)} {name} {relation_name}", op, tables


@pytest.mark.long
@pytest.mark.parametrize("dropout", [False, True])
def test_gradient_of_the_whole_model(dropout):
    """Each case by itself agrees with differences; together they leave no interaction and no normalizer out."""
    seen = []
    for i, (label, op, tables) in enumerate(whole_cases(np.random.default_rng(21), dropout)):
        assert check_vjp(op, *tables, rng=i, entries=2).kinks == 0, label
        assert any(d.values.any() for d in op.vjp(1.0, *tables)), f"{label}: no pair is active, so nothing was checked"
        seen.append(label)
    for name in INTERACTIONS:
        dtype = complex if name in COMPLEX_ONLY else float
        for normalizer in [None, *dict(bound(dtype))]:
            assert any(label.startswith(f"{name} ") and f" {np.dtype(dtype)} {normalizer} " in label for label in seen)


def test_gradient_of_the_whole_model_entry_by_entry():
    """The same for all entries, once, with everything switched on; untouched rows have no entry."""
    rng = np.random.default_rng(22)
    normalizers = dict(bound(float))
    tables = naive.rows(rng, (7, 4)), naive.rows(rng, (3, 4))
    op = whole(rng, tables, "transe", {"p": 2}, normalizers["normalize"], normalizers["clamp_norm"], dropout=True)
    assert check_vjp(op, *tables).checked == 40
    dentities, drelations = op.vjp(1.0, *tables)
    assert dentities.rows.tolist() == [0, 1, 2, 3, 4]
    assert drelations.rows.tolist() == [0, 1]


def test_heads_relations_and_tails_reach_the_interaction_in_this_order():
    """TransE and DistMult cannot tell head and relation apart; this one can."""
    asymmetric = Op(
        lambda h, r, t: (h + 10 * r + 100 * t).sum(axis=-1),
        lambda g, h, r, t: (g[:, None] * np.ones_like(h), 10 * g[:, None] * np.ones_like(r), 100 * g[:, None] * np.ones_like(t)),
    )
    args = np.array([[1.0], [2.0], [3.0]]), np.array([[4.0], [5.0]]), [0, 2], [1, 0], [1, 2]
    assert score(*args, interaction=asymmetric).tolist() == [1 + 50 + 200, 3 + 40 + 300]
    dentities, drelations = score_vjp(np.array([1.0, -2.0]), *args, interaction=asymmetric)
    assert dentities.to_dense().tolist() == [[1.0], [100.0], [-2.0 - 200.0]]
    assert drelations.to_dense().tolist() == [[-20.0], [10.0]]


def test_the_loss_of_the_whole_model_by_hand():
    """Four entities on a line: a loss and gradients that one can add up."""
    entities, relations = np.array([[0.0], [1.0], [3.0], [9.0]]), np.array([[1.0]])
    positives, negatives = np.array([[0, 0, 2]]), np.array([[[1, 0, 2], [0, 0, 3]]])
    # scores: -|0+1-3| = -2; corrupted: -|1+1-3| = -1, -|0+1-9| = -8; gaps with margin 1: 2 and -5; loss (2 + 0) / 2
    loss, dentities, drelations = loss_and_gradients(
        entities, relations, positives, negatives, loss=LOSSES["margin_ranking"], interaction=INTERACTIONS["transe"]
    )
    assert loss == 1.0
    # the active pair: its positive pulls (d score = -1/2), its negative pushes (+1/2); both differences are negative
    assert dentities.to_dense().tolist() == [[-0.5], [0.5], [0.0], [0.0]]
    assert drelations.to_dense().tolist() == [[0.0]]
