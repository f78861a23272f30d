"""The list of what a folder holds: format, version, and of each file its size, its SHA-256 and what is in it.

A manifest guards itself too: its own SHA-256 stands in it, and it is read only if it is, byte for byte, what would be written for
what it says. So a changed letter is found wherever it is, and no key can be there twice.
"""

import hashlib
import re

import numpy as np

from .. import __version__, check
from . import arrays, text

NAME = "manifest.json"
FORMAT = "npembed folder"
VERSION = 1

NAMES = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
"""What a group of arrays, a document, a table and an array may be called; never a path."""

FILES = re.compile(rf"({NAMES.pattern})\.(safetensors|npz|json|tsv)")

MAX_MANIFEST = 2**24
"""The largest manifest, in bytes."""

MAX_FOLDER = 2**37
"""The largest folder, in bytes."""

_KEYS = {
    "safetensors": {"arrays", "sha256", "size"},
    "npz": {"arrays", "sha256", "size"},
    "json": {"sha256", "size"},
    "tsv": {"columns", "rows", "sha256", "size"},
}


def encode(files):
    """The bytes of a manifest of `files`, a dict of file name to a dict of what is known of it."""
    return _encode({"format": FORMAT, "version": VERSION, "npembed": __version__, "files": files})


def _encode(body):
    digest = hashlib.sha256(text.encode_document(body)).hexdigest()
    return text.encode_document({**body, "sha256": digest})


def decode(content):
    """The files that the bytes of a manifest list, each with ``described`` in place of ``arrays``; a ValueError with the fact."""
    body = text.decode_document(content)
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise ValueError(f"is not the manifest of an {FORMAT}")
    if type(body.get("version")) is not int or body["version"] != VERSION:
        version, by = check.said(body.get("version")), check.said(body.get("npembed"))
        raise ValueError(f"has version {version} of the format, written by npembed {by}, where this npembed reads {VERSION}")
    if list(body) != ["format", "version", "npembed", "files", "sha256"]:
        raise ValueError("has other keys than a manifest")
    body.pop("sha256")
    if _encode(body) != content:
        raise ValueError("was altered: its own SHA-256 is another")
    if not isinstance(body["files"], dict) or not isinstance(body["npembed"], str):
        raise ValueError("has files that are no object, or no npembed's version")
    files = {name: _file(name, entry) for name, entry in body["files"].items()}
    if len({name.casefold() for name in files}) < len(files) or NAME in map(str.casefold, files):
        raise ValueError("lists two files under one name")
    if sum(entry["size"] for entry in files.values()) > MAX_FOLDER:
        raise ValueError(f"lists more than {MAX_FOLDER} bytes")
    return files


def _whole(value, most=2**62):
    return type(value) is int and 0 <= value <= most


def _file(name, entry):
    """What a manifest says of one file, if that can be."""
    match = FILES.fullmatch(name)
    if not match:
        raise ValueError(f"lists {name[:200]!a}, which is no file that npembed writes")
    suffix = match[2]
    if not isinstance(entry, dict) or set(entry) != _KEYS[suffix]:
        raise ValueError(f"has other keys for {name} than {', '.join(sorted(_KEYS[suffix]))}")
    if not _whole(entry["size"]) or not isinstance(entry["sha256"], str) or not re.fullmatch("[0-9a-f]{64}", entry["sha256"]):
        raise ValueError(f"has a size or SHA-256 for {name} that is none")
    found = {"suffix": suffix, "size": entry["size"], "sha256": entry["sha256"]}
    if suffix == "tsv":
        rows, columns = entry["rows"], entry["columns"]
        if not (_whole(rows) and _whole(columns)) or 2 * rows * columns > entry["size"] or (rows > 0) != (columns > 0):
            raise ValueError(f"has a number of rows or columns for {name} that cannot be")
        return {**found, "rows": rows, "columns": columns}
    if suffix == "json":
        return found
    if not isinstance(entry["arrays"], dict):
        raise ValueError(f"has arrays for {name} that are no object")
    described = {label: _array(name, label, about) for label, about in entry["arrays"].items()}
    numbers = arrays.size(described)
    if not numbers <= entry["size"] <= numbers + arrays.NPY_OVERHEAD * (len(described) + 1):
        raise ValueError(f"has a size for {name} that its arrays cannot have")
    return {**found, "described": described}


def _array(name, label, about):
    """Dtype and shape that a manifest gives an array."""
    if not NAMES.fullmatch(label):
        raise ValueError(f"lists {label[:200]!a} in {name}, which is no name of an array")
    if not isinstance(about, dict) or set(about) != {"dtype", "shape"}:
        raise ValueError(f"has other keys for {label} in {name} than dtype and shape")
    dtype, shape = about["dtype"], about["shape"]
    if not isinstance(dtype, str) or dtype not in [str(known) for known in arrays.DTYPES]:
        raise ValueError(f"has a dtype for {label} in {name} that npembed does not write")
    if not isinstance(shape, list) or not all(map(_whole, shape)) or not arrays.possible(shape):
        raise ValueError(f"has a shape for {label} in {name} that cannot be")
    return np.dtype(dtype), tuple(shape)
