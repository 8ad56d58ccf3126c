# SPDX-License-Identifier: Apache-2.0
"""Which CPUs of a device's target each of its interrupts gets."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.host import Topology
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.record import Record

_VECTOR_NAME = re.compile(r"vfio-msix?\[(\d{1,4})\]\(")
_MSIX_VECTORS = 2048
"""The most vectors a function can have (PCI Express Base Specification, MSI-X Table Size)."""


_Item = TypeVar("_Item")


class Share(NamedTuple):
    """The part of the target that is for one interrupt, and the single CPUs to try when that has no free vector."""

    target: CpuSet
    spares: tuple[CpuSet, ...] = ()


def share_out(
    interrupts: Sequence[Interrupt], order: Sequence[int], rank: int, records: Mapping[int, Record]
) -> dict[int, Share]:
    """Return one CPU of `order` for each interrupt number: vector i of a device of this `rank` gets number i + rank.

    An interrupt that once had to take another CPU of the same target keeps it.
    """
    target = CpuSet(order)
    shares = {}
    for interrupt, index in zip(interrupts, vector_indexes(interrupts), strict=True):
        start = (index + rank) % len(order)
        record = records.get(interrupt.number)
        if record is not None and record.next_cpu and record.spread_over == target and record.written <= target:
            start = order.index(min(record.written, default=order[start]))
        turned = [CpuSet([cpu]) for cpu in (*order[start:], *order[:start])]
        shares[interrupt.number] = Share(turned[0], tuple(turned[1:]))
    return shares


def vector_indexes(interrupts: Sequence[Interrupt]) -> list[int]:
    """Return the index of each vector in its device: from vfio's action names, else `hwirq`, else the rank by number.

    `hwirq` is the index only for MSI-X; other controllers put large or repeated numbers there, which are not used.
    """
    named = [_VECTOR_NAME.match(interrupt.action or "") for interrupt in interrupts]
    hwirqs = [interrupt.hwirq for interrupt in interrupts]
    usable = len(set(hwirqs)) == len(hwirqs) and all(hwirq is not None and hwirq < _MSIX_VECTORS for hwirq in hwirqs)
    ranks = {number: rank for rank, number in enumerate(sorted(interrupt.number for interrupt in interrupts))}
    return [
        int(name[1]) if name else hwirq if usable and hwirq is not None else ranks[interrupt.number]
        for name, hwirq, interrupt in zip(named, hwirqs, interrupts, strict=True)
    ]


def order_by_core(cpus: Iterable[int], topology: Topology) -> tuple[int, ...]:
    """Return `cpus` so that one CPU of each core comes first, then a second one of each core, and so on.

    The cores come alternately from each last-level cache; what the topology does not tell apart keeps its order. A CPU
    whose core is unknown counts as a core. So no core serves two of the first interrupts while another serves none.
    """
    cores: dict[tuple[bool, int], list[int]] = {}
    for cpu in cpus:
        is_known = cpu in topology.cores
        cores.setdefault((is_known, topology.cores[cpu] if is_known else cpu), []).append(cpu)
    by_cache: dict[int | None, list[list[int]]] = {}
    for siblings in cores.values():
        by_cache.setdefault(topology.caches.get(siblings[0]), []).append(siblings)
    return tuple(_take_turns(_take_turns(by_cache.values())))


def _take_turns(rows: Iterable[Sequence[_Item]]) -> list[_Item]:
    """Return the first item of each row, then the second of each, until all rows are at their end."""
    rows = list(rows)
    turns = range(max(map(len, rows), default=0))
    return [row[turn] for turn in turns for row in rows if turn < len(row)]
