# SPDX-License-Identifier: Apache-2.0
"""Finds the guest or the device that a hold is about: a hold outlives a guest's stop, and libvirt's absence."""

import logging
from typing import NamedTuple

from irqaffinity.cli.session import Session
from irqaffinity.hypervisor.connection import LibvirtUnreachable
from irqaffinity.model.guest import GuestId, parse_guest_id
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.target import UnknownTarget
from irqaffinity.observe.find import find_device, find_guest
from irqaffinity.observe.guests import Seen, read_definitions, read_guests
from irqaffinity.observe.meanings import parsed, read_target

LOG = logging.getLogger(__name__)


class Named(NamedTuple):
    """A guest, a device or neither; `name` is that of the guest, where it is known."""

    guest: GuestId | None = None
    device: PciAddress | None = None
    name: str | None = None


def find_named(session: Session, guest: str | None, device: str | None) -> Named:
    """Return what a person named; without a name, libvirt is not asked.

    A guest that is stopped is found like an active one, where no active one is meant; one that only the state knows is
    found by its uuid. While libvirt is away, a guest is found by its uuid, and a device as far as the host alone shows
    it. Raises UnknownTarget and OSError.
    """
    if guest is None and device is None:
        return Named()
    why: LibvirtUnreachable | None = None
    guests: Seen = {}
    is_stopped = False
    try:
        guests = read_guests(session.root, session.hypervisor.active_domains())
        is_stopped = guest is not None and not read_target(session.root, guests, guest)
        guests = _read_stopped(session, guests) if is_stopped else guests
    except LibvirtUnreachable as error:
        why = error
    try:
        if guest is None:
            return Named(device=find_device(session.root, guests, device or ""))
        known = _known(session, guest, is_asked=why is None)
        found = find_guest(session.root, guests, guest, known, has_defined=is_stopped)
    except UnknownTarget as error:
        raise UnknownTarget(str(error) if why is None else f"{error}; libvirt was not asked: {why}") from error
    if why is not None:
        LOG.warning("whether there is a guest %s was not asked: %s", found, why)
    return Named(found, name=guests[found].guest.name if found in guests else None)


def _read_stopped(session: Session, active: Seen) -> Seen:
    definitions = read_definitions(session.root, session.hypervisor.defined_domains())
    return {seen.guest.uuid: seen for seen in definitions if seen.guest.uuid not in active}


def _known(session: Session, text: str, *, is_asked: bool) -> set[GuestId]:
    """Return the guest of a uuid, if the state or libvirt knows one that is stopped, or libvirt cannot be asked."""
    uuid = parsed(parse_guest_id, text)
    if uuid is None:
        return set()
    state = session.store.peek()
    is_known = uuid in state.owners or uuid in state.extra_specs
    return {uuid} if is_known or not is_asked or session.hypervisor.domain(uuid) is not None else set()
