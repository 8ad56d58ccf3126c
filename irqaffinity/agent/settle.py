# SPDX-License-Identifier: Apache-2.0
"""When to look again at a guest that something happened to: a pure matter of times, in seconds of any one clock."""

from collections.abc import Iterator
from dataclasses import dataclass

from irqaffinity.model.guest import GuestId

FAST, SLOW = 0.05, 0.5
"""Between two looks: while things move, and afterwards."""

AGAIN = 1.0
"""Until a look is made again that could not be made."""

MOVING = 10.0
"""How long things move after a wake-up and after each change."""

SOONEST, RARE = 0.001, 2.0
"""Between two looks where the kernel tells of new interrupts: the first after an event, doubled up to the last."""

PROMPT, PROMPT_RATE = 100.0, 20.0
"""Events in a row that are each followed at once, and how many more in a second: no guest can keep the loop busy."""

QUIET = 6.0
"""How long nothing may change before a guest, whose devices have all shown an interrupt, is settled."""


@dataclass(slots=True)
class _Watch:
    started: float
    changed: float
    next_look: float
    asked: bool = True
    last_look: float | None = None
    complete_since: float | None = None
    pause: float = SOONEST
    credit: float = PROMPT


class Settling:
    """The guests that are watched. `boot` is how long one is, at most, after its last wake-up.

    Vectors come one by one while the guest's driver starts (doc/how-it-works.rst), so a guest is looked at again and
    again, and what was placed is never taken for done. Where the kernel tells of new interrupts (`is_told`), each is an
    event, and a look that comes too early, before /proc/irq has the interrupt, is made up for a moment later.
    """

    def __init__(self, boot: float) -> None:
        self.boot = boot
        self.is_told = False
        self._watches: dict[GuestId, _Watch] = {}

    def __contains__(self, guest: GuestId) -> bool:
        return guest in self._watches

    def __iter__(self) -> Iterator[GuestId]:
        return iter(tuple(self._watches))

    def wake(self, guest: GuestId, now: float, *, asks: bool = True) -> None:
        """Watch a guest: at once, or as soon after the last look as another look would come.

        `asks` has libvirt asked at that look.
        """
        known = self._watches.get(guest)
        if known is None:
            self._watches[guest] = _Watch(now, now, now, asks)
            return
        credit = min(PROMPT, known.credit + PROMPT_RATE * (now - known.started))
        is_prompt = self.is_told and credit >= 1
        soonest = now if known.last_look is None else max(now, known.last_look + (SOONEST if is_prompt else FAST))
        self._watches[guest] = _Watch(
            started=now,
            changed=now,
            next_look=soonest,
            asked=asks or known.asked,
            last_look=known.last_look,
            complete_since=known.complete_since,
            credit=credit - is_prompt,
        )

    def due(self, now: float) -> list[GuestId]:
        """Return the guests whose time has come, the longest waiting first."""
        waiting = sorted((watch.next_look, guest) for guest, watch in self._watches.items() if watch.next_look <= now)
        return [guest for _, guest in waiting]

    def is_asked(self, guest: GuestId) -> bool:
        """Tell whether the next look at a guest has to ask libvirt too."""
        return guest in self._watches and self._watches[guest].asked

    def next_due(self) -> float | None:
        """Return when the next look is due, None when nobody is watched."""
        return min((watch.next_look for watch in self._watches.values()), default=None)

    def saw(self, guest: GuestId, now: float, *, changed: bool, complete: bool) -> None:
        """Note a look: whether anything had changed, and whether each device of the guest has an interrupt by now."""
        watch = self._watches.get(guest)
        if watch is None:
            return
        watch.asked, watch.last_look = False, now
        if changed:
            watch.changed = now
        if not complete:
            watch.complete_since = None
        elif watch.complete_since is None:
            watch.complete_since = now
        if self._is_over(watch, now):
            del self._watches[guest]
            return
        watch.next_look = now + self._pause(watch, now)

    def postpone(self, guest: GuestId, until: float, *, asks: bool = False) -> None:
        """Look again at `until`, for now it could not be done; `asks` has libvirt asked then."""
        watch = self._watches.get(guest)
        if watch is None:
            return
        if until - watch.started >= self.boot:
            del self._watches[guest]
            return
        watch.next_look, watch.asked = until, watch.asked or asks

    def drop(self, guest: GuestId) -> None:
        """Watch a guest no longer."""
        self._watches.pop(guest, None)

    def _pause(self, watch: _Watch, now: float) -> float:
        if not self.is_told:
            return FAST if now - max(watch.started, watch.changed) < MOVING else SLOW
        pause, watch.pause = watch.pause, min(2 * watch.pause, RARE)
        return pause

    def _is_over(self, watch: _Watch, now: float) -> bool:
        if watch.complete_since is None or now - watch.started >= self.boot:
            return now - watch.started >= self.boot
        return now - max(watch.started, watch.changed, watch.complete_since) >= QUIET
