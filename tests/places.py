"""Where things are."""

import os
import pathlib

TESTS = pathlib.Path(__file__).parent
ROOT = TESTS.parent
GOLDEN = TESTS / "golden"
FOLDERS = sorted({path.parent for path in TESTS.rglob("*.py")} - {GOLDEN, TESTS / "hostile"})
PYTHONPATH = os.pathsep.join(map(str, [*FOLDERS, ROOT]))
"""Of a process that runs what stands here."""
