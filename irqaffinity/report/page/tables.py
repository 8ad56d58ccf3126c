# SPDX-License-Identifier: Apache-2.0
"""The guests, the devices and the interrupts of a page as tables."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.text import counted, merge_numbers, name_cpus
from irqaffinity.model.verdict import DeviceReason, GuestReason, IrqReason, Status, Verdict
from irqaffinity.report.page.facts import DeviceFacts, GuestFacts, HostPicture, IrqFacts
from irqaffinity.report.page.host import guest_class
from irqaffinity.report.page.markup import Content, Markup, element, join
from irqaffinity.report.page.strip import describe_arrivals, unite
from irqaffinity.report.page.troubles import Weight, explain_word, weigh

_NOTHING = "-"
_SHORT = 14
"""The longest list of CPUs, in characters, that is never broken."""

_UNBROKEN = 24
"""The longest word, in characters, that is never broken."""


def tabulate_guests(host: HostPicture) -> Markup:
    """Return a row for each guest."""
    heads = ("Guest", "vCPUs", "Mask", "Served by", "Devices", "Status")
    devices = Counter(device.guest for device in host.devices)
    rows = (
        row(heads, _guest_cells(guest, devices[guest.uuid]), id=f"g{guest.order}", data_g=guest.order)
        for guest in host.guests
    )
    return table("Guests", heads, rows)


def tabulate_devices(host: HostPicture) -> Markup:
    """Return a row for each device."""
    arrives = () if host.arrivals is None else ("Arrives",)
    heads = ("Device", "Node", "Driver", "Guest", "Interrupts", "Target", "Set to", *arrives, "Verdict", "Why")
    rows = (
        row(heads, _device_cells(host, device), id=f"d{device.order}", data_g=_guest_index(host, device))
        for device in host.devices
    )
    return table("Devices", heads, rows)


def tabulate_interrupts(host: HostPicture) -> Iterator[Markup]:
    """Yield the interrupts of each device, folded unless a write failed; equal interrupts share a row."""
    heads = ("Interrupts", "Was set to", "Target", "Hardware", "Verdict", "Why")
    addresses = {irq.device: None for irq in host.irqs}
    devices = {device.address: device for device in host.devices}
    by_device: dict[str, list[IrqFacts]] = {address: [] for address in addresses}
    for irq in host.irqs:
        by_device[irq.device].append(irq)
    for address, irqs in by_device.items():
        device = devices.get(address)
        is_wrong = any(weigh(Verdict, irq.verdict) is Weight.ERROR for irq in irqs)
        said = f"{counted(len(irqs), 'interrupt')}: {_count(irq.verdict for irq in irqs)}"
        title = element("summary", element("b", address), f" {_guest_name(host, device)} {said}")
        found = table(f"Interrupts of {address}", heads, (row(heads, cells) for cells in _irq_rows(irqs)))
        yield element(
            "details",
            title,
            found,
            open="" if is_wrong else None,
            data_g=None if device is None else _guest_index(host, device),
        )


def _guest_cells(guest: GuestFacts, devices: int) -> Sequence[Content]:
    name = element("b", guest.name or _NOTHING)
    tag = element("span", guest.label, class_=f"tag {guest_class(guest)}", title="its label in the picture")
    mask = _NOTHING if guest.mask is None else f"{guest.mask} ({guest.mask_source})"
    served = _NOTHING
    if guest.irq_vcpus is not None and guest.irq_pcpus is not None:
        served = f"{name_cpus('vCPU', guest.irq_vcpus)} on {name_cpus('CPU', guest.irq_pcpus)}"
    status = word(weigh(Status, guest.status), guest.status)
    reason = "" if guest.reason is None else word(weigh(GuestReason, guest.reason), guest.reason)
    why = guest.message or (explain_word(Status, guest.status) if guest.status != Status.PLACED.value else "")
    return (
        join((tag, " ", name, " ", element("small", guest.uuid))),
        _NOTHING if guest.vcpus is None else guest.vcpus,
        mask,
        served,
        devices,
        join((status, " ", reason, " ", why)),
    )


def _device_cells(host: HostPicture, device: DeviceFacts) -> Sequence[Content]:
    guest = host.guest_of.get(device.guest)
    whose = _NOTHING if guest is None else element("a", guest.name or guest.uuid, href=f"#g{guest.order}")
    cells: list[Content] = [
        element("b", device.address, class_=_unbroken(device.address)),
        _NOTHING if device.numa_node is None else device.numa_node,
        element("span", device.driver or _NOTHING, class_=_unbroken(device.driver or "")),
        whose,
        merge_numbers(irq.number for irq in device.irqs) or _NOTHING,
        show_cpus(device.target),
        show_cpus(unite(irq.affinity for irq in device.irqs)),
    ]
    if host.arrivals is not None:
        arrivals = host.arrivals_of(device)
        cells.append(_NOTHING if arrivals is None else describe_arrivals(arrivals).removeprefix("arrive "))
    verdicts = Counter(irq.verdict for irq in device.irqs)
    shown = join(
        (word(weigh(Verdict, name), name if len(verdicts) == 1 else f"{n} {name}") for name, n in verdicts.items()), " "
    )
    reason = "" if device.reason is None else join((word(weigh(DeviceReason, device.reason), device.reason), " "))
    return (*cells, shown or _NOTHING, join((reason, device.message or "")))


def _irq_rows(irqs: Sequence[IrqFacts]) -> Iterator[Sequence[Content]]:
    """Yield one row for all interrupts that differ in their number alone."""
    alike: dict[IrqFacts, list[int]] = defaultdict(list)
    for irq in irqs:
        alike[irq._replace(number=0)].append(irq.number)
    for irq, numbers in alike.items():
        why = "" if irq.reason is None else f"{irq.reason}: {explain_word(IrqReason, irq.reason)}"
        yield (
            merge_numbers(numbers),
            show_cpus(irq.current),
            show_cpus(irq.target),
            show_cpus(irq.effective),
            word(weigh(Verdict, irq.verdict), irq.verdict),
            "; ".join(filter(None, (why, irq.message))),
        )


def word(weight: Weight, text: str) -> Markup:
    """Return a word of the report with the sign of its weight: colour is never the only sign."""
    return element("span", text, class_=f"word {weight.value} {_unbroken(text) or ''}".rstrip())


def table(name: str, heads: Sequence[str], rows: Iterable[Markup]) -> Markup:
    """Return a table; its name is for those who do not see it."""
    head = element("thead", element("tr", *(element("th", head, scope="col") for head in heads)))
    return element("table", element("caption", name, class_="vh"), head, element("tbody", *rows))


def row(heads: Sequence[str], cells: Sequence[Content], **attributes: Content) -> Markup:
    """Return a row; each cell has the name of its column, which a narrow page shows instead of the head."""
    shown = (element("td", cell, data_h=head) for head, cell in zip(heads, cells, strict=True))
    return element("tr", *shown, **attributes)


def _count(verdicts: Iterable[str]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in Counter(verdicts).items())


def _guest_index(host: HostPicture, device: DeviceFacts) -> int | None:
    guest = host.guest_of.get(device.guest)
    return None if guest is None else guest.order


def _guest_name(host: HostPicture, device: DeviceFacts | None) -> str:
    guest = None if device is None else host.guest_of.get(device.guest)
    return "" if guest is None else guest.name


def _unbroken(text: str) -> str | None:
    """Return the class of a word that is not to be broken, None where it has to be."""
    return "nb" if len(text) <= _UNBROKEN else None


def show_cpus(cpus: CpuSet | None) -> Markup:
    """Return CPUs in list syntax; a long list may be broken behind a comma, and a short one nowhere."""
    text = str(cpus) if cpus else _NOTHING
    if len(text) <= _SHORT:
        return element("span", text, class_="nb")
    return join((element("span", part, class_="nb") for part in text.split(",")), ",<wbr>")
