"""PyKEEN: files of triples."""

import functools
import pathlib
import tempfile

from ....kge.datasets import read_triples
from ..finding import Finding, Raises

_found = functools.partial(Finding, "pykeen", ("1.11.1", "1.11.1"))


def quoted_lines():
    """two lines of a file become one triple if labels begin and end with a quotation mark"""
    import pathlib
    import tempfile

    from pykeen.triples.utils import load_triples

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "triples.tsv"
        path.write_text('a\tr\t"b\nc\tr\td"\n')
        return load_triples(path).tolist()


def quotes_lost():
    """quotation marks around a label are lost"""
    import pathlib
    import tempfile

    from pykeen.triples.utils import load_triples

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "triples.tsv"
        path.write_text('a\tr\t"b"\n')
        return load_triples(path).tolist()


def short_line():
    """a line of two columns becomes a triple with an entity of no name"""
    import pathlib
    import tempfile

    from pykeen.triples.utils import load_triples

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "triples.tsv"
        path.write_text("a\tr\tb\nc\tr\n")
        return load_triples(path).tolist()


def _read(text):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "triples.tsv"
        path.write_text(text, newline="")
        return [list(triple) for triple in read_triples(path).triples]


FILES = (
    _found("P21", quoted_lines, [["a", "r", "b\nc\tr\td"]], [["a", "r", '"b'], ["c", "r", 'd"']],
           "A line is a triple, and a quotation mark a letter like others: knowledge graphs are full of them.",
           ours=lambda: _read('a\tr\t"b\nc\tr\td"\n')),
    _found("P21b", quotes_lost, [["a", "r", "b"]], [["a", "r", '"b"']], "The label is \"b\", with its marks; b may be another entity.",
           ours=lambda: _read('a\tr\t"b"\n')),
    _found("P21c", short_line, [["a", "r", "b"], ["c", "r", ""]], Raises(("ValueError",)), "The second line has no tail.",
           ours=lambda: _read("a\tr\tb\nc\tr\n")),
)  # fmt: skip
