"""Ctrl-C between two steps, never within one: code that writes nothing stops at once, code that writes stops after its current step."""

import _signal  # the module `signal` turns what it gives and takes into enum members, which takes ten times as long as all the rest
import contextlib
import signal
import threading

SIGINT = int(signal.SIGINT)
ENDING = tuple(int(getattr(signal, name)) for name in ("SIGHUP", "SIGTERM", "SIGINT") if hasattr(signal, name))
"""The signals that ask a process to end: a closed terminal (not on Windows), ``kill``, Ctrl-C."""


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


class Stopped(KeyboardInterrupt):
    """One of the signals `ENDING`, where `Stops` lets it act; `number` says which."""

    def __init__(self, number, message=""):
        super().__init__(*[message] * bool(message))
        self.number = number


class Stops:
    """For the length of a block, SIGTERM and SIGHUP do what Ctrl-C does, and all three only where the block lets them.

    Elsewhere they are remembered, however many come, so that what must not be lost can be saved. They act where `pause` is called,
    as `npembed.kge.training.fit` does between two batches, and anywhere in an `at_once` block. A signal that was ignored before stays
    ignored (as SIGHUP under ``nohup``). Only the main thread ever sees a signal.

    Attributes
    ----------
    seen : int, the first signal that came, or None

    Examples
    --------
    >>> with Stops() as stops:
    ...     signal.raise_signal(signal.SIGTERM)
    ...     print("saved")
    ...     try:
    ...         pause()
    ...     except Stopped as stop:
    ...         print("stopped by", stop.number)
    saved
    stopped by 15
    """

    _in_force: "Stops | None" = None

    def __init__(self):
        self.seen: int | None = None
        self._acts = False
        self._before: dict = {}

    def __enter__(self):
        self._outer, Stops._in_force = Stops._in_force, self
        if threading.current_thread() is threading.main_thread():
            for number in reversed(ENDING):  # Ctrl-C first, so that what raises is held back from then on
                before = _signal.getsignal(number)
                if before not in (None, _signal.SIG_IGN):
                    self._before[number] = before
                    _signal.signal(number, self)
        return self

    def __call__(self, number, _):
        self.seen = self.seen or number
        if self._acts:
            self._acts = False  # once: from here on what is to be saved is safe from a second one
            raise Stopped(number)

    def __exit__(self, *_):
        Stops._in_force = self._outer
        for number in ENDING:
            if number in self._before:
                _signal.signal(number, self._before[number])

    @contextlib.contextmanager
    def at_once(self):
        """Let the first signal act wherever this block is when it comes, or at the start, if it came before."""
        self._acts = True
        try:
            self._act()
            yield
        finally:
            self._acts = False
        self._act()  # what was raised where Python swallows errors, as in a finalizer

    def _act(self):
        if self.seen:
            self._acts = False
            raise Stopped(self.seen)


def pause():
    """Let a signal act here that `Stops` has held back."""
    if Stops._in_force is not None:
        Stops._in_force._act()
