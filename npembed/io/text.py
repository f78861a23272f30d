"""Documents as JSON and tables of labels as TSV: bytes and back, with nothing lost on the way."""

import collections
import json
import math

import numpy as np

from . import labels

MAX_DEPTH = 50
"""How deep lists and dicts of a document may be nested."""

MAX_BITS = 1024
"""How many bits a whole number of a document may have: the state of any generator fits."""

NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""JSON has no such numbers: they are written as ``{"$float": "NaN"}``, a key that a document's own dicts may not have."""

_ALLOWED = "dicts with str keys, lists, str, int, float, bool and None"


def to_json(function, where, value, depth=0):
    """`value` in JSON's own types, floats that are not finite marked; an error that says where it is something else."""
    if depth > MAX_DEPTH:
        raise ValueError(f"{function}: {where} is nested deeper than {MAX_DEPTH}; allowed: up to {MAX_DEPTH} levels")
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        value = value.item()
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{function}: {where} has a key {key!r} of type {type(key).__name__}; allowed: keys of type str")
            _text(function, f"a key of {where}", key)
            if key == "$float":
                raise ValueError(f"{function}: {where} has a key '$float'; allowed: others, since this one marks nan and inf")
        return {key: to_json(function, f"{where}[{labels.shown(key)}]", item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(function, f"{where}[{i}]", item, depth + 1) for i, item in enumerate(value)]
    if isinstance(value, str):
        return _text(function, where, value)
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise ValueError(
                f"{function}: {where} has {value.bit_length()} bits; allowed: whole numbers of up to {MAX_BITS} bits"
            )
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if value is None or isinstance(value, float):
        return value
    raise TypeError(f"{function}: {where} is a {type(value).__name__}; allowed: {_ALLOWED}")


def _text(function, where, text):
    """`text`, if UTF-8 can hold it."""
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError(f"{function}: {where} = {labels.shown(text)} holds half a surrogate pair; allowed: what UTF-8 can hold")
    return text


def encode_document(document):
    """The bytes of a file that holds `document`, which `to_json` has made: the same document always gives the same bytes."""
    return (json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def _number(text):
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"holds the number {text[:40]}, which is out of range")
    return value


def _whole(text):
    if len(text) > MAX_BITS:  # no such number has more digits than bits, and Python refuses thousands in words of its own
        raise ValueError(f"holds a whole number of {len(text)} digits")
    return int(text)


def _constant(text):
    raise ValueError(f"holds {text}, which is not JSON")


def _object(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, times in collections.Counter(key for key, _ in pairs).items() if times > 1)
        raise ValueError(f"holds the key {labels.shown(twice)} twice in one object")
    if "$float" in found:
        if len(found) > 1 or found["$float"] not in list(NON_FINITE):
            raise ValueError("holds a '$float' that is none of NaN, Infinity and -Infinity")
        return NON_FINITE[found["$float"]]
    return found


def decode_document(content):
    """The document in the bytes of a file; a ValueError with the fact if they are not strict JSON."""
    try:
        found = json.loads(
            content.decode(), parse_float=_number, parse_int=_whole, parse_constant=_constant, object_pairs_hook=_object
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON at line {error.lineno}, column {error.colno} ({error.msg})") from None
    except RecursionError:
        raise ValueError(f"is nested deeper than {MAX_DEPTH}") from None
    try:
        to_json("", "", found)
    except ValueError as error:
        raise ValueError(f"holds what npembed does not write ({str(error).removeprefix(': ')})") from None
    return found


def checked_table(function, where, rows):
    """`rows` as a list of lists of labels, all of one length; an error that says which is not."""
    if not isinstance(rows, (list, tuple)):
        raise TypeError(f"{function}: {where} is a {type(rows).__name__}; allowed: a list of rows, each a list of labels")
    for i, row in enumerate(rows):
        if not isinstance(row, (list, tuple)):
            raise TypeError(f"{function}: {where}[{i}] is a {type(row).__name__}; allowed: a list of labels")
        if not row or len(row) != len(rows[0]):
            allowed = f"{len(rows[0])}, as in the first row" if rows[0] else "one at least"
            raise ValueError(f"{function}: {where}[{i}] has {len(row)} columns; allowed: {allowed}")
        for j, label in enumerate(row):
            if fact := labels.flaw(label):
                error = ValueError if isinstance(label, str) else TypeError
                raise error(f"{function}: {where}[{i}][{j}] {fact}; allowed: {labels.ALLOWED}")
    return [list(row) for row in rows]


def encode_table(rows):
    """The bytes of a file that holds `rows`: one a line, which ends in LF, with a TAB between labels."""
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def decode_table(content, num_rows, num_columns):
    """The rows in the bytes of a file; a ValueError with the fact if they are not as many, or not such labels.

    Unlike a file of triples, a byte order mark at the start is a letter of the first label: nothing here was written by an editor.
    """
    try:
        lines = content.decode().split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 at byte {error.start}") from None
    if lines.pop():
        raise ValueError("has a last line that is cut off")
    if len(lines) != num_rows:
        raise ValueError(f"has {len(lines)} rows, against the manifest's {num_rows}")
    rows = [line.split("\t") for line in lines]
    for number, row in enumerate(rows, start=1):
        if len(row) != num_columns:
            raise ValueError(f"has {len(row)} columns in line {number}, against the manifest's {num_columns}")
        for label in row:
            if fact := labels.flaw(label):
                raise ValueError(f"has a label in line {number} that {fact}")
    return rows
