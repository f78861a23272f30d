"""``npembed check``: is it right? Each topic is a file of its own."""

from . import bugs

TOPICS = (bugs,)


def add_to(verbs):
    """Add the verb to the parser."""
    verb = verbs.add_parser("check", help="see how right a layer, a gradient or a package is")
    topics = verb.add_subparsers(title="topics", required=True, metavar="TOPIC")
    for topic in TOPICS:
        topic.add_to(topics)
