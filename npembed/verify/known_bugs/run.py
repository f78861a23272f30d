"""Ask the installed peers whether they still give what they gave."""

import contextlib
import importlib
import importlib.metadata
import json
import logging
import math
import os
import random
import re
import signal
import subprocess
import sys
import warnings
from typing import Any, NamedTuple

import numpy as np

from ... import check
from .finding import Finding, Raises, agrees, answer
from .jax import JAX
from .pykeen import PYKEEN
from .safetensors import SAFETENSORS
from .torch import TORCH


def _place(finding):
    """What findings are ordered by: T2 before T12, and T12 before T12b."""
    number, *letter = re.findall(r"\d+|[a-z]", finding.id)
    return "TPJS".index(finding.id[0]), int(number), letter


FINDINGS = tuple(sorted((*TORCH, *PYKEEN, *JAX, *SAFETENSORS), key=_place))
PEERS = tuple(dict.fromkeys(finding.peer for finding in FINDINGS))
OUTCOMES = ("reproduced", "fixed", "changed", "undefined", "peer not installed")
SECONDS = 60
"""How long a process of its own may take."""
ALONE = "from npembed.verify.known_bugs.run import say; say({!r})"
"""What such a process runs."""


class Outcome(NamedTuple):
    """What became of a finding: one of `OUTCOMES`, the version asked and what it gave (None where there is none)."""

    finding: Finding
    outcome: str
    version: str | None
    found: Any


@check.public
def check_bugs(peers=None, ids=None, *, findings=FINDINGS):
    """Run each finding against the installed peer.

    Parameters
    ----------
    peers : names of packages, out of "torch", "pykeen", "jax", "safetensors"; None for all
    ids : ids of findings, such as "T2"; None for all
    findings : sequence of Finding

    Returns
    -------
    list of Outcome
        "reproduced": the peer gives what it gave when the finding was made; "fixed": it gives what is right; "changed": neither;
        "undefined": it reads memory that is none of its own, and gives what lies there (such a finding runs in a process of its
        own); "peer not installed".

    Raises
    ------
    ValueError
        For a peer or an id that is not there.

    Examples
    --------
    >>> [one] = check_bugs(ids=["S1"])
    >>> one.finding.title
    'a transposed array is saved as if it were not'
    """
    for name in peers or ():
        check.choice("check_bugs", "peers", name, tuple(dict.fromkeys(finding.peer for finding in findings)))
    for name in ids or ():
        if name not in {finding.id for finding in findings}:
            raise ValueError(
                f"check_bugs: ids has {name!r}, which is no finding; allowed: {findings[0].id!r} and those listed with it"
            )
    asked = [f for f in findings if (not peers or f.peer in peers) and (not ids or f.id in ids)]
    with _quiet():
        return [_outcome(finding) for finding in asked]


def _outcome(finding):
    """One finding, run."""
    try:
        importlib.import_module(finding.peer)
    except ImportError:
        return Outcome(finding, "peer not installed", None, None)
    found = _alone(finding) if finding.foreign else answer(finding.reproduce)
    if agrees(found, finding.right, finding.rtol):
        outcome = "fixed"
    elif finding.foreign:
        outcome = "undefined"
    else:
        outcome = "reproduced" if agrees(found, finding.got, finding.rtol) else "changed"
    return Outcome(finding, outcome, _version(finding.peer), found)


def _version(peer):
    """The version that the imported module says it is, or else that of its package."""
    said = getattr(sys.modules[peer], "__version__", None)
    return str(said) if said else importlib.metadata.version(peer)


def _alone(finding):
    """What a finding gives in a process of its own; a crash and a lapse of time are answers too."""
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # what can be imported here can be there
    try:
        ran = subprocess.run(
            [sys.executable, "-c", ALONE.format(finding.id)],
            capture_output=True,
            text=True,
            env=path,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Raises((f"no answer within {SECONDS} s",))
    if ran.returncode < 0:
        return Raises((signal.Signals(-ran.returncode).name,))
    if ran.returncode:
        return Raises((f"exit status {ran.returncode}",))
    told = json.loads(ran.stdout.splitlines()[-1])
    return Raises(tuple(told["raises"])) if "raises" in told else told["gives"]


def say(id):
    """Print what a finding gives, as JSON: the other end of a process of its own."""
    (finding,) = (f for f in FINDINGS if f.id == id)
    with _quiet():
        found = answer(finding.reproduce)
    print(json.dumps(plain(found)))


def plain(found):
    """An answer as JSON has it, which has no NaN and no infinity: they become words.

    >>> plain([1.0]), plain(Raises(("IndexError",)))
    ({'gives': [1.0]}, {'raises': ['IndexError']})
    """
    return {"raises": list(found.names)} if isinstance(found, Raises) else {"gives": _finite(found)}


def _finite(value):
    """Lists of numbers, with words for those that are not finite."""
    if isinstance(value, (list, tuple)):
        return [_finite(x) for x in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


@contextlib.contextmanager
def _quiet():
    """Without the warnings and log lines of the peers, and with the global random numbers put back, which imports draw from as well."""
    level, torch = logging.root.manager.disable, sys.modules.get("torch")
    drawn = random.getstate(), np.random.get_state(), None if torch is None else torch.get_rng_state()  # noqa: NPY002
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        random.setstate(drawn[0])
        np.random.set_state(drawn[1])  # noqa: NPY002
        if torch is not None:
            torch.set_rng_state(drawn[2])
