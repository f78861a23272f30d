"""What `npembed show norm --sweep` prints: a table, and three sentences computed from the runs. They are the figure's caption too."""

import numpy as np

from ..check import names
from .norm_text import between

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
    better = ["normalizer" if d > 0 else "constrainer" for d in above if d]
    if crossings:
        times = "" if len(crossings) == 1 else f" {len(crossings)} times,"
        said = f"The curves cross{times} at lr = {names(f'{lr:.2g}' for lr in crossings).replace(' or ', ' and ')}: "
        if len(crossings) == 1:
            said += f"below, the {better[0]} ranks better, above, the {better[-1]}"
        else:
            said += f"at the smallest rate the {better[0]} ranks better, at the largest the {better[-1]}"
    else:
        said = f"The curves do not cross between lr = {inside[0]['lr']:g} and {inside[-1]['lr']:g}: "
        said += (
            f"the {better[0]} ranks better at {len(better)} of {len(above)} rates" if better else "they are equal at each rate"
        )
    if seeds == 1:
        return f"{said} (one seed)."
    apart = sum(not _overlap(a["mrr"], b["mrr"]) for a, b in zip(inside, outside, strict=True))
    return f"{said} (medians of {seeds} seeds; bands apart at {apart} of {len(inside)} rates)."


def _felt(inside, crossings):
    """The rates that normalized rows felt, at the learning rate nearest to the first crossing (or, without one, at the largest)."""
    point = min(inside, key=lambda p: abs(np.log(p["lr"] / crossings[0]))) if crossings else inside[-1]
    first, last = (between(point[name][LOW], point[name][HIGH]) for name in ("first_rates", "rates"))
    lengths = between(point["lengths"][LOW], point["lengths"][HIGH])
    slower = {p["rates"][MEDIAN] < p["lr"] for p in inside}
    shift = f", here {'less' if slower == {True} else 'more'} than lr" if len(slower) == 1 else ""
    return (
        f"A constrained row feels lr itself, a normalized row of length |x| feels lr / |x|^2{shift}; "
        f"at lr = {point['lr']:g} that was {first} before training and {last} after it, when the rows were {lengths} long."
    )


def _moved(inside, outside):
    """What is left between the curves once each point of the normalizer's is put at the rate that its rows felt at the end."""
    parts: list = []  # of neighbouring points on one side of the constrainer's band: side, first and last lr
    left = 0.0
    for point in inside:
        rate = point["rates"][MEDIAN]
        if not outside[0]["lr"] <= rate <= outside[-1]["lr"]:
            continue
        band = at_rate(outside, rate)
        over = point["mrr"][MEDIAN] - band[MEDIAN]
        side = "inside" if _overlap(point["mrr"], band) else "above" if over > 0 else "below"
        left = max(left, 0 if side == "inside" else abs(over))
        parts.append((side, parts.pop()[1] if parts and parts[-1][0] == side else point["lr"], point["lr"]))
    times = [point["lr"] / point["rates"][MEDIAN] for point in inside]
    least, most = (f"lr / {n:.2g}" for n in (min(times), max(times)))
    said = f"Put at the rate felt at the end (dotted), {least}{'' if least == most else f' to {most}'}, the normalizer's curve "
    if not parts:
        return said + "is outside the rates of the constrainer's."
    said += "is " + ", ".join(f"{side} the constrainer's band at lr = {between(first, last)}" for side, first, last in parts)
    said = said.replace(" the constrainer's band", " it").replace(" it", " the constrainer's band", 1)
    if not left:
        return said + ": a shift."
    end = inside[-1]
    rates = [f"{end[name][MEDIAN]:.2g}" for name in ("first_rates", "rates")]
    fell = f" (at lr = {end['lr']:g} it went from {rates[0]} to {rates[1]} in training)" if rates[0] != rates[1] else ""
    return f"{said} (by {left:.2g} at most): that rate{fell} is not all of the difference; relations, for one, felt lr itself."


def at_rate(curve, rate):
    """Least, median, largest MRR of a curve at a learning rate between its own, from straight lines over log lr.

    Parameters
    ----------
    curve : list of points with ``lr`` and ``mrr``
    rate : float > 0

    Examples
    --------
    >>> curve = [{"lr": 0.1, "mrr": [0.0, 0.25, 0.5]}, {"lr": 10.0, "mrr": [0.5, 0.75, 1.0]}]
    >>> [round(value, 6) for value in at_rate(curve, 1.0)]
    [0.25, 0.5, 0.75]
    """
    x = np.log([point["lr"] for point in curve])
    return [float(np.interp(np.log(rate), x, values)) for values in zip(*(point["mrr"] for point in curve), strict=True)]


def _overlap(first, second):
    """Whether two bands (least, median, largest) share a number."""
    return first[LOW] <= second[HIGH] and second[LOW] <= first[HIGH]
