"""What the state of a generator may hold, field by field.

NumPy checks little of what it is given for the state of a stream, and reads memory that is not its own where a place in it is out of
range. So nothing is handed over that these rules have not allowed, wherever it comes from.
"""

from functools import partial

from ... import check
from ...check.rules import nullable, one_of, record, text, words
from .word_stream import SEEDS

_MOST_NORMAL = 8.6
"""Beyond every normal number made from 53 bits: ``sqrt(2 * 53 * log(2))`` is 8.57."""


def _whole(maximum, minimum=0):
    return partial(check.integer, minimum=minimum, maximum=maximum)


def _twister_key(function, argument, value):
    """The words of a Mersenne Twister: not all are zero, or all that follow would be."""
    words(624, 32)(function, argument, value)
    if not any(value[1:]) and value[0] < 2**31:  # of the first word, only the highest bit counts
        raise ValueError(f"{function}: {argument} is all zero, and would stay so; allowed: the words of a stream")


def _odd(function, argument, value):
    """The increment of a PCG64, which by even steps would not reach all of its states."""
    if check.integer(function, argument, value, 0, 2**128 - 1) % 2 == 0:
        raise ValueError(f"{function}: {argument} = {value} is even; allowed: an odd whole number")


check_torch = record(
    {
        "kind": one_of("torch"),
        "seed": _whole(SEEDS[1], SEEDS[0]),
        "words_drawn": _whole(check.LARGEST),
        "key": _twister_key,
        "position": _whole(624),
        "next_normal": nullable(partial(check.real, minimum=-_MOST_NORMAL, maximum=_MOST_NORMAL)),
    }
)
"""The rule for a state of a `TorchGenerator`."""

_PCG64 = {"state": record({"state": _whole(2**128 - 1), "inc": _odd})}
_PHILOX = {
    "state": record({"counter": words(4, 64), "key": words(2, 64)}),
    "buffer": words(4, 64),
    "buffer_pos": _whole(4),
}
_HALF_LEFT = {"has_uint32": _whole(1), "uinteger": _whole(2**32 - 1)}
STREAMS = {
    "PCG64": {**_PCG64, **_HALF_LEFT},
    "PCG64DXSM": {**_PCG64, **_HALF_LEFT},
    "MT19937": {"state": record({"key": _twister_key, "pos": _whole(624)})},
    "Philox": {**_PHILOX, **_HALF_LEFT},
    "SFC64": {"state": record({"state": words(4, 64)}), **_HALF_LEFT},
}
"""The streams of NumPy that can be made anew, and what their states hold beside the name."""


def check_numpy(function, argument, value, kind, name):
    """The rule for a state of a `NumpyGenerator` on the stream `name`, which is of a `kind` in `STREAMS`, or None.

    A stream of no such kind is not NumPy's, and checks its state itself.
    """
    stream = record({"bit_generator": one_of(name), **STREAMS[kind]}) if kind else lambda *_: None
    record({"kind": one_of("numpy"), "bit_generator": stream})(function, argument, value)


def check_any_numpy(function, argument, value):
    """The rule for a state of a `NumpyGenerator` on any of `STREAMS`."""
    record({"kind": one_of("numpy"), "bit_generator": _any_stream})(function, argument, value)


def _any_stream(function, argument, value):
    if not isinstance(value, dict):
        raise TypeError(f"{function}: {argument} is a {type(value).__name__}; allowed: the state of a stream of NumPy")
    name = check.choice(function, f"{argument}['bit_generator']", value.get("bit_generator"), tuple(STREAMS))
    record({"bit_generator": text, **STREAMS[name]})(function, argument, value)


def check_any(function, argument, value):
    """The rule for a state of either kind of generator.

    >>> check_any("load", "generator", {"kind": "os"})
    Traceback (most recent call last):
    ValueError: load: generator['kind'] = 'os' is not a choice; allowed: 'torch' or 'numpy'
    """
    if not isinstance(value, dict):
        raise TypeError(f"{function}: {argument} is a {type(value).__name__}; allowed: the state of a generator")
    kind = check.choice(function, f"{argument}['kind']", value.get("kind"), ("torch", "numpy"))
    (check_torch if kind == "torch" else check_any_numpy)(function, argument, value)
