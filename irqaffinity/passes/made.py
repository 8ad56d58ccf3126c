# SPDX-License-Identifier: Apache-2.0
"""What a pass saw, decided and did."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from irqaffinity.guests.drift import Drift
from irqaffinity.model.arrivals import Interval
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.hold import Hold
from irqaffinity.model.host import HostFacts
from irqaffinity.model.isolation import Isolated
from irqaffinity.observe.guests import Seen
from irqaffinity.passes.draft import Draft
from irqaffinity.plan.frame import Frame
from irqaffinity.report.outcome import Outcome, Part


class Counted(NamedTuple):
    """What arrived since the full pass before, and where the guests' interrupts among it belong, by number.

    `targets` has the target of the device that has the interrupt, empty where nobody asked for it. An interrupt whose
    device or target was another one then has no count.
    """

    interval: Interval
    targets: Mapping[int, CpuSet]


@dataclass(frozen=True)
class Pass:
    """One pass: what it read and decided, and in `parts` what it did for each guest.

    `time` is its start in UTC; `unsaved` is why the state could not be stored after the writes, if so. `drifts` are the
    interrupts that somebody had moved since the pass before. `isolated` is None where the pass did not look at the
    host's own interrupts, `counted` where it counted no arrivals. `holds` are those in force, by id.
    """

    host: str
    time: datetime
    facts: HostFacts
    frame: Frame
    guests: Seen
    draft: Draft
    parts: Mapping[GuestId, Part]
    dry_run: bool = False
    unsaved: str | None = None
    drifts: Sequence[Drift] = ()
    isolated: Isolated | None = None
    counted: Counted | None = None
    holds: Sequence[Hold] = ()

    @functools.cached_property
    def outcome(self) -> Outcome:
        """All parts as one."""
        parts = self.parts.values()
        return Outcome.of(
            parts,
            self.host,
            self.time,
            self.facts,
            dry_run=self.dry_run,
            unsaved=self.unsaved,
            isolated=self.isolated,
            holds=self.holds,
        )
