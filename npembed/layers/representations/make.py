"""From what a user writes (a representation, a class or a name, and options) to a representation."""

import inspect

from ... import check
from ...op import resolve
from .. import Embedding, Passes
from .representation import options_of

REPRESENTATIONS: dict = {}
"""By name, as the `__init__` of this folder lists them."""


@check.public
def make(choice, options, *, function, argument, rng, compat=None, **given):
    """A representation: `choice` itself, or one of that kind with `options` and what is `given` by the place that it is for.

    Parameters
    ----------
    choice : representation, its class, its name, or None for an `Embedding`
        See `REPRESENTATIONS`; the name of PyKEEN's class is understood too.
    options : dict, or None
    function, argument : for error messages
    rng : generator, for what is made here
    compat : None or "pykeen", unless `options` say it
    given : such as ``max_id``; None where the options are to say it

    Examples
    --------
    >>> make("Embedding", {"shape": 3}, function="example", argument="base", rng=None, max_id=2)
    Embedding(max_id=2, shape=(3,), dtype=float32)
    """
    options = check.keywords(function, f"{argument}_kwargs", options)
    if isinstance(choice, Passes):
        if options:
            raise ValueError(f"{function}: {argument} is made already, and {argument}_kwargs are given; allowed: one of them")
        return choice
    if isinstance(choice, str):
        choice = REPRESENTATIONS[resolve(REPRESENTATIONS, choice, function=function, argument=argument, suffix="Representation")]
    choice = Embedding if choice is None else choice
    if not (inspect.isclass(choice) and issubclass(choice, Passes)):
        known = check.names(REPRESENTATIONS)
        raise TypeError(f"{function}: {argument} is a {type(choice).__name__}; allowed: a representation, or a name ({known})")
    given = {name: value for name, value in given.items() if value is not None}
    for name in (*given, "rng"):
        if name in options:
            raise TypeError(f"{function}: {argument}_kwargs holds {name!r}; allowed: options without it, it is given already")
    for name in options:
        if name not in options_of(choice):
            raise check.unknown(function, f"{argument}_kwargs", name, options_of(choice))
    return choice(**{"compat": compat, **given, **options, "rng": rng})
