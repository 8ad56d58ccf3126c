# SPDX-License-Identifier: Apache-2.0
"""What a look at the host's own interrupts has found, and what is left of it when all is done."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from irqaffinity.model.action import Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.irq import DEFAULT, IrqId
from irqaffinity.model.isolation import HostInterrupt, Intruder, Isolated, Kept
from irqaffinity.model.pci import NO_DEVICE
from irqaffinity.model.record import State
from irqaffinity.model.verdict import Verdict
from irqaffinity.passes.footprints import Footprint
from irqaffinity.plan.frame import Frame
from irqaffinity.plan.intruders import guests_intruders
from irqaffinity.plan.isolate import IsolationPlan

_FIXED = frozenset({Verdict.MANAGED, Verdict.IMMOVABLE})
"""Verdicts on interrupts that cannot be moved."""

_QUIET = frozenset({Verdict.OK, Verdict.GONE}) | _FIXED
"""Verdicts on which there is nothing to say: the report does not list these interrupts of the host."""


class HostSight(NamedTuple):
    """What is to be done, and the report without what was done; `shown.intruders` are guests' interrupts alone."""

    plan: IsolationPlan
    shown: Isolated
    names: Mapping[int, str]

    def report(self, results: Sequence[Result], state: State) -> Isolated:
        """Return the report after these results, with the state as it is after them."""
        by_irq = {result.action.irq: result for result in results}
        found = [_after(intruder, by_irq.get(intruder.irq), self.shown.kept) for intruder in self.plan.intruders]
        intruders = sorted(
            (intruder for intruder in (*found, *_foreign(self.shown.intruders, state)) if intruder is not None),
            key=lambda intruder: intruder.number,
        )
        told = tuple(result for result in results if result.verdict not in _QUIET)
        names = {result.action.number: self.names.get(result.action.number, "") for result in told}
        moved = _count_moved(state, by_irq)
        return replace(self.shown, intruders=tuple(intruders), results=told, moved=moved, names=names)


def _count_moved(state: State, results: Mapping[IrqId, Result]) -> int:
    """Return how many interrupts of the host have other CPUs than they had: one that refused to move has not."""
    return sum(
        record.owner == HOST and record.original != record.written and not _has(record.original, results.get(irq))
        for device in state.devices_of(HOST)
        for number, record in state.records[device].items()
        if (irq := IrqId(device, number)) != DEFAULT
    )


def find_recorded(state: State) -> set[int]:
    """Return the numbers of the interrupts of devices of which the host has a record."""
    return {number for device in state.devices_of(HOST) for number in state.records[device]}


def may_be_a_guests(interrupt: HostInterrupt, frame: Frame) -> bool:
    """Tell whether a guest may have an interrupt of vfio: one that cannot be read, or whose devices are not all known.

    Where no device lists an interrupt of vfio, nobody knows whose it is.
    """
    is_vfio = any(name.startswith("vfio-") for name in (interrupt.interrupt.action or "").split(","))
    return is_vfio and (interrupt.device == NO_DEVICE or bool(frame.unknown))


def _has(cpus: CpuSet | None, result: Result | None) -> bool:
    """Tell whether an interrupt has these CPUs after all that was done."""
    return result is not None and result.smp is not None and result.smp == cpus


def _foreign(intruders: Iterable[Intruder], state: State) -> Iterator[Intruder]:
    """Give guests' intruders, with the verdict on those that turned out not to be movable."""
    for intruder in intruders:
        known = state.fixed.get(intruder.irq)
        if known is not None and known.action == intruder.name:
            yield intruder._replace(is_movable=False, verdict=known.verdict)
        else:
            yield intruder


def _after(intruder: Intruder, result: Result | None, kept: Kept) -> Intruder | None:
    """Return an intruder with what was done with it, None where it no longer is one."""
    if result is None or result.action.is_release:
        return intruder
    comes_to = (result.smp if result.effective is None else result.effective) or CpuSet()
    if result.was_written and not comes_to & kept.cpus:
        return None
    if result.verdict in _FIXED:
        return intruder._replace(is_movable=False, target=None, verdict=result.verdict)
    return intruder._replace(target=result.asked, verdict=result.verdict)


def find_foreign(footprints: Mapping[GuestId, Footprint], kept: Kept) -> Iterator[Intruder]:
    """Give the interrupts of guests that come to other guests' CPUs alone."""
    own: dict[GuestId, list[int]] = defaultdict(list)
    for cpu, owners in kept.owners.items():
        for uuid in owners:
            own[uuid].append(cpu)
    for uuid, footprint in footprints.items():
        if footprint.cpus & (kept.cpus - CpuSet(own.get(uuid, ()))):
            yield from guests_intruders(kept, ((uuid, interrupt, at) for at, interrupt in footprint.interrupts))
