# SPDX-License-Identifier: Apache-2.0
"""Draws where the interrupts of a device are: a strip of all CPUs, with a lane for each of three questions."""

from collections.abc import Iterable, Iterator

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.text import counted
from irqaffinity.report.page.axis import Axis
from irqaffinity.report.page.facts import DeviceArrivals, DeviceFacts, HostPicture
from irqaffinity.report.page.markup import Markup, element
from irqaffinity.report.page.numbers import show_rate, show_share

HEIGHT = 34
_CROSS = "\N{MULTIPLICATION SIGN}"
_TARGET = (3, 6)
_AFFINITY = (12, 6)
_FLOOR = 32
_TALLEST = 11
"""Pixels from the top and heights of the lanes; arrivals stand on the floor."""


def draw_strip(device: DeviceFacts, host: HostPicture, axis: Axis) -> Markup:
    """Return the strip of a device: its target, where its interrupts are set to, and where they arrive."""
    target, affinity = device.target or CpuSet(), unite(irq.affinity for irq in device.irqs)
    arrivals = host.arrivals_of(device)
    shapes = [
        *_bands(device, axis),
        *_lane("t", axis, target, *_TARGET),
        *_lane("a", axis, affinity & target, *_AFFINITY),
        *_lane("a out", axis, affinity - target, *_AFFINITY),
        *_effective(device, axis, target),
        *_bars(arrivals, axis, target),
    ]
    label = f"{device.address}: {describe_place(device, arrivals)}"
    return element("svg", *shapes, class_="strip", role="img", aria_label=label, height=HEIGHT)


def describe_place(device: DeviceFacts, arrivals: DeviceArrivals | None) -> str:
    """Return in words what the strip shows; CPUs that are the same as the target are not repeated."""
    affinity = unite(irq.affinity for irq in device.irqs)
    effective = unite(irq.effective for irq in device.irqs)
    if not device.irqs and device.target is None:  # the document has no interrupt of a device that is not placed
        parts = ["not placed: its interrupts are left as they are"]
    else:
        parts = [counted(len(device.irqs), "interrupt"), f"target {device.target or 'none'}"]
    if affinity and affinity != device.target:
        parts.append(f"set to {affinity}")
    is_astray = not effective <= (device.target or CpuSet())
    if effective and effective != affinity and (is_astray or arrivals is None):
        parts.append(f"sent to {effective}")
    if arrivals is not None:
        parts.append(describe_arrivals(arrivals))
    return " · ".join(parts)


def describe_arrivals(arrivals: DeviceArrivals) -> str:
    """Return where the interrupts of a device arrived."""
    if arrivals.rate is None:
        return "arrivals not known"
    came = CpuSet(cpu for cpu, count in arrivals.arrived.items() if count)
    if not came:
        return "none arrived"
    outside = f", {show_share(arrivals.outside)} outside" if arrivals.outside else ""
    return f"arrive on {came} ({show_rate(arrivals.rate)}{outside})"


def unite(sets: Iterable[CpuSet | None]) -> CpuSet:
    """Return all CPUs of several sets."""
    union = CpuSet()
    for cpus in set(sets):
        if cpus is not None:
            union |= cpus
    return union


def draw_scale(axis: Axis) -> Markup:
    """Return the names of the nodes, for above the strips."""
    shapes = []
    for band in axis.bands:
        name = "CPUs" if band.node is None else f"node {band.node}"
        shapes.append(element("text", name, x=f"{band.start:.2f}%", y=11))
    return element("svg", *shapes, class_="scale", aria_hidden="true", height=14)


def _bands(device: DeviceFacts, axis: Axis) -> Iterator[Markup]:
    """Yield the background of each node; that of the device's own node stands out."""
    for band in axis.bands:
        home = " home" if band.node is not None and band.node == device.numa_node else ""
        yield _rect(f"band{home}", band.start, band.width, 0, HEIGHT)


def _lane(kind: str, axis: Axis, cpus: CpuSet, top: float, height: float) -> Iterator[Markup]:
    for start, width in axis.runs(cpus):
        yield _rect(kind, start, width, top, height)


def _effective(device: DeviceFacts, axis: Axis, target: CpuSet) -> Iterator[Markup]:
    effective = unite(irq.effective for irq in device.irqs)
    yield from _lane("e", axis, effective & target, _FLOOR - 2, 3)
    yield from _lane("e out", axis, effective - target, _FLOOR - 2, 3)


def _bars(arrivals: DeviceArrivals | None, axis: Axis, target: CpuSet) -> Iterator[Markup]:
    """Yield a bar for each CPU where interrupts arrived; one outside the target is hollow and has a cross on it."""
    counts = {} if arrivals is None else {cpu: count for cpu, count in arrivals.arrived.items() if count > 0}
    most = max(counts.values(), default=1)
    for cpu, count in counts.items():
        height = max(3.0, _TALLEST * count / most)
        for start, width in axis.runs([cpu]):
            kind = "r" if cpu in target else "r out"
            yield _rect(kind, start, width, _FLOOR - 2 - height, height)
            if cpu not in target:
                yield _cross(start + width / 2, _FLOOR - 2 - height)


def _cross(middle: float, top: float) -> Markup:
    return element("text", _CROSS, class_="x", x=f"{middle:.2f}%", y=f"{max(top, 9):.0f}", text_anchor="middle")


def _rect(kind: str, start: float, width: float, top: float, height: float) -> Markup:
    place = f'x="{start:.2f}%" y="{top:.3g}" width="{max(width, 0.15):.2f}%" height="{height:.3g}"'
    return Markup(f'<rect class="{kind}" {place}></rect>')
