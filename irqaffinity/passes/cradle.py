# SPDX-License-Identifier: Apache-2.0
"""Finds the owner of a new interrupt."""

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from irqaffinity.guests.life import Lives
from irqaffinity.model.credit import Credit
from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import device_folder, irq_numbers
from irqaffinity.plan.frame import Frame

LOG = logging.getLogger(__name__)

SEARCHES, SEARCHES_RATE = 64.0, 10.0
"""Births whose owners are looked for among all devices of guests: how many at once, and how many more in a second.

The cost of such a search grows with the number of devices, and it is in vain for an interrupt of the host's own, and
for one that has ended by now.
"""

_RECENT = 8
"""The most devices that are remembered because one of their interrupts was born: more follow soon."""


class Found(NamedTuple):
    """The owner of an interrupt (or several guests that may be its owner), and its device if that lists it.

    `is_sought` is false where not all devices were searched.
    """

    owners: frozenset[GuestId]
    device: PciAddress | None = None
    is_sought: bool = True


class Cradle:
    """Finds the owner of a new interrupt: first at likely devices, then at all that guests claim."""

    def __init__(self, root: HostRoot, lives: Lives, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._lives = lives
        self._clock = clock
        self._searches = Credit(SEARCHES, SEARCHES_RATE)
        self._recent: deque[PciAddress] = deque(maxlen=_RECENT)
        self._unread = ""

    def place_of(self, number: int, frame: Frame) -> Found:
        """Return the owner of an interrupt, none for one of the host's own.

        A guest whose devices cannot be read may be the owner, and counts as one; why they cannot is logged once.
        """
        suspects: dict[PciAddress, OSError] = {}
        place = self._find(number, frame, self._likely(number, frame), suspects)
        is_sought = place is not None or self._searches.take(self._clock())
        if is_sought:
            place = place or self._find(number, frame, frame.claimants, suspects)
            self._tell_unread(suspects)
        if place is not None and place.device is not None:
            self._note_recent(place.device)
        owners = frozenset[GuestId]().union(*(frame.claimants[address] for address in suspects))
        return place or Found(owners, is_sought=is_sought)

    def lists(self, address: PciAddress, number: int) -> bool:
        """Tell whether a device has this message-signalled interrupt; raise OSError."""
        return self._root.exists(f"{device_folder(self._root, address)}/msi_irqs/{number}")

    def _note_recent(self, device: PciAddress) -> None:
        """Have a device looked at first: others of its interrupts follow."""
        if not self._recent or self._recent[0] != device:
            with contextlib.suppress(ValueError):
                self._recent.remove(device)
            self._recent.appendleft(device)

    def _find(
        self, number: int, frame: Frame, candidates: Iterable[PciAddress], suspects: dict[PciAddress, OSError]
    ) -> Found | None:
        """Return the place of an interrupt, if one of these has it; add devices that cannot be read to the suspects."""
        for address in candidates:
            try:
                if self.lists(address, number):
                    return Found(frame.claimants[address], address)
                if self._is_line_of(address, frame, number):
                    return Found(frame.claimants[address])
            except OSError as error:
                suspects[address] = error
        return None

    def _tell_unread(self, suspects: Mapping[PciAddress, OSError]) -> None:
        unread = ""
        for error in suspects.values():
            unread = f"the owner of a new interrupt cannot be read, so guests are looked at: {error}"
        if unread:
            LOG.log(logging.DEBUG if unread == self._unread else logging.WARNING, "%s", unread)
        self._unread = unread

    def _likely(self, number: int, frame: Frame) -> Iterator[PciAddress]:
        """Give the likeliest devices: the number's last one, those of births before, those of guests that settle."""
        last = self._lives.device_of(number)
        yield from (address for address in (last, *self._recent) if address is not None and address in frame.claimants)
        for life in self._lives.watched():
            yield from (address for address in life.readings if address in frame.claimants)

    def _is_line_of(self, address: PciAddress, frame: Frame, number: int) -> bool:
        """Tell whether a device that had no message-signalled interrupt when it was read last has this INTx line."""
        lives = (self._lives.get(uuid) for uuid in frame.claimants[address])
        readings = (None if life is None else life.readings.get(address) for life in lives)
        known = [None if reading is None else {at.number for at in reading.device.interrupts} for reading in readings]
        has_line = any(not numbers or numbers == {number} for numbers in known)
        return has_line and irq_numbers(self._root, address) == [number]
