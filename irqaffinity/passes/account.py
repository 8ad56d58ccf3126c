# SPDX-License-Identifier: Apache-2.0
"""Reports what passes did: what is wrong to the log at once, settled changes to the log and the history."""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from irqaffinity.guests.cause import HOST_TABLE, TABLE, Grounds, Occasion, Table, find_causes, find_deferred_cause
from irqaffinity.guests.drift import Drift
from irqaffinity.guests.life import Life, Lives
from irqaffinity.model.action import Result
from irqaffinity.model.change import Change
from irqaffinity.model.guest import HOST, GuestId, UnreadableGuest
from irqaffinity.model.isolation import Isolated
from irqaffinity.model.record import State
from irqaffinity.model.verdict import FAILED, Cause
from irqaffinity.passes.deferring import Held
from irqaffinity.passes.isolation import Looked
from irqaffinity.passes.made import Pass
from irqaffinity.plan.policy import Policy
from irqaffinity.report.log import (
    find_troubles,
    log_each,
    log_held_drifts,
    log_host_troubles,
    log_settled,
    log_troubles,
)
from irqaffinity.report.outcome import Part
from irqaffinity.state.history import History


class Taken(NamedTuple):
    """Which interrupts had drifted until a pass, and were put back; which a hold kept where they are, and why."""

    drifts: list[Drift]
    held: Held


class Account:
    """What is reported of all guests. Who calls `take` makes no other pass meanwhile; `settle` is for one thread."""

    def __init__(
        self, lives: Lives, history: History, lock: threading.RLock, clock: Callable[[], float], *, gathers: bool
    ) -> None:
        """Take where changes go to, the lock of passes, a clock in seconds, and whether `settle` is called later."""
        self._lives = lives
        self._history = history
        self._lock = lock
        self._clock = clock
        self._gathers = gathers
        self._logged: list[Change] = []
        self._policy: Policy | None = None
        self._host_troubles: Sequence[str] = ()
        self._of_pass: Cause | None = Cause.START if gathers else Cause.AUDIT

    def first_pass_is_over(self) -> None:
        """Note that from now on an agent knows how each guest was before."""
        if self._gathers:
            self._of_pass = None

    def take(self, made: Pass, state: State, policy: Policy, *, is_look: bool = False, is_reset: bool = False) -> Taken:
        """Take what a pass did; `state` is as it was left."""
        now, taken = self._clock(), Taken([], [])
        of_pass = Cause.RESET if is_reset else self._of_pass
        for uuid, part in made.parts.items():
            if uuid in made.draft.unchanged:
                continue
            life = self._lives.of(uuid)
            self._tell(life, part, now, is_look=is_look)
            drifts, held = self._take_part(life, part, made, state, policy, of_pass, now)
            taken = Taken([*taken.drifts, *drifts], [*taken.held, *held])
        if not self._gathers:
            self._log_settled(everything=True)
        return taken

    def take_host(
        self, looked: Looked, state: State, policy: Policy, *, is_quiet: bool = True, is_reset: bool = False
    ) -> Taken:
        """Take what was done with the host's own interrupts; `state` is as that left it.

        One that was born again meanwhile has not drifted, and none has where the host was not quiet.
        """
        self._tell_host(looked.isolated)
        has_new_policy, self._policy = self._policy not in (None, policy), policy
        if not looked.results and HOST not in self._lives:
            return Taken([], [])
        now, life, of_pass = self._clock(), self._lives.of(HOST), Cause.RESET if is_reset else None
        self._tell(life, Part(None, (), looked.results), now, is_look=False)
        life.drifts.forget(looked.stirred)
        drifts = life.drifts.saw(looked.results, now, is_quiet=is_quiet)
        drifted = {drift.irq: drift for drift in drifts}
        occasion = Occasion(
            of_pass, failing=life.failing, drifted=drifted, has_new_policy=has_new_policy, deferred=state.deferred
        )
        life.unsettled.add(find_causes(looked.results, occasion, HOST_TABLE), now)
        life.failing = frozenset(result.action.irq for result in looked.results if result.verdict in FAILED)
        if not self._gathers:
            self._log_settled(everything=True)
        return self._sort(life, drifts, looked.results, occasion, state, HOST_TABLE)

    def rehearsed(self, made: Pass) -> None:
        """Log what is wrong, and in detail what a pass would do; nothing was done."""
        for uuid, part in made.parts.items():
            if uuid not in made.draft.unchanged:
                self._tell(self._lives.of(uuid), part, self._clock(), is_look=False)
        if made.isolated is not None:
            self._tell_host(made.isolated)

    def settle(self, *, everything: bool = False, rivals: Sequence[str] = ()) -> None:
        """Report the changes that have settled, or all; `rivals` are other programs that move interrupts."""
        self._log_settled(everything=everything, rivals=rivals)
        self.store()

    def store(self) -> None:
        """Store the changes that were logged in the history. The caller holds no lock of passes: it may take time."""
        if self._logged:
            changes, self._logged = self._logged, []
            self._history.append(changes)

    def _log_settled(self, *, everything: bool, rivals: Sequence[str] = ()) -> None:
        now = self._clock()
        for life in self._lives:
            if life.unsettled and (everything or (life.unsettled.due <= now and life.next_line(now) <= now)):
                with self._lock:
                    settled = life.unsettled.settle(life.name, datetime.now(timezone.utc).replace(microsecond=0))
                self._logged += settled.changes
                life.lines.spend(now, log_settled(settled, life.lines.left(now), rivals))

    def _tell_host(self, isolated: Isolated) -> None:
        troubles = [shortage.sentence for shortage in isolated.shortages]
        if isolated.trouble is not None:
            troubles.append(isolated.trouble)
        self._host_troubles = log_host_troubles(troubles, self._host_troubles)

    def _tell(self, life: Life, part: Part, now: float, *, is_look: bool) -> None:
        troubles = find_troubles(part, life.troubles)
        if troubles != life.troubles and (not troubles or life.lines.take(now)):
            log_troubles(troubles, life.troubles)
            life.troubles = troubles
        if not is_look or any(result.was_written for result in part.results):
            log_each(part)

    def _take_part(
        self, life: Life, part: Part, made: Pass, state: State, policy: Policy, of_pass: Cause | None, now: float
    ) -> Taken:
        """Find the causes of what was done for one guest, and keep what finds the next causes."""
        grounds, places = _grounds(life.uuid, made, policy), life.drifts.places
        drifts = life.drifts.saw(part.results, now, is_quiet=life.watch is None)
        occasion = Occasion(
            of_pass,
            life.uuid not in made.guests,
            life.grounds,
            grounds,
            places,
            life.failing,
            {drift.irq: drift for drift in drifts},
            deferred=state.deferred,
        )
        life.unsettled.add(find_causes(part.results, occasion), now)
        life.failing = frozenset(result.action.irq for result in part.results if result.verdict in FAILED)
        life.name = part.guest.name if part.guest is not None else life.name
        life.grounds = grounds or life.grounds
        return self._sort(life, drifts, part.results, occasion, state)

    def _sort(
        self,
        life: Life,
        drifts: list[Drift],
        results: Sequence[Result],
        occasion: Occasion,
        state: State,
        table: Table = TABLE,
    ) -> Taken:
        """Return the drifts that were put back apart from what is held; tell those that are held, once."""
        held = list(_find_held(results, occasion, state, table))
        if not held:
            return Taken(drifts, held)
        kept = {result.action.irq: result for result, _ in held}
        drifted = [kept[drift.irq] for drift in drifts if drift.irq in kept]
        if drifted:
            life.lines.spend(self._clock(), log_held_drifts(life.uuid, drifted))
        return Taken([drift for drift in drifts if drift.irq not in kept], held)


def _grounds(uuid: GuestId, made: Pass, policy: Policy) -> Grounds | None:
    """Return what decides a guest's places now, None where this pass does not know: then it stays as it was."""
    decision, seen = made.draft.decisions.get(uuid), made.guests.get(uuid)
    is_known = seen is not None and not isinstance(seen.guest, UnreadableGuest)
    return Grounds(policy, decision) if decision is not None and is_known else None


def _find_held(
    results: Sequence[Result], occasion: Occasion, state: State, table: Table
) -> Iterator[tuple[Result, Cause]]:
    """Give each interrupt that a hold kept where it is, and why it would have been moved."""
    for result in results:
        action = result.action
        if action.hold is not None:
            record = state.records.get(action.device, {}).get(action.number)
            yield result, find_deferred_cause(result, occasion, record, table)
