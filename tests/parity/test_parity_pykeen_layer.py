"""PyKEEN's `Embedding` with any of its options, drawn together, over several steps of any of its optimizers, against ours.

Both sides begin with the same rows and draw the same dropout masks; what is compared after each step is the output, the regularization
term, the gradient and the constrained table. In the default the normalizer works along the row, where PyKEEN is given ``dim=-1`` for
that; under `compat` its own axis is taken.
"""

import functools

import naive
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tolerances import PYKEEN_LAYER

torch = pytest.importorskip("torch")
pytest.importorskip("pykeen")

import pykeen.nn  # noqa: E402
from pykeen.regularizers import LpRegularizer  # noqa: E402

from npembed import Embedding  # noqa: E402
from npembed.embedding.optimizers import OPTIMIZERS  # noqa: E402
from npembed.numerics.random import TorchGenerator  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

DTYPES = {np.float32: torch.float32, np.float64: torch.float64, np.complex64: torch.complex64, np.complex128: torch.complex128}
STEPS = {
    "sgd": (torch.optim.SGD, ({}, {"momentum": 0.5}, {"momentum": 0.5, "nesterov": True, "weight_decay": 0.1})),
    "adagrad": (torch.optim.Adagrad, ({}, {"lr_decay": 0.5})),
    "adam": (torch.optim.Adam, ({}, {"betas": (0.5, 0.75), "weight_decay": 0.1})),
}


@st.composite
def cases(draw):
    """Everything that is to be the same on both sides."""
    seed = draw(st.integers(0, 2**31))
    dtype = draw(st.sampled_from(list(DTYPES)))
    is_complex = np.dtype(dtype).kind == "c"
    row = draw(st.sampled_from(((1,), (3,), (8,), (2, 3))))
    compat = draw(st.sampled_from((None, "pykeen")))
    options: dict = {"dropout": draw(st.sampled_from((None, 0.0, 0.25))) if not is_complex else None}
    theirs = dict(options)
    axis = {} if compat else {"dim": -1}
    normalizer = draw(st.sampled_from((None, "normalize") if is_complex else (None, "normalize", "softmax")))
    if normalizer:
        options["normalizer"] = theirs["normalizer"] = normalizer
        p = {"p": draw(st.sampled_from((1.0, 2.0, 3.0)))} if normalizer == "normalize" else {}
        options["normalizer_kwargs"], theirs["normalizer_kwargs"] = p, {**p, **axis}
    names = {"normalize": {}, "clamp_norm": {"maxnorm": 0.75}, "complex_normalize": {}, "clamp": {"min": -0.5, "max": 0.625}}
    names = {name: kwargs for name, kwargs in names.items() if name != ("clamp" if is_complex else "complex_normalize")}
    constrainer = draw(st.sampled_from((None, *names)))
    if constrainer:
        options["constrainer"] = theirs["constrainer"] = constrainer
        options["constrainer_kwargs"] = names[constrainer]
        theirs["constrainer_kwargs"] = {**names[constrainer], **(axis if constrainer in ("normalize", "clamp_norm") else {})}
    regularizer = draw(
        st.sampled_from((None, {"weight": 0.5, "p": 2.0, "normalize": True}, {"weight": 0.25, "p": 1.0}, {"p": 3.0, "dim": None}))
    )
    if regularizer:
        options["regularizer"], options["regularizer_kwargs"] = "lp", {**regularizer, "expected": "pykeen"}
        theirs["regularizer"], theirs["regularizer_kwargs"] = LpRegularizer, regularizer
    name = draw(st.sampled_from(list(STEPS)))
    optimizer = name, draw(st.sampled_from(STEPS[name][1]))
    rng = np.random.default_rng(seed)
    n = draw(st.integers(2, 6))
    steps = []
    for _ in range(draw(st.integers(1, 3))):
        shape = tuple(
            draw(st.lists(st.integers(1, 3), min_size=1 if compat else 0, max_size=2))
        )  # axis 1 of a single row is none
        ids = None if draw(st.integers(0, 5)) == 0 else rng.integers(0, n, shape)
        steps.append((ids, naive.rows(rng, ((n,) if ids is None else ids.shape) + row, dtype)))
    return seed, dtype, row, compat, options, theirs, optimizer, naive.rows(rng, (n, *row), dtype), steps


def real(array):
    return np.ascontiguousarray(array).view(np.empty(0, array.dtype).real.dtype)


@given(cases())
def test_output_term_gradient_and_steps(case):
    seed, dtype, row, compat, options, theirs, (name, kwargs), table, steps = case
    n = len(table)
    width = real(table).dtype.name
    close = {"rtol": 0.0, "atol": PYKEEN_LAYER["regularized" if width == "float64" and "regularizer" in options else width]}
    if compat and theirs.get("normalizer") == "softmax":
        theirs = {**theirs, "normalizer": functools.partial(torch.nn.functional.softmax)}  # its axis is implicit
    reference = pykeen.nn.Embedding(max_id=n, shape=row, dtype=DTYPES[dtype], **theirs)
    weight = reference._embeddings.weight
    with torch.no_grad():
        weight.copy_(torch.from_numpy(real(table).reshape(weight.shape).copy()))
    reference.post_parameter_update()
    layer = Embedding(weight=table, compat=compat, rng=TorchGenerator(seed), **options)
    np.testing.assert_allclose(layer.weight, _rows(reference, table), **close)
    layer.weight = _rows(reference, table)  # the same bits, so that kinks are on the same side
    torch.manual_seed(seed)
    step, _ = STEPS[name]
    optimizer = step(reference.parameters(), lr=0.125, **kwargs)
    state = OPTIMIZERS[name].state(layer.weight)
    for ids, g in steps:
        optimizer.zero_grad()
        expected = reference(None if ids is None else torch.from_numpy(ids))
        out = layer(ids)
        scale = max(1.0, float(np.abs(out).max(initial=0.0)))
        np.testing.assert_allclose(out / scale, expected.detach().resolve_conj().numpy() / scale, **close)
        loss = (expected * torch.from_numpy(g).conj()).real.sum()
        if reference.regularizer is not None:
            term = reference.regularizer.pop_regularization_term()
            loss = loss + term.to(loss.dtype)[0]
            np.testing.assert_allclose(layer.regularization_term, term.item(), rtol=1e-5)
        loss.backward()
        gradient = layer.backward(g)
        grad = weight.grad.numpy().reshape(real(table).shape)
        size = max(1.0, float(np.abs(grad).max(initial=0.0)))
        assume(size < 1e3)  # a row that is next to zero, which a normalizer divides by
        np.testing.assert_allclose(real(gradient.to_dense()) / size, grad / size, **close)
        optimizer.step()
        reference.post_parameter_update()
        OPTIMIZERS[name].step_(layer.weight, gradient, lr=0.125, state=state, **kwargs)
        layer.zero_grad()
        layer.post_parameter_update()
        if name == "sgd":  # the others divide by the size of a gradient, of which a rounding may be all there is
            np.testing.assert_allclose(layer.weight, _rows(reference, table), **close)
        layer.weight = _rows(reference, table)


def _rows(reference, table):
    """PyKEEN's table as ours is laid out."""
    found = reference._embeddings.weight.detach().numpy().copy()
    return np.ascontiguousarray(found).view(table.dtype).reshape(table.shape)
