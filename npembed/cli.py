"""The command line: each verb is a thin door to functions that one can call.

Exit status: 0 done, 1 a check failed, 2 bad input, 130 interrupted.
"""

import argparse
import contextlib
import os
import sys

from . import __version__
from .datasets import DATASETS

DONE, CHECK_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(arguments=None):
    """Run ``npembed ARGUMENTS`` and return the exit status.

    >>> main(["show", "norm", "--epochs", "0"])
    2
    """
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as stop:  # argparse exits by itself: 0 after --help, 2 on a bad option
        return stop.code
    try:
        return options.run(options)
    except KeyboardInterrupt as stop:
        print(f"npembed: {str(stop) or 'interrupted'}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away, as in "npembed ... | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (BadInputError, OSError, FloatingPointError, MemoryError) as error:
        print(f"npembed: {str(error) or type(error).__name__}", file=sys.stderr)
        return BAD_INPUT


class BadInputError(Exception):
    """What the user asked for cannot be done; any other error is ours, and keeps its traceback."""


@contextlib.contextmanager
def refusing():
    """Around the checks of a verb's input: what they raise is the user's to mend."""
    try:
        yield
    except (ValueError, TypeError, LookupError) as error:
        raise BadInputError(str(error)) from error


def _parser():
    parser = argparse.ArgumentParser(prog="npembed", description="Embedding layers, by hand and checked.")
    parser.add_argument("--version", action="version", version=f"npembed {__version__}")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    show = verbs.add_parser("show", help="see what a part of an embedding layer does")
    topics = show.add_subparsers(title="topics", required=True, metavar="TOPIC")
    topic = topics.add_parser(
        "norm",
        help="the unit norm as normalizer and as constrainer",
        description="Train TransE twice from one seed, with the unit norm on entities inside the forward pass (normalizer) and after "
        "the update (constrainer); verify both gradients; say and draw what happened to the rows.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    topic.add_argument("--dataset", default="nations", help=f"a graph: {', '.join(DATASETS)}")
    topic.add_argument("--epochs", type=int, default=20, help="passes through the triples")
    topic.add_argument("--lr", type=float, default=0.5, help="learning rate")
    topic.add_argument("--dim", type=int, default=50, help="length of a row")
    topic.add_argument("--seed", type=int, default=0, help="of weights, batches and negatives")
    topic.add_argument("--out", metavar="DIR", default="npembed-show-norm", help="folder for norm.png and norm.json")
    topic.set_defaults(run=_show_norm)
    return parser


def _show_norm(options):
    from .show import check_settings, norm
    from .show.norm_words import lines

    settings = {name: getattr(options, name) for name in ("dataset", "epochs", "lr", "dim", "seed", "out")}
    with refusing():
        check_settings(**settings)
    result = norm(**settings, progress=_progress(options.epochs))
    print("\n".join(lines(result)))
    print("\nwrote " + " and ".join(result["files"]))
    if len(result["files"]) == 1:
        print("no picture: matplotlib is missing (pip install matplotlib)")
    return DONE if all(c["ok"] for c in result["checks"]) else CHECK_FAILED


def _progress(total):
    """tqdm, if it is installed; it stays silent where standard error is no terminal."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return None
    return lambda items, desc: tqdm(items, desc=desc, total=total, unit="epoch", disable=None, leave=False)
