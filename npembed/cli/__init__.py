"""The command line: each verb is a thin door to functions that one can call.

Exit status: 0 done, 1 a check failed, 2 bad input, or output that a full disk has lost, 130 interrupted by Ctrl-C; a training also 143
by SIGTERM, 129 by SIGHUP. A closed pipe changes none.
"""

import argparse
import sys

from .. import __version__
from ..check import escaped
from . import check, predict, show, train, vectors
from .report import BadInputError, tell
from .streams import forgiving

DONE, CHECK_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(arguments=None):
    """Run ``npembed ARGUMENTS`` and return the exit status, whatever becomes of what is printed.

    >>> main(["show", "norm", "--epochs", "0"])
    2
    """
    with forgiving() as (out, _):
        status = _status(sys.argv[1:] if arguments is None else arguments)
        if status == DONE and isinstance(out.error, OSError) and not isinstance(out.error, BrokenPipeError):
            tell(f"standard output cannot be written ({out.error.strerror or out.error}); allowed: a place that takes it")
            return BAD_INPUT  # a reader that goes away has seen enough, but a full disk has half of it
        return status


def _status(arguments):
    """The exit status of a verb, which has run and printed by then."""
    try:
        options = parser().parse_args(predict.with_dashes(arguments))
    except KeyboardInterrupt:
        tell("interrupted")
        return INTERRUPTED
    except SystemExit as stop:  # argparse exits by itself: 0 after --help, 2 on a bad option
        sys.stdout.flush()
        return stop.code
    try:
        status = options.run(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt as stop:
        tell(str(stop) or "interrupted")
        return 128 + getattr(stop, "number", INTERRUPTED - 128)
    except SystemExit as stop:  # from code that the user has handed over
        tell(f"the code that was called ended the process with sys.exit({stop.code!r}); allowed: code that returns")
        return BAD_INPUT
    except (BadInputError, OSError, FloatingPointError, MemoryError) as error:
        tell(str(error) or type(error).__name__)
        return BAD_INPUT


class Parser(argparse.ArgumentParser):
    """A parser that shows what it cannot read on one line."""

    def error(self, message):
        """Say what is wrong, and exit with 2."""
        super().error(escaped(message))


def parser():
    """The parser of all verbs."""
    found = Parser(prog="npembed", description="Embedding layers, by hand and checked.")
    found.add_argument("--version", action="version", version=f"npembed {__version__}")
    verbs = found.add_subparsers(title="verbs", required=True, metavar="VERB")
    for verb in (train, predict, show, check, vectors):
        verb.add_to(verbs)
    return found
