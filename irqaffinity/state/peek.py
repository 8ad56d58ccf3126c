# SPDX-License-Identifier: Apache-2.0
"""Reads the state for a dry run, which changes nothing."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping

from irqaffinity.model.hold import Hold
from irqaffinity.model.record import State
from irqaffinity.state.beside import read_beside
from irqaffinity.state.database import DATABASE, NEWER, copied, find_log_damage, read_all
from irqaffinity.state.fields import BadState
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.rows import read_holds
from irqaffinity.state.schema import MIGRATIONS, check_version, check_whole, migrate
from irqaffinity.state.takeover import JSON, read_json

_DAMAGED = "the next audit sets it aside, and begins a new one"


def peek(folder: StateFolder, boot_id: str) -> State:
    """Return what is stored, in state.db or else in the state.json of 0.1.0, empty where there is neither.

    Raises StateError where it cannot be read. An older database is brought to the current version in memory.
    """

    def read(connection: sqlite3.Connection) -> State:
        with _current(connection) as current:
            return State() if current is None else _read(folder, current, boot_id)

    state = read_beside(folder, DATABASE, NEWER, read, _DAMAGED)
    return _peek_json(folder, boot_id) if state is None else state


def peek_holds(folder: StateFolder) -> Mapping[int, Hold]:
    """Return the stored holds alone, also those that are over; raise StateError.

    It costs little, however much is stored: for who has read the whole state, and asks again before each write.
    """

    def read(connection: sqlite3.Connection) -> Mapping[int, Hold]:
        with _current(connection) as current:
            if current is None:
                return {}
            check_whole(current)
            return read_holds(current)

    return read_beside(folder, DATABASE, NEWER, read) or {}


@contextlib.contextmanager
def _current(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection | None]:
    """Yield a connection to tables of the current version, None where there are no tables yet."""
    version = check_version(connection)
    if version in (0, len(MIGRATIONS)):
        yield connection if version else None
        return
    with contextlib.closing(copied(connection)) as copy:
        migrate(copy)
        yield copy


def _peek_json(folder: StateFolder, boot_id: str) -> State:
    try:
        with folder.opened() as inside:
            return read_json(folder, inside, boot_id) or State()
    except BadState as error:
        raise StateError(f"{folder.path}/{JSON}: {error}") from error


def _read(folder: StateFolder, connection: sqlite3.Connection, boot_id: str) -> State:
    with folder.opened() as inside:
        damage = find_log_damage(folder, inside)
    check_whole(connection)
    return read_all(connection, boot_id, damage)[1]
