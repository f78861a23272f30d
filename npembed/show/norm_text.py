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
    yield "way          epoch    loss   row norms          squared gradient along / across row   turn per step   pulled back"
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
    return [_normalizer(inside), _constrainer(outside), _both(inside[-1], lr, apart)]


def _normalizer(records):
    share = max(r["radial_share"] for r in records[1:])
    steps, shortened = (sum(r[key] for r in records[1:]) for key in ("steps", "shortened"))
    shorter = f"{shortened} of {steps} steps shortened a row"
    if shortened:
        shorter += f" (by {max(r['largest_shortening'] for r in records[1:]):.0e} at most, a rounding)"
    return (
        f"Normalizer: no gradient along the row (share {share:.0e} at most), so {shorter}; "
        f"lengths went from {_span(records[0])} to {_span(records[-1])}, the turn per step from {_turns(records)}."
    )


def _constrainer(records):
    first, last = records[1], records[-1]
    pulled = sum(r["pulled_back"] for r in records[1:]) / len(records[1:])
    return (
        f"Constrainer: {first['radial_share']:.1%} of the squared gradient lay along the row in epoch 1, {last['radial_share']:.1%} in "
        f"the last; steps with it turned rows by {_angle(last['angle'])} degrees, without it they would have by "
        f"{_angle(last['angle_without_radial'])}; pulled back by {pulled:.2g} on average, rows ended at {_span(last)}."
    )


def _both(inside, lr, apart):
    low, high = (lr / inside[key] ** 2 for key in ("norm_max", "norm_min"))
    effective = between(low, high)
    return (
        f"From one seed the tables ended {_angle(apart)} degrees apart per row: a normalized row of length |x| turns as if its "
        f"learning rate were lr / |x|^2, here {effective} at the end, a constrained one as if it were lr = {lr:g}."
    )


def _span(record):
    """The lengths of the rows, shortest to longest."""
    return between(record["norm_min"], record["norm_max"])


def between(low, high):
    """``low-high`` in as many digits as tell them apart, five at most."""
    for digits in (3, 4, 5):
        words = f"{low:.{digits}g}", f"{high:.{digits}g}"
        if words[0] != words[1]:
            return "-".join(words)
    return words[0]


def _turns(records):
    """How the angle per step went, in degrees."""
    first, last = records[1]["angle"], records[-1]["angle"]
    return f"{_angle(first)} degrees in epoch 1 to {_angle(last)} in epoch {len(records) - 1}"


def _angle(degrees):
    """An angle in three digits; below a billionth of a degree it is the rounding of the angle itself."""
    return f"{degrees:.3g}" if degrees > 1e-9 else "0"
