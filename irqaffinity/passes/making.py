# SPDX-License-Identifier: Apache-2.0
"""Makes one pass: it reads and decides, then writes, then looks at the host's own interrupts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from irqaffinity.guests.life import Lives
from irqaffinity.model.guest import GuestId
from irqaffinity.model.hold import Hold
from irqaffinity.model.host import MsiSource
from irqaffinity.model.irq import DEFAULT
from irqaffinity.model.record import State
from irqaffinity.passes.account import Account
from irqaffinity.passes.deferring import Deferring
from irqaffinity.passes.draft import Draft, Drafter
from irqaffinity.passes.finish import Finish, rehearse_all
from irqaffinity.passes.holds import Holds
from irqaffinity.passes.host import HostPart
from irqaffinity.passes.made import Pass
from irqaffinity.passes.scope import require_covered
from irqaffinity.passes.sight import Sight
from irqaffinity.plan.frame import Frame
from irqaffinity.plan.policy import Policy, Scope
from irqaffinity.report.outcome import Part


class Making:
    """Makes passes over one host, for whoever has the state; `msi_source` is for the report alone."""

    def __init__(
        self,
        host: str,
        sight: Sight,
        drafter: Drafter,
        finish: Finish,
        host_part: HostPart,
        account: Account,
        lives: Lives,
        holds: Holds,
        deferring: Deferring,
    ) -> None:
        """`host` is the name in reports."""
        self.msi_source = MsiSource.POLL
        self._host = host
        self._sight = sight
        self._drafter = drafter
        self._finish = finish
        self._host_part = host_part
        self._account = account
        self._lives = lives
        self._holds = holds
        self._deferring = deferring

    def make(self, state: State, scope: Scope, policy: Policy, *, is_named: bool = False) -> Pass:
        """Make a pass, or, where it is not `is_named`, a look; raise UnknownTarget, HostUnreadable and StateError."""
        frame = self._sight.frame(policy, state)
        holds = self._holds.current(state)
        draft = self._drafter.draft(frame, self._sight.guests, state, policy, scope, holds)
        if is_named:
            require_covered(scope, draft)
        made = self._carry_out(frame, draft, state, scope, policy, holds, is_look=not is_named)
        return self._looked_around(self._host_part.add(made, state, scope, policy, is_look=not is_named))

    def reset(self, state: State, policy: Policy) -> Pass:
        """Give back all that was moved; raise HostUnreadable and StateError."""
        frame = self._sight.frame(policy, state)
        draft = self._drafter.draft_reset(frame, state, policy)
        made = self._carry_out(frame, draft, state, Scope(), policy, is_reset=True)
        return self._looked_around(self._host_part.give_back(made, state, policy))

    def rehearse(self, state: State, scope: Scope, policy: Policy) -> Pass:
        """Return the pass that `make` would make; raise UnknownTarget and HostUnreadable."""
        frame = self._sight.frame(policy, state)
        holds = self._holds.current(state)
        draft = self._drafter.draft(frame, self._sight.guests, state, policy, scope, holds)
        require_covered(scope, draft)
        parts = rehearse_all(draft, scope, self._lives)
        made = self._report(frame, draft, parts, datetime.now(timezone.utc), holds, dry_run=True)
        return self._host_part.rehearse(made, state, scope, policy)

    def _looked_around(self, made: Pass) -> Pass:
        """Have the default affinity read again before the next pass where this one has written it; return the pass."""
        results = () if made.isolated is None else made.isolated.results
        if any(result.action.irq == DEFAULT and result.was_written for result in results):
            self._sight.look_around_again()
        return made

    def _carry_out(
        self,
        frame: Frame,
        draft: Draft,
        state: State,
        scope: Scope,
        policy: Policy,
        holds: Sequence[Hold] = (),
        *,
        is_look: bool = False,
        is_reset: bool = False,
    ) -> Pass:
        start = datetime.now(timezone.utc)
        parts, unsaved = self._finish.carry_out(draft, scope, state)
        for uuid in draft.covered if scope.device is None else ():
            self._lives.of(uuid).spare(() if uuid not in parts else parts[uuid].results)
        made = self._report(frame, draft, parts, start, holds, unsaved=unsaved)
        taken = self._account.take(made, state, policy, is_look=is_look, is_reset=is_reset)
        counts = scope == Scope() and not is_look
        unsaved = self._deferring.note_guests(made, taken.held, state, scope, counts=counts) or unsaved
        return replace(made, drifts=taken.drifts, unsaved=unsaved)

    def _report(
        self,
        frame: Frame,
        draft: Draft,
        parts: Mapping[GuestId, Part],
        start: datetime,
        holds: Sequence[Hold],
        *,
        dry_run: bool = False,
        unsaved: str | None = None,
    ) -> Pass:
        facts = replace(self._sight.facts, msi_source=self.msi_source)
        guests = self._sight.guests
        return Pass(self._host, start, facts, frame, guests, draft, parts, dry_run, unsaved, holds=holds)
