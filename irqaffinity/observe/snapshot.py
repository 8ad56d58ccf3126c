# SPDX-License-Identifier: Apache-2.0
"""Puts what libvirt, sysfs and procfs say into one snapshot."""

import logging
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from types import MappingProxyType

from irqaffinity.model.guest import Claim, ClaimKind, Guest, UnreadableGuest, parse_guest_id
from irqaffinity.model.host import DeviceClaim, HostSnapshot
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import clean
from irqaffinity.observe.domain import Domain, DomainError, parse_domain
from irqaffinity.observe.procfs import read_default_affinity
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import Details, device_of_mdev, device_of_netdev, device_of_vdpa, read_device
from irqaffinity.observe.topology import read_facts, read_topology

LOG = logging.getLogger(__name__)


def observe(
    root: HostRoot,
    domains: Iterable[Domain],
    details: Details = Details(),
    moved: Mapping[PciAddress, Container[int]] = MappingProxyType({}),
    named: Iterable[IrqId] = (),
) -> HostSnapshot:
    """Return the host as it is now; raise HostUnreadable.

    `domains` are the active ones. Besides their devices those of the interrupts in `moved` are read, and the action
    names of the interrupts in `named`.
    """
    topology = read_topology(root)
    root.require(f"{root.sys}/bus/pci/devices", "--sys or [host] sys at the sysfs of the host")
    guests, unreadable = _read_guests(domains)
    claims = {guest.uuid: tuple(_resolve(root, guest)) for guest in guests}
    numbers = defaultdict(set)
    for irq in named:
        numbers[irq.device].add(irq.number)
    addresses = {claim.address for found in claims.values() for claim in found} | moved.keys()
    return HostSnapshot(
        topology=topology,
        guests=guests,
        unreadable=unreadable,
        claims=claims,
        devices={
            address: read_device(root, address, details, numbers[address], moved.get(address, ()))
            for address in sorted(addresses)
        },
        default_affinity=read_default_affinity(root),
        facts=read_facts(root),
    )


def _read_guests(domains: Iterable[Domain]) -> tuple[tuple[Guest, ...], tuple[UnreadableGuest, ...]]:
    guests, unreadable = [], []
    for domain in domains:
        try:
            guest = None if domain.xml is None else parse_domain(domain.xml)
            error = domain.error
        except DomainError as refused:
            guest, error = None, str(refused)
        if guest is not None:
            guests.append(guest)
        elif error is not None:
            unreadable.append(UnreadableGuest(parse_guest_id(domain.uuid), clean(domain.name), error))
    return tuple(guests), tuple(unreadable)


def _resolve(root: HostRoot, guest: Guest) -> Iterator[DeviceClaim]:
    """Find the PCI devices that a guest's claims stand on, each once; what stands on none is passed over."""
    seen = set()
    for claim in guest.claims:
        address = claim.address or _look_up(root, claim)
        if address is None:
            LOG.debug("guest %s: %s %s is on no PCI device", guest.uuid, claim.kind.value, clean(claim.source))
        elif address not in seen:
            seen.add(address)
            yield DeviceClaim(address, claim.kind)


def _look_up(root: HostRoot, claim: Claim) -> PciAddress | None:
    match claim.kind:
        case ClaimKind.MACVTAP:
            return device_of_netdev(root, claim.source)
        case ClaimKind.VDPA:
            return device_of_vdpa(root, claim.source)
        case ClaimKind.MDEV:
            return device_of_mdev(root, claim.source)
        case _:
            return None
