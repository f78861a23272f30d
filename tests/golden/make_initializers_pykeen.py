"""Write initializers_pykeen.json: what PyKEEN's Embedding holds after ``torch.manual_seed(seed); reset_parameters()``.

Needs torch and PyKEEN; the test that reads the file does not. Run as ``python tests/golden/make_initializers_pykeen.py``.
"""

import json
import logging
import pathlib
import warnings

import numpy as np
import pykeen
import torch
from pykeen.nn import Embedding

PATH = pathlib.Path(__file__).with_name("initializers_pykeen.json")
SEEDS = (0, 1)
TABLES = {"real (5, 3)": ((5, 3), None), "real (4, 3, 4)": ((4, 3, 4), None), "complex (4, 3)": ((4, 3), torch.complex64)}
NAMES = (
    "normal",
    "uniform",
    "xavier_uniform",
    "xavier_normal",
    "xavier_uniform_norm",
    "xavier_normal_norm",
    "normal_norm",
    "uniform_norm",
    "init_phases",
    "zeros",
    "ones",
    "constant",
)


def numbers(name, shape, dtype, seed):
    """The table as a flat list of real numbers (of a complex table: pairs), each exactly as float32 holds it."""
    options = {"val": 0.3} if name == "constant" else None
    table = Embedding(shape[0], shape=shape[1:], dtype=dtype, initializer=name, initializer_kwargs=options)
    torch.manual_seed(seed)
    table.reset_parameters()
    return np.ascontiguousarray(table().detach().numpy()).view(np.float32).reshape(-1).tolist()


def main():
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    golden = {}
    for name in NAMES:
        for table, (shape, dtype) in TABLES.items():
            if name == "init_phases" and shape == (5, 3):
                continue  # an odd number of reals holds no pairs
            for seed in SEEDS:
                golden[f"{name}, {table}, seed {seed}"] = numbers(name, shape, dtype, seed)
    about = {"made with": f"torch {torch.__version__}, pykeen {pykeen.get_version()}"}
    lines = [f'"{key}": {json.dumps(value)}' for key, value in {**about, **golden}.items()]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
