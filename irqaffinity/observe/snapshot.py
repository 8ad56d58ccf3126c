# SPDX-License-Identifier: Apache-2.0
"""Puts what libvirt, sysfs and procfs say into one snapshot."""

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import Guest, UnreadableGuest
from irqaffinity.model.host import HostFacts, HostSnapshot, Topology
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.guests import Seen
from irqaffinity.observe.procfs import read_default_affinity
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import Details, read_device
from irqaffinity.observe.topology import read_facts, read_topology


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a host is apart from its guests and devices; the fields are those of HostSnapshot."""

    topology: Topology
    default_affinity: CpuSet | None
    facts: HostFacts


def read_surroundings(root: HostRoot, *, with_sockets: bool = False) -> Surroundings:
    """Return them as they are now, and which CPU is in which socket where asked for; raise HostUnreadable."""
    topology = read_topology(root, with_sockets=with_sockets)
    return Surroundings(topology, read_default_affinity(root), read_facts(root))


def observe(
    root: HostRoot,
    surroundings: Surroundings,
    guests: Seen,
    details: Details = Details(),
    moved: Mapping[PciAddress, Container[int]] = MappingProxyType({}),
    named: Iterable[IrqId] = (),
    only: Collection[PciAddress] | None = None,
) -> HostSnapshot:
    """Return the host with its devices and interrupts as they are now; raise HostUnreadable.

    Besides the devices of the guests those of the interrupts in `moved` are read, and the action names of the
    interrupts in `named`; where `only` is given, no other device than these.
    """
    root.require(f"{root.sys}/bus/pci/devices", "--sys or [host] sys at the sysfs of the host")
    numbers = defaultdict(set)
    for irq in named:
        numbers[irq.device].add(irq.number)
    addresses = {claim.address for seen in guests.values() for claim in seen.claims} | moved.keys()
    return HostSnapshot(
        topology=surroundings.topology,
        guests=tuple(seen.guest for seen in guests.values() if isinstance(seen.guest, Guest)),
        unreadable=tuple(seen.guest for seen in guests.values() if isinstance(seen.guest, UnreadableGuest)),
        claims={uuid: seen.claims for uuid, seen in guests.items()},
        left_out={uuid: seen.left_out for uuid, seen in guests.items() if seen.left_out},
        unsure=frozenset(uuid for uuid, seen in guests.items() if seen.is_unsure),
        devices={
            address: read_device(root, address, details, numbers[address], moved.get(address, ()))
            for address in sorted(addresses if only is None else only)
        },
        default_affinity=surroundings.default_affinity,
        facts=surroundings.facts,
    )
