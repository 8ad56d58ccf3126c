# SPDX-License-Identifier: Apache-2.0
"""Which documents become a page, and which are refused."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.layout import NodeLayout
from irqaffinity.report.page.read import read_document
from tests.unit.report.page.documents import ARRIVALS, GUEST, OTHER, VF0, VF1, make_document, make_guest, make_older


def test_a_document_becomes_values() -> None:
    host = read_document(make_document(arrivals=ARRIVALS, rivals=["irqbalance"]))
    assert (host.name, host.time, host.dry_run, host.missing) == ("cmp-12", "2026-11-26T03:00:00Z", True, ())
    offline, isolated = CpuSet([7]), CpuSet.parse("2-6")
    cores = tuple(map(CpuSet.parse, ("0-1", "2-3", "4-5", "6")))
    assert host.nodes[0] == NodeLayout(0, CpuSet.parse("0-7"), offline, isolated, {0: CpuSet.parse("0-7")}, cores)
    assert host.guests[0].pins == {0: CpuSet([3]), 1: CpuSet([4]), 2: CpuSet([5]), 3: CpuSet([12])}
    assert [irq.number for irq in host.devices[0].irqs] == [40, 41]
    assert host.arrivals is not None
    assert host.arrivals.devices[VF1].arrived == {12: 9, 5: 1}
    assert host.arrivals.cpus[5].strangers == ("irq 36 nvme0q4",)
    assert host.rivals == ("irqbalance",)


def test_what_an_older_document_does_not_have_is_named() -> None:
    host = read_document(make_older())
    assert host.missing == ("how the CPUs of the host lie", "which CPU each vCPU is pinned to")
    assert (host.nodes, host.guests[0].pins, host.arrivals) == ((), None, None)


def test_fields_of_a_newer_program_do_not_matter() -> None:
    document = make_document(intruders=[], holds=[])
    document["guests"][0]["flavor"] = "nfv"
    assert read_document(document).name == "cmp-12"


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["instance-0000000a", "instance-0000000b"], ["0a", "0b"]),
        (["web", "db"], ["db", "web"]),
        (["one"], ["one"]),
        (["a-very-long-name-of-one"], ["…-of-one"]),
        (["x" * 30 + "-database", "y" * 30 + "-database"], ["#1", "#2"]),
        (["", ""], ["#1", "#2"]),
        (["vm", "vm"], ["#1", "#2"]),
        (["vm", "vm1"], ["vm", "m1"]),
    ],
)
def test_each_guest_has_a_short_label_of_its_own(names: list[str], labels: list[str]) -> None:
    uuids = (GUEST, OTHER)
    guests = [make_guest(uuid, name=name) for uuid, name in zip(uuids, names, strict=False)]
    assert [guest.label for guest in read_document(make_document(guests=guests)).guests] == labels


def nested(document: dict[str, Any]) -> None:
    tags: list[Any] = []
    document["devices"][0]["tags"] = tags
    for _ in range(40):
        tags.append([])
        tags = tags[0]


def many_devices(document: dict[str, Any]) -> None:
    del document["nodes"]  # so that it may be as many CPUs as there can be
    document["devices"] *= 2101


def put(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        found: Any = document
        for step in path[:-1]:
            found = found[step]
        found[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (put("schema", value=2), "it is of schema 2, and this program knows 1"),
        (put("schema", value="1"), '"schema" is not a whole number'),
        (lambda document: document.pop("schema"), 'it has no "schema"'),
        (lambda document: document.pop("irqs"), 'it has no "irqs"'),
        (put("guests", value={}), '"guests" is not a list'),
        (put("guests", 0, value=7), 'an item of "guests" is not an object'),
        (put("irqs", 0, "irq", value=True), '"irq" is not a whole number'),
        (put("irqs", 0, "irq", value=1 << 70), '"irq" is not a whole number'),
        (put("irqs", 0, "current", value="0-x"), "'0-x' is neither a CPU number nor a range"),
        (put("irqs", 0, "target", value="0-65535"), "it names a CPU above 8191, which no kernel has"),
        (put("nodes", 0, "cpus", value="9000"), "it names a CPU above 8191, which no kernel has"),
        (put("guests", 0, "vcpu_pins", value={"x": "1"}), "'x' is neither a CPU number nor a range"),
        (put("guests", 0, "vcpu_pins", value={"0-3": "1"}), "'0-3' is not the number of a CPU"),
        (put("guests", 0, "message", value=["x"]), '"message" is not a text'),
        (put("dry_run", value=1), '"dry_run" is not a truth value'),
        (put("arrivals", value={"seconds": 1.0}), '"arrivals" has no "devices"'),
        (many_devices, "it has 4202 devices, more than a page can show"),
        (nested, "it has more than 32 lists and objects within each other"),
    ],
)
def test_a_document_that_is_none_is_refused_in_one_line(change: Callable[[dict[str, Any]], Any], told: str) -> None:
    document = make_document()
    change(document)
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        read_document(document)
    assert "\n" not in str(caught.value)


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="it is not an object"):
        read_document([])  # type: ignore[arg-type]


def test_a_device_that_two_guests_claim_stands_there_for_each() -> None:
    document = make_document(guests=[make_guest(), make_guest(OTHER)])
    document["devices"].append({**document["devices"][0], "guest": OTHER})
    assert [(device.address, device.guest) for device in read_document(document).devices] == [
        (VF0, GUEST),
        (VF1, GUEST),
        (VF0, OTHER),
    ]
