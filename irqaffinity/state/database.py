# SPDX-License-Identifier: Apache-2.0
"""Databases of the state folder and their connections: every one of them is opened here.

SQLite opens files by path alone, and resolves /proc/self/fd/N to the real path before it does (3.39 and later), so a
descriptor of the folder does not bind it. The folder and the files are looked at before, and again once SQLite has
them: a path that leads elsewhere by then is refused before a row is read or written. They are looked at by lstat, for
a process that opens and closes a file itself loses the locks that SQLite holds on it.
(https://www.sqlite.org/howtocorrupt.html, 2.2 and 4.4)
"""

import contextlib
import logging
import os
import sqlite3
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from urllib.parse import quote

from irqaffinity.model.record import State
from irqaffinity.model.text import clean
from irqaffinity.state.fields import BadState
from irqaffinity.state.folder import Stamp, StateError, StateFolder, stamp_of
from irqaffinity.state.format import NewerState
from irqaffinity.state.frames import find_damage
from irqaffinity.state.rows import read_boot, read_holds, read_proof, read_specs, read_state
from irqaffinity.state.schema import MIGRATIONS, Migration, check_version, check_whole, is_mistake, migrate

LOG = logging.getLogger(__name__)

DATABASE = "state.db"
ENDINGS = ("", "-wal", "-shm", "-journal")
"""Of the files that SQLite has for one database; `-journal` is there only while the first page is written."""

NEWER = "install the newer program again, or let its reset give back what it moved, then move the file away"
_text = partial(str, encoding="utf-8", errors="surrogateescape")  # the getters check texts
_BUSY = 1.0
"""Seconds that SQLite waits for other programs; processes of this one wait for pass.lock."""

_NORMAL = "synchronous = NORMAL"
"""Commits are not synced: a crash of the host voids the records anyhow."""

_PRAGMAS = (
    _NORMAL,
    "wal_autocheckpoint = 0",  # a checkpoint syncs, so `tidy` and `save` say when
    "journal_size_limit = 0",  # the log is cut when it begins anew, so that its size tells what is in it
    "cell_size_check = ON",
    "trusted_schema = OFF",
)


def connect(folder: StateFolder, name: str = DATABASE, access: str = "mode=rw") -> sqlite3.Connection:
    """Return a connection in autocommit mode to a file that exists, for any thread; raise sqlite3.Error.

    `access` is the query of an SQLite URI.
    """
    uri = f"file://{quote(os.fsencode(os.path.abspath(f'{folder.path}/{name}')))}?{access}"
    connection = sqlite3.connect(uri, timeout=_BUSY, isolation_level=None, check_same_thread=False, uri=True)
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    connection.text_factory = _text
    return connection


def copied(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return a copy in memory, for a caller that must not change the file; raise sqlite3.Error."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.backup(copy)
    except BaseException:
        copy.close()
        raise
    copy.text_factory = _text
    return copy


@contextlib.contextmanager
def judged(folder: StateFolder, name: str = DATABASE, newer: str = NEWER) -> Iterator[None]:
    """Turn SQLite's errors on the contents of the file into BadState, and those on its surroundings into StateError.

    An error in one of the program's own statements stays as it is. `newer` is the next step for a newer program's file.
    """
    try:
        yield
    except NewerState as error:
        raise StateError(f"{folder.path}/{name}: {error}; {newer}") from error
    except sqlite3.OperationalError as error:
        if is_mistake(error):
            raise
        remedy = "free or mend its file system, or end the program that holds it"
        raise StateError(f"{folder.path}/{name}: {error}; {remedy}") from error
    except sqlite3.DatabaseError as error:
        if type(error) is not sqlite3.DatabaseError:
            raise
        raise BadState(clean(str(error))) from error


def prepare(connection: sqlite3.Connection) -> None:
    """Bring the tables to the current version; raise NewerState before any change, and BadState."""
    migrate_in_place(connection, MIGRATIONS)
    check_whole(connection)


def migrate_in_place(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Make the migrations that are due, and begin a write-ahead log; raise NewerState before all that, and BadState."""
    check_version(connection, migrations)
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise sqlite3.OperationalError("this file system has no shared memory for a write-ahead log")
    migrate(connection, migrations)


@contextlib.contextmanager
def durable(connection: sqlite3.Connection) -> Iterator[None]:
    """Have each commit on the disk when it returns."""
    connection.execute("PRAGMA synchronous = FULL")
    try:
        yield
    finally:
        if not connection.in_transaction:  # one that cannot be rolled back ends with the connection
            connection.execute(f"PRAGMA {_NORMAL}")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    """Commit all that the caller does meanwhile, or nothing of it."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def find_log_damage(folder: StateFolder, inside: int) -> str | None:
    """Return what is wrong with the log, None where nothing is or there is none; raise StateError.

    The log is read before SQLite opens it. SQLite has no locks on the log: they are on the other files.
    """
    log = f"{DATABASE}-wal"
    try:
        with open(folder.open_file(inside, log, os.O_RDONLY), "rb") as file:
            return find_damage(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{folder.path}/{log}: {error.strerror}; mend its file system") from error


def read_all(connection: sqlite3.Connection, boot_id: str, damage: str | None = None) -> tuple[bool, State]:
    """Return whether the interrupts stored are those of this boot, and the state; raise BadState.

    Extra specs, the proof and holds outlive a boot: interrupt numbers of another one mean nothing now. `damage` is what
    is wrong with the log. Within one boot it means that something is lost. After a crash of the host it is to be
    expected, and what SQLite finds counts.
    """
    with transaction(connection, "DEFERRED"):
        stored = read_boot(connection)
        if stored == boot_id:
            if damage is not None:
                raise BadState(damage)
            return True, read_state(connection)
        if damage is not None:
            LOG.warning("the state is of another boot, and %s: what was remembered last may be lost", damage)
        elif stored is not None:
            LOG.info("the state is of another boot: its interrupts are forgotten")
        specs, proof, holds = read_specs(connection), read_proof(connection), read_holds(connection)
        return False, State(extra_specs=specs, proof=proof, holds=holds)


class Database:
    """A connection that writes to checked files; for state.db, its user holds pass.lock."""

    def __init__(self, folder: StateFolder, name: str = DATABASE) -> None:
        """Connect to a database that exists; raise StateError and BadState."""
        self.name = name
        self._folder = folder
        with folder.opened() as inside:
            found = [folder.find_file(inside, name + ending) for ending in ENDINGS]
            before = stamp_of(os.fstat(inside)), found[0] and stamp_of(found[0])
        with judged(folder, name):
            self.connection = connect(folder, name)
        self.close = weakref.finalize(self, self.connection.close)
        self._stamps = self._look()
        if self._stamps[:2] != before:
            self.close()
            raise StateError(f"{folder.path} was replaced while {name} was opened: let nobody else write above it")

    def is_current(self) -> bool:
        """Tell whether the path still leads to these files, and nobody else may use them."""
        return self._look() == self._stamps

    def data_version(self) -> int:
        """Return a number that changes when another connection commits; raise sqlite3.Error."""
        (version,) = self.connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def log_size(self) -> int:
        """Return the bytes of the write-ahead log."""
        try:
            return os.stat(f"{self._folder.path}/{self.name}-wal").st_size
        except OSError:
            return 0

    def prepare(self, make: Callable[[sqlite3.Connection], None] = prepare) -> None:
        """Bring the tables to the current version; raise NewerState and BadState, or sqlite3.Error."""
        make(self.connection)
        self._stamps = self._look()

    def _look(self) -> tuple[Stamp | None, Stamp | None, Stamp | None]:
        return self._folder.stamp(), self._folder.stamp(self.name), self._folder.stamp(f"{self.name}-wal")


def checkpoint(connection: sqlite3.Connection) -> None:
    """Copy the log into the database as far as no reader needs it, and sync both; raise sqlite3.Error.

    It waits for nobody, and the next commit begins the log anew: another connection that did so would look like a
    commit of another process.
    """
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
