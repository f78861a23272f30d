"""What an adapter says of itself: capabilities, what it lacks, conventions, known failures, cases not to be run."""

import difflib
import functools
import inspect
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .conventions import CONVENTIONS
from .reading import cases

ALWAYS = frozenset(("lookup", "float32", "float64"))
"""What a layer can do unless its `lacks` says otherwise."""
ARGUMENTS = {"trainable": "frozen", "dtype": "bfloat16"}
"""Arguments of an adapter with another name than the capability that brings them."""


class Declared(NamedTuple):
    """What an adapter says of itself; `unused` are arguments of it that none of its capabilities brings."""

    capabilities: frozenset
    lacks: frozenset
    conventions: dict
    known: dict
    not_run: dict
    unused: tuple = ()

    def can(self, need):
        """Whether the layer can do what a case needs.

        >>> layer = Declared(frozenset(["optimizer"]), frozenset(["optimizer=sgd:momentum"]), {}, {}, {})
        >>> layer.can("optimizer=sgd"), layer.can("optimizer=sgd:momentum")
        (True, False)
        """
        return any(covers(c, need) for c in self.capabilities) and not any(within(need, lack) for lack in self.lacks)


def declared(adapter):
    """What `adapter` says of itself, checked."""
    if not callable(adapter) or not callable(getattr(adapter, "lookup", None)):
        raise TypeError(f"check: adapter = {adapter!r} has no method lookup; allowed: a class, see npembed.verify.conformance")
    capabilities, lacks = (_names(adapter, attribute) for attribute in ("capabilities", "lacks"))
    conventions, known, not_run = (_pairs(adapter, attribute) for attribute in ("conventions", "known_failures", "not_run"))
    for name, choice in conventions.items():
        if name not in CONVENTIONS:
            raise _unknown(f"conventions[{name!r}] is unknown", name, CONVENTIONS, CONVENTIONS)
        if choice not in CONVENTIONS[name]:
            allowed = ", ".join(CONVENTIONS[name])
            raise ValueError(f"check: conventions[{name!r}] = {choice!r} is not a choice; allowed: {allowed}")
    ids = {case.id for case in cases()}
    for attribute, listed in (("known_failures", known), ("not_run", not_run)):
        for id in listed:
            if id not in ids:
                raise _unknown(
                    f"{attribute}: {id!r} is no case", id, ids, ["ids of cases, see npembed.verify.conformance.cases()"]
                )
    about = Declared(ALWAYS | capabilities, lacks, conventions, known, not_run)
    return about._replace(unused=_unused(adapter, about))


def _names(adapter, attribute):
    """A set of names of what a case may need."""
    given = getattr(adapter, attribute, None) or ()
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(f"check: {attribute} = {given!r} is a {type(given).__name__}; allowed: a set of names")
    for name in given:
        if not isinstance(name, str) or name not in _known():
            begins = sorted({need.partition("=")[0] for need in _known()})
            raise _unknown(f"{attribute}: {name!r} is unknown", name, _known(), begins)
    return frozenset(given)


def _pairs(adapter, attribute):
    given = getattr(adapter, attribute, None) or {}
    if not isinstance(given, Mapping):
        raise TypeError(f"check: {attribute} = {given!r} is a {type(given).__name__}; allowed: a dict")
    return dict(given)


def _unknown(fact, name, names, allowed):
    """The error for a name that is none, with the nearest one that is."""
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return ValueError(f"check: {fact}{hint}; allowed: {', '.join(allowed)}")


@functools.lru_cache(maxsize=1)
def _known():
    """All names of what a case may need: with an option, without, and the beginning alone."""
    needs = {need for case in cases() for need in case.needs}
    needs |= {need.partition(":")[0] + ":lr" for need in needs if need.startswith("optimizer=")}  # each has one
    return needs | {need.partition(end)[0] for need in needs for end in ":="}


@functools.cache
def covers(capability, need):
    """Whether `capability` says that what a case needs is there: a name stands for all that it begins.

    >>> covers("normalizer", "normalizer=normalize:p"), covers("normalizer=softmax", "normalizer=normalize")
    (True, False)

    One option stands for itself, and for its owner without options.

    >>> covers("optimizer=sgd:momentum", "optimizer=sgd"), covers("optimizer=sgd:momentum", "optimizer=sgd:weight_decay")
    (True, False)
    """
    return within(need, capability) or within(capability, need)


def within(need, name):
    """Whether `name` is the need, or the beginning of it.

    >>> within("mode=sum", "mode"), within("mode=sum", "mode=su"), within("mode", "mode=sum")
    (True, False, False)
    """
    return need == name or need.startswith((f"{name}=", f"{name}:"))


def _unused(adapter, about):
    """Arguments of ``__init__`` and `lookup` that options of cases would be given to, if a capability said so."""
    try:
        taken = {**inspect.signature(adapter).parameters, **inspect.signature(adapter.lookup).parameters}
    except (TypeError, ValueError):  # not written in Python
        return ()
    needs, said = _arguments(), about.capabilities | about.lacks
    return tuple(name for name in taken if name in needs and not any(covers(known, needs[name]) for known in said))


@functools.lru_cache(maxsize=1)
def _arguments():
    """All arguments that a case may give, but for options of options: name, and the capability that brings it."""
    options = {option for case in cases() for option in case.raw["options"] if not option.endswith("_options")}
    return {name: ARGUMENTS.get(name, name) for name in (options | {"dtype", "weights"}) - {"row_shape"}}
