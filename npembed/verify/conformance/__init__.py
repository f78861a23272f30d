"""The conformance kit: is this embedding layer right, whoever wrote it? Named cases, with the exact answers, in JSON.

Write an adapter, a small class around the layer, for NumPy arrays in and out; `check` runs every case that it can do. Of these
methods only `lookup` is needed; what is not there is not checked::

    __init__(table, **options)    a layer with a copy of these rows; options are given if a capability below brings them
    table                         the rows as they are now; cases of `step` and `constrain` need it
    lookup(ids)                   the rows that ids name; in a layer of bags lookup(ids, offsets, weights), either may be None
    backward(g)                   the gradient of the table for the last lookup alone: an array like the table, or (rows, values), where
                                  a row may occur several times; weight_gradient is then that of the weights of bags
    second(g, v)                  the gradients with respect to g and to the table of the inner product of v and backward(g)
    step()                        one step of the optimizer, with the last gradient
    constrain()                   what happens after a step

The arrays that a method is given stay the caller's: it may not change them. A layer is asked several times, and nothing of an earlier
call may be left over.

Of these attributes none is needed::

    capabilities       a set of names from the list below: what the layer can do, beside "lookup", "float32" and "float64"
    lacks              a set of such names: what it cannot do all the same, "float64", say, or "optimizer=sgd:momentum"
    conventions        {name: choice}, see below: which answer it gives where several are right
    known_failures     {id of a case: why}; one that passes is an error
    not_run            {id of a case: why}

Capabilities, and the arguments of ``__init__`` that they bring. A name stands for all that it begins: "normalizer" for all normalizers,
"normalizer=normalize" for one of them with its options, "optimizer=sgd:lr" for SGD with that option and no other.
NotImplementedError says no, too::

    lookup                 a layer that looks up rows, not bags of them alone
    float16, bfloat16, float32, float64, complex64, complex128
                           tables of that dtype; those of bfloat16 arrive as float32, with dtype="bfloat16"
    row_shape              rows that are no vectors
    frozen                 trainable=False
    padding_idx, max_norm, norm_type, scale_grad_by_freq, include_last_offset
                           arguments of that name, as in torch
    mode                   =sum, =mean, =max: a layer of bags, with the argument mode
    weights                the argument of lookup, in mode sum
    normalizer             =clamp (:min, :max), =clamp_norm (:maxnorm, :p), =complex_normalize, =normalize (:p, :eps),
                           =quaternion_normalize, =softmax: arguments normalizer, a name, and normalizer_options, a dict
    constrainer            =clamp (:min, :max), =clamp_norm (:maxnorm, :p), =normalize (:p), =quaternion_normalize:
                           arguments constrainer and constrainer_options
    optimizer              =adagrad (:lr, :lr_decay, :eps, :weight_decay, :maximize), =adam (:lr, :betas, :eps, :weight_decay, :amsgrad,
                           :maximize), =adamw (:lr, :betas, :eps, :weight_decay, :amsgrad, :maximize), =sgd (:lr, :momentum, :dampening,
                           :nesterov, :weight_decay, :maximize): arguments optimizer and optimizer_options

Conventions. Where one is marked with a star, the first choice is expected of a layer that does not declare another::

    accumulation           gradients of one row are added in a wider type and rounded once ("wide"), or in the dtype of the table, one
                           after the other ("table")
    adagrad_eps *          sqrt(s) + eps ("outside") or sqrt(s + eps) ("under_root")
    adagrad_sums *         s sums the squares of each entry ("entry"), or their mean over the row ("row")
    adam_eps *             sqrt(v / (1 - b2^t)) + eps ("corrected"), (sqrt(v) + eps) / sqrt(1 - b2^t) ("uncorrected"), or
                           sqrt(v / (1 - b2^t) + eps) ("under_root")
    clamp_edge             the slope of clamp at a bound: 1 ("pass"), 0 ("stop"), 1/2 ("half"), or 1 at one bound and 0 at the other
                           ("pass_min", "pass_max")
    clamp_norm_edge        on the sphere the slope of the projection ("project"), 1 ("pass"), or half of each ("half")
    complex_gradient       of z: dL/dRe z + i dL/dIm z ("re_plus_i_im"), or its conjugate ("conjugate")
    empty_max *            the maximum of an empty bag: 0 ("zeros"), or -inf ("minus_infinity")
    empty_mean *           the mean of an empty bag: 0 ("zeros"), or NaN ("not_a_number")
    first_momentum *       with dampening, SGD's first b is g ("gradient"), or (1 - dampening) g ("dampened")
    frozen_max_norm        a frozen table stays ("stays"), or is shortened where it is looked up ("shortened"); what is looked up is short
    id_dtypes              ids of other integer types than int32, int64 and uint64 are looked up ("taken"), or refused ("refused")
    inf_norm_ties          largest entries that are equal share the slope of the maximum norm ("split"), or one has it ("first", "last")
    max_norm_formula       x max_norm / |x| ("projection"), or x max_norm / (|x| + 1e-7) ("plus_1e-7")
    max_norm_gradient *    that of a lookup ("plain"), or, where the table stays long, that of the shortening ("projected")
    max_norm_writes        a row is short in the table from now on ("table"), or in what was looked up alone ("output")
    max_ties               of equal maxima in a bag one has the gradient ("first", "last"), or all share it ("split")
    norm_at_zero           the gradient of normalize at a zero row: g / eps ("divide"), or 0 ("stop")
    slope_at_zero          of the absolute value: 0 ("zero"), 1 ("one") or -1 ("minus_one")
    step_count             optimizers count the steps of the table ("table"), or of each row ("row")
    subnormals             are numbers like others ("kept"), or zero ("flushed")
    uint64_ids             are looked up ("taken"), or refused ("refused")
    missing_rows              rows without a gradient are moved by momentum, moments and weight decay ("dense"), wait ("lazy"), or wait and
                           then make up for it ("decay_on_touch")

An adapter for a layer with padding and plain SGD:

>>> import numpy as np
>>> from npembed.verify.conformance import check
>>> class Mine:
...     capabilities = {"padding_idx", "optimizer=sgd:lr"}
...
...     def __init__(self, table, padding_idx=None, optimizer=None, optimizer_options=None):
...         self.table, self.padding = table.copy(), np.arange(len(table))[[] if padding_idx is None else padding_idx]
...         self.lr = (optimizer_options or {"lr": 0.0})["lr"]
...         if self.lr < 0:
...             raise ValueError("lr")
...
...     def lookup(self, ids):
...         if ids.dtype.kind not in "iu" or (ids < 0).any():
...             raise IndexError("ids")
...         self.ids = ids
...         return self.table[ids]
...
...     def backward(self, g):
...         if g.shape != self.ids.shape + self.table.shape[1:]:
...             raise ValueError("g")
...         self.gradient = np.zeros_like(self.table)
...         np.add.at(self.gradient, self.ids, g)
...         self.gradient[self.padding] = 0
...         return self.gradient
...
...     def step(self):
...         self.table -= self.lr * self.gradient
>>> check(Mine).ok
True

And one in which the gradients of a repeated id overwrite each other:

>>> class Last(Mine):
...     def backward(self, g):
...         super().backward(g)[self.ids] = g
...         return self.gradient
>>> print(check(Last).failures[0].message)
backward/repeated-ids-float32: gradient[1, 0] = 6.5, 7.0 is right. The gradients of a repeated id add up. It looks as if the last \
gradient of a repeated id overwrites the others, where they add up.

In a test suite of pytest, with npembed installed, this is all of it::

    def test_my_layer(npembed_case):
        npembed_case.check(Mine)

From a shell: ``npembed check layer my_module:Mine``, and ``npembed vectors export DIR`` for a language of your own: the files there
are described by their ``schema.json``.
"""

import importlib

_NAMES = {
    "ADAPTERS": "adapters", "CONVENTIONS": "conventions", "Case": "reading", "Report": "report", "Result": "running", "adapter": "adapters",
    "cases": "reading", "check": "checking", "export": "reading",
}  # fmt: skip


def __getattr__(name):
    """Import when asked: pytest loads the plugin beside this file in every session, which is to cost nothing until it is used."""
    if name in _NAMES:
        return getattr(importlib.import_module(f".{_NAMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_NAMES])
