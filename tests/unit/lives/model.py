# SPDX-License-Identifier: Apache-2.0
"""What the design says of placement, once more and on its own: plain integers, sets and dictionaries.

It shares no code with irqaffinity, so that a mistake would have to be made twice. It is made from facts that the test
host knows of itself, not from files.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Cpus = frozenset[int]

PLACED, KEEP, RELEASE, FREE = "placed", "keep", "release", "free"
"""What is to become of a device's interrupts: moved to their target, left where they are, given back, or any of it."""

_ERRORS = frozenset({"mask_invalid", "mask_out_of_range", "mask_empty", "mask_not_dedicated", "xml_invalid"})


@dataclass(frozen=True)
class GuestFacts:
    """A guest as its domain says it. `pins`: a set for each vCPU, empty for none of its own.

    `specs` and `image` are the two elements of Nova's metadata, None where one is missing. `told` is the mask of the
    newest notification, which counts where there are no specs.
    """

    pins: tuple[Cpus, ...]
    devices: tuple[str, ...] = ()
    specs: Mapping[str, str] | None = None
    image: Mapping[str, str] | None = None
    told: str | None = None


@dataclass(frozen=True)
class DeviceFacts:
    """A PCI function: its node as sysfs writes it (None: no such file), and whether it has interrupts."""

    node: int | None
    has_interrupts: bool


@dataclass(frozen=True)
class Topology:
    """The CPUs that are online; and of each node the online ones, its distances by node, and its socket."""

    online: Cpus
    nodes: Mapping[int, Cpus]
    distances: Mapping[int, Mapping[int, int]]
    sockets: Mapping[int, int]


@dataclass(frozen=True)
class Rules:
    """The configuration. `allowed` are the addresses of device_spec, None without one."""

    numa: str = "preferred"
    distribution: str = "mask"
    without_mask: str = "all"
    allowed: frozenset[str] | None = None
    dedicated_cpus: Cpus | None = None


class Fate(NamedTuple):
    """What is to become of a device; of one that is placed, its CPUs in the order of the vCPUs, and its rank."""

    kind: str
    order: tuple[int, ...] = ()
    rank: int = 0


def parse_list(text: str) -> Cpus:
    """Return the CPUs that the kernel writes as `0-2,5`; none for an empty line."""
    cpus: set[int] = set()
    for part in text.split(",") if text.strip() else []:
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return frozenset(cpus)


def show(cpus: Cpus) -> str:
    """Return CPUs as the kernel writes them, merged."""
    runs: list[list[int]] = []
    for cpu in sorted(cpus):
        if runs and runs[-1][-1] == cpu - 1:
            runs[-1].append(cpu)
        else:
            runs.append([cpu])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def parse_mask(text: str, vcpus: int) -> Cpus | str:
    """Return the vCPUs of a mask, or the status of a guest that has it."""
    chosen: set[int] = set()
    excluded: set[int] = set()
    for token in (part.strip() for part in text.split(",")):
        found = re.fullmatch(r"(\^?)\s*(\d+)(?:\s*-\s*(\d+))?", token)
        if token and (found is None or int(found[3] or found[2]) < int(found[2])):
            return "mask_invalid"
        if found is not None:
            (excluded if found[1] else chosen).update(range(int(found[2]), int(found[3] or found[2]) + 1))
    if any(vcpu >= vcpus for vcpu in chosen | excluded):
        return "mask_out_of_range"
    return frozenset(chosen - excluded) or "mask_empty"


def cpus_alone(guest: GuestFacts) -> dict[int, int]:
    """Return vCPU -> CPU of the vCPUs that are pinned to exactly one CPU."""
    return {vcpu: min(pin) for vcpu, pin in enumerate(guest.pins) if len(pin) == 1}


def find_policy(guest: GuestFacts) -> str | None:
    """Return `dedicated`, `mixed`, `shared`, or None where it is not known."""
    specs, image = guest.specs or {}, guest.image or {}
    said = specs.get("hw:cpu_policy") or image.get("hw_cpu_policy")
    if said or guest.specs is None or guest.image is None:
        return said or None
    return "dedicated" if int(specs.get("resources:PCPU", "0")) > 0 else "shared"


def dedicated(guest: GuestFacts, others: Iterable[GuestFacts], rules: Rules) -> dict[int, int]:
    """Return vCPU -> CPU of the guest's dedicated vCPUs."""
    alone = cpus_alone(guest)
    own = list(alone.values())
    taken = {cpu for other in others for cpu in cpus_alone(other).values()}
    policy = find_policy(guest)
    mask = (guest.specs or {}).get("hw:cpu_dedicated_mask") if policy == "mixed" else None
    said = None if mask is None else parse_mask(f"0-{len(guest.pins) - 1},{mask}" if mask[0] == "^" else mask, 99)
    found = {}
    for vcpu, cpu in alone.items():
        if policy == "dedicated":
            is_dedicated = True
        elif policy == "mixed" and isinstance(said, frozenset):
            is_dedicated = vcpu in said
        else:
            is_dedicated = policy != "shared" and cpu not in taken
        if is_dedicated and own.count(cpu) == 1 and (rules.dedicated_cpus is None or cpu in rules.dedicated_cpus):
            found[vcpu] = cpu
    return found


def judge_guest(guest: GuestFacts, others: Iterable[GuestFacts], rules: Rules) -> tuple[str, dict[int, int]]:
    """Return the status of a guest, and vCPU -> CPU of those that serve its interrupts when it is placed."""
    pins = dedicated(guest, others, rules)
    mask = guest.told if guest.specs is None else guest.specs.get("hw:pci_irq_affinity_mask")
    chosen = parse_mask(mask, len(guest.pins)) if mask is not None else frozenset(pins)
    if not pins:
        return "shared_cpus", {}
    if isinstance(chosen, str):
        return chosen, {}
    serving = {vcpu: cpu for vcpu, cpu in sorted(pins.items()) if vcpu in chosen}
    if not serving:
        return "mask_not_dedicated", {}
    if mask is None and rules.without_mask == "skip":
        return "no_mask", {}
    if not guest.devices:
        return "no_devices", {}
    return "placed", serving


def find_target(serving: Sequence[int], node: int | None, host: Topology, rules: Rules) -> tuple[int, ...]:
    """Return the CPUs of `serving` that serve a device, in their order; none where it stays as it is."""
    online = tuple(cpu for cpu in serving if cpu in host.online)
    if node is None or not host.nodes.get(node):
        return online
    near = tuple(cpu for cpu in online if cpu in host.nodes[node])
    if near or rules.numa == "strict":
        return near
    if rules.numa == "socket":
        beside = [cpus for other, cpus in host.nodes.items() if host.sockets[other] == host.sockets[node]]
        return tuple(cpu for cpu in online if any(cpu in cpus for cpus in beside))
    away = {cpu: host.distances[node][other] for other, cpus in host.nodes.items() for cpu in cpus}
    nearest = min((away[cpu] for cpu in online), default=0)
    return tuple(cpu for cpu in online if away[cpu] == nearest)


def decide(
    guests: Mapping[str, GuestFacts],
    unreadable: Iterable[str],
    devices: Mapping[str, DeviceFacts],
    host: Topology,
    rules: Rules,
) -> tuple[dict[str, str], dict[str, Fate]]:
    """Return the status of every guest, and the fate of every device.

    `guests` are the active ones; those of them that are `unreadable` stand there as they were read last.
    """
    statuses: dict[str, str] = dict.fromkeys(unreadable, "xml_invalid")
    serving: dict[str, dict[int, int]] = {}
    for uuid, guest in guests.items():
        if uuid not in statuses:
            others = [other for name, other in guests.items() if name != uuid]
            statuses[uuid], serving[uuid] = judge_guest(guest, others, rules)
    fates: dict[str, Fate] = {}
    ranks: dict[tuple[str, Cpus], int] = {}
    for address, device in sorted(devices.items()):
        owners = [uuid for uuid, guest in guests.items() if address in guest.devices]
        fate = _judge_device(address, device, [(uuid, statuses[uuid]) for uuid in owners], rules)
        if fate.kind == PLACED:
            order = find_target(list(serving[owners[0]].values()), device.node, host, rules)
            key = owners[0], frozenset(order)
            fate = Fate(PLACED, order, ranks.get(key, 0)) if order else Fate(KEEP)
            if order and device.has_interrupts:
                ranks[key] = ranks.get(key, 0) + 1
        fates[address] = fate
    return statuses, fates


def _judge_device(address: str, device: DeviceFacts, owners: list[tuple[str, str]], rules: Rules) -> Fate:
    if not owners:
        return Fate(RELEASE)
    found = [status for _uuid, status in owners]
    if "xml_invalid" in found:
        return Fate(KEEP) if len(found) == 1 or rules.allowed is None or address in rules.allowed else Fate(FREE)
    if rules.allowed is not None and address not in rules.allowed:
        return Fate(FREE if _ERRORS.intersection(found) else RELEASE)
    if len(found) > 1:
        return Fate(KEEP if {"placed", *_ERRORS}.intersection(found) else FREE)
    if found[0] in _ERRORS:
        return Fate(KEEP)
    return Fate(PLACED if found[0] == "placed" else RELEASE)


def find_place(fate: Fate, index: int, rules: Rules) -> Cpus:
    """Return where vector `index` of a device that is placed belongs."""
    if rules.distribution == "spread":
        return frozenset({fate.order[(index + fate.rank) % len(fate.order)]})
    return frozenset(fate.order)
