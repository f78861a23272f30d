"""Gather and segment-add: the bits of NumPy's indexing and of `np.add.at`, on every machine and for any number of threads."""

import ast
import hashlib
import importlib.util
import inspect
import itertools
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import ROOT

from npembed.numerics import kernels

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]
BACKENDS = ["cpu", "python"]
WIDTHS = [0, 1, 3, 50]
IDS = {
    "none": [],
    "one": [3],
    "first and last": [0, 9, 0, 9],
    "all equal": [4] * 40,
    "each once, falling": list(range(9, -1, -1)),
    "repeats": [7, 0, 7, 7, 2, 9, 2, 0, 7, 5, 9, 9, 1],
}


def random_rows(rng, rows, width, dtype):
    """Numbers of very different size, so that the order of additions shows in the last bits."""
    shape = (rows, width)
    x = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def special_rows(rng, rows, width, dtype):
    """Rows drawn from the corners: zeros of both signs, subnormals, the largest numbers, infinities and NaN."""
    real = np.dtype(dtype).type(0).real.dtype
    tiny, huge = np.finfo(real).smallest_subnormal, np.finfo(real).max
    corners = np.array([0.0, -0.0, tiny, -tiny, 3 * tiny, 1.0, -1.0, huge, -huge, np.inf, -np.inf, np.nan], dtype=real)
    parts = 2 if np.dtype(dtype).kind == "c" else 1
    return rng.choice(corners, size=(rows, width * parts)).view(dtype).reshape(rows, width)


def assert_same_bits(actual, expected):
    """Equal dtype, shape and bits; of a NaN only that it is one."""
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    real = actual.real.dtype
    actual, expected = np.ascontiguousarray(actual).view(real), np.ascontiguousarray(expected).view(real)
    nan = np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(actual), nan)
    bits = f"u{real.itemsize}"
    np.testing.assert_array_equal(actual.view(bits)[~nan], expected.view(bits)[~nan])


def add_at(table, ids, values):
    """The oracle of segment_add."""
    expected = table.copy()
    with np.errstate(all="ignore"):
        np.add.at(expected, ids, values)
    return expected


def check_both(rng, table, ids, values, backend):
    """gather and segment_add against NumPy; the inputs stay as they are."""
    kept = table.copy(), ids.copy(), values.copy()
    out = random_rows(rng, ids.size, table.shape[1], table.dtype)
    assert kernels.gather(out, table, ids, backend=backend) is None
    assert_same_bits(out, table[ids])
    out = table.copy()
    assert kernels.segment_add(out, *kernels.segments(ids), values, backend=backend) is None
    assert_same_bits(out, add_at(table, ids, values))
    for now, before in zip((table, ids, values), kept, strict=True):
        assert now.tobytes() == before.tobytes()


def python(script, *arguments, **environment):
    """What a script prints in a process of its own, with the JIT on unless asked otherwise."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")} | {"PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run([sys.executable, "-c", script, *arguments], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    """One cache for the processes started here."""
    return str(tmp_path_factory.mktemp("cache") / "npembed")


@pytest.fixture
def always_parallel(monkeypatch):
    from npembed.numerics.kernels import cpu

    monkeypatch.setattr(cpu, "SERIAL_BELOW", 0)
    return cpu


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("ids", IDS.values(), ids=IDS.keys())
def test_same_bits_as_numpy(ids, width, dtype, backend):
    rng = np.random.default_rng(7)
    ids = np.array(ids, dtype=np.int64)
    for draw in (random_rows, special_rows):
        check_both(rng, draw(rng, 10, width, dtype), ids, draw(rng, ids.size, width, dtype), backend)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", WIDTHS)
def test_parallel_twin_has_the_same_bits(width, dtype, always_parallel):
    rng = np.random.default_rng(8)
    for ids in IDS.values():
        ids = np.array(ids, dtype=np.int64)
        for draw in (random_rows, special_rows):
            check_both(rng, draw(rng, 10, width, dtype), ids, draw(rng, ids.size, width, dtype), "cpu")


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_same_bits_as_numpy_drawn(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    rows, width = data.draw(st.integers(1, 20)), data.draw(st.integers(0, 9))
    ids = np.array(data.draw(st.lists(st.integers(0, rows - 1), max_size=60)), dtype=np.int64)
    dtype, backend = data.draw(st.sampled_from(DTYPES)), data.draw(st.sampled_from(BACKENDS))
    draw = data.draw(st.sampled_from([random_rows, special_rows]))
    check_both(rng, draw(rng, rows, width, dtype), ids, draw(rng, ids.size, width, dtype), backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_additions_happen_in_batch_order(backend):
    """In float32, 1e8 + 1 is 1e8: the first two orders give 0, the third 1, and adding the sum of the batch to `out` 5 or 6."""
    for values, expected in (([1e8, 1, -1e8], 0), ([1, 1e8, -1e8], 0), ([1e8, -1e8, 1], 1)):
        out = np.zeros((2, 1), dtype=np.float32)
        parts = kernels.segments(np.array([1, 1, 1]))
        kernels.segment_add(out, *parts, np.array(values, dtype=np.float32)[:, None], backend=backend)
        assert out.ravel().tolist() == [0, expected]
    out = np.array([[5]], dtype=np.float32)
    kernels.segment_add(out, *kernels.segments(np.array([0, 0])), np.array([[1e8], [-1e8]], dtype=np.float32), backend=backend)
    assert out.item() == 8  # 5 + 1e8 rounds to 1e8 + 8


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_overflow_is_silent(dtype, backend):
    huge = np.full((4, 2), np.finfo(dtype).max, dtype=dtype)
    out = huge[:1].copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kernels.segment_add(out, *kernels.segments(np.zeros(4, dtype=np.int64)), huge, backend=backend)
    assert np.isinf(out.real).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_segments_may_be_empty_and_positions_shared(backend):
    out, values = np.full((4, 1), 100.0), np.array([[1.0], [2.0], [3.0]])
    rows, starts, order = np.array([3, 0, 1, 2]), np.array([1, 1, 3, 3, 4]), np.array([9, 0, 2, 0])
    kernels.segment_add(out, rows, starts, order, values, backend=backend)
    assert out.ravel().tolist() == [104, 100, 101, 100]


@pytest.mark.parametrize("backend", BACKENDS)
def test_read_only_inputs_and_memory_maps(backend, tmp_path):
    rng = np.random.default_rng(9)
    table, ids, values = random_rows(rng, 10, 3, np.float32), np.array([9, 0, 9]), random_rows(rng, 3, 3, np.float32)
    for name, array in (("table", table), ("values", values)):
        np.save(tmp_path / name, array)
    ids.flags.writeable = False
    for mode in ("r", "r+"):
        mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode=mode) for name in ("table", "values")]
        check_both(rng, mapped[0], ids, mapped[1], backend)
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", table.dtype, table.shape)
    out[:] = table
    kernels.segment_add(out, *kernels.segments(ids), values, backend=backend)
    assert_same_bits(np.asarray(out), add_at(table, ids, values))


@pytest.mark.parametrize("piece", [1, 30, 1 << 21])
def test_rows_of_a_table_as_it_lies(piece, monkeypatch):
    """Strided, reversed, of several axes, of one, without numbers; a few rows at a time."""
    monkeypatch.setattr(kernels, "PIECE", piece)
    base = np.arange(240.0).reshape(10, 4, 6)
    for table in (base[::2, :, ::-1], base[5:, 1], base[::-2, 0, 0], base[:5, :0]):
        for ids in (np.array([[3, 0, 4], [1, 4, 0]]), np.array(2), np.zeros((0, 2), int), np.arange(5)):
            found = kernels.copied(table, ids)
            assert_same_bits(found, table[ids])
            assert found.flags.c_contiguous


@pytest.mark.parametrize("top", [1, 50, 2**16, 2**16 + 1, 2**31, 2**33, 2**62])
def test_segments_against_a_dictionary(top):
    rng = np.random.default_rng(10)
    ids = rng.choice(np.append(rng.integers(0, top, 20), top - 1), size=300)
    positions: dict = {}
    for i, row in enumerate(ids.tolist()):
        positions.setdefault(row, []).append(i)
    rows, starts, order = kernels.segments(ids)
    assert rows.dtype == starts.dtype == order.dtype == np.int64
    assert rows.tolist() == sorted(positions)
    assert [order[a:b].tolist() for a, b in itertools.pairwise(starts)] == [positions[row] for row in rows.tolist()]
    assert starts[0] == 0
    assert starts[-1] == order.size == 300


def test_segments_of_nothing():
    rows, starts, order = kernels.segments(np.empty(0, dtype=np.int64))
    assert rows.size == order.size == 0
    assert starts.tolist() == [0]
    assert rows.dtype == starts.dtype == order.dtype == np.int64


def test_one_thread_or_two(always_parallel):
    import numba

    rng = np.random.default_rng(11)
    ids = rng.zipf(1.3, 3000).clip(max=200) - 1
    table, values = random_rows(rng, 200, 20, np.float32), random_rows(rng, ids.size, 20, np.float32)
    before = numba.get_num_threads()
    try:
        for threads in range(1, min(2, numba.config.NUMBA_NUM_THREADS) + 1):
            numba.set_num_threads(threads)
            check_both(rng, table, ids, values, "cpu")
    finally:
        numba.set_num_threads(before)


def zipf_batch():
    """A batch in which a few ids are frequent, large enough for the parallel loops."""
    rng = np.random.default_rng(12)
    ids = rng.zipf(1.3, 20_000).clip(max=500) - 1
    return rng.standard_normal((500, 10)).astype(np.float32), ids, rng.standard_normal((ids.size, 10)).astype(np.float32)


SETUP = f"""
import hashlib, numpy as np
from npembed.numerics import kernels
from npembed.numerics.kernels import cpu
cpu.SERIAL_BELOW = 0  # so that the threads are used
{inspect.getsource(zipf_batch)}
table, ids, values = zipf_batch()
def run():
    gathered, added = np.empty_like(values), table.copy()
    kernels.gather(gathered, table, ids)
    kernels.segment_add(added, *kernels.segments(ids), values)
    return hashlib.sha256(gathered.tobytes() + added.tobytes()).hexdigest()
"""


def expected_digest():
    """What `run` in SETUP has to find, from NumPy."""
    table, ids, values = zipf_batch()
    return hashlib.sha256(table[ids].tobytes() + add_at(table, ids, values).tobytes()).hexdigest()


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_any_number_of_threads(threads, cache_dir):
    script = SETUP + "import numba; print(run(), numba.get_num_threads(), numba.threading_layer())"
    found = python(script, NUMBA_NUM_THREADS=str(threads), NPEMBED_CACHE_DIR=cache_dir).split()
    assert found[:2] == [expected_digest(), str(threads)]


def test_jit_off_has_the_same_bits():
    assert python(SETUP + "print(run())", NUMBA_DISABLE_JIT="1") == expected_digest()


@pytest.mark.parametrize("layer", ["default", "workqueue"])
def test_several_python_threads(layer, cache_dir):
    """On the workqueue layer two launches at a time abort the process, unless a lock keeps them apart."""
    script = SETUP + (
        "import threading\n"
        "def work():\n"
        "    found.update(run() for _ in range(20))\n"
        "found, workers = set(), [threading.Thread(target=work) for _ in range(4)]\n"
        "[worker.start() for worker in workers], [worker.join() for worker in workers]\n"
        "print(*found)"
    )
    found = python(script, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2", NPEMBED_CACHE_DIR=cache_dir)
    assert found == expected_digest()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("first", ["run()", "None"], ids=["threads started", "no threads yet"])
def test_fork(first, cache_dir):
    """A child forked after OpenMP has started its threads dies when it wants to use them, so it must not."""
    script = f"{SETUP}\n{first}\n" + (
        "import multiprocessing\n"
        "from npembed.numerics.kernels import cpu\n"
        "def work(queue):\n"
        "    queue.put((run(), cpu.serial_only))\n"
        "fork = multiprocessing.get_context('fork')\n"
        "queue = fork.Queue()\n"
        "child = fork.Process(target=work, args=(queue,))\n"
        "child.start(); child.join(120)\n"
        "print(child.exitcode, *queue.get(timeout=5), run())"
    )
    found = python(script, NUMBA_NUM_THREADS="2", NPEMBED_CACHE_DIR=cache_dir).split()
    assert found == ["0", expected_digest(), str(first != "None"), expected_digest()]


def test_a_thread_that_forks_leaves_no_lock_behind(monkeypatch):
    from npembed.numerics.kernels import cpu

    monkeypatch.setattr(cpu, "serial_only", False)
    monkeypatch.setattr(cpu, "lock", threading.RLock())
    holder = threading.Thread(target=cpu.lock.acquire)  # ends without releasing it
    holder.start()
    holder.join()
    cpu.after_fork_in_child()
    assert cpu.lock.acquire(timeout=0)


@pytest.mark.parametrize("below", [0, 1 << 60], ids=["parallel", "serial"])
@pytest.mark.parametrize("hot", [False, True], ids=["random", "one hot row"])
def test_launches_are_short(hot, below, monkeypatch):
    """Ctrl-C is seen between launches, so none may be long, not even where all ids are equal."""
    from npembed.numerics.kernels import cpu

    rng = np.random.default_rng(13)
    ids = np.full(500, 6) if hot else rng.integers(0, 10, 500)
    table, values = random_rows(rng, 10, 4, np.float64), random_rows(rng, ids.size, 4, np.float64)
    plain_launch, work = cpu.launch, []

    def launch(serial, parallel, arrays, cuts, cost):
        assert cuts[0] <= cuts[-1]
        assert (np.diff(cuts) >= 0).all()
        starts = arrays[2] if serial is cpu.segment_add_serial else None
        work.append(cuts[-1] - cuts[0] if starts is None else starts[cuts[-1]] - starts[cuts[0]])
        assert cost == work[-1] * (4 + cpu.ROW_COST)
        plain_launch(serial, parallel, arrays, cuts, cost)

    monkeypatch.setattr(cpu, "SERIAL_BELOW", below)
    monkeypatch.setattr(cpu, "PER_LAUNCH", 7 * (4 + cpu.ROW_COST))
    monkeypatch.setattr(cpu, "launch", launch)
    check_both(rng, table, ids, values, "cpu")
    assert max(work) <= 7
    assert sum(work) == 2 * 500


def test_large_inputs_run_in_parallel_and_small_ones_do_not(monkeypatch):
    from npembed.numerics.kernels import cpu

    ran = []
    for name in ("gather_serial", "gather_parallel", "segment_add_serial", "segment_add_parallel"):
        monkeypatch.setattr(cpu, name, lambda *arguments, name=name: ran.append(name))
    for rows in (10, cpu.SERIAL_BELOW // (1 + cpu.ROW_COST) + 1):
        for only_serial in (False, True):
            monkeypatch.setattr(cpu, "serial_only", only_serial)
            out, ids = np.zeros((rows, 1)), np.zeros(rows, dtype=np.int64)
            cpu.gather(out, out, ids)
            cpu.segment_add(out, *kernels.segments(ids), out)
    assert ran == ["gather_serial", "segment_add_serial"] * 2 + ["gather_parallel", "segment_add_parallel"] + [
        "gather_serial",
        "segment_add_serial",
    ]


def test_blocks_hold_equal_work_where_a_few_rows_get_most_of_it(monkeypatch):
    from npembed.numerics.kernels import cpu

    seen = []
    monkeypatch.setattr(cpu, "launch", lambda serial, parallel, arrays, cuts, elements: seen.append((arrays[2], cuts)))
    ids = np.sort(np.random.default_rng(14).zipf(1.5, 50_000).clip(max=5000) - 1)
    cpu.segment_add(np.zeros((5000, 1)), *kernels.segments(ids), np.zeros((ids.size, 1)))
    ((starts, cuts),) = seen
    sizes, largest_row = np.diff(starts[cuts]), np.diff(starts).max()
    assert cuts.size == cpu.BLOCKS + 1
    assert sizes.sum() == ids.size
    assert sizes.max() <= ids.size // cpu.BLOCKS + largest_row + 1


def test_cuda_without_a_device():
    from npembed.numerics.kernels import gpu

    if gpu.cuda.is_available():
        pytest.skip("there is a CUDA device, or its simulator")
    out, ids = np.full((2, 2), 7.0), np.zeros(2, dtype=np.int64)
    with pytest.raises(RuntimeError, match=r"^gather: backend = 'cuda' needs a CUDA device, or NUMBA_ENABLE_CUDASIM=1 "):
        kernels.gather(out, out.copy(), ids, backend="cuda")
    with pytest.raises(RuntimeError, match=r"^segment_add: backend = 'cuda' needs a CUDA device"):
        kernels.segment_add(out, *kernels.segments(ids), out.copy(), backend="cuda")
    nothing = np.empty((0, 2)), np.empty(0, dtype=np.int64)
    kernels.gather(nothing[0], out, nothing[1], backend="cuda")
    kernels.segment_add(out, *kernels.segments(nothing[1]), nothing[0], backend="cuda")  # nothing to do needs no device
    assert (out == 7).all()


@pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is None, reason="numba-cuda is not installed")
def test_cuda_compiles_to_additions_only():
    """Compiling needs no GPU. What comes out has plain additions: nothing fused, nothing flushed to zero, nothing atomic."""
    script = (
        "import re\n"
        "from numba import cuda, types\n"
        "from npembed.numerics.kernels import gpu\n"
        "for T in (types.float32, types.float64, types.complex64, types.complex128):\n"
        "    matrix, vector = T[:, ::1], types.int64[::1]\n"
        "    for kernel, sig in ((gpu.gather_grid, (matrix, matrix, vector)),\n"
        "                        (gpu.segment_add_grid, (matrix, vector, vector, vector, matrix))):\n"
        "        ptx, _ = cuda.compile_ptx(kernel.py_func, sig, cc=(9, 0))\n"
        "        found = re.findall(r'\\b(?:(?:add|sub|mul|fma|mad|cvt)\\S*\\.f\\d+|atom\\S*|red\\.\\S*|\\S*ftz\\S*)', ptx)\n"
        "        print(T, kernel.py_func.__name__, *sorted(set(found)))\n"
    )
    lines = [line.split() for line in python(script).splitlines()]
    assert len(lines) == 8
    for dtype, kernel, *found in lines:
        real = "f32" if dtype in ("float32", "complex64") else "f64"
        assert found == ([] if kernel == "gather_grid" else [f"add.{real}"]), (dtype, kernel, found)


FORBIDDEN_NAMES = {"fastmath", "atomic", "vectorize", "guvectorize", "jitclass", "exec", "eval", "sum", "dot", "linalg"}


def house_rules(source):
    """What breaks the rules for kernels: a list of sentences."""
    broken = []
    for node in ast.walk(ast.parse(source)):
        where = f"line {getattr(node, 'lineno', 0)}"
        if isinstance(node, (ast.Raise, ast.Assert)):
            broken.append(f"{where}: a kernel never raises")
        if isinstance(node, ast.Constant) and isinstance(node.value, (float, complex)):
            broken.append(f"{where}: a literal {node.value!r} has a dtype of its own")
        if isinstance(node, (ast.Mult, ast.Pow, ast.Div, ast.MatMult)):
            broken.append(f"{where}: kernels move and add")
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            broken.append(f"{where}: {node.target.id} would be a sum by thread in a prange, its order that of the threads")
        for name in (getattr(node, "id", ""), getattr(node, "attr", ""), getattr(node, "arg", "")):
            if name in FORBIDDEN_NAMES:
                broken.append(f"{where}: {name}")
    return broken


def loops(source):
    """The functions of `cpu` that are compiled, and the options of each compilation."""
    tree = ast.parse(source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("njit")]
    names = [ast.unparse(call.args[0]) for call in calls]
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names]
    return calls, names, functions


def test_house_rules():
    folder = ROOT / "npembed" / "numerics" / "kernels"
    bodies, cpu = (folder / "bodies.py").read_text(), (folder / "cpu.py").read_text()
    assert house_rules(bodies) == []
    assert not any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.walk(ast.parse(bodies)))
    calls, names, functions = loops(cpu)
    assert sorted(names) == [
        "bodies.add_segment",
        "bodies.copy_row",
        "gather_parallel",
        "gather_serial",
        "segment_add_parallel",
        "segment_add_serial",
    ]
    assert all("**OPTIONS" in ast.unparse(call) for call in calls)
    assert len(functions) == 4
    for function in functions:
        assert house_rules(ast.unparse(function)) == []
        assert "np." not in ast.unparse(function)
    from npembed.numerics.kernels.cpu import OPTIONS

    assert OPTIONS == {"error_model": "numpy", "nogil": True}


@pytest.mark.parametrize(
    "bad",
    [
        "raise ValueError",
        "assert a",
        "x = 0.5 + y",
        "x = a * b",
        "np.sum(a)",
        "for b in numba.prange(n): total += a[b]",
        "njit(f, fastmath=True)",
        "cuda.atomic.add(a, 0, 1)",
    ],
)
def test_house_rules_can_fail(bad):
    assert house_rules(bad)


def test_two_functions_of_one_name_would_share_a_cache_file():
    from npembed.numerics.kernels import cpu

    compiled = [cpu.gather_serial, cpu.gather_parallel, cpu.segment_add_serial, cpu.segment_add_parallel]
    assert len({getattr(kernel, "py_func", kernel).__qualname__ for kernel in compiled}) == 4
