"""`check`: every case that an adapter can do, against what it says of itself."""

import importlib.metadata

import numpy as np

from .conventions import CONVENTIONS, meant
from .declaring import declared
from .reading import cases
from .report import Report
from .running import METHODS, Result, refusal, run


def check(adapter, topic=None):
    """Run the cases on a layer.

    Parameters
    ----------
    adapter : class, as described in `npembed.verify.conformance`
    topic : None for all, or one of "lookup", "maps", "bags", "steps", "second", "pairs", "large", "refused"

    Returns
    -------
    Report, to be printed; its `ok` says whether any case ran and none failed

    Raises
    ------
    TypeError, ValueError
        For an adapter without `lookup`, or one that declares what there is not.

    Examples
    --------
    >>> class Plain:
    ...     def __init__(self, table): self.table = table.copy()
    ...     def lookup(self, ids): return self.table[ids]
    >>> print(check(Plain, "refused").failures[0].message)
    refused/negative-id: not refused, gave [[3.0, 4.0], [-7.0, 0.125], [0.25, 3.0]]. The id -1 names no row of a table of 3: not the \
last one, not none, not other memory.
    """
    chosen = cases(topic)
    about = declared(adapter)
    return Report(name_of(adapter), tuple(judge(case, adapter, about) for case in chosen), about.unused)


def name_of(adapter):
    """What an adapter is called: its `name`, its `library` and the version of that, or its class."""
    library = getattr(adapter, "library", None)
    if library is not None:
        return f"{library} {importlib.metadata.version(library)}"
    return getattr(adapter, "name", None) or getattr(adapter, "__name__", type(adapter).__name__)


def lacking(case, adapter, about):
    """What a case needs and the layer has not: methods, names like those of capabilities, conventions that the case assumes."""
    found = [method for method in METHODS[case.op] if not hasattr(adapter, method)]
    needs = [need for need in case.needs if not about.can(need)]
    rules = {name: CONVENTIONS[name][0] for name in case.raw.get("assumes", ())}
    strange = [f"{name}={rule}" for name, rule in rules.items() if not meant(about.conventions, name, rule)]
    return tuple(found + [need for need in needs if need.partition(":")[0] not in needs or ":" not in need] + strange)


def may_refuse(case):
    """Whether a layer that raises may be right."""
    return not all(answer["expected"] for answer in case.raw["answers"]) or case.verdict == "invalid"


def judge(case, adapter, about):
    """The result of one case, in the light of what the adapter says of itself."""
    id, lacks = case.id, lacking(case, adapter, about)
    if lacks and id not in about.known:
        return Result(case, "cannot", message=f"{id}: needs {', '.join(lacks)}", lacks=lacks)
    if id in about.not_run:
        return Result(case, "not run", message=f"{id}: {about.not_run[id]}")
    with np.errstate(all="ignore"):
        result = run(case, adapter, about.conventions)
        if (result.status == "passed" and case.verdict == "invalid") or any(c.endswith("=refused") for c in result.conventions):
            result = _sound_refusal(result, adapter, about)
    if id not in about.known:
        return result
    if result.status == "failed":
        return result._replace(status="known", message=f"{id}: {about.known[id]}")
    return result._replace(status="failed", message=f"{id}: is a known failure ({about.known[id]}), but does not fail")


def _sound_refusal(result, adapter, about):
    """A layer that refuses whatever it is given has refused nothing: the valid case that is nearest to this one is not to be refused."""
    needs = set(result.case.needs)
    likely = sorted(
        (case for case in cases() if case.op == result.case.op and not may_refuse(case)),
        key=lambda case: -len(needs.intersection(case.needs)),
    )
    listed = {**about.known, **about.not_run}
    valid = next((case for case in likely if case.id not in listed and not lacking(case, adapter, about)), None)
    if valid is None:
        return result._replace(status="cannot", message=f"{result.case.id}: no valid case to compare with")
    refused = refusal(valid, adapter)
    if refused is None:
        return result
    if isinstance(refused.error, NotImplementedError):
        return result._replace(status="cannot", message=f"{result.case.id}: {refused}")
    return result._replace(status="failed", message=f"{result.case.id}: refused, but so is the valid {valid.id}: {refused}")
