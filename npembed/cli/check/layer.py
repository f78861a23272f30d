"""``npembed check layer``: the conformance cases on a layer."""

import argparse
import os
import sys

from ... import conformance
from ..report import refusing


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
    from ...conformance.declaring import declared

    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # where module:Class may be, as with python -m
    with refusing():
        chosen = conformance.adapter(options.layer)
        declared(chosen)
        conformance.cases(options.topic)
    report = conformance.check(chosen, options.topic)
    print("\n".join(report.lines(most=len(report.results) if options.all else 10)))
    return 0 if report.ok else 1
