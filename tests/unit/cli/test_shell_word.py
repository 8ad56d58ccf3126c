# SPDX-License-Identifier: Apache-2.0
"""Words of bash: what they mean so far, and names of guests put in their place, judged by bash itself."""

import subprocess

import pytest

from irqaffinity.cli.shell_word import read_line

BREAKS = " \t\n\"'><=;|&(:"
"""COMP_WORDBREAKS as bash sets it."""

NAMES = ["web", "my server", "it's", 'b"q', "$(reboot)", "`reboot`", "x;reboot", "a&b", "a|b", "a>b", "(a)", "{a,b}"]
NAMES += [
    "a*",
    "a?[b]",
    "~root",
    "#a",
    "!x",
    "c!d",
    "a\\b",
    "\\",
    "$HOME",
    "e:f",
    "g=h",
    "näme",
    "日本",
    "a\xa0b",
    "''",
    "%1",
]


def meant(words: list[str]) -> list[str]:
    """Return what bash makes of words."""
    line = f"printf '%s\\n' {' '.join(words)}"
    done = subprocess.run(["bash", "--norc", "-c", line], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_bash_takes_what_is_put_there_for_the_name_and_carries_out_nothing(quote: str) -> None:
    words, kept = [], []
    for name in NAMES:
        _, word = read_line(f"irqaffinity explain {quote}", BREAKS)
        assert word is not None
        put = word.replacement(name)
        if put is not None:
            words.append(f"{quote}{put}{quote}")
            kept.append(name)
    assert meant(words) == kept
    assert len(kept) > len(NAMES) / 2
    assert kept == NAMES or quote


@pytest.mark.parametrize(
    ("typed", "before", "value", "put"),
    [
        ("x ", ["x"], "", "my\\ server"),
        ("x my", ["x"], "my", "my\\ server"),
        ("x  my\\ s", ["x"], "my s", "my\\ server"),
        ("x my\\", ["x"], "my", "my\\ server"),
        ("x 'my s", ["x"], "my s", "my server"),
        ('x "my s', ["x"], "my s", "my server"),
    ],
)
def test_the_last_word_is_what_bash_makes_of_it(typed: str, before: list[str], value: str, put: str) -> None:
    words, word = read_line(typed, BREAKS)
    assert (words, word and word.value) == (before, value)
    assert word is not None
    assert word.replacement("my server") == put


@pytest.mark.parametrize("typed", ["x a\\ b", "\"c d\" 'e f'", '"g\\$h\\i\\\\"', "'' x", "a'b c'd\"e\"", "\\\\ 'a\\'"])
def test_the_words_before_are_those_of_bash(typed: str) -> None:
    assert read_line(f"{typed} ", BREAKS)[0] == meant([typed])


@pytest.mark.parametrize(
    ("typed", "whole", "put"),
    [
        ("x 0000:4", "0000:41:00.1", "41:00.1"),
        ("x 0000:41:", "0000:41:00.1", "00.1"),
        ("x 0000\\:4", "0000:41:00.1", "0000:41:00.1"),
        ("x '0000:4", "0000:41:00.1", "0000:41:00.1"),
        ("x --guest=w", "--guest=web", "web"),
        ("x --guest='w", "--guest=web", "web"),
        ("x 0000:4", "0001:41:00.1", None),
    ],
)
def test_bash_replaces_what_stands_behind_the_last_break(typed: str, whole: str, put: str | None) -> None:
    word = read_line(typed, BREAKS)[1]
    assert word is not None
    assert word.replacement(whole) == put


def test_nothing_is_put_where_a_quote_was_closed() -> None:
    assert read_line("x 'my'ser", BREAKS)[1] is None
