# SPDX-License-Identifier: Apache-2.0
"""Reads a document of `audit -f json`. An older or another program may have made it; it may be damaged or hostile."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.layout import NodeLayout
from irqaffinity.model.shape import check_shape
from irqaffinity.model.text import clean
from irqaffinity.report.document import SCHEMA
from irqaffinity.report.holds import hold_lines
from irqaffinity.report.page.facts import (
    Arrivals,
    CpuArrivals,
    DeviceArrivals,
    DeviceFacts,
    GuestFacts,
    HostPicture,
    IrqFacts,
    LeftOutElement,
)
from irqaffinity.report.page.read_isolation import read_isolation
from irqaffinity.report.page.shape import DOCUMENT
from irqaffinity.report.page.values import MOST_CPUS, cpus_of, set_of, text_of

MOST_DRAWN = 1 << 25
"""The most devices times CPUs that a page draws; 2,048 interrupts on 256 CPUs have a thousandth of it."""

_SHORT = 8
"""Characters of a guest's label, which has to fit beside a CPU's number."""


def read_document(document: Mapping[str, Any]) -> HostPicture:
    """Return the host that a document describes; raise ValueError, which says in one line what is wrong."""
    check_shape(document, {"schema": int})
    if document["schema"] != SCHEMA:
        raise ValueError(f"it is of schema {document['schema']}, and this program knows {SCHEMA}")
    check_shape(document, DOCUMENT)
    nodes = tuple(_node(node) for node in document.get("nodes", ()))
    if len(document["devices"]) * (sum(len(node.cpus) for node in nodes) or MOST_CPUS) > MOST_DRAWN:
        raise ValueError(f"it has {len(document['devices'])} devices, more than a page can show")
    irqs = tuple(_irq(irq) for irq in document["irqs"])
    facts, arrivals = document["host_facts"], document.get("arrivals")
    return HostPicture(
        name=clean(document["host"]),
        time=clean(document["time"]),
        dry_run=document["dry_run"],
        posted_interrupts=facts["posted_interrupts"],
        msi_source=clean(facts["msi_source"]),
        state_unsaved=text_of(document.get("state_unsaved")),
        pass_error=text_of(document.get("pass_error")),
        only=tuple(map(clean, document.get("only", ()))),
        rivals=tuple(map(clean, document.get("rivals", ()))),
        nodes=nodes,
        guests=tuple(_guests(document["guests"])),
        devices=tuple(_devices(document["devices"], irqs)),
        irqs=irqs,
        arrivals=None if arrivals is None else _arrivals(arrivals),
        missing=tuple(_missing(document)),
        isolation=read_isolation(document),
        holds=tuple(map(clean, hold_lines(document.get("holds", ()), document["time"], _names(document)))),
    )


def _names(document: Mapping[str, Any]) -> Mapping[str, str]:
    return {guest["uuid"]: guest["name"] for guest in document["guests"]}


def _missing(document: Mapping[str, Any]) -> Iterator[str]:
    if not document.get("nodes"):
        yield "how the CPUs of the host lie"
    if any("vcpu_pins" not in guest for guest in document["guests"]):
        yield "which CPU each vCPU is pinned to"


def _node(node: Mapping[str, Any]) -> NodeLayout:
    return NodeLayout(
        node["node"],
        set_of(node["cpus"]),
        cpus_of(node["offline"]),
        cpus_of(node["isolated"]),
        _by_number(node["sockets"]),
        tuple(map(set_of, node["cores"])),
    )


def _guests(guests: Sequence[Mapping[str, Any]]) -> Iterator[GuestFacts]:
    """Give the guests by name."""
    known = sorted(guests, key=lambda guest: (guest["name"], guest["uuid"]))
    labels = _labels([clean(guest["name"]) for guest in known])
    for index, guest in enumerate(known):
        pins = guest.get("vcpu_pins")
        yield GuestFacts(
            order=index,
            uuid=clean(guest["uuid"]),
            name=clean(guest["name"]),
            label=labels[index],
            vcpus=guest["vcpus"],
            mask=text_of(guest["mask"]),
            mask_source=clean(guest["mask_source"]),
            pins=None if pins is None else _by_number(pins),
            irq_vcpus=cpus_of(guest["irq_vcpus"]),
            irq_pcpus=cpus_of(guest["irq_pcpus"]),
            status=clean(guest["status"]),
            reason=text_of(guest["reason"]),
            message=text_of(guest["message"]),
            left_out=tuple(
                LeftOutElement(clean(left["element"]), clean(left["reason"]), clean(left["message"]))
                for left in guest.get("left_out", ())
            ),
        )


def _labels(names: Sequence[str]) -> Sequence[str]:
    """Return a short label for each name, no two alike: its end without the beginning that all share, or a number."""
    alike = itertools.takewhile(lambda chars: len(set(chars)) == 1, zip(*names, strict=False))
    shared = sum(1 for _ in alike) if len(names) > 1 else 0
    kept = [name[min(shared, max(0, len(name) - 2)) :] for name in names]
    short = [name if len(name) <= _SHORT else f"…{name[1 - _SHORT :]}" for name in kept]
    counts = Counter(short)
    return [name if name and counts[name] == 1 else f"#{index + 1}" for index, name in enumerate(short)]


def _devices(devices: Sequence[Mapping[str, Any]], irqs: Sequence[IrqFacts]) -> Iterator[DeviceFacts]:
    """Yield the devices with their interrupts; where two guests claim a device, its interrupts belong to neither."""
    by_device: dict[str, list[IrqFacts]] = defaultdict(list)
    for irq in irqs:
        by_device[irq.device].append(irq)
    for index, device in enumerate(devices):
        address = clean(device["address"])
        yield DeviceFacts(
            order=index,
            address=address,
            guest=text_of(device["guest"]),
            numa_node=device["numa_node"],
            driver=text_of(device["driver"]),
            target=cpus_of(device["target"]),
            reason=text_of(device["reason"]),
            message=text_of(device["message"]),
            irqs=tuple(by_device[address]),
        )


def _irq(irq: Mapping[str, Any]) -> IrqFacts:
    return IrqFacts(
        irq["irq"],
        clean(irq["device"]),
        text_of(irq["guest"]),
        cpus_of(irq["current"]),
        cpus_of(irq["target"]),
        cpus_of(irq["effective"]),
        clean(irq["verdict"]),
        text_of(irq["reason"]),
        text_of(irq["message"]),
    )


def _arrivals(arrivals: Mapping[str, Any]) -> Arrivals:
    return Arrivals(
        arrivals["seconds"],
        {
            clean(device["address"]): DeviceArrivals(
                device["rate"], {_number(cpu): count for cpu, count in device["arrived"].items()}, device["outside"]
            )
            for device in arrivals["devices"]
        },
        {
            cpu["cpu"]: CpuArrivals(cpu["rate"], cpu["foreign"], tuple(map(_stranger, cpu["foreign_irqs"])))
            for cpu in arrivals["cpus"]
        },
    )


def _stranger(irq: Mapping[str, Any]) -> str:
    return f"irq {irq['irq']} {clean(irq['name'])}".rstrip()


def _by_number(sets: Mapping[str, str]) -> Mapping[int, CpuSet]:
    return {_number(number): set_of(cpus) for number, cpus in sets.items()}


def _number(text: str) -> int:
    """Return the number that a field has as its name; raise ValueError."""
    found = CpuSet.parse(text)
    if len(found) != 1:
        raise ValueError(f"{text[:40]!r} is not the number of a CPU")
    return min(found)
