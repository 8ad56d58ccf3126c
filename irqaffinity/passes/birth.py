# SPDX-License-Identifier: Apache-2.0
"""Whose an interrupt is that was just born, and what is decided for it alone: the smallest pass."""

import logging
import time
from collections.abc import Iterator
from typing import NamedTuple

from irqaffinity.guests.life import Life, Lives
from irqaffinity.model.action import Action, Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import Device, SeenGuest
from irqaffinity.model.irq import Interrupt, IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes, State
from irqaffinity.observe.procfs import read_newborn
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import device_folder, irq_numbers
from irqaffinity.plan.frame import Frame
from irqaffinity.plan.place import place_device
from irqaffinity.plan.plan import decide
from irqaffinity.plan.policy import Policy

LOG = logging.getLogger(__name__)

_ALERT, _PATIENCE = 0.0005, 0.005
"""Seconds that the affinity file of an interrupt is looked for without a pause, and in all."""


class Newborn(NamedTuple):
    """Whose an interrupt is that was just born (of several guests, whose it may be), and what was done with it.

    `result` is None where more has to be looked at than the interrupt itself.
    """

    owners: frozenset[GuestId]
    result: Result | None = None


class Cradle:
    """Finds whose a new interrupt is: by the device that had the number before, else among all that guests claim."""

    def __init__(self, root: HostRoot, lives: Lives) -> None:
        self._root = root
        self._lives = lives
        self._unread = ""

    def place_of(self, number: int, frame: Frame) -> tuple[frozenset[GuestId], PciAddress | None]:
        """Return whose an interrupt is, and its device if that lists it; the host's own are nobody's.

        A guest whose devices cannot be read may be the owner, and counts as one; why they cannot is logged once.
        """
        suspects, unread = frozenset[GuestId](), ""
        for address in self._candidates(number, frame):
            try:
                if self._lists(address, number):
                    return frame.claimants[address], address
                if self._is_line_of(address, frame, number):
                    return frame.claimants[address], None
            except OSError as error:
                suspects |= frame.claimants[address]
                unread = f"whose a new interrupt is cannot be read, so guests are looked at: {error}"
        if unread:
            LOG.log(logging.DEBUG if unread == self._unread else logging.WARNING, "%s", unread)
        self._unread = unread
        return suspects, None

    def _candidates(self, number: int, frame: Frame) -> Iterator[PciAddress]:
        """Give the claimed devices, the likeliest first: the number's last one, then those of guests that settle."""
        last = self._lives.device_of(number)
        if last in frame.claimants and last is not None:
            yield last
        for life in self._lives.watched():
            yield from (address for address in life.readings if address in frame.claimants)
        yield from frame.claimants

    def _lists(self, address: PciAddress, number: int) -> bool:
        return self._root.exists(f"{device_folder(self._root, address)}/msi_irqs/{number}")

    def _is_line_of(self, address: PciAddress, frame: Frame, number: int) -> bool:
        """Tell whether a device that had no message-signalled interrupt when it was read last has this INTx line."""
        lives = (self._lives.get(uuid) for uuid in frame.claimants[address])
        readings = (None if life is None else life.readings.get(address) for life in lives)
        known = [None if reading is None else {at.number for at in reading.device.interrupts} for reading in readings]
        has_line = any(not numbers or numbers == {number} for numbers in known)
        return has_line and irq_numbers(self._root, address) == [number]


def birthplace_of(
    frame: Frame, life: Life, seen: SeenGuest, device: Device, state: State, policy: Policy
) -> CpuSet | None:
    """Return where a new interrupt of a guest's device belongs, None where it has no place.

    What the last pass decided holds while it would be decided from the same; else it is decided now. A guest that
    cannot be read has no place, and neither has a device that libvirt names for it no longer.
    """
    decision = life.decision_from(frame, seen, policy, state.extra_specs.get(life.uuid))
    for plan in () if decision is None else decision.devices:
        if plan.address == device.address and plan.driver == device.driver:
            return plan.birthplace
    plans = decide(frame, seen, {device.address: device}, state, policy).devices
    return plans[0].birthplace if plans else None


def await_interrupt(root: HostRoot, number: int) -> Interrupt | None:
    """Return an interrupt as soon as it can be read, None where that takes longer than 5 ms.

    The kernel tells of it in request_irq(), before it makes the folder in /proc/irq.
    """
    start = time.monotonic()
    while (interrupt := read_newborn(root, number)) is None:
        waited = time.monotonic() - start
        if waited > _PATIENCE:
            return None
        if waited > _ALERT:
            time.sleep(waited / 2)
    return interrupt


class Placement(NamedTuple):
    """What is to be done with one interrupt, and what that changes in the state before."""

    actions: list[Action]
    changes: Changes


def place_one(device: Device, owner: GuestId, target: CpuSet, state: State, heard: Changes) -> Placement:
    """Place the one interrupt that `device` has here; `heard` is what the kernel said of it since it was recorded."""
    (interrupt,) = device.interrupts
    irq = IrqId(device.address, interrupt.number)
    known = None if irq in heard.records else state.records.get(device.address, {}).get(interrupt.number)
    fixed = {} if irq in heard.fixed else state.fixed
    records = {} if known is None else {interrupt.number: known}
    handled = place_device(device, owner, target, {}, records, fixed)
    record = handled.records.get(interrupt.number)
    changes = Changes() if record is None or record == known else Changes({irq: record})
    return Placement(handled.actions, heard.then(changes) if heard else changes)


def is_confirmed(seen: SeenGuest, address: PciAddress, driver: str | None) -> bool:
    """Tell whether a device still has the driver that it had when libvirt named it for a guest."""
    claim = next(claim for claim in seen.claims if claim.address == address)
    return not claim.is_doubted and claim.driver == driver
