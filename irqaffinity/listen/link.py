# SPDX-License-Identifier: Apache-2.0
"""Whether a connection is up, since when, and why not: for the log, which has each change once, and for the status."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

from irqaffinity.model.text import clean

LOG = logging.getLogger(__name__)

CONNECTED, NOT_CONNECTED, NOT_NEEDED = "connected", "not connected", "not needed"
"""The words for a connection, in the status and for people."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """`since` is when the connection came up or went down; `trouble` is why it is down, None while it is up.

    A connection that is not needed is not tried, which is no failure: `trouble` says why nobody needs it.
    """

    is_up: bool
    since: datetime
    peer: str
    trouble: str | None = None
    is_needed: bool = True

    @property
    def word(self) -> str:
        """The state of the connection, in a word or two."""
        return CONNECTED if self.is_up else NOT_CONNECTED if self.is_needed else NOT_NEEDED


class Link:
    """The connection to one peer, as its listener reports it. For any number of threads."""

    def __init__(
        self,
        name: str,
        peer: str,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        verb: str = "connected to",
    ) -> None:
        """The log calls the peer `name`; `peer` is its address without credentials, `verb` the log's words for up."""
        self.name = name
        self.losses = 0
        self._now = now
        self._verb = verb
        self._lock = threading.Lock()
        self._state = LinkState(False, now(), peer, "not connected yet")

    @property
    def state(self) -> LinkState:
        """How it is now."""
        return self._state

    def turn_to(self, peer: str) -> None:
        """Note that another peer is wanted; to leave the one before is no loss."""
        with self._lock:
            self._state = LinkState(False, self._now(), peer, "not connected yet")

    def rest(self, why: str) -> None:
        """Note that nobody needs the connection any more; to leave it is no loss."""
        with self._lock:
            self._state = LinkState(False, self._now(), self._state.peer, clean(why), is_needed=False)

    def up(self, peer: str) -> None:
        """Note that the connection is up."""
        with self._lock:
            LOG.info("%s: %s %s", self.name, self._verb, peer)
            self._state = LinkState(True, self._now(), peer)

    def down(self, trouble: str, *, is_news: bool = True) -> None:
        """Note that the connection is down, and why; log a trouble that is the same or no news at DEBUG alone."""
        trouble = clean(trouble)
        with self._lock:
            state = self._state
            is_news = is_news and state.trouble != trouble
            says_who = trouble.startswith(f"{self.name} ")  # as all messages on libvirt do
            line = trouble if says_who else f"{self.name}: {trouble}"
            LOG.log(logging.WARNING if is_news else logging.DEBUG, "%s", line)
            self.losses += state.is_up
            self._state = LinkState(False, self._now() if state.is_up else state.since, state.peer, trouble)
