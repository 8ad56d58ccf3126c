# SPDX-License-Identifier: Apache-2.0
"""How long an interrupt without a free vector is left in peace."""

from irqaffinity.apply.backoff import Backoff
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress

IRQ = IrqId(PciAddress.parse("0000:81:00.2"), 40)
TARGET = CpuSet([9])


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_wait_doubles_from_one_minute_to_an_hour() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    waits = []
    for _ in range(8):
        backoff.failed(IRQ, TARGET)
        start = clock.now
        while backoff.holds(IRQ, TARGET):
            clock.now += 60
        waits.append((clock.now - start) / 60)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_another_target_is_tried_at_once_and_starts_anew() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    backoff.failed(IRQ, TARGET)
    backoff.failed(IRQ, TARGET)
    other = CpuSet([10])
    assert not backoff.holds(IRQ, other)
    backoff.failed(IRQ, other)
    clock.now += 60
    assert not backoff.holds(IRQ, other)


def test_what_is_no_longer_refused_is_forgotten() -> None:
    backoff = Backoff(Clock())
    backoff.failed(IRQ, TARGET)
    backoff.forget([IrqId(IRQ.device, 41)])
    assert backoff.holds(IRQ, TARGET)
    backoff.forget([IRQ])
    assert not backoff.holds(IRQ, TARGET)
