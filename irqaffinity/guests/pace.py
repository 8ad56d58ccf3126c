# SPDX-License-Identifier: Apache-2.0
"""What one guest may cost the host: what happens in it is followed at once as long as it does not happen too often."""

from irqaffinity.guests.watch import TOGETHER
from irqaffinity.model.credit import Credit

EVENTS, EVENTS_RATE = 256.0, 10.0
"""Births that are each followed at once, and how many more in a second; other events have as many of their own."""

EFFORT, EFFORT_RATE = 0.5, 0.015
"""Seconds of CPU, at once and in each second, for looks at the guest and for placing births beyond the above."""

POLLED, POLLED_RATE = 3.0, 0.05
"""The same where new interrupts are polled for: there looks alone find them."""

_FEW = 16.0


class Pace:
    """What one guest has left of these credits. Times are in seconds of one clock.

    Births have a credit of their own: anybody who can send a message can make other events of any guest.
    """

    def __init__(self) -> None:
        self._births = Credit(EVENTS, EVENTS_RATE)
        self._events = Credit(EVENTS, EVENTS_RATE)
        self._effort = Credit(EFFORT, EFFORT_RATE)
        self._polled = Credit(POLLED, POLLED_RATE)
        self._last: float | None = None

    def follows_birth(self, now: float) -> bool:
        """Count a birth, and tell whether it is followed at once."""
        return self._births.take(now)

    def follows_event(self, now: float) -> bool:
        """Count any other event, and tell whether it is followed at once."""
        return self._events.take(now)

    def is_throttled(self, now: float) -> bool:
        """Tell whether little credit for births is left, so that the next ones wait, now or soon."""
        return self._births.wait(now, _FEW) > 0

    def worked(self, now: float, seconds: float) -> None:
        """Note work for the guest that took `seconds` of CPU."""
        self._effort.spend(now, seconds)
        self._polled.spend(now, seconds)
        self._last = now

    def next_work(self, now: float, pause: float = TOGETHER, *, hears_births: bool = True) -> float:
        """Return when the next work for the guest may begin: at least `pause` seconds after the last."""
        after = now if self._last is None else max(now, self._last + pause)
        effort = self._effort if hears_births else self._polled
        return max(after, now + effort.wait(now))
