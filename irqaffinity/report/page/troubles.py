# SPDX-License-Identifier: Apache-2.0
"""Finds what is wrong with a host, the gravest first, and what is worth knowing."""

import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.text import counted, merge_numbers
from irqaffinity.model.verdict import FAILED, DeviceReason, GuestReason, IrqReason, LeftOutReason, Status, Term, Verdict
from irqaffinity.report.arrivals import MUCH_OUTSIDE
from irqaffinity.report.page.facts import DeviceFacts, GuestFacts, HostPicture, IrqFacts
from irqaffinity.report.page.numbers import show_rate, show_share


class Weight(enum.Enum):
    """How grave a trouble is; the value is the page's word for it."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Item(NamedTuple):
    """A thing in trouble: its name, its anchor in the page, and a detail on it."""

    name: str
    anchor: str | None
    detail: str


class Trouble(NamedTuple):
    """One kind of trouble: its word, what the word says, and the things that have it."""

    weight: Weight
    word: str
    amount: str
    sentence: str
    items: tuple[Item, ...]


_WEIGHTS: dict[Term, Weight] = {
    **{status: Weight.ERROR for status in Status if status.is_error},
    **dict.fromkeys(FAILED, Weight.ERROR),
    **dict.fromkeys(
        (
            GuestReason.CPUS_OVERLAP,
            GuestReason.DEDICATED_MASK_INVALID,
            *LeftOutReason,
            DeviceReason.NOT_FOUND,
            DeviceReason.UNREADABLE,
            DeviceReason.CLAIMED_TWICE,
            DeviceReason.SHARED_INTX,
            DeviceReason.NO_EMULATORPIN,
            DeviceReason.NO_HOUSEKEEPING,
            DeviceReason.NODE_STRICT,
            DeviceReason.NO_ONLINE_CPU,
            DeviceReason.REMOTE_NODE,
            Verdict.WOULD_SET,
            Verdict.UNREAD,
            Verdict.THROTTLED,
            Verdict.PENDING,
        ),
        Weight.WARNING,
    ),
}
"""The words that weigh more than a note."""

_TERMS: dict[tuple[type[Term], str], Term] = {
    (type(term), str(term.value)): term
    for kind in (Status, GuestReason, LeftOutReason, DeviceReason, Verdict, IrqReason)
    for term in kind
}

_PLAIN = frozenset({Status.PLACED.value, Verdict.OK.value})
_NAMED = 4
"""The most foreign interrupts of a CPU that are named."""

_MISPLACED = "it is not where it belongs; the next pass moves it"


def find_troubles(host: HostPicture) -> list[Trouble]:
    """Return all kinds of trouble, the gravest first; of those that are as grave, what is set before what arrives."""
    found = [*_of_host(host), *_of_guests(host), *_of_devices(host), *_of_irqs(host), *_of_cpus(host)]
    found += [*_of_isolation(host), *_of_outside(host), *_of_foreign(host)]
    return sorted(found, key=lambda trouble: list(Weight).index(trouble.weight))


def explain_word(kind: type[Term], word: str) -> str:
    """Return the sentence of a word, empty for one that this program does not know."""
    term = _TERMS.get((kind, word))
    return "" if term is None else term.sentence


def _of_host(host: HostPicture) -> Iterator[Trouble]:
    if host.pass_error is not None:
        yield Trouble(Weight.ERROR, "no pass", "", host.pass_error, ())
    if host.state_unsaved is not None:
        yield Trouble(Weight.ERROR, "state unsaved", "", host.state_unsaved, ())
    if host.rivals:
        names = tuple(Item(name, None, "") for name in host.rivals)
        yield Trouble(Weight.WARNING, "rival", counted(len(names), "program"), "moves interrupts too", names)
    if host.posted_interrupts:
        sentence = "this host can post interrupts straight to a vCPU while it runs: those do not arrive on a CPU of "
        yield Trouble(Weight.NOTE, "posted interrupts", "", f"{sentence}the host, and no count has them", ())


def _of_outside(host: HostPicture) -> Iterator[Trouble]:
    """Give what arrives outside its target: much of a device is an error, little of it a warning."""
    items: dict[Weight, list[Item]] = defaultdict(list)
    for device in host.devices:
        arrivals = host.arrivals_of(device)
        if arrivals is not None and arrivals.outside:
            strays = CpuSet(cpu for cpu, count in arrivals.arrived.items() if count) - (device.target or CpuSet())
            detail = f"{show_share(arrivals.outside)} on {strays or '-'}, target {device.target or 'none'}"
            weight = Weight.WARNING if arrivals.outside < MUCH_OUTSIDE else Weight.ERROR
            items[weight].append(_device_item(host, device, detail))
    for weight, found in items.items():
        many = "a few" if weight is Weight.WARNING else "many"
        sentence = f"{many} interrupts arrive outside the target of their device"
        yield Trouble(weight, "arrives outside", counted(len(found), "device"), sentence, tuple(found))


def _of_foreign(host: HostPicture) -> Iterator[Trouble]:
    foreign = [
        Item(f"CPU {cpu}", f"cpu{cpu}", f"{show_rate(arrivals.foreign)}: {', '.join(arrivals.strangers[:_NAMED])}")
        for cpu, arrivals in (host.arrivals.cpus.items() if host.arrivals is not None else ())
        if arrivals.foreign
    ]
    if foreign:
        sentence = "interrupts of the host or of other guests arrive on the CPU of a guest's vCPU"
        yield Trouble(Weight.NOTE, "foreign interrupts", counted(len(foreign), "CPU"), sentence, tuple(foreign))


def _of_isolation(host: HostPicture) -> Iterator[Trouble]:
    """Give why isolation is held up, what of the host could not be moved, and which CPUs are short of vectors."""
    found = host.isolation
    if found is None:
        return
    if found.message is not None:
        yield Trouble(Weight.ERROR, "isolation held up", "", found.message, ())
    failed = tuple(
        Item("the default affinity" if number < 0 else f"irq {number}", None, f"{word}: {message}".rstrip(" :"))
        for number, word, message in found.failed
    )
    if failed:
        sentence = "an interrupt of the host could not be moved off the CPUs of guests, or back"
        yield Trouble(Weight.ERROR, "isolation", counted(len(failed), "interrupt"), sentence, failed)
    short = tuple(Item(f"CPU {cpu}", f"cpu{cpu}", said) for cpu, said, is_short in found.headroom if is_short)
    if short:
        sentence = "a CPU has few free interrupt vectors: what is moved there next may be refused"
        yield Trouble(Weight.WARNING, "few vectors", counted(len(short), "CPU"), sentence, short)
    if found.intruders:
        movable = sum(intruder.is_movable for intruder in found.intruders)
        sentence = f"interrupts come to the CPUs of guests that do not own them; {movable} of these can be moved"
        yield Trouble(Weight.NOTE, "intruders", counted(len(found.intruders), "interrupt"), sentence, ())


def _of_cpus(host: HostPicture) -> Iterator[Trouble]:
    items = [
        Item(f"CPU {cpu}", f"cpu{cpu}", f"vCPU {vcpu} of {guest.name}")
        for node in host.nodes
        for cpu in node.offline or ()
        for guest, vcpu in host.vcpus_on.get(cpu, ())
    ]
    if items:
        sentence = "a vCPU is pinned to a CPU that is offline"
        yield Trouble(Weight.WARNING, "offline CPU", counted(len(items), "vCPU"), sentence, tuple(items))


def _of_guests(host: HostPicture) -> Iterator[Trouble]:
    rows: list[tuple[type[Term], str, Item]] = []
    for guest in host.guests:
        if guest.status not in _PLAIN:
            rows.append((Status, guest.status, guest_item(guest, guest.message or "")))
        if guest.reason is not None:
            rows.append((GuestReason, guest.reason, guest_item(guest, guest.message or "")))
        rows += (
            (LeftOutReason, left.reason, guest_item(guest, f"<{left.element}>: {left.message}"))
            for left in guest.left_out
        )
    yield from _grouped(rows, "guest")


def _of_devices(host: HostPicture) -> Iterator[Trouble]:
    rows: list[tuple[type[Term], str, Item]] = [
        (DeviceReason, device.reason, _device_item(host, device, device.message or ""))
        for device in host.devices
        if device.reason is not None
    ]
    yield from _grouped(rows, "device")


def _of_irqs(host: HostPicture) -> Iterator[Trouble]:
    """Yield one trouble for each verdict and reason; an item has all interrupts of one device."""
    groups: dict[tuple[type[Term], str], dict[str, list[IrqFacts]]] = defaultdict(lambda: defaultdict(list))
    for irq in host.irqs:
        if irq.verdict not in _PLAIN:
            groups[Verdict, irq.verdict][irq.device].append(irq)
        if irq.reason is not None:
            groups[IrqReason, irq.reason][irq.device].append(irq)
    devices = {device.address: device for device in host.devices}
    for (kind, word), found in groups.items():
        items = tuple(_irqs_item(host, devices.get(address), address, irqs) for address, irqs in found.items())
        count = counted(sum(map(len, found.values())), "interrupt")
        sentence = _MISPLACED if word == Verdict.WOULD_SET.value else explain_word(kind, word)
        yield Trouble(weigh(kind, word), word, count, sentence, items)


def _irqs_item(host: HostPicture, device: DeviceFacts | None, address: str, irqs: list[IrqFacts]) -> Item:
    numbers = merge_numbers(irq.number for irq in irqs)
    messages = sorted({irq.message for irq in irqs if irq.message})
    detail = f"irq {numbers}" + (f": {messages[0]}" if len(messages) == 1 else "")
    return Item(address, None, detail) if device is None else _device_item(host, device, detail)


def _grouped(rows: Iterable[tuple[type[Term], str, Item]], noun: str) -> Iterator[Trouble]:
    groups: dict[tuple[type[Term], str], list[Item]] = defaultdict(list)
    for kind, word, item in rows:
        groups[kind, word].append(item)
    for (kind, word), items in groups.items():
        sentence = explain_word(kind, word)
        plain = tuple(item._replace(detail="") if item.detail == sentence else item for item in items)
        yield Trouble(weigh(kind, word), word, counted(len(items), noun), sentence, plain)


def weigh(kind: type[Term], word: str) -> Weight:
    """Return how grave a word is; an unknown word, which a newer program wrote, is a warning."""
    term = _TERMS.get((kind, word))
    return Weight.WARNING if term is None else _WEIGHTS.get(term, Weight.NOTE)


def guest_item(guest: GuestFacts, detail: str) -> Item:
    """Return a guest as an item of a trouble."""
    return Item(guest.name or guest.uuid, f"g{guest.order}", detail)


def _device_item(host: HostPicture, device: DeviceFacts, detail: str) -> Item:
    guest = host.guest_of.get(device.guest)
    whose = f" of {guest.name}" if guest is not None and guest.name else ""
    return Item(f"{device.address}{whose}", f"d{device.order}", detail)
