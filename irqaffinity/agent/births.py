# SPDX-License-Identifier: Apache-2.0
"""Places new interrupts as soon as the kernel reports their birth, in the thread that reads these reports."""

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
    """Takes births and ends of interrupts, in their order; the loop looks at the guest afterwards in any case."""

    def __init__(
        self, auditor: Auditor, queue: WakeQueue, counters: Counters, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._auditor = auditor
        self._queue = queue
        self._counters = counters
        self._clock = clock

    def born(self, number: int) -> None:
        """Place a new interrupt of a guest, or leave it to the loop where that takes a look at the whole guest."""
        heard = self._clock()
        try:
            newborn = self._auditor.birth(number)
        except (LibvirtUnreachable, HostUnreadable, StateError, OSError) as error:
            LOG.debug("interrupt %d was born, and the next full pass will place it: %s", number, error)
            self._counters.count_no_birth(AWAY if isinstance(error, LibvirtUnreachable) else BROKEN)
            self._queue.wake_all("births")
            return
        result = newborn.result
        if newborn.is_throttled:
            self._counters.count_throttled()
        if newborn.is_first:
            self._queue.wake_for_waiting()
        if newborn.may_be_hosts and self._auditor.is_isolating:
            self._queue.wake_host()
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
        """Forget the state of interrupts that ended: the kernel may give their numbers to others."""
        self._auditor.note_ends(numbers)
