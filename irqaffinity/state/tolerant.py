# SPDX-License-Identifier: Apache-2.0
"""The state of an agent that goes on when the folder cannot be used: in memory, until the folder can be used again."""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import replace

from irqaffinity.model.isolation import Told
from irqaffinity.model.record import Changes, State
from irqaffinity.state.folder import StateError
from irqaffinity.state.lock import LockTaken
from irqaffinity.state.rows import whole
from irqaffinity.state.store import Store

LOG = logging.getLogger(__name__)


class TolerantStore:
    """A Store that never stops a pass; `unsaved` says why the state is not on disk, None while it is."""

    def __init__(self, store: Store) -> None:
        self.unsaved: str | None = None
        self._store = store
        self._state = State()
        self._owed = Changes()
        self._is_loaded = False
        self._is_blind = True
        self._is_troubled = False

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold off other passes as far as the folder allows it; raise LockTaken."""
        self._is_troubled = False
        lock = self._store.exclusive()
        try:
            lock.__enter__()
        except LockTaken:
            raise
        except StateError as error:
            self._note(error)
            lock = contextlib.nullcontext()
        try:
            yield
        finally:
            lock.__exit__(None, None, None)
        if self.unsaved is not None and not self._is_troubled and not self._owed:
            LOG.info("the state is stored again")
            self.unsaved = None

    def load(self) -> State:
        """Return the stored state, with the changes that could not be stored before; store these first if possible."""
        try:
            stored = self._store.load()
        except StateError as error:
            self._is_loaded = False
            self._note(error)
            return self._state
        if self._owed and stored is not self._state:
            owed = _fit(self._owed, stored) if self._is_blind else whole(self._state).then(self._owed)
            self._owed = replace(owed, holds={})  # people make and lift them, and what is stored counts
        self._state, self._is_loaded, self._is_blind = stored, True, False
        self._store_owed()
        return stored

    def peek(self) -> State:
        """Return what a dry run finds."""
        return self._store.peek()

    def save(self, changes: Changes) -> None:
        """Make the changes in the state, and store them, or keep them in memory and log that once.

        After a `load` that failed they wait for the next one: the stored rows have to be known first.
        """
        self._owed = self._owed.then(changes)
        if self._is_loaded:
            self._store_owed()
        else:
            self._state.apply(changes)

    def tidy(self) -> None:
        """Do what can wait until interrupts are placed."""
        self._store.tidy_apart()

    def _store_owed(self) -> None:
        try:
            self._store.save(self._owed)
        except StateError as error:
            self._state.apply(self._owed)
            self._note(error)
        else:
            self._owed = Changes()

    def _note(self, error: StateError) -> None:
        self._is_troubled = True
        if self.unsaved is None:
            unknown = "; whether there is a hold is not known" if self._is_blind else ""
            LOG.error("the state is kept in memory alone, and is lost if this process ends%s: %s", unknown, error)
        self.unsaved = str(error)


def _fit(owed: Changes, stored: State) -> Changes:
    """Return changes that were made without the stored rows, so that nothing stored of before the program is lost.

    An interrupt that was in place, or had CPUs that the program wrote, was moved before: its stored original stays.
    What irqbalance had was told to it before, if the state says so.
    """
    records = dict(owed.records)
    for irq, record in owed.records.items():
        known = stored.records.get(irq.device, {}).get(irq.number)
        if record is None or known is None or record.driver != known.driver:
            continue
        if None not in (record.action, known.action) and record.action != known.action:
            continue
        if record.original is None or known.accounts_for(record.original):
            records[irq] = replace(record, original=known.original)
    told = {socket: _fit_told(told, stored.told.get(socket)) for socket, told in owed.told.items()}
    return replace(owed, records=records, told=told)


def _fit_told(told: Told | None, known: Told | None) -> Told | None:
    if told is None or known is None:
        return told
    added = set(known.irqs) - set(known.irqs_before)
    return told._replace(
        cpus_before=known.cpus_before if told.cpus_before == known.cpus else told.cpus_before,
        irqs_before=tuple(number for number in told.irqs_before if number not in added),
    )
