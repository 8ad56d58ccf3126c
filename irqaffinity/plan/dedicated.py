# SPDX-License-Identifier: Apache-2.0
"""Which vCPUs of a guest have a physical CPU to themselves, and why the others have not.

The pins are evidence and always count; the policy, which Nova wrote, can only narrow them down.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import Guest, GuestId
from irqaffinity.plan.cpu_policy import Said, read_policy

Pins = Mapping[int, int]
"""vCPU index to physical CPU, in the order of the vCPUs."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Who has which physical CPU: `alone` counts the vCPUs of each guest that have it alone.

    `by_policy` are the guests whose policy dedicates the CPU to one of their vCPUs; `said` is what Nova says of each
    guest.
    """

    alone: Mapping[int, Mapping[GuestId, int]]
    by_policy: Mapping[int, frozenset[GuestId]]
    said: Mapping[GuestId, Said]


@dataclass(frozen=True, slots=True)
class Dedication:
    """The dedicated vCPUs of a guest with their physical CPUs, and what Nova said of them.

    `overlaps` are the other guests that have some of these CPUs too, with these.
    """

    pins: Pins
    said: Said
    overlaps: Mapping[GuestId, CpuSet]


def survey(guests: Iterable[Guest], allowed: CpuSet | None) -> Occupancy:
    """Return who has which physical CPU; `allowed` is `[placement] dedicated_cpus`."""
    alone: dict[int, dict[GuestId, int]] = defaultdict(dict)
    by_policy: dict[int, set[GuestId]] = defaultdict(set)
    said: dict[GuestId, Said] = {}
    for guest in guests:
        lone = dict(_lone_cpus(guest))
        said[guest.uuid] = read_policy(guest)
        vcpus = said[guest.uuid].vcpus or CpuSet()
        for cpu, count in Counter(lone.values()).items():
            alone[cpu][guest.uuid] = count
        for vcpu, cpu in lone.items():
            is_its_own = vcpu in guest.pins and alone[cpu][guest.uuid] == 1
            if is_its_own and vcpu in vcpus and (allowed is None or cpu in allowed):
                by_policy[cpu].add(guest.uuid)
    return Occupancy(alone, {cpu: frozenset(found) for cpu, found in by_policy.items()}, said)


def find_dedicated(guest: Guest, occupancy: Occupancy, allowed: CpuSet | None) -> Dedication:
    """Return the vCPUs of `guest` that have a physical CPU to themselves.

    Where the policies of two guests dedicate one CPU, both have it, and `overlaps` names the other guest: somebody
    placed them wrongly.
    """
    pins = {
        vcpu: next(iter(guest.pins[vcpu]))
        for vcpu in sorted(guest.pins)
        if refuse_vcpu(guest, vcpu, occupancy, allowed) is None
    }
    overlaps: dict[GuestId, CpuSet] = {}
    for cpu in pins.values():
        for other in sorted(occupancy.by_policy.get(cpu, frozenset()) - {guest.uuid}):
            overlaps[other] = overlaps.get(other, CpuSet()) | CpuSet([cpu])
    return Dedication(pins, occupancy.said[guest.uuid], overlaps)


def refuse_vcpu(guest: Guest, vcpu: int, occupancy: Occupancy, allowed: CpuSet | None) -> str | None:
    """Return why a vCPU is not dedicated, None for one that is.

    Where no policy is known, a vCPU is dedicated when no other vCPU of a readable guest has its CPU alone, for a shared
    set of one CPU looks like a dedicated one (nova/virt/libvirt/driver.py, _get_guest_numa_config).
    """
    if vcpu in guest.unplugged:
        return "not plugged in"
    pin = guest.pins.get(vcpu)
    if pin is None or len(pin) != 1:
        return "no vcpupin" if pin is None else f"pinned to {pin}, not to one CPU"
    said = occupancy.said[guest.uuid]
    if said.vcpus is not None and vcpu not in said.vcpus:
        return f"the policy is {said}"
    cpu = next(iter(pin))
    holders = occupancy.alone[cpu]
    if holders[guest.uuid] > 1:
        return f"another vCPU of this guest has CPU {cpu} alone too"
    if said.vcpus is None and len(holders) > 1:
        return f"guest {next(uuid for uuid in sorted(holders) if uuid != guest.uuid)} has CPU {cpu} alone too"
    if allowed is not None and cpu not in allowed:
        return f"[placement] dedicated_cpus does not have CPU {cpu}"
    return None


def _lone_cpus(guest: Guest) -> Iterator[tuple[int, int]]:
    """Give the vCPUs that have one CPU alone: by a pin of one CPU, or, unpinned, by a `<vcpu cpuset>` of one."""
    for vcpu, pin in guest.pins.items():
        if len(pin) == 1 and vcpu not in guest.unplugged:
            yield vcpu, next(iter(pin))
    if guest.cpuset is not None and len(guest.cpuset) == 1:
        for vcpu in range(guest.vcpus):
            if vcpu not in guest.pins and vcpu not in guest.unplugged:
                yield vcpu, next(iter(guest.cpuset))
