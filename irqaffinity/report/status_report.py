# SPDX-License-Identifier: Apache-2.0
"""What the agent publishes of itself: schema 1 of status.json, and the same for people."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from irqaffinity.model.action import Result
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import counted, printable
from irqaffinity.model.verdict import FAILED, Verdict
from irqaffinity.plan.targets import DevicePlan
from irqaffinity.report.document import describe_irq
from irqaffinity.report.outcome import Outcome
from irqaffinity.report.table import describe_guest, describe_target, merge_numbers, render_summary, unite

MOST_TROUBLES = 100
"""Interrupts that are listed with what is wrong; the summary counts all of them."""

TIME = "%Y-%m-%dT%H:%M:%SZ"


def describe_placement(outcome: Outcome) -> dict[str, Any]:
    """Return where the interrupts of each guest are, and what is pending or failing and why, as plain values."""
    by_device: dict[PciAddress, list[Result]] = defaultdict(list)
    for result in outcome.results:
        by_device[result.action.device].append(result)
    of_guest: dict[str | None, list[DevicePlan]] = defaultdict(list)
    for device in outcome.devices:
        of_guest[device.guest].append(device)
    return {
        "summary": {**outcome.summary(), "text": render_summary(outcome)},
        "guests": [
            {
                "uuid": guest.uuid,
                "name": guest.name,
                "status": guest.status.value,
                "is_error": guest.status.is_error,
                "text": describe_guest(guest, of_guest[guest.uuid]),
            }
            for guest in outcome.guests
        ],
        "devices": [
            {
                "address": str(device.address),
                "guest": device.guest,
                "numa_node": device.numa_node,
                "irqs": merge_numbers(result.action.number for result in by_device[device.address]),
                "cpus": unite(result.smp for result in by_device[device.address]),
                "verdicts": dict(Counter(result.verdict.value for result in by_device[device.address])),
                "why": describe_target(device),
            }
            for device in outcome.devices
        ],
        "troubles": [describe_irq(result) for result in islice(filter(_is_trouble, outcome.results), MOST_TROUBLES)],
    }


def show_time(time: datetime) -> str:
    """Return a time in UTC, whole seconds."""
    return time.strftime(TIME)


def render_status(status: Mapping[str, Any]) -> str:
    """Return the status for people, of printable characters: the file need not be the agent's own."""
    return "\n".join(map(printable, _lines(status)))


def _lines(status: Mapping[str, Any]) -> Iterator[str]:
    yield f"irqaffinity {status['version']} on {status['host']}, pid {status['pid']}, since {status['started']}"
    for name, link in status["connections"].items():
        yield f"{name:<13} {_describe_link(link, 'served at' if name == 'metrics' else 'connected to')}"
    yield f"{'state':<13} {status['state_unsaved'] or 'stored'}"
    if status["rivals"]:
        yield f"{'rivals':<13} {', '.join(status['rivals'])} moves interrupts too: {status['advice']}"
    for clock in status.get("clocks_ahead", ()):
        yield f"{'clock':<13} {clock['publisher']} is {clock['seconds']} s ahead of this host, at {clock['seen']}"
    yield f"{'last audit':<13} {_describe_audit(status['last_audit'])}"
    yield f"{'counters':<13} {_describe_counters(status['counters'])}"
    if status["settling"]:
        yield f"{'settling':<13} {counted(len(status['settling']), 'guest')}: {', '.join(status['settling'])}"
    yield ""
    yield from _placement_lines(status["placement"])


def _describe_link(link: Mapping[str, Any], verb: str) -> str:
    if link["state"] == "connected":
        return f"{verb} {link['peer']} since {link['since']}"
    return f"{link['state']} since {link['since']}: {link['trouble']}"


def _describe_audit(audit: Mapping[str, Any]) -> str:
    if audit["time"] is None:
        return audit["error"] or "none yet"
    trouble = f"; the one after it failed: {audit['error']}" if audit["error"] else ""
    return f"{audit['time']}, in {audit['seconds']:.3f} s{trouble}"


def _describe_counters(counters: Mapping[str, Any]) -> str:
    passes = sum(counters["passes"].values())
    writes = sum(counters["writes"].values())
    messages = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counters["notifications"].items()))
    heard = f"; notifications: {messages}" if messages else ""
    return f"{passes} passes, {counted(writes, 'write')}, {counters['drifts']} repaired after drift{heard}"


def _placement_lines(placement: Mapping[str, Any]) -> Iterator[str]:
    devices: dict[str | None, list[Mapping[str, Any]]] = defaultdict(list)
    for device in placement["devices"]:
        devices[device["guest"]].append(device)
    for guest in placement["guests"]:
        yield guest["text"]
        yield from _device_lines(devices[guest["uuid"]])
    troubles: Sequence[Mapping[str, Any]] = placement["troubles"]
    if troubles:
        yield "pending or failing:"
    for irq in troubles:
        yield f"  {irq['device']} irq {irq['irq']}: {irq['verdict']}: {irq['message'] or ''}"
    yield placement["summary"]["text"]


def _device_lines(devices: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for device in devices:
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in device["verdicts"].items())
        where = f"irqs {device['irqs']} on CPUs {device['cpus']}: {verdicts}; " if device["irqs"] else ""
        yield f"  {device['address']}  {where}{device['why']}"


def _is_trouble(result: Result) -> bool:
    return result.verdict in FAILED or result.verdict in (Verdict.PENDING, Verdict.UNREAD, Verdict.THROTTLED)
