"""``npembed train``: train a model on a graph, rank its test triples, save the run."""

import argparse
import errno
import json
import os
import tempfile
import traceback

from .. import check
from ..io.paths import path_name
from ..numerics import interrupts
from ..op import normalize_name
from .keep import Keeper
from .report import BadInputError, as_json, progress, refusing, tell

DEFAULTS = {
    "dataset": "nations", "model": "rotate", "dim": 50, "epochs": 20, "batch_size": 256, "optimizer": "adam", "lr": 0.05,
    "loop": "slcwa", "negatives": 4, "seed": 0,
}  # fmt: skip
"""Chosen by the MRR on the validation triples of Nations, Kinships and UMLS, over learning rates 0.01 and 0.05, both loops and all four
models, for 20 epochs: RotatE was the best on all three together, and with 0.05 every model is far from random."""

SIDES = ("entity", "relation")
OF_ARRAYS = ("pretrained", "weisfeiler_lehman", "random_walk_positional_encoding", "orthogonality", "combined")
"""What has a name but wants arrays or lists, which a command line has not."""

LAYER = ("initializer", "constrainer", "normalizer", "regularizer")
ON_RESUME = ("epochs", "out", "checkpoint_every", "json", "resume")


def add_to(verbs):
    """Add the verb to the parser."""
    from ..embedding.initializers import INITIALIZERS
    from ..embedding.optimizers import OPTIMIZERS
    from ..embedding.regularizers import REGULARIZERS
    from ..embedding.row_maps import CONSTRAINERS, NORMALIZERS
    from ..kge.datasets import DATASETS
    from ..kge.losses import LOSSES
    from ..kge.models import MODELS
    from ..kge.samplers import SAMPLERS
    from ..kge.training import LOOPS

    verb = verbs.add_parser(
        "train",
        help="train a model on a graph and rank its test triples",
        description="Train a model on a graph, rank the test triples among all entities, and save the run. What is not said here is as "
        "in PyKEEN's model of that name.",
        argument_default=argparse.SUPPRESS,
    )

    def add(group, name, what, names=(), default=None, **how):
        default = DEFAULTS.get(name.replace("-", "_"), default)
        said = ": ".join(part for part in (what, ", ".join(names)) if part)
        group.add_argument(f"--{name}", help=f"{said}{'' if default is None else f' (default: {default})'}", **how)

    group = verb.add_argument_group("what to train on what")
    add(
        group,
        "dataset",
        f"{', '.join(DATASETS)}; a folder with train, valid and test files; or one file, split by the seed",
        metavar="NAME|PATH",
    )
    add(group, "model", "", MODELS, metavar="NAME")
    add(group, "dim", "length of a row", type=int, metavar="D")
    add(group, "p", "order of TransE's norm (default: 1)", type=float)
    add(group, "loss", "instead of the model's own (with --replay, of margin_ranking)", LOSSES, metavar="NAME")
    add(group, "margin", "of the losses that have one", type=float)
    add(group, "dropout", "share of the entries of looked-up rows that are dropped", type=float, metavar="RATE")
    registries: tuple[dict, ...] = (INITIALIZERS, CONSTRAINERS, NORMALIZERS, REGULARIZERS)
    for side in SIDES:
        for part, known in zip(LAYER, registries, strict=True):
            names = [name for name in known if name not in OF_ARRAYS]
            said = f"of {side} rows, or none, instead of the model's own"
            add(group, f"{side}-{part}", said, names, metavar="NAME[:KEY=VALUE]|none")
    group = verb.add_argument_group("how")
    add(group, "epochs", "passes through the training triples; with --resume, how many more", type=int, metavar="N")
    batches = "triples, or pairs with --loop lcwa; more for more than 25,600 triples: a hundredth of them"
    add(group, "batch-size", batches, type=int, metavar="B")
    add(group, "optimizer", "", OPTIMIZERS, metavar="NAME")
    add(group, "lr", "learning rate", type=float)
    add(group, "loop", "slcwa draws corrupted triples, lcwa scores all candidates", LOOPS, metavar="NAME")
    add(group, "negatives", "corrupted triples for each true one (slcwa)", type=int, metavar="K")
    add(group, "sampler", "how they are drawn (slcwa)", SAMPLERS, default="basic", metavar="NAME")
    group.add_argument("--filtered", action="store_true", help="leave out corrupted triples that are true (slcwa)")
    add(group, "target", "what is asked for (lcwa): head, relation or tail", default="tail", metavar="COLUMN")
    add(group, "seed", "of weights, batches and negatives", type=int)
    add(
        group,
        "replay",
        "pykeen: draw in the order in which PyKEEN does, so that its run from this seed is repeated",
        metavar="pykeen",
    )
    add(group, "compat", "pykeen: make PyKEEN's mistakes too, such as the axis of its normalizers", metavar="pykeen")
    group = verb.add_argument_group("where to")
    add(group, "out", "folder for the run: model, optimizer, labels, settings, ranks", metavar="DIR")
    add(group, "resume", "go on with the run saved in this folder, bit for bit (saved there again, unless --out)", metavar="DIR")
    add(group, "checkpoint-every", "save the run each N epochs, not only at the end or when it is stopped", type=int, metavar="N")
    add(group, "json", "file for losses, metrics, lengths of rows and settings", metavar="FILE")
    verb.set_defaults(run=_run)


def _run(options):
    given = {name: value for name, value in vars(options).items() if name != "run"}
    with interrupts.Stops() as stops:
        return _trained(given, stops)


def _trained(given, stops):
    """Train, save, rank, save, tell: a signal acts in the first and the third of these, and where nothing was trained yet."""
    with stops.at_once(), refusing():
        out, every = given.get("out", given.get("resume")), _every(given)
        if "json" in given:
            _writable(given["json"], out)
        keeper = Keeper(out)
        result, epochs = _resumed(given) if "resume" in given else _prepared(given)
        keeper.begin(result, epochs)
    if out is None:
        tell("the run will not be saved; --out DIR saves it, also when it is stopped")
    before, begun = len(result.epochs), result.batches
    try:
        result.train(epochs, progress=keeper.saving(every, progress(epochs, "epoch")))
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)  # there may be want of memory
        if result.batches != begun:
            keeper.save(over=isinstance(error, KeyboardInterrupt))
        raise keeper.ended(error) from None
    if result.batches != begun:
        keeper.save()  # whatever becomes of the ranks
    try:
        with stops.at_once():
            result.evaluate()
    except BaseException as error:
        raise keeper.ended(error) from None
    keeper.save()
    wrote = []
    if keeper.saved is not None:
        name = path_name(keeper.out)
        wrote.append(f"wrote {name}  (npembed predict {name} --head ... --relation ...)")
    try:
        if "json" in given:
            from ..io.files import write_files

            text = as_json(result.to_dict()) + "\n"
            write_files({given["json"]: lambda path: path.write_text(text, encoding="utf-8")}, function="train")
            wrote.append(f"wrote {path_name(given['json'])}")
    finally:
        print("\n".join([*lines(result, before), *([""] if wrote else []), *wrote]))
    if keeper.trouble:
        raise OSError(f"{keeper.trouble} ({keeper.outcome()})")
    if stops.seen:
        raise interrupts.Stopped(stops.seen, "interrupted when all was done")
    return 0


def _every(given):
    """After how many epochs each the run is saved, or None."""
    if "checkpoint_every" not in given:
        return None
    every = check.integer("train", "--checkpoint-every", given["checkpoint_every"], minimum=1)
    if "out" not in given and "resume" not in given:
        raise ValueError(f"train: --checkpoint-every = {every} is given without a folder; allowed: with --out or --resume")
    return every


def _writable(path, out):
    """Refuse a file that cannot be written, or that would be in the way, before anything is done."""
    if os.path.exists(path) and not os.path.isfile(path):
        kind = "is a folder" if os.path.isdir(path) else "is no regular file"
        raise ValueError(f"train: --json = {path!r} {kind}; allowed: a file")
    if out is not None and os.path.realpath(out) in (os.path.realpath(path), os.path.dirname(os.path.realpath(path))):
        raise ValueError(
            f"train: --json = {path!r} is in the folder of the run, where nothing else may be; allowed: a file outside of {out}"
        )
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise ValueError(f"train: --json = {path!r} is in no folder; allowed: a file in a folder that exists")
    try:
        if os.path.exists(path) and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        with tempfile.TemporaryFile(dir=folder):  # rights alone do not tell: a disk may be read-only
            return
    except OSError as error:
        raise ValueError(f"train: --json = {path!r} cannot be written ({error.strerror}); allowed: a file that can") from None


def _resumed(given):
    """The saved run, and how many more epochs."""
    from ..kge.runs import load

    for name in given:
        if name not in ON_RESUME:
            allowed = ", ".join(f"--{name.replace('_', '-')}" for name in ON_RESUME if name != "resume")
            raise BadInputError(f"train: --{name.replace('_', '-')} is given with --resume; allowed: {allowed}")
    epochs = check.integer("train", "--epochs", given.get("epochs", DEFAULTS["epochs"]), minimum=0)
    return load(given["resume"]), epochs


def _prepared(given):
    """A run of the options that were given, not yet trained, and its epochs."""
    from ..kge.runs import prepare

    told = {**DEFAULTS, **given}
    model = {"embedding_dim": check.integer("train", "--dim", told["dim"], minimum=1)}
    if "p" in told and normalize_name(told["model"]) != "transe":
        raise ValueError(f"train: --p = {told['p']} is given with --model {told['model']}; allowed: with --model transe")
    for side in SIDES:
        for part in LAYER:
            if f"{side}_{part}" in told:
                name, kwargs = _named(f"--{side}-{part}", told[f"{side}_{part}"])
                model |= {f"{side}_{part}": name, **({f"{side}_{part}_kwargs": kwargs} if kwargs else {})}
        if "dropout" in told:
            model[f"{side}_dropout"] = told["dropout"]
    model |= {name: told[name] for name in ("p", "compat") if name in told}
    if normalize_name(told["loop"]).removesuffix("trainingloop") == "lcwa":  # the default is of slcwa
        told = {name: value for name, value in told.items() if name != "negatives" or name in given}
    names = {"negatives": "num_negs_per_pos", "filtered": "filtered"}
    sampling = {word: told[name] for name, word in names.items() if name in told}
    chosen = {name: told[name] for name in ("dataset", "model", "optimizer", "loss", "replay") if name in told}
    how = {"training_loop": told["loop"], "negative_sampler": told.get("sampler"), "negative_sampler_kwargs": sampling}
    if "target" in told:
        how["training_loop_kwargs"] = {"target": told["target"]}
    if "margin" in told:
        how["loss_kwargs"] = {"margin": told["margin"]}
    if "batch_size" not in given and "replay" not in given:  # a hundred steps an epoch are enough
        from ..kge.datasets import load

        chosen["dataset"] = load(told["dataset"], seed=told["seed"])
        told["batch_size"] = max(told["batch_size"], chosen["dataset"].training.num_triples // 100)
    how["training_kwargs"] = {"num_epochs": told["epochs"], "batch_size": told["batch_size"]}
    try:
        return prepare(**chosen, **how, model_kwargs=model, optimizer_kwargs={"lr": told["lr"]}, random_seed=told["seed"])
    except LookupError as error:
        if "loss_kwargs = 'margin'" not in str(error):
            raise
        loss = f"--loss {told['loss']}" if "loss" in told else f"the loss of --model {told['model']}"
        raise ValueError(
            f"train: --margin is given with {loss}; allowed: with a loss that has one, such as margin_ranking"
        ) from None


def _named(option, text):
    """``NAME``, ``NAME:KEY=VALUE,KEY=VALUE`` or ``none`` as a name (or None) and a dict."""
    name, _, rest = text.partition(":")
    kwargs = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(
                f"train: {option} = {text!r} holds {part!r}; allowed: NAME:KEY=VALUE, such as clamp_norm:maxnorm=1.5"
            )
        try:
            kwargs[key.strip()] = json.loads(value)
        except json.JSONDecodeError:
            kwargs[key.strip()] = value.strip()
    return None if name.lower() == "none" else name, kwargs


def lines(result, before):
    """What came of a run, as a person reads it."""
    losses, data = result.losses, result.dataset
    if len(losses) > before:
        first = f"epoch {before + 1}: loss {losses[before]:.4f}"
        last = f", epoch {len(losses)}: {losses[-1]:.4f}" if len(losses) > before + 1 else ""
        yield f"{first}{last}  ({sum(epoch.seconds for epoch in result.epochs[before:]):.1f} s)"
    low, high = result.to_dict()["entity_row_norms"]
    name = check.escaped(data.name)
    yield f"{name}: {data.num_entities} entities, {data.num_relations} relations; entity rows {low:.3f} to {high:.3f} long"
    yield ""
    yield f"{'ranks of ' + str(data.testing.num_triples) + ' test triples':<29}{'head':>10}{'tail':>10}{'both':>10}"
    for name, said, digits in (
        ("mrr", "MRR", 4), ("hits@1", "hits@1", 4), ("hits@3", "hits@3", 4), ("hits@10", "hits@10", 4), ("mr", "mean rank", 2),
        ("amri", "AMRI (0 = random, 1 = first)", 4),
    ):  # fmt: skip
        values = "".join(f"{result.get_metric(f'{side}.{name}') + 0.0:10.{digits}f}" for side in ("head", "tail", "both"))
        yield f"{said:<29}{values}"
