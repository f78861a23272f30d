"""What is called with arguments that it has not says so in the words of the house: a misspelt keyword is told the nearest one.

Python finds a bad keyword before the function that is called begins, so no function can tell of it by itself. `doors` puts a thin layer
before all public functions and classes of a module at once; `npembed` does that to each room that is imported.
"""

import difflib
import functools
import inspect
import math
import types
from typing import Any

METHODS = ("__init__", "__call__")


def doors(module):
    """Have the public functions, and the methods of the public classes, of a module refuse arguments in the words of the house."""
    public = getattr(module, "__all__", None) or [
        name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__
    ]
    for name in public:
        value = vars(module).get(name)
        if name.startswith("_") or not getattr(value, "__module__", "").startswith("npembed."):
            continue
        if isinstance(value, types.FunctionType):
            _put_before(value)
        elif isinstance(value, type):
            for kind in value.__mro__:
                if kind.__module__.startswith("npembed."):
                    _methods(kind)


def _methods(kind):
    """Give the public methods of a class their doors."""
    for name, method in list(vars(kind).items()):
        if name in METHODS or not name.startswith("_"):
            if isinstance(method, (classmethod, staticmethod)):
                setattr(kind, name, type(method)(door(method.__func__)))
            elif isinstance(method, types.FunctionType):
                setattr(kind, name, door(method))


def _through(*args, **options):
    call: Any = "the door"
    return call(*args, **options)


def _put_before(function):
    """Put a door before a function that stays the object that it is: registries hold it already, and some compare by identity.

    Its code becomes that of `_through`, with the door in the place of the constant; what it was before is behind ``__wrapped__``.
    """
    if hasattr(function, "__wrapped__") or function.__closure__:
        return
    inner = types.FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
    for name in ("__kwdefaults__", "__qualname__", "__doc__", "__annotations__"):
        setattr(inner, name, getattr(function, name))
    consts = tuple(door(inner) if const == "the door" else const for const in _through.__code__.co_consts)
    function.__code__ = _through.__code__.replace(co_consts=consts, co_name=function.__name__)
    function.__wrapped__ = inner  # type: ignore[attr-defined]


def door(function):
    """`function`, refusing arguments that it has not by a TypeError in the words of the house.

    >>> door(lambda *, dim: dim)(dimm=3)
    Traceback (most recent call last):
    TypeError: <lambda>: dimm is no argument (did you mean 'dim'?); allowed: dim
    """
    if hasattr(function, "__wrapped__") or not isinstance(function, types.FunctionType):
        return function

    refused, named, unaffordable = refusal, name_of, without_memory

    def call(*args, **options):
        try:
            return function(*args, **options)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:  # it was raised inside
                raise
            message = refused(function, args, options) or str(error)
        except MemoryError as error:
            raise unaffordable(named(function, args), error) from None
        raise TypeError(message)

    # with the globals of the function, by which doctest and others tell where it is from; so `call` has no global of its own
    made = types.FunctionType(call.__code__, function.__globals__, closure=call.__closure__)
    return functools.wraps(function)(made)


def name_of(function, args):
    """What a user calls it: of a class, the class."""
    return type(args[0]).__name__ if function.__name__ in METHODS else function.__name__


def without_memory(name, error):
    """The error for an array that there is no memory for, in the words of the house; the outermost function is the one that is named."""
    if not (hasattr(error, "shape") and hasattr(error, "dtype")):  # not NumPy's
        return error if str(error) else MemoryError(f"{name}: memory is at an end; allowed: what fits into it")
    size = math.prod(error.shape) * error.dtype.itemsize
    told = MemoryError(f"{name}: an array of shape {tuple(error.shape)} takes {size:,} bytes; allowed: what fits into memory")
    told.shape, told.dtype = error.shape, error.dtype  # type: ignore[attr-defined]
    return told


def refusal(function, args, options):
    """Why `function` cannot be called with these arguments, as a message; None if it can."""
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **options)
        return None
    except TypeError as error:
        fact = str(error)
    parameters = list(signature.parameters.values())
    name = name_of(function, args)
    if "." in function.__qualname__ and parameters and parameters[0].name in ("self", "cls"):
        parameters, args = parameters[1:], args[1:]
    by_name = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    by_place = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    odd = next((option for option in options if option not in by_name), None)
    if odd is not None and not any(p.kind is p.VAR_KEYWORD for p in parameters):
        near = difflib.get_close_matches(odd, by_name, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        return f"{name}: {odd} is no argument{hint}; allowed: {', '.join(by_name) or 'none'}"
    if len(args) > len(by_place):
        return f"{name}: {len(args)} arguments are given by place; allowed: up to {len(by_place)}" + (
            f" ({', '.join(p.name for p in by_place)})" if by_place else ""
        )
    given = {p.name for p in by_place[: len(args)]} | options.keys()
    missing = next((p.name for p in parameters if p.default is p.empty and p.name in by_name and p.name not in given), None)
    return f"{name}: {fact if missing is None else f'{missing} is missing'}; allowed: {', '.join(by_name)}"
