"""The command line: each verb is a thin door to functions that one can call.

Exit status: 0 done, 1 a check failed, 2 bad input, 130 interrupted by Ctrl-C; a training also 143 by SIGTERM, 129 by SIGHUP.
"""

import argparse
import os
import sys

from .. import __version__
from . import check, predict, show, train, vectors
from .report import BadInputError

DONE, CHECK_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(arguments=None):
    """Run ``npembed ARGUMENTS`` and return the exit status.

    >>> main(["show", "norm", "--epochs", "0"])
    2
    """
    try:
        options = parser().parse_args(arguments)
    except KeyboardInterrupt:
        print("npembed: interrupted", file=sys.stderr)
        return INTERRUPTED
    except SystemExit as stop:  # argparse exits by itself: 0 after --help, 2 on a bad option
        return stop.code
    try:
        return options.run(options)
    except KeyboardInterrupt as stop:
        print(f"npembed: {str(stop) or 'interrupted'}", file=sys.stderr)
        return 128 + getattr(stop, "number", INTERRUPTED - 128)
    except BrokenPipeError:  # the reader of our output went away, as in "npembed ... | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (BadInputError, OSError, FloatingPointError, MemoryError) as error:
        print(f"npembed: {str(error) or type(error).__name__}", file=sys.stderr)
        return BAD_INPUT


def parser():
    """The parser of all verbs."""
    found = argparse.ArgumentParser(prog="npembed", description="Embedding layers, by hand and checked.")
    found.add_argument("--version", action="version", version=f"npembed {__version__}")
    verbs = found.add_subparsers(title="verbs", required=True, metavar="VERB")
    for verb in (train, predict, show, check, vectors):
        verb.add_to(verbs)
    return found
