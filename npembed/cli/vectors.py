"""``npembed vectors``: the conformance cases as files."""

from .report import refusing


def add_to(verbs):
    """Add the verb to the parser."""
    verb = verbs.add_parser("vectors", help="the conformance cases, for any language")
    topics = verb.add_subparsers(title="topics", required=True, metavar="TOPIC")
    topic = topics.add_parser(
        "export",
        help="write the conformance cases as JSON",
        description="Write the conformance cases, JSON files with bit patterns beside decimals, and the schema that describes them. "
        "Large arrays are given by a rule of integers, or by a block that repeats along each axis; the schema says how.",
    )
    topic.add_argument("folder", metavar="DIR", help="a folder, made if need be")
    topic.set_defaults(run=_export)


def _export(options):
    from ..io.paths import path_name
    from ..verify.conformance import cases, export

    with refusing():
        names = export(options.folder)
    print(f"wrote {len(cases())} cases to {path_name(options.folder)}: {', '.join(names)}")
    return 0
