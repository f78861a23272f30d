"""``npembed check accuracy``: every op against mpmath."""

import argparse
import json

from ..report import BadInputError, progress, refusing


def add_to(topics):
    """Add the topic to the verb."""
    topic = topics.add_parser(
        "accuracy",
        help="every op and its gradient against mpmath",
        description="Measure every op, forward and backward, in each dtype and on each class of input, against mpmath; print the errors "
        "and exit with 1 if a stated bound is broken. Needs mpmath.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    topic.add_argument("--only", metavar="OP", nargs="+", help="these ops alone, as normalize or nssa_lcwa")
    topic.add_argument("--examples", type=float, default=1.0, help="how many, as a share of the usual number")
    topic.add_argument("--seed", type=int, default=20, help="of the inputs")
    topic.add_argument("--json", action="store_true", help="print all numbers, by class and dtype, as JSON")
    topic.set_defaults(run=_run)


def _run(options):
    from ...verify.accuracy import accuracy, check_settings, lines

    settings = {"only": options.only, "examples": options.examples, "seed": options.seed}
    with refusing():
        try:
            check_settings(**settings)
        except ModuleNotFoundError as error:
            raise BadInputError(str(error)) from error
    report = accuracy(**settings, progress=progress(None, "part"))
    print(json.dumps(report, indent=1) if options.json else "\n".join(lines(report)))
    return 0 if report["ok"] else 1
