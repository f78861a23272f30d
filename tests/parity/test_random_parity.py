"""TorchGenerator against the torch that is installed, bit for bit: random calls in random order, one generator per seed."""

import json
import runpy

import numpy as np
import pytest
from places import GOLDEN

from npembed.numerics.random import TorchGenerator

torch = pytest.importorskip("torch")
if not torch.__version__.startswith("2.13.") or torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
    pytest.skip("the stream is that of torch 2.13 on a processor with AVX2", allow_module_level=True)

MAKE = runpy.run_path(str(GOLDEN / "make_random_torch.py"))
METHODS = ("rand", "uniform", "normal", "normal", "normal", "randint", "randperm", "bernoulli", "bernoulli_each", "random_int64")
LARGE = 10**6 + 5


def assert_bits(found, expected, what=""):
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape), what
    as_bits = (lambda x: x.view(f"u{x.itemsize}")) if found.dtype.kind == "f" else (lambda x: x)
    np.testing.assert_array_equal(as_bits(found), as_bits(expected), err_msg=str(what))


@pytest.mark.parametrize("group", range(10))
def test_three_thousand_random_calls(group):
    drawn = np.random.default_rng(group)
    for _ in range(10):
        seed = int(drawn.integers(-(2**63), 2**63))
        torch.manual_seed(seed)
        rng = TorchGenerator(seed)
        for _ in range(30):
            method, dtype = str(drawn.choice(METHODS)), str(drawn.choice(["float32", "float64"]))
            size = int(drawn.integers(0, 20) if drawn.random() < 0.7 else drawn.integers(20, 1500))
            arguments = MAKE["draw_call"](drawn, method, dtype, size)
            expected = MAKE["ask_torch"](method, arguments)
            assert_bits(getattr(rng, method)(**arguments), expected, (seed, method, arguments))
        assert_bits(rng.random_int64(4), torch.empty(4, dtype=torch.int64).random_().numpy(), seed)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_arrays(dtype):
    torch.manual_seed(3)
    rng, drawn = TorchGenerator(3), np.random.default_rng(3)
    for method in METHODS:
        arguments = MAKE["draw_call"](drawn, method, dtype, LARGE)
        assert_bits(getattr(rng, method)(**arguments), MAKE["ask_torch"](method, arguments), (method, dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.731])
def test_dropout(dtype, rate):
    x = torch.ones(57, 31, dtype=getattr(torch, dtype))
    torch.manual_seed(8)
    rng = TorchGenerator(8)
    for _ in range(3):
        kept = torch.nn.functional.dropout(x, rate, training=True)
        assert_bits(rng.bernoulli(1 - rate, x.shape), (kept != 0).numpy())


def test_dropout_that_draws_nothing():
    torch.manual_seed(8)
    for rate, training in ((0.0, True), (1.0, True), (0.5, False)):
        torch.nn.functional.dropout(torch.ones(40), rate, training=training)
    assert_bits(TorchGenerator(8).rand(4), torch.rand(4).numpy())


def test_dropout_of_a_transposed_tensor_is_drawn_in_the_order_of_memory():
    torch.manual_seed(8)
    kept = torch.nn.functional.dropout(torch.ones(6, 50).T, 0.5)
    assert_bits(TorchGenerator(8).bernoulli(0.5, (6, 50)).T, (kept != 0).numpy())


def test_layers_and_initializers():
    torch.manual_seed(0)
    rng = TorchGenerator(0)
    assert_bits(rng.normal((10, 3)), torch.nn.Embedding(10, 3).weight.detach().numpy())
    assert_bits(rng.normal((2, 3)), torch.nn.Embedding(2, 3).weight.detach().numpy())
    assert_bits(rng.normal((5, 3), dtype=np.float64), torch.nn.Embedding(5, 3, dtype=torch.float64).weight.detach().numpy())
    assert_bits(rng.normal(7), torch.randn(7).numpy())
    bound = (6 / (40 + 30)) ** 0.5
    assert_bits(rng.uniform((30, 40), -bound, bound), torch.nn.init.xavier_uniform_(torch.empty(30, 40)).numpy())
    std = (2 / (40 + 30)) ** 0.5
    assert_bits(rng.normal((30, 40), 0.0, std), torch.nn.init.xavier_normal_(torch.empty(30, 40)).numpy())


def test_a_kept_sine_is_forgotten_by_manual_seed_and_kept_in_the_state():
    torch.manual_seed(0)
    torch.randn(1)
    torch.manual_seed(0)
    assert_bits(TorchGenerator(0).normal(3), torch.randn(3).numpy())
    rng, saved = TorchGenerator(0), None
    torch.manual_seed(0)
    torch.randn(1), rng.normal(1)
    saved, mine = torch.get_rng_state(), rng.get_state()
    torch.randn(5), rng.normal(5)
    torch.set_rng_state(saved), rng.set_state(mine)
    assert_bits(rng.normal(2), torch.randn(2).numpy())


def test_a_generator_object_gives_the_same_stream():
    assert_bits(TorchGenerator(6).randperm(100), torch.randperm(100, generator=torch.Generator().manual_seed(6)).numpy())


def test_the_data_loaders_shuffle():
    torch.manual_seed(4)
    rng = TorchGenerator(4)
    order = torch.cat(list(torch.utils.data.DataLoader(torch.arange(50), batch_size=7, shuffle=True))).numpy()
    rng.random_int64()  # the base seed of the workers
    assert_bits(TorchGenerator(rng.random_int64().item()).randperm(50), order)


def words_whose_outputs_are(outputs):
    """The Mersenne Twister's state words that are tempered to `outputs` (uint32)."""
    y = outputs ^ (outputs >> 18)
    y = y ^ ((y << 15) & 0xEFC60000)
    x = y
    for _ in range(5):
        x = y ^ ((x << 7) & 0x9D2C5680)
    z = x
    for _ in range(3):
        z = x ^ (z >> 11)
    return z


def test_the_corners_of_the_float32_normal():
    """u = 0 and u = 1 - 2**-24 come once in 2**24 draws; here the state is made so that they come at once."""
    corners = np.array(
        [0, 1, 2, 3, 2**24 - 1, 2**24 - 2, 2**23, 2**22, 2**21, 3 * 2**22, 3 * 2**21, 5 * 2**21, 7 * 2**21, 2**23 - 1]
    )
    first, second = (x.ravel()[:192] for x in np.meshgrid(corners, corners))
    outputs = np.zeros(624, np.uint32)
    outputs[:384] = np.stack([first.reshape(-1, 8), second.reshape(-1, 8)], axis=1).ravel()
    rng = TorchGenerator(0)
    rng.set_state({**rng.get_state(), "key": words_whose_outputs_are(outputs), "position": 0})
    torch.manual_seed(0)
    state = torch.get_rng_state().numpy().copy()
    state.view(np.int32)[2] = 624  # how many words are left, plus one
    state.view(np.uint64)[2] = 0  # where the next one is
    state.view(np.uint64)[3 : 3 + 624] = words_whose_outputs_are(outputs)
    torch.set_rng_state(torch.from_numpy(state))
    saved = rng.get_state()
    assert rng.randint(0, 2**24, 384).tolist() == outputs[:384].tolist()
    rng.set_state(saved)
    assert_bits(rng.normal(384), torch.randn(384).numpy())


def test_the_golden_file_is_what_this_torch_draws():
    held = json.loads((GOLDEN / "random_torch.json").read_text(encoding="utf-8"))
    drawn = json.loads(json.dumps(MAKE["make"]()))
    assert drawn["streams"] == held["streams"]
    assert drawn["large"] == held["large"]
