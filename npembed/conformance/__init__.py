"""The conformance kit: is this embedding layer right, whoever wrote it? Named cases, with the exact answers, in JSON.

Write an adapter, a small class around the layer, for NumPy arrays in and out; `check` runs every case that it can do. Of these
methods only `lookup` is needed; what is not there is not checked::

    __init__(table, **options)    a layer with these rows; the options are torch's and PyKEEN's: padding_idx, max_norm, norm_type,
                                  scale_grad_by_freq, trainable; normalizer, constrainer, optimizer (names) and normalizer_options,
                                  constrainer_options, optimizer_options (dicts); mode ("sum", "mean", "max": a layer of bags),
                                  include_last_offset; dtype ("bfloat16", whose arrays are handed over as float32)
    table                         the rows as they are now
    lookup(ids)                   the rows that ids name; in a layer of bags lookup(ids, offsets, weights), either may be None
    backward(g)                   the gradient of the table for the last lookup: an array like the table, or (rows, values), where a
                                  row may occur several times; weight_gradient is then that of the weights of bags
    second(g, v)                  the gradients with respect to g and to the table of the inner product of v and backward(g)
    step()                        one step of the optimizer, with the last gradient
    constrain()                   what happens after a step

and of these attributes none is needed::

    capabilities       what it can do beside "lookup", "float32" and "float64", which are there unless this says otherwise: names of
                       options and dtypes, or one choice of an option, as "normalizer=softmax"; NotImplementedError says no, too
    conventions        at kinks, where several answers are right, which one it gives, see `CONVENTIONS`
    known_failures     {id of a case: why}; one that passes is an error
    not_run            {id of a case: why}

Here the gradients of a repeated id overwrite each other:

>>> import numpy as np
>>> from npembed.conformance import check
>>> class Mine:
...     capabilities = {"lookup", "float32", "float64", "padding_idx", "optimizer=sgd"}
...
...     def __init__(self, table, padding_idx=None, optimizer=None, optimizer_options=None):
...         self.table, self.padding_idx, self.options = table.copy(), padding_idx, optimizer_options
...
...     def lookup(self, ids):
...         self.ids = ids
...         return self.table[ids]
...
...     def backward(self, g):
...         self.gradient = np.zeros_like(self.table)
...         self.gradient[self.ids] = g
...         if self.padding_idx is not None:
...             self.gradient[self.padding_idx] = 0
...         return self.gradient
...
...     def step(self):
...         self.table -= self.options["lr"] * self.gradient
>>> report = check(Mine)
>>> print(report.failures[0].message)
backward/repeated-ids-float32: gradient[1, 0] = 6.5, 7.0 is right. The gradients of a repeated id add up. It looks as if the last \
gradient of a repeated id overwrites the others, where they add up.

In a test suite of pytest, with npembed installed, this is all of it::

    def test_my_layer(npembed_case):
        npembed_case.check(Mine)

From a shell: ``npembed check layer my_module:Mine``, and ``npembed vectors export DIR`` for a language of your own: the files there
are described by their ``schema.json``.
"""

import importlib

__all__ = ["ADAPTERS", "CONVENTIONS", "Case", "Report", "Result", "adapter", "cases", "check", "export"]

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
