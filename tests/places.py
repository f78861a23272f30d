"""Where things are."""

import os
import pathlib

TESTS = pathlib.Path(__file__).parent
ROOT = TESTS.parent
GOLDEN = TESTS / "golden"
FOLDERS = [TESTS, *(TESTS / name for name in ("oracles", "parity", "properties", "slow"))]
"""From where tests import each other by name; what is in ``unit`` by its whole path, ``from unit.kge import test_losses``."""
MODULES = {
    ".".join(path.relative_to(folder).with_suffix("").parts): path
    for folder in FOLDERS
    for path in sorted([*folder.glob("*.py"), *folder.glob("unit/**/*.py")])
}
"""The files of tests by the name under which they import each other."""
PYTHONPATH = os.pathsep.join(map(str, [*FOLDERS, ROOT]))
"""Of a process that runs what stands here."""
