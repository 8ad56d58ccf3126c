# SPDX-License-Identifier: Apache-2.0
"""What was done with a guest's interrupts, gathered until it has settled: a burst of births is one change."""

import functools
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime
from math import inf
from operator import attrgetter, or_
from typing import NamedTuple

from irqaffinity.model.action import Result
from irqaffinity.model.change import Change, Settled
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.irq import DEFAULT, IrqId
from irqaffinity.model.verdict import FAILED, Cause, Verdict

QUIET, LONGEST = 1.0, 60.0
"""A change has settled after QUIET seconds without another one, and counts as settled after LONGEST seconds at most."""

MOST = 4096
"""The most interrupts that are kept for one guest; where there are more, the earliest are left out."""


class Unsettled:
    """What was done for one guest and is not reported yet. Times are in seconds of one clock."""

    def __init__(self, owner: GuestId) -> None:
        self._owner = owner
        self._found: OrderedDict[tuple[IrqId, bool, bool], _Row] = OrderedDict()
        self._waited = 0
        self.due = inf
        """When the changes will have settled if nothing follows; infinite where there are none."""
        self._first = 0.0

    def __bool__(self) -> bool:
        return bool(self._found or self._waited)

    def add(self, caused: Iterable[tuple[Result, Cause]], now: float) -> None:
        """Take what was done, and why."""
        for result, cause in caused:
            self._note(now)
            key = result.action.irq, result.action.is_release, result.verdict in FAILED
            before = self._found.pop(key, None)
            self._found[key] = _Row(result, result, cause, 1) if before is None else before.then(result, cause)
            if len(self._found) > MOST:
                self._found.popitem(last=False)

    def add_waiting(self, now: float) -> None:
        """Count a new interrupt that has to wait for its place."""
        self._note(now)
        self._waited += 1

    def settle(self, name: str | None, time: datetime) -> Settled:
        """Return what was gathered, and begin anew; `name` is the guest's, if known, and `time` is now.

        Changes are sorted by device, and the latest change of a device comes last. The host's own interrupts are one
        change only where all of them went the same way: each has an original of its own.
        """
        alike: dict[tuple[object, ...], list[_Row]] = {}
        for (irq, is_release, has_failed), row in self._found.items():
            way = (irq == DEFAULT, row.first.action.current, row.last.asked) if self._owner == HOST else None
            kind = irq.device, way, is_release, row.last.verdict if has_failed else None, row.cause
            rows = alike.pop(kind, [])
            rows.append(row)
            alike[kind] = rows
        changes = [_change(rows, self._owner, name, time) for rows in alike.values()]
        settled = Settled(self._owner, name, tuple(sorted(changes, key=attrgetter("device"))), self._waited)
        self._found, self._waited, self.due = OrderedDict(), 0, inf
        return settled

    def _note(self, now: float) -> None:
        if not self:
            self._first = now
        self.due = min(now + QUIET, self._first + LONGEST)


class _Row(NamedTuple):
    """The first and the last result of one interrupt, the cause, and how often something was done."""

    first: Result
    last: Result
    cause: Cause
    writes: int

    def then(self, last: Result, cause: Cause) -> "_Row":
        """Return the row with a later result; what began as single drifts and became a fight is reported as a fight."""
        return _Row(self.first, last, cause if cause is Cause.FIGHT else self.cause, self.writes + 1)


def _change(rows: Sequence[_Row], owner: GuestId, name: str | None, time: datetime) -> Change:
    first, verdicts = rows[0].first.action, {row.last.verdict for row in rows}
    return Change(
        time=time,
        guest=owner,
        name=name,
        device=first.device,
        numbers=tuple(sorted(row.first.action.number for row in rows)),
        before=_unite(row.first.action.current for row in rows),
        after=_unite(row.last.asked if row.last.verdict in FAILED else row.last.smp for row in rows),
        cause=rows[0].cause,
        verdict=Verdict.PENDING if Verdict.PENDING in verdicts else rows[0].last.verdict,
        is_release=first.is_release,
        writes=sum(row.writes for row in rows),
    )


def _unite(sets: Iterable[CpuSet | None]) -> CpuSet | None:
    """Return all CPUs of several sets, None where none of them is known."""
    known = {cpus for cpus in sets if cpus is not None}
    return functools.reduce(or_, known) if known else None
