# SPDX-License-Identifier: Apache-2.0
"""The state for whoever must go on when it cannot be kept: in memory, until the folder can be used again."""

import contextlib
import logging
from collections.abc import Iterator

from irqaffinity.model.record import State
from irqaffinity.state.folder import StateError
from irqaffinity.state.lock import LockTaken
from irqaffinity.state.store import Store

LOG = logging.getLogger(__name__)


class TolerantStore:
    """A Store that never stops a pass; `unsaved` says why what it holds is not on disk, None while it is."""

    def __init__(self, store: Store) -> None:
        self.unsaved: str | None = None
        self._store = store
        self._state = State()
        self._is_dirty = False
        self._is_troubled = False

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold off other passes as far as the folder allows it; raise LockTaken."""
        self._is_troubled = False
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._store.exclusive())
            except LockTaken:
                raise
            except StateError as error:
                self._note(error)
            yield
        if self.unsaved is not None and not self._is_troubled:
            LOG.info("the state is stored again")
            self.unsaved = None

    def load(self) -> State:
        """Return what is stored; what could not be stored goes before it, and is tried again first."""
        if self._is_dirty:
            self.save(self._state)
            return self._state
        try:
            self._state = self._store.load()
        except StateError as error:
            self._note(error)
        return self._state

    def peek(self) -> State:
        """Return what a dry run finds."""
        return self._store.peek()

    def save(self, state: State) -> None:
        """Store `state`, or keep it in memory and say so once."""
        self._state, self._is_dirty = state, False
        try:
            self._store.save(state)
        except StateError as error:
            self._is_dirty = True
            self._note(error)

    def _note(self, error: StateError) -> None:
        self._is_troubled = True
        if self.unsaved is None:
            LOG.error("the state is kept in memory alone, and is lost if this process ends: %s", error)
        self.unsaved = str(error)
