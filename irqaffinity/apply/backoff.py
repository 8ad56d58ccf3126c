# SPDX-License-Identifier: Apache-2.0
"""Decides when to try an interrupt again for which no vector was free, or that another program keeps moving."""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import IrqId
from irqaffinity.model.verdict import Verdict

FIRST = 60.0
LONGEST = 3600.0
"""Seconds: 1, 2, 4 ... 60 minutes."""


class _Wait(NamedTuple):
    target: CpuSet
    length: float
    until: float


class Backoff:
    """Remembers which interrupts of one guest found no free vector on their target, or are moved by another program."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waits: dict[IrqId, _Wait] = {}
        self._fights: dict[IrqId, _Wait] = {}

    def holds(self, irq: IrqId, target: CpuSet) -> Verdict | None:
        """Return the verdict of the last try while it is too early for the next one, else None.

        For another target than that of the last try it is never too early.
        """
        for waits, verdict in ((self._waits, Verdict.NO_VECTOR), (self._fights, Verdict.PENDING)):
            wait = waits.get(irq)
            if wait is not None and wait.target == target and self._clock() < wait.until:
                return verdict
        return None

    def hold(self, irq: IrqId, target: CpuSet, seconds: float) -> None:
        """Leave an interrupt alone for so long, because another program moves it away from its target every time."""
        now = self._clock()
        self._fights = {other: wait for other, wait in self._fights.items() if now < wait.until}
        self._fights[irq] = _Wait(target, seconds, now + seconds)

    def lift(self) -> None:
        """End every `hold`: the guest's interrupts may be new."""
        self._fights.clear()

    def failed(self, irq: IrqId, target: CpuSet) -> None:
        """Note that no vector was free: the wait doubles each time."""
        wait = self._waits.get(irq)
        length = min(wait.length * 2, LONGEST) if wait is not None and wait.target == target else FIRST
        now = self._clock()
        self._waits = {other: wait for other, wait in self._waits.items() if now < wait.until + LONGEST}
        self._waits[irq] = _Wait(target, length, now + length)

    def forget(self, irqs: Iterable[IrqId]) -> None:
        """Drop the waits of interrupts that are refused no longer. `failed` drops those of interrupts that are gone."""
        for irq in irqs if self._waits else ():
            self._waits.pop(irq, None)
