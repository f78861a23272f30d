"""Optimizers: literal numbers, loops over single numbers, what becomes of rows without a gradient, and what a refused call leaves."""

import copy
import functools
import itertools
import json
import math
import re
import tracemalloc

import mpmath
import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npembed.embedding.optimizers import (
    OPTIMIZERS,
    adagrad_,
    adagrad_state,
    adam_,
    adam_state,
    adamw_,
    leaves_other_rows,
    rowwise,
    rowwise_adagrad_,
    rowwise_adagrad_state,
    sgd_,
    sgd_state,
    sparse_adam_,
    sparse_adam_state,
)
from npembed.embedding.rows import RowSparse
from npembed.op import resolve

LOOPS = {8: 1e-13, 4: 4e-6}
"""Five steps on numbers of order one against loops in float64, absolutely, by the bytes of a real: each step rounds some ten times
(eps 2e-16 and 1.2e-7), and a mean of gradients of either sign loses another digit, which Adam divides by its own small size."""

LITERAL = 1e-14
"""A handful of roundings of numbers of order one."""

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]
SEEDS = st.integers(0, 2**32 - 1)
CASES = [
    ("sgd", {"lr": 0.1}),
    ("sgd", {"lr": 0.1, "momentum": 0.9}),
    ("sgd", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("sgd", {"lr": 0.1, "weight_decay": 0.5}),
    ("sgd", {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.5}),
    ("sgd", {"lr": 0.1, "momentum": 0.5, "nesterov": True, "weight_decay": 0.5}),
    ("adagrad", {}),
    ("adagrad", {"lr": 0.1, "lr_decay": 0.5}),
    ("adagrad", {"lr": 0.1, "eps": 0.5, "weight_decay": 0.5}),
    ("adam", {}),
    ("adam", {"lr": 0.1, "betas": (0.8, 0.99), "eps": 0.1}),
    ("adam", {"lr": 0.1, "betas": (0.3, 0.6), "weight_decay": 0.5}),
    ("adam", {"lr": 0.1, "betas": [0.0, 0.0]}),
    ("sgd", {"lr": 0.1, "momentum": 0.5, "dampening": 0.25}),
    ("sgd", {"lr": 0.1, "momentum": 0.5, "dampening": 0.75, "weight_decay": 0.5, "maximize": True}),
    ("sgd", {"lr": 0.1, "momentum": 0.5, "nesterov": True, "maximize": True}),
    ("sgd", {"lr": 0.1, "maximize": True}),
    ("adagrad", {"lr": 0.1, "weight_decay": 0.5, "maximize": True}),
    ("adam", {"lr": 0.1, "betas": (0.5, 0.6), "amsgrad": True, "eps": 0.1}),
    ("adam", {"lr": 0.1, "betas": (0.5, 0.6), "amsgrad": True, "weight_decay": 0.5, "maximize": True}),
    ("adamw", {}),
    ("adamw", {"lr": 0.1, "betas": (0.3, 0.6), "weight_decay": 0.5, "eps": 0.1}),
    ("adamw", {"lr": 0.1, "betas": (0.5, 0.6), "weight_decay": 0.5, "amsgrad": True, "maximize": True}),
    ("sparse_adam", {}),
    ("sparse_adam", {"lr": 0.1, "betas": (0.3, 0.6), "eps": 0.1, "maximize": True}),
    ("sparse_adam", {"lr": 0.1, "betas": (0.3, 0.6), "correction": "row"}),
    ("rowwise_adagrad", {}),
    ("rowwise_adagrad", {"lr": 0.1, "eps": 0.5, "maximize": True}),
    ("rowwise_adagrad", {"lr": 0.1, "eps": 0.5, "weight_decay": 0.5}),
]
NAMES = [f"{name}-{options}" for name, options in CASES]
AT_REST = {NAMES[i] for i in (0, 6, 7, 16, 26, 27)}
"""Where a gradient of zero moves nothing, now or later."""


def modes(name, options):
    """What `missing_rows` may be."""
    rooted = options.get("weight_decay") and name in ("adagrad", "adam", "rowwise_adagrad")
    closed = () if rooted or options.get("correction") == "row" else ("decay_on_touch",)
    return (*(() if name == "sparse_adam" else ("dense",)), "lazy", *closed)


# ---- oracles: the life of one number, from the gradients it has had (None for a step without), as the papers write it


def sgd_number(x, gradients, mode, *, lr, momentum=0.0, dampening=0.0, nesterov=False, weight_decay=0.0, maximize=False):
    """On touch the past is made up for as if it had been dense."""
    touched = [t for t, g in enumerate(gradients) if g is not None]
    if mode == "decay_on_touch":
        gradients = gradients[: touched[-1] + 1] if touched else []
    b = 0.0
    for t, g in enumerate(gradients):
        if g is None and mode == "lazy":
            continue
        e = (-1 if maximize else 1) * (g or 0.0) + weight_decay * x
        b = momentum * b + (1.0 if t == 0 else 1 - dampening) * e
        x -= lr * (e if not momentum else e + momentum * b if nesterov else b)
    return x


def adagrad_number(x, gradients, mode, *, lr=0.01, lr_decay=0.0, eps=1e-10, weight_decay=0.0, maximize=False):
    seen = []
    for t, g in enumerate(gradients, start=1):
        if g is None and mode != "dense":
            continue
        seen.append((-1 if maximize else 1) * (g or 0.0) + weight_decay * x)
        x -= lr / (1 + (t - 1) * lr_decay) * seen[-1] / (math.sqrt(math.fsum(e * e for e in seen)) + eps)
    return x


def adam_number(
    x, gradients, mode, *, lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, maximize=False, decoupled=False,
    sparse=False, correction="table",
):  # fmt: skip
    """A mean is a sum over the past; its weights are powers of an age, in steps that the number was visited or, on touch, in all."""
    seen, tops, last = [], [], 0
    for t, g in enumerate(gradients, start=1):
        if g is None and mode != "dense":
            continue
        if decoupled:
            x *= (1 - lr * weight_decay) ** (t - last if mode == "decay_on_touch" else 1)
        e = (-1 if maximize else 1) * (g or 0.0) + (0.0 if decoupled else weight_decay * x)
        seen.append((t if mode == "decay_on_touch" else len(seen), e))
        last, now = t, seen[-1][0]
        m, v = (
            math.fsum((1 - b) * b ** (now - then) * e**power for then, e in seen) for power, b in enumerate(betas, start=1)
        )  # fmt: skip
        tops.append(v)
        v = max(tops) if amsgrad else v
        n = len(seen) if correction == "row" else t
        c1, c2 = 1 - betas[0] ** n, 1 - betas[1] ** n
        x -= lr * math.sqrt(c2) / c1 * m / (math.sqrt(v) + eps) if sparse else lr * (m / c1) / (math.sqrt(v / c2) + eps)
    return x


def rowwise_adagrad_row(row, gradients, mode, *, lr=0.01, eps=1e-8, weight_decay=0.0, maximize=False):
    """Of a list of numbers, and of lists of numbers or None."""
    s = 0.0
    for g in gradients:
        if g is None and mode != "dense":
            continue
        e = [(-1 if maximize else 1) * a + weight_decay * x for a, x in zip(g or [0.0] * len(row), row, strict=True)]
        s += math.fsum(a * a for a in e) / len(e) if e else 0.0
        row = [x - lr * a / (math.sqrt(s) + eps) for x, a in zip(row, e, strict=True)]
    return row


NUMBERS = {
    "sgd": sgd_number,
    "adagrad": adagrad_number,
    "adam": adam_number,
    "adamw": functools.partial(adam_number, weight_decay=0.01, decoupled=True),
    "sparse_adam": functools.partial(adam_number, sparse=True),
}


def reals(row):
    """The numbers of a row, real and imaginary parts one by one."""
    return [float(part) for z in np.ravel(row) for part in ((z.real, z.imag) if np.iscomplexobj(row) else (z,))]


def oracle(name, table, gradients, mode, options):
    """The table after all steps, number by number; real and imaginary parts are numbers of their own."""
    out = table.astype(np.result_type(table.dtype, np.float64))
    for i in range(len(table)):
        seen = []
        for gradient in gradients:
            k = np.searchsorted(gradient.rows, i)
            has = k < len(gradient.rows) and gradient.rows[k] == i
            seen.append(reals(gradient.values[k]) if has else None)
        row = reals(table[i])
        if name == "rowwise_adagrad":
            row = rowwise_adagrad_row(row, seen, mode, **options)
        else:
            row = [
                NUMBERS[name](x, [None if g is None else g[d] for g in seen], mode, **options) for d, x in enumerate(row)
            ]  # fmt: skip
        out[i] = np.array(row).view(out.dtype).reshape(table.shape[1:])
    return out


def run(name, table, gradients, options, missing_rows=None, dense=False):
    """Table and state after all steps."""
    table, optimizer = table.copy(), OPTIMIZERS[name]
    state, options = optimizer.state(table), {**options, **({"missing_rows": missing_rows} if missing_rows else {})}
    for gradient in gradients:
        given = gradient.to_dense() if dense else gradient
        assert optimizer.step_(table, given, state=state, **options) is None
    return table, state


def draw(rng, shape, dtype, steps=5):
    """A table, and gradients of it that leave out some rows, one of them all."""
    gradients = []
    for step in range(steps):
        rows = np.flatnonzero(rng.random(shape[0]) < 0.5) if step != 3 else np.array([], int)
        gradients.append(RowSparse(rows, naive.rows(rng, (len(rows), *shape[1:]), dtype), shape[0]))
    return naive.rows(rng, shape, dtype), gradients


def same(a, b):
    """Whether two runs ended alike, to the bit."""
    (table, state), (table2, state2) = a, b
    arrays = all(naive.same_bits(v, state2[k]) if isinstance(v, np.ndarray) else v == state2[k] for k, v in state.items())
    return naive.same_bits(table, table2) and state.keys() == state2.keys() and arrays


def remembers(options, missing_rows):
    """Whether SGD reads and writes its state."""
    return bool(options.get("momentum") or (options.get("weight_decay") and missing_rows == "decay_on_touch"))


# ---- several steps against the loops


@given(
    seed=SEEDS,
    dtype=st.sampled_from(DTYPES),
    case=st.sampled_from(CASES),
    shape=st.sampled_from([(4, 3), (5,), (3, 2, 2), (1, 1), (3, 0), (0, 2)]),
    data=st.data(),
)
def test_five_steps(seed, dtype, case, shape, data):
    (name, options), rng = case, np.random.default_rng(seed)
    missing_rows = data.draw(st.sampled_from(modes(name, options)))
    table, gradients = draw(rng, shape, dtype)
    found, state = run(name, table, gradients, options, missing_rows)
    expected = oracle(name, table, gradients, missing_rows, options)
    assert found.dtype == dtype
    assert state.get("step", 5) == (0 if name == "sgd" and not remembers(options, missing_rows) else 5)
    assert np.abs(found - expected).max(initial=0) <= LOOPS[found.real.itemsize]


@pytest.mark.parametrize(("name", "options"), CASES, ids=NAMES)
def test_a_dense_gradient_is_a_sparse_one_with_zeros(name, options):
    """To the bit, state included: where a zero may be left out, it changes nothing."""
    for dtype in DTYPES:
        for shape in ((6, 3), (5,), (4, 2, 2), (3, 0)):
            table, gradients = draw(np.random.default_rng(1), shape, dtype)
            dense = run(name, table, gradients, options, dense=True)
            if name != "sparse_adam":
                assert same(run(name, table, gradients, options), dense)
            full = [RowSparse(np.arange(len(table)), g.to_dense(), len(table)) for g in gradients]
            for missing_rows in modes(name, options):  # every row has a gradient
                for dense_too in (False, True):
                    found = run(name, table, full, options, missing_rows, dense=dense_too)
                    assert (found[1].pop("last_step", 5) == np.array(5)).all()
                    if name == "sgd":  # counts only where it remembers
                        found[1]["step"] = dense[1]["step"]
                    assert same(found, dense)


@pytest.mark.parametrize(("name", "options"), CASES, ids=NAMES)
def test_where_dense_and_lazy_are_the_same(name, options):
    """Plain SGD, and Adagrad without weight decay, and these only; there decay on touch is the same too."""
    table, gradients = draw(np.random.default_rng(2), (6, 3), np.float32)
    found = {missing_rows: run(name, table, gradients, options, missing_rows) for missing_rows in modes(name, options)}
    at_rest = f"{name}-{options}" in AT_REST
    if name != "sparse_adam":
        assert same(found["dense"], found["lazy"]) == at_rest
        assert not at_rest or same(found["dense"], found["decay_on_touch"])
    for missing_rows in found:
        assert leaves_other_rows(name, {**options, "missing_rows": missing_rows}) == (missing_rows != "dense" or at_rest)


@pytest.mark.parametrize(("name", "options"), CASES, ids=NAMES)
def test_lazy_neither_reads_nor_writes_other_rows(name, options):
    """A NaN there stays where it is, and reaches nothing else. Nor does decay on touch."""
    for missing_rows in modes(name, options)[-2:]:
        if missing_rows == "dense":
            continue
        table, optimizer = naive.rows(np.random.default_rng(3), (5, 2)), OPTIMIZERS[name]
        table[[0, 3]] = np.nan
        state = optimizer.state(table)
        for array in state.values():
            if isinstance(array, np.ndarray):
                array[[0, 3]] = np.nan
        for _ in range(3):
            optimizer.step_(
                table, RowSparse(np.array([1, 2, 4]), np.ones((3, 2)), 5), state=state, missing_rows=missing_rows, **options
            )  # fmt: skip
        for key, array in {"table": table, **state}.items():
            if isinstance(array, np.ndarray):
                left = np.isnan(array) if key not in ("max_exp_avg_sq", "last_step", "row_steps") else array == 0
                assert left[[0, 3]].all()
                assert np.isfinite(array[[1, 2, 4]]).all()
                assert key not in ("last_step", "row_steps") or (array[[1, 2, 4]] == 3).all()


@pytest.mark.parametrize(("name", "options"), CASES, ids=NAMES)
def test_a_complex_number_is_two_reals(name, options):
    """To the bit; a table of one axis too."""
    for shape in ((6, 3), (5,)):
        table, gradients = draw(np.random.default_rng(4), shape, np.complex64)
        found, _ = run(name, table, gradients, options)
        split = [RowSparse(g.rows, np.stack([g.values.real, g.values.imag], axis=-1), len(table)) for g in gradients]
        reals, _ = run(name, np.stack([table.real, table.imag], axis=-1), split, options)
        assert naive.same_bits(found.real.copy(), reals[..., 0].copy())
        assert naive.same_bits(found.imag.copy(), reals[..., 1].copy())


@pytest.mark.parametrize(("name", "options"), CASES, ids=NAMES)
@pytest.mark.parametrize("block", [1, 4, 7])
def test_blocks_change_nothing(name, options, block, monkeypatch):
    table, gradients = draw(np.random.default_rng(5), (9, 2), np.float64)
    expected = [run(name, table, gradients, options, u, d) for u in modes(name, options) for d in (False, True)]
    monkeypatch.setattr(rowwise, "BLOCK", block)
    found = [run(name, table, gradients, options, u, d) for u in modes(name, options) for d in (False, True)]
    assert all(map(same, found, expected))


@pytest.mark.parametrize(("name", "options"), CASES, ids=NAMES)
def test_layouts(name, options):
    """Gradients may be strided or read-only, tables and states unaligned."""
    table, gradients = draw(np.random.default_rng(6), (6, 2), np.complex128, steps=2)
    expected = run(name, table, gradients, options)
    odd, optimizer = naive.laid_out(table, "unaligned", None), OPTIMIZERS[name]
    state = {k: naive.laid_out(v, "unaligned", None) if isinstance(v, np.ndarray) else v for k, v in optimizer.state(odd).items()}
    assert not odd.flags.aligned
    for gradient, layout in zip(gradients, ("strided", "Fortran"), strict=True):
        values = naive.laid_out(gradient.values, layout, None)
        values.flags.writeable = False
        optimizer.step_(odd, RowSparse(gradient.rows, values, 6), state=state, **options)
    assert same((odd, state), expected)
    odd, state = table.copy(), optimizer.state(table)
    if name == "sparse_adam":
        expected = run(name, table, gradients, options, dense=True)
    for gradient, layout in zip(gradients, ("reversed", "Fortran"), strict=True):
        optimizer.step_(odd, naive.laid_out(gradient.to_dense(), layout, None), state=state, **options)
    assert same((odd, state), expected)


# ---- literal numbers


def test_sgd_by_hand():
    table, state = np.array([[1.0], [1.0]]), sgd_state(np.ones((2, 1)))
    steps = [([0, 1], [[2.0], [4.0]]), ([0], [[2.0]])]
    for rows, values in steps:
        sgd_(table, RowSparse(np.array(rows), np.array(values), 2), lr=0.25, momentum=0.5, state=state)
    # row 0: b = 2, 3; x = 1 - .5 - .75; row 1: b = 4, 2; x = 1 - 1 - .5
    assert table.tolist() == [[-0.25], [-0.5]]
    assert state["momentum_buffer"].tolist() == [[3.0], [2.0]]
    sgd_(table, np.array([[1.0], [0.0]]), lr=0.5, momentum=0.5, nesterov=True, weight_decay=2.0, state=state)
    # row 0: g = 1 - .5, b = 1.5 + .5, x = -.25 - .5 (.5 + 1); row 1: g = -1, b = 0, x = -.5 - .5 (-1 + 0)
    assert table.tolist() == [[-1.0], [0.0]]
    assert state["momentum_buffer"].tolist() == [[2.0], [0.0]]


def test_plain_sgd_rounds_once_in_single_precision():
    a, b, lr = np.float32(6 / 7), np.float32(24 / 7), np.float32(0.1)
    table = np.array([a])
    sgd_(table, np.array([b]), lr=0.1)
    assert table[0] == np.float32(float(a) - float(lr) * float(b)) != a - lr * b


def test_without_weight_decay_the_row_is_not_in_the_gradient():
    """Not even times zero, which would make NaN of a row that is infinite."""
    table, state = np.array([np.inf, 1.0]), sgd_state(np.ones(2))
    sgd_(table, np.ones(2), lr=0.5, momentum=0.5, state=state)
    assert table.tolist() == [np.inf, 0.5]
    assert state["momentum_buffer"].tolist() == [1.0, 1.0]


def test_adagrad_by_hand():
    table, state = np.array([1.0, 1.0, 1.0]), adagrad_state(np.ones(3))
    adagrad_(table, np.array([3.0, -1e-3, 0.0]), state=state, lr=0.5)
    np.testing.assert_allclose(table, [0.5, 1.5, 1.0], rtol=1e-6)
    adagrad_(table, np.array([4.0, 0.0, 0.0]), state=state, lr=0.5, lr_decay=1.0)
    np.testing.assert_allclose(table, [0.5 - 0.25 * 0.8, 1.5, 1.0], rtol=1e-6)
    np.testing.assert_allclose(state["sum"], [25.0, 1e-6, 0.0], rtol=1e-14)
    assert state["step"] == 2


def test_adam_by_hand():
    """One gradient, then none: 1, .9, .833, .781, as peers.md 5.3 has it from torch."""
    table, state = np.array([[1.0]]), adam_state(np.ones((1, 1)))
    lengths = []
    for g in (5.0, 0.0, 0.0):
        adam_(table, np.array([[g]]), state=state, lr=0.1)
        lengths.append(float(table[0, 0]))
    np.testing.assert_allclose(lengths, [0.9, 0.833, 0.781], atol=0.5e-3)
    np.testing.assert_allclose(state["exp_avg"], [[0.5 * 0.9**2]], rtol=LITERAL)
    np.testing.assert_allclose(state["exp_avg_sq"], [[0.025 * 0.999**2]], rtol=LITERAL)
    assert state["step"] == 3


def test_adams_eps_stands_outside_of_the_correction():
    """In the first step m' = g and v' = g^2, so that the step is lr g / (|g| + eps)."""
    table = np.zeros((1, 1))
    adam_(table, np.array([[2.0]]), state=adam_state(table), lr=1.0, eps=2.0)
    np.testing.assert_allclose(table, [[-0.5]], rtol=LITERAL)


def test_adams_mean_is_reckoned_from_the_nearer_end():
    """As torch's lerp: with b1 = 0 the mean is the gradient, whatever it was before; with b1 near 1 the old one keeps its digits."""
    for b1, before, g, expected in ((0.0, 1e20, 1.0, 1.0), (1 - 2.0**-53, 1.0, 2.0**54, 3.0)):
        table, state = np.zeros(1), adam_state(np.zeros(1))
        state["exp_avg"][:], state["step"] = before, 1
        adam_(table, np.array([g]), state=state, betas=(b1, 0.5))
        assert state["exp_avg"].tolist() == [expected]


def test_the_first_step_of_momentum_is_not_dampened():
    table, state = np.array([[0.0]]), sgd_state(np.zeros((1, 1)))
    found = []
    for _ in range(2):
        sgd_(table, np.array([[4.0]]), lr=1.0, momentum=0.5, dampening=0.25, state=state)
        found.append((table[0, 0], state["momentum_buffer"][0, 0]))
    assert found == [(-4.0, 4.0), (-9.0, 5.0)]  # b = 4, then .5 * 4 + .75 * 4
    assert state["step"] == 2


def test_amsgrad_divides_by_the_largest():
    """b2 = 0: v is the last square, so that after a gradient of 8 one of 1 is divided by 8, not by 1."""
    table, state = np.zeros(1), adam_state(np.zeros(1))
    for g, x in ((8.0, -1.0), (-2.0, -0.75), (16.0, -1.75)):
        adam_(table, np.array([g]), state=state, lr=1.0, betas=(0.0, 0.0), eps=1e-300, amsgrad=True)
        assert table.tolist() == [x]
    assert state["max_exp_avg_sq"].tolist() == [256.0]


def test_adamw_by_hand():
    """Two steps that shrink by a half first; a gradient of zero leaves only that, for b1 = 0."""
    table, state = np.array([8.0, 8.0]), adam_state(np.zeros(2))
    for g, x in (([3.0, 0.0], [3.0, 4.0]), ([0.0, -7.0], [1.5, 3.0])):
        adamw_(table, np.array(g), state=state, lr=1.0, betas=(0.0, 0.0), eps=1e-300, weight_decay=0.5)
        assert table.tolist() == x


def test_sparse_adam_by_hand():
    """eps stands outside of the correction; the correction may count the steps of the row."""
    table = np.zeros((1, 1))
    sparse_adam_(table, np.array([[2.0]]), state=sparse_adam_state(table), lr=1.0, betas=(0.5, 0.75), eps=1.0)
    np.testing.assert_allclose(table, [[-0.5]], rtol=LITERAL)  # m = 1, v = 1, sqrt(.25) / .5 = 1: 1 / (1 + 1)
    late = [RowSparse(np.array(rows, int), np.ones((len(rows), 1)), 2) for rows in ([0], [0], [0, 1])]
    found = {}
    for correction in ("table", "row"):
        table, state = np.zeros((2, 1)), sparse_adam_state(np.zeros((2, 1)))
        for g in late:
            sparse_adam_(table, g, state=state, lr=1.0, betas=(0.5, 0.75), eps=1e-300, correction=correction)
        found[correction] = table[:, 0].tolist()
    np.testing.assert_allclose(found["row"], [-3, -1], rtol=LITERAL)
    np.testing.assert_allclose(found["table"], [-3, -math.sqrt(1 - 0.75**3) / (1 - 0.5**3)], rtol=LITERAL)
    assert state["row_steps"].tolist() == [3, 1]
    np.testing.assert_allclose(state["exp_avg"], [[7 / 8], [1 / 2]], rtol=LITERAL)
    np.testing.assert_allclose(state["exp_avg_sq"], [[37 / 64], [1 / 4]], rtol=LITERAL)


def test_rowwise_adagrad_by_hand():
    table, state = np.array([[1.0, 1.0], [5.0, 5.0]]), rowwise_adagrad_state(np.ones((2, 2)))
    rowwise_adagrad_(table, RowSparse(np.array([0]), np.array([[1.0, 7.0]]), 2), state=state, lr=0.5)
    np.testing.assert_allclose(table, [[0.9, 0.3], [5.0, 5.0]], rtol=1e-8)  # s = (1 + 49) / 2; eps is 1e-8
    rowwise_adagrad_(table, RowSparse(np.array([0]), np.array([[-7.0, 17.0]]), 2), state=state, lr=0.5)
    np.testing.assert_allclose(table, [[0.9 + 3.5 / 194**0.5, 0.3 - 8.5 / 194**0.5], [5.0, 5.0]], rtol=1e-8)
    assert state["row_sum"].tolist() == [25.0 + (49 + 289) / 2, 0.0]
    one = np.array([[3 + 4j]])
    rowwise_adagrad_(one, np.array([[6 - 8j]]), state=rowwise_adagrad_state(one), lr=1.0, weight_decay=1.0, eps=1e-300)
    np.testing.assert_allclose(one, [[3 + 4j - (9 - 4j) / math.sqrt(97 / 2)]], rtol=LITERAL)  # the mean of two squares
    table, g = np.zeros((1, 4), np.float32), np.array([[4096, 1, 1, 1]], np.float32)
    state = rowwise_adagrad_state(table)
    rowwise_adagrad_(table, g, state=state)
    assert state["row_sum"].tolist() == [float(np.float32((2**24 + 3) / 4))]  # summed in double precision, rounded once
    state = rowwise_adagrad_state(np.zeros((2, 0)))
    rowwise_adagrad_(np.zeros((2, 0)), np.zeros((2, 0)), state=state)
    assert state["row_sum"].tolist() == [0.0, 0.0]
    table = np.array([3.0])
    both = [table.copy(), table.copy()]
    rowwise_adagrad_(both[0], table, state=rowwise_adagrad_state(table), lr=0.1, eps=0.5)
    adagrad_(both[1], table, state=adagrad_state(table), lr=0.1, eps=0.5)
    np.testing.assert_allclose(*both, rtol=LITERAL)  # rows of one number


# ---- decay on touch


@pytest.mark.parametrize(("name", "options"), [c for c in CASES if c[0] == "sgd"])
def test_sgd_on_touch_is_dense_where_it_was_touched(name, options):
    """To rounding, table and momentum: after a gap of any length, and for rows whose first gradient comes late."""
    for dtype in DTYPES:
        rng = np.random.default_rng(11)
        table = naive.rows(rng, (6, 2), dtype)
        chosen = [[0, 1], [1], [], [], [1, 2], [0], [], [], [], [1, 3], [0, 1, 2, 3, 4]]
        gradients = [RowSparse(np.array(rows, int), naive.rows(rng, (len(rows), 2), dtype), 6) for rows in chosen]
        dense, late = (run(name, table, gradients, options, missing_rows) for missing_rows in ("dense", "decay_on_touch"))
        for a, b in ((dense[0], late[0]), (dense[1]["momentum_buffer"], late[1]["momentum_buffer"])):
            assert np.abs(a - b)[:5].max() <= LOOPS[table.real.itemsize]
        np.testing.assert_array_equal(late[0][5], table[5])  # never touched: it still owes everything
        if "last_step" in late[1]:
            assert late[1]["last_step"].tolist() == [11, 11, 11, 11, 11, 0]


@pytest.mark.parametrize("name", ["adam", "adamw"])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam_on_touch_has_the_moments_of_dense(name, amsgrad):
    """And without momentum, b1 = 0, the table of dense too."""
    for b1 in (0.0, 0.5):
        options = {"lr": 0.1, "betas": (b1, 0.6), "amsgrad": amsgrad, "eps": 0.1}
        rng = np.random.default_rng(12)
        table = naive.rows(rng, (5, 2))
        gradients = [
            RowSparse(np.array(rows, int), naive.rows(rng, (len(rows), 2)), 5)
            for rows in ([0, 1], [1], [], [2], [], [0], [], [0, 1, 2, 3])
        ]
        dense, late = (run(name, table, gradients, options, missing_rows) for missing_rows in ("dense", "decay_on_touch"))
        for key in ("exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if amsgrad else [])):
            np.testing.assert_allclose(late[1][key][:4], dense[1][key][:4], rtol=1e-13)
        if b1 == 0:
            np.testing.assert_allclose(late[0][:4], dense[0][:4], rtol=1e-13)
        else:
            assert np.abs(late[0] - dense[0]).max() > 0.01


def test_what_adamw_owes_by_hand():
    """Shrunk by a half in each of the steps that it missed, and in the one that touches it; m by b1."""
    table, state = np.array([[16.0], [16.0]]), adam_state(np.zeros((2, 1)))
    state["exp_avg"][:] = 8.0
    nothing, something = (RowSparse(np.array(rows, int), np.zeros((len(rows), 1)), 2) for rows in ([], [1]))
    for g in (nothing, nothing, something):
        adamw_(table, g, state=state, lr=1e-300, weight_decay=0.5e300, betas=(0.5, 0.5), missing_rows="decay_on_touch")
    assert table.tolist() == [[16.0], [2.0]]
    assert state["exp_avg"].tolist() == [[8.0], [1.0]]
    assert state["last_step"].tolist() == [0, 3]


@pytest.mark.parametrize("t", [1, 2, 9, 10, 11, 30, 31, 100, 1000, 10**5, 10**9])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adam", {}),
        ("adam", {"amsgrad": True}),
        ("adam", {"missing_rows": "decay_on_touch"}),
        ("adamw", {}),
        ("sparse_adam", {}),
        ("sparse_adam", {"correction": "row"}),
        ("adagrad", {"lr_decay": 0.25}),
    ],
)
def test_the_correction_of_any_step(name, options, t):
    """One step, that of number t, to 40 digits; 1 - b2^t has a cancellation of 1/500 at t = 2, hence 1e-13."""
    g, m, v, lr = (mpmath.mpf(x) for x in (-1.5, 0.25, 3.0, 0.5))
    b1, b2 = mpmath.mpf(0.9), mpmath.mpf(0.999)  # the floats
    table, state = np.zeros((1, 1)), OPTIMIZERS[name].state(np.zeros((1, 1)))
    for key, value in (("exp_avg", m), ("exp_avg_sq", v), ("sum", v)):
        if key in state:
            state[key][:] = float(value)
    state["step"] = t - 1
    if options.get("missing_rows"):
        state["last_step"] = np.array([t - 1])
    if options.get("correction"):
        state["row_steps"], state["step"] = np.array([t - 1]), 2**53 - 1
    if options.get("amsgrad"):
        state["max_exp_avg_sq"] = np.array([[100.0]])
    OPTIMIZERS[name].step_(table, np.array([[float(g)]]), state=state, lr=float(lr), **options)
    with mpmath.workdps(40):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        if name == "adagrad":
            expected = -lr / (1 + (t - 1) * mpmath.mpf(0.25)) * g / (mpmath.sqrt(3 + g**2) + mpmath.mpf(1e-10))
        elif name == "sparse_adam":
            expected = -lr * mpmath.sqrt(1 - b2**t) / (1 - b1**t) * m / (mpmath.sqrt(v) + mpmath.mpf(1e-8))
        else:
            v = max(v, 100) if options.get("amsgrad") else v
            expected = -lr * m / (1 - b1**t) / (mpmath.sqrt(v / (1 - b2**t)) + mpmath.mpf(1e-8))
        assert abs(table[0, 0] / expected - 1) <= 1e-13


@pytest.mark.parametrize(("name", "options"), [("adam", {}), ("adam", {"amsgrad": True}), ("adamw", {}), ("sparse_adam", {})])
def test_many_steps(name, options):
    """A hundred and fifty of them against the sums over the past, of gradients that change slowly: roundings add up to 1e-12."""
    options = {"lr": 0.1, **options}
    gradients = [RowSparse(np.array([0]), np.array([[math.cos(0.3 * t), 1.0 + 0.01 * t]]), 1) for t in range(150)]
    table, state = run(name, np.ones((1, 2)), gradients, options)
    mode = "lazy" if name == "sparse_adam" else "dense"
    assert np.abs(table - oracle(name, np.ones((1, 2)), gradients, mode, options)).max() <= 1e-12
    assert state["step"] == 150


def test_steps_count_without_any_gradient():
    nothing = RowSparse(np.array([], int), np.zeros((0, 2)), 3)
    for name in ("adagrad", "adam", "adamw", "sparse_adam"):
        table, state = run(name, np.ones((3, 2)), [nothing] * 3, {}, "lazy")
        assert state["step"] == 3
        assert table.tolist() == [[1.0, 1.0]] * 3


# ---- the state


@pytest.mark.parametrize(("name", "options"), CASES, ids=NAMES)
def test_a_saved_state_goes_on_where_it_was(name, options, tmp_path):
    """Through a file, to the bit: arrays as arrays, ints as JSON."""
    table, gradients = draw(np.random.default_rng(7), (6, 3), np.float32, steps=6)
    expected = run(name, table, gradients, options)
    half, state = run(name, table, gradients[:3], options)
    arrays = {k: v for k, v in state.items() if isinstance(v, np.ndarray)}
    np.savez(tmp_path / "state.npz", **arrays)
    with np.load(tmp_path / "state.npz", allow_pickle=False) as file:
        loaded = {**json.loads(json.dumps({k: v for k, v in state.items() if k not in arrays})), **file}
    for gradient in gradients[3:]:
        OPTIMIZERS[name].step_(half, gradient, state=loaded, **options)
    assert same((half, loaded), expected)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_new_state_is_zero_and_like_its_table(name):
    for dtype in DTYPES:
        table = np.ones((3, 2), dtype)
        for value in OPTIMIZERS[name].state(table).values():
            if isinstance(value, np.ndarray):
                assert value.dtype == (table.real.dtype if name == "rowwise_adagrad" else dtype)
                assert value.shape == ((3,) if name == "rowwise_adagrad" else (3, 2))
                assert not value.any()
            else:
                assert type(value) is int
                assert value == 0
        assert (table == 1).all()
    with pytest.raises(TypeError, match=f"{name}_state: table is a list; allowed: a NumPy array"):
        OPTIMIZERS[name].state([1.0])


def test_plain_sgd_needs_no_state_and_leaves_one_alone():
    table, state = np.ones((2, 1)), sgd_state(np.ones((2, 1)))
    state["momentum_buffer"][:] = 7.0
    sgd_(table, np.ones((2, 1)), lr=0.5, state=state)
    sgd_(table, np.ones((2, 1)), lr=0.5)
    assert table.tolist() == [[0.0], [0.0]]
    assert state["momentum_buffer"].tolist() == [[7.0], [7.0]]


def test_names():
    for written, name in (
        ("SGD", "sgd"),
        ("Adagrad", "adagrad"),
        ("Adam", "adam"),
        ("AdamW", "adamw"),
        ("SparseAdam", "sparse_adam"),
    ):
        assert resolve(OPTIMIZERS, written, function="fit", argument="optimizer") == name
    for name, (state, step_) in OPTIMIZERS.items():
        assert (state.__name__, step_.__name__) == (f"{name}_state", f"{name}_")


@pytest.mark.parametrize(("name", "options"), CASES, ids=NAMES)
def test_memory(name, options):
    """Steps take memory for the rows they visit, or for a block of them, however large the table is."""
    table, optimizer = np.zeros((400_000, 8), np.float32), OPTIMIZERS[name]
    gradient = RowSparse(np.array([5, 77_777, 399_999]), np.ones((3, 8), np.float32), len(table))
    few = 100_000  # bytes; the table has 12.8 million
    for missing_rows in modes(name, options):
        limit = few if missing_rows != "dense" or f"{name}-{options}" in AT_REST else 5_000_000
        state = optimizer.state(table)
        optimizer.step_(table, gradient, state=state, missing_rows=missing_rows, **options)  # may add to the state
        tracemalloc.start()
        optimizer.step_(table, gradient, state=state, missing_rows=missing_rows, **options)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < limit


# ---- what is refused, before anything is written

TABLE, STATE = np.ones((3, 2)), {}
GOOD = RowSparse(np.array([0, 2]), np.full((2, 2), 2.0), 3)
FLAT = np.ones((3, 2))
FLAT.flags.writeable = False


def changed(name, **entries):
    """The state of TABLE with other entries; None takes one out."""
    state = {**OPTIMIZERS[name].state(TABLE), **entries}
    return {k: v for k, v in state.items() if v is not None}


TINY = r"a finite number >= 2.22507e-308"
REFUSED = [
    *(
        (name, arguments, error, said)
        for name in OPTIMIZERS
        for arguments, error, said in (
            ({"table": [[1.0]]}, TypeError, "table is a list; allowed: a NumPy array"),
            ({"table": np.ones((3, 2), int)}, TypeError, "table.dtype = int64 is not supported; allowed: float32"),
            ({"table": FLAT}, ValueError, "table is read-only; allowed: a writable array"),
            ({"table": np.ones((6, 2))[::2]}, ValueError, r"table has strides \(32, 8\); allowed: a C-contiguous array"),
            ({"gradient": 0.5}, TypeError, "gradient is a float; allowed: a NumPy array"),
            ({"gradient": np.ones((2, 2))}, ValueError, r"gradient has shape \(2, 2\); allowed: \(3, 2\), the shape of table"),
            ({"gradient": np.ones((3, 2), "f4")}, TypeError, "gradient has dtype float32; allowed: float64, the dtype of table"),
            (
                {"gradient": RowSparse(np.array([0]), np.ones((1, 2)), 4)},
                ValueError,
                r"gradient is of a float64 \(4, 2\) table; allowed: float64 \(3, 2\), those of table",
            ),
            ({"gradient": TABLE}, ValueError, "table shares memory with gradient; allowed: arrays that do not overlap"),
            (
                {"missing_rows": "sparse"},
                ValueError,
                "missing_rows = 'sparse' is not a choice; allowed: ('dense', )?'lazy' or 'decay_on",
            ),
            ({"maximize": 1}, ValueError, "maximize = 1 is not a choice; allowed: True or False"),
            ({"lr": -0.1}, ValueError, "lr = -0.1 is out of range; allowed: a finite number >= 0"),
            ({"lr": math.nan}, ValueError, "lr = nan is out of range; allowed: a finite number >= 0"),
            ({"lr": True}, TypeError, "lr = True is of type bool; allowed: a finite number >= 0"),
            ({"weight_decay": -1}, ValueError, "weight_decay = -1 is out of range; allowed: a finite number >= 0"),
            ({"weight_decay": math.inf}, ValueError, "weight_decay = inf is out of range; allowed: a finite number >= 0"),
            ({"state": [1]}, TypeError, rf"state is a list; allowed: {name}_state\(table\), the same dict at each step"),
        )
        if name != "sparse_adam" or "weight_decay" not in arguments
    ),
    *(
        (
            name,
            {"weight_decay": 0.5, "missing_rows": "decay_on_touch"},
            ValueError,
            "weight_decay = 0.5 under a root has no closed form over many steps; allowed: 0 with missing_rows = 'decay_on_touch'",
        )
        for name in ("adagrad", "adam", "rowwise_adagrad")
    ),
    ("sgd", {"dampening": -0.5}, ValueError, "dampening = -0.5 is out of range; allowed: a finite number >= 0 and <= 1"),
    (
        "sgd",
        {"dampening": 0.5},
        ValueError,
        "dampening = 0.5 has no momentum to dampen; allowed: with momentum > 0, without nesterov",
    ),
    (
        "sgd",
        {"dampening": 0.5, "momentum": 0.5, "nesterov": True},
        ValueError,
        "dampening = 0.5 is not defined with nesterov; allowed: with momentum > 0, without nesterov",
    ),
    (
        "sgd",
        {"weight_decay": 0.5, "missing_rows": "decay_on_touch", "state": None},
        TypeError,
        r"state is None; allowed: sgd_state\(table\), the same dict at each step",
    ),
    ("adam", {"amsgrad": "yes"}, ValueError, "amsgrad = 'yes' is not a choice; allowed: True or False"),
    ("adamw", {"amsgrad": 0}, ValueError, "amsgrad = 0 is not a choice; allowed: True or False"),
    ("adamw", {"betas": (0.9, 1)}, ValueError, r"betas\[1\] = 1 is out of range; allowed: a finite number >= 0 and < 1"),
    (
        "adam",
        {"state": {**adam_state(TABLE), "step": 1}, "amsgrad": True},
        ValueError,
        r"state has step, exp_avg, exp_avg_sq keys; allowed: step, exp_avg, exp_avg_sq, max_exp_avg_sq, "
        r"those of adam_state\(table\) after steps with the same options",
    ),
    (
        "adamw",
        {"state": {**adam_state(TABLE), "last_step": np.zeros(3, int)}},
        ValueError,
        "state has step, exp_avg, exp_avg_sq, last_step keys; allowed: step, exp_avg, exp_avg_sq, those of",
    ),
    *(
        ("adam", {"state": {**adam_state(TABLE), "last_step": counts}, "missing_rows": "decay_on_touch"}, error, said)
        for counts, error, said in (
            ([0, 0, 0], TypeError, r"state\['last_step'\] is a list; allowed: int64 \(3,\), one whole number for each row"),
            (np.zeros(3), TypeError, r"state\['last_step'\] is float64 \(3,\); allowed: int64 \(3,\)"),
            (np.zeros(2, int), TypeError, r"state\['last_step'\] is int64 \(2,\); allowed: int64 \(3,\)"),
            (np.array([0, 9, 1]), ValueError, r"state\['last_step'\]\[2\] = 1 is out of range; allowed: 0..0, the steps so far"),
            (np.array([-1, 0, 0]), ValueError, r"state\['last_step'\]\[0\] = -1 is out of range; allowed: 0..0"),
            (np.zeros(6, int)[::2], ValueError, r"state\['last_step'\] has strides \(16,\); allowed: a C-contiguous array"),
        )
    ),
    (
        "sparse_adam",
        {"state": {}},
        ValueError,
        r"state has no keys; allowed: step, exp_avg, exp_avg_sq, those of sparse_adam_state\(table\)",
    ),
    ("sparse_adam", {"correction": "none"}, ValueError, "correction = 'none' is not a choice; allowed: 'table' or 'row'"),
    (
        "sparse_adam",
        {"correction": "row", "missing_rows": "decay_on_touch"},
        ValueError,
        "correction = 'row' counts no missed steps; allowed: 'table' with missing_rows = 'decay_on_touch'",
    ),
    (
        "sparse_adam",
        {"missing_rows": "dense"},
        ValueError,
        "missing_rows = 'dense' is not a choice; allowed: 'lazy' or 'decay_on",
    ),
    ("rowwise_adagrad", {"eps": 0}, ValueError, f"eps = 0 is out of range; allowed: {TINY}"),
    (
        "rowwise_adagrad",
        {"state": {"row_sum": np.zeros((3, 2))}},
        ValueError,
        r"state\['row_sum'\] has shape \(3, 2\); allowed: \(3,\), the shape of one real number for each row of table",
    ),
    ("sgd", {"momentum": 1.0}, ValueError, "momentum = 1.0 is out of range; allowed: a finite number >= 0 and < 1"),
    ("sgd", {"momentum": -0.5}, ValueError, "momentum = -0.5 is out of range; allowed: a finite number >= 0 and < 1"),
    (
        "sgd",
        {"momentum": 0.5, "state": None},
        TypeError,
        r"state is None; allowed: sgd_state\(table\), the same dict at each step",
    ),
    ("sgd", {"nesterov": True}, ValueError, "nesterov = True has no momentum to look ahead with; allowed: with momentum > 0"),
    ("sgd", {"nesterov": 1, "momentum": 0.5}, ValueError, "nesterov = 1 is not a choice; allowed: True or False"),
    ("sgd", {"state": {}}, ValueError, r"state has no keys; allowed: step, momentum_buffer, those of sgd_state\(table\)"),
    ("adagrad", {"lr_decay": -1.0}, ValueError, "lr_decay = -1.0 is out of range; allowed: a finite number >= 0"),
    ("adagrad", {"eps": 0}, ValueError, f"eps = 0 is out of range; allowed: {TINY}"),
    ("adam", {"eps": 0.0}, ValueError, f"eps = 0.0 is out of range; allowed: {TINY}"),
    ("adam", {"betas": 0.9}, TypeError, "betas = 0.9 is no pair; allowed: two numbers >= 0 and < 1"),
    ("adam", {"betas": (0.9,)}, TypeError, r"betas = \(0.9,\) is no pair; allowed: two numbers >= 0 and < 1"),
    ("adam", {"betas": (1.0, 0.9)}, ValueError, r"betas\[0\] = 1.0 is out of range; allowed: a finite number >= 0 and < 1"),
    ("adam", {"betas": (0.9, -0.1)}, ValueError, r"betas\[1\] = -0.1 is out of range; allowed: a finite number >= 0 and < 1"),
    ("adam", {"state": None}, TypeError, r"state is None; allowed: adam_state\(table\), the same dict at each step"),
    (
        "adam",
        {"state": adagrad_state(TABLE)},
        ValueError,
        r"state has step, sum keys; allowed: step, exp_avg, exp_avg_sq, those of adam_state\(table\)",
    ),
    (
        "adam",
        {"state": changed("adam", exp_avg=None)},
        ValueError,
        "state has step, exp_avg_sq keys; allowed: step, exp_avg, exp",
    ),
    (
        "adam",
        {"state": changed("adam", step=-1)},
        ValueError,
        r"state\['step'\] = -1 is out of range; allowed: a whole number >= 0",
    ),
    ("adam", {"state": changed("adam", step=1.0)}, TypeError, r"state\['step'\] = 1.0 is of type float; allowed: a whole number"),
    (
        "adam",
        {"state": changed("adam", exp_avg_sq=np.zeros((4, 2)))},
        ValueError,
        r"state\['exp_avg_sq'\] has shape \(4, 2\); allowed: \(3, 2\), the shape of table",
    ),
    (
        "adagrad",
        {"state": changed("adagrad", sum=np.zeros((3, 2), "f4"))},
        TypeError,
        r"state\['sum'\] has dtype float32; allowed: float64, the dtype of table",
    ),
    ("adagrad", {"state": changed("adagrad", sum=FLAT)}, ValueError, r"state\['sum'\] is read-only; allowed: a writable array"),
    ("adagrad", {"state": changed("adagrad", sum=TABLE)}, ValueError, r"state\['sum'\] shares memory with table; allowed"),
    (
        "adagrad",
        {"state": changed("adagrad", sum=GOOD.values)},
        ValueError,
        r"state\['sum'\] has shape \(2, 2\); allowed: \(3, 2\)",
    ),
    (
        "adam",
        {"state": dict.fromkeys(("exp_avg", "exp_avg_sq"), np.zeros((3, 2))) | {"step": 0}},
        ValueError,
        r"state\['exp_avg_sq'\] shares memory with state\['exp_avg'\]; allowed: arrays that do not overlap",
    ),
]


@pytest.mark.parametrize(("name", "arguments", "error", "said"), REFUSED, ids=[f"{n}-{s}" for n, _, _, s in REFUSED])
def test_refused_calls_change_nothing(name, arguments, error, said):
    arguments = {"table": TABLE, "gradient": GOOD, "state": OPTIMIZERS[name].state(TABLE), "lr": 0.1, **arguments}
    before = copy.deepcopy((TABLE, arguments["state"], GOOD.values))
    with pytest.raises(error, match=f"^{name}_: {said}"):
        OPTIMIZERS[name].step_(arguments.pop("table"), arguments.pop("gradient"), **arguments)
    assert repr((TABLE, arguments["state"], GOOD.values)) == repr(before)


STORED = [
    (name, options, entry)
    for name, options, entries in (
        ("sgd", {"momentum": 0.5}, ("momentum_buffer",)),
        ("adagrad", {}, ("sum",)),
        ("adagrad", {"weight_decay": 0.5}, ("sum",)),
        ("adam", {}, ("exp_avg", "exp_avg_sq")),
        ("adam", {"amsgrad": True}, ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")),
        ("adamw", {"weight_decay": 0.0}, ("exp_avg", "exp_avg_sq")),
        ("sparse_adam", {}, ("exp_avg", "exp_avg_sq")),
        ("sparse_adam", {"correction": "row"}, ("exp_avg_sq",)),
        ("rowwise_adagrad", {}, ("row_sum",)),
        ("rowwise_adagrad", {"weight_decay": 0.5}, ("row_sum",)),
    )
    for entry in entries
]


@pytest.mark.parametrize("missing_rows", ["dense", "lazy", "decay_on_touch"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex128])
@pytest.mark.parametrize(("name", "options", "entry"), STORED)
def test_a_state_that_would_make_nan_of_a_row_is_refused(name, options, entry, dtype, missing_rows, monkeypatch):
    """NaN, and a negative sum of squares, in row 4: named, where that row is about to be read; elsewhere it does no harm."""
    rooted = options.get("weight_decay") and missing_rows == "decay_on_touch"
    if rooted or options.get("correction") or (name == "sparse_adam" and missing_rows == "dense"):
        missing_rows = "lazy"
    monkeypatch.setattr(rowwise, "BLOCK", 4)
    optimizer, table = OPTIMIZERS[name], naive.rows(np.random.default_rng(3), (6, 2, 2), dtype)
    of_squares = entry not in ("momentum_buffer", "exp_avg")
    where = (4,) if entry == "row_sum" else (4, 1, 0)
    all_rows = missing_rows == "dense" and (entry not in ("sum", "row_sum") or options.get("weight_decay"))
    values = [np.nan, -1.0, -1e-30] if of_squares else [np.nan]
    values += [complex(1, bad) for bad in values] if np.dtype(dtype).kind == "c" and entry != "row_sum" else []
    for rows, bad in itertools.product(([0, 4, 5], [0, 1, 5]), values):
        gradient = RowSparse(np.array(rows), np.full((3, 2, 2), 0.5, dtype), 6)
        state = optimizer.state(table)
        optimizer.step_(table.copy(), gradient, state=state, lr=0.1, missing_rows=missing_rows, **options)  # adds what is needed
        state[entry][where] = bad
        after, before = table.copy(), copy.deepcopy(state)
        if 4 in rows or all_rows:
            at, allowed = re.escape(str(list(where))), "numbers >= 0" if of_squares else "numbers, not NaN"
            with pytest.raises(ValueError, match=rf"^{name}_: state\['{entry}'\]{at} = .*; allowed: {allowed}"):
                optimizer.step_(after, gradient, state=state, lr=0.1, missing_rows=missing_rows, **options)
            assert naive.same_bits(after, table)
            assert repr(state) == repr(before)
        else:
            optimizer.step_(after, gradient, state=state, lr=0.1, missing_rows=missing_rows, **options)
            assert np.isfinite(after).all()
    for good in (np.inf, -0.0):  # squares that overflowed are large, and that is all
        state[entry][where] = good
        optimizer.step_(table.copy(), gradient, state=state, lr=0.1, missing_rows=missing_rows, **options)


def test_numbers_that_single_precision_cannot_hold():
    table = np.ones((3, 2), np.float32)
    gradient, state = np.ones_like(table), adam_state(table)
    with pytest.raises(ValueError, match=r"adam_: eps = 1e-40 is out of range; allowed: a finite number >= 1.17549e-38"):
        adam_(table, gradient, state=state, eps=1e-40)
    for name in ("lr", "weight_decay", "eps"):
        with pytest.raises(ValueError, match=rf"adam_: {name} = 1e\+39 is out of range; allowed: up to 3.40282e\+38"):
            adam_(table, gradient, state=state, **{name: 1e39})
    assert state["step"] == 0
    assert (table == 1).all()


def test_a_step_is_finished_whatever_numpy_says_of_its_numbers():
    """A block that overflows is no reason to leave those behind it as they were."""
    table = np.array([[1e308], [1.0]])
    with np.errstate(all="raise"):
        sgd_(table, np.array([[-1e308], [1.0]]), lr=1.0)
    assert table.tolist() == [[np.inf], [0.0]]
