"""The CUDA kernels on Numba's simulator: NUMBA_ENABLE_CUDASIM=1 has to be set before Numba is imported."""

import os

import numpy as np
import pytest

if os.environ.get("NUMBA_ENABLE_CUDASIM") != "1":
    pytest.skip("the simulator needs NUMBA_ENABLE_CUDASIM=1", allow_module_level=True)

from unit.numerics.test_kernels import DTYPES, add_at, assert_same_bits, check_both, random_rows, special_rows

from npembed.embedding.bags import embedding_bag, embedding_bag_vjp
from npembed.numerics import kernels
from npembed.numerics.kernels import gpu

IDS = np.array([7, 0, 7, 7, 2, 9, 2, 0, 7])


@pytest.fixture(params=[(2, 2, 1), (4, 2, 2), (16, 2, 1), (16, 4, 3)], ids=str)
def small_grid(request, monkeypatch):
    """Fewer threads than elements, more of them along the columns or along the rows: each does several rows and columns."""
    for name, value in zip(("THREADS", "WARP", "BLOCKS"), request.param, strict=True):
        monkeypatch.setattr(gpu, name, value)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the simulator's threads are Python threads with their own error state
@pytest.mark.parametrize("draw", [random_rows, special_rows])
@pytest.mark.parametrize("width", [0, 1, 3, 7])
@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_as_numpy(dtype, width, draw, small_grid):
    rng = np.random.default_rng(15)
    for ids in (IDS, IDS[:1], IDS[:0], np.full(5, 9)):
        check_both(rng, draw(rng, 10, width, dtype), ids, draw(rng, ids.size, width, dtype), "cuda")


def test_full_grid():
    rng = np.random.default_rng(16)
    table, values = random_rows(rng, 10, 3, np.float32), random_rows(rng, IDS.size, 3, np.float32)
    check_both(rng, table, IDS, values, "cuda")


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (9, 3), (10**9, 50), (1, 10**7)])
def test_grid_is_one_that_cuda_allows(rows, columns):
    (blocks_x, blocks_y), (x, y) = gpu.grid(rows, columns)
    assert 1 <= x * y <= 1024
    assert x <= columns * 2
    assert 1 <= blocks_x < 2**31
    assert 1 <= blocks_y <= 65_535
    assert blocks_x * x >= columns or blocks_x == gpu.BLOCKS
    assert blocks_y * y >= rows or blocks_y == gpu.BLOCKS


def test_rows_without_a_segment_stay():
    out = np.full((4, 1), 100.0)
    kernels.segment_add(out, *kernels.segments(np.array([1, 1])), np.ones((2, 1)), backend="cuda")
    assert out.ravel().tolist() == add_at(np.full((4, 1), 100.0), [1, 1], 1.0).ravel().tolist() == [100, 102, 100, 100]
    assert_same_bits(out, np.array([[100.0], [102.0], [100.0], [100.0]]))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_have_the_same_bits(mode, dtype):
    rng = np.random.default_rng(17)
    table, g, offsets = random_rows(rng, 10, 3, dtype), random_rows(rng, 4, 3, dtype), [0, 2, 2, 6]
    found = [embedding_bag(table, IDS, offsets, mode=mode, backend=backend) for backend in ("cuda", "python")]
    assert_same_bits(*found)
    found = [embedding_bag_vjp(g, table, IDS, offsets, mode=mode, backend=backend).to_dense() for backend in ("cuda", "python")]
    assert_same_bits(*found)
