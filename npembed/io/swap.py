"""A finished folder put in the place of an older one, in one step, and what a killed process has left cleared away.

A folder is made under a name of its own beside the target, ``.npembed-KEY-HOST-PID-NUMBER.new``, and then exchanged with the
target: on Linux by one system call, so that a reader sees the old folder or the new one at every moment, whatever happens to the
process. Where there is no such call (other systems, some file systems) two renames do it: the old folder becomes ``....old``, the
new one the target. A process killed between the two leaves no target, but the old folder, whole: `standing` finds it for a
reader, and the next write puts it back.
"""

import contextlib
import ctypes
import errno
import functools
import hashlib
import itertools
import os
import platform
import re
import shutil

_OWN: set[str] = set()
"""Names in use in this process; another one with its process id is what an earlier process has left."""

_numbers = itertools.count()


def _key(target):
    """The start of the names beside `target` that belong to it: its own name may be as long as names can be."""
    name = os.path.basename(target).encode("utf-8", "surrogateescape")
    return f".npembed-{hashlib.sha256(name).hexdigest()[:16]}"


def _host():
    """This machine in a name: on a shared file system a process id alone says nothing."""
    return re.sub("[^A-Za-z0-9]", "_", platform.node())[:40]


def _beside(target):
    """What stands beside `target` and belongs to it: (path, host, process id, "new" or "old") each."""
    parent = os.path.dirname(target)
    pattern = re.compile(re.escape(_key(target)) + r"-(\w*)-(\d+)-\d+\.(new|old)")
    for name in sorted(os.listdir(parent)):
        if match := pattern.fullmatch(name):
            yield os.path.join(parent, name), match[1], int(match[2]), match[3]


def _alive(pid):
    """Whether a process of this machine may still be at work; where that cannot be asked, it may."""
    if os.name == "nt":  # there, signal 0 would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def clear(target):
    """Put a set-aside folder back where `target` is missing, and remove what killed processes of this machine left beside it."""
    for path, host, pid, _ in list(_beside(target)):
        if host == _host() and path not in _OWN and (pid == os.getpid() or not _alive(pid)):
            _remove(path, target)


def _remove(path, target):
    """Remove a folder from beside `target`; a set-aside one goes back instead where there is no target.

    What cannot be done now is left to the next write: by then the new folder is in place, or another error is on its way.
    """
    with contextlib.suppress(OSError):
        if path.endswith(".old") and os.path.lexists(path) and not os.path.lexists(target):
            os.rename(path, target)
        elif os.path.lexists(path):
            shutil.rmtree(path, ignore_errors=True)


def standing(target):
    """The folder that stands for `target`: itself, or one that a killed process has set aside and not replaced."""
    if not os.path.lexists(target):
        with contextlib.suppress(OSError):
            for path, *_, kind in _beside(target):
                if kind == "old":
                    return path
    return target


@contextlib.contextmanager
def beside(target):
    """A new, empty folder beside `target`, which is gone at the end, unless it was put in place."""
    start = f"{_key(target)}-{_host()}-{os.getpid()}"
    names = (os.path.join(os.path.dirname(target), f"{start}-{number}.new") for number in _numbers)
    path = next(name for name in names if not os.path.lexists(name))  # an earlier process may have had this one's id
    _OWN.update({path, _aside(path)})
    try:
        os.mkdir(path)
        yield path
    finally:
        _remove(_aside(path), target)
        _remove(path, target)
        _OWN.difference_update({path, _aside(path)})


def _aside(path):
    return path.removesuffix(".new") + ".old"


def put_in_place(new, target, allowed):
    """Make the folder `new` the folder `target`, to stay there after a power cut; what was there is then at `new`, or gone.

    `allowed` is called with what comes out of `target`, and raises if that may not be replaced. An error puts all back.
    """
    while True:
        if not os.path.lexists(target):
            try:
                os.rename(new, target)
            except OSError:
                if os.path.lexists(target):  # somebody else was faster
                    continue
                raise
            with _undone(lambda: os.rename(target, new)):
                sync(os.path.dirname(target))
            return
        if exchange(new, target):
            with _undone(lambda: exchange(new, target)):
                allowed(new)
                sync(os.path.dirname(target))
            return
        try:
            _two_renames(new, target, allowed)
            return
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
                raise
            _remove(_aside(new), target)  # somebody else was faster


def _two_renames(new, target, allowed):
    """`put_in_place` without the system call; after an error, the end of `beside` puts the old folder back."""
    os.rename(target, _aside(new))
    allowed(_aside(new))
    os.rename(new, target)
    with _undone(lambda: os.rename(target, new)):
        sync(os.path.dirname(target))


@contextlib.contextmanager
def _undone(undo):
    """Call `undo` if the block raises."""
    try:
        yield
    except BaseException:
        undo()
        raise


@functools.cache
def _renameat2():
    """The C library's renameat2, or None."""
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return None
    function.argtypes = ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint
    return function


def exchange(one, other):
    """Let two folders change names in one step; False where that cannot be done."""
    here, flag = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
    return bool(_renameat2()) and _renameat2()(here, os.fsencode(one), here, os.fsencode(other), flag) == 0


def sync(folder):
    """Have the names in a folder reach the disk."""
    if os.name == "nt":  # there, a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that knows no such thing
            raise
    finally:
        os.close(descriptor)
