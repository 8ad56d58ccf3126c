# SPDX-License-Identifier: Apache-2.0
"""Threads whose end with an error does not go unnoticed."""

import logging
import threading
from collections.abc import Callable

LOG = logging.getLogger(__name__)


class Threads:
    """Starts threads that end with the process; `dead` names the first one that ended with an error, or is None."""

    def __init__(self) -> None:
        self.dead: str | None = None

    def start(self, name: str, run: Callable[[], None]) -> threading.Thread:
        """Start a thread that calls `run`, and return it."""
        thread = threading.Thread(target=self._live, args=(name, run), name=name, daemon=True)
        thread.start()
        return thread

    def _live(self, name: str, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as error:
            LOG.critical("the thread %s ended: %s: %s", name, type(error).__name__, error)
            LOG.debug("the thread %s ended", name, exc_info=True)
            self.dead = self.dead or name
