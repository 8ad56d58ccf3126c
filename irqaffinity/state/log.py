# SPDX-License-Identifier: Apache-2.0
"""Copies the write-ahead log of a database into it, which syncs the disk, and so happens while no interrupt waits."""

import logging
import threading

from irqaffinity.state.database import Database, checkpoint, judged
from irqaffinity.state.fields import BadState
from irqaffinity.state.folder import StateError, StateFolder

LOG = logging.getLogger(__name__)

LARGE = 8 << 20
"""Bytes of the log from which on it is copied between two full passes too."""


class LogCopier:
    """Copies the log now, or in a thread; what cannot be copied stays in it, and the agent logs that once."""

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder
        self._thread: threading.Thread | None = None
        self._said = ""

    def copy(self, database: Database) -> None:
        """Copy the log through the connection that writes it."""
        try:
            with judged(self._folder, database.name):
                checkpoint(database.connection)
        except (StateError, BadState) as error:
            if str(error) != self._said:
                LOG.warning("the log of %s grows until it can be copied: %s", database.name, error)
            self._said = str(error)

    def copy_if_large(self, database: Database) -> None:
        """Have a large log copied in a thread."""
        self.copy_apart(database, LARGE)

    def copy_apart(self, database: Database, least: int = 1) -> None:
        """Have a log of `least` bytes or more copied in a thread, through a connection of its own."""
        if (self._thread is None or not self._thread.is_alive()) and database.log_size() >= least:
            self._thread = threading.Thread(
                target=self._copy_apart, args=(database.name,), name="state-log", daemon=True
            )
            self._thread.start()

    def _copy_apart(self, name: str) -> None:
        try:
            own = Database(self._folder, name)
        except (StateError, BadState) as error:
            LOG.debug("the log of %s is not copied: %s", name, error)  # the next load says what is wrong
            return
        try:
            self.copy(own)
        finally:
            own.close()
