# SPDX-License-Identifier: Apache-2.0
"""When an interrupt for which no vector was free is tried again."""

import time
from collections.abc import Callable
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
        self._waits[irq] = _Wait(target, length, self._clock() + length)

    def forget_all_but(self, irqs: frozenset[IrqId]) -> None:
        """Drop what is known of interrupts that are no longer refused, so that the memory cannot grow."""
        self._waits = {irq: wait for irq, wait in self._waits.items() if irq in irqs}
