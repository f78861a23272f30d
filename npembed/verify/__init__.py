"""Five tools that judge: none imports another.

* `gradcheck`: is this hand-written gradient the derivative of its function?
* `accuracy`: how far are our numbers from the true ones?
* `reproducibility`: does one seed give one result, whatever the threads?
* `conformance`: is this embedding layer right, whoever wrote it?
* `known_bugs`: which bugs of the peers are still there?

Each is imported when it is first asked for, so that `conformance` needs NumPy alone.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors and type checkers: the names of `_HOMES`
    from .accuracy import accuracy
    from .conformance import check
    from .gradcheck import check_layer, check_vjp
    from .gradcheck.judge import judge
    from .known_bugs import check_bugs
    from .reproducibility import check_bits

_HOMES = {
    "accuracy": "accuracy",
    "check": "conformance",
    "check_bits": "reproducibility",
    "check_bugs": "known_bugs",
    "check_layer": "gradcheck",
    "check_vjp": "gradcheck",
    "judge": "gradcheck",
}


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_HOMES])
