# SPDX-License-Identifier: Apache-2.0
"""The state of one boot in one folder: in memory as long as nobody else changes it, and row by row in state.db."""

import contextlib
import logging
import os
from typing import Protocol

from irqaffinity.model.record import Changes, State
from irqaffinity.model.times import PASS_WAIT
from irqaffinity.state.database import DATABASE, Database, durable, find_log_damage, judged, read_all, transaction
from irqaffinity.state.fields import BadState
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.lock import PASS_LOCK, Lock
from irqaffinity.state.log import LogCopier
from irqaffinity.state.peek import peek
from irqaffinity.state.rows import clear, put, whole
from irqaffinity.state.takeover import create, put_aside, retire_json, take_json

LOG = logging.getLogger(__name__)


class Keeper(Protocol):
    """Gives a pass the state, stores its changes, and keeps other passes from running at the same time."""

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Hold off other passes; raise StateError."""

    def load(self) -> State:
        """Return the state, which `save` changes; raise StateError."""

    def peek(self) -> State:
        """Return the state for a dry run, empty where it cannot be read."""

    def save(self, changes: Changes) -> None:
        """Store the changes, and make them in the state of `load`; after StateError neither has changed."""

    def tidy(self) -> None:
        """Do the work that takes long and can wait until interrupts are placed."""


class Store:
    """The state of one boot in one folder. Call `load` and `save` only within `exclusive`.

    From the moment that `save` returns, the kernel has the data: it survives this process, but not a crash of the host,
    after which the records are void anyhow. Holds are to outlive one: a change of theirs is on the disk then.
    """

    def __init__(self, folder: StateFolder, boot_id: str) -> None:
        self._folder = folder
        self._boot_id = boot_id
        self._lock = Lock(folder, PASS_LOCK)
        self._database: Database | None = None
        self._version = -1
        self._state = State()
        self._is_known = False
        self._is_ours = False
        self._log = LogCopier(folder)
        self._has_saved = False
        self._said = ""

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Hold pass.lock, waiting up to 5 s for another pass to end; raise LockTaken or StateError."""
        return self._lock.hold(PASS_WAIT)

    def load(self) -> State:
        """Return what is stored for this boot, empty where nothing is; raise StateError.

        It is the same object as before, unless another process has stored something since, or the files were replaced.
        Damaged files are set aside under a name with the time; files of a newer schema are left as they are.
        """
        database = self._database
        if database is None or not database.is_current():
            self._is_known = False
            self._begin_anew()
            self._is_known = True
            return self._state
        try:
            with judged(self._folder):
                if database.data_version() != self._version:
                    self._read(database)
        except BadState as error:
            self._lose(error)
        return self._state

    def peek(self, *, logs: bool = True) -> State:
        """Return what `load` does, but change nothing.

        A state that cannot be read counts as empty; that is logged once, unless `logs` is false.
        """
        try:
            return peek(self._folder, self._boot_id)
        except StateError as error:
            if logs and os.path.lexists(self._folder.path):
                if str(error) != self._said:
                    LOG.warning("the state is taken as empty: %s", error)
                self._said = str(error)
            return State()

    def save(self, changes: Changes) -> None:
        """Store the changes, and make them in the state; after StateError neither has changed.

        Where the files vanished or turn out to be damaged since `load`, all that is in memory is stored again.
        """
        if not changes:
            return
        if not self._is_known:
            self.load()
        try:
            self._write(changes)
        except BadState as error:
            kept = self._state
            self._set_aside(error)
            self._state = kept
            self._write_afresh(changes)
        self._state.apply(changes)
        self._has_saved = True
        if self._database is not None:
            self._log.copy_if_large(self._database)

    def tidy(self) -> None:
        """Copy the write-ahead log into the database, durably; a failure loses nothing, and is logged once."""
        if self._database is not None:
            self._log.copy(self._database)

    def tidy_apart(self) -> None:
        """Do what `tidy` does in a thread, if something was saved since: the next pass does not wait for it."""
        if self._database is not None and self._has_saved:
            self._has_saved = False
            self._log.copy_apart(self._database)

    def _begin_anew(self) -> None:
        """Read what the path leads to now: nothing, a state.json to take over, or a state.db."""
        if self._database is not None:
            self._close()
            self._state = State()
        try:
            with judged(self._folder):
                with self._folder.opened() as inside:
                    is_there = self._folder.find_file(inside, DATABASE) is not None
                    old = None if is_there else take_json(self._folder, inside, self._boot_id)
                    if old is not None:
                        create(self._folder, inside, self._boot_id, old)
                    if is_there or old is not None:
                        retire_json(self._folder, inside)
                    damage = find_log_damage(self._folder, inside) if is_there else None
                if is_there or old is not None:
                    self._read(self._open(), damage)
        except BadState as error:
            self._lose(error)
        except BaseException:
            self._close()
            raise

    def _open(self) -> Database:
        self._database = database = Database(self._folder)
        database.prepare()
        return database

    def _read(self, database: Database, damage: str | None = None) -> None:
        version = database.data_version()  # first, so that the next load reads what another process commits meanwhile
        self._is_ours, self._state = read_all(database.connection, self._boot_id, damage)
        self._version = version

    def _write(self, changes: Changes) -> None:
        """Store the changes, after the whole state where the database has another; raise StateError and BadState."""
        with judged(self._folder):
            database = self._database
            if database is None or not database.is_current():
                database = self._replace()
            try:
                synced = durable(database.connection) if changes.holds else contextlib.nullcontext()
                with synced, transaction(database.connection):
                    if not self._is_ours:
                        clear(database.connection, self._boot_id)
                        put(database.connection, whole(self._state))
                    put(database.connection, changes)
            finally:
                if database.connection.in_transaction:  # it could not even be rolled back
                    self._close()
        self._is_ours = True

    def _write_afresh(self, changes: Changes) -> None:
        try:
            self._write(changes)
        except BadState as error:
            raise StateError(
                f"{self._folder.path}/{DATABASE} is damaged as soon as it is made: {error}; mend its file system"
            ) from error

    def _replace(self) -> Database:
        """Open what the path leads to, made if need be, for the state in memory."""
        self._close()
        with self._folder.opened() as inside:
            if self._folder.find_file(inside, DATABASE) is None:
                create(self._folder, inside, self._boot_id, State())
        try:
            database = self._open()
            self._version = database.data_version()
        except BadState:
            raise
        except BaseException:
            self._close()
            raise
        return database

    def _lose(self, error: BadState) -> None:
        """Begin a new state in the place of a damaged one, with the holds that are known: other processes ask it."""
        holds = self._state.holds
        self._set_aside(error, "" if holds else "; a hold that it had is no longer in force")
        self._state = State(holds=holds)
        if holds:
            with contextlib.suppress(StateError):  # a later save stores them too
                self._write_afresh(Changes(holds=holds))

    def _set_aside(self, error: BadState, note: str = "") -> None:
        """Take damaged files out of the way; only then close them, so that SQLite leaves each as it is."""
        try:
            with self._folder.opened() as inside:
                put_aside(self._folder, inside, DATABASE, f"{error}{note}")
        finally:
            self._close()
        self._state = State()

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database, self._is_ours = None, False
