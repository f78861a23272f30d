"""A folder read, if every bit of it is as it was written."""

import hashlib
import os
import stat
import time
from typing import NamedTuple

from .. import check
from . import arrays as formats
from . import manifest, paths, swap, text

_WRITTEN = "a folder that npembed wrote, as it was written"


class Folder(NamedTuple):
    """What a folder holds: see `write_folder`.

    Attributes
    ----------
    arrays : dict of group to dict of name to ndarray
    documents : dict of name to document
    tables : dict of name to list of rows, each a list of labels
    """

    arrays: dict
    documents: dict
    tables: dict


@check.public
def read_folder(path, *, function="read_folder"):
    """Read a folder that `write_folder` has written, after all of it was checked.

    Each file is read once, must have the size and the SHA-256 of the manifest, and only then is looked into. Files that the manifest
    does not list are not looked at. Symbolic links inside are refused. If the folder is replaced meanwhile, reading starts anew.

    Parameters
    ----------
    path : str or path
    function : str, the name that errors begin with

    Returns
    -------
    Folder
        Arrays are new, writable, in C order, in the machine's byte order.

    Raises
    ------
    ValueError
        For what is not such a folder, or not as it was written, with the file and what is wrong with it. Also for arrays in
        safetensors where that package is not installed.
    OSError
        For what cannot be opened.
    """
    name, target = paths.place(function, path)
    for attempt in range(paths.ATTEMPTS):
        folder = swap.standing(target)
        before = paths.identity(folder)
        try:
            return _read(function, name, folder)
        except (OSError, ValueError):
            now = swap.standing(target)  # the same folder elsewhere was set aside meanwhile
            aside = folder != target  # and may be on its way out
            if attempt == paths.ATTEMPTS - 1 or (not aside and (now, paths.identity(now)) == (folder, before)):
                raise
            time.sleep(0.002 * aside)
    raise AssertionError("the last attempt returns or raises")


def _read(function, name, folder):
    result, where = Folder({}, {}, {}), name
    try:
        if not stat.S_ISDIR(os.stat(folder).st_mode):
            raise NotADirectoryError(f"{function}: {name} is no folder; allowed: {_WRITTEN}")
        where = os.path.join(name, manifest.NAME)
        files = manifest.decode(paths.content(folder, manifest.NAME, manifest.MAX_MANIFEST))
        for file, about in files.items():
            where = os.path.join(name, file)
            stem, suffix = file.rsplit(".", 1)
            content = paths.content(folder, file, about["size"])
            if len(content) < about["size"]:
                raise ValueError(f"has {len(content)} bytes, against the manifest's {about['size']}")
            if hashlib.sha256(content).hexdigest() != about["sha256"]:
                raise ValueError("was altered: its SHA-256 is not the manifest's")
            if suffix == "json":
                result.documents[stem] = text.decode_document(content)
            elif suffix == "tsv":
                result.tables[stem] = text.decode_table(content, about["rows"], about["columns"])
            elif stem in result.arrays:
                raise ValueError("is there in both formats")
            else:
                if suffix == "safetensors" and formats.package() is None:
                    raise ValueError("wants the package safetensors, which is not installed (pip install safetensors)")
                result.arrays[stem] = formats.decode(content, suffix, about["described"])
    except OSError as error:
        if error.errno is None:  # our own
            raise
        raise type(error)(f"{function}: {where} cannot be read ({error.strerror or error}); allowed: {_WRITTEN}") from error
    except ValueError as error:
        raise ValueError(f"{function}: {where} {error}; allowed: {_WRITTEN}") from None
    return result
