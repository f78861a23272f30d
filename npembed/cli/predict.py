"""``npembed predict``: complete a triple with a saved run."""

from .report import as_json, refusing

LABELS = ("--head", "--relation", "--tail")
OTHERS = ("-k", "--new", "--json", "-h", "--help")
"""The options, with a label and without."""


def add_to(verbs):
    """Add the verb to the parser."""
    verb = verbs.add_parser(
        "predict",
        help="complete a triple with a saved run",
        description="Name two of head, relation and tail; the most plausible answers for the third are listed, with their scores, and "
        "with the part of the graph (training, validation, testing) in which the triple is known already.",
    )
    verb.add_argument("run_folder", metavar="DIR", help="folder that `npembed train --out` or save_to_directory has written")
    for option in LABELS:
        verb.add_argument(option, metavar="LABEL")
    verb.add_argument("-k", type=int, default=10, help="how many answers (default: %(default)s)")
    verb.add_argument("--new", action="store_true", help="leave out what is known already")
    verb.add_argument("--json", action="store_true", help="print the answers as JSON")
    verb.set_defaults(run=_run)


def with_dashes(arguments):
    """The arguments of a command line, ``--head -x`` as ``--head=-x``: a label may begin with a dash, which argparse would not take."""
    if arguments[:1] != ["predict"]:
        return arguments
    found = ["predict"]
    for text in arguments[1:]:
        if found[-1] in LABELS and text.startswith("-") and text.partition("=")[0] not in (*LABELS, *OTHERS):
            found[-1] += f"={text}"
        else:
            found.append(text)
    return found


def _run(options):
    from ..kge.columns import COLUMNS
    from ..kge.runs import load

    given = {column: getattr(options, column) for column in COLUMNS if getattr(options, column) is not None}
    with refusing():
        if len(given) != 2:
            said = ", ".join(f"--{column} = {label!r}" for column, label in given.items()) or "no label"
            raise ValueError(
                f"predict: {said} {'is' if len(given) < 2 else 'are'} given; allowed: two of --head, --relation and --tail"
            )
        model = load(options.run_folder).model
        (target,) = set(COLUMNS) - given.keys()
        answers = getattr(model, f"predict_{target}s")(**given, k=options.k, drop_known=options.new)
    if options.json:
        print(as_json({"given": answers.given, target: [answer._asdict() for answer in answers]}))
    else:
        print(answers)
    return 0
