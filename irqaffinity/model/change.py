# SPDX-License-Identifier: Apache-2.0
"""A settled change of interrupts, which the log and the history show."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import merge_numbers
from irqaffinity.model.verdict import Cause, Verdict


class Change(NamedTuple):
    """Interrupts of one device that were moved for one cause, even if they were born again in between.

    `time` is when the change had settled, in UTC; `name` is the guest's, None where it is not known. `before` is all
    CPUs that the interrupts had at first, None where they are not known; `after` is all CPUs that they have in the end,
    or were to have where a write failed. `verdict` is `pending` if that of one interrupt is. `writes` counts the
    writes.
    """

    time: datetime
    guest: GuestId
    name: str | None
    device: PciAddress
    numbers: tuple[int, ...]
    before: CpuSet | None
    after: CpuSet | None
    cause: Cause
    verdict: Verdict
    is_release: bool
    writes: int

    def fields(self) -> Mapping[str, str | None]:
        """Return all but the time as text, under the names of the history's JSON."""
        return {
            "guest": self.guest,
            "name": self.name,
            "device": str(self.device),
            "irqs": merge_numbers(self.numbers),
            "from": None if self.before is None else str(self.before),
            "to": None if self.after is None else str(self.after),
            "cause": self.cause.value,
            "verdict": self.verdict.value,
        }


class Settled(NamedTuple):
    """All that was done for one guest in a burst; `waited` is how many new interrupts had to wait for their places."""

    owner: GuestId
    name: str | None
    changes: tuple[Change, ...]
    waited: int


class Bounds(NamedTuple):
    """For how many days the history keeps changes, and how many lines at most; with no lines, none is written."""

    days: int = 30
    lines: int = 100_000
