# SPDX-License-Identifier: Apache-2.0
"""Whose a device is, and whose an interrupt that was just born."""

import logging
from collections.abc import Mapping

from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.guests import Seen
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import irq_numbers

LOG = logging.getLogger(__name__)


def owners_of_device(guests: Seen, device: PciAddress) -> list[GuestId]:
    """Return the guests that claim a device."""
    return [uuid for uuid, seen in guests.items() if any(claim.address == device for claim in seen.claims)]


class Births:
    """Finds the owners of new interrupts, and tells once why they cannot be found."""

    def __init__(self, root: HostRoot) -> None:
        self._root = root
        self._unread = ""

    def owners(self, guests: Seen, born: Mapping[int, float]) -> dict[GuestId, float]:
        """Return whose interrupts these are, with the first time of each; the host's own are nobody's.

        A guest whose devices cannot be read may be the owner, and counts as one.
        """
        owners, unread = {}, ""
        for uuid, seen in guests.items() if born else ():
            try:
                numbers = {number for claim in seen.claims for number in irq_numbers(self._root, claim.address)}
            except OSError as error:
                numbers = set(born)
                unread = f"whose a new interrupt is cannot be read, so guests are looked at: {error}"
            if numbers & born.keys():
                owners[uuid] = min(born[number] for number in numbers & born.keys())
        if unread:
            LOG.log(logging.DEBUG if unread == self._unread else logging.WARNING, "%s", unread)
        if born:
            self._unread = unread
        return owners
