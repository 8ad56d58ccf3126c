# SPDX-License-Identifier: Apache-2.0
"""Finds the files of the configuration, and reads their text. It needs no library, so a probe pays nothing for it.

A restriction that cannot be read must never count as no restriction. So the program refuses a file or folder that is
there and cannot be read; only a usual file that does not exist counts as none. oslo.config's own search would take a
closed folder for an empty one.
"""

import os
import stat
from collections.abc import Iterator, Sequence

from irqaffinity.conf.regular_file import read_regular, why_unreadable
from irqaffinity.model.text import clean

PROJECT = "irqaffinity"


class ConfigError(Exception):
    """A configuration that cannot be used; str() names file, group, option and what is allowed."""


def find_files(files: Sequence[str] | None, folders: Sequence[str] | None) -> list[str]:
    """Return these files and those in these folders, the usual ones where none are named; raise ConfigError.

    The usual ones are irqaffinity.conf and irqaffinity.conf.d in ~/.irqaffinity, ~, /etc/irqaffinity and /etc.
    """
    found = list(files or _usual(f"{PROJECT}.conf"))
    for folder in folders or _usual(f"{PROJECT}.conf.d"):
        found += _members(folder)
    return found


def read_text(path: str) -> str:
    """Return the text of a regular file, or of /dev/null; raise OSError and ValueError."""
    return read_regular(path).decode()


def _members(folder: str) -> list[str]:
    """Return the *.conf files of a folder in the order of their names; raise ConfigError.

    It leaves out names that begin with a dot: they are an editor's.
    """
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(clean(f"{folder} is not a folder: name an existing one with --config-dir")) from None
    except (OSError, ValueError) as error:
        raise ConfigError(clean(f"{folder} cannot be read: {why_unreadable(error)}")) from error
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
    """Tell whether a home is not ours, so that this program has never read a configuration there.

    Such a home is: one of another user that is closed to us, as root's is after a change of user; the folder with mode
    0000 that systemd mounts over all homes with ProtectHome=yes; and /dev/null, the home of users who have none.
    """
    try:
        found = os.stat(home)
    except OSError:
        return False  # the search for each file tells what is there
    if not stat.S_ISDIR(found.st_mode):
        return stat.S_ISCHR(found.st_mode)
    if os.access(home, os.X_OK, effective_ids=True):
        return False
    return found.st_uid != os.geteuid() or (stat.S_IMODE(found.st_mode) == 0 and os.path.ismount(home))


def _is_there(path: str) -> bool:
    """Tell whether there is anything at a usual path; raise ConfigError where the system does not let us see that."""
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
