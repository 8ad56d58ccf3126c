# SPDX-License-Identifier: Apache-2.0
"""How a process that stays logs, and how it leaves.

Where no option of oslo.log is set, lines go to standard error: in the form of every OpenStack service, which collectors
of logs know. Where standard error is the journal, a line has only its priority in front (sd-daemon(3)), and the journal
adds the rest.
"""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from irqaffinity.daemon.journal import PRIORITIES
from irqaffinity.daemon.scribe import Desk, Scribe

LOG = logging.getLogger(__name__)

FORM = "%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s [-] %(message)s"
"""The default of oslo.log's logging_default_format_string for lines that name no instance."""

_TIME = "%Y-%m-%d %H:%M:%S"
_OURS = "irqaffinity"
_CHATTY = ("amqp", "kombu")
_FAREWELL = 1.0
"""Seconds that the process waits at its end for the last lines to be written."""


class LogRefused(ValueError):
    """The log cannot be set up as its options say; str() names the option and says why."""


class _Now:
    """The options with which the log is set up at present, and the thread that writes it."""

    debug = False
    options: Any = None
    scribe = Scribe()


def set_up_log(*, debug: bool, options: Any = None) -> None:
    """Log from INFO on, and with `debug` each step of this program; raise LogRefused, and leave the log as it was then.

    `options` are those of oslo.log (conf/logs), or None where none of them is set. It opens the log file anew.
    """
    root = logging.getLogger()
    if options is None and _Now.options is None and any(not isinstance(handler, Desk) for handler in root.handlers):
        return  # a program around this one has a log of its own
    if _Now.scribe.stands_still(_FAREWELL):
        _Now.scribe = _Now.scribe.give_up()
    try:
        troubles = _follow(options, debug=debug)
    except LogRefused:
        _follow(_Now.options, debug=_Now.debug)
        raise
    _Now.debug, _Now.options = debug, options
    for trouble in troubles:
        LOG.error("%s", trouble)


def set_level(*, debug: bool) -> None:
    """Log from INFO on, with `debug` each step of this program; of chatty libraries log only warnings and errors."""
    logging.getLogger().setLevel(logging.INFO)
    logging.getLogger(_OURS).setLevel(logging.DEBUG if debug else logging.NOTSET)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def is_on_stderr() -> bool:
    """Return whether lines of the log go to standard error."""
    desks = [desk for logger in _loggers() for desk in _desks(logger)]
    return any(getattr(handler, "stream", None) is sys.stderr for desk in desks for handler in desk.handlers)


def end_log() -> None:
    """Wait a moment until the last lines are written, and close the log; where they cannot be written, go on."""
    for desk in [desk for logger in _loggers() for desk in _desks(logger)]:
        desk.close()
    _Now.scribe.flush(_FAREWELL)


def leave(status: int) -> None:
    """End the process at once, without a shutdown of the interpreter: a thread may still be inside a library."""
    end_log()
    os._exit(status)


def stderr_handler(formatter: logging.Formatter | None = None) -> logging.Handler:
    """Return a handler for standard error; where that is the journal, each line begins with its priority."""
    handler = logging.StreamHandler(sys.stderr)
    if _is_journal():
        handler.setFormatter(_PriorityFormatter(formatter or logging.Formatter()))
    else:
        handler.setFormatter(formatter or logging.Formatter(FORM, _TIME))
    return handler


def _follow(options: Any, *, debug: bool) -> Sequence[str]:
    """Replace all handlers; return the troubles of a log that works, and raise LogRefused where it does not."""
    for logger in _loggers():
        for desk in _desks(logger):
            logger.removeHandler(desk)
            desk.close()
        if getattr(_Now.options, "log_config_append", None):  # what such a file says of a logger ends with it
            logger.propagate = True
            logger.setLevel(logging.NOTSET)
    troubles: Sequence[str] = ()
    if options is None:
        set_level(debug=debug)
        logging.getLogger().addHandler(stderr_handler())
    else:
        from irqaffinity.daemon.oslo import set_up_oslo_log  # noqa: PLC0415  5 MB and 40 ms, and seldom wanted

        troubles = set_up_oslo_log(options, debug=debug)
    for logger in _loggers():
        handlers = [handler for handler in logger.handlers if not isinstance(handler, (Desk, logging.NullHandler))]
        if handlers:
            logger.handlers = [Desk(_Now.scribe, handlers)]
    return troubles


def _loggers() -> Iterator[logging.Logger]:
    yield logging.getLogger()
    yield from (found for found in list(logging.root.manager.loggerDict.values()) if isinstance(found, logging.Logger))


def _desks(logger: logging.Logger) -> Sequence[Desk]:
    return [handler for handler in logger.handlers if isinstance(handler, Desk)]


def _is_journal() -> bool:
    """Return whether standard error is the journal itself, by the rule of systemd.exec(5)."""
    try:
        found = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class _PriorityFormatter(logging.Formatter):
    """Puts the priority in front of each line of another formatter."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        front = f"<{PRIORITIES.get(record.levelno, 6)}>"
        return front + self._inner.format(record).replace("\n", f"\n{front}")
