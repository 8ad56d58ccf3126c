# SPDX-License-Identifier: Apache-2.0
"""The host's own interrupts, the CPUs that are kept for guests, and who comes to whose CPUs."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from irqaffinity.model.action import Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import Interrupt, IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import name_cpus
from irqaffinity.model.verdict import Verdict


class HostInterrupt(NamedTuple):
    """An interrupt that no guest has, with the name of its action.

    `device` is NO_DEVICE where no PCI device has it, or several have; `driver` and `numa_node` are the device's.
    """

    interrupt: Interrupt
    device: PciAddress
    driver: str | None = None
    numa_node: int | None = None

    @property
    def is_unread(self) -> bool:
        """Whether nothing of it could be read: nobody knows which interrupt has the number now."""
        return self.interrupt.smp is None and self.interrupt.action is None


@dataclass(frozen=True, slots=True)
class Kept:
    """The CPUs that are dedicated to guests, with the guests of each, sorted.

    `is_whole` is False where there may be more: a guest cannot be read, and this process has never read it.
    """

    owners: Mapping[int, tuple[GuestId, ...]] = field(default_factory=dict)
    cpus: CpuSet = CpuSet()
    is_whole: bool = True

    def guests_on(self, cpus: CpuSet) -> tuple[GuestId, ...]:
        """Return the guests that have one of these CPUs, sorted."""
        return tuple(sorted({guest for cpu in cpus & self.cpus for guest in self.owners[cpu]}))


class Intruder(NamedTuple):
    """An interrupt that comes to the CPUs of guests that do not own it.

    `cpus` are the kept CPUs that it comes to, `guests` those that have them. `owner` is the guest that has the
    interrupt itself, None for one of the host's. `arrived` is how many came to these CPUs since the last pass, None
    where that is not known. `target` and `verdict` are None where nothing is to be done with it.
    """

    number: int
    name: str
    device: PciAddress
    cpus: CpuSet
    guests: tuple[GuestId, ...]
    is_movable: bool
    owner: GuestId | None = None
    arrived: int | None = None
    target: CpuSet | None = None
    verdict: Verdict | None = None

    @property
    def irq(self) -> IrqId:
        """The identity of the interrupt."""
        return IrqId(self.device, self.number)


class VectorUse(NamedTuple):
    """How many interrupt vectors of each CPU are taken, and how many it has; both empty where there is no such limit.

    `is_exact` says that the kernel itself has counted (debugfs, irq/domains/VECTOR); else at least `used` are taken.
    """

    used: Mapping[int, int] = {}
    capacity: Mapping[int, int] = {}
    is_exact: bool = False


class Headroom(NamedTuple):
    """The CPU with the fewest free interrupt vectors of one node, None for CPUs without a node.

    `is_exact` is that of VectorUse.
    """

    node: int | None
    cpu: int
    free: int
    capacity: int
    is_exact: bool


class Shortage(NamedTuple):
    """A target that is about to run out of vectors: how many its online CPUs have together, and how many are free.

    `is_exact` is that of VectorUse: where it is False, at most so many are free.
    """

    cpus: CpuSet
    free: int
    capacity: int
    is_exact: bool

    @property
    def sentence(self) -> str:
        """The fact and the next step."""
        most = "" if self.is_exact else "at most "
        return (
            f"{name_cpus('CPU', self.cpus)}, where interrupts belong, {'has' if len(self.cpus) == 1 else 'have'} "
            f"{most}{self.free} of {self.capacity} interrupt vectors free: give the interrupts more CPUs, or the "
            "devices fewer queues"
        )


@dataclass(frozen=True, slots=True)
class Isolated:
    """What a pass found and did for the isolation of guests' CPUs; `results` are those of the host's interrupts.

    `results` has an interrupt that was, would be or could not be moved or given back; that of DEFAULT stands for the
    default affinity. `shortages` are the targets that are about to run out of vectors. `names` are those of handlers,
    by the numbers of the interrupts, where they are known. `trouble` says why nothing is moved although it should be,
    None where nothing is in the way. `mode` is the word of the configuration; `moved` is how many interrupts of the
    host are kept away from CPUs that they had.
    """

    mode: str
    kept: Kept = Kept()
    housekeeping: CpuSet = CpuSet()
    intruders: tuple[Intruder, ...] = ()
    results: tuple[Result, ...] = ()
    headroom: tuple[Headroom, ...] = ()
    trouble: str | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    moved: int = 0
    shortages: tuple[Shortage, ...] = ()

    def narrowed(self, guests: Collection[GuestId]) -> "Isolated":
        """Return only what concerns the CPUs of these guests."""
        found = (intruder for intruder in self.intruders if not set(guests).isdisjoint(intruder.guests))
        return replace(self, intruders=tuple(found), results=(), trouble=None)


class Told(NamedTuple):
    """What an irqbalance left alone before, and what it was told to leave alone: all CPUs and all interrupts of it.

    `cpus_before` is None where it had what it was started with.
    """

    cpus_before: CpuSet | None
    irqs_before: tuple[int, ...]
    cpus: CpuSet
    irqs: tuple[int, ...]
