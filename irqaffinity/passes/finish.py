# SPDX-License-Identifier: Apache-2.0
"""The second half of a pass: it stores originals, writes interrupts, and stores what it learned from that."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from irqaffinity.apply.execute import Execution, execute, rehearse
from irqaffinity.apply.writer import DryRunWriter, Writer
from irqaffinity.guests.life import Life, Lives
from irqaffinity.model.action import Action
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import IrqId
from irqaffinity.model.record import Changes, Record, State
from irqaffinity.model.verdict import Verdict
from irqaffinity.passes.draft import Draft
from irqaffinity.plan.guests import GuestPlan
from irqaffinity.plan.policy import Scope
from irqaffinity.report.log import log_forgotten
from irqaffinity.report.outcome import Part
from irqaffinity.state.folder import StateError
from irqaffinity.state.store import Keeper

_AT_REST = frozenset({Verdict.OK, Verdict.MANAGED, Verdict.IMMOVABLE})
"""Verdicts of interrupts that need nothing while nothing about them changes."""

Parts = dict[GuestId, Part]


class Finish:
    """Carries drafts out on one host."""

    def __init__(self, keeper: Keeper, writer: Writer, lives: Lives) -> None:
        self._keeper = keeper
        self._writer = writer
        self._lives = lives

    def carry_out(self, draft: Draft, scope: Scope, state: State) -> tuple[Parts, str | None]:
        """Do what was decided; return what became of each guest, and why what was learned could not be stored, or None.

        Raises StateError when the originals cannot be stored: then nothing was written.
        """
        log_forgotten(state, _told(draft.work.changes.records, scope, state), draft.devices)
        if draft.work.changes:
            self._keeper.save(draft.work.changes)
        actions, done = draft.work.actions(), {}
        for uuid in sorted(actions):
            done[uuid] = self.execute(actions[uuid], uuid, state)
        unsaved = self.learn(done.values())
        parts = _parts(draft, scope, actions, done, self._lives)
        for uuid in draft.covered:
            if uuid not in draft.unchanged:
                self._remember(self._lives.of(uuid), draft, parts.get(uuid))
        return parts, unsaved

    def execute(self, actions: Iterable[Action], owner: GuestId, state: State) -> Execution:
        """Carry out what is to be done for one guest, whose originals are stored."""
        return execute(actions, state, self._keeper.save, self._writer, self._lives.of(owner).backoff)

    def learn(self, done: Iterable[Execution]) -> str | None:
        """Store what was learned; return why something could not be stored, if so."""
        learned, unsaved = Changes(), None
        for execution in done:
            unsaved = execution.unsaved or unsaved
            learned = learned.then(execution.learned) if execution.learned else learned
        try:
            if learned:
                self._keeper.save(learned)
        except StateError as error:
            return str(error)
        return unsaved

    @staticmethod
    def _remember(life: Life, draft: Draft, part: Part | None) -> None:
        """Keep a guest's decision and part, and what they were made from where nothing is left to be done."""
        life.decision, life.part = draft.decisions[life.uuid], part
        life.decided_from = draft.origins.get(life.uuid, ())
        is_at_rest = part is not None and all(result.verdict in _AT_REST for result in part.results)
        life.basis = draft.bases.get(life.uuid, ()) if is_at_rest else ()


def rehearse_all(draft: Draft, scope: Scope, lives: Lives) -> Parts:
    """Return what `Finish.carry_out` would do."""
    actions = draft.work.actions()
    done = {uuid: rehearse(each, DryRunWriter()) for uuid, each in actions.items()}
    return _parts(draft, scope, actions, done, lives)


def _parts(
    draft: Draft,
    scope: Scope,
    actions: Mapping[GuestId, list[Action]],
    done: Mapping[GuestId, Execution],
    lives: Lives,
) -> Parts:
    """Return what was made of each guest that the pass covers, and of each for which something was given back."""
    parts: Parts = {}
    for uuid in draft.covered:
        life = lives.get(uuid)
        if uuid in draft.unchanged and life is not None and life.part is not None:
            parts[uuid] = life.part
    for uuid in sorted({*draft.covered, *actions} - parts.keys()):
        decision = draft.decisions.get(uuid) if uuid in draft.covered else None
        plans = [] if decision is None else [plan for plan in decision.devices if scope.covers(uuid, plan.address)]
        is_reported = decision is not None and (scope.device is None or plans)
        parts[uuid] = Part(
            _narrowed(decision.guest, scope) if decision is not None and is_reported else None,
            tuple(sorted([*plans, *draft.given_back(actions.get(uuid, ()))], key=lambda plan: plan.address)),
            done[uuid].results if uuid in done else (),
        )
    if scope.guest is not None:
        parts.setdefault(scope.guest, Part(None, (), ()))
    return parts


def _narrowed(guest: GuestPlan, scope: Scope) -> GuestPlan:
    """Return a guest's plan, without its left-out elements where the pass is about one device."""
    return guest if scope.device is None else replace(guest, left_out=())


def _told(changed: Mapping[IrqId, Record | None], scope: Scope, state: State) -> Mapping[IrqId, Record | None]:
    """Return the changes of records that concern what a pass is narrowed to."""
    if scope == Scope():
        return changed
    return {
        irq: record
        for irq, record in changed.items()
        if record is not None or scope.covers(state.records[irq.device][irq.number].owner, irq.device)
    }
