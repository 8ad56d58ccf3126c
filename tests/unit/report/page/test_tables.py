# SPDX-License-Identifier: Apache-2.0
"""The tables of a page."""

from typing import Any

from irqaffinity.model.verdict import Status
from irqaffinity.report.page.facts import HostPicture
from irqaffinity.report.page.read import read_document
from irqaffinity.report.page.tables import tabulate_devices, tabulate_guests, tabulate_interrupts
from tests.unit.report.page.documents import (
    ARRIVALS,
    GUEST,
    OTHER,
    VF0,
    make_device,
    make_document,
    make_guest,
    make_irq,
)
from tests.unit.report.page.parsed import Element, parse


def host(**changed: Any) -> HostPicture:
    return read_document(make_document(**changed))


def cells(table: Element) -> list[list[str]]:
    return [[cell.text for cell in row.find("td")] for row in table.find("tbody")[0].find("tr")]


def test_guests() -> None:
    broken = make_guest(OTHER, name="", vcpus=None, mask=None, status="xml_invalid", irq_vcpus=None, irq_pcpus=None)
    found = parse(tabulate_guests(host(guests=[make_guest(reason="cpus_overlap"), broken])))
    assert cells(found) == [
        [f"#1 - {OTHER}", "-", "-", "-", "0", f"xml_invalid  {Status.XML_INVALID.sentence}"],
        [
            f"…000000a instance-0000000a {GUEST}",
            "4",
            "^2 (metadata)",
            "vCPUs 0-1,3 on CPUs 3-4,12",
            "2",
            "placed cpus_overlap ",
        ],
    ]
    assert [row.attributes["id"] for row in found.find("tbody")[0].find("tr")] == ["g0", "g1"]
    assert found.find("span", class_="word error")[0].text == "xml_invalid"
    assert found.find("span", class_="word warning")[0].text == "cpus_overlap"


def test_devices() -> None:
    irqs = [make_irq(40), make_irq(41), make_irq(42, current="0-7", verdict="denied")]
    devices = [make_device(reason="remote_node", message="far"), make_device("0000:42:00.0", guest=None, target=None)]
    found = parse(tabulate_devices(host(irqs=irqs, devices=devices)))
    assert cells(found) == [
        [VF0, "0", "vfio-pci", "instance-0000000a", "40-42", "3-4", "0-7", "2 ok 1 denied", "remote_node far"],
        ["0000:42:00.0", "1", "vfio-pci", "-", "-", "-", "-", "-", ""],
    ]
    counted = parse(tabulate_devices(host(arrivals=ARRIVALS)))
    assert [row[7] for row in cells(counted)] == ["on 3-4 (1.2k/s)", "on 5,12 (5.0/s, 10 % outside)"]


def test_a_long_list_of_cpus_can_be_broken_behind_a_comma_alone() -> None:
    target = "0-2,4-6,8-10,12-14"
    found = parse(tabulate_devices(host(devices=[make_device(target=target)])))
    cell = found.find("td", **{"data-h": "Target"})[0]
    assert cell.text == target
    assert (len(cell.find("span", class_="nb")), len(cell.find("wbr"))) == (4, 3)


def test_interrupts_that_are_alike_are_one_row_and_open_where_a_write_failed() -> None:
    wrong = {"verdict": "no_vector", "reason": "backoff", "message": "No space left on device"}
    irqs = [make_irq(number, effective=str(3 + number // 2 % 2)) for number in range(40, 48)]
    irqs.append(make_irq(60, "0000:81:00.1", **wrong))
    fine, failed = parse("".join(tabulate_interrupts(host(irqs=irqs)))).find("details")
    assert fine.find("summary")[0].text == f"{VF0} instance-0000000a 8 interrupts: 8 ok"
    assert cells(fine) == [
        ["40-41,44-45", "3-4", "3-4", "3", "ok", ""],
        ["42-43,46-47", "3-4", "3-4", "4", "ok", ""],
    ]
    assert cells(failed)[0][4:] == [
        "no_vector",
        "backoff: no vector was free the last time; it is tried again later; No space left on device",
    ]
    assert ["open" in found.attributes for found in (fine, failed)] == [False, True]
