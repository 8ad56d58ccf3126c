# SPDX-License-Identifier: Apache-2.0
"""The strip of a device: its target, where its interrupts are set to, where they arrive."""

from typing import Any

from irqaffinity.report.page.axis import make_axis
from irqaffinity.report.page.read import read_document
from irqaffinity.report.page.strip import draw_scale, draw_strip
from tests.unit.report.page.documents import ARRIVALS, VF0, make_device, make_document, make_irq
from tests.unit.report.page.parsed import Element, parse

STEP = 98 / 16
"""Percent that a CPU has of the strip: two nodes of eight, and a gap."""


def strip(number: int = 0, **changed: Any) -> Element:
    host = read_document(make_document(**changed))
    return parse(draw_strip(host.devices[number], host, make_axis(host))).find("svg")[0]


def places(drawn: Element, kind: str) -> list[tuple[str | None, str | None]]:
    """Return where the shapes of just this kind begin and how wide they are."""
    shapes = drawn.find("rect", **{"class": kind})
    return [(shape.attributes["x"], shape.attributes["width"]) for shape in shapes]


def test_an_interrupt_in_its_place_is_drawn_below_its_target() -> None:
    drawn = strip()
    both = [(f"{3 * STEP:.2f}%", f"{2 * STEP:.2f}%")]
    assert places(drawn, "t") == places(drawn, "a") == both
    assert places(drawn, "a out") == places(drawn, "r") == []
    assert places(drawn, "e") == [(f"{3 * STEP:.2f}%", f"{STEP:.2f}%")]
    assert drawn.attributes["aria-label"] == f"{VF0}: 2 interrupts · target 3-4 · sent to 3"


def test_what_is_set_to_cpus_outside_the_target_is_drawn_apart() -> None:
    drawn = strip(irqs=[make_irq(40, current="0-7", effective="7", verdict="would_set")])
    assert places(drawn, "a") == [(f"{3 * STEP:.2f}%", f"{2 * STEP:.2f}%")]
    assert places(drawn, "a out") == [("0.00%", f"{3 * STEP:.2f}%"), (f"{5 * STEP:.2f}%", f"{3 * STEP:.2f}%")]
    assert places(drawn, "e out") == [(f"{7 * STEP:.2f}%", f"{STEP:.2f}%")]
    assert drawn.attributes["aria-label"] == f"{VF0}: 1 interrupt · target 3-4 · set to 0-7 · sent to 7"


def test_what_arrived_is_a_bar_and_a_stray_one_has_a_cross() -> None:
    drawn = strip(arrivals=ARRIVALS)
    tall, short = drawn.find("rect", **{"class": "r"})
    assert float(tall.attributes["height"] or 0) > float(short.attributes["height"] or 0) > 0
    assert drawn.find("text") == []
    assert (drawn.attributes["aria-label"] or "").endswith("target 3-4 · arrive on 3-4 (1.2k/s)")
    stray = strip(1, arrivals=ARRIVALS)
    assert places(stray, "r out") == [(f"{5 * STEP:.2f}%", f"{STEP:.2f}%")]
    assert [cross.text for cross in stray.find("text")] == ["\N{MULTIPLICATION SIGN}"]
    assert (stray.attributes["aria-label"] or "").endswith("arrive on 5,12 (5.0/s, 10 % outside)")


def test_what_nobody_counted_is_said_so() -> None:
    devices = [{"address": VF0, "rate": None, "arrived": {}, "outside": None}]
    drawn = strip(arrivals={"seconds": 1.0, "devices": devices, "cpus": []})
    assert (drawn.attributes["aria-label"] or "").endswith("arrivals not known")
    devices[0]["rate"] = 0.0
    drawn = strip(arrivals={"seconds": 1.0, "devices": devices, "cpus": []})
    assert (drawn.attributes["aria-label"] or "").endswith("none arrived")


def test_a_device_that_is_not_placed_says_so() -> None:
    drawn = strip(devices=[make_device(target=None, reason="mdev")], irqs=[])
    assert drawn.attributes["aria-label"] == f"{VF0}: not placed: its interrupts are left as they are"
    assert [places(drawn, kind) for kind in ("t", "a", "e")] == [[], [], []]


def test_the_own_node_of_a_device_stands_out_and_the_scale_names_all() -> None:
    drawn = strip(1)
    assert [len(drawn.find("rect", class_=kind)) for kind in ("band", "band home")] == [2, 1]
    assert drawn.find("rect", class_="band home")[0].attributes["x"] == f"{8 * STEP + 2:.2f}%"
    scale = parse(draw_scale(make_axis(read_document(make_document()))))
    assert [text.text for text in scale.find("text")] == ["node 0", "node 1"]
