"""Initializers: their distributions, PyKEEN's numbers, names, and the two contracts of callables."""

import functools
import json
import math

import numpy as np
import pytest
from places import GOLDEN as GOLDEN_FILES
from tolerances import PYKEEN_NORMALIZED, SAMPLE_MOMENTS, UNIT_LENGTH

from npembed import Embedding
from npembed.embedding.initializers import INITIALIZERS, initializer
from npembed.numerics.random import NumpyGenerator, TorchGenerator
from npembed.op import normalize_name, resolve

GOLDEN = json.loads((GOLDEN_FILES / "initializers_pykeen.json").read_text(encoding="utf-8"))
GOLDEN = [case for case in GOLDEN if "made with" not in case]
FILLS = ("zeros", "ones", "constant", "pretrained", "eye", "dirac", "random_walk_positional_encoding")
DRAWN = [name for name in INITIALIZERS if name not in FILLS]
ROUNDED = ("init_quaternions", "orthogonal", "uniform_norm_p1", "random_walk_positional_encoding")


def fitting(shape):
    """The names that fill a real table of that shape, with the options that they cannot do without."""
    axes, options = len(shape), {"constant": {"val": 0.3}, "sparse": {"sparsity": 0.5}, "pretrained": {"tensor": np.ones(shape)}}
    options |= {name: {"edge_index": np.empty((2, 0), int)} for name in INITIALIZERS if name[:4] in ("weis", "rand")}
    rows = {"kaiming_uniform", "kaiming_normal", "orthogonal"}
    rows |= {name for name in INITIALIZERS if name.endswith(("_norm", "_norm_p1"))}
    wrong = rows if axes < 2 else set()
    wrong |= set() if axes == 2 else {"eye", "sparse", "random_walk_positional_encoding"}
    wrong |= set() if 3 <= axes <= 5 else {"dirac"}
    wrong |= set() if axes > 1 and shape[-1] == 4 else {"init_quaternions"}
    wrong |= {"init_phases"} if shape[-1] % 2 else set()
    return {name: options.get(name, {}) for name in INITIALIZERS if name not in wrong}


def square(name):
    """A shape that an initializer fills."""
    return (3, 4, 4) if name == "dirac" else (4, 4)


def table(name, shape, dtype=np.float32, seed=0, **options):
    return Embedding(
        shape[0], shape=shape[1:], dtype=dtype, initializer=name, initializer_kwargs=options or None, rng=seed
    ).weight


# PyKEEN's numbers


def test_golden_file_covers_every_initializer():
    assert {case["name"] for case in GOLDEN} == set(INITIALIZERS) - {"pretrained"}


@pytest.mark.parametrize(
    "case", GOLDEN, ids=lambda case: " ".join(str(case[part]) for part in ("name", "dtype", "shape", "seed"))
)
def test_the_numbers_of_pykeen(case):
    name, shape = case["name"], case["shape"]
    compat = "pykeen" if name == "init_quaternions" else None
    found = Embedding(
        shape[0], shape=shape[1:], dtype=case["dtype"], initializer=name, initializer_kwargs=case["options"], rng=case["seed"],
        compat=compat,
    ).weight  # fmt: skip
    found, expected = found.view(np.float32).reshape(-1), np.array(case["numbers"], np.float32)
    if name.endswith("_norm") or name in ROUNDED:
        assert np.abs(found - expected).max() <= PYKEEN_NORMALIZED * np.abs(expected).max()
    elif name == "init_phases":
        np.testing.assert_array_max_ulp(found, expected, maxulp=1)
    else:
        np.testing.assert_array_equal(found, expected)


def test_default_is_normal_and_equals_torch():
    # torch.manual_seed(0); torch.nn.Embedding(2, 3).weight
    expected = [
        [1.5409960746765137, -0.293428897857666, -2.1787893772125244],
        [0.5684312582015991, -1.0845223665237427, -1.3985954523086548],
    ]
    np.testing.assert_array_equal(Embedding(2, 3, rng=0).weight, np.array(expected, np.float32))
    np.testing.assert_array_equal(table("normal", (2, 3)), np.array(expected, np.float32))


# Distributions: what is known of each, on 200 000 numbers


N, D = 4000, 50


def sample(name, **options):
    return table(name, (N, D), np.float64, seed=7, **options).reshape(-1)


@pytest.mark.parametrize(
    ("name", "options", "mean", "std"),
    [
        ("normal", {}, 0.0, 1.0),
        ("normal", {"mean": 2.0, "std": 0.5}, 2.0, 0.5),
        ("uniform", {}, 0.5, math.sqrt(1 / 12)),
        ("uniform", {"a": -3.0, "b": 5.0}, 1.0, 8 * math.sqrt(1 / 12)),
        ("xavier_uniform", {}, 0.0, math.sqrt(2 / D)),
        ("xavier_uniform", {"gain": 3.0}, 0.0, 3 * math.sqrt(2 / D)),
        ("xavier_normal", {}, 0.0, math.sqrt(2 / D)),
        ("xavier_normal", {"gain": 0.5}, 0.0, 0.5 * math.sqrt(2 / D)),
        ("normal_norm", {}, 0.0, math.sqrt(1 / D)),
        ("xavier_normal_norm", {}, 0.0, math.sqrt(1 / D)),
        ("xavier_uniform_norm", {}, 0.0, math.sqrt(1 / D)),
        ("init_phases", {}, 0.0, math.sqrt(0.5)),
    ],
)
def test_mean_and_standard_deviation(name, options, mean, std):
    x = sample(name, **options)
    assert abs(x.mean() - mean) <= SAMPLE_MOMENTS * std
    assert abs(x.std() - std) <= SAMPLE_MOMENTS * std


@pytest.mark.parametrize(
    ("name", "options", "low", "high"),
    [
        ("uniform", {}, 0.0, 1.0),
        ("uniform", {"a": -3.0, "b": 5.0}, -3.0, 5.0),
        ("xavier_uniform", {}, -math.sqrt(6 / D), math.sqrt(6 / D)),
        ("xavier_uniform", {"gain": 3.0}, -3 * math.sqrt(6 / D), 3 * math.sqrt(6 / D)),
    ],
)
def test_uniform_ones_fill_their_interval(name, options, low, high):
    x = sample(name, **options)
    assert low <= x.min() < low + 1e-3 * (high - low)
    assert high - 1e-3 * (high - low) < x.max() < high
    counts, _ = np.histogram(x, bins=10, range=(low, high))
    assert np.abs(counts / len(x) - 0.1).max() <= SAMPLE_MOMENTS


@pytest.mark.parametrize("name", ["normal", "xavier_normal"])
def test_normal_ones_have_the_normal_shape(name):
    x = sample(name)
    x = x / x.std()
    for bound, share in ((1.0, 0.6826895), (2.0, 0.9544997), (3.0, 0.9973002)):
        assert abs((np.abs(x) < bound).mean() - share) <= SAMPLE_MOMENTS


@pytest.mark.parametrize("name", [name for name in DRAWN if name.endswith("_norm")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_norm_ones_end_at_length_one(name, dtype):
    rows = table(name, (20, 7), dtype).astype(np.float64)
    assert np.abs(np.sqrt((rows * rows).sum(axis=1)) - 1).max() <= UNIT_LENGTH[dtype]
    deep = table(name, (5, 6, 3), dtype).astype(np.float64)
    assert np.abs(np.sqrt((deep * deep).sum(axis=1)) - 1).max() <= UNIT_LENGTH[dtype]  # PyKEEN's axis 1, not the last
    assert np.abs(np.sqrt((deep * deep).sum(axis=2)) - 1).max() > 0.01
    last = table(name, (5, 6, 3), dtype, dim=-1).astype(np.float64)
    assert np.abs(np.sqrt((last * last).sum(axis=2)) - 1).max() <= UNIT_LENGTH[dtype]


def test_uniform_norm_stays_in_the_positive_orthant():
    assert (table("uniform_norm", (20, 7)) >= 0).all()
    assert (table("xavier_uniform_norm", (20, 7)) < 0).any()


def test_number_of_rows_enters_torchs_xavier_only():
    # PyKEEN's own counts a fan-in of zero: the same draws give the same numbers for any number of rows
    np.testing.assert_array_equal(table("xavier_uniform", (2, 3)), table("xavier_uniform", (9, 3))[:2])
    rng, same = TorchGenerator(3), TorchGenerator(3)
    few = INITIALIZERS["xavier_uniform_norm"](rng, (4, 3), np.float64)
    u = same.uniform((4, 3), -math.sqrt(6 / 7), math.sqrt(6 / 7), np.float64)
    np.testing.assert_allclose(few, u / np.sqrt((u * u).sum(axis=1, keepdims=True)), rtol=UNIT_LENGTH[np.float64])


def test_phases_lie_on_the_circle_and_go_all_around():
    z = table("init_phases", (2000, 5), np.complex128)
    assert np.abs(np.abs(z) - 1).max() <= UNIT_LENGTH[np.float64]
    counts, _ = np.histogram(np.angle(z), bins=8, range=(-np.pi, np.pi))
    assert counts.min() > 0.9 * z.size / 8
    pairs = table("init_phases", (30, 2), np.float64)
    assert np.abs(np.hypot(pairs[:, 0], pairs[:, 1]) - 1).max() <= UNIT_LENGTH[np.float64]


def test_fills():
    np.testing.assert_array_equal(table("zeros", (2, 3)), np.array([[0.0] * 3] * 2, np.float32))
    np.testing.assert_array_equal(table("ones", (2, 3)), np.array([[1.0] * 3] * 2, np.float32))
    np.testing.assert_array_equal(table("constant", (2, 3), val=-2.5), np.array([[-2.5] * 3] * 2, np.float32))
    np.testing.assert_array_equal(table("ones", (2, 3), np.complex64), np.full((2, 3), 1 + 1j, np.complex64))  # pairs, as PyKEEN


@pytest.mark.parametrize("name", FILLS)
def test_fills_draw_nothing(name):
    rng = TorchGenerator(0)
    initializer(name, fitting(square(name))[name])(rng, square(name), np.float32)
    np.testing.assert_array_equal(rng.rand(4), TorchGenerator(0).rand(4))


# Names


@pytest.mark.parametrize("spelled", ["xavier_uniform", "xavier_uniform_", "XavierUniform", "xavier uniform", "Xavier-Uniform"])
def test_names_resolve_as_in_pykeen(spelled):
    np.testing.assert_array_equal(table(spelled, (3, 4)), table("xavier_uniform", (3, 4)))


@pytest.mark.parametrize("name", INITIALIZERS)
def test_every_name_with_and_without_its_underscores(name):
    shape, options = square(name), fitting(square(name))[name]
    first = initializer(name, options)(0, shape, np.float32)
    for spelled in (name.replace("_", ""), name.upper(), name.title().replace("_", "") + "_"):
        np.testing.assert_array_equal(initializer(spelled, options)(0, shape, np.float32), first)


PYKEENS = (
    "constant", "dirac", "eye", "initphases", "initquaternions", "kaimingnormal", "kaiminguniform", "normal", "normalnorm", "ones",
    "orthogonal", "sparse", "truncnormal", "uniform", "uniformnorm", "xaviernormal", "xaviernormalnorm", "xavieruniform",
    "xavieruniformnorm", "zeros",
)  # fmt: skip


def test_every_key_of_pykeens_resolver_and_its_classes():
    known = {normalize_name(name) for name in INITIALIZERS}
    assert len(set(PYKEENS)) == 20
    assert set(PYKEENS) <= known
    for name, shown in (
        ("WeisfeilerLehmanInitializer", "weisfeiler_lehman"),
        ("RandomWalkPositionalEncodingInitializer", "random_walk_positional_encoding"),
        ("PretrainedInitializer", "pretrained"),
        ("kaiming uniform", "kaiming_uniform"),
    ):
        assert resolve(INITIALIZERS, name, function="f", argument="initializer") == shown


def test_unknown_name_lists_the_known():
    with pytest.raises(KeyError) as caught:
        Embedding(3, 2, initializer="xavier_uniformm")
    message = str(caught.value)
    assert "'xavier_uniformm'" in message
    assert "did you mean 'xavier_uniform'?" in message
    assert all(name in message for name in INITIALIZERS)


def test_unknown_option_lists_the_known():
    with pytest.raises(KeyError, match=r"initializer_kwargs = 'scale' is unknown.*mean, std"):
        Embedding(3, 2, initializer="normal", initializer_kwargs={"scale": 2})
    with pytest.raises(TypeError, match="Embedding: val is missing"):
        Embedding(3, 2, initializer="constant")


# Callables


def test_one_positional_parameter_is_pykeens_contract_in_place():
    def fill_(x):
        x[...] = np.arange(x.size).reshape(x.shape)

    expected = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(Embedding(2, 3, initializer=fill_).weight, expected)


def test_one_positional_parameter_is_pykeens_contract_returning_the_array_or_another():
    def fill_(x):
        x += 5
        return x

    def other(x):
        return np.full(x.shape, 7.0)

    def flat(x):
        return np.arange(6.0)

    # what PyKEEN leaves uninitialised is zero here, so that a run can be repeated
    np.testing.assert_array_equal(Embedding(2, 3, initializer=fill_).weight, np.full((2, 3), 5, np.float32))
    np.testing.assert_array_equal(Embedding(2, 3, initializer=other).weight, np.full((2, 3), 7, np.float32))
    # as many numbers are enough, as for PyKEEN, which views the result as the table
    np.testing.assert_array_equal(Embedding(2, 3, initializer=flat).weight, np.arange(6, dtype=np.float32).reshape(2, 3))


def test_one_positional_parameter_with_further_options():
    def normal_(x, mean=0.0, std=1.0):  # the signature of torch.nn.init.normal_
        x[...] = mean + std

    layer = Embedding(2, 3, initializer=normal_, initializer_kwargs={"mean": 1.5})
    np.testing.assert_array_equal(layer.weight, np.full((2, 3), 2.5, np.float32))


def test_a_complex_table_is_given_as_real_pairs_to_pykeens_contract():
    seen = []

    def fill_(x):
        seen.append((x.shape, x.dtype))
        x[..., 0], x[..., 1] = 3, 4

    layer = Embedding(2, 5, initializer=fill_, dtype=np.complex128)
    assert seen == [((2, 5, 2), np.dtype(np.float64))]
    np.testing.assert_array_equal(layer.weight, np.full((2, 5), 3 + 4j))
    layer = Embedding(2, 5, initializer=lambda x: np.full((2, 5), 1j), dtype=np.complex128)
    np.testing.assert_array_equal(layer.weight, np.full((2, 5), 1j))


def test_three_positional_parameters_are_rng_shape_dtype():
    seen = []

    def draw(rng, shape, dtype):
        seen.append((shape, np.dtype(dtype)))
        return rng.normal(shape, dtype=dtype)

    layer = Embedding(2, shape=(3, 2), initializer=draw, dtype=np.float64, rng=0)
    assert seen == [((2, 3, 2), np.dtype(np.float64))]
    np.testing.assert_array_equal(layer.weight, table("normal", (2, 3, 2), np.float64))


def test_other_callables():
    class Fill:
        def __call__(self, x):
            x[...] = 2

    def with_option(rng, shape, dtype, *, value):
        return np.full(shape, value, dtype)

    two = np.full((2, 3), 2, np.float32)
    np.testing.assert_array_equal(Embedding(2, 3, initializer=Fill()).weight, two)
    np.testing.assert_array_equal(Embedding(2, 3, initializer=lambda *args: np.full(args[1], 2.0)).weight, two)
    np.testing.assert_array_equal(Embedding(2, 3, initializer=functools.partial(with_option, value=2)).weight, two)
    np.testing.assert_array_equal(Embedding(2, 3, initializer=with_option, initializer_kwargs={"value": 2}).weight, two)
    np.testing.assert_array_equal(
        Embedding(2, 3, initializer=INITIALIZERS["normal"], rng=4).weight, table("normal", (2, 3), seed=4)
    )


def test_a_table_does_not_share_memory_with_what_a_callable_returned():
    kept = np.ones((2, 3), np.float32)
    layer = Embedding(2, 3, initializer=lambda x: kept)
    layer.weight[...] = 9
    assert (kept == 1).all()
    layer.reset_parameters()
    assert (layer.weight == 1).all()
    Embedding(2, 3, initializer=lambda x: kept, constrainer=lambda table: 5 * table)
    Embedding(2, 3, initializer=lambda rng, shape, dtype: kept, constrainer=lambda table: 5 * table)
    assert (kept == 1).all()
    for function in (lambda x: kept, lambda rng, shape, dtype: kept):
        assert not np.shares_memory(initializer(function)(0, (2, 3), np.float32), kept)


@pytest.mark.parametrize(
    ("function", "dtype"),
    [
        (lambda x: np.zeros(5), np.float32),
        (lambda rng, shape, dtype: np.zeros((1, 3)), np.float32),
        (lambda rng, shape, dtype: None, np.float32),
        (lambda x: np.zeros((2, 3), complex), np.float32),
        (lambda x: np.zeros(5), np.complex64),
        (lambda x: np.array([["a"] * 3] * 2), np.float32),
    ],
)
def test_a_result_that_does_not_fit_is_refused(function, dtype):
    with pytest.raises(ValueError, match=r"initializer: result is .*; allowed: (float32|complex64) \(2, 3\)"):
        Embedding(2, 3, initializer=function, dtype=dtype)


# Pretrained


@pytest.mark.parametrize("given", ["array", "name"])
def test_pretrained_is_copied_at_construction_and_at_reset(given):
    array = np.arange(6.0).reshape(2, 3)
    first = array.copy()
    how = {"initializer": array} if given == "array" else {"initializer": "pretrained", "initializer_kwargs": {"tensor": array}}
    one, two = Embedding(2, 3, dtype=np.float64, **how), Embedding(2, 3, dtype=np.float64, **how)
    assert not np.shares_memory(one.weight, array)
    assert not np.shares_memory(one.weight, two.weight)
    one.weight[...] = -1
    np.testing.assert_array_equal(array, first)
    np.testing.assert_array_equal(two.weight, first)
    array[...] = 100  # neither does the caller reach the table, now or at a reset
    one.reset_parameters()
    np.testing.assert_array_equal(one.weight, first)
    one.weight[...] = -1
    one.reset_parameters()
    np.testing.assert_array_equal(one.weight, first)


def test_pretrained_is_copied_by_the_function_too():
    array = np.eye(3)
    assert not np.shares_memory(INITIALIZERS["pretrained"](None, (3, 3), np.float64, tensor=array), array)
    assert not np.shares_memory(initializer(array)(None, (3, 3), np.float64), array)


def test_pretrained_takes_the_dtype_of_the_table():
    layer = Embedding(2, 2, initializer=np.array([[1.0, 0.1], [2.0, 3.0]]))
    assert layer.weight.dtype == np.float32
    assert layer.weight[0, 1] == np.float32(0.1)
    layer = Embedding(2, 2, initializer=np.array([[1, 2], [3, 4]]), dtype=np.complex64)
    np.testing.assert_array_equal(layer.weight, np.array([[1, 2], [3, 4]], np.complex64))


def test_pretrained_that_does_not_fit():
    with pytest.raises(ValueError, match=r"pretrained: tensor has shape \(3, 2\); allowed: \(2, 3\), the shape of the table"):
        Embedding(2, 3, initializer=np.zeros((3, 2)))
    with pytest.raises(TypeError, match="pretrained: tensor has dtype complex128; allowed: reals for a float32 table"):
        Embedding(2, 3, initializer=np.zeros((2, 3), complex))


# Where the numbers come from


@pytest.mark.parametrize("name", DRAWN)
def test_int_generator_and_none(name):
    function = initializer(name, fitting((3, 4))[name])
    np.testing.assert_array_equal(function(5, (3, 4), np.float32), function(TorchGenerator(5), (3, 4), np.float32))
    numpy = function(np.random.default_rng(5), (3, 4), np.float32)
    np.testing.assert_array_equal(numpy, function(np.random.default_rng(5), (3, 4), np.float32))
    np.testing.assert_array_equal(numpy, function(NumpyGenerator(np.random.default_rng(5)), (3, 4), np.float32))
    assert not (numpy == function(5, (3, 4), np.float32)).all()
    assert not (function(None, (3, 4), np.float32) == function(None, (3, 4), np.float32)).all()


def test_a_generator_goes_on_where_it_was():
    rng = TorchGenerator(0)
    one, two = Embedding(2, 3, rng=rng, initializer="uniform"), Embedding(2, 3, rng=rng, initializer="uniform")
    twelve = TorchGenerator(0).rand(12)
    np.testing.assert_array_equal(np.concatenate([one.weight.ravel(), two.weight.ravel()]), twelve)
    seeded = Embedding(2, 3, rng=0, initializer="uniform")
    seeded.reset_parameters()
    np.testing.assert_array_equal(seeded.weight.ravel(), twelve[6:])


def test_numpys_generator_draws_the_same_distributions():
    x = initializer("normal", {"mean": 3.0, "std": 2.0})(np.random.default_rng(0), (N, D), np.float64)
    assert abs(x.mean() - 3) <= 2 * SAMPLE_MOMENTS
    assert abs(x.std() - 2) <= 2 * SAMPLE_MOMENTS
    x = initializer("xavier_uniform")(np.random.default_rng(0), (N, D), np.float64)
    assert np.abs(x).max() <= math.sqrt(6 / D)
    assert abs(x.std() - math.sqrt(2 / D)) <= SAMPLE_MOMENTS


EDGES = [(0, 3), (3, 0), (0, 0), (4,), (5,), (0,), (1, 1), (0, 4), (2, 0, 4), (2, 3, 0), (2, 3, 4, 2), (2, 1, 3, 2, 1), (1,) * 6]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", EDGES)
def test_shapes_at_the_edge(shape, dtype):
    """What fits a shape fills it; what does not says so before it draws."""
    for name in INITIALIZERS:
        options = fitting(shape).get(name)
        if options is None:
            with pytest.raises(ValueError, match=r"^\w+: (shape|dim) = .*; allowed: "):
                initializer(name, fitting(square(name))[name])(0, shape, dtype)
            continue
        found = Embedding(shape[0], shape=shape[1:], initializer=name, initializer_kwargs=options, rng=0, dtype=dtype).weight
        assert found.shape == shape
        assert found.dtype == dtype
        assert np.isfinite(found).all()


@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize("shape", [(), (3,), (4,), (2, 3)])
def test_a_complex_table_is_filled_as_pairs(name, shape):
    pairs = (5, *shape, 2)
    options = fitting(pairs).get(name)
    if options is None:
        with pytest.raises(ValueError, match=r"^\w+: (shape|dim) = .*; allowed: "):
            initializer(name, fitting(square(name))[name])(0, (5, *shape), np.complex64)
        return
    expected = INITIALIZERS[name](0, pairs, np.float64, **options)
    if name == "pretrained":
        options = {"tensor": np.full((5, *shape), 1 + 1j)}
    found = initializer(name, options)(0, (5, *shape), np.complex128)
    np.testing.assert_array_equal(found, expected.view(np.complex128)[..., 0])


@pytest.mark.parametrize("name", [name for name in DRAWN if name.endswith("_norm")])
def test_norm_ones_need_rows(name):
    with pytest.raises(ValueError, match=r"shape|dim"):
        Embedding(4, shape=(), initializer=name)
