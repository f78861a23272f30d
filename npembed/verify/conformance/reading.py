"""The cases as they are shipped: JSON with bit patterns, read into NumPy arrays."""

import functools
import json
import math
import pathlib
import shutil
from dataclasses import dataclass

import numpy as np

VECTORS = pathlib.Path(__file__).parent / "vectors"
TOPICS = ("lookup", "maps", "bags", "steps", "second", "pairs", "large", "refused")
_NUMBERS = {
    "float16": (np.uint16, np.float16), "float32": (np.uint32, np.float32), "float64": (np.uint64, np.float64),
    "complex64": (np.uint32, np.float32), "complex128": (np.uint64, np.float64),
}  # fmt: skip


def decode(array):
    """An array of the vectors, from its bit patterns; bfloat16, which NumPy has not, as float32.

    A large array is given by a ``rule``: the entry at ``(i, j)`` is ``(times[0] i + times[1] j + plus) % mod // over - minus``; or by
    a ``block``, the shape of the entries that are listed: the entry at ``(i, j)`` is that of the block at ``(i % block[0],
    j % block[1])``.

    >>> decode({"dtype": "float32", "shape": [2], "bits": ["3f800000", "c0000000"], "decimal": ["1.0", "-2.0"]})
    array([ 1., -2.], dtype=float32)
    >>> decode({"dtype": "int64", "shape": [8], "rule": {"times": [3], "plus": 1, "mod": 5, "over": 1, "minus": 0}})
    array([1, 4, 2, 0, 3, 1, 4, 2])
    >>> decode({"dtype": "int64", "shape": [3, 5], "block": [2, 2], "values": [1, 2, 3, 4]})
    array([[1, 2, 1, 2, 1],
           [3, 4, 3, 4, 3],
           [1, 2, 1, 2, 1]])
    """
    dtype, shape = array["dtype"], tuple(array["shape"])
    if "rule" in array:
        return _by_rule(shape, **array["rule"]).astype("float32" if dtype == "bfloat16" else dtype)
    if "block" in array:
        block = decode({name: value for name, value in array.items() if name != "block"} | {"shape": array["block"]})
        return block[np.ix_(*(np.arange(n) % b for n, b in zip(shape, block.shape, strict=True)))]
    if "values" in array:
        flat = np.array(array["values"], dtype)
    elif dtype == "bfloat16":
        flat = (np.array([int(b, 16) for b in array["bits"]], np.uint32) << 16).view(np.float32)
    else:
        bits, part = _NUMBERS[dtype]
        flat = np.array([int(b, 16) for b in array["bits"]], bits).view(part)
        flat = flat.view(dtype) if dtype.startswith("complex") else flat
    size = math.prod(shape)
    if flat.size == 1 and size != 1:  # one pattern for all entries
        flat = np.full(size, flat[0])
    found = flat.reshape(shape)
    return np.asfortranarray(found) if array.get("layout") == "fortran" else found


def _by_rule(shape, times, plus, mod, over, minus):
    """Integers, entry by entry: ``(<times, index> + plus) % mod // over - minus``."""
    index = np.indices(shape, np.int64, sparse=True)
    return (sum(t * i for t, i in zip(times, index, strict=True)) + plus) % mod // over - minus


@dataclass(frozen=True)
class Case:
    """A case: what goes in, what is to come out, and why.

    Attributes
    ----------
    id : str, which never changes within a version of the vectors
    topic, op, verdict, comment : str
    raw : dict, all of it, as in the JSON file
    """

    topic: str
    raw: dict

    id = property(lambda self: self.raw["id"])
    op = property(lambda self: self.raw["op"])
    verdict = property(lambda self: self.raw["verdict"])
    comment = property(lambda self: self.raw["comment"])

    def inputs(self):
        """Fresh arrays by name."""
        return {name: decode(array) for name, array in self.raw["inputs"].items()}

    @property
    def dtype(self):
        """The dtype of the table, a name."""
        return self.raw["inputs"]["table"]["dtype"]

    def options(self):
        """What the layer is made with."""
        found = {name: _value(value) for name, value in self.raw["options"].items() if name != "row_shape"}
        return {**found, "dtype": self.dtype} if self.dtype == "bfloat16" else found

    @functools.cached_property
    def size(self):
        """How many numbers go in."""
        return sum(math.prod(array["shape"]) for array in self.raw["inputs"].values())

    @functools.cached_property
    def needs(self):
        """What a layer has to be able to do, as names like those of an adapter's capabilities."""
        found = [self.dtype, *([] if "mode" in self.raw["options"] else ["lookup"])]
        found += ["weights"] if "weights" in self.raw["inputs"] else []
        for name, value in self.raw["options"].items():
            if name.endswith("_options"):
                owner = name.removesuffix("_options")
                found += [f"{owner}={self.raw['options'][owner]}:{option}" for option in value if option != "lr"]
            elif name in ("normalizer", "constrainer", "optimizer", "mode"):
                found.append(name if self.id.startswith("refused/unknown") else f"{name}={value}")
            else:
                found.append({"trainable": "frozen"}.get(name, name))
        return tuple(found)

    def __repr__(self):
        return f"<Case {self.id}>"


def _value(value):
    """A value of JSON, which has no infinity, as it is meant."""
    if isinstance(value, dict):
        return {name: _value(entry) for name, entry in value.items()}
    return math.inf if value == "inf" else tuple(value) if isinstance(value, list) else value


@functools.lru_cache(maxsize=1)
def _all():
    found = []
    for topic in TOPICS:
        raw = json.loads((VECTORS / f"{topic}.json").read_text(encoding="utf-8"))
        found += [Case(topic, case) for case in raw["cases"]]
    return tuple(found)


@functools.lru_cache(maxsize=1)
def version():
    """The version of the vectors."""
    return json.loads((VECTORS / "lookup.json").read_text(encoding="utf-8"))["version"]


def cases(topic=None):
    """All cases, or those of one topic.

    Parameters
    ----------
    topic : None, "lookup", "maps", "bags", "steps", "second", "pairs", "large" or "refused"

    Returns
    -------
    tuple of Case

    Examples
    --------
    >>> cases("second")[0]
    <Case second/plain-float32>
    """
    if topic is not None and topic not in TOPICS:
        raise ValueError(f"cases: topic = {topic!r} is unknown; allowed: None, {', '.join(TOPICS)}")
    return tuple(case for case in _all() if topic in (None, case.topic))


def export(folder):
    """Copy the vectors and their schema to a folder, which is made if need be; returns the names of the files.

    The arrays of large cases are not listed there, but given by a rule of integers or by a block that repeats, see ``schema.json``.

    Parameters
    ----------
    folder : path
    """
    if not isinstance(folder, (str, pathlib.Path)):
        raise TypeError(f"export: folder is a {type(folder).__name__}; allowed: a path")
    folder = pathlib.Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"export: folder = {str(folder)!r} is a file; allowed: a folder, there or not")
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{topic}.json" for topic in TOPICS] + ["schema.json"]
    from ...io.files import write_files  # which the rest of the kit does without

    write_files({folder / name: functools.partial(shutil.copyfile, VECTORS / name) for name in names}, function="export")
    return names
