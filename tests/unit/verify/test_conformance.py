"""The conformance kit: its numbers are exact, it passes what is sound, and fails, by name, each bug that layers have had."""

import doctest
import functools
import hashlib
import itertools
import json
import re
import subprocess
import sys
from fractions import Fraction

import jsonschema
import numpy as np
import pytest
from places import GOLDEN, ROOT, TESTS
from plain_layer import Plain
from wrong_layers import BUGS, SOUND

import npembed
from npembed.cli import main
from npembed.embedding.optimizers import OPTIMIZERS
from npembed.verify.conformance import ADAPTERS, CONVENTIONS, Case, adapter, cases, check, export
from npembed.verify.conformance.comparing import compare, dense
from npembed.verify.conformance.conventions import is_rule
from npembed.verify.conformance.reading import TOPICS, VECTORS, decode

ORACLES = TESTS / "oracles"
sys.path.insert(0, str(GOLDEN))

import make_vectors  # noqa: E402
import vectors_exact  # noqa: E402
import vectors_large  # noqa: E402

# ---- the vectors


@pytest.mark.parametrize("topic", TOPICS)
def test_the_vectors_keep_to_their_schema(topic):
    read = json.loads((VECTORS / f"{topic}.json").read_text(encoding="utf-8"))
    schema = json.loads((VECTORS / "schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(read)
    assert read["count"] == len(read["cases"])
    for case in read["cases"]:
        assert {"valid": len(case["answers"]) == 1, "invalid": not case["answers"], "acceptable": len(case["answers"]) > 1}[
            case["verdict"]
        ]
        for answer in case["answers"]:
            assert all(choice in CONVENTIONS[name] for name, choice in answer["conventions"].items()), case["id"]


def test_ids_of_cases_stay_within_a_version():
    """Other ids need another version: whoever lists a known failure by its id relies on it."""
    ids = "\n".join(sorted(case.id for case in cases()))
    found = {make_vectors.VERSION: hashlib.sha256(ids.encode()).hexdigest()}
    assert found == {"3": "5678e7268c02cc7a2073efd64fda76c0ffebaa542c1e73796717aa15e1d4afdc"}


def test_what_the_issue_asks_for_is_covered():
    """A floor of cases for each thing that is to be there, so that none of it can vanish unseen."""
    needs = [need for case in cases() for need in case.needs]
    for need, floor in {
        "float16": 4, "bfloat16": 4, "float32": 200, "float64": 200, "complex64": 6, "padding_idx": 20, "max_norm": 12, "norm_type": 6,
        "scale_grad_by_freq": 12, "include_last_offset": 12, "weights": 6, "frozen": 4, "mode=sum": 40, "mode=mean": 40, "mode=max": 40,
        "normalizer=normalize": 30, "normalizer=softmax": 12, "normalizer=clamp": 10, "normalizer=clamp_norm": 10, "optimizer=sgd": 16,
        "normalizer=complex_normalize": 6, "normalizer=quaternion_normalize": 4, "constrainer=normalize": 10, "constrainer=clamp": 4,
        "constrainer=clamp_norm": 10, "constrainer=quaternion_normalize": 2, "optimizer=adagrad": 6,
        "optimizer=adam": 8, "optimizer=adamw": 2,
    }.items():  # fmt: skip
        assert needs.count(need) >= floor, need
    assert {name for case in cases() for answer in case.raw["answers"] for name in answer["conventions"]} == set(CONVENTIONS)
    assert sum(case.verdict == "invalid" for case in cases()) >= 30
    assert len(cases("second")) >= 10


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_exact_rounding_is_that_of_the_processor(dtype):
    """`to_bits` against NumPy's rounding of float64 (and Python's of fractions), ties, subnormals and overflow included."""
    kind = np.dtype(dtype).type
    rng = np.random.default_rng(0)
    numbers = [
        *(rng.normal(size=200) * 10.0 ** rng.integers(-12, 6, 200)),
        0.0,
        -0.0,
        65519.9,
        65520.0,
        1e39,
        2.0**-25,
        2.0**-24 * 1.5,
    ]
    numbers += [np.ldexp(rng.integers(1, 2**12) + 0.5, int(e)) for e in range(-30, 5)]
    with np.errstate(over="ignore"):
        for x in map(float, numbers):
            bits = vectors_exact.to_bits(x, dtype)
            assert int(bits, 16) == int(kind(x).view(f"u{kind().itemsize}")), x
            back = vectors_exact.from_bits(bits, dtype)
            assert float(back) == float(kind(x))
    for x in [Fraction(1, 3), Fraction(10, 7), Fraction(1, 3 * 2**1070), Fraction(2**60 + 1)]:
        assert vectors_exact.from_bits(vectors_exact.to_bits(x, "float64"), "float64") == Fraction(float(x))
    assert vectors_exact.to_bits(float("nan"), "float32") == "7fc00000"


def test_bits_and_decimals_say_the_same():
    for case in cases():
        for array in case.raw["inputs"].values():
            if "bits" in array and not array["dtype"].startswith("complex"):
                listed = decode({**array, "layout": None, "shape": array.get("block", array["shape"])})
                np.testing.assert_array_equal(np.ravel(listed)[: len(array["decimal"])], [float(d) for d in array["decimal"]])


def test_rules_and_blocks_are_read_as_a_loop_reads_them():
    """All forms of array among the large cases, each entry on its own, in Python's integers."""
    seen = set()
    for case in cases("large"):
        for array in case.raw["inputs"].values():
            if not {"rule", "block"} & set(array) or np.prod(array["shape"]) > 10**5:
                continue
            form = (
                len(array["shape"]),
                array["dtype"],
                *(v > (k == "over") for k, v in array.get("rule", {}).items() if k != "times"),
            )
            if form not in seen:
                seen.add(form)
                small = decode({**array, "shape": array["block"]}).tolist() if "block" in array else None
                np.testing.assert_array_equal(decode(array), vectors_large.entries(array, small))
    assert len(seen) >= 8


def test_files_of_large_cases_are_small():
    size = (VECTORS / "large.json").stat().st_size
    assert size < 3000 * len(cases("large"))
    assert sum(case.size for case in cases("large")) > 10**7


# ---- options that meet

CANNOT_MEET = {
    "one choice of each, with its own options": lambda a, b: (
        a.partition("=")[0] == b.partition("=")[0] and a.partition(":")[0] != b.partition(":")[0]
    ),
    "bags have no normalizer": lambda a, b: "normalizer" in a and ("mode" in b or b in BAGS),
    "a matrix of ids has no offsets, nor a last one": lambda a, b: {a, b} == {"matrix", "include_last_offset"},
    "weights are for sums, see refused/weights-in-mode-mean": lambda a, b: a == "weights" and b in ("mode=mean", "mode=max"),
    "torch refuses it, and nobody says what it is": lambda a, b: a == "scale_grad_by_freq" and b == "mode=max",
    "complex numbers have no order": lambda a, b: a.endswith("complex_normalize") and re.search("clamp$|softmax|mode=max", b),
    "a quaternion is four real numbers": lambda a, b: a.endswith("complex_normalize") and "quaternion" in b,
    "Nesterov's step wants no dampening": lambda a, b: a.endswith(":dampening") and b.endswith(":nesterov"),
    "the length of complex rows is the Euclidean one": lambda a, b: a.endswith("complex_normalize") and b == "norm_type",
}
"""Why two options cannot be given together, in either order."""
BAGS = ("weights", "include_last_offset", "matrix")
SHOWN_BY = {
    "scale_grad_by_freq": ("backward", "bag_backward", "steps"),
    "frozen": ("steps", "constrain", "bag_backward", "backward"),
}
SHOWN_BY["padding_idx"] = (*SHOWN_BY["scale_grad_by_freq"], "bag")
"""Options that have no effect but in cases of these ops."""


def given(case):
    """The options that have an effect in a case; those of a map belong to the map, and are none."""
    found = {
        need for need in case.needs if need not in (case.dtype, "lookup") and not re.match("(normalizer|constrainer)=.*:", need)
    }
    found |= {"matrix"} if "mode" in case.raw["options"] and "offsets" not in case.raw["inputs"] else set()
    return {need for need in found if case.op in SHOWN_BY.get(need, (case.op,))}


def test_any_two_options_that_can_meet_do():
    covered, options = set(), set()
    for case in cases():
        if case.verdict != "invalid":
            options |= given(case)
            covered |= {frozenset(pair) for pair in itertools.combinations(given(case), 2)}
    assert len(options) >= 45
    used, missing = set(), []
    for a, b in itertools.combinations(sorted(options), 2):
        why = [reason for reason, cannot in CANNOT_MEET.items() if cannot(a, b) or cannot(b, a)]
        used |= set(why)
        if (frozenset((a, b)) in covered) == bool(why):
            missing.append((a, b, *why))
    assert not missing, missing
    assert used == set(CANNOT_MEET)


# ---- what it says of layers


@pytest.mark.long
def test_npembed_passes_everything_that_it_can_do():
    report = check(adapter("npembed"))
    assert report.ok, "\n".join(r.message for r in report.failures)
    assert report.count("known") == report.count("not run") == 0
    assert {r.lacks for r in report.results if r.status == "cannot"} == {("bfloat16",)}  # tables that it has not
    assert report.unused == ()


class Lazy(adapter("npembed")):
    """Our own layer, with our own optimizers where rows without a gradient wait."""

    lacks = {"optimizer=adam:weight_decay"}  # noqa: RUF012
    conventions = {**adapter("npembed").conventions, "missing_rows": "lazy"}  # noqa: RUF012
    how = {"missing_rows": "lazy"}  # noqa: RUF012

    def step(self):
        if self.layer.trainable:
            how = self.how if self.optimizer is not OPTIMIZERS["adagrad"] else {}
            self.optimizer.step_(self.layer.weight, self.gradient, state=self.state, **self.options, **how)


class OnTouch(Lazy):
    conventions = {**Lazy.conventions, "missing_rows": "decay_on_touch"}  # noqa: RUF012
    how = {"missing_rows": "decay_on_touch"}  # noqa: RUF012


class ByRow(Lazy):
    """SparseAdam with a correction by rows for Adam, row-wise Adagrad for Adagrad."""

    lacks = {"optimizer=adam:weight_decay", "optimizer=adam:amsgrad", "optimizer=adamw", "optimizer=adagrad:lr_decay"}  # noqa: RUF012
    conventions = {**Lazy.conventions, "adagrad_sums": "row", "adam_eps": "uncorrected", "step_count": "row"}  # noqa: RUF012

    def __init__(self, table, *, optimizer=None, **options):
        other = {"adam": "sparse_adam", "adagrad": "rowwise_adagrad"}.get(optimizer, optimizer)
        super().__init__(table, optimizer=other, **options)
        if optimizer == "sgd" and self.options.get("dampening"):
            raise NotImplementedError("dampening counts the steps of the table")
        self.how = {"correction": "row"} if optimizer == "adam" else {"missing_rows": "lazy"}
        if optimizer == "adagrad":
            self.options = {"eps": 1e-10, **self.options}


SMALL = tuple(topic for topic in TOPICS if topic != "large")  # which takes long, and knows few conventions
ASKED = {**dict.fromkeys(SOUND, SMALL), Plain: TOPICS, **dict.fromkeys((Lazy, OnTouch, ByRow), ("steps",))}


@functools.cache
def results_of(layer):
    return [r for topic in ASKED[layer] for r in check(layer, topic).results]


@pytest.mark.long
@pytest.mark.parametrize("layer", ASKED, ids=lambda layer: layer.__name__)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_sound_layers_raise_no_alarm(layer):
    assert not [r.message for r in results_of(layer) if r.status == "failed"]
    assert sum(r.status in ("passed", "acceptable") for r in results_of(layer)) >= 20


def test_the_sound_layer_takes_a_matrix_of_weights():
    layer = Plain(np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]]), mode="sum")
    assert layer.lookup(np.array([[0, 1]]), None, np.array([[1.0, 2.0]])).tolist() == [[5.0, 50.0]]


@pytest.mark.long
def test_conventions_are_told_apart():
    """The same cases, passed by other conventions, each of them said."""
    found = [{c for r in results_of(layer) for c in r.conventions} for layer in ASKED]
    for name, choices in CONVENTIONS.items():
        assert {f"{name}={choice}" for choice in choices if not is_rule(name, choice)} <= set().union(*found), name


def test_a_convention_that_is_not_kept_is_a_failure():
    class Liar(Plain):
        conventions = {"clamp_edge": "stop"}  # noqa: RUF012

    assert [r.case.id for r in check(Liar, "maps").failures] == ["kink/clamp-at-bounds-float32", "kink/clamp-at-bounds-float64"]
    message = check(Liar, "maps").failures[0].message
    assert "does clamp_edge=pass, while it declares clamp_edge=stop" in message


def test_known_failures_are_strict():
    class Known(Plain):
        known_failures = {"bag/max-below-zero-float32": "begins at zero", "lookup/no-ids-float32": "none"}  # noqa: RUF012
        not_run = {"bag/sum-offsets-float32": "hangs"}  # noqa: RUF012

        def largest(self, rows):
            return (
                np.maximum(rows.max(0), 0)
                if (rows < 0).all() and rows.dtype == np.float32 and len(self.table) == 3
                else rows.max(0)
            )

    report = check(Known)
    assert [r.case.id for r in report.failures] == ["lookup/no-ids-float32"]
    assert "is a known failure (none), but does not fail" in report.failures[0].message
    assert report.count("known") == report.count("not run") == 1
    assert "begins at zero: bag/max-below-zero-float32" in str(report)


def test_not_implemented_is_no_failure_but_for_bad_input():
    class Part(Plain):
        def softmax(self, x):
            raise NotImplementedError

    report = check(Part, "maps")
    assert report.ok
    assert report.count("cannot") >= 12


def test_a_lookup_that_changes_the_table_is_found():
    class Writes(Plain):
        def lookup(self, ids, *more):
            found = super().lookup(ids, *more).copy()
            self.table[...] = 1
            return found

    assert any("table[" in r.message for r in check(Writes, "lookup").failures)


def test_a_report_shows_the_smallest_failing_case():
    overwrites = {name: layer for name, layer, *_ in BUGS}["Overwrites"]
    text = str(check(overwrites, "lookup"))
    smallest = text[text.index("smallest failing case") :]
    assert "ids = " in smallest
    assert "g = " in smallest
    assert "right: gradient = " in smallest
    assert "overwrites the others, where they add up (" in text


# ---- a check that checked nothing


class Doubles:
    """Wrong throughout, and shy: it names one capability, and takes more than it names."""

    capabilities = {"padding_idx"}  # noqa: RUF012

    def __init__(self, table, padding_idx=None, mode=None, optimizer=None, optimizer_options=None, dtype=None):
        self.table = table.copy()

    def lookup(self, ids, offsets=None, weights=None):
        return self.table[ids] * 2

    def backward(self, g):
        return np.zeros_like(self.table)


def test_capabilities_are_added_to_those_that_are_always_there(capsys, monkeypatch):
    report = check(Doubles)
    assert not report.ok
    assert report.count("failed") >= 40
    text = str(report)
    assert report.unused == ("mode", "optimizer", "dtype", "weights")
    assert "the adapter takes mode, optimizer, dtype, weights, which its capabilities do not name (nor its lacks)" in text
    needing = [case for case in cases() if "normalizer=softmax" in case.needs]
    assert f"normalizer=softmax ({len(needing)})" in text[text.index("cannot, for want of: ") :]
    monkeypatch.setitem(sys.modules, "doubles", type(sys)("doubles"))
    sys.modules["doubles"].Doubles = Doubles
    assert main(["check", "layer", "doubles:Doubles"]) == 1
    assert "failed:\n" in capsys.readouterr().out


def test_what_a_layer_lacks_is_taken_away():
    class Single(Plain):
        lacks = {"float64", "optimizer=sgd:momentum", "mode"}  # noqa: RUF012

    report = check(Single)
    assert report.ok
    assert report.unused == ()
    ran = [r.case for r in report.results if r.status in ("passed", "acceptable")]
    assert not any({"float64", "mode=sum", "optimizer=sgd:momentum"} & set(case.needs) for case in ran)
    assert {"optimizer=sgd", "optimizer=sgd:maximize", "float16"} <= {need for case in ran for need in case.needs}
    lacking = {r.case.id: r.lacks for r in report.results if r.status == "cannot"}
    assert lacking["steps/sgd-nesterov-float64"] == ("float64", "optimizer=sgd:momentum")
    assert lacking["refused/weights-in-mode-mean"] == ("mode=mean",)


@pytest.mark.parametrize("capability", ["optimizer", "optimizer=sgd", "optimizer=sgd:lr", "optimizer=sgd:momentum"])
def test_an_optimizer_is_declared_with_its_options(capability):
    layer = type("Part", (Plain,), {"capabilities": {capability}})
    ran = {need for r in check(layer, "steps").results if r.status != "cannot" for need in r.case.needs if "optimizer" in need}
    every = {need for case in cases("steps") for need in case.needs if "optimizer" in need}
    assert (
        ran
        == {
            "optimizer": every,
            "optimizer=sgd": {need for need in every if "sgd" in need},
            "optimizer=sgd:lr": {"optimizer=sgd"},
            "optimizer=sgd:momentum": {"optimizer=sgd", "optimizer=sgd:momentum"},
        }[capability]
    )


NOTHING = {
    "lacks all": {"lacks": {"float16", "bfloat16", "float32", "float64", "complex64", "complex128"}},
    "runs none": {"not_run": {case.id: "slow" for case in cases()}},
    "is not implemented": {"lookup": lambda self, *given: (_ for _ in ()).throw(NotImplementedError("later"))},
}


@pytest.mark.parametrize("attributes", NOTHING.values(), ids=NOTHING)
def test_a_check_in_which_no_case_ran_fails(attributes):
    report = check(type("Nothing", (Plain,), attributes), "lookup")
    assert not report.ok
    assert not report.failures
    assert report.lines()[-1] == "failed: no case ran, so nothing was checked"
    assert not check(type("Nothing", (Plain,), attributes)).ok


def test_a_topic_that_a_layer_cannot_do_fails(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(ORACLES))
    assert main(["check", "layer", "plain_layer:Plain", "--topic", "second"]) == 1
    out = capsys.readouterr().out
    assert "cannot, for want of: second (10)" in out
    assert out.endswith("failed: no case ran, so nothing was checked\n")


def test_a_layer_that_refuses_everything_has_refused_nothing():
    class Broken(Plain):
        def __init__(self, rows):
            super().__init__(rows)

    class NoBags(Plain):
        def lookup(self, ids):
            return super().lookup(ids)

    report = check(Broken, "refused")
    assert "refused, but so is the valid steps/adam-float32: TypeError: " in "\n".join(r.message for r in report.failures)
    failed = {r.case.id for r in check(NoBags, "refused").failures}
    assert failed == {case.id for case in cases("refused") if "mode" in case.raw["options"]}
    silent = type("Silent", (Plain,), {"softmax": NOTHING["is not implemented"]["lookup"], **NOTHING["is not implemented"]})
    assert check(silent, "refused").count("cannot") == len(cases("refused"))


def test_a_layer_whose_table_cannot_be_seen_cannot_be_stepped():
    class Hidden:
        capabilities = {"optimizer", "constrainer"}  # noqa: RUF012

        def __init__(self, table, **options):
            self.layer = Plain(table, **options)

        def lookup(self, ids):
            return self.layer.lookup(ids)

        def backward(self, g):
            return self.layer.backward(g)

        def step(self):
            self.layer.step()

        def constrain(self):
            self.layer.constrain()

    report = check(Hidden)
    assert report.ok
    assert "NotImplementedError: the layer has no attribute table (" in " ".join(str(report).split())


# ---- the help


def test_the_help_names_every_capability_option_and_convention(capsys):
    assert main(["check", "layer", "--help"]) == 0
    for text in (npembed.verify.conformance.__doc__, capsys.readouterr().out):
        for need in {need for case in cases() for need in case.needs}:
            name, _, rest = need.partition("=")
            value, _, option = rest.partition(":")
            entry = re.search(rf"^    {name}  .*?(?=^    \w|^\n)|^    .*\b{name}\b.*$", text, re.MULTILINE | re.DOTALL)
            assert entry, need
            assert not value or re.search(rf"={value}\b[^=]*" + (f":{option}\\b" if option else ""), entry[0]), need
        for name, choices in CONVENTIONS.items():
            (entry,) = re.findall(rf"^    {name} +\*? .*?(?=^    \w|^\n)", text, re.MULTILINE | re.DOTALL)
            assert all(f'"{choice}"' in entry for choice in choices), name
            assert (f"{name} *" in text) == is_rule(name, choices[0]), name


def test_the_adapter_of_the_help_passes_and_its_bug_is_found():
    examples = doctest.DocTestParser().get_examples(npembed.verify.conformance.__doc__)
    found = {}
    for example in examples:
        if example.source.startswith(("import", "class")):
            exec(example.source, found)
    report = check(found["Mine"])
    assert report.ok, "\n".join(r.message for r in report.failures)
    assert report.unused == ()
    assert report.count("passed") >= 60
    assert not check(found["Last"]).ok


# ---- what a layer is handed, and what it keeps


class Meddles(Plain):
    """Changes an array that it was handed, at the end of one of its methods."""

    method, array = "", ""

    def __init__(self, table, **options):
        super().__init__(table, **options)
        self.given = {"table": table}
        self.meddle("__init__")

    def meddle(self, method, **given):
        self.given.update(given)
        array = self.given.get(self.array)
        if method == self.method and array is not None and array.size:
            array.flat[-1] += 1

    def lookup(self, ids, offsets=None, weights=None):
        kept = (None if a is None else a.copy() for a in (ids, offsets, weights))
        found = super().lookup(*kept).copy()
        self.meddle("lookup", ids=ids, offsets=offsets, weights=weights)
        return found

    def backward(self, g):
        found = super().backward(g.copy())
        self.meddle("backward", g=g)
        return found

    def second(self, g, v):
        if self.normalizer:
            raise NotImplementedError
        found = v[self.ids], np.zeros_like(self.table)
        self.meddle("second", g=g, v=v)
        return found

    def step(self):
        super().step()
        self.meddle("step")

    def constrain(self):
        super().constrain()
        self.meddle("constrain")


METHODS = {
    "__init__": ["table"], "lookup": ["table", "ids", "offsets", "weights"], "backward": ["table", "ids", "offsets", "weights", "g"],
    "second": ["table", "ids", "g", "v"], "step": ["ids", "g"], "constrain": ["table"],
}  # fmt: skip
METHOD_TOPICS = {
    "__init__": "lookup",
    "lookup": "bags",
    "backward": "bags",
    "second": "second",
    "step": "steps",
    "constrain": "maps",
}


@pytest.mark.parametrize(("method", "array"), [(m, a) for m, arrays in METHODS.items() for a in arrays])
def test_what_a_layer_is_handed_stays_as_it_was(method, array):
    report = check(type("Mine", (Meddles,), {"method": method, "array": array}), METHOD_TOPICS[method])
    cause = f"{method} changes the caller's {array} in place"
    assert cause in {r.cause for r in report.failures}
    assert f"  {cause} (" in str(report)


def test_a_layer_that_meddles_with_nothing_passes():
    assert all(check(Meddles, topic).ok for topic in METHOD_TOPICS.values())


def test_what_a_layer_refuses_it_leaves_as_it_was():
    class Clips(Plain):
        def valid(self, ids):
            try:
                return super().valid(ids)
            finally:
                np.clip(ids, 0, self.n - 1, out=ids)

    failed = {r.case.id: r.message for r in check(Clips, "refused").failures}
    assert "lookup changes the caller's ids in place" in failed["refused/far-id"]
    assert "refused/too-few-weights" not in failed


def test_a_failure_of_the_first_call_is_told_before_that_of_a_later_one():
    class Once(Plain):
        def added(self, ids, drows):
            if self.optimizer is None and hasattr(self, "done"):
                raise RuntimeError("only once")
            self.done = True
            return super().added(ids, drows)

    class Never(Once):
        def added(self, ids, drows):
            return super().added(ids, drows) + 1

    assert all("raised RuntimeError: only once" in r.message for r in check(Once, "lookup").failures)
    assert not any("only once" in r.message for r in check(Never, "lookup").failures)


# ---- conventions that are to be declared


@pytest.mark.parametrize(("name", "bug"), [("adam_eps", "EpsInside"), ("adagrad_eps", "EpsUnderRoot"), ("first_momentum", "DampensFirst"),
                                           ("adagrad_sums", "AdagradByRow")])  # fmt: skip
def test_what_is_mostly_a_mistake_is_right_if_it_is_declared(name, bug):
    wrong = {b[0]: b[1] for b in BUGS}[bug]
    failed = check(wrong, "steps").failures
    assert failed
    assert all(re.search(rf"does {name}=\w+, while it declares no {name}\.", r.message) for r in failed)
    assert check(type("Declares", (wrong,), {"conventions": {name: CONVENTIONS[name][1]}}), "steps").ok
    assert not check(type("Declares", (Plain,), {"conventions": {name: CONVENTIONS[name][1]}}), "steps").ok


# ---- near enough


def expected(values, dtype="float64", compare="exact", **more):
    return {**vectors_exact.array(dtype, values), "compare": compare, **more}


def test_exact_means_the_same_numbers():
    assert compare("x", np.array([np.nan, -0.0, np.inf]), expected([float("nan"), 0.0, float("inf")])).ok
    assert not compare("x", np.array([1.0]), expected([1.0 + 2.0**-52])).ok
    assert not compare("x", np.array([np.nan]), expected([1.0])).ok
    assert "shape (2,), (1,) is right" in compare("x", np.zeros(2), expected([0.0])).said
    assert "dtype float32, float64 is right" in compare("x", np.zeros(1, np.float32), expected([0.0])).said


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_ulps_are_counted_in_units_of_the_right_number(dtype):
    one = np.dtype(dtype).type(1)
    up = one + 4 * np.finfo(dtype).eps
    assert compare("x", np.array([up]), expected([1.0], dtype, "ulp:4")) == (True, 4.0, "")
    assert not compare("x", np.array([up]), expected([1.0], dtype, "ulp:3")).ok
    assert compare("x", np.array([257.0], np.float32), expected([256.0], "bfloat16", "ulp:1")).ulps == 0.5


def test_rows_are_near_by_their_length():
    right = expected([[3.0, 4.0], [1e200, 0.0]], compare="rtol:1.0e-02")
    assert compare("x", np.array([[3.0, 4.04], [1e200, 9e197]]), right).ok
    assert compare("x", np.array([[3.0, 4.06], [1e200, 0.0]]), right).said == "x[0, 1] = 4.06, 4.0 is right"
    assert not compare("x", np.array([[3.0, 4.0], [1e200, 2e198]]), right).ok
    assert compare("x", np.array([0.0, 0.01]), expected([0.0, 0.0], compare="rtol:1.0e-02", scale=1.0)).ok
    assert not compare("x", np.array([0.0, 1e-300]), expected([0.0, 0.0], compare="rtol:1.0e-02")).ok
    assert not compare("x", np.array([np.nan, 1.0]), expected([1.0, 1.0], compare="rtol:1.0e-02")).ok
    assert not compare("x", np.array([1 + 1j]), expected([1 - 1j], "complex128", "rtol:1.0e-02")).ok


def test_rows_and_values_are_added_up_wide():
    rows, values = np.array([1, 1, 1]), np.array([[2048.0], [1.0], [1.0]], np.float16)
    found = dense((rows, values), np.zeros((2, 1), np.float16))
    assert (found.dtype, found.tolist()) == (np.float16, [[0.0], [2050.0]])
    with pytest.raises(ValueError, match=r"gradient names row 2; allowed: 0\.\.1"):
        dense((np.array([2]), values[:1]), np.zeros((2, 1)))


# ---- the doors


@pytest.mark.long
def test_the_kit_needs_numpy_alone():
    code = (
        "import sys; sys.path.insert(0, 'tests/oracles')\n"
        "from plain_layer import Plain\nfrom npembed.verify.conformance import check\n"
        "assert check(Plain).ok\n"
        "heavy = [m for m in sys.modules if m.split('.')[0] in ('numba', 'scipy', 'torch', 'mpmath', 'jsonschema', 'pytest')]\n"
        "ours = {m for m in sys.modules if m.startswith('npembed.') and not m.startswith('npembed.verify.conformance')}\n"
        "ours -= {'npembed.verify'}\n"
        "assert not heavy and not ours, (heavy, ours)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


STRANGER = """
import sys
import pytest
sys.path.insert(0, {tests!r})
from wrong_layers import Plain
from plain_layer import np

class Mine(Plain):
    known_failures = {{"bag/max-below-zero-float32": "begins at zero", "bag/max-offsets-float32": "so it was"}}
    capabilities = Plain.capabilities - {{"weights"}}
    def largest(self, rows):
        return np.maximum(rows.max(0), 0) if len(self.table) == 3 else rows.max(0)

@pytest.mark.npembed("bags")
def test_my_layer(npembed_case):
    npembed_case.check(Mine)
"""


def run_pytest(folder, *options):
    import os

    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-p", "npembed.verify.conformance.plugin", "-rA", "--strict-markers", *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_plugin_runs_the_cases_in_another_project(tmp_path):
    (tmp_path / "test_mine.py").write_text(STRANGER.format(tests=str(ORACLES)), encoding="utf-8")
    done = run_pytest(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    counts = dict(
        reversed(part.split(" ")[:2]) for part in re.sub(r" in .*|=", "", done.stdout.strip().split("\n")[-1]).strip().split(", ")
    )
    skipped = sum(bool({"weights", "bfloat16"} & set(case.needs)) for case in cases("bags"))
    assert skipped >= 6
    assert counts == {"failed": "2", "passed": str(len(cases("bags")) - 3 - skipped), "skipped": str(skipped), "xfailed": "1"}
    assert "FAILED test_mine.py::test_my_layer[bag/max-offsets-float32]" in done.stdout
    assert "FAILED test_mine.py::test_my_layer[bag/max-below-zero-float64]" in done.stdout


@pytest.mark.parametrize("status", ["lacks", "not_run"])
def test_the_plugin_fails_where_no_case_runs(status, tmp_path):
    shy = {"lacks": "{'float32', 'float64'}", "not_run": "{c.id: 'later' for c in cases()}"}[status]
    (tmp_path / "test_mine.py").write_text(
        "import pytest\nfrom npembed.verify.conformance import cases\n\nclass Mine:\n    def __init__(self, table): self.table = table\n"
        f"    def lookup(self, ids): return self.table[ids]\n    {status} = {shy}\n\n"
        "@pytest.mark.npembed('second')\ndef test_my_layer(npembed_case):\n    npembed_case.check(Mine)\n",
        encoding="utf-8",
    )
    done = run_pytest(tmp_path)
    assert done.returncode == 1, done.stdout
    assert "no case ran, so nothing was checked" in done.stdout
    assert "10 failed in" in done.stdout


def test_the_plugin_costs_nothing_until_it_is_used(tmp_path):
    (tmp_path / "test_other.py").write_text(
        "def test_nothing():\n    import sys\n"
        "    ours = {m for m in sys.modules if m.startswith(('npembed', 'numpy', 'numba'))}\n"
        "    assert ours == {'npembed', 'npembed.verify', *(f'npembed.verify.conformance{x}' for x in ('', '.plugin'))}\n",
        encoding="utf-8",
    )
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout


def test_the_package_tells_pytest_and_ships_the_vectors():
    text = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    assert "pytest11 =\n    npembed = npembed.verify.conformance.plugin\n" in text
    assert "npembed.verify.conformance =\n    vectors/*.json\n" in text


def test_export_copies_what_is_shipped(tmp_path, capsys):
    assert main(["vectors", "export", str(tmp_path / "made")]) == 0
    assert f"wrote {len(cases())} cases" in capsys.readouterr().out
    assert sorted(p.name for p in (tmp_path / "made").iterdir()) == sorted(p.name for p in VECTORS.iterdir())
    for path in (tmp_path / "made").iterdir():
        assert path.read_bytes() == (VECTORS / path.name).read_bytes()
    assert export(tmp_path / "made")[-1] == "schema.json"
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["vectors", "export", str(tmp_path / "file")]) == 2


@pytest.mark.long
def test_check_layer_says_what_it_found(capsys, monkeypatch):
    assert main(["check", "layer", "npembed"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"npembed {npembed.__version__}: {len(cases())} cases, vectors version 3\n")
    assert "acceptable by convention: accumulation=table (2), clamp_edge=pass (2)" in out
    monkeypatch.chdir(ORACLES)
    assert main(["check", "layer", "wrong_layers:Overwrites", "--topic", "lookup"]) == 1
    out = capsys.readouterr().out
    assert "failed:\n  backward/repeated-ids-float32: gradient[1, 0] = " in out
    assert "smallest failing case of known cause: backward/repeated-ids-float32\n" in out
    assert re.search(r"\n  and \d+ more\n", out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["tensorflow"],
            "adapter: name = 'tensorflow' is unknown; allowed: npembed, torch, pykeen, jax, flax, keras, or module:Class",
        ),
        (["no_such_module:Layer"], "module 'no_such_module' is not installed"),
        (["plain_layer:Fancy"], "module plain_layer has no 'Fancy'"),
        (["plain_layer:np"], "has no method lookup"),
        (["npembed", "--topic", "gather"], "cases: topic = 'gather' is unknown; allowed: None, lookup"),
    ],
)
def test_check_layer_refuses_what_it_does_not_know(arguments, said, capsys):
    assert main(["check", "layer", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        (
            {"capabilities": {"padding"}},
            "capabilities: 'padding' is unknown (did you mean 'padding_idx'?); allowed: bfloat16, complex",
        ),
        (
            {"capabilities": ["normalizer=sofmax"]},
            "capabilities: 'normalizer=sofmax' is unknown (did you mean 'normalizer=softmax'?)",
        ),
        ({"capabilities": {"optimizer=sgd:momentun"}}, "(did you mean 'optimizer=sgd:momentum'?)"),
        ({"lacks": {"flaot64"}}, "lacks: 'flaot64' is unknown (did you mean 'float64'?); allowed: bfloat16, complex"),
        ({"lacks": [{}]}, "lacks: {} is unknown; allowed: bfloat16"),
        (
            {"conventions": {"clamp": "pass"}},
            "conventions['clamp'] is unknown (did you mean 'clamp_edge'?); allowed: accumulation",
        ),
        (
            {"conventions": {"clamp_edge": "open"}},
            "conventions['clamp_edge'] = 'open' is not a choice; allowed: pass, stop, half",
        ),
        (
            {"known_failures": {"lookup/one-id": "?"}},
            "known_failures: 'lookup/one-id' is no case (did you mean 'lookup/one-id-float",
        ),
        ({"not_run": {"nothing": "?"}}, "not_run: 'nothing' is no case; allowed: ids of cases"),
    ],
)
def test_a_declaration_that_says_nothing_is_refused(attributes, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        check(type("Declares", (Plain,), attributes))


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"capabilities": "padding_idx"}, "check: capabilities = 'padding_idx' is a str; allowed: a set of names"),
        ({"lacks": 1}, "check: lacks = 1 is a int; allowed: a set of names"),
        ({"conventions": {"clamp_edge"}}, "check: conventions = {'clamp_edge'} is a set; allowed: a dict"),
        ({"known_failures": ["lookup/one-id-float32"]}, "is a list; allowed: a dict"),
        ({"lookup": None}, "has no method lookup; allowed: a class"),
    ],
)
def test_a_declaration_of_another_type_is_refused(attributes, said):
    with pytest.raises(TypeError, match=re.escape(said)):
        check(type("Declares", (Plain,), attributes))


@pytest.mark.parametrize("peer", ["torch", "pykeen", "jax", "flax", "keras"])
def test_what_is_not_installed_is_said(peer, monkeypatch):
    monkeypatch.setitem(sys.modules, peer, None)
    with pytest.raises(ValueError, match=f"adapter: {peer}: module '{peer}' is not installed; allowed: one that is"):
        adapter(peer)
    assert set(ADAPTERS) == {"npembed", "torch", "pykeen", "jax", "flax", "keras"}
    assert isinstance(cases()[0], Case)
