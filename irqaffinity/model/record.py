# SPDX-License-Identifier: Apache-2.0
"""What must survive a restart: which interrupts were moved, from where, and what was learned of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import Verdict

LONGEST_WAY = timedelta(minutes=5)
"""How long a notification may wait in the broker for its host, which drops it then (listen/notifications.py)."""


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
        """Tell whether `smp` is a value that we wrote.

        Every interrupt has a CPU: none at all is what a write of ours leaves in a tree of plain files when the process
        is killed in the middle of it.
        """
        if smp is None or not smp or smp in (self.written, self.previous):
            return smp is not None
        return self.spread_over is not None and len(smp) == 1 and smp <= self.spread_over


class Fixed(NamedTuple):
    """An interrupt that cannot be moved: the name of its action, and the verdict `managed` or `immovable`."""

    action: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class RememberedSpecs:
    """The mask of a versioned notification (None when its flavor has none), and that payload's timestamp.

    `publisher` is the host that sent it and `arrived` the time here when it came, as `timestamp` is written; None where
    a state of before does not tell. All times are `2026-11-20 12:00:00`, perhaps with a fraction, in UTC.
    """

    mask: str | None
    timestamp: str
    publisher: str | None = None
    arrived: str | None = None

    @property
    def sent(self) -> str:
        """When it was sent at the latest, by the clock here: nothing arrives before it was sent."""
        return self.timestamp if self.arrived is None else min(self.timestamp, self.arrived)

    @property
    def ahead(self) -> timedelta:
        """How far the publisher's clock is ahead, at least; negative where it is behind or the way took so long."""
        try:
            return datetime.fromisoformat(self.timestamp) - datetime.fromisoformat(self.arrived or self.timestamp)
        except (ValueError, TypeError):  # a state that somebody else wrote may have any text there
            return timedelta()

    def is_newer_than(self, other: "RememberedSpecs") -> bool:
        """Tell which of two counts.

        Timestamps of one clock are compared as they are: it may be wrong, and still tells the order of its own. Between
        two publishers, and where the clock of one was set in between, each counts as of its arrival at the latest.
        """
        is_one_clock = self.publisher == other.publisher and abs(self.ahead - other.ahead) <= LONGEST_WAY
        return self.timestamp > other.timestamp if is_one_clock else self.sent > other.sent


Records = Mapping[PciAddress, Mapping[int, Record]]
"""Records by device, then by interrupt number."""


@dataclass(frozen=True, slots=True)
class State:
    """All that is stored. `fixed` has the interrupts that turned out not to be movable."""

    records: Records = field(default_factory=dict)
    fixed: Mapping[IrqId, Fixed] = field(default_factory=dict)
    extra_specs: Mapping[GuestId, RememberedSpecs] = field(default_factory=dict)
