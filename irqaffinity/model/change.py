# SPDX-License-Identifier: Apache-2.0
"""What was done with interrupts, once it has settled: the log is one reader of it."""

from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import Verdict


class Change(NamedTuple):
    """Interrupts of one device that went the same way, also over several lives of them.

    `before` is what they had at first, None where that is not known, and `after` what they have in the end. `writes` is
    how often they were written.
    """

    device: PciAddress
    numbers: tuple[int, ...]
    before: CpuSet | None
    after: CpuSet | None
    verdict: Verdict
    is_release: bool
    writes: int


class Settled(NamedTuple):
    """All that was done for one guest in a burst; `waited` is how many new interrupts had to wait for their places."""

    owner: GuestId
    changes: tuple[Change, ...]
    waited: int
