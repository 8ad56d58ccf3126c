# SPDX-License-Identifier: Apache-2.0
"""Guessing what a mistyped word was meant to be."""

import pytest

from irqaffinity.cli.guess import guess, refuse

KNOWN = ("audit", "agent", "--guest", "--version", "--verbose", "--force")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("audti", "audit"),
        ("AUDIT", "audit"),
        ("aud", "audit"),
        ("agnet", "agent"),
        ("--guset", "--guest"),
        ("--gu", "--guest"),
        ("-guest", "--guest"),
        ("-f", "--force"),
    ],
)
def test_a_word_that_is_like_a_known_one_is_guessed(word: str, meant: str) -> None:
    assert guess(word, KNOWN) == f"; did you mean {meant}?"


@pytest.mark.parametrize("word", ["", "-", "--", "a", "-v", "frobnicate", "x" * 100_000])
def test_nothing_is_guessed_where_nothing_is_like_it_or_two_begin_so(word: str) -> None:
    assert guess(word, KNOWN) == ""


def test_a_refusal_has_the_word_in_one_printable_line_and_all_that_are_known() -> None:
    assert refuse("a column", "irqq", ["irq", "guest"]) == "'irqq' is not a column; did you mean irq? (irq, guest)"
    assert refuse("a column", "\x1b\n" + "x" * 99, ["irq"]) == f"'\\x1b\\x0a{'x' * 38}' is not a column (irq)"
