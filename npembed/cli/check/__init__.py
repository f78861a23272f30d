"""``npembed check``: how right is it?"""

from . import accuracy

TOPICS = (accuracy,)


def add_to(verbs):
    """Add the verb to the parser."""
    verb = verbs.add_parser("check", help="see how right it is")
    topics = verb.add_subparsers(title="topics", required=True, metavar="TOPIC")
    for topic in TOPICS:
        topic.add_to(topics)
