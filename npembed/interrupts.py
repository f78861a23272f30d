"""Ctrl-C between two steps, never within one: what only reads stops at once, what writes does so when it has written all of it."""

import contextlib
import signal
import threading


class _Later(list):
    """A handler of Ctrl-C that remembers it."""

    def __call__(self, *_):
        self.append(True)


@contextlib.contextmanager
def deferred():
    """Hold Ctrl-C back until the block has ended; then let it act. Only the main thread ever sees one.

    Within another such block it is that one's end that counts. Checks and all else that may take long and writes nothing belong before it.

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
    before = signal.getsignal(signal.SIGINT)
    if isinstance(before, _Later) or before is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    seen = _Later()
    signal.signal(signal.SIGINT, seen)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if seen:
        signal.raise_signal(signal.SIGINT)  # to whoever handled it before: Python raises KeyboardInterrupt, unless told otherwise
