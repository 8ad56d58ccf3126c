# SPDX-License-Identifier: Apache-2.0
"""Wake-ups on their way from the listeners to the one thread that makes passes."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import RememberedSpecs

MOST = 4096
"""Guests and devices that are kept apart; beyond it a full pass is the cheaper answer."""


@dataclass(slots=True)
class Wakes:
    """What has come since the last time.

    `everything` asks for a full pass; `guests` and `devices` for a look at these, with the time (of the monotonic
    clock, in seconds) at which the first wake-up for each came. Guests in `births` have interrupts that were just born,
    and those of guests in `placed` have their place, which a look confirms. `specs` are extra specs of notifications.
    """

    everything: bool = False
    guests: dict[GuestId, float] = field(default_factory=dict)
    devices: dict[PciAddress, float] = field(default_factory=dict)
    births: dict[GuestId, float] = field(default_factory=dict)
    placed: set[GuestId] = field(default_factory=set)
    specs: dict[GuestId, RememberedSpecs] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.everything or self.guests or self.devices or self.births or self.placed or self.specs)


class WakeQueue:
    """Coalesces wake-ups: a thousand for one guest are one, until they are taken. For any number of threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._wakes = Wakes()
        self._is_interrupted = False

    def wake_all(self) -> None:
        """Ask for a full pass."""
        with self._changed:
            self._wakes.everything = True
            self._changed.notify()

    def wake(self, guest: GuestId) -> None:
        """Ask for a look at one guest, which libvirt need not know."""
        with self._changed:
            self._wakes.guests.setdefault(guest, self._clock())
            self._bound()

    def wake_owner(self, device: PciAddress) -> None:
        """Ask for a look at the guest that has a device, if one has it."""
        with self._changed:
            self._wakes.devices.setdefault(device, self._clock())
            self._bound()

    def wake_parent(self, guest: GuestId) -> None:
        """Ask for a look at the guest of an interrupt that was just born."""
        with self._changed:
            self._wakes.births.setdefault(guest, self._clock())
            self._bound()

    def confirm(self, guest: GuestId) -> None:
        """Ask for a look, before long, at a guest of which an interrupt was just born and placed."""
        with self._changed:
            self._wakes.placed.add(guest)
            self._bound()

    def tell(self, guest: GuestId, specs: RememberedSpecs) -> None:
        """Hand over the extra specs of a guest; of several the newest counts."""
        with self._changed:
            known = self._wakes.specs.get(guest)
            if known is None or specs.is_newer_than(known):
                self._wakes.specs[guest] = specs
            while len(self._wakes.specs) > MOST:
                del self._wakes.specs[next(iter(self._wakes.specs))]
            self._changed.notify()

    def interrupt(self) -> None:
        """Make the `take` that waits, or else the next one, return at once."""
        with self._changed:
            self._is_interrupted = True
            self._changed.notify()

    def take(self, timeout: float) -> Wakes:
        """Return what has come, waiting for it up to `timeout` seconds; nothing is returned twice."""
        with self._changed:
            self._changed.wait_for(lambda: self._wakes or self._is_interrupted, max(0.0, timeout))
            taken, self._wakes = self._wakes, Wakes()
            self._is_interrupted = False
            return taken

    def _bound(self) -> None:
        wakes = self._wakes
        if len(wakes.guests) + len(wakes.devices) + len(wakes.births) + len(wakes.placed) > MOST:
            self._wakes = Wakes(everything=True, specs=self._wakes.specs)
        self._changed.notify()
