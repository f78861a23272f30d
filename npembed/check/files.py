"""Files as they are read: regular ones alone, so that nothing is waited for, and nothing is without end."""

import errno
import os
import stat

FOLLOWING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""How files are opened: no pipe is waited for."""

PLAIN = FOLLOWING | getattr(os, "O_NOFOLLOW", 0)
"""The same, and no symbolic link is followed."""

_KINDS = {stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


def check_regular(mode):
    """A ValueError with the fact for a file of this mode that is no regular one; an IsADirectoryError for a folder."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise ValueError(f"is {_KINDS.get(stat.S_IFMT(mode), 'no regular file')}")


def content(path, most, *, follow=False):
    """The bytes of a regular file of up to `most`; a ValueError with the fact for another kind of file, which is not even opened.

    Symbolic links are refused, unless `follow`.
    """
    check_regular((os.stat if follow else os.lstat)(path).st_mode)
    descriptor = os.open(path, os.O_RDONLY | (FOLLOWING if follow else PLAIN))
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        check_regular(about.st_mode)  # it may have been exchanged just now
        if about.st_size > most:
            raise ValueError(f"has {about.st_size} bytes; at most {most} were due")
        return file.read(about.st_size)
