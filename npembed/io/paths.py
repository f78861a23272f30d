"""Paths and files as `write_folder` and `read_folder` see them."""

import os
import re

from .. import check

ATTEMPTS = 100
"""How often is looked anew because a folder was replaced meanwhile."""


def place(function, path):
    """The name of `path` for messages, and the folder it means, with symbolic links followed."""
    if not isinstance(path, (str, os.PathLike)) or isinstance(os.fspath(path), bytes):
        raise TypeError(f"{function}: path = {path!r} is of type {type(path).__name__}; allowed: a str or pathlib.Path")
    name = path_name(path)
    try:
        target = os.path.realpath(path)
    except (ValueError, OSError) as error:
        raise ValueError(f"{function}: {name} is no path ({error}); allowed: a folder") from None
    if not os.fspath(path) or not os.path.basename(target):
        raise ValueError(f"{function}: path = {os.fspath(path)!a} names no folder; allowed: the path of one, below the root")
    return name, target


def identity(folder):
    """What changes when another folder takes the place of this one."""
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return folder, found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def is_mount(folder):
    """Whether another file system, or a folder of the same, is mounted here: then its name cannot be given to another folder."""
    if os.path.ismount(folder):
        return True
    try:  # on Linux, where a folder may be mounted elsewhere on its own file system
        with open("/proc/self/mountinfo", "rb") as file:
            points = {line.split()[4] for line in file}
    except OSError:
        return False
    return re.sub(rb"[ \t\n\\]", lambda found: b"\\%03o" % found[0][0], os.fsencode(folder)) in points


def content(folder, name, most):
    """The bytes of a regular file in `folder`, of up to `most`; nothing else is opened, or waited for."""
    return check.files.content(os.path.join(folder, name), most)


def path_name(path):
    """`path` as messages begin with it, on one line."""
    name = str(path)
    return name if name.isprintable() else ascii(name)
