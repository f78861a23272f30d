"""From what a user writes (a name and options, a callable, an Op) to one map that a layer applies."""

import inspect
from functools import partial

import numpy as np

from .. import check
from ..embedding.regularizers import REGULARIZERS
from ..op import Op, resolve


@check.public
def choose(registry, choice, options, *, shape, dtype, compat, function, argument):
    """The map of a layer whose rows have `shape`: an Op for a normalizer, a function for a constrainer, or None.

    A named map works along the last axis of a row unless `options` says otherwise; ``dim`` counts the axes of a table
    ``(N, *shape)``. In a normalizer no axis may be that of the ids, or a row would depend on the others that are looked up with it.
    ``compat="pykeen"`` takes PyKEEN's axes instead (see `pykeen_dim`), in the array that it sees.

    Parameters
    ----------
    registry : NORMALIZERS or CONSTRAINERS
    choice : name, callable, Op or pair of callables, or None
    options : dict, or None
    shape, dtype : of the rows
    compat : None or "pykeen"
    function, argument : for error messages
    """
    options = check.keywords(function, f"{argument}_kwargs", options)
    pair = argument == "normalizer"
    if choice is None:
        if options:
            raise ValueError(f"{function}: {argument}_kwargs = {options} has no {argument} to go to; allowed: a {argument} too")
        return None
    if isinstance(choice, str):
        return _named(registry, choice, options, shape, np.dtype(dtype), compat, function, argument)
    if pair and isinstance(choice, tuple) and len(choice) == 2 and all(map(callable, choice)):
        return Op(*choice).bind(**options)
    if pair and callable(choice):
        raise TypeError(f"{function}: normalizer is a callable without a gradient; allowed: a name, or a pair (function, vjp)")
    if callable(choice):
        return Op(choice, choice).bind(**options).forward
    allowed = "a name, or a pair (function, vjp)" if pair else "a name or a callable"
    raise TypeError(f"{function}: {argument} is a {type(choice).__name__}; allowed: {allowed}")


@check.public
def choose_regularizer(choice, options, *, shape, dtype, compat, function):
    """The regularizer of a layer whose rows have `shape`, as an Op of the rows that were looked up, or None; and if it charges once.

    Among its options may be PyKEEN's ``apply_only_once``: then, of the lookups of a batch, the first alone is charged for. ``dim`` counts
    the axes of a table ``(N, *shape)``, and may be None for one norm of all that is looked up. ``compat="pykeen"`` takes PyKEEN's expected
    norm, where there is a choice.

    Parameters
    ----------
    choice : name, Op or pair of callables, or None
    options : dict, or None
    shape, dtype : of the rows
    compat : None or "pykeen"
    function : for error messages
    """
    options = check.keywords(function, "regularizer_kwargs", options)
    once = check.choice(function, "regularizer_kwargs['apply_only_once']", options.pop("apply_only_once", False), (True, False))
    if choice is None:
        if options or once:
            found = f"regularizer_kwargs = {options} has no regularizer to go to"
            raise ValueError(f"{function}: {found}; allowed: a regularizer too")
        return None, False
    if isinstance(choice, tuple) and len(choice) == 2 and all(map(callable, choice)):
        op = Op(*choice).bind(**options)
        check.number(function, "regularizer", op.forward(np.ones((1, *shape), dtype)))
        return op, once
    if not isinstance(choice, str):
        raise TypeError(f"{function}: regularizer is a {type(choice).__name__}; allowed: a name, or a pair (function, vjp)")
    name = resolve(REGULARIZERS, choice, function=function, argument="regularizer")
    op = REGULARIZERS[name]
    if name == "orthogonality":
        found = f"regularizer = {choice!r} is of two arrays, and a layer looks up one"
        raise ValueError(f"{function}: {found}; allowed: {check.names(other for other in REGULARIZERS if other != name)}")
    check.options(function, "regularizer_kwargs", options, op.forward)
    parameters = inspect.signature(op.forward).parameters
    if options.get("dim") is not None and "dim" in parameters:
        options["dim"] = _dim(options, shape, function, "regularizer")
    if compat == "pykeen" and "expected" in parameters:
        options = {"expected": "pykeen", **options}
    op = op.bind(**options)
    op.forward(np.ones((1, *shape), dtype))  # a bad option is refused here, not at the first lookup
    return op, once


def _named(registry, choice, options, shape, dtype, compat, function, argument):
    name = resolve(registry, choice, function=function, argument=argument)
    entry = registry[name]
    forward = entry.forward if isinstance(entry, Op) else entry
    check.options(function, f"{argument}_kwargs", options, forward)
    if "axis" in options and "dim" in options:
        raise ValueError(f"{function}: {argument}_kwargs = {options} holds dim and axis; allowed: one of them")
    if compat == "pykeen":
        others = {option: value for option, value in options.items() if option not in ("dim", "axis")}
        forward(np.ones((1, 4), dtype), **others)  # along which axis, only the lookup tells
        made = Op(*(partial(_as_pykeen, f, name, options) for f in (entry if isinstance(entry, Op) else (entry, entry))))
    else:
        if "dim" in inspect.signature(forward).parameters:
            options["dim"] = _dim(options, shape, function, argument)
            options.pop("axis", None)
        made = (entry if isinstance(entry, Op) else Op(entry, entry)).bind(**options)
        made.forward(np.ones((1, *shape), dtype))  # a bad option is refused here, not at the first lookup
    return made if isinstance(entry, Op) else made.forward


def _dim(options, shape, function, argument):
    """`dim` counted from the last axis, so that it means the same for any shape of the ids."""
    name = "axis" if "axis" in options else "dim"
    ndim = 1 + len(shape)
    if not shape and name not in options:
        raise ValueError(
            f"{function}: shape = () has no axis for the {argument} to work along; allowed: rows of one axis or more"
        )
    dims = check.axes(function, f"{argument}_kwargs[{name!r}]", options.get(name, -1), ndim)
    if argument != "constrainer" and 0 in dims:
        given = f"{argument}_kwargs[{name!r}] = {options[name]}"
        raise ValueError(f"{function}: {given} makes a row depend on the others looked up with it; allowed: an axis of the row")
    return tuple(dim - ndim for dim in dims)


def _as_pykeen(f, name, options, *args):
    """Apply a map along the axis that PyKEEN would, counted in the very array that it sees, the last of `args`, and with its eps."""
    named = "dim" in options or "axis" in options
    eps = {"eps": float(np.finfo(args[-1].dtype).eps)} if name in ("clamp_norm", "complex_normalize") else {}
    return f(*args, **({} if named else pykeen_dim(name, args[-1].ndim)), **{**eps, **options})


@check.public
def pykeen_dim(name, ndim):
    """The axis along which PyKEEN 1.11.1 applies the map `name`, if no `dim` is given, to an array with `ndim` axes.

    The functions behind it have other defaults than the last axis, so that PyKEEN's result depends on the shape of the index
    array, and its ``clamp_norm`` takes one norm of the whole table. ``compat="pykeen"`` reproduces this.

    Returns
    -------
    dict, ``{"dim": ...}``; empty for maps that have no axis

    Examples
    --------
    >>> pykeen_dim("normalize", 3), pykeen_dim("clamp_norm", 2), pykeen_dim("clamp", 2)
    ({'dim': 1}, {'dim': None}, {})
    """
    if name == "normalize":
        return {"dim": 1}
    if name == "softmax":
        return {"dim": 0 if ndim in (0, 1, 3) else 1}
    return {"dim": None} if name == "clamp_norm" else {}
