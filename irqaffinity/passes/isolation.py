# SPDX-License-Identifier: Apache-2.0
"""The part of a pass that is about the host's own interrupts: it looks at them, and keeps them off the guests' CPUs."""

import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from irqaffinity.apply.execute import Execution, Save, rehearse
from irqaffinity.apply.writer import DryRunWriter
from irqaffinity.guests.drift import Drift
from irqaffinity.guests.life import Lives
from irqaffinity.model.action import Result
from irqaffinity.model.balance import Bans
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST
from irqaffinity.model.hold import Hold
from irqaffinity.model.host import Topology
from irqaffinity.model.isolation import HostInterrupt, Intruder, Isolated, Kept
from irqaffinity.model.pci import NO_DEVICE
from irqaffinity.model.record import Changes, State
from irqaffinity.observe.guests import Seen
from irqaffinity.observe.host_interrupts import HostInterrupts
from irqaffinity.observe.procfs import read_default_affinity
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import action_name
from irqaffinity.passes.finish import Finish
from irqaffinity.passes.footprints import Footprints
from irqaffinity.passes.host_sight import HostSight, find_foreign, find_recorded, may_be_a_guests
from irqaffinity.passes.vectors import count_use
from irqaffinity.plan.frame import Frame
from irqaffinity.plan.headroom import find_headroom, find_shortages
from irqaffinity.plan.hold import hold_isolation
from irqaffinity.plan.isolate import IsolationPlan, give_back_all, isolate
from irqaffinity.plan.kept import find_housekeeping, find_kept
from irqaffinity.plan.newborn import find_ended
from irqaffinity.plan.policy import IsolationMode, Policy
from irqaffinity.state.store import Keeper

_MOST_NAMES = 256
"""The most names of guests' interrupts that are read in one pass: each is a file."""


class Looked(NamedTuple):
    """What was found and done.

    `results` has each interrupt that has a record, `stirred` are the numbers of those that are new since the last look.
    `unsaved` is why what was learned could not be stored, if so. `drifts` are interrupts that somebody had moved.
    """

    isolated: Isolated
    results: tuple[Result, ...] = ()
    stirred: frozenset[int] = frozenset()
    unsaved: str | None = None
    drifts: tuple[Drift, ...] = ()


class Isolation:
    """The host's own interrupts, from one pass to the next. The caller makes no other pass meanwhile."""

    def __init__(self, root: HostRoot, keeper: Keeper, finish: Finish, lives: Lives) -> None:
        self._root = root
        self._keeper = keeper
        self._finish = finish
        self._lives = lives
        self._footprints = Footprints(root, lives)
        self._reader = HostInterrupts(root)
        self._frame: Frame | None = None
        self._kept = Kept()
        self._last: tuple[Kept, Policy] | None = None
        self._is_short = False
        self._banned: tuple[AbstractSet[int], tuple[int, ...]] = frozenset(), ()
        self._stirred: set[int] = set()
        self._ended: set[int] = set()
        self._old: frozenset[int] = frozenset()

    @property
    def total(self) -> int | None:
        """How many interrupts the host had at the last look, with the guests' own; None before the first one."""
        return self._reader.total

    @property
    def has_looked(self) -> bool:
        """Whether a pass that knew the guests from libvirt has looked: before that, no CPU seems to be kept."""
        return self._last is not None

    def kept(self, frame: Frame, guests: Seen, policy: Policy) -> Kept:
        """Return the CPUs that are kept for guests; the same object while nothing between the guests has changed."""
        if frame is not self._frame:
            found = find_kept(frame.occupancy, guests.values(), policy.dedicated_cpus)
            self._frame, self._kept = frame, self._kept if found == self._kept else found
        return self._kept

    def bans(self) -> Bans | None:
        """Return the CPUs of guests and all interrupts of theirs as of the last passes, None before the first look.

        With too few housekeeping CPUs it has no CPU: irqbalance would move to these what the passes do not.
        """
        if not self.has_looked:
            return None
        self._footprints.take()
        numbers = self._footprints.numbers
        if numbers is not self._banned[0]:
            self._banned = numbers, tuple(sorted(numbers))
        return Bans(CpuSet() if self._is_short else self._kept.cpus, self._banned[1])

    def is_due(self, frame: Frame, guests: Seen, policy: Policy) -> bool:
        """Tell whether a pass that is not a full one has to look at the host's interrupts: other CPUs are kept now."""
        if not self.has_looked or policy.isolation.mode is not IsolationMode.ENFORCE:
            return False
        return self._last != (self.kept(frame, guests, policy), policy)

    def stir(self, numbers: Collection[int]) -> None:
        """Note that interrupts of these numbers have ended."""
        self._reader.forget(numbers)
        self._stirred.update(numbers)
        self._ended.update(numbers)

    def meet(self, number: int) -> None:
        """Note that an interrupt was born that may be one of the host's."""
        self._reader.forget([number])
        self._stirred.add(number)
        self._footprints.meet(number)

    def note_returned(self, results: Iterable[Result]) -> None:
        """Note which interrupts a guest has given back: what they have now, they were not born with."""
        self._old |= {result.action.number for result in results if result.action.is_release}

    def look(self, frame: Frame, guests: Seen, state: State, policy: Policy, holds: Sequence[Hold]) -> Looked:
        """Look at the host's interrupts and do what the policy and the holds say; raise HostUnreadable and StateError.

        After StateError nothing was written.
        """
        kept = self.kept(frame, guests, policy)
        if self._has_nothing_to_do(policy, state):
            self._last = kept, policy
            return Looked(Isolated(policy.isolation.mode.value))
        sight = self._see(frame, kept, state, policy, holds, self._keeper.save)
        self._is_short = sight.plan.is_short
        done, unsaved = self._carry_out(sight.plan, state)
        self._old = frozenset(sight.names.keys() - find_recorded(state))
        stirred, self._stirred, self._ended, self._last = frozenset(self._stirred), set(), set(), (kept, policy)
        return Looked(sight.report(done.results, state), done.results, stirred, unsaved)

    def give_back(self, frame: Frame, state: State, policy: Policy) -> Looked:
        """Give back all that the state says was moved of the host; raise as `look`."""
        nothing = Isolated(policy.isolation.mode.value)
        if HOST not in state.owners:
            return Looked(nothing)
        interrupts = self._reader.read((), ())
        default = read_default_affinity(self._root)
        plan = give_back_all(interrupts, frame.topology, state, default, self._old - self._stirred)
        done, unsaved = self._carry_out(plan, state)
        names = {seen.interrupt.number: seen.interrupt.action or "" for seen in interrupts}
        return Looked(HostSight(plan, nothing, names).report(done.results, state), done.results, unsaved=unsaved)

    def _carry_out(self, plan: IsolationPlan, state: State) -> tuple[Execution, str | None]:
        """Return what was done, and why what was learned from it could not be stored, or None; raise StateError."""
        if plan.changes:
            self._keeper.save(plan.changes)
        if not plan.actions:
            return Execution((), Changes()), None
        done = self._finish.execute(plan.actions, HOST, state)
        return done, self._finish.learn([done])

    def rehearse(
        self, frame: Frame, guests: Seen, state: State, policy: Policy, holds: Sequence[Hold], *, writes: bool = True
    ) -> Looked:
        """Return what `look` would do; where it `writes` nothing anyhow, only what it would find."""
        kept = self.kept(frame, guests, policy)
        if self._has_nothing_to_do(policy, state):
            return Looked(Isolated(policy.isolation.mode.value))
        sight = self._see(frame, kept, state, policy, holds, state.apply)
        done = rehearse(sight.plan.actions if writes else (), DryRunWriter())
        return Looked(sight.report(done.results, state), done.results)

    @staticmethod
    def _has_nothing_to_do(policy: Policy, state: State) -> bool:
        return policy.isolation.mode is IsolationMode.OFF and HOST not in state.owners

    def _see(
        self, frame: Frame, kept: Kept, state: State, policy: Policy, holds: Sequence[Hold], forget: Save
    ) -> HostSight:
        footprints = self._footprints.take()
        found = self._reader.read(self._footprints.numbers_now(), frame.claimants)
        self._forget_reborn(found, frame.topology, state, forget)
        doubtful = {interrupt.device for interrupt in found if may_be_a_guests(interrupt, frame)}
        interrupts = [interrupt for interrupt in found if not may_be_a_guests(interrupt, frame)] if doubtful else found
        claimed = frame.claimants.keys() | (doubtful - {NO_DEVICE}) if doubtful else frame.claimants
        use = count_use(self._root, frame.topology.online, interrupts, [each.loads for each in footprints.values()])
        housekeeping = find_housekeeping(frame.topology, policy)
        default = read_default_affinity(self._root)
        plan = isolate(
            interrupts,
            kept,
            housekeeping,
            frame.topology,
            state,
            default,
            use,
            policy.isolation,
            claimed,
            self._old - self._stirred,
        )
        plan = hold_isolation(plan, holds, state) if holds else plan
        foreign = tuple(self._named(find_foreign(footprints, kept)))
        shown = Isolated(
            policy.isolation.mode.value,
            kept,
            housekeeping,
            foreign,
            headroom=find_headroom(frame.topology, use),
            shortages=find_shortages(use, self._find_targets()),
            trouble=plan.trouble,
        )
        return HostSight(plan, shown, {seen.interrupt.number: seen.interrupt.action or "" for seen in interrupts})

    def _named(self, foreign: Iterator[Intruder]) -> Iterator[Intruder]:
        """Give guests' intruders with the names of their handlers, which nobody else reads; many have none."""
        for place, intruder in enumerate(foreign):
            name = intruder.name
            if not name and place < _MOST_NAMES:
                with contextlib.suppress(OSError):
                    name = action_name(self._root, intruder.number)
            yield intruder._replace(name=name)

    def _forget_reborn(self, found: list[HostInterrupt], topology: Topology, state: State, forget: Save) -> None:
        """Forget what is recorded of interrupts of the host that are others now, under the same numbers."""
        self._stirred.update(irq.number for irq in self._reader.reborn)
        self._ended.update(irq.number for irq in self._reader.reborn)
        changes = Changes(
            find_ended(found, self._ended, state, topology),
            {irq: None for irq in self._reader.reborn if irq in state.fixed},
            deferred={irq: None for irq in self._reader.reborn if irq in state.deferred},
        )
        if changes:
            forget(changes)

    def _find_targets(self) -> Iterator[CpuSet]:
        """Give the targets of all guests' devices."""
        for life in self._lives:
            for plan in () if life.decision is None else life.decision.devices:
                if plan.target is not None:
                    yield plan.target
