# SPDX-License-Identifier: Apache-2.0
"""Whom libvirt knows that has PCI functions: guests that run, and guests that may be started."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from irqaffinity.hypervisor.connection import Hypervisor, LibvirtUnreachable
from irqaffinity.model.guest import Claim, ClaimKind, UnreadableGuest
from irqaffinity.model.host import DeviceClaim, SeenGuest
from irqaffinity.model.text import clean
from irqaffinity.observe.guests import Seen, device_of_claim, read_definitions, read_guests
from irqaffinity.observe.netdevs import Netdevs, read_netdevs
from irqaffinity.observe.root import HostRoot


@dataclass(frozen=True, slots=True)
class Claimants:
    """The active guests, and what each defined domain would have if it started now.

    `gaps` are why a function that nobody seems to have may be a guest's all the same, a line each; `notes` are what
    else of the guests could not be told.
    """

    active: Seen = field(default_factory=dict)
    definitions: tuple[SeenGuest, ...] = ()
    gaps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_claimants(root: HostRoot, hypervisor: Hypervisor) -> Claimants:
    """Return those whom libvirt knows at this moment; raise OSError.

    Not known is who may get a function of a libvirt network (`<interface type='network'>`): libvirt picks one when the
    guest starts, and shows it while the guest is active. A domain that is not defined is known while it is active.
    """
    try:
        active = read_guests(root, hypervisor.active_domains())
        definitions = read_definitions(root, hypervisor.defined_domains())
    except LibvirtUnreachable as error:
        return Claimants(gaps=(f"what guests have reserved is not known: {error}",))
    netdevs = read_netdevs(root) if any(map(_stands_on_netdev, (*active.values(), *definitions))) else Netdevs()
    return Claimants(
        {uuid: _look_below(seen, netdevs) for uuid, seen in active.items()},
        tuple(_look_below(seen, netdevs) for seen in definitions),
        tuple(line for seen in definitions for line in _find_gap(seen)),
        tuple(
            line for seen in definitions if seen.guest.uuid not in active for line in _find_lost(root, seen, netdevs)
        ),
    )


def _stands_on_netdev(seen: SeenGuest) -> bool:
    return any(claim.kind is ClaimKind.MACVTAP for claim in _claims(seen))


def _look_below(seen: SeenGuest, netdevs: Netdevs) -> SeenGuest:
    """Return a guest with the functions too that its interfaces reach through a bond, a VLAN or a macvtap."""
    sources = [claim.source for claim in _claims(seen) if claim.kind is ClaimKind.MACVTAP]
    known = {claim.address for claim in seen.claims}
    below = {address for source in sources for address in netdevs.functions_below(source)} - known
    claims = (DeviceClaim(address, ClaimKind.MACVTAP) for address in sorted(below))
    return replace(seen, claims=(*seen.claims, *claims)) if below else seen


def _claims(seen: SeenGuest) -> tuple[Claim, ...]:
    return () if seen.readable is None else seen.readable.claims


def _find_gap(seen: SeenGuest) -> Iterator[str]:
    if isinstance(seen.guest, UnreadableGuest):
        yield _tell(seen, f"what it has reserved is not known: {seen.guest.error}")
    elif seen.is_unsure:
        yield _tell(seen, f"what it has reserved is not known: {'; '.join(left.message for left in seen.left_out)}")


def _find_lost(root: HostRoot, seen: SeenGuest, netdevs: Netdevs) -> Iterator[str]:
    """Give a line for each source of a guest that is not there now, so that it leads to no function."""
    for claim in () if seen.is_unsure else _claims(seen):
        if claim.source and claim.source not in netdevs.lowers and device_of_claim(root, claim) is None:
            yield _tell(seen, f"the source {claim.source} of its {claim.kind.value} is not there, and reserves nothing")


def _tell(seen: SeenGuest, why: str) -> str:
    return clean(f"guest {seen.guest.name} ({seen.guest.uuid}) is defined, and {why}")
