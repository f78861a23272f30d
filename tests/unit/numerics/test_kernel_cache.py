"""Compiled kernels are found again by the next process, are never stale, and are not needed."""

import os
import pathlib
import shutil

import pytest


@pytest.fixture
def cache(monkeypatch):
    """The module, without what it remembers."""
    from npembed.numerics.kernels import cache as module

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
