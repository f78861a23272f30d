"""Triples from a file, or an error that says where the file is wrong.

The format: UTF-8, one triple a line, head, relation and tail with a TAB between. There is no header, no quoting and no escape:
quotes and spaces are letters as any other, and so are all other line separators of Unicode. Lines end in LF or CRLF; the last one
may lack its end. One byte order mark at the start is skipped. Nothing else is skipped: a blank line is an error, also at the end.
"""

import os
from typing import NamedTuple

from ... import check
from ...io.paths import path_name
from ..columns import COLUMNS

MAX_LINE = 2**20
"""The longest line, in bytes; a longer one is no triple but another kind of file."""

MAX_FILE = 2**31
"""The largest file, in bytes."""

_BOM = b"\xef\xbb\xbf"
_FORMAT = "lines of head, relation and tail with a TAB between, none empty"


class LabeledTriples(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    path : str
    triples : list of (head, relation, tail)
        In the file's order, repeated ones included: number i is line i + 1.
    duplicates : int
        How many lines repeat an earlier one.
    """

    path: str
    triples: list
    duplicates: int


@check.public
def read_triples(path):
    r"""Read a file of triples, strictly.

    Parameters
    ----------
    path : str or path
        UTF-8, one triple a line, TAB-separated head, relation, tail; up to `MAX_LINE` bytes a line, `MAX_FILE` in all.

    Returns
    -------
    LabeledTriples

    Raises
    ------
    ValueError
        For the first line that is not three labels, as ``read_triples: PATH:LINE:COLUMN fact; allowed: ...``. The column is that
        of the letter, counted from 1: for too few labels the end of the line, for too many the third TAB. Also for a file
        without any line, and for one that is too large.
    OSError
        For what cannot be opened, such as a folder.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "family.tsv"
    >>> _ = path.write_bytes(b'ann\tknows\tbob\nbob\tcalls\t"the boss"\n')
    >>> read_triples(path).triples
    [('ann', 'knows', 'bob'), ('bob', 'calls', '"the boss"')]
    >>> _ = path.write_bytes(b"ann\tknows\tbob\nbob\tcalls\n")
    >>> read_triples(path)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: read_triples: ...family.tsv:2:10 holds 2 columns; allowed: lines of head, relation and tail with a TAB between, none empty
    """
    path, content = _content(path)
    *ended, last = content.removeprefix(_BOM).split(b"\n")
    lines = [line.removesuffix(b"\r") for line in ended] + ([last] if last else [])
    if not lines:
        raise ValueError(f"read_triples: {path} is empty; allowed: {_FORMAT}, one at least")
    triples = []
    for number, line in enumerate(lines, start=1):
        try:
            triple = tuple(line.decode().split("\t"))
        except UnicodeDecodeError:
            triple = ()
        if len(triple) != 3 or "" in triple or b"\0" in line or b"\r" in line or len(line) > MAX_LINE:
            raise ValueError(f"read_triples: {path}:{number}:{_fault(line)}")
        triples.append(triple)
    return LabeledTriples(path, triples, len(triples) - len(set(triples)))


def _content(path):
    """The name of a file for messages, and its bytes."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"read_triples: path = {path!r} is of type {type(path).__name__}; allowed: a str or pathlib.Path")
    name = path_name(path)
    try:
        return name, check.files.content(path, MAX_FILE, follow=True)
    except OSError as error:
        reason = error.strerror or error
        raise type(error)(f"read_triples: {name} cannot be read ({reason}); allowed: a file of {_FORMAT}") from None
    except ValueError as error:
        raise ValueError(f"read_triples: {name} {error}; allowed: a file of {_FORMAT}") from None


def _fault(line):
    """Column and nature of the first thing wrong with a line: its length, then its letters, then its labels."""
    if len(line) > MAX_LINE:
        column = len(line[:MAX_LINE].decode(errors="ignore")) + 1
        return f"{column} is in a line of {len(line)} bytes; allowed: {MAX_LINE} bytes a line"
    try:
        text = line.decode()
        faults = []
    except UnicodeDecodeError as error:
        text = line[: error.start].decode()
        faults = [(len(text), f"is byte 0x{line[error.start]:02x}, which is not UTF-8; allowed: UTF-8")]
    letters = {
        "\0": f"is a NUL; allowed: {_FORMAT}, without NUL",
        "\r": "is a CR without a LF; allowed: lines that end in LF or CRLF",
    }
    faults += [(text.index(letter), fault) for letter, fault in letters.items() if letter in text]
    if not faults:
        faults = [_missing(text)]
    offset, fault = min(faults)
    return f"{offset + 1} {fault}"


def _missing(text):
    """Offset and nature of what is wrong with the labels of a line."""
    labels = text.split("\t")
    if not text:
        return 0, f"is a blank line; allowed: {_FORMAT}"
    if len(labels) != 3:
        offset = len("\t".join(labels[:3]))  # where the third TAB stands, or the end of the line
        return offset, f"holds {len(labels)} column{'s' if len(labels) > 1 else ''}; allowed: {_FORMAT}"
    empty = labels.index("")
    return len("\t".join(labels[:empty])) + (empty > 0), f"has an empty {COLUMNS[empty]}; allowed: {_FORMAT}"
