"""What `npembed show norm --sweep` prints: a table, and three sentences computed from the runs. They are the figure's caption too."""

import numpy as np

from ..check import names
from .norm_words import between

LOW, MEDIAN, HIGH = 0, 1, 2


def lines(result):
    """The report, line by line.

    Parameters
    ----------
    result : dict, as `npembed.show.sweep` returns it
    """
    s = result["settings"]
    seeds = f"seed = {s['seeds'][0]}" if len(s["seeds"]) == 1 else f"{len(s['seeds'])} seeds"
    yield f"TransE on {s['dataset']}, the unit norm on entities in two places; d = {s['dim']}, p = 1, {s['epochs']} epochs, {seeds}"
    yield ""
    yield "            filtered test MRR: median, least-largest    normalizer, at the end"
    yield "      lr    normalizer             constrainer          row lengths     rate felt: lr / |x|^2"
    for inside, outside in zip(*result["curves"].values(), strict=True):
        mrr = "    ".join(f"{m:.3f}  {low:.3f}-{high:.3f}" for low, m, high in (inside["mrr"], outside["mrr"]))
        lengths, rates = (between(inside[name][LOW], inside[name][HIGH]) for name in ("lengths", "rates"))
        yield f"{inside['lr']:8g}    {mrr}   {lengths:15} {rates}"
    yield ""
    yield from result["sentences"]


def sentences(result):
    """Three sentences: where the curves cross, which rates the rows felt there, and what is left once those are compared.

    Parameters
    ----------
    result : dict with ``settings``, ``curves`` and ``crossings``
    """
    inside, outside = (result["curves"][way] for way in ("normalizer", "constrainer"))
    return [
        _crossing(inside, outside, result["crossings"], len(result["settings"]["seeds"])),
        _felt(inside, result["crossings"]),
        _moved(inside, outside),
    ]


def _crossing(inside, outside, crossings, seeds):
    """Where the medians cross, who is above on which side, and at how many rates the seeds agree on it."""
    above = [a["mrr"][MEDIAN] - b["mrr"][MEDIAN] for a, b in zip(inside, outside, strict=True)]
    sides = [d for d in above if d]
    low, high = ("normalizer" if d > 0 else "constrainer" for d in (sides[0], sides[-1])) if sides else ("neither", "neither")
    if crossings:
        times = "" if len(crossings) == 1 else f" {len(crossings)} times,"
        at = ", ".join(f"{lr:.2g}" for lr in crossings)
        said = f"The curves cross{times} at lr = {at}: "
        if low != high:
            said += f"at smaller rates the {low} ranks better, at larger ones the {high}"
        else:
            said += f"at the smallest and at the largest rates the {low} ranks better"
    else:
        said = f"The curves do not cross between lr = {inside[0]['lr']:g} and {inside[-1]['lr']:g}: "
        equal = len(above) - len(sides)
        said += f"the {low} ranks better at {len(sides)} of {len(above)} rates" if equal else f"the {low} ranks better throughout"
        said = said if sides else said.replace("the neither ranks better at 0 of", "they are equal at").replace(f"{equal} of", "all")
    apart = sum(not _overlap(a["mrr"], b["mrr"]) for a, b in zip(inside, outside, strict=True))
    return f"{said} (medians of {seeds} seeds; their ranges are apart at {apart} of {len(inside)} rates)."
