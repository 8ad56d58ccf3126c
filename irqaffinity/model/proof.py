# SPDX-License-Identifier: Apache-2.0
"""For how long every domain of Nova's on this host has had its extra specs in its own metadata."""

from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST_GAP = timedelta(hours=2)
"""The longest time between two looks that still counts as a proof: enough for a restart of the agent, or an upgrade."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Every domain had them from `since` until `seen`, both in UTC, without the time in which nobody could say.

    That time is left out by moving `since`: where no domain was there at all, where no agent looked, or where the clock
    was set.
    """

    since: datetime
    seen: datetime

    @property
    def length(self) -> timedelta:
        """For how long every domain had them."""
        return self.seen - self.since

    def goes_on(self, now: datetime) -> "Proof":
        """Return the proof after another look found the same; a clock that was set changes its length by nothing."""
        gap = now - self.seen
        is_counted = timedelta() <= gap <= LONGEST_GAP
        return Proof(self.since if is_counted else self.since + gap, now)
