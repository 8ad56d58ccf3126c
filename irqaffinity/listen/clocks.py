# SPDX-License-Identifier: Apache-2.0
"""Finds senders of the masks of guests here whose clocks are ahead of this host's."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from irqaffinity.model.record import RememberedSpecs

LOG = logging.getLogger(__name__)

TOLERATED = timedelta(minutes=5)
"""Clocks may differ by so much without a warning, as with Kerberos."""

MOST = 64
"""The most publishers that are kept: few of them send masks of guests here, but names come from outside."""

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Ahead:
    """A publisher whose clock was so many seconds ahead of the one here at its last message, which came at `seen`."""

    publisher: str
    seconds: int
    seen: str


class Clocks:
    """Compares the clock behind each message that brings extra specs with the one here. For any number of threads.

    No mask is lost because a clock is ahead: RememberedSpecs.is_newer_than says how times are compared. The log names
    the clock all the same, once an hour for each publisher, for two masks of two publishers may get the wrong order.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._ahead: dict[str, Ahead] = {}
        self._logged: dict[str, float] = {}

    @property
    def ahead(self) -> list[Ahead]:
        """The publishers whose clock was ahead at their last message, by name."""
        with self._lock:
            return [self._ahead[publisher] for publisher in sorted(self._ahead)]

    def saw(self, specs: RememberedSpecs) -> None:
        """Compare the clock of a message that has just come with the one here."""
        publisher, arrived = specs.publisher, specs.arrived
        if publisher is None or arrived is None:
            return
        with self._lock:
            if specs.ahead <= TOLERATED:
                self._ahead.pop(publisher, None)
                return
            self.count += 1
            now = self._clock()
            self._logged = {name: at for name, at in self._logged.items() if now - at < _HOUR}
            is_known = publisher in self._logged
            if not is_known and len(self._logged) >= MOST:
                return
            found = self._ahead[publisher] = Ahead(publisher, int(specs.ahead.total_seconds()), arrived)
            while len(self._ahead) > MOST:
                del self._ahead[next(iter(self._ahead))]
            if not is_known:
                self._logged[publisher] = now
                LOG.warning(
                    "the clock of %s is %d s ahead of this host's: set right the one that is wrong",
                    publisher,
                    found.seconds,
                )
