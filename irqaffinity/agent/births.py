# SPDX-License-Identifier: Apache-2.0
"""Places interrupts as soon as the kernel tells of their birth, in the thread that hears of it."""

import logging
import time
from collections.abc import Callable, Collection

from irqaffinity.agent.counters import AWAY, BROKEN, Counters
from irqaffinity.hypervisor.connection import LibvirtUnreachable
from irqaffinity.listen.queue import WakeQueue
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.passes.auditor import Auditor
from irqaffinity.state.folder import StateError

LOG = logging.getLogger(__name__)


class Births:
    """Hears of births and ends, in their order; the loop looks at the guest afterwards, whatever came of it here."""

    def __init__(
        self, auditor: Auditor, queue: WakeQueue, counters: Counters, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._auditor = auditor
        self._queue = queue
        self._counters = counters
        self._clock = clock

    def born(self, number: int) -> None:
        """Place an interrupt that is a guest's; what cannot be placed by itself alone waits for the loop."""
        heard = self._clock()
        try:
            newborn = self._auditor.birth(number)
        except (LibvirtUnreachable, HostUnreadable, StateError, OSError) as error:
            LOG.debug("interrupt %d was born, and is left to the next full pass: %s", number, error)
            self._counters.count_no_birth(AWAY if isinstance(error, LibvirtUnreachable) else BROKEN)
            self._queue.wake_all("births")
            return
        result = newborn.result
        if newborn.is_throttled:
            self._counters.count_throttled()
        if newborn.is_first:
            self._queue.wake_for_waiting()
        if newborn.is_throttled or newborn.is_lost:
            return
        for owner in newborn.owners:
            if result is None:
                self._queue.wake_parent(owner)
            else:
                self._queue.confirm(owner)
        if result is not None:
            waited = self._clock() - heard
            self._counters.count_birth(result, waited)
            LOG.debug("interrupt %d was born, and has %s after %.1f ms", number, result.smp, waited * 1000)

    def ended(self, numbers: Collection[int]) -> None:
        """Have what interrupts had forgotten: their numbers may be others' next."""
        self._auditor.note_ends(numbers)
