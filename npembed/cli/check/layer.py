"""``npembed check layer``: the conformance cases on a layer."""

import os
import sys

from ..report import refusing


def add_to(topics):
    """Add the topic to the parser."""
    topic = topics.add_parser(
        "layer",
        help="run the conformance cases on an embedding layer",
        description="Run named cases with exact answers on an embedding layer: lookup, gradients, options, maps of rows, bags, optimizers, "
        "bad input. Prints what passed, what is acceptable by which convention, what failed and why, and the smallest case that did.",
    )
    topic.add_argument(
        "layer",
        metavar="LAYER",
        help="npembed, torch, pykeen, jax, flax, keras, or module:Class, an adapter (see npembed.conformance)",
    )
    topic.add_argument(
        "--topic", metavar="TOPIC", help="only these cases: lookup, maps, bags, steps, second, pairs, large or refused"
    )
    topic.add_argument("--all", action="store_true", help="print all failures (default: the first ten)")
    topic.set_defaults(run=_run)


def _run(options):
    from ...conformance import adapter, cases, check
    from ...conformance.checking import declared

    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # where module:Class may be, as with python -m
    with refusing():
        chosen = adapter(options.layer)
        declared(chosen)
        cases(options.topic)
    report = check(chosen, options.topic)
    print("\n".join(report.lines(most=len(report.results) if options.all else 10)))
    return 0 if report.ok else 1
