"""What has to notice a mutant of what saves and loads: whole folders and runs, there and back, and forged ones."""

import contextlib
import importlib
import io
import itertools
import json
import os
import pathlib
import tempfile
import warnings
import zipfile

import numpy as np
import pytest
from unit.io import test_io
from unit.kge import test_store

from npembed.io import arrays, manifest, read_folder, reading, text, write_folder, writing
from npembed.kge.training import OptimizerUpdate
from npembed.layers import Embedding
from npembed.op import Op

saving, loading = (importlib.import_module(f"npembed.kge.runs.{name}") for name in ("save", "load"))
ARRAYS = {
    "many": {name: np.ones((2, 3), name) for name in test_io.NAMES},
    "odd": {"none": np.zeros((0, 2**40)), "one": np.array(3.5), "long": np.zeros((1,) * 32), "z": np.array([[1 + 2j], [3 - 4j]])},
    "turned": {"x": np.arange(6.0).reshape(2, 3).T, "y": np.arange(6)[::2]},
}
DOCUMENT = {
    "x": [1, -2.5, True, None, "é", {}],
    "inf": [float("inf"), -float("inf"), float("nan")],
    "big": 2**1023,
    "small": 5e-324,
    "nested": [[[0]]],
}
PLAIN = {**DOCUMENT, "inf": [1e308]}
"""Which equals itself."""


@contextlib.contextmanager
def new_folder():
    """A folder that is gone afterwards; nothing waits for the disk."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda descriptor: None)
        yield pathlib.Path(folder)


def folders():
    """Arrays, documents and tables in both formats, there and back, over an older folder too."""
    tables = {"labels": [["a", "b"], ["c", "é"], ["d", " "]], "none": []}
    for array_format in (*test_io.FORMATS, None):
        with new_folder() as folder:
            for content in (test_io.SMALL, {"arrays": ARRAYS, "documents": {"d": PLAIN, "e.f": []}, "tables": tables}):
                write_folder(folder / "run", array_format=array_format, **content)
                assert test_io.same(read_folder(folder / "run"), content)
                for members in read_folder(folder / "run").arrays.values():
                    assert all(x.flags.writeable and x.flags.c_contiguous for x in members.values())
            write_folder(folder / "run", array_format=array_format, arrays={"x": {"swapped": np.arange(3, dtype=">i4")}})
            found = read_folder(folder / "run").arrays["x"]["swapped"]
            assert test_io.bits(found) == test_io.bits(np.arange(3, dtype=np.int32))


def others():
    """Files are such as others read, equal ones for equal content, and nothing is written for what is refused."""
    with new_folder() as folder:
        test_io.test_files_are_what_others_read(folder)
    with new_folder() as folder:
        test_io.test_equal_content_makes_equal_bytes(folder)


def bad():
    """What is refused before anything is written."""
    for case in test_io.BAD:
        with new_folder() as folder, pytest.MonkeyPatch.context() as patched:
            test_io.test_bad_input_is_refused_before_anything_is_written(folder, patched, *case)


def limits():
    """What stands just inside of a limit, and just outside."""
    for shape in ((), (0, 2**57 - 1), (2**57 - 1,), (2**56 + 1,), (1,) * 32, (2**28, 2**28)):
        assert arrays.possible(shape)
    for shape in ((2**57,), (2**57 + 1,), (3**36,), (-1,), (1,) * 33, (2**29, 2**28)):
        assert not arrays.possible(shape)
    assert all(map(manifest._whole, (0, 1, 2**62)))
    assert not any(map(manifest._whole, (-1, 2**62 + 1, True, 1.0, "1", None)))
    entry = {"size": 3, "sha256": "0" * 64, "arrays": {"a": {"dtype": "x", "shape": []}}}
    with pytest.raises(ValueError, match=r"has a dtype for a in m\.npz that npembed does not write"):
        manifest._file("m.npz", entry)
    with pytest.raises(ValueError, match=r"f: t\[0\] has 0 columns; allowed: one at least"):
        text.checked_table("f", "t", [[], ["a"]])
    with zipfile.ZipFile(io.BytesIO(arrays.encode({"a": np.ones(2)}, "npz"))) as archive:
        assert [member.header_offset for member in archive.infolist()] == [0]


def nested(depth, inner, outer):
    """A document in so many lists and dicts, of these in turn."""
    for i in range(depth):
        inner = [inner] if outer[i % len(outer)] == "list" else {"x": inner}
    return inner


def depths():
    """As deep as documents may be, and one level more."""
    for outer in (["list"], ["dict"], ["list", "dict"]):
        deep, deeper = (nested(depth, 1, outer) for depth in (text.MAX_DEPTH, text.MAX_DEPTH + 1))
        assert text.to_json("f", "d", deep) == deep
        with pytest.raises(ValueError, match=r"f: d.* is nested deeper than 50; allowed: up to 50 levels"):
            text.to_json("f", "d", deeper)


def texts():
    """Documents and tables as bytes, and what is none."""
    for document in (DOCUMENT, [], "", 0, [[]], {"a": {"b": [-0.0, 0.1]}}):
        content = text.encode_document(text.to_json("f", "d", document))
        assert test_io.exact(text.decode_document(content)) == test_io.exact(document)
    assert text.encode_document({"é": [1, None]}) == '{\n "é": [\n  1,\n  null\n ]\n}\n'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        text.encode_document([float("nan")])
    test_store.test_a_key_that_is_there_twice_is_found_in_one_pass()
    with new_folder() as folder:
        test_io.test_numpy_numbers_and_tuples_come_back_as_python_s(folder / "run")
    with new_folder() as folder:
        test_io.test_forged_text_is_refused(folder)


def forged():
    """Files that are not what the manifest says, and manifests that say what cannot be."""
    for test in (
        test_io.test_forged_archives_are_refused,
        test_io.test_forged_tensors_are_refused,
        test_io.test_what_is_no_such_folder_is_refused,
        test_io.test_one_group_in_both_formats_is_refused,
    ):
        with new_folder() as folder, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Duplicate name")
            test(folder)


def values():
    """Options as JSON can hold them, and back."""
    arrays: dict = {}
    table = np.ones((2, 1))
    asked = {
        "plain": [1, 2.5, True, None, "x"], "numpy": (np.float32(0.1), np.int64(3), np.bool_(False)),
        "dtypes": [np.dtype("f4"), np.complex64], "tables": [{"tensor": table}], "table": table, "nothing": {},
    }  # fmt: skip
    found = saving._written("save", "model", asked, arrays)
    assert json.dumps(found) == json.dumps({
        "plain": [1, 2.5, True, None, "x"], "numpy": [0.10000000149011612, 3, False], "dtypes": ["float32", "complex64"],
        "tables": [{"tensor": {"array": "model.tables.0.tensor"}}], "table": {"array": "model.table"}, "nothing": {},
    })  # fmt: skip
    assert list(arrays) == ["model.tables.0.tensor", "model.table"]
    back = loading._read(found, arrays, "model.json")
    assert back.pop("table") is back.pop("tables")[0]["tensor"] is table
    assert back == {
        "plain": [1, 2.5, True, None, "x"],
        "numpy": [np.float32(0.1), 3, False],
        "dtypes": ["float32", "complex64"],
        "nothing": {},
    }
    for wrong, said in ((Op(min, max), "a Op"), (min, "min"), (Embedding(1, 1), "a Embedding"), (set, "set"), (b"x", "a bytes")):
        with pytest.raises(
            TypeError, match=f"save: model.x is {said}; allowed: names, numbers and arrays, which can be written down"
        ):
            saving._written("save", "model", {"x": wrong}, {})
    listed = saving._listed({"a": {"b": np.arange(3, dtype=np.uint32)}, "c": np.float64(1.5), "d": 2**128, "e": "x"})
    assert json.dumps(listed) == json.dumps({"a": {"b": [0, 1, 2]}, "c": 1.5, "d": 2**128, "e": "x"})


def runs():
    """Runs of some kinds, with every setting, there and back."""
    with new_folder() as folder:
        test_store.test_every_setting_comes_back(folder)
    with new_folder() as folder:
        test_store.test_a_run_of_the_first_version_is_what_it_was(folder)


def optimizers():
    """Runs whose options add arrays to the states, and a run that has lost some."""
    for kind in test_store.KINDS[2:4]:
        with new_folder() as folder:
            test_store.test_every_kind_of_model_goes_on_with_arrays_that_options_add(kind, folder)
    with new_folder() as folder:
        test_store.test_a_run_that_has_lost_arrays_can_still_be_ranked(folder)


def refused():
    """Runs that are wrong in one place."""
    for said in test_store.SAID:
        with new_folder() as folder:
            test_store.test_what_is_wrong_is_said_with_file_and_key(said, folder)
    with new_folder() as folder:
        test_store.test_sums_of_squares_are_none_of_negative_numbers(folder)
    for name in ("dim", "rows"):
        with new_folder() as folder:
            test_store.test_no_memory_is_taken_for_tables_that_are_not_stored(name, folder)
    with new_folder() as folder:
        test_store.test_numbers_that_are_not_finite_come_back(folder)
    with new_folder() as folder:
        test_store.test_numbers_that_options_say_are_those_that_are_stored(folder)
    with new_folder() as folder:
        test_store.test_what_could_not_be_read_again_is_not_written(folder)


def labels():
    """The labels of a run with their ids, there and back, and such as are refused."""
    with new_folder() as folder:
        test_store.test_every_setting_comes_back(folder)
    marks = {mark.args[0]: mark.args[1] for mark in test_store.test_a_label_stands_in_a_line_of_its_own_and_once.pytestmark}
    for name, change in itertools.product(marks["name"], marks["change"]):
        with new_folder() as folder:
            test_store.test_a_label_stands_in_a_line_of_its_own_and_once(name, change, folder)


def by_name():
    """Folders that are no runs, and runs whose folders go by other names."""
    for test in (
        test_store.test_what_is_no_run_is_refused_in_the_name_of_load,
        test_store.test_a_run_knows_by_any_name_the_folder_that_it_has_read_or_written,
    ):
        with new_folder() as folder:
            test(folder)


def regularized():
    """Runs that lack the numbers of a regularizer, or hold those of one that they do not have."""
    (mark,) = test_store.test_numbers_of_a_regularizer_are_stored_if_there_is_one.pytestmark
    for case in mark.args[1]:
        with new_folder() as folder:
            test_store.test_numbers_of_a_regularizer_are_stored_if_there_is_one(*case, folder)


def standing():
    """A run that is not to be written over."""
    with new_folder() as folder:
        test_store.test_a_run_that_stands_is_left_alone(folder)


def whole():
    """What a run stands on, there and back."""
    with new_folder() as folder:
        test_store.test_a_loaded_run_stands_on_the_parts_that_it_was_trained_on(folder)


def stopped():
    """A run that was stopped within an epoch, there and back."""
    with new_folder() as folder:
        test_store.test_a_run_of_the_first_version_goes_on_under_the_names_of_this_one(folder)


TEXTS, FOLDERS, RUNS = (
    (depths, limits, texts, bad, folders),
    (limits, folders, others, bad, forged),
    (values, runs, optimizers, refused),
)
KILLERS = {
    **dict.fromkeys((text.to_json, text.encode_document, text.decode_document, text._object, text._number, text._whole, text._text), TEXTS),
    **dict.fromkeys((text.checked_table, text.encode_table, text.decode_table), TEXTS),
    **dict.fromkeys(
        (
            arrays.stored, arrays.size, arrays.encode, arrays.decode, arrays._restored, arrays._safetensors, arrays._npz, arrays._npy,
            arrays.possible, manifest.encode, manifest._encode, manifest.decode, manifest._file, manifest._array, manifest._whole,
            reading._read, writing._named,
        ),
        FOLDERS,
    ),
    **dict.fromkeys(
        (
            loading._same, saving._written, loading._read,
            saving._listed,
        ),
        RUNS,
    ),
    saving.save: (standing, by_name, stopped, *RUNS),
    loading._ids: (labels,),
    loading.load: (by_name, *RUNS),
    loading._model: (regularized, *RUNS),
    loading._result: (whole, labels, stopped, *RUNS),
    OptimizerUpdate.restore: (test_store.test_states_of_other_tables_are_refused, *RUNS),
}  # fmt: skip
"""Functions that save and load, and what is run against their mutants."""
