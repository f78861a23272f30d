"""``npembed check layer``: the conformance cases on a layer."""

import argparse
import os
import sys

from ...check import escaped
from ...verify import conformance
from ..report import BadInputError, refusing


def add_to(topics):
    """Add the topic to the parser."""
    topic = topics.add_parser(
        "layer",
        help="run the conformance cases on an embedding layer",
        description="Run named cases with exact answers on an embedding layer: lookup, gradients, options, maps of rows, bags,\n"
        "optimizers, bad input. Prints what passed, what is acceptable by which convention, what failed and why, and the\n"
        "smallest case that did. Exit status: 0 no case failed, 1 one did, or none ran, 2 bad input.",
        epilog=(conformance.__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    topic.add_argument(
        "layer",
        metavar="LAYER",
        help="npembed, torch, pykeen, jax, flax, keras, or module:Class, an adapter (see below)",
    )
    topic.add_argument(
        "--topic", metavar="TOPIC", help="only these cases: lookup, maps, bags, steps, second, pairs, large or refused"
    )
    topic.add_argument("--all", action="store_true", help="print all failures (default: the first ten)")
    topic.set_defaults(run=_run)


def _run(options):
    from ...verify.conformance.declaring import declared

    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # where module:Class may be, as with python -m
    with refusing():
        try:
            chosen = conformance.adapter(options.layer)
        except (ValueError, TypeError):  # our own
            raise
        except (Exception, SystemExit) as error:  # whatever the module does when it is imported: it is the user's to mend
            found = f"layer = {options.layer!r} cannot be imported ({type(error).__name__}: {error})"
            raise BadInputError(f"check layer: {found}; allowed: module:Class") from error
        declared(chosen)
        conformance.cases(options.topic)
    report = conformance.check(chosen, options.topic)
    lines = report.lines(most=len(report.results) if options.all else 10)
    print("\n".join(map(escaped, lines)))  # in some stands what the layer has said
    return 0 if report.ok else 1
