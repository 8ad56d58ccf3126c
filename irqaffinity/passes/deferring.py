# SPDX-License-Identifier: Apache-2.0
"""Keeps in the state what waits for the end of a hold, for `irqaffinity deferred` and for the history."""

from collections.abc import Callable, Sequence
from datetime import datetime

from irqaffinity.model.action import Result
from irqaffinity.model.guest import HOST
from irqaffinity.model.hold import Deferred
from irqaffinity.model.irq import IrqId
from irqaffinity.model.record import Changes, State
from irqaffinity.model.verdict import Cause
from irqaffinity.passes.made import Pass
from irqaffinity.plan.hold import find_hold
from irqaffinity.plan.policy import Scope
from irqaffinity.state.folder import StateError
from irqaffinity.state.store import Keeper

Held = Sequence[tuple[Result, Cause]]
"""Interrupts that a hold kept where they are, and why they would have been moved."""


class Deferring:
    """Brings the rows of the state in step with what passes left undone. The caller makes no other pass meanwhile."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def note_guests(self, made: Pass, held: Held, state: State, scope: Scope, *, counts: bool) -> str | None:
        """Store what a pass left undone for guests; a pass that `counts` is one time more that it was asked for.

        Return why that could not be stored, or None.
        """
        if not held and not state.deferred:
            return None
        done = {result.action.irq for part in made.parts.values() for result in part.results}

        def is_over(irq: IrqId, row: Deferred) -> bool:
            if row.guest == HOST:
                return False
            return irq in done or (scope.covers(row.guest, irq.device) and not _may_still_wait(irq, row, made))

        return self._store(state, held, made.time, is_over, counts=counts)

    def note_host(self, held: Held, state: State, now: datetime, *, counts: bool) -> str | None:
        """Do the same for the host's own interrupts, all of which were looked at."""
        if not held and not state.deferred:
            return None
        return self._store(state, held, now, lambda _, row: row.guest == HOST, counts=counts)

    def _store(
        self,
        state: State,
        held: Held,
        now: datetime,
        is_over: Callable[[IrqId, Deferred], bool],
        *,
        counts: bool,
    ) -> str | None:
        rows = {
            result.action.irq: _row(result, cause, state.deferred.get(result.action.irq), now, counts=counts)
            for result, cause in held
        }
        changes: dict[IrqId, Deferred | None] = {
            irq: None for irq, row in state.deferred.items() if irq not in rows and is_over(irq, row)
        }
        changes.update((irq, row) for irq, row in rows.items() if row != state.deferred.get(irq))
        try:
            if changes:
                self._keeper.save(Changes(deferred=changes))
        except StateError as error:
            return str(error)
        return None


def _may_still_wait(irq: IrqId, row: Deferred, made: Pass) -> bool:
    """Tell whether an interrupt that a pass did nothing with may wait as before: its guest or device is not known."""
    if find_hold(made.holds, row.guest, irq.device) is None:
        return False
    device = made.draft.devices.get(irq.device)
    is_unread = device is not None and device.trouble is not None
    return is_unread or row.guest in made.frame.unknown or irq.device in made.frame.held


def _row(result: Result, cause: Cause, before: Deferred | None, now: datetime, *, counts: bool) -> Deferred:
    """Return the row of an interrupt that is held; while its target is the same, it waits for the first cause."""
    action = result.action
    since = now.replace(microsecond=0)
    row = Deferred(action.owner, action.current, result.asked, since, 1, cause, action.hold or 0)
    if before is None or before.guest != row.guest:
        return row
    same_cause = before.cause if before.target == row.target else cause
    return row._replace(since=before.since, times=before.times + counts, cause=same_cause)
