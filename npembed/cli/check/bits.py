"""``npembed check bits``: one seed, many processes, one result."""

import json

from ..report import progress, refusing


def add_to(topics):
    """Add the topic to the parser."""
    topic = topics.add_parser(
        "bits",
        help="are trainings, ranks and predictions the same for any threads, and without the compiler",
        description="Train models with every loss and optimizer some steps in many processes: with each number of threads, each threading "
        "layer of Numba's that is there, the compiler (JIT) on and off, several runs of each. Print the SHA-256 of what came of it "
        "(losses, tables, optimizer states, scores, ranks, metrics, predictions) for each; exit with 1 unless there is one. Settings of "
        "the processor are kept, such as NPY_DISABLE_CPU_FEATURES, OPENBLAS_CORETYPE and NUMBA_CPU_NAME.",
    )
    topic.add_argument("--models", metavar="MODEL", nargs="+", help="these alone, such as transe (default: all)")
    topic.add_argument("--threads", metavar="N", nargs="+", type=int, default=[1, 2, 3, 5, 8], help="(default: 1 2 3 5 8)")
    topic.add_argument("--runs", type=int, default=3, help="of each setting (default: %(default)s)")
    topic.add_argument("--steps", type=int, default=4, help="batches of each training (default: %(default)s)")
    topic.add_argument("--jobs", type=int, help="processes at a time (default: one for each core)")
    topic.add_argument("--json", action="store_true", help="print the SHA-256 of each result in each process as JSON")
    topic.set_defaults(run=_run)


def _run(options):
    from ...verify.reproducibility import check_bits, lines

    asked = {name: getattr(options, name) for name in ("threads", "runs", "steps", "jobs")}
    with refusing():
        report = check_bits(options.models, **asked, progress=progress(None, "process"))
    if options.json:
        outcomes = [{**one.setting._asdict(), "error": one.error, "digests": one.digests} for one in report["outcomes"]]
        print(json.dumps({**report, "outcomes": outcomes}, indent=1))
    else:
        print("\n".join(lines(report)))
    return 0 if report["ok"] else 1
