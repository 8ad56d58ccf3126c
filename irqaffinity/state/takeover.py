# SPDX-License-Identifier: Apache-2.0
"""How a state.db begins: empty, or with what the state.json of 0.1.0 has.

It is made complete under another name and then renamed. So a state.db that is there has all of the old state, and a
state.json beside it is no longer used: a process that is killed at any moment has done nothing or all of it.
"""

import contextlib
import logging
import os

from irqaffinity.model.record import State
from irqaffinity.state.aside import set_aside
from irqaffinity.state.database import DATABASE, ENDINGS, connect, judged, prepare, transaction
from irqaffinity.state.fields import BadState
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.format import decode
from irqaffinity.state.rows import clear, put, whole

LOG = logging.getLogger(__name__)

JSON = "state.json"
_NEW = "state.db.new"


def read_json(folder: StateFolder, inside: int, boot_id: str) -> State | None:
    """Return what state.json has, None where there is none; raise BadState, and StateError for a newer one."""
    try:
        with open(folder.open_file(inside, JSON, os.O_RDONLY), "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{folder.path}/{JSON}: {error.strerror}; mend its file system, or move it away") from error
    with judged(folder, JSON):
        return decode(data, boot_id)


def take_json(folder: StateFolder, inside: int, boot_id: str) -> State | None:
    """Do as `read_json`, but set a damaged one aside and return None."""
    try:
        return read_json(folder, inside, boot_id)
    except BadState as error:
        put_aside(folder, inside, JSON, str(error))
        return None


def put_aside(folder: StateFolder, inside: int, name: str, why: str) -> None:
    """Set a damaged file aside, with those of SQLite beside it, and say so; raise StateError."""
    try:
        aside = set_aside(inside, name, "corrupt", ENDINGS)
    except OSError as error:
        raise StateError(f"{folder.path}/{name} is damaged ({why}): {error.strerror}; move it away") from error
    LOG.warning("%s/%s was set aside as %s: %s", folder.path, name, aside, why)


def retire_json(folder: StateFolder, inside: int) -> None:
    """Rename a state.json that is no longer used, if there is one, to state.json.imported-TIME; raise StateError."""
    if folder.stamp(JSON) is None:
        return
    try:
        aside = set_aside(inside, JSON, "imported")
    except OSError as error:
        raise StateError(f"{folder.path}/{JSON} is no longer used: {error.strerror}; move it away") from error
    LOG.info("%s/%s was renamed to %s: %s has the state now", folder.path, JSON, aside, DATABASE)


def create(folder: StateFolder, inside: int, boot_id: str, state: State) -> None:
    """Make a state.db that has `state`, where there is none; raise StateError.

    Files that belonged to a lost state.db are deleted: SQLite would read them as part of the new one.
    """
    with judged(folder):
        try:
            for ending in ENDINGS:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(_NEW + ending, dir_fd=inside)
            folder.make_file(inside, _NEW)
            with contextlib.closing(connect(folder, _NEW)) as connection:
                prepare(connection)
                with transaction(connection):
                    clear(connection, boot_id)
                    put(connection, whole(state))
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if {DATABASE + ending for ending in ENDINGS}.intersection(os.listdir(inside)):
                put_aside(folder, inside, DATABASE, "its database is gone")
            os.rename(_NEW, DATABASE, src_dir_fd=inside, dst_dir_fd=inside)
            os.fsync(inside)
        except OSError as error:
            raise StateError(
                f"{folder.path}/{DATABASE} cannot be made: {error.strerror}; mend its file system"
            ) from error
