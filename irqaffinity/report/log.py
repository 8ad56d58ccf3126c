# SPDX-License-Identifier: Apache-2.0
"""Logs what was done, what is wrong, and in detail each interrupt."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from irqaffinity.model.action import Result
from irqaffinity.model.change import Change, Settled
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.host import Device
from irqaffinity.model.irq import DEFAULT, DEFAULT_NAME, Interrupt, IrqId
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.record import Record, State
from irqaffinity.model.text import clean, counted, merge_numbers
from irqaffinity.model.verdict import FAILED, Cause, DeviceReason, GuestReason, IrqReason
from irqaffinity.report.outcome import Part
from irqaffinity.report.table import describe_left_out

LOG = logging.getLogger(__name__)

Subject = tuple[str | None, PciAddress | str | None]
"""The uuid of a guest, and one of its devices, or `left out`, or None for the guest itself."""

Troubles = Mapping[Subject, tuple[int, str]]
"""What is wrong with a guest, and the level of its line in the log."""

_NONE: Troubles = MappingProxyType({})
_LEFT_OUT = "left out"
_BY_OTHERS = frozenset({Cause.DRIFT, Cause.FIGHT})
_NOTES = {Cause.FIGHT: "; put back once a minute, logged once an hour"}
_TOO_FAST = "it makes them too fast"
_FAULTS = frozenset({GuestReason.CPUS_OVERLAP, GuestReason.DEDICATED_MASK_INVALID})
"""Reasons of a guest that somebody has to mend, although it is placed."""


def find_troubles(part: Part, before: Troubles = _NONE) -> Troubles:
    """Return what is wrong with a guest, with the level of its line in the log.

    An interrupt that waits to be tried again has the trouble that it had `before`: only the next try may bring news.
    """
    return {subject: (level, trouble) for subject, level, trouble in _troubles(part, before)}


def log_troubles(troubles: Troubles, before: Troubles) -> None:
    """Log each trouble that is new or another one than `before`."""
    for subject, (level, trouble) in troubles.items():
        if before.get(subject, (level, None))[1] != trouble:
            LOG.log(level, "%s: %s", _name_owner(subject[0]), trouble)


def log_host_troubles(troubles: Sequence[str], before: Sequence[str]) -> Sequence[str]:
    """Warn of what is wrong with the host itself, once as long as it lasts; return the troubles.

    Numbers in a trouble may change all the time: one that begins like an old one is the same.
    """
    begun = {trouble.partition(",")[0] for trouble in before}
    for trouble in troubles:
        if trouble.partition(",")[0] not in begun:
            LOG.warning("host: %s", trouble)
    return troubles


def log_each(part: Part) -> None:
    """Log in detail what a pass decided and did for a guest and each of its interrupts."""
    if LOG.isEnabledFor(logging.DEBUG):
        _log_each(part)


def log_settled(settled: Settled, most: float, rivals: Sequence[str] = ()) -> int:
    """Log what was done for a guest, one line a change, or one line for all beyond `most`; return how many lines.

    An interrupt that somebody else had moved is a warning, which names the `rivals`; a failed write has its warning
    already, as a trouble of the guest. New interrupts that had to wait are a warning too.
    """
    who = _name_owner(settled.owner) if settled.name is None else f"guest {settled.owner} ({settled.name})"
    told = [change for change in settled.changes if change.cause is not Cause.ERROR]
    if len(told) > max(1.0, most):
        _log_sum(who, told, rivals)
        told = told[:1]
    else:
        for change in told:
            LOG.log(_level(change), "%s: %s", who, _describe(change, rivals), extra={"change": change.fields()})
    if settled.waited:
        waited = counted(settled.waited, "new interrupt")
        LOG.warning("%s: %s had to wait, and may have been on other CPUs meanwhile: %s", who, waited, _TOO_FAST)
    return len(told) + bool(settled.waited)


def log_held_drifts(owner: GuestId, results: Iterable[Result]) -> int:
    """Warn of interrupts that somebody else has moved and that a hold keeps there; return how many lines."""
    alike: dict[PciAddress, list[Result]] = defaultdict(list)
    for result in results:
        alike[result.action.device].append(result)
    for device, found in alike.items():
        numbers = [result.action.number for result in found]
        which = DEFAULT_NAME if numbers == [DEFAULT.number] else _name_numbers(numbers, device)
        message = found[0].message or ""
        LOG.warning("%s: somebody moved %s to %s: held: %s", _name_owner(owner), which, found[0].smp, message)
    return len(alike)


def _name_owner(owner: str | None) -> str:
    """Return what a line begins with: the host, or a guest by its uuid."""
    return "host" if owner == HOST else f"guest {owner}"


def _name_irq(irq: IrqId) -> str:
    """Return an interrupt with its device if it has one, or the default affinity."""
    if irq == DEFAULT:
        return DEFAULT_NAME
    return f"irq {irq.number}" if irq.device == NO_DEVICE else f"{irq.device} irq {irq.number}"


def _describe(change: Change, rivals: Sequence[str]) -> str:
    """Return which interrupts were moved, from where, to where, and why."""
    which = DEFAULT_NAME if _is_default(change) else _describe_numbers(change)
    way = f"to {change.after}" if change.before is None else f"from {change.before} to {change.after}"
    again = f", with {change.writes} writes" if change.writes > len(change.numbers) else ""
    note = f"{_NOTES.get(change.cause, '')}{_name_rivals([change], rivals)}"
    return f"{_verb(change)} {which} {way}{again}: {change.cause.value}{note}"


def _describe_numbers(change: Change) -> str:
    """Return how many and which interrupts of which device, if they have one."""
    return _name_numbers(change.numbers, change.device)


def _name_numbers(numbers: Sequence[int], device: PciAddress) -> str:
    of_device = "" if device == NO_DEVICE else f" of {device}"
    return f"{counted(len(numbers), 'interrupt')} ({clean(merge_numbers(numbers))}){of_device}"


def _name_rivals(changes: Iterable[Change], rivals: Sequence[str]) -> str:
    """Return who may have moved what was put back."""
    is_by_others = any(change.cause in _BY_OTHERS for change in changes)
    verb = "runs" if len(rivals) == 1 else "run"
    return f"; {', '.join(rivals)} {verb} on this host" if rivals and is_by_others else ""


def _level(change: Change) -> int:
    return logging.WARNING if change.cause in _BY_OTHERS else logging.INFO


def _verb(change: Change) -> str:
    if change.is_release or change.cause in _BY_OTHERS:
        return "gave back" if change.is_release else "put back"
    return "set" if _is_default(change) else "moved away" if change.guest == HOST else "placed"


def _is_default(change: Change) -> bool:
    return change.numbers == (DEFAULT.number,)


def _log_sum(who: str, changes: Sequence[Change], rivals: Sequence[str]) -> None:
    """Tell all changes in one line, as seriously as the worst of them."""
    done, others = _sum_up(changes), _name_rivals(changes, rivals)
    LOG.log(max(map(_level, changes)), "%s: %s%s; irqaffinity history shows each change", who, done, others)


def _sum_up(changes: Iterable[Change]) -> str:
    """Return how many interrupts of which devices were placed, put back and given back."""
    alike: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        alike[_verb(change)].append(change)
    return "; ".join(f"{verb} {_count(found)}" for verb, found in alike.items())


def _count(changes: Sequence[Change]) -> str:
    found = [change for change in changes if not _is_default(change)]
    numbers, writes = sum(len(change.numbers) for change in found), sum(change.writes for change in changes)
    devices = ", ".join(sorted({str(change.device) for change in found if change.device != NO_DEVICE}))
    of_devices = f" of {devices}" if devices else ""
    whose = [f"{counted(numbers, 'interrupt')}{of_devices}"] if found else []
    whose += [DEFAULT_NAME] if len(found) < len(changes) else []
    again = f", with {writes} writes" if writes > numbers + len(changes) - len(found) else ""
    return f"{' and '.join(whose)}{again}"


def log_forgotten(state: State, changed: Mapping[IrqId, Record | None], devices: Mapping[PciAddress, Device]) -> None:
    """Warn of interrupts that are not given back, because somebody else has moved them, one line for each reason.

    `changed` are the records that a pass is about to change in `state`. An interrupt that has its original again needs
    no warning.
    """
    found: dict[tuple[GuestId, PciAddress, str], list[int]] = defaultdict(list)
    for irq in sorted(irq for irq, record in changed.items() if record is None and irq.device in devices):
        record, device = state.records[irq.device][irq.number], devices[irq.device]
        interrupt = next((seen for seen in device.interrupts if seen.number == irq.number), None)
        if interrupt is not None and interrupt.writable and interrupt.smp != record.original:
            found[record.owner, irq.device, _why_forgotten(record, device, interrupt)].append(irq.number)
    for (owner, address, why), numbers in found.items():
        interrupts = f"{counted(len(numbers), 'interrupt')} ({merge_numbers(numbers)})"
        LOG.warning("%s: %s: %s not given back: %s", _name_owner(owner), address, interrupts, why)


def _why_forgotten(record: Record, device: Device, interrupt: Interrupt) -> str:
    if record.driver != device.driver:
        return f"the driver is {device.driver or 'none'}, and was {record.driver or 'none'} when they were moved"
    return f"they have {interrupt.smp}, and not the {record.written} that was written"


def _troubles(part: Part, before: Troubles) -> Iterator[tuple[Subject, int, str]]:
    """Yield what is wrong with guests and devices; the first failed interrupt of a device stands for all of its."""
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
        which = _name_irq(result.action.irq)
        level, trouble = logging.WARNING, f"{which} stays on {result.smp}: {result.verdict.value}: {result.message}"
        if result.reason is IrqReason.BACKOFF:
            level, trouble = before.get((owner, device), (level, trouble))
        yield (owner, device), level, trouble


def _log_each(part: Part) -> None:
    guest = part.guest
    if guest is not None:
        LOG.debug("guest %s: %s %s", guest.uuid, guest.status.value, guest.message or f"on CPUs {guest.irq_pcpus}")
    for device in part.devices:
        LOG.debug("guest %s: %s: target %s %s", device.guest, device.address, device.target, device.message or "")
    for result in part.results:
        action = result.action
        LOG.debug(
            "%s: %s: had %s, belongs on %s, has %s, effective %s: %s",
            _name_owner(action.owner),
            _name_irq(action.irq),
            action.current,
            result.asked,
            result.smp,
            result.effective,
            result.message or result.verdict.value,
        )
