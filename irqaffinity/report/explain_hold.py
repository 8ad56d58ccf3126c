# SPDX-License-Identifier: Apache-2.0
"""Explains which holds keep interrupts where they are, and where these would go."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from irqaffinity.model.hold import Deferred, Hold
from irqaffinity.model.irq import IrqId
from irqaffinity.report.deferred import describe_deferred, merge_rows
from irqaffinity.report.explain import Rule
from irqaffinity.report.holds import describe_holds, hold_lines
from irqaffinity.report.times import show_time


def explain_holds(
    holds: Sequence[Hold], time: datetime, names: Mapping[str, str], waiting: Mapping[IrqId, Deferred]
) -> Iterator[Rule]:
    """Yield a rule for each hold, and one for all interrupts that wait for the same move; `names` are of guests."""
    for line in hold_lines(describe_holds(holds), show_time(time), names):
        yield "hold", line
    for row in merge_rows(describe_deferred(waiting)):
        asked = "once" if row["times"] == 1 else f"{row['times']} times"
        way = f"would go from {row['from'] or 'unknown CPUs'} to {row['to']}"
        yield "deferred", f"{row['irqs']} {way}: {row['cause']}, asked for {asked} since {row['since']}"
