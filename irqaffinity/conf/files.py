# SPDX-License-Identifier: Apache-2.0
"""Which files the configuration stands in, and what stands in each of them.

A restriction that is not read must never mean that there is none. So what is there and cannot be read is refused, and
only a usual file that does not exist counts as none: oslo.config's own search takes a closed folder for an empty one.
"""

import io
import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from oslo_config import cfg, iniparser

from irqaffinity.model.text import clean

PROJECT = "irqaffinity"
_NULL = os.makedev(1, 3)
"""The device of /dev/null (Linux, Documentation/admin-guide/devices.txt)."""

_AT_ONCE = os.O_NONBLOCK | os.O_NOCTTY

Section = Mapping[str, Mapping[str, Any]]
"""The values of one file, by group and option; each a list, for an option can stand there more than once."""

Sections = Mapping[str, Section]
"""The values of each file by its path."""


class ConfigError(Exception):
    """A configuration that cannot be used; str() names file, group, option and what is allowed."""


def read_files(files: Sequence[str] | None, folders: Sequence[str] | None) -> Sections:
    """Return what stands in these files and folders, the usual ones where none are named; raise ConfigError.

    The usual ones are irqaffinity.conf and irqaffinity.conf.d in ~/.irqaffinity, ~, /etc/irqaffinity and /etc.
    """
    found = list(files or _usual(f"{PROJECT}.conf"))
    for folder in folders or _usual(f"{PROJECT}.conf.d"):
        found += _members(folder)
    return {path: parse(path) for path in found}


def parse(path: str) -> Section:
    """Return the values of one file by group and option, groups in lower case as oslo.config reads them.

    Raise ConfigError, which does not repeat a line of the file: it could hold a password.
    """
    sections: dict[str, dict[str, Any]] = {}
    try:
        iniparser.BaseParser.parse(cfg.ConfigParser(path, sections), io.StringIO(_read(path), newline=None))
    except iniparser.ParseError as error:
        raise ConfigError(clean(f"{path}:{error.lineno}: {error.msg}")) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(clean(f"{path} cannot be read: {reason}")) from error
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, options in sections.items():
        of_group = found[name if name == "DEFAULT" else name.lower()]
        for option, values in options.items():
            of_group[option] = of_group.get(option, []) + values
    return found


def _read(path: str) -> str:
    """Return the text of a regular file, or of /dev/null; without waiting for the other end of a pipe."""
    with open(path, encoding="utf-8", opener=lambda name, flags: os.open(name, flags | _AT_ONCE)) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) and (not stat.S_ISCHR(found.st_mode) or found.st_rdev != _NULL):
            raise ValueError("it is no regular file")
        return file.read()


def _members(folder: str) -> list[str]:
    """Return the *.conf files of a folder in the order of their names; those that begin with a dot are an editor's."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(clean(f"{folder} is not a folder: name an existing one with --config-dir")) from None
    except OSError as error:
        raise ConfigError(clean(f"{folder} cannot be read: {error.strerror}")) from error
    return [os.path.join(folder, name) for name in sorted(names) if name.endswith(".conf") and name[0] != "."]


def _usual(name: str) -> list[str]:
    """Return where `name` is, in the first of the usual places that has it; empty where none has it."""
    paths = (os.path.join(place, name) for place in _places())
    return next(([path] for path in paths if _is_there(path)), [])


def _places() -> Iterator[str]:
    home = os.path.expanduser("~")
    if os.path.isabs(home) and not _is_closed_to_us(home):
        yield from (os.path.join(home, f".{PROJECT}"), home)
    yield from (f"/etc/{PROJECT}", "/etc")


def _is_closed_to_us(home: str) -> bool:
    """Tell whether a home is none of ours, so that no configuration of ours has ever been read there.

    Another user's who lets nobody in, as that of root is after a change of user; what systemd mounts over all homes
    with ProtectHome=yes, a folder without any mode; /dev/null, the home of those who have none.
    """
    try:
        found = os.stat(home)
    except OSError:
        return False  # whether anything is there is asked of each file
    if not stat.S_ISDIR(found.st_mode):
        return stat.S_ISCHR(found.st_mode)
    if os.access(home, os.X_OK, effective_ids=True):
        return False
    return found.st_uid != os.geteuid() or (stat.S_IMODE(found.st_mode) == 0 and os.path.ismount(home))


def _is_there(path: str) -> bool:
    """Tell whether there is anything at a usual path; raise ConfigError where that cannot be told."""
    try:
        os.stat(path)
    except FileNotFoundError:
        for part in (path, os.path.dirname(path)):
            if os.path.islink(part) and not os.path.exists(part):
                raise ConfigError(clean(f"{part} is a link that leads nowhere: mend or remove it")) from None
        return False
    except OSError as error:
        remedy = "mend that, or name other places with --config-file and --config-dir"
        raise ConfigError(clean(f"{path} cannot be looked for: {error.strerror}: {remedy}")) from error
    return True
