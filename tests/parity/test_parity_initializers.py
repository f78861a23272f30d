"""Every initializer of PyKEEN against the one that is installed, from the same seed: drawn shapes, dtypes and options."""

import contextlib
import json
import runpy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import GOLDEN
from tolerances import PYKEEN_FLOAT64, PYKEEN_NORMALIZED, PYKEEN_ORTHOGONAL_FLOAT32

torch = pytest.importorskip("torch")
pytest.importorskip("pykeen")
if not torch.__version__.startswith("2.13.") or torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
    pytest.skip("the stream is that of torch 2.13 on a processor with AVX2", allow_module_level=True)

import pykeen.nn.init  # noqa: E402
from pykeen.datasets import Nations as TheirNations  # noqa: E402

from npembed.embedding.initializers import INITIALIZERS, calculate_gain, initializer  # noqa: E402
from npembed.kge.datasets import Nations  # noqa: E402
from npembed.numerics.random import TorchGenerator  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

SEEDS = st.integers(-(2**63), 2**64 - 1)
DTYPES = st.sampled_from([np.float32, np.float64])
TORCH = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}
SHAPES = [(1, 1), (5, 3), (3, 5), (4, 4), (2, 8), (17, 2), (40, 30), (4, 3, 4), (5, 1, 3), (2, 3, 2, 2)]
ANY, ROWS = st.sampled_from([(5,), (6,), (20,), *SHAPES]), st.sampled_from(SHAPES)
MATRICES = st.sampled_from([shape for shape in SHAPES if len(shape) == 2])


@contextlib.contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(TORCH[np.dtype(dtype)])
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def of_pykeen(name, shape, dtype, seed, options):
    """What PyKEEN's initializer makes of a tensor, as its Embedding then views it."""
    known = {"uniform_norm_p1": pykeen.nn.init.uniform_norm_p1_}
    function = known.get(name) or pykeen.nn.init.initializer_resolver.make(name, options)
    torch.manual_seed(seed)
    return function(torch.empty(shape, dtype=TORCH[np.dtype(dtype)])).view(shape).numpy()


def both(name, shape, dtype, seed, **options):
    """Ours and PyKEEN's, and as many numbers drawn on either side."""
    rng = TorchGenerator(seed)
    found, expected = initializer(name, options)(rng, shape, dtype), of_pykeen(name, shape, dtype, seed, options)
    assert found.dtype == expected.dtype == dtype
    assert found.shape == expected.shape
    np.testing.assert_array_equal(rng.rand(2), torch.rand(2, dtype=torch.float32).numpy())
    return found, expected


def assert_bits(name, shape, dtype, seed, **options):
    np.testing.assert_array_equal(*both(name, shape, dtype, seed, **options))


def assert_close(found, expected, tolerance=None):
    """Relative to the largest entry."""
    tolerance = tolerance or {"float32": PYKEEN_NORMALIZED, "float64": PYKEEN_FLOAT64}[expected.dtype.name]
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


@given(seed=SEEDS, shape=ANY, dtype=DTYPES, data=st.data())
def test_normal_and_uniform(seed, shape, dtype, data):
    name, options = data.draw(
        st.sampled_from(
            [
                ("normal", {"mean": -0.3, "std": 2.7}),
                ("normal", {"std": 0.0}),
                ("uniform", {"a": -0.7, "b": 0.1}),
                ("uniform", {"a": 2.0, "b": 2.0}),
                ("xavier_uniform", {"gain": 1.7}),
                ("xavier_normal", {"gain": 0.3}),
                ("zeros", {}),
                ("ones", {}),
                ("constant", {"val": -0.1}),
            ]
        )
    )
    assert_bits(name, shape, dtype, seed, **options)


@given(
    seed=SEEDS,
    shape=ROWS,
    dtype=DTYPES,
    name=st.sampled_from(["kaiming_uniform", "kaiming_normal"]),
    a=st.sampled_from([0, 0.0, 0.2, 1, -3.0, None]),
    mode=st.sampled_from(["fan_in", "fan_out", "FAN_OUT"]),
    nonlinearity=st.sampled_from(["leaky_relu", "relu", "tanh", "selu", "sigmoid", "linear", "conv2d", "conv_transpose3d"]),
)
def test_kaiming(seed, shape, dtype, name, a, mode, nonlinearity):
    assert_bits(name, shape, dtype, seed, a=a, mode=mode, nonlinearity=nonlinearity)


def test_every_gain_of_torch():
    names = [*torch.nn.init._NonlinearityType.__args__]
    assert len(names) == 12
    for name in names:
        for param in (None, 0, 0.5, 3):
            assert calculate_gain(name, param) == torch.nn.init.calculate_gain(name, param)


@given(
    seed=SEEDS,
    shape=ANY,
    dtype=DTYPES,
    std=st.sampled_from([0.3, 1, 2.5]),
    mean=st.sampled_from([0, -1.3, 2.0]),
    low=st.floats(-3, 3),
    width=st.floats(0.001, 3),
)
def test_trunc_normal(seed, shape, dtype, std, mean, low, width):
    """By both of torch's algorithms: more than .3 of the distribution inside, or less."""
    a = mean + low * std
    assert_bits("trunc_normal", shape, dtype, seed, mean=mean, std=std, a=a, b=a + width * std)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bounds", [{}, {"a": -np.inf}, {"a": 0.1, "b": np.inf}, {"a": 0.5, "b": 0.5}, {"a": 6.0, "b": 7.0}])
def test_trunc_normal_at_the_edges(bounds, dtype):
    for seed in range(20):
        assert_bits("trunc_normal", (30, 7), dtype, seed, **bounds)


def test_trunc_normal_of_many():
    assert_bits("trunc_normal", (2000, 50), np.float32, 0)
    assert_bits("trunc_normal", (2000, 50), np.float32, 0, a=0.5, b=1.0)


@given(
    seed=SEEDS, shape=MATRICES, dtype=DTYPES, sparsity=st.sampled_from([0, 0.1, 0.34, 0.7, 1.0]), std=st.sampled_from([0.01, 3])
)
def test_sparse(seed, shape, dtype, sparsity, std):
    assert_bits("sparse", shape, dtype, seed, sparsity=sparsity, std=std)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_eye_and_dirac(dtype):
    for shape in ((3, 3), (2, 5), (5, 2), (0, 3), (3, 0)):
        assert_bits("eye", shape, dtype, 0)
    for shape in ((4, 3, 5), (6, 2, 1), (2, 6, 4), (4, 3, 3, 2), (6, 2, 3, 4, 5), (0, 3, 3)):
        for groups in (1, 2):
            assert_bits("dirac", shape, dtype, 0, groups=groups)


@given(seed=SEEDS, shape=ROWS, dtype=DTYPES, gain=st.sampled_from([1, 1.7, -0.5]))
def test_orthogonal(seed, shape, dtype, gain):
    """Against torch's QR in float64 of the same numbers; torch's own in float32 is as good as the condition number lets it be."""
    found, expected = both("orthogonal", shape, dtype, seed, gain=gain)
    torch.manual_seed(seed)
    drawn = torch.empty(shape[0], int(np.prod(shape[1:])), dtype=TORCH[np.dtype(dtype)]).normal_().double()
    wide = drawn.shape[0] < drawn.shape[1]
    q, r = torch.linalg.qr(drawn.T if wide else drawn)
    q = q * torch.diag(r).sign()
    exact = gain * (q.T if wide else q).reshape(shape).numpy()
    cond = np.linalg.cond(drawn.numpy())
    assert np.abs(found - exact).max() <= max(PYKEEN_FLOAT64 * cond, np.finfo(dtype).eps) * np.abs(exact).max()
    if dtype == np.float32:
        tolerance = max(PYKEEN_NORMALIZED, PYKEEN_ORTHOGONAL_FLOAT32 * np.finfo(dtype).eps * cond)
        assert_close(found, expected, tolerance)


@given(
    seed=SEEDS,
    shape=ROWS,
    dtype=DTYPES,
    name=st.sampled_from(["xavier_uniform_norm", "xavier_normal_norm", "normal_norm", "uniform_norm", "uniform_norm_p1"]),
)
def test_normalized(seed, shape, dtype, name):
    assert_close(*both(name, shape, dtype, seed))


@given(seed=SEEDS, shape=st.sampled_from([(6,), (20,), (3, 2), (3, 8), (4, 3, 4), (2, 1, 2, 2)]), dtype=DTYPES)
def test_init_phases(seed, shape, dtype):
    np.testing.assert_array_max_ulp(*both("init_phases", shape, dtype, seed), maxulp=1)


@given(
    seed=SEEDS, shape=st.sampled_from([(1, 4), (7, 4), (5, 3, 4), (40, 7, 4), (3, 2, 2, 4)]), dtype=DTYPES, default=st.booleans()
)
def test_init_quaternions_under_compat(seed, shape, dtype, default):
    """PyKEEN draws in the default dtype, whatever that of the table is: float32 numbers, unless somebody changed it."""
    expected = of_pykeen("init_quaternions", shape, dtype, seed, {})
    assert expected.dtype == np.float32
    found = initializer("init_quaternions", compat="pykeen")(seed, shape, dtype)
    assert found.dtype == dtype
    assert_close(found, expected)
    layer = pykeen.nn.Embedding(max_id=shape[0], shape=shape[1:], dtype=TORCH[np.dtype(dtype)], initializer="init_quaternions")
    torch.manual_seed(seed)
    layer.reset_parameters()
    np.testing.assert_array_equal(layer().detach().numpy(), expected)


TRIPLES = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 25), st.integers(1, 60))


def graph(drawn):
    seed, n, m = drawn
    rng = np.random.default_rng(seed)
    return n, np.stack([rng.integers(0, n, m), rng.integers(0, 3, m), rng.integers(0, n, m)], axis=1)


@given(
    seed=SEEDS,
    drawn=TRIPLES,
    shape=st.sampled_from([(), (1,), (5,), (2, 3)]),
    dtype=DTYPES,
    max_iter=st.integers(1, 5),
    color=st.sampled_from([None, "uniform", "xavier_normal"]),
    edges=st.booleans(),
)
def test_weisfeiler_lehman(seed, drawn, shape, dtype, max_iter, color, edges):
    n, triples = graph(drawn)
    options = {"edge_index": triples[:, ::2].T.copy()} if edges else {"mapped_triples": triples}
    theirs = {name: torch.tensor(value) for name, value in options.items()}
    found = initializer("WeisfeilerLehmanInitializer", {"max_iter": max_iter, "color_initializer": color, **options})
    with default_dtype(dtype):
        torch.manual_seed(seed)
        expected = pykeen.nn.init.WeisfeilerLehmanInitializer(
            shape=shape, num_entities=n, max_iter=max_iter, color_initializer=color, **theirs
        ).tensor.numpy()
    np.testing.assert_array_equal(found(seed, (n, *shape), dtype), expected)


@given(
    drawn=TRIPLES,
    width=st.integers(1, 12),
    dtype=DTYPES,
    space_dim=st.sampled_from([0, 1.5, 3]),
    skip_first_power=st.booleans(),
)
def test_random_walk_positional_encoding(drawn, width, dtype, space_dim, skip_first_power):
    n, triples = graph(drawn)
    options = {"space_dim": space_dim, "skip_first_power": skip_first_power}
    with default_dtype(dtype):
        expected = pykeen.nn.init.RandomWalkPositionalEncodingInitializer(
            mapped_triples=torch.tensor(triples), num_entities=n, dim=width + skip_first_power, **options
        ).tensor.numpy()
    name = "RandomWalkPositionalEncodingInitializer"
    found = initializer(name, {"mapped_triples": triples, **options})(None, (n, width), dtype)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert_close(found, expected, PYKEEN_NORMALIZED if dtype == np.float32 else PYKEEN_FLOAT64)


def test_graphs_of_nations_in_a_layer():
    theirs, training = TheirNations().training, Nations().training
    torch.manual_seed(4)
    colors = pykeen.nn.init.WeisfeilerLehmanInitializer(shape=8, triples_factory=theirs, max_iter=3)
    walks = pykeen.nn.init.RandomWalkPositionalEncodingInitializer(dim=9, triples_factory=theirs)
    for name, expected in (("weisfeiler_lehman", colors), ("random_walk_positional_encoding", walks)):
        options = {"max_iter": 3} if name == "weisfeiler_lehman" else {}
        for factory in (training, theirs):  # PyKEEN's own does as well
            found = initializer(name, {"triples_factory": factory, **options})(4, (14, 8), np.float32)
            layer = expected.as_embedding()
            layer.reset_parameters()
            assert_close(found, layer().numpy())


def test_every_key_resolves_and_the_same_shapes_are_refused():
    """But for tables without entries, where PyKEEN divides by zero, or divides nothing by nothing, and we return them."""
    keys = pykeen.nn.init.initializer_resolver.lookup_dict
    assert len(keys) == 20
    shapes = [(5,), (6,), (1,), (1, 1), (5, 3), (5, 4), (4, 3, 4), (2, 3, 2), (4, 2, 2, 2), (2, 2, 2, 2, 4), (1, 1, 1, 1, 1, 2)]
    refused = 0
    for key in keys:
        options = {"constant": {"val": 0.3}, "sparse": {"sparsity": 0.4}}.get(key, {})
        for shape in shapes:
            try:
                of_pykeen(key, shape, np.float32, 0, options)
            except (ValueError, RuntimeError, IndexError):
                refused += 1
                with pytest.raises(ValueError, match="; allowed: "):
                    initializer(key, options)(0, shape, np.float32)
            else:
                assert initializer(key, options)(0, shape, np.float32).shape == shape
    assert 0 < refused < len(keys) * len(shapes)


def test_the_golden_file_is_what_pykeen_gives_today():
    folder = GOLDEN
    make = runpy.run_path(str(folder / "make_initializers_pykeen.py"))
    golden = json.loads((folder / "initializers_pykeen.json").read_text(encoding="utf-8"))[1:]
    cases = list(make["cases"]())
    assert [{**case, "shape": tuple(case["shape"]), "numbers": None} for case in golden] == [
        json.loads(json.dumps(case)) | {"shape": case["shape"], "numbers": None} for case in cases
    ]
    for case, held in zip(cases, golden, strict=True):
        found, expected = np.array(make["numbers"](**case)), np.array(held["numbers"])
        if case["name"] in ("orthogonal", "init_quaternions", "random_walk_positional_encoding"):
            assert_close(found, expected, PYKEEN_NORMALIZED)
        else:
            np.testing.assert_array_equal(found, expected)
    assert INITIALIZERS.keys() - {"pretrained"} == {case["name"] for case in cases}
