# SPDX-License-Identifier: Apache-2.0
"""Reads the options of oslo.log for the commands that stay; only where one is set, for the library costs memory.

The program does not read those in nova.conf: they are for Nova, and two services must not write one file.
"""

import configparser
import logging
import re
import syslog
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from oslo_config import cfg

from irqaffinity.conf.opened import Opened, open_conf, place_of, read_value
from irqaffinity.conf.places import ConfigError, read_text
from irqaffinity.conf.regular_file import why_unreadable
from irqaffinity.model.text import printable

_GROUP = "DEFAULT"
_FORMATS = ("logging_default_format_string", "logging_debug_format_suffix", "logging_exception_prefix")
_PATHS = ("log_file", "log_dir", "log_config_append")
_NAMELESS = re.compile("%(?!\\()")
_LEVELS = "DEBUG, INFO, WARNING, ERROR, CRITICAL"
_SECTIONS = ("loggers", "handlers", "formatters")
"""The sections that a file of logging.config must have."""


def read_logs(files: Sequence[str] | None, folders: Sequence[str] | None, command: str) -> cfg.ConfigOpts:
    """Return the options as oslo.log takes them; raise ConfigError.

    Where log_dir is set and log_file is not, the log file is named after `command`.
    """
    from oslo_log import _options, formatters  # noqa: PLC0415  it costs memory: only where one of its options is set

    options: dict[str, cfg.Opt] = {option.dest: option for _, found in _options.list_opts() for option in found}
    opened = open_conf(files, folders, [(_GROUP, list(options.values()))])
    opened.conf.register_opts(list(options.values()))  # in no group, where oslo.log looks for them
    values = {name: read_value(opened, _GROUP, option) for name, option in options.items()}
    for name, why in _faults(values):
        raise ConfigError(printable(f"{place_of(opened, _GROUP, options[name])}: {why}"))
    _check_formats(opened, options, values)
    if values["log_dir"] and not values["log_file"]:
        opened.conf.set_override("log_file", f"irqaffinity-{command}.log")
    # Its register_options makes arguments of a command line of them: a wrong value would end the process with usage.
    formatters._store_global_conf(opened.conf)  # for the formatters that log_config_append names
    return opened.conf


def _faults(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give (option, what is allowed) for each value that oslo.log accepts and then cannot follow.

    Values that may contain a password come first: an indented transport_url continues the option above it.
    """
    for name in _PATHS:
        if not (values[name] or "").isprintable() or set(values[name] or "") & set("@="):
            yield name, "it is not a path on one line, of printable characters, without @ and ="
    for name, value in values.items():
        if isinstance(value, str) and "\n" in value:
            yield name, "it goes on in the next line, for that is indented: write it in one line"
    if any(not _is_level(pair) for pair in values["default_log_levels"]):
        yield "default_log_levels", f"write LOGGER=LEVEL, separated by commas; a level is one of {_LEVELS}"
    interval, kind = values["log_rotate_interval"], values["log_rotate_interval_type"].lower()
    if kind == "weekday" and not 0 <= interval <= 6:
        yield "log_rotate_interval", "it is not between 0 (Monday) and 6, as log_rotate_interval_type asks"
    elif kind != "weekday" and interval < 1:
        yield "log_rotate_interval", "it is below 1"
    if not isinstance(getattr(syslog, _facility(values["syslog_log_facility"]), None), int):
        yield "syslog_log_facility", "it is not one of LOG_USER, LOG_DAEMON, LOG_LOCAL0 ... LOG_LOCAL7 and the like"
    is_limited = values["rate_limit_burst"] >= 1 and values["rate_limit_interval"] >= 1
    if is_limited and values["rate_limit_except_level"] not in _LEVELS.split(", "):
        yield "rate_limit_except_level", f"it is not one of {_LEVELS}"
    if values["log_config_append"]:
        why = _why_no_log_config(values["log_config_append"])
        if why is not None:
            yield "log_config_append", f"{values['log_config_append']} {why}"


def _is_level(pair: str) -> bool:
    name, _, level = pair.partition("=")
    try:
        logging.Handler(int(level) if level.isdecimal() else level)
    except ValueError:
        return False
    return bool(name.strip())


def _facility(name: str) -> str:
    return f"LOG_{name.upper().removeprefix('LOG_')}"


def _why_no_log_config(path: str) -> str | None:
    """Return why a file cannot be one of logging.config, None where it may be. The reason repeats nothing of it."""
    parser = configparser.ConfigParser()
    try:
        parser.read_string(read_text(path))
    except configparser.Error as error:
        return f"is no file that logging can read ({type(error).__name__}): see logging.config of Python"
    except (OSError, ValueError) as error:
        return f"cannot be read: {why_unreadable(error)}: mend that, or name another file"
    missing = [f"[{name}]" for name in _SECTIONS if not parser.has_section(name)]
    return f"has no {', '.join(missing)}: see logging.config of Python" if missing else None


def _check_formats(opened: Opened, options: Mapping[str, cfg.Opt], values: Mapping[str, Any]) -> None:
    """Raise ConfigError for a format that fails with a record of the log: each line would fail then."""
    from oslo_log.formatters import ContextFormatter  # noqa: PLC0415

    record = logging.LogRecord(__name__, logging.INFO, __file__, 1, "", None, None)
    whole = cfg.ConfigOpts()
    whole.register_opts(list(options.values()))
    whole([], project="irqaffinity", default_config_files=[], default_config_dirs=[])
    ContextFormatter(project="irqaffinity", version="", config=whole).format(record)

    def fills(form: str) -> object:
        if _NAMELESS.search(form.replace("%%", "")):
            raise ValueError("it would show the whole record")
        return form % record.__dict__

    checks: Mapping[str, Callable[[str], object]] = dict.fromkeys(_FORMATS, fills)
    for name, check in {**checks, "log_date_format": time.strftime}.items():
        try:
            check(values[name] or "")
        except (KeyError, TypeError, ValueError):
            kind = "%(message)s and other attributes of a record of Python's logging, and a % as %%"
            allowed = "a form of strftime" if name == "log_date_format" else f"a format: write {kind}"
            raise ConfigError(printable(f"{place_of(opened, _GROUP, options[name])}: it is not {allowed}")) from None
