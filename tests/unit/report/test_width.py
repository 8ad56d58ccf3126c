# SPDX-License-Identifier: Apache-2.0
"""How wide a text is on a terminal, and where it is broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irqaffinity.report.width import display_width, hang, pad, wrap

TEXT = st.text(st.sampled_from("ab, 测é\u0301-0"), max_size=60)


@pytest.mark.parametrize(
    ("text", "columns"), [("", 0), ("vm-1", 4), ("测试", 4), ("\uff46", 2), ("é", 1), ("e\u0301", 1), ("→", 1)]
)
def test_a_wide_character_takes_two_columns(text: str, columns: int) -> None:
    assert display_width(text) == columns
    assert display_width(pad(text, 6)) == 6


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("a b", None, ["a b"]),
        ("", 5, [""]),
        ("the CPU of vCPU 1", 10, ["the CPU of", "vCPU 1"]),
        ("0-15,64-79 -> 2", 12, ["0-15,64-79", "-> 2"]),
        ("on 0-15,64-79,128", 9, ["on", "0-15,", "64-79,128"]),
        ("abcdefgh i", 3, ["abc", "def", "gh", "i"]),
        ("测试测试", 5, ["测试", "测试"]),
        ("broker        not connected", 20, ["broker        not", "connected"]),
    ],
)
def test_a_text_is_broken_at_spaces_then_commas_then_anywhere(text: str, width: int | None, lines: list[str]) -> None:
    assert wrap(text, width) == lines


@given(TEXT, st.integers(2, 20))
def test_every_line_fits_and_no_character_is_lost(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert [line for line in lines if display_width(line) > width] == []
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_lines_that_follow_are_indented_further() -> None:
    assert hang("one two three", 9, 1, 2) == [" one two", "   three"]
    assert hang("one two three", None, 1, 2) == [" one two three"]
