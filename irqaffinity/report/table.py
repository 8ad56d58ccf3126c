# SPDX-License-Identifier: Apache-2.0
"""An outcome as a table for people: a line for each guest, below it one for each device, and a summary."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from irqaffinity.model.action import Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId, LeftOut
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import counted, name_cpus
from irqaffinity.model.verdict import DeviceReason, Status, Verdict
from irqaffinity.plan.guests import GuestPlan
from irqaffinity.plan.targets import DevicePlan
from irqaffinity.report.outcome import Outcome

_PLAIN = frozenset({Verdict.OK, Verdict.SET, Verdict.WOULD_SET})
_YET_TO_COME = frozenset({None, DeviceReason.NO_IRQS})
_NOTHING = "-"
_RELEASED = "given back, to where they were before they were moved"


class _Row(NamedTuple):
    device: str
    node: str
    irqs: str
    before: str
    after: str
    verdict: str
    why: str


_HEAD = _Row("DEVICE", "NODE", "IRQS", "CPUS BEFORE", "CPUS AFTER", "VERDICT", "WHY")


def render_table(outcome: Outcome, *, each_irq: bool = False, quiet: bool = False) -> str:
    """Return the table; `each_irq` adds one line an interrupt, `quiet` leaves only the summary."""
    summary = render_summary(outcome)
    if quiet or not (outcome.guests or outcome.devices):
        return summary
    results: dict[PciAddress, list[Result]] = defaultdict(list)
    for result in outcome.results:
        results[result.action.device].append(result)
    blocks: list[str | _Row] = [_HEAD]
    for headline, devices in _groups(outcome):
        blocks += headline
        for device in devices:
            of_device = results.get(device.address, [])
            blocks.append(_device_row(device, of_device))
            blocks += map(_irq_row, of_device) if each_irq else _notes(of_device)
    return "\n".join([*_aligned(blocks), "", summary])


def render_summary(outcome: Outcome) -> str:
    """Return the counts in one line, those that are nothing left out."""
    counts = outcome.summary()
    verdicts = [f"{counts[key]} {key.replace('_', ' ')}" for key in _counted(counts) if counts[key]]
    nouns = {"guests": "guest", "devices": "device", "irqs": "interrupt"}
    total = ", ".join(counted(counts[key], noun) for key, noun in nouns.items())
    parts = [f"{total}: {', '.join(verdicts)}" if verdicts else total]
    if counts["skipped"]:
        parts.append(f"{counted(counts['skipped'], 'guest')} skipped")
    errors = sum(guest.status.is_error for guest in outcome.guests)
    if errors:
        parts.append(f"{counted(errors, 'guest')} in error")
    if outcome.dry_run:
        parts.append("dry run, nothing was written")
    return "; ".join(parts)


def merge_numbers(numbers: Iterable[int]) -> str:
    """Return numbers as a sorted list of runs: `142-149,151`."""
    runs = []
    for _, run in groupby(enumerate(sorted(set(numbers))), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        runs.append(str(members[0]) if len(members) == 1 else f"{members[0]}-{members[-1]}")
    return ",".join(runs)


def describe_guest(guest: GuestPlan, devices: Iterable[DevicePlan]) -> str:
    """Return who a guest is and which CPUs serve its `devices`, or why none do."""
    who = f"{guest.name or _NOTHING} {guest.uuid}"
    if guest.status is not Status.PLACED:
        kind = "error" if guest.status.is_error else "skipped"
        return f"{who}: {kind}: {guest.status.value}: {guest.message}"
    source = f"mask {guest.mask} from {guest.mask_source.value}" if guest.mask is not None else "no mask"
    reason = f"{guest.reason.value}: " if guest.reason is not None else ""
    note = f" ({reason}{guest.message})" if guest.message is not None else ""
    return f"{who}: {counted(guest.vcpus or 0, 'vCPU')}, {source}: {_describe_service(guest, devices)}{note}"


def _describe_service(guest: GuestPlan, devices: Iterable[DevicePlan]) -> str:
    """Return which CPUs serve the interrupts of a guest."""
    service = name_service(guest, devices)
    if service is None:
        return "no interrupt of it is moved"
    return f"{service} {'serves' if service.startswith('vCPU ') else 'serve'} its interrupts"


def name_service(guest: GuestPlan, devices: Iterable[DevicePlan]) -> str | None:
    """Return what serves the `devices` of a placed guest, None for nothing; its vCPUs only where a device is theirs."""
    served = [device for device in devices if device.target is not None or device.reason in _YET_TO_COME]
    if not served:
        return None
    if all(device.vcpus is None and device.target is not None for device in served):
        return "its emulator's CPUs"
    return f"{name_cpus('vCPU', guest.irq_vcpus or CpuSet())} on {name_cpus('CPU', guest.irq_pcpus or CpuSet())}"


def describe_target(device: DevicePlan) -> str:
    """Return why a device has its target or none."""
    if device.reason is not None:
        return f"{device.reason.value}: {device.message}"
    if device.target is None:
        return device.message or ("its guest is not placed" if device.guest is not None else "released")
    where = f"on node {device.numa_node}"
    if device.vcpus is None:
        return f"the emulator's CPUs {where}"
    return f"the {'CPU' if len(device.target) == 1 else 'CPUs'} of {name_cpus('vCPU', device.vcpus)} {where}"


def describe_left_out(left: LeftOut) -> str:
    """Return what of a domain's elements leads to no device, and why."""
    return f"<{left.element}>: {left.reason.value}: {left.message}"


def _groups(outcome: Outcome) -> Iterator[tuple[list[str], Sequence[DevicePlan]]]:
    """Give the lines that stand above the devices of each guest, and these devices; the released ones last."""
    devices_of: dict[GuestId | None, list[DevicePlan]] = defaultdict(list)
    for device in outcome.devices:
        devices_of[device.guest].append(device)
    for guest in outcome.guests:
        devices = devices_of[guest.uuid]
        yield [describe_guest(guest, devices), *(f"    {describe_left_out(left)}" for left in guest.left_out)], devices
    if devices_of[None]:
        yield [_RELEASED], devices_of[None]


def _device_row(device: DevicePlan, results: Sequence[Result]) -> _Row:
    verdicts = Counter(result.verdict for result in results)
    single = len(verdicts) == 1
    return _Row(
        device=f"  {device.address}",
        node=_NOTHING if device.numa_node is None else str(device.numa_node),
        irqs=merge_numbers(result.action.number for result in results) or _NOTHING,
        before=unite(result.action.current for result in results),
        after=unite(map(_after, results)),
        verdict=", ".join(
            verdict.value if single else f"{count} {verdict.value}" for verdict, count in verdicts.items()
        )
        or _NOTHING,
        why=describe_target(device),
    )


def _irq_row(result: Result) -> _Row:
    reason = f"{result.reason.value}: " if result.reason is not None else ""
    return _Row(
        device="",
        node="",
        irqs=str(result.action.number),
        before=unite([result.action.current]),
        after=unite([_after(result)]),
        verdict=result.verdict.value,
        why=reason + (result.message or _effective(result)),
    )


def _notes(results: Sequence[Result]) -> Iterator[str]:
    """Give a line for each kind of interrupt that did not simply go, or stay, where it belongs."""
    notable = [result for result in results if result.reason or (result.message and result.verdict not in _PLAIN)]
    for (verdict, reason, message), found in groupby(
        sorted(notable, key=lambda result: (result.verdict.value, str(result.reason), str(result.message))),
        key=attrgetter("verdict", "reason", "message"),
    ):
        word = reason.value if reason is not None else verdict.value
        sentence = message or (reason.sentence if reason is not None else verdict.sentence)
        yield f"    {merge_numbers(result.action.number for result in found)}: {word}: {sentence}"


def _after(result: Result) -> CpuSet | None:
    return result.asked if result.verdict is Verdict.WOULD_SET else result.smp


def _effective(result: Result) -> str:
    return "" if result.effective is None else f"effective {result.effective}"


def unite(sets: Iterable[CpuSet | None]) -> str:
    """Return all CPUs of several sets in list syntax, `-` when there are none."""
    union, last = CpuSet(), None
    for cpus in sets:
        if cpus is not last and cpus is not None:
            union |= cpus
        last = cpus
    return str(union) or _NOTHING


def _counted(counts: Mapping[str, int]) -> Sequence[str]:
    return [key for key in counts if key not in ("guests", "devices", "irqs", "skipped")]


def _aligned(blocks: Iterable[str | _Row]) -> Iterator[str]:
    """Pad the cells of the rows to common widths; text lines stay as they are."""
    blocks = list(blocks)
    rows = [block for block in blocks if isinstance(block, _Row)]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for block in blocks:
        if isinstance(block, _Row):
            yield "  ".join(cell.ljust(width) for cell, width in zip(block, widths, strict=True)).rstrip()
        else:
            yield block
