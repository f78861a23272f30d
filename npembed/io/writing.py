"""A folder written beside its place, and put there in one step."""

import contextlib
import errno
import functools
import hashlib
import os
import stat
import tempfile

from .. import check
from . import arrays as formats
from . import manifest, paths, swap, text
from .labels import shown

_REPLACED = "a folder that npembed wrote and nothing else is in, an empty one, or none"

ANY = "any"
"""For a target that may be replaced whatever npembed wrote there."""


@check.public
def write_folder(
    path, *, arrays=None, documents=None, tables=None, array_format=None, replaces=ANY, function="write_folder"
):  # fmt: skip
    """Write a folder of named things, which `read_folder` gives back to the last bit.

    The folder is made beside the target, brought to disk and put in place in one step. At every moment a reader finds the folder
    that was there before, or the new one (for systems without such a step see `npembed.io.swap`). After an error the old one
    is there, and nothing else. The same content always makes the same bytes.

    Parameters
    ----------
    path : str or path
        Where the folder is to be. It is made, with the folders above it, or replaced if npembed wrote it: if files are in it that
        its manifest does not list, it is refused and left alone. Of a symbolic link, what it points to is replaced.
    arrays : dict of group to dict of name to ndarray
        A file ``GROUP.safetensors`` each; of any dtype of `npembed.io.arrays.DTYPES`, any shape up to 32 axes and any layout. Complex
        arrays are stored as reals, ``(N, 2d)`` for ``(N, d)``, real and imaginary part in turn, as PyKEEN does.
    documents : dict of name to document
        A file ``NAME.json`` each: dicts with str keys, lists, str, int, float, bool, None, nested. Tuples come back as lists and
        NumPy's numbers as Python's. JSON has no nan and inf: they are written as ``{"$float": "NaN"}`` and come back as floats.
    tables : dict of name to list of rows
        A file ``NAME.tsv`` each, one row a line; rows are lists of labels, all of one length.
    array_format : "safetensors", "npz" or None
        None for safetensors, if that package is installed, and ``.npz`` otherwise.
    replaces : ANY, or what `manifest_at` or `write_folder` said of the folder before: a str, or None where nothing was
        Where another manifest stands by now, somebody else has written there, and the target is refused and left alone.
    function : str, the name that errors begin with

    Returns
    -------
    str, what `manifest_at` says of the new folder

    Raises
    ------
    TypeError, ValueError
        For what cannot be written, before anything is. Names are of letters, digits and ``_.-``, and begin with none of ``.-``.
    FileExistsError
        For a target that is not to be replaced.
    OSError
        Where the folder cannot be written: a full disk, missing rights.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from npembed.io import read_folder
    >>> path = os.path.join(tempfile.mkdtemp(), "run")
    >>> written = write_folder(path, arrays={"model": {"entities": np.array([[1 + 2j]])}}, array_format="npz",
    ...                        documents={"settings": {"p": float("inf")}}, tables={"entities": [["ann"], ["bob"]]})
    >>> written == manifest_at(path)
    True
    >>> sorted(os.listdir(path))
    ['entities.tsv', 'manifest.json', 'model.npz', 'settings.json']
    >>> found = read_folder(path)
    >>> found.arrays["model"]["entities"], found.documents["settings"], found.tables["entities"]
    (array([[1.+2.j]]), {'p': inf}, [['ann'], ['bob']])
    """
    name, target = paths.place(function, path)
    suffix = formats.suffix(function, array_format)
    files: dict = {}
    for group, members in _named(function, "arrays", arrays).items():
        members = _named(function, f"arrays[{group!r}]", members)
        described = {}
        for key, value in members.items():
            value = formats.checked(function, f"arrays[{group!r}][{key!r}]", value)
            described[key] = {"dtype": str(value.dtype.newbyteorder("=")), "shape": list(value.shape)}
        files[f"{group}.{suffix}"] = functools.partial(formats.encode, members, suffix), {"arrays": described}
    for key, value in _named(function, "documents", documents).items():
        if key.casefold() == "manifest":
            raise ValueError(f"{function}: documents holds {key!r}; allowed: other names, since this file is npembed's own")
        document = text.to_json(function, f"documents[{key!r}]", value)
        files[f"{key}.json"] = functools.partial(text.encode_document, document), {}
    for key, value in _named(function, "tables", tables).items():
        rows = text.checked_table(function, f"tables[{key!r}]", value)
        counts = {"rows": len(rows), "columns": len(rows[0]) if rows else 0}
        files[f"{key}.tsv"] = functools.partial(text.encode_table, rows), counts
    _check_files(function, files)
    try:
        return _write(function, name, target, files, replaces)
    except OSError as error:
        if error.errno is None:  # one of our own
            raise
        reason = error.strerror or error
        raise type(error)(f"{function}: {name} cannot be written ({reason}); allowed: a folder that can") from error


@check.public
def manifest_at(path, *, function="manifest_at"):
    """The SHA-256 of the manifest in a folder, which no other folder shares unless all is the same in it; None where there is none.

    >>> import tempfile
    >>> manifest_at(tempfile.mkdtemp())
    """
    _, target = paths.place(function, path)
    return _manifest_in(swap.standing(target))


def _manifest_in(folder):
    try:
        return hashlib.sha256(paths.content(folder, manifest.NAME, manifest.MAX_MANIFEST)).hexdigest()
    except (OSError, ValueError):
        return None


@check.public
def check_writable(path, *, sizes=(), function="check_writable"):
    """Refuse a target that `write_folder` would refuse for what is there already, or where it is, leaving nothing behind.

    Parameters
    ----------
    path : str or path
    sizes : ints, in bytes
        Files for which there must be room.

    >>> import tempfile
    >>> check_writable(tempfile.mkdtemp(), sizes=[1000, 1000])
    """
    name, target = paths.place(function, path)
    if paths.is_mount(target):
        raise OSError(f"{function}: {name} is a mount point, which cannot be replaced in one step; allowed: a folder in it")
    _check_standing(target, functools.partial(_check_replaced, function, name, ANY))
    parent = os.path.dirname(target)
    while not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    try:
        with contextlib.ExitStack() as files:  # rights alone do not tell: a disk may be read-only
            for size in (0, *sizes):
                _reserve(files.enter_context(tempfile.TemporaryFile(dir=parent)), size)
    except OSError as error:
        if error.errno in _NO_ROOM:
            found = f"{name} finds no room in {parent} for {sum(sizes):,} bytes ({error.strerror})"
            raise OSError(f"{function}: {found}; allowed: a place that has it") from None
        raise NotADirectoryError(
            f"{function}: {name} cannot be made in {parent}; allowed: a place in a folder that can be written"
        ) from None


_NO_ROOM = errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)


def _reserve(file, size):
    """Have the disk set so many bytes aside for a file, or raise an OSError for want of room."""
    if size and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise


def _named(function, argument, value):
    """`value` as a dict with names that can be file names everywhere."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError(f"{function}: {argument} is a {type(value).__name__}; allowed: a dict of name to content")
    for name in value:
        if not isinstance(name, str) or not manifest.NAMES.fullmatch(name):
            raise ValueError(f"{function}: {argument} has a name {name!a}; allowed: {manifest.NAMES.pattern}")
        if name == "__metadata__":
            raise ValueError(f"{function}: {argument} has a name '__metadata__'; allowed: others, since it is safetensors' own")
    return value


def _check_files(function, files):
    """ValueError for two files that are one where capitals are no other letters."""
    seen: dict = {}
    for file in files:
        twin = seen.setdefault(file.casefold(), file)
        if twin != file:
            raise ValueError(f"{function}: files {twin} and {file} are one on some systems; allowed: names with another spelling")


def _write(function, name, target, files, replaces):
    """Make the folder beside `target` and put it there; folders above that were made for it go again after an error."""
    made: list = []
    allowed = functools.partial(_check_replaced, function, name, replaces)
    try:
        parent = os.path.dirname(target)
        while not os.path.lexists(parent):
            made.append(parent)
            parent = os.path.dirname(parent)
        if made:
            os.makedirs(os.path.dirname(target), exist_ok=True)
        for folder in made:
            swap.sync(os.path.dirname(folder))
        swap.clear(target)
        _check_standing(target, allowed)
        with swap.beside(target) as new:
            _keep_mode(new, target)
            listed = {}
            for file, (encoded, about) in files.items():
                content = encoded()
                digest = hashlib.sha256(content).hexdigest()
                listed[file] = {"size": len(content), "sha256": digest, **about}
                _write_file(new, file, content, target)
            content = manifest.encode(listed)
            if sum(about["size"] for about in listed.values()) > manifest.MAX_FOLDER:
                raise OSError(f"{function}: {name} would be too large; allowed: {manifest.MAX_FOLDER} bytes")
            if len(content) > manifest.MAX_MANIFEST:
                found = f"would have a {manifest.NAME} of {len(content)} bytes"
                raise OSError(f"{function}: {name} {found}; allowed: {manifest.MAX_MANIFEST}, which fewer arrays make")
            _write_file(new, manifest.NAME, content, target)
            swap.sync(new)
            swap.put_in_place(new, target, allowed)
        return hashlib.sha256(content).hexdigest()
    except BaseException:
        for folder in made:
            with contextlib.suppress(OSError):  # not made yet, or somebody's by now
                os.rmdir(folder)
        raise


def _keep_mode(new, old):
    """Give `new` the mode of the file or folder that it replaces, if that is there."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        mode = os.lstat(old).st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):  # the mode of a link is no mode
            os.chmod(new, stat.S_IMODE(mode))


def _write_file(folder, name, content, old):
    """Write a new file, with the mode of its namesake in the folder `old`, and have it reach the disk."""
    path = os.path.join(folder, name)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | check.files.PLAIN, 0o666)
    try:
        _keep_mode(path, os.path.join(old, name))
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_standing(target, allowed):
    """Call `allowed` with `target`, if it is there: anew, if it was replaced under its eyes."""
    for attempt in range(paths.ATTEMPTS):
        before = paths.identity(target)
        if before is None and not os.path.lexists(target):
            return
        try:
            allowed(target)
            return
        except OSError:
            same = before is not None and paths.identity(target) == before  # None twice: between two renames each time
            if same or attempt == paths.ATTEMPTS - 1:
                raise


def _check_replaced(function, name, replaces, folder):
    """FileExistsError if `folder`, which stands or stood at the path `name`, is not to be replaced: its files would be lost."""
    fact = None
    if replaces != ANY and _manifest_in(folder) not in (None, replaces):
        before = "was written by another run meanwhile" if replaces else "holds a run already"
        raise FileExistsError(f"{function}: {name} {before}; allowed: another folder")
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        fact = "is no folder"
    elif found := set(os.listdir(folder)):
        try:
            content = paths.content(folder, manifest.NAME, manifest.MAX_MANIFEST)
            foreign = found - {manifest.NAME} - set(manifest.decode(content))
            foreign |= {file for file in found if stat.S_ISDIR(os.lstat(os.path.join(folder, file)).st_mode)}
            if foreign:
                fact = f"holds {shown(min(foreign))}, which npembed did not write"
        except FileNotFoundError:
            fact = f"holds {shown(min(found))} and no {manifest.NAME}, so npembed did not write it"
        except (OSError, ValueError) as error:
            fact = f"holds a {manifest.NAME} that {getattr(error, 'strerror', None) or error}"
    if not fact and not os.access(folder, os.W_OK):
        fact = "is write-protected"
    if fact:
        raise FileExistsError(f"{function}: {name} {fact}; allowed: {_REPLACED}")
