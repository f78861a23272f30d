"""What is called with arguments that it does not have says so in the words of the house: a misspelt keyword is told the nearest one.

Python finds a bad keyword before the function that is called begins, so no function can tell of it by itself.
"""

import difflib
import functools
import inspect
import math
import types
from typing import TypeVar

METHODS = ("__init__", "__call__")
Thing = TypeVar("Thing")


def public(thing: Thing) -> Thing:
    """Decorate a function, or a class with public methods: called with arguments that it does not have, it names itself and them.

    A lack of memory is told in the words of the house too.

    >>> public(lambda *, dim: dim)(dimm=3)
    Traceback (most recent call last):
    TypeError: <lambda>: dimm is no argument (did you mean 'dim'?); allowed: dim
    """
    if not isinstance(thing, type):
        return _refusing(thing)
    for name, method in list(vars(thing).items()):
        if name in METHODS or not name.startswith("_"):
            if isinstance(method, (classmethod, staticmethod)):
                setattr(thing, name, type(method)(_refusing(method.__func__)))
            elif isinstance(method, types.FunctionType):
                setattr(thing, name, _refusing(method))
    return thing


def _refusing(function):
    """`function`, with its errors in the words of the house."""
    if hasattr(function, "__wrapped__"):
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
