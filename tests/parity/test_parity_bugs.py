"""The bugs of the peers, on the installed ones: in the versions in which they were seen they are still there."""

import collections
import random
import time

import numpy as np
import pytest

from npembed.verify.known_bugs import agrees, check_bugs

torch = pytest.importorskip("torch")
pytest.importorskip("pykeen")
pytest.importorskip("jax")
safetensors = pytest.importorskip("safetensors")


@pytest.fixture(scope="module")
def outcomes():
    """All of them, in the state and within the time that a user may ask for."""
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 (the generator that others share)
    torch.manual_seed(1)
    before = [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]  # noqa: NPY002
    started = time.process_time()
    found = check_bugs()
    seconds = time.process_time() - started
    after = [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]  # noqa: NPY002
    return found, seconds, before == after


def as_seen(outcome):
    return outcome.version.split("+")[0] == outcome.finding.seen[1]


def test_at_least_25_reproduce(outcomes):
    counts = collections.Counter(o.outcome for o in outcomes[0] if o.finding.peer in ("torch", "pykeen"))
    assert counts["reproduced"] >= 25
    assert counts["undefined"] >= 1


def test_all_are_as_they_were_seen(outcomes):
    """In the versions written down. What reads foreign memory might by chance find what is right there."""
    for o in outcomes[0]:
        if as_seen(o):
            assert o.outcome == "reproduced" or (o.finding.foreign and o.outcome in ("undefined", "fixed")), (
                o.finding.id,
                o.found,
            )
        else:
            assert o.outcome in ("reproduced", "fixed", "changed", "undefined")
    assert {o.finding.peer for o in outcomes[0] if as_seen(o)} >= {"torch", "pykeen", "jax"}


def test_they_are_quick_and_leave_random_numbers_alone(outcomes):
    _, seconds, missing_rows = outcomes
    assert seconds < 20
    assert missing_rows


def test_torch_that_is_mended_shows_as_fixed(monkeypatch):
    """T2 and T13b with a torch that does what is right: bags by torch's own lookup, and norms in float64."""
    real = torch.nn.functional

    def embedding_bag(ids, table, offsets, *, mode, scale_grad_by_freq):
        assert (mode, offsets.tolist()) == ("sum", [0])
        return real.embedding(ids, table, scale_grad_by_freq=scale_grad_by_freq).sum(dim=0, keepdim=True)

    normalize = real.normalize
    monkeypatch.setattr(real, "embedding_bag", embedding_bag)
    monkeypatch.setattr(real, "normalize", lambda x, dim: normalize(x.double(), dim=dim).to(x.dtype))
    found = check_bugs(ids=["T1", "T2", "T13", "T13b"])
    assert [(o.finding.id, o.outcome) for o in found] == [
        ("T1", "reproduced"), ("T2", "fixed"), ("T13", "fixed"), ("T13b", "fixed"),
    ]  # fmt: skip
    assert all(agrees(o.found, o.finding.right, o.finding.rtol) for o in found[1:])
