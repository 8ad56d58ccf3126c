# SPDX-License-Identifier: Apache-2.0
"""What is kept of the host between two passes: the guests as libvirt named them last, and their frame."""

from collections.abc import Iterable
from typing import Protocol

from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import HostFacts, SeenGuest
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Record, State
from irqaffinity.observe.domain import Domain
from irqaffinity.observe.guests import Seen, doubt, read_guest
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.surroundings import Surroundings, read_surroundings, require_host
from irqaffinity.plan.frame import Frame, find_wide_default, make_frame
from irqaffinity.plan.policy import IsolationMode, Numa, Policy, Serve


class Domains(Protocol):
    """The source of the active domains: libvirt."""

    def active_domains(self) -> Iterable[Domain]:
        """Return all of them; raise LibvirtUnreachable."""

    def domain(self, uuid: str) -> Domain | None:
        """Return one of them, None when it is gone; raise LibvirtUnreachable."""


class Sight:
    """The inputs of a pass. What has not changed stays the same object, so that what was made from it still holds."""

    def __init__(self, root: HostRoot) -> None:
        self.guests: Seen = {}
        self._root = root
        self._surroundings: Surroundings | None = None
        self._is_old = True
        self._frame: Frame | None = None
        self._policy: Policy | None = None
        self._default: Record | None = None

    @property
    def facts(self) -> HostFacts:
        """Facts on the whole host, for the report."""
        return HostFacts() if self._surroundings is None else self._surroundings.facts

    def see(self, guests: Seen) -> None:
        """Take all guests anew; raise HostUnreadable where the devices that they name could not be looked up."""
        require_host(self._root)
        before = self.guests
        same = {uuid: _same(before.get(uuid), seen) for uuid, seen in guests.items()}
        others = before.keys() - same.keys()
        if others or any(_matters_to_others(before.get(uuid), seen) for uuid, seen in same.items()):
            self._frame = None
        if others or any(seen is not before.get(uuid) for uuid, seen in same.items()):
            self.guests = same

    def see_one(self, uuid: GuestId, domain: Domain | None) -> None:
        """Take one guest anew, None where it is gone; raise HostUnreadable as `see` does."""
        seen = read_guest(self._root, domain, self.guests.get(uuid))
        require_host(self._root)
        self._replace(uuid, seen)

    def doubt(self, device: PciAddress) -> None:
        """Doubt each claim of a device."""
        for uuid, seen in self.guests.items():
            doubted = doubt(seen, device)
            if doubted is not seen:
                self._replace(uuid, doubted)

    def look_around_again(self) -> None:
        """Have the host's CPUs and nodes read again before the next frame is made."""
        self._is_old = True

    def frame(self, policy: Policy, state: State | None = None) -> Frame:
        """Return the frame, the same one while nothing between the guests has changed; raise HostUnreadable.

        The `state`, that of the last call where none is given, tells how the default affinity was narrowed. That is no
        change between the guests.
        """
        if self._is_old or self._surroundings is None or policy is not self._policy:
            before, now = self._surroundings, _look_around(self._root, policy)
            if before is None or policy is not self._policy or not now.is_same_host(before):
                self._frame = None
            self._surroundings, self._policy, self._is_old = now, policy, False
        if state is not None:
            self._default = state.default
        around = self._surroundings
        default = find_wide_default(around.default_affinity, self._default)
        if self._frame is None or self._frame.default_affinity != default:
            self._frame = make_frame(around.topology, default, self.guests, policy.dedicated_cpus)
        return self._frame

    def _replace(self, uuid: GuestId, seen: SeenGuest | None) -> None:
        before = self.guests.get(uuid)
        seen = None if seen is None else _same(before, seen)
        if seen is before:
            return
        if seen is None or _matters_to_others(before, seen):
            self._frame = None
        others = {other: guest for other, guest in self.guests.items() if other != uuid or seen is not None}
        self.guests = others if seen is None else {**others, uuid: seen}


def _look_around(root: HostRoot, policy: Policy) -> Surroundings:
    """Read of the host what the policy needs; raise HostUnreadable."""
    manners = policy.manners()
    is_off = policy.isolation.mode is IsolationMode.OFF
    return read_surroundings(
        root,
        with_sockets=any(manner.numa is Numa.SOCKET for manner in manners),
        with_cores=policy.may_spread,
        with_isolated=not is_off or any(manner.serve is Serve.HOUSEKEEPING for manner in manners),
    )


def _same(before: SeenGuest | None, seen: SeenGuest) -> SeenGuest:
    return before if before is not None and before == seen else seen


def _matters_to_others(before: SeenGuest | None, seen: SeenGuest) -> bool:
    """Tell whether a guest has other CPUs or devices than before; the drivers of its devices concern no other guest."""
    if before is None:
        return True
    return (before.guest, before.is_unsure, _addresses(before)) != (seen.guest, seen.is_unsure, _addresses(seen))


def _addresses(seen: SeenGuest) -> list[PciAddress]:
    return [claim.address for claim in seen.claims]
