"""The processes: each with its own number of threads, threading layer, and with the compiler on or off."""

import importlib
import itertools
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from ... import check
from ...kge.models import MODELS
from ...op import resolve
from .trainings import digests

LAYERS = {"tbb": "tbbpool", "omp": "omppool", "workqueue": "workqueue"}
"""Numba's threading layers, and the module of each."""
THREADS = (1, 2, 3, 5, 8)
SECONDS = 300
"""How long a process may take."""
WORK = "from npembed.verify.reproducibility.processes import say; say()"
"""What a process runs."""


class Setting(NamedTuple):
    """One process: threads, threading layer, whether the compiler is on, and which run of these it is."""

    threads: int
    layer: str
    jit: bool
    run: int


class Outcome(NamedTuple):
    """What a process gave: a SHA-256 of each result; or None, and in `error` what happened."""

    setting: Setting
    digests: dict | None
    error: str


@check.public
def threading_layers():
    """The threading layers that Numba finds here, without starting one.

    >>> "workqueue" in threading_layers()
    True
    """
    found = []
    for layer, module in LAYERS.items():
        try:
            importlib.import_module(f"numba.np.ufunc.{module}")
        except ImportError:
            continue
        found.append(layer)
    return tuple(found)


@check.public
def check_bits(models=None, *, threads=THREADS, runs=3, steps=4, jobs=None, progress=None):
    """Train each model in many processes, which must all give the same bits.

    There is one process for each number of threads, each threading layer that is found, the compiler (JIT) on and off, and each run.
    In all of them the kernels divide their work among all threads. What the environment says of the processor is kept, such as
    ``NPY_DISABLE_CPU_FEATURES``, ``OPENBLAS_CORETYPE`` and ``NUMBA_CPU_NAME``.

    Parameters
    ----------
    models : names in `npembed.kge.models.MODELS`; None for all
        Trainings of these alone.
    threads : integers >= 1
    runs : int >= 1, of each setting
    steps : int >= 1, batches of each training
    jobs : int >= 1, processes at a time; None for as many as there are cores
    progress : function of (iterable, text) that shows how far it is, such as tqdm; or None

    Returns
    -------
    dict, ``{"outcomes": list of Outcome, "results": int, "seconds": float, "ok": bool}``
        results: how many a process gives, see `npembed.verify.reproducibility.digests`; ok: every process gave the same SHA-256 for each.

    Raises
    ------
    ValueError, TypeError
        For a bad argument, before anything is run.

    Examples
    --------
    >>> report = check_bits(["complex"], threads=[2], runs=1, steps=1)
    >>> report["ok"], report["results"]
    (True, 10)
    """
    names = list(MODELS) if models is None else [resolve(MODELS, m, function="check_bits", argument="models") for m in models]
    threads = [check.integer("check_bits", "threads", n, minimum=1) for n in threads]
    for name, count in (("runs", runs), ("steps", steps)):
        check.integer("check_bits", name, count, minimum=1)
    jobs = os.cpu_count() or 1 if jobs is None else check.integer("check_bits", "jobs", jobs, minimum=1)
    for name, some in (("models", names), ("threads", threads)):
        if not some:
            raise ValueError(f"check_bits: {name} is empty; allowed: at least one")
    began = time.perf_counter()
    settings = [
        Setting(*one) for one in itertools.product(dict.fromkeys(threads), threading_layers(), (True, False), range(1, runs + 1))
    ]
    first = outcome(settings[0], names, steps)  # alone, so that the others find its kernels compiled
    pool = ThreadPoolExecutor(jobs)
    try:
        rest = pool.map(lambda setting: outcome(setting, names, steps), settings[1:])
        outcomes = [first, *(rest if progress is None else progress(rest, "processes"))]
    finally:
        pool.shutdown(cancel_futures=True)
    values = [one.digests for one in outcomes]
    return {
        "outcomes": outcomes,
        "results": len(first.digests or ()),
        "seconds": round(time.perf_counter() - began, 1),
        "ok": values[0] is not None and all(value == values[0] for value in values),
    }


def outcome(setting, models, steps):
    """Run one process."""
    number = str(setting.threads)
    own = {
        "NUMBA_NUM_THREADS": number,
        "NUMBA_THREADING_LAYER": setting.layer,
        "NUMBA_DISABLE_JIT": "0" if setting.jit else "1",
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), number),  # of NumPy's linear algebra
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    sleepy = {"OMP_WAIT_POLICY": "passive"}  # threads that wait leave the cores to the other processes
    asked = json.dumps({"models": models, "steps": steps})
    try:
        done = subprocess.run(
            [sys.executable, "-c", WORK],
            input=asked,
            env=sleepy | os.environ | own,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome(setting, None, f"took more than {SECONDS} s")
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return Outcome(setting, None, f"ended with status {done.returncode}: {last[0]}")
    told = json.loads(done.stdout)
    asked_for = (
        {"threads": setting.threads, "layer": setting.layer} if setting.jit else {"threads": setting.threads, "layer": None}
    )
    if told["ran"] != asked_for:
        return Outcome(setting, None, f"ran with {told['ran']}, not with {asked_for}")
    return Outcome(setting, told["digests"], "")


def say():
    """In such a process: train as standard input says, and print what came of it, and what it was run with."""
    import numba

    asked = json.load(sys.stdin)
    found = digests(asked["models"], asked["steps"])
    layer = None if numba.config.DISABLE_JIT else numba.threading_layer()  # with the compiler off there is none
    print(json.dumps({"digests": found, "ran": {"threads": numba.config.NUMBA_NUM_THREADS, "layer": layer}}))
