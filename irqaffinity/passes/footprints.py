# SPDX-License-Identifier: Apache-2.0
"""Where the interrupts of each guest come; what has not changed since the last pass is not counted again."""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from operator import is_
from typing import NamedTuple

from irqaffinity.guests.life import Life, Lives
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import Interrupt, IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import has_number


class Footprint(NamedTuple):
    """All interrupts of a guest's devices as they were read last: their devices, and how many come to which CPUs."""

    basis: tuple[object, ...]
    interrupts: tuple[tuple[PciAddress, Interrupt], ...]
    loads: Counter[CpuSet]

    @property
    def cpus(self) -> CpuSet:
        """All CPUs that they come to."""
        return CpuSet(cpu for cpus in self.loads for cpu in cpus)


class Footprints:
    """The footprints of all guests."""

    def __init__(self, root: HostRoot, lives: Lives) -> None:
        self._root = root
        self._lives = lives
        self.numbers: AbstractSet[int] = frozenset()
        self._known: dict[GuestId, Footprint] = {}
        self._met: set[int] = set()

    def meet(self, number: int) -> None:
        """Note that an interrupt was born that no guest seems to have; a guest may have had its number until then."""
        if self._lives.device_of(number) is not None:
            self._met.add(number)

    def take(self) -> dict[GuestId, Footprint]:
        """Return the footprint of each guest as of its last pass, and have their interrupts in `numbers`.

        That is the same object as long as nothing has changed.
        """
        before, self._known = self._known, {life.uuid: self._of(life) for life in self._lives if life.readings}
        if len(before) != len(self._known) or not all(map(is_, before.values(), self._known.values())):
            footprints = self._known.values()
            self.numbers = frozenset(irq.number for each in footprints for _, irq in each.interrupts)
        return self._known

    def numbers_now(self) -> AbstractSet[int]:
        """Return `numbers` without those that others than guests have by now: the same object while there are none."""
        self._met = {number for number in self._met & self.numbers if not self._is_a_guests(number)}
        return self.numbers - self._met if self._met else self.numbers

    def _is_a_guests(self, number: int) -> bool:
        device = self._lives.device_of(number)
        try:
            return device is None or has_number(self._root, device, number)
        except OSError:
            return True

    def _of(self, life: Life) -> Footprint:
        known, basis = self._known.get(life.uuid), (life.part, *life.readings.values())
        if known is not None and len(known.basis) == len(basis) and all(map(is_, known.basis, basis)):
            return known
        interrupts = tuple(_interrupts(life))
        return Footprint(basis, interrupts, Counter(where(interrupt) for _, interrupt in interrupts))


def where(interrupt: Interrupt) -> CpuSet:
    """Return the CPUs that an interrupt comes to: one that the kernel manages itself is kept a vector on all of its."""
    if interrupt.effective is None or not interrupt.writable:
        return interrupt.smp or CpuSet()
    return interrupt.effective


def _interrupts(life: Life) -> Iterator[tuple[PciAddress, Interrupt]]:
    """Give the interrupts as the pass left them."""
    results = () if life.part is None else life.part.results
    last = {result.action.irq: (result.smp, result.effective) for result in results if result.was_written}
    for address, reading in life.readings.items():
        for interrupt in reading.device.interrupts:
            smp, effective = last.get(IrqId(address, interrupt.number), (interrupt.smp, interrupt.effective))
            yield address, interrupt._replace(smp=smp, effective=effective)
