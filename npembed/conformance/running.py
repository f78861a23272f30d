"""One case, one layer: play it, and judge what comes back."""

from typing import NamedTuple

import numpy as np

from .comparing import compare, dense

METHODS = {"lookup": (), "bag": (), "backward": ("backward",), "bag_backward": ("backward",), "steps": ("backward", "step"),
           "constrain": ("constrain",), "second": ("second",)}  # fmt: skip
"""What an adapter must have for an op, beside `lookup`."""


class Result(NamedTuple):
    """How a case went: "passed", "acceptable", "failed", "known", "cannot" or "not run"; by which conventions; and the rest in words."""

    case: object
    status: str
    conventions: tuple = ()
    ulps: float = 0.0
    message: str = ""
    cause: str = ""


class _RefusedError(Exception):
    """The layer raised."""

    def __init__(self, error, layer):
        super().__init__(f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}")
        self.error, self.layer = error, layer


def play(case, adapter):
    """Make the layer, do what the case says; returns the layer and what came back, arrays by name."""
    inputs, layer = case.inputs(), None
    given = inputs["table"]
    found = {}
    try:
        layer = adapter(given, **case.options())
        if case.op == "constrain":
            layer.constrain()
        elif case.op == "steps":
            batches = {name: array for name, array in inputs.items() if name != "table"}
            found["tables"] = np.array(
                [_step(layer, {n: a[t] for n, a in batches.items()}, case) for t in range(len(inputs["ids"]))]
            )
        else:
            found["output"] = _look_up(layer, inputs, case)
        if case.op in ("backward", "bag_backward"):
            found["gradient"] = dense(layer.backward(inputs["g"]), given)
            if "weights" in inputs:
                found["weight_gradient"] = layer.weight_gradient
        if case.op == "second":
            found["second_g"], second = layer.second(inputs["g"], inputs["v"])
            found["second_table"] = dense(second, given)
        if hasattr(layer, "table"):
            found["table"] = np.array(layer.table)
    except Exception as error:  # whatever a layer raises is a refusal
        raise _RefusedError(error, layer) from error
    found["given"] = given
    return found


def _look_up(layer, inputs, case):
    if "mode" in case.raw["options"]:
        return layer.lookup(inputs["ids"], inputs.get("offsets"), inputs.get("weights"))
    return layer.lookup(inputs["ids"])


def _step(layer, batch, case):
    _look_up(layer, batch, case)
    layer.backward(batch["g"])
    layer.step()
    if "constrainer" in case.raw["options"]:
        layer.constrain()
    return np.array(layer.table)


def run(case, adapter, conventions):
    """Play a case and judge it, regardless of what the adapter knows to fail."""
    try:
        found = play(case, adapter)
    except _RefusedError as refused:
        if case.verdict == "invalid":
            return _unchanged(case, refused)
        if isinstance(refused.error, NotImplementedError):
            return Result(case, "cannot", message=str(refused))
        for answer in case.raw["answers"]:
            if not answer["expected"] and _meant(answer, conventions):
                return _unchanged(case, refused)._replace(status="acceptable", conventions=_chosen(answer))
        return Result(case, "failed", (), np.inf, f"{case.id}: raised {refused}. {case.comment}")
    if case.verdict == "invalid":
        said = f"gave {np.asarray(found['output']).tolist()}" if "output" in found else "did it"
        return Result(case, "failed", (), 0.0, f"{case.id}: not refused, {said}. {case.comment}")
    return _judged(case, found, conventions)


def _unchanged(case, refused):
    table = getattr(refused.layer, "table", None)
    if table is not None and not compare("table", table, {**case.raw["inputs"]["table"], "compare": "exact"}).ok:
        said = f"refused ({refused}), but after the table was changed"
        return Result(case, "failed", (), 0.0, f"{case.id}: {said}. {case.comment}")
    return Result(case, "passed")


def _meant(answer, conventions):
    """Whether an answer is among those that the layer declares."""
    return all(conventions.get(name, choice) == choice for name, choice in answer["conventions"].items())


def _chosen(answer):
    return tuple(f"{name}={choice}" for name, choice in answer["conventions"].items())


def _judged(case, found, conventions):
    others, worst, said = [], np.inf, ""
    for answer in case.raw["answers"]:
        if not answer["expected"]:  # to refuse it is right too
            continue
        verdict, meant, chosen = _all_of(answer["expected"], found, case), _meant(answer, conventions), _chosen(answer)
        if verdict.ok and meant:
            return Result(case, "acceptable" if case.verdict == "acceptable" else "passed", chosen, verdict.ulps)
        if verdict.ok:
            others.append(", ".join(chosen))
        elif meant and verdict.ulps <= worst:
            worst, said = verdict.ulps, verdict.said
    if others:
        declared = ", ".join(f"{name}={choice}" for name, choice in conventions.items() if any(f"{name}=" in o for o in others))
        return Result(case, "failed", (), worst, f"{case.id}: does {others[0]}, while it declares {declared}. {case.comment}")
    cause = next((m["cause"] for m in case.raw.get("mistakes", ()) if _worst(m["expected"], found).ok), None)
    looks = f" It looks as if {cause}." if cause else ""
    return Result(case, "failed", (), worst, f"{case.id}: {said}. {case.comment}{looks}", cause or "")


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
