"""Write random_torch.json: what torch itself draws, call after call, from a few seeds.

Needs torch; the test that reads the file does not. Run as ``python tests/golden/make_random_torch.py``.
"""

import hashlib
import json
import math
import pathlib

import numpy as np
import torch

PATH = pathlib.Path(__file__).with_name("random_torch.json")
SEEDS = (0, 42, -1, 2**32 + 7, 2**64 - 12345)
SIZES = (0, 1, 2, 15, 16, 17, 31, 32, 33, 100)
DTYPES = ("float32", "float64")
LARGE = 2**18 + 5


def encode(array):
    """An array as JSON: its bits in hexadecimal."""
    array = np.ascontiguousarray(array).reshape(np.shape(array))
    return {"dtype": array.dtype.name, "shape": list(array.shape), "bits": array.tobytes().hex()}


def ask_torch(method, arguments):
    """What torch draws from its default generator in the place of `method` of TorchGenerator."""
    a = dict(arguments)
    dtype = getattr(torch, a.pop("dtype", "int64"))
    if method == "rand":
        return torch.rand(a["shape"], dtype=dtype).numpy()
    if method == "uniform":
        return torch.empty(a["shape"], dtype=dtype).uniform_(a["low"], a["high"]).numpy()
    if method == "normal":
        return torch.empty(a["shape"], dtype=dtype).normal_(a["mean"], a["std"]).numpy()
    if method == "randint":
        return torch.randint(a["low"], a["high"], a["shape"]).numpy()
    if method == "randperm":
        return torch.randperm(a["n"]).numpy()
    if method == "bernoulli":
        return torch.empty(a["shape"]).bernoulli_(a["p"]).numpy().astype(bool)
    if method == "bernoulli_each":
        return torch.bernoulli(torch.from_numpy(a["p"])).numpy().astype(bool)
    assert method == "random_int64"
    return torch.empty(a["shape"], dtype=torch.int64).random_().numpy()


def draw_call(rng, method, dtype, size):
    """Arguments for `method`, from the NumPy generator `rng`, that make `size` numbers."""
    shape = [int(size)]
    if size and rng.random() < 0.5:
        divisor = int(rng.choice([d for d in range(1, size + 1) if size % d == 0]))
        shape = [divisor, size // divisor]
    elif size == 1 and rng.random() < 0.5:
        shape = []
    centre, width = (float(x) for x in rng.normal(size=2) * 10.0 ** rng.integers(-3, 4, 2))
    if method == "rand":
        return {"shape": shape, "dtype": dtype}
    if method == "uniform":
        # Now and then so narrow that some results round to the upper bound.
        width = float(np.spacing(np.dtype(dtype).type(abs(centre)))) * 3 if rng.random() < 0.2 else abs(width)
        return {"shape": shape, "low": centre, "high": centre + width, "dtype": dtype}
    if method == "normal":
        plain = rng.random() < 0.4
        return {"shape": shape, "mean": 0.0 if plain else centre, "std": 1.0 if plain else abs(width), "dtype": dtype}
    if method == "randint":
        bits = int(rng.integers(1, 64))
        low = int(rng.choice([0, -5, -(2**63), 2**27]))
        return {"low": low, "high": min(low + 2**bits - int(rng.integers(0, 2)) * (bits > 1), 2**63 - 1), "shape": shape}
    if method == "randperm":
        return {"n": int(size)}
    if method == "bernoulli":
        return {"p": float(rng.choice([0.0, 1.0, 0.1, rng.random()])), "shape": shape}
    if method == "bernoulli_each":
        return {"p": np.asarray(np.clip(rng.random(shape) * 1.2 - 0.1, 0, 1), dtype)}
    return {"shape": shape}


def every_call(rng):
    """Each method with each dtype and size, in a random order."""
    methods = [(m, d) for m in ("rand", "uniform", "normal", "bernoulli_each") for d in DTYPES]
    methods += [(m, None) for m in ("randint", "randperm", "bernoulli", "random_int64")]
    calls = [(method, dtype, size) for method, dtype in methods for size in SIZES]
    return [(calls[i][0], draw_call(rng, *calls[i])) for i in rng.permutation(len(calls))]


def large_calls():
    """Large arrays, of which the SHA-256 is kept: rare cases of a rule turn up in these."""
    rng = np.random.default_rng(0)
    methods = [(m, d) for m in ("rand", "uniform", "normal") for d in DTYPES]
    methods += [(m, None) for m in ("randint", "randperm", "bernoulli", "random_int64")]
    for method, dtype in methods:
        arguments = draw_call(rng, method, dtype, LARGE)
        if method == "normal":
            arguments.update(mean=0.0, std=1.0)  # nothing is added that could swallow a last bit
        torch.manual_seed(1)
        digest = hashlib.sha256(ask_torch(method, arguments).tobytes()).hexdigest()
        yield {"method": method, "arguments": arguments, "sha256": digest}


def make():
    """The contents of the file."""
    streams = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        calls = []
        for method, arguments in every_call(np.random.default_rng(abs(seed))):
            result = ask_torch(method, arguments)
            assert result.size == math.prod(arguments.get("shape", result.shape))
            stored = {key: encode(value) if isinstance(value, np.ndarray) else value for key, value in arguments.items()}
            calls.append({"method": method, "arguments": stored, "result": encode(result)})
        streams.append({"seed": seed, "calls": calls})
    versions = {"torch": torch.__version__, "capability": torch.backends.cpu.get_cpu_capability()}
    return {**versions, "large": {"seed": 1, "calls": list(large_calls())}, "streams": streams}


if __name__ == "__main__":
    document = make()
    lines = ",\n".join(
        f'{{"seed": {stream["seed"]}, "calls": [\n' + ",\n".join(map(json.dumps, stream["calls"])) + "\n]}"
        for stream in document.pop("streams")
    )
    PATH.write_text(json.dumps(document)[:-1] + f', "streams": [\n{lines}\n]}}\n', encoding="utf-8")
