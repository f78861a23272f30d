"""Hostile calls of what writes to tables: optimizers, constrainers, max_norm; and of the clipping of gradients."""

import numpy as np

from npembed import RowSparse
from npembed.embedding.constrain import is_constrained, post_step_rows_
from npembed.embedding.lookup import post_step_
from npembed.embedding.max_norm import renorm_
from npembed.embedding.optimizers import (
    OPTIMIZERS,
    adagrad_state,
    clip_grad_norm,
    clip_grad_value,
    project_state_,
    sgd_,
    sgd_state,
    sparse_adam_,
    sparse_adam_state,
)
from npembed.embedding.row_maps import normalize

from . import answered, refused

NAN, INF = float("nan"), float("inf")


def stepped(table, gradient, **options):
    """The table, after a step of SGD."""
    sgd_(table, gradient, **options)
    return table


def with_state(name, table, gradient, spoil=lambda state: None, **options):
    """The table and the state of an optimizer after a step; `spoil` changes the state first."""
    state = OPTIMIZERS[name].state(table)
    spoil(state)
    OPTIMIZERS[name].step_(table, gradient, state=state, **options)
    return table


def rows(w):
    """A gradient whose rows lie in the memory of the table that it is of."""
    return RowSparse(w.ids_within, w.g, 6)


def constrained(table, constrainer):
    """The table, after its constrainer."""
    post_step_(table, constrainer)
    return table


def in_place(table):
    """A constrainer that writes."""
    table *= 0.5


def breaks(table):
    """A constrainer that writes, and then breaks."""
    table *= 0
    raise ValueError("mine: table is bad; allowed: good ones")


def downhill(table, gradient, lr):
    """Plain SGD."""
    out = np.array(table)
    for row, value in zip(gradient.rows, gradient.values, strict=True):
        out[row] = out[row] + np.float64(-lr) * value
    return out


def shortened(table, ids, most):
    """Rows that are too long, made short."""
    out = np.array(table)
    for i in set(ids):
        length = np.sqrt((out[i] ** 2).sum())
        out[i] = out[i] * most / length if length > most else out[i]
    return out


def loudly(call):
    """The call, where NumPy is to raise whatever it has to say."""
    with np.errstate(all="raise"):
        return call()


LAYOUTS = {
    "strided": r"table has strides \(128, 16\)",
    "reversed": r"table has strides \(-64, -8\)",
    "fortran": r"table has strides \(8, 48\)",
    "sliding": r"table has strides \(8, 8\)",
    "read_only": "table is read-only",
    "repeated": "table is read-only",
    "swapped": "table.dtype = [<>]f8 is not supported",
    "masked": "table is a MaskedArray",
    "matrix": "table is a matrix",
    "whole": "table.dtype = int64 is not supported",
}

STATES = [
    ("of another table", lambda s: s.update(exp_avg=np.zeros((5, 4))), ValueError, r"state\['exp_avg'\] has shape \(5, 4\)"),
    ("in single", lambda s: s.update(exp_avg=np.zeros((6, 4), np.float32)), TypeError, r"state\['exp_avg'\] has dtype float32"),
    ("of one moment twice", lambda s: s.update(exp_avg=s["exp_avg_sq"]), ValueError, r"state\['exp_avg_sq'\] shares memory with"),
    ("with a step of -1", lambda s: s.update(step=-1), ValueError, r"state\['step'\] = -1 is out of range"),
    ("with a step of 1.0", lambda s: s.update(step=1.0), TypeError, r"state\['step'\] = 1.0 is of type float"),
    (
        "with a step of 2**63",
        lambda s: s.update(step=2**63),
        ValueError,
        r"state\['step'\] = 9223372036854775808 is out of range",
    ),
    (
        "with a step of 5000 digits",
        lambda s: s.update(step=10**5000),
        ValueError,
        r"state\['step'\] = a number of 16610 bits is out",
    ),
    ("without a moment", lambda s: s.pop("exp_avg"), ValueError, "state has step, exp_avg_sq keys"),
    ("with a key of another kind", lambda s: s.update({3: 1}), ValueError, "state has step, exp_avg, exp_avg_sq, 3 keys"),
    ("that is read-only", lambda s: s["exp_avg"].setflags(write=False), ValueError, r"state\['exp_avg'\] is read-only"),
    (
        "in Fortran's order",
        lambda s: s.update(exp_avg=np.zeros((6, 4), order="F")),
        ValueError,
        r"state\['exp_avg'\] has strides",
    ),
    ("a list", lambda s: s.update(exp_avg=[0.0]), TypeError, r"state\['exp_avg'\] is a list"),
]

CALLS = [
    *(
        refused(
            "strides",
            f"sgd_: a table that is {n}",
            lambda w, n=n: stepped(getattr(w, n), w.gradient, lr=1),
            (TypeError if "is not supp" in says or " is a " in says else ValueError),
            f"sgd_: {says}",
        )
        for n, says in LAYOUTS.items()
    ),
    *(
        refused(
            "strides",
            f"post_step_: a table that is {n}",
            lambda w, n=n: constrained(getattr(w, n), in_place),
            (TypeError if "is not supp" in says or " is a " in says else ValueError),
            f"post_step_: {says}",
        )
        for n, says in list(LAYOUTS.items())[::2]
    ),
    answered(
        "strides",
        "sgd_: a table that is misaligned",
        lambda w: stepped(w.misaligned, w.gradient, lr=0.5),
        lambda w: downhill(w.misaligned, w.gradient, 0.5),
        writes=("misaligned",),
    ),
    answered(
        "empty",
        "sgd_: a table without rows",
        lambda w: stepped(w.empty, RowSparse(np.arange(0), w.g[:0], 0), lr=1),
        lambda w: w.empty,
    ),
    answered(
        "empty",
        "sgd_: rows without numbers",
        lambda w: stepped(w.thin, RowSparse(np.arange(2), np.empty((2, 0)), 6), lr=1),
        lambda w: w.thin,
    ),
    refused(
        "overlap",
        "sgd_: a gradient that is the table",
        lambda w: stepped(w.table, w.table, lr=1),
        ValueError,
        "sgd_: table shares memory with gradient",
    ),
    refused(
        "overlap",
        "sgd_: values that are rows of the table",
        lambda w: stepped(w.table, RowSparse(np.array([0, 1]), w.table[4:], 6), lr=1),
        ValueError,
        "sgd_: table shares memory with gradient",
    ),
    answered(
        "overlap",
        "sgd_: rows in the memory of the table",
        lambda w: stepped(w.shared, rows(w), lr=1),
        lambda w: downhill(w.shared, rows(w), 1),
        writes=("shared", "ids_within"),
    ),
    refused(
        "overlap",
        "adam_: a moment that is the table",
        lambda w: with_state("adam", w.table, w.gradient, lambda s: s.update(exp_avg=w.table)),
        ValueError,
        r"adam_: state\['exp_avg'\] shares memory with table",
    ),
    refused(
        "dtype",
        "sgd_: a gradient in single",
        lambda w: stepped(w.table, w.single, lr=1),
        TypeError,
        "sgd_: gradient has dtype float32; allowed: float64",
    ),
    refused(
        "shape",
        "sgd_: a gradient of another table",
        lambda w: stepped(w.table, RowSparse(np.array([0]), w.g[:1], 7), lr=1),
        ValueError,
        r"sgd_: gradient is of a float64 \(7, 4\) table",
    ),
    refused(
        "dtype", "sgd_: a gradient of a list", lambda w: stepped(w.table, [[1.0]], lr=1), TypeError, "sgd_: gradient is a list"
    ),
    refused(
        "dtype",
        "sgd_: a gradient that is masked",
        lambda w: stepped(w.table, w.masked, lr=1),
        TypeError,
        "sgd_: gradient is a MaskedArray",
    ),
    *(
        refused("options", f"sgd_: {n}", lambda w, o=o: stepped(w.table, w.gradient, **o), error, f"sgd_: {says}")
        for n, o, error, says in (
            ("lr NaN", {"lr": NAN}, ValueError, "lr = nan is out of range"),
            ("lr infinite", {"lr": INF}, ValueError, "lr = inf is out of range"),
            ("lr below zero", {"lr": -1}, ValueError, "lr = -1"),
            ("lr True", {"lr": True}, TypeError, "lr = True is of type bool"),
            ("lr an array", {"lr": np.ones(1)}, TypeError, r"lr = array\(\[1.\]\) is of type ndarray"),
            ("lr 10**400", {"lr": 10**400}, ValueError, "lr = 1"),
            ("momentum without a state", {"lr": 1, "momentum": 0.5}, TypeError, "state is None"),
            ("missing_rows unknown", {"lr": 1, "missing_rows": "eager"}, ValueError, "missing_rows = 'eager' is not a choice"),
        )
    ),
    *(
        refused(
            "state",
            f"adam_: a state {n}",
            lambda w, spoil=spoil: with_state("adam", w.table, w.gradient, spoil),
            error,
            f"adam_: {says}",
        )
        for n, spoil, error, says in STATES
    ),
    refused(
        "state",
        "sparse_adam_: steps of a row that are too many",
        lambda w: sparse_adam_(
            w.table, w.gradient, state={**sparse_adam_state(w.table), "row_steps": np.full(6, 9)}, correction="row"
        ),
        ValueError,
        r"sparse_adam_: state\['row_steps'\]\[1\] = 9 is out of range; allowed: 0..0",
    ),
    refused(
        "state",
        "adagrad_: weight decay that cannot be caught up with",
        lambda w: with_state("adagrad", w.table, w.gradient, weight_decay=0.1, missing_rows="decay_on_touch"),
        ValueError,
        "adagrad_: weight_decay = 0.1",
    ),
    refused(
        "options",
        "adam_: betas of 1",
        lambda w: with_state("adam", w.table, w.gradient, betas=(0.9, 1)),
        ValueError,
        r"adam_: betas\[1\] = 1",
    ),
    refused(
        "options", "adam_: eps of zero", lambda w: with_state("adam", w.table, w.gradient, eps=0), ValueError, "adam_: eps = 0"
    ),
    *(
        answered(
            "NaN",
            f"{n}: an infinite gradient stays in its row, where NumPy raises at every turn",
            lambda w, n=n: loudly(
                lambda: with_state(n, w.table, RowSparse(np.array([1]), np.full((1, 4), INF), 6), lr=0.5, missing_rows="lazy")
            )[[0, 2, 3, 4, 5]],
            lambda w: w.table[[0, 2, 3, 4, 5]],
            writes=("table",),
        )
        for n in OPTIMIZERS
    ),
    *(
        answered(
            "NaN",
            f"{n}: a huge gradient, where NumPy raises at every turn",
            lambda w, n=n: np.isnan(loudly(lambda: with_state(n, w.table, w.huge, lr=1e-3))).any(),
            lambda w: np.False_,
            writes=("table",),
        )
        for n in OPTIMIZERS
    ),
    answered(
        "NaN",
        "sgd_: a table of NaN",
        lambda w: stepped(w.nan_rows, w.dense, lr=0.5),
        lambda w: w.nan_rows - 0.5 * w.dense,
        writes=("nan_rows",),
        within=1e-15,
    ),
    *(
        refused(kind, f"post_step_: {n}", lambda w, f=f: constrained(w.table, f), error, says)
        for kind, n, f, error, says in (
            (
                "shape",
                "a constrainer that drops a row",
                lambda x: x[:5],
                ValueError,
                r"post_step_: constrainer\(table\) has shape \(5, 4\)",
            ),
            (
                "dtype",
                "a constrainer that returns single",
                lambda x: x.astype(np.float32),
                TypeError,
                r"post_step_: constrainer\(table\) has dtype float32",
            ),
            (
                "dtype",
                "a constrainer that returns a list",
                lambda x: x.tolist(),
                TypeError,
                r"post_step_: constrainer\(table\) is a list",
            ),
            ("dtype", "a constrainer by name", "normalize", TypeError, "post_step_: constrainer is a str"),
            ("dtype", "a constrainer that breaks half-way", breaks, ValueError, "mine: table is bad"),
        )
    ),
    answered(
        "overlap",
        "post_step_: a constrainer that writes",
        lambda w: constrained(w.table, in_place),
        lambda w: w.table * 0.5,
        writes=("table",),
    ),
    answered(
        "overlap",
        "post_step_: a constrainer that returns a view",
        lambda w: constrained(w.table, lambda x: x[::-1]),
        lambda w: w.table[::-1].copy(),
        writes=("table",),
    ),
    answered(
        "overlap",
        "post_step_: a constrainer that returns the table itself",
        lambda w: constrained(w.table, lambda x: w.table),
        lambda w: w.table,
    ),
    answered(
        "strides",
        "post_step_: a table that is misaligned",
        lambda w: constrained(w.misaligned, in_place),
        lambda w: w.misaligned * 0.5,
        writes=("misaligned",),
    ),
    refused(
        "ids",
        "post_step_rows_: a row too far",
        lambda w: post_step_rows_(w.table, [0, 6], normalize, leaves_other_rows=True),
        IndexError,
        r"post_step_rows_: rows\[1\] = 6",
    ),
    refused(
        "options",
        "post_step_rows_: others that move",
        lambda w: post_step_rows_(w.table, [0], normalize, leaves_other_rows=False),
        ValueError,
        "post_step_rows_: leaves_other_rows = False",
    ),
    refused(
        "options",
        "post_step_rows_: a constrainer of all rows together",
        lambda w: post_step_rows_(w.table, [0], lambda x: x - x.mean(axis=0), leaves_other_rows=True),
        ValueError,
        "post_step_rows_: constrainer moves rows",
    ),
    refused(
        "read-only",
        "post_step_rows_: a table that is read-only",
        lambda w: post_step_rows_(w.read_only, [0], normalize, leaves_other_rows=True),
        ValueError,
        "post_step_rows_: table is read-only",
    ),
    answered(
        "overlap",
        "post_step_rows_: rows in the memory of the table",
        lambda w: (post_step_rows_(w.shared, w.ids_within, lambda x: np.minimum(x, -1.0), leaves_other_rows=True), w.shared)[1][
            [0, 1, 3, 5]
        ],
        lambda w: np.full((4, 4), -1.0),
        writes=("shared", "ids_within"),
    ),
    answered(
        "read-only", "is_constrained: a table that is read-only", lambda w: is_constrained(w.read_only, in_place), lambda w: False
    ),
    refused(
        "ids",
        "renorm_: an id too far, among long rows",
        lambda w: renorm_(w.table, [0, 1, 6], max_norm=0.1),
        IndexError,
        r"renorm_: ids\[2\] = 6",
    ),
    refused(
        "ids",
        "renorm_: an id below zero, among long rows",
        lambda w: renorm_(w.table, [0, -1], max_norm=0.1),
        IndexError,
        r"renorm_: ids\[1\] = -1",
    ),
    answered(
        "overlap",
        "renorm_: ids in the memory of the table",
        lambda w: (renorm_(w.shared, w.ids_within, max_norm=0.0), w.shared)[1],
        lambda w: w.shared * 0,
        writes=("shared", "ids_within"),
    ),
    refused(
        "options", "renorm_: max_norm NaN", lambda w: renorm_(w.table, [0], max_norm=NAN), ValueError, "renorm_: max_norm = nan"
    ),
    answered(
        "NaN",
        "renorm_: rows with NaN stay, others are shortened",
        lambda w: (renorm_(w.nan_rows, [0, 1, 1, 2], max_norm=0.5), w.nan_rows)[1],
        lambda w: np.where(np.isnan(w.nan_rows), NAN, shortened(w.nan_rows, [0, 2], 0.5)),
        within=1e-14,
        writes=("nan_rows",),
    ),
    refused(
        "state",
        "project_state_: a state of no momentum",
        lambda w: project_state_(w.table, adagrad_state(w.table)),
        ValueError,
        "project_state_: state is step, sum",
    ),
    refused(
        "state",
        "project_state_: a momentum that is the table",
        lambda w: project_state_(w.table, {"momentum_buffer": w.table}),
        ValueError,
        r"project_state_: state\['momentum_buffer'\] shares memory",
    ),
    refused(
        "ids",
        "project_state_: a row below zero",
        lambda w: project_state_(w.table, sgd_state(w.table), rows=[-1]),
        IndexError,
        r"project_state_: rows\[0\] = -1",
    ),
    refused(
        "options",
        "clip_grad_norm: max_norm NaN",
        lambda w: clip_grad_norm([w.dense], NAN),
        ValueError,
        "clip_grad_norm: max_norm = nan",
    ),
    refused(
        "dtype",
        "clip_grad_norm: one gradient, not a list",
        lambda w: clip_grad_norm(w.dense, 1.0),
        TypeError,
        "clip_grad_norm: gradients is a ndarray",
    ),
    refused(
        "dtype",
        "clip_grad_norm: a masked one",
        lambda w: clip_grad_norm([w.dense, w.masked], 1.0),
        TypeError,
        r"clip_grad_norm: gradients\[1\] is a MaskedArray",
    ),
    refused(
        "NaN",
        "clip_grad_norm: an infinite one, which is not wanted",
        lambda w: clip_grad_norm([w.nan_rows[3:4]], 1.0, error_if_nonfinite=True),
        ValueError,
        "clip_grad_norm: the norm of gradients is inf",
    ),
    answered(
        "strides",
        "clip_grad_norm: strided, reversed, broadcast",
        lambda w: clip_grad_norm([w.strided, w.reversed, w.repeated], INF)[1],
        lambda w: float(np.sqrt(sum((np.array(a) ** 2).sum() for a in (w.strided, w.reversed, w.repeated)))),
        within=1e-14,
    ),
    answered(
        "NaN",
        "clip_grad_norm: numbers whose squares overflow",
        lambda w: clip_grad_norm([w.huge[:1] * 0 + 1e200], INF)[1],
        lambda w: 2e200,
        within=1e-14,
    ),
    refused(
        "dtype",
        "clip_grad_value: complex",
        lambda w: clip_grad_value([w.cplx], 1.0),
        TypeError,
        r"clip_grad_value: gradients\[0\] has dtype complex128",
    ),
    answered(
        "NaN",
        "clip_grad_value: NaN stays, infinities are cut",
        lambda w: clip_grad_value([w.nan_rows], 1.0)[0],
        lambda w: np.clip(w.nan_rows, -1, 1),
    ),
]
