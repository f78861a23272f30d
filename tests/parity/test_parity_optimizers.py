"""Optimizers against torch.optim, step by step and state included, and ComplEx and RotatE against PyKEEN, live."""

import inspect
import math

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npembed.embedding.optimizers import (
    OPTIMIZERS,
    adagrad_,
    adagrad_state,
    adam_,
    adam_state,
    clip_grad_norm,
    clip_grad_value,
    sparse_adam_,
    sparse_adam_state,
)
from npembed.embedding.rows import RowSparse
from npembed.kge.interactions import INTERACTIONS

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")

STEPS = {8: 1e-14, 4: 5e-7}
"""Six steps on tables and states of numbers up to four, relative to one or to the number itself where that is larger, by the bytes of a
real: half an ulp (6e-8, 1e-16) a step where torch's vectorized root is off by one, where it rounds ``x + a b`` once (float64) or
twice (complex), or on a machine without fused multiply-add."""

CLIPPED = {8: 1e-14, 4: 3e-6}
"""A norm of some thirty numbers, which torch sums in their dtype (eps 1.2e-7; its power of a root of p = 1/2 doubles the error), and
the product with a factor of it."""

SCORES = {8: {"rtol": 1e-13, "atol": 1e-13}, 4: {"rtol": 1e-5, "atol": 1e-5}}
"""Three factors of order one, a square root, a sum of up to three: PyKEEN rounds each in the dtype (eps 2e-16, 1.2e-7), and the
gradient of a norm divides by a rest that may have cancelled to a twentieth of its terms."""

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]
COMPLEX = [np.complex64, np.complex128]
SEEDS = st.integers(0, 2**32 - 1)
PEERS = {
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sparse_adam": torch.optim.SparseAdam,
}
CASES = [
    ("sgd", {"lr": 0.1}),
    ("sgd", {"lr": 0.1, "momentum": 0.9}),
    ("sgd", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("sgd", {"lr": 0.1, "weight_decay": 0.5}),
    ("sgd", {"lr": 0.1, "momentum": 0.5, "nesterov": True, "weight_decay": 0.5}),
    ("adagrad", {}),
    ("adagrad", {"lr": 0.1, "lr_decay": 0.5}),
    ("adagrad", {"lr": 0.1, "eps": 0.5, "weight_decay": 0.5}),
    ("adam", {}),
    ("adam", {"lr": 0.1, "betas": (0.8, 0.99), "eps": 0.1}),
    ("adam", {"lr": 0.1, "betas": (0.3, 0.6), "weight_decay": 0.5}),
    ("adam", {"lr": 0.1, "betas": (0.0, 0.0)}),
    ("sgd", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.5, "maximize": True}),
    ("adam", {"lr": 0.1, "betas": (0.3, 0.6), "amsgrad": True}),
    ("adamw", {}),
    ("adamw", {"lr": 0.1, "betas": (0.3, 0.6), "weight_decay": 0.5, "amsgrad": True, "maximize": True}),
]
LR, BOOLEANS = st.sampled_from([0.0, 1e-3, 0.1, 0.3]), st.booleans()
DECAY, EPS = st.sampled_from([0.0, 0.01, 0.5]), st.sampled_from([1e-10, 1e-8, 1e-3, 0.5])
BETAS = st.tuples(st.sampled_from([0.0, 0.3, 0.5, 0.9]), st.sampled_from([0.0, 0.6, 0.99, 0.999]))
ADAM = {"lr": LR, "betas": BETAS, "eps": EPS, "maximize": BOOLEANS}
DRAWN = {
    "sgd": {
        "lr": LR, "momentum": st.sampled_from([0.0, 0.3, 0.9]), "dampening": st.sampled_from([0.0, 0.25, 0.7, 1.0]), "nesterov": BOOLEANS,
        "weight_decay": DECAY, "maximize": BOOLEANS,
    },
    "adagrad": {"lr": LR, "lr_decay": st.sampled_from([0.0, 0.5]), "eps": EPS, "weight_decay": DECAY, "maximize": BOOLEANS},
    "adam": {**ADAM, "weight_decay": DECAY, "amsgrad": BOOLEANS},
    "adamw": {**ADAM, "weight_decay": DECAY, "amsgrad": BOOLEANS},
    "sparse_adam": {**ADAM, "lr": st.sampled_from([1e-3, 0.1, 0.3])},
}  # fmt: skip
"""All options of all of torch's. What neither takes, nesterov without momentum or with dampening, is made into what both do."""


def near(actual, expected):
    """Equal dtype and shape; equal within STEPS."""
    expected = expected.detach().numpy()
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    error = np.abs(actual - expected) / np.maximum(np.abs(expected), 1.0)
    assert error.max(initial=0) <= STEPS[actual.real.itemsize]


def draw(rng, shape, dtype):
    """A gradient that leaves out some rows."""
    rows = np.flatnonzero(rng.random(shape[0]) < 0.6)
    return RowSparse(rows, naive.rows(rng, (len(rows), *shape[1:]), dtype), shape[0])


def in_torch(gradient, sparse):
    """The same gradient for torch."""
    if not sparse:
        return torch.tensor(gradient.to_dense())
    return torch.sparse_coo_tensor(torch.tensor(gradient.rows)[None], torch.tensor(gradient.values), gradient.shape)


def compare(seed, dtype, name, options, shape, *, sparse=False):
    """Six steps here, on a sparse gradient with the defaults, and in torch."""
    rng = np.random.default_rng(seed)
    table = naive.rows(rng, shape, dtype)
    parameter = torch.nn.Parameter(torch.tensor(table))
    peer, optimizer = PEERS[name]([parameter], **options), OPTIMIZERS[name]
    state = optimizer.state(table)
    for _ in range(6):
        gradient = draw(rng, shape, dtype)
        parameter.grad = in_torch(gradient, sparse)
        peer.step()
        optimizer.step_(table, gradient, state=state, **options)
        near(table, parameter)
    for key, value in peer.state[parameter].items():
        if value is None:
            continue
        if key == "step":
            assert state[key] == int(value)
        else:
            near(state[key], value.to_dense() if value.is_sparse else value)


@given(
    seed=SEEDS,
    dtype=st.sampled_from(DTYPES),
    case=st.sampled_from(CASES),
    shape=st.sampled_from([(5, 3), (6,), (40, 33), (2, 3, 4), (3, 0), (1, 1)]),
)
def test_six_steps(seed, dtype, case, shape):
    """What PyKEEN does: its gradients are dense."""
    compare(seed, dtype, *case, shape)


@given(
    seed=SEEDS, dtype=st.sampled_from(DTYPES), shape=st.sampled_from([(5, 3), (6,), (2, 3, 4), (3, 0), (1, 1)]), data=st.data()
)
def test_six_steps_with_options_drawn(seed, dtype, shape, data):
    name = data.draw(st.sampled_from(sorted(DRAWN)))
    options = data.draw(st.fixed_dictionaries(DRAWN[name]))
    if name == "sgd":
        options["nesterov"] &= options["momentum"] > 0
        options["dampening"] *= options["momentum"] > 0 and not options["nesterov"]
    sparse = name == "sparse_adam"
    if not sparse and name in ("sgd", "adagrad") and not options["weight_decay"]:
        sparse = data.draw(BOOLEANS) and (name == "sgd" or dtype not in COMPLEX)
    compare(seed, np.empty(0, dtype).real.dtype if name == "sparse_adam" else dtype, name, options, shape, sparse=sparse)


@pytest.mark.parametrize("row", [(3,), (2, 2), ()])
def test_the_means_of_sparse_adam_are_torchs_to_the_bit(row):
    """It rounds each operation, and nothing is fused; of the table only what torch's vectorized root has off by an ulp differs."""
    for dtype in DTYPES[:2]:
        rng = np.random.default_rng(10)
        table = naive.rows(rng, (6, *row), dtype)
        parameter = torch.nn.Parameter(torch.tensor(table))
        peer, state = torch.optim.SparseAdam([parameter], lr=0.1), sparse_adam_state(table)
        for _ in range(6):
            gradient = draw(rng, table.shape, dtype)
            parameter.grad = in_torch(gradient, sparse=True)
            peer.step()
            sparse_adam_(table, gradient, state=state, lr=0.1)
        assert (table == parameter.detach().numpy()).mean() > 0.8
        near(table, parameter)
        for key in ("exp_avg", "exp_avg_sq"):
            assert naive.same_bits(state[key], peer.state[parameter][key].numpy())


def test_what_torch_refuses_of_sparse_adam():
    """Dense gradients and complex tables: here the former touch all rows, and the latter are two numbers each."""
    parameter = torch.nn.Parameter(torch.ones(3, 2))
    parameter.grad = torch.ones(3, 2)
    with pytest.raises(RuntimeError, match="does not support dense gradients"):
        torch.optim.SparseAdam([parameter]).step()
    with pytest.raises(ValueError, match="does not support complex parameters"):
        torch.optim.SparseAdam([torch.nn.Parameter(torch.ones(3, dtype=torch.complex64))])


@pytest.mark.parametrize(
    ("name", "options"), [case for case in CASES if not case[0].startswith("adam") and "weight_decay" not in case[1]]
)
def test_six_steps_on_sparse_gradients(name, options):
    """torch's numbers are those of the dense gradient, momentum included: it is not lazy."""
    for dtype in DTYPES if name == "sgd" else DTYPES[:2]:
        for seed in range(5):
            compare(seed, dtype, name, options, (6, 3), sparse=True)


@pytest.mark.parametrize("name", ["sgd", "adagrad", "adam", "adamw"])
def test_torch_refuses_sparse_gradients_where_it_would_need_the_whole_table(name):
    """Here they may have weight decay and Adam, dense or lazy."""
    parameter = torch.nn.Parameter(torch.ones(3, 2))
    parameter.grad = in_torch(RowSparse(np.array([0]), np.ones((1, 2), np.float32), 3), sparse=True)
    with pytest.raises(RuntimeError):
        PEERS[name]([parameter], lr=0.1, weight_decay=0.5 if name in ("sgd", "adagrad") else 0).step()


def test_most_steps_are_torchs_to_the_bit():
    """In float32 torch's CPU kernels fuse ``x + a b``, and so do we: what is left are its vectorized roots, and one ulp."""
    for name, options in CASES:
        rng = np.random.default_rng(9)
        table = naive.rows(rng, (40, 33), np.float32)
        parameter = torch.nn.Parameter(torch.tensor(table))
        peer, state = PEERS[name]([parameter], **options), OPTIMIZERS[name].state(table)
        gradient = naive.rows(rng, table.shape, np.float32)
        parameter.grad = torch.tensor(gradient)
        peer.step()
        OPTIMIZERS[name].step_(table, gradient, state=state, **options)
        assert (table == parameter.detach().numpy()).mean() > 0.9, name


@pytest.mark.parametrize("name", PEERS)
def test_the_defaults_are_torchs(name):
    theirs = inspect.signature(PEERS[name]).parameters
    for option, parameter in inspect.signature(OPTIMIZERS[name].step_).parameters.items():
        if option not in ("table", "gradient", "state", "missing_rows", "correction"):
            assert parameter.default == theirs[option].default, option
    left = set(theirs) - set(inspect.signature(OPTIMIZERS[name].step_).parameters)
    assert left <= {
        "params",
        "foreach",
        "fused",
        "capturable",
        "differentiable",
        "initial_accumulator_value",
        "decoupled_weight_decay",
    }


def test_lazy_adam_is_sparse_adam_but_for_eps():
    """torch has ``sqrt(v) + eps`` where Adam has ``sqrt(v / (1 - b2^t)) + eps``: with an eps that makes up for it they agree."""
    differs = 0.0
    for dtype in DTYPES[:2]:
        rng = np.random.default_rng(1)
        table = naive.rows(rng, (6, 3), dtype)
        plain, plain_state = table.copy(), adam_state(table)
        parameter = torch.nn.Parameter(torch.tensor(table))
        peer, state = torch.optim.SparseAdam([parameter], lr=0.1, eps=0.1), adam_state(table)
        for t in range(1, 7):
            gradient = draw(rng, table.shape, dtype)
            parameter.grad = in_torch(gradient, sparse=True)
            peer.step()
            adam_(table, gradient, state=state, lr=0.1, eps=0.1 / math.sqrt(1 - 0.999**t), missing_rows="lazy")
            adam_(plain, gradient, state=plain_state, lr=0.1, eps=0.1, missing_rows="lazy")
            near(table, parameter)
            differs = max(differs, float(np.abs(plain - table).max()))
        for key in ("exp_avg", "exp_avg_sq"):
            near(state[key], peer.state[parameter][key])
    assert differs > 0.05


@given(
    seed=SEEDS, dtype=st.sampled_from(DTYPES), norm_type=st.sampled_from([0.5, 1, 2, 3, math.inf]),
    max_norm=st.sampled_from([0.0, 0.1, 1.0, 10.0, 1e4]), shape=st.sampled_from([(5, 3), (6,), (2, 3, 4), (3, 0)]),
)  # fmt: skip
def test_clipping(seed, dtype, norm_type, max_norm, shape):
    rng = np.random.default_rng(seed)
    shape = (3, 1) if norm_type == math.inf and shape == (3, 0) else shape  # torch has no largest of no numbers
    gradients = [naive.rows(rng, shape, dtype), draw(rng, (4, 2), dtype)]
    parameters = [torch.nn.Parameter(torch.zeros(g.shape, dtype=torch.tensor(np.zeros(1, dtype)).dtype)) for g in gradients]
    for parameter, g in zip(parameters, gradients, strict=True):
        parameter.grad = torch.tensor(g.to_dense() if isinstance(g, RowSparse) else g)
    theirs = torch.nn.utils.clip_grad_norm_(parameters, max_norm, norm_type)
    clipped, norm = clip_grad_norm(gradients, max_norm, norm_type)
    assert abs(norm - float(theirs)) <= CLIPPED[np.empty(0, dtype).real.itemsize] * norm
    for parameter, g, before in zip(parameters, clipped, gradients, strict=True):
        ours = g.to_dense() if isinstance(g, RowSparse) else g
        assert isinstance(g, type(before))
        np.testing.assert_allclose(ours, parameter.grad.numpy(), rtol=CLIPPED[ours.real.itemsize])
    if dtype in COMPLEX:
        with pytest.raises(RuntimeError, match="complex"):
            torch.nn.utils.clip_grad_value_(parameters, 1.0)
        return
    torch.nn.utils.clip_grad_value_(parameters, max_norm / 10)
    for parameter, g in zip(parameters, clip_grad_value(clipped, max_norm / 10), strict=True):
        ours = g.to_dense() if isinstance(g, RowSparse) else g
        np.testing.assert_allclose(ours, parameter.grad.numpy(), rtol=CLIPPED[ours.real.itemsize])


def test_clipping_a_norm_that_is_not_finite():
    for value in (math.inf, math.nan):
        g = np.array([value, 1.0, -2.0])
        parameter = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
        parameter.grad = torch.tensor(g)
        theirs = torch.nn.utils.clip_grad_norm_([parameter], 1.0)
        (ours,), norm = clip_grad_norm([g], 1.0)
        np.testing.assert_array_equal([norm, *ours], [float(theirs), *parameter.grad.numpy()])
        with pytest.raises(RuntimeError, match="non-finite"):
            torch.nn.utils.clip_grad_norm_([parameter], 1.0, error_if_nonfinite=True)
        with pytest.raises(ValueError, match="the norm of gradients is"):
            clip_grad_norm([g], 1.0, error_if_nonfinite=True)


def test_torch_clips_no_sparse_gradients():
    parameter = torch.nn.Parameter(torch.ones(3, 2))
    parameter.grad = in_torch(RowSparse(np.array([0]), np.ones((1, 2), np.float32), 3), sparse=True)
    for clip in (torch.nn.utils.clip_grad_norm_, torch.nn.utils.clip_grad_value_):
        with pytest.raises(NotImplementedError):
            clip([parameter], 0.5)


def test_torch_squares_complex_gradients_as_a_whole_where_they_are_sparse():
    """Adagrad of z = 3 + 4i: dense, two reals, each a step of lr; sparse, z / sqrt(z^2) = 1, a step of lr along the real axis."""
    z, found = np.array([[3 + 4j]], np.complex64), {}
    for sparse in (False, True):
        parameter = torch.nn.Parameter(torch.zeros(1, 1, dtype=torch.complex64))
        parameter.grad = in_torch(RowSparse(np.array([0]), z, 1), sparse)
        torch.optim.Adagrad([parameter], lr=0.5).step()
        found[sparse] = parameter.detach().numpy()
    np.testing.assert_allclose(found[False], [[-0.5 - 0.5j]], rtol=1e-6)
    np.testing.assert_allclose(found[True], [[-0.5]], rtol=1e-6)
    table = np.zeros((1, 1), np.complex64)
    adagrad_(table, RowSparse(np.array([0]), z, 1), state=adagrad_state(table), lr=0.5)
    np.testing.assert_array_equal(table, found[False])


# ---- interactions

BATCHES = [
    ((4, 3),) * 3,
    ((3,),) * 3,
    ((2, 1, 3), (2, 1, 3), (1, 4, 3)),
    ((1, 4, 3), (2, 1, 3), (2, 1, 3)),
    ((5, 2), (1, 2), (5, 2)),
]


def agree(name, peer, args, options):
    """Scores and gradients, for a cotangent of either sign."""
    tensors = [torch.tensor(a, requires_grad=True) for a in args]
    expected = peer(*tensors)
    op, tolerance = INTERACTIONS[name].bind(**options), SCORES[args[0].real.itemsize]
    score = op.forward(*args)
    g = np.asarray(naive.rows(np.random.default_rng(8), score.shape, score.dtype))
    expected.backward(torch.tensor(g))
    assert score.dtype == expected.detach().numpy().dtype
    np.testing.assert_allclose(score, expected.detach().numpy(), **tolerance)
    for d, tensor in zip(op.vjp(g, *args), tensors, strict=True):
        theirs = tensor.grad.resolve_conj().numpy()
        assert d.dtype == theirs.dtype
        np.testing.assert_allclose(d, theirs, **tolerance)


@settings(max_examples=50)
@given(seed=SEEDS, dtype=st.sampled_from(COMPLEX), shapes=st.sampled_from(BATCHES))
def test_pykeens_complex_and_rotate(seed, dtype, shapes):
    """RotatE for any r with PyKEEN's choice of what to turn; for rotations, |r| = 1, with ours too, but for dr off the circle."""
    modules = pytest.importorskip("pykeen.nn.modules")
    rng = np.random.default_rng(seed)
    h, r, t = (naive.rows(rng, shape, dtype) for shape in shapes)
    agree("complex", modules.ComplExInteraction(), (h, r, t), {})
    agree("rotate", modules.RotatEInteraction(), (h, r, t), {"turn": "cheaper"})
    r, tolerance = (r / np.abs(r)).astype(dtype), SCORES[h.real.itemsize]
    agree("rotate", modules.RotatEInteraction(), (h, r, t), {"turn": "cheaper"})
    op, args = INTERACTIONS["rotate"], (h, r, t)
    scores = [op.forward(*args, turn=turn) for turn in ("head", "tail")]
    np.testing.assert_allclose(*scores, **tolerance)
    g = np.asarray(naive.rows(rng, scores[0].shape, scores[0].dtype))
    (dh, dr, dt), (dh2, dr2, dt2) = (op.vjp(g, *args, turn=turn) for turn in ("head", "tail"))
    along, along2 = (dr * np.conj(r)).imag, (dr2 * np.conj(r)).imag
    for ours, other in ((dh, dh2), (dt, dt2), (along, along2)):
        np.testing.assert_allclose(ours, other, **tolerance)


@settings(max_examples=50)
@given(
    seed=SEEDS, dtype=st.sampled_from(COMPLEX), shapes=st.sampled_from(BATCHES), p=st.sampled_from([1, 2, 3, math.inf]),
    power_norm=st.booleans(),
)  # fmt: skip
def test_rotate(seed, dtype, shapes, p, power_norm):
    """By torch's own norm, for any r."""
    power_norm = power_norm and p != math.inf
    args = [naive.rows(np.random.default_rng(seed), shape, dtype) for shape in shapes]

    def peer(h, r, t):
        x = h * r - t
        return -(x.abs() ** p).sum(dim=-1) if power_norm else -torch.linalg.vector_norm(x, ord=p, dim=-1)

    agree("rotate", peer, args, {"p": p, "power_norm": power_norm})


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("power_norm", [False, True])
def test_rotate_at_its_kinks(p, power_norm):
    """Where an entry, or all, of h o r - t is zero."""
    h, r, t = np.array([[1 + 1j, 2j], [1j, 2 + 0j]]), np.array([[1j, 1 + 0j]]), np.array([[-1 + 1j, 1j], [-1 + 0j, 2 + 0j]])

    def peer(h, r, t):
        x = h * r - t
        return -(x.abs() ** p).sum(dim=-1) if power_norm else -torch.linalg.vector_norm(x, ord=p, dim=-1)

    agree("rotate", peer, (h, r, t), {"p": p, "power_norm": power_norm})


def test_pykeens_rotate_depends_on_the_batch_where_r_is_no_rotation():
    """Ours is ``-|h o r - t|`` in every layout, PyKEEN's once that and once ``-|h - t o conj(r)|``."""
    modules = pytest.importorskip("pykeen.nn.modules")
    rng = np.random.default_rng(2)
    h, r, t = naive.rows(rng, (5, 3), complex), 2 * naive.rows(rng, (1, 3), complex), naive.rows(rng, (1, 3), complex)
    peer = modules.RotatEInteraction()
    layouts = [(h, r, t), (h[None], r[:, None], t[:, None]), (h[:1], r, t), (t, r, h)]
    found = []
    for args in layouts:
        theirs, ours = peer(*map(torch.tensor, args)).numpy(), INTERACTIONS["rotate"].forward(*args)
        np.testing.assert_allclose(ours, -np.sqrt((np.abs(args[0] * args[1] - args[2]) ** 2).sum(axis=-1)), rtol=1e-13)
        turned_back = INTERACTIONS["rotate"].forward(*args, turn="tail")
        found.append(bool(np.allclose(theirs, ours)))
        assert found[-1] != np.allclose(theirs, turned_back)
        np.testing.assert_allclose(INTERACTIONS["rotate"].forward(*args, turn="cheaper"), theirs, rtol=1e-13)
    assert len(set(found)) == 2


def test_pykeens_rotate_ignores_p_and_power_norm():
    modules = pytest.importorskip("pykeen.nn.modules")
    args = [torch.tensor(naive.rows(np.random.default_rng(seed), (4, 3), complex)) for seed in range(3)]
    assert torch.equal(modules.RotatEInteraction(p=1, power_norm=True)(*args), modules.RotatEInteraction()(*args))
