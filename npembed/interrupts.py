"""Ctrl-C between two steps, never within one: what only reads stops at once, what writes does so when it has written all of it."""

import _signal  # the module `signal` turns what it gives and takes into enum members, which takes ten times as long as all the rest
import signal
import threading

SIGINT = int(signal.SIGINT)


def deferred():
    """Hold Ctrl-C back until the block has ended; then let it act. Only the main thread ever sees one.

    Within another such block it is that one's end that counts. Checks, and all else that may take long and writes nothing, belong before
    the block. It costs about a microsecond.

    Examples
    --------
    >>> done = []
    >>> try:
    ...     with deferred():
    ...         signal.raise_signal(signal.SIGINT)
    ...         done.append("whole")
    ... except KeyboardInterrupt:
    ...     done.append("stopped")
    >>> done
    ['whole', 'stopped']
    """
    return _Deferral()


class _Deferral:
    """A handler of Ctrl-C that remembers it, in force for the length of a block."""

    __slots__ = ("before", "seen")

    def __enter__(self):
        before = _signal.getsignal(SIGINT)
        if isinstance(before, _Deferral) or threading.current_thread() is not threading.main_thread():
            before = None
        self.before, self.seen = before, False
        if before is not None:  # as it also is where the handler was not set by Python
            _signal.signal(SIGINT, self)

    def __call__(self, *_):
        self.seen = True

    def __exit__(self, *_):
        if self.before is not None:
            _signal.signal(SIGINT, self.before)
            if self.seen:
                signal.raise_signal(
                    SIGINT
                )  # to whoever handled it before: Python raises KeyboardInterrupt, unless told otherwise
