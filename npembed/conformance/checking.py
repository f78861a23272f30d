"""`check`: every case that an adapter can do, against what it says of itself."""

import functools
import importlib.metadata

import numpy as np

from .conventions import conventions_of
from .reading import cases
from .report import Report
from .running import METHODS, Result, run

ALWAYS = frozenset(("lookup", "float32", "float64"))
"""The capabilities of an adapter that does not say."""


def check(adapter, topic=None):
    """Run the cases on a layer.

    Parameters
    ----------
    adapter : class, as described in `npembed.conformance`
    topic : None for all, or one of "lookup", "maps", "bags", "steps", "second", "pairs", "large", "refused"

    Returns
    -------
    Report, to be printed; its `ok` says whether nothing failed

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
    return Report(name_of(adapter), tuple(judge(case, adapter, about) for case in chosen))


def name_of(adapter):
    """What an adapter is called: its `name`, its `library` and the version of that, or its class."""
    library = getattr(adapter, "library", None)
    if library is not None:
        return f"{library} {importlib.metadata.version(library)}"
    return getattr(adapter, "name", None) or getattr(adapter, "__name__", type(adapter).__name__)


def declared(adapter):
    """What an adapter says of itself, checked: capabilities, conventions, known failures, cases not to be run."""
    if not callable(adapter) or not callable(getattr(adapter, "lookup", None)):
        raise TypeError(f"check: adapter = {adapter!r} has no method lookup; allowed: a class, see npembed.conformance")
    capabilities = frozenset(getattr(adapter, "capabilities", ALWAYS))
    for capability in sorted(capabilities):
        if not any(need == capability or need.startswith((f"{capability}=", f"{capability}:")) for need in _needs()):
            names = sorted({need.partition("=")[0] for need in _needs()})
            raise ValueError(f"check: capabilities: {capability!r} is unknown; allowed: {', '.join(names)}")
    ids = {case.id for case in cases()}
    known = dict(getattr(adapter, "known_failures", None) or {})
    not_run = dict(getattr(adapter, "not_run", None) or {})
    for id in (*known, *not_run):
        if id not in ids:
            raise ValueError(f"check: known_failures, not_run: {id!r} is no case; allowed: ids of cases, see conformance.cases()")
    return capabilities, conventions_of("check", getattr(adapter, "conventions", None)), known, not_run


@functools.lru_cache(maxsize=1)
def _needs():
    """All that a case may need."""
    return frozenset(need for case in cases() for need in case.needs)


def covers(capability, need):
    """Whether `capability` says that what a case needs is there: "normalizer" is all normalizers, "normalizer=softmax" one.

    >>> covers("normalizer", "normalizer=normalize:p"), covers("normalizer=softmax", "normalizer=normalize")
    (True, False)
    """
    return need == capability or need.startswith((f"{capability}=", f"{capability}:")) or capability.startswith(f"{need}=")


def judge(case, adapter, about):
    """The result of one case, in the light of what the adapter says of itself."""
    capabilities, conventions, known, not_run = about
    lacking = [m for m in METHODS[case.op] if not hasattr(adapter, m)]
    lacking += [need for need in case.needs if not any(covers(c, need) for c in capabilities)]
    if lacking and case.id not in known:
        return Result(case, "cannot", message=lacking[0])
    if case.id in not_run:
        return Result(case, "not run", message=f"{case.id}: {not_run[case.id]}")
    with np.errstate(all="ignore"):
        result = run(case, adapter, conventions)
    if case.id not in known:
        return result
    if result.status == "failed":
        return result._replace(status="known", message=f"{case.id}: {known[case.id]}")
    return result._replace(status="failed", message=f"{case.id}: is a known failure ({known[case.id]}), but does not fail")
