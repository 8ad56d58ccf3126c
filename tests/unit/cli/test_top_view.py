# SPDX-License-Identifier: Apache-2.0
"""What the live view shows, and what the keys do; without a terminal."""

from typing import Any

import pytest

from irqaffinity.cli.top_view import HELP, Around, View
from irqaffinity.report.top import Order
from irqaffinity.report.top_tables import By
from irqaffinity.report.width import display_width
from tests.unit.report.test_top import device, document

AROUND = Around(2.0, 0.013)
__all__ = ["document"]


@pytest.fixture
def many(document: dict[str, Any]) -> dict[str, Any]:
    """A document of 40 devices."""
    document["devices"] = [device(1, address=f"0000:41:{slot:02x}.0", rate=float(slot)) for slot in range(40)]
    return document


def shown(
    view: View, document: dict[str, Any] | None, width: int = 80, height: int = 24, around: Around = AROUND
) -> str:
    lines = view.lines(document, around, width, height)
    assert len(lines) <= height
    texts = ["".join(cell.text for cell in line) for line in lines]
    assert all(display_width(text) <= width for text in texts)
    return "\n".join(texts)


def first_row(view: View, document: dict[str, Any]) -> str:
    return shown(view, document).split("\n")[5][:12]


def press(view: View, *keys: str) -> None:
    for key in keys:
        view.press(key)


def test_the_head_tells_host_time_pace_and_cost(document: dict[str, Any]) -> None:
    view = View(By.DEVICE)
    head = shown(view, document).split("\n")[0]
    assert head == "irqaffinity top  cmp-1  12:00:00Z  every 2.0 s, own cost 1.3% of a CPU"
    assert "slowed for it" in shown(view, document, 100, around=Around(7.5, 0.08, is_slowed=True))


def test_what_is_wrong_stands_in_the_head_and_is_marked(document: dict[str, Any]) -> None:
    view = View(By.DEVICE)
    assert "nothing is known to be wrong" in shown(view, document)
    document["summary"]["failed"] = 1
    document["host_facts"]["posted_interrupts"] = True
    lines = view.lines(document, Around(2.0, 0.0, trouble="guests are shown as of 11:59:00Z: libvirt is away"), 120, 24)
    assert lines[2][0].is_wrong
    assert lines[2][0].text == "wrong: guests are shown as of 11:59:00Z: libvirt is away; 1 interrupt cannot be placed"
    assert lines[3][0].text.startswith("posted interrupts go to a running vCPU")


def test_the_kernels_own_stands_beside_what_is_foreign(document: dict[str, Any]) -> None:
    document["kernel"] = [{"row": "LOC", "name": "Local timer interrupts", "rate": 500.0, "arrived": {"2": 1000}}]
    document["host_facts"]["posted_interrupts"] = True
    notes = [shown(View(by), document, 200).split("\n")[3] for by in (By.DEVICE, By.INTRUDER)]
    assert "LOC" not in notes[0]
    assert notes[1] == f"{notes[0]}; foreign on CPUs of guests: 0/s; the kernel's own on each: LOC 250/s"


def test_before_the_first_interval_it_says_when(document: dict[str, Any]) -> None:
    assert "The first interval takes 2 s." in shown(View(By.DEVICE), None)


def test_a_terminal_that_became_too_small_is_told_what_is_needed(document: dict[str, Any]) -> None:
    assert shown(View(By.DEVICE), document, 39, 24) == "40 x 10 are needed"
    assert shown(View(By.DEVICE), document, 8, 1) == "40 x 10…"
    assert shown(View(By.DEVICE), document, 0, 0) == ""


@pytest.mark.parametrize("by", list(By))
@pytest.mark.parametrize(("width", "height"), [(40, 10), (80, 24), (200, 60)])
def test_every_size_is_filled_and_none_is_exceeded(by: By, width: int, height: int, document: dict[str, Any]) -> None:
    assert shown(View(by), document, width, height).count("\n") == height - 1


def test_a_key_orders_and_the_same_key_turns_it_round(document: dict[str, Any]) -> None:
    view = View(By.DEVICE)
    assert first_row(view, document) == "0000:41:00.2"
    press(view, "r")
    assert first_row(view, document) == "0000:41:00.0"
    press(view, "d")
    assert (view.order, view.is_turned) == (Order.PLACE, False)
    press(view, "d")
    assert first_row(view, document) == "0000:41:00.2"
    assert "turned round" in shown(view, document)


def test_b_and_tab_go_through_the_tables(document: dict[str, Any]) -> None:
    view = View(By.DEVICE)
    for key, by in (("b", By.GUEST), ("tab", By.CPU), ("b", By.INTRUDER), ("tab", By.DEVICE)):
        press(view, key)
        assert view.by is by


def test_the_filter_works_while_it_is_typed_and_escape_takes_it_away(document: dict[str, Any]) -> None:
    view = View(By.DEVICE)
    press(view, "/", *"VM-9q")
    assert "no line has these words" in shown(view, document)
    assert shown(view, document).endswith("/VM-9q_")
    press(view, "backspace")
    assert first_row(view, document) == "0000:41:00.1"
    press(view, "enter", "r")
    assert (view.words, view.has_ended) == ("VM-9", False)
    assert "only: VM-9" in shown(view, document)
    press(view, "escape")
    assert view.words == ""
    press(view, "/", "x", "escape")
    assert view.words == ""


def test_the_table_moves_by_lines_and_pages_and_not_beyond_its_ends(many: dict[str, Any]) -> None:
    view = View(By.DEVICE)
    press(view, "d")
    assert first_row(view, many) == "0000:41:00.0"
    for key, row in (("down", 1), ("page down", 19), ("up", 18), ("end", 22), ("down", 22), ("home", 0), ("up", 0)):
        press(view, key)
        assert first_row(view, many) == f"0000:41:{row:02x}.0"


def test_pause_help_look_and_leave(document: dict[str, Any]) -> None:
    view = View(By.DEVICE)
    press(view, "p")
    assert shown(view, document).startswith("PAUSED  ")
    press(view, " ", "l")
    assert (view.is_paused, view.wants_look) == (False, True)
    press(view, "?")
    assert HELP.split("\n")[0] in shown(view, document)
    press(view, "r")
    assert view.order is Order.RATE
    assert HELP.split("\n")[0] not in shown(view, document)
    press(view, "q")
    assert view.has_ended


def test_the_help_fits_into_24_lines_of_80_columns(document: dict[str, Any]) -> None:
    view = View(By.DEVICE)
    press(view, "h")
    assert HELP in shown(view, document)


def test_a_host_without_guests_says_that_nothing_is_here(document: dict[str, Any]) -> None:
    document["devices"] = []
    assert "nothing is here" in shown(View(By.DEVICE), document)
