# SPDX-License-Identifier: Apache-2.0
"""Reads the state for a dry run: no lock, no transaction that stays, and nothing on the disk changes."""

import contextlib
import sqlite3

from irqaffinity.model.record import State
from irqaffinity.state.database import DATABASE, ENDINGS, connect, copied, find_log_damage, judged, read_all
from irqaffinity.state.fields import BadState
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.schema import MIGRATIONS, check_version, check_whole, migrate
from irqaffinity.state.takeover import JSON, read_json

_ALONE = "mode=ro&immutable=1"
"""The database without a log. With `mode=ro` SQLite would make -wal and -shm where they are not."""

_SHARED = "mode=ro&readonly_shm=1"
"""With the log, also that of a process that was killed, whose index SQLite then makes anew in memory."""

_ANYHOW = "mode=ro"
"""Where there is a log and no index, one is made on the disk."""

_TRIES = 10

_Found = tuple[tuple[int, int, int] | None, ...]


def peek(folder: StateFolder, boot_id: str) -> State:
    """Return what is stored, in state.db or else in the state.json of 0.1.0, empty where there is neither.

    Raises StateError for what cannot be read. A database of an older program becomes one of today in memory. Without a
    log nothing tells SQLite of another process that begins one meanwhile, so what was read then counts only if the file
    is as before.
    """
    for attempt in range(_TRIES):
        found = _look(folder)
        database, log, index = found
        if database is None:
            return _peek_json(folder, boot_id)
        access = _ALONE if log is None or log[1] == 0 else _ANYHOW
        if log is not None and index is not None:
            access = _SHARED
        state = _try_database(folder, boot_id, access)
        is_bad = isinstance(state, BadState)
        if (is_bad and not attempt) or ((is_bad or access == _ALONE) and _look(folder) != found):
            continue  # another process may have been in the middle of it
        if isinstance(state, BadState):
            raise StateError(f"{folder.path}/{DATABASE}: {state}") from state
        return state
    raise StateError(f"{folder.path}/{DATABASE} changes while it is read: try again")


def _peek_json(folder: StateFolder, boot_id: str) -> State:
    try:
        with folder.opened() as inside:
            return read_json(folder, inside, boot_id) or State()
    except BadState as error:
        raise StateError(f"{folder.path}/{JSON}: {error}") from error


def _try_database(folder: StateFolder, boot_id: str, access: str) -> State | BadState:
    try:
        with folder.opened() as inside:
            damage = find_log_damage(folder, inside)
        with judged(folder), contextlib.closing(connect(folder, access=access)) as connection:
            version = check_version(connection)
            if not version:
                return State()
            if version == len(MIGRATIONS):
                return _read(connection, boot_id, damage)
            with contextlib.closing(copied(connection)) as copy:
                migrate(copy)
                return _read(copy, boot_id, damage)
    except BadState as error:
        return error


def _read(connection: sqlite3.Connection, boot_id: str, damage: str | None) -> State:
    check_whole(connection)
    return read_all(connection, boot_id, damage)[1]


def _look(folder: StateFolder) -> _Found:
    """Return inode, size and time of change in ns of the database, its log and its index; raise StateError."""
    with folder.opened() as inside:
        found = [folder.find_file(inside, DATABASE + ending) for ending in ENDINGS]
    return tuple(None if file is None else (file.st_ino, file.st_size, file.st_mtime_ns) for file in found[:3])
