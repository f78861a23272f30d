"""``python -m hostile`` makes all calls, each in a child forked from this process; ``python -m hostile NAME`` makes one, in this process.

It prints one line of JSON: what came of each call, by name. The child has npembed imported and its serial kernels compiled, and costs
some milliseconds; the calls that are `alone`, about threads, forks and the like, get an interpreter of their own.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
import warnings

import numpy as np

import npembed
from npembed.rows import gather, segment_add_

from . import attempt, catalogue
from .given import World

PATIENCE = 60
"""Seconds after which a call is taken to hang."""


def forked(call, world, other):
    """Make the call in a child of this process."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        signal.alarm(PATIENCE)  # whose default is to end the process
        try:
            os.write(write, json.dumps(attempt(call, world, other)).encode())
            os._exit(0)
        except BaseException:  # of the oracle, or of our own: this process is not to go on as if it were the first
            traceback.print_exc()
            os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    return end(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told)


def alone(call):
    """Make the call in an interpreter of its own."""
    command = [sys.executable, "-W", "error", "-m", "hostile", call.name]
    env = {**os.environ, **dict(call.env)}
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, env=env, check=False)
    except subprocess.TimeoutExpired:
        return {"end": "hung"}
    told = end(done.returncode, done.stdout.strip().splitlines()[-1] if done.stdout.strip() else b"")
    return {**told, "error": done.stderr.decode(errors="replace")[-500:]}


def end(code, told):
    """What came of a call whose process ended with `code` and told this."""
    if code == -signal.SIGALRM:
        return {"end": "hung"}
    if code < 0:
        return {"end": f"signal {signal.Signals(-code).name}"}
    return json.loads(told) if told else {"end": f"exit {code}"}


def prepare():
    """Compile the serial kernels, for every dtype of a table, so that no child has to."""
    for dtype in npembed.check.TABLE_DTYPES:
        table = np.zeros((2, 2), dtype)
        gather(table, [0, 1])
        segment_add_(table, [0, 1], np.ones((2, 2), dtype))


def main():
    """Make the calls that are asked for."""
    calls = {call.name: call for call in catalogue.every()}
    if len(sys.argv) > 1:
        print(json.dumps(attempt(calls[sys.argv[1]], World(), World())))
        return
    warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's BLAS may have a thread, of which a forked child has no use
    prepare()
    world, other = World(), World()
    warnings.simplefilter("error")
    jit = os.environ.get("NUMBA_DISABLE_JIT") != "1"
    here = {name: call for name, call in calls.items() if call.plain or jit}
    print(
        json.dumps(
            {name: alone(c) if c.alone or not hasattr(os, "fork") else forked(c, world, other) for name, c in here.items()}
        )
    )


main()
