# SPDX-License-Identifier: Apache-2.0
"""Opens the files with oslo.config and reads options; its errors repeat nothing that stands in the files."""

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from irqaffinity.conf.files import Sections, lines_of, parse, read_files
from irqaffinity.conf.mistakes import mistake
from irqaffinity.conf.nova import Options, Taken, take_from_nova
from irqaffinity.conf.places import PROJECT, ConfigError
from irqaffinity.model.text import clean


@dataclass(frozen=True, slots=True)
class Opened:
    """The configuration as oslo.config holds it, and where each value stands: in our own files or in nova.conf."""

    conf: cfg.ConfigOpts
    own: Sections
    nova: Sections
    taken: Taken


def open_conf(
    files: Sequence[str] | None,
    folders: Sequence[str] | None,
    options: Options,
    nova_files: Sequence[str] | None = None,
) -> Opened:
    """Return the files with `options` registered, and what stands in each of them; raise ConfigError."""
    own, nova = read_files(files, folders), {path: parse(path) for path in nova_files or ()}
    conf = cfg.ConfigOpts()
    for group, of_group in options:
        conf.register_opts(of_group, group=group)
    arguments = [f"--config-file={path}" for path in own]
    with _silent() as complaints:
        try:
            conf(arguments, project=PROJECT, prog=PROJECT, default_config_files=[], default_config_dirs=[])
        except (cfg.Error, OSError, ValueError):
            complaints.append("it raised an error")
    if complaints:
        raise _refusal_of_oslo(own)
    return Opened(conf, own, nova, take_from_nova(conf, options, nova, own))


def _refusal_of_oslo(own: Sections) -> ConfigError:
    """Return the error for files that oslo.config cannot read although this program has just parsed them."""
    if _is_set(own, "DEFAULT", "config_source"):
        place = _place(own, "DEFAULT", "config_source")
        return ConfigError(clean(f"{place}: a source that it names cannot be loaded: mend or remove it"))
    return ConfigError(clean(f"{', '.join(own)}: oslo.config cannot read these files; try again"))


def read_value(opened: Opened, group: str, option: cfg.Opt) -> Any:
    """Return the value of an option; raise ConfigError."""
    try:
        return opened.conf[group][option.dest]
    except (cfg.Error, ValueError, RecursionError) as error:
        place = place_of(opened, group, option)
        if option.multi and _variable(group, option.dest) in os.environ:  # oslo.config takes each letter for a value
            why = "a variable cannot set it, for it can stand more than once: use a file"
            raise ConfigError(f"{place}: {why}") from None
        raise mistake(place, option, error) from None


def place_of(opened: Opened, group: str, option: cfg.Opt) -> str:
    """Return where a value stands, with group and name.

    The environment overrides our own files, a later file an earlier one, and nova.conf comes last of all.
    """
    if not _is_set(opened.own, group, option.dest) and (group, option.dest) in opened.taken:
        return str(opened.taken[group, option.dest])
    return _place(opened.own, group, option.dest, option if option.multi else None)


def _is_set(own: Sections, group: str, name: str) -> bool:
    return _variable(group, name) in os.environ or any(lines_of(section, group, name) for section in own.values())


def _variable(group: str, name: str) -> str:
    return f"OS_{group}__{name}".upper()


def _place(own: Sections, group: str, name: str, multi: cfg.Opt | None = None) -> str:
    """Return where the value of an option of ours stands; for `multi`, an option with several, the first wrong one."""
    source = "default"
    lines = [(path, line) for path, section in own.items() for line in lines_of(section, group, name)]
    if multi is not None:
        lines = [(path, line) for path, line in lines if not _fits(multi, line.value)][:1] or lines
    if _variable(group, name) in os.environ:
        source = _variable(group, name)
    elif lines:
        source = f"{lines[-1][0]}:{lines[-1][1].number}"
    return f"{source}: [{group}] {name}"


def _fits(option: cfg.Opt, value: str) -> bool:
    try:
        option.type(value)
    except ValueError:
        return False
    return True


@contextlib.contextmanager
def _silent() -> Iterator[list[str]]:
    """Keep oslo.config's lines out of the log, and give its errors: it repeats names and URLs of config_source."""
    complaints: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            complaints.append(record.msg)
        return False

    logger = logging.getLogger(cfg.__name__)
    logger.addFilter(keep)
    try:
        yield complaints
    finally:
        logger.removeFilter(keep)
