# SPDX-License-Identifier: Apache-2.0
"""For how long every domain of Nova's on this host has had its extra specs in its own metadata."""

from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST_GAP = timedelta(hours=2)
"""Time between two sights that counts as if somebody had looked all the time: a restart of the agent, or an upgrade."""


@dataclass(frozen=True, slots=True)
class Proof:
    """It was so from `since` until `seen`, both in UTC, less the time in which nobody could say.

    That time is left out by moving `since`: where no domain was there at all, where no agent looked, or where the clock
    was set.
    """

    since: datetime
    seen: datetime

    @property
    def length(self) -> timedelta:
        """For how long it was so."""
        return self.seen - self.since

    def goes_on(self, now: datetime) -> "Proof":
        """Return the proof after it was seen to be so again; a clock that was set proves and undoes nothing."""
        gap = now - self.seen
        is_counted = timedelta() <= gap <= LONGEST_GAP
        return Proof(self.since if is_counted else self.since + gap, now)
