# SPDX-License-Identifier: Apache-2.0
"""Wake-ups on their way from the listeners to the one thread that makes passes."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from irqaffinity.model.credit import Credit
from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import RememberedSpecs

MOST = 4096
"""The most guests and devices that are kept one by one; for more of them a full pass is cheaper."""

PASSES, PASSES_RATE = 3.0, 1 / 60
"""Full passes that one source can have at once, and how many more in a second; what is beyond waits for its turn."""

MESSAGES, MESSAGES_RATE = 128.0, 10.0
"""The same for looks at guests because of messages: anybody who can send one can name all that are here."""

STRANGERS, STRANGERS_RATE = 32.0, 2.0
"""The same for looks at guests that only messages name, which can be any number."""

STRANGERS_SPECS = 256
"""The most guests, named by messages alone, whose extra specs wait to be taken."""


@dataclass(slots=True)
class Wakes:
    """What has come since the last time.

    `everything` asks for a full pass; `guests` and `devices` for a look at these, with the time (of the monotonic
    clock, in seconds) at which the first wake-up for each came. Guests in `births` have new interrupts without a place
    yet; those of guests in `placed` have their place, and a look confirms that. `has_waiting` says that interrupts
    which were born too soon after others wait for their places, `has_hosts` that one was born which may be the host's
    own. `specs` are extra specs of notifications.
    """

    everything: bool = False
    guests: dict[GuestId, float] = field(default_factory=dict)
    devices: dict[PciAddress, float] = field(default_factory=dict)
    births: dict[GuestId, float] = field(default_factory=dict)
    placed: set[GuestId] = field(default_factory=set)
    has_waiting: bool = False
    has_hosts: bool = False
    specs: dict[GuestId, RememberedSpecs] = field(default_factory=dict)

    def __bool__(self) -> bool:
        has_some = any((self.guests, self.devices, self.births, self.placed, self.specs))
        return self.everything or self.has_waiting or self.has_hosts or has_some


@dataclass(slots=True)
class _Heard:
    """What messages say of one guest: when the first asked for a look, if any did, and the newest extra specs."""

    at: float | None = None
    specs: RememberedSpecs | None = None


class WakeQueue:
    """Coalesces wake-ups: a thousand for one guest are one, until they are taken. For any number of threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.lost = 0
        """Extra specs of strangers that were lost, because too many came at once."""
        self._clock = clock
        self._changed = threading.Condition()
        self._wakes = Wakes()
        self._is_interrupted = False
        self._all_due: float | None = None
        self._heard: OrderedDict[GuestId, _Heard] = OrderedDict()
        self._messages = Credit(MESSAGES, MESSAGES_RATE)
        self._passes: dict[str, Credit] = {}
        self._strangers = Credit(STRANGERS, STRANGERS_RATE)
        self._strangers_specs: OrderedDict[GuestId, RememberedSpecs] = OrderedDict()

    def wake_all(self, source: str | None = None) -> None:
        """Ask for a full pass. A `source` (a fixed name) that asks too often gets one pass later for all that it asked.

        Without a source it is the operator, or the program itself, that asks.
        """
        with self._changed:
            self._wake_all(source)
            self._changed.notify()

    def wake(self, guest: GuestId) -> None:
        """Ask for a look at one guest, even one that libvirt does not know."""
        with self._changed:
            self._wakes.guests.setdefault(guest, self._clock())
            self._bound()

    def hear(self, guest: GuestId, specs: RememberedSpecs | None = None, *, asks: bool = True) -> None:
        """Hand over what a message says of a guest that libvirt has named; `asks` for a look at it.

        Messages on one guest are merged, and as many guests are handed on as there is credit for.
        """
        with self._changed:
            heard = self._heard.setdefault(guest, _Heard())
            if specs is not None and (heard.specs is None or specs.is_newer_than(heard.specs)):
                heard.specs = specs
            if asks and heard.at is None:
                heard.at = self._clock()
            self._bound()

    def hear_of_stranger(self, guest: GuestId, specs: RememberedSpecs | None = None, *, asks: bool = True) -> None:
        """Do the same for a guest that libvirt has not named. Where too many are named, a full pass finds those here.

        Where the extra specs of too many wait, the first ones are lost.
        """
        with self._changed:
            if specs is not None:
                _keep_newest(self._strangers_specs, guest, specs)
                if len(self._strangers_specs) > STRANGERS_SPECS:
                    self._strangers_specs.popitem(last=False)
                    self.lost += 1
            if asks and self._strangers.take(self._clock()):
                self._wakes.guests.setdefault(guest, self._clock())
            elif asks:
                self._wake_all("strangers")
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
        """Ask for a look, before long, at a guest whose new interrupt was just placed."""
        with self._changed:
            self._wakes.placed.add(guest)
            self._bound()

    def wake_for_waiting(self) -> None:
        """Wake the thread, because interrupts that were born too soon after others wait for their places."""
        with self._changed:
            self._wakes.has_waiting = True
            self._changed.notify()

    def wake_host(self) -> None:
        """Ask for a look at the host's own interrupts, because a new one may be among them."""
        with self._changed:
            self._wakes.has_hosts = True
            self._changed.notify()

    def interrupt(self) -> None:
        """Make the `take` that waits, or else the next one, return at once."""
        with self._changed:
            self._is_interrupted = True
            self._changed.notify()

    def take(self, timeout: float) -> Wakes:
        """Return what has come, waiting for it up to `timeout` seconds; nothing is returned twice."""
        with self._changed:
            end = self._clock() + timeout
            while not self._has_come():
                wait = min(end, self._due()) - self._clock()
                if wait <= 0 or not self._changed.wait(wait):
                    break
            taken, self._wakes = self._wakes, Wakes()
            self._hand_on(taken)
            self._is_interrupted = False
            if taken.everything or (self._all_due is not None and self._clock() >= self._all_due):
                taken.everything, self._all_due = True, None
            return taken

    def _has_come(self) -> bool:
        has_heard = bool(self._heard) and self._messages.wait(self._clock(), 1.0) <= 0
        return bool(self._wakes or has_heard or self._strangers_specs or self._is_interrupted)

    def _due(self) -> float:
        """Return when something that was put off has its turn."""
        heard = self._clock() + self._messages.wait(self._clock(), 1.0) if self._heard else inf
        return min(heard, inf if self._all_due is None else self._all_due)

    def _hand_on(self, taken: Wakes) -> None:
        """Add what messages say: the first guests, as far as there is credit, and extra specs of strangers."""
        while self._heard and self._messages.take(self._clock()):
            guest, heard = self._heard.popitem(last=False)
            if heard.at is not None:
                taken.guests.setdefault(guest, heard.at)
            if heard.specs is not None:
                taken.specs[guest] = heard.specs
        for guest, specs in self._strangers_specs.items():
            _keep_newest(taken.specs, guest, specs)
        self._strangers_specs.clear()

    def _wake_all(self, source: str | None) -> None:
        now = self._clock()
        credit = None if source is None else self._passes.setdefault(source, Credit(PASSES, PASSES_RATE))
        if credit is None or credit.take(now):
            self._wakes.everything = True
            return
        due = now + credit.wait(now, 1.0)
        if self._all_due is None or due < self._all_due:
            credit.spend(now, 1.0)
            self._all_due = due

    def _bound(self) -> None:
        wakes = self._wakes
        if len(wakes.guests) + len(wakes.devices) + len(wakes.births) + len(wakes.placed) > MOST:
            self._wakes = Wakes(has_waiting=wakes.has_waiting, has_hosts=wakes.has_hosts)
            self._wake_all("wakes")
        self._changed.notify()


def _keep_newest(kept: dict[GuestId, RememberedSpecs], guest: GuestId, specs: RememberedSpecs) -> None:
    known = kept.get(guest)
    if known is None or specs.is_newer_than(known):
        kept[guest] = specs
