# SPDX-License-Identifier: Apache-2.0
"""Ends a listener, with its queue or without."""

import threading


class Ending:
    """The end of one listener, from any thread. With `leaves` it deletes its queue, for none will come back."""

    def __init__(self) -> None:
        self.leaves = False
        self._told = threading.Event()

    @property
    def is_told(self) -> bool:
        """Whether the listener is to end."""
        return self._told.is_set()

    def stop(self) -> None:
        """End the listener within a second or two; a durable queue keeps the messages that come afterwards."""
        self._told.set()

    def leave(self) -> None:
        """End the listener, which deletes its queue where it still can."""
        self.leaves = True
        self._told.set()

    def wait(self, seconds: float) -> None:
        """Wait for so long, or until somebody ends the listener."""
        self._told.wait(seconds)
