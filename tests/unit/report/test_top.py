# SPDX-License-Identifier: Apache-2.0
"""The tables of `top`, made from its document."""

from typing import Any

import pytest

from irqaffinity.report.fit import Cell
from irqaffinity.report.screen import Screen
from irqaffinity.report.top import Order, choose, foreign_line, head_line, render_top, wrong_lines
from irqaffinity.report.top_tables import By, table

GUESTS = "0b6f0c1a-8f5e-4c7e-9a55-6f2d1c3b7a10", "5d1d7c52-3f0e-4f0b-8a39-2b8f2a4d9c11"


def device(number: int, **others: Any) -> dict[str, Any]:
    """Return a row whose interrupts are all where they belong."""
    row = {
        "address": f"0000:41:00.{number}",
        "guest": GUESTS[number % 2],
        "name": f"vm-{10 - number}",
        "irqs": "40-43",
        "target": "2-3",
        "rate": 100.0 * number,
        "arrived": {"2": 200 * number} if number else {},
        "outside": 0.0 if number else None,
        "verdict": "ok",
        "reason": None,
    }
    return row | others


def cpu(number: int, *foreign: tuple[int, str, str | None, float]) -> dict[str, Any]:
    rates = [{"irq": i, "name": n, "guest": g, "guest_name": g and f"of {g}", "rate": r} for i, n, g, r in foreign]
    return {
        "cpu": number,
        "guest": GUESTS[0],
        "name": "vm-1",
        "vcpu": 4,
        "rate": 50.0,
        "foreign": sum(irq["rate"] for irq in rates),
        "foreign_irqs": rates,
    }


def intruder(number: int, name: str, rate: float, *guests: str | None, **others: Any) -> dict[str, Any]:
    """Return a row of an interrupt of the host that arrived on CPUs of guests of these names."""
    row = {
        "irq": number,
        "name": name,
        "device": None,
        "owner": None,
        "cpus": "2-3",
        "guests": list(GUESTS[: len(guests)]),
        "guest_names": list(guests),
        "rate": rate,
        "arrived": {"3": int(rate), "2": int(rate)},
        "movable": True,
    }
    return row | others


@pytest.fixture
def document() -> dict[str, Any]:
    summary = {"guests": 2, "devices": 3, "irqs": 12, "guests_in_error": 0, "failed": 0, "would_set": 0}
    guest = {"guest": GUESTS[0], "name": "vm-1", "devices": 2, "cpus": "2-3", "rate": 1.0, "arrived": {"2": 2}}
    return {
        "schema": 1,
        "host": "cmp-1",
        "time": "2026-11-26T12:00:00Z",
        "seconds": 2.0,
        "host_facts": {"posted_interrupts": False, "msi_source": "poll"},
        "summary": summary | {"rate": 300.0, "outside": 0.0, "foreign": 0.0},
        "devices": [device(0), device(1), device(2)],
        "guests": [guest | {"status": "placed", "outside": 0.0, "verdict": "ok"}],
        "cpus": [cpu(2), cpu(3, (24, "nvme0q1", None, 1.5), (50, "x", "b", 2.0), (51, "y", "b", 7.0))],
        "intruders": [
            intruder(24, "nvme0q1", 1.0, "vm-1", "vm-2", device="0000:03:00.0", movable=False),
            intruder(9, "acpi", 500.0, None, movable=None),
            intruder(33, "eth0-rx-1", 30.0, "vm-0"),
        ],
        "kernel": [],
    }


def cells(document: dict[str, Any], by: By, place: int) -> list[str]:
    line = table(document, by, document[by.key], None)[1 + place]
    return [cell.text.strip() for cell in line]


def test_a_device_tells_its_rates_by_cpu_in_a_second(document: dict[str, Any]) -> None:
    document["devices"][1] |= {"arrived": {"2": 2401, "9": 1}, "rate": 1201.0, "outside": 0.0004}
    assert cells(document, By.DEVICE, 1) == ["0000:41:00.1", "vm-9", "2-3", "1201", "<0.1%", "ok", "2:1200 9:0.5"]
    assert cells(document, By.DEVICE, 0) == ["0000:41:00.0", "vm-10", "2-3", "0", "-", "ok", "-"]


def test_what_is_outside_and_what_failed_is_wrong_and_nothing_else(document: dict[str, Any]) -> None:
    document["devices"][1] |= {"outside": 0.25, "verdict": "no_vector"}
    _, plain, wrong, _ = table(document, By.DEVICE, document["devices"], None)
    assert not any(cell.is_wrong for cell in plain)
    assert [cell.text.strip() for cell in wrong if cell.is_wrong] == ["25.0%", "no_vector"]


def test_a_device_without_verdicts_tells_why(document: dict[str, Any]) -> None:
    document["devices"][1] |= {"verdict": None, "reason": "no_irqs", "target": None, "rate": None, "outside": None}
    assert cells(document, By.DEVICE, 1)[2:6] == ["-", "-", "-", "no_irqs"]


def test_a_guest_in_error_tells_so(document: dict[str, Any]) -> None:
    document["guests"][0] |= {"status": "mask_invalid", "verdict": None}
    line = table(document, By.GUEST, document["guests"], None)[1]
    assert Cell("mask_invalid ", is_wrong=True) in line


def test_what_is_foreign_on_a_cpu_is_named_by_guest_or_handler(document: dict[str, Any]) -> None:
    assert cells(document, By.CPU, 1) == ["3", "vm-1", "4", "50.0", "10.5", "of b 9.0, nvme0q1 1.5"]
    assert cells(document, By.CPU, 0)[4:] == ["0", "-"]


def test_an_intruder_is_named_with_the_guests_that_it_disturbs(document: dict[str, Any]) -> None:
    first = cells(document, By.INTRUDER, 0)
    assert first == ["24", "nvme0q1", "0000:03:00.0", "no", "vm-1 vm-2", "1.0", "3:0.5 2:0.5"]
    assert cells(document, By.INTRUDER, 1)[2:5] == ["-", "-", GUESTS[0]]
    assert cells(document, By.INTRUDER, 2)[2:5] == ["-", "yes", "vm-0"]


@pytest.mark.parametrize(
    ("order", "turned", "expected"),
    [
        (Order.RATE, False, [9, 33, 24]),
        (Order.OUTSIDE, True, [24, 33, 9]),
        (Order.NAME, False, [9, 33, 24]),
        (Order.PLACE, False, [9, 33, 24]),
        (Order.VERDICT, False, [33, 24, 9]),
    ],
)
def test_intruders_are_ordered_by_rate_guest_device_and_whether_they_can_be_moved(
    document: dict[str, Any], order: Order, turned: bool, expected: list[int]
) -> None:
    assert [row["irq"] for row in choose(document, By.INTRUDER, (), order, turned=turned)] == expected


def test_what_is_foreign_stands_above_the_tables_of_cpus_and_intruders(document: dict[str, Any]) -> None:
    document["summary"]["foreign"] = 12.0
    assert foreign_line(document) == "foreign on CPUs of guests: 12.0/s"
    document["kernel"] = [{"row": word, "name": "", "rate": rate} for word, rate in (("LOC", 2002.0), ("RES", 5.0))]
    line = foreign_line(document)
    assert line == "foreign on CPUs of guests: 12.0/s; the kernel's own on each: LOC 1001, RES 2.5/s"
    shown = {by: line in render_top(document, by, Screen()) for by in By}
    assert shown == {By.DEVICE: False, By.GUEST: False, By.CPU: True, By.INTRUDER: True}


def test_the_printed_intruders_begin_with_the_one_that_arrives_most(document: dict[str, Any]) -> None:
    lines = render_top(document, By.INTRUDER, Screen()).split("\n")
    assert [line.split()[0] for line in lines if "vm-" in line or GUESTS[0] in line] == ["9", "33", "24"]


@pytest.mark.parametrize(
    ("order", "turned", "expected"),
    [
        (Order.RATE, False, [2, 1, 0]),
        (Order.RATE, True, [0, 1, 2]),
        (Order.NAME, False, [2, 1, 0]),
        (Order.PLACE, False, [0, 1, 2]),
        (Order.VERDICT, False, [1, 0, 2]),
        (Order.OUTSIDE, False, [2, 1, 0]),
        (Order.OUTSIDE, True, [1, 2, 0]),
    ],
)
def test_rows_are_ordered_and_what_is_not_known_comes_last(
    document: dict[str, Any], order: Order, turned: bool, expected: list[int]
) -> None:
    document["devices"][1] |= {"verdict": "denied"}
    document["devices"][2] |= {"outside": 0.5}
    rows = choose(document, By.DEVICE, (), order, turned=turned)
    assert [int(row["address"][-1]) for row in rows] == expected


@pytest.mark.parametrize(
    ("by", "words", "expected"),
    [
        (By.DEVICE, ["41:00.1"], 1),
        (By.DEVICE, [GUESTS[0]], 2),
        (By.DEVICE, [GUESTS[0], "vm-8"], 1),
        (By.DEVICE, ["nobody"], 0),
        (By.CPU, ["nvme0q1"], 1),
        (By.GUEST, ["placed"], 1),
        (By.INTRUDER, ["vm-2"], 1),
        (By.INTRUDER, [GUESTS[0]], 3),
        (By.INTRUDER, ["eth0"], 1),
    ],
)
def test_words_choose_the_rows_in_which_they_stand(
    document: dict[str, Any], by: By, words: list[str], expected: int
) -> None:
    assert len(choose(document, by, words, Order.RATE, turned=False)) == expected


def test_the_totals_and_what_is_wrong(document: dict[str, Any]) -> None:
    assert head_line(document) == "2 guests, 3 devices, 12 interrupts: 300/s, 0% outside their target"
    assert wrong_lines(document) == []
    document["summary"] |= {"guests_in_error": 1, "failed": 2, "would_set": 3, "outside": None, "rate": 1_234_567.0}
    assert head_line(document) == "2 guests, 3 devices, 12 interrupts: 1235k/s"
    assert wrong_lines(document) == ["1 guest in error, 2 interrupts cannot be placed, 3 interrupts not in place"]


def test_devices_with_arrivals_outside_are_wrong(document: dict[str, Any]) -> None:
    document["devices"][1] |= {"outside": 0.1}
    assert wrong_lines(document) == ["arrivals outside the target of 1 device"]
    document["devices"][1] |= {"outside": 0.099}
    assert wrong_lines(document) == []


def test_where_interrupts_are_posted_that_is_said(document: dict[str, Any]) -> None:
    document["host_facts"]["posted_interrupts"] = True
    said = "posted interrupts go to a running vCPU past the host: they are not counted here"
    assert wrong_lines(document) == [said]
    assert said in render_top(document, By.DEVICE, Screen())


def test_the_printed_table_is_ordered_by_guest_and_fits_the_screen(document: dict[str, Any]) -> None:
    document["devices"][1] |= {"outside": 0.25}
    text = render_top(document, By.DEVICE, Screen(60, is_coloured=True))
    assert [line.split()[1] for line in text.split("\n")[4:]] == ["vm-8", "vm-9", "vm-10"]
    assert "\x1b[1;31m  25.0% \x1b[0m" in text
    assert "\x1b" not in render_top(document, By.DEVICE, Screen())
