"""Write initializers_pykeen.json: what PyKEEN's Embedding holds after ``torch.manual_seed(seed); reset_parameters()``.

Needs torch and PyKEEN; the test that reads the file does not. Run as ``python tests/golden/make_initializers_pykeen.py``.
"""

import json
import logging
import pathlib
import warnings

import numpy as np
import pykeen
import pykeen.nn.init
import torch
from pykeen.nn import Embedding

PATH = pathlib.Path(__file__).with_name("initializers_pykeen.json")
SEEDS = (0, 1)
MATRIX, DEEP, SCALARS, PAIRS = (("float32", (5, 3)), ("float32", (4, 3, 4)), ("float32", (6,)), ("complex64", (4, 3)))
TRIPLES = [
    [0, 0, 1],
    [1, 0, 2],
    [2, 1, 0],
    [2, 0, 3],
    [3, 1, 3],
    [0, 1, 1],
]  # a triangle with a tail, a loop, an edge twice; 4 alone
CASES = [
    *((name, {}, (MATRIX, DEEP, PAIRS)) for name in ("normal", "uniform", "xavier_uniform", "xavier_normal", "zeros", "ones")),
    *((f"{name}_norm", {}, (MATRIX, DEEP, PAIRS)) for name in ("xavier_uniform", "xavier_normal", "normal", "uniform")),
    ("constant", {"val": 0.3}, (MATRIX, DEEP, PAIRS)),
    ("init_phases", {}, (DEEP, PAIRS, SCALARS)),
    ("uniform_norm_p1", {}, (MATRIX, DEEP, PAIRS)),
    ("init_quaternions", {}, (DEEP,)),
    ("kaiming_uniform", {}, (MATRIX, DEEP, PAIRS)),
    ("kaiming_uniform", {"a": 0.5, "mode": "fan_out"}, (MATRIX, DEEP)),
    ("kaiming_normal", {}, (MATRIX, DEEP, PAIRS)),
    ("kaiming_normal", {"nonlinearity": "tanh", "mode": "fan_out"}, (MATRIX, DEEP)),
    ("trunc_normal", {}, (MATRIX, DEEP, PAIRS, SCALARS)),
    ("trunc_normal", {"mean": 0.5, "std": 2.0, "a": 1.0, "b": 1.5}, (MATRIX, DEEP, SCALARS)),
    ("orthogonal", {}, (MATRIX, DEEP, PAIRS)),
    ("orthogonal", {"gain": -2.0}, (MATRIX,)),
    ("sparse", {"sparsity": 0.3}, (MATRIX,)),
    ("sparse", {"sparsity": 0.6, "std": 2.0}, (MATRIX,)),
    ("eye", {}, (MATRIX,)),
    ("dirac", {}, (DEEP, PAIRS)),
    ("dirac", {"groups": 2}, (DEEP,)),
    ("weisfeiler_lehman", {"mapped_triples": TRIPLES}, (MATRIX,)),
    ("weisfeiler_lehman", {"mapped_triples": TRIPLES, "max_iter": 1, "color_initializer": "uniform"}, (MATRIX,)),
    ("random_walk_positional_encoding", {"mapped_triples": TRIPLES}, (MATRIX,)),
    ("random_walk_positional_encoding", {"mapped_triples": TRIPLES, "skip_first_power": False, "space_dim": 3.0}, (MATRIX,)),
]


def peer(name, options):
    """PyKEEN's initializer: by name where it has one, else a function of the tensor to fill."""
    tensors = {option: torch.tensor(value) if isinstance(value, list) else value for option, value in options.items()}
    if name == "uniform_norm_p1":
        return pykeen.nn.init.uniform_norm_p1_
    if name == "weisfeiler_lehman":
        made = pykeen.nn.init.WeisfeilerLehmanInitializer
        return lambda x: made(shape=x.shape[1:], num_entities=len(x), **tensors)(x)
    if name == "random_walk_positional_encoding":
        made, skipped = pykeen.nn.init.RandomWalkPositionalEncodingInitializer, options.get("skip_first_power", True)
        return lambda x: made(dim=x.shape[1] + skipped, num_entities=len(x), **tensors)(x)
    return name


def numbers(name, options, dtype, shape, seed):
    """The table of PyKEEN, as a flat list of real numbers (of a complex one: pairs)."""
    initializer = peer(name, options)
    kwargs = options or None if isinstance(initializer, str) else None
    table = Embedding(shape[0], shape=shape[1:], dtype=getattr(torch, dtype), initializer=initializer, initializer_kwargs=kwargs)
    torch.manual_seed(seed)
    table.reset_parameters()
    found = np.ascontiguousarray(table().detach().numpy())
    return found.view(found.real.dtype).reshape(-1).tolist()


def cases():
    """All that is in the file, but for the numbers."""
    for name, options, tables in CASES:
        for dtype, shape in tables:
            for seed in SEEDS:
                yield {"name": name, "options": options, "dtype": dtype, "shape": shape, "seed": seed}


def main():
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    about = {"made with": f"torch {torch.__version__}, pykeen {pykeen.get_version()}"}
    lines = [json.dumps(about), *(json.dumps({**case, "numbers": numbers(**case)}) for case in cases())]
    PATH.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
