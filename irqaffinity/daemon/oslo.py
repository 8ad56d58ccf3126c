# SPDX-License-Identifier: Apache-2.0
"""Sets the log up with oslo.log. Only a process where one of its options is set imports this: it takes 5 MB.

It differs from oslo.log in this: lines never go to standard output, which is for reports; the journal needs no
systemd-python, and syslog not the C library; the process goes on where a file cannot be opened; and --debug is for this
program's lines alone.
"""

import logging
import logging.config
import os
import stat
import sys
import syslog
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # these libraries warn each other; an operator can do nothing about it
    # Older ones load eventlet, and eventlet 0.33 cannot load a newer dnspython for its own look-up of names.
    os.environ["EVENTLET_NO_GREENDNS"] = "yes"
    from oslo_log import formatters, handlers, log, rate_limit

from irqaffinity.daemon.journal import SOCKET, SYSLOG, JournalHandler, SyslogHandler
from irqaffinity.daemon.log import LogRefused, set_level, stderr_handler

_NAME = "irqaffinity"
_SPARE = "lines go to standard error meanwhile: mend that, and send SIGHUP"


class _Overlaid:
    """The options, with other values for some of them: oslo.log reads them as attributes."""

    def __init__(self, options: Any, **values: Any) -> None:
        self.__dict__.update(values)
        self._options = options

    def __getattr__(self, name: str) -> Any:
        return getattr(self._options, name)


_levelled: set[str] = set()
"""The loggers that have their level from default_log_levels."""


def set_up_oslo_log(options: Any, *, debug: bool) -> Sequence[str]:
    """Set the log up as the options say; return the troubles, and raise LogRefused where it cannot be set up at all."""
    rate_limit.uninstall_filter()
    for name in _levelled:
        logging.getLogger(name).setLevel(logging.NOTSET)
    _levelled.clear()
    set_level(debug=debug)
    if options.log_config_append:
        return _follow_file(options.log_config_append)
    path = log_path(options)
    trouble = None if path is None else _why_not_writable(path)
    troubles = [] if trouble is None else [f"[DEFAULT] log_file: {path} cannot be opened: {trouble}; {_SPARE}"]
    if options.use_syslog and not os.path.exists(SYSLOG):
        troubles.append(f"[DEFAULT] use_syslog: {SYSLOG} is not there, so nobody gets these lines: mount it")
    if options.use_journal and not os.path.exists(SOCKET):
        troubles.append(f"[DEFAULT] use_journal: {SOCKET} is not there, so nobody gets these lines: mount it")
    _follow(options, has_file=path is not None and trouble is None, is_short=bool(troubles), debug=debug)
    return troubles


def log_path(options: Any) -> str | None:
    """Return the file of log_file and log_dir, None where neither is set."""
    return os.path.join(options.log_dir or "", options.log_file) if options.log_file else None


def _follow(options: Any, *, has_file: bool, is_short: bool, debug: bool) -> None:
    """Set all handlers up. With `is_short`, where a place would get no lines, send them to standard error too."""
    overlaid = _Overlaid(options, debug=False, publish_errors=False, use_eventlog=False, watch_log_file=False)
    overlaid.__dict__.update(use_stderr=False, use_journal=False, use_syslog=False, fatal_deprecations=False)
    if not has_file:
        overlaid.__dict__.update(log_file=None, log_dir=None)
    root = logging.getLogger()
    try:
        log.setup(overlaid, _NAME, version(_NAME))
    except Exception as error:
        raise LogRefused(f"oslo.log cannot use its options ({type(error).__name__}): check them") from error
    finally:
        sys.excepthook = sys.__excepthook__
    root.handlers = [handler for handler in root.handlers if getattr(handler, "stream", None) is not sys.stdout]
    formatter = _formatter(options, overlaid)
    if options.use_syslog:
        to_syslog = SyslogHandler(facility(options.syslog_log_facility))
        to_syslog.setFormatter(formatter)
        root.addHandler(to_syslog)
    if options.use_journal:
        journal = JournalHandler(facility(options.syslog_log_facility))
        journal.setFormatter(formatter if options.use_json else None)
        root.addHandler(journal)
    if options.use_stderr or is_short or not root.handlers:
        root.addHandler(_stderr(options, formatter))
    _levelled.update(pair.partition("=")[0] for pair in options.default_log_levels)
    if debug and _NAME not in _levelled:
        logging.getLogger(_NAME).setLevel(logging.DEBUG)


def _formatter(options: Any, overlaid: _Overlaid) -> logging.Formatter:
    made: logging.Formatter = formatters.JSONFormatter(datefmt=options.log_date_format)
    if not options.use_json:
        about = {"project": _NAME, "version": version(_NAME), "config": overlaid}
        made = formatters.ContextFormatter(datefmt=options.log_date_format, **about)
    return made


def _stderr(options: Any, formatter: logging.Formatter) -> logging.Handler:
    """Return the handler for standard error; oslo.log before 5.3 has no log_color."""
    if not getattr(options, "log_color", False):
        return stderr_handler(formatter)
    handler: logging.Handler = handlers.ColorHandler(sys.stderr)
    handler.setFormatter(formatter)
    return handler


def facility(name: str) -> int:
    """Return a facility of syslog.h by its name, with or without `LOG_`; raise LogRefused."""
    found = getattr(syslog, f"LOG_{name.upper().removeprefix('LOG_')}", None)
    if not isinstance(found, int):
        raise LogRefused("[DEFAULT] syslog_log_facility: it is no facility: write LOG_DAEMON, LOG_USER or LOG_LOCAL0")
    return found


def _follow_file(path: str) -> Sequence[str]:
    """Set the log up from the file of log_config_append, which replaces all other options of the log."""
    for logger in [logging.getLogger(), *logging.root.manager.loggerDict.values()]:
        if isinstance(logger, logging.Logger):
            logger.handlers, logger.propagate = [], True
            logger.setLevel(logging.NOTSET)
    logging._handlerList.clear()  # type: ignore[attr-defined]  # fileConfig closes these: it would wait for one in use
    try:
        logging.config.fileConfig(path, disable_existing_loggers=False)
    except OSError as error:
        logging.getLogger().handlers = [stderr_handler()]
        set_level(debug=False)
        what = f"a file that it names cannot be opened: {error.filename or ''} {error.strerror or type(error).__name__}"
        return [f"[DEFAULT] log_config_append: {path}: {what}; {_SPARE}"]
    except Exception as error:
        raise LogRefused(f"[DEFAULT] log_config_append: {path}: {_why_refused(error)}") from error
    return []


def _why_refused(error: Exception) -> str:
    """Return why logging refuses a file. Show no value from the file: an argument of a handler can be a password."""
    if isinstance(error, KeyError) and str(error.args[0]).replace("_", "").isalnum():
        return f"it names {error.args[0]}, and does not say what that is"
    return f"logging cannot follow it ({type(error).__name__}): compare it with Nova's etc/nova/logging_sample.conf"


def _why_not_writable(path: str) -> str | None:
    """Return why a log file cannot be opened, None where it can. Do not wait at a pipe without a reader."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o644)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or "it is no path"
    mode = os.fstat(fd).st_mode
    os.close(fd)
    return "it is no file" if stat.S_ISBLK(mode) else None
