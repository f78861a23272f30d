"""Whole runs against ``pykeen.pipeline.pipeline``, and the state of a model carried there and back."""

import numpy as np
import pytest
from tolerances import PYKEEN_ADAM_RUN, PYKEEN_RUN, RANK_FLIPS, TORCH_FLOAT32

from npembed import load, pipeline
from npembed.kge.datasets import Nations
from npembed.kge.models import MODELS

pytestmark = pytest.mark.filterwarnings("ignore")
torch = pytest.importorskip("torch")
pytest.importorskip("pykeen")

NATIONS = Nations()
TEST = NATIONS.testing.mapped_triples

SGD = {"optimizer": "SGD", "optimizer_kwargs": {"lr": 0.1}}
RUNS = {
    "transe": {
        "model_kwargs": {"scoring_fct_norm": 2},
        "optimizer": "Adagrad",
        "negative_sampler_kwargs": {"num_negs_per_pos": 3},
    },
    "distmult": {**SGD, "negative_sampler": "bernoulli", "loss": "softplus"},
    "complex": {"optimizer": "Adagrad", "optimizer_kwargs": {"lr": 0.05}, "training_loop": "lcwa", "loss": "softplus"},
    "rotate": {**SGD, "loss_kwargs": {"margin": 2.0}},
}


def asked(model, **more):
    options = {"dataset": "nations", "model": model, "random_seed": 4, **more}
    return {**options, "model_kwargs": {"embedding_dim": 8, **more.get("model_kwargs", {})}}


def both(options, **training):
    """The same options to PyKEEN and to npembed."""
    from pykeen.pipeline import pipeline as peer

    theirs = peer(
        **options, training_kwargs={**training, "use_tqdm": False}, evaluation_kwargs={"use_tqdm": False, "batch_size": 64}, device="cpu"
    )  # fmt: skip
    return theirs, pipeline(**options, training_kwargs=training, replay="pykeen")


@pytest.mark.parametrize("model", RUNS)
def test_a_run_is_pykeens(model):
    theirs, ours = both(asked(model, **RUNS[model]), num_epochs=2, batch_size=300)
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=0, atol=PYKEEN_RUN)
    flat = theirs.metric_results.to_flat_dict()
    assert ours.metrics.keys() == flat.keys()
    ranks = 2 * len(TEST)
    for name, change in (
        ("mr", 1),
        ("mrr", 0.5),
        ("hits@1", 1),
        ("hits@3", 1),
        ("hits@10", 1),
    ):  # the most that one flip does to a rank
        assert abs(ours.get_metric(name) - theirs.get_metric(name)) <= RANK_FLIPS * change / ranks + 1e-6, name
    for layer, there in zip(
        ours.model.layers, (*theirs.model.entity_representations, *theirs.model.relation_representations), strict=True
    ):
        table = there._plain_forward(None).detach().numpy()
        np.testing.assert_allclose(layer.weight, table, rtol=0, atol=PYKEEN_RUN)


def test_the_defaults_are_pykeens():
    """TransE (p = 1), Adam, five epochs of 256, one negative each: nothing is said but the seed."""
    from pykeen.pipeline import pipeline as peer

    options = {"dataset": "nations", "model": "transe", "random_seed": 1}
    quiet = {"evaluation_kwargs": {"use_tqdm": False, "batch_size": 64}, "device": "cpu"}
    theirs = peer(**options, training_kwargs={"batch_size": 256, "use_tqdm": False}, **quiet)
    ours = pipeline(**options, replay="pykeen")
    assert len(ours.losses) == len(theirs.losses) == 5
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=0, atol=PYKEEN_ADAM_RUN)
    assert ours.model.layers[0].shape == theirs.model.entity_representations[0].shape == (50,)


@pytest.mark.parametrize("loop", ["slcwa", "lcwa"])
@pytest.mark.parametrize("model", MODELS)
def test_a_replay_has_the_loss_of_pykeens_pipeline(tmp_path, model, loop):
    """It takes margin ranking for any model unless told; ComplEx itself has softplus."""
    theirs, ours = both(asked(model, training_loop=loop), num_epochs=1, batch_size=800)
    assert type(theirs.model.loss).__name__ == "MarginRankingLoss"
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=0, atol=PYKEEN_RUN)
    ours.save_to_directory(tmp_path / "run")
    assert load(tmp_path / "run").settings["model"]["loss"] == ours.settings["model"]["loss"] == "margin_ranking"


@pytest.mark.parametrize(
    "more",
    [
        {"loss": "softplus"},
        {"model_kwargs": {"loss": "bcewithlogits"}},
        {"loss_kwargs": {"margin": 2.0}},
        {"model_kwargs": {"loss": None}},
    ],
)
def test_a_loss_that_is_said_is_that_of_both(more):
    theirs, ours = both(asked("complex", **more), num_epochs=1, batch_size=800)
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=0, atol=PYKEEN_RUN)


def test_a_model_that_is_made_keeps_its_loss_in_both():
    from pykeen.datasets import get_dataset
    from pykeen.models import ComplEx
    from pykeen.pipeline import pipeline as peer

    theirs = ComplEx(triples_factory=get_dataset(dataset="nations").training, embedding_dim=6, random_seed=1)
    quiet = {"evaluation_kwargs": {"use_tqdm": False, "batch_size": 64}, "device": "cpu"}
    theirs = peer(dataset="nations", model=theirs, random_seed=1, training_kwargs={"num_epochs": 1, "use_tqdm": False}, **quiet)
    ours = MODELS["complex"](NATIONS.training, embedding_dim=6, random_seed=1)
    ours = pipeline(dataset="nations", model=ours, epochs=1, replay="pykeen")
    assert type(theirs.model.loss).__name__ == "SoftplusLoss"
    assert ours.settings["model"]["loss"] == "softplus"


# The state of a model


def models(name, **options):
    """A model of PyKEEN and one of ours, of other seeds, and so with other weights."""
    from pykeen import models as peers
    from pykeen.datasets import get_dataset

    cls = {"transe": peers.TransE, "distmult": peers.DistMult, "complex": peers.ComplEx, "rotate": peers.RotatE}[name]
    theirs = cls(triples_factory=get_dataset(dataset="nations").training, embedding_dim=6, random_seed=1)
    return theirs.eval(), MODELS[name](NATIONS.training, embedding_dim=6, random_seed=2, **options)


def check_same_scores(theirs, ours):
    triples = torch.from_numpy(TEST)
    with torch.inference_mode():
        np.testing.assert_allclose(ours.score_hrt(TEST), theirs.score_hrt(triples).numpy(), **TORCH_FLOAT32)
        np.testing.assert_allclose(ours.score_t(TEST[:, :2]), theirs.score_t(triples[:, :2]).numpy(), **TORCH_FLOAT32)
        np.testing.assert_allclose(ours.score_h(TEST[:, 1:]), theirs.score_h(triples[:, 1:]).numpy(), **TORCH_FLOAT32)


@pytest.mark.parametrize("name", MODELS)
def test_pykeens_state_loads_here(name):
    theirs, ours = models(name)
    before = ours.score_hrt(TEST)
    assert ours.load_state_dict(theirs.state_dict()) is None
    assert (ours.score_hrt(TEST) != before).any()
    check_same_scores(theirs, ours)
    held = [layer.weight.copy() for layer in ours.layers]
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.zero_()
    for layer, weight in zip(ours.layers, held, strict=True):
        np.testing.assert_array_equal(layer.weight, weight)  # a copy


@pytest.mark.parametrize("name", MODELS)
def test_our_state_loads_in_pykeen(name):
    theirs, ours = models(name)
    state, there = ours.state_dict(), theirs.state_dict()
    assert list(state) == sorted(there, key=list(state).index)
    for key, array in state.items():
        assert tuple(there[key].shape) == array.shape, key
        assert there[key].numpy().dtype == array.dtype, key
        if "regularizer" in key:
            np.testing.assert_array_equal(array, there[key].numpy())
    theirs.load_state_dict({key: torch.from_numpy(np.asarray(array)) for key, array in state.items()}, strict=True)
    check_same_scores(theirs, ours)


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_is_read_by_pykeens_names(tmp_path, name):
    safetensors = pytest.importorskip("safetensors.torch")
    result = pipeline(dataset="nations", model=name, model_kwargs={"embedding_dim": 6}, random_seed=2, epochs=1)
    result.save_to_directory(tmp_path / "run")
    theirs, _ = models(name)
    theirs.load_state_dict(safetensors.load_file(tmp_path / "run" / "model.safetensors"), strict=True)
    check_same_scores(theirs, result.model)


def test_what_does_not_fit_is_refused_and_changes_nothing():
    theirs, ours = models("distmult")
    state, before = theirs.state_dict(), ours.layers[0].weight.copy()
    entity, relation = (f"{side}_representations.0._embeddings.weight" for side in ("entity", "relation"))
    for given, error, said in (
        ({entity: state[entity]}, KeyError, "relation_representations.0: state lacks '_embeddings.weight'; allowed"),
        ({**state, relation: state[entity]}, ValueError, r"relation_representations.0: state\['_embeddings.weight'\] has shape \(14, 6\)"),
        ({**state, relation: state[relation].double()}, TypeError, "relation_representations.0: .* has dtype float64; allowed: "),
        ({**state, "loss.margin": state[entity]}, KeyError, "load_state_dict: state = 'loss.margin' is unknown"),
        (dict(theirs.named_parameters()), TypeError, r"entity_representations.0: state\['_embeddings.weight'\] is a Parameter that NumPy"),
        ([state], TypeError, "load_state_dict: state is a list; allowed: a dict of arrays by name"),
    ):  # fmt: skip
        with pytest.raises(error, match=said):
            ours.load_state_dict(given)
        np.testing.assert_array_equal(ours.layers[0].weight, before)
    for other in ("rotate", "complex"):
        with pytest.raises(ValueError, match=r"has shape \(14, 12\); allowed: \(14, 6\)"):
            ours.load_state_dict(models(other)[0].state_dict())
