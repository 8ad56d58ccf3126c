# SPDX-License-Identifier: Apache-2.0
"""Counts how many of the guests' interrupts arrive at their target, and how many elsewhere, for the metrics."""

import logging
from collections.abc import Callable

from irqaffinity.agent.counters import OUTSIDE, TARGET, Counters
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import Verdict
from irqaffinity.observe.arrivals import ArrivalCounter
from irqaffinity.observe.root import HostRoot, HostUnreadable
from irqaffinity.passes.made import Pass

LOG = logging.getLogger(__name__)

_UNPLACED = frozenset({Verdict.MANAGED, Verdict.IMMOVABLE})
"""Verdicts of interrupts that nobody can put in their place."""


class Arrivals:
    """Counts, at each full pass, the arrivals since the one before. For one thread."""

    def __init__(self, root: HostRoot, counters: Counters, clock: Callable[[], float] | None = None) -> None:
        self._counter = ArrivalCounter(root) if clock is None else ArrivalCounter(root, clock)
        self._counters = counters
        self._trouble = ""

    def count(self, made: Pass) -> None:
        """Count the arrivals of all interrupts whose device and target are the same as in the last pass."""
        lives = _targets(made)
        try:
            interval = self._counter.read(lives)
        except HostUnreadable as error:
            if str(error) != self._trouble:
                LOG.warning("the agent cannot count where interrupts arrive: %s", error)
            self._trouble = str(error)
            return
        self._trouble = ""
        total = at_target = 0
        for number, arrived in interval.arrived.items():
            _, target = lives[number]
            total += sum(arrived.values())
            at_target += sum(count for cpu, count in arrived.items() if cpu in target)
        LOG.debug("of %d arrivals of guests' interrupts, %d were outside their target", total, total - at_target)
        self._counters.arrivals[TARGET] += at_target
        self._counters.arrivals[OUTSIDE] += total - at_target


def _targets(made: Pass) -> dict[int, tuple[PciAddress, CpuSet]]:
    """Return the device of each interrupt of a guest that can be placed, and the target of that device."""
    found = {}
    for part in made.parts.values():
        targets = {plan.address: plan.target for plan in part.devices if plan.guest is not None}
        for result in part.results:
            device, target = result.action.device, targets.get(result.action.device)
            if target is not None and not result.action.is_release and result.verdict not in _UNPLACED:
                found[result.action.number] = device, target
    return found
