"""Compiled kernels are found again by the next process, and an edit of any source is seen."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

from places import ROOT

RUN = """
import json, sys
import numpy as np
from npembed.numerics import kernels
before = sorted(name for name in sys.modules if name.split(".")[0] in ("numba", "llvmlite"))
table = np.arange(6, dtype=np.float32).reshape(3, 2)
parts = kernels.segments(np.array([2, 0, 2]))
kernels.segment_add(table, *parts, np.ones((3, 2), dtype=np.float32), backend="python")
assert not before and "numba" not in sys.modules, "Numba was imported before a compiled kernel was called"
import numba
numba.config.CACHE_DIR = "as it was"
from npembed.numerics.kernels import cache, cpu
results = []
for cpu.SERIAL_BELOW in (1 << 60, 0):
    table, out = np.arange(6, dtype=np.float32).reshape(3, 2), np.empty((4, 2), dtype=np.float32)
    kernels.gather(out, table, np.array([2, 0, 2, 1]))
    kernels.segment_add(table, *parts, np.ones((3, 2), dtype=np.float32))
    results.append([out.tolist(), table.tolist()])
names = "gather_serial", "gather_parallel", "segment_add_serial", "segment_add_parallel"
stats = [getattr(cpu, name).stats for name in names]
print(json.dumps({
    "results": results,
    "hits": [sum(s.cache_hits.values()) for s in stats],
    "misses": [sum(s.cache_misses.values()) for s in stats],
    "folder": str(cache.folder()),
    "CACHE_DIR": numba.config.CACHE_DIR,
}))
"""
RIGHT = [[[4, 5], [0, 1], [4, 5], [2, 3]], [[1, 2], [2, 3], [6, 7]]]


def start(package=ROOT, **environment):
    """Start RUN in a process of its own: JIT on, nothing cached but where `environment` says."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "NPEMBED_", "XDG_"))}
    env |= {"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"} | {k: str(v) for k, v in environment.items()}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", RUN], env=env, cwd=package, **pipes)  # Python looks into cwd first


def finish(process):
    """What RUN found."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    found = json.loads(out)
    assert found["CACHE_DIR"] == "as it was"
    return found


def run(package=ROOT, **environment):
    return finish(start(package, **environment))


def test_the_next_process_finds_every_kernel(tmp_path):
    """Also when two processes compile at the same time; and the folder is the user's own."""
    chosen = tmp_path / "new" / "kernels"
    for first in [finish(process) for process in [start(NPEMBED_CACHE_DIR=chosen), start(NPEMBED_CACHE_DIR=chosen)]]:
        assert first["results"] == [RIGHT, RIGHT]
    second = run(NPEMBED_CACHE_DIR=chosen)
    assert second["results"] == [RIGHT, RIGHT]
    assert second["hits"] == [1, 1, 1, 1]
    assert second["misses"] == [0, 0, 0, 0]
    folder = pathlib.Path(second["folder"])
    assert folder.parent == chosen
    if os.name == "posix":
        assert folder.stat().st_mode & 0o777 == chosen.stat().st_mode & 0o777 == 0o700


def test_an_edit_is_seen(tmp_path):
    """Numba alone would run the stale loop: it looks at the file of the loop, and the edit is in another one."""
    package = tmp_path / "npembed"
    kernels = package / "numerics" / "kernels"
    shutil.copytree(ROOT / "npembed" / "numerics" / "kernels", kernels, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").touch()
    (package / "numerics" / "__init__.py").touch()
    home = {"HOME": tmp_path, "XDG_CACHE_HOME": tmp_path / "xdg", "LOCALAPPDATA": tmp_path / "xdg"}
    before = run(tmp_path, **home)
    assert before["results"] == [RIGHT, RIGHT]
    assert before["misses"] == [1, 1, 1, 1]
    bodies = kernels / "bodies.py"
    times, text = bodies.stat(), bodies.read_text()
    assert text.count("+= source[d]") == 1
    bodies.write_text(text.replace("+= source[d]", "-= source[d]"))
    os.utime(bodies, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = run(tmp_path, **home)
    assert after["results"] == [[RIGHT[0], [[-1, 0], [2, 3], [2, 3]]]] * 2
    assert after["folder"] != before["folder"]
    assert pathlib.Path(before["folder"]).exists()


def test_a_file_in_the_way_turns_the_cache_off(tmp_path):
    (tmp_path / "file").touch()
    found = run(NPEMBED_CACHE_DIR=tmp_path / "file" / "kernels", HOME=tmp_path)
    assert found["folder"] == "None"
    assert found["results"] == [RIGHT, RIGHT]
    assert found["hits"] == [0, 0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
