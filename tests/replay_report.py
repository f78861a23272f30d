"""Where a replay and PyKEEN part, and why: both run in lock step, batch by batch.

A replay repeats PyKEEN's draws exactly and its arithmetic to a few ulps. Almost everywhere that is enough: one ulp more in a table is
one ulp more in a gradient. At a kink it is not. TransE with p = 1 takes the signs of ``h + r - t``, and margin ranking asks whether a
pair misses its margin; Adagrad and Adam divide a gradient by its own size, so that the first step goes by its sign, even that of a sum
which is zero but for rounding. Where one ulp decides, the two runs take different branches, and from there on they are two runs. This
names the first such decision. Where there is none, the measure is how far two runs of PyKEEN differ when each initial weight moves by
one ulp; or, where a gradient cancels to rounding (for p = 1 it is a sum of signs, which no ulp in a weight changes), when each gradient is
rounded differently.

Wants torch and PyKEEN: ``python tests/replay_report.py '{"dataset": "nations", "model": "transe", "seed": 3, "epochs": 20, "dim": 50,
"batch_size": 256, "lr": 1.0}'`` (see `replays` for the words).
"""

import json
import sys
from typing import NamedTuple

import numpy as np
import replays
from tolerances import REPLAY_LOSS, REPLAY_NOISE

from npembed.embedding.lookup import lookup
from npembed.numerics.precision import to_float64

NUDGES = (0, 1, 2)
"""Seeds of the three ways in which initial weights are moved by one ulp."""


class Place(NamedTuple):
    """A batch, and what is to be said of it; both numbers count from 1."""

    epoch: int
    batch: int
    words: str


class Report(NamedTuple):
    """A case run on both sides.

    `branch` is the first decision that fell differently, `parted` the first batch after which an entry of the tables differs by more
    than 1e-5; both may be None. `agree` counts the epochs before the first of them, whose losses are to agree.
    """

    here: dict
    there: dict
    branch: Place | None
    parted: Place | None
    agree: int


def report(case):
    """Run a case on both sides, and find where they part."""
    ours, theirs = replays.Trail([], [], []), replays.Trail([], [], [])
    here, there = replays.our_run(case, ours), replays.pykeen_run(case, theirs)
    if len(ours.tables) != len(theirs.tables) or len(ours.batches) != len(ours.tables) - 1:
        raise AssertionError(f"{len(ours.tables) - 1} batches here, {len(theirs.tables) - 1} in PyKEEN")
    branch, parted, per_epoch = None, None, len(ours.batches) // case["epochs"]
    models = replays.our_model(case), replays.pykeen_model(case)[0]
    for i, batch in enumerate(ours.batches):
        at = i // per_epoch + 1, i % per_epoch + 1
        if branch is None:
            moved = [np.abs(a - b).max(axis=1) for a, b in zip(ours.gradients[i], theirs.gradients[i], strict=True)]
            words = decision(case, models, batch, ours.tables[i], theirs.tables[i], moved)
            branch = Place(*at, words) if words else None
        if parted is None and (words := difference(ours.tables[i + 1], theirs.tables[i + 1])):
            parted = Place(*at, words)
            if branch is None and (words := direction(case, ours, theirs, i)):
                branch = Place(*at, words)
        if branch and parted:
            break
    agree = min([place.epoch - 1 for place in (branch, parted) if place], default=case["epochs"])
    return Report(here, there, branch, parted, agree)


def difference(ours, theirs):
    """The entry of the tables that differs most, in words, if it does by more than 1e-5."""
    sizes = [np.abs(a - b) for a, b in zip(ours, theirs, strict=True)]
    worst = int(sizes[1].max() > sizes[0].max())
    row, column = np.unravel_index(int(sizes[worst].argmax()), sizes[worst].shape)
    if sizes[worst][row, column] <= REPLAY_LOSS:
        return None
    a, b = ours[worst][row, column], theirs[worst][row, column]
    return f"{('entities', 'relations')[worst]}[{row}, {column}] = {a} here, {b} in PyKEEN"


def direction(case, ours, theirs, i):
    """The first entry that parts in batch i because its gradient is rounding alone, for an optimizer that goes by its sign; in words."""
    if case.get("optimizer", "sgd") == "sgd":
        return None
    for name, *pair, here, there in zip(
        ("entities", "relations"), ours.gradients[i], theirs.gradients[i], ours.tables[i + 1], theirs.tables[i + 1], strict=True
    ):
        a, b = (np.stack([v.real, v.imag], -1) for v in pair)
        cancelled = np.abs(a - b) > REPLAY_NOISE * np.maximum(np.abs(a), np.abs(b))
        parted = np.argwhere((np.abs(here - there) > REPLAY_LOSS)[..., None] & cancelled)
        if len(parted):
            place = tuple(parted[0])
            return f"the gradient of {name}[{place[0]}, {place[1]}] is {a[place]:.2g} here, {b[place]:.2g} in PyKEEN"
    return None


def decision(case, models, batch, ours, theirs, moved):
    """The first thing that is decided differently on the two sides in a batch that begins with these tables, in words, or None.

    `moved` says by how much the two gradients of each row differ: a sign that both a true and a corrupted triple have is without effect.
    """
    slcwa = case.get("loop", "slcwa") == "slcwa"
    parts = triples_of(batch[0]) if slcwa else candidates_of(batch[0], [len(table) for table in ours])
    found = [
        (ids, side_here(models[0], ids, masks, ours), side_there(models[1], ids, masks, theirs))
        for ids, masks in zip(parts, batch[1], strict=True)
    ]
    ranked = case["model"] != "complex"  # which has no margin
    pairs = (slcwa_pairs if slcwa else lcwa_pairs)(batch[0], [scores for _, *sides in found for _, scores in [sides[0]]])
    others = (slcwa_pairs if slcwa else lcwa_pairs)(batch[0], [scores for _, *sides in found for _, scores in [sides[1]]])
    counts = [np.zeros(a[1].shape, bool) for _, a, _ in found]
    if ranked:
        for (true, false, gap), (_, _, other) in zip(pairs, others, strict=True):
            for part, places in (true, false):
                counts[part][tuple(places[:, (gap > 0) | (other > 0)])] = True
            parted = np.flatnonzero((gap > 0) != (other > 0))
            if len(parted):
                k = parted[0]
                names = [f"{triple(found[part][0], places[:, k])}" for part, places in (true, false)]
                return f"{names[1]} against {names[0]} misses its margin by {gap[k]:.2g} here, {other[k]:.2g} in PyKEEN"
    if case["model"] == "transe" and case.get("p", 1) == 1:
        for (ids, (x, _), (y, _)), active in zip(found, counts, strict=True):
            parted = np.argwhere((np.sign(x) != np.sign(y)) & (active & tells(moved, ids, pairs))[..., None])
            if len(parted):
                *place, column = parted[0]
                entry = f"(h + r - t)[{column}] of {triple(ids, place)}"
                return f"{entry} is {x[tuple(parted[0])]:.2g} here, {y[tuple(parted[0])]:.2g} in PyKEEN"
    return None


def tells(moved, ids, pairs):
    """Which triples have a row whose gradients differ by as much as a pair weighs, rounding aside."""
    share = 0.1 / max(1, sum(len(gap) for *_, gap in pairs))
    h, r, t = ids
    return (moved[0][h] > share) | (moved[1][r] > share) | (moved[0][t] > share)


def triple(ids, place):
    """The triple that stands at a place of scores."""
    return tuple(int(i[tuple(place)]) for i in np.broadcast_arrays(*ids))


def triples_of(batch):
    """The ids of the true triples of a batch, and of the corrupted ones that count."""
    positives, negatives, keep = batch
    return [positives.T, (negatives.reshape(-1, 3) if keep is None else negatives[keep]).T]


def candidates_of(batch, sizes):
    """The ids of the pairs of a batch beside all candidates."""
    pairs, _, target = batch
    ids = {"head": 0, "relation": 1, "tail": 2}
    hrt = [pairs[:, :1], pairs[:, 1:]]
    hrt.insert(ids[target], np.arange(sizes[int(target == "relation")]))
    return [hrt]


def side_here(model, ids, masks, tables):
    """``h + r - t``, and the scores, as they are computed here."""
    sides = zip((0, 1, 0), ids, masks, strict=True)
    h, r, t = (lookup(tables[i], rows, normalizer=model.layers[i].normalizer, mask=mask) for i, rows, mask in sides)
    return to_float64(h) + to_float64(r) - to_float64(t), model.interaction.forward(h, r, t)


def side_there(model, ids, masks, tables):
    """The same as PyKEEN computes them."""
    import torch
    from pykeen.utils import tensor_sum

    layers = model.entity_representations[0], model.relation_representations[0]
    rows = []
    for i, which, mask in zip((0, 1, 0), ids, masks, strict=True):
        row = torch.from_numpy(tables[i][which])
        row = layers[i].normalizer(row) if layers[i].normalizer is not None else row
        rows.append(row if mask is None else row * torch.from_numpy(mask))
    with torch.no_grad():
        h, r, t = rows
        return tensor_sum(h, r, -t).numpy(), model.interaction(h, r, t).numpy()


def slcwa_pairs(batch, scores):
    """The pairs that margin ranking compares: where their true and their corrupted scores stand (part, places), and their gaps."""
    _, negatives, keep = batch
    keep = np.ones(negatives.shape[:2], bool) if keep is None else keep
    row = np.nonzero(keep)[0]
    true, false = scores
    return [((0, row[None]), (1, np.arange(len(false))[None]), false - true[row] + 1)]


def lcwa_pairs(batch, scores):
    """The same for pairs and candidates, row by row."""
    labels, pairs = batch[1], []
    for i, (label, score) in enumerate(zip(labels, scores[0], strict=True)):
        true, false = np.meshgrid(np.flatnonzero(label > 0.5), np.flatnonzero(label == 0), indexing="ij")
        true, false = true.ravel(), false.ravel()
        rows = np.full(len(true), i)
        pairs.append(((0, np.stack([rows, true])), (0, np.stack([rows, false])), score[false] - score[true] + 1))
    return pairs


def own_divergence(case, run, what="weights", nudges=NUDGES):
    """How far PyKEEN's losses and mean rank move from those of `run` when each of its initial weights moves by one ulp (or each gradient
    is rounded differently); at most.

    A loss is a float32 number there; where none moves by as much as one ulp, one ulp is what is known.
    """
    others = [replays.pykeen_run(case, nudge=nudge, what=what) for nudge in nudges]
    moved = [float(np.abs(np.subtract(other["losses"], run["losses"])).max()) for other in others]
    return {
        "losses": max([*moved, float(np.spacing(np.float32(max(run["losses"]))))]),
        "mean_rank": max(abs(other["mean_rank"] - run["mean_rank"]) for other in others),
    }


def main(words):
    """Print what became of a case."""
    case = json.loads(words)
    found = report(case)
    print(f"largest difference of a loss: {np.abs(np.subtract(found.here['losses'], found.there['losses'])).max():.2g}")
    print(f"mean rank: {found.here['mean_rank']:.5f} here, {found.there['mean_rank']:.5f} in PyKEEN")
    for said, place in (("first decided differently", found.branch), ("tables part by more than 1e-5", found.parted)):
        print(f"{said}: {f'epoch {place.epoch}, batch {place.batch}: {place.words}' if place else 'nowhere'}")
    for what, said in (("weights", "weights moved by one ulp"), ("gradients", "gradients rounded differently")):
        own = own_divergence(case, found.there, what)
        print(f"PyKEEN against itself, {said}: losses {own['losses']:.2g}, mean rank {own['mean_rank']:.2g}")


if __name__ == "__main__":
    main(sys.argv[1])
