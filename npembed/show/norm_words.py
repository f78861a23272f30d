"""What `npembed show norm` prints: its checks, a table, and three sentences computed from the run."""


def lines(result):
    """The report, line by line.

    Parameters
    ----------
    result : dict, as `npembed.show.norm` returns it
    """
    s = result["settings"]
    yield f"TransE on {s['dataset']}, the unit norm on entities in two places; d = {s['dim']}, p = 1, lr = {s['lr']:g}, seed = {s['seed']}"
    yield ""
    yield "verified on float64 copies of the tables before training (value, limit):"
    for c in result["checks"]:
        value = "wrong " if c["value"] is None else f"{c['value']:.1e}"
        note = f" ({c['note']})" if c["note"] else ""
        yield f"  {'ok    ' if c['ok'] else 'FAILED'} {value}  {c['limit']:.0e}  {c['name']}{note}"
    yield ""
    yield "way          epoch    loss   row norms          gradient along / across row   turn per step   pulled back"
    for way, records in result["ways"].items():
        last = len(records) - 1
        for epoch in sorted({1, (last + 1) // 2, last}):
            r = records[epoch]
            shares = f"{r['radial_share']:10.1%} / {r['tangential_share']:.1%}"
            norms = f"{r['norm_min']:.3f} to {r['norm_max']:.3f}"
            yield f"{way:12} {epoch:5}  {r['loss']:6.4f}   {norms:16} {shares:>27}   {r['angle']:9.2f} deg   {r['pulled_back']:11.4f}"
    yield ""
    yield from result["sentences"]


def sentences(result, apart):
    """Three sentences on what happened in this run, and why.

    Parameters
    ----------
    result : dict with ``settings`` and ``ways``
    apart : float, the mean angle between the rows of the two trained tables, in degrees
    """
    inside, outside = (result["ways"][way] for way in ("normalizer", "constrainer"))
    lr = result["settings"]["lr"]
    return [_normalizer(inside, lr), _constrainer(outside, lr), _both(inside[-1], outside[-1], lr, apart)]


def _turns(records, lr):
    """How the angle per step went, in words."""
    first, last = records[1]["angle"], records[-1]["angle"]
    if len(records) == 2:
        return f"a step turned a row by {first:.2f} degrees on average"
    if f"{first:.2f}" == f"{last:.2f}":
        return f"a step turned a row by {last:.2f} degrees in the first epoch and in the last"
    return f"a step turned a row by {first:.2f} degrees in the first epoch and by {last:.2f} in the last"


def _normalizer(records, lr):
    share = max(r["radial_share"] for r in records[1:])
    before, after = records[0], records[-1]
    norms = f"from {before['norm_min']:.2f}-{before['norm_max']:.2f} to {after['norm_min']:.2f}-{after['norm_max']:.2f}"
    if after["norm_max"] <= before["norm_max"] and after["norm_min"] <= before["norm_min"]:
        grew = f"so steps of this size left the lengths as they were ({norms})"
    else:
        grew = f"so no step could shorten a row and the lengths went {norms}"
    return f"Normalizer: the gradient had no part along the row (largest share {share:.0e}), {grew}; {_turns(records, lr)}."


def _constrainer(records, lr):
    mean = sum(r["radial_share"] for r in records[1:]) / len(records[1:])
    pulled = sum(r["pulled_back"] for r in records[1:]) / len(records[1:])
    last = records[-1]
    lengths = f"every row ended at length {last['norm_min']:.4g}"
    if f"{last['norm_min']:.4g}" != f"{last['norm_max']:.4g}":
        lengths = f"rows ended at lengths {last['norm_min']:.4g} to {last['norm_max']:.4g}"
    back = f"each step left the sphere, the constrainer moved rows back by {pulled:.2g} on average, and {lengths}"
    if pulled < 1e-7:  # less than a rounding of float32
        back = f"with nothing to pull back, {lengths}"
    return (
        f"Constrainer: {mean:.0%} of the gradient lay along the row, which the constrainer undoes; {back}; {_turns(records, lr)}."
    )


def _both(inside, outside, lr, apart):
    low, high = (lr / inside[key] ** 2 for key in ("norm_max", "norm_min"))
    effective = f"{low:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g} to {high:.3g}"
    return (
        f"From one seed the two tables ended {apart:.1f} degrees apart per row: a normalized row of length |x| turns as if its learning "
        f"rate were lr / |x|^2, here {effective} at the end, a constrained one as if it were lr = {lr:g}; change lr and see."
    )
