# SPDX-License-Identifier: Apache-2.0
"""How a listener is told to end."""

import threading


class Ending:
    """Told once, from any thread. `leaves` tells that the listener is to delete its queue, for none will come back."""

    def __init__(self) -> None:
        self.leaves = False
        self._told = threading.Event()

    @property
    def is_told(self) -> bool:
        """Whether the listener is to end."""
        return self._told.is_set()

    def stop(self) -> None:
        """Have it end within a second or two; a durable queue keeps what comes."""
        self._told.set()

    def leave(self) -> None:
        """Have it end, and delete its queue where it still can."""
        self.leaves = True
        self._told.set()

    def wait(self, seconds: float) -> None:
        """Wait for so long, or until it is told."""
        self._told.wait(seconds)
