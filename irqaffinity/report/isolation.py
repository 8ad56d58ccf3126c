# SPDX-License-Identifier: Apache-2.0
"""What a pass found and did for the isolation of guests' CPUs, as plain values: a part of the audit and the status."""

from collections.abc import Mapping
from typing import Any

from irqaffinity.model.action import Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import DEFAULT
from irqaffinity.model.isolation import Headroom, Intruder, Isolated
from irqaffinity.model.pci import NO_DEVICE, PciAddress

OFF = "off"
"""The mode in which nobody looks at the host's own interrupts."""


def describe_isolation(isolated: Isolated | None) -> dict[str, Any]:
    """Return the intruders, what was done about them, and the CPUs with the fewest free vectors.

    The intruders of which most arrived come first. Without `isolated`, where no pass has looked at the host's own
    interrupts yet, the mode is null and all lists are empty.
    """
    if isolated is None:
        return {"intruders": [], "isolation": _describe_work(None, None), "headroom": []}
    return {
        "intruders": [_describe_intruder(intruder) for intruder in sorted(isolated.intruders, key=_most_arrived)],
        "isolation": _describe_work(isolated.mode, isolated),
        "headroom": [headroom_row(headroom) for headroom in isolated.headroom],
    }


def _most_arrived(intruder: Intruder) -> tuple[bool, int, int]:
    return intruder.arrived is None, -(intruder.arrived or 0), intruder.number


def _describe_intruder(intruder: Intruder) -> dict[str, Any]:
    return {
        "irq": intruder.number,
        "name": intruder.name,
        "device": _device(intruder.device),
        "cpus": str(intruder.cpus),
        "guests": list(intruder.guests),
        "owner": intruder.owner,
        "movable": intruder.is_movable,
        "arrived": intruder.arrived,
        "target": _cpus(intruder.target),
        "verdict": None if intruder.verdict is None else intruder.verdict.value,
    }


def _describe_work(mode: str | None, isolated: Isolated | None) -> dict[str, Any]:
    results = () if isolated is None else isolated.results
    is_on = isolated is not None and mode != OFF
    default = next((result for result in results if result.action.irq == DEFAULT), None)
    names: Mapping[int, str] = {} if isolated is None else isolated.names
    return {
        "mode": mode,
        "kept": str(isolated.kept.cpus) if is_on and isolated is not None else None,
        "housekeeping": (str(isolated.housekeeping) or None) if is_on and isolated is not None else None,
        "moved": 0 if isolated is None else isolated.moved,
        "message": None if isolated is None else isolated.trouble,
        "default": None if default is None else _describe_default(default),
        "irqs": [describe_moved(result, names) for result in results if result.action.irq != DEFAULT],
    }


def _describe_default(result: Result) -> dict[str, Any]:
    return {
        "current": _cpus(result.action.current),
        "target": str(result.asked),
        "verdict": result.verdict.value,
        "message": result.message,
    }


def describe_moved(result: Result, names: Mapping[int, str]) -> dict[str, Any]:
    """Return the row of one interrupt of the host; `names` are those of handlers, by number."""
    action = result.action
    return {
        "irq": action.number,
        "name": names.get(action.number, result.handler),
        "device": _device(action.device),
        "current": _cpus(action.current),
        "target": str(result.asked),
        "effective": _cpus(result.effective),
        "verdict": result.verdict.value,
        "reason": None if result.reason is None else result.reason.value,
        "message": result.message,
    }


def headroom_row(headroom: Headroom) -> dict[str, Any]:
    """Return the CPU with the fewest free interrupt vectors of a node."""
    return {
        "node": headroom.node,
        "cpu": headroom.cpu,
        "free": headroom.free,
        "capacity": headroom.capacity,
        "exact": headroom.is_exact,
    }


def _device(address: PciAddress) -> str | None:
    return None if address == NO_DEVICE else str(address)


def _cpus(cpus: CpuSet | None) -> str | None:
    return None if cpus is None else str(cpus)
