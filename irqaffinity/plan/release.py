# SPDX-License-Identifier: Apache-2.0
"""Which interrupts that were moved go back to where they came from."""

from collections.abc import Callable, Mapping

from irqaffinity.model.action import Action
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.host import Device
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Record
from irqaffinity.plan.place import Handled


def release_device(
    device: Device, records: Mapping[int, Record], due: Callable[[Record], bool], default: CpuSet | None
) -> Handled:
    """Sort out the records of a device that is not placed.

    A record goes when the device no longer lists its number; it stays when it is not `due`. One that is due is given
    back only if the device has the same driver still and the interrupt what we wrote; else somebody else has it now.
    An unknown original goes back to `default` (/proc/irq/default_smp_affinity).
    """
    listed = {interrupt.number: interrupt for interrupt in device.interrupts}
    handled = Handled({}, [])
    for number, record in records.items():
        interrupt = listed.get(number)
        if interrupt is None:
            continue
        if not due(record):
            handled.records[number] = record
            continue
        target = record.original if record.original is not None else default
        if target is not None and record.driver == device.driver and record.accounts_for(interrupt.smp):
            handled.records[number] = record
            handled.actions.append(_give_back(device.address, interrupt, record, target))
    return handled


def _give_back(address: PciAddress, interrupt: Interrupt, record: Record, target: CpuSet) -> Action:
    return Action(
        number=interrupt.number,
        device=address,
        owner=record.owner,
        current=interrupt.smp,
        effective=interrupt.effective,
        target=target,
        is_release=True,
        is_managed=not interrupt.writable,
    )
