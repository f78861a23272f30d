"""Rules for nested values: what a saved document, or the state of a generator, may hold.

A rule is a function of (function, argument, value) that raises for a value that it does not allow, as every check of this package does:
`text` is one, and ``partial(integer, minimum=0)``. The functions here put rules together. What they return may be ignored: a rule
changes nothing.

>>> rule = record({"lr": partial(real, minimum=0)}, {"betas": row(real, real)})
>>> rule("load", "how", {"lr": 0.1, "betas": [0.9, "high"]})
Traceback (most recent call last):
TypeError: load: how['betas'][1] = 'high' is of type str; allowed: a finite number
"""

import difflib
from functools import partial

import numpy as np

from .values import choice, integer, names, real, said


def record(required, optional=None):
    """A rule for dicts with exactly these keys: a dict of key to the rule for its value; the `optional` ones may be missing."""
    rules = {**required, **(optional or {})}

    def check(function, argument, value):
        if not isinstance(value, dict):
            raise TypeError(f"{function}: {argument} is a {type(value).__name__}; allowed: a dict of {names(rules)}")
        for key, rule in rules.items():
            if key in value:
                rule(function, f"{argument}[{key!r}]", value[key])
        for key in value:
            if key not in rules:
                near = difflib.get_close_matches(key, rules, n=1) if isinstance(key, str) else []
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                raise ValueError(f"{function}: {argument} has an unknown key {said(key)}{hint}; allowed: {names(rules)}")
        for key in required:
            if key not in value:
                raise ValueError(f"{function}: {argument} lacks {key!r}; allowed: all of {', '.join(required)}")

    return check


def mapping(rule):
    """A rule for dicts by any name, with a rule for each value."""

    def check(function, argument, value):
        if not isinstance(value, dict):
            raise TypeError(f"{function}: {argument} is a {type(value).__name__}; allowed: a dict by name")
        for key, entry in value.items():
            rule(function, f"{argument}[{said(key)}]", entry)

    return check


def sequence(rule):
    """A rule for lists of any length, with a rule for each entry."""

    def check(function, argument, value):
        for i, entry in enumerate(_list(function, argument, value)):
            rule(function, f"{argument}[{i}]", entry)

    return check


def row(*rules):
    """A rule for lists that are as long as there are rules, one for each entry."""

    def check(function, argument, value):
        if len(_list(function, argument, value)) != len(rules):
            raise ValueError(f"{function}: {argument} has {len(value)} entries; allowed: {len(rules)}")
        for i, (rule, entry) in enumerate(zip(rules, value, strict=True)):
            rule(function, f"{argument}[{i}]", entry)

    return check


def _list(function, argument, value):
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{function}: {argument} is a {type(value).__name__}; allowed: a list")
    return value


def nullable(rule):
    """A rule for None, and for what another rule allows."""

    def check(function, argument, value):
        if value is not None:
            rule(function, argument, value)

    return check


def one_of(*allowed):
    """A rule for a few words, or for True, False and None."""
    return partial(choice, allowed=allowed)


def text(function, argument, value):
    """The rule for text."""
    if not isinstance(value, str):
        raise TypeError(f"{function}: {argument} = {said(value)} is of type {type(value).__name__}; allowed: text")


def number(function, argument, value):
    """The rule for numbers that a float can hold, nan and infinities too."""
    if not isinstance(value, float):
        real(function, argument, value)


def words(count, bits):
    """A rule for `count` whole numbers of so many bits, in a list or an array."""
    allowed = f"{count} whole numbers from 0 to 2**{bits} - 1"

    def check(function, argument, value):
        if not isinstance(value, (list, tuple, np.ndarray)):
            raise TypeError(f"{function}: {argument} is a {type(value).__name__}; allowed: {allowed}")
        if isinstance(value, np.ndarray) and value.ndim != 1:
            raise ValueError(f"{function}: {argument} has shape {value.shape}; allowed: {allowed}")
        if len(value) != count:
            raise ValueError(f"{function}: {argument} has {len(value)} entries; allowed: {allowed}")
        for i, entry in enumerate(value.tolist() if isinstance(value, np.ndarray) else value):
            integer(function, f"{argument}[{i}]", entry, 0, 2**bits - 1)

    return check
