"""``npembed predict``: complete a triple with a saved run."""

from .report import as_json, refusing


def add_to(verbs):
    """Add the verb to the parser."""
    verb = verbs.add_parser(
        "predict",
        help="complete a triple with a saved run",
        description="Name two of head, relation and tail; the most plausible answers for the third are listed, with their scores, and "
        "with the part of the graph (training, validation, testing) in which the triple is known already.",
    )
    verb.add_argument("run_folder", metavar="DIR", help="folder that `npembed train --out` or save_to_directory has written")
    for column in ("head", "relation", "tail"):
        verb.add_argument(f"--{column}", metavar="LABEL")
    verb.add_argument("-k", type=int, default=10, help="how many answers (default: %(default)s)")
    verb.add_argument("--new", action="store_true", help="leave out what is known already")
    verb.add_argument("--json", action="store_true", help="print the answers as JSON")
    verb.set_defaults(run=_run)


def _run(options):
    from ..runs import load

    given = {column: getattr(options, column) for column in ("head", "relation", "tail") if getattr(options, column) is not None}
    with refusing():
        if len(given) != 2:
            said = ", ".join(f"--{column} = {label!r}" for column, label in given.items()) or "no label"
            raise ValueError(
                f"predict: {said} {'is' if len(given) < 2 else 'are'} given; allowed: two of --head, --relation and --tail"
            )
        model = load(options.run_folder).model
        (target,) = {"head", "relation", "tail"} - given.keys()
        answers = getattr(model, f"predict_{target}s")(**given, k=options.k, drop_known=options.new)
    if options.json:
        print(as_json({"given": answers.given, target: [answer._asdict() for answer in answers]}))
    else:
        print(answers)
    return 0
