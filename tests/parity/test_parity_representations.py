"""Representations made of others against the PyKEEN that is installed: values, charges, gradients, draws, training, and its findings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerances import PYKEEN_RUN, TORCH_FLOAT64

torch = pytest.importorskip("torch")
pykeen = pytest.importorskip("pykeen")
if not torch.__version__.startswith("2.13.") or torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
    pytest.skip("the stream is that of torch 2.13 on a processor with AVX2", allow_module_level=True)

import pykeen.datasets  # noqa: E402, F811
import pykeen.models  # noqa: E402
import pykeen.nn  # noqa: E402
import pykeen.training  # noqa: E402
from pykeen.nn import representation as theirs  # noqa: E402
from pykeen.nn.combination import Combination  # noqa: E402
from pykeen.regularizers import Regularizer  # noqa: E402

from npembed import Embedding  # noqa: E402
from npembed.kge.datasets import Nations  # noqa: E402
from npembed.kge.models import ERModel  # noqa: E402
from npembed.kge.training import fit  # noqa: E402
from npembed.layers.representations import (  # noqa: E402
    CombinedRepresentation,
    EmbeddingBagRepresentation,
    LowRankRepresentation,
    SubsetRepresentation,
)
from npembed.numerics.random import TorchGenerator  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")
HERE, THEIRS = Nations().training, pykeen.datasets.Nations().training


def array(tensor):
    return tensor.detach().resolve_conj().numpy()


class Sum(Combination):
    def forward(self, xs):
        return torch.stack(xs).sum(dim=0)


class Product(Combination):
    def forward(self, xs):
        return torch.stack(xs).prod(dim=0)


# One representation at a time

NORMALIZED = [
    {},
    {"normalizer": "normalize"},
    {"normalizer": "normalize", "normalizer_kwargs": {"p": 3, "dim": -1}},
    {"normalizer": "softmax"},
]
CHARGED = [{}, *({"regularizer": "lp", "regularizer_kwargs": {"p": p, "weight": 0.5, "normalize": p == 2}} for p in (1, 2, 3))]
INDICES = st.one_of(
    st.none(), *(st.lists(st.integers(0, 4), min_size=n, max_size=n).map(lambda ids, s=s: np.array(ids, int).reshape(s)) for n, s in
                 ((5, (5,)), (6, (2, 3)), (0, (0,)))),
)  # fmt: skip
AROUND = st.builds(
    lambda normalizer, regularizer, dropout: {**normalizer, **regularizer, **({"dropout": dropout} if dropout is not None else {})},
    st.sampled_from(NORMALIZED), st.sampled_from(CHARGED), st.sampled_from([None, 0.0, 0.4]),
)  # fmt: skip
UNIQUE = st.sampled_from([{}, {"unique": True}, {"unique": False}])


def table(n, shape, options):
    """The same options for both; a table of ours, and one of theirs."""
    other = {**options, "dtype": torch.float64}
    return (
        Embedding(n, shape=shape, dtype="float64", compat="pykeen", rng=1, **options),
        pykeen.nn.Embedding(max_id=n, shape=shape, **other),
    )


def embedding(below, around):
    return (
        Embedding(5, shape=4, dtype="float64", compat="pykeen", rng=0, **around),
        pykeen.nn.Embedding(max_id=5, shape=4, dtype=torch.float64, **around),
    )


def subset(below, around):
    base, other = table(7, 4, below[0])
    return (
        SubsetRepresentation(5, base=base, compat="pykeen", rng=0, **around),
        theirs.SubsetRepresentation(max_id=5, base=other, **around),
    )


def low_rank(below, around):
    (base, other), (weight, another) = table(3, (2, 4), below[0]), table(5, 3, below[1])
    return (
        LowRankRepresentation(base=base, weight=weight, compat="pykeen", rng=0, **around),
        theirs.LowRankRepresentation(max_id=5, shape=(2, 4), base=other, weight=another, **around),
    )


def combined(below, around, name="concat", combination=None, shapes=(3, 1)):
    made, others = zip(*(table(5, shape, options) for shape, options in zip(shapes, below, strict=True)), strict=True)
    return (
        CombinedRepresentation(5, base=list(made), combination=name, compat="pykeen", rng=0, **around),
        theirs.CombinedRepresentation(max_id=5, base=list(others), combination=combination, **around),
    )


def bag(mode, around):
    """Without empty bags, which fail there; `unique` is none of its options there."""
    pairs = np.array([[4, 0], [0, 1], [0, 3], [1, 3], [2, 3], [2, 0], [3, 2], [3, 1], [3, 0]])
    around = {name: value for name, value in around.items() if name != "unique"}
    reference = theirs.EmbeddingBagRepresentation(torch.from_numpy(pairs), shape=4, mode=mode, **around).double()
    about = {"shape": 4, "mode": mode, "embedding_bag_kwargs": {"dtype": "float64"}}
    return EmbeddingBagRepresentation(pairs, compat="pykeen", rng=0, **about, **around), reference


def nested(below, around):
    """A product of a low rank, of which a subset is shown, and a table."""
    (base, other), (weight, another) = table(2, 4, below[0]), table(6, 2, below[1])
    low = LowRankRepresentation(base=base, weight=weight, compat="pykeen", rng=0, **below[0])
    lowest = theirs.LowRankRepresentation(max_id=6, shape=4, num_bases=2, base=other, weight=another, **below[0])
    side, beside = table(5, 4, {})
    return (
        CombinedRepresentation(
            base=[SubsetRepresentation(5, base=low, compat="pykeen", rng=0), side], combination="product", compat="pykeen", rng=0, **around
        ),
        theirs.CombinedRepresentation(
            max_id=5, base=[theirs.SubsetRepresentation(max_id=5, base=lowest), beside], combination=Product(), **around
        ),
    )  # fmt: skip


KINDS = {
    "embedding": embedding,
    "subset": subset,
    "low_rank": low_rank,
    "concat": combined,
    "sum": lambda *a: combined(*a, "sum", Sum(), (4, 4)),
    "product": lambda *a: combined(*a, "product", Product(), (4, 4)),
    "nested": nested,
    "bag_sum": lambda _, around: bag("sum", around),
    "bag_mean": lambda _, around: bag("mean", around),
    "bag_max": lambda _, around: bag("max", around),
}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=settings().max_examples // 3)
@given(ids=INDICES, below=st.tuples(AROUND, AROUND), around=AROUND, unique=UNIQUE, seed=st.integers(0, 2**32))
def test_values_charges_and_gradients(kind, ids, below, around, unique, seed):
    made, reference = KINDS[kind](below, {**around, **unique})
    assert made.unique == reference.unique
    state = made.state_dict()
    reference.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})  # the names are PyKEEN's
    assert sorted(state) == sorted(reference.state_dict())
    torch.manual_seed(seed)
    stream = TorchGenerator(seed)
    for part in made.parts:
        part.rng = stream
    looked = made.look_up(ids)
    out = reference(None if ids is None else torch.from_numpy(ids))
    assert looked.output.shape == tuple(out.shape)
    np.testing.assert_allclose(looked.output, array(out), **TORCH_FLOAT64)
    if ids is not None and not ids.size:
        return  # the mean of nothing is NaN there
    np.testing.assert_array_equal(stream.rand(3), torch.rand(3).numpy())  # both streams stand at the same place
    charge = sum(module.term for module in reference.modules() if isinstance(module, Regularizer))
    np.testing.assert_allclose(looked.penalty(), array(torch.as_tensor(charge)).sum(), rtol=1e-6)  # which is float32 there
    g = np.random.default_rng(seed).choice([-1.0, 1.0], out.shape) * np.random.default_rng(seed).uniform(0.5, 2, out.shape)
    ((out * torch.from_numpy(g)).sum() + torch.as_tensor(charge).sum()).backward()
    gradients = {}
    for layer, gradient in looked.pull(g, 1.0):
        gradients[id(layer)] = gradients.get(id(layer), 0) + gradient.to_dense()
    leaves = [m.weight.grad for m in reference.modules() if isinstance(m, (torch.nn.Embedding, torch.nn.EmbeddingBag))]
    assert len(leaves) == len(made.layers)
    for layer, expected in zip(made.layers, leaves, strict=True):
        np.testing.assert_allclose(gradients[id(layer)], array(expected).reshape(layer.weight.shape), rtol=1e-9, atol=1e-11)


# Draws and training

SIDES = {
    "embedding_bag": {"shape": 6, "mode": "sum", "dropout": 0.1},
    "low_rank": {"shape": 6, "num_bases": 4},
    "LowRank": {"shape": 6, "num_bases": 3, "base_kwargs": {"initializer": "xavier_uniform"}, "weight_kwargs": {"dropout": 0.2}},
    "combined": {"base_kwargs": [{"shape": 2, "initializer": "uniform"}, {"shape": 4, "dropout": 0.5}], "dropout": 0.1},
    "subset": {"base_kwargs": {"max_id": 60, "shape": 6, "initializer": "xavier_normal"}, "dropout": 0.1},
    "Embedding": {"shape": 6, "unique": True, "dropout": 0.1},
}
ASSIGNMENTS = {n: [[i, j] for i in range(n) for j in range(i % 5, 8, 1 + i % 7)] for n in (14, 55)}
PAIRS = [
    ("embedding_bag", "low_rank"),
    ("combined", "embedding_bag"),
    ("low_rank", "Embedding"),
    ("combined", "low_rank"),
    ("subset", "combined"),
    ("Embedding", "subset"),
    ("LowRank", "Embedding"),
]


def pair(entity, relation, seed, **about):
    """Our model and PyKEEN's from one seed."""
    asked = {"entity": entity, "relation": relation}
    kinds = {f"{side}_representations": kind for side, kind in asked.items()}
    kwargs = {f"{side}_representations_kwargs": dict(SIDES[kind]) for side, kind in asked.items()}
    for options, n in zip(kwargs.values(), (14, 55), strict=True):
        options |= {"assignment": ASSIGNMENTS[n]} if "mode" in options else {}
    faithful = {name: {**options, "compat": "pykeen"} for name, options in kwargs.items()}
    about = {"interaction": "distmult", "random_seed": seed, **about}
    theirs = {name: kind.replace("_", "").lower() for name, kind in kinds.items()}
    tensors = {
        side: {name: torch.tensor(value) if name == "assignment" else value for name, value in options.items()}
        for side, options in kwargs.items()
    }
    reference = pykeen.models.ERModel(triples_factory=THEIRS, **theirs, **tensors, **about)
    return ERModel(triples_factory=HERE, **kinds, **faithful, **about), reference


def assert_same_state(model, reference, **tolerance):
    found, expected = model.state_dict(), reference.state_dict()
    assert sorted(found) == sorted(expected)
    for name, value in found.items():
        other = array(expected[name])
        if name.endswith(".assignment"):  # sorted by id alone there, and not stably
            value, other = sorted(value.tolist()), sorted(other.tolist())
        np.testing.assert_allclose(value, other, **tolerance, err_msg=name)


@pytest.mark.parametrize(("entity", "relation"), PAIRS)
def test_a_model_has_the_weights_and_masks_of_pykeen(entity, relation):
    for seed in (0, 5):
        model, reference = pair(entity, relation, seed)
        for _ in range(2):
            assert_same_state(model, reference, rtol=0, atol=0)
            hrt = HERE.mapped_triples[seed : seed + 9]
            for ours, other in (
                (model.score_hrt(hrt), reference.score_hrt(torch.from_numpy(hrt))),
                (model.score_t(hrt[:, :2]), reference.score_t(torch.from_numpy(hrt[:, :2]))),
                (model.score_h(hrt[:, 1:]), reference.score_h(torch.from_numpy(hrt[:, 1:]))),
            ):
                np.testing.assert_allclose(ours, array(other), rtol=1e-5, atol=1e-5)
            np.testing.assert_array_equal(model.rng.rand(3), torch.rand(3).numpy())
            model.reset_parameters_()
            reference.reset_parameters_()


@pytest.mark.parametrize("loop", ["slcwa", "lcwa"])
@pytest.mark.parametrize(("entity", "relation"), PAIRS[:5])
def test_a_training_run_follows_pykeens(entity, relation, loop):
    model, reference = pair(entity, relation, 0, loss="softplus")
    optimizer = torch.optim.SGD(reference.get_grad_params(), lr=0.1)
    kind = {"slcwa": pykeen.training.SLCWATrainingLoop, "lcwa": pykeen.training.LCWATrainingLoop}[loop]
    trainer = kind(model=reference, triples_factory=THEIRS, optimizer=optimizer)
    number = {"slcwa": 2, "lcwa": 1}[loop]
    expected = trainer.train(triples_factory=THEIRS, num_epochs=number, batch_size=256, use_tqdm=False)
    epochs = fit(model, HERE.mapped_triples, epochs=number, lr=0.1, loop=loop, replay="pykeen")
    np.testing.assert_allclose([epoch.loss for epoch in epochs], expected, rtol=PYKEEN_RUN)
    assert_same_state(model, reference, rtol=0, atol=PYKEEN_RUN)


# What goes wrong there


def test_their_approximation_never_works():
    """F8, P1: the weights get as many rows as there are bases, and the bases V in the place of its transpose."""
    other = pykeen.nn.Embedding(max_id=10, shape=4)
    with pytest.raises(Exception, match=r"shape|size"):
        theirs.LowRankRepresentation.approximate(other, num_bases=3).base.reset_parameters()
    square = pykeen.nn.Embedding(max_id=4, shape=4)
    low = theirs.LowRankRepresentation.approximate(square, num_bases=4)
    for module in (low.base, low.weight):
        module.reset_parameters()
    exact = array(square())
    assert np.linalg.norm(array(low()) - exact) > 0.1 * np.linalg.norm(exact)
    ours = LowRankRepresentation.approximate(Embedding.from_pretrained(exact), num_bases=4)
    assert np.linalg.norm(ours() - exact) < 1e-6 * np.linalg.norm(exact)


def test_their_subset_goes_around_its_base_and_checks_no_ids():
    """P16: rows of another length than one, and of other things than the subset's."""
    other = pykeen.nn.Embedding(max_id=6, shape=4, normalizer="normalize")
    subset = theirs.SubsetRepresentation(max_id=3, base=other)
    rows = array(other._plain_forward())
    assert (np.abs(np.linalg.norm(array(subset()), axis=1) - 1) > 0.01).all()
    np.testing.assert_array_equal(array(subset(torch.tensor([5]))), rows[[5]])
    ours = SubsetRepresentation(3, base=Embedding.from_pretrained(rows, normalizer="normalize"))
    np.testing.assert_allclose(ours(), array(other())[:3], rtol=1e-6)
    with pytest.raises(IndexError, match=r"^SubsetRepresentation: indices\[0\] = 5"):
        ours([5])


def test_their_combination_goes_around_its_bases_too():
    other = pykeen.nn.Embedding(max_id=6, shape=4, normalizer="normalize", dropout=0.5)
    combined = theirs.CombinedRepresentation(max_id=6, base=[other, other])
    rows = array(other._plain_forward())
    np.testing.assert_array_equal(array(combined()), np.concatenate([rows, rows], axis=1))
    layer = Embedding.from_pretrained(rows, normalizer="normalize", compat="pykeen")
    ours = CombinedRepresentation(base=[layer, layer])
    np.testing.assert_allclose(ours(), np.concatenate([layer()] * 2, axis=1), rtol=0)
    np.testing.assert_array_equal(
        CombinedRepresentation(base=[layer, layer], compat="pykeen")(), np.concatenate([rows, rows], axis=1)
    )


def test_their_bag_fails_on_what_has_no_token():
    """F9, P3: alone, among others and for all; and an id at the end is lost. Here it is a row of zeros."""
    xss = [[0, 1], [], [1]]
    other = theirs.EmbeddingBagRepresentation.from_iter(xss, shape=2)
    for ids in (None, torch.tensor([0, 1]), torch.tensor([1])):
        with pytest.raises(IndexError):
            other(ids)
    assert theirs.EmbeddingBagRepresentation.from_iter([*xss, []], shape=2).max_id == 3
    ours = EmbeddingBagRepresentation.from_iter([*xss, []], shape=2)
    assert ours.max_id == 4
    ours.table.weight = array(other.embedding_bag.weight)
    np.testing.assert_allclose(ours([0, 2]), array(other(torch.tensor([0, 2]))), rtol=1e-6)
    assert not ours([1, 3]).any()


def test_their_bases_may_be_fewer_than_the_weights():
    """A base of its own with another number of rows is warned of, and the first lookup fails; here it sets the number."""
    low = theirs.LowRankRepresentation(max_id=6, shape=4, base=pykeen.nn.Embedding(max_id=5, shape=4))
    with pytest.raises(RuntimeError):
        low()
    assert LowRankRepresentation(6, 4, base=Embedding(5, 4))().shape == (6, 4)
