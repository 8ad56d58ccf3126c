# SPDX-License-Identifier: Apache-2.0
"""Holds: spans of time in which interrupts that were placed are not moved, and what waits for their end."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import Cause


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold on the whole host, or on the interrupts of one guest or one device; at most one of the two is named.

    `since` and `until` are UTC. Within the boot `boot_id` in which it was made, it ends when CLOCK_BOOTTIME reads
    `ends_at` seconds; after another boot, at `until`. With `everything` not even the first placement of an interrupt is
    made.
    """

    id: int
    since: datetime
    until: datetime
    reason: str
    boot_id: str
    ends_at: float
    guest: GuestId | None = None
    device: PciAddress | None = None
    everything: bool = False

    def covers(self, guest: GuestId | None, device: PciAddress) -> bool:
        """Tell whether it holds the interrupts of `device`, which `guest` has (None for the host's own)."""
        return self.guest in (None, guest) and self.device in (None, device)


class Moment(NamedTuple):
    """Now, by the clocks that end holds: `now` in UTC, and within the boot `boot_id` (empty where it is not known)
    `boot_time`, the seconds of CLOCK_BOOTTIME.
    """

    now: datetime
    boot_id: str
    boot_time: float


class Deferred(NamedTuple):
    """An interrupt that would have been moved, from where to where, and why, but for the hold with the id `hold`.

    `guest` is HOST for an interrupt of the host's own. `since` is when that was asked for first (UTC), `times` in how
    many full passes until now, at least 1.
    """

    guest: GuestId
    origin: CpuSet | None
    target: CpuSet
    since: datetime
    times: int
    cause: Cause
    hold: int
