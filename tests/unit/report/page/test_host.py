# SPDX-License-Identifier: Apache-2.0
"""The picture of the host: its nodes, CPUs, vCPUs and devices."""

from typing import Any

from irqaffinity.report.page.host import draw_host
from irqaffinity.report.page.read import read_document
from tests.unit.report.page.documents import (
    ARRIVALS,
    NODES,
    OTHER,
    VF0,
    VF1,
    make_device,
    make_document,
    make_guest,
    make_irq,
    make_older,
)
from tests.unit.report.page.parsed import Element, parse


def draw(**changed: Any) -> Element:
    return parse("".join(draw_host(read_document(make_document(**changed)))))


def cell(drawn: Element, cpu: int) -> Element:
    return drawn.find("div", id=f"cpu{cpu}")[0]


def test_each_node_has_its_cpus_with_siblings_in_one_frame_and_its_devices() -> None:
    drawn = draw()
    panels = drawn.find("section", class_="node")
    assert [panel.find("h3")[0].text for panel in panels] == [
        "Node 0 CPUs 0-7 · socket 0 · isolated 2-6 · offline 7",
        "Node 1 CPUs 8-15 · socket 1 · 4 cores of 2 threads",
    ]
    frames = [[div.attributes["id"] for div in frame.find("div")] for frame in panels[1].find("li", class_="core")]
    assert frames == [["cpu8", "cpu10"], ["cpu9", "cpu11"], ["cpu12", "cpu13"], ["cpu14", "cpu15"]]
    assert [panel.find("p", class_="who")[0].text for panel in panels] == [
        f"{VF0} instance-0000000a",
        f"{VF1} instance-0000000a",
    ]


def test_a_cpu_names_its_vcpu_and_what_is_sent_to_it() -> None:
    drawn = draw(arrivals=ARRIVALS)
    assert cell(drawn, 3).text == "CPU 3iso◆…000000a·0↓21.0k/s"
    link = cell(drawn, 3).find("a")[0]
    assert link.attributes["href"] == "#g0"
    assert link.attributes["aria-label"] == "vCPU 0 of instance-0000000a; may serve its interrupts"
    assert cell(drawn, 5).text == "CPU 5iso…000000a·230/s"
    assert cell(drawn, 0).text == "CPU 0"
    assert cell(drawn, 7).text == "CPU 7offline"
    assert [cell(drawn, cpu).attributes["class"] for cpu in (0, 3, 7)] == ["cpu none", "cpu h0", "cpu none off"]


def test_interrupts_of_another_guest_and_a_cpu_that_two_have_are_marked() -> None:
    other = make_guest(OTHER, name="instance-0000000b", vcpu_pins={"0": "3", "1": "3", "2": "6"})
    drawn = draw(guests=[make_guest(), other], irqs=[make_irq(40, effective="6"), make_irq(41, guest=None)])
    assert cell(drawn, 6).text == "CPU 6iso0b·2↓1!1"
    assert cell(drawn, 3).text == "CPU 3iso◆0a·0 ◆0b·0 +1 more↓1!1"
    assert "crowd" in (cell(drawn, 3).attributes["class"] or "")
    assert cell(drawn, 3).attributes["data-g"] == "0 1"


def test_vcpus_that_share_cpus_are_listed() -> None:
    drawn = draw(guests=[make_guest(vcpu_pins={"0": "3", "1": "8-15", "2": "8-15"})])
    assert drawn.find("ul", class_="plain")[0].text == "instance-0000000a: vCPUs 1-2 on any of CPUs 8-15"


def test_devices_of_a_node_that_is_not_there_and_released_ones_are_shown_too() -> None:
    drawn = draw(devices=[make_device(numa_node=None), make_device(VF1, guest=None, numa_node=7)], guests=[])
    *_, last = drawn.find("section", class_="node")
    assert last.find("h3")[0].text == "No node, or one that is not known"
    assert [who.text for who in last.find("p", class_="who")] == [f"{VF0} guest not known", f"{VF1} given back"]
    drawn = draw(devices=[make_device(VF1, guest=None)], irqs=[make_irq(50, VF1, guest=None, verdict="held")])
    assert [who.text for who in drawn.find("p", class_="who")] == [f"{VF1} not given back yet"]


def test_cpus_of_no_node_have_a_panel() -> None:
    drawn = draw(nodes=[{**NODES[0], "node": None}])
    panel = drawn.find("section", class_="node")[0]
    assert panel.find("h3")[0].text.startswith("CPUs of no node")
    assert len(panel.find("div", class_="cpu")) == 8
    assert len(panel.find("svg", class_="strip")) == 2


def test_without_nodes_there_are_strips_and_no_cpus() -> None:
    drawn = parse("".join(draw_host(read_document(make_older()))))
    assert (len(drawn.find("svg", class_="strip")), drawn.find("div", class_="cpu")) == (2, [])


def test_interrupts_are_counted_by_the_cpus_that_they_may_be_sent_to() -> None:
    irqs = [make_irq(number, effective=cpus) for number, cpus in enumerate(("0-3", "2,4", "2", "15"))]
    host = read_document(
        make_document(irqs=[*irqs, make_irq(9, guest=None, effective="3-4"), make_irq(10, effective="")])
    )
    found = {cpu: (load.irqs, load.foreign) for cpu, load in host.load_on.items()}
    assert found == {0: (1, 0), 1: (1, 0), 2: (3, 0), 3: (2, 1), 4: (2, 1), 15: (1, 0)}
