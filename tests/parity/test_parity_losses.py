"""Losses, the Lp regularizer, the Bernoulli sampler and the filter against PyKEEN, live."""

import inspect
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npembed.embedding.regularizers import expected_norm, lp, lp_vjp
from npembed.kge.losses import LCWA_LOSSES, LOSSES
from npembed.kge.samplers import basic, bernoulli, bernoulli_probabilities, index_triples, keep_mask
from npembed.numerics.random import TorchGenerator

torch = pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("pykeen")
    from pykeen import losses as peers
    from pykeen.datasets import get_dataset
    from pykeen.regularizers import LpRegularizer
    from pykeen.sampling import BasicNegativeSampler, BernoulliNegativeSampler
    from pykeen.sampling.filtering import PythonSetFilterer
    from pykeen.utils import get_expected_norm

pytestmark = pytest.mark.filterwarnings("ignore")

TOLERANCES = {
    # Some ten roundings on either side, and sums in another order. torch's softplus is x itself beyond 20 (off by 2e-9), which only
    # the large scores of `softplus` reach; its value there is 20 or more.
    np.float64: {"rtol": 1e-12, "atol": 1e-14},
    "softplus beyond 20": {"rtol": 2e-10, "atol": 3e-9},
    # torch computes in float32, eps 1.2e-7: a sum of some ten terms of order ten, and exponentials of sums of order ten.
    np.float32: {"rtol": 2e-6, "atol": 1e-6},
    "regularizer": {np.float64: 1e-12, np.float32: 2e-6},  # relative: roots of sums of squares in the precision of torch
}
SEEDS = st.integers(0, 2**32 - 1)
REAL = st.sampled_from([np.float32, np.float64])
CLASSES = {
    "margin_ranking": (peers.MarginRankingLoss, st.fixed_dictionaries({"margin": st.sampled_from([0.0, 0.5, 1.0, -0.25])})),
    "softplus": (peers.SoftplusLoss, st.just({})),
    "bce_with_logits": (peers.BCEWithLogitsLoss, st.fixed_dictionaries({"pos_weight": st.sampled_from([None, 0.5, 3.0])})),
    "mse": (peers.MSELoss, st.just({})),
    "nssa": (
        peers.NSSALoss,
        st.fixed_dictionaries({"margin": st.sampled_from([9.0, 3.0, 0.0]), "adversarial_temperature": st.sampled_from([1.0, 0.5, 2])}),
    ),
    "crossentropy": (peers.CrossEntropyLoss, st.just({})),
}  # fmt: skip
NAMES = st.sampled_from(list(CLASSES))


def scores(rng, shape, dtype, on_grid, scale):
    """Halves, so that pairs at the very margin are common, or anything."""
    return (rng.integers(-4, 5, shape) / 2 if on_grid else scale * rng.normal(size=shape)).astype(dtype)


def gradients(loss, *tensors):
    loss.backward()
    return [t.grad.numpy() for t in tensors]


def assert_same(actual, expected, name, scale):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    beyond = name == "softplus" and scale > 1 and actual.dtype == np.float64
    np.testing.assert_allclose(actual, expected, **TOLERANCES["softplus beyond 20" if beyond else actual.dtype.type])


def test_defaults_are_pykeens():
    attributes = {"margin": "margin", "pos_weight": "pos_weight", "adversarial_temperature": "inverse_softmax_temperature"}
    found = {}
    for name, (peer, _) in CLASSES.items():
        for f in (*LOSSES[name], *LCWA_LOSSES[name]):
            for option, default in (inspect.unwrap(f).__kwdefaults__ or {}).items():
                if option in attributes:
                    assert default == getattr(peer(), attributes[option])
                    found[name, option] = default
    assert found.keys() == {("margin_ranking", "margin"), ("bce_with_logits", "pos_weight")} | {
        ("nssa", option) for option in ("margin", "adversarial_temperature")
    }


@given(
    seed=SEEDS,
    name=NAMES,
    dtype=REAL,
    on_grid=st.booleans(),
    filtered=st.booleans(),
    scale=st.sampled_from([1.0, 10.0]),
    data=st.data(),
)
def test_drawn_negatives(seed, name, dtype, on_grid, filtered, scale, data):
    """`process_slcwa_scores`, with and without `batch_filter`, values and gradients."""
    rng, (peer, options) = np.random.default_rng(seed), CLASSES[name]
    options = data.draw(options)
    b, k = (int(n) for n in rng.integers(1, 6, 2))
    positive, negative = scores(rng, (b, 1), dtype, on_grid, scale), scores(rng, (b, k), dtype, on_grid, scale)
    mask = rng.random((b, k)) < 0.6 if filtered else None
    if filtered:
        mask.flat[rng.integers(b * k)] = True  # with none, PyKEEN's pairs have no mean
    p, n = (torch.tensor(a, requires_grad=True) for a in (positive, negative))
    given = {"batch_filter": torch.tensor(mask)} if filtered else {}
    loss = peer(**options).process_slcwa_scores(p, n[torch.tensor(mask)] if filtered else n, **given)
    if name == "nssa":
        options = {**options, "empty_row": "pykeen"}
    assert_same(LOSSES[name].forward(positive, negative, mask=mask, **options), loss.detach().numpy(), name, scale)
    found = LOSSES[name].vjp(1.0, positive, negative, mask=mask, **options)
    for d, expected in zip(found, gradients(loss, p, n), strict=True):
        assert_same(d, expected, name, scale)


@given(
    seed=SEEDS, name=NAMES, dtype=REAL, on_grid=st.booleans(), kind=st.sampled_from(["0/1", "counts", "smooth"]),
    scale=st.sampled_from([1.0, 10.0]), data=st.data(),
)  # fmt: skip
def test_labels(seed, name, dtype, on_grid, kind, scale, data):
    """`process_lcwa_scores`, values and gradients, wherever PyKEEN has a number."""
    rng, (peer, options) = np.random.default_rng(seed), CLASSES[name]
    options = data.draw(options)
    shape = int(rng.integers(1, 5)), int(rng.integers(2, 6))
    x = scores(rng, shape, dtype, on_grid, scale)
    y = (rng.random(shape) < 0.4).astype(dtype)
    y[:, 0], y[:, 1] = 1, 0  # a true and a false one in each row, or PyKEEN may have NaN
    if kind == "counts" and name != "margin_ranking":  # which forgets such entries
        y *= rng.integers(1, 3, shape)
    if kind == "smooth" and name not in ("margin_ranking", "nssa"):
        y = (0.9 * y + 0.05).astype(dtype)
    s = torch.tensor(x, requires_grad=True)
    loss = peer(**options).process_lcwa_scores(s, torch.tensor(y))
    assert_same(LCWA_LOSSES[name].forward(x, y, **options), loss.detach().numpy(), name, scale)
    assert_same(LCWA_LOSSES[name].vjp(1.0, x, y, **options), gradients(loss, s)[0], name, scale)


def test_rows_without_a_label():
    """Cross entropy and nssa have a number for them in PyKEEN too."""
    x, y = np.array([[0.5, -0.2], [0.1, 0.3]]), np.array([[0.0, 0], [1, 0]])
    for name in ("crossentropy", "nssa"):
        s = torch.tensor(x, requires_grad=True)
        loss = CLASSES[name][0]().process_lcwa_scores(s, torch.tensor(y))
        assert_same(LCWA_LOSSES[name].forward(x, y), loss.detach().numpy(), name, 1)
        assert_same(LCWA_LOSSES[name].vjp(1.0, x, y), gradients(loss, s)[0], name, 1)


def test_where_pykeen_has_nan_we_have_a_number():
    """P18 of the peers' bugs, and the pairs of a batch without any; should PyKEEN mend them, the docstrings need a look."""
    x = np.array([[0.5, -0.2], [0.1, 0.3]])
    for name, y in (
        ("nssa", np.array([[1.0, 1], [1, 0]])),
        ("nssa", np.zeros((2, 2))),
        ("margin_ranking", np.ones((2, 2))),
        ("margin_ranking", np.zeros((2, 2))),
    ):
        assert CLASSES[name][0]().process_lcwa_scores(torch.tensor(x), torch.tensor(y)).isnan()
        assert np.isfinite(LCWA_LOSSES[name].forward(x, y))
    none = np.zeros((2, 2), bool)
    peer = peers.MarginRankingLoss().process_slcwa_scores(
        torch.tensor(x[:, :1]), torch.tensor(x[none]), batch_filter=torch.tensor(none)
    )
    assert peer.isnan()
    assert LOSSES["margin_ranking"].forward(x[:, :1], x, mask=none) == 0


def test_a_label_of_two():
    """PyKEEN's pairs leave such an entry out altogether; here it is true."""
    x, y = np.array([[0.5, -0.2, 1.0]]), np.array([[1.0, 0, 2]])
    theirs = peers.MarginRankingLoss().process_lcwa_scores(torch.tensor(x), torch.tensor(y))
    assert theirs.item() == LCWA_LOSSES["margin_ranking"].forward(x[:, :2], y[:, :2])
    assert LCWA_LOSSES["margin_ranking"].forward(x, y) == LCWA_LOSSES["margin_ranking"].forward(x, np.minimum(y, 1))


# ---- the regularizer


@given(
    seed=SEEDS, dtype=st.sampled_from([np.float32, np.float64, np.complex64, np.complex128]), p=st.sampled_from([1.0, 2.0, 3.0]),
    normalize=st.booleans(), dim=st.sampled_from([-1, 0, None]), shape=st.sampled_from([(4, 3), (2, 3, 5), (1, 1)]), on_grid=st.booleans(),
)  # fmt: skip
def test_lp(seed, dtype, p, normalize, dim, shape, on_grid):
    """Value and gradient; PyKEEN's term is rounded to float32 whatever the rows (F13), so its `forward` is asked."""
    rng = np.random.default_rng(seed)

    def draw():
        return rng.integers(-2, 3, shape) if on_grid else rng.normal(size=shape)

    x = (draw() + 1j * draw() if np.dtype(dtype).kind == "c" else draw()).astype(dtype)
    t = torch.tensor(x, requires_grad=True)
    peer = LpRegularizer(weight=0.3, p=p, normalize=normalize, dim=dim)
    term = 0.3 * peer(t)
    options = {"weight": 0.3, "p": p, "normalize": normalize, "dim": dim, "expected": "pykeen"}
    tolerance = TOLERANCES["regularizer"][np.empty(0, dtype).real.dtype.type]
    value = lp(x, **options)
    assert value.dtype == x.real.dtype
    np.testing.assert_allclose(value, term.detach().numpy(), rtol=tolerance)
    np.testing.assert_allclose(lp_vjp(1.0, x, **options), gradients(term, t)[0], rtol=10 * tolerance, atol=tolerance)
    peer.update(t)
    assert peer.pop_regularization_term().detach().numpy() == pytest.approx([value], rel=2e-6)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, 7])
@pytest.mark.parametrize("d", [1, 2, 50, 1000])
def test_pykeens_constant(p, d):
    assert expected_norm(p, d, expected="pykeen") == pytest.approx(get_expected_norm(p=p, d=d), rel=1e-14)


# ---- samplers


def graph(rng, n, entities, relations):
    return np.stack([rng.integers(0, size, n) for size in (entities, relations, entities)], axis=1)


@settings(max_examples=50)
@given(seed=SEEDS, n=st.integers(1, 300), b=st.integers(0, 40), k=st.integers(1, 4), entities=st.sampled_from([2, 7, 500]))
def test_bernoulli(seed, n, b, k, entities):
    """The same probabilities to the bit and the same draws from the same seed, which go on alike."""
    rng = np.random.default_rng(seed)
    triples = graph(rng, n, entities, 4)
    peer = BernoulliNegativeSampler(
        mapped_triples=torch.tensor(triples), num_entities=entities, num_relations=5, num_negs_per_pos=k
    )
    p = bernoulli_probabilities(triples, 5)
    theirs = peer.corrupt_head_probability.numpy()
    seen = ~np.isnan(theirs)
    assert (p[seen] == theirs[seen]).all()
    assert (p[~seen] == 0.5).all()
    positives, ours = triples[rng.integers(0, n, b)], TorchGenerator(seed)
    torch.manual_seed(seed)
    for _ in range(2):
        expected = peer.corrupt_batch(torch.tensor(positives)).numpy()
        found = bernoulli(ours, positives, num_entities=entities, head_probability=p, num_negatives=k)
        assert (found == expected).all()
        assert found.shape == expected.shape


@pytest.mark.parametrize("name", ["nations", "kinships", "umls"])
def test_bernoulli_on_a_graph(name):
    training = get_dataset(dataset=name).training
    triples = training.mapped_triples.numpy()
    peer = BernoulliNegativeSampler(
        mapped_triples=training.mapped_triples, num_entities=training.num_entities, num_relations=training.num_relations
    )
    p = bernoulli_probabilities(triples, training.num_relations)
    assert (p == peer.corrupt_head_probability.numpy()).all()
    torch.manual_seed(7)
    expected = peer.corrupt_batch(training.mapped_triples[:512]).numpy()
    assert (bernoulli(7, triples[:512], num_entities=training.num_entities, head_probability=p) == expected).all()


@settings(max_examples=50)
@given(
    seed=SEEDS,
    b=st.integers(1, 40),
    k=st.integers(1, 4),
    scheme=st.lists(st.sampled_from(["head", "relation", "tail"]), min_size=1),
)
def test_basic_and_the_filter(seed, b, k, scheme):
    """Basic draws under any corruption scheme, and exact masks of them."""
    rng = np.random.default_rng(seed)
    triples = graph(rng, 200, 6, 3)
    peer = BasicNegativeSampler(
        mapped_triples=torch.tensor(triples), num_entities=6, num_relations=3, num_negs_per_pos=k, corruption_scheme=scheme,
        filtered=True, filterer=PythonSetFilterer,
    )  # fmt: skip
    positives = triples[rng.integers(0, len(triples), b)]
    torch.manual_seed(seed)
    expected, mask = (a.numpy() for a in peer.sample(torch.tensor(positives)))
    found = basic(seed, positives, num_entities=6, num_relations=3, num_negatives=k, corrupt=scheme)
    assert (found == expected).all()
    assert (keep_mask(found, index_triples(triples)) == mask).all()
