"""Monte-Carlo dropout against the PyKEEN that is installed: from one seed, the same weights, masks, means and variances.

Complex rows with dropout are refused by PyKEEN (P17), which leaves DistMult and TransE to compare.
"""

import numpy as np
import pytest
from tolerances import PYKEEN_UNCERTAIN

from npembed.kge import uncertainty
from npembed.kge.datasets import Nations
from npembed.kge.models import ERModel, complex_bilinear, distmult, transe

pytestmark = pytest.mark.filterwarnings("ignore")
torch = pytest.importorskip("torch")
pytest.importorskip("pykeen")

NATIONS = Nations().training
BATCHES = {
    "hrt": [[0, 1, 0], [3, 7, 5], [3, 7, 5], [13, 54, 2]],
    "h": [[1, 0], [7, 5], [54, 2]],
    "r": [[0, 0], [3, 5], [13, 2]],
    "t": [[0, 1], [3, 7], [13, 54]],
}
PRESETS = {
    "distmult": (distmult, {"initializer": "xavier_uniform", "constrainer": "normalize"}, {"initializer": "xavier_normal_norm"}),
    "transe": (transe, {"initializer": "xavier_uniform", "constrainer": "normalize"}, {"initializer": "xavier_uniform_norm"}),
}


@pytest.fixture(scope="module")
def peer():
    from pykeen.datasets import Nations
    from pykeen.models import ERModel, uncertainty

    training = Nations().training

    def made(interaction, entity, relation, seed):
        return ERModel(
            triples_factory=training,
            interaction=interaction,
            interaction_kwargs={"p": 1} if interaction == "transe" else None,
            entity_representations_kwargs=entity,
            relation_representations_kwargs=relation,
            random_seed=seed,
        )

    made.uncertainty = uncertainty
    return made


def theirs(peer, side, model, batch, *count):
    found = getattr(peer.uncertainty, f"predict_{side}_uncertain")(model, torch.tensor(batch), *count)
    return found.score.numpy(), found.uncertainty.numpy()


def ours(side, model, batch, *count):
    return getattr(uncertainty, f"predict_{side}_uncertain")(model, batch, *count)


@pytest.mark.parametrize("rates", [(0.1, 0.1), (0.5, None), (None, 0.3), (0.2, 0.6), (0.0, 0.0), (0.0, 1.0)])
@pytest.mark.parametrize("name", PRESETS)
def test_pykeens_numbers_from_its_seed(peer, name, rates):
    preset, *sides = PRESETS[name]
    for seed, dim in ((0, 3), (42, 17)):
        kwargs = [{"embedding_dim": dim, "dropout": rate, **side} for side, rate in zip(sides, rates, strict=True)]
        model = preset(NATIONS, dim, entity_dropout=rates[0], relation_dropout=rates[1], random_seed=seed)
        their_model = peer(name, *kwargs, seed)
        for side, batch in BATCHES.items():  # one after the other: the second goes on where the first ended
            for count in ((), (2,), (10,)):
                expected = theirs(peer, side, their_model, batch, *count)
                found = ours(side, model, batch, *count)
                for a, b in zip(found, expected, strict=True):
                    assert a.dtype == b.dtype
                    np.testing.assert_allclose(a, b, **PYKEEN_UNCERTAIN)


def test_the_documentations_example(peer):
    rows = {"embedding_dim": 3, "dropout": 0.1}
    model = ERModel(
        triples_factory=NATIONS, interaction="distmult", random_seed=0,
        entity_representations_kwargs=rows, relation_representations_kwargs=rows,
    )  # fmt: skip
    expected = theirs(peer, "hrt", peer("distmult", rows, rows, 0), [[0, 1, 0]] * 4, 100)
    found = ours("hrt", model, [[0, 1, 0]] * 4, 100)
    np.testing.assert_allclose(found, expected, **PYKEEN_UNCERTAIN)


def test_pykeens_samples_have_the_exact_moments(peer):
    """A z-test of one mean: further off than five standard errors in 6e-7 of all seeds."""
    rows = {"embedding_dim": 3, "dropout": 0.1}
    mean, _ = theirs(peer, "hrt", peer("distmult", rows, rows, 0), [[0, 1, 0]] * 2000, 20)
    model = ERModel(
        triples_factory=NATIONS, interaction="distmult", random_seed=0,
        entity_representations_kwargs=rows, relation_representations_kwargs=rows,
    )  # fmt: skip
    exact, variance = (x.item() for x in uncertainty.score_moments(model, [[0, 1, 0]]))
    assert abs(mean.mean(dtype=float) - exact) < 5 * np.sqrt(variance / 40_000)


def test_pykeen_leaves_its_model_in_other_modes_than_it_found_it(peer):
    rows = {"embedding_dim": 3, "dropout": 0.1}
    their_model = peer("distmult", rows, rows, 0).eval()
    batch = torch.tensor([[0, 1, 0]] * 50)
    assert len(set(their_model.score_hrt(batch)[:, 0].tolist())) == 1
    theirs(peer, "hrt", their_model, [[0, 1, 0]])
    assert not their_model.training
    assert len(set(their_model.score_hrt(batch)[:, 0].tolist())) > 1  # "evaluation mode", and random
    model = distmult(NATIONS, 3, entity_dropout=0.1, relation_dropout=0.1, random_seed=0).eval()
    ours("hrt", model, [[0, 1, 0]])
    assert len(set(model.score_hrt(batch.numpy())[:, 0].tolist())) == 1


def test_what_pykeen_answers_where_this_package_refuses_and_the_reverse(peer):
    rows = {"embedding_dim": 3, "dropout": 0.1}
    _, variance = theirs(peer, "hrt", peer("distmult", rows, rows, 0), [[0, 1, 0]], 1)
    assert np.isnan(variance).all()
    with pytest.raises(peer.uncertainty.MissingDropoutError):
        theirs(peer, "hrt", peer("distmult", {"embedding_dim": 3}, {"embedding_dim": 3}, 0), [[0, 1, 0]])
    rows["dtype"] = torch.complex64
    with pytest.raises(NotImplementedError):
        theirs(peer, "hrt", peer("complex", rows, rows, 0), [[0, 1, 0]])
    model = complex_bilinear(NATIONS, 3, entity_dropout=0.1, random_seed=0)
    assert np.isfinite(ours("hrt", model, [[0, 1, 0]])).all()
