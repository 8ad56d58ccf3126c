# SPDX-License-Identifier: Apache-2.0
"""Makes the cells of rows of the state, in the order of their columns, of records, holds and the like."""

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.hold import Deferred, Hold
from irqaffinity.model.irq import IrqId
from irqaffinity.model.isolation import Told
from irqaffinity.model.record import Record
from irqaffinity.state.fields import TIME

Cells = tuple[object, ...]


def cells_of_record(record: Record) -> Cells:
    """Return the cells that guests' and the host's records have in common."""
    return (
        _text(record.original),
        str(record.written),
        _text(record.previous),
        _text(record.spread_over),
        int(record.next_cpu),
    )


def cells_of_told(socket: str, told: Told) -> Cells:
    """Return the row of `told` for an irqbalance."""
    irqs_before, irqs = (",".join(map(str, numbers)) for numbers in (told.irqs_before, told.irqs))
    return socket, _text(told.cpus_before), irqs_before, str(told.cpus), irqs


def cells_of_hold(hold: Hold) -> Cells:
    """Return the row of `holds` for a hold."""
    return (
        hold.id,
        f"{hold.since:{TIME}}",
        f"{hold.until:{TIME}}",
        hold.reason,
        hold.boot_id,
        float(hold.ends_at),
        hold.guest,
        None if hold.device is None else str(hold.device),
        int(hold.everything),
    )


def cells_of_deferred(irq: IrqId, deferred: Deferred) -> Cells:
    """Return the row of `deferred` for an interrupt; that of the host has no guest."""
    return (
        str(irq.device),
        irq.number,
        deferred.guest or None,
        _text(deferred.origin),
        str(deferred.target),
        f"{deferred.since:{TIME}}",
        deferred.times,
        deferred.cause.value,
        deferred.hold,
    )


def _text(cpus: CpuSet | None) -> str | None:
    return None if cpus is None else str(cpus)
