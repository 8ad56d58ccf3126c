# SPDX-License-Identifier: Apache-2.0
"""Samples the interrupts that arrive, and compares them with the places that a pass gave them."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from irqaffinity.model.arrivals import Interval
from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.arrivals import ArrivalCounter
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.made import Pass
from irqaffinity.report.arrivals import Places, describe_arrivals


def sample_arrivals(
    root: HostRoot, made: Pass, seconds: float, wait: Callable[[float], None] = time.sleep
) -> dict[str, Any]:
    """Return what arrived within the next `seconds`, as `top --once -f json` prints it; raise HostUnreadable."""
    counter = ArrivalCounter(root)
    counter.read()
    wait(seconds)
    return describe(place(made), counter.read())


def place(made: Pass) -> Places:
    """Return where interrupts belong by a pass."""
    return Places.of(made.outcome, _interrupts(made), made.frame.topology.online)


def describe(places: Places, interval: Interval) -> dict[str, Any]:
    """Return what arrived in an interval that ends now."""
    return describe_arrivals(places, interval, datetime.now(timezone.utc))


def _interrupts(made: Pass) -> Mapping[PciAddress, Iterable[int]]:
    """Return the interrupts of each device of a pass, also those that have no place."""
    found: dict[PciAddress, set[int]] = {}
    for result in made.outcome.results:
        found.setdefault(result.action.device, set()).add(result.action.number)
    for address, device in made.draft.devices.items():
        found.setdefault(address, set()).update(interrupt.number for interrupt in device.interrupts)
    return found
