# SPDX-License-Identifier: Apache-2.0
"""When to look again at a guest that something happened to: a pure matter of times, in seconds of any one clock."""

from dataclasses import dataclass

FAST, SLOW = 0.05, 0.5
"""Seconds between two looks where new interrupts are polled for: while things move, and afterwards."""

AGAIN = 1.0
"""Seconds until a look that could not be made is tried again."""

MOVING = 10.0
"""Seconds for which things move after a wake-up and after each change."""

SOONEST, RARE = 0.001, 2.0
"""Seconds between two looks where the kernel tells of new interrupts: SOONEST after an event, doubled up to RARE."""

TOGETHER = 0.1
"""The least seconds between two looks at a guest that has used up its credit (guests/pace.py)."""

QUIET = 6.0
"""Seconds without a change after which a guest has settled, once each of its devices has shown an interrupt."""


@dataclass(slots=True)
class Patience:
    """What holds for all watches: `boot` is how many seconds a watch lasts at most after its last wake-up.

    `hears_births` is whether the kernel tells of new interrupts at the moment.
    """

    boot: float
    hears_births: bool = False


@dataclass(slots=True)
class Watch:
    """One guest that is looked at again and again: vectors come one by one while its driver starts.

    What was placed is never taken for done (doc/how-it-works.rst). Where the kernel tells of new interrupts, each is an
    event, and a look that comes too early, before /proc/irq has the interrupt, is made up for a moment later. With
    `asks` the next look asks libvirt.
    """

    started: float
    changed: float
    next_look: float
    asks: bool = True
    complete_since: float | None = None
    pause: float = SOONEST

    @classmethod
    def begin(cls, now: float, *, asks: bool, due: float = 0.0, pause: float = SOONEST) -> "Watch":
        """Return a watch whose first look is due at once, or else at `due`."""
        return cls(now, now, max(now, due), asks, pause=pause)

    def wake(self, now: float, *, asks: bool, due: float, pause: float, can_wait: bool = False) -> None:
        """Plan a look at `due` and the next one `pause` later; with `can_wait` a look that is due sooner stays."""
        self.started = self.changed = now
        if can_wait and self.next_look <= due:
            return
        self.next_look, self.pause = due, pause
        self.asks = asks or self.asks

    def saw(self, patience: Patience, now: float, *, changed: bool, complete: bool) -> bool:
        """Note whether a look found a change, and each device with an interrupt; tell whether the watch is over."""
        self.asks = False
        if changed:
            self.changed = now
        if not complete:
            self.complete_since = None
        elif self.complete_since is None:
            self.complete_since = now
        if self._is_over(patience, now):
            return True
        self.next_look = now + self._pause(patience, now)
        return False

    def postpone(self, patience: Patience, until: float, *, asks: bool = False) -> bool:
        """Put the look, which could not be made now, off to `until`; tell whether the watch is over by then."""
        self.next_look, self.asks = until, self.asks or asks
        return until - self.started >= patience.boot

    def _pause(self, patience: Patience, now: float) -> float:
        if not patience.hears_births:
            return FAST if now - max(self.started, self.changed) < MOVING else SLOW
        pause, self.pause = self.pause, min(2 * self.pause, RARE)
        return pause

    def _is_over(self, patience: Patience, now: float) -> bool:
        if self.complete_since is None or now - self.started >= patience.boot:
            return now - self.started >= patience.boot
        return now - max(self.started, self.changed, self.complete_since) >= QUIET
