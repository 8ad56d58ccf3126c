# SPDX-License-Identifier: Apache-2.0
"""Isolation on the page: the marks of CPUs, the table of intruders, and what is wrong."""

from typing import Any

import pytest

from irqaffinity.report.page.read import read_document
from irqaffinity.report.page.render import render_page
from irqaffinity.report.page.troubles import Weight, find_troubles
from tests.unit.report.page.documents import GUEST, OTHER, make_document, make_guest, make_intruder, make_isolation
from tests.unit.report.page.parsed import Element, parse


def queue(number: int, cpu: int) -> dict[str, Any]:
    row = make_intruder(number, f"nvme0q{cpu}", str(cpu), movable=False, verdict="managed", arrived=10)
    return {**row, "device": "0000:03:00.0"}


def page(**changed: Any) -> Element:
    guests = [make_guest(), make_guest(OTHER, name="instance-0000000b", vcpu_pins={"0": "2"})]
    return parse(render_page(make_document(guests=guests, **make_isolation(**changed))))


def rows(found: Element) -> list[list[str]]:
    section = found.find("section", id="intruders")[0]
    return [[cell.text for cell in row.find("td")] for row in section.find("tr")[1:]]


def test_kept_and_housekeeping_cpus_and_intruders_are_marked() -> None:
    found = page(intruders=[queue(103, 3), make_intruder(9, "acpi", "2-3"), make_intruder(8, "rtc0", "3")])
    cells = {cpu: found.find("div", id=f"cpu{cpu}")[0] for cpu in (0, 2, 3, 5)}
    assert [[mark.text for mark in cells[cpu].find("i")] for cpu in (0, 2, 3, 5)] == [
        ["house"],
        ["iso", "kept"],
        ["iso", "kept"],
        ["iso", "kept"],
    ]
    assert [[mark.text for mark in cells[cpu].find("strong")] for cpu in (0, 2, 3, 5)] == [[], ["⚑1"], ["⚑3"], []]
    assert cells[2].find("strong")[0].attributes["title"] == "1 interrupt may come here that is not its guest's"


def test_intruders_that_differ_in_numbers_share_a_row() -> None:
    moved = make_intruder(44, "eth0", "2", target="0-1", verdict="would_set", arrived=3)
    others = make_intruder(40, "vfio-msix[0]", "2", guests=[OTHER, GUEST], owner=GUEST)
    found = page(
        intruders=[queue(103, 3), queue(105, 5), moved, others, make_intruder(9, "acpi", "2", guests=["gone"])]
    )
    assert rows(found) == [
        ["103,105", "nvme0q*", "0000:03:00.0", "3,5", "instance-0000000a", "no: managed", "20"],
        ["44", "eth0", "-", "2", "instance-0000000a", "yes: would_set to 0-1", "3"],
        [
            "40",
            "vfio-msix[0]",
            "-",
            "2",
            "instance-0000000b, instance-0000000a",
            "it is of guest instance-0000000a",
            "-",
        ],
        ["9", "acpi", "-", "2", "gone", "yes", "-"],
    ]
    section = found.find("section", id="intruders")[0]
    assert section.find("p")[0].text == (
        "[isolation] mode is report. Kept for guests: CPUs 2-6. Housekeeping: CPUs 0-1,8-9."
    )
    assert section.find("a")[0].attributes["href"] == "#g0"


def test_housekeeping_cpus_that_are_named_but_offline_are_not_said_to_be_unnamed() -> None:
    section = page(housekeeping="").find("section", id="intruders")[0]
    assert section.find("p")[0].text.endswith(" Housekeeping: none is named and online.")


def test_of_many_guests_a_row_names_a_few() -> None:
    many = [f"{number:08x}-0000-0000-0000-000000000000" for number in range(7)]
    assert rows(page(intruders=[make_intruder(9, "acpi", "2", guests=many)]))[0][4] == f"{', '.join(many[:4])}, 3 more"


def test_a_clean_host_says_so_and_one_that_nobody_looked_at_says_nothing() -> None:
    section = page().find("section", id="intruders")[0]
    assert [text.text for text in section.find("p")][1:] == [
        "No interrupt comes to a CPU of a guest that does not own it."
    ]
    for document in (
        make_document(),
        make_document(**make_isolation(mode="off")),
        make_document(**make_isolation(mode=None)),
    ):
        found = parse(render_page(document))
        assert found.find("section", id="intruders") == []
        assert found.find("i", title="housekeeping CPU: it does the host's work") == []


def test_what_is_wrong_with_isolation_is_a_trouble() -> None:
    failed = {"irq": 44, "name": None, "device": None, "current": "2", "target": "0", "effective": None}
    changed = make_isolation(
        mode="enforce",
        message="1 housekeeping CPU is online",
        default={"current": "0-15", "target": "0-1", "verdict": "denied", "message": "Read-only file system"},
        irqs=[
            {**failed, "verdict": "no_vector", "reason": None, "message": None},
            {**failed, "irq": 45, "verdict": "set", "reason": None, "message": None},
        ],
        intruders=[queue(103, 3), make_intruder(9, "acpi", "2")],
        headroom=[
            {"node": 0, "cpu": 3, "free": 12, "capacity": 202, "exact": True},
            {"node": 1, "cpu": 8, "free": 120, "capacity": 202, "exact": True},
        ],
    )
    troubles = {trouble.word: trouble for trouble in find_troubles(read_document(make_document(**changed)))}
    assert (troubles["isolation held up"].weight, troubles["isolation held up"].sentence) == (
        Weight.ERROR,
        "1 housekeeping CPU is online",
    )
    assert [(item.name, item.detail) for item in troubles["isolation"].items] == [
        ("the default affinity", "denied: Read-only file system"),
        ("irq 44", "no_vector"),
    ]
    (short,) = troubles["few vectors"].items
    assert (short.anchor, short.detail) == ("cpu3", "CPU 3 of node 0 has 12 of 202 interrupt vectors free")
    assert troubles["intruders"].weight is Weight.NOTE
    assert troubles["intruders"].sentence.endswith("; 1 of these can be moved")
    section = page(headroom=changed["headroom"]).find("section", id="intruders")[0]
    assert section.find("p")[-1].text == "CPU 8 of node 1 has 120 of 202 interrupt vectors free."


@pytest.mark.parametrize("cpus", ["x", "8192", "3-1"])
def test_cpus_that_are_none_are_refused(cpus: str) -> None:
    with pytest.raises(ValueError, match=r"CPU|range"):
        read_document(make_document(**make_isolation(intruders=[make_intruder(9, "acpi", cpus)])))
