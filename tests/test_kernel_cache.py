"""Compiled kernels are found again by the next process, are never stale, and are not needed."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]

RUN = """
import json, sys
import numpy as np
from npembed import kernels
before = sorted(name for name in sys.modules if name.split(".")[0] in ("numba", "llvmlite"))
table = np.arange(6, dtype=np.float32).reshape(3, 2)
parts = kernels.segments(np.array([2, 0, 2]))
kernels.segment_add(table, *parts, np.ones((3, 2), dtype=np.float32), backend="python")
assert not before and "numba" not in sys.modules, "Numba was imported before a compiled kernel was called"
import numba
numba.config.CACHE_DIR = "as it was"
from npembed.kernels import cache, cpu
results = []
for cpu.SERIAL_BELOW in (1 << 60, 0):
    table, out = np.arange(6, dtype=np.float32).reshape(3, 2), np.empty((4, 2), dtype=np.float32)
    kernels.gather(out, table, np.array([2, 0, 2, 1]))
    kernels.segment_add(table, *parts, np.ones((3, 2), dtype=np.float32))
    results.append([out.tolist(), table.tolist()])
names = "gather_serial", "gather_parallel", "segment_add_serial", "segment_add_parallel"
stats = [getattr(cpu, name).stats for name in names]
print(json.dumps({
    "results": results,
    "hits": [sum(s.cache_hits.values()) for s in stats],
    "misses": [sum(s.cache_misses.values()) for s in stats],
    "folder": str(cache.folder()),
    "CACHE_DIR": numba.config.CACHE_DIR,
}))
"""
RIGHT = [[[4, 5], [0, 1], [4, 5], [2, 3]], [[1, 2], [2, 3], [6, 7]]]


def start(package=ROOT, **environment):
    """Start RUN in a process of its own: JIT on, nothing cached but where `environment` says."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "NPEMBED_", "XDG_"))}
    env |= {"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"} | {k: str(v) for k, v in environment.items()}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", RUN], env=env, cwd=package, **pipes)  # Python looks into cwd first


def finish(process):
    """What RUN found."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    found = json.loads(out)
    assert found["CACHE_DIR"] == "as it was"
    return found


def run(package=ROOT, **environment):
    return finish(start(package, **environment))


def test_the_next_process_finds_every_kernel(tmp_path):
    """Also when two processes compile at the same time; and the folder is the user's own."""
    chosen = tmp_path / "new" / "kernels"
    for first in [finish(process) for process in [start(NPEMBED_CACHE_DIR=chosen), start(NPEMBED_CACHE_DIR=chosen)]]:
        assert first["results"] == [RIGHT, RIGHT]
    second = run(NPEMBED_CACHE_DIR=chosen)
    assert second["results"] == [RIGHT, RIGHT]
    assert second["hits"] == [1, 1, 1, 1]
    assert second["misses"] == [0, 0, 0, 0]
    folder = pathlib.Path(second["folder"])
    assert folder.parent == chosen
    if os.name == "posix":
        assert folder.stat().st_mode & 0o777 == chosen.stat().st_mode & 0o777 == 0o700


def test_an_edit_is_seen(tmp_path):
    """Numba alone would run the stale loop: it looks at the file of the loop, and the edit is in another one."""
    package = tmp_path / "npembed"
    shutil.copytree(ROOT / "npembed" / "kernels", package / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").touch()
    home = {"HOME": tmp_path, "XDG_CACHE_HOME": tmp_path / "xdg", "LOCALAPPDATA": tmp_path / "xdg"}
    before = run(tmp_path, **home)
    assert before["results"] == [RIGHT, RIGHT]
    assert before["misses"] == [1, 1, 1, 1]
    bodies = package / "kernels" / "bodies.py"
    times, text = bodies.stat(), bodies.read_text()
    assert text.count("+= source[d]") == 1
    bodies.write_text(text.replace("+= source[d]", "-= source[d]"))
    os.utime(bodies, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = run(tmp_path, **home)
    assert after["results"] == [[RIGHT[0], [[-1, 0], [2, 3], [2, 3]]]] * 2
    assert after["folder"] != before["folder"]
    assert pathlib.Path(before["folder"]).exists()


def test_a_file_in_the_way_turns_the_cache_off(tmp_path):
    (tmp_path / "file").touch()
    found = run(NPEMBED_CACHE_DIR=tmp_path / "file" / "kernels", HOME=tmp_path)
    assert found["folder"] == "None"
    assert found["results"] == [RIGHT, RIGHT]
    assert found["hits"] == [0, 0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def cache(monkeypatch):
    """The module, without what it remembers."""
    from npembed.kernels import cache as module

    monkeypatch.delenv("NPEMBED_CACHE_DIR", raising=False)
    module.folder.cache_clear()
    yield module
    module.folder.cache_clear()


def no_home():
    raise RuntimeError("Could not determine home directory.")


def test_no_home(cache, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(cache.pathlib.Path, "home", no_home)
    assert cache.folder() is None


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
@pytest.mark.parametrize(
    ("mode", "allowed"), [(0o700, True), (0o755, True), (0o770, False), (0o702, False), (0o777, False)], ids=oct
)
@pytest.mark.parametrize("which", ["parent", "folder"])
def test_a_folder_that_others_may_write_is_refused(which, mode, allowed, cache, monkeypatch, tmp_path):
    parent = tmp_path / "cache"
    monkeypatch.setenv("NPEMBED_CACHE_DIR", str(parent))
    folder = cache.folder()
    assert folder == parent / cache.key()
    (parent if which == "parent" else folder).chmod(mode)
    cache.folder.cache_clear()
    assert cache.folder() == (folder if allowed else None)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX owners")
def test_somebody_elses_folder_is_refused(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("NPEMBED_CACHE_DIR", str(tmp_path / "cache"))
    me = os.getuid()
    assert cache.folder() is not None
    cache.folder.cache_clear()
    monkeypatch.setattr(cache.os, "getuid", lambda: me + 1)
    assert cache.folder() is None


def test_a_full_disk_turns_the_cache_off(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("NPEMBED_CACHE_DIR", str(tmp_path / "cache"))
    full = pathlib.Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    monkeypatch.setattr(cache.tempfile, "TemporaryFile", lambda dir: full.open("wb"))
    assert cache.folder() is None


def test_where_the_cache_is(cache, monkeypatch, tmp_path):
    home, other = tmp_path / "home", tmp_path / "other"
    monkeypatch.setattr(cache.pathlib.Path, "home", lambda: home)
    monkeypatch.setenv("XDG_CACHE_HOME", str(other))
    monkeypatch.setenv("LOCALAPPDATA", str(other / "local"))
    places = {"linux": other / "npembed", "darwin": home / "Library" / "Caches" / "npembed", "win32": other / "local" / "npembed"}
    for platform, place in places.items():
        monkeypatch.setattr(cache.sys, "platform", platform)
        assert cache.root() == place
    monkeypatch.delenv("LOCALAPPDATA")
    assert cache.root() == home / "AppData" / "Local" / "npembed"
    monkeypatch.setattr(cache.sys, "platform", "linux")
    for ignored in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert cache.root() == home / ".cache" / "npembed"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NPEMBED_CACHE_DIR", "relative")
    assert cache.root() == tmp_path / "relative"


def test_the_key_sees_versions_and_every_source(cache, monkeypatch, tmp_path):
    keys = {cache.key()}
    for module, name in ((cache.numba, "__version__"), (cache.llvmlite, "__version__"), (cache.sys, "version")):
        with monkeypatch.context() as changed:
            changed.setattr(module, name, "0.0")
            keys.add(cache.key())
    copy = tmp_path / "kernels"
    shutil.copytree(cache.HERE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    original = cache.key()
    monkeypatch.setattr(cache, "HERE", copy)
    assert cache.key() == original
    sources = sorted(copy.glob("*.py"))
    for source in sources:
        source.write_text(source.read_text() + "\n")
        keys.add(cache.key())
    assert len(keys) == 4 + len(sources)
    monkeypatch.setattr(cache, "HERE", tmp_path / "archive.zip" / "kernels")
    assert cache.key() is None
    assert cache.folder() is None


def test_another_library_s_cache_stays_where_it_was(cache, monkeypatch, tmp_path):
    """Also when Numba fails in between."""
    seen = []

    def failing(function, **options):
        seen.append((cache.numba.config.CACHE_DIR, options))
        raise RuntimeError("no locator available")

    monkeypatch.setenv("NPEMBED_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache.numba.config, "CACHE_DIR", "as it was")
    monkeypatch.setattr(cache.numba.config, "DISABLE_JIT", 0)
    monkeypatch.setattr(cache.numba, "njit", failing)
    with pytest.raises(RuntimeError, match="no locator"):
        cache.njit(test_no_home, nogil=True)
    assert seen == [(str(cache.folder()), {"cache": True, "nogil": True})]
    assert cache.numba.config.CACHE_DIR == "as it was"


def test_nothing_is_made_when_the_jit_is_off(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("NPEMBED_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache.numba.config, "DISABLE_JIT", 1)
    cache.njit(test_no_home)
    assert not (tmp_path / "cache").exists()


def double(x):
    """What is compiled below: small, and so at once."""
    return 2.0 * x


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    """One bit, in the middle: of compiled code, as likely as not."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def folder_instead(path):
    path.unlink()
    path.mkdir()


def pipe_instead(path):
    path.unlink()
    os.mkfifo(path)


def link_to_itself(path):
    """Which nobody can read, not even root."""
    path.unlink()
    path.symlink_to(path)


DAMAGE = {
    "half": cut,
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(bytes(range(256)) * 9),
    "no pickle": lambda path: path.write_bytes(b"cnpembed.nothing\nhere\n."),
    "one bit": flip,
    "more": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "gone": pathlib.Path.unlink,
    "folder": folder_instead,
    "pipe": pipe_instead,
    "unreadable": link_to_itself,
}


@pytest.mark.skipif(os.name != "posix", reason="pipes and links")
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_compiled_anew(cache, monkeypatch, tmp_path, damage):
    """Of Numba's own errors there are a dozen, and code with a wrong bit is run without one."""
    monkeypatch.setenv("NPEMBED_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache.numba.config, "DISABLE_JIT", 0)

    def hits():
        compiled = cache.njit(double)
        assert compiled(1.5) == 3.0
        return sum(compiled.stats.cache_hits.values())

    assert [hits(), hits()] == [0, 1]
    for suffix in (".nbi", ".nbc"):
        (path,) = (tmp_path / "cache").rglob(f"*{suffix}")
        DAMAGE[damage](path)
        assert hits() == 0
        assert damage == "folder" or hits() == 1  # written again, but for what a file cannot replace
        if damage == "folder":
            path.rmdir()
            assert [hits(), hits()] == [0, 1]


def test_a_cache_that_cannot_be_written_is_done_without(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("NPEMBED_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache.numba.config, "DISABLE_JIT", 0)
    compiled = cache.njit(double)

    def full(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "replace", full)
    assert compiled(1.5) == 3.0
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
