# SPDX-License-Identifier: Apache-2.0
"""Places, several at a time, the interrupts that were born too soon after others of their guest."""

import logging
from collections.abc import Callable, Iterator
from math import inf

from irqaffinity.agent.counters import Counters
from irqaffinity.guests.life import Life
from irqaffinity.guests.pace import Pace
from irqaffinity.guests.watch import Patience
from irqaffinity.hypervisor.connection import LibvirtUnreachable
from irqaffinity.model.action import Result
from irqaffinity.model.guest import GuestId
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.passes.auditor import Auditor
from irqaffinity.state.folder import StateError

LOG = logging.getLogger(__name__)

SEARCH = 0.5
"""Seconds, at least, between two searches for the guests of new interrupts whose guest is not known."""


class Together:
    """Places interrupts that wait, guest by guest, as soon as the guest's pace allows. For the loop's own thread."""

    def __init__(
        self, auditor: Auditor, counters: Counters, clock: Callable[[], float], cost: Callable[[], float]
    ) -> None:
        self._auditor = auditor
        self._counters = counters
        self._clock = clock
        self._cost = cost
        self._searches = Pace()

    def due(self, now: float) -> float:
        """Return the time at which the next work is due; infinity where nothing waits."""
        return min(self._dues(now), default=inf)

    def do(self, patience: Patience, now: float) -> None:
        """Do the work that is due; have a guest looked at where its interrupts cannot be placed without that."""
        if self._auditor.has_lost and self._searches.next_work(now, SEARCH) <= now:
            start = self._cost()
            for uuid in self._find_lost():
                self._auditor.lives.of(uuid).wake(patience, now, asks=False)
            self._searches.worked(now, self._cost() - start)
        for life in self._auditor.lives:
            if life.throttled and life.pace.next_work(now) <= now:
                start = self._cost()
                results = self._place(life)
                now = self._clock()
                life.worked(patience, now, self._cost() - start)
                if results is None:
                    life.wake(patience, now, asks=False, is_prompt=False)
                elif results or life.is_placed:  # a look finds an interrupt that /proc/irq does not have yet
                    life.confirm(now)

    def _dues(self, now: float) -> Iterator[float]:
        if self._auditor.has_lost:
            yield self._searches.next_work(now, SEARCH)
        yield from (life.pace.next_work(now) for life in self._auditor.lives if life.throttled)

    def _find_lost(self) -> frozenset[GuestId]:
        try:
            return self._auditor.find_lost()
        except (HostUnreadable, OSError) as error:
            LOG.debug("the next full pass will place new interrupts: %s", error)
            return frozenset()

    def _place(self, life: Life) -> tuple[Result, ...] | None:
        try:
            results = self._auditor.place_throttled(life.uuid)
        except (LibvirtUnreachable, HostUnreadable, StateError, OSError) as error:
            LOG.debug("guest %s: a look will place its new interrupts: %s", life.uuid, error)
            return None
        for result in results or ():
            self._counters.count_birth(result)
        return results
