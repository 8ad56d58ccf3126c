# SPDX-License-Identifier: Apache-2.0
"""The part of a pass that is about the host's own interrupts: it looks at them, and keeps them off the guests' CPUs."""

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from irqaffinity.apply.execute import Execution, rehearse
from irqaffinity.apply.writer import DryRunWriter
from irqaffinity.guests.drift import Drift
from irqaffinity.guests.life import Lives
from irqaffinity.model.action import Result
from irqaffinity.model.balance import Bans
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.irq import DEFAULT
from irqaffinity.model.isolation import HostInterrupt, Intruder, Isolated, Kept, VectorUse
from irqaffinity.model.pci import NO_DEVICE
from irqaffinity.model.record import State
from irqaffinity.model.verdict import Verdict
from irqaffinity.observe.guests import Seen
from irqaffinity.observe.host_interrupts import HostInterrupts
from irqaffinity.observe.procfs import read_default_affinity
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.vector_use import read_vector_use
from irqaffinity.passes.finish import Finish
from irqaffinity.passes.footprints import Footprint, Footprints
from irqaffinity.plan.frame import Frame
from irqaffinity.plan.headroom import count_vectors, find_headroom
from irqaffinity.plan.intruders import guests_intruders
from irqaffinity.plan.isolate import IsolationPlan, give_back_all, isolate
from irqaffinity.plan.kept import find_housekeeping, find_kept
from irqaffinity.plan.policy import IsolationMode, Policy
from irqaffinity.state.store import Keeper

VECTORS = 202
"""How many interrupt vectors an x86 CPU has for devices, about (Linux, arch/x86/include/asm/irq_vectors.h)."""

X86 = frozenset({"x86_64", "i686", "i586", "i386"})
_QUIET = frozenset({Verdict.OK, Verdict.MANAGED, Verdict.IMMOVABLE, Verdict.GONE})
"""Verdicts on which there is nothing to say: the report does not list these interrupts of the host."""


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
        self._footprints = Footprints(lives)
        self._reader = HostInterrupts(root)
        self._frame: Frame | None = None
        self._kept = Kept()
        self._last: tuple[Kept, Policy] | None = None
        self._stirred: set[int] = set()

    @property
    def total(self) -> int | None:
        """How many interrupts the host had at the last look, with the guests' own; None before the first one."""
        return self._reader.total

    def kept(self, frame: Frame, guests: Seen, policy: Policy) -> Kept:
        """Return the CPUs that are kept for guests; the same object while nothing between the guests has changed."""
        if frame is not self._frame:
            found = find_kept(frame.occupancy, guests.values(), policy.dedicated_cpus)
            self._frame, self._kept = frame, self._kept if found == self._kept else found
        return self._kept

    def bans(self) -> Bans | None:
        """Return the CPUs of guests and all interrupts of theirs as of the last passes, None before the first look."""
        if self._last is None:
            return None
        footprints = self._footprints.take().values()
        numbers = {interrupt.number for each in footprints for _, interrupt in each.interrupts}
        return Bans(self._kept.cpus, tuple(sorted(numbers)))

    def is_due(self, frame: Frame, guests: Seen, policy: Policy) -> bool:
        """Tell whether a pass that is not a full one has to look at the host's interrupts: other CPUs are kept now."""
        if self._last is None or policy.isolation.mode is not IsolationMode.ENFORCE:
            return False
        return self._last != (self.kept(frame, guests, policy), policy)

    def stir(self, numbers: Collection[int]) -> None:
        """Note that interrupts of these numbers were born or have ended."""
        self._reader.forget(numbers)
        self._stirred.update(numbers)

    def look(self, frame: Frame, guests: Seen, state: State, policy: Policy) -> Looked:
        """Look at the host's interrupts and do what the policy says; raise HostUnreadable and StateError.

        After StateError nothing was written.
        """
        kept = self.kept(frame, guests, policy)
        if self._has_nothing_to_do(policy, state):
            self._last = kept, policy
            return Looked(Isolated(policy.isolation.mode.value))
        sight = self._see(frame, kept, state, policy)
        done, unsaved = self._carry_out(sight.plan, state)
        stirred, self._stirred, self._last = frozenset(self._stirred), set(), (kept, policy)
        return Looked(sight.report(done.results, state), done.results, stirred, unsaved)

    def give_back(self, frame: Frame, state: State, policy: Policy) -> Looked:
        """Give back all that the state says was moved of the host; raise as `look`."""
        nothing = Isolated(policy.isolation.mode.value)
        if HOST not in state.owners:
            return Looked(nothing)
        interrupts = self._reader.read((), ())
        plan = give_back_all(interrupts, frame.topology, state, read_default_affinity(self._root))
        done, unsaved = self._carry_out(plan, state)
        names = {seen.interrupt.number: seen.interrupt.action or "" for seen in interrupts}
        return Looked(_Sight(plan, nothing, names).report(done.results, state), done.results, unsaved=unsaved)

    def _carry_out(self, plan: IsolationPlan, state: State) -> tuple[Execution, str | None]:
        """Return what was done, and why what was learned from it could not be stored, or None; raise StateError."""
        if plan.changes:
            self._keeper.save(plan.changes)
        if not plan.actions:
            return Execution((), Changes()), None
        done = self._finish.execute(plan.actions, HOST, state)
        return done, self._finish.learn([done])

    def rehearse(self, frame: Frame, guests: Seen, state: State, policy: Policy, *, writes: bool = True) -> Looked:
        """Return what `look` would do; where it `writes` nothing anyhow, only what it would find."""
        kept = self.kept(frame, guests, policy)
        if self._has_nothing_to_do(policy, state):
            return Looked(Isolated(policy.isolation.mode.value))
        sight = self._see(frame, kept, state, policy)
        done = rehearse(sight.plan.actions if writes else (), DryRunWriter())
        return Looked(sight.report(done.results, state), done.results)

    @staticmethod
    def _has_nothing_to_do(policy: Policy, state: State) -> bool:
        return policy.isolation.mode is IsolationMode.OFF and HOST not in state.owners

    def _see(self, frame: Frame, kept: Kept, state: State, policy: Policy) -> "_Sight":
        footprints = self._footprints.take()
        interrupts = [
            interrupt
            for interrupt in self._reader.read(self._footprints.numbers, frame.claimants)
            if not _may_be_a_guests(interrupt, frame)
        ]
        use = self._count_vectors(frame.topology.online, interrupts, footprints.values())
        housekeeping = find_housekeeping(frame.topology, policy)
        default = read_default_affinity(self._root)
        plan = isolate(
            interrupts, kept, housekeeping, frame.topology, state, default, use, policy.isolation, frame.claimants
        )
        foreign = tuple(_foreign(footprints, kept))
        headroom = find_headroom(frame.topology, use)
        shown = Isolated(policy.isolation.mode.value, kept, housekeeping, foreign, (), headroom, plan.trouble)
        return _Sight(plan, shown, {seen.interrupt.number: seen.interrupt.action or "" for seen in interrupts})

    def _count_vectors(
        self, online: CpuSet, interrupts: Sequence[HostInterrupt], footprints: Iterable[Footprint]
    ) -> VectorUse:
        """Return how many vectors of each CPU are taken; only on x86 there is such a limit."""
        exact = read_vector_use(self._root)
        if exact is not None or os.uname().machine not in X86:
            return exact or VectorUse()
        use = count_vectors(online, [seen.interrupt for seen in interrupts], VECTORS)
        used = dict(use.used)
        for footprint in footprints:
            for cpus, count in footprint.loads.items():
                for cpu in cpus & online:
                    used[cpu] += count
        return use._replace(used=used)


class _Sight(NamedTuple):
    """What is to be done, and the report without what was done; `shown.intruders` are guests' interrupts alone."""

    plan: IsolationPlan
    shown: Isolated
    names: Mapping[int, str]

    def report(self, results: Sequence[Result], state: State) -> Isolated:
        """Return the report after these results, with the state as it is after them."""
        by_irq = {result.action.irq: result for result in results}
        found = [_after(intruder, by_irq.get(intruder.irq), self.shown.kept) for intruder in self.plan.intruders]
        intruders = sorted(
            (intruder for intruder in (*found, *self.shown.intruders) if intruder is not None),
            key=lambda intruder: intruder.number,
        )
        told = tuple(result for result in results if result.verdict not in _QUIET)
        names = {result.action.number: self.names.get(result.action.number, "") for result in told}
        owners = (record.owner for of_device in state.records.values() for record in of_device.values())
        moved = Counter(owners)[HOST] - (DEFAULT.number in state.records.get(NO_DEVICE, {}))
        return replace(self.shown, intruders=tuple(intruders), results=told, moved=moved, names=names)


def _may_be_a_guests(interrupt: HostInterrupt, frame: Frame) -> bool:
    """Tell whether a guest may have an interrupt of vfio: one that cannot be read, or whose devices are not all known.

    Where no device lists an interrupt of vfio, nobody knows whose it is.
    """
    is_vfio = (interrupt.interrupt.action or "").startswith("vfio-")
    return is_vfio and (interrupt.device == NO_DEVICE or bool(frame.unknown))


def _after(intruder: Intruder, result: Result | None, kept: Kept) -> Intruder | None:
    """Return an intruder with what was done with it, None where it no longer is one."""
    if result is None:
        return intruder
    comes_to = (result.smp if result.effective is None else result.effective) or CpuSet()
    if result.was_written and not comes_to & kept.cpus:
        return None
    return intruder._replace(target=result.asked, verdict=result.verdict)


def _foreign(footprints: Mapping[GuestId, Footprint], kept: Kept) -> Iterator[Intruder]:
    """Give the interrupts of guests that come to other guests' CPUs alone."""
    own: dict[GuestId, list[int]] = defaultdict(list)
    for cpu, owners in kept.owners.items():
        for uuid in owners:
            own[uuid].append(cpu)
    for uuid, footprint in footprints.items():
        if footprint.cpus & (kept.cpus - CpuSet(own.get(uuid, ()))):
            yield from guests_intruders(kept, ((uuid, interrupt, at) for at, interrupt in footprint.interrupts))
