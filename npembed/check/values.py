"""Checks of single values: numbers, names, options, dtypes."""

import difflib
import inspect
import math
import numbers

import numpy as np

TABLE_DTYPES = tuple(np.dtype(name) for name in ("float32", "float64", "complex64", "complex128", "float16"))
"""What a table may hold."""


LARGEST = 2**63 - 1
"""Number of rows, negatives and so on: ids are int64."""

MOST = 2**59
"""Numbers in an array: of sixteen bytes each, as many as an address tells apart."""

MOST_AXES = 31
"""Axes of ids, and of a table's rows: NumPy has 64, and a lookup has those of both."""


class UnknownNameError(KeyError):
    """A name that no registry holds (a KeyError, as in PyKEEN, that prints its message without quotes)."""

    def __str__(self):
        return self.args[0]


def said(value):
    """`value` as a message shows it: on one line, and not too long of it.

    >>> said(np.zeros((2, 2))), said("a" * 200)[:8], said(10**5000)
    ('array([[0., 0.], [0., 0.]])', "'aaaaaaa", 'a number of 16610 bits')
    """
    try:
        text = escaped(" ".join(repr(value).split()))
    except Exception as error:  # a number with more digits than Python writes, or whatever a class of the user's does
        if isinstance(value, int):
            return f"a number of {value.bit_length()} bits"
        fact = "holds too long a number" if type(error) is ValueError else f"has a repr that raises {type(error).__name__}"
        return f"a {type(value).__name__} that {fact}"
    return text if len(text) <= 120 else f"{text[:100]} ..."


def escaped(text):
    """`text` on one line, with what cannot be seen as an escape: line breaks, terminal escapes, marks of direction.

    >>> print(escaped("red \\x1b[31m"), escaped("turned \\u202e"))
    red \\x1b[31m turned \\u202e
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def names(allowed):
    """``a, b or c``."""
    allowed = [str(name) for name in allowed]
    return allowed[0] if len(allowed) == 1 else f"{', '.join(allowed[:-1])} or {allowed[-1]}"


def unknown(function, argument, value, allowed, also=()):
    """The error for a name that is not among `allowed`, with the nearest one that is, or that is among those that are not listed."""
    near = difflib.get_close_matches(str(value).lower(), [*allowed, *also], n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return UnknownNameError(f"{function}: {argument} = {said(value)} is unknown{hint}; known are {', '.join(allowed)}")


def choice(function, argument, value, allowed):
    """`value`, one of the few words (or of True, False, None) in `allowed`."""
    if not any(value is word or (isinstance(value, (str, np.bool_)) and value == word) for word in allowed):
        raise ValueError(f"{function}: {argument} = {said(value)} is not a choice; allowed: {names(map(repr, allowed))}")
    return value


def integer(function, argument, value, minimum=None, maximum=None):
    """`value` as an int within ``minimum..maximum``; bool is refused."""
    allowed = "a whole number"
    if minimum is not None:
        allowed += f" >= {minimum}"
    if maximum is not None:
        allowed += f"{' and' if minimum is not None else ''} <= {maximum}"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{function}: {argument} = {said(value)} is of type {type(value).__name__}; allowed: {allowed}")
    if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
        raise ValueError(f"{function}: {argument} = {said(value)} is out of range; allowed: {allowed}")
    return int(value)


def real(function, argument, value, minimum=None, maximum=None, *, above=None, below=None, finite=True):
    """`value` as a float with ``minimum <= value <= maximum`` and ``above < value < below``; NaN is refused."""
    signs = ((">", above), (">=", minimum), ("<=", maximum), ("<", below))
    bounds = [f"{sign} {bound:g}" for sign, bound in signs if bound is not None]
    allowed = " ".join([f"a {'finite ' if finite else ''}number", " and ".join(bounds)]).strip()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{function}: {argument} = {said(value)} is of type {type(value).__name__}; allowed: {allowed}")
    try:
        number = float(value)
    except OverflowError:  # a whole number with more digits than any float holds
        number = math.inf
    bad = math.isnan(number) or (finite and math.isinf(number))
    bad = bad or (minimum is not None and number < minimum) or (maximum is not None and number > maximum)
    if bad or (above is not None and number <= above) or (below is not None and number >= below):
        raise ValueError(f"{function}: {argument} = {said(value)} is out of range; allowed: {allowed}")
    return number


def cotangent(function, g):
    """The gradient of a single number, a number or an array without axes, as a float."""
    return real(function, "g", g[()] if isinstance(g, np.ndarray) and g.ndim == 0 else g)


def dtype(function, argument, value):
    """`value` as the dtype of a table: float32, float64, complex64, complex128 or float16."""
    allowed = names(TABLE_DTYPES)
    if "bfloat16" in str(value):  # a name, torch's, or the one that the package ml_dtypes adds
        raise TypeError(f"{function}: {argument} = {said(value)} is no dtype of NumPy's own; allowed: {allowed}")
    try:
        found = np.dtype(value)
    except (TypeError, ValueError, SyntaxError):  # NumPy's, by what it is that it cannot read
        raise TypeError(f"{function}: {argument} = {said(value)} is no dtype; allowed: {allowed}") from None
    if found not in TABLE_DTYPES:
        raise TypeError(f"{function}: {argument} = {found} is not supported; allowed: {allowed}")
    return found


def fits(function, argument, value, dtype_):
    """The number `value` in `dtype_`, where a finite one must not overflow."""
    largest = float(np.finfo(dtype_).max)
    try:
        overflows = largest < float(abs(value)) < math.inf
    except OverflowError:  # a whole number with more digits than any float holds
        overflows = True
    if overflows:
        raise ValueError(
            f"{function}: {argument} = {said(value)} is out of range; allowed: up to {largest:g}, all that {dtype_} holds"
        )
    return dtype_.type(value)


def shape(function, argument, value):
    """`value` (a whole number or a sequence of them) as a tuple, the shape of an array that an address space can hold."""
    if isinstance(value, (str, bytes)) or not (isinstance(value, numbers.Integral) or np.iterable(value)):
        raise TypeError(f"{function}: {argument} = {said(value)} is of type {type(value).__name__}; allowed: whole numbers >= 0")
    sizes = (value,) if isinstance(value, numbers.Integral) else tuple(value)
    sizes = tuple(integer(function, argument, size, minimum=0) for size in sizes)
    if len(sizes) > MOST_AXES:
        raise ValueError(f"{function}: {argument} has {len(sizes)} axes; allowed: at most {MOST_AXES}")
    count = math.prod(max(1, size) for size in sizes)  # NumPy counts zeros as ones
    if count >= MOST:
        many = f"{count:,}" if count < 10**100 else said(count)
        raise ValueError(f"{function}: {argument} = {said(value)} asks for {many} numbers; allowed: fewer than 2**59")
    return sizes


def order(function, value):
    """`value` as the p of a norm: a number in [1, inf], "inf", or "fro" for 2."""
    value = {"inf": math.inf, "fro": 2.0}.get(value, value) if isinstance(value, str) else value
    return real(function, "p", value, minimum=1, finite=False)


def keywords(function, argument, value):
    """`value` as a dict of options by name; None is an empty one."""
    if value is not None and not (isinstance(value, dict) and all(isinstance(name, str) for name in value)):
        raise TypeError(
            f"{function}: {argument} = {said(value)} is a {type(value).__name__}; allowed: a dict of options by name, or None"
        )
    return dict(value or {})


def options(function, argument, given, target):
    """Check that `given` are options of `target` (keyword-only parameters of a function, all of a class), and that none is missing."""
    parameters = inspect.signature(target).parameters
    known = {name: p for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY or inspect.isclass(target)}
    for name in given:
        if name not in known:
            raise unknown(function, argument, name, list(known) or ["none"])
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in given:
            raise TypeError(f"{function}: {name} is missing; allowed: {argument}=dict({name}=...)")
