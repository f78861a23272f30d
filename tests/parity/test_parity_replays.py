"""Presets, regularizers and whole training runs against the PyKEEN that is installed. The nightly profile runs them all."""

import re

import numpy as np
import pytest
import replays
from hypothesis import given, settings
from hypothesis import strategies as st
from test_replays import RUNS, TESTED
from tolerances import (
    PYKEEN_GRADIENT,
    PYKEEN_NORMALIZED,
    PYKEEN_SCORE,
    REPLAY_DIVERGENCE,
    REPLAY_LOSS,
    TORCH_FLOAT32,
    rank_flips,
)

torch = pytest.importorskip("torch")
pytest.importorskip("pykeen")
if not torch.__version__.startswith("2.13.") or torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
    pytest.skip("the stream is that of torch 2.13 on a processor with AVX2", allow_module_level=True)

import pykeen.datasets  # noqa: E402
import pykeen.losses  # noqa: E402
import pykeen.models  # noqa: E402
import pykeen.nn  # noqa: E402
import pykeen.regularizers  # noqa: E402
import replay_report  # noqa: E402

from npembed import Embedding  # noqa: E402
from npembed.kge.datasets import load  # noqa: E402
from npembed.kge.models import MODELS  # noqa: E402
from npembed.kge.training import LOOPS  # noqa: E402
from npembed.numerics.random import TorchGenerator  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

NIGHTLY = settings().max_examples > 100
CLASSES = {
    "transe": pykeen.models.TransE, "distmult": pykeen.models.DistMult, "complex": pykeen.models.ComplEx, "rotate": pykeen.models.RotatE,
}  # fmt: skip
HERE, THEIRS = load("nations").training, pykeen.datasets.Nations().training


@pytest.fixture(autouse=True)
def one_thread():
    """Tables this small take longer with several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# ---- whole runs


def compare(case):
    """Run a case here and in PyKEEN; losses and mean rank are as near as is said in `tolerances`."""
    epochs, flips = case["epochs"], rank_flips(TESTED[case["dataset"]])
    if replays.kind(case) == "kinked":
        found = replay_report.report(case)
        here, there, agree = found.here, found.there, found.agree
        assert agree == epochs or found.branch or found.parted
    else:
        here, there, agree = replays.our_run(case), replays.pykeen_run(case), epochs
    off, bound = np.abs(np.subtract(here["losses"], there["losses"]))[:agree], REPLAY_LOSS
    if replays.kind(case) == "adam":
        own = replay_report.own_divergence(case, there)
        bound, flips = REPLAY_DIVERGENCE * own["losses"], max(flips, REPLAY_DIVERGENCE * own["mean_rank"])
    assert off.max(initial=0) <= bound, case
    if agree == epochs:
        assert abs(here["mean_rank"] - there["mean_rank"]) <= flips, case


@pytest.mark.parametrize("dataset", TESTED)
@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=40 if NIGHTLY else 1)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_run_drawn_at_random(model, dataset, seed):
    rng = np.random.default_rng([seed, list(MODELS).index(model), list(TESTED).index(dataset)])
    compare(replays.draw(rng, dataset, model))


EDGES = [
    {"batch_size": 2000},  # more than there are
    {"batch_size": 1592, "dropout": 0.2},  # all of them: the probing run has one batch
    {"batch_size": 1591, "dropout": 0.2},  # all but one
    {"batch_size": 796, "dropout": 0.2},  # two batches
    {"batch_size": 796, "loop": "lcwa"},
    {"batch_size": 471, "loop": "lcwa", "dropout": 0.3},
    {"batch_size": 37, "dim": 1},
    {"batch_size": 300, "dim": 1, "model": "complex"},
    {"batch_size": 300, "dim": 1, "model": "rotate"},
    {"batch_size": 300, "model": "transe", "p": 3, "seed": 2**32 - 1},
]


@pytest.mark.parametrize("edge", EDGES, ids=str)
def test_a_run_at_the_edge(edge):
    compare({"dataset": "nations", "model": "distmult", "epochs": 2, "dim": 4, "lr": 0.5, "seed": 11, **edge})


@pytest.mark.parametrize("name", list(RUNS) if NIGHTLY else list(RUNS)[1::9])
def test_the_golden_file_is_what_pykeen_gives_today(name):
    entry = RUNS[name]
    found, epochs = replays.pykeen_run(entry["case"]), entry["case"]["epochs"]
    agree = entry.get("agree", epochs)
    off = np.abs(np.subtract(found["losses"], entry["run"]["losses"]))
    assert off[:agree].max(initial=0) <= REPLAY_LOSS
    if agree == epochs:
        assert abs(found["mean_rank"] - entry["run"]["mean_rank"]) <= rank_flips(TESTED[entry["case"]["dataset"]])


CHAOTIC = {"dataset": "nations", "model": "transe", "epochs": 20, "dim": 50, "batch_size": 256, "lr": 1.0}


def test_where_a_run_parts_is_located():
    """Of these seeds of TransE with p = 1 some part; each time a sign is named, and the tables part in that batch, in that column."""
    located = 0
    for seed in (4, 5, 6, 10):
        found = replay_report.report({**CHAOTIC, "seed": seed})
        off = np.abs(np.subtract(found.here["losses"], found.there["losses"]))
        if found.branch is None:
            assert off.max() <= REPLAY_LOSS
            continue
        assert off[: found.agree].max(initial=0) <= REPLAY_LOSS
        assert off.max() > REPLAY_LOSS
        named = re.fullmatch(
            r"\(h \+ r - t\)\[(\d+)\] of \((\d+), (\d+), (\d+)\) is (\S+) here, (\S+) in PyKEEN", found.branch.words
        )
        column, h, r, t = map(int, named.groups()[:4])
        here, there = map(float, named.groups()[4:])
        assert np.sign(here) != np.sign(there)
        assert max(abs(here), abs(there)) <= REPLAY_LOSS
        if found.parted[:2] == found.branch[:2]:
            table, row, where = re.match(r"(\w+)\[(\d+), (\d+)\]", found.parted.words).groups()
            assert int(where) == column
            assert int(row) in ((h, t) if table == "entities" else (r,))
            located += 1
        if located == 2 and not NIGHTLY:
            break
    assert located


def test_what_decides_is_named():
    """Tables that differ in one entry: the sign that this turns, or the pair that it takes across its margin."""
    case = {**CHAOTIC, "seed": 0, "epochs": 1, "dim": 6}
    trail = replays.Trail([], [], [])
    replays.our_run(case, trail)
    models = replays.our_model(case), replays.pykeen_model(case)[0]
    batch, tables = trail.batches[0], trail.tables[0]
    much = [np.full(14, np.inf), np.full(55, np.inf)]
    assert replay_report.decision(case, models, batch, tables, tables, much) is None
    h, r, t = batch[0][0][5]
    other = [table.copy() for table in tables]
    gap = tables[0][h] + tables[1][r] - tables[0][t]
    column = int(np.abs(gap).argmin())
    other[1][r, column] -= gap[column] * 1.5
    found = replay_report.decision(case, models, batch, tables, other, much)
    assert re.match(rf"\(h \+ r - t\)\[{column}\] of \(\d+, {r}, \d+\) is|\(\d+, \d+, \d+\) against", found)
    assert replay_report.decision(case, models, batch, tables, other, [0 * m for m in much]) is None or "against" in found
    other = [table.copy() for table in tables]
    other[1][r] += 10.0
    found = replay_report.decision(case, models, batch, tables, other, much)
    assert re.fullmatch(r"\(\d+, \d+, \d+\) against \(\d+, \d+, \d+\) misses its margin by \S+ here, \S+ in PyKEEN", found)
    assert str(int(r)) in found
    ours, theirs = (
        replays.Trail(*[[[array.copy() for array in step] for step in part[:2]] for part in trail[:2]], []) for _ in range(2)
    )
    adam = {**case, "optimizer": "adam"}
    assert replay_report.direction(adam, ours, theirs, 0) is None
    ours.gradients[0][1][3, 2], theirs.gradients[0][1][3, 2] = 1e-9, -2e-9
    assert replay_report.direction(adam, ours, theirs, 0) is None  # which is without effect
    theirs.tables[1][1][3, 2] += 0.1
    assert replay_report.direction(case, ours, theirs, 0) is None
    found = replay_report.direction(adam, ours, theirs, 0)
    assert found == "the gradient of relations[3, 2] is 1e-09 here, -2e-09 in PyKEEN"


def test_pykeen_differs_from_itself_when_its_weights_move_by_an_ulp():
    case = {**CHAOTIC, "seed": 0, "epochs": 1, "dim": 6}
    run = replays.pykeen_run(case)
    assert replays.pykeen_run(case) == run
    trails = [replays.Trail([], [], []) for _ in range(2)]
    for trail, nudge in zip(trails, (None, 0), strict=True):
        replays.pykeen_run(case, trail, nudge)
    for a, b in zip(*(trail.tables[0] for trail in trails), strict=True):
        assert (np.abs(a.view(np.int32).astype(np.int64) - b.view(np.int32)) == 1).all()
    assert replay_report.own_divergence(case, run)["losses"] >= np.spacing(np.float32(run["losses"][0]))


# ---- presets


@pytest.mark.parametrize("name", MODELS)
def test_a_presets_defaults_are_pykeens(name):
    """Sizes, initial tables, constrainers, regularizers, losses, and what a triple scores."""
    ours, theirs = MODELS[name](HERE, random_seed=7), CLASSES[name](triples_factory=THEIRS, random_seed=7)
    sides = theirs.entity_representations[0], theirs.relation_representations[0]
    for layer, side, table in zip(ours.layers, sides, replays.pykeen_tables(theirs), strict=True):
        assert (layer.shape, layer.dtype, layer.weight.shape) == (side.shape, table.dtype, table.shape)
        assert np.abs(layer.weight - table).max() <= PYKEEN_NORMALIZED * np.abs(table).max()
        assert (layer.constrainer is None) == (side.constrainer is None)
        assert (layer.normalizer, layer.dropout, side.normalizer, side.dropout) == (None, None, None, None)
        assert (layer.regularizer is None) == (side.regularizer is None)
        if side.regularizer is not None:
            x = torch.from_numpy(table[:9])
            expected = side.regularizer.weight * side.regularizer(x)
            np.testing.assert_allclose(layer.regularizer.forward(table[:9]), expected.item(), **TORCH_FLOAT32)
        grown = table * np.float32(1.7)  # what the constrainers do
        if side.constrainer is not None:
            expected = side.constrainer(torch.from_numpy(grown)).numpy()
            np.testing.assert_allclose(layer.constrainer(grown), expected, **TORCH_FLOAT32)
    hrt = HERE.mapped_triples[::40]
    expected = theirs.score_hrt(torch.from_numpy(hrt)).detach().numpy()
    found = ours.score_hrt(hrt)
    assert np.abs(found - expected).max() <= PYKEEN_SCORE * np.abs(expected).max()
    kind = {"complex": pykeen.losses.SoftplusLoss}.get(name, pykeen.losses.MarginRankingLoss)
    assert type(theirs.loss) is kind
    true, false = np.float32([[0.2], [3.0], [1.0]]), np.float32([[0.1, 5.0], [-4.0, 2.5], [0.0, 0.5]])
    expected = theirs.loss.process_slcwa_scores(torch.from_numpy(true), torch.from_numpy(false))
    np.testing.assert_allclose(ours.loss.forward(true, false), expected.item(), **TORCH_FLOAT32)


# ---- one batch: loss and gradients against autograd


def pair(name, dropout, regularizers, seed=2):
    """A preset here and in PyKEEN with the same tables, and regularizers on both sides."""
    options = {"embedding_dim": 6, "random_seed": seed}
    theirs = CLASSES[name](triples_factory=THEIRS, **options)
    ours = MODELS[name](
        HERE, entity_dropout=dropout, relation_dropout=dropout, **options,
        **({f"{side}_{key}": value for side in ("entity", "relation") for key, value in regularizers.items()}),
    )  # fmt: skip
    for layer, side, table in zip(
        ours.layers,
        (theirs.entity_representations[0], theirs.relation_representations[0]),
        replays.pykeen_tables(theirs),
        strict=True,
    ):
        layer.weight = table
        if regularizers:
            side.regularizer = pykeen.regularizers.LpRegularizer(
                **{key: value for key, value in regularizers["regularizer_kwargs"].items() if key != "expected"}
            )
        side.dropout = torch.nn.Dropout(dropout) if dropout else None
    theirs.train()
    torch.manual_seed(seed)
    ours.rng.set_state(TorchGenerator(seed).get_state())
    return ours, theirs


def check_gradients(loss, gradients, expected, theirs):
    expected = expected + theirs.collect_regularization_term()
    np.testing.assert_allclose(loss, expected.item(), **TORCH_FLOAT32)
    expected.sum().backward()
    for found, grad in zip(gradients, replays.pykeen_gradients(theirs), strict=True):
        np.testing.assert_allclose(found.to_dense(), grad, **PYKEEN_GRADIENT)


REGULARIZERS = [
    {},
    {"regularizer": "lp", "regularizer_kwargs": {"weight": 0.7, "p": 2.0}},
    {"regularizer": "lp", "regularizer_kwargs": {"weight": 0.3, "p": 3.0, "normalize": True, "expected": "pykeen"}},
    {"regularizer": "lp", "regularizer_kwargs": {"weight": 0.3, "p": 1.0, "normalize": True}},
]


@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("regularizers", REGULARIZERS, ids=str)
@pytest.mark.parametrize(("name", "dropout"), [("distmult", None), ("distmult", 0.3), ("complex", None), ("transe", 0.2)])
def test_a_batch_of_slcwa(name, dropout, regularizers, filtered):
    ours, theirs = pair(name, dropout, regularizers)
    loop = LOOPS["slcwa"](ours, HERE.mapped_triples, num_negatives=3, filtered=filtered)
    positives, negatives, keep = loop.batch(TorchGenerator(1), np.arange(0, 1500, 6))
    loss, gradients = ours.loss_and_gradients(positives, negatives, keep)
    flat = negatives.reshape(-1, 3) if keep is None else negatives[keep]
    true, false = (theirs.score_hrt(torch.from_numpy(np.ascontiguousarray(hrt))) for hrt in (positives, flat))
    mask = None if keep is None else torch.from_numpy(keep)
    expected = theirs.loss.process_slcwa_scores(true, false.view(-1, 3) if keep is None else false.view(-1), batch_filter=mask)
    check_gradients(loss, gradients, expected, theirs)


@pytest.mark.parametrize("target", ["head", "relation", "tail"])
@pytest.mark.parametrize("regularizers", REGULARIZERS, ids=str)
@pytest.mark.parametrize(("name", "dropout"), [("distmult", None), ("distmult", 0.3), ("complex", None), ("transe", 0.2)])
def test_a_batch_of_lcwa(name, dropout, regularizers, target):
    ours, theirs = pair(name, dropout, regularizers)
    pairs, labels, _ = LOOPS["lcwa"](ours, HERE.mapped_triples, target=target).batch(None, np.arange(5, 45))
    loss, gradients = ours.lcwa_loss_and_gradients(pairs, labels, target)
    scores = {"head": theirs.score_h, "relation": theirs.score_r, "tail": theirs.score_t}[target](torch.from_numpy(pairs))
    check_gradients(loss, gradients, theirs.loss.process_lcwa_scores(scores, torch.from_numpy(labels)), theirs)


# ---- the layer's regularizer


@pytest.mark.parametrize("normalizer", [None, "normalize"])
@pytest.mark.parametrize(
    ("dtype", "dropout"), [(np.float32, None), (np.float32, 0.4), (np.complex64, None)]
)  # not complex and dropout
@pytest.mark.parametrize(
    "options", [{}, {"weight": 0.5, "p": 3.0}, {"weight": 2.0, "normalize": True}, {"p": 1.0, "dim": None}], ids=str
)
def test_a_layers_regularizer(normalizer, dropout, dtype, options):
    """The term after two lookups, popped once; and the gradient of an output and the term of one lookup."""
    how = {"normalizer": normalizer, "normalizer_kwargs": {"dim": -1} if normalizer else None, "dropout": dropout}
    theirs = pykeen.nn.Embedding(
        max_id=5, shape=(4,), dtype=torch.complex64 if dtype == np.complex64 else torch.float32, regularizer="lp",
        regularizer_kwargs=options, **how,
    )  # fmt: skip
    theirs.reset_parameters()
    ours = Embedding(5, shape=(4,), dtype=dtype, regularizer="lp", regularizer_kwargs=options, compat="pykeen", rng=0, **how)
    ours.weight = theirs._plain_forward(None).detach().numpy().copy()
    torch.manual_seed(3)
    ours.rng.set_state(TorchGenerator(3).get_state())
    for ids in ([0, 0, 3], [[1, 2], [4, 4]]):
        found, expected = ours(ids), theirs(torch.tensor(ids))
        np.testing.assert_allclose(found, expected.detach().numpy(), **TORCH_FLOAT32)
    np.testing.assert_allclose(ours.regularization_term, theirs.regularizer.term.item(), **TORCH_FLOAT32)
    np.testing.assert_allclose(
        ours.pop_regularization_term(), theirs.regularizer.pop_regularization_term().item(), **TORCH_FLOAT32
    )
    assert ours.pop_regularization_term() == theirs.regularizer.pop_regularization_term().item() == 0
    for layer in (ours, theirs):
        layer.eval()
    ours([1])
    theirs(torch.tensor([1]))
    assert ours.regularization_term == theirs.regularizer.term.item() == 0
    for layer in (ours, theirs):
        layer.train()
    ours.zero_grad()
    ids = [[2, 2], [0, 4]]
    output, reference = ours(ids), theirs(torch.tensor(ids))
    rng = np.random.default_rng(0)
    g = rng.normal(size=output.shape) + (1j * rng.normal(size=output.shape) if dtype == np.complex64 else 0)
    g = g.astype(dtype)
    loss = (
        (torch.conj(torch.from_numpy(g)) * reference).real.sum()
        if dtype == np.complex64
        else (torch.from_numpy(g) * reference).sum()
    )
    (loss + theirs.regularizer.pop_regularization_term()).sum().backward()
    expected = theirs._embeddings.weight.grad.numpy().copy().view(dtype).reshape(5, 4)
    np.testing.assert_allclose(ours.backward(g).to_dense(), expected, **PYKEEN_GRADIENT)
