# SPDX-License-Identifier: Apache-2.0
"""Draws the host: its nodes with their CPUs and vCPUs, and the devices with their strips."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.layout import NodeLayout
from irqaffinity.model.text import counted, name_cpus
from irqaffinity.model.verdict import Verdict
from irqaffinity.report.page.axis import Axis, make_axis, order_cores
from irqaffinity.report.page.facts import DeviceFacts, GuestFacts, HostPicture
from irqaffinity.report.page.markup import Markup, element, join
from irqaffinity.report.page.numbers import show_rate
from irqaffinity.report.page.strip import describe_place, draw_scale, draw_strip, unite

HUES = 24
"""The number of colours of guests; more guests begin again with the first, for each also has its label."""

_SHOWN = 2
"""The most vCPUs that a CPU's cell names; it counts the others."""

_SERVES = "◆"


def draw_host(host: HostPicture) -> Iterator[Markup]:
    """Yield a panel for each node, one for all that has no node, and the guests that share CPUs."""
    axis = make_axis(host)
    by_node: dict[int | None, list[DeviceFacts]] = defaultdict(list)
    known = {node.node for node in host.nodes}
    for device in host.devices:
        by_node[device.numa_node if device.numa_node in known else None].append(device)
    for node in host.nodes:
        if node.node is not None:
            yield _panel(host, axis, node, by_node.pop(node.node, []))
    homeless = next((node for node in host.nodes if node.node is None), None)
    if homeless is not None or by_node[None]:
        yield _panel(host, axis, homeless, by_node[None])
    floating = list(_floating(host))
    if floating:
        title = element("h3", "vCPUs without a CPU of their own")
        yield element("section", title, element("ul", *floating, class_="plain"), class_="node")


def guest_class(guest: GuestFacts | None) -> str:
    """Return the CSS class with the colour of a guest."""
    return "none" if guest is None else f"h{guest.order % HUES}"


def _panel(host: HostPicture, axis: Axis, node: NodeLayout | None, devices: Sequence[DeviceFacts]) -> Markup:
    if node is None:
        title, facts = ("No node, or one that is not known" if host.nodes else "All CPUs that the document names"), ""
    else:
        title, facts = ("CPUs of no node" if node.node is None else f"Node {node.node}"), _describe(node)
    head = element("h3", title, *((" ", element("small", facts)) if facts else ()))
    parts: list[Markup] = [head]
    if node is not None and node.cpus:
        cores = [element("li", *(_cell(host, node, cpu) for cpu in core), class_="core") for core in order_cores(node)]
        parts.append(element("ul", *cores, class_="cpus", aria_label=f"CPUs of {title.lower()}"))
    if devices:
        where = "its devices" if node is not None and node.node is not None else "devices"
        rows = [_device(host, axis, device) for device in devices]
        scale = element(
            "div", element("span", where.capitalize()), draw_scale(axis), class_="scales", aria_hidden="true"
        )
        parts += [element("h4", f"Devices: {title}", class_="vh"), scale, element("ul", *rows, class_="devices")]
    return element("section", *parts, class_="node")


def _describe(node: NodeLayout) -> str:
    parts = [name_cpus("CPU", node.cpus) if node.cpus else "no CPU"]
    if node.sockets:
        parts.append(name_cpus("socket", CpuSet(node.sockets)))
    threads = {len(core) for core in node.cores}
    if len(threads) == 1 and threads != {1}:
        parts.append(f"{counted(len(node.cores), 'core')} of {max(threads)} threads")
    if node.isolated:
        parts.append(f"isolated {node.isolated}")
    if node.offline:
        parts.append(f"offline {node.offline}")
    return " · ".join(parts)


def _cell(host: HostPicture, node: NodeLayout, cpu: int) -> Markup:
    vcpus = host.vcpus_on.get(cpu, ())
    guests = {guest.uuid: guest for guest, _ in vcpus}
    owner = next(iter(guests.values()), None)
    classes = ["cpu", guest_class(owner)]
    marks = [element("b", element("span", "CPU ", class_="vh"), cpu)]
    if node.offline and cpu in node.offline:
        classes.append("off")
        marks.append(element("em", "offline"))
    else:
        marks += _duties(host, node, cpu)
    if len(vcpus) > 1:
        classes.append("crowd")
    labels = [_vcpu(guest, vcpu) for guest, vcpu in vcpus[:_SHOWN]]
    if len(vcpus) > _SHOWN:
        labels.append(element("span", f"+{len(vcpus) - _SHOWN} more"))
    return element(
        "div",
        element("p", *marks),
        element("p", join(labels, " ")),
        element("p", *_traffic(host, cpu)),
        class_=" ".join(classes),
        id=f"cpu{cpu}",
        data_g=" ".join(str(guest.order) for guest in guests.values()) or None,
    )


def _duties(host: HostPicture, node: NodeLayout, cpu: int) -> Iterator[Markup]:
    """Yield what a CPU is there for, as far as the kernel and isolation know."""
    if node.isolated and cpu in node.isolated:
        yield element("i", "iso", title="isolated from the scheduler (isolcpus=)")
    if host.isolation is not None and cpu in host.isolation.kept:
        yield element("i", "kept", title="kept for a guest: the host's interrupts do not belong here")
    if host.isolation is not None and cpu in host.isolation.housekeeping:
        yield element("i", "house", title="housekeeping CPU: it does the host's work")


def _vcpu(guest: GuestFacts, vcpu: int) -> Markup:
    serves = guest.irq_vcpus is not None and vcpu in guest.irq_vcpus
    title = f"vCPU {vcpu} of {guest.name or guest.uuid}" + ("; may serve its interrupts" if serves else "")
    text = f"{_SERVES if serves else ''}{guest.label}·{vcpu}"
    return element("a", text, href=f"#g{guest.order}", title=title, aria_label=title)


def _traffic(host: HostPicture, cpu: int) -> Iterator[Markup]:
    """Yield how many interrupts are sent to a CPU, how many of them are another guest's, and the arrivals a second."""
    load = host.load_on.get(cpu)
    if load is not None:
        said = f"{counted(load.irqs, 'interrupt')} may be sent here"
        yield element("span", f"↓{load.irqs}", title=said)
        if load.foreign:
            said = f"{load.foreign} of them {'is' if load.foreign == 1 else 'are'} another guest's"
            yield element("strong", f"!{load.foreign}", title=said)
    intruders = host.intruders_on.get(cpu, 0)
    if intruders:
        verb = "is" if intruders == 1 else "are"
        said = f"{counted(intruders, 'interrupt')} may come here that {verb} not its guest's"
        yield element("strong", f"⚑{intruders}", title=said)
    arrivals = host.arrivals.cpus.get(cpu) if host.arrivals is not None else None
    if arrivals is not None and arrivals.rate:
        foreign = f", {show_rate(arrivals.foreign)} of them not its guest's" if arrivals.foreign else ""
        yield element("span", show_rate(arrivals.rate), title=f"so many arrive here{foreign}", class_="rate")


def _device(host: HostPicture, axis: Axis, device: DeviceFacts) -> Markup:
    guest = host.guest_of.get(device.guest)
    who: list[Markup] = [element("a", device.address, href=f"#d{device.order}")]
    if guest is not None:
        who.append(element("a", guest.name or guest.uuid, href=f"#g{guest.order}", class_=f"of {guest_class(guest)}"))
    else:
        is_held = any(irq.verdict == Verdict.HELD.value for irq in device.irqs)
        fate = "not given back yet" if is_held else "given back"
        who.append(element("span", fate if device.guest is None else "guest not known", class_="of none"))
    arrivals = host.arrivals_of(device)
    words = element("p", describe_place(device, arrivals), class_="say", aria_hidden="true")
    return element(
        "li",
        element("p", join(who, " "), class_="who"),
        draw_strip(device, host, axis),
        words,
        data_g=None if guest is None else guest.order,
        data_c=str(unite(irq.hardware for irq in device.irqs)) or None,
    )


def _floating(host: HostPicture) -> Iterator[Markup]:
    """Give for each guest the vCPUs that are pinned to several CPUs."""
    for guest in host.guests:
        groups: dict[CpuSet, list[int]] = defaultdict(list)
        for vcpu, cpus in (guest.pins or {}).items():
            if len(cpus) > 1:
                groups[cpus].append(vcpu)
        for cpus, vcpus in groups.items():
            link = element("a", guest.name or guest.uuid, href=f"#g{guest.order}")
            said = f": {name_cpus('vCPU', CpuSet(vcpus))} on any of {name_cpus('CPU', cpus)}"
            yield element("li", link, said, data_g=guest.order)
