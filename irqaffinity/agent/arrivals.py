# SPDX-License-Identifier: Apache-2.0
"""Counts how many of the guests' interrupts arrive at their target, and how many elsewhere, for the metrics."""

import logging

from irqaffinity.agent.counters import OUTSIDE, TARGET, Counters
from irqaffinity.passes.made import Pass

LOG = logging.getLogger(__name__)


def count_arrivals(counters: Counters, made: Pass) -> None:
    """Add what a full pass has counted; nothing where it could not count."""
    if made.counted is None:
        return
    interval, targets = made.counted
    total = at_target = 0
    for number, target in targets.items():
        arrived = interval.arrived.get(number, {})
        total += sum(arrived.values())
        at_target += sum(count for cpu, count in arrived.items() if cpu in target)
    LOG.debug("of %d arrivals of guests' interrupts, %d were outside their target", total, total - at_target)
    counters.arrivals[TARGET] += at_target
    counters.arrivals[OUTSIDE] += total - at_target
