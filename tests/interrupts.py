"""Ctrl-C in the middle of a training run, in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = """
import importlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
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


def interrupted(module, *arguments):
    """``npembed ARGUMENTS``, whose training is `fit` as `module` knows it, interrupted after epoch 3: status, output, errors."""
    command = [sys.executable, "-c", DRIVER, module, *arguments]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        while process.stdout.readline().strip() != "epoch 3":
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    return process.returncode, out, err
