# SPDX-License-Identifier: Apache-2.0
"""Makes guests from libvirt's domains, and finds the PCI devices that they have."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from irqaffinity.model.guest import Claim, ClaimKind, Guest, GuestId, LeftOut, UnreadableGuest, parse_guest_id
from irqaffinity.model.host import DeviceClaim, SeenGuest
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import clean
from irqaffinity.model.verdict import LeftOutReason
from irqaffinity.observe.domain import Domain, DomainError, parse_definition, parse_domain
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import device_of_mdev, device_of_netdev, device_of_vdpa, driver_of

Seen = Mapping[GuestId, SeenGuest]
"""The active guests as they were read last."""


def read_guests(root: HostRoot, domains: Iterable[Domain], before: Seen = MappingProxyType({})) -> Seen:
    """Return the guests of all active domains; one that cannot be read keeps what was known `before`."""
    return {
        uuid: seen
        for domain in domains
        for uuid in [parse_guest_id(domain.uuid)]
        if (seen := _look_at(root, domain, before.get(uuid))) is not None
    }


def read_guest(root: HostRoot, domain: Domain | None, before: SeenGuest | None) -> SeenGuest | None:
    """Return one guest read anew, None without a domain: the guest is gone."""
    return None if domain is None else _look_at(root, domain, before)


def read_definitions(root: HostRoot, domains: Iterable[Domain]) -> tuple[SeenGuest, ...]:
    """Return what each domain would be if it were started as it is defined now."""
    return tuple(_look_at_definition(root, domain) for domain in domains)


def doubt(seen: SeenGuest, device: PciAddress) -> SeenGuest:
    """Return a guest with its claim of a device in doubt: the kernel reported a change since libvirt was asked."""
    if not any(claim.address == device and not claim.is_doubted for claim in seen.claims):
        return seen
    claims = (replace(claim, is_doubted=True) if claim.address == device else claim for claim in seen.claims)
    return replace(seen, claims=tuple(claims))


def _look_at(root: HostRoot, domain: Domain, before: SeenGuest | None) -> SeenGuest | None:
    """Return what a domain is now, None when it is no longer active."""
    if domain.xml is not None:
        try:
            guest = parse_domain(domain.xml)
        except DomainError as error:
            return _unreadable(domain, str(error), before)
        return None if guest is None else _resolve(root, guest, before)
    return _unreadable(domain, domain.error or "libvirt gave no XML", before)


def _look_at_definition(root: HostRoot, domain: Domain) -> SeenGuest:
    if domain.xml is None:
        return _unreadable(domain, domain.error or "libvirt gave no XML", None)
    try:
        return _resolve(root, parse_definition(domain.xml), None)
    except DomainError as error:
        return _unreadable(domain, str(error), None)


def _unreadable(domain: Domain, error: str, before: SeenGuest | None) -> SeenGuest:
    known = None if before is None else before.readable
    guest = UnreadableGuest(parse_guest_id(domain.uuid), clean(domain.name), error, known)
    return SeenGuest(guest, () if before is None else before.claims, () if before is None else before.left_out)


def _resolve(root: HostRoot, guest: Guest, before: SeenGuest | None) -> SeenGuest:
    """Find the PCI devices that a guest's claims stand on, each once; what stands on none is left out.

    Where one cannot be looked up at the moment, the guest keeps its devices of that kind from `before`.
    """
    claims: dict[PciAddress, DeviceClaim] = {}
    left_out = list(guest.left_out)
    unsure: set[ClaimKind] = set()
    for claim in guest.claims:
        try:
            address = device_of_claim(root, claim)
        except OSError as error:
            left_out.append(_unresolved(claim, f": {error.filename}: {error.strerror}"))
            unsure.add(claim.kind)
            continue
        if address is None:
            left_out.append(_unresolved(claim))
        elif address not in claims:
            claims[address] = DeviceClaim(address, claim.kind, _driver_now(root, address))
    for known in before.claims if before is not None else ():
        if known.kind in unsure:
            claims.setdefault(known.address, known)
    return SeenGuest(guest, tuple(claims.values()), tuple(left_out), is_unsure=bool(unsure))


def _unresolved(claim: Claim, why: str = "") -> LeftOut:
    reason = LeftOutReason.UNRESOLVED
    return LeftOut(claim.kind.value, reason, clean(f"{reason.sentence}: {claim.source}{why}"))


def _driver_now(root: HostRoot, address: PciAddress) -> str | None:
    """Return the driver that a device has at this moment, as libvirt has just named it for a guest."""
    try:
        return driver_of(root, address)
    except OSError:
        return None  # the device itself will be unreadable


def device_of_claim(root: HostRoot, claim: Claim) -> PciAddress | None:
    """Return the PCI device that a claim stands on, None when it stands on none; raise OSError."""
    if claim.address is not None:
        return claim.address
    match claim.kind:
        case ClaimKind.MACVTAP:
            return device_of_netdev(root, claim.source)
        case ClaimKind.VDPA:
            return device_of_vdpa(root, claim.source)
        case ClaimKind.MDEV:
            return device_of_mdev(root, claim.source)
        case _:
            return None
