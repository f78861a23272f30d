"""`renorm_`: which rows it writes, how long they are afterwards, and that a refused call writes nothing."""

import re

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import RENORMED, RENORMED_BEYOND

from npembed.embedding.max_norm import renorm_

NAN, INF = float("nan"), float("inf")
ORDERS = (1, 1.5, 2, 3, INF)
DTYPES = (np.float32, np.float64, np.complex64, np.complex128)


@given(
    seed=st.integers(0, 2**32), dtype=st.sampled_from(DTYPES), p=st.sampled_from(ORDERS), n=st.integers(1, 5),
    shape=st.sampled_from([(), (1,), (4,), (2, 3), (0,)]), share=st.sampled_from((0.0, 0.1, 0.5, 1.0, 2.0)),
    scale=st.sampled_from((1.0, 1e-3, 1e30, 1e-30)),
)  # fmt: skip
def test_touched_rows_end_on_the_ball_and_others_are_not_written(seed, dtype, p, n, shape, share, scale):
    rng = np.random.default_rng(seed)
    table = np.asarray(naive.uneven(rng, (n, *shape), dtype) * scale, dtype)
    before, ids = table.copy(), rng.integers(0, n, rng.integers(0, 6))
    max_norm = share * float(naive.norm([naive.exact(v) for v in np.ravel(table[0])], p))
    renorm_(table, ids, max_norm=max_norm, norm_type=p)
    for i, (row, old) in enumerate(zip(table, before, strict=True)):
        exact, bound = [naive.exact(v) for v in np.ravel(old)], naive.exact(max_norm)
        length = naive.norm(exact, p)
        if i not in ids or length <= bound * (1 - naive.mp.mpf(RENORMED_BEYOND)):
            assert row.tobytes() == old.tobytes()
            continue
        assert naive.norm([naive.exact(v) for v in np.ravel(row)], p) <= bound * (1 + naive.mp.mpf(RENORMED_BEYOND))
        if length > bound * (1 + naive.mp.mpf(RENORMED_BEYOND)):
            expected = np.array([v * bound / length for v in exact])
            assert (naive.distances(np.ravel(row), expected) <= RENORMED * np.finfo(dtype).eps * float(bound)).all()
    again = table.copy()
    renorm_(again, ids, max_norm=max_norm, norm_type=p)
    assert again.tobytes() == table.tobytes()


def test_literal_numbers_at_and_beside_the_bound():
    table = np.array([[3.0, 4.0], [3.0, np.nextafter(4.0, 5)], [3.0, np.nextafter(4.0, 3)], [0.0, 0.0]])
    before = table.copy()
    renorm_(table, [0, 1, 2, 3], max_norm=5)
    assert table[[0, 2, 3]].tolist() == before[[0, 2, 3]].tolist()
    assert table[1, 1] < before[1, 1]
    renorm_(table, [[0, 1], [3, 0]], max_norm=0)
    assert table.tolist() == [[0.0, 0.0], [0.0, 0.0], before[2].tolist(), [0.0, 0.0]]
    table = np.array([[1.0, -4.0]])
    renorm_(table, 0, max_norm=2.5, norm_type=1)
    assert table.tolist() == [[0.5, -2.0]]
    renorm_(table, 0, max_norm=1, norm_type=INF)
    assert table.tolist() == [[0.25, -1.0]]


def test_the_norm_is_the_one_asked_for_in_double_precision():
    table = np.array([[1.0, -2.0]])
    renorm_(table, 0, max_norm=2.5, norm_type=1)
    np.testing.assert_allclose(table, [[2.5 / 3, -5 / 3]], rtol=4e-16)
    renorm_(table, 0, max_norm=1, norm_type=INF, compat="torch")
    assert table.tolist() == [[2.5 / 3 * (1 / (5 / 3 + 1e-7)), -5 / 3 * (1 / (5 / 3 + 1e-7))]]
    for compat in (None, "torch"):
        table = np.array([[3.0000002, 4.0]], np.float32)  # its norm is 5 in single precision
        renorm_(table, 0, max_norm=5, compat=compat)
        assert 4.999999 < np.hypot(*table[0].astype(float)) <= 5
    for compat in (None, "torch"):
        table = np.array([[7.0, 24.0]])  # exactly on the bound, where scaling by 25 / 25 would move it
        renorm_(table, 0, max_norm=25, compat=compat)
        assert table.tolist() == [[7.0, 24.0]]


@pytest.mark.parametrize("compat", [None, "torch"])
def test_rows_that_are_not_finite(compat):
    """What has no length stays; what is infinite cannot be divided."""
    table = np.array([[NAN, 9.0], [INF, 1.0]])
    renorm_(table, [0, 1], max_norm=1, compat=compat)
    np.testing.assert_array_equal(table, [[NAN, 9.0], [NAN, 0.0]])


def test_torch_falls_short_of_the_bound():
    """T6: its 1e-7 leaves rows of float64 some 1e8 ulps short."""
    ours, theirs = np.array([[3.0, 4.0]]), np.array([[3.0, 4.0]])
    renorm_(ours, [0], max_norm=1)
    renorm_(theirs, [0], max_norm=1, compat="torch")
    np.testing.assert_allclose(ours, [[0.6, 0.8]], rtol=4e-16)
    several = np.array([[3.0, 4.0, 0.0], [0.0, 6.0, 8.0]])
    renorm_(several, [0, 1], max_norm=1, compat="torch")
    np.testing.assert_allclose(several, [[0.6, 0.8, 0.0], [0.0, 0.6, 0.8]], rtol=1e-7)
    assert theirs.tolist() == [[3 * (1 / (5 + 1e-7)), 4 * (1 / (5 + 1e-7))]]


READ_ONLY = np.full((2, 2), 9.0)
READ_ONLY.flags.writeable = False
IDS = np.arange(2)
REFUSED = [
    ((np.full((3, 2), 9.0), [0, 3]), {}, IndexError, "ids[1] = 3 is outside a table of 3 rows; valid ids are 0..2"),
    ((np.full((3, 2), 9.0), [0, -1]), {}, IndexError, "ids[1] = -1 is outside a table of 3 rows; valid ids are 0..2"),
    ((np.full((3, 2), 9.0), [0.0]), {}, TypeError, "ids[0] = 0.0 has dtype float64"),
    ((np.full((3, 2), 9.0), [0]), {"max_norm": -1}, ValueError, "max_norm = -1 is out of range; allowed: a finite number >= 0"),
    ((np.full((3, 2), 9.0), [0]), {"max_norm": NAN}, ValueError, "max_norm = nan is out of range; allowed: a finite number >= 0"),
    ((np.full((3, 2), 9.0), [0]), {"max_norm": None}, TypeError, "max_norm = None is of type NoneType"),
    ((np.full((3, 2), 9.0), [0]), {"norm_type": 0.5}, ValueError, "norm_type = 0.5 is out of range; allowed: a number >= 1"),
    (
        (np.full((3, 2), 9.0), [0]),
        {"compat": "pykeen"},
        ValueError,
        "compat = 'pykeen' is not a choice; allowed: None or 'torch'",
    ),
    ((READ_ONLY, [0]), {}, ValueError, "table is read-only; allowed: a writable array"),
    ((np.full((3, 4), 9.0)[:, ::2], [0]), {}, ValueError, "table has strides (32, 16); allowed: a C-contiguous array"),
    (([[9.0]], [0]), {}, TypeError, "table is a list; allowed: a NumPy array of float32"),
]


@pytest.mark.parametrize("case", REFUSED, ids=[re.sub(r"\W+", " ", case[3])[:40] for case in REFUSED])
def test_a_refused_call_writes_nothing(case):
    (table, ids), options, error, said = case
    before = np.array(table).tobytes()
    with pytest.raises(error) as caught:
        renorm_(table, ids, **{"max_norm": 1.0, **options})
    assert re.fullmatch(rf"renorm_: {re.escape(said)}[^\n]*", str(caught.value)), caught.value
    assert np.array(table).tobytes() == before
