"""Ctrl-C, and other signals, in the middle of a training run, in a process of its own."""

import os
import signal
import subprocess
import sys
import time

import pytest
from places import PYTHONPATH, ROOT

DRIVER = """
import importlib, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_IGN if os.environ.get("NOHUP") else signal.SIG_DFL)  # whatever the tests were begun under
module = importlib.import_module(sys.argv[1])
fit = module.fit

def told(*args, **about):
    for epoch in fit(*args, **about):
        print("epoch", epoch.number, flush=True)
        yield epoch

module.fit = told
from npembed.cli import main
sys.exit(main(sys.argv[2:]))
"""

possible = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")


def interrupted(module, *arguments, signals=((3, signal.SIGINT),), **environment):
    """``npembed ARGUMENTS``, whose training is `fit` as `module` knows it, with signals after some epochs: status, output, errors."""
    command = [sys.executable, "-c", DRIVER, module, *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        for epoch, number in signals:
            while process.stdout.readline().strip() != f"epoch {epoch}":
                assert process.poll() is None
            process.send_signal(number)
        out, err = process.communicate()
    return process.returncode, out, err


def amid(name, *arguments):
    """A process that does the work of that name in `long_work`: interrupted each time that it says "go", what it then says, in words.

    Of what is told how long it takes, the first time at a quarter of that, and then a little later each time.
    """
    env = {**os.environ, "PYTHONPATH": PYTHONPATH, "NUMBA_DISABLE_JIT": "0"}  # of kernels
    command = [sys.executable, "-m", "long_work", name, *map(str, arguments)]
    said = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        while line := process.stdout.readline().split():
            assert line[0] == "go"
            time.sleep(float(line[1]) * (0.25 + 0.1 * len(said)) if len(line) > 1 else 1.0)
            sent = time.monotonic()
            process.send_signal(signal.SIGINT)
            said.append((sent, process.stdout.readline().split()))
        assert process.wait() == 0, process.stderr.read()
    return said
