# SPDX-License-Identifier: Apache-2.0
"""The extra specs of a guest that a notification brought, and which of two are the newer ones."""

from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST_WAY = timedelta(minutes=5)
"""How long a notification may wait in a queue, for its host or before that for a relay; the broker drops it then."""

_BOTH_WAYS = 2 * LONGEST_WAY


def _read_time(text: str) -> datetime:
    """Return a time whose fraction of a second may have any number of digits; raise ValueError."""
    seconds, _, fraction = text.partition(".")
    return datetime.fromisoformat(f"{seconds}.{fraction[:6]:0<6}")


@dataclass(frozen=True, slots=True)
class RememberedSpecs:
    """The mask of a versioned notification (None when its flavor has none), and that payload's timestamp.

    `publisher` is the host that sent it and `arrived` the time here when it came, as `timestamp` is written; None where
    an older state does not have them. All times are `2026-11-20 12:00:00`, perhaps with a fraction, in UTC.
    """

    mask: str | None
    timestamp: str
    publisher: str | None = None
    arrived: str | None = None

    @property
    def sent(self) -> str:
        """When it was sent at the latest, by the clock here: nothing arrives before it was sent."""
        return self.timestamp if self.arrived is None else min(self.timestamp, self.arrived)

    @property
    def ahead(self) -> timedelta:
        """How far the publisher's clock is ahead, at least; negative where it is behind, or the message took long."""
        try:
            return _read_time(self.timestamp) - _read_time(self.arrived or self.timestamp)
        except (ValueError, TypeError):  # a state that somebody else wrote may have any text there
            return timedelta()

    def is_newer_than(self, other: "RememberedSpecs") -> bool:
        """Tell whether these specs count, and not the `other` ones.

        Two timestamps of one clock are compared as they are: the clock may be wrong, but its own timestamps are in
        order, even where messages arrive late, twice or in another order. Between two publishers, and where the clock
        of one was set by more than any message takes, a message counts as sent at its arrival at the latest.
        """
        is_one_clock = self.publisher == other.publisher and abs(self.ahead - other.ahead) <= _BOTH_WAYS
        return self.timestamp > other.timestamp if is_one_clock else self.sent > other.sent
