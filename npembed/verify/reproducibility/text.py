"""The report of `check_bits` as a table that one reads."""

import hashlib
import json

from ... import check


def value_of(outcome):
    """One SHA-256 for all results of a process.

    >>> from npembed.verify.reproducibility.processes import Outcome
    >>> value_of(Outcome(None, {"a": "1"}, ""))[:8]
    '452647e0'
    """
    return hashlib.sha256(json.dumps(outcome.digests, sort_keys=True).encode()).hexdigest()


@check.public
def lines(report):
    """A line for each number of threads, layer, and compiler on or off; then whether there is one value, or which results differ.

    >>> from npembed.verify.reproducibility.processes import Outcome, Setting
    >>> outcomes = [Outcome(Setting(n, "omp", True, 1), {"transe slcwa sgd": "0" * 64}, "") for n in (1, 2)]
    >>> lines({"outcomes": outcomes, "results": 1, "seconds": 0.1, "ok": True})[-1]
    '2 processes of 1 results in 0.1 s: one value'
    """
    outcomes = report["outcomes"]
    found = [f"{'threads':>7}  {'layer':10}{'JIT':5}{'runs':>4}  SHA-256"]
    groups: dict = {}
    for one in outcomes:
        groups.setdefault(one.setting[:3], []).append(one.error or value_of(one))
    for (threads, layer, jit), values in groups.items():
        for value in dict.fromkeys(values):
            found.append(f"{threads:>7}  {layer:10}{'on' if jit else 'off':5}{values.count(value):>4}  {value}")
    sound = [one for one in outcomes if one.digests is not None]
    by_name: dict = {}
    for one in sound:
        for name, digest in one.digests.items():
            by_name.setdefault(name, {}).setdefault(digest, one.setting)
    different = {name: digests for name, digests in by_name.items() if len(digests) > 1}
    found += ["", *(_different(name, *digests.values()) for name, digests in different.items())]
    if len(sound) < len(outcomes):
        verdict = f"{len(outcomes) - len(sound)} gave none"
    else:
        verdict = "one value" if report["ok"] else f"{len({value_of(one) for one in sound})} values"
    return [*found, f"{len(outcomes)} processes of {report['results']} results in {report['seconds']:g} s: {verdict}"]


def _different(name, first, second, *_):
    """Two settings between which a result differs."""
    return f"{name}: {_said(first)} and {_said(second)} differ"


def _said(setting):
    return f"{setting.threads} threads ({setting.layer}, JIT {'on' if setting.jit else 'off'}, run {setting.run})"
