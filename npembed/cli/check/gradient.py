"""``npembed check gradient``: judge a gradient written by hand, anybody's."""

import ast
import functools
import importlib
import os
import sys
import traceback

from ..report import BadInputError, refusing


class RaisedError(BadInputError, ValueError):
    """What a function of the user's raised; a step out of where it is defined is no bad input."""


def add_to(topics):
    """Add the topic to the parser."""
    topic = topics.add_parser(
        "gradient",
        help="is a function the gradient of another one",
        description="Judge whether VJP(g, *arguments) is the gradient of Re sum conj(g) FORWARD(*arguments), by differences in steps "
        "chosen for each entry. Both take and return NumPy arrays, leave what they are given alone and depend on nothing else: they "
        "are called several times, with other arguments in between. Modules are looked for in the current folder, too. Exit status: "
        "0 right, at a kink, or intentionally another; 1 wrong, below the resolution of differences, or nothing checked; 2 bad input.",
    )
    topic.add_argument("forward", metavar="FORWARD", help="module:function, as numpy:tanh")
    topic.add_argument("vjp", metavar="VJP", help="module:function that takes g before the arguments")
    topic.add_argument(
        "--shape",
        action="append",
        metavar="N,M",
        help="shape of an argument, drawn at random; once for each argument (default: 4,3), as --shape= for a single number",
    )
    topic.add_argument(
        "--file", metavar="FILE", help="arguments from a .npy file, or all arrays of a .npz file, in order, instead"
    )
    topic.add_argument("--complex", action="store_true", help="draw complex numbers")
    topic.add_argument(
        "--dtype", choices=("float32", "float64"), default="float64", help="of what is drawn (default: %(default)s)"
    )
    topic.add_argument("--scale", type=float, default=1.0, help="of what is drawn (default: %(default)s)")
    topic.add_argument("--seed", type=int, default=0, help="of arguments and cotangents (default: %(default)s)")
    topic.add_argument("--entries", type=int, default=100, help="how many of each argument to look at (default: %(default)s)")
    topic.add_argument("--projections", type=int, default=1, help="how many cotangents to try (default: %(default)s)")
    topic.add_argument("--analytic", action="store_true", help="FORWARD uses no abs, max, conj: trust the complex step")
    topic.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="keyword argument for both; a Python literal, or text"
    )
    topic.add_argument("--padding", type=int, metavar="ROW", help="the gradient of this row is zero on purpose")
    topic.set_defaults(run=_run)


def _run(options):
    from ...verify.gradcheck import BELOW_RESOLUTION, WRONG, judge, padding

    with refusing():
        forward, vjp = (_function(name, getattr(options, name)) for name in ("forward", "vjp"))
        args = _arguments(options)
        judged = judge(
            forward,
            vjp,
            *args,
            rng=options.seed,
            entries=options.entries,
            projections=options.projections,
            analytic=options.analytic,
            intentional=None if options.padding is None else {"padding": padding(options.padding)},
            **dict(map(_option, options.option)),
        )
    print(judged)
    return 1 if judged.verdict in (WRONG, BELOW_RESOLUTION) or not judged.checked else 0


def _function(argument, value):
    """``module:function`` as that function; the current folder is looked through first."""
    module, colon, name = value.partition(":")
    if not (module and colon and name):
        raise ValueError(f"check gradient: {argument} = {value!r} is no function; allowed: module:function")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # whatever the module does when it is imported: it is the user's to mend
        raise BadInputError(
            f"check gradient: {argument} = {value!r} cannot be imported ({error}); allowed: module:function"
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise ValueError(f"check gradient: {argument} = {value!r} is not there; allowed: a function of {module}")
        found = getattr(found, part)
    if not callable(found):
        raise TypeError(f"check gradient: {argument} = {value!r} is a {type(found).__name__}; allowed: a function")
    return _told(found, value)


def _told(function, name):
    """`function`, with what it raises told in one line: the user's to mend."""

    @functools.wraps(function)
    def told(*args, **options):
        try:
            return function(*args, **options)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{os.path.basename(last.filename)}, line {last.lineno}"
            raise RaisedError(f"check gradient: {name} raised {type(error).__name__}: {error} ({where})") from error

    return told


def _arguments(options):
    """The arguments: read from a file, or drawn with a seed."""
    import numpy as np

    from ... import check
    from ...numerics.random import generator

    if options.file is None:
        shapes = [_shape(text) for text in options.shape or ["4,3"]]
        scale = check.real("check gradient", "scale", options.scale, above=0)
        rng, dtype = generator(options.seed), np.dtype(options.dtype)

        def draw(shape):
            x = rng.normal(shape, dtype=np.float64)
            return scale * (x + 1j * rng.normal(shape, dtype=np.float64) if options.complex else x)

        kind = np.result_type(dtype, np.complex64) if options.complex else dtype
        return [np.asarray(draw(shape)).astype(kind) for shape in shapes]
    if options.shape is not None:
        raise ValueError("check gradient: --shape and --file are both given; allowed: one of them")
    allowed = "a .npy file, or a .npz file of arrays"
    try:
        check.files.check_regular(os.stat(options.file).st_mode)
        read = np.load(options.file, allow_pickle=False)
        return [read[name] for name in read.files] if hasattr(read, "files") else [read]
    except Exception as error:  # zipfile, zlib and NumPy's header parser each have errors of their own
        raise BadInputError(f"check gradient: file = {options.file!r} cannot be read ({error}); allowed: {allowed}") from error


def _shape(text):
    """``4,3`` as (4, 3)."""
    try:
        shape = tuple(int(n) for n in text.split(",") if n.strip())
    except ValueError:
        shape = (-1,)
    if any(n < 0 for n in shape):
        raise ValueError(f"check gradient: shape = {text!r} is no shape; allowed: whole numbers >= 0, as 4,3")
    return shape


def _option(text):
    """``p=1.0`` as ("p", 1.0)."""
    name, equals, value = text.partition("=")
    if not (equals and name.isidentifier()):
        raise ValueError(f"check gradient: option = {text!r} has no name; allowed: NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
