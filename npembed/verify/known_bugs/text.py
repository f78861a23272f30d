"""Outcomes in words, for people and for programs."""

import textwrap

from .run import OUTCOMES, PEERS, plain


def table(outcomes):
    """A line for each finding, under a line for each peer that counts them.

    Parameters
    ----------
    outcomes : list of Outcome

    Returns
    -------
    list of str
    """
    lines = []
    for peer in (p for p in PEERS if any(o.finding.peer == p for o in outcomes)):
        ours = [o for o in outcomes if o.finding.peer == peer]
        if all(o.outcome == "peer not installed" for o in ours):
            lines += ["", f"{peer}: not installed ({len(ours)} finding{'s' * (len(ours) > 1)})"]
            continue
        counts = [f"{sum(o.outcome == word for o in ours)} {word}" for word in OUTCOMES if any(o.outcome == word for o in ours)]
        lines += [
            "",
            f"{peer} {ours[0].version or ''}".rstrip() + f": {len(ours)} finding{'s' * (len(ours) > 1)}, {', '.join(counts)}",
        ]
        lines += [f"  {o.finding.id:4} {o.outcome:10}  {o.finding.title} ({o.finding.upstream})" for o in ours]
    return lines[1:]


def details(outcomes):
    """Everything there is to say of each finding.

    Parameters
    ----------
    outcomes : list of Outcome

    Returns
    -------
    list of str
    """
    lines = []
    for o in outcomes:
        f = o.finding
        told = {
            "code": f.code, "gives": "" if o.version is None else _said(o.found), "gave": f"{_said(f.got)} ({_range(f.seen)})",
            "right": _said(f.right), "why": textwrap.fill(f.why, 120), "report": f.upstream,
        }  # fmt: skip
        lines += ["", f"{f.id}  {f.peer} {o.version or ''}".rstrip() + f": {o.outcome}", f"  {f.title}"]
        for name, text in told.items():
            first, *others = text.split("\n")
            lines += [f"  {name:7} {first}".rstrip(), *(f"  {'':7} {line}".rstrip() for line in others)]
    return lines[1:]


def as_json(outcomes):
    """The outcomes as lists and dicts.

    Parameters
    ----------
    outcomes : list of Outcome

    Returns
    -------
    list of dict
    """
    return [
        {
            "id": o.finding.id, "peer": o.finding.peer, "title": o.finding.title, "outcome": o.outcome, "version": o.version,
            "found": None if o.version is None else plain(o.found), "seen": list(o.finding.seen), "code": o.finding.code,
            "got": plain(o.finding.got), "right": plain(o.finding.right), "why": o.finding.why, "upstream": o.finding.upstream,
            "rtol": o.finding.rtol, "foreign_memory": o.finding.foreign,
        }
        for o in outcomes
    ]  # fmt: skip


def _said(value):
    """A value in a line."""
    return f"an error ({value})" if hasattr(value, "names") else str(value)


def _range(seen):
    """Versions, from and to."""
    first, last = seen
    return f"seen in {first}" if first == last else f"seen in {first} to {last}"
