"""Single files, each whole or not there, and of those that are written together all or none."""

import contextlib
import itertools
import os
import stat
from pathlib import Path

from ..numerics import interrupts
from .paths import path_name

_numbers = itertools.count()


def write_files(files, *, function="write_files", then=None):
    """Write files beside their places, bring them to disk, and put all of them in place at the end.

    After an error all is as it was. A file that is replaced keeps its mode, and what a symbolic link points to is replaced, not the
    link. A new file has the mode that the umask leaves.

    Parameters
    ----------
    files : dict of path to function
        Each function is called with a `pathlib.Path`, and writes the file there.
    function : str, the name that errors begin with
    then : function, or None
        Called once all are in place, before Ctrl-C can act.

    Raises
    ------
    OSError
        Where a file cannot be written: a full disk, missing rights.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> write_files({path: lambda new: new.write_text("whole")})
    >>> path.read_text()
    'whole'
    """
    targets = {path: os.path.realpath(path) for path in files}
    beside = {path: Path(os.path.dirname(target), f".npembed-{os.getpid()}-{next(_numbers)}") for path, target in targets.items()}
    at = None
    try:
        for path, write in files.items():
            at, new = path, beside[path]
            write(new)
            with contextlib.suppress(FileNotFoundError):
                os.chmod(new, stat.S_IMODE(os.stat(path).st_mode))
            with new.open("rb+") as file:
                os.fsync(file.fileno())
        with interrupts.deferred():
            for path, target in targets.items():
                at = path
                os.replace(beside[path], target)
            if then is not None:
                then()
    except OSError as error:
        if error.errno is None:  # one of our own
            raise
        reason = error.strerror or error
        raise type(error)(f"{function}: {path_name(at)} cannot be written ({reason}); allowed: a file that can") from error
    finally:
        for new in beside.values():
            new.unlink(missing_ok=True)
