# SPDX-License-Identifier: Apache-2.0
"""An outcome as a table for people: a line for each guest, below it one for each device, and a summary."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter

from irqaffinity.model.action import Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId, LeftOut
from irqaffinity.model.only import Only
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import counted, merge_numbers, name_cpus
from irqaffinity.model.verdict import DeviceReason, IrqReason, Status, Verdict
from irqaffinity.plan.guests import GuestPlan
from irqaffinity.plan.policy import Serve
from irqaffinity.plan.targets import DevicePlan
from irqaffinity.report.holds import describe_holds, hold_lines
from irqaffinity.report.isolation import describe_isolation
from irqaffinity.report.isolation_text import isolation_lines
from irqaffinity.report.layout import Line, Row, arrange, show_line
from irqaffinity.report.order import natural_key
from irqaffinity.report.outcome import Outcome, by_device
from irqaffinity.report.screen import ANY_SCREEN, Screen, Tone, tone_of
from irqaffinity.report.select import REMOTE, select
from irqaffinity.report.summary import failing_guests, render_summary
from irqaffinity.report.times import show_time

_PLAIN = frozenset({Verdict.OK, Verdict.SET, Verdict.WOULD_SET})
_YET_TO_COME = frozenset({None, DeviceReason.NO_IRQS})
_NOTHING = "-"
_SERVERS = {Serve.EMULATOR: "its emulator's CPUs", Serve.HOUSEKEEPING: "the host's housekeeping CPUs"}
_RELEASED = "given back, to where they were before they were moved"
_RELEASED_LATER = "not given back yet: what a hold keeps where it is goes back when that ends"


def render_table(
    outcome: Outcome,
    *,
    each_irq: bool = False,
    quiet: bool = False,
    only: Collection[Only] = (),
    screen: Screen = ANY_SCREEN,
) -> str:
    """Return the table, narrowed to `only`; `each_irq` adds a line for each interrupt, `quiet` leaves the summary."""
    summary = render_summary(outcome, only, screen)
    shown = select(outcome, only)
    if quiet:
        return summary
    names = {str(guest.uuid): guest.name for guest in outcome.guests}
    isolation = list(isolation_lines(describe_isolation(shown.isolated), names, screen, each_irq=each_irq))
    below = [text for line in isolation for text in show_line(line, screen)]
    above = list(arrange(_blocks(outcome, shown, each_irq), screen)) if shown.guests or shown.devices else []
    held = hold_lines(describe_holds(outcome.holds), show_time(outcome.time), names)
    last = [text for line in held for text in show_line(Line(line, tone=Tone.PENDING), screen)]
    return "\n\n".join("\n".join(part) for part in (above, below, [*last, summary]) if part)


def _blocks(outcome: Outcome, shown: Outcome, each_irq: bool) -> list[Line | Row]:
    """Return the lines and rows on the guests that are shown, and on their devices."""
    whole = by_device(outcome.results)
    meant = whole if shown is outcome else by_device(shown.results)
    blocks: list[Line | Row] = []
    for headlines, devices in _groups(shown, whole):
        blocks += headlines
        for device in devices:
            blocks.append(_device_row(device, whole.get(device.address, ())))
            of_device = meant.get(device.address, ())
            blocks += map(_irq_row, of_device) if each_irq else _notes(device, of_device)
    return blocks


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
    """Return what serves the `devices` of a placed guest, None for nothing; its vCPUs only if they serve one."""
    served = [device for device in devices if device.target is not None or device.reason in _YET_TO_COME]
    if not served:
        return None
    servers = {device.serve for device in served}
    if Serve.VCPUS not in servers:
        return " and ".join(name for serve, name in _SERVERS.items() if serve in servers)
    return f"{name_cpus('vCPU', guest.irq_vcpus or CpuSet())} on {name_cpus('CPU', guest.irq_pcpus or CpuSet())}"


def describe_target(device: DevicePlan) -> str:
    """Return why a device has its target or none."""
    if device.reason is not None:
        return f"{device.reason.value}: {device.message}"
    if device.target is None:
        return device.message or ("its guest is not placed" if device.guest is not None else "released")
    where = f"on node {device.numa_node}"
    if device.vcpus is None:
        return f"{_SERVERS[device.serve].replace('its', 'the', 1)} {where}"
    return f"the {'CPU' if len(device.target) == 1 else 'CPUs'} of {name_cpus('vCPU', device.vcpus)} {where}"


def _describe_briefly(device: DevicePlan) -> str | None:
    """Return in few words which CPUs a target has, None where there is more to say."""
    if device.reason is not None or (device.target is None and device.message is not None):
        return None
    if device.target is None:
        return "guest not placed" if device.guest is not None else "released"
    whose = device.serve.value if device.vcpus is None else name_cpus("vCPU", device.vcpus)
    return f"{whose}, node {device.numa_node}"


def describe_left_out(left: LeftOut) -> str:
    """Return which element of a domain leads to no device, and why."""
    return f"<{left.element}>: {left.reason.value}: {left.message}"


def _groups(
    outcome: Outcome, results: Mapping[PciAddress, Sequence[Result]]
) -> Iterator[tuple[list[Line], Sequence[DevicePlan]]]:
    """Yield the lines above the devices of each guest, and these devices.

    The guests are sorted by name. Those in trouble come last, where the eye is when the table has run through.
    """
    devices_of: dict[GuestId | None, list[DevicePlan]] = defaultdict(list)
    for device in outcome.devices:
        devices_of[device.guest].append(device)
    failing = failing_guests(outcome)
    groups: list[tuple[tuple[int, list[tuple[float, str]], str], list[Line], list[DevicePlan]]] = []
    for guest in outcome.guests:
        is_last = guest.status.is_error or guest.uuid in failing
        devices = devices_of[guest.uuid]
        groups.append(((2 * is_last, natural_key(guest.name), guest.uuid), _headlines(guest, devices), devices))
    for is_later, head in ((False, _RELEASED), (True, _RELEASED_LATER)):
        released = [at for at in devices_of[None] if _is_held(results.get(at.address, ())) is is_later]
        if released:
            groups.append(((1, [], head), [Line(head, tone=Tone.HEAD)], released))
    for _, headlines, devices in sorted(groups, key=itemgetter(0)):
        yield headlines, devices


def _headlines(guest: GuestPlan, devices: Sequence[DevicePlan]) -> list[Line]:
    """Return the guest's name and state, and the elements of its domain that lead to no device."""
    name = len(guest.name or _NOTHING)
    tone, painted = (Tone.ERROR, None) if guest.status.is_error else (Tone.HEAD, name)
    left_out = (Line(describe_left_out(left), 4) for left in guest.left_out)
    return [Line(describe_guest(guest, devices), tone=tone, painted=painted), *left_out]


def _is_held(results: Iterable[Result]) -> bool:
    return any(result.verdict is Verdict.HELD for result in results)


def _device_row(device: DevicePlan, results: Sequence[Result]) -> Row:
    later = "not released yet" if device.guest is None and _is_held(results) else None
    verdicts = Counter(result.verdict for result in results)
    single = len(verdicts) == 1
    return Row(
        device=f"  {device.address}",
        node=_NOTHING if device.numa_node is None else str(device.numa_node),
        irqs=merge_numbers(result.action.number for result in results) or _NOTHING,
        before=str(unite(result.action.current for result in results)) or _NOTHING,
        after=str(unite(map(_after, results))) or _NOTHING,
        verdict=", ".join(
            verdict.value if single else f"{count} {verdict.value}" for verdict, count in verdicts.items()
        )
        or _NOTHING,
        why=later or describe_target(device),
        tone=tone_of(verdicts),
        why_tone=Tone.REMOTE if device.reason in REMOTE else None,
        brief=later or _describe_briefly(device),
    )


def _irq_row(result: Result) -> Row:
    reason = f"{result.reason.value}: " if result.reason is not None and result.verdict is not Verdict.HELD else ""
    return Row(
        device="",
        node="",
        irqs=str(result.action.number),
        before=str(unite([result.action.current])) or _NOTHING,
        after=str(unite([_after(result)])) or _NOTHING,
        verdict=result.verdict.value,
        why=reason + (result.message or _effective(result)),
        tone=tone_of([result.verdict]),
    )


def _notes(device: DevicePlan, results: Sequence[Result]) -> Iterator[Line]:
    """Yield a line for each kind of interrupt that did not simply move to its place, or stay there.

    Where a device has no guest, a line above says already that all its interrupts are given back.
    """
    told = IrqReason.RELEASED if device.guest is None else None
    notable = [
        result
        for result in results
        if result.reason not in (None, told) or (result.message and result.verdict not in _PLAIN)
    ]
    for (verdict, reason, message), found in groupby(
        sorted(notable, key=lambda result: (result.verdict.value, str(result.reason), str(result.message))),
        key=attrgetter("verdict", "reason", "message"),
    ):
        word = reason.value if reason is not None and verdict is not Verdict.HELD else verdict.value
        sentence = message or (reason.sentence if reason is not None else verdict.sentence)
        numbers = merge_numbers(result.action.number for result in found)
        yield Line(f"{numbers}: {word}: {sentence}", 4, tone_of([verdict]))


def _after(result: Result) -> CpuSet | None:
    return result.asked if result.verdict is Verdict.WOULD_SET else result.smp


def _effective(result: Result) -> str:
    return "" if result.effective is None else f"effective {result.effective}"


def unite(sets: Iterable[CpuSet | None]) -> CpuSet:
    """Return all CPUs of several sets, without those that are not known (None)."""
    union, last = CpuSet(), None
    for cpus in sets:
        if cpus is not last and cpus is not None:
            union |= cpus
        last = cpus
    return union
