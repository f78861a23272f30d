"""``npembed check bugs``: known bugs of torch, PyKEEN, JAX and safetensors, tried on those that are installed."""

import json

from ..report import refusing


def add_to(topics):
    """Add the topic to the parser."""
    topic = topics.add_parser(
        "bugs",
        help="which known bugs the installed torch, PyKEEN, JAX and safetensors have",
        description="Try each known bug on the installed package: reproduced (it gives what it gave when the bug was found), fixed (it "
        "gives what is right), changed (neither) or undefined (it reads memory that is none of its own). With ids: the lines that show "
        "it, what they give, what is right and why. The exit status is 0 whatever is found.",
    )
    topic.add_argument("ids", metavar="ID", nargs="*", help="bugs to tell everything of, such as T2")
    topic.add_argument("--peers", metavar="PACKAGE", nargs="+", help="torch, pykeen, jax, safetensors (default: all)")
    topic.add_argument("--json", action="store_true", help="print everything as JSON")
    topic.set_defaults(run=_run)


def _run(options):
    from ...verify.known_bugs import check_bugs
    from ...verify.known_bugs.text import as_json, details, table

    with refusing():
        outcomes = check_bugs(options.peers, options.ids or None)
    if options.json:
        print(json.dumps(as_json(outcomes), indent=1, allow_nan=False))
    else:
        print("\n".join((details if options.ids else table)(outcomes)))
    return 0
