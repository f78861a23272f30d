"""What is written down of a bug, and how two answers are compared."""

import inspect
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ... import check


class Raises(NamedTuple):
    """An answer that is an error: its type, or those that would be right."""

    names: tuple[str, ...]

    def __str__(self):
        return " or ".join(self.names)


REFUSED = Raises(("ValueError", "IndexError", "TypeError", "RuntimeError", "AssertionError", "FloatingPointError"))
"""Right where there is no right number: any error that says so."""

UNREPORTED = "no report seen"


class Finding(NamedTuple):
    """A bug of a peer.

    Attributes
    ----------
    peer : name of its package
    seen : first and last version of it in which this was seen
    id : letter of the peer and number; a second letter for what has the same cause
    reproduce : function without arguments that imports the peer and returns what it gives; its docstring is the title
    got : what it gave in the versions of `seen`: numbers, booleans, words, lists of them, or `Raises`
    right : what it should give, literally
    why : the proof that this is right
    upstream : where it was reported
    ours : function without arguments, what npembed gives; None where it has no such thing
    rtol : how far a number may be from `got` or `right`, relative to it
    foreign : whether the peer reads memory that is none of its own, so that it may give anything, or crash
    """

    peer: str
    seen: tuple[str, str]
    id: str
    reproduce: Callable[[], Any]
    got: Any
    right: Any
    why: str
    upstream: str = UNREPORTED
    ours: Callable[[], Any] | None = None
    rtol: float = 0.0
    foreign: bool = False

    @property
    def title(self):
        """What is wrong, in a line."""
        return inspect.getdoc(self.reproduce)

    @property
    def code(self):
        """The minimal input: the lines of `reproduce` below its docstring."""
        _, _, body = inspect.getsource(self.reproduce).split('"""', 2)
        return textwrap.dedent(body).strip()


@check.public
def answer(call):
    """What a call returns; an error is an answer too.

    >>> answer(lambda: [1.0]), answer(lambda: [][0])
    ([1.0], Raises(names=('IndexError',)))
    """
    try:
        return call()
    except Exception as error:  # whatever a peer raises is what is asked for
        return Raises((type(error).__name__,))


@check.public
def agrees(found, expected, rtol=0.0):
    """Whether an answer is the expected one: of one kind and shape, numbers within `rtol` of it, NaN where NaN is expected.

    >>> agrees([1.0, 2.0], [1.0, 2.1]), agrees([1.0, 2.0], [1.0, 2.1], rtol=0.1)
    (False, True)
    >>> agrees(Raises(("IndexError",)), REFUSED)
    True
    """
    if isinstance(found, Raises) or isinstance(expected, Raises):
        return isinstance(found, Raises) and isinstance(expected, Raises) and found.names[0] in expected.names
    a, b = np.asarray(found), np.asarray(expected)
    if a.shape != b.shape or not {a.dtype.kind, b.dtype.kind} <= set("iufc"):
        return a.dtype.kind == b.dtype.kind and np.array_equal(a, b)
    return bool(np.allclose(a, b, rtol=rtol, atol=0.0, equal_nan=True))
