# SPDX-License-Identifier: Apache-2.0
"""What the agent publishes of the placement: a part of schema 1 of status.json."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import islice
from typing import Any

from irqaffinity.model.action import Result
from irqaffinity.model.text import merge_numbers
from irqaffinity.model.verdict import FAILED, Verdict
from irqaffinity.plan.targets import DevicePlan
from irqaffinity.report.document import describe_irq
from irqaffinity.report.outcome import Outcome, by_device
from irqaffinity.report.summary import render_summary
from irqaffinity.report.table import describe_guest, describe_target, unite

MOST_TROUBLES = 100
"""The most interrupts that are listed with their trouble; the summary counts all of them."""


def describe_placement(outcome: Outcome) -> dict[str, Any]:
    """Return where the interrupts of each guest are, and what is pending or failing and why, as plain values."""
    results = by_device(outcome.results)
    of_guest: dict[str | None, list[DevicePlan]] = defaultdict(list)
    for device in outcome.devices:
        of_guest[device.guest].append(device)
    names: Mapping[str | None, str] = {guest.uuid: guest.name for guest in outcome.guests}
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
                "name": names.get(device.guest),
                "numa_node": device.numa_node,
                "irqs": merge_numbers(result.action.number for result in results.get(device.address, ())),
                "cpus": str(unite(result.smp for result in results.get(device.address, ()))) or "-",
                "verdicts": dict(Counter(result.verdict.value for result in results.get(device.address, ()))),
                "reason": None if device.reason is None else device.reason.value,
                "why": describe_target(device),
            }
            for device in outcome.devices
        ],
        "troubles": [describe_irq(result) for result in islice(filter(_is_trouble, outcome.results), MOST_TROUBLES)],
    }


def _is_trouble(result: Result) -> bool:
    return result.verdict in FAILED or result.verdict in (Verdict.PENDING, Verdict.UNREAD, Verdict.THROTTLED)
