"""``npembed check``: how right something is, one topic a file."""

from . import accuracy, bits, bugs, gradient, layer

TOPICS = (gradient, layer, accuracy, bits, bugs)


def add_to(verbs):
    """Add the verb to the parser."""
    check = verbs.add_parser("check", help="see how right something is: yours, ours, a peer's")
    topics = check.add_subparsers(title="topics", required=True, metavar="TOPIC")
    for topic in TOPICS:
        topic.add_to(topics)
