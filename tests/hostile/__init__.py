"""Bad calls, each in a process of its own: what is called, what may come of it, and how to find out what did.

A `Call` is either refused, by an exception of a type that is named, in one line in the words of the house; or it is answered, and then
rightly, by an oracle that shares no code with npembed. Whatever it is given stays as it was, to the last bit, but for what it is told to
write. Nothing dies, nothing hangs, and nothing warns.

`python -m hostile` (see `__main__`) makes the calls, and `complaints` judges what came of them.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

FORM = r"[A-Za-z_.0-9 ]+: [^\n]+; (allowed: |valid ids are |known are |it has no valid id)[^\n]*"
"""How an error reads: who refuses, what, and what is allowed."""


class Call(NamedTuple):
    """One call.

    Attributes
    ----------
    name : str
    kind : str, what is bad about it
    do : function of a `World`
        The call; what it returns is compared with the answer.
    error : type, or None for a call that is answered
    says : str, a pattern for the beginning of the message
    answer : function of another `World` that returns what is right
    within : float, the relative error that an answer may have; 0 asks for the same bits
    writes : tuple of str, the names of what is given that may change
    alone : bool, whether it wants an interpreter that has done nothing else
    env : tuple of (str, str), variables for that interpreter
    plain : bool, whether it can be asked without the JIT: what is big or threaded cannot
    """

    name: str
    kind: str
    do: Callable
    error: type | None = None
    says: str = ""
    answer: Callable | None = None
    within: float = 0.0
    writes: tuple = ()
    alone: bool = False
    env: tuple = ()
    plain: bool = True


def refused(kind, name, do, error, says, **more):
    """A call that is refused."""
    return Call(name, kind, do, error=error, says=says, **more)


def answered(kind, name, do, answer, **more):
    """A call that is answered."""
    return Call(name, kind, do, answer=answer, **more)


def same(found, right, within):
    """Whether an answer is right: arrays of one shape, dtype and bits, or near; of tuples and lists, each part."""
    if isinstance(right, (tuple, list)):
        return type(found) in (tuple, list) and len(found) == len(right) and all(map(same, found, right, [within] * len(right)))
    if isinstance(right, np.ndarray) and not isinstance(found, np.ndarray):
        return False
    a, b = np.asarray(found), np.asarray(right)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if within and a.dtype.kind in "fc":
        return bool(np.allclose(a, b, rtol=within, atol=0.0, equal_nan=True))
    return a.tobytes() == b.tobytes() or bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


def complaints(call, outcome):
    """What is wrong with what came of a call: a list of sentences.

    Parameters
    ----------
    call : Call
    outcome : dict
        "end", which is "refused", "answered", "signal N", "hung" or "exit N"; and what `attempt` tells of the first two.
    """
    end = outcome["end"]
    if end not in ("refused", "answered"):
        return [f"the process ended by: {end}; {outcome.get('error', '')}"]
    wrong = [f"{name} was changed" for name in outcome["changed"] if end == "refused" or name not in call.writes]
    if call.error is None:
        if end == "refused":
            return [*wrong, f"it was refused: {outcome['types'][0]}: {outcome['message']}"]
        return wrong if outcome["right"] else [*wrong, f"the answer is wrong: {outcome['found']}"]
    if end == "answered":
        return [*wrong, f"it was not refused, and gave {outcome['found']}"]
    if call.error.__name__ not in outcome["types"]:
        wrong.append(f"the error is a {outcome['types'][0]}, not a {call.error.__name__}: {outcome['message']}")
    for pattern in (call.says, FORM):
        if not re.match(pattern, outcome["message"]):
            wrong.append(f"the message does not read as {pattern!r}: {outcome['message']}")
    return wrong


def attempt(call, world, other):
    """Make the call in this very process, and tell what came of it as a dict that JSON can hold."""
    before = world.digests()
    told = {"changed": [], "found": "", "right": False}
    try:
        with np.errstate(all="ignore"):  # what NumPy says of NaN and infinities is its own affair
            found = call.do(world)
    except Exception as error:
        told |= {
            "end": "refused",
            "types": [t.__name__ for t in type(error).__mro__],
            "message": str(error.args[0] if error.args else ""),
        }
    else:
        told |= {"end": "answered", "found": repr(found)[:300]}
        with np.errstate(all="ignore"):
            told["right"] = call.answer is not None and same(found, call.answer(other), call.within)
    after = world.digests()
    told["changed"] = [name for name in before if before[name] != after.get(name)]
    return told
