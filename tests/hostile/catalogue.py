"""All calls, and the canaries: calls that behave in a way that must be noticed."""

import ctypes
import os
import signal
import time
import warnings

import numpy as np

from . import answered, layers, machines, maps, models, refused, rows, steps

MODULES = (rows, maps, steps, layers, models, machines)


def every():
    """All calls there are, with the canaries."""
    return [call for module in MODULES for call in module.CALLS] + list(CANARIES)


def _writes_then_refuses(world):
    world.table[0, 0] += 1
    raise ValueError("canary: table is bad; allowed: none")


def _writes_elsewhere(world):
    world.table[0] = 0
    return 1


def _hangs(world):
    signal.alarm(1)
    time.sleep(60)


def _warns(world):
    warnings.warn("a canary", UserWarning, stacklevel=1)
    return 1


def _raises(error):
    raise error


CANARIES = {
    refused("canary", "canary: reads address 8", lambda w: ctypes.string_at(8), ValueError, "canary"): "signal SIG(SEGV|BUS)",
    refused("canary", "canary: aborts", lambda w: os.abort(), ValueError, "canary"): "signal SIGABRT",
    refused("canary", "canary: aborts, alone", lambda w: os.abort(), ValueError, "canary", alone=True): "signal SIGABRT",
    refused("canary", "canary: leaves", lambda w: os._exit(3), ValueError, "canary", alone=True): "exit 3",
    refused("canary", "canary: hangs", _hangs, ValueError, "canary"): "hung",
    answered("canary", "canary: a wrong number", lambda w: w.table[:2] * 1.0000001, lambda w: w.table[:2]): "the answer is wrong",
    answered("canary", "canary: a wrong dtype", lambda w: np.ones(1, np.float32), lambda w: np.ones(1)): "the answer is wrong",
    answered("canary", "canary: a wrong shape", lambda w: np.ones((1, 1)), lambda w: np.ones(1)): "the answer is wrong",
    answered("canary", "canary: writes what it may not", _writes_elsewhere, lambda w: 1, writes=("single",)): "table was changed",
    answered("canary", "canary: warns", _warns, lambda w: 1): "it was refused: UserWarning",
    refused("canary", "canary: writes, then refuses", _writes_then_refuses, ValueError, "canary: table"): "table was changed",
    refused("canary", "canary: takes it", lambda w: 7, ValueError, "canary"): "it was not refused, and gave 7",
    refused(
        "canary", "canary: another type", lambda w: _raises(KeyError("canary: it is bad; allowed: good")), ValueError, "canary"
    ): "the error is a KeyError, not a ValueError",
    refused(
        "canary", "canary: in NumPy's words", lambda w: np.zeros(3).reshape(2, 2), ValueError, "cannot reshape"
    ): "the message does not read as",
    refused(
        "canary", "canary: of another argument", lambda w: _raises(ValueError("canary: g is bad; allowed: good")), ValueError, "canary: x"
    ): "the message does not read as",
}  # fmt: skip
"""What `complaints` is to say of each (a pattern)."""
