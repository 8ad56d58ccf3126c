# SPDX-License-Identifier: Apache-2.0
"""Plans the interrupts of a device that has a target, and their records in the state."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from irqaffinity.model.action import Action
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import Device, Topology
from irqaffinity.model.irq import Interrupt, IrqId, immovable_verdict
from irqaffinity.model.isolation import HostInterrupt
from irqaffinity.model.record import Fixed, Record
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.distribute import Share
from irqaffinity.plan.newborn import find_origin


class Births(NamedTuple):
    """What tells which affinity an interrupt got at its birth: the record of the default affinity, and the CPUs."""

    default: Record | None
    topology: Topology


class Handled(NamedTuple):
    """The records of a device as they have to be before the first write, and what to do with its interrupts."""

    records: dict[int, Record]
    actions: list[Action]


def place_device(
    device: Device,
    owner: GuestId,
    target: CpuSet,
    shares: Mapping[int, Share],
    records: Mapping[int, Record],
    fixed: Mapping[IrqId, Fixed],
    births: Births,
) -> Handled:
    """Return one action for each interrupt of `device`: its share where it has one, else the whole `target`.

    An interrupt that cannot be moved gets no record. One that could not be read keeps its record, for its CPUs are not
    known yet.
    """
    handled = Handled({}, [])
    for interrupt in device.interrupts:
        number = interrupt.number
        share = shares.get(number)
        wanted, spares = (target, ()) if share is None else share
        spread_over = None if share is None else target
        foregone = _foregone(device, interrupt, fixed)
        known = records.get(number)
        if interrupt.smp is None and known is not None:
            handled.records[number] = known
        elif interrupt.smp is not None and foregone is None:
            record = known if known is not None and known.driver == device.driver else None
            if record is None:
                record = _first_record(device, interrupt, wanted, owner, births)
            handled.records[number] = _record(interrupt.smp, wanted, spread_over, owner, record)
        handled.actions.append(
            Action(
                number,
                device.address,
                owner,
                interrupt.smp,
                interrupt.effective,
                wanted,
                foregone=foregone,
                driver=device.driver,
                spares=spares,
            )
        )
    return handled


def _foregone(device: Device, interrupt: Interrupt, fixed: Mapping[IrqId, Fixed]) -> Verdict | None:
    """Return the verdict on an interrupt that cannot be moved, as its file or the state says; None for any other."""
    if not interrupt.writable:
        return immovable_verdict(interrupt.action or "")
    known = fixed.get(IrqId(device.address, interrupt.number)) if fixed else None
    return known.verdict if known is not None and known.action == (interrupt.action or "") else None


def _first_record(device: Device, interrupt: Interrupt, wanted: CpuSet, owner: GuestId, births: Births) -> Record:
    """Return the record of an interrupt that has none, or that of another driver's interrupt with its number.

    An interrupt that is in place already was moved by a process whose state is lost: its original is not known. One
    that was born with the narrowed default affinity has the wide one as its original.
    """
    original = interrupt.smp
    if births.default is not None:
        seen = HostInterrupt(interrupt, device.address, device.driver, device.numa_node)
        original = find_origin(seen, *births) or original
    return Record(owner, device.driver, None if interrupt.smp == wanted else original or None, wanted)


def _record(smp: CpuSet, wanted: CpuSet, spread_over: CpuSet | None, owner: GuestId, known: Record) -> Record:
    """Return the record of an interrupt that belongs on `wanted`: the known one itself when nothing in it changes.

    The value that the interrupt still has, if it is one that the program wrote, is kept beside the new one. A record of
    another guest, or of the host, goes to this owner with its original.
    """
    if known.written == wanted:
        if (known.owner, known.spread_over) == (owner, spread_over):
            return known
        next_cpu = known.next_cpu and known.spread_over == spread_over
        return replace(known, owner=owner, spread_over=spread_over, next_cpu=next_cpu, action=None)
    previous = smp if smp and known.accounts_for(smp) else known.written
    return replace(
        known,
        owner=owner,
        written=wanted,
        previous=previous,
        spread_over=spread_over,
        next_cpu=False,
        action=None,
    )
