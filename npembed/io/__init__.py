"""Folders of named arrays, documents and tables on disk: whole or not there, checked to the last bit, and no pickle anywhere.

`write_folder` and `read_folder` know nothing of models. A folder holds ``manifest.json``, which lists every other file with size
and SHA-256, ``.safetensors`` (or ``.npz``) files of arrays, ``.json`` documents and ``.tsv`` tables of labels.
"""

from .reading import Folder, read_folder
from .writing import check_writable, manifest_at, write_folder

__all__ = ["Folder", "check_writable", "manifest_at", "read_folder", "write_folder"]
