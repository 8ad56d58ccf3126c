# SPDX-License-Identifier: Apache-2.0
"""What must survive a restart: which interrupts were moved, from where, and what was learned of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Record:
    """One interrupt that was moved, or found in place.

    `original` is what it had before, None where that is not known. `written` is the last value that was meant to be
    written; `previous` the one before it, for a write that the kernel refused or a crash prevented leaves that in
    place. `spread_over` is the target of the whole device where each interrupt gets one CPU of it: when that one is
    full, any other may be written, and `next_cpu` tells that `written` is such another one.
    """

    owner: GuestId
    driver: str | None
    original: CpuSet | None
    written: CpuSet
    previous: CpuSet | None = None
    spread_over: CpuSet | None = None
    next_cpu: bool = False

    def accounts_for(self, smp: CpuSet | None) -> bool:
        """Tell whether `smp` is a value that we wrote."""
        if smp is None or smp in (self.written, self.previous):
            return smp is not None
        return self.spread_over is not None and len(smp) == 1 and smp <= self.spread_over


class Fixed(NamedTuple):
    """An interrupt that cannot be moved: the name of its action, and the verdict `managed` or `immovable`."""

    action: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class RememberedSpecs:
    """The mask of a versioned notification (None when its flavor has none), and that payload's timestamp."""

    mask: str | None
    timestamp: str


Records = Mapping[PciAddress, Mapping[int, Record]]
"""Records by device, then by interrupt number."""


@dataclass(frozen=True, slots=True)
class State:
    """All that is stored. `fixed` has the interrupts that turned out not to be movable."""

    records: Records = field(default_factory=dict)
    fixed: Mapping[IrqId, Fixed] = field(default_factory=dict)
    extra_specs: Mapping[GuestId, RememberedSpecs] = field(default_factory=dict)
