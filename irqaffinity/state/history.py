# SPDX-License-Identifier: Apache-2.0
"""history.db: settled changes, one line each, for days.

It is a file of its own. state.db is read and checked whole whenever it is opened, is set aside whole when a part of it
is damaged, and an older program refuses it whole. A history in it could cause that, or make it slow, and the originals
would be lost. Nothing here delays a birth: the writer of lines holds no lock of passes.
"""

import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from irqaffinity.model.change import Bounds
from irqaffinity.model.verdict import Cause
from irqaffinity.state.database import Database, judged, migrate_in_place, transaction
from irqaffinity.state.fields import BadState
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.log import LogCopier
from irqaffinity.state.schema import Migration, check_columns
from irqaffinity.state.takeover import put_aside

LOG = logging.getLogger(__name__)

HISTORY = "history.db"
NEWER = "install the newer program again, or move the file away: a new one begins then"

COLUMNS = ("time", "guest", "name", "device", "irqs", "before", "after", "cause", "verdict")
"""`time` is in whole seconds since 1970, UTC; all others are the texts of the history's JSON, or null. `guest` and
`device` are `-` for null: a program from before the host's own interrupts takes no null there."""

NONE = "-"
"""Stands in `guest` for the host, and in `device` for what is no device's."""

MIGRATIONS: Sequence[Migration] = (
    (
        """CREATE TABLE lines (
            id INTEGER PRIMARY KEY, time INTEGER NOT NULL, guest TEXT NOT NULL, name TEXT, device TEXT NOT NULL,
            irqs TEXT NOT NULL, before TEXT, after TEXT, cause TEXT NOT NULL, verdict TEXT NOT NULL
        )""",
        "CREATE INDEX lines_time ON lines (time)",
    ),
)
"""In their order, as those of state.db. Lines are in the order of `id`: the clock may have been set back."""

STEP = 1000
"""The most lines that a full pass removes, or twice the lines stored since the last one if that is more, for the last
full pass may be a day ago."""

_Row = tuple[int | str | None, ...]
"""The values of the columns, in their order."""

_MOST_OWED = 4096
_BUSY = 100
"""Milliseconds for which an agent waits for another program that writes; it tries again with the next lines."""

_DAY = 86400
_LARGE = 1 << 20
"""Bytes of the write-ahead log from which on it is copied into the database."""

_INSERT = f"INSERT INTO lines ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_LAST = (
    "SELECT irqs, cause, verdict FROM lines"
    " WHERE guest = ? AND device = ? AND id > (SELECT max(id) FROM lines) - 10000 ORDER BY id DESC LIMIT 1"
)
"""No index leads to a device, and a million lines take too long where many devices fail at once."""

_ENDS = (
    "SELECT (SELECT min(time) FROM lines), (SELECT min(id) FROM lines), (SELECT max(id) FROM lines)"  # each by an index
)
_FORGET_OLD = "DELETE FROM lines WHERE id IN (SELECT id FROM lines WHERE time < ? ORDER BY time LIMIT ?)"
_FORGET_FIRST = "DELETE FROM lines WHERE id < ?"


class Entry(Protocol):
    """What becomes a line: a change of interrupts, or of a setting of a virtual function."""

    @property
    def time(self) -> datetime:
        """When it was made, in UTC."""

    def fields(self) -> Mapping[str, str | None]:
        """Return all but the time under the names of the JSON, in the order of the columns."""


class History(Protocol):
    """Where changes go once they have settled."""

    def append(self, changes: Sequence[Entry]) -> None:
        """Keep the changes; a trouble with files or the disk raises nothing."""

    def tidy(self) -> None:
        """Remove some of the lines beyond the bounds."""


class NoHistory:
    """Keeps nothing."""

    def append(self, changes: Sequence[Entry]) -> None:
        """Forget the changes."""

    def tidy(self) -> None:
        """Do nothing."""


class StoredHistory:
    """The history in one folder, within `bounds`, which may be replaced. For one thread.

    Changes that cannot be stored are kept in memory, up to a bound, and stored when that is possible again; the log has
    one line when that begins and one when it is over. `stays` is whether the process runs for long: then a thread
    copies the write-ahead log.
    """

    def __init__(
        self, folder: StateFolder, bounds: Bounds, *, stays: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self.bounds = bounds
        self._folder = folder
        self._stays = stays
        self._clock = clock
        self._database: Database | None = None
        self._owed: deque[_Row] = deque(maxlen=_MOST_OWED)
        self._stored = 0
        self._log = LogCopier(folder)
        self._trouble: str | None = None

    def append(self, changes: Sequence[Entry]) -> None:
        """Store the changes, and what could not be stored before."""
        if self.bounds.lines:
            self._owed.extend(map(_row, changes))
            if self._owed:
                self._attempt(self._store)

    def tidy(self) -> None:
        """Store what could not be stored before, and remove one step of the lines beyond the bounds."""
        if not self.bounds.lines:
            return
        if self._owed:
            self._attempt(self._store)
        elif self._database is not None or self._folder.stamp(HISTORY) is not None:
            self._attempt(self._trim)

    def _attempt(self, work: Callable[[Database], None]) -> None:
        """Do `work` with the database; set a damaged one aside, and do it with a new one."""
        try:
            try:
                self._work(work)
            except BadState as error:
                self._set_aside(error)
                self._work(work)
        except (StateError, BadState) as error:
            self._close()
            if self._trouble is None:
                LOG.warning("the history is not kept at present, and the work goes on: %s", error)
            self._trouble = str(error)
        else:
            if self._trouble is not None:
                LOG.info("the history is kept again")
            self._trouble = None

    def _work(self, work: Callable[[Database], None]) -> None:
        with judged(self._folder, HISTORY, NEWER):
            if self._database is None or not self._database.is_current():
                self._close()
                self._open()
            assert self._database is not None
            work(self._database)

    def _open(self) -> None:
        """Open the file, made if need be; raise StateError, BadState and sqlite3.Error."""
        with self._folder.opened() as inside:
            if self._folder.find_file(inside, HISTORY) is None:
                try:
                    self._folder.make_file(inside, HISTORY)
                except FileExistsError:
                    pass  # another process made it
                except OSError as error:
                    raise StateError(f"{self._folder.path}/{HISTORY} cannot be made: {error.strerror}") from error
        self._database = Database(self._folder, HISTORY)
        self._database.prepare(_prepare)
        if self._stays:
            self._database.connection.execute(f"PRAGMA busy_timeout = {_BUSY}")

    def _store(self, database: Database) -> None:
        with transaction(database.connection):
            for row in self._owed:
                if not _is_told(database.connection, row):
                    database.connection.execute(_INSERT, row)
        self._stored += len(self._owed)
        self._owed.clear()

    def _trim(self, database: Database) -> None:
        oldest, first, last = database.connection.execute(_ENDS).fetchone()
        if oldest is None:
            return
        since, least = int(self._clock()) - self.bounds.days * _DAY, last - self.bounds.lines + 1
        step, self._stored = max(STEP, 2 * self._stored), 0
        if oldest < since:
            database.connection.execute(_FORGET_OLD, (since, step))
        if first < least:
            database.connection.execute(_FORGET_FIRST, (min(least, first + step),))
        if self._stays:
            self._log.copy_apart(database, _LARGE)
        elif database.log_size() >= _LARGE:
            self._log.copy(database)

    def _set_aside(self, error: BadState) -> None:
        """Take damaged files out of the way; only then close them, so that SQLite leaves each as it is."""
        try:
            with self._folder.opened() as inside:
                put_aside(self._folder, inside, HISTORY, str(error))
        finally:
            self._close()

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = None


def _prepare(connection: sqlite3.Connection) -> None:
    migrate_in_place(connection, MIGRATIONS)
    check_columns(connection, {"lines": ("id", *COLUMNS)})


def _row(change: Entry) -> _Row:
    """Return a change in the form of a row, which is small however many interrupts it has."""
    fields = change.fields()
    shown = {name: fields[name] or NONE for name in ("guest", "device")}
    return (int(change.time.timestamp()), *{**fields, **shown}.values())


def _is_told(connection: sqlite3.Connection, row: _Row) -> bool:
    """Tell whether the last line of a device has this failure already, as an earlier process may have written it."""
    _, guest, _, device, irqs, _, _, cause, verdict = row
    if cause != Cause.ERROR.value:
        return False
    return bool(connection.execute(_LAST, (guest, device)).fetchone() == (irqs, cause, verdict))
