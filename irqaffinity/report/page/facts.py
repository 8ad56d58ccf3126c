# SPDX-License-Identifier: Apache-2.0
"""What a page shows: the host of one document, as values."""

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.layout import NodeLayout
from irqaffinity.model.verdict import Verdict

_AT_TARGET = frozenset({Verdict.OK.value, Verdict.SET.value, Verdict.PENDING.value})
"""Verdicts of interrupts whose affinity is the target; that of all others is what it was before."""


class LeftOutElement(NamedTuple):
    """An element of a domain that leads to no device."""

    element: str
    reason: str
    message: str


class GuestFacts(NamedTuple):
    """A guest; `label` is short for its name, and no other guest's. `pins` is None where it is not known."""

    order: int
    uuid: str
    name: str
    label: str
    vcpus: int | None
    mask: str | None
    mask_source: str
    pins: Mapping[int, CpuSet] | None
    irq_vcpus: CpuSet | None
    irq_pcpus: CpuSet | None
    status: str
    reason: str | None
    message: str | None
    left_out: tuple[LeftOutElement, ...]


class IrqFacts(NamedTuple):
    """An interrupt; words are as they stand in the document."""

    number: int
    device: str
    guest: str | None
    current: CpuSet | None
    target: CpuSet | None
    effective: CpuSet | None
    verdict: str
    reason: str | None
    message: str | None

    @property
    def affinity(self) -> CpuSet | None:
        """The CPUs that it is set to now."""
        return self.target if self.verdict in _AT_TARGET else self.current

    @property
    def hardware(self) -> CpuSet | None:
        """The CPUs that the hardware sends it to, as far as that is known."""
        return self.affinity if self.effective is None else self.effective


class DeviceFacts(NamedTuple):
    """A device of one guest, with the interrupts of the document."""

    order: int
    address: str
    guest: str | None
    numa_node: int | None
    driver: str | None
    target: CpuSet | None
    reason: str | None
    message: str | None
    irqs: tuple[IrqFacts, ...]


class DeviceArrivals(NamedTuple):
    """Interrupts of a device that arrived: a second, by CPU, and the share outside the target; None where unknown."""

    rate: float | None
    arrived: Mapping[int, int]
    outside: float | None


class CpuArrivals(NamedTuple):
    """Interrupts a second that arrived on a CPU, and those that its guest has nothing of, None where it has no guest.

    `strangers` are the numbers and names of the latter, the one that arrived most first.
    """

    rate: float
    foreign: float | None
    strangers: tuple[str, ...]


class CpuLoad(NamedTuple):
    """How many interrupts the hardware may send to a CPU; `foreign` are none of the guests whose vCPUs are on it."""

    irqs: int
    foreign: int


class Arrivals(NamedTuple):
    """What arrived in some `seconds`; devices by address."""

    seconds: float
    devices: Mapping[str, DeviceArrivals]
    cpus: Mapping[int, CpuArrivals]


@dataclass(frozen=True)
class HostPicture:
    """A host as one document tells of it.

    `pass_error` is why the last pass could not be made. `only` are the words that the document was narrowed to, and
    `missing` names what it does not have.
    """

    name: str
    time: str
    dry_run: bool
    posted_interrupts: bool
    msi_source: str
    state_unsaved: str | None
    pass_error: str | None
    rivals: Sequence[str]
    only: Sequence[str]
    nodes: Sequence[NodeLayout]
    guests: Sequence[GuestFacts]
    devices: Sequence[DeviceFacts]
    irqs: Sequence[IrqFacts]
    arrivals: Arrivals | None
    missing: Sequence[str]

    @functools.cached_property
    def guest_of(self) -> Mapping[str | None, GuestFacts]:
        """The guests by uuid."""
        return {guest.uuid: guest for guest in self.guests}

    @functools.cached_property
    def vcpus_on(self) -> Mapping[int, Sequence[tuple[GuestFacts, int]]]:
        """The vCPUs that are pinned to each CPU alone."""
        found: dict[int, list[tuple[GuestFacts, int]]] = defaultdict(list)
        for guest in self.guests:
            for vcpu, cpus in (guest.pins or {}).items():
                if len(cpus) == 1:
                    found[min(cpus)].append((guest, vcpu))
        return found

    @functools.cached_property
    def load_on(self) -> Mapping[int, CpuLoad]:
        """How many interrupts the hardware may send to each CPU."""
        pinned: dict[str, CpuSet] = {
            guest.uuid: CpuSet(min(cpus) for cpus in (guest.pins or {}).values() if len(cpus) == 1)
            for guest in self.guests
        }
        alike = Counter((irq.hardware or CpuSet(), irq.guest) for irq in self.irqs)
        total = _count((cpus, count) for (cpus, _), count in alike.items())
        own = _count((cpus & pinned.get(uuid or "", CpuSet()), count) for (cpus, uuid), count in alike.items())
        return {
            cpu: CpuLoad(count, count - own.get(cpu, 0) if cpu in self.vcpus_on else 0) for cpu, count in total.items()
        }

    def arrivals_of(self, device: DeviceFacts) -> DeviceArrivals | None:
        """Return what arrived of a device, None where nobody counted."""
        return None if self.arrivals is None else self.arrivals.devices.get(device.address)


def _count(sets: Iterable[tuple[CpuSet, int]]) -> Mapping[int, int]:
    """Return how often each CPU is in sets that each count so often; it takes time by runs of CPUs, not by CPUs."""
    steps: Counter[int] = Counter()
    for cpus, count in sets:
        for first, last in _runs(cpus):
            steps[first] += count
            steps[last + 1] -= count
    found, level, before = {}, 0, 0
    for cpu in sorted(steps):
        if level:
            found.update(dict.fromkeys(range(before, cpu), level))
        level, before = level + steps[cpu], cpu
    return found


def _runs(cpus: CpuSet) -> Iterator[tuple[int, int]]:
    """Give the first and the last CPU of each run."""
    for run in str(cpus).split(",") if cpus else ():
        first, _, last = run.partition("-")
        yield int(first), int(last or first)
