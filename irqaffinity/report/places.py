# SPDX-License-Identifier: Apache-2.0
"""Where interrupts belong by one pass, and whose they and the CPUs are."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from irqaffinity.model.action import Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.isolation import Kept
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.guests import GuestPlan
from irqaffinity.plan.targets import DevicePlan
from irqaffinity.report.outcome import Outcome

GRAVEST = (
    Verdict.DENIED,
    Verdict.NO_VECTOR,
    Verdict.OFFLINE,
    Verdict.UNREAD,
    Verdict.WOULD_SET,
    Verdict.HELD,
    Verdict.THROTTLED,
    Verdict.PENDING,
    Verdict.IMMOVABLE,
    Verdict.MANAGED,
    Verdict.GONE,
    Verdict.SET,
    Verdict.OK,
)
"""The verdicts, the gravest first."""


@dataclass(frozen=True, slots=True)
class Place:
    """A device of a guest: its interrupts, and the gravest verdict on them, None where no interrupt has one."""

    plan: DevicePlan
    name: str | None
    numbers: tuple[int, ...]
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Cpu:
    """A physical CPU, and the dedicated vCPU on it; a CPU that two guests have comes twice."""

    number: int
    guest: GuestId | None = None
    name: str | None = None
    vcpu: int | None = None


class Found(NamedTuple):
    """An interrupt of this host: its PCI device, None where it has none, and whether it can be moved."""

    device: str | None
    is_movable: bool


@dataclass(frozen=True, slots=True)
class Places:
    """Where interrupts belong by one pass: any number of intervals of arrivals can be compared with it.

    `owners` has the guest of each interrupt that a guest has, `names` the name of each guest. `kept` are the CPUs of
    guests; `found` has each interrupt of the host and its guests, by number, as far as it is known.
    """

    outcome: Outcome
    devices: Sequence[Place]
    cpus: Sequence[Cpu]
    owners: Mapping[int, GuestId]
    names: Mapping[GuestId, str]
    kept: Kept
    found: Mapping[int, Found]

    @classmethod
    def of(
        cls,
        outcome: Outcome,
        interrupts: Mapping[PciAddress, Iterable[int]],
        online: CpuSet,
        kept: Kept,
        found: Mapping[int, Found],
    ) -> "Places":
        """Take a pass, the interrupts of its devices, the CPUs that are online, and the last two fields."""
        names = {guest.uuid: guest.name for guest in outcome.guests}
        verdicts: dict[tuple[PciAddress, GuestId | None], set[Verdict]] = defaultdict(set)
        for result in outcome.results:
            verdicts[result.action.device, _owner(result)].add(result.verdict)
        devices, owners = [], {}
        for plan in outcome.devices:
            numbers = tuple(sorted(interrupts.get(plan.address, ())))
            told = verdicts.get((plan.address, plan.guest), set())
            gravest = next((verdict for verdict in GRAVEST if verdict in told), None)
            devices.append(Place(plan, names.get(plan.guest) if plan.guest else None, numbers, gravest))
            if plan.guest is not None:
                owners.update(dict.fromkeys(numbers, plan.guest))
        return cls(outcome, devices, _cpus(outcome.guests, online), owners, names, kept, found)


def _owner(result: Result) -> GuestId | None:
    return None if result.action.is_release else result.action.owner


def _cpus(guests: Iterable[GuestPlan], online: CpuSet) -> list[Cpu]:
    owned: dict[int, list[Cpu]] = defaultdict(list)
    for guest in guests:
        for vcpu, cpu in guest.dedication.pins.items() if guest.dedication is not None else ():
            owned[cpu].append(Cpu(cpu, guest.uuid, guest.name, vcpu))
    return [cpu for number in sorted({*online, *owned}) for cpu in owned.get(number, [Cpu(number)])]
