# SPDX-License-Identifier: Apache-2.0
"""Decides for one interrupt of the host whether it leaves the kept CPUs, where it goes, and when it comes back.

The default affinity is one of them. The first line that applies decides:

====================================================  ========================================================
it cannot be moved                                    its record goes
its record is of another driver or handler            that record goes, and it counts as one without a record
it has the narrowed default, not by its record        it gets one whose original is the wide default
somebody else moved it, and not onto kept CPUs        its record goes, and nothing is written
somebody else set the default affinity                its record goes: that is its original now
it has no record and no kept CPU                      it is left alone
all that is left of its original is offline           it goes to, or stays on, the housekeeping CPUs
not all kept CPUs are known                           it gets no CPU back
its original has no kept CPU                          it is given back; the record stays until that has worked
too few housekeeping CPUs are online, or nobody       it stays, and so does its record
knows the default affinity
no CPU has room for it                                it stays, and so does its record
otherwise                                             it gets its original without the kept CPUs
====================================================  ========================================================

No CPU is kept from interrupts that `[isolation] leave` names.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import NamedTuple

from irqaffinity.model.action import Action
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST
from irqaffinity.model.host import Topology
from irqaffinity.model.irq import DEFAULT, IrqId
from irqaffinity.model.isolation import HostInterrupt
from irqaffinity.model.record import Fixed, Record
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.headroom import Room
from irqaffinity.plan.intruders import find_fixed
from irqaffinity.plan.newborn import find_origin

NO_ROOM = "each CPU that it may go to has half of its interrupt vectors taken, and isolation fills no CPU further"


class Step(NamedTuple):
    """The record of one interrupt as it has to be before the first write, and what to do with it."""

    record: Record | None
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every interrupt of one plan.

    `kept` are the CPUs to leave, `refuge` the housekeeping CPUs. `is_reset` says that all is given back at once, also
    to CPUs that are offline. Without `may_widen`, not all kept CPUs are known, and no interrupt gets a CPU back.
    `wide` is what an unknown original stands for. `before` and `after` are the record of the default affinity in the
    state and in the plan: what has the former's value was born with it, and what has the latter's value by itself must
    not be taken for that later. `old` are interrupts that were there before, with another first affinity: once CPUs
    are offline, one may look as if it was born with what is left of the default.
    """

    topology: Topology
    room: Room
    kept: CpuSet = CpuSet()
    refuge: CpuSet = CpuSet()
    leave: Sequence[str] = ()
    is_held_up: bool = False
    is_reset: bool = False
    may_widen: bool = True
    wide: CpuSet | None = None
    before: Record | None = None
    after: Record | None = None
    old: Container[int] = ()

    def kept_from(self, found: HostInterrupt) -> CpuSet:
        """Return the CPUs that this interrupt has to leave."""
        if not self.kept or not self.leave:
            return self.kept
        names = [*(found.interrupt.action or "").split(","), *([found.driver] if found.driver else [])]
        is_left = any(fnmatchcase(name, pattern) for pattern in self.leave for name in names)
        return CpuSet() if is_left else self.kept

    def find_place(self, base: CpuSet, kept: CpuSet, node: int | None) -> CpuSet:
        """Return what is left of `base`, or the refuge where none of that is online; empty where there is no refuge.

        Of the refuge, the CPUs on the device's NUMA node serve first.
        """
        rest = base - kept
        if rest & self.topology.online or self.is_reset:
            return rest
        near = CpuSet() if node is None else self.refuge & self.topology.nodes.get(node, CpuSet())
        return near or self.refuge

    def hold(self, place: CpuSet, written: CpuSet, kept: CpuSet) -> CpuSet:
        """Return a place without CPUs that `written` does not have, where not all kept CPUs are known."""
        if self.may_widen or place <= written:
            return place
        held = (place & written) or written - kept
        return held if held & self.topology.online else place

    def is_like_newborn(self, found: HostInterrupt, smp: CpuSet) -> bool:
        """Tell whether a later pass would take an interrupt with the affinity `smp` for one born with the default."""
        with_it = found._replace(interrupt=found.interrupt._replace(smp=smp))
        return find_origin(with_it, self.after, self.topology) is not None


def plan_one(rules: Rules, found: HostInterrupt, known: Record | None, fixed: Mapping[IrqId, Fixed]) -> Step:
    """Decide for one interrupt, or for the default affinity, by the record that the state has of it."""
    if find_fixed(found, fixed) is not None:
        return Step(None)
    kept, smp = rules.kept_from(found), found.interrupt.smp
    step = _follow(rules, found, known, kept) if known is not None and _is_of(known, found) else None
    if step is None and (adopted := _adopt(rules, found)) is not None:
        step = _follow(rules, found, adopted, kept)
    if step is not None:
        return step
    if smp is None or not smp & kept:
        return Step(_mark(rules, found))
    return _move(rules, found, None, smp, rules.find_place(smp, kept, found.numa_node))


def _is_of(record: Record, found: HostInterrupt) -> bool:
    """Tell whether a record is of this interrupt, and not of an earlier one with its number.

    One of which nothing can be read counts as the same.
    """
    if found.is_unread:
        return True
    return record.driver == found.driver and record.action in (None, found.interrupt.action or "")


def _adopt(rules: Rules, found: HostInterrupt) -> Record | None:
    """Return the record of an interrupt that was born with the narrowed default; None for any other."""
    if found.interrupt.number in rules.old:
        return None
    smp, origin = found.interrupt.smp, find_origin(found, rules.before, rules.topology)
    return None if smp is None or origin is None else _new_record(found, origin, smp)


def _mark(rules: Rules, found: HostInterrupt) -> Record | None:
    """Return a record for an interrupt that has by itself what the default is narrowed to; None for any other."""
    smp = found.interrupt.smp
    return _new_record(found, smp, smp) if smp and rules.is_like_newborn(found, smp) else None


def _has_drifted(found: HostInterrupt, smp: CpuSet, kept: CpuSet, base: CpuSet | None, place: CpuSet) -> bool:
    """Tell whether somebody else put an interrupt that has to stay away onto a kept CPU."""
    return found.interrupt.number != DEFAULT.number and bool(smp & kept) and place != base


def _follow(rules: Rules, found: HostInterrupt, record: Record, kept: CpuSet) -> Step | None:
    """Do what the record asks for; return None where somebody else moved the interrupt, and not onto kept CPUs."""
    base, smp = record.original or rules.wide, found.interrupt.smp
    place = rules.find_place(base, kept, found.numa_node) if base else CpuSet()
    if not (smp is None or record.accounts_for(smp) or _has_drifted(found, smp, kept, base, place)):
        return None
    if base is None:
        return Step(record)
    place = rules.hold(place, record.written, kept)
    if place == base:
        return _give_back(rules, found, record, base)
    return _move(rules, found, record, base, place)


def _give_back(rules: Rules, found: HostInterrupt, record: Record, base: CpuSet) -> Step:
    """Give back the original; the record stays where the original is what the default is narrowed to.

    The record of the default affinity stays until the next plan, too: what is born while the default is given back is
    known by it.
    """
    smp = found.interrupt.smp
    is_default = found.interrupt.number == DEFAULT.number and smp != base and not rules.is_reset
    if smp is not None and (is_default or rules.is_like_newborn(found, base)):
        return Step(_next_record(found, record, base), None if smp == base else _action(found, base))
    if smp == base:
        return Step(None)
    offline = None if base & rules.topology.online else Verdict.OFFLINE
    return Step(record, _action(found, base)._replace(is_release=True, foregone=offline))


def _move(rules: Rules, found: HostInterrupt, record: Record | None, base: CpuSet, place: CpuSet) -> Step:
    """Move an interrupt to its place; `base` is its original. One that cannot be read keeps its record as it is."""
    smp, effective = found.interrupt.smp, found.interrupt.effective
    if not place or (rules.is_held_up and smp != place):
        return Step(record)
    action = _action(found, place)
    if smp is None:
        return Step(record, action)
    if smp != place and found.interrupt.number != DEFAULT.number and not rules.room.take(place, effective):
        return Step(record, action._replace(foregone=Verdict.NO_VECTOR, message=NO_ROOM))
    return Step(_new_record(found, base, place) if record is None else _next_record(found, record, place), action)


def _new_record(found: HostInterrupt, original: CpuSet, written: CpuSet) -> Record:
    return Record(HOST, found.driver, original, written, action=found.interrupt.action or "")


def _next_record(found: HostInterrupt, record: Record, written: CpuSet) -> Record:
    """Return the record with another value; the one that the interrupt still has is kept beside it, if it is ours."""
    smp, action = found.interrupt.smp, found.interrupt.action or ""
    if record.written == written:
        return replace(record, action=action, spread_over=None, next_cpu=False)
    previous = smp if smp and record.accounts_for(smp) else record.written
    return replace(record, written=written, previous=previous, action=action, spread_over=None, next_cpu=False)


def _action(found: HostInterrupt, target: CpuSet) -> Action:
    number, smp, effective = found.interrupt.number, found.interrupt.smp, found.interrupt.effective
    return Action(
        number, found.device, HOST, smp, effective, target, driver=found.driver, handler=found.interrupt.action or ""
    )
