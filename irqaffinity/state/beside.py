# SPDX-License-Identifier: Apache-2.0
"""Reads a database that others may be writing, without a lock or a lasting transaction; it changes nothing on disk."""

import contextlib
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from irqaffinity.state.database import ENDINGS, connect, judged
from irqaffinity.state.fields import BadState
from irqaffinity.state.folder import StateError, StateFolder

_ALONE = "mode=ro&immutable=1"
"""The database without a log. With `mode=ro` SQLite would make -wal and -shm where they are not."""

_SHARED = "mode=ro&readonly_shm=1"
"""With the log, also that of a process that was killed, whose index SQLite then makes anew in memory."""

_ANYHOW = "mode=ro"
"""Where there is a log and no index, one is made on the disk."""

_TRIES = 10

T = TypeVar("T")
_Found = tuple[tuple[int, int, int] | None, ...]


def read_beside(
    folder: StateFolder, name: str, newer: str, read: Callable[[sqlite3.Connection], T], damaged: str = ""
) -> T | None:
    """Return what `read` returns for a database, None where there is none; raise StateError where it cannot be read.

    `read` raises BadState for a damaged database. `newer` and `damaged` are the next steps for a database of a newer
    program, and for a damaged one. Without a log SQLite does not notice that another process begins one meanwhile, so a
    reading without a log counts only if the file is the same afterwards.
    """
    for attempt in range(_TRIES):
        found = _look(folder, name)
        database, log, index = found
        if database is None:
            return None
        access = _ALONE if log is None or log[1] == 0 else _ANYHOW
        if log is not None and index is not None:
            access = _SHARED
        made: T | BadState
        try:
            with judged(folder, name, newer), contextlib.closing(connect(folder, name, access)) as connection:
                made = read(connection)
        except BadState as error:
            made = error
        is_bad = isinstance(made, BadState)
        if (is_bad and not attempt) or ((is_bad or access == _ALONE) and _look(folder, name) != found):
            continue  # another process may have been in the middle of it
        if isinstance(made, BadState):
            raise StateError(f"{folder.path}/{name}: {made}{damaged and f'; {damaged}'}") from made
        return made
    raise StateError(f"{folder.path}/{name} changes while it is read: try again")


def _look(folder: StateFolder, name: str) -> _Found:
    """Return inode, size and time of change in ns of the database, its log and its index; raise StateError."""
    with folder.opened() as inside:
        found = [folder.find_file(inside, name + ending) for ending in ENDINGS]
    return tuple(None if file is None else (file.st_ino, file.st_size, file.st_mtime_ns) for file in found[:3])
