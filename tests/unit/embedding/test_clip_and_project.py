"""Around a step: gradients that are clipped before it, and after it momenta that are projected, and rows that are constrained alone."""

import functools
import math

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npembed.embedding.constrain import is_constrained, post_step_rows_
from npembed.embedding.lookup import post_step_
from npembed.embedding.optimizers import OPTIMIZERS, clip, clip_grad_norm, clip_grad_value, leaves_other_rows, project_state_
from npembed.embedding.row_maps import clamp, clamp_norm, complex_normalize, normalize
from npembed.embedding.rows import RowSparse

ROUNDED = {8: 1e-15, 4: 2e-7}
"""A product with a factor that was rounded to the dtype, by the bytes of a real, relative: two roundings."""

NORM = 4e-15
"""A sum of some twenty powers, a root and two products in float64, relative, against mpmath."""

TANGENT, ROUNDED_ONCE = 4e-15, 0.5001
"""``m - u Re<u, m>`` of numbers below 4 in float64, absolutely: some ten roundings; for float32 one more, relative to the result, in
machine epsilons."""

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]
SEEDS = st.integers(0, 2**32 - 1)
INF, NAN = math.inf, math.nan


def some(rng, dtype):
    """A sparse gradient, its dense form, and two others."""
    sparse = RowSparse(np.array([0, 3, 4]), naive.rows(rng, (3, 2), dtype), 6)
    rest = [naive.rows(rng, (4,), np.float64), RowSparse(np.array([], int), np.zeros((0, 3), np.float32), 2)]
    return sparse, sparse.to_dense(), rest


# ---- clipping


@given(
    seed=SEEDS, dtype=st.sampled_from(DTYPES), p=st.sampled_from([0.5, 1, 2, 2.5, 3, INF]), max_norm=st.sampled_from([0.0, 0.5, 7, 1e3]),
    eps=st.sampled_from([0.0, 1e-6, 0.5]),
)  # fmt: skip
def test_clip_grad_norm(seed, dtype, p, max_norm, eps):
    sparse, dense, rest = some(np.random.default_rng(seed), dtype)
    before = [sparse.values.copy(), rest[0].copy()]
    clipped, norm = clip_grad_norm([sparse, *rest], max_norm, p, eps=eps)
    sizes = [abs(naive.exact(v)) for a in (sparse.values, rest[0]) for v in a.ravel()]
    exact = max(sizes) if p == INF else sum(s ** naive.exact(p) for s in sizes) ** (1 / naive.exact(p))
    assert abs(norm - exact) <= NORM * exact
    factor = min(1.0, max_norm / (float(exact) + eps))
    for a, b in ((clipped[0].values, before[0]), (clipped[1], before[1])):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b * factor, rtol=ROUNDED[a.real.itemsize])
    assert factor < 1 or naive.same_bits(clipped[0].values, before[0])
    assert clipped[0].rows.tolist() == [0, 3, 4]
    assert (clipped[0].num_rows, clipped[2].num_rows, clipped[2].shape) == (6, 2, (2, 3))
    as_dense, same_norm = clip_grad_norm([dense, *rest], max_norm, p, eps=eps)
    assert same_norm == norm  # to the bit
    assert naive.same_bits(as_dense[0], clipped[0].to_dense())
    assert naive.same_bits(sparse.values, before[0])
    assert naive.same_bits(rest[0], before[1])
    assert not any(np.shares_memory(a, b) for a, b in ((clipped[0].values, sparse.values), (clipped[1], rest[0])))


@pytest.mark.parametrize("block", [1, 6, 7, 1000])
def test_a_norm_is_the_same_some_rows_at_a_time(block, monkeypatch):
    monkeypatch.setattr(clip, "BLOCK", block)
    gradients = [np.arange(-9.0, 12.0).reshape(7, 3), np.arange(1.0, 6.0), np.zeros((2, 0))]
    assert clip.total_norm(gradients, 1.0) == 45 + 66 + 15
    assert clip.total_norm(gradients, INF) == 11.0
    assert clip.total_norm(gradients, 2.0) == pytest.approx(np.sqrt(285 + 506 + 55), rel=1e-15)


def test_norms_that_overflow_underflow_or_are_not_finite():
    for size in (1e300, 1e-300):
        clipped, norm = clip_grad_norm([np.array([3 * size, -4 * size])], size, eps=0)
        np.testing.assert_allclose(norm, 5 * size, rtol=1e-15)
        np.testing.assert_allclose(clipped[0], [0.6 * size, -0.8 * size], rtol=1e-15)
    assert clip_grad_norm([], 1.0) == ([], 0.0)
    assert clip_grad_norm([np.ones((2, 0)), np.zeros((0, 3))], 1.0)[1] == 0.0
    (zero,), norm = clip_grad_norm([np.zeros(3)], 0.0, eps=0)
    assert (zero.tolist(), norm) == ([0.0, 0.0, 0.0], 0.0)
    (g,), norm = clip_grad_norm([np.array([1.0, -INF])], 1.0)
    assert (g[0], norm) == (0.0, INF)
    assert np.isnan(g[1])
    for p in (1, 2, INF):
        (g, h), norm = clip_grad_norm([np.array([NAN, 1.0]), np.ones(2)], 1.0, p)
        assert np.isnan([*g, *h, norm]).all()
    assert clip_grad_norm([np.ones(4)], INF)[1] == 2.0  # only to know the norm
    one = np.array([1.0])
    for max_norm, eps, x in ((1.0, 0.5, 1 / 1.5), (1.0005, 0.0, 1.0), (1.0, 0.0, 1.0), (0.5, 0.25, 0.4)):
        np.testing.assert_allclose(clip_grad_norm([one], max_norm, eps=eps)[0], [[x]], rtol=1e-15)
    with np.errstate(all="raise"):
        assert clip_grad_norm([np.ones(10)], 1.0, 1e-3)[1] == INF


def test_clip_grad_value():
    sparse, dense, rest = some(np.random.default_rng(1), np.float32)
    before = sparse.values.copy()
    clipped = clip_grad_value([sparse, *rest], 0.75)
    assert len(clipped) == 3
    expected = np.array([[min(0.75, max(-0.75, float(v))) for v in row] for row in before], np.float32)
    assert naive.same_bits(clipped[0].values, expected)
    assert naive.same_bits(clip_grad_value([dense], 0.75)[0], clipped[0].to_dense())
    assert naive.same_bits(sparse.values, before)
    assert clip_grad_value([np.array([NAN, INF, -INF, 0.5])], 2.0)[0].tolist()[1:] == [2.0, -2.0, 0.5]
    assert np.isnan(clip_grad_value([np.array([NAN])], 2.0)[0]).all()
    assert clip_grad_value([np.array([3.0])], INF)[0].tolist() == [3.0]
    assert clip_grad_value([np.array([3.0])], 0)[0].tolist() == [0.0]


# ---- projecting the state


@given(
    seed=SEEDS, dtype=st.sampled_from(DTYPES), optimizer=st.sampled_from(["sgd", "adam", "adamw", "sparse_adam"]),
    rows=st.sampled_from([None, [], [1], [3, 0, 3]]), dim=st.sampled_from([-1, 1, (1, 2)]),
)  # fmt: skip
def test_project_state(seed, dtype, optimizer, rows, dim):
    """The part along the row is gone, the part across it is there still, and so is all else."""
    rng = np.random.default_rng(seed)
    table = naive.rows(rng, (4, 2, 3), dtype)  # of any length: only the direction counts
    table[1] /= 8
    table[3] = 0.0
    state = OPTIMIZERS[optimizer].state(table)
    key = "momentum_buffer" if optimizer == "sgd" else "exp_avg"
    state[key][...] = before = naive.rows(rng, table.shape, dtype)
    others = {k: np.copy(v) for k, v in state.items() if k != key}
    frozen = table.copy()
    assert project_state_(table, state, dim=dim, rows=rows) is None
    expected = before.astype(np.result_type(dtype, np.float64))
    for n in range(3) if rows is None else set(rows) - {3}:
        lines = [(n,)] if dim == (1, 2) else [(n, j) for j in range(2)] if dim == -1 else [(n, slice(None), k) for k in range(3)]
        for where in lines:
            x, m = table[where].astype(expected.dtype).ravel(), expected[where].ravel()
            along = sum((a.conjugate() * b).real for a, b in zip(x, m, strict=True)) / sum(abs(a) ** 2 for a in x)
            expected[where] = (m - along * x).reshape(expected[where].shape)
            inner = np.vdot(x, expected[where].ravel()).real
            assert abs(inner) < 1e-13
    half = ROUNDED_ONCE * np.finfo(dtype).eps
    for part in ("real", "imag"):
        a, b = (getattr(array, part) for array in (state[key], expected))
        assert (np.abs(a - b) <= half * np.abs(b) + TANGENT).all()
    assert naive.same_bits(table, frozen)
    for k, v in others.items():
        np.testing.assert_array_equal(state[k], v)


def test_project_state_where_each_entry_is_a_circle():
    table = np.array([[1j, -1 + 0j, 0.6 + 0.8j]])
    state = {"momentum_buffer": np.array([[3 + 4j, 3 + 4j, 5 + 0j]])}
    project_state_(table, state, constrainer="complex_normalize")
    np.testing.assert_allclose(state["momentum_buffer"], [[3, 4j, 3.2 - 2.4j]], rtol=1e-15, atol=1e-15)


def test_a_projected_momentum_keeps_the_next_step_on_the_sphere_to_first_order():
    """The step along the row that the constrainer takes back: with a gradient of zero, lr b, is gone to second order."""
    table, gradient = np.array([[0.6, 0.8]]), np.array([[2.0, 1.0]])
    left = {}
    for project in (False, True):
        x, state = table.copy(), OPTIMIZERS["sgd"].state(table)
        OPTIMIZERS["sgd"].step_(x, gradient, lr=1e-3, momentum=0.9, state=state)
        post_step_(x, normalize)
        if project:
            project_state_(x, state)
        OPTIMIZERS["sgd"].step_(x, 0 * gradient, lr=1e-3, momentum=0.9, state=state)
        left[project] = abs(np.linalg.norm(x) - 1)
    assert left[False] > 1e-3
    assert left[True] < 1e-6


# ---- constraining touched rows only

EXACT = [
    ("sgd", {}),
    ("sgd", {"maximize": True}),
    ("sgd", {"momentum": 0.9, "missing_rows": "lazy"}),
    ("sgd", {"momentum": 0.9, "weight_decay": 0.5, "missing_rows": "decay_on_touch"}),
    ("adagrad", {}),
    ("adagrad", {"weight_decay": 0.5, "missing_rows": "lazy"}),
    ("rowwise_adagrad", {}),
    ("adam", {"missing_rows": "lazy"}),
    ("adamw", {"missing_rows": "decay_on_touch"}),
    ("sparse_adam", {}),
    ("SparseAdam", {"missing_rows": "decay_on_touch"}),
]
NOT_EXACT = [
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"weight_decay": 0.5}),
    ("adagrad", {"weight_decay": 0.5}),
    ("rowwise_adagrad", {"weight_decay": 0.5}),
    ("adam", {}),
    ("AdamW", {"weight_decay": 0.0}),
]
BOX = functools.partial(clamp, min=-1.0, max=1.0)
BAND = functools.partial(clamp, min=0.5, max=1.0)  # without zero: weight decay leads out of it


def trained(optimizer, options, constrain, table, gradients):
    """A table after some steps and constraints."""
    table, optimizer = table.copy(), OPTIMIZERS[optimizer.lower().replace("sparseadam", "sparse_adam")]
    state = optimizer.state(table)
    for gradient in gradients:
        optimizer.step_(table, gradient, lr=0.5, state=state, **options)
        constrain(table, gradient)
    return table


@pytest.mark.parametrize(("optimizer", "options"), EXACT + NOT_EXACT)
def test_constraining_touched_rows_is_exact_just_where_it_is_said_to_be(optimizer, options):
    """To the bit, for a map that is idempotent to the bit."""
    rng = np.random.default_rng(13)
    for dtype in (np.float32, np.float64):
        table = BAND(np.abs(naive.rows(rng, (6, 3), dtype)))
        gradients = [RowSparse(np.array(rows), naive.rows(rng, (2, 3), dtype), 6) for rows in ([0, 1], [2, 3], [4, 5], [0, 5])]
        assert is_constrained(table, BAND)
        rest = leaves_other_rows(optimizer, options)
        assert rest == ((optimizer, options) in EXACT)

        def rows_only(t, gradient):
            post_step_rows_(t, gradient.rows, BAND, leaves_other_rows=True)

        whole = trained(optimizer, options, lambda t, _: post_step_(t, BAND), table, gradients)
        few = trained(optimizer, options, rows_only, table, gradients)
        assert is_constrained(whole, BAND)
        assert naive.same_bits(few, whole) == rest
        assert is_constrained(few, BAND) or not rest


@pytest.mark.parametrize(
    ("constrainer", "dtypes"),
    [
        (BOX, DTYPES[:2]),
        (normalize, DTYPES),
        (functools.partial(normalize, p=1), DTYPES),
        (functools.partial(clamp_norm, maxnorm=1.0), DTYPES),
        (complex_normalize, DTYPES[2:]),
    ],
)
def test_each_constrainer_is_exact_on_touched_rows_or_refused(constrainer, dtypes):
    """Refused just where it moves, if only by an ulp, what it has constrained."""
    for dtype in dtypes:
        for seed in range(30):
            rng = np.random.default_rng(seed)
            table = constrainer(constrainer(constrainer(naive.rows(rng, (5, 3), dtype))))
            table[[1, 3]] += naive.rows(rng, (2, 3), dtype)
            whole, before, once = table.copy(), table.copy(), constrainer(table[[1, 3]])
            post_step_(whole, constrainer)
            try:
                post_step_rows_(table, [1, 3], constrainer, leaves_other_rows=True)
            except ValueError:
                assert not np.array_equal(constrainer(once), once)
                assert naive.same_bits(table, before)
            else:
                assert np.array_equal(constrainer(once), once)
                assert naive.same_bits(table[[1, 3]], whole[[1, 3]])
                assert naive.same_bits(table, whole) or not is_constrained(before[[0, 2, 4]], constrainer)


def test_post_step_rows_needs_no_row_and_takes_repeats():
    table = np.array([[3.0], [-4.0], [5.0]])
    post_step_rows_(table, [], BOX, leaves_other_rows=True)
    assert table.tolist() == [[3.0], [-4.0], [5.0]]
    post_step_rows_(table, np.array([2, 2]), BOX, leaves_other_rows=True)
    assert table.tolist() == [[3.0], [-4.0], [1.0]]
    post_step_rows_(table, [0], None, leaves_other_rows=True)
    assert table.tolist() == [[3.0], [-4.0], [1.0]]
    post_step_rows_(table, [[0, 1]], clip_in_place, leaves_other_rows=True)
    assert table.tolist() == [[1.0], [-1.0], [1.0]]
    post_step_rows_(table, [1], lambda x: np.where(x < 0, NAN, x), leaves_other_rows=True)  # NaN is where it was
    assert np.isnan(table[1, 0])


def clip_in_place(x):
    """A constrainer that changes its argument and returns None."""
    np.clip(x, -1, 1, out=x)


REFUSED_CONSTRAINERS = [
    lambda x: x / 2,  # moves what it has constrained
    functools.partial(normalize, dim=0),  # looks at other rows
    functools.partial(normalize, dim=None),
    functools.partial(clamp_norm, maxnorm=1.0, dim=None),
    lambda x: x - x.mean(axis=0),
    lambda x: np.arange(x.size, dtype=x.dtype).reshape(x.shape),
]


@pytest.mark.parametrize("constrainer", REFUSED_CONSTRAINERS)
def test_constrainers_for_which_rows_do_not_suffice_are_refused(constrainer):
    table = naive.rows(np.random.default_rng(14), (5, 2))
    before = table.copy()
    for rows in ([1], [0, 4]):
        with pytest.raises(
            ValueError, match="post_step_rows_: constrainer moves rows that it has constrained, or looks at other rows"
        ):
            post_step_rows_(table, rows, constrainer, leaves_other_rows=True)
        np.testing.assert_array_equal(table, before)
    with pytest.raises(
        ValueError, match="post_step_rows_: leaves_other_rows = False; allowed: True, else post_step_ on the whole"
    ):
        post_step_rows_(table, [1], BOX, leaves_other_rows=False)


def test_is_constrained():
    assert is_constrained(np.array([[1.0, -1.0, NAN]]), BOX)
    assert not is_constrained(np.array([[1.0, np.nextafter(-1.0, -2.0)]]), BOX)
    assert is_constrained(np.array([[1.0, 7.0]]), None)
    assert is_constrained(np.array([[0j, 1j]]), complex_normalize)
    table = np.array([[3.0]])
    assert not is_constrained(table, BOX)
    assert table.tolist() == [[3.0]]


# ---- bad input

TABLE = np.ones((3, 2))
GOOD = {"step": 1, "momentum_buffer": np.zeros((3, 2))}
FLAT = np.zeros((3, 2))
FLAT.flags.writeable = False


REFUSED = [
    (lambda: clip_grad_norm(TABLE, 1.0), TypeError, "clip_grad_norm: gradients is a ndarray; allowed: a list of RowSparse and"),
    (lambda: clip_grad_norm([[1.0]], 1.0), TypeError, r"clip_grad_norm: gradients\[0\] is a list; allowed: a NumPy array"),
    (lambda: clip_grad_norm([TABLE], -1), ValueError, "clip_grad_norm: max_norm = -1 is out of range; allowed: a number >= 0"),
    (lambda: clip_grad_norm([TABLE], 1, 0), ValueError, "clip_grad_norm: norm_type = 0 is out of range; allowed: a number > 0"),
    (lambda: clip_grad_norm([TABLE], 1, "2"), TypeError, "clip_grad_norm: norm_type = '2' is of type str; allowed: a number > 0"),
    (lambda: clip_grad_norm([TABLE], 1, eps=NAN), ValueError, "clip_grad_norm: eps = nan is out of range; allowed: a finite"),
    (
        lambda: clip_grad_norm([TABLE], 1, error_if_nonfinite=1),
        ValueError,
        "clip_grad_norm: error_if_nonfinite = 1 is not a choice; allowed: True or False",
    ),
    (
        lambda: clip_grad_norm([np.array([1.0, INF])], 1, error_if_nonfinite=True),
        ValueError,
        "clip_grad_norm: the norm of gradients is inf; allowed: finite with error_if_nonfinite = True",
    ),
    (lambda: clip_grad_value(None, 1.0), TypeError, "clip_grad_value: gradients is a NoneType; allowed: a list"),
    (lambda: clip_grad_value([TABLE], -0.5), ValueError, "clip_grad_value: clip_value = -0.5 is out of range; allowed: a number"),
    (
        lambda: clip_grad_value([TABLE, TABLE + 1j], 1),
        TypeError,
        r"clip_grad_value: gradients\[1\] has dtype complex128; allowed: real, since complex numbers have no order",
    ),
    (lambda: clip_grad_value([TABLE.astype("f4")], 1e39), ValueError, "clip_grad_value: clip_value = .* is out of range"),
    (lambda: project_state_([1], GOOD), TypeError, "project_state_: table is a list; allowed: a NumPy array"),
    (
        lambda: project_state_(TABLE, GOOD, constrainer="clamp"),
        ValueError,
        "project_state_: constrainer = 'clamp' is not a choice; allowed: 'normalize' or 'complex_normalize'",
    ),
    (
        lambda: project_state_(TABLE, GOOD, constrainer="complex_normalize"),
        TypeError,
        "project_state_: table has dtype float64; allowed: complex entries with 'complex_normalize'",
    ),
    (lambda: project_state_(TABLE, GOOD, dim=0), ValueError, "project_state_: dim = 0 holds the axis of rows; allowed: axes of"),
    (lambda: project_state_(TABLE, GOOD, dim=None), ValueError, "project_state_: dim = None holds the axis of rows"),
    (lambda: project_state_(TABLE, GOOD, dim=2), ValueError, "project_state_: dim = 2 is no axis of an array with 2 axes"),
    (
        lambda: project_state_(TABLE, {"step": 0, "sum": TABLE}),
        ValueError,
        "project_state_: state is step, sum; allowed: a dict with momentum_buffer or exp_avg",
    ),
    (
        lambda: project_state_(TABLE, None),
        ValueError,
        "project_state_: state is a NoneType; allowed: a dict with momentum_buffer",
    ),
    (lambda: project_state_(TABLE, GOOD, rows=[3]), IndexError, r"project_state_: rows\[0\] = 3 is outside a table of 3 rows"),
    (
        lambda: project_state_(TABLE, {"exp_avg": np.zeros((2, 2))}),
        ValueError,
        r"project_state_: state\['exp_avg'\] has shape \(2, 2\); allowed: \(3, 2\)",
    ),
    (
        lambda: project_state_(TABLE, {"exp_avg": np.zeros((3, 2)), "momentum_buffer": FLAT}),
        ValueError,
        r"project_state_: state\['momentum_buffer'\] is read-only",
    ),
    (
        lambda: project_state_(TABLE, {"exp_avg": TABLE}),
        ValueError,
        r"project_state_: state\['exp_avg'\] shares memory with table",
    ),
    (lambda: leaves_other_rows("adamx"), KeyError, "leaves_other_rows: optimizer = 'adamx' is unknown"),
    (lambda: leaves_other_rows("sgd", {"beta": 1}), KeyError, "leaves_other_rows: options = 'beta' is unknown"),
    (
        lambda: leaves_other_rows("sgd", [1]),
        TypeError,
        r"leaves_other_rows: options = \[1\] is a list; allowed: a dict of options",
    ),
    (
        lambda: leaves_other_rows("sgd", {"missing_rows": "no"}),
        ValueError,
        "leaves_other_rows: missing_rows = 'no' is not a choice",
    ),
]


@pytest.mark.parametrize(("call", "error", "said"), REFUSED)
def test_bad_input_is_refused(call, error, said):
    with pytest.raises(error, match=said):
        call()
    assert (TABLE == 1).all()
    assert not GOOD["momentum_buffer"].any()
