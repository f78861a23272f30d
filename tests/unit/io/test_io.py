"""Folders on disk: what was written comes back to the bit, and what was not so written is refused with a reason."""

import hashlib
import io
import json
import math
import os
import pickle
import re
import stat
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from places import ROOT

from npembed.io import arrays as formats
from npembed.io import manifest, read_folder, text, write_folder, writing
from npembed.kge.datasets import read_triples

FORMATS = "safetensors", "npz"
NAMES = [
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
]
SMALL = {
    "arrays": {
        "model": {"e": np.array([[1 + 2j, -3.5j]], np.complex64)},
        "optimizer": {"step": np.array(7)},
    },
    "documents": {"settings": {"lr": 0.1}},
    "tables": {"entities": [["ann"], ["böb"]]},
}


def bits(value):
    """What an array is, NaN payloads and signs of zero included."""
    return value.dtype.str, value.shape, value.tobytes()


def same(found, wanted):
    """Whether a folder read is what was written."""
    arrays = {group: {name: bits(value) for name, value in members.items()} for group, members in found.arrays.items()}
    others = {group: {name: bits(value) for name, value in members.items()} for group, members in wanted["arrays"].items()}
    return (arrays, found.documents, found.tables) == (others, wanted["documents"], wanted["tables"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where to write often: nothing is waited for, since no test here cuts the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield tmp_path_factory.mktemp("io") / "run"


@pytest.fixture(params=FORMATS)
def small(request, tmp_path):
    """A small folder in one of the formats."""
    write_folder(tmp_path / "run", array_format=request.param, **SMALL)
    return tmp_path / "run"


# There and back


def laid_out(base, layout):
    """An array with the numbers of `base`, otherwise laid out in memory, and their numbers in C order."""
    if layout == "Fortran":
        return np.array(base, order="F"), base
    if layout == "transposed":
        return base.T, np.array(base.T, order="C")
    if layout == "reversed":
        every = (..., *(slice(None, None, -1) for _ in base.shape))  # ... keeps a 0-d array an array
        return np.array(base[every], order="C")[every], base
    if layout == "strided":
        wide = np.zeros([3 * axis for axis in base.shape], base.dtype)
        part = wide[(slice(1, None, 3),) * base.ndim] if base.ndim else wide
        part[...] = base
        return part, base
    if layout == "broadcast":
        return np.broadcast_to(base, (2, *base.shape)), np.stack([base, base])
    if layout == "read-only":
        value = base.copy()
        value.flags.writeable = False
        return value, base
    if layout == "other end first":
        return base.astype(base.dtype.newbyteorder()), base
    if layout == "unaligned":
        memory = np.zeros(base.nbytes + 1, np.uint8)
        value = memory[1:].view(base.dtype).reshape(base.shape)
        value[...] = base
        return value, base
    return base, base


LAYOUTS = "C", "Fortran", "transposed", "reversed", "strided", "broadcast", "read-only", "other end first", "unaligned"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(NAMES), st.lists(st.integers(0, 4), max_size=4), st.sampled_from(LAYOUTS), st.integers(0, 2**32 - 1)
        ),
        max_size=6,
    ),
    st.sampled_from(FORMATS),
)
@example([(name, [2, 3], layout, 1) for name in NAMES for layout in LAYOUTS], "safetensors")
@example([(name, [2, 3], layout, 1) for name in NAMES for layout in LAYOUTS], "npz")
@example([], "safetensors")
@example([], "npz")
def test_arrays_come_back_to_the_bit(folder, drawn, array_format):
    given_, wanted = {}, {}
    for number, (name, shape, layout, seed) in enumerate(drawn):
        dtype, size = np.dtype(name), math.prod(shape)
        memory = np.frombuffer(np.random.default_rng(seed).bytes(size * dtype.itemsize), np.uint8)
        base = (memory % 2 if name == "bool" else memory).view(dtype).reshape(shape)  # any bits: NaNs with payloads, denormals
        given_[f"a.{number}"], wanted[f"a.{number}"] = laid_out(base, layout)
    before = {name: value.tobytes() for name, value in given_.items()}
    write_folder(folder, arrays={"all": given_}, array_format=array_format)
    found = read_folder(folder).arrays["all"]
    assert list(found) == list(wanted)
    for name, value in found.items():
        assert bits(value) == bits(wanted[name])
        assert value.flags.writeable
        assert value.flags.c_contiguous
        assert value.flags.aligned
    assert before == {name: value.tobytes() for name, value in given_.items()}


def by_hand(path):
    """The arrays of a safetensors file, from its description: length, JSON, numbers."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    found = {}
    for name, about in json.loads(content[8 : 8 + length]).items():
        begin, end = about["data_offsets"]
        found[name] = about["dtype"], about["shape"], content[8 + length :][begin:end]
    return found


def test_files_are_what_others_read(tmp_path):
    table = np.array([[1 + 2j, 3 + 4j], [5 + 6j, 7 + 8j]], np.complex64)
    key = "entity_representations.0._embeddings.weight"
    arrays = {"model": {key: table.T, "cube": np.ones((2, 1, 3), complex), "one": np.array(2j), "row": np.array([1j, 2])}}
    write_folder(tmp_path / "st", arrays=arrays, array_format="safetensors")
    write_folder(tmp_path / "npz", arrays=arrays, array_format="npz")
    interleaved = np.array([[1, 2, 5, 6], [3, 4, 7, 8]], "<f4")
    found = by_hand(tmp_path / "st" / "model.safetensors")
    assert found[key] == ("F32", [2, 4], interleaved.tobytes())
    assert found["cube"] == ("F64", [2, 6], np.tile([1.0, 0.0], 6).astype("<f8").tobytes())
    assert found["one"] == ("F64", [2], np.array([0.0, 2.0], "<f8").tobytes())
    assert found["row"] == ("F64", [2, 2], np.array([0.0, 1.0, 2.0, 0.0], "<f8").tobytes())
    with np.load(tmp_path / "npz" / "model.npz", allow_pickle=False) as loaded:
        assert {name: loaded[name].tobytes() for name in loaded} == {name: content for name, (*_, content) in found.items()}
        assert bits(loaded[key]) == bits(interleaved)
    for folder in (tmp_path / "st", tmp_path / "npz"):
        listed = json.loads((folder / "manifest.json").read_text())["files"]
        assert len(listed) == 1
        for name, about in listed.items():
            content = (folder / name).read_bytes()
            assert (about["size"], about["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
            assert about["arrays"][key] == {"dtype": "complex64", "shape": [2, 2]}


def test_equal_content_makes_equal_bytes(tmp_path):
    for array_format in FORMATS:
        for name in "ab":
            write_folder(tmp_path / name, array_format=array_format, **SMALL)
        for file in (tmp_path / "a").iterdir():
            assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_without_safetensors_npz_is_written_and_said(tmp_path, monkeypatch):
    write_folder(tmp_path / "with", **SMALL)
    assert (tmp_path / "with" / "model.safetensors").exists()
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    write_folder(tmp_path / "without", **SMALL)
    assert (tmp_path / "without" / "model.npz").exists()
    assert same(read_folder(tmp_path / "without"), SMALL)
    with pytest.raises(ValueError, match=r"load: .*model.safetensors wants the package safetensors, which is not installed"):
        read_folder(tmp_path / "with", function="load")
    with pytest.raises(ValueError, match="save: array_format = 'safetensors' wants that package; allowed: 'npz'"):
        write_folder(tmp_path / "x", array_format="safetensors", function="save", **SMALL)
    monkeypatch.undo()
    assert same(read_folder(tmp_path / "without"), SMALL)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**1023), 2**1023) | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT.filter(lambda key: key != "$float"), inner, max_size=4),
    max_leaves=20,
)


def exact(document):
    """A document with floats as their bits, so that equal means equal."""
    if isinstance(document, dict):
        return [(key, exact(value)) for key, value in document.items()]
    if isinstance(document, list):
        return [exact(value) for value in document]
    if isinstance(document, float):
        return "nan" if math.isnan(document) else document.hex()
    return type(document).__name__, document


@given(DOCUMENTS)
@example([-0.0, 5e-324, 1.7976931348623157e308, 0.1, 1.0, 1, True, math.nan, math.inf, -math.inf, "\u2028\x00\ufeff", 2**128])
def test_documents_come_back_as_they_were(folder, document):
    write_folder(folder, documents={"d": document})
    assert exact(read_folder(folder).documents["d"]) == exact(document)

    def refuse(token):
        raise AssertionError(token)

    json.loads((folder / "d.json").read_bytes(), parse_constant=refuse)


def test_numpy_numbers_and_tuples_come_back_as_python_s(folder):
    write_folder(folder, documents={"d": {"a": np.float32(0.1), "b": np.int64(-3), "c": np.bool_(True), "d": (1, np.float64(2))}})
    found = read_folder(folder).documents["d"]
    assert exact(found) == exact({"a": float(np.float32(0.1)), "b": -3, "c": True, "d": [1, 2.0]})


LABELS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\0"), min_size=1, max_size=8)


@given(st.integers(1, 3).flatmap(lambda columns: st.lists(st.lists(LABELS, min_size=columns, max_size=columns), max_size=6)))
@example([["\ufeffann", "\u2028"], ['"', "'"], [" ", "\x85\x0b\x0c\x1c"], ["#", "\\t"]])
@example([["\ufeff"]])
def test_tables_come_back_as_they_were(folder, rows):
    write_folder(folder, tables={"t": rows})
    assert read_folder(folder).tables["t"] == rows


def test_a_table_is_a_file_that_the_parser_of_triples_reads(folder):
    rows = [["ann", "knows", '"the boss"'], ["b\u2028b", " ", "é"]]
    write_folder(folder, tables={"t": rows})
    assert read_triples(folder / "t.tsv").triples == [tuple(row) for row in rows]


# What cannot be written

CYCLE: list = []
CYCLE.append(CYCLE)
BAD = [
    (dict(arrays=[1]), TypeError, "arrays is a list; allowed: a dict of name to content"),
    (dict(arrays={"m": np.ones(2)}), TypeError, "arrays['m'] is a ndarray; allowed: a dict"),
    (dict(arrays={"../m": {}}), ValueError, "arrays has a name '../m'; allowed: [A-Za-z0-9_][A-Za-z0-9_.-]{0,199}"),
    (dict(arrays={"m": {"a/b": np.ones(2)}}), ValueError, "arrays['m'] has a name 'a/b'; allowed"),
    (dict(arrays={"m": {"": np.ones(2)}}), ValueError, "arrays['m'] has a name ''; allowed"),
    (dict(arrays={"m": {"a\n": np.ones(2)}}), ValueError, r"arrays['m'] has a name 'a\n'; allowed"),
    (dict(arrays={"m": {"__metadata__": np.ones(2)}}), ValueError, "arrays['m'] has a name '__metadata__'; allowed"),
    (dict(arrays={1: {}}), ValueError, "arrays has a name 1; allowed"),
    (dict(arrays={"m": {}, "M": {}}), ValueError, "files m.npz and M.npz are one on some systems; allowed"),
    (dict(arrays={"m": {"a": [1.0]}}), TypeError, "arrays['m']['a'] is a list; allowed: a NumPy array of bool, int8"),
    (dict(arrays={"m": {"a": np.ma.array([1.0])}}), TypeError, "arrays['m']['a'] is a MaskedArray; allowed"),
    (dict(arrays={"m": {"a": np.array([None])}}), TypeError, "arrays['m']['a'].dtype = object is not supported; allowed"),
    (dict(arrays={"m": {"a": np.array(["x"])}}), TypeError, "arrays['m']['a'].dtype = <U1 is not supported; allowed"),
    (
        dict(arrays={"m": {"a": np.zeros(2, "f4,f4")}}),
        TypeError,
        "arrays['m']['a'].dtype = [('f0', '<f4'), ('f1', '<f4')] is not",
    ),
    (
        dict(arrays={"m": {"a": np.zeros(2, "M8[s]")}}),
        TypeError,
        "arrays['m']['a'].dtype = datetime64[s] is not supported; allowed",
    ),
    (dict(arrays={"m": {"a": np.zeros((1,) * 33)}}), ValueError, "arrays['m']['a'] has shape (1, 1,"),
    (dict(documents={"manifest": {}}), ValueError, "documents holds 'manifest'; allowed: other names"),
    (dict(documents={"d": {1: 2}}), TypeError, "documents['d'] has a key 1 of type int; allowed: keys of type str"),
    (dict(documents={"d": {"$float": 2}}), ValueError, "documents['d'] has a key '$float'; allowed: others"),
    (dict(documents={"d": {"a": [0, {1, 2}]}}), TypeError, "documents['d']['a'][1] is a set; allowed: dicts with str keys"),
    (dict(documents={"d": [1j]}), TypeError, "documents['d'][0] is a complex; allowed"),
    (dict(documents={"d": np.ones(2)}), TypeError, "documents['d'] is a ndarray; allowed"),
    (dict(documents={"d": b"x"}), TypeError, "documents['d'] is a bytes; allowed"),
    (dict(documents={"d": 2**1024}), ValueError, "documents['d'] has 1025 bits; allowed: whole numbers of up to 1024 bits"),
    (dict(documents={"d": "\ud800"}), ValueError, r"documents['d'] = '\ud800' holds half a surrogate pair; allowed"),
    (
        dict(documents={"d": {"\ud800": 1}}),
        ValueError,
        r"a key of documents['d'] = '\ud800' holds half a surrogate pair; allowed",
    ),
    (dict(documents={"d": CYCLE}), ValueError, "documents['d'][0][0]"),
    (dict(tables={"t": "ab"}), TypeError, "tables['t'] is a str; allowed: a list of rows"),
    (dict(tables={"t": ["ab"]}), TypeError, "tables['t'][0] is a str; allowed: a list of labels"),
    (dict(tables={"t": [[]]}), ValueError, "tables['t'][0] has 0 columns; allowed: one at least"),
    (dict(tables={"t": [["a"], ["b", "c"]]}), ValueError, "tables['t'][1] has 2 columns; allowed: 1, as in the first row"),
    (dict(tables={"t": [["a"], [""]]}), ValueError, "tables['t'][1][0] is empty; allowed: text, not empty"),
    (dict(tables={"t": [["a", 3]]}), TypeError, "tables['t'][0][1] is a int; allowed"),
    *(
        (dict(tables={"t": [[f"a{letter}b"]]}), ValueError, f"tables['t'][0][0] = {f'a{letter}b'!r} holds a {name}; allowed")
        for letter, name in {"\t": "TAB", "\n": "LF", "\r": "CR", "\0": "NUL"}.items()
    ),
    (dict(tables={"t": [["\udc80"]]}), ValueError, r"tables['t'][0][0] = '\udc80' holds half a surrogate pair; allowed"),
    (dict(array_format="pickle"), ValueError, "array_format = 'pickle' is not a choice; allowed: 'safetensors', 'npz' or None"),
    (dict(path=3), TypeError, "path = 3 is of type int; allowed: a str or pathlib.Path"),
    (dict(path=b"x"), TypeError, "path = b'x' is of type bytes; allowed"),
    (dict(path=""), ValueError, "path = '' names no folder; allowed"),
    (dict(path="/"), ValueError, "path = '/' names no folder; allowed"),
    (dict(path="a\0b"), ValueError, r"'a\x00b' is no path (embedded null byte); allowed: a folder"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD, ids=[case[2][:50] for case in BAD])
def test_bad_input_is_refused_before_anything_is_written(tmp_path, monkeypatch, change, error, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error) as caught:
        write_folder(**{"path": tmp_path / "a" / "run", "array_format": "npz", **change})
    said = str(caught.value)
    assert said.startswith(f"write_folder: {message}"), said
    assert re.fullmatch(r"write_folder: [^\n]+; allowed: [^\n]+", said)
    assert not list(tmp_path.iterdir())


def contents(folder):
    """All there is in a folder: names, kinds, bytes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = stat.S_IFMT(path.lstat().st_mode)
        found[str(path.relative_to(folder))] = kind, path.read_bytes() if stat.S_ISREG(kind) else None
    return found


def test_a_target_that_npembed_did_not_write_is_left_alone(tmp_path, monkeypatch):
    write_folder(tmp_path / "ours", **SMALL)
    text_ = (tmp_path / "ours" / "manifest.json").read_text()

    def make(name, **files):
        write_folder(tmp_path / name, **SMALL)
        for file, content in files.items():
            (tmp_path / name / file.replace("_", ".")).write_text(content)

    (tmp_path / "file").write_text("mine")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").write_text("mine")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "manifest.json").write_text('{"name": "an app"}')
    make("more", notes_txt="mine")
    make("damaged", manifest_json=text_.replace("ann", "")[:-9])
    make("newer", manifest_json=text_.replace('"version": 1', '"version": 2'))
    make("nested")
    (tmp_path / "nested" / "settings.json").unlink()
    (tmp_path / "nested" / "settings.json").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    cases = {
        "file": "is no folder",
        "loop": "is no folder",
        "foreign": "holds 'notes.txt' and no manifest.json, so npembed did not write it",
        "web": "holds a manifest.json that is not the manifest of an npembed folder",
        "more": "holds 'notes.txt', which npembed did not write",
        "damaged": "holds a manifest.json that is not JSON at line",
        "newer": "holds a manifest.json that has version 2 of the format, written by npembed",
        "nested": "holds 'settings.json', which npembed did not write",
    }
    before = contents(tmp_path)
    monkeypatch.setattr(os, "write", None)  # it is not come to that
    for name, fact in cases.items():
        with pytest.raises(FileExistsError) as caught:
            write_folder(tmp_path / name, **SMALL)
        assert str(caught.value).startswith(f"write_folder: {tmp_path / name} {fact}"), caught.value
        assert "; allowed: a folder that npembed wrote and nothing else is in, an empty one, or none" in str(caught.value)
    with pytest.raises(
        OSError, match=r"write_folder: .*file.run cannot be written \(Not a directory\); allowed: a folder that can"
    ):
        write_folder(tmp_path / "file" / "run", **SMALL)
    assert contents(tmp_path) == before


def test_a_write_protected_folder_is_left_alone(tmp_path, monkeypatch):
    write_folder(tmp_path / "run", **SMALL)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may write everywhere
    before = contents(tmp_path)
    with pytest.raises(FileExistsError, match=r"write_folder: .*run is write-protected; allowed: a folder that npembed wrote"):
        write_folder(tmp_path / "run", documents={"d": 1})
    assert contents(tmp_path) == before


def test_what_may_be_replaced_is(tmp_path):
    (tmp_path / "run").mkdir(mode=0o700)
    write_folder(tmp_path / "run", **SMALL)
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700  # a private folder stays private
    write_folder(tmp_path / "a" / "b" / "run", documents={"d": 1})
    (tmp_path / "link").symlink_to("run")
    (tmp_path / "ahead").symlink_to("later")
    for name in ("run", "link", "ahead"):
        write_folder(str(tmp_path / name), documents={"d": name})
        assert read_folder(tmp_path / name) == ({}, {"d": name}, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "ahead", "later", "link", "run"]
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["d.json", "manifest.json"]


# What was not written so


def refusal(path):
    """The message with which a folder is refused, or None."""
    try:
        read_folder(path)
    except (ValueError, OSError) as error:
        said = str(error)
        assert re.fullmatch(r"read_folder: [^\n]+; allowed: a folder that npembed wrote, as it was written", said), said
        return said
    return None


def test_every_truncation_is_refused_by_the_name_of_the_file(small):
    for path in sorted(small.iterdir()):
        content = path.read_bytes()
        for length in reversed(range(len(content))):
            os.truncate(path, length)
            assert str(path) in refusal(small)
        for more in (b"\0", b" ", b"\n", content):
            path.write_bytes(content + more)
            assert str(path) in refusal(small)
        path.unlink()
        assert f"{path} cannot be read (No such file" in refusal(small)
        path.write_bytes(content)
        assert refusal(small) is None


@pytest.mark.long
def test_every_flipped_bit_is_refused_by_the_name_of_the_file(small):
    flips = 0
    for path in sorted(small.iterdir()):
        content = path.read_bytes()
        with open(path, "r+b", buffering=0) as file:
            for at, byte in enumerate(content):
                for bit in range(8):
                    os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), at)
                    assert str(path) in refusal(small)
                    flips += 1
                os.pwrite(file.fileno(), bytes([byte]), at)
        assert refusal(small) is None
    assert flips > 6000


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_flipped_bit_behind_a_forged_hash_is_harmless(suffix):
    """The readers below the hashes: a ValueError, or arrays of the shape that was due; no other error, no large allocation."""
    arrays = {"e": np.array([[1 + 2j]], np.complex64), "yes": np.array([True])}
    described = {name: (value.dtype, value.shape) for name, value in arrays.items()}
    content = formats.encode(arrays, suffix)
    refused = 0
    for at in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[at] ^= 1 << bit
            try:
                found = formats.decode(bytes(changed), suffix, described)
            except ValueError:
                refused += 1
            else:
                assert {name: (value.dtype, value.shape) for name, value in found.items()} == described
    assert refused > 500
    for length in range(len(content)):
        with pytest.raises(ValueError):
            formats.decode(content[:length], suffix, described)


def forge(folder, body, *, seal=True, **files):
    """Write a manifest that says `body`, with its hash made right, as somebody would who wants it believed."""
    body = {key: value for key, value in body.items() if not (seal and key == "sha256")}
    plain = (json.dumps(body, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogatepass")
    if seal:
        body["sha256"] = hashlib.sha256(plain).hexdigest()
        plain = (json.dumps(body, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogatepass")
    (folder / "manifest.json").write_bytes(plain)


def forged(tmp_path, name, content, **about):
    """The refusal of a folder of one file, listed with its right size and hash."""
    folder = tmp_path / "forged"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    listed = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), **about}
    forge(folder, {"format": "npembed folder", "version": 1, "npembed": "0", "files": {name: listed}})
    return refusal(folder)


def zipped(*members, compress_type=zipfile.ZIP_STORED):
    """The bytes of an archive of (name, content)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compress_type) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def npy(value, **options):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, value, **options)
    return buffer.getvalue()


def header(shape, descr="<f8"):
    """The bytes of a .npy of that shape without its numbers."""
    said = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(said)) + said


LONG = b"\x93NUMPY\x01\x00" + struct.pack("<H", 20000) + b" " * 20000


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_forged_archives_are_refused(tmp_path):
    one = npy(np.array([1.0]))
    due = {"arrays": {"a": {"dtype": "float64", "shape": [1]}}}
    assert forged(tmp_path, "m.npz", zipped(("a.npy", one)), **due) is None
    deep = b"(" * 9000
    cases = {
        "compressed or encrypted, which npembed does not write": zipped(("a.npy", one), compress_type=zipfile.ZIP_DEFLATED),
        "larger than the archive, as a bomb does": zipped(("a.npy", bytes(10**6)), compress_type=zipfile.ZIP_DEFLATED),
        "holds 'a.npy', which is no array, or one twice": zipped(("a.npy", one), ("a.npy", one)),
        "holds 'a.txt', which is no array": zipped(("a.txt", one)),
        "holds an array '../a', against the manifest": zipped(("a.npy", one), ("../a.npy", one)),
        "lacks an array 'a', against the manifest": zipped(),
        "holds a as float64 (2,), against the manifest's float64 (1,)": zipped(("a.npy", npy(np.ones(2)))),
        "holds a as float32 (1,)": zipped(("a.npy", npy(np.ones(1, np.float32)))),
        "holds 'a' as object (1,)": zipped(("a.npy", npy(np.array([print]), allow_pickle=True))),
        "holds 'a' as float64 (1,) in 7 bytes": zipped(("a.npy", one[:-1])),
        "holds 'a' in another version of .npy": zipped(("a.npy", npy(np.array([1.0]), version=(2, 0)))),
        "holds 'a' as float64 (1099511627776,) in 0 bytes": zipped(("a.npy", header((2**40,)))),
        "which is no array that npembed writes": zipped(("a.npy", header((-1, -1)) + bytes(8))),
        "m.npz cannot be read as npz (ValueError: Header info length": zipped(
            ("a.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", 20000) + b" " * 20000)
        ),
        "m.npz cannot be read as npz (": zipped(("a.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(deep)) + deep)),
        "cannot be read as npz (BadZipFile": pickle.dumps(np.ones(1)),
    }
    for fact, content in cases.items():
        said = forged(tmp_path, "m.npz", content, **due)
        assert fact in (said or ""), (fact, said)
    large = {"arrays": {"a": {"dtype": "float64", "shape": [2**40]}}}
    assert "manifest.json has a size for m.npz that its arrays cannot have" in forged(tmp_path, "m.npz", one, **large)
    yes = {"arrays": {"a": {"dtype": "bool", "shape": [1]}}}
    said = forged(tmp_path, "m.npz", zipped(("a.npy", header((1,), "|b1") + b"\2")), **yes)
    assert "holds a with a bool that is neither 0 nor 1" in said


def tensors(head, numbers=b""):
    """The bytes of a safetensors file, with the JSON of its header as given."""
    return struct.pack("<Q", len(head)) + head.encode() + numbers


def test_forged_tensors_are_refused(tmp_path):
    due = {"arrays": {"a": {"dtype": "float64", "shape": [1]}}}
    a = '"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}'
    assert forged(tmp_path, "m.safetensors", tensors(f"{{{a}}}", bytes(8)), **due) is None
    cases = {
        "cannot be read as safetensors (": b"PK\3\4" + bytes(40),
        "holds 16 bytes of numbers, against the manifest's 8": tensors(
            f'{{{a},"b":{{"dtype":"F64","shape":[1],"data_offsets":[8,16]}}}}', bytes(16)
        ),
        "holds an array 'A', against": tensors(f"{{{a.replace('a', 'A', 1)}}}", bytes(8)),
        "holds a as int64 (1,)": tensors(f"{{{a}}}".replace("F64", "I64"), bytes(8)),
        "holds a as float64 (1, 1)": tensors(f"{{{a}}}".replace("[1]", "[1,1]"), bytes(8)),
        "(KeyError: 'BF16')": tensors('{"a":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}}', bytes(8)),
    }
    for fact, content in cases.items():
        said = forged(tmp_path, "m.safetensors", content, **due)
        assert fact in (said or ""), (fact, said)


def test_forged_text_is_refused(tmp_path):
    documents = {
        b"NaN": "holds NaN, which is not JSON",
        b"[-Infinity]": "holds -Infinity, which is not JSON",
        b"1e999": "holds the number 1e999, which is out of range",
        b'{"a": 1, "b": 2, "a": 1}': "holds the key 'a' twice in one object",
        b'{"$float": "nan"}': "holds a '$float' that is none of",
        b'{"$float": []}': "holds a '$float' that is none of",
        b'{"$float": "NaN", "a": 1}': "holds a '$float' that is none of",
        b"[" * 10**5: "is nested deeper than 50",
        b"[" * 60 + b"]" * 60: "is nested deeper than 50",
        b"1" * 10**5: "holds a whole number of 100000 digits",
        b"9" * 400: "holds what npembed does not write",
        b'"\\ud800"': "holds half a surrogate pair",
        b"\xef\xbb\xbf1": "is not JSON",
        b"": "is not JSON at line 1, column 1",
        b"[1": "is not JSON at line 1, column 3",
        b'"\xff"': "is not UTF-8 at byte 1",
        b"__import__('os')": "is not JSON",
    }
    for content, fact in documents.items():
        assert fact in (forged(tmp_path, "d.json", content) or ""), content[:40]
    tables = {
        b"a\nb\nc": "has a last line that is cut off",
        b"a\n": "has 1 rows, against the manifest's 2",
        b"a\nb\nc\n": "has 3 rows, against the manifest's 2",
        b"a\nb\tc\n": "has 2 columns in line 2, against the manifest's 1",
        b"aa\n\n": "has a label in line 2 that is empty",
        b"a\nb\r\n": r"has a label in line 2 that = 'b\r' holds a CR",
        b"a\0\nb\n": r"has a label in line 1 that = 'a\x00' holds a NUL",
        b"a\n\xff\n": "is not UTF-8 at byte 2",
        b"a\n\xed\xa0\x80\n": "is not UTF-8 at byte 2",
    }
    for content, fact in tables.items():
        if len(content) >= 4:
            assert fact in (forged(tmp_path, "t.tsv", content, rows=2, columns=1) or ""), content
    assert "cannot be" in forged(tmp_path, "t.tsv", b"a\n", rows=2, columns=1)


VALUES = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        1,
        2,
        16,
        1.0,
        1e308,
        2**31,
        2**63,
        2**64,
        10**30,
        "",
        "x",
        "float64",
        "complex128",
        "object",
        "O",
        "|O8",
    ]
    + [
        [],
        [0],
        [1, 2],
        [-1],
        [2**40, 2**40],
        [0, 2**62],
        [1] * 70,
        [[1]],
        [True],
        {},
        {"$float": "NaN"},
        {"size": 1},
        "0" * 64,
        "\ud800",
    ]
    + [
        "../model.npz",
        "/etc/passwd",
        "..",
        ".",
        "manifest.json",
        "a/b.npz",
        "C:\\x.npz",
        "x\0.json",
        "settings.json",
        "MODEL.npz",
    ]
)


def nodes(value, path=()):
    """The paths of all nodes of a JSON value."""
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from nodes(value[key], (*path, key))


def mutated(body, path, how, value):
    """A copy of `body`, changed at one node."""
    if not path:
        return value
    body = json.loads(json.dumps(body))
    place = body
    for key in path[:-1]:
        place = place[key]
    if how == "drop":
        del place[path[-1]]
    elif how == "add" and isinstance(place, dict):
        place[value if isinstance(value, str) else "extra"] = place[path[-1]]
    elif how == "rename" and isinstance(place, dict):
        items = [(value if key == path[-1] and isinstance(value, str) else key, item) for key, item in place.items()]
        place.clear()
        place.update(items)
    else:
        place[path[-1]] = value
    return body


@given(st.data())
@settings(max_examples=max(400, settings.default.max_examples))
def test_a_mutated_manifest_is_refused_or_says_the_same(folder, data):
    write_folder(folder, array_format=data.draw(st.sampled_from(FORMATS)), **SMALL)
    body = json.loads((folder / "manifest.json").read_text())
    original = {key: value for key, value in body.items() if key != "sha256"}
    path = data.draw(st.sampled_from(list(nodes(body))))
    body = mutated(body, path, data.draw(st.sampled_from(["drop", "add", "rename", "set"])), data.draw(VALUES))
    if isinstance(body, dict):
        forge(folder, body, seal=data.draw(st.booleans()) or "sha256" not in body)
    else:
        (folder / "manifest.json").write_bytes(json.dumps(body).encode("utf-8", "surrogatepass"))
    said, found = refusal(folder), None
    if said is None:  # what is handed out is as it was, but for files no longer listed and numbers under another dtype or shape
        found = read_folder(folder)
        body.pop("sha256", None)
        assert body == original or path[0] in ("files", "npembed")
        assert found.documents.items() <= SMALL["documents"].items()
        assert found.tables.items() <= SMALL["tables"].items()
        for group, members in found.arrays.items():
            assert sum(value.nbytes for value in members.values()) == sum(
                value.nbytes for value in SMALL["arrays"][group].values()
            )
        if body == original:
            assert same(found, SMALL)
    for left in folder.iterdir():
        left.unlink()


def test_what_is_no_such_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    assert f"{tmp_path / 'file'} is no folder" in refusal(tmp_path / "file")
    assert f"{tmp_path / 'none'} cannot be read (No such file or directory)" in refusal(tmp_path / "none")
    assert "manifest.json cannot be read (No such file or directory)" in refusal(tmp_path / "empty")
    for content, fact in {
        "{}": "is not the manifest of an npembed folder",
        "[]": "is not the manifest of an npembed folder",
        '{"format": "npembed folder", "version": 99, "npembed": "7.1"}': "has version 99 of the format, written by npembed '7.1'",
        '{"format": "npembed folder", "version": true}': "has version True",
        "hello": "is not JSON at line 1, column 1 (Expecting value)",
    }.items():
        (tmp_path / "empty" / "manifest.json").write_text(content)
        assert f"{tmp_path / 'empty' / 'manifest.json'} {fact}" in refusal(tmp_path / "empty")
    with open(tmp_path / "empty" / "manifest.json", "wb") as file:
        file.truncate(2**40)  # nothing is allocated for what is too large
    assert f"has {2**40} bytes; at most {manifest.MAX_MANIFEST} were due" in refusal(tmp_path / "empty")


def test_only_regular_files_inside_are_opened(small, tmp_path):
    path = small / "settings.json"
    content = path.read_bytes()
    outside = tmp_path / "outside"
    outside.write_bytes(content)
    (small / "notes.txt").write_text("not listed, so not looked at")
    (small / "pipe").symlink_to("/dev/zero")
    assert same(read_folder(small), SMALL)
    for make, fact in (
        (lambda: path.symlink_to(outside), "is a symbolic link"),
        (lambda: os.mkfifo(path), "is a pipe"),
        (path.mkdir, "cannot be read (Is a directory)"),
    ):
        path.unlink()
        make()
        assert f"{path} {fact}" in refusal(small)
        if path.is_dir():
            path.rmdir()
            path.write_bytes(content)
    assert same(read_folder(small), SMALL)
    listed = json.loads((small / "manifest.json").read_text())
    for name in (
        "../outside",
        str(outside),
        "x/../settings.json",
        ".",
        "..",
        "",
        "outside",
        ".json",
        "-.json",
        "a\0.json",
        "ä.json",
    ):
        body = mutated(listed, ("files", "settings.json"), "rename", name)
        forge(small, body)
        assert "manifest.json lists " in refusal(small)
        assert "which is no file that npembed writes" in refusal(small)
    (small / "SETTINGS.json").write_bytes(content)
    forge(small, mutated(listed, ("files", "settings.json"), "add", "SETTINGS.json"))
    assert "manifest.json lists two files under one name" in refusal(small)


def test_one_group_in_both_formats_is_refused(tmp_path):
    for array_format in FORMATS:
        write_folder(tmp_path / array_format, arrays={"m": {}}, array_format=array_format)
    body = json.loads((tmp_path / "npz" / "manifest.json").read_text())
    other = json.loads((tmp_path / "safetensors" / "manifest.json").read_text())
    (tmp_path / "safetensors" / "m.safetensors").rename(tmp_path / "npz" / "m.safetensors")
    forge(tmp_path / "npz", {**body, "files": {**body["files"], **other["files"]}})
    assert "m.safetensors is there in both formats" in refusal(tmp_path / "npz")


AUDITED = """
import os, sys
import numpy as np
from npembed.io import read_folder, write_folder
target, inside = sys.argv[1], os.path.dirname(sys.argv[1])
content = dict(arrays={"m": {"a": np.ones((2, 2), complex)}}, documents={"d": [1.5]}, tables={"t": [["x"]]})
for array_format in ("npz", "safetensors"):  # what is imported on first use is imported
    write_folder(os.path.join(inside, "first"), array_format=array_format, **content)
    read_folder(os.path.join(inside, "first"))
events = set()
def hook(event, arguments):
    events.add(event)
    if event.startswith("pickle") or event in ("exec", "import", "subprocess.Popen", "os.system", "socket.connect"):
        os._exit(7)
    if event == "open" and isinstance(arguments[0], (str, bytes)) and not os.fsdecode(arguments[0]).startswith(inside):
        if not arguments[0].startswith("run") and os.sep in arguments[0]:
            os._exit(8)
sys.addaudithook(hook)
for array_format in ("npz", "safetensors"):
    write_folder(target, array_format=array_format, **content)
    found = read_folder(target)
    assert found.arrays["m"]["a"].sum() == 4
with open(os.path.join(target, "d.json"), "w") as file:
    file.write("2.5")
try:
    read_folder(target)
except ValueError as error:
    assert "d.json" in str(error)
else:
    os._exit(9)
assert "open" in events
print("done")
"""


def test_nothing_is_unpickled_run_or_opened_elsewhere(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", AUDITED, str(tmp_path / "run")], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert text.MAX_DEPTH == 50


def test_a_target_between_two_renames_is_looked_at_anew(monkeypatch, tmp_path):
    """Another writer has set it aside both times that it is asked which folder it is."""
    asked, identities = [], iter([None, None, 1])

    def allowed(folder):
        asked.append(folder)
        if len(asked) == 1:
            raise FileExistsError("what is read of two folders in turn is neither")

    monkeypatch.setattr(writing.paths, "identity", lambda folder: next(identities))
    writing._check_standing(str(tmp_path), allowed)
    assert asked == [str(tmp_path)] * 2
