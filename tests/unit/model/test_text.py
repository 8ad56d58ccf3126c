# SPDX-License-Identifier: Apache-2.0
"""The one function that text from outside passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irqaffinity.model.text import clean


@pytest.mark.parametrize(
    "text", ["", "instance-00000001", "two words", "m1.größe", "名前", "<b>&'\"", "a\\b", "x" * 255, "名" * 255]
)
def test_printable_text_is_untouched(text):
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nERROR b", r"a\x0aERROR b"),
        ("a\r\tb", r"a\x0d\x09b"),
        ("\0", r"\x00"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x9b2J", r"\x9b2J"),
        ("\x7f", r"\x7f"),
        ("a\u202eb", r"a\x202eb"),
        ("\u2066a\u2069", r"\x2066a\x2069"),
        ("\u2028", r"\x2028"),
        ("\u200b", r"\x200b"),
        ("\xa0", r"\xa0"),
        ("\ud800", r"\xd800"),
        ("\U000e0041", r"\xe0041"),
    ],
)
def test_what_does_not_print_is_spelled_out(text, shown):
    assert clean(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * 256, "x" * 254 + "…"),
        ("x" * 100_000, "x" * 254 + "…"),
        ("\n" * 64, r"\x0a" * 63 + r"\x…"),
        ("x" * 255 + "\n", "x" * 254 + "…"),
        ("\n" + "x" * 251, r"\x0a" + "x" * 251),
        ("\n" + "x" * 252, r"\x0a" + "x" * 250 + "…"),
    ],
)
def test_more_than_255_characters_end_in_an_ellipsis(text, shown):
    assert clean(text) == shown


@given(st.text(alphabet=st.characters(), max_size=400))
def test_any_text_becomes_one_short_printable_line_and_stays_so(text):
    shown = clean(text)
    assert shown.isprintable()
    assert len(shown) <= 255
    assert clean(shown) == shown
