# SPDX-License-Identifier: Apache-2.0
"""The values that a page shows: the host of one document."""

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.layout import NodeLayout
from irqaffinity.model.verdict import Verdict

_AT_TARGET = frozenset({Verdict.OK.value, Verdict.SET.value, Verdict.PENDING.value})
"""Verdicts of interrupts whose affinity is the target; all others have the affinity of before."""


class LeftOutElement(NamedTuple):
    """An element of a domain that leads to no device."""

    element: str
    reason: str
    message: str


class GuestFacts(NamedTuple):
    """A guest; `label` is a short form of its name that no other guest has. `pins` is None where they are not known."""

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
    """An interrupt, with the words of the document."""

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
        """The CPUs that the interrupt is set to now."""
        return self.target if self.verdict in _AT_TARGET else self.current

    @property
    def hardware(self) -> CpuSet | None:
        """The CPUs that the hardware sends the interrupt to, as far as they are known."""
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
    """Arrivals of a device's interrupts: each second, by CPU, and the share outside the target; None where unknown."""

    rate: float | None
    arrived: Mapping[int, int]
    outside: float | None


class CpuArrivals(NamedTuple):
    """Arrivals a second on a CPU, and those of interrupts that its guest does not have, None where it has no guest.

    `strangers` are the numbers and names of these foreign interrupts, the one that arrived most often first.
    """

    rate: float
    foreign: float | None
    strangers: tuple[str, ...]


class CpuLoad(NamedTuple):
    """How many interrupts the hardware may send to a CPU; `foreign` counts those of no guest with a vCPU on it."""

    irqs: int
    foreign: int


class Arrivals(NamedTuple):
    """What arrived in some `seconds`; devices by address."""

    seconds: float
    devices: Mapping[str, DeviceArrivals]
    cpus: Mapping[int, CpuArrivals]


class IntruderFacts(NamedTuple):
    """An interrupt that comes to CPUs of guests that do not own it, with the words of the document."""

    number: int
    name: str
    device: str | None
    cpus: CpuSet
    guests: tuple[str, ...]
    owner: str | None
    is_movable: bool
    arrived: int | None
    target: CpuSet | None
    verdict: str | None


class IsolationFacts(NamedTuple):
    """What the document tells of isolation.

    `failed` are the numbers of the host's interrupts that could not be moved, with the verdict and the message.
    `headroom` are sentences on the fullest CPU of each node, with its number, and whether it is short of vectors.
    """

    mode: str
    kept: CpuSet
    housekeeping: CpuSet
    message: str | None
    intruders: tuple[IntruderFacts, ...]
    failed: tuple[tuple[int, str, str], ...]
    headroom: tuple[tuple[int, str, bool], ...]


@dataclass(frozen=True)
class HostPicture:
    """A host as one document describes it.

    `pass_error` is why the last pass could not be made. `only` are the words that the document was narrowed to, and
    `missing` names what it does not have. `isolation` is None where nobody looked at the host's own interrupts.
    `holds` are lines on those in force.
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
    isolation: IsolationFacts | None = None
    holds: Sequence[str] = ()

    @functools.cached_property
    def guest_of(self) -> Mapping[str | None, GuestFacts]:
        """The guests by uuid."""
        return {guest.uuid: guest for guest in self.guests}

    @functools.cached_property
    def vcpus_on(self) -> Mapping[int, Sequence[tuple[GuestFacts, int]]]:
        """The vCPUs that are pinned to one CPU, by this CPU."""
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

    @functools.cached_property
    def intruders_on(self) -> Mapping[int, int]:
        """How many intruders come to each CPU."""
        intruders = () if self.isolation is None else self.isolation.intruders
        return _count((cpus, count) for cpus, count in Counter(intruder.cpus for intruder in intruders).items())

    def arrivals_of(self, device: DeviceFacts) -> DeviceArrivals | None:
        """Return the arrivals of a device, None where they were not counted."""
        return None if self.arrivals is None else self.arrivals.devices.get(device.address)


def _count(sets: Iterable[tuple[CpuSet, int]]) -> Mapping[int, int]:
    """Return for each CPU the sum of the counts of its sets; the time grows with runs, not with CPUs."""
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
