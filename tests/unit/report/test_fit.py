# SPDX-License-Identifier: Apache-2.0
"""Columns that are cut or left out, so that a line fits into a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irqaffinity.report.fit import Cell, Column, cut, cut_line, lay_out
from irqaffinity.report.width import display_width

COLUMNS = (
    Column("DEVICE"),
    Column("GUEST", least=8, keeps_end=True),
    Column("RATE/S", is_number=True),
    Column("TARGET", least=5, rank=2),
    Column("ARRIVES ON", least=10, rank=1),
)
ROW = [Cell("0000:41:00.1"), Cell("instance-0000002a"), Cell("12"), Cell("3-4,10,12"), Cell("4:12 5:1", is_wrong=True)]


def shown(width: int | None) -> list[str]:
    return ["".join(cell.text for cell in line) for line in lay_out(COLUMNS, [ROW], width)]


def test_where_there_is_room_nothing_is_cut() -> None:
    assert shown(None) == [
        "DEVICE       GUEST             RATE/S TARGET    ARRIVES ON",
        "0000:41:00.1 instance-0000002a     12 3-4,10,12 4:12 5:1",
    ]
    assert shown(58) == shown(None)


def test_what_is_longest_is_cut_first_and_then_columns_are_left_out() -> None:
    assert shown(55)[1] == "0000:41:00.1 inst…-0000002a     12 3-4,10,12 4:12 5:1"
    assert shown(46) == [
        "DEVICE       GUEST    RATE/S TARGET ARRIVES ON",
        "0000:41:00.1 in…0002a     12 3-4,1… 4:12 5:1",
    ]
    assert shown(40) == ["DEVICE       GUEST     RATE/S ARRIVES ON", "0000:41:00.1 in…00002a     12 4:12 5:1"]
    assert shown(28) == ["DEVICE       GUEST    RATE/S", "0000:41:00.1 in…0002a     12"]


def test_what_is_wrong_stays_so_when_it_is_cut() -> None:
    line = cut_line((Cell("all is well, "), Cell("nothing is", is_wrong=True)), 16)
    assert line == (Cell("all is well, "), Cell("no…", is_wrong=True))


@pytest.mark.parametrize(
    ("text", "width", "keeps_end", "expected"),
    [
        ("instance-0000002a", 17, True, "instance-0000002a"),
        ("instance-0000002a", 12, True, "ins…0000002a"),
        ("instance-0000002a", 12, False, "instance-00…"),
        ("instance-0000002a", 1, True, "…"),
        ("instance-0000002a", 0, True, ""),
        ("仮想マシン", 6, False, "仮想…"),
    ],
)
def test_a_text_is_cut_where_it_tells_least(text: str, width: int, keeps_end: bool, expected: str) -> None:
    assert cut(text, width, keeps_end=keeps_end) == expected


@given(text=st.text(alphabet="ab仮想e\u0301-", max_size=30), width=st.integers(0, 20), keeps_end=st.booleans())
def test_nothing_is_wider_than_it_may_be(text: str, width: int, keeps_end: bool) -> None:
    made = cut(text, width, keeps_end=keeps_end)
    assert display_width(made) <= width
    assert made == text or "…" in made or width == 0


@given(width=st.integers(28, 80))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert all(display_width(line) <= width for line in shown(width))
