"""Ctrl-C between two steps, never within one."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def interrupts_deferred():
    """Hold Ctrl-C back until the block has ended; then let it act. Only the main thread ever sees one."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield
        return
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if seen:
        signal.raise_signal(signal.SIGINT)  # to whoever handled it before: Python raises KeyboardInterrupt, unless told otherwise
