# SPDX-License-Identifier: Apache-2.0
"""Puts what libvirt, sysfs and procfs say into one snapshot."""

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping
from types import MappingProxyType

from irqaffinity.model.guest import Guest, UnreadableGuest
from irqaffinity.model.host import HostSnapshot
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.guests import Seen
from irqaffinity.observe.procfs import read_default_affinity
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import Details, read_device
from irqaffinity.observe.topology import read_facts, read_topology


def observe(
    root: HostRoot,
    guests: Seen,
    details: Details = Details(),
    moved: Mapping[PciAddress, Container[int]] = MappingProxyType({}),
    named: Iterable[IrqId] = (),
    only: Collection[PciAddress] | None = None,
) -> HostSnapshot:
    """Return the host as it is now; raise HostUnreadable.

    Besides the devices of the guests those of the interrupts in `moved` are read, and the action names of the
    interrupts in `named`; where `only` is given, no other device than these.
    """
    topology = read_topology(root)
    root.require(f"{root.sys}/bus/pci/devices", "--sys or [host] sys at the sysfs of the host")
    numbers = defaultdict(set)
    for irq in named:
        numbers[irq.device].add(irq.number)
    addresses = {claim.address for seen in guests.values() for claim in seen.claims} | moved.keys()
    return HostSnapshot(
        topology=topology,
        guests=tuple(seen.guest for seen in guests.values() if isinstance(seen.guest, Guest)),
        unreadable=tuple(seen.guest for seen in guests.values() if isinstance(seen.guest, UnreadableGuest)),
        claims={uuid: seen.claims for uuid, seen in guests.items()},
        devices={
            address: read_device(root, address, details, numbers[address], moved.get(address, ()))
            for address in sorted(addresses if only is None else only)
        },
        default_affinity=read_default_affinity(root),
        facts=read_facts(root),
    )
