"""Compiled code is kept between processes: what takes seconds the first time takes milliseconds the second.

Numba's own cache looks at one file, so an edit in `bodies` would leave a stale loop in `cpu`. Here the folder's name is a hash of
everything the compiled code depends on: Numba's, llvmlite's and Python's versions and every source file beside this one. Other
versions' folders are left alone: another environment may be using them.

Cache files are pickles, and whoever can write them can run code: the folder is the user's own, and writable for nobody else.
Where there is no such folder, kernels are compiled in every process anew, and all else is the same. ``NPEMBED_CACHE_DIR`` names
another folder (a file, ``/dev/null`` for one, turns the cache off).

Behind the content of each file stands its SHA-256. Numba believes what it reads, and a file that was cut short or damaged would end in
an error, or be run. A file that is not whole counts as missing: its kernel is compiled anew, and the file written again.
"""

import contextlib
import functools
import hashlib
import os
import pathlib
import sys
import tempfile

import llvmlite
import numba
from numba.core.caching import IndexDataCacheFile

HERE = pathlib.Path(__file__).parent


def root():
    """The folder that holds the hashes' folders: ``NPEMBED_CACHE_DIR``, or ``npembed`` where the system keeps a user's caches.

    >>> root().is_absolute()
    True
    """
    chosen = os.environ.get("NPEMBED_CACHE_DIR")
    if chosen:
        return pathlib.Path(chosen).absolute()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        caches = pathlib.Path(local) if local else pathlib.Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        caches = pathlib.Path.home() / "Library" / "Caches"
    else:
        xdg = os.environ.get("XDG_CACHE_HOME", "")  # the XDG specification: a relative path is to be ignored
        caches = pathlib.Path(xdg) if os.path.isabs(xdg) else pathlib.Path.home() / ".cache"
    return caches / "npembed"


def key():
    """The hash of all that compiled code depends on, or None where the sources cannot be read (a zip file, say).

    >>> len(key())
    64
    """
    sources = sorted(HERE.glob("*.py"))
    if not sources:
        return None
    digest = hashlib.sha256(repr((numba.__version__, llvmlite.__version__, sys.version)).encode())
    for source in sources:
        content = source.read_bytes()
        digest.update(f"\n{source.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def make_private(folder):
    """Make the folder if it is missing; PermissionError if anybody else owns it or may write to it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid"):  # on Windows a user's folders are private by inheritance
        found = folder.stat()
        if found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise PermissionError(f"{folder} belongs to, or may be written by, somebody else")


@functools.cache
def folder():
    """The folder for this version of the kernels, made if need be, or None where none can be had."""
    try:
        name = key()
        if name is None:
            return None
        parent = root()
        parent.parent.mkdir(parents=True, exist_ok=True)
        make_private(parent)
        make_private(parent / name)
        # A full disk shows itself only in writing. All kernels together take less than this.
        with tempfile.TemporaryFile(dir=parent / name) as trial:
            trial.write(bytes(1 << 20))
    except (OSError, RuntimeError):  # RuntimeError: pathlib finds no home
        return None
    return parent / name


class WholeFiles(IndexDataCacheFile):
    """Numba's files of one function: an index, and one of compiled code for each signature; all with their SHA-256 behind them."""

    def save(self, key, data):
        """Save, if that can be done."""
        with contextlib.suppress(OSError):
            super().save(key, data)

    def _load_index(self):
        return super()._load_index() if is_whole(self._index_path) else {}

    def _load_data(self, name):
        if not is_whole(self._data_path(name)):
            raise FileNotFoundError(name)  # which Numba expects: somebody may have removed it
        return super()._load_data(name)

    @contextlib.contextmanager
    def _open_for_write(self, filepath):
        with super()._open_for_write(filepath) as file:
            yield file
            file.flush()
            file.write(digest_of(pathlib.Path(file.name).read_bytes()))


def digest_of(content):
    """The SHA-256 of some bytes."""
    return hashlib.sha256(content).digest()


def is_whole(path):
    """Whether a file of the cache is there, and is as it was written."""
    path = pathlib.Path(path)
    try:
        content = path.read_bytes() if path.is_file() else b""
    except OSError:
        return False
    return digest_of(content[:-32]) == content[-32:]


def njit(function, **options):
    """``numba.njit``, with the compiled code cached in `folder` where there is one."""
    if numba.config.DISABLE_JIT or folder() is None:
        return numba.njit(function, **options)
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder())  # Numba reads it here, once per function; another library's cache stays where it was
    try:
        compiled = numba.njit(function, cache=True, **options)
        compiled._cache._cache_file.__class__ = WholeFiles
        return compiled
    finally:
        numba.config.CACHE_DIR = before
