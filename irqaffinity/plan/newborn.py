# SPDX-License-Identifier: Apache-2.0
"""Which interrupts of the host got the narrowed default affinity when they were born, and what they would have got."""

from collections.abc import Container, Iterable

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST
from irqaffinity.model.host import Topology
from irqaffinity.model.irq import IrqId
from irqaffinity.model.isolation import HostInterrupt
from irqaffinity.model.record import Record, State


def find_origin(found: HostInterrupt, default: Record | None, topology: Topology) -> CpuSet | None:
    """Return what an interrupt would have had at its birth if the default affinity had not been narrowed.

    None where it does not look as if it was born with the narrowed default. `default` is the record of the default
    affinity; its value before the last counts too, for the interrupt may have been born just before the last write.
    """
    if default is None or default.original is None or not found.interrupt.smp:
        return None
    node = CpuSet() if found.numa_node is None else topology.nodes.get(found.numa_node, CpuSet())
    for narrowed in (default.written, default.previous):
        if narrowed and narrowed != default.original:
            origin = _widen(found.interrupt.smp, narrowed, default.original, node, topology.online)
            if origin is not None and origin != found.interrupt.smp:
                return origin
    return None


def find_ended(
    interrupts: Iterable[HostInterrupt], ended: Container[int], state: State, topology: Topology
) -> dict[IrqId, None]:
    """Return the host's records that are not of the interrupts which have their numbers now; `ended` have been freed.

    A record holds for an interrupt that has what was written last: it was moved since, perhaps by another process. One
    that may have been born so, with the narrowed default affinity, counts as new: its origin is found without a record.
    """
    others: dict[IrqId, None] = {}
    for found in interrupts:
        irq = IrqId(found.device, found.interrupt.number)
        record = state.records.get(irq.device, {}).get(irq.number) if irq.number in ended else None
        if record is not None and record.owner == HOST:
            is_moved = found.interrupt.smp == record.written and find_origin(found, state.default, topology) is None
            others.update({} if is_moved else {irq: None})
    return others


def _widen(smp: CpuSet, narrowed: CpuSet, wide: CpuSet, node: CpuSet, online: CpuSet) -> CpuSet | None:
    """Return the wide counterpart of a first affinity.

    Until it is started, an interrupt has the whole default; then the online CPUs of it, and where some of these are on
    its device's node only those (Linux: kernel/irq/manage.c, irq_setup_affinity). CPUs may go offline later.
    """
    local = narrowed & online & node
    if smp in (local, narrowed & node):
        return wide & node
    if smp not in (narrowed, narrowed & online):
        return None
    return wide & node if not local and wide & node & online else wide
