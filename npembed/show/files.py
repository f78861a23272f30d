"""The two files that an experiment leaves: a picture and its numbers, both whole or neither."""

import importlib
import json
import tempfile

from ..io.files import write_files


def writable(folder, stem):
    """Make `folder` if need be, and try whether ``stem.png`` and ``stem.json`` can be written in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"show norm: out = {str(folder)!r} cannot be written ({reason}); allowed: a folder that can") from None
    for name in (f"{stem}.png", f"{stem}.json"):
        if (folder / name).is_dir():
            raise OSError(f"show norm: out = {str(folder)!r} holds a folder {name}; allowed: a folder without")


def write(folder, stem, result, written):
    """Write ``stem.png`` if matplotlib is there, and ``stem.json``: both at the end, or neither; tells `written`.

    The picture is drawn by the file ``stem_figure.py`` beside this one. Without matplotlib a picture of an earlier run is removed:
    it would not show these numbers.
    """
    picture, numbers = f"{stem}.png", f"{stem}.json"
    files = {}
    try:
        figure = importlib.import_module(f".{stem}_figure", __package__)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "matplotlib":
            raise
    else:
        files[picture] = lambda path: figure.draw(result, path)
    names = [str(folder / name) for name in (*files, numbers)]
    text = json.dumps({**result, "files": names}, indent=1, allow_nan=False) + "\n"
    files[numbers] = lambda path: path.write_text(text, encoding="utf-8")

    def written_now():
        if picture not in files:
            (folder / picture).unlink(missing_ok=True)
        written.extend(names)

    write_files({folder / name: make for name, make in files.items()}, function="show norm", then=written_now)
