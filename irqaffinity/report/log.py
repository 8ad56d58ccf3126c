# SPDX-License-Identifier: Apache-2.0
"""Tells the log what was done, what is wrong, and in detail each interrupt."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from irqaffinity.model.action import Result
from irqaffinity.model.change import Change, Settled
from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import Device
from irqaffinity.model.irq import Interrupt, IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Record, State
from irqaffinity.model.text import counted, merge_numbers
from irqaffinity.model.verdict import FAILED, DeviceReason, GuestReason
from irqaffinity.report.outcome import Part
from irqaffinity.report.table import describe_left_out

LOG = logging.getLogger(__name__)

Subject = tuple[str | None, PciAddress | str | None]
"""The uuid of a guest, and one of its devices, or `left out`, or None for the guest itself."""

Troubles = Mapping[Subject, tuple[int, str]]
"""What is wrong with a guest, and the level of its line in the log."""

_LEFT_OUT = "left out"
_FAULTS = frozenset({GuestReason.CPUS_OVERLAP, GuestReason.DEDICATED_MASK_INVALID})
"""Reasons of a guest that somebody has to mend, although it is placed."""


def find_troubles(part: Part) -> Troubles:
    """Return what is wrong with a guest, with the level of the line that tells it."""
    return {subject: (level, trouble) for subject, level, trouble in _troubles(part)}


def log_troubles(troubles: Troubles, before: Troubles) -> None:
    """Log each trouble that is new or another one than `before`."""
    for subject, (level, trouble) in troubles.items():
        if before.get(subject, (level, None))[1] != trouble:
            LOG.log(level, "guest %s: %s", subject[0], trouble)


def log_each(part: Part) -> None:
    """Log in detail what a pass made of a guest and of each interrupt."""
    if LOG.isEnabledFor(logging.DEBUG):
        _log_each(part)


def log_settled(settled: Settled) -> None:
    """Tell in one line what was done for a guest; it is a warning where it makes more interrupts than it is given."""
    done = [text for is_release in (False, True) if (text := _describe_changes(settled.changes, is_release=is_release))]
    if settled.waited:
        waited = counted(settled.waited, "new interrupt")
        done.append(f"{waited} had to wait, and may have been on other CPUs meanwhile: it makes them too fast")
    LOG.log(logging.WARNING if settled.waited else logging.INFO, "guest %s: %s", settled.owner, "; ".join(done))


def _describe_changes(changes: Iterable[Change], *, is_release: bool) -> str:
    """Return what was written: interrupts that were placed, and those that were given back, are not the same news."""
    found = [change for change in changes if change.is_release is is_release]
    if not found:
        return ""
    numbers, writes = sum(len(change.numbers) for change in found), sum(change.writes for change in found)
    devices = ", ".join(sorted({str(change.device) for change in found}))
    again = f", with {writes} writes" if writes > numbers else ""
    return f"{'gave back' if is_release else 'placed'} {counted(numbers, 'interrupt')} of {devices}{again}"


def log_forgotten(state: State, changed: Mapping[IrqId, Record | None], devices: Mapping[PciAddress, Device]) -> None:
    """Warn of interrupts that are not given back, because they are somebody else's by now, a line for each reason.

    `changed` are the records that a pass is about to change in `state`. One that has its original again is home, and no
    news.
    """
    found: dict[tuple[GuestId, PciAddress, str], list[int]] = defaultdict(list)
    for irq in sorted(irq for irq, record in changed.items() if record is None and irq.device in devices):
        record, device = state.records[irq.device][irq.number], devices[irq.device]
        interrupt = next((seen for seen in device.interrupts if seen.number == irq.number), None)
        if interrupt is not None and interrupt.writable and interrupt.smp != record.original:
            found[record.owner, irq.device, _why_forgotten(record, device, interrupt)].append(irq.number)
    for (owner, address, why), numbers in found.items():
        interrupts = f"{counted(len(numbers), 'interrupt')} ({merge_numbers(numbers)})"
        LOG.warning("guest %s: %s: %s not given back: %s", owner, address, interrupts, why)


def _why_forgotten(record: Record, device: Device, interrupt: Interrupt) -> str:
    if record.driver != device.driver:
        return f"the driver is {device.driver or 'none'}, and was {record.driver or 'none'} when they were moved"
    return f"they have {interrupt.smp}, and not the {record.written} that was written"


def _troubles(part: Part) -> Iterator[tuple[Subject, int, str]]:
    """Give what is wrong with guests and devices; of the failed interrupts of a device the first stands for all."""
    guest = part.guest
    if guest is not None:
        if guest.status.is_error:
            yield (guest.uuid, None), logging.ERROR, f"{guest.name}: {guest.status.value}: {guest.message}"
        elif guest.reason in _FAULTS and guest.reason is not None:
            yield (guest.uuid, None), logging.WARNING, f"{guest.name}: {guest.reason.value}: {guest.message}"
        if guest.left_out:
            elements = "; ".join(map(describe_left_out, guest.left_out))
            yield (guest.uuid, _LEFT_OUT), logging.WARNING, f"{guest.name}: left out: {elements}"
    for plan in part.devices:
        if plan.reason is DeviceReason.UNREADABLE:
            yield (plan.guest, plan.address), logging.WARNING, f"{plan.address}: {plan.message}"
    failed: dict[tuple[str, PciAddress], Result] = {}
    for result in part.results:
        if result.verdict in FAILED:
            failed.setdefault((result.action.owner, result.action.device), result)
    for (owner, device), result in failed.items():
        trouble = f"{device} irq {result.action.number} stays on {result.smp}: {result.verdict.value}: {result.message}"
        yield (owner, device), logging.WARNING, trouble


def _log_each(part: Part) -> None:
    guest = part.guest
    if guest is not None:
        LOG.debug("guest %s: %s %s", guest.uuid, guest.status.value, guest.message or f"on CPUs {guest.irq_pcpus}")
    for device in part.devices:
        LOG.debug("guest %s: %s: target %s %s", device.guest, device.address, device.target, device.message or "")
    for result in part.results:
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
