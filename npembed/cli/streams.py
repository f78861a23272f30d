"""Standard output and standard error of which nothing can be wrong: a lost reader, a full disk, an encoding without the letter.

A verb prints as it likes, ends as it would have ended, and its exit status is its own.
"""

import contextlib
import os
import sys


class Stream:
    """A stream that is written to without an error.

    Letters that its encoding lacks are written as escapes. After the first failure nothing more is written; `error` is then what was
    raised.

    Parameters
    ----------
    stream : text stream, or None where there is none, as after ``>&-``
    """

    def __init__(self, stream):
        self._stream, self.error = stream, None

    def write(self, text):
        """Write, or forget."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._try("write", text.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def flush(self):
        """Flush, or forget."""
        self._try("flush")

    def isatty(self):
        """Whether somebody looks on."""
        return self._stream is not None and self._stream.isatty()

    def close(self):
        """Flush, and let what could not be written go to nowhere when Python ends, which would try, fail and complain."""
        self.flush()
        if self.error is not None:
            with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())
                self._stream.flush()

    def _try(self, method, *arguments):
        if self._stream is not None and self.error is None:
            try:
                getattr(self._stream, method)(*arguments)
            except (OSError, ValueError) as error:  # ValueError: somebody has closed it
                self.error = error

    def __getattr__(self, name):
        return getattr(self._stream, name)


@contextlib.contextmanager
def forgiving():
    """Have `sys.stdout` and `sys.stderr` be a `Stream` each, which the block is given."""
    with contextlib.suppress(OSError):
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # or the next file to be opened becomes standard output
            pass
        os.close(descriptor)
    out, err = Stream(sys.stdout), Stream(sys.stderr)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            yield out, err
        finally:
            out.close()
            err.close()
