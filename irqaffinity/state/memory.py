# SPDX-License-Identifier: Apache-2.0
"""The state of a host that nobody else can see."""

import contextlib

from irqaffinity.model.record import Changes, State


class MemoryStore:
    """Keeps the state for the life of the object, and has no lock: for a host that nobody else can see."""

    def __init__(self) -> None:
        self._state = State()

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Hold off nobody."""
        return contextlib.nullcontext()

    def load(self) -> State:
        """Return the state."""
        return self._state

    peek = load

    def save(self, changes: Changes) -> None:
        """Make the changes."""
        self._state.apply(changes)

    def tidy(self) -> None:
        """Do nothing."""
