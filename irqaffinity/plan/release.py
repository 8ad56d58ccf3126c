# SPDX-License-Identifier: Apache-2.0
"""Which interrupts that were moved go back to where they came from."""

from collections.abc import Callable, Mapping

from irqaffinity.model.action import Action
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.host import Device
from irqaffinity.model.irq import Interrupt, immovable_verdict
from irqaffinity.model.record import Record
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.place import Handled


def release_device(
    device: Device,
    records: Mapping[int, Record],
    due: Callable[[Record], bool],
    default: CpuSet | None,
    online: CpuSet,
) -> Handled:
    """Sort out the records of a device that is not placed.

    A record goes when the device no longer lists its number, or under another driver, for then it is another interrupt;
    it stays when it is not `due`. One that is due is given back only if the interrupt has what we wrote; else somebody
    else has it now. An unknown original goes back to `default` (/proc/irq/default_smp_affinity), and waits while that
    is unknown too. What cannot be read at the moment, and an original whose CPUs are all offline, waits as well.
    """
    if device.trouble is not None:
        return Handled(dict(records), [])
    listed = {interrupt.number: interrupt for interrupt in device.interrupts}
    handled = Handled({}, [])
    for number, record in records.items():
        interrupt = listed.get(number)
        if interrupt is None or record.driver != device.driver:
            continue
        if not due(record):
            handled.records[number] = record
            continue
        if interrupt.smp is not None and not record.accounts_for(interrupt.smp):
            continue
        handled.records[number] = record
        target = record.original if record.original is not None else default
        if target:
            handled.actions.append(_give_back(device, interrupt, record, target, online))
    return handled


def _give_back(device: Device, interrupt: Interrupt, record: Record, target: CpuSet, online: CpuSet) -> Action:
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
