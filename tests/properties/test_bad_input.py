"""Bad input to every public function: one line that names function, argument, value and what is allowed; nothing is changed."""

import ast
import importlib
import pathlib
import re
import types

import numpy as np
import pytest
from places import TESTS

import npembed
from npembed import Embedding, EmbeddingBag, Op, RowSparse
from npembed.check import UnknownNameError
from npembed.embedding.constrain import is_constrained, post_step_rows_
from npembed.embedding.initializers import INITIALIZERS, calculate_gain, initializer, weisfeiler_lehman_colors
from npembed.embedding.lookup import dropout_mask, lookup, lookup_vjp, penalty, penalty_vjp, post_step_, transform, transform_vjp
from npembed.embedding.optimizers import sgd_
from npembed.embedding.row_maps import (
    NORMALIZERS,
    clamp,
    clamp_norm,
    clamp_norm_vjp,
    clamp_vjp,
    complex_normalize,
    complex_normalize_vjp,
    norm,
    norm_vjp,
    normalize,
    normalize_vjp,
    quaternion_normalize,
    quaternion_normalize_vjp,
    softmax,
    softmax_vjp,
)
from npembed.embedding.rows import gather, gather_vjp, segment_add_
from npembed.kge import lcwa_loss_and_gradients, loss_and_gradients, score, score_vjp
from npembed.kge.datasets import Nations, TriplesFactory
from npembed.kge.interactions import INTERACTIONS, distmult, distmult_vjp, transe, transe_vjp
from npembed.kge.losses import LCWA_LOSSES, LOSSES, margin_ranking, margin_ranking_vjp
from npembed.kge.models import ERModel, complex_bilinear, rotate
from npembed.kge.models import distmult as distmult_preset
from npembed.kge.models import transe as transe_preset
from npembed.kge.samplers import basic
from npembed.kge.training import fit
from npembed.layers import double_backward, from_state
from npembed.numerics.random import NumpyGenerator, TorchGenerator, generator
from npembed.show import norm as show_norm
from npembed.show import sweep
from npembed.verify.gradcheck import check_layer, check_vjp, judge, padding, scaled_by_frequency, without

NAN, INF = float("nan"), float("inf")
TABLE = np.arange(6.0).reshape(3, 2)  # 3 rows
ROWS = np.arange(1.0, 9).reshape(4, 2)
SINGLE = TABLE.astype(np.float32)
COMPLEX = TABLE + 1j
WHOLE = np.arange(6).reshape(3, 2)
IDS = np.array([0, 2, 1, 0])
READ_ONLY = TABLE.copy()
READ_ONLY.flags.writeable = False
STRIDED = np.zeros((3, 4))[:, ::2]
GRADIENT = RowSparse(np.array([0, 2]), np.ones((2, 2)), 3)
RELATIONS = np.ones((2, 2))
TRIPLES = np.array([[0, 0, 1], [2, 1, 0]])
NEGATIVES = TRIPLES[:, None] + [0, 0, 0]
TRANSE, LOSS, NORMALIZE = INTERACTIONS["transe"], LOSSES["margin_ranking"], NORMALIZERS["normalize"]
LCWA_LOSS = LCWA_LOSSES["margin_ranking"]
NATIONS = Nations().training
MODEL = ERModel(
    triples_factory=Nations().training,
    interaction="transe",
    entity_representations_kwargs={"embedding_dim": 3},
    relation_representations_kwargs={"embedding_dim": 3},
    random_seed=0,
)
LAYER = Embedding(3, 2, rng=0)
FROZEN = Embedding.from_pretrained(TABLE)
BAG = EmbeddingBag(3, 2, max_norm=0.5, rng=0)


def hands_on(g, x):
    return g


SHORTENS = Embedding(3, 2, max_norm=0.5, normalizer=(np.asarray, hands_on), rng=0)
ROWS_OF_3 = {"embedding_dim": 3}


def model(**change):
    rows = {"entity_representations_kwargs": ROWS_OF_3, "relation_representations_kwargs": ROWS_OF_3}
    return ERModel(**{"triples_factory": Nations().training, "interaction": "transe", **rows, **change})


def set_weight(layer, value):
    layer.weight = value


IDS_ALLOWED = "allowed: int8 to int64 and uint8 to uint32"
DTYPES = "float32, float64, complex64, complex128 or float16"

CASES = [
    # rows
    (lambda: gather(TABLE, [0, 3]), IndexError, r"gather: ids\[1\] = 3 is outside a table of 3 rows; valid ids are 0..2"),
    (
        lambda: gather(TABLE, [[0], [-1]]),
        IndexError,
        r"gather: ids\[1, 0\] = -1 is outside a table of 3 rows; valid ids are 0..2",
    ),
    (lambda: gather(TABLE[:0], [0]), IndexError, r"gather: ids\[0\] = 0 is outside a table of 0 rows; it has no valid id"),
    (lambda: gather(TABLE, [True]), TypeError, rf"gather: ids\[0\] = True has dtype bool; {IDS_ALLOWED}"),
    (lambda: gather(TABLE, [1.0]), TypeError, rf"gather: ids\[0\] = 1.0 has dtype float64; {IDS_ALLOWED}"),
    (lambda: gather(TABLE, np.array([1], np.uint64)), TypeError, rf"gather: ids\[0\] = 1 has dtype uint64; {IDS_ALLOWED}"),
    (lambda: gather(TABLE, [2**70]), TypeError, rf"gather: ids\[0\] = \d+ has dtype object; {IDS_ALLOWED}"),
    (lambda: gather(TABLE, "0"), TypeError, rf"gather: ids = '0' has dtype <U1; {IDS_ALLOWED}"),
    (lambda: gather(TABLE, None), TypeError, rf"gather: ids = None has dtype object; {IDS_ALLOWED}"),
    (
        lambda: gather(TABLE, [[0], [1, 2]]),
        ValueError,
        r"gather: ids = \[\[0\], \[1, 2\]\] is ragged; allowed: an array of integers",
    ),
    (lambda: gather(WHOLE, [0]), TypeError, f"gather: table.dtype = int64 is not supported; allowed: {DTYPES}"),
    (lambda: gather([[1.0]], [0]), TypeError, f"gather: table is a list; allowed: a NumPy array of {DTYPES}"),
    (lambda: gather(np.array(1.0), [0]), ValueError, r"gather: table has shape \(\); allowed: 1 or more axes"),
    (
        lambda: gather(TABLE, [0], backend="gpu"),
        ValueError,
        "gather: backend = 'gpu' is not a choice; allowed: 'cpu', 'cuda' or 'python'",
    ),
    (
        lambda: gather_vjp(ROWS, TABLE, [0]),
        ValueError,
        r"gather_vjp: g has shape \(4, 2\); allowed: \(1, 2\), the shape of the rows",
    ),
    (
        lambda: gather_vjp(SINGLE[:1], TABLE, [0]),
        TypeError,
        "gather_vjp: g has dtype float32; allowed: float64, the dtype of the rows",
    ),
    (
        lambda: gather_vjp(ROWS[:1], TABLE, [3]),
        IndexError,
        r"gather_vjp: ids\[0\] = 3 is outside a table of 3 rows; valid ids are 0..2",
    ),
    (lambda: gather_vjp([[1.0, 2.0]], TABLE, [0]), TypeError, "gather_vjp: g is a list; allowed: a NumPy array"),
    (
        lambda: gather_vjp(ROWS[:1], TABLE, [0], summation="kahan"),
        ValueError,
        "gather_vjp: summation = 'kahan' is not a choice; allowed: 'batch_order', 'float64' or 'exact'",
    ),
    (
        lambda: lookup_vjp(ROWS[:1], TABLE, [0], summation=np.float64),
        ValueError,
        "gather_vjp: summation = <class 'numpy.float64'> is not a choice; allowed: 'batch_order', 'float64' or 'exact'",
    ),
    (
        lambda: segment_add_(TABLE, [0], ROWS[:1], summation=None),
        ValueError,
        "segment_add_: summation = None is not a choice; allowed: 'batch_order', 'float64' or 'exact'",
    ),
    (
        lambda: Embedding(3, 2, summation="Exact"),
        ValueError,
        "Embedding: summation = 'Exact' is not a choice; allowed: 'batch_order', 'float64' or 'exact'",
    ),
    (
        lambda: segment_add_(TABLE, [0, 3], ROWS[:2]),
        IndexError,
        r"segment_add_: ids\[1\] = 3 is outside a table of 3 rows; valid ids are",
    ),
    (
        lambda: segment_add_(TABLE, [0, -1], ROWS[:2]),
        IndexError,
        r"segment_add_: ids\[1\] = -1 is outside a table of 3 rows; valid ids",
    ),
    (lambda: segment_add_(TABLE, [0], ROWS), ValueError, r"segment_add_: values has shape \(4, 2\); allowed: \(1, 2\)"),
    (lambda: segment_add_(TABLE, [0], SINGLE[:1]), TypeError, "segment_add_: values has dtype float32; allowed: float64"),
    (lambda: segment_add_(READ_ONLY, [0], ROWS[:1]), ValueError, "segment_add_: out is read-only; allowed: a writable array"),
    (
        lambda: segment_add_(STRIDED, [0], ROWS[:1]),
        ValueError,
        r"segment_add_: out has strides .*; allowed: a C-contiguous array",
    ),
    (
        lambda: segment_add_(TABLE, [0], TABLE[1:2]),
        ValueError,
        "segment_add_: out shares memory with values; allowed: arrays that do not",
    ),
    (
        lambda: segment_add_(WHOLE, [0], WHOLE[:1]),
        TypeError,
        "segment_add_: out.dtype = int64 is not supported; allowed: float32",
    ),
    (
        lambda: RowSparse(np.array([0, 3]), ROWS[:2], 3),
        IndexError,
        r"RowSparse: rows\[1\] = 3 is outside a table of 3 rows; valid ids",
    ),
    (
        lambda: RowSparse(np.array([1, 1]), ROWS[:2], 3),
        ValueError,
        r"RowSparse: rows\[1\] = 1 follows 1; allowed: strictly increasing",
    ),
    (
        lambda: RowSparse(np.array([2, 0]), ROWS[:2], 3),
        ValueError,
        r"RowSparse: rows\[1\] = 0 follows 2; allowed: strictly increasing",
    ),
    (
        lambda: RowSparse(np.array([0]), ROWS, 3),
        ValueError,
        r"RowSparse: rows has shape \(1,\) and values \(4, 2\); allowed: one row",
    ),
    (
        lambda: RowSparse(np.array([0]), ROWS[:1], -1),
        ValueError,
        "RowSparse: num_rows = -1 is out of range; allowed: a whole number >= 0",
    ),
    (
        lambda: RowSparse(np.array([0]), WHOLE[:1], 3),
        TypeError,
        "RowSparse: values.dtype = int64 is not supported; allowed: float32",
    ),
    (
        lambda: GRADIENT + RowSparse(IDS[:1], ROWS[:1], 4),
        ValueError,
        r"RowSparse: float64 \(3, 2\) \+ float64 \(4, 2\) is not defined; allowed",
    ),
    (lambda: 1j * GRADIENT, TypeError, r"RowSparse: 1j \* float64 is not defined; allowed: a real number for real values"),
    (
        lambda: RowSparse(IDS[:1], np.ones((1, 2, 2)), 3).to_scipy(),
        ValueError,
        r"RowSparse.to_scipy: shape is \(3, 2, 2\); allowed: two axes",
    ),
    # row maps
    (lambda: normalize(WHOLE), TypeError, f"normalize: x.dtype = int64 is not supported; allowed: {DTYPES}"),
    (lambda: normalize([1.0]), TypeError, "normalize: x is a list; allowed: a NumPy array"),
    (lambda: normalize(TABLE, p=0.5), ValueError, "normalize: p = 0.5 is out of range; allowed: a number >= 1"),
    (lambda: normalize(TABLE, p=NAN), ValueError, "normalize: p = nan is out of range; allowed: a number >= 1"),
    (lambda: normalize(TABLE, p="two"), TypeError, "normalize: p = 'two' is of type str; allowed: a number >= 1"),
    (lambda: normalize(TABLE, dim=2), ValueError, r"normalize: dim = 2 is no axis of an array with 2 axes; allowed: -2..1"),
    (lambda: normalize(TABLE, axis=2), ValueError, r"normalize: axis = 2 is no axis of an array with 2 axes; allowed: -2..1"),
    (
        lambda: normalize(TABLE, dim=(0, -2)),
        ValueError,
        r"normalize: dim = \(0, -2\) names an axis twice; allowed: each axis once",
    ),
    (lambda: normalize(TABLE, dim=1.0), TypeError, "normalize: dim = 1.0 is of type float; allowed: a whole number"),
    (lambda: normalize(np.array(1.0)), ValueError, "normalize: dim = -1 is no axis of an array with 0 axes; allowed: none"),
    (lambda: normalize(TABLE, eps=-1), ValueError, "normalize: eps = -1 is out of range; allowed: a finite number >= 0"),
    (lambda: normalize(TABLE, eps=NAN), ValueError, "normalize: eps = nan is out of range; allowed: a finite number >= 0"),
    (
        lambda: normalize(TABLE, zero_row="keep"),
        ValueError,
        "normalize: zero_row = 'keep' is not a choice; allowed: 'divide' or 'stop'",
    ),
    (lambda: normalize(TABLE, ties="last"), ValueError, "normalize: ties = 'last' is not a choice; allowed: 'split' or 'first'"),
    (
        lambda: normalize(TABLE, slope_at_zero=2),
        ValueError,
        "normalize: slope_at_zero = 2 is out of range; allowed: a finite number >= -1",
    ),
    (lambda: normalize_vjp(ROWS, TABLE), ValueError, r"normalize_vjp: g has shape \(4, 2\); allowed: \(3, 2\), the shape of x"),
    (lambda: normalize_vjp(SINGLE, TABLE), TypeError, "normalize_vjp: g has dtype float32; allowed: float64, the dtype of x"),
    (lambda: normalize_vjp(TABLE, TABLE, p=0), ValueError, "normalize_vjp: p = 0 is out of range; allowed: a number >= 1"),
    (
        lambda: complex_normalize(np.ones((2, 3))),
        ValueError,
        r"complex_normalize: x has shape \(2, 3\) of reals; allowed: complex entries",
    ),
    (lambda: complex_normalize_vjp(TABLE, COMPLEX), TypeError, "complex_normalize_vjp: g has dtype float64; allowed: complex128"),
    (
        lambda: quaternion_normalize(TABLE),
        ValueError,
        r"quaternion_normalize: x has shape \(3, 2\) of reals; allowed: quaternions: a last axis that is a multiple of 4",
    ),
    (
        lambda: quaternion_normalize_vjp(TABLE, np.ones((3, 4))),
        ValueError,
        r"quaternion_normalize_vjp: g has shape \(3, 2\); allowed: \(3, 4\), the shape of x",
    ),
    (lambda: clamp(TABLE), ValueError, "clamp: min and max are both missing; allowed: at least one bound"),
    (lambda: clamp(TABLE, min=2, max=1), ValueError, "clamp: min = 2 exceeds max = 1; allowed: min <= max"),
    (lambda: clamp(TABLE, min=NAN), ValueError, "clamp: min = nan is out of range; allowed: a number"),
    (lambda: clamp(TABLE, max="1"), TypeError, "clamp: max = '1' is of type str; allowed: a number"),
    (lambda: clamp(COMPLEX, min=0), TypeError, "clamp: x has dtype complex128; allowed: real rows"),
    (
        lambda: clamp(TABLE, min=0, edge="open"),
        ValueError,
        "clamp: edge = 'open' is not a choice; allowed: 'pass', 'stop' or 'half'",
    ),
    (lambda: clamp_vjp(ROWS, TABLE, min=0), ValueError, r"clamp_vjp: g has shape \(4, 2\); allowed: \(3, 2\), the shape of x"),
    (
        lambda: clamp_norm(TABLE, maxnorm=-1),
        ValueError,
        "clamp_norm: maxnorm = -1 is out of range; allowed: a finite number >= 0",
    ),
    (
        lambda: clamp_norm(TABLE, maxnorm=NAN),
        ValueError,
        "clamp_norm: maxnorm = nan is out of range; allowed: a finite number >= 0",
    ),
    (lambda: clamp_norm(TABLE, maxnorm=1, p=0), ValueError, "clamp_norm: p = 0 is out of range; allowed: a number >= 1"),
    (lambda: clamp_norm_vjp(ROWS, TABLE, maxnorm=1), ValueError, r"clamp_norm_vjp: g has shape \(4, 2\); allowed: \(3, 2\)"),
    (
        lambda: clamp_norm_vjp(TABLE, TABLE, maxnorm=1, edge="x"),
        ValueError,
        "clamp_norm_vjp: edge = 'x' is not a choice; allowed: 'project'",
    ),
    (lambda: softmax(COMPLEX), TypeError, "softmax: x has dtype complex128; allowed: real rows"),
    (lambda: softmax(TABLE, dim=5), ValueError, "softmax: dim = 5 is no axis of an array with 2 axes; allowed: -2..1"),
    (lambda: softmax_vjp(SINGLE, TABLE), TypeError, "softmax_vjp: g has dtype float32; allowed: float64, the dtype of x"),
    (lambda: norm(TABLE, p=0.9), ValueError, "norm: p = 0.9 is out of range; allowed: a number >= 1"),
    (lambda: norm_vjp(ROWS, TABLE), ValueError, r"norm_vjp: g has shape \(4, 2\); allowed: \(3,\), the shape of norm\(x\)"),
    # embedding
    (lambda: lookup(TABLE, [3]), IndexError, r"\w+: ids\[0\] = 3 is outside a table of 3 rows; valid ids are 0..2"),
    (
        lambda: lookup(TABLE, IDS, mask=TABLE),
        ValueError,
        r"\w+: mask has shape \(3, 2\); allowed: \(4, 2\), the shape of the rows looked up",
    ),
    (
        lambda: lookup(TABLE, IDS[:3], mask=SINGLE),
        TypeError,
        r"\w+: mask has dtype float32; allowed: float64, the dtype of the rows",
    ),
    (
        lambda: lookup(COMPLEX, IDS[:3], mask=COMPLEX),
        TypeError,
        r"\w+: mask has dtype complex128; allowed: float64, the dtype of the rows",
    ),
    (
        lambda: lookup_vjp(TABLE, TABLE, IDS),
        ValueError,
        r"\w+: g has shape \(3, 2\); allowed: \(4, 2\), the shape of the rows looked up",
    ),
    (
        lambda: lookup_vjp(ROWS, TABLE, [0, 1, 2, 3]),
        IndexError,
        r"\w+: ids\[3\] = 3 is outside a table of 3 rows; valid ids are 0..2",
    ),
    (
        lambda: transform(TABLE, mask=ROWS),
        ValueError,
        r"transform: mask has shape \(4, 2\); allowed: \(3, 2\), the shape of the rows",
    ),
    (
        lambda: transform_vjp(ROWS, TABLE),
        ValueError,
        r"transform_vjp: g has shape \(4, 2\); allowed: \(3, 2\), the shape of the rows",
    ),
    (lambda: transform_vjp(TABLE, TABLE, mask=ROWS), ValueError, r"transform_vjp: mask has shape \(4, 2\); allowed: \(3, 2\)"),
    (
        lambda: dropout_mask(0, (2,), rate=1.5),
        ValueError,
        "dropout_mask: rate = 1.5 is out of range; allowed: a finite number >= 0 and <= 1",
    ),
    (
        lambda: dropout_mask(0, (2,), rate=NAN),
        ValueError,
        "dropout_mask: rate = nan is out of range; allowed: a finite number >= 0",
    ),
    (
        lambda: dropout_mask(0, (2,), rate=0.5, dtype=int),
        TypeError,
        "dropout_mask: dtype = int64 is not supported; allowed: float32",
    ),
    (lambda: dropout_mask("0", (2,), rate=0.5), TypeError, "generator: rng = '0' is of type str; allowed: an int"),
    (lambda: dropout_mask(0, (2.5,), rate=0.5), TypeError, r"\w+: shape.* = 2.5 is of type float; allowed: a whole number >= 0"),
    (lambda: post_step_(WHOLE), TypeError, "post_step_: table.dtype = int64 is not supported; allowed: float32"),
    (lambda: post_step_(READ_ONLY, normalize), ValueError, "post_step_: table is read-only; allowed: a writable array"),
    (
        lambda: post_step_(TABLE, lambda x: x[:2]),
        ValueError,
        r"post_step_: constrainer\(table\) has shape \(2, 2\); allowed: \(3, 2\)",
    ),
    (
        lambda: post_step_(TABLE, lambda x: SINGLE),
        TypeError,
        r"post_step_: constrainer\(table\) has dtype float32; allowed: float64",
    ),
    (lambda: is_constrained(WHOLE, None), TypeError, "is_constrained: table.dtype = int64 is not supported; allowed: float32"),
    (
        lambda: is_constrained(READ_ONLY, 3),
        TypeError,
        "post_step_: constrainer is a int; allowed: a function of a table, or None",
    ),
    (
        lambda: post_step_rows_(READ_ONLY, [0], normalize, leaves_other_rows=True),
        ValueError,
        "post_step_rows_: table is read-only; allowed: a writable array",
    ),
    (
        lambda: post_step_rows_(TABLE, [0, 3], normalize, leaves_other_rows=True),
        IndexError,
        r"post_step_rows_: rows\[1\] = 3 is outside a table of 3 rows; valid ids are 0..2",
    ),
    (
        lambda: post_step_rows_(TABLE, [0], normalize, leaves_other_rows=1),
        ValueError,
        "post_step_rows_: leaves_other_rows = 1 is not a choice; allowed: True or False",
    ),
    (
        lambda: post_step_rows_(TABLE, [0], normalize, leaves_other_rows=False),
        ValueError,
        "post_step_rows_: leaves_other_rows = False; allowed: True, else post_step_ on the whole table",
    ),
    (
        lambda: post_step_rows_(TABLE, [1], lambda x: x + 1, leaves_other_rows=True),
        ValueError,
        "post_step_rows_: constrainer moves rows that it has constrained, or looks at other rows; allowed: an idempotent function",
    ),
    (lambda: post_step_(TABLE, lambda x: 3), TypeError, r"post_step_: constrainer\(table\) is a int; allowed: a NumPy array"),
    # the layer
    (lambda: Embedding(3), ValueError, "Embedding: embedding_dim and shape are both missing; allowed: one of them"),
    (
        lambda: Embedding(3, 2, dropout=2),
        ValueError,
        "Embedding: dropout = 2 is out of range; allowed: a finite number >= 0 and <= 1",
    ),
    (
        lambda: Embedding(3, 2, initializer="norm"),
        KeyError,
        r"Embedding: initializer = 'norm' is unknown.*; known are normal, uniform",
    ),
    (lambda: Embedding(3, 2, initializer=TABLE.T), ValueError, r"pretrained: tensor has shape \(2, 3\); allowed: \(3, 2\)"),
    (lambda: Embedding(3, 2, rng=True), TypeError, "generator: rng = True is of type bool; allowed: an int"),
    (
        lambda: Embedding(3, 2, rng=2**64),
        ValueError,
        r"TorchGenerator: seed = \d+ is out of range; allowed: a whole number >= -\d+ and <= \d+",
    ),
    (lambda: LAYER([0, 5]), IndexError, r"Embedding: indices\[1\] = 5 is outside a table of 3 rows; valid ids are 0..2"),
    (lambda: LAYER([0.5]), TypeError, rf"Embedding: indices\[0\] = 0.5 has dtype float64; {IDS_ALLOWED}"),
    (lambda: LAYER.vjp([-1]), IndexError, r"Embedding: indices\[0\] = -1 is outside a table of 3 rows; valid ids are 0..2"),
    (
        lambda: LAYER.vjp([0])[1](TABLE[:1]),
        TypeError,
        "Embedding: grad_output has dtype float64; allowed: float32, the dtype of the output",
    ),
    (
        lambda: LAYER.vjp([0])[1](SINGLE),
        ValueError,
        r"Embedding: grad_output has shape \(3, 2\); allowed: \(1, 2\), the shape of the output",
    ),
    (lambda: LAYER.backward(SINGLE), RuntimeError, r"Embedding.backward: no forward in training mode; allowed: one forward"),
    (lambda: LAYER.train("yes"), ValueError, "Embedding.train: mode = 'yes' is not a choice; allowed: True or False"),
    (
        lambda: set_weight(LAYER, TABLE),
        TypeError,
        "Embedding: weight has dtype float64; allowed: float32, the dtype of the table",
    ),
    (
        lambda: set_weight(LAYER, SINGLE[:2]),
        ValueError,
        r"Embedding: weight has shape \(2, 2\); allowed: \(3, 2\), the shape of the table",
    ),
    (lambda: set_weight(FROZEN, ROWS[:3]), ValueError, "Embedding: weight is frozen; allowed: a change after trainable = True"),
    (lambda: sgd_(FROZEN.weight, GRADIENT, lr=0.1), ValueError, "sgd_: table is read-only; allowed: a writable array"),
    (
        lambda: Embedding.from_pretrained(WHOLE),
        TypeError,
        "from_pretrained: array.dtype = int64 is not supported; allowed: float32",
    ),
    # initializers
    (
        lambda: initializer("norm"),
        KeyError,
        "initializer: initializer = 'norm' is unknown.*; known are normal, uniform, xavier_uniform",
    ),
    (lambda: initializer(3), TypeError, "initializer: initializer is a int; allowed: a name, an array or a callable"),
    (lambda: initializer("normal", {"sd": 1}), KeyError, r"\w+: initializer_kwargs = 'sd' is unknown.*; known are mean, std"),
    (lambda: initializer("constant"), TypeError, r"\w+: val is missing; allowed: initializer_kwargs=dict\(val=...\)"),
    (
        lambda: INITIALIZERS["normal"](0, (2,), std=-1),
        ValueError,
        "normal: std = -1 is out of range; allowed: a finite number >= 0",
    ),
    (
        lambda: INITIALIZERS["normal"](0, (2,), int),
        TypeError,
        "normal: dtype = <class 'int'> is not supported; allowed: float32 or float64",
    ),
    (
        lambda: INITIALIZERS["uniform"](0, (2,), a=1, b=0),
        ValueError,
        "uniform: a = 1 exceeds b = 0; allowed: a <= b",
    ),
    (
        lambda: INITIALIZERS["uniform"](0, (2, -1)),
        ValueError,
        "uniform: shape = -1 is out of range; allowed: a whole number >= 0",
    ),
    (
        lambda: INITIALIZERS["xavier_normal"](0, (2, 2), gain=-1),
        ValueError,
        r"xavier\w*: gain = -1 is out of range; allowed: a finite number >= 0",
    ),
    (
        lambda: INITIALIZERS["xavier_normal_norm"](0, (2,)),
        ValueError,
        r"initializer: shape = \(2,\) has no fan-in; allowed: rows of one axis",
    ),
    (
        lambda: INITIALIZERS["init_phases"](0, (2, 3)),
        ValueError,
        r"init_phases: shape = \(2, 3\) holds no pairs; allowed: complex rows",
    ),
    (lambda: INITIALIZERS["constant"](0, (2,), val="1"), TypeError, "constant: val = '1' is of type str; allowed: a number"),
    (
        lambda: INITIALIZERS["pretrained"](0, (2,), tensor=TABLE),
        ValueError,
        r"pretrained: tensor has shape \(3, 2\); allowed: \(2,\)",
    ),
    (
        lambda: INITIALIZERS["kaiming_uniform"](0, (3,)),
        ValueError,
        r"kaiming_uniform: shape = \(3,\) has no fan-in; allowed: rows of one axis or more",
    ),
    (
        lambda: INITIALIZERS["kaiming_normal"](0, (3, 2), mode="fan_avg"),
        ValueError,
        "kaiming_normal: mode = 'fan_avg' is not a choice; allowed: 'fan_in' or 'fan_out'",
    ),
    (
        lambda: INITIALIZERS["kaiming_normal"](0, (3, 2), mode=1),
        ValueError,
        "kaiming_normal: mode = 1 is not a choice; allowed: 'fan_in' or 'fan_out'",
    ),
    (
        lambda: INITIALIZERS["kaiming_normal"](0, (3, 2), nonlinearity="gelu"),
        ValueError,
        "calculate_gain: nonlinearity = 'gelu' is not a choice; allowed: 'linear', .* or 'leaky_relu'",
    ),
    (
        lambda: calculate_gain("leaky_relu", True),
        TypeError,
        "calculate_gain: param = True is of type bool; allowed: a finite number",
    ),
    (
        lambda: INITIALIZERS["trunc_normal"](0, (3, 2), std=0),
        ValueError,
        "trunc_normal: std = 0 is out of range; allowed: a finite number > 0",
    ),
    (
        lambda: INITIALIZERS["trunc_normal"](0, (3, 2), mean=NAN),
        ValueError,
        "trunc_normal: mean = nan is out of range; allowed: a finite number",
    ),
    (
        lambda: INITIALIZERS["trunc_normal"](0, (3, 2), a=NAN),
        ValueError,
        "trunc_normal: a = nan is out of range; allowed: a number",
    ),
    (
        lambda: INITIALIZERS["trunc_normal"](0, (3, 2), a=1, b=0.5),
        ValueError,
        "trunc_normal: a = 1 exceeds b = 0.5; allowed: a <= b",
    ),
    (
        lambda: INITIALIZERS["trunc_normal"](0, (3, 2), a=2, b=INF),
        ValueError,
        r"trunc_normal: a = 2 and b = inf lie in the tail of N\(0, 1\^2\); allowed: finite bounds where they hold no more than 0.3",
    ),
    (
        lambda: INITIALIZERS["trunc_normal"](0, (3, 2), a=2, b=1e6),
        ValueError,
        "trunc_normal: a = 2 and b = 1e.06 are so wide that not one draw in 100000 is kept for mean = 0, std = 1; allowed: bounds",
    ),
    (
        lambda: INITIALIZERS["trunc_normal"](0, (3, 2), a=1e60, b=1e60),
        ValueError,
        "trunc_normal: a = 1e.60 is out of range; allowed: up to",
    ),
    (
        lambda: INITIALIZERS["trunc_normal"](0, (3, 2), mean=1e60, std=1e60, a=0, b=1),
        ValueError,
        r"trunc_normal: \w+ = 1e.60 is out of range; allowed: up to",
    ),
    (
        lambda: INITIALIZERS["trunc_normal"](0, (3,), int),
        TypeError,
        "trunc_normal: dtype = <class 'int'> is not supported; allowed: ",
    ),
    (
        lambda: INITIALIZERS["orthogonal"](0, (3,)),
        ValueError,
        r"orthogonal: shape = \(3,\) holds single numbers; allowed: rows of one axis or more",
    ),
    (
        lambda: INITIALIZERS["orthogonal"](0, (3, 2), gain=1e60),
        ValueError,
        "orthogonal: gain = 1e.60 is out of range; allowed: up to",
    ),
    (
        lambda: INITIALIZERS["orthogonal"](0, (3, 2), gain=NAN),
        ValueError,
        "orthogonal: gain = nan is out of range; allowed: a finite",
    ),
    (
        lambda: INITIALIZERS["orthogonal"](0, (3, 2), int),
        TypeError,
        "orthogonal: dtype = <class 'int'> is not supported; allowed: ",
    ),
    (
        lambda: initializer("sparse"),
        TypeError,
        r"initializer: sparsity is missing; allowed: initializer_kwargs=dict\(sparsity=...\)",
    ),
    (
        lambda: INITIALIZERS["sparse"](0, (3, 2), sparsity=1.5),
        ValueError,
        "sparse: sparsity = 1.5 is out of range; allowed: a finite number >= 0 and <= 1",
    ),
    (
        lambda: INITIALIZERS["sparse"](LAYER.rng, (3, 2), sparsity=0.5, std=-1),
        ValueError,
        "normal: std = -1 is out of range; allowed: a finite number >= 0",
    ),
    (
        lambda: initializer("sparse", {"sparsity": 0.5})(0, (3, 2), np.complex64),
        ValueError,
        r"sparse: shape = \(3, 2, 2\) has 3 axes; allowed: two, real rows of one axis",
    ),
    (lambda: INITIALIZERS["eye"](0, (3,)), ValueError, r"eye: shape = \(3,\) has 1 axes; allowed: two, real rows of one axis"),
    (lambda: INITIALIZERS["dirac"](0, (3, 2)), ValueError, r"dirac: shape = \(3, 2\) has 2 axes; allowed: 3 to 5"),
    (
        lambda: INITIALIZERS["dirac"](0, (3, 2, 2), groups=2),
        ValueError,
        "dirac: groups = 2 does not divide 3 rows; allowed: a divisor",
    ),
    (
        lambda: INITIALIZERS["dirac"](0, (3, 2, 2), groups=0),
        ValueError,
        "dirac: groups = 0 is out of range; allowed: a whole number >= 1",
    ),
    (
        lambda: INITIALIZERS["init_quaternions"](0, (3, 5)),
        ValueError,
        r"init_quaternions: shape = \(3, 5\) holds no quaternions; allowed: rows of reals with a last axis of 4",
    ),
    (
        lambda: initializer("init_quaternions")(0, (3, 4), np.complex64),
        ValueError,
        r"init_quaternions: shape = \(3, 4, 2\) holds no quaternions; allowed: rows of reals with a last axis of 4",
    ),
    (
        lambda: INITIALIZERS["init_quaternions"](0, (3, 4), compat="torch"),
        ValueError,
        "init_quaternions: compat = 'torch' is not a choice; allowed: None or 'pykeen'",
    ),
    (
        lambda: INITIALIZERS["uniform_norm_p1"](0, (3,)),
        ValueError,
        "normalize: dim = 1 is no axis of an array with 1 axes; allowed: -1..0",
    ),
    (
        lambda: INITIALIZERS["weisfeiler_lehman"](0, (3, 2)),
        ValueError,
        "weisfeiler_lehman: the graph is missing; allowed: one of triples_factory, mapped_triples, edge_index",
    ),
    (
        lambda: INITIALIZERS["weisfeiler_lehman"](0, (3, 2), mapped_triples=TRIPLES, edge_index=[[0], [1]]),
        ValueError,
        "weisfeiler_lehman: mapped_triples and edge_index are given; allowed: one of ",
    ),
    (
        lambda: INITIALIZERS["weisfeiler_lehman"](LAYER.rng, (3, 2), mapped_triples=TRIPLES, color_initializer="norm"),
        KeyError,
        "weisfeiler_lehman: color_initializer = 'norm' is unknown.*; known are normal",
    ),
    (
        lambda: INITIALIZERS["weisfeiler_lehman"](LAYER.rng, (3, 2), mapped_triples=TRIPLES, color_initializer_kwargs={"sd": 1}),
        KeyError,
        "weisfeiler_lehman: color_initializer_kwargs = 'sd' is unknown.*; known are mean, std",
    ),
    (
        lambda: INITIALIZERS["weisfeiler_lehman"](0, (3, 2), mapped_triples=TRIPLES, max_iter=0),
        ValueError,
        "weisfeiler_lehman_colors: max_iter = 0 is out of range; allowed: a whole number >= 1",
    ),
    (
        lambda: weisfeiler_lehman_colors([[0, 1]], 3),
        ValueError,
        r"weisfeiler_lehman_colors: edge_index has shape \(1, 2\); allowed: \(2, m\), sources above targets",
    ),
    (
        lambda: weisfeiler_lehman_colors([[0], [3]], 3),
        IndexError,
        r"weisfeiler_lehman_colors: edge_index\[1, 0\] = 3 is outside a table of 3 rows; valid ids are 0..2",
    ),
    (
        lambda: INITIALIZERS["random_walk_positional_encoding"](0, (2, 3), mapped_triples=TRIPLES),
        IndexError,
        r"random_walk_positional_encoding: mapped_triples\[1, 0\] = 2 is outside the 2 entities; valid ids are 0..1",
    ),
    (
        lambda: INITIALIZERS["random_walk_positional_encoding"](0, (3, 2, 2), mapped_triples=TRIPLES),
        ValueError,
        r"random_walk_positional_encoding: shape = \(3, 2, 2\) has 3 axes; allowed: two, real rows of one axis",
    ),
    (
        lambda: INITIALIZERS["random_walk_positional_encoding"](0, (3, 2), triples_factory=TRIPLES),
        TypeError,
        "random_walk_positional_encoding: triples_factory is a ndarray; allowed: a thing with mapped_triples",
    ),
    (
        lambda: INITIALIZERS["random_walk_positional_encoding"](0, (3, 2), mapped_triples=TRIPLES, space_dim=INF),
        ValueError,
        "random_walk_positional_encoding: space_dim = inf is out of range; allowed: a finite number",
    ),
    # interactions and losses
    (
        lambda: transe(TABLE, TABLE, ROWS),
        ValueError,
        r"transe: h \(3, 2\), r \(3, 2\), t \(4, 2\) do not broadcast; allowed: leading axes",
    ),
    (lambda: transe(TABLE, TABLE[:, :1], TABLE), ValueError, "transe: r has rows of 1 numbers; allowed: 2, as h has"),
    (lambda: transe(TABLE, SINGLE, TABLE), TypeError, "transe: r has dtype float32; allowed: float64, the dtype of h"),
    (lambda: transe(WHOLE, WHOLE, WHOLE), TypeError, "transe: h.dtype = int64 is not supported; allowed: float32"),
    (lambda: transe(TABLE, TABLE, TABLE, p=0.5), ValueError, "transe: p = 0.5 is out of range; allowed: a number >= 1"),
    (
        lambda: transe(TABLE, TABLE, TABLE, p=INF, power_norm=True),
        ValueError,
        "transe: p = inf has no power; allowed: a finite p",
    ),
    (
        lambda: transe_vjp(ROWS[:3], TABLE, TABLE, TABLE),
        ValueError,
        r"transe_vjp: g has shape \(3, 2\); allowed: \(3,\), the shape of the score",
    ),
    (
        lambda: transe_vjp(SINGLE[:, 0], TABLE, TABLE, TABLE),
        TypeError,
        "transe_vjp: g has dtype float32; allowed: float64, the dtype of the",
    ),
    (lambda: distmult(COMPLEX, COMPLEX, COMPLEX), TypeError, "distmult: h has dtype complex128; allowed: real rows"),
    (lambda: distmult(TABLE, TABLE, [1.0, 2.0]), TypeError, "distmult: t is a list; allowed: a NumPy array"),
    (lambda: distmult_vjp(TABLE, TABLE, TABLE, TABLE), ValueError, r"distmult_vjp: g has shape \(3, 2\); allowed: \(3,\)"),
    (
        lambda: margin_ranking(TABLE, ROWS),
        ValueError,
        r"margin_ranking: negative has shape \(4, 2\); allowed: one that broadcasts with \(3, 2\)",
    ),
    (
        lambda: margin_ranking(TABLE[:0], TABLE[:0]),
        ValueError,
        r"margin_ranking: negative has shape \(0, 2\); allowed: at least one pair",
    ),
    (
        lambda: margin_ranking(TABLE, SINGLE),
        TypeError,
        "margin_ranking: negative has dtype float32; allowed: real scores of float64",
    ),
    (
        lambda: margin_ranking(TABLE, TABLE, margin=NAN),
        ValueError,
        "margin_ranking: margin = nan is out of range; allowed: a finite number",
    ),
    (
        lambda: margin_ranking_vjp(1.0, TABLE, TABLE, edge="x"),
        ValueError,
        "margin_ranking_vjp: edge = 'x' is not a choice; allowed: 'stop'",
    ),
    # the model
    (
        lambda: score(TABLE, RELATIONS, [3], [0], [0], interaction=TRANSE),
        IndexError,
        r"\w+: ids\[0\] = 3 is outside a table of 3 rows; valid",
    ),
    (
        lambda: score(TABLE, RELATIONS, [0], [2], [0], interaction=TRANSE),
        IndexError,
        r"\w+: ids\[0\] = 2 is outside a table of 2 rows; valid",
    ),
    (
        lambda: score(TABLE, RELATIONS[:, :1], [0], [0], [0], interaction=TRANSE),
        ValueError,
        "transe: r has rows of 1 numbers; allowed: 2",
    ),
    (
        lambda: score_vjp(ROWS[:, 0], TABLE, RELATIONS, [0], [0], [1], interaction=TRANSE),
        ValueError,
        r"transe_vjp: g has shape \(4,\); allowed: \(1,\), the shape of the score",
    ),
    (
        lambda: loss_and_gradients(TABLE, RELATIONS, TRIPLES + 1, NEGATIVES, loss=LOSS, interaction=TRANSE),
        IndexError,
        r"loss_and_gradients: positives\[1, 0\] = 3 is outside the 3 entities; valid ids are 0..2",
    ),
    (
        lambda: loss_and_gradients(TABLE, RELATIONS, TRIPLES, NEGATIVES - 1, loss=LOSS, interaction=TRANSE),
        IndexError,
        r"loss_and_gradients: negatives\[.*\] = -1 is outside the 3 entities; valid ids are 0..2",
    ),
    (lambda: model(triples_factory=3), TypeError, "ERModel: triples_factory is a int; allowed: a TriplesFactory"),
    (lambda: model(interaction="trans"), KeyError, r"ERModel: interaction = 'trans' is unknown.*; known are .*transe"),
    (
        lambda: model(interaction=transe),
        TypeError,
        r"ERModel: interaction is a function; allowed: a name \(.*transe.*\) or an Op",
    ),
    (lambda: model(interaction_kwargs={"q": 1}), KeyError, r"ERModel: interaction_kwargs = 'q' is unknown.*; known are p"),
    (lambda: model(interaction_kwargs={"p": 0.5}), ValueError, "transe: p = 0.5 is out of range; allowed: a number >= 1"),
    (lambda: model(loss="hinge"), KeyError, r"ERModel: loss = 'hinge' is unknown.*; known are .*margin_ranking"),
    (lambda: model(random_seed="0"), TypeError, "generator: rng = '0' is of type str; allowed: an int"),
    (
        lambda: model(entity_representations_kwargs=None),
        TypeError,
        r"ERModel: entity_representations_kwargs is a NoneType; allowed: a dict such as dict\(embedding_dim=50\)",
    ),
    (
        lambda: model(entity_representations_kwargs={"embedding_dim": 3, "max_id": 14}),
        TypeError,
        "ERModel: entity_representations_kwargs holds 'max_id'; allowed: options of Embedding without it",
    ),
    (
        lambda: model(relation_representations_kwargs={"dim": 3}),
        KeyError,
        "ERModel: relation_representations_kwargs = 'dim' is unknown.*; known are",
    ),
    (
        lambda: model(relation_representations_kwargs={}),
        ValueError,
        "Embedding: embedding_dim and shape are both missing; allowed: one",
    ),
    (
        lambda: model(relation_representations_kwargs={"embedding_dim": 4}),
        ValueError,
        r"ERModel: entities float32 \(3,\) and relations float32 \(4,\) do not fit; allowed: rows of one axis, of one length and dtype",
    ),
    (
        lambda: MODEL.score_hrt([[0, 0]]),
        ValueError,
        r"score_hrt: hrt_batch has shape \(1, 2\); allowed: \(n, 3\), the columns head",
    ),
    (
        lambda: MODEL.score_hrt([[0, 0, 14]]),
        IndexError,
        r"score_hrt: hrt_batch\[0, 2\] = 14 is outside the 14 entities; valid ids are 0..13",
    ),
    (
        lambda: MODEL.score_hrt([[0, 55, 1]]),
        IndexError,
        r"score_hrt: hrt_batch\[0, 1\] = 55 is outside the 55 relations; valid ids are 0..54",
    ),
    (lambda: MODEL.score_hrt([[0.0, 1, 2]]), TypeError, rf"score_hrt: hrt_batch\[0, 0\] = 0.0 has dtype float64; {IDS_ALLOWED}"),
    (
        lambda: MODEL.score_t([[0, 0, 0]]),
        ValueError,
        r"score_t: hr_batch has shape \(1, 3\); allowed: \(n, 2\), the columns head, relation",
    ),
    (
        lambda: MODEL.score_t([[0, 0], [0, 55]]),
        IndexError,
        r"score_t: hr_batch\[1, 1\] = 55 is outside the 55 relations; valid ids are 0..54",
    ),
    (
        lambda: MODEL.score_t([[0, 0]], tails=[14]),
        IndexError,
        r"score_t: tails\[0\] = 14 is outside a table of 14 rows; valid ids are 0..13",
    ),
    (
        lambda: MODEL.score_t([[0, 0]], tails=[[1], [2]]),
        ValueError,
        r"score_t: tails has shape \(2, 1\); allowed: \(k,\) for all, or \(1, k\)",
    ),
    (
        lambda: MODEL.score_r([[0, 14]]),
        IndexError,
        r"score_r: ht_batch\[0, 1\] = 14 is outside the 14 entities; valid ids are 0..13",
    ),
    (lambda: MODEL.score_r([[0, 0]], relations=5), ValueError, r"score_r: relations has shape \(\); allowed: \(k,\) for all"),
    (
        lambda: MODEL.score_h([[55, 0]]),
        IndexError,
        r"score_h: rt_batch\[0, 0\] = 55 is outside the 55 relations; valid ids are 0..54",
    ),
    (
        lambda: MODEL.score_h([0, 0]),
        ValueError,
        r"score_h: rt_batch has shape \(2,\); allowed: \(n, 2\), the columns relation, tail",
    ),
    # samplers, optimizers, training
    (
        lambda: basic(0, TRIPLES, num_entities=1),
        ValueError,
        "basic: num_entities = 1 is out of range; allowed: a whole number >= 2",
    ),
    (
        lambda: basic(0, TRIPLES, num_entities=2),
        IndexError,
        r"basic: positives\[1, 0\] = 2 is outside the 2 entities; valid ids are 0..1",
    ),
    (
        lambda: basic(0, TRIPLES, num_entities=3, num_negatives=0),
        ValueError,
        "basic: num_negatives = 0 is out of range; allowed: a whole",
    ),
    (
        lambda: basic(0, TRIPLES, num_entities=3, corrupt=("left",)),
        ValueError,
        "basic: corrupt = 'left' is not a choice; allowed: 'head'",
    ),
    (
        lambda: basic(0, TRIPLES, num_entities=3, corrupt=("relation",)),
        TypeError,
        "basic: num_relations = None is of type NoneType; allowed",
    ),
    (lambda: basic(0, TRIPLES, num_entities=3, corrupt=()), ValueError, r"basic: corrupt = \(\) .*; allowed: "),
    (lambda: basic("0", TRIPLES, num_entities=3), TypeError, "generator: rng = '0' is of type str; allowed: an int"),
    (lambda: basic(0, TABLE, num_entities=3), TypeError, rf"basic: positives\[0, 0\] = 0.0 has dtype float64; {IDS_ALLOWED}"),
    (lambda: sgd_(TABLE, GRADIENT, lr=-0.1), ValueError, "sgd_: lr = -0.1 is out of range; allowed: a finite number >= 0"),
    (lambda: sgd_(TABLE, GRADIENT, lr=NAN), ValueError, "sgd_: lr = nan is out of range; allowed: a finite number >= 0"),
    (lambda: sgd_(TABLE, GRADIENT, lr=INF), ValueError, "sgd_: lr = inf is out of range; allowed: a finite number >= 0"),
    (lambda: sgd_(TABLE, GRADIENT, lr=True), TypeError, "sgd_: lr = True is of type bool; allowed: a finite number >= 0"),
    (lambda: sgd_(TABLE, GRADIENT, lr=10**400), ValueError, r"sgd_: lr = .* is out of range; allowed: a finite number >= 0"),
    (lambda: sgd_(READ_ONLY, GRADIENT, lr=0.1), ValueError, "sgd_: table is read-only; allowed: a writable array"),
    (lambda: sgd_(STRIDED, GRADIENT, lr=0.1), ValueError, r"sgd_: table has strides .*; allowed: a C-contiguous array"),
    (
        lambda: sgd_(TABLE, TABLE, lr=0.1),
        ValueError,
        "sgd_: table shares memory with gradient; allowed: arrays that do not overlap",
    ),
    (
        lambda: sgd_(SINGLE, GRADIENT, lr=0.1),
        ValueError,
        r"sgd_: gradient is of a float64 \(3, 2\) table; allowed: float32 \(3, 2\)",
    ),
    (
        lambda: sgd_(ROWS, GRADIENT, lr=0.1),
        ValueError,
        r"sgd_: gradient is of a float64 \(3, 2\) table; allowed: float64 \(4, 2\)",
    ),
    (lambda: sgd_(TABLE, SINGLE, lr=0.1), TypeError, "sgd_: gradient has dtype float32; allowed: float64, the dtype of table"),
    (lambda: sgd_(TABLE, 0.5, lr=0.1), TypeError, "sgd_: gradient is a float; allowed: a NumPy array"),
    (lambda: sgd_(WHOLE, WHOLE, lr=0.1), TypeError, "sgd_: table.dtype = int64 is not supported; allowed: float32"),
    (
        lambda: penalty(TABLE, [0], regularizer=lambda x: 1.0),
        TypeError,
        r"penalty: regularizer is a function; allowed: an Op\(forward, vjp\)",
    ),
    (
        lambda: penalty_vjp(1.0, TABLE, [0], regularizer=Op(lambda x: 1.0, lambda g, x: x[:0])),
        ValueError,
        r"penalty_vjp: the regularizer's vjp has shape \(0, 2\); allowed: \(1, 2\), the shape of the rows looked up",
    ),
    (
        lambda: loss_and_gradients(TABLE, RELATIONS, TRIPLES, NEGATIVES, loss=LOSS, interaction=TRANSE, keep=np.ones(2, bool)),
        ValueError,
        r"loss_and_gradients: keep has shape \(2,\); allowed: \(2, 1\), the shape of negatives without their last axis",
    ),
    (
        lambda: lcwa_loss_and_gradients(TABLE, RELATIONS, [[0, 0]], np.ones((1, 2)), loss=LCWA_LOSS, interaction=TRANSE),
        ValueError,
        r"lcwa_loss_and_gradients: labels has shape \(1, 2\); allowed: \(1, 3\), a label for each pair and each tail",
    ),
    (
        lambda: lcwa_loss_and_gradients(TABLE, RELATIONS, [[0, 2]], np.ones((1, 3)), loss=LCWA_LOSS, interaction=TRANSE),
        IndexError,
        r"lcwa_loss_and_gradients: pairs\[0, 1\] = 2 is outside the 2 relations; valid ids are 0..1",
    ),
    (
        lambda: MODEL.lcwa_loss_and_gradients([[0, 0]], np.ones((1, 14)), target="tails"),
        ValueError,
        "lcwa_loss_and_gradients: target = 'tails' is not a choice; allowed: 'head', 'relation' or 'tail'",
    ),
    (
        lambda: model(loss=LOSS).lcwa_loss_and_gradients([[0, 0]], np.ones((1, 14))),
        ValueError,
        "lcwa_loss_and_gradients: loss is an Op of two kinds of scores; allowed: a name",
    ),
    (lambda: model(loss_kwargs={"gamma": 1}), KeyError, "ERModel: loss_kwargs = 'gamma' is unknown"),
    (lambda: transe_preset(NATIONS, 3, dim=4), KeyError, "transe: option = 'dim' is unknown.*; known are .*entity_"),
    (lambda: distmult_preset(NATIONS, 3, dim=4), KeyError, "distmult: option = 'dim' is unknown"),
    (lambda: complex_bilinear(NATIONS, 3, dim=4), KeyError, "complex: option = 'dim' is unknown"),
    (lambda: rotate(NATIONS, 3, dim=4), KeyError, "rotate: option = 'dim' is unknown"),
    (lambda: transe_preset(NATIONS, 3, entity_dim=4), KeyError, "transe: entity_dim = 'dim' is unknown"),
    (lambda: transe_preset(NATIONS, 3, interaction_kwargs=[2]), TypeError, r"transe: interaction_kwargs = \[2\] is a list"),
    (
        lambda: Embedding(3, 2, regularizer="lq"),
        KeyError,
        "Embedding: regularizer = 'lq' is unknown.*; known are .*lp",
    ),
    (
        lambda: Embedding(3, 2, regularizer=abs),
        TypeError,
        r"Embedding: regularizer is a builtin_function_or_method; allowed: a name, or a pair \(function, vjp\)",
    ),
    (
        lambda: Embedding(3, 2, regularizer="lp", regularizer_kwargs={"dim": 0}),
        ValueError,
        r"Embedding: regularizer_kwargs\['dim'\] = 0 makes a row depend on the others looked up with it; allowed: an axis of the row",
    ),
    (
        lambda: Embedding(3, 2, regularizer_kwargs={"p": 1}),
        ValueError,
        "Embedding: regularizer_kwargs = {'p': 1} has no regularizer to go to; allowed: a regularizer too",
    ),
    (
        lambda: Embedding(3, 2, regularizer="lp", regularizer_kwargs={"p": 3, "normalize": True}),
        ValueError,
        "expected_norm: p = 3 has no closed form",
    ),
    (
        lambda: fit(MODEL, TRIPLES, epochs=1, lr=1, loop="lcwas"),
        KeyError,
        r"fit: loop = 'lcwas' is unknown \(did you mean 'lcwa'\?\); known are slcwa, lcwa",
    ),
    (
        lambda: fit(MODEL, TRIPLES, epochs=1, lr=1, loop="lcwa", num_negatives=2),
        ValueError,
        "fit: num_negatives = 2 is no option of loop = 'lcwa'; allowed: target",
    ),
    (
        lambda: fit(MODEL, TRIPLES, epochs=1, lr=1, target="head"),
        ValueError,
        "fit: target = 'head' is no option of loop = 'slcwa'; allowed: num_negatives, sampler or filtered",
    ),
    (
        lambda: fit(MODEL, TRIPLES, epochs=1, lr=1, sampler="gauss"),
        KeyError,
        "fit: sampler = 'gauss' is unknown.*; known are basic",
    ),
    (
        lambda: fit(MODEL, TRIPLES, epochs=1, lr=1, filtered=1),
        ValueError,
        "fit: filtered = 1 is not a choice; allowed: True or False",
    ),
    (
        lambda: fit(MODEL, TRIPLES, epochs=1, lr=1, replay="torch"),
        ValueError,
        "fit: replay = 'torch' is not a choice; allowed: None or 'pykeen'",
    ),
    (
        lambda: fit(MODEL, TRIPLES, epochs=1, lr=1, replay="pykeen", rng=1),
        ValueError,
        "fit: replay = 'pykeen' follows one seed; allowed: with a model that has one",
    ),
    (lambda: fit(MODEL, TRIPLES, epochs=1, lr=1, done=-1), ValueError, "fit: done = -1 is out of range"),
    (lambda: fit(MODEL, TRIPLES, epochs=1, lr=-1), ValueError, "fit: lr = -1 is out of range; allowed: a finite number >= 0"),
    (lambda: fit(MODEL, TRIPLES, epochs=-1, lr=1), ValueError, "fit: epochs = -1 is out of range; allowed: a whole number >= 0"),
    (
        lambda: fit(MODEL, TRIPLES + 60, epochs=1, lr=1),
        IndexError,
        r"fit: triples\[0, 0\] = 60 is outside the 14 entities; valid ids are 0..13",
    ),
    (lambda: show_norm(lr=-1), ValueError, "show norm: lr = -1 is out of range; allowed: a finite number >= 0"),
    (lambda: show_norm(dataset="x"), KeyError, "show norm: dataset = 'x' is unknown.*; known are .*nations"),
    (lambda: sweep(lrs=0.5), TypeError, "show norm: lrs = 0.5 is of type float; allowed: a list of numbers"),
    (lambda: sweep(lrs=[0.5]), ValueError, r"show norm: lrs = \[0.5\] has length 1; allowed: 2 or more numbers"),
    (lambda: sweep(lrs=[1, 0]), ValueError, r"show norm: lrs\[1\] = 0 is out of range; allowed: a finite number >= 1e-30"),
    (lambda: sweep(lrs=["1", 2]), TypeError, r"show norm: lrs\[0\] = '1' is of type str; allowed: a finite number >= 1e-30"),
    (lambda: sweep(lrs=[1, 1.0]), ValueError, "show norm: lrs holds 1.0 twice; allowed: each number once"),
    (lambda: sweep(seeds=[]), ValueError, r"show norm: seeds = \[\] has length 0; allowed: 1 or more numbers"),
    (lambda: sweep(seeds="01"), TypeError, "show norm: seeds = '01' is of type str; allowed: a list of numbers"),
    (lambda: sweep(seeds=[0.5]), TypeError, r"show norm: seeds\[0\] = 0.5 is of type float; allowed: a whole number"),
    (lambda: sweep(dim=1), ValueError, "show norm: dim = 1 is out of range; allowed: a whole number >= 2"),
    (lambda: sweep(dataset=3), TypeError, r"show norm: dataset is a int; allowed: a name \(.*nations"),
    # bags: the functions in test_bags.py and test_renorm.py, here the class
    (lambda: EmbeddingBag(-1, 2), ValueError, "EmbeddingBag: num_embeddings = -1 is out of range; allowed: a whole number >= 0"),
    (lambda: EmbeddingBag(3, "2"), TypeError, "EmbeddingBag: embedding_dim = '2' is of type str; allowed: whole numbers >= 0"),
    (
        lambda: EmbeddingBag(3, 2, -1.0),
        ValueError,
        "EmbeddingBag: max_norm = -1.0 is out of range; allowed: a finite number >= 0",
    ),
    (lambda: EmbeddingBag(3, 2, 1, 0.5), ValueError, "EmbeddingBag: norm_type = 0.5 is out of range; allowed: a number >= 1"),
    (
        lambda: EmbeddingBag(3, 2, mode="median"),
        ValueError,
        "EmbeddingBag: mode = 'median' is not a choice; allowed: 'sum', 'mean'",
    ),
    (lambda: EmbeddingBag(3, 2, sparse=1), ValueError, "EmbeddingBag: sparse = 1 is not a choice; allowed: True or False"),
    (
        lambda: EmbeddingBag(3, 2, padding_idx=3),
        ValueError,
        "EmbeddingBag: padding_idx = 3 is outside a table of 3 rows; allowed: -3",
    ),
    (
        lambda: EmbeddingBag(3, 2, compat="pykeen"),
        ValueError,
        "EmbeddingBag: compat = 'pykeen' is not a choice; allowed: None or",
    ),
    (
        lambda: EmbeddingBag(3, 2, ties="last"),
        ValueError,
        "EmbeddingBag: ties = 'last' is not a choice; allowed: 'first' or 'split'",
    ),
    (lambda: EmbeddingBag(3, 2, dtype=int), TypeError, "EmbeddingBag: dtype = int64 is not supported; allowed: float32"),
    (
        lambda: EmbeddingBag(3, 2, mode="max", dtype=complex),
        TypeError,
        "EmbeddingBag: dtype = complex128 is given with mode = 'max'; allowed: a real one, complex numbers have no order",
    ),
    (
        lambda: EmbeddingBag(3, 2, constrainer="nrmalize"),
        KeyError,
        "EmbeddingBag: constrainer = 'nrmalize' is unknown.*known are",
    ),
    (lambda: BAG([[0, 3]]), IndexError, r"EmbeddingBag: input\[0, 1\] = 3 is outside a table of 3 rows; valid ids are 0..2"),
    (
        lambda: BAG([0, 1]),
        ValueError,
        r"EmbeddingBag: offsets are missing; allowed: where each bag begins, for input of shape \(2,\)",
    ),
    (lambda: BAG([0, 1], [0, 2, 1]), ValueError, r"EmbeddingBag: offsets\[2\] = 1 follows 2; allowed: offsets that never fall"),
    (
        lambda: BAG([0, 1], [0], np.ones(2)),
        ValueError,
        "EmbeddingBag: per_sample_weights are given with mode = 'mean'; allowed: with mode 'sum' alone",
    ),
    (lambda: BAG.train(2), ValueError, "EmbeddingBag.train: mode = 2 is not a choice; allowed: True or False"),
    (
        lambda: set_weight(BAG, ROWS),
        ValueError,
        r"EmbeddingBag: weight has shape \(4, 2\); allowed: \(3, 2\), the shape of the table",
    ),
    (
        lambda: EmbeddingBag.from_pretrained(TABLE, True, trainable=True),
        ValueError,
        "from_pretrained: freeze = True and trainable = True are both given; allowed: one of them",
    ),
    (
        lambda: EmbeddingBag.from_pretrained(TABLE, embedding_dim=2),
        TypeError,
        "from_pretrained: embedding_dim = 2 is given; allowed: options without it, the array says it",
    ),
    (lambda: GRADIENT.to_coo(coalesced=False), ValueError, "RowSparse.to_coo: coalesced = False is not a choice; allowed: True"),
    # data, randomness, gradient check
    (
        lambda: TriplesFactory(TRIPLES, {"a": 0}, {"r": 0}),
        IndexError,
        r"TriplesFactory: mapped_triples\[0, 2\] = 1 is outside the 1 entities; valid",
    ),
    (
        lambda: TriplesFactory(TRIPLES[0], {"a": 0}, {"r": 0}),
        ValueError,
        r"TriplesFactory: mapped_triples has shape \(3,\); allowed: \(n, 3\)",
    ),
    (lambda: generator("0"), TypeError, "generator: rng = '0' is of type str; allowed: an int"),
    (lambda: generator(1.5), TypeError, "generator: rng = 1.5 is of type float; allowed: an int"),
    (
        lambda: TorchGenerator(2**64),
        ValueError,
        "TorchGenerator: seed = 18446744073709551616 is out of range; allowed: a whole number",
    ),
    (lambda: NumpyGenerator(0), TypeError, "NumpyGenerator: generator = 0 is of type int; allowed: a numpy.random.Generator"),
    (lambda: TorchGenerator(0).rand(-1), ValueError, "rand: shape = -1 is out of range; allowed: a whole number >= 0"),
    (lambda: TorchGenerator(0).normal(2, std=-1), ValueError, "normal: std = -1 is out of range; allowed: a finite number >= 0"),
    (lambda: TorchGenerator(0).randint(0, 0, 2), ValueError, "randint: high = 0 is not above low = 0; allowed: low < high"),
    (
        lambda: TorchGenerator(0).bernoulli(2, 3),
        ValueError,
        "bernoulli: p = 2 is out of range; allowed: a finite number >= 0 and <= 1",
    ),
    (
        lambda: check_vjp(NORMALIZE, SINGLE),
        TypeError,
        "check_vjp: x has dtype float32; allowed: float64 or complex128, to difference",
    ),
    (
        lambda: check_vjp(NORMALIZE, ROWS, kinks="x"),
        ValueError,
        "check_vjp: kinks = 'x' is not a choice; allowed: 'raise' or 'skip'",
    ),
    # double backward
    (
        lambda: double_backward(TABLE, [0], ROWS[:1], TABLE),
        TypeError,
        "double_backward: layer is a ndarray; allowed: an Embedding",
    ),
    (
        lambda: double_backward(BAG, [0], ROWS[:1], TABLE),
        TypeError,
        "double_backward: layer is a EmbeddingBag; allowed: an Embedding",
    ),
    (
        lambda: double_backward(Embedding(3, 2, dropout=0.5), [0], SINGLE[:1], SINGLE),
        ValueError,
        r"double_backward: layer drops out in training mode \(dropout = 0.5\), anew each time; allowed: layer.eval\(\), or ",
    ),
    (
        lambda: double_backward(FROZEN, [0], ROWS[:1], ROWS),
        ValueError,
        r"double_backward: v has shape \(4, 2\); allowed: \(3, 2\), the shape of the table",
    ),
    (
        lambda: double_backward(SHORTENS, [0, 1], SINGLE[:1], SINGLE),
        ValueError,
        r"double_backward: grad_output has shape \(1, 2\); allowed: \(2, 2\), the shape of the output",
    ),
    (
        lambda: double_backward(SHORTENS, [0], SINGLE[:1], TABLE),
        TypeError,
        "double_backward: v has dtype float64; allowed: float32",
    ),
    (
        lambda: double_backward(SHORTENS, [3], SINGLE[:1], SINGLE),
        IndexError,
        r"double_backward: indices\[0\] = 3 is outside a table of 3 rows; valid ids are 0..2",
    ),
    (
        lambda: double_backward(SHORTENS, [0], SINGLE[:1], SINGLE),
        ValueError,
        "double_backward: normalizer has the vjp 'hands_on', whose own is not known; allowed: one that "
        "npembed.embedding.second_order.SECOND_ORDER ",
    ),
    # states
    (lambda: LAYER.load_state_dict({}), KeyError, "load_state_dict: state lacks '_embeddings.weight'; allowed: "),
    (lambda: LAYER.load_state_dict([TABLE]), TypeError, "load_state_dict: state is a list; allowed: a dict of arrays by name"),
    (lambda: from_state("load", LAYER, {"weights": TABLE}), UnknownNameError, "load: state = 'weights' is unknown.*; known are "),
    (
        lambda: from_state("load", LAYER, {"weight": TABLE, "_embeddings.weight": TABLE}),
        KeyError,
        "load: state holds both '_embeddings.weight' and 'weight'; allowed: what state_dict",
    ),
    (lambda: check_layer(LAYER, [0]), TypeError, "check_vjp: weight has dtype float32; allowed: float64 or complex128"),
    (
        lambda: LAYER.load_state_dict({"_embeddings.weight": SINGLE[:2]}),
        ValueError,
        r"load_state_dict: state\['_embeddings.weight'\] has shape \(2, 2\); allowed: \(3, 2\)",
    ),
    (
        lambda: LAYER.load_state_dict({"_embeddings.weight": TABLE}),
        TypeError,
        r"load_state_dict: state\['_embeddings.weight'\] has dtype float64; allowed: float32",
    ),
    (lambda: MODEL.load_state_dict(3), TypeError, "load_state_dict: state is a int; allowed: a dict of arrays by name"),
    (lambda: MODEL.load_state_dict({"x": TABLE}), UnknownNameError, "load_state_dict: state = 'x' is unknown; known are "),
    (
        lambda: MODEL.load_state_dict({"entity_representations.0._embeddings.weight": MODEL.layers[0].weight + 1}),
        KeyError,
        "load_state_dict: relation_representations.0: state lacks '_embeddings.weight'; allowed: ",
    ),
    (lambda: judge(3, np.tanh, ROWS), TypeError, "judge: forward is a int; allowed: a function"),
    (lambda: padding("0"), TypeError, "padding: row = '0' is of type str; allowed: a whole number"),
    (
        lambda: scaled_by_frequency(IDS, -1),
        ValueError,
        "scaled_by_frequency: argument = -1 is out of range; allowed: a whole number >= 0",
    ),
    (lambda: without(3), TypeError, "without: forward is a int; allowed: a function"),
]

ARRAYS = [TABLE, ROWS, SINGLE, COMPLEX, WHOLE, IDS, READ_ONLY, STRIDED, GRADIENT.values, RELATIONS, TRIPLES, NEGATIVES]
ARRAYS += [layer.weight for layer in (*MODEL.layers, LAYER, FROZEN, BAG, SHORTENS)]


@pytest.mark.parametrize(("call", "error", "message"), CASES, ids=[re.sub(r"\W+", " ", case[2])[:50] for case in CASES])
def test_bad_input_is_refused_in_one_line_and_changes_nothing(call, error, message):
    before = [array.tobytes() for array in ARRAYS]
    drawn = repr(MODEL.rng), repr(LAYER.rng)
    with pytest.raises(error) as caught:
        call()
    said = caught.value.args[0]
    assert type(caught.value) in (error, UnknownNameError)
    assert re.match(message, said), said
    assert re.fullmatch(r"[A-Za-z_. ]+: [^\n]+; (allowed: |valid ids are |known are |it has no valid id)[^\n]*", said), said
    assert [array.tobytes() for array in ARRAYS] == before
    assert (repr(MODEL.rng), repr(LAYER.rng)) == drawn


UNCHECKED = {
    "loss_of",
    "to_storage_dtype",
    "Argument",  # what `judge` returns
    "Entry",
    "Judgement",
    "Op",  # a pair, and nothing to check
    "normalize_name",
    "resolve",  # these are called by others, which pass their own names on
    "hinge_slope",
    "unbroadcast",
    "to_float64",
    "Epoch",
    "Update",
    "Recorder",
    "OptimizerUpdate",  # by way of fit(optimizer=...)
    "SLCWA",  # by way of fit(loop=...)
    "LCWA",
    "choose_regularizer",
    "to_state",  # by way of a layer
    "Prediction",  # these hold what a model answers
    "Predictions",
    "step_",  # these work on what `fit` has checked
    "update_",
    "radial_and_tangential",
    "angles",
    "summary",
    "table_rows",
    "Passes",  # by way of Embedding
    "Lookup",
    "collect",
    "table_shape",  # by way of Embedding
    "choose",
    "pykeen_dim",
    "Place",  # by way of fit(place=...)
    "not_finite",  # by way of fit
    "only_tables_like",  # by way of load
    "zeros",  # the initializers below take what the layer has checked
    "ones",
    "normal_norm",
    "uniform_norm",
    "xavier_uniform",
    "xavier_uniform_norm",
    "take",
    "compute_dtype",
    "to_compute_dtype",
    "GradientError",
    "LayerReport",
    "Report",
}


def public_functions():
    for room in (
        "embedding.rows",
        "embedding.row_maps",
        "embedding.lookup",
        "layers",
        "kge.models",
        "kge.score",
        "kge.batch",
        "embedding.initializers",
        "kge.training",
        "embedding.constrain",
        "show.recorder",
        "numerics.random",
        "verify.gradcheck",
        "op",
        "numerics.precision",
        "numerics.kinks",
        "show",
    ):
        module = importlib.import_module(f"npembed.{room}")
        for name, value in vars(module).items():
            ours = getattr(value, "__module__", "").startswith(module.__name__) and isinstance(value, (types.FunctionType, type))
            if ours and not name.startswith("_"):
                yield name


def test_every_public_function_is_in_the_table():
    tree = ast.parse(pathlib.Path(__file__).read_text(encoding="utf-8"))
    called = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):
            called |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
            called |= {text.value for text in ast.walk(node) if isinstance(text, ast.Constant) and isinstance(text.value, str)}
    called |= {"ERModel", "norm", "check_settings", "check_sweep_settings"}  # by way of others
    missing = set(public_functions()) - called - UNCHECKED
    for room in (
        "bags", "conformance", "datasets", "evaluation", "interactions", "io", "losses", "optimizers", "regularizers", "renorm",
        "representations", "runs", "samplers", "second_order", "uncertainty",
    ):  # fmt: skip
        (path,) = TESTS.rglob(f"test_{room}.py")
        here = path.read_text(encoding="utf-8")
        assert "refused" in here, f"the table of bad input for {room} is kept in {path.name}"
    assert not missing
    assert not UNCHECKED - set(public_functions())


def test_an_unknown_name_is_a_key_error_that_prints_without_quotes():
    error = None
    try:
        Embedding(3, 2, normalizer="normalise")
    except KeyError as caught:
        error = caught
    assert str(error).startswith("Embedding: normalizer = 'normalise' is unknown (did you mean 'normalize'?)")


def test_the_package_names_what_it_lacks():
    with pytest.raises(AttributeError, match="module 'npembed' has no attribute 'Embeding'"):
        npembed.Embeding  # noqa: B018
    assert {"Embedding", "Op", "RowSparse", "ERModel", "Nations", "kge"} <= set(dir(npembed))
    assert npembed.Op is Op
