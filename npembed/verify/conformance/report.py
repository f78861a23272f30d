"""What a check found, for a person to read."""

import textwrap
from collections import Counter
from dataclasses import dataclass

from .reading import TOPICS, decode, version

WIDTH, MANY = 110, 100
STATUSES = ("passed", "acceptable", "failed", "known", "cannot", "not run")
RAN = STATUSES[:4]


@dataclass(frozen=True)
class Report:
    """The results of all cases.

    Attributes
    ----------
    name : str, of the layer
    results : tuple of Result
    unused : tuple of str, arguments of the adapter that none of its capabilities brings
    """

    name: str
    results: tuple
    unused: tuple = ()

    @property
    def ok(self):
        """Whether any case ran, and none failed."""
        return self.ran and not self.failures

    @property
    def ran(self):
        """Whether any case ran."""
        return any(r.status in RAN for r in self.results)

    @property
    def failures(self):
        """The results of the cases that failed, but for known ones."""
        return tuple(r for r in self.results if r.status == "failed")

    def count(self, status, topic=None):
        """How many cases went that way."""
        return sum(r.status == status and topic in (None, r.case.topic) for r in self.results)

    def lines(self, most=10):
        """The table, the conventions, what failed (`most` of it), and the smallest case that did."""
        ran = [r for r in self.results if r.status in ("passed", "acceptable")]
        found = [f"{self.name}: {len(self.results)} cases, vectors version {version()}", ""]
        found.append("topic    cases  " + "  ".join(f"{s:>{max(6, len(s))}}" for s in STATUSES) + "  worst ulp")
        for topic in [t for t in TOPICS if any(r.case.topic == t for r in self.results)]:
            counts = "  ".join(f"{self.count(s, topic):>{max(6, len(s))}}" for s in STATUSES)
            worst = max((r.ulps for r in ran if r.case.topic == topic), default=0.0)
            total = sum(r.case.topic == topic for r in self.results)
            found.append(f"{topic:<8} {total:>5}  {counts}  {worst:>9.2f}")
        by = Counter(c for r in self.results if r.status == "acceptable" for c in r.conventions)
        if by:
            listed = "acceptable by convention: " + ", ".join(f"{name} ({n})" for name, n in sorted(by.items()))
            found += ["", *textwrap.wrap(listed, WIDTH, subsequent_indent="  ")]
        wanting = Counter(
            lack for r in self.results if r.status == "cannot" for lack in r.lacks or (r.message.partition(": ")[2],)
        )
        if wanting:
            listed = "cannot, for want of: " + ", ".join(f"{name} ({n})" for name, n in wanting.most_common())
            found += ["", *textwrap.wrap(listed, WIDTH, subsequent_indent="  ")]
        if self.unused:
            listed = f"the adapter takes {', '.join(self.unused)}, which its capabilities do not name (nor its lacks): no case gives them"
            found += ["", *textwrap.wrap(listed, WIDTH, subsequent_indent="  ")]
        for status, title in (("known", "known failures"), ("not run", "not run")):
            said = [r for r in self.results if r.status == status]
            found += ["", f"{title}:", *_by_reason(said)] if said else []
        if self.failures:
            found += ["", "failed:", *_few([r.message for r in self.failures], most)]
            causes = Counter(r.cause for r in self.failures if r.cause).most_common()
            found += ["", "it looks as if:", *(f"  {cause} ({n})" for cause, n in causes)] if causes else []
            found += ["", *_smallest(self.failures)]
        return found if self.ran else [*found, "", "failed: no case ran, so nothing was checked"]

    def __str__(self):
        return "\n".join(self.lines())


def _few(said, most):
    more = [f"  and {len(said) - most} more"] if len(said) > most else []
    return [f"  {line}" for line in said[:most]] + more


def _by_reason(results):
    """Each reason with the cases that have it: the first, and how many more."""
    reasons: dict = {}
    for r in results:
        id, _, reason = r.message.partition(": ")
        reasons.setdefault(reason, []).append(id)
    return [f"  {reason}: {ids[0]}" + (f" and {len(ids) - 1} more" if ids[1:] else "") for reason, ids in reasons.items()]


def _smallest(failures):
    """The smallest case that fails, of those whose cause is known if there are any, spelled out."""
    found = min(failures, key=lambda r: (not r.cause, r.case.size))
    case = found.case
    lines = [
        f"smallest failing case{' of known cause' if found.cause else ''}: {case.id}",
        f"  {case.op}, options {case.options()}",
    ]
    lines += [f"  {name} = {_shown(array)}" for name, array in case.inputs().items()]
    for answer in case.raw["answers"]:
        by = ", ".join(f"{name}={choice}" for name, choice in answer["conventions"].items())
        lines += [f"  right{f' ({by})' if by else ''}: {name} = {_shown(decode(a))}" for name, a in answer["expected"].items()]
    return lines if case.raw["answers"] else [*lines, "  right: to refuse it"]


def _shown(array):
    """The numbers of an array, in full if they are few."""
    return array.tolist() if array.size <= MANY else f"{array.ravel()[0].item()!r} and so on, {array.size} numbers"
