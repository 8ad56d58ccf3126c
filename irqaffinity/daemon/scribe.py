# SPDX-License-Identifier: Apache-2.0
"""Writes the log in a thread of its own, so that no other thread waits for a disk, a pipe or the journal, or fails.

Only this thread touches a handler that is in use, also to close it: whoever stands in a write holds the handler's lock.

There is a second reason. The formatters of oslo.log add the exception that a thread is handling to a warning: also
where the warning already says it, or leaves it out because it may repeat a password. This thread handles none.
"""

import contextlib
import logging
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any

LIMIT = 10_000
"""Lines that may wait to be written; further ones are lost, and counted."""

_FIELDS = {"guest": "uuid", "irqs": "interrupts"}
"""Names of the fields of a settled change in the log, where the record has other names for them."""


class Scribe:
    """Starts its thread with the first line. For any number of threads."""

    def __init__(self, lost: int = 0) -> None:
        """Take the number of lines that were lost before the first one."""
        self._lines: deque[tuple[logging.LogRecord | None, Sequence[logging.Handler]]] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._is_writing = self._is_left = False
        self._lost = lost
        self._done = 0
        self._thread: threading.Thread | None = None
        self._failing: dict[logging.Handler, int] = {}
        self._error: BaseException | None = None

    def take(self, record: logging.LogRecord, handlers: Sequence[logging.Handler]) -> None:
        """Queue a record for the thread, which writes it with these handlers."""
        with self._changed:
            if len(self._lines) < LIMIT:
                self._put(record, handlers)
            else:
                self._lost += 1

    def close(self, handlers: Sequence[logging.Handler]) -> None:
        """Have handlers closed after the lines that they were given."""
        with self._changed:
            if not self._is_left:
                self._put(None, handlers)

    def give_up(self) -> "Scribe":
        """Leave a handler that stands still to itself, with the lines that wait for it; return who writes from now on.

        The thread ends when its handler goes on, and else with the process.
        """
        with self._changed:
            self._is_left = True
            lost = self._lost + sum(record is not None for record, _ in self._lines)
            self._lines.clear()
        return Scribe(lost)

    def flush(self, seconds: float) -> bool:
        """Wait until all lines are written, at most so many seconds; return whether they are."""
        end = monotonic() + seconds
        with self._changed:
            while self._lines or self._is_writing:
                left = end - monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def stands_still(self, seconds: float) -> bool:
        """Wait until all is written, at most twice so long; tell whether no line is written any more."""
        if self.flush(seconds):
            return False
        before = self._done
        return not self.flush(seconds) and self._done == before

    def _put(self, record: logging.LogRecord | None, handlers: Sequence[logging.Handler]) -> None:
        self._lines.append((record, handlers))
        if self._thread is None:
            with contextlib.suppress(RuntimeError):  # no thread can be had: the next line tries again
                self._thread = self._start()
        self._changed.notify_all()

    def _start(self) -> threading.Thread:
        """Start the thread with all signals blocked, so that they go to the threads that wait for them."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            thread = threading.Thread(target=self._run, name="log", daemon=True)
            thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return thread

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._done += 1
                self._changed.notify_all()
                while not self._lines and not self._is_left:
                    self._changed.wait()
                if self._is_left:
                    return
                record, handlers = self._lines.popleft()
                self._is_writing = True
            if record is None:
                self._close(handlers)
            else:
                self._tell_of_loss(handlers)
                self._write(record, handlers)

    def _tell_of_loss(self, handlers: Sequence[logging.Handler]) -> None:
        with self._changed:
            lost, self._lost = self._lost, 0
        if lost:
            told = f"{lost} lines of the log were lost: they came faster than they could be written"
            self._write(_made_up(told), handlers)

    def _close(self, handlers: Iterable[logging.Handler]) -> None:
        for handler in handlers:
            self._failing.pop(handler, None)
            with contextlib.suppress(Exception):  # it may be one of log_config_append
                handler.close()

    def _write(self, record: logging.LogRecord, handlers: Iterable[logging.Handler]) -> None:
        for handler in handlers:
            if record.levelno >= handler.level:
                self._hand(record, handler)

    def _hand(self, record: logging.LogRecord, handler: logging.Handler) -> None:
        """Have a handler write a record. Report its first failure on standard error, and the end of it in the log."""
        handler.handleError = self._note  # type: ignore[method-assign]
        self._error = None
        try:
            handler.handle(record)
        except Exception as error:  # noqa: BLE001  a handler may raise anything, also one of log_config_append
            self._error = error
        if self._error is not None:
            self._failing[handler] = self._failing.get(handler, 0) + 1
            if self._failing[handler] == 1:
                _tell_of_failure(handler, self._error)
            return
        lost = self._failing.pop(handler, 0)
        if lost:
            told = f"the log can be written again; up to {lost} lines before the last one were lost"
            self._hand(_made_up(told), handler)

    def _note(self, record: logging.LogRecord) -> None:  # noqa: ARG002  the name is logging's
        """Note the error of a handler, in place of logging's handleError, which prints a traceback for each line."""
        self._error = sys.exc_info()[1]


class Desk(logging.Handler):
    """Takes the records of a logger, and gives them to the scribe for `handlers`."""

    def __init__(self, scribe: Scribe, handlers: Sequence[logging.Handler]) -> None:
        super().__init__()
        self.handlers = handlers
        self._scribe = scribe

    def emit(self, record: logging.LogRecord) -> None:
        """Put the message together in this thread, before its parts can change, and pass it to the scribe."""
        try:
            record.msg, record.args = record.getMessage(), None
        except Exception:  # noqa: BLE001  a line that cannot be put together is no reason to fail
            record.msg, record.args = f"a line cannot be put together: {record.msg!r}", None
        fields = fields_of(record)
        if fields:
            record.extra = fields
        self._scribe.take(record, self.handlers)

    def close(self) -> None:
        """Have the handlers closed as well."""
        self._scribe.close(self.handlers)
        super().close()


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of a record's settled change, by their names in JSON and in the journal; else an empty dict."""
    change = getattr(record, "change", None)
    if not isinstance(change, dict):
        return {}
    return {_FIELDS.get(str(name), str(name)): value for name, value in change.items()}


def _made_up(message: str) -> logging.LogRecord:
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, message, None, None)


def _tell_of_failure(handler: logging.Handler, error: BaseException) -> None:
    """Write a line to standard error, unless standard error itself fails or is closed."""
    stream = sys.stderr
    if stream is None or getattr(handler, "stream", None) is stream:
        return
    where = getattr(handler, "baseFilename", None) or getattr(handler, "place", None) or type(handler).__name__
    why = getattr(error, "strerror", None) or type(error).__name__
    try:
        stream.write(f"irqaffinity: the log cannot be written to {where}: {why}; lines are lost until it can\n")
        stream.flush()
    except (OSError, ValueError):
        return
