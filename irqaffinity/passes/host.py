# SPDX-License-Identifier: Apache-2.0
"""Adds to a pass what it finds and does about the host's own interrupts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.hold import Hold
from irqaffinity.model.isolation import Isolated
from irqaffinity.model.record import State
from irqaffinity.observe.guests import Seen
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.passes.account import Account
from irqaffinity.passes.deferring import Deferring
from irqaffinity.passes.isolation import Isolation, Looked
from irqaffinity.passes.made import Pass
from irqaffinity.plan.frame import Frame
from irqaffinity.plan.policy import Policy, Scope
from irqaffinity.state.folder import StateError


class HostPart:
    """The part of passes that is about the host's own interrupts."""

    def __init__(self, isolation: Isolation, account: Account, deferring: Deferring) -> None:
        self._isolation = isolation
        self._account = account
        self._deferring = deferring
        self._online: CpuSet | None = None

    def look(
        self, frame: Frame, guests: Seen, state: State, policy: Policy, holds: Sequence[Hold], *, counts: bool = False
    ) -> Looked:
        """Look at the host's own interrupts, do what policy and holds say, and report it; raise as `Isolation.look`.

        As CPUs go offline or come back, the kernel and drivers (virtio_net) choose affinities anew: that is no drift.
        """
        looked = self._isolation.look(frame, guests, state, policy, holds)
        before, self._online = self._online, frame.topology.online
        taken = self._account.take_host(looked, state, policy, is_quiet=self._online == before)
        unsaved = self._deferring.note_host(taken.held, state, datetime.now(timezone.utc), counts=counts)
        return looked._replace(drifts=tuple(taken.drifts), unsaved=unsaved or looked.unsaved)

    def give_back(self, made: Pass, state: State, policy: Policy) -> Pass:
        """Return a reset with all that was moved of the host given back; raise as `Isolation.look`."""
        self._note_returned(made, state)
        looked = self._isolation.give_back(made.frame, state, policy)
        taken = self._account.take_host(looked, state, policy, is_reset=True)
        self._deferring.note_host(taken.held, state, made.time, counts=False)
        return replace(made, isolated=looked.isolated, unsaved=made.unsaved or looked.unsaved)

    def add(self, made: Pass, state: State, scope: Scope, policy: Policy, *, is_look: bool) -> Pass:
        """Return a pass with this part: in a look only where other CPUs are kept for guests than before.

        A pass that is narrowed to a guest or a device moves none of the host's interrupts.
        """
        self._note_returned(made, state)
        if scope != Scope() and not is_look:
            return self.rehearse(made, state, scope, policy)
        if is_look and not self._isolation.is_due(made.frame, made.guests, policy):
            return made
        try:
            looked = self.look(made.frame, made.guests, state, policy, made.holds, counts=not is_look)
        except StateError as error:
            return replace(made, unsaved=made.unsaved or str(error))
        except (HostUnreadable, OSError) as error:  # what was done for guests is reported in any case
            return replace(made, isolated=Isolated(policy.isolation.mode.value, trouble=str(error)))
        drifts, unsaved = [*made.drifts, *looked.drifts], made.unsaved or looked.unsaved
        return replace(made, isolated=looked.isolated, drifts=drifts, unsaved=unsaved)

    def _note_returned(self, made: Pass, state: State) -> None:
        """Tell isolation which interrupts of guests were given back; while no default is narrowed, nobody asks."""
        for part in () if state.default is None else made.parts.values():
            self._isolation.note_returned(part.results)

    def rehearse(self, made: Pass, state: State, scope: Scope, policy: Policy) -> Pass:
        """Return a pass with what would be found and done; where it is narrowed, only what concerns its guests."""
        is_whole = scope == Scope()
        looked = self._isolation.rehearse(made.frame, made.guests, state, policy, made.holds, writes=is_whole)
        isolated = looked.isolated if is_whole else looked.isolated.narrowed(made.draft.covered)
        return replace(made, isolated=isolated)
