"""Graphs: the shipped files, the strict parser (every malformed line by its bytes), ids, splits, and loading by name or path."""

import contextlib
import hashlib
import itertools
import os
import pathlib
import re
import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import npembed.kge.datasets
from npembed.check import UnknownNameError
from npembed.kge.datasets import DATASETS, UMLS, Dataset, Kinships, Nations, TriplesFactory, load, parser, read_triples
from npembed.numerics.random import TorchGenerator

HERE = pathlib.Path(npembed.kge.datasets.__file__).parent
PARTS = {"training": "train", "validation": "valid", "testing": "test"}


@contextlib.contextmanager
def recorded():
    """What is warned of, all of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught


# The shipped graphs

COUNTS = {"nations": (14, 55, 1592, 199, 201), "kinships": (104, 25, 8544, 1068, 1074), "umls": (135, 46, 5216, 652, 661)}
MD5 = {
    "nations": "cb7e0ba8eb48770d27f35e63391dc678",
    "kinships": "2f0fb8c9de86553b17cf8655c0b11e67",
    "umls": "0beae7304448af74fae9c2f5e510c45d",
}
FILES = {
    "nations": {
        "train.txt": "0830fa9da8e5bba2ccdaa45b7bdc9130451ba66b09ff2708f35fccaf82473e57",
        "valid.txt": "2b337a62e51a2f45c283eac98a70d21b7e0e102136be1539b2a52c652a7b0530",
        "test.txt": "3971085165b47b6aeaec68058c6d8d98b3005e929db81268410b95ae4db770ab",
    },
    "kinships": {
        "train.txt": "738612111a6acf0e39662bde24c7e72a4d1edf20931beea077da367dda689731",
        "valid.txt": "c56f8630a583178b1e569f11a64aa535ae1ce0b0912d8b1e24716be2b37f04da",
        "test.txt": "05e5733265761d55be9c05bfaff5a8d0808df46f9c1e9d66cc3f2fe114e43d88",
    },
    "umls": {
        "train.txt": "873ef4925516b83e7f6f8cc02b4be51d848828710a7f65a956f0ac4a9e452f35",
        "valid.txt": "025c98f8a4891e2a6582ec5b40ee0d904031edad9c52554522f4b7904820c98e",
        "test.txt": "a7eb529a3d2810fcc96341ccc97c625a5e202f8389673aa6bd317eeebbb79014",
    },
}
# SHA-256 of mapped_triples as PyKEEN 1.11.1 holds them, as int64, least byte first
PYKEEN_TRIPLES = {
    "nations": (
        "4a97d1b141fc5087d4c9f72f95bff5ab49aabff1d58d2e6db704add490fdb0e0",
        "58d07ec7d1e56eac66b9204fa46ef7a1f7a7cab10fa74f2c0d09e11abeec88c8",
        "aef688e4de6da2923e68ae828475daa5e45338f5f81edf545920ae19811f3afc",
    ),
    "kinships": (
        "4c0b6fbb6954bea36a9a99fa28bc31cb84af22043dab3a3a60c4c60dced58f01",
        "99a8aec8d9470bb5090039cf90147f238b74d566a3d0955fa77c6be377274140",
        "3e6ddcc1908ea90ef57c04f02425f60da8d5b62c39957880bb38dcbceb5c28db",
    ),
    "umls": (
        "24eb48bd95fbc784a9ec2432c58d64bddcecb22415112cbdaddd476464939449",
        "b6982e6026514fa914b87fbcafca0eae9e5419429b73586ffb6fc0de1aee411f",
        "51c11b807a12431082aba0db3e43d9c61cede40a00e3b852afb28d0720a3779d",
    ),
}


def test_there_are_three():
    assert {"nations": Nations, "kinships": Kinships, "umls": UMLS} == DATASETS
    assert set(DATASETS) == {folder.name for folder in HERE.iterdir() if (folder / "train.txt").exists()}


@pytest.mark.parametrize("name", DATASETS)
def test_the_files_are_those_of_pykeens_wheel_and_the_note_says_so(name):
    note = (HERE / name / "README.md").read_text(encoding="utf-8")
    for file, digest in FILES[name].items():
        assert hashlib.sha256((HERE / name / file).read_bytes()).hexdigest() == digest
        assert f"| {file} | {digest} |" in note
    assert hashlib.md5((HERE / name / "train.txt").read_bytes()).hexdigest() == MD5[name]
    assert "pykeen==1.11.1" in note
    assert "MIT License" in note


def test_the_files_are_shipped():
    declared = (HERE.parents[2] / "setup.cfg").read_text(encoding="utf-8")
    for name in DATASETS:
        assert f"    {name}/*.txt\n    {name}/README.md\n" in declared


@pytest.mark.parametrize("name", DATASETS)
def test_counts_and_triples(name):
    graph = DATASETS[name]()
    parts = [getattr(graph, part) for part in PARTS]
    entities, relations, *sizes = COUNTS[name]
    assert (graph.num_entities, graph.num_relations, [part.num_triples for part in parts]) == (entities, relations, sizes)
    assert graph.name == name
    assert isinstance(graph, Dataset)
    assert repr(graph) == f"{type(graph).__name__}(training={graph.training})"
    for part, file, digest in zip(parts, PARTS.values(), PYKEEN_TRIPLES[name], strict=True):
        assert (part.num_entities, part.num_relations, part.duplicates, part.dropped) == (entities, relations, 0, 0)
        assert part.entity_to_id is graph.training.entity_to_id
        assert part.relation_to_id is graph.training.relation_to_id
        assert part.mapped_triples.dtype == np.int64
        assert hashlib.sha256(part.mapped_triples.astype("<i8").tobytes()).hexdigest() == digest
        e, r = part.entity_labels, part.relation_labels
        found = {f"{e[h]}\t{r[x]}\t{e[t]}" for h, x, t in part.mapped_triples.tolist()}
        assert found == set((HERE / name / f"{file}.txt").read_text(encoding="utf-8").splitlines())


def test_ids_are_in_the_order_of_strings():
    assert Kinships().training.entity_labels[:3] == ("person0", "person1", "person10")
    assert list(Nations().training.entity_to_id.values()) == list(range(14))


# The parser

FORMAT = "lines of head, relation and tail with a TAB between, none empty"
COLUMNS_1 = f"holds 1 column; allowed: {FORMAT}"
COLUMNS_2 = f"holds 2 columns; allowed: {FORMAT}"
COLUMNS_4 = f"holds 4 columns; allowed: {FORMAT}"
BLANK = f"is a blank line; allowed: {FORMAT}"
CR = "is a CR without a LF; allowed: lines that end in LF or CRLF"
NUL = f"is a NUL; allowed: {FORMAT}, without NUL"
LONG = parser.MAX_LINE
BOM = b"\xef\xbb\xbf"


def byte(value):
    return f"is byte 0x{value:02x}, which is not UTF-8; allowed: UTF-8"


def empty(column):
    return f"has an empty {column}; allowed: {FORMAT}"


MALFORMED = [
    # the number of columns: at the end of a short line, at the third TAB of a long one
    (b"a", "1:2", COLUMNS_1),
    (b"a\tr\n", "1:4", COLUMNS_2),
    (b"a\tr\tb\nc\tr\n", "2:4", COLUMNS_2),
    (b"a\tr\tb\nc r d\n", "2:6", COLUMNS_1),
    (b"a\tr\tb\tc\n", "1:6", COLUMNS_4),
    (b"a\tr\tb\nalpha\tr\tbeta\t\n", "2:13", COLUMNS_4),
    (b"a\tr\tb\r\nc\tr\r\n", "2:4", COLUMNS_2),
    ("ä\tö\n".encode(), "1:4", COLUMNS_2),  # letters are counted, not bytes
    (BOM + b"a\tr\n", "1:4", COLUMNS_2),  # nor the mark
    (b"a\tr\t\t\tb\n", "1:5", "holds 5 columns; allowed: " + FORMAT),
    (b"a,r,b\n", "1:6", COLUMNS_1),
    # blank lines
    (b"\n", "1:1", BLANK),
    (b"\r\n", "1:1", BLANK),
    (b"a\tr\tb\n\nc\tr\td\n", "2:1", BLANK),
    (b"a\tr\tb\n\n", "2:1", BLANK),
    (b"a\tr\tb\r\n\r\n", "2:1", BLANK),
    (b" \n", "1:2", COLUMNS_1),
    # empty labels
    (b"\tr\tb\n", "1:1", empty("head")),
    (b"a\t\tb\n", "1:3", empty("relation")),
    (b"a\tr\t\n", "1:5", empty("tail")),
    (b"a\tr\tb\na\tr\t", "2:5", empty("tail")),
    (b"\t\t\n", "1:1", empty("head")),
    ("å\t\tb\n".encode(), "1:3", empty("relation")),
    (b"a\tr\t\r\n", "1:5", empty("tail")),
    # NUL and lone CR
    (b"a\tr\tb\0\n", "1:6", NUL),
    (b"a\tr\tb\na\0b\tr\tc\n", "2:2", NUL),
    (b"\0", "1:1", NUL),
    (b"a\tr\tb\rc\tr\td\n", "1:6", CR),
    (b"a\tr\tb\r", "1:6", CR),
    (b"a\tr\tb\r\r\n", "1:6", CR),
    (b"a\tr\tb\n\ra\tr\tb\n", "2:1", CR),
    (b"a\rb\0\tr\tc\n", "1:2", CR),
    (b"a\0b\r\tr\tc\n", "1:2", NUL),
    # what is not UTF-8
    (b"a\tr\tb\xff\n", "1:6", byte(0xFF)),
    (b"a\tr\tb\n\xe9\tr\tb\n", "2:1", byte(0xE9)),  # Latin-1
    (b"a\tr\t\xc3\n", "1:5", byte(0xC3)),  # cut off
    (b"a\tr\t\xc3", "1:5", byte(0xC3)),
    ("ä\tr\t".encode() + b"\x80\n", "1:5", byte(0x80)),
    (b"a\tr\t\xc0\xaf\n", "1:5", byte(0xC0)),  # a longer form than needed
    (b"a\tr\t\xed\xa0\x80\n", "1:5", byte(0xED)),  # half a surrogate pair
    (b"a\tr\t\xf4\x90\x80\x80\n", "1:5", byte(0xF4)),  # above U+10FFFF
    ("a\tr\tb\n".encode("utf-16"), "1:1", byte(0xFF)),
    (b"a\0\tr\t\xff\n", "1:2", NUL),
    # long lines
    (
        b"a\tr\tb\na\tr\t" + b"x" * LONG + b"\n",
        f"2:{LONG + 1}",
        f"is in a line of {LONG + 4} bytes; allowed: {LONG} bytes a line",
    ),
    (
        b"a\tr\t" + "å".encode() * (LONG // 2),
        f"1:{LONG // 2 + 3}",
        f"is in a line of {LONG + 4} bytes; allowed: {LONG} bytes a line",
    ),
    # the first line counts, whatever is wrong with the next
    (b"a\tr\n\0\n\xff\n", "1:4", COLUMNS_2),
    # a second mark is a letter, and the first alone is a blank file's
    (BOM + b"\n", "1:1", BLANK),
]


@pytest.mark.parametrize(("content", "where", "what"), MALFORMED, ids=[f"{i}" for i in range(len(MALFORMED))])
def test_a_malformed_line_is_named(tmp_path, content, where, what):
    path = tmp_path / "graph.tsv"
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        read_triples(path)
    assert str(caught.value) == f"read_triples: {path}:{where} {what}"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\tr\tb\n", [("a", "r", "b")]),
        (b"a\tr\tb", [("a", "r", "b")]),
        (b"a\tr\tb\r\nc\tr\td\r\n", [("a", "r", "b"), ("c", "r", "d")]),
        (b"a\tr\tb\r\nc\tr\td", [("a", "r", "b"), ("c", "r", "d")]),
        (b"a\tr\tb\r\nc\tr\td\n", [("a", "r", "b"), ("c", "r", "d")]),
        (BOM + b"a\tr\tb\n", [("a", "r", "b")]),
        (BOM + BOM + b"a\tr\tb\n", [("\ufeffa", "r", "b")]),
        (b" a \t  \tb b\n", [(" a ", "  ", "b b")]),
        (b"NA\tnull\tnan\n", [("NA", "null", "nan")]),
        (b"#a\tr\t1,5\n", [("#a", "r", "1,5")]),
        ("a\u2028\x0b\x0c\x1c\x85\u00a0\tr\tb\n".encode(), [("a\u2028\x0b\x0c\x1c\x85\u00a0", "r", "b")]),
        ("é\tr\te\u0301\n".encode(), [("é", "r", "e\u0301")]),
        # PyKEEN (finding P21) makes one entity of the next two lines, and strips the quotes of the third
        (b'a\tr\t"b\nc\tr\td"\n', [("a", "r", '"b'), ("c", "r", 'd"')]),
        (b'"a"\t\'r\'\t"b ""c"""\n', [('"a"', "'r'", '"b ""c"""')]),
        (b"10280\tr\t010\n", [("10280", "r", "010")]),
        (b"a\\tb\tr\\\tb\n", [("a\\tb", "r\\", "b")]),
        (b"a\tr\t" + b"x" * (LONG - 4) + b"\n", [("a", "r", "x" * (LONG - 4))]),
    ],
)
def test_what_is_read_as_it_is(tmp_path, content, expected):
    path = tmp_path / "graph.tsv"
    path.write_bytes(content)
    found = read_triples(str(path))
    assert found.triples == expected
    assert (found.path, found.duplicates) == (str(path), 0)


label_text = st.text(st.characters(exclude_characters="\t\r\n\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
labels = st.one_of(label_text, st.sampled_from(['"', "'", " ", '""', "\\", "\u2028", "é", "e\u0301", "\ufeff", "NA", "#"]))


@settings(max_examples=200)
@given(
    triples=st.lists(st.tuples(labels, labels, labels), min_size=1, max_size=8),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
    ended=st.booleans(),
)
def test_whatever_is_written_is_read(tmp_path_factory, triples, end, mark, ended):
    path = tmp_path_factory.getbasetemp() / "round_trip.tsv"
    text = end.join("\t".join(triple) for triple in triples) + (end if ended else "")
    # without a mark of its own, a file that starts with U+FEFF would lose it
    path.write_bytes((BOM if mark or text.startswith("\ufeff") else b"") + text.encode())
    found = read_triples(path)
    assert found.triples == triples
    assert found.duplicates == len(triples) - len(set(triples))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        factory = TriplesFactory.from_path(path)
        same = TriplesFactory.from_labeled_triples(triples)
    e, r = factory.entity_labels, factory.relation_labels
    assert sorted((e[h], r[x], e[t]) for h, x, t in factory.mapped_triples.tolist()) == sorted(set(triples))
    assert factory.duplicates == found.duplicates
    np.testing.assert_array_equal(factory.mapped_triples, same.mapped_triples)
    assert (factory.entity_to_id, factory.relation_to_id) == (same.entity_to_id, same.relation_to_id)


@settings(max_examples=300)
@given(
    content=st.lists(st.sampled_from([b"a", b"\t", b"\n", b"\r", b"\0", b"\xff", b"\xc3", b"\xa9", b'"', b" "]), max_size=16).map(
        b"".join
    )
)
def test_whatever_the_bytes_a_line_is_read_whole_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.tsv"
    path.write_bytes(content)
    body = content[:-1] if content.endswith(b"\n") else content
    pattern = rb"((?:[^\t\r\n\0\x80-\xff]|\xc3\xa9)+)"
    line = re.compile(rb"\t".join([pattern] * 3) + rb"\r?")
    good = content and all(line.fullmatch(part) for part in body.split(b"\n")) and not content.endswith(b"\r")
    if good:
        expected = [tuple(label.decode() for label in line.fullmatch(part).groups()) for part in body.split(b"\n")]
        assert read_triples(path).triples == expected
    else:
        with pytest.raises(ValueError, match=r"^read_triples: .*bytes\.tsv(:\d+:\d+ | is empty).*; allowed: [^\n]*$"):
            read_triples(path)


@pytest.mark.parametrize("content", [b"", BOM])
def test_an_empty_file_is_refused(tmp_path, content):
    path = tmp_path / "graph.tsv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^read_triples: .*graph\.tsv is empty; allowed: {FORMAT}, one at least$"):
        read_triples(path)


def test_what_cannot_be_opened(tmp_path, monkeypatch):
    with pytest.raises(
        FileNotFoundError, match=r"^read_triples: .*none\.tsv cannot be read \(.+\); allowed: a file of lines [^\n]*$"
    ):
        read_triples(tmp_path / "none.tsv")
    with pytest.raises(OSError, match=r"^read_triples: [^\n]* cannot be read \([^\n]+\); allowed: [^\n]*$"):
        read_triples(tmp_path)
    with pytest.raises(OSError, match=r"^read_triples: '.*a\\nb' cannot be read \([^\n]+\); allowed: [^\n]*$"):
        read_triples(tmp_path / "a\nb")
    with pytest.raises((ValueError, OSError), match=r"^read_triples: 'a\\x00b' [^\n]*; allowed: [^\n]*$"):
        read_triples("a\0b")
    for bad in (3, None, b"graph.tsv", ["graph.tsv"]):
        with pytest.raises(TypeError, match=r"^read_triples: path = .* is of type \w+; allowed: a str or pathlib\.Path$"):
            read_triples(bad)
    (tmp_path / "graph.tsv").write_bytes(b"a\tr\tb\n")
    monkeypatch.setattr(parser, "MAX_FILE", 5)
    with pytest.raises(
        ValueError, match=r"^read_triples: .*graph\.tsv has 6 bytes; at most 5 were due; allowed: a file of lines [^\n]*$"
    ):
        read_triples(tmp_path / "graph.tsv")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="there is no device without end")
def test_a_device_is_refused():
    with pytest.raises(ValueError, match=r"^read_triples: /dev/zero is a device; allowed: "):
        read_triples("/dev/zero")


def test_a_large_file_is_read_in_linear_time(tmp_path):
    path = tmp_path / "large.tsv"
    path.write_text("".join(f"entity{i * 7919 % 40_009}\trelation{i % 11}\tentity{i}\n" for i in range(87_000)), encoding="utf-8")
    start = time.process_time()
    factory = TriplesFactory.from_path(path)
    assert time.process_time() - start < 8  # some 0.4 s; the square of the lines would take minutes
    assert factory.num_triples == 87_000
    assert factory.num_relations == 11


# From labels to ids

FAMILY = [("bob", "knows", "ann"), ("ann", "likes", "cid"), ("ann", "knows", "bob")]


def test_ids_of_labels():
    for triples in (
        FAMILY,
        np.array(FAMILY),
        np.array(FAMILY, dtype=object),
        [list(row) for row in FAMILY],
        list(np.array(FAMILY)),
    ):
        family = TriplesFactory.from_labeled_triples(triples)
        assert family.entity_to_id == {"ann": 0, "bob": 1, "cid": 2}
        assert family.relation_to_id == {"knows": 0, "likes": 1}
        assert {type(label) for label in family.entity_to_id} == {str}
        assert family.mapped_triples.tolist() == [[0, 0, 1], [0, 1, 2], [1, 0, 0]]
        assert (family.num_triples, family.duplicates, family.dropped) == (3, 0, 0)
    nothing = TriplesFactory.from_labeled_triples([])
    assert (nothing.num_entities, nothing.num_relations, nothing.mapped_triples.shape) == (0, 0, (0, 3))


def test_an_inverse_relation_comes_behind_its_original():
    relations = ["b_inverse", "b", "bb", "b_", "a_inverse", "_inverse", "b_inverse_inverse"]
    factory = TriplesFactory.from_labeled_triples([("x", relation, "y") for relation in relations])
    expected = ["_inverse", "a_inverse", "b", "b_inverse", "b_", "b_inverse_inverse", "bb"]
    assert sorted(relations) != expected
    assert factory.relation_labels == tuple(expected)


def test_given_ids_are_kept():
    entities, relations = {"cid": 0, "bob": 1, "ann": 2, "dee": 3}, {"likes": 0, "knows": 1}
    family = TriplesFactory.from_labeled_triples(FAMILY, entity_to_id=entities, relation_to_id=relations)
    assert family.entity_to_id is entities
    assert family.relation_to_id is relations
    assert family.mapped_triples.tolist() == [[1, 1, 2], [2, 0, 0], [2, 1, 1]]
    assert family.entity_labels == ("cid", "bob", "ann", "dee")
    assert family.relation_labels == ("likes", "knows")
    half = TriplesFactory.from_labeled_triples(FAMILY, entity_to_id=entities)
    assert half.relation_to_id == {"knows": 0, "likes": 1}
    assert half.entity_to_id is entities


def test_labels_are_looked_up():
    nations = Nations().training
    assert (nations.entity_id("brazil"), nations.relation_id("accusation")) == (0, 0)
    assert [nations.entity_id(label) for label in nations.entity_labels] == list(range(14))
    known = r"'brazil', 'burma', 'china', 'cuba', 'egypt', \.\.\. \(14 in all\)"
    with pytest.raises(
        UnknownNameError, match=rf"^entity_id: entity = 'Brasil' is unknown \(did you mean 'brazil'\?\); known are {known}$"
    ):
        nations.entity_id("Brasil")
    with pytest.raises(KeyError, match=r"^entity_id: entity = 'BRAZIL' is unknown \(did you mean 'brazil'\?\)"):
        nations.entity_id("BRAZIL")
    with pytest.raises(KeyError, match=r"^entity_id: entity = '' is unknown; known are"):
        nations.entity_id("")
    with pytest.raises(KeyError, match=r"^relation_id: relation = 'embasy' is unknown \(did you mean 'embassy'\?\)"):
        nations.relation_id("embasy")
    with pytest.raises(TypeError, match=r"^entity_id: entity = 3 is of type int; allowed: a label \(str\)$"):
        nations.entity_id(3)
    tiny = TriplesFactory.from_labeled_triples([("Ann", "r", "Bob")])
    with pytest.raises(KeyError, match=r"entity = 'ann' is unknown \(did you mean 'Ann'\?\); known are 'Ann', 'Bob'$"):
        tiny.entity_id("ann")


def test_duplicates_are_counted_and_said(tmp_path):
    rows = [*FAMILY, FAMILY[1], FAMILY[0], FAMILY[1]]
    path = tmp_path / "family.tsv"
    path.write_text("\n".join("\t".join(row) for row in rows), encoding="utf-8")
    assert read_triples(path).duplicates == 3
    assert read_triples(path).triples == rows
    with recorded() as caught:
        family = TriplesFactory.from_path(path)
    found = f"3 of 6 triples repeat an earlier one, the first {path}:4 that of {path}:2"
    assert [str(warning.message) for warning in caught] == [f"from_path: {found}; each is kept once"]
    assert caught[0].filename == __file__
    assert (family.num_triples, family.duplicates) == (3, 3)
    assert repr(family) == "TriplesFactory(num_entities=3, num_relations=2, num_triples=3, duplicates=3)"
    with pytest.warns(UserWarning, match=r"^from_labeled_triples: 3 of 6 .* the first triples\[3\] that of triples\[1\]; each"):
        assert TriplesFactory.from_labeled_triples(rows).duplicates == 3


def test_unknown_labels_are_an_error_or_dropped(tmp_path):
    family = TriplesFactory.from_labeled_triples(FAMILY)
    ids = {"entity_to_id": family.entity_to_id, "relation_to_id": family.relation_to_id}
    rows = [
        FAMILY[0],
        ("ann", "hates", "bob"),
        ("zed", "knows", "ann"),
        ("zed", "knows", "ann"),
        FAMILY[0],
        ("ann", "knows", "zed"),
    ]
    path = tmp_path / "more.tsv"
    path.write_text("\n".join("\t".join(row) for row in rows), encoding="utf-8")
    said = f"from_path: {path}:2:5 relation = 'hates' is unknown; known are 'knows', 'likes'"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        TriplesFactory.from_path(path, **ids)
    said = "from_labeled_triples: triples[0, 0] = 'zed' is unknown; known are 'ann', 'bob', 'cid'"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        TriplesFactory.from_labeled_triples(rows[2:], **ids)
    with pytest.raises(ValueError, match=r"^from_labeled_triples: triples\[0, 2\] = 'cyd' is unknown \(did you mean 'cid'\?\)"):
        TriplesFactory.from_labeled_triples([("ann", "knows", "cyd")], **ids)
    with recorded() as caught:
        found = TriplesFactory.from_path(path, **ids, unknown="drop")
    assert [str(warning.message) for warning in caught] == [
        f"from_path: 4 of 6 triples hold a label that has no id, the first {path}:2:5 relation = 'hates'; they are left out",
        f"from_path: 1 of 6 triples repeat an earlier one, the first {path}:5 that of {path}:1; each is kept once",
    ]
    assert found.mapped_triples.tolist() == [[1, 0, 0]]
    assert (found.dropped, found.duplicates, found.num_triples) == (4, 1, 1)
    assert found.entity_to_id is family.entity_to_id
    assert repr(found).endswith("num_triples=1, duplicates=1, dropped=4)")
    with pytest.raises(ValueError, match=r"^from_path: unknown = 'ignore' is not a choice; allowed: 'error' or 'drop'$"):
        TriplesFactory.from_path(path, **ids, unknown="ignore")


def test_labels_equal_under_nfc_stay_apart_with_a_warning(tmp_path):
    rows = [("\xe9", "r", "b"), ("e\u0301", "r", "b"), ("K", "r", "\u212a")]
    with recorded() as caught:
        factory = TriplesFactory.from_labeled_triples(rows)
    found = r"entity labels 'K' and '\u212a' are equal under Unicode's NFC, as are 1 more"
    assert [str(warning.message) for warning in caught] == [f"from_labeled_triples: {found}; they stay apart"]
    assert factory.num_entities == 5
    assert factory.num_triples == 3
    ids = {"entity_to_id": factory.entity_to_id}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TriplesFactory.from_labeled_triples(rows, **ids)  # it was said
        TriplesFactory.from_labeled_triples(
            [("Ann", "r", "ann"), ("\xe9", "\xe9", "x"), ("ﬁ", "r", "fi"), ("ﬁe\u0301", "r", "fi\xe9")]
        )  # nor case, nor NFKC
    with pytest.warns(UserWarning, match=r"relation labels 'e\\u0301' and '\\xe9' are equal"):
        TriplesFactory.from_labeled_triples([("a", "\xe9", "b"), ("a", "e\u0301", "b")])
    path = tmp_path / "test.tsv"
    path.write_text("o\u0308\tr\tb\n", encoding="utf-8")
    known = {"entity_to_id": {"ö": 0, "b": 1}, "relation_to_id": {"r": 0}}
    with recorded() as caught:
        assert TriplesFactory.from_path(path, **known, unknown="drop").dropped == 1
    assert "labels 'o\\u0308' and '\\xf6' are equal" in str(caught[0].message)


@pytest.mark.parametrize(
    ("triples", "error", "message"),
    [
        ("abc", TypeError, "triples is a str; allowed: an (n, 3) array or list of str: head, relation, tail"),
        (iter(FAMILY), TypeError, "triples is a list_iterator; allowed:"),
        (np.array(["a", "b", "c"]), ValueError, "triples has shape (3,); allowed:"),
        (np.zeros((2, 4), str), ValueError, "triples has shape (2, 4); allowed:"),
        (["abc"], ValueError, "triples[0] = 'abc' is no triple; allowed:"),
        ([FAMILY[0], ("a", "b")], ValueError, "triples[1] = ('a', 'b') is no triple; allowed:"),
        ([("a", "b", 3)], ValueError, "triples[0, 2] is a int; allowed: text, not empty,"),
        ([("a", None, "c")], ValueError, "triples[0, 1] is a NoneType; allowed:"),
        ([(b"a", "b", "c")], ValueError, "triples[0, 0] is a bytes; allowed:"),
        ([("a", ["b"], "c")], ValueError, "triples[0, 1] is a list; allowed:"),
        (np.array([["a", "", "c"]]), ValueError, "triples[0, 1] is empty; allowed:"),
        ([("a", "b\tc", "d")], ValueError, r"triples[0, 1] = 'b\tc' holds a TAB; allowed:"),
        ([("a\n", "b", "d")], ValueError, r"triples[0, 0] = 'a\n' holds a LF; allowed:"),
        ([("a\r", "b", "d")], ValueError, r"triples[0, 0] = 'a\r' holds a CR; allowed:"),
        ([("a", "b", "d\0e")], ValueError, r"triples[0, 2] = 'd\x00e' holds a NUL; allowed:"),
        ([("a", "b", "\ud800")], ValueError, r"triples[0, 2] = '\ud800' holds half a surrogate pair; allowed:"),
        ([("a\t" * 100, "b", "c")], ValueError, "triples[0, 0] = '" + 30 * r"a\t" + "'... holds a TAB; allowed:"),
    ],
)  # fmt: skip
def test_labels_that_are_none(triples, error, message):
    with pytest.raises(error, match=f"^from_labeled_triples: {re.escape(message)}"):
        TriplesFactory.from_labeled_triples(triples)


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([("a", 0)], TypeError, "entity_to_id is a list; allowed: a dict of label to id"),
        ({"a": 1, "b": 2}, ValueError, "entity_to_id['b'] = 2 is out of range; allowed: a whole number >= 0 and <= 1"),
        ({"a": -1, "b": 0}, ValueError, "entity_to_id['a'] = -1 is out of range"),
        ({"a": 0.0, "b": 1}, TypeError, "entity_to_id['a'] = 0.0 is of type float"),
        ({"a": False, "b": 1}, TypeError, "entity_to_id['a'] = False is of type bool"),
        ({"a": "0"}, TypeError, "entity_to_id['a'] = '0' is of type str"),
        ({"a": 1, "b": 0, "c": 1}, ValueError, "entity_to_id gives 'a' and 'c' one id, 1; allowed: ids 0..2, each once"),
        ({0: "a"}, ValueError, "the label of entity_to_id for id 'a' is a int; allowed: text"),
        ({"": 0}, ValueError, "the label of entity_to_id for id 0 is empty; allowed: text"),
    ],
)
def test_ids_that_are_none(ids, error, message):
    with pytest.raises(error, match=f"^TriplesFactory: {re.escape(message)}"):
        TriplesFactory(np.zeros((0, 3), np.int64), ids, {"r": 0})
    with pytest.raises(error, match=f"^from_labeled_triples: {re.escape(message)}"):
        TriplesFactory.from_labeled_triples([("a", "r", "b")], entity_to_id=ids)


def test_numpys_integers_are_ids():
    factory = TriplesFactory(np.array([[1, 0, 0]]), {"b": np.int64(1), "a": np.int64(0)}, {"r": 0})
    assert factory.entity_labels == ("a", "b")
    for bad in (-1, 1.5):
        with pytest.raises((TypeError, ValueError), match=r"^TriplesFactory: duplicates = "):
            TriplesFactory(factory.mapped_triples, factory.entity_to_id, factory.relation_to_id, duplicates=bad)


# Splits


def random_graph(seed, n, entities, relations):
    rng = np.random.default_rng(seed)
    triples = np.unique(rng.integers(0, [entities, relations, entities], (n, 3)), axis=0)
    return TriplesFactory(triples, {f"e{i}": i for i in range(entities)}, {f"r{i}": i for i in range(relations)})


def occurring(triples):
    return set(triples[:, [0, 2]].ravel().tolist()), set(triples[:, 1].tolist())


@settings(max_examples=100)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(40, 300),
    entities=st.integers(2, 12),
    relations=st.integers(1, 6),
    ratios=st.sampled_from([(0.8, 0.1, 0.1), (0.6, 0.4), (0.5, 0.2, 0.2, 0.1), 0.7, (1.0,)]),
)
def test_a_split_parts_all_triples_and_the_first_part_holds_all_ids(seed, n, entities, relations, ratios):
    whole = random_graph(seed, n, entities, relations)
    if whole.num_triples < 40:
        return
    parts = whole.split(ratios, rng=seed)
    as_tuples = [[tuple(triple) for triple in part.mapped_triples.tolist()] for part in parts]
    assert sorted(itertools.chain(*as_tuples)) == [tuple(triple) for triple in whole.mapped_triples.tolist()]
    assert occurring(parts[0].mapped_triples) == occurring(whole.mapped_triples)
    percent = {0.7: (70, 30), (1.0,): (100,)}.get(ratios) or [round(100 * ratio) for ratio in ratios]
    ends = [whole.num_triples * sum(percent[:i]) // 100 for i in range(len(percent) + 1)]
    assert [part.num_triples for part in parts] == np.diff(ends).tolist()
    for part, triples in zip(parts, as_tuples, strict=True):
        assert triples == sorted(triples)
        assert part.entity_to_id is whole.entity_to_id
        assert part.relation_to_id is whole.relation_to_id
    for part, again in zip(parts, whole.split(ratios, rng=seed), strict=True):
        np.testing.assert_array_equal(part.mapped_triples, again.mapped_triples)


def test_a_split_is_random_by_its_seed():
    nations = Nations().training
    tests = [nations.split(rng=rng)[2].mapped_triples for rng in (0, 1, TorchGenerator(1), np.random.default_rng(1))]
    assert not np.array_equal(tests[0], tests[1])
    assert not np.array_equal(tests[1], tests[3])
    np.testing.assert_array_equal(tests[1], tests[2])
    np.testing.assert_array_equal(nations.split()[2].mapped_triples, tests[0])
    # a literal, so that the same seed gives the same split in every later version
    assert tests[0][:5].tolist() == [[0, 7, 7], [0, 9, 3], [0, 13, 12], [0, 19, 11], [0, 21, 9]]
    # each triple but the few that must stay is as likely as any to be tested
    hits = np.zeros(nations.num_triples)
    index = {tuple(triple): i for i, triple in enumerate(nations.mapped_triples.tolist())}
    for seed in range(100):
        for triple in nations.split((0.5, 0.5), rng=seed)[1].mapped_triples.tolist():
            hits[index[tuple(triple)]] += 1
    usual = np.sort(hits)[100:]
    assert abs(usual.mean() - 51) < 2
    assert usual.min() > 25
    assert usual.max() < 78


def test_what_occurs_once_is_trained_on():
    rows = [("hub", "r", f"e{i % 5}") for i in range(5)] + [(f"e{i}", "r", f"e{j}") for i in range(5) for j in range(5)]
    rare = [("hub", "rare", "e0"), ("once", "r", "hub"), ("e1", "r", "twice"), ("only", "alone", "only")]
    whole = TriplesFactory.from_labeled_triples(rows + rare)
    for seed in range(50):
        training, testing = whole.split((0.5, 0.5), rng=seed)
        e, r = whole.entity_labels, whole.relation_labels
        assert set(rare) <= {(e[h], r[x], e[t]) for h, x, t in training.mapped_triples.tolist()}
        assert (training.num_triples, testing.num_triples) == (17, 17)


def every(heads, relations, tails):
    return list(itertools.product(heads, relations, tails))


@pytest.mark.parametrize(
    ("rows", "size"),
    [
        (every("abcdef", "rst", "abcdef"), 3),  # (a, r, b), (c, s, d), (e, t, f), and the like
        ([("b", "r", "a"), ("c", "s", "d"), ("f", "t", "e"), *every("ace", "rst", "ace")], 3),  # b, d, f occur once
        ([("a", "s", "b"), ("c", "t", "d"), *every("abcd", "x", "abcd")], 3),  # s, t occur once
        ([("z", "x", "z"), *every("ab", "xy", "ab")], 2),  # z occurs twice, in one triple
    ],
)
def test_a_tight_split_is_found_where_there_is_one(rows, size):
    whole = TriplesFactory.from_labeled_triples(rows)
    for seed in range(20):
        training, testing = whole.split((size / len(rows), 1 - size / len(rows)), rng=seed)
        assert occurring(training.mapped_triples) == occurring(whole.mapped_triples)
        assert (training.num_triples, testing.num_triples) == (size, len(rows) - size)


def test_splits_that_cannot_be():
    star = TriplesFactory.from_labeled_triples([("hub", "r", f"e{i}") for i in range(10)])
    found = "ratios[0] = 0.8 leaves 8 of 10 triples for the first part; allowed: 10 or more, which hold every entity and relation"
    with pytest.raises(ValueError, match=f"^split: {re.escape(found)}$"):
        star.split()
    found = "ratios = (0.8, 0.1, 0.1) split 2 triples into 1, 0, 1; allowed: ratios that leave each part one triple at least"
    with pytest.raises(ValueError, match=f"^split: {re.escape(found)}$"):
        TriplesFactory.from_labeled_triples(FAMILY[:2]).split()
    for bad, error, message in (
        ((0.8, 0.1), ValueError, r"ratios = \(0\.8, 0\.1\) sum to 0\.9; allowed: positive numbers that sum to 1"),
        ((0.8, 0.3, -0.1), ValueError, r"ratios\[2\] = -0\.1 is out of range; allowed: a finite number > 0"),
        ((1.0, 0.0), ValueError, r"ratios\[1\] = 0\.0 is out of range"),
        ((0.5, float("nan")), ValueError, r"ratios\[1\] = nan is out of range"),
        ((), ValueError, r"ratios = \(\) sum to 0; allowed"),
        (1.0, ValueError, r"ratios\[1\] = 0\.0 is out of range"),
        (0, ValueError, r"ratios = 0 is out of range"),
        (None, TypeError, r"ratios = None is of type NoneType"),
        ("80", TypeError, r"ratios = '80' is a str; allowed"),
        (("0.8", "0.2"), TypeError, r"ratios\[0\] = '0\.8' is of type str"),
    ):
        with pytest.raises(error, match=f"^split: {message}"):
            Nations().training.split(bad)
    with pytest.raises(TypeError, match=r"^generator: rng = 'a'"):
        Nations().training.split(rng="a")


def test_rounding_of_ratios_takes_no_triple_away():
    graph = random_graph(0, 5000, 20, 3)
    ten = TriplesFactory(graph.mapped_triples[:1000], graph.entity_to_id, graph.relation_to_id)
    assert [part.num_triples for part in ten.split((0.7, 0.2, 0.1))] == [700, 200, 100]


def test_the_parts_add_up_to_the_whole():
    rows = [(a, "r", b) for a in "abcdef" for b in "abcdef"]
    with pytest.warns(UserWarning, match="2 of 38 triples repeat"):
        whole = TriplesFactory.from_labeled_triples([*rows, *rows[:2]])
    assert [part.duplicates for part in whole.split()] == [2, 0, 0]


# Loading


def write(folder, name, rows):
    (folder / name).write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")


LETTERS = [(a, "before", b) for a in "abcdef" for b in "abcdef" if a < b]


@pytest.mark.parametrize("name", ["nations", "Nations", "NATIONS", "na-tions", "N_ations"])
def test_load_by_name(name):
    assert isinstance(load(name), Nations)
    assert isinstance(load("Kin_ships"), Kinships)
    assert isinstance(load("u-m-l-s", seed=3), UMLS)


@pytest.mark.parametrize("ending", [".txt", ".tsv"])
@pytest.mark.parametrize("valid", ["valid", "validation", "dev"])
def test_load_a_folder(tmp_path, ending, valid):
    folder = tmp_path / "letters"
    folder.mkdir()
    write(folder, f"train{ending}", LETTERS[:12])
    write(folder, f"{valid}{ending}", LETTERS[12:13])
    write(folder, f"test{ending}", [*LETTERS[13:], ("a", "before", "omega"), ("a", "after", "b")])
    (folder / "notes.md").write_bytes(b"\xff")
    with recorded() as caught:
        graph = load(str(folder))
    assert [str(warning.message).split(";")[0] for warning in caught] == [
        f"from_path: 2 of 4 triples hold a label that has no id, the first {folder / f'test{ending}'}:3:10 tail = 'omega'"
    ]
    assert caught[0].filename == __file__
    assert (graph.name, graph.num_entities, graph.num_relations) == ("letters", 6, 1)
    assert repr(graph) == "Dataset('letters', num_entities=6, num_relations=1, training=12, validation=1, testing=2)"
    assert graph.testing.dropped == 2
    assert graph.validation.entity_to_id is graph.testing.entity_to_id is graph.training.entity_to_id


def test_load_a_folder_by_a_name_that_is_also_a_graphs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nations").mkdir()
    for name in ("train", "valid", "test"):
        write(tmp_path / "nations", f"{name}.txt", LETTERS)
    assert load("nations").num_entities == 14
    assert load("./nations").num_entities == load(pathlib.Path("nations")).num_entities == 6
    monkeypatch.chdir(tmp_path / "nations")
    assert load(".").name == "nations"
    assert load(".").num_entities == 6


def test_folders_that_lack_or_double_a_part(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        load(tmp_path)
    assert str(caught.value) == f"load: {tmp_path} has no training file; allowed: train.txt or train.tsv"
    write(tmp_path, "train.txt", LETTERS)
    write(tmp_path, "test.txt", LETTERS)
    with pytest.raises(FileNotFoundError) as caught:
        load(tmp_path)
    names = "valid.txt, valid.tsv, validation.txt, validation.tsv, dev.txt or dev.tsv"
    assert str(caught.value) == f"load: {tmp_path} has no validation file; allowed: {names}"
    write(tmp_path, "dev.tsv", LETTERS)
    write(tmp_path, "valid.tsv", LETTERS)
    with pytest.raises(ValueError, match=r"has valid\.tsv or dev\.tsv for validation; allowed: one of them$"):
        load(tmp_path)
    (tmp_path / "dev.tsv").unlink()
    (tmp_path / "valid.tsv").write_bytes(b"a\tbefore\n")
    with pytest.raises(ValueError, match=r"^read_triples: .*valid\.tsv:1:9 holds 2 columns; allowed"):
        load(tmp_path)


def test_load_a_file(tmp_path):
    write(tmp_path, "letters.tsv", LETTERS)
    graphs = [load(tmp_path / "letters.tsv", seed=seed) for seed in (0, 0, 1)]
    sizes = "training=12, validation=1, testing=2"
    assert repr(graphs[0]) == f"Dataset('letters', num_entities=6, num_relations=1, {sizes})"
    for part in PARTS:
        np.testing.assert_array_equal(getattr(graphs[0], part).mapped_triples, getattr(graphs[1], part).mapped_triples)
    assert not np.array_equal(graphs[0].testing.mapped_triples, graphs[2].testing.mapped_triples)
    expected = TriplesFactory.from_path(tmp_path / "letters.tsv").split((0.8, 0.1, 0.1), rng=0)
    np.testing.assert_array_equal(graphs[0].testing.mapped_triples, expected[2].mapped_triples)
    assert load(graphs[0]) is graphs[0]


def test_a_source_that_is_nothing(tmp_path):
    allowed = "allowed: nations, kinships, umls, a folder with train, valid and test files, or a file of triples"
    found = "source = 'nation' is neither a known name nor a path to a folder or file (did you mean 'nations'?)"
    with pytest.raises(UnknownNameError, match=f"^load: {re.escape(found)}; {re.escape(allowed)}$"):
        load("nation")
    for bad in ("", "a\0b", "x" * 5000, str(tmp_path / "none"), tmp_path / "none.tsv"):
        with pytest.raises(
            KeyError, match=rf"^load: source = [^\n]* is neither a known name nor a path to [^\n]*; {re.escape(allowed)}$"
        ):
            load(bad)
    for bad in (None, 3, Nations, b"nations", Nations().training):
        with pytest.raises(
            TypeError, match=r"^load: source is a \w+; allowed: a name \(nations, kinships or umls\), a folder or a file$"
        ):
            load(bad)


def test_a_dataset_has_one_set_of_ids():
    parts = Nations().training.split()
    with pytest.raises(ValueError, match=r"^Dataset: testing has other ids than training; allowed: the same ids in all parts$"):
        Dataset("mixed", parts[0], parts[1], Kinships().testing)
    with pytest.raises(TypeError, match=r"^Dataset: validation is a ndarray; allowed: a TriplesFactory$"):
        Dataset("mixed", parts[0], parts[1].mapped_triples, parts[2])
    with pytest.raises(TypeError, match=r"^Dataset: training is a NoneType; allowed: a TriplesFactory$"):
        Dataset("mixed", None, *parts[1:])
