# SPDX-License-Identifier: Apache-2.0
"""Which CPUs of a device's target each of its interrupts gets."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.record import Record

_VECTOR_NAME = re.compile(r"vfio-msix?\[(\d{1,4})\]\(")
_MSIX_VECTORS = 2048
"""The most vectors a function can have (PCI Express Base Specification, MSI-X Table Size)."""


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
