# SPDX-License-Identifier: Apache-2.0
"""Samples the interrupts that arrive, and compares them with the places that a pass gave them."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from irqaffinity.model.arrivals import Interval
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.verdict import Verdict
from irqaffinity.observe.arrivals import ArrivalCounter
from irqaffinity.observe.host_interrupts import HostInterrupts
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.made import Pass
from irqaffinity.plan.kept import find_kept
from irqaffinity.report.arrivals import describe_arrivals
from irqaffinity.report.places import Found, Places


def sample_arrivals(
    root: HostRoot,
    made: Pass,
    dedicated_cpus: CpuSet | None,
    seconds: float,
    wait: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Return what arrived within the next `seconds`, as `top --once -f json` prints it; raise HostUnreadable."""
    places = place(root, made, dedicated_cpus)
    counter = ArrivalCounter(root)
    counter.read()
    wait(seconds)
    return describe(places, counter.read())


def place(root: HostRoot, made: Pass, dedicated_cpus: CpuSet | None) -> Places:
    """Return where interrupts belong by a pass; raise HostUnreadable.

    `dedicated_cpus` is `[placement] dedicated_cpus`.
    """
    interrupts = _interrupts(made)
    kept = find_kept(made.frame.occupancy, made.guests.values(), dedicated_cpus)
    found = _host_interrupts(root, made, interrupts) | _guests_interrupts(made)
    return Places.of(made.outcome, interrupts, made.frame.topology.online, kept, found)


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


def _guests_interrupts(made: Pass) -> dict[int, Found]:
    """Return the interrupts of guests by number, with whether they can be moved."""
    found = {
        interrupt.number: Found(str(address), interrupt.writable)
        for address, device in made.draft.devices.items()
        for interrupt in device.interrupts
    }
    for result in made.outcome.results:
        if result.verdict in (Verdict.MANAGED, Verdict.IMMOVABLE):
            found[result.action.number] = Found(str(result.action.device), is_movable=False)
    return found


def _host_interrupts(root: HostRoot, made: Pass, of_guests: Mapping[PciAddress, Iterable[int]]) -> dict[int, Found]:
    """Return the host's own interrupts by number, with whether they can be moved; raise HostUnreadable."""
    numbers = {number for each in of_guests.values() for number in each}
    seen = HostInterrupts(root).read(numbers, made.frame.claimants)
    found = {each.interrupt.number: _of_host(each.device, is_movable=each.interrupt.writable) for each in seen}
    for intruder in made.isolated.intruders if made.isolated is not None else ():
        if intruder.owner is None:  # the state may know that the kernel refuses a move
            found[intruder.number] = _of_host(intruder.device, is_movable=intruder.is_movable)
    return found


def _of_host(device: PciAddress, *, is_movable: bool) -> Found:
    return Found(None if device == NO_DEVICE else str(device), is_movable)
