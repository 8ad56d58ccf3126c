# SPDX-License-Identifier: Apache-2.0
"""Decides when an interrupt that was moved goes back to where it came from; no other module does.

The first line that applies decides for each record of a device that is not placed:

====================================================  ========================================================
it was not moved for a guest                          the record stays: plan/keep_off.py decides
the device cannot be read                             the record stays
the device does not list the number any more          the record goes: that interrupt is gone
the device has another driver                         the record goes: this is another interrupt
nobody knows what the record's guest has              the record stays
a guest has the device of which nobody knows enough   the record stays
the pass is narrowed to something else                the record stays
a guest has the device, and is to keep what it has    the record stays
the interrupt has what somebody else wrote            the record goes, and nothing is written
otherwise                                             it is given back; the record stays until that has worked
====================================================  ========================================================

A guest is to keep what it has unless it is skipped, or the configuration excludes the device.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from irqaffinity.model.action import Action
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST
from irqaffinity.model.host import Device
from irqaffinity.model.irq import Interrupt, immovable_verdict
from irqaffinity.model.record import Record
from irqaffinity.model.verdict import DeviceReason, Verdict
from irqaffinity.plan.frame import Frame
from irqaffinity.plan.guests import GuestPlan
from irqaffinity.plan.place import Handled
from irqaffinity.plan.policy import Scope
from irqaffinity.plan.targets import DevicePlan

_EXCLUDED_BY_CONFIGURATION = frozenset({DeviceReason.NOT_IN_DEVICE_SPEC, DeviceReason.HOST_DRIVER})


class Holding(NamedTuple):
    """What was decided for a guest, and for one device that it has."""

    guest: GuestPlan
    device: DevicePlan

    @property
    def is_kept(self) -> bool:
        """Whether the guest is to keep what was moved for it."""
        return not self.guest.status.is_skipped and self.device.reason not in _EXCLUDED_BY_CONFIGURATION


def release_device(
    frame: Frame, device: Device, records: Mapping[int, Record], holdings: Sequence[Holding], scope: Scope
) -> Handled:
    """Return what to do with the records of a device that is not placed; `holdings` has one for each of its guests."""
    if device.trouble is not None:
        return Handled(dict(records), [])
    handled = Handled({}, [])
    is_kept = device.address in frame.held or any(holding.is_kept for holding in holdings)
    listed = {interrupt.number: interrupt for interrupt in device.interrupts}
    for number, record in records.items():
        if record.owner == HOST:
            handled.records[number] = record
            continue
        interrupt = listed.get(number)
        if interrupt is None or record.driver != device.driver:
            continue
        if is_kept or record.owner in frame.unknown or not scope.covers(record.owner, device.address):
            handled.records[number] = record
        else:
            _give_back(frame, device, interrupt, record, handled)
    return handled


def reset_device(frame: Frame, device: Device, records: Mapping[int, Record]) -> Handled:
    """Do what `release_device` does, as if no guest had the device."""
    nobody = Frame(frame.topology, frame.default_affinity, frame.occupancy, {}, frozenset(), frozenset(), frozenset())
    return release_device(nobody, device, records, (), Scope())


def _give_back(frame: Frame, device: Device, interrupt: Interrupt, record: Record, handled: Handled) -> None:
    """Give an interrupt back if it still has the CPUs that the program wrote.

    An unknown original goes back to the default (/proc/irq/default_smp_affinity), and waits while that is unknown too.
    An interrupt that cannot be read at the moment waits as well, and so does one whose original CPUs are all offline.
    """
    if interrupt.smp is not None and not record.accounts_for(interrupt.smp):
        return
    handled.records[interrupt.number] = record
    target = record.original if record.original is not None else frame.default_affinity
    if target:
        handled.actions.append(_action(device, interrupt, record, target, frame.topology.online))


def _action(device: Device, interrupt: Interrupt, record: Record, target: CpuSet, online: CpuSet) -> Action:
    is_in_place = interrupt.smp == target
    offline = None if is_in_place or target & online else Verdict.OFFLINE
    return Action(
        number=interrupt.number,
        device=device.address,
        owner=record.owner,
        current=interrupt.smp,
        effective=interrupt.effective,
        target=target,
        is_release=True,
        driver=device.driver,
        foregone=offline if interrupt.writable else immovable_verdict(interrupt.action or ""),
    )
