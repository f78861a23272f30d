"""npembed.numerics.random without torch: against what torch drew (golden/random_torch.json), fractions, and its own promises."""

import hashlib
import inspect
import itertools
import json
import math
import pathlib
import platform
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from places import GOLDEN as GOLDEN_FILES

import npembed.numerics.random
from npembed.numerics.random import NumpyGenerator, TorchGenerator, float32_math, float64_math, generator

GOLDEN = json.loads((GOLDEN_FILES / "random_torch.json").read_text(encoding="utf-8"))
METHODS = ("rand", "uniform", "normal", "randint", "randperm", "bernoulli", "bernoulli_each", "random_int64")
SAME_LIBRARY = platform.libc_ver()[0] == "glibc"
"""torch's Linux builds call the C library's log, sin and cos; another library may round their last bit otherwise."""


def decode(value):
    if isinstance(value, dict):
        return np.frombuffer(bytes.fromhex(value["bits"]), value["dtype"]).reshape(value["shape"])
    return value


def bits(array):
    return array.view(f"u{array.itemsize}") if array.dtype.kind == "f" else array


def assert_same(found, expected, through_library=False):
    assert isinstance(found, np.ndarray)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    if through_library and not SAME_LIBRARY:
        eps = np.finfo(expected.dtype).eps
        np.testing.assert_allclose(found, expected, rtol=8 * eps, atol=8 * eps * np.abs(expected).max(initial=0))
    else:
        np.testing.assert_array_equal(bits(found), bits(expected))


def one_of_each(rng):
    """A result of every method."""
    return [
        rng.rand((2, 3)),
        rng.rand(3, np.float64),
        rng.uniform(4, -1.0, 2.0),
        rng.normal(3),
        rng.normal(20, 1.0, 0.5, np.float64),
        rng.randint(-3, 7, (5, 1)),
        rng.randperm(9),
        rng.bernoulli(0.3, 40),
        rng.bernoulli_each(np.full((2, 9), 0.5, np.float32)),
        rng.random_int64(),
        rng.normal((), dtype=np.float64),
    ]


def both_kinds():
    return [TorchGenerator(11), NumpyGenerator(np.random.default_rng(11))]


@pytest.mark.parametrize("stream", GOLDEN["streams"], ids=lambda stream: str(stream["seed"]))
def test_torchs_numbers(stream):
    rng = TorchGenerator(stream["seed"])
    for call in stream["calls"]:
        arguments = {name: decode(value) for name, value in call["arguments"].items()}
        found = getattr(rng, call["method"])(**arguments)
        expected = decode(call["result"])
        library = call["method"] == "normal" and (expected.dtype == np.float64 or expected.size < 16)
        assert_same(found, expected, through_library=library)


@pytest.mark.parametrize(
    "call", GOLDEN["large"]["calls"], ids=lambda call: "-".join([call["method"], call["arguments"].get("dtype", "")])
)
def test_torchs_numbers_by_the_hundred_thousand(call):
    if call["method"] == "normal" and call["arguments"]["dtype"] == "float64" and not SAME_LIBRARY:
        pytest.skip("a SHA-256 has no tolerance, and float64 normal numbers depend on the C library")
    found = getattr(TorchGenerator(GOLDEN["large"]["seed"]), call["method"])(**call["arguments"])
    assert hashlib.sha256(found.tobytes()).hexdigest() == call["sha256"]


def test_the_golden_file_holds_every_method_dtype_and_size():
    for stream in GOLDEN["streams"]:
        held = {(c["method"], c["arguments"].get("dtype"), math.prod(c["result"]["shape"])) for c in stream["calls"]}
        for size in (0, 1, 2, 15, 16, 17, 31, 32, 33, 100):
            for dtype in ("float32", "float64"):
                assert {(m, dtype, size) for m in ("rand", "uniform", "normal")} <= held
            assert {(m, None, size) for m in ("randint", "randperm", "bernoulli", "random_int64")} <= held
        assert {c["arguments"]["p"]["dtype"] for c in stream["calls"] if c["method"] == "bernoulli_each"} == {
            "float32",
            "float64",
        }
    assert {stream["seed"] for stream in GOLDEN["streams"]} >= {0, -1, 2**32 + 7}
    ranges = [
        c["arguments"]["high"] - c["arguments"]["low"] for s in GOLDEN["streams"] for c in s["calls"] if c["method"] == "randint"
    ]
    assert min(ranges) < 2**28
    assert any(2**28 <= r < 2**32 for r in ranges)
    assert max(ranges) > 2**62


FIRST_ROW = ["-0x1.20370a0000000p+0", "-0x1.2701140000000p+0", "-0x1.0097ac0000000p-2"]
"""torch.manual_seed(0); torch.nn.Embedding(10, 3).weight[0]"""


def test_the_first_row_of_an_embedding():
    weight = TorchGenerator(0).normal((10, 3))
    assert [x.hex() for x in weight[0].astype(float)] == FIRST_ROW


def test_where_randint_takes_two_words():
    for size, words in ((2**28 - 1, 1), (2**28, 2), (2**32, 2), (2**64 - 1, 2)):
        rng = TorchGenerator(1)
        x = rng.randint(-(2**63) if size > 2**32 else 0, size - 2**63 if size > 2**32 else size, 10)
        assert rng.get_state()["words_drawn"] == 10 * words
        assert x.dtype == np.int64


def test_bernoulli_is_strictly_below_p():
    for dtype in (np.float32, np.float64):
        u = TorchGenerator(3).rand(50, dtype)
        assert not TorchGenerator(3).bernoulli_each(u).any()
        assert TorchGenerator(3).bernoulli_each(np.nextafter(u, dtype(1))).all()
    for p in u.tolist():
        assert ((u < p) == TorchGenerator(3).bernoulli(p, 50)).all()


def test_seeds_with_the_same_low_bits_give_one_stream():
    for seed in (7 + 2**32, 7 - 2**32, np.int64(7), np.uint8(7)):
        assert_same(TorchGenerator(seed).rand(5), TorchGenerator(7).rand(5))
    assert (TorchGenerator(-1).rand(5) == TorchGenerator(2**64 - 1).rand(5)).all()
    assert (TorchGenerator(8).rand(5) != TorchGenerator(7).rand(5)).any()


def test_the_kept_sine_outlives_other_draws():
    rng = TorchGenerator(5)
    together = rng.normal(8, dtype=np.float64)
    rng = TorchGenerator(5)
    first = rng.normal(3, dtype=np.float64)
    kept = rng.get_state()["next_normal"]
    assert kept is not None
    rng.normal(0), rng.normal(16), rng.normal(33, dtype=np.float64), rng.rand(7), rng.randint(0, 5, 3), rng.randperm(4)
    assert rng.get_state()["next_normal"] == kept
    before = rng.get_state()["words_drawn"]
    assert float(rng.normal(1, dtype=np.float64)[0]) == kept == together[3]
    assert rng.get_state()["words_drawn"] == before
    assert rng.get_state()["next_normal"] is None
    assert (first == together[:3]).all()


def test_a_kept_sine_of_a_float64_call_serves_a_float32_call():
    rng = TorchGenerator(5)
    rng.normal(1, dtype=np.float64)
    kept = rng.get_state()["next_normal"]
    assert rng.normal(1, 2.0, 3.0)[0] == np.float32(float(Fraction(kept) * 3 + 2))


def test_uniform_never_gives_high():
    step = 2.0**-23
    assert (TorchGenerator(0).uniform(1000, 1.0, 1.0 + step) == 1.0).all()
    assert set(TorchGenerator(0).uniform(1000, 1.0, 1.0 + 2 * step).tolist()) == {1.0, 1.0 + step}
    assert (TorchGenerator(0).uniform(5, 3.0, 3.0) == 3.0).all()
    for rng in both_kinds():
        assert (rng.uniform(1000, 1.0, 1.0 + step) == 1.0).all()


@pytest.mark.parametrize("rng", both_kinds(), ids=repr)
def test_a_saved_state_goes_on_bit_for_bit(rng):
    rng.normal(3), rng.rand(1000), rng.bernoulli(0.5, 3)  # leaves a sine behind, and an odd place in the stream
    saved = rng.get_state()
    text = json.loads(json.dumps(saved, default=np.ndarray.tolist))
    expected = one_of_each(rng)
    after = repr(rng)
    for resumed in (type(rng).from_state(text), type(rng).from_state(saved)):
        for found, want in zip(one_of_each(resumed), expected, strict=True):
            assert_same(found, want)
        assert repr(resumed) == after
    rng.set_state(saved)
    for found, want in zip(one_of_each(rng), expected, strict=True):
        assert_same(found, want)


def test_a_saved_state_is_a_copy():
    rng = TorchGenerator(1)
    saved = rng.get_state()
    rng.rand(2000)
    assert_same(TorchGenerator.from_state(saved).rand(4), TorchGenerator(1).rand(4))


STREAMS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


def leaves(value, path=()):
    """(path, value) of everything in a nested dict that is none."""
    for key, entry in value.items():
        yield from leaves(entry, (*path, key)) if isinstance(entry, dict) else [((*path, key), entry)]


def replaced(state, path, value):
    """A copy of a nested dict with another value at the end of a path; ... takes the key away."""
    if not path:
        return value
    found = {**state, path[0]: replaced(state.get(path[0]), path[1:], value)}
    return {key: entry for key, entry in found.items() if entry is not ...}


NEVER = [..., "0", b"0", True, 2**5000, math.nan, [], {}, [1], np.array(True), np.array(1)]
WRONG = {
    "seed": [-(2**63) - 1, 2**64], "words_drawn": [-1, 2**63], "position": [-1, 625, 10**6], "pos": [-1, 625, 10**6, -(10**6)],
    "buffer_pos": [-1, 5, 10**6, -(10**6)], "has_uint32": [-1, 2], "uinteger": [-1, 2**32], "state": [-1, 2**128],
    "inc": [-1, 0, 2, 2**128], "next_normal": [math.inf, 8.7, -8.7, 1e300],
}  # fmt: skip


def wrong(key, value):
    """What may not stand in the place of a value in a state."""
    if not isinstance(value, np.ndarray):
        return [*NEVER, *WRONG.get(key, ()), *([] if key == "next_normal" else [None, 1.5, np.float64(0)])]
    above = 2 ** (8 * value.itemsize)
    lists = [[*value.tolist()[:-1], x] for x in (-1, above, True, None, 1.0, "1", [1])]
    arrays = [value.astype(float), value.astype(object)[:, None], value[:-1], np.append(value, value[:1]), value[None], value > 0]
    arrays += [value.astype(complex), value.astype(str), np.full(value.shape, math.nan), -value.astype(np.int64).clip(1, 9)]
    return [*NEVER, None, 1.5, -1, *lists, *arrays, *([0 * value] if len(value) == 624 else [])]


def a_generator(name):
    """One that has drawn an odd number of numbers."""
    rng = TorchGenerator(1) if name == "torch" else NumpyGenerator(np.random.Generator(getattr(np.random, name)(3)))
    rng.normal(1), rng.randint(0, 5, 1)
    return rng


def comparable(state):
    return json.dumps(state, default=np.ndarray.tolist)


@pytest.mark.parametrize("name", ["torch", *STREAMS])
def test_no_field_of_a_state_is_believed(name):
    """Each value of it replaced; NumPy would take most of it, and read foreign memory, or end the process, at the next draw."""
    rng, tried = a_generator(name), 0
    good = rng.get_state()
    for path, value in leaves(good):
        where = "state" + "".join(f"[{key!r}]" for key in path)
        for other in wrong(path[-1], value):
            bad = replaced(good, path, other)
            for function, call in (("set_state", rng.set_state), ("from_state", type(rng).from_state)):
                with pytest.raises((TypeError, ValueError)) as caught:
                    call(bad)
                said = str(caught.value)
                assert said.startswith(f"{function}: state")
                assert where in said or f"lacks {path[-1]!r}" in said or "is a NoneType" in said
                assert "; allowed: " in said
                assert "\n" not in said
                assert len(said) < 500
            tried += 1
    for path in [(), *{whole[:i] for whole, _ in leaves(good) for i in range(1, len(whole))}]:
        for other in (None, 7, [], "x", {}, [("kind", "torch")], {"kind": "numpy"}, {"kind": "torch"}):
            with pytest.raises((TypeError, ValueError), match=r"^set_state: state.*; allowed: "):
                rng.set_state(replaced(good, path, other))
        with pytest.raises(ValueError, match=r"^from_state: state.* has an unknown key 'more'; allowed: "):
            type(rng).from_state(replaced(good, (*path, "more"), 0))
    assert comparable(rng.get_state()) == comparable(good)
    assert tried > 75


@pytest.mark.parametrize("name", ["torch", *STREAMS])
def test_all_that_a_field_of_a_state_may_be_can_be_drawn_from(name):
    rng = a_generator(name)
    good = rng.get_state()
    edges = {
        "position": (0, 1, 624),
        "pos": (0, 1, 624),
        "buffer_pos": range(5),
        "has_uint32": (0, 1),
        "uinteger": (0, 2**32 - 1),
    }
    edges |= {"inc": (1, 2**128 - 1), "state": (0, 2**128 - 1), "next_normal": (None, 8.57, -8.57, 0), "words_drawn": (0, 2**62)}
    edges |= {"seed": (-(2**63), 2**64 - 1)}
    for path, value in leaves(good):
        values = edges.get(path[-1], ()) if not isinstance(value, np.ndarray) else ()
        if isinstance(value, np.ndarray):
            values = (
                value.tolist(),
                tuple(value.tolist()),
                value.astype(np.uint64),
                list(value),
                value * 0 + value.dtype.type(1),
            )
        for other in values:
            rng.set_state(replaced(good, path, other))
            numbers = rng.rand(2000)
            assert 0 <= numbers.min() < numbers.max() < 1


def test_a_state_of_another_stream_is_refused():
    states = {name: a_generator(name).get_state() for name in ("torch", *STREAMS)}
    for name, other in itertools.permutations(states, 2):
        with pytest.raises(ValueError, match=r"^set_state: state\['.*'\] = '.*' is not a choice; allowed: '.*'$"):
            a_generator(name).set_state(states[other])


def test_streams_that_numpy_does_not_know():
    class Drawn(np.random.MT19937):
        pass

    rng = NumpyGenerator(np.random.Generator(Drawn(3)))
    good = rng.get_state()
    expected = rng.rand(3)
    rng.set_state(good)
    assert_same(rng.rand(3), expected)
    with pytest.raises(
        ValueError, match=r"set_state: state\['bit_generator'\]\['state'\]\['pos'\] = 625 is out of range; allowed: "
    ):
        rng.set_state(replaced(good, ("bit_generator", "state", "pos"), 625))
    for name in ("Drawn", "os"):
        with pytest.raises(ValueError, match=f"from_state: .* = '{name}' is not a choice; allowed: 'PCG64', "):
            NumpyGenerator.from_state(replaced(good, ("bit_generator", "bit_generator"), name))
    with pytest.raises(TypeError, match=r"NumpyGenerator: generator = 3 is of type int; allowed: a numpy\.random\.Generator"):
        NumpyGenerator(3)


@pytest.mark.parametrize("name", STREAMS)
def test_every_numpy_stream_resumes(name):
    rng = NumpyGenerator(np.random.Generator(getattr(np.random, name)(5)))
    rng.randint(0, 5, 3)
    state = json.loads(json.dumps(rng.get_state(), default=np.ndarray.tolist))
    assert_same(NumpyGenerator.from_state(state).rand(9), rng.rand(9))


BAD = [
    ("rand", {"shape": -1}, ValueError, "shape = -1 is out of range; allowed: a whole number >= 0"),
    ("rand", {"shape": (2, -3)}, ValueError, "shape = -3 is out of range"),
    ("rand", {"shape": 2.0}, TypeError, "shape = 2.0 is of type float"),
    ("rand", {"shape": True}, TypeError, "shape = True is of type bool"),
    ("rand", {"shape": 3, "dtype": np.float16}, TypeError, "dtype = .*float16.* is not supported; allowed: float32 or float64"),
    ("rand", {"shape": 3, "dtype": "nonsense"}, TypeError, "dtype = 'nonsense' is not supported; allowed: float32 or float64"),
    ("rand", {"shape": 3, "dtype": None}, TypeError, "dtype = None is not supported"),
    ("uniform", {"shape": -1}, ValueError, "shape = -1 is out of range"),
    ("uniform", {"shape": 3, "low": 1.0, "high": 0.5}, ValueError, "high = 0.5 is below low = 1.0; allowed: low <= high"),
    ("uniform", {"shape": 3, "low": math.nan}, ValueError, "low = nan is out of range"),
    ("uniform", {"shape": 3, "high": 1e39}, ValueError, "high = 1e\\+39 is out of range"),
    ("uniform", {"shape": 3, "low": -3e38, "high": 3e38}, ValueError, "high - low = 6e\\+38 exceeds float32"),
    ("uniform", {"shape": 3, "low": -1e308, "high": 1e308, "dtype": np.float64}, ValueError, "high - low = inf exceeds float64"),
    ("uniform", {"shape": 3, "dtype": np.complex64}, TypeError, "dtype = .*complex64.* is not supported"),
    ("normal", {"shape": 3, "std": -1.0}, ValueError, "std = -1.0 is out of range; allowed: a finite number >= 0"),
    ("normal", {"shape": 30, "std": math.nan}, ValueError, "std = nan is out of range"),
    ("normal", {"shape": 30, "mean": math.inf}, ValueError, "mean = inf is out of range"),
    ("normal", {"shape": 30, "mean": "0"}, TypeError, "mean = '0' is of type str"),
    ("normal", {"shape": (3, -1)}, ValueError, "shape = -1 is out of range"),
    ("normal", {"shape": 3, "dtype": int}, TypeError, "dtype = <class 'int'> is not supported"),
    ("randint", {"low": 3, "high": 3, "shape": 2}, ValueError, "high = 3 is not above low = 3; allowed: low < high"),
    ("randint", {"low": 0, "high": 2**63, "shape": 2}, ValueError, "high = 9223372036854775808 is out of range"),
    ("randint", {"low": 0.0, "high": 2, "shape": 2}, TypeError, "low = 0.0 is of type float"),
    ("randint", {"low": 0, "high": 2, "shape": -2}, ValueError, "shape = -2 is out of range"),
    ("randperm", {"n": -1}, ValueError, "n = -1 is out of range"),
    ("randperm", {"n": 3.5}, TypeError, "n = 3.5 is of type float"),
    ("bernoulli", {"p": 1.5, "shape": 2}, ValueError, "p = 1.5 is out of range; allowed: a finite number >= 0 and <= 1"),
    ("bernoulli", {"p": -0.1, "shape": 2}, ValueError, "p = -0.1 is out of range"),
    ("bernoulli", {"p": math.nan, "shape": 2}, ValueError, "p = nan is out of range"),
    ("bernoulli", {"p": 0.5, "shape": -2}, ValueError, "shape = -2 is out of range"),
    ("bernoulli_each", {"p": np.array([[0.5], [1.5]])}, ValueError, "p\\[1, 0\\] = 1.5 is no probability; allowed: .* 0 to 1"),
    ("bernoulli_each", {"p": np.array(-0.5)}, ValueError, "p = -0.5 is no probability"),
    ("bernoulli_each", {"p": np.array([math.nan], np.float32)}, ValueError, "p\\[0\\] = nan is no probability"),
    ("bernoulli_each", {"p": np.array([0, 1])}, TypeError, "p has dtype int64; allowed: a NumPy array of float32 or float64"),
    ("bernoulli_each", {"p": [0.5]}, TypeError, "p is a list; allowed: a NumPy array of float32 or float64"),
    ("random_int64", {"shape": -1}, ValueError, "shape = -1 is out of range"),
]


@pytest.mark.parametrize(("method", "arguments", "error", "message"), BAD)
@pytest.mark.parametrize(
    "make", [lambda: TorchGenerator(2), lambda: NumpyGenerator(np.random.default_rng(2))], ids=["torch", "numpy"]
)
def test_bad_arguments_draw_nothing(make, method, arguments, error, message):
    rng, missing_rows = make(), make()
    with pytest.raises(error, match=f"^{method}: {message}") as caught:
        getattr(rng, method)(**arguments)
    assert "\n" not in str(caught.value)
    for found, expected in zip(one_of_each(rng), one_of_each(missing_rows), strict=True):
        assert_same(found, expected)


def test_a_permutation_too_long_for_torchs_way():
    with pytest.raises(ValueError, match=r"randperm: n = 214748364 is out of range; allowed: .* <= 214748363"):
        TorchGenerator(0).randperm(214748364)


def test_the_two_kinds_have_one_interface():
    for name in (*METHODS, "get_state", "set_state", "from_state"):
        mine, theirs = (inspect.signature(getattr(kind, name)) for kind in (TorchGenerator, NumpyGenerator))
        assert mine == theirs, name
    public = [{name for name in vars(kind) if not name.startswith("_")} for kind in (TorchGenerator, NumpyGenerator)]
    assert public[0] == public[1] == {*METHODS, "get_state", "set_state", "from_state"}
    for a, b in zip(*map(one_of_each, both_kinds()), strict=True):
        assert isinstance(b, np.ndarray)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.flags.writeable
        assert b.flags.writeable
        assert a.flags.c_contiguous
        assert b.flags.c_contiguous


@pytest.mark.parametrize("rng", both_kinds(), ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_distributions(rng, dtype):
    n = 40_000
    for x, mean, deviation in (
        (rng.rand(n, dtype), 0.5, 12**-0.5),
        (rng.uniform(n, -2.0, 4.0, dtype), 1.0, 3**0.5),
        (rng.normal(n, 3.0, 0.5, dtype), 3.0, 0.5),
        (np.concatenate([rng.normal(7, 3.0, 0.5, dtype) for _ in range(400)]), 3.0, 0.5),
        (rng.randint(-4, 5, n), 0.0, (80 / 12) ** 0.5),
        (rng.bernoulli(0.2, n), 0.2, 0.4),
        (rng.bernoulli_each(np.full(n, 0.2, dtype)), 0.2, 0.4),
        (rng.random_int64(n) / 2.0**63, 0.5, 12**-0.5),
    ):
        assert abs(x.mean(dtype=float) - mean) < 5 * deviation / x.size**0.5
        assert abs(x.std(dtype=float) / deviation - 1) < 0.05
    assert set(np.unique(rng.randint(-4, 5, n))) == set(range(-4, 5))
    assert not rng.bernoulli(0.0, 100).any()
    assert rng.bernoulli(1.0, 100).all()
    order = rng.randperm(n)
    assert order.dtype == np.int64
    assert (np.sort(order) == np.arange(n)).all()
    assert (order != np.arange(n)).any()


def test_generator():
    rng = generator(3)
    assert isinstance(rng, TorchGenerator)
    assert generator(rng) is rng
    assert_same(generator(np.int32(-3)).rand(3), TorchGenerator(-3).rand(3))
    numpy = np.random.default_rng(1)
    wrapped = generator(numpy)
    assert isinstance(wrapped, NumpyGenerator)
    assert generator(wrapped) is wrapped
    assert_same(wrapped.rand(3), np.random.default_rng(1).random(3, np.float32))
    assert numpy.random() != np.random.default_rng(1).random()  # drawn from, not copied
    assert (generator(None).rand(9) != generator(None).rand(9)).any()
    for bad in ("x", True, np.True_, 1.0, np.random.RandomState(0), [1]):
        with pytest.raises(
            TypeError, match=r"^generator: rng = .* is of type \w+; allowed: an int \(a seed\), None, a numpy.random.Gen"
        ):
            generator(bad)
    for seed in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match=f"^TorchGenerator: seed = {seed} is out of range; allowed: a whole number >= -9"):
            generator(seed)


def test_repr():
    rng = TorchGenerator(-4)
    rng.rand(2, np.float64)
    assert repr(rng) == "TorchGenerator(seed=-4, words_drawn=4)"


def exact(a, b, c):
    try:
        return float(Fraction(a) * Fraction(b) + Fraction(c))
    except OverflowError:
        return math.copysign(math.inf, a) * math.copysign(1.0, b)


def test_float64_fma_against_fractions():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 4000))
    c = np.concatenate(
        [rng.normal(size=1000), -(a * b)[1000:2000], rng.normal(size=1000) * 2.0 ** rng.integers(-120, 120, 1000), np.zeros(1000)]
    )
    extreme = [0.0, 5e-324, 1e-310, 1e-200, 1e-150, 1.0 + 2.0**-52, 3.0, 1e150, 1e300, 1.7e308]
    grid = np.array(np.meshgrid(extreme, extreme, extreme)).reshape(3, -1) * rng.choice([-1.0, 1.0], (3, 1000))
    tiny = rng.normal(size=(3, 500)) * np.array([[1e-150], [1e-155], [1e-305]])  # the product's tail lies below every float64
    a, b, c = np.concatenate([[a, b, c], grid, tiny], axis=1)
    found = float64_math.fma(a, b, c)
    expected = [exact(*abc) for abc in zip(a.tolist(), b.tolist(), c.tolist(), strict=True)]
    np.testing.assert_array_equal(found, expected)
    with np.errstate(all="ignore"):
        assert (found[:3000] != (a * b + c)[:3000]).sum() > 1000  # the two roundings would not have done
    assert_same(float64_math.fma(a[:50], 3.0, 0.1), float64_math.fma(a[:50], np.full(50, 3.0), np.full(50, 0.1)))
    assert math.copysign(1.0, float64_math.fma(0.0, -1.0, -0.0)) == -1.0
    assert math.copysign(1.0, float64_math.fma(0.0, 1.0, -0.0)) == 1.0


def round_to_float32(x):
    """The float32 nearest to the Fraction `x`, ties to even, by looking at the neighbours of a first guess."""
    guess = np.float32(float(x))
    near = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    return min(near, key=lambda f: (abs(Fraction(float(f)) - x), int(f.view(np.int32)) & 1))


def test_float32_fma_against_fractions():
    rng = np.random.default_rng(1)
    a, b, c = (rng.normal(size=1500) * 2.0 ** rng.integers(-20, 20, 1500) for _ in range(3))
    tie = 1 + 2.0**-12  # its square lies half way between two float32; c decides
    a = np.concatenate([a, np.full(200, tie), rng.normal(size=300) * 1e-25])
    b = np.concatenate([b, np.full(200, tie), rng.normal(size=300) * 1e-17])
    c = np.concatenate([c, rng.choice([-1, 1, 0], 200) * 2.0 ** rng.integers(-90, -60, 200), rng.normal(size=300) * 1e-41])
    # A hair below a tie of two numbers under the smallest normal one, where float64 alone would see the tie.
    a = np.append(a, np.ldexp(1 + 2897 / 2**23, -75))
    b = np.append(b, np.ldexp(1 - 2896 / 2**23, -75))
    c = np.append(c, 2.0**-127 + 2.0**-149)
    a, b, c = (x.astype(np.float32) for x in (a, b, c))
    expected = [
        round_to_float32(Fraction(x) * Fraction(y) + Fraction(z))
        for x, y, z in zip(a.tolist(), b.tolist(), c.tolist(), strict=True)
    ]
    np.testing.assert_array_equal(float32_math.fma(a, b, c), np.array(expected))
    naive = (a.astype(float) * b + c).astype(np.float32)
    assert (naive != np.array(expected)).sum() > 50


def test_float32_log_sine_and_cosine_are_near():
    x = np.concatenate([np.arange(1, 4097), 2**24 - np.arange(4096)]).astype(np.float32) * np.float32(2.0**-24)
    expected = np.array([math.log(v) for v in x.tolist()])
    np.testing.assert_allclose(float32_math.log(x), expected, rtol=1e-6)
    angles = np.linspace(0, 2 * np.pi, 10001, dtype=np.float32)
    sine, cosine = float32_math.sincos(angles)
    np.testing.assert_allclose(sine, [math.sin(v) for v in angles.tolist()], atol=1.5e-7)
    np.testing.assert_allclose(cosine, [math.cos(v) for v in angles.tolist()], atol=1.5e-7)


def test_float32_pairs_at_quarter_turns():
    """Where sine or cosine vanish every rounding shows; the numbers are torch's, whose generator was set to give these u."""
    angles = np.array([[0.25, 0.5, 0.75, 1 - 2.0**-24]], np.float32)
    cosine, sine = float32_math.box_muller(np.full((1, 4), 0.5, np.float32), angles)
    assert [x.hex() for x in cosine[0].tolist()] == [
        *("-0x1.ba176e0000000p-25", "-0x1.2d6abe0000000p+0", "0x1.e26d420000000p-27", "0x1.2d6abe0000000p+0")
    ]
    assert [x.hex() for x in sine[0].tolist()] == [
        *("0x1.2d6abe0000000p+0", "-0x1.ba176e0000000p-24", "-0x1.2d6abe0000000p+0", "-0x1.7dc9c60000000p-22")
    ]


def test_numpy_alone_is_imported():
    code = "import sys, npembed.numerics.random; print([m for m in ('torch', 'scipy', 'numba') if m in sys.modules])"
    root = pathlib.Path(npembed.numerics.random.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
