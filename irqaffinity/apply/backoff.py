# SPDX-License-Identifier: Apache-2.0
"""When an interrupt for which no vector was free is tried again."""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import IrqId

FIRST = 60.0
LONGEST = 3600.0
"""Seconds: 1, 2, 4 ... 60 minutes."""


class _Wait(NamedTuple):
    target: CpuSet
    length: float
    until: float


class Backoff:
    """Remembers, for the life of a process, which interrupts found the CPUs of their target full."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waits: dict[IrqId, _Wait] = {}

    def holds(self, irq: IrqId, target: CpuSet) -> bool:
        """Tell whether it is too early to try; another target is tried at once."""
        wait = self._waits.get(irq)
        return wait is not None and wait.target == target and self._clock() < wait.until

    def failed(self, irq: IrqId, target: CpuSet) -> None:
        """Note that no vector was free: the wait doubles each time."""
        wait = self._waits.get(irq)
        length = min(wait.length * 2, LONGEST) if wait is not None and wait.target == target else FIRST
        now = self._clock()
        self._waits = {other: wait for other, wait in self._waits.items() if now < wait.until + LONGEST}
        self._waits[irq] = _Wait(target, length, now + length)

    def forget(self, irqs: Iterable[IrqId]) -> None:
        """Drop what is known of interrupts that are refused no longer. What is never seen again goes by itself."""
        for irq in irqs if self._waits else ():
            self._waits.pop(irq, None)
