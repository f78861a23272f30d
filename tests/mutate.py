"""The mutation gate: whether the tests notice when a gradient, a kernel or an optimizer is broken in a small way.

``python tests/mutate.py [NAME ...] [--changed] [--record]`` breaks every function of `mutation_targets` in every way that `mutants`
knows, runs the killers of the function on each, and prints how many died, by kind, and what survived, with its place in the file.
It ends with 1 if a canary survives, if a mutant of a `STRICT` kind does, or if fewer than `SHARE` of all die; mutants that compute the
same (`mutation_equivalents`) do not count.

NAME is the end of a function's name, ``norm_vjp`` or ``row_maps.norms.norm_vjp``. ``--changed`` takes the functions of which the source
or what its killers are made of is not as recorded; ``--record`` writes the record anew when all is well.
"""

import argparse
import collections
import functools
import inspect
import json
import pathlib
import sys
import time
import warnings
from typing import NamedTuple

from places import FOLDERS

sys.path.extend(map(str, FOLDERS))  # where the tests are that must notice

import mutants
import mutation_sources as sources
import mutation_targets as targets
import numpy as np
from mutation_equivalents import EQUIVALENT

from npembed.op import Op
from npembed.verify.gradcheck import check_vjp

STRICT = ("sign", "drop", "factor", "index", "branch")
SHARE = 0.99
RECORD = pathlib.Path(__file__).with_name("mutation_record.json")


class Outcome(NamedTuple):
    """What became of the mutants of one function: how many of each ``(kind, "killed" or "equivalent" or "survived")``."""

    counts: collections.Counter
    survivors: list
    """(kind, file:line, name) of each."""
    wrong: list
    """Entries of `EQUIVALENT` that mean nothing, or mutants of several places."""


def canary(x):
    """The square, for the machinery's own test."""
    return x * x


def canary_vjp(g, x):
    """Right as it stands."""
    return 2 * x * g


def check_canary():
    """Of the canary's gradient, by differences."""
    check_vjp(Op(canary, canary_vjp), np.array([0.7, -1.3]))


def judge(function, killers, equivalents=()):
    """Run every mutant of a function: an `Outcome`. The killers pass on the function as it stands, or that is the error raised."""
    function = inspect.unwrap(function)  # behind `check.public`
    times = []
    for killer in killers:
        begun = time.process_time()
        killer()
        times.append(time.process_time() - begun)
    killers = [killers[i] for i in np.argsort(times, kind="stable")]
    seconds = mutants.SECONDS + 3 * sum(times)
    file = pathlib.Path(function.__code__.co_filename)
    counts: collections.Counter = collections.Counter()
    survivors, places = [], {entry: set() for entry in equivalents}
    for mutant in mutants.mutants(function):
        entry = next((e for e in equivalents if meant(e, mutant.name)), None)
        if entry is not None:  # not run: it might be right and take for ever
            places[entry].add(mutant.place)
            counts[mutant.kind, "equivalent"] += 1
        elif mutants.killed_by(function, mutant.code(), killers, seconds):
            counts[mutant.kind, "killed"] += 1
        else:
            counts[mutant.kind, "survived"] += 1
            survivors.append((mutant.kind, f"{file.parent.name}/{file.name}:{mutant.line}", mutant.name))
    wrong = [f"{e[0]!r} ... {e[1]!r} means mutants in {len(found)} places" for e, found in places.items() if len(found) != 1]
    return Outcome(counts, survivors, wrong)


def meant(entry, name):
    """Whether an entry of `EQUIVALENT` means the mutant of this name."""
    start, parts, _ = entry
    return name.startswith(start) and any(part in name for part in ((parts,) if isinstance(parts, str) else parts))


def changed(names=None):
    """The targets of which source or killers are not as recorded."""
    recorded = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    return [name for name in names or targets.TARGETS if recorded.get(name) != sources.digest(name)]


def record():
    """Write down what all targets look like now."""
    found = {name: sources.digest(name) for name in sorted(targets.TARGETS)}
    RECORD.write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8")


def run(names, say=lambda text: None):
    """The outcomes of some targets, by name."""
    found = {}
    with targets.kernels_in_python(), warnings.catch_warnings():
        warnings.simplefilter("error")  # as pytest has it: what warns is noticed
        for name in names:
            begun = time.process_time()
            function, killers = targets.TARGETS[name]
            found[name] = judge(function, killers, EQUIVALENT.get(name, ()))
            counts = found[name].counts
            said = ", ".join(f"{sum(n for (_, v), n in counts.items() if v == verdict)} {verdict}" for verdict in VERDICTS)
            say(f"{name}: {said} ({time.process_time() - begun:.1f} s)")
    return found


VERDICTS = ("killed", "equivalent", "survived")


def table(counts):
    """The counts by kind, in lines."""
    yield f"{'':12}{'mutants':>9}" + "".join(f"{verdict:>12}" for verdict in VERDICTS)
    for kind in (*mutants.KINDS, "all"):
        row = [sum(n for (k, v), n in counts.items() if v == verdict and kind in (k, "all")) for verdict in VERDICTS]
        yield f"{kind:12}{sum(row):9,}" + "".join(f"{n:12,}" for n in row)


def report(found):
    """Lines that say what was found, and whether it is good enough."""
    counts = functools.reduce(lambda a, b: a + b, (outcome.counts for outcome in found.values()), collections.Counter())
    lines = []
    for name, outcome in found.items():
        lines += [f"{where}: {name}: {kind}: {label}" for kind, where, label in outcome.survivors]
        lines += [f"mutation_equivalents.py: {name}: {text}" for text in outcome.wrong]
    lines += table(counts)
    killed, survived = (sum(n for (_, v), n in counts.items() if v == verdict) for verdict in ("killed", "survived"))
    share = killed / (killed + survived) if killed + survived else 1.0
    strict = sum(n for (kind, v), n in counts.items() if v == "survived" and kind in STRICT)
    lines.append(f"{len(found)} functions: of what is not equivalent {100 * share:.2f} % died")
    good = share >= SHARE and not strict and not any(outcome.wrong for outcome in found.values())
    return lines, good


def canaries():
    """What is wrong with the machinery: a mutant of the canary that lives, or a change that is none and dies."""
    outcome = judge(canary_vjp, [check_canary])
    wrong = [f"the canary lives: {name}" for _, _, name in outcome.survivors]
    if sum(outcome.counts.values()) < 10:
        wrong.append("the canary has too few mutants")
    if mutants.killed_by(canary_vjp, canary_vjp.__code__, [check_canary]) is not None:
        wrong.append("a change that is none dies")
    return wrong


def chosen(words):
    """The targets that the words of a command line mean."""
    names = []
    for word in words:
        found = [name for name in targets.TARGETS if f".{name}".endswith(f".{word}")]
        if not found:
            raise SystemExit(f"mutate.py: NAME {word!r} is no target; allowed: the end of a name in tests/mutation_targets.py")
        names += found
    return list(dict.fromkeys(names))


def main(arguments=None):
    """Run the gate; 0 if all is well."""
    parser = argparse.ArgumentParser(prog="mutate.py", description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="the end of a function's name; by default all")
    parser.add_argument("--changed", action="store_true", help="only what is not as recorded")
    parser.add_argument("--record", action="store_true", help="write the record anew if all is well; not with NAMEs")
    given = parser.parse_args(arguments)
    if given.record and given.names:
        raise SystemExit("mutate.py: --record with NAMEs would record what was not run; allowed: alone or with --changed")
    names = chosen(given.names) or list(targets.TARGETS)
    names = changed(names) if given.changed else names
    missing = [] if given.names else targets.missing()
    begun = time.monotonic()
    wrong = canaries()
    wrong += [f"{name} has no killers; allowed: in TARGETS, or in EXEMPT with a reason" for name in missing]
    lines, good = report(run(names, say=lambda text: print(text, file=sys.stderr, flush=True)))
    print(*wrong, *lines, f"{time.monotonic() - begun:.0f} s", sep="\n")
    if wrong or not good:
        return 1
    if given.record:
        record()
    return 0


if __name__ == "__main__":
    sys.exit(main())
