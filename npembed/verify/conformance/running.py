"""One case, one layer: play it, and judge what comes back."""

from typing import Any, NamedTuple

import numpy as np

from .comparing import compare, dense
from .conventions import is_rule, meant

METHODS = {"lookup": (), "bag": (), "backward": ("backward",), "bag_backward": ("backward",), "steps": ("backward", "step"),
           "constrain": ("constrain",), "second": ("second",)}  # fmt: skip
"""What an adapter must have for an op, beside `lookup`."""


class Result(NamedTuple):
    """How a case went: "passed", "acceptable", "failed", "known", "cannot" or "not run"; by which conventions; and the rest in words.

    `lacks` are the methods and capabilities for want of which it cannot.
    """

    case: object
    status: str
    conventions: tuple = ()
    ulps: float = 0.0
    message: str = ""
    cause: str = ""
    lacks: tuple = ()


class _RefusedError(Exception):
    """The layer raised."""

    def __init__(self, error, layer):
        super().__init__(f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}")
        self.error, self.layer = error, layer


class _ChangedError(Exception):
    """The layer changed what it was handed."""


class _Played:
    """A layer at work on a case. After each call the arrays that it was handed are compared with what they were before."""

    def __init__(self, case, adapter):
        self.case, self.adapter, self.inputs = case, adapter, case.inputs()
        self.layer: Any = None
        self.states = _states(self.inputs)

    def rounds(self):
        """What comes back, arrays by name; and that of a new layer after another lookup, which is to make no difference."""
        op, inputs = self.case.op, self.inputs
        self.make(inputs["table"])
        if op in ("steps", "constrain"):
            yield {**(self.steps() if op == "steps" else self.constrained()), "given": inputs["table"]}
            return
        yield self.asked(inputs)
        if (
            "max_norm" not in self.case.raw["options"] and self.case.topic != "large"
        ):  # the one changes the table, the others take long
            self.make(inputs["table"])
            self.asked({**inputs, **{name: _reversed(inputs[name]) for name in ("ids", "weights") if name in inputs}})
            yield self.asked(inputs)

    def make(self, table):
        """A new layer."""
        self.layer = self.call(self.adapter, table, **self.case.options())

    def call(self, method, *args, but=(), **options):
        """Call a method by its name (or the adapter). `but`: arrays that another case looks at."""
        error, found = None, None
        try:
            found = (getattr(self.layer, method) if isinstance(method, str) else method)(*args, **options)
        except Exception as raised:  # looked at below
            error = raised
        before, self.states = self.states, _states(self.inputs)
        for name in before:
            if name not in but and before[name] != self.states[name]:
                by = method if isinstance(method, str) else "__init__"
                raise _ChangedError(f"{by} changes the caller's {name} in place") from error
        if error is not None:
            raise error
        return found

    def lookup(self, given):
        """The rows, or the bags."""
        bags = (given.get("offsets"), given.get("weights")) if "mode" in self.case.raw["options"] else ()
        return np.array(self.call("lookup", given["ids"], *bags))

    def asked(self, given):
        """A lookup, and the gradients that the case is about."""
        op, found = self.case.op, {"output": self.lookup(given)}
        if op in ("backward", "bag_backward"):
            found["gradient"] = dense(self.call("backward", given["g"]), self.inputs["table"])
            if "weights" in given:
                found["weight_gradient"] = np.array(self.layer.weight_gradient)
        if op == "second":
            second_g, second = self.call("second", given["g"], given["v"])
            found |= {"second_g": np.array(second_g), "second_table": dense(second, self.inputs["table"])}
        return {**found, "table": np.array(self.layer.table)} if hasattr(self.layer, "table") else found

    def steps(self):
        """The tables after each step, and what is looked up in the end."""
        tables = []
        for t in range(len(self.inputs["ids"])):
            given = {name: array[t] for name, array in self.inputs.items() if name != "table"}
            self.lookup(given)
            self.call("backward", given["g"])
            self.call("step", but=("table",))  # there is a case of it
            if "constrainer" in self.case.raw["options"]:
                self.call("constrain")
            tables.append(self.table())
        return {"tables": np.array(tables), **self.seen(given)}

    def constrained(self):
        """The table, and what is looked up then."""
        self.call("constrain")
        n = len(self.inputs["table"])
        return {"table": self.table(), **self.seen({"ids": np.arange(n), "offsets": np.arange(n)})}

    def table(self):
        """The table now."""
        if not hasattr(self.layer, "table"):
            raise NotImplementedError("the layer has no attribute table")
        return np.array(self.layer.table)

    def seen(self, given):
        """What the layer looks up, and what a new one with its table does."""
        new = _Played(self.case, self.adapter)
        new.make(self.table())
        return {"seen": self.lookup(given), "new": new.lookup(given)}


def _states(arrays):
    """All that can be changed of arrays."""
    return {name: (a.shape, a.strides, a.dtype, a.flags.writeable, a.tobytes()) for name, a in arrays.items()}


def _reversed(array):
    return array[::-1].copy() if array.ndim else array


def refusal(case, adapter):
    """What a layer raises at a case, or None."""
    played = _Played(case, adapter)
    try:
        next(played.rounds())
    except _ChangedError:
        return None
    except Exception as error:  # whatever a layer raises is a refusal
        return _RefusedError(error, played.layer)
    return None


def run(case, adapter, conventions):
    """Play a case and judge it, regardless of what the adapter knows to fail."""
    played, result = _Played(case, adapter), None
    rounds = played.rounds()
    while result is None or result.status != "failed":
        try:
            found = next(rounds, None)
        except _ChangedError as error:
            said = f"{case.id}: {error}. What a layer is handed stays the caller's."
            return Result(case, "failed", (), np.inf, said, str(error))
        except Exception as error:  # whatever a layer raises is a refusal
            return _refused(case, _RefusedError(error, played.layer), conventions)
        if found is None:
            return result
        again, result = result is not None, _judged(case, found, conventions)
    return _left_over(result) if again else result


def _refused(case, refused, conventions):
    if case.verdict == "invalid":
        return _unchanged(case, refused)
    if isinstance(refused.error, NotImplementedError):
        return Result(case, "cannot", message=f"{case.id}: {refused}")
    for answer in case.raw["answers"]:
        said = answer["conventions"].items()
        if not answer["expected"] and all(meant(conventions, *choice) for choice in said):
            unchanged = _unchanged(case, refused)
            return unchanged._replace(status={"passed": "acceptable"}.get(unchanged.status, "failed"), conventions=_named(said))
    return Result(case, "failed", (), np.inf, f"{case.id}: raised {refused}. {case.comment}")


def _left_over(result):
    cause = "something is left over from an earlier call"
    said = result.message.removeprefix(f"{result.case.id}: ")
    return result._replace(message=f"{result.case.id}: after another lookup {said} It looks as if {cause}.", cause=cause)


def _unchanged(case, refused):
    table = getattr(refused.layer, "table", None)
    if table is not None and not compare("table", table, {**case.raw["inputs"]["table"], "compare": "exact"}).ok:
        said = f"refused ({refused}), but after the table was changed"
        return Result(case, "failed", (), 0.0, f"{case.id}: {said}. {case.comment}")
    return Result(case, "passed")


def _named(choices):
    return tuple(f"{name}={choice}" for name, choice in choices)


def _judged(case, found, conventions):
    if case.verdict == "invalid":
        said = f"gave {found['output'].tolist()}" if "output" in found else "did it"
        return Result(case, "failed", (), 0.0, f"{case.id}: not refused, {said}. {case.comment}")
    others, worst, said = [], np.inf, ""
    for answer in case.raw["answers"]:
        if not answer["expected"]:  # to refuse it is right too
            continue
        verdict = _all_of(answer["expected"], found, case)
        chosen = _named((name, choice) for name, choice in answer["conventions"].items() if not is_rule(name, choice))
        strange = [name for name, choice in answer["conventions"].items() if not meant(conventions, name, choice)]
        if verdict.ok and not strange:
            return _stale(case, found) or Result(case, "acceptable" if chosen else "passed", chosen, verdict.ulps)
        if verdict.ok:
            others.append([(name, answer["conventions"][name]) for name in strange])
        elif not strange and verdict.ulps <= worst:
            worst, said = verdict.ulps, verdict.said
    if others:
        name, choice = min(others, key=len)[0]
        declares = f"declares {name}={conventions[name]}" if name in conventions else f"declares no {name}"
        said = f"does {name}={choice}, while it {declares}"
    cause = next((m["cause"] for m in case.raw.get("mistakes", ()) if _worst(m["expected"], found).ok), None)
    looks = f" It looks as if {cause}." if cause else ""
    return Result(case, "failed", (), worst, f"{case.id}: {said}. {case.comment}{looks}", cause or "")


def _stale(case, found):
    """The failure of a layer whose table is right, but not what it looks up in it; or None."""
    if "seen" not in found:
        return None
    seen, new = found["seen"], found["new"]
    near = 64 * np.finfo(new.dtype).eps * np.abs(new).max(initial=0.0)
    if seen.shape == new.shape and np.allclose(seen, new, rtol=0, atol=near, equal_nan=True):
        return None
    cause = "what is looked up is not the table that was changed"
    said = f"{case.id}: the table is right, but then another one is looked up. It looks as if {cause}."
    return Result(case, "failed", (), np.inf, said, cause)


def _all_of(expected, found, case):
    """The verdict on what was expected, and on the table, which a lookup leaves alone."""
    expected = dict(expected)
    if case.op in ("lookup", "backward", "bag", "bag_backward") and "table" in found and "max_norm" not in case.raw["options"]:
        expected["table"] = {**case.raw["inputs"]["table"], "compare": "exact"}
    return _worst(expected, found)


def _worst(expected, found):
    """The verdict that counts: the first that is not right, or the one that is farthest off."""
    verdicts = [compare(name, found[name], right) for name, right in expected.items() if name in found or name != "table"]
    wrong = [v for v in verdicts if not v.ok]
    return wrong[0] if wrong else max(verdicts, key=lambda v: v.ulps)
