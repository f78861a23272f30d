"""``npembed show norm``: the unit norm in two places, seen."""

import argparse

from ..io.paths import path_name
from .report import progress, refusing


def add_to(verbs):
    """Add the verb to the parser."""
    from ..kge.datasets import DATASETS

    show = verbs.add_parser("show", help="see what a part of an embedding layer does")
    topics = show.add_subparsers(title="topics", required=True, metavar="TOPIC")
    topic = topics.add_parser(
        "norm",
        help="the unit norm as normalizer and as constrainer",
        description="Train TransE twice from one seed, with the unit norm on entities inside the forward pass (normalizer) and after "
        "the update (constrainer); verify both gradients; say and draw what happened to the rows.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    topic.add_argument("--dataset", default="nations", help=f"a graph: {', '.join(DATASETS)}")
    topic.add_argument("--epochs", type=int, default=20, help="passes through the triples")
    topic.add_argument("--lr", type=float, default=argparse.SUPPRESS, help="learning rate (default: 0.5)")
    topic.add_argument("--dim", type=int, default=50, help="length of a row")
    topic.add_argument("--seed", type=int, default=argparse.SUPPRESS, help="of weights, batches and negatives (default: 0)")
    topic.add_argument("--out", metavar="DIR", default="npembed-show-norm", help="folder for the picture and its numbers")
    sweep = topic.add_argument_group(
        "the sweep",
        "With --sweep: train both ways at every learning rate from every seed, and draw how well each ranks the test triples, and "
        "what its rows feel, into sweep.png (numbers: sweep.json). About a minute on two cores at the defaults.",
    )
    sweep.add_argument("--sweep", action="store_true", default=argparse.SUPPRESS, help="do that instead")
    lrs = "learning rates, two or more (default: 0.02 0.05 0.1 0.2 0.5 1 2 5 10 20)"
    sweep.add_argument("--lrs", type=float, nargs="+", metavar="LR", default=argparse.SUPPRESS, help=lrs)
    seeds = "of weights, batches and negatives (default: 0 1 2 3 4)"
    sweep.add_argument("--seeds", type=int, nargs="+", metavar="SEED", default=argparse.SUPPRESS, help=seeds)
    topic.set_defaults(run=_norm)


def _norm(options):
    if "sweep" in options:
        return _sweep(options)
    from ..show import check_settings, norm
    from ..show.norm_text import lines

    settings = {"lr": 0.5, "seed": 0} | _given(options, ("dataset", "epochs", "lr", "dim", "seed", "out"))
    with refusing():
        _refuse(options, {"lrs": "lr", "seeds": "seed"}, "without")
        check_settings(**settings)
    result = norm(**settings, progress=progress(options.epochs, "epoch"))
    _report(lines(result), result["files"])
    return 0 if all(c["ok"] for c in result["checks"]) else 1  # a check failed


def _sweep(options):
    from ..show import check_sweep_settings, sweep
    from ..show.sweep import LRS, SEEDS
    from ..show.sweep_text import lines

    settings = {"lrs": LRS, "seeds": SEEDS} | _given(options, ("dataset", "epochs", "lrs", "dim", "seeds", "out"))
    with refusing():
        _refuse(options, {"lr": "lrs", "seed": "seeds"}, "with")
        check_sweep_settings(**settings)
    result = sweep(**settings, progress=progress(None, "run"))
    _report(lines(result), result["files"])
    return 0


def _given(options, names):
    """Those of the named options that have a value."""
    return {name: value for name, value in vars(options).items() if name in names}


def _refuse(options, instead, how):
    """Options of the one job of `show norm` that were given to the other would be of no effect."""
    for name, other in instead.items():
        if name in options:
            raise ValueError(f"show norm: --{name} is given {how} --sweep; allowed: --{other}")


def _report(lines, files):
    """Print what was found and which files were written."""
    print("\n".join(lines))
    print("\nwrote " + " and ".join(map(path_name, files)))
    if len(files) == 1:
        print("no picture: matplotlib is missing (pip install matplotlib)")
