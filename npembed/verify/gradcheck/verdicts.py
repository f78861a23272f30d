"""What can be said of a gradient, and how it is told."""

import math
from typing import NamedTuple

import numpy as np

from ... import check

RIGHT = "right"
WRONG = "wrong"
NOT_DIFFERENTIABLE = "not differentiable here"
BELOW_RESOLUTION = "below resolution"
INTENTIONAL = "intentionally not the gradient"
VERDICTS = (WRONG, INTENTIONAL, NOT_DIFFERENTIABLE, BELOW_RESOLUTION, RIGHT)
"""The first that an entry has is the verdict on the whole."""

SHOWN = 5  # entries of each verdict that a report lists


class Entry(NamedTuple):
    """One entry of a gradient: what was claimed, what was found, and how well that could be seen.

    Attributes
    ----------
    argument, position, part
        Which: the name of the argument, the position in it, and "real" or "imaginary" if it is complex. A `position` of None is a
        direction through several entries.
    verdict : one of `VERDICTS`
    claimed, found : float
        What the vjp returns; the slope of the forward pass (at a kink, the nearest that its two sides allow).
    resolution : float
        How far `found` may be off: an error of this size in the gradient would not be seen.
    ulp : float
        What claimed and found differ by, in units of the last place of what was found.
    slopes : (low, high) or None
        At a kink: the smallest and the largest slope that its two sides allow.
    near : float
        At a kink: it is within this distance of the argument's value.
    method : "differences" or "complex step"
        What `found` comes from.
    reason : str
        What there is to say, or "".
    """

    argument: str
    position: tuple | None
    part: str
    verdict: str
    claimed: float
    found: float
    resolution: float
    ulp: float
    slopes: tuple | None = None
    near: float = 0.0
    method: str = "differences"
    reason: str = ""

    @property
    def label(self):
        """``dx[0, 2]``, as one writes it."""
        place = " along a direction" if self.position is None else check.position(self.position)
        return f"d{self.argument}{place}{' (imaginary)' if self.part == 'imaginary' else ''}"


class Argument(NamedTuple):
    """What was found of one argument: how many entries got which verdict, and the error of all together.

    `norm_wise` is ``|claimed - found| / |found|`` over the entries that could be judged, `seen_to` the same of their resolutions:
    an error below it says nothing. `rest` is the verdict along one random direction through all entries, where only some were
    looked at one by one.
    """

    name: str
    shape: tuple
    dtype: np.dtype
    counts: dict
    rest: str | None
    norm_wise: float
    seen_to: float
    worst_ulp: float


class Judgement(NamedTuple):
    """The verdict on a gradient, and everything it rests on. ``print(judgement)`` tells it.

    Attributes
    ----------
    verdict : one of `VERDICTS`
    function : str
        The name of the vjp.
    forward : str
        The name of what it should be the gradient of.
    arguments : tuple of Argument
    entries : tuple of Entry
        Every entry looked at; the doubtful ones first.
    reason : str
        What is wrong with the gradient as a whole (its shape, say), or which intention explains it.
    """

    verdict: str
    function: str
    forward: str
    arguments: tuple = ()
    entries: tuple = ()
    reason: str = ""

    @property
    def checked(self):
        """How many entries could be held against a slope, or against those on the two sides of a kink."""
        return sum(
            e.verdict in (RIGHT, WRONG, INTENTIONAL) or (e.slopes is not None and np.isfinite(e.slopes).all())
            for e in self.entries
        )

    def __str__(self):
        """A table that a person reads."""
        return "\n".join(_lines(self))


def ulps(claimed, found):
    """How many units in the last place of `found` the two differ by.

    >>> float(ulps(1.0, 1.0 + 2**-51))
    2.0
    """
    return abs(claimed - found) / np.spacing(abs(found)) if math.isfinite(found) else math.nan


def _lines(judgement):
    yield f"{judgement.function} as the gradient of {judgement.forward}: {judgement.verdict}"
    if judgement.reason:
        yield f"  {judgement.reason}"
    if judgement.entries and not judgement.checked:
        yield "  nothing was checked: there is no slope to hold it against"
    for a in judgement.arguments:
        counts = ", ".join(f"{n} {verdict}" for verdict, n in a.counts.items() if n)
        rest = f"; along a random direction through all {math.prod(a.shape)}: {a.rest}" if a.rest else ""
        yield f"  d{a.name}: {a.dtype} {a.shape}: {counts or 'nothing to check'}{rest}"
        if math.isfinite(a.norm_wise):
            yield f"    norm-wise error {a.norm_wise:.1e}, seen to {a.seen_to:.1e}; largest error of an entry {a.worst_ulp:.2g} ulp"
    for verdict in VERDICTS[:-1]:
        found = [e for e in judgement.entries if e.verdict == verdict]
        if found:
            yield ""
            yield from _table(verdict, found)


def _table(verdict, entries):
    head = (verdict, "claimed", "found", "seen to", "error in ulp", "")
    rows = [head]
    for e in entries[:SHOWN]:
        error = f"{e.ulp:.3g}" if math.isfinite(e.ulp) else "-"
        found = f"{e.found:.9g}" if e.slopes is None or e.verdict == WRONG else "{:.6g} .. {:.6g}".format(*e.slopes)
        rows.append((e.label, f"{e.claimed:.9g}", found, f"{e.resolution:.1e}", error, e.reason))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for row in rows:
        left, right = row[0].ljust(widths[0]), (cell.rjust(width) for cell, width in zip(row[1:5], widths[1:], strict=True))
        yield f"  {'  '.join([left, *right])}  {row[5]}".rstrip()
    if len(entries) > SHOWN:
        yield f"  and {len(entries) - SHOWN} more"
