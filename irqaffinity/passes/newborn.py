# SPDX-License-Identifier: Apache-2.0
"""Decides where new interrupts belong, and what that changes in the state."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from irqaffinity.guests.life import Life
from irqaffinity.model.action import Action
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.hold import Hold
from irqaffinity.model.host import Device, SeenGuest, Topology
from irqaffinity.model.irq import Interrupt, IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes, State
from irqaffinity.observe.procfs import read_newborn
from irqaffinity.observe.root import HostRoot
from irqaffinity.plan.frame import Frame
from irqaffinity.plan.hold import hold_device
from irqaffinity.plan.place import Births, place_device
from irqaffinity.plan.plan import decide
from irqaffinity.plan.policy import Policy
from irqaffinity.plan.targets import DevicePlan

_ALERT, _PATIENCE = 0.0005, 0.005
"""Seconds for which an interrupt's affinity file is tried without a pause, and in all."""


def plan_of(
    frame: Frame, life: Life, seen: SeenGuest, device: Device, state: State, policy: Policy
) -> DevicePlan | None:
    """Return the plan for a guest's device that has a new interrupt: its birthplace is where that belongs.

    The decision of the last pass holds while its inputs are the same; else this decides anew. There is none for a guest
    that cannot be read, and for a device that libvirt no longer names for it.
    """
    decision = life.decision_from(frame, seen, policy, state.extra_specs.get(life.uuid))
    for plan in () if decision is None else decision.devices:
        if plan.address == device.address and plan.driver == device.driver:
            return plan
    plans = decide(frame, seen, {device.address: device}, state, policy).devices
    return plans[0] if plans else None


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
    """What to do with interrupts, and what to store in the state before that."""

    actions: list[Action]
    changes: Changes

    def then(self, more: "Placement") -> "Placement":
        """Return both."""
        return Placement(self.actions + more.actions, self.changes.then(more.changes))


def place_newborn(
    device: Device,
    owner: GuestId,
    target: CpuSet,
    state: State,
    heard: Changes,
    topology: Topology,
    holds: Sequence[Hold] = (),
) -> Placement:
    """Place the interrupts that `device` has here; `heard` are the kernel's news of them since they were recorded.

    The `holds` in force keep where they are those that are not new.
    """
    stored = state.records.get(device.address, {})
    mine = [IrqId(device.address, interrupt.number) for interrupt in device.interrupts]
    known = {irq.number: stored[irq.number] for irq in mine if irq.number in stored and irq not in heard.records}
    fixed = {irq: state.fixed[irq] for irq in mine if irq in state.fixed and irq not in heard.fixed}
    handled = place_device(device, owner, target, {}, known, fixed, Births(state.default, topology))
    if holds:
        handled = hold_device(handled, device, known, fixed, holds)
    changed = {number: record for number, record in handled.records.items() if record != known.get(number)}
    changes = Changes({IrqId(device.address, number): record for number, record in changed.items()})
    return Placement(handled.actions, heard.then(changes) if heard else changes)


def is_confirmed(seen: SeenGuest, address: PciAddress, driver: str | None) -> bool:
    """Tell whether a device still has the driver that it had when libvirt named it for a guest."""
    claims = (claim for claim in seen.claims if claim.address == address)
    return any(not claim.is_doubted and claim.driver == driver for claim in claims)
