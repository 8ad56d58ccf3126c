# SPDX-License-Identifier: Apache-2.0
"""A settled change of interrupts, which the log and the history show."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.irq import DEFAULT, DEFAULT_NAME
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.text import merge_numbers
from irqaffinity.model.verdict import Cause, Verdict


class Change(NamedTuple):
    """Interrupts of one device that were moved for one cause, even if they were born again in between.

    The default affinity is one of its own. `time` is when the change had settled, in UTC; `name` is the guest's, None
    where it is not known and for the host. `before` is all
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

    @property
    def which(self) -> str:
        """The numbers of the interrupts, or the name of the default affinity."""
        return DEFAULT_NAME if self.numbers == (DEFAULT.number,) else merge_numbers(self.numbers)

    def fields(self) -> Mapping[str, str | None]:
        """Return all but the time as text, under the names of the history's JSON; the host is no guest."""
        return {
            "guest": None if self.guest == HOST else self.guest,
            "name": self.name,
            "device": None if self.device == NO_DEVICE else str(self.device),
            "irqs": self.which,
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
