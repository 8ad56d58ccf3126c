# SPDX-License-Identifier: Apache-2.0
"""Counts what arrived between two full passes, once for all who want to know it."""

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace

from irqaffinity.model.arrivals import Interval
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.isolation import Intruder
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import Verdict
from irqaffinity.observe.arrivals import ArrivalCounter
from irqaffinity.observe.root import HostRoot, HostUnreadable
from irqaffinity.passes.made import Counted, Pass
from irqaffinity.report.outcome import Part

LOG = logging.getLogger(__name__)

_UNPLACED = frozenset({Verdict.MANAGED, Verdict.IMMOVABLE})
"""Verdicts of interrupts that nobody can put in their place."""


class Counting:
    """Counts the arrivals of the intruders that a pass has found, and of guests' interrupts where `counts_guests`.

    It counts only where it `is_on`: one pass alone has no pass before it to compare with.
    For any number of threads: a count takes long where there are many interrupts, and holds up no pass.
    """

    def __init__(self, root: HostRoot, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_on = self.counts_guests = False
        self._counter = ArrivalCounter(root, clock)
        self._trouble = ""
        self._lock = threading.Lock()

    def count(self, made: Pass, rows: int | None = None) -> Pass:
        """Return a full pass with what arrived since the last call, also in its intruders.

        `rows` is how many interrupts the host has, where that is known. What cannot be counted is unknown, and said
        once.
        """
        if not self.is_on:
            return made
        intruders = () if made.isolated is None else made.isolated.intruders
        targets = _find_targets(made.parts.values()) if self.counts_guests else {}
        lives: dict[int, Hashable] = {intruder.number: (intruder.device, intruder.name) for intruder in intruders}
        lives.update(targets)
        with self._lock:
            interval = self._read(lives, rows)
        if interval is None:
            return made
        isolated = made.isolated and replace(made.isolated, intruders=tell_arrivals(intruders, interval))
        targets_of = {number: target for number, (_, target) in targets.items()}
        return replace(made, counted=Counted(interval, targets_of), isolated=isolated)

    def _read(self, lives: Mapping[int, Hashable], rows: int | None) -> Interval | None:
        """Return what arrived, None where there is nothing to count or it cannot be counted."""
        if not lives:
            self._counter.forget()
            return None
        try:
            interval = self._counter.read(lives, rows, with_names=False)
        except HostUnreadable as error:
            if str(error) != self._trouble:
                level = logging.WARNING if self.counts_guests else logging.INFO
                LOG.log(level, "the arrivals of interrupts cannot be counted: %s", error)
            self._trouble = str(error)
            return None
        self._trouble = ""
        return interval


def tell_arrivals(intruders: Iterable[Intruder], interval: Interval) -> tuple[Intruder, ...]:
    """Return intruders with how many arrived on the kept CPUs that they come to; one that is new has no count yet."""
    return tuple(
        intruder._replace(arrived=_arrived_on(intruder.cpus, interval.arrived.get(intruder.number)))
        for intruder in intruders
    )


def _arrived_on(cpus: CpuSet, arrived: Mapping[int, int] | None) -> int | None:
    return None if arrived is None else sum(count for cpu, count in arrived.items() if cpu in cpus)


def _find_targets(parts: Iterable[Part]) -> dict[int, tuple[PciAddress, CpuSet]]:
    """Return the device of each interrupt of a guest that can be placed, and the target of that device."""
    found = {}
    for part in parts:
        targets = {plan.address: plan.target for plan in part.devices if plan.guest is not None}
        for result in part.results:
            device, target = result.action.device, targets.get(result.action.device)
            if target is not None and not result.action.is_release and result.verdict not in _UNPLACED:
                found[result.action.number] = device, target
    return found
