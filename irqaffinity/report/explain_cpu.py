# SPDX-License-Identifier: Apache-2.0
"""Explains a CPU: who uses it, which interrupts come there, and what keeps it from being its guest's alone."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from irqaffinity.model.action import Result
from irqaffinity.model.cpu import CpuFacts, CpuInterrupt
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import Guest, GuestId
from irqaffinity.model.irq import IrqId
from irqaffinity.model.isolation import HostInterrupt, VectorUse
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.record import Fixed
from irqaffinity.model.text import counted, merge_numbers, name_cpus
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.headroom import free_of
from irqaffinity.plan.intruders import find_fixed
from irqaffinity.plan.policy import IsolationMode
from irqaffinity.report.explain import Rule
from irqaffinity.report.names import common_names, first_names, first_numbers

MOST_INTERRUPTS = 20
"""The most interrupts that have a line of their own; a CPU may see hundreds."""

MANAGED_REMEDY = (
    "with isolcpus=managed_irq,domain,{cpus} on the kernel command line, a queue that has other CPUs too arrives on "
    "those; a queue that has isolated CPUs alone arrives only when one of these uses its device"
)
TIMER_REMEDY = "nohz_full={cpus} on the kernel command line stops it while a single task runs there"


@dataclass(frozen=True, slots=True)
class CpuUse:
    """What guests and rules make of a CPU.

    `kept_for` are the guests that it is dedicated to, with the vCPUs that have it; `kept` are the CPUs that are kept
    for any guest. `guests` are those that can be read, `names` of all, `owners` the guests of devices. `results` are
    those of guests' interrupts, and `moves` what is done with those of the host. `vectors` are those that are taken.
    `trouble` says why nothing is moved. `fixed` are the interrupts that turned out not to be movable.
    """

    kept_for: Mapping[GuestId, CpuSet]
    kept: CpuSet
    guests: Sequence[Guest]
    names: Mapping[GuestId, str]
    owners: Mapping[PciAddress, GuestId]
    results: Sequence[Result]
    mode: IsolationMode
    moves: Mapping[int, Result] = field(default_factory=dict)
    vectors: VectorUse = field(default_factory=VectorUse)
    trouble: str | None = None
    fixed: Mapping[IrqId, Fixed] = field(default_factory=dict)


def explain_cpu(facts: CpuFacts, use: CpuUse) -> Iterator[Rule]:
    """Give all that is known of a CPU."""
    yield "cpu", ", ".join(_describe(facts))
    for uuid, vcpus in use.kept_for.items():
        yield "kept for", f"{name_cpus('vCPU', vcpus)} of guest {use.names[uuid]} {uuid}"
    if not use.kept_for:
        yield "kept for", "no guest has it to itself: the host's own work, and other guests, may run here"
    yield from _explain_guests(facts.cpu, use)
    yield from _explain_targets(facts.cpu, use)
    yield from _explain_arrivals(facts, use)
    if use.kept_for:
        yield from _explain_intruders(facts, use)
        yield "timer", _timer(facts, use)
    for name, found, advice in facts.rivals:
        yield "rival", f"{name} moves interrupts too ({found}): {advice}"
    if facts.is_online:
        yield "vectors", _vectors(facts.cpu, use.vectors)


def _describe(facts: CpuFacts) -> Iterator[str]:
    yield f"{facts.cpu}: {'online' if facts.is_online else 'offline'}"
    yield "no NUMA node is known" if facts.node is None else f"NUMA node {facts.node}"
    if facts.core:
        yield f"its core is {name_cpus('CPU', facts.core)}"
    for name, cpus in (("isolcpus", facts.isolated), ("nohz_full", facts.nohz_full)):
        if cpus is not None:
            yield f"{'in' if facts.cpu in cpus else 'not in'} {name}="


def _explain_guests(cpu: int, use: CpuUse) -> Iterator[Rule]:
    """Give the threads of guests that may run on the CPU although it is not theirs alone."""
    free = []
    for guest in use.guests:
        own = use.kept_for.get(guest.uuid, CpuSet())
        pinned = CpuSet(vcpu for vcpu, cpus in guest.pins.items() if cpu in cpus) - own - guest.unplugged
        found = {"the emulator": guest.emulator, "iothreads": guest.iothreads}
        threads = [name for name, cpus in found.items() if cpus is not None and cpu in cpus]
        threads += [name_cpus("vCPU", pinned)] if pinned else []
        if threads:
            yield "also here", f"{' and '.join(threads)} of guest {guest.name} {guest.uuid} may run on it"
        has_free = any(vcpu not in guest.pins and vcpu not in guest.unplugged for vcpu in range(guest.vcpus))
        if has_free and (guest.cpuset is None or cpu in guest.cpuset):
            free.append(guest.name)
    if free:
        noun = "guest" if len(free) == 1 else "guests"
        yield "also here", f"vCPUs without a pin of {noun} {first_names(free)} may run on it"


def _explain_targets(cpu: int, use: CpuUse) -> Iterator[Rule]:
    """Give the interrupts of guests that belong on the CPU, a line for each device."""
    numbers: dict[tuple[GuestId, PciAddress], list[int]] = defaultdict(list)
    for result in use.results:
        if cpu in result.asked and not result.action.is_release:
            numbers[result.action.owner, result.action.device].append(result.action.number)
    for (uuid, device), found in sorted(numbers.items()):
        yield "belong here", f"{merge_numbers(found)} of {device}, device of guest {use.names.get(uuid, uuid)}"


def _explain_arrivals(facts: CpuFacts, use: CpuUse) -> Iterator[Rule]:
    """Give what may come and what came, most first."""
    seen = facts.interrupts
    served = sum(facts.cpu in (found.interrupt.effective or ()) for found in seen)
    may_come = sum(facts.cpu in (found.interrupt.smp or ()) for found in seen)
    count = counted(may_come, "interrupt")
    yield "may come", f"{count} by affinity; the hardware sends {served} here now"
    first = sorted(seen, key=lambda found: (-(found.arrived or 0), found.interrupt.number))
    for found in first[:MOST_INTERRUPTS]:
        yield f"irq {found.interrupt.number}", _arrival(found, use)
    rest = first[MOST_INTERRUPTS:]
    if rest:
        yield "more", f"{counted(len(rest), 'interrupt')}, of which {sum(found.arrived or 0 for found in rest)} came"


def _arrival(found: CpuInterrupt, use: CpuUse) -> str:
    came = "not counted" if found.arrived is None else f"{found.arrived} since boot"
    guest = use.owners.get(found.device)
    whose = "" if guest is None else f", guest {use.names.get(guest, guest)}"
    smp, effective = found.interrupt.smp, found.interrupt.effective
    place = f"affinity {'unknown' if smp is None else smp}" + ("" if effective is None else f", effective {effective}")
    verdict = _fixed(found, use)
    fixed = "" if verdict is None else f"; {verdict.value}"
    device = "" if found.device == NO_DEVICE or str(found.device) in found.name else f" of {found.device}"
    return f"{came}: {found.name or 'no handler'}{device}{whose}, {place}{fixed}"


def _explain_intruders(facts: CpuFacts, use: CpuUse) -> Iterator[Rule]:
    """Give what comes to a kept CPU and is not its guest's, and the remedy."""
    seen = facts.interrupts
    others = [found for found in seen if _is_anothers(found, facts.cpu, use)]
    hosts = [found for found in seen if found.device not in use.owners and facts.cpu in _may_come_to(found)]
    movable = [found for found in hosts if _fixed(found, use) is None]
    if others:
        whose = sorted({use.names[use.owners[found.device]] for found in others})
        yield (
            "intruders",
            f"{_numbers(others)} of guest {first_names(whose)}: irqaffinity explain IRQ says why they are here",
        )
    for remedy, alike in _by_remedy(movable, use).items():
        yield "intruders", f"{_numbers(alike)} ({_handlers(alike)}) of the host can be moved: {remedy}"
    for verdict, remedy in ((Verdict.MANAGED, f": {MANAGED_REMEDY.format(cpus=use.kept)}"), (Verdict.IMMOVABLE, "")):
        fixed = [found for found in hosts if _fixed(found, use) is verdict]
        if fixed:
            yield "intruders", f"{_numbers(fixed)} ({_handlers(fixed)}) of the host cannot be moved{remedy}"
    if not (others or hosts):
        yield "intruders", "none: no interrupt of the host may come here, and none of another guest does"


def _fixed(found: CpuInterrupt, use: CpuUse) -> Verdict | None:
    """Return the verdict on an interrupt that cannot be moved; None for any other."""
    return find_fixed(HostInterrupt(found.interrupt, found.device), use.fixed)


def _is_anothers(found: CpuInterrupt, cpu: int, use: CpuUse) -> bool:
    """Tell whether an interrupt that comes to a CPU is of a guest that does not have this CPU."""
    owner, interrupt = use.owners.get(found.device), found.interrupt
    served_by = interrupt.smp if interrupt.effective is None else interrupt.effective
    return owner is not None and owner not in use.kept_for and cpu in (served_by or ())


def _may_come_to(found: CpuInterrupt) -> CpuSet:
    """Return the CPUs that an interrupt may come to, by its affinity or by what the hardware does."""
    return (found.interrupt.smp or CpuSet()) | (found.interrupt.effective or CpuSet())


def _by_remedy(movable: Iterable[CpuInterrupt], use: CpuUse) -> Mapping[str, list[CpuInterrupt]]:
    """Return the interrupts that can be moved by what moves them, or by why nothing does."""
    found: dict[str, list[CpuInterrupt]] = defaultdict(list)
    for each in movable:
        found[_move_remedy(each.interrupt.number, use)].append(each)
    return found


def _move_remedy(number: int, use: CpuUse) -> str:
    if use.mode is not IsolationMode.ENFORCE:
        return "[isolation] mode = enforce moves interrupts off the kept CPUs"
    if use.trouble is not None:
        return use.trouble
    if number not in use.moves:
        return "no pass does so; irqaffinity explain IRQ says why"
    move = use.moves[number]
    if move.verdict is Verdict.WOULD_SET:
        return "the next pass does so"
    return f"{move.verdict.value}: {move.message or move.verdict.sentence}"


def _timer(facts: CpuFacts, use: CpuUse) -> str:
    ticks = "its ticks are not counted" if facts.ticks is None else f"{facts.ticks} ticks since boot"
    if facts.nohz_full is not None and facts.cpu in facts.nohz_full:
        return f"{ticks}; nohz_full= stops it while a single task runs here"
    return f"{ticks}; {TIMER_REMEDY.format(cpus=use.kept)}"


def _vectors(cpu: int, use: VectorUse) -> str:
    if cpu not in use.capacity:
        return "no limit is known"
    free, at_most = free_of(use, cpu), "" if use.is_exact else "at most "
    return f"{f'{at_most}{free}' if free else 'none'} of {use.capacity[cpu]} {'is' if free == 1 else 'are'} free"


def _numbers(found: Iterable[CpuInterrupt]) -> str:
    return first_numbers(each.interrupt.number for each in found)


def _handlers(found: Iterable[CpuInterrupt]) -> str:
    return first_names(common_names(each.name or "no handler" for each in found))
