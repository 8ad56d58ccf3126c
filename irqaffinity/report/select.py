# SPDX-License-Identifier: Apache-2.0
"""Narrows an outcome to --only: that changes the report alone, and never what is done or counted."""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from irqaffinity.model.guest import GuestId
from irqaffinity.model.isolation import Isolated
from irqaffinity.model.only import Only
from irqaffinity.model.verdict import FAILED, DeviceReason, Status, Verdict
from irqaffinity.report.outcome import Outcome

_VERDICTS = {
    Only.ERROR: FAILED,
    Only.CHANGED: frozenset({Verdict.SET, Verdict.WOULD_SET}),
    Only.PENDING: frozenset({Verdict.PENDING, Verdict.UNREAD, Verdict.THROTTLED}),
    Only.HELD: frozenset({Verdict.HELD}),
}

REMOTE = frozenset({DeviceReason.REMOTE_NODE, DeviceReason.NODE_STRICT})
"""Reasons of a device that no CPU of its guest is near to: CPUs far away serve it, or none."""


def verdicts_of(only: Collection[Only]) -> frozenset[Verdict]:
    """Return the verdicts that these words stand for."""
    return frozenset().union(*(_VERDICTS.get(word, ()) for word in only))


def select(outcome: Outcome, only: Collection[Only]) -> Outcome:
    """Return an outcome with only the guests, devices and interrupts that match one of the words; all without words.

    A guest or a device is shown with all that belongs to it, and an interrupt with the device and the guest that it
    belongs to.
    """
    if not only:
        return outcome
    guests = {guest.uuid for guest in outcome.guests if _is_status_meant(guest.status, only)}
    isolated = outcome.isolated
    if Only.INTRUDERS in only and isolated is not None:
        guests |= {uuid for intruder in isolated.intruders for uuid in intruder.guests}
    devices = [device for device in outcome.devices if device.guest in guests]
    if Only.REMOTE in only:
        devices += [device for device in outcome.devices if device.reason in REMOTE]
    addresses = {device.address for device in devices}
    verdicts = verdicts_of(only)
    results = [result for result in outcome.results if result.verdict in verdicts or result.action.device in addresses]
    addresses |= {result.action.device for result in results}
    shown = [device for device in outcome.devices if device.address in addresses]
    guests |= {device.guest for device in shown if device.guest is not None}
    return replace(
        outcome,
        guests=[guest for guest in outcome.guests if guest.uuid in guests],
        devices=shown,
        results=results,
        isolated=None if isolated is None else _select_isolated(isolated, guests, verdicts),
    )


def _select_isolated(isolated: Isolated, guests: AbstractSet[GuestId], verdicts: AbstractSet[Verdict]) -> Isolated:
    """Return the intruders of these guests or with these verdicts, and what was moved with these verdicts."""
    return replace(
        isolated,
        intruders=tuple(
            intruder
            for intruder in isolated.intruders
            if intruder.verdict in verdicts or not guests.isdisjoint(intruder.guests)
        ),
        results=tuple(result for result in isolated.results if result.verdict in verdicts),
    )


def _is_status_meant(status: Status, only: Collection[Only]) -> bool:
    return (status.is_error and Only.ERROR in only) or (status.is_skipped and Only.SKIPPED in only)


def select_status(status: Mapping[str, Any], only: Collection[Only]) -> Mapping[str, Any]:
    """Return a status with its placement and its intruders narrowed in the same way."""
    if not only:
        return status
    intruders, work = status.get("intruders", ()), status.get("isolation")
    with_intruders = {uuid for row in intruders for uuid in row["guests"]} if Only.INTRUDERS in only else set()
    placement = _select_placement(status["placement"], only, with_intruders)
    verdicts = {verdict.value for verdict in verdicts_of(only)}
    guests = {guest["uuid"] for guest in placement["guests"]}
    shown = [row for row in intruders if row["verdict"] in verdicts or not guests.isdisjoint(row["guests"])]
    moved = {} if work is None else {**work, "irqs": [row for row in work["irqs"] if row["verdict"] in verdicts]}
    return {
        **status,
        "placement": placement,
        **({"intruders": shown} if "intruders" in status else {}),
        **({"isolation": moved} if work is not None else {}),
    }


def _select_placement(
    placement: Mapping[str, Any], only: Collection[Only], with_intruders: Collection[str]
) -> Mapping[str, Any]:
    verdicts = {verdict.value for verdict in verdicts_of(only)}
    statuses = {status.value for status in Status if _is_status_meant(status, only)}
    reasons = {reason.value for reason in REMOTE} if Only.REMOTE in only else set()
    guests = {guest["uuid"] for guest in placement["guests"] if guest.get("status") in statuses}
    guests |= {guest["uuid"] for guest in placement["guests"] if guest["uuid"] in with_intruders}
    devices = [
        device
        for device in placement["devices"]
        if device["guest"] in guests or device.get("reason") in reasons or verdicts & device["verdicts"].keys()
    ]
    guests |= {device["guest"] for device in devices}
    return {
        **placement,
        "guests": [guest for guest in placement["guests"] if guest["uuid"] in guests],
        "devices": devices,
        "troubles": [trouble for trouble in placement["troubles"] if trouble["verdict"] in verdicts],
    }
