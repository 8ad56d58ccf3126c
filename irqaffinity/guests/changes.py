# SPDX-License-Identifier: Apache-2.0
"""What was done with a guest's interrupts, gathered until it has settled: a burst of births is one change."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from math import inf
from typing import NamedTuple

from irqaffinity.model.action import Result
from irqaffinity.model.change import Change, Settled
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import IrqId

QUIET, LONGEST = 1.0, 60.0
"""Seconds: a change has settled when nothing has followed for so long, and counts as settled after so long at most."""

MOST = 4096
"""Interrupts that are kept apart; of a guest that makes more the earliest are left out."""


class Unsettled:
    """What is not told yet of one guest. Times are in seconds of one clock."""

    def __init__(self, owner: GuestId) -> None:
        self._owner = owner
        self._found: OrderedDict[tuple[IrqId, bool], _Row] = OrderedDict()
        self._waited = 0
        self.due = inf
        """When it will have settled, if nothing follows."""
        self._first = 0.0

    def __bool__(self) -> bool:
        return bool(self._found or self._waited)

    def add(self, results: Iterable[Result], now: float) -> None:
        """Take what was written of these."""
        for result in results:
            if not result.was_written:
                continue
            self._note(now)
            key = result.action.irq, result.action.is_release
            before = self._found.pop(key, None)
            first = result if before is None else before.first
            self._found[key] = _Row(first, result, 1 if before is None else before.writes + 1)
            if len(self._found) > MOST:
                self._found.popitem(last=False)

    def add_waiting(self, now: float) -> None:
        """Count a new interrupt that has to wait for its place."""
        self._note(now)
        self._waited += 1

    def settle(self) -> Settled:
        """Return it, by device and number, and begin anew."""
        alike: dict[tuple[object, ...], list[_Row]] = {}
        for (irq, is_release), row in sorted(self._found.items(), key=lambda item: item[0]):
            way = irq.device, row.first.action.current, row.last.smp, row.last.verdict, is_release
            alike.setdefault(way, []).append(row)
        settled = Settled(self._owner, tuple(map(_change, alike.values())), self._waited)
        self._found, self._waited, self.due = OrderedDict(), 0, inf
        return settled

    def _note(self, now: float) -> None:
        if not self:
            self._first = now
        self.due = min(now + QUIET, self._first + LONGEST)


class _Row(NamedTuple):
    """The first and the last write of one interrupt, and how many there were."""

    first: Result
    last: Result
    writes: int


def _change(rows: Sequence[_Row]) -> Change:
    first, last = rows[0].first.action, rows[0].last
    return Change(
        device=first.device,
        numbers=tuple(row.first.action.number for row in rows),
        before=first.current,
        after=last.smp,
        verdict=last.verdict,
        is_release=first.is_release,
        writes=sum(row.writes for row in rows),
    )
