"""``npembed check``: is it right? Exit status 1 says that it is not."""

from . import layer

TOPICS = (layer,)
"""Modules with an `add_to(topics)`, one for each thing that can be checked."""


def add_to(verbs):
    """Add the verb to the parser."""
    verb = verbs.add_parser("check", help="check a layer, ours or another")
    topics = verb.add_subparsers(title="topics", required=True, metavar="TOPIC")
    for topic in TOPICS:
        topic.add_to(topics)
