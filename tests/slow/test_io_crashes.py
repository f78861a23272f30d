"""A folder is whole or not there: whatever fails, whenever the process is killed, and whoever reads or writes beside it."""

import errno
import os
import platform
import shutil
import subprocess
import sys

import numpy as np
import pytest
from places import ROOT

from npembed.io import manifest_at, read_folder, swap, write_folder

NIGHTLY = os.environ.get("NPEMBED_HYPOTHESIS") == "nightly"
FILES = ["d.json", "m.npz", "manifest.json", "t.tsv"]


def content(number, size=3):
    """What a folder number `number` holds: its number everywhere."""
    return {
        "arrays": {"m": {"a": np.full(size, number)}},
        "documents": {"d": number},
        "tables": {"t": [[str(number)]] * (number % 3 + 1)},
        "array_format": "npz",
    }


def number_in(path):
    """The number of a folder that is all of one piece."""
    found = read_folder(path)
    number = found.documents["d"]
    assert (found.arrays["m"]["a"] == number).all()
    assert found.tables["t"] == [[str(number)]] * (number % 3 + 1)
    return number


def inside(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=["one call", "two renames"])
def way(request, monkeypatch):
    """How the folders are exchanged: by the system call of Linux, or as elsewhere."""
    if request.param == "two renames":
        monkeypatch.setattr(swap, "exchange", lambda one, other: False)
    return request.param


def test_the_system_call_is_there_where_it_should_be(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").write_text("b")
    done = swap.exchange(str(tmp_path / "a"), str(tmp_path / "b"))
    assert done or sys.platform != "linux"
    assert (tmp_path / "b").is_dir() == done
    assert not swap.exchange(str(tmp_path / "a"), str(tmp_path / "none"))


# Errors

STEPS = "mkdir", "open", "write", "fsync", "close", "rename", "chmod", "listdir", "lstat", "stat"


class Failing:
    """A function of `os` that works, but for its call number `nth`."""

    def __init__(self, step, nth, code):
        self.step, self.nth, self.code, self.calls, self.real, self.close = step, nth, code, 0, getattr(os, step), os.close

    def __call__(self, *arguments, **options):
        self.calls += 1
        if self.calls - 1 == self.nth:
            if self.step == "close":
                self.close(*arguments)  # as on Linux: closed, and yet an error
            raise OSError(self.code, os.strerror(self.code))
        return self.real(*arguments, **options)


def fail_each(monkeypatch, target, code):
    """Write a folder again and again, where each call to the system fails once, in turn; yields the error, or None."""
    for step in STEPS:
        for nth in range(1000):
            failing, failed = Failing(step, nth, code), None
            with monkeypatch.context() as patch:
                patch.setattr(os, step, failing)
                try:
                    write_folder(target, **content(2))
                except OSError as error:
                    failed = error
            if failed is not None:
                said = str(failed)
                assert said.startswith(f"write_folder: {target} ")
                assert "; allowed: " in said
            yield failed
            if failing.calls <= nth:
                break


CODES = [errno.ENOSPC, errno.EINTR, errno.EACCES, errno.EIO]


@pytest.mark.parametrize("code", CODES)
def test_any_call_that_fails_leaves_the_old_folder(tmp_path, monkeypatch, way, code):
    """An error means the old folder and nothing beside it, no error the new one; where removing the old one fails, the next write does."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # it is counted, and not waited for
    target, failures = tmp_path / "run", 0
    write_folder(target, **content(1))
    for failed in fail_each(monkeypatch, target, code):
        assert number_in(target) == (1 if failed else 2)
        assert inside(target) == FILES
        if failed:
            assert inside(tmp_path) == ["run"]
        write_folder(target, **content(1))
        assert inside(tmp_path) == ["run"]
        failures += failed is not None
    assert failures >= 20


@pytest.mark.parametrize("code", CODES)
def test_any_call_that_fails_leaves_no_new_folder(tmp_path, monkeypatch, code):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    target, failures = tmp_path / "above" / "run", 0
    for failed in fail_each(monkeypatch, target, code):
        if not failed:
            assert number_in(target) == 2
            shutil.rmtree(tmp_path / "above")
        assert inside(tmp_path) == []
        failures += failed is not None
    assert failures >= 20


def test_a_short_write_is_gone_on_with(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:7]))
    write_folder(tmp_path / "run", **content(1))
    assert number_in(tmp_path / "run") == 1


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    """Space for so many bytes and no more, for every such number."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    write_folder(tmp_path / "run", **content(1))
    real, room = os.write, 0

    def write(descriptor, data):
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        data = bytes(data)[:room]
        room -= len(data)
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    for space in range(0, 10**5, 61):
        room, said = space, ""
        try:
            write_folder(tmp_path / "run", **content(2))
        except OSError as error:
            said = str(error)
        assert number_in(tmp_path / "run") == (1 if said else 2)
        assert inside(tmp_path) == ["run"]
        if not said:
            break
        assert said.startswith(f"write_folder: {tmp_path / 'run'} cannot be written (No space left on device); allowed: ")
    assert 900 < space < 9000


def test_an_interrupt_leaves_what_was_there(tmp_path, monkeypatch, way):
    write_folder(tmp_path / "run", **content(1))
    rename = os.rename

    def interrupted(*arguments):
        raise KeyboardInterrupt

    def interrupted_halfway(source, target):  # when the old folder is set aside
        if str(source).endswith(".new"):
            raise KeyboardInterrupt
        rename(source, target)

    steps = {"mkdir": interrupted, "write": interrupted, "fsync": interrupted}
    if way == "two renames":
        steps["rename"] = interrupted_halfway
    for step, function in steps.items():
        with monkeypatch.context() as patch:
            patch.setattr(os, step, function)
            with pytest.raises(KeyboardInterrupt):
                write_folder(tmp_path / "run", **content(2))
        assert number_in(tmp_path / "run") == 1
        assert inside(tmp_path) == ["run"]


def test_every_file_and_folder_is_brought_to_disk_before_it_is_put_in_place(tmp_path, monkeypatch, way):
    write_folder(tmp_path / "run", **content(1))
    synced, real, put = [], os.fsync, swap.put_in_place
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino) or real(descriptor))

    def putting(new, target, allowed):
        expected = {os.stat(os.path.join(new, name)).st_ino for name in os.listdir(new)} | {os.stat(new).st_ino}
        assert set(synced) >= expected
        assert len(expected) == len(FILES) + 1
        synced.clear()
        put(new, target, allowed)

    monkeypatch.setattr(swap, "put_in_place", putting)
    write_folder(tmp_path / "run", **content(2))
    assert synced == [tmp_path.stat().st_ino]


def test_what_turns_up_in_the_old_folder_meanwhile_is_not_lost(tmp_path, monkeypatch, way):
    target = tmp_path / "run"
    write_folder(target, **content(1))
    put = swap.put_in_place

    def putting(new, place, allowed):
        (target / "notes.txt").write_text("mine")
        put(new, place, allowed)

    monkeypatch.setattr(swap, "put_in_place", putting)
    with pytest.raises(FileExistsError, match=r"run holds 'notes.txt', which npembed did not write; allowed: "):
        write_folder(target, **content(2))
    assert number_in(target) == 1
    assert (target / "notes.txt").read_text() == "mine"
    assert inside(tmp_path) == ["run"]


def test_only_the_folder_that_is_meant_is_replaced(tmp_path, monkeypatch, way):
    """Whether another one stands there before, or turns up in the last moment."""
    target, put = tmp_path / "run", swap.put_in_place
    assert manifest_at(target) is None
    first = write_folder(target, **content(1), replaces=None)
    assert manifest_at(target) == first == write_folder(target, **content(1))  # the same content, the same manifest
    second = write_folder(target, **content(2), replaces=first)
    assert second == manifest_at(target) != first
    for replaces, fact in ((first, "was written by another run meanwhile"), (None, "holds a run already")):
        with pytest.raises(FileExistsError, match=f"write_folder: .*run {fact}; allowed: another folder"):
            write_folder(target, **content(3), replaces=replaces)

    def putting(new, place, allowed):
        monkeypatch.setattr(swap, "put_in_place", put)
        write_folder(target, **content(4))
        put(new, place, allowed)

    for replaces in (second, None):
        monkeypatch.setattr(swap, "put_in_place", putting)
        if replaces is None:
            shutil.rmtree(target)
        with pytest.raises(
            FileExistsError, match=r"run (was written by another run meanwhile|holds a run already); allowed: another"
        ):
            write_folder(target, **content(3), replaces=replaces)
        assert number_in(target) == 4
        assert inside(tmp_path) == ["run"]
    shutil.rmtree(target)
    write_folder(target, **content(5), replaces=second)  # what is gone cannot be undone
    (tmp_path / "empty").mkdir()
    write_folder(tmp_path / "empty", **content(5), replaces=None)
    assert number_in(target) == number_in(tmp_path / "empty") == 5


# Killed processes

DRIVER = """
import os, random, signal, sys, time
signal.alarm(100)
import numpy as np
sys.path.insert(0, os.path.join(os.getcwd(), "tests"))
from places import FOLDERS
sys.path[:0] = map(str, FOLDERS)
from npembed.io import read_folder, swap, write_folder
from test_io_crashes import FILES, content, number_in
what, target, way, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
parent = os.path.dirname(target)
if way == "two renames":
    swap.exchange = lambda one, other: False

def child(work):
    pid = os.fork()
    if not pid:
        signal.alarm(100)  # it ends, whatever becomes of those who would kill it
        try:
            work()
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    return pid

def write_on(start=0, step=1):
    number = start
    while True:
        parts = content(number, size=2000)
        parts["documents"][f"odd{number % 2}"] = "a file that the other one does not have"
        write_folder(target, **parts)
        number += step

def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""

STEPWISE = """
calls = 0

def work(last):
    def counted(real):
        def call(*arguments, **options):
            global calls
            if calls == last:
                os.kill(os.getpid(), signal.SIGKILL)
            calls += 1
            return real(*arguments, **options)
        return call
    os.fsync = lambda descriptor: None
    for name in ("mkdir", "open", "write", "fsync", "close", "rename", "unlink", "rmdir", "chmod"):
        setattr(os, name, counted(getattr(os, name)))
    swap.exchange = counted(swap.exchange)
    write_folder(target, **content(2))

write_folder(target, **content(1))
seen, last = [], 0
while True:
    code = ended(child(lambda: work(last)))
    assert code in (0, -9), code
    seen.append(number_in(target))
    if code == 0:
        break
    write_folder(target, **content(1))  # the next writer clears up
    assert os.listdir(parent) == ["run"], os.listdir(parent)
    assert number_in(target) == 1
    last += 1
assert seen == sorted(seen) and seen[0] == 1 and seen[-1] == 2 and last > 30, (seen, last)
print(last)
"""

RANDOM = """
generator, seen = random.Random(0), set()
write_folder(target, **content(0))
for number in range(rounds):
    pid = child(lambda: write_on(number_in(target) + 1))
    time.sleep(generator.uniform(0.005, 0.15))
    os.kill(pid, signal.SIGKILL)
    assert ended(pid) == -9
    seen.add(number_in(target))
write_folder(target, **content(5))
assert number_in(target) == 5 and os.listdir(parent) == ["run"]
print(len(seen))
"""

BESIDE = """
write_folder(target, **content(0))
writers = [child(lambda: write_on(0, 2)), child(lambda: write_on(1, 2))]
end, seen = time.monotonic() + rounds / 10, set()
try:
    while time.monotonic() < end or len(seen) < 5:
        seen.add(number_in(target))
        assert os.waitpid(-1, os.WNOHANG) == (0, 0), "a writer failed"
finally:
    for pid in writers:
        os.kill(pid, signal.SIGKILL)
        ended(pid)
number_in(target)
write_folder(target, **content(5))
assert number_in(target) == 5 and os.listdir(parent) == ["run"], os.listdir(parent)
print(len(seen))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the test forks")
@pytest.mark.parametrize("way", ["one call", "two renames"])
@pytest.mark.parametrize(("script", "least"), [(STEPWISE, 30), (RANDOM, 2), (BESIDE, 5)], ids=["stepwise", "at random", "beside"])
def test_old_or_new_at_every_moment(tmp_path, script, least, way):
    """Killed before each of its calls in turn, killed at random, and read while two processes write."""
    (tmp_path / "parent").mkdir()
    arguments = ["what", str(tmp_path / "parent" / "run"), way, "40" if NIGHTLY else "6"]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER + script, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= least


def left(target, pid, kind, number=1, host=None):
    """A folder beside `target` as a process leaves it that was killed."""
    host = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in host or platform.node())[:40]
    return f"{swap._key(str(target))}-{host}-{pid}-{number}.{kind}"


def test_what_dead_processes_left_is_cleared_and_what_living_ones_use_is_not(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    target = tmp_path / "run"
    stale = [left(target, dead.pid, "new"), left(target, dead.pid, "old"), left(target, os.getpid(), "new", 10**6)]
    kept = [
        left(target, os.getppid(), "new"),
        left(target, dead.pid, "new", host="elsewhere"),
        left(tmp_path / "b", dead.pid, "new"),
    ]
    kept += [".npembed-mine", "run.old"]
    for name in stale + kept:
        write_folder(tmp_path / name, **content(3))
    write_folder(target, **content(1))
    assert inside(tmp_path) == sorted([*kept, "run"])
    assert number_in(target) == 1


def test_a_folder_set_aside_by_a_killed_process_is_found_and_put_back(tmp_path, monkeypatch):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    target = tmp_path / "run"
    write_folder(target, **content(1))
    target.rename(tmp_path / left(target, dead.pid, "old"))
    assert number_in(target) == 1
    monkeypatch.setattr(os, "write", Failing("write", 0, errno.ENOSPC))
    with pytest.raises(OSError, match="cannot be written"):
        write_folder(target, **content(2))
    assert inside(tmp_path) == ["run"]
    assert number_in(target) == 1
