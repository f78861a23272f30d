"""Kaiming, orthogonal, sparse, eye, dirac, the truncated normal and quaternions: their distributions, against plain loops."""

import math

import numpy as np
import pytest
from tolerances import ORTHOGONAL, PYKEEN_FLOAT64, SAMPLE_MOMENTS, UNIT_LENGTH

from npembed import Embedding
from npembed.embedding.initializers import (
    INITIALIZERS,
    calculate_gain,
    dirac,
    eye,
    init_quaternions,
    kaiming_normal,
    kaiming_uniform,
    orthogonal,
    sparse,
    trunc_normal,
    uniform_norm_p1,
)
from npembed.numerics.random import TorchGenerator

N, D = 4000, 50

# Kaiming


def test_gains_are_those_of_the_table():
    ones = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid")
    assert {calculate_gain(name) for name in ones} == {1.0}
    assert calculate_gain("tanh") == 5 / 3
    assert calculate_gain("relu") == math.sqrt(2)
    assert calculate_gain("selu") == 0.75
    assert calculate_gain("leaky_relu") == math.sqrt(2 / (1 + 0.01**2))
    assert calculate_gain("leaky_relu", 3) == math.sqrt(0.2)
    assert calculate_gain("relu", "not read") == math.sqrt(2)


@pytest.mark.parametrize(
    ("options", "variance"),
    [
        ({}, 2 / D),
        ({"a": 1.0}, 1 / D),
        ({"a": 3.0, "nonlinearity": "relu"}, 2 / D),  # a is not read
        ({"nonlinearity": "linear"}, 1 / D),
        ({"nonlinearity": "tanh"}, 25 / 9 / D),
        ({"mode": "fan_out"}, 2 / N),
        ({"mode": "FAN_IN", "a": None}, 2 / (1 + 0.01**2) / D),
    ],
)
def test_kaiming_has_its_variance(options, variance):
    for function in (kaiming_uniform, kaiming_normal):
        x = function(7, (N, D), np.float64, **options)
        assert abs(x.mean()) <= SAMPLE_MOMENTS * math.sqrt(variance)
        assert abs(x.std() / math.sqrt(variance) - 1) <= SAMPLE_MOMENTS
        deep = function(7, (N, 5, D // 5), np.float64, **options)  # further axes count into the fan
        ratio = D // 5 if options.get("mode") == "fan_out" else 1
        np.testing.assert_allclose(deep.ravel() * math.sqrt(ratio), x.ravel(), rtol=1e-12)
    bound = math.sqrt(3 * variance)
    x = kaiming_uniform(7, (N, D), np.float64, **options)
    assert -bound <= x.min() < -0.999 * bound
    assert 0.999 * bound < x.max() < bound


# Orthogonal


def gram_schmidt(columns):
    """Orthonormal columns, each the normalized rest of a given one after those before it are taken off: R's diagonal is positive."""
    found = []
    for column in columns.T:
        rest = column.copy()
        for _ in range(2):  # the second time for what rounding has left
            for q in found:
                rest = rest - (rest @ q) * q
        found.append(rest / math.sqrt(rest @ rest))
    return np.stack(found, axis=1)


@pytest.mark.parametrize("shape", [(7, 3), (3, 7), (5, 5), (1, 4), (4, 1), (1, 1), (6, 2, 2)])
@pytest.mark.parametrize("gain", [1.0, -2.5, 0.0])
def test_orthogonal_is_gram_schmidt_of_normal_numbers(shape, gain):
    rows, size = shape[0], math.prod(shape[1:])
    drawn = TorchGenerator(3).normal((rows, size), dtype=np.float64)
    q = gram_schmidt(drawn) if rows >= size else gram_schmidt(drawn.T).T
    found = orthogonal(3, shape, np.float64, gain=gain)
    assert np.abs(found - gain * q.reshape(shape)).max() <= PYKEEN_FLOAT64


def test_a_float32_table_is_decomposed_in_float64_and_rounded_once():
    q = gram_schmidt(TorchGenerator(3).normal((40, 6)).astype(np.float64))
    expected = (float(np.float32(-2.7)) * q).astype(np.float32)
    np.testing.assert_array_equal(orthogonal(3, (40, 6), gain=-2.7), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7, 3), (3, 7), (12, 12), (8, 2, 3)])
def test_rows_or_columns_are_orthogonal(shape, dtype):
    q = orthogonal(5, shape, dtype, gain=3.0).reshape(shape[0], -1).astype(np.float64)
    gram = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    assert np.abs(gram - 9 * np.eye(len(gram))).max() <= 9 * ORTHOGONAL[dtype]


def test_orthogonal_matrices_go_all_around():
    """Each entry of a 3 x 3 has the mean 0, the second moment 1/3 and, as for any point of a sphere, the fourth 1/5; det is +-1."""
    q = np.stack([orthogonal(seed, (3, 3), np.float64) for seed in range(1500)])
    error = 4 / math.sqrt(len(q))
    assert np.abs(q.mean(axis=0)).max() <= error
    assert np.abs((q**2).mean(axis=0) - 1 / 3).max() <= error
    assert np.abs((q**4).mean(axis=0) - 1 / 5).max() <= error
    assert abs((np.linalg.det(q) > 0).mean() - 0.5) <= error


# Sparse, eye, dirac


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.61, 1.0, 1])
def test_sparse_has_its_zeros_in_each_column(sparsity):
    x = sparse(3, (200, 9), sparsity=sparsity, std=2.0)
    assert ((x == 0).sum(axis=0) == math.ceil(sparsity * 200)).all()
    if sparsity < 1:
        assert abs(x[x != 0].std() / 2 - 1) <= 0.15
    kept = x != 0
    np.testing.assert_array_equal(x[kept], TorchGenerator(3).normal((200, 9), 0.0, 2.0)[kept])
    if 0 < sparsity < 1:
        assert len(np.unique(x == 0, axis=1).T) == 9  # other rows in each column


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (0, 3)])
def test_eye(shape):
    expected = [[float(i == j) for j in range(shape[1])] for i in range(shape[0])]
    np.testing.assert_array_equal(eye(None, shape, np.float64), np.array(expected).reshape(shape))


@pytest.mark.parametrize("shape", [(4, 3, 5), (6, 2, 1), (2, 6, 4), (4, 3, 3, 2), (6, 2, 3, 4, 5)])
@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_by_loops(shape, groups):
    expected = np.zeros(shape)
    size = shape[0] // groups
    for row in range(shape[0]):
        if row % size < shape[1]:
            expected[(row, row % size, *(n // 2 for n in shape[2:]))] = 1
    np.testing.assert_array_equal(dirac(None, shape, np.float64, groups=groups), expected)


def test_a_dirac_kernel_changes_no_signal():
    signal = np.random.default_rng(0).normal(size=(4, 9))  # four channels
    kernel = dirac(None, (4, 2, 3), np.float64, groups=2)
    for row in range(4):
        group = signal[2 * (row // 2) : 2 * (row // 2) + 2]
        out = sum(np.correlate(channel, k, mode="same") for channel, k in zip(group, kernel[row], strict=True))
        np.testing.assert_array_equal(out, signal[row])


# The truncated normal


def below(z):
    return (1 + math.erf(z / math.sqrt(2))) / 2


@pytest.mark.long
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [
        (0.0, 1.0, -2.0, 2.0),
        (1.0, 0.5, 0.9, 3.0),
        (0.0, 1.0, -math.inf, 0.0),
        (0.0, 1.0, 0.5, 1.0),  # from here on: less than .3 inside
        (0.0, 2.0, -0.1, 0.2),
        (-3.0, 1.0, 0.0, 1.0),  # three standard deviations off, where torch warns
        (4.0, 1.0, 0.0, 1.0),
    ],
)
def test_trunc_normal_has_the_law_of_what_is_inside(mean, std, a, b, dtype):
    x = trunc_normal(1, (N, D), dtype, mean=mean, std=std, a=a, b=b)
    assert ((x >= dtype(a)) & (x <= dtype(b))).all()
    low, high = below((a - mean) / std), below((b - mean) / std)
    for bound in np.linspace(max(a, -4.0), b, 11):
        share = (below((bound - mean) / std) - low) / (high - low)
        assert abs((x <= bound).mean() - share) <= SAMPLE_MOMENTS


def test_trunc_normal_in_one_point():
    assert (trunc_normal(0, (5, 2), a=0.5, b=0.5) == np.float32(0.5)).all()
    assert trunc_normal(0, (0, 2)).shape == (0, 2)
    assert trunc_normal(0, (0, 2), a=1.5).shape == (0, 2)


def test_trunc_normal_never_runs_on_for_ever():
    # the mean rounds up to the float32 above 1, the upper bound down to 1: none of what is drawn is inside
    for mean in (1 + 5.97e-8, 1 + 6.1e-8):  # drawn normal, and uniform
        with pytest.raises(
            ValueError, match=r"trunc_normal: a = 1 and b = 1 hold none of what is drawn .* in float32; allowed: "
        ):
            trunc_normal(0, (20,), mean=mean, std=2e-9, a=1.0, b=1 + 5.95e-8)
        x = trunc_normal(0, (20,), np.float64, mean=mean, std=2e-9, a=1.0, b=1 + 5.95e-8)
        assert ((x >= 1) & (x <= 1 + 5.95e-8)).all()


# Quaternions


def test_quaternions_have_their_moments_and_no_preferred_direction():
    k = 8
    x = init_quaternions(2, (6000, k, 4), np.float64)
    s = 1 / math.sqrt(2 * k)
    modulus = np.sqrt((x * x).sum(axis=-1))
    for bound in (0.25, 0.5, 0.75):  # uniform: the modulus has no preferred size, up to s
        assert abs((modulus < bound * s).mean() - bound) <= SAMPLE_MOMENTS
    assert modulus.max() <= s * (1 + 1e-15)
    assert np.abs(x.mean(axis=(0, 1))).max() <= SAMPLE_MOMENTS * s
    np.testing.assert_allclose((x * x).mean(axis=(0, 1)) * 12 * k, [1, 1 / 3, 1 / 3, 1 / 3], atol=4 * SAMPLE_MOMENTS)
    assert abs((x * x).sum(axis=(1, 2)).mean() - 1 / 6) <= SAMPLE_MOMENTS
    v = x[..., 1:] / np.sqrt((x[..., 1:] ** 2).sum(axis=-1, keepdims=True))
    assert np.abs(v.mean(axis=(0, 1))).max() <= 2 * SAMPLE_MOMENTS
    moments = np.einsum("nki,nkj->ij", v, v) / (v.shape[0] * k)
    assert np.abs(moments - np.eye(3) / 3).max() <= SAMPLE_MOMENTS
    for axis in range(3):  # on a sphere each coordinate is uniform in [-1, 1]
        assert np.abs(np.histogram(v[..., axis], bins=8, range=(-1, 1))[0] / (v.shape[0] * k) - 1 / 8).max() <= SAMPLE_MOMENTS
    angle = np.arctan2(np.sqrt((x[..., 1:] ** 2).sum(axis=-1)), x[..., 0])  # that of the real axis with m (cos t + v sin t)
    assert np.abs(np.histogram(angle, bins=6, range=(0, np.pi))[0] / angle.size - 1 / 6).max() <= SAMPLE_MOMENTS


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_quaternions_are_drawn_in_the_dtype_and_do_not_shrink_with_the_table(dtype):
    small, large = init_quaternions(0, (20, 4, 4), dtype), init_quaternions(0, (5000, 4, 4), dtype)
    assert small.dtype == large.dtype == dtype
    assert abs(small.std() / large.std() - 1) < 0.1
    assert not (init_quaternions(0, (20, 4, 4), np.float64).astype(np.float32) == init_quaternions(0, (20, 4, 4))).any()
    deep = init_quaternions(0, (100, 2, 8, 4), dtype)
    assert abs((deep.astype(np.float64) ** 2).sum(axis=(1, 2, 3)).mean() - 1 / 6) <= 0.01  # k = 16 quaternions in a row
    assert (np.linalg.norm(init_quaternions(0, (900, 4), dtype), axis=-1) <= 1.0001 / math.sqrt(2)).all()  # k = 1


def test_p9_what_pykeen_draws_under_compat():
    """One octant before the sign, shrinking with the table, float32 numbers in a float64 table."""
    x = init_quaternions(0, (50, 6, 4), np.float64, compat="pykeen")
    signs = np.sign(x[..., 1:]).sum(axis=-1)
    assert (np.abs(signs) == 3).all()
    assert (x == x.astype(np.float32)).all()
    assert np.abs(x).max() <= 1 / math.sqrt(2 * 50)
    assert np.abs(init_quaternions(0, (5000, 6, 4), compat="pykeen")).max() <= 1 / math.sqrt(2 * 5000)
    assert (np.abs(np.sign(init_quaternions(0, (50, 6, 4))[..., 1:]).sum(axis=-1)) == 1).any()


def test_compat_reaches_the_initializer_that_knows_it():
    shape = {"max_id": 9, "shape": (5, 4), "rng": 3}
    faithful = init_quaternions(3, (9, 5, 4), compat="pykeen")
    found = Embedding(initializer="init_quaternions", compat="pykeen", **shape).weight
    np.testing.assert_array_equal(found, faithful)
    found = Embedding(initializer="InitQuaternions", initializer_kwargs={"compat": "pykeen"}, **shape).weight
    np.testing.assert_array_equal(found, faithful)
    right = init_quaternions(3, (9, 5, 4))
    np.testing.assert_array_equal(Embedding(initializer="init_quaternions", **shape).weight, right)
    found = Embedding(initializer="init_quaternions", initializer_kwargs={"compat": None}, compat="pykeen", **shape).weight
    np.testing.assert_array_equal(found, right)
    found = Embedding(initializer="normal", compat="pykeen", **shape).weight
    np.testing.assert_array_equal(found, INITIALIZERS["normal"](3, (9, 5, 4)))


# Shares


def test_uniform_norm_p1_gives_shares():
    x = uniform_norm_p1(0, (40, 7), np.float64)
    u = TorchGenerator(0).rand((40, 7), np.float64)
    np.testing.assert_allclose(x, [[entry / sum(row) for entry in row] for row in u.tolist()], rtol=8 * UNIT_LENGTH[np.float64])
    deep = uniform_norm_p1(0, (5, 4, 3))
    assert np.abs(deep.sum(axis=1) - 1).max() <= 3 * UNIT_LENGTH[np.float32]
    assert np.abs(uniform_norm_p1(0, (5, 4, 3), dim=-1).sum(axis=2) - 1).max() <= 3 * UNIT_LENGTH[np.float32]
