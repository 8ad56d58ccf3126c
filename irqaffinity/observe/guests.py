# SPDX-License-Identifier: Apache-2.0
"""From libvirt's domains to guests, and to the PCI devices that these stand on."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from irqaffinity.model.guest import Claim, ClaimKind, Guest, GuestId, UnreadableGuest, parse_guest_id
from irqaffinity.model.host import DeviceClaim, SeenGuest
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import clean
from irqaffinity.observe.domain import Domain, DomainError, parse_domain
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import device_of_mdev, device_of_netdev, device_of_vdpa

LOG = logging.getLogger(__name__)


Seen = Mapping[GuestId, SeenGuest]
"""The active guests as they were read last."""


def read_guests(root: HostRoot, domains: Iterable[Domain], before: Seen = MappingProxyType({})) -> Seen:
    """Return the guests of all active domains; of one that cannot be read, what was known `before` is kept."""
    return {
        uuid: seen
        for domain in domains
        for uuid in [parse_guest_id(domain.uuid)]
        if (seen := _look_at(root, domain, before.get(uuid))) is not None
    }


def read_guest(root: HostRoot, uuid: GuestId, domain: Domain | None, before: Seen) -> Seen:
    """Return the guests of `before` with one of them read anew; without a domain it is gone."""
    seen = None if domain is None else _look_at(root, domain, before.get(uuid))
    others = {other: guest for other, guest in before.items() if other != uuid}
    return others if seen is None else {**others, uuid: seen}


def _look_at(root: HostRoot, domain: Domain, before: SeenGuest | None) -> SeenGuest | None:
    """Return what a domain is now, None when it is no longer active."""
    if domain.xml is not None:
        try:
            guest = parse_domain(domain.xml)
        except DomainError as error:
            return _unreadable(domain, str(error), before)
        return None if guest is None else SeenGuest(guest, tuple(_resolve(root, guest)))
    return _unreadable(domain, domain.error or "libvirt gave no XML", before)


def _unreadable(domain: Domain, error: str, before: SeenGuest | None) -> SeenGuest:
    known = None if before is None else before.readable
    guest = UnreadableGuest(parse_guest_id(domain.uuid), clean(domain.name), error, known)
    return SeenGuest(guest, () if before is None else before.claims)


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
