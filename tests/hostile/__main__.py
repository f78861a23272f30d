"""``python -m hostile`` makes all calls, each in a child that is forked from a process which has npembed imported and its serial kernels
compiled, but no threads started: so a call costs some milliseconds.

It prints one line of JSON: what came of each call, by name. For calls with variables of their own there is a process with these, from
which they are forked, ``python -m hostile NAME ...``; one that wants to be alone gets an interpreter, ``python -m hostile --here NAME``.
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
from npembed.embedding.rows import gather, segment_add_

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


def interpreter(*arguments, env=(), patience=PATIENCE):
    """Another ``python -m hostile``: its exit status (None if it hangs), and its last lines on stdout and stderr."""
    command = [sys.executable, "-W", "error", "-m", "hostile", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=patience, env={**os.environ, **dict(env)}, check=False)
    except subprocess.TimeoutExpired:
        return None, b"", ""
    return done.returncode, (done.stdout.strip().splitlines() or [b""])[-1], done.stderr.decode(errors="replace")[-1000:]


def alone(call):
    """Make the call in an interpreter of its own."""
    code, told, error = interpreter("--here", call.name, env=call.env)
    return {"end": "hung"} if code is None else {**end(code, told), "error": error}


def apart(env, names):
    """Make the calls in children of a process that has these variables."""
    code, told, error = interpreter(*names, env=env, patience=PATIENCE * len(names))
    return json.loads(told) if code == 0 else {name: {"end": f"exit {code}", "error": error} for name in names}


def end(code, told):
    """What came of a call whose process ended with `code` and told this."""
    if code == -signal.SIGALRM:
        return {"end": "hung"}
    if code < 0:
        return {"end": f"signal {signal.Signals(-code).name}"}
    return {"end": f"exit {code}"} if code or not told else json.loads(told)


def prepare():
    """Compile the serial kernels, for every dtype of a table, so that no child has to."""
    for dtype in npembed.check.TABLE_DTYPES:
        table = np.zeros((2, 2), dtype)
        gather(table, [0, 1])
        segment_add_(table, [0, 1], np.ones((2, 2), dtype))


def main(arguments):
    """Make the calls that are asked for, or all."""
    calls = {call.name: call for call in catalogue.every()}
    if arguments[:1] == ["--here"]:
        print(json.dumps(attempt(calls[arguments[1]], World(), World())))
        return
    jit = os.environ.get("NUMBA_DISABLE_JIT") != "1"
    asked = [calls[name] for name in arguments] or [call for call in calls.values() if call.plain or jit]
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)  # by a thread of NumPy's BLAS
    prepare()
    world, other = World(), World()
    told, others = {}, {}
    for call in asked:
        if call.alone or not hasattr(os, "fork"):
            told[call.name] = alone(call)
        elif call.env and not arguments:
            others.setdefault(call.env, []).append(call.name)
        else:
            told[call.name] = forked(call, world, other)
    for env, names in others.items():
        told |= apart(env, names)
    print(json.dumps(told))


main(sys.argv[1:])
