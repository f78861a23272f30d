"""What the verbs share: how bad input is told from our own errors, and a progress bar."""

import contextlib
import json
import math
import sys
import warnings

from ..check import escaped


class BadInputError(Exception):
    """What the user asked for cannot be done; any other error is ours, and keeps its traceback."""


def tell(message):
    """Say something on standard error, in one line."""
    print(f"npembed: {escaped(message)}", file=sys.stderr)


@contextlib.contextmanager
def refusing():
    """Around the checks of a verb's input: what they raise is the user's to mend, and what they warn of is said at once, before that."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = lambda message, *_, **__: tell(str(message))
        try:
            yield
        except (ValueError, TypeError, LookupError) as error:
            raise BadInputError(str(error)) from error


def progress(total, unit):
    """tqdm, if it is installed; it stays silent where standard error is no terminal. Without a `total`, the items' own."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return None
    return lambda items, desc: tqdm(items, desc=desc, total=total, unit=unit, disable=None, leave=False)


def as_json(value):
    """`value` as JSON that any reader takes: a number that is not finite becomes a word, which `float` reads.

    >>> print(as_json([1.5, float("inf")]))
    [
     1.5,
     "inf"
    ]
    """
    return json.dumps(_finite(value), indent=1, allow_nan=False)


def _finite(value):
    if isinstance(value, dict):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
