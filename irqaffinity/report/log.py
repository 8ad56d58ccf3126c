# SPDX-License-Identifier: Apache-2.0
"""Tells the log of passes: what changed, what went wrong, and in detail each interrupt."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping

from irqaffinity.model.action import Action, Result
from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import Device
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Record, State
from irqaffinity.model.text import counted
from irqaffinity.model.verdict import FAILED, DeviceReason, GuestReason
from irqaffinity.report.outcome import Outcome
from irqaffinity.report.table import describe_left_out, merge_numbers

LOG = logging.getLogger(__name__)

_Subject = tuple[str | None, PciAddress | str | None]
"""The uuid of a guest, and one of its devices, or `left out`, or None for the guest itself."""

_LEFT_OUT = "left out"
_FAULTS = frozenset({GuestReason.CPUS_OVERLAP, GuestReason.DEDICATED_MASK_INVALID})
"""Reasons of a guest that somebody has to mend, although it is placed."""


class PassLog:
    """Tells the log of one pass after the other, and of a trouble only when it is new or another one."""

    def __init__(self) -> None:
        self._troubles: dict[_Subject, str] = {}

    def tell(self, outcome: Outcome, *, is_look: bool = False) -> None:
        """Log what a pass did: nothing at INFO and above when nothing changed, and nothing at all for a look."""
        troubles = {}
        for subject, level, trouble in _troubles(outcome):
            troubles[subject] = trouble
            if self._troubles.get(subject) != trouble:
                LOG.log(level, "guest %s: %s", subject[0], trouble)
        for subject in _subjects(outcome):
            self._troubles.pop(subject, None)
        self._troubles |= troubles
        if LOG.isEnabledFor(logging.INFO):
            _log_changes(outcome)
        if LOG.isEnabledFor(logging.DEBUG) and not (is_look and not any(r.was_written for r in outcome.results)):
            _log_each(outcome)


def log_forgotten(before: State, after: State, devices: Mapping[PciAddress, Device]) -> None:
    """Warn of interrupts that are not given back, because they are somebody else's by now, a line for each reason.

    One that has its original again is home, and no news.
    """
    for address in before.records.keys() & devices.keys():
        records, kept = before.records[address], after.records.get(address, {})
        found: dict[tuple[GuestId, str], list[int]] = defaultdict(list)
        for interrupt in devices[address].interrupts:
            record = records.get(interrupt.number)
            is_forgotten = record is not None and interrupt.number not in kept and interrupt.writable
            if is_forgotten and record is not None and interrupt.smp != record.original:
                found[record.owner, _why_forgotten(record, devices[address], interrupt)].append(interrupt.number)
        for (owner, why), numbers in found.items():
            interrupts = f"{counted(len(numbers), 'interrupt')} ({merge_numbers(numbers)})"
            LOG.warning("guest %s: %s: %s not given back: %s", owner, address, interrupts, why)


def _why_forgotten(record: Record, device: Device, interrupt: Interrupt) -> str:
    if record.driver != device.driver:
        return f"the driver is {device.driver or 'none'}, and was {record.driver or 'none'} when they were moved"
    return f"they have {interrupt.smp}, and not the {record.written} that was written"


def _troubles(outcome: Outcome) -> Iterator[tuple[_Subject, int, str]]:
    """Give what is wrong with guests and devices; of the failed interrupts of a device the first stands for all."""
    for guest in outcome.guests:
        if guest.status.is_error:
            yield (guest.uuid, None), logging.ERROR, f"{guest.name}: {guest.status.value}: {guest.message}"
        elif guest.reason in _FAULTS and guest.reason is not None:
            yield (guest.uuid, None), logging.WARNING, f"{guest.name}: {guest.reason.value}: {guest.message}"
        if guest.left_out:
            elements = "; ".join(map(describe_left_out, guest.left_out))
            yield (guest.uuid, _LEFT_OUT), logging.WARNING, f"{guest.name}: left out: {elements}"
    for plan in outcome.devices:
        if plan.reason is DeviceReason.UNREADABLE:
            yield (plan.guest, plan.address), logging.WARNING, f"{plan.address}: {plan.message}"
    failed: dict[tuple[str, PciAddress], Result] = {}
    for result in outcome.results:
        if result.verdict in FAILED:
            failed.setdefault((result.action.owner, result.action.device), result)
    for (owner, device), result in failed.items():
        trouble = f"{device} irq {result.action.number} stays on {result.smp}: {result.verdict.value}: {result.message}"
        yield (owner, device), logging.WARNING, trouble


def _subjects(outcome: Outcome) -> Iterator[_Subject]:
    for guest in outcome.guests:
        yield from ((guest.uuid, None), (guest.uuid, _LEFT_OUT))
    yield from ((device.guest, device.address) for device in outcome.devices)
    yield from ((result.action.owner, result.action.device) for result in outcome.results)


def _log_changes(outcome: Outcome) -> None:
    """Tell what was written: interrupts that were placed, and those that were given back, are not the same news."""
    written: dict[tuple[str, bool], list[Action]] = defaultdict(list)
    for result in outcome.results:
        if result.was_written:
            written[result.action.owner, result.action.is_release].append(result.action)
    for (owner, is_release), actions in sorted(written.items()):
        devices = ", ".join(sorted({str(action.device) for action in actions}))
        done = "gave back" if is_release else "placed"
        LOG.info("guest %s: %s %s of %s", owner, done, counted(len(actions), "interrupt"), devices)


def _log_each(outcome: Outcome) -> None:
    for guest in outcome.guests:
        LOG.debug("guest %s: %s %s", guest.uuid, guest.status.value, guest.message or f"on CPUs {guest.irq_pcpus}")
    for device in outcome.devices:
        LOG.debug("guest %s: %s: target %s %s", device.guest, device.address, device.target, device.message or "")
    for result in outcome.results:
        action = result.action
        LOG.debug(
            "guest %s: %s irq %d: had %s, belongs on %s, has %s, effective %s: %s",
            action.owner,
            action.device,
            action.number,
            action.current,
            result.asked,
            result.smp,
            result.effective,
            result.message or result.verdict.value,
        )
